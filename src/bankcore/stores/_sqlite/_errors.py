"""
SQLite's errors as bankcore's.

Decided here: which of SQLite's codes is which of bankcore's errors, and after which of them a
connection is not used again.
"""

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final

from bankcore.ledger._errors import StoreCorruptedError, StoreMisuseError, StoreUnavailableError
from bankcore.values._errors import BankError

_UNSOUND: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# SQLITE_ERROR is "no such table" or column: the statements themselves are always the same.
_DAMAGE: Final = _UNSOUND | {sqlite3.SQLITE_ERROR}
#: After one of these a connection is closed, and the file checked before the next write.
DISTRUSTED: Final = _UNSOUND | {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_PROTOCOL}

#: What using a file can raise. Text that is not UTF-8 may be in a row or in a message about one,
#: and a damaged file may have a largest number after which there is no next one.
STORAGE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError, OverflowError, OSError)

_OUT_OF_DESCRIPTORS: Final = (errno.EMFILE, errno.ENFILE)


def is_storage(error: BaseException) -> bool:
    """Return False for an ``OSError`` that is not the system's, such as an own `TimeoutError`."""
    if isinstance(error, OSError):
        return error.errno is not None
    return isinstance(error, STORAGE_ERRORS)


def primary_code(error: BaseException) -> int | None:
    """Return SQLite's code without its extension, or None if Python itself raised *error*."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def translated(error: Exception) -> BankError:
    """Return bankcore's error for *error*, which came before any commit."""
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return StoreUnavailableError(f"{where}{error.strerror}")
    if isinstance(error, UnicodeDecodeError):
        return StoreCorruptedError(f"it has text that is not UTF-8: {error}")
    if isinstance(error, OverflowError):
        reason = f"its newest key, place or version is the last there can be: {error}"
        return StoreCorruptedError(reason)
    code = primary_code(error)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return StoreMisuseError(
            f"the rows to be written break a constraint of the tables: {sentence(error)}"
        )
    if code == sqlite3.SQLITE_CANTOPEN and _is_out_of_descriptors():
        return StoreUnavailableError(
            "too many files are open in this process; close some, or raise its limit (ulimit -n)"
        )
    is_damage = code in _DAMAGE or (code is None and isinstance(error, sqlite3.OperationalError))
    kind = StoreCorruptedError if is_damage else StoreUnavailableError
    return kind(f"SQLite says: {sentence(error)}")


def sentence(error: Exception) -> str:
    """Return what SQLite or Python says, without the full stop that some of it has."""
    return str(error).removesuffix(".")


def _is_out_of_descriptors() -> bool:
    # SQLite does not tell why it could not open a file. It needs the file, its log and its index.
    with ExitStack() as opened:
        try:
            for _ in range(3):
                opened.enter_context(open(os.devnull, "rb", buffering=0))
        except OSError as error:
            return error.errno in _OUT_OF_DESCRIPTORS
    return False


def roll_back(connection: sqlite3.Connection) -> bool:
    """Undo the open transaction, if there is one; return False if that failed."""
    try:
        # SQLite has rolled back by itself after some errors.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    return True


def roll_back_to(
    savepoint: str, connection: sqlite3.Connection, execute: Callable[[str], object]
) -> bool:
    """Undo the savepoint; if that fails, undo the whole transaction, and return False."""
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            execute(f"ROLLBACK TO {savepoint}")
            execute(f"RELEASE {savepoint}")
            return True
    # Either SQLite has rolled all of it back, as after a full disk, or the savepoint cannot be
    # undone alone: then nothing of the transaction may stay, as half of the work must not.
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            execute("ROLLBACK")
    return False
