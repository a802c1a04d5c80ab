"""This module compares two sweeps: which frontier is better over which range of cost, and what each dominates."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import t

from analysis.columns import COSTS, QUALITIES, Column, column_of
from analysis.comparison.steps import Point, segments
from analysis.comparison.versus import Comparison, Contender, ShareDifference
from analysis.deployed import deployed_trials
from analysis.errors import AnalysisError
from analysis.frontier.attainment import SeedSets, seed_sets
from analysis.frontier.pareto import OBJECTIVES, dominated_share, final_students, nondominated, require_column
from analysis.frontier.students import Students, final_searched, fresh_students
from analysis.schema import Phase
from analysis.tables import require_one_protocol, require_one_teacher
from analysis.trials import Floats, Trials

LEVEL = 0.95
TEACHERS_METRICS = ("fid", "inception_score")  # in every row beside the student's


def compare(
    table_a: pa.Table,
    table_b: pa.Table,
    *,
    objectives: Sequence[str] = OBJECTIVES,
    measurements: pa.Table | None = None,
) -> Comparison:
    """Returns the comparison of two sweeps in a cost and a quality, such as parameters and fid.

    Under one protocol it is in the columns' own units. Under two, or on two data sets, both are shares of each sweep's
    own teacher: 1/compression ratio against FID / the teacher's FID, since their values share no axis.

    A student is one point, as in `student_frontier`: at the median of the seeds that finished in the search, so that
    more seeds are not more chances of a lucky one. Where in both sweeps every student of this frontier has fresh
    seeds, the frontiers are of these students at the medians of their fresh seeds, which have not chosen them, a
    failed one counting as worse than any; in both or in neither, since a searched frontier beside a confirmed one is
    flattered.

    With `measurements` the frontiers are of the students that were measured, each form of them a point of its own, in
    `latency_ms` of the measuring machine or `file_bytes`.

    Raises AnalysisError for other objectives (of two protocols: those that the table does not have of teachers), for
    rows of several protocols or teachers within a table, and where a sweep has no finished student with both numbers.

    >>> from analysis import compare, example_trials
    >>> a = example_trials({"sweep": "a", "parameters": 1_000, "fid": 20.0})
    >>> b = example_trials({"sweep": "b", "parameters": 4_000, "fid": 10.0})
    >>> [(segment.better, segment.low) for segment in compare(a, b).segments]
    [('a', 1000.0), ('b', 4000.0)]
    """
    cost, quality = _cost_and_quality(objectives)
    firsts = [_first(table) for table in (table_a, table_b)]
    relative = firsts[0]["protocol_digest"] != firsts[1]["protocol_digest"]
    if relative:
        _require_known_of_teachers(cost, quality)
    names = [first["sweep"] for first in firsts]
    if names[0] == names[1]:
        names = [f"{names[0]} (first)", f"{names[1]} (second)"]
    tables = (table_a, table_b)
    joined = tables if measurements is None else tuple(deployed_trials(table, measurements) for table in tables)
    phase, fronts = _fronts(joined, (cost, quality))
    a, b = (
        _contender(name, table, first=first, front=front, objectives=(cost, quality), relative=relative)
        for name, table, first, front in zip(names, joined, firsts, fronts, strict=True)
    )
    end = 1.0 if relative else _largest_cost(a, b, cost=cost)
    return Comparison(
        a=a,
        b=b,
        objectives=(cost, quality),
        relative=relative,
        phase=str(phase),
        segments=segments(a.front, b.front, higher_is_better=QUALITIES[quality].higher_is_better, end=end),
        share=_share((a, b), tables, relative=relative),
    )


def _cost_and_quality(objectives: Sequence[str]) -> tuple[str, str]:
    if len(objectives) != 2:
        raise AnalysisError(
            "A comparison is of one cost and one quality", ", ".join(objectives) or "none", "Give one of each."
        )
    cost, quality = objectives
    return column_of(cost, COSTS).name, column_of(quality, QUALITIES).name


def _require_known_of_teachers(cost: str, quality: str) -> None:
    if cost != "parameters" or quality not in TEACHERS_METRICS:
        raise AnalysisError(
            f"Sweeps of two protocols are compared in parameters and {' or '.join(TEACHERS_METRICS)}, "
            "which are known of their teachers",
            f"{cost} and {quality}",
            "Choose these.",
        )


def _largest_cost(a: Contender, b: Contender, *, cost: str) -> float:
    if cost == "parameters":
        return float(max(a.teacher_parameters, b.teacher_parameters))
    return max(a.front[-1][0], b.front[-1][0])


def _first(table: pa.Table) -> dict[str, Any]:
    students = final_students(table)
    require_one_protocol(students)
    require_one_teacher(students)
    if not len(students):
        name = table["sweep"][0].as_py() if len(table) else "an empty table"
        raise AnalysisError("A comparison needs a finished student of each sweep", f"none of {name}", "Let it run on.")
    return dict(students.slice(0, 1).to_pylist()[0])


def _fronts(tables: tuple[pa.Table, ...], objectives: tuple[str, str]) -> tuple[Phase, list[list[Point]]]:
    """Returns the phase whose medians the two frontiers are of, and the frontiers in ascending order of cost."""
    cost, quality = objectives[0], QUALITIES[objectives[1]]
    for table in tables:
        require_column(table, cost)
    chosen = [_frontier(_searched(table, quality), cost, quality=quality) for table in tables]
    fresh = [_confirmed(students, quality) for students in chosen]
    if all(len(_frontier(students, cost, quality=quality)) for students in fresh):
        chosen = [_frontier(students, cost, quality=quality) for students in fresh]
        phase = Phase.CONFIRM
    else:
        phase = Phase.SEARCH
    return phase, [
        list(zip(_costs(students, cost).tolist(), students.median_S.tolist(), strict=True)) for students in chosen
    ]


def _searched(table: pa.Table, quality: Column) -> Students:
    """Returns the measured students of the search, or of all phases where none of the search has finished."""
    students = final_searched(Trials(table), quality)
    return students.take(students.measured_S > 0)


def _confirmed(students: Students, quality: Column) -> Students:
    """Returns the same students by their fresh seeds; none where one of them has none."""
    fresh = fresh_students(students.trials, quality)
    if not np.isin(students.code_S, fresh.code_S).all():
        return fresh.take(np.zeros(len(fresh), dtype=np.bool_))
    order = np.argsort(fresh.code_S)
    return fresh.take(order[np.searchsorted(fresh.code_S[order], students.code_S)])


def _frontier(students: Students, cost: str, *, quality: Column) -> Students:
    """Returns the students that no other dominates in `cost` and the median, cheapest first and each place once."""
    sign = -1.0 if quality.higher_is_better else 1.0
    return students.take(nondominated(np.stack([_costs(students, cost), sign * students.median_S], axis=1)))


def _costs(students: Students, cost: str) -> Floats:
    return students.trials.numbers(cost)[students.row_S]


def _contender(
    name: str,
    table: pa.Table,
    *,
    first: dict[str, Any],
    front: list[Point],
    objectives: tuple[str, str],
    relative: bool,
) -> Contender:
    if not front:
        missing = f"no {' and '.join(objectives)} of {name}"
        raise AnalysisError("A comparison needs finite numbers of each sweep", missing, "Choose others.")
    cost, quality = objectives
    own = first[f"teacher_{quality}"] if cost == "parameters" and quality in TEACHERS_METRICS else None
    teacher = None if own is None else (float(first["teacher_parameters"]), float(own))
    if relative:
        if teacher is None:
            rule = f"Sweeps of two protocols are compared as shares of their teachers' {quality}"
            raise AnalysisError(rule, f"none of {name}", "Compare them in fid.")
        if min(teacher) <= 0:
            raise AnalysisError(f"A teacher's {quality} is above 0", teacher[1], f"Check the rows of {name}.")
        front, teacher = [(x / teacher[0], y / teacher[1]) for x, y in front], (1.0, 1.0)
    return Contender(
        name=name,
        students=len(_searched(table, QUALITIES[quality])),
        front=tuple(front),
        teacher=teacher,
        **{column: first[column] for column in _SHARED},
    )


_SHARED = (
    *("dataset", "teacher_version", "teacher_digest", "teacher_parameters", "teacher_fid"),
    *("protocol_digest", "extractor", "extractor_faults", "num_samples"),
)


def _share(sides: tuple[Contender, Contender], tables: tuple[pa.Table, pa.Table], *, relative: bool) -> ShareDifference:
    """Returns the difference in (parameters, FID), whatever is compared.

    The box ends at the teacher's parameters and FID, or at the larger of two teachers'.
    """
    own = [(float(side.teacher_parameters), side.teacher_fid) for side in sides]
    both = max(own[0][0], own[1][0]), max(own[0][1], own[1][1])
    boxes = own if relative else [both, both]
    for phase in (Phase.SEARCH, Phase.CONFIRM):  # every student of a search is in it, only some are confirmed
        sets = [seed_sets(Trials(table), OBJECTIVES, phases=(phase,)) for table in tables]
        if sets[0] is not None and sets[1] is not None:
            of_a, of_b = _by_seed(sets[0], boxes[0]), _by_seed(sets[1], boxes[1])
            low, high = welch_interval(of_a, of_b)
            means = statistics.fmean(of_a), statistics.fmean(of_b)
            return ShareDifference(
                a=means[0],
                b=means[1],
                difference=means[0] - means[1],
                low=low,
                high=high,
                seeds_a=len(of_a),
                seeds_b=len(of_b),
                phase=str(phase),
                reason=None,
            )
    _, fronts = _fronts(tables, OBJECTIVES)
    shares = [dominated_share(front, box) for front, box in zip(fronts, boxes, strict=True)]
    return ShareDifference(
        a=shares[0],
        b=shares[1],
        difference=shares[0] - shares[1],
        low=None,
        high=None,
        seeds_a=None,
        seeds_b=None,
        phase=None,
        reason=_why_no_interval((sides[0].name, sides[1].name), tables),
    )


def _by_seed(found: SeedSets, box: Point) -> list[float]:
    return [dominated_share([(float(x), float(y)) for x, y in points], box) for points in found.sets.values()]


def welch_interval(of_a: Sequence[float], of_b: Sequence[float]) -> tuple[float, float]:
    """Returns the 95% t-interval of the mean of a less that of b, whose variances may differ.

    Each has two seeds or more. The method is Welch's (1947), with the degrees of freedom of Satterthwaite. It has no
    width where no seed differs.
    """
    errors = [statistics.variance(values) / len(values) for values in (of_a, of_b)]
    difference = statistics.fmean(of_a) - statistics.fmean(of_b)
    if sum(errors) == 0:
        return difference, difference
    degrees = sum(errors) ** 2 / sum(
        error**2 / (len(values) - 1) for error, values in zip(errors, (of_a, of_b), strict=True)
    )
    half = float(t.ppf((1 + LEVEL) / 2, degrees)) * math.sqrt(sum(errors))
    return difference - half, difference + half


def _why_no_interval(names: tuple[str, str], tables: tuple[pa.Table, pa.Table]) -> str:
    single = [
        name
        for name, table in zip(names, tables, strict=True)
        if pc.count_distinct(final_students(table)["seed"]).as_py() < 2
    ]
    if single:
        return f"no interval: one seed of {' and of '.join(single)}"
    return "no interval: no phase in which both have students that were tried with every seed"
