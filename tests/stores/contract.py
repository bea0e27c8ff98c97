"""
The store contract as checks that any store can be put to.

Each check takes an empty store, and fails with an ``AssertionError`` (or with whatever a
broken store raises) where a promise of `bankcore.store` is not kept. The stores that ship
pass all of them; the stores in ``test_broken_stores.py`` fail those that they were broken for.
"""

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import attrs
import pytest

from bankcore import (
    Account,
    AccountId,
    AccountStatus,
    AccountStore,
    Bank,
    Currency,
    Hold,
    Money,
    Restriction,
)
from bankcore.account import Holder, Right
from bankcore.commands import (
    Command,
    Deposit,
    ExpireHold,
    OpenAccount,
    PlaceHold,
    Reverse,
    Transfer,
    Withdraw,
)
from bankcore.errors import (
    RECORDED_ERRORS,
    AccountNotFoundError,
    AlreadyReversedError,
    InsufficientFundsError,
    InvalidCursorError,
    InvalidLimitError,
    StoreUnavailableError,
    TransactionNotFoundError,
)
from bankcore.ids import PrincipalId, TransactionId
from bankcore.store import Cursor, ReadSet, Snapshot, WriteSet
from bankcore.transaction import Posting, Refusal, Transaction
from every_command import EACH

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC)
LARGEST_MINOR: Final = 10**18 - 1

ALICE: Final = AccountId("alice")
BOB: Final = AccountId("bob")

Record = Transaction | Refusal
Check = Callable[[AccountStore], None]

#: Every check, by its name.
CHECKS: Final[dict[str, Check]] = {}


def _check(function: Check) -> Check:
    CHECKS[function.__name__] = function
    return function


# -- Helpers -----------------------------------------------------------------


def eur(minor: int) -> Money:
    return Money.from_minor(minor, "EUR")


def bank_over(store: AccountStore, *, clock: Callable[[], datetime] = lambda: NOW) -> Bank:
    """
    A bank whose time and ids are the same in every run.
    """
    numbers = count(1)
    return Bank(store, clock=clock, new_id=lambda: f"made-{next(numbers)}")


def journal_of(store: AccountStore, *, limit: int = 1000) -> list[Record]:
    """
    All records, read page by page.
    """
    records: list[Record] = []
    page = store.journal(limit=limit)
    while page.records:
        records += page.records
        page = store.journal(after=page.next, limit=limit)
    return records


def contents_of(store: AccountStore) -> tuple[list[Account], list[Record]]:
    """
    Everything that *store* says it holds.
    """
    return list(store.accounts(limit=10_000)), journal_of(store)


def append(
    store: AccountStore, records: Iterable[Record] = (), accounts: Iterable[Account] = ()
) -> WriteSet:
    """
    Write *records* and *accounts* as they are, in one unit.
    """
    written = WriteSet(tuple(accounts), tuple(records))
    reads = ReadSet(
        tuple(record.id for record in written.records),
        tuple(account.id for account in written.accounts),
    )
    return store.transact(reads, lambda _: written)


def refusal(transaction_id: str, *, at: datetime = NOW) -> Refusal:
    command = Deposit("nobody", eur(1), transaction_id=transaction_id)
    facts = {"account_id": AccountId("nobody")}
    return Refusal(TransactionId(transaction_id), command, at, "account_not_found", facts)


def exactly(values: Iterable[object]) -> list[tuple[object, str]]:
    """
    *values* with their reprs, which show what ``==`` does not compare, such as ids in commands.
    """
    return [(value, repr(value)) for value in values]


def let_others_run() -> None:
    """
    Lets another thread have the processor, in the middle of a unit that nobody should share.
    """
    time.sleep(0)  # gives up the GIL and waits for nothing


def in_threads(number: int, work: Callable[[int], None]) -> None:
    """
    Run *work* with 0, 1, … in as many threads, which start together; raises what one raised.
    """
    barrier = threading.Barrier(number)
    raised: list[BaseException] = []

    def run(index: int) -> None:
        try:
            barrier.wait()
            work(index)
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            raised.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def _one_by_one(
    store: AccountStore, reads: ReadSet, account_id: AccountId, transaction_id: str
) -> None:
    """
    Add one cent to the account as it was read, with no help from the rules.
    """

    def decide(snapshot: Snapshot) -> WriteSet:
        command = Deposit(account_id, eur(1), transaction_id=transaction_id)
        after = snapshot.accounts[account_id].deposit(eur(1), booked_at=NOW)
        posting = Posting(
            account_id, eur(1), after.balance, after.held, after.overdraft_limit, after.version
        )
        record = Transaction(TransactionId(transaction_id), command, NOW, (posting,))
        let_others_run()
        return WriteSet((after,), (record,))

    store.transact(reads, decide)


# -- transact ----------------------------------------------------------------


