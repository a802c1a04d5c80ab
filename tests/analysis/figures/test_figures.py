import itertools
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
import pyarrow as pa
import pytest

from analysis import (
    AnalysisError,
    LimitRule,
    Mode,
    Phase,
    RulerCurve,
    TrialState,
    bytes_figure,
    examination_figure,
    findings_of,
    gain_figure,
    importance_figure,
    markdown_report,
    pareto_figure,
    progress_figure,
    sample_grid_figure,
    save_figure,
    sharpness_figure,
    trial_table,
)
from analysis.figures.style import STYLE, in_style

RULE = LimitRule(metric="fid", tolerance=1.0)


def test_threads_that_draw_leave_the_settings_of_the_process_alone() -> None:
    before = {name: mpl.rcParams[name] for name in STYLE}
    began, left = Event(), Event()

    def draw() -> None:
        with in_style():
            began.set()
            left.wait(10)

    with ThreadPoolExecutor(1) as threads:
        with in_style():
            drawn = threads.submit(draw)
            began.wait(0.2)  # in vain: it has to wait
        left.set()
        drawn.result()
    assert {name: mpl.rcParams[name] for name in STYLE} == before


@pytest.fixture
def sweep(table: Any) -> Any:
    """Four students on the frontier, one above it, a baseline and a failure."""
    students = [
        {"parameters": p, "fid": f, "width": w}
        for w, (p, f) in enumerate([(4_268, 44.0), (8_792, 18.0), (9_000, 30.0), (18_608, 9.5), (41_312, 8.0)])
    ]
    baseline = {"mode": Mode.SCRATCH, "phase": Phase.BASELINE, "parameters": 8_792, "fid": 60.0, "width": 1}
    return table(*students, baseline, {"state": TrialState.FAILED, "final": False, "fid": None})


@pytest.fixture
def confirmed(sweep_rows: Any) -> Any:
    return findings_of(trial_table(sweep_rows()), RULE)


def figure_of(sweep: Any) -> Any:
    return pareto_figure(findings_of(sweep, RULE))


def texts(figure: Any) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(mpl.text.Text))


def line_of(figure: Any, label: str) -> Any:
    (line,) = [line for line in figure.axes[0].lines if line.get_label() == label]
    return line


@pytest.mark.parametrize("dataset", ["digits", "pictures-of-a-name-that-is-long", "W" * 63])
def test_a_title_lies_within_its_figure(dataset: str, sweep: Any) -> None:
    column = pa.array([dataset] * len(sweep), type=sweep.schema.field("dataset").type)
    table = sweep.set_column(sweep.schema.get_field_index("dataset"), sweep.schema.field("dataset"), column)
    findings = findings_of(table, RULE)
    figure = pareto_figure(replace(findings, limit=replace(findings.limit, ratio=1112.1)))
    figure.canvas.draw()
    (title,) = (text for text in figure.findobj(mpl.text.Text) if "compression limit 1/1112.1" in text.get_text())
    assert title.get_window_extent().x1 < figure.bbox.x1


def test_axes_are_logarithmic_labelled_and_captioned(sweep: Any) -> None:
    figure = figure_of(sweep)
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "generator parameters"
    assert axes.get_ylabel() == "FID (lower is better)"
    shown = " ".join(texts(figure).split())
    for expected in (
        "digits: compression limit 1/5.7 (provisional)",
        "compression ratio",
        "limit of the students tried; 4 students on the frontier of 5 finished trials",
        "distilled with 64 kimg, teacher trained with 256 kimg",
        "FID of 2,048 samples",
        "protocol pppppppp",
        "1 trial without a final value not shown",
        "from scratch (64 kimg)",
        "teacher (FID 5.0)",
        "real held-out images (FID 4.0)",
        "rule: FID at most 10.0",
    ):
        assert expected in shown, expected


def test_another_rule_has_its_own_axis(table: Any) -> None:
    rows = table({"inception_score": 8.0}, {"parameters": 5_000, "inception_score": 6.0})
    figure = pareto_figure(findings_of(rows, LimitRule(metric="inception_score", tolerance=0.17)))
    assert figure.axes[0].get_ylabel() == "IS (higher is better)"
    assert "rule: IS at least 7.47" in texts(figure)


def test_the_frontier_drawn_is_the_frontier(sweep: Any) -> None:
    frontier = line_of(figure_of(sweep), "Pareto frontier")
    assert list(frontier.get_xdata()) == [4_268, 8_792, 18_608, 41_312]


