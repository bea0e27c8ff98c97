"""
The store on PostgreSQL alone: what no other store has.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from bankcore import AccountId, AccountStore, Bank, Transaction, TransactionId
from bankcore.errors import StoreCorruptedError, StoreMisuseError
from bankcore.ledger import Cursor, ReadSet, Refusal, Snapshot, WriteSet, verify
from bankcore.stores import JoinedPostgresStore, PostgresStore
from bankcore.testing._conformance.helpers import eur


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    with PostgresStore(postgres) as made:
        yield made


def test_a_deposit_and_the_applications_row_vanish_together(
    store: PostgresStore, postgres: str
) -> None:
    """A unit on the application's connection is undone with its transaction."""
    bank = Bank(store)
    bank.open_account("alice", initial_balance=eur(10))
    with psycopg.connect(postgres) as connection:
        Bank(JoinedPostgresStore(connection)).deposit("alice", eur(5))
        connection.rollback()

    assert bank.account("alice").balance == eur(10)
    assert verify(store).is_clean


def ids_of(records: Iterable[Transaction | Refusal]) -> list[str]:
    return [record.id.value for record in records]


def one_by_one(store: AccountStore, after: Cursor | None = None) -> tuple[list[str], Cursor]:
    """
    Return the ids of the records in pages of one, and where the next one will be.
    """
    ids: list[str] = []
    while (page := store.journal(after=after, limit=1)).records:
        ids += ids_of(page.records)
        after = page.next
    assert after is not None
    return ids, after


@pytest.mark.every_postgres
def test_an_application_reads_the_journal_in_its_own_transaction(
    store: PostgresStore, postgres: str
) -> None:
    """
    Within a transaction there is what it has written itself, each record once, whatever other
    transactions are under way; and the cursor is good when it has ended, for all that follows.
    """
    Bank(store).open_account("alice", initial_balance=eur(10), transaction_id="t-1")
    with psycopg.connect(postgres) as other, psycopg.connect(postgres) as connection:
        Bank(JoinedPostgresStore(other)).open_account(
            "carol", initial_balance=eur(0), transaction_id="t-late"
        )
        joined = JoinedPostgresStore(connection)
        bank = Bank(joined)
        bank.deposit("alice", eur(1), transaction_id="t-2")
        found, cursor = one_by_one(joined)
        assert ["t-1", "t-2"] == found
        bank.deposit("alice", eur(1), transaction_id="t-3")
        # One that began later, and has ended.
        Bank(store).open_account("bob", initial_balance=eur(0), transaction_id="t-4")
        found, cursor = one_by_one(joined, cursor)
        assert {"t-3", "t-4"} == set(found)
        assert [] == one_by_one(joined, cursor)[0]
        connection.commit()
        bank.deposit("alice", eur(1), transaction_id="t-5")
        other.commit()
        found, cursor = one_by_one(joined, cursor)
        connection.rollback()

    assert {"t-5", "t-late"} == set(found)
    assert [] == one_by_one(store, cursor)[0]


def test_a_joined_store_says_what_is_wrong_with_its_connection(postgres: str) -> None:
    """
    Outside a transaction, in one that has failed, in another thread and after the application has
    closed it, it raises an error that says so, and writes nothing.
    """
    with (
        PostgresStore(postgres) as store,
        psycopg.connect(postgres, autocommit=True) as connection,
    ):
        Bank(store).open_account("alice", initial_balance=eur(10))
        joined = JoinedPostgresStore(connection)
        assert "the application's connection to" in repr(joined)
        deposit = partial(Bank(joined).deposit, "alice", eur(1))
        with pytest.raises(StoreMisuseError, match="no transaction is open"):
            deposit()
        connection.execute("BEGIN")
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1 / 0")
        with pytest.raises(StoreMisuseError, match="the transaction has failed"):
            deposit()
        with pytest.raises(StoreMisuseError, match="the transaction has failed"):
            joined.outcome(TransactionId("t-1"))
        connection.execute("ROLLBACK")
        with (
            ThreadPoolExecutor() as pool,
            pytest.raises(StoreMisuseError, match="belongs to the thread"),
        ):
            pool.submit(joined.account, AccountId("alice")).result()
        connection.close()
        for call in (deposit, partial(joined.account, AccountId("alice"))):
            with pytest.raises(StoreMisuseError, match="the connection is closed"):
                call()

        assert eur(10) == Bank(store).account("alice").balance


def test_what_an_original_touched_is_locked_when_it_comes_late(
    store: PostgresStore, postgres: str
) -> None:
    """
    A unit that waits for a lock while an original is committed sees that with its accounts.
    """
    bank = Bank(store)
    for name in ("alice", "bob"):
        bank.open_account(name, initial_balance=eur(10))
    seen: list[Snapshot] = []

    def decide(snapshot: Snapshot) -> WriteSet:
        seen.append(snapshot)
        return WriteSet()

    original = TransactionId("t-1")
    reads = ReadSet((), (AccountId("bob"),), (original,))
    waiting = threading.Thread(target=store.transact, args=(reads, decide))
    with psycopg.connect(postgres) as connection:
        connection.execute("SELECT 1 FROM bankcore.bankcore_account WHERE id = 'bob' FOR UPDATE")
        waiting.start()
        with psycopg.connect(postgres, autocommit=True) as other:
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while other.execute(waits).fetchone() is None:
                time.sleep(0.01)
        bank.deposit("alice", eur(1), transaction_id="t-1")
    waiting.join()

    assert list(seen[0].recorded) == [original]
    assert {account_id.value for account_id in seen[0].accounts} == {"alice", "bob"}


def test_an_original_whose_account_is_gone_is_damage(store: PostgresStore, postgres: str) -> None:
    """It is said so, and not looked for again and again."""
    bank = Bank(store)
    bank.open_account("alice", initial_balance=eur(10))
    bank.deposit("alice", eur(1), transaction_id="t-1")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DELETE FROM bankcore.bankcore_account")
    with pytest.raises(StoreCorruptedError):
        bank.reverse("t-1")


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (
            """DROP TRIGGER bankcore_journal_append_only ON bankcore.bankcore_journal;
            DELETE FROM bankcore.bankcore_journal""",
            "refers to a missing record",
        ),
        ("DELETE FROM bankcore.bankcore_account", "refers to a missing account"),
        (
            "INSERT INTO bankcore.bankcore_account_metadata VALUES ('shop', 'berlin', 'bob')",
            "account bob is listed under its metadata, and is missing",
        ),
    ],
)
def test_a_row_that_refers_to_nothing_is_told(
    store: PostgresStore, postgres: str, statements: str, expected: str
) -> None:
    """As these tables have no foreign keys."""
    Bank(store).open_account("alice", initial_balance=eur(10), metadata={"shop": "berlin"})
    assert () == store.integrity_errors()
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(statements)

    assert any(expected in each for each in store.integrity_errors())
