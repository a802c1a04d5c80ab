"""How far one driver goes: trials that sleep and report recorded curves, through the real engine, ledger and server.

    python -m tests.benchmarks.scale [--trials 10000] [--at-once 10] [--seconds-per-trial 2] [--out FILE]

A driver sees a rate of trials that begin, report and end. A small machine makes the rate of a large cluster when its
trials are short: 2 trials a second are 200 nodes with trials of 100 seconds, or 1,200 nodes with trials of 10 minutes.
Journals, deliveries, the study, pruning and Ray Tune are the engine's own; runs go to an MLflow server with one worker
on a PostgreSQL of the benchmark's own (without fsync), or to --store-uri. Of a shared machine CPU times say more than
the clock, so they decide what saturates first. The figures are written after every window of trials, under the name of
the run: what was cut off is there as far as it came.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

import sweeps
from analysis import TrialState
from cluster import Share, TeamServer, team_server
from gan import default_data_root
from sweeps.display import LineDisplay
from sweeps.driver.budget import Spending
from sweeps.driver.open_sweep import OpenSweep
from sweeps.driver.phases import PhaseLayout
from sweeps.driver.runner import open_sweep
from sweeps.driver.tune_scheduler import RungSurvival
from sweeps.driver.tuning import TrialsToRun, Watchers, run_trials
from sweeps.driver.view import SweepView
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.search.queues import NoJob, PhaseQueue
from sweeps.search.rungs import Rungs
from sweeps.site.site import ThisMachine
from sweeps.trial.request import Job
from tests.benchmarks.capacity import print_tables
from tests.benchmarks.meters import Durations, RequestMeter, Usage, difference, disk_mib, ray_processes, usage_of
from tests.benchmarks.replay import Replay, note_requests
from tests.benchmarks.simulation import DATA, SPEC

WINDOW = 500  # trials between two readings, beside the first few
FIRST_WINDOWS = (100, 300)
CREATES_A_TRIAL = b'"op_code":4,'  # in Optuna's journal


@dataclass(frozen=True)
class Servers:
    """The tracking server and its database, as process ids."""

    url: str
    mlflow: int
    postgres: int | None
    folder: Path  # of the database


@dataclass(frozen=True)
class Workers(TeamServer):
    """The team's server with another number of uvicorn's workers than we serve it with."""

    workers: int = 1

    def command(self) -> list[str]:
        command = super().command()
        command[command.index("--workers") + 1] = str(self.workers)
        return command


def spec_of(arguments: argparse.Namespace) -> sweeps.SweepSpec:
    """The space of the recorded curves, without end, and models that are hardly trained: nothing looks at them."""
    return sweeps.load_spec(
        SPEC,
        {
            "name": "scale",
            "teacher.training.kimg": 1,
            "extractor.epochs": 1,
            "search.trials": arguments.trials,
            "search.sampler": arguments.sampler,
            "search.pruning": True,
            "search.seeds": [0],
            "search.space.width": {"type": "int", "low": 1, "high": 64, "log": True},
            "search.space.gan_weight": {"type": "float", "low": 0.0, "high": 0.1},
            **({"budget.wall_hours": arguments.minutes / 60} if arguments.minutes else {}),
        },
    )


class TimedQueue(PhaseQueue):
    """The engine's own queue, with a clock."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.asking, self.telling = Durations(), Durations()

    def next(self) -> Job | NoJob:
        with self.asking:
            return super().next()

    def ended(self, job: Job, result: Mapping[str, Any]) -> None:
        with self.telling:
            super().ended(job, result)


class TimedSurvival(RungSurvival):
    """The engine's own scheduler, with a clock."""

    def __init__(self, rungs: Mapping[str, Rungs]) -> None:
        super().__init__(rungs)
        self.judging = Durations()

    def on_trial_result(self, tune_controller: object, trial: Any, result: Mapping[str, Any]) -> str:
        with self.judging:
            return super().on_trial_result(tune_controller, trial, result)


