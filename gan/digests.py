"""This module computes SHA-256 digests of values, arrays and files, on which identity and integrity are built."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

_SEAL = "card_digest"


def value_digest(value: object) -> str:
    """Returns the digest of a JSON-able value, independent of the order of its keys.

    Raises ValueError for NaN and infinities, which JSON cannot hold.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(card: Mapping[str, object]) -> dict[str, object]:
    """Returns a file's card with a digest of itself, by which `is_whole` knows it again."""
    return {**card, _SEAL: value_digest(card)}


def is_whole(card: Mapping[str, object]) -> bool:
    """Returns whether a card is as it was sealed. One of before there were seals is taken as it is."""
    rest = {name: value for name, value in card.items() if name != _SEAL}
    return _SEAL not in card or card[_SEAL] == value_digest(rest)


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
