"""This module checks this machine: packages, GPUs, folders, storage and the models of a spec."""

import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from cluster import (
    Check,
    ClusterError,
    Node,
    disk_check,
    require_schedulable,
    shared_memory_check,
    storage_problem,
    temporary_folder_check,
)
from gan import (
    DataRoot,
    GanError,
    ImageDataset,
    default_data_root,
    find_weights,
    load_any_generator,
    load_dataset,
    load_imported,
)
from sweeps.doctor.tracking_checks import tracking_checks
from sweeps.errors import SweepError
from sweeps.ledger.data_dir import DATABASE, writable
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.critic_making import require_named_critic
from sweeps.models.identity import registered_teacher
from sweeps.spec.models import ImportedTeacherSpec, OwnCriticSpec, PretrainedSpec
from sweeps.spec.need import need_of
from sweeps.spec.sweep import SweepSpec

HERE = "this machine"
TEAM = "team"  # the extra of a team's tracking server, of which only what is installed must fit
INSTALL = "Run: pip install ganlimit -c constraints.txt"


def checks_of_this_machine(
    workspace: Workspace, specs: Sequence[SweepSpec], *, storage: str | None, data_root: DataRoot
) -> list[Check]:
    """Returns the checks of everything that a sweep on this machine stands on."""
    root = workspace.root
    nearest = next(folder for folder in (root, *root.parents) if folder.exists())
    checks = [
        packages_check(),
        _gpus(),
        _data_dir(root, nearest),
        disk_check(HERE, nearest, remedy="Make room, or choose another folder with --data-dir."),
        temporary_folder_check(HERE),
        shared_memory_check(HERE),
    ]
    if storage:
        checks.append(_storage(storage))
    if workspace.tracking_uri or (root / DATABASE).is_file():
        kept = tracking_checks(HERE, workspace.store)
        checks += kept
        teachers = teacher_checks(specs, workspace) if all(check.is_fine for check in kept) else []
    else:
        checks.append(Check(subject=HERE, name="tracking store", found=f"none yet in {root}: the first sweep makes it"))
        teachers = [_checked(_teacher_of(spec), partial(_unregistered, spec)) for spec in specs]
    files = [*weights_checks(specs, data_root), *critic_checks(specs)]
    return [*checks, *files, *teachers, *map(_room, specs)]


def packages_check() -> Check:
    """Returns whether Python and the packages here are those that ganlimit requires."""
    try:
        about, requirements = importlib.metadata.metadata("ganlimit"), importlib.metadata.requires("ganlimit") or []
    except importlib.metadata.PackageNotFoundError:
        return Check(subject=HERE, name="packages", found="ganlimit is not installed", remedy=INSTALL)
    wanted = [Requirement(text) for text in requirements]
    needed = _required(wanted)
    of_team = [requirement for requirement in _required(wanted, TEAM) if _installed(requirement)]
    wrong = [problem for problem in map(_unmet, dict.fromkeys([*needed, *of_team])) if problem]
    python, expected = platform.python_version(), about["Requires-Python"] or ""
    if python not in SpecifierSet(expected):
        wrong = [f"python {python} instead of {expected}", *wrong]
    found = ", ".join(wrong) or f"python {python} and the {len(needed)} packages that ganlimit requires"
    return Check(subject=HERE, name="packages", found=found, remedy=INSTALL if wrong else None)


def weights_checks(specs: Sequence[SweepSpec], data_root: DataRoot) -> list[Check]:
    """Returns whether the weights of pretrained extractors are here, if a spec or a path asks for them."""
    pretrained = [spec.extractor for spec in specs if isinstance(spec.extractor, PretrainedSpec)]
    named = {extractor.kind: extractor.weights_in(data_root) for extractor in pretrained}
    if data_root.inception_weights:
        named.setdefault("inception", data_root.inception_weights)
    return [_weights(kind, path) for kind, path in named.items()]


def _weights(kind: str, path: Path | None) -> Check:
    try:
        weights = find_weights(kind, path, download=False)
    except GanError as error:
        return Check(subject=HERE, name=f"weights of {kind}", found=error.value, remedy=error.remedy)
    about = "the customary weights" if weights.customary else "other weights than the customary ones"
    return Check(subject=HERE, name=f"weights of {kind}", found=f"{about}, in {weights.path}")


def teacher_checks(specs: Sequence[SweepSpec], workspace: Workspace) -> list[Check]:
    """Returns what the registry, which must be reachable, has of the specs' teachers."""
    return [_teacher(spec, workspace) for spec in specs]


def critic_checks(specs: Sequence[SweepSpec]) -> list[Check]:
    """Returns whether the critics that specs name beside generators of the user's own can be read, and learned from."""
    own = [(spec, spec.teacher) for spec in specs if isinstance(spec.teacher, ImportedTeacherSpec)]
    return [_critic(spec, teacher.critic) for spec, teacher in own if teacher.critic]


