"""
Each short cut of the bank says what the long way says, and never knows a rule of its own.
"""

from collections.abc import Sequence
from datetime import timedelta
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankcore import Money
from bankcore.accounts import AMOUNT_MINOR_MAX, Account, AccountStatus, Restriction
from bankcore.accounts._changes import Booking
from bankcore.accounts._guards import free_balances
from bankcore.bank._decide import Clock, Request, _Work, decide
from bankcore.commands import (
    CloseAccount,
    Command,
    Deposit,
    OpenAccount,
    PlaceHold,
    Restrict,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.commands._money import checked_movement
from bankcore.errors import BankError
from bankcore.ledger import Posting, Snapshot, Transaction, WriteSet
from bankcore.ledger import _codec as codec
from bankcore.ledger._records import transaction_of_one
from bankcore.testing.strategies import money
from bankcore.values import AccountId, TransactionId
from ruling import NOW, SKEW, eur, holding

SECONDS = st.integers(-8, 2).map(lambda seconds: NOW + timedelta(seconds=seconds))
NAMES = st.sampled_from(["a", "b", "c"])
AMOUNTS = st.integers(1, 60).map(eur) | st.sampled_from(
    [eur(AMOUNT_MINOR_MAX), eur(AMOUNT_MINOR_MAX - 50), Money("1", "USD")]
)


@st.composite
def accounts(draw: st.DrawFn, name: str) -> Account:
    account = Account(
        id=name,
        balance=eur(draw(st.integers(-90, 90) | st.just(AMOUNT_MINOR_MAX - 40))),
        overdraft_limit=eur(draw(st.sampled_from([0, 50]))),
        version=draw(st.integers(1, 3)),
        last_booked_at=draw(st.none() | SECONDS),
        holds=[
            attrs.evolve(each, expires_at=draw(st.none() | SECONDS))
            for each in holding(draw(st.sampled_from([0, 0, 30])))
        ],
    )
    if draw(st.integers(0, 5)) == 0:
        reason, ends_at = "why", draw(st.none() | SECONDS)
        kind = draw(st.sampled_from([Restriction.DEBITS, Restriction.CREDITS, Restriction.ALL]))
        return attrs.evolve(
            account, restriction=kind, restriction_reason=reason, restriction_ends_at=ends_at
        )
    if draw(st.integers(0, 5)) == 0:
        return attrs.evolve(account, balance=eur(0), holds=(), status=AccountStatus.CLOSED)
    return account


@st.composite
def movements(draw: st.DrawFn) -> Command:
    return draw(st.sampled_from([Deposit, Withdraw]))(
        draw(NAMES),
        draw(AMOUNTS),
        booked_at=draw(st.none() | SECONDS),
        description=draw(st.none() | st.sampled_from(["rent", 'Zoë "x"'])),
        expected_version=draw(st.none() | st.none() | st.integers(0, 5)),
    )


others = st.one_of(
    st.builds(Transfer, st.just("a"), st.just("b"), AMOUNTS),
    st.builds(PlaceHold, NAMES, AMOUNTS, expires_at=st.none() | SECONDS),
    st.builds(SetOverdraftLimit, NAMES, st.integers(0, 60).map(eur)),
    st.builds(Restrict, NAMES, st.just("debits"), reason=st.just("why")),
    st.builds(CloseAccount, NAMES, sweep_to=st.none() | st.just("d")),
    st.builds(OpenAccount, NAMES, initial_balance=AMOUNTS),
)
sent = st.lists(st.one_of(movements(), movements(), movements(), others), max_size=12)


def told(written: WriteSet) -> object:
    outcomes = [
        (type(each), dict(each.facts)) if isinstance(each, BankError) else (each, each.replayed)
        for each in written.outcomes
    ]
    return written.accounts, written.records, outcomes


class TestDeciding:
    """
    "`bank.execute(commands)` returns one outcome per command, in order …, each seeing what the
    earlier ones did". So it is with the short cut for deposits and withdrawals, and without.
    """

    @given(st.tuples(accounts("a"), accounts("b")), sent, st.integers(1, 20), st.booleans())
    def test_the_short_cut_decides_like_the_long_way(
        self, found: Sequence[Account], commands: Sequence[Command], ids: int, is_atomic: bool
    ) -> None:
        """Accounts, records and outcomes are the same, whatever stands between."""
        requests = []
        for number, command in enumerate(commands):
            name = TransactionId(f"t-{number % ids}")
            version = command.expected_version
            as_sent = command.sent_as(name)
            requests.append(Request(as_sent, name, True, command.account_ids, version))
        snapshot = Snapshot({}, {each.id: each for each in found})

        def decided() -> object:
            if not requests:
                return ()
            return told(decide(requests, snapshot, Clock(NOW, SKEW), atomic=is_atomic))

        quick = decided()
        with patch.object(_Work, "_booked_plainly", return_value=None):
            expected = decided()

        assert expected == quick

    @given(
        accounts("a"), st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX) | st.integers(-200, 200)
    )
    def test_free_balances_are_free(self, account: Account, net: int) -> None:
        """No guard of a booking is against one that leads to a free balance, at any time."""
        free = free_balances(account)
        after = account.balance.amount_minor + net
        if free is None or not free[0] <= after <= free[1]:
            return
        change = Booking(eur(net))
        for guard in change.asks:
            guard(account, change, NOW)

        assert after == change.applied_to(account, NOW).balance.amount_minor

    @pytest.mark.parametrize("balance", [0, -50, AMOUNT_MINOR_MAX])
    def test_free_balances_reach_from_the_floor_to_the_limit(self, balance: int) -> None:
        """They begin where nothing is available, and end with the largest balance."""
        account = Account(id="a", balance=eur(balance), overdraft_limit=eur(50), holds=holding(30))

        assert (-20, AMOUNT_MINOR_MAX) == free_balances(account)

    def test_no_balance_is_below_what_an_account_can_have(self) -> None:
        """The largest overdraft limit does not move the end of what is free beyond the bounds."""
        account = Account(id="a", balance=eur(0), overdraft_limit=eur(AMOUNT_MINOR_MAX))

        assert (-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX) == free_balances(account)


