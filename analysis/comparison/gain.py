"""What one way of making a student gains over another: pairs of equal architecture and seed, with an interval."""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa
from scipy.stats import binomtest, t

from analysis.columns import QUALITIES
from analysis.errors import AnalysisError
from analysis.paper.rows import Scheme, scheme_of, size_of
from analysis.schema import Mode, TrialState, require_one_protocol, require_one_teacher

CONFIDENCE = 0.95
SHARPNESS = "sharpness"  # as closeness to the teacher's
GAIN_METRICS = ("fid", "inception_score", "latent_mse", SHARPNESS)  # positive ones, of which a ratio means something

Row = dict[str, Any]
Side = Scheme | Mode


@dataclass(frozen=True)
class Gain:
    """How many times better ours is than theirs, by pairs of one architecture and seed. Above 1 ours is better.

    `ratio` is the geometric mean over architectures of each one's geometric mean over its seeds, and with a seed
    over its pairs: an architecture counts once, however many seeds it has. `low` and `high` are a 95% t-interval on
    the logarithms, over the architectures where there are several and else over the seeds; None where there is one
    of these. `wins` of the `pairs` are better; `p_value` is the two-sided sign test's, which leaves ties out
    and takes pairs for independent, which those of one architecture are not quite.
    `left_out` rows of ours have no partner, or one of the two has no positive number.
    """

    label: str
    metric: str
    pairs: int
    seeds: int
    left_out: int
    ratio: float | None  # None without a pair
    low: float | None
    high: float | None
    wins: int
    p_value: float | None  # None where every pair is a tie
    parameters: int | None = None  # of the one architecture
    per_size: tuple["Gain", ...] = ()  # the same for each architecture, smallest first

    @property
    def metric_name(self) -> str:
        """The metric as people name it."""
        return _NAMES[self.metric]

    def sentence(self) -> str:
        """The gain in one sentence."""
        left_out = f"; {self.left_out} left out for want of a pair" if self.left_out else ""
        if self.ratio is None:
            return f"{self.label}: no pair of one architecture and seed{left_out}."
        form = ".3f" if abs(self.ratio - 1) < 0.1 else ".2f"
        ratio, low, high = (format(value or 0, form) for value in (self.ratio, self.low, self.high))
        spread = "no interval: one seed" if self.low is None else f"95% interval {low} to {high}"
        paired = sum(size.pairs > 0 for size in self.per_size)
        sizes = f" of {paired} architectures" if paired > 1 else ""
        chance = "" if self.p_value is None else f" (sign test p {_chance(self.p_value)})"
        return (
            f"{self.label}: {self.metric_name} {ratio} times as good ({spread}), better in {self.wins} "
            f"of {self.pairs} pairs{sizes}{chance}{left_out}."
        )

    def as_dict(self) -> dict[str, Any]:
        """The same for a script. Every value is JSON."""
        sizes = [gain.as_dict() for gain in self.per_size]
        return {**asdict(self), "per_size": sizes, "sentence": self.sentence()}


_NAMES = {name: QUALITIES[name].label for name in GAIN_METRICS if name in QUALITIES} | {
    SHARPNESS: "closeness to the teacher's sharpness"
}


def paired_gain(table: pa.Table, ours: Side, theirs: Side, metric: str = "fid") -> Gain:
    """The gain of `ours` over `theirs` in `metric`, one of GAIN_METRICS.

    A side is a Scheme, or a Mode for students of all its schemes. Two distilled students pair where all but the
    weight of the GAN term is equal; a student and one from scratch where architecture and seed are, and of several
    from scratch the one of the largest budget counts. sharpness is compared by |log(sharpness / the teacher's)|.
    Raises AnalysisError for other metrics and for rows of several protocols or teachers.
    """
    if metric not in GAIN_METRICS:
        raise AnalysisError(
            f"A gain is a ratio of positive numbers: {', '.join(GAIN_METRICS)}", repr(metric), "Choose among these."
        )
    require_one_protocol(table)
    require_one_teacher(table)
    rows = [row for row in table.to_pylist() if row["final"] and row["state"] == TrialState.COMPLETED]
    partners = _first_of_each([row for row in rows if _is_of(row, theirs)], _partner_key(theirs))
    own = _first_of_each([row for row in rows if _is_of(row, ours)], _own_key).values()
    logs: dict[Any, dict[int, list[float]]] = {}
    left_out: dict[Any, int] = {}
    for row in own:
        gain = _log_ratio(row, partners.get(_partner_key(theirs)(row)), metric)
        if gain is None:
            left_out[size_of(row)] = left_out.get(size_of(row), 0) + 1
        else:
            logs.setdefault(size_of(row), {}).setdefault(row["seed"], []).append(gain)
    label = f"{_name(ours)} against {_name(theirs)}"
    sizes = sorted(logs.keys() | left_out.keys())
    per_size = tuple(_of_size(size, metric, logs.get(size, {}), left_out.get(size, 0)) for size in sizes)
    return _of_sizes(label, metric, list(logs.values()), sum(left_out.values()), per_size)


