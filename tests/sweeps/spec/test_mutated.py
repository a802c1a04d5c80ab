"""No sweep's file ends in anything but the package's own error: a mistake for each thing that is wrong with it."""

import random
import warnings
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


def read(path: Path) -> None:
    """Reads a sweep's file as a command does, here and for a cluster's nodes."""
    for specs in (sweeps.load_specs(path), sweeps.load_specs(path, for_nodes=True)):
        for spec in specs:
            assert type(spec).model_validate_json(spec.model_dump_json()) == spec, "it is kept as it was read"
    assert portable_text(path)


def read_mutated(seed: int, path: Path) -> bool:
    """Returns whether the file is read."""
    path.write_text(mutated_text(random.Random(seed)), newline="")
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
        were_read.append(read_mutated(seed, tmp_path / "sweep.yaml"))

    check()
    assert 0.02 < sum(were_read) / len(were_read) < 0.7, "mutations are of both kinds"
