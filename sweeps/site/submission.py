"""This module hands a sweep to a cluster from outside: what is checked before, and what is sent."""

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from cluster import ClusterError, Job, Jobs, Node, cluster_overview, is_object_store, require_schedulable
from gan.digests import value_digest
from sweeps.errors import SweepError
from sweeps.ledger.tags import JOB_DATASETS, JOB_DIGEST, JOB_TRACKING_URI
from sweeps.site.shipped_code import pack_code
from sweeps.site.site import require_shared_storage
from sweeps.spec.file import portable_text
from sweeps.spec.need import need_of
from sweeps.spec.sweep import SweepSpec

SPEC_FILE = "sweep.yaml"
DATA_DIR = '"${GANLIMIT_DATA_DIR:-$HOME/ganlimit-data}"'  # on the node where the driver runs


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A Submission is what is asked of the cluster: a command of `ganlimit sweep`, its sweeps, and where runs go.

    `words` are the command's, without where it runs; `spec_file` is the file here that they call SPEC_FILE.
    """

    words: tuple[str, ...]
    specs: tuple[SweepSpec, ...]
    tracking_uri: str
    data_dir: str | None = None
    spec_file: Path | None = None

    @property
    def name(self) -> str:
        """Returns the sweep's name, or what those of one file have in common: it names the job as well."""
        return self.specs[0].group or self.specs[0].name

    @property
    def title(self) -> str:
        """Returns what the cluster's dashboard calls the job: `sweep run digits`."""
        return f"sweep {self.words[0]} {self.name}"

    @property
    def datasets(self) -> str:
        """Returns the names of the data sets that its sweeps are on."""
        return ", ".join(spec.dataset.name for spec in self.specs)

    @property
    def digest(self) -> str:
        """Returns a digest of what is to be done: two submissions with different digests are different."""
        return value_digest([[spec.model_dump(mode="json") for spec in self.specs], self.words, self.tracking_uri])

    @property
    def command(self) -> str:
        """Returns the command that starts the driver, for a shell of the cluster."""
        where = ["--address", "auto", "--tracking-uri", self.tracking_uri]
        words = ["python", "-m", "sweeps.cli", "sweep", *self.words, *where]
        storage = self.specs[0].cluster.storage
        if self.data_dir or (storage and not is_object_store(storage)):
            return shlex.join([*words, "--data-dir", self.data_dir or storage or ""])
        return f"{shlex.join(words)} --data-dir {DATA_DIR}"


def submit(submission: Submission, jobs: Jobs, *, address: str, token_file: Path | None = None) -> tuple[Job, bool]:
    """Hand the sweep to the cluster at `address`, of the `jobs`. Returns its job, and whether it is a new one.

    The same submission again is the first one, while it runs and when it has succeeded; one that failed or was stopped
    is continued. Raises SweepError where another specification runs under the name, ClusterError where the cluster
    could never run it.
    """
    require_public(submission.tracking_uri)
    before = jobs.find(submission.name)
    if before is not None:
        is_same = before.metadata.get(JOB_DIGEST) == submission.digest
        if is_same and (not before.is_over or before.has_succeeded):
            return before, False
        if not before.is_over:
            raise SweepError(
                f"The cluster has one job called {submission.name} at a time",
                "another specification, or other options, than the running one's",
                f"Wait for it, stop it (ganlimit sweep stop {submission.name} --address {address} --token-file ...), "
                "or give --name.",
            )
    _preflight(submission.specs, address=address, token_file=token_file)
    with tempfile.TemporaryDirectory(prefix="ganlimit-submission-") as name:
        folder = Path(name)
        pack_code(folder)
        if submission.spec_file:
            (folder / SPEC_FILE).write_text(portable_text(submission.spec_file))
        environment = {"PYTHONUNBUFFERED": "1"}
        metadata = {JOB_DATASETS: submission.datasets, JOB_TRACKING_URI: submission.tracking_uri}
        metadata |= {JOB_DIGEST: submission.digest}
        if before is not None:
            jobs.delete(submission.name)
        jobs.submit(
            submission.name,
            submission.command,
            folder=folder,
            environment=environment,
            metadata=metadata,
            title=submission.title,
        )
    job = jobs.find(submission.name)
    assert job is not None, "it was submitted just now"
    return job, True


def require_tracking_uri(uri: str | None) -> str:
    """Returns the tracking server of a submission. Raises SweepError where none is given."""
    if not uri:
        raise SweepError(
            "A submitted sweep logs to a tracking server that all nodes reach",
            "none",
            "Give --tracking-uri http://HOST:PORT, or set MLFLOW_TRACKING_URI.",
        )
    if not uri.startswith(("http://", "https://", "postgresql", "mysql")):
        raise SweepError(
            "A submitted sweep logs to a tracking server that all nodes reach",
            uri,
            "Write http://HOST:PORT (ganlimit tracking serve, or ganlimit cluster up, starts one).",
        )
    return uri


def _preflight(specs: Sequence[SweepSpec], *, address: str, token_file: Path | None) -> None:
    overview = cluster_overview(address, token_file)
    if overview.ray_version != version("ray"):
        raise ClusterError(
            f"Both sides have one version of Ray, here {version('ray')}",
            f"{overview.ray_version} at {address}",
            f"pip install ray=={overview.ray_version}, or submit from a machine that has it.",
        )
    nodes = [
        Node(
            id=node.node_id,
            address=node.address,
            resources={"CPU": node.cpus_total, "GPU": node.gpus_total, **node.resources},
            labels=node.labels,
            is_head=node.is_head,
        )
        for node in overview.alive
    ]
    for spec in specs:
        if not spec.cluster.grows:
            require_schedulable(nodes, need_of(spec))
        require_shared_storage(spec, len(nodes), grows=spec.cluster.grows)


def require_public(tracking_uri: str) -> None:
    """Raises SweepError where the address of a tracking server holds a password."""
    parts = urlsplit(tracking_uri)
    if parts.password is not None:
        raise SweepError(
            "The tracking server's address says no password, as all may see it who see the job",
            f"{parts.scheme}://{parts.username}:...@{parts.hostname}",
            "Give the nodes MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (ganlimit cluster up --env-file).",
        )
