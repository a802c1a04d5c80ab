"""Measuring how many trials share a GPU on a node of the cluster, with one GPU and its part of the node's cores."""

from collections.abc import Sequence
from dataclasses import replace

import ray
from ray.util.placement_group import PlacementGroup

from cluster import Node, TrialNeed
from sweeps.materials import MaterialSource
from sweeps.packing import Load, Packing
from sweeps.packing_measurement import measure_packing
from sweeps.progress import Display
from sweeps.reservation import options_in, run_reserved

ACCELERATOR = "accelerator_type:"  # before a GPU's name, among the resources of its node


def gpus_of(nodes: Sequence[Node], need: TrialNeed) -> tuple[str, int]:
    """The names of the GPUs on which such trials may run, and the cores of one: the most that any of them has.

    Where another GPU has fewer cores, fewer trials share that one.
    """
    fitting = [node for node in nodes if node.gpus >= 1 and need.fits(node)]
    names = {name.removeprefix(ACCELERATOR) for node in fitting for name in node.resources if ACCELERATOR in name}
    cores = max((int(node.cpus / node.gpus) for node in fitting), default=int(need.cpus))
    return ", ".join(sorted(names)) or "GPU", max(cores, int(need.cpus))


def measure_on_cluster(
    load: Load, materials: MaterialSource, need: TrialNeed, display: Display, timed_s: float | None = None
) -> Packing:
    """As `measure_packing`, on some node where `need` is reserved, with the cores of as many trials as there may be."""
    whole = replace(need, cpus=float(load.most * load.threads))
    more = () if timed_s is None else (timed_s,)

    def measure(group: PlacementGroup) -> Packing:
        task = ray.remote(_measure).options(**options_in(group, whole))
        packing: Packing = ray.get(task.remote(load, materials, *more))
        return packing

    return run_reserved(whole, "measure how many trials share a GPU", display, measure)


def _measure(load: Load, materials: MaterialSource, *timed_s: float) -> Packing:
    return measure_packing(load, materials, lambda count, said: None, *timed_s)
