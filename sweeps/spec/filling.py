"""This module completes what a person states of a sweep by what the files that it names say themselves.

It happens once, where a file is read, so that a specification is whole ever after: it means the same in another folder
and on another machine, and a stored one shows every value that its sweep ran with.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATHS = (
    ("dataset", "path"),
    ("teacher", "file"),
    ("teacher", "weights"),
    ("extractor", "file"),
    ("extractor", "weights"),
    ("evaluation", "reference", "file"),
)


def with_absolute_paths(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a file's mapping with every path in it made absolute: a worker's working folder is another one.

    A relative path is one in the working folder. What is no text is left as it is, for the validation to name.
    """
    made: dict[str, Any] = _absolute(data)
    if isinstance(own := data.get("datasets"), Mapping):
        made["datasets"] = {label: _absolute(changes) for label, changes in own.items()}
    return made


def _absolute(value: Any, *places: tuple[str, ...]) -> Any:
    if not isinstance(value, Mapping):
        return value
    made = dict(value)
    for first, *rest in places or PATHS:
        inner = made.get(first)
        if rest and isinstance(inner, Mapping):
            made[first] = _absolute(inner, tuple(rest))
        elif not rest and isinstance(inner, str):
            made[first] = str(Path.cwd() / Path(inner).expanduser())
    return made
