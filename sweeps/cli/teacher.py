"""This module is `ganlimit teacher`: training, choosing and looking at teachers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sweeps
from sweeps.cli.inputs import existing, outside_files, overrides
from sweeps.cli.options import (
    Data,
    DataDir,
    ExtractorWeights,
    Inception,
    Json,
    NoDownload,
    Quiet,
    Seed,
    Spec,
    TrackingUri,
    Workers,
)
from sweeps.cli.output import console, print_json, show, stderr

if TYPE_CHECKING:
    from sweeps.driver.teacher_selection import Selection


def teacher_train(
    spec: Spec,
    data_dir: DataDir = None,
    *,
    tracking_uri: TrackingUri = None,
    seed: Seed = None,
    again: Annotated[
        bool, typer.Option("--again", help="Train a new version even if the registry has this teacher.")
    ] = False,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    extractor_weights: ExtractorWeights = None,
    quiet: Quiet = False,
) -> None:
    """Train a spec's teacher and register it, unless the registry has it already."""
    from sweeps.display import display_for
    from sweeps.driver.runner import train_teacher
    from sweeps.models.scores import scores_in_words

    loaded = sweeps.load_spec(spec, overrides(seed=seed))
    display = display_for(stderr(), quiet=quiet)
    root = outside_files(
        data_root, no_download=no_download, inception_weights=inception_weights, extractor_weights=extractor_weights
    )
    teacher = train_teacher(loaded, data_dir, tracking_uri=tracking_uri, display=display, data_root=root, again=again)
    console().print(
        f"{teacher.version}: {teacher.card.parameters:,} parameters, {scores_in_words(teacher.metrics)}"
        f"{teacher.collapse_note}",
        highlight=False,
    )
    if teacher.critic:
        console().print(f"its critic: {teacher.critic.note}", highlight=False)
        if teacher.critic.warning:
            console().print(f"warning: {teacher.critic.warning}", style="yellow", highlight=False)


def teacher_select(
    spec: Spec,
    width: Annotated[
        list[int] | None, typer.Option("--width", help="A candidate; give it several times.", show_default=False)
    ] = None,
    *,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    seed: Seed = None,
    workers: Workers = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    inception_weights: Inception = None,
    extractor_weights: ExtractorWeights = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train the teacher at several widths and make the best the champion: lowest FID, ties by IS."""
    from sweeps.display import display_for
    from sweeps.driver.teacher_selection import select_teacher

    loaded = sweeps.load_spec(spec, overrides(seed=seed) | ({"teacher.candidates": width} if width else {}))
    display = display_for(stderr(), quiet=quiet)
    root = outside_files(
        data_root, no_download=no_download, inception_weights=inception_weights, extractor_weights=extractor_weights
    )
    selection = select_teacher(
        loaded, data_dir, tracking_uri=tracking_uri, workers=workers, display=display, data_root=root
    )
    if as_json:
        print_json({"chosen": selection.chosen.version, "candidates": [c.as_dict() for c in selection.candidates]})
    else:
        _print_selection(selection)


def _print_selection(selection: "Selection") -> None:
    from analysis import fault_mark
    from sweeps.driver.teacher_selection import selection_table

    console().print(selection_table(selection))
    console().print(
        f"{selection.chosen.version} is the champion (lowest FID; of {len(selection.tied)} that FID cannot tell "
        f"apart, the highest IS). For sweeps with it: teacher.width: {selection.chosen.width}",
        highlight=False,
    )
    for mark in fault_mark(selection.chosen.extractor_faults):
        console().print(mark, style="bold red", highlight=False)


def teacher_list(data_dir: DataDir = None, tracking_uri: TrackingUri = None, *, as_json: Json = False) -> None:
    """List all versions of all teachers."""
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.teachers import list_teachers, teachers_table

    rows = list_teachers(Tracking(existing(data_dir, tracking_uri).store))
    print_json(rows) if as_json else console().print(teachers_table(rows))


def teacher_inspect(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A TorchScript or torch.export file.", show_default=False)
    ] = None,
    *,
    factory: Annotated[
        str | None,
        typer.Option("--factory", help="Instead of FILE: package.module:function, with --weights.", show_default=False),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="The state of the factory's network.", show_default=False)
    ] = None,
    latent_size: Annotated[
        int | None, typer.Option("--latent-size", help="Where it cannot be found.", show_default=False)
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="KEY=VALUE", help="Any other key of `teacher`; give it several times.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A PNG to draw 64 of its images to.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a generator of your own takes and makes, and the `teacher` of a spec with it. It runs the file."""
    from sweeps.results.inspecting import inspect_teacher

    keys = {
        "file": str(file) if file else None,
        "factory": factory,
        "weights": str(weights) if weights else None,
        "latent_size": latent_size,
    }
    show([inspect_teacher(keys, more=more or (), out=out)], as_json=as_json)


def teacher_show(
    version: Annotated[str, typer.Argument(metavar="TEACHER", help="NAME, its champion, or NAME/VERSION.")],
    data_dir: DataDir = None,
    *,
    tracking_uri: TrackingUri = None,
) -> None:
    """Show a teacher's card: architecture, training, metrics, digests, its critic's. Their weights are checked."""
    from sweeps.results.sampling import shown_card

    workspace = existing(data_dir, tracking_uri)
    print_json(shown_card(version, workspace.root, tracking_uri=workspace.tracking_uri))
