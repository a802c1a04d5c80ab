"""This module chooses a teacher: the spec's recipe at several widths, trained as Ray trials and compared."""

import statistics
import tempfile
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import RunConfig, TuneConfig
from rich.table import Table

import analysis
from cluster import ray_session
from gan import AnyGenerator, DataRoot, default_data_root, load_dataset
from gan.compute import set_threads
from gan.seeds import seed_at
from sweeps.display import Display, QuietDisplay
from sweeps.driver.tune_environment import tune_environment
from sweeps.errors import SweepError
from sweeps.ledger.data_dir import default_data_dir
from sweeps.ledger.lock import at_work
from sweeps.ledger.model_runs import model_run
from sweeps.ledger.tags import CHOSEN, KIND
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.examining import faults_text
from sweeps.models.extractors import Extractor, find_or_make_extractor
from sweeps.models.teachers import find_or_make_teacher
from sweeps.models.workshop import Workshop
from sweeps.spec.sweep import SweepSpec

REPEATS = 5  # evaluations at fresh latents, whose spread is a FID's uncertainty


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A Selection has all candidates, the chosen one, those that tied with it, and the files of the comparison."""

    candidates: tuple[analysis.Candidate, ...]
    chosen: analysis.Candidate
    tied: tuple[analysis.Candidate, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class _Context:
    spec: str
    workspace: Workspace
    _: KW_ONLY
    data_root: DataRoot


def select_teacher(
    spec: SweepSpec,
    data_dir: Path | None = None,
    *,
    tracking_uri: str | None = None,
    workers: int | None = None,
    display: Display | None = None,
    data_root: DataRoot | None = None,
) -> Selection:
    """Train the teacher at each of `teacher.candidates`, register all and make the best the champion.

    A candidate that the registry has is not trained again. The rule is `analysis.choose_teacher`'s. Raises SweepError
    where the spec names fewer than two candidates.
    """
    if len(set(spec.trained_teacher.candidates)) < 2:
        raise SweepError(
            "A selection compares at least two teacher.candidates",
            len(set(spec.trained_teacher.candidates)),
            "List widths in the spec, or give --width several times.",
        )
    workspace, display = Workspace.open(data_dir or default_data_dir(), tracking_uri), display or QuietDisplay()
    tracking, data_root = Tracking(workspace.store), data_root or default_data_root()
    dataset = load_dataset(spec.dataset, data_root)
    workshop = Workshop(workspace=workspace, tracking=tracking, data_root=data_root, display=display)
    with at_work(workspace.root):
        find_or_make_extractor(spec, dataset, workshop=workshop)
        context = _Context(spec.model_dump_json(), workspace, data_root=data_root)
        candidates = _train(context, spec, workers=workers, display=display)
    chosen, tied = analysis.choose_teacher(candidates)
    model, _, number = chosen.version.partition("/")
    version = tracking.registry.version(model, number)
    assert version is not None, "it was registered just now"
    tracking.registry.crown(version)
    files = _record(tracking, model, candidates=candidates, chosen=chosen, folder=workspace.sweep(spec.name))
    return Selection(candidates=tuple(candidates), chosen=chosen, tied=tuple(tied), files=files)


def _train(context: _Context, spec: SweepSpec, *, workers: int | None, display: Display) -> list[analysis.Candidate]:
    widths = sorted(set(spec.trained_teacher.candidates))
    cpus, gpus = spec.resources.cpus_per_trial, spec.resources.gpus_before_packing
    trainable = tune.with_resources(
        tune.with_parameters(_candidate, context=context), {"cpu": float(cpus), "gpu": gpus}
    )
    with (
        ray_session(num_cpus=workers and workers * cpus),
        display.step("candidates", len(widths)) as update,
        tempfile.TemporaryDirectory(prefix="ganlimit-tune-") as storage,
        tune_environment(),
    ):
        grid = tune.Tuner(
            trainable,
            param_space={"width": tune.grid_search(widths)},
            tune_config=TuneConfig(reuse_actors=True),
            run_config=RunConfig(storage_path=storage, verbose=0, callbacks=[_Count(update)]),
        ).fit()
    results = [grid[number] for number in range(len(grid))]
    errors = [str(result.error) for result in results if result.error]
    for error in errors:
        display.say(f"a candidate failed: {error.strip().splitlines()[-1]}")
    return [
        analysis.Candidate(**result.metrics["candidate"]) for result in results if result.metrics and not result.error
    ]


class _Count(tune.Callback):
    """A _Count counts the finished candidates."""

    def __init__(self, update: Any) -> None:
        self._update, self._done = update, 0

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._done += 1
        found = (trial.last_result or {}).get("candidate", {})
        self._update(self._done, f"width {found.get('width')}: FID {found.get('fid', float('nan')):.1f}")

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles its callbacks for a restore that is never used


def _candidate(config: dict[str, Any], context: _Context) -> None:
    """Train or find the teacher of one width, and report its evaluation; Ray Tune calls this."""
    spec = SweepSpec.model_validate_json(context.spec)
    spec = spec.model_copy(update={"teacher": spec.trained_teacher.model_copy(update={"width": config["width"]})})
    set_threads(spec.resources.cpus_per_trial)
    tracking, dataset = Tracking(context.workspace.store), load_dataset(spec.dataset, context.data_root)
    workshop = Workshop(workspace=context.workspace, tracking=tracking, data_root=context.data_root)
    extractor = find_or_make_extractor(spec, dataset, workshop=workshop)
    teacher = find_or_make_teacher(spec, dataset, extractor=extractor, workshop=workshop)
    candidate = analysis.Candidate(
        version=teacher.version,
        width=config["width"],
        parameters=teacher.card.parameters,
        fid=teacher.metrics.fid,
        fid_error=_spread(extractor, teacher.generator),
        inception_score=teacher.metrics.inception_score,
        extractor_faults=faults_text(extractor.examination),
    )
    tune.report({"candidate": candidate.as_dict()})


def _spread(extractor: Extractor, generator: AnyGenerator) -> float:
    """Returns the standard deviation of FID over evaluations at fresh latents."""
    seed = extractor.protocol.latent_seed
    evaluators = [extractor.evaluator.at_seed(seed_at(seed, "spread", n)) for n in range(REPEATS)]
    return statistics.stdev(evaluator.evaluate(generator).fid for evaluator in evaluators)


def _record(
    tracking: Tracking, model: str, *, candidates: list[analysis.Candidate], chosen: analysis.Candidate, folder: Path
) -> tuple[Path, ...]:
    """Log the comparison to a run of its own: figure, and FID over width. Returns the files."""
    files = analysis.save_figure(analysis.selection_figure(candidates), folder / "teacher-selection")
    with model_run(tracking, f"{model} selection", tags={KIND: "selection"}) as run_id:
        tracking.log(run_id, params={"chosen": chosen.version}, tags={CHOSEN: chosen.version})
        for candidate in candidates:
            found = {"fid": candidate.fid, "inception_score": candidate.inception_score}
            measured = {name: value for name, value in found.items() if value is not None}
            tracking.log(run_id, measured, kimg=candidate.width)
        for path in files:
            tracking.client.log_artifact(run_id, str(path))
    return tuple(files)


def selection_table(selection: "Selection") -> Table:
    """Returns the candidates of a teacher's selection, smallest first, with the chosen one marked."""
    table = Table(box=None, header_style="bold")
    for heading in ("teacher", "width", "parameters", "FID", "\u00b1", "IS", ""):
        table.add_column(heading, justify="left" if heading in {"teacher", ""} else "right")
    for candidate in sorted(selection.candidates, key=lambda candidate: candidate.parameters):
        table.add_row(
            candidate.version,
            str(candidate.width),
            f"{candidate.parameters:,}",
            f"{candidate.fid:.1f}",
            f"{candidate.fid_error:.1f}",
            analysis.text_of(candidate.inception_score, ".2f"),
            "chosen" if candidate is selection.chosen else "",
            style="bold" if candidate is selection.chosen else "",
        )
    return table
