"""
The stores that ship: in memory, and SQLite in one file.

Both obey the contract in `bankcore.store`. Nothing outside the standard library is
needed for either.
"""

from bankcore.stores.memory import MemoryStore
from bankcore.stores.sqlite import SQLiteStore

__all__ = ["MemoryStore", "SQLiteStore"]
