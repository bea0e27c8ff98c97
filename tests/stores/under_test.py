"""
Stores as the kit is given them: with what they claim, and with ways to make them fail.
"""

import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import attrs
import psycopg

from bankcore import AccountStore
from bankcore.errors import OutcomeUnknownError, StoreMisuseError, StoreUnavailableError
from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.stores import (
    JoinedPostgresStore,
    JoinedSQLiteStore,
    MemoryStore,
    PostgresStore,
    SQLiteStore,
    migrate,
)
from bankcore.testing import Capabilities
from postgres_proxy import Cut, Error, Fault, Point, Proxy, Statement

#: All that a store in the tables of an engine claims in one process.
SQL_CLAIMS: Final = Capabilities(
    self_checking=True,
    chained=True,
    holder_index=True,
    finding=True,
    denial_log=True,
    token_store=True,
    outlining=True,
    probing=True,
    describing=True,
)


class SQLiteFiles:
    """
    SQLite stores on files of their own in a directory.
    """

    def __init__(self, directory: Path, *, timeout: float = 30.0) -> None:
        self._directory = directory
        self._numbers = count()
        self._timeout = timeout
        self._path = directory
        self.capabilities = attrs.evolve(SQL_CLAIMS, opener=self.opener, processes=True)

    def make(self) -> SQLiteStore:
        # The last one made is the one that is opened again.
        self._path = self._directory / f"{next(self._numbers)}.db"
        return SQLiteStore(self._path, timeout=self._timeout)

    def opener(self, _: AccountStore) -> Callable[[], AccountStore]:
        return partial(SQLiteStore, self._path)

    @property
    def path(self) -> Path:
        return self._path


class PostgresSchemas:
    """
    PostgreSQL stores in schemas of their own in the database of a *url*.
    """

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self._url = url
        self._numbers = count()
        self._timeout = timeout
        self.schema = ""
        self.capabilities = attrs.evolve(SQL_CLAIMS, opener=self.opener, processes=True)

    def make(self) -> PostgresStore:
        # The last one made is the one that is opened again.
        self.schema = f"bank_{next(self._numbers)}"
        return PostgresStore(self._url, schema=self.schema, timeout=self._timeout)

    def opener(self, _: AccountStore) -> Callable[[], AccountStore]:
        return partial(PostgresStore, self._url, schema=self.schema)


class PlannedConnection(sqlite3.Connection):
    """
    A connection that raises before or after the statements that begin in a certain way.
    """

    plan: tuple[str, str] | None = None

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        self._fail("before", statement)
        cursor = super().execute(statement, *parameters)
        self._fail("after", statement)
        return cursor

    def executemany(self, statement: str, rows: Any) -> sqlite3.Cursor:
        self._fail("before", statement)
        return super().executemany(statement, rows)

    def _fail(self, when: str, statement: str) -> None:
        plan = type(self).plan
        if plan is not None and plan[0] == when and statement.startswith(plan[1]):
            error = sqlite3.OperationalError("as planned")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error


