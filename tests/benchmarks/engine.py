"""What the engine costs: trials that do nothing, against plain Ray Tune with OptunaSearch in the same run.

    python -m tests.benchmarks.engine [--trials 200] [--runs 3] [--asks] [--out engine.json]

Both search the same space with TPE, two trials at once, each trial reporting twice. Ours keeps its whole ledger:
journals, study on disk, and one MLflow run per trial in an SQLite store. The time is from the first trial's start
to the last one's end, so that nobody's start-up counts. --asks measures instead the CPU time of asking for the next
point when the study holds as many trials as --sizes says; the first ask of an opened study stands apart.
"""

import argparse
import json
import math
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import create_trial
from ray import tune
from ray.tune import RunConfig, TuneConfig, report
from ray.tune.search.optuna import OptunaSearch
from rich.console import Console
from rich.table import Table

import sweeps
from analysis import Phase, TrialState
from cluster import TrialNeed, ray_session
from gan import DistillationConfig, GeneratorConfig, default_data_root
from sweeps.display import QuietDisplay
from sweeps.driver.budget import Spending
from sweeps.driver.open_sweep import OpenSweep
from sweeps.driver.phases import PhaseLayout
from sweeps.driver.runner import open_sweep
from sweeps.driver.tune_environment import tune_environment
from sweeps.driver.tune_scheduler import RungSurvival
from sweeps.driver.tuning import TrialsToRun, Watchers, Work, run_trials
from sweeps.driver.view import SweepView
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.search.queues import PhaseQueue
from sweeps.search.study import GENERATION, open_study
from sweeps.search.study_file import open_storage
from sweeps.search.study_queue import SearchBasis, study_queue
from sweeps.site.site import ThisMachine
from sweeps.spec.space import distributions
from sweeps.trial.log import TrialContext, TrialLog, costs_of, delivery_of
from sweeps.trial.request import Job, TrialRequest
from sweeps.trial.worker import outcome

WORKERS = 2
ASKS, UNDER_WAY = 20, 64  # that are timed, one after the other; trials that run all the while
TEACHER = {"teacher_fid": 5_000.0, "teacher_inception_score": 8.0, "teacher_parameters": 1_000_000}


def spec_of(trials: int, sampler: str = "tpe") -> sweeps.SweepSpec:
    """The preset digits-seeds with a large space, and models that are hardly trained: nothing looks at them.

    The sampler `limit` has nearly as many students as it may have, and never ends by itself.
    """
    weights: dict[str, Any] = {"type": "float", "low": 0.0, "high": 0.5}
    listed = {"search.seeds": None, "search.confidence": 1.0} if sampler == "limit" else {}
    if sampler == "limit":
        weights = {"type": "choice", "values": [0.001 * 1.5**n for n in range(15)]}
    return sweeps.load_spec(
        "digits-seeds",
        {
            "name": "benchmark",
            "teacher.training.kimg": 1,
            "extractor.epochs": 1,
            "phases": ["search"],
            "search.trials": trials,
            "search.sampler": sampler,
            "search.seeds": [0],
            "search.space.width": {"type": "int", "low": 1, "high": 64},
            "search.space.depth": {"type": "int", "low": 1, "high": 2},
            "search.space.gan_weight": weights,
            "evaluation.rungs_kimg": [1],
            **listed,
        },
    )


def do_nothing(jobs: Sequence[Job], context: TrialContext) -> None:
    """A trial's whole record, without any training."""
    (job,) = jobs
    costs = costs_of(job.request.architecture)
    metrics = {**costs, "fid": 1e5 / costs["parameters"], "inception_score": 1.0}
    log = TrialLog(job, context, delivery=delivery_of(context))
    log.open()
    log.report(1.0, metrics)
    report(outcome(TrialState.RUNNING, {**metrics, "kimg": 1.0}))
    log.report(job.request.kimg, metrics)
    log.close(TrialState.COMPLETED, None, kimg=job.request.kimg)
    report(outcome(TrialState.COMPLETED, {**metrics, "kimg": job.request.kimg}))


class Clock(tune.Callback):
    """Seconds from the first trial's start to the last one's end."""

    began = ended = 0.0

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.began = self.began or time.perf_counter()

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self.ended = time.perf_counter()

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class TimedView(SweepView):
    """The engine's own view, which hears of every start and end as well."""

    times: list[float]

    def began(self, trial_id: str, job: Job) -> None:
        super().began(trial_id, job)
        self.times.append(time.perf_counter())

    def ended(self, *args: Any, **named: Any) -> None:
        super().ended(*args, **named)
        self.times.append(time.perf_counter())


def engine_s(sweep: OpenSweep, work: Work = do_nothing, workers: int = WORKERS) -> float:
    """Seconds of the engine for all trials of `sweep`, each of which does `work`."""
    spec = sweep.spec
    spending = Spending(budget=spec.budget, resources=spec.resources)
    view = TimedView({spec.name: sweep.teacher_objectives}, spending)
    view.times = []
    queue = PhaseQueue(spec.name, spec.trial_phases, lay_out=PhaseLayout(sweep).queue, on_phase=view.phase)
    need = TrialNeed(cpus=float(spec.resources.cpus_per_trial))
    with ray_session(num_cpus=workers):
        trials = TrialsToRun(contexts=[sweep.context], queues=[queue], need=need, scheduler=RungSurvival({}), work=work)
        run_trials(trials, Watchers(view, spending))
    sweep.close(TrialState.LOST, 0.0)
    assert len(sweep.read_again().ledger) == spec.search.trials
    return max(view.times) - min(view.times)


