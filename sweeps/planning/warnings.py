"""This module says what speaks against a sweep before it runs."""

import os
from collections.abc import Iterator

from analysis import Phase
from sweeps.planning.points import listed_points
from sweeps.spec.sweep import SweepSpec

ASSUMED_FRONTIER = 8  # students; how many there are is what the sweep finds out
ENDS_AFTER = 9, 40  # docs/records/seek/flows.json, whose searches had 40 at most
SAMPLES_PER_FEATURE = 10


def searches_nothing(spec: SweepSpec) -> bool:
    """Returns whether all that the later phases start from was found by other sweeps."""
    return spec.search.trials == 0


def warnings_of(
    spec: SweepSpec, spent_hours: float, *, feasible: float, memory_gib: float | None, workers: int, is_packed: bool
) -> Iterator[str]:
    """Yields what a person should know before the sweep runs.

    All trials together take `spent_hours` core-hours; `workers` run at once with `memory_gib` each. The constraints
    allow the share `feasible` of the space. `is_packed` says that it is known how many trials share a GPU.
    """
    cores, features = os.cpu_count() or 1, spec.extractor.features
    if spec.resources.cpus_per_trial > cores:
        yield f"a trial takes {spec.resources.cpus_per_trial} cores, and there are {cores}: none begins"
    machine_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    if memory_gib is not None and memory_gib * workers > 0.9 * machine_gib:
        yield (
            f"{workers} trials of {memory_gib:.1f} GiB do not fit into this machine's {machine_gib:.1f} GiB: "
            "use --workers"
        )
    if spec.resources.gpus is None and not is_packed:
        yield (
            "resources.trials_per_gpu auto is measured when the sweep begins; here each trial has a GPU to itself, "
            "and fewer GPU-hours are to be expected"
        )
    if not feasible:
        yield "search.constraints leave no student of the space: nothing would be trained"
    elif feasible < 0.05:
        kept = " and ranks that save parameters" if spec.search.space.first_layer_rank else ""
        yield f"search.constraints{kept} leave {feasible:.1%} of the space: narrow the space to what they allow"
    if spec.evaluation.num_samples < SAMPLES_PER_FEATURE * features:
        yield (
            f"evaluation.num_samples {spec.evaluation.num_samples} for {features} features: FID of fewer than "
            f"{SAMPLES_PER_FEATURE} samples a feature is biased upwards; compare it within this sweep alone"
        )
    yield from _rung_warnings(spec)
    if spec.resources.fused_trials > 1 and all(spec.fused(phase) == 1 for phase in spec.trial_phases):
        yield (
            "resources.fused_trials has no effect: only fresh seeds (phase confirm) and a grid that prunes nothing "
            "are known beforehand"
        )
    if searches_nothing(spec):
        yield (
            "search.trials 0 has what other sweeps finished, and this plan does not know what that is: "
            f"{ASSUMED_FRONTIER} students on the frontier are assumed"
        )
    if spec.search.sampler == "limit" and spec.search.confidence < 1:
        fewest, most = ENDS_AFTER
        yield (
            f"search.trials {spec.search.trials} are the most: the sampler limit ends by itself, in simulations after "
            f"{fewest} to {most} trainings (medians of spaces and rules)"
        )
    if spec.confirm.grows and Phase.CONFIRM in spec.trial_phases:
        yield (
            f"confirm has {spec.confirm.most_seeds} seeds of each candidate at the most: it ends where "
            f"{_asked_of(spec)} is reached"
        )
    listed = listed_points(spec, spec.search.trials) if spec.search.sampler == "grid" else None
    if listed and len(listed) > spec.search.trials:
        yield f"search.trials {spec.search.trials} are the first of the grid's {len(listed)} points"
    if spec.budget.core_hours is not None and spent_hours > spec.budget.core_hours:
        yield f"budget.core_hours {spec.budget.core_hours:g} ends the sweep before its {spent_hours:.1f} core-hours"


def _rung_warnings(spec: SweepSpec) -> Iterator[str]:
    rungs = [rung for rung in spec.evaluation.rungs_kimg if rung < spec.student.kimg]
    beyond = [f"{rung:g}" for rung in spec.evaluation.rungs_kimg if rung >= spec.student.kimg]
    if beyond:
        yield f"evaluation.rungs_kimg {', '.join(beyond)} are not below the budget of {spec.student.kimg:g}: no rungs"
    if spec.search.pruning and not rungs:
        yield "search.pruning has no rung below the budget: give evaluation.rungs_kimg"
    if not rungs:
        yield "without evaluation.rungs_kimg a trial has no checkpoint: one that is cut off begins anew"


def _asked_of(spec: SweepSpec) -> str:
    asked = {"confirm.confidence": spec.confirm.confidence, "confirm.precision": spec.confirm.precision}
    return " and ".join(f"{name} {value:g}" for name, value in asked.items() if value is not None)
