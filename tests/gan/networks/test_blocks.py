"""What a generator's blocks cost, counted by hand and by PyTorch, and that each can be exported and trains.

In the formulas: R patterns a channel of a separable first map, a and b channels of the stages of a grey 16x16 image.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.utils.flop_counter import FlopCounterMode

from gan import DistillationConfig, GeneratorConfig, Lesson, build_generator, count_parameters, distill, mac_g
from gan.datasets import ImageDataset
from gan.networks.blocks import BLOCKS, UNFOLD_RANK
from gan.training.teacher_pool import TeacherPool

INPUTS, R, RANK = 10, UNFOLD_RANK, 5
HALVED, OWN = (8, 4), (6, 5)


def configured(image_size: int = 16, **given: Any) -> GeneratorConfig:
    shape = {"image_size": image_size, "image_channels": 1, "latent_size": INPUTS}
    return GeneratorConfig.model_validate({"width": 4, **shape, **given})


def first_layer(block: str, *, inputs: int, a: int) -> tuple[int, int]:
    """Parameters and multiply-accumulates of what unfolds the inputs to a 4x4 map of `a` channels."""
    if block == "separable":
        return inputs * R * a + R * a * 16, inputs * R * a + R * a * 16
    return inputs * a * 16, inputs * a * 16


def the_others(block: str, *, a: int, b: int) -> tuple[int, int]:
    """Those of the other layers at depth 2: refine a at 4x4, double to b, refine b at 8x8, and paint 16x16."""
    if block == "separable":
        kernels = 9 * a + a * a, a * b + 16 * b, 9 * b + b * b, 16 * b
        return sum(kernels), 16 * (kernels[0] + kernels[1]) + 64 * (kernels[2] + kernels[3])
    if block == "resize":
        kernels = 9 * a * a, 9 * a * b, 9 * b * b, 9 * b
        return sum(kernels), 16 * kernels[0] + 64 * (kernels[1] + kernels[2]) + 256 * kernels[3]
    kernels = 9 * a * a, 16 * a * b, 9 * b * b, 16 * b
    return sum(kernels), 16 * (kernels[0] + kernels[1]) + 64 * (kernels[2] + kernels[3])


@pytest.mark.parametrize("widths", [HALVED, OWN])
@pytest.mark.parametrize("rank", [None, RANK])
@pytest.mark.parametrize("block", BLOCKS)
def test_the_cost_is_its_closed_form(block: str, rank: int | None, widths: tuple[int, int]) -> None:
    a, b = widths
    stages = {} if widths == HALVED else {"stage_widths": widths}
    config = configured(block=block, depth=2, width=b, first_layer_rank=rank, **stages)
    first, others = first_layer(block, inputs=rank or INPUTS, a=a), the_others(block, a=a, b=b)
    projection = INPUTS * rank if rank else 0
    batch_norm = 2 * (2 * a + 2 * b)
    assert count_parameters(config) == projection + first[0] + others[0] + batch_norm
    assert round(1e9 * mac_g(config)) == projection + first[1] + others[1]


@pytest.mark.parametrize("image_size", [16, 28, 64])
@pytest.mark.parametrize("rank", [None, RANK])
@pytest.mark.parametrize("block", BLOCKS)
def test_pytorch_counts_as_many_multiplications(block: str, rank: int | None, image_size: int) -> None:
    config = configured(image_size, block=block, depth=2, first_layer_rank=rank)
    generator = build_generator(config, seed=0).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        generator(torch.randn(1, INPUTS))
    assert counter.get_total_flops() == round(2e9 * mac_g(config))
    assert sum(parameter.numel() for parameter in generator.parameters()) == count_parameters(config)


@pytest.mark.parametrize(
    ("width", "depth", "rank", "parameters"),
    [(4, 2, None, 9_536), (4, 2, 16, 4_416), (3, 2, 16, 3_337), (4, 2, 8, 2_880)],
)
def test_most_of_a_small_generator_is_its_first_layer(
    width: int, depth: int, rank: int | None, parameters: int
) -> None:
    config = configured(width=width, depth=depth, latent_size=64, first_layer_rank=rank)
    assert count_parameters(config) == parameters


@pytest.mark.parametrize("image_size", [16, 28])
@pytest.mark.parametrize("block", BLOCKS)
def test_the_greatest_rank_is_the_last_that_saves_a_parameter(block: str, image_size: int) -> None:
    whole = configured(image_size, block=block)
    parameters = count_parameters(whole)
    for rank in range(1, whole.greatest_rank + 1):
        assert count_parameters(whole.model_copy(update={"first_layer_rank": rank})) < parameters
    assert count_parameters(whole.model_copy(update={"first_layer_rank": whole.greatest_rank + 1})) >= parameters


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"first_layer_rank": 0}, "greater than or equal to 1"),
        (
            {"first_layer_rank": 16},
            r"at most 9 here, got 16: its two factors have 2,208 parameters, .* has 1,280; lower",
        ),
        ({"stage_widths": (6, 5)}, "width is the last of stage_widths, 5, got 4"),
        ({"stage_widths": (8, 4)}, r"stage_widths \(8, 4\) are those of width 4; leave them out"),
        ({"stage_widths": (6, 4, 4)}, "one width for each of the 2 stages of 16 pixels, got 3"),
        ({"stage_widths": ()}, "one width for each of the 2 stages of 16 pixels, got 0"),
        ({"stage_widths": (0, 4)}, "greater than or equal to 1"),
        ({"stage_widths": (6.0, 4)}, "valid integer"),
        ({"block": "resized"}, "'dcgan', 'separable' or 'resize'"),
    ],
)
def test_what_saves_nothing_or_is_said_twice_is_refused(mistake: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        configured(**mistake)


def test_what_is_not_used_is_no_part_of_a_configuration() -> None:
    assert not {"first_layer_rank", "stage_widths"} & configured().model_dump().keys()
    factored = configured(stage_widths=(6, 4), first_layer_rank=3)
    assert GeneratorConfig.model_validate_json(factored.model_dump_json()) == factored


@pytest.mark.parametrize("rank", [1, 5, 40])
@pytest.mark.parametrize("block", [name for name in BLOCKS if name != "separable"])
def test_a_factored_first_layer_gives_the_signal_of_a_whole_one(block: str, rank: int) -> None:
    """Whatever the rank: BatchNorm divides by the signal's scale, but not where it is small beside its epsilon."""
    config = configured(128, block=block, width=16, latent_size=64, first_layer_rank=rank)
    layers = build_generator(config, seed=0).layers
    before_norm = next(place for place, layer in enumerate(layers) if isinstance(layer, torch.nn.BatchNorm2d))
    signal = layers[:before_norm](torch.randn(500, 64, 1, 1, generator=torch.Generator().manual_seed(0)))
    assert signal.std().item() == pytest.approx(0.02 * 64**0.5, rel=0.5 if rank == 1 else 0.2)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_generator_can_be_exported(block: str, tmp_path: Path) -> None:
    generator = build_generator(configured(block=block, depth=2, first_layer_rank=RANK), seed=0).eval()
    example, latents = torch.randn(2, INPUTS), torch.randn(7, INPUTS)
    with torch.no_grad():
        torch.jit.save(torch.jit.trace(generator, example), tmp_path / "traced.pt")
        program = torch.export.export(generator, (example,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
        torch.export.save(program, tmp_path / "exported.pt2")
        traced = torch.jit.load(tmp_path / "traced.pt")
        exported = torch.export.load(tmp_path / "exported.pt2").module()
        for other in (traced, exported):
            torch.testing.assert_close(other(latents), generator(latents))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_low_rank_learns(block: str, pool: TeacherPool, digits: ImageDataset) -> None:
    student = configured(block=block, latent_size=8, stage_widths=(10, 4), first_layer_rank=5)
    recipe = DistillationConfig(kimg=1.0)
    first, *_, last = distill(student, recipe, lesson=Lesson(pool, digits), seed=0, report_at_kimg=[0.1, 0.5])
    assert last.losses["mse"] < 0.7 * first.losses["mse"]


def test_upsampling_repeats_each_pixel() -> None:
    double, _ = BLOCKS["resize"].double(1, 1)
    assert double(torch.tensor([[[[1.0, 2.0]]]])).tolist() == [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
