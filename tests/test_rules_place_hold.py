"""
Placing holds, as `decide` judges it: the floor of a withdrawal, and an expiry that is ahead.
"""

from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, HOLDS_MAX, Account, Restriction
from bankcore.commands import PlaceHold
from bankcore.money import Money
from ruling import (
    ALICE,
    DAY,
    ID,
    NOW,
    SKEW,
    TICK,
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

# An account, and what is available of it.
FLOORS = [
    pytest.param(account(ALICE, 100), 100, id="a balance"),
    pytest.param(account(ALICE, 100, hold(30)), 70, id="part of it held"),
    pytest.param(account(ALICE, 100, hold(30, captured=10)), 80, id="a hold captured in part"),
    pytest.param(account(ALICE, 0, limit=50), 50, id="a limit"),
    pytest.param(account(ALICE, -20, hold(10), limit=50), 20, id="overdrawn, part held"),
    pytest.param(account(ALICE, AMOUNT_MINOR_MAX), AMOUNT_MINOR_MAX, id="the largest balance"),
    pytest.param(
        account(ALICE, 5, restriction=Restriction.CREDITS, restriction_reason="r"),
        5,
        id="credits stopped",
    ),
    pytest.param(
        account(
            ALICE, 5, restriction=Restriction.ALL, restriction_reason="r", restriction_ends_at=NOW
        ),
        5,
        id="a restriction that ends just now",
    ),
]


@pytest.mark.parametrize(("before", "available"), FLOORS)
class TestFloor:
    def test_down_to_zero(self, before: Account, available: int) -> None:
        """
        All that is available may be held; the balance stays, the hold has the command's id.
        """
        command = PlaceHold("alice", eur(available), expires_at=NOW + DAY, description="room 7")
        made = hold(available, "t-1", expires_at=NOW + DAY, description="room 7")
        after = later(before, holds=(*before.holds, made))

        assert accepted(command, (after, 0)) == decided(command, before)
        assert eur(0) == after.available

    def test_one_minor_unit_more(self, before: Account, available: int) -> None:
        """
        One minor unit more than is available is declined.
        """
        requested = available + 1
        if requested > AMOUNT_MINOR_MAX:
            before, requested = attrs.evolve(before, balance=eur(5)), 6
        assert_refused(
            PlaceHold("alice", eur(requested)),
            before,
            code="insufficient_funds",
            facts={
                "account_id": ALICE,
                "available": eur(requested - 1),
                "requested": eur(requested),
            },
        )


@pytest.mark.parametrize(
    "expires_at",
    [
        pytest.param(None, id="never"),
        pytest.param(NOW + TICK, id="a tick ahead"),
        pytest.param(datetime.fromisoformat("2028-02-29T23:59:59.999999+00:00"), id="a leap day"),
        pytest.param(datetime.fromisoformat("2038-01-19T03:14:08+00:00"), id="2038"),
        pytest.param(datetime.fromisoformat("9998-12-31T23:59:59.999999+00:00"), id="the last"),
    ],
)
def test_any_expiry_ahead(expires_at: datetime | None) -> None:
    """
    A hold may expire at any instant after the operation, or never.
    """
    (after,) = decided(
        PlaceHold("alice", eur(5), expires_at=expires_at), account(ALICE, 5)
    ).accounts

    assert (hold(5, "t-1", expires_at=expires_at),) == after.holds


@pytest.mark.parametrize("behind", [timedelta(0), TICK, DAY, timedelta(days=36_500)])
def test_an_expiry_that_is_not_ahead(behind: timedelta) -> None:
    """
    An expiry at the very instant of the operation, or before, is invalid.
    """
    expires_at = NOW - behind
    assert_invalid(
        PlaceHold("alice", eur(5), expires_at=expires_at),
        account(ALICE, 5),
        code="invalid_time",
        facts={
            "value": expires_at.isoformat(),
            "reason": f"must be after the operation, at {NOW.isoformat()}",
            "field": "expires_at",
        },
    )


def test_an_expiry_is_ahead_of_the_operation_s_own_time() -> None:
    """
    Imported history may hold what has long expired, as long as it was ahead then.
    """
    then = NOW - DAY
    command = PlaceHold("alice", eur(5), expires_at=then + TICK, booked_at=then)
    (after,) = decided(command, account(ALICE, 5, last_booked_at=then)).accounts

    assert (eur(5), then) == (after.held, after.last_booked_at)
    assert_invalid(
        PlaceHold("alice", eur(5), expires_at=then, booked_at=then),
        account(ALICE, 5, last_booked_at=then),
        code="invalid_time",
        facts={"value": then.isoformat(), "field": "expires_at"},
    )


def test_an_expiry_is_judged_by_the_time_that_is_moved() -> None:
    """
    Where an account's last posting is ahead of the clock, the hold is placed then, and its
    expiry must be after that.
    """
    before = account(ALICE, 5, last_booked_at=NOW + SKEW)
    command = PlaceHold("alice", eur(5), expires_at=NOW + SKEW + TICK)

    assert decided(command, before).records
    assert_invalid(
        PlaceHold("alice", eur(5), expires_at=NOW + SKEW),
        before,
        code="invalid_time",
        facts={"value": (NOW + SKEW).isoformat(), "field": "expires_at"},
    )


def holds(number: int, amount: int = 1, **fields: Any) -> tuple[Any, ...]:
    return tuple(hold(amount, f"h-{n}", **fields) for n in range(number))


def test_the_most_holds() -> None:
    """
    The thousandth hold is placed, and the next is declined.
    """
    before = account(ALICE, 2000, *holds(HOLDS_MAX - 1))
    (full,) = decided(PlaceHold("alice", eur(1)), before).accounts

    assert HOLDS_MAX == len(full.holds)
    assert_refused(
        PlaceHold("alice", eur(1)),
        account(ALICE, 2000, *holds(HOLDS_MAX)),
        code="hold_limit",
        facts={"account_id": ALICE, "holds_max": HOLDS_MAX},
    )


def test_a_hold_that_is_due_makes_room() -> None:
    """
    What has expired does not count, neither as money held nor as a hold.
    """
    before = account(ALICE, HOLDS_MAX, *holds(HOLDS_MAX, expires_at=NOW))
    (after,) = decided(PlaceHold("alice", eur(HOLDS_MAX)), before).accounts

    assert (eur(0), 1, 7 + HOLDS_MAX + 1) == (after.available, len(after.holds), after.version)


def test_the_most_that_can_be_held() -> None:
    """
    What is held in all may reach 10¹⁸ - 1 minor units, and not pass them.
    """
    rich = account(ALICE, AMOUNT_MINOR_MAX, hold(AMOUNT_MINOR_MAX - 5), limit=100)
    (after,) = decided(PlaceHold("alice", eur(5)), rich).accounts

    assert eur(AMOUNT_MINOR_MAX) == after.held
    assert_refused(
        PlaceHold("alice", eur(6)),
        rich,
        code="balance_limit",
        facts={"account_id": ALICE, "balance": eur(AMOUNT_MINOR_MAX), "requested": eur(6)},
    )


REFUSED = [
    pytest.param((), "account_not_found", {"account_id": ALICE}, id="no account"),
    pytest.param((closed(limit=10),), "account_closed", {"account_id": ALICE}, id="closed"),
    *(
        pytest.param(
            (
                account(
                    ALICE,
                    5,
                    restriction=restriction,
                    restriction_reason="r",
                    restriction_ends_at=ends_at,
                ),
            ),
            "account_restricted",
            {"account_id": ALICE, "restriction": restriction, "reason": "r", "ends_at": ends_at},
            id=f"{restriction.value} stopped {'until a tick ahead' if ends_at else 'for ever'}",
        )
        for restriction in (Restriction.DEBITS, Restriction.ALL)
        for ends_at in (None, NOW + TICK)
    ),
]


@pytest.mark.parametrize(("before", "code", "facts"), REFUSED)
def test_refused(before: tuple[Account, ...], code: str, facts: dict[str, object]) -> None:
    """
    Placing a hold is a debit, and is declined where a debit is.
    """
    assert_refused(PlaceHold("alice", eur(5)), *before, code=code, facts=facts)


def test_another_currency() -> None:
    """
    A hold in another currency than the account's is invalid.
    """
    assert_invalid(
        PlaceHold("alice", Money(1, "USD")),
        account(ALICE, 500),
        code="currency_mismatch",
        facts={"expected": "EUR", "given": "USD", "field": "amount"},
    )


def test_the_hold_is_named_by_its_transaction() -> None:
    """
    Under an id that the bank made, that id is the hold's.
    """
    (after,) = decided(PlaceHold("alice", eur(5)), account(ALICE, 5), id_given=False).accounts

    assert [ID] == [each.id for each in after.holds]
