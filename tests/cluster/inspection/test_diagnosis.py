"""What is said of a node that is as it should be, and of one where one thing is wrong."""

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from time import time
from typing import Any

import pytest

from cluster import (
    Check,
    ClusterError,
    Inspection,
    Node,
    NodeReport,
    Probe,
    checks_of,
    inspection_as_dict,
    inspection_from_dict,
    probe_from_json,
    probe_to_json,
    require_fine,
    server_ahead_s,
    storage_problem,
    token_file_check,
)
from cluster.inspection.machine import shared_memory_verdict
from cluster.tracking.clock import ahead_s

GIB = 2**30
PROBE = Probe(
    packages=("ray",), storage="/mnt/shared", tracking_uri="http://tracking:5000", files=(Path("/data/teacher.pt"),)
)
VERSIONS: dict[str, str | None] = {"python": "3.11.7", "ray": "2.60.0"}
NODE = Node(id="0f3a21", address="10.0.0.7", resources={"CPU": 4.0, "GPU": 2.0}, labels={"zone": "a"})
FIT = NodeReport(
    node=NODE,
    hostname="worker",
    versions=VERSIONS,
    clock_skew_s=0.2,
    free_disk_bytes=50 * GIB,
    gpus=2,
    storage_problem=None,
    tracking_problem=None,
    missing_files=(),
)


def checks(report: NodeReport) -> dict[str, Check]:
    return {check.name: check for check in checks_of(report, PROBE, driver_versions=VERSIONS)}


def test_of_a_fit_node_everything_is_fine_and_named() -> None:
    found = checks(FIT)
    assert list(found) == ["packages", "clock", "GPUs", "disk", "storage", "tracking server", "/data/teacher.pt"]
    assert all(check.is_fine and check.subject == "node 10.0.0.7" for check in found.values())
    require_fine(list(found.values()))


@pytest.mark.parametrize(
    ("change", "name", "found", "remedy"),
    [
        ({"versions": {**VERSIONS, "ray": "2.59.0"}}, "packages", "ray 2.59.0 instead of 2.60.0", "constraints.txt"),
        ({"versions": {**VERSIONS, "ray": None}}, "packages", "ray missing instead of 2.60.0", "constraints.txt"),
        ({"versions": {**VERSIONS, "python": "3.12.1"}}, "packages", "python 3.12.1", "constraints.txt"),
        ({"clock_skew_s": -5.1}, "clock", "-5.1 s", "chrony"),
        ({"gpus": 1}, "GPUs", "1 seen, 2 offered", "nvidia-smi"),
        ({"free_disk_bytes": 2 * GIB - 1}, "disk", "2.0 GiB free", "TMPDIR"),
        ({"storage_problem": "not mounted"}, "storage", "/mnt/shared: not mounted", "Mount it"),
        (
            {"tracking_problem": "refused"},
            "tracking server",
            "http://tracking:5000: refused",
            "ganlimit tracking serve",
        ),
        ({"missing_files": PROBE.files}, "/data/teacher.pt", "missing", "Copy it"),
    ],
)
def test_one_thing_that_is_wrong_is_told_with_its_remedy_and_nothing_else(
    change: dict[str, Any], name: str, found: str, remedy: str
) -> None:
    seen = checks(replace(FIT, **change))
    assert [check.name for check in seen.values() if not check.is_fine] == [name]
    assert found in seen[name].found
    assert remedy in str(seen[name].remedy)
    with pytest.raises(ClusterError, match=r"node 10\.0\.0\.7: "):
        require_fine(list(seen.values()))


@pytest.mark.parametrize(
    "change",
    [
        {"clock_skew_s": 5.0},
        {"free_disk_bytes": 2 * GIB},
        {"gpus": 3},
        {"versions": {"python": "3.11.2", "ray": "2.60.0+cu130"}},
    ],
)
def test_what_does_no_harm_is_fine(change: dict[str, Any]) -> None:
    assert all(check.is_fine for check in checks(replace(FIT, **change)).values())


def test_what_the_driver_lacks_does_not_agree_with_a_node_that_lacks_it_too() -> None:
    without = {**VERSIONS, "ray": None}
    packages, *_ = checks_of(replace(FIT, versions=without), PROBE, driver_versions=without)
    assert not packages.is_fine


def test_of_a_node_that_does_not_answer_this_alone_is_said() -> None:
    (answer,) = checks(NodeReport.of_silent(NODE, "its worker died")).values()
    assert "its worker died" in answer.found
    assert not answer.is_fine


def test_an_inspection_and_a_probe_come_back_from_json_as_they_were() -> None:
    damaged = replace(FIT, node=replace(NODE, id="1b", is_head=True), missing_files=PROBE.files, storage_problem="no")
    inspection = Inspection((damaged, NodeReport.of_silent(NODE, "gone")), VERSIONS, autoscaled={"CPU": 64.0})
    assert inspection_from_dict(json.loads(json.dumps(inspection_as_dict(inspection)))) == inspection
    assert probe_from_json(probe_to_json(PROBE)) == PROBE


def test_nodes_of_one_machine_are_told_apart() -> None:
    twin = replace(FIT, node=replace(NODE, id="77c0de99"))
    assert {check.subject for check in Inspection((FIT, twin), VERSIONS).checks(PROBE)} == {
        "node 10.0.0.7 (0f3a21)",
        "node 10.0.0.7 (77c0de)",
    }


def test_shared_memory_holds_the_object_store_or_is_to_be_enlarged() -> None:
    assert shared_memory_verdict("here", free=3 * GIB, wanted=3 * GIB).is_fine
    small = shared_memory_verdict("here", free=GIB // 16, wanted=5 * GIB // 2)
    assert "--shm-size=3g" in str(small.remedy)


def test_a_token_file_open_to_others_is_told_with_the_command_that_closes_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("s3cret")
    path.chmod(0o644)
    assert token_file_check("here", path).remedy == f"Run: chmod 600 {path}"
    path.chmod(0o600)
    assert token_file_check("here", path).is_fine


def test_storage_is_tried_with_a_file_that_does_not_stay(tmp_path: Path) -> None:
    assert storage_problem(str(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert storage_problem(str(tmp_path / "file" / "below")) is not None


@pytest.mark.parametrize(
    ("written", "asked", "answered", "ahead"),
    [
        (100, 100.5, 100.9, 0.0),  # within its second
        (100, 101.0, 101.2, 0.0),  # it was told at its very end
        (100, 103.5, 104.0, -2.5),
        (110, 100.0, 102.0, 8.0),
    ],
)
def test_a_servers_clock_differs_by_the_least_that_explains_its_date(
    written: float, asked: float, answered: float, ahead: float
) -> None:
    assert ahead_s(written, asked=asked, answered=answered) == pytest.approx(ahead)


@contextmanager
def _server_of(hours: float) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(time() + hours * 3600, usegmt=True)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("hours", [-1.0, 0.0, 2.0])
def test_a_server_that_refuses_tells_the_time_all_the_same(hours: float) -> None:
    with _server_of(hours) as url:
        assert server_ahead_s(url) == pytest.approx(hours * 3600, abs=2.0)


def test_an_error_crosses_to_another_process_with_what_it_says() -> None:
    error = pickle.loads(pickle.dumps(ClusterError("A rule", Path("value"), "A remedy.")))
    assert (error.rule, error.value, error.remedy) == ("A rule", "value", "A remedy.")
    assert str(error) == "A rule, got value. A remedy."
