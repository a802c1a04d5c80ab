"""What a trial asks of a tracking server that takes its files too, counted in the HTTP sessions of a real one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

import sweeps
import sweeps.trial.log
import sweeps.trial.worker
from cluster import tracking_server
from gan import default_data_root
from sweeps.display import QuietDisplay
from sweeps.driver.open_sweep import OpenSweep
from sweeps.driver.phases import PhaseLayout
from sweeps.driver.runner import open_sweep
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.run_inputs import state_inputs
from sweeps.search.queues import JobQueue
from sweeps.site.site import ThisMachine
from sweeps.trial.request import Job
from sweeps.trial.worker import run_trial
from tests.cluster.servers import free_port
from tests.sweeps.conftest import TINY


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A tracking server that takes artifacts, as a team's does."""
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ARTIFACTS_DESTINATION", (folder / "artifacts").as_uri())
        with tracking_server(f"sqlite:///{folder / 'mlflow.db'}", None, port=free_port()) as url:
            yield url


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests of this process so far."""
    send, found = requests.Session.send, list[str]()

    def noted(self: Any, request: Any, **options: Any) -> Any:
        found.append(f"{request.method} {request.url.partition('mlflow')[2].partition('?')[0]}")
        return send(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", noted)
    return found


@pytest.fixture(scope="module")
def sweep(server: str, tmp_path_factory: pytest.TempPathFactory) -> OpenSweep:
    """A sweep of students on models of any quality, as a driver has opened it, and one trial that a worker did."""
    path = tmp_path_factory.mktemp("asking")
    tiny = yaml.safe_load(TINY)
    tiny["extractor"]["epochs"], tiny["teacher"]["training"]["kimg"] = 1, 1
    tiny["evaluation"]["rungs_kimg"] = [1, 2, 3]
    (path / "asking.yaml").write_text(yaml.safe_dump({**tiny, "name": "asking"}))
    workspace = Workspace.open(path / "data", server)
    site = ThisMachine(workspace, default_data_root(), num_cpus=1)
    spec, tracking = sweeps.load_spec(path / "asking.yaml"), Tracking(workspace.store)
    opened = open_sweep(spec, workspace, tracking=tracking, display=QuietDisplay(), site=site)
    parent = tracking.client.get_run(opened.parent_run_id)
    state_inputs(tracking, parent, spec=spec, foundation=opened.basis.foundation)
    return opened


@pytest.fixture(scope="module")
def queue(sweep: OpenSweep) -> JobQueue:
    """Its trials."""
    return PhaseLayout(sweep).queue("search")


def train(queue: JobQueue, sweep: OpenSweep) -> str:
    """Runs the next trial as a worker does. Returns its run."""
    job = queue.next()
    assert isinstance(job, Job)
    run_trial((job,), sweep.context)
    record = sweep.context.trials.folder(job.request.key).record()
    assert record is not None
    return record.run_id


@pytest.mark.parametrize(("soon_s", "later_s", "requests"), [(600.0, 600.0, 9), (0.0, 600.0, 10), (0.0, 0.0, 12)])
def test_a_whole_trial_of_four_rungs_with_its_student_and_images_asks_so_often(
    sweep: OpenSweep,
    queue: JobQueue,
    asked: list[str],
    monkeypatch: pytest.MonkeyPatch,
    soon_s: float,
    later_s: float,
    requests: int,
) -> None:
    """The first of rungs that are further apart than SOON_S is told by itself, and others that are so by LATER_S."""
    monkeypatch.setattr(sweeps.trial.worker, "report", lambda outcome: None)  # Ray Tune's, outside of a trial
    monkeypatch.setattr(sweeps.trial.log, "SOON_S", soon_s)
    monkeypatch.setattr(sweeps.trial.log, "LATER_S", later_s)
    if soon_s:
        train(queue, sweep)  # and what a worker asks once
    asked.clear()
    run_id = train(queue, sweep)
    assert len(asked) == requests, "\n".join(asked)
    client = sweep.basis.tracking.client
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.artifact_uri.startswith("mlflow-artifacts:")
    assert len(client.get_metric_history(run_id, "fid")) == 4
    assert run.data.metrics["wall_s"] > 0
    assert run.inputs.dataset_inputs[0].dataset.name == "digits"
    assert run.inputs.model_inputs
    names = [Path(file.path).suffix for part in ("images", "model") for file in client.list_artifacts(run_id, part)]
    assert sorted(names) == [".json", ".png", ".safetensors", ".webp"]


def test_what_was_downloaded_goes_with_whoever_closes_it(sweep: OpenSweep, server: str) -> None:
    registry = Tracking(TrackingStore(server)).registry
    (version,) = registry.versions("digits-teacher")
    folder = registry.fetch(version)
    assert (folder / "weights.safetensors").is_file()
    registry.close()
    assert not folder.exists()
    assert (registry.fetch(version) / "weights.safetensors").is_file(), "it is downloaded again"
