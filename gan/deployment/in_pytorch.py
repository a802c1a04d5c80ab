"""This module gives generators as PyTorch runs them, for the measurement of times.

Shapes: N batch, I columns of a generator's inputs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType

import torch

from gan.networks.imported import AnyGenerator


def eager(generator: AnyGenerator, batch: int) -> Callable[[], object]:
    """Returns a call of a generator in PyTorch as it is, for `latencies`.

    >>> eager(teacher, batch=3)().shape
    torch.Size([3, 1, 16, 16])
    """
    inputs_NI = generator.config.inputs(batch, "latency", seed=0)

    @torch.inference_mode()
    def run() -> torch.Tensor:
        images: torch.Tensor = generator(inputs_NI)
        return images

    return run


def compiled(generator: AnyGenerator, batch: int) -> Callable[[], object]:
    """Returns a call of a generator as torch.compile makes it, which takes half a minute and a C++ compiler."""
    inputs_NI = generator.config.inputs(batch, "latency", seed=0)

    def call(inputs_NI: torch.Tensor) -> torch.Tensor:
        images: torch.Tensor = generator(inputs_NI)
        return images

    # PyTorch keeps eight compiled forms for each code object, and runs any further one uncompiled.
    own = FunctionType(call.__code__.replace(), call.__globals__, closure=call.__closure__)
    network = torch.compile(own, dynamic=False)

    @torch.inference_mode()
    def run() -> torch.Tensor:
        images: torch.Tensor = network(inputs_NI)
        return images

    return run


@contextmanager
def threads_of_torch(count: int) -> Iterator[None]:
    """Lets PyTorch compute with `count` threads for the length of a `with` block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
