"""`ganlimit sweep submit` and `logs`, and what `status` and `stop` say of a sweep on a cluster."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sweeps
from sweeps.cli.common import console, overrides, print_json, stderr
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
from sweeps.cli.sweep import sweep_app

if TYPE_CHECKING:
    from cluster import Job, Jobs

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
    from sweeps.submission import SPEC_FILE

    options = given(workers, data_root, no_download, inception_weights, seed=seed, trials=trials, name=name)
    options += ["--storage", storage] if storage else []
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
    from sweeps.submission import Submission, job_as_dict, require_tracking_uri
    from sweeps.submission import submit as submit_to

    uri = require_tracking_uri(tracking_uri or os.environ.get("MLFLOW_TRACKING_URI"))
    submission = Submission(tuple(words), tuple(specs), uri, data_dir, spec_file)
    jobs = _jobs(address, token_file)
    job, is_new = submit_to(submission, jobs, address)
    if as_json:
        print_json(job_as_dict(job))
    else:
        _explain(job, is_new, address, token_file, uri)
    if follow:
        _follow(jobs, job.id)


@sweep_app.command("logs")
def logs(name: SweepName, address: Address, token_file: TokenFile = None, follow: Follow = False) -> None:
    """What the driver of a submitted sweep says."""
    from sweeps.submission import job_of

    jobs = _jobs(address, token_file)
    job = job_of(jobs, name, address)
    if follow:
        _follow(jobs, job.id)
    else:
        typer.echo(jobs.logs(job.id), nl=False)


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
    from sweeps.submission import TRACKING_URI, job_of

    job = job_of(_jobs(address, token_file), name, address)
    if uri := job.metadata.get(TRACKING_URI):
        os.environ.setdefault("MLFLOW_TRACKING_URI", uri)
    return job


def stop_job(address: str, token_file: Path | None, name: str) -> None:
    """Stop a submitted sweep as Ctrl-C does."""
    from sweeps.submission import job_of

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


def _follow(jobs: "Jobs", job_id: str) -> None:
    for text in jobs.follow(job_id):
        typer.echo(text, nl=False)
    job = jobs.find(job_id)
    if job is None or job.status != "SUCCEEDED":
        message = job.message.strip() if job else "the cluster has forgotten it"
        stderr().print(
            f"The job {job_id} ended as {job.status if job else 'unknown'}: {message}\n"
            "The same submission goes on from there.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit((job.exit_code if job else None) or 1)


def _say(text: str) -> None:
    console().print(text, highlight=False, markup=False, soft_wrap=True)
