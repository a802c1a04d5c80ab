"""This module says which scores a sweep cannot have or trust, and why: a dash or a note where they are shown."""

import json
from collections.abc import Mapping
from typing import Any

DASH = "\N{EN DASH}"
_LABELS = {
    "fid": "FID",
    "inception_score": "IS",
    "kid": "KID",
    "precision": "precision",
    "recall": "recall",
    "fid_infinity": "FID at infinity",
    "fid_per_class": "FID of every class",
}
_OF_REAL = "real_"


def absences_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Returns why scores cannot be had, by name, of a row of the trial table; nothing where the row does not say.

    >>> from analysis import absences_of
    >>> absences_of({"absent": '{"kid": "too few samples"}'})
    {'kid': 'too few samples'}
    """
    return dict(json.loads(row["absent"])) if row.get("absent") else {}


def absence_notes(absent: Mapping[str, str]) -> list[str]:
    """Returns a note for people of each reason, with the scores that it is the reason for.

    >>> from analysis import absence_notes
    >>> absence_notes({"precision": "60 samples", "recall": "60 samples", "real_fid": "100 images"})
    ['No precision, recall: 60 samples.', 'No FID of real images: 100 images.']
    """
    names: dict[str, list[str]] = {}
    for name, reason in absent.items():
        label = _LABELS.get(name.removeprefix(_OF_REAL))
        if label:  # an error or a deviation goes with its score
            names.setdefault(reason, []).append(label + " of real images" * name.startswith(_OF_REAL))
    return [f"No {', '.join(labels)}: {reason}." for reason, labels in names.items()]


def fault_notes(row: Mapping[str, Any]) -> list[str]:
    """Returns a note for people where a sweep's extractor failed its examination; nothing where it passed.

    >>> from analysis import fault_notes
    >>> fault_notes({"extractor_faults": "blur: 4 at level 0, 4 at 0.1"})
    ['The extractor FAILED its examination (blur: 4 at level 0, 4 at 0.1): do not trust these scores.']
    """
    faults = row.get("extractor_faults")
    return [f"The extractor FAILED its examination ({faults}): do not trust these scores."] if faults else []


def fault_mark(faults: str | None) -> list[str]:
    """Returns the words by which a figure and a table tell that the extractor failed; none where it passed.

    >>> from analysis import fault_mark
    >>> fault_mark("blur: 4 at level 0, 4 at 0.1")
    ['EXTRACTOR FAILED ITS EXAMINATION: blur']
    """
    names = ", ".join(fault.partition(":")[0] for fault in (faults or "").split("; ") if fault)
    return [f"EXTRACTOR FAILED ITS EXAMINATION: {names}"] if names else []


def text_of(value: float | None, form: str) -> str:
    """Returns a score for people, and a dash where there is none.

    >>> from analysis import text_of
    >>> text_of(8.904, ".2f")
    '8.90'
    """
    return DASH if value is None else format(value, form)
