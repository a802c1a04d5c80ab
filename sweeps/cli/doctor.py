"""This module is `ganlimit doctor`: a line for each thing that was checked, and what to do where it is wrong."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

import sweeps
from sweeps.cli.inputs import folder_of, overrides
from sweeps.cli.options import DataDir, ExtractorWeights, Inception, Json, Storage, TokenFile, TrackingUri
from sweeps.cli.output import console, print_json, say
from sweeps.exit_codes import ExitCode

if TYPE_CHECKING:
    from cluster import Check

TICK, CROSS = "✓", "✗"
MOST_COLUMNS = 4  # nodes beside each other
NODE = "node "  # how the subject of a node's check begins


def doctor(
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="ADDRESS",
            help='A cluster: its dashboard, http://HOST:8265, or Ray\'s own HOST:PORT or "auto". Default: this machine '
            "alone.",
            show_default=False,
        ),
    ] = None,
    token_file: TokenFile = None,
    *,
    tracking_uri: TrackingUri = None,
    storage: Storage = None,
    inception_weights: Inception = None,
    extractor_weights: ExtractorWeights = None,
    spec: Annotated[
        str | None,
        typer.Option("--spec", metavar="SPEC", help="Also whether this sweep can run there.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Look at what a sweep stands on: packages, clocks, disks, storage, tracking server, on every node.

    Exit code 1 where something is wrong.
    """
    from sweeps.doctor.diagnosis import Question, diagnose

    found = diagnose(
        Question(
            data_dir=folder_of(data_dir),
            specs=sweeps.load_specs(spec, overrides(storage=storage)) if spec else (),
            address=address,
            token_file=token_file,
            tracking_uri=tracking_uri,
            storage=storage,
            inception_weights=inception_weights,
            extractor_weights=extractor_weights,
        )
    )
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found.checks)
    raise typer.Exit(ExitCode.SUCCESS if found.is_fine else ExitCode.FAILURE)


def _print(checks: Sequence["Check"]) -> None:
    others = [check for check in checks if not check.subject.startswith(NODE)]
    of_nodes = [check for check in checks if check.subject.startswith(NODE)]
    for subject in dict.fromkeys(check.subject for check in others):
        say(subject)
        for check in others:
            if check.subject == subject:
                say(f"  {line(check)}")
    if of_nodes:
        _print_nodes(of_nodes)
    say(f"{sum(check.is_fine for check in checks)} of {len(checks)} checks are fine.")


def _print_nodes(checks: Sequence["Check"]) -> None:
    """Print a column for each of a few nodes; then, and of many nodes alone, a line for each thing that is wrong."""
    nodes = list(dict.fromkeys(check.subject for check in checks))
    wrong = [check for check in checks if not check.is_fine]
    if len(nodes) <= MOST_COLUMNS:
        console().print(_table(checks, nodes))
    else:
        ill = len({check.subject for check in wrong})
        say(f"{len(nodes)} nodes: {len(nodes) - ill} as they should be, {ill} not")
    for check in wrong:
        say(f"  {check.subject}: {line(check)}")


def line(check: "Check") -> str:
    """Returns a check in one line: tick or cross, what was found, and the remedy."""
    found = f"{_mark(check)} {check.name}: {check.found}"
    return found if check.remedy is None else f"{found}. {check.remedy}"


def _mark(check: "Check") -> str:
    return TICK if check.is_fine else CROSS


def _table(checks: Sequence["Check"], nodes: Sequence[str]) -> Table:
    table = Table(box=None, title_justify="left")
    table.add_column("nodes", no_wrap=True)
    for node in nodes:
        table.add_column(node.removeprefix(NODE), overflow="fold")
    cells = {(check.name, check.subject): Text(f"{_mark(check)} {check.found}") for check in checks}
    for name in dict.fromkeys(check.name for check in checks):
        table.add_row(name, *(cells.get((name, node), "") for node in nodes))
    return table
