"""Why a compression limit is provisional."""

from analysis.limit.judging import Judgement, around_the_crossing
from analysis.limit.rule import LimitRule
from analysis.schema import student_of

SEARCH_ALONE = "the search alone measured these students, and the best of many noisy results flatters"
ONE_SIZE = "fresh seeds at one size alone show no crossing"
ONE_SEED = "one fresh seed at a size tells nothing of the noise"
LARGER_ALONE = "larger sizes hold the rule in the search, and have no fresh seeds"


def why_provisional(judgement: Judgement, rule: LimitRule, threshold: float) -> str:
    """The first reason that there is; empty where fresh seeds say all that they must.

    That is: all that were begun have ended, there are two or more of them at two or more sizes, among these the two
    students of the searched frontier between which the search crosses the threshold, and none larger than all of them
    holds the rule in the search where none of them does with fresh seeds.
    """
    if not judgement.confirmed:
        return SEARCH_ALONE
    if judgement.unfinished:
        one = judgement.unfinished == 1
        return f"{judgement.unfinished} fresh seed{'' if one else 's'} {'has' if one else 'have'} not finished"
    if len({student.parameters for student in judgement.students}) < 2:
        return ONE_SIZE
    known = {student_of(student.row) for student in judgement.students}
    around = around_the_crossing(judgement.frontier, rule, threshold)
    missing = [f"{student.parameters:,}" for student in around if student_of(student.row) not in known]
    if len(missing) == 1:
        return f"the student of {missing[0]} parameters, at which the search crosses the rule, has no fresh seeds"
    if missing:
        sizes = " and ".join(missing)
        return f"the students of {sizes} parameters, between which the search crosses the rule, have no fresh seeds"
    if min(student.seeds for student in judgement.curve) < 2:
        return ONE_SEED
    holding = [student for student in judgement.students if rule.holds(student.median, threshold)]
    if not holding and any(rule.holds(student.median, threshold) for student in judgement.larger):
        return LARGER_ALONE
    return ""
