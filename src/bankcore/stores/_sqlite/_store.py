"""
The store in one SQLite file: the embedded default.

Decided here: how a unit uses `Connections`.
"""

import os
import sqlite3
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from bankcore.commands._base import to_flag
from bankcore.ledger import ReadSet, Snapshot, StoreDescription, WriteSet
from bankcore.ledger._errors import StoreMisuseError
from bankcore.stores import _rows
from bankcore.stores._sqlite import _statements as sql
from bankcore.stores._sqlite._connections import Connections
from bankcore.stores._sqlite._errors import STORAGE_ERRORS
from bankcore.stores._sqlite._file import write_copy
from bankcore.stores._sqlite._settings import SETTINGS, JournalMode, Synchronous
from bankcore.stores._sqlite._tables import SQLiteTables
from bankcore.stores._tables import OwnTables
from bankcore.values._errors import naming, path_text, shown


class SQLiteStore(OwnTables, SQLiteTables):
    """
    An `AccountStore` in the SQLite file at *path*, made if there is none.

    Durable: what was acknowledged survives the end of the process, and of the machine
    if its disk obeys a flush. Safe to use from several threads and processes of one
    machine, on a local file system.

    Args:
        path: The file. Beside it SQLite keeps ``-wal`` and ``-shm``, and bankcore
            ``.lock``: the four belong together.
        timeout: How many seconds to wait for others before giving up, from 0 to 86,400.
        create: Whether to make the file if there is none.
        journal_mode: ``"wal"``, in which readers and the writer do not wait for each other, or
            ``"truncate"``, in which a commit waits for all readers, and which does not have the
            bug in SQLite's WAL that `describe` warns of. Without one the file keeps its own, and
            a new one gets WAL. A file in WAL can be changed only while nobody else has it open.
        synchronous: ``"full"`` or ``"extra"``, as SQLite names them: a commit returns once it is
            on the disk. There is nothing less.

    Raises:
        StoreFormatError: If the path is not a bankcore store. It is left untouched.
        SchemaVersionError: If a newer bankcore wrote it.
        StoreUnavailableError: If it cannot be opened for writing, or not in that mode.
        StoreMisuseError: If there is no such mode, or *timeout* is out of bounds.
        InvalidArgumentError: If *path* is no path.
        InvalidFlagError: If *create* is neither True nor False.
    """

    def __init__(
        self,
        path: str | bytes | os.PathLike[str],
        *,
        timeout: float = 30.0,
        create: bool = True,
        journal_mode: JournalMode | None = None,
        synchronous: Synchronous = "full",
    ) -> None:
        create = naming("create", to_flag, create)
        self._connections = Connections(
            path, timeout, journal_mode, synchronous, _transact, create=create
        )
        weakref.finalize(self, self._connections.close_unused)

    def __repr__(self) -> str:
        return f"SQLiteStore({self._connections.path!r})"

    def close(self) -> None:
        """
        Close all that is open, once the unit and the reads that are under way have ended.

        Closing twice is allowed.

        Raises:
            StoreUnavailableError: If others kept it busy for too long. Close it again.
        """
        self._connections.close()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        return self._connections.groups.transact(reads, decide)

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        return self._connections.read(statement, parameters)

    def backup(self, path: str | bytes | os.PathLike[str]) -> None:
        """
        Write a copy of the whole store to *path*, while it is in use.

        The copy is of one moment, and nobody waits for it. It appears at *path* only when all
        of it is on the disk, readable by its owner alone. Open it like any store.

        Raises:
            StoreMisuseError: If there is something at *path*, or what would be taken for a part
                of the copy beside it. It is left as it is.
            StoreUnavailableError: If the copy cannot be written. None appears.
            InvalidArgumentError: If *path* is no path.
        """
        target = path_text(path)
        if "\0" in target or target in {"", ":memory:"}:
            raise StoreMisuseError(f"{shown(target)} names no file for a copy")
        copied_to = os.path.abspath(target)
        self._connections.reading(lambda sqlite: write_copy(sqlite, copied_to))

    def describe(self) -> StoreDescription:
        """Return the engine, its settings on a connection of the store, and what it survives."""
        return self._described(
            SETTINGS,
            self._connections.path,
            "what was acknowledged survives the end of the process, and a power loss if the disk"
            " obeys a flush",
        )

    def probe(self) -> None:
        """Write the header of the file as it is: durable, and it changes nothing."""

        def work(sqlite: sqlite3.Connection) -> None:
            # Unlike a row that is written as it was, this is written for certain.
            ((version,),) = sqlite.execute("PRAGMA user_version").fetchall()
            sqlite.execute(f"PRAGMA user_version = {version}")

        self._connections.write(work)

    def _write_apart(self, *statements: tuple[str, Sequence[object]]) -> int:
        """Run *statements* in a unit of their own; return how many rows the first one changed."""

        def work(sqlite: sqlite3.Connection) -> int:
            first, *_ = [sqlite.execute(*each).rowcount for each in statements]
            return first

        return self._connections.write(work)


def _transact(
    connections: Connections, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]
) -> WriteSet:
    is_deciding = False
    try:
        sqlite = connections.begin()
        known = connections.known
        snapshot = _rows.read_unit(sqlite, sql.fetch, reads, known)
        is_deciding = True
        written = decide(snapshot)
        is_deciding = False
        if written.records:
            sql.write(sqlite, known, written)
            connections.commit(sqlite)
            known.committed(written.accounts)
        connections.end(sqlite)
    except STORAGE_ERRORS as error:
        if is_deciding:  # whatever that raises passes unchanged
            raise
        connections.raise_told(error)
    return written
