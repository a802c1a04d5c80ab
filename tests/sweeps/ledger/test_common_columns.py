"""What all rows of a sweep have alike is one tag of its run, whichever version wrote it; what is long is in pieces."""

import json
from pathlib import Path

from analysis import SHARED_COLUMNS
from sweeps.ledger.tags import COMMON, TAG_LENGTH, common_columns, common_tags, spec_in, spec_tags
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.table import table_of
from tests.sweeps.conftest import SHARED


def test_a_run_has_one_tag_of_them() -> None:
    assert common_tags({**SHARED, "absent": None}).keys() == {COMMON}
    assert common_columns(common_tags({**SHARED, "absent": None})) == {name: str(SHARED[name]) for name in SHARED}


def test_what_is_longer_than_a_tag_comes_back_from_a_store(tmp_path: Path) -> None:
    tracking = Tracking(Workspace.open(tmp_path).store)
    long = {**SHARED, "absent": "FID needs more, " * TAG_LENGTH}
    tracking.open_sweep("long", common_tags(long))
    parent = tracking.find_sweep("long")
    assert parent is not None
    assert common_columns(parent.data.tags)["absent"] == long["absent"]
    tracking.open_sweep("long", common_tags(SHARED))
    parent = tracking.find_sweep("long")
    assert parent is not None
    assert common_columns(parent.data.tags) == {name: str(value) for name, value in SHARED.items()}


def test_a_sweep_of_before_has_a_tag_of_each() -> None:
    before = {f"ganlimit.shared.{name}": str(value) for name, value in SHARED.items()}
    assert common_columns(before) == common_columns(common_tags(SHARED))
    assert len(table_of("tiny", before, records=[])) == 0
    assert common_columns({**before, **common_tags({"teacher_fid": 2.5})})["teacher_fid"] == "2.5", "what was said last"
    assert set(SHARED_COLUMNS) >= set(SHARED)


def test_a_specification_may_become_shorter() -> None:
    longer, shorter = {"name": "a" * 3 * TAG_LENGTH}, {"name": "b"}
    tags = spec_tags(json.dumps(longer))
    assert len(tags) == 4
    assert spec_in(tags) == longer
    assert spec_in({**tags, **spec_tags(json.dumps(shorter))}) == shorter, "MLflow keeps the pieces of before"
