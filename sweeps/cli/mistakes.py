"""This module tells a person, and a script that asked for JSON, what is to be mended: by rule, value and remedy."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import typer

from sweeps.cli.output import print_json, remark
from sweeps.errors import (
    Explained,
    NothingFeasibleError,
    NothingFinishedError,
    SpecError,
    SweepError,
    UndeliveredError,
)
from sweeps.exit_codes import ExitCode

# Click's error of a command that is typed wrong. Newer versions of Typer have a copy of Click, older ones need it.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

_EXIT_CODES = {
    UndeliveredError: ExitCode.UNDELIVERED,
    NothingFinishedError: ExitCode.NOTHING_FINISHED,
    NothingFeasibleError: ExitCode.NOTHING_FEASIBLE,
}


def tell(error: Explained, *, as_json: bool) -> ExitCode:
    """Print a mistake on standard error and, for a script, as JSON on standard output. Returns the exit code."""
    remark(f"error: {error}")
    if as_json:
        print_json({"error": as_dict(error)})
    return _EXIT_CODES.get(type(error), ExitCode.MISTAKE)


def as_dict(error: Explained) -> Mapping[str, object]:
    """Returns a mistake's parts for a script; of a sweep's file with each of its `mistakes`."""
    parts = {"rule": error.rule, "value": error.value, "remedy": error.remedy}
    return {**parts, "mistakes": list(error.mistakes)} if isinstance(error, SpecError) else parts


@contextmanager
def told_of_usage(*, as_json: bool) -> Iterator[None]:
    """Print, for a script, what a command of the `with` block has against its words; a person is told by Typer."""
    try:
        yield
    except _UsageError as error:
        if as_json:
            print_json({"error": as_dict(_mistyped(error))})
        raise


def _mistyped(error: Exception) -> SweepError:
    context, message = getattr(error, "ctx", None), getattr(error, "message", "")
    command = context.command_path if context else "ganlimit"
    said = error.format_message() if hasattr(error, "format_message") else message
    return SweepError(f"{command} has the options and arguments that its help lists", said, f"See {command} --help.")
