"""This module writes files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.errors import AnalysisError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write to; the file becomes `path` when the block ends, replacing what was there.

    After an error `path` is what it was. Raises AnalysisError where it cannot be written.

    >>> import tempfile
    >>> from analysis import written_whole
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "answer.txt"
    ...     with written_whole(path) as unfinished:
    ...         _ = unfinished.write_text("1/26.3")
    ...         exists_before = path.exists()
    ...     (exists_before, path.read_text())
    (False, '1/26.3')
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)  # not the unfinished file's own name
        raise AnalysisError("A table is written to a writable path", f"{path} ({reason})", "Choose another.") from error
    finally:
        with suppress(OSError):  # where there is no such folder
            unfinished.unlink()
