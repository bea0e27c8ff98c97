"""
The same commands on every store and on a model in plain integers: every answer is compared.

"Behaviour equals a simple sequential model": commands that are valid, malformed, refused,
replayed and reused, alone and in batches, atomic or not, with times given or not, on a clock
that goes on and back, with the SQLite file closed and opened in between. After each step
every account and every statement must be as the model has it; at the end the audit must be
clean, and the stores' journals the same.

A run by default is up to 3,000 steps. To run up to 50,000 of them (some minutes)::

    HYPOTHESIS_PROFILE=thorough pytest tests/stateful
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from model import Answer, Ask, Booked, Line, Model, Refused

from bankcore import audit
from bankcore.bank import Bank
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import AccountNotFoundError, BankError
from bankcore.ids import AccountId, TransactionId
from bankcore.money import Money
from bankcore.store import AccountStore
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.transaction import Transaction

EPOCH: Final = datetime(2026, 3, 1, tzinfo=UTC)
SECOND: Final = 1_000_000
AMOUNT_MAX: Final = 10**18 - 1

# Facts that only describe a malformed value in words; the code is compared, they are not.
WORDS: Final = {"value", "reason"}


# -- Between plain ints and bankcore's values --------------------------------


def instant_of(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def plain(value: object) -> object:
    """
    A value of bankcore as the model writes it.
    """
    if isinstance(value, Money):
        return value.amount_minor
    if isinstance(value, AccountId | TransactionId):
        return value.value
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    return value


def command_of(ask: Ask) -> Command:
    """
    The command that *ask* describes; raises where that is malformed.
    """
    options: dict[str, Any] = {
        "transaction_id": ask.id,
        "booked_at": None if ask.at is None else instant_of(ask.at),
        "description": ask.description,
    }
    amount = Money.from_minor(ask.amount, ask.currency)
    if ask.kind == "open":
        limit = None if ask.limit is None else Money.from_minor(ask.limit, ask.currency)
        return OpenAccount(ask.account, initial_balance=amount, overdraft_limit=limit, **options)
    assert ask.account is not None
    if ask.kind == "deposit":
        return Deposit(ask.account, amount, **options)
    if ask.kind == "withdraw":
        return Withdraw(ask.account, amount, **options)
    assert ask.to is not None
    return Transfer(ask.account, ask.to, amount, **options)


def call(bank: Bank, ask: Ask) -> Transaction:
    """
    What the bank's own method for *ask* gives.
    """
    options: dict[str, Any] = {
        "transaction_id": ask.id,
        "booked_at": None if ask.at is None else instant_of(ask.at),
        "description": ask.description,
    }
    amount = Money.from_minor(ask.amount, ask.currency)
    if ask.kind == "open":
        limit = None if ask.limit is None else Money.from_minor(ask.limit, ask.currency)
        return bank.open_account(
            ask.account, initial_balance=amount, overdraft_limit=limit, **options
        )
    assert ask.account is not None
    if ask.kind == "deposit":
        return bank.deposit(ask.account, amount, **options)
    if ask.kind == "withdraw":
        return bank.withdraw(ask.account, amount, **options)
    assert ask.to is not None
    return bank.transfer(ask.account, ask.to, amount, **options)


def answer_of(outcome: Transaction | BankError) -> Answer:
    """
    An outcome of the bank as the model would say it.
    """
    if isinstance(outcome, Transaction):
        lines = []
        for posting in outcome.postings:
            assert posting.held.amount_minor == 0
            assert posting.amount.currency == posting.balance.currency == posting.held.currency
            assert posting.overdraft_limit.currency == posting.amount.currency
            lines.append(
                Line(
                    account=posting.account_id.value,
                    amount=posting.amount.amount_minor,
                    balance=posting.balance.amount_minor,
                    limit=posting.overdraft_limit.amount_minor,
                    version=posting.version,
                )
            )
        at = (outcome.booked_at - EPOCH) // timedelta(microseconds=1)
        return Booked(outcome.id.value, at, tuple(lines), outcome.replayed)
    facts = {name: plain(value) for name, value in outcome.facts.items()}
    if facts.keys() & WORDS:
        facts = {}
    unused = tuple(transaction_id.value for transaction_id in outcome.unused_ids)
    return Refused(outcome.code, facts, outcome.replayed, unused)


def answers_of(do: Callable[[], Sequence[Transaction | BankError]]) -> list[Answer]:
    """
    All that a call gives, or the one error that it raises.
    """
    try:
        return [answer_of(outcome) for outcome in do()]
    except BankError as error:
        return [answer_of(error)]


# -- What is asked -----------------------------------------------------------

# Few accounts, so that they meet: a and b are opened first, and c nearly full; d may be.
NAMES = st.sampled_from(["a", "b", "c", "d"])
NAMES_AND_NOBODY = st.sampled_from(["a", "b", "a", "b", "a", "b", "c", "c", "d", "nobody"])
SPECIAL_AMOUNTS = st.sampled_from([-1, 0, 1, 100, AMOUNT_MAX - 100, AMOUNT_MAX, AMOUNT_MAX + 1])
AMOUNTS = st.one_of(*[st.integers(1, 150), st.integers(50, 500)] * 8, SPECIAL_AMOUNTS)
LIMITS = st.sampled_from([*[None, None, 0, 50, 100] * 4, AMOUNT_MAX, -1])
CURRENCIES = st.sampled_from(["EUR"] * 9 + ["USD"])
DESCRIPTIONS = st.sampled_from([None, None, None, "rent", "“naïve” 😀"])
# Few ids, so that some meet; and none.
IDS = st.one_of(st.none(), st.integers(0, 300).map("t-{}".format))
# Given times, in seconds from the clock as it is; most of the time none.
TIMES = st.sampled_from([None] * 30 + [-3600, -5, -1, 0, 1])


@st.composite
def asks(draw: st.DrawFn, *kinds: str) -> Ask:
    kind = draw(st.sampled_from(kinds))
    account: str | None = draw(NAMES_AND_NOBODY)
    if kind == "open":
        account = draw(st.one_of(st.none(), NAMES, NAMES, NAMES))
    return Ask(
        kind=kind,
        account=account,
        amount=draw(AMOUNTS),
        currency=draw(CURRENCIES),
        to=draw(NAMES_AND_NOBODY) if kind == "transfer" else None,
        limit=draw(LIMITS) if kind == "open" else None,
        id=draw(IDS),
        # Relative as drawn; the machine adds its clock.
        at=draw(TIMES),
        description=draw(DESCRIPTIONS),
    )


ANY_ASK = asks("open", "deposit", "withdraw", "transfer", "withdraw", "transfer")


class Machine(RuleBasedStateMachine):
    """
    A bank on each store, and the model, led through the same steps.
    """

    sent: Bundle[Ask] = Bundle("sent")
    batches: Bundle[tuple[tuple[Ask, ...], bool]] = Bundle("batches")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now = 0
        self.calls = 0
        self.model = Model()
        self.sqlite = SQLiteStore(self.folder / "bank.db")
        self.stores: dict[str, AccountStore] = {"memory": MemoryStore(), "sqlite": self.sqlite}
        self.banks = self._banks()

    def teardown(self) -> None:
        try:
            self._require_sound()
        finally:
            self.sqlite.close()
            shutil.rmtree(self.folder)

    def _banks(self) -> dict[str, Bank]:
        """
        A bank on each store; both make the same ids in the same order.
        """
        return {
            name: Bank(
                store,
                clock=lambda: instant_of(self.now),
                new_id=partial(next, self._made(name)),
            )
            for name, store in self.stores.items()
        }

    def _made(self, name: str) -> Iterator[str]:
        """
        Ids that depend on the call only: what one call did not use does not move the next.
        """
        seen = 0
        numbers = count()
        while True:
            if seen != self.calls:
                seen, numbers = self.calls, count()
            yield f"m-{self.calls}-{next(numbers)}"

    def _compare(
        self,
        do: Callable[[Bank], Sequence[Transaction | BankError]],
        expected: Callable[[Iterator[str]], list[Answer]],
    ) -> list[Answer]:
        """
        Do the same on every store and on the model, and require the same answers of all.
        """
        self.calls += 1
        predicted = expected(self._made("model"))
        for name, bank in self.banks.items():
            answers = answers_of(partial(do, bank))

            assert (name, predicted) == (name, answers)
        return predicted

    def _timed(self, ask: Ask) -> Ask:
        if ask.at is None:
            return ask
        return replace(ask, at=self.now + ask.at * SECOND)

    # -- Steps --

    @initialize(target=sent, balance=st.integers(0, 300), limit=LIMITS.filter(lambda n: n != -1))
    def first_accounts(self, balance: int, limit: int | None) -> Any:
        openings = [
            Ask("open", "a", balance, id="t-a"),
            Ask("open", "b", 100, limit=limit, id="t-b"),
            Ask("open", "c", AMOUNT_MAX - 100, id="t-c"),
        ]
        for ask in openings:
            self._single(ask)
        return multiple(*openings)

    @rule(target=sent, ask=asks("open"))
    def open_account(self, ask: Ask) -> Ask:
        return self._single(self._timed(ask))

    @rule(target=sent, ask=asks("deposit"))
    def deposit(self, ask: Ask) -> Ask:
        return self._single(self._timed(ask))

    @rule(target=sent, ask=asks("withdraw"))
    def withdraw(self, ask: Ask) -> Ask:
        return self._single(self._timed(ask))

    @rule(target=sent, ask=asks("transfer"))
    def transfer(self, ask: Ask) -> Ask:
        return self._single(self._timed(ask))

    @rule(ask=sent)
    def send_again(self, ask: Ask) -> None:
        self._single(ask)

    @rule(ask=sent, other=ANY_ASK)
    def reuse(self, ask: Ask, other: Ask) -> None:
        """
        Another command under an id that was sent before.
        """
        self._single(replace(self._timed(other), id=ask.id))

    @rule(
        ask=sent,
        change=st.sampled_from(
            [
                {"amount": 7},
                {"currency": "USD"},
                {"description": "another"},
                {"at": -SECOND},
                {"account": "c"},
            ]
        ),
    )
    def reuse_nearly(self, ask: Ask, change: dict[str, Any]) -> None:
        """
        Nearly the same command under an id that was sent before.
        """
        self._single(replace(ask, **change))

    def _single(self, ask: Ask) -> Ask:
        self._compare(
            lambda bank: [call(bank, ask)], lambda made: [self.model.one(ask, self.now, made)]
        )
        return ask

    @rule(
        target=batches,
        drawn=st.lists(ANY_ASK, max_size=6),
        before=st.lists(sent, max_size=2),
        ids=st.sampled_from(["given", "given", "none", "mixed"]),
        atomic=st.booleans(),
    )
    def batch(
        self, drawn: list[Ask], before: list[Ask], ids: str, *, atomic: bool
    ) -> tuple[tuple[Ask, ...], bool]:
        """
        A batch of new commands and of some that were sent before.
        """
        together = [*map(self._timed, drawn), *before]
        if ids == "given":
            together = [
                ask if ask.id is not None else replace(ask, id=f"n-{self.calls}-{n}")
                for n, ask in enumerate(together)
            ]
        elif ids == "none":
            together = [replace(ask, id=None) for ask in together]
        return self._batch(tuple(together), atomic=atomic)

    @rule(target=batches, drawn=st.lists(ANY_ASK, min_size=2, max_size=4), again=st.booleans())
    def new_atomic_batch(self, drawn: list[Ask], *, again: bool) -> tuple[tuple[Ask, ...], bool]:
        """
        An atomic batch of well-formed commands under ids of their own, perhaps sent twice.
        """
        together = tuple(
            replace(
                self._timed(ask),
                id=f"n-{self.calls}-{n}",
                amount=min(max(ask.amount, 1), 150),
                limit=None,
                to=None if ask.to is None else "a" if ask.account != "a" else "b",
                currency="EUR",
            )
            for n, ask in enumerate(drawn)
        )
        for _ in range(again):
            self._batch(together, atomic=True)
        return self._batch(together, atomic=True)

    @rule(batch=batches)
    def send_batch_again(self, batch: tuple[tuple[Ask, ...], bool]) -> None:
        self._batch(batch[0], atomic=batch[1])

    @rule(batch=consumes(batches), n=st.integers(0, 5))
    def send_one_of_a_batch(self, batch: tuple[tuple[Ask, ...], bool], n: int) -> None:
        """
        A single command that was part of a batch, and then the batch again.
        """
        together, atomic = batch
        if together:
            self._single(together[n % len(together)])
        self._batch(together, atomic=atomic)

    def _batch(self, together: tuple[Ask, ...], *, atomic: bool) -> tuple[tuple[Ask, ...], bool]:
        predict = self.model.atomic if atomic else self.model.batch
        self._compare(
            lambda bank: bank.execute(map(command_of, together), atomic=atomic),
            lambda made: predict(together, self.now, made),
        )
        return together, atomic

    @rule(seconds=st.sampled_from([0, 1, 3, 3600]), microseconds=st.integers(0, 2))
    def clock_goes_on(self, seconds: int, microseconds: int) -> None:
        self.now += seconds * SECOND + microseconds

    @rule(microseconds=st.sampled_from([1, SECOND, 5 * SECOND, 5 * SECOND + 1, 7200 * SECOND]))
    def clock_goes_back(self, microseconds: int) -> None:
        self.now -= microseconds

    @rule()
    def open_the_file_anew(self) -> None:
        """
        What a process left in the file is what the next one finds.
        """
        self.sqlite.close()
        self.sqlite = SQLiteStore(self.folder / "bank.db", create=False)
        self.stores["sqlite"] = self.sqlite
        self.banks = self._banks()

    # -- Reads --

    @rule(
        name=NAMES_AND_NOBODY,
        span=st.tuples(st.integers(-2, 8), st.integers(-2, 8)).map(sorted),
        ticks=st.integers(-1, 1),
    )
    def read_times(self, name: str, span: list[int], ticks: int) -> None:
        """
        A balance at an instant, and a statement between two, around what was booked.
        """
        booked = sorted({at for each in self.model.accounts for at, *_ in self.model.lines(each)})
        start, end = (
            booked[n] + ticks if 0 <= n < len(booked) else self.now + n * SECOND for n in span
        )
        start, end = min(start, end), max(start, end)
        for bank in self.banks.values():
            if name not in self.model.accounts:
                self._require_not_found(bank, name, instant_of(start))
                continue
            statement = bank.statement(name, start=instant_of(start), end=instant_of(end))

            assert self.model.balance_at(name, start) == plain(
                bank.balance_at(name, instant_of(start))
            )
            assert self.model.balance_at(name, start - 1) == plain(statement.opening_balance)
            # Between two equal instants there is nothing, not even a tick.
            closing = self.model.balance_at(name, max(start, end) - 1)
            assert closing == plain(statement.closing_balance)
            assert [line for line in self.model.lines(name) if start <= line[0] < end] == [
                (
                    plain(line.booked_at),
                    line.transaction.id.value,
                    line.amount.amount_minor,
                    line.balance.amount_minor,
                )
                for line in statement.lines
            ]

    @staticmethod
    def _require_not_found(bank: Bank, name: str, instant: datetime) -> None:
        reads: tuple[Callable[[], object], ...] = (
            lambda: bank.balance_at(name, instant),
            lambda: bank.statement(name, start=instant),
            lambda: bank.statement(name, end=instant),
            lambda: bank.account(name),
        )
        for read in reads:
            with pytest.raises(AccountNotFoundError) as raised:
                read()

            assert name == raised.value.account_id.value

    @rule(ask=sent)
    def read_an_outcome(self, ask: Ask) -> None:
        """
        What is recorded under an id, as `Bank.transaction` says it.
        """
        transaction_id = ask.id
        if transaction_id is None:
            return
        expected: Answer = Refused("transaction_not_found", {"transaction_id": transaction_id})
        if transaction_id in self.model.records:
            expected = self.model.records[transaction_id].answer
            if isinstance(expected, Refused):
                expected = replace(expected, replayed=True)
        for bank in self.banks.values():

            def read(bank: Bank = bank) -> list[Transaction]:
                return [bank.transaction(transaction_id)]

            assert [expected] == answers_of(read)

    @invariant()
    def accounts_and_statements(self) -> None:
        """
        Every account and every statement is as the model has it.
        """
        expected = [
            (name, account.balance, account.currency, account.limit, account.version, account.last)
            for name, account in sorted(self.model.accounts.items())
        ]
        lines = {name: list(self.model.lines(name)) for name, *_ in expected}
        for bank in self.banks.values():
            assert expected == [
                (
                    account.id.value,
                    account.balance.amount_minor,
                    account.balance.currency.code,
                    account.overdraft_limit.amount_minor,
                    account.version,
                    plain(account.last_booked_at),
                )
                for account in bank.accounts()
            ]
            for name, expected_lines in lines.items():
                assert expected_lines == [
                    (
                        plain(line.booked_at),
                        line.transaction.id.value,
                        line.amount.amount_minor,
                        line.balance.amount_minor,
                    )
                    for line in bank.statement(name).lines
                ]

    def _require_sound(self) -> None:
        """
        Both journals are the same, hold what the model holds, and stand the audit.
        """
        journals = {
            name: store.journal(limit=10_000).records for name, store in self.stores.items()
        }

        assert journals["memory"] == journals["sqlite"]
        assert list(self.model.records) == [record.id.value for record in journals["memory"]]
        for store in self.stores.values():
            assert audit.verify(store).disagreements == ()


TestMachine = Machine.TestCase
# By the profile: 60 runs of 50 steps for "dev" and "ci", 1,000 for "thorough".
TestMachine.settings = settings(
    max_examples=max(settings().max_examples // 5, 60), stateful_step_count=50
)
