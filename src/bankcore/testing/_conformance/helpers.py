"""Functions that the checks share: a bank whose runs are all the same, and reads of a store."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final, ParamSpec, TypeVar

from bankcore import Account, AccountId, AccountStore, Bank, Money, TransactionId
from bankcore.commands import SENT, Command, Deposit, OpenAccount, Reverse
from bankcore.ledger import Posting, ReadSet, Refusal, Snapshot, Transaction, WriteSet
from bankcore.ledger._errors import StoreUnavailableError
from bankcore.testing._commands import FIELDS, command_of, values_of
from bankcore.testing._conformance.failing import require, require_equal
from bankcore.values._errors import BankError, StoreError

Record = Transaction | Refusal
Work = Callable[[], object]
_Result = TypeVar("_Result")
_Given = ParamSpec("_Given")

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC)

ALICE: Final = AccountId("alice")
BOB: Final = AccountId("bob")
#: The last instant at which a hold may end.
END: Final = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)

# Seconds in which another thread can begin and end a unit.
_MOMENT: Final = 0.0005

# The most attempts of a unit that finds the store busy, or whose outcome is unknown.
_ATTEMPTS: Final = 1000


def eur(minor: int) -> Money:
    """Return so many cents."""
    return Money.from_minor(minor, "EUR")


def bank_over(
    store: AccountStore,
    *,
    clock: Callable[[], datetime] = lambda: NOW,
    deadline: timedelta = timedelta(seconds=30),  # immutable
) -> Bank:
    """Return a bank whose time and ids are the same in every run."""
    numbers = count(1)
    return Bank(store, clock=clock, new_id=lambda: f"made-{next(numbers)}", deadline=deadline)


def journal_of(store: AccountStore, *, limit: int = 1000) -> list[Record]:
    """Return all records, read page by page."""
    records: list[Record] = []
    page = store.journal(limit=limit)
    while page.records:
        records += page.records
        page = store.journal(after=page.next, limit=limit)
    return records


def contents_of(store: AccountStore) -> tuple[list[Account], list[Record]]:
    """Return all accounts and records of *store*."""
    return list(paged(store, 10_000)), journal_of(store)


def append(
    store: AccountStore, records: Iterable[Record] = (), accounts: Iterable[Account] = ()
) -> WriteSet:
    """Write *records* and *accounts* as they are, in one unit."""
    written = WriteSet(tuple(accounts), tuple(records))
    reads = ReadSet(
        tuple(record.id for record in written.records),
        tuple(account.id for account in written.accounts),
    )
    return store.transact(reads, lambda _: written)


def refusal(transaction_id: str, *, at: datetime = NOW) -> Refusal:
    """Return a small record with this id."""
    command = Deposit("nobody", eur(1), transaction_id=transaction_id)
    facts = {"account_id": AccountId("nobody")}
    return Refusal(TransactionId(transaction_id), command, at, "account_not_found", facts)


def exactly(values: Iterable[object]) -> list[tuple[object, str]]:
    """
    Return *values* with their reprs, which show what ``==`` ignores, such as a command's id.
    """
    return [(value, repr(value)) for value in values]


def let_others_run() -> None:
    """Wait, so that other threads and processes can run in the middle of a unit."""
    time.sleep(_MOMENT)


def in_threads(number: int, work: Callable[[int], None]) -> None:
    """Run *work* with 0, 1, … in threads that start together; raise an error of one of them."""
    barrier = threading.Barrier(number)
    raised: list[BaseException] = []

    def run(index: int) -> None:
        try:
            barrier.wait()
            work(index)
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            raised.append(error)

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def answers_of_waiting(store: AccountStore, works: Sequence[Work]) -> list[Any]:
    """
    Return what *works* give or raise, in threads of their own.

    A unit is kept in its *decide* until all of them have begun, so that they wait for it in a
    store that has one unit at a time.
    """
    is_held, have_begun = threading.Event(), threading.Event()
    begun: list[int] = []
    answers: dict[int, object] = {}

    def hold(_: Snapshot) -> WriteSet:
        is_held.set()
        have_begun.wait()
        let_others_run()
        return WriteSet()

    def run(index: int) -> None:
        if index == len(works):
            with suppress(StoreError):  # it may be made to fail
                store.transact(ReadSet((), ()), hold)
            return
        is_held.wait()
        begun.append(index)
        if len(begun) == len(works):
            have_begun.set()
        answers[index] = answer_of(works[index])

    in_threads(len(works) + 1, run)
    return [answers[index] for index in range(len(works))]


def answer_of(work: Work) -> object:
    """Return what *work* gives, or the error that it raises."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  # the check compares it
        return error


