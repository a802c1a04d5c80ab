"""This module goes from trials and what they cost to the least cost that holds a rule, form by form."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import COSTS, Column, column_of
from analysis.frontier.pareto import require_column
from analysis.frontier.students import Student
from analysis.limit.cost_limit import CheapestStudent, CostLimit, Ratios
from analysis.limit.crossing import Interval, crossing, crossing_interval, falling_curve
from analysis.limit.judging import Judgement, curve_values, judge, turn, turned_values
from analysis.limit.provisional import why_provisional
from analysis.limit.result import LimitStatus
from analysis.limit.rule import LimitRule
from analysis.measurements import require_one_machine
from analysis.schema import MEASUREMENT, VARIANT
from analysis.trials import Trials


def cost_limits(table: pa.Table, rule: LimitRule, *, cost: str) -> tuple[CostLimit, ...]:
    """Returns the least cost at which a student holds `rule`, of each form in the table, the least of all first.

    `table` is one of `deployed_trials`; for parameters, weight_bytes and mac_g a trial table will do, whose one form is
    None. The
    curve of a form is that of `compression_limit` with the logarithm of the cost in place of that of the parameters,
    and so is the interval. A form without a student that has cost and quality is left out. Raises AnalysisError for
    another cost, for one that the table lacks, and for rows of several protocols, teachers or measuring machines.

    >>> from analysis import LimitRule, cost_limits, deployed_trials, example_measurements, example_trials
    >>> students = [{"trial_key": str(n), "width": n, "parameters": 1_000 * n, "fid": 40 / n} for n in (2, 8)]
    >>> times = [{"trial_key": str(n), "median_ms": 0.01 * n, "high_ms": 1.0} for n in (2, 8)]
    >>> joined = deployed_trials(example_trials(*students), example_measurements(*times))
    >>> [limit.short() for limit in cost_limits(joined, LimitRule(metric="fid", tolerance=1.0), cost="latency_ms")]
    ['0.04 ms, onnx']
    """
    column = column_of(cost, COSTS)
    require_column(table, cost)
    if MEASUREMENT in table.column_names:
        require_one_machine(table[MEASUREMENT])
    forms = table[VARIANT].unique().to_pylist() if VARIANT in table.column_names else [None]
    found = [_limit_of_form(table, rule, cost=column, form=form) for form in forms]
    return tuple(sorted((limit for limit in found if limit is not None), key=_order))


def _order(limit: CostLimit) -> tuple[float, str]:
    return math.inf if limit.amount is None else limit.amount, limit.form or ""


def _limit_of_form(table: pa.Table, rule: LimitRule, *, cost: Column, form: str | None) -> CostLimit | None:
    trials = Trials(table if form is None else table.filter(pc.equal(table[VARIANT], form)))
    judgement = judge(trials, rule.column, cost=cost)
    if not judgement.students.measured_S.any():
        return None
    first = judgement.students[0].row
    threshold = rule.threshold_for(first)
    limit = CostLimit(
        cost=cost.name,
        form=form,
        machine=first.get("machine"),
        rule=rule,
        status=LimitStatus.NONE_WITHIN,
        sweep=first["sweep"],
        dataset=first["dataset"],
        threshold=threshold,
        students=len(judgement.students),
        confirmed=judgement.confirmed,
        reason=why_provisional(judgement, rule, threshold=threshold),
        student=_cheapest(judgement, rule, threshold=threshold),
    )
    return _with_crossing(limit, judgement)


def _with_crossing(limit: CostLimit, judgement: Judgement) -> CostLimit:
    curve, column = judgement.curve, limit.rule.column
    threshold = turn(limit.threshold, column)
    values, degrees_K = curve_values(curve, column, threshold=limit.threshold)
    sizes_K = np.log(curve.cost_S)
    fitted_K = falling_curve(np.array([each.mean() for each in values]), np.array([len(each) for each in values]))
    counts, ends = curve.seed_counts, (float(curve.cost_S[0]), float(curve.cost_S[-1]))
    limit = replace(limit, sizes=len(curve), seeds=int(counts.min()), most_seeds=int(counts.max()), ends=ends)
    size = crossing(sizes_K, fitted_K, threshold=threshold)
    if size is not None:
        amount = math.exp(size) if size > sizes_K[0] else float(curve.cost_S[0])
        status = LimitStatus.FOUND if size > sizes_K[0] else _status_beyond(limit, judgement)
        limit = replace(limit, status=status, amount=amount)
    if limit.sizes < 2 or limit.seeds < 2:
        return replace(limit, interval_note=f"no interval: {'one size' if limit.sizes < 2 else 'one seed'}")
    found = crossing_interval(sizes_K, values, threshold=threshold, degrees_K=degrees_K)
    if found is None:
        return replace(limit, interval_note="no interval: no size has two measured seeds")
    low, high = (None if end is None else math.exp(end) for end in found)
    return replace(limit, interval=Interval(low, high))


def _status_beyond(limit: CostLimit, judgement: Judgement) -> LimitStatus:
    smaller_S = limit.rule.holding(judgement.smaller.median_S, limit.threshold)
    return LimitStatus.AT_LEAST if len(smaller_S) and not smaller_S.any() else LimitStatus.NOT_REACHED


def _cheapest(judgement: Judgement, rule: LimitRule, *, threshold: float) -> CheapestStudent | None:
    """Returns the student of least cost whose median holds, the best one of that cost."""
    students = judgement.students
    holding = students.take(rule.holding(students.median_S, threshold))
    if not len(holding):
        return None
    quality_S = turned_values(holding.median_S, rule.column)
    trial_S = students.trials.integers("trial")[holding.row_S]
    return _described(holding[int(np.lexsort((trial_S, quality_S, holding.cost_S))[0])])


def _described(student: Student) -> CheapestStudent:
    row: Mapping[str, Any] = student.row
    return CheapestStudent(
        trial=row["trial"],
        value=student.median,
        seeds=student.seeds,
        own_quality=not row.get("rounds") or row["own_quality"],
        costs={name: row[name] for name in COSTS if row.get(name) is not None},
        ratios=ratios_of(row),
        bits=row.get("bits"),
    )


def ratios_of(row: Mapping[str, Any]) -> Ratios:
    """Returns how many times less a row's student costs than its teacher, in what is known of both."""
    return Ratios(
        parameters=row["compression_ratio"],
        latency_ms=_ratio(row, "latency_ms"),
        file_bytes=_ratio(row, "file_bytes"),
        weight_bytes=_weight_ratio(row),
    )


def _weight_ratio(row: Mapping[str, Any]) -> float | None:
    """Returns how many times fewer bytes weights of few bits take than the teacher's floats; None for floats."""
    if row.get("bits") is None or row.get("weight_bytes") is None:
        return None
    return float(COSTS["weight_bytes"].of_floats(row["teacher_parameters"]) / row["weight_bytes"])


def _ratio(row: Mapping[str, Any], cost: str) -> float | None:
    own, teacher = row.get(cost), row.get(f"teacher_{cost}")
    return None if own is None or teacher is None else float(teacher / own)
