"""
The bank: every method of it, on every store, with a clock and ids made here.
"""

import os
import signal
import threading
import uuid
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import count, pairwise
from types import SimpleNamespace
from typing import Any, cast

import attrs
import pytest

from bankcore.accounts import Account
from bankcore.bank import Bank, _sources
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import (
    AccountExistsError,
    AccountNotFoundError,
    BankError,
    ClockSkewError,
    InsufficientFundsError,
    InvalidBatchError,
    InvalidCommandError,
    InvalidIdError,
    InvalidLimitError,
    InvalidTimeError,
    InvalidVersionError,
    TransactionNotFoundError,
)
from bankcore.ledger import (
    AccountStore,
    ReadSet,
    Refusal,
    Snapshot,
    Statement,
    StatementLine,
    Transaction,
    WriteSet,
    verify,
)
from bankcore.money import Money
from bankcore.stores import MemoryStore
from bankcore.values import AccountId, TransactionId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
THE_FIRST = datetime.min.replace(tzinfo=UTC)
THE_LAST = datetime.max.replace(tzinfo=UTC)


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


class Clock:
    """
    A clock that stands still until it is set, and counts how often it is read.
    """

    def __init__(self) -> None:
        self.now = NOW
        self.reads = 0

    def __call__(self) -> datetime:
        self.reads += 1
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bank(store: AccountStore, clock: Clock) -> Bank:
    """
    A bank whose ids are made-1, made-2, …
    """
    made = (f"made-{n}" for n in count(1))
    return Bank(store, clock=clock, new_id=made.__next__)


def kept(store: AccountStore) -> tuple[tuple[Account, ...], tuple[Transaction | Refusal, ...]]:
    """
    All that the store has.
    """
    return tuple(store.accounts()), store.journal(limit=10_000).records


@attrs.frozen
class BrokenError(Exception):
    """
    The error that a broken clock or source of ids raises.
    """


def broken() -> Any:
    raise BrokenError


# -- Commands ----------------------------------------------------------------


OPTIONS: dict[str, Any] = {
    "transaction_id": "t-1",
    "booked_at": datetime(2026, 2, 1, tzinfo=UTC),
    "description": "a line for people",
    "metadata": {"order": "1017"},
}

SUGAR: list[tuple[str, Callable[[Bank], Transaction], Command]] = [
    (
        "open_account",
        lambda bank: bank.open_account("carol", initial_balance=eur(5)),
        OpenAccount("carol", initial_balance=eur(5)),
    ),
    (
        "open_account without an id",
        lambda bank: bank.open_account(initial_balance=eur(5), overdraft_limit=eur(7)),
        OpenAccount(initial_balance=eur(5), overdraft_limit=eur(7)),
    ),
    (
        "open_account with all there is",
        lambda bank: bank.open_account(
            AccountId("carol"), initial_balance=eur(0), overdraft_limit=eur(7), **OPTIONS
        ),
        OpenAccount("carol", initial_balance=eur(0), overdraft_limit=eur(7), **OPTIONS),
    ),
    ("deposit", lambda bank: bank.deposit("alice", eur(5)), Deposit("alice", eur(5))),
    (
        "deposit with all there is",
        lambda bank: bank.deposit(AccountId("alice"), eur(5), **OPTIONS),
        Deposit("alice", eur(5), **OPTIONS),
    ),
    ("withdraw", lambda bank: bank.withdraw("alice", eur(5)), Withdraw("alice", eur(5))),
    (
        "withdraw with all there is",
        lambda bank: bank.withdraw(AccountId("alice"), eur(5), **OPTIONS),
        Withdraw("alice", eur(5), **OPTIONS),
    ),
    (
        "transfer",
        lambda bank: bank.transfer("alice", "bob", eur(5)),
        Transfer("alice", "bob", eur(5)),
    ),
    (
        "transfer with all there is",
        lambda bank: bank.transfer(AccountId("alice"), AccountId("bob"), eur(5), **OPTIONS),
        Transfer("alice", "bob", eur(5), **OPTIONS),
    ),
]


@pytest.fixture
def two_accounts(bank: Bank) -> None:
    """
    alice with 100 cents and bob with none, opened long ago.
    """
    opened_at = datetime(2026, 1, 1, tzinfo=UTC)
    bank.open_account("alice", initial_balance=eur(100), booked_at=opened_at)
    bank.open_account("bob", initial_balance=eur(0), booked_at=opened_at)


