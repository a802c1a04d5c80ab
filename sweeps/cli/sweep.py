"""`ganlimit sweep`: writing a specification, running it, watching it, stopping it and going on."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

import sweeps
from sweeps.cli.common import console, existing, outside_files, overrides, print_json, show, stderr
from sweeps.cli.options import (
    Data,
    DataDir,
    Inception,
    Json,
    NoDownload,
    Quiet,
    Seed,
    Spec,
    SweepName,
    SweepNameOption,
    Trials,
    Workers,
)

sweep_app = typer.Typer(help="Searches over students.", no_args_is_help=True)
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


@sweep_app.command("run")
def sweep_run(
    spec: Spec,
    data_dir: DataDir = None,
    seed: Seed = None,
    trials: Trials = None,
    name: SweepNameOption = None,
    workers: Workers = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run a sweep, or go on with it: the same command again is the resume."""
    loaded = sweeps.load_spec(spec, overrides(seed=seed, name=name, trials=trials))

    from sweeps.progress import display_for

    display, root = display_for(stderr(), quiet), outside_files(data_root, no_download, inception_weights)
    show(sweeps.run_sweep(loaded, data_dir, workers, display, root).report, as_json)


@sweep_app.command("resume")
def resume(
    name: SweepName,
    data_dir: DataDir = None,
    workers: Workers = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Go on with a sweep by its name alone, with the specification it began with."""
    from sweeps.progress import display_for
    from sweeps.results import spec_of_sweep
    from sweeps.tracking import Tracking

    loaded = spec_of_sweep(Tracking(existing(data_dir).store), name)
    display, root = display_for(stderr(), quiet), outside_files(data_root, no_download, inception_weights)
    show(sweeps.run_sweep(loaded, data_dir, workers, display, root).report, as_json)


@sweep_app.command("status")
def status(
    name: SweepName,
    data_dir: DataDir = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Look again until the sweep has ended.")] = False,
    as_json: Json = False,
) -> None:
    """How many trials of a sweep are in which state, what runs now, and its best results so far."""
    from sweeps.status import sweep_status
    from sweeps.tracking import Tracking

    workspace = existing(data_dir)
    tracking = Tracking(workspace.store)
    if follow:
        _follow(tracking, workspace, name, as_json)
        return
    found = sweep_status(tracking, workspace, name)
    if as_json:
        print_json(found.as_dict())
    else:
        console().print(found.render())


@sweep_app.command("list")
def list_sweeps(data_dir: DataDir = None, as_json: Json = False) -> None:
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
def stop(name: SweepName, data_dir: DataDir = None) -> None:
    """Stop the driver of a sweep as Ctrl-C does; `sweep resume` goes on from there."""
    from sweeps.driver import stop_driver

    driver = stop_driver(existing(data_dir).sweep(name), name)
    console().print(
        f"Asked {driver} to stop. Go on with: ganlimit sweep resume {name}", highlight=False, soft_wrap=True
    )


@sweep_app.command("sync")
def sync(name: SweepName, data_dir: DataDir = None) -> None:
    """Bring to the tracking store what it missed while it was away, and write the report."""
    from sweeps.reporting import write_report
    from sweeps.runner import sync_sweep
    from sweeps.tracking import Tracking

    workspace = existing(data_dir)
    count = sync_sweep(name, workspace)
    console().print(f"Delivered what was missing of {count} trial{'s' * (count != 1)}.", highlight=False)
    show(write_report(name, workspace, Tracking(workspace.store)), as_json=False)


def _follow(tracking: Any, workspace: Any, name: str, as_json: bool) -> None:
    from rich.live import Live

    from sweeps.status import sweep_status

    found = sweep_status(tracking, workspace, name)
    if as_json or not console().is_terminal:
        while True:
            if as_json:
                print_json(found.as_dict())
            else:
                console().print(found.line(), highlight=False, soft_wrap=True)
            if not found.is_running:
                return
            time.sleep(FOLLOW_EVERY_S)
            found = sweep_status(tracking, workspace, name)
    with Live(found.render(), console=console(), auto_refresh=False) as live:
        while found.is_running:
            time.sleep(FOLLOW_EVERY_S)
            found = sweep_status(tracking, workspace, name)
            live.update(found.render(), refresh=True)