class SQLiteFaults:
    """
    The ways to make a SQLite store fail whose connections are planned ones.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def busy(self) -> Iterator[None]:
        other = sqlite3.connect(self._path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.close()

    @contextmanager
    def _planned(self, when: str, statement: str) -> Iterator[None]:
        PlannedConnection.plan = (when, statement)
        try:
            yield
        finally:
            PlannedConnection.plan = None

    def failing_before_commit(self) -> Any:
        return self._planned("before", "INSERT")

    def losing_commits(self) -> Any:
        return self._planned("before", "COMMIT")

    def losing_answers(self) -> Any:
        return self._planned("after", "COMMIT")


class PostgresFaults:
    """
    The ways to make a PostgreSQL store fail that comes through a *proxy*, to the *schema* of the
    database of a *url*.
    """

    def __init__(self, proxy: Proxy, url: str, schema: str) -> None:
        self._proxy = proxy
        self._url = url
        self._schema = schema

    @contextmanager
    def busy(self) -> Iterator[None]:
        tables = (f"{self._schema}.bankcore_{each}" for each in ("account", "journal", "schema"))
        with psycopg.connect(self._url) as other:
            other.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
            yield
            other.rollback()

    @contextmanager
    def _planned(self, is_meant: Callable[[Statement], bool], fault: Fault) -> Iterator[None]:
        self._proxy.plan = lambda each: fault if is_meant(each) else None
        try:
            yield
        finally:
            self._proxy.plan = None

    def failing_before_commit(self) -> Any:
        # The disk is full when rows are written.
        return self._planned(lambda each: "INSERT INTO" in each.sql, Error("53100"))

    def losing_commits(self) -> Any:
        return self._planned(attrgetter("is_commit"), Cut(Point.BEFORE))

    def losing_answers(self) -> Any:
        return self._planned(attrgetter("is_commit"), Cut(Point.ANSWERED))


class FailingStore(MemoryStore):
    """
    A store in memory that fails as it is told.
    """

    mode: str | None = None

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        if self.mode == "busy":
            raise self.busy_error()
        if self.mode in {"failing_before_commit", "losing_commits"}:
            decide_now = decide

            def decide(snapshot: Snapshot) -> WriteSet:
                decide_now(snapshot)
                raise self.error_of(str(self.mode))

        written = super().transact(reads, decide)
        if self.mode == "losing_answers":
            raise self.error_of(self.mode)
        return written

    def busy_error(self) -> Exception:
        return StoreUnavailableError("as planned")

    def error_of(self, mode: str) -> Exception:
        if mode == "failing_before_commit":
            return StoreUnavailableError("as planned")
        return OutcomeUnknownError("as planned")


class ModeFaults:
    """
    The ways to make a `FailingStore` fail.
    """

    def __init__(self, store: Any) -> None:
        self._store = store

    @contextmanager
    def _mode(self, mode: str) -> Iterator[None]:
        self._store.mode = mode
        try:
            yield
        finally:
            self._store.mode = None

    def busy(self) -> Any:
        return self._mode("busy")

    def failing_before_commit(self) -> Any:
        return self._mode("failing_before_commit")

    def losing_commits(self) -> Any:
        return self._mode("losing_commits")

    def losing_answers(self) -> Any:
        return self._mode("losing_answers")


class HostedMemoryStore(MemoryStore):
    """
    A store in memory that takes part in the transaction of its host.
    """

    in_host_transaction = True
    is_in_transaction = False

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        if not self.is_in_transaction:
            raise StoreMisuseError("no transaction is open on the connection")
        return super().transact(reads, decide)

    def contents(self) -> dict[Any, Any]:
        return dict(self._kept)

    def restore(self, contents: dict[Any, Any]) -> None:
        self._kept = contents
        self._sorted_ids = []


class MemoryHost:
    """
    A database of the application's own, in memory, with a store in it.
    """

    def __init__(self, store_class: type[HostedMemoryStore] = HostedMemoryStore) -> None:
        self._store = store_class()
        self._rows: list[str] = []
        self._saved: tuple[dict[Any, Any], list[str]] = ({}, [])

    @property
    def store(self) -> HostedMemoryStore:
        return self._store

    def begin(self) -> None:
        self._saved = (self._store.contents(), list(self._rows))
        self._store.is_in_transaction = True

    def commit(self) -> None:
        self._store.is_in_transaction = False

    def rollback(self) -> None:
        contents, self._rows = self._saved
        self._store.restore(contents)
        self._store.is_in_transaction = False

    def write_row(self, text: str) -> None:
        self._rows.append(text)

    def rows(self) -> list[str]:
        return list(self._rows)


class SQLHost:
    """
    A database of the application's own, whose connection runs a statement by ``_execute``.
    """

    _execute: Callable[..., Any]

    def begin(self) -> None:
        self._execute("BEGIN")

    def commit(self) -> None:
        self._execute("COMMIT")

    def rollback(self) -> None:
        self._execute("ROLLBACK")

    def rows(self) -> list[str]:
        return [text for (text,) in self._execute("SELECT text FROM row")]


class SQLiteHost(SQLHost):
    """
    A SQLite database of the application's own, with a store on its connection.
    """

    def __init__(self) -> None:
        # Closed by whichever thread drops the last reference.
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, connection.close)
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE row (text TEXT)")
        migrate(connection)
        connection.execute("COMMIT")
        self._execute = connection.execute
        self._store = JoinedSQLiteStore(connection)

    @property
    def store(self) -> JoinedSQLiteStore:
        return self._store

    def write_row(self, text: str) -> None:
        self._execute("INSERT INTO row VALUES (?)", (text,))


class PostgresHost(SQLHost):
    """
    A PostgreSQL database of the application's own, with a store on its connection.
    """

    def __init__(self, url: str, schema: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        # Closed by whichever thread drops the last reference.
        weakref.finalize(self, self._connection.close)
        self._execute = self._connection.execute
        migrate(self._connection, schema=schema)
        self._execute(f"SET search_path = {schema}")
        self._execute("CREATE TABLE row (text TEXT)")
        self._store = JoinedPostgresStore(self._connection, schema=schema)

    @property
    def store(self) -> JoinedPostgresStore:
        return self._store

    def write_row(self, text: str) -> None:
        self._execute("INSERT INTO row VALUES (%s)", (text,))
