"""How long a test waits for what must come to pass: long enough for a machine that is ten times slower than ours."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 600.0  # beyond this it hangs; how fast something is belongs to tests/benchmarks


def wait_until(condition: Callable[[], Any], *, every_s: float = 0.02) -> Any:
    """Returns what `condition` gives as soon as that is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(every_s)
    return found
