"""
The account by itself: what it can be, and what taking in and out do to it.
"""

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from bankcore import Account, AccountId, AccountStatus, Money
from bankcore.account import AMOUNT_MINOR_MAX, require_amount, require_not_negative
from bankcore.errors import (
    AccountClosedError,
    AmountTooLargeError,
    BalanceLimitError,
    BankError,
    CurrencyMismatchError,
    InsufficientFundsError,
    InvalidAccountError,
    InvalidAmountError,
    InvalidIdError,
    InvalidTimeError,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def eur(amount: Any) -> Money:
    return Money(amount, "EUR")


def minor(amount: int) -> Money:
    return Money.from_minor(amount, "EUR")


def account(balance: str = "100", **fields: Any) -> Account:
    return Account(id="alice", balance=eur(balance), **fields)


CLOSED = account("0", status=AccountStatus.CLOSED, version=3)


def test_five_lines_to_a_correct_account() -> None:
    """An account works with no bank and no store, and the old one is as it was."""
    opened = Account.open("alice", initial_balance=eur("100"))
    richer = opened.deposit(eur("50"))
    poorer = richer.withdraw(eur("30"))

    assert (eur("100"), eur("150"), eur("120")) == (
        opened.balance,
        richer.balance,
        poorer.balance,
    )
    assert (1, 2, 3) == (opened.version, richer.version, poorer.version)


def test_opening_gives_every_field() -> None:
    """A new account is open, at version 1, with what it was opened with."""
    opened = Account.open(
        "alice", initial_balance=eur("0"), overdraft_limit=eur("5"), booked_at=NOON
    )

    assert (
        Account(
            id=AccountId("alice"),
            balance=eur("0"),
            held=eur("0"),
            overdraft_limit=eur("5"),
            status=AccountStatus.OPEN,
            version=1,
            last_booked_at=NOON,
        )
        == opened
    )


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"account_id": "a b"}, InvalidIdError),
        ({"initial_balance": eur("-1")}, InvalidAmountError),
        ({"initial_balance": 5}, InvalidAmountError),
        ({"initial_balance": minor(AMOUNT_MINOR_MAX + 1)}, AmountTooLargeError),
        ({"overdraft_limit": eur("-1")}, InvalidAmountError),
        ({"overdraft_limit": 5}, InvalidAmountError),
        ({"overdraft_limit": Money("1", "USD")}, CurrencyMismatchError),
        ({"booked_at": datetime(2026, 1, 1)}, InvalidTimeError),  # noqa: DTZ001  # the very input under test
    ],
)
def test_opening_refuses(fields: dict[str, Any], error: type[BankError]) -> None:
    """What is not valid for a new account raises its own error."""
    with pytest.raises(error):
        Account.open(**{"account_id": "alice", "initial_balance": eur("0"), **fields})


