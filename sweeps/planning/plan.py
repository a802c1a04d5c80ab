"""This module says of a sweep before it runs: how many trials, how large, how long, and what speaks against it."""

import os
from dataclasses import KW_ONLY, asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analysis import Mode, Phase
from gan import DataRoot, GeneratorConfig, count_parameters, mac_g
from sweeps.planning.calibration import JOINT, TEACHER, Calibration, calibrate
from sweeps.planning.packing import KeptPackings, Load, Packing
from sweeps.planning.points import architecture_at, corners, planned_trials, sampled_points
from sweeps.planning.warnings import ASSUMED_FRONTIER, searches_nothing, warnings_of
from sweeps.spec.models import TeacherSpec
from sweeps.spec.resources import ResourceSpec
from sweeps.spec.space import Value, extremes
from sweeps.spec.sweep import HOUR_S, SweepSpec


@dataclass(frozen=True, kw_only=True)
class Size:
    """A Size is that of a generator; `ratio` is the teacher's parameters divided by these."""

    width: int
    depth: int
    parameters: int
    mac_g: float
    ratio: float


@dataclass(frozen=True)
class PhasePlan:
    """A PhasePlan says that a phase has at most `trials` trials and takes about `core_hours`."""

    name: str
    trials: int
    _: KW_ONLY
    core_hours: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A Plan says what a sweep would do. Its hours come from a calibration of some seconds on this machine."""

    name: str
    phases: tuple[PhasePlan, ...]
    teacher: Size
    smallest: Size
    largest: Size
    memory_gib: float
    disk_gib: float
    workers: int
    wall_hours: float
    gpu_hours: float
    packing: str | None  # what is known of how many trials share a GPU
    warnings: tuple[str, ...]

    @property
    def core_hours(self) -> float:
        return sum(phase.core_hours for phase in self.phases)

    def render(self) -> RenderableType:
        """Returns the plan for a terminal."""
        phases = _table("phase", "trials", "core-hours")
        for phase in self.phases:
            phases.add_row(phase.name, f"{phase.trials:,}" if phase.trials else "", f"{phase.core_hours:.2f}")
        sizes = _table("generator", "width", "depth", "parameters", "ratio", "MACs (1e6)")
        for name, size in (("teacher", self.teacher), ("largest student", self.largest), ("smallest", self.smallest)):
            sizes.add_row(
                name,
                str(size.width),
                str(size.depth),
                f"{size.parameters:,}",
                f"{size.ratio:.1f}",
                f"{size.mac_g * 1000:.2f}",
            )
        needs = (
            f"about {self.core_hours:.2g} core-hours"
            + (f", {self.gpu_hours:.2g} GPU-hours" if self.gpu_hours else "")
            + f", {_hours(self.wall_hours)} with {self.workers} trials at once; "
            f"{self.memory_gib:.1f} GiB of memory a trial, {self.disk_gib:.2f} GiB of disk"
        )
        warnings = [Text(f"warning: {warning}", style="yellow") for warning in self.warnings]
        packing = [Text(self.packing)] if self.packing else []
        heading = Text(self.name, style="bold")
        return Group(heading, Text(), phases, Text(), sizes, Text(), Text(needs), *packing, *warnings)

    def as_dict(self) -> dict[str, Any]:
        """Returns the same for a script."""
        return {**asdict(self), "core_hours": self.core_hours}


def plan_sweep(spec: SweepSpec, data_root: DataRoot, *, data_dir: Path, workers: int | None = None) -> Plan:
    """Returns what the sweep would do on this machine, after a calibration of some seconds. Nothing is written.

    How many trials share a GPU is known only if `data_dir` keeps an earlier measurement. Raises GanError where the data
    set or the GPU is missing.
    """
    teacher = _teacher(spec)
    points = sampled_points(spec)
    students = [architecture_at(spec, point) for point in points]
    feasible = [n for n, student in enumerate(students) if spec.search.constraints.allow(student)]
    ends = _ends(spec, students=[students[n] for n in feasible])
    weights = [float(value) for value in extremes(spec.search.space.gan_weight)]
    timed = sorted({ends[0], ends[len(ends) // 2], ends[-1]}, key=mac_g)
    calibration = calibrate(spec, data_root, students=timed, gan_weight=max(weights))
    packing = _kept_packing(spec, workers, data_dir=data_dir)
    resources = spec.resources.packed(packing.trials) if packing else spec.resources
    slowdown = packing.slowdown if packing else 1.0
    phases = _phases(
        spec,
        calibration,
        points=[points[n] for n in feasible],
        students=[students[n] for n in feasible],
        slowdown=slowdown,
    )
    at_once = workers or _at_once(resources)
    trial_hours = [phase.core_hours / spec.resources.cpus_per_trial for phase in phases]
    before = sum(hours for phase, hours in zip(phases, trial_hours, strict=True) if phase.name == TEACHER)
    during = sum(trial_hours) - before
    return Plan(
        name=spec.name,
        phases=phases,
        teacher=_size(teacher, teacher),
        smallest=_size(ends[0], teacher),
        largest=_size(ends[-1], teacher),
        memory_gib=calibration.memory_gib,
        disk_gib=_disk_bytes(spec, ends[-1], phases=phases, calibration=calibration, workers=at_once) / 2**30,
        workers=at_once,
        wall_hours=before + during / at_once,
        gpu_hours=before * spec.resources.gpus_before_packing + during * resources.gpus_before_packing,
        packing=packing.sentence() if packing else None,
        warnings=tuple(
            warnings_of(
                spec,
                sum(phase.core_hours for phase in phases if phase.name != TEACHER),
                feasible=len(feasible) / len(points),
                memory_gib=calibration.memory_gib,
                workers=at_once,
                is_packed=packing is not None,
            )
        ),
    )


def _phases(
    spec: SweepSpec,
    calibration: Calibration,
    *,
    points: list[dict[str, Value]],
    students: list[GeneratorConfig],
    slowdown: float,
) -> tuple[PhasePlan, ...]:
    """Returns the teacher's training and the phases, each with the mean cost of a point of the space.

    Trials that share a GPU with others take `slowdown` times as long as alone.
    """
    cores = spec.resources.cpus_per_trial / HOUR_S

    def mean_s(*, scratch: bool) -> float:
        seconds = [
            calibration.trial_s(
                Mode.SCRATCH if scratch else JOINT if point["gan_weight"] else Mode.DISTILLED,
                mac_g(student),
                kimg=spec.baseline.kimg if scratch else spec.recipe(point).kimg,
                rungs=len(spec.evaluation.rungs_kimg),
            )
            for point, student in zip(points, students, strict=True)
        ]
        return slowdown * sum(seconds) / len(seconds) if seconds else 0.0

    found = []
    counts = _trials_of_phases(spec, has_points=bool(points))
    if isinstance(spec.teacher, TeacherSpec):
        kimg = spec.teacher.training.kimg
        seconds = calibration.trial_s(TEACHER, mac_g(spec.teacher_architecture), kimg=kimg, rungs=10)
        found.append(PhasePlan(TEACHER, 0, core_hours=seconds * cores))
    for phase in spec.phases:
        seconds = counts[phase] * mean_s(scratch=phase == Phase.BASELINE)
        found.append(PhasePlan(phase, counts[phase], core_hours=seconds * cores))
    return tuple(found)


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
    around = 2 * spec.confirm.around
    frontier = ASSUMED_FRONTIER if spec.confirm.of == "frontier" else 0
    known = ASSUMED_FRONTIER + around if has_points and searches_nothing(spec) else searched
    confirmed = min(known, around + frontier) * len(spec.confirm_seeds)
    twins = {"all": searched + confirmed, "none": 0, "frontier": min(known, ASSUMED_FRONTIER)}
    baseline = twins.get(spec.baseline.of, confirmed or twins["frontier"])
    return {Phase.SEARCH: searched, Phase.CONFIRM: confirmed, Phase.BASELINE: baseline}


def _teacher(spec: SweepSpec) -> GeneratorConfig:
    if isinstance(spec.teacher, TeacherSpec):
        return spec.teacher_architecture
    # Only its file knows the size of a generator of the user's own; the widest student stands in for it.
    return max(corners(spec), key=count_parameters)


def _size(generator: GeneratorConfig, teacher: GeneratorConfig) -> Size:
    parameters = count_parameters(generator)
    return Size(
        width=generator.width,
        depth=generator.depth,
        parameters=parameters,
        mac_g=mac_g(generator),
        ratio=count_parameters(teacher) / parameters,
    )


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


def _hours(hours: float) -> str:
    minutes = max(1, round(hours * 60))
    return f"{hours:.1f} hours" if hours >= 1 else f"{minutes} minute{'s' * (minutes != 1)}"


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return table
