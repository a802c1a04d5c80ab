"""This module measures a conditional generator class by class: its images of a class against the real ones of it.

Shapes: N samples, F features.
"""

import numpy as np
import numpy.typing as npt

from gan.errors import AbsentScoreError
from gan.measuring.metrics import FeatureStatistics, fid
from gan.measuring.reference import RealReference


def class_fids(
    real: RealReference, features_NF: npt.NDArray[np.float32], *, labels_N: npt.NDArray[np.int64], num_classes: int
) -> tuple[dict[str, float], str]:
    """Returns the FID of each class by label, and why some are missing; an empty text where none is.

    A class needs 2F images, generated and real.
    """
    found: dict[str, float] = {}
    missing: dict[str, list[str]] = {}
    for label in range(num_classes):
        try:
            made = FeatureStatistics.of(features_NF[labels_N == label])
            found[str(label)] = fid(real.of_class(label), made)
        except AbsentScoreError as error:
            missing.setdefault(error.reason, []).append(str(label))
    return found, "; ".join(f"{reason} (class {', '.join(labels)})" for reason, labels in missing.items())
