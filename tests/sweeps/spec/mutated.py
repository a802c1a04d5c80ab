"""Sweeps' files that are wrong in every way: mutations of the presets, by a seed.

Paths among the values lead nowhere, so that no file of this machine is read.
"""

import copy
import random
from collections.abc import Iterator
from importlib import resources
from typing import Any

import yaml

from sweeps.spec.file import preset_names

Random = random.Random
Place = tuple[Any, ...]
TEXTS = {name: (resources.files("sweeps") / "presets" / f"{name}.yaml").read_text() for name in preset_names()}
NUMBERS = (0, 1, -1, 2, 7, 10**9, 2**63, 2**64, 10**400, 0.0, -0.0, 0.5, 1e-9, 1e308)
NO_NUMBERS = (float("inf"), float("-inf"), float("nan"), None, True, False)
WORDS = (*("", " ", "x", "1", "1e3", "true", "null", "2020-01-01", "%s"), "a" * 5000, "a\nb", "\0", "é漢😀")
PLACES = ("missing.yaml", "missing/none.npz", "../missing", "~nobody/x", "s3://", "s3://b", "http://")
MEANT = ("digits", "celeba", "fid", "kid", "tpe", "nsgaii", "limit", "random", "inception", "classifier", "search")
LISTS = ([], [[]], [None], [1, "a", None], [1, 1, 1], list(range(300)))
DOMAINS = (
    {"type": "int"},
    {"type": "int", "low": 5, "high": 1},
    {"type": "int", "low": 1, "high": 10**12},
    {"type": "float", "low": 0, "high": 1, "log": True},
    {"type": "choice", "values": []},
    {"type": "choice", "values": [1, 1]},
    {"type": "choice", "values": [None, "x", True, 1.5]},
)
VALUES = (*NUMBERS, *NO_NUMBERS, *WORDS, *PLACES, *MEANT, *LISTS, {}, {"a": 1}, *DOMAINS)
KEYS = (
    *("", "x", "name", "dataset", "datasets", "path", "width", "depth", "kimg", "type", "values", "low", "high"),
    *("search", "space", "teacher", "critic", "resources", "cluster", "storage", "a.b", "__class__", "0"),
)
SIGNS = (
    *("\t", ":", "-", "{", "}", "[", "]", "&a", "*a", "!!python/object", "!!binary", "|", ">", "#", "'", '"', "\n"),
    *("  ", "?", "%", "@", "`", "\0", "\x85", "é", "---\n", "...", "<<: ", "0x1F", "0o7", "1_000", "1:30"),
)


def mutated_text(seed: Random) -> str:
    """A preset with some of its values, keys and nesting changed, or with some of its characters."""
    text = TEXTS[seed.choice(sorted(TEXTS))]
    if seed.random() < 0.25:
        return _with_other_characters(seed, text)
    data = yaml.safe_load(text)
    for _ in range(seed.choice((1, 1, 1, 2, 3, 5))):
        _mutate(seed, data)
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


def _with_other_characters(seed: Random, text: str) -> str:
    for _ in range(seed.choice((1, 2, 5))):
        place, other = seed.randrange(len(text) + 1), seed.randrange(len(text) + 1)
        after = text[place:]
        match seed.randrange(4):
            case 0:
                after = seed.choice(SIGNS) + after
            case 1:
                after = after[seed.randrange(1, 20) :]
            case 2:
                after = ""
            case 3:
                after = text[other : other + 40] + after
        text = text[:place] + after
    return text


def _places(value: Any, at: Place = ()) -> Iterator[Place]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield (*at, key)
        yield from _places(child, (*at, key))


def _mutate(seed: Random, data: dict[str, Any]) -> None:
    places = list(_places(data))
    if not places:
        return
    *parents, key = seed.choice(places)
    parent: Any = data
    for name in parents:
        parent = parent[name]
    value, other = parent[key], copy.deepcopy(seed.choice(VALUES))
    match seed.randrange(8):
        case 0:
            del parent[key]
        case 1:
            parent[key] = seed.choice(({"x": value}, [value], {str(key): value}))
        case 2 if isinstance(parent, dict):
            parent[seed.choice(KEYS)] = parent.pop(key)
        case 3 if isinstance(parent, dict):
            parent[seed.choice(KEYS)] = other
        case 4 if isinstance(parent, dict):
            second = seed.choice(list(parent))
            parent[key], parent[second] = parent[second], parent[key]
        case 5 if isinstance(value, int | float) and not isinstance(value, bool):
            parent[key] = value * seed.choice((-1, 0, 2, 1000, 10**12))
        case _:
            parent[key] = other
