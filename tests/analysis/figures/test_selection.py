from pathlib import Path

import pytest

from analysis import AnalysisError, save_figure
from analysis.figures.selection import Candidate, choose_teacher, selection_figure


def candidate(width: int, fid: float, error: float = 0.1, score: float | None = 7.0) -> Candidate:
    return Candidate(
        version=f"digits-teacher/{width}",
        width=width,
        parameters=width**2 * 64,
        fid=fid,
        fid_error=error,
        inception_score=score,
    )


def test_a_clearly_lower_fid_wins_whatever_the_inception_score() -> None:
    chosen, tied = choose_teacher([candidate(16, 9.0, score=9.0), candidate(32, 5.0, score=6.0)])
    assert chosen.width == 32
    assert tied == [chosen]


def test_a_tie_within_the_uncertainty_goes_to_the_higher_inception_score() -> None:
    # The difference 0.25 lies within two standard errors, 2 * sqrt(2) * 0.1 = 0.28.
    near = [candidate(32, 5.0, score=6.9), candidate(64, 5.25, score=7.1), candidate(128, 5.3, score=9.0)]
    chosen, tied = choose_teacher(near)
    assert chosen.width == 64
    assert [c.width for c in tied] == [32, 64]


def test_a_diverged_candidate_is_never_chosen() -> None:
    chosen, _ = choose_teacher([candidate(16, float("nan"), score=10), candidate(32, 50.0)])
    assert chosen.width == 32
    with pytest.raises(AnalysisError, match="Train them again"):
        choose_teacher([candidate(16, float("inf"))])


def test_the_figure_is_drawn(tmp_path: Path) -> None:
    files = save_figure(selection_figure([candidate(16, 9.0), candidate(32, 5.0), candidate(64, 5.1)]), tmp_path / "s")
    assert all(path.stat().st_size > 5000 for path in files)


def test_without_classes_fid_alone_decides_and_nothing_is_drawn_for_is(tmp_path: Path) -> None:
    near = [candidate(32, 5.2, score=None), candidate(64, 5.1, score=None)]
    assert choose_teacher(near)[0].width == 64
    figure = selection_figure(near)
    assert [text.get_text() for text in figure.axes[1].texts] == ["the extractor has no classes"]
    assert not figure.axes[1].lines
