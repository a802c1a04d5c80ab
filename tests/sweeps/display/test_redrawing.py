"""What changes is drawn anew in its place, on a real terminal that is resized meanwhile; a plain one gets lines."""

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.console import Console

from sweeps.display import LineDisplay, can_redraw, display_for

# It draws 40 rows, waits until it is told that the terminal has another size, and draws them again.
PROGRAM = """
from rich.console import Console
from rich.text import Text
from sweeps.display import Listing, redrawn

rows = [(f"row {number}", str(number) * 20) for number in range(40)]
listing = Listing("rows", ("name", "digits"), rows=rows)
with redrawn(Console(), lambda: [[listing], [Text("the end")]], every_s=None) as again:
    input()
    again()
"""


class Terminal:
    """A terminal of which we are the screen and the keyboard: what is written to it, and how large it is."""

    def __init__(self, program: str, **environment: str) -> None:
        self._screen, end = pty.openpty()
        sized_by_the_terminal = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.resize(80, 24)
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=end,
            stdout=end,
            stderr=end,
            env={**sized_by_the_terminal, "TERM": "xterm", "PYTHONPATH": str(Path.cwd()), **environment},
        )
        os.close(end)
        self._unread = ""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._screen, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read_until(self, text: str) -> str:
        """Returns what was written since the last time, up to where `text` has come."""
        found = self._unread
        while text not in found:
            found += os.read(self._screen, 4096).decode()
        before, _, self._unread = found.partition(text)
        return before + text

    def press_enter(self) -> None:
        os.write(self._screen, b"\n")

    def end(self) -> None:
        assert self._process.wait(30) == 0
        os.close(self._screen)


def test_a_terminal_that_is_resized_keeps_no_remains_and_nothing_is_lost() -> None:
    terminal = Terminal(PROGRAM)
    before = terminal.read_until("the end")
    terminal.resize(60, 12)
    terminal.press_enter()
    after = terminal.read_until("the end")
    terminal.end()
    assert before.count("row ") == 19
    assert "and 21 more" in before
    assert "\n" * 12 in after.replace("\r", "").partition("\x1b[H")[0], "what was there is moved out of the upper end"
    assert "\x1b[1A" not in after.partition("\x1b[H")[0], "the cursor is not taken back to where lines no longer are"
    drawn = after.partition("\x1b[H")[2]
    assert drawn.count("row ") == 7
    assert "and 33 more" in drawn


def test_a_terminal_that_keeps_its_size_is_drawn_over() -> None:
    terminal = Terminal(PROGRAM)
    terminal.read_until("the end")
    terminal.press_enter()
    after = terminal.read_until("the end")
    terminal.end()
    assert "\x1b[H" not in after
    assert after.count("\x1b[1A") == 22


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_moves_no_cursor_gets_lines(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    console = Console(file=io.StringIO(), force_terminal=True)
    assert not can_redraw(console)
    assert isinstance(display_for(console), LineDisplay)
