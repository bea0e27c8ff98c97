"""
The connections of a PostgreSQL store: which it uses, and which never again.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import psycopg_pool
import pytest

from bankcore import Bank
from bankcore.commands import Deposit
from bankcore.errors import (
    OutcomeUnknownError,
    StoreError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.ledger import ReadSet, Snapshot, WriteSet, verify
from bankcore.stores import JoinedPostgresStore, PostgresStore, migrate, schema_sql
from bankcore.stores._postgres import _connections, _statements, _store
from bankcore.stores._postgres._connections import Engine
from bankcore.stores._postgres._tables import _durability
from bankcore.testing._conformance.helpers import ALICE, eur


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    with PostgresStore(postgres) as made:
        Bank(made).open_account("alice", initial_balance=eur(10))
        yield made


@pytest.fixture
def pool(postgres: str) -> Iterator[psycopg_pool.ConnectionPool]:
    with psycopg_pool.ConnectionPool(postgres, min_size=1, max_size=2, open=True) as made:
        yield made


def in_child(work: Callable[[], object]) -> bool:
    """Return whether *work* went well in a child of this process."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


# -- What a store is made with -----------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"timeout": -1}, "timeout must be"),
        ({"timeout": 86_401}, "timeout must be"),
        ({"timeout": True}, "timeout must be"),
        ({"timeout": "5"}, "timeout must be"),
        ({"isolation": "chaos"}, "isolation must be"),
        ({"schema": "Bank"}, "schema must be"),
        ({"schema": 'x"; DROP'}, "schema must be"),
        ({"schema": "pg_bank"}, "schema must be"),
        ({"schema": None}, "schema must be"),
    ],
)
def test_wrong_options_are_named(postgres: str, options: dict[str, Any], reason: str) -> None:
    """And nothing is made."""
    with pytest.raises(StoreMisuseError, match=reason):
        PostgresStore(postgres, **options)


@pytest.mark.parametrize("source", [None, 7, object()])
def test_a_source_is_a_text_or_a_pool(source: Any) -> None:
    """A connection is neither."""
    with pytest.raises(StoreMisuseError, match="a connection string or a psycopg_pool"):
        PostgresStore(source)


def test_serializable_units_are_right_too(postgres: str) -> None:
    """What cannot be serialized is run again."""
    with PostgresStore(postgres, isolation="serializable") as store:
        bank = Bank(store)
        bank.open_account("alice", initial_balance=eur(0))
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda _: bank.deposit("alice", eur(1)), range(40)))

        assert bank.account("alice").balance == eur(40)


@pytest.mark.parametrize(
    ("version", "engine"),
    [
        ("PostgreSQL 18.0 on x86_64", Engine("PostgreSQL 18.0")),
        (
            "CockroachDB CCL v24.1.0 (x86_64-linux)",
            Engine("CockroachDB CCL v24.1.0", "SERIALIZABLE", has_snapshots=False),
        ),
        (
            "PostgreSQL 15.2-YB-2.25.0.0-b0 on x86_64",
            Engine("YugabyteDB PostgreSQL 15.2-YB-2.25.0.0-b0", has_snapshots=False),
        ),
    ],
)
def test_engines_are_known_by_their_version(version: str, engine: Engine) -> None:
    """What differs is decided by it."""
    assert Engine.named(version) == engine


# -- A pool of the application's ---------------------------------------------


def test_a_pool_is_left_as_it_was(pool: psycopg_pool.ConnectionPool) -> None:
    """
    Its connections still begin transactions by themselves, and it stays open.
    """
    with PostgresStore(pool) as store:
        Bank(store).open_account("alice", initial_balance=eur(10))

        assert store.describe().location == "through the application's pool"
    with pool.connection() as connection:
        assert not connection.autocommit
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_pool_may_forget_what_was_prepared(postgres: str) -> None:
    """A statement that the server no longer knows is sent anew, on another connection."""
    with (
        psycopg_pool.ConnectionPool(postgres, min_size=1, max_size=1, open=True) as pool,
        PostgresStore(pool) as store,
    ):
        bank = Bank(store)
        bank.open_account("alice", initial_balance=eur(0))
        for n in range(1, 4):
            for _ in range(3):
                bank.account("alice")
            with pool.connection() as connection:
                connection.execute("DEALLOCATE ALL")

            assert bank.account("alice").balance == eur(3 * (n - 1))
            for _ in range(3):
                bank.deposit("alice", eur(1))
            with pool.connection() as connection:
                connection.execute("DEALLOCATE ALL")

        assert bank.account("alice").balance == eur(9)