@pytest.mark.usefixtures("two_accounts")
class TestCommands:
    @pytest.mark.parametrize(
        ("call", "command"),
        [pytest.param(call, command, id=name) for name, call, command in SUGAR],
    )
    def test_methods_are_sugar(
        self,
        bank: Bank,
        store: AccountStore,
        call: Callable[[Bank], Transaction],
        command: Command,
    ) -> None:
        """
        Each method makes its command, with all the options, and returns what was recorded.
        """
        transaction = call(bank)

        assert command == transaction.command
        assert transaction == store.outcome(transaction.id)
        if command.transaction_id is not None:
            assert (command.transaction_id, command.booked_at) == (
                transaction.id,
                transaction.booked_at,
            )
        else:
            assert transaction.booked_at == NOW

    @pytest.mark.parametrize(
        ("call", "error"),
        [
            (lambda bank: bank.open_account("alice", initial_balance=eur(0)), AccountExistsError),
            (lambda bank: bank.deposit("nobody", eur(1)), AccountNotFoundError),
            (lambda bank: bank.withdraw("alice", eur(101)), InsufficientFundsError),
            (lambda bank: bank.transfer("bob", "alice", eur(1)), InsufficientFundsError),
        ],
        ids=["open_account", "deposit", "withdraw", "transfer"],
    )
    def test_methods_raise(
        self,
        bank: Bank,
        store: AccountStore,
        call: Callable[[Bank], Transaction],
        error: type[BankError],
    ) -> None:
        """
        A method raises where its command is refused, and nothing changes.
        """
        before = kept(store)
        with pytest.raises(error):
            call(bank)

        assert before == kept(store)

    def test_a_receipt_is_a_value(self, bank: Bank) -> None:
        """
        A receipt says what became of the account, in five lines with no look-up.
        """
        receipt = bank.withdraw("alice", eur(30))

        posting = receipt.posting("alice")
        assert (eur(-30), eur(70), 2) == (posting.amount, posting.balance, posting.version)
        with pytest.raises(KeyError):
            receipt.posting("bob")

    def test_a_transfer_has_both(self, bank: Bank) -> None:
        """
        A transfer's receipt has a posting for each account.
        """
        receipt = bank.transfer("alice", "bob", eur(30))

        balances = [receipt.posting(name).balance for name in ("alice", "bob")]
        assert [eur(70), eur(30)] == balances

    def test_takes_any_iterable(self, bank: Bank) -> None:
        """
        `execute` takes a generator as well as a list, and gives a list.
        """
        outcomes = bank.execute(Deposit("alice", eur(n)) for n in (1, 2, 3))

        assert isinstance(outcomes, list)
        assert eur(106) == bank.account("alice").balance

    @pytest.mark.parametrize(
        "not_a_command",
        [
            None,
            "deposit",
            5,
            Deposit,
            Command(),
            attrs.make_class("MyDeposit", [], bases=(Deposit,), frozen=True)("alice", eur(1)),
        ],
        ids=["none", "text", "a number", "a class", "the base", "a subclass"],
    )
    @pytest.mark.parametrize("atomic", [False, True])
    def test_what_is_not_a_command(
        self, bank: Bank, store: AccountStore, not_a_command: Command, *, atomic: bool
    ) -> None:
        """
        Anything that is not a command of bankcore is `InvalidCommandError`; none of the batch
        is booked.
        """
        before = kept(store)
        with pytest.raises(InvalidCommandError):
            bank.execute([Deposit("alice", eur(1)), not_a_command], atomic=atomic)

        assert before == kept(store)

    def test_atomic_raises(self, bank: Bank, store: AccountStore) -> None:
        """
        An atomic batch that fails raises its first error; only that refusal is written.
        """
        accounts, journal = kept(store)
        with pytest.raises(InsufficientFundsError) as raised:
            bank.execute(
                [
                    Transfer("alice", "bob", eur(100), transaction_id="t-1"),
                    Withdraw("alice", eur(1), transaction_id="t-2"),
                ],
                atomic=True,
            )

        accounts_after, journal_after = kept(store)
        assert accounts == accounts_after
        assert len(journal) + 1 == len(journal_after)
        assert (TransactionId("t-1"),) == raised.value.unused_ids
        with pytest.raises(TransactionNotFoundError):
            bank.transaction("t-1")

    def test_atomic_books_all(self, bank: Bank) -> None:
        """
        An atomic batch that passes gives its transactions.
        """
        outcomes = bank.execute(
            [Transfer("alice", "bob", eur(100)), Withdraw("bob", eur(100))], atomic=True
        )

        assert [Transaction, Transaction] == list(map(type, outcomes))
        assert eur(0) == bank.account("alice").balance == bank.account("bob").balance


@pytest.mark.parametrize("atomic", [False, True])
def test_nothing_to_do(*, atomic: bool) -> None:
    """
    An empty batch gives no outcomes, and asks nothing of the store, the clock or the ids.
    """
    methods = {name: broken for name in vars(AccountStore) if not name.startswith("_")}
    store = SimpleNamespace(**methods)
    bank = Bank(cast("AccountStore", store), clock=broken, new_id=broken)

    assert bank.execute([], atomic=atomic) == []


# -- The clock ---------------------------------------------------------------


