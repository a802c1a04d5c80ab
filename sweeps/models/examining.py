"""This module examines an extractor before anything is measured with it, and keeps what came out.

An examination is made once for every extractor and data set, and kept beside the real images' reference.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from gan import EXAMINATION_VERSION, ArtifactError, Examination, FeatureExtractor, ImageDataset, RealReference, examine
from sweeps.errors import SweepError
from sweeps.models.workshop import Workshop
from sweeps.spec.sweep import SweepSpec


def find_or_make_examination(
    network: FeatureExtractor, dataset: ImageDataset, *, digest: str, reference: Path, workshop: Workshop
) -> Examination:
    """Returns the examination of the extractor with this digest, against the real images in the file `reference`.

    One that was kept is made again where it is of another version, data set or extractor, or not whole.
    Raises ArtifactError where it is damaged, and GanError where the data set has too few images.
    """
    path = reference.with_suffix(".examination.json")
    kept = _kept(path, {"dataset_digest": dataset.digest, "extractor_digest": digest, "version": EXAMINATION_VERSION})
    if kept:
        return kept
    real = RealReference.load(reference).statistics
    with workshop.display.step("examination", 7) as update:
        for progress in examine(network, dataset, real=real, extractor_digest=digest):
            update(progress.done, f"{len(progress.examination.faults)} faults")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(progress.examination.model_dump_json())
    unfinished.replace(path)
    return progress.examination


def _kept(path: Path, expected: Mapping[str, object]) -> Examination | None:
    """Returns the examination in the file; None where there is none, or one of something else."""
    try:
        text = path.read_text()
        values = json.loads(text)
        if {name: values.get(name) for name in expected} != expected:
            return None
        found = Examination.model_validate_json(text)
    except FileNotFoundError:
        return None
    except (ValueError, AttributeError) as error:
        remedy = "Delete it and run the same command again."
        raise ArtifactError("An extractor's examination is a file that ganlimit wrote", path, remedy) from error
    return found if found.is_whole else None


def require_straight(examination: Examination, spec: SweepSpec) -> None:
    """Raises SweepError where the extractor failed, unless the spec goes on and marks what is measured with it."""
    if examination.passed or spec.evaluation.examination == "mark":
        return
    raise SweepError(
        "An extractor's distance rises with every disturbance of real images, and is far lower without",
        f"{spec.extractor.kind}, which failed {len(examination.faults)} of {len(examination.disturbances)}: "
        + "; ".join(examination.faults),
        "Train the extractor for longer, choose another (selfsupervised, inception), or go on with the mark "
        "evaluation.examination: mark. `ganlimit extractor check` shows all of it.",
    )


def faults_text(examination: Examination) -> str | None:
    """Returns the faults as the column `extractor_faults` of the trial table holds them; None where there are none."""
    return "; ".join(examination.faults) or None