@_check
def transact_gives_what_decide_gave(store: AccountStore) -> None:
    """
    `transact` returns the very `WriteSet` that *decide* came to.
    """
    written = WriteSet(records=(refusal("t-1"),), outcomes=(InsufficientFundsError,))  # type: ignore[arg-type]  # a store ignores outcomes, whatever they are

    given = store.transact(ReadSet((), ()), lambda _: written)

    assert given is written


@_check
def decide_sees_what_is_named_and_nothing_else(store: AccountStore) -> None:
    """
    A snapshot has an entry for each thing named that there is; what is absent has none.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100), transaction_id="t-alice")
    bank.open_account("bob", initial_balance=eur(200), transaction_id="t-bob")
    with pytest.raises(AccountNotFoundError):
        bank.deposit("nobody", eur(1), transaction_id="t-refused")
    seen: list[Snapshot] = []

    def decide(snapshot: Snapshot) -> WriteSet:
        seen.append(snapshot)
        return WriteSet()

    t_bob, t_refused = TransactionId("t-bob"), TransactionId("t-refused")
    store.transact(
        ReadSet((t_refused, TransactionId("t-none"), t_bob), (AccountId("carol"), ALICE)), decide
    )
    store.transact(ReadSet((), ()), decide)
    named, nothing = seen[0], seen[-1]

    assert {ALICE: store.account(ALICE)} == dict(named.accounts)
    assert {t_bob: store.outcome(t_bob), t_refused: store.outcome(t_refused)} == dict(
        named.recorded
    )
    assert ({}, {}) == (dict(nothing.accounts), dict(nothing.recorded))


@_check
def a_unit_may_name_thousands(store: AccountStore) -> None:
    """
    A `ReadSet` names any number of ids, and each gets its answer.
    """
    bank = bank_over(store)
    numbers = range(1, 1_203)
    bank.execute(
        OpenAccount(f"a-{n}", initial_balance=eur(n), transaction_id=f"t-{n}") for n in numbers
    )
    seen: list[Snapshot] = []

    def decide(snapshot: Snapshot) -> WriteSet:
        seen.append(snapshot)
        return WriteSet()

    reads = ReadSet(
        tuple(TransactionId(f"t-{n}") for n in reversed(numbers)),
        tuple(AccountId(f"a-{n}") for n in reversed(numbers)),
    )
    store.transact(reads, decide)

    assert {f"a-{n}": n for n in numbers} == {
        key.value: account.balance.amount_minor for key, account in seen[-1].accounts.items()
    }
    assert {f"t-{n}": f"a-{n}" for n in numbers} == {
        key.value: record.command.account_ids[0].value for key, record in seen[-1].recorded.items()
    }


@_check
def decide_raising_passes_unchanged(store: AccountStore) -> None:
    """
    If *decide* raises, nothing is written and the exception passes unchanged.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100))
    before = contents_of(store)

    for error in (
        RuntimeError("a bug"),
        KeyError("alice"),
        AccountNotFoundError(ALICE),
        StoreUnavailableError("of another store"),
        OSError(5, "of a file"),
        sqlite3.OperationalError("of a database that decide asked"),
        KeyboardInterrupt(),
        SystemExit(3),
    ):

        def decide(_: Snapshot, error: BaseException = error) -> WriteSet:
            raise error

        with pytest.raises(BaseException) as raised:  # noqa: PT011  # compared by identity below
            store.transact(ReadSet((TransactionId("t-1"),), (ALICE,)), decide)

        assert error is raised.value
        assert before == contents_of(store)
    assert eur(101) == bank.deposit("alice", eur(1)).postings[0].balance


@_check
def nothing_to_write_writes_nothing(store: AccountStore) -> None:
    """
    A unit in which nothing was decided leaves no trace.
    """
    bank_over(store).open_account("alice", initial_balance=eur(100))
    before = contents_of(store)

    given = store.transact(ReadSet((), (ALICE,)), lambda _: WriteSet())

    assert WriteSet() == given
    assert before == contents_of(store)


@_check
def an_id_has_one_record_that_never_changes(store: AccountStore) -> None:
    """
    A transaction id has one record, and a record never changes: a second is not taken.
    """
    first = refusal("t-1")
    append(store, [first])

    with pytest.raises(Exception):  # noqa: B017, PT011  # which error, is the store's own business
        append(store, [refusal("t-1", at=NOW + timedelta(days=1))])

    assert first == store.outcome(TransactionId("t-1"))
    assert [first] == journal_of(store)


