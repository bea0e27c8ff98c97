"""
The stores that ship: in memory, and SQLite in a file of its own or among your own tables.

All obey the contract in `bankcore.store`. Nothing outside the standard library is
needed for any.
"""

from bankcore.stores._sqlite_versions import SQLiteWALWarning
from bankcore.stores.joined import JoinedSQLiteStore
from bankcore.stores.memory import MemoryStore
from bankcore.stores.schema import migrate
from bankcore.stores.sqlite import SQLiteStore

__all__ = ["JoinedSQLiteStore", "MemoryStore", "SQLiteStore", "SQLiteWALWarning", "migrate"]
