"""This module answers the paper's five questions, each in a sentence from measured rows, or with what is missing."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.comparison.gain import SHARPNESS, Gain, count_of, gain_of_pairs
from analysis.comparison.pairing import Pairing, pair_rows
from analysis.frontier.students import Students
from analysis.limit.estimate import limit_of
from analysis.limit.judging import Judgement, judge
from analysis.limit.result import CompressionLimit
from analysis.limit.rule import LimitRule
from analysis.nouns import counted, known_kimg
from analysis.paper.rows import Spread, comparable_rows
from analysis.schema import TrialState
from analysis.schemes import Row, Scheme, sizes_among
from analysis.trials import Ints, Trials, codes_of, first_of_each, last_of_each

QUESTIONS = (
    "Does a student with far fewer parameters reproduce the teacher's function across the latent space?",
    "Which compression ratio is reachable without a substantial loss of quality?",
    "Does distillation beat training the same small GAN from scratch?",
    "Where is the limit?",
    "Joint loss against MSE alone: what does it do to sharpness and FID?",
)
SMALL = 10.0  # a student of at most a tenth of its teacher is called small


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An Answer is a question of the paper with its sentence; `missing` where the rows did not suffice.

    >>> from analysis import Answer
    >>> Answer(question="Where is the limit?", sentence="Not enough rows: one size alone.", missing=True).missing
    True
    """

    question: str
    sentence: str
    missing: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def five_answers(table: pa.Table, rule: LimitRule) -> list[Answer]:
    """Returns an answer to each of QUESTIONS. Raises AnalysisError as `paper_rows` does.

    >>> from analysis import LimitRule, example_trials, five_answers
    >>> table = example_trials(*({"width": n, "parameters": 1_000 * n, "fid": 80 / n} for n in (4, 8)))
    >>> answers = five_answers(table, LimitRule(metric="fid", tolerance=1.0))
    >>> [answer.missing for answer in answers]  # nothing from scratch, no joint scheme, no image beside the teacher's
    [True, False, True, False, True]
    """
    trials = Trials(table)
    judgement = judge(trials, rule.column)
    joint_and_mse = pair_rows(trials, ours=Scheme.JOINT, theirs=Scheme.MSE)
    return answers_of(judgement, limit_of(judgement, rule), joint_and_mse=joint_and_mse)


def answers_of(judgement: Judgement, limit: CompressionLimit, *, joint_and_mse: Pairing) -> list[Answer]:
    """Returns what `five_answers` does, where limit and pairs are known."""
    trials = judgement.students.trials
    rows = comparable_rows(trials)
    answers = (
        _reproduction(trials, rows),
        _reachable(trials, limit),
        _against_scratch(trials),
        _where(judgement, limit),
        _joint_against_mse(joint_and_mse),
    )
    return [
        Answer(question=question, sentence=sentence.removeprefix(_MISSING), missing=sentence.startswith(_MISSING))
        for question, sentence in zip(QUESTIONS, answers, strict=True)
    ]


_MISSING = "\0"


def _missing(what: str, remedy: str) -> str:
    return f"{_MISSING}Not enough rows: {what}. {remedy}"


def _reproduction(trials: Trials, rows: Ints) -> str:
    ssim = trials.numbers("latent_ssim")
    measured = rows[np.isfinite(ssim[rows])]
    if not len(measured):
        return _missing("no student was compared with its teacher image by image", "Run the sweep under a new --name.")
    parts = []
    for scheme, is_of_scheme in (
        (Scheme.MSE, trials.is_mse),
        (Scheme.JOINT, trials.is_joint),
        (Scheme.OTHER, trials.is_other),
    ):
        of_scheme = measured[is_of_scheme[measured]]
        ends = list(dict.fromkeys(_ends(trials, of_scheme)))
        agreements = [_agreement(trials, of_scheme[trials.size[of_scheme] == size]) for size in ends]
        parts += [f"{scheme}: {' and '.join(agreements)}"] if agreements else []
    path, single = trials.numbers("path_mse")[measured], trials.numbers("latent_mse")[measured]
    both = np.isfinite(path) & np.isfinite(single) & (single > 0)
    lines = (
        "; along lines between latents the squared error is "
        f"{Spread.of(path[both] / single[both]).text('.2f')} times that at single ones"
        if both.any()
        else ""
    )
    return (
        f"At latents no student ever saw, against the teacher's own images (SSIM 1 is identical), {'; '.join(parts)}"
        f"{lines} ({counted(len(measured), 'trial')}; medians over seeds)."
    )


