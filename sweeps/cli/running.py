"""This module runs sweeps for the commands: it shows their reports, and fails where a sweep has come to nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import sweeps
from sweeps.cli.ending import StoppedError, heed_ctrl_c
from sweeps.cli.output import show, stderr

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
    """Prints the reports. Raises SweepError where nothing of a sweep was trained to its end."""
    from sweeps.results.failure import failure_of

    show(reports, as_json=as_json)
    for spec, report in zip(specs, reports, strict=True):
        if failure := failure_of(spec, report.table):
            raise failure
