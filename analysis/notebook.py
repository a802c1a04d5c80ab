"""This module shows values in a notebook: small HTML tables without a color of their own, legible on any background."""

from collections.abc import Sequence
from html import escape

MOST_ROWS = 20  # of a table: a notebook keeps what it showed
_TABLE = "border-collapse:collapse;color:inherit;font-size:inherit;margin:.6em 0;font-variant-numeric:tabular-nums"
_RULE = "border-bottom:1px solid currentColor"


def html_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    """Returns a table whose first `texts` columns are at the left, the others, of numbers, at the right.

    Rows beyond MOST_ROWS are counted.
    """
    others = len(rows) - MOST_ROWS
    body = "".join(f"<tr>{_cells('td', row, texts=texts)}</tr>" for row in rows[:MOST_ROWS])
    head = f'<thead style="{_RULE}"><tr>{_cells("th", headings, texts=texts)}</tr></thead>' if headings else ""
    table = f'<table style="{_TABLE}">{head}<tbody>{body}</tbody></table>'
    return table + (html_paragraph(f"and {others} more") if others > 0 else "")


def html_paragraph(text: str) -> str:
    """Returns a sentence or several, no wider than can be read."""
    return f'<p style="max-width:46em">{escape(text)}</p>' if text else ""


def _cells(tag: str, cells: Sequence[str], *, texts: int) -> str:
    sides = ("left" if place < texts else "right" for place in range(len(cells)))
    return "".join(
        f'<{tag} style="text-align:{side};padding:.2em .7em">{escape(cell)}</{tag}>'
        for side, cell in zip(sides, cells, strict=True)
    )
