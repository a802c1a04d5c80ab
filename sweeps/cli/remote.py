"""This module is `ganlimit sweep submit` and `logs`, and what `status` and `stop` say of a sweep on a cluster."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sweeps
from sweeps.cli.ending import StoppedError
from sweeps.cli.inputs import overrides
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
from sweeps.cli.output import print_json, remark, say
from sweeps.exit_codes import ExitCode

if TYPE_CHECKING:
    from cluster import Job, Jobs

ACCEPTED_WITHIN_S = 90.0

Address = Annotated[str, typer.Option("--address", metavar="URL", help="The cluster's dashboard, http://HOST:8265.")]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A Target is where a submitted sweep goes: a cluster's dashboard, a tracking server, a folder on its node."""

    address: str
    token_file: Path | None = None
    tracking_uri: str | None = None  # the environment's, where there is none
    data_dir: str | None = None


def submit(
    spec: Spec,
    address: Address,
    *,
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
    extractor_weights: Annotated[
        str | None,
        typer.Option("--extractor-weights", help="Where an extractor's weights are, on the nodes.", show_default=False),
    ] = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Hand a sweep to a cluster, or go on with it there. The same submission again is the first one.

    The driver runs on the cluster; this machine may leave. Paths in the spec are places on the nodes.
    """
    from sweeps.site.submission import SPEC_FILE

    options = given(
        workers=workers,
        data_root=data_root,
        inception_weights=inception_weights,
        extractor_weights=extractor_weights,
        seed=seed,
        trials=trials,
        name=name,
        storage=storage,
        no_download=no_download,
    )
    changes = overrides(seed=seed, name=name, trials=trials, storage=storage)
    loaded = sweeps.load_specs(spec, changes, for_nodes=True)
    file = None if spec in sweeps.preset_names() else Path(spec)
    words = ["run", SPEC_FILE if file else spec, *options]
    target = Target(address=address, token_file=token_file, tracking_uri=tracking_uri, data_dir=data_dir)
    hand_over(words, loaded, target=target, spec_file=file, follow=follow, as_json=as_json)


def hand_over(
    words: Sequence[str],
    specs: "Sequence[sweeps.SweepSpec]",
    *,
    target: Target,
    spec_file: Path | None = None,
    follow: bool = False,
    as_json: bool = False,
) -> None:
    """Submit a command of `ganlimit sweep`, and say how to go on."""
    from sweeps.ledger.data_dir import default_tracking_uri
    from sweeps.site.submission import Submission, require_tracking_uri
    from sweeps.site.submission import submit as submit_to
    from sweeps.site.submitted import job_as_dict

    uri = require_tracking_uri(target.tracking_uri or default_tracking_uri())
    submission = Submission(
        words=tuple(words), specs=tuple(specs), tracking_uri=uri, data_dir=target.data_dir, spec_file=spec_file
    )
    jobs = jobs_at(target.address, target.token_file)
    job, is_new = submit_to(submission, jobs, address=target.address, token_file=target.token_file)
    if as_json:
        print_json(job_as_dict(job))
    else:
        _explain(job, target, tracking_uri=uri, is_new=is_new)
    if follow:
        _follow(jobs, job)
    elif is_new:
        _until_accepted(jobs, job)


def logs(name: SweepName, address: Address, *, token_file: TokenFile = None, follow: Follow = False) -> None:
    """Print what the driver of a submitted sweep says."""
    from sweeps.site.submitted import job_of, log_of

    jobs = jobs_at(address, token_file)
    job = job_of(jobs, name, address=address)
    if follow:
        _follow(jobs, job)
    else:
        typer.echo(log_of(jobs, job), nl=False)


def given(*, no_download: bool, **options: object) -> list[str]:
    """Returns the options that were given as words of a command, by their names here. Paths are places on the nodes."""
    present = {f"--{name.replace('_', '-')}": str(value) for name, value in options.items() if value is not None}
    return [word for pair in present.items() for word in pair] + ["--no-download"] * no_download


def is_dashboard(address: str) -> bool:
    """Returns whether an address is one to submit to, rather than Ray's own."""
    return address.startswith(("http://", "https://"))


def require_use(address: str | None, *, token_file: Path | None, quiet: bool = False) -> None:
    """Raises SweepError for an option of the command that would do nothing at this address, or without one."""
    if token_file and not address:
        raise sweeps.SweepError(
            "A token is shown to the cluster at --address",
            f"--token-file {token_file} without --address",
            "Give --address, or leave --token-file out.",
        )
    if quiet and address and is_dashboard(address):
        raise sweeps.SweepError(
            "A submitted sweep shows no progress here, but in the log of its driver",
            f"--quiet with --address {address}",
            "Leave --quiet out.",
        )


def jobs_at(address: str, token_file: Path | None) -> "Jobs":
    """Returns the jobs server of a cluster, shown the secret in `token_file` or the environment's."""
    from cluster import Jobs

    return Jobs(address, token_file)


def show_beginning(jobs: "Jobs", job: "Job", *, lines: int = 5) -> None:
    """Print what the driver of a submitted sweep said last, for as long as the sweep has no trial."""
    from sweeps.site.submitted import log_of

    say("No trial has begun. " + ("Its driver said last:" if job.is_over else "Its driver makes the models:"))
    for line in log_of(jobs, job).splitlines()[-lines:]:
        say(f"  {line}")
    if job.is_over:
        raise typer.Exit(ExitCode.FAILURE)


def stop_job(jobs: "Jobs", name: str, *, address: str) -> None:
    """Stop a submitted sweep as Ctrl-C does."""
    from sweeps.site.submitted import job_of

    job = job_of(jobs, name, address=address)
    if job.is_over:
        raise sweeps.SweepError(
            f"The job {name} runs", f"one that is over ({job.status.lower()})", "There is nothing to stop."
        )
    jobs.stop(job.id)
    say(f"Asked the job {name} to stop. The same submission goes on from there.")


def _explain(job: "Job", target: Target, *, tracking_uri: str, is_new: bool) -> None:
    where = f"--address {target.address}" + (f" --token-file {target.token_file}" if target.token_file else "")
    if is_new:
        say(f"Submitted {job.id} to {target.address}.")
    else:
        say(f"{job.id} was submitted before and {'has succeeded' if job.is_over else 'runs'}: nothing is done twice.")
    say(f"  watch   ganlimit sweep logs {job.id} {where} --follow")
    say(f"  status  ganlimit sweep status {job.id} {where}")
    say(f"  stop    ganlimit sweep stop {job.id} {where}")
    say(f"  report  ganlimit report {job.id} --tracking-uri {tracking_uri} --out report")


def _follow(jobs: "Jobs", job: "Job") -> None:
    from sweeps.site.submitted import for_people

    try:
        for text in for_people(jobs.follow(job)):
            typer.echo(text, nl=False)
    except KeyboardInterrupt:
        raise StoppedError(f"\n{job.id} goes on; the same command watches it again.") from None
    _require_success(jobs, job)


def _until_accepted(jobs: "Jobs", job: "Job") -> None:
    """Wait until the driver has looked at nodes, storage and tracking server, and say what it found against them."""
    from sweeps.site.submitted import for_people, is_accepted

    deadline = time.monotonic() + ACCEPTED_WITHIN_S
    while time.monotonic() < deadline:
        now = jobs.find(job.id) or job
        said = jobs.logs(now)
        if now.is_over:
            typer.echo("".join(for_people([said])), nl=False, err=True)
            _require_success(jobs, now)
            return
        if is_accepted(said):
            return
        time.sleep(1.0)


def _require_success(jobs: "Jobs", job: "Job") -> None:
    now = jobs.find(job.id)
    if now is not None and now.has_succeeded:
        return
    message = now.message.partition(", last available logs")[0].strip() if now else "the cluster has forgotten it"
    mended = "When that is mended, the" if now and now.exit_code == ExitCode.MISTAKE else "The"
    remark(
        f"The job {job.id} ended as {now.status.lower() if now else 'unknown'}: {message}\n"
        f"{mended} same submission goes on from there."
    )
    raise typer.Exit((now.exit_code if now else None) or ExitCode.FAILURE)
