"""
The model: a bank in plain integers, to predict every answer of the real one.

It is written from the design alone, and imports nothing of bankcore: amounts are ints of
minor units, instants ints of microseconds, ids texts. It is slow and simple on purpose: an
atomic batch is worked on a copy of everything.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from typing import Any

AMOUNT_MAX = 10**18 - 1
SKEW_MAX = 5_000_000

# What an answer says: of a refusal its facts, as texts and ints.
Facts = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """
    A command before anybody has judged it, so that it may be malformed.

    *amount* is the initial balance of an opening; *limit* is an opening's alone, *to* a
    transfer's.
    """

    kind: str
    account: str | None
    amount: int
    currency: str = "EUR"
    to: str | None = None
    limit: int | None = None
    id: str | None = None
    at: int | None = None
    description: str | None = None


@dataclass(frozen=True)
class Line:
    """
    One account's line in what was booked.
    """

    account: str
    amount: int
    balance: int
    limit: int
    version: int


@dataclass(frozen=True)
class Booked:
    """
    The answer to a command that was accepted.
    """

    id: str
    at: int
    lines: tuple[Line, ...]
    replayed: bool = False


@dataclass(frozen=True)
class Refused:
    """
    The answer to a command that was not. Of an error that only names what is malformed, the
    facts are not predicted.
    """

    code: str
    facts: Facts = field(default_factory=dict)
    replayed: bool = False
    unused: tuple[str, ...] = ()


Answer = Booked | Refused


@dataclass
class ModelAccount:
    currency: str
    limit: int
    balance: int = 0
    version: int = 0
    last: int = 0


@dataclass
class Record:
    """
    What is kept under an id: the command as it was sent first, and the answer.
    """

    ask: Ask
    answer: Answer


class Declined(Exception):  # noqa: N818  # it is an answer, and no error of the model
    def __init__(self, code: str, *, recorded: bool, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.recorded = recorded
        self.facts = facts


# The names under which the design's commands carry the fields of an `Ask`, in order.
FIELDS = {
    "open": {
        "at": "booked_at",
        "description": "description",
        "account": "account_id",
        "amount": "initial_balance",
        "limit": "overdraft_limit",
    },
    "deposit": {
        "at": "booked_at",
        "description": "description",
        "account": "account_id",
        "amount": "amount",
    },
    "transfer": {
        "at": "booked_at",
        "description": "description",
        "account": "source_id",
        "to": "destination_id",
        "amount": "amount",
    },
}
FIELDS["withdraw"] = FIELDS["deposit"]


def malformed(ask: Ask) -> "Refused | None":
    """
    The answer to what is wrong with the call itself, whatever the state; None where it is well
    formed.
    """
    least = 0 if ask.kind == "open" else 1
    for amount, smallest in ((ask.amount, least), (ask.limit or 0, 0)):
        if amount < smallest:
            return Refused("invalid_amount")
        if amount > AMOUNT_MAX:
            return Refused("amount_too_large")
    if ask.kind == "transfer" and ask.account == ask.to:
        return Refused("same_account", {"account_id": ask.account})
    return None


def first_malformed(asks: Sequence[Ask]) -> "Refused | None":
    return next((answer for answer in map(malformed, asks) if answer is not None), None)


class Model:
    """
    A bank in plain integers.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, ModelAccount] = {}
        self.records: dict[str, Record] = {}
        # Each account's history: what was booked, in order.
        self.histories: dict[str, list[Booked]] = {}

    # -- Commands --

    def one(self, ask: Ask, now: int, made: Iterator[str]) -> Answer:
        """
        The answer to one command at *now*; ids that are not given are taken from *made*.
        """
        return self.batch([ask], now, made)[0]

    def batch(self, asks: Sequence[Ask], now: int, made: Iterator[str]) -> list[Answer]:
        """
        The answer to each of *asks*, or the one to the whole call where one is malformed.
        """
        wrong = first_malformed(asks)
        if wrong is not None:
            return [wrong]
        return [self._answer(*each, now) for each in self._with_ids(asks, made)]

    def atomic(self, asks: Sequence[Ask], now: int, made: Iterator[str]) -> list[Answer]:
        """
        The answers to all of *asks*, or the one that is raised.
        """
        wrong = first_malformed(asks)
        if wrong is not None:
            return [wrong]
        given = [ask.id for ask in asks if ask.id is not None]
        if 0 < len(given) < len(asks):
            return [Refused("invalid_batch")]
        known = self._known(asks)
        if known is not None:
            return [self._failed(known, given)]
        trial = deepcopy(self)
        answers: list[Answer] = []
        for ask, transaction_id, account in self._with_ids(asks, made):
            answer = trial._answer(ask, transaction_id, account, now)
            if isinstance(answer, Refused):
                # Only the refusal stays, and only where it is one that is recorded.
                record = trial.records.get(transaction_id)
                if record is not None and record.answer is answer:
                    self.records[transaction_id] = record
                return [self._failed(answer, given)]
            answers.append(answer)
        vars(self).update(vars(trial))
        return answers

    def _known(self, asks: Sequence[Ask]) -> Refused | None:
        """
        What an atomic batch comes to for what is recorded under its ids already, if that is no.
        """
        known = [self._recorded(ask) for ask in asks]
        for answer in known:
            if isinstance(answer, Refused):
                return answer
        used = [ask.id for ask, answer in zip(asks, known, strict=True) if answer is not None]
        if 0 < len(used) < len(asks):
            return Refused("transaction_id_reused", {"transaction_id": used[0], "fields": ()})
        return None

    def _failed(self, answer: Refused, given: Iterable[str]) -> Refused:
        unused = tuple(dict.fromkeys(name for name in given if name not in self.records))
        return replace(answer, unused=unused)

    @staticmethod
    def _with_ids(asks: Sequence[Ask], made: Iterator[str]) -> list[tuple[Ask, str, str]]:
        """
        Each command with its transaction id and its (first) account; ids are made for a whole
        batch before any of it is judged.
        """
        return [
            (
                ask,
                next(made) if ask.id is None else ask.id,
                next(made) if ask.account is None else ask.account,
            )
            for ask in asks
        ]

    def _recorded(self, ask: Ask) -> Answer | None:
        """
        The answer that what is recorded under the id gives, if anything is.
        """
        if ask.id is None or ask.id not in self.records:
            return None
        record = self.records[ask.id]
        if record.ask.kind != ask.kind:
            different: tuple[str, ...] = ("command",)
        else:
            names = FIELDS[ask.kind]
            changed = {
                name
                for name in (each.name for each in fields(Ask))
                if getattr(record.ask, name) != getattr(ask, name)
            }
            # An amount and its currency are one field.
            if "currency" in changed:
                changed |= {"amount"} | ({"limit"} if ask.limit is not None else set())
                if record.ask.limit is not None:
                    changed |= {"limit"}
            different = tuple(theirs for mine, theirs in names.items() if mine in changed)
        if different:
            return Refused(
                "transaction_id_reused", {"transaction_id": ask.id, "fields": different}
            )
        return replace(record.answer, replayed=True)

    def _answer(self, ask: Ask, transaction_id: str, account: str, now: int) -> Answer:
        recorded = self._recorded(ask)
        if recorded is not None:
            return recorded
        try:
            answer: Answer = self._booked(ask, transaction_id, account, now)
        except Declined as no:
            answer = Refused(no.code, no.facts)
            if not no.recorded or ask.id is None:
                return answer
        self.records[transaction_id] = Record(ask, answer)
        return answer

    # -- The rules, in the order in which they are documented --

    def _booked(self, ask: Ask, transaction_id: str, account: str, now: int) -> Booked:
        at = now if ask.at is None else ask.at
        if at > now:
            raise Declined("invalid_time", recorded=False)
        if ask.kind == "open":
            if account in self.accounts:
                raise Declined("account_exists", recorded=True, account_id=account)
            self.accounts[account] = ModelAccount(ask.currency, ask.limit or 0)
            self.histories[account] = []
            return self._book(transaction_id, at, {account: ask.amount})
        return self._moved(ask, transaction_id, account, now)

    def _moved(self, ask: Ask, transaction_id: str, account: str, now: int) -> Booked:
        changes = {account: ask.amount if ask.kind == "deposit" else -ask.amount}
        if ask.to is not None:
            changes[ask.to] = ask.amount
        for name in changes:
            if name not in self.accounts:
                raise Declined("account_not_found", recorded=True, account_id=name)
        for name in changes:
            self._require_time(ask, name, now)
        # A given time is later than the last postings, or it is refused above.
        at = now if ask.at is None else ask.at
        at = max(at, *(self.accounts[name].last for name in changes))
        for name in changes:
            expected = self.accounts[name].currency
            if expected != ask.currency:
                raise Declined(
                    "currency_mismatch", recorded=False, expected=expected, given=ask.currency
                )
        for name, change in changes.items():
            self._require_funds(name, change)
        for name, change in changes.items():
            self._require_room(name, change)
        return self._book(transaction_id, at, changes)

    def _require_time(self, ask: Ask, name: str, now: int) -> None:
        last = self.accounts[name].last
        if ask.at is not None and ask.at < last:
            raise Declined("invalid_time", recorded=False)
        if ask.at is None and last > now + SKEW_MAX:
            raise Declined(
                "clock_skew", recorded=False, account_id=name, last_booked_at=last, now=now
            )

    def _require_funds(self, name: str, change: int) -> None:
        available = self.accounts[name].balance + self.accounts[name].limit
        if change < 0 and available + change < 0:
            raise Declined(
                "insufficient_funds",
                recorded=True,
                account_id=name,
                available=available,
                requested=-change,
                shortfall=-change - available,
            )

    def _require_room(self, name: str, change: int) -> None:
        balance = self.accounts[name].balance
        if abs(balance + change) > AMOUNT_MAX:
            raise Declined(
                "balance_limit",
                recorded=True,
                account_id=name,
                balance=balance,
                requested=abs(change),
            )

    def _book(self, transaction_id: str, at: int, changes: dict[str, int]) -> Booked:
        lines = []
        for name, change in changes.items():
            account = self.accounts[name]
            account.balance += change
            account.version += 1
            account.last = at
            lines.append(Line(name, change, account.balance, account.limit, account.version))
        booked = Booked(transaction_id, at, tuple(lines))
        for name in changes:
            self.histories[name].append(booked)
        return booked

    # -- Reads --

    def lines(self, name: str) -> Iterator[tuple[int, str, int, int]]:
        """
        Every line of an account: when, under which id, how much, and the balance after it.
        What moved no money is no line.
        """
        for booked in self.histories[name]:
            for line in booked.lines:
                if line.account == name and line.amount:
                    yield booked.at, booked.id, line.amount, line.balance

    def balance_at(self, name: str, at: int) -> int:
        """
        What an account had right after *at*.
        """
        return sum(amount for when, _, amount, _ in self.lines(name) if when <= at)
