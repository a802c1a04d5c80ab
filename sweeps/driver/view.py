"""This module shows a sweep as it runs: phases, running trials, the frontier so far, what is spent and what is left."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.text import Text

from analysis import COSTS, Mode, TrialState, dominated_share, front_of
from sweeps.display import Block, Listing, spread
from sweeps.driver.budget import Spending
from sweeps.ledger.records import Objectives, finite_objectives
from sweeps.spec.architecture import width_text
from sweeps.trial.request import Job

MOST_ROWS = 8  # of the running trials, and of a frontier
PHASES = ("phase", "bar", "trials", "left")
RUNNING = ("running", "width", "depth", "GAN weight", "parameters", "kimg", "FID", "time")
OPTIONAL = ("time", "GAN weight", "depth", "width")  # of a narrow terminal
FRONTIER = ("ratio", "FID", "of teacher's")  # behind what a student costs


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
    """A SweepView shows what is known of the trials of this run of the command; Tune's callbacks keep it up to date.

    `teacher` has for each sweep what its teacher costs, and its FID; `costs` the column of that cost where it is not
    the parameters.
    """

    def __init__(
        self, teacher: Mapping[str, Objectives], spending: Spending, *, costs: Mapping[str, str] | None = None
    ) -> None:
        self._teacher, self._spending = teacher, spending
        names = dict.fromkeys(teacher, "parameters") | dict(costs or {})
        self._costs = {sweep: COSTS[name] for sweep, name in names.items()}
        self.standings: Callable[[], Mapping[str, str]] = dict  # what is known of each sweep's limit, in words
        self.dashboard = ""  # Ray's, where it has one
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
        objectives = finite_objectives(result, (self._costs[sweep].name, "fid"))
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

    def blocks(self) -> list[Block]:
        """Returns the whole as tables and lines, for a terminal."""
        listings = [*self._phases_listing(), *self._running_listing()]
        return [*([listing] for listing in listings), *self._frontiers(), [self._footer()]]

    def _phases_listing(self) -> list[Listing]:
        several = len(self._teacher)
        rows: list[Sequence[RenderableType]] = []
        for phase in self.phases:
            left_s = phase.left_s() if phase.done < phase.total else 0.0
            rows.append(
                (
                    Text(_named(phase.sweep, phase.name, sweeps=several), style="bold"),
                    ProgressBar(total=phase.total, completed=phase.done, width=28),
                    f"{phase.done} of {phase.total}",
                    "done" if phase.done >= phase.total else f"{_duration(left_s)} left" if left_s else "",
                )
            )

        def unfinished_first(count: int, room: int) -> Sequence[int]:
            phases = self.phases[:count]
            return sorted(sorted(range(count), key=lambda number: phases[number].done >= phases[number].total)[:room])

        listing = Listing("phases", PHASES, rows=rows, optional=("bar",), choose=unfinished_first, bare=True)
        return [listing] if rows else []

    def _running_listing(self) -> list[Listing]:
        rows = [_running_row(running) for running in list(self._running.values())]
        return [Listing("running", RUNNING, rows=rows, optional=OPTIONAL, most=MOST_ROWS)] if rows else []

    def _frontiers(self) -> list[Block]:
        shown: list[Block] = []
        for sweep, share in self._hypervolumes().items():
            front = front_of(list(self._points[sweep].values()))
            teacher_cost, teacher_fid = self._teacher[sweep]
            name = "frontier" if len(self._teacher) == 1 else sweep
            rows = [
                (
                    str(number),
                    f"{cost:,.0f}",
                    f"{teacher_cost / cost:.1f}",
                    f"{fid:.1f}",
                    f"{fid / teacher_fid:.2f}",
                )
                for number, (cost, fid) in enumerate(front, start=1)
            ]
            headings = (name, self._costs[sweep].noun.strip(), *FRONTIER)
            listing = Listing(name, headings, rows=rows, optional=FRONTIER[-1:], choose=spread, most=MOST_ROWS)
            lines = [Text(f"{len(front)} on the frontier, hypervolume {share:.1%}", style="dim")]
            lines += [Text(standing)] if (standing := self.standings().get(sweep)) else []
            shown.append([listing, *lines])
        return shown

    def _footer(self) -> Text:
        spent = f"{self._spending.core_hours:.2f} core-hours"
        spent += f", {self._spending.gpu_hours:.2f} GPU-hours" if self._spending.resources.gpus else ""
        remaining = self._spending.remaining()
        parts = [f"spent {spent}", *([f"left {remaining}"] if remaining else []), *self._other_states()]
        parts += [f"dashboard {self.dashboard}"] if self.dashboard else []
        return Text("; ".join(parts), style="dim")

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


def _running_row(running: _Running) -> tuple[str, ...]:
    request = running.job.request
    return (
        f"trial {running.job.trial}",
        width_text(request.architecture),
        str(request.architecture.depth),
        Mode.SCRATCH if request.gan_weight is None else f"{request.gan_weight:g}",
        f"{_parameters(running.job):,}",
        f"{running.kimg:g} of {request.kimg:g}",
        "" if running.fid is None else f"{running.fid:.1f}",
        _duration(time.monotonic() - running.began),
    )


def _parameters(job: Job) -> int:
    from gan import count_parameters  # torch: not for those who only print a line

    return count_parameters(job.request.architecture)


def _named(sweep: str, phase: str, *, sweeps: int) -> str:
    return phase if sweeps == 1 else f"{sweep} {phase}"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
