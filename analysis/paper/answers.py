"""The paper's five questions, each answered in a sentence from measured rows, or with what is missing."""

import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from analysis.comparison.gain import SHARPNESS, Gain, count_of, gain_of_pairs
from analysis.comparison.pairing import Pairing, pair_rows
from analysis.frontier.students import Student, is_result
from analysis.limit.estimate import compression_limit
from analysis.limit.judging import judge
from analysis.limit.result import CompressionLimit
from analysis.limit.rule import LimitRule
from analysis.nouns import counted
from analysis.paper.rows import Row, Scheme, Spread, comparable_rows, scheme_of, size_of
from analysis.schema import TrialState, student_of

QUESTIONS = (
    "Does a student with far fewer parameters reproduce the teacher's function across the latent space?",
    "Which compression ratio is reachable without a substantial loss of quality?",
    "Does distillation beat training the same small GAN from scratch?",
    "Where is the limit?",
    "Joint loss against MSE alone: what does it do to sharpness and FID?",
)
SMALL = 10.0  # a student of at most a tenth of its teacher is called small


@dataclass(frozen=True)
class Answer:
    """A question of the paper with its sentence; `missing` where the rows did not suffice."""

    question: str
    sentence: str
    missing: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def five_answers(table: pa.Table, rule: LimitRule) -> list[Answer]:
    """An answer to each of QUESTIONS. Raises AnalysisError as `paper_rows` does."""
    rows, limit = comparable_rows(table), compression_limit(table, rule)
    answers = (
        _reproduction(rows),
        _reachable(table, limit),
        _against_scratch(table),
        _where(table, limit),
        _joint_against_mse(table),
    )
    return [
        Answer(question, sentence.removeprefix(_MISSING), sentence.startswith(_MISSING))
        for question, sentence in zip(QUESTIONS, answers, strict=True)
    ]


_MISSING = "\0"


def _missing(what: str, remedy: str) -> str:
    return f"{_MISSING}Not enough rows: {what}. {remedy}"


def _reproduction(rows: list[Row]) -> str:
    measured = [row for row in rows if _finite(row, "latent_ssim")]
    if not measured:
        return _missing("no student was compared with its teacher image by image", "Run the sweep under a new --name.")
    parts = []
    for scheme, of_scheme in _by_scheme(measured):
        sizes = _by_size(of_scheme)
        ends = [sizes[0], *sizes[1:][-1:]]
        parts.append(f"{scheme}: {' and '.join(_agreement(size) for size in ends)}")
    both = [
        row for row in measured if _finite(row, "path_mse") and _finite(row, "latent_mse") and row["latent_mse"] > 0
    ]
    ratios = [row["path_mse"] / row["latent_mse"] for row in both]
    lines = (
        f"; along lines between latents the squared error is {Spread.of(ratios).text('.2f')} times that at single ones"
        if ratios
        else ""
    )
    return (
        f"At latents no student ever saw, against the teacher's own images (SSIM 1 is identical), {'; '.join(parts)}"
        f"{lines} ({counted(len(measured), 'trial')}; medians over seeds)."
    )


def _agreement(size: list[Row]) -> str:
    """The medians of SSIM and, where it is finite, of PSNR: of equal images it is infinite."""
    psnr = [row["latent_psnr"] for row in size if _finite(row, "latent_psnr")]
    shown = f" and PSNR {statistics.median(psnr):.1f} dB" if psnr else ""
    return f"SSIM {statistics.median(row['latent_ssim'] for row in size):.2f}{shown} at {_ratio(size[0])}"


def _reachable(table: pa.Table, limit: CompressionLimit) -> str:
    """The smallest student that was seen to hold the rule, in each of its seeds that the limit is judged by."""
    if limit.threshold is None:
        return f"{_MISSING}{limit.sentence()}"
    rule = limit.rule.describe(limit.threshold)
    rows = [row for row in table.to_pylist() if is_result(row)]
    first = next((row for row in rows if row["trial"] == limit.trial), None)
    if first is None:
        return f"None of the sizes tried: no student has {rule} in most of its seeds."
    of_student = [row for row in rows if student_of(row) == student_of(first) and row["phase"] == first["phase"]]
    seeds = list({row["seed"]: row for row in sorted(of_student, key=lambda row: bool(row["final"]))}.values())
    measured = [row for row in seeds if row["state"] == TrialState.COMPLETED]
    fid, score = ([row[name] for row in measured if _finite(row, name)] for name in ("fid", "inception_score"))
    failed = f" ({len(seeds) - len(measured)} failed)" if len(measured) < len(seeds) else ""
    shown = f"FID {Spread.of(fid).text('.1f')} against the teacher's {first['teacher_fid']:.1f}" if fid else "no FID"
    retained = f"{statistics.median(score) / first['teacher_inception_score']:.0%} of its IS" if score else "no IS"
    remark = f" Provisional: {limit.reason}." if limit.provisional else ""
    return (
        f"{_ratio(first)} ({first['parameters']:,} parameters), the smallest student whose median holds the rule, "
        f"{rule}: over {counted(len(seeds), 'seed')}{failed} {shown}, {retained}.{remark}"
    )


