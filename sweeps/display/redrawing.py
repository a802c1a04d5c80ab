"""This module draws what changes anew in its place, on a terminal of whatever size it has at the time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.control import Control
from rich.live import Live
from rich.text import Text

from sweeps.display.listing import Block, Fitted

Refresh = Callable[[], None]


def can_redraw(console: Console) -> bool:
    """Returns whether what is shown can be replaced there: not in a file, nor where no cursor can be moved."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def redrawn(console: Console, look: Callable[[], Sequence[Block]], *, every_s: float | None) -> Iterator[Refresh]:
    """Show what `look` returns for the length of a `with` block, no taller than the terminal.

    It is drawn anew every so often, by a thread, and whenever what is given is called.
    """
    live = Live(
        console=console,
        get_renderable=lambda: Fitted(look()),
        auto_refresh=every_s is not None,
        refresh_per_second=1 / (every_s or 1.0),
    )
    with live, below_what_was_resized(console):
        live.refresh()
        yield live.refresh


@contextmanager
def below_what_was_resized(console: Console) -> Iterator[None]:
    """Let what is drawn anew on `console` leave no remains when the terminal is resized; inside the drawing's block."""
    console.push_render_hook(_AfterResize(console))
    try:
        yield
    finally:
        console.pop_render_hook()


class _AfterResize(RenderHook):
    """An _AfterResize moves what the terminal shows out of its upper end when its size has changed.

    Lines that it has wrapped anew are no longer where they were drawn, and terminals differ in whether they wrap them.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._size = console, console.size

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        before, self._size = self._size, self._console.size
        if before == self._size:
            return renderables
        _, *new = renderables  # the first one takes the cursor back to where the drawing began
        return [Text("\n" * self._size.height, end=""), Control.home(), *new]
