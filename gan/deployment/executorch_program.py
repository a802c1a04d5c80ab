"""This module writes a generator as an ExecuTorch program: the kernels of XNNPACK compute what they have, in floats.

Of ExecuTorch's own operators, which are portable, a convolution takes several times what PyTorch takes.

Shapes: N batch of up to LARGEST_BATCH.
"""

from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower

from gan.deployment.refusing import refused
from gan.networks.own_network import first_line, quietly


def write_program(program: torch.export.ExportedProgram, path: Path) -> None:
    """Writes an exported program as one of ExecuTorch. Raises FormatError where that has no operators for it."""
    try:
        with quietly():
            lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
            file = lowered.to_executorch().buffer
    except (ModuleNotFoundError, MemoryError):
        raise
    except Exception as error:  # of many kinds, by what the network does
        raise refused(
            error,
            rule="executorch is for networks that ExecuTorch has operators for",
            value=first_line(error),
            remedy="Export it as torch-export.",
        ) from error
    path.write_bytes(file)
