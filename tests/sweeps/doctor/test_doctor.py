"""`ganlimit doctor` as a person runs it: on this machine, and on a cluster that is really there."""

import importlib.metadata
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import ViewType

import sweeps
from cluster.client.dashboard import get_json
from gan import Generator, GeneratorCard, count_parameters, load_dataset, save_generator
from sweeps.ledger.model_runs import model_run
from sweeps.ledger.tags import IDENTITY, KIND
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.identity import trained_identity
from tests.waiting import PATIENCE_S

TAKEN: set[int] = set()  # by this process


def free_port() -> int:
    """Below those from which the system takes ports for connections, and outside those of Ray's workers."""
    for port in range(20000 + os.getpid() % 1000, 30000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in TAKEN:
                TAKEN.add(port)
                return port
    raise AssertionError("there are ten thousand")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")  # restored afterwards, whatever the command sets
        monkeypatch.delenv(name)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A data directory with a store of its own."""
    workspace = Workspace.open(tmp_path / "data")
    Tracking(workspace.store)
    return workspace


def checks_by_name(answer: Any) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(answer.stdout)["checks"]}


def test_on_a_fresh_machine_all_is_fine_and_nothing_is_left_behind(ganlimit: Any, tmp_path: Path) -> None:
    answer = ganlimit("doctor", "--data-dir", tmp_path / "data", "--spec", "digits")
    assert answer.code == 0, answer.stdout
    assert "✗" not in answer.stdout
    for name in ("packages", "GPUs", "data directory", "disk", "temporary folder", "shared memory", "tracking store"):
        assert f"  ✓ {name}: " in answer.stdout
    assert "✓ teacher of digits: not trained yet: a sweep trains it" in answer.stdout
    assert not (tmp_path / "data").exists()


def test_a_store_is_tried_with_a_run_and_a_file_of_which_nothing_stays(ganlimit: Any, workspace: Workspace) -> None:
    answer = ganlimit("doctor", "--data-dir", workspace.root, "--json")
    assert answer.code == 0, answer.stdout
    assert checks_by_name(answer)["artifacts"]["found"] == "a file went there and came back"
    client = Tracking(workspace.store).client
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    assert client.search_runs(experiments) == []
    (deleted,) = client.search_runs(experiments, run_view_type=ViewType.DELETED_ONLY)
    assert deleted.data.tags[KIND] == "doctor"
    assert [path for path in (workspace.root / "artifacts").rglob("*") if path.is_file()] == []


def test_artifacts_that_cannot_be_kept_are_a_cross(ganlimit: Any, workspace: Workspace) -> None:
    shutil.rmtree(workspace.root / "artifacts", ignore_errors=True)
    (workspace.root / "artifacts").touch()
    answer = ganlimit("doctor", "--data-dir", workspace.root)
    assert answer.code == 1
    assert "  ✗ artifacts: they cannot be kept (" in answer.stdout
    assert "✓ tracking store" in answer.stdout


def test_a_server_that_is_down_is_a_cross_at_once(ganlimit: Any, tmp_path: Path) -> None:
    answer = ganlimit("doctor", "--data-dir", tmp_path, "--tracking-uri", f"http://127.0.0.1:{free_port()}")
    assert answer.code == 1
    assert "✗ tracking store: http://127.0.0.1:" in answer.stdout
    assert "Connection refused. Start it (ganlimit tracking serve)" in answer.stdout


def test_an_outdated_and_a_missing_package_are_named(
    ganlimit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = importlib.metadata.version

    def version(name: str) -> str:
        if name == "moocore":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.1" if name == "safetensors" else known(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    answer = ganlimit("doctor", "--data-dir", tmp_path, "--json")
    assert answer.code == 1
    packages = checks_by_name(answer)["packages"]
    assert packages["found"] == "safetensors 0.1 instead of >=0.5.0, moocore missing"
    assert "constraints.txt" in packages["remedy"]


@pytest.mark.parametrize(
    ("package", "version", "wanted"),
    [("ray", "2.61.0", "<2.61,>=2.54.0"), ("optuna", "4.9.0", "<6,>=5.0.0"), ("psycopg2-binary", "2.8", ">=2.9.10")],
    ids=["newer than its private names are known in", "without Trial.set_constraint", "of an extra"],
)
def test_an_installed_version_outside_the_bounds_is_named(
    ganlimit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, version: str, wanted: str
) -> None:
    about = tmp_path / f"{package.replace('-', '_')}-{version}.dist-info" / "METADATA"
    about.parent.mkdir()
    about.write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(tmp_path)  # found before the one that is installed
    answer = ganlimit("doctor", "--data-dir", tmp_path / "data", "--json")
    assert answer.code == 1
    packages = checks_by_name(answer)["packages"]
    assert packages["found"] == f"{package} {version} instead of {wanted}"
    assert packages["remedy"] == "Run: pip install ganlimit -c constraints.txt"


def test_files_and_room_that_are_missing_are_each_a_cross(
    ganlimit: Any, tmp_path: Path, tiny: dict[str, Any], spec_file: Any
) -> None:
    (tmp_path / "file").touch()
    tiny["resources"] = {"cpus_per_trial": 256}
    answer = ganlimit(
        *("doctor", "--data-dir", tmp_path / "file" / "data", "--spec", spec_file(tiny), "--json"),
        *("--storage", tmp_path / "file" / "shared", "--token-file", tmp_path / "none"),
        *("--inception-weights", tmp_path / "none.pth"),
    )
    assert answer.code == 1
    wrong = {name for name, check in checks_by_name(answer).items() if not check["is_fine"]}
    assert wrong == {"token file", "data directory", "storage", "weights of inception", "room for a trial"}
    assert all(check["remedy"] for name, check in checks_by_name(answer).items() if name in wrong)


def test_a_registered_teacher_is_found_and_its_damage_too(
    ganlimit: Any, workspace: Workspace, tiny: dict[str, Any], spec_file: Any
) -> None:
    path = spec_file(tiny)
    _register_teacher(sweeps.load_spec(path), workspace)
    command = ("doctor", "--data-dir", workspace.root, "--spec", path)
    fine = ganlimit(*command)
    assert fine.code == 0, fine.stdout
    assert "✓ teacher of tiny: digits-teacher/1, its weights with the digest" in fine.stdout
    (weights,) = (workspace.root / "artifacts").rglob("weights.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    damaged = ganlimit(*command)
    assert damaged.code == 1
    assert "✗ teacher of tiny: The weights in " in damaged.stdout
    assert "restore it from a copy, or train the model again" in damaged.stdout


@pytest.mark.parametrize("wrong", [("--address", "ftp://head:1"), ("--address", "head"), ("--storage", "here")])
def test_wrong_input_is_no_diagnosis(ganlimit: Any, tmp_path: Path, wrong: tuple[str, str]) -> None:
    answer = ganlimit("doctor", "--data-dir", tmp_path, *wrong)
    assert answer.code == 2
    assert answer.stderr.startswith("error: ")


def _register_teacher(spec: sweeps.SweepSpec, workspace: Workspace) -> None:
    dataset, tracking, architecture = load_dataset("digits"), Tracking(workspace.store), spec.teacher_architecture
    identity = trained_identity(spec, dataset)
    card = GeneratorCard(
        architecture=architecture,
        parameters=count_parameters(architecture),
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        training={"kimg": 6},
        kimg=6,
        seed=0,
        metrics={},
        protocol_digest="",
    )
    with (
        model_run(tracking, identity.model, tags={IDENTITY: identity.digest}) as run_id,
        tempfile.TemporaryDirectory() as name,
    ):
        save_generator(Path(name), Generator(architecture), card=card)
        tracking.registry.register(identity.model, run_id, folder=Path(name), tags={IDENTITY: identity.digest})


@dataclass(frozen=True)
class Head:
    """A cluster of one machine with a tracking server, on loopback."""

    folder: Path
    address: str
    dashboard: str
    tracking: str

    @property
    def token(self) -> Path:
        return self.folder / "head" / "cluster" / "token"

    def doctor(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return _ganlimit(self.folder, "doctor", "--token-file", self.token, *arguments)


@contextmanager
def _head() -> Iterator[Head]:
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))  # not tmp_path, too long for Ray's sockets
    port, dashboard, tracking = free_port(), free_port(), free_port()
    ports = ("--port", port, "--dashboard-port", dashboard, "--tracking-port", tracking)
    small, place = ("--num-cpus", 1, "--object-store-memory", 100_000_000), ("--data-dir", folder / "head")
    try:
        up = _ganlimit(folder, "cluster", "up", *ports, *small, *place)
        assert up.returncode == 0, up.stderr
        local = "http://127.0.0.1"
        yield Head(folder, f"127.0.0.1:{port}", f"{local}:{dashboard}", f"{local}:{tracking}")
    finally:
        _ganlimit(folder, "cluster", "down", *place)
        shutil.rmtree(folder)


def _ganlimit(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_"))}
    kept |= {"PYTHONPATH": str(Path(__file__).parents[3]), "TMPDIR": str(folder), "COLUMNS": "150"}
    command = [sys.executable, "-m", "sweeps.cli", *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )


@pytest.mark.slow
def test_a_cluster_is_looked_at_from_inside(ganlimit: Any) -> None:
    with _head() as head:
        reached = ("--address", head.dashboard, "--tracking-uri", head.tracking, "--spec", "digits")
        (head.folder / "shared").mkdir()
        fine = head.doctor(*reached, "--storage", head.folder / "shared")
        assert fine.returncode == 0, fine.stdout + fine.stderr
        assert "✗" not in fine.stdout
        for name in ("dashboard", "Ray", "room for a trial", "tracking store", "artifacts", "clock"):
            assert f"  ✓ {name}: " in fine.stdout
        for row in ("packages", "clock", "GPUs", "disk", "storage", "tracking server"):
            assert any(line.split("✓")[0].strip() == row for line in fine.stdout.splitlines()), row
        assert list((head.folder / "shared").iterdir()) == []

        stranger = head.folder / "stranger"
        stranger.touch(0o600)
        stranger.write_text("another")
        away = f"http://127.0.0.1:{free_port()}"
        direct = ("--address", head.address, "--tracking-uri", away, "--storage", "/proc/nowhere", "--json")
        ill = head.doctor(*direct)
        refused = ganlimit("doctor", "--address", head.dashboard, "--token-file", stranger, "--data-dir", head.folder)

        assert ill.returncode == 1, ill.stderr
        wrong = [check for check in json.loads(ill.stdout)["checks"] if not check["is_fine"]]
        assert [(check["subject"], check["name"]) for check in wrong] == [
            ("cluster", "tracking store"),
            ("node 127.0.0.1", "storage"),
            ("node 127.0.0.1", "tracking server"),
        ]
        assert all(check["remedy"] for check in wrong)

        assert refused.code == 1
        (line,) = [line for line in refused.stdout.splitlines() if "✗" in line]
        assert "403" in line
        assert "--token-file" in line
        assert refused.stderr == ""

        jobs = get_json(head.dashboard, "/api/jobs/", token=head.token.read_text())
        assert [job["submission_id"] for job in jobs if job["submission_id"]] == []