def _ends(trials: Trials, rows: Ints) -> list[int]:
    """Returns the largest and the smallest size among rows, by their codes; nothing where there are no rows."""
    sizes = sizes_among(trials, rows)
    return [int(trials.size[row]) for row in (*sizes[-1:], *sizes[:1])]


def _agreement(trials: Trials, rows: Ints) -> str:
    """Returns the medians of SSIM and, where it is finite, of PSNR, which equal images make infinite."""
    ssim, psnr = (trials.numbers(name)[rows] for name in ("latent_ssim", "latent_psnr"))
    psnr = psnr[np.isfinite(psnr)]
    shown = f" and PSNR {np.median(psnr):.1f} dB" if len(psnr) else ""
    return f"SSIM {np.median(ssim):.2f}{shown} at {_ratio(trials.row(int(rows[0])))}"


def _reachable(trials: Trials, limit: CompressionLimit) -> str:
    """Returns the smallest student that was seen to hold the rule, in each of its seeds that the limit is judged by."""
    if limit.threshold is None:
        return f"{_MISSING}{limit.sentence()}"
    rule = limit.rule.describe(limit.threshold)
    chosen = np.flatnonzero(trials.is_result & (trials.integers("trial") == limit.trial))
    if limit.trial is None or not len(chosen):
        return f"None of the sizes tried: no student has {rule} in most of its seeds."
    first = trials.row(int(chosen[0]))
    of_phase = trials.is_confirm if trials.is_confirm[chosen[0]] else trials.is_search
    seeds = np.flatnonzero(trials.is_result & of_phase & (trials.student == trials.student[chosen[0]]))
    seeds = seeds[np.argsort(trials.is_final[seeds], kind="stable")]
    seeds = seeds[last_of_each(codes_of([trials.seed[seeds]]))]
    measured = seeds[trials.where("state", TrialState.COMPLETED)[seeds]]
    fid, score = (trials.numbers(name)[measured] for name in ("fid", "inception_score"))
    fid, score = fid[np.isfinite(fid)], score[np.isfinite(score)]
    failed = f" ({len(seeds) - len(measured)} failed)" if len(measured) < len(seeds) else ""
    against = f"against the teacher's {first['teacher_fid']:.1f}"
    shown = f"FID {Spread.of(fid).text('.1f')} {against}" if len(fid) else "no FID"
    teacher = first["teacher_inception_score"]
    retained = "" if teacher is None else f", {np.median(score) / teacher:.0%} of its IS" if len(score) else ", no IS"
    remark = f" Provisional: {limit.reason}." if limit.provisional else ""
    return (
        f"{_ratio(first)} ({first['parameters']:,} parameters), the smallest student whose median holds the rule, "
        f"{rule}: over {counted(len(seeds), 'seed')}{failed} {shown}{retained}.{remark}"
    )


def _where(judgement: Judgement, limit: CompressionLimit) -> str:
    if limit.threshold is None:
        return f"{_MISSING}{limit.sentence()}"
    judged = _judged(judgement.students, limit.rule)
    if len(judged) < 2:
        return _missing("one size alone", "Run a sweep over several widths.")
    held = [int(limit.rule.holding(judged.values_of(index), limit.threshold).sum()) for index in range(len(judged))]
    shown = ", ".join(
        f"{_ratio(student.row)}: {holding} of {student.seeds}" for student, holding in zip(judged, held, strict=True)
    )
    remark = f" Provisional: {limit.reason}." if limit.provisional else ""
    seeds = "fresh seeds" if judgement.confirmed else "seeds"
    return (
        f"{limit.answer}{remark} The best scheme of each size holds the rule in this share of {seeds}: {shown}. The "
        "sample grid shows the same sizes side by side."
    )


def _judged(students: Students, rule: LimitRule) -> Students:
    """Returns each size's student of most seeds, the best by the rule's median among equals; largest size first.

    A failed seed is one of its seeds, and does not hold.
    """
    trials = students.trials
    sign = -1 if rule.column.higher_is_better else 1
    order = np.lexsort((sign * students.median_S, -students.seed_counts))
    best = order[first_of_each(codes_of([trials.size[students.row_S[order]]]))] if len(order) else order
    by_row = dict(zip(students.row_S[best].tolist(), best.tolist(), strict=True))
    return students.take(
        np.array([by_row[row] for row in reversed(sizes_among(trials, students.row_S[best]))], dtype=np.int64)
    )


