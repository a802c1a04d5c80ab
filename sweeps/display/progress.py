"""This module tells a person how far the work is: by bars on a terminal, by plain lines in a log, or not at all."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from sweeps.display.listing import Block
from sweeps.display.redrawing import Refresh, below_what_was_resized, can_redraw, redrawn

LINE_EVERY_S = 15.0

Update = Callable[[float, str], None]  # (how much of the total is done, a short remark)


class View(Protocol):
    """A View is something that changes, shown as blocks or as one line. `stages` counts the stages it has begun."""

    @property
    def stages(self) -> int: ...

    def blocks(self) -> Sequence[Block]:
        """Returns the view for a terminal."""

    def line(self) -> str:
        """Returns the view as a line of a log."""


class Display(Protocol):
    """A Display is where progress is shown."""

    def step(self, name: str, total: float) -> AbstractContextManager[Update]:
        """Show a piece of work from beginning to end: `with display.step("teacher", 320) as update:`."""

    def watch(self, view: View) -> AbstractContextManager[Refresh]:
        """Show `view` for the length of a `with` block; call what it gives whenever the view has changed."""

    def say(self, message: str) -> None:
        """Show one line of text."""


def display_for(console: Console, *, quiet: bool = False) -> Display:
    """Returns bars when `console` is a terminal, plain lines when it is not, and a silent display when `quiet`."""
    if quiet:
        return QuietDisplay()
    return BarDisplay(console) if can_redraw(console) else LineDisplay(console)


class QuietDisplay:
    """A QuietDisplay shows nothing. It is the default of every function, so that a notebook stays clean."""

    @contextmanager
    def step(self, name: str, total: float) -> Iterator[Update]:
        yield lambda done, note: None

    @contextmanager
    def watch(self, view: View) -> Iterator[Refresh]:
        yield lambda: None

    def say(self, message: str) -> None:
        pass


class BarDisplay:
    """A BarDisplay shows one bar per piece of work, with elapsed and remaining time."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, name: str, total: float) -> Iterator[Update]:
        columns = (
            TextColumn("{task.description:<18}"),
            BarColumn(bar_width=None, table_column=Column(min_width=8, max_width=28)),  # it makes room for the note
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
        )
        with Progress(*columns, console=self._console) as progress, below_what_was_resized(self._console):
            task = progress.add_task(name, total=total, note="")

            def update(done: float, note: str) -> None:
                progress.update(task, completed=done, note=note)

            yield update

    @contextmanager
    def watch(self, view: View) -> Iterator[Refresh]:
        with redrawn(self._console, view.blocks, every_s=0.5):
            yield lambda: None  # the display refreshes itself

    def say(self, message: str) -> None:
        self._console.print(message, highlight=False, markup=False)


class LineDisplay:
    """A LineDisplay prints a line at the beginning, one every 15 seconds or so, and one at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, name: str, total: float) -> Iterator[Update]:
        began = last = time.monotonic()
        remark = ""
        self.say(f"{name}: begun")

        def update(done: float, note: str) -> None:
            nonlocal last, remark
            remark = note
            now = time.monotonic()
            if now - last < LINE_EVERY_S or done >= total:
                return
            last, spent = now, now - began
            left = spent / done * (total - done) if done else 0.0
            self.say(f"{name}: {done / total:.0%}, {spent:.0f} s, about {left:.0f} s left{_after(note)}")

        yield update
        self.say(f"{name}: done in {time.monotonic() - began:.0f} s{_after(remark)}")

    @contextmanager
    def watch(self, view: View) -> Iterator[Refresh]:
        last, stages = time.monotonic(), 0

        def refresh() -> None:
            nonlocal last, stages
            if time.monotonic() - last >= LINE_EVERY_S or view.stages > stages:
                last, stages = time.monotonic(), view.stages
                self.say(view.line())

        yield refresh
        self.say(view.line())

    def say(self, message: str) -> None:
        self._console.print(message, highlight=False, soft_wrap=True, markup=False)


def _after(note: str) -> str:
    return f" ({note})" if note else ""
