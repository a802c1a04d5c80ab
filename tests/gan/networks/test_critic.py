import math
from functools import partial
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan import AdversarialConfig, CriticConfig, DistillationConfig, GanTrainingConfig, GeneratorConfig
from gan.networks.convolutions import ImageToMap, MapToScore
from gan.networks.critic import Critic, CriticNorm, build_critic, with_deviation
from gan.seeds import build_seeded

IMAGES = GeneratorConfig(image_size=32, image_channels=3, width=2)


def random_images(count: int, *, seed: int = 0, size: int = 32) -> Tensor:
    return 2 * torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) - 1


def plain(width: int, *, norm: CriticNorm) -> nn.Sequential:
    """Returns the layers of a critic for 32x32 images in colour, written out, with three classes."""
    held = spectral_norm if norm == "spectral" else lambda layer: layer
    return nn.Sequential(
        held(ImageToMap(3, width)),
        nn.LeakyReLU(0.2),
        held(nn.Conv2d(width, 2 * width, 4, 2, 1)),
        nn.LeakyReLU(0.2),
        held(nn.Conv2d(2 * width, 4 * width, 4, 2, 1)),
        nn.LeakyReLU(0.2),
        held(MapToScore(4 * width, 4, side=4)),
    )


@pytest.mark.parametrize("norm", ["spectral", "none"])
def test_a_critic_without_gain_and_deviation_is_the_one_written_out_to_the_last_bit(norm: CriticNorm) -> None:
    critic = build_critic(CriticConfig(width=4), IMAGES, norm=norm, seed=3, num_classes=3)
    expected = build_seeded(3, lambda: plain(4, norm=norm))
    assert list(critic.layers.state_dict()) == list(expected.state_dict())
    images = random_images(6)
    for _ in range(2):  # in training the norm's power iteration goes on
        assert torch.equal(critic.layers(images), expected(images))


def test_the_names_of_a_critics_tensors_are_those_in_checkpoints_whatever_its_gain() -> None:
    names = [
        f"layers.{number}.{name}"
        for number in (0, 2, 4, 6)
        for name in ("bias", "parametrizations.weight.original", "parametrizations.weight.0._u")
    ]
    for gain in (1.0, 3.0):
        critic = build_critic(CriticConfig(width=4, gain=gain), IMAGES, norm="spectral", seed=0)
        found = [name for name in critic.state_dict() if not name.endswith("_v")]
        assert found == names


def test_a_gain_of_three_and_one_are_the_same_weights_scaled() -> None:
    one, three = (
        build_critic(CriticConfig(width=4, gain=gain), IMAGES, norm="spectral", seed=0) for gain in (1.0, 3.0)
    )
    three.load_state_dict(one.state_dict())
    for ours, theirs in zip(_convolutions(one.eval()), _convolutions(three.eval()), strict=True):
        torch.testing.assert_close(3 * ours.weight, theirs.weight)


@pytest.mark.parametrize("gain", [0.5, 1.0, 3.0])
def test_the_largest_singular_value_of_each_layer_is_the_gain(gain: float) -> None:
    critic = build_critic(CriticConfig(width=4, gain=gain), IMAGES, norm="spectral", seed=0).train()
    for _ in range(200):  # the norm's power iteration settles
        critic(random_images(2))
    for layer in _convolutions(critic.eval()):
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        assert largest == pytest.approx(gain, rel=1e-3)


def _convolutions(critic: Critic) -> list[nn.Conv2d]:
    return [layer for layer in critic.layers if isinstance(layer, nn.Conv2d)]


def test_the_deviation_of_a_group_is_its_closed_form() -> None:
    # Four images of one channel and two pixels; over them the values 0, 0, 2, 2 and 1, 1, 1, 5: deviations 1, sqrt(3).
    maps = torch.tensor([[0.0, 1.0], [0.0, 1.0], [2.0, 1.0], [2.0, 5.0]]).view(4, 1, 1, 2)
    found = with_deviation(torch.cat([maps, torch.full((4, 1, 1, 2), 7.0)]))
    assert found.shape == (8, 2, 1, 2)
    assert torch.equal(found[:, :1], torch.cat([maps, torch.full((4, 1, 1, 2), 7.0)]))
    torch.testing.assert_close(found[:4, 1:], torch.full((4, 1, 1, 2), (1 + math.sqrt(3)) / 2))
    torch.testing.assert_close(found[4:, 1:], torch.full((4, 1, 1, 2), 1e-4))


