"""Several students in one process: which are, and that each has the row and the run of one that was alone."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ray.tune.search import Searcher

import sweeps
import sweeps.trial.worker
from analysis import Phase
from gan import DistillationConfig, Evaluator, GeneratorConfig, Metrics, default_data_root
from gan.digests import value_digest
from sweeps.display import QuietDisplay
from sweeps.driver.phases import PhaseLayout
from sweeps.driver.runner import open_sweep
from sweeps.driver.tune_config import jobs_of
from sweeps.driver.tune_searcher import QueueSearcher
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.search.queues import ListQueue, NoJob, PhaseQueue
from sweeps.site.site import ThisMachine
from sweeps.trial.request import Job, TrialRequest
from sweeps.trial.worker import run_trial
from tests.sweeps.trained_here import trained_here

DIGESTS = {"teacher_digest": "t", "pool_digest": "p", "protocol_digest": "q", "threads": 1}


def request(seed: int, fused: int = 3, width: int = 2, **recipe: Any) -> TrialRequest:
    return TrialRequest(
        phase=Phase.SEARCH,
        architecture=GeneratorConfig(image_size=16, image_channels=1, width=width),
        distillation=DistillationConfig(kimg=1.0, **recipe),
        seed=seed,
        fused=fused,
        **DIGESTS,
    )


def suggested(requests: list[TrialRequest]) -> list[list[int]]:
    """The numbers of the jobs in each of Ray Tune's trials, each told its end at once."""
    jobs = [Job(request=asked, trial=number, point={}) for number, asked in enumerate(requests)]
    ended: list[int] = []

    class Queue(ListQueue):
        def ended(self, job: Job, result: Mapping[str, Any]) -> None:
            super().ended(job, result)
            ended.append(job.trial)
            assert result["fid"] == job.trial, "the result of another one"

    queue = PhaseQueue(
        "s", ["search"], lay_out=lambda phase: Queue("s", jobs, done=0), on_phase=lambda *args, **counts: None
    )
    searcher, found = QueueSearcher([queue]), []
    while (config := searcher.suggest(f"t{len(found)}")) != Searcher.FINISHED:
        members = jobs_of(config)
        result = {job.request.key: {"state": "COMPLETED", "fid": job.trial} for job in members}
        first = {"state": "COMPLETED", "fid": members[0].trial}
        searcher.on_trial_complete(f"t{len(found)}", {**first, **({"fused": result} if len(members) > 1 else {})})
        found.append([job.trial for job in members])
    assert sorted(ended) == sorted(job.trial for job in jobs)
    return found


def test_students_of_one_architecture_are_fused_and_what_is_left_goes_with_fewer() -> None:
    asked = [request(seed, width=width) for seed in range(4) for width in (2, 3)]
    assert suggested(asked) == [[0, 2, 4], [1, 3, 5], [6], [7]]


def test_weights_and_rates_may_differ_schemes_and_budgets_not() -> None:
    rate = {"optimiser": {"learning_rate": 1e-3}}
    asked = [request(0, gan_weight=0.1), request(0, gan_weight=0.2), request(0), request(1, gan_weight=0.3, **rate)]
    assert suggested(asked) == [[0, 1, 3], [2]]


def test_trials_that_are_not_fused_go_one_by_one_at_once() -> None:
    assert suggested([request(seed, fused=1) for seed in range(3)]) == [[0], [1], [2]]


def test_a_trial_that_is_alone_has_the_identity_that_it_had_before_there_were_others() -> None:
    alone = request(1, fused=1)
    assert alone.key == value_digest(alone.model_dump(mode="json", exclude={"phase", "fused"}))
    assert len({alone.key, request(1, fused=2).key, request(1, fused=3).key}) == 3, "it decides the last bits"


@pytest.fixture
def grid(tiny: dict[str, Any], spec_file: Any) -> Any:
    """The tiny sweep as a grid of two students with three seeds, so many of them fused."""

    def load(fused: int, **changes: Any) -> sweeps.SweepSpec:
        space = {
            "width": {"type": "choice", "values": [2]},
            "depth": {"type": "choice", "values": [1]},
            "gan_weight": {"type": "choice", "values": [0.0, 0.05]},
        }
        search = {"sampler": "grid", "space": space, "seeds": [0, 1, 2], "trials": 6}
        of = {"phases": ["search"], "student": {"kimg": 1}, "evaluation": {**tiny["evaluation"], "rungs_kimg": [0.5]}}
        resources = {"resources": {"fused_trials": fused}}
        return sweeps.load_spec(spec_file({**tiny, **of, **resources, "search": search, **changes}))

    return load


