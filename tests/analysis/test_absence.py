"""A score that cannot be had has a dash in its place everywhere that people read, and its reason once below."""

import json
import re
from typing import Any

import pyarrow as pa
import pytest

from analysis import (
    AnalysisError,
    Chapter,
    LimitRule,
    Phase,
    compare,
    comparison_markdown,
    compression_limit,
    findings_of,
    five_answers,
    markdown_report,
    paper_csv,
    paper_latex,
    paper_markdown,
    paper_rows,
    pareto_figure,
    render_page,
    sharpness_figure,
)
from analysis.absence import DASH

RULE = LimitRule(metric="fid", tolerance=1.0)
REASON = "Inception Score needs an extractor of at least two classes, got one without classes"
FEW = "FID needs at least 2 * 64 samples for 64 features, got 20"
NOTES = [f"No IS: {REASON}.", f"No FID of real images: {FEW}."]
WITHOUT = {
    "inception_score": None,
    "inception_score_std": None,
    "teacher_inception_score": None,
    "real_inception_score": None,
    "real_fid": None,
    "absent": json.dumps({"inception_score": REASON, "inception_score_std": REASON, "real_fid": FEW}),
}


@pytest.fixture(scope="module")
def blind(sweep_rows: Any) -> pa.Table:
    """A whole sweep whose extractor has no classes."""
    from analysis import trial_table

    return trial_table([row | WITHOUT for row in sweep_rows()])


def words_of(page: str) -> str:
    """Returns what a page says, without its style, scripts and data."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", body)


def test_page_report_and_paper_have_dashes_and_the_reason(blind: pa.Table) -> None:
    findings = findings_of(blind, RULE)
    rows, answers = paper_rows(blind), five_answers(blind, RULE)
    page = words_of(render_page([Chapter(findings=findings, name="blind")]))
    report = markdown_report(findings, {})
    paper = paper_markdown("blind", rows, answers=answers, notes=findings.notes)
    for text in (page, report, paper):
        assert DASH in text
        assert all(text.count(note) == 1 for note in NOTES)
        assert not re.search(r"\b1\.00\b|\bnan\b|\bNone\b", text, flags=re.IGNORECASE)
    assert not re.search(r"nan|None", paper_csv(rows) + paper_latex(rows))
    assert "of its IS" not in page
    assert "higher IS" not in page


def test_figures_are_drawn_without_the_line_of_what_is_absent(blind: pa.Table) -> None:
    findings = findings_of(blind, RULE)
    _, labels = pareto_figure(findings).axes[0].get_legend_handles_labels()
    assert not any("real" in label for label in labels)
    assert sharpness_figure(findings).axes


def test_a_limit_by_what_is_absent_has_no_threshold(blind: pa.Table) -> None:
    limit = compression_limit(blind, LimitRule(metric="inception_score", tolerance=0.1))
    assert limit.threshold is None
    assert limit.parameters is None


def test_two_such_sweeps_are_compared_by_what_they_have(blind: pa.Table, table: Any) -> None:
    other = table({**WITHOUT, "sweep": "other", "protocol_digest": "q" * 64, "phase": Phase.SEARCH})
    assert "nan" not in comparison_markdown(compare(blind, other))
    seeing = [{"sweep": name, "protocol_digest": name * 64, "teacher_inception_score": None} for name in "ab"]
    with pytest.raises(AnalysisError, match=r"shares of their teachers' inception_score, got none of a\. Compare"):
        compare(*(table(row) for row in seeing), objectives=("parameters", "inception_score"))
