"""This module checks whether a tracking store keeps runs and artifacts: it stores one of each, then deletes both."""

import tempfile
from pathlib import Path
from urllib.parse import urlparse

from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from cluster import MOST_SKEW_S, Check, server_ahead_s, tracking_problem
from sweeps.environment import environment
from sweeps.errors import SweepError
from sweeps.ledger.model_runs import model_run
from sweeps.ledger.store import TrackingStore
from sweeps.ledger.tags import KIND
from sweeps.ledger.tracking import Tracking

FILE = "doctor.txt"
STORE, ARTIFACTS, CLOCK = "tracking store", "artifacts", "clock"
IMPATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
START = "Start it (ganlimit tracking serve), or check its address."
KEYS = "See the tracking server's log, and where it keeps artifacts: its bucket, keys (AWS_...) or folder."


def tracking_checks(subject: str, store: TrackingStore) -> list[Check]:
    """Returns whether a run and an artifact can be kept from here, and whether the server's clock agrees with ours."""
    shown = store.uri.rpartition("@")[2]  # a password stays where it is
    problem = tracking_problem(store.uri)
    if problem:
        return [Check(subject=subject, name=STORE, found=f"{shown}: {problem}", remedy=START)]
    try:
        with environment(IMPATIENCE):
            tracking = Tracking(store)
            checks = [
                Check(subject=subject, name=STORE, found=f"{shown} can be written"),
                _artifacts(subject, tracking),
            ]
    except SweepError as error:
        return [Check(subject=subject, name=STORE, found=f"{error.rule}, got {error.value}", remedy=error.remedy)]
    except MlflowException as error:
        return [
            Check(
                subject=subject,
                name=STORE,
                found=f"{shown}: {_first_line(error)}",
                remedy="Let this account write there.",
            )
        ]
    return [*checks, *_clock(subject, store.uri)]


def _artifacts(subject: str, tracking: Tracking) -> Check:
    """Returns whether a file goes there and comes back, in a run that is then deleted.

    Raises MlflowException where no run can be made.
    """
    with model_run(tracking, "ganlimit-doctor", tags={KIND: "doctor"}) as run_id:
        try:
            came_back = _round_trip(tracking, run_id)
        except Exception as error:  # each store's library has its own
            came_back = None
            found = f"they cannot be kept ({_first_line(error)})"
        else:
            found = "a file went there and came back" if came_back else "another file came back than went there"
    tracking.client.delete_run(run_id)
    return Check(subject=subject, name=ARTIFACTS, found=found, remedy=None if came_back else KEYS)


def _round_trip(tracking: Tracking, run_id: str) -> bool:
    """Returns whether a file that the run keeps comes back as it was. The file is deleted afterwards."""
    content, uri = run_id.encode(), tracking.store.uri
    with tempfile.TemporaryDirectory(prefix="ganlimit-doctor-") as name:
        source, target = Path(name) / FILE, Path(name) / "back"
        source.write_bytes(content)
        target.mkdir()
        tracking.client.log_artifact(run_id, str(source))
        path = download_artifacts(run_id=run_id, artifact_path=FILE, dst_path=str(target), tracking_uri=uri)
        came_back = Path(path).read_bytes() == content
    kept = get_artifact_repository(tracking.client.get_run(run_id).info.artifact_uri, uri)
    kept.delete_artifacts(FILE)
    return came_back


def _clock(subject: str, uri: str) -> list[Check]:
    if urlparse(uri).scheme not in {"http", "https"}:
        return []
    try:
        ahead = server_ahead_s(f"{uri.rstrip('/')}/health")
    except OSError as error:
        return [
            Check(subject=subject, name=CLOCK, found=f"the tracking server's cannot be read ({error})", remedy=START)
        ]
    if ahead is None:
        return []
    wrong = abs(ahead) > MOST_SKEW_S
    remedy = "Set both clocks, for example by chrony." if wrong else None
    return [
        Check(
            subject=subject,
            name=CLOCK,
            found=f"the tracking server's is {round(ahead) + 0:+d} s from this one",
            remedy=remedy,
        )
    ]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
