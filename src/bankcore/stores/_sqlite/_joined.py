"""
The store on a connection that the application owns, so that money and rows commit together.

Decided here: what a unit is inside somebody else's transaction. It is a savepoint, and its
first statement is a write, so that the lock comes before the read. Nothing here begins or
commits a transaction, changes a setting, waits, or tries again: all of that is the
application's. Which tables, rows and statements there are, is shared with `SQLiteStore`.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

from bankcore.ledger import ReadSet, Snapshot, StoreDescription, WriteSet
from bankcore.ledger._errors import SchemaVersionError, StoreMisuseError, StoreUnavailableError
from bankcore.stores._sqlite._errors import primary_code, translated
from bankcore.stores._sqlite._migrations import (
    newest_version,
    one_version,
    require_connection,
    require_newest,
)
from bankcore.stores._sqlite._reads import SQLiteReads
from bankcore.stores._sqlite._rows import snapshot_of, write

_SAVEPOINT: Final = "bankcore_unit"

# It changes no row; but SQLite takes the lock of a writer before it finds that out.
_LOCK: Final = "UPDATE bankcore_schema SET version = version WHERE version < 0"

# The version, a text beside it that is known, and a temporary table that would be taken for one
# of the store's.
_VERSION: Final = (
    "SELECT s.version, m.name,"
    " (SELECT min(name) FROM sqlite_temp_master WHERE name GLOB 'bankcore_*')"
    " FROM bankcore_schema s"
    " JOIN sqlite_master m ON m.type = 'table' AND m.name = 'bankcore_schema'"
)


class JoinedSQLiteStore(SQLiteReads):
    """
    An `AccountStore` in the application's own database, inside its own transaction.

    Each unit is a savepoint of the transaction that is open on *connection*. What was
    booked, and every refusal that was recorded, is final when the application commits, and
    never was if it rolls back. The tables are made by `bankcore.stores.migrate`.

    It belongs to the thread that made it, and may be made anew for each transaction: making
    one costs nothing, and there is nothing to close. The connection's factories and modes
    may be any; they stay as they are.

    Args:
        connection: An open ``sqlite3.Connection``. It stays the application's.

    Raises:
        StoreMisuseError: If it is not one.
    """

    #: `bankcore.Bank` runs no unit again: nothing is final before the application commits.
    in_host_transaction: Final = True

    def __init__(self, connection: sqlite3.Connection) -> None:
        require_connection(connection)
        self._connection = connection
        self._owner = (os.getpid(), threading.get_ident())

    def __repr__(self) -> str:
        return f"JoinedSQLiteStore({self._connection!r})"

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        self._require_owner()
        rows = _Rows(self._connection)
        # All that the shared statements ask of a connection is what `_Rows` has.
        connection = cast(sqlite3.Connection, rows)
        with self._unit(rows):
            with _as_bankcore(self._connection):
                _begin(rows, _LOCK)
                snapshot, known = snapshot_of(connection, reads)
            # Between the two, so that whatever it raises passes unchanged.
            written = decide(snapshot)
            with _as_bankcore(self._connection):
                if written.records:
                    write(connection, snapshot, known, written)
        return written

    def _require_owner(self) -> None:
        if self._owner != (os.getpid(), threading.get_ident()):
            raise StoreMisuseError("it belongs to the thread and process that made it")

    @contextmanager
    def _unit(self, rows: "_Rows") -> Iterator[None]:
        """
        A savepoint, undone if anything in it fails.
        """
        with _as_bankcore(self._connection):
            if not self._connection.in_transaction:
                raise StoreMisuseError(
                    "no transaction is open on the connection; begin one first, best with"
                    " BEGIN IMMEDIATE"
                )
            rows.execute(f"SAVEPOINT {_SAVEPOINT}")
        try:
            yield
            with _as_bankcore(self._connection):
                rows.execute(f"RELEASE {_SAVEPOINT}")
        except BaseException as error:
            self._undo(rows, error)
            raise

    def _undo(self, rows: "_Rows", error: BaseException) -> None:
        """
        Leave the application's transaction as it was before the unit.
        """
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                rows.execute(f"ROLLBACK TO {_SAVEPOINT}")
                rows.execute(f"RELEASE {_SAVEPOINT}")
                return
        # Either SQLite has rolled all of it back, as after a full disk, or the unit cannot be
        # undone alone: then nothing of the transaction may stay, as half a unit must not.
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                rows.execute("ROLLBACK")
        if isinstance(error, StoreUnavailableError):
            error.reason += "; with it the whole transaction of the application was rolled back"

    def describe(self) -> StoreDescription:
        """
        The engine, the settings of the application's connection, and what survives what.
        """
        ((_, _, path), *_) = self._read("PRAGMA database_list", ())
        return self._described(
            ("journal_mode", "synchronous"),
            path or "in memory",
            "what was acknowledged survives what the application's commit survives",
        )

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        self._require_owner()
        rows = _Rows(self._connection)
        with _as_bankcore(self._connection):
            _begin(rows)
            return rows.execute(statement, parameters).fetchall()


class _Rows:
    """
    The connection as the statements of the store need it: with plain rows from its cursors.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        # A cursor made so has no row factory, whatever the connection has.
        return sqlite3.Cursor(self._connection).execute(statement, parameters)

    def executemany(self, statement: str, rows: Sequence[Sequence[object]]) -> sqlite3.Cursor:
        return sqlite3.Cursor(self._connection).executemany(statement, rows)


def _begin(rows: _Rows, *statements: str) -> None:
    """
    Run *statements*, and pass where the tables are there, of the right version, and come as
    they are.
    """
    try:
        for statement in statements:
            rows.execute(statement)
        found = rows.execute(_VERSION).fetchall()
    except sqlite3.OperationalError as error:
        if primary_code(error) == sqlite3.SQLITE_ERROR:  # no such table
            raise SchemaVersionError(0, newest_version()) from error
        raise
    for _, name, hiding in found:
        if type(name) is not str:
            raise _converted("TEXT")
        if hiding is not None:
            raise StoreMisuseError(
                f"a temporary table or view {hiding} of the connection hides the store's own"
            )
    versions = [(version,) for version, *_ in found]
    if any(type(version) is not int for (version,) in versions):
        raise _converted("INTEGER")
    require_newest(one_version(versions))


def _converted(kind: str) -> StoreMisuseError:
    return StoreMisuseError(
        f"the connection converts columns that are declared {kind}; register that converter"
        " under another name, or open the connection without detect_types"
    )


@contextmanager
def _as_bankcore(connection: sqlite3.Connection) -> Iterator[None]:
    """
    Text comes as ``str``, and errors as bankcore's; the application's factory is back after it.
    """
    try:
        factory = connection.text_factory
        connection.text_factory = str
        try:
            yield
        finally:
            connection.text_factory = factory
    except sqlite3.ProgrammingError as error:
        raise StoreMisuseError(f"the connection cannot be used here: {error}") from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise translated(error) from error
