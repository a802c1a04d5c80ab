"""A sweep from its spec to its result: models, search, baselines, table, report.

The same call again is the resume: every step looks first for what is there already.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

import analysis
from cluster import ray_session
from gan import DataRoot, ImageDataset, TeacherPool, default_data_root, load_dataset
from sweeps.errors import SweepError
from sweeps.extractors import Extractor, find_or_make_extractor
from sweeps.flavour import register_students
from sweeps.ledger import Ledger, next_ordinal, read_ledger, settled_in
from sweeps.progress import Display, QuietDisplay
from sweeps.reporting import Report, write_report
from sweeps.requests import TrialRequest
from sweeps.results import SHARED_PREFIX, sweep_table
from sweeps.search import LedgerSearch, grid_size, open_storage, prepare_study
from sweeps.spec import SweepSpec
from sweeps.teachers import Teacher, find_or_build_agreement_pool, find_or_build_pool, find_or_make_teacher
from sweeps.tracking import SPEC, Tracking
from sweeps.trial import TrialContext
from sweeps.tuning import run_trials
from sweeps.workspace import Workspace, default_data_dir


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found. `table` has a row per trial, in all states."""

    table: pa.Table
    report: Report


@dataclass(frozen=True)
class Foundation:
    """What all trials of a sweep stand on, each found or made once."""

    dataset: ImageDataset
    extractor: Extractor
    teacher: Teacher
    pool_path: Path
    pool: TeacherPool
    agreement_path: Path


def train_teacher(
    spec: SweepSpec,
    data_dir: Path | None = None,
    display: Display | None = None,
    again: bool = False,
    data_root: DataRoot | None = None,
) -> Teacher:
    """The spec's teacher, found in the registry or trained (always trained when `again`)."""
    workspace, display = Workspace.open(data_dir or default_data_dir()), display or QuietDisplay()
    data_root = data_root or default_data_root()
    tracking, dataset = Tracking(workspace.store), load_dataset(spec.dataset, data_root)
    extractor = find_or_make_extractor(spec, dataset, workspace, tracking, data_root, display)
    return find_or_make_teacher(spec, dataset, extractor, tracking, display, again)


def run_sweep(
    spec: SweepSpec,
    data_dir: Path | None = None,
    workers: int | None = None,
    display: Display | None = None,
    data_root: DataRoot | None = None,
) -> SweepResult:
    """Run the sweep, or go on with it, and write its report.

    `workers` is the number of trials at once (as many as there are cores by default); it changes the
    speed and, for an adaptive sampler, which points are asked, but never the row of a trial. Raises
    SweepError and its kin for what a person must mend, before any trial starts.
    """
    workspace, display = Workspace.open(data_dir or default_data_dir()), display or QuietDisplay()
    tracking = Tracking(workspace.store)
    _refuse_other_spec(tracking, spec)
    data_root = data_root or default_data_root()
    foundation = lay_foundation(spec, workspace, tracking, display, data_root)
    parent_run_id: str = _open_parent(spec, tracking, foundation)
    state = "FAILED"
    try:
        with ray_session(num_cpus=workers and workers * spec.resources.cpus_per_trial):
            _Phases(spec, workspace, tracking, foundation, parent_run_id, display, data_root).run()
        state = "COMPLETED"
    except KeyboardInterrupt:
        state = "INTERRUPTED"
        raise
    finally:
        # The workers are gone now, so nothing can write to these runs any more.
        tracking.close_open_trials(parent_run_id, "INTERRUPTED" if state == "INTERRUPTED" else "LOST")
        tracking.close(parent_run_id, state)
    report = write_report(spec.name, workspace, tracking)
    register_students(spec.name, tracking, report.frontier, report.limit)
    return SweepResult(report.table, report)


