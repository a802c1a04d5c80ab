"""This module chooses the next training of a search for the limit: the one that narrows most where it lies, per kimg.

The knowledge gradient (Frazier, Powell and Dayanik 2009) of a training is what its value is expected to improve, were
it the last. Here that is the variance of the logarithm of the limit, a stepwise reduction of uncertainty as that of
Bect et al. (2012) for excursion sets. Shapes: S samples of the surface, C candidates, K sizes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analysis.seeking.belief import Belief
from analysis.seeking.space import Candidate, Space, Training
from analysis.seeking.surface import Surface
from analysis.seeking.whereabouts import Whereabouts, limits_of, whereabouts_of
from analysis.trials import Floats, Ints, Mask

AT_ONCE = 64  # candidates
BINS = 16  # of a training's possible values: 128 samples in each
RESERVE = 0.15  # of the kimg is for students below the limit, where a surface that is no slope may hold again
SETTLED = 1 - 1 / BINS  # of the samples at one size: what a training would change is no longer seen among them


class Purpose(StrEnum):
    """A Purpose says why a training was chosen. Stored: names are only ever added."""

    NARROW = "NARROW"  # it narrows most where the limit lies
    BELOW = "BELOW"  # it is the most probable to hold the rule below where the limit seems to lie


@dataclass(frozen=True, kw_only=True)
class NextRun(Training):
    """A NextRun is what to train next, with the smallest seed that its student has not had, and what for."""

    purpose: Purpose


def next_run(
    space: Space,
    belief: Belief,
    *,
    begun: Sequence[Training],
    random: np.random.Generator,
    lost: Sequence[Training] = (),
    reserve: float = RESERVE,
) -> NextRun:
    """Returns the next training, by what is believed after all that has `begun`: ask it as often as workers are free.

    Of a training with rungs `begun` has each; one that is pending is given with the budget at which it will end. What
    was `lost` without a result tells nothing, and its seed is not taken again.
    A share `reserve` of all kimg goes to students smaller than the limit's 95% interval, where there are such; and all
    of it to students smaller than the limit while its size is settled. The same input and state of `random` give the
    same answer.
    """
    surface, quality_SC = belief.surface, belief.quality_SC
    below_C = _below(whereabouts_of(surface, quality_SC), begun, space=space, reserve=reserve)
    if below_C.any():
        chance_C = -surface.mean_C / np.sqrt(belief.variance_C)
        chosen, purpose = int(np.argmax(np.where(below_C, chance_C, -np.inf))), Purpose.BELOW
    else:
        cost_C = np.array([each.kimg for each in space.candidates])
        chosen, purpose = int(np.argmax(narrowing(surface, quality_SC, random=random) / cost_C)), Purpose.NARROW
    candidate = space.candidates[chosen]
    had = {each.seed for each in [*begun, *lost] if each.candidate.student == candidate.student}
    return NextRun(candidate=candidate, seed=min(set(range(len(had) + 1)) - had), purpose=purpose)


def narrowing(surface: Surface, quality_SC: Floats, *, random: np.random.Generator) -> Floats:
    """Returns by how much a fresh seed of each candidate is expected to lower the variance of the limit's logarithm.

    That is the variance of the limit's mean given the value, over the values that the seed may have (the law of total
    variance). The mean is estimated from the samples themselves, in BINS of equal numbers of them in the order of
    their values (as Strong and Oakley 2013, Medical Decision Making 33, estimate what one number is worth), and its own
    noise is subtracted. A limit beyond all sizes counts as one mean step beyond.
    """
    sizes_K, place_S = limits_of(surface, quality_SC)
    log_K = np.log(sizes_K)
    log_K = np.append(log_K, log_K[-1] + np.diff(log_K).mean())
    each = len(place_S) // BINS
    luck_S1 = random.standard_normal((len(place_S), 1))
    found = []
    for start in range(0, quality_SC.shape[1], AT_ONCE):  # what is touched again stays in the cache
        part = slice(start, start + AT_ONCE)
        value_SC = quality_SC[:, part] + surface.noise_C[part] * luck_S1
        place_CS = _in_order(value_SC[: each * BINS].T, place_S[: each * BINS])
        limit_CBE = log_K[place_CS].reshape(-1, BINS, each)
        chance_C = (1 - 1 / BINS) * limit_CBE.var(axis=2, ddof=1).mean(axis=1) / each
        found.append(limit_CBE.mean(axis=2).var(axis=1) - chance_C)
    return np.asarray(np.maximum(np.concatenate(found), 0.0))


def _in_order(value_CS: Floats, place_S: Ints) -> Ints:
    """Returns for each candidate the samples' places in the order of their values.

    Each value carries its place in its last bits: a plain sort is several times as fast as one that returns an order.
    """
    bits, key_CS = int(place_S.max()).bit_length(), np.array(value_CS, order="C").view(np.int64)
    key_CS >>= bits
    key_CS <<= bits
    key_CS |= place_S
    key_CS.view(np.float64).sort(axis=1)
    key_CS &= (1 << bits) - 1
    return key_CS


def _below(where: Whereabouts, begun: Sequence[Training], *, space: Space, reserve: float) -> Mask:
    """Returns the candidates among which the next training is since they lie below the limit; none where it is not."""
    size_C = np.array([each.size for each in space.candidates], dtype=np.float64)
    low, _ = where.interval()
    if low is None or where.none_holds >= SETTLED:
        return np.ones(len(size_C), dtype=bool)
    settled = int(np.argmax(where.chance_K))
    if where.chance_K[settled] >= SETTLED:
        return size_C < float(where.sizes_K[max(settled, 1)])  # at the smallest size, that size again
    whole = _furthest(begun)
    spent = sum(each.kimg for each in whole)
    spent_below = sum(each.kimg for each in whole if each.size < low)
    is_due = spent_below + space.final_kimg <= reserve * spent
    return (size_C < low) & is_due


def _furthest(begun: Sequence[Training]) -> list[Candidate]:
    """Returns the candidate of each training, once, with the largest of its budgets."""
    by_kimg = sorted(begun, key=lambda each: each.candidate.kimg)
    return list({each.key: each.candidate for each in by_kimg}.values())
