"""This module tells which files of a folder or an archive are pictures, and which class each is of.

Hidden files and folders (a leading dot), __MACOSX, Thumbs.db, desktop.ini and the tables metadata.csv and
metadata.jsonl of Hugging Face's image folders are no part of the data set; every other file is an image. Classes are
the folders of the first level; where there is a StyleGAN `dataset.json`, its labels are.
"""

import json
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from gan.datasets.own.pictures import Classes, counted, first_level, one_class
from gan.errors import GanError

LABELS = "dataset.json"
_SIDE_FILES = {"Thumbs.db", "desktop.ini", "metadata.csv", "metadata.jsonl"}
_NAMED = 10


def is_aside(name: str) -> bool:
    """Returns whether the member is no part of a data set."""
    *_, last = parts = PurePosixPath(name).parts or ("",)
    hidden = any(part.startswith(".") and part != ".." for part in parts)
    return hidden or last in _SIDE_FILES or "__MACOSX" in parts


def leads_out(name: str) -> bool:
    """Returns whether a member's name leads out of its archive, on any system."""
    return ".." in re.split(r"[/\\]", name) or name.startswith(("/", "\\")) or bool(re.match(r"[A-Za-z]:", name))


def classes_of(names: Sequence[str], text: bytes | None, *, where: str) -> Classes:
    """Returns the classes of pictures by the `text` of dataset.json, or by their folders where that is None.

    Raises GanError for a text that is no StyleGAN dataset.json, or one of other pictures.
    """
    if text is None:
        return first_level(names)
    rule = f'{LABELS} holds "labels": null, or a pair [picture, class] for each picture'
    remedy = "Write it as StyleGAN's dataset_tool.py does, or remove it."
    try:
        labels = json.loads(text)["labels"]
        pairs = None if labels is None else {str(name): label for name, label in labels}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise GanError(rule, f"{type(error).__name__}: {error} in {where}", remedy) from error
    if pairs is None:
        return one_class(len(names))
    if other := sorted(pairs.keys() ^ set(names)):
        more = f" and {len(other) - _NAMED} more" if len(other) > _NAMED else ""
        found = f"only one of label and picture for {', '.join(other[:_NAMED])}{more} in {where}"
        raise GanError(rule, found, remedy)
    return counted([pairs[name] for name in names], where)