class WatchedView(SweepView):
    """The engine's own view, which calls `on_end` with the number of trials that have ended."""

    on_end: Any = None

    def ended(self, *arguments: Any, **named: Any) -> None:
        super().ended(*arguments, **named)
        self.on_end(sum(self.counts.values()))


class Readings:
    """Reads all meters after each window of trials, and writes what they say."""

    def __init__(
        self, sweep: OpenSweep, servers: Servers, queue: TimedQueue, judge: TimedSurvival, folder: Path
    ) -> None:
        self._sweep, self._servers, self._queue, self._judge = sweep, servers, queue, judge
        self._requests, self._workers = RequestMeter(folder / "workers", folder / "driver"), folder / "workers"
        self._began = self._before = time.perf_counter()
        self._usage, self._done = self._read(), 0
        self.windows: list[dict[str, Any]] = []

    def is_due(self, done: int) -> bool:
        return done in (*FIRST_WINDOWS, self._sweep.spec.search.trials) or done % WINDOW == 0

    def take(self, done: int, counts: Mapping[TrialState, int]) -> None:
        """Add a window that ends now, after `done` trials."""
        if done == self._done:
            return
        now, usage = time.perf_counter(), self._read()
        sweep, database = self._sweep.folder, self._servers.folder
        self.windows.append(
            {
                "finished": done,
                "trials": done - self._done,
                "wall_s": now - self._before,
                "since_start_s": now - self._began,
                "states": dict(counts),
                "processes": difference(usage, self._usage),
                "ask": self._queue.asking.taken(),
                "tell": self._queue.telling.taken(),
                "judge": self._judge.judging.taken(),
                "requests": self._requests.taken(),
                "disk_mib": {
                    "study": disk_mib(sweep / "study.journal"),
                    "journals": disk_mib(sweep / "trials"),
                    "database": disk_mib(database),
                },
                "asked": trials_in(sweep / "study.journal"),
                "workers": len(list(self._workers.iterdir())),  # that have begun a trial since the start
                "load": os.getloadavg()[0],
            }
        )
        self._before, self._usage, self._done = time.perf_counter(), self._read(), done

    def _read(self) -> dict[str, Usage]:
        groups = {"mlflow": [self._servers.mlflow], **ray_processes()}
        if self._servers.postgres:
            groups["postgres"] = [self._servers.postgres]
        found = {name: usage_of(roots, whole_tree=name in {"mlflow", "postgres"}) for name, roots in groups.items()}
        return {"driver": usage_of([os.getpid()], whole_tree=False), **found}


def trials_in(journal: Path) -> int:
    """How many trials the study's journal has, those among them that are answered from the ledger."""
    return journal.read_bytes().count(CREATES_A_TRIAL)


def measure(arguments: argparse.Namespace, servers: Servers, folder: Path, save: Any) -> None:
    """Run the sweep, calling `save` with what is known so far after every window and at the end."""
    workspace = Workspace(folder / "data", servers.url)
    workspace.root.mkdir()
    spec, display = spec_of(arguments), LineDisplay(Console(stderr=True))
    site = ThisMachine(workspace, default_data_root(), num_cpus=arguments.at_once)
    tracking = Tracking(workspace.store)
    sweep = open_sweep(spec, workspace, tracking=tracking, display=display, site=site)
    for name in ("workers", "driver"):
        (folder / name).mkdir()
    note_requests(folder / "driver")
    spending = Spending(budget=spec.budget, resources=spec.resources)
    view = WatchedView({spec.name: sweep.teacher_objectives}, spending)
    queue = TimedQueue(spec.name, spec.trial_phases, lay_out=PhaseLayout(sweep).queue, on_phase=view.phase)
    rungs = sweep.known.rungs()
    judge = TimedSurvival({spec.name: rungs} if rungs is not None else {})
    work = Replay(DATA, arguments.seconds_per_trial, folder / "workers")
    with site.session(), display.watch(view) as refresh:
        readings = Readings(sweep, servers, queue, judge, folder)

        def on_end(done: int) -> None:
            if readings.is_due(done):
                readings.take(done, view.counts)
                save({"windows": readings.windows})

        view.on_end = on_end
        share = Share("scale", lambda: 1 / arguments.at_once) if arguments.fill == "at once" else None
        with share or nullcontext():
            need = site.need(spec.resources)
            trials = TrialsToRun([sweep.context], [queue], need=need, scheduler=judge, work=work, share=share)
        run_trials(trials, Watchers(view, spending, refresh=refresh))
        readings.take(sum(view.counts.values()), view.counts)
    save({"windows": readings.windows, "end": after(sweep)})


