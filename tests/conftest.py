"""What all tests need."""

import signal

import pytest

# A process started in the background of a shell ignores SIGINT, and so would every process that a test starts
# to see how it takes Ctrl-C. A handler of our own is not inherited by them; ignoring is.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes share the suite: the sweeps, one after the other, in one, and what needs no Ray in the other."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("sweeps" if "sweeps" in item.path.parts else item.path.name))
