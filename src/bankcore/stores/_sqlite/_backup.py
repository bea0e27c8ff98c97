"""
A copy of a database that is in use.

Decided here: the copy is made by SQLite, under another name, and gets its own name only when
all of it is on the disk; what is there already is never overwritten.
"""

import os
import sqlite3
import tempfile
from contextlib import closing, suppress

from bankcore.ledger._errors import StoreMisuseError, StoreUnavailableError
from bankcore.stores._sqlite._settings import mode_of


def write_copy(connection: sqlite3.Connection, target: str) -> None:
    """Write a copy of the database, as it is at one moment, to *target*."""
    for suffix in ("", "-wal", "-shm", "-journal"):  # SQLite would take them for parts of it
        if os.path.lexists(target + suffix):
            raise _exists(target + suffix)
    directory, name = os.path.split(target)
    if not os.path.isdir(directory):
        raise StoreUnavailableError(f"there is no directory {directory} for a copy")
    descriptor, part = tempfile.mkstemp(prefix=f"{name}.", suffix=".part", dir=directory)
    os.close(descriptor)
    try:
        connection.execute("VACUUM INTO ?", (part,))
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            # SQLite makes every copy without WAL.
            copy.execute(f"PRAGMA journal_mode = {mode_of(connection)}").fetchall()
        _flush(part)
        # Unlike a renaming, this fails where something has appeared there meanwhile.
        os.link(part, target)
        _flush(directory)
    except FileExistsError as error:
        raise _exists(target) from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(part)


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(path: str) -> StoreMisuseError:
    return StoreMisuseError(f"{path} is there already, and a backup overwrites nothing")