class Twice(MemoryStore):
    """
    A store that asks twice, as every store may: `decide` is pure.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        def twice(snapshot: Snapshot) -> WriteSet:
            first, second = decide(snapshot), decide(snapshot)
            assert (first.accounts, first.records) == (second.accounts, second.records)
            return second

        return super().transact(reads, twice)


class TestClock:
    @pytest.mark.parametrize("length", [1, 2, 50])
    @pytest.mark.parametrize("atomic", [False, True])
    def test_is_read_once(self, bank: Bank, clock: Clock, length: int, *, atomic: bool) -> None:
        """
        The clock is read exactly once for each write, however many commands it carries.
        """
        bank.execute([OpenAccount(initial_balance=eur(0))] * length, atomic=atomic)

        assert clock.reads == 1

    def test_is_read_once_for_a_store_that_asks_twice(self) -> None:
        """
        Where a store asks twice, both times it is the same moment, with the same ids.
        """
        clock, made = Clock(), count()
        bank = Bank(Twice(), clock=clock, new_id=lambda: f"made-{next(made)}")
        bank.execute([OpenAccount(initial_balance=eur(1)), OpenAccount(initial_balance=eur(2))])

        assert clock.reads == 1
        assert next(made) == 4

    def test_is_not_read_for_reading(self, bank: Bank, clock: Clock) -> None:
        """
        No read depends on the clock.
        """
        bank.open_account("alice", initial_balance=eur(5), transaction_id="t-1")
        clock.reads = 0
        bank.account("alice")
        list(bank.accounts())
        bank.transaction("t-1")
        bank.balance_at("alice", NOW)
        bank.statement("alice", start=NOW, end=NOW)

        assert clock.reads == 0

    @pytest.mark.parametrize("now", [datetime(2026, 3, 1), None, "2026-03-01"])  # noqa: DTZ001  # that it is naive is the point
    def test_without_a_zone(self, store: AccountStore, now: datetime) -> None:
        """
        A clock that gives no aware datetime is `InvalidTimeError`, and nothing is written.
        """
        bank = Bank(store, clock=lambda: now)
        with pytest.raises(InvalidTimeError, match=r"^clock must "):
            bank.open_account("alice", initial_balance=eur(5))

        assert list(bank.accounts()) == []

    def test_of_another_zone(self, store: AccountStore) -> None:
        """
        A clock may be of any zone: the bank keeps UTC.
        """
        zone = timezone(timedelta(hours=-5))
        bank = Bank(store, clock=lambda: NOW.astimezone(zone))
        booked_at = bank.open_account("alice", initial_balance=eur(5)).booked_at

        assert (NOW.isoformat(), UTC) == (booked_at.isoformat(), booked_at.tzinfo)

    def test_that_is_broken(self, store: AccountStore, bank: Bank) -> None:
        """
        What a broken clock raises passes unchanged; nothing is written, and the store works on.
        """
        with pytest.raises(BrokenError):
            Bank(store, clock=broken).open_account("alice", initial_balance=eur(5))

        assert list(bank.accounts()) == []
        assert bank.open_account("alice", initial_balance=eur(5)).account_id == AccountId("alice")

    def test_the_default_says_the_time(self, store: AccountStore) -> None:
        """
        Without a clock, the bank goes by the machine's.
        """
        booked_at = Bank(store).open_account("alice", initial_balance=eur(5)).booked_at

        assert abs(datetime.now(UTC) - booked_at) < timedelta(days=1)

    @pytest.mark.parametrize(
        ("options", "skew_max"),
        [
            pytest.param({}, timedelta(seconds=5), id="5 s by default"),
            pytest.param({"max_clock_skew": timedelta(0)}, timedelta(0), id="none"),
            pytest.param({"max_clock_skew": timedelta(days=1)}, timedelta(days=1), id="a day"),
        ],
    )
    def test_the_skew_that_is_tolerated(
        self, store: AccountStore, clock: Clock, options: dict[str, Any], skew_max: timedelta
    ) -> None:
        """
        A clock that went back by as much as is tolerated moves no time back; a tick more is
        `ClockSkewError`.
        """
        bank = Bank(store, clock=clock, **options)
        bank.open_account("alice", initial_balance=eur(5))
        clock.now = NOW - skew_max
        booked = bank.deposit("alice", eur(1))
        clock.now -= TICK
        with pytest.raises(ClockSkewError):
            bank.deposit("alice", eur(1))

        assert booked.booked_at == NOW

    def test_what_a_clock_that_was_ahead_leaves(self, store: AccountStore, clock: Clock) -> None:
        """
        Until its time has come, an account's times stand still, a transfer takes the other
        account along, whose holds end by then, and what is read up to now has none of it.
        """
        ahead = NOW + timedelta(hours=3)
        bank = Bank(store, clock=clock, max_clock_skew=ahead - NOW)
        for name in ("alice", "bob", "carol"):
            bank.open_account(name, initial_balance=eur(5))
        bank.place_hold("bob", eur(2), expires_at=ahead)
        clock.now = ahead
        bank.deposit("alice", eur(1))
        clock.now = NOW + TICK
        transfer = bank.transfer("alice", "bob", eur(6))
        deposits = [bank.deposit(name, eur(1)) for name in ("alice", "bob", "carol")]

        assert [ahead] * 3 == [each.booked_at for each in (transfer, *deposits[:2])]
        assert clock.now == deposits[2].booked_at
        assert (3, 4) == (transfer.posting("alice").version, deposits[0].posting("alice").version)
        assert () == bank.account("bob").holds
        for name, balance in (("alice", 5), ("bob", 5), ("carol", 6)):
            assert eur(balance) == bank.balance_at(name, clock.now)
            assert eur(5) == bank.statement(name, end=clock.now).closing_balance


# -- Ids ---------------------------------------------------------------------


class TestIds:
    def test_are_made_where_none_is_given(self, bank: Bank) -> None:
        """
        The source gives the transaction's id, and the account's after it.
        """
        opened = bank.open_account(initial_balance=eur(5))
        deposited = bank.deposit(opened.account_id, eur(1))

        assert TransactionId("made-1") == opened.id
        assert AccountId("made-2") == opened.account_id
        assert TransactionId("made-3") == deposited.id == deposited.command.transaction_id

    def test_are_not_made_where_given(self, store: AccountStore) -> None:
        """
        Where every id is given, the source is not asked.
        """
        bank = Bank(store, new_id=broken)
        bank.open_account("alice", initial_balance=eur(5), transaction_id="t-1")
        bank.deposit("alice", eur(5), transaction_id="t-2")

        assert eur(10) == bank.account("alice").balance

    def test_from_a_broken_source(self, store: AccountStore) -> None:
        """
        What a broken source raises passes unchanged, and nothing is written.
        """
        bank = Bank(store, new_id=broken)
        with pytest.raises(BrokenError):
            bank.open_account("alice", initial_balance=eur(5))

        assert list(bank.accounts()) == []

    @pytest.mark.parametrize("made", ["", "a b", "é", "x" * 65, None, 7, b"x", "expiry:alice:2"])
    def test_that_are_none(self, store: AccountStore, made: str) -> None:
        """
        A source that gives no id of the application's is `InvalidIdError`, and nothing is written.
        """
        bank = Bank(store, new_id=lambda: made)
        for account_id, transaction_id in (("alice", None), (None, "t-1")):
            with pytest.raises(InvalidIdError, match=r"^new_id must "):
                bank.open_account(
                    account_id, initial_balance=eur(5), transaction_id=transaction_id
                )

        assert list(bank.accounts()) == []

    def test_the_default_ones(self, store: AccountStore) -> None:
        """
        Without a source, ids are UUIDs of version 7 (RFC 9562), in their usual spelling.
        """
        opened = Bank(store).open_account(initial_balance=eur(5))

        for text in (opened.id.value, opened.account_id.value):
            made = uuid.UUID(text)
            assert (text, 7, uuid.RFC_4122) == (str(made), made.version, made.variant)
            milliseconds = made.int >> 80
            at = datetime.fromtimestamp(milliseconds / 1000, UTC)
            assert abs(datetime.now(UTC) - at) < timedelta(days=1)

    def test_the_default_ones_sort_as_they_were_made(self) -> None:
        """
        The default ids sort as text in the order in which they were made, within a millisecond
        too, and no two are alike.
        """
        outcomes = Bank(MemoryStore()).execute([OpenAccount(initial_balance=eur(0))] * 2000)
        made = [
            text
            for outcome in outcomes
            if isinstance(outcome, Transaction)
            for text in (outcome.id.value, outcome.account_id.value)
        ]

        assert len(made) == len(set(made)) == 4000
        assert made == sorted(made)

    def test_the_default_ones_of_several_threads(self) -> None:
        """
        No two threads make one id, and each makes its own in order.
        """
        made: list[list[str]] = [[] for _ in range(8)]
        threads = [
            threading.Thread(target=lambda own: own.extend(_new_ids(500)), args=(own,))
            for own in made
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert 8 * 500 == len({each for own in made for each in own})
        assert all(own == sorted(own) for own in made)

    def test_the_default_ones_come_one_after_the_other(self) -> None:
        """
        No thread makes one while another does.
        """
        made: list[str] = []
        thread = threading.Thread(target=lambda: made.extend(_new_ids(1)))
        with _sources._ids._lock:
            thread.start()
            thread.join(timeout=0.05)
            before = len(made)
        thread.join()

        assert (0, 1) == (before, len(made))

    @pytest.mark.parametrize("earlier", [timedelta(0), timedelta(milliseconds=1), timedelta(1)])
    def test_the_default_ones_when_the_clock_is_set_back(
        self, earlier: timedelta, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        What is made later sorts later, whatever the clock says, and cannot be guessed.
        """
        before = _new_ids(1)[0]
        now = datetime.fromtimestamp((uuid.UUID(before).int >> 80) / 1000, UTC) - earlier
        monkeypatch.setattr(_sources, "datetime", SimpleNamespace(now=lambda _: now))
        made = [before, *_new_ids(100)]
        steps = {uuid.UUID(b).int - uuid.UUID(a).int for a, b in pairwise(made)}

        assert made == sorted(made)
        assert 90 < len(steps)

    def test_the_default_ones_after_a_fork(self) -> None:
        """
        A child makes none that its parent makes, also where another thread was making one.
        """
        reader, writer = os.pipe()
        is_held, is_over = threading.Event(), threading.Event()

        def hold() -> None:
            with _sources._ids._lock:
                is_held.set()
                is_over.wait()

        holding = threading.Thread(target=hold)
        holding.start()
        is_held.wait()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            signal.alarm(20)
            os.write(writer, " ".join(_new_ids(50)).encode())
            os._exit(0)
        is_over.set()
        holding.join()
        os.close(writer)
        own = _new_ids(50)
        with os.fdopen(reader) as file:
            theirs = file.read().split()
        os.waitpid(child, 0)

        assert (50, sorted(theirs)) == (len(theirs), theirs)
        assert not {*own} & {*theirs}

    def test_the_default_ones_in_a_signal_handler(self) -> None:
        """
        A handler that comes while its thread makes an id can make one too.
        """
        with _sources._ids._lock:
            # Asked first, because a lock that cannot be taken twice would stop this test for ever.
            assert _sources._ids._lock.acquire(blocking=False)
            _sources._ids._lock.release()
            first, second = _new_ids(2)

        assert first < second


