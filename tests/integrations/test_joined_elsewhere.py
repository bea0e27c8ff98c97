"""
Money and rows commit or vanish together through SQLAlchemy and through Django.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
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
from bankcore.errors import InsufficientFundsError, StoreMisuseError, StoreUnavailableError
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


@attrs.define
class Application:
    """
    An application that has not used its database yet.

    *begin* begins a transaction; *connected* gives a connection without one; *forget* closes what
    the present thread has.
    """

    begin: Callable[[], AbstractContextManager[Work]]
    connected: Callable[[], AbstractContextManager[Any]]
    forget: Callable[[], object] = lambda: None

    def __call__(self) -> AbstractContextManager[Work]:
        return self.begin()


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
                    lambda: connection.connection,
                    lambda: connection.exec_driver_sql(_INSERT),
                    connection.begin_nested,
                )

        @contextmanager
        def connected() -> Iterator[Any]:
            with engine.connect() as connection:
                yield connection.connection

        yield Application(application, connected)


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

        @contextmanager
        def connected() -> Iterator[Any]:
            with sqlalchemy.orm.Session(engine) as session:
                yield session.connection().connection.driver_connection

        yield Application(application, connected)


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

    def raw() -> Any:
        connection = connections[alias]
        connection.ensure_connection()
        return connection.connection

    @contextmanager
    def application() -> Iterator[Work]:
        with transaction.atomic(using=alias):
            yield Work(
                raw,
                lambda: connections[alias].cursor().execute(_INSERT),
                lambda: transaction.atomic(using=alias),
            )

    def forget() -> None:
        connections[alias].close()
        del connections[alias]

    yield Application(application, lambda: nullcontext(raw()), forget)
    forget()
    _set_django(before)


@pytest.fixture(params=[_core, _session, _django], ids=["core", "session", "django"])
def application(request: pytest.FixtureRequest, path: Path) -> Iterator[Application]:
    with request.param(path) as made:
        yield made


def committed(path: Path) -> tuple[Money, int]:
    """
    Return what another connection sees: the balance, and the number of invoices.
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


def _read_first(application: Application) -> Money:
    with application.connected() as connection:
        return bank_on(connection).account("alice").balance


def _book_first(application: Application) -> Money:
    with application() as work:
        work.bank.deposit("alice", eur(5))
    return _read_first(application)


@pytest.mark.parametrize("in_thread", [False, True], ids=["here", "in a new thread"])
@pytest.mark.parametrize(("use", "balance"), [(_read_first, eur(100)), (_book_first, eur(105))])
def test_a_connection_that_was_never_used(
    application: Application,
    path: Path,
    use: Callable[[Application], Money],
    balance: Money,
    in_thread: bool,
) -> None:
    """
    The first thing that is done with a connection may be the bank's, a read or a booking, in any
    thread; and again after the framework has closed it.
    """
    found = []

    def run() -> None:
        try:
            found.append(use(application))
            application.forget()
            found.append(_read_first(application))
        finally:
            application.forget()

    if in_thread:
        thread = Thread(target=run)
        thread.start()
        thread.join()
    else:
        run()

    assert [balance, balance] == found
    assert (balance, 0) == committed(path)


@pytest.mark.parametrize("give", [lambda session: session, lambda session: session.connection()])
def test_what_is_another_connection(path: Path, give: Callable[[Any], Any]) -> None:
    """
    What SQLAlchemy calls a connection is refused by its whole name, and the sentence says what to
    give in its place.
    """
    with _engine(path) as engine, sqlalchemy.orm.Session(engine) as session:
        for make in (JoinedSQLiteStore, migrate):
            with pytest.raises(
                StoreMisuseError,
                match=r"or SQLAlchemy's connection\.connection, got a sqlalchemy\.[a-z.]+[SC]",
            ):
                make(give(session))


def test_what_is_within_another_connection() -> None:
    """
    Of SQLAlchemy's connection to another database, or by another driver, the driver's is named.
    """
    within = SimpleNamespace(driver_connection=Thread())
    for make in (JoinedSQLiteStore, migrate):
        with pytest.raises(StoreMisuseError, match=r"got a threading\.Thread\.$"):
            make(within)


def test_what_is_no_connection_yet() -> None:
    """
    What Django has before the first use is refused, and the sentence says what opens it.
    """
    for make in (JoinedSQLiteStore, migrate):
        with pytest.raises(StoreMisuseError, match=r"got None; .* ensure_connection\(\)"):
            make(None)  # type: ignore[arg-type]  # what is wrong is the point


@pytest.mark.parametrize("atomic", [True, False])
def test_a_migration_of_django_as_its_first_use(tmp_path: Path, atomic: bool) -> None:
    """
    In a migration the connection is open, whether or not the migration is one transaction.
    """
    with _django(tmp_path / "new.db") as application:
        with connections["joined"].schema_editor(atomic=atomic) as schema_editor:
            migrate(schema_editor.connection.connection)
        with application() as work:
            work.bank.open_account("alice", initial_balance=eur(7))
        balance = _read_first(application)

    assert eur(7) == balance
