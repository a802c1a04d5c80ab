"""The command line: thin words over the functions of this package.

Heavy imports happen inside the commands, so that `--help` and mistakes answer at once.
"""

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer

import sweeps
from sweeps.cli.cluster import cluster_app
from sweeps.cli.common import console, existing, print_json, show, stderr
from sweeps.cli.doctor import doctor
from sweeps.cli.ending import EndedCommands, Ending
from sweeps.cli.options import (
    DataDir,
    Json,
    PaperForm,
    Quiet,
    Seed,
    SweepName,
    SweepNameOption,
    SweepNames,
    TrackingUri,
    Trials,
    Workers,
)
from sweeps.cli.standing import sweep_app
from sweeps.cli.sweep import sweep_run
from sweeps.cli.teacher import teacher_app
from sweeps.cli.tracking import tracking_app

app = typer.Typer(
    name="ganlimit",
    cls=EndedCommands,
    help="How small can this GAN get before it breaks? Train a teacher, sweep over distilled students, "
    "and read the compression limit off the Pareto frontier.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(teacher_app, name="teacher")
app.add_typer(sweep_app, name="sweep")
app.add_typer(cluster_app, name="cluster")
app.add_typer(tracking_app, name="tracking")
app.command("doctor")(doctor)


@app.command()
def demo(
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    seed: Seed = None,
    trials: Trials = None,
    name: SweepNameOption = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """The whole main job on handwritten digits: `ganlimit sweep run digits`. About 8 minutes."""
    sweep_run("digits", data_dir, seed=seed, trials=trials, name=name, workers=workers, quiet=quiet)


@app.command()
def report(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="One sweep or several.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the report. Default: inside the data directory.")
    ] = None,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    as_json: Json = False,
) -> None:
    """Write a sweep's page, figures and table again, and print its frontier and limit. Several: one page over all."""
    from sweeps.ledger.sweeps import find_sweeps
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.report import write_reports

    workspace = existing(data_dir)
    tracking = Tracking(workspace.store)
    members = list(dict.fromkeys(member for name in names for member in find_sweeps(tracking, name)))
    reports, page = write_reports(members, workspace, tracking, out)
    show(reports, as_json)
    if page and not as_json:
        console().print(f"\n  {page} (all of them)", highlight=False, soft_wrap=True)


@app.command()
def paper(
    name: SweepName,
    form: Annotated[
        PaperForm, typer.Option("--format", help="What to print: a terminal's table, or a file's text.")
    ] = PaperForm.TERMINAL,
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder to write paper.md, paper.csv and paper.tex to.")
    ] = None,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    as_json: Json = False,
) -> None:
    """The paper's table of a sweep, and its five questions answered from the measured rows."""
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.paper import paper_of

    workspace = existing(data_dir)
    found = paper_of(Tracking(workspace.store), workspace, name)
    files = found.write(out) if out else []
    if as_json:
        print_json(found.as_dict())
    elif form == PaperForm.TERMINAL:
        found.print_to(console())
        for path in files:
            console().print(f"  {path}", highlight=False, soft_wrap=True)
    else:
        typer.echo(found.text(form.value), nl=False)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="The first sweep's name.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The second sweep's name.")],
    cost: Annotated[str, typer.Option("--cost", help="parameters, mac_g or latency_ms.")] = "parameters",
    metric: Annotated[str, typer.Option("--metric", help="fid, kid, inception_score or latent_mse.")] = "fid",
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder to write compare.md, compare.json and the figure to.")
    ] = None,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    as_json: Json = False,
) -> None:
    """Two sweeps side by side: whose frontier is better at which sizes, and the difference of what they dominate.

    Sweeps measured under different protocols are compared relative to each one's own teacher.
    """
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.versus import versus_of

    workspace = existing(data_dir)
    found = versus_of(Tracking(workspace.store), workspace, a, b, (cost, metric))
    files = found.write(out) if out else []
    if as_json:
        print_json(found.as_dict())
        return
    found.print_to(console())
    for path in files:
        console().print(f"  {path}", highlight=False, soft_wrap=True)


@app.command()
def export(
    names: SweepNames,
    out: Annotated[Path, typer.Option("--out", help="The table to write: .parquet or .csv.")],
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    as_json: Json = False,
) -> None:
    """Write the trials of one or several sweeps as one table, a row per trial."""
    from sweeps.ledger.tracking import Tracking
    from sweeps.results.export import export_sweeps, require_table_suffix

    require_table_suffix(out)
    workspace = existing(data_dir)
    show([export_sweeps(Tracking(workspace.store), workspace, names, out)], as_json)


@app.command()
def sample(
    artifact: Annotated[
        str,
        typer.Argument(
            metavar="ARTIFACT",
            help="A registered model (NAME or NAME/VERSION), a trial's run id, or a folder.",
        ),
    ],
    n: Annotated[int, typer.Option("--n", min=1, max=4096, help="How many images.")] = 64,
    out: Annotated[Path, typer.Option("--out", help="The PNG to write.")] = Path("grid.png"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the latents.")] = 0,
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Images of a teacher or a student as one PNG."""
    from sweeps.results.sampling import sample_to_file

    card = sample_to_file(artifact, out, n, seed, data_dir)
    console().print(f"{n} images of a generator with {card.parameters:,} parameters: {out}", highlight=False)


@app.command()
def ui(
    data_dir: DataDir = None,
    tracking_uri: TrackingUri = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Browse runs, models and artifacts in the MLflow UI until Ctrl-C."""
    from cluster import serve_ui

    store = existing(data_dir).store
    serve_ui(store.uri, store.artifact_root, host=host, port=port)


def main() -> None:
    """Entry point: a person's mistake is one line on stderr and exit code 2, Ctrl-C is 130 and SIGTERM 143.

    3 is a sweep that ran to its end while the tracking store was away, 4 one whose cluster went away.
    """
    try:
        with Ending() as ending:
            app(standalone_mode=True, obj=ending)
    except ValueError as error:
        if not _is_for_people(error):
            raise
        stderr().print(f"error: {error}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(3 if isinstance(error, sweeps.UndeliveredError) else 2)
    except Exception as error:
        if not _is_full_disk(error):
            raise
        stderr().print(
            f"error: The data directory has room, got none ({error}). Make room: the same command again goes on "
            "from here.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        sys.exit(2)


def _is_full_disk(error: BaseException | None) -> bool:
    """Whether a full disk is the error, or what it came of; SQLite and Ray Tune have errors of their own for it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        if any(text in str(error) for text in ("No space left on device", "disk is full")):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_for_people(error: ValueError) -> bool:
    from cluster import ClusterError

    if isinstance(error, ClusterError | sweeps.SweepError):
        return True  # without seconds of torch, for an error that comes before it
    from analysis import AnalysisError
    from gan import GanError

    return isinstance(error, GanError | AnalysisError)
