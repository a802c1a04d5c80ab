"""What all tests need."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from gan.deployment.web.runtime import WebRuntime

# A process started in the background of a shell ignores SIGINT, and so would every process that a test starts
# to see how it takes Ctrl-C. A handler of our own is not inherited by them; ignoring is.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Ray gives its workers what other processes leave (nice 15): with two tests at once a sweep would get nothing while
# the other test computes.
os.environ.setdefault("RAY_worker_niceness", "0")

# How fast examples are drawn says more of what else runs here than of them.
settings.register_profile("ganlimit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ganlimit")

# Files that take minutes: they begin first, so that the last process does not wait for one of them alone.
LONGEST = (
    *(
        "test_cluster.py",
        "test_shared_cluster.py",
        "test_faults.py",
        "test_runner.py",
        "test_ctrl_c.py",
        "test_reporting.py",
        "test_reuse.py",
    ),
    *("test_server_away.py", "test_tracking_serve.py", "test_nodes.py", "test_packed_sweep.py"),
    *("test_fused_trials.py", "test_doctor.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium, as Debian has it."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        assert "GANLIMIT_REQUIRE_CHROMIUM" not in os.environ, "the gate needs chromium"
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


@pytest.fixture(scope="session")
def web_runtime(tmp_path_factory: pytest.TempPathFactory) -> "WebRuntime":
    """What a deployed page runs on, from npm, once for all processes of the suite."""
    from gan.deployment.web.runtime import find_web_runtime

    if shutil.which("npm") is None:
        assert "GANLIMIT_REQUIRE_NPM" not in os.environ, "the gate needs npm"
        pytest.skip("no npm on this machine")
    own: Path = tmp_path_factory.getbasetemp()
    return find_web_runtime((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "web-runtime")
