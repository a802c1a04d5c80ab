"""This module is `ganlimit doctor`: it checks what a sweep stands on, here or on every node of a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cluster import (
    Check,
    ClusterError,
    Inspection,
    Probe,
    cluster_overview,
    require_reachable,
    require_schedulable,
    split_address,
    storage_address,
    token_file_check,
    tracking_problem,
)
from gan import DataRoot, default_data_root
from sweeps.doctor.inspecting import DRIVER, inspect_by_job, inspect_directly
from sweeps.doctor.own_checks import HERE, checks_of_this_machine, packages_check, teacher_checks
from sweeps.errors import SweepError
from sweeps.ledger.workspace import Workspace
from sweeps.site.site import PACKAGES
from sweeps.site.submission import require_public
from sweeps.spec.models import ImportedTeacherSpec, OwnExtractorSpec
from sweeps.spec.need import need_of
from sweeps.spec.sweep import SweepSpec

TRACKING = "tracking server"


@dataclass(frozen=True, kw_only=True)
class Question:
    """A Question says what is to be checked: this machine, or the cluster at `address`.

    `address` is http://HOST:PORT, HOST:PORT or "auto". Raises SweepError and ClusterError for an address, a storage or
    a tracking server that is not valid.
    """

    data_dir: Path
    specs: tuple[SweepSpec, ...] = ()
    address: str | None = None
    token_file: Path | None = None
    tracking_uri: str | None = None
    storage: str | None = None
    inception_weights: Path | None = None
    extractor_weights: Path | None = None

    def __post_init__(self) -> None:
        if self.storage:
            object.__setattr__(self, "storage", storage_address(self.storage))
        if self.address is None:
            return
        require_public(self.workspace.tracking_uri or "")
        if not self.by_job and self.address != "auto":
            if "://" in self.address:
                raise SweepError(
                    "ADDRESS is a cluster's", self.address, 'Write http://HOST:8265, Ray\'s own HOST:PORT, or "auto".'
                )
            split_address(self.address)

    @property
    def workspace(self) -> Workspace:
        """Returns the data directory, and where runs are tracked."""
        return Workspace.at(self.data_dir, self.tracking_uri)

    @property
    def by_job(self) -> bool:
        """Returns whether the cluster is reached through its jobs server."""
        return self.address is not None and self.address.startswith(("http://", "https://"))

    @property
    def shared_storage(self) -> str | None:
        """Returns the storage that is named, or that of the specification."""
        return self.storage or next((spec.cluster.storage for spec in self.specs if spec.cluster.storage), None)

    @property
    def files(self) -> tuple[Path, ...]:
        """Returns the files that the specification and the options name on the nodes."""
        named = [spec.dataset.path for spec in self.specs if spec.dataset.path]
        teachers = [spec.teacher for spec in self.specs if isinstance(spec.teacher, ImportedTeacherSpec)]
        own = [teacher.path for teacher in teachers]
        own += [teacher.critic.path for teacher in teachers if teacher.critic]
        named += [spec.evaluation.reference.file for spec in self.specs if spec.evaluation.reference]
        own += [spec.extractor.path for spec in self.specs if isinstance(spec.extractor, OwnExtractorSpec)]
        weights = [path for path in (self.inception_weights, self.extractor_weights) if path]
        return tuple(dict.fromkeys([*map(Path, named), *own, *weights]))

    @property
    def data_root(self) -> DataRoot:
        """Returns where files from outside are, none of which is fetched."""
        return replace(
            default_data_root(),
            download=False,
            inception_weights=self.inception_weights,
            extractor_weights=self.extractor_weights,
        )


@dataclass(frozen=True)
class Diagnosis:
    """A Diagnosis has all checks that were made."""

    checks: tuple[Check, ...]

    @property
    def is_fine(self) -> bool:
        return all(check.is_fine for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Returns the checks for a script."""
        checks = [{**vars(check), "is_fine": check.is_fine} for check in self.checks]
        return {"is_fine": self.is_fine, "checks": checks}


