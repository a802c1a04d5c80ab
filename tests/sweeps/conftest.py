"""A sweep so small that it runs for real in half a minute, one finished run of it that many tests read, sweeps
that have runs in a store and never trained, and the command line as a person types it.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from filelock import FileLock

import sweeps
from analysis import SHARED_COLUMNS
from gan import Classifier, ClassifierCard, ClassifierConfig, Compute, save_classifier
from sweeps.cli import main
from sweeps.ledger.delivery import Delivery
from sweeps.ledger.folders import MountedTrials
from sweeps.ledger.journal import Event, TrialFolder
from sweeps.ledger.tags import ERROR, MODE, PHASE, POINT, STATE, SWEEP, TRIAL, common_tags
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.planning.packing import Load
from tests.sweeps.databases import tables_copied
from tests.sweeps.figures import without_drawing

TINY = """
name: tiny
dataset: digits
extractor: {epochs: 3}
teacher:
  width: 8
  latent_size: 16
  pool_size: 512
  training: {kimg: 6}
student: {kimg: 4}
search:
  trials: 4
  space:
    width: {type: int, low: 1, high: 4}
    depth: {type: int, low: 1, high: 2}
    gan_weight: {type: choice, values: [0.0, 0.05]}
  points:
    - {width: 2, depth: 1, gan_weight: 0.0}
    - {width: 3, depth: 1, gan_weight: 0.05}
phases: [search, baseline]
baseline: {kimg: 2}
evaluation: {num_samples: 256, inception_splits: 2, rungs_kimg: [2]}
limit: {metric: fid, tolerance: 1.0}
"""


@pytest.fixture(scope="session", autouse=True)
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with tables_copied(tmp_path_factory.mktemp("tables") / "mlflow.db"):
        yield


@pytest.fixture
def tiny() -> dict[str, Any]:
    """The tiny sweep as plain data, to change and write."""
    data: dict[str, Any] = yaml.safe_load(TINY)
    return data


@pytest.fixture
def spec_file(tmp_path: Path) -> Any:
    """Writes a spec, given as data or as text, and returns its path."""

    def write(content: dict[str, Any] | str) -> Path:
        path = tmp_path / "sweep.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


@pytest.fixture
def search_spec(tiny: dict[str, Any], spec_file: Any) -> Any:
    """Builds the tiny sweep's spec with another search, and without its points."""

    def build(**search: Any) -> sweeps.SweepSpec:
        tiny["search"] |= {"points": [], **search}
        return sweeps.load_spec(spec_file(tiny))

    return build


