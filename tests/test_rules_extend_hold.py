"""
Extensions, as `decide` judges them: a later expiry, while the hold has not expired.
"""

from datetime import datetime

import pytest

from bankcore.accounts import Account, Restriction
from bankcore.commands import ExtendHold
from bankcore.ledger import Transaction
from ruling import (
    ALICE,
    BOB,
    DAY,
    H1,
    NOW,
    TICK,
    accepted,
    account,
    assert_invalid,
    assert_refused,
    closed,
    decided,
    hold,
    later,
    placed,
)

EXPIRES_AT = NOW + DAY


@pytest.mark.parametrize(
    ("present", "expires_at"),
    [
        pytest.param(EXPIRES_AT, EXPIRES_AT + TICK, id="a tick later"),
        pytest.param(NOW + TICK, NOW + 2 * TICK, id="a tick before it expires"),
        pytest.param(EXPIRES_AT, None, id="for ever"),
        pytest.param(
            EXPIRES_AT, datetime.fromisoformat("9998-12-31T23:59:59.999999+00:00"), id="the last"
        ),
    ],
)
@pytest.mark.parametrize("restriction", [Restriction.NONE, Restriction.CREDITS])
def test_a_later_expiry(
    present: datetime, expires_at: datetime | None, restriction: Restriction
) -> None:
    """
    A hold may expire later, or never; nothing else of it changes.
    """
    reason = None if restriction is Restriction.NONE else "theft"
    before = account(
        ALICE,
        0,
        hold(10, captured=3, expires_at=present, description="room 7"),
        hold(1, "h-2"),
        restriction=restriction,
        restriction_reason=reason,
    )
    command = ExtendHold("alice", "h-1", expires_at=expires_at)
    extended = hold(10, captured=3, expires_at=expires_at, description="room 7")
    after = later(before, holds=(extended, hold(1, "h-2")))

    assert accepted(command, (after, 0)) == decided(command, before)


@pytest.mark.parametrize(
    ("present", "expires_at", "value", "reason"),
    [
        pytest.param(
            EXPIRES_AT,
            EXPIRES_AT,
            EXPIRES_AT.isoformat(),
            f"must be later than {EXPIRES_AT.isoformat()}, when hold h-1 expires",
            id="the present one",
        ),
        pytest.param(
            EXPIRES_AT,
            EXPIRES_AT - TICK,
            (EXPIRES_AT - TICK).isoformat(),
            f"must be later than {EXPIRES_AT.isoformat()}, when hold h-1 expires",
            id="a tick earlier",
        ),
        pytest.param(
            None,
            EXPIRES_AT,
            EXPIRES_AT.isoformat(),
            "cannot be later: hold h-1 never expires",
            id="an end of what has none",
        ),
        pytest.param(
            None,
            None,
            "None",
            "cannot be later: hold h-1 never expires",
            id="none of what has none",
        ),
    ],
)
def test_no_later_expiry(
    present: datetime | None, expires_at: datetime | None, value: str, reason: str
) -> None:
    """
    An expiry that is not later than the present one is invalid; a hold is not shortened.
    """
    assert_invalid(
        ExtendHold("alice", "h-1", expires_at=expires_at),
        account(ALICE, 10, hold(10, expires_at=present)),
        code="invalid_time",
        facts={"value": value, "reason": reason, "field": "expires_at"},
    )


REFUSED = [
    pytest.param((), (), "account_not_found", {"account_id": ALICE}, id="no account"),
    pytest.param((placed(),), (closed(),), "account_closed", {"account_id": ALICE}, id="closed"),
    pytest.param(
        (placed(account_id=BOB),),
        (account(ALICE, 10),),
        "hold_not_found",
        {"account_id": ALICE, "hold_id": H1},
        id="a hold of another account",
    ),
    pytest.param(
        (placed(),),
        (account(ALICE, 10),),
        "hold_not_active",
        {"account_id": ALICE, "hold_id": H1},
        id="gone",
    ),
    pytest.param(
        (placed(),),
        (account(ALICE, 10, hold(10, expires_at=NOW)),),
        "hold_not_active",
        {"account_id": ALICE, "hold_id": H1},
        id="expired just now",
    ),
    *(
        pytest.param(
            (),
            (
                account(
                    ALICE,
                    10,
                    hold(10, expires_at=NOW + TICK),
                    restriction=restriction,
                    restriction_reason="theft",
                    restriction_ends_at=NOW + TICK,
                ),
            ),
            "account_restricted",
            {
                "account_id": ALICE,
                "restriction": restriction,
                "reason": "theft",
                "ends_at": NOW + TICK,
            },
            id=f"{restriction.value} stopped for a tick more",
        )
        for restriction in (Restriction.DEBITS, Restriction.ALL)
    ),
]


@pytest.mark.parametrize(("recorded", "before", "code", "facts"), REFUSED)
def test_refused(
    recorded: tuple[Transaction, ...],
    before: tuple[Account, ...],
    code: str,
    facts: dict[str, object],
) -> None:
    """
    Extending a hold is a debit, of an open hold of the account itself.
    """
    command = ExtendHold("alice", "h-1", expires_at=NOW + DAY)

    assert_refused(command, *before, recorded=recorded, code=code, facts=facts)


def test_a_restriction_that_ends_just_now() -> None:
    """
    A restriction's end is exclusive: at that very instant it stops nothing.
    """
    before = account(
        ALICE,
        10,
        hold(10, expires_at=NOW + TICK),
        restriction=Restriction.ALL,
        restriction_reason="theft",
        restriction_ends_at=NOW,
    )

    assert decided(ExtendHold("alice", "h-1", expires_at=None), before).accounts
