"""The documentation: its links lead somewhere, its commands are real, and the front door stays one page."""

import itertools
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sweeps.cli.app import app

ROOT = Path(__file__).parents[1]
FRONT_DOOR = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "command-line.md"
FOLDERS = ("docs", "tests", "analysis", "cluster", "gan", "sweeps")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
PAGES_OF_NOW = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which names what earlier versions had

of_pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
of_pages_of_now = pytest.mark.parametrize("page", PAGES_OF_NOW, ids=lambda page: page.relative_to(ROOT).as_posix())


def tokens(page: Path) -> Iterator[Token]:
    """Yields the tokens of a page; inline ones stand in the place of the block that holds them."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        yield from token.children or [token]


def links(page: Path) -> list[str]:
    """Returns where a page's links and pictures lead within the repository, as they are written."""
    found: list[str] = []
    for token in tokens(page):
        found += [str(value) for name, value in token.attrs.items() if name in ("href", "src")]
        if token.type.startswith("html"):
            found += re.findall(r'(?:href|src)="([^"]*)"', token.content)
    return [unquote(link) for link in found if not re.match(r"[a-z]+:", link)]


def target(page: Path, link: str) -> tuple[Path, str]:
    """Returns the file or folder to which a page's link leads, and the anchor there."""
    path, _, anchor = link.partition("#")
    return (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """Returns the anchors that GitHub gives a page's headings."""
    seen: dict[str, int] = {}
    parsed = MarkdownIt("commonmark").parse(page.read_text())
    for opening, heading in itertools.pairwise(parsed):
        if opening.type == "heading_open":
            text = "".join(child.content for child in heading.children or [])
            anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            seen[anchor] = seen.get(anchor, -1) + 1
    return {f"{anchor}-{number}" if number else anchor for anchor, last in seen.items() for number in range(last + 1)}


def commands(page: Path, program: str) -> list[list[str]]:
    """Returns the words after `program` wherever a span of code, or a line of a block, begins with it."""
    found = []
    for token in tokens(page):
        if token.type in ("code_inline", "fence"):
            for line in token.content.replace("\\\n", " ").splitlines():
                if line.startswith(f"{program} "):
                    found.append(shlex.split(line, comments=True)[1:])
    return found


def subcommands(command: Any) -> dict[str, Any] | None:
    """Returns what a group of commands holds; None for a command."""
    return getattr(command, "commands", None)


def names(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """Yields the name of every command at or below `command`, which has the name `path`, word by word."""
    below = subcommands(command)
    if below is None:
        yield path
    for name, each in (below or {}).items():
        yield from names(each, *path, name)


def command_of(words: list[str]) -> tuple[Any, list[str], list[str]]:
    """Returns the command that words of the command line name, its name, and the words that it is given."""
    command: Any = typer.main.get_command(app)
    name: list[str] = []
    rest = list(words)
    while (below := subcommands(command)) is not None:
        name.append(rest.pop(0) if rest else "")
        assert name[-1] in below, f"no command {' '.join(name)!r}"
        command = below[name[-1]]
    return command, name, rest


def parse(words: list[str]) -> None:
    """Parses words as the command line does, and runs nothing. Raises what the command line would refuse them with."""
    command, name, rest = command_of(words)
    command.make_context(name[-1], rest)


def require_target(words: list[str]) -> None:
    """Raises AssertionError where a word after `make` is neither a target of the Makefile nor a variable."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    missing = {word for word in words if "=" not in word} - targets
    assert not missing, f"no targets {missing}"


def require_script(words: list[str]) -> None:
    """Raises where the script or module after `python` is not in the repository, or its text lacks an option."""
    name = words[1].replace(".", "/") + ".py" if words[0] == "-m" else words[0]
    text = (ROOT / name).read_text()
    missing = [word for word in words[1:] if word.startswith("--") and f'"{word}"' not in text]
    assert not missing, f"{name} has no {missing}"


def refusals(page: Path, program: str, check: Callable[[list[str]], None]) -> dict[str, str]:
    """Returns what a page's commands are refused with, by command."""
    found = {}
    for words in commands(page, program):
        try:
            check(words)
        except Exception as error:  # whatever the parser, a callback of an option or the file system says
            found[shlex.join([program, *words])] = f"{type(error).__name__}: {error}"
    return found


@of_pages
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, anchor = target(page, link)
        assert path.is_relative_to(ROOT), f"{link}: outside the repository"
        assert path.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(path), f"{link}: no such heading"


@of_pages_of_now
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """A span of code that begins with a folder of the repository and ends like a file is a path from its root."""
    spans = {token.content for token in tokens(page) if token.type == "code_inline"}
    named = {span for span in spans if re.fullmatch(rf"({'|'.join(FOLDERS)})/[\w./-]+\.(?:py|yaml|json|md)", span)}
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_the_front_door_is_one_page() -> None:
    assert FRONT_DOOR.stat().st_size <= 10_000


def test_every_page_is_reached_from_the_front_door() -> None:
    reached, waiting = {FRONT_DOOR}, [FRONT_DOOR]
    while waiting:
        page = waiting.pop()
        new = {path for path, _ in (target(page, link) for link in links(page)) if path.suffix == ".md"} - reached
        reached |= new
        waiting += sorted(new)
    assert set(PAGES) - reached == set()


@of_pages_of_now
def test_every_command_is_one_that_the_command_line_takes(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # which --tracking-uri sets: put back at the end
    assert refusals(page, "ganlimit", parse) == {}


@of_pages_of_now
def test_every_target_and_script_is_there(page: Path) -> None:
    assert refusals(page, "make", require_target) | refusals(page, "python", require_script) == {}


def test_the_reference_names_every_command() -> None:
    named = {tuple(command_of(words)[1]) for words in commands(REFERENCE, "ganlimit")}
    assert set(names(typer.main.get_command(app))) - named == set()
