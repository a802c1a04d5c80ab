"""This module states how a sweep's generators are measured, and against which real images."""

import operator
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from gan.config import Config, PathText
from gan.measuring.metrics import KID_SUBSETS
from sweeps.spec.search import Seed

NEED_SAMPLES = ("kid", "precision", "recall")  # of real images, which published statistics come without


class ReferenceSpec(Config):
    """A ReferenceSpec names published statistics of real images, mu and sigma, and says whose they are and of what."""

    file: PathText
    by: Annotated[str, Field(pattern=r"^\S[^\n]{0,199}$")]


class EvaluationSpec(Config):
    """An EvaluationSpec says how generators are measured, and at which budgets before the full one a trial reports.

    FIDs are against the data set's own training images, or against a published `reference`. An extractor that fails its
    `examination` is refused, or what is measured with it is marked.
    """

    num_samples: Annotated[int, Field(ge=16, le=1_000_000)] = 2048
    latent_seed: Seed = 0
    inception_splits: Annotated[int, Field(ge=1, le=100)] = 10
    fid_infinity: bool = False
    fid_per_class: bool = Field(default=False, exclude_if=operator.not_)
    rungs_kimg: tuple[Annotated[float, Field(gt=0)], ...] = ()
    examination: Literal["require", "mark"] = Field(default="require", exclude_if=lambda value: value == "require")
    reference: ReferenceSpec | None = Field(default=None, exclude_if=lambda value: value is None)


def require_samples(evaluation: EvaluationSpec, judged: Mapping[str, str], *, has_classes: bool) -> None:
    """Raises ValueError where what is measured needs samples of real images, or classes, and there are none.

    `judged` has the metrics by the keys that name them.
    """
    for key, metric in judged.items():
        if evaluation.reference and metric in NEED_SAMPLES:
            raise ValueError(
                f"evaluation.reference holds no samples of real images, which {metric} needs, got {key} {metric}; "
                "judge by fid, or leave the reference out"
            )
        if metric == "kid" and evaluation.num_samples < KID_SUBSETS:
            raise ValueError(
                f"evaluation.num_samples is at least {KID_SUBSETS} where {key} is kid, "
                f"got {evaluation.num_samples}; raise it, or judge by fid"
            )
    if evaluation.fid_per_class and not has_classes:
        raise ValueError(
            "evaluation.fid_per_class is of a conditional teacher, got one without labels; leave it out, or give "
            "teacher.labels of a generator of your own"
        )
