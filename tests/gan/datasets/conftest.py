"""The same pictures for every format, and a data root of each test's own."""

from pathlib import Path

import pytest

from gan import DataRoot
from tests.gan.datasets.kept import Kept, make_kept


@pytest.fixture(scope="session")
def kept() -> Kept:
    return make_kept()


@pytest.fixture
def root(tmp_path: Path) -> DataRoot:
    return DataRoot(tmp_path / "root", download=False)


@pytest.fixture
def folder(kept: Kept, tmp_path: Path) -> Path:
    """The pictures in a folder for each class."""
    for name, content in zip(kept.names, kept.files, strict=True):
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "pets"
