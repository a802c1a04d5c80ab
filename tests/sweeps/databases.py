"""MLflow's tables in a new database, which take a second to make: a process of the suite makes them once."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sweeps.ledger.store import TrackingStore

SQLITE = "sqlite:///"


@contextmanager
def tables_copied(template: Path) -> Iterator[None]:
    """New local stores that this process opens in the block begin as a copy of `template`, which is made at first."""
    opening = TrackingStore.opening

    @contextmanager
    def with_tables(store: TrackingStore) -> Iterator[None]:
        with opening(store):
            file = Path(store.uri.removeprefix(SQLITE))
            if store.uri.startswith(SQLITE) and not file.exists() and os.access(file.parent, os.W_OK):
                copy(template, file)
            yield

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrackingStore, "opening", with_tables)
        yield


def copy(template: Path, file: Path) -> None:
    if not template.exists():
        MlflowClient(f"{SQLITE}{template}", f"{SQLITE}{template}").search_experiments()
    with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
