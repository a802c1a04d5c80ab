"""Which sweep `ganlimit sweep confirm` runs, whatever the one that it names is like."""

from typing import Any

import pytest

import analysis
import sweeps
from sweeps.driver.confirming import confirmation_of, is_complete
from sweeps.driver.phases import scratch_twins
from sweeps.ledger.tags import GROUP, spec_tags
from sweeps.ledger.tracking import Tracking
from sweeps.spec.template import write_template


@pytest.fixture
def load(tiny: dict[str, Any], spec_file: Any) -> Any:
    """The tiny sweep with changes to its keys and to those of its search."""

    def make(search: dict[str, Any] | None = None, **changes: Any) -> sweeps.SweepSpec:
        return sweeps.load_spec(spec_file({**tiny, **changes, "search": {**tiny["search"], **(search or {})}}))

    return make


@pytest.fixture
def begun(store_tracking: Tracking) -> Any:
    """Makes a sweep known to the store."""

    def make(spec: sweeps.SweepSpec) -> sweeps.SweepSpec:
        tags = spec_tags(spec.model_dump_json()) | ({GROUP: spec.group} if spec.group else {})
        store_tracking.open_sweep(spec.name, tags)
        return spec

    return make


class TestNameConfirmed:
    def test_an_adaptive_search_is_over_and_the_phase_comes_before_the_baselines(self, load: Any) -> None:
        spec = load().confirmed(3)
        assert (spec.name, spec.phases, spec.search.trials) == ("tiny-confirmed", ("search", "confirm", "baseline"), 0)
        assert len(spec.confirm_seeds) == 3
        assert not set(spec.confirm_seeds) & set(spec.student_seeds)

    @pytest.mark.parametrize("search", [{"sampler": "grid"}, {"reproducible": True}])
    def test_a_search_that_says_what_it_asks_is_the_same(self, load: Any, search: dict[str, Any]) -> None:
        spec = load(search)
        assert spec.confirmed(2).search == spec.search, "its trials are taken from the sweep by their identity"

    def test_which_students_is_as_the_sweep_says(self, load: Any) -> None:
        spec = load(confirm={"seeds": 7, "of": "limit", "around": 4}).confirmed(2)
        assert (spec.confirm.seeds, spec.confirm.of, spec.confirm.around) == (2, "limit", 4)

    def test_each_sweep_of_a_file_has_its_own_and_they_are_a_group_again(
        self, tiny: dict[str, Any], spec_file: Any
    ) -> None:
        del tiny["dataset"]
        members = sweeps.load_specs(spec_file({**tiny, "datasets": ["digits", "shapes"]}))
        found = [member.confirmed(2) for member in members]
        assert [(spec.name, spec.group, spec.dataset.name) for spec in found] == [
            ("tiny-digits-confirmed", "tiny-confirmed", "digits"),
            ("tiny-shapes-confirmed", "tiny-confirmed", "shapes"),
        ]

    def test_a_sweep_that_confirms_itself_has_none(self, load: Any) -> None:
        with pytest.raises(sweeps.SweepError, match="ganlimit sweep confirm tiny-confirmed"):
            load().confirmed(2).confirmed(2)

    def test_a_name_may_be_too_long(self, load: Any) -> None:
        with pytest.raises(sweeps.SweepError, match="shorter name"):
            load(name="a" * 60).confirmed(2)


class TestWhichSweep:
    def test_one_that_confirms_itself_goes_on(self, load: Any, begun: Any, store_tracking: Tracking) -> None:
        spec = begun(load(name="itself", phases=["search", "confirm"], confirm={"seeds": 4}))
        assert confirmation_of(store_tracking, "itself") == spec
        assert confirmation_of(store_tracking, "itself", seeds=2) == spec, "what it has is not taken back"
        more = confirmation_of(store_tracking, "itself", seeds=6)
        assert more.confirm.seeds == 6
        assert more.confirm_seeds[:4] == spec.confirm_seeds

    def test_any_other_has_a_sweep_for_it_which_goes_on(self, load: Any, begun: Any, store_tracking: Tracking) -> None:
        spec = begun(load(name="plain", confirm={"seeds": 3}))
        first = confirmation_of(store_tracking, "plain")
        assert first == spec.confirmed(3)
        begun(first)
        assert confirmation_of(store_tracking, "plain") == first
        assert confirmation_of(store_tracking, "plain-confirmed") == first
        assert confirmation_of(store_tracking, "plain", seeds=9) == spec.confirmed(9)

    def test_the_template_has_a_phase_of_its_own(self, tmp_path: Any, begun: Any, store_tracking: Tracking) -> None:
        path, _ = write_template(tmp_path / "sweep.yaml")
        spec = begun(sweeps.load_spec(path))
        assert confirmation_of(store_tracking, spec.name) == spec

    def test_another_sweep_of_that_name_is_not_taken_for_it(
        self, load: Any, begun: Any, store_tracking: Tracking
    ) -> None:
        begun(load(name="other"))
        begun(load(name="other-confirmed"))
        assert "confirm" in confirmation_of(store_tracking, "other").phases, "which its name then refuses"


def test_what_is_complete(finished: Any) -> None:
    rows = finished.result.table.to_pylist()
    assert not is_complete(finished.result.table), "nothing is confirmed"
    fresh = [{**row, "phase": "confirm", "trial_key": f"{n:064x}"} for n, row in enumerate(rows)]
    assert is_complete(analysis.trial_table([*rows, *fresh]))
    fresh[0] |= {"state": "INTERRUPTED", "final": False}
    assert not is_complete(analysis.trial_table([*rows, *fresh]))


def test_the_frontier_that_has_twins_from_scratch_is_of_the_rules_metric(finished: Any, load: Any) -> None:
    """Students whose Inception Score rises with width and whose FID gets worse with it."""
    first = finished.result.table.to_pylist()[0]
    rows = [
        {**first, "phase": "search", "trial": n, "trial_key": f"{n:064x}", "width": n, "parameters": 1000 * n}
        | {"fid": 10.0 * n, "inception_score": 1.0 * n}
        for n in range(1, 5)
    ]
    table, baseline = analysis.trial_table(rows), {"kimg": 2, "of": "frontier"}

    def widths(limit: dict[str, Any]) -> list[Any]:
        return [twin["width"] for twin in scratch_twins(table, load(limit=limit, baseline=baseline))]

    assert widths({"metric": "fid", "tolerance": 1.0}) == [1]
    assert widths({"metric": "inception_score", "tolerance": 0.5}) == [1, 2, 3, 4]


def test_more_seeds_than_were_the_most_become_the_most(search_spec: Any, tiny: dict[str, Any]) -> None:
    tiny["confirm"] = {"precision": 1.2, "most_seeds": 5}
    spec = search_spec()
    assert spec.confirmed(9).confirm.most_seeds == 9
    assert spec.with_fresh_seeds(30).confirm.most_seeds == 30
    assert spec.confirmed(3).confirm.most_seeds == 5
