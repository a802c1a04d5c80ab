"""This module computes SHA-256 digests of values, arrays and files, on which identity and integrity are built."""

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt


def value_digest(value: object) -> str:
    """Returns the digest of a JSON-able value, independent of the order of its keys.

    Raises ValueError for NaN and infinities, which JSON cannot hold.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def array_digest(*arrays: npt.NDArray[np.generic]) -> str:
    """Returns the digest of the dtype, shape and content of `arrays`, in their order."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(f"{array.dtype.str}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def file_digest(path: Path) -> str:
    """Returns the digest of the bytes of the file at `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
