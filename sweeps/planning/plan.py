"""This module says of a sweep before it runs: how many trials, how large, how long, and what speaks against it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from analysis import COSTS, Mode, Phase
from gan import DataRoot, GanError, GeneratorConfig, count_parameters, load_imported, mac_g, weight_bytes
from gan.networks.bits import FLOAT_BITS, Bits
from sweeps.planning.calibration import JOINT, TEACHER, Calibration, calibrate
from sweeps.planning.outline import PhasePlan, Plan, Size, total_of
from sweeps.planning.packing import KeptPackings, Load, Packing
from sweeps.planning.points import architecture_at, corners, is_allowed, planned_trials, sampled_points
from sweeps.planning.warnings import ASSUMED_FRONTIER, searches_nothing, warnings_of
from sweeps.spec.architecture import columns_of
from sweeps.spec.critics import makes_critic
from sweeps.spec.models import TeacherSpec
from sweeps.spec.resources import ResourceSpec
from sweeps.spec.search import RANK
from sweeps.spec.space import Value, extremes
from sweeps.spec.sweep import HOUR_S, SweepSpec

CRITIC = "critic"  # is trained once for a teacher of the user's own that comes without one


def plan_sweep(spec: SweepSpec, data_root: DataRoot, *, data_dir: Path, workers: int | None = None) -> Plan:
    """Returns what the sweep would do on this machine, after a calibration of some seconds. Nothing is written.

    How many trials share a GPU is known only if `data_dir` keeps an earlier measurement. Data that are missing are no
    matter; weights or a GPU that are missing are told in `unmeasured`.
    """
    teacher, unread = _teacher(spec)
    students = _Students.of(spec)
    calibration = _calibration(spec, data_root, students=students)
    packing = _kept_packing(spec, workers, data_dir=data_dir)
    phases = _phases(spec, calibration, students=students, slowdown=packing.slowdown if packing else 1.0)
    resources = spec.resources.packed(packing.trials) if packing else spec.resources
    at_once = workers or _at_once(resources)
    hours = _Hours.of(phases, cores=spec.resources.cpus_per_trial)
    warnings = warnings_of(
        spec,
        hours.during * spec.resources.cpus_per_trial,
        feasible=students.share,
        memory_gib=calibration.memory_gib,
        workers=at_once,
        is_packed=packing is not None,
    )
    gpus, bits = (spec.resources.gpus_before_packing, resources.gpus_before_packing), _bits(spec)
    return Plan(
        name=spec.name,
        phases=phases,
        teacher=teacher,
        cost=spec.limit_cost,
        smallest=_size(students.ends[0], teacher, cost=spec.limit_cost, bits=bits[0]),
        largest=_size(students.ends[-1], teacher, cost=spec.limit_cost, bits=bits[-1]),
        memory_gib=calibration.memory_gib,
        disk_gib=_disk_bytes(spec, students.ends[-1], phases=phases, calibration=calibration, workers=at_once) / 2**30,
        workers=at_once,
        wall_hours=hours.before + hours.during / at_once if hours.are_known else None,
        gpu_hours=hours.before * gpus[0] + hours.during * gpus[1] if hours.are_known else None,
        packing=packing.sentence() if packing else None,
        warnings=tuple(warnings),
        unmeasured=(*unread, *calibration.unmeasured),
    )


@dataclass(frozen=True, kw_only=True)
class _Students:
    """These are students of the space drawn at random: those that may be, and the ends of the space by size."""

    points: list[dict[str, Value]]
    architectures: list[GeneratorConfig]
    ends: list[GeneratorConfig]
    share: float  # of the points that were drawn, those that may be

    @classmethod
    def of(cls, spec: SweepSpec) -> "_Students":
        drawn = sampled_points(spec)
        points = [point for point in drawn if is_allowed(spec, point)]
        architectures = [architecture_at(spec, point) for point in points]
        ends = _ends(spec, students=architectures)
        return cls(points=points, architectures=architectures, ends=ends, share=len(points) / len(drawn))


@dataclass(frozen=True, kw_only=True)
class _Hours:
    """These are the hours of one trial's place, before the trials and during them; 0 where they are not known."""

    before: float
    during: float
    are_known: bool

    @classmethod
    def of(cls, phases: Sequence[PhasePlan], *, cores: int) -> "_Hours":
        before = total_of([phase.core_hours for phase in phases if phase.name in (TEACHER, CRITIC)])
        during = total_of([phase.core_hours for phase in phases if phase.name not in (TEACHER, CRITIC)])
        known = before is not None and during is not None
        return cls(before=(before or 0.0) / cores, during=(during or 0.0) / cores, are_known=known)


