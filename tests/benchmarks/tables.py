"""Rows per second of the analysis: read, frontier, limit, findings, and page, of big trial tables.

    python -m tests.benchmarks.tables [--rows 10000 100000 1000000] [--runs 3] [--out tables.json]

The rows are those of a recorded sweep of the digits, many times over with noise: its few students with a seed of its
own for each trial, and, as a search of a continuous weight has them, a student of its own for each. Findings are
frontier and limit again, and the gains, answers and attainment that a report shows beside them.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

import analysis

RECORD = Path(__file__).parents[2] / "docs" / "records" / "digits" / "trials.parquet"
STEPS = ("read", "frontier", "limit", "findings", "page")
SHAPES = {"few students": False, "a student each": True}


def many_trials(count: int, distinct: bool) -> pa.Table:
    """`count` rows with the columns of the record; each a student of its own where `distinct`."""
    record, random = analysis.read_table(RECORD), np.random.default_rng(0)
    table = record.take(np.arange(count) % len(record))
    columns = {
        "trial": pa.array(np.arange(1, count + 1)),
        "seed": pa.array(np.arange(count)),
        "trial_key": pa.array([f"{number:064x}" for number in range(count)]),
        "run_id": pa.array([f"{number:032x}" for number in range(count)]),
        "fid": pa.array(table["fid"].to_numpy() * np.exp(random.normal(0, 0.1, count))),
    }
    if distinct:
        columns |= {"seed": pa.array(np.zeros(count)), "gan_weight": pa.array(random.random(count))}
    for name, column in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), column.cast(table.schema.field(place).type))
    return table


def measure(rows: int, runs: int, distinct: bool) -> dict[str, list[float]]:
    """Seconds of each step, `runs` times."""
    rule = analysis.LimitRule(metric="fid", tolerance=1.0)
    found: dict[str, list[float]] = {step: [] for step in STEPS}

    def timed(step: str, action: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = action()
        found[step].append(time.perf_counter() - began)
        return result

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trials.parquet"
        analysis.write_table(many_trials(rows, distinct), path)
        for _ in range(runs):
            table = timed("read", partial(analysis.read_table, path))
            timed("frontier", partial(analysis.pareto_frontier, table))
            timed("limit", partial(analysis.compression_limit, table, rule))
            findings = timed("findings", partial(analysis.findings_of, table, rule))
            chapter = analysis.Chapter(findings, "benchmark")
            timed("page", partial(analysis.render_page, [chapter]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments = parser.parse_args()
    table = Table(box=None, header_style="bold", title="seconds, median; rows/s to frontier and limit")
    for heading in ("", "rows", *STEPS, "rows/s"):
        table.add_column(heading, justify="right" if heading else "left")
    found: dict[str, dict[str, Any]] = {}
    for shape, distinct in SHAPES.items():
        for rows in arguments.rows:
            seconds = found.setdefault(shape, {})[str(rows)] = measure(rows, arguments.runs, distinct)
            medians = [statistics.median(seconds[step]) for step in STEPS]
            both = medians[1] + medians[2]
            table.add_row(shape, f"{rows:,}", *(f"{s:.2f}" for s in medians), f"{rows / both:,.0f}")
    Console().print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
