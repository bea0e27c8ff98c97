"""Promises of `transact`: what a unit reads, decides and writes."""

import sqlite3
from datetime import timedelta
from itertools import count

from bankcore import AccountId, AccountStore, TransactionId
from bankcore.accounts._errors import InsufficientFundsError
from bankcore.commands import OpenAccount
from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.ledger._errors import (
    AccountNotFoundError,
    StoreUnavailableError,
    TransactionNotFoundError,
)
from bankcore.testing._conformance.failing import raises, require_equal, require_same
from bankcore.testing._conformance.helpers import (
    ALICE,
    END,
    LAST_INSTANT,
    NOW,
    append,
    bank_over,
    contents_of,
    eur,
    journal_of,
    look,
    refusal,
)
from bankcore.testing._conformance.subject import check


@check
def transact_gives_what_decide_gave(store: AccountStore) -> None:
    """`transact` returns the `WriteSet` that *decide* returned, outcomes included."""
    written = WriteSet(records=(refusal("t-1"),), outcomes=(InsufficientFundsError,))  # type: ignore[arg-type]  # a store ignores outcomes

    given = store.transact(ReadSet((), ()), lambda _: written)

    require_equal(written, given)


@check
def what_is_returned_is_what_was_written(store: AccountStore) -> None:
    """However often *decide* is called, its last result is what is written and returned."""
    calls = count(1)

    def decide(_: Snapshot) -> WriteSet:
        return WriteSet(records=(refusal(f"t-{next(calls)}"),))

    for _ in range(3):
        before = journal_of(store)
        written = store.transact(ReadSet((), ()), decide)

        require_equal([*before, *written.records], journal_of(store))


