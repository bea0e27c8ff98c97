"""
Ids: one outcome for each, for ever; in single commands, batches and atomic batches.

A bank over the store in memory shows what is kept from one call to the next; its clock and
its ids are made here.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import attrs
import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, AccountStatus
from bankcore.bank import BATCH_LENGTH_MAX, Bank
from bankcore.bank._decide import reads_of
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import (
    AccountClosedError,
    AccountExistsError,
    AccountNotFoundError,
    BalanceLimitError,
    BankError,
    ClockSkewError,
    CurrencyMismatchError,
    DeclinedError,
    InsufficientFundsError,
    InvalidBatchError,
    InvalidRequestError,
    InvalidTimeError,
    TransactionIdReusedError,
    TransactionNotFoundError,
)
from bankcore.ledger import ReadSet, Refusal, Snapshot, Transaction, WriteSet
from bankcore.money import Money
from bankcore.stores import MemoryStore
from bankcore.values import AccountId, TransactionId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


class Clock:
    """
    A clock that stands still until it is set.
    """

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    """
    A store with alice (100 cents), bob (nothing), full (the most there can be) and closed.
    """
    store = MemoryStore()
    opener = Bank(store, clock=lambda: NOW - timedelta(days=1), new_id=map(str, count()).__next__)
    opener.open_account("alice", initial_balance=eur(100))
    opener.open_account("bob", initial_balance=eur(0))
    opener.open_account("full", initial_balance=eur(AMOUNT_MINOR_MAX))
    # There is no command yet that closes an account; a store can hold a closed one.
    opened = opener.open_account("closed", initial_balance=eur(0))
    account = attrs.evolve(store.account(AccountId("closed")), status=AccountStatus.CLOSED)
    store.transact(
        ReadSet((), (account.id,)),
        lambda _: WriteSet((account,), (attrs.evolve(opened, id=TransactionId("closing")),)),
    )
    return store


@pytest.fixture
def bank(store: MemoryStore, clock: Clock) -> Bank:
    made = (f"made-{n}" for n in count(1))
    return Bank(store, clock=clock, new_id=made.__next__)


def named(value: object) -> str:
    """
    Return the name of a case of a table.
    """
    return value.__name__ if isinstance(value, type) else type(value).__name__


def kept(store: MemoryStore) -> tuple[tuple[Account, ...], tuple[Transaction | Refusal, ...]]:
    """
    All that the store has.
    """
    return tuple(store.accounts()), store.journal(limit=10_000).records


def only(outcomes: list[Transaction | BankError]) -> Transaction | BankError:
    (outcome,) = outcomes
    return outcome


def said(outcome: Transaction | BankError) -> tuple[Any, ...]:
    """
    An outcome as something to compare: errors are compared by what they say.
    """
    if isinstance(outcome, Transaction):
        return ("transaction", outcome, outcome.replayed)
    return (outcome.code, dict(outcome.facts), outcome.replayed)


def again(outcome: Transaction | BankError) -> tuple[Any, ...]:
    """
    Return what the same outcome says when it is given again.
    """
    return (*said(outcome)[:-1], True)


COMMANDS: list[Command] = [
    OpenAccount("carol", initial_balance=eur(7), overdraft_limit=eur(9)),
    OpenAccount(initial_balance=eur(7)),
    Deposit("alice", eur(5), description="salary"),
    Withdraw("alice", eur(5)),
    Transfer("alice", "bob", eur(5)),
    Deposit("alice", eur(5), booked_at=NOW - timedelta(hours=1)),
]

# Refused by a rule that depends on the state, and recorded under a caller's id.
REFUSED: list[tuple[Command, type[DeclinedError]]] = [
    (OpenAccount("alice", initial_balance=eur(7)), AccountExistsError),
    (Deposit("nobody", eur(5)), AccountNotFoundError),
    (Withdraw("nobody", eur(5)), AccountNotFoundError),
    (Transfer("nobody", "alice", eur(5)), AccountNotFoundError),
    (Transfer("alice", "nobody", eur(5)), AccountNotFoundError),
    (Deposit("closed", eur(5)), AccountClosedError),
    (Withdraw("closed", eur(5)), AccountClosedError),
    (Transfer("alice", "closed", eur(5)), AccountClosedError),
    (Withdraw("alice", eur(101)), InsufficientFundsError),
    (Transfer("alice", "bob", eur(101)), InsufficientFundsError),
    (Deposit("full", eur(1)), BalanceLimitError),
    (Transfer("alice", "full", eur(1)), BalanceLimitError),
]

# Invalid whatever the account has, or no fault of the command: nothing is recorded.
UNRECORDED: list[tuple[Command, type[BankError]]] = [
    (Deposit("alice", Money(1, "USD")), CurrencyMismatchError),
    (Transfer("alice", "bob", Money(1, "USD")), CurrencyMismatchError),
    (Deposit("alice", eur(5), booked_at=NOW + timedelta(seconds=1)), InvalidTimeError),
    (Deposit("alice", eur(5), booked_at=NOW - timedelta(days=2)), InvalidTimeError),
]


class TestReplay:
    @pytest.mark.parametrize("command", COMMANDS, ids=named)
    def test_a_transaction(self, bank: Bank, store: MemoryStore, command: Command) -> None:
        """
        The same id and the same command give the original transaction again, marked as
        replayed, which is not part of equality; nothing is written.
        """
        command = attrs.evolve(command, transaction_id="t-1")
        first = only(bank.execute([command]))
        before = kept(store)
        second = only(bank.execute([command]))

        assert isinstance(first, Transaction)
        assert isinstance(second, Transaction)
        assert first == second
        assert second.replayed
        assert not first.replayed
        assert before == kept(store)

    @pytest.mark.parametrize(("command", "error"), REFUSED, ids=named)
    def test_a_refusal(
        self, bank: Bank, store: MemoryStore, command: Command, error: type[DeclinedError]
    ) -> None:
        """
        The same id and the same command give the original refusal again, with its facts; the
        refusal is all that was written, once.
        """
        accounts, records = kept(store)
        command = attrs.evolve(command, transaction_id="t-1")
        first = only(bank.execute([command]))
        second = only(bank.execute([command]))

        assert isinstance(first, error)
        facts = {k: v for k, v in first.facts.items() if k != "shortfall"}
        refusal = Refusal(TransactionId("t-1"), command, NOW, first.code, facts)
        assert (accounts, (*records, refusal)) == kept(store)
        assert type(first) is type(second)
        assert again(first) == said(second)
        assert not first.replayed

    @pytest.mark.parametrize(("command", "error"), REFUSED, ids=named)
    def test_a_refusal_without_an_id(
        self, bank: Bank, store: MemoryStore, command: Command, error: type[DeclinedError]
    ) -> None:
        """
        A refusal under an id that the bank made writes nothing.
        """
        before = kept(store)
        outcome = only(bank.execute([command]))

        assert isinstance(outcome, error)
        assert before == kept(store)

    def test_an_account_without_an_id(self, bank: Bank) -> None:
        """
        "Open an account", sent again under the same id, gives the account that was opened.
        """
        first = bank.open_account(initial_balance=eur(7), transaction_id="t-1")
        second = bank.open_account(initial_balance=eur(7), transaction_id="t-1")

        assert first.account_id == second.account_id
        assert eur(7) == bank.account(second.account_id).balance

    def test_refused_then_funded(self, bank: Bank, store: MemoryStore) -> None:
        """
        A late duplicate of a refused payment cannot turn into a payment: funded since, it is
        refused with the facts of then.
        """
        with pytest.raises(InsufficientFundsError) as first:
            bank.withdraw("alice", eur(150), transaction_id="t-1")
        bank.deposit("alice", eur(500))
        before = kept(store)
        with pytest.raises(InsufficientFundsError) as second:
            bank.withdraw("alice", eur(150), transaction_id="t-1")

        assert again(first.value) == said(second.value)
        assert (eur(100), eur(50)) == (second.value.available, second.value.shortfall)
        assert before == kept(store)

    def test_not_found_then_opened(self, bank: Bank) -> None:
        """
        A payment to an account that was not there stays refused when it is.
        """
        with pytest.raises(AccountNotFoundError):
            bank.deposit("carol", eur(1), transaction_id="t-1")
        bank.open_account("carol", initial_balance=eur(0))
        with pytest.raises(AccountNotFoundError) as second:
            bank.deposit("carol", eur(1), transaction_id="t-1")

        assert second.value.replayed
        assert eur(0) == bank.account("carol").balance

    def test_whatever_the_clock_says(self, bank: Bank, clock: Clock) -> None:
        """
        A replay carries the time of the original, and no clock is too far behind for it.
        """
        first = bank.deposit("alice", eur(1), transaction_id="t-1")
        clock.now = NOW - timedelta(days=400)
        second = bank.deposit("alice", eur(1), transaction_id="t-1")

        assert first == second
        assert second.booked_at == clock.now + timedelta(days=400)

    def test_a_thousand_times(self, bank: Bank) -> None:
        """
        The same command under one id, a thousand times, has one effect.
        """
        answers = [bank.deposit("alice", eur(1), transaction_id="t-1") for _ in range(1000)]

        assert {answers[0]} == set(answers)
        assert (eur(101), 2) == (bank.account("alice").balance, bank.account("alice").version)

    def test_the_transaction_id_is_not_compared(self, bank: Bank, store: MemoryStore) -> None:
        """
        Two commands that ask for the same are equal, whatever their ids: what the look-up goes
        by is the id under which it was recorded.
        """
        one, other = (Deposit("alice", eur(1), transaction_id=n) for n in ("t-1", "t-2"))
        bank.execute([one, other])
        recorded = store.outcome(TransactionId("t-2"))

        assert one == other == recorded.command
        assert TransactionId("t-2") == recorded.command.transaction_id

    def test_ids_are_case_sensitive(self, bank: Bank) -> None:
        """
        An id that differs in case alone is another id.
        """
        bank.deposit("alice", eur(1), transaction_id="A")
        second = bank.deposit("alice", eur(1), transaction_id="a")

        assert not second.replayed
        assert eur(102) == bank.account("alice").balance


# What was sent first, what is sent under the same id, and the fields in which they differ.
REUSED = [
    (Deposit("alice", eur(1)), Deposit("alice", eur(2)), ("amount",)),
    (Deposit("alice", eur(1)), Deposit("alice", Money("0.01", "USD")), ("amount",)),
    (Deposit("alice", eur(1)), Deposit("bob", eur(1)), ("account_id",)),
    (Deposit("alice", eur(1)), Deposit("bob", eur(2)), ("account_id", "amount")),
    (Deposit("alice", eur(1)), Deposit("alice", eur(1), description="x"), ("description",)),
    (Deposit("alice", eur(1)), Deposit("alice", eur(1), booked_at=NOW), ("booked_at",)),
    (
        Deposit("alice", eur(1)),
        Deposit("bob", eur(2), booked_at=NOW, description="x"),
        ("booked_at", "description", "account_id", "amount"),
    ),
    (Deposit("alice", eur(1)), Withdraw("alice", eur(1)), ("command",)),
    (Withdraw("alice", eur(1)), Transfer("alice", "bob", eur(1)), ("command",)),
    (
        Transfer("alice", "bob", eur(1)),
        Transfer("bob", "alice", eur(1)),
        ("source_id", "destination_id"),
    ),
    (Transfer("alice", "bob", eur(1)), Transfer("alice", "full", eur(1)), ("destination_id",)),
    (
        OpenAccount("carol", initial_balance=eur(0)),
        OpenAccount("carol", initial_balance=eur(0), overdraft_limit=eur(0)),
        ("overdraft_limit",),
    ),
    (
        OpenAccount("carol", initial_balance=eur(0)),
        OpenAccount(initial_balance=eur(1)),
        ("account_id", "initial_balance"),
    ),
    (
        OpenAccount(initial_balance=eur(0)),
        OpenAccount("made-1", initial_balance=eur(0)),
        ("account_id",),
    ),
    (Withdraw("alice", eur(101)), Withdraw("alice", eur(100)), ("amount",)),
]


class TestReuse:
    @pytest.mark.parametrize(("first", "second", "fields"), REUSED)
    def test_names_the_fields_that_differ(
        self,
        bank: Bank,
        store: MemoryStore,
        first: Command,
        second: Command,
        fields: tuple[str, ...],
    ) -> None:
        """
        The same id for a different command is an error that names the fields that differ,
        whether the first was booked or refused; nothing is written.
        """
        bank.execute([attrs.evolve(first, transaction_id="t-1")])
        before = kept(store)
        error = only(bank.execute([attrs.evolve(second, transaction_id="t-1")]))

        assert isinstance(error, TransactionIdReusedError)
        facts = {"transaction_id": TransactionId("t-1"), "fields": fields, "field": None}
        assert facts == error.facts
        assert not error.replayed
        assert before == kept(store)

    def test_the_first_stands(self, bank: Bank) -> None:
        """
        An id stands for its first command, however often it is reused for others.
        """
        first = bank.deposit("alice", eur(1), transaction_id="t-1")
        for amount in (2, 3):
            with pytest.raises(TransactionIdReusedError):
                bank.deposit("alice", eur(amount), transaction_id="t-1")

        assert first == bank.deposit("alice", eur(1), transaction_id="t-1")
        assert eur(101) == bank.account("alice").balance


def test_a_refused_batch_keeps_the_clock(bank: Bank, store: MemoryStore) -> None:
    """
    The refusal of an atomic batch keeps the commands before it, and the clock by which all were
    judged; one with no command before it, its own time.
    """
    then = NOW - timedelta(hours=1)
    first = Deposit("bob", eur(1), transaction_id="t-1")
    refused = Withdraw("alice", eur(101), booked_at=then, transaction_id="t-2")
    with pytest.raises(InsufficientFundsError):
        bank.execute([first, refused], atomic=True)
    with pytest.raises(InsufficientFundsError):
        bank.execute([attrs.evolve(refused, transaction_id="t-3")], atomic=True)
    with_batch, alone = (store.outcome(TransactionId(name)) for name in ("t-2", "t-3"))

    assert isinstance(with_batch, Refusal)
    assert isinstance(alone, Refusal)
    assert (NOW, (first,)) == (with_batch.refused_at, with_batch.batch)
    assert (then, ()) == (alone.refused_at, alone.batch)


class TestUnrecorded:
    @pytest.mark.parametrize(("command", "error"), UNRECORDED, ids=named)
    def test_never_uses_up_its_id(
        self, bank: Bank, store: MemoryStore, command: Command, error: type[BankError]
    ) -> None:
        """
        An invalid command writes nothing, and its id is free for a right one.
        """
        before = kept(store)
        outcome = only(bank.execute([attrs.evolve(command, transaction_id="t-1")]))

        assert isinstance(outcome, error)
        assert isinstance(outcome, InvalidRequestError)
        assert before == kept(store)
        assert not bank.deposit("alice", eur(1), transaction_id="t-1").replayed

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Deposit("alice", eur(0), transaction_id="t-1"),
            lambda: Deposit("alice", eur(AMOUNT_MINOR_MAX + 1), transaction_id="t-1"),
            lambda: Deposit("al ice", eur(1), transaction_id="t-1"),
            lambda: Transfer("alice", "alice", eur(1), transaction_id="t-1"),
            lambda: Deposit("alice", eur(1), transaction_id="t-1", description="a\nb"),
        ],
    )
    def test_malformed(self, bank: Bank, make: Callable[[], Command]) -> None:
        """
        A malformed command is not even a value, and its id is free for a right one.
        """
        with pytest.raises(InvalidRequestError):
            bank.execute([make()])

        assert not bank.deposit("alice", eur(1), transaction_id="t-1").replayed

    def test_a_clock_that_is_behind(self, bank: Bank, store: MemoryStore, clock: Clock) -> None:
        """
        `ClockSkewError` declines, and records nothing: once the clock is right, the command
        under the same id is booked.
        """
        bank.deposit("alice", eur(1))
        before = kept(store)
        clock.now = NOW - timedelta(hours=1)
        with pytest.raises(ClockSkewError):
            bank.deposit("alice", eur(1), transaction_id="t-1")

        assert before == kept(store)
        clock.now = NOW
        assert not bank.deposit("alice", eur(1), transaction_id="t-1").replayed


class TestBatch:
    def test_outcomes_are_in_order(self, bank: Bank) -> None:
        """
        A batch gives one outcome per command, in order, errors as values.
        """
        outcomes = bank.execute(
            [
                Deposit("nobody", eur(1)),
                Deposit("alice", eur(2)),
                Withdraw("alice", eur(1000)),
                Deposit("alice", Money(1, "USD")),
                Transfer("alice", "bob", eur(3)),
            ]
        )

        assert [
            AccountNotFoundError,
            Transaction,
            InsufficientFundsError,
            CurrencyMismatchError,
            Transaction,
        ] == list(map(type, outcomes))

    def test_each_sees_what_the_earlier_ones_did(self, bank: Bank) -> None:
        """
        Each command is judged on what the earlier ones of the batch left.
        """
        outcomes = bank.execute(
            [
                Withdraw("bob", eur(1)),
                Transfer("alice", "bob", eur(60)),
                Withdraw("bob", eur(61)),
                Withdraw("bob", eur(60)),
                Withdraw("alice", eur(41)),
                OpenAccount("carol", initial_balance=eur(1)),
                Transfer("carol", "alice", eur(1)),
                Withdraw("alice", eur(41)),
            ]
        )

        expected = [False, True, False, True, False, True, True, True]
        assert expected == [isinstance(outcome, Transaction) for outcome in outcomes]
        balances_and_versions = [("alice", 0, 4), ("bob", 0, 3), ("carol", 0, 2)]
        assert balances_and_versions == [
            (account.id.value, account.balance.amount_minor, account.version)
            for account in bank.accounts()
            if account.id.value not in {"full", "closed"}
        ]

    def test_is_recorded_in_order(self, bank: Bank, store: MemoryStore) -> None:
        """
        The journal has the batch's records in the batch's order, refusals among them.
        """
        _, before = kept(store)
        bank.execute(
            [
                Deposit("alice", eur(1), transaction_id="t-3"),
                Withdraw("bob", eur(1), transaction_id="t-1"),
                Deposit("bob", eur(1), transaction_id="t-2"),
            ]
        )
        _, after = kept(store)

        assert [("t-3", Transaction), ("t-1", Refusal), ("t-2", Transaction)] == [
            (record.id.value, type(record)) for record in after[len(before) :]
        ]

    @pytest.mark.parametrize(
        "command",
        [Deposit("alice", eur(1)), Withdraw("alice", eur(101))],
        ids=["booked", "refused"],
    )
    def test_an_id_that_occurs_twice_replays(
        self, bank: Bank, store: MemoryStore, command: Command
    ) -> None:
        """
        The same id and command twice in one batch: the second is the first, replayed.
        """
        _, before = kept(store)
        command = attrs.evolve(command, transaction_id="t-1")
        first, second = bank.execute([command, command])
        _, after = kept(store)

        assert again(first) == said(second)
        assert len(before) + 1 == len(after)

    def test_an_id_that_occurs_twice_for_two_commands(self, bank: Bank) -> None:
        """
        The same id for two commands of one batch: the second is `TransactionIdReusedError`.
        """
        first, second = bank.execute(
            [Deposit("alice", eur(n), transaction_id="t-1") for n in (1, 2)]
        )

        assert isinstance(first, Transaction)
        assert isinstance(second, TransactionIdReusedError)
        assert second.fields == ("amount",)
        assert eur(101) == bank.account("alice").balance

    def test_an_invalid_one_leaves_its_id_to_the_next(self, bank: Bank) -> None:
        """
        An id that an invalid command did not use up is free for a later one of the batch.
        """
        _, second = bank.execute(
            [
                Deposit("alice", Money(1, "USD"), transaction_id="t-1"),
                Deposit("alice", eur(1), transaction_id="t-1"),
            ]
        )

        assert isinstance(second, Transaction)
        assert not second.replayed

    def test_sent_again(self, bank: Bank, store: MemoryStore) -> None:
        """
        A batch that is sent again gives the same outcomes, and writes nothing.
        """
        commands: list[Command] = [
            Transfer("alice", "bob", eur(60), transaction_id="t-1"),
            Transfer("alice", "bob", eur(60), transaction_id="t-2"),
            OpenAccount(initial_balance=eur(5), transaction_id="t-3"),
        ]
        first = bank.execute(commands)
        before = kept(store)
        second = bank.execute(commands)

        assert list(map(again, first)) == list(map(said, second))
        assert before == kept(store)

    def test_reads_each_id_once(self) -> None:
        """
        What has to be read names no account and no id twice, in the order of first use.
        """
        seen: list[ReadSet] = []

        class Watching(MemoryStore):
            def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
                seen.append(reads)
                return super().transact(reads, decide)

        Bank(Watching()).execute(
            [
                Transfer("b", "a", eur(1), transaction_id="t-2"),
                Deposit("a", eur(1), transaction_id="t-1"),
                Transfer("b", "a", eur(1), transaction_id="t-2"),
            ]
        )

        expected = ReadSet(
            (TransactionId("t-2"), TransactionId("t-1")), (AccountId("b"), AccountId("a"))
        )
        assert [expected] == seen
        assert ReadSet((), ()) == reads_of(())


class TestBatchLength:
    def test_the_most(self, bank: Bank) -> None:
        """
        A batch of 100,000 commands is taken.
        """
        command = Deposit("alice", eur(1), transaction_id="t-1")
        outcomes = bank.execute([command] * BATCH_LENGTH_MAX)

        assert len(outcomes) == BATCH_LENGTH_MAX == 100_000
        assert {outcomes[0]} == set(outcomes)

    @pytest.mark.parametrize("atomic", [False, True])
    def test_one_more(self, bank: Bank, store: MemoryStore, *, atomic: bool) -> None:
        """
        A batch of 100,001 commands is invalid, and nothing is written.
        """
        before = kept(store)
        with pytest.raises(InvalidBatchError, match="at most 100,000 commands"):
            bank.execute([Deposit("alice", eur(1))] * (BATCH_LENGTH_MAX + 1), atomic=atomic)

        assert before == kept(store)


GOOD = Deposit("alice", eur(5))


def given(*commands: Command) -> list[Command]:
    """
    The commands with the ids t-1, t-2, …
    """
    return [
        attrs.evolve(command, transaction_id=f"t-{n}") for n, command in enumerate(commands, 1)
    ]


class TestAtomic:
    def test_all(self, bank: Bank, store: MemoryStore) -> None:
        """
        Where every command is allowed, all are booked, each seeing the earlier ones.
        """
        outcomes = bank.execute(
            given(
                Transfer("alice", "bob", eur(60)),
                Withdraw("bob", eur(60)),
                OpenAccount("carol", initial_balance=eur(0)),
                Transfer("alice", "carol", eur(40)),
            ),
            atomic=True,
        )

        assert [Transaction] * 4 == list(map(type, outcomes))
        assert outcomes == [store.outcome(TransactionId(f"t-{n}")) for n in range(1, 5)]
        assert list(map(eur, (0, 0, 40))) == [
            bank.account(name).balance for name in ("alice", "bob", "carol")
        ]

    def test_without_ids(self, bank: Bank) -> None:
        """
        None of the ids may be given as well; each command gets one.
        """
        outcomes = bank.execute([GOOD, GOOD], atomic=True)

        assert eur(110) == bank.account("alice").balance
        assert not any(outcome.replayed for outcome in outcomes)

    @pytest.mark.parametrize("at", [0, 1, 2])
    @pytest.mark.parametrize(("command", "error"), REFUSED, ids=named)
    def test_none(
        self, bank: Bank, store: MemoryStore, command: Command, error: type[DeclinedError], at: int
    ) -> None:
        """
        Where one is refused, none is booked: the refusal is raised, recorded under the failing
        id alone, and lists the ids that stay unused.
        """
        accounts, records = kept(store)
        other = Deposit("bob", eur(5))
        batch: list[Command] = [other, other]
        batch.insert(at, command)
        commands = given(*batch)
        with pytest.raises(error) as raised:
            bank.execute(commands, atomic=True)

        failing = commands[at].transaction_id
        accounts_after, records_after = kept(store)
        assert accounts == accounts_after
        assert [*(record.id for record in records), failing] == [
            record.id for record in records_after
        ]
        assert isinstance(records_after[-1], Refusal)
        assert raised.value.unused_ids == tuple(
            each.transaction_id for each in commands if each.transaction_id != failing
        )
        assert not raised.value.replayed

    @pytest.mark.parametrize(("command", "error"), REFUSED, ids=named)
    def test_none_without_ids(
        self, bank: Bank, store: MemoryStore, command: Command, error: type[DeclinedError]
    ) -> None:
        """
        Where no id was given, a refused batch writes nothing at all.
        """
        before = kept(store)
        with pytest.raises(error) as raised:
            bank.execute([Deposit("bob", eur(5)), command], atomic=True)

        assert before == kept(store)
        assert raised.value.unused_ids == ()

    @pytest.mark.parametrize(("command", "error"), UNRECORDED, ids=named)
    def test_an_invalid_one(
        self, bank: Bank, store: MemoryStore, command: Command, error: type[BankError]
    ) -> None:
        """
        Where one is invalid, nothing is written, and every id stays unused, its own included.
        """
        before = kept(store)
        with pytest.raises(error) as raised:
            bank.execute(given(Deposit("bob", eur(5)), command, GOOD), atomic=True)

        assert before == kept(store)
        assert tuple(map(TransactionId, ("t-1", "t-2", "t-3"))) == raised.value.unused_ids
        assert raised.value.place == 1

    def test_a_clock_that_is_behind(self, bank: Bank, store: MemoryStore, clock: Clock) -> None:
        """
        `ClockSkewError` records nothing, so that every id stays unused.
        """
        bank.deposit("alice", eur(1))
        before = kept(store)
        clock.now = NOW - timedelta(hours=1)
        with pytest.raises(ClockSkewError) as raised:
            bank.execute(given(Deposit("bob", eur(5)), GOOD), atomic=True)

        assert before == kept(store)
        assert tuple(map(TransactionId, ("t-1", "t-2"))) == raised.value.unused_ids

    def test_the_first_error_is_raised(self, bank: Bank) -> None:
        """
        Where several would fail, the first in order is raised.
        """
        with pytest.raises(AccountNotFoundError) as raised:
            bank.execute(given(GOOD, Deposit("x", eur(1)), Deposit("y", eur(1))), atomic=True)

        assert AccountId("x") == raised.value.account_id

    def test_a_refusal_stands_on_the_batchs_own_commands(self, bank: Bank) -> None:
        """
        A command of an atomic batch may be refused for what an earlier one of it would have
        done; so the facts say, and so it stays, although the earlier one was not booked.
        """
        commands = given(Withdraw("alice", eur(80)), Withdraw("alice", eur(30)))
        with pytest.raises(InsufficientFundsError) as raised:
            bank.execute(commands, atomic=True)

        assert eur(20) == raised.value.available
        with pytest.raises(InsufficientFundsError):
            bank.withdraw("alice", eur(30), transaction_id="t-2")
        assert eur(100) == bank.account("alice").balance

    def test_a_failed_one_sent_again(self, bank: Bank, store: MemoryStore) -> None:
        """
        A refused batch is refused again with the same refusal, whatever has happened since.
        """
        commands = given(GOOD, Withdraw("bob", eur(5)), GOOD)
        with pytest.raises(InsufficientFundsError) as first:
            bank.execute(commands, atomic=True)
        bank.deposit("bob", eur(500))
        before = kept(store)
        with pytest.raises(InsufficientFundsError) as second:
            bank.execute(commands, atomic=True)

        assert again(first.value) == said(second.value)
        assert first.value.unused_ids == second.value.unused_ids
        assert [TransactionId("t-1"), TransactionId("t-3")] == list(second.value.unused_ids)
        assert before == kept(store)

    def test_a_failed_one_whose_unused_id_is_used(self, bank: Bank) -> None:
        """
        The ids that stayed unused are free; the batch stays refused, and lists those that are
        still unused.
        """
        commands = given(GOOD, Withdraw("bob", eur(5)), GOOD)
        with pytest.raises(InsufficientFundsError):
            bank.execute(commands, atomic=True)
        used = only(bank.execute([commands[0]]))
        with pytest.raises(InsufficientFundsError) as again_raised:
            bank.execute(commands, atomic=True)

        assert isinstance(used, Transaction)
        assert not used.replayed
        assert [TransactionId("t-3")] == list(again_raised.value.unused_ids)
        assert again_raised.value.replayed

    def test_a_failed_one_in_another_order(self, bank: Bank) -> None:
        """
        The recorded refusal is found wherever in the batch its command stands.
        """
        commands = given(Withdraw("bob", eur(5)), GOOD)
        with pytest.raises(InsufficientFundsError):
            bank.execute(commands, atomic=True)
        with pytest.raises(InsufficientFundsError) as raised:
            bank.execute(commands[::-1], atomic=True)

        assert raised.value.replayed

    @pytest.mark.parametrize("used", [0, 1, 2])
    def test_partly_used_ids(self, bank: Bank, store: MemoryStore, used: int) -> None:
        """
        A batch of which some ids are booked and some are not is `TransactionIdReusedError`,
        with no field to name; nothing is written.
        """
        commands = given(GOOD, Deposit("bob", eur(5)), Withdraw("alice", eur(5)))
        bank.execute([commands[used]])
        before = kept(store)
        with pytest.raises(TransactionIdReusedError) as raised:
            bank.execute(commands, atomic=True)

        assert (commands[used].transaction_id, ()) == (
            raised.value.transaction_id,
            raised.value.fields,
        )
        assert raised.value.unused_ids == tuple(
            command.transaction_id for command in commands if command is not commands[used]
        )
        assert before == kept(store)

    def test_an_id_of_another_command(self, bank: Bank, store: MemoryStore) -> None:
        """
        A batch with an id that stands for another command names the fields that differ.
        """
        bank.deposit("alice", eur(1), transaction_id="t-2")
        before = kept(store)
        with pytest.raises(TransactionIdReusedError) as raised:
            bank.execute(given(GOOD, Deposit("alice", eur(2))), atomic=True)

        assert (TransactionId("t-2"), ("amount",)) == (
            raised.value.transaction_id,
            raised.value.fields,
        )
        assert (TransactionId("t-1"),) == raised.value.unused_ids
        assert before == kept(store)

    def test_a_booked_one_sent_again(self, bank: Bank, store: MemoryStore) -> None:
        """
        A batch that was booked replays as a whole.
        """
        commands = given(GOOD, OpenAccount(initial_balance=eur(1)), Withdraw("alice", eur(105)))
        first = bank.execute(commands, atomic=True)
        before = kept(store)
        second = bank.execute(commands, atomic=True)

        assert list(map(again, first)) == list(map(said, second))
        assert before == kept(store)

    def test_booked_one_by_one_and_sent_as_a_batch(self, bank: Bank) -> None:
        """
        Where every id is booked already, the batch is done, however it was booked.
        """
        commands = given(GOOD, Withdraw("alice", eur(105)))
        first = [only(bank.execute([command])) for command in commands]

        assert list(map(again, first)) == list(map(said, bank.execute(commands, atomic=True)))

    def test_a_duplicate_inside(self, bank: Bank) -> None:
        """
        The same id and command twice in an atomic batch: booked once, the second replays.
        """
        command = Deposit("alice", eur(5), transaction_id="t-1")
        first, second = bank.execute([command, command], atomic=True)

        assert again(first) == said(second)
        assert eur(105) == bank.account("alice").balance

    def test_a_duplicate_inside_sent_again(self, bank: Bank) -> None:
        """
        A batch with a duplicate inside replays as a whole like any other.
        """
        command = Deposit("alice", eur(5), transaction_id="t-1")
        bank.execute([command, command], atomic=True)
        outcomes = bank.execute([command, command], atomic=True)

        assert all(outcome.replayed for outcome in outcomes)

    def test_one_id_for_two_commands_inside(self, bank: Bank, store: MemoryStore) -> None:
        """
        One id for two commands of an atomic batch: nothing is booked, and the ids stay unused,
        each listed once.
        """
        before = kept(store)
        other = Deposit("bob", eur(1), transaction_id="t-2")
        with pytest.raises(TransactionIdReusedError) as raised:
            bank.execute(
                [other, *(Deposit("alice", eur(n), transaction_id="t-1") for n in (1, 2))],
                atomic=True,
            )

        assert raised.value.fields == ("amount",)
        assert tuple(map(TransactionId, ("t-2", "t-1"))) == raised.value.unused_ids
        assert before == kept(store)

    @pytest.mark.parametrize("reverse", [False, True])
    def test_mixed_ids(self, bank: Bank, store: MemoryStore, *, reverse: bool) -> None:
        """
        In an atomic batch either all ids are given or none, or it is invalid.
        """
        before = kept(store)
        commands: list[Command] = [GOOD, attrs.evolve(GOOD, transaction_id="t-1")]
        with pytest.raises(InvalidBatchError):
            bank.execute(commands[::-1] if reverse else commands, atomic=True)

        assert before == kept(store)

    def test_mixed_ids_are_allowed_otherwise(self, bank: Bank) -> None:
        """
        In a batch that is not atomic, each command may have an id or none.
        """
        outcomes = bank.execute([GOOD, attrs.evolve(GOOD, transaction_id="t-1")])

        assert [Transaction, Transaction] == list(map(type, outcomes))

    def test_of_one(self, bank: Bank) -> None:
        """
        An atomic batch of one command is that command, its refusal raised.
        """
        with pytest.raises(InsufficientFundsError) as raised:
            bank.execute(given(Withdraw("bob", eur(1))), atomic=True)

        assert raised.value.unused_ids == ()
        with pytest.raises(TransactionNotFoundError):
            bank.transaction("t-2")


def test_ids_come_from_the_source_in_order(store: MemoryStore) -> None:
    """
    One id is made for each command that has none, and one for each account that has none.
    """
    source: Iterator[str] = (f"n{n}" for n in count(1))
    bank = Bank(store, clock=lambda: NOW, new_id=source.__next__)
    outcomes = bank.execute(
        [
            OpenAccount(initial_balance=eur(0)),
            Deposit("alice", eur(1), transaction_id="t-1"),
            OpenAccount("carol", initial_balance=eur(0)),
            OpenAccount(initial_balance=eur(0), transaction_id="t-2"),
        ]
    )

    expected = [("n1", "n2"), ("t-1", "alice"), ("n3", "carol"), ("t-2", "n4")]
    assert expected == [
        (outcome.id.value, outcome.account_id.value)
        for outcome in outcomes
        if isinstance(outcome, Transaction)
    ]