@_check
def a_unit_is_written_whole_or_not_at_all(store: AccountStore) -> None:
    """
    Where one record of a unit cannot be written, nothing of the unit is.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100), transaction_id="t-1")
    before = contents_of(store)
    richer = store.account(ALICE).deposit(eur(1), booked_at=NOW)

    with pytest.raises(Exception):  # noqa: B017, PT011  # which error, is the store's own business
        append(store, [refusal("t-2"), refusal("t-1"), refusal("t-3")], [richer])

    assert before == contents_of(store)
    for unused in ("t-2", "t-3"):
        with pytest.raises(TransactionNotFoundError):
            store.outcome(TransactionId(unused))


@_check
def what_was_written_is_read_at_once(store: AccountStore) -> None:
    """
    When `transact` has returned, every read gives what it wrote, in every thread.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100))
    for n in range(1, 4):
        transaction = bank.deposit("alice", eur(1), transaction_id=f"t-{n}")

        def read(_: int, n: int = n, transaction: Transaction = transaction) -> None:
            assert eur(100 + n) == store.account(ALICE).balance
            assert [eur(100 + n)] == [account.balance for account in store.accounts()]
            assert transaction == store.outcome(transaction.id)
            assert transaction == store.history(ALICE)[-1]
            assert transaction == store.journal().records[-1]
            assert transaction.postings[0] == store.posting_at(ALICE, NOW)

        read(0)
        in_threads(1, read)


@_check
def units_that_share_an_account_take_turns(store: AccountStore) -> None:
    """
    Two units that share an account behave as if one ran after the other.
    """
    bank_over(store).open_account("alice", initial_balance=eur(0))

    def add(thread: int) -> None:
        for n in range(10):
            _one_by_one(store, ReadSet((), (ALICE,)), ALICE, f"t-{thread}-{n}")

    in_threads(4, add)

    assert (eur(40), 41) == (store.account(ALICE).balance, store.account(ALICE).version)
    assert list(range(1, 42)) == [
        transaction.posting(ALICE).version for transaction in store.history(ALICE)
    ]


@_check
def units_that_share_an_id_take_turns(store: AccountStore) -> None:
    """
    Two units that share an id behave as if one ran after the other: the second sees the record.
    """
    made: list[int] = []

    def claim(thread: int) -> None:
        for n in range(10):
            record = refusal(f"t-{n}")

            def decide(snapshot: Snapshot, record: Refusal = record) -> WriteSet:
                let_others_run()
                return WriteSet() if snapshot.recorded else WriteSet(records=(record,))

            made.extend(thread for _ in store.transact(ReadSet((record.id,), ()), decide).records)

    in_threads(4, claim)

    assert 10 == len(made)
    assert [f"t-{n}" for n in range(10)] == sorted(record.id.value for record in journal_of(store))


# -- The journal -------------------------------------------------------------


@_check
def records_keep_the_order_they_were_written_in(store: AccountStore) -> None:
    """
    The journal has the records of one unit in their order, and units in the order of commits.
    """
    ids = ["t-9", "t-1", "t-5", "A", "z", "t-0"]
    append(store, map(refusal, ids[:4]))
    append(store, map(refusal, ids[4:]))

    assert ids == [record.id.value for record in journal_of(store)]


@_check
def the_journal_is_read_page_by_page(store: AccountStore) -> None:
    """
    Whatever the size of the pages, all records come, each once and in order.
    """
    _fill(store)
    records = list(store.journal(limit=10_000).records)

    assert len(records) > 12
    for limit in (1, 2, 3, 5, len(records) - 1, len(records), len(records) + 1):
        assert exactly(records) == exactly(journal_of(store, limit=limit))
        assert min(limit, len(records)) == len(store.journal(limit=limit).records)


@_check
def an_empty_page_keeps_the_place(store: AccountStore) -> None:
    """
    An empty page means that there is no more yet; its ``next`` is the place asked from.
    """
    beginning = store.journal()
    append(store, [refusal("t-1"), refusal("t-2")])
    end = store.journal().next
    at_end = store.journal(after=end)
    append(store, [refusal("t-3")])

    assert ((), None) == (beginning.records, beginning.next)
    assert ((), end) == (at_end.records, at_end.next)
    assert ["t-3"] == [record.id.value for record in store.journal(after=at_end.next).records]


@_check
def the_journal_extends_every_order_of_versions(store: AccountStore) -> None:
    """
    The order of the journal extends every account's order of versions, with no gap in any.
    """
    _fill(store)
    versions: dict[AccountId, list[int]] = {}
    for record in journal_of(store, limit=3):
        for posting in record.postings if isinstance(record, Transaction) else ():
            versions.setdefault(posting.account_id, []).append(posting.version)

    assert {
        account.id: list(range(1, account.version + 1)) for account in store.accounts()
    } == versions


