"""A folder that is written anew stands whole at every moment, whenever the process is killed."""

import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from gan import GanError, Generator, deploy_generator, load_deployed
from gan.deployment import folder as folders
from gan.deployment.exporting import NAMES
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
    with replaced_folder(folder, names=NAMES) as new:
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


def test_what_somebody_put_into_an_export_is_not_lost(small: Generator, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    (tmp_path / "export" / "images.png").touch()  # which run.py writes there
    assert deploy_generator(tmp_path / "export", small, origin=ORIGIN) == card
    mine = tmp_path / "export" / "measured.csv"
    mine.write_text("mine")
    with pytest.raises(GanError, match=r"measured\.csv in .*export"):
        deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    assert mine.read_text() == "mine"
    assert load_deployed(tmp_path / "export").card == card


@pytest.mark.parametrize("exchanges", [True, False])
def test_nor_is_what_comes_while_the_next_one_is_made(
    small: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(folders, "exchanged", lambda one, other: False)
    card = deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    mine = tmp_path / "export" / "thesis.tex"
    with pytest.raises(GanError, match="thesis"):
        _replaced_while(lambda: mine.write_text("mine"), tmp_path / "export")
    assert mine.read_text() == "mine"
    assert load_deployed(tmp_path / "export").card == card
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def _replaced_while(act: Callable[[], object], folder: Path) -> None:
    with replaced_folder(folder, names=NAMES) as new:
        (new / "card.json").write_text("{}")
        act()
