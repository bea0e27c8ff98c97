"""
Releases, as `decide` judges them: whole, and stopped by no restriction.
"""

import pytest

from bankcore.accounts import Account, Hold, Restriction
from bankcore.commands import CaptureHold, PlaceHold, ReleaseHold
from bankcore.ledger import Transaction
from ruling import (
    ALICE,
    BOB,
    H1,
    NOW,
    TICK,
    accepted,
    account,
    assert_refused,
    closed,
    decided,
    eur,
    hold,
    later,
    placed,
)

COMMAND = ReleaseHold("alice", "h-1", description="not needed")


@pytest.mark.parametrize(
    "held",
    [
        pytest.param(hold(10), id="untouched"),
        pytest.param(hold(10, captured=9), id="captured in part"),
        pytest.param(hold(10, expires_at=NOW + TICK), id="a tick before its expiry"),
    ],
)
@pytest.mark.parametrize("restriction", Restriction)
def test_what_is_left_is_free_again(held: Hold, restriction: Restriction) -> None:
    """
    A release frees all that is left, whatever is restricted; the balance stays.
    """
    reason = None if restriction is Restriction.NONE else "theft"
    before = account(
        ALICE, -5, hold(3, "h-2"), held, restriction=restriction, restriction_reason=reason
    )
    after = later(before, holds=(hold(3, "h-2"),))

    assert accepted(COMMAND, (after, 0)) == decided(COMMAND, before)
    assert before.available + held.left == after.available


REFUSED = [
    pytest.param((), (), "account_not_found", {"account_id": ALICE}, id="no account"),
    pytest.param((placed(),), (closed(),), "account_closed", {"account_id": ALICE}, id="closed"),
    pytest.param(
        (),
        (account(ALICE, 10),),
        "hold_not_found",
        {"account_id": ALICE, "hold_id": H1},
        id="no hold",
    ),
    pytest.param(
        (placed(account_id=BOB),),
        (account(ALICE, 10, hold(10, "h-2")),),
        "hold_not_found",
        {"account_id": ALICE, "hold_id": H1},
        id="a hold of another account",
    ),
    pytest.param(
        (Transaction(H1, CaptureHold("alice", "h-0"), NOW, placed().postings),),
        (account(ALICE, 10),),
        "hold_not_found",
        {"account_id": ALICE, "hold_id": H1},
        id="a transaction that placed none",
    ),
    pytest.param(
        (placed(),),
        (account(ALICE, 10),),
        "hold_not_active",
        {"account_id": ALICE, "hold_id": H1},
        id="captured or released before",
    ),
    pytest.param(
        (placed(),),
        (account(ALICE, 10, hold(10, expires_at=NOW)),),
        "hold_not_active",
        {"account_id": ALICE, "hold_id": H1},
        id="expired just now, which nothing recorded",
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
    Only an open hold of the account itself is released.
    """
    assert_refused(COMMAND, *before, recorded=recorded, code=code, facts=facts)


def test_what_is_released_can_be_held_again() -> None:
    """
    A release makes available what the hold had taken from it.
    """
    before = account(ALICE, 10, hold(10))
    assert_refused(
        PlaceHold("alice", eur(1)),
        before,
        code="insufficient_funds",
        facts={"available": eur(0), "requested": eur(1), "account_id": ALICE},
    )

    (after,) = decided(COMMAND, before).accounts
    assert decided(PlaceHold("alice", eur(10)), after).accounts
