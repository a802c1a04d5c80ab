"""This module makes the paper's table: the students of each size, by scheme and from scratch, over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from analysis.errors import AnalysisError
from analysis.schema import width_text
from analysis.schemes import PLUS, Row, Scheme, parts_in_common, scheme_of
from analysis.tables import require_one_protocol, require_one_teacher
from analysis.trials import Floats, Ints, Trials, codes_of, first_of_each

PAPER_METRICS = ("inception_score", "fid", "sharpness")


@dataclass(frozen=True)
class Spread:
    """A Spread is a metric over seeds: the median, and the least and greatest value.

    >>> from analysis import Spread
    >>> Spread.of([9.0, 8.1, 8.6]).text(".1f")
    '8.6 (8.1 to 9.0)'
    """

    median: float
    _: KW_ONLY
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        found = np.fromiter(values, dtype=np.float64)
        return cls(float(np.median(found)), low=float(found.min()), high=float(found.max()))

    def text(self, form: str) -> str:
        """Returns `8.6 (8.1 to 9.0)`, or `8.6` where all values print the same."""
        median, low, high = (format(value, form) for value in (self.median, self.low, self.high))
        return median if low == high else f"{median} ({low} to {high})"


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """A PaperRow is one line of the table: a Spread for each of PAPER_METRICS, and the share of the teacher's IS kept.

    A metric that cannot be had, IS where the extractor has no classes, is missing in every row.

    >>> from analysis import example_trials, paper_rows
    >>> row = paper_rows(example_trials({"seed": 0, "fid": 9.0}, {"seed": 1, "fid": 11.0}))[-1]
    >>> row.short_label, row.seeds, row.metrics["fid"].median, round(row.is_retained, 3)
    ('MSE', 2, 10.0, 0.889)
    """

    scheme: Scheme
    parameters: int | None
    ratio: float | None
    width: int | None
    depth: int | None
    block: str | None
    first_layer_rank: int | None
    stage_widths: str | None
    gan_weight: float | None
    other_scheme: str | None  # by what it was distilled where not by one of the paper's two
    kimg: float | None
    seeds: int
    metrics: dict[str, Spread]
    is_retained: float | None
    extractor_faults: str | None  # what the extractor failed of its examination

    @property
    def label(self) -> str:
        """Returns the scheme, with the weight of the GAN term where it has one."""
        name = f"distilled, {self.other_scheme}" if self.other_scheme else str(self.scheme)
        weighted = self.scheme in (Scheme.JOINT, Scheme.OTHER) and self.gan_weight
        return f"{name} (a = {self.gan_weight:g})" if weighted else name

    @property
    def short_label(self) -> str:
        """Returns the scheme for a terminal: real, teacher, MSE, joint 0.02, scratch, or what another one has."""
        return self.label_beside(())

    def label_beside(self, shared: Sequence[str]) -> str:
        """Returns the same without the parts that all students share, as `shared_parts` has them."""
        words = {Scheme.REAL: "real", Scheme.TEACHER: "teacher", Scheme.MSE: "MSE", Scheme.SCRATCH: "scratch"}
        if self.other_scheme:
            own = [part for part in self.other_scheme.split(PLUS) if part not in shared] or ["these alone"]
            return PLUS.join(own) + (f" {self.gan_weight:g}" if self.gan_weight else "")
        return words.get(self.scheme) or f"joint {self.gan_weight:g}"

    @property
    def width_text(self) -> str:
        """Returns what `analysis.width_text` does; nothing of real images and of the teacher."""
        return "" if self.width is None else width_text(vars(self))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def shared_parts(rows: Sequence[PaperRow]) -> tuple[str, ...]:
    """Returns what the schemes of all distilled students have in common, where they differ in something else.

    >>> from analysis import example_trials, paper_rows, shared_parts
    >>> schemes = ("pruned start + l1", "pruned start + l1 + real teacher")
    >>> rows = paper_rows(example_trials(*({"scheme": scheme} for scheme in schemes)))
    >>> shared_parts(rows), [row.label_beside(shared_parts(rows)) for row in rows[2:]]
    (('pruned start', 'l1'), ['these alone', 'real teacher'])
    """
    distilled = [row for row in rows if row.scheme in (Scheme.MSE, Scheme.JOINT, Scheme.OTHER)]
    schemes = dict.fromkeys((row.other_scheme, row.gan_weight or 0.0) for row in distilled)
    return parts_in_common(scheme for scheme, _ in schemes) if schemes else ()


def comparable_rows(trials: Trials) -> Ints:
    """Returns the places of the final rows, distilled and from scratch. Raises AnalysisError without a distilled one.

    Only those of the largest budget count among trials from scratch with one size and seed, as in `with_baselines`.
    """
    require_one_protocol(trials.table)
    require_one_teacher(trials.table)
    is_final = trials.is_final
    for name in metrics_of(trials):
        values = trials.numbers(name)
        is_final = is_final & np.isfinite(values) & (values > 0)
    rows = np.flatnonzero(is_final)
    is_scratch = trials.is_scratch[rows]
    if is_scratch.all():
        rule = "The paper's table needs a finished student with all its scores"
        raise AnalysisError(rule, "none", "Let the sweep run on.")
    kimg, scratch = trials.numbers("kimg")[rows], np.flatnonzero(is_scratch)
    twin = codes_of([trials.size[rows[scratch]], trials.seed[rows[scratch]]])
    largest = np.zeros(int(twin.max(initial=-1)) + 1)
    np.maximum.at(largest, twin, kimg[scratch])
    kept = ~is_scratch
    kept[scratch] = kimg[scratch] == largest[twin]
    return np.asarray(rows[kept], dtype=np.int64)


def metrics_of(trials: Trials) -> list[str]:
    """Returns those of PAPER_METRICS that the sweep can have: IS only where its teacher has one."""
    return [name for name in PAPER_METRICS if len(trials) and trials.row(0)[f"teacher_{name}"] is not None]


def paper_rows(table: pa.Table) -> list[PaperRow]:
    """Returns the paper's table: real images and teacher, then by size, largest first, MSE, joint and from scratch.

    Raises AnalysisError for rows of several protocols or teachers, and where no student has finished.

    >>> from analysis import example_trials, paper_rows
    >>> [row.short_label for row in paper_rows(example_trials({}, {"gan_weight": 0.02}))]
    ['real', 'teacher', 'MSE', 'joint 0.02']
    """
    trials = Trials(table)
    rows = comparable_rows(trials)
    first = trials.row(int(rows[0]))
    scheme = (trials.table["gan_weight"].fill_null(0.0), trials.table["scheme"])
    group = codes_of([trials.size, trials.is_scratch.astype(np.int64), *scheme])[rows]
    order = np.argsort(group, kind="stable")
    groups = [rows[of] for of in np.split(order, np.flatnonzero(np.diff(group[order])) + 1)]
    firsts = trials.table.take([int(of[0]) for of in groups]).to_pylist()
    metrics = {name: trials.numbers(name) for name in metrics_of(trials)}
    found = [_over_seeds(trials, of, first=first, numbers=metrics) for of, first in zip(groups, firsts, strict=True)]
    return [
        _reference(Scheme.REAL, first, prefix="real_", parameters=None),
        _reference(Scheme.TEACHER, first, prefix="teacher_", parameters=first["teacher_parameters"]),
        *sorted(found, key=_place),
    ]


def _place(row: PaperRow) -> tuple[Any, ...]:
    sizes = (-(row.parameters or 0), -(row.width or 0), -(row.depth or 0))
    factored = (row.stage_widths or "", row.first_layer_rank or 0)
    scheme = (list(Scheme).index(row.scheme), row.gan_weight or 0.0, row.other_scheme or "")
    return *sizes, row.block, *factored, *scheme


def _reference(scheme: Scheme, first: Row, *, prefix: str, parameters: int | None) -> PaperRow:
    is_teacher = scheme == Scheme.TEACHER
    return PaperRow(
        scheme=scheme,
        parameters=parameters,
        ratio=1.0 if is_teacher else None,
        width=None,
        depth=None,
        block=None,
        first_layer_rank=None,
        stage_widths=None,
        gan_weight=None,
        other_scheme=None,
        kimg=first["teacher_kimg"] if is_teacher else None,
        seeds=1,
        metrics={name: Spread.of([first[prefix + name]]) for name in PAPER_METRICS if first[prefix + name] is not None},
        is_retained=_share_of(first[f"{prefix}inception_score"], first["teacher_inception_score"]),
        extractor_faults=first["extractor_faults"],
    )


def _over_seeds(trials: Trials, rows: Ints, *, first: Row, numbers: Mapping[str, Floats]) -> PaperRow:
    metrics = {name: Spread.of(values[rows]) for name, values in numbers.items()}
    score = metrics.get("inception_score")
    return PaperRow(
        scheme=scheme_of(first),
        parameters=first["parameters"],
        ratio=first["compression_ratio"],
        width=first["width"],
        depth=first["depth"],
        block=first["block"],
        first_layer_rank=first["first_layer_rank"],
        stage_widths=first["stage_widths"],
        gan_weight=first["gan_weight"],
        other_scheme=first["scheme"],
        kimg=first["kimg"],
        seeds=len(first_of_each(trials.seed[rows])),
        metrics=metrics,
        is_retained=_share_of(score.median if score else None, first["teacher_inception_score"]),
        extractor_faults=first["extractor_faults"],
    )


def _share_of(score: float | None, teacher: float | None) -> float | None:
    return None if score is None or teacher is None else score / teacher
