"""
Closings, as `decide` judges them: final, every blocker listed, a rest swept by the rules of a
transfer.
"""

from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, AccountStatus, Restriction
from bankcore.commands import (
    CloseAccount,
    Command,
    Deposit,
    GrantAccess,
    PlaceHold,
    RevokeAccess,
    SetOverdraftLimit,
    Withdraw,
)
from bankcore.ledger import Transaction, WriteSet
from bankcore.values import TransactionId
from ruling import (
    ALICE,
    BOB,
    NOW,
    TICK,
    accepted,
    account,
    assert_invalid,
    assert_refused,
    closed,
    decided,
    eur,
    expiry,
    hold,
    later,
    posting,
    transaction,
)

TOMORROW = NOW + timedelta(days=1)
STOPPED: dict[str, Any] = {"restriction": Restriction.ALL, "restriction_reason": "theft"}


def swept(before: Account, **changes: Any) -> Account:
    return later(before, balance=eur(0), status=AccountStatus.CLOSED, **changes)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(account(ALICE), id="empty"),
        pytest.param(account(ALICE, limit=50), id="with a limit"),
        pytest.param(account(ALICE, **STOPPED), id="restricted"),
        pytest.param(
            account(ALICE, holders=account().grant_access("mary", ["read"]).holders),
            id="with a holder",
        ),
    ],
)
@pytest.mark.parametrize("sweep_to", [None, "bob"])
def test_an_empty_account_is_closed(before: Account, sweep_to: str | None) -> None:
    """
    With nothing on it, an account is closed, and nothing is swept; all else stays as it was.
    """
    command = CloseAccount("alice", sweep_to=sweep_to)
    after = later(before, status=AccountStatus.CLOSED)

    assert accepted(command, (after, 0)) == decided(command, before, account(BOB, **STOPPED))


ELSEWHERE = [
    pytest.param((), id="not there"),
    pytest.param((account(BOB),), id="open"),
    pytest.param((closed(BOB),), id="closed"),
    pytest.param((account(BOB, **STOPPED),), id="restricted"),
    pytest.param((account(BOB, currency="USD"),), id="of another currency"),
    pytest.param((account(BOB, AMOUNT_MINOR_MAX),), id="with the largest balance"),
    pytest.param((account(BOB, 0, hold(5, expires_at=NOW)),), id="with a hold that is due"),
    pytest.param((attrs.evolve(account(BOB), last_booked_at=TOMORROW),), id="ahead of the clock"),
]


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
@pytest.mark.parametrize(
    ("balance", "at"), [(0, None), (0, NOW - TICK), (-5, None)], ids=["now", "before", "owing"]
)
def test_where_nothing_is_swept_the_other_account_is_not_asked(
    elsewhere: tuple[Account, ...], balance: int, at: datetime | None
) -> None:
    """
    What a closing that sweeps nothing comes to does not depend on where it would sweep to.
    """
    before = attrs.evolve(account(ALICE, balance, limit=9), last_booked_at=None)
    without = decided(CloseAccount("alice", booked_at=at), before)
    command = CloseAccount("alice", sweep_to="bob", booked_at=at)
    written = decided(command, before, *elsewhere)

    (outcome,), (expected,) = written.outcomes, without.outcomes
    if isinstance(outcome, Transaction) and isinstance(expected, Transaction):
        outcome = attrs.evolve(outcome, command=expected.command)
    assert (repr(expected), without.accounts) == (repr(outcome), written.accounts)


@pytest.mark.parametrize(
    ("before", "rest"),
    [
        pytest.param(account(ALICE, 1), 1, id="a cent"),
        pytest.param(account(ALICE, 70, limit=50), 70, id="with a limit"),
        pytest.param(account(ALICE, AMOUNT_MINOR_MAX), AMOUNT_MINOR_MAX, id="the largest"),
        pytest.param(
            account(ALICE, 5, restriction=Restriction.CREDITS, restriction_reason="r"),
            5,
            id="credits stopped",
        ),
    ],
)
def test_a_rest_is_swept_in_the_same_transaction(before: Account, rest: int) -> None:
    """
    A positive rest moves with the closing: one posting and one version on each account.
    """
    command = CloseAccount("alice", sweep_to="bob")
    destination = account(BOB, 0, hold(9))
    credited = later(destination, balance=eur(rest))

    expected = accepted(command, (swept(before), -rest), (credited, rest))
    assert expected == decided(command, before, destination)


