"""This module is the data directory: where everything of this machine's sweeps lives."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from gan.digests import value_digest
from sweeps.errors import SweepError
from sweeps.ledger.data_dir import DATABASE, default_tracking_uri, local_store, opened_store, writable
from sweeps.ledger.lock import Driver, driven_in
from sweeps.ledger.store import TrackingStore
from sweeps.spec.sweep import NAME_PATTERN


@dataclass(frozen=True)
class Workspace:
    """A Workspace has the paths inside one data directory, which exists and is writable.

    Runs and models are tracked at `tracking_uri`, by default MLFLOW_TRACKING_URI of the environment; where neither is
    given they are tracked in the directory itself. It holds:

    mlflow.db, artifacts/   the tracking store, unless there is a tracking server
    pools/                  teachers' images, one Arrow file per pool
    teachers/               where trainings of teachers stand that were cut off, or are under way
    locks/                  of models in the making, which one process makes; can be deleted when none is
    references/             the real images as extractors see them
    runtimes/               what pages run networks with; can be deleted at any time
    packings/               how many trials share a GPU, as measured; can be deleted at any time
    sweeps/NAME/            a sweep's study, its trials' journals and checkpoints, its report; what was read of its
                            settled runs, and `deployed/`, which can be deleted at any time
    """

    root: Path
    tracking_uri: str | None = field(default_factory=default_tracking_uri)

    @classmethod
    def at(cls, data_dir: Path, tracking_uri: str | None = None) -> "Workspace":
        """Returns the workspace in `data_dir`, which may be missing: nothing is made or written."""
        return cls(data_dir.expanduser().resolve(), tracking_uri or default_tracking_uri())

    @classmethod
    def open(cls, data_dir: Path, tracking_uri: str | None = None) -> "Workspace":
        """Returns the workspace in `data_dir`, made if missing. Raises SweepError when it cannot be written.

        The artifacts of a directory that was moved are found where it is now.
        """
        workspace = cls.at(writable(data_dir), tracking_uri)
        if not workspace.tracking_uri:
            opened_store(workspace.root)
        return workspace

    @classmethod
    def existing(cls, data_dir: Path, tracking_uri: str | None = None) -> "Workspace":
        """Returns the workspace in `data_dir`. Raises SweepError where nothing was run and no server is named."""
        workspace = cls.at(data_dir, tracking_uri)
        if not (workspace.root / DATABASE).is_file() and not workspace.tracking_uri:
            raise SweepError(
                f"The data directory holds a {DATABASE} of earlier runs",
                f"none in {workspace.root}",
                "Check --data-dir, run a sweep, or name the tracking server of a submitted one: --tracking-uri.",
            )
        return cls.open(data_dir, tracking_uri)

    @property
    def store(self) -> TrackingStore:
        if self.tracking_uri:
            return TrackingStore(self.tracking_uri)
        return local_store(self.root)

    @property
    def store_digest(self) -> str | None:
        """Returns a digest of where runs are tracked; None where that is the directory itself."""
        return value_digest(self.tracking_uri) if self.tracking_uri else None

    @property
    def pools(self) -> Path:
        return self.root / "pools"

    @property
    def teachers(self) -> Path:
        return self.root / "teachers"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def references(self) -> Path:
        return self.root / "references"

    def driven(self, name: str | None = None) -> dict[str, Driver]:
        """Returns the driver of the sweep `name`, of each sweep of the file of that name, or of all, while one runs."""
        return driven_in(self.root / "sweeps", name)

    def sweep(self, name: str) -> Path:
        """Returns the folder of the sweep called `name`, made if missing. Raises SweepError for what is no name."""
        if not re.fullmatch(NAME_PATTERN, name):
            raise SweepError("A sweep's name has lower-case letters, digits, - and _", repr(name), "Check it.")
        folder = self.root / "sweeps" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder
