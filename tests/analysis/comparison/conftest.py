"""Tables of sweeps that are compared."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

Maker = Callable[..., pa.Table]


@pytest.fixture
def sweep(table: Any) -> Maker:
    """A sweep's table of students (parameters, FID)."""

    def make(name: str, *students: tuple[int, float], **changes: Any) -> pa.Table:
        return table(
            *({"sweep": name, "width": n, "parameters": p, "fid": f} | changes for n, (p, f) in enumerate(students))
        )

    return make


@pytest.fixture
def seeded(table: Any) -> Maker:
    """A sweep of one student a FID, each list of FIDs a seed."""

    def make(name: str, *seeds: list[float], **changes: Any) -> pa.Table:
        return table(
            *(
                {"sweep": name, "width": n, "parameters": 10_000 * (n + 1), "fid": fid, "seed": seed} | changes
                for seed, fids in enumerate(seeds)
                for n, fid in enumerate(fids)
            )
        )

    return make
