"""
The same commands on every store and on a model in plain integers: every answer is compared.

"Behaviour equals a simple sequential model": every kind of command, valid, malformed, refused,
replayed and reused, alone and in batches, atomic or not, previewed or done, with times and
expected versions given or not, on a clock that goes on and back, from one thread or from
several that share a commit, with the store closed and opened in between. Holds expire on
the way. After each step every account (as it is now) and every statement must be as the model has
it; at the end the audit must be clean, also against each checkpoint that was taken on the way, and
the stores' journals the same, with each expiry in its place, and the same once more after an
export and an import.

A run by default is up to 3,000 steps, each on every store. To run up to 50,000 of them on each
(some minutes)::

    HYPOTHESIS_PROFILE=thorough pytest tests/stateful
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from itertools import count
from typing import Any, Final

import attrs
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
    precondition,
    rule,
    run_state_machine_as_test,
)

from bankcore.accounts import Account, Hold, _guards, _state
from bankcore.bank import Bank
from bankcore.commands import SENT, Command, Leg
from bankcore.errors import AccountNotFoundError, BankError, InvalidRequestError
from bankcore.io import export_journal, import_journal
from bankcore.ledger import AccountStore, Transaction
from bankcore.ledger import _audit as audit
from bankcore.money import ExchangeRate, Money
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.testing._commands import FIELDS
from bankcore.values import AccountId, PrincipalId, TransactionId
from every_command import name_of
from every_store import POSTGRES, opened, place_of, store_of
from grouped import as_one_group
from model import (
    HOLDERS_MAX,
    HOLDS_MAX,
    KINDS,
    Answer,
    Ask,
    Booked,
    Line,
    Model,
    ModelHold,
    Refused,
    content_of,
    nets_of,
)

EPOCH: Final = datetime(2026, 3, 1, tzinfo=UTC)
SECOND: Final = 1_000_000
AMOUNT_MAX: Final = 10**18 - 1

# Facts that only describe a malformed value in words; the code is compared, they are not. Nor is
# the name of the field, which an error has where it is one field's alone.
WORDS: Final = {"value", "reason"}


# -- Between plain ints and bankcore's values --------------------------------


def instant_of(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


def plain(value: object) -> object:
    """
    Return a value of bankcore as the model writes it.
    """
    if isinstance(value, Money):
        return value.amount_minor
    if isinstance(value, AccountId | TransactionId | PrincipalId | Enum):
        return value.value
    if isinstance(value, tuple | frozenset):
        return type(value)(map(plain, value))
    if isinstance(value, datetime):
        return microseconds_of(value)
    return value


CLASSES: Final = {name_of(kind): kind for kind in SENT}
# By the type of a field: how a value of the model becomes one of bankcore. Others stay the same.
MADE: Final[dict[Any, Callable[[Any], Any]]] = {
    Money: lambda plain: Money.from_minor(*plain),
    datetime: instant_of,
    tuple[Leg, ...]: lambda legs: [
        (name, Money.from_minor(minor, code)) for name, minor, code in legs
    ],
    ExchangeRate: lambda rate: ExchangeRate(*rate),
}


def arguments_of(ask: Ask) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """
    Return the arguments that *ask* describes, for its class or the bank's method.
    """
    content = content_of(ask)
    positional, named = [], {}
    for field in FIELDS[CLASSES[ask.kind]]:
        plain = content[field.name]
        value = plain if plain is None else MADE.get(field.type, lambda each: each)(plain)
        if attrs.fields_dict(CLASSES[ask.kind])[field.name].kw_only:
            named[field.name] = value
        else:
            positional.append(value)
    return tuple(positional), {
        **named,
        "transaction_id": ask.id,
        "booked_at": None if ask.at is None else instant_of(ask.at),
        "description": ask.description,
        "metadata": dict(ask.metadata),
        "expected_version": ask.version,
    }


def command_of(ask: Ask) -> Command:
    """
    Return the command that *ask* describes; raise if it is malformed.
    """
    positional, named = arguments_of(ask)
    make: Callable[..., Command] = CLASSES[ask.kind]
    return make(*positional, **named)


def call(bank: Bank, ask: Ask) -> Transaction:
    """
    Return the result of the bank's own method for *ask*.
    """
    positional, named = arguments_of(ask)
    method: Callable[..., Transaction] = getattr(bank, ask.kind)
    return method(*positional, **named)


def answer_of(outcome: Transaction | BankError) -> Answer:
    """
    Return an outcome of the bank as an answer of the model.
    """
    if isinstance(outcome, Transaction):
        lines = []
        for posting in outcome.postings:
            amounts = (posting.amount, posting.balance, posting.held, posting.overdraft_limit)
            assert len({amount.currency for amount in amounts}) == 1
            lines.append(
                Line(
                    account=posting.account_id.value,
                    amount=posting.amount.amount_minor,
                    balance=posting.balance.amount_minor,
                    held=posting.held.amount_minor,
                    limit=posting.overdraft_limit.amount_minor,
                    version=posting.version,
                )
            )
        at = microseconds_of(outcome.booked_at)
        return Booked(outcome.id.value, at, tuple(lines), outcome.replayed)
    facts = {name: plain(value) for name, value in outcome.facts.items() if name != "field"}
    if isinstance(outcome, InvalidRequestError) and facts.keys() & WORDS:
        facts = {}
    if "blockers" in facts:
        # As many sentences as there are reasons.
        facts["blockers"] = len(outcome.facts["blockers"])
    unused = tuple(transaction_id.value for transaction_id in outcome.unused_ids)
    return Refused(outcome.code, facts, outcome.replayed, unused)


def seen(account: Account) -> tuple[object, ...]:
    """
    Return all that an account says, in the model's order.
    """
    return (
        account.id.value,
        account.balance.amount_minor,
        account.held.amount_minor,
        account.available.amount_minor,
        account.balance.currency.code,
        account.overdraft_limit.amount_minor,
        account.version,
        plain(account.last_booked_at),
        account.status.value,
        list(map(seen_hold, account.holds)),
        (
            account.restriction.value,
            account.restriction_reason,
            plain(account.restriction_ends_at),
        ),
        [(holder.principal.value, plain(holder.rights)) for holder in account.holders],
        list(account.metadata.items()),
    )


def seen_hold(hold: Hold) -> ModelHold:
    assert hold.captured.currency == hold.amount.currency
    ends = None if hold.expires_at is None else microseconds_of(hold.expires_at)
    return ModelHold(hold.id.value, hold.amount.amount_minor, hold.captured.amount_minor, ends)


def answers_of(do: Callable[[], Sequence[Transaction | BankError]]) -> list[Answer]:
    """
    Return the answers of a call, or the one error that it raises.
    """
    try:
        return [answer_of(outcome) for outcome in do()]
    except BankError as error:
        return [answer_of(error)]


def answers_to(bank: Bank, ask: Ask) -> list[Answer]:
    """
    Return the answer of the bank's own method.
    """
    return answers_of(lambda: [call(bank, ask)])


# -- What is asked -----------------------------------------------------------

# Few accounts, so that they meet: a and b are opened first, c nearly full, u and v in another
# currency; d may be.
NAMES = st.sampled_from(["a", "b", "c", "d"])
NAMES_AND_NOBODY = st.sampled_from([*"abababababcccdduv", "nobody"])
SPECIAL_AMOUNTS = st.sampled_from([-1, 0, 1, 100, AMOUNT_MAX - 100, AMOUNT_MAX, AMOUNT_MAX + 1])
AMOUNTS = st.one_of(*[st.integers(1, 150), st.integers(50, 500)] * 8, SPECIAL_AMOUNTS)
LIMITS = st.sampled_from([*[None, None, 0, 50, 100] * 4, AMOUNT_MAX, -1])
CURRENCIES = st.sampled_from(["EUR"] * 9 + ["USD"])
DESCRIPTIONS = st.sampled_from([None, None, None, "rent", "“naïve” 😀"])
# In the order of their keys, as they are told.
METADATA = st.sampled_from(
    [(), (), (), (("order", "1017"),), (("order", "“naïve” 😀"), ("shop.name", ""))]
)
# Few ids, so that some meet; and none.
IDS = st.one_of(st.none(), st.integers(0, 300).map("t-{}".format))
# Given times, in seconds from the clock as it is; most of the time none.
TIMES = st.sampled_from([None] * 30 + [-3600, -5, -1, 0, 1])


# Given versions, from the account's as it is; most of the time none.
VERSIONS = st.sampled_from([None] * 24 + [0, 0, 0, 1, -1])
# Ends of holds and restrictions, in seconds from the clock as it is.
ENDS = st.sampled_from([None, None, 1, 1, 2, 3, 4, 7, 3600, 7200, 0, -1])
PRINCIPALS = st.sampled_from(["ada", "Bob", "p-1"])
RIGHTS = st.sampled_from([("read",), ("read", "debit"), ("credit",), ("debit", "read"), ()])
REASONS = st.sampled_from(["a court’s order", "a court’s order", "asked for", None])

MONEY = ("deposit", "withdraw", "transfer", "post")
HOLDS = ("place_hold", "place_hold", "capture_hold", "release_hold", "extend_hold")
# All that is not in a rule of its own: of an account, and without money.
DECISIONS = tuple(
    kind for kind in KINDS if kind not in {"open_account", "reverse", *MONEY, *HOLDS}
)
WITH_AMOUNT = {
    kind for kind, each in KINDS.items() if {"amount", "initial_balance"} & {*each.fields}
} | {"set_overdraft_limit"}


@st.composite
def legs(draw: st.DrawFn) -> tuple[tuple[str, int, str], ...]:
    """
    Legs that mostly add up to zero.
    """
    amounts = st.one_of(*[st.integers(-150, 150)] * 12, st.sampled_from([AMOUNT_MAX, -AMOUNT_MAX]))
    currency = draw(CURRENCIES)
    found = [
        (draw(NAMES_AND_NOBODY), draw(amounts), currency) for _ in range(draw(st.integers(1, 3)))
    ]
    if draw(st.sampled_from([True] * 5 + [False])):
        rest = -sum(amount for _, amount, _ in found)
        found.append((draw(NAMES_AND_NOBODY), rest, draw(CURRENCIES)))
    return tuple(found)


RATES = st.sampled_from(
    [None] * 6 + [("EUR", "USD", "1.0825"), ("USD", "EUR", "0.92"), ("EUR", "EUR", "1")]
)


@st.composite
def exchanges(draw: st.DrawFn) -> Ask:
    """
    An exchange: one currency goes from a to b, and another from u to v, or back.
    """
    amounts = st.one_of(st.integers(1, 50), st.integers(-50, -1))
    given, got = draw(amounts), draw(amounts)
    legs = [("a", -given, "EUR"), ("b", given, "EUR"), ("u", -got, "USD"), ("v", got, "USD")]
    return Ask(
        "post",
        None,
        id=draw(IDS),
        legs=tuple(draw(st.permutations(legs))),
        crosses=draw(st.booleans()),
        rate=draw(st.one_of(st.just(("EUR", "USD", "1.0825")), RATES)),
    )


# By the name of a field: the attribute of an ask, and its values. Times, holds and originals are
# relative; the machine resolves them.
DRAWN: Final[dict[str, tuple[str, st.SearchStrategy[Any]]]] = {
    "account_id": ("account", NAMES_AND_NOBODY),
    "source_id": ("account", NAMES_AND_NOBODY),
    "destination_id": ("to", NAMES_AND_NOBODY),
    "amount": ("amount", AMOUNTS),
    "initial_balance": ("amount", AMOUNTS),
    "legs": ("legs", legs()),
    "crosses_boundary": ("crosses", st.booleans()),
    "exchange_rate": ("rate", RATES),
    "original_id": ("original", st.integers(0, 30).map(str)),
    "hold_id": ("hold", st.sampled_from(["0", "0", "0", "1", "1", *map(str, range(13))])),
    "final": ("final", st.booleans()),
    "up_to": ("up_to", st.sampled_from([False, False, True])),
    "expires_at": ("ends", ENDS),
    "restriction": ("restriction", st.sampled_from(["none", "none", "debits", "credits", "all"])),
    "reason": ("reason", REASONS),
    "ends_at": ("ends", st.sampled_from([None, 1, 2, 3, 4, 3600, 0])),
    "principal": ("principal", PRINCIPALS),
    "rights": ("rights", RIGHTS),
    "holder": ("holder", st.none() | PRINCIPALS),
    # Where a kind draws otherwise.
    "open_account.account_id": ("account", st.one_of(st.none(), NAMES, NAMES, NAMES)),
    "open_account.overdraft_limit": ("limit", LIMITS),
    "set_overdraft_limit.overdraft_limit": ("amount", AMOUNTS),
    "capture_hold.amount": ("amount", st.none() | AMOUNTS),
    "reverse.amount": ("amount", st.none() | st.integers(1, 60) | AMOUNTS),
    "capture_hold.destination_id": ("to", st.none() | NAMES_AND_NOBODY),
    "close_account.sweep_to": ("to", st.none() | NAMES_AND_NOBODY),
}


@st.composite
def asks(draw: st.DrawFn, *kinds: str) -> Ask:
    """
    Return a command of one of these kinds as it is drawn.
    """
    kind = draw(st.sampled_from(kinds))
    ask = Ask(
        kind=kind,
        account=None,
        currency=draw(CURRENCIES),
        id=draw(IDS),
        at=draw(TIMES),
        description=draw(DESCRIPTIONS),
        metadata=draw(METADATA),
        version=draw(VERSIONS),
    )
    for name in KINDS[kind].fields:
        what, values = DRAWN.get(f"{kind}.{name}") or DRAWN[name]
        changes: dict[str, Any] = {what: draw(values)}
        ask = replace(ask, **changes)
    if ask.hold is not None:
        # Mostly on the hold's own account.
        ask = replace(ask, account=draw(st.sampled_from([*[""] * 9, ask.account])))
    if kind == "restrict" and ask.restriction == "none":
        ask = replace(ask, ends=draw(st.sampled_from([None] * 9 + [5])))
    return ask


ANY_ASK = asks("open_account", *MONEY, *MONEY, *HOLDS, *DECISIONS, "reverse", "reverse")


class Machine(RuleBasedStateMachine):
    """
    A bank on each store, and the model, all taken through the same steps.
    """

    sent: Bundle[Ask] = Bundle("sent")
    batches: Bundle[tuple[tuple[Ask, ...], bool]] = Bundle("batches")
    #: Of the store beside the one in memory.
    kind = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.limits = pytest.MonkeyPatch()
        # Lower limits, which are reached: those of the guards and of the account itself.
        for module in (_guards, _state):
            self.limits.setattr(module, "HOLDS_MAX", HOLDS_MAX)
            self.limits.setattr(module, "HOLDERS_MAX", HOLDERS_MAX)
        self.places = ExitStack()
        self.place = self.places.enter_context(place_of(self.kind))
        self.now = 0
        self.calls = 0
        self.model = Model()
        self.checkpoints: list[str] = []
        self.kept = opened(self.place)
        self.stores: dict[str, AccountStore] = {"memory": MemoryStore(), self.kind: self.kept}
        self.banks = self._banks()

    def teardown(self) -> None:
        try:
            self._require_sound()
        finally:
            self.limits.undo()
            self.kept.close()
            self.places.close()

    def _banks(self) -> dict[str, Bank]:
        """
        Return a bank on each store; both make the same ids in the same order.
        """
        return {name: self._bank(store, self._made(name)) for name, store in self.stores.items()}

    def _bank(self, store: AccountStore, ids: Iterator[str]) -> Bank:
        return Bank(store, clock=lambda: instant_of(self.now), new_id=partial(next, ids))

    def _made(self, name: str) -> Iterator[str]:
        """
        Yield ids that depend on the call only, not on how many the calls before have used.
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
        Do the same on every store and the model, and require the same answers of all.
        """
        self.calls += 1
        predicted = expected(self._made("model"))
        for name, bank in self.banks.items():
            answers = answers_of(partial(do, bank))

            assert (name, predicted) == (name, answers)
        return predicted

    def _resolved(self, ask: Ask) -> Ask:
        """
        Return what was drawn, with its relative values resolved.
        """
        if ask.at is not None:
            ask = replace(ask, at=self.now + ask.at * SECOND)
        if ask.ends is not None:
            ask = replace(ask, ends=self.now + ask.ends * SECOND)
        if ask.hold is not None:
            ask = self._with_hold(ask, int(ask.hold))
        if ask.original is not None:
            latest = list(self.model.records)[::-1]
            n = int(ask.original)
            ask = replace(ask, original=latest[n % len(latest)] if n < 30 else "nothing")
        if ask.version is not None:
            ask = replace(ask, version=self._version_for(ask, ask.version))
        return ask

    def _with_hold(self, ask: Ask, n: int) -> Ask:
        """
        Return *ask* on the n-th hold: open holds come first, then the latest others.
        """
        holds = {
            hold.id: name
            for name, account in self.model.accounts.items()
            for hold in account.holds
        }
        for name, record in reversed(self.model.records.items()):
            if record.ask.kind == "place_hold" and record.ask.account is not None:
                holds.setdefault(name, record.ask.account)
        known = list(holds.items())
        hold_id, account = known[n % len(known)] if known and n < 12 else ("nothing", "a")
        return replace(ask, hold=hold_id, account=ask.account or account)

    def _version_for(self, ask: Ask, more: int) -> int:
        names = [ask.account, *(name for name in nets_of(ask))]
        if ask.original in self.model.records:
            answer = self.model.records[ask.original].answer
            if isinstance(answer, Booked):
                names = [min(answer.lines, key=lambda line: line.amount <= 0).account]
        first = next((name for name in names if name is not None), "")
        account = self.model.accounts.get(first)
        return max((0 if account is None else account.version) + more, 0)

    def all_holds(self) -> list[ModelHold]:
        """
        Return every hold whose end is not recorded, expired or not.
        """
        return [hold for account in self.model.accounts.values() for hold in account.holds]

    # -- Steps --

    @initialize(
        target=sent,
        balance=st.integers(0, 300),
        limit=LIMITS.filter(lambda n: n != -1),
        ends=st.integers(0, 4),
    )
    def first_accounts(self, balance: int, limit: int | None, ends: int) -> Any:
        openings = [
            Ask("open_account", "a", balance, id="t-a"),
            Ask("open_account", "b", 100, limit=limit, id="t-b"),
            Ask("open_account", "c", AMOUNT_MAX - 100, id="t-c"),
            Ask("open_account", "u", 100, currency="USD", id="t-u"),
            Ask("open_account", "v", 50, currency="USD", limit=50, id="t-v"),
            Ask("grant_access", "b", principal="ada", rights=("read", "debit"), id="t-g"),
            Ask("grant_access", "b", principal="Bob", rights=("read",), id="t-k"),
            Ask("place_hold", "b", 30, id="t-h", ends=ends * SECOND if ends else None),
            Ask("place_hold", "b", 20, id="t-i", ends=2 * SECOND),
            Ask("place_hold", "c", 150, id="t-j", ends=3600 * SECOND),
            *(Ask("place_hold", "c", 1, id=f"t-l{n}") for n in range(HOLDS_MAX - 1)),
            Ask("transfer", "b", 10, to="a", id="t-t"),
        ]
        for ask in openings:
            self._single(ask)
        return multiple(*openings)

    @rule(target=sent, ask=asks("open_account"))
    def open_account(self, ask: Ask) -> Ask:
        return self._single(self._resolved(ask))

    @rule(target=sent, ask=asks(*MONEY))
    def move_money(self, ask: Ask) -> Ask:
        return self._single(self._resolved(ask))

    @rule(target=sent, ask=exchanges())
    def exchange(self, ask: Ask) -> Ask:
        return self._single(self._resolved(ask))

    @rule(target=sent, ask=asks("place_hold"))
    def place_hold(self, ask: Ask) -> Ask:
        return self._single(self._resolved(ask))

    @rule(target=sent, ask=asks("capture_hold"))
    def capture_hold(self, ask: Ask) -> Ask:
        return self._single(self._resolved(ask))

    @rule(target=sent, ask=asks("release_hold", "extend_hold"))
    def change_hold(self, ask: Ask) -> Ask:
        return self._single(self._resolved(ask))

    @rule(target=sent, ask=asks(*DECISIONS))
    def decide_about_account(self, ask: Ask) -> Ask:
        return self._single(self._resolved(ask))

    @rule(target=sent, ask=asks("reverse"))
    def reverse(self, ask: Ask) -> Ask:
        return self._single(self._resolved(ask))

    @precondition(lambda self: any(each.is_due(self.now) for each in self.all_holds()))
    @rule()
    def expire_holds(self) -> None:
        """
        What is due on any account is recorded, and is what the bank returns.
        """
        self._compare(lambda bank: bank.expire_holds(), lambda _: self.model.expire_all(self.now))

    @rule(ask=sent)
    def send_again(self, ask: Ask) -> None:
        self._single(ask)

    @rule(ask=sent, other=ANY_ASK)
    def reuse(self, ask: Ask, other: Ask) -> None:
        """
        Another command under an id that was sent before.
        """
        self._single(replace(self._resolved(other), id=ask.id))

    @rule(
        ask=sent,
        change=st.sampled_from(
            [
                {"amount": 7},
                {"currency": "USD"},
                {"description": "another"},
                {"metadata": (("order", "another"),)},
                {"at": -SECOND},
                {"up_to": True},
                {"account": "c"},
                {"rate": ("EUR", "USD", "1.0826")},
            ]
        ),
    )
    def reuse_nearly(self, ask: Ask, change: dict[str, Any]) -> None:
        """
        Nearly the same command under an id that was sent before.
        """
        if (
            ("amount" not in change or ask.kind in WITH_AMOUNT)
            and ("rate" not in change or ask.kind == "post")
            and ("up_to" not in change or "up_to" in KINDS[ask.kind].fields)
        ):
            self._single(replace(ask, **change))

    @rule(
        target=batches,
        drawn=st.lists(ANY_ASK, min_size=2, max_size=5),
        before=st.lists(sent, max_size=1),
    )
    def together(self, drawn: list[Ask], before: list[Ask]) -> tuple[tuple[Ask, ...], bool]:
        """
        Commands of several threads, which share one commit of a SQLite file: the answers are those
        of one after the other.
        """
        together = (*map(self._resolved, drawn), *before)
        predicted: list[list[Answer]] = []
        works: list[Callable[[], list[Answer]]] = []
        for ask in together:
            self.calls += 1
            predicted.append([self.model.one(ask, self.now, self._made("model"))])
            # A bank for each thread, which makes the ids of its own call.
            own = self._bank(self.kept, map(f"m-{self.calls}-{{}}".format, count()))
            works.append(partial(answers_to, own, ask))

            assert predicted[-1] == answers_to(self.banks["memory"], ask)
        if isinstance(self.kept, SQLiteStore):
            assert predicted == as_one_group(self.kept._connections.groups, works)
        else:
            assert predicted == [work() for work in works]
        return together, False

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
        together = [*map(self._resolved, drawn), *before]
        if ids == "given":
            together = [
                ask if ask.id is not None else replace(ask, id=f"n-{self.calls}-{n}")
                for n, ask in enumerate(together)
            ]
        elif ids == "none":
            together = [replace(ask, id=None) for ask in together]
        return self._batch(tuple(together), atomic=atomic)

    @rule(
        target=batches,
        drawn=st.lists(asks(*MONEY, "place_hold", "capture_hold"), min_size=2, max_size=4),
        again=st.booleans(),
    )
    def new_atomic_batch(self, drawn: list[Ask], *, again: bool) -> tuple[tuple[Ask, ...], bool]:
        """
        An atomic batch of well-formed commands under ids of their own, perhaps sent twice.
        """
        together = tuple(
            replace(
                self._resolved(ask),
                id=f"n-{self.calls}-{n}",
                amount=None if ask.amount is None else min(max(ask.amount, 1), 150),
                to=None if ask.to is None else "a" if ask.account == "b" else "b",
                currency="EUR",
            )
            for n, ask in enumerate(drawn)
        )
        for _ in range(again):
            self._batch(together, atomic=True)
        return self._batch(together, atomic=True)

    @rule(
        drawn=st.lists(ANY_ASK, min_size=1, max_size=4), atomic=st.booleans(), then=st.booleans()
    )
    def preview(self, drawn: list[Ask], *, atomic: bool, then: bool) -> None:
        """
        A preview answers as the execution would, which may follow, and writes nothing.
        """
        together = tuple(self._resolved(ask) for ask in drawn)
        trial = deepcopy(self.model)
        predict = trial.atomic if atomic else trial.batch
        self._compare(
            lambda bank: bank.preview(map(command_of, together), atomic=atomic),
            lambda made: predict(together, self.now, made),
        )
        if then:
            self._batch(together, atomic=atomic)

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

    @rule(seconds=st.sampled_from([0, 1, 1, 2, 3, 3600]), microseconds=st.integers(0, 2))
    def clock_goes_on(self, seconds: int, microseconds: int) -> None:
        self.now += seconds * SECOND + microseconds

    @rule(microseconds=st.sampled_from([1, SECOND, 5 * SECOND, 5 * SECOND + 1, 7200 * SECOND]))
    def clock_goes_back(self, microseconds: int) -> None:
        self.now -= microseconds

    @rule()
    def take_a_checkpoint(self) -> None:
        """
        A checkpoint to be kept: the same of every store.
        """
        (taken,) = {str(bank.checkpoint()) for bank in self.banks.values()}
        self.checkpoints.append(taken)

    @rule()
    def open_anew(self) -> None:
        """
        What a process left behind is what the next one finds.
        """
        self.kept.close()
        self.kept = opened(self.place)
        self.stores[self.kind] = self.kept
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
            for at in (start, end):
                assert self.model.available_at(name, at) == plain(
                    bank.available_at(name, instant_of(at))
                )
            assert self.model.accounts[name].open_holds(self.now) == list(
                map(seen_hold, bank.holds(name))
            )
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
            lambda: bank.holds(name),
            lambda: bank.available_at(name, instant),
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

    @rule(n=st.integers(0, 60))
    def read_a_record(self, n: int) -> None:
        """
        What is recorded under an id, expiries too, and what has reversed it.
        """
        name = list(self.model.records)[-1 - n % len(self.model.records)]
        expected = self.model.records[name].answer
        for bank in self.banks.values():
            if isinstance(expected, Booked):
                found = bank.reversals(name)
                sizes = [
                    (each.id.value, max(abs(line.amount.amount_minor) for line in each.postings))
                    for each in found
                ]

                assert expected == answer_of(bank.transaction(name))
                assert self.model.reversals.get(name, []) == sizes
                assert bank.reversed_by(name) == (found[-1] if found else None)

    @invariant()
    def accounts_and_statements(self) -> None:
        """
        Every account and every statement is as the model has it.
        """
        expected = [
            (
                name,
                account.balance,
                account.held(self.now),
                account.available(self.now),
                account.currency,
                account.limit,
                account.version,
                account.last,
                "closed" if account.closed else "open",
                account.open_holds(self.now),
                account.restricted(self.now),
                sorted(account.holders.items()),
                list(account.metadata),
            )
            for name, account in sorted(self.model.accounts.items())
        ]
        lines = {name: list(self.model.lines(name)) for name, *_ in expected}
        for bank in self.banks.values():
            assert expected == [seen(account) for account in bank.accounts()]
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
        Both journals are the same, hold what the model holds, and stand the audit; and what is
        exported is imported as it was.
        """
        journals = {
            name: store.journal(limit=10_000).records for name, store in self.stores.items()
        }

        assert journals["memory"] == journals[self.kind]
        assert list(self.model.records) == [record.id.value for record in journals["memory"]]
        for store in self.stores.values():
            assert audit.verify(store).disagreements == ()
            for checkpoint in self.checkpoints:
                assert audit.verify(store, against=checkpoint).disagreements == ()
        exported = list(export_journal(self.kept))
        with store_of(self.kind) as imported:
            import_journal(imported, exported)

            assert list(export_journal(imported)) == exported
            assert imported.accounts() == self.kept.accounts()
            assert audit.verify(imported, against=Bank(self.kept).checkpoint()).is_clean


TestMachine = Machine.TestCase
# By the profile: 60 runs of 50 steps for "dev" and "ci", 1,000 for "thorough".
TestMachine.settings = settings(
    max_examples=max(settings().max_examples // 5, 60), stateful_step_count=50
)


@pytest.mark.every_postgres
def test_machine_on_postgres(postgres_server: str, postgres_version: str) -> None:
    """
    The same with PostgreSQL beside the store in memory: a tenth as many runs on a change.
    """

    class OnPostgres(Machine):
        kind = f"{POSTGRES}{postgres_version}"

    run_state_machine_as_test(
        OnPostgres,
        settings=settings(
            max_examples=max(settings().max_examples // 20, 6), stateful_step_count=50
        ),
    )