def lay_foundation(
    spec: SweepSpec, workspace: Workspace, tracking: Tracking, display: Display, data_root: DataRoot
) -> Foundation:
    """Data set, extractor, teacher and pool: found where they exist, made where they do not."""
    dataset = load_dataset(spec.dataset, data_root)
    extractor = find_or_make_extractor(spec, dataset, workspace, tracking, data_root, display)
    real, count = extractor.real, len(dataset.held_out_images)
    display.say(
        f"extractor {extractor.version}: {extractor.about}; real held-out images (n = {count:,}): "
        f"FID {real.fid:.1f}, IS {real.inception_score:.2f}"
    )
    teacher = find_or_make_teacher(spec, dataset, extractor, tracking, display)
    display.say(
        f"teacher {teacher.version}: {teacher.card.parameters:,} parameters, "
        f"FID {teacher.metrics.fid:.1f}, IS {teacher.metrics.inception_score:.2f}{teacher.collapse_note}"
    )
    pool_path, pool = find_or_build_pool(spec, teacher, workspace.pools, display)
    agreement_path, _ = find_or_build_agreement_pool(spec, teacher, workspace.pools, display)
    return Foundation(dataset, extractor, teacher, pool_path, pool, agreement_path)


class _Phases:
    """The phases of one sweep, each run over what the ledger does not know yet."""

    def __init__(
        self,
        spec: SweepSpec,
        workspace: Workspace,
        tracking: Tracking,
        foundation: Foundation,
        parent_run_id: str,
        display: Display,
        data_root: DataRoot,
    ) -> None:
        self._spec, self._tracking, self._foundation = spec, tracking, foundation
        self._folder, self._parent_run_id, self._display = workspace.sweep(spec.name), parent_run_id, display
        self._context = TrialContext(
            sweep=spec.name,
            parent_run_id=parent_run_id,
            store=tracking.store,
            dataset=spec.dataset,
            data_root=data_root,
            compute=spec.resources.compute,
            protocol=foundation.extractor.protocol,
            extractor_files=foundation.extractor.files,
            pool_path=foundation.pool_path,
            agreement_path=foundation.agreement_path,
            teacher_version=foundation.teacher.version,
            teacher_parameters=foundation.teacher.card.parameters,
            rungs_kimg=spec.evaluation.rungs_kimg,
        )

    def run(self) -> None:
        """Search, then baselines."""
        self._search()
        self._baselines()

    def _search(self) -> None:
        spec, ledger = self._spec, self._ledger()
        total = grid_size(spec) if spec.search.sampler == "grid" else spec.search.trials
        finished = {key: entry.objectives for key, entry in ledger.items() if entry.settled}
        search = LedgerSearch(spec, self._student, open_storage(self._folder), finished, next_ordinal(ledger))
        prepare_study(search.study, spec)
        done = len(list(settled_in(ledger, "search")))
        run_trials(self._context, spec, "search", self._display, total, done, searcher=search)

    def _baselines(self) -> None:
        if self._spec.baseline.of == "none":
            return
        table = sweep_table(self._tracking, self._spec.name)
        ledger = self._ledger()
        requests = [self._baseline(**twin) for twin in self._twins(table)]
        missing = [request for request in requests if not _is_settled(ledger, request)]
        first = next_ordinal(ledger)
        configs = [
            {"request": request.model_dump_json(), "trial": _ordinal(ledger, request, n)}
            for n, request in enumerate(missing, start=first)
        ]
        done = len(requests) - len(missing)
        run_trials(self._context, self._spec, "baselines", self._display, len(requests), done, configs=configs)

    def _twins(self, table: pa.Table) -> list[dict[str, Any]]:
        """The architectures and seeds that get a twin trained from scratch, each once."""
        chosen = analysis.pareto_frontier if self._spec.baseline.of == "frontier" else analysis.final_students
        rows = chosen(table).select(["width", "depth", "block", "seed"]).to_pylist()
        return list({tuple(row.values()): row for row in rows}.values())

    def _student(self, point: Mapping[str, Any]) -> TrialRequest:
        """The crossing from search to domain: a point of the space as a trial."""
        spec = self._spec
        recipe = spec.student.model_copy(update={"gan_weight": float(point["gan_weight"])})
        seed = int(point.get("seed", spec.student_seeds[0]))
        return self._request(point, seed, phase="search", distillation=recipe)

    def _baseline(self, seed: int, **point: Any) -> TrialRequest:
        return self._request(point, seed, phase="baseline", training=self._spec.baseline.training)

    def _request(self, point: Mapping[str, Any], seed: int, **what: Any) -> TrialRequest:
        foundation, spec = self._foundation, self._spec
        width, depth = int(point["width"]), int(point["depth"])
        return TrialRequest(
            architecture=spec.student_architecture(foundation.dataset, width, depth, point.get("block", "dcgan")),
            seed=seed,
            teacher_digest=foundation.teacher.card.weights_digest,
            pool_digest=foundation.pool.digest,
            protocol_digest=foundation.extractor.protocol.digest,
            threads=spec.resources.cpus_per_trial,
            compute=spec.resources.compute,
            **what,
        )

    def _ledger(self) -> Ledger:
        return read_ledger(self._tracking, self._parent_run_id)


