"""
What goes wrong with a PostgreSQL server is told in one sentence, with no secret in it.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final

import psycopg
import pytest
from children import NOW, eur
from psycopg.conninfo import make_conninfo

from bankcore import Bank, BankError
from bankcore.errors import (
    SchemaVersionError,
    StoreCorruptedError,
    StoreError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.stores import PostgresStore
from postgres_proxy import Error, Proxy
from servers import Server

SECRET: Final = "hunter2-and-3"

MakeServer = Callable[..., Server]


def bank_over(store: PostgresStore) -> Bank:
    # No retry here: an error is told as it is.
    return Bank(store, clock=lambda: NOW, deadline=timedelta())


def execute(conninfo: str, *statements: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def told(work: Callable[[], object]) -> StoreError:
    """Return the error that *work* raises, once it is one sentence without a secret."""
    with pytest.raises(StoreError) as raised:
        work()

    sentence = str(raised.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    error: BaseException | None = raised.value
    while error is not None:
        for text in (str(error), repr(error), str(error.args)):
            assert SECRET not in text
        # What a log would show of it, and what it would not.
        error = error.__cause__ or error.__context__
    return raised.value


def told_in_time(work: Callable[[], object], reason: str) -> StoreError:
    """Return the error of *work* when it has this *reason*: a server takes its time to end."""
    ends = time.monotonic() + 30
    while True:
        error = told(work)
        if reason in str(error):
            return error
        assert time.monotonic() < ends, error
        time.sleep(0.02)


# -- Before there is a connection --------------------------------------------


@pytest.mark.parametrize(
    "conninfo",
    [
        f"postgres//mary:{SECRET}@db.example/bank",
        f"postgresql://mary:{SECRET}%zz@db.example/bank",
        f"host=db.example passwort={SECRET}",
        f"host=db.example\0password={SECRET}",
        SECRET,
    ],
)
def test_a_connection_string_that_cannot_be_read(conninfo: str) -> None:
    """
    It says what one looks like, and does not repeat it.
    """
    error = told(lambda: PostgresStore(conninfo))

    assert isinstance(error, StoreMisuseError)
    assert "the connection string cannot be read" in str(error)
    assert "schema" not in str(error)


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "mysql", "Postgresql"])
def test_a_url_of_another_kind(scheme: str) -> None:
    """
    A URL as SQLAlchemy writes it, or of another engine, is refused by its beginning alone.
    """
    error = told(lambda: PostgresStore(f"{scheme}://mary:{SECRET}@db.example/bank"))

    assert isinstance(error, StoreMisuseError)
    assert f"must begin with postgresql://, not with {scheme}://." in str(error)


def test_a_password_that_looks_like_a_url() -> None:
    """
    What is written as words and values is no URL, whatever is in a value.
    """
    error = told(lambda: PostgresStore(f"host=127.0.0.1 port=1 password=a://{SECRET}@b"))

    assert isinstance(error, StoreUnavailableError)


@pytest.mark.parametrize(
    "conninfo", ["postgresql://db/bank?schema=shop", "dbname=bank schema=shop"]
)
def test_a_schema_in_a_connection_string_is_told(conninfo: str) -> None:
    """The command line takes a schema in the URL; in Python it is an argument."""
    error = told(lambda: PostgresStore(conninfo))

    assert isinstance(error, StoreMisuseError)
    assert "the schema is an argument of the store, schema=..." in str(error)


@pytest.mark.parametrize(
    "url", [f"postgresql://u:p@{SECRET}@h/db", f"postgres://u:p/{SECRET}@h/db"]
)
def test_a_url_of_which_libpq_would_take_the_password_for_the_host(url: str) -> None:
    """
    It is refused before libpq looks for such a host, and says so.
    """
    error = told(lambda: PostgresStore(url))

    assert isinstance(error, StoreMisuseError)
    assert "write %40 for @" in str(error)


@pytest.mark.parametrize(
    ("conninfo", "reason"),
    [
        (f"postgresql://mary:{SECRET}@nowhere.invalid/bank", "nowhere.invalid"),
        (f"host=127.0.0.1 port=1 password={SECRET}", "port 1 failed: Connection refused"),
        (f"host=127.0.0.1,127.0.0.1 port=1,2 password={SECRET}", "Connection refused"),
        (f"host=/nowhere password={SECRET}", "No such file or directory"),
        (f"host=127.0.0.1 port=99999 password={SECRET}", 'invalid port number: "99999"'),
        (f"host=127.0.0.1 sslmode=maybe password={SECRET}", 'invalid sslmode value: "maybe"'),
    ],
)
def test_a_server_that_is_not_there(conninfo: str, reason: str) -> None:
    """
    It says where it looked.
    """
    error = told(lambda: PostgresStore(conninfo))

    assert isinstance(error, StoreUnavailableError)
    assert reason in str(error)


def test_without_libpq_what_brings_it_is_named() -> None:
    """
    psycopg alone has no client library; a system may have one.
    """
    done = subprocess.run(
        [sys.executable, "-c", "from bankcore.stores import PostgresStore"],
        # An implementation of it that is not installed.
        env={**os.environ, "PSYCOPG_IMPL": "c"},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert done.stderr.endswith(
        "ImportError: PostgresStore needs libpq, PostgreSQL's client library:"
        " pip install 'psycopg[binary]'\n"
    )


def test_without_psycopg_the_extra_is_named() -> None:
    """
    Where psycopg is not installed, all but this store works, and asking for it says what to do.
    """
    code = """
