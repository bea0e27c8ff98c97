"""
Tables, facts and progress, as a person sees them; JSON, for programs.

Decided here: `rich` draws tables and progress if it is installed and the stream is a terminal.
Otherwise both are plain text, with the same content. Numbers stand on the right, and are never cut
or broken: a table that is too wide for the terminal is shown as a list.
"""

import argparse
import json
import shutil
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
# A text of more characters than these, two lines of a generated id, may be broken in a table.
_UNBROKEN: Final = 18
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
    # ASCII: the same document whatever the encoding of a stream.
    return json.dumps(document, default=json_of, indent=2)


def print_facts(*facts: tuple[str, str]) -> None:
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"{name:<{width}}  {value}")


def or_dash(instant: datetime | None) -> str:
    return "-" if instant is None else instant.isoformat()


def print_table(columns: Sequence[str], table_rows: Iterable[Sequence[object]]) -> None:
    rows = [tuple(map(str, row)) for row in table_rows]
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    to_person = sys.stdout.isatty()
    drawn = to_person and has_rich()
    if (
        to_person
        and _least_width(columns, widths, drawn=drawn) > shutil.get_terminal_size().columns
    ):
        _print_as_list(columns, rows)
    elif drawn:
        _draw_table(columns, rows)
    else:
        align = [str.rjust if name in _NUMBERS else str.ljust for name in columns]
        for line in (columns, *rows):
            cells = (to(text, width) for to, text, width in zip(align, line, widths, strict=True))
            print("  ".join(cells).rstrip())


def _least_width(columns: Sequence[str], widths: Sequence[int], *, drawn: bool) -> int:
    """Return how wide a terminal must be for a table of columns of these *widths*."""
    if not drawn:
        return sum(widths) + 2 * (len(widths) - 1)
    least = (
        width if name in _NUMBERS else min(width, _UNBROKEN)
        for name, width in zip(columns, widths, strict=True)
    )
    return sum(least) + 3 * len(widths) + 1


def _draw_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name in columns:
        if name in _NUMBERS:
            table.add_column(name, justify="right", no_wrap=True)
        else:
            table.add_column(name, overflow="fold")
    for row in rows:
        # Text, so that rich does not read a description as markup.
        table.add_row(*map(Text, row))
    Console().print(table)


def _print_as_list(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        # A table would show its heads.
        print("none")
    for row in rows:
        print_facts(*((name, text) for name, text in zip(columns, row, strict=True) if text))
        print()


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
