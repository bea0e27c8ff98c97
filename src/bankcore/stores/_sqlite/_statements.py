"""
The SQL statements on the tables of SQLite.

Decided here: how a unit finds rows by many ids, and writes many. Its statements run in a
transaction that the caller began, on the store's own connection or on the application's.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

from bankcore.ledger import WriteSet
from bankcore.ledger._errors import StoreCorruptedError
from bankcore.stores import _rows
from bankcore.stores._statements import BY_IDS, statement_of

# How many ids one SELECT asks for; SQLite's oldest limit is 999 parameters.
_IDS_PER_SELECT: Final = 500

# How many rows one INSERT writes where there are so many: each then takes two thirds of the time.
# With ten columns, that is far from the limit of 32,766 parameters.
_ROWS_PER_INSERT: Final = (200, 50)


# The application's connection is used by a cursor, which has the same two methods.
Executor = sqlite3.Connection | sqlite3.Cursor


def _insert_of(change: _rows.Change, rows: int) -> str:
    """Return the INSERT of so many *rows*."""
    # One that fails may leave some of them, as its whole unit is undone; to undo it alone, SQLite
    # would first copy every page that it touches.
    columns = change.written.split()
    marks = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    table = f"bankcore_{change.table}"
    return f"INSERT OR FAIL INTO {table} ({', '.join(columns)}) VALUES {marks}"


# For each change: the statement for one row, and the INSERTs for many.
_WRITES: Final = {
    name: (
        statement_of(change),
        [] if change.found_by else [(n, _insert_of(change, n)) for n in _ROWS_PER_INSERT],
    )
    for name, change in _rows.CHANGES.items()
}
_LAST: Final = (
    "SELECT (SELECT coalesce(max(place), 0) FROM bankcore_journal),"
    " (SELECT coalesce(max(key), 0) FROM bankcore_account)"
)


def fetch(connection: Executor, row: type[Any], ids: Sequence[str], /) -> list[Any]:
    """Return the rows of this class whose account, record or original is one of *ids*."""
    select, column, order = BY_IDS[row]
    found: list[Any] = []
    for start in range(0, len(ids), _IDS_PER_SELECT):
        part = ids[start : start + _IDS_PER_SELECT]
        marks = ",".join("?" * len(part))
        sql = f"{select} WHERE {column} IN ({marks}) ORDER BY {order}"
        found += map(row._make, connection.execute(sql, part))
    return found


def write(connection: Executor, known: _rows.Known, written: WriteSet) -> None:
    """Write all of *written* within the open transaction."""
    if not known.last:
        # The writer is alone, so the next places and keys are simply the next numbers.
        known.last[:] = connection.execute(_LAST).fetchone()
    found = _rows.unit_rows(written, known)
    for name, (sql, inserts) in _WRITES.items():
        part = found.get(name)
        if not part:
            continue
        for size, insert in inserts:
            # Most units have one row for each table.
            if len(part) >= size:
                whole = len(part) - len(part) % size
                for start in range(0, whole, size):
                    rows = part[start : start + size]
                    connection.execute(insert, tuple(chain.from_iterable(rows)))
                part = part[whole:]
        count = connection.executemany(sql, part).rowcount
        if name == "accounts" and count != len(part):
            raise StoreCorruptedError(
                f"{len(part) - count} of {len(part)} accounts changed under the lock that"
                " guards them"
            )
