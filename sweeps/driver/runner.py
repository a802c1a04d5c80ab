"""This module takes a sweep from its spec to its result: models, search, baselines, table, report.

The same call again is the resume: every step looks first for what is there already.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from analysis import TrialState
from cluster import read_token
from gan import DataRoot, default_data_root, load_dataset
from sweeps.deployment.latencies import bring_latencies, latencies_of, refuse_other_machine, workers_beside
from sweeps.deployment.phase import measure_sweep, require_measurable
from sweeps.display import Display, QuietDisplay
from sweeps.driver.closing import ClosingRuns, closed_on_error, ended_file
from sweeps.driver.open_sweep import OpenSweep, SweepBasis
from sweeps.driver.phase_run import PhaseRun
from sweeps.driver.sameness import as_begun, refuse_other_models, refuse_other_spec
from sweeps.errors import UndeliveredError
from sweeps.ledger.data_dir import default_data_dir
from sweeps.ledger.delivery import Delivery, undelivered
from sweeps.ledger.examinations import keep_examination
from sweeps.ledger.experiments import experiment_of
from sweeps.ledger.folders import MountedTrials, trials_of
from sweeps.ledger.lease import Lease, Leases
from sweeps.ledger.lock import at_work, sole_driver
from sweeps.ledger.notes import only_shown
from sweeps.ledger.origin import origin_tags
from sweeps.ledger.states import SweepState
from sweeps.ledger.sweeps import find_sweep, spec_of_sweep
from sweeps.ledger.tags import GROUP, VERSION, spec_tags
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.extractors import find_or_make_extractor
from sweeps.models.mlflow_models import register_students
from sweeps.models.run_inputs import state_inputs
from sweeps.models.teachers import Teacher, find_or_make_teacher
from sweeps.models.workshop import Workshop
from sweeps.planning.feasibility import require_feasible
from sweeps.results.answer import state_question
from sweeps.results.overview import describe_experiments
from sweeps.results.report import Report, write_report
from sweeps.site.site import Site, require_mounted, site_of
from sweeps.spec.sweep import SweepSpec
from sweeps.trial.log import close_running

VERSIONED = ("ganlimit", "torch", "torchvision", "torch-fidelity", "ray", "optuna", "mlflow")  # told by the report


@dataclass(frozen=True)
class SweepResult:
    """A SweepResult is what a sweep found. `table` has a row per trial, in all states."""

    table: pa.Table
    report: Report


def train_teacher(
    spec: SweepSpec,
    data_dir: Path | None = None,
    *,
    tracking_uri: str | None = None,
    display: Display | None = None,
    data_root: DataRoot | None = None,
    again: bool = False,
) -> Teacher:
    """Returns the spec's teacher, found in the registry or trained (always trained when `again`)."""
    workspace, display = Workspace.open(data_dir or default_data_dir(), tracking_uri), display or QuietDisplay()
    data_root = data_root or default_data_root()
    tracking, dataset = Tracking(workspace.store), load_dataset(spec.dataset, data_root)
    workshop = Workshop(workspace=workspace, tracking=tracking, data_root=data_root, display=display)
    with at_work(workspace.root):
        extractor = find_or_make_extractor(spec, dataset, workshop=workshop)
        return find_or_make_teacher(spec, dataset, extractor=extractor, workshop=workshop, again=again)


def run_sweep(
    spec: SweepSpec,
    data_dir: Path | None = None,
    *,
    tracking_uri: str | None = None,
    workers: int | None = None,
    display: Display | None = None,
    data_root: DataRoot | None = None,
    address: str | None = None,
    token_file: Path | None = None,
) -> SweepResult:
    """Run the sweep, or continue it, and write its report.

    `workers` is the number of trials at once (as many as there are cores by default, less those that time students
    where latency leads the search); it changes the speed and, for an adaptive sampler, which points are asked, but
    never the row of a trial. With the `address` of a Ray cluster
    (host:port or "auto") the trials run there, without one on this machine; `token_file` has the cluster's secret, and
    `tracking_uri` is where runs go. Without them the environment's are taken, as Ray and MLflow do. Raises SweepError
    and its kin for what a person must mend, before any trial starts.
    """
    (result,) = run_sweeps(
        [spec],
        data_dir,
        tracking_uri=tracking_uri,
        workers=workers,
        display=display,
        data_root=data_root,
        address=address,
        token_file=token_file,
    )
    return result