def _where(table: pa.Table, limit: CompressionLimit) -> str:
    if limit.threshold is None:
        return f"{_MISSING}{limit.sentence()}"
    judgement = judge(table, limit.rule.column)
    judged = _judged(judgement.students, limit.rule)
    if len(judged) < 2:
        return _missing("one size alone", "Run a sweep over several widths.")
    shown = ", ".join(
        f"{_ratio(student.row)}: {sum(limit.rule.holds(value, limit.threshold) for value in student.values)} of "
        f"{student.seeds}"
        for student in judged
    )
    remark = f" Provisional: {limit.reason}." if limit.provisional else ""
    seeds = "fresh seeds" if judgement.confirmed else "seeds"
    return (
        f"{limit.answer}{remark} The best scheme of each size holds the rule in this share of {seeds}: {shown}. The "
        "sample grid shows the same sizes side by side."
    )


def _judged(students: Iterable[Student], rule: LimitRule) -> list[Student]:
    """Of each size, largest first, the student of most seeds; of equal ones the best by the rule's median.

    A failed seed is one of its seeds, and does not hold.
    """
    sizes: dict[tuple[int, int, int, str], list[Student]] = {}
    for student in students:
        sizes.setdefault(size_of(student.row), []).append(student)
    sign = -1 if rule.column.higher_is_better else 1
    best = {size: min(tried, key=lambda one: (-one.seeds, sign * one.median)) for size, tried in sizes.items()}
    return [best[size] for size in sorted(best, reverse=True)]


def _against_scratch(table: pa.Table) -> str:
    pairings = [pair_rows(table, scheme, Scheme.SCRATCH) for scheme in (Scheme.JOINT, Scheme.MSE)]
    paired = [(pairing, fid) for pairing in pairings if (fid := gain_of_pairs(pairing)).pairs]
    if not paired:
        return _missing(
            "no student has a baseline from scratch of its architecture and seed",
            "Run the sweep with baseline.of: all under a new --name.",
        )
    (pairing, fid), *rest = paired
    score, sharpness = (gain_of_pairs(pairing, name) for name in ("inception_score", SHARPNESS))
    teacher = pairing.pairs[0][0]
    small = [size for size in fid.per_size if teacher["teacher_parameters"] >= SMALL * (size.parameters or math.inf)]
    among = f" ({count_of(small)} of a tenth of the teacher or less)" if small else ""
    others = "".join(f"; MSE alone has the lower FID in {other.count}{other.remark}" for _, other in rest)
    return (
        f"{_named(pairing)} against scratch, pair by pair of one architecture and seed{_seeds_of(fid)}: FID "
        f"{fid.times}, lower in {fid.count} pairs{among}{fid.sign_test}; higher IS in {score.count}; sharpness closer "
        f"to the teacher's in {sharpness.count}{fid.remark}{others}. {_budgets(pairing)}"
    )


def _joint_against_mse(table: pa.Table) -> str:
    pairing = pair_rows(table, Scheme.JOINT, Scheme.MSE)
    fid, sharpness = (gain_of_pairs(pairing, name) for name in ("fid", SHARPNESS))
    if not fid.pairs:
        return _missing("no pair of the two schemes", "Run a sweep with gan_weight 0 and one above it.")
    shares = [_sharpness_share(row[side] for row in pairing.pairs) for side in (0, 1)]
    shown = f" (joint {shares[0]}, MSE {shares[1]} times the teacher's)" if all(shares) else ""
    return (
        f"{_named(pairing)} against MSE alone, pair by pair of one student and seed{_seeds_of(fid)}: FID "
        f"{fid.times}, lower in {fid.count} pairs{fid.sign_test}; sharpness closer to the teacher's in "
        f"{sharpness.count}{shown}."
    )


def _named(pairing: Pairing) -> str:
    """The scheme of ours, with the weights of the GAN term that the pairs have."""
    if pairing.ours != Scheme.JOINT:
        return "MSE alone"
    weights = sorted({row["gan_weight"] for row, _ in pairing.pairs})
    ends = f"{weights[0]:g}" if len(weights) == 1 else f"{weights[0]:g} to {weights[-1]:g}"
    return f"Joint (a = {ends})"


def _seeds_of(gain: Gain) -> str:
    return ", fresh seeds alone" if gain.fresh else ""


def _budgets(pairing: Pairing) -> str:
    ours, theirs = ({pair[side]["kimg"] for pair in pairing.pairs} for side in (0, 1))
    students, scratch = (", ".join(f"{kimg:g}" for kimg in sorted(side)) for side in (ours, theirs))
    return f"Budgets: students {students} kimg, scratch {scratch}, teacher {pairing.pairs[0][0]['teacher_kimg']:g}."


def _sharpness_share(rows: Iterable[Row]) -> str:
    """Sharpness over the teacher's: median and range over trials, each once; empty where none was measured."""
    trials = {row["trial"]: row for row in rows if _finite(row, "sharpness") and row["teacher_sharpness"] > 0}
    shares = [row["sharpness"] / row["teacher_sharpness"] for row in trials.values()]
    return Spread.of(shares).text(".2f") if shares else ""


def _by_scheme(rows: list[Row]) -> Iterator[tuple[Scheme, list[Row]]]:
    for scheme in (Scheme.MSE, Scheme.JOINT):
        found = [row for row in rows if scheme_of(row) == scheme]
        if found:
            yield scheme, found


def _by_size(rows: list[Row]) -> list[list[Row]]:
    """The rows by size, the largest first."""
    sizes: dict[object, list[Row]] = {}
    for row in sorted(rows, key=size_of, reverse=True):
        sizes.setdefault(size_of(row), []).append(row)
    return list(sizes.values())


def _finite(row: Row, name: str) -> bool:
    return row[name] is not None and math.isfinite(row[name])


def _ratio(row: Row) -> str:
    return f"1/{row['compression_ratio']:.1f}"
