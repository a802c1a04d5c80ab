"""This module tells a person, and a script that asked for JSON, what is to be mended: by rule, value and remedy."""

from collections.abc import Mapping

from sweeps.cli.output import print_json, remark
from sweeps.errors import Explained, NothingFeasibleError, NothingFinishedError, SpecError, UndeliveredError
from sweeps.exit_codes import ExitCode

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
