"""This module matches features of a teacher's critic: what it sees in a student's image and in the teacher's.

Shapes: B batch, N images of the pool, C H W channels, height and width of an image or a map.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gan.compute import Compute
from gan.images import to_unit_range
from gan.networks.critic import Critic, frozen_copy
from gan.training.teacher_pool import TeacherPool

SCALED = 256  # images of the pool that say how large a layer's maps are
_LEAST_SCALE = 1e-6  # of a teacher that always makes the same image


class CriticFeatures:
    """CriticFeatures are a frozen critic's maps behind each LeakyReLU, and one weight or a weight for each of them.

    The distance is the mean over layers l of w_l mean |D_l(g_T(z)) - D_l(g(z))| / s_l, the L1 of features of pix2pixHD
    (Wang et al., 2018, eq. 4), which is a sum and has no s_l. Here s_l = mean |D_l(g_T(z)) - m_l| with m_l the mean
    over the pool's first images, so that always making the best of all single images costs about 1 in each layer, and
    one weight means the same for every critic and at every image size.
    """

    def __init__(
        self, critic: Critic, weights: float | Sequence[float], *, pool: TeacherPool, compute: Compute
    ) -> None:
        self._critic, self._compute = compute.place(frozen_copy(critic)), compute
        _, images_NCHW = pool.read(np.arange(min(SCALED, len(pool))))
        maps = self._maps(to_unit_range(images_NCHW.to(compute.torch_device)))
        each = weights if isinstance(weights, Sequence) else [weights] * len(maps)
        self._factors = [
            weight / (len(maps) * max(_deviation(own).item(), _LEAST_SCALE))
            for weight, own in zip(each, maps, strict=True)
        ]

    def distance(self, student_BCHW: Tensor, teacher_BCHW: Tensor) -> Tensor:
        """Returns the weighted distance, differentiable by the student's images."""
        with torch.no_grad():
            wanted = self._maps(teacher_BCHW)
        found = self._maps(student_BCHW)
        terms = [
            factor * F.l1_loss(own, target)
            for factor, own, target in zip(self._factors, found, wanted, strict=True)
            if factor
        ]
        return torch.stack(terms).sum()

    def _maps(self, images_BCHW: Tensor) -> list[Tensor]:
        with self._compute.forward_passes():
            maps = self._critic.maps(images_BCHW)
        return [own.float() for own in maps]


def _deviation(maps_NCHW: Tensor) -> Tensor:
    return (maps_NCHW - maps_NCHW.mean(dim=0)).abs().mean()
