"""This module says why a compression limit is provisional."""

import numpy as np

from analysis.limit.judging import Judgement, around_the_crossing
from analysis.limit.rule import LimitRule

SEARCH_ALONE = "the search alone measured these students, and the best of many noisy results flatters"
ONE_SIZE = "fresh seeds at one size alone show no crossing"
ONE_SEED = "one fresh seed at a size tells nothing of the noise"
LARGER_ALONE = "larger sizes hold the rule in the search, and have no fresh seeds"


def why_provisional(judgement: Judgement, rule: LimitRule, *, threshold: float) -> str:
    """Returns the first reason that there is; nothing where fresh seeds say all that they must.

    They do where all that were begun have ended, there are two or more of them at two or more sizes, among these the
    two students of the searched frontier between which the search crosses the threshold, and none larger than all of
    them holds the rule in the search where none of them does with fresh seeds.
    """
    if not judgement.confirmed:
        return SEARCH_ALONE
    if judgement.unfinished:
        one = judgement.unfinished == 1
        return f"{judgement.unfinished} fresh seed{'' if one else 's'} {'has' if one else 'have'} not finished"
    if len(np.unique(judgement.students.cost_S)) < 2:
        return ONE_SIZE
    around = around_the_crossing(judgement.frontier, rule, threshold=threshold)
    unknown = around.take(~np.isin(around.code_S, judgement.students.code_S))
    missing, noun = [judgement.cost.text(cost) for cost in unknown.cost_S], judgement.cost.noun
    if len(missing) == 1:
        return f"the student of {missing[0]}{noun}, at which the search crosses the rule, has no fresh seeds"
    if missing:
        sizes = " and ".join(missing)
        return f"the students of {sizes}{noun}, between which the search crosses the rule, have no fresh seeds"
    if judgement.curve.seed_counts.min() < 2:
        return ONE_SEED
    holds = rule.holding(judgement.students.median_S, threshold).any()
    if not holds and rule.holding(judgement.larger.median_S, threshold).any():
        return LARGER_ALONE
    return ""
