"""What a generator takes: latents of a distribution, and classes behind them."""

import math

import pytest
import torch
from pydantic import ValidationError

from gan import GeneratorConfig, LatentSpace, agreement_latents, build_generator, evaluation_latents, pool_latents
from gan.measuring.agreement import POINTS, SINGLE
from gan.seeds import generator_at


def space(distribution: str, bound: float | None = None, **values: int) -> LatentSpace:
    given = {"latent_size": 50, "latent_distribution": distribution, "latent_bound": bound, **values}
    return LatentSpace.model_validate(given)


def test_normal_latents_are_those_of_their_stream() -> None:
    expected = torch.randn(64, 8, generator=generator_at(3, "pool"))
    assert torch.equal(pool_latents(64, 8, seed=3), expected)
    conditional = LatentSpace(latent_size=8, num_classes=5)
    assert torch.equal(pool_latents(64, conditional, seed=3)[:, :8], expected), "classes have a stream of their own"
    assert torch.equal(evaluation_latents(64, 8, seed=3), torch.randn(64, 8, generator=generator_at(3, "evaluation")))


@pytest.mark.parametrize(
    ("drawn", "bound", "variance"),
    [
        (space("normal"), math.inf, 1.0),
        (space("uniform"), 1.0, 1 / 3),
        (space("uniform", 3.0), 3.0, 3.0),
        # 1 - 2 b phi(b) / (2 Phi(b) - 1)
        (space("truncated-normal"), 2.0, 0.7737),
        (space("truncated-normal", 0.5), 0.5, 0.0806),
        (space("sphere"), math.sqrt(50), 1.0),
        (space("sphere", 1.0), 1.0, 1 / 50),
    ],
)
def test_a_distribution_has_its_bound_and_its_moments(drawn: LatentSpace, bound: float, variance: float) -> None:
    latents = drawn.inputs(4000, seed=0)
    assert latents.dtype == torch.float32
    assert latents.abs().max() <= bound
    assert latents.mean().item() == pytest.approx(0, abs=0.01 * math.sqrt(variance))
    assert latents.var().item() == pytest.approx(variance, rel=0.02)
    if drawn.latent_distribution == "sphere":
        torch.testing.assert_close(latents.norm(dim=1), torch.full((4000,), bound))


def test_classes_are_drawn_by_their_shares_and_stand_behind_the_latents() -> None:
    conditional = LatentSpace(latent_size=2, num_classes=3)
    classes = conditional.inputs(20_000, seed=0, shares=(0.7, 0.0, 0.3))[:, 2:]
    assert torch.equal(classes.sum(dim=1), torch.ones(20_000))
    assert classes.mean(dim=0).tolist() == pytest.approx([0.7, 0.0, 0.3], abs=0.01)
    equal = conditional.inputs(20_000, seed=0)[:, 2:].mean(dim=0)
    assert equal.tolist() == pytest.approx(3 * [1 / 3], abs=0.02)


def test_lines_keep_their_class_and_stay_in_their_space() -> None:
    sphere = space("sphere", num_classes=4)
    inputs = agreement_latents(sphere, seed=1)
    torch.testing.assert_close(inputs[:, :50].norm(dim=1), torch.full((len(inputs),), math.sqrt(50)))
    lines = inputs[SINGLE:, 50:].unflatten(0, (-1, POINTS))
    assert torch.equal(lines, lines[:, :1].expand_as(lines))
    assert len(lines[:, 0].argmax(dim=1).unique()) == 4


def test_what_is_as_it_always_was_is_stored_as_it_always_was() -> None:
    config = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8)
    keys = {"image_size", "image_channels", "width", "depth", "block", "latent_size"}
    assert set(config.model_dump(mode="json")) == keys
    conditional = config.model_copy(update={"num_classes": 3, "latent_distribution": "uniform"})
    assert GeneratorConfig.model_validate_json(conditional.model_dump_json()) == conditional
    assert build_generator(conditional, seed=0)(conditional.inputs(4, seed=0)).shape == (4, 1, 16, 16)


def test_a_bound_of_a_normal_latent_is_refused() -> None:
    with pytest.raises(ValidationError, match="latent_bound is of a uniform"):
        space("normal", 2.0)
