"""This module says what one way of making a student gains over another, by pairs of one architecture and seed."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import binomtest, t

from analysis.columns import QUALITIES
from analysis.comparison.pairing import Pairing, Side, pair_rows
from analysis.errors import AnalysisError
from analysis.schema import SIZE, Mode, width_text
from analysis.schemes import Scheme, sizes_among
from analysis.trials import Floats, Ints, Trials, codes_of, first_of_each

CONFIDENCE = 0.95
SHARPNESS = "sharpness"  # as closeness to the teacher's
GAIN_METRICS = ("fid", "inception_score", "latent_mse", SHARPNESS)  # positive ones, of which a ratio means something


@dataclass(frozen=True, kw_only=True)
class Gain:
    """A Gain says how many times better ours is than theirs, by pairs of one architecture and seed. Above 1 ours is.

    `ratio` is the geometric mean over architectures; each one's number is the geometric mean over its seeds, and each
    seed's the one over its pairs: an architecture counts once, however many seeds it has. `low` and `high` are a 95%
    t-interval on the logarithms, over the `clusters`: the architectures where there are several and else the seeds;
    None where there is one of these. Ours is better in `wins` of the `pairs` and equal in `ties`, and better on average
    in `clusters_won` of the clusters. `p_value` is that of the two-sided sign test over the clusters, which leaves
    equal ones out; pairs that share an architecture, or even a partner, are not independent and would make it too
    small. `left_out` rows of ours have no partner, or one of the two has no positive number. `fresh` and `chosen` mean
    what they do in `Pairing`.

    >>> from analysis import Mode, example_trials, paired_gain
    >>> scratch = [{"mode": Mode.SCRATCH, "seed": seed, "fid": 20.0} for seed in (0, 1)]
    >>> table = example_trials({"seed": 0, "fid": 10.0}, {"seed": 1, "fid": 10.0}, *scratch)
    >>> gain = paired_gain(table, ours=Mode.DISTILLED, theirs=Mode.SCRATCH)
    >>> gain.times, gain.count
    ('2.00 times as good (95% interval 2.00 to 2.00)', '2 of 2')
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
        """Returns the metric as people name it."""
        return _NAMES[self.metric]

    def sentence(self) -> str:
        """Returns the gain in one sentence."""
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
        """Returns how many times as good with its interval: `1.50 times as good (95% interval 1.20 to 1.90)`."""
        form = ".3f" if abs((self.ratio or 0) - 1) < 0.1 else ".2f"
        ratio, low, high = (format(value or 0, form) for value in (self.ratio, self.low, self.high))
        spread = "no interval: one seed" if self.low is None else f"95% interval {low} to {high}"
        return f"{ratio} times as good ({spread})"

    @property
    def count(self) -> str:
        """Returns in how many of the pairs ours is better: `7 of 9`, `7 of 9 (1 equal)`."""
        return count_of([self])

    @property
    def sign_test(self) -> str:
        """Returns what is tested and how it comes out, to follow a count of pairs; nothing without a test."""
        if self.p_value is None:
            return ""
        won = f"{self.clusters_won} of {self.clusters} {self.cluster}s"
        p_value = "< 0.001" if self.p_value < 0.001 else f"= {self.p_value:.2g}"
        return f" and on average in {won} (sign test over these p {p_value})"

    @property
    def remark(self) -> str:
        """Returns that ours are flattered, to end a sentence; nothing where they are not."""
        return "; the search chose these students by the same rows, which flatters them" if self.chosen else ""

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script. Every value is JSON."""
        sizes = [gain.as_dict() for gain in self.per_size]
        return {**asdict(self), "per_size": sizes, "sentence": self.sentence()}


_NAMES = {name: QUALITIES[name].label for name in GAIN_METRICS if name in QUALITIES} | {
    SHARPNESS: "closeness to the teacher's sharpness"
}


def paired_gain(table: pa.Table, *, ours: Side, theirs: Side, metric: str = "fid") -> Gain:
    """Returns the gain of `ours` over `theirs` in `metric`, one of GAIN_METRICS, by the pairs of `pair_rows`.

    Raises AnalysisError for other metrics and for rows of several protocols or teachers.

    >>> from analysis import Scheme, example_trials, paired_gain
    >>> table = example_trials({"gan_weight": 0.0, "fid": 12.0}, {"gan_weight": 0.02, "fid": 8.0})
    >>> round(paired_gain(table, ours=Scheme.JOINT, theirs=Scheme.MSE).ratio, 6)
    1.5
    """
    return gain_of_pairs(pair_rows(Trials(table), ours=ours, theirs=theirs), metric)


def gain_of_pairs(pairing: Pairing, metric: str = "fid") -> Gain:
    """Returns the gain in `metric`, one of GAIN_METRICS, by pairs that are known. Raises AnalysisError for others.

    Sharpness is compared by |log(sharpness / the teacher's)|.
    """
    if metric not in GAIN_METRICS:
        raise AnalysisError(
            f"A gain is a ratio of positive numbers: {', '.join(GAIN_METRICS)}", repr(metric), "Choose among these."
        )
    trials = pairing.trials
    logs_P = _log_ratios(pairing, metric)
    known = np.isfinite(logs_P)
    rows, logs = pairing.ours_P[known], logs_P[known]
    left_out = np.concatenate([pairing.unpaired_U, pairing.ours_P[~known]])
    by_size = np.argsort(trials.size[rows], kind="stable")
    rows, logs = rows[by_size], logs[by_size]
    pairs = _Pairs(size_P=trials.size[rows], seed_P=trials.seed[rows], log_P=logs)
    lacking = np.bincount(trials.size[left_out], minlength=int(trials.size.max(initial=0)) + 1)
    per_size = []
    for size in sizes_among(trials, np.concatenate([rows, left_out])):
        code = int(trials.size[size])
        gain = _gain(
            pairs.of_size(code),
            pairing,
            label=_size_label(trials, size),
            metric=metric,
            left_out=int(lacking[code]),
        )
        per_size.append(replace(gain, parameters=int(trials.integers("parameters")[size])))
    label = f"{_name(pairing.ours)} against {_name(pairing.theirs)}"
    whole = _gain(pairs, pairing, label=label, metric=metric, left_out=len(left_out))
    return replace(whole, per_size=tuple(per_size))


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """_Pairs have for each pair, by ascending code of architecture, its seed and log(how many times better)."""

    size_P: Ints
    seed_P: Ints
    log_P: Floats

    def of_size(self, code: int) -> "_Pairs":
        own = slice(*np.searchsorted(self.size_P, [code, code + 1]))
        return _Pairs(size_P=self.size_P[own], seed_P=self.seed_P[own], log_P=self.log_P[own])

    def clusters(self) -> tuple[str, Floats]:
        """Returns the mean of each architecture where there are several, else that of each seed."""
        group_P = codes_of([self.size_P, self.seed_P])
        by_seed, first = _means(group_P, self.log_P), first_of_each(group_P)
        if len(first_of_each(self.size_P)) < 2:
            return "seed", by_seed
        return "architecture", _means(self.size_P[first], by_seed)


def count_of(gains: list[Gain]) -> str:
    """Returns in how many of the pairs of several sizes together ours is better: `7 of 9`, `7 of 9 (1 equal)`."""
    wins, pairs, ties = (sum(getattr(gain, name) for gain in gains) for name in ("wins", "pairs", "ties"))
    return f"{wins} of {pairs}" + (f" ({ties} equal)" if ties else "")


def _gain(pairs: _Pairs, pairing: Pairing, *, label: str, metric: str, left_out: int) -> Gain:
    cluster, clusters = pairs.clusters()
    signs = np.round(clusters, 12)  # a mean of opposite logarithms is 0 but for rounding
    won, lost = int((signs > 0).sum()), int((signs < 0).sum())
    low, high = _interval(clusters)
    return Gain(
        label=label,
        metric=metric,
        pairs=len(pairs.log_P),
        seeds=len(first_of_each(pairs.seed_P)),
        left_out=left_out,
        ratio=math.exp(_mean(clusters)) if len(clusters) else None,
        low=low,
        high=high,
        wins=int((pairs.log_P > 0).sum()),
        ties=int((pairs.log_P == 0).sum()),
        cluster=cluster,
        clusters=len(clusters),
        clusters_won=won,
        p_value=float(binomtest(won, won + lost).pvalue) if len(clusters) > 1 and won + lost else None,
        fresh=pairing.fresh,
        chosen=pairing.chosen,
    )


def _interval(logs: Floats) -> tuple[float, float] | tuple[None, None]:
    if len(logs) < 2:
        return None, None
    mean = _mean(logs)
    deviation = math.sqrt(math.fsum((logs - mean) ** 2) / (len(logs) - 1))
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1)) * deviation / math.sqrt(len(logs))
    return math.exp(mean - half), math.exp(mean + half)


def _mean(values: Floats) -> float:
    return math.fsum(values) / len(values)


def _means(group_N: Ints, values_N: Floats) -> Floats:
    """Returns the mean of each group, in the order of their first values."""
    sums, counts, first = np.bincount(group_N, values_N), np.bincount(group_N), group_N[first_of_each(group_N)]
    return np.asarray(sums[first] / counts[first], dtype=np.float64)


def _log_ratios(pairing: Pairing, metric: str) -> Floats:
    """Returns each pair's log(how many times better ours is); not finite where one has no positive number."""
    ours_P, theirs_P = (
        np.log(_positive(pairing.trials, rows, metric=metric)) for rows in (pairing.ours_P, pairing.theirs_P)
    )
    gains_P = theirs_P - ours_P
    return -gains_P if metric in QUALITIES and QUALITIES[metric].higher_is_better else gains_P


def _positive(trials: Trials, rows: Ints, *, metric: str) -> Floats:
    """Returns the metric (for sharpness, its distance to the teacher's) where it is finite and above 0, else NaN."""
    values = trials.numbers(metric)[rows]
    values = np.where(np.isfinite(values) & (values > 0), values, np.nan)
    if metric != SHARPNESS:
        return values
    teacher = trials.numbers("teacher_sharpness")[rows]
    distance = np.abs(np.log(values / np.where(teacher > 0, teacher, np.nan)))
    return np.where(distance > 0, distance, np.nan)


def _name(side: Side) -> str:
    names = {Mode.SCRATCH: "scratch", Scheme.MSE: "MSE alone", Scheme.JOINT: "joint", Scheme.OTHER: "other schemes"}
    return names.get(side, str(side))


def _size_label(trials: Trials, row: int) -> str:
    size = trials.table.select(SIZE).slice(row, 1).to_pylist()[0]
    return f"{size['parameters']:,} parameters (width {width_text(size)}, depth {size['depth']}, {size['block']})"
