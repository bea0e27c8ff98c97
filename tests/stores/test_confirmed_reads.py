"""
Reads that are confirmed: the server answers them once its synchronous standby has all they saw.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bankcore import Bank
from bankcore.errors import StoreUnavailableError
from bankcore.stores import PostgresStore
from bankcore.testing._conformance.helpers import eur
from servers import Server

MakeServer = Callable[..., Server]


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """A server with an account, whose synchronous standby is gone."""
    server = make_server()
    with PostgresStore(server.conninfo) as store:
        Bank(store).open_account("alice", initial_balance=eur(10), transaction_id="opening")
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'gone'")
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SHOW synchronous_standby_names").fetchone() != ("gone",):
            pass
    return server


def test_a_read_that_is_not_confirmed_is_no_answer(server: Server) -> None:
    """
    A confirmed read waits for the standby, and is an error if the server gives up waiting.
    """
    give_up = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with (
        PostgresStore(server.conninfo, confirm_reads=True, create=False) as store,
        ThreadPoolExecutor() as threads,
        psycopg.connect(server.conninfo, autocommit=True) as connection,
    ):
        reading = threads.submit(store.account, "alice")
        while not reading.done():
            connection.execute(give_up)

        with pytest.raises(StoreUnavailableError, match="a read is not confirmed; PostgreSQL"):
            reading.result()


def test_a_plain_read_waits_for_no_standby(server: Server) -> None:
    """Without it, a primary answers reads by itself, as it is."""
    with PostgresStore(server.conninfo) as store:
        assert store.account("alice").balance == eur(10)


def test_a_confirmed_read_says_the_same(postgres: str) -> None:
    """Accounts, records and histories are those that a plain read gives."""
    with PostgresStore(postgres) as plain, PostgresStore(postgres, confirm_reads=True) as sure:
        bank = Bank(plain)
        bank.open_account("alice", initial_balance=eur(10), transaction_id="opening")
        bank.place_hold("alice", eur(5), transaction_id="hold")

        assert plain.account("alice") == sure.account("alice")
        assert plain.accounts() == sure.accounts()
        assert plain.outcome("hold") == sure.outcome("hold")
        assert plain.history("alice") == sure.history("alice")
        assert plain.journal().records == sure.journal().records