def diagnose(question: Question) -> Diagnosis:
    """Check this machine, or the cluster. What cannot be reached is a check that is not fine."""
    token = [token_file_check(HERE, question.token_file)] if question.token_file else []
    if question.address is None:
        own = checks_of_this_machine(
            question.workspace,
            question.specs,
            storage=question.shared_storage,
            data_root=question.data_root,
        )
        return Diagnosis((*token, *own))
    checks = [packages_check(), *token]
    if all(check.is_fine for check in token):
        try:
            checks += _cluster(question, question.address)
        except ClusterError as error:
            checks.append(_refused(error))
    return Diagnosis(tuple(dict.fromkeys(checks)))


def _cluster(question: Question, address: str) -> list[Check]:
    workspace = question.workspace
    uri = workspace.tracking_uri or (None if question.by_job else workspace.store.uri)
    probe = Probe(packages=PACKAGES, storage=question.shared_storage, tracking_uri=uri, files=question.files)
    checks = _dashboard(address, question.token_file) if question.by_job else []
    if not all(check.is_fine for check in checks):
        return checks
    try:
        inspect = inspect_by_job if question.by_job else inspect_directly
        inspection, of_driver = inspect(address, probe, token_file=question.token_file)
    except ClusterError as error:
        return [*checks, _refused(error)]
    checks += [*_places(question, inspection), *_shared(question, inspection, uri=uri)]
    checks += [*of_driver, *inspection.checks(probe)]
    if question.specs and uri and uri.startswith("http") and tracking_problem(uri) is None:
        checks += teacher_checks(question.specs, workspace)
    return checks


def _dashboard(address: str, token_file: Path | None) -> list[Check]:
    """Returns whether the jobs server answers, takes the token, and has this machine's version of Ray.

    Raises ClusterError.
    """
    require_reachable(address, token_file)
    overview, own = cluster_overview(address, token_file), version("ray")
    alive = len(overview.alive)
    checks = [
        Check(
            subject=DRIVER,
            name="dashboard",
            found=f"{address} answers and takes the token; {alive} node{'s' * (alive != 1)} alive",
        )
    ]
    if overview.ray_version != own:
        found, remedy = f"{overview.ray_version}, here {own}", f"pip install ray=={overview.ray_version}"
        return [
            *checks,
            Check(subject=DRIVER, name="Ray", found=found, remedy=f"{remedy}, or ask from a machine that has it."),
        ]
    return [*checks, Check(subject=DRIVER, name="Ray", found=f"{own} on both sides")]


def _places(question: Question, inspection: Inspection) -> list[Check]:
    return [_room(spec, inspection) for spec in question.specs]


def _room(spec: SweepSpec, inspection: Inspection) -> Check:
    need, name = need_of(spec), "room for a trial"
    places = need.places(inspection.nodes)
    if not spec.cluster.grows:
        try:
            require_schedulable(inspection.nodes, need, autoscaled=inspection.autoscaled)
        except ClusterError as error:
            return Check(subject=DRIVER, name=name, found=f"one occupies {need}; {error.value}", remedy=error.remedy)
    grows = ", once it has grown" if not places else ""
    sharing = "; how many share a GPU is measured when a sweep begins" * (spec.resources.gpus is None)
    return Check(subject=DRIVER, name=name, found=f"{places} at once of {need}{grows}{sharing}")


def _shared(question: Question, inspection: Inspection, *, uri: str | None) -> Sequence[Check]:
    """Returns checks of what several nodes must have in common, and a submitted sweep always."""
    checks, nodes = [], len(inspection.nodes)
    if nodes > 1 and question.shared_storage is None:
        remedy = "Give --storage, or cluster.storage in the spec: a path that every node has mounted, or s3://."
        checks.append(Check(subject=DRIVER, name="storage", found=f"none named for {nodes} nodes", remedy=remedy))
    if uri is None or (nodes > 1 and not uri.startswith("http")):
        remedy = "Start one (ganlimit tracking serve), and give --tracking-uri http://HOST:PORT."
        checks.append(Check(subject=DRIVER, name=TRACKING, found="none named that all nodes reach", remedy=remedy))
    return checks


def _refused(error: ClusterError) -> Check:
    return Check(subject=DRIVER, name="connection", found=f"{error.rule}, got {error.value}", remedy=error.remedy)
