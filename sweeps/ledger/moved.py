"""This module follows a data directory that was renamed, or copied to another machine: MLflow keeps absolute paths."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from sweeps.ledger.lock import current_driver
from sweeps.ledger.store import MODELS_EXPERIMENT, SWEEPS_EXPERIMENT

# Where MLflow 3.17 keeps addresses of artifacts.
_PLACES = (
    *(("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location")),
    *(("model_versions", "source"), ("model_versions", "storage_location")),
)
_OWN = re.compile(rf"(file:.*/artifacts)/(?:{SWEEPS_EXPERIMENT}|{MODELS_EXPERIMENT})")


def follow_move(root: Path, database: Path, *, artifacts: Path) -> None:
    """Let the database of the data directory `root` say that its artifacts lie in `artifacts`, wherever it was before.

    While a driver runs there nothing is changed: it may know the directory by another path, as in a container.
    """
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True)) as store:
        moved = [old for old in _roots(store) if _has_moved(old, artifacts, database=database.name)]
        if moved and not any(map(current_driver, (root / "sweeps").glob("*/"))):
            with store:
                for old in moved:
                    _replace(store, old, new=artifacts.as_uri())


def _roots(store: sqlite3.Connection) -> set[str]:
    """Returns where the database says that its folder of artifacts is."""
    locations = store.execute("SELECT artifact_location FROM experiments")
    return {match[1] for (location,) in locations if (match := _OWN.fullmatch(str(location)))}


def _has_moved(old: str, artifacts: Path, *, database: str) -> bool:
    """Returns whether `old` was in this data directory, which is gone from there, or is a copy of what is there."""
    folder = Path(url2pathname(urlparse(old).path))
    if old == artifacts.as_uri():
        return False
    # A server may keep its artifacts on another disk: there is no database beside them.
    return artifacts.is_dir() and (not folder.is_dir() or (folder.parent / database).is_file())


def _replace(store: sqlite3.Connection, old: str, *, new: str) -> None:
    for table, column in _existing(store):
        store.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
            (new, len(old) + 1, len(old) + 1, f"{old}/"),
        )


def _existing(store: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for table, column in _PLACES:
        columns = {name for _, name, *_ in store.execute(f"PRAGMA table_info({table})")}
        if column in columns:
            yield table, column
