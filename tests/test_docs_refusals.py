"""
The page of commands says which refusals each command may meet; random commands meet no others.

The walk is the same on each run. It is made on the store in memory and on the store of the
guide "Write a store", which must give the same answers, holds and reversals included.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sybil import Document
from sybil.parsers.markdown import PythonCodeBlockParser

from bankcore.accounts import AMOUNT_MINOR_MAX, Restriction
from bankcore.bank import Bank
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExtendHold,
    GrantAccess,
    OpenAccount,
    PlaceHold,
    Post,
    ReleaseHold,
    Restrict,
    Reverse,
    RevokeAccess,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.errors import BankError, InvalidRequestError
from bankcore.ledger import AccountStore, verify
from bankcore.money import Money
from bankcore.stores import MemoryStore

DOCS = Path(__file__).resolve().parents[1] / "docs"
DAY = timedelta(days=1)
# What every command may meet.
ALWAYS = {"TransactionIdReusedError", "InvalidTimeError", "StaleVersionError", "ClockSkewError"}


def documented() -> dict[str, set[str]]:
    """
    The errors named for each command, by the page's second table.
    """
    page = (DOCS / "reference" / "commands.md").read_text("utf-8")
    table = page.partition("| may be refused by |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`(\w+)`", line) for line in table.splitlines()]
    return {row[0]: set(row[1:]) for row in rows if row}


def store_of_the_guide() -> AccountStore:
    document = Document.parse(str(DOCS / "how-to" / "write-a-store.md"), PythonCodeBlockParser())
    next(iter(document)).evaluate()
    store: AccountStore = document.namespace["DictStore"]()
    return store


class Walk:
    """
    Random commands on four accounts, one of them in another currency, and one that is not there.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.transactions = ["never-sent"]
        self.holds = ["never-placed"]

    def commands(self) -> Iterator[Command]:
        for number in range(60):
            if self.random.random() < 0.1:
                self.now += self.random.choice([DAY, DAY, DAY, -DAY])
            try:
                yield self.random.choice(self.kinds(f"t{number}"))()
            except InvalidRequestError:
                continue  # malformed: it never gets to the rules

    def amount(self, account_id: str, *, least: int = 1) -> Money:
        minor = self.random.choice([least, 5, 50, 100, AMOUNT_MINOR_MAX // 2, AMOUNT_MINOR_MAX])
        own = "USD" if account_id == "dollars" else "EUR"
        return Money.from_minor(minor, self.random.choice([own] * 9 + ["EUR", "USD"]))

    def kinds(self, transaction_id: str) -> list[Callable[[], Command]]:
        pick, some = self.random.choice, self.random.random
        a, b = self.random.sample(["a", "b", "c", "dollars"] + ["ghost"] * (some() < 0.1), 2)
        hold, original = pick(self.holds[-3:]), pick(self.transactions)
        later = [None, self.now, self.now + DAY, self.now + 3 * DAY]
        money = self.amount(a)
        given: dict[str, Any] = {
            "transaction_id": transaction_id if some() < 0.9 else original,
            "expected_version": self.random.randrange(4) if some() < 0.05 else None,
            "booked_at": self.now + pick([-DAY, DAY]) if some() < 0.03 else None,
        }
        return [
            lambda: OpenAccount(a, initial_balance=self.amount(a, least=0), **given),
            lambda: Deposit(a, money, **given),
            lambda: Withdraw(a, money, up_to=some() < 0.3, **given),
            lambda: Transfer(a, b, money, up_to=some() < 0.3, **given),
            lambda: Post([(a, -money), (b, money)], **given),
            lambda: Reverse(original, pick([None, None, money]), **given),
            lambda: PlaceHold(a, money, expires_at=pick(later), up_to=some() < 0.3, **given),
            lambda: CaptureHold(
                a,
                hold,
                pick([None, money]),
                final=some() < 0.5,
                destination_id=pick([None, b]),
                up_to=some() < 0.3,
                **given,
            ),
            lambda: ReleaseHold(a, hold, **given),
            lambda: ExtendHold(a, hold, expires_at=pick(later), **given),
            lambda: Restrict(a, pick([*Restriction]), reason="Why", **given),
            lambda: Restrict(a, Restriction.NONE, **given),
            lambda: SetOverdraftLimit(a, self.amount(a, least=0), **given),
            lambda: CloseAccount(a, sweep_to=pick([None, b]), **given),
            lambda: GrantAccess(a, pick("pq"), ["read"], **given),
            lambda: RevokeAccess(a, pick("pq"), **given),
        ]


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_random_commands_are_refused_as_documented(first: int) -> None:
    """
    No refusal but those of the page, and the same answers from both stores.
    """
    allowed = documented()
    for seed in range(first, first + 50):
        walk = Walk(seed)
        ours, theirs = MemoryStore(), store_of_the_guide()
        # Every command has its ids, so that the banks make none.
        banks = [Bank(store, clock=lambda walk=walk: walk.now) for store in (ours, theirs)]  # type: ignore[misc]  # mypy infers no type of the default
        for command in walk.commands():
            (outcome,), (other,) = (bank.execute((command,)) for bank in banks)
            if isinstance(outcome, BankError):
                name = type(command).__name__
                assert type(outcome).__name__ in allowed[name] | ALWAYS, (seed, command)
                assert isinstance(other, BankError)
                assert (other.code, other.facts) == (outcome.code, outcome.facts)
                continue
            assert other == outcome
            walk.transactions.append(str(outcome.id))
            if isinstance(command, PlaceHold):
                walk.holds.append(str(outcome.id))
        assert banks[1].expire_holds() == banks[0].expire_holds()
        assert theirs.journal().records == ours.journal().records
        assert list(theirs.accounts()) == list(ours.accounts())
        assert verify(ours).is_clean
        assert verify(theirs).is_clean
