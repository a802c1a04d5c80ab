"""This module keeps where a teacher's training stands, so that one that was cut off goes on from its last report."""

import copy
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass

from gan import (
    ArtifactError,
    Checkpoint,
    Critic,
    CriticJudgement,
    Generator,
    Metrics,
    Progress,
    load_checkpoint,
    save_checkpoint,
)
from gan.training.checkpoint import State, Weights, restore, state_of
from sweeps.ledger.workspace import Workspace

_TRAINING, _BEST = "training.", "best."  # which tensors of the file are whose
_JUDGEMENT = "judgement."  # which numbers of a report are its
_UPDATES, _SPENT_S, _BEST_KIMG = "updates", "spent_s", "best_kimg"


@dataclass(frozen=True)
class Snapshot:
    """A Snapshot is a generator in training and its critic, as they were at `kimg`."""

    generator: Generator
    kimg: float
    _: KW_ONLY
    critic: Critic
    metrics: Metrics


@dataclass(frozen=True)
class Report:
    """A Report is how a teacher's critic judged in training, and what was measured beside it."""

    judgement: CriticJudgement
    metrics: Mapping[str, float]

    @property
    def kimg(self) -> float:
        return self.judgement.kimg

    def as_numbers(self) -> dict[str, float]:
        """Returns the same as a checkpoint keeps it."""
        judged = {_JUDGEMENT + name: value for name, value in self.judgement.model_dump().items()}
        return {f"{name}@{self.kimg:g}": value for name, value in {**judged, **self.metrics}.items()}


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A training that has reached a report has the snapshot of the lowest FID, the last one, and all reports.

    It has yielded `updates` times, and stands at `progress` until its next step.
    """

    best: Snapshot
    last: Snapshot
    reports: tuple[Report, ...]
    updates: int
    progress: Progress


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A Standing is a training at its last report: what it takes to go on, and what is known of the way there.

    updates: how often it had yielded. spent_s: seconds that it had taken. best_kimg: where its FID was lowest.
    """

    checkpoint: Checkpoint | None = None
    updates: int = 0
    spent_s: float = 0.0
    reports: tuple[Report, ...] = ()
    best_kimg: float = 0.0
    best_state: State | None = None

    def best(self, like: Progress) -> tuple[Generator, Critic]:
        """Returns the networks of the lowest FID, built as those of the same training are that `like` has."""
        assert like.critic, "a teacher learns from a critic"
        assert self.best_state is not None, "there was a report"
        generator, critic = copy.deepcopy(like.generator), copy.deepcopy(like.critic)
        restore(_parts(generator, critic), self.best_state)
        return generator, critic


class TeacherProgress:
    """A TeacherProgress is the file of one training under one measurement, of which `identity` is the name."""

    def __init__(self, workspace: Workspace, identity: str) -> None:
        self._path, self._identity = workspace.teachers / f"{identity}.safetensors", identity

    def keep(self, reached: Reached, *, spent_s: float) -> None:
        """Keep where the training stands after `spent_s` seconds. Until that is done what was kept before stays.

        Where it cannot be written the training goes on all the same.
        """
        best = reached.best
        numbers = {name: value for report in reached.reports for name, value in report.as_numbers().items()}
        numbers |= {_UPDATES: reached.updates, _SPENT_S: spent_s, _BEST_KIMG: best.kimg}
        checkpoint = reached.progress.checkpoint(numbers)
        state = {_TRAINING + name: value for name, value in checkpoint.state.items()}
        state |= {_BEST + name: value for name, value in state_of(_parts(best.generator, best.critic)).items()}
        whole = Checkpoint(checkpoint.images_seen, state, notes=checkpoint.notes)
        with suppress(OSError):
            save_checkpoint(self._path, whole, identity=self._identity)

    def found(self) -> Standing:
        """Returns what was kept, or the beginning. A damaged file is deleted, and the training begins anew.

        Raises ArtifactError where the file cannot be read.
        """
        try:
            whole = load_checkpoint(self._path, self._identity)
            return self._standing(whole) if whole else Standing()
        except ArtifactError as error:
            if isinstance(error.__cause__, OSError):  # it may be read again
                raise
        except (KeyError, ValueError):  # of another version
            pass
        self.delete()
        return Standing()

    def _standing(self, whole: Checkpoint) -> Standing:
        return Standing(
            checkpoint=Checkpoint(whole.images_seen, _of(whole.state, _TRAINING)),
            updates=round(whole.notes[_UPDATES]),
            spent_s=whole.notes[_SPENT_S],
            reports=_reports(whole.notes),
            best_kimg=whole.notes[_BEST_KIMG],
            best_state=_of(whole.state, _BEST),
        )

    def delete_before(self, time_s: float) -> None:
        """Delete what was kept before a moment, in seconds since 1970, and not what another training has kept since."""
        with suppress(OSError):
            if self._path.stat().st_mtime < time_s:
                self.delete()

    def delete(self) -> None:
        """Delete what is kept, where that can be: the training has ended, or is to begin anew."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _parts(generator: Generator, critic: Critic) -> dict[str, Weights]:
    return {"generator": Weights(generator), "critic": Weights(critic)}


def _of(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _reports(numbers: Mapping[str, float]) -> tuple[Report, ...]:
    places: dict[str, dict[str, float]] = {}
    for key, value in numbers.items():
        name, sign, place = key.rpartition("@")
        if sign:
            places.setdefault(place, {})[name] = value
    return tuple(
        Report(
            CriticJudgement.model_validate(
                {name.removeprefix(_JUDGEMENT): value for name, value in own.items() if name.startswith(_JUDGEMENT)}
            ),
            {name: value for name, value in own.items() if not name.startswith(_JUDGEMENT)},
        )
        for own in places.values()
    )
