"""
The store on a connection that the application owns, so that money and rows commit together.

Decided here: what a unit is inside the application's transaction. It is a savepoint, and its first
statement is a write, so that the lock comes before the read. Nothing here begins or commits a
transaction, changes a setting, waits or tries again: the application does that. Tables, rows and
statements are those of `SQLiteStore`.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from bankcore.ledger import ReadSet, Snapshot, StoreDescription, WriteSet
from bankcore.ledger._errors import SchemaVersionError, StoreMisuseError, StoreUnavailableError
from bankcore.stores._migrations import Pooled, one_version, require_newest
from bankcore.stores._rows import Known, read_unit
from bankcore.stores._sqlite import _migrations
from bankcore.stores._sqlite._errors import (
    STORAGE_ERRORS,
    is_storage,
    primary_code,
    roll_back_to,
    sentence,
    translated,
)
from bankcore.stores._sqlite._statements import fetch, write
from bankcore.stores._sqlite._tables import SQLiteTables

_SAVEPOINT: Final = "bankcore_unit"

_ALL_UNDONE: Final = "; with it the whole transaction of the application was rolled back"

# It changes no row; but SQLite takes the lock of a writer before it finds that out.
_LOCK: Final = "UPDATE bankcore_schema SET version = version WHERE version < 0"

# The version, a text that is known, and a temporary table that would be taken for one of the
# store's.
_VERSION: Final = (
    "SELECT s.version, m.name,"
    " (SELECT min(name) FROM sqlite_temp_master WHERE name GLOB 'bankcore_*')"
    " FROM bankcore_schema s"
    " JOIN sqlite_master m ON m.type = 'table' AND m.name = 'bankcore_schema'"
)


class JoinedSQLiteStore(SQLiteTables):
    """
    An `AccountStore` in the application's own database, inside its own transaction.

    Each unit is a savepoint of the transaction that is open on *connection*. What was
    booked, and every refusal that was recorded, is final when the application commits, and
    is undone if it rolls back. The tables are made by `bankcore.stores.migrate`.

    It belongs to the thread that made it, and may be made anew for each transaction: making one
    costs nothing, and there is nothing to close. The connection's factories and modes stay.

    Args:
        connection: An open ``sqlite3.Connection``, or SQLAlchemy's ``connection.connection``. It
            stays the application's.

    Raises:
        StoreMisuseError: If it is not one.
    """

    #: `bankcore.Bank` retries no unit: nothing is final before the application commits.
    in_host_transaction: Final = True

    def __init__(self, connection: sqlite3.Connection | Pooled) -> None:
        self._connection = _migrations.usable(connection)
        self._owner = (os.getpid(), threading.get_ident())

    def __repr__(self) -> str:
        return f"JoinedSQLiteStore({self._connection!r})"

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        cursor = self._cursor()
        with _translated(self._connection):
            if not self._connection.in_transaction:
                raise StoreMisuseError(
                    "no transaction is open on the connection; begin one first, best with"
                    " BEGIN IMMEDIATE"
                )
            cursor.execute(f"SAVEPOINT {_SAVEPOINT}")
        try:
            with _translated(self._connection):
                _begin(cursor, _LOCK)
                known = Known.nothing()
                snapshot = read_unit(cursor, fetch, reads, known)
            # Between the two, so that whatever it raises passes unchanged.
            written = decide(snapshot)
            with _translated(self._connection):
                if written.records:
                    write(cursor, known, written)
                cursor.execute(f"RELEASE {_SAVEPOINT}")
        except BaseException as error:
            undone = roll_back_to(_SAVEPOINT, self._connection, cursor.execute)
            if not undone and isinstance(error, StoreUnavailableError):
                error.reason += _ALL_UNDONE
            raise
        return written

    def describe(self) -> StoreDescription:
        """Return the engine, the settings of your connection, and what it survives."""
        ((_, _, path), *_) = self._read("PRAGMA database_list", ())
        return self._described(
            ("journal_mode", "synchronous"),
            path or "in memory",
            "what was acknowledged survives what the application's commit survives",
        )

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        cursor = self._cursor()
        with _translated(self._connection):
            _begin(cursor)
            return cursor.execute(statement, parameters).fetchall()

    def _cursor(self) -> sqlite3.Cursor:
        if self._owner != (os.getpid(), threading.get_ident()):
            raise StoreMisuseError(
                "it belongs to the thread and process that made it; make one for each"
            )
        # A cursor made so has no row factory, whatever the connection has.
        with _translated(self._connection):
            return sqlite3.Cursor(self._connection)


def _begin(cursor: sqlite3.Cursor, *statements: str) -> None:
    """Run *statements*, and raise unless the connection shows the store's tables as they are."""
    try:
        for statement in statements:
            cursor.execute(statement)
        found = cursor.execute(_VERSION).fetchall()
    except sqlite3.OperationalError as error:
        if primary_code(error) == sqlite3.SQLITE_ERROR:  # no such table
            raise SchemaVersionError(0, _migrations.newest_version()) from error
        raise
    for version, name, hiding in found:
        for value, kind, declared in ((name, str, "TEXT"), (version, int, "INTEGER")):
            if type(value) is not kind:
                raise StoreMisuseError(
                    f"the connection converts columns that are declared {declared}; register that"
                    " converter under another name, or open the connection without detect_types"
                )
        if hiding is not None:
            raise StoreMisuseError(
                f"a temporary table or view {hiding} of the connection hides the store's own;"
                " drop it"
            )
    require_newest(one_version([(version,) for version, *_ in found]), _migrations.STEPS)


@contextmanager
def _translated(connection: sqlite3.Connection) -> Iterator[None]:
    """Read text as ``str``, and raise bankcore's errors; then restore the text factory."""
    try:
        factory = connection.text_factory
        connection.text_factory = str
        try:
            yield
        finally:
            connection.text_factory = factory
    except sqlite3.ProgrammingError as error:
        raise StoreMisuseError(f"the connection cannot be used here: {sentence(error)}") from error
    except STORAGE_ERRORS as error:
        if not is_storage(error):
            raise
        raise translated(error) from error
