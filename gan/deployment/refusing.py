"""This module tells exports that can never be had from those that failed for want of something."""

import torch

from gan.errors import FormatError, GanError


def refused(error: Exception, *, rule: str, value: str, remedy: str) -> GanError:
    """Returns what to raise where an exporter failed: a FormatError, but for want of room, memory or a package."""
    passing = isinstance(error, OSError | ImportError | MemoryError | torch.OutOfMemoryError)
    kind = GanError if passing or "allocate memory" in str(error) else FormatError
    return kind(rule, value, remedy)
