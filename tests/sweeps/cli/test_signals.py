"""Which of two signals ends a command, and what the other does meanwhile."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from cluster.client.signals import while_ray_starts
from sweeps.cli import ending as ending_of_commands
from sweeps.cli.app import main
from sweeps.cli.ending import Ending, heed_ctrl_c

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The handlers of this process, which an Ending that was told to end leaves replaced."""
    before = {signum: signal.getsignal(signum) for signum in (*BOTH, signal.SIGALRM)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending_of_commands, "REPEATED_WITHIN_S", 0.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("first", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_sigterm_does_not_cut_short_what_ends_already(first: signal.Signals, code: int) -> None:
    cleaned = []

    def ended() -> None:
        try:
            signal.raise_signal(first)
        finally:
            try:
                raise ValueError  # which a clean-up handles itself
            except ValueError:
                signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            cleaned.append("all")

    with Ending() as ending, pytest.raises(KeyboardInterrupt):
        ended()
    assert cleaned == ["all"]
    assert ending.exit_code == code


def test_a_sigterm_that_follows_soon_is_a_repetition_wherever_it_comes() -> None:
    with Ending():
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)  # while the process leaves


@pytest.mark.parametrize("first", BOTH)
def test_a_second_ctrl_c_acts_at_once(first: signal.Signals) -> None:
    with Ending() as ending:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(first)
        code = ending.exit_code
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert ending.exit_code == code, "the first says how it ended"


@pytest.mark.usefixtures("impatient")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_sigterm_that_was_lost_may_be_repeated() -> None:
    class Swallowing:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    with Ending() as ending:
        del [Swallowing()][0]  # Python drops what is raised here
        assert ending.exit_code == 143
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending_of_commands, "LOOK_AGAIN_S", 0.01)


def works_on(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.001)


@pytest.mark.usefixtures("looks_often")
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_was_lost_acts_again_by_itself(
    signum: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # pytest's own would keep what Python drops

    class Swallowing:
        def __del__(self) -> None:
            signal.raise_signal(signum)

    with Ending() as ending:
        del [Swallowing()][0]  # Python drops what is raised here
        with contextlib.suppress(KeyboardInterrupt):  # as a library that catches everything does
            works_on(10)
            pytest.fail("the signal was lost")
        with pytest.raises(KeyboardInterrupt):
            works_on(10)
    assert ending.exit_code == code
    works_on(0.1)  # at its end the process is left alone


@pytest.mark.usefixtures("looks_often")
def test_a_clean_up_is_left_alone_that_handles_or_keeps_what_was_raised() -> None:
    with Ending() as ending:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as error:
            works_on(0.2)
            kept = error  # to be raised after a clean-up outside of this block
        works_on(0.2)
        assert isinstance(kept, KeyboardInterrupt)
    assert ending.exit_code == 143


@pytest.mark.usefixtures("looks_often")
def test_so_is_one_after_an_exception_that_another_stands_for() -> None:
    """As Ray's core drops what a signal raises, and raises its own a moment later."""
    cleaned = []

    def of_ray() -> None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        works_on(0.02)
        try:
            raise KeyboardInterrupt
        finally:
            works_on(0.2)
            cleaned.append("all")

    with Ending(), pytest.raises(KeyboardInterrupt):
        of_ray()
    assert cleaned == ["all"]


@pytest.mark.usefixtures("looks_often")
def test_a_lost_signal_waits_where_signals_are_held_back() -> None:
    with Ending() as ending:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        started = []

        def start() -> None:
            with while_ray_starts():
                works_on(0.2)
                started.append("whole")

        with pytest.raises(KeyboardInterrupt):
            start()
        assert started == ["whole"]
    assert ending.exit_code == 143


LEAVING = """
import atexit, contextlib, signal, time
from sweeps.cli.ending import Ending

def slowly(number):
    time.sleep(1.2)
    print(number, flush=True)

for number in range(6):
    atexit.register(slowly, number)
with contextlib.suppress(KeyboardInterrupt), Ending():
    signal.raise_signal(signal.SIGINT)
with contextlib.suppress(KeyboardInterrupt):
    signal.raise_signal(signal.SIGINT)
"""


def test_a_second_ctrl_c_as_the_process_leaves_cuts_nothing_later() -> None:
    left = subprocess.run([sys.executable, "-c", LEAVING], capture_output=True, text=True, check=False)
    assert (left.returncode, left.stdout.split()) == (0, ["5", "4", "3", "2", "1", "0"]), left.stderr


def test_without_a_signal_the_handlers_are_as_before() -> None:
    before = [signal.getsignal(signum) for signum in BOTH]
    with Ending():
        assert [signal.getsignal(signum) for signum in BOTH] != before
    assert [signal.getsignal(signum) for signum in BOTH] == before


def test_a_command_in_the_background_heeds_ctrl_c_where_it_says_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Ending() as ending:
        signal.raise_signal(signal.SIGINT)
        heed_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert ending.exit_code == 130


@pytest.mark.parametrize("early", ["typer.main.get_command", "typer.core.TyperGroup.parse_args"])
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_has_hardly_begun_ends_in_order(
    early: str, signum: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(early, lambda *_, **__: signal.raise_signal(signum))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert capsys.readouterr().err == "Stopped. The same command again goes on from here.\n"
