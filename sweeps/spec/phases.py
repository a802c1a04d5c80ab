"""This module has the phases of a sweep as configurations take them, and what a file says of each after the search."""

import operator
from functools import partial
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema, model_validator

from analysis import Phase
from gan import GanTrainingConfig
from gan.config import Config
from sweeps.spec.search import Precision

PHASES = tuple(Phase)  # in the order in which they run
_WORDS = WithJsonSchema({"enum": [str(phase) for phase in PHASES], "type": "string"})  # as an editor shows them
PhaseField = Annotated[Phase, Field(strict=False), _WORDS]  # not strict, so that a word is its member


class ConfirmSpec(Config):
    """A ConfirmSpec says which candidates of the search are tried again, with `seeds` seeds that it never used.

    Students are compared by their parameters and the limit's metric. The candidates are the `around` students on each
    side of the limit that are nearest to it, the two students of the frontier between which the limit lies and, with
    `of: frontier`, the whole frontier. After a search of the sampler `limit` they are at most 2 (`around` + 1) students
    that its model expects on the frontier around the limit, whether they were tried or not. With a `precision`, those
    that decide where the limit lies get further seeds, one after the other, until the ends of its interval are at most
    that factor apart, or they have `most_seeds`.
    """

    seeds: Annotated[int, Field(ge=1, le=1000)] = 5
    around: Annotated[int, Field(ge=1, le=100)] = 2
    of: Literal["frontier", "limit"] = "frontier"
    precision: Precision | None = Field(default=None, exclude_if=partial(operator.is_, None))
    most_seeds: Annotated[int, Field(ge=1, le=1000)] = Field(default=20, exclude_if=partial(operator.eq, 20))

    def with_seeds(self, seeds: int) -> "ConfirmSpec":
        """Returns the same with another number of seeds, and at most as many as before or as these."""
        return self.model_copy(update={"seeds": seeds, "most_seeds": max(seeds, self.most_seeds)})

    @model_validator(mode="after")
    def _can_grow(self) -> "ConfirmSpec":
        if self.precision is not None and self.most_seeds < max(self.seeds, 2):
            raise ValueError(
                f"most_seeds is at least seeds, and 2 for an interval, got {self.most_seeds} and seeds {self.seeds}; "
                "raise most_seeds"
            )
        return self


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
