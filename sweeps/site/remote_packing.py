"""This module measures how many trials share a GPU, on a node of the cluster, with that GPU's part of the cores."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace

import ray
from ray.util.placement_group import PlacementGroup

from cluster import Node, TrialNeed, alive_nodes
from sweeps.display import Display
from sweeps.errors import SweepError
from sweeps.models.materials import MaterialSource
from sweeps.planning.packing import Load, Packing
from sweeps.planning.packing_measurement import TIMED_S, measure_packing
from sweeps.site.reservation import options_in, run_reserved

ACCELERATOR = "accelerator_type:"  # before a GPU's name, among the resources of its node


def gpus_on_cluster(need: TrialNeed, display: Display) -> tuple[str, int]:
    """Returns what `gpus_of` does for the cluster's nodes. Where none has room, it waits for a node that comes."""

    def look(group: PlacementGroup) -> tuple[str, int]:
        ray.get(group.ready())
        return gpus_of(alive_nodes(), need)

    if any(need.fits(node) for node in alive_nodes()):
        return gpus_of(alive_nodes(), need)
    return run_reserved(need, "see which GPU it has", display=display, work=look)


def gpus_of(nodes: Sequence[Node], need: TrialNeed) -> tuple[str, int]:
    """Returns the name of the GPUs on which such trials may run, and the most cores that any of them has.

    Where another GPU has fewer cores, fewer trials share that one. `need` is of a whole GPU, and some node has it.
    Raises SweepError for GPUs of several kinds: the count of one may not fit into the memory of another.
    """
    fitting = [node for node in nodes if need.fits(node)]
    names = {name.removeprefix(ACCELERATOR) for node in fitting for name in node.resources if ACCELERATOR in name}
    if len(names) > 1:
        raise SweepError(
            "With resources.trials_per_gpu auto trials run on GPUs of one kind",
            ", ".join(sorted(names)),
            "Choose nodes by cluster.labels, or set trials_per_gpu to a number.",
        )
    cores = max(int(node.cpus / node.gpus) for node in fitting)
    return next(iter(names), "GPU"), max(cores, int(need.cpus))


def measure_on_cluster(
    load: Load, materials: MaterialSource, *, need: TrialNeed, display: Display, timed_s: float = TIMED_S
) -> Packing:
    """Measure as `measure_packing` does, on some node where `need` is reserved.

    As many cores are reserved as the most trials there may be need.
    """
    whole = replace(need, cpus=float(load.most * load.threads))

    def measure(group: PlacementGroup) -> Packing:
        task = ray.remote(_measure).options(**options_in(group, whole))
        packing: Packing = ray.get(task.remote(_Task(load, materials, timed_s=timed_s)))
        return packing

    return run_reserved(whole, "measure how many trials share a GPU", display=display, work=measure)


@dataclass(frozen=True)
class _Task:
    """A _Task is what the node is asked to measure."""

    load: Load
    materials: MaterialSource
    _: KW_ONLY
    timed_s: float


def _measure(task: _Task) -> Packing:
    with task.materials.extractor_path() as extractor:
        return measure_packing(task.load, extractor, heard=lambda count, said: None, timed_s=task.timed_s)