def _required(requirements: Iterable[Requirement], extra: str = "") -> list[Requirement]:
    """Returns what is required here without any extra, or with one, that of no extra included."""
    return [each for each in requirements if each.marker is None or each.marker.evaluate({"extra": extra})]


def _unmet(requirement: Requirement) -> str | None:
    version = _installed(requirement)
    if version is None:
        return f"{requirement.name} missing"
    if requirement.specifier.contains(version, prereleases=True):
        return None
    return f"{requirement.name} {version} instead of {requirement.specifier}"


def _installed(requirement: Requirement) -> str | None:
    try:
        return importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _gpus() -> Check:
    import torch

    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return Check(subject=HERE, name="GPUs", found=", ".join(names) or "none: trials compute on the CPU")


def _data_dir(root: Path, nearest: Path) -> Check:
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Check(
            subject=HERE,
            name="data directory",
            found=f"{nearest} cannot be written",
            remedy="Choose another with --data-dir.",
        )
    found = f"{root} can be written" if root == nearest else f"{root} is not there yet, and can be made"
    if root == nearest:
        try:
            writable(root)
        except SweepError as error:
            return Check(
                subject=HERE, name="data directory", found=f"{error.value} cannot be written", remedy=error.remedy
            )
    return Check(subject=HERE, name="data directory", found=found)


def _storage(storage: str) -> Check:
    if problem := storage_problem(storage):
        remedy = "Check path or bucket, the rights there, and the store's keys (AWS_...)."
        return Check(subject=HERE, name="storage", found=f"{storage}: {problem}", remedy=remedy)
    return Check(subject=HERE, name="storage", found=f"{storage} can be written")


def _room(spec: SweepSpec) -> Check:
    import torch

    resources = {"CPU": float(os.cpu_count() or 1), "GPU": float(torch.cuda.device_count())}
    node, need = Node(id=HERE, address=HERE, resources=resources, labels={}), need_of(spec)
    try:
        require_schedulable([node], need)
    except ClusterError as error:
        remedy = f"{error.remedy} Or run it on a cluster that has it."
        return Check(subject=HERE, name="room for a trial", found=f"one occupies {need}; {error.value}", remedy=remedy)
    places = need.places([node])
    sharing = "; how many share a GPU is measured when a sweep begins" * (spec.resources.gpus is None)
    return Check(subject=HERE, name="room for a trial", found=f"{places} at once of {need}{sharing}")


def _teacher(spec: SweepSpec, workspace: Workspace) -> Check:
    def registered(dataset: ImageDataset) -> str:
        tracking = Tracking(workspace.store)
        version = registered_teacher(spec, dataset, tracking=tracking)
        if version is None:
            return _unregistered(spec)
        _, card = load_any_generator(tracking.registry.fetch(version))
        return f"{version.name}/{version.version}, its weights with the digest {card.weights_digest[:8]} of its card"

    return _of_dataset(spec, _teacher_of(spec), found=registered)


def _critic(spec: SweepSpec, named: OwnCriticSpec) -> Check:
    def opened(dataset: ImageDataset) -> str:
        require_named_critic(spec, dataset)
        return f"{named.path}, a critic of the data set's images"

    return _of_dataset(spec, f"critic of {spec.name}", found=opened)


def _of_dataset(spec: SweepSpec, name: str, *, found: Callable[[ImageDataset], str]) -> Check:
    """Returns a check that needs the spec's data set, which is not fetched; `found` raises GanError or SweepError."""
    try:
        dataset = load_dataset(spec.dataset, replace(default_data_root(), download=False))
    except GanError as error:
        remedy = error.remedy if spec.dataset.path else None  # other data sets are downloaded
        return Check(
            subject=HERE, name=name, found=f"not known, as the data set is not here ({error.value})", remedy=remedy
        )
    return _checked(name, partial(found, dataset))


def _checked(name: str, found: Callable[[], str]) -> Check:
    try:
        return Check(subject=HERE, name=name, found=found())
    except (GanError, SweepError) as error:
        return Check(subject=HERE, name=name, found=f"{error.rule}, got {error.value}", remedy=error.remedy)


def _unregistered(spec: SweepSpec) -> str:
    """Returns what there is of a teacher before any sweep on it. Raises GanError where one's own cannot be loaded."""
    if isinstance(spec.teacher, ImportedTeacherSpec):
        load_imported(spec.teacher.imported)
        return f"{spec.teacher.path}, not registered yet: a sweep registers it"
    return "not trained yet: a sweep trains it"


def _teacher_of(spec: SweepSpec) -> str:
    return f"teacher of {spec.name}"
