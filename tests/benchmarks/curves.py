"""Record the learning curves on which searches are compared.

    python -m tests.benchmarks.curves --data-dir curves-data [--out tests/data/curves.parquet]

Runs the sweep in curves.yaml (about an hour on 2 cores, or goes on where it was cut off) and
writes one row for each rung of each trial: the student, its seed, kimg, parameters and FID.
"""

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import sweeps
from sweeps.ledger.records import stored_records
from sweeps.ledger.tags import PHASE, common_columns
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace

SPEC = Path(__file__).with_name("curves.yaml")
SCHEMA = pa.schema(
    [
        ("width", pa.int16()),
        ("depth", pa.int16()),
        ("block", pa.string()),
        ("gan_weight", pa.float64()),
        ("seed", pa.int16()),
        ("parameters", pa.int64()),
        ("kimg", pa.float64()),
        ("fid", pa.float64()),
    ]
)


def record(data_dir: Path, workers: int | None) -> None:
    from rich.console import Console

    from sweeps.display import display_for

    sweeps.run_sweep(sweeps.load_spec(SPEC), data_dir, workers=workers, display=display_for(Console(stderr=True)))


def export(data_dir: Path) -> pa.Table:
    """The curves of the completed trials, with the teacher's size and FID in the metadata."""
    tracking = Tracking(Workspace.existing(data_dir).store)
    parent = tracking.find_sweep("curves")
    assert parent is not None, "it ran just now"
    rows = []
    for found in stored_records(tracking, parent.info.run_id).values():
        if found.state != "COMPLETED" or found.tags[PHASE] != "search":
            continue
        student: dict[str, int | float | str] = {name: int(found.params[name]) for name in ("width", "depth", "seed")}
        student |= {"block": found.params["block"], "gan_weight": float(found.params["gan_weight"])}
        for metric in tracking.client.get_metric_history(found.run_id, "fid"):
            place = {"parameters": int(found.metrics["parameters"]), "kimg": float(metric.step), "fid": metric.value}
            rows.append({**student, **place})
    stated = common_columns(parent.data.tags)
    shared = {name: stated[name] for name in ("teacher_parameters", "teacher_fid")}
    order = [(name, "ascending") for name in ("width", "depth", "block", "gan_weight", "seed", "kimg")]
    return pa.Table.from_pylist(rows, SCHEMA.with_metadata(shared)).sort_by(order)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--workers", type=int, help="trials at once (default: one per core)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "data" / "curves.parquet")
    parser.add_argument("--export-only", action="store_true", help="write what is recorded so far")
    arguments = parser.parse_args()
    if not arguments.export_only:
        record(arguments.data_dir, arguments.workers)
    table = export(arguments.data_dir)
    pq.write_table(table, arguments.out, compression="zstd")
    students = {tuple(row.values()) for row in table.select(["width", "depth", "block", "gan_weight"]).to_pylist()}
    print(f"{len(students)} students, {len(table)} measurements: {arguments.out}")


if __name__ == "__main__":
    main()