def _new_ids(number: int) -> list[str]:
    return [_sources.time_ordered_id() for _ in range(number)]


# -- Reads -------------------------------------------------------------------


class TestAccounts:
    def test_as_it_is_now(self, bank: Bank) -> None:
        """
        `account` is the account after all that was booked.
        """
        bank.open_account("alice", initial_balance=eur(5), overdraft_limit=eur(7))
        bank.withdraw("alice", eur(11))

        expected = Account(
            id="alice", balance=eur(-6), overdraft_limit=eur(7), version=2, last_booked_at=NOW
        )
        assert expected == bank.account("alice") == bank.account(AccountId("alice"))

    def test_not_found(self, bank: Bank) -> None:
        """
        An account that is not there is `AccountNotFoundError`, which names it.
        """
        with pytest.raises(AccountNotFoundError) as raised:
            bank.account("nobody")

        assert AccountId("nobody") == raised.value.account_id

    @pytest.mark.parametrize(
        "read",
        [
            lambda bank: bank.account("no body"),
            lambda bank: bank.balance_at("no body", NOW),
            lambda bank: bank.statement("no body"),
            lambda bank: bank.transaction("no body"),
        ],
        ids=["account", "balance_at", "statement", "transaction"],
    )
    def test_no_id(self, bank: Bank, read: Callable[[Bank], object]) -> None:
        """
        What cannot be an id is `InvalidIdError`, and not merely not found.
        """
        with pytest.raises(InvalidIdError):
            read(bank)

    def test_none(self, bank: Bank) -> None:
        """
        An empty bank has no accounts.
        """
        assert list(bank.accounts()) == []

    @pytest.mark.parametrize("number", [999, 1000, 1001, 2500])
    def test_in_order_beyond_a_page(self, bank: Bank, number: int) -> None:
        """
        `accounts` gives every account once, in the order of the ids' characters, however many.
        """
        ids = [f"{'aA_-.'[n % 5] if n % 2 else ''}{n}x" for n in range(number)]
        ids = [name if name[0] not in "-." else f"Z{name}" for name in ids]
        bank.execute([OpenAccount(name, initial_balance=eur(n)) for n, name in enumerate(ids)])

        assert sorted(ids) == [account.id.value for account in bank.accounts()]
        assert {name: n for n, name in enumerate(ids)} == {
            account.id.value: account.balance.amount_minor for account in bank.accounts()
        }

    def test_while_others_open_more(self, bank: Bank) -> None:
        """
        Pages are read while you iterate: what is opened ahead of you is found.
        """
        bank.execute([OpenAccount(f"b{n:04}", initial_balance=eur(0)) for n in range(1000)])
        accounts = bank.accounts()
        first = next(accounts)
        bank.open_account("c", initial_balance=eur(0))
        *_, last = accounts

        assert (AccountId("b0000"), AccountId("c")) == (first.id, last.id)


