"""
Tables, facts and progress, as a person sees them.

Decided here: `rich` draws tables and progress if it is installed and the stream is a terminal.
Otherwise both are plain text, with the same content.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.util import find_spec
from typing import Final

# The least time between two updates of a line of progress, in seconds.
_PROGRESS_EVERY: Final = 0.1


def has_rich() -> bool:
    return find_spec("rich") is not None


def print_facts(*facts: tuple[str, str]) -> None:
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"{name:<{width}}  {value}")


def or_dash(instant: datetime | None) -> str:
    return "-" if instant is None else instant.isoformat()


def print_table(columns: Sequence[str], cells: Iterable[Sequence[object]]) -> None:
    rows = [tuple(map(str, row)) for row in cells]
    if sys.stdout.isatty() and has_rich():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns)
        for row in rows:
            # Text, so that rich does not read a description as markup.
            table.add_row(*map(Text, row))
        Console().print(table)
        return
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for line in (columns, *rows):
        print("  ".join(map(str.ljust, line, widths)).rstrip())


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows on a terminal how many of *what* are done."""
    if not sys.stderr.isatty():
        yield lambda _: None
    elif has_rich():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task(what, total=total)
            yield _at_intervals(lambda done: shown.update(task, completed=done))
    else:
        of = "" if total is None else f" of {total:,}"
        try:
            yield _at_intervals(
                lambda done: print(f"\r{done:,}{of} {what}", end="", file=sys.stderr, flush=True)
            )
        finally:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _at_intervals(show: Callable[[int], None]) -> Callable[[int], None]:
    last = 0.0

    def show_if_due(done: int) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last >= _PROGRESS_EVERY:
            last = now
            show(done)

    return show_if_due