@_check
def refusals_are_records(store: AccountStore) -> None:
    """
    A refusal is found under its id, by `transact` too, and stands in the journal.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(5), transaction_id="t-1")
    with pytest.raises(InsufficientFundsError) as raised:
        bank.withdraw("alice", eur(7), transaction_id="t-2")
    bank.deposit("alice", eur(100), transaction_id="t-3")
    with pytest.raises(InsufficientFundsError) as again:
        bank.withdraw("alice", eur(7), transaction_id="t-2")
    recorded = store.outcome(TransactionId("t-2"))

    assert isinstance(recorded, Refusal)
    assert (raised.value.facts, True) == (again.value.facts, again.value.replayed)
    assert raised.value.facts == recorded.to_error().facts
    assert ["t-1", "t-2", "t-3"] == [record.id.value for record in journal_of(store)]
    assert recorded == journal_of(store)[1]


@_check
def a_foreign_cursor_is_refused(store: AccountStore) -> None:
    """
    `InvalidCursorError`, if *after* is not a cursor of this store.
    """
    append(store, [refusal("t-1")])

    for token in ("", " ", "x", "-1", "+1", "1.0", "1e3", "0x1", " 1", "1\n", "1_0", "١", "²"):
        with pytest.raises(InvalidCursorError):
            store.journal(after=Cursor(token))
    for token in ("9" * 30, "1" * 100_000, "1'; DROP TABLE bankcore_journal; --"):
        with pytest.raises(InvalidCursorError):
            store.journal(after=Cursor(token))


@_check
def a_place_beyond_the_end_has_no_more_yet(store: AccountStore) -> None:
    """
    After a place that the journal has not reached, there is no more yet.
    """
    append(store, [refusal("t-1")])
    for token in ("2", "1000", "9" * 18):
        page = store.journal(after=Cursor(token))

        assert ((), Cursor(token)) == (page.records, page.next)


# -- Accounts and their histories --------------------------------------------


@_check
def accounts_come_in_the_order_of_their_ids(store: AccountStore) -> None:
    """
    The accounts come in the order of their ids' characters, however small the pages.
    """
    ids = ["b", "a", "B", "A", "_", "0", "10", "9", "a.", "a-", "aa", "a" * 64, "Z", "z"]
    bank = bank_over(store)
    bank.execute(OpenAccount(each, initial_balance=eur(0)) for each in ids)

    assert sorted(ids) == [account.id.value for account in store.accounts()]
    for limit in (1, 2, 5, len(ids)):
        assert sorted(ids) == [account.id.value for account in _paged(store, limit)]
    # Accounts that are opened between two pages come too.
    bank.open_account("a0", initial_balance=eur(0))
    bank.open_account("z0", initial_balance=eur(0))

    assert sorted([*ids, "a0", "z0"]) == [account.id.value for account in store.accounts()]


@_check
def accounts_begin_after_an_id(store: AccountStore) -> None:
    """
    The accounts come after *after*, whether or not there is an account of that id.
    """
    bank = bank_over(store)
    bank.execute(OpenAccount(each, initial_balance=eur(0)) for each in ("b", "d", "f"))

    for after, expected in (
        (None, "b d f"),
        ("a", "b d f"),
        ("b", "d f"),
        ("c", "d f"),
        ("e", "f"),
        ("f", ""),
        ("z", ""),
    ):
        given = store.accounts(after=None if after is None else AccountId(after))

        assert expected.split() == [account.id.value for account in given]


@_check
def a_history_is_read_by_versions(store: AccountStore) -> None:
    """
    A history comes in the order of versions, from version *after* + 1 on, in any pages.
    """
    _fill(store)
    for account in store.accounts():
        whole = [r for r in journal_of(store) if _touches(r, account.id)]

        assert exactly(whole) == exactly(store.history(account.id))
        for after in range(-1, account.version + 2):
            for limit in (1, 2, 1000):
                expected = whole[max(after, 0) : max(after, 0) + limit]

                given = store.history(account.id, after=after, limit=limit)

                assert expected == list(given)


@_check
def a_history_ends_after_its_last_version(store: AccountStore) -> None:
    """
    There is nothing after the last version, however large the number asked for.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1))
    for after in (1, 2, 10**18, 2**63 - 1, 2**63, 10**30):
        assert [] == list(store.history(ALICE, after=after))


@_check
def postings_are_found_by_instant(store: AccountStore) -> None:
    """
    `posting_at` gives the last posting booked at or before the instant; None before the first.
    """
    bank = bank_over(store)
    tick = timedelta(microseconds=1)
    # Three at one instant: the last of them counts.
    hours = [0, 1, 1, 1, 5, 6]
    instants = [NOW - timedelta(hours=10 - hour) for hour in hours]
    bank.open_account("alice", initial_balance=eur(1), booked_at=instants[0])
    for instant in instants[1:]:
        bank.deposit("alice", eur(1), booked_at=instant)
    bank.open_account("bob", initial_balance=eur(7))

    for version, instant in enumerate(instants, start=1):
        last = max(n for n, other in enumerate(instants, start=1) if other == instant)

        assert last == _version_at(store, instant)
        assert last == _version_at(store, instant + tick)
        if version == 1 or instants[version - 2] < instant:
            assert version - 1 == _version_at(store, instant - tick)
    assert 0 == _version_at(store, FIRST_INSTANT)
    assert len(instants) == _version_at(store, LAST_INSTANT)
    assert eur(7) == _not_none(store.posting_at(BOB, NOW)).balance


