import csv
import io
from typing import Any

import pytest

from analysis import (
    AnalysisError,
    LimitRule,
    Mode,
    Phase,
    Scheme,
    TrialState,
    compression_limit,
    five_answers,
    paired_gain,
    paper_csv,
    paper_latex,
    paper_markdown,
    paper_rows,
)

RULE = LimitRule(metric="fid", tolerance=1.0)  # at most 10 with the teacher's 5
SCRATCH = {"mode": Mode.SCRATCH, "phase": Phase.BASELINE, "gan_weight": None, "kimg": 256.0}


def student(width: int, fid: float, gan_weight: float = 0.0, seed: int = 0, **changes: Any) -> dict[str, Any]:
    return {"width": width, "parameters": 2000 * width, "fid": fid, "gan_weight": gan_weight, "seed": seed, **changes}


def whole_experiment(scratch_gain: float = 2.0) -> list[dict[str, Any]]:
    """Widths 1, 4 and 8, three seeds, both schemes and baselines; joint is better by 1 and sharper by 300."""
    rows = []
    for width, fid in ((1, 30.0), (4, 10.5), (8, 8.0)):
        for seed in range(3):
            agreement = {"latent_mse": 0.02, "path_mse": 0.03, "latent_ssim": 0.9 + seed / 100, "latent_psnr": 20.0}
            own = {"seed": seed, "sharpness": 3000.0, **agreement}
            rows.append(student(width, fid + seed, **own))
            rows.append(student(width, fid - 1 + seed, 0.02, **{**own, "sharpness": 3300.0}))
            rows.append(student(width, scratch_gain * (fid + seed), **{**SCRATCH, "seed": seed, "sharpness": 2000.0}))
    return rows


def test_a_row_is_a_size_and_a_scheme_over_its_seeds(table: Any) -> None:
    rows = paper_rows(table(*whole_experiment()))
    assert [row.scheme for row in rows[:2]] == [Scheme.REAL, Scheme.TEACHER]
    assert [(row.width, row.scheme) for row in rows[2:5]] == [(8, Scheme.MSE), (8, Scheme.JOINT), (8, Scheme.SCRATCH)]
    mse = rows[2]
    assert (mse.metrics["fid"].low, mse.metrics["fid"].median, mse.metrics["fid"].high) == (8.0, 9.0, 10.0)
    assert (mse.seeds, mse.parameters, mse.ratio) == (3, 16_000, 100_000 / 16_000)
    assert mse.is_retained == pytest.approx(8.0 / 9.0)


def test_a_scheme_of_its_own_is_a_row_and_an_answer_of_its_own(table: Any) -> None:
    features = {"scheme": "critic features 0.1 + teacher's critic"}
    other = [student(4, 7.0 + seed, 0.05, **{**features, "seed": seed}) for seed in range(3)]
    rows = paper_rows(table(*whole_experiment(), *other, student(4, 9.0, scheme="critic features 0.2")))
    found = {row.label: (row.short_label, row.seeds) for row in rows if row.scheme == Scheme.OTHER}
    assert found == {
        "distilled, critic features 0.1 + teacher's critic (a = 0.05)": (
            "critic features 0.1 + teacher's critic 0.05",
            3,
        ),
        "distilled, critic features 0.2": ("critic features 0.2", 1),
    }
    of_size = [row.scheme for row in rows if row.width == 4]
    assert of_size == [Scheme.MSE, Scheme.JOINT, Scheme.OTHER, Scheme.OTHER, Scheme.SCRATCH]
    _, _, scratch, _, schemes = five_answers(table(*whole_experiment(), *other), RULE)
    assert scratch.sentence.startswith("critic features 0.1 + teacher's critic (a = 0.05) against scratch")
    assert "; Joint (a = 0.02) has the lower FID in" in scratch.sentence
    assert "; MSE alone has the lower FID in" in scratch.sentence
    _, _, _, _, alone = five_answers(table(*whole_experiment()), RULE)
    assert schemes == alone, "the paper's two schemes are compared with each other alone"


def test_trials_that_did_not_finish_are_no_part_of_it(table: Any) -> None:
    unfinished = student(4, 1.0, seed=9, state=TrialState.DIVERGED, final=False)
    rows = paper_rows(table(student(4, 12.0), unfinished))
    assert [row.seeds for row in rows if row.scheme == Scheme.MSE] == [1]


def test_before_any_result_there_is_no_table(table: Any) -> None:
    with pytest.raises(AnalysisError, match="finished student"):
        paper_rows(table(student(4, 1.0, state=TrialState.RUNNING, final=False)))


