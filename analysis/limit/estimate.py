"""From the table of trials to the compression limit."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.columns import Column
from analysis.frontier.pareto import final_students
from analysis.frontier.students import Student
from analysis.limit.break_point import BreakPoint, find_corner
from analysis.limit.crossing import Floats, Interval, crossing, crossing_interval, falling_curve
from analysis.limit.judging import Judgement, curve_values, judge, turn, turn_back
from analysis.limit.provisional import ONE_SEED, why_provisional
from analysis.limit.result import CompressionLimit, CurvePoint, LimitStatus
from analysis.limit.rule import LimitRule
from analysis.schema import settings_of

FRESH_SEEDS = 5  # that the remedy advises


def compression_limit(table: pa.Table, rule: LimitRule) -> CompressionLimit:
    """The size at which quality crosses the threshold of `rule`, its 95% interval, and the break of the curve.

    Confirmed rows alone are judged where there are any (`judging.judge`). The curve is the isotonic regression of
    the seeds' mean (log) quality over the logarithm of the parameters; the interval is `crossing.crossing_interval`
    and needs two seeds at each size. Raises AnalysisError for rows of several protocols or several teachers.
    """
    column, judgement = rule.column, judge(table, rule.column)
    finished = final_students(table).to_pylist()
    if all(row[rule.metric] is None for row in finished):
        return _nothing_to_judge(rule, finished[0] if finished else None, judgement)
    first = finished[0]
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
        searched_below=bool(judgement.smaller),
        searched_above=bool(judgement.larger),
        teacher_parameters=first["teacher_parameters"],
        seeds=min((student.seeds for student in judgement.curve), default=0),
        interval_note="no interval: no student has a finite value",
        break_note="no student has a finite value",
    )
    limit = _with_remarks(_with_student(base, judgement), judgement)
    if not judgement.curve:
        return limit
    values, degrees_K = curve_values(judgement.curve, column, threshold)
    sizes_K = np.log([student.parameters for student in judgement.curve])
    fitted_K = falling_curve(np.array([each.mean() for each in values]), np.array([len(each) for each in values]))
    points = zip(judgement.curve, values, fitted_K, strict=True)
    curve = tuple(_point(student, each, float(fitted), column) for student, each, fitted in points)
    limit = _with_crossing(replace(limit, curve=curve), sizes_K, fitted_K, judgement)
    limit = _with_interval(limit, sizes_K, values, degrees_K)
    return _with_break(limit, judgement.curve)


def _nothing_to_judge(rule: LimitRule, row: dict[str, Any] | None, judgement: Judgement) -> CompressionLimit:
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
    """With the smallest student whose median holds; of one size the best."""
    assert limit.threshold is not None
    holding = [student for student in judgement.students if limit.rule.holds(student.median, limit.threshold)]
    if not holding:
        return limit
    column = limit.rule.column
    best = min(holding, key=lambda each: (each.parameters, turn(each.median, column), each.row["trial"]))
    return replace(
        limit,
        trial=best.row["trial"],
        value=best.median,
        student_parameters=best.parameters,
        student_seeds=best.seeds,
    )


def _with_remarks(limit: CompressionLimit, judgement: Judgement) -> CompressionLimit:
    """With why it is provisional, and the command that makes it sure."""
    assert limit.threshold is not None
    reason = why_provisional(judgement, limit.rule, limit.threshold)
    if not reason:
        return limit
    more = f" --seeds {FRESH_SEEDS}" if reason == ONE_SEED else ""
    return replace(
        limit, provisional=True, reason=reason, confirm_command=f"ganlimit sweep confirm {limit.sweep}{more}"
    )


def _point(student: Student, values: Floats, fitted: float, column: Column) -> CurvePoint:
    value, row = turn_back(float(values.mean()), column), student.row
    names = ("width", "depth", "block", "gan_weight")
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
    limit: CompressionLimit, sizes_K: Floats, fitted_K: Floats, judgement: Judgement
) -> CompressionLimit:
    assert limit.threshold is not None
    assert limit.teacher_parameters is not None
    size = crossing(sizes_K, fitted_K, turn(limit.threshold, limit.rule.column))
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
    """Of a limit below all sizes that are judged: by what the search alone says of smaller ones."""
    assert limit.threshold is not None
    smaller = [limit.rule.holds(student.median, limit.threshold) for student in judgement.smaller]
    return LimitStatus.AT_LEAST if smaller and not any(smaller) else LimitStatus.NOT_REACHED


def _with_interval(
    limit: CompressionLimit, sizes_K: Floats, values: Sequence[Floats], degrees_K: Floats
) -> CompressionLimit:
    if len(values) < 2:
        return replace(limit, interval_note="no interval: one size")
    if limit.seeds < 2:
        some = " at some sizes" if max(point.seeds for point in limit.curve) > 1 else ""
        return replace(limit, interval_note=f"no interval: one seed{some}")
    assert limit.threshold is not None
    found = crossing_interval(sizes_K, values, turn(limit.threshold, limit.rule.column), degrees_K)
    if found is None:
        return replace(limit, interval_note="no interval: no size has two measured seeds")
    low, high = (None if end is None else math.exp(end) for end in found)
    return replace(limit, interval=Interval(low, high), interval_note="")


def _with_break(limit: CompressionLimit, curve: Sequence[Student]) -> CompressionLimit:
    column = limit.rule.column
    sizes_N = np.log([student.parameters for student in curve for _ in student.values])
    found = find_corner(sizes_N, np.array([turn(value, column) for student in curve for value in student.values]))
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
