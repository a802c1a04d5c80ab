"""Finding a sweep again that was handed to a cluster. Light, so that asking for a log takes a moment: no torch here."""

from typing import Any

from cluster import Job, Jobs
from sweeps.errors import SweepError

TRACKING_URI = "ganlimit.tracking_uri"  # of a job's metadata
ACCEPTED = "trials' files in "  # said by the driver when it has looked at every node


def job_of(jobs: Jobs, name: str, address: str) -> Job:
    """The job of the sweep called `name`. Raises SweepError where the cluster knows none."""
    job = jobs.find(name)
    if job is None:
        raise SweepError(
            f"The cluster at {address} has a job of the sweep",
            f"none called {name}",
            "Check the name; a cluster that was started anew knows no job of before: submit the sweep again.",
        )
    return job


def tracking_uri_of(job: Job) -> str | None:
    """Where the runs of a submitted sweep go."""
    return job.metadata.get(TRACKING_URI)


def job_as_dict(job: Job) -> dict[str, Any]:
    """For a script."""
    return {"job": job.id, "status": job.status, "message": job.message, "exit_code": job.exit_code}
