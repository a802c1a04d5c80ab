"""This module prints what the commands say: for people on one of two consoles, for scripts as JSON."""

import codecs
import io
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

import typer
from rich.console import Console, RenderableType

# One character for one, so that tables stay in line. Any other is a question mark.
_PLAIN = {"✓": "v", "✗": "x", "…": ".", "→": ">", "±": "~"}
_FALLBACK = "plain-characters"


class Shown(Protocol):
    """A Shown has a form for scripts, and one that it prints for people."""

    def as_dict(self) -> Mapping[str, object]: ...

    def print_to(self, console: Console, /) -> None: ...


class Rendered(Protocol):
    """A Rendered has a form for scripts, and one for people that a terminal shows wherever it likes."""

    def as_dict(self) -> Mapping[str, object]: ...

    def render(self) -> RenderableType: ...


def heed_encoding() -> None:
    """Let standard output and error write what their encoding lacks in other characters, instead of failing at it."""
    codecs.register_error(_FALLBACK, _in_plain_characters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
            stream.reconfigure(errors=_FALLBACK)


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError), "streams that are written to"
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in lacking), error.end


def console() -> Console:
    """Returns the console of standard output."""
    return Console()


def stderr() -> Console:
    """Returns the console of standard error: progress and mistakes."""
    return Console(stderr=True)


def say(text: str) -> None:
    """Print lines as they are, however wide the terminal is."""
    console().print(text, highlight=False, markup=False, soft_wrap=True)


def remark(text: str) -> None:
    """Print lines as `say` does, on standard error."""
    stderr().print(text, highlight=False, markup=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print JSON on standard output; NaN is refused, which JSON does not know."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def show(found: Sequence[Shown], *, as_json: bool) -> None:
    """Print things that print themselves, one below the other; as JSON one of them is an object, several are a list."""
    if as_json:
        print_one_or_all([each.as_dict() for each in found])
    else:
        for each in found:
            each.print_to(console())


def print_each(found: Sequence[Rendered], *, as_json: bool) -> None:
    """Print things that are rendered as `show` does, with an empty line between them."""
    if as_json:
        print_one_or_all([each.as_dict() for each in found])
    else:
        for number, each in enumerate(found):
            console().print(*[""] * bool(number), each.render(), sep="\n")


def print_one_or_all(values: Sequence[Mapping[str, object]]) -> None:
    """Print one value as a JSON object, several as a list."""
    print_json(values[0] if len(values) == 1 else values)
