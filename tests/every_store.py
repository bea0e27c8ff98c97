"""
The stores that ship, for tests of what holds on all of them: each new and empty.

A test that takes the fixture `store` runs on each. One that needs several of a kind, or a new one
for each example of a property, takes `make_store`, which makes one for as long as a context lasts.
Where other processes open the same contents, or they are opened again, a test takes `place`, or
`make_place`: the text by which `opened` finds them, a path or a URL of PostgreSQL.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import servers
from bankcore.stores import MemoryStore, PostgresStore, SQLiteStore

# The stores have more than the contract, and tests use it.
MakeStore = Callable[[], AbstractContextManager[Any]]
MakePlace = Callable[[], AbstractContextManager[str]]

POSTGRES: Final = "postgres-"


@contextmanager
def place_of(kind: str) -> Iterator[str]:
    """
    Give a place in which there is no store yet: for *kind* "sqlite", or "postgres-" and a version.
    """
    if kind.startswith(POSTGRES):
        with servers.database(servers.running(kind.removeprefix(POSTGRES))) as url:
            yield url
    else:
        with TemporaryDirectory() as folder:
            yield str(Path(folder) / "bank.db")


def opened(place: str) -> SQLiteStore | PostgresStore:
    """
    Open the store at *place*, or make it.
    """
    return PostgresStore(place) if servers.is_url(place) else SQLiteStore(place)


@contextmanager
def store_of(kind: str) -> Iterator[Any]:
    if kind == "memory":
        yield MemoryStore()
    else:
        with place_of(kind) as place, opened(place) as store:
            yield store


def memory_store() -> AbstractContextManager[Any]:
    return store_of("memory")
