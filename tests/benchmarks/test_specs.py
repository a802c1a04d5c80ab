"""Benchmarks that build their sweeps from a preset can, with every preset that they name."""

from typing import Any

import pytest

import sweeps
from sweeps.planning.students import space_students
from tests.benchmarks import bits, ratio, schemes, teachers, trial


@pytest.mark.parametrize("preset", ["digits-seeds", "shapes", "faces"])
def test_a_trial_of_an_mse_student(preset: str) -> None:
    spec = trial.spec_of(preset, 8, 10.0, 2)
    assert spec.search.space.model_dump()["block"]["values"] == (spec.trained_teacher.block,)


@pytest.mark.parametrize("recipe", list(teachers.RECIPES))
def test_a_teacher_of_each_recipe(recipe: str) -> None:
    assert teachers.spec_of("shapes", teachers.RECIPES[recipe], kimg=8.0, seed=1).trained_teacher.training.kimg == 8


@pytest.mark.parametrize("preset", ["digits", "digits-seeds", "shapes"])
def test_students_of_each_scheme_may_begin_as_part_of_their_teacher(preset: str) -> None:
    base = sweeps.load_spec(preset)
    for changes in schemes.SCHEMES.values():
        student = {f"student.{key}": value for key, value in (schemes.MSE | dict(changes)).items()}
        assert schemes.student_of(sweeps.load_spec(preset, student), 8, {}).block == base.trained_teacher.block


@pytest.mark.parametrize("preset", ["digits", "shapes"])
def test_floats_of_ten_thousand_parameters_and_more(preset: str) -> None:
    spec = bits.floats_of(preset, [8, 12])
    students = space_students(spec).values()
    assert len(students) == 2
    assert min(student.size for student in students) > 10_000
    assert spec.student.bits == 32


def limit(**changes: Any) -> ratio.Limit:
    plain: dict[str, Any] = {
        "ratio": 60.0, "interval": (40.0, 80.0), "parameters": 1000, "threshold": 9.0, "confirmed": True,
        "smallest": 1000, "below": None, "sentence": "", "trials": 3, "trial_hours": 0.1,
    }  # fmt: skip
    return ratio.Limit(**{**plain, **changes})


def test_one_limit_over_another_from_both_bad_ends_to_both_good_ones() -> None:
    assert ratio.quotient(limit(), limit(ratio=20.0, interval=(10.0, 25.0))) == (3.0, (1.6, 8.0))


def test_a_scheme_that_never_holds_gives_the_other_a_lower_bound() -> None:
    none = limit(ratio=None, interval=None, below=5.0)
    assert ratio.quotient(limit(), none) == (12.0, (8.0, None))
