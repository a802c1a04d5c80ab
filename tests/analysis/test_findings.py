"""Findings of tables that are strange in some way: each has a page, a Markdown report and one clear answer."""

import math
from typing import Any

import pytest

from analysis import (
    AnalysisError,
    Chapter,
    LimitRule,
    Mode,
    Phase,
    TrialState,
    budget_note,
    example_trials,
    findings_of,
    frontier_rows,
    markdown_report,
    pareto_figure,
    render_page,
    sharpness_figure,
    trial_table,
)
from analysis.wording import caption

SCRATCH = {"mode": Mode.SCRATCH, "phase": Phase.BASELINE, "gan_weight": None}
FAILED: dict[str, Any] = {
    "state": TrialState.FAILED,
    "final": False,
    "fid": None,
    "inception_score": None,
    "sharpness": None,
}
STRANGE: dict[str, list[dict[str, Any]]] = {
    "one row": [{}],
    "all failed": [FAILED, {**FAILED, "state": TrialState.DIVERGED}],
    "scratch alone": [{**SCRATCH}],
    "confirmed alone": [{"phase": Phase.CONFIRM, "seed": seed} for seed in (1, 2)],
    "every confirmation failed": [{}, *({**FAILED, "phase": Phase.CONFIRM, "seed": seed} for seed in (1, 2, 3))],
    "NaN and infinity": [{"fid": math.nan}, {"fid": math.inf}, {"fid": 9.0, "width": 5}],
    "nothing measured but FID": [{"inception_score": None, "sharpness": None}],
    "references that are NaN": [{"real_fid": math.nan, "real_sharpness": math.nan, "latency_ms": math.nan}],
    "a teacher without sharpness": [{"teacher_sharpness": 0.0}],
    "equal rows": [{}, {}, {}],
    "twins of which one has no FID": [{}, {**SCRATCH, "seed": 1}, {**SCRATCH, "seed": 2, "fid": None}],
    "a perfect student": [{"latent_ssim": 1.0, "latent_mse": 0.0, "latent_psnr": None, "path_mse": 0.0}],
}
RULES = {
    "FID": LimitRule(),
    "IS": LimitRule(metric="inception_score", tolerance=0.17),
    "KID, not measured": LimitRule(metric="kid", threshold=0.02),
    "MSE, not measured": LimitRule(metric="latent_mse", threshold=0.1),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("rows", STRANGE.values(), ids=STRANGE)
def test_a_strange_table_has_an_answer_a_page_and_a_report(table: Any, rows: Any, rule: LimitRule) -> None:
    findings = findings_of(table(*rows), rule)
    assert findings.limit.sentence()
    assert findings.limit.sentence() in markdown_report(findings, {})
    assert findings.limit.answer.split(" (")[0] in render_page([Chapter(findings, "strange")])
    if len(findings.frontier):
        pareto_figure(findings)


def test_no_rows_have_findings_too(table: Any) -> None:
    findings = findings_of(table(), LimitRule())
    assert "no limit to state" in findings.limit.sentence()
    assert markdown_report(findings, {}) == "No trial has begun.\n"
    render_page([Chapter(findings, "empty")])
    with pytest.raises(AnalysisError, match="sharpness"):
        sharpness_figure(findings)


def test_a_negative_kid_is_a_value_like_others(table: Any) -> None:
    rows = table({"kid": -0.001, "parameters": 9_000}, {"kid": 0.03, "parameters": 3_000, "width": 2})
    findings = findings_of(rows, LimitRule(metric="kid", threshold=0.01))
    assert findings.limit.trial == 1
    assert len(findings.frontier) == 2
    render_page([Chapter(findings, "kid")])


def test_rows_of_two_protocols_are_refused_by_name(table: Any) -> None:
    with pytest.raises(AnalysisError, match=f"{'p' * 64}, {'q' * 64}"):
        findings_of(table({}, {"protocol_digest": "q" * 64}), LimitRule())


def test_what_the_table_says_of_the_rule_is_what_the_limit_says(sweep_rows: Any) -> None:
    findings = findings_of(trial_table(sweep_rows()), LimitRule(tolerance=1.0))
    holding = [row for row in frontier_rows(findings) if row.holds]
    smallest = min(int(row.parameters.replace(",", "")) for row in holding)
    assert findings.limit.student_parameters == smallest
    assert findings.limit.parameters is not None
    assert findings.limit.parameters <= smallest


def test_findings_show_themselves_in_a_notebook(sweep_rows: Any) -> None:
    findings = findings_of(trial_table(sweep_rows()), LimitRule(tolerance=1.0))
    for shown in (findings, findings.limit):
        assert "compression limit" in shown._repr_html_()
        assert "compression limit" in shown._repr_markdown_()


def test_rows_of_two_sweeps_are_refused_by_name(table: Any) -> None:
    with pytest.raises(AnalysisError, match="one sweep, got one, two"):
        findings_of(table({"sweep": "one"}, {"sweep": "two"}), LimitRule())


def test_a_teacher_of_unknown_training_has_no_budget() -> None:
    table = example_trials({"teacher_kimg": 0.0}, {"teacher_kimg": 0.0, **SCRATCH, "kimg": 8.0})
    findings = findings_of(table, LimitRule(metric="fid", tolerance=1.0))
    assert "teacher" not in caption(findings)
    assert "teacher unknown" in budget_note(findings.frontier)


def test_what_all_schemes_of_a_frontier_share_is_said_once() -> None:
    taught = "pruned start + critic features 0.1"
    students = [
        {"width": width, "parameters": 1_000 * width, "fid": 80 / width, "scheme": taught + more}
        for width, more in ((4, ""), (8, " + l1"))
    ]
    rows = frontier_rows(findings_of(example_trials(*students), LimitRule(metric="fid", tolerance=1.0)))
    assert rows.shared == taught
    assert [row.student for row in rows] == ["width 8, depth 1, GAN weight 0, l1", "width 4, depth 1, GAN weight 0"]
    assert rows._repr_html_().count(taught) == 1
    (alone,) = frontier_rows(findings_of(example_trials(students[0]), LimitRule(metric="fid", tolerance=1.0)))
    assert alone.student == f"width 4, depth 1, GAN weight 0, {taught}"


def fresh(fid: float, seed: int, **student: Any) -> dict[str, Any]:
    return {"phase": Phase.CONFIRM, "seed": 100 + seed, "fid": fid, **student}


def test_every_student_with_fresh_seeds_is_listed_and_drawn(table: Any) -> None:
    """Also one that another dominates, and one that was never searched, as a model of the space names such."""
    large, worse = {"width": 8, "parameters": 40_000}, {"width": 6, "parameters": 30_000}
    unsearched, small = {"width": 5, "parameters": 20_000}, {"width": 2, "parameters": 5_000}
    findings = findings_of(
        table(
            {"fid": 6.0, **large},
            {"fid": 12.0, **worse},
            {"fid": 9.0, **small},
            *(fresh(11.0 + seed, seed, **worse) for seed in (1, 2, 3)),
            *(fresh(8.0 + seed, seed, **unsearched) for seed in (1, 2, 3)),
            *(fresh(9.0, seed, **small) for seed in (1, 2)),
            {**FAILED, **fresh(0.0, 3, **worse), "fid": None, "seed": 104},
        ),
        LimitRule(metric="fid", threshold=10.5),
    )
    rows = frontier_rows(findings)
    assert [(row.parameters, row.searched, row.confirmed, row.aside) for row in rows] == [
        ("40,000", "6.0", "", ""),
        ("30,000", "12.0", "13.5 (12.0 to 14.0), 3 seeds, 1 failed", "dominated"),
        ("20,000", "", "10.0 (9.0 to 11.0), 3 seeds", "not searched"),
        ("5,000", "9.0", "9.0, 2 seeds", ""),
    ]
    assert [row.holds for row in rows] == [None, False, True, True]
    assert len(findings.frontier) == 2
    report = markdown_report(findings, {})
    assert (report.count(", dominated |"), report.count(", not searched |")) == (1, 1)
    (drawn,) = pareto_figure(findings).axes[0].containers
    assert [x for x, _ in drawn.lines[0].get_xydata()] == [5_000, 20_000, 30_000]