@pytest.mark.parametrize(
    ("fields", "error", "reason"),
    [
        ({"held": Money("1", "USD")}, InvalidAccountError, "not of one currency"),
        ({"overdraft_limit": Money("1", "USD")}, InvalidAccountError, "not of one currency"),
        ({"held": eur("-0.01")}, InvalidAccountError, "its held is EUR -0.01, below zero"),
        ({"overdraft_limit": eur("-0.01")}, InvalidAccountError, "its overdraft limit is"),
        ({"held": minor(AMOUNT_MINOR_MAX + 1)}, AmountTooLargeError, "account's held is within"),
        (
            {"overdraft_limit": minor(AMOUNT_MINOR_MAX + 1)},
            AmountTooLargeError,
            "account's overdraft limit is within",
        ),
        (
            {"balance": minor(AMOUNT_MINOR_MAX + 1)},
            AmountTooLargeError,
            "account's balance is within",
        ),
        (
            {"balance": minor(-AMOUNT_MINOR_MAX - 1)},
            AmountTooLargeError,
            "account's balance is within",
        ),
        ({"balance": 5}, InvalidAccountError, "Money"),
        ({"held": 5}, InvalidAccountError, "are not all Money"),
        ({"overdraft_limit": None}, InvalidAccountError, "are not all Money"),
        ({"version": -1}, InvalidAccountError, "not an int from 0"),
        ({"version": 1.0}, InvalidAccountError, "not an int from 0"),
        ({"version": True}, InvalidAccountError, "not an int from 0"),
        ({"status": AccountStatus.CLOSED}, InvalidAccountError, "it is closed, with a balance of"),
        (
            {"balance": eur("0"), "held": eur("1"), "status": AccountStatus.CLOSED},
            InvalidAccountError,
            "it is closed",
        ),
        (
            {"balance": eur("-1"), "status": AccountStatus.CLOSED},
            InvalidAccountError,
            "it is closed",
        ),
        ({"status": "open"}, InvalidAccountError, "not an AccountStatus"),
        ({"id": "a b"}, InvalidIdError, "an id is"),
        ({"last_booked_at": datetime(2026, 1, 1)}, InvalidTimeError, "no time zone"),  # noqa: DTZ001  # the very input under test
    ],
)
def test_an_account_that_cannot_be_is_not_born(
    fields: dict[str, Any], error: type[BankError], reason: str
) -> None:
    """Whoever constructs it, an account that breaks what is always true raises."""
    with pytest.raises(error, match=reason):
        Account(**{"id": "alice", "balance": eur("100"), **fields})
    with pytest.raises(error, match=reason):
        attrs.evolve(account(), **fields)


def test_the_bounds_themselves_are_fine() -> None:
    """The largest amounts there can be are amounts that can be."""
    most = minor(AMOUNT_MINOR_MAX)
    rich = account(held=most, overdraft_limit=most)

    assert (most, most) == (rich.held, rich.overdraft_limit)
    for balance in (most, -most):
        assert balance == Account(id="alice", balance=balance).balance


@pytest.mark.parametrize(
    ("balance", "held", "limit", "available"),
    [
        ("100", "0", "0", "100"),
        ("100", "30", "0", "70"),
        ("100", "30", "20", "90"),
        ("-10", "0", "20", "10"),
        ("-30", "0", "20", "-10"),
        ("0", "5", "0", "-5"),
    ],
)
def test_available_is_balance_less_held_plus_limit(
    balance: str, held: str, limit: str, available: str
) -> None:
    """What may be taken now is `balance - held + overdraft_limit`."""
    assert eur(available) == account(balance, held=eur(held), overdraft_limit=eur(limit)).available


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({}, "100"),
        ({"held": eur("30")}, "70"),
        ({"overdraft_limit": eur("20")}, "120"),
        ({"held": eur("30"), "overdraft_limit": eur("20")}, "90"),
    ],
)
def test_all_that_is_available_may_be_taken_and_no_cent_more(
    fields: dict[str, Any], most: str
) -> None:
    """A withdrawal may bring available to zero exactly; one cent more is declined."""
    before = account(**fields)
    cent = Money.from_minor(1, "EUR")

    assert eur("0") == before.withdraw(eur(most)).available
    with pytest.raises(InsufficientFundsError) as raised:
        before.withdraw(eur(most) + cent)
    assert (AccountId("alice"), eur(most), eur(most) + cent, cent) == (
        raised.value.account_id,
        raised.value.available,
        raised.value.requested,
        raised.value.shortfall,
    )


def test_an_overdrawn_account_may_be_repaid() -> None:
    """What does not lower available is never declined by the floor."""
    overdrawn = account("-50", overdraft_limit=eur("20"))

    assert eur("-49.99") == overdrawn.deposit(eur("0.01")).balance
    with pytest.raises(InsufficientFundsError) as raised:
        overdrawn.withdraw(eur("0.01"))
    assert eur("30.01") == raised.value.shortfall


