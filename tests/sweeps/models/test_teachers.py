"""A GAN can collapse late: the best of a training is the teacher, and the last is kept beside it."""

from dataclasses import replace
from typing import Any

import pytest

from gan import load_generator
from sweeps.driver.runner import train_teacher
from sweeps.models.teachers import LAST


def test_the_teacher_is_the_best_of_its_training_and_the_last_is_kept(finished: Any) -> None:
    tracking = finished.tracking
    version = tracking.registry.champion("digits-teacher")
    run = tracking.client.get_run(version.run_id).data.metrics
    history = {metric.step: metric.value for metric in tracking.client.get_metric_history(version.run_id, "fid")}
    folder = tracking.registry.fetch(version)
    _, card = load_generator(folder)
    assert card.metrics["fid"] == run["best_fid"] == min(history.values())
    assert run["last_fid"] == history[max(history)]
    assert (folder / LAST).is_dir() == (card.kimg < 6)
    if (folder / LAST).is_dir():
        assert load_generator(folder / LAST)[1].metrics["fid"] == run["last_fid"]


def test_a_late_collapse_is_said(finished: Any) -> None:
    teacher = train_teacher(finished.spec, finished.data_dir)
    collapsed = replace(teacher, card=teacher.card.model_copy(update={"kimg": 3.0}), last_fid=137.0)
    assert collapsed.collapse_note == " (the best, at 3 of 6 kimg; at the end FID 137.0)"
    whole = replace(teacher, card=teacher.card.model_copy(update={"kimg": 6.016}))
    assert whole.collapse_note == ""


@pytest.mark.parametrize("column", ["kid", "kid_error", "precision", "recall", "best_fid", "latent_ssim"])
def test_finished_students_have_the_whole_measurement(finished: Any, column: str) -> None:
    rows = finished.result.table.to_pylist()
    assert all(row[column] is not None for row in rows if row["mode"] == "distilled")
    assert all(row["best_fid"] <= row["fid"] for row in rows)
    assert all(row["teacher_last_fid"] >= row["teacher_fid"] for row in rows)
