"""Where the limit of a sweep's whole space lies, read from recorded tables whichever sampler made them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import sweeps
from analysis import LimitRule, read_table
from sweeps.planning.students import space_students, student_of_row
from sweeps.results.space_limit import FEWEST_TRAININGS, space_limit

RECORDS = Path(__file__).parents[3] / "docs" / "records"


@pytest.fixture(scope="module")
def paper() -> tuple[sweeps.SweepSpec, pa.Table]:
    return sweeps.load_spec("digits-paper"), read_table(RECORDS / "digits-paper" / "trials.parquet")


def test_a_grid_is_read_by_the_model(paper: Any) -> None:
    spec, table = paper
    found = space_limit(spec, table)
    assert found is not None
    assert found.students == 8
    # By the medians of three seeds the students of width 8 hold the rule and those of width 4 do not.
    assert found.size == 18_608
    assert found.nearness > 0.95
    assert found.trainings == len(table.filter(pc.equal(table["mode"], "distilled")))


def test_the_search_of_the_demo_has_said_nothing_of_most_of_its_space() -> None:
    spec, table = sweeps.load_spec("digits"), read_table(RECORDS / "digits-demo" / "trials.parquet")
    found = space_limit(spec, table)
    assert found is not None
    low, high = found.interval
    assert low is not None
    assert high is not None
    assert (found.students, found.trainings) == (540, 12)
    assert low < 1_763 < high, "which is where the report's own curve crosses the rule"
    assert high / low > 1.5, "twelve trainings leave much open"


def test_every_row_is_a_student_of_the_space(paper: Any) -> None:
    spec, table = paper
    rows = table.filter(pc.equal(table["mode"], "distilled")).to_pylist()
    assert {student_of_row(spec, row) for row in rows} == set(space_students(spec).values())
    young, whole = student_of_row(spec, {**rows[0], "state": "PRUNED", "kimg": 40.0}), student_of_row(spec, rows[0])
    assert young is not None
    assert whole is not None
    assert young == replace(whole, kimg=40.0)
    assert student_of_row(spec, {**rows[0], "state": "DIVERGED", "kimg": 3.0}) == whole, "it fails at its whole budget"
    assert student_of_row(spec, {**rows[0], "width": 7}) is None, "a width that is not searched"


def test_where_there_is_nothing_to_say(paper: Any) -> None:
    spec, table = paper
    assert space_limit(spec, table.slice(0, FEWEST_TRAININGS - 1)) is None
    kid = spec.model_copy(update={"limit": LimitRule(metric="kid", threshold=0.01)})
    assert space_limit(kid, table) is None, "KID may be negative"