import sys
sys.modules["psycopg"] = None
import bankcore, bankcore.stores
bankcore.stores.MemoryStore()
try:
    bankcore.stores.PostgresStore
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ("PostgresStore needs psycopg: pip install 'bankcore[postgres]'\n", "") == (
        done.stdout,
        done.stderr,
    )


# -- What the server refuses -------------------------------------------------


@pytest.mark.every_postgres
def test_what_a_server_refuses(make_server: MakeServer) -> None:
    """
    No password, a wrong one, a database that is not there, a role without rights, one with too
    many connections, and a full server.
    """
    server = make_server({"max_connections": "5", "superuser_reserved_connections": "3"})
    execute(
        server.conninfo,
        f"CREATE ROLE weak LOGIN PASSWORD '{SECRET}'",
        f"CREATE ROLE many LOGIN PASSWORD '{SECRET}' CONNECTION LIMIT 0",
    )
    weak = make_conninfo(server.tcp_conninfo, user="weak", password=SECRET)
    wrong = make_conninfo(server.tcp_conninfo, password=SECRET)
    none = make_conninfo(server.tcp_conninfo, password="")
    refusals = [
        (
            none,
            StoreUnavailableError,
            "no password supplied; give it as PGPASSWORD or in ~/.pgpass.",
        ),
        (wrong, StoreUnavailableError, 'password authentication failed for user "postgres"'),
        (make_conninfo(weak, user="many"), StoreUnavailableError, 'connections for role "many"'),
        (make_conninfo(weak, dbname="no"), StoreUnavailableError, 'database "no" does not exist'),
        (weak, StoreMisuseError, "its role may not do that; PostgreSQL says: permission denied"),
    ]
    for conninfo, kind, reason in refusals:
        error = told(partial(PostgresStore, conninfo))
        assert isinstance(error, kind)
        assert reason in str(error)
    with ExitStack() as stack:
        with suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(psycopg.connect(weak))
        error = told_in_time(
            lambda: PostgresStore(weak), "remaining connection slots are reserved"
        )
        assert isinstance(error, StoreUnavailableError)
    # They are free again, and no failure has kept one.
    told_in_time(lambda: PostgresStore(weak), "its role may not do that")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_does_not_flush(make_server: MakeServer, setting: str) -> None:
    """
    A server that could lose what it has committed is refused.
    """
    server = make_server({setting: "off"})
    error = told(lambda: PostgresStore(server.conninfo))

    assert isinstance(error, StoreUnavailableError)
    assert f"the server runs with {setting}=off" in str(error)