class TestTransaction:
    def test_a_recorded_one(self, bank: Bank) -> None:
        """
        `transaction` gives the receipt again; it was read, not replayed.
        """
        receipt = bank.open_account("alice", initial_balance=eur(5), transaction_id="t-1")

        assert receipt == bank.transaction("t-1") == bank.transaction(TransactionId("t-1"))
        assert not bank.transaction("t-1").replayed

    def test_a_refusal(self, bank: Bank) -> None:
        """
        Where a refusal is recorded, it is raised: the error of then, with its facts.
        """
        bank.open_account("alice", initial_balance=eur(5))
        with pytest.raises(InsufficientFundsError):
            bank.withdraw("alice", eur(6), transaction_id="t-1")
        bank.deposit("alice", eur(500))
        with pytest.raises(InsufficientFundsError) as raised:
            bank.transaction("t-1")

        facts = {
            "account_id": AccountId("alice"),
            "available": eur(5),
            "requested": eur(6),
            "shortfall": eur(1),
        }
        assert facts == raised.value.facts
        assert raised.value.replayed

    def test_not_found(self, bank: Bank) -> None:
        """
        An id under which nothing is recorded is `TransactionNotFoundError`, which names it.
        """
        with pytest.raises(TransactionNotFoundError) as raised:
            bank.transaction("t-1")

        assert TransactionId("t-1") == raised.value.transaction_id


JANUARY_10 = datetime(2026, 1, 10, tzinfo=UTC)

# When, what, by how much, and the balance after it; two at one instant.
LINES = [
    (datetime(2026, 1, 1, 12, tzinfo=UTC), 100, 100),
    (JANUARY_10, 50, 150),
    (JANUARY_10, -30, 120),
    (datetime(2026, 1, 20, 18, 30, tzinfo=UTC), -20, 100),
    (datetime(2026, 2, 1, tzinfo=UTC), 1, 101),
]


@pytest.fixture
def history(bank: Bank) -> None:
    """
    alice with `LINES`, and bob, to whom her fourth line went.
    """
    opening, first, second, third, fourth = (at for at, _, _ in LINES)
    bank.open_account("bob", initial_balance=eur(0), booked_at=opening)
    bank.open_account("alice", initial_balance=eur(100), booked_at=opening)
    bank.deposit("alice", eur(50), booked_at=first)
    bank.withdraw("alice", eur(30), booked_at=second)
    bank.transfer("alice", "bob", eur(20), booked_at=third)
    bank.deposit("alice", eur(1), booked_at=fourth)


