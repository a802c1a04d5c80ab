"""This module runs sweeps for the commands: it shows their reports, and fails where a sweep has come to nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

import sweeps
from sweeps.cli.ending import StoppedError, heed_ctrl_c
from sweeps.cli.mistakes import as_dict, tell
from sweeps.cli.output import print_one_or_all, show, stderr

if TYPE_CHECKING:
    from gan import DataRoot


def run_specs(
    specs: "Sequence[sweeps.SweepSpec]",
    data_dir: Path | None,
    *,
    tracking_uri: str | None,
    workers: int | None,
    data_root: "DataRoot",
    address: str | None,
    token_file: Path | None,
    quiet: bool,
) -> "list[sweeps.Report]":
    """Runs sweeps for a command, and returns their reports; a command that is told to end says how to go on."""
    from sweeps.display import display_for

    heed_ctrl_c()  # which a script ignores for what it puts into the background, and `sweep stop` sends
    try:
        results = sweeps.run_sweeps(
            specs,
            data_dir,
            tracking_uri=tracking_uri,
            workers=workers,
            display=display_for(stderr(), quiet=quiet),
            data_root=data_root,
            address=address,
            token_file=token_file,
        )
    except KeyboardInterrupt:
        name = specs[0].group or specs[0].name
        again = f"so does, once a trial has begun: ganlimit sweep resume {name}"
        raise StoppedError(f"Stopped. The same command again goes on from here; {again}") from None
    return [result.report for result in results]


def show_reports(reports: "Sequence[sweeps.Report]", specs: "Sequence[sweeps.SweepSpec]", *, as_json: bool) -> None:
    """Prints the reports. Where nothing of a sweep was trained to its end it says why, and ends the command so."""
    from sweeps.results.failure import failure_of

    failures = [failure_of(spec, report.table) for spec, report in zip(specs, reports, strict=True)]
    if as_json:
        found = zip(reports, failures, strict=True)
        print_one_or_all([{**report.as_dict(), **({"error": as_dict(why)} if why else {})} for report, why in found])
    else:
        show(reports, as_json=False)
    for why in failures:
        if why:
            raise typer.Exit(tell(why, as_json=False))