class TestMaking:
    """
    Values that were checked are put together without being checked again.
    """

    @given(movements(), st.none() | st.just("t-1"))
    def test_a_movement_of_checked_values(self, command: Command, name: str | None) -> None:
        """It is the command that its class makes of the same values."""
        assert isinstance(command, Deposit | Withdraw)
        kind, given_id = type(command), None if name is None else TransactionId(name)
        values = (command.booked_at, command.description, command.account_id, command.amount)
        made = checked_movement(kind, given_id, *values)
        expected = kind(
            command.account_id,
            command.amount,
            transaction_id=name,
            booked_at=command.booked_at,
            description=command.description,
        )

        assert expected == made
        assert (kind, given_id, None) == (type(made), made.transaction_id, made.expected_version)
        assert repr(expected) == repr(made)

    @given(movements(), AMOUNTS, st.none() | st.just("mary"), st.integers(1, 9))
    def test_a_transaction_of_one_posting(
        self, command: Command, amount: Money, principal: str | None, version: int
    ) -> None:
        """It is the transaction that the classes make of the same values."""
        name = TransactionId("t-1")
        line = (AccountId("a"), amount, amount, eur(0), eur(9), version)
        expected = Transaction(name, command, NOW, (Posting(*line),), principal)
        made = transaction_of_one(name, command, NOW, principal, line)

        assert (expected, repr(expected)) == (made, repr(made))
        assert made.replayed is False

    @given(
        st.sampled_from([Deposit, Withdraw]),
        money().filter(bool).map(abs),
        st.none() | SECONDS,
        st.none() | st.text(max_size=40).filter(str.isprintable),
    )
    def test_the_text_of_a_movement(
        self,
        kind: type[Deposit | Withdraw],
        amount: Money,
        booked_at: object,
        description: str | None,
    ) -> None:
        """It is the text that the codec makes of any command, field by field."""
        command = kind("a", amount, booked_at=booked_at, description=description)  # type: ignore[arg-type]  # an instant or None

        assert (kind.kind, codec.fields_to_json(command)) == codec.command_to_text(command)
