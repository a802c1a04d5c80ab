"""What is shown fits the terminal: as many rows and columns as there is room for, and a count of the others."""

import io
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from sweeps.display import Fitted, Listing, spread, whole


def students(rows: int, **options: Any) -> Listing:
    cells = [(f"student {number}", f"{number * 1000:,}", f"{number}.5") for number in range(1, rows + 1)]
    return Listing("students", ("name", "size", "quality"), rows=cells, **options)


def shown(what: Any, *, width: int = 80, height: int = 24, file: Any = None) -> list[str]:
    file = file or io.StringIO()
    Console(file=file, width=width, height=height, force_terminal=True, color_system=None).print(what)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_all_is_shown_where_there_is_room() -> None:
    assert shown(Fitted([[students(3)], [Text("the end")]])) == [
        "name        size  quality",
        "student 1  1,000      1.5",
        "student 2  2,000      2.5",
        "student 3  3,000      3.5",
        "",
        "the end",
    ]


def test_rows_without_room_are_counted() -> None:
    lines = shown(Fitted([[students(30)], [Text("the end")]]), height=8)
    names = [line.partition("  ")[0] for line in lines[1:]]
    assert names == ["student 1", "student 2", "student 3", "and 27 more", "", "the end"]


def test_empty_lines_go_before_the_last_rows() -> None:
    lines = shown(Fitted([[students(30)], [Text("the end")]]), height=7)
    assert lines[-2:] == ["and 27 more", "the end"]
    assert len(lines) == 6


def test_listings_share_what_room_there_is() -> None:
    lines = shown(Fitted([[students(30)], [students(2)], [students(30)]]), height=20)
    assert len(lines) == 19
    counted = [line for line in lines if line.startswith("and")]
    assert counted == ["and 25 more", "and 25 more"]


def test_of_a_long_front_the_first_and_the_last_are_shown() -> None:
    lines = shown(Fitted([[students(30, choose=spread, most=4)]]))
    assert [line.split()[1] for line in lines[1:]] == ["1", "11", "20", "30", "26"]


@pytest.mark.parametrize("height", range(2, 40))
def test_it_is_never_taller_than_the_terminal_and_says_what_it_leaves_out(height: int) -> None:
    lines = shown(Fitted([[students(12)], [Text("a sentence " * 20)], [students(5), Text("x")]]), height=height)
    assert len(lines) < height
    assert "no room for" in "".join(lines) or " more" in "".join(lines) or len(lines) == 25


def test_where_there_is_nothing_it_says_so() -> None:
    assert shown(whole([[students(0)]])) == shown(Fitted([[students(0)]])) == ["students: none yet"]


@pytest.mark.parametrize(
    ("width", "expected"),
    [(30, "student 1  1,000      1.5"), (20, "student 1      1.5"), (12, "st…      1.5")],
)
def test_columns_that_tell_least_go_first_and_a_number_is_never_cut(width: int, expected: str) -> None:
    assert shown(whole([[students(1, optional=("size",))]]), width=width)[1] == expected


def test_a_log_has_every_row() -> None:
    assert len(shown(whole([[students(100)], [Text("the end")]]))) == 103
