"""`ganlimit sweep submit` and `logs`, and what `status` and `stop` say of a sweep on a cluster."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sweeps
from sweeps.cli.common import console, overrides, print_json, stderr
from sweeps.cli.ending import StoppedError
from sweeps.cli.options import (
    Follow,
    Json,
    NoDownload,
    Seed,
    Spec,
    Storage,
    SweepName,
    SweepNameOption,
    TokenFile,
    Trials,
)
from sweeps.cli.sweep_app import sweep_app

if TYPE_CHECKING:
    from cluster import Job, Jobs

ACCEPTED_WITHIN_S = 90.0
MISTAKE = 2  # the exit code of a command that a person must mend

Address = Annotated[str, typer.Option("--address", metavar="URL", help="The cluster's dashboard, http://HOST:8265.")]


@sweep_app.command("submit")
def submit(
    spec: Spec,
    address: Address,
    token_file: TokenFile = None,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            "--tracking-uri",
            help="The tracking server, http://HOST:PORT, as the nodes reach it. Default: $MLFLOW_TRACKING_URI",
            show_default=False,
        ),
    ] = None,
    storage: Storage = None,
    seed: Seed = None,
    trials: Trials = None,
    name: SweepNameOption = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Trials at once. Default: as many as fit.", show_default=False),
    ] = None,
    data_dir: Annotated[
        str | None,
        typer.Option(
            "--data-dir",
            help="Where the driver keeps study and reports, on its node. Default: the storage if it is a path, else "
            "$GANLIMIT_DATA_DIR of that node or ~/ganlimit-data",
            show_default=False,
        ),
    ] = None,
    data_root: Annotated[
        str | None,
        typer.Option("--data-root", help="Where data sets are, on the nodes.", show_default=False),
    ] = None,
    no_download: NoDownload = False,
    inception_weights: Annotated[
        str | None,
        typer.Option("--inception-weights", help="Where Inception's weights are, on the nodes.", show_default=False),
    ] = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Hand a sweep to a cluster, or go on with it there. The same submission again is the first one.

    The driver runs on the cluster; this machine may leave. Paths in the spec are places on the nodes.
    """
    from sweeps.site.submission import SPEC_FILE

    replaced = {"seed": seed, "trials": trials, "name": name, "storage": storage}
    options = given(workers, data_root, no_download, inception_weights, **replaced)
    loaded = sweeps.load_specs(spec, overrides(seed=seed, name=name, trials=trials, storage=storage))
    file = None if spec in sweeps.preset_names() else Path(spec)
    words = ["run", SPEC_FILE if file else spec, *options]
    hand_over(words, loaded, address, token_file, tracking_uri, data_dir, file, follow, as_json)


def hand_over(
    words: Sequence[str],
    specs: "Sequence[sweeps.SweepSpec]",
    address: str,
    token_file: Path | None,
    tracking_uri: str | None = None,
    data_dir: str | None = None,
    spec_file: Path | None = None,
    follow: bool = False,
    as_json: bool = False,
) -> None:
    """Submit a command of `ganlimit sweep`, and say how to go on."""
    from sweeps.site.submission import Submission, require_tracking_uri
    from sweeps.site.submission import submit as submit_to
    from sweeps.site.submitted import job_as_dict

    uri = require_tracking_uri(tracking_uri or os.environ.get("MLFLOW_TRACKING_URI"))
    submission = Submission(tuple(words), tuple(specs), uri, data_dir, spec_file)
    jobs = _jobs(address, token_file)
    job, is_new = submit_to(submission, jobs, address)
    if as_json:
        print_json(job_as_dict(job))
    else:
        _explain(job, is_new, address, token_file, uri)
    if follow:
        _follow(jobs, job)
    elif is_new:
        _until_accepted(jobs, job)


@sweep_app.command("logs")
def logs(name: SweepName, address: Address, token_file: TokenFile = None, follow: Follow = False) -> None:
    """What the driver of a submitted sweep says."""
    from sweeps.site.submitted import job_of

    jobs = _jobs(address, token_file)
    job = job_of(jobs, name, address)
    if follow:
        _follow(jobs, job)
    else:
        typer.echo(jobs.logs(job), nl=False)


