"""
The stores that ship: in memory, SQLite in a file of its own or among your own tables, and
PostgreSQL.

All obey the contract of `bankcore.AccountStore`. Those on PostgreSQL need psycopg, which is loaded
when one of them is first asked for; nothing outside the standard library is needed for the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from bankcore.stores._group import TIMEOUT_MAX
from bankcore.stores._memory import MemoryStore
from bankcore.stores._migrations import include_object
from bankcore.stores._schemas import migrate, schema_sql
from bankcore.stores._sqlite._joined import JoinedSQLiteStore
from bankcore.stores._sqlite._store import SQLiteStore

if TYPE_CHECKING:
    from bankcore.stores._postgres._joined import JoinedPostgresStore
    from bankcore.stores._postgres._store import PostgresStore
else:
    _POSTGRES = {"PostgresStore": "_store", "JoinedPostgresStore": "_joined"}

    def __getattr__(name: str) -> object:
        """Return a store on PostgreSQL, loaded now."""
        if name not in _POSTGRES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"bankcore.stores._postgres.{_POSTGRES[name]}")
        return globals().setdefault(name, getattr(module, name))


__all__ = [
    "TIMEOUT_MAX",
    "JoinedPostgresStore",
    "JoinedSQLiteStore",
    "MemoryStore",
    "PostgresStore",
    "SQLiteStore",
    "include_object",
    "migrate",
    "schema_sql",
]
