"""What all tests need."""

import signal

import pytest

# A process started in the background of a shell ignores SIGINT, and so would every process that a test starts
# to see how it takes Ctrl-C. A handler of our own is not inherited by them; ignoring is.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Files that take minutes: they begin first, so that the last process does not wait for one of them alone.
LONGEST = (
    *("test_cluster.py", "test_faults.py", "test_runner.py", "test_reporting.py", "test_reuse.py"),
    *("test_server_away.py", "test_tracking_serve.py", "test_nodes.py", "test_packed_sweep.py"),
    *("test_fused_trials.py", "test_doctor.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