@pytest.mark.parametrize("method", [Account.deposit, Account.withdraw])
@pytest.mark.parametrize(
    ("amount", "error"),
    [
        (eur("0"), InvalidAmountError),
        (eur("-1"), InvalidAmountError),
        (5, InvalidAmountError),
        ("5", InvalidAmountError),
        (None, InvalidAmountError),
        (minor(AMOUNT_MINOR_MAX + 1), AmountTooLargeError),
        (Money("1", "USD"), CurrencyMismatchError),
    ],
)
def test_what_cannot_move_is_refused(
    method: Callable[..., Account], amount: Any, error: type[BankError]
) -> None:
    """Nothing but money above zero, of the account's currency, moves."""
    with pytest.raises(error):
        method(account(), amount)


@pytest.mark.parametrize("method", [Account.deposit, Account.withdraw])
def test_a_closed_account_takes_and_gives_nothing(method: Callable[..., Account]) -> None:
    """Closing is final; a wrong currency is told first."""
    with pytest.raises(AccountClosedError):
        method(CLOSED, eur("1"))
    with pytest.raises(CurrencyMismatchError):
        method(CLOSED, Money("1", "USD"))


def test_the_balance_stays_within_its_bounds() -> None:
    """A deposit or withdrawal may reach ±(10¹⁸ - 1) minor units, and not pass them."""
    most = minor(AMOUNT_MINOR_MAX)
    rich, poor = (
        Account(id="a", balance=most),
        Account(id="a", balance=-most, overdraft_limit=most),
    )
    held = attrs.evolve(poor, balance=-most + minor(1), overdraft_limit=most)

    assert most == Account(id="a", balance=most - minor(1)).deposit(minor(1)).balance
    assert -most == held.withdraw(minor(1)).balance
    with pytest.raises(BalanceLimitError) as raised:
        rich.deposit(minor(1))
    assert (most, minor(1)) == (raised.value.balance, raised.value.requested)


def test_a_withdrawal_cannot_pass_the_lower_bound() -> None:
    """Below -(10¹⁸ - 1) there is no balance, even where funds would allow it."""
    most = minor(AMOUNT_MINOR_MAX)
    # Available is balance + limit = 1; an account at the very bottom has none.
    bottom = Account(id="a", balance=-most, overdraft_limit=most)
    with pytest.raises(InsufficientFundsError):
        bottom.withdraw(minor(1))


def test_a_booking_changes_balance_version_and_time_only() -> None:
    """What a booking does not change is as it was; without an instant, the last one stays."""
    before = account(
        held=eur("5"),
        overdraft_limit=eur("7"),
        version=4,
        last_booked_at=datetime(2026, 1, 1, tzinfo=UTC),
    )

    assert attrs.evolve(
        before, balance=eur("101"), version=5, last_booked_at=NOON
    ) == before.deposit(eur("1"), booked_at=NOON)
    assert attrs.evolve(before, balance=eur("99"), version=5) == before.withdraw(eur("1"))


def test_an_account_cannot_change() -> None:
    """No field of an account can be assigned, on one that was booked on either."""
    for each in (account(), account().deposit(eur("1"))):
        for name in ("balance", "version", "more"):
            with pytest.raises(AttributeError):
                setattr(each, name, None)


@pytest.mark.parametrize("each", [account(), account().deposit(eur("1")), CLOSED])
def test_accounts_survive_copies(each: Account) -> None:
    """Copies and pickled accounts are equal."""
    assert each == copy.deepcopy(each) == pickle.loads(pickle.dumps(each))
    assert hash(each) == hash(copy.copy(each))


def test_the_checks_of_amounts_by_themselves() -> None:
    """What may move is above zero; what an account begins with may be zero."""
    assert (eur("1"), eur("0")) == (require_amount(eur("1")), require_not_negative(eur("0")))
    assert minor(AMOUNT_MINOR_MAX) == require_amount(minor(AMOUNT_MINOR_MAX))
    with pytest.raises(InvalidAmountError):
        require_not_negative(eur("-0.01"))
