"""This module tells the errors that end a trial apart: which are worth another try, and which a person must mend."""

import torch

from cluster import ClusterError
from sweeps.errors import Explained, tells_of_memory


def is_final(error: Exception) -> bool:
    """Returns whether another try would end as this one did."""
    return is_out_of_memory(error) or is_mistake(error)


def is_mistake(error: Exception) -> bool:
    """Returns whether a person must mend it: it is said as it is, without a trace, and not tried again.

    What is wrong with a node of a cluster may be right with the next one.
    """
    return isinstance(error, Explained) and not isinstance(error, ClusterError)


def is_out_of_memory(error: Exception) -> bool:
    """Returns whether a trial found no memory, whichever library says so."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError | OSError | ImportError) and tells_of_memory(str(error))
