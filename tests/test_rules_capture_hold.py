"""
Captures, as `decide` judges them: never more than is left, in parts or whole, to the outside
or to another account.
"""

from datetime import timedelta

import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, Restriction
from bankcore.commands import CaptureHold
from bankcore.ledger import Transaction
from bankcore.money import Money
from bankcore.values import TransactionId
from ruling import (
    ALICE,
    BOB,
    DAY,
    H1,
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
    expiry,
    hold,
    later,
    placed,
    posting,
    transaction,
)

H2 = hold(7, "h-2")

# What is captured, of a hold, finally or not; what is booked, and what is left of the hold.
PARTS = [
    pytest.param(None, hold(10), True, 10, None, id="all of it"),
    pytest.param(None, hold(10), False, 10, None, id="all of it, not finally, leaves no hold"),
    pytest.param(10, hold(10), True, 10, None, id="exactly all of it"),
    pytest.param(10, hold(10), False, 10, None, id="exactly all of it, not finally"),
    pytest.param(9, hold(10), True, 9, None, id="all but a cent, finally"),
    pytest.param(9, hold(10), False, 9, hold(10, captured=9), id="all but a cent, not finally"),
    pytest.param(1, hold(10), True, 1, None, id="a cent, finally"),
    pytest.param(1, hold(10), False, 1, hold(10, captured=1), id="a cent, not finally"),
    pytest.param(None, hold(10, captured=4), True, 6, None, id="all that is left"),
    pytest.param(6, hold(10, captured=4), False, 6, None, id="exactly what is left"),
    pytest.param(
        3, hold(10, captured=4), False, 3, hold(10, captured=7), id="part of what is left"
    ),
    pytest.param(
        3,
        hold(10, expires_at=NOW + TICK, description="room 7"),
        False,
        3,
        hold(10, captured=3, expires_at=NOW + TICK, description="room 7"),
        id="part, a tick before the expiry",
    ),
]


@pytest.mark.parametrize(("amount", "held", "final", "taken", "left"), PARTS)
class TestParts:
    def test_to_the_outside(
        self, amount: int | None, held: object, final: bool, taken: int, left: object
    ) -> None:
        """
        What is captured leaves the balance and the hold; finally, the rest is free again.
        """
        before = account(ALICE, 20, H2, held)  # type: ignore[arg-type]  # a Hold of the table
        money = None if amount is None else eur(amount)
        command = CaptureHold("alice", "h-1", money, final=final)
        after = later(
            before, balance=eur(20 - taken), holds=(H2, *([] if left is None else [left]))
        )

        assert accepted(command, (after, -taken)) == decided(command, before)

    def test_to_another_account(
        self, amount: int | None, held: object, final: bool, taken: int, left: object
    ) -> None:
        """
        Captured to another account, the same amount is booked there, in one transaction.
        """
        before = account(ALICE, 20, held, H2)  # type: ignore[arg-type]  # a Hold of the table
        destination = account(BOB, -5, hold(1, "h-3"))
        money = None if amount is None else eur(amount)
        command = CaptureHold("alice", "h-1", money, final=final, destination_id="bob")
        after = later(
            before, balance=eur(20 - taken), holds=(*([] if left is None else [left]), H2)
        )
        credited = later(destination, balance=eur(taken - 5))

        expected = accepted(command, (after, -taken), (credited, taken))
        assert expected == decided(command, before, destination)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(account(ALICE, 0, hold(10), limit=0), id="after the limit was lowered"),
        pytest.param(account(ALICE, -100, hold(10)), id="overdrawn beyond the limit"),
        pytest.param(account(ALICE, 5, hold(10), hold(90, "h-2")), id="more held than there is"),
        pytest.param(
            account(ALICE, 10, hold(10), restriction=Restriction.CREDITS, restriction_reason="r"),
            id="credits stopped",
        ),
        pytest.param(
            account(
                ALICE,
                10,
                hold(10),
                restriction=Restriction.ALL,
                restriction_reason="r",
                restriction_ends_at=NOW,
            ),
            id="a restriction that ends just now",
        ),
        pytest.param(account(ALICE, 10 - AMOUNT_MINOR_MAX, hold(10)), id="to the lowest balance"),
    ],
)
def test_no_floor_declines_a_capture(before: Account) -> None:
    """
    A hold that was placed can be captured whatever is available: it lowers that no further.
    """
    (after,) = decided(CaptureHold("alice", "h-1"), before).accounts

    assert before.available == after.available
    assert before.balance - eur(10) == after.balance