def _calibration(spec: SweepSpec, data_root: DataRoot, *, students: _Students) -> Calibration:
    """Returns the calibration; one without paces where a person must mend something before anything is timed."""
    ends = students.ends
    timed = sorted({ends[0], ends[len(ends) // 2], ends[-1]}, key=mac_g)
    gan_weight = max(float(value) for value in extremes(spec.search.space.gan_weight))
    try:
        return calibrate(spec, data_root, students=timed, gan_weight=gan_weight)
    except GanError as error:
        return Calibration((), None, checkpoint_bytes=0, unmeasured=(f"hours and memory: {error}",))


def _phases(
    spec: SweepSpec,
    calibration: Calibration,
    *,
    students: _Students,
    slowdown: float,
) -> tuple[PhasePlan, ...]:
    """Returns the training of a teacher, or of a critic for one, and the phases with the mean cost of a point.

    Trials that share a GPU with others take `slowdown` times as long as alone.
    """
    cores = spec.resources.cpus_per_trial / HOUR_S

    def mean_s(*, scratch: bool) -> float | None:
        seconds = [
            calibration.trial_s(
                Mode.SCRATCH if scratch else JOINT if point["gan_weight"] else Mode.DISTILLED,
                mac_g(student),
                kimg=spec.baseline.kimg if scratch else spec.recipe(point).kimg,
                rungs=len(spec.evaluation.rungs_kimg),
            )
            for point, student in zip(students.points, students.architectures, strict=True)
        ]
        total = total_of(seconds)
        return None if total is None else slowdown * total / max(1, len(seconds))

    def planned(name: str, trials: int, *, seconds: float | None) -> PhasePlan:
        return PhasePlan(name, trials, core_hours=None if seconds is None else max(1, trials) * seconds * cores)

    found = [planned(name, 0, seconds=seconds) for name, seconds in _seconds_before(spec, calibration).items()]
    counts = _trials_of_phases(spec, has_points=bool(students.points))
    for phase in spec.trial_phases:
        mean = mean_s(scratch=phase == Phase.BASELINE) if counts[phase] else 0.0
        found.append(planned(phase, counts[phase], seconds=mean))
    return tuple(found)


def _seconds_before(spec: SweepSpec, calibration: Calibration) -> dict[str, float | None]:
    """Returns what is trained before any trial, the teacher or a critic for one, and in how many seconds."""
    seconds = {}
    if isinstance(spec.teacher, TeacherSpec):
        kimg = spec.teacher.training.kimg
        seconds[TEACHER] = calibration.trial_s(TEACHER, mac_g(spec.teacher_architecture), kimg=kimg, rungs=10)
    if makes_critic(spec):
        seconds[CRITIC] = calibration.critic_s
    return seconds


def _ends(spec: SweepSpec, *, students: list[GeneratorConfig]) -> list[GeneratorConfig]:
    """Returns the smallest to the largest of what is searched: corners of the space, or `students` where none may be.

    Where there are no such students either, it returns the corners that may not be.
    """
    at_ends = corners(spec)
    allowed = [corner for corner in at_ends if spec.search.constraints.allow(corner)]
    return sorted(allowed or students or at_ends, key=count_parameters)


def _trials_of_phases(spec: SweepSpec, *, has_points: bool) -> dict[Phase, int]:
    """Returns how many trials each phase has at most; `has_points` says whether the space has a student at all."""
    searched = planned_trials(spec) if has_points else 0
    seeks = spec.search.sampler == "limit"  # whose candidates are those of the model
    around = spec.confirm.most_candidates if seeks else 2 * spec.confirm.around
    frontier = ASSUMED_FRONTIER if spec.confirm.of == "frontier" and not seeks else 0
    known = ASSUMED_FRONTIER + around if has_points and searches_nothing(spec) else searched
    seeds = spec.confirm.most_seeds if spec.confirm.grows else spec.confirm.seeds
    candidates = around if seeks and known else min(known, around + frontier)  # the model names untried ones as well
    confirmed = candidates * (seeds if Phase.CONFIRM in spec.trial_phases else 0)
    twins = {"all": searched + confirmed, "none": 0, "frontier": min(known, ASSUMED_FRONTIER)}
    baseline = twins.get(spec.baseline.of, confirmed or twins["frontier"])
    return {Phase.SEARCH: searched, Phase.CONFIRM: confirmed, Phase.BASELINE: baseline}


def _teacher(spec: SweepSpec) -> tuple[Size, tuple[str, ...]]:
    """Returns the teacher's size, and what of it could not be read."""
    if isinstance(spec.teacher, TeacherSpec):
        size = _size(spec.teacher_architecture, None, cost=spec.limit_cost)
        return replace(size, ratio=1.0), ()
    size = Size(width=None, depth=None, parameters=None, weight_bytes=None, mac_g=None, ratio=None)
    unread = tuple[str, ...]()
    try:
        generator = load_imported(spec.teacher.imported)
        parameters = sum(parameter.numel() for parameter in generator.parameters())
        size = replace(size, parameters=parameters, ratio=1.0)
    except (GanError, OSError) as error:
        unread = (f"the teacher's parameters and the ratios to them: {error}",)
    return size, unread


def _size(generator: GeneratorConfig, teacher: Size | None, *, cost: str, bits: Bits = FLOAT_BITS) -> Size:
    costs = {"parameters": count_parameters(generator), "weight_bytes": weight_bytes(generator, bits)}
    larger, columns = teacher.parameters if teacher else None, columns_of(generator)
    return Size(
        **{name: columns[name] for name in ("width", "depth", RANK, "stage_widths")},
        parameters=costs["parameters"],
        weight_bytes=costs["weight_bytes"],
        mac_g=mac_g(generator),
        ratio=None if larger is None else COSTS[cost].of_floats(larger) / costs[cost],
    )


def _bits(spec: SweepSpec) -> list[Bits]:
    """Returns the bits that a student's weights may have, the fewest first."""
    searched = spec.search.space.student.get("bits")
    recipes = [spec.recipe({"bits": value}) for value in extremes(searched)] if searched else [spec.student]
    return sorted(recipe.bits for recipe in recipes)


def _disk_bytes(
    spec: SweepSpec,
    largest: GeneratorConfig,
    *,
    phases: tuple[PhasePlan, ...],
    calibration: Calibration,
    workers: int,
) -> int:
    """Returns the bytes of the pool, of a student per trial, and of a checkpoint for each of `workers` trials that run.

    Students are counted at the size of the largest.
    """
    channels, size = spec.dataset.image_shape
    image = channels * size**2
    pool = spec.teacher.pool_size * (image + 4 * spec.teacher.space.input_size)
    trials = sum(phase.trials for phase in phases)
    return pool + trials * (4 * count_parameters(largest) + 20_000) + workers * calibration.checkpoint_bytes


def _at_once(resources: ResourceSpec) -> int:
    by_cores = (os.cpu_count() or 1) // resources.cpus_per_trial
    gpus, devices = resources.gpus_before_packing, torch.cuda.device_count()
    if not gpus:
        return max(1, by_cores)
    by_gpus = devices * int(1 / gpus + 1e-9) if gpus < 1 else int(devices / gpus + 1e-9)
    return max(1, min(by_cores, by_gpus))


def _kept_packing(spec: SweepSpec, workers: int | None, *, data_dir: Path) -> Packing | None:
    if spec.resources.gpus is not None:
        return None
    cores = workers and workers * spec.resources.cpus_per_trial
    return KeptPackings(data_dir.expanduser().resolve()).find(Load.here(spec, cores))
