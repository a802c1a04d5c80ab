"""`ganlimit sweep`: writing a specification, running it, and going on with it."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import sweeps
from sweeps.cli.common import console, existing, outside_files, overrides, print_each, print_json, show, stderr
from sweeps.cli.ending import StoppedError
from sweeps.cli.options import (
    Anywhere,
    Data,
    DataDir,
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
from sweeps.cli.sweep_app import sweep_app


@sweep_app.command("init")
def init(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The YAML file to write.")] = Path("sweep.yaml"),
    preset: Annotated[
        str | None, typer.Option("--preset", help="Start from this preset instead of the template.", show_default=False)
    ] = None,
) -> None:
    """Write a sweep with every key explained, and the schema that editors check it against."""
    from sweeps.spec.template import write_template

    for path in write_template(out, preset):
        console().print(f"  {path}", highlight=False, soft_wrap=True)


@sweep_app.command("schema")
def schema() -> None:
    """Print the JSON Schema of a sweep, for editors."""
    from sweeps.spec.template import json_schema

    print_json(json_schema())


@sweep_app.command("plan")
def plan(
    spec: Spec,
    trials: Trials = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    as_json: Json = False,
) -> None:
    """What a sweep would do: trials, sizes, memory, disk and hours, measured for a few seconds. Runs nothing."""
    loaded = sweeps.load_specs(spec, overrides(trials=trials))

    from sweeps.ledger.data_dir import default_data_dir
    from sweeps.planning.plan import plan_sweep

    files = outside_files(data_root, no_download)
    kept = data_dir or default_data_dir()
    print_each([plan_sweep(one, files, data_dir=kept, workers=workers) for one in loaded], as_json)


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
    address: Anywhere = None,
    token_file: TokenFile = None,
    storage: Storage = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Go on with a sweep by its name alone, with the specification it began with."""
    from sweeps.cli.remote import given, hand_over, is_dashboard
    from sweeps.ledger.sweeps import find_sweeps, spec_of_sweep
    from sweeps.ledger.tracking import Tracking

    tracking = Tracking(existing(data_dir).store)
    loaded = [spec_of_sweep(tracking, member).stored_in(storage) for member in find_sweeps(tracking, name)]
    if address and is_dashboard(address):
        words = ["resume", name, *given(workers, data_root, no_download, inception_weights, storage=storage)]
        hand_over(words, loaded, address, token_file, data_dir=str(data_dir) if data_dir else None, as_json=as_json)
        return
    root = outside_files(data_root, no_download, inception_weights)
    show(_run(loaded, data_dir, workers, root, quiet, address, token_file), as_json)


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
    address: Anywhere = None,
    token_file: TokenFile = None,
    storage: Storage = None,
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
    from sweeps.cli.remote import given, hand_over, is_dashboard
    from sweeps.driver.confirming import confirmation_of, fresh_results, is_complete
    from sweeps.ledger.sweeps import find_sweeps
    from sweeps.ledger.tracking import Tracking

    workspace = existing(data_dir)
    tracking = Tracking(workspace.store)
    specs = [confirmation_of(tracking, member, seeds).stored_in(storage) for member in find_sweeps(tracking, name)]
    if address and is_dashboard(address):
        words = ["confirm", name, *(["--seeds", str(seeds)] if seeds else [])]
        words += given(workers, data_root, no_download, inception_weights, storage=storage)
        hand_over(words, specs, address, token_file, data_dir=str(data_dir) if data_dir else None, as_json=as_json)
        return
    known = [spec.name for spec in specs if tracking.find_sweep(spec.name)]
    before = {name: fresh_results(sweeps.read_trials(tracking, workspace, name).table) for name in known}
    root = outside_files(data_root, no_download, inception_weights)
    reports = _run(specs, data_dir, workers, root, quiet, address, token_file)
    for report in reports:
        if is_complete(report.table) and before.get(report.name) == fresh_results(report.table):
            stderr().print(f"{report.name}: everything is confirmed already", highlight=False, soft_wrap=True)
    show(reports, as_json)


def _run(
    specs: "Sequence[sweeps.SweepSpec]",
    data_dir: Path | None,
    workers: int | None,
    root: Any,
    quiet: bool,
    address: str | None = None,
    token_file: Path | None = None,
) -> "list[sweeps.Report]":
    from sweeps.display import display_for

    if address:
        from cluster import use_token

        use_token(token_file)

    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a script starts what it puts into the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # `sweep stop` sends it
    try:
        results = sweeps.run_sweeps(
            specs, data_dir, workers=workers, display=display_for(stderr(), quiet), data_root=root, address=address
        )
    except KeyboardInterrupt:
        name = specs[0].group or specs[0].name
        again = f"so does, once a trial has begun: ganlimit sweep resume {name}"
        raise StoppedError(f"Stopped. The same command again goes on from here; {again}") from None
    return [result.report for result in results]
