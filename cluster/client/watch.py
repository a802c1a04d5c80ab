"""This module watches a cluster's head: Ray itself would wait a minute, and then end the process without a word."""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LOOK_EVERY_S = 5.0
PATIENCE_S = 25.0


@contextmanager
def ending_with(address: str, farewell: str, *, exit_code: int) -> Iterator[None]:
    """End this process, with `farewell` on stderr, when the head at `address`, HOST:PORT, is gone during the block.

    At once and without any clean-up, most of which would wait for the head: what is to be kept is on disk already.
    """
    over = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(address, farewell), kwargs={"exit_code": exit_code, "over": over}, daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()


def _watch(address: str, farewell: str, *, exit_code: int, over: threading.Event) -> None:
    seen = time.monotonic()
    while not over.wait(LOOK_EVERY_S):
        if _answers(address):
            seen = time.monotonic()
        elif time.monotonic() - seen > PATIENCE_S:
            print(farewell, file=sys.stderr, flush=True)
            sys.stdout.flush()
            os._exit(exit_code)


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), LOOK_EVERY_S).close()
    except OSError:
        return False
    return True
