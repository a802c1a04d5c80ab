"""The command line as it is declared: one table of commands, options that all do something, known exit codes."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from sweeps.cli.app import COMMANDS, GROUPS, Command
from sweeps.exit_codes import ExitCode

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "command-line.md"


def commands() -> Iterator[tuple[str, Command]]:
    yield from COMMANDS.items()
    for name, group in GROUPS.items():
        for word, command in group.commands.items():
            yield f"{name} {word}", command


def unread(command: Command) -> list[str]:
    """Returns the parameters that a function never reads."""
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(command))).body
    assert isinstance(function, ast.FunctionDef)
    inside = [node for statement in function.body for node in ast.walk(statement)]
    read = {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return [name for name in inspect.signature(command).parameters if name not in read]


@pytest.mark.parametrize(("name", "command"), [pytest.param(*each, id=each[0]) for each in commands()])
def test_a_command_uses_every_option_that_it_takes(name: str, command: Command) -> None:
    assert not unread(command), f"ganlimit {name}"


def test_an_option_that_is_not_used_is_found() -> None:
    def forgetful(name: str, quiet: bool = False) -> None:
        typer.echo(name)

    assert unread(forgetful) == ["quiet"]


def test_every_command_that_reads_a_tracking_store_takes_its_address() -> None:
    for name, command in commands():
        source = inspect.getsource(command)
        if any(word in source for word in ("existing(", "run_sweeps(", "_run(", "sweep_run(", "sample_to_file(")):
            assert "tracking_uri" in inspect.signature(command).parameters, f"ganlimit {name}"


def test_the_table_of_exit_codes_has_those_of_the_program() -> None:
    section = REFERENCE.read_text().partition("## Exit codes")[2].partition("\n## ")[0]
    told = [int(number) for number in re.findall(r"^\| (\d+) \|", section, flags=re.MULTILINE)]
    assert told == sorted(ExitCode)


def test_exit_codes_are_written_as_numbers_in_one_place() -> None:
    for path in sorted((ROOT / "sweeps").rglob("*.py")):
        found = re.findall(r"(?:sys\.exit|os\._exit|typer\.Exit)\(\s*\d+", path.read_text())
        assert not found, f"{path}: {found}"
