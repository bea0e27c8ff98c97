"""
Overdraft limits, as `decide` judges them: raised and lowered, below the present use as well.
"""

import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, Restriction
from bankcore.commands import CaptureHold, Deposit, PlaceHold, SetOverdraftLimit, Withdraw
from bankcore.ledger import Transaction
from bankcore.money import Money
from ruling import (
    ALICE,
    accepted,
    account,
    assert_invalid,
    assert_refused,
    closed,
    decided,
    eur,
    hold,
    later,
)


@pytest.mark.parametrize(
    ("before", "limit", "available"),
    [
        pytest.param(account(ALICE, 10), 50, 60, id="raised"),
        pytest.param(account(ALICE, 10, limit=50), 50, 60, id="as it was"),
        pytest.param(account(ALICE, -50, limit=50), 20, -30, id="lowered below its use"),
        pytest.param(account(ALICE, -50, limit=50), 0, -50, id="taken away"),
        pytest.param(account(ALICE, 0, hold(30), limit=30), 29, -1, id="lowered below the held"),
        pytest.param(
            account(ALICE, -AMOUNT_MINOR_MAX, hold(AMOUNT_MINOR_MAX)),
            AMOUNT_MINOR_MAX,
            -AMOUNT_MINOR_MAX,
            id="the largest there can be",
        ),
        pytest.param(
            account(ALICE, 0, restriction=Restriction.ALL, restriction_reason="theft"),
            5,
            5,
            id="on a restricted account",
        ),
    ],
)
def test_any_limit_is_set(before: Account, limit: int, available: int) -> None:
    """
    A limit may be raised and lowered, and moves no money; available follows.
    """
    command = SetOverdraftLimit("alice", eur(limit))
    after = later(before, overdraft_limit=eur(limit))

    assert accepted(command, (after, 0)) == decided(command, before)
    assert eur(available) == after.available


def test_a_lowered_limit_stops_only_what_lowers_available_further() -> None:
    """
    Below the floor, money in and the capture of a hold pass; money out and new holds do not.
    """
    below = account(ALICE, -50, hold(5), limit=20)
    outcomes = [
        decided(command, below).outcomes[0]
        for command in (
            Deposit("alice", eur(1)),
            CaptureHold("alice", "h-1"),
            Withdraw("alice", eur(1)),
            PlaceHold("alice", eur(1)),
        )
    ]

    assert [True, True, False, False] == [isinstance(each, Transaction) for each in outcomes]


@pytest.mark.parametrize(
    ("before", "code"), [((), "account_not_found"), ((closed(),), "account_closed")]
)
def test_refused(before: tuple[Account, ...], code: str) -> None:
    """
    Only an open account has its limit set.
    """
    command = SetOverdraftLimit("alice", eur(5))

    assert_refused(command, *before, code=code, facts={"account_id": ALICE})


def test_another_currency() -> None:
    """
    A limit in another currency than the account's is invalid, one of zero too.
    """
    for limit in (Money("1", "USD"), Money("0", "USD")):
        assert_invalid(
            SetOverdraftLimit("alice", limit),
            account(ALICE),
            code="currency_mismatch",
            facts={"expected": "EUR", "given": "USD", "field": "overdraft_limit"},
        )
