"""Syne Tune's MOASHA as it is shipped, on students whose trainings are drawn, with a clock in kimg.

The project does not need Syne Tune: `pip install --no-deps syne-tune` beside it, and what its import then asks for.
"""

import heapq
import importlib
import importlib.util
import math
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np

from tests.benchmarks.simulation import Student
from tests.benchmarks.sought import Rows
from tests.benchmarks.worlds import World


def is_installed() -> bool:
    return importlib.util.find_spec("syne_tune") is not None


def searched(world: World, *, repeat: int, workers: int, budget: float) -> Iterator[tuple[float, Rows]]:
    """Yields the kimg spent and the trainings that came to their end, at the end of each training.

    It judges by parameters and FID at the rungs of its own defaults; a student that is drawn again has its next seed.
    """
    scheduler, trial_of = _scheduler(world, repeat)
    seeds: Counter[Student] = Counter()
    rows: Rows = []
    running: list[tuple[float, int, int]] = []  # when it comes to a rung, its number, the rung
    trials: list[tuple[Any, Student, int, list[tuple[float, float]]]] = []
    spent = now = 0.0
    while spent < budget:
        while len(running) < workers:
            student = _student(scheduler.suggest().config)
            seed, seeds[student] = seeds[student], seeds[student] + 1
            trial = trial_of(len(trials), {})
            scheduler.on_trial_add(trial)
            curve = world.fresh(student, repeat=repeat, seed=seed)
            heapq.heappush(running, (now + curve[0][0], len(trials), 0))
            trials.append((trial, student, seed, curve))
        now, number, rung = heapq.heappop(running)
        trial, student, seed, curve = trials[number]
        kimg, fid = curve[rung]
        spent += kimg - (curve[rung - 1][0] if rung else 0.0)
        result = {"kimg": int(kimg), "parameters": world.curves.parameters[student], "fid": fid}
        is_last = rung == len(curve) - 1
        if not is_last and scheduler.on_trial_result(trial, result) == "CONTINUE":
            heapq.heappush(running, (now + curve[rung + 1][0] - kimg, number, rung + 1))
            continue
        if is_last:
            scheduler.on_trial_complete(trial, result)
            rows.append((student, seed, math.log(fid)))
        yield spent, list(rows)


def _scheduler(world: World, repeat: int) -> tuple[Any, Any]:
    """MOASHA over the students of a world, and what makes one of its trials."""
    spaces = importlib.import_module("syne_tune.config_space")
    package = importlib.import_module("syne_tune.optimizer.schedulers.multiobjective.moasha")
    status = importlib.import_module("syne_tune.backend.trial_status")
    names = ("width", "depth", "block", "gan_weight")
    space = {name: spaces.choice(sorted({s[place] for s in world.students})) for place, name in enumerate(names)}
    np.random.seed(repeat)  # noqa: NPY002  # what it draws from, whatever seed it is given
    asked = {"metrics": ["parameters", "fid"], "time_attr": "kimg", "max_t": int(world.curves.kimg)}
    scheduler = package.MOASHA(space, **asked, random_seed=repeat)

    def trial_of(number: int, config: dict[str, Any]) -> Any:
        return status.Trial(trial_id=number, config=config, creation_time=datetime(2000, 1, 1))

    return scheduler, trial_of


def _student(config: dict[str, Any]) -> Student:
    return int(config["width"]), int(config["depth"]), str(config["block"]), float(config["gan_weight"])
