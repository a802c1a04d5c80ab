"""No sweep's file ends in anything but the package's own error: a mistake for each thing that is wrong with it."""

import random
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sweeps
from cluster import ClusterError
from gan import GanError
from sweeps.spec.file import portable_text
from tests.sweeps.spec.mutated import mutated_text

REFUSALS = (sweeps.SweepError, GanError, ClusterError)


def here(path: Path) -> None:
    """Reads a sweep's file as a command of this machine does."""
    _require_kept(sweeps.load_specs(path))


def for_nodes(path: Path) -> None:
    """Reads it as one that is handed to a cluster."""
    _require_kept(sweeps.load_specs(path, for_nodes=True))


def portable(path: Path) -> None:
    """Reads it as it is sent there."""
    assert portable_text(path)


def _require_kept(specs: tuple[sweeps.SweepSpec, ...]) -> None:
    for spec in specs:
        assert type(spec).model_validate_json(spec.model_dump_json()) == spec, "it is kept as it was read"


def is_read(read: Callable[[Path], None], path: Path) -> bool:
    """Returns whether a file is read; if not it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            read(path)
        except REFUSALS:
            return False
    return True


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.soak)])
def test_a_mutated_preset_is_read_or_refused(count: int, tmp_path: Path) -> None:
    were_read = []

    @settings(max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck])
    @given(st.integers(0, 2**32 - 1))
    def check(seed: int) -> None:
        path = tmp_path / "sweep.yaml"
        path.write_text(mutated_text(random.Random(seed)), newline="")
        were_read.extend(is_read(read, path) for read in (here, for_nodes, portable))

    check()
    assert 0.05 < sum(were_read) / len(were_read) < 0.95, "mutations are of both kinds"
