"""Scores that cannot be had: what is said of them, what is stored, and which sweeps they refuse."""

import dataclasses
import json
from typing import Any

import pytest

import sweeps
from analysis import Chapter, LimitRule, findings_of, render_page
from gan import Scores, default_data_root, load_dataset
from sweeps.display import QuietDisplay
from sweeps.errors import SweepError
from sweeps.ledger.journal import Event
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.foundation import Foundation, lay_foundation
from sweeps.models.scores import absent_of_few, require_judged, scores_in_words
from sweeps.models.workshop import Workshop
from sweeps.results.reading import read_trials
from sweeps.results.table import shared_columns, sweep_table

FEW = "FID needs at least 2 * 192 samples for 192 features, got 359"
REASON = "Inception Score needs an extractor of at least two classes, got one without classes"
BLIND = Scores(fid=4.25, sharpness=90.0, absent={"inception_score": REASON})


class Said(QuietDisplay):
    """A display that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def laid(
    tiny: dict[str, Any], spec_file: Any, store: Workspace, store_tracking: Tracking
) -> tuple[sweeps.SweepSpec, Foundation, list[str]]:
    """What a sweep stands on where digits has fewer held-out images than twice the features."""
    tiny["extractor"] = {"epochs": 1, "features": 192}
    tiny["teacher"] |= {"width": 4, "pool_size": 64, "training": {"kimg": 0.5}}
    tiny["evaluation"] = {"num_samples": 384, "inception_splits": 2}
    spec, display = sweeps.load_spec(spec_file(tiny)), Said()
    workshop = Workshop(workspace=store, tracking=store_tracking, data_root=default_data_root(), display=display)
    return spec, lay_foundation(spec, workshop), display.lines


def test_the_real_images_fid_is_left_out_with_its_reason_and_the_sweep_goes_on(laid: Any) -> None:
    spec, foundation, said = laid
    assert said[0].rpartition(": ")[2].startswith("IS ")
    assert "FID" in said[1]
    assert said[2:] == [f"No FID of real images: {FEW}."]
    shared = shared_columns("tiny", foundation.shared_tags(spec))
    assert shared["real_fid"] is None
    assert shared["real_inception_score"] > 1
    assert json.loads(shared["absent"]) == {"real_fid": FEW}


def test_what_cannot_be_had_is_in_no_line() -> None:
    assert scores_in_words(BLIND) == "FID 4.2"
    assert scores_in_words(Scores(fid=4.25, inception_score=8.5, sharpness=90.0)) == "FID 4.2, IS 8.50"
    assert scores_in_words(Scores(sharpness=90.0)) == "sharpness 90"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"search": {"objectives": ["parameters", "inception_score"]}}, "search.objectives"),
        ({"limit": {"metric": "inception_score", "tolerance": 0.2}}, "limit.metric"),
    ],
)
def test_a_sweep_that_judges_by_it_is_refused(
    changes: dict[str, Any], key: str, tiny: dict[str, Any], spec_file: Any
) -> None:
    require_judged(sweeps.load_spec(spec_file(tiny)), BLIND.absent)
    for name, value in changes.items():
        tiny[name] = {**tiny[name], **value} if name == "search" else value
    with pytest.raises(SweepError, match=rf"{key} names a score that can be had, got inception_score: .* Set {key}"):
        require_judged(sweeps.load_spec(spec_file(tiny)), BLIND.absent)


def test_kid_of_few_images_is_refused_before_there_is_a_teacher(tiny: dict[str, Any], spec_file: Any) -> None:
    tiny["limit"] = {"metric": "kid", "threshold": 0.1}
    spec, digits = sweeps.load_spec(spec_file(tiny)), load_dataset("digits")
    require_judged(spec, absent_of_few(digits))
    few = dataclasses.replace(digits, train_images=digits.train_images[:99], train_labels=digits.train_labels[:99])
    with pytest.raises(SweepError, match=r"kid: KID needs at least 100 images .* digits has 99 for training"):
        require_judged(spec, absent_of_few(few))
    tiny["evaluation"] |= {"num_samples": 99}
    tiny["extractor"] |= {"features": 16}
    with pytest.raises(sweeps.SpecError, match=r"evaluation\.num_samples is at least 100 where limit.metric is kid"):
        sweeps.load_spec(spec_file(tiny))


def test_rows_without_it_are_read_and_reported_as_such(new_sweep: Any) -> None:
    absent = json.dumps({"inception_score": REASON})
    blind = new_sweep(teacher_inception_score=None, real_inception_score=None, real_fid=None, absent=absent)
    folder = blind.begin()
    blind.report(folder, 4.0, 10.0)
    blind.end(folder)
    table = sweep_table(blind.tracking, blind.name)
    assert read_trials(blind.tracking, blind.workspace, name=blind.name).table.equals(table)
    assert {*table["inception_score"].to_pylist(), *table["teacher_inception_score"].to_pylist()} == {None}
    assert {*table["absent"].to_pylist()} == {absent}
    findings = findings_of(table, LimitRule(metric="fid", threshold=20.0))
    page = render_page([Chapter(findings=findings, name=blind.name)]).partition('id="page-data"')[0]
    assert f"No IS: {REASON}." in page
    assert "1.00" not in page.partition("</style>")[2]
    assert "nan" not in page.partition("</style>")[2]


def test_the_fid_of_each_class_is_in_the_row(new_sweep: Any) -> None:
    conditional = new_sweep()
    folder = conditional.begin()
    metrics = {"fid": 10.0, "best_fid": 10.0, "kimg": 4.0, "wall_s": 1.0, "fid_class_0": 12.5, "fid_class_3": 11.0}
    conditional.tell(folder, Event(kind="reported", kimg=4.0, metrics=metrics))
    conditional.end(folder)
    (row,) = sweep_table(conditional.tracking, conditional.name).to_pylist()
    assert json.loads(row["fid_per_class"]) == {"0": 12.5, "3": 11.0}
