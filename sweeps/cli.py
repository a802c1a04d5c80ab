"""The command line: thin words over the functions of this package.

Heavy imports happen inside the commands, so that `--help` and mistakes answer at once.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import sweeps

app = typer.Typer(
    name="ganlimit",
    help="How small can this GAN get before it breaks? Train a teacher, sweep over distilled students, "
    "and read the compression limit off the Pareto frontier.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
teacher_app = typer.Typer(help="The large GAN that the students learn from.", no_args_is_help=True)
sweep_app = typer.Typer(help="Searches over students.", no_args_is_help=True)
app.add_typer(teacher_app, name="teacher")
app.add_typer(sweep_app, name="sweep")

Spec = Annotated[str, typer.Argument(metavar="SPEC", help="A YAML file, or the name of a shipped preset.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Where runs, models and reports are kept. Default: $GANLIMIT_DATA_DIR or ./ganlimit-data",
        show_default=False,
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Replace the spec's seed.", show_default=False)]
Trials = Annotated[
    int | None, typer.Option("--trials", help="Replace the spec's number of trials.", show_default=False)
]
SweepNameOption = Annotated[str | None, typer.Option("--name", help="Replace the spec's name.", show_default=False)]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Trials at once. Default: one per core.", show_default=False),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        help="Where data sets are kept. Default: $GANLIMIT_DATA_ROOT or ~/.cache/ganlimit",
        show_default=False,
    ),
]
NoDownload = Annotated[bool, typer.Option("--no-download", help="Never download a data set.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script instead of a table.")]
SweepName = Annotated[str, typer.Argument(metavar="NAME", help="The sweep's name.")]


@app.command()
def demo(
    data_dir: DataDir = None,
    seed: Seed = None,
    trials: Trials = None,
    name: SweepNameOption = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """The whole main job on handwritten digits: `ganlimit sweep run digits`. About 8 minutes."""
    _run("digits", data_dir, seed, trials, name, workers, quiet, False)


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
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run a sweep, or go on with it: the same command again is the resume."""
    _run(spec, data_dir, seed, trials, name, workers, quiet, as_json, data_root, no_download)


@sweep_app.command("status")
def sweep_status(name: SweepName, data_dir: DataDir = None, as_json: Json = False) -> None:
    """How many trials of a sweep are in which state, and its best results so far."""
    from sweeps.reporting import sweep_summary
    from sweeps.tracking import Tracking

    workspace = _existing(data_dir)
    summary = sweep_summary(Tracking(workspace.store), name)
    if as_json:
        _print_json(summary.as_dict())
    else:
        summary.print_to(_console())