BLOCKED = [
    pytest.param(account(ALICE, 1), None, eur(1), (), id="a cent"),
    pytest.param(account(ALICE, -1), None, eur(-1), (), id="a cent owed"),
    pytest.param(account(ALICE, -1, limit=5), "bob", eur(-1), (), id="a cent owed, to be swept"),
    pytest.param(account(ALICE, 0, hold(1)), None, eur(0), ("h-1",), id="a hold"),
    pytest.param(account(ALICE, 0, hold(1)), "bob", eur(0), ("h-1",), id="a hold, to be swept"),
    pytest.param(
        account(ALICE, 5, hold(1), hold(2, "h-2")),
        None,
        eur(5),
        ("h-1", "h-2"),
        id="money and two holds",
    ),
    pytest.param(
        account(ALICE, 5, hold(1), hold(2, "h-2")),
        "bob",
        eur(0),
        ("h-1", "h-2"),
        id="two holds, and money that would be swept",
    ),
    pytest.param(
        account(ALICE, -5, hold(1, expires_at=NOW + TICK)),
        "bob",
        eur(-5),
        ("h-1",),
        id="money owed and a hold that expires in a tick",
    ),
    pytest.param(account(ALICE, 5, **STOPPED), None, eur(5), (), id="money, and restricted"),
]


@pytest.mark.parametrize(("before", "sweep_to", "balance", "hold_ids"), BLOCKED)
def test_every_blocker_is_listed(
    before: Account, sweep_to: str | None, balance: object, hold_ids: tuple[str, ...]
) -> None:
    """
    A balance that is not zero and open holds stand in the way, and all of them are named.
    """
    assert_refused(
        CloseAccount("alice", sweep_to=sweep_to),
        before,
        account(BOB),
        code="close_blocked",
        facts={
            "account_id": ALICE,
            "balance": balance,
            "hold_ids": tuple(map(TransactionId, hold_ids)),
        },
    )


REFUSED = [
    pytest.param((account(BOB),), "account_not_found", {"account_id": ALICE}, id="no account"),
    pytest.param(
        (account(ALICE, 5),), "account_not_found", {"account_id": BOB}, id="nowhere to sweep to"
    ),
    pytest.param((closed(), account(BOB)), "account_closed", {"account_id": ALICE}, id="closed"),
    pytest.param(
        (account(ALICE, 5), closed(BOB)),
        "account_closed",
        {"account_id": BOB},
        id="to a closed account",
    ),
    pytest.param(
        (account(ALICE, 5, **STOPPED), account(BOB)),
        "account_restricted",
        {"account_id": ALICE, "restriction": Restriction.ALL, "reason": "theft", "ends_at": None},
        id="debits stopped",
    ),
    pytest.param(
        (account(ALICE, 5), account(BOB, **STOPPED)),
        "account_restricted",
        {"account_id": BOB, "restriction": Restriction.ALL, "reason": "theft", "ends_at": None},
        id="credits stopped where it goes",
    ),
    pytest.param(
        (account(ALICE, 5), account(BOB, AMOUNT_MINOR_MAX - 4)),
        "balance_limit",
        {"account_id": BOB, "balance": eur(AMOUNT_MINOR_MAX - 4), "requested": eur(5)},
        id="a cent beyond the largest balance",
    ),
]


@pytest.mark.parametrize(("before", "code", "facts"), REFUSED)
def test_a_sweep_obeys_the_rules_of_a_transfer(
    before: tuple[Account, ...], code: str, facts: dict[str, object]
) -> None:
    """
    Where the rest cannot move, the account stays open, and nothing moves.
    """
    assert_refused(CloseAccount("alice", sweep_to="bob"), *before, code=code, facts=facts)


def test_a_sweep_into_another_currency() -> None:
    """
    A rest cannot be swept to an account of another currency.
    """
    assert_invalid(
        CloseAccount("alice", sweep_to="bob"),
        account(ALICE, 5),
        account(BOB, currency="USD"),
        code="currency_mismatch",
        facts={"expected": "EUR", "given": "USD", "field": "sweep_to"},
    )


def test_a_hold_that_is_due_stands_in_no_way() -> None:
    """
    What has expired is recorded first, and then the account is closed.
    """
    before = account(ALICE, 0, hold(5, expires_at=NOW))
    command = CloseAccount("alice")
    expired = later(before, NOW, holds=())
    after = later(expired, status=AccountStatus.CLOSED)
    booked = transaction(command, posting(after))

    assert WriteSet((after,), (expiry(expired, "h-1", NOW), booked), (booked,)) == (
        decided(command, before)
    )


@pytest.mark.parametrize(
    "command",
    [
        Deposit("alice", eur(1)),
        Withdraw("alice", eur(1)),
        PlaceHold("alice", eur(1)),
        SetOverdraftLimit("alice", eur(1)),
        CloseAccount("alice"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_closing_is_final(command: Command) -> None:
    """
    Nothing is booked on a closed account, a second closing included.
    """
    (after,) = decided(CloseAccount("alice"), account(ALICE)).accounts

    assert_refused(command, after, code="account_closed", facts={"account_id": ALICE})


def test_who_may_read_a_closed_account_can_still_be_decided() -> None:
    """
    Access to a closed account, whose history stays, is granted and revoked as before.
    """
    (granted,) = decided(GrantAccess("alice", "mary", ["read"]), closed()).accounts
    (revoked,) = decided(RevokeAccess("alice", "mary"), granted).accounts

    assert closed().version + 2 == revoked.version
    assert attrs.evolve(revoked, version=7, last_booked_at=closed().last_booked_at) == closed()
