"""
COMMIT waits for a standby that never comes: whoever interrupts it is not told that it is done.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Final

import psycopg
import pytest
from children import NOW, eur

from bankcore import Bank
from bankcore.errors import OutcomeUnknownError
from bankcore.ledger import Transaction, verify
from bankcore.stores import PostgresStore
from bankcore.stores._postgres import _store
from bankcore.stores._postgres._connections import Seen
from servers import Server

pytestmark = pytest.mark.every_postgres

#: Longer than anything takes here, in seconds.
_PATIENCE: Final = 30
_WAITING: Final = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    """
    A server that waits for a standby with each commit, and has an account.
    """
    made = make_server()
    with PostgresStore(made.conninfo) as store:
        Bank(store, clock=lambda: NOW).open_account("alice", initial_balance=eur(5))
    execute(made, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    # Not only told to read it: by now it waits.
    made.restart()
    return made


@pytest.fixture
def store(server: Server) -> Iterator[PostgresStore]:
    with PostgresStore(server.conninfo) as made:
        yield made


def bank_over(store: PostgresStore) -> Bank:
    # No retry here: a doubt is told as it is.
    return Bank(store, clock=lambda: NOW, deadline=timedelta())


def execute(server: Server, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def waiting(server: Server) -> int:
    """Return the number of a server's process when it waits for the standby."""
    ends = time.monotonic() + _PATIENCE
    while not (found := execute(server, _WAITING)):
        assert time.monotonic() < ends
        time.sleep(0.01)
    ((pid,),) = found
    assert isinstance(pid, int)
    return pid


def let_go(server: Server) -> None:
    """Wait for no standby from now on."""
    execute(server, "ALTER SYSTEM RESET synchronous_standby_names")
    execute(server, "SELECT pg_reload_conf()")


class Answer(threading.Thread):
    """What a call comes to in a thread of its own."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._call = call
        self.value: object = None
        self.start()

    def run(self) -> None:
        try:
            self.value = self._call()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is looked at
            self.value = error


def deposit(store: PostgresStore, transaction_id: str = "t-1") -> Transaction:
    return bank_over(store).deposit("alice", eur(1), transaction_id=transaction_id)


def interrupted(server: Server, store: PostgresStore, how: str) -> object:
    """Return what a deposit comes to whose commit is interrupted by the function *how*."""
    answer = Answer(lambda: deposit(store))
    execute(server, f"SELECT {how}({waiting(server)})")
    answer.join(_PATIENCE)
    return answer.value


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_commit_that_is_interrupted_is_in_doubt(
    server: Server, store: PostgresStore, how: str
) -> None:
    """
    The server has committed and warns that its standby knows nothing: that is no success. The
    same call again waits as well, and once there is a standby, it finds what was done.
    """
    first = interrupted(server, store, how)
    again = Answer(lambda: deposit(store))
    waiting(server)
    assert again.is_alive()
    let_go(server)
    again.join(_PATIENCE)

    assert isinstance(first, OutcomeUnknownError)
    assert isinstance(again.value, Transaction)
    assert again.value.replayed
    assert eur(6) == store.account("alice").balance
    assert verify(store).is_clean


def test_a_store_that_ignores_warnings_is_found_out(
    server: Server, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Without the warning the same commit would be told as done.
    """
    monkeypatch.setattr(Seen, "on_notice", lambda self, diagnostic: None)
    with PostgresStore(server.conninfo) as deaf:
        told = interrupted(server, deaf, "pg_cancel_backend")
    let_go(server)

    assert isinstance(told, Transaction)


def test_what_waits_together_is_in_doubt_together(server: Server, store: PostgresStore) -> None:
    """
    Each thread whose unit shared the commit is told, and each finds its own by its id.
    """
    first = Answer(lambda: deposit(store, "t-0"))
    pid = waiting(server)
    others = [Answer(partial(deposit, store, f"t-{n}")) for n in range(1, 5)]
    # They wait for the same account, behind the first.
    time.sleep(0.1)
    execute(server, f"SELECT pg_cancel_backend({pid})")
    execute(server, f"SELECT pg_cancel_backend({waiting(server)})")
    for each in (first, *others):
        each.join(_PATIENCE)
    let_go(server)

    assert [OutcomeUnknownError] * 5 == [type(each.value) for each in (first, *others)]
    assert [True] * 5 == [deposit(store, f"t-{n}").replayed for n in range(5)]
    assert eur(10) == store.account("alice").balance


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(),
    reason="signals go to the main thread",
)
def test_ctrl_c_is_no_success(server: Server, store: PostgresStore) -> None:
    """
    Ctrl-C while COMMIT waits comes to the caller; and the store is as good as before.
    """
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        waiting(server)
        signal.pthread_kill(main, signal.SIGINT)

    # It may be ignored where tests run.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupting = Answer(interrupt)
        with pytest.raises(KeyboardInterrupt):
            deposit(store)
        interrupting.join(_PATIENCE)
    finally:
        signal.signal(signal.SIGINT, before)
    let_go(server)

    assert isinstance(deposit(store), Transaction)
    assert eur(6) == store.account("alice").balance
    assert verify(store).is_clean


def test_a_wait_has_an_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A commit that nobody interrupts is in doubt soon after the store's timeout.
    """
    monkeypatch.setattr(_store, "_ANSWER_SECONDS", 0.5)
    with PostgresStore(server.conninfo, timeout=0.5) as store:
        began = time.monotonic()
        with pytest.raises(OutcomeUnknownError, match="does not answer in time"):
            deposit(store)

        assert 1 <= time.monotonic() - began < _PATIENCE
        let_go(server)
        assert isinstance(deposit(store), Transaction)
        assert eur(6) == store.account("alice").balance
