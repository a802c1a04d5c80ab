"""This module puts jobs into the form in which Ray Tune carries them: a trial's configuration, and what it reports."""

from collections.abc import Mapping
from typing import Any

from sweeps.trial.request import Job


def config_of(sweep: str, jobs: tuple[Job, ...]) -> dict[str, Any]:
    """Returns what Ray Tune knows of a trial: the first job, and those that are fused with it."""
    first, *others = [job.model_dump_json() for job in jobs]
    return {"sweep": sweep, "job": first, **({"fused": others} if others else {})}


def jobs_of(config: Mapping[str, Any]) -> tuple[Job, ...]:
    """Returns the jobs of a trial of Ray Tune."""
    return tuple(Job.model_validate_json(text) for text in (config["job"], *config.get("fused", ())))


def result_of(result: Mapping[str, Any] | None, job: Job) -> Mapping[str, Any]:
    """Returns what a trial of Ray Tune has reported of one of its jobs."""
    result = result or {}
    found: Mapping[str, Any] = result.get("fused", {}).get(job.request.key, result)
    return found
