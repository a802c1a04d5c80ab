"""What all tests need."""

import signal

import pytest

# A process started in the background of a shell ignores SIGINT, and so would every process that a test starts
# to see how it takes Ctrl-C. A handler of our own is not inherited by them; ignoring is.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Sweeps that bring a Ray of their own on other hosts, and so share nothing with the rest.
APART = frozenset({"test_cluster.py", "test_doctor.py"})


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes share the suite: most sweeps, one after the other, in one, the rest file by file in the other."""
    for item in items:
        is_sweep = "sweeps" in item.path.parts and item.path.name not in APART
        item.add_marker(pytest.mark.xdist_group("sweeps" if is_sweep else item.path.name))