# From, to (exclusive), and which of LINES are in it.
SPANS = [
    pytest.param(None, None, 0, 5, id="all"),
    pytest.param(THE_FIRST, THE_LAST, 0, 5, id="from the first instant to the last"),
    pytest.param(date.min, date.max, 0, 5, id="from the first day to the last"),
    pytest.param(date(2026, 1, 1), None, 0, 5, id="from a day"),
    pytest.param(LINES[0][0], None, 0, 5, id="from the opening"),
    pytest.param(LINES[0][0] + TICK, None, 1, 5, id="from a tick after the opening"),
    pytest.param(JANUARY_10, None, 1, 5, id="from exactly two lines"),
    pytest.param(JANUARY_10 + TICK, None, 3, 5, id="from a tick after two lines"),
    pytest.param(date(2026, 1, 10), date(2026, 1, 11), 1, 3, id="one day"),
    pytest.param(date(2026, 1, 11), date(2026, 1, 20), 3, 3, id="days without a line"),
    pytest.param(None, JANUARY_10, 0, 1, id="up to exactly two lines"),
    pytest.param(None, JANUARY_10 + TICK, 0, 3, id="up to a tick after two lines"),
    pytest.param(None, date(2026, 1, 10), 0, 1, id="up to a day"),
    pytest.param(date(2026, 1, 1), date(2026, 2, 1), 0, 4, id="January"),
    pytest.param(date(2026, 2, 1), date(2026, 3, 1), 4, 5, id="February"),
    pytest.param(JANUARY_10, JANUARY_10, 1, 1, id="no time at all"),
    pytest.param(None, LINES[0][0], 0, 0, id="before the opening"),
    pytest.param(date(1, 1, 1), date(1, 1, 2), 0, 0, id="year 1"),
    pytest.param(date(2000, 1, 1), date(2001, 1, 1), 0, 0, id="long before"),
    pytest.param(date(9999, 12, 31), None, 5, 5, id="year 9999"),
    pytest.param(THE_LAST, THE_LAST, 5, 5, id="the last instant"),
    pytest.param(
        datetime(2026, 1, 10, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 1, 9, 19, tzinfo=timezone(timedelta(hours=-5, microseconds=-1))),
        1,
        3,
        id="of other zones",
    ),
]


def instant_of(moment: datetime | date | None) -> datetime | None:
    """
    *moment* as a statement says it: UTC, a date at its midnight.
    """
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    if moment is None:
        return None
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


@pytest.mark.usefixtures("history")
class TestStatement:
    @pytest.mark.parametrize(("start", "end", "first", "last"), SPANS)
    def test_a_span(
        self,
        bank: Bank,
        store: AccountStore,
        start: datetime | date | None,
        end: datetime | date | None,
        first: int,
        last: int,
    ) -> None:
        """
        A statement has the lines in [start, end), the balance before them and the balance
        after; a date means its midnight in UTC.
        """
        transactions = store.history(AccountId("alice"))
        lines = tuple(
            StatementLine(transaction, transaction.posting("alice"))
            for transaction in transactions
        )[first:last]
        opening = eur(LINES[first - 1][2] if first else 0)
        statement = bank.statement("alice", start=start, end=end)

        expected = Statement(
            AccountId("alice"), instant_of(start), instant_of(end), opening, lines
        )
        assert expected == statement
        assert eur(LINES[last - 1][2] if last else 0) == statement.closing_balance
        assert [(at, eur(amount), eur(balance)) for at, amount, balance in LINES[first:last]] == [
            (line.booked_at, line.amount, line.balance) for line in statement.lines
        ]

    def test_of_the_other_account(self, bank: Bank) -> None:
        """
        A transfer is a line of either account, with the sign that it has there.
        """
        statement = bank.statement("bob")

        assert [(eur(20), eur(20))] == [(line.amount, line.balance) for line in statement.lines]
        assert bank.statement("alice").lines[3].transaction == statement.lines[0].transaction

    def test_joins_without_a_seam(self, bank: Bank) -> None:
        """
        Where one statement ends and the next starts, no line is in both, and none in neither.
        """
        seams = [date(2026, 1, 1), JANUARY_10, JANUARY_10 + TICK, date(2026, 2, 1), NOW]
        statements = [
            bank.statement("alice", start=start, end=end) for start, end in pairwise(seams)
        ]

        for one, following in pairwise(statements):
            assert one.closing_balance == following.opening_balance
        assert bank.statement("alice").lines == tuple(
            line for statement in statements for line in statement.lines
        )

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (JANUARY_10, JANUARY_10 - TICK),
            (date(2026, 1, 2), date(2026, 1, 1)),
            (THE_LAST, THE_FIRST),
            (date(2026, 1, 2), datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=2)))),
        ],
    )
    def test_end_before_start(
        self, bank: Bank, start: datetime | date, end: datetime | date
    ) -> None:
        """
        A span whose end is before its start is `InvalidTimeError`.
        """
        with pytest.raises(InvalidTimeError):
            bank.statement("alice", start=start, end=end)

    @pytest.mark.parametrize("name", ["start", "end"])
    @pytest.mark.parametrize("moment", [datetime(2026, 1, 1), "2026-01-01", 5.0])  # noqa: DTZ001  # that it is naive is the point
    def test_no_instant(self, bank: Bank, name: str, moment: Any) -> None:
        """
        A datetime without a zone, or no datetime at all, is `InvalidTimeError`.
        """
        with pytest.raises(InvalidTimeError):
            bank.statement("alice", **{name: moment})

    @pytest.mark.parametrize("start", [None, NOW, THE_FIRST])
    @pytest.mark.parametrize("end", [None, THE_LAST])
    def test_no_account(self, bank: Bank, start: datetime | None, end: datetime | None) -> None:
        """
        A statement of an account that is not there is `AccountNotFoundError`.
        """
        with pytest.raises(AccountNotFoundError):
            bank.statement("nobody", start=start, end=end)


