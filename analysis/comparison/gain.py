"""What one way of making a student gains over another: pairs of equal architecture and seed, with an interval."""

import math
import statistics
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa
from scipy.stats import binomtest, t

from analysis.columns import QUALITIES
from analysis.comparison.pairing import Pairing, Row, Side, pair_rows
from analysis.errors import AnalysisError
from analysis.paper.rows import Scheme, size_of
from analysis.schema import Mode

CONFIDENCE = 0.95
SHARPNESS = "sharpness"  # as closeness to the teacher's
GAIN_METRICS = ("fid", "inception_score", "latent_mse", SHARPNESS)  # positive ones, of which a ratio means something

Logs = dict[Any, dict[int, list[float]]]  # by architecture and seed: log(how many times better) of each pair


@dataclass(frozen=True)
class Gain:
    """How many times better ours is than theirs, by pairs of one architecture and seed. Above 1 ours is better.

    `ratio` is the geometric mean over architectures of each one's geometric mean over its seeds, and with a seed
    over its pairs: an architecture counts once, however many seeds it has. `low` and `high` are a 95% t-interval on
    the logarithms, over the `clusters`: the architectures where there are several and else the seeds; None where
    there is one of these. Of the `pairs` ours is better in `wins` and equal in `ties`, and on the average in
    `clusters_won`. `p_value` is the two-sided sign test's over the clusters, which leaves equal ones out; pairs that
    share an architecture, or even a partner, are not independent and would make it too small.
    `left_out` rows of ours have no partner, or one of the two has no positive number. `fresh` and `chosen` as in
    `Pairing`.
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
    ties: int
    cluster: str  # "architecture" or "seed"
    clusters: int
    clusters_won: int
    p_value: float | None  # None with one cluster, and where all are equal
    fresh: bool
    chosen: bool
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
        fresh = " of fresh seeds" if self.fresh else ""
        return (
            f"{self.label}: {self.metric_name} {self.times}, better in {self.count} pairs{fresh}{self.sign_test}"
            f"{left_out}{self.remark}."
        )

    @property
    def times(self) -> str:
        """How many times as good with its interval: `1.50 times as good (95% interval 1.20 to 1.90)`."""
        form = ".3f" if abs((self.ratio or 0) - 1) < 0.1 else ".2f"
        ratio, low, high = (format(value or 0, form) for value in (self.ratio, self.low, self.high))
        spread = "no interval: one seed" if self.low is None else f"95% interval {low} to {high}"
        return f"{ratio} times as good ({spread})"

    @property
    def count(self) -> str:
        """In how many of the pairs ours is better: `7 of 9`, `7 of 9 (1 equal)`."""
        return count_of([self])

    @property
    def sign_test(self) -> str:
        """What is tested and how it comes out, to follow a count of pairs; empty where nothing can be tested."""
        if self.p_value is None:
            return ""
        won = f"{self.clusters_won} of {self.clusters} {self.cluster}s"
        p_value = "< 0.001" if self.p_value < 0.001 else f"= {self.p_value:.2g}"
        return f" and on average in {won} (sign test over these p {p_value})"

    @property
    def remark(self) -> str:
        """That ours are flattered, to end a sentence; empty where they are not."""
        return "; the search chose these students by the same rows, which flatters them" if self.chosen else ""

    def as_dict(self) -> dict[str, Any]:
        """The same for a script. Every value is JSON."""
        sizes = [gain.as_dict() for gain in self.per_size]
        return {**asdict(self), "per_size": sizes, "sentence": self.sentence()}


_NAMES = {name: QUALITIES[name].label for name in GAIN_METRICS if name in QUALITIES} | {
    SHARPNESS: "closeness to the teacher's sharpness"
}


def paired_gain(table: pa.Table, ours: Side, theirs: Side, metric: str = "fid") -> Gain:
    """The gain of `ours` over `theirs` in `metric`, one of GAIN_METRICS, by the pairs of `pair_rows`.

    Raises AnalysisError for other metrics and for rows of several protocols or teachers.
    """
    return gain_of_pairs(pair_rows(table, ours, theirs), metric)


def gain_of_pairs(pairing: Pairing, metric: str = "fid") -> Gain:
    """The gain in `metric`, one of GAIN_METRICS, by pairs that are known. Raises AnalysisError for other metrics.

    sharpness is compared by |log(sharpness / the teacher's)|.
    """
    if metric not in GAIN_METRICS:
        raise AnalysisError(
            f"A gain is a ratio of positive numbers: {', '.join(GAIN_METRICS)}", repr(metric), "Choose among these."
        )
    logs: Logs = {}
    left_out: dict[Any, int] = {}
    for row in pairing.unpaired:
        left_out[size_of(row)] = left_out.get(size_of(row), 0) + 1
    for row, partner in pairing.pairs:
        gain = _log_ratio(row, partner, metric)
        if gain is None:
            left_out[size_of(row)] = left_out.get(size_of(row), 0) + 1
        else:
            logs.setdefault(size_of(row), {}).setdefault(row["seed"], []).append(gain)
    per_size = []
    for size in sorted(logs.keys() | left_out.keys()):
        own = {size: logs[size]} if size in logs else {}
        gain_of_size = _gain(_size_label(size), metric, own, left_out.get(size, 0), pairing)
        per_size.append(replace(gain_of_size, parameters=size[0]))
    label = f"{_name(pairing.ours)} against {_name(pairing.theirs)}"
    whole = _gain(label, metric, logs, sum(left_out.values()), pairing)
    return replace(whole, per_size=tuple(per_size))


def count_of(gains: list[Gain]) -> str:
    """In how many of the pairs of several sizes together ours is better: `7 of 9`, `7 of 9 (1 equal)`."""
    wins, pairs, ties = (sum(getattr(gain, name) for gain in gains) for name in ("wins", "pairs", "ties"))
    return f"{wins} of {pairs}" + (f" ({ties} equal)" if ties else "")


def _gain(label: str, metric: str, logs: Logs, left_out: int, pairing: Pairing) -> Gain:
    by_seed = [{seed: statistics.mean(gains) for seed, gains in of_size.items()} for of_size in logs.values()]
    if len(by_seed) > 1:
        cluster, clusters = "architecture", [statistics.mean(means.values()) for means in by_seed]
    else:
        cluster, clusters = "seed", [mean for means in by_seed for mean in means.values()]
    gains = [gain for of_size in logs.values() for of_seed in of_size.values() for gain in of_seed]
    signs = [round(mean, 12) for mean in clusters]  # a mean of opposite logarithms is 0 but for rounding
    won, lost = sum(sign > 0 for sign in signs), sum(sign < 0 for sign in signs)
    low, high = _interval(clusters)
    return Gain(
        label=label,
        metric=metric,
        pairs=len(gains),
        seeds=len({seed for means in by_seed for seed in means}),
        left_out=left_out,
        ratio=math.exp(statistics.mean(clusters)) if clusters else None,
        low=low,
        high=high,
        wins=sum(gain > 0 for gain in gains),
        ties=sum(gain == 0 for gain in gains),
        cluster=cluster,
        clusters=len(clusters),
        clusters_won=won,
        p_value=float(binomtest(won, won + lost).pvalue) if len(clusters) > 1 and won + lost else None,
        fresh=pairing.fresh,
        chosen=pairing.chosen,
    )


def _interval(logs: list[float]) -> tuple[float, float] | tuple[None, None]:
    if len(logs) < 2:
        return None, None
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1)) * statistics.stdev(logs) / math.sqrt(len(logs))
    mean = statistics.mean(logs)
    return math.exp(mean - half), math.exp(mean + half)


def _log_ratio(ours: Row, theirs: Row, metric: str) -> float | None:
    """log(how many times better ours is); None where one of the two has no positive number."""
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


def _name(side: Side) -> str:
    names = {Mode.SCRATCH: "scratch", Scheme.MSE: "MSE alone", Scheme.JOINT: "joint"}
    return names.get(side, str(side))


def _size_label(size: tuple[int, int, int, str]) -> str:
    parameters, width, depth, block = size
    return f"{parameters:,} parameters (width {width}, depth {depth}, {block})"
