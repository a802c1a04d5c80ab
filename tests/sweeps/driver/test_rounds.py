"""Rounds of fresh seeds, with the trials of a sweep told and none of them trained."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import sweeps
from analysis import Phase, example_trials
from sweeps.driver import fresh_seeds, rounds
from sweeps.driver.open_sweep import OpenSweep
from sweeps.driver.phases import PhaseLayout
from sweeps.driver.rounds import Asked, Rounds
from sweeps.search.queues import JobQueue
from sweeps.trial.request import Job
from tests.sweeps.told_sweep import opened, opened_beside, trained

NOISE = 0.1  # of the logarithm of a training's FID
LUCK = 0.3  # factor on every FID of the search, so that it takes students of half the width for good ones


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


class Scripted:
    """Rounds of students whose size is 1,000 times their width, with what the model names in a script."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, spec: sweeps.SweepSpec) -> None:
        self.named: list[int] = []
        self.trained: dict[tuple[int, int], float] = {}
        self.nearness = 0.0
        self._folder, self._spec = folder, spec
        monkeypatch.setattr(rounds, "deciding_points", lambda *_, **__: [sized(width) for width in self.named])
        monkeypatch.setattr(fresh_seeds, "space_limit", lambda *_: SimpleNamespace(nearness=self.nearness))

    def sampler(self, name: str) -> None:
        self._spec = self._spec.model_copy(update={"search": self._spec.search.model_copy(update={"sampler": name})})

    def rounds(self, *widths: int, **confirm: Any) -> Rounds:
        spec = self._spec.model_copy(update={"confirm": self._spec.confirm.model_copy(update=confirm)})
        requests: Any = SimpleNamespace(student=request_of)
        return Rounds(spec, requests, candidates=[sized(width) for width in widths], folder=self._folder)

    def train(self, asked: Sequence[Asked], but: Sequence[int] = ()) -> Counter[int]:
        """Trains what is asked, but some widths. Returns how many trials each width has now."""
        for point, request in asked:
            width = int(point["width"])
            if width not in but:
                noise = NOISE * np.random.default_rng([width, request.seed]).standard_normal()
                self.trained[width, request.seed] = fid_of(width) * float(np.exp(noise))
        return Counter(width for width, _ in self.trained)

    @property
    def table(self) -> Any:
        search = [{**row_of(width), "fid": fid_of(width), "trial_key": f"{width}"} for width in range(1, 10)]
        fresh = [
            {**row_of(width), "phase": Phase.CONFIRM, "seed": seed, "fid": fid, "trial_key": key_of(width, seed)}
            for (width, seed), fid in self.trained.items()
        ]
        return example_trials(*search, *fresh)


def fid_of(width: int) -> float:
    """5 is the smallest width that holds the rule, 10."""
    return 8.0 * (5 / width) ** 2


def row_of(width: int) -> dict[str, Any]:
    return {"parameters": 1_000 * width, "width": width, "depth": 1, "gan_weight": 0.0}


def sized(width: int) -> tuple[int, dict[str, Any]]:
    return 1_000 * width, {"width": width, "depth": 1, "gan_weight": 0.0}


def key_of(width: int, seed: int) -> str:
    return f"{width}-{seed}"


def request_of(point: dict[str, Any], phase: Phase) -> Any:
    seed = point.get("seed", 0)
    return SimpleNamespace(key=key_of(point["width"], seed), seed=seed)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny: dict[str, Any], spec_file: Any) -> Scripted:
    tiny["search"] |= {"sampler": "limit", "points": []}
    tiny["confirm"] = {"seeds": 2, "around": 1, "precision": 1.001, "most_seeds": 6}
    tiny["limit"], tiny["phases"] = {"metric": "fid", "threshold": 10.0}, ["search", "confirm"]
    return Scripted(monkeypatch, tmp_path, sweeps.load_spec(spec_file(tiny)))


def test_more_seeds_are_for_those_that_joined_as_well(scripted: Scripted) -> None:
    first = scripted.rounds(3, 7)
    scripted.train(first.begun(scripted.table))
    scripted.named = [5]
    assert scripted.train(first.next(scripted.table)) == {3: 3, 7: 3, 5: 3}
    more = scripted.rounds(3, 7, seeds=6)
    assert scripted.train(more.begun(scripted.table)) == {3: 6, 7: 6, 5: 6}
    assert more.next(scripted.table) == []


def test_a_round_is_whole_or_is_not_begun(scripted: Scripted) -> None:
    found = scripted.rounds(3, 7, around=1, most_seeds=3)  # 12 trainings
    scripted.train(found.begun(scripted.table))
    scripted.named = [4, 5, 6]
    assert found.next(scripted.table) == [], "five students with three seeds"
    assert "more than 12 trainings" in str(found.remark)


def test_who_is_named_and_does_not_decide_costs_nothing(scripted: Scripted) -> None:
    found = scripted.rounds(7, 8, 9, seeds=4)  # which hold clearly
    scripted.train(found.begun(scripted.table))
    scripted.named = [12]
    assert found.next(scripted.table) == []
    assert "beyond the sizes that were tried" in str(found.remark)
    scripted.named = [5]
    assert 5 in scripted.train(found.next(scripted.table)), "the limit may lie there"


