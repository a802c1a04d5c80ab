"""This module completes what a person states of a sweep by what the files that it names say themselves.

It happens once, where a file is read, so that a specification is whole ever after: it means the same in another folder
and on another machine, and a stored one shows every value that its sweep ran with.
"""

import json
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from gan import DatasetConfig, OwnGenerator, filled, inspect_generator
from gan.config import Config
from gan.datasets.own.opening import pictures_at

ConfigT = TypeVar("ConfigT", bound=Config)
_BESIDE = ("pool_size", "critic", "critic_kimg")  # what a teacher has beside the generator


def with_what_files_say(data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a sweep's mapping with all that is left out of it and found in the files of the user's own.

    What is given stays. Of a generator: its latents, classes and range; of images: their size and channels, which are
    the generator's where there is one; and the extractor, `selfsupervised` for images without classes. A mistake in the
    mapping is left to the validation. Raises GanError where files are needed and cannot be read.
    """
    made = dict(data)
    config = _parsed(DatasetConfig, made.get("dataset"), keys={"path"})
    missing = [name for name in ("image_channels", "image_size") if config and getattr(config, name) is None]
    shape = _fill_teacher(made, is_shape_needed=bool(missing))
    if config is None:
        return made
    whole = filled(config.model_copy(update={name: shape[name] for name in missing if name in shape}))
    made["dataset"] = whole.model_dump(exclude_none=True)
    if "extractor" not in made and whole.path and Path(whole.path).exists():
        made["extractor"] = "classifier" if pictures_at(whole.path).classes.number > 1 else "selfsupervised"
    return made


def _fill_teacher(data: dict[str, Any], *, is_shape_needed: bool) -> dict[str, int]:
    """Fills a generator of the user's own into `data`. Returns the shape of its images, where it was looked at."""
    stated = data.get("teacher")
    beside = {name: stated[name] for name in _BESIDE if isinstance(stated, Mapping) and name in stated}
    alone = {name: stated[name] for name in stated if name not in beside} if isinstance(stated, Mapping) else None
    own = _parsed(OwnGenerator, alone, keys={"file", "factory", "weights"})
    if own is None or (own.is_whole and not (is_shape_needed and own.path.exists())):
        return {}
    report = inspect_generator(own)
    data["teacher"] = {**report.imported.model_dump(mode="json", by_alias=True, exclude_none=True), **beside}
    return {"image_channels": report.image_channels, "image_size": report.image_size}


def _parsed(kind: type[ConfigT], value: Any, *, keys: Set[str]) -> ConfigT | None:
    """Returns a mapping that has one of the keys as a configuration; None where it has none, or is a mistake."""
    if not isinstance(value, Mapping) or not keys & value.keys():
        return None
    try:
        return kind.model_validate_json(json.dumps(value))
    except (ValidationError, TypeError):
        return None
