from collections.abc import Sequence
from functools import partial
from typing import Any, get_args

import pytest
import torch
from torch import nn

from gan import CriticConfig, GeneratorConfig, build_generator
from gan.networks.blocks import BLOCKS
from gan.networks.critic import CriticNorm, build_critic
from gan.networks.fused_layers import apart, run_fused, side_by_side

STUDENT = GeneratorConfig(image_size=16, image_channels=1, width=2, latent_size=8)
LOW_RANK = {"first_layer_rank": 3, "stage_widths": (5, 2)}


def builders(student: GeneratorConfig) -> dict[str, partial[Any]]:
    """All networks that there are."""
    return {
        **{
            block: partial(build_generator, student.model_copy(update={"depth": 2, "block": block})) for block in BLOCKS
        },
        **{
            f"{block} of low rank": partial(build_generator, student.model_copy(update={"block": block, **LOW_RANK}))
            for block in BLOCKS
        },
        **{
            f"critic {norm} of {classes} classes": partial(
                build_critic, CriticConfig(width=4), student, norm=norm, num_classes=classes
            )
            for norm in get_args(CriticNorm)
            for classes in (0, 3)
        },
        "critic of a gain, with deviation": partial(
            build_critic, CriticConfig(width=4, gain=3.0, minibatch_deviation=True), student, norm="spectral"
        ),
    }


@pytest.mark.parametrize("size", [16, 28])
@pytest.mark.parametrize("name", builders(STUDENT))
def test_outputs_gradients_and_statistics_are_those_of_each_network_alone(name: str, size: int) -> None:
    build = builders(STUDENT.model_copy(update={"image_size": size}))[name]
    shape = (8, 1, size, size) if "critic" in name else (8, 8, 1, 1)
    random = torch.Generator().manual_seed(0)
    inputs = [torch.randn(shape, dtype=torch.float64, generator=random).requires_grad_() for _ in range(3)]
    alone, together = ([build(seed=seed).layers.double().train() for seed in range(3)] for _ in range(2))
    outputs = [network(x) for network, x in zip(alone, inputs, strict=True)]
    _sum_of_cubes(outputs).backward()
    gradients = [x.grad for x in inputs]
    for x in inputs:
        x.grad = None
    fused_outputs = apart(run_fused(together, side_by_side(inputs)), 3)
    _sum_of_cubes(fused_outputs).backward()
    torch.testing.assert_close(list(fused_outputs), outputs)
    torch.testing.assert_close([x.grad for x in inputs], gradients)
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one.state_dict(), other.state_dict())
        torch.testing.assert_close([p.grad for p in one.parameters()], [p.grad for p in other.parameters()])


def _sum_of_cubes(outputs: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.stack([output.pow(3).sum() for output in outputs]).sum()


def test_a_layer_without_a_fused_twin_is_refused() -> None:
    with pytest.raises(AssertionError):
        run_fused([nn.Sequential(nn.Linear(2, 2))], torch.zeros(1, 2, 1, 1))
