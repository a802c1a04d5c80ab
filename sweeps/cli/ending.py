"""This module ends a command that is told to: Ctrl-C and SIGTERM are one thing to it, with exit codes of their own."""

import signal
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from sweeps.cli.output import remark
from sweeps.exit_codes import ExitCode


class StoppedError(KeyboardInterrupt):
    """A StoppedError ends a command that was told to; its message says how to go on."""


class Ending:
    """An Ending lets SIGTERM raise KeyboardInterrupt for the length of a `with` block, as Ctrl-C does.

    A scheduler, `timeout`, Kubernetes and systemd end a program that way. Once is enough: some of them tell it twice,
    and what ends must be left to end.
    """

    def __init__(self) -> None:
        self._is_terminated = False

    def __enter__(self) -> "Ending":
        self._before = signal.signal(signal.SIGTERM, self._terminate)
        return self

    def __exit__(self, *error: object) -> None:
        if not self._is_terminated:  # else the process is at its end, and nothing shall cut that short
            signal.signal(signal.SIGTERM, self._before)

    @property
    def exit_code(self) -> ExitCode:
        """Returns that of a program which the signal has ended, as shells count."""
        return ExitCode.TERMINATED if self._is_terminated else ExitCode.INTERRUPTED

    def _terminate(self, signum: int, frame: FrameType | None) -> None:
        if not self._is_terminated:
            self._is_terminated = True
            raise KeyboardInterrupt


class EndedCommands(TyperGroup):
    """EndedCommands end in order, with one sentence that says how to go on; `obj` of their context is an `Ending`."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            again = "Stopped. The same command again goes on from here."
            told = str(error) if isinstance(error, StoppedError) else again
            remark(told)
            raise typer.Exit(ctx.obj.exit_code) from None
