"""What a device can do at most, measured on it, and how much of that a piece of work asks for, counted.

FLOPs: those of matrix products and convolutions, as torch.utils.flop_counter counts them; a multiply-accumulate is two.
Bytes: of every operation on the device, the tensors that it reads and writes (weights, activations and their gradients,
Adam's moments, the moving average), as if nothing stayed in a cache; views and empty tensors are none. Operations that
one kernel fuses are counted one by one, so it is an upper bound of the traffic.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

MATRIX = {"cuda": 8192, "cpu": 1024}  # rows and columns
COPY_BYTES = {"cuda": 2**30, "cpu": 2**27}  # far beyond a cache
ROUNDS, ROUND_S = 5, 0.2
EMPTY = {torch.ops.aten.empty.memory_format, torch.ops.aten.empty_like.default, torch.ops.aten.empty_strided.default}


@dataclass(frozen=True)
class Amount:
    """FLOPs and bytes: of a work, or a second's of a device."""

    flops: float
    bytes: float

    def per(self, number: float) -> "Amount":
        """The part of one, of so many."""
        return Amount(self.flops / number, self.bytes / number)


def ceiling_of(device: torch.device, precision: str) -> Amount:
    """FLOPs per second of a large product of matrices, bytes per second (read and written) of a large copy.

    In float32 a GPU's product uses TF32, as PyTorch's convolutions do by default.
    """
    size = MATRIX[device.type]
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    source = torch.empty(COPY_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    with _tf32():
        flops = 2 * size**3 * _per_s(lambda: left @ right, device)
    return Amount(flops, 2 * len(source) * _per_s(lambda: target.copy_(source), device))


def count(work: Callable[[], object], device: torch.device) -> Amount:
    """What `work` asks of the device."""
    with FlopCounterMode(display=False) as flops, _Bytes(device) as traffic:
        work()
    return Amount(float(flops.get_total_flops()), float(traffic.bytes))


class _Bytes(TorchDispatchMode):
    """Counts the bytes of tensors on a device that operations read and write."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device, self.bytes = device, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if not func.is_view and func not in EMPTY:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, output)) if isinstance(leaf, torch.Tensor)]
            self.bytes += sum(t.numel() * t.element_size() for t in tensors if t.device.type == self._device.type)
        return output


@contextmanager
def _tf32() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _per_s(work: Callable[[], object], device: torch.device) -> float:
    """How often a second, in the best of several rounds after a first that does not count."""
    return max([_round(work, device) for _ in range(1 + ROUNDS)][1:])


def _round(work: Callable[[], object], device: torch.device) -> float:
    began, times = time.perf_counter(), 0
    while time.perf_counter() - began < ROUND_S:
        for _ in range(4):
            work()
        _finish(device)
        times += 4
    return times / (time.perf_counter() - began)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