def test_rows_of_two_protocols_share_no_table(table: Any) -> None:
    with pytest.raises(AnalysisError, match="one protocol"):
        paper_rows(table(student(4, 1.0), student(8, 1.0, protocol_digest="q" * 64)))


def test_the_five_answers_say_what_the_rows_say(table: Any) -> None:
    function, reachable, scratch, where, schemes = five_answers(table(*whole_experiment()), RULE)
    assert not any(answer.missing for answer in (function, reachable, scratch, where, schemes))
    assert "SSIM 0.91" in function.sentence
    assert "1.50 times" in function.sentence
    # Joint at width 8: 7, 8 and 9. At width 4: 9.5, 10.5 and 11.5, of which one holds.
    assert reachable.sentence.startswith("1/6.2 (16,000 parameters), the smallest student whose median holds")
    assert "over 3 seeds FID 8.0 (7.0 to 9.0)" in reachable.sentence
    limit = compression_limit(table(*whole_experiment()), RULE)
    assert limit.answer in where.sentence, "the answers never contradict the limit"
    assert limit.ratio is not None
    assert 6.2 < limit.ratio < 12.5
    assert "1/12.5: 1 of 3" in where.sentence
    assert "lower in 9 of 9 pairs (6 of 6 of a tenth of the teacher or less)" in scratch.sentence
    assert "in 3 of 3 architectures (sign test over these p = 0.25)" in scratch.sentence
    assert "MSE alone has the lower FID in 9 of 9" in scratch.sentence
    assert "students 64 kimg, scratch 256, teacher 256" in scratch.sentence
    assert "lower in 9 of 9 pairs" in schemes.sentence
    assert "sharpness closer to the teacher's in 9 of 9 (joint 0.80, MSE 0.73 times" in schemes.sentence


def test_where_scratch_wins_the_answer_says_so(table: Any) -> None:
    _, _, scratch, *_ = five_answers(table(*whole_experiment(scratch_gain=0.5)), RULE)
    assert "lower in 0 of 9" in scratch.sentence


def test_the_answers_have_the_numbers_of_the_gains(table: Any) -> None:
    """Two joint weights, and settings that only some students share: what pairs is decided in one place."""
    rows = whole_experiment()
    rows += [row | {"gan_weight": 0.1, "fid": 50.0} for row in rows if row["gan_weight"] == 0.02]
    rows += [row | {"settings": '{"rate": 2}', "fid": 1.0} for row in rows if row["gan_weight"] == 0.02]
    found = table(*rows)
    _, _, scratch, _, schemes = five_answers(found, RULE)
    for answer, theirs, weights in ((scratch, Scheme.SCRATCH, 27), (schemes, Scheme.MSE, 18)):
        gain = paired_gain(found, ours=Scheme.JOINT, theirs=theirs)
        assert gain.pairs == weights
        assert f"FID {gain.times}, lower in {gain.count} pairs" in answer.sentence
        assert answer.sentence.startswith("Joint (a = 0.02 to 0.1) against")


def test_equal_numbers_are_ties_and_not_lost(table: Any) -> None:
    rows = [student(4, 9.0, seed=seed) for seed in range(3)] + [student(4, 9.0, 0.02, seed=seed) for seed in range(3)]
    *_, schemes = five_answers(table(*rows), RULE)
    assert "FID 1.000 times as good (95% interval 1.000 to 1.000), lower in 0 of 3 (3 equal) pairs;" in schemes.sentence


def test_why_an_answer_is_provisional_is_the_limits_reason(table: Any) -> None:
    rows = [student(width, 9.0, seed=7, phase=Phase.CONFIRM) for width in (2, 4)]
    limit = compression_limit(table(*rows), RULE)
    _, reachable, *_ = five_answers(table(*rows), RULE)
    assert "one fresh seed" in limit.reason
    assert reachable.sentence.endswith(f"Provisional: {limit.reason}.")


def test_a_seed_that_failed_does_not_hold(table: Any) -> None:
    failed = {"phase": Phase.CONFIRM, "final": False, "inception_score": None}
    rows = [student(width, 9.0, seed=seed, phase=Phase.CONFIRM) for width in (2, 4) for seed in (7, 8)]
    rows += [
        student(2, 0.0, seed=9, **failed, state=TrialState.DIVERGED),
        student(4, 0.0, seed=9, **failed, state=TrialState.FAILED),
    ]
    rows += [student(4, 0.0, seed=10, **failed, state=TrialState.LOST)]
    *_, where, _ = five_answers(table(*rows), RULE)
    assert "1/25.0: 2 of 3" in where.sentence
    assert "1/12.5: 2 of 3" in where.sentence, "what was lost is no evidence"
    _, reachable, *_ = five_answers(table(*rows), RULE)
    assert "over 3 seeds (1 failed) FID 9.0 against" in reachable.sentence


