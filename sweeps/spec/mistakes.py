"""This module says in one line what of a sweep's file is a mistake: where, the rule, what was got, and what to do."""

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import Tag, ValidationError
from pydantic_core import ErrorDetails

from gan.config import Config
from sweeps.spec.domains import dotted_names
from sweeps.spec.sweep import SweepSpec

DOMAINS = ("int", "float", "choice", "fixed")
# What a file may state in one place, by its tag.
KINDS: dict[str | int, str] = {
    "trained": "a teacher that is trained",
    "imported": "a generator of your own",
    "classifier": "a classifier",
    "selfsupervised": "a selfsupervised extractor",
    "pretrained": "a pretrained extractor",
    "own": "an extractor of your own",
}
UNION_TAGS = {*DOMAINS, "scalar", "[key]", *KINDS, "one", "each"}

Location = tuple[str | int, ...]

REPLACED = 0  # the line of a value that does not stand in the file


def described(error: ValidationError, lines: dict[Location, int]) -> list[str]:
    """Returns each mistake of a file as one line; `lines` are those of its places."""
    return [_described(detail, lines) for detail in error.errors() if not _follows(detail)]


def _follows(detail: ErrorDetails) -> bool:
    """Returns whether a mistake is there because of another, which is named itself.

    A list is too short because its items are mistakes; a group is named as the file is.
    """
    if detail["loc"][:1] == ("group",):
        return True
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _described(detail: ErrorDetails, lines: dict[Location, int]) -> str:
    """Returns one mistake as `line 7: path: rule, got value. Remedy.`"""
    # A union puts its branch's tag into the location; the file has no such level.
    location = _in_file(detail["loc"], lines)
    line = next((lines[location[:n]] for n in range(len(location), -1, -1) if location[:n] in lines), 1)
    kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
    if kind == "missing" and line == REPLACED:  # what the command gives is not what is missing
        line = 1
    given = [dotted(place) for place, at in lines.items() if at == REPLACED and place[: len(location)] == location]
    is_of_both = kind == "value_error" and location and line != REPLACED and given
    at = f"{_at(line)}, with {given[-1]} of the command" if is_of_both else _at(line)
    where = f"{at}: {dotted(location) or 'the sweep'}"
    if kind == "extra_forbidden":
        return f"{where}: unknown key{_suggestion(detail)}"
    if kind == "missing":
        return f"{where}: is required. Add it."
    if kind == "domain":
        given = detail["input"]
        got = given.get("type", "none") if isinstance(given, dict) else given
        return f"{where}: a domain's type is int, float, choice or fixed, got {got!r}. Or write one value."
    if kind == "value_error" and not location:
        return f"{_at(_line_named(message, lines))}: {message.removesuffix('.')}."
    if kind == "value_error":
        return f"{where}: {message.removesuffix('.')}."
    rule, given = message[0].lower() + message[1:], detail["input"]
    if location[:1] == ("student",) and isinstance(given, dict) and given.get("type") in DOMAINS:
        place = "search.space" if location[1:] == ("gan_weight",) else "search.space.student"
        return f"{where}: {rule}, got a domain. Write it as {dotted(location[1:])} under {place}."
    return f"{where}: {rule}, got {given!r}. Choose a value that fits."


def dotted(location: Location) -> str:
    """Returns a location as a person writes it: the keys of a file with dots between them."""
    return ".".join(map(str, location)).replace(".[key]", "")


def _at(line: int) -> str:
    return "given with the command" if line == REPLACED else f"line {line}"


def _line_named(message: str, lines: dict[Location, int]) -> int:
    """Returns the line of the key that a mistake of the whole sweep begins with, or of what holds it; else the first.

    A key may itself have dots in it, as those under search.space.student do.
    """
    key = message.partition(" ")[0]
    holding = [place for place in lines if key == dotted(place) or key.startswith(f"{dotted(place)}.")]
    return lines[max(holding, key=lambda place: len(dotted(place)), default=())]


def _in_file(location: Location, lines: dict[Location, int]) -> Location:
    if location[-2:] == ("scalar", "value"):  # of a domain that is written as one value
        location = location[:-2]
    kept: Location = ()
    for depth, part in enumerate(location):
        last = depth == len(location) - 1
        if (*kept, part) in lines or (last and part not in UNION_TAGS):
            kept = (*kept, part)
    return kept


def _suggestion(detail: ErrorDetails) -> str:
    *above, key = detail["loc"]
    if others := list(_kinds_with(key, tuple(above))):
        return f" of {KINDS[above[-1]]}: it is one of {' or '.join(others)}. Leave it out."
    model = _model_at(detail["loc"][:-1])
    known = sorted(getattr(model, "model_fields", ()))
    deeper = [name for name in (dotted_names(model) if known else ()) if name.endswith(f".{key}")]
    close = deeper if len(deeper) == 1 else difflib.get_close_matches(str(key), known, n=1)
    if close:
        return f". Did you mean {close[0]}?"
    return f". Known here: {', '.join(known)}." if known else ". Remove it."


def _kinds_with(key: str | int, above: Location) -> Iterator[str]:
    """Yields in words the kinds that have the key where one of another kind is stated."""
    union = _model_at(above[:-1])
    for tag, words in KINDS.items() if above and above[-1] in KINDS else ():
        if key in getattr(_branch(union, tag), "model_fields", ()):
            yield words


def _model_at(location: Location) -> Any:
    model: Any = SweepSpec
    for part in location:
        field = getattr(model, "model_fields", {}).get(part)
        model = _stated(field.annotation) if field else _branch(model, part)
    return model


def _stated(kind: Any) -> Any:
    """Returns the only configuration that may stand where there may be none; any other type as it is."""
    parts = [part for option in get_args(kind) for part in (option, *get_args(option))]
    inner = [part for part in parts if isinstance(part, type) and issubclass(part, Config)]
    return inner[0] if len(inner) == 1 else kind


def _branch(union: Any, tag: str | int) -> Any:
    """Returns the type of a union that a discriminator calls `tag`; None where there is none."""
    for branch in get_args(union):
        kind, *metadata = get_args(branch) or (None,)
        if any(isinstance(given, Tag) and given.tag == tag for given in metadata):
            return kind
    return None
