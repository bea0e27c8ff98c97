"""
The order of judgement, which is part of the API: "the first that says no wins".

The reasons are those of the docstring of `bankcore.rules`, in that order. For every two
neighbours there is a case in which both apply; what would come of the second alone is
shown beside it, so that no case passes because its second reason does not apply.
"""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from bankcore.account import AMOUNT_MINOR_MAX, Account, AccountStatus
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import BankError
from bankcore.ids import AccountId, TransactionId
from bankcore.money import Money
from bankcore.rules import Clock, Request, decide
from bankcore.store import Snapshot
from bankcore.transaction import Posting, Refusal, Transaction

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SKEW = timedelta(seconds=5)
TOMORROW = NOW + timedelta(days=1)
YESTERDAY = NOW - timedelta(days=1)
LAST_WEEK = NOW - timedelta(days=7)
ID = TransactionId("t-1")


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


def account(
    account_id: str,
    balance: int = 100,
    *,
    currency: str = "EUR",
    is_closed: bool = False,
    last: datetime = LAST_WEEK,
) -> Account:
    return Account(
        id=account_id,
        balance=Money.from_minor(0 if is_closed else balance, currency),
        status=AccountStatus.CLOSED if is_closed else AccountStatus.OPEN,
        version=3,
        last_booked_at=last,
    )


RECORDED = Transaction(
    ID,
    Deposit("alice", eur(1), transaction_id=ID),
    LAST_WEEK,
    (Posting(AccountId("alice"), eur(1), eur(1), eur(0), eur(0), 1),),
)
RECORDED_AHEAD = attrs.evolve(
    RECORDED, command=Deposit("alice", eur(1), transaction_id=ID, booked_at=TOMORROW)
)
REFUSED = Refusal(
    ID,
    Deposit("nobody", eur(1), transaction_id=ID),
    LAST_WEEK,
    "account_closed",
    {"account_id": AccountId("nobody")},
)


def judged(
    command: Command, *accounts: Account, recorded: Transaction | Refusal | None = None
) -> tuple[str, str | None]:
    """
    The code of the answer, and the account or the currency that it names.
    """
    command = attrs.evolve(command, transaction_id=ID)
    (outcome,) = decide(
        (Request(command, ID, True, command.account_ids),),
        Snapshot(
            {} if recorded is None else {ID: recorded},
            {account.id: account for account in accounts},
        ),
        Clock(NOW, SKEW),
    ).outcomes
    if not isinstance(outcome, BankError):
        return "replayed" if outcome.replayed else "booked", None
    named = outcome.facts.get("account_id", outcome.facts.get("expected"))
    return outcome.code, None if named is None else str(named)


def deposit(account_id: str = "alice", at: datetime | None = None, amount: int = 1) -> Command:
    return Deposit(account_id, eur(amount), booked_at=at)


def transfer(at: datetime | None = None, amount: int = 1) -> Command:
    return Transfer("alice", "bob", eur(amount), booked_at=at)


# What is recorded under the id, before each of the reasons.
AFTER_THE_RECORD = [
    pytest.param(RECORDED, deposit(), (), "replayed", id="booked, and the account is gone"),
    pytest.param(
        RECORDED,
        deposit(),
        (account("alice", is_closed=True),),
        "replayed",
        id="booked, and the account is closed",
    ),
    pytest.param(
        RECORDED,
        deposit(),
        (account("alice", AMOUNT_MINOR_MAX, last=TOMORROW),),
        "replayed",
        id="booked, and the clock is behind",
    ),
    pytest.param(
        RECORDED_AHEAD,
        deposit(at=TOMORROW),
        (account("alice"),),
        "replayed",
        id="booked, and its time is later than the clock now",
    ),
    pytest.param(
        REFUSED,
        deposit("nobody"),
        (account("nobody"),),
        "account_closed",
        id="refused, and today it would be booked",
    ),
    pytest.param(
        RECORDED,
        deposit(at=TOMORROW),
        (account("alice"),),
        "transaction_id_reused",
        id="reused, with a time later than the clock",
    ),
    pytest.param(
        RECORDED, deposit("nobody"), (), "transaction_id_reused", id="reused, for no account"
    ),
    pytest.param(
        REFUSED,
        deposit("nobody", amount=2),
        (),
        "transaction_id_reused",
        id="reused, after a refusal",
    ),
]


@pytest.mark.parametrize(("recorded", "command", "accounts", "code"), AFTER_THE_RECORD)
def test_what_is_recorded_comes_first(
    recorded: Transaction | Refusal, command: Command, accounts: tuple[Account, ...], code: str
) -> None:
    """
    What is recorded under the id is looked up before any rule of the bank.
    """
    answer, _ = judged(command, *accounts, recorded=recorded)

    assert code == answer
    assert code != judged(command, *accounts)[0]


