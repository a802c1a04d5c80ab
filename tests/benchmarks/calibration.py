"""Whether the interval of the compression limit holds what it promises, on curves whose limit is known.

    python -m tests.benchmarks.calibration [--repetitions 1000] [--seed 0] [--out FILE.json] [--figure FILE.png]

Students of several sizes over a factor of 30 in parameters, several seeds each, log quality = a known curve + noise.
The limit lies at random in the middle of the range, unless the scenario says otherwise. For each scenario the share
of repetitions whose nominal 95% interval holds the true limit, and the interval's median width (its largest size /
its smallest, an open end counting as the end of the range), for the interval that `compression_limit` states and for
two rivals: Fieller's interval on a line through the four sizes nearest the threshold, and the bootstrap over seeds of
the isotonic crossing. "whole" is `compression_limit` on tables with a search whose noise chooses the sizes; with
"10% fail" a tenth of the fresh seeds at the smallest third of the sizes diverge, and count as the worst. Below that the
break point: coverage of its interval, and how often a straight line gets one.
"""

import argparse
import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib as mpl
import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from analysis import LimitRule, TrialState, compression_limit, read_table, trial_table
from analysis.limit.break_point import Corner, find_corner
from analysis.limit.crossing import crossing_interval
from tests.benchmarks.rivals import bootstrap_interval, fieller_interval
from tests.benchmarks.surfaces import BELOW_THE_KNOT, RANGE, SHAPES, Floats, Scenario, scenarios

Ends = tuple[float | None, float | None]

METHODS = ("ours", "Fieller, local line", "bootstrap, isotonic")
COLOURS = {"ours": "#0072B2", "Fieller, local line": "#E69F00", "bootstrap, isotonic": "#CC79A7"}
# The table of whose first row all others are copies.
PATTERN = Path(__file__).parents[2] / "docs" / "records" / "digits" / "trials.parquet"
RULE, SMALLEST = LimitRule(threshold=10.0), 1e5
PROMISED = (0.92, 0.98)
WHOLE = [
    *(Scenario(shape, 0.15, 5, 9) for shape in SHAPES),
    *(Scenario(shape, 0.15, 5, 9, failing=0.1) for shape in ("power law", "cliff")),
]
DIVERGED = {"state": TrialState.DIVERGED, "final": False, "fid": None}


def ours(x: Floats, values_SK: Floats, rng: np.random.Generator) -> Ends:
    """What `compression_limit` states."""
    found = crossing_interval(x, list(values_SK.T), threshold=0.0)
    assert found is not None
    return found


INTERVALS: dict[str, Callable[[Floats, Floats, np.random.Generator], Ends]] = dict(
    zip(METHODS, (ours, fieller_interval, bootstrap_interval), strict=True)
)


def measure(scenario: Scenario, repetitions: int, seed: int) -> dict[str, Any]:
    """Coverage and median width of every method."""
    rng = np.random.default_rng([seed, scenarios().index(scenario)])
    x, hits = scenario.log_sizes, dict.fromkeys(METHODS, 0)
    widths: dict[str, list[float]] = {name: [] for name in METHODS}
    for _ in range(repetitions):
        limit, values = scenario.draw(rng)
        for name, interval in INTERVALS.items():
            low, high = interval(x, values, rng)
            hits[name] += (low is None or low <= limit) and (high is None or limit <= high)
            widths[name].append((RANGE if high is None else high) - (0.0 if low is None else low))
    found = {name: {"coverage": hits[name] / repetitions, "width": _width(widths[name])} for name in METHODS}
    asked = {"name": scenario.name, "noise": scenario.noise, "seeds": scenario.seeds, "sizes": scenario.sizes}
    return {**asked, "methods": found}


def _width(widths: list[float]) -> float:
    return math.exp(float(np.median(widths)))


def measure_whole(scenario: Scenario, repetitions: int, seed: int) -> dict[str, Any]:
    """The same of `compression_limit` on tables: one noisy search row a size decides which sizes make the curve."""
    rng = np.random.default_rng([seed, 2_000_000 + WHOLE.index(scenario)])
    pattern, hits, widths = read_table(PATTERN).slice(0, 1).to_pylist()[0], 0, []
    for _ in range(repetitions):
        limit, values_SK = replace(scenario, seeds=scenario.seeds + 1).draw(rng)
        interval = compression_limit(_table(pattern, scenario.log_sizes, values_SK), RULE).interval
        assert interval is not None
        low, high = (None if end is None else math.log(end / SMALLEST) for end in (interval.low, interval.high))
        hits += (low is None or low <= limit) and (high is None or limit <= high)
        widths.append((RANGE if high is None else high) - (0.0 if low is None else low))
    asked = {"name": f"{scenario.name}, whole", "noise": scenario.noise, "seeds": scenario.seeds}
    found = {"coverage": hits / repetitions, "width": _width(widths)}
    return {**asked, "sizes": scenario.sizes, "methods": {METHODS[0]: found}}


