"""This module hands work to a cluster through Ray's jobs server, from any machine that reaches it over HTTP."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import requests
from ray.job_submission import JobStatus, JobSubmissionClient

from cluster.client.dashboard import JOB_NAME, require_reachable
from cluster.errors import ClusterError
from cluster.tokens import use_token

CHATTY = ("ray._private.runtime_env.packaging", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")
ATTEMPT = "GANLIMIT_ATTEMPT"  # tells what a job says from what an earlier one of its id said
STOP_WAIT_S = 60  # for a driver that is stopped to write down what it knows
SILENCE_S = 10.0  # of a log, after which the cluster is asked whether it is still there
DELETED_WITHIN_S = 30.0
# Ray looks at each job every second; one that was deleted since the last look it writes down once more, as failed.
RETURNS_WITHIN_S = 2.5
NAME_TAKEN = "is already taken"  # what Ray 2.60 says of a job whose name is
FREE_WITHIN_S = 60.0  # the name of a job that is over: what supervised it may outlive it by some seconds


@dataclass(frozen=True, kw_only=True)
class Job:
    """A Job is one as the cluster knows it. `exit_code` is its command's; None where it runs, or has not begun."""

    id: str
    status: str
    message: str
    metadata: Mapping[str, str]
    exit_code: int | None = None

    @property
    def is_over(self) -> bool:
        return JobStatus(self.status).is_terminal()

    @property
    def has_succeeded(self) -> bool:
        return JobStatus(self.status) is JobStatus.SUCCEEDED