def given(
    workers: int | None, data_root: object, no_download: bool, inception_weights: object, **others: object
) -> list[str]:
    """Options as words of a command, those that were given. Paths are places on the nodes."""
    named = {"workers": workers, "data_root": data_root, "inception_weights": inception_weights, **others}
    present = {f"--{name.replace('_', '-')}": str(value) for name, value in named.items() if value is not None}
    return [word for pair in present.items() for word in pair] + ["--no-download"] * no_download


def is_dashboard(address: str) -> bool:
    """Whether an address is one to submit to, rather than Ray's own."""
    return address.startswith(("http://", "https://"))


def job_line(address: str, token_file: Path | None, name: str) -> "Job":
    """The sweep's job on the cluster; its tracking server becomes this process's, unless one is named."""
    from sweeps.site.submitted import TRACKING_URI, job_of

    job = job_of(_jobs(address, token_file), name, address)
    if uri := job.metadata.get(TRACKING_URI):
        os.environ.setdefault("MLFLOW_TRACKING_URI", uri)
    return job


def show_beginning(address: str, token_file: Path | None, name: str, lines: int = 5) -> None:
    """What the driver of a submitted sweep said last, for as long as the sweep has no trial."""
    from sweeps.site.submitted import job_of

    jobs = _jobs(address, token_file)
    job = job_of(jobs, name, address)
    _say("No trial has begun. " + ("Its driver said last:" if job.is_over else "Its driver makes the models:"))
    for line in jobs.logs(job).splitlines()[-lines:]:
        _say(f"  {line}")
    if job.is_over:
        raise typer.Exit(1)


def stop_job(address: str, token_file: Path | None, name: str) -> None:
    """Stop a submitted sweep as Ctrl-C does."""
    from sweeps.site.submitted import job_of

    jobs = _jobs(address, token_file)
    job = job_of(jobs, name, address)
    if job.is_over:
        raise sweeps.SweepError(
            f"The job {name} runs", f"one that is over ({job.status.lower()})", "There is nothing to stop."
        )
    jobs.stop(job.id)
    _say(f"Asked the job {name} to stop. The same submission goes on from there.")


def _jobs(address: str, token_file: Path | None) -> "Jobs":
    from cluster import Jobs, use_token

    use_token(token_file)
    return Jobs(address)


def _explain(job: "Job", is_new: bool, address: str, token_file: Path | None, tracking_uri: str) -> None:
    where = f"--address {address}" + (f" --token-file {token_file}" if token_file else "")
    if is_new:
        _say(f"Submitted {job.id} to {address}.")
    else:
        _say(f"{job.id} was submitted before and {'has succeeded' if job.is_over else 'runs'}: nothing is done twice.")
    _say(f"  watch   ganlimit sweep logs {job.id} {where} --follow")
    _say(f"  status  ganlimit sweep status {job.id} {where}")
    _say(f"  stop    ganlimit sweep stop {job.id} {where}")
    _say(f"  report  ganlimit report {job.id} --tracking-uri {tracking_uri} --out report")


def _follow(jobs: "Jobs", job: "Job") -> None:
    try:
        for text in jobs.follow(job):
            typer.echo(text, nl=False)
    except KeyboardInterrupt:
        raise StoppedError(f"\n{job.id} goes on; the same command watches it again.") from None
    _require_success(jobs, job)


def _until_accepted(jobs: "Jobs", job: "Job") -> None:
    """Wait until the driver has looked at nodes, storage and tracking server, and say what it found against them."""
    from sweeps.site.submitted import ACCEPTED

    deadline = time.monotonic() + ACCEPTED_WITHIN_S
    while time.monotonic() < deadline:
        now = jobs.find(job.id) or job
        said = jobs.logs(now)
        if now.is_over:
            typer.echo(said, nl=False, err=True)
            _require_success(jobs, now)
            return
        if ACCEPTED in said:
            return
        time.sleep(1.0)


def _require_success(jobs: "Jobs", job: "Job") -> None:
    now = jobs.find(job.id)
    if now is not None and now.status == "SUCCEEDED":
        return
    message = now.message.partition(", last available logs")[0].strip() if now else "the cluster has forgotten it"
    mended = "When that is mended, the" if now and now.exit_code == MISTAKE else "The"
    stderr().print(
        f"The job {job.id} ended as {now.status.lower() if now else 'unknown'}: {message}\n"
        f"{mended} same submission goes on from there.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    raise typer.Exit((now.exit_code if now else None) or 1)


def _say(text: str) -> None:
    console().print(text, highlight=False, markup=False, soft_wrap=True)
