"""This module pairs finished trials of two ways of making a student that share an architecture and a seed."""

from dataclasses import dataclass

import numpy as np

from analysis.schema import Mode
from analysis.schemes import Scheme
from analysis.tables import require_one_protocol, require_one_teacher
from analysis.trials import Ints, Mask, Trials, by_code, codes_of, first_of_each

Side = Scheme | Mode


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """A Pairing has the finished rows of one side: places of pairs in the table, and of rows without a partner.

    Row ours_P[p] is paired with theirs_P[p]; the rows unpaired_U of ours have no partner. `fresh` says that ours are
    confirmed rows alone. `chosen` says that ours are students of the search that its own results are taken to have
    chosen, which flatters them, since the same rows then stand for them.
    """

    trials: Trials
    ours: Side
    theirs: Side
    ours_P: Ints
    theirs_P: Ints
    unpaired_U: Ints
    fresh: bool
    chosen: bool


def pair_rows(trials: Trials, *, ours: Side, theirs: Side) -> Pairing:
    """Returns the pairs of two sides, each a Scheme, or a Mode for students of all its schemes.

    Two distilled students pair where all but the weight of the GAN term is equal; a student and one from scratch pair
    where architecture and seed are, and the one of the largest budget counts where several are from scratch.

    Where every searched student of ours was given a baseline from scratch, nothing was chosen, and all rows count.
    Else the search's results are taken to have chosen who was given one, and where confirmed rows have partners
    these alone count, since their fresh seeds have chosen nothing. Raises AnalysisError for rows of several protocols
    or teachers.
    """
    require_one_protocol(trials.table)
    require_one_teacher(trials.table)
    is_theirs, is_ours = _of_side(trials, theirs), _of_side(trials, ours) & trials.is_finished
    if not is_ours.any():
        return _nobody(trials, ours=ours, theirs=theirs)
    scratch = theirs in (Mode.SCRATCH, Scheme.SCRATCH)
    key_N = trials.size_seed if scratch else codes_of([trials.size_seed, trials.table["settings"]])
    partners = _largest_budget(trials, np.flatnonzero(is_theirs & trials.is_finished), key_N=key_N)
    partner_of = by_code(key_N)
    partner_of[key_N[partners]] = partners
    own = _largest_budget(trials, np.flatnonzero(is_ours), key_N=trials.size_student_seed)
    chosen = scratch and _is_chosen(trials, own, is_theirs=is_theirs, key_N=key_N)
    confirmed = own[trials.is_confirm[own]]
    if chosen and (partner_of[key_N[confirmed]] >= 0).any():
        own, chosen = confirmed, False
    theirs_O = partner_of[key_N[own]]
    paired = theirs_O >= 0
    fresh = bool(len(own)) and bool(trials.is_confirm[own].all())
    return Pairing(
        trials=trials,
        ours=ours,
        theirs=theirs,
        ours_P=own[paired],
        theirs_P=theirs_O[paired],
        unpaired_U=own[~paired],
        fresh=fresh,
        chosen=chosen,
    )


def _nobody(trials: Trials, *, ours: Side, theirs: Side) -> Pairing:
    none = np.array([], dtype=np.int64)
    return Pairing(
        trials=trials,
        ours=ours,
        theirs=theirs,
        ours_P=none,
        theirs_P=none,
        unpaired_U=none,
        fresh=False,
        chosen=False,
    )


def _is_chosen(trials: Trials, own: Ints, *, is_theirs: Mask, key_N: Ints) -> bool:
    """Returns whether a searched student among `own` was given no baseline from scratch."""
    given = by_code(key_N)
    given[key_N[is_theirs]] = 1  # whatever became of it
    return bool((trials.is_search[own] & (given[key_N[own]] < 0)).any())


def _of_side(trials: Trials, side: Side) -> Mask:
    if side in (Mode.SCRATCH, Scheme.SCRATCH):
        return trials.is_scratch
    if side == Mode.DISTILLED:
        return trials.is_distilled
    if side == Scheme.OTHER:
        return trials.is_other
    return trials.is_joint if side == Scheme.JOINT else trials.is_mse


def _largest_budget(trials: Trials, rows: Ints, *, key_N: Ints) -> Ints:
    """Returns the row of the largest budget for each key, the first trial among equals; largest budgets first."""
    rows = rows[np.lexsort((trials.integers("trial")[rows], -trials.numbers("kimg")[rows]))]
    return np.asarray(rows[first_of_each(key_N[rows])], dtype=np.int64)
