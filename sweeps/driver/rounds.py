"""This module hands out fresh seeds round by round, until a confirmed limit is sure and narrow enough."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import analysis
from analysis import CostLimit, Phase, written_whole
from sweeps.driver import fresh_seeds
from sweeps.driver.requests import Requests
from sweeps.ledger.tags import SETTLED
from sweeps.results.space_limit import deciding_points
from sweeps.spec.architecture import architecture_of_row
from sweeps.spec.space import Value
from sweeps.spec.sweep import SweepSpec
from sweeps.trial.request import TrialRequest

FILE = "rounds.json"  # in a sweep's folder

Asked = tuple[dict[str, Value], TrialRequest]  # a point, and the trial that it is
Sized = tuple[int, dict[str, Value]]  # a student's size, in the cost whose limit is sought, and its point
Round = tuple[int, list[Sized]]  # for how many seeds, and whom


def with_seeds(requests: Requests, students: Iterable[Sized], *, seeds: Sequence[int]) -> Iterator[Asked]:
    """Yields the trials of each of the students with each of the seeds."""
    for _, student in students:
        for seed in seeds:
            point = {**student, "seed": seed}
            yield point, requests.student(point, Phase.CONFIRM)


def point_of_row(row: Mapping[str, Any]) -> dict[str, Value]:
    """Returns the point of a row's student, without its seed."""
    return {**analysis.settings_of(row), **architecture_of_row(row), "gan_weight": row["gan_weight"]}


