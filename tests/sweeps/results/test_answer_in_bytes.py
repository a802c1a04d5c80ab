"""A sweep that is led by bytes has the answer in bytes, wherever its run shows it. The rows are those of a record."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run

import sweeps
from analysis import Findings, bytes_figure, example_trials, findings_of, pareto_figure, read_table, save_figure
from sweeps.ledger.sweeps import find_sweep
from sweeps.ledger.tags import IDENTITY, NOTE, SAVED_VIEW, spec_tags
from sweeps.ledger.tracking import Tracking
from sweeps.models.mlflow_models import register_students
from sweeps.results.answer import SCREEN_DPI, show_answer
from sweeps.results.overview import sweeps_text

RECORD = Path("docs/records/digits-bits")


@pytest.fixture(scope="module")
def spec() -> sweeps.SweepSpec:
    return sweeps.load_spec(RECORD / "sweep.yaml")


@pytest.fixture(scope="module")
def findings(spec: sweeps.SweepSpec) -> Findings:
    return findings_of(read_table(RECORD / "trials.parquet"), spec.limit, cost=spec.limit_cost)


@pytest.fixture(scope="module")
def parent(store_tracking: Tracking, spec: sweeps.SweepSpec, findings: Findings) -> Run:
    opened = store_tracking.open_sweep(spec.name, spec_tags(spec.model_dump_json()))
    show_answer(store_tracking, opened, spec=spec, findings=findings)
    return find_sweep(store_tracking, spec.name)


def test_its_description_begins_with_bytes(parent: Run, findings: Findings) -> None:
    text = parent.data.tags[NOTE]
    assert findings.bytes_limit is not None
    assert findings.bytes_frontier is not None
    assert text.startswith(findings.bytes_limit.sentence())
    assert findings.limit.provisional
    assert findings.limit.remark not in text, "what it seeks is confirmed"
    rows = [line for line in text.splitlines() if line.startswith("| [trial ")]
    assert len(rows) == len(findings.bytes_frontier)
    for row, line in zip(findings.bytes_frontier.to_pylist()[::-1], rows, strict=True):
        assert line.startswith(f"| [trial {row['trial']}](")
        assert f"| {row['bits'] or 32}&ensp; | {row['weight_bytes']:,}&ensp; | {row['parameters']:,}&ensp; |" in line


def test_its_metrics_and_its_line_in_the_experiment_have_bytes(parent: Run, findings: Findings) -> None:
    limit, metrics = findings.bytes_limit, parent.data.metrics
    assert limit is not None
    assert limit.interval is not None
    assert limit.student is not None
    ends = {"limit/bytes": limit.amount, "limit/bytes_low": limit.interval.low, "limit/bytes_high": limit.interval.high}
    shown = {name: pytest.approx(value, 1e-5) for name, value in ends.items() if value is not None}
    assert {name: value for name, value in metrics.items() if name.startswith("limit/bytes")} == shown
    assert metrics["limit/student_bytes"] == limit.student.costs["weight_bytes"]
    assert f"{limit.amount:,.0f} bytes |" in sweeps_text([parent], models="1")


def test_its_figure_is_over_bytes(store_tracking: Tracking, parent: Run, findings: Findings, tmp_path: Path) -> None:
    shown = Path(store_tracking.client.download_artifacts(parent.info.run_id, "frontier.png", str(tmp_path)))
    for figure, is_shown in ((bytes_figure(findings), True), (pareto_figure(findings), False)):
        (path,) = save_figure(figure, tmp_path / "drawn", formats=("png",), dpi=SCREEN_DPI)
        assert (path.read_bytes() == shown.read_bytes()) == is_shown
    assert "![bytes against FID](" in parent.data.tags[NOTE]


def test_its_views_are_over_bytes(store_tracking: Tracking, parent: Run, findings: Findings) -> None:
    tags = store_tracking.client.get_experiment(parent.info.experiment_id).tags
    packed = json.loads(tags[f"{SAVED_VIEW}digits-bits-frontier"])["state"].removeprefix("deflate;")
    state = json.loads(zlib.decompress(base64.b64decode(packed)))
    assert findings.bytes_frontier is not None
    for run_id in findings.bytes_frontier["run_id"].to_pylist():
        assert f"'{run_id}'" in state["searchFilter"]
    assert state["orderByKey"] == "metrics.`weight_bytes`"
    assert "metrics.`weight_bytes`" in state["selectedColumns"]
    axes = {chart["type"]: chart for chart in state["compareRunCharts"]}
    assert axes["SCATTER"]["xaxis"]["key"] == "weight_bytes"


def test_its_champion_is_the_student_of_least_bytes(store_tracking: Tracking, spec: sweeps.SweepSpec) -> None:
    floats = [{"parameters": 1000 * width, "weight_bytes": 4000 * width, "fid": 80 / width} for width in (4, 8, 16)]
    few = [{"parameters": 1000 * width, "weight_bytes": 500 * width, "fid": 100 / width} for width in (4, 8, 16)]
    rows = [{**row, "width": row["parameters"] // 1000} for row in floats]
    rows += [{**row, "width": row["parameters"] // 1000, "bits": 4, "settings": '{"bits": 4}'} for row in few]
    parent, client = store_tracking.open_sweep("few", spec_tags(spec.model_dump_json())), store_tracking.client
    for number, row in enumerate(rows, start=1):
        run = store_tracking.open_trial(parent.info.run_id, f"few-{number}", name=str(number), tags={})
        row |= {"trial_key": f"few-{number}", "run_id": run.info.run_id}
    table = example_trials(*rows)
    findings = findings_of(table, spec.limit, cost=spec.limit_cost)
    assert findings.limit.trial == 2, "whose files are nowhere: it is not registered"
    client.create_registered_model("few-students")
    registered = {row["run_id"]: row["trial_key"] for row in rows[2:]}  # by an earlier version, without models
    for run_id, key in registered.items():
        client.create_model_version("few-students", parent.info.artifact_uri, run_id, tags={IDENTITY: key})
    register_students("few", store_tracking, table=table, frontier=findings.frontier, limit=findings.limit)
    champion: Any = store_tracking.registry.champion("few-students")
    assert champion.tags[IDENTITY] == "few-6"
    outputs = {run_id for run_id in registered if client.get_run(run_id).outputs.model_outputs}
    assert outputs == registered.keys()