def test_the_best_scheme_of_a_size_is_the_best_by_the_rules_metric(table: Any) -> None:
    rule = LimitRule(metric="inception_score", threshold=8.5)
    rows = [student(width, 9.0, 0.0, inception_score=9.0) for width in (2, 4)]
    rows += [student(width, 5.0, 0.02, inception_score=7.0) for width in (2, 4)]
    *_, where, _ = five_answers(table(*rows), rule)
    assert "1/12.5: 1 of 1, 1/25.0: 1 of 1" in where.sentence


@pytest.mark.parametrize(("missing", "words"), [("inception_score", "no IS"), ("sharpness", "89% of its IS")])
def test_the_limits_student_is_named_though_something_else_of_it_is_missing(
    table: Any, missing: str, words: str
) -> None:
    _, reachable, *_ = five_answers(table(student(2, 9.0, **{missing: None}), student(4, 30.0)), RULE)
    assert reachable.sentence.startswith("1/25.0 (4,000 parameters)")
    assert f"over 1 seed FID 9.0 against the teacher's 5.0, {words}." in reachable.sentence


@pytest.mark.parametrize(("metric", "label"), [("kid", "KID"), ("latent_mse", "MSE to the teacher")])
def test_a_rule_on_what_was_not_measured_is_answered(table: Any, metric: str, label: str) -> None:
    answers = five_answers(table(*whole_experiment()), LimitRule(metric="kid", threshold=0.1))
    if metric == "latent_mse":
        rows = [row | {"latent_mse": None, "path_mse": None} for row in whole_experiment()]
        answers = five_answers(table(*rows), LimitRule(metric="latent_mse", threshold=0.1))
    for answer in (answers[1], answers[3]):
        assert answer.missing
        assert f"has a value of {label}" in answer.sentence


def test_equal_images_have_no_ratio_and_no_psnr(table: Any) -> None:
    equal = {"latent_ssim": 1.0, "latent_mse": 0.0, "path_mse": 0.0, "latent_psnr": None}
    function, *_ = five_answers(table(student(4, 9.0, **equal), student(8, 9.0, **equal)), RULE)
    assert function.sentence.endswith(
        "distilled, MSE: SSIM 1.00 at 1/6.2 and SSIM 1.00 at 1/12.5 (2 trials; medians over seeds)."
    )


def test_questions_without_rows_name_what_to_run(table: Any) -> None:
    function, reachable, scratch, where, schemes = five_answers(table(student(4, 12.0)), RULE)
    assert [answer.missing for answer in (function, reachable, scratch, where, schemes)] == [True, False, *[True] * 3]
    assert "baseline.of: all" in scratch.sentence
    assert "gan_weight 0" in schemes.sentence
    assert reachable.sentence.startswith("None of the sizes tried")


def test_the_limit_between_sizes_is_not_claimed_where_none_fails(table: Any) -> None:
    rows = [student(width, 9.0, seed=seed) for width in (2, 4) for seed in range(2)]
    *_, where, _ = five_answers(table(*rows), RULE)
    assert "the limit was not reached" in where.sentence


class TestFormats:
    def test_csv_reads_back_as_plain_numbers(self, table: Any) -> None:
        rows = paper_rows(table(*whole_experiment()))
        read = list(csv.DictReader(io.StringIO(paper_csv(rows))))
        assert len(read) == len(rows)
        assert [float(read[2][name]) for name in ("fid", "fid_low", "fid_high")] == [9.0, 8.0, 10.0]
        assert read[0]["parameters"] == ""

    def test_markdown_has_a_line_per_row_and_the_answers(self, table: Any) -> None:
        found = table(*whole_experiment())
        rows, answers = paper_rows(found), five_answers(found, RULE)
        text = paper_markdown("title", rows, answers=answers)
        lines = [line for line in text.splitlines() if line.startswith("|")]
        assert len(lines) == len(rows) + 2
        assert len({line.count("|") for line in lines}) == 1
        assert "distilled, joint (a = 0.02) | 16,000" in text
        assert all(answer.sentence in text for answer in answers)

    def test_latex_escapes_and_closes(self, table: Any) -> None:
        text = paper_latex(paper_rows(table(*whole_experiment())))
        assert r"89\%" in text
        assert text.count(r"\\") == 1 + 2 + 9
        assert text.rstrip().endswith(r"\end{tabular}")