def run_sweeps(
    specs: Sequence[SweepSpec],
    data_dir: Path | None = None,
    *,
    tracking_uri: str | None = None,
    workers: int | None = None,
    display: Display | None = None,
    data_root: DataRoot | None = None,
    address: str | None = None,
    token_file: Path | None = None,
) -> list[SweepResult]:
    """Run several sweeps at once, each as `run_sweep` does: each has its own study and teacher.

    The sweep with the fewest trials running gets the next free place. They have one budget and equal resources, those
    of the first.
    """
    for spec in specs:
        require_feasible(spec)
        require_measurable(spec)
    if address is not None:
        require_mounted(specs[0])
        if token_file is not None:
            read_token(token_file.expanduser())
    workspace, display = Workspace.open(data_dir or default_data_dir(), tracking_uri), display or QuietDisplay()
    data_root = data_root or default_data_root()
    with ExitStack() as drivers:
        for spec in specs:
            own = {"group": spec.group, "store": workspace.store_digest}
            drivers.enter_context(sole_driver(workspace.sweep(spec.name), spec.name, **own))
        tracking = Tracking(workspace.store)
        drivers.callback(tracking.registry.close)  # a notebook has one sweep after the other
        leases = drivers.enter_context(Leases(display))
        at_site = site_of(
            specs,
            workspace,
            data_root=data_root,
            display=display,
            workers=workers if workers or address else workers_beside(specs),
            address=address,
            token_file=token_file,
        )
        _run_at(at_site, specs, workspace=workspace, tracking=tracking, leases=leases, display=display)
        workshop = Workshop(workspace=workspace, tracking=tracking, data_root=data_root, display=display)
        for spec in specs:
            measure_sweep(spec, workshop)  # when nobody trains here any more
        reports = [_finish(spec.name, workspace, tracking=tracking, display=display) for spec in specs]
    return [SweepResult(report.table, report) for report in reports]


def _run_at(
    at_site: AbstractContextManager[Site],
    specs: Sequence[SweepSpec],
    *,
    workspace: Workspace,
    tracking: Tracking,
    leases: Leases,
    display: Display,
) -> None:
    """Opens the sweeps at a site, runs their phases, and closes their runs whatever happens."""
    is_shared = workspace.tracking_uri is not None
    specs = [as_begun(tracking.find_sweep(spec.name), spec) for spec in specs]
    known = _claim_known(specs, tracking, leases=leases if is_shared else None)
    # The runs are closed when nobody works at the site any more; reports need no part of a cluster.
    with ClosingRuns(tracking, leases) as closing, at_site as site:
        for spec in specs:
            if len(specs) > 1:
                display.say(f"{spec.name}:")
            sweep = open_sweep(spec, workspace, tracking=tracking, display=display, site=site)
            if is_shared and spec.name not in known:
                leases.hold(Lease(tracking, sweep.parent_run_id, name=spec.name))
            closing.hold(sweep)
            _show_first(sweep, display=display)
        PhaseRun(closing.sweeps, site, display=display).run()
    if closing.missing:
        raise UndeliveredError(specs[0].group or specs[0].name, closing.missing)


def _claim_known(specs: Sequence[SweepSpec], tracking: Tracking, *, leases: Leases | None) -> set[str]:
    """Refuses what goes on with another spec than it began with. Returns the names of the sweeps that have begun.

    They are held by `leases` where a driver with another data directory may use the same tracking server.
    """
    for spec in specs:
        tracking.require_one_run(spec.name)
    known = {spec.name: parent for spec in specs if (parent := tracking.find_sweep(spec.name))}
    for spec in specs:
        refuse_other_spec(known.get(spec.name), spec)
        if parent := known.get(spec.name):
            refuse_other_machine(spec, tracking, parent_run_id=parent.info.run_id)
        if spec.name not in known:
            tracking.experiments.place(experiment_of(spec))  # which is refused before anything is trained
    if leases is not None:
        for name, parent in known.items():
            leases.hold(Lease(tracking, parent.info.run_id, name=name))
    return set(known)


