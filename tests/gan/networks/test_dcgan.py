from typing import get_args

import pytest
import torch
from pydantic import ValidationError

from gan import GeneratorConfig, build_generator, count_parameters, mac_g
from gan.images import ImageSize
from gan.networks.critic import CriticConfig, build_critic


@pytest.mark.parametrize(
    ("width", "parameters"),
    [
        # The table of PAPER.md: 3 channels, 64x64, latent 100.
        (2, 28_444),
        (4, 62_264),
        (8, 146_032),
        (16, 378_080),
        (32, 1_100_224),
        (64, 3_576_704),
        (128, 12_658_432),
        (256, 47_336_960),
    ],
)
def test_the_papers_generators_have_the_papers_sizes(width: int, parameters: int) -> None:
    assert count_parameters(GeneratorConfig(image_size=64, image_channels=3, width=width)) == parameters


SIZES = [16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256]


def test_sizes_are_all_doublings_of_a_first_map_of_4_to_7_pixels() -> None:
    assert [size for size in range(257) if size in get_args(ImageSize)] == SIZES
    assert sorted(b * 2**k for b in (4, 5, 6, 7) for k in range(2, 7) if b * 2**k <= 256) == SIZES


@pytest.mark.parametrize("image_size", SIZES)
@pytest.mark.parametrize(("channels", "depth", "block"), [(1, 1, "separable"), (3, 2, "dcgan"), (1, 1, "resize")])
def test_images_have_the_configured_shape_and_range(image_size: int, channels: int, depth: int, block: str) -> None:
    config = GeneratorConfig.model_validate(
        {
            "image_size": image_size,
            "image_channels": channels,
            "width": 1,
            "depth": depth,
            "block": block,
            "latent_size": 5,
        }
    )
    images = build_generator(config, seed=0)(torch.randn(3, 5))
    assert images.shape == (3, channels, image_size, image_size)
    assert images.abs().max() <= 1
    scores = build_critic(CriticConfig(width=2), config, norm="spectral", seed=0)(images)
    assert scores.shape == (3,)


@pytest.mark.parametrize("image_size", [16, 64])
def test_separable_blocks_make_the_same_images_of_fewer_parameters(image_size: int) -> None:
    dcgan = GeneratorConfig(image_size=image_size, image_channels=3, width=8, depth=2)
    separable = dcgan.model_copy(update={"block": "separable"})
    images = build_generator(separable, seed=0)(torch.randn(3, 100))
    assert images.shape == (3, 3, image_size, image_size)
    assert count_parameters(separable) < count_parameters(dcgan) / 3
    assert mac_g(separable) < mac_g(dcgan) / 3


def test_the_cost_of_separable_blocks_is_their_closed_form() -> None:
    config = GeneratorConfig(image_size=16, image_channels=1, width=4, depth=2, latent_size=10, block="separable")
    # 10 -> 4 * 8 and 16 a channel; 8 -> 4 and 16 a channel; refinements of 9 a channel and a mixing matrix.
    kernels = 10 * 32 + 32 * 16 + (9 * 8 + 8 * 8) + (8 * 4 + 4 * 16) + (9 * 4 + 4 * 4) + 4 * 16
    assert count_parameters(config) == kernels + 2 * (8 + 8 + 4 + 4)
    at_4x4 = 16 * (9 * 8 + 8 * 8 + 8 * 4 + 4 * 16)
    assert mac_g(config) == pytest.approx((10 * 32 + 32 * 16 + at_4x4 + 64 * (9 * 4 + 4 * 4 + 4 * 16)) / 1e9)


def test_a_critic_without_spectral_norm_has_plain_weights() -> None:
    images = GeneratorConfig(image_size=16, image_channels=1, width=2)
    plain, spectral = (build_critic(CriticConfig(width=4), images, norm=norm, seed=0) for norm in ("none", "spectral"))
    for critic, held in ((plain, False), (spectral, True)):
        matrix = critic.layers[2].weight.flatten(1)  # type: ignore[union-attr, operator]
        for _ in range(30):
            critic.train()(torch.randn(2, 1, 16, 16))  # the norm's power iteration settles
            matrix = critic.layers[2].weight.flatten(1)  # type: ignore[union-attr, operator]
        assert (abs(torch.linalg.matrix_norm(matrix, 2).item() - 1) < 0.05) == held


def test_depth_adds_convolutions_at_each_hidden_stage() -> None:
    def parameters(depth: int) -> int:
        return count_parameters(GeneratorConfig(image_size=16, image_channels=1, width=4, depth=depth))

    # Per extra layer: 3x3 convolutions on 8 and on 4 channels with two BatchNorm parameters a channel.
    extra = 9 * 8 * 8 + 2 * 8 + 9 * 4 * 4 + 2 * 4
    assert parameters(2) - parameters(1) == parameters(3) - parameters(2) == extra


def test_a_first_map_of_seven_pixels_makes_28_in_two_doublings() -> None:
    config = GeneratorConfig(image_size=28, image_channels=1, width=4, latent_size=10)
    kernels = 10 * 8 * 49 + 8 * 4 * 16 + 4 * 16
    assert count_parameters(config) == kernels + 2 * (8 + 4)
    assert mac_g(config) == pytest.approx((10 * 8 * 49 + 8 * 4 * 16 * 49 + 4 * 16 * 196) / 1e9)
    critic = build_critic(CriticConfig(width=4), config, norm="none", seed=0)
    assert [tuple(weight.shape[1:]) for weight in critic.parameters() if weight.ndim == 4] == [
        (1, 4, 4),
        (4, 4, 4),
        (8, 7, 7),
    ]


def test_mac_counts_each_convolution() -> None:
    config = GeneratorConfig(image_size=16, image_channels=1, width=4, latent_size=10)
    # A transposed convolution does in*out*k*k per input pixel: 10->8 at 1x1, 8->4 at 4x4, 4->1 at 8x8.
    expected = 10 * 8 * 16 * 1 + 8 * 4 * 16 * 16 + 4 * 1 * 16 * 64
    assert mac_g(config) == pytest.approx(expected / 1e9)


def test_weights_depend_on_the_seed_alone() -> None:
    config = GeneratorConfig(image_size=16, image_channels=1, width=4)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first = build_generator(config, seed=5)
    assert torch.equal(torch.random.get_rng_state(), state), "the global generator was disturbed"
    torch.manual_seed(2)
    again, other = build_generator(config, seed=5), build_generator(config, seed=6)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


@pytest.mark.parametrize(
    "mistake", [{"width": 0}, {"depth": 0}, {"image_size": 8}, {"image_size": 30}, {"widht": 4}, {"width": "4"}]
)
def test_a_config_is_checked_at_birth(mistake: dict[str, object]) -> None:
    values = {"image_size": 16, "image_channels": 1, "width": 4, **mistake}
    with pytest.raises(ValidationError):
        GeneratorConfig.model_validate(values)
