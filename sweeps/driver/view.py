"""This module shows a sweep as it runs: phases, running trials, the frontier so far, what is spent and what is left."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from analysis import Mode, TrialState, dominated_share, front_of
from sweeps.driver.budget import Spending
from sweeps.ledger.records import Objectives, finite_objectives
from sweeps.spec.architecture import width_text
from sweeps.trial.request import Job

FRONT_ROWS = 8
RUNNING_ROWS = 8


@dataclass(kw_only=True)
class _Phase:
    sweep: str
    name: str
    total: int
    done: int
    began: float = field(default_factory=time.monotonic)
    done_before: int = 0

    def left_s(self) -> float | None:
        """Returns the seconds to its end at the pace so far; None where that is not known yet."""
        new = self.done - self.done_before
        return (time.monotonic() - self.began) / new * (self.total - self.done) if new else None


@dataclass(kw_only=True)
class _Running:
    job: Job
    began: float
    kimg: float = 0.0
    fid: float | None = None


class SweepView:
    """A SweepView shows what is known of the trials of this run of the command; Tune's callbacks keep it up to date."""

    def __init__(self, teacher: Mapping[str, Objectives], spending: Spending) -> None:
        self._teacher, self._spending = teacher, spending
        self.standings: Callable[[], Mapping[str, str]] = dict  # what is known of each sweep's limit, in words
        self.phases: list[_Phase] = []
        self._running: dict[str, _Running] = {}
        self._points: dict[str, dict[str, Objectives]] = {sweep: {} for sweep in teacher}
        self.counts: dict[TrialState, int] = {}

    # --- what happens -------------------------------------------------------------------------

    def phase(self, sweep: str, name: str, *, total: int, done: int) -> None:
        """Show that a phase of a sweep begins, with `done` of its `total` trials finished already, or has grown."""
        for phase in self.phases:
            if (phase.sweep, phase.name) == (sweep, name):
                phase.total = total
                return
        self.phases.append(_Phase(sweep=sweep, name=name, total=total, done=done, done_before=done))

    def known(self, sweep: str, key: str, *, objectives: Objectives) -> None:
        """Show a student that was finished before."""
        self._points[sweep][key] = objectives

    def began(self, trial_id: str, job: Job) -> None:
        """Show that a trial started, or started again."""
        self._running[trial_id] = _Running(job=job, began=time.monotonic())

    def reported(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Show that a trial reached a rung."""
        if trial_id in self._running:
            self._running[trial_id].kimg, self._running[trial_id].fid = result["kimg"], result["fid"]

    def ended(self, trial_id: str, sweep: str, *, job: Job, state: TrialState, result: Mapping[str, Any]) -> None:
        """Show that a trial ended in `state`."""
        self._running.pop(trial_id, None)
        self.counts[state] = self.counts.get(state, 0) + 1
        for phase in self.phases:
            if (phase.sweep, phase.name) == (sweep, job.request.phase):
                phase.done += 1
        objectives = finite_objectives(result, ("parameters", "fid"))
        if state == TrialState.COMPLETED and job.request.distillation and objectives:
            self._points[sweep][job.request.key] = objectives

    # --- what is shown ------------------------------------------------------------------------

    @property
    def stages(self) -> int:
        """Returns how many phases have begun."""
        return len(self.phases)

    def line(self) -> str:
        """Returns the whole in one line, for a log."""
        if not self.phases:
            return "no trial has begun"
        shares = self._hypervolumes()
        return "; ".join([*(self._part(phase, shares) for phase in self._latest()), *self._other_states()])

    def _latest(self) -> list[_Phase]:
        """Returns the phase in which each sweep is."""
        return list({phase.sweep: phase for phase in self.phases}.values())

    def _part(self, phase: _Phase, shares: Mapping[str, float]) -> str:
        name, points = _named(phase.sweep, phase.name, sweeps=len(self._teacher)), self._points[phase.sweep]
        parts = [f"{name}: {phase.done} of {phase.total} trials"]
        if points:
            parts.append(f"lowest FID {min(fid for _, fid in points.values()):.1f}")
            parts.append(f"hypervolume {shares[phase.sweep]:.1%}")
        if standing := self.standings().get(phase.sweep):
            parts.append(standing)
        if left_s := phase.left_s():
            parts.append(f"about {_duration(left_s)} left")
        return ", ".join(parts)

    def render(self) -> RenderableType:
        """Returns the whole as tables, for a terminal."""
        return Group(self._phases_table(), *self._running_table(), *self._frontiers(), self._footer())

    def _phases_table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for phase in self.phases:
            left_s = phase.left_s() if phase.done < phase.total else 0.0
            table.add_row(
                Text(_named(phase.sweep, phase.name, sweeps=len(self._teacher)), style="bold"),
                ProgressBar(total=phase.total, completed=phase.done, width=28),
                f"{phase.done} of {phase.total}",
                "done" if phase.done >= phase.total else f"{_duration(left_s)} left" if left_s else "",
            )
        return table

    def _running_table(self) -> list[RenderableType]:
        if not self._running:
            return []
        table = _table("running", "width", "depth", "GAN weight", "parameters", "kimg", "FID", "time")
        for running in list(self._running.values())[:RUNNING_ROWS]:
            request = running.job.request
            table.add_row(
                f"trial {running.job.trial}",
                width_text(request.architecture),
                str(request.architecture.depth),
                Mode.SCRATCH if request.gan_weight is None else f"{request.gan_weight:g}",
                f"{_parameters(running.job):,}",
                f"{running.kimg:g} of {request.kimg:g}",
                "" if running.fid is None else f"{running.fid:.1f}",
                _duration(time.monotonic() - running.began),
            )
        if len(self._running) > RUNNING_ROWS:
            table.add_row(f"and {len(self._running) - RUNNING_ROWS} more")
        return [Text(), table]

    def _frontiers(self) -> list[RenderableType]:
        shown: list[RenderableType] = []
        for sweep, share in self._hypervolumes().items():
            front = front_of(list(self._points[sweep].values()))
            teacher_parameters, teacher_fid = self._teacher[sweep]
            table = _table(
                "frontier" if len(self._teacher) == 1 else sweep, "parameters", "ratio", "FID", "of teacher's"
            )
            for number, (parameters, fid) in enumerate(_thinned(front), start=1):
                table.add_row(
                    str(number),
                    f"{parameters:,.0f}",
                    f"{teacher_parameters / parameters:.1f}",
                    f"{fid:.1f}",
                    f"{fid / teacher_fid:.2f}",
                )
            shown += [Text(), table, Text(f"{len(front)} on the frontier, hypervolume {share:.1%}", style="dim")]
            if standing := self.standings().get(sweep):
                shown.append(Text(standing))
        return shown

    def _footer(self) -> Text:
        spent = f"{self._spending.core_hours:.2f} core-hours"
        spent += f", {self._spending.gpu_hours:.2f} GPU-hours" if self._spending.resources.gpus else ""
        remaining = self._spending.remaining()
        parts = [f"spent {spent}", *([f"left {remaining}"] if remaining else []), *self._other_states()]
        return Text("\n" + "; ".join(parts), style="dim")

    def _other_states(self) -> list[str]:
        others = {state: count for state, count in sorted(self.counts.items()) if state != TrialState.COMPLETED}
        return [f"{count} {state.lower().replace('_', ' ')}" for state, count in others.items()]

    def _hypervolumes(self) -> dict[str, float]:
        """Returns the share of the teacher's box that students dominate, where there are any."""
        return {
            sweep: dominated_share(list(points.values()), self._teacher[sweep])
            for sweep, points in self._points.items()
            if points
        }


def _table(*headings: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return table


def _thinned(front: list[Objectives]) -> list[Objectives]:
    """Returns at most FRONT_ROWS points, the first and the last among them."""
    if len(front) <= FRONT_ROWS:
        return front
    return [front[round(i * (len(front) - 1) / (FRONT_ROWS - 1))] for i in range(FRONT_ROWS)]


def _parameters(job: Job) -> int:
    from gan import count_parameters  # torch: not for those who only print a line

    return count_parameters(job.request.architecture)


def _named(sweep: str, phase: str, *, sweeps: int) -> str:
    return phase if sweeps == 1 else f"{sweep} {phase}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