def test_a_pool_that_is_empty_says_so(pool: psycopg_pool.ConnectionPool) -> None:
    """After the store's own timeout."""
    with PostgresStore(pool, timeout=0.2) as store:
        taken = [pool.getconn(), pool.getconn()]
        with pytest.raises(StoreUnavailableError, match="the pool gives no connection"):
            store.account(ALICE)
        for connection in taken:
            pool.putconn(connection)


def test_the_parents_pool_is_refused_in_a_child(pool: psycopg_pool.ConnectionPool) -> None:
    """Two processes cannot share a connection, nor a pool of them."""
    with PostgresStore(pool) as store:
        Bank(store).open_account("alice", initial_balance=eur(10))

        def use() -> None:
            with pytest.raises(StoreMisuseError, match="the pool belongs to the parent"):
                store.account(ALICE)

        assert in_child(use)
        assert store.account(ALICE).balance == eur(10)


# -- Connections of its own --------------------------------------------------


def test_parent_and_child_go_on_after_a_fork(store: PostgresStore) -> None:
    """Each on connections of its own."""
    bank = Bank(store)

    assert in_child(lambda: bank.deposit("alice", eur(5)))
    bank.deposit("alice", eur(1))
    assert bank.account("alice").balance == eur(16)
    assert verify(store).is_clean


def test_a_unit_does_not_go_on_in_a_child(store: PostgresStore) -> None:
    """The child is refused; the parent's unit is booked, on the connection that it began on."""
    bank = Bank(store)
    children: list[int] = []

    def decide(snapshot: Snapshot) -> WriteSet:
        children.append(os.fork())
        return WriteSet()

    code = 1
    try:
        store.transact(ReadSet((), (ALICE,)), decide)
        code = 2
    except StoreMisuseError as error:
        code = 0 if "a child of the process that began it" in str(error) else 3
    finally:
        if children and children[0] == 0:
            os._exit(code)

    assert code == 2
    assert os.waitpid(children[0], 0)[1] == 0
    bank.deposit("alice", eur(1))
    assert bank.account("alice").balance == eur(11)


