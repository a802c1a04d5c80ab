"""This module says where the jobs of a phase come from: a list, or a study that is asked.

A queue belongs to one sweep. Several queues, one for each data set, share the cluster fairly: the one with the fewest
trials running is asked next.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

from analysis import Phase
from sweeps.trial.request import Job


class NoJob(Enum):
    """NoJob is what a queue answers when it has no job, and says why."""

    YET = "yet"  # what it asks next depends on trials that still run
    LEFT = "left"


class OnPhase(Protocol):
    """OnPhase hears that a phase is laid out, with `done` of its `total` trials finished already, or has grown."""

    def __call__(self, sweep: str, name: str, *, total: int, done: int) -> None: ...


class JobQueue(ABC):
    """A JobQueue hands out jobs, and is told how each of them ended.

    `total` is how many jobs it expects to have in all, `done` how many of them ended, in earlier runs as well. `remark`
    is what a person should know when it has no more, and `standing` what is known so far of what it seeks.
    """

    sweep: str
    total: int = 0
    done: int = 0
    remark: str | None = None

    @property
    def standing(self) -> str | None:
        return None

    @abstractmethod
    def next(self) -> Job | NoJob:
        """Returns the next job, or why there is none."""

    def next_fused(self) -> tuple[Job, ...] | NoJob:
        """Returns the next jobs that one worker does together: a single one, unless a queue overrides this."""
        job = self.next()
        return (job,) if isinstance(job, Job) else job

    @abstractmethod
    def ended(self, job: Job, result: Mapping[str, Any]) -> None:
        """Learn that a job of this queue ended, with what it reported last; `result` is empty where the job failed."""


class ListQueue(JobQueue):
    """A ListQueue has jobs that are known from the start."""

    def __init__(self, sweep: str, jobs: Iterable[Job], *, done: int) -> None:
        self.sweep, self.done, self._jobs = sweep, done, deque(jobs)
        self.total = done + len(self._jobs)

    def next(self) -> Job | NoJob:
        return self._jobs.popleft() if self._jobs else NoJob.LEFT

    def ended(self, job: Job, result: Mapping[str, Any]) -> None:
        self.done += 1


class GrowingQueue(ListQueue):
    """A GrowingQueue asks `more` for further jobs when all that it handed out have ended, until there are none.

    `more` also says what a person should know when it has no more.
    """

    def __init__(
        self, sweep: str, jobs: Iterable[Job], *, done: int, more: Callable[[], tuple[Sequence[Job], str | None]]
    ) -> None:
        super().__init__(sweep, jobs, done=done)
        self._more, self._running = more, 0

    def next(self) -> Job | NoJob:
        if not self._jobs and self._running:
            return NoJob.YET
        if not self._jobs:
            jobs, self.remark = self._more()
            self._jobs.extend(jobs)
            self.total += len(jobs)
        job = super().next()
        self._running += isinstance(job, Job)
        return job

    def ended(self, job: Job, result: Mapping[str, Any]) -> None:
        self._running -= 1
        super().ended(job, result)


class SuccessiveQueues(JobQueue):
    """SuccessiveQueues go on with another queue when all jobs of one have ended, until `following` has none.

    Their remark has what each of them said at its end.
    """

    def __init__(self, first: JobQueue, *, following: Callable[[], JobQueue | None]) -> None:
        self._queue, self._following, self._running = first, following, 0
        self.sweep, self._said = first.sweep, ""
        self._note()

    @property
    def standing(self) -> str | None:
        return self._queue.standing

    def next(self) -> Job | NoJob:
        job = self._queue.next()
        while job is NoJob.LEFT:
            if self._running:
                return NoJob.YET
            self._note()
            queue = self._following()
            if queue is None:
                return NoJob.LEFT
            self._said = f"{self.remark}; then " if self.remark else ""
            self._queue = queue
            job = queue.next()
        self._running += isinstance(job, Job)
        self._note()
        return job

    def ended(self, job: Job, result: Mapping[str, Any]) -> None:
        self._running -= 1
        self._queue.ended(job, result)
        self._note()

    def _note(self) -> None:
        self.total, self.done = self._queue.total, self._queue.done
        self.remark = self._queue.remark and self._said + self._queue.remark


class PhaseQueue(JobQueue):
    """A PhaseQueue has the phases of one sweep in order: each is laid out when the one before it has ended.

    `on_phase` is then called with the phase's name, its total, and how much of it is done; again where it grows.
    """

    def __init__(
        self, sweep: str, phases: Sequence[Phase], *, lay_out: Callable[[Phase], JobQueue], on_phase: OnPhase
    ) -> None:
        self.sweep = sweep
        self._phases, self._lay_out, self._on_phase = deque(phases), lay_out, on_phase
        self._queue: JobQueue | None = None
        self._phase: Phase | None = None
        self._total = -1  # of it, as it was told
        self._running = 0
        self.remarks: list[str] = []
        self._ahead: Job | NoJob | None = None
        self._gathered: dict[str, list[Job]] = {}  # jobs that wait for others to be fused with

    @property
    def standing(self) -> str | None:
        return self._queue.standing if self._queue else None

    def has_jobs(self) -> bool:
        """Returns whether anything is missing at all."""
        if self._ahead is None:
            self._ahead = self.next()
        return isinstance(self._ahead, Job)

    def next(self) -> Job | NoJob:
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            return ahead
        while self._queue or self._phases:
            if self._queue is None:
                phase = self._phases.popleft()
                self._queue, self._phase, self._total = self._lay_out(phase), phase, -1
                self._tell_total()
            job = self._queue.next()
            if isinstance(job, Job):
                self._running += 1
                self._tell_total()
                return job
            if self._running:
                return NoJob.YET
            if self._queue.remark:
                self.remarks.append(self._queue.remark)
            self._queue = None
        return NoJob.LEFT

    def _tell_total(self) -> None:
        """Say that a phase is laid out, or has become larger."""
        assert self._queue is not None
        assert self._phase is not None
        if self._queue.total != self._total:
            self._total = self._queue.total
            self._on_phase(self.sweep, self._phase, total=self._total, done=self._queue.done)

    def next_fused(self) -> tuple[Job, ...] | NoJob:
        """Returns as many jobs as are fused; fewer where the phase has no more of their kind."""
        job = self.next()
        while isinstance(job, Job):
            if job.request.fused == 1:
                return (job,)
            kind = job.request.fusing_key
            alike = self._gathered.setdefault(kind, [])
            alike.append(job)
            if len(alike) == job.request.fused:
                return tuple(self._gathered.pop(kind))
            job = self.next()
        if not self._gathered:
            return job
        return tuple(self._gathered.pop(max(self._gathered, key=lambda kind: len(self._gathered[kind]))))

    def ended(self, job: Job, result: Mapping[str, Any]) -> None:
        assert self._queue is not None, "a phase goes on until its trials have ended"
        self._running -= 1
        self._queue.ended(job, result)
