"""
Money and rows commit or vanish together through SQLAlchemy and through Django.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import django
import pytest
import sqlalchemy
import sqlalchemy.orm
from django.conf import settings
from django.db import connections, transaction
from django.utils.functional import empty

from bankcore import Bank, Money
from bankcore.errors import InsufficientFundsError, StoreUnavailableError
from bankcore.ledger import verify
from bankcore.stores import JoinedSQLiteStore, migrate

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def eur(amount: int) -> Money:
    return Money(amount, "EUR")


def bank_on(connection: Any) -> Bank:
    return Bank(JoinedSQLiteStore(connection), clock=lambda: NOW)


@attrs.define
class Work:
    """
    One open transaction of an application: its connection, its rows, its savepoints.
    """

    connection: Callable[[], Any]
    write_row: Callable[[], object]
    savepoint: Callable[[], AbstractContextManager[object]]

    @property
    def bank(self) -> Bank:
        return bank_on(self.connection())


Application = Callable[[], AbstractContextManager[Work]]

_INSERT = "INSERT INTO invoice VALUES ('i-1')"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    A database of the application with a table of its own, and an account of 100 euros.
    """
    made = tmp_path / "shop.db"
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE invoice (id TEXT)")
        migrate(connection)
        bank_on(connection).open_account("alice", initial_balance=eur(100))
        connection.execute("COMMIT")
    return made


@contextmanager
def _engine(path: Path) -> Iterator[sqlalchemy.Engine]:
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", connect_args={"timeout": 0})

    @sqlalchemy.event.listens_for(engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @sqlalchemy.event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    yield engine
    engine.dispose()


@contextmanager
def _core(path: Path) -> Iterator[Application]:
    with _engine(path) as engine:

        @contextmanager
        def application() -> Iterator[Work]:
            with engine.begin() as connection:
                yield Work(
                    lambda: connection.connection.driver_connection,
                    lambda: connection.exec_driver_sql(_INSERT),
                    connection.begin_nested,
                )

        yield application


@contextmanager
def _session(path: Path) -> Iterator[Application]:
    with _engine(path) as engine:

        @contextmanager
        def application() -> Iterator[Work]:
            with sqlalchemy.orm.Session(engine) as session, session.begin():
                yield Work(
                    lambda: session.connection().connection.driver_connection,
                    lambda: session.execute(sqlalchemy.text(_INSERT)),
                    session.begin_nested,
                )

        yield application


def _set_django(wrapped: object) -> None:
    settings._wrapped = wrapped
    # Django remembers in two places what it has read of them.
    connections._settings = None
    vars(connections).pop("settings", None)


@contextmanager
def _django(path: Path) -> Iterator[Application]:
    # The settings are those of the whole process, and of whatever else runs in it: these go
    # with the test.
    before = settings._wrapped
    _set_django(empty)
    alias = "joined"
    settings.configure(
        DATABASES={
            "default": {},
            alias: {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(path),
                "OPTIONS": {"timeout": 0},
            },
        },
        USE_TZ=True,
    )
    django.setup()

    @contextmanager
    def application() -> Iterator[Work]:
        with transaction.atomic(using=alias):
            connection = connections[alias]
            yield Work(
                lambda: connection.connection,
                lambda: connection.cursor().execute(_INSERT),
                lambda: transaction.atomic(using=alias),
            )

    yield application
    connections[alias].close()
    del connections[alias]
    _set_django(before)


@pytest.fixture(params=[_core, _session, _django], ids=["core", "session", "django"])
def application(request: pytest.FixtureRequest, path: Path) -> Iterator[Application]:
    with request.param(path) as made:
        yield made


def committed(path: Path) -> tuple[Money, int]:
    """
    What another connection sees: the balance, and the number of invoices.
    """
    with closing(sqlite3.connect(path)) as connection:
        store = JoinedSQLiteStore(connection)
        assert verify(store).is_clean
        (rows,) = connection.execute("SELECT count(*) FROM invoice").fetchone()
        return bank_on(connection).account("alice").balance, rows


def test_both_commit(application: Application, path: Path) -> None:
    """
    A deposit and a row are there together, and not before the commit.
    """
    with application() as work:
        work.bank.deposit("alice", eur(5))
        work.write_row()
        before = committed(path)

    assert ((eur(100), 0), (eur(105), 1)) == (before, committed(path))


def test_both_vanish(application: Application, path: Path) -> None:
    """
    An exception of the application takes back both.
    """

    def fail() -> None:
        with application() as work:
            work.bank.deposit("alice", eur(5))
            work.write_row()
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        fail()

    assert (eur(100), 0) == committed(path)


def test_nested_savepoints(application: Application, path: Path) -> None:
    """
    A savepoint of the application that is rolled back takes along what was booked in it alone.
    """

    def fail(work: Work) -> None:
        with work.savepoint():
            work.bank.deposit("alice", eur(10))
            work.write_row()
            raise RuntimeError("a bug")

    with application() as work:
        work.bank.deposit("alice", eur(1))
        with pytest.raises(RuntimeError, match="a bug"):
            fail(work)
        with work.savepoint():
            work.bank.deposit("alice", eur(2))

    assert (eur(103), 0) == committed(path)


def test_a_refusal_and_then_a_commit(application: Application, path: Path) -> None:
    """
    A refusal leaves the transaction usable, and is final with its commit.
    """
    with application() as work:
        with pytest.raises(InsufficientFundsError):
            work.bank.withdraw("alice", eur(500), transaction_id="t-1")
        work.write_row()
    with application() as work:
        work.bank.deposit("alice", eur(1000))
        with pytest.raises(InsufficientFundsError) as raised:
            work.bank.withdraw("alice", eur(500), transaction_id="t-1")

    assert raised.value.replayed
    assert (eur(1100), 1) == committed(path)


def test_busy_comes_to_the_application(application: Application, path: Path) -> None:
    """
    While another connection writes, a unit is certainly not done, and can be sent again.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as other, application() as work:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked"):
            work.bank.deposit("alice", eur(5))
        other.execute("ROLLBACK")
        work.bank.deposit("alice", eur(5))

    assert (eur(105), 0) == committed(path)
