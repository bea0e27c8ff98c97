"""
HTML: escaped texts and tables, as a notebook shows them.

Decided here: every text is escaped, wherever it comes from, and amounts stand on the right.
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
    head = "".join(f"<th>{escaped(each)}</th>" for each in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<table><caption style="text-align:left">{escaped(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(value: object) -> str:
    text = f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
    style = "white-space:nowrap" if len(text) <= _SHORT else "overflow-wrap:anywhere"
    if isinstance(value, Money):
        style, text = "text-align:right;white-space:nowrap", f"{value:,}"
    return f'<td style="{style}">{escaped(text)}</td>'