class Jobs:
    """Jobs speaks to the jobs server at `address`, http://HOST:PORT.

    It raises ClusterError where that is away or refuses the token.
    Without a `token_file` the token is the one of this process's environment, if there is one.
    """

    def __init__(self, address: str, token_file: Path | None = None) -> None:
        use_token(token_file)  # where Ray's client looks for it, and nowhere else
        require_reachable(address)
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._address = address
        self._client = JobSubmissionClient(address)

    def find(self, job_id: str) -> Job | None:
        """Returns the job; None where the cluster knows none of that id."""
        with self._errors():
            for found in self._client.list_jobs():
                if found.submission_id == job_id:
                    code = found.driver_exit_code
                    return Job(
                        id=job_id,
                        status=str(found.status.value),
                        message=found.message or "",
                        metadata=found.metadata or {},
                        exit_code=code,
                    )
        return None

    def submit(
        self,
        job_id: str,
        command: str,
        *,
        folder: Path,
        environment: Mapping[str, str],
        metadata: Mapping[str, str] | None = None,
        title: str = "",
    ) -> None:
        """Run the shell command in a copy of `folder` on the cluster. `stop` ends it as Ctrl-C does.

        `title` is what the dashboard calls it, beside its id.
        `environment` is shown to all who may see the job: no place for credentials. It waits for the end of an earlier
        job of the id that is deleted. Raises ClusterError where there is one that is not.
        """
        stopping = {"RAY_JOB_STOP_SIGNAL": "SIGINT", "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S)}
        runtime_env = {"working_dir": str(folder), "env_vars": {**stopping, **environment}}
        # Ray appends what a job says to what an earlier one of its id said, after a line with the command.
        attempt, deadline = secrets.token_hex(6), time.monotonic() + FREE_WITHIN_S
        while True:
            with self._errors(), _one_at_a_time(job_id):
                self._client.submit_job(
                    entrypoint=f"{ATTEMPT}={attempt} {command}",
                    submission_id=job_id,
                    runtime_env=runtime_env,
                    metadata={**({JOB_NAME: title} if title else {}), **(metadata or {}), ATTEMPT: attempt},
                )
            job = self.find(job_id)
            if job is None or NAME_TAKEN not in job.message or time.monotonic() > deadline:
                return
            self.delete(job_id)

    def logs(self, job: Job) -> str:
        """Returns what the job has said so far."""
        with self._errors():
            text = self._client.get_job_logs(job.id)
        attempt = job.metadata.get(ATTEMPT, "")
        if attempt not in text:
            return text if job.is_over else ""  # it has not begun, or could not
        return text[text.rindex(attempt) :].partition("\n")[2]

    def follow(self, job: Job) -> Iterator[str]:
        """Yields what the job says, from its beginning to its end, as it comes."""
        attempt: str | None = job.metadata.get(ATTEMPT, "")
        earlier = ""
        for text in self._pieces(job.id):
            if attempt is None:
                yield text
            elif attempt in (earlier := earlier + text):
                yield earlier[earlier.rindex(attempt) :].partition("\n")[2]
                attempt = None

    def _pieces(self, job_id: str) -> Iterator[str]:
        with contextlib.closing(asyncio.new_event_loop()) as loop, contextlib.ExitStack() as ending:
            pieces = self._client.tail_job_logs(job_id).__aiter__()
            while True:
                piece = loop.create_task(_next(pieces))
                ending.pop_all()
                ending.callback(_cancel, loop, piece, pieces=pieces)
                while not loop.run_until_complete(asyncio.wait({piece}, timeout=SILENCE_S))[0]:
                    self._require_there()
                try:
                    text = piece.result()
                except Exception as error:  # of the connection, whichever library's
                    self._require_there()
                    raise self._lost(error) from error
                if text is None:
                    return
                yield text

    def stop(self, job_id: str) -> None:
        """Ask the job to stop, and return at once."""
        with self._errors():
            self._client.stop_job(job_id)

    def delete(self, job_id: str) -> None:
        """Forget a job that is over."""
        deadline, gone_since = time.monotonic() + DELETED_WITHIN_S, None
        while time.monotonic() < deadline:
            if self.find(job_id) is not None:
                gone_since = None
                with self._errors():
                    self._client.delete_job(job_id)
            else:
                gone_since = gone_since or time.monotonic()
                if time.monotonic() - gone_since > RETURNS_WITHIN_S:
                    return
            time.sleep(0.2)

    def _require_there(self) -> None:
        try:
            require_reachable(self._address)
        except ClusterError as error:
            raise self._lost(error) from error

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, ConnectionError, requests.RequestException) as error:
            self._require_there()
            self._refused(error)

    def _refused(self, error: Exception) -> NoReturn:
        reason = str(error).strip().splitlines()
        raise ClusterError(
            "The jobs server does what it is asked",
            f"{self._address} ({reason[-1] if reason else error})",
            "See ganlimit cluster status, and the logs of the cluster's head.",
        ) from error

    def _lost(self, error: Exception) -> ClusterError:
        return ClusterError(
            "The cluster is there until the job is over",
            f"no answer from {self._address} ({error})",
            "When it is back, or on a new head, the same command goes on.",
        )


@contextlib.contextmanager
def _one_at_a_time(job_id: str) -> Iterator[None]:
    """Raises ClusterError where the server refuses a second job of an id, which it does with a traceback."""
    try:
        yield
    except RuntimeError as error:
        if "already exists" not in str(error):
            raise
        raise ClusterError(
            "A cluster has one job of an id at a time",
            f"another one called {job_id}, submitted just now",
            f"Look at it: ganlimit sweep status {job_id}, with --address.",
        ) from error


def _cancel(loop: asyncio.AbstractEventLoop, piece: "asyncio.Task[str | None]", *, pieces: Any) -> None:
    """End a connection of which nobody will read any more, quietly."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    piece.cancel()
    with contextlib.suppress(Exception, asyncio.CancelledError):
        loop.run_until_complete(asyncio.wait({piece}, timeout=1.0))
    with contextlib.suppress(Exception, asyncio.CancelledError):
        loop.run_until_complete(asyncio.wait_for(pieces.aclose(), 2.0))


async def _next(pieces: Any) -> str | None:
    try:
        piece: str = await anext(pieces)
    except StopAsyncIteration:
        return None
    return piece
