import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import pytest

from analysis import (
    AnalysisError,
    LimitRule,
    compression_limit,
    markdown_report,
    pareto_figure,
    sample_grid_figure,
    save_figure,
)


@pytest.fixture
def sweep(table: Any) -> Any:
    students = [
        {"parameters": p, "fid": f, "width": w}
        for w, (p, f) in enumerate([(4_268, 44.0), (8_792, 18.0), (9_000, 30.0), (18_608, 9.5), (41_312, 8.0)])
    ]
    baseline = {"mode": "scratch", "phase": "baseline", "parameters": 8_792, "fid": 60.0, "width": 1}
    return table(*students, baseline, {"state": "FAILED", "final": False, "fid": None})


def figure_of(sweep: Any) -> Any:
    return pareto_figure(sweep, compression_limit(sweep, LimitRule(metric="fid", tolerance=1.0)))


def texts(figure: Any) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(mpl.text.Text))


def test_axes_are_logarithmic_labelled_and_captioned(sweep: Any) -> None:
    figure = figure_of(sweep)
    axes, _ = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "generator parameters"
    assert axes.get_ylabel() == "FID (lower is better)"
    shown = texts(figure)
    for expected in (
        "digits: compressed 6:1 within the rule (provisional)",
        "compression ratio",
        "5 students distilled with 64 kimg",
        "FID of 2,048 samples",
        "protocol pppppppp",
        "1 trials without a final value not shown",
        "from scratch (64 kimg)",
        "teacher (FID 5.0)",
        "real held-out images (FID 4.0)",
        "limit: 1/5.7, 17,521 parameters",
    ):
        assert expected in shown, expected


def test_the_frontier_drawn_is_the_frontier(sweep: Any) -> None:
    axes, _ = figure_of(sweep).axes
    (frontier,) = [line for line in axes.lines if line.get_label() == "Pareto frontier"]
    assert list(frontier.get_xdata()) == [4_268, 8_792, 18_608, 41_312]


def test_confirmed_rows_are_not_called_provisional(table: Any) -> None:
    assert "provisional" not in texts(figure_of(table({"phase": "confirm"}, {"phase": "confirm", "seed": 1})))


def test_the_same_table_gives_the_same_bytes(sweep: Any, tmp_path: Path) -> None:
    first = save_figure(figure_of(sweep), tmp_path / "one")
    second = save_figure(figure_of(sweep), tmp_path / "two")
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.suffix
    assert [path.suffix for path in first] == [".png", ".svg"]
    ElementTree.parse(first[1])
    assert cv2.imread(str(first[0])).shape[1] > 1000


def test_the_svg_says_provisional_only_while_it_is(table: Any, tmp_path: Path) -> None:
    for phase, expected in (("search", True), ("confirm", False)):
        rows = table({"phase": phase}, {"phase": phase, "seed": 1})
        _, svg = save_figure(figure_of(rows), tmp_path / phase)
        assert ("provisional" in svg.read_text()) == expected


@pytest.mark.parametrize("smallest", [300, 4_268, 60_000])
def test_nothing_is_drawn_over_the_limit_or_off_the_page(table: Any, smallest: int) -> None:
    figure = figure_of(table({"parameters": smallest, "fid": 9.0}, {"parameters": 70_000, "fid": 400.0}))
    figure.canvas.draw()
    axes, below = figure.axes
    (label,) = [text for text in axes.texts if text.get_text().strip().startswith("limit")]
    box = label.get_window_extent()
    assert axes.bbox.x0 <= box.x0
    assert box.x1 <= axes.bbox.x1
    assert axes.transData.transform((70_000, 400.0))[1] < box.y0, "the highest point lies below the label"
    legend = below.get_legend()
    assert legend is not None
    assert legend.get_window_extent().x0 >= 0
    assert legend.get_window_extent().x1 <= figure.bbox.x1


def test_no_finished_trial_is_a_clear_error(table: Any) -> None:
    with pytest.raises(AnalysisError, match="finished trial"):
        figure_of(table({"state": "FAILED", "final": False, "fid": None}))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sample_grid_has_a_row_per_generator_and_a_column_per_latent(channels: int) -> None:
    images = np.zeros((6, channels, 16, 16), dtype=np.uint8)
    figure = sample_grid_figure([("teacher\n1 k", images), ("1/9", images), ("1/20", images)])
    assert len(figure.axes) == 18
    assert "teacher\n1 k" in texts(figure)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((5, 1, 16, 16), np.uint8),
        np.zeros((6, 2, 16, 16), np.uint8),
        np.zeros((6, 1, 16, 16), np.float32),
        np.zeros((6, 16, 16), np.uint8),
    ],
    ids=["other latents", "two channels", "float", "no channels"],
)
def test_samples_of_another_form_are_refused_by_name(wrong: Any) -> None:
    with pytest.raises(AnalysisError, match="samples of 'odd' are uint8"):
        sample_grid_figure([("teacher", np.zeros((6, 1, 16, 16), np.uint8)), ("odd", wrong)])


def test_a_metric_that_was_not_measured_is_left_blank(table: Any) -> None:
    rows = table({"inception_score": None, "sharpness": None, "gan_weight": None})
    assert "| 4 | 1 |  | 10.0 |  |  |" in markdown_report(rows, compression_limit(rows, LimitRule()))


def test_the_markdown_report_answers_first_and_keeps_the_budgets_beside_the_comparison(sweep: Any) -> None:
    limit = compression_limit(sweep, LimitRule(metric="fid", tolerance=1.0))
    text = markdown_report(sweep, limit)
    assert text.splitlines()[2] == limit.sentence()
    assert "| trial 2 | 8,792 | 11.4 | 1 | 1 | 0 | 18.0 | 8.00 | 4,000 | 60.0 |" in text.replace("student", "trial")
    assert "ordinary GAN of 64 kimg (students 64, teacher 256)" in text
    assert "1 failed" in text
    assert markdown_report(sweep.slice(0, 0), limit) == "No trial has begun.\n"


def test_a_sweep_without_a_finished_trial_still_has_a_report(table: Any) -> None:
    rows = table({"state": "DIVERGED", "final": False, "fid": None})
    text = markdown_report(rows, compression_limit(rows, LimitRule()))
    assert "no limit to state" in text
    assert "1 diverged" in text
