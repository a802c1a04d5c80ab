"""This module says what a sweep's trials occupy on a cluster."""

from cluster import TrialNeed
from sweeps.spec.sweep import SweepSpec


def need_of(spec: SweepSpec) -> TrialNeed:
    """Returns what one of the sweep's trials occupies on a cluster."""
    resources, cluster = spec.resources, spec.cluster
    gpus = resources.gpus_before_packing
    return TrialNeed(
        cpus=float(resources.cpus_per_trial), gpus=gpus, resources=cluster.resources, labels=cluster.labels
    )
