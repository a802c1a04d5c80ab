"""This module is `ganlimit report`, `paper`, `compare`, `export`, `sample` and `ui`: it shows what sweeps found."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.inputs import existing, measured_costs
from sweeps.cli.options import DataDir, Json, Measurements, PaperForm, SweepName, SweepNames, TrackingUri
from sweeps.cli.output import console, print_json, say, show
from sweeps.errors import SweepError


def report(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="One sweep or several.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the report. Default: inside the data directory.")
    ] = None,
    *,
    measurements: Measurements = None,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    as_json: Json = False,
) -> None:
    """Write a sweep's page, figures and table again, and print its frontier and limit. Several: one page over all."""
    from sweeps.ledger.sweeps import find_sweeps
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.report import write_reports

    measured = measured_costs(measurements)
    workspace = existing(data_dir, tracking_uri)
    tracking = Tracking(workspace.store)
    members = list(dict.fromkeys(member for name in names for member in find_sweeps(tracking, name)))
    reports, page = write_reports(members, workspace, tracking=tracking, out=out, measurements=measured)
    show(reports, as_json=as_json)
    if page and not as_json:
        say(f"\n  {page} (all of them)")


def paper(
    name: SweepName,
    form: Annotated[
        PaperForm | None,
        typer.Option(
            "--format",
            help="What to print: a terminal's table, or a file's text.",
            show_default=PaperForm.TERMINAL.value,
        ),
    ] = None,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder to write paper.md, paper.csv and paper.tex to.")
    ] = None,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    as_json: Json = False,
) -> None:
    """Print the paper's table of a sweep, and answer its five questions from the measured rows."""
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.paper import paper_of

    if form and as_json:
        raise SweepError("JSON is a form of its own", f"--format {form.value} with --json", "Leave one of the two out.")
    workspace = existing(data_dir, tracking_uri)
    found = paper_of(Tracking(workspace.store), workspace, name=name)
    files = found.write(out) if out else []
    if as_json:
        print_json(found.as_dict())
    elif form is None or form == PaperForm.TERMINAL:
        found.print_to(console())
        _say_files(files)
    else:
        typer.echo(found.text(form.value), nl=False)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="The first sweep's name.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The second sweep's name.")],
    *,
    cost: Annotated[str, typer.Option("--cost", help="parameters, mac_g, latency_ms or file_bytes.")] = "parameters",
    metric: Annotated[str, typer.Option("--metric", help="fid, kid, inception_score or latent_mse.")] = "fid",
    measurements: Measurements = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder to write compare.md, compare.json and the figure to.")
    ] = None,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    as_json: Json = False,
) -> None:
    """Compare two sweeps: whose frontier is better at which sizes, and the difference of what they dominate.

    Sweeps measured under different protocols are compared relative to each one's own teacher.
    """
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.versus import versus_of

    measured = measured_costs(measurements)
    workspace = existing(data_dir, tracking_uri)
    found = versus_of(Tracking(workspace.store), workspace, a=a, b=b, objectives=(cost, metric), measurements=measured)
    files = found.write(out) if out else []
    if as_json:
        print_json(found.as_dict())
        return
    found.print_to(console())
    _say_files(files)


def export(
    names: SweepNames,
    out: Annotated[Path, typer.Option("--out", help="The table to write: .parquet or .csv.")],
    *,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    as_json: Json = False,
) -> None:
    """Write the trials of one or several sweeps as one table, a row per trial."""
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.export import export_sweeps, require_table_suffix

    require_table_suffix(out)
    workspace = existing(data_dir, tracking_uri)
    show([export_sweeps(Tracking(workspace.store), workspace, names=names, out=out)], as_json=as_json)


def sample(
    artifact: Annotated[
        str,
        typer.Argument(
            metavar="ARTIFACT",
            help="A registered model (NAME or NAME/VERSION), a trial's run id, or a folder.",
        ),
    ],
    n: Annotated[int, typer.Option("--n", min=1, max=4096, help="How many images.")] = 64,
    *,
    out: Annotated[Path, typer.Option("--out", help="The PNG to write.")] = Path("grid.png"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the latents.")] = 0,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Write images of a teacher or a student as one PNG."""
    from sweeps.results.sampling import sample_to_file

    card = sample_to_file(artifact, out, count=n, seed=seed, data_dir=data_dir, tracking_uri=tracking_uri)
    console().print(f"{n} images of a generator with {card.parameters:,} parameters: {out}", highlight=False)


def ui(
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Browse runs, models and artifacts in the MLflow UI until Ctrl-C. Links open what each sweep found."""
    from cluster import serve_ui
    from sweeps.results.pages import pages_of_store

    store = existing(data_dir, tracking_uri).store
    pages = pages_of_store(store)
    serve_ui(store.uri, store.artifact_root, host=host, port=port, pages=pages)


def _say_files(files: Sequence[Path]) -> None:
    for path in files:
        say(f"  {path}")
