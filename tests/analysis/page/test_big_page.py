"""A page of more trials than a browser can show."""

import json
import re
from typing import Any

import numpy as np
import pytest

from analysis import Chapter, LimitRule, findings_of, render_page, trial_table
from analysis.page import charts, text


def test_a_page_leaves_trials_out_and_says_so(monkeypatch: pytest.MonkeyPatch, sweep_rows: Any) -> None:
    findings = findings_of(trial_table(sweep_rows()), LimitRule(tolerance=1.0))
    whole = data_of(render_page([Chapter(findings, "s")]))
    named = {trial for view in whole["views"].values() for trial in view["frontier"]}
    named |= {student["trial"] for view in whole["views"].values() for student in view["confirmed"]}
    most = len(named) + 5
    assert len(findings.table) > most + 5
    for module in (charts, text):
        monkeypatch.setattr(module, "MOST_TRIALS", most)
    page = render_page([Chapter(findings, "s")])
    small = data_of(page)
    assert f"Of {len(findings.table)} trials this page shows the frontiers" in page
    assert len(small["trials"]["trial"]) == most
    assert named <= set(small["trials"]["trial"]), "what a chart names can be pointed at"
    assert (small["views"], small["limit"], small["gains"]) == (whole["views"], whole["limit"], whole["gains"])
    assert "trials this page has" not in render_page(
        [Chapter(findings_of(findings.table.slice(0, 5), findings.rule), "s")]
    )


def test_a_long_curve_of_steps_keeps_each_rise(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    share = np.maximum.accumulate(np.where(random.random(500) < 0.05, random.random(500), 0.0))
    monkeypatch.setattr(charts, "MOST_TRIALS", 100)
    corners = charts._corners(share)
    assert len(corners) < 100
    at = corners[np.searchsorted(corners, np.arange(500), side="right") - 1]
    assert np.array_equal(share[at], share)
    assert corners[-1] == 499


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'id="page-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1])[0])
