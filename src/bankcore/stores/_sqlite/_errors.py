"""
What an error of SQLite means for a store.

Decided here: which of SQLite's codes is which of bankcore's errors, and after which of them a
connection is not trusted again.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bankcore.ledger._errors import StoreCorruptedError, StoreMisuseError, StoreUnavailableError
from bankcore.values._errors import BankError

# SQLITE_ERROR is "no such table" or column: the statements themselves are always the same.
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
# After these a connection is not trusted again.
DISTRUSTED: Final = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_PROTOCOL,
}


def primary_code(error: Exception) -> int | None:
    """
    SQLite's own code, without its extension; None for what Python itself raised.
    """
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _said(error: Exception) -> str:
    # Some of its sentences have a full stop of their own.
    return f"SQLite says: {str(error).removesuffix('.')}"


def translated(error: sqlite3.Error | UnicodeDecodeError) -> BankError:
    """
    What *error*, before any commit, means for whoever uses the store.
    """
    # Text that is not UTF-8, in a row or in a message about one: nobody here wrote that.
    if isinstance(error, UnicodeDecodeError):
        return StoreCorruptedError(f"text in it is not UTF-8: {error}")
    code = primary_code(error)
    if code in _DAMAGED or (code is None and isinstance(error, sqlite3.OperationalError)):
        return StoreCorruptedError(_said(error))
    if code == sqlite3.SQLITE_CONSTRAINT:
        return StoreMisuseError(f"what was to be written breaks a rule of the tables: {error}")
    return StoreUnavailableError(_said(error))


@contextmanager
def storage_errors() -> Iterator[None]:
    """
    Turns errors of SQLite and of the operating system, before any commit, into bankcore's.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise translated(error) from error
    except OSError as error:
        raise StoreUnavailableError(f"{error.filename}: {error.strerror}") from error


def roll_back(connection: sqlite3.Connection) -> bool:
    """
    End the transaction with nothing done; whether that went well.
    """
    try:
        # SQLite has rolled back by itself after some errors.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    return True
