"""`ganlimit sweep`: writing a specification, running it, watching it, stopping it and going on."""

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import sweeps
from sweeps.cli.common import console, existing, one_or_all, outside_files, overrides, print_json, show, stderr
from sweeps.cli.options import (
    Dashboard,
    Data,
    DataDir,
    Follow,
    Inception,
    Json,
    NoDownload,
    Quiet,
    RayAddress,
    Seed,
    Spec,
    Storage,
    SweepName,
    SweepNameOption,
    TokenFile,
    TrackingUri,
    Trials,
    Workers,
)
from sweeps.cli.remote import job_line, stop_job
from sweeps.cli.sweep_app import sweep_app

FOLLOW_EVERY_S = 2.0


@sweep_app.command("init")
def init(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The YAML file to write.")] = Path("sweep.yaml"),
    preset: Annotated[
        str | None, typer.Option("--preset", help="Start from this preset instead of the template.", show_default=False)
    ] = None,
) -> None:
    """Write a sweep with every key explained, and the schema that editors check it against."""
    from sweeps.templates import write_template

    for path in write_template(out, preset):
        console().print(f"  {path}", highlight=False, soft_wrap=True)


@sweep_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of a sweep, for editors."""
    from sweeps.templates import json_schema

    print_json(json_schema())


@sweep_app.command("plan")
def plan(
    spec: Spec,
    trials: Trials = None,
    workers: Workers = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    as_json: Json = False,
) -> None:
    """What a sweep would do: trials, sizes, memory, disk and hours, measured for a few seconds. Runs nothing."""
    loaded = sweeps.load_specs(spec, overrides(trials=trials))

    from sweeps.plan import plan_sweep

    _print_each([plan_sweep(one, outside_files(data_root, no_download), workers) for one in loaded], as_json)


@sweep_app.command("run")
def sweep_run(
    spec: Spec,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    seed: Seed = None,
    trials: Trials = None,
    name: SweepNameOption = None,
    workers: Workers = None,
    address: RayAddress = None,
    token_file: TokenFile = None,
    storage: Storage = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run a sweep, or go on with it: the same command again is the resume."""
    loaded = sweeps.load_specs(spec, overrides(seed=seed, name=name, trials=trials, storage=storage))
    root = outside_files(data_root, no_download, inception_weights)
    show(_run(loaded, data_dir, workers, root, quiet, address, token_file), as_json)