def _of_sizes(
    label: str, metric: str, logs: list[dict[int, list[float]]], left_out: int, per_size: tuple[Gain, ...]
) -> Gain:
    gains = [gain for by_seed in logs for gains in by_seed.values() for gain in gains]
    if len(logs) > 1:
        clusters = [statistics.mean(statistics.mean(gains) for gains in by_seed.values()) for by_seed in logs]
    else:
        clusters = [statistics.mean(gains) for by_seed in logs for gains in by_seed.values()]
    seeds = len({seed for by_seed in logs for seed in by_seed})
    return _gain(label, metric, gains, clusters, seeds, left_out, per_size)


def _of_size(size: tuple[int, int, int, str], metric: str, by_seed: dict[int, list[float]], left_out: int) -> Gain:
    gain = _of_sizes(_size_label(size), metric, [by_seed] if by_seed else [], left_out, ())
    return replace(gain, parameters=size[0])


def _gain(
    label: str,
    metric: str,
    gains: list[float],
    clusters: list[float],
    seeds: int,
    left_out: int,
    per_size: tuple[Gain, ...],
) -> Gain:
    wins, losses = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
    low, high = _interval(clusters)
    return Gain(
        label=label,
        metric=metric,
        pairs=len(gains),
        seeds=seeds,
        left_out=left_out,
        ratio=math.exp(statistics.mean(clusters)) if clusters else None,
        low=low,
        high=high,
        wins=wins,
        p_value=float(binomtest(wins, wins + losses).pvalue) if wins + losses else None,
        per_size=per_size,
    )


def _interval(logs: list[float]) -> tuple[float, float] | tuple[None, None]:
    if len(logs) < 2:
        return None, None
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1)) * statistics.stdev(logs) / math.sqrt(len(logs))
    mean = statistics.mean(logs)
    return math.exp(mean - half), math.exp(mean + half)


def _log_ratio(ours: Row, theirs: Row | None, metric: str) -> float | None:
    """log(how many times better ours is); None where one of the two has no positive number."""
    if theirs is None:
        return None
    values = [_positive(row, metric) for row in (ours, theirs)]
    if values[0] is None or values[1] is None:
        return None
    gain = math.log(values[1]) - math.log(values[0])
    return -gain if metric in QUALITIES and QUALITIES[metric].higher_is_better else gain


def _positive(row: Row, metric: str) -> float | None:
    value = row[metric]
    if value is None or not math.isfinite(value) or value <= 0:
        return None
    if metric != SHARPNESS:
        return float(value)
    distance = abs(math.log(value / row["teacher_sharpness"])) if row["teacher_sharpness"] > 0 else 0.0
    return distance if distance > 0 else None


def _is_of(row: Row, side: Side) -> bool:
    return side in (row["mode"], scheme_of(row))


def _own_key(row: Row) -> tuple[Any, ...]:
    return (*_architecture(row), row["settings"], row["gan_weight"])


def _partner_key(theirs: Side) -> Callable[[Row], tuple[Any, ...]]:
    if theirs in (Mode.SCRATCH, Scheme.SCRATCH):
        return _architecture
    return lambda row: (*_architecture(row), row["settings"])


def _architecture(row: Row) -> tuple[Any, ...]:
    return (*size_of(row), row["seed"])


def _first_of_each(rows: Iterable[Row], key: Callable[[Row], tuple[Any, ...]]) -> dict[tuple[Any, ...], Row]:
    """By key the row of the largest budget; of equal budgets the first."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in sorted(rows, key=lambda row: (-row["kimg"], row["trial"])):
        found.setdefault(key(row), row)
    return found


def _name(side: Side) -> str:
    names = {Mode.SCRATCH: "from scratch", Scheme.MSE: "MSE alone", Scheme.JOINT: "joint"}
    return names.get(side, str(side))


def _size_label(size: tuple[int, int, int, str]) -> str:
    parameters, width, depth, block = size
    return f"{parameters:,} parameters (width {width}, depth {depth}, {block})"


def _chance(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.2g}"
