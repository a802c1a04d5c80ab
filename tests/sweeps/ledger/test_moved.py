"""A data directory is renamed or copied: its artifacts are found where it is now, and nothing is trained again."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

import sweeps
from gan import load_generator
from sweeps.deployment import deploying
from sweeps.ledger.lock import at_work, sole_driver
from sweeps.ledger.moved import follow_move
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from tests.sweeps.conftest import TINY


@pytest.fixture
def renamed(finished: Any, tmp_path: Path) -> Path:
    """The finished sweep's data directory, copied, looked at, and then renamed to what an address must quote."""
    copied = tmp_path / "copied"
    shutil.copytree(finished.data_dir, copied)
    assert places_in(copied) == [finished.data_dir]
    Workspace.existing(copied)
    assert places_in(copied) == [copied]
    return copied.rename(tmp_path / "renamed, 100% übersetzt")


def places_in(data_dir: Path) -> list[Path]:
    """The folders in which the database has artifacts, whichever column says so."""
    store = sqlite3.connect(data_dir / "mlflow.db")
    found = set()
    for (table,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for row in store.execute(f"SELECT * FROM {table}"):
            texts = [value for value in row if isinstance(value, str) and "/artifacts/ganlimit" in value]
            found |= {text.partition("/artifacts/ganlimit")[0].removeprefix("file://") for text in texts}
    store.close()
    return sorted(map(Path, found))


def test_a_renamed_directory_has_its_models_and_files(renamed: Path) -> None:
    workspace = Workspace.existing(renamed)
    tracking = Tracking(workspace.store)
    (version,) = tracking.registry.versions("digits-teacher")
    folder = tracking.registry.fetch(version)
    assert folder.is_relative_to(renamed)
    load_generator(folder)
    parent = tracking.find_sweep("tiny")
    assert parent is not None
    names = {file.path for file in tracking.client.list_artifacts(parent.info.run_id, "report")}
    assert "report/report.html" in names
    assert [str(place) for place in places_in(renamed)] == [(renamed.as_uri()).removeprefix("file://")]


def test_nothing_is_trained_again_in_a_copy(ganlimit: Any, renamed: Path, spec_file: Any) -> None:
    before = {path.name for path in (renamed / "artifacts").glob("*/*")}
    answer = ganlimit("sweep", "run", spec_file(yaml.safe_load(TINY)), "--data-dir", renamed, "--workers", 1)
    assert answer.code == 0, answer.stderr
    assert {path.name for path in (renamed / "artifacts").glob("*/*")} == before
    assert not (renamed.parent / "copied").exists(), "nothing is written where it was"


def test_a_driver_that_may_know_the_directory_by_another_path_is_left_alone(renamed: Path) -> None:
    before = places_in(renamed)
    with sole_driver(renamed / "sweeps" / "tiny", "tiny"):
        Workspace.existing(renamed)
        assert places_in(renamed) == before
    Workspace.existing(renamed)
    assert places_in(renamed) != before


def test_a_database_without_its_artifacts_is_left_alone(finished: Any, tmp_path: Path) -> None:
    shutil.copy(finished.data_dir / "mlflow.db", tmp_path)
    Workspace.existing(tmp_path)
    assert places_in(tmp_path) == [finished.data_dir]


def test_a_teacher_that_is_trained_meanwhile_is_left_alone(renamed: Path) -> None:
    before = places_in(renamed)
    with at_work(renamed):
        Workspace.existing(renamed)
        assert places_in(renamed) == before
    assert not list((renamed / "sweeps").glob(".at-work*"))


def test_what_is_deployed_meanwhile_is_logged_where_it_was(
    renamed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Workspace.existing(renamed)
    before, seen, alias = places_in(renamed), [], tmp_path / "alias"

    def looked_at(*arguments: Any, **options: Any) -> Any:
        alias.symlink_to(renamed)
        follow_move(
            alias, alias / "mlflow.db", artifacts=alias / "artifacts"
        )  # as a container does that mounts it there
        seen.append(places_in(renamed))
        return original(*arguments, **options)

    original = deploying.write_exports
    monkeypatch.setattr(deploying, "write_exports", looked_at)
    (export,) = sweeps.deploy("tiny", out=tmp_path / "out", data_dir=renamed).exports
    assert seen == [before]
    assert export.card.origin.trial


def test_a_directory_that_has_no_artifacts_is_left_alone(renamed: Path) -> None:
    shutil.rmtree(renamed / "artifacts")
    before = places_in(renamed)
    Workspace.existing(renamed)
    assert places_in(renamed) == before


def test_artifacts_on_another_disk_stay_there(renamed: Path, tmp_path: Path) -> None:
    Workspace.existing(renamed)
    disk = tmp_path / "disk"
    shutil.copytree(renamed / "artifacts", disk / "artifacts")
    follow_move(renamed, renamed / "mlflow.db", artifacts=disk / "artifacts")
    before = places_in(renamed)
    Workspace.existing(renamed)
    assert places_in(renamed) == before == [disk]
