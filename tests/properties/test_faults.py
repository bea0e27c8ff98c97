"""
Random commands through stores that fail, against a bank in plain integers.

By the profile: a thousand seeds of a hundred operations in memory and twenty seeds in
each store; a thousand seeds of two hundred operations on all of them for "thorough".
"""

import os
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any, Final

import pytest

from bankcore import AccountStore, Bank, BankError, Money, Transaction
from bankcore.commands import Command, Deposit, OpenAccount, PlaceHold, Transfer, Withdraw
from bankcore.errors import ClockSkewError, OutcomeUnknownError, StoreUnavailableError
from bankcore.ledger import WriteSet, verify
from bankcore.stores import MemoryStore
from bankcore.testing import FaultyStore
from every_store import MakeStore

IS_THOROUGH: Final = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
OPERATIONS: Final = 200 if IS_THOROUGH else 100
SEEDS: Final = 1_000
SEEDS_OF_EACH: Final = SEEDS if IS_THOROUGH else 20
NAMES: Final = ("alice", "bob", "carol")
GOES_ON: Final = (StoreUnavailableError, OutcomeUnknownError)


class PlainBank:
    """
    The balances as they must be, in plain integers: available money alone, and nobody's rules.
    """

    def __init__(self) -> None:
        self.balances = dict.fromkeys(NAMES, 100)
        self.held = dict.fromkeys(NAMES, 0)
        self.done: dict[str, bool] = {}

    def take(self, name: str, kind: str, source: str, to: str, amount: int) -> bool:
        """
        Return whether the command is accepted; what is known under its name is not done again.
        """
        if name not in self.done:
            enough = self.balances[source] - self.held[source] >= amount
            self.done[name] = kind == "deposit" or enough
            if self.done[name]:
                self._do(kind, source, to, amount)
        return self.done[name]

    def _do(self, kind: str, source: str, to: str, amount: int) -> None:
        if kind == "hold":
            self.held[source] += amount
            return
        self.balances[source] += amount if kind == "deposit" else -amount
        if kind == "transfer":
            self.balances[to] += amount


class Run:
    """
    One seed on one store.
    """

    def __init__(self, store: AccountStore, seed: int) -> None:
        self.random = Random(seed)
        self.faulty = FaultyStore(store, seed=seed)
        numbers = count(1)
        self.bank = Bank(
            self.faulty,
            clock=self.faulty.clock,
            timer=self.faulty.clock,
            new_id=lambda: f"made-{next(numbers)}",
            # Short, so that now and then it passes.
            deadline=timedelta(seconds=self.random.choice([0.0, 0.05, 30.0])),
        )
        self.plain = PlainBank()
        self.receipts: dict[str, Transaction] = {}

    def __call__(self) -> "Run":
        for name in NAMES:
            opening = OpenAccount(
                name, initial_balance=Money.from_minor(100, "EUR"), transaction_id=f"open-{name}"
            )
            self.sent(opening)
        for number in range(OPERATIONS):
            self.operation(f"t-{number}")
        return self

    def operation(self, name: str) -> None:
        kind = self.random.choice(["deposit", "withdraw", "transfer", "hold"])
        source, to = self.random.sample(NAMES, 2)
        minor = self.random.randint(1, 80)
        amount = Money.from_minor(minor, "EUR")
        command: Command = {
            "deposit": Deposit(source, amount, transaction_id=name),
            "withdraw": Withdraw(source, amount, transaction_id=name),
            "transfer": Transfer(source, to, amount, transaction_id=name),
            "hold": PlaceHold(source, amount, transaction_id=name),
        }[kind]
        for _ in range(self.random.choice([1, 1, 1, 2])):
            outcome = self.sent(command)

            assert self.plain.take(name, kind, source, to, minor) == (
                isinstance(outcome, Transaction)
            ), (command, outcome)

    def sent(self, command: Command) -> Transaction | BankError:
        """
        The answer that is acknowledged in the end, as an application gets it that sends the
        same command until there is one.
        """
        while True:
            self.faulty.clock.sleep(1)
            try:
                (outcome,) = self.bank.execute((command,))
            except GOES_ON:
                continue
            if isinstance(outcome, ClockSkewError):
                continue  # the clock is set right one day
            if isinstance(outcome, Transaction):
                first = self.receipts.setdefault(outcome.id.value, outcome)
                assert first == outcome
            return outcome


def require_kept(run: Run) -> None:
    """
    Nothing that was acknowledged is lost, each id has one record, and the audit is clean.
    """
    store = run.faulty.store
    records = store.journal(limit=10_000).records
    balances = {str(each.id): each.balance.amount_minor for each in store.accounts()}
    held = {str(each.id): each.held.amount_minor for each in store.accounts()}

    assert (run.plain.balances, run.plain.held) == (balances, held)
    assert len(records) == len({record.id for record in records})
    assert {f"open-{name}" for name in NAMES} | set(run.plain.done) == {
        record.id.value for record in records
    }
    assert list(run.receipts.values()) == [
        record for record in records if isinstance(record, Transaction)
    ]
    assert verify(store).is_clean


def test_a_thousand_seeds_in_memory() -> None:
    """
    "No acknowledged operation is lost; a retried operation happens once."
    """
    for seed in range(SEEDS):
        require_kept(Run(MemoryStore(), seed)())


def test_seeds_in_each_store(make_store: MakeStore) -> None:
    """
    The same in each store, which gives the same trace as the store in memory.
    """
    for seed in range(SEEDS_OF_EACH):
        with make_store() as store:
            run = Run(store, seed)()
            require_kept(run)

        assert Run(MemoryStore(), seed)().faulty.trace == run.faulty.trace


def test_one_seed_is_one_run() -> None:
    """
    A hundred seeds, each run twice, give traces that are equal to the byte, and all of them
    different.
    """
    first, second = (
        [Run(MemoryStore(), seed)().faulty.trace for seed in range(100)] for _ in range(2)
    )

    assert ["\n".join(trace).encode() for trace in first] == [
        "\n".join(trace).encode() for trace in second
    ]
    assert 100 == len(set(first))


class _Forgetful(MemoryStore):
    """
    Loses, without a word, the new state of an account every tenth time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)

    def _change(self, written: WriteSet) -> dict[Any, Any]:
        change = super()._change(written)
        if next(self._numbers) % 10 == 0:
            return {key: each for key, each in change.items() if key[0] != "account"}
        return change


def test_a_store_that_loses_is_found_out() -> None:
    """
    The comparison fails for a store that is broken.
    """
    run = Run(_Forgetful(), seed=1)

    with pytest.raises((AssertionError, LookupError)):
        require_kept(run())
