"""This module tells which part of a data set a shard is of, by its name: train, validation or test."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from gan.datasets.own.members import is_aside
from gan.errors import GanError

# What stands beside the shards of a data set, and is of no picture.
_PAPERS = re.compile(r"(README|LICENSE|NOTICE|CITATION)[^/]*|[^/]+\.(md|txt|json)", re.IGNORECASE)
_PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")


def shards_in(folder: Path, suffixes: tuple[str, ...]) -> list[tuple[str, Path]]:
    """Returns the files of a folder with one of these suffixes, in any nesting, by name; none where there are none.

    Papers beside them, and a table of the same name beside a tar, are no part of the data set. Raises GanError for
    other files, and for links that lead out.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    names = [name for name in names if not is_aside(name)]
    shards = [name for name in names if name.endswith(suffixes)]
    stems = {name.split(".")[0] for name in shards}
    beside = {f"{stem}.parquet" for stem in stems} - set(shards)
    for name in names if shards else ():
        path = folder / name
        if path.is_symlink() and not path.resolve().is_relative_to(folder):
            raise GanError("A shard lies in the data set's folder", f"{name}, a link out of it", "Copy the file there.")
        if name not in shards and name not in beside and not _PAPERS.fullmatch(Path(name).name):
            raise GanError(f"A folder of shards holds {', '.join(suffixes)} files alone", name, "Move it elsewhere.")
    return [(name, folder / name) for name in shards]


def braced(path: Path) -> list[tuple[str, Path]] | None:
    """Returns the shards that a name such as `train-{0000..0099}.tar` stands for; None for one without braces."""
    found = _BRACES.search(path.name)
    if found is None:
        return None
    first, last = found.groups()
    numbers = [str(number).zfill(len(first)) for number in range(int(first), min(int(last), int(first) + 10**6) + 1)]
    names = [path.name[: found.start()] + number + path.name[found.end() :] for number in numbers]
    return [(name, path.with_name(name)) for name in names]


def split_shards(shards: Sequence[tuple[str, Path]]) -> tuple[list[tuple[str, Path]], set[str]]:
    """Returns the shards that are read, and the names of those that are held out.

    Held out is the part test or, where there is none, validation. Beside a part test validation is left out: it is
    neither to train on nor to measure on. Where none is of the part train, all are read and none is held out.
    """
    parts = {name: _part(name or path.name) for name, path in shards}
    if "train" not in parts.values():
        return list(shards), set()
    held_out = "test" if "test" in parts.values() else "validation"
    read = [(name, path) for name, path in shards if parts[name] in ("train", held_out)]
    return read, {name for name, part in parts.items() if part == held_out}


def _part(name: str) -> str:
    """Returns what is said by the file's first word, by the word before its number, or by the name of a folder.

    A word in between says nothing: `shard-test-bench-001.tar` is of no test.
    """
    *folders, file = PurePosixPath(name.lower()).parts
    words = re.findall(r"[a-z]+", re.sub(r"[-_]of[-_]\d+$", "", file.split(".")[0])) or [""]
    return next((_PARTS[word] for word in (words[0], words[-1], *reversed(folders)) if word in _PARTS), "train")
