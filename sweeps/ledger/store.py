"""This module says where runs are tracked. It does not load MLflow, so that a server's parent process stays small."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from filelock import FileLock

from sweeps.errors import SweepError

SWEEPS_EXPERIMENT = "ganlimit"
MODELS_EXPERIMENT = "ganlimit-models"

LOCAL_UI = "http://127.0.0.1:5000"


@dataclass(frozen=True)
class TrackingStore:
    """A TrackingStore is where runs and artifacts are kept. It is small and picklable: it travels to the workers."""

    uri: str
    artifact_root: str | None = None  # None leaves the choice to a tracking server

    @classmethod
    def local(cls, database: Path, artifacts: Path) -> "TrackingStore":
        """Returns the store of an SQLite file and a folder of artifacts."""
        return cls(f"sqlite:///{database}", artifacts.as_uri())

    @property
    def takes_files_freely(self) -> bool:
        """Returns whether artifacts are files of this machine; a tracking server takes each with a request."""
        return self.artifact_root is not None

    @property
    def ui_address(self) -> str:
        """Returns where a browser sees the runs: the tracking server, or where `ganlimit ui` serves a local store."""
        parts = urlparse(self.uri)
        if parts.scheme not in {"http", "https"}:
            return LOCAL_UI
        host = parts.netloc.rpartition("@")[2]  # a password stays where it is
        return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"

    @property
    def shown_uri(self) -> str:
        """Returns the store's address without a name and a password."""
        parts = urlparse(self.uri)
        return self.uri if parts.scheme == "sqlite" else parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def opening(self) -> AbstractContextManager[object]:
        """Returns a lock to hold while the store is opened: two processes that make one new database would break it."""
        if not self.uri.startswith("sqlite:///"):
            return nullcontext()
        return FileLock(f"{self.uri.removeprefix('sqlite:///')}.lock")

    def require_reachable(self, artifacts: str) -> None:
        """Raises SweepError for artifacts that lie behind a server, where this store is opened without that server."""
        if artifacts.startswith("mlflow-artifacts:") and urlparse(self.uri).scheme not in {"http", "https"}:
            raise SweepError(
                "A store that a tracking server made is used through the server",
                "its database alone",
                "Run `ganlimit tracking serve` on it and set MLFLOW_TRACKING_URI to the server's address, or choose "
                "another --data-dir.",
            )