def test_what_fails_is_tried_again_by_the_next_driver_and_not_in_each_round(scripted: Scripted) -> None:
    first = scripted.rounds(3, 5, 7)
    scripted.train(first.begun(scripted.table), but=[5])
    asked = first.next(scripted.table)
    assert sum(point["width"] == 5 for point, _ in asked) == 1, "with the third seed alone"
    scripted.train(asked, but=[5])
    again = scripted.rounds(3, 5, 7)
    assert scripted.train(again.begun(scripted.table)) == {3: 3, 5: 3, 7: 3}


def test_a_round_that_was_cut_off_is_ended_as_it_was_asked(scripted: Scripted) -> None:
    first = scripted.rounds(3, 7)
    scripted.train(first.begun(scripted.table))
    scripted.named = [5]
    asked = first.next(scripted.table)
    scripted.train(asked[:1])
    scripted.named = [4, 6]  # by the rows of one trial more
    again = scripted.rounds(3, 7)
    ended = again.begun(scripted.table)
    assert {request.key for _, request in ended} >= {request.key for _, request in asked}
    scripted.train(ended)
    scripted.named = []
    assert 5 in scripted.train(again.next(scripted.table)), "who joined stays"


@pytest.mark.parametrize(
    "kept", ["half a fi", "5", "[5]", '[{"seeds": 1}]', '[{"seeds": 3, "students": [[1, {}, "k"]]}]']
)
def test_a_file_that_cannot_be_read_has_no_rounds(scripted: Scripted, tmp_path: Path, kept: str) -> None:
    (tmp_path / rounds.FILE).write_text(kept)
    assert len(scripted.rounds(3, 7).begun(scripted.table)) == 4


def test_what_would_be_another_training_now_is_no_part_of_a_round(scripted: Scripted, tmp_path: Path) -> None:
    first = scripted.rounds(3, 7)
    scripted.train(first.begun(scripted.table))
    scripted.named = [5]
    first.next(scripted.table)
    path = tmp_path / rounds.FILE
    path.write_text(path.read_text().replace('"5-0"', '"5-0 of another teacher"'))
    again = scripted.rounds(3, 7).begun(scripted.table)
    assert {int(point["width"]) for point, _ in again} == {3, 7}


def test_a_fixed_list_of_candidates_has_all_its_seeds(scripted: Scripted) -> None:
    scripted.sampler("random")
    scripted.train(scripted.rounds(1, 2, 8, 9, seeds=6).begun(scripted.table))
    others = scripted.rounds(3, 5, 7)
    scripted.train(others.begun(scripted.table))
    for _ in range(9):
        scripted.train(others.next(scripted.table))
    assert "more than" not in str(others.remark)


def test_until_the_model_is_sure_those_that_it_names_get_seeds_and_who_joins_gets_the_first(scripted: Scripted) -> None:
    found = scripted.rounds(3, 7, precision=None, confidence=0.9)
    scripted.train(found.begun(scripted.table))
    scripted.named, scripted.nearness = [3, 5], 0.8
    assert scripted.train(found.next(scripted.table)) == {3: 3, 7: 2, 5: 2}
    again = scripted.rounds(3, 7, precision=None, confidence=0.9)
    assert scripted.train(again.begun(scripted.table)) == {3: 3, 7: 2, 5: 2}, "a resume asks nothing else"
    cut_off = again.next(scripted.table)
    scripted.train(cut_off[:1])
    again = scripted.rounds(3, 7, precision=None, confidence=0.9)
    scripted.named = [7]  # by the rows of one trial more
    assert scripted.train(again.begun(scripted.table)) == {3: 4, 7: 2, 5: 3}, "the round that was begun is ended"
    scripted.nearness = 0.93
    last = {3: 4, 7: 2, 5: 3, 4: 2}
    assert scripted.train(again.next(scripted.table)) == last, "between 4 and 5 the search crosses the rule"
    assert again.next(scripted.table) == []
    assert again.remark == (
        "confirm: with 4 fresh seeds the limit of the space lies within one step with a probability of 93%"
    )


def test_a_model_that_stays_unsure_ends_with_its_seeds_and_says_so(scripted: Scripted) -> None:
    found = scripted.rounds(3, precision=None, confidence=0.9, most_seeds=3)
    scripted.train(found.begun(scripted.table))
    scripted.named, scripted.nearness = [3], 0.8
    assert scripted.train(found.next(scripted.table)) == {3: 3}
    assert found.next(scripted.table) == []
    assert "probability of 80%, less than 90%" in str(found.remark)


def test_with_both_the_model_is_sure_first_and_then_the_interval_is_narrow(scripted: Scripted) -> None:
    found = scripted.rounds(3, 5, 7, confidence=0.9)
    scripted.train(found.begun(scripted.table))
    scripted.named, scripted.nearness = [7], 0.8
    assert scripted.train(found.next(scripted.table)) == {3: 2, 5: 2, 7: 3}
    scripted.nearness = 0.95
    assert scripted.train(found.next(scripted.table)) == {3: 3, 5: 3, 7: 4}, "one more for each"
    while asked := found.next(scripted.table):
        last = scripted.train(asked)
    assert last[5] == 6, "as many as there may be for so narrow an interval"
    assert "one step with a probability of 95%; after 6 fresh seeds the interval is wider than 1.001" in str(
        found.remark
    )
