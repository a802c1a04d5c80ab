"""This module says where and how precisely networks are computed.

It changes rounding, so it is part of what a result depends on.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, TypeVar

import torch
from threadpoolctl import threadpool_limits
from torch import nn

from gan.config import Config
from gan.errors import GanError

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class Compute(Config):
    """A Compute names a device, the precision of forward passes, and the layout of images in memory.

    Weights, losses and optimisers stay in float32 in any case. bfloat16 needs no scaling of losses, and with
    channels_last it is what an accelerator's matrix units are fastest at.

    >>> Compute(precision="bfloat16").torch_device
    device(type='cpu')
    """

    device: Literal["cpu", "cuda"] = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = False

    @property
    def torch_device(self) -> torch.device:
        """Returns the device. Raises GanError where this machine has none."""
        if self.device == "cuda" and not torch.cuda.is_available():
            raise GanError(
                "The device cuda is a GPU that PyTorch sees",
                "none",
                "Leave resources.gpus_per_trial and trials_per_gpu out, or use a GPU.",
            )
        return torch.device(self.device)

    def place(self, module: ModuleT) -> ModuleT:
        """Returns `module` on the device, in the layout."""
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        return module.to(self.torch_device).to(memory_format=layout)

    def forward_passes(self) -> AbstractContextManager[object]:
        """Returns the context in which networks are run forward."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device, dtype=torch.bfloat16)


CPU = Compute()


def set_threads(threads: int) -> None:
    """Lets PyTorch, NumPy and SciPy compute with so many threads from now on, whatever the environment says.

    How a sum is split over threads decides its last bits. PyTorch's own setting holds for the calling thread alone.
    """
    torch.set_num_threads(threads)
    threadpool_limits(threads)  # the pools of BLAS, which PyTorch does not know
