"""This module finds a sweep again that was handed to a cluster. It loads no torch, so that a log comes at once."""

from collections.abc import Iterable, Iterator
from typing import Any

from cluster import Job, Jobs, runs_as_job
from sweeps.errors import SweepError
from sweeps.ledger.tags import JOB_TRACKING_URI

ACCEPTED = "ganlimit-accepted"  # a line that the driver prints for the program that submitted it


def job_of(jobs: Jobs, name: str, *, address: str) -> Job:
    """Returns the job of the sweep called `name`. Raises SweepError where the cluster knows none."""
    job = jobs.find(name)
    if job is None:
        raise SweepError(
            f"The cluster at {address} has a job of the sweep",
            f"none called {name}",
            "Check the name; a cluster that was started anew knows no job of before: submit the sweep again.",
        )
    return job


def say_accepted() -> None:
    """Tells whoever submitted this process as a job that nothing speaks against its sweep; silent where nobody did."""
    if runs_as_job():
        print(ACCEPTED, flush=True)


def is_accepted(said: str) -> bool:
    """Returns whether a driver that has `said` this has looked at every node, storage and the tracking server."""
    return ACCEPTED in said.splitlines()


def log_of(jobs: Jobs, job: Job) -> str:
    """Returns what the driver has said so far, for people to read."""
    return "".join(for_people([jobs.logs(job)]))


def for_people(pieces: Iterable[str]) -> Iterator[str]:
    """Yields the pieces of a driver's log without the line that is for the program which submitted it.

    A piece may begin and end anywhere. What could become that line is held back until it is known; all else is not,
    as a line of progress may be long in the making.
    """
    held, begins_line = "", True
    for piece in pieces:
        shown = ""
        lines = (held + piece).splitlines(keepends=True)
        held = lines.pop() if lines and (begins_line or lines[1:]) and ACCEPTED.startswith(lines[-1]) else ""
        for line in lines:
            shown += "" if begins_line and line == f"{ACCEPTED}\n" else line
            begins_line = line.endswith("\n")
        if shown:
            yield shown
    if held and held != ACCEPTED:
        yield held


def tracking_uri_of(job: Job, option: str | None = None) -> str | None:
    """Returns where the runs of a submitted sweep are: what an option says, or the job; None where neither does."""
    return option or job.metadata.get(JOB_TRACKING_URI)


def job_as_dict(job: Job) -> dict[str, Any]:
    """Returns the job for a script."""
    return {"job": job.id, "status": job.status, "message": job.message, "exit_code": job.exit_code}
