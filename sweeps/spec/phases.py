"""This module has the phases of a sweep as configurations take them, and what a file says of each after the search."""

import operator
from enum import StrEnum
from functools import partial
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from analysis import Phase
from gan import GanTrainingConfig
from gan.config import Config
from gan.deployment.card import Format
from sweeps.spec.search import Confidence, Precision


class SweepPhase(StrEnum):
    """A phase of a sweep has trials, or measures what they came to. Stored: names are only ever added."""

    SEARCH = Phase.SEARCH.value
    CONFIRM = Phase.CONFIRM.value
    BASELINE = Phase.BASELINE.value
    MEASURE = "measure"  # has no trials


PHASES = tuple(SweepPhase)  # in the order in which they run
OF_TRIALS = tuple(SweepPhase(phase) for phase in Phase)


def _words(phases: type[StrEnum]) -> WithJsonSchema:
    """Returns the schema of some phases as an editor shows them."""
    return WithJsonSchema({"enum": [str(phase) for phase in phases], "type": "string"})


# Not strict, so that a word is its member.
PhaseField = Annotated[Phase, Field(strict=False), _words(Phase)]  # of a trial
SweepPhaseField = Annotated[SweepPhase, Field(strict=False), _words(SweepPhase)]


class ConfirmSpec(Config):
    """A ConfirmSpec says which candidates of the search are tried again, with `seeds` seeds that it never used.

    Students are compared by their parameters and the limit's metric. The candidates are the `around` students on each
    side of the limit that are nearest to it, the two students of the frontier between which the limit lies and, with
    `of: frontier`, the whole frontier. After a search of the sampler `limit` they are at most 2 (`around` + 1) students
    that its model expects on the frontier around the limit, whether they were tried or not. With a `precision`, those
    that decide where the limit lies get further seeds, one after the other, until the ends of its interval are at most
    that factor apart, or they have `most_seeds`. After a search for the limit further students join them before each
    seed: those that its model names by all trainings so far, as long as all stay within 2 (`around` + 1) times
    `most_seeds` trainings. With a `confidence` they get further seeds until the limit of the space lies within one step
    with that probability, by the model and all trainings; with both, until both hold.
    """

    seeds: Annotated[int, Field(ge=1, le=1000)] = 5
    around: Annotated[int, Field(ge=1, le=100)] = 2
    of: Literal["frontier", "limit"] = "frontier"
    precision: Precision | None = Field(default=None, exclude_if=partial(operator.is_, None))
    confidence: Confidence | None = Field(default=None, exclude_if=partial(operator.is_, None))  # after sampler limit
    most_seeds: Annotated[int, Field(ge=1, le=1000)] = Field(default=20, exclude_if=partial(operator.eq, 20))

    @property
    def grows(self) -> bool:
        """Returns whether further seeds follow the first, as many as it takes."""
        return self.precision is not None or self.confidence is not None

    @property
    def most_candidates(self) -> int:
        """Returns how many students a search for the limit names at a time, at most."""
        return 2 * (self.around + 1)

    def with_seeds(self, seeds: int) -> "ConfirmSpec":
        """Returns the same with another number of seeds, and at most as many as before or as these."""
        return self.model_copy(update={"seeds": seeds, "most_seeds": max(seeds, self.most_seeds)})

    @model_validator(mode="after")
    def _can_grow(self) -> "ConfirmSpec":
        if self.grows and self.most_seeds < max(self.seeds, 2):
            raise ValueError(
                f"most_seeds is at least seeds, and 2 for an interval, got {self.most_seeds} and seeds {self.seeds}; "
                "raise most_seeds"
            )
        return self


class MeasureSpec(Config):
    """A MeasureSpec says in which forms a sweep's frontier and teacher are measured at its end, with how many threads.

    PyTorch is measured beside them. Forms that round weights have the FID and IS of their own images.
    """

    formats: Annotated[tuple[Format, ...], Field(min_length=1)] = ("onnx", "onnx-int8")
    threads: Annotated[int, Field(ge=1, le=1024)] = 1

    @field_validator("formats")
    @classmethod
    def _each_once(cls, formats: tuple[Format, ...]) -> tuple[Format, ...]:
        return tuple(dict.fromkeys(formats))


class BudgetSpec(Config):
    """A sweep spends at most this budget. When it is spent no further trial begins, and those under way end.

    `wall_hours` counts each run of the command anew, the others all trials of the sweep.
    """

    wall_hours: Annotated[float, Field(gt=0)] | None = None
    core_hours: Annotated[float, Field(gt=0)] | None = None
    gpu_hours: Annotated[float, Field(gt=0)] | None = None


class BaselineSpec(GanTrainingConfig):
    """The baseline trains students' architectures from scratch: `of` says which students', the rest is the recipe.

    `kimg` is the recipe's budget. With `of: confirmed` every confirmed student gets a twin; where the sweep confirms
    none, every student of the frontier does.
    """

    of: Literal["confirmed", "frontier", "all", "none"] = "confirmed"

    @property
    def training(self) -> GanTrainingConfig:
        """Returns the recipe alone, without `of`."""
        return GanTrainingConfig.model_validate({name: getattr(self, name) for name in GanTrainingConfig.model_fields})
