"""
Shared by the tables of the rules: a time, names, accounts, and `decide` for one command.

Amounts are whole minor units; every account is at version 7, last booked a day before NOW,
unless its test says otherwise.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from bankcore.accounts import Account, AccountStatus, Hold
from bankcore.bank._decide import Clock, Request, decide
from bankcore.commands import Command, ExpireHold, PlaceHold, Reverse
from bankcore.errors import BankError
from bankcore.ledger import Posting, Refusal, Snapshot, Transaction, WriteSet
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
SKEW = timedelta(seconds=5)
ID = TransactionId("t-1")
H1 = TransactionId("h-1")
ALICE, BOB, CAROL = AccountId("alice"), AccountId("bob"), AccountId("carol")


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


def hold(
    amount: int, hold_id: str = "h-1", *, captured: int = 0, currency: str = "EUR", **fields: Any
) -> Hold:
    return Hold(
        id=hold_id,
        amount=Money.from_minor(amount, currency),
        captured=Money.from_minor(captured, currency),
        **fields,
    )


def holding(amount: int, currency: str = "EUR") -> tuple[Hold, ...]:
    """
    Return the holds of an account with *amount* held.
    """
    return (hold(amount, currency=currency),) if amount else ()


def account(
    account_id: AccountId | str = ALICE,
    balance: int = 0,
    *holds: Hold,
    limit: int = 0,
    currency: str = "EUR",
    **fields: Any,
) -> Account:
    given: dict[str, Any] = {"version": 7, "last_booked_at": NOW - DAY, **fields}
    return Account(
        id=account_id,
        balance=Money.from_minor(balance, currency),
        overdraft_limit=Money.from_minor(limit, currency),
        holds=holds,
        **given,
    )


def closed(account_id: AccountId | str = ALICE, **fields: Any) -> Account:
    return account(account_id, status=AccountStatus.CLOSED, **fields)


def placed(hold_id: str = "h-1", account_id: AccountId = ALICE, amount: int = 10) -> Transaction:
    """
    Return the record that placed a hold, which shows that a missing hold was once there.
    """
    name = TransactionId(hold_id)
    posting = Posting(account_id, eur(0), eur(100), eur(amount), eur(0), 2)
    command = PlaceHold(account_id, eur(amount), transaction_id=name)
    return Transaction(name, command, NOW - 2 * DAY, (posting,))


def decided(
    command: Command,
    *accounts: Account,
    recorded: tuple[Transaction | Refusal, ...] = (),
    reversals: Mapping[TransactionId, tuple[Reverse, ...]] | None = None,
    id_given: bool = True,
    expected_version: int | None = None,
    now: datetime = NOW,
) -> WriteSet:
    """
    Return the decision on *command* under the id t-1, with these *accounts* and records.
    """
    command = attrs.evolve(command, transaction_id=ID)
    return decide(
        (Request(command, ID, id_given, command.account_ids, expected_version),),
        Snapshot(
            {record.id: record for record in recorded},
            {each.id: each for each in accounts},
            reversals or {},
        ),
        Clock(now, SKEW),
    )


def posting(after: Account, amount: int = 0) -> Posting:
    """
    Return the posting that brings an account to *after* by *amount*.
    """
    currency = after.balance.currency
    return Posting(
        after.id,
        Money.from_minor(amount, currency),
        after.balance,
        after.held,
        after.overdraft_limit,
        after.version,
    )


def later(before: Account, at: datetime = NOW, **changes: Any) -> Account:
    """
    Return *before* at its next version, booked at the instant.
    """
    return attrs.evolve(before, version=before.version + 1, last_booked_at=at, **changes)


def transaction(command: Command, *postings: Posting, at: datetime = NOW) -> Transaction:
    return Transaction(ID, attrs.evolve(command, transaction_id=ID), at, postings)


def accepted(command: Command, *afters: tuple[Account, int], at: datetime = NOW) -> WriteSet:
    """
    Return all that is written if *command* brings the accounts to *afters* by these amounts.
    """
    booked = transaction(command, *(posting(after, amount) for after, amount in afters), at=at)
    return WriteSet(tuple(after for after, _ in afters), (booked,), (booked,))


def expiry(after: Account, hold_id: str, at: datetime) -> Transaction:
    """
    Return the record of the expiry that brings an account to *after*.
    """
    name = TransactionId(f"expiry:{after.id}:{after.version}")
    command = ExpireHold(after.id, TransactionId(hold_id), transaction_id=name)
    return Transaction(name, command, at, (posting(after),))


def assert_refused(
    command: Command,
    *accounts: Account,
    code: str,
    facts: dict[str, Any],
    at: datetime = NOW,
    **options: Any,
) -> None:
    """
    Assert that *command* is declined with these facts. The refusal is recorded under an id that
    the caller gave, and nothing under another.
    """
    written = decided(command, *accounts, **options)
    (error,) = written.outcomes
    assert isinstance(error, BankError)
    assert (code, facts) == (error.code, {name: error.facts[name] for name in facts})
    refusal = Refusal(ID, attrs.evolve(command, transaction_id=ID), at, code, facts)
    assert WriteSet((), (refusal,), (error,)) == written

    unwritten = decided(command, *accounts, id_given=False, **options)
    (error,) = unwritten.outcomes
    assert isinstance(error, BankError)
    assert code == error.code
    assert WriteSet((), (), (error,)) == unwritten


def assert_invalid(
    command: Command, *accounts: Account, code: str, facts: dict[str, Any], **options: Any
) -> None:
    """
    Assert that *command* is refused with these facts, and that nothing is recorded.
    """
    written = decided(command, *accounts, **options)
    (error,) = written.outcomes
    assert isinstance(error, BankError)
    assert (code, facts) == (error.code, {name: error.facts.get(name) for name in facts})
    assert WriteSet((), (), (error,)) == written
