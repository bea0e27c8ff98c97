"""
The store of a sub-command that makes the file if there is none.

Decided here: a file is made for what is to be recorded in it, and not for a call that fails. To
remove it afterwards would not be safe, as another process may have found it meanwhile.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from bankcore.ledger import AccountStore, ReadSet, Snapshot, WriteSet
from bankcore.stores import MemoryStore, SQLiteStore


class _StoreToMake:
    """An empty store, until its first record is written to the file at *path*."""

    def __init__(self, path: str, stack: ExitStack) -> None:
        self._path = path
        self._stack = stack
        self._store: MemoryStore | SQLiteStore = MemoryStore()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # any attribute of the store
        return getattr(self._store, name)

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        if isinstance(self._store, MemoryStore):
            written = decide(Snapshot({}, {}))
            if not written.records:
                return written
            self._store = self._stack.enter_context(SQLiteStore(self._path))
        return self._store.transact(reads, decide)


@contextmanager
def opened_or_made(path: str) -> Iterator[AccountStore]:
    """Open the store at *path*; if there is none, the first record that is written makes it."""
    with ExitStack() as stack:
        # An empty file is not yet a store.
        if os.path.exists(path) and (not os.path.isfile(path) or os.path.getsize(path) > 0):
            yield stack.enter_context(SQLiteStore(path))
        else:
            yield cast("AccountStore", _StoreToMake(path, stack))


def make(path: str) -> None:
    """Make the store at *path* if nothing that was recorded has made it."""
    SQLiteStore(path).close()
