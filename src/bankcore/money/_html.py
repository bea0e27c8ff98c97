"""
HTML: escaped texts and tables, as a notebook shows them.

Decided here: every text is escaped, wherever it comes from; texts stand on the left, amounts and
counts on the right, and so do their heads.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from bankcore.money._money import Money

_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
)

# A text of at most this many characters is not broken.
_SHORT: Final = 20


def escaped(value: object) -> str:
    """Return the text of *value* for HTML, also within quotes."""
    return str(value).translate(_ESCAPES)


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table for a notebook, which has a style of its own for tables."""
    lines = list(rows)
    head = "".join(
        f'<th style="text-align:{_side(cells)}">{escaped(name)}</th>'
        for name, *cells in zip(columns, *lines, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in lines)
    return (
        f'<table><caption style="text-align:left">{escaped(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _side(cells: Iterable[object]) -> str:
    return "right" if any(isinstance(each, Money | int) for each in cells) else "left"


def _cell(value: object) -> str:
    match value:
        case datetime():
            text = f"{value:%Y-%m-%d %H:%M}"
        case Money():
            text = f"{value:,}"
        case _:
            text = str(value)
    whole = isinstance(value, Money) or len(text) <= _SHORT
    broken = "white-space:nowrap" if whole else "overflow-wrap:anywhere"
    return f'<td style="text-align:{_side([value])};{broken}">{escaped(text)}</td>'