@pytest.mark.parametrize("number", [999, 1000, 1001, 2500])
def test_a_statement_beyond_a_page(bank: Bank, number: int) -> None:
    """
    A statement has every line, in the order of versions, however many there are.
    """
    began = NOW - timedelta(days=1)
    bank.open_account("alice", initial_balance=eur(0), booked_at=began)
    bank.execute(
        Deposit("alice", eur(n), booked_at=began + timedelta(seconds=n))
        for n in range(1, number + 1)
    )
    statement = bank.statement("alice")
    later = bank.statement("alice", start=began + timedelta(seconds=500))

    # The opening with nothing moved nothing, so that it is no line.
    assert list(range(1, number + 1)) == [line.amount.amount_minor for line in statement.lines]
    assert eur(number * (number + 1) // 2) == statement.closing_balance
    assert statement.lines[499:] == later.lines
    assert eur(499 * 500 // 2) == later.opening_balance


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(("start", "end", "first", "last"), SPANS)
@pytest.mark.parametrize("limit", [1, 2, 4, 5])
def test_a_statement_in_pages(
    bank: Bank,
    start: datetime | date | None,
    end: datetime | date | None,
    first: int,
    last: int,
    limit: int,
) -> None:
    """
    Pages have the lines of the whole, each once, and each begins where the one before ended.
    """
    whole = bank.statement("alice", start=start, end=end)
    lines: list[StatementLine] = []
    balance, after = whole.opening_balance, 0
    while True:
        page = bank.statement("alice", start=start, end=end, after_version=after, limit=limit)
        if not page.lines:
            break
        assert balance == page.opening_balance
        assert len(page.lines) <= limit
        lines += page.lines
        balance = page.closing_balance
        after = lines[-1].transaction.posting("alice").version

    assert (whole.lines, whole.closing_balance) == (tuple(lines), balance)
    assert last - first == len(lines)


@pytest.mark.usefixtures("history")
def test_pages_of_a_statement_that_cannot_be(bank: Bank) -> None:
    """
    Beyond the last version there is no line; numbers that are none are refused.
    """
    beyond = bank.statement("alice", after_version=99)

    assert ((), eur(101)) == (beyond.lines, beyond.opening_balance)
    for limit in (0, 10_001, True, "5"):
        with pytest.raises(InvalidLimitError):
            bank.statement("alice", limit=limit)  # type: ignore[arg-type]  # inputs under test
    for version in (-1, 2**63, True, "5"):
        with pytest.raises(InvalidVersionError):
            bank.statement("alice", after_version=version)  # type: ignore[arg-type]  # as above


def test_accounts_after_an_id(bank: Bank) -> None:
    """
    The accounts go on after an id, whether or not there is an account of it.
    """
    for name in ("a", "b", "d"):
        bank.open_account(name, initial_balance=eur(0))

    assert ["b", "d"] == [each.id.value for each in bank.accounts(after="a")]
    assert ["d"] == [each.id.value for each in bank.accounts(after=AccountId("c"))]
    with pytest.raises(InvalidIdError):
        next(bank.accounts(after="no id"))


@pytest.mark.usefixtures("history")
class TestBalanceAt:
    @pytest.mark.parametrize(
        ("moment", "balance"),
        [
            pytest.param(THE_FIRST, 0, id="the first instant there is"),
            pytest.param(date.min, 0, id="the first day there is"),
            pytest.param(LINES[0][0] - TICK, 0, id="a tick before the opening"),
            pytest.param(date(2026, 1, 1), 0, id="midnight before the opening"),
            pytest.param(LINES[0][0], 100, id="exactly the opening"),
            pytest.param(date(2026, 1, 5), 100, id="between two"),
            pytest.param(JANUARY_10 - TICK, 100, id="a tick before two"),
            pytest.param(JANUARY_10, 120, id="exactly two, the last of them"),
            pytest.param(date(2026, 1, 10), 120, id="that day's midnight"),
            pytest.param(
                datetime(2026, 1, 10, 1, tzinfo=timezone(timedelta(hours=1))), 120, id="of a zone"
            ),
            pytest.param(LINES[3][0], 100, id="exactly the transfer"),
            pytest.param(LINES[4][0] - TICK, 100, id="a tick before the last"),
            pytest.param(date(2026, 2, 1), 101, id="exactly the last"),
            pytest.param(NOW, 101, id="after the last"),
            pytest.param(date(9999, 12, 31), 101, id="the last day there is"),
            pytest.param(THE_LAST, 101, id="the last instant there is"),
        ],
    )
    def test_a_moment(self, bank: Bank, moment: datetime | date, balance: int) -> None:
        """
        The balance right after the last posting at or before the instant; zero before the
        opening; a date means its midnight in UTC.
        """
        assert eur(balance) == bank.balance_at("alice", moment)

    def test_is_of_the_accounts_currency(self, bank: Bank) -> None:
        """
        Before its opening an account has nothing, of its own currency.
        """
        bank.open_account("yen", initial_balance=Money(7, "JPY"))

        assert Money.zero("JPY") == bank.balance_at("yen", date(2000, 1, 1))

    @pytest.mark.parametrize("moment", [THE_FIRST, NOW, THE_LAST])
    def test_no_account(self, bank: Bank, moment: datetime) -> None:
        """
        The balance of an account that is not there is `AccountNotFoundError`, and not zero.
        """
        with pytest.raises(AccountNotFoundError):
            bank.balance_at("nobody", moment)

    @pytest.mark.parametrize("moment", [datetime(2026, 1, 1), None, "2026-01-01", 5.0])  # noqa: DTZ001  # that it is naive is the point
    def test_no_instant(self, bank: Bank, moment: Any) -> None:
        """
        A datetime without a zone, or no datetime at all, is `InvalidTimeError`.
        """
        with pytest.raises(InvalidTimeError):
            bank.balance_at("alice", moment)


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(THE_FIRST, id="the first instant there is"),
        pytest.param(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), id="before 1970"),
        pytest.param(datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC), id="a leap day"),
        pytest.param(datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), id="2038"),
        pytest.param(THE_LAST, id="the last instant there is"),
    ],
)
def test_any_year(bank: Bank, clock: Clock, now: datetime) -> None:
    """
    Booked in any year, it is kept to the microsecond, and found at its instant.
    """
    clock.now = now
    receipt = bank.open_account("alice", initial_balance=eur(5))

    assert now == receipt.booked_at == bank.transaction(receipt.id).booked_at
    assert now == bank.account("alice").last_booked_at
    assert eur(5) == bank.balance_at("alice", now)
    assert [now] == [line.booked_at for line in bank.statement("alice", start=now).lines]
    assert bank.statement("alice", end=now).lines == ()