def test_fresh_seeds_are_drawn_by_median_and_range_beside_the_searched_frontier(confirmed: Any) -> None:
    figure = pareto_figure(confirmed)
    assert "provisional" not in texts(figure)
    line_of(figure, "frontier as searched")
    (bars,) = [found for found in figure.axes[0].containers if found.get_label() == "fresh seeds: median, range"]
    shown = dict(zip(*(data.tolist() for data in bars[0].get_data()), strict=True))
    rows = [row for row in confirmed.table.to_pylist() if row["phase"] == Phase.CONFIRM]
    for size in {row["parameters"] for row in rows}:
        assert shown[size] == pytest.approx(np.median([row["fid"] for row in rows if row["parameters"] == size]))


def test_bytes_are_drawn_by_the_bits_of_weights(table: Any) -> None:
    students = ((4, 900, 30.0), (4, 1_500, 9.0), (8, 2_000, 8.0), (None, 7_000, 7.0))
    rows = [{"bits": b, "weight_bytes": n, "width": n // 100, "fid": fid} for b, n, fid in students]
    findings = findings_of(table(*rows), RULE)
    figure = bytes_figure(findings)
    assert figure.axes[0].get_xlabel() == "weights, biases and scales [bytes] (lower is better)"
    for label, sizes in (("4 bits", [900, 1_500]), ("8 bits", [2_000]), ("floats", [7_000])):
        assert sorted(line_of(figure, label).get_xdata()) == sizes
    assert list(line_of(figure, "Pareto frontier").get_xdata()) == [900, 1_500, 2_000, 7_000]
    assert list(line_of(figure, "teacher (FID 5.0)").get_xdata()) == [4 * findings.first["teacher_parameters"]]
    assert "4 students on the frontier of 4 finished trials" in " ".join(texts(figure).split())
    with pytest.raises(AnalysisError, match="few bits"):
        bytes_figure(findings_of(table({"fid": 9.0}), RULE))


def test_the_same_table_gives_the_same_bytes(sweep: Any, tmp_path: Path) -> None:
    first = save_figure(figure_of(sweep), tmp_path / "one")
    second = save_figure(figure_of(sweep), tmp_path / "two")
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.suffix
    assert [path.suffix for path in first] == [".png", ".svg", ".pdf"]
    ElementTree.parse(first[1])
    assert first[2].read_bytes().startswith(b"%PDF")
    assert cv2.imread(str(first[0])).shape[1] > 1000


def test_figures_are_as_wide_as_a_column_with_letters_of_five_points_or_more(confirmed: Any) -> None:
    figures = [
        pareto_figure(confirmed),
        *(gain_figure(confirmed, gains[0]) for gains in confirmed.gains.values()),
        sharpness_figure(confirmed),
        progress_figure(confirmed),
        importance_figure(confirmed, {"width": 0.8, "depth": 0.2}),
    ]
    for figure in figures:
        assert figure.get_figwidth() == pytest.approx(3.5)
        sizes = [text.get_fontsize() for text in figure.findobj(mpl.text.Text) if text.get_text().strip()]
        assert min(sizes) >= 5.5


def test_a_gain_is_drawn_against_the_line_where_neither_is_better(confirmed: Any) -> None:
    gain = confirmed.gains["scratch"][0]
    figure = gain_figure(confirmed, gain)
    heights = [line.get_ydata()[0] for line in figure.axes[0].lines if len(line.get_ydata()) == 2]
    assert gain.ratio in heights
    assert 1 in heights
    assert figure.axes[0].get_yscale() == "log"


@pytest.mark.parametrize("smallest", [300, 4_268, 60_000])
def test_nothing_is_drawn_over_the_limit_or_off_the_page(table: Any, smallest: int) -> None:
    figure = figure_of(table({"parameters": smallest, "fid": 9.0}, {"parameters": 70_000, "fid": 400.0}))
    figure.canvas.draw()
    axes, below = figure.axes[:2]
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
        figure_of(table({"state": TrialState.FAILED, "final": False, "fid": None}))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sample_grid_shows_every_image_in_its_place(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 255, (6, channels, 16, 16), dtype=np.uint8)
    figure = sample_grid_figure([("teacher", images), ("1/9", images[::-1])])
    assert texts(figure).split() == ["teacher", "1/9"]
    (shown,) = figure.axes[0].images
    mosaic_HWC = np.asarray(shown.get_array())
    assert mosaic_HWC.shape == (2 * 18, 6 * 18, 3)
    np.testing.assert_array_equal(mosaic_HWC[1:17, 19:35], np.broadcast_to(images[1].transpose(1, 2, 0), (16, 16, 3)))
    np.testing.assert_array_equal(mosaic_HWC[19:35, 1:17], np.broadcast_to(images[5].transpose(1, 2, 0), (16, 16, 3)))


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


def test_a_figure_that_cannot_be_written_is_one_clear_error(sweep: Any, tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="writable folder"):
        save_figure(figure_of(sweep), tmp_path / "missing" / "pareto")


# --- the Markdown ------------------------------------------------------------------------------


def test_a_score_that_there_is_none_of_has_a_dash_in_its_place(table: Any) -> None:
    rows = table({"inception_score": None, "sharpness": None, "gan_weight": None})
    assert "| 4 | 1 |  | 10.0 | \N{EN DASH} | \N{EN DASH} |" in markdown_report(findings_of(rows, RULE), {})


def test_the_markdown_report_answers_first_and_keeps_the_budgets_beside_the_comparison(sweep: Any) -> None:
    findings = findings_of(sweep, RULE)
    text = markdown_report(findings, {"pareto": "figures/pareto.png"})
    assert text.splitlines()[2] == findings.limit.sentence()
    assert "| student 2 | 8,792 | 11.4 | 1 | 1 | 0 | 18.0 | 8.00 | 4,000 | 60.0 | breaks |" in text
    assert "ordinary GAN of 64 kimg (students 64, teacher 256)" in text
    assert "1 failed" in text
    assert "](figures/pareto.png)" in text
    assert markdown_report(findings_of(sweep.slice(0, 0), RULE), {}) == "No trial has begun.\n"


def test_where_fresh_seeds_finished_the_table_says_what_they_say(confirmed: Any) -> None:
    text = markdown_report(confirmed, {})
    assert "FID of fresh seeds" in text
    row = next(row for row in reversed(confirmed.frontier.to_pylist()) if row["confirmed"] is not None)
    (line,) = [line for line in text.splitlines() if line.startswith(f"| student {row['trial']} |")]
    assert f"{row['fid']:.1f} | {row['confirmed']:.1f} (" in line
    assert ("holds" in line) == (row["confirmed"] <= confirmed.limit.threshold), "judged by the fresh seeds"


def test_a_sweep_without_a_finished_trial_still_has_a_report(table: Any) -> None:
    text = markdown_report(findings_of(table({"state": TrialState.DIVERGED, "final": False, "fid": None}), RULE), {})
    assert "no limit to state" in text
    assert "1 diverged" in text


def test_an_examination_has_a_panel_for_each_disturbance_and_names_a_fault(ruler: Any, tmp_path: Path) -> None:
    figure = examination_figure(ruler("contrast"))
    assert len(figure.axes) == 7
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[2:4] == ["contrast", "swapped patches"]
    (line, _) = figure.axes[0].lines
    assert list(line.get_xdata()) == [0, 0.25, 0.5, 1]
    assert list(line.get_ydata()) == pytest.approx([2 / 40, 4 / 40, 6 / 40, 1]), "the roots of FID"
    assert [axes.get_xlabel().endswith("FAILS") for axes in figure.axes] == [title == "contrast" for title in titles]
    assert figure.axes[2].lines[0].get_color() != line.get_color()
    assert "it FAILS contrast" in " ".join(texts(figure).split())
    one, two = (save_figure(examination_figure(ruler("contrast")), tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_nothing_of_an_examination_lies_over_its_neighbour(ruler: Any) -> None:
    tiny = [replace(curve, fids=tuple(fid * 4.444e-6 for fid in curve.fids)) for curve in ruler("blur", "noise")]
    figure = examination_figure(tiny)  # 1.8e-05 is as long as such a number can be
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.findobj(mpl.text.Text) if text.get_text()]
    assert len(boxes) == 2 * 7 + 1, "titles, numbers and the caption"
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)


def test_a_curve_without_a_fid_for_each_level_is_refused() -> None:
    with pytest.raises(AnalysisError, match=r"1 FID of 2 levels"):
        RulerCurve(disturbance="blur", levels=(0.0, 1.0), fids=(1.0,), spread=0.1, rises=True)
    with pytest.raises(AnalysisError, match="needs a disturbance"):
        examination_figure([])
