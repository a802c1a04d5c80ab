"""Seconds and peak memory of a frontier and its hypervolume over a big trial table.

    python -m tests.benchmarks.frontier --rows 1000000 --out frontier.json

Each measurement is a process of its own that makes a table of the whole schema, then times `pareto_frontier` and
`hypervolume`. Peak memory is the whole process's, the table included. `few`: sizes and metrics at random, so that few
rows are on the frontier; `all`: every row is on it, which is the worst case.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from analysis import TRIAL_SCHEMA, Mode, Phase, TrialState, hypervolume, pareto_frontier

CASES = {
    "few on the frontier": ("few", ("parameters", "fid")),
    "few, three objectives": ("few", ("parameters", "latency_ms", "fid")),
    "all on the frontier": ("all", ("parameters", "fid")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(_measure(arguments.rows, *CASES[arguments.case])))
        return
    found = {}
    for case in CASES:
        command = [sys.executable, "-m", "tests.benchmarks.frontier", "--rows", str(arguments.rows), "--case", case]
        found[case] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(
            f"{case}: {arguments.rows:,} rows, {found[case]['frontier_rows']:,} on the frontier: frontier "
            f"{found[case]['frontier_s']:.2f} s, hypervolume {found[case]['hypervolume_s']:.2f} s, peak memory "
            f"{found[case]['peak_gib']:.2f} GiB (the table has {found[case]['table_gib']:.2f})"
        )
    if arguments.out:
        arguments.out.write_text(json.dumps({"rows": arguments.rows, "cases": found}, indent=2) + "\n")


def _measure(rows: int, shape: str, objectives: tuple[str, ...]) -> dict[str, Any]:
    table = _table(rows, shape)
    began = time.perf_counter()
    frontier = pareto_frontier(table, objectives)
    between = time.perf_counter()
    hypervolume(frontier, [1e9] * len(objectives), objectives=objectives)
    return {
        "frontier_rows": len(frontier),
        "frontier_s": between - began,
        "hypervolume_s": time.perf_counter() - between,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "table_gib": table.nbytes / 2**30,
    }


def _table(rows: int, shape: str) -> pa.Table:
    """Distilled students of one protocol: nine of ten final, one in a hundred without a number."""
    random = np.random.default_rng(0)
    texts = {
        "state": TrialState.COMPLETED,
        "mode": Mode.DISTILLED,
        "phase": Phase.SEARCH,
        "dataset": "digits",
        "block": "dcgan",
    }
    columns = {}
    for field in TRIAL_SCHEMA:
        if pa.types.is_string(field.type):
            text = texts.get(field.name, "x" * (64 if field.name.endswith(("digest", "key")) else 16))
            columns[field.name] = pa.repeat(pa.scalar(text), rows)
        elif pa.types.is_boolean(field.type):
            columns[field.name] = pa.array(random.random(rows) < 0.9)
        elif pa.types.is_integer(field.type):
            columns[field.name] = pa.array(random.integers(1, 1_000_000, rows))
        else:
            columns[field.name] = pa.array(random.lognormal(3.0, 1.0, rows))
    if shape == "all":
        order = random.permutation(rows)
        columns["parameters"] = pa.array(order + 1)
        columns["fid"] = pa.array((rows - order) / rows)
        columns["final"] = pa.array(np.ones(rows, dtype=bool))
    else:
        fid = np.asarray(columns["fid"]).copy()
        fid[random.random(rows) < 0.01] = np.nan
        columns["fid"] = pa.array(fid)
    columns["trial"] = pa.array(np.arange(1, rows + 1))
    return pa.table(columns, schema=TRIAL_SCHEMA)


if __name__ == "__main__":
    main()