@app.command()
def report(
    name: SweepName,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the report. Default: inside the data directory.")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write a sweep's table, figures and report again, and print its frontier and limit."""
    from sweeps.reporting import write_report
    from sweeps.tracking import Tracking

    workspace = _existing(data_dir)
    result = write_report(name, workspace, Tracking(workspace.store), out)
    _show(result, as_json)


@teacher_app.command("train")
def teacher_train(
    spec: Spec,
    data_dir: DataDir = None,
    seed: Seed = None,
    again: Annotated[
        bool, typer.Option("--again", help="Train a new version even if the registry has this teacher.")
    ] = False,
    data_root: Data = None,
    no_download: NoDownload = False,
    quiet: Quiet = False,
) -> None:
    """Train a spec's teacher and register it, unless the registry has it already."""
    from sweeps.progress import display_for
    from sweeps.runner import train_teacher

    loaded = sweeps.load_spec(spec, _overrides(seed=seed))
    display, root = display_for(_stderr(), quiet), _data_root(data_root, no_download)
    teacher = train_teacher(loaded, data_dir, display, again, root)
    _console().print(
        f"{teacher.version}: {teacher.card.parameters:,} parameters, FID {teacher.metrics.fid:.1f}, "
        f"IS {teacher.metrics.inception_score:.2f}",
        highlight=False,
    )


@teacher_app.command("select")
def teacher_select(
    spec: Spec,
    width: Annotated[
        list[int] | None, typer.Option("--width", help="A candidate; give it several times.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    seed: Seed = None,
    workers: Workers = None,
    data_root: Data = None,
    no_download: NoDownload = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train the teacher at several widths and make the best the champion: lowest FID, ties by IS."""
    from sweeps.listing import selection_table
    from sweeps.progress import display_for
    from sweeps.selection import select_teacher

    loaded = sweeps.load_spec(spec, _overrides(seed=seed) | ({"teacher.candidates": width} if width else {}))
    display, root = display_for(_stderr(), quiet), _data_root(data_root, no_download)
    selection = select_teacher(loaded, data_dir, workers, display, root)
    if as_json:
        _print_json({"chosen": selection.chosen.version, "candidates": [c.as_dict() for c in selection.candidates]})
        return
    _console().print(selection_table(selection))
    _console().print(
        f"{selection.chosen.version} is the champion (lowest FID; of {len(selection.tied)} that FID cannot tell "
        f"apart, the highest IS). For sweeps with it: teacher.width: {selection.chosen.width}",
        highlight=False,
    )


@teacher_app.command("list")
def teacher_list(data_dir: DataDir = None, as_json: Json = False) -> None:
    """All versions of all teachers."""
    from sweeps.listing import list_teachers, teachers_table
    from sweeps.tracking import Tracking

    rows = list_teachers(Tracking(_existing(data_dir).store))
    _print_json(rows) if as_json else _console().print(teachers_table(rows))


@teacher_app.command("show")
def teacher_show(
    version: Annotated[str, typer.Argument(metavar="TEACHER", help="NAME, its champion, or NAME/VERSION.")],
    data_dir: DataDir = None,
) -> None:
    """A teacher's card: architecture, training, metrics, digests. Its weights are checked."""
    from sweeps.sampling import load_artifact

    _, card = load_artifact(version, _existing(data_dir).root)
    _print_json(card.model_dump(mode="json"))


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
) -> None:
    """Images of a teacher or a student as one PNG."""
    from sweeps.sampling import sample_to_file

    card = sample_to_file(artifact, out, n, seed, data_dir)
    _console().print(f"{n} images of a generator with {card.parameters:,} parameters: {out}", highlight=False)


@app.command()
def ui(
    data_dir: DataDir = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 5000,
) -> None:
    """Browse runs, models and artifacts in the MLflow UI until Ctrl-C."""
    from cluster import serve_ui

    store = _existing(data_dir).store
    serve_ui(store.uri, store.artifact_root, host=host, port=port)


def main() -> None:
    """Entry point: a person's mistake is one line on stderr and exit code 2, Ctrl-C is 130."""
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        _stderr().print("Stopped. The same command again goes on from here.", highlight=False)
        sys.exit(130)
    except ValueError as error:
        if not _is_for_people(error):
            raise
        _stderr().print(f"error: {error}", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)


def _run(
    source: str,
    data_dir: Path | None,
    seed: int | None,
    trials: int | None,
    name: str | None,
    workers: int | None,
    quiet: bool,
    as_json: bool,
    data_root: Path | None = None,
    no_download: bool = False,
) -> None:
    spec = sweeps.load_spec(source, _overrides(seed=seed, name=name, trials=trials))

    from sweeps.progress import display_for

    result = sweeps.run_sweep(
        spec, data_dir, workers, display_for(_stderr(), quiet), _data_root(data_root, no_download)
    )
    _show(result.report, as_json)


def _data_root(root: Path | None, no_download: bool) -> Any:
    from gan import DataRoot, default_data_root

    return DataRoot(root.expanduser().resolve() if root else default_data_root().root, not no_download)


def _overrides(seed: int | None = None, name: str | None = None, trials: int | None = None) -> dict[str, Any]:
    given = {"seed": seed, "name": name, "search.trials": trials}
    return {path: value for path, value in given.items() if value is not None}


def _show(report: Any, as_json: bool) -> None:
    if as_json:
        _print_json(report.as_dict())
    else:
        report.print_to(_console())


def _existing(data_dir: Path | None) -> Any:
    from sweeps.workspace import Workspace, default_data_dir

    return Workspace.existing(data_dir or default_data_dir())


def _is_for_people(error: ValueError) -> bool:
    from analysis import AnalysisError
    from cluster import ClusterError
    from gan import GanError

    return isinstance(error, GanError | AnalysisError | ClusterError | sweeps.SweepError)


def _console() -> Console:
    return Console()


def _stderr() -> Console:
    return Console(stderr=True)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


if __name__ == "__main__":
    main()