def sync_sweep(name: str, workspace: Workspace) -> tuple[int, Report]:
    """Bring to the tracking store what it missed while it was away. Returns for how many trials, and the report.

    Raises SweepError when there is no such sweep, a driver runs it now, or the store is still away.
    """
    tracking = Tracking(workspace.store)
    parent_run_id: str = find_sweep(tracking, name).info.run_id
    folder, spec = workspace.sweep(name), spec_of_sweep(tracking, name)
    storage = spec.cluster.storage
    trials = trials_of(name, storage) if storage else MountedTrials(folder / "trials")
    with sole_driver(folder, name), Leases(QuietDisplay()) as leases:
        if workspace.tracking_uri is not None:
            leases.hold(Lease(tracking, parent_run_id, name=name))
        close_running(trials, TrialState.LOST)  # left by a driver that was killed
        count = len(undelivered(trials))
        remaining = Delivery(tracking.store, parent_run_id).deliver_all(trials)
        remaining += not bring_latencies(spec, folder, tracking=tracking, parent_run_id=parent_run_id)
        if remaining:
            raise UndeliveredError(name, remaining)
        state = SweepState(ended.read_text()) if (ended := ended_file(folder)).exists() else SweepState.FAILED
        if count:
            tracking.close(parent_run_id, state)
        complete = state == SweepState.COMPLETED
        if not complete:
            return count, write_report(name, workspace, tracking=tracking)
        return count, _finish(name, workspace, tracking=tracking, display=QuietDisplay())


def _finish(name: str, workspace: Workspace, *, tracking: Tracking, display: Display) -> Report:
    report = write_report(
        name, workspace, tracking=tracking, formats=("png",)
    )  # `ganlimit report` writes those for a paper
    register_students(name, tracking, table=report.table, frontier=report.frontier, limit=report.limit)
    with only_shown(display.say):
        describe_experiments(tracking, find_sweep(tracking, name).info.experiment_id)
    return report


def open_sweep(spec: SweepSpec, workspace: Workspace, *, tracking: Tracking, display: Display, site: Site) -> OpenSweep:
    """Lay the sweep's foundation and open its parent run. Returns the open sweep."""
    foundation = site.foundation(spec, tracking, display=display)
    tags = foundation.shared_tags(spec)
    refuse_other_models(tracking, spec.name, tags=tags)
    tags |= {**spec_tags(spec.model_dump_json()), **({GROUP: spec.group} if spec.group else {})}
    tags |= {VERSION + name: version(name) for name in VERSIONED} | origin_tags(f"ganlimit sweep run {spec.name}")
    folder, trials = workspace.sweep(spec.name), site.trials(spec)
    parent_run_id = tracking.open_sweep(spec.name, tags, experiment=experiment_of(spec)).info.run_id
    with closed_on_error(tracking, parent_run_id):
        teacher = foundation.teacher
        latencies = latencies_of(spec, folder, tracking=tracking, parent_run_id=parent_run_id, teacher=teacher)
    return OpenSweep(
        SweepBasis(
            spec=spec,
            foundation=foundation,
            tracking=tracking,
            parent_run_id=parent_run_id,
            folder=folder,
            trials=trials,
            is_new=tracking.has_trials(parent_run_id, "", count=0),
            latencies=latencies,
        )
    )


def _show_first(sweep: OpenSweep, *, display: Display) -> None:
    """Keep what the sweep's reports need, and show on its run what it asks, learns from, and has come to so far."""
    tracking, spec, foundation = sweep.basis.tracking, sweep.spec, sweep.basis.foundation
    keep_examination(tracking, sweep.parent_run_id, examination=foundation.examination)
    parent = tracking.client.get_run(sweep.parent_run_id)
    with only_shown(display.say):
        state_question(tracking, parent, spec=spec)
    with only_shown(display.say):
        state_inputs(tracking, parent, spec=spec, foundation=foundation)
    with only_shown(display.say):
        sweep.show()
    with only_shown(display.say):
        describe_experiments(tracking, parent.info.experiment_id)
