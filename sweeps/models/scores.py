"""This module says in words what models score, and refuses a sweep that judges by a score that cannot be had."""

import json
from collections.abc import Mapping

from analysis import absence_notes
from gan import ImageDataset, Scores
from gan.measuring.metrics import KID_SUBSETS
from sweeps.errors import SweepError
from sweeps.spec.sweep import SweepSpec


def scores_in_words(scores: Scores) -> str:
    """Returns `FID 4.1, IS 8.90`, without those that cannot be had; the sharpness where there is neither."""
    found = {"FID": (scores.fid, ".1f"), "IS": (scores.inception_score, ".2f")}
    words = [f"{label} {value:{form}}" for label, (value, form) in found.items() if value is not None]
    return ", ".join(words) or f"sharpness {scores.sharpness:,.0f}"


def absences(teacher: Scores, real: Scores) -> dict[str, str]:
    """Returns why scores cannot be had in a sweep; of the real images only what the teacher's do not say."""
    of_real = {f"real_{name}": reason for name, reason in real.absent.items() if name not in teacher.absent}
    return {**teacher.absent, **of_real}


def absences_text(absent: dict[str, str]) -> str | None:
    """Returns them as the column `absent` of the trial table holds them."""
    return json.dumps(absent, sort_keys=True) if absent else None


def absent_of_few(dataset: ImageDataset) -> dict[str, str]:
    """Returns which scores no generator can have for the few images of a data set, known before there is one."""
    found = len(dataset.train_images)
    few = f"KID needs at least {KID_SUBSETS} images to compare with, and {dataset.name} has {found} for training"
    return {"kid": few} if found < KID_SUBSETS else {}


def require_judged(spec: SweepSpec, absent: Mapping[str, str]) -> None:
    """Raises SweepError where the search or the limit judges by a score that generators cannot have."""
    for key, name in (("search.objectives", spec.search.objectives[1]), ("limit.metric", spec.limit.metric)):
        if name in absent:
            raise SweepError(
                f"{key} names a score that can be had",
                f"{name}: {absent[name]}",
                f"Set {key} to fid, or choose images, an extractor or evaluation.num_samples that give it.",
            )


def notes(absent: dict[str, str]) -> str:
    """Returns one line for people of what cannot be had, and why; nothing where all can."""
    return " ".join(absence_notes(absent))
