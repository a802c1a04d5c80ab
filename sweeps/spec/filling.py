"""This module completes what a person states of a sweep by what the files that it names say themselves.

It happens once, where a file is read, so that a specification is whole ever after: it means the same in another folder
and on another machine, and a stored one shows every value that its sweep ran with.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gan import DatasetConfig, filled
from gan.datasets.own.opening import pictures_at

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


def with_what_files_say(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a sweep's mapping with the shape of the images and the extractor, where they are found in the files.

    What is given stays. Images of the user's own without classes are measured with `selfsupervised`. A mistake in the
    mapping is left to the validation. Raises GanError where files are needed and cannot be read.
    """
    made = dict(data)
    config = _own_dataset(made.get("dataset"))
    if config is None:
        return made
    whole = filled(config)
    made["dataset"] = whole.model_dump(exclude_none=True)
    if "extractor" not in made and whole.path and Path(whole.path).exists():
        made["extractor"] = "classifier" if pictures_at(whole.path).classes.number > 1 else "selfsupervised"
    return made


def _own_dataset(value: Any) -> DatasetConfig | None:
    if not isinstance(value, Mapping) or "path" not in value:
        return None
    try:
        return DatasetConfig.model_validate(dict(value))
    except ValidationError:
        return None
