"""A folder that is written anew stands whole at every moment, whenever the process is killed."""

import os
from multiprocessing import get_context
from pathlib import Path

import pytest

from gan import Generator, deploy_generator, load_deployed
from gan.deployment import folder as folders
from gan.deployment.folder import exchanged, replaced_folder
from tests.gan.deployment.conftest import ORIGIN


@pytest.fixture
def exchanging(tmp_path: Path) -> Path:
    """A folder on a file system that can exchange two names."""
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "one" / "mine").touch()
    if not exchanged(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this file system cannot exchange two names")
    assert (tmp_path / "other" / "mine").exists()
    return tmp_path


def killed_between_names(folder: Path) -> None:
    """Replace the folder, and die as soon as a name is changed in another way than at once."""
    Path.rename = lambda path, target: os._exit(9)  # type: ignore[method-assign]
    with replaced_folder(folder) as new:
        (new / "card.json").write_text("{}")


def test_there_is_no_moment_without_an_export(small: Generator, exchanging: Path) -> None:
    deploy_generator(exchanging / "export", small, origin=ORIGIN)
    process = get_context("fork").Process(target=killed_between_names, args=(exchanging / "export",))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert (exchanging / "export" / "card.json").read_text() == "{}"
    assert sorted(path.name for path in exchanging.iterdir()) == ["export", "one", "other"]


def test_where_names_cannot_be_exchanged_they_are_changed_in_turn(
    small: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "exchanged", lambda one, other: False)
    deploy_generator(tmp_path / "export", small, origin=ORIGIN, form="torch-export")
    card = deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    assert load_deployed(tmp_path / "export").card == card
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
