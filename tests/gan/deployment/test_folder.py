"""A folder that is written anew stands whole at every moment, whenever the process is killed."""

import os
import re
import shutil
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from gan import GanError, Generator, deploy_generator, load_deployed
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


def test_what_somebody_put_into_an_export_is_not_lost(small: Generator, tmp_path: Path) -> None:
    card = deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    (tmp_path / "export" / "images.png").touch()  # which run.py writes there
    (tmp_path / "export" / "__pycache__").mkdir()
    (tmp_path / "export" / "__pycache__" / "run.cpython-313.pyc").touch()
    assert deploy_generator(tmp_path / "export", small, origin=ORIGIN) == card
    for name in ("measured.csv", "card.json.bak", "teacher/mine.md", "runtime/run.py"):
        mine = tmp_path / "export" / name
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("mine")
        with pytest.raises(GanError, match=rf"{re.escape(name)} in .*export"):
            deploy_generator(tmp_path / "export", small, origin=ORIGIN)
        assert mine.read_text() == "mine"
        assert load_deployed(tmp_path / "export").card == card
        mine.unlink()


def write_beside(export: Path) -> None:
    (export / "thesis.tex").write_text("mine")


def put_a_file_there(export: Path) -> None:
    shutil.rmtree(export)
    export.write_text("mine")


@pytest.mark.parametrize("exchanges", [True, False])
@pytest.mark.parametrize(("act", "mine"), [(write_beside, "export/thesis.tex"), (put_a_file_there, "export")])
def test_nor_is_what_comes_while_the_next_one_is_made(
    small: Generator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exchanges: bool,
    act: Callable[[Path], None],
    mine: str,
) -> None:
    if not exchanges:
        monkeypatch.setattr(folders, "exchanged", lambda one, other: False)
    deploy_generator(tmp_path / "export", small, origin=ORIGIN)
    with pytest.raises(GanError, match=r"somebody put there|new, empty or an earlier export"):
        _replaced_while(lambda: act(tmp_path / "export"), tmp_path / "export")
    assert (tmp_path / mine).read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_what_cannot_be_put_back_stays_beside(
    small: Generator, exchanging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, tries = exchanging / "export", iter([exchanged])
    deploy_generator(export, small, origin=ORIGIN)
    monkeypatch.setattr(folders, "exchanged", lambda one, other: next(tries, lambda one, other: False)(one, other))
    with pytest.raises(GanError, match="Move it back") as refused:
        _replaced_while(lambda: write_beside(export), export)
    (found,) = exchanging.rglob("thesis.tex")
    assert found.read_text() == "mine"
    assert str(found.parent) in str(refused.value)


def _replaced_while(act: Callable[[], object], folder: Path) -> None:
    with replaced_folder(folder) as new:
        (new / "card.json").write_text("{}")
        act()
