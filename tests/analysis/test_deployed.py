"""Trials and measurements are joined by identity, by size where no weight is rounded, and never by anything else."""

from typing import Any

import pytest

from analysis import (
    DEPLOYED_SCHEMA,
    AnalysisError,
    Mode,
    Phase,
    TrialState,
    compare,
    deployed_trials,
    example_measurements,
    example_trials,
)

FLOAT, INT8 = {"form": "onnx"}, {"form": "onnx-int8", "file_bytes": 11_000, "fid": 10.5, "inception_score": 7.5}


def test_a_form_has_its_trials_row_with_its_own_costs_and_quality() -> None:
    trial = example_trials({"trial_key": "k", "kid": 0.1, "latency_ms": 0.7})
    measured = example_measurements(FLOAT, {**FLOAT, "batch": 64, "images_per_s": 9e4}, INT8)
    plain, rounded = deployed_trials(trial, measured).to_pylist()
    assert plain["trial"] == rounded["trial"] == 1
    assert (plain["variant"], plain["fid"], plain["kid"], plain["own_quality"]) == ("onnx", 10.0, 0.1, False)
    assert (plain["latency_ms"], plain["latency_ms_p5"], plain["latency_ms_p95"]) == (0.05, 0.04, 0.07)
    assert (plain["file_bytes"], plain["images_per_s"]) == (42_000, 9e4)
    assert (rounded["variant"], rounded["fid"], rounded["inception_score"]) == ("onnx-int8", 10.5, 7.5)
    assert rounded["own_quality"]
    assert rounded["kid"] is None, "of the float's images, and not of these"
    assert (plain["machine"], plain["measurement"]) == ("an example's CPU, 1 thread", "m" * 64)


def test_a_rounded_form_without_quality_of_its_own_has_its_trials() -> None:
    (row,) = deployed_trials(example_trials({}), example_measurements({**INT8, "fid": None})).to_pylist()
    assert (row["fid"], row["own_quality"]) == (10.0, False)


def test_a_form_that_rounds_nothing_stands_for_every_trial_of_its_size() -> None:
    trials = example_trials(
        {"trial_key": "k"},
        {"trial_key": "l", "phase": Phase.CONFIRM, "seed": 7, "fid": 12.0},
        {"trial_key": "n", "phase": Phase.CONFIRM, "seed": 8, "fid": None, "state": TrialState.DIVERGED},
        {"trial_key": "o", "width": 8, "parameters": 30_000},
        {"trial_key": "p", "teacher_digest": "another"},
        {"trial_key": "q", "mode": Mode.SCRATCH},
    )
    found = deployed_trials(trials, example_measurements(FLOAT, INT8)).to_pylist()
    of = {form: [row["trial"] for row in found if row["variant"] == form] for form in ("onnx", "onnx-int8")}
    assert of == {"onnx": [1, 2, 3, 6], "onnx-int8": [1]}
    assert [row["fid"] for row in found] == [10.0, 12.0, None, 10.0, 10.5]


def test_a_quality_of_its_own_is_of_one_trial() -> None:
    trials = example_trials({"trial_key": "k"}, {"trial_key": "l", "seed": 7, "fid": 12.0})
    found = deployed_trials(trials, example_measurements({**FLOAT, "fid": 9.9})).to_pylist()
    assert [(row["fid"], row["own_quality"]) for row in found] == [(9.9, True), (12.0, False)]


def test_a_trial_that_was_measured_has_its_own_times_and_not_its_sizes() -> None:
    trials = example_trials({"trial_key": "k"}, {"trial_key": "l", "seed": 7})
    measured = example_measurements(FLOAT, {**FLOAT, "trial_key": "l", "median_ms": 0.06, "high_ms": 0.08})
    assert deployed_trials(trials, measured)["latency_ms"].to_pylist() == [0.05, 0.06]


def test_the_later_of_two_measurements_counts() -> None:
    measured = example_measurements(FLOAT, {**FLOAT, "median_ms": 0.045})
    assert deployed_trials(example_trials({}), measured)["latency_ms"].to_pylist() == [0.045]


def test_the_teacher_stands_beside_a_student_in_its_own_form() -> None:
    teacher = {"trial": None, "trial_key": None, "weights_digest": "t" * 64, "median_ms": 0.5, "file_bytes": 400_000}
    found = deployed_trials(example_trials({}), example_measurements(FLOAT, INT8, {**FLOAT, **teacher})).to_pylist()
    assert [(row["teacher_latency_ms"], row["teacher_file_bytes"]) for row in found] == [(0.5, 400_000), (None, None)]


@pytest.mark.parametrize("changes", [{"trial_key": "of another sweep"}, {"batch": 64}, {"trial_key": None}])
def test_measurements_of_no_trial_of_the_table_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AnalysisError, match=r"got none of mine\. Measure them: ganlimit deploy mine --all --measure"):
        deployed_trials(example_trials({"sweep": "mine"}), example_measurements(changes))


def test_every_column_of_the_join_says_what_it_is() -> None:
    assert all(field.metadata[b"description"] for field in DEPLOYED_SCHEMA)
    assert deployed_trials(example_trials({}), example_measurements({})).schema.equals(DEPLOYED_SCHEMA)


def test_two_sweeps_are_compared_in_what_a_device_pays() -> None:
    a = example_trials({"sweep": "a", "trial_key": "k", "fid": 20.0})
    b = example_trials({"sweep": "b", "trial_key": "l", "parameters": 20_000, "width": 8, "fid": 10.0})
    measured = example_measurements(
        FLOAT, {**FLOAT, "trial_key": "l", "median_ms": 0.1, "high_ms": 0.2}, {**INT8, "trial_key": "l", "fid": 11.0}
    )
    by_time = compare(a, b, objectives=("latency_ms", "fid"), measurements=measured)
    assert [(each.better, each.low) for each in by_time.segments] == [("b", 0.05)], "int8 is of b, as fast and better"
    by_bytes = compare(a, b, objectives=("file_bytes", "fid"), measurements=measured)
    assert [(each.better, each.low, each.alone) for each in by_bytes.segments] == [
        ("b", 11_000.0, True), ("b", 42_000.0, False),
    ]  # fmt: skip
    assert "from 11,000 to 42,000 bytes only b has students; from 42,000 bytes on b has the lower FID" in str(
        by_bytes.sentence()
    )
    assert by_time.share == compare(a, b).share, "of parameters and FID, whatever is compared"
    with pytest.raises(AnalysisError, match="none called file_bytes"):
        compare(a, b, objectives=("file_bytes", "fid"))
