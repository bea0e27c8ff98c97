"""
Restrictions, as `decide` judges them: what each stops, and until when.
"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bankcore.accounts import Account, Restriction
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExtendHold,
    GrantAccess,
    PlaceHold,
    ReleaseHold,
    Restrict,
    RevokeAccess,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.errors import AccountRestrictedError
from bankcore.ledger import Transaction
from ruling import (
    ALICE,
    BOB,
    DAY,
    NOW,
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

NONE, DEBITS, CREDITS, ALL = Restriction

RESTRICTED: dict[str, Any] = {
    "restriction": ALL,
    "restriction_reason": "theft",
    "restriction_ends_at": NOW + DAY,
}


@pytest.mark.parametrize("before", [account(ALICE, 5, hold(3)), account(ALICE, -5, **RESTRICTED)])
@pytest.mark.parametrize(
    ("restriction", "reason", "ends_at"),
    [
        (DEBITS, "loss", None),
        (CREDITS, "loss", NOW + TICK),
        (ALL, "loss", datetime.fromisoformat("9998-12-31T23:59:59.999999+00:00")),
        (NONE, None, None),
        (NONE, "found again", None),
    ],
)
def test_the_new_one_takes_the_place_of_the_old(
    before: Account, restriction: Restriction, reason: str | None, ends_at: datetime | None
) -> None:
    """
    An account has one restriction, the last; no money moves.
    """
    command = Restrict("alice", restriction, reason=reason, ends_at=ends_at)
    after = later(
        before, restriction=restriction, restriction_reason=reason, restriction_ends_at=ends_at
    )

    assert accepted(command, (after, 0)) == decided(command, before)


@pytest.mark.parametrize("behind", [timedelta(0), TICK, DAY])
def test_an_end_that_is_not_ahead(behind: timedelta) -> None:
    """
    A restriction that would end at the operation itself, or before, is invalid.
    """
    ends_at = NOW - behind
    assert_invalid(
        Restrict("alice", ALL, reason="theft", ends_at=ends_at),
        account(ALICE, 5),
        code="invalid_time",
        facts={"value": ends_at.isoformat(), "field": "ends_at"},
    )


def test_an_end_is_ahead_of_the_given_time() -> None:
    """
    Imported history may have restricted until an instant that has passed since.
    """
    then = NOW - DAY
    command = Restrict("alice", ALL, reason="theft", ends_at=then + TICK, booked_at=then)

    assert decided(command, account(ALICE)).records


@pytest.mark.parametrize(
    ("before", "code"), [((), "account_not_found"), ((closed(),), "account_closed")]
)
def test_refused(before: tuple[Account, ...], code: str) -> None:
    """
    Only an open account is restricted.
    """
    command = Restrict("alice", ALL, reason="theft")

    assert_refused(command, *before, code=code, facts={"account_id": ALICE})


# A command on alice, and which restrictions of hers stop it.
STOPPED: list[tuple[Command, set[Restriction]]] = [
    (Deposit("alice", eur(1)), {CREDITS, ALL}),
    (Withdraw("alice", eur(1)), {DEBITS, ALL}),
    (Transfer("alice", "bob", eur(1)), {DEBITS, ALL}),
    (Transfer("bob", "alice", eur(1)), {CREDITS, ALL}),
    (PlaceHold("alice", eur(1)), {DEBITS, ALL}),
    (CaptureHold("alice", "h-1"), {DEBITS, ALL}),
    (CaptureHold("alice", "h-1", destination_id="bob"), {DEBITS, ALL}),
    (CaptureHold("bob", "h-2", destination_id="alice"), {CREDITS, ALL}),
    (ExtendHold("alice", "h-1", expires_at=None), {DEBITS, ALL}),
    (ReleaseHold("alice", "h-1"), set()),
    (CloseAccount("carol", sweep_to="alice"), {CREDITS, ALL}),
    (Restrict("alice", NONE), set()),
    (SetOverdraftLimit("alice", eur(1)), set()),
    (GrantAccess("alice", "mary", ["read"]), set()),
    (RevokeAccess("alice", "bert"), set()),
]


@pytest.mark.parametrize(
    ("command", "stopped_by"),
    STOPPED,
    ids=lambda value: type(value).__name__ if isinstance(value, Command) else None,
)
class TestWhatIsStopped:
    def outcome(
        self, command: Command, restriction: Restriction, ends_at: datetime | None
    ) -> object:
        alice = account(
            ALICE,
            10,
            hold(5, expires_at=NOW + DAY),
            restriction=restriction,
            restriction_reason="theft",
            restriction_ends_at=ends_at,
            holders=account().grant_access("bert", ["read"]).holders,
        )
        others = (account(BOB, 10, hold(5, "h-2")), account("carol", 10))
        (outcome,) = decided(command, alice, *others).outcomes
        return outcome

    @pytest.mark.parametrize("restriction", Restriction)
    def test_for_ever(
        self, command: Command, stopped_by: set[Restriction], restriction: Restriction
    ) -> None:
        """
        Debits or credits are stopped as the restriction says, and nothing else is.
        """
        outcome = self.outcome(command, restriction, None)

        if restriction in stopped_by:
            assert isinstance(outcome, AccountRestrictedError)
            assert (ALICE, restriction, "theft", None) == (
                outcome.account_id,
                outcome.restriction,
                outcome.reason,
                outcome.ends_at,
            )
        else:
            assert isinstance(outcome, Transaction)

    @pytest.mark.parametrize("restriction", [DEBITS, CREDITS, ALL])
    def test_until_its_end(
        self, command: Command, stopped_by: set[Restriction], restriction: Restriction
    ) -> None:
        """
        A restriction stops what it stops up to a tick before its end, and at its end nothing.
        """
        before_its_end = self.outcome(command, restriction, NOW + TICK)
        at_its_end = self.outcome(command, restriction, NOW)

        assert (restriction in stopped_by) is isinstance(before_its_end, AccountRestrictedError)
        assert isinstance(at_its_end, Transaction)


def test_a_lapse_books_nothing() -> None:
    """
    A restriction that has ended is still the account's, as it was set, until another is.
    """
    before = account(ALICE, 10, **{**RESTRICTED, "restriction_ends_at": NOW})
    command = Withdraw("alice", eur(1))

    assert accepted(command, (later(before, balance=eur(9)), -1)) == decided(command, before)


def test_an_end_is_by_the_operation_s_own_time() -> None:
    """
    Imported history is stopped by what was restricted then.
    """
    then = NOW - DAY
    before = account(ALICE, 10, **{**RESTRICTED, "restriction_ends_at": then + TICK}, version=7)
    (stopped,) = decided(Withdraw("alice", eur(1), booked_at=then), before).outcomes
    (passed,) = decided(Withdraw("alice", eur(1), booked_at=then + TICK), before).outcomes

    assert isinstance(stopped, AccountRestrictedError)
    assert isinstance(passed, Transaction)
