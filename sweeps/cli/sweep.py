"""This module is the part of `ganlimit sweep` that writes a specification, runs it, and continues it."""

from pathlib import Path
from typing import Annotated

import typer

import sweeps
from sweeps.cli.inputs import existing, folder_of, outside_files, overrides
from sweeps.cli.options import (
    Anywhere,
    Data,
    DataDir,
    ExtractorWeights,
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
from sweeps.cli.output import print_each, print_json, remark, say
from sweeps.cli.remote import Target, given, hand_over, is_dashboard, require_use
from sweeps.cli.running import run_specs, show_reports


def init(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The YAML file to write.")] = Path("sweep.yaml"),
    preset: Annotated[
        str | None, typer.Option("--preset", help="Start from this preset instead of the template.", show_default=False)
    ] = None,
    *,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Images of your own: a folder, or an archive of them.", show_default=False),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option("--teacher", help="A generator of your own, as a file.", show_default=False),
    ] = None,
) -> None:
    """Write a sweep with its keys explained, and the schema, of every key, that editors check it against."""
    from sweeps.spec.template import write_template

    for path in write_template(out, preset, data=data, teacher=teacher):
        say(f"  {path}")


def schema() -> None:
    """Print the JSON Schema of a sweep, for editors."""
    from sweeps.spec.template import json_schema

    print_json(json_schema())


def plan(
    spec: Spec,
    trials: Trials = None,
    *,
    workers: Workers = None,
    data_dir: DataDir = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    as_json: Json = False,
) -> None:
    """Tell what a sweep would do: trials, sizes, memory, disk and hours, measured for a few seconds. Runs nothing."""
    loaded = sweeps.load_specs(spec, overrides(trials=trials))

    from sweeps.planning.plan import plan_sweep

    files = outside_files(data_root, no_download=no_download)
    kept = folder_of(data_dir)
    print_each([plan_sweep(one, files, data_dir=kept, workers=workers) for one in loaded], as_json=as_json)


def sweep_run(
    spec: Spec,
    data_dir: DataDir = None,
    *,
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
    extractor_weights: ExtractorWeights = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run a sweep, or go on with it: the same command again is the resume."""
    require_use(address, token_file=token_file)
    loaded = sweeps.load_specs(spec, overrides(seed=seed, name=name, trials=trials, storage=storage))
    root = outside_files(
        data_root, no_download=no_download, inception_weights=inception_weights, extractor_weights=extractor_weights
    )
    reports = run_specs(
        loaded,
        data_dir,
        tracking_uri=tracking_uri,
        workers=workers,
        data_root=root,
        address=address,
        token_file=token_file,
        quiet=quiet,
    )
    show_reports(reports, loaded, as_json=as_json)


def demo(
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    *,
    seed: Seed = None,
    trials: Trials = None,
    name: SweepNameOption = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Do the whole main job on handwritten digits: `ganlimit sweep run digits`. About 3 minutes."""
    sweep_run(
        "digits",
        data_dir,
        tracking_uri=tracking_uri,
        seed=seed,
        trials=trials,
        name=name,
        workers=workers,
        quiet=quiet,
    )


def resume(
    name: SweepName,
    data_dir: DataDir = None,
    *,
    tracking_uri: TrackingUri = None,
    workers: Workers = None,
    address: Anywhere = None,
    token_file: TokenFile = None,
    storage: Storage = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    extractor_weights: ExtractorWeights = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Go on with a sweep by its name alone, with the specification it began with."""
    require_use(address, token_file=token_file, quiet=quiet)
    from sweeps.ledger.sweeps import find_sweeps, spec_of_sweep
    from sweeps.ledger.tracking import Tracking

    tracking = Tracking(existing(data_dir, tracking_uri).store)
    loaded = [spec_of_sweep(tracking, member).stored_in(storage) for member in find_sweeps(tracking, name)]
    if address and is_dashboard(address):
        options = given(
            workers=workers,
            data_root=data_root,
            inception_weights=inception_weights,
            extractor_weights=extractor_weights,
            storage=storage,
            no_download=no_download,
        )
        target = Target(
            address=address,
            token_file=token_file,
            tracking_uri=tracking_uri,
            data_dir=str(data_dir) if data_dir else None,
        )
        hand_over(["resume", name, *options], loaded, target=target, as_json=as_json)
        return
    root = outside_files(
        data_root, no_download=no_download, inception_weights=inception_weights, extractor_weights=extractor_weights
    )
    reports = run_specs(
        loaded,
        data_dir,
        tracking_uri=tracking_uri,
        workers=workers,
        data_root=root,
        address=address,
        token_file=token_file,
        quiet=quiet,
    )
    show_reports(reports, loaded, as_json=as_json)


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
    *,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    workers: Workers = None,
    address: Anywhere = None,
    token_file: TokenFile = None,
    storage: Storage = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    extractor_weights: ExtractorWeights = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Judge a sweep's limit by fresh seeds, or go on with it.

    A sweep with the phase confirm goes on. For any other, the sweep NAME-confirmed does it: it begins with every
    finished trial of the same teacher and space, those of other sweeps among them, and searches no further.
    """
    require_use(address, token_file=token_file, quiet=quiet)
    from sweeps.driver.confirming import confirmation_of, fresh_results, is_complete
    from sweeps.ledger.sweeps import find_sweeps
    from sweeps.ledger.tracking import Tracking

    workspace = existing(data_dir, tracking_uri)
    tracking = Tracking(workspace.store)
    specs = [
        confirmation_of(tracking, member, seeds=seeds).stored_in(storage) for member in find_sweeps(tracking, name)
    ]
    if address and is_dashboard(address):
        options = given(
            seeds=seeds,
            workers=workers,
            data_root=data_root,
            inception_weights=inception_weights,
            extractor_weights=extractor_weights,
            storage=storage,
            no_download=no_download,
        )
        target = Target(
            address=address,
            token_file=token_file,
            tracking_uri=tracking_uri,
            data_dir=str(data_dir) if data_dir else None,
        )
        hand_over(["confirm", name, *options], specs, target=target, as_json=as_json)
        return
    known = [spec.name for spec in specs if tracking.find_sweep(spec.name)]
    before = {name: fresh_results(sweeps.read_trials(tracking, workspace, name=name).table) for name in known}
    root = outside_files(
        data_root, no_download=no_download, inception_weights=inception_weights, extractor_weights=extractor_weights
    )
    reports = run_specs(
        specs,
        data_dir,
        tracking_uri=tracking_uri,
        workers=workers,
        data_root=root,
        address=address,
        token_file=token_file,
        quiet=quiet,
    )
    for report in reports:
        if is_complete(report.table) and before.get(report.name) == fresh_results(report.table):
            remark(f"{report.name}: everything is confirmed already")
    show_reports(reports, specs, as_json=as_json)
