"""This module ends a command that is told to: Ctrl-C and SIGTERM are one thing to it, with exit codes of their own."""

import math
import signal
import sys
import time
import weakref
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from sweeps.cli.mistakes import told_of_usage
from sweeps.cli.output import remark
from sweeps.exit_codes import ExitCode

REPEATED_WITHIN_S = 30.0  # of what ends a command: some clean up where no exception is seen to be handled
LOOK_AGAIN_S = 1.0  # whether what was raised ends anything
AGAIN_AFTER_LOOKS = 30  # more than Ray takes to start, which a second Ctrl-C would cut short
LOST_AFTER_LOOKS = 5  # in a row at which nothing ends: Ray's core drops what is raised, and soon raises its own


class StoppedError(KeyboardInterrupt):
    """A StoppedError ends a command that was told to; its message says how to go on."""


class _Told(KeyboardInterrupt):
    """A _Told is what a signal raises; as long as it lives, somebody acts on it."""


class Ending:
    """An Ending lets Ctrl-C and SIGTERM raise KeyboardInterrupt for the length of a `with` block, and knows the first.

    A scheduler, `timeout`, Kubernetes and systemd end a program by SIGTERM, some of them twice or after a SIGINT. Once
    is enough: what ends must be left to end, and a SIGTERM then does nothing. A second Ctrl-C is a person's, and acts
    at once.

    What is raised can be lost: Python drops it in a finaliser and in the callbacks of a weak reference, of which an
    import has many, and some libraries catch everything. So the process looks each second whether something ends, and
    the signal comes again where nothing does. It does not where somebody keeps what was raised; and a clean-up that
    keeps nothing, outside of any `except` and `finally`, has LOST_AFTER_LOOKS seconds.
    """

    def __init__(self) -> None:
        self._first: signal.Signals | None = None
        self._acted_at = 0.0
        self._raised: weakref.ref[_Told] | None = None
        self._looks_at_nothing = 0

    def __enter__(self) -> "Ending":
        self._before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
        signal.signal(signal.SIGTERM, self._tell)
        if self._before[signal.SIGINT] != signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._tell)
        return self

    def __exit__(self, *error: object) -> None:
        if self._first is not None:  # the process is at its end, where Python gives up its handlers before it leaves
            signal.setitimer(signal.ITIMER_REAL, 0)
            for signum in (signal.SIGTERM, signal.SIGALRM):
                signal.signal(signum, signal.SIG_IGN)
            if signal.getsignal(signal.SIGINT) == self._tell:  # which would look again
                signal.signal(signal.SIGINT, signal.default_int_handler)
            return
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    @property
    def exit_code(self) -> ExitCode:
        """Returns that of a program which the first signal has ended, as shells count."""
        return ExitCode.TERMINATED if self._first == signal.SIGTERM else ExitCode.INTERRUPTED

    def _tell(self, signum: int, frame: FrameType | None) -> None:
        if signum == signal.SIGTERM and self._is_ending():
            return
        self._first = self._first or signal.Signals(signum)
        self._act()

    def _act(self) -> None:
        self._acted_at, self._looks_at_nothing = time.monotonic(), 0
        signal.signal(signal.SIGALRM, self._look_again)
        signal.setitimer(signal.ITIMER_REAL, LOOK_AGAIN_S, LOOK_AGAIN_S)
        told = _Told()
        self._raised = weakref.ref(told)
        try:
            raise told
        finally:
            del told  # else its traceback keeps it alive by this frame

    def _look_again(self, signum: int, frame: FrameType | None) -> None:
        acted_on = self._raised is not None and self._raised() is not None
        self._looks_at_nothing = 0 if acted_on or _handles_interrupt() else self._looks_at_nothing + 1
        if self._looks_at_nothing >= LOST_AFTER_LOOKS and self._first is not None:
            self._looks_at_nothing, self._acted_at = -AGAIN_AFTER_LOOKS, -math.inf
            signal.raise_signal(self._first)  # by its handler of now: while Ray starts, that keeps it for later

    def _is_ending(self) -> bool:
        if self._first is None:
            return False
        return _handles_interrupt() or time.monotonic() - self._acted_at < REPEATED_WITHIN_S


def heed_ctrl_c() -> None:
    """Let SIGINT end the command as well where it was started with that ignored; within the block of an `Ending`."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))  # an Ending has one handler for both


def _handles_interrupt() -> bool:
    """Returns whether what runs now is the clean-up after a KeyboardInterrupt."""
    error = sys.exception()
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def stopped(error: KeyboardInterrupt, ending: Ending) -> typer.Exit:
    """Say how to go on. Returns the exit that the command ends with."""
    remark(str(error) if isinstance(error, StoppedError) else "Stopped. The same command again goes on from here.")
    return typer.Exit(ending.exit_code)


class EndedCommands(TyperGroup):
    """EndedCommands end in order, with one sentence that says how to go on; `obj` of their context is an `Ending`.

    A script that asked for JSON is told in it what a command has against its words.
    """

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        try:
            with told_of_usage(as_json="--json" in sys.argv):
                return super().make_context(info_name, args, parent, **extra)
        except KeyboardInterrupt as error:
            raise stopped(error, extra["obj"]) from None

    def invoke(self, ctx: Any) -> Any:
        try:
            with told_of_usage(as_json="--json" in sys.argv):
                return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise stopped(error, ctx.obj) from None
