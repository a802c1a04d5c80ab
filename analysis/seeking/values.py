"""This module turns what was measured of students into the values that the surface is made of.

A value is the logarithm of the quality over the rule's threshold, turned so that lower is better: 0 or less holds.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.limit.rule import LimitRule
from analysis.seeking.space import Run, Training
from analysis.seeking.surface import tempered
from analysis.trials import Floats

DOUBLE = math.log(2)  # a failed training is no better than twice the threshold, as in the limit's own curve
MOST_LOG = 5.0  # beyond it a quality is more than e^54 times the threshold


@dataclass(frozen=True, kw_only=True)
class Measured(Training):
    """This is a training that ended, with the value of the rule's metric; None where it failed."""

    quality: float | None


def runs_of(measured: Iterable[Measured], rule: LimitRule, *, threshold: float) -> list[Run]:
    """Returns the trainings as the surface takes them. Those of two rows of one training are their first.

    A failed one counts as the worst that any measured, and as no better than twice the threshold, which must be
    above 0 (FID and IS are).
    """
    first: dict[tuple[object, ...], Measured] = {}
    for each in measured:
        first.setdefault((*each.key, each.candidate.kimg), each)
    sign = -1.0 if rule.column.higher_is_better else 1.0
    known = {
        key: sign * math.log(each.quality / threshold)
        for key, each in first.items()
        if each.quality is not None and math.isfinite(each.quality) and each.quality > 0
    }
    worst = max([DOUBLE, *known.values()])
    return [
        Run(candidate=each.candidate, seed=each.seed, value=tempered(known.get(key, worst)))
        for key, each in first.items()
    ]


def qualities_of(values: Floats, rule: LimitRule, *, threshold: float) -> Floats:
    """Returns values of the surface as qualities again: what `runs_of` turned."""
    logs = np.where(values <= 1, values, np.exp(np.minimum(values, MOST_LOG) - 1))
    return np.asarray(threshold * np.exp(-logs if rule.column.higher_is_better else logs))