class Rounds:
    """Rounds give the candidates of a search as many fresh seeds as its limit needs.

    Until the model of a search for the limit is as sure as `confirm.confidence`, a round is one more seed for those
    that it names by all rows so far, and the first seeds for those of them that join. Then, until the interval is as
    narrow as `confirm.precision`, it is one more seed for those that decide by the fresh seeds alone; of those that
    the model names now those join that decide. After the model, the two between which the search crosses the rule get
    the first seeds. A round that would take more than `most_trials` in all is not begun.

    What a round asks is kept in a file of the sweep's `folder` before any of it runs: a driver that goes on does that
    first, and decides the next round by the same rows as one that was never stopped.
    """

    def __init__(self, spec: SweepSpec, requests: Requests, *, candidates: Iterable[Sized], folder: Path) -> None:
        self._spec, self._requests, self._path = spec, requests, folder / FILE
        self._candidates = list(candidates)
        self._kept = self._read()  # for how many seeds each round was, and its students
        self._asked: set[str] = set()  # identities of the trials that this driver has handed out
        self._level = spec.confirm.seeds  # fresh seeds that the latest round was for
        self.most_trials = spec.confirm.most_seeds * max(spec.confirm.most_candidates, len(self._candidates))
        self.remark: str | None = None  # how they ended

    def begun(self, table: pa.Table) -> list[Asked]:
        """Returns the trials of all rounds so far, by the sweep's rows: at first those of the candidates."""
        self._candidates = self._students(table)
        asked = list(with_seeds(self._requests, self._candidates, seeds=self._spec.confirm_seeds))
        for level, students in self._kept:
            asked += with_seeds(self._requests, students, seeds=self._spec.fresh_seeds(level))
            self._level = max(self._level, level)
        found = {request.key: (point, request) for point, request in asked}
        self._asked |= found.keys()
        return list(found.values())

    def next(self, table: pa.Table) -> list[Asked]:
        """Returns the trials of the next round, by the sweep's rows; nothing when there are enough."""
        spec = self._spec
        limit, space = fresh_seeds.confirmed_limit(table, spec), fresh_seeds.limit_of_space(table, spec)
        done = self._done(table)
        sure = fresh_seeds.is_sure(space, spec)
        chosen = self._narrowing(table, limit, done=done) if sure else self._reassuring(table, done)
        if not (asked := self._missing(chosen, done)) and sure:
            chosen = self._crossing(table)
            asked = self._missing(chosen, done)
        if not asked or self._is_too_much(asked, done=done):
            room = f"; another round would be more than {self.most_trials} trainings in all" if asked else ""
            self.remark = fresh_seeds.remark(limit, space, spec=spec) + room
            return []
        self._keep(chosen)
        self._asked |= {request.key for _, request in asked}
        return asked

    def _narrowing(self, table: pa.Table, limit: CostLimit | None, *, done: set[str]) -> list[Round]:
        """Returns one more seed for all in or next to the interval of the fresh seeds; nothing where it is narrow."""
        spec = self._spec
        if spec.confirm.precision is None:
            return []
        is_open = not fresh_seeds.reached(limit, spec)
        known = {self._key(student) for _, student in self._candidates}
        named = self._named(table) if is_open or fresh_seeds.lies_beyond(limit) else []
        named = [each for each in named if self._key(each[1]) not in known]
        sizes = fresh_seeds.deciding_sizes((size for size, _ in [*self._candidates, *named]), limit)
        joining = [each for each in named if each[0] in sizes]
        if not (is_open or joining):
            return []
        self._candidates += joining
        deciding = [each for each in self._candidates if each[0] in sizes]
        if spec.confirm.confidence is not None:  # after which some have more seeds than others
            return self._one_more(deciding, done)
        self._level = min(max(self._level, self._seeds_in(table)) + 1, spec.confirm.most_seeds)
        return [(self._level, deciding)]

    def _reassuring(self, table: pa.Table, done: set[str]) -> list[Round]:
        """Returns one more seed for each student that the model names, and the first seeds for those that join."""
        named = self._named(table)
        known = {self._key(student) for _, student in self._candidates}
        self._candidates += [each for each in named if self._key(each[1]) not in known]
        return self._one_more(named, done)

    def _one_more(self, students: Iterable[Sized], done: set[str]) -> list[Round]:
        """Returns one seed more than each student has, the first seeds at least and as many as there may be at most."""
        confirm, rounds = self._spec.confirm, dict[int, list[Sized]]()
        seeds = self._spec.fresh_seeds(confirm.most_seeds)
        for each in students:
            own = with_seeds(self._requests, [each], seeds=seeds)
            has = sum(request.key in done for _, request in own)
            rounds.setdefault(min(max(has + 1, confirm.seeds), confirm.most_seeds), []).append(each)
        return sorted(rounds.items())

    def _crossing(self, table: pa.Table) -> list[Round]:
        """Returns the first seeds for the two students between which the search crosses the rule.

        The model may have named others. Until both have fresh seeds, the limit of the students tried stays provisional.
        """
        spec = self._spec
        if spec.confirm.confidence is None:
            return []
        rows = analysis.limit_candidates(table, spec.limit, around=0, whole_frontier=False, cost=spec.limit_cost)
        both = [(row[spec.limit_cost], point_of_row(row)) for row in rows.to_pylist()]
        known = {self._key(student) for _, student in self._candidates}
        self._candidates += [each for each in both if self._key(each[1]) not in known]
        return [(spec.confirm.seeds, both)]

    def _done(self, table: pa.Table) -> set[str]:
        """Returns the identities of trials that this driver does not ask for again."""
        settled = (row["trial_key"] for row in self._fresh(table).to_pylist() if row["state"] in SETTLED)
        return self._asked.union(settled)

    def _missing(self, chosen: Iterable[Round], done: set[str]) -> list[Asked]:
        """Returns the trials of some rounds that are not done."""
        trials = (
            trial
            for level, students in chosen
            for trial in with_seeds(self._requests, students, seeds=self._spec.fresh_seeds(level))
        )
        return [(point, request) for point, request in trials if request.key not in done]

    def _is_too_much(self, asked: Sequence[Asked], *, done: set[str]) -> bool:
        """Returns whether the candidates would have more trials than they may; those of a fixed list never have."""
        seeds = self._spec.fresh_seeds(self._spec.confirm.most_seeds)
        used = sum(request.key in done for _, request in with_seeds(self._requests, self._candidates, seeds=seeds))
        return self._spec.search.sampler == "limit" and used + len(asked) > self.most_trials

    def _students(self, table: pa.Table) -> list[Sized]:
        """Returns the candidates, and the students that joined them when an earlier driver ran."""
        of_rounds = [each for _, students in self._kept for each in students]
        found = {self._key(each[1]): each for each in (*self._candidates, *of_rounds)}
        for row in self._fresh(table).to_pylist():
            point = point_of_row(row)
            request = self._requests.student({**point, "seed": row["seed"]}, Phase.CONFIRM)
            size = row[self._spec.limit_cost]
            if size is not None and request.key == row["trial_key"]:  # else its recipe is one of before
                found.setdefault(self._key(point), (size, point))
        return list(found.values())

    def _named(self, table: pa.Table) -> list[Sized]:
        """Returns the students that tell where the limit lies, by all rows of a search for it."""
        if self._spec.search.sampler != "limit":
            return []
        most, phases = self._spec.confirm.most_candidates, (Phase.SEARCH, Phase.CONFIRM)
        return deciding_points(self._spec, table, most=most, phases=phases)

    def _seeds_in(self, table: pa.Table) -> int:
        """Returns how many fresh seeds the students have at most, whoever asked for them."""
        seeds = self._spec.fresh_seeds(self._spec.confirm.most_seeds)
        places = {seed: place for place, seed in enumerate(seeds, start=1)}
        return max((places.get(seed, 0) for seed in self._fresh(table)["seed"].to_pylist()), default=0)

    def _key(self, student: dict[str, Value]) -> str:
        return self._requests.student(student, Phase.CONFIRM).key

    @staticmethod
    def _fresh(table: pa.Table) -> pa.Table:
        return table.filter(pc.equal(table["phase"], str(Phase.CONFIRM)))

    # --- the file -----------------------------------------------------------------------------

    def _keep(self, latest: Iterable[Round]) -> None:
        self._kept += latest
        kept = [
            {"seeds": level, "students": [[size, point, self._key(point)] for size, point in students]}
            for level, students in self._kept
        ]
        with written_whole(self._path) as unfinished:
            unfinished.write_text(json.dumps(kept) + "\n")

    def _read(self) -> list[Round]:
        """Returns the rounds of earlier drivers; none where there is no file that can be read.

        A student that would be another training now, of another teacher say, is left out.
        """
        found: list[Round] = []
        with suppress(OSError, ValueError, TypeError, KeyError, OverflowError):
            for kept in json.loads(self._path.read_text()):
                students = [(int(size), point) for size, point, key in kept["students"] if self._key(point) == key]
                found.append((min(max(int(kept["seeds"]), 1), self._spec.confirm.most_seeds), students))
        return found
