"""This module tells how well a critic separates real images, which it never learned from, and generated ones.

Shapes: N images, I columns of a generator's inputs, K classes, C H W image channels, height and width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gan.datasets import ImageDataset
from gan.images import to_unit_range
from gan.measuring.evaluation import generate
from gan.networks.critic import DEVIATION_GROUP, Critic
from gan.networks.critic_files import CriticJudgement
from gan.networks.imported import AnyGenerator
from gan.training.losses import ADVERSARIAL, AdversarialName

MOST_JUDGED = 1024  # images of each kind
_BATCH = 64 * DEVIATION_GROUP


def judge_critic(
    critic: Critic,
    generator: AnyGenerator,
    *,
    loss: AdversarialName,
    dataset: ImageDataset,
    inputs_NI: Tensor,
    kimg: float,
) -> CriticJudgement:
    """Returns how the critic judges held-out images of the data set and the generator's at inputs NI, as many of each.

    There are at most 1,024 of a kind. The critic is left as it was.

    >>> inputs_NI = pool_latents(64, 8, seed=1)
    >>> judgement = judge_critic(critic, teacher, loss="hinge", dataset=dataset, inputs_NI=inputs_NI, kimg=0.0)
    >>> judgement.guessing_loss
    2.0
    """
    count = min(MOST_JUDGED, len(inputs_NI), len(dataset.held_out_images))
    index_N = torch.linspace(0, len(dataset.held_out_images) - 1, count).long()  # they may lie class by class
    real_NK, fake_NK = None, None
    if critic.num_classes:
        real_NK = F.one_hot(dataset.held_out_labels[index_N], critic.num_classes).float()
        fake_NK = inputs_NI[:count, -critic.num_classes :]
    real_N = _scores(critic, dataset.held_out_images[index_N], classes_NK=real_NK)
    fake_N = _scores(critic, generate(generator, inputs_NI[:count]), classes_NK=fake_NK)
    accuracy, error = pairwise_accuracy(real_N, fake_N)
    critics, alike = ADVERSARIAL[loss].critic, torch.zeros(1)
    return CriticJudgement(
        kimg=kimg,
        accuracy=accuracy,
        accuracy_error=error,
        loss=critics(real_N, fake_N).item(),
        guessing_loss=critics(alike, alike).item(),
    )


def pairwise_accuracy(real_N: Tensor, fake_M: Tensor) -> tuple[float, float]:
    """Returns the share of pairs with the higher score on the real side, ties by half, and its error where it is 0.5.

    It is the area under the ROC curve, which takes no threshold: scores of a critic have any offset. The error is that
    of Mann & Whitney (1947), which holds where scores say nothing.
    """
    difference_NM = real_N[:, None] - fake_M[None]
    share = (difference_NM > 0).double().mean() + 0.5 * (difference_NM == 0).double().mean()
    n, m = len(real_N), len(fake_M)
    return share.item(), float(((n + m + 1) / (12 * n * m)) ** 0.5)


@torch.no_grad()
def _scores(critic: Critic, images_NCHW: Tensor, *, classes_NK: Tensor | None) -> Tensor:
    """Returns the scores N of uint8 images, on the CPU."""
    device, was_training, found = next(critic.parameters()).device, critic.training, []
    critic.eval()  # in training every look at a weight moves the estimate of its norm
    for start in range(0, len(images_NCHW), _BATCH):
        part = slice(start, start + _BATCH)
        classes_BK = None if classes_NK is None else classes_NK[part].to(device)
        found.append(critic(to_unit_range(images_NCHW[part]).to(device), classes_BK).cpu())
    critic.train(was_training)
    return torch.cat(found)