@check
def decide_sees_what_is_named_and_nothing_else(store: AccountStore) -> None:
    """
    A snapshot has an entry for everything that the `ReadSet` names and the store has, and no
    other entries.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100), transaction_id="t-alice")
    bank.open_account("bob", initial_balance=eur(200), transaction_id="t-bob")
    with raises(AccountNotFoundError):
        bank.deposit("nobody", eur(1), transaction_id="t-refused")
    t_bob, t_refused = TransactionId("t-bob"), TransactionId("t-refused")
    named = look(
        store, ReadSet((t_refused, TransactionId("t-none"), t_bob), (AccountId("carol"), ALICE))
    )
    nothing = look(store, ReadSet((), ()))

    require_equal({ALICE: store.account(ALICE)}, dict(named.accounts))
    require_equal(
        {t_bob: store.outcome(t_bob), t_refused: store.outcome(t_refused)}, dict(named.recorded)
    )
    require_equal(({}, {}), (dict(nothing.accounts), dict(nothing.recorded)))


@check
def a_unit_may_name_thousands(store: AccountStore) -> None:
    """A `ReadSet` may name thousands of ids, and the snapshot has all of them."""
    bank = bank_over(store)
    numbers = range(1, 1_203)
    bank.execute(
        OpenAccount(f"a-{n}", initial_balance=eur(n), transaction_id=f"t-{n}") for n in numbers
    )
    reads = ReadSet(
        tuple(TransactionId(f"t-{n}") for n in reversed(numbers)),
        tuple(AccountId(f"a-{n}") for n in reversed(numbers)),
    )
    seen = look(store, reads)

    require_equal(
        {f"a-{n}": n for n in numbers},
        {key.value: account.balance.amount_minor for key, account in seen.accounts.items()},
    )
    require_equal(
        {f"t-{n}": f"a-{n}" for n in numbers},
        {key.value: record.command.account_ids[0].value for key, record in seen.recorded.items()},
    )


@check
def decide_raising_passes_unchanged(store: AccountStore) -> None:
    """If *decide* raises, nothing is written and the exception passes unchanged."""
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100))
    before = contents_of(store)

    for error in (
        RuntimeError("a bug"),
        KeyError("alice"),
        ValueError("a bug"),
        TypeError("a bug"),
        AccountNotFoundError(ALICE),
        StoreUnavailableError("of another store"),
        OSError(5, "of a file"),
        sqlite3.OperationalError("of a database that decide asked"),
        KeyboardInterrupt(),
        SystemExit(3),
    ):

        def decide(_: Snapshot, error: BaseException = error) -> WriteSet:
            raise error

        with raises(BaseException) as raised:
            store.transact(ReadSet((TransactionId("t-1"),), (ALICE,)), decide)

        require_same(error, raised.error)
        require_equal(before, contents_of(store))
    require_equal(eur(101), bank.deposit("alice", eur(1)).postings[0].balance)


@check
def nothing_to_write_writes_nothing(store: AccountStore) -> None:
    """A unit whose *decide* returns an empty `WriteSet` changes nothing."""
    bank_over(store).open_account("alice", initial_balance=eur(100))
    before = contents_of(store)

    given = store.transact(ReadSet((), (ALICE,)), lambda _: WriteSet())

    require_equal(WriteSet(), given)
    require_equal(before, contents_of(store))


@check
def an_id_has_one_record_that_never_changes(store: AccountStore) -> None:
    """A transaction id has one record, and a record never changes: a second one is an error."""
    first = refusal("t-1")
    append(store, [first])

    with raises(Exception):
        append(store, [refusal("t-1", at=NOW + timedelta(days=1))])

    require_equal(first, store.outcome(TransactionId("t-1")))
    require_equal([first], journal_of(store))


@check
def a_unit_is_written_whole_or_not_at_all(store: AccountStore) -> None:
    """If one record of a unit cannot be written, nothing of the unit is."""
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100), transaction_id="t-1")
    before = contents_of(store)
    richer = store.account(ALICE).deposit(eur(1), booked_at=NOW)

    with raises(Exception):
        append(store, [refusal("t-2"), refusal("t-1"), refusal("t-3")], [richer])

    require_equal(before, contents_of(store))
    for unused in ("t-2", "t-3"):
        with raises(TransactionNotFoundError):
            store.outcome(TransactionId(unused))


@check
def what_was_written_is_read_at_once(store: AccountStore) -> None:
    """After `transact` has returned, every read sees what it wrote."""
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100))
    for n in range(1, 4):
        transaction = bank.deposit("alice", eur(1), transaction_id=f"t-{n}")
        require_equal(eur(100 + n), store.account(ALICE).balance)
        require_equal([eur(100 + n)], [account.balance for account in store.accounts()])
        require_equal(transaction, store.outcome(transaction.id))
        require_equal(transaction, store.history(ALICE)[-1])
        require_equal(transaction, store.journal().records[-1])
        require_equal(transaction.postings[0], store.posting_at(ALICE, NOW))


@check
def what_was_read_does_not_change(store: AccountStore) -> None:
    """The result of a read and a snapshot stay as they were, whatever is written later."""
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100), transaction_id="t-1")
    bank.place_hold("alice", eur(1), expires_at=END, transaction_id="h-1")
    reads = ReadSet((TransactionId("t-1"), TransactionId("t-2")), (ALICE, AccountId("bob")))
    given = (
        store.account(ALICE),
        store.accounts(),
        store.journal().records,
        store.history(ALICE),
        store.holds_due(LAST_INSTANT),
        look(store, reads),
    )
    before = repr(given)
    bank.deposit("alice", eur(1), transaction_id="t-2")
    bank.open_account("bob", initial_balance=eur(7))
    bank.place_hold("alice", eur(1), expires_at=END, transaction_id="h-2")

    require_equal(before, repr(given))


@check
def every_decision_is_made_on_what_there_is(store: AccountStore) -> None:
    """The same `ReadSet`, used again, shows what has been written in between."""
    bank = bank_over(store)
    reads = ReadSet((TransactionId("t-1"),), (ALICE,))
    nothing = look(store, reads)
    bank.open_account("alice", initial_balance=eur(100), transaction_id="t-1")
    first = look(store, reads)
    bank.deposit("alice", eur(1))
    second = look(store, reads)

    require_equal(({}, {}), (dict(nothing.accounts), dict(nothing.recorded)))
    require_equal([eur(100), eur(101)], [each.accounts[ALICE].balance for each in (first, second)])
    require_equal(
        [TransactionId("t-1")] * 2, [key for each in (first, second) for key in each.recorded]
    )


@check
def many_records_are_one_unit(store: AccountStore) -> None:
    """A unit may write thousands of records and accounts, and all of them are kept."""
    numbers = range(2_000)
    bank_over(store).execute(
        OpenAccount(f"a-{n}", initial_balance=eur(n), transaction_id=f"t-{n}") for n in numbers
    )

    require_equal([f"t-{n}" for n in numbers], [each.id.value for each in journal_of(store)])
    require_equal(len(numbers), len(store.accounts(limit=10_000)))
    require_equal(
        sum(numbers), sum(each.balance.amount_minor for each in store.accounts(limit=10_000))
    )
