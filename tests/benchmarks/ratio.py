"""How much further a preset's schemes and layers go than the paper's: the two confirmed limits, one over the other.

    python -m tests.benchmarks.ratio [--preset digits] [--trials 30] [--seeds 5] [--data-dir DIR]
        [--set KEY=VALUE ...] [--paper-set KEY=VALUE ...] [--out ratio.json]

Both sweeps have the preset's teacher, rule, budgets, widths, depths and number of trials. The paper's has its own joint
scheme and DCGAN blocks. Candidates of each limit are trained again with fresh seeds, which alone say where it lies. In
a data directory that is named the same command goes on where it was. The interval of the ratio is that of both limits
at their ends, which is wider than 95%. Where no student of the paper's scheme holds the rule, its limit lies above the
largest that was tried, and the ratio is at least what that one gives; `--paper-set` gives that scheme larger sizes. The
command ends with code 1 where a limit is not confirmed, or no ratio can be stated.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import sweeps
from analysis import CompressionLimit, LimitStatus
from sweeps.display import QuietDisplay
from tests.benchmarks.schemes import MSE, json_or_text

JOINT = {"type": "choice", "values": [0.01, 0.02, 0.03]}  # about those that the records' searches chose
UNUSED = ("block", "first_layer_rank", "student")  # dimensions that the paper has not


@dataclass(frozen=True)
class Limit:
    """Where a sweep's limit lies, and how far it can be trusted."""

    ratio: float | None
    interval: tuple[float | None, float | None] | None  # of the ratio, the smaller first
    parameters: int | None
    threshold: float | None
    confirmed: bool
    smallest: int | None  # parameters of the smallest student that holds the rule
    below: float | None  # the ratio of the largest student, where none holds it
    sentence: str
    trials: int
    trial_hours: float


def specs_of(
    preset: str, changes: dict[str, Any], of_paper: dict[str, Any], *, trials: int, seeds: int
) -> dict[str, sweeps.SweepSpec]:
    """The preset, and the preset with the paper's scheme and blocks, each confirmed by fresh seeds."""
    both = {"phases": ["search", "confirm"], "search.trials": trials, "confirm.seeds": seeds, **changes}
    ours = sweeps.load_spec(preset, {**both, "name": "ratio-ours"})
    plain = {f"student.{key}": value for key, value in MSE.items()}
    named = ours.search.space.model_dump(mode="json")
    space = {key: value for key, value in named.items() if key not in UNUSED} | {"gan_weight": JOINT}
    paper = {**both, **plain, "name": "ratio-paper", "search.space": space, "search.points": [], **of_paper}
    return {"the paper's": sweeps.load_spec(preset, paper), "the preset's": ours}


def limit_of(spec: sweeps.SweepSpec, data_dir: Path) -> Limit:
    result = sweeps.run_sweep(spec, data_dir, display=QuietDisplay())
    found, seconds = result.report.limit, result.table["wall_s"].to_pylist()
    return Limit(
        ratio=found.ratio,
        interval=found.ratio_interval,
        parameters=found.parameters,
        threshold=found.threshold,
        confirmed=found.confirmed and not found.provisional,
        smallest=found.student_parameters,
        below=_largest_judged(found) if found.status == LimitStatus.NONE_WITHIN else None,
        sentence=found.sentence(),
        trials=result.table.num_rows,
        trial_hours=sum(second or 0.0 for second in seconds) / 3600,
    )


def _largest_judged(limit: CompressionLimit) -> float | None:
    """None while it is provisional: a student that fresh seeds have not judged may be the luckiest of many."""
    return None if limit.provisional or not limit.curve else min(point.compression_ratio for point in limit.curve)


def quotient(ours: Limit, paper: Limit) -> tuple[float | None, tuple[float | None, float | None]]:
    """One limit over the other, from both at their bad ends to both at their good ones."""

    def over(one: float | None, other: float | None) -> float | None:
        return one / other if one and other else None

    low, high = ours.interval or (None, None)
    if paper.below:
        return over(ours.ratio, paper.below), (over(low, paper.below), None)
    least, most = paper.interval or (None, None)
    return over(ours.ratio, paper.ratio), (over(low, most), over(high, least))


def told(value: float | None, form: str = ".1f") -> str:
    return "open" if value is None else f"{value:{form}}"


def table_of(limits: dict[str, Limit], title: str) -> Table:
    table = Table(box=None, header_style="bold", title=title)
    for heading in ("scheme and layers", "limit", "95% interval", "smallest that holds", "rule", "trials", "hours"):
        table.add_column(heading, justify="left" if heading.startswith("scheme") else "right")
    for name, limit in limits.items():
        low, high = limit.interval or (None, None)
        table.add_row(
            name,
            _place(limit) + ("" if limit.confirmed else " (not confirmed)"),
            "" if limit.below else f"1/{told(low)} to 1/{told(high)}",
            "none" if limit.smallest is None else f"{limit.smallest:,}",
            f"FID <= {told(limit.threshold)}",
            str(limit.trials),
            f"{limit.trial_hours:.2f}",
        )
    return table


def _place(limit: Limit) -> str:
    return f"above 1/{limit.below:.1f}" if limit.below else f"1/{told(limit.ratio)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="digits", help="or a file of a sweep (default digits)")
    parser.add_argument("--trials", type=int, default=30, help="of each search")
    parser.add_argument("--seeds", type=int, default=5, help="fresh ones of each candidate")
    parser.add_argument("--data-dir", type=Path, help="where both sweeps are kept (default: nowhere)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of both sweeps")
    parser.add_argument("--out", type=Path, help="where the figures are written as JSON")
    parser.add_argument("--paper-set", action="append", default=[], metavar="KEY=VALUE", help="of the paper's alone")
    arguments, console = parser.parse_args(), Console()
    both, of_paper = (
        {key: json_or_text(value) for key, _, value in (item.partition("=") for item in items)}
        for items in (arguments.set, arguments.paper_set)
    )
    specs = specs_of(arguments.preset, both, of_paper, trials=arguments.trials, seeds=arguments.seeds)
    with tempfile.TemporaryDirectory() as folder:
        limits = {name: limit_of(spec, arguments.data_dir or Path(folder)) for name, spec in specs.items()}
    console.print(table_of(limits, f"compression limits of the students tried, {arguments.preset}"))
    ratio, (low, high) = quotient(limits["the preset's"], limits["the paper's"])
    times, least, most = (told(value, ".2f") for value in (ratio, low, high))
    at_least = "at least " if limits["the paper's"].below else ""
    console.print(f"The preset's limit lies {at_least}{times} times as far ({least} to {most}).")
    if arguments.out:
        found = {name: asdict(limit) for name, limit in limits.items()}
        arguments.out.write_text(json.dumps({**found, "ratio": ratio, "interval": [low, high]}, indent=1) + "\n")
    sys.exit(ratio is None or not all(limit.confirmed for limit in limits.values()))


if __name__ == "__main__":
    main()
