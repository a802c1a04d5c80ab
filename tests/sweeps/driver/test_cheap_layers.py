"""A sweep over ranks, widths of stages and blocks, from its points to its report, beside one that it takes over."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import analysis
import sweeps
from gan import count_parameters, load_generator
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.report import write_report
from sweeps.spec.architecture import architecture_of, architecture_of_row
from tests.sweeps.trained_here import trained_here

HALVED = {"stage_widths": [4, 2]}
CHEAP = {"stage_widths": [6, 2], "first_layer_rank": 3, "block": "resize"}


@pytest.fixture
def cheap(tiny: dict[str, Any], spec_file: Any) -> sweeps.SweepSpec:
    domains = [{"type": "int", "low": 2, "high": 8}, {"type": "int", "low": 1, "high": 4}]
    space = {"stage_widths": domains, "first_layer_rank": {"type": "choice", "values": [0, 3]}}
    space["block"] = {"type": "choice", "values": ["dcgan", "resize"]}
    tiny |= {"name": "cheap", "phases": ["search", "confirm", "baseline"], "confirm": {"seeds": 1, "around": 1}}
    tiny["search"] = {"trials": 1, "sampler": "random", "space": space, "points": [HALVED, CHEAP]}
    tiny["baseline"] = {"kimg": 1, "of": "confirmed"}
    tiny["evaluation"]["rungs_kimg"] = [2]
    return sweeps.load_spec(spec_file(tiny))


def test_such_students_are_searched_confirmed_and_trained_from_scratch(
    finished: Any, cheap: sweeps.SweepSpec, tmp_path: Path
) -> None:
    data_dir = Path(shutil.copytree(finished.data_dir, tmp_path / "data"))
    table = trained_here(cheap, data_dir)
    workspace = Workspace.existing(data_dir)
    tracking = Tracking(workspace.store)
    rows = {(row["phase"], row["stage_widths"]): row for row in table.to_pylist()}
    assert {phase for phase, _ in rows} == {"search", "confirm", "baseline"}
    assert {widths for _, widths in rows} == {None, "6-2"}
    for (_, widths), row in rows.items():
        has_cheap_layers = widths is not None
        assert (row["first_layer_rank"], row["block"]) == ((3, "resize") if has_cheap_layers else (None, "dcgan"))
        architecture = architecture_of(architecture_of_row(row), cheap.shape)
        assert row["parameters"] == count_parameters(architecture), "the row says which generator it is"
        assert row["settings"] is None
    before = {row["trial_key"]: row for row in finished.result.table.to_pylist()}
    halved = rows["search", None]
    assert (halved["width"], halved["wall_s"]) == (2, 0.0), "it is the student of width 2, which another sweep has"
    assert halved["fid"] == before[halved["trial_key"]]["fid"]
    run = tracking.client.get_run(rows["search", "6-2"]["run_id"])
    assert {"first_layer_rank": "3", "stage_widths": "6-2", "width": "2"}.items() <= run.data.params.items()
    folder = tracking.registry.model_folder(rows["confirm", "6-2"]["run_id"])
    generator, card = load_generator(folder)
    assert (card.architecture.first_layer_rank, card.architecture.stage_widths) == (3, (6, 2))
    assert card.parameters == sum(parameter.numel() for parameter in generator.parameters())
    twins = analysis.with_baselines(analysis.final_students(table), table)
    states = {row["width"]: row["baseline_state"] for row in twins.to_pylist()}
    assert states == {2: "COMPLETED", 4: None}, "each that was confirmed has its own from scratch"
    findings = analysis.findings_of(table, cheap.limit)
    (row,) = (row for row in analysis.frontier_rows(findings) if "-" in row.size)
    assert (row.size, row.width) == ("6-2x1 r3", "6-2 r3")
    assert row.student.startswith("width 6-2 r3, depth 1 resize")
    report = write_report("cheap", workspace, tracking=tracking, formats=("png",))
    assert report.table.equals(table)
    assert {path.name for path in report.files} >= {"pareto.png", "samples.png", "report.html"}