def _table(pattern: dict[str, Any], log_sizes: Floats, values_SK: Floats) -> pa.Table:
    """Rows of a sweep: the first seed is the search's, the others confirm."""
    rows: list[dict[str, Any]] = []
    for number, log_size in enumerate(log_sizes, start=1):
        for seed, value in enumerate(values_SK[:, number - 1]):
            phase = "confirm" if seed else "search"
            student = {"width": number, "parameters": round(SMALLEST * math.exp(log_size)), "seed": seed}
            result = DIVERGED if math.isnan(value) else {"fid": 10 * math.exp(value)}
            rows.append({**pattern, **student, "phase": phase, "trial": len(rows) + 1, **result})
    return trial_table(rows)


def measure_breaks(repetitions: int, seed: int) -> list[dict[str, Any]]:
    """The break point on cliffs whose corner is known, and the false alarms on straight lines."""
    found = []
    for number, (noise, seeds, sizes) in enumerate([(0.05, 5, 9), (0.15, 5, 9), (0.15, 10, 6), (0.3, 5, 12)]):
        rng = np.random.default_rng([seed, 1_000_000 + number])
        x, alarms, seen, hits = np.linspace(0, RANGE, sizes), 0, 0, 0
        for _ in range(repetitions):
            limit, cliffs = Scenario("cliff", noise, seeds, sizes, place=(0.25, 0.55)).draw(rng)
            _, lines = Scenario("power law", noise, seeds, sizes).draw(rng)
            alarms += isinstance(find_corner(np.tile(x, seeds), lines.ravel()), Corner)
            corner = find_corner(np.tile(x, seeds), cliffs.ravel())
            if isinstance(corner, Corner):
                seen += 1
                knot = limit + BELOW_THE_KNOT
                hits += (corner.low is None or corner.low <= knot) and (corner.high is None or knot <= corner.high)
        row = {"noise": noise, "seeds": seeds, "sizes": sizes, "false_alarms": alarms / repetitions}
        found.append({**row, "power": seen / repetitions, "coverage": hits / max(seen, 1)})
    return found


def table_of(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", title="coverage of the nominal 95% interval, and median width")
    for heading in ("curve", "noise", "seeds", "sizes", *METHODS):
        table.add_column(heading, justify="left" if heading == "curve" else "right", no_wrap=True)
    for row in rows:
        cells = [f"{each['coverage']:.1%} {each['width']:.2f}" for each in row["methods"].values()]
        outside = not PROMISED[0] <= row["methods"]["ours"]["coverage"] <= PROMISED[1]
        cells[0] = f"[yellow]{cells[0]}[/]" if outside else cells[0]
        table.add_row(row["name"], f"{row['noise']:g}", str(row["seeds"]), str(row["sizes"]), *cells)
    return table


def break_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", title="break point")
    for heading in ("noise", "seeds", "sizes", "false alarms on a line", "found on a cliff", "coverage where found"):
        table.add_column(heading, justify="right")
    for row in rows:
        shares = (f"{row[name]:.1%}" for name in ("false_alarms", "power", "coverage"))
        table.add_row(f"{row['noise']:g}", str(row["seeds"]), str(row["sizes"]), *shares)
    return table


def figure_of(rows: list[dict[str, Any]]) -> Figure:
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(7.5, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.axhspan(*PROMISED, color="#E6E6E6", zorder=0, label="92 to 98%")
        axes.axhline(0.95, color="#8A8A8A", lw=0.8)
        for name in reversed(METHODS):
            found = [row["methods"][name] for row in rows]
            widths, coverages = [each["width"] for each in found], [each["coverage"] for each in found]
            axes.plot(widths, coverages, "o", ms=4, alpha=0.7, mew=0, color=COLOURS[name], label=name)
        axes.set(xscale="log", xlabel="median width (largest size / smallest)", ylabel="coverage")
        ticks = (1.1, 1.3, 1.6, 2, 3, 5, 10, 30)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_title(f"{len(rows)} scenarios, nominal 95%", loc="left", fontsize=10, weight="bold")
        axes.legend(frameon=False, loc="lower right")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where the figures are kept as JSON")
    parser.add_argument("--figure", type=Path, help="where to write the picture")
    arguments, console = parser.parse_args(), Console(width=max(130, Console().width))
    rows = [measure(scenario, arguments.repetitions, arguments.seed) for scenario in scenarios()]
    whole = [measure_whole(scenario, arguments.repetitions, arguments.seed) for scenario in WHOLE]
    breaks = measure_breaks(arguments.repetitions, arguments.seed)
    console.print(table_of(rows + whole))
    console.print()
    console.print(break_table(breaks))
    for name in METHODS:
        coverages = [row["methods"][name]["coverage"] for row in rows]
        within = sum(PROMISED[0] <= coverage <= PROMISED[1] for coverage in coverages)
        span = f"{min(coverages):.1%} to {max(coverages):.1%}"
        console.print(f"{name}: {within} of {len(rows)} scenarios within 92 to 98%; {span}", highlight=False)
    if arguments.out:
        found = {
            "repetitions": arguments.repetitions,
            "seed": arguments.seed,
            "limit": rows,
            "whole": whole,
            "break": breaks,
        }
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.figure:
        figure_of(rows).savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
