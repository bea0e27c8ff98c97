"""
The stores that ship: in memory, and SQLite in a file of its own or among your own tables.

All obey the contract of `bankcore.AccountStore`. Nothing outside the standard library is
needed for any.
"""

from bankcore.stores._memory import MemoryStore
from bankcore.stores._sqlite._connections import TIMEOUT_MAX
from bankcore.stores._sqlite._joined import JoinedSQLiteStore
from bankcore.stores._sqlite._migrations import include_object, migrate, schema_sql
from bankcore.stores._sqlite._store import SQLiteStore

__all__ = [
    "TIMEOUT_MAX",
    "JoinedSQLiteStore",
    "MemoryStore",
    "SQLiteStore",
    "include_object",
    "migrate",
    "schema_sql",
]
