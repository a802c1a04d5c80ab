"""What a process leaves that was killed while it put an export in its place."""

import os
from multiprocessing import get_context
from pathlib import Path

import pytest

from gan import GanError, Generator, deploy_generator, load_deployed
from gan.deployment.folder import replaced_folder
from tests.gan.deployment.conftest import ORIGIN


def killed_before(name: str, folder: Path) -> None:
    """Replace the folder with an empty one, and die where a folder of that name would be moved."""
    rename = Path.rename

    def dying(path: Path, target: Path) -> Path:
        if path.name == name:
            os._exit(9)
        return rename(path, target)

    Path.rename = dying  # type: ignore[method-assign]
    with replaced_folder(folder):
        pass


def kill_before(name: str, folder: Path) -> None:
    process = get_context("fork").Process(target=killed_before, args=(name, folder))
    process.start()
    process.join()
    assert process.exitcode == 9


@pytest.mark.parametrize("moved", ["export", "new"])
def test_the_next_call_finds_the_earlier_export_where_it_was(small: Generator, tmp_path: Path, moved: str) -> None:
    before = deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    kill_before(moved, tmp_path / "export")
    assert (tmp_path / "export").exists() == (moved == "export")
    with pytest.raises(GanError, match="a format"), replaced_folder(tmp_path / "export"):
        raise GanError("An export has a format", "none", "Name a format.")
    assert load_deployed(tmp_path / "export").card == before


def test_it_leaves_nothing_behind(small: Generator, tmp_path: Path) -> None:
    deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    kill_before("new", tmp_path / "export")
    deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
