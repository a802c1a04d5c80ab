"""This module splits a file with several data sets into one sweep for each: the file's, with that data set's changes.

datasets:
  digits:                       # a list of names will do where nothing differs
  shapes: {teacher: {width: 48}}
"""

from collections.abc import Iterator, Mapping
from typing import Any

SHARED = ("name", "budget", "resources", "group", "datasets")  # the same in all sweeps of a file


def datasets_mistakes(data: Mapping[str, Any], lines: Mapping[tuple[str | int, ...], int]) -> Iterator[str]:
    """Yields what is wrong with `datasets` itself, a line for each mistake."""
    if "group" in data:
        yield f"line {lines.get(('group',), 1)}: group: unknown key. Remove it."
    if "datasets" not in data:
        return
    line, named = lines.get(("datasets",), 1), data["datasets"]
    if "dataset" in data:
        yield f"line {line}: datasets: a sweep has dataset or datasets, got both. Remove one."
    labels = list(named) if isinstance(named, dict | list) else []
    if not labels or not all(isinstance(label, str) for label in labels) or len(set(labels)) < len(labels):
        yield (
            f"line {line}: datasets: names of data sets, each once, got {named!r}. "
            "Write a list of names, or a mapping of names to what differs."
        )
        return
    for label, changes in (named if isinstance(named, dict) else {}).items():
        where = f"line {lines.get(('datasets', label), line)}: datasets.{label}"
        if not isinstance(changes, dict | None):
            yield f"{where}: a mapping of keys to what differs, got {changes!r}. Write {{}} where nothing does."
        for key in SHARED:
            if isinstance(changes, dict) and key in changes:
                yield f"{where}.{key}: is the same for all data sets of a file. Move it out of datasets."


def members(data: Mapping[str, Any]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yields (label, sweep) for each data set of a file; (None, the file) where it has no `datasets`.

    `datasets` must be without mistakes.
    """
    if "datasets" not in data:
        yield None, dict(data)
        return
    named = data["datasets"]
    common = {key: value for key, value in data.items() if key != "datasets"}
    for label in named:
        changes = (named[label] if isinstance(named, dict) else None) or {}
        own = {"dataset": label, "name": f"{data.get('name', '')}-{label}", "group": data.get("name")}
        yield label, _merged(common, {**own, **changes})


def _merged(base: Any, changes: Any) -> Any:
    """Returns `base` with the changes. Mappings are merged key by key; everything else is replaced.

    A domain is replaced as well, since its keys depend on its `type`.
    """
    if not (isinstance(base, dict) and isinstance(changes, dict)) or "type" in changes:
        return changes
    return {**base, **{key: _merged(base.get(key), value) for key, value in changes.items()}}
