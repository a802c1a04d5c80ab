"""This module hands out fresh seeds round by round, until the interval of a confirmed limit is narrow enough."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from analysis import Phase
from sweeps.driver import fresh_seeds
from sweeps.driver.requests import Requests
from sweeps.results.space_limit import deciding_points
from sweeps.spec.space import Value
from sweeps.spec.sweep import SweepSpec
from sweeps.trial.request import TrialRequest

Asked = tuple[dict[str, Value], TrialRequest]  # a point, and the trial that it is
Sized = tuple[int, dict[str, Value]]  # what a student costs of what the limit is of, and its point


def with_seeds(requests: Requests, students: Iterable[Sized], *, seeds: Sequence[int]) -> Iterator[Asked]:
    """Yields the trials of each of the students with each of the seeds."""
    for _, student in students:
        for seed in seeds:
            point = {**student, "seed": seed}
            yield point, requests.student(point, Phase.CONFIRM)


class Rounds:
    """Rounds give the candidates of a search as many fresh seeds as its limit needs.

    After a search for the limit further students become candidates before each round: those that the model names by
    all rows so far. The trials in all stay as many as the first candidates alone could have.

    A round follows from the rows of the rounds before it alone. So a driver that goes on asks, round by round, what the
    one before it asked.
    """

    def __init__(self, spec: SweepSpec, requests: Requests, *, candidates: Iterable[Sized]) -> None:
        self._spec, self._requests, self._candidates = spec, requests, list(candidates)
        self._seeds = itertools.count(spec.confirm.seeds + 1)
        self._most = spec.confirm.most_seeds * max(spec.confirm.most_candidates, len(self._candidates))
        self._asked: set[str] = set()  # identities of the trials of all rounds
        self.remark: str | None = None  # how they ended

    def first(self) -> list[Asked]:
        """Returns the trials of the first round."""
        return self._ask(self._candidates, seeds=self._spec.confirm_seeds)

    def next(self, table: pa.Table) -> list[Asked]:
        """Returns the trials of the next round, by the sweep's rows; nothing when there are enough."""
        spec, table = self._spec, self._of_the_rounds(table)
        limit = fresh_seeds.confirmed_limit(table, spec)
        is_open = not fresh_seeds.reached(limit, spec)
        named = self._named(table) if is_open or fresh_seeds.lies_beyond(limit) else []
        if is_open or named:
            self._candidates += named
            sizes = fresh_seeds.deciding_sizes((size for size, _ in self._candidates), limit)
            deciding = [each for each in self._candidates if each[0] in sizes]
            while (count := next(self._seeds)) <= spec.confirm.most_seeds:
                if asked := self._ask(deciding, seeds=spec.fresh_seeds(count)):
                    return asked
        self.remark = fresh_seeds.remark(limit, spec)
        return []

    def _ask(self, students: Iterable[Sized], *, seeds: Sequence[int]) -> list[Asked]:
        """Returns the trials that no round had, as far as there is room for them, and notes that this one has them."""
        new = (each for each in with_seeds(self._requests, students, seeds=seeds) if each[1].key not in self._asked)
        asked = list(itertools.islice(new, self._most - len(self._asked)))
        self._asked |= {request.key for _, request in asked}
        return asked

    def _of_the_rounds(self, table: pa.Table) -> pa.Table:
        """Returns the rows without those of fresh seeds that an earlier driver had from a later round."""
        is_fresh = pc.equal(table["phase"], str(Phase.CONFIRM))
        was_asked = pc.is_in(table["trial_key"], pa.array(sorted(self._asked), pa.string()))
        return table.filter(pc.or_(pc.invert(is_fresh), was_asked))

    def _named(self, table: pa.Table) -> list[Sized]:
        """Returns the further students that tell where the limit lies, by all rows of a search for it."""
        if self._spec.search.sampler != "limit":
            return []
        most, phases = self._spec.confirm.most_candidates, (Phase.SEARCH, Phase.CONFIRM)
        known = {self._key(student) for _, student in self._candidates}
        named = deciding_points(self._spec, table, most=most, phases=phases)
        return [each for each in named if self._key(each[1]) not in known]

    def _key(self, student: dict[str, Value]) -> str:
        return self._requests.student(student, Phase.CONFIRM).key