# What is recorded, the accounts, and the answer to a capture of 5 to bob.
REFUSED = [
    pytest.param((), (account(BOB),), "account_not_found", {"account_id": ALICE}, id="no account"),
    pytest.param(
        (),
        (account(ALICE, 10, hold(10)),),
        "account_not_found",
        {"account_id": BOB},
        id="no destination",
    ),
    pytest.param(
        (placed(),), (closed(), account(BOB)), "account_closed", {"account_id": ALICE}, id="closed"
    ),
    pytest.param(
        (placed(),),
        (account(ALICE, 10, hold(10)), closed(BOB)),
        "account_closed",
        {"account_id": BOB},
        id="to a closed account",
    ),
    pytest.param(
        (),
        (account(ALICE, 10), account(BOB)),
        "hold_not_found",
        {"account_id": ALICE, "hold_id": H1},
        id="no hold",
    ),
    pytest.param(
        (placed(account_id=BOB),),
        (account(ALICE, 10), account(BOB, 10, hold(10))),
        "hold_not_found",
        {"account_id": ALICE, "hold_id": H1},
        id="a hold of another account",
    ),
    pytest.param(
        (placed(),),
        (account(ALICE, 10, H2), account(BOB)),
        "hold_not_active",
        {"account_id": ALICE, "hold_id": H1},
        id="a hold that is gone",
    ),
    pytest.param(
        (),
        (account(ALICE, 10, hold(4)), account(BOB)),
        "hold_exceeded",
        {"hold_id": H1, "left": eur(4), "requested": eur(5)},
        id="a cent more than it",
    ),
    pytest.param(
        (),
        (account(ALICE, 10, hold(10, captured=6)), account(BOB)),
        "hold_exceeded",
        {"hold_id": H1, "left": eur(4), "requested": eur(5)},
        id="a cent more than is left of it",
    ),
    *(
        pytest.param(
            (),
            (
                account(ALICE, 10, hold(10), restriction=restriction, restriction_reason="r"),
                account(BOB),
            ),
            "account_restricted",
            {"account_id": ALICE, "restriction": restriction, "reason": "r", "ends_at": None},
            id=f"{restriction.value} stopped at the source",
        )
        for restriction in (Restriction.DEBITS, Restriction.ALL)
    ),
    *(
        pytest.param(
            (),
            (
                account(ALICE, 10, hold(10)),
                account(
                    BOB,
                    restriction=restriction,
                    restriction_reason="r",
                    restriction_ends_at=NOW + TICK,
                ),
            ),
            "account_restricted",
            {"account_id": BOB, "restriction": restriction, "reason": "r", "ends_at": NOW + TICK},
            id=f"{restriction.value} stopped at the destination for a tick more",
        )
        for restriction in (Restriction.CREDITS, Restriction.ALL)
    ),
    pytest.param(
        (),
        (account(ALICE, 4 - AMOUNT_MINOR_MAX, hold(10)), account(BOB)),
        "balance_limit",
        {"account_id": ALICE, "balance": eur(4 - AMOUNT_MINOR_MAX), "requested": eur(5)},
        id="a cent below the lowest balance",
    ),
    pytest.param(
        (),
        (account(ALICE, 10, hold(10)), account(BOB, AMOUNT_MINOR_MAX - 4)),
        "balance_limit",
        {"account_id": BOB, "balance": eur(AMOUNT_MINOR_MAX - 4), "requested": eur(5)},
        id="a cent beyond the largest balance",
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
    A capture is a debit of the one account and a credit of the other; nothing is taken.
    """
    command = CaptureHold("alice", "h-1", eur(5), destination_id="bob")

    assert_refused(command, *before, recorded=recorded, code=code, facts=facts)


@pytest.mark.parametrize("restriction", [Restriction.DEBITS, Restriction.NONE])
def test_a_destination_of_which_debits_are_stopped(restriction: Restriction) -> None:
    """
    What stops debits stops no capture to there.
    """
    reason = None if restriction is Restriction.NONE else "r"
    written = decided(
        CaptureHold("alice", "h-1", destination_id="bob"),
        account(ALICE, 10, hold(10)),
        account(BOB, restriction=restriction, restriction_reason=reason),
    )

    assert [eur(0), eur(10)] == [each.balance for each in written.accounts]


@pytest.mark.parametrize(
    ("command", "source", "destination", "expected", "given", "field"),
    [
        pytest.param(
            CaptureHold("alice", "h-1", Money(1, "USD"), destination_id="bob"),
            *("EUR", "EUR", "EUR", "USD", "amount"),
            id="an amount of another currency",
        ),
        pytest.param(
            CaptureHold("alice", "h-1", Money(1, "USD"), destination_id="bob"),
            *("USD", "EUR", "USD", "EUR", "destination_id"),
            id="an amount that is not of the destination's",
        ),
        pytest.param(
            CaptureHold("alice", "h-1", destination_id="bob"),
            *("USD", "EUR", "USD", "EUR", "destination_id"),
            id="no amount, of two currencies",
        ),
    ],
)
def test_other_currencies(
    command: CaptureHold, source: str, destination: str, expected: str, given: str, field: str
) -> None:
    """
    The amount, the hold and the destination are of one currency, or it is invalid.
    """
    assert_invalid(
        command,
        account(ALICE, 1000, hold(1000, currency=source), currency=source),
        account(BOB, 0, currency=destination),
        code="currency_mismatch",
        facts={"expected": expected, "given": given, "field": field},
    )


class TestExpiry:
    @pytest.mark.parametrize("behind", [timedelta(0), TICK, DAY - TICK])
    def test_from_the_very_instant_on(self, behind: timedelta) -> None:
        """
        From the instant of its expiry on, a hold cannot be captured, recorded or not; the
        refusal records no expiry.
        """
        assert_refused(
            CaptureHold("alice", "h-1", eur(5)),
            account(ALICE, 10, hold(10, expires_at=NOW - behind)),
            recorded=(placed(),),
            code="hold_not_active",
            facts={"account_id": ALICE, "hold_id": H1},
        )

    def test_by_the_operation_s_own_time(self) -> None:
        """
        A capture of imported history takes what had not expired then.
        """
        then = NOW - DAY
        before = account(ALICE, 10, hold(10, expires_at=then + TICK), last_booked_at=then)
        command = CaptureHold("alice", "h-1", booked_at=then)
        after = later(before, then, balance=eur(0), holds=())

        assert accepted(command, (after, -10), at=then) == decided(command, before)

    def test_by_the_time_of_the_account_ahead(self) -> None:
        """
        Where the destination was booked ahead of the clock, the capture takes place then, and
        the hold may have expired by then.
        """
        for ahead, code in ((SKEW, "hold_not_active"), (SKEW - TICK, None)):
            written = decided(
                CaptureHold("alice", "h-1", destination_id="bob"),
                account(ALICE, 10, hold(10, expires_at=NOW + SKEW)),
                account(BOB, last_booked_at=NOW + ahead),
                recorded=(placed(),),
            )

            assert code == getattr(written.outcomes[0], "code", None)

    def test_what_else_is_due_is_recorded_first(self) -> None:
        """
        The other hold that is due expires before the capture, at its own instant, on whichever
        of the two accounts it is.
        """
        due = hold(3, "h-2", expires_at=NOW - TICK)
        before = account(ALICE, 20, due, hold(10))
        destination = account(BOB, 5, hold(4, "h-3", expires_at=NOW))
        command = CaptureHold("alice", "h-1", destination_id="bob")
        written = decided(command, before, destination)

        first = later(before, NOW - TICK, holds=(hold(10),))
        second = later(destination, NOW, holds=())
        source = later(first, balance=eur(10), holds=())
        credited = later(second, balance=eur(15))
        booked = transaction(command, posting(source, -10), posting(credited, 10))
        assert (
            expiry(first, "h-2", NOW - TICK),
            expiry(second, "h-3", NOW),
            booked,
        ) == written.records
        assert {source, credited} == set(written.accounts)


def test_parts_sum_up_to_the_hold() -> None:
    """
    Captured in three parts, the last of which takes all that is left, the whole is taken.
    """
    before = account(ALICE, 10, hold(10))
    balances = []
    for command in (
        CaptureHold("alice", "h-1", eur(3), final=False),
        CaptureHold("alice", "h-1", eur(6), final=False),
        CaptureHold("alice", "h-1"),
    ):
        (before,) = decided(command, before).accounts
        balances.append((before.balance.amount_minor, before.held.amount_minor))

    assert [(7, 7), (1, 1), (0, 0)] == balances


def test_a_hold_is_named_by_its_id_alone() -> None:
    """
    Another hold of the same account is left as it is.
    """
    (after,) = decided(CaptureHold("alice", "h-2"), account(ALICE, 20, hold(10), H2)).accounts

    assert (hold(10),) == after.holds
    assert TransactionId("h-1") == after.holds[0].id
