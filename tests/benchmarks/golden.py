"""Whether results are what they were: trials of the digits, trained anew, against the recorded table of that sweep.

    python tests/benchmarks/golden.py [--trials 5] [--tolerance 0.02] [--out golden.json]

Runs the first trials of the preset `digits` (its given points), with the teacher and the baselines, and compares each
row with the one of tests/data/digits/trials.parquet that has the same student and seed. On one machine and one PyTorch
rows repeat to the last digit; on another, rounding grows in training, hence a tolerance. Exits with 1 where a metric
is farther off. For changes that must not change results: run it before and after.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table

import analysis
import sweeps

RECORD = Path(__file__).parent.parent / "data" / "digits" / "trials.parquet"
IDENTITY = ("phase", "mode", "width", "depth", "gan_weight", "seed", "kimg")
METRICS = ("fid", "inception_score", "sharpness", "teacher_fid")

Row = dict[str, Any]


def rows_of(table: pa.Table) -> dict[tuple[Any, ...], Row]:
    """Finished rows by student and seed."""
    rows = [row for row in table.to_pylist() if row["final"]]
    return {tuple(row[name] for name in IDENTITY): row for row in rows}


def differences(now: Row, before: Row) -> dict[str, float]:
    """How far each metric is off, relative to what it was."""
    return {name: abs(now[name] / before[name] - 1) for name in METRICS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=0.02, help="relative")
    parser.add_argument("--out", type=Path, help="where to write the differences as JSON")
    arguments = parser.parse_args()
    spec = sweeps.load_spec("digits")
    given = [dict(point.values) for point in spec.search.points[: arguments.trials]]
    changes = {"search.sampler": "tpe", "search.trials": arguments.trials, "baseline.of": "all"}
    with tempfile.TemporaryDirectory() as folder:
        now = rows_of(sweeps.run_sweep(sweeps.load_spec("digits", changes), Path(folder)).table)
    before = rows_of(analysis.read_table(RECORD))
    table = Table(box=None, header_style="bold", title="relative difference to the record")
    for heading in ("phase", "width", "depth", "GAN weight", "FID", *METRICS):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    found = []
    for identity in (identity for identity in now if identity in before):
        off = differences(now[identity], before[identity])
        found.append({**dict(zip(IDENTITY, identity, strict=True)), **off})
        phase, _, width, depth, weight, *_ = identity
        cells = (phase, str(width), str(depth), f"{weight:g}", f"{now[identity]['fid']:.2f}")
        table.add_row(*cells, *(f"{value:.1e}" for value in off.values()))
    Console().print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    both = [dict(zip(IDENTITY, identity, strict=True)) for identity in now if identity in before]
    missing = [point for point in given if not any(point.items() <= row.items() for row in both)]
    if missing:
        sys.exit(f"no finished row of {missing}")
    worst = max(row[name] for row in found for name in METRICS)
    if not worst <= arguments.tolerance:
        sys.exit(f"{worst:.1e} is more than {arguments.tolerance:g}, of {len(found)} rows that both have")


if __name__ == "__main__":
    main()
