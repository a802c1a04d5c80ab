"""This module fits tables into a terminal: rows without room are counted, and columns that tell least go first."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

GAP = 2  # characters between two columns
FEWEST = 3  # rows of each listing, before empty lines are

Choice = Callable[[int, int], Sequence[int]]  # (of how many rows, how many) -> which of them are shown


def first(count: int, room: int) -> Sequence[int]:
    """Returns the first `room` of `count` numbers."""
    return range(min(count, room))


def spread(count: int, room: int) -> Sequence[int]:
    """Returns `room` of `count` numbers, from the first to the last."""
    if room < 2 or count <= room:
        return first(count, room)
    return [round(number * (count - 1) / (room - 1)) for number in range(room)]


@dataclass(frozen=True)
class Listing:
    """A Listing is a table of which a terminal shows the rows and columns that it has room for.

    `name` says what its rows are where none is shown. Columns with one of the `optional` headings are left out first,
    in that order. `most` rows are enough even where there is room. One that is `bare` shows no headings.
    """

    name: str
    headings: Sequence[str]
    _: KW_ONLY
    rows: Sequence[Sequence[RenderableType]]
    optional: Sequence[str] = ()
    choose: Choice = first
    most: int | None = None
    bare: bool = False

    @property
    def wanted(self) -> int:
        """Returns how many rows it has at most."""
        return len(self.rows) if self.most is None else min(self.most, len(self.rows))

    def height(self, shown: int) -> int:
        """Returns how many lines it takes with `shown` rows; without any it is the line that says so."""
        return (not self.bare) + shown + (shown < len(self.rows)) if shown else 1

    def of(self, shown: int) -> RenderableType:
        """Returns it with `shown` rows, and a line that counts the others."""
        others = len(self.rows) - shown
        if not shown:
            return _remark(f"{self.name}: no room for {others}" if others else f"{self.name}: none yet")
        rows = [self.rows[number] for number in self.choose(len(self.rows), shown)]
        return Group(_Rows(self, rows), *([_remark(f"and {others} more")] if others else []))

    def places(self, widths: Sequence[int], room: int) -> Sequence[int]:
        """Returns the columns for which there is room, where they have these `widths`."""
        left_out: set[int] = set()
        for heading in self.optional:
            if _together(widths, left_out) > room:
                left_out.add(list(self.headings).index(heading))
        return [place for place in range(len(widths)) if place not in left_out]


@dataclass(frozen=True)
class _Rows:
    listing: Listing
    rows: Sequence[Sequence[RenderableType]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        headings = [""] * len(self.listing.headings) if self.listing.bare else self.listing.headings
        widths = [
            max(cell_len(heading), *(Measurement.get(console, options, row[place]).maximum for row in self.rows))
            for place, heading in enumerate(headings)
        ]
        places = self.listing.places(widths, options.max_width)
        beyond = _together([widths[place] for place in places]) - options.max_width
        widths[0] = max(1, widths[0] - max(0, beyond))  # a long name is cut, never a number
        table = Table(box=None, header_style="bold", padding=(0, GAP, 0, 0), pad_edge=False)
        table.show_header = not self.listing.bare
        for place in places:
            justify: JustifyMethod = "right" if place and not self.listing.bare else "left"
            table.add_column(headings[place], width=widths[place], justify=justify, no_wrap=True)
        for row in self.rows:
            table.add_row(*(row[place] for place in places))
        yield table


def _together(widths: Sequence[int], left_out: Collection[int] = ()) -> int:
    kept = [width for place, width in enumerate(widths) if place not in left_out]
    return sum(kept) + GAP * (len(kept) - 1)


Block = Sequence[Listing | Text]  # an empty line stands between two of them


def whole(blocks: Sequence[Block]) -> Group:
    """Returns blocks as they are printed, with every row that their listings want."""
    return _laid_out(blocks, {number: listing.wanted for number, listing in enumerate(_listings(blocks))})


@dataclass(frozen=True)
class Fitted:
    """Fitted are blocks of which a terminal shows what it has lines for, and how much that leaves out."""

    blocks: Sequence[Block]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.size.height - 1  # one is the cursor's when the display ends
        texts = [part for block in self.blocks for part in block if isinstance(part, Text)]
        left = room - sum(len(text.wrap(console, options.max_width)) for text in texts)
        blocks, listings = self.blocks, _listings(self.blocks)
        shown = _shared_out(left - (len(blocks) - 1), listings)
        if any(shown[number] < min(FEWEST, listing.wanted) for number, listing in enumerate(listings)):
            blocks = [[part for block in blocks for part in block]]
            shown = _shared_out(left, listings)
        lines = console.render_lines(_laid_out(blocks, shown), options, pad=False)
        if len(lines) > room:
            remark = _remark(f"no room for {len(lines) - room + 1} lines")
            lines = [*lines[: room - 1], *console.render_lines(remark, options, pad=False)]
        for line in lines:
            yield from line
            yield Segment.line()


def _shared_out(room: int, listings: Sequence[Listing]) -> dict[int, int]:
    """Returns how many rows each listing shows where they have `room` lines together: in turns, one row each."""
    shown = dict.fromkeys(range(len(listings)), 0)
    growing = [number for number, listing in enumerate(listings) if listing.wanted]
    while growing:
        number = min(growing, key=shown.__getitem__)
        grown = {**shown, number: shown[number] + 1}
        if sum(listing.height(grown[place]) for place, listing in enumerate(listings)) <= room:
            shown = grown
        if shown is not grown or shown[number] == listings[number].wanted:
            growing.remove(number)
    return shown


def _listings(blocks: Sequence[Block]) -> list[Listing]:
    return [part for block in blocks for part in block if isinstance(part, Listing)]


def _laid_out(blocks: Sequence[Block], shown: Mapping[int, int]) -> Group:
    lines: list[RenderableType] = []
    numbers = iter(shown.values())
    for number, block in enumerate(blocks):
        lines += [Text()] if number else []
        lines += [part if isinstance(part, Text) else part.of(next(numbers)) for part in block]
    return Group(*lines)


def _remark(text: str) -> Text:
    return Text(text, style="dim", no_wrap=True, overflow="ellipsis")