def after(sweep: OpenSweep) -> dict[str, float]:
    """Seconds of what a driver does once when its trials have ended, and when the same sweep is gone on with."""
    found: dict[str, float] = {}
    steps: dict[str, Callable[[], object]] = {
        "close": lambda: sweep.close(TrialState.LOST, 0.0),
        "read the ledger": lambda: sweep.read_again().ledger,
        "judge the rungs again": lambda: sweep.known.rungs(),
    }
    for name, step in steps.items():
        began, cpu = time.perf_counter(), time.process_time()
        step()
        found |= {f"{name}_s": time.perf_counter() - began, f"{name}_cpu_s": time.process_time() - cpu}
    return found


@contextmanager
def servers_of(arguments: argparse.Namespace, folder: Path) -> Iterator[Servers]:
    """The tracking server, on a database of its own unless one is given."""
    from tests.cluster.servers import free_port, postgres

    with ExitStack() as stack:
        store, process, database = arguments.store_uri, None, folder
        if store is None:
            server = stack.enter_context(postgres(folder))
            store, database = server.create_database("mlflow"), server.data / "base"
            process = int((server.data / "postmaster.pid").read_text().split()[0])
        kept = (folder / "artifacts").as_uri()
        log, count = folder / "mlflow.log", arguments.server_workers
        team = Workers(store_uri=store, artifacts_destination=kept, log=log, port=free_port(), workers=count)
        url, mlflow = stack.enter_context(team_server(team))
        yield Servers(url, mlflow.pid, process, database)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--seconds-per-trial", type=float, default=2.0, help="of one that nothing stops early")
    parser.add_argument("--sampler", default="nsgaii", choices=["nsgaii", "tpe", "random"])
    parser.add_argument("--minutes", type=float, help="begin no further trial after so many")
    parser.add_argument("--server-workers", type=int, default=1, help="uvicorn's; we serve with one")
    parser.add_argument(
        "--fill", default="at once", choices=["at once", "one by one"], help="how workers start: see README.md"
    )
    parser.add_argument("--store-uri", help="a database for the tracking server, instead of one of the benchmark's own")
    parser.add_argument("--name", help="of the run in the file")
    parser.add_argument("--out", type=Path, help="a JSON file to which the run is added")
    parser.add_argument("--show", action="store_true", help="show what the file has, and run nothing")
    arguments, console = parser.parse_args(), Console()
    if arguments.show:
        print_tables(json.loads(arguments.out.read_text()), console)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    settings = ("trials", "at_once", "seconds_per_trial", "sampler", "server_workers", "fill")
    run: dict[str, Any] = {name: getattr(arguments, name) for name in settings}
    run["cores"] = os.cpu_count()
    name = arguments.name or f"{run['trials']} trials, {run['at_once']} at once, {run['sampler']}"
    runs: dict[str, Any] = {}

    def save(found: Mapping[str, Any]) -> None:
        runs[name] = {**run, **found}
        if arguments.out:
            before = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
            arguments.out.write_text(json.dumps({**before, **runs}, indent=1) + "\n")

    with tempfile.TemporaryDirectory(prefix="gl-scale-") as folder, servers_of(arguments, Path(folder)) as servers:
        measure(arguments, servers, Path(folder), save)
    print_tables(runs, console)


if __name__ == "__main__":
    main()
