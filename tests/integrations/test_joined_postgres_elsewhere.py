"""
Money and rows commit or vanish together on PostgreSQL: through SQLAlchemy, sync and asyncio,
through Django, and on a connection of a pool.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import alembic.autogenerate
import alembic.migration
import attrs
import django
import psycopg
import pytest
import sqlalchemy
import sqlalchemy.orm
from django.conf import settings
from django.db import connections, transaction
from django.utils.functional import empty
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from test_joined_elsewhere import _set_django

from bankcore import Bank
from bankcore.commands import Deposit
from bankcore.errors import InsufficientFundsError, StoreMisuseError, StoreUnavailableError
from bankcore.ledger import verify
from bankcore.stores import JoinedPostgresStore, PostgresStore, include_object, migrate
from bankcore.testing._conformance.helpers import eur

_INSERT = "INSERT INTO invoice VALUES ('i-1')"


@attrs.frozen
class Work:
    """
    One open transaction of an application: its bank, its rows, its savepoints.
    """

    bank: Callable[[], Bank]
    write_row: Callable[[], object]
    savepoint: Callable[[], AbstractContextManager[object]]


Begin = Callable[[], AbstractContextManager[Work]]


@pytest.fixture
def database(postgres: str) -> str:
    """
    A database of the application with a table of its own, and an account of 100 euros.
    """
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE invoice (id text)")
    with PostgresStore(postgres) as store:
        Bank(store).open_account("alice", initial_balance=eur(100))
    return postgres


def committed(conninfo: str) -> tuple[Any, int]:
    """
    Return what another connection sees: the balance, and the number of invoices.
    """
    with PostgresStore(conninfo) as store, psycopg.connect(conninfo) as connection:
        assert verify(store).is_clean
        rows = connection.execute("SELECT id FROM invoice").fetchall()
        return Bank(store).account("alice").balance, len(rows)


def url_of(conninfo: str) -> sqlalchemy.URL:
    return sqlalchemy.URL.create("postgresql+psycopg", query=_texts(conninfo))


def _texts(conninfo: str) -> dict[str, str]:
    return {key: str(value) for key, value in conninfo_to_dict(conninfo).items()}


@contextmanager
def _core(conninfo: str) -> Iterator[Begin]:
    engine = sqlalchemy.create_engine(url_of(conninfo))

    @contextmanager
    def begin() -> Iterator[Work]:
        with engine.begin() as connection:
            yield Work(
                lambda: Bank(JoinedPostgresStore(connection.connection)),
                lambda: connection.exec_driver_sql(_INSERT),
                connection.begin_nested,
            )

    yield begin
    engine.dispose()


@contextmanager
def _session(conninfo: str) -> Iterator[Begin]:
    engine = sqlalchemy.create_engine(url_of(conninfo))

    @contextmanager
    def begin() -> Iterator[Work]:
        with sqlalchemy.orm.Session(engine) as session, session.begin():
            yield Work(
                lambda: Bank(
                    JoinedPostgresStore(session.connection().connection.driver_connection)
                ),
                lambda: session.execute(sqlalchemy.text(_INSERT)),
                session.begin_nested,
            )

    yield begin
    engine.dispose()


@contextmanager
def _pool(conninfo: str) -> Iterator[Begin]:
    with ConnectionPool(conninfo, min_size=1, max_size=2) as pool:

        @contextmanager
        def begin() -> Iterator[Work]:
            with pool.connection() as connection:
                yield Work(
                    lambda: Bank(JoinedPostgresStore(connection)),
                    lambda: connection.execute(_INSERT),
                    connection.transaction,
                )

        yield begin


@contextmanager
def _django(conninfo: str) -> Iterator[Begin]:
    before = settings._wrapped
    _set_django(empty)
    alias = "joined_postgres"
    parts = _texts(conninfo)
    settings.configure(
        DATABASES={
            "default": {},
            alias: {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts["dbname"],
                "USER": parts["user"],
                "HOST": parts["host"],
                "PORT": parts.get("port", ""),
                "PASSWORD": parts.get("password", ""),
            },
        },
        USE_TZ=True,
    )
    django.setup()

    def bank() -> Bank:
        connection = connections[alias]
        connection.ensure_connection()
        return Bank(JoinedPostgresStore(connection.connection))

    @contextmanager
    def begin() -> Iterator[Work]:
        with transaction.atomic(using=alias):
            yield Work(
                bank,
                lambda: connections[alias].cursor().execute(_INSERT),
                lambda: transaction.atomic(using=alias),
            )

    try:
        yield begin
    finally:
        connections[alias].close()
        del connections[alias]
        _set_django(before)


KINDS = {"core": _core, "session": _session, "pool": _pool, "django": _django}


@pytest.fixture(params=KINDS)
def begin(request: pytest.FixtureRequest, database: str) -> Iterator[Begin]:
    with KINDS[request.param](database) as made:
        yield made


def test_both_commit(begin: Begin, database: str) -> None:
    """
    A deposit and a row are there together, and not before the commit.
    """
    with begin() as work:
        work.bank().deposit("alice", eur(5))
        work.write_row()
        before = committed(database)

    assert ((eur(100), 0), (eur(105), 1)) == (before, committed(database))


@pytest.mark.parametrize("is_row_first", [True, False])
def test_both_vanish(begin: Begin, database: str, is_row_first: bool) -> None:
    """
    An exception of the application takes back both.
    """

    def fail() -> None:
        with begin() as work:
            if is_row_first:
                work.write_row()
            work.bank().deposit("alice", eur(5))
            work.write_row()
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        fail()

    assert (eur(100), 0) == committed(database)


def test_savepoints_and_refusals(begin: Begin, database: str) -> None:
    """
    A savepoint that is rolled back takes along what was booked in it alone, and after a refusal
    the transaction goes on.
    """

    def fail(work: Work) -> None:
        with work.savepoint():
            work.bank().deposit("alice", eur(10))
            work.write_row()
            raise RuntimeError("a bug")

    with begin() as work:
        work.bank().deposit("alice", eur(1))
        with pytest.raises(RuntimeError, match="a bug"):
            fail(work)
        with pytest.raises(InsufficientFundsError):
            work.bank().withdraw("alice", eur(500), transaction_id="t-1")
        with work.savepoint():
            work.bank().deposit("alice", eur(2))
        work.write_row()

    assert (eur(103), 1) == committed(database)


# -- Their migrations --------------------------------------------------------


# It has no name for the type xid8.
@pytest.mark.filterwarnings("ignore:Did not recognize type:sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("is_kept_off", [True, False], ids=["with", "without"])
def test_alembic_leaves_our_tables_alone(database: str, is_kept_off: bool) -> None:
    """
    Where it looks into all schemas, `include_object` keeps it from dropping our tables.
    """
    engine = sqlalchemy.create_engine(url_of(database))
    metadata = sqlalchemy.MetaData()
    sqlalchemy.Table("voucher", metadata, sqlalchemy.Column("id", sqlalchemy.Text))
    options: dict[str, Any] = {"include_schemas": True}
    if is_kept_off:
        options["include_object"] = include_object
    with engine.connect() as connection:
        context = alembic.migration.MigrationContext.configure(connection, opts=options)
        changes = alembic.autogenerate.compare_metadata(context, metadata)
    engine.dispose()
    touched = {(change[0], change[1].name) for change in changes}

    assert {("add_table", "voucher"), ("remove_table", "invoice")} <= touched
    assert is_kept_off == (not any(name.startswith("bankcore") for _, name in touched))


def test_a_migration_of_sqlalchemy_makes_the_tables(postgres: str) -> None:
    """
    They are a part of its transaction, if it has begun one.
    """
    engine = sqlalchemy.create_engine(url_of(postgres))
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        migrate(connection.connection.driver_connection)
        connection.rollback()
        (before,) = connection.exec_driver_sql("SELECT to_regnamespace('bankcore')").one()
        migrate(connection.connection.driver_connection)
        connection.commit()
        (after,) = connection.exec_driver_sql("SELECT to_regnamespace('bankcore')").one()
    engine.dispose()

    assert (None, "bankcore") == (before, after)


@pytest.mark.parametrize("atomic", [True, False])
def test_a_migration_of_django_makes_the_tables(postgres: str, atomic: bool) -> None:
    """
    Whether or not the migration is one transaction.
    """
    with _django(postgres) as begin:
        with connections["joined_postgres"].schema_editor(atomic=atomic) as schema_editor:
            schema_editor.connection.ensure_connection()
            migrate(schema_editor.connection.connection)
        with begin() as work:
            work.bank().open_account("alice", initial_balance=eur(7))
    with PostgresStore(postgres, create=False) as store:
        assert eur(7) == Bank(store).account("alice").balance


# -- asyncio -----------------------------------------------------------------


def run_async(conninfo: str, work: Callable[[AsyncEngine], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        engine = create_async_engine(url_of(conninfo))
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    return asyncio.run(main())


def bank_on(connection: sqlalchemy.Connection) -> Bank:
    return Bank(JoinedPostgresStore(connection.connection))


async def deposit(connection: AsyncConnection, amount: int) -> None:
    await connection.run_sync(lambda sync: bank_on(sync).deposit("alice", eur(amount)))


@pytest.mark.parametrize("is_row_first", [True, False])
def test_both_commit_or_vanish_in_asyncio(database: str, is_row_first: bool) -> None:
    """
    In what `run_sync` runs, a deposit is a part of the transaction that the engine has begun.
    """

    async def work(engine: AsyncEngine) -> None:
        for bug in (None, RuntimeError("a bug")):
            async with engine.begin() as connection:
                if is_row_first:
                    await connection.exec_driver_sql(_INSERT)
                await deposit(connection, 5)
                if not is_row_first:
                    await connection.exec_driver_sql(_INSERT)
                if bug is not None:
                    raise bug

    with pytest.raises(RuntimeError, match="a bug"):
        run_async(database, work)

    assert (eur(105), 1) == committed(database)


def test_a_refusal_leaves_the_transaction_usable_in_asyncio(database: str) -> None:
    """
    An error undoes the unit alone, also one of PostgreSQL.
    """

    async def work(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            with pytest.raises(InsufficientFundsError):
                await connection.run_sync(lambda sync: bank_on(sync).withdraw("alice", eur(500)))
            await connection.exec_driver_sql("SET LOCAL ROLE pg_monitor")
            with pytest.raises(StoreMisuseError, match="permission denied"):
                await deposit(connection, 5)
            await connection.exec_driver_sql("RESET ROLE")
            await connection.exec_driver_sql(_INSERT)
            await deposit(connection, 1)
            described = await connection.run_sync(
                lambda sync: JoinedPostgresStore(sync.connection).describe()
            )
            assert described.engine.startswith("PostgreSQL")

    run_async(database, work)

    assert (eur(101), 1) == committed(database)


def test_who_waits_for_a_lock_lets_others_run(database: str) -> None:
    """
    Where another task has the account, it is waited for without stopping that task.
    """

    async def work(engine: AsyncEngine) -> None:
        has_booked = asyncio.Event()

        async def first() -> None:
            async with engine.begin() as connection:
                await deposit(connection, 1)
                has_booked.set()
                await asyncio.sleep(0.2)

        async def second() -> None:
            await has_booked.wait()
            async with engine.begin() as connection:
                await deposit(connection, 2)

        await asyncio.wait_for(asyncio.gather(first(), second()), 30)

    run_async(database, work)

    assert (eur(103), 0) == committed(database)


def test_a_task_that_is_cancelled(database: str) -> None:
    """
    What it has begun is undone, and the connection and the account are free for the next.
    """

    async def work(engine: AsyncEngine) -> None:
        async with engine.begin() as holding:
            await deposit(holding, 1)
            async with engine.connect() as connection, connection.begin():
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(deposit(connection, 2), 0.2)
        async with engine.begin() as connection:
            await deposit(connection, 4)

    run_async(database, work)

    assert (eur(105), 0) == committed(database)


def test_more_than_the_socket_takes_at_once_in_asyncio(database: str) -> None:
    """
    A batch of megabytes is sent bit by bit, while the server answers.
    """
    commands = [Deposit("alice", eur(1), description="x" * 500) for _ in range(10_000)]

    async def work(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await connection.run_sync(lambda sync: bank_on(sync).execute(commands))

    run_async(database, work)

    assert (eur(10_100), 0) == committed(database)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (None, r"None; .* ensure_connection\(\)"),
        ("dbname=shop", "'dbname=shop'"),
        (object(), "a value of type object"),
        (sqlalchemy.create_engine("postgresql+psycopg://"), r"a sqlalchemy\.[a-z.]*Engine"),
    ],
)
def test_what_is_no_connection(what: object, told: str) -> None:
    """
    The sentence says what is needed, and what was given.
    """
    wanted = rf"a psycopg\.Connection, or SQLAlchemy's connection\.connection, got {told}"
    with pytest.raises(StoreMisuseError, match=wanted):
        JoinedPostgresStore(what)


def test_a_migration_in_asyncio_makes_the_tables(postgres: str) -> None:
    """
    All of them or none.
    """

    async def work(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await connection.exec_driver_sql("CREATE SCHEMA taken")
            await connection.exec_driver_sql("CREATE TABLE taken.bankcore_token (id text)")
            with pytest.raises(StoreUnavailableError, match="already exists"):
                await connection.run_sync(lambda sync: migrate(sync.connection, schema="taken"))
            (made,) = (
                await connection.exec_driver_sql("SELECT to_regclass('taken.bankcore_account')")
            ).one()
            assert made is None
            await connection.run_sync(lambda sync: migrate(sync.connection))
            await connection.run_sync(
                lambda sync: bank_on(sync).open_account("alice", initial_balance=eur(7))
            )

    run_async(postgres, work)
    with PostgresStore(postgres, create=False) as store:
        assert eur(7) == Bank(store).account("alice").balance


def test_a_connection_of_asyncio_without_sqlalchemy(database: str) -> None:
    """
    It cannot be waited for in code that is not async.
    """

    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(database) as connection:
            with pytest.raises(StoreMisuseError, match=r"got a psycopg\.AsyncConnection"):
                JoinedPostgresStore(connection)
            with pytest.raises(StoreMisuseError, match=r"got a psycopg\.AsyncConnection"):
                migrate(connection)

    asyncio.run(work())