def retried(
    work: Callable[_Given, _Result], *args: _Given.args, **kwargs: _Given.kwargs
) -> _Result:
    """Return the result of *work*, retried while others keep the store busy."""
    return retried_after((StoreUnavailableError,), work, *args, **kwargs)


def retried_after(
    errors: tuple[type[BankError], ...],
    work: Callable[_Given, _Result],
    *args: _Given.args,
    **kwargs: _Given.kwargs,
) -> _Result:
    """Return the result of *work*, retried after any of *errors*."""
    for _ in range(_ATTEMPTS):
        try:
            return work(*args, **kwargs)
        except errors:
            let_others_run()
    return work(*args, **kwargs)


def look(store: AccountStore, reads: ReadSet) -> Snapshot:
    """Return the snapshot of a unit that reads *reads*."""
    seen: list[Snapshot] = []

    def decide(snapshot: Snapshot) -> WriteSet:
        seen.append(snapshot)
        return WriteSet()

    store.transact(reads, decide)
    return seen[-1]


def add_one(
    store: AccountStore, reads: ReadSet, account_id: AccountId, transaction_id: str
) -> None:
    """Add one cent to the account as it was read, without the bank's rules."""

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


def fill(store: AccountStore) -> None:
    """
    Open four accounts, move money sixty times at random, and send a command of each kind.

    Some are refused, and some are sent in batches.
    """
    dice = Random(2026)  # the same every time
    bank = bank_over(store)
    ids = ["alice", "bob", "carol", "dave"]
    bank.execute(OpenAccount(each, initial_balance=eur(50)) for each in ids)
    moving = [kind for kind in SENT if any(field.name == "amount" for field in FIELDS[kind])]
    kinds = [dice.choice((*moving, Reverse)) for _ in range(60)]
    commands: list[Command] = []
    for n, kind in enumerate((*kinds, *SENT)):
        values = values_of(
            kind,
            accounts=dice.sample(ids, 4),
            named=f"t-{dice.randint(0, n)}",
            money=eur(dice.randint(1, 60)),
        )
        if "legs" in values:
            # The others are in dollars.
            values["legs"] = values["legs"][:2]
        wanted = [name for name in values if name == "account_id" or dice.random() < 0.5]
        commands.append(command_of(kind, values, wanted, transaction_id=f"t-{n}"))
        if dice.random() < 0.4:
            bank.execute(commands)
            commands = []
    bank.execute(commands)


def paged(store: AccountStore, limit: int) -> Iterator[Account]:
    """Return all accounts, read page by page."""
    page: Sequence[Account] = store.accounts(limit=limit)
    while page:
        require(len(page) <= limit, f"a page has at most {limit} accounts")
        yield from page
        page = store.accounts(after=page[-1].id, limit=limit)


def require_page(expected: Sequence[Record], page: Sequence[Record], limit: int) -> None:
    """Require *page* to be the beginning of *expected*: not empty, and of at most *limit*."""
    require_equal(bool(expected), bool(page))
    require(len(page) <= limit, f"a page has at most {limit} records")
    require_equal(list(expected[: len(page)]), list(page))


def touches(record: Record, account_id: AccountId) -> bool:
    """Return True if the record is a transaction on the account."""
    return isinstance(record, Transaction) and any(
        posting.account_id == account_id for posting in record.postings
    )


def version_at(store: AccountStore, instant: datetime) -> int:
    """Return the version of alice's account at the instant; 0 before its first."""
    posting = store.posting_at(ALICE, instant)
    return 0 if posting is None else posting.version
