"""What a device pays: frontiers and limits over all forms, their table, their figures and their Markdown."""

import json
import math
from typing import Any

import matplotlib as mpl
import pytest

from analysis import (
    AnalysisError,
    LimitRule,
    compression_limit,
    device_cells,
    device_figure,
    device_findings_of,
    device_headings,
    device_rows,
    example_measurements,
    example_trials,
    findings_of,
    markdown_report,
    trial_table,
)

RULE = LimitRule(metric="fid", tolerance=1.0)  # the teacher has 5, so at most 10
TEACHER = {"trial": None, "trial_key": None, "weights_digest": "t" * 64, "parameters": 100_000}


@pytest.fixture(scope="module")
def small() -> Any:
    """Two students: the small one breaks the rule, the large one holds it as a float and in 8 bits."""
    table = example_trials(
        {"trial_key": "k", "width": 2, "parameters": 2_000, "fid": 20.0},
        {"trial_key": "l", "width": 8, "parameters": 8_000, "fid": 5.0},
    )
    times = {"k": 0.02, "l": 0.08}
    rows = [
        {"trial_key": key, "form": form, "median_ms": ms * slower, "high_ms": ms * 2, "file_bytes": size, "fid": fid}
        for key, form, slower, size, fid in [
            ("k", "onnx", 1, 8_000, None),
            ("l", "onnx", 1, 32_000, None),
            ("k", "onnx-int8", 1.25, 2_000, 22.0),
            ("l", "onnx-int8", 1.25, 8_000, 6.0),
        ]
        for ms in (times[key],)
    ]
    teachers = [{**TEACHER, "median_ms": 0.4, "high_ms": 0.5, "file_bytes": 400_000}]
    return device_findings_of(table, example_measurements(*rows, *teachers), rule=RULE)


def test_a_frontier_has_the_forms_side_by_side(small: Any) -> None:
    shown = {
        cost: [(row["trial"], row["variant"]) for row in frontier.to_pylist()]
        for cost, frontier in small.frontiers.items()
    }
    assert shown == {
        "latency_ms": [(1, "onnx"), (2, "onnx")],
        "file_bytes": [(1, "onnx-int8"), (2, "onnx-int8"), (2, "onnx")],
    }


def test_its_sentences_name_the_best_form_first(small: Any) -> None:
    by_time, by_bytes = small.sentences()
    assert "is 0.04 ms, onnx (no interval" in by_time, "half way in log between 20 and 5, and between 0.02 and 0.08"
    share = math.log(22 / 10) / math.log(22 / 6)  # of the way in 8 bits, from 0.025 ms and 2 kB
    assert by_time.endswith(f"Other forms: {0.025 * 4**share:.3g} ms, onnx-int8.")
    assert f"holds the rule is {2 * 4**share:.1f} kB, onnx-int8" in by_bytes
    assert (
        "is trial 2 in 0.1 ms and 8.0 kB, onnx-int8: FID 6.0, 12.5 times fewer parameters than the teacher." in by_bytes
    )
    assert "FID 5.0, 12.5 times fewer parameters than the teacher, 5.0 times faster, 12.5 times fewer bytes." in by_time


def test_the_table_has_parameter_and_time_ratios_side_by_side(small: Any) -> None:
    headings = device_headings(small)
    assert headings[-3:] == ["params ratio", "ms ratio", "bytes ratio"]
    cells = {(row.trial, row.form): (dict(zip(headings, own, strict=True)), row) for row, own in device_cells(small)}
    assert list(cells) == [(1, "onnx"), (1, "onnx-int8"), (2, "onnx"), (2, "onnx-int8")]
    shown, row = cells[2, "onnx"]
    assert (shown["params ratio"], shown["ms ratio"], shown["bytes ratio"]) == ("12.5", "5.0", "12.5")
    assert (shown["ms"], shown["file"], shown["FID"], row.holds) == ("0.08", "32.0 kB", "5.0", True)
    assert cells[2, "onnx-int8"][0]["ms ratio"] == "\N{EN DASH}", "its teacher was not measured in 8 bits"
    assert not cells[1, "onnx-int8"][1].holds


def test_a_rounded_form_without_quality_of_its_own_is_marked() -> None:
    findings = device_findings_of(example_trials({}), example_measurements({"form": "onnx-int8"}), rule=RULE)
    (row,) = device_rows(findings)
    assert row.quality == "10.0 (the float's)"


def test_forms_without_a_file_have_no_bytes() -> None:
    measured = example_measurements({"form": "pytorch", "file_bytes": None})
    findings = device_findings_of(example_trials({}), measured, rule=RULE)
    assert findings.costs == ["latency_ms"]
    assert device_cells(findings)[0][1][5] == "\N{EN DASH}"
    with pytest.raises(AnalysisError, match="none called file_bytes"):
        device_figure(findings, "file_bytes")


def test_a_figure_has_every_form_with_its_own_marker(small: Any) -> None:
    figure = device_figure(small, "file_bytes")
    axes = figure.axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert lines["onnx"].get_marker() != lines["onnx-int8"].get_marker()
    assert list(lines["onnx-int8"].get_xdata()) == [2_000, 8_000]
    assert list(lines["onnx-int8"].get_ydata()) == [22.0, 6.0]
    assert list(lines["teacher, onnx"].get_xdata()) == [400_000]
    assert list(lines["Pareto frontier over all forms"].get_xdata()) == [2_000, 8_000, 32_000]
    assert axes.get_title(loc="left") == "digits: 4.6 kB, onnx-int8 (provisional)"
    assert axes.get_xlabel() == "size of the deployed file [bytes] (lower is better)"
    words = " ".join(text.get_text() for text in figure.findobj(mpl.text.Text))
    assert "an example's CPU, 1 thread; measurement mmmmmmmm" in words


def test_markdown_has_a_section_of_its_own(small: Any) -> None:
    findings = findings_of(small.table.select(findings_of(example_trials({}), RULE).table.column_names), RULE)
    plain = markdown_report(findings, {})
    assert "What a device pays" not in plain
    page = markdown_report(findings, {"device-file_bytes": "figures/device-file_bytes.png"}, device=small)
    before, section = page.split("## What a device pays")
    assert plain.startswith(before.rstrip())
    assert "figures/device-file_bytes.png" in section
    assert (
        "| 2 | 8x1 | onnx-int8 | 0.1 | 0.04 to 0.16 | 8.0 kB | 6.0 | 12.5 | \N{EN DASH} | \N{EN DASH} | holds |"
        in section
    )
    assert all(sentence in section for sentence in small.sentences())


def test_confirmed_students_have_a_confirmed_time_and_all_else_stays(sweep_rows: Any, measured_rows: Any) -> None:
    table = trial_table(sweep_rows())
    before = findings_of(table, RULE).limit
    device = device_findings_of(table, measured_rows(sweep_rows()), rule=RULE)
    fast = device.limits["latency_ms"][0]
    assert (fast.form, fast.confirmed, fast.provisional) == ("onnx", True, False)
    assert fast.interval is not None
    assert fast.amount == pytest.approx((before.parameters or 0) / 1e5, rel=0.01)
    assert compression_limit(table, RULE) == before
    assert json.loads(json.dumps(device.as_dict(), allow_nan=False))["limits"]["latency_ms"][0]["form"] == "onnx"
