"""This module goes from the table of trials to the compression limit."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.columns import Column
from analysis.frontier.students import Student, Students
from analysis.limit.break_point import BreakPoint, find_corner
from analysis.limit.crossing import Floats, Interval, crossing, crossing_interval, falling_curve
from analysis.limit.judging import Judgement, curve_values, judge, turn, turn_back, turned_values
from analysis.limit.provisional import ONE_SEED, why_provisional
from analysis.limit.result import CompressionLimit, CurvePoint, LimitStatus
from analysis.limit.rule import LimitRule
from analysis.schema import settings_of
from analysis.trials import Trials

FRESH_SEEDS = 5  # that the remedy advises


def compression_limit(table: pa.Table, rule: LimitRule) -> CompressionLimit:
    """Returns the size at which quality crosses the threshold of `rule`, its 95% interval, and the break of the curve.

    Confirmed rows alone are judged where there are any (`judging.judge`). The curve is the isotonic regression of
    the seeds' mean (log) quality over the logarithm of the parameters; the interval is `crossing.crossing_interval`
    and needs two seeds at each size. Raises AnalysisError for rows of several protocols or several teachers.

    >>> from analysis import LimitRule, compression_limit, example_trials
    >>> table = example_trials(*({"width": n, "parameters": 1_000 * n, "fid": 80 / n} for n in (2, 4, 8, 16)))
    >>> limit = compression_limit(table, LimitRule(metric="fid", tolerance=1.0))  # at most 10: the teacher has 5
    >>> limit.parameters, limit.ratio
    (8000, 12.5)
    """
    return limit_of(judge(Trials(table), rule.column), rule)


def limit_of(judgement: Judgement, rule: LimitRule) -> CompressionLimit:
    """Returns what `compression_limit` does, for rows that are judged."""
    trials, column = judgement.students.trials, rule.column
    finished = np.flatnonzero(trials.is_finished & trials.is_distilled)
    first = trials.row(int(finished[0])) if len(finished) else None
    if first is None or not pc.is_valid(trials.table[rule.metric]).to_numpy()[finished].any():
        return _nothing_to_judge(rule, first, judgement=judgement)
    threshold = rule.threshold_for(first)
    base = CompressionLimit(
        rule=rule,
        status=LimitStatus.NONE_WITHIN,
        sweep=first["sweep"],
        dataset=first["dataset"],
        num_samples=first["num_samples"],
        students=len(judgement.students),
        threshold=threshold,
        provisional=False,
        confirmed=judgement.confirmed,
        searched_below=len(judgement.smaller) > 0,
        searched_above=len(judgement.larger) > 0,
        teacher_parameters=first["teacher_parameters"],
        seeds=int(judgement.curve.seed_counts.min()) if len(judgement.curve) else 0,
        interval_note="no interval: no student has a finite value",
        break_note="no student has a finite value",
    )
    limit = _with_remarks(_with_student(base, judgement), judgement)
    if not len(judgement.curve):
        return limit
    values, degrees_K = curve_values(judgement.curve, column, threshold=threshold)
    sizes_K = np.log(judgement.curve.cost_S)
    fitted_K = falling_curve(np.array([each.mean() for each in values]), np.array([len(each) for each in values]))
    points = zip(judgement.curve, values, fitted_K, strict=True)
    curve = tuple(_point(student, each, fitted=float(fitted), column=column) for student, each, fitted in points)
    limit = _with_crossing(replace(limit, curve=curve), judgement, sizes_K=sizes_K, fitted_K=fitted_K)
    limit = _with_interval(limit, sizes_K, values=values, degrees_K=degrees_K)
    return _with_break(limit, judgement.curve, values=values)


def _nothing_to_judge(rule: LimitRule, row: dict[str, Any] | None, *, judgement: Judgement) -> CompressionLimit:
    why = "no finished student has the rule's metric" if row else "no student has reached its full budget"
    return CompressionLimit(
        rule=rule,
        status=LimitStatus.NO_FINAL_ROWS,
        sweep=row["sweep"] if row else "",
        dataset=row["dataset"] if row else "",
        num_samples=row["num_samples"] if row else 0,
        students=len(judgement.students),
        threshold=None,
        provisional=True,
        confirmed=judgement.confirmed,
        reason=why,
        interval_note=f"no interval: {why}",
        break_note=why,
    )


def _with_student(limit: CompressionLimit, judgement: Judgement) -> CompressionLimit:
    """Returns the limit with the smallest student whose median holds, the best one of that size."""
    assert limit.threshold is not None
    students = judgement.students
    holding = students.take(limit.rule.holding(students.median_S, limit.threshold))
    if not len(holding):
        return limit
    of_one_size = holding.take(holding.cost_S == holding.cost_S.min())
    quality_S = turned_values(of_one_size.median_S, limit.rule.column)
    trial_S = students.trials.integers("trial")[of_one_size.row_S]
    best = of_one_size[int(np.lexsort((trial_S, quality_S))[0])]
    return replace(
        limit,
        trial=best.row["trial"],
        value=best.median,
        student_parameters=best.parameters,
        student_seeds=best.seeds,
    )


def _with_remarks(limit: CompressionLimit, judgement: Judgement) -> CompressionLimit:
    """Returns the limit with why it is provisional, and the command that makes it sure."""
    assert limit.threshold is not None
    reason = why_provisional(judgement, limit.rule, threshold=limit.threshold)
    if not reason:
        return limit
    more = f" --seeds {FRESH_SEEDS}" if reason == ONE_SEED else ""
    return replace(
        limit, provisional=True, reason=reason, confirm_command=f"ganlimit sweep confirm {limit.sweep}{more}"
    )


def _point(student: Student, values: Floats, *, fitted: float, column: Column) -> CurvePoint:
    value, row = turn_back(float(values.mean()), column), student.row
    rare = [name for name in ("first_layer_rank", "stage_widths") if row[name] is not None]
    names = ("width", "depth", "block", *rare, "gan_weight")
    return CurvePoint(
        parameters=student.parameters,
        compression_ratio=row["compression_ratio"],
        trial=row["trial"],
        value=value,
        low=min(student.values, default=value),
        high=max(student.values, default=value),
        seeds=student.seeds,
        failed_seeds=student.failed,
        fitted=turn_back(fitted, column),
        student={**{name: row[name] for name in names}, "settings": settings_of(row)},
    )


def _with_crossing(
    limit: CompressionLimit, judgement: Judgement, *, sizes_K: Floats, fitted_K: Floats
) -> CompressionLimit:
    assert limit.threshold is not None
    assert limit.teacher_parameters is not None
    size = crossing(sizes_K, fitted_K, threshold=turn(limit.threshold, limit.rule.column))
    if size is None:
        return limit
    bracketed = size > sizes_K[0]
    parameters = round(math.exp(size)) if bracketed else limit.curve[0].parameters
    return replace(
        limit,
        status=LimitStatus.FOUND if bracketed else _status_beyond(limit, judgement),
        parameters=parameters,
        ratio=limit.teacher_parameters / parameters,
    )


def _status_beyond(limit: CompressionLimit, judgement: Judgement) -> LimitStatus:
    """Returns the status of a limit below all judged sizes, by what the search alone says of smaller ones."""
    assert limit.threshold is not None
    smaller_S = limit.rule.holding(judgement.smaller.median_S, limit.threshold)
    return LimitStatus.AT_LEAST if len(smaller_S) and not smaller_S.any() else LimitStatus.NOT_REACHED


def _with_interval(
    limit: CompressionLimit, sizes_K: Floats, *, values: Sequence[Floats], degrees_K: Floats
) -> CompressionLimit:
    if len(values) < 2:
        return replace(limit, interval_note="no interval: one size")
    if limit.seeds < 2:
        some = " at some sizes" if max(point.seeds for point in limit.curve) > 1 else ""
        return replace(limit, interval_note=f"no interval: one seed{some}")
    assert limit.threshold is not None
    threshold = turn(limit.threshold, limit.rule.column)
    found = crossing_interval(sizes_K, values, threshold=threshold, degrees_K=degrees_K)
    if found is None:
        return replace(limit, interval_note="no interval: no size has two measured seeds")
    low, high = (None if end is None else math.exp(end) for end in found)
    return replace(limit, interval=Interval(low, high), interval_note="")


def _with_break(limit: CompressionLimit, curve: Students, *, values: Sequence[Floats]) -> CompressionLimit:
    column = limit.rule.column
    sizes_N = np.repeat(np.log(curve.cost_S), curve.measured_S)
    measured_N = np.concatenate([own[:count] for own, count in zip(values, curve.measured_S, strict=True)])
    found = find_corner(sizes_N, measured_N)
    if isinstance(found, str):
        return replace(limit, break_note=found)
    assert limit.teacher_parameters is not None
    low, high = (None if end is None else math.exp(end) for end in (found.low, found.high))
    sign = -1.0 if column.higher_is_better else 1.0
    parameters = math.exp(found.size)
    corner = BreakPoint(
        parameters=parameters,
        ratio=limit.teacher_parameters / parameters,
        interval=Interval(low, high),
        slope_above=sign * found.slope_above,
        slope_below=sign * found.slope_below,
        p_value=found.p_value,
    )
    return replace(limit, break_point=corner, break_note="")