def test_the_deviation_is_the_formula_written_out() -> None:
    maps = torch.randn(12, 5, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = with_deviation(maps)
    for group in range(3):
        images = [maps[4 * group + number] for number in range(4)]
        mean = sum(images) / 4
        deviation = (sum((image - mean) ** 2 for image in images) / 4 + 1e-8).sqrt().mean()
        torch.testing.assert_close(found[4 * group : 4 * group + 4, 5], deviation.expand(4, 3, 3))


def test_a_batch_that_is_no_multiple_of_four_is_one_group() -> None:
    maps = torch.randn(6, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    expected = (maps.var(dim=0, correction=0) + 1e-8).sqrt().mean()
    torch.testing.assert_close(with_deviation(maps)[:, 2], expected.expand(6, 2, 2))


def test_a_critic_with_deviation_sees_that_images_are_alike() -> None:
    critic = build_critic(CriticConfig(width=4, minibatch_deviation=True), IMAGES, norm="none", seed=0).eval()
    different = random_images(8)
    alike = different[:1].expand(8, 3, 32, 32)
    # The first image is the same in both batches; only its neighbours differ.
    assert critic(different)[0] != critic(alike)[0]
    without = build_critic(CriticConfig(width=4), IMAGES, norm="none", seed=0).eval()
    torch.testing.assert_close(without(different)[0], without(alike)[0])


@pytest.mark.parametrize("deviation", [False, True])
def test_maps_are_those_behind_each_leaky_relu(deviation: bool) -> None:
    config = CriticConfig(width=4, gain=2.0, minibatch_deviation=deviation)
    critic, images = build_critic(config, IMAGES, norm="spectral", seed=0).eval(), random_images(4)
    maps = critic.maps(images)
    assert [tuple(each.shape) for each in maps] == [(4, 4, 16, 16), (4, 8, 8, 8), (4, 16, 4, 4)]
    steps = [images, *maps]
    convolutions = _convolutions(critic)
    for (before, after), convolution in zip(pairwise(steps), convolutions, strict=False):
        torch.testing.assert_close(after, nn.functional.leaky_relu(convolution(before), 0.2))
    last = with_deviation(maps[-1]) if deviation else maps[-1]
    torch.testing.assert_close(convolutions[-1](last).flatten(), critic(images))


def test_new_fields_are_left_out_of_dumps_at_their_defaults() -> None:
    assert CriticConfig(width=8).model_dump() == {"width": 8}
    full = CriticConfig(width=8, gain=3.0, minibatch_deviation=True)
    assert CriticConfig.model_validate(full.model_dump()) == full


def test_a_gain_without_the_norm_that_it_is_of_is_refused() -> None:
    assert AdversarialConfig(loss="hinge", critic=CriticConfig(gain=3.0)).norm == "spectral"
    with pytest.raises(ValidationError, match=r"critic.gain is of spectral normalisation, .* got 3; leave it out"):
        AdversarialConfig(loss="wgan-gp", critic=CriticConfig(gain=3.0))


def test_a_batch_of_which_a_group_would_be_real_and_generated_is_refused() -> None:
    adversarial = AdversarialConfig(critic=CriticConfig(minibatch_deviation=True))
    assert GanTrainingConfig(kimg=1.0, batch_size=52, adversarial=adversarial).batch_size == 52
    assert DistillationConfig(kimg=1.0, batch_size=50, adversarial=adversarial).gan_weight == 0
    for make in (partial(GanTrainingConfig, kimg=1.0), partial(DistillationConfig, kimg=1.0, gan_weight=0.1)):
        with pytest.raises(ValidationError, match=r"batch_size is a multiple of 4 where .* got 50"):
            make(batch_size=50, adversarial=adversarial)