def plain_s(trials: int, reuse: bool) -> float:
    """Seconds of Ray Tune with OptunaSearch for as many trials."""

    def nothing(config: dict[str, Any]) -> None:
        for _ in range(2):
            tune.report({"parameters": config["width"] ** 2, "fid": 100 / config["width"]})

    space = distributions(spec_of(trials).domains())
    search = OptunaSearch(space, metric=["parameters", "fid"], mode=["min", "min"])
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder, tune_environment(), ray_session(num_cpus=WORKERS):
        tune.Tuner(
            tune.with_resources(nothing, {"cpu": 1}),
            tune_config=TuneConfig(num_samples=trials, search_alg=search, reuse_actors=reuse),
            run_config=RunConfig(storage_path=folder, verbose=0, callbacks=[clock]),
        ).fit()
    return clock.seconds


def compare(trials: int, runs: int, console: Console) -> dict[str, Any]:
    found: dict[str, list[float]] = {"engine": [], "plain": [], "plain, actors reused": []}
    for run in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace.open(Path(folder))
            tracking = Tracking(workspace.store)
            site = ThisMachine(workspace, default_data_root(), num_cpus=WORKERS)
            sweep = open_sweep(spec_of(trials), workspace, tracking=tracking, display=QuietDisplay(), site=site)
            found["engine"].append(engine_s(sweep) / trials)
        few = max(1, trials // 4)  # a process for each trial takes long enough to be timed over fewer
        found["plain"].append(plain_s(few, reuse=False) / few)
        found["plain, actors reused"].append(plain_s(trials, reuse=True) / trials)
        console.print(f"run {run + 1}: " + ", ".join(f"{name} {s[-1]:.3f} s" for name, s in found.items()), style="dim")
    table = Table(box=None, header_style="bold", title=f"{trials} trials that do nothing, {WORKERS} at once")
    for heading in ("", "s a trial", "least", "most", "engine / it"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, seconds in found.items():
        ratios = [ours / theirs for ours, theirs in zip(found["engine"], seconds, strict=True)]
        cells = (statistics.median(seconds), min(seconds), max(seconds), statistics.median(ratios))
        table.add_row(name, *(f"{cell:.3f}" for cell in cells[:3]), f"{cells[3]:.2f}")
    console.print(table)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return {"trials": trials, "s_per_trial": found, "driver_peak_mib": peak_mib}


def ask_ms(sampler: str, size: int) -> list[float]:
    """Milliseconds of CPU from asking for a job to having it, with `size` trials in the study.

    The first UNDER_WAY are of trials that never end, the others of such as are told before the next ask.
    """
    spec = spec_of(100_000, sampler)
    domains, draw = spec.domains(), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    with tempfile.TemporaryDirectory() as folder:
        study = open_study(spec, open_storage(Path(folder)), teacher=TEACHER)
        trials: list[optuna.trial.FrozenTrial] = []
        for _ in range(size):
            params = draw.ask(distributions(domains)).params
            born = {GENERATION: len(trials) // spec.search.population_size}  # or NSGA-II would have no parents
            trials.append(
                create_trial(
                    params=params, distributions=distributions(domains), values=_values(params), system_attrs=born
                )
            )
        study.add_trials(trials)
        queue = study_queue(SearchBasis(spec=spec, to_request=_request_of, study=study, ledger={}, total=100_000))
        times = []
        for number in range(UNDER_WAY + ASKS):
            began = time.process_time()
            job = queue.next()
            times.append(1000 * (time.process_time() - began))
            assert isinstance(job, Job)
            if number >= UNDER_WAY:
                size_found, fid = _values(job.point)
                queue.ended(job, {"state": "COMPLETED", "parameters": size_found, "fid": fid})
    return times


def _values(point: Any) -> tuple[float, float]:
    """Parameters and FID of a student: the larger the better, and with luck of its own."""
    parameters = costs_of(_architecture(point))["parameters"]
    luck = random.Random(repr(sorted(point.items()))).gauss(0.0, 0.1)
    return parameters, 1e5 / point["width"] * (1 + point["gan_weight"]) * math.exp(luck)


def _architecture(point: Any) -> GeneratorConfig:
    return GeneratorConfig(image_size=16, image_channels=1, width=int(point["width"]), depth=int(point["depth"]))


def _request_of(point: Any) -> TrialRequest:
    recipe = DistillationConfig(kimg=1.0, gan_weight=float(point["gan_weight"]))
    return TrialRequest(
        phase=Phase.SEARCH,
        architecture=_architecture(point),
        distillation=recipe,
        seed=int(point.get("seed", 0)),
        threads=1,
        teacher_digest="none",
        pool_digest="none",
        protocol_digest="none",
    )


def compare_asks(samplers: list[str], sizes: list[int], console: Console) -> dict[str, Any]:
    table = Table(box=None, header_style="bold", title="milliseconds of CPU from asking for a job to having it")
    for heading in ("sampler", "trials in the study", "first", "median", "most"):
        table.add_column(heading, justify="left" if heading == "sampler" else "right")
    found: dict[str, Any] = {}
    for sampler in samplers:
        for size in sizes:
            times = ask_ms(sampler, size)
            found[f"{sampler} {size}"] = times
            first, later = times[0], times[UNDER_WAY:]
            cells = (first, statistics.median(later), max(later))
            table.add_row(sampler, f"{size:,}", *(f"{cell:.0f}" for cell in cells))
    console.print(table)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--asks", action="store_true", help="time the asking for points instead")
    parser.add_argument("--samplers", nargs="+", default=["tpe", "nsgaii", "random", "limit"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[1000, 2000, 5000], help="trials in the study")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments, console = parser.parse_args(), Console()
    if arguments.asks:
        found = compare_asks(arguments.samplers, arguments.sizes, console)
    else:
        found = compare(arguments.trials, arguments.runs, console)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