def test_threads_take_turns_where_connections_are_few(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many they are; and one that waits too long is told."""
    monkeypatch.setattr(store._connections, "_free", threading.BoundedSemaphore(2))
    bank = Bank(store)
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda _: bank.account("alice"), range(100)))
    monkeypatch.setattr(store._connections, "timeout", 0.1)
    with (
        store._connections.lent(),
        store._connections.lent(),
        pytest.raises(StoreUnavailableError, match=r"connections were busy for 0\.1 s"),
    ):
        store.account(ALICE)


def test_a_statement_is_prepared_once(store: PostgresStore, postgres: str) -> None:
    """However often it comes in one turn."""
    bank = Bank(store)
    for name in "abcd":
        bank.open_account(name, initial_balance=eur(100))
    for _ in range(5):
        bank.transfer("a", "b", eur(1))
        bank.transfer("c", "d", eur(1))
    with store._connections.lent() as (connection, seen):
        found = connection.execute("SELECT statement FROM pg_prepared_statements").fetchall()

    assert len(found) == len(set(found)) > 5
    assert seen.prepared is not None
    assert len(seen.prepared.names) >= len(found)


def test_no_more_is_prepared_than_a_server_has_room_for(store: PostgresStore) -> None:
    """
    However many statements are sent, and sent again, a connection prepares some hundreds.
    """
    for number in [*range(400)] * 2:
        assert store._read(f"SELECT {number}", ()) == [(number,)]

    ((count,),) = store._read("SELECT count(*) FROM pg_prepared_statements", ())

    assert 200 < count <= 300


def test_pages_of_many_lengths_are_of_few_statements(store: PostgresStore) -> None:
    """
    Whatever the limit of a page, the statements that read it are a few.
    """
    bank = Bank(store)
    bank.open_account("lisa", initial_balance=eur(1))
    bank.execute([Deposit("lisa", eur(1)) for _ in range(60)])
    for limit in [*range(1, 60)] * 2:
        assert len(bank.transactions(limit=limit)) == limit

    ((count,),) = store._read("SELECT count(*) FROM pg_prepared_statements", ())

    assert count < 30


def test_a_store_that_is_closed_is_misused(store: PostgresStore) -> None:
    """Closing twice is allowed."""
    store.close()
    store.close()
    with pytest.raises(StoreMisuseError, match="it is closed"):
        store.account(ALICE)


def test_a_database_in_another_encoding_is_refused(postgres: str) -> None:
    """It could not keep every text."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE bankcore_latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
            " TEMPLATE template0"
        )
        latin = psycopg.conninfo.make_conninfo(postgres, dbname="bankcore_latin")
        try:
            with pytest.raises(StoreMisuseError, match="server_encoding is LATIN1"):
                PostgresStore(latin)
        finally:
            connection.execute("DROP DATABASE bankcore_latin WITH (FORCE)")


def test_an_interrupted_unit_is_undone(store: PostgresStore, postgres: str) -> None:
    """
    A signal's exception while the unit waits for a lock leaves neither a lock nor a connection.
    """
    bank = Bank(store)

    def interrupt(*_: object) -> None:
        raise TimeoutError("its time is up")

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with psycopg.connect(postgres) as connection:
            connection.execute("SELECT 1 FROM bankcore.bankcore_account FOR UPDATE")
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(TimeoutError, match="its time is up"):
                bank.deposit("alice", eur(1))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert store._connections._idle == []
    bank.deposit("alice", eur(2))
    assert bank.account("alice").balance == eur(12)


# -- A connection of the application's ---------------------------------------


def test_a_joined_unit_that_is_interrupted_leaves_the_transaction(
    store: PostgresStore, postgres: str
) -> None:
    """
    What the application did before stays, and its connection can be used.
    """

    def interrupt(*_: object) -> None:
        raise TimeoutError("its time is up")

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with psycopg.connect(postgres) as other, psycopg.connect(postgres) as connection:
            other.execute("SELECT 1 FROM bankcore.bankcore_account FOR UPDATE")
            connection.execute("CREATE TABLE own (id text)")
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(TimeoutError, match="its time is up"):
                Bank(JoinedPostgresStore(connection)).deposit("alice", eur(1))
            other.rollback()
            Bank(JoinedPostgresStore(connection)).deposit("alice", eur(2))
            connection.execute("INSERT INTO own VALUES ('kept')")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT id FROM own").fetchall() == [("kept",)]
    assert Bank(store).account("alice").balance == eur(12)


def test_a_pipeline_of_the_applications_is_left_first(store: PostgresStore, postgres: str) -> None:
    """In it, nobody could tell whose answers come."""
    with (
        psycopg.connect(postgres) as connection,
        connection.pipeline(),
        pytest.raises(StoreMisuseError, match="pipeline mode"),
    ):
        JoinedPostgresStore(connection).account(ALICE)