@_check
def postings_are_found_at_the_ends_of_time(store: AccountStore) -> None:
    """
    Postings of the years 1 and 9999 are found at their instants, and not before.
    """
    bank = bank_over(store, clock=lambda: LAST_INSTANT)
    tick = timedelta(microseconds=1)
    bank.open_account("alice", initial_balance=eur(1), booked_at=FIRST_INSTANT)
    bank.deposit("alice", eur(1), booked_at=LAST_INSTANT)

    assert 1 == _version_at(store, FIRST_INSTANT)
    assert 1 == _version_at(store, LAST_INSTANT - tick)
    assert 2 == _version_at(store, LAST_INSTANT)


@_check
def what_is_unknown_is_an_error(store: AccountStore) -> None:
    """
    `AccountNotFoundError` and `TransactionNotFoundError` say the id that is not there.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1), transaction_id="t-1")
    # Ids are case-sensitive, and an account's is not a transaction's.
    for account_id in map(AccountId, ("Alice", "alic", "alice0", "t-1")):
        for ask in (
            store.account,
            store.history,
            lambda each: store.history(each, after=5, limit=1),
            lambda each: store.posting_at(each, NOW),
        ):
            with pytest.raises(AccountNotFoundError) as raised:
                ask(account_id)

            assert account_id == raised.value.account_id
    for transaction_id in map(TransactionId, ("T-1", "t-", "t-11", "alice")):
        with pytest.raises(TransactionNotFoundError) as missing:
            store.outcome(transaction_id)

        assert transaction_id == missing.value.transaction_id


@_check
def an_empty_store_has_nothing(store: AccountStore) -> None:
    """
    A new store has no account and no record.
    """
    assert ([], []) == contents_of(store)


@_check
def limits_have_bounds(store: AccountStore) -> None:
    """
    Every *limit* is 1 to 10,000, and `InvalidLimitError` otherwise.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1))
    for limit in (0, -1, 10_001, 10**20, -(10**20), 10**5000, True, 1.0, "5", b"5", None):
        for ask in (
            lambda each: store.accounts(limit=each),
            lambda each: store.journal(limit=each),
            lambda each: store.history(ALICE, limit=each),
            lambda each: store.holds_due(LAST_INSTANT, limit=each),
        ):
            with pytest.raises(InvalidLimitError):
                ask(limit)
    for limit in (1, 10_000):
        assert 1 == len(store.accounts(limit=limit))
        assert 1 == len(store.journal(limit=limit).records)
        assert 1 == len(store.history(ALICE, limit=limit))


# -- Reversals ---------------------------------------------------------------


@_check
def an_original_comes_with_its_accounts(store: AccountStore) -> None:
    """
    A unit that names an original sees its record, every account that it touched, and what has
    reversed it; nothing of what is not there.
    """
    bank = bank_over(store)
    for each in ("alice", "bob", "carol"):
        bank.open_account(each, initial_balance=eur(10))
    bank.transfer("alice", "bob", eur(3), transaction_id="t-1")
    bank.transfer("bob", "carol", eur(1), transaction_id="t-2")
    bank.reverse("t-1", transaction_id="r-1")
    originals = tuple(map(TransactionId, ("t-1", "t-2", "t-none")))
    seen: list[Snapshot] = []

    def look(snapshot: Snapshot) -> WriteSet:
        seen.append(snapshot)
        return WriteSet()

    store.transact(ReadSet((), (), originals[:1]), look)
    store.transact(ReadSet((), (), originals), look)

    assert {"t-1"} == {each.value for each in seen[0].recorded}
    assert {"alice", "bob"} == {each.value for each in seen[0].accounts}
    assert [store.account(ALICE), store.account(BOB)] == [
        seen[0].accounts[ALICE],
        seen[0].accounts[BOB],
    ]
    assert {"t-1", "t-2"} == {each.value for each in seen[1].recorded}
    assert {"alice", "bob", "carol"} == {each.value for each in seen[1].accounts}
    for snapshot in seen:
        assert {TransactionId("t-1"): TransactionId("r-1")} == snapshot.reversals


