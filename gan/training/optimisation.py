"""This module has the optimiser with its schedule, and the running average of a generator's weights."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from gan.config import Config

STATISTICS_IMAGES, STATISTICS_BATCH = 2048, 128  # that standing statistics are measured on
BatchNormStatistics = Literal["standing", "running"]


class OptimiserConfig(Config):
    """An OptimiserConfig describes Adam with linear warm-up and cosine decay, both counted in images seen.

    >>> OptimiserConfig(learning_rate=0.1, warmup_kimg=10).rate_at(5, 100)
    0.05
    """

    learning_rate: Annotated[float, Field(gt=0, le=1)]
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.99
    warmup_kimg: Annotated[float, Field(ge=0)] = 0.0
    final_fraction: Annotated[float, Field(ge=0, le=1)] = 1.0  # of learning_rate, at the end

    def rate_at(self, kimg: float, budget_kimg: float) -> float:
        """Returns the learning rate after `kimg` of `budget_kimg` thousand images."""
        warmup = min(1.0, kimg / self.warmup_kimg) if self.warmup_kimg else 1.0
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, kimg / budget_kimg)))
        return self.learning_rate * warmup * (self.final_fraction + (1 - self.final_fraction) * cosine)


def build_adam(config: OptimiserConfig, module: nn.Module) -> torch.optim.Adam:
    """Returns Adam over the parameters of `module`, in one fused kernel."""
    return torch.optim.Adam(
        module.parameters(), lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=True
    )


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the learning rate `rate`."""
    for group in optimiser.param_groups:
        group["lr"] = rate


class ScheduledOptimiser:
    """A ScheduledOptimiser is Adam on one module, and follows its configured schedule."""

    def __init__(self, config: OptimiserConfig, module: nn.Module) -> None:
        self.config, self.adam = config, build_adam(config, module)

    def set_progress(self, kimg: float, budget_kimg: float) -> None:
        """Bring the learning rate to where the training stands."""
        set_rate(self.adam, self.config.rate_at(kimg, budget_kimg))

    def state(self) -> dict[str, Tensor]:
        """Returns Adam's moments and step counts, by number of the parameter."""
        moments = self.adam.state_dict()["state"]
        return {f"{number}.{name}": value for number, own in moments.items() for name, value in own.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from what `state` returned."""
        for number, parameter in enumerate(self.adam.param_groups[0]["params"]):
            moments = {name.partition(".")[2]: value for name, value in state.items() if _number(name) == number}
            # In the layout of the parameter, which the fused kernel expects.
            self.adam.state[parameter] = {
                name: value.to(parameter.device) if value.dim() == 0 else torch.empty_like(parameter).copy_(value)
                for name, value in moments.items()
            }


def measure_statistics(generator: nn.Module, inputs_NI: Tensor) -> None:
    """Gives a generator the BatchNorm statistics of its own maps at `inputs_NI`: the mean of those of its batches.

    They are the standing statistics of Brock et al., 2019, as PyTorch makes them for averaged weights.
    """
    update_bn(inputs_NI.split(STATISTICS_BATCH), generator)


def step_together(optimisers: Sequence[ScheduledOptimiser], losses: Sequence[Tensor]) -> None:
    """Takes one Adam step of each, on the gradient of the sum of `losses` by all their parameters.

    Gradients do not mix where each loss depends on the parameters of one optimiser.
    """
    for optimiser in optimisers:
        optimiser.adam.zero_grad()
    torch.autograd.backward(list(losses))
    for optimiser in optimisers:
        optimiser.adam.step()


def _number(name: str) -> int:
    return int(name.partition(".")[0])


class MovingAverage:
    """A MovingAverage follows a module's weights exponentially, with a half-life in thousands of images.

    While fewer images than the half-life were seen, the half-life is a twentieth of those seen, so
    that short runs are not averages of their first weights (Karras et al., 2020, appendix).
    BatchNorm's running statistics are copied. They are of the module, whose maps are not those of the averaged weights:
    `measure_statistics` gives the average its own.
    """

    def __init__(self, module: nn.Module, halflife_kimg: float) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(requires_grad=False)
        self.halflife_kimg = halflife_kimg
        self._pairs = list(zip(self.module.parameters(), module.parameters(), strict=True))
        self._buffers = list(zip(self.module.buffers(), module.buffers(), strict=True))

    @torch.no_grad()
    def update(self, kimg_seen: float, kimg_step: float, *, at_once: bool = False) -> None:
        """Moves towards the module's weights, `kimg_step` after the last update; `at_once` becomes them."""
        halflife = min(self.halflife_kimg, kimg_seen / 20)
        decay = 0.5 ** (kimg_step / halflife) if halflife > 0 and not at_once else 0.0
        averages, weights = zip(*self._pairs, strict=True)
        torch._foreach_lerp_(averages, weights, 1 - decay)
        for average, buffer in self._buffers:
            average.copy_(buffer)
