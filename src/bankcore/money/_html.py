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
    style, text = "overflow-wrap:anywhere", str(value)
    if isinstance(value, Money):
        style, text = "text-align:right;white-space:nowrap", f"{value:,}"
    elif isinstance(value, datetime):
        style, text = "white-space:nowrap", f"{value:%Y-%m-%d %H:%M}"
    return f'<td style="{style}">{escaped(text)}</td>'
