"""A generator of the user's own, which several files of tests distil."""

from pathlib import Path

import pytest

from tests.sweeps.models.critics import traced


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator of one's own."""
    return traced(tmp_path_factory.mktemp("own") / "own.pt")
