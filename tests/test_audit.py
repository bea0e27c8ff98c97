"""
The audit finds every way in which a store can disagree with its own journal.

Each tampering is made on a store in memory or by SQL on a SQLite file, on a bank that the
audit finds clean before.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import Account, AccountId, Bank, Money, Posting, Transaction, TransactionId
from bankcore.account import AccountStatus
from bankcore.audit import verify
from bankcore.commands import Deposit, OpenAccount, Withdraw
from bankcore.store import ReadSet, Snapshot, WriteSet
from bankcore.stores import MemoryStore, SQLiteStore

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def eur(amount: str) -> Money:
    return Money(amount, "EUR")


def worked(store: Any) -> Any:
    """
    *store* after a few of every kind of operation.
    """
    instants = (NOON + timedelta(minutes=number) for number in range(100))
    bank = Bank(store, clock=lambda: next(instants))
    bank.open_account("alice", initial_balance=eur("100"), overdraft_limit=eur("50"))
    bank.open_account("bob", initial_balance=eur("0"), transaction_id="open-bob")
    bank.deposit("bob", eur("10"), transaction_id="d-1")
    bank.withdraw("alice", eur("120"), transaction_id="w-1")
    bank.transfer("bob", "alice", eur("5"), transaction_id="t-1")
    bank.execute([Deposit("nobody", eur("1"), transaction_id="refused-1")])
    return store


def findings(store: Any) -> list[str]:
    return [str(disagreement) for disagreement in verify(store).disagreements]


def test_a_worked_store_is_clean_and_counted() -> None:
    """An audit counts accounts, transactions and refusals, and finds nothing wrong."""
    report = verify(worked(MemoryStore()))

    assert (
        report.accounts,
        report.transactions,
        report.refusals,
        report.disagreements,
        report.is_clean,
    ) == (2, 5, 1, (), True)


def test_an_account_whose_id_was_made_is_held_against_its_opening() -> None:
    """An opening that names no account is compared with the account that it opened."""
    store = MemoryStore()
    bank = Bank(store, new_id=iter(["t-1", "made-1"]).__next__)
    bank.open_account(initial_balance=eur("5"))
    clean = findings(store)
    replaced_transaction(store, "t-1", command=OpenAccount(initial_balance=eur("6")))

    assert [] == clean
    assert (
        "transaction t-1: its postings made-1 +500 EUR are not its command's made-1 +600 EUR"
    ) in findings(store)


def test_long_histories_are_read_page_by_page() -> None:
    """An account with more than one page of history is followed to its end."""
    store = MemoryStore()
    bank = Bank(store)
    bank.open_account("alice", initial_balance=eur("0"))
    bank.execute([Deposit("alice", eur("1"))] * 2_500)

    assert (verify(store).transactions, verify(store).disagreements) == (2_501, ())


def replaced_account(store: MemoryStore, **changes: Any) -> None:
    key = ("account", "alice")
    store._kept[key] = attrs.evolve(store._kept[key], **changes)


def replaced_posting(store: MemoryStore, transaction_id: str, **changes: Any) -> None:
    """
    Change the first posting of a transaction, everywhere it is kept.
    """
    old: Transaction = store._kept["record", transaction_id]
    posting = attrs.evolve(old.postings[0], **changes)
    replace(store, old, attrs.evolve(old, postings=(posting, *old.postings[1:])))


def replace(store: MemoryStore, old: Transaction, new: Transaction) -> None:
    for key, kept in store._kept.items():
        if kept is old:
            store._kept[key] = new


def replaced_transaction(store: MemoryStore, transaction_id: str, **changes: Any) -> None:
    old: Transaction = store._kept["record", transaction_id]
    replace(store, old, attrs.evolve(old, **changes))


TAMPERINGS: list[tuple[str, Callable[[MemoryStore], None], str]] = [
    (
        "an account's balance",
        lambda store: replaced_account(store, balance=eur("99")),
        "account alice: its balance is 9900, and its history says -1500",
    ),
    (
        "an account's held amount",
        lambda store: replaced_account(store, held=eur("1")),
        "account alice: its held is 100, and its history says 0",
    ),
    (
        "an account's overdraft limit",
        lambda store: replaced_account(store, overdraft_limit=eur("51")),
        "account alice: its overdraft limit is 5100, and its history says 5000",
    ),
    (
        "an account's version",
        lambda store: replaced_account(store, version=2),
        "account alice: its balance is -1500, and its history says -2000",
    ),
    (
        "an account's last booking",
        lambda store: replaced_account(store, last_booked_at=NOON),
        "account alice: its last booking is",
    ),
    (
        "an account's status",
        lambda store: replaced_account(store, balance=eur("0"), status=AccountStatus.CLOSED),
        "account alice: its status is closed, and its history says open",
    ),
    (
        "a posting's amount",
        lambda store: replaced_posting(store, "w-1", amount=eur("-119")),
        "account alice, version 2: the amount is -11900, and -12000 follows",
    ),
    (
        "a posting's balance",
        lambda store: replaced_posting(store, "w-1", balance=eur("-19")),
        "account alice, version 2: the balance is -1900, and -2000 follows",
    ),
    (
        "a posting's held amount",
        lambda store: replaced_posting(store, "w-1", held=eur("1")),
        "account alice, version 2: the held is 100, and 0 follows",
    ),
    (
        "a posting's overdraft limit",
        lambda store: replaced_posting(store, "w-1", overdraft_limit=eur("60")),
        "account alice, version 2: the overdraft limit is 6000, and 5000 follows",
    ),
    (
        "a posting's version",
        lambda store: replaced_posting(store, "w-1", version=3),
        "account alice, version 3: the version is 3, and 2 follows",
    ),
    (
        "a version that comes again",
        lambda store: replaced_posting(store, "w-1", version=1),
        "account alice: The store is damaged: version 1 follows version 1.",
    ),
    (
        "a posting that is gone from its account's history",
        lambda store: replaced_transaction(
            store, "t-1", postings=store._kept["record", "t-1"].postings[:1]
        ),
        "account alice: The store is damaged: transaction t-1 is in its history",
    ),
    (
        "a posting's currency",
        lambda store: replaced_posting(store, "w-1", balance=Money("-20", "USD")),
        "account alice, version 2: the currency is USD, and the account's is another",
    ),
    (
        "a command's amount",
        lambda store: replaced_transaction(store, "d-1", command=Deposit("bob", eur("11"))),
        "transaction d-1: its postings bob +1000 EUR are not its command's bob +1100 EUR",
    ),
    (
        "a transfer's second leg",
        lambda store: replaced_transaction(
            store, "t-1", postings=store._kept["record", "t-1"].postings[:1]
        ),
        "transaction t-1: its postings bob -500 EUR are not its command's",
    ),
    (
        "a time before the one before it",
        lambda store: replaced_transaction(store, "w-1", booked_at=NOON - timedelta(days=1)),
        "account alice, version 2: it was booked at 2026-04-30 12:00:00+00:00, before",
    ),
    (
        "a given time that was not kept",
        lambda store: replaced_transaction(
            store, "d-1", command=Deposit("bob", eur("10"), booked_at=NOON)
        ),
        "transaction d-1: it was booked at",
    ),
    (
        "a second opening",
        lambda store: replaced_transaction(
            store, "d-1", command=store._kept["record", "open-bob"].command
        ),
        "account bob, version 2: it is opened again",
    ),
    (
        "no opening",
        lambda store: replaced_transaction(
            store, "open-bob", command=store._kept["record", "d-1"].command
        ),
        "account bob, version 1: its history does not begin with its opening",
    ),
    (
        "a floor that was broken with all sums right",
        lambda store: replaced_transaction(
            store,
            store._kept["history", "alice", 1].id.value,
            command=attrs.evolve(
                store._kept["history", "alice", 1].command, overdraft_limit=eur("0")
            ),
            postings=(
                attrs.evolve(
                    store._kept["history", "alice", 1].postings[0], overdraft_limit=eur("0")
                ),
            ),
        ),
        "account alice, version 2: the overdraft limit is 5000, and 0 follows",
    ),
]


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [case[1:] for case in TAMPERINGS],
    ids=[case[0] for case in TAMPERINGS],
)
def test_what_was_changed_is_named(tamper: Callable[[MemoryStore], None], expected: str) -> None:
    """An audit names the account or transaction that was tampered with, and the fact."""
    store = worked(MemoryStore())
    tamper(store)

    found = findings(store)

    assert any(finding.startswith(expected) for finding in found), found


def broken_floor(snapshot: Snapshot) -> WriteSet:
    """
    What rules without a floor would decide: a withdrawal of more than is available.
    """
    bob = snapshot.accounts[AccountId("bob")]
    at = NOON + timedelta(hours=1)
    after = attrs.evolve(bob, balance=eur("-15"), version=4, last_booked_at=at)
    posting = Posting(bob.id, eur("-20"), after.balance, after.held, after.overdraft_limit, 4)
    command = Withdraw("bob", eur("20"), transaction_id="w-2")
    return WriteSet((after,), (Transaction(TransactionId("w-2"), command, at, (posting,)),))


def test_a_broken_floor_is_found_where_every_sum_is_right() -> None:
    """An audit checks floors posting by posting: sums alone would find nothing here."""
    store = worked(MemoryStore())
    store.transact(ReadSet((), (AccountId("bob"),)), broken_floor)

    assert findings(store) == [
        "account bob, version 4: EUR -15.00 after EUR -20.00 is below what was available"
    ]


def test_a_balance_beyond_the_bound_is_found() -> None:
    """An audit checks the bound of balances too."""
    store = worked(MemoryStore())
    replaced_posting(store, "w-1", balance=Money.from_minor(-(10**18), "EUR"))

    assert any("beyond the largest" in finding for finding in findings(store))


def test_a_history_that_ends_early_is_found() -> None:
    """An account whose last postings are gone does not have the version it says."""
    store = worked(MemoryStore())
    replaced_account(store, version=7)
    store.history = lambda account_id, after=0, limit=1000: (
        MemoryStore.history(store, account_id, after=after, limit=3) if after < 3 else ()
    )

    assert any("its version is 7, and its history says 3" in each for each in findings(store))


def test_what_is_written_during_an_audit_is_no_disagreement() -> None:
    """An account is held against its history up to the version it was read with."""
    store = worked(MemoryStore())
    bank = Bank(store, clock=lambda: NOON + timedelta(days=1))
    read = store.history

    def history_while_writing(account_id: AccountId, after: int = 0, limit: int = 1000) -> Any:
        bank.deposit(account_id, eur("1"))
        return read(account_id, after=after, limit=limit)

    store.history = history_while_writing

    assert verify(store).disagreements == ()


SQL_TAMPERINGS = [
    ("UPDATE bankcore_account SET balance_minor = 1 WHERE id = 'bob'", "account bob"),
    ("UPDATE bankcore_account SET version = 99 WHERE id = 'bob'", "account bob"),
    ("UPDATE bankcore_account SET id = 'x/y' WHERE id = 'bob'", "the accounts"),
    ("DELETE FROM bankcore_posting WHERE place = 2", "account bob"),
    ("UPDATE bankcore_posting SET amount_minor = 7 WHERE place = 3", "account bob"),
    ("UPDATE bankcore_journal SET command = '{}' WHERE place = 3", "the journal"),
    ("UPDATE bankcore_journal SET command = 'nonsense' WHERE place = 3", "the journal"),
    ("UPDATE bankcore_journal SET command_kind = 'gift' WHERE place = 3", "the journal"),
    ("UPDATE bankcore_journal SET recorded_at = 0 WHERE place = 3", "account bob"),
    ("UPDATE bankcore_posting SET account_key = 77 WHERE place = 3", "the store's files"),
]


@pytest.mark.parametrize(("statement", "where"), SQL_TAMPERINGS)
def test_edits_by_sql_are_found(tmp_path: Path, statement: str, where: str) -> None:
    """Whoever edits the tables by hand, past the triggers, is found out by the audit."""
    path = tmp_path / "bank.db"
    worked(SQLiteStore(path)).close()
    connection = sqlite3.connect(path)
    for trigger in ("journal_no_update", "posting_no_update", "posting_no_delete"):
        connection.execute(f"DROP TRIGGER bankcore_{trigger}")
    connection.execute(statement)
    connection.commit()
    connection.close()

    with SQLiteStore(path) as store:
        found = findings(store)

    assert any(finding.startswith(where) for finding in found), found


def test_a_clean_sqlite_store_is_clean(tmp_path: Path) -> None:
    """The control of the edits above: untouched, the same bank has no disagreement."""
    with worked(SQLiteStore(tmp_path / "bank.db")) as store:
        assert findings(store) == []


def test_an_account_alone_has_no_history() -> None:
    """An account that no transaction explains is a disagreement."""
    store = MemoryStore()
    store._kept["account", "ghost"] = Account(id="ghost", balance=eur("5"))
    store._kept["count",] = 1

    assert findings(store) == ["account ghost: its balance is 500, and its history says 0"]
