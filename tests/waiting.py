"""How long a test waits for what must come to pass: long enough for a machine that is ten times slower than ours."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE_S = 600.0  # beyond this it hangs; how fast something is belongs to tests/benchmarks


def wait_until(condition: Callable[[], Any], *, every_s: float = 0.1) -> Any:
    """Returns what `condition` gives once that is true. To look takes of the machine what the others need."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(every_s)
    return found


@contextmanager
def watching(act: Callable[[], None]) -> Iterator[None]:
    """Do `act` again and again beside the block."""
    over = threading.Event()

    def loop() -> None:
        while not over.wait(0.1):
            act()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
