"""Two sweeps side by side: which frontier is better over which range of cost, and what each dominates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import COLUMNS, COSTS, QUALITIES, column_of
from analysis.comparison.steps import Point, segments
from analysis.comparison.versus import Comparison, Contender, ShareDifference
from analysis.errors import AnalysisError
from analysis.frontier.attainment import SeedSets, seed_sets
from analysis.frontier.pareto import OBJECTIVES, dominated_share, final_students, objective_points, pareto_frontier
from analysis.schema import Phase, require_one_protocol, require_one_teacher

RESAMPLES = 10_000
TEACHERS_METRICS = ("fid", "inception_score")  # in every row beside the student's


def compare(table_a: pa.Table, table_b: pa.Table, objectives: Sequence[str] = OBJECTIVES) -> Comparison:
    """The comparison of two sweeps in a cost and a quality, such as parameters and fid.

    Under one protocol in the columns' own units. Under two, or on two data sets, both as a share of each sweep's own
    teacher: 1/compression ratio against FID / the teacher's FID, since their values share no axis. Raises
    AnalysisError for other objectives (of two protocols: those that the table does not have of teachers), for rows
    of several protocols or teachers within a table, and where a sweep has no finished student with both numbers.
    """
    cost, quality = _cost_and_quality(objectives)
    firsts = [_first(table) for table in (table_a, table_b)]
    relative = firsts[0]["protocol_digest"] != firsts[1]["protocol_digest"]
    if relative and (cost != "parameters" or quality not in TEACHERS_METRICS):
        raise AnalysisError(
            f"Sweeps of two protocols are compared in parameters and {' or '.join(TEACHERS_METRICS)}, "
            "which are known of their teachers",
            f"{cost} and {quality}",
            "Choose these.",
        )
    names = [first["sweep"] for first in firsts]
    if names[0] == names[1]:
        names = [f"{names[0]} (first)", f"{names[1]} (second)"]
    tables = (table_a, table_b)
    a, b = (
        _contender(name, table, first, (cost, quality), relative)
        for name, table, first in zip(names, tables, firsts, strict=True)
    )
    if relative:
        end = 1.0
    elif cost == "parameters":
        end = float(max(a.teacher_parameters, b.teacher_parameters))
    else:
        end = max(a.front[-1][0], b.front[-1][0])
    found = segments(a.front, b.front, COLUMNS[quality].higher_is_better, end)
    return Comparison(a, b, (cost, quality), relative, found, _share(a, b, tables, relative))


def _cost_and_quality(objectives: Sequence[str]) -> tuple[str, str]:
    if len(objectives) != 2:
        raise AnalysisError(
            "A comparison is of one cost and one quality", ", ".join(objectives) or "none", "Give one of each."
        )
    cost, quality = objectives
    return column_of(cost, COSTS).name, column_of(quality, QUALITIES).name


def _first(table: pa.Table) -> dict[str, Any]:
    students = final_students(table)
    require_one_protocol(students)
    require_one_teacher(students)
    if not len(students):
        name = table["sweep"][0].as_py() if len(table) else "an empty table"
        raise AnalysisError("A comparison needs a finished student of each sweep", f"none of {name}", "Let it run on.")
    return dict(students.slice(0, 1).to_pylist()[0])


def _contender(
    name: str, table: pa.Table, first: dict[str, Any], objectives: tuple[str, str], relative: bool
) -> Contender:
    front_N2 = objective_points(pareto_frontier(table, objectives), objectives)
    if not len(front_N2):
        missing = f"no {' and '.join(objectives)} of {name}"
        raise AnalysisError("A comparison needs finite numbers of each sweep", missing, "Choose others.")
    cost, quality = objectives
    known = cost == "parameters" and quality in TEACHERS_METRICS
    teacher = (float(first["teacher_parameters"]), float(first[f"teacher_{quality}"])) if known else None
    if relative:
        assert teacher is not None, "checked by the caller"
        if min(teacher) <= 0:
            raise AnalysisError(f"A teacher's {quality} is above 0", teacher[1], f"Check the rows of {name}.")
        front_N2, teacher = front_N2 / teacher, (1.0, 1.0)
    return Contender(
        name=name,
        students=len(final_students(table)),
        front=tuple((float(x), float(y)) for x, y in front_N2),
        teacher=teacher,
        **{column: first[column] for column in _SHARED},
    )


_SHARED = (
    *("dataset", "teacher_version", "teacher_digest", "teacher_parameters", "teacher_fid"),
    *("protocol_digest", "extractor", "num_samples"),
)


def _share(a: Contender, b: Contender, tables: tuple[pa.Table, pa.Table], relative: bool) -> ShareDifference:
    """Of (parameters, FID) whatever is compared: the box ends at the teacher's, or at the larger of two teachers'."""
    own = [(float(side.teacher_parameters), side.teacher_fid) for side in (a, b)]
    both = max(own[0][0], own[1][0]), max(own[0][1], own[1][1])
    boxes = own if relative else [both, both]
    for phase in (Phase.SEARCH, Phase.CONFIRM):  # every student of a search is in it, only some are confirmed
        sets = [seed_sets(table, OBJECTIVES, (phase,)) for table in tables]
        if sets[0] is not None and sets[1] is not None:
            of_a, of_b = _by_seed(sets[0], boxes[0]), _by_seed(sets[1], boxes[1])
            low, high = _interval(of_a, of_b)
            means = float(np.mean(of_a)), float(np.mean(of_b))
            return ShareDifference(
                *means, means[0] - means[1], low, high, len(of_a), len(of_b), str(phase), reason=None
            )
    students = [objective_points(final_students(table), OBJECTIVES) for table in tables]
    shares = [
        dominated_share([(float(x), float(y)) for x, y in points_N2], box)
        for points_N2, box in zip(students, boxes, strict=True)
    ]
    reason = _why_no_interval((a.name, b.name), tables)
    return ShareDifference(shares[0], shares[1], shares[0] - shares[1], None, None, None, None, None, reason)


def _by_seed(found: SeedSets, box: Point) -> list[float]:
    return [dominated_share([(float(x), float(y)) for x, y in points], box) for points in found.sets.values()]


def _interval(of_a: Sequence[float], of_b: Sequence[float]) -> tuple[float, float]:
    """The percentile bootstrap of the difference of means: seeds are drawn anew within each sweep.

    With three or four seeds it is too narrow, as every bootstrap is.
    """
    random = np.random.default_rng(0)
    a_N, b_N = np.array(of_a), np.array(of_b)
    means = [values[random.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1) for values in (a_N, b_N)]
    low, high = np.quantile(means[0] - means[1], (0.025, 0.975))
    return float(low), float(high)


def _why_no_interval(names: tuple[str, str], tables: tuple[pa.Table, pa.Table]) -> str:
    single = [
        name
        for name, table in zip(names, tables, strict=True)
        if pc.count_distinct(final_students(table)["seed"]).as_py() < 2
    ]
    if single:
        return f"no interval: one seed of {' and of '.join(single)}"
    return "no interval: no phase in which both have students that were tried with every seed"
