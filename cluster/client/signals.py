"""This module holds signals back while Ray starts or stops, which puts handlers of its own in the place of ours."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

from ray._private import utils, worker
from ray._private.state import state


@contextmanager
def while_ray_starts() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until Ray has started, or could not; a second Ctrl-C acts at once.

    Without a handler for SIGTERM it is left to Ray, which ends the process with a crash dump.
    """
    with ExitStack() as stack:
        if _holds_back(stack):
            stack.enter_context(_no_handler_of_ray())
        yield


@contextmanager
def while_ray_stops() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until Ray has stopped; a second Ctrl-C acts at once."""
    with ExitStack() as stack:
        if _holds_back(stack):
            stack.enter_context(_handler_again())
        yield


def _holds_back(stack: ExitStack) -> bool:
    """Returns whether SIGTERM has a handler that was made to wait."""
    if threading.current_thread() is not threading.main_thread():
        return False  # signals interrupt another thread than this one, which may set no handler
    stack.enter_context(_waits(signal.SIGINT, second_acts=True))
    stack.enter_context(_waits(signal.SIGTERM, second_acts=False))
    return callable(signal.getsignal(signal.SIGTERM))


@contextmanager
def _waits(signum: signal.Signals, *, second_acts: bool) -> Iterator[None]:
    # An interrupted start or stop leaves processes and the folder behind.
    before = signal.getsignal(signum)
    if not callable(before):
        yield  # it is ignored, or left to the system
        return
    came = False

    def wait(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came, acts = not (came and second_acts), came and second_acts
        if acts:
            before(number, frame)

    signal.signal(signum, wait)
    try:
        yield
    finally:
        signal.signal(signum, before)
        if came:  # whether Ray could start or not
            signal.raise_signal(signum)


@contextmanager
def _no_handler_of_ray() -> Iterator[None]:
    # In Python, Ray would let SIGTERM exit with 15, and its processes stay, until it is there. In C, it makes a crash
    # dump of it once it connects: the handler is put back after that, and SIGTERM waits so long.
    set_handler, connect = utils.set_sigterm_handler, worker.connect

    def connect_blocked(*given: Any, **options: Any) -> Any:
        with _blocked():
            return connect(*given, **options)

    utils.set_sigterm_handler = lambda handler: None
    worker.connect = connect_blocked
    try:
        yield
    finally:
        utils.set_sigterm_handler = set_handler
        worker.connect = connect


@contextmanager
def _handler_again() -> Iterator[None]:
    # Ray's C code leaves SIGTERM without any handler once it has disconnected, and its processes take seconds to end.
    connection: Any = state
    disconnect: Callable[..., Any] = connection.disconnect

    def handler_first(*given: Any, **options: Any) -> Any:
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        return disconnect(*given, **options)

    connection.disconnect = handler_first
    try:
        yield
    finally:
        connection.disconnect = disconnect


@contextmanager
def _blocked() -> Iterator[None]:
    # Of this thread alone: where a library has others, one of those may take the signal at that moment. No process is
    # started meanwhile, which would inherit it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
