"""Searches over recorded learning curves: the engine's own queue and rungs, a clock in kimg, no training.

tests/data/curves.parquet has the curves; for each student and repeat one of its recorded seeds is drawn. What is
found is judged by the students' mean FID over their seeds.
"""

import heapq
import math
import random
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pyarrow.parquet as pq

import sweeps
from analysis import Phase, dominated_share
from gan import GeneratorConfig
from gan.digests import value_digest
from sweeps.driver.tune_searcher import QueueSearcher
from sweeps.search.rungs import Rungs
from sweeps.search.study import open_study
from sweeps.search.study_queue import SearchBasis, study_queue
from sweeps.trial.request import Job, TrialRequest

DATA = Path(__file__).parents[1] / "data" / "curves.parquet"
SPEC = Path(__file__).with_name("curves.yaml")
WORKERS = 4  # trials at once

Student = tuple[int, int, str, float]


@dataclass(frozen=True)
class Curves:
    """Recorded curves: student -> seeds -> (kimg, fid) by rung, its parameters and its mean final FID."""

    runs: dict[Student, list[list[tuple[float, float]]]]
    parameters: dict[Student, int]
    final_fid: dict[Student, float]
    kimg: float  # of a whole training
    teacher: tuple[float, float]  # (parameters, FID)

    @classmethod
    def load(cls, path: Path) -> "Curves":
        table = pq.read_table(path)
        runs: dict[Student, dict[int, list[tuple[float, float]]]] = {}
        parameters: dict[Student, int] = {}
        for row in table.to_pylist():
            student = (row["width"], row["depth"], row["block"], row["gan_weight"])
            runs.setdefault(student, {}).setdefault(row["seed"], []).append((row["kimg"], row["fid"]))
            parameters[student] = row["parameters"]
        lists = {student: [sorted(run) for run in seeds.values()] for student, seeds in runs.items()}
        final = {student: statistics.mean(run[-1][1] for run in seeds) for student, seeds in lists.items()}
        shared = table.schema.metadata
        teacher = float(shared[b"teacher_parameters"]), float(shared[b"teacher_fid"])
        return cls(lists, parameters, final, max(table["kimg"].to_pylist()), teacher)

    def hypervolume(self, students: set[Student]) -> float:
        """What the students' mean (parameters, FID) dominate, as the live view shows it."""
        return dominated_share([(self.parameters[s], self.final_fid[s]) for s in students], self.teacher)


def spec_of(sampler: str, pruning: bool | dict[str, Any], repeat: int) -> sweeps.SweepSpec:
    """The recorded space, as a user would write it for this sampler."""
    changes: dict[str, Any] = {
        "seed": repeat,
        "search.sampler": sampler,
        "search.trials": 500,  # more than any budget here pays for
        "search.seeds": [0],
        "search.pruning": pruning,
    }
    if sampler != "grid":  # an ordered width helps those who can make use of it
        changes["search.space.width"] = {"type": "int", "low": 1, "high": 24, "log": True}
    return sweeps.load_spec(SPEC, changes)


class Simulation:
    """One search, with a clock in kimg instead of workers, and recorded curves instead of training."""

    def __init__(self, curves: Curves, spec: sweeps.SweepSpec, workers: int = WORKERS) -> None:
        self._curves, self._spec, self._workers = curves, spec, workers
        self._widths = sorted({student[0] for student in curves.runs})
        chance = random.Random(spec.seed)
        self._runs = {student: chance.choice(runs) for student, runs in sorted(curves.runs.items())}
        study = open_study(spec, optuna.storages.InMemoryStorage())
        self._searcher = QueueSearcher(
            [
                study_queue(
                    SearchBasis(
                        spec=spec, to_request=self._request_of, study=study, ledger={}, total=spec.search.trials
                    )
                )
            ]
        )
        self._rungs = Rungs.of(spec)
        self._waiting: list[tuple[float, int, int]] = []  # (time, trial, rung that it reaches then)
        self._jobs: dict[int, Job] = {}
        self.kimg = curves.kimg
        self.now = 0.0  # on the clock
        self.found: set[Student] = set()  # that were trained to the end

    def run(self, budget_kimg: float = math.inf) -> Iterator[float]:
        """Search until the budget is spent or the space used up. Yields the kimg spent at the end of each training."""
        spent = 0.0
        for _ in range(self._workers):
            self._begin(0.0)
        while self._waiting and spent < budget_kimg:
            now, trial, rung = heapq.heappop(self._waiting)
            self.now = now
            job = self._jobs[trial]
            student = self._nearest(job.point)
            run = self._runs[student]
            kimg, fid = run[rung]
            spent += kimg - (run[rung - 1][0] if rung else 0.0)
            is_last = rung == len(run) - 1
            result = {"parameters": self._curves.parameters[student], "fid": fid}
            if not is_last and (self._rungs is None or self._rungs.learn(job.request.key, kimg, metrics=result)):
                heapq.heappush(self._waiting, (now + run[rung + 1][0] - kimg, trial, rung + 1))
                continue
            self._searcher.on_trial_complete(str(trial), {"state": "COMPLETED" if is_last else "RUNNING", **result})
            if is_last:
                self.found.add(student)
            yield spent
            self._begin(now)

    def _begin(self, now: float) -> None:
        number = len(self._jobs)
        config = self._searcher.suggest(str(number))
        if isinstance(config, dict):
            self._jobs[number] = Job.model_validate_json(config["job"])
            first_kimg, _ = self._runs[self._nearest(self._jobs[number].point)][0]
            heapq.heappush(self._waiting, (now + first_kimg, number, 0))

    def _nearest(self, point: Any) -> Student:
        width = min(self._widths, key=lambda w: abs(np.log(w / point["width"])))
        return width, int(point["depth"]), str(point["block"]), float(point["gan_weight"])

    def _request_of(self, point: Any) -> TrialRequest:
        width, depth, block, gan_weight = self._nearest(point)
        architecture = GeneratorConfig.model_validate(
            {"image_size": 16, "image_channels": 1, "latent_size": 64, "width": width, "depth": depth, "block": block}
        )
        recipe = self._spec.student.model_copy(update={"gan_weight": gan_weight})
        digest = value_digest("recorded")
        return TrialRequest(
            phase=Phase.SEARCH,
            architecture=architecture,
            distillation=recipe,
            seed=0,
            threads=1,
            teacher_digest=digest,
            pool_digest=digest,
            protocol_digest=digest,
        )
