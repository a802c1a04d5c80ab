from pathlib import Path
from typing import Any

import pytest

import sweeps
from sweeps.driver.teacher_selection import select_teacher
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace


@pytest.mark.slow
def test_a_selection_trains_compares_and_crowns(tiny: dict[str, Any], spec_file: Any, tmp_path: Path) -> None:
    tiny["extractor"], tiny["teacher"] = {"epochs": 1}, {**tiny["teacher"], "training": {"kimg": 1}}
    tiny["teacher"]["candidates"] = [2, 8]
    spec = sweeps.load_spec(spec_file(tiny))
    selection = select_teacher(spec, tmp_path / "data", workers=1)
    tracking = Tracking(Workspace.existing(tmp_path / "data").store)
    assert [candidate.width for candidate in selection.candidates] == [2, 8]
    assert all(candidate.fid_error > 0 for candidate in selection.candidates)
    champion = tracking.registry.champion("digits-teacher")
    assert champion is not None
    assert f"digits-teacher/{champion.version}" == selection.chosen.version
    assert all(path.stat().st_size > 1000 for path in selection.files)
    again = select_teacher(spec, tmp_path / "data", workers=1)
    assert again.candidates == selection.candidates, "the registry's candidates are not trained again"
    assert len(tracking.registry.versions("digits-teacher")) == 2


def test_one_candidate_is_no_selection(tiny: dict[str, Any], spec_file: Any, tmp_path: Path) -> None:
    with pytest.raises(sweeps.SweepError, match="at least two"):
        select_teacher(sweeps.load_spec(spec_file(tiny)), tmp_path / "data")
    assert not (tmp_path / "data").exists()