def test_a_phase_that_does_not_know_its_trials_beforehand_has_them_alone(grid: Any, tiny: dict[str, Any]) -> None:
    assert [grid(4).fused(phase) for phase in ("search", "confirm", "baseline")] == [4, 4, 1]
    assert [grid(4, search=tiny["search"]).fused(phase) for phase in ("search", "confirm")] == [1, 4]


@pytest.fixture
def data_dir(finished: Any, tmp_path: Path) -> Path:
    """A data directory with the models that the grid needs."""
    return Path(shutil.copytree(finished.data_dir, tmp_path / "data"))


def fids_of(run_id: str, tracking: Tracking) -> set[float]:
    """A run's FIDs, each once: that of a registered student is logged with it once more."""
    return {metric.value for metric in tracking.client.get_metric_history(run_id, "fid")}


@pytest.mark.usefixtures("without_figures")
def test_each_fused_trial_has_the_row_and_the_run_of_one_that_was_alone(grid: Any, data_dir: Path) -> None:
    alone = trained_here(grid(1, name="alone"), data_dir).to_pylist()
    together = sweeps.run_sweep(grid(3, name="together"), data_dir, workers=1).table.to_pylist()
    names = ("gan_weight", "seed")
    others = {tuple(row[name] for name in names): row for row in alone}
    assert len(together) == len(others) == 6
    for row in together:
        other = others[tuple(row[name] for name in names)]
        assert [row[name] for name in ("state", "kimg", "parameters")] == [
            "COMPLETED",
            other["kimg"],
            other["parameters"],
        ]
        # Rounding that another order of sums begins, and sixteen steps amplify.
        assert row["fid"] == pytest.approx(other["fid"], rel=0.02)
        assert row["trial_key"] != other["trial_key"]
    tracking = Tracking(Workspace.existing(data_dir).store)
    runs = list(tracking.each_trial(tracking.find_sweep("together").info.run_id))
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all(len(fids_of(run.info.run_id, tracking)) == 2 for run in runs)
    assert all(tracking.client.list_artifacts(run.info.run_id) for run in runs), "each keeps its student"

    _one_done_again_is_the_same(grid(3, name="together"), data_dir, tracking)


def test_what_goes_wrong_with_one_ends_that_one_alone(
    grid: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, workspace = grid(3, name="together"), Workspace.open(data_dir)
    tracking, reports = Tracking(workspace.store), []
    site = ThisMachine(workspace, default_data_root(), num_cpus=1)
    sweep = open_sweep(spec, workspace, tracking=tracking, display=QuietDisplay(), site=site)
    queue = PhaseQueue(spec.name, ["search"], lay_out=PhaseLayout(sweep).queue, on_phase=lambda *args, **counts: None)
    jobs = queue.next_fused()
    assert not isinstance(jobs, NoJob)
    measure, measured = Evaluator.evaluate, []

    def evaluate(self: Evaluator, *args: Any, **more: Any) -> Metrics:
        measured.append(1)
        if len(measured) == 2:  # the second student's, at the rung
            raise RuntimeError("no such luck")
        return measure(self, *args, **more)

    monkeypatch.setattr(Evaluator, "evaluate", evaluate)
    monkeypatch.setattr(sweeps.trial.worker, "report", reports.append)  # Ray Tune's, outside of a trial
    with pytest.raises(RuntimeError, match="no such luck"):
        run_trial(jobs, sweep.context)
    states = {job.trial: sweep.context.trials.folder(job.request.key).record().state for job in jobs}
    assert [states[job.trial] for job in jobs] == ["COMPLETED", "FAILED", "COMPLETED"]
    assert [reports[-1]["fused"][job.request.key]["state"] for job in jobs] == ["COMPLETED", "FAILED", "COMPLETED"]
    run_trial(jobs, sweep.context)  # as Ray Tune tries again
    assert {sweep.context.trials.folder(job.request.key).record().state for job in jobs} == {"COMPLETED"}
    assert len(measured) == 5 + 2, "those that had completed were not done again"


def _one_done_again_is_the_same(spec: sweeps.SweepSpec, data_dir: Path, tracking: Tracking) -> None:
    """A trial whose run was deleted is done again, with no others to be fused with, and is the same to the last bit."""
    runs = list(tracking.each_trial(tracking.find_sweep(spec.name).info.run_id))
    fids = sorted(run.data.metrics["fid"] for run in runs)
    tracking.client.delete_run(runs[0].info.run_id)
    trained_here(spec, data_dir)
    again = list(tracking.each_trial(tracking.find_sweep(spec.name).info.run_id))
    assert sorted(run.data.metrics["fid"] for run in again) == fids
    assert {run.info.run_id for run in again} & {run.info.run_id for run in runs} == {r.info.run_id for r in runs[1:]}
