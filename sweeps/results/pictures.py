"""This module shows what generators of a sweep make: the teacher and ever smaller students, all at the same latents."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from analysis import Findings, Strip
from gan import AnyGenerator, evaluation_latents, generate, load_any_generator
from gan.seeds import generator_at
from sweeps.errors import SweepError
from sweeps.ledger.tracking import Tracking
from sweeps.spec.sweep import SweepSpec

COLUMNS = 12  # images in a strip
MOST_STUDENTS = 24  # shown of a long frontier


def sample_strips(tracking: Tracking, spec: SweepSpec, *, findings: Findings) -> tuple[Strip, ...]:
    """Returns strips of the teacher and the frontier's students, largest first, at the evaluation's first latents.

    The classes of conditional ones are drawn equally often.
    """
    inputs_NI = evaluation_latents(spec.evaluation.num_samples, spec.teacher.space, seed=spec.evaluation.latent_seed)
    students = _along(list(reversed(findings.frontier.to_pylist())), MOST_STUDENTS)
    return _strips(tracking, findings, students=students, inputs_NI=inputs_NI[:COLUMNS])


def interpolation_strips(tracking: Tracking, spec: SweepSpec, *, findings: Findings) -> tuple[Strip, ...]:
    """Returns strips of the teacher, the student just above the limit and the smallest one, between two latents.

    The images of a strip lie evenly along the line between the two, and are of one class.
    """
    space, seed = spec.teacher.space, spec.evaluation.latent_seed
    ends_2L = space.latents(2, generator_at(seed, "interpolation"))
    line_NI = space.between(ends_2L[:1], ends_2L[1:], share_S=torch.linspace(0, 1, COLUMNS))[0]
    if space.num_classes:
        class_1K = space.classes(1, generator_at(seed, "interpolation", "labels"))
        line_NI = torch.cat([line_NI, class_1K.expand(COLUMNS, -1)], dim=1)
    rows = findings.frontier.to_pylist()
    holding = [row for row in rows if row["parameters"] >= (findings.limit.parameters or np.inf)]
    chosen = {row["trial"]: row for row in (*holding[:1], *rows[:1])}
    return _strips(
        tracking, findings, students=sorted(chosen.values(), key=lambda row: -row["parameters"]), inputs_NI=line_NI
    )


def _strips(
    tracking: Tracking, findings: Findings, *, students: Iterable[Mapping[str, Any]], inputs_NI: Tensor
) -> tuple[Strip, ...]:
    first, metric = findings.first, findings.metric
    if not first:
        return ()
    teacher, _ = load_any_generator(teacher_folder(tracking, first))
    quality = first.get(f"teacher_{metric.name}")
    about = f"{metric.label} {metric.text(quality)}" if quality else ""
    images_NCHW, parameters = _images(teacher, inputs_NI), first["teacher_parameters"]
    strips = [Strip("teacher", about, images_NCHW=images_NCHW, parameters=parameters)]
    for row in students:
        folder = tracking.registry.model_folder(row["run_id"])
        if folder is None:
            continue  # its weights were removed from the store
        generator, _ = load_any_generator(folder)
        about = f"trial {row['trial']}, {metric.label} {metric.text(row[metric.name])}"
        label, images_NCHW = f"1/{row['compression_ratio']:.1f}", _images(generator, inputs_NI)
        size, trial = row["parameters"], row["trial"]
        strips.append(Strip(label, about, images_NCHW=images_NCHW, parameters=size, trial=trial))
    return tuple(strips)


def _images(generator: AnyGenerator, inputs_NI: Tensor) -> np.ndarray:
    images_NCHW: np.ndarray = generate(generator, inputs_NI).numpy()
    return images_NCHW


def teacher_folder(tracking: Tracking, row: Mapping[str, Any]) -> Path:
    """Returns the folder of the teacher of a trial's row, whatever name or number a person gave it since.

    Raises SweepError where the registry has lost it.
    """
    model, _, number = row["teacher_version"].partition("/")
    version, weights_digest = tracking.registry.version(model, number), row["teacher_digest"]
    if version is None or version.tags.get("weights_digest") != weights_digest:
        version = tracking.registry.find_weights(model, weights_digest)
    if version is None:
        raise SweepError(
            "A sweep's teacher is in the registry",
            f"none such as {row['teacher_version']} was",
            "Resume the sweep, which registers it again from what its training kept.",
        )
    return tracking.registry.fetch(version)


def _along(rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Returns at most `most` of the rows, evenly spaced among them, with the first and the last."""
    if len(rows) <= most:
        return rows
    return [rows[round(place)] for place in np.linspace(0, len(rows) - 1, most)]