class Finished:
    """The tiny sweep after one run."""

    def __init__(self, spec: sweeps.SweepSpec, data_dir: Path, result: sweeps.SweepResult) -> None:
        self.spec, self.data_dir, self.result = spec, data_dir, result

    @property
    def tracking(self) -> Tracking:
        return Tracking(Workspace.existing(self.data_dir).store)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One process of the suite trains it; any other has a copy, in which the same command finds nothing left to do."""
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(TINY)
    spec, data_dir = sweeps.load_spec(path), tmp_path_factory.mktemp("finished") / "data"
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(shared / "finished.lock"):
        if (there := shared / "finished-sweep").exists():
            shutil.copytree(there, data_dir)
        result = sweeps.run_sweep(spec, data_dir, workers=2)
        if not there.exists():  # as it is now: tests write into their own
            shutil.copytree(data_dir, shared / "finished-half")
            (shared / "finished-half").rename(there)
    return Finished(spec, data_dir, result)


@pytest.fixture
def without_figures() -> Iterator[None]:
    """Reports of this process have no figures from now on."""
    with without_drawing():
        yield


class Answer(NamedTuple):
    """What a person sees of a command."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def ganlimit(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command line's entry point in this process."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["ganlimit", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Answer(int(ended.value.code or 0), *capsys.readouterr())

    return run


VALUES: dict[type, object] = {str: "x", int: 9000, float: 1 / 3}
SHARED = {
    column: VALUES[kind] for column, kind in SHARED_COLUMNS.items() if column not in ("absent", "extractor_faults")
}


class StoredSweep:
    """A sweep in a real SQLite store, with trials whose whole life can be had in a line."""

    endings = ("COMPLETED", "COMPLETED", "PRUNED", "DIVERGED", "FAILED", "LOST")

    def __init__(self, workspace: Workspace, tracking: Tracking, name: str, **shared: Any) -> None:
        self.workspace, self.tracking, self.name = workspace, tracking, name
        self.parent_run_id: str = tracking.open_sweep(name, common_tags({**SHARED, **shared})).info.run_id
        self.delivery = Delivery(tracking.store, self.parent_run_id)
        self.folders: list[TrialFolder] = []

    def begin(self, deliver: bool = True) -> TrialFolder:
        number = len(self.folders) + 1
        folder = TrialFolder(self.workspace.sweep(self.name) / "trials" / f"{self.name}-{number}")
        self.folders.append(folder)
        self.open(folder, number, deliver)
        return folder

    def open(self, folder: TrialFolder, number: int, deliver: bool = True) -> None:
        costs = {"parameters": 100.0 + number, "mac_g": 0.01, "compression_ratio": 9000 / (100 + number)}
        params = {"width": "8", "depth": "1", "seed": "0", "mode": "distilled", "budget_kimg": "4.0"}
        tags = {"mlflow.runName": str(number), TRIAL: str(number), PHASE: "search", STATE: "RUNNING", POINT: "{}"}
        tags |= {MODE: "distilled", SWEEP: self.name}
        self.tell(
            folder,
            Event(kind="opened", kimg=0.0, metrics=costs, params=params | {"gan_weight": "0.05"}, tags=tags),
            deliver,
        )

    def report(self, folder: TrialFolder, kimg: float, fid: float, deliver: bool = True) -> None:
        metrics = {"fid": fid, "best_fid": fid, "kimg": kimg, "wall_s": kimg}
        self.tell(folder, Event(kind="reported", kimg=kimg, metrics=metrics), deliver)

    def tell(self, folder: TrialFolder, event: Event, deliver: bool = True) -> None:
        folder.append(event)
        if deliver:
            assert self.delivery.deliver(folder)

    def end(self, folder: TrialFolder, state: str = "COMPLETED", deliver: bool = True) -> None:
        tags = {STATE: state, **({ERROR: "it went wrong"} if state == "FAILED" else {})}
        self.tell(folder, Event(kind="closed", kimg=4.0, metrics={"wall_s": 1 / 3}, tags=tags), deliver)

    def finished(self, count: int) -> list[str]:
        """The run ids of that many new trials that ended as trials do."""
        for number in range(count):
            folder = self.begin(deliver=False)
            self.report(folder, 2.0, 10 / 3 + number, deliver=False)
            self.end(folder, self.endings[number % len(self.endings)])
        return [str(folder.delivered()[1]) for folder in self.folders[-count:]]

    def deliver_all(self) -> None:
        self.delivery.deliver_all(MountedTrials(self.workspace.sweep(self.name) / "trials"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A data directory with an SQLite store."""
    return Workspace(tmp_path_factory.mktemp("data"), tracking_uri="")


@pytest.fixture(scope="module")
def store_tracking(store: Workspace) -> Tracking:
    return Tracking(store.store)


@pytest.fixture
def new_sweep(store: Workspace, store_tracking: Tracking) -> Any:
    """Makes a StoredSweep of a name of its own in the store; keywords replace what its rows share."""

    def make(**shared: Any) -> StoredSweep:
        return StoredSweep(store, store_tracking, f"sweep-{len(store_tracking.sweeps())}", **shared)

    return make


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The run ids that readings fetch: a list that grows."""
    found: list[str] = []
    original = Tracking.each_trial

    def noted(self: Tracking, *arguments: Any, **options: Any) -> Any:
        for run in original(self, *arguments, **options):
            found.append(run.info.run_id)
            yield run

    monkeypatch.setattr(Tracking, "each_trial", noted)
    return found


@pytest.fixture
def load(tiny: dict[str, Any], spec_file: Any) -> Load:
    """That of the tiny sweep, on the CPU with two cores."""
    return Load.of(sweeps.load_spec(spec_file(tiny)), "CPU", cores=2, compute=Compute())


@pytest.fixture
def extractor(tmp_path: Path) -> Path:
    """An untrained one."""
    config, folder = ClassifierConfig(width=4, features=8), tmp_path / "classifier"
    card = ClassifierCard(
        config=config, image_channels=1, num_classes=10, dataset="digits", dataset_digest="d", held_out_accuracy=0.1
    )
    save_classifier(folder, Classifier(config, 1, num_classes=10), card=card)
    return folder