def test_too_many_records_for_one_unit_are_refused(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their places would be those of the next unit."""
    monkeypatch.setattr(_statements, "UNIT_RECORDS_MAX", 3)
    with pytest.raises(StoreMisuseError, match="at most 3 records"):
        Bank(store).execute(Deposit("alice", eur(1)) for _ in range(4))

    assert store.account(ALICE).version == 1


# -- What is seldom so -------------------------------------------------------


def test_a_notice_is_no_warning(store: PostgresStore) -> None:
    """Only a warning leaves a commit in doubt."""
    with store._connections.lent() as (connection, seen):
        connection.execute("DO $$ BEGIN RAISE NOTICE 'by the way'; END $$")
        connection.execute("DO $$ BEGIN RAISE WARNING 'beware'; END $$")

        assert seen.warnings == ["beware"]


def test_nothing_inherited_is_used_or_closed(
    store: PostgresStore, pool: psycopg_pool.ConnectionPool
) -> None:
    """What a child does after a fork, done here, where it can be seen."""
    with PostgresStore(pool) as pooled:

        def decide(snapshot: Snapshot) -> WriteSet:
            _connections._in_child()
            store._connections.pid = -1
            return WriteSet()

        with pytest.raises(StoreMisuseError, match="a child of the process"):
            store.transact(ReadSet((), (ALICE,)), decide)
        with pytest.raises(StoreMisuseError, match="the pool belongs to the parent"):
            pooled.account(ALICE)
    inherited = [
        each for each in store._connections._inherited if isinstance(each, psycopg.Connection)
    ]

    assert [each.closed for each in inherited] == [False]
    for each in inherited:  # it has a lock, which the parent would let go
        each.close()
    Bank(store).deposit("alice", eur(1))
    assert store._lanes[0] == -1


def test_a_server_without_a_synchronous_standby_may_be_refused(postgres: str) -> None:
    """And what one survives that has one is said."""
    with pytest.raises(StoreUnavailableError, match="no synchronous standby"):
        PostgresStore(postgres, require_sync_standby=True)

    assert "the loss of the primary" in _durability({"synchronous_standby_names": "*"})


def test_an_old_server_is_refused(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lacks what the journal is read by."""
    monkeypatch.setattr(_connections, "_OLDEST", 10**9)
    with pytest.raises(StoreMisuseError, match="it needs PostgreSQL 13 or later"):
        PostgresStore(postgres)


def test_a_missing_guard_of_the_journal_is_told(store: PostgresStore, postgres: str) -> None:
    """Without its trigger, an owner could change what is booked."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "DROP TRIGGER bankcore_journal_append_only ON bankcore.bankcore_journal"
        )

    assert ["bankcore_journal" in each for each in store.integrity_errors()] == [True]


def test_a_table_of_somebody_else_is_in_the_way(postgres: str) -> None:
    """Nothing is made then."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA bankcore; CREATE TABLE bankcore.bankcore_account ()")
        with pytest.raises(StoreError, match="bankcore_account"):
            migrate(connection)
        found = connection.execute("SELECT to_regclass('bankcore.bankcore_schema')").fetchone()

    assert found == (None,)


def test_a_commit_that_is_answered_otherwise_is_in_doubt(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not taken for done."""
    monkeypatch.setattr(_store, "_COMMITTED", [("DONE",)])
    with pytest.raises(OutcomeUnknownError, match="answers a commit with"):
        Bank(store, deadline=timedelta()).deposit("alice", eur(1))


def test_there_are_two_engines_of_schemas() -> None:
    """Another one is refused by name."""
    with pytest.raises(StoreMisuseError, match="engine must be 'sqlite' or 'postgres'"):
        schema_sql(engine="oracle")  # type: ignore[arg-type]  # what is tested


def test_nothing_was_booked_before_all_time(store: PostgresStore) -> None:
    """A search from the first instant on begins with the first version."""
    assert store._version_before(ALICE, datetime.min.replace(tzinfo=UTC)) == 0


def test_a_pool_to_a_server_that_takes_no_writes_is_refused(postgres: str) -> None:
    """A connection string would look for one that does; a pool has what it has."""
    options = {"options": "-c default_transaction_read_only=on"}
    with (
        psycopg_pool.ConnectionPool(postgres, kwargs=options, min_size=1, open=True) as pool,
        pytest.raises(StoreUnavailableError, match="takes no writes"),
    ):
        PostgresStore(pool)