@pytest.mark.every_postgres
def test_a_server_that_takes_no_writes(make_server: MakeServer) -> None:
    """
    A standby is refused, for reading too; and so is one that becomes read-only.
    """
    primary = make_server()
    with PostgresStore(primary.conninfo) as store:
        bank_over(store).open_account("alice", initial_balance=eur(5))
    standby = make_server(standby_of=primary)
    error = told_in_time(lambda: PostgresStore(standby.conninfo), "session is read-only")
    execute(primary.conninfo, "ALTER SYSTEM SET default_transaction_read_only = on")
    execute(primary.conninfo, "SELECT pg_reload_conf()")
    primary.restart()
    other = told(lambda: PostgresStore(primary.conninfo))

    assert "session is read-only" in str(other)
    for each in (error, other):
        assert isinstance(each, StoreUnavailableError)


def test_a_primary_that_becomes_a_standby(postgres: str) -> None:
    """
    A server that says so in the middle of a unit has written nothing, and the next call connects
    anew.
    """
    with Proxy(postgres) as proxy, PostgresStore(proxy.conninfo) as store:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(5))
        proxy.plan = lambda statement: Error("25006") if statement.is_commit else None
        error = told(lambda: bank.deposit("alice", eur(1), transaction_id="t-1"))
        proxy.plan = None
        before = len(proxy.statements)
        receipt = bank.deposit("alice", eur(1), transaction_id="t-1")
        statements = [each.sql for each in proxy.statements[before:]]

    assert isinstance(error, StoreUnavailableError)
    assert "the server takes no writes" in str(error)
    assert (False, eur(6)) == (receipt.replayed, receipt.postings[0].balance)
    assert "" in statements


@pytest.mark.every_postgres
def test_a_server_that_goes_and_comes(make_server: MakeServer) -> None:
    """
    While it is down nothing is written, and reads fail as well; then the same store goes on.
    """
    server = make_server()
    with PostgresStore(make_conninfo(server.tcp_conninfo, user="postgres")) as store:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(5))
        server.stop()
        works: list[Callable[[], object]] = [
            lambda: bank.deposit("alice", eur(1), transaction_id="t-1"),
            lambda: bank.account("alice"),
            store.probe,
        ]
        for work in works:
            error = told(work)
            assert isinstance(error, StoreUnavailableError)
            assert "Connection refused" in str(error)
            assert server.password not in repr(error)
        server.start()
        receipt = bank.deposit("alice", eur(1), transaction_id="t-1")

        assert (False, eur(6)) == (receipt.replayed, receipt.postings[0].balance)
        for text in (repr(store), str(store.describe()), repr(bank)):
            assert server.password not in text


# -- Tables ------------------------------------------------------------------


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    with PostgresStore(postgres) as made:
        bank_over(made).open_account("alice", initial_balance=eur(5))
        yield made


def test_no_tables(postgres: str) -> None:
    """
    Whoever makes none says so, and is told what to call.
    """
    error = told(lambda: PostgresStore(postgres, create=False))

    assert isinstance(error, SchemaVersionError)
    assert "The store has no tables of bankcore" in str(error)


def test_tables_of_another_version(store: PostgresStore, postgres: str) -> None:
    """
    Tables of a later version are left alone.
    """
    execute(postgres, "UPDATE bankcore.bankcore_schema SET version = 99")
    error = told(lambda: PostgresStore(postgres))

    assert isinstance(error, SchemaVersionError)
    assert "schema version 99" in str(error)
    assert "upgrade bankcore" in str(error)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("DROP TABLE bankcore.bankcore_account CASCADE", "does not exist"),
        ("DROP SCHEMA bankcore CASCADE", "does not exist"),
        ("ALTER TABLE bankcore.bankcore_account DROP COLUMN status CASCADE", "does not exist"),
    ],
)
def test_a_table_that_is_gone(
    store: PostgresStore, postgres: str, damage: str, reason: str
) -> None:
    """
    What was there when the store was opened and is no longer, is damage, and is named.
    """
    execute(postgres, damage)
    bank = bank_over(store)
    works: list[Callable[[], Any]] = [
        lambda: bank.account("alice"),
        lambda: bank.deposit("alice", eur(1)),
    ]
    for work in works:
        error = told(work)
        assert isinstance(error, StoreCorruptedError)
        assert reason in str(error)


def test_errors_are_bank_errors(store: PostgresStore) -> None:
    """
    A store that was closed is misused.
    """
    store.close()
    error = told(lambda: store.account("alice"))

    assert isinstance(error, BankError)
    assert "it is closed; open a new PostgresStore" in str(error)
