"""This module provides where a sweep's work is done: this machine, in a Ray of its own, or the nodes of a cluster."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from cluster import (
    Node,
    Probe,
    Share,
    TrialNeed,
    alive_nodes,
    autoscaled_resources,
    checks_of,
    ending_with,
    is_object_store,
    probe_nodes,
    ray_session,
    require_fine,
    require_schedulable,
)
from gan import DataRoot
from sweeps.display import Display
from sweeps.errors import SweepError
from sweeps.exit_codes import ExitCode
from sweeps.ledger.folders import MountedTrials, TrialStorage, trials_of
from sweeps.ledger.tracking import Tracking
from sweeps.ledger.workspace import Workspace
from sweeps.models.foundation import Foundation, lay_foundation
from sweeps.models.materials import MaterialSource
from sweeps.models.workshop import Workshop
from sweeps.planning.packing import KeptPackings, Load, Packing
from sweeps.planning.packing_measurement import measure_packing
from sweeps.planning.points import largest_of
from sweeps.site.remote_foundation import lay_foundation_on_cluster
from sweeps.site.remote_packing import gpus_on_cluster, measure_on_cluster
from sweeps.site.shipped_code import packed_code
from sweeps.site.submitted import say_accepted
from sweeps.spec.need import need_of
from sweeps.spec.resources import ResourceSpec
from sweeps.spec.sweep import SweepSpec

PACKAGES = ("ray", "torch", "mlflow", "optuna", "torch-fidelity", "pyarrow", "safetensors")  # the same on all nodes
NODE_CACHE = "~/.cache/ganlimit/cluster"  # on a node, for pools and statistics on their way to the object store
FAREWELL = (
    "error: The cluster is there until the sweep has ended, got no answer from its head for a while. On a new head the "
    "same command, or the same submission of {name}, goes on: no finished trial runs twice."
)


class Site(ABC):
    """A Site is where trials run, where their folders are, and where the models they stand on are made."""

    _workspace: Workspace
    dashboard: str = ""  # of Ray, where it has one

    @abstractmethod
    def foundation(self, spec: SweepSpec, tracking: Tracking, *, display: Display) -> Foundation:
        """Lay the sweep's foundation and return it."""

    @abstractmethod
    def trials(self, spec: SweepSpec) -> TrialStorage:
        """Returns where the sweep's trials have their folders."""

    @abstractmethod
    def need(self, resources: ResourceSpec) -> TrialNeed:
        """Returns what one of the sweeps' trials occupies there, once their `resources` are those that `pack` gave."""

    @abstractmethod
    def session(self) -> AbstractContextManager[Share | None]:
        """Hold Ray for the length of a `with` block; gives this driver's share of it where there may be others."""

    def pack(
        self, specs: Sequence[SweepSpec], materials: Mapping[str, MaterialSource], *, display: Display
    ) -> ResourceSpec:
        """Returns the resources of the sweeps' trials, with a number for `trials_per_gpu: auto`: the kept or a new one.

        The number is that of the largest student of all the sweeps; `materials` are by the sweep's name.
        """
        resources = specs[0].resources
        if resources.gpus is not None:
            return resources
        spec = largest_of(specs)
        load, kept = self.load(spec, display), KeptPackings(self._workspace.root)
        packing = kept.find(load)
        if packing is None:
            packing = self.measure(load, materials[spec.name], display=display)
            if packing.measurements:  # a device that was full at the time may be free the next
                kept.keep(load, packing)
            display.say(packing.sentence())
        else:
            display.say(f"{packing.sentence()}, measured before")
        return resources.packed(packing.trials)

    @abstractmethod
    def load(self, spec: SweepSpec, display: Display) -> Load:
        """Returns what the sweep's trials put on a GPU there."""

    @abstractmethod
    def measure(self, load: Load, materials: MaterialSource, *, display: Display) -> Packing:
        """Returns how many such trials share a GPU there."""


class ThisMachine(Site):
    """ThisMachine is a Ray of its own, for as long as trials run."""

    def __init__(self, workspace: Workspace, data_root: DataRoot, *, num_cpus: int | None) -> None:
        self._workspace, self._data_root, self._num_cpus = workspace, data_root, num_cpus

    def foundation(self, spec: SweepSpec, tracking: Tracking, *, display: Display) -> Foundation:
        return lay_foundation(
            spec, Workshop(workspace=self._workspace, tracking=tracking, data_root=self._data_root, display=display)
        )

    def trials(self, spec: SweepSpec) -> TrialStorage:
        return MountedTrials(self._workspace.sweep(spec.name) / "trials")

    def need(self, resources: ResourceSpec) -> TrialNeed:
        return TrialNeed(cpus=float(resources.cpus_per_trial), gpus=resources.gpus_before_packing)

    def load(self, spec: SweepSpec, display: Display) -> Load:
        return Load.here(spec, self._num_cpus)

    def measure(self, load: Load, materials: MaterialSource, *, display: Display) -> Packing:
        with display.step("packing", load.most) as update, materials.extractor_path() as extractor:
            return measure_packing(load, extractor, heard=update)

    @contextmanager
    def session(self) -> Iterator[Share | None]:
        with ray_session(num_cpus=self._num_cpus):
            yield None


