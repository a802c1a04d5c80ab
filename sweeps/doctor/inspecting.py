"""This module looks at a cluster from inside, by a small job that prints what it saw as one line of JSON.

The job is this module: `python -m sweeps.doctor.inspecting PROBE`. It imports no model and no search, so that it can
still say which packages are missing.
"""

import json
import secrets
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from cluster import (
    Check,
    ClusterError,
    Inspection,
    Job,
    Jobs,
    Probe,
    inspect_cluster,
    inspection_as_dict,
    inspection_from_dict,
    probe_from_json,
    probe_to_json,
    ray_session,
)
from sweeps.site.shipped_code import packed_code

ANSWER = "ganlimit-inspection "  # how the job's line begins
DRIVER = "cluster"  # the subject of checks that the driver's node alone makes
PATIENCE_S = 240.0  # how long the job may take to start, to inspect every node, and to try the artifacts
ENDS_WITHIN_S = 15.0


def inspect_directly(address: str, probe: Probe, *, token_file: Path | None) -> tuple[Inspection, list[Check]]:
    """Inspect the cluster at Ray's own `address`, HOST:PORT or "auto", and the tracking store from this process.

    Raises ClusterError where it cannot be reached.
    """
    with packed_code() as code, ray_session(address, code=code, token_file=token_file):
        return inspect_cluster(probe), _of_driver(probe)


def inspect_by_job(address: str, probe: Probe, *, token_file: Path | None) -> tuple[Inspection, list[Check]]:
    """Inspect the cluster whose jobs server is at `address`, http://HOST:PORT, through a job that is then deleted.

    Raises ClusterError where the job cannot be run.
    """
    jobs, job_id = Jobs(address, token_file), f"doctor-{secrets.token_hex(4)}"
    command = shlex.join(["python", "-m", "sweeps.doctor.inspecting", probe_to_json(probe)])
    with packed_code() as code:
        jobs.submit(job_id, command, folder=code, environment={"PYTHONUNBUFFERED": "1"})
    try:
        job = _wait(jobs, job_id)
        log = jobs.logs(job)
    finally:
        with suppress(ClusterError):
            _forget(jobs, job_id)
    return _answer(log, job, job_id=job_id)


def main(arguments: Sequence[str]) -> None:
    """Inspect the cluster as the job does, and print what was seen."""
    probe = probe_from_json(arguments[0])
    with ray_session("auto"):
        inspection = inspect_cluster(probe)
    seen = {"inspection": inspection_as_dict(inspection), "checks": [asdict(check) for check in _of_driver(probe)]}
    print(ANSWER + json.dumps(seen), flush=True)


def _of_driver(probe: Probe) -> list[Check]:
    if probe.tracking_uri is None:
        return []
    try:
        from sweeps.doctor.tracking_checks import tracking_checks
        from sweeps.ledger.store import TrackingStore
    except ImportError as error:
        return [
            Check(
                subject=DRIVER,
                name="packages",
                found=f"{error} on the driver's node",
                remedy="Install ganlimit on all nodes.",
            )
        ]
    return tracking_checks(DRIVER, TrackingStore(probe.tracking_uri))


def _wait(jobs: Jobs, job_id: str) -> Job:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        job = jobs.find(job_id)
        if job and job.is_over:
            return job
        time.sleep(0.5)
    raise ClusterError(
        f"A small job ends within {PATIENCE_S:.0f} s", f"{job_id}, which has not", "See ganlimit cluster status."
    )


def _forget(jobs: Jobs, job_id: str) -> None:
    job = jobs.find(job_id)
    if job and not job.is_over:
        jobs.stop(job_id)
        deadline = time.monotonic() + ENDS_WITHIN_S
        while time.monotonic() < deadline and (job := jobs.find(job_id)) and not job.is_over:
            time.sleep(0.5)
    if job:
        jobs.delete(job_id)


def _answer(log: str, job: Job, *, job_id: str) -> tuple[Inspection, list[Check]]:
    lines = [line for line in log.splitlines() if line.startswith(ANSWER)]
    if not lines:
        said = log.strip().splitlines()
        raise ClusterError(
            "A small job of ganlimit runs on the cluster's head",
            f"{job_id}, which ended as {job.status} ({said[-1] if said else job.message.strip()})",
            "Install ganlimit's packages there, those of constraints.txt.",
        )
    seen = json.loads(lines[-1].removeprefix(ANSWER))
    return inspection_from_dict(seen["inspection"]), [Check(**check) for check in seen["checks"]]


if __name__ == "__main__":
    main(sys.argv[1:])