def _against_scratch(trials: Trials) -> str:
    schemes = (Scheme.OTHER, Scheme.JOINT, Scheme.MSE)
    pairings = [pair_rows(trials, ours=scheme, theirs=Scheme.SCRATCH) for scheme in schemes]
    paired = [(pairing, fid) for pairing in pairings if (fid := gain_of_pairs(pairing)).pairs]
    if not paired:
        return _missing(
            "no student has a baseline from scratch of its architecture and seed",
            "Run the sweep with baseline.of: all under a new --name.",
        )
    (pairing, fid), *rest = paired
    score, sharpness = (gain_of_pairs(pairing, name) for name in ("inception_score", SHARPNESS))
    teacher = trials.row(int(pairing.ours_P[0]))["teacher_parameters"]
    small = [size for size in fid.per_size if teacher >= SMALL * (size.parameters or math.inf)]
    among = f" ({count_of(small)} of a tenth of the teacher or less)" if small else ""
    higher = f"; higher IS in {score.count}" if score.pairs else ""
    others = "".join(f"; {_named(own)} has the lower FID in {other.count}{other.remark}" for own, other in rest)
    return (
        f"{_named(pairing)} against scratch, pair by pair of one architecture and seed{_seeds_of(fid)}: FID "
        f"{fid.times}, lower in {fid.count} pairs{among}{fid.sign_test}{higher}; sharpness closer "
        f"to the teacher's in {sharpness.count}{fid.remark}{others}. {_budgets(pairing)}"
    )


def _joint_against_mse(pairing: Pairing) -> str:
    fid, sharpness = (gain_of_pairs(pairing, name) for name in ("fid", SHARPNESS))
    if not fid.pairs:
        return _missing("no pair of the two schemes", "Run a sweep with gan_weight 0 and one above it.")
    shares = [_sharpness_share(pairing.trials, rows) for rows in (pairing.ours_P, pairing.theirs_P)]
    shown = f" (joint {shares[0]}, MSE {shares[1]} times the teacher's)" if all(shares) else ""
    return (
        f"{_named(pairing)} against MSE alone, pair by pair of one student and seed{_seeds_of(fid)}: FID "
        f"{fid.times}, lower in {fid.count} pairs{fid.sign_test}; sharpness closer to the teacher's in "
        f"{sharpness.count}{shown}."
    )


def _named(pairing: Pairing) -> str:
    """Returns the scheme of ours, with the weights of the GAN term that the pairs have."""
    if pairing.ours == Scheme.MSE:
        return "MSE alone"
    weights = np.unique(pairing.trials.numbers("gan_weight")[pairing.ours_P])
    ends = f"{weights[0]:g}" if len(weights) == 1 else f"{weights[0]:g} to {weights[-1]:g}"
    if pairing.ours == Scheme.JOINT:
        return f"Joint (a = {ends})"
    schemes = pairing.trials.table["scheme"].take(pairing.ours_P).unique().to_pylist()
    return f"{schemes[0] if len(schemes) == 1 else 'Other schemes'} (a = {ends})"


def _seeds_of(gain: Gain) -> str:
    return ", fresh seeds alone" if gain.fresh else ""


def _budgets(pairing: Pairing) -> str:
    kimg = pairing.trials.numbers("kimg")
    students, scratch = (
        ", ".join(f"{budget:g}" for budget in np.unique(kimg[rows])) for rows in (pairing.ours_P, pairing.theirs_P)
    )
    teacher = pairing.trials.row(int(pairing.ours_P[0]))["teacher_kimg"]
    return f"Budgets: students {students} kimg, scratch {scratch}, teacher {known_kimg(teacher)}."


def _sharpness_share(trials: Trials, rows: Ints) -> str:
    """Returns the median and range of sharpness over the teacher's, each trial once; nothing without any."""
    rows = np.unique(rows)
    sharpness, teacher = (trials.numbers(name)[rows] for name in ("sharpness", "teacher_sharpness"))
    known = np.isfinite(sharpness) & (teacher > 0)
    return Spread.of(sharpness[known] / teacher[known]).text(".2f") if known.any() else ""


def _ratio(row: Row) -> str:
    return f"1/{row['compression_ratio']:.1f}"
