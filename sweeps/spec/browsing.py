"""This module states how a sweep's runs are shown in MLflow. No row depends on it."""

import operator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gan.config import Config

# Images: what a student made at each rung, over steps, and what it made last. MLflow 3.17 opens a chart of images at
# the step of the run that it has read first, if that has but one: the last ones are at the same step in all runs.
RUNG_IMAGES, LAST_IMAGES, LAST_STEP = "samples", "last samples", 0

_PART = "[A-Za-z0-9][A-Za-z0-9._-]{0,62}"


def _of_sweeps(name: str) -> str:
    if name == "ganlimit-models":
        raise ValueError("mlflow.experiment is one that sweeps are in, got the models'; choose another name")
    return name


class MlflowSpec(Config):
    """This is what people find in MLflow's pages beyond what is always there.

    experiment: where the runs of a new sweep are; else there is one for each data set.
    samples: at which budgets a student's images are kept: at all `rungs`, as steps, at the `end` alone, or `none`. Else
        at all where artifacts are on this machine, and at the end where a tracking server takes each as a request.
    system_metrics: whether each measurement of a trial has beside it what its machine does: cores, memory, GPUs.
    """

    experiment: Annotated[str, Field(pattern=rf"^{_PART}(/{_PART})?$"), AfterValidator(_of_sweeps)] | None = None
    samples: Literal["rungs", "end", "none"] | None = None
    system_metrics: bool = Field(default=False, exclude_if=operator.not_)

    def samples_at(self, *, files_are_free: bool) -> str:
        """Returns at which budgets images are kept: at all `rungs`, at the `end`, or at `none`."""
        return self.samples or ("rungs" if files_are_free else "end")