def _is_settled(ledger: Ledger, request: TrialRequest) -> bool:
    return request.key in ledger and ledger[request.key].settled


def _open_parent(spec: SweepSpec, tracking: Tracking, foundation: Foundation) -> str:
    teacher, extractor = foundation.teacher, foundation.extractor
    shared = {
        "dataset": spec.dataset.name,
        "teacher_version": teacher.version,
        "teacher_digest": teacher.card.weights_digest,
        "protocol_digest": extractor.protocol.digest,
        "extractor": extractor.version,
        "teacher_parameters": teacher.card.parameters,
        "num_samples": extractor.protocol.num_samples,
        "teacher_kimg": teacher.card.budget_kimg,
        "teacher_fid": teacher.metrics.fid,
        "teacher_last_fid": teacher.last_fid,
        "teacher_inception_score": teacher.metrics.inception_score,
        "teacher_sharpness": teacher.metrics.sharpness,
        "real_fid": extractor.real.fid,
        "real_inception_score": extractor.real.inception_score,
        "real_sharpness": extractor.real.sharpness,
    }
    tags = {SHARED_PREFIX + name: str(value) for name, value in shared.items()}
    _refuse_other_models(tracking, spec.name, tags)
    run = tracking.open_sweep(spec.name, {**tags, SPEC: spec.model_dump_json()})
    run_id: str = run.info.run_id
    return run_id


def _refuse_other_spec(tracking: Tracking, spec: SweepSpec) -> None:
    """A sweep's name stands for one spec; only the number of trials may grow."""
    parent = tracking.find_sweep(spec.name)
    if parent is None:
        return
    before = SweepSpec.model_validate_json(parent.data.tags[SPEC])
    differing = sorted(_differences(before.model_dump(mode="json"), spec.model_dump(mode="json")))
    differing = [path for path in differing if path != "search.trials"]
    if differing:
        raise SweepError(
            f"The sweep {spec.name} goes on with the spec it began with",
            f"other values for {', '.join(differing)}",
            "Give the sweep another name with --name, or undo the change.",
        )


def _refuse_other_models(tracking: Tracking, name: str, tags: Mapping[str, str]) -> None:
    """A sweep's rows share one teacher and one protocol, which its parent run states."""
    parent = tracking.find_sweep(name)
    for column in ("teacher_digest", "protocol_digest"):
        before = parent.data.tags[SHARED_PREFIX + column] if parent else tags[SHARED_PREFIX + column]
        if before != tags[SHARED_PREFIX + column]:
            raise SweepError(
                f"The sweep {name} goes on with the {column} it began with, {before}",
                tags[SHARED_PREFIX + column],
                "A model was trained again since: give the sweep another name with --name.",
            )


def _differences(before: Any, after: Any, path: str = "") -> Iterable[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif before != after:
        yield path


def _ordinal(ledger: Ledger, request: TrialRequest, otherwise: int) -> int:
    return ledger[request.key].trial if request.key in ledger else otherwise
