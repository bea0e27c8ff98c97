"""
Tables, facts and progress, as a person sees them; JSON, for programs.

Decided here: `rich` draws tables and progress if it is installed and the stream is a terminal.
Otherwise both are plain text, with the same content. Numbers stand on the right.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from typing import Final

from bankcore.values._json import json_of

# The columns of amounts and counts.
_NUMBERS: Final = frozenset(
    ("amount", "balance", "held", "available", "overdraft limit", "left", "of", "count")
)
# The least time between two updates of a line of progress, in seconds.
_PROGRESS_EVERY: Final = 0.1


def has_rich() -> bool:
    return find_spec("rich") is not None


def show(
    parsed: argparse.Namespace, document: object, print_text: Callable[..., object], *given: object
) -> None:
    """Print *document* as JSON if the caller asked for that; otherwise call *print_text*."""
    if parsed.json:
        print(as_json(document))
    else:
        print_text(*given)


def as_json(document: object) -> str:
    return json.dumps(document, default=json_of, indent=2, ensure_ascii=False)


def print_facts(*facts: tuple[str, str]) -> None:
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"{name:<{width}}  {value}")


def or_dash(instant: datetime | None) -> str:
    return "-" if instant is None else instant.isoformat()


def print_table(columns: Sequence[str], table_rows: Iterable[Sequence[object]]) -> None:
    rows = [tuple(map(str, row)) for row in table_rows]
    if sys.stdout.isatty() and has_rich():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table()
        for name in columns:
            table.add_column(name, justify="right" if name in _NUMBERS else "left")
        for row in rows:
            # Text, so that rich does not read a description as markup.
            table.add_row(*map(Text, row))
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    align = [str.rjust if name in _NUMBERS else str.ljust for name in columns]
    for line in (columns, *rows):
        cells = (to(text, width) for to, text, width in zip(align, line, widths, strict=True))
        print("  ".join(cells).rstrip())


class Progress:
    """A count of what is done, shown at intervals, of a total that is known by the first."""

    def __init__(self, show_now: Callable[[int, int], object], total: int) -> None:
        self._show_now = show_now
        self._total = total
        self._last = 0.0

    def set_total(self, total: int) -> None:
        self._total = total

    def __call__(self, done: int) -> None:
        now = time.perf_counter()
        if now - self._last >= _PROGRESS_EVERY:
            self._last = now
            self._show_now(done, self._total)


@contextmanager
def progress(what: str, total: int = 0) -> Iterator[Progress]:
    """Yield what shows on a terminal how many of *what* are done, and how long the rest takes."""
    if not sys.stderr.isatty():
        yield Progress(lambda _done, _total: None, total)
    elif has_rich():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bars(*columns, console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task(what, total=None)
            yield Progress(lambda done, of: shown.update(task, completed=done, total=of), total)
    else:
        started = time.perf_counter()

        def show_line(done: int, of: int) -> None:
            left = (time.perf_counter() - started) * (of - done) / max(done, 1)
            text = f"{done:,} of {of:,} {what}, about {left:,.0f} s left"
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

        try:
            yield Progress(show_line, total)
        finally:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
