"""This module keeps samples of the surfaces that may be the true one, and takes in what is measured from then on.

A sample of the surface as it was becomes one of the surface as it is by what a value tells of all candidates, less what
the sample had there with a seed's luck drawn for it: Matheron's rule (Wilson et al. 2021, Pathwise Conditioning of
Gaussian Processes, JMLR 22). So a search factorises no matrix anew from one training to the next. Shapes: S samples,
C candidates, P trainings that come in together.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import dgemm

from analysis.seeking.covariance import Scales
from analysis.seeking.space import Candidate, Run, Space, Training
from analysis.seeking.surface import Surface, surface_of
from analysis.trials import Floats, Ints

SAMPLES = 2048  # of the surface
SURFACE, LUCK, ASK = range(3)  # what is drawn by chance: a generator each


@dataclass(frozen=True, kw_only=True)
class Belief:
    """A Belief is a surface with samples of it; they and `variance_C` know of what is pending, the surface does not."""

    surface: Surface
    quality_SC: Floats
    variance_C: Floats

    def learn(self, places_P: Ints, values_P: Floats, *, luck_SP: Floats) -> None:
        """Take in the values of fresh seeds of candidates, in place; `luck_SP` is standard normal."""
        surface = self.surface
        gain_CP = self._gain(places_P)
        rows_PC = surface.covariance_CC[places_P]
        surface.mean_C[:] += gain_CP @ (values_P - surface.mean_C[places_P])
        _add_product(self.quality_SC, left=self._apart(places_P, values_P, luck_SP=luck_SP), right=gain_CP.T)
        _add_product(surface.covariance_CC, left=-gain_CP, right=rows_PC)
        self.variance_C[:] = np.diag(surface.covariance_CC)

    def awaiting(self, places_P: Ints, *, luck_SP: Floats) -> "Belief":
        """Returns what is believed as if fresh seeds of candidates had ended, with the values that are expected."""
        surface, quality_SC = self.surface, self.quality_SC.copy()
        gain_CP = self._gain(places_P)
        apart_SP = self._apart(places_P, surface.mean_C[places_P], luck_SP=luck_SP)
        _add_product(quality_SC, left=apart_SP, right=gain_CP.T)
        known_C = np.einsum("cp,pc->c", gain_CP, surface.covariance_CC[places_P])
        return replace(self, quality_SC=quality_SC, variance_C=self.variance_C - known_C)

    def _gain(self, places_P: Ints) -> Floats:
        """Returns by how much each candidate moves with each value (R & W, eq. 2.25)."""
        covariance_CC, noise_P = self.surface.covariance_CC, self.surface.noise_C[places_P]
        values_PP = covariance_CC[np.ix_(places_P, places_P)] + np.diag(noise_P**2)
        root = cho_factor(values_PP, lower=True, check_finite=False)
        return np.asarray(cho_solve(root, covariance_CC[places_P], check_finite=False).T)

    def _apart(self, places_P: Ints, values_P: Floats, *, luck_SP: Floats) -> Floats:
        """Returns how far values lie from what each sample has there, with a seed's luck."""
        return np.asarray(
            values_P - self.surface.noise_C[places_P] * luck_SP - np.take(self.quality_SC, places_P, axis=1)
        )


def believed(
    space: Space,
    runs: Sequence[Run],
    *,
    scales: Scales,
    random: np.random.Generator,
    pending: Sequence[Training] = (),
) -> Belief:
    """Returns what `runs` leave to believe, with `pending` as if they had ended: all of it anew."""
    surface = surface_of(space, runs, scales=scales, pending=pending)
    variance_C = np.diag(surface.covariance_CC).copy()
    return Belief(surface=surface, quality_SC=surface.draw(SAMPLES, random), variance_C=variance_C)


class Beliefs:
    """Beliefs are what a search believes from one training to the next.

    All that is drawn by chance is drawn by the rows and their order, so that what was asked before changes no answer
    (but for the rounding of the last digits).
    """

    def __init__(self, space: Space, *, seed: int) -> None:
        self._space, self._seed = space, seed
        self._places = {candidate: place for place, candidate in enumerate(space.candidates)}
        self._runs: Sequence[Run] = ()
        self._stand: tuple[Scales, int] | None = None  # the hyperparameters, and of how many runs all was made anew
        self._belief: Belief | None = None

    def after(self, runs: Sequence[Run], *, scales: Scales, first: int) -> Belief:
        """Returns what is believed after `runs`: by the first of them anew, and by each that came in since.

        The next call changes it.
        """
        # A training with several rungs, or of no candidate, is more than a value of one candidate.
        begun = first + _simple_from(runs[first:], self._places, before=runs[:first])
        known = len(self._runs)
        is_known = self._stand == (scales, begun) and begun <= known <= len(runs) and runs[:known] == self._runs
        if not is_known or self._belief is None:
            random = self._random(SURFACE, begun)
            self._belief = believed(self._space, runs[:begun], scales=scales, random=random)
            known = begun
        if known < len(runs):
            values_P = np.array([run.value for run in runs[known:]])
            luck = [self._random(LUCK, number).standard_normal(SAMPLES) for number in range(known, len(runs))]
            self._belief.learn(self._at(runs[known:]), values_P, luck_SP=np.stack(luck, axis=1))
        self._runs, self._stand = list(runs), (scales, begun)
        return self._belief

    def awaiting(
        self,
        runs: Sequence[Run],
        *,
        scales: Scales,
        first: int,
        pending: Sequence[Training],
        random: np.random.Generator,
    ) -> Belief:
        """Returns what is believed after `runs` with `pending` as if they had ended."""
        if _simple_from(pending, self._places, before=runs):
            return believed(self._space, runs, scales=scales, random=random, pending=pending)
        belief = self.after(runs, scales=scales, first=first)
        if not pending:
            return belief
        luck_SP = random.standard_normal((SAMPLES, len(pending)))
        return belief.awaiting(self._at(pending), luck_SP=luck_SP)

    def _at(self, trainings: Sequence[Training]) -> Ints:
        return np.array([self._places[each.candidate] for each in trainings], dtype=np.int64)

    def _random(self, *place: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, *place])


def _simple_from(trainings: Sequence[Training], places: Container[Candidate], *, before: Sequence[Training]) -> int:
    """Returns from where on each of the trainings is a fresh seed of a candidate."""
    had, start = {each.key for each in before}, 0
    for number, each in enumerate(trainings):
        if each.key in had or each.candidate not in places:
            start = number + 1
        had.add(each.key)
    return start


def _add_product(total: Floats, *, left: Floats, right: Floats) -> None:
    """Add left @ right in place: of thousands of candidates the time goes into touching memory."""
    done = dgemm(1.0, right.T, left.T, beta=1.0, c=total.T, overwrite_c=True)
    if not np.shares_memory(done, total):
        total[:] = done.T