def test_a_batch_that_is_too_long(bank: Bank, store: AccountStore) -> None:
    """
    A batch beyond the limit is invalid before anything is made or read for it.
    """
    with pytest.raises(InvalidBatchError):
        bank.execute([Deposit("alice", eur(1))] * 100_001)

    assert store.journal().records == ()
    assert TransactionId("made-1") == bank.open_account("alice", initial_balance=eur(0)).id


@pytest.mark.parametrize("method", ["execute", "preview"])
@pytest.mark.parametrize("atomic", [False, True])
def test_a_batch_that_never_ends(
    bank: Bank, store: AccountStore, method: str, atomic: bool
) -> None:
    """
    Commands are taken up to the first that is too many, and no further.
    """
    deposit, taken = Deposit("alice", eur(1)), count(1)
    endless = (deposit for _ in taken)
    with pytest.raises(InvalidBatchError, match=r"it must have at most 100,000 commands\.$"):
        getattr(bank, method)(endless, atomic=atomic)

    assert 100_002 == next(taken)
    assert store.journal().records == ()
    assert TransactionId("made-1") == bank.open_account("alice", initial_balance=eur(0)).id


@pytest.mark.parametrize("method", ["execute", "preview"])
def test_a_batch_ends_at_the_first_thing_that_is_no_command(bank: Bank, method: str) -> None:
    """
    Nothing is read after it, however much there is.
    """
    deposit, taken = Deposit("alice", eur(1)), count(1)
    endless = (deposit if number < 3 else number for number in taken)
    with pytest.raises(InvalidCommandError, match="got 3"):
        getattr(bank, method)(endless)

    assert 4 == next(taken)


@pytest.mark.parametrize("method", ["execute", "preview"])
@pytest.mark.parametrize(
    ("given", "shown"), [(Deposit("alice", eur(1)), "type Deposit"), (None, "None")]
)
def test_one_command_is_no_batch(bank: Bank, method: str, given: Any, shown: str) -> None:
    """
    What cannot be iterated over is told to be no list, and what it is.
    """
    with pytest.raises(InvalidBatchError, match=rf"must be a list of commands, and is .*{shown}"):
        getattr(bank, method)(given)


def test_a_bank_verifies_its_store(bank: Bank, store: AccountStore) -> None:
    """
    A bank audits its store, against a checkpoint of its own or another.
    """
    bank.open_account("alice", initial_balance=eur(5))
    checkpoint = bank.checkpoint()
    bank.deposit("alice", eur(1))
    elsewhere = Bank(MemoryStore(), clock=lambda: NOW)
    elsewhere.open_account("alice", initial_balance=eur(6))

    assert bank.verify() == verify(store)
    assert bank.verify().is_clean
    for against in (checkpoint, str(checkpoint)):
        assert bank.verify(against=against) == verify(store, against=checkpoint)
        assert bank.verify(against=against).is_clean
    assert not bank.verify(against=elsewhere.checkpoint()).is_clean


@pytest.mark.parametrize("limit", [1, 10_000])
def test_a_page_size(bank: Bank, store: AccountStore, limit: int) -> None:
    """
    A store serves pages of 1 to 10,000.
    """
    bank.open_account("alice", initial_balance=eur(0))

    assert len(store.accounts(limit=limit)) == 1
    assert len(store.journal(limit=limit).records) == 1
    assert len(store.history(AccountId("alice"), limit=limit)) == 1


@pytest.mark.parametrize("limit", [0, -1, 10_001, 10**30, True, 1.0, "1", None])
def test_no_page_size(bank: Bank, store: AccountStore, limit: Any) -> None:
    """
    Any other page size is `InvalidLimitError`, in whatever read it is asked for.
    """
    bank.open_account("alice", initial_balance=eur(0))
    reads: tuple[Callable[[], object], ...] = (
        lambda: store.accounts(limit=limit),
        lambda: store.journal(limit=limit),
        lambda: store.history(AccountId("alice"), limit=limit),
    )
    for read in reads:
        with pytest.raises(InvalidLimitError):
            read()
