"""This module is the file of a sweep's Optuna study: a record a line, of which each stands on those before it."""

import json
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

FILE = "study.journal"


def open_storage(folder: Path) -> JournalStorage:
    """Returns the journal of a sweep's study in `folder`, safe for several processes.

    It ends before its first line that is no record, which a full disk or a loss of power leaves. What the study then
    lacks it is told of the trials' own journals.
    """
    path = folder / FILE
    lock = JournalFileOpenLock(str(path))
    if path.exists():
        lock.acquire()
        try:
            _cut_torn_end(path)
        finally:
            lock.release()
    return JournalStorage(JournalFileBackend(str(path), lock))


def _cut_torn_end(path: Path) -> None:
    # Optuna 5.0 would glue its next record to a torn line, and could not read the file from then on.
    whole = 0
    with path.open("r+b") as file:
        for line in file:
            if not _is_record(line):
                file.truncate(whole)
                return
            whole += len(line)


def _is_record(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
