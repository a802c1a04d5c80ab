"""`ganlimit sweep`: where sweeps stand, stopping them, and bringing to the tracking store what it missed."""

import time
from collections.abc import Callable
from typing import Any

from rich.console import Group
from rich.live import Live

import sweeps
from sweeps.cli.common import console, existing, print_each, print_json, show, stderr
from sweeps.cli.options import Dashboard, DataDir, Follow, Json, SweepName, TokenFile, TrackingUri
from sweeps.cli.remote import job_line, show_beginning, stop_job
from sweeps.cli.sweep_app import sweep_app

__all__ = ["sweep_app"]  # now that all its commands are there

FOLLOW_EVERY_S = 2.0


@sweep_app.command("status")
def status(
    name: SweepName,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    address: Dashboard = None,
    token_file: TokenFile = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """How many trials of a sweep are in which state, what runs now, and its best results so far.

    With the address of the cluster to which it was submitted, that of its job as well.
    """
    from sweeps.ledger.data_dir import default_data_dir
    from sweeps.ledger.sweeps import find_sweeps, is_known
    from sweeps.ledger.tracking import Tracking
    from sweeps.ledger.workspace import Workspace
    from sweeps.results.status import sweep_status

    if address:
        job = job_line(address, token_file, name)
        stderr().print(f"job {job.id} on {address}: {job.status.lower()}", highlight=False, soft_wrap=True)
        if not is_known(Tracking(Workspace.open(data_dir or default_data_dir()).store), name):
            show_beginning(address, token_file, name)
            return
    workspace = existing(data_dir)
    tracking = Tracking(workspace.store)
    _require_trials(workspace, tracking, name)
    names = find_sweeps(tracking, name)
    if follow:
        _follow(lambda: [sweep_status(tracking, workspace, member) for member in names], as_json)
    else:
        print_each([sweep_status(tracking, workspace, member) for member in names], as_json)


@sweep_app.command("list")
def list_sweeps(data_dir: DataDir = None, tracking_uri: TrackingUri = None, as_json: Json = False) -> None:
    """All sweeps of the data directory, newest first."""
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.status import sweep_status, sweeps_table

    workspace = existing(data_dir)
    tracking = Tracking(workspace.store)
    names = [run.data.tags["ganlimit.sweep"] for run in tracking.sweeps()]
    found = [sweep_status(tracking, workspace, name) for name in names]
    if as_json:
        print_json([status.as_dict() for status in found])
    else:
        console().print(sweeps_table(found))


@sweep_app.command("stop")
def stop(
    name: SweepName,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    address: Dashboard = None,
    token_file: TokenFile = None,
) -> None:
    """Stop the driver of a sweep as Ctrl-C does; `sweep resume` goes on from there.

    With the address of the cluster to which it was submitted, the driver there.
    """
    if address:
        stop_job(address, token_file, name)
        return
    from sweeps.ledger.lock import stop_driver
    from sweeps.ledger.sweeps import find_sweeps
    from sweeps.ledger.tracking import Tracking

    workspace = existing(data_dir)
    folder = workspace.driven(name)
    if folder is None:
        first, *_ = find_sweeps(Tracking(workspace.store), name)  # those of one file have one driver
        folder = workspace.sweep(first)
    driver = stop_driver(folder, name)
    console().print(
        f"Asked {driver} to stop. Go on with: ganlimit sweep resume {name}", highlight=False, soft_wrap=True
    )


@sweep_app.command("sync")
def sync(name: SweepName, data_dir: DataDir = None, tracking_uri: TrackingUri = None) -> None:
    """Bring to the tracking store what it missed while it was away, and write the report."""
    from sweeps.driver.runner import sync_sweep
    from sweeps.ledger.sweeps import find_sweeps
    from sweeps.ledger.tracking import Tracking

    workspace = existing(data_dir)
    synced = [sync_sweep(member, workspace) for member in find_sweeps(Tracking(workspace.store), name)]
    count = sum(of_one for of_one, _ in synced)
    console().print(f"Delivered what was missing of {count} trial{'s' * (count != 1)}.", highlight=False)
    show([report for _, report in synced], as_json=False)


def _require_trials(workspace: Any, tracking: Any, name: str) -> None:
    """Raises SweepError for a sweep whose driver still makes its models: nothing is known of it yet."""
    from sweeps.ledger.lock import current_driver
    from sweeps.ledger.sweeps import is_known

    if not is_known(tracking, name) and (folder := workspace.driven(name)):
        raise sweeps.SweepError(
            f"The trials of {name} begin when its models are made",
            current_driver(folder) or "a driver that has just begun",
            f"Look again in a while, or stop it: ganlimit sweep stop {name}.",
        )


def _follow(look: Callable[[], list[Any]], as_json: bool) -> None:
    def render(found: list[Any]) -> Group:
        return Group(*(status.render() for status in found))

    found = look()
    if as_json or not console().is_terminal:
        while True:
            if as_json:
                print_each(found, as_json)
            else:
                console().print(*(status.line() for status in found), sep="\n", highlight=False, soft_wrap=True)
            if not any(status.is_running for status in found):
                return
            time.sleep(FOLLOW_EVERY_S)
            found = look()
    with Live(render(found), console=console(), auto_refresh=False) as live:
        while any(status.is_running for status in found):
            time.sleep(FOLLOW_EVERY_S)
            found = look()
            live.update(render(found), refresh=True)
