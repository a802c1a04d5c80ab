"""This module finds the paths that a sweep's mapping names, on this machine or on the nodes of a cluster."""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Place = tuple[str, ...]

PATHS: tuple[Place, ...] = (
    ("dataset", "path"),
    ("teacher", "file"),
    ("teacher", "weights"),
    ("teacher", "critic"),
    ("teacher", "critic", "folder"),
    ("teacher", "critic", "weights"),
    ("extractor", "file"),
    ("extractor", "weights"),
    ("evaluation", "reference", "file"),
)


def with_absolute_paths(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a file's mapping with every path in it made absolute: a worker's working folder is another one.

    A relative path is one in the working folder. What is no path is left as it is, for the validation to name.
    """
    made = copy.deepcopy(dict(data))
    for (*parents, last), text in _paths(data):
        inner = made
        for parent in parents:
            inner = inner[parent]
        inner[last] = _absolute(text)
    return made


def mistakes_for_nodes(data: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yields what a file that is read on a cluster's nodes alone must not say, or leave out, with its place.

    There `~` is another home and the working folder another one, and here nothing is looked up in the files.
    """
    for place, text in _paths(data):
        if text and not text.startswith("~") and not Path(text).is_absolute():
            yield place, f"a path is a place on the nodes, got {text!r}. Give an absolute path that the nodes have."
    for before, part in _parts(data):
        dataset = part.get("dataset")
        if not isinstance(dataset, Mapping) or "path" not in dataset:
            continue
        if missing := [name for name in ("image_size", "image_channels") if dataset.get(name) is None]:
            yield (
                (*before, "dataset"),
                f"a submission's images have image_size and image_channels, got no {' and no '.join(missing)}. "
                "Give them: nothing is looked up in files of the nodes before they run.",
            )


def _paths(data: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    for before, part in _parts(data):
        for place in PATHS:
            value: Any = part
            for key in place:
                value = value.get(key) if isinstance(value, Mapping) else None
            if isinstance(value, str):
                yield (*before, *place), value


def _parts(data: Mapping[str, Any]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Yields what a file says for all of its data sets, and what it says for each."""
    yield (), data
    own = data.get("datasets")
    for label, changes in own.items() if isinstance(own, Mapping) else ():
        if isinstance(changes, Mapping):
            yield ("datasets", label), changes


def _absolute(text: str) -> str:
    try:
        return str(Path.cwd() / Path(text).expanduser()) if text else text
    except (RuntimeError, ValueError):  # of ~user without a home
        return text
