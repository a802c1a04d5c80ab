"""What clients of a tracking server lose when its PostgreSQL is stopped and started again.

    python -m tests.benchmarks.database_restart [--down 0 1 5 15] [--out restart.json]

While a client logs one metric after the other, the database is away once for each of these seconds (0 is a
restart). Beside it a client that tries nothing again counts the statuses. Once with MLflow's own number of retries
(7) and once with that of `sweeps` (2), whose trials keep what was not delivered and send it later.
"""

import argparse
import http.client
import json
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES
from rich.console import Console
from rich.table import Table

from cluster import tracking_server
from tests.cluster.servers import PostgresServer, free_port, postgres

RETRIES = (2, 7)
BEFORE_S, AFTER_S = 1.0, 2.0


class Load:
    """Two clients that log until they are told to stop."""

    def __init__(self, port: int) -> None:
        url = f"http://127.0.0.1:{port}"
        self.port, self.client, self.stopped = port, MlflowClient(url, url), threading.Event()
        self.run_id: str = self.client.create_run("0").info.run_id
        self.calls_s: list[float] = []
        self.errors = 0
        self.statuses: Counter[int] = Counter()
        self._threads = [threading.Thread(target=work) for work in (self._log, self._count)]
        for thread in self._threads:
            thread.start()

    def _log(self) -> None:
        while not self.stopped.is_set():
            began = time.monotonic()
            try:
                self.client.log_metric(self.run_id, "fid", 1.0, step=len(self.calls_s))
            except Exception:
                self.errors += 1
            self.calls_s.append(time.monotonic() - began)

    def _count(self) -> None:
        body = json.dumps({"run_id": self.run_id, "key": "counted", "value": 1, "timestamp": 1})
        while not self.stopped.wait(0.02):
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            connection.request("POST", "/api/2.0/mlflow/runs/log-metric", body, {"Content-Type": "application/json"})
            self.statuses[connection.getresponse().status] += 1
            connection.close()

    def stop(self) -> dict[str, Any]:
        self.stopped.set()
        for thread in self._threads:
            thread.join()
        stored = {metric.step for metric in self.client.get_metric_history(self.run_id, "fid")}
        found = {"sent": len(self.calls_s), "stored": len(stored), "errors": self.errors}
        return {**found, "longest_call_s": max(self.calls_s), "statuses": dict(self.statuses)}


def measure(server: PostgresServer, port: int, down_s: float, retries: int) -> dict[str, Any]:
    MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(retries)
    load = Load(port)
    time.sleep(BEFORE_S)
    server.stop()
    time.sleep(down_s)
    server.start()
    time.sleep(AFTER_S)
    return {"down_s": down_s, "retries": retries, **load.stop()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--down", type=float, nargs="+", default=[0.0, 1.0, 5.0, 15.0], help="seconds without database")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    arguments = parser.parse_args()
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres(Path(folder)) as server,
        tracking_server(server.uri, None, port=port),
    ):
        rows = [measure(server, port, down_s, retries) for retries in RETRIES for down_s in arguments.down]
    table = Table("retries", "down s", "sent", "stored", "errors", "longest call s", "statuses without a retry")
    for row in rows:
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(row["statuses"].items()))
        counts = [f"{row[name]}" for name in ("sent", "stored", "errors")]
        table.add_row(f"{row['retries']}", f"{row['down_s']:g}", *counts, f"{row['longest_call_s']:.1f}", statuses)
    Console(width=120).print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
