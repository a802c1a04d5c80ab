"""The paper's table: for every size the student of each scheme and the same GAN from scratch, over seeds."""

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa

from analysis.columns import is_positive
from analysis.errors import AnalysisError
from analysis.schema import Mode, require_one_protocol, require_one_teacher

METRICS = ("inception_score", "fid", "sharpness")
Row = dict[str, Any]


class Scheme(StrEnum):
    """What a row of the paper's table shows."""

    REAL = "real held-out images"
    TEACHER = "teacher"
    MSE = "distilled, MSE"
    JOINT = "distilled, joint"
    SCRATCH = "from scratch"


@dataclass(frozen=True)
class Spread:
    """A metric over seeds: the median, and the least and greatest value."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        found = list(values)
        return cls(statistics.median(found), min(found), max(found))

    def text(self, form: str) -> str:
        """`8.6 (8.1 to 9.0)`, or `8.6` where all values print the same."""
        median, low, high = (format(value, form) for value in (self.median, self.low, self.high))
        return median if low == high else f"{median} ({low} to {high})"


@dataclass(frozen=True)
class PaperRow:
    """One line of the table: a Spread for each of METRICS, and the share of the teacher's IS that is retained."""

    scheme: Scheme
    parameters: int | None
    ratio: float | None
    width: int | None
    depth: int | None
    block: str | None
    gan_weight: float | None
    kimg: float | None
    seeds: int
    metrics: dict[str, Spread]
    is_retained: float | None

    @property
    def label(self) -> str:
        """The scheme, with the weight of the GAN term where it has one."""
        return f"{self.scheme} (a = {self.gan_weight:g})" if self.scheme == Scheme.JOINT else str(self.scheme)

    @property
    def short_label(self) -> str:
        """For a terminal, where a column has little room: real, teacher, MSE, joint 0.02, scratch."""
        words = {Scheme.REAL: "real", Scheme.TEACHER: "teacher", Scheme.MSE: "MSE", Scheme.SCRATCH: "scratch"}
        return words.get(self.scheme) or f"joint {self.gan_weight:g}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def scheme_of(row: Row) -> Scheme:
    """The scheme of a trial's row."""
    if row["mode"] == Mode.SCRATCH:
        return Scheme.SCRATCH
    return Scheme.JOINT if (row["gan_weight"] or 0) > 0 else Scheme.MSE


def size_of(row: Row) -> tuple[int, int, int, str]:
    """What makes two trials' generators the same, smallest first: parameters, width, depth, block."""
    return row["parameters"], row["width"], row["depth"], row["block"]


def comparable_rows(table: pa.Table) -> list[Row]:
    """The final rows, distilled and from scratch. Raises AnalysisError where there is no distilled one.

    Of trials from scratch with one size and seed only those of the largest budget count, as in `with_baselines`.
    """
    require_one_protocol(table)
    require_one_teacher(table)
    final = [row for row in table.to_pylist() if row["final"] and all(is_positive(row[name]) for name in METRICS)]
    if all(row["mode"] == Mode.SCRATCH for row in final):
        rule = "The paper's table needs a finished student with IS, FID and sharpness"
        raise AnalysisError(rule, "none", "Let the sweep run on.")
    budgets: dict[Any, float] = {}
    for row in final:
        if row["mode"] == Mode.SCRATCH:
            key = (size_of(row), row["seed"])
            budgets[key] = max(budgets.get(key, 0.0), row["kimg"])
    return [row for row in final if row["mode"] != Mode.SCRATCH or row["kimg"] == budgets[size_of(row), row["seed"]]]


def paper_rows(table: pa.Table) -> list[PaperRow]:
    """The paper's table: real images and teacher, then by size, largest first, MSE, joint and from scratch.

    Raises AnalysisError for rows of several protocols or teachers, and where no student has finished.
    """
    rows = comparable_rows(table)
    first = rows[0]
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault((size_of(row), scheme_of(row), row["gan_weight"] or 0.0), []).append(row)
    order = list(Scheme)
    keys = sorted(groups, key=lambda key: (*(-n for n in key[0][:3]), key[0][3], order.index(key[1]), key[2]))
    return [
        _reference(Scheme.REAL, first, "real_", None),
        _reference(Scheme.TEACHER, first, "teacher_", first["teacher_parameters"]),
        *(_over_seeds(key[1], groups[key]) for key in keys),
    ]


def _reference(scheme: Scheme, first: Row, prefix: str, parameters: int | None) -> PaperRow:
    is_teacher = scheme == Scheme.TEACHER
    return PaperRow(
        scheme=scheme,
        parameters=parameters,
        ratio=1.0 if is_teacher else None,
        width=None,
        depth=None,
        block=None,
        gan_weight=None,
        kimg=first["teacher_kimg"] if is_teacher else None,
        seeds=1,
        metrics={name: Spread.of([first[prefix + name]]) for name in METRICS},
        is_retained=first[f"{prefix}inception_score"] / first["teacher_inception_score"],
    )


def _over_seeds(scheme: Scheme, rows: list[Row]) -> PaperRow:
    first = rows[0]
    metrics = {name: Spread.of(row[name] for row in rows) for name in METRICS}
    return PaperRow(
        scheme=scheme,
        parameters=first["parameters"],
        ratio=first["compression_ratio"],
        width=first["width"],
        depth=first["depth"],
        block=first["block"],
        gan_weight=first["gan_weight"],
        kimg=first["kimg"],
        seeds=len({row["seed"] for row in rows}),
        metrics=metrics,
        is_retained=metrics["inception_score"].median / first["teacher_inception_score"],
    )
