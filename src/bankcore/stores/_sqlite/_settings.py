"""
The settings of the store's own connections.

Decided here: the two journal modes and the two degrees of flushing that a store may have. All four
combinations keep what was acknowledged through a power cut. Each setting is set and read back, as
the defaults differ between builds of SQLite.
"""

import sqlite3
import sys
from collections.abc import Callable, Mapping
from typing import Final, Literal

from bankcore.ledger._errors import StoreMisuseError, StoreUnavailableError
from bankcore.stores._sqlite._errors import primary_code

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
    # In memory: where an INSERT of many rows must be able to be undone alone (foreign keys),
    # SQLite copies the pages that it touches, and to a file that would take longer than the rest.
    "temp_store": 2,
    "journal_size_limit": 64 * 1024 * 1024,
    **({"fullfsync": 1, "checkpoint_fullfsync": 1} if sys.platform == "darwin" else {}),
}
SETTINGS: Final = ("journal_mode", "synchronous", *_SETTINGS)


def require_known(journal_mode: object, synchronous: object) -> None:
    if journal_mode is not None and journal_mode not in _JOURNAL_MODES:
        raise StoreMisuseError(
            f"journal_mode must be 'wal', 'truncate' or None, got {journal_mode!r}"
        )
    if synchronous not in tuple(_SYNCHRONOUS):
        raise StoreMisuseError(
            f"synchronous must be 'full' or 'extra', got {synchronous!r}; with anything less a"
            " power cut could take back what was acknowledged"
        )


def configure(
    connection: sqlite3.Connection,
    journal_mode: JournalMode | None,
    synchronous: Synchronous,
    can_lock: Callable[[], bool],
) -> JournalMode:
    """Give *connection* its settings, and return its journal mode."""
    mode = journal_mode
    if mode is None:
        # A file keeps only whether it is in WAL; any that is not can go on with TRUNCATE.
        is_empty = connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        mode = "wal" if is_empty or mode_of(connection) == "wal" else "truncate"
    try:
        # From WAL this needs a moment in which nobody else has the file open.
        connection.execute(f"PRAGMA journal_mode = {mode}").fetchall()
    except sqlite3.OperationalError as error:
        if primary_code(error) != sqlite3.SQLITE_BUSY or not can_lock():
            raise
        raise StoreUnavailableError(
            f"its journal mode cannot become {mode} while others have it open; close it"
            " everywhere else first, or leave journal_mode out to keep the one it has"
        ) from error
    settings = {"synchronous": _SYNCHRONOUS[synchronous], **_SETTINGS}
    for name, value in settings.items():
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
    for name, wanted in {"journal_mode": mode, **settings}.items():
        (found,) = connection.execute(f"PRAGMA {name}").fetchone()
        if found != wanted:
            raise StoreUnavailableError(f"SQLite keeps {name} at {found}, and {wanted} is needed")
    return mode


def mode_of(connection: sqlite3.Connection) -> str:
    (found,) = connection.execute("PRAGMA journal_mode").fetchone()
    return str(found)
