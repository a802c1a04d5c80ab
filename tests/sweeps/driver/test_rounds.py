"""Rounds of fresh seeds, with the trials of a sweep told and none of them trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweeps
from analysis import Phase
from sweeps.driver.open_sweep import OpenSweep
from sweeps.driver.phases import PhaseLayout
from sweeps.search.queues import JobQueue
from sweeps.trial.request import Job
from tests.sweeps.told_sweep import opened, opened_beside, trained

NOISE = 0.1  # of the logarithm of a training's FID
LUCK = 0.3  # of the seed of the search, which takes students of half the width for good ones


@pytest.fixture
def begin(finished: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path) -> Any:
    """Opens a sweep whose search for the limit among widths 1 to 7 has ended."""
    tiny.update(name="rounds", phases=["search", "confirm"])
    tiny["student"]["kimg"] = 5  # unlike what is there already
    width = {"type": "int", "low": 1, "high": 7}
    tiny["search"] = {"sampler": "limit", "trials": 8, "space": {"width": width, "depth": 1, "gan_weight": 0.0}}
    tiny["confirm"] = {"seeds": 2, "around": 1, "precision": 1.05, "most_seeds": 6}
    spec = sweeps.load_spec(spec_file(tiny))

    def make(folder: str) -> OpenSweep:
        sweep = opened_beside(finished, spec, tmp_path / folder)
        asked(sweep, PhaseLayout(sweep).queue(Phase.SEARCH))
        return opened(spec, tmp_path / folder)

    return make


def asked(sweep: OpenSweep, queue: JobQueue, *, most: int = 99) -> list[tuple[int, int]]:
    """Returns width and seed of what a queue asks for. Students of width 5 hold the rule, twice the teacher's FID."""
    found: list[tuple[int, int]] = []
    while len(found) < most and isinstance(job := queue.next(), Job):
        width, seed = job.request.architecture.width, job.request.seed
        found.append((width, seed))
        luck = LUCK if job.request.phase == Phase.SEARCH else 1.0
        noise = NOISE * np.random.default_rng([width, seed]).standard_normal()
        queue.ended(job, trained(sweep, job, fid=luck * 1.6 * (5 / width) ** 2 * float(np.exp(noise))))
    return found


def test_students_join_that_the_search_took_for_clear_and_a_resume_asks_the_same(begin: Any, tmp_path: Path) -> None:
    sweep = begin("whole")
    queue = PhaseLayout(sweep).queue(Phase.CONFIRM)
    first = queue.total
    trials = asked(sweep, queue)
    assert 5 not in {width for width, _ in trials[:first]}, "by the search alone far smaller ones hold"
    assert sum(width == 5 for width, _ in trials) > 2, "whose mean is next to the rule"
    assert len(trials) <= sweep.spec.confirm.most_candidates * sweep.spec.confirm.most_seeds
    assert queue.remark is not None

    pieces: list[tuple[int, int]] = []
    again = begin("in pieces")
    while piece := asked(again, PhaseLayout(again).queue(Phase.CONFIRM), most=7):  # a round is cut off somewhere
        pieces += piece
        again = opened(again.spec, tmp_path / "in pieces")
    assert sorted(pieces) == sorted(trials), "each once"
