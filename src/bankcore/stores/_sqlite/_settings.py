"""
The settings of a connection that is bankcore's own: which there are, and that SQLite keeps them.

Decided here: the two journal modes and the two degrees of flushing that a store may have. All four
combinations keep what was acknowledged through a power cut; there is none that does not. Each
setting is set and read back, as the defaults differ between builds of SQLite.
"""

import sqlite3
import sys
from collections.abc import Mapping
from typing import Final, Literal

from bankcore.ledger._errors import StoreMisuseError, StoreUnavailableError

JournalMode = Literal["wal", "truncate"]
Synchronous = Literal["full", "extra"]

_JOURNAL_MODES: Final = ("wal", "truncate")
# As SQLite counts them. A commit returns once it is on the disk; with less it may not be.
_SYNCHRONOUS: Final[Mapping[Synchronous, int]] = {"full": 2, "extra": 3}

_SETTINGS: Final[Mapping[str, int]] = {
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "mmap_size": 0,
    "journal_size_limit": 64 * 1024 * 1024,
    **({"fullfsync": 1, "checkpoint_fullfsync": 1} if sys.platform == "darwin" else {}),
}
SETTINGS: Final = ("journal_mode", "synchronous", *_SETTINGS)


def require_known(journal_mode: object, synchronous: object) -> None:
    """
    Passes where both are what a store may have.
    """
    if journal_mode is not None and journal_mode not in _JOURNAL_MODES:
        raise StoreMisuseError(
            f"journal_mode may be 'wal', 'truncate' or None, and not {journal_mode!r}"
        )
    if synchronous not in tuple(_SYNCHRONOUS):
        raise StoreMisuseError(
            f"synchronous may be 'full' or 'extra', and not {synchronous!r}; with anything less"
            " a power cut could take back what was acknowledged"
        )


def configure(
    connection: sqlite3.Connection,
    journal_mode: JournalMode | None,
    synchronous: Synchronous,
) -> JournalMode:
    """
    Give *connection* its settings; the journal mode that it has now.

    Without a *journal_mode* the file keeps its own, and an empty one gets WAL.
    """
    mode = journal_mode or _mode_of_file(connection)
    _set_mode(connection, mode)
    _require(connection, "journal_mode", mode)
    for name, wanted in {"synchronous": _SYNCHRONOUS[synchronous], **_SETTINGS}.items():
        connection.execute(f"PRAGMA {name} = {wanted}").fetchall()
        _require(connection, name, wanted)
    return mode


def mode_of(connection: sqlite3.Connection) -> str:
    """
    The journal mode of *connection*, as SQLite says it.
    """
    (found,) = connection.execute("PRAGMA journal_mode").fetchone()
    return str(found)


def _mode_of_file(connection: sqlite3.Connection) -> JournalMode:
    # Only whether it is WAL is kept in a file; all that is not, TRUNCATE can go on with.
    is_empty = connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    return "wal" if is_empty or mode_of(connection) == "wal" else "truncate"


def _set_mode(connection: sqlite3.Connection, mode: JournalMode) -> None:
    """
    Change the file to *mode*, which from WAL needs a moment in which nobody else has it open.
    """
    try:
        connection.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        raise StoreUnavailableError(
            f"its journal mode cannot become {mode} while others have it open; close it"
            " everywhere else first, or leave journal_mode out to keep the one it has"
        ) from error


def _require(connection: sqlite3.Connection, name: str, wanted: str | int) -> None:
    (found,) = connection.execute(f"PRAGMA {name}").fetchone()
    if found != wanted:
        raise StoreUnavailableError(f"SQLite keeps {name} at {found}, and {wanted} is needed")