@_check
def a_transaction_is_reversed_once(store: AccountStore) -> None:
    """
    Of many reversals of one transaction at once, one is booked, and the others know of it.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(10))
    bank.deposit("alice", eur(5), transaction_id="t-1")
    refused: list[AlreadyReversedError] = []

    def reverse(number: int) -> None:
        try:
            bank_over(store).reverse("t-1", transaction_id=f"r-{number}")
        except AlreadyReversedError as error:
            refused.append(error)

    in_threads(6, reverse)
    reversal = bank.reversed_by("t-1")

    assert reversal is not None
    assert [reversal.id] * 5 == [error.reversed_by for error in refused]
    assert eur(10) == bank.account("alice").balance


# -- Holds -------------------------------------------------------------------


@_check
def holds_stay_as_they_were_written(store: AccountStore) -> None:
    """
    An account's holds come back in the order in which they were placed, whatever happened to
    some of them since.
    """
    ends = [NOW + timedelta(days=days) for days in range(6)]
    account = Account.open(ALICE, initial_balance=eur(100), booked_at=NOW)
    states = [account]
    # Not in the order of their ids.
    for number, hold_id in enumerate(("h-5", "h-1", "h-3", "h-2")):
        account = account.place_hold(
            hold_id, eur(10), expires_at=ends[number + 1], description=f"hold {number}"
        )
        states.append(account)
    states.append(account.capture_hold("h-3", eur(4), final=False))
    states.append(states[-1].extend_hold("h-1", None))
    states.append(states[-1].release_hold("h-5"))
    states.append(states[-1].place_hold("h-4", eur(1)))
    states.append(states[-1].capture_hold("h-2"))
    for number, state in enumerate(states):
        append(store, [refusal(f"t-{number}")], [state])

        assert exactly([state]) == exactly([store.account(ALICE)])
        assert exactly([state]) == exactly(store.accounts())


@_check
def due_holds_are_found(store: AccountStore) -> None:
    """
    The open holds that expire before the instant come with their accounts, the earliest first
    and a page at a time; one that expires at the instant is not among them, nor one that never
    expires.
    """
    soon, later = NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)
    placed: dict[str, dict[str, datetime | None]] = {
        "bob": {"h-1": later, "h-2": None, "h-3": soon},
        "alice": {"h-5": soon, "h-4": soon, "h-6": soon - timedelta(microseconds=1)},
    }
    accounts = {}
    for number, (name, ends) in enumerate(placed.items()):
        account = Account.open(name, initial_balance=eur(100), booked_at=NOW)
        for hold_id, expires_at in ends.items():
            account = account.place_hold(hold_id, eur(1), expires_at=expires_at)
        accounts[name] = account
        append(store, [refusal(f"t-{number}")], [account])
    order = [("alice", "h-6"), ("alice", "h-4"), ("alice", "h-5"), ("bob", "h-3"), ("bob", "h-1")]
    expected = [(AccountId(name), accounts[name].open_hold(hold_id)) for name, hold_id in order]

    assert expected == list(store.holds_due(LAST_INSTANT))
    assert expected[:4] == list(store.holds_due(later))
    assert expected[:1] == list(store.holds_due(soon))
    assert [] == list(store.holds_due(NOW))
    for limit in range(1, 6):
        assert expected[:limit] == list(store.holds_due(LAST_INSTANT, limit=limit))
    append(store, [refusal("t-9")], [accounts["alice"].release_hold("h-4")])

    assert [each for each in expected if each[1].id.value != "h-4"] == list(
        store.holds_due(LAST_INSTANT)
    )


# -- Fidelity ----------------------------------------------------------------


@_check
def what_comes_back_equals_what_was_written(store: AccountStore) -> None:
    """
    Every record and account comes back as it was written, field by field, on every way.
    """
    written = list(cases())
    records = [record for record, _ in written]
    accounts = sorted(
        (account for _, touched in written for account in touched), key=lambda each: each.id
    )
    append(store, records, accounts)
    seen: list[Snapshot] = []

    def decide(snapshot: Snapshot) -> WriteSet:
        seen.append(snapshot)
        return WriteSet()

    reads = ReadSet(tuple(r.id for r in records), tuple(a.id for a in accounts))
    store.transact(reads, decide)

    assert exactly(records) == exactly(journal_of(store))
    assert exactly(records) == exactly(store.outcome(record.id) for record in records)
    assert exactly(records) == exactly(seen[-1].recorded[record.id] for record in records)
    assert exactly(accounts) == exactly(store.accounts())
    assert exactly(accounts) == exactly(store.account(account.id) for account in accounts)
    assert exactly(accounts) == exactly(seen[-1].accounts[account.id] for account in accounts)
    for record, touched in written:
        for account in touched:
            assert exactly([record]) == exactly(store.history(account.id))
            assert isinstance(record, Transaction)
            assert record.posting(account.id) == store.posting_at(account.id, LAST_INSTANT)


DESCRIPTIONS: Final = (
    None,
    "",
    " ",
    "null",
    "'; DROP TABLE bankcore_journal; --",
    '"quoted" \\ \\u0041 \\" {"a":[1]}',
    "=HYPERLINK(1)",
    "Zoë čeština",
    "日本語 العربية עברית",
    "\u202eright to left\u202c \u200bno width\ufeff",
    "👩\u200d👩\u200d👧 🏳️\u200d🌈 𝒳",
    "not characters: \ufffe \U0010ffff \ue000",
    "🐝" * 500,
)
PRINCIPALS: Final = (None, "", "teller-7", "Zoë 🐝 \"'\\", "a" * 1000)
INSTANTS: Final = (
    FIRST_INSTANT,
    FIRST_INSTANT + timedelta(microseconds=1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 30, 15, 123_456, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    LAST_INSTANT,
)
CURRENCIES: Final = (
    *(Currency(f"OWN{exponent}", exponent=exponent) for exponent in range(19)),
    *map(Currency, ("EUR", "JPY", "BHD", "CZK")),
    # A code of ISO 4217 with an exponent of the application's own.
    Currency("EUR", exponent=4),
)
AMOUNTS: Final = (1, 10**15 + 1, 2**53 + 1, LARGEST_MINOR)
EUR: Final = Currency("EUR")
END: Final = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
EXPIRY: Final = ExpireHold("a", "h-1", transaction_id=TransactionId("expiry:a:7"))


def cases() -> Iterator[tuple[Record, tuple[Account, ...]]]:  # noqa: C901  # tables in loops
    """
    Records of every kind with all that can be in them, and the accounts they touch.
    """
    numbers = count()
    for currency in CURRENCIES:
        for amount in AMOUNTS:
            yield _case(next(numbers), OpenAccount, currency=currency, amount=amount)
    for kind in (OpenAccount, Deposit, Withdraw, Transfer):
        for description in DESCRIPTIONS:
            yield _case(next(numbers), kind, description=description)
        for principal in PRINCIPALS:
            yield _case(next(numbers), kind, principal=principal)
        for instant in INSTANTS:
            yield _case(next(numbers), kind, at=instant, booked_at=instant)
            yield _case(next(numbers), kind, at=instant)
    for command in (*EACH, EXPIRY):
        yield from _cases_of(type(command), numbers)
    for code, error in RECORDED_ERRORS.items():
        for currency in CURRENCIES:
            for instant, principal in zip(INSTANTS, (*PRINCIPALS, None, "x"), strict=True):
                yield (
                    _refusal_case(next(numbers), code, error, currency, instant, principal),
                    (),
                )


def _cases_of(
    kind: type[Command], numbers: Iterator[int]
) -> Iterator[tuple[Record, tuple[Account, ...]]]:
    """
    Transactions of this kind, and a refusal of an atomic batch that had every kind in it.
    """
    yield _case(next(numbers), kind)
    yield _case(next(numbers), kind, description="Zoë \"'\\", at=LAST_INSTANT)
    yield _case(next(numbers), kind, booked_at=FIRST_INSTANT, at=FIRST_INSTANT)
    code = "hold_exceeded"
    refused = _refusal_case(next(numbers), code, RECORDED_ERRORS[code], EUR, NOW, None)
    asked = _command(kind, next(numbers), eur(5), {})
    assert asked.transaction_id is not None
    batch = tuple(_command(type(each), next(numbers), eur(7), {}) for each in EACH)
    yield attrs.evolve(refused, command=asked, id=asked.transaction_id, batch=batch), ()


def _case(
    number: int,
    kind: type[Command],
    *,
    currency: Currency = CURRENCIES[-1],
    amount: int = 12_345,
    at: datetime = NOW,
    **given: Any,  # fields of commands, and the principal
) -> tuple[Transaction, tuple[Account, ...]]:
    principal = given.pop("principal", None)
    command = _command(kind, number, Money.from_minor(amount, currency), given)
    # Accounts in every state that can be stored; a store compares none of it with the command.
    largest = Money.from_minor(LARGEST_MINOR, currency)
    money, nothing = Money.from_minor(amount, currency), Money.zero(currency)
    states: tuple[dict[str, Any], ...] = (
        {"balance": nothing, "overdraft_limit": money, "status": AccountStatus.CLOSED},
        {
            "balance": -money,
            "overdraft_limit": largest,
            "restriction": Restriction.DEBITS,
            "restriction_reason": DESCRIPTIONS[number % len(DESCRIPTIONS)] or "theft",
            "restriction_ends_at": at if at.year < 9999 else None,
            "holders": (Holder("\"\\'|", Right), Holder("mary@example.org", [Right.READ])),
        },
        {
            "balance": money,
            "holds": (Hold(id=f"h-{number}", amount=money, description="Zoë", expires_at=END),),
            "restriction": Restriction.NONE,
            "restriction_reason": "lifted",
        },
    )
    accounts, postings = [], []
    touched = (
        (AccountId(f"made-{number}"),)
        if isinstance(command, Reverse)
        else command.account_ids or (AccountId(f"made-{number}"),)
    )
    for line, account_id in enumerate(touched, start=number):
        account = Account(
            id=account_id, version=1, last_booked_at=at, **states[line % len(states)]
        )
        balance, held, limit = account.balance, account.held, account.overdraft_limit
        accounts.append(account)
        signed = Money.from_minor(-amount if line % 2 else amount, currency)
        postings.append(Posting(account_id, signed, balance, held, limit, 1))
    assert command.transaction_id is not None
    return (
        Transaction(command.transaction_id, command, at, tuple(postings), principal),
        tuple(accounts),
    )


def _command(kind: type[Command], number: int, amount: Money, given: dict[str, Any]) -> Command:
    transaction_id = f"t-{number}"
    if kind is OpenAccount:
        return OpenAccount(
            # Without an id, the bank makes one.
            None if number % 3 == 0 else f"a-{number}",
            initial_balance=Money.zero(amount.currency) if number % 2 else amount,
            overdraft_limit=amount if number % 2 else None,
            transaction_id=transaction_id,
            **given,
        )
    if kind is Transfer:
        return Transfer(
            f"z-{number}", f"a-{number}", amount, transaction_id=transaction_id, **given
        )
    if kind in {Deposit, Withdraw}:
        return kind(f"a-{number}", amount, transaction_id=transaction_id, **given)
    # Each with accounts of its own, and with every other field as it is in the list.
    own: dict[str, Any] = {"transaction_id": transaction_id, **given}
    sample = next(each for each in (*EACH, EXPIRY) if type(each) is kind)
    if kind is ExpireHold:
        own["transaction_id"] = TransactionId(f"expiry:a-{number}:7")
    for field in attrs.fields(kind):
        value = getattr(sample, field.name)
        if isinstance(value, AccountId):
            own[field.name] = f"{value}-{number}"
        elif field.name == "legs":
            own["legs"] = [(f"{leg}-{number}", money) for leg, money in value]
    if kind is Reverse:
        own["original_id"] = f"o-{number}"
    return attrs.evolve(sample, **own)


def _refusal_case(
    number: int,
    code: str,
    error: type[Any],
    currency: Currency,
    at: datetime,
    principal: str | None,
) -> Refusal:
    largest = Money.from_minor(LARGEST_MINOR, currency)
    facts = {
        "account_id": AccountId("_.-aZ9"),
        "transaction_id": TransactionId("0" * 64),
        "available": -largest,
        "balance": Money.zero(currency),
        "requested": largest,
        "left": -largest,
        "hold_id": TransactionId("h-1"),
        "hold_ids": tuple(TransactionId(f"h-{each}") for each in range(number % 4)),
        "holds_max": number,
        "holders_max": number,
        "principal": PrincipalId("\"'\\|"),
        "reason": DESCRIPTIONS[-2],
        "restriction": (*Restriction,)[number % 4],
        "ends_at": at if number % 2 else None,
        "command": "close_account",
        "reversed_by": TransactionId("r-1"),
    }
    kind = (OpenAccount, Deposit, Withdraw, Transfer)[number % 4]
    command = _command(kind, number, largest, {"booked_at": at if number % 2 else None})
    assert command.transaction_id is not None
    return Refusal(
        command.transaction_id,
        command,
        at,
        code,
        {field.name: facts[field.name] for field in attrs.fields(error)},
        principal,
    )


# -- What the checks share ---------------------------------------------------


def _fill(store: AccountStore) -> None:
    """
    Four accounts, and sixty random commands on them, some refused and some in batches.
    """
    dice = random.Random(2026)  # the same every time
    bank = bank_over(store)
    ids = ["alice", "bob", "carol", "dave"]
    bank.execute(OpenAccount(each, initial_balance=eur(50)) for each in ids)
    commands: list[Command] = []
    for n in range(60):
        source, destination = dice.sample(ids, 2)
        amount = eur(dice.randint(1, 60))
        commands.append(
            dice.choice(
                (
                    Deposit(source, amount, transaction_id=f"t-{n}"),
                    Withdraw(source, amount, transaction_id=f"t-{n}"),
                    Transfer(source, destination, amount, transaction_id=f"t-{n}"),
                    PlaceHold(source, amount, expires_at=END, transaction_id=f"t-{n}"),
                    Reverse(f"t-{dice.randint(0, n)}", transaction_id=f"t-{n}"),
                )
            )
        )
        if dice.random() < 0.4:
            bank.execute(commands)
            commands = []
    bank.execute(commands)


def _paged(store: AccountStore, limit: int) -> Iterator[Account]:
    page: Sequence[Account] = store.accounts(limit=limit)
    while page:
        assert len(page) <= limit
        yield from page
        page = store.accounts(after=page[-1].id, limit=limit)


def _touches(record: Record, account_id: AccountId) -> bool:
    return isinstance(record, Transaction) and any(
        posting.account_id == account_id for posting in record.postings
    )


def _version_at(store: AccountStore, instant: datetime) -> int:
    posting = store.posting_at(ALICE, instant)
    return 0 if posting is None else posting.version


def _not_none(posting: Posting | None) -> Posting:
    assert posting is not None
    return posting
