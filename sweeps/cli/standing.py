"""This module is the part of `ganlimit sweep` that says where sweeps stand, stops them and delivers what is missing."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import sweeps
from sweeps.cli.inputs import existing, folder_of
from sweeps.cli.options import Dashboard, DataDir, Follow, Json, SweepName, TokenFile, TrackingUri
from sweeps.cli.output import console, print_each, print_json, remark, say, show
from sweeps.cli.remote import jobs_at, require_use, show_beginning, stop_job
from sweeps.display import can_redraw, redrawn, whole
from sweeps.errors import SweepError

if TYPE_CHECKING:
    from sweeps.cli.status_view import View

FOLLOW_EVERY_S = 2.0


def status(
    name: SweepName,
    data_dir: DataDir = None,
    *,
    tracking_uri: TrackingUri = None,
    address: Dashboard = None,
    token_file: TokenFile = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Show how many trials of a sweep are in which state, what runs now, and its best results so far.

    With the address of the cluster to which it was submitted, show that of its job as well.
    """
    require_use(address, token_file=token_file)
    from sweeps.cli.status_view import PreparationView, StatusView
    from sweeps.ledger.sweeps import find_sweeps, is_known
    from sweeps.ledger.tracking import Tracking
    from sweeps.ledger.workspace import Workspace
    from sweeps.results.status import preparations, sweep_status

    if address:
        from sweeps.site.submitted import job_of, tracking_uri_of

        jobs = jobs_at(address, token_file)
        job = job_of(jobs, name, address=address)
        remark(f"job {job.id} on {address}: {job.status.lower()}")
        tracking_uri = tracking_uri_of(job, tracking_uri)  # None leaves it to the environment
        if not is_known(Tracking(Workspace.open(folder_of(data_dir), tracking_uri).store), name):
            show_beginning(jobs, job)
            return
    workspace = existing(data_dir, tracking_uri)
    tracking = Tracking(workspace.store)

    def look() -> "Sequence[View]":
        preparing = {each.name: each for each in preparations(tracking, workspace, name=name)}
        begun = find_sweeps(tracking, name) if not preparing or is_known(tracking, name) else []
        views: list[View] = [PreparationView(each) for each in preparing.values() if each.name not in begun]
        views += [StatusView(sweep_status(tracking, workspace, name=each)) for each in begun]
        return sorted(views, key=lambda view: view.status.name)

    if follow:
        _follow(look, as_json=as_json)
    else:
        print_each(look(), as_json=as_json)


def list_sweeps(data_dir: DataDir = None, tracking_uri: TrackingUri = None, *, as_json: Json = False) -> None:
    """List all sweeps of the data directory, newest first; before them those whose models are being made."""
    from sweeps.cli.status_view import sweeps_listing
    from sweeps.ledger.tags import SWEEP
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.status import Preparation, SweepStatus, preparations, sweep_status

    workspace = existing(data_dir, tracking_uri)
    tracking = Tracking(workspace.store)
    names = [run.data.tags[SWEEP] for run in tracking.sweeps()]
    found: list[Preparation | SweepStatus] = []
    try:
        found += preparations(tracking, workspace)
    except SweepError as error:
        remark(str(error))
    for name in names:
        try:
            found.append(sweep_status(tracking, workspace, name=name))
        except SweepError as error:  # the others are listed all the same
            remark(f"{name} is left out. {error}")
    if as_json:
        print_json([status.as_dict() for status in found])
    else:
        console().print(whole([[sweeps_listing(found)]]))


def stop(
    name: SweepName,
    data_dir: DataDir = None,
    *,
    tracking_uri: TrackingUri = None,
    address: Dashboard = None,
    token_file: TokenFile = None,
) -> None:
    """Stop the driver of a sweep as Ctrl-C does; `sweep resume` goes on from there.

    With the address of the cluster to which it was submitted, stop the driver there.
    """
    require_use(address, token_file=token_file)
    if address:
        _require_no_place(address, data_dir=data_dir, tracking_uri=tracking_uri)
        stop_job(jobs_at(address, token_file), name, address=address)
        return
    from mlflow.exceptions import MlflowException

    from sweeps.ledger.lock import stop_driver
    from sweeps.ledger.sweeps import find_sweeps, is_known
    from sweeps.ledger.tracking import Tracking

    workspace = existing(data_dir, tracking_uri)
    # Those of one file have one driver.
    first, *_ = workspace.driven(name) or find_sweeps(Tracking(workspace.store), name)
    folder = workspace.sweep(first)
    driver, known = stop_driver(folder, name), True
    with suppress(SweepError, MlflowException):  # the driver is asked to stop, wherever the store is
        known = is_known(Tracking(workspace.store), name)
    again = f"with: ganlimit sweep resume {name}" if known else "by the same command: no trial had begun"
    say(f"Asked {driver} to stop. Go on {again}")


def sync(name: SweepName, data_dir: DataDir = None, *, tracking_uri: TrackingUri = None) -> None:
    """Bring to the tracking store what it missed while it was away, and write the report."""
    from sweeps.driver.runner import sync_sweep
    from sweeps.ledger.sweeps import find_sweeps
    from sweeps.ledger.tracking import Tracking

    workspace = existing(data_dir, tracking_uri)
    synced = [sync_sweep(member, workspace) for member in find_sweeps(Tracking(workspace.store), name)]
    count = sum(of_one for of_one, _ in synced)
    console().print(f"Delivered what was missing of {count} trial{'s' * (count != 1)}.", highlight=False)
    show([report for _, report in synced], as_json=False)


def _require_no_place(address: str, *, data_dir: Path | None, tracking_uri: str | None) -> None:
    """Raises SweepError for options that name where a driver of this machine would be looked for."""
    given = {"--data-dir": data_dir, "--tracking-uri": tracking_uri}
    place = [f"{option} {value}" for option, value in given.items() if value]
    if place:
        raise sweeps.SweepError(
            "A submitted sweep is stopped by its name and the cluster's address alone",
            f"{' and '.join(place)} with --address {address}",
            f"Leave {' and '.join(option for option, value in given.items() if value)} out, or --address.",
        )


def _follow(look: "Callable[[], Sequence[View]]", *, as_json: bool) -> None:
    found = look()
    if as_json or not can_redraw(console()):
        _write_changes(found, look, as_json=as_json)
        return
    with redrawn(console(), lambda: [block for view in found for block in view.blocks()], every_s=None) as refresh:
        while any(view.status.is_running for view in found):
            time.sleep(FOLLOW_EVERY_S)
            found = look()
            refresh()


def _write_changes(found: "Sequence[View]", look: "Callable[[], Sequence[View]]", *, as_json: bool) -> None:
    """Write for a file or a pipe: where a sweep stands, and again whenever that has changed."""
    written: Sequence[object] = []
    while True:
        now = [view.as_dict() if as_json else view.status.line() for view in found]
        if as_json and now != written:
            print_each(found, as_json=True)
        elif not as_json:
            for line in now:
                if line not in written:
                    say(str(line))
        written = now
        if not any(view.status.is_running for view in found):
            return
        time.sleep(FOLLOW_EVERY_S)
        found = look()
