"""
The stores that ship, for tests of what holds on all of them: each new and empty.

A test that takes the fixture `store` runs on each. One that needs several of a kind, or a new one
for each example of a property, takes `make_store`, which makes one for as long as a context lasts.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bankcore.stores import MemoryStore, SQLiteStore

# The stores have more than the contract, and tests use it.
MakeStore = Callable[[], AbstractContextManager[Any]]


@contextmanager
def memory_store() -> Iterator[MemoryStore]:
    yield MemoryStore()


@contextmanager
def sqlite_store() -> Iterator[SQLiteStore]:
    with TemporaryDirectory() as folder, SQLiteStore(Path(folder) / "bank.db") as store:
        yield store


#: By the name of the kind.
MAKERS: Final[dict[str, MakeStore]] = {"memory": memory_store, "sqlite": sqlite_store}
