"""The example notebook runs from its table to its figure, and what findings show of themselves is small HTML."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from analysis import (
    LimitRule,
    TrialState,
    compare,
    cost_limits,
    deployed_trials,
    device_findings_of,
    example_measurements,
    example_trials,
    findings_of,
    frontier_rows,
    trial_table,
)
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "example.ipynb"
RULE = LimitRule(metric="fid", tolerance=1.0)
MOST_BYTES = 10_000
COLOR = re.compile(r"#[0-9a-f]{3}|rgb|background|(?<!border-)color:(?!inherit)")


@pytest.fixture(scope="module")
def executed() -> dict[str, Any]:
    """What each cell of code shows, by the cell's id and the kind of what is shown."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=int(PATIENCE_S), kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    return {
        cell.id: {kind: text for output in cell.outputs for kind, text in output.get("data", {}).items()}
        | {output.name: output.text for output in cell.outputs if output.output_type == "stream"}
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def test_its_table_becomes_limit_frontier_and_figure(executed: dict[str, Any]) -> None:
    assert executed["table"]["text/plain"].startswith("(150, ")
    assert "compression limit" in executed["limit"]["text/html"]
    html = executed["frontier"]["text/html"]
    assert html.count("<tr>") == 11 + html.count(", dominated") == 13
    assert executed["answers"]["stdout"].count("?") == 5
    assert "1.5 times" in executed["stricter"]["stdout"]
    assert len(executed["figure"]["image/png"]) > 10_000
    assert not [shown for shown in executed.values() if "stderr" in shown]


def test_it_has_ten_cells_and_no_outputs_in_the_repository() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    nbformat.validate(notebook)
    cells = notebook["cells"]
    assert len(cells) == 10
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells if "outputs" in cell)
    assert notebook["metadata"].keys() == {"kernelspec", "language_info"}, "nothing of who ran it"


def shown_in_a_notebook(rows: Any) -> dict[str, Any]:
    table = trial_table(rows())
    findings, measured = findings_of(table, RULE), example_measurements({"form": "onnx"})
    one = example_trials({})
    return {
        "findings": findings,
        "findings of nothing": findings_of(example_trials({"state": TrialState.LOST, "final": False}), RULE),
        "limit": findings.limit,
        "frontier": frontier_rows(findings),
        "cost limit": cost_limits(deployed_trials(one, measured), RULE, cost="latency_ms")[0],
        "device": device_findings_of(one, measured, rule=RULE),
        "comparison": compare(example_trials({"sweep": "a"}), example_trials({"sweep": "b"})),
    }


def test_what_is_shown_is_small_and_has_no_color_of_its_own(sweep_rows: Any) -> None:
    for name, value in shown_in_a_notebook(sweep_rows).items():
        html = value._repr_html_()
        assert len(html) < MOST_BYTES, name
        assert not COLOR.search(html.replace("currentColor", "")), name
        assert "class=" not in html, "it stands alone"
        nothing_is_left_open(html)


def nothing_is_left_open(html: str) -> None:
    for tag in set(re.findall(r"<([a-z0-9]+)", html)):
        assert len(re.findall(rf"<{tag}[ >]", html)) == len(re.findall(rf"</{tag}>", html)), tag


def test_a_frontier_of_a_thousand_students_is_as_small(sweep_rows: Any) -> None:
    table = example_trials(
        *({"width": n, "parameters": 1_000 * n, "fid": 5_000 / n, "seed": n} for n in range(2, 1_002))
    )
    html = frontier_rows(findings_of(table, RULE))._repr_html_()
    assert "and 980 more" in html
    assert len(html) < MOST_BYTES


def test_a_name_is_text_and_no_markup() -> None:
    html = findings_of(example_trials({"sweep": "<b>mine</b>"}), RULE)._repr_html_()
    assert "&lt;b&gt;mine&lt;/b&gt;" in html
    assert "<b>" not in html
