"""
The store of a sub-command: a file of SQLite, or a schema in a database of PostgreSQL.

Decided here: which of them the text after ``--store`` names, and that no password in it is shown.
A store is made for what is to be recorded in it, and not for a call that fails. To remove it
afterwards would not be safe, as another process may have found it meanwhile.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, cast
from urllib.parse import unquote

from bankcore import stores
from bankcore.ledger import AccountStore, ReadSet, Snapshot, WriteSet
from bankcore.ledger._errors import SchemaVersionError, StoreUnavailableError
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.stores._tables import OwnTables

_URL: Final = re.compile("postgres(ql)?://")
_OTHER_URL: Final = re.compile("[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# libpq knows no such parameter; it is for the command line.
_SCHEMA: Final = re.compile("(?<=[?&])schema=([^&]*)&?")
# Up to the last @, as a password may have one; or to where a long text was cut, in JSON too.
_PASSWORDS: Final = (
    (re.compile(r"(://[^\s:@/]*):\S*(?:[@…]|\\u2026)"), r"\1@"),
    (re.compile(r"(?<=[?&])((?:ssl)?password=)[^&\s'\"]*"), r"\1"),
)


def require_store_name(text: str) -> str:
    """Return *text* if it names a store; raise `ValueError`, or `ImportError` without psycopg."""
    if _URL.match(text):
        _ = stores.PostgresStore
    elif _OTHER_URL.match(text):
        raise ValueError("must name a file, or a database as postgresql://user@host/database")
    elif text in {"", ":memory:"}:  # SQLite's own name for none
        raise ValueError(f"must name a file, got {text!r}")
    return text


def without_password(text: str) -> str:
    """Return *text* with no password in any URL of it."""
    for pattern, replacement in _PASSWORDS:
        text = pattern.sub(replacement, text)
    return text


def is_file(where: str) -> bool:
    return _URL.match(where) is None


def open_store(where: str, *, create: bool = False) -> OwnTables:
    """Return the store that is there; if there is none, make it, or raise."""
    if is_file(where):
        return SQLiteStore(where, create=create)
    try:
        return _postgres(where, create=create)
    except SchemaVersionError as error:
        if error.found:
            raise
        reason = f"there is no bank in the schema {_schema_of(where)} of that database"
        raise StoreUnavailableError(reason) from None


def _postgres(where: str, *, create: bool) -> OwnTables:
    url = _SCHEMA.sub("", where).rstrip("?&")
    return stores.PostgresStore(url, schema=_schema_of(where), create=create)


def _schema_of(where: str) -> str:
    found = _SCHEMA.search(where)
    return "bankcore" if found is None else unquote(found[1])


class _StoreToMake:
    """An empty store, until its first record is written *where* it is to be made."""

    def __init__(self, where: str, stack: ExitStack) -> None:
        self._where = where
        self._stack = stack
        self._store: MemoryStore | OwnTables = MemoryStore()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # any attribute of the store
        return getattr(self._store, name)

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        if isinstance(self._store, MemoryStore):
            written = decide(Snapshot({}, {}))
            if not written.records:
                return written
            self._store = self._stack.enter_context(open_store(self._where, create=True))
        return self._store.transact(reads, decide)


@contextmanager
def opened_or_made(where: str) -> Iterator[AccountStore]:
    """Open the store that is there; if there is none, the first record to be written makes it."""
    with ExitStack() as stack:
        found = _found(where)
        if found is None:
            yield cast("AccountStore", _StoreToMake(where, stack))
        else:
            yield stack.enter_context(found)


def _found(where: str) -> OwnTables | None:
    if is_file(where):
        # An empty file is not yet a store.
        is_empty = os.path.isfile(where) and os.path.getsize(where) == 0
        return SQLiteStore(where) if os.path.exists(where) and not is_empty else None
    try:
        return _postgres(where, create=False)
    except SchemaVersionError as error:
        if error.found:
            raise
        return None


def make(where: str) -> None:
    """Make the store there, if nothing that was recorded has made it."""
    open_store(where, create=True).close()
