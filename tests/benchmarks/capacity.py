"""From what a trial costs to how many nodes a driver, its tracking server and their database carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

MINUTES = (1, 10, 60)  # lengths of a trial, stopped ones among them
STARTED = 100  # trials: before that the workers start
STAGE = 1000  # trials

Window = Mapping[str, Any]


@dataclass(frozen=True)
class Capacity:
    """What a part of the system spends on a trial, and the trials a second at which it has no time left.

    Driver and server have one thread that matters, and the driver's waits for the tracking server as well.
    PostgreSQL is counted as one core, of which it can use several.
    """

    part: str
    cpu_ms: float
    waiting_ms: float = 0.0

    @property
    def trials_per_s(self) -> float:
        return 1000 / (self.cpu_ms + self.waiting_ms)

    def nodes(self, minutes: float) -> float:
        """Nodes with one trial each of so many minutes that keep the part busy all the time."""
        return self.trials_per_s * 60 * minutes


def capacities(windows: list[Window]) -> list[Capacity]:
    """Of driver, tracking server and database over `windows`, the one that is exhausted first at the head."""
    trials: int = sum(window["trials"] for window in windows)

    def cpu_ms(process: str) -> float:
        cpu_s: float = sum(w["processes"].get(process, {}).get("cpu_s", 0.0) for w in windows)
        return 1000 * cpu_s / trials

    waiting_ms = sum(waiting(w) * w["trials"] for w in windows) / trials
    parts = {"driver": "driver", "MLflow server": "mlflow", "PostgreSQL": "postgres"}
    found = [Capacity(part, cpu_ms(name), waiting_ms if name == "driver" else 0.0) for part, name in parts.items()]
    return sorted((part for part in found if part.cpu_ms), key=lambda part: part.trials_per_s)


def stages(windows: list[Window]) -> dict[str, list[Window]]:
    """The windows of two stages of a run: the first 1,000 trials, without those of the start, and the last 1,000."""
    last = windows[-1]["finished"]
    early = [w for w in windows if STARTED < w["finished"] <= STAGE] or windows[-1:]
    late = [w for w in windows if w["finished"] > max(STAGE, last - STAGE)]
    return {_span(stage): stage for stage in (early, late) if stage}


def _span(windows: list[Window]) -> str:
    first = windows[0]["finished"] - windows[0]["trials"]
    return f"trials {first + 1:,} to {windows[-1]['finished']:,}"


def waiting(window: Window) -> float:
    """Milliseconds a trial for which the driver's loop waits for the tracking server, at the median latency."""
    asked = window["requests"]["driver"].values()
    wall_ms: float = sum(e["count"] * e["wall_ms_median"] for e in asked if e["count"])
    return wall_ms / int(window["trials"])


def requests_a_trial(window: Window) -> float:
    """How many requests the tracking server had for each trial, of workers and driver."""
    count: int = sum(e["count"] for who in window["requests"].values() for e in who.values())
    return count / int(window["trials"])


def print_tables(runs: Mapping[str, Any], console: Console) -> None:
    """What each run measured, and what follows from it."""
    for name, run in runs.items():
        _print_windows(name, run, console)
        _print_capacities(run, console)
        for step, seconds in run.get("end", {}).items():
            console.print(f"after the last trial: {step} {seconds:.1f}", style="dim")


def _print_windows(name: str, run: Mapping[str, Any], console: Console) -> None:
    last = run["windows"][-1]["finished"]
    title = f"{name}: measured to {last:,} trials on {run['cores']} cores"
    table = Table(box=None, header_style="bold", title=title)
    headings = ("trials", "trials/s", "requests", "driver", "waits", "ask", "judge", "MLflow", "log-batch", "Postgres")
    for heading in (*headings, "worker", "driver MiB", "study MiB", "database"):
        table.add_column(heading, justify="right")
    for window in run["windows"]:
        table.add_row(*_cells(window))
    console.print(table)
    console.print(
        "CPU milliseconds a trial; waits: the driver for the server; ask and judge: mean CPU milliseconds of one; "
        "log-batch: median milliseconds of a request",
        style="dim",
    )


def _cells(window: Window) -> list[str]:
    trials, processes = window["trials"], window["processes"]

    def cpu(process: str) -> str:
        return f"{1000 * processes[process]['cpu_s'] / trials:.0f}" if process in processes else ""

    batch = window["requests"]["workers"].get("POST runs/log-batch", {})
    asks = window["ask"]
    return [
        f"{window['finished']:,}",
        f"{trials / window['wall_s']:.2f}",
        f"{requests_a_trial(window):.1f}",
        cpu("driver"),
        f"{waiting(window):.0f}",
        f"{asks['cpu_ms_mean'] * asks['count'] / trials:.1f}",
        f"{window['judge'].get('cpu_ms_mean', 0.0):.1f}",
        cpu("mlflow"),
        f"{batch.get('wall_ms_median', 0.0):.0f}",
        cpu("postgres"),
        cpu("workers"),
        f"{processes['driver']['rss_mib']:,.0f}",
        f"{window['disk_mib']['study']:.1f}",
        f"{window['disk_mib']['database']:.0f}",
    ]


def _print_capacities(run: Mapping[str, Any], console: Console) -> None:
    for span, windows in stages(run["windows"]).items():
        title = f"{span}: nodes with one trial each at which a part is busy all the time"
        table = Table(box=None, header_style="bold", title=title, title_justify="left")
        headings = ("", "CPU ms a trial", "waits ms", "trials/s", *(f"{minutes} min a trial" for minutes in MINUTES))
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="right" if number else "left")
        for part in capacities(windows):
            nodes = (f"{part.nodes(minutes):,.0f}" for minutes in MINUTES)
            table.add_row(part.part, f"{part.cpu_ms:.0f}", f"{part.waiting_ms:.0f}", f"{part.trials_per_s:.1f}", *nodes)
        console.print(table)
