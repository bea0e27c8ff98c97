"""
What is taken up to an amount, as `decide` judges it: the amount, or what is there if that is less.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from bankcore import Bank
from bankcore.access import Principal, StandardPolicy
from bankcore.accounts import AMOUNT_MINOR_MAX, Account, Restriction
from bankcore.commands import CaptureHold, Command, Deposit, PlaceHold, Transfer, Withdraw
from bankcore.errors import (
    AccessDeniedError,
    AccountNotVisibleError,
    InsufficientFundsError,
    InvalidFlagError,
    TransactionIdReusedError,
)
from bankcore.ledger import Transaction, verify
from bankcore.ledger import _codec as codec
from bankcore.stores import MemoryStore
from ruling import (
    ALICE,
    BOB,
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

MAX = AMOUNT_MINOR_MAX
STOPPED: dict[str, Any] = {"restriction_reason": "theft"}


def withdraw(amount: int) -> Withdraw:
    return Withdraw("alice", eur(amount), up_to=True)


def transfer(amount: int) -> Transfer:
    return Transfer("alice", "bob", eur(amount), up_to=True)


def place(amount: int) -> PlaceHold:
    return PlaceHold("alice", eur(amount), up_to=True)


# An account, and what is available of it.
AVAILABLE = [
    pytest.param(account(ALICE, 100), 100, id="a balance"),
    pytest.param(account(ALICE, 100, hold(30)), 70, id="part of it held"),
    pytest.param(account(ALICE, 0, limit=50), 50, id="a limit"),
    pytest.param(account(ALICE, -20, hold(10), limit=50), 20, id="overdrawn, part held"),
    pytest.param(account(ALICE, 1), 1, id="one cent"),
    pytest.param(account(ALICE, MAX - 1), MAX - 1, id="nearly the largest balance"),
    pytest.param(account(ALICE, 30, hold(10, expires_at=NOW + TICK)), 20, id="a hold that holds"),
]


@pytest.mark.parametrize(("before", "available"), AVAILABLE)
class TestTaken:
    def test_a_withdrawal(self, before: Account, available: int) -> None:
        """
        All that is available is taken where that is less, and else the amount, to the cent.
        """
        for asked in (available + 1, MAX, available, max(available - 1, 1)):
            taken = min(asked, available)
            after = later(before, balance=before.balance - eur(taken))
            command = withdraw(asked)

            assert accepted(command, (after, -taken)) == decided(command, before)

    def test_a_transfer(self, before: Account, available: int) -> None:
        """
        The other account gets what was taken, and no more.
        """
        for asked in (available + 1, available, max(available - 1, 1)):
            taken = min(asked, available)
            other = account(BOB, 0)
            after = later(before, balance=before.balance - eur(taken))
            command = transfer(asked)

            assert accepted(
                command, (after, -taken), (later(other, balance=eur(taken)), taken)
            ) == decided(command, before, other)

    def test_a_hold(self, before: Account, available: int) -> None:
        """
        All that is available is reserved, and nothing is booked.
        """
        for asked in (available + 1, available, max(available - 1, 1)):
            reserved = hold(min(asked, available), ID.value)
            command = place(asked)

            assert accepted(
                command, (later(before, holds=(*before.holds, reserved)), 0)
            ) == decided(command, before)


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize(("asked", "taken"), [(1, 1), (19, 19), (20, 20), (21, 20), (MAX, 20)])
@pytest.mark.parametrize("to", [None, "bob"])
def test_a_capture(asked: int, taken: int, to: str | None, *, final: bool) -> None:
    """
    A capture takes what is left of the hold where that is less, even beyond what is available.
    """
    before, other = account(ALICE, 5, hold(30, captured=10)), account(BOB, 0)
    command = CaptureHold("alice", "h-1", eur(asked), final=final, destination_id=to, up_to=True)
    rest = () if final or taken == 20 else (hold(30, captured=10 + taken),)
    after = later(before, balance=eur(5 - taken), holds=rest)
    others = () if to is None else ((later(other, balance=eur(taken)), taken),)

    assert accepted(command, (after, -taken), *others) == decided(command, before, other)


def test_a_capture_without_an_amount() -> None:
    """
    Without an amount, a capture takes all that is left anyway.
    """
    before = account(ALICE, 50, hold(30))
    command = CaptureHold("alice", "h-1", up_to=True)

    assert accepted(command, (later(before, balance=eur(20), holds=()), -30)) == decided(
        command, before
    )


NOTHING = [
    pytest.param(account(ALICE, 0), 0, id="nothing there"),
    pytest.param(account(ALICE, 10, hold(10)), 0, id="all of it held"),
    pytest.param(account(ALICE, -50, limit=50), 0, id="the limit used up"),
    pytest.param(account(ALICE, -50, limit=20), -30, id="overdrawn beyond the limit"),
]


@pytest.mark.parametrize(("before", "available"), NOTHING)
@pytest.mark.parametrize("make", [withdraw, transfer, place])
def test_refused_where_nothing_is_available(
    make: Callable[[int], Command], before: Account, available: int
) -> None:
    """
    Where nothing can be taken it is declined, and the refusal has what was asked for.
    """
    assert_refused(
        make(70),
        before,
        account(BOB, 0),
        code="insufficient_funds",
        facts={"account_id": ALICE, "available": eur(available), "requested": eur(70)},
    )


REFUSED = [
    pytest.param(withdraw(7), (closed(),), "account_closed", {"account_id": ALICE}, id="closed"),
    pytest.param(
        transfer(7),
        (account(ALICE, 5), closed(BOB)),
        "account_closed",
        {"account_id": BOB},
        id="the other is closed",
    ),
    pytest.param(
        withdraw(7),
        (account(ALICE, 5, restriction=Restriction.DEBITS, **STOPPED),),
        "account_restricted",
        {
            "restriction": Restriction.DEBITS,
            "account_id": ALICE,
            "reason": "theft",
            "ends_at": None,
        },
        id="debits stopped",
    ),
    pytest.param(
        transfer(7),
        (account(ALICE, 5), account(BOB, MAX - 4)),
        "balance_limit",
        {"account_id": BOB, "balance": eur(MAX - 4), "requested": eur(5)},
        id="what is taken does not fit",
    ),
    pytest.param(
        transfer(7), (account(ALICE, 5),), "account_not_found", {"account_id": BOB}, id="no payee"
    ),
    pytest.param(withdraw(7), (), "account_not_found", {"account_id": ALICE}, id="no account"),
    pytest.param(
        CaptureHold("alice", "h-9", eur(7), up_to=True),
        (account(ALICE, 5, hold(5)),),
        "hold_not_found",
        {"account_id": ALICE, "hold_id": CaptureHold("alice", "h-9").hold_id},
        id="no such hold",
    ),
]


@pytest.mark.parametrize(("command", "before", "code", "facts"), REFUSED)
def test_refused_as_without_it(
    command: Command, before: tuple[Account, ...], code: str, facts: dict[str, Any]
) -> None:
    """
    All other rules are those of the command; the amount is judged as it would be taken.
    """
    assert_refused(command, *before, code=code, facts=facts)


@pytest.mark.parametrize(
    "command",
    [withdraw(7), transfer(7), place(7), CaptureHold("alice", "h-1", eur(7), up_to=True)],
)
def test_another_currency(command: Command) -> None:
    """
    An amount in another currency is not compared with what is there.
    """
    before = account(ALICE, 5, hold(5, currency="USD"), currency="USD")

    assert_invalid(
        command,
        before,
        account(BOB, 0),
        code="currency_mismatch",
        facts={"expected": "USD", "given": "EUR", "field": "amount"},
    )


def test_what_a_hold_frees_by_then_is_available() -> None:
    """
    A hold that has expired when the command is booked, were it by a clock that was ahead, holds
    nothing back.
    """
    for expires_at, last, taken in (
        (NOW, NOW - DAY, 30),
        (NOW + TICK, NOW - DAY, 20),
        (NOW + TICK, NOW + SKEW, 30),
    ):
        before = account(ALICE, 30, hold(10, expires_at=expires_at), last_booked_at=last)
        written = decided(withdraw(50), before)
        (outcome,) = written.outcomes

        assert isinstance(outcome, Transaction)
        assert eur(-taken) == outcome.postings[0].amount
        assert max(NOW, last) == outcome.booked_at


def test_by_the_time_that_is_given() -> None:
    """
    What is imported is judged at its own time.
    """
    before = account(ALICE, 30, hold(10, expires_at=NOW - TICK))
    for at, taken in ((NOW - timedelta(hours=1), 20), (NOW - TICK, 30)):
        command = attrs.evolve(withdraw(50), booked_at=at)
        (outcome,) = decided(command, before).outcomes

        assert isinstance(outcome, Transaction)
        assert eur(-taken) == outcome.postings[0].amount


# -- Through the bank --------------------------------------------------------


@pytest.fixture
def bank() -> Bank:
    bank = Bank(MemoryStore())
    bank.open_account("alice", initial_balance=eur(50))
    bank.open_account("bob", initial_balance=eur(0))
    return bank


def test_sent_again(bank: Bank) -> None:
    """
    It replays by what was asked, whatever is there by now; without the flag it is another command.
    """
    first = bank.withdraw("alice", eur(70), up_to=True, transaction_id="t-1")
    bank.deposit("alice", eur(70))
    again = bank.withdraw("alice", eur(70), up_to=True, transaction_id="t-1")

    assert (first, True) == (again, again.replayed)
    assert eur(-50) == again.postings[0].amount
    assert Withdraw("alice", eur(70), up_to=True) == again.command
    with pytest.raises(TransactionIdReusedError) as raised:
        bank.withdraw("alice", eur(70), transaction_id="t-1")
    assert ("up_to",) == raised.value.fields


def test_in_a_batch_and_a_preview(bank: Bank) -> None:
    """
    Each of a batch takes what those before it have left, and a preview says so beforehand.
    """
    batch = [
        Withdraw("alice", eur(20)),
        Transfer("alice", "bob", eur(20), up_to=True),
        PlaceHold("alice", eur(20), up_to=True, transaction_id="h-1"),
        Withdraw("alice", eur(20), up_to=True),
        Deposit("alice", eur(3)),
        CaptureHold("alice", "h-1", eur(20), up_to=True),
        Withdraw("alice", eur(20), up_to=True),
    ]
    for do in (bank.preview, bank.execute):
        outcomes = do(batch)

        assert [eur(-20), eur(-20), eur(0), None, eur(3), eur(-10), eur(-3)] == [
            each.postings[0].amount if isinstance(each, Transaction) else None for each in outcomes
        ]
        assert isinstance(outcomes[3], InsufficientFundsError)
    assert verify(bank._store).is_clean


def test_a_policy_is_asked_about_what_would_move(bank: Bank) -> None:
    """
    A teller may ask for more than its limit where no more than that is there.
    """
    teller = Bank(bank._store, policy=StandardPolicy(teller_limit=eur(50))).acting_as(
        Principal("tina", ["teller"])
    )

    assert eur(-50) == teller.transfer("alice", "bob", eur(90), up_to=True).postings[0].amount
    bank.deposit("alice", eur(51))
    with pytest.raises(AccessDeniedError):
        teller.withdraw("alice", eur(90), up_to=True)
    bank.withdraw("alice", eur(51))
    bank.deposit("alice", eur(70))
    bank.place_hold("alice", eur(20))
    assert eur(-50) == teller.withdraw("alice", eur(90), up_to=True).postings[0].amount


def test_a_payee_that_is_not_seen(bank: Bank) -> None:
    """
    An owner that pays up to an amount is told no more of a payee than without the flag.
    """
    bank.grant_access("alice", "mary", ["read", "debit"])
    mary = bank.acting_as(Principal("mary", ["owner"]))
    with pytest.raises(AccountNotVisibleError):
        mary.transfer("alice", "nobody", eur(70), up_to=True)

    assert [eur(-50)] == [
        each.amount for each in mary.transfer("alice", "bob", eur(70), up_to=True).postings
    ]
    with pytest.raises(InsufficientFundsError):
        mary.transfer("alice", "nobody", eur(70), up_to=True)


# -- As text -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (
            Withdraw("alice", eur(7), transaction_id="t-1"),
            '{"account_id":"alice","amount":[7,"EUR",2]}',
        ),
        (withdraw(7), '{"account_id":"alice","amount":[7,"EUR",2],"up_to":true}'),
        (
            Transfer("alice", "bob", eur(7)),
            '{"source_id":"alice","destination_id":"bob","amount":[7,"EUR",2]}',
        ),
        (
            transfer(7),
            '{"source_id":"alice","destination_id":"bob","amount":[7,"EUR",2],"up_to":true}',
        ),
        (
            CaptureHold("alice", "h-1", eur(7)),
            '{"account_id":"alice","hold_id":"h-1","amount":[7,"EUR",2],"final":true}',
        ),
    ],
)
def test_the_text_of_a_command(command: Command, text: str) -> None:
    """
    A command without the flag is written as before there was one, and reads back.
    """
    assert (command.kind, text) == codec.command_to_text(command)
    assert command == codec.command_from_text(command.kind, text, ID)


@pytest.mark.parametrize("kind", [Withdraw, Transfer, PlaceHold, CaptureHold])
def test_nothing_but_a_flag(kind: Any) -> None:
    """
    It must be True or False, and the error names it.
    """
    fields = ("alice", "bob", eur(7)) if kind in {Transfer, CaptureHold} else ("alice", eur(7))
    with pytest.raises(InvalidFlagError) as raised:
        kind(*fields, up_to=1)

    assert ("up_to", "1") == (raised.value.field, raised.value.value)
