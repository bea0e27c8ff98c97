"""
The journal of PostgreSQL is read while others write, and no record is skipped.
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bankcore import AccountId, Bank, Transaction
from bankcore.errors import InvalidCursorError
from bankcore.ledger import Cursor
from bankcore.stores import JoinedPostgresStore, PostgresStore
from bankcore.stores._postgres import _connections
from bankcore.testing._conformance.helpers import eur
from servers import Server


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    with PostgresStore(postgres) as made:
        yield made


def ids_after(store: PostgresStore, cursor: Cursor | None) -> tuple[list[str], Cursor | None]:
    page = store.journal(after=cursor)
    return [record.id.value for record in page.records], page.next


def test_what_is_committed_late_is_not_skipped(store: PostgresStore, postgres: str) -> None:
    """
    A record whose place is lower than that of one that was read comes when it is committed.
    """
    bank = Bank(store)
    for name in ("alice", "bob"):
        bank.open_account(name, initial_balance=eur(10), transaction_id=name)
    with psycopg.connect(postgres) as connection:
        Bank(JoinedPostgresStore(connection)).deposit("alice", eur(1), transaction_id="late")
        bank.deposit("bob", eur(1), transaction_id="soon")
        before, cursor_before = ids_after(store, None)
        nothing, same = ids_after(store, cursor_before)
        connection.commit()
    after, cursor = ids_after(store, same)

    assert before == ["alice", "bob", "soon"]
    assert (nothing, same) == ([], cursor_before)
    assert after == ["late"]
    assert ids_after(store, cursor) == ([], cursor)


def test_what_was_late_is_in_its_place_for_who_begins_anew(
    store: PostgresStore, postgres: str
) -> None:
    """Another reader sees the order of the places."""
    bank = Bank(store)
    for name in ("alice", "bob"):
        bank.open_account(name, initial_balance=eur(10), transaction_id=name)
    with psycopg.connect(postgres) as connection:
        Bank(JoinedPostgresStore(connection)).deposit("alice", eur(1), transaction_id="late")
        bank.deposit("bob", eur(1), transaction_id="soon")

    assert ids_after(store, None)[0] == ["alice", "bob", "late", "soon"]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_late_records_come_between_pages(store: PostgresStore, postgres: str, limit: int) -> None:
    """
    Wherever the reader is when they are committed, however short its pages, each comes once.
    """
    bank = Bank(store)
    names = [f"account-{n}" for n in range(6)]
    for name in names:
        bank.open_account(name, initial_balance=eur(10))
    for held in range(1, 4):
        found: list[str] = []
        cursor = None
        connections = [psycopg.connect(postgres) for _ in range(held)]
        for number, connection in enumerate(connections):
            joined = Bank(JoinedPostgresStore(connection))
            joined.deposit(names[number], eur(1), transaction_id=f"late-{held}-{number}")
            bank.deposit(names[5], eur(1), transaction_id=f"soon-{held}-{number}")
        while True:
            page = store.journal(after=cursor, limit=limit)
            found += [record.id.value for record in page.records]
            cursor = page.next
            if connections and (not page.records or len(found) > 5):
                connections[-1].commit()
                connections.pop().close()
            elif not page.records:
                break
        everything = [record.id.value for record in store.journal().records]

        assert sorted(everything) == sorted(found)


def followed(store: PostgresStore, ended: threading.Event) -> list[Transaction]:
    """
    Return what a follower reads until it has read all that is there once the others have ended.
    """
    found: list[Transaction] = []
    cursor = None
    while True:
        is_over = ended.is_set()
        page = store.journal(after=cursor, limit=7)
        found += [each for each in page.records if isinstance(each, Transaction)]
        cursor = page.next
        if is_over and not page.records:
            return found


def test_a_follower_under_load_gets_everything_once_and_in_order(
    store: PostgresStore, postgres: str
) -> None:
    """
    While threads commit out of order, some of them late, a follower gets each record once, and
    each account's versions in their order.
    """
    bank = Bank(store)
    names = [f"account-{n}" for n in range(8)]
    for name in names:
        bank.open_account(name, initial_balance=eur(100))

    def quickly(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            source, destination = chance.sample(names[:6], 2)
            bank.transfer(source, destination, eur(1))

    def slowly(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(25):
            with psycopg.connect(postgres) as connection:
                Bank(JoinedPostgresStore(connection)).deposit(chance.choice(names[4:]), eur(1))
                time.sleep(chance.uniform(0, 0.02))
                if chance.random() < 0.2:
                    connection.rollback()

    ended = threading.Event()
    with ThreadPoolExecutor(7) as pool:
        follower = pool.submit(followed, store, ended)
        writers = [pool.submit(quickly if n < 3 else slowly, n) for n in range(6)]
        try:
            for writer in writers:
                writer.result()
        finally:
            ended.set()
    found = follower.result()
    versions: defaultdict[AccountId, list[int]] = defaultdict(list)
    for posting in (posting for each in found for posting in each.postings):
        versions[posting.account_id].append(posting.version)

    assert sorted(each.id for each in found) == sorted(
        record.id for record in store.journal(limit=10_000).records
    )
    assert {name: list(range(1, store.account(name).version + 1)) for name in versions} == versions


def test_a_cursor_of_another_store_is_refused(store: PostgresStore) -> None:
    """Also one that is nearly right."""
    for token in ("", "7", "1:1:", "1:1:;", "1:1:;1+", "1:1:;1+x", "1:1:x;1", "1:1:;-1", "²:1:;1"):
        with pytest.raises(InvalidCursorError):
            store.journal(after=Cursor(token))


def test_an_engine_without_snapshots_says_so(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Its journal is read by places, and its description says what that may skip, by its name.
    """
    engine = _connections.Engine("CockroachDB CCL v24.1", has_snapshots=False)
    monkeypatch.setattr(_connections.Engine, "named", lambda _: engine)
    with PostgresStore(postgres) as store:
        bank = Bank(store)
        bank.open_account("alice", initial_balance=eur(10), transaction_id="t-1")
        bank.deposit("alice", eur(1), transaction_id="t-2")
        page = store.journal(limit=1)

        assert [record.id.value for record in page.records] == ["t-1"]
        assert ids_after(store, page.next)[0] == ["t-2"]
        assert "CockroachDB CCL v24.1 does not tell" in store.describe().warnings[-1]


def test_a_cursor_stays_valid_after_a_failover(make_server: Callable[..., Server]) -> None:
    """
    What the lost primary has given is not given again, and what the new one writes is not skipped,
    though it gives numbers of transactions that the old one had given to undone ones.
    """
    primary = make_server()
    standby = make_server(standby_of=primary)
    with psycopg.connect(primary.conninfo, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
    with PostgresStore(primary.conninfo) as store:
        bank = Bank(store)
        bank.open_account("alice", initial_balance=eur(10), transaction_id="t-1")
        with psycopg.connect(primary.conninfo) as connection:
            for n in range(20):
                Bank(JoinedPostgresStore(connection)).deposit(
                    "alice", eur(1), transaction_id=f"u-{n}"
                )
                connection.rollback()
        bank.deposit("alice", eur(1), transaction_id="t-2")
        given, cursor = ids_after(store, None)
        bank.deposit("alice", eur(1), transaction_id="t-3")
        primary.kill()
    standby.promote()
    with PostgresStore(standby.conninfo) as store:
        for n in range(4, 30):
            Bank(store).deposit("alice", eur(1), transaction_id=f"t-{n}")
        after, _ = ids_after(store, cursor)

        assert given == ["t-1", "t-2"]
        assert after == [f"t-{n}" for n in range(3, 30)]
