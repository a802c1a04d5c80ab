"""How bits act on quality in a model of it, over the students' parameters or over their bytes.

    python -m tests.benchmarks.axes [--record docs/records/digits-bits] [--out FILE]

Bits may act by their number, by its logarithm, by the step between two weights beside the greatest one, as words of
which any two are as unlike, or not at all. The rows are those of a record's table, each student's left out in turn: the
model's hyperparameters are chosen by the others, and the logarithm of the density that it then gives to what the
student's seeds measured is summed. More is better; two ways that differ by 1 differ by a factor of e in all. Seconds.
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from scipy.stats import multivariate_normal

import sweeps
from analysis import Mode, read_table
from analysis.seeking.covariance import Scales
from analysis.seeking.scales import fitted_scales
from analysis.seeking.space import Axis, Candidate, Run, Space, space_of
from analysis.seeking.surface import surface_of
from analysis.seeking.values import Measured, runs_of
from sweeps.planning.students import student_of_row

BITS, TURNED = "bits", "turned bits"  # the model knows how bits act; of others of their setting it does not
RECORD = Path("docs/records/digits-bits")


def by_number(values: Sequence[float]) -> Axis:
    return Axis(name=TURNED, low=min(values), span=max(values) - min(values))


def by_logarithm(values: Sequence[float]) -> Axis:
    return Axis(name=TURNED, low=math.log(min(values)), span=math.log(max(values) / min(values)), smallest=min(values))


def as_words(values: Sequence[float]) -> Axis:
    return Axis(name=TURNED, words=tuple(sorted({str(value) for value in values})))


def itself(value: float) -> float:
    return value


def step(value: float) -> float:
    """The distance of two weights beside the greatest one."""
    return float(2.0 ** (1 - value))


WAYS: dict[str, tuple[Callable[[float], float], Callable[[Sequence[float]], Axis] | None]] = {
    "logarithm": (itself, by_logarithm),
    "number": (itself, by_number),
    "step": (step, by_number),
    "words": (itself, as_words),
    "left out": (itself, None),
}


def measured(spec: sweeps.SweepSpec, table: pa.Table) -> list[Measured]:
    found = []
    for row in table.to_pylist():
        student = student_of_row(spec, row) if row["final"] and row["mode"] == Mode.DISTILLED else None
        if student is not None:
            found.append(Measured(candidate=student, seed=row["seed"], quality=row[spec.limit.metric]))
    return found


def held_out(spec: sweeps.SweepSpec, rows: Sequence[Measured], way: str, *, over: str, threshold: float) -> float:
    """The sum over the students of the logarithm of their density by the others."""
    turned, axis = WAYS[way]
    rows = [replace(row, candidate=_changed(row.candidate, turned, over=over)) for row in rows]
    runs = runs_of(rows, spec.limit, threshold=threshold)
    space = space_of([run.candidate for run in runs])
    values = [float(dict(run.candidate.settings)[TURNED]) for run in runs]
    others = [each for each in space.axes if each.name != TURNED]
    space = replace(space, axes=(*others, *([axis(values)] if axis else [])))
    students = list(dict.fromkeys(run.candidate for run in runs))
    return sum(_density(space, runs, number=students.index(student)) for student in students)


def _changed(student: Candidate, turned: Callable[[float], float], *, over: str) -> Candidate:
    plain = [(name, value) for name, value in student.settings if name != BITS]
    bits = turned(float(dict(student.settings)[BITS]))
    size = student.size if over == "bytes" else student.parameters
    return replace(student, parameters=size, cost=None, settings=(*plain, (TURNED, bits)))


def _density(space: Space, runs: Sequence[Run], *, number: int) -> float:
    student = list(dict.fromkeys(run.candidate for run in runs))[number]
    own, others = ([run for run in runs if (run.candidate == student) == is_own] for is_own in (True, False))
    scales: Scales = fitted_scales(space, others)
    surface = surface_of(replace(space, candidates=(student, *space.candidates)), others, scales=scales)
    spread = np.full((len(own), len(own)), surface.covariance_CC[0, 0]) + surface.noise_C[0] ** 2 * np.eye(len(own))
    values = [run.value for run in own]
    return float(multivariate_normal.logpdf(values, np.full(len(own), surface.mean_C[0]), spread))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--out", type=Path)
    given, console = parser.parse_args(), Console()
    spec, table = sweeps.load_spec(given.record / "sweep.yaml"), read_table(given.record / "trials.parquet")
    rows, threshold = measured(spec, table), spec.limit.threshold_for(table.slice(0, 1).to_pylist()[0])
    found = {
        over: {way: held_out(spec, rows, way, over=over, threshold=threshold) for way in WAYS}
        for over in ("parameters", "bytes")
    }
    students = len({row.candidate for row in rows})
    console.print(f"{len(rows)} trainings of {students} students, each student left out in turn:")
    for over, ways in found.items():
        for way, density in sorted(ways.items(), key=lambda item: -item[1]):
            console.print(f"  {density:7.2f}  over {over}, bits by {way}")
    if given.out:
        given.out.write_text(json.dumps({"trainings": len(rows), "students": students, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