class RayCluster(Site):
    """A RayCluster is one that this process is connected to. `share` is its claim, for a `with` block to enter."""

    def __init__(
        self,
        workspace: Workspace,
        data_root: DataRoot,
        *,
        need: TrialNeed,
        storage: str,
        grows: bool,
        workers: int | None,
    ) -> None:
        self._workspace, self._data_root, self._need, self._storage = workspace, data_root, need, storage
        self._grows = grows
        self.share = Share(uuid.uuid4().hex, self._part_of_one_trial, most=workers)

    def _part_of_one_trial(self) -> float:
        # Where nodes may come, one trial more than there are places: an autoscaler acts on what waits.
        return 1 / max(1, self._need.places(alive_nodes()) + self._grows)

    def foundation(self, spec: SweepSpec, tracking: Tracking, *, display: Display) -> Foundation:
        there = self._workspace
        if self._storage != str(there.root) and there.tracking_uri:
            there = Workspace(Path(NODE_CACHE), there.tracking_uri)
        return lay_foundation_on_cluster(spec, there, display=display, data_root=self._data_root, need=self._need)

    def trials(self, spec: SweepSpec) -> TrialStorage:
        return trials_of(spec.name, self._storage)

    def need(self, resources: ResourceSpec) -> TrialNeed:
        return replace(self._need, gpus=resources.gpus_before_packing)

    def pack(
        self, specs: Sequence[SweepSpec], materials: Mapping[str, MaterialSource], *, display: Display
    ) -> ResourceSpec:
        resources = super().pack(specs, materials, display=display)
        self._need = self.need(resources)
        return resources

    def load(self, spec: SweepSpec, display: Display) -> Load:
        name, cores = gpus_on_cluster(self._need, display)
        return Load.of(spec, name, cores=cores)

    def measure(self, load: Load, materials: MaterialSource, *, display: Display) -> Packing:
        display.say(f"measuring how many trials share a GPU, {load.most} at most")
        return measure_on_cluster(load, materials, need=self._need, display=display)

    def session(self) -> AbstractContextManager[Share | None]:
        return nullcontext(self.share)  # `site_of` opens the connection and closes it


@contextmanager
def site_of(
    specs: Sequence[SweepSpec],
    workspace: Workspace,
    *,
    data_root: DataRoot,
    display: Display,
    workers: int | None,
    address: str | None,
    token_file: Path | None,
) -> Iterator[Site]:
    """Gives where the sweeps run: this machine, or the cluster at `address` once every node of it was inspected.

    When the block is left no worker runs any more, and nothing of a cluster is claimed: from here on nobody else speaks
    for the trials. Raises ClusterError and SweepError where something speaks against it.
    """
    if address is None:
        yield ThisMachine(workspace, data_root, num_cpus=workers and workers * specs[0].resources.cpus_per_trial)
        return
    of_all = specs[0].group or specs[0].name
    farewell = FAREWELL.format(name=of_all)
    with (
        packed_code() as code,
        ray_session(address, code=code, token_file=token_file, name=f"sweep run {of_all}") as session,
        ending_with(session.address, farewell, exit_code=ExitCode.CLUSTER_LOST),
    ):
        nodes, grows = alive_nodes(), specs[0].cluster.grows or autoscaled_resources() is not None
        need = need_of(specs[0])
        if not specs[0].cluster.grows:
            require_schedulable(nodes, need, autoscaled=autoscaled_resources())
        storage = specs[0].cluster.storage
        require_shared_storage(specs[0], len(nodes), grows=grows)
        if len(nodes) > 1 or grows:
            _require_shared_tracking(workspace)
        elif storage is None:
            need = need.on(nodes[0])  # others that join do not see its disk
        storage = storage or str(workspace.root)
        probe = Probe(packages=PACKAGES, storage=storage, tracking_uri=workspace.store.uri)
        require_fine([check for report in probe_nodes(nodes, probe) for check in checks_of(report, probe)])
        places = _places(nodes, need, shares_gpus=specs[0].resources.gpus is None)
        dashboard = f"; dashboard {session.dashboard}" if session.dashboard else ""
        display.say(f"cluster {session.address}: {places}; trials' files in {storage}{dashboard}")
        say_accepted()
        cluster = RayCluster(workspace, data_root, need=need, storage=storage, grows=grows, workers=workers)
        cluster.dashboard = session.dashboard
        with cluster.share:  # from before the models are made, so that others make room meanwhile
            yield cluster


def _places(nodes: Sequence[Node], need: TrialNeed, *, shares_gpus: bool) -> str:
    places = f"{len(nodes)} node{'s' * (len(nodes) != 1)}, {need.places(nodes)} trials at once"
    return f"{places} with a GPU each, and more where they share one" if shares_gpus else places


def require_mounted(spec: SweepSpec) -> None:
    """Raises SweepError for storage that is a path and not there. It is not made: nothing may be mounted there."""
    storage = spec.cluster.storage
    if storage and not is_object_store(storage) and not Path(storage).is_dir():
        raise SweepError(
            "Storage is a folder that every node has mounted",
            f"{storage}, which is not there",
            "Mount it on all nodes, or make the folder in what is mounted.",
        )


def require_shared_storage(spec: SweepSpec, nodes: int, *, grows: bool) -> None:
    """Raises SweepError where trials would keep their files on one node of several, or of those that may come."""
    if (nodes > 1 or grows) and spec.cluster.storage is None:
        raise SweepError(
            "On several nodes, or where more may come, the trials' files are in storage that all nodes reach",
            f"none, on {nodes} node{'s' * (nodes != 1)}",
            "Give --storage, or cluster.storage in the spec: a path that every node has mounted, or s3://BUCKET/PREFIX.",
        )


def _require_shared_tracking(workspace: Workspace) -> None:
    if workspace.store.uri.startswith(("sqlite:", "file:")):
        raise SweepError(
            "On several nodes runs go to a tracking server that all nodes reach",
            workspace.store.uri,
            "Start one (ganlimit tracking serve), and give --tracking-uri http://HOST:PORT.",
        )
