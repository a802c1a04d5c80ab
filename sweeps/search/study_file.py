"""This module is the file of a sweep's Optuna study: a record a line, of which each stands on those before it."""

import json
from collections.abc import Callable
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

FILE, CUT = "study.journal", "study.journal.cut"


def open_storage(folder: Path, *, say: Callable[[str], object] = lambda _: None) -> JournalStorage:
    """Returns the journal of a sweep's study in `folder`, safe for several processes.

    It ends before its first line that is no record, which a full disk or a loss of power leaves; what is cut is kept in
    a file beside it, and `say` is told. Results that the study then lacks it is told of the trials' own journals.
    """
    path = folder / FILE
    lock = JournalFileOpenLock(str(path))
    if path.exists():
        lock.acquire()
        try:
            whole = _cut_torn_end(path)
        finally:
            lock.release()
        if whole is not None:
            say(f"{FILE} could not be read from its line {whole + 1} on; the rest was cut, and is kept in {CUT}")
    return JournalStorage(JournalFileBackend(str(path), lock))


def _cut_torn_end(path: Path) -> int | None:
    """Returns how many lines are left; None where nothing was cut."""
    # Optuna 5.0 would glue its next record to a torn line, and could not read the file from then on.
    whole = 0
    with path.open("r+b") as file:
        for number, line in enumerate(file):
            if not _is_record(line):
                rest = line + file.read()
                with path.with_name(CUT).open("ab") as kept:
                    kept.write(rest)
                file.truncate(whole)
                return number
            whole += len(line)
    return None


def _is_record(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