@sweep_app.command("resume")
def resume(
    name: SweepName,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    workers: Workers = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Go on with a sweep by its name alone, with the specification it began with."""
    from sweeps.results import find_sweeps, spec_of_sweep
    from sweeps.tracking import Tracking

    tracking = Tracking(existing(data_dir).store)
    loaded = [spec_of_sweep(tracking, member) for member in find_sweeps(tracking, name)]
    show(_run(loaded, data_dir, workers, outside_files(data_root, no_download, inception_weights), quiet), as_json)


@sweep_app.command("confirm")
def confirm(
    name: SweepName,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            min=2,
            max=1000,
            help="Fresh seeds of each student; 2 or more give an interval. Default: as the sweep's confirm.seeds says.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    workers: Workers = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Judge a sweep's limit by fresh seeds, or go on with it.

    A sweep with the phase confirm goes on. Of any other the sweep NAME-confirmed does it: it begins with every finished
    trial of the same teacher and space, those of other sweeps among them, and searches no further.
    """
    from sweeps.confirming import confirmation_of, fresh_results, is_complete
    from sweeps.results import find_sweeps
    from sweeps.tracking import Tracking

    workspace = existing(data_dir)
    tracking = Tracking(workspace.store)
    specs = [confirmation_of(tracking, member, seeds) for member in find_sweeps(tracking, name)]
    known = [spec.name for spec in specs if tracking.find_sweep(spec.name)]
    before = {name: fresh_results(sweeps.read_trials(tracking, workspace, name).table) for name in known}
    root = outside_files(data_root, no_download, inception_weights)
    reports = _run(specs, data_dir, workers, root, quiet)
    for report in reports:
        if is_complete(report.table) and before.get(report.name) == fresh_results(report.table):
            stderr().print(f"{report.name}: everything is confirmed already", highlight=False, soft_wrap=True)
    show(reports, as_json)


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
    if address:
        job = job_line(address, token_file, name)
        stderr().print(f"job {job.id} on {address}: {job.status.lower()}", highlight=False, soft_wrap=True)
    from sweeps.results import find_sweeps
    from sweeps.status import sweep_status
    from sweeps.tracking import Tracking

    workspace = existing(data_dir)
    tracking = Tracking(workspace.store)
    _require_trials(workspace, tracking, name)
    names = find_sweeps(tracking, name)
    if follow:
        _follow(lambda: [sweep_status(tracking, workspace, member) for member in names], as_json)
    else:
        _print_each([sweep_status(tracking, workspace, member) for member in names], as_json)


@sweep_app.command("list")
def list_sweeps(data_dir: DataDir = None, tracking_uri: TrackingUri = None, as_json: Json = False) -> None:
    """All sweeps of the data directory, newest first."""
    from sweeps.status import sweep_status, sweeps_table
    from sweeps.tracking import Tracking

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
    from sweeps.driver import stop_driver
    from sweeps.results import find_sweeps
    from sweeps.tracking import Tracking

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
    from sweeps.results import find_sweeps
    from sweeps.runner import sync_sweep
    from sweeps.tracking import Tracking

    workspace = existing(data_dir)
    synced = [sync_sweep(member, workspace) for member in find_sweeps(Tracking(workspace.store), name)]
    count = sum(of_one for of_one, _ in synced)
    console().print(f"Delivered what was missing of {count} trial{'s' * (count != 1)}.", highlight=False)
    show([report for _, report in synced], as_json=False)


def _require_trials(workspace: Any, tracking: Any, name: str) -> None:
    """Raises SweepError for a sweep whose driver still makes its models: nothing is known of it yet."""
    from sweeps.driver import current_driver
    from sweeps.results import is_known

    if not is_known(tracking, name) and (folder := workspace.driven(name)):
        raise sweeps.SweepError(
            f"The trials of {name} begin when its models are made",
            current_driver(folder) or "a driver that has just begun",
            f"Look again in a while, or stop it: ganlimit sweep stop {name}.",
        )


def _run(
    specs: "Sequence[sweeps.SweepSpec]",
    data_dir: Path | None,
    workers: int | None,
    root: Any,
    quiet: bool,
    address: str | None = None,
    token_file: Path | None = None,
) -> "list[sweeps.Report]":
    from sweeps.progress import display_for

    if address:
        from cluster import use_token

        use_token(token_file)

    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a script starts what it puts into the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # `sweep stop` sends it
    try:
        results = sweeps.run_sweeps(specs, data_dir, workers, display_for(stderr(), quiet), root, address)
    except KeyboardInterrupt:
        name = specs[0].group or specs[0].name
        again = f"so does, once a trial has begun: ganlimit sweep resume {name}"
        stderr().print(f"Stopped. The same command again goes on from here; {again}", highlight=False, soft_wrap=True)
        raise typer.Exit(130) from None
    return [result.report for result in results]


def _print_each(found: Sequence[Any], as_json: bool) -> None:
    """Things that render themselves, one below the other; one of them is one JSON object, several a list."""
    if as_json:
        print_json(one_or_all([each.as_dict() for each in found]))
    else:
        for number, each in enumerate(found):
            console().print(*[""] * bool(number), each.render(), sep="\n")


def _follow(look: Callable[[], list[Any]], as_json: bool) -> None:
    from rich.console import Group
    from rich.live import Live

    def render(found: list[Any]) -> Group:
        return Group(*(status.render() for status in found))

    found = look()
    if as_json or not console().is_terminal:
        while True:
            if as_json:
                _print_each(found, as_json)
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