# Both reasons apply to the first; the first one is mended in the second.
NEIGHBOURS = [
    pytest.param(
        (deposit(at=TOMORROW), ()),
        (deposit(), ()),
        ("invalid_time", None),
        ("account_not_found", "alice"),
        id="2 later than the clock, 3 not found",
    ),
    pytest.param(
        (OpenAccount("alice", initial_balance=eur(0), booked_at=TOMORROW), (account("alice"),)),
        (OpenAccount("alice", initial_balance=eur(0)), (account("alice"),)),
        ("invalid_time", None),
        ("account_exists", "alice"),
        id="2 later than the clock, 3 exists",
    ),
    pytest.param(
        (transfer(), ()),
        (transfer(), (account("alice"),)),
        ("account_not_found", "alice"),
        ("account_not_found", "bob"),
        id="3 no source, 3 no destination",
    ),
    pytest.param(
        (transfer(LAST_WEEK), (account("alice", last=YESTERDAY),)),
        (transfer(LAST_WEEK), (account("alice", last=YESTERDAY), account("bob"))),
        ("account_not_found", "bob"),
        ("invalid_time", None),
        id="3 no destination, 4 earlier than the source's last posting",
    ),
    pytest.param(
        (transfer(), (account("alice", last=TOMORROW),)),
        (transfer(), (account("alice", last=TOMORROW), account("bob"))),
        ("account_not_found", "bob"),
        ("clock_skew", "alice"),
        id="3 no destination, 4 the clock is behind the source",
    ),
    pytest.param(
        (transfer(), (account("bob", last=TOMORROW),)),
        (transfer(), (account("alice"), account("bob", last=TOMORROW))),
        ("account_not_found", "alice"),
        ("clock_skew", "bob"),
        id="3 no source, 4 the clock is behind the destination",
    ),
    pytest.param(
        (transfer(), (account("alice", last=TOMORROW), account("bob", last=TOMORROW))),
        (transfer(), (account("alice"), account("bob", last=TOMORROW))),
        ("clock_skew", "alice"),
        ("clock_skew", "bob"),
        id="4 the clock is behind the source, 4 behind the destination",
    ),
    pytest.param(
        (deposit(at=LAST_WEEK), (account("alice", currency="USD", last=YESTERDAY),)),
        (deposit(at=YESTERDAY), (account("alice", currency="USD", last=YESTERDAY),)),
        ("invalid_time", None),
        ("currency_mismatch", "USD"),
        id="4 earlier than the last posting, 5 another currency",
    ),
    pytest.param(
        (deposit(), (account("alice", currency="USD", last=TOMORROW),)),
        (deposit(), (account("alice", currency="USD"),)),
        ("clock_skew", "alice"),
        ("currency_mismatch", "USD"),
        id="4 the clock is behind, 5 another currency",
    ),
    pytest.param(
        (transfer(), (account("alice", currency="USD"), account("bob", last=TOMORROW))),
        (transfer(), (account("alice", currency="USD"), account("bob"))),
        ("clock_skew", "bob"),
        ("currency_mismatch", "USD"),
        id="4 the clock is behind the destination, 5 the source's currency",
    ),
    pytest.param(
        (transfer(), (account("alice", currency="USD"), account("bob", currency="GBP"))),
        (transfer(), (account("alice"), account("bob", currency="GBP"))),
        ("currency_mismatch", "USD"),
        ("currency_mismatch", "GBP"),
        id="5 the source's currency, 5 the destination's",
    ),
    pytest.param(
        (deposit(), (account("alice", currency="USD", is_closed=True),)),
        (deposit(), (account("alice", is_closed=True),)),
        ("currency_mismatch", "USD"),
        ("account_closed", "alice"),
        id="5 another currency, 6 closed: a deposit",
    ),
    pytest.param(
        (Withdraw("alice", eur(1)), (account("alice", currency="USD", is_closed=True),)),
        (Withdraw("alice", eur(1)), (account("alice", is_closed=True),)),
        ("currency_mismatch", "USD"),
        ("account_closed", "alice"),
        id="5 another currency, 6 closed: a withdrawal",
    ),
    pytest.param(
        (transfer(), (account("alice", is_closed=True), account("bob", currency="USD"))),
        (transfer(), (account("alice", is_closed=True), account("bob"))),
        ("currency_mismatch", "USD"),
        ("account_closed", "alice"),
        id="5 the destination's currency, 6 a closed source",
    ),
    pytest.param(
        (transfer(), (account("alice", is_closed=True), account("bob", is_closed=True))),
        (transfer(), (account("alice"), account("bob", is_closed=True))),
        ("account_closed", "alice"),
        ("account_closed", "bob"),
        id="6 a closed source, 6 a closed destination",
    ),
    pytest.param(
        (Withdraw("alice", eur(1)), (account("alice", is_closed=True),)),
        (Withdraw("alice", eur(1)), (account("alice", 0),)),
        ("account_closed", "alice"),
        ("insufficient_funds", "alice"),
        id="6 closed, 7 funds: a withdrawal",
    ),
    pytest.param(
        (transfer(), (account("alice", 0), account("bob", is_closed=True))),
        (transfer(), (account("alice", 0), account("bob"))),
        ("account_closed", "bob"),
        ("insufficient_funds", "alice"),
        id="6 a closed destination, 7 the source's funds",
    ),
    pytest.param(
        (deposit(amount=AMOUNT_MINOR_MAX), (account("alice", is_closed=True),)),
        (deposit(amount=AMOUNT_MINOR_MAX), (account("alice", 1),)),
        ("account_closed", "alice"),
        ("balance_limit", "alice"),
        id="6 closed, 8 the largest balance: a deposit",
    ),
    pytest.param(
        (transfer(), (account("alice", 0), account("bob", AMOUNT_MINOR_MAX))),
        (transfer(), (account("alice", 1), account("bob", AMOUNT_MINOR_MAX))),
        ("insufficient_funds", "alice"),
        ("balance_limit", "bob"),
        id="7 the source's funds, 8 the destination's largest balance",
    ),
]

Case = tuple[Command, tuple[Account, ...]]


@pytest.mark.parametrize(("both", "second_alone", "first", "second"), NEIGHBOURS)
def test_the_first_reason_wins(
    both: Case, second_alone: Case, first: tuple[str, str | None], second: tuple[str, str | None]
) -> None:
    """
    Where two reasons to say no apply, the answer is the first of the documented order; with
    that one mended, it is the second.
    """
    (command, accounts), (mended_command, mended_accounts) = both, second_alone

    assert first == judged(command, *accounts)
    assert second == judged(mended_command, *mended_accounts)
