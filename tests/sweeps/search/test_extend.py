"""A search for the limit that goes on beyond its space, with the trials of a sweep told and none of them trained."""

from pathlib import Path
from typing import Any

import pytest

import sweeps
from gan import weight_bytes
from sweeps.driver.open_sweep import OpenSweep
from sweeps.driver.phases import PhaseLayout
from sweeps.results.importance import importances
from sweeps.results.space_limit import searched_spec, space_limit
from sweeps.search.queues import JobQueue, NoJob
from sweeps.trial.log import costs_of
from sweeps.trial.request import Job
from tests.sweeps.told_sweep import opened_beside, trained


@pytest.fixture
def begin(finished: Any, tiny: dict[str, Any], spec_file: Any, tmp_path: Path) -> Any:
    """Opens a sweep for the limit among widths 4 and 5 on the finished one's teacher, of width 8."""

    def open_it(name: str, **search: Any) -> OpenSweep:
        tiny.update(name=name, phases=["search"])
        tiny["student"]["kimg"] = 5  # unlike what is there already
        tiny["search"] = {
            "sampler": "limit",
            "trials": 40,
            "space": {"width": {"type": "int", "low": 4, "high": 5}, "depth": 1, "gan_weight": 0.0},
            **search,
        }
        return opened_beside(finished, sweeps.load_spec(spec_file(tiny)), tmp_path / "data")

    return open_it


def goes_on(sweep: OpenSweep, queue: JobQueue, *, holds_from: int, most: int = 99) -> list[int]:
    """Returns the widths that a search asks for, whose students hold the rule from one width on."""
    widths: list[int] = []
    while len(widths) < most and isinstance(job := queue.next(), Job):
        width = job.request.architecture.width
        widths.append(width)
        fid = 1.5 * (holds_from / width) ** 3  # twice the teacher's holds
        queue.ended(job, trained(sweep, job, fid=fid))
    return widths


def test_where_every_size_holds_it_goes_on_among_smaller_ones_and_a_resume_as_well(begin: Any) -> None:
    sweep = begin("downwards", extend=True)
    queue = PhaseLayout(sweep).queue("search")
    widths = goes_on(sweep, queue, holds_from=2, most=12)
    assert set(widths[:8]) == {4, 5}, "the space of the spec comes first"
    assert min(widths) < 4
    resumed = PhaseLayout(sweep)
    sweep.read_again()
    widths += goes_on(sweep, resumed.queue("search"), holds_from=2)
    assert min(widths) == 1, "2 holds, so that 1 has to be tried"
    assert len(widths) < 40, "it ends by itself"
    table = sweep.read_again().table
    assert table.num_rows == len(widths)
    space = searched_spec(sweep.spec, table).search.space.width
    assert (space.low, space.high) == (1, 5), "the report has the space that was searched"
    found = space_limit(sweep.spec, table)
    assert found is not None
    assert found.size == costs_of(sweep.spec.student_architecture(2, 1))["parameters"]
    assert found.students == 5
    assert importances(searched_spec(sweep.spec, table), table).keys() == {"width", "seed"}


def test_where_no_size_holds_it_goes_on_among_larger_ones(begin: Any) -> None:
    sweep = begin("upwards", extend=True)
    queue = PhaseLayout(sweep).queue("search")
    widths = goes_on(sweep, queue, holds_from=7)
    assert set(widths[:8]) == {4, 5}
    assert max(widths) > 5
    found = space_limit(sweep.spec, sweep.read_again().table)
    assert found is not None
    assert found.size == costs_of(sweep.spec.student_architecture(7, 1))["parameters"]
    assert queue.next() is NoJob.LEFT
    assert queue.remark
    assert "beyond all sizes" in queue.remark
    assert "; then search: the limit of the space lies within one step of" in queue.remark


def test_a_search_whose_trials_are_spent_goes_nowhere(begin: Any) -> None:
    sweep = begin("spent", extend=True, trials=9, confidence=1.0)
    queue = PhaseLayout(sweep).queue("search")
    assert set(goes_on(sweep, queue, holds_from=2)) == {4, 5}
    assert sweep.read_again().table.num_rows == 9
    assert "; then" not in (queue.remark or "")


def test_without_it_the_search_stays_where_it_is(begin: Any) -> None:
    sweep = begin("within")
    assert min(goes_on(sweep, PhaseLayout(sweep).queue("search"), holds_from=2)) == 4


def test_in_bytes_it_goes_on_among_smaller_widths_as_well(begin: Any) -> None:
    bits = {"bits": {"type": "choice", "values": [32, 4]}}
    space = {"width": {"type": "int", "low": 4, "high": 5}, "depth": 1, "gan_weight": 0.0, "student": bits}
    sweep = begin("fewer-bytes", extend=True, objectives=["weight_bytes", "fid"], space=space)
    widths = goes_on(sweep, PhaseLayout(sweep).queue("search"), holds_from=3)
    assert min(widths) < 4
    assert len(widths) < 40, "it ends by itself"
    found = space_limit(sweep.spec, sweep.read_again().table)
    assert found is not None
    assert found.cost.name == "weight_bytes"
    assert found.size == weight_bytes(sweep.spec.student_architecture(3, 1), 4)
