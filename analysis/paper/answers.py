"""The paper's five questions, each answered in a sentence from measured rows, or with what is missing."""

import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
from scipy.stats import binomtest

from analysis.limit.estimate import compression_limit
from analysis.limit.result import CompressionLimit
from analysis.limit.rule import LimitRule
from analysis.paper.rows import Row, Scheme, Spread, comparable_rows, scheme_of, size_of
from analysis.schema import Phase, student_of

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
        _reachable(rows, limit),
        _against_scratch(rows),
        _where(rows, limit),
        _joint_against_mse(rows),
    )
    return [
        Answer(question, sentence.removeprefix(_MISSING), sentence.startswith(_MISSING))
        for question, sentence in zip(QUESTIONS, answers, strict=True)
    ]


_MISSING = "\0"


def _missing(what: str, remedy: str) -> str:
    return f"{_MISSING}Not enough rows: {what}. {remedy}"


def _reproduction(rows: list[Row]) -> str:
    measured = [row for row in rows if row["latent_ssim"] is not None]
    if not measured:
        return _missing("no student was compared with its teacher image by image", "Run the sweep under a new --name.")
    parts = []
    for scheme, of_scheme in _by_scheme(measured):
        ends = [_size_ends(of_scheme)[0], _size_ends(of_scheme)[-1]]
        shown = " and ".join(
            f"SSIM {_median(size, 'latent_ssim'):.2f} and PSNR {_median(size, 'latent_psnr'):.1f} dB at {_ratio(size)}"
            for size in (ends if ends[0] is not ends[1] else ends[:1])
        )
        parts.append(f"{scheme}: {shown}")
    lines = Spread.of(row["path_mse"] / row["latent_mse"] for row in measured if row["latent_mse"] > 0)
    return (
        f"At latents no student ever saw, against the teacher's own images (SSIM 1 is identical), {'; '.join(parts)}; "
        f"along lines between latents the squared error is {lines.text('.2f')} times that at single ones "
        f"({_counted(len(measured), 'student')}; medians over seeds)."
    )


def _reachable(rows: list[Row], limit: CompressionLimit) -> str:
    """The smallest student that was seen to hold the rule, in each of its seeds that the limit is judged by."""
    assert limit.threshold is not None
    rule = limit.rule.describe(limit.threshold)
    chosen = [row for row in rows if row["trial"] == limit.trial]
    if not chosen:
        return f"None of the sizes tried: no student has {rule} in most of its seeds."
    first = chosen[0]
    seeds = [row for row in rows if student_of(row) == student_of(first) and row["phase"] == first["phase"]]
    retained = _median(seeds, "inception_score") / first["teacher_inception_score"]
    remark = " Provisional, as the search alone measured it." if limit.provisional else ""
    return (
        f"{_ratio(seeds)} ({first['parameters']:,} parameters), the smallest student whose median holds the rule, "
        f"{rule}: over {_counted(len(seeds), 'seed')} FID {Spread.of(row['fid'] for row in seeds).text('.1f')} against "
        f"the teacher's {first['teacher_fid']:.1f}, {retained:.0%} of its IS.{remark}"
    )


def _where(rows: list[Row], limit: CompressionLimit) -> str:
    fresh = [row for row in rows if row["phase"] == Phase.CONFIRM]
    judged = _judged(fresh or rows, limit.rule)
    if len(judged) < 2:
        return _missing("one size alone", "Run a sweep over several widths.")
    shown = ", ".join(f"{_ratio(size)}: {held} of {len(size)}" for size, held in reversed(judged))
    seeds = "fresh seeds" if fresh else "seeds"
    return (
        f"{limit.sentence()} The best scheme of each size holds the rule in this share of {seeds}: {shown}. The sample "
        f"grid shows the same sizes side by side."
    )


def _against_scratch(rows: list[Row]) -> str:
    pairs = list(_pairs(rows, Scheme.JOINT, Scheme.SCRATCH)) or list(_pairs(rows, Scheme.MSE, Scheme.SCRATCH))
    if not pairs:
        return _missing("no baseline from scratch", "Run the sweep with baseline.of: all under a new --name.")
    scheme, ours, theirs = scheme_of(pairs[0][0]), pairs[0][0], pairs[0][1]
    gain = Spread.of(scratch["fid"] / student["fid"] for student, scratch in pairs)
    small = [pair for pair in pairs if pair[0]["compression_ratio"] >= SMALL]
    others = _mse_against_scratch(rows) if scheme == Scheme.JOINT else ""
    return (
        f"{str(scheme).capitalize()} against scratch, pair by pair of one size and seed: "
        f"lower FID in {_wins(pairs, _lower('fid'))} ({_wins(small, _lower('fid'), test=False)} of a tenth of the "
        f"teacher or less), by a factor of {gain.text('.2f')}; higher IS in {_wins(pairs, _higher_is)}; sharpness "
        f"closer to the teacher's in {_wins(pairs, _closer_sharpness)}{others}. Budgets: students {ours['kimg']:g} "
        f"kimg, scratch {theirs['kimg']:g}, teacher {ours['teacher_kimg']:g}."
    )


