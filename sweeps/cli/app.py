"""This module is the command line: thin words over the functions of this package, all of its commands in one table.

Heavy imports happen inside the commands, so that `--help` and mistakes answer at once.
"""

import errno
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import typer

from sweeps.cli.cluster import cluster_down, cluster_join, cluster_status, cluster_up
from sweeps.cli.deploying import deploy
from sweeps.cli.doctor import doctor
from sweeps.cli.ending import EndedCommands, Ending, stopped
from sweeps.cli.extractor import extractor_check
from sweeps.cli.mistakes import tell
from sweeps.cli.output import heed_encoding
from sweeps.cli.remote import logs, submit
from sweeps.cli.results import compare, export, paper, report, sample, ui
from sweeps.cli.standing import list_sweeps, status, stop, sync
from sweeps.cli.sweep import confirm, demo, init, plan, resume, schema, sweep_run
from sweeps.cli.teacher import teacher_inspect, teacher_list, teacher_select, teacher_show, teacher_train
from sweeps.cli.tracking import tracking_serve
from sweeps.errors import Explained, SweepError

Command = Callable[..., None]


@dataclass(frozen=True)
class Group:
    """A Group is commands with a word in common, in the order in which the help lists them."""

    help: str
    commands: Mapping[str, Command]


COMMANDS: Mapping[str, Command] = {
    "doctor": doctor,
    "demo": demo,
    "report": report,
    "paper": paper,
    "compare": compare,
    "export": export,
    "sample": sample,
    "deploy": deploy,
    "ui": ui,
}
GROUPS: Mapping[str, Group] = {
    "extractor": Group("What quality is measured with.", {"check": extractor_check}),
    "teacher": Group(
        "The large GAN that the students learn from.",
        {
            "train": teacher_train,
            "select": teacher_select,
            "list": teacher_list,
            "show": teacher_show,
            "inspect": teacher_inspect,
        },
    ),
    "sweep": Group(
        "Searches over students, here or on a cluster.",
        {
            "init": init,
            "schema": schema,
            "plan": plan,
            "run": sweep_run,
            "resume": resume,
            "confirm": confirm,
            "submit": submit,
            "logs": logs,
            "status": status,
            "list": list_sweeps,
            "stop": stop,
            "sync": sync,
        },
    ),
    "cluster": Group(
        "Machines that share the trials of a sweep.",
        {"up": cluster_up, "join": cluster_join, "status": cluster_status, "down": cluster_down},
    ),
    "tracking": Group("The MLflow server that several machines share.", {"serve": tracking_serve}),
}


def _typer_app() -> typer.Typer:
    app = typer.Typer(
        name="ganlimit",
        cls=EndedCommands,
        help="How small can this GAN get before it breaks? Train a teacher, sweep over distilled students, "
        "and read the compression limit off the Pareto frontier.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    for name, command in COMMANDS.items():
        app.command(name)(command)
    for name, group in GROUPS.items():
        words = typer.Typer(help=group.help, no_args_is_help=True)
        for word, command in group.commands.items():
            words.command(word)(command)
        app.add_typer(words, name=name)
    return app


app = _typer_app()


def main() -> None:
    """Run the command. What a person can mend is one message on stderr; the exit code is one of `ExitCode`.

    With --json it is JSON on stdout as well.
    """
    heed_encoding()
    as_json = "--json" in sys.argv
    try:
        with Ending() as ending:
            _run(ending)
    except ValueError as error:
        if not isinstance(error, Explained):
            raise
        sys.exit(tell(error, as_json=as_json))
    except Exception as error:
        full = _full_disk(error)
        if full is None:
            raise
        remedy = "Make room: the same command again goes on from here."
        sys.exit(tell(SweepError("The disk has room", f"none ({full})", remedy), as_json=as_json))


def _run(ending: Ending) -> None:
    try:
        app(standalone_mode=True, obj=ending)
    except KeyboardInterrupt as error:  # while Typer makes the commands
        sys.exit(stopped(error, ending).exit_code)


def _full_disk(error: BaseException | None) -> str | None:
    """Returns what the error, or its cause, says of a full disk, with the file; None where it is another.

    SQLite and Ray Tune have errors of their own for it, with much beside.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return ": ".join([os.strerror(error.errno), *([str(error.filename)] if error.filename else [])])
        if found := re.search(r"No space left on device|disk is full", str(error)):
            return found[0]
        error = error.__cause__ or error.__context__
    return None
