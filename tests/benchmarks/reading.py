"""How long a sweep of many runs takes to read from a local SQLite store: at first, unchanged, and after a few more.

    python -m tests.benchmarks.reading [--runs 10000] [--spacing 10] [--more 20] [--out reading.json]

A handful of trials of each outcome is delivered to a real store from real journals. Their rows in MLflow's tables
are then copied under new run ids, ordinals and identities until the sweep has --runs of them, one begun every
--spacing seconds up to now, as 2 workers with trials of 20 seconds would. Reading is timed with the libraries
imported and the store open; beside it stands the whole command, `ganlimit export` in a process of its own.
"""

import argparse
import json
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis import SHARED_COLUMNS, TrialState
from sweeps.ledger.delivery import Delivery
from sweeps.ledger.journal import Event, TrialFolder
from sweeps.ledger.tags import (
    DATASET,
    ERROR,
    MODE,
    PHASE,
    POINT,
    PROTOCOL,
    STATE,
    SWEEP,
    TEACHER_DIGEST,
    TEACHER_VERSION,
    TRIAL,
    TRIAL_KEY,
    WORKER,
    common_tags,
)
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.results.reading import read_trials
from sweeps.results.run_cache import CACHE_FILE
from sweeps.results.table import sweep_table

NAME = "benchmark"
PROTOTYPES = {"COMPLETED": 12, "PRUNED": 6, "DIVERGED": 1, "FAILED": 1}  # of 20 trials
RUNGS = {"COMPLETED": (4.0, 8.0, 16.0), "PRUNED": (4.0,), "DIVERGED": (4.0,), "FAILED": ()}
MEASURED = ("fid", "inception_score", "inception_score_std", "sharpness", "kid", "kid_error", "precision", "recall")
AT_THE_END = ("fid_infinity", "latent_mse", "latent_psnr", "latent_ssim", "path_mse")
LOSSES = ("generator_loss", "critic_loss", "mse")
TABLES = ("runs", "tags", "params", "metrics", "latest_metrics")


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.keep or Path(name)
        workspace = Workspace(folder.resolve(), tracking_uri="")
        tracking = Tracking(workspace.store)
        parent_run_id = _make_store(tracking, workspace, arguments)
        found = _measure(tracking, workspace, parent_run_id, arguments)
    found |= {"runs": arguments.runs, "spacing_s": arguments.spacing, "more": arguments.more}
    found["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _print(found)
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--spacing", type=float, default=10.0, help="seconds from one trial's beginning to the next")
    parser.add_argument("--more", type=int, default=20, help="trials that end between two readings")
    parser.add_argument("--keep", type=Path, help="a folder for the store, which stays")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def _measure(
    tracking: Tracking, workspace: Workspace, parent_run_id: str, arguments: argparse.Namespace
) -> dict[str, float]:
    full_s, full = _timed(lambda: sweep_table(tracking, NAME))
    first_s, first = _timed(lambda: read_trials(tracking, workspace, name=NAME).table)
    again_s, again = _timed(lambda: read_trials(tracking, workspace, name=NAME).table)
    assert full.equals(first)
    assert full.equals(again)
    delivery = Delivery(tracking.store, parent_run_id)
    for number, state in enumerate(_states(arguments.more), start=arguments.runs + 1):
        _deliver(delivery, workspace, number, state)
    more_s, more = _timed(lambda: read_trials(tracking, workspace, name=NAME).table)
    assert len(more) == arguments.runs + arguments.more
    assert more.equals(sweep_table(tracking, NAME))
    command_s, _ = _timed(lambda: _export(workspace.root))
    return {
        "without_cache_s": full_s,
        "first_s": first_s,
        "unchanged_s": again_s,
        "with_more_s": more_s,
        "command_s": command_s,
        "cache_mb": (workspace.sweep(NAME) / CACHE_FILE).stat().st_size / 1e6,
    }


def _export(data_dir: Path) -> None:
    command = [sys.executable, "-m", "sweeps.cli", "export", NAME]
    subprocess.run(
        [*command, "--out", data_dir / "table.parquet", "--data-dir", data_dir], check=True, stdout=subprocess.DEVNULL
    )


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


# --- the store ------------------------------------------------------------------------------------


def _make_store(tracking: Tracking, workspace: Workspace, arguments: argparse.Namespace) -> str:
    values: dict[type, object] = {str: "x" * 64, int: 10**6, float: 1 / 3}
    shared = {column: values[kind] for column, kind in SHARED_COLUMNS.items()} | {"dataset": "digits"}
    parent_run_id: str = tracking.open_sweep(NAME, common_tags(shared)).info.run_id
    delivery = Delivery(tracking.store, parent_run_id)
    prototypes = sum(PROTOTYPES.values())
    run_ids = [
        _deliver(delivery, workspace, number, state) for number, state in enumerate(_states(prototypes), start=1)
    ]
    _copy(workspace.root / "mlflow.db", run_ids, arguments.runs, arguments.spacing)
    return parent_run_id


def _states(count: int) -> Iterator[str]:
    """Outcomes in the shares of PROTOTYPES, mixed."""
    states = [state for state, number in PROTOTYPES.items() for _ in range(number)]
    random.Random(0).shuffle(states)
    return (states[number % len(states)] for number in range(count))


def _deliver(delivery: Delivery, workspace: Workspace, number: int, state: str) -> str:
    """A trial's whole journal, brought to the store as a worker does."""
    folder = TrialFolder(workspace.sweep(NAME) / "trials" / f"{number:064d}")
    for event in _events(number, state):
        folder.append(event)
    assert delivery.deliver(folder)
    run_id = folder.delivered()[1]
    assert run_id
    return run_id


def _events(number: int, state: str) -> list[Event]:
    rng = random.Random(number)
    costs = {"parameters": 1000.0 + number, "mac_g": 0.01, "compression_ratio": 1e6 / (1000 + number)}
    point = {"width": 8, "depth": 1, "block": "dcgan", "gan_weight": 0.05}
    params = {**point, "seed": 0, "mode": "distilled", "budget_kimg": 16.0}
    tags = {TRIAL: str(number), PHASE: "search", MODE: "distilled", SWEEP: NAME}
    tags |= {DATASET: "digits", TEACHER_VERSION: "digits-teacher/1", WORKER: "host:1"}
    tags |= {TEACHER_DIGEST: "x" * 64, PROTOCOL: "x" * 64, POINT: json.dumps(point)}
    tags |= {"mlflow.runName": f"{number:03d} distilled w8 d1", STATE: str(TrialState.RUNNING)}
    events = [
        Event(
            kind="opened",
            kimg=0.0,
            metrics=costs,
            params={name: str(value) for name, value in params.items()},
            tags=tags,
        )
    ]
    for kimg in RUNGS[state]:
        metrics = {name: rng.uniform(1, 100) for name in (*MEASURED, *LOSSES, "best_fid")}
        events.append(Event(kind="reported", kimg=kimg, metrics={**metrics, "kimg": kimg, "wall_s": kimg}))
    ending = {STATE: state, **({ERROR: "an error's text"} if state in {"FAILED", "DIVERGED"} else {})}
    last = {name: rng.uniform(0, 1) for name in AT_THE_END} if state == "COMPLETED" else {}
    return [*events, Event(kind="closed", kimg=16.0, metrics={**last, "wall_s": 20.0}, tags=ending)]


def _copy(database: Path, prototypes: list[str], runs: int, spacing: float) -> None:
    """Copy the runs `prototypes` in MLflow's tables until there are `runs`, the last begun now."""
    rng, now_ms = random.Random(1), int(time.time() * 1000)
    with sqlite3.connect(database) as connection:
        columns = {table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")] for table in TABLES}
        rows = {
            (table, run_id): connection.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (run_id,)).fetchall()
            for table in TABLES
            for run_id in prototypes
        }
        for number in range(1, runs + 1):
            prototype = prototypes[(number - 1) % len(prototypes)]
            begin_ms = now_ms - int((runs - number) * spacing * 1000)
            run_id = prototype if number <= len(prototypes) else uuid.UUID(int=rng.getrandbits(128)).hex
            changes = {"run_uuid": run_id, "start_time": begin_ms, "end_time": begin_ms + 20_000}
            if number <= len(prototypes):
                connection.execute(
                    "UPDATE runs SET start_time = ?, end_time = ? WHERE run_uuid = ?",
                    (*list(changes.values())[1:], run_id),
                )
                continue
            for table in TABLES:
                _insert(connection, table, columns[table], rows[table, prototype], changes, number)
    connection.close()


def _insert(
    connection: sqlite3.Connection,
    table: str,
    columns: list[str],
    rows: list[tuple[Any, ...]],
    changes: dict[str, Any],
    number: int,
) -> None:
    own = {TRIAL: str(number), TRIAL_KEY: f"{number:064d}"}
    copies = []
    for row in rows:
        copy = {name: changes.get(name, value) for name, value in zip(columns, row, strict=True)}
        if table == "tags" and copy["key"] in own:
            copy["value"] = own[copy["key"]]
        if table in {"metrics", "latest_metrics"} and copy["key"] in MEASURED:
            copy["value"] += number * 1e-3  # no two alike
        copies.append(tuple(copy.values()))
    places = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", copies)


def _print(found: dict[str, float]) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("reading")
    table.add_column("seconds", justify="right")
    for label, key in (
        ("without a cache", "without_cache_s"),
        ("the first time", "first_s"),
        ("nothing changed", "unchanged_s"),
        (f"{found['more']} more", "with_more_s"),
        ("export, whole command", "command_s"),
    ):
        table.add_row(label, f"{found[key]:.2f}")
    console = Console()
    console.print(f"{found['runs']:,} runs, one begun every {found['spacing_s']:g} s")
    console.print(table)
    console.print(f"cache {found['cache_mb']:.1f} MB, peak memory {found['peak_memory_mb']:.0f} MB")


if __name__ == "__main__":
    main()