def _mse_against_scratch(rows: list[Row]) -> str:
    pairs = list(_pairs(rows, Scheme.MSE, Scheme.SCRATCH))
    return f"; MSE alone has the lower FID in {_wins(pairs, _lower('fid'))}" if pairs else ""


def _joint_against_mse(rows: list[Row]) -> str:
    pairs = list(_pairs(rows, Scheme.JOINT, Scheme.MSE))
    if not pairs:
        return _missing("no pair of the two schemes", "Run a sweep with gan_weight 0 and one above it.")
    gain = Spread.of(mse["fid"] / joint["fid"] for joint, mse in pairs)
    shares = [
        Spread.of(row["sharpness"] / row["teacher_sharpness"] for row in side) for side in zip(*pairs, strict=True)
    ]
    return (
        f"Joint against MSE, pair by pair of one size and seed: lower FID in {_wins(pairs, _lower('fid'))}, by a "
        f"factor of {gain.text('.2f')}; sharpness closer to the teacher's in {_wins(pairs, _closer_sharpness)} "
        f"(joint {shares[0].text('.2f')}, MSE {shares[1].text('.2f')} times the teacher's)."
    )


Pair = tuple[Row, Row]


def _pairs(rows: list[Row], first: Scheme, second: Scheme) -> Iterator[Pair]:
    """Rows of two schemes with one size and seed. Of several joint weights the middle one stands for all."""
    chosen: dict[Scheme, dict[object, Row]] = {first: {}, second: {}}
    weights = sorted({row["gan_weight"] for row in rows if scheme_of(row) == Scheme.JOINT})
    weight = weights[len(weights) // 2] if weights else None
    for row in rows:
        scheme = scheme_of(row)
        if scheme in chosen and (scheme != Scheme.JOINT or row["gan_weight"] == weight):
            chosen[scheme][size_of(row), row["seed"]] = row
    for key, row in sorted(chosen[first].items(), key=str):
        if key in chosen[second]:
            yield row, chosen[second][key]


def _lower(name: str) -> Callable[[Row, Row], bool]:
    return lambda ours, theirs: bool(ours[name] < theirs[name])


def _higher_is(ours: Row, theirs: Row) -> bool:
    return bool(ours["inception_score"] > theirs["inception_score"])


def _closer_sharpness(ours: Row, theirs: Row) -> bool:
    target = ours["teacher_sharpness"]
    return bool(abs(ours["sharpness"] - target) < abs(theirs["sharpness"] - target))


def _wins(pairs: list[Pair], better: Callable[[Row, Row], bool], test: bool = True) -> str:
    won = sum(better(ours, theirs) for ours, theirs in pairs)
    if not test or not pairs:
        return f"{won} of {len(pairs)}"
    chance = binomtest(won, len(pairs)).pvalue
    return f"{won} of {len(pairs)} (sign test p {'< 0.001' if chance < 0.001 else f'= {chance:.2g}'})"


def _by_scheme(rows: list[Row]) -> Iterator[tuple[Scheme, list[Row]]]:
    for scheme in (Scheme.MSE, Scheme.JOINT):
        found = [row for row in rows if scheme_of(row) == scheme]
        if found:
            yield scheme, found


def _size_ends(rows: list[Row]) -> list[list[Row]]:
    """The rows by size, the largest first."""
    sizes: dict[object, list[Row]] = {}
    for row in sorted(rows, key=size_of, reverse=True):
        sizes.setdefault(size_of(row), []).append(row)
    return list(sizes.values())


def _judged(rows: list[Row], rule: LimitRule) -> list[tuple[list[Row], int]]:
    """By size, smallest first: the rows of its best scheme, and how many of them hold the rule."""
    threshold = rule.threshold_for(rows[0])
    students = [row for row in rows if scheme_of(row) != Scheme.SCRATCH]
    judged = []
    for size in reversed(_size_ends(students)):
        recipes: dict[float, list[Row]] = {}
        for row in size:
            recipes.setdefault(row["gan_weight"], []).append(row)
        best = min(recipes.values(), key=lambda found: (-len(found), _median(found, "fid")))
        judged.append((best, sum(rule.holds(row[rule.metric], threshold) for row in best)))
    return judged


def _median(rows: Iterable[Row], name: str) -> float:
    return float(statistics.median(row[name] for row in rows))


def _ratio(rows: list[Row]) -> str:
    return f"1/{rows[0]['compression_ratio']:.1f}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
