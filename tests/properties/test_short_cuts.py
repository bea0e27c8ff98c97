"""
Each short cut of the bank says what the long way says, and never knows a rule of its own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
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
NAMES = st.sampled_from(["a", "a", "a", "b", "b", "c"])
AMOUNTS = st.integers(1, 60).map(eur) | st.sampled_from(
    [eur(25), eur(40), eur(AMOUNT_MINOR_MAX), Money("1", "USD")]
)
BALANCES = st.integers(-40, 90) | st.just(AMOUNT_MINOR_MAX - 40)


@st.composite
def accounts(draw: st.DrawFn, name: str) -> Account:
    plain = Account(
        id=name,
        balance=eur(draw(BALANCES)),
        overdraft_limit=eur(draw(st.sampled_from([0, 50, AMOUNT_MINOR_MAX]))),
        version=draw(st.integers(1, 3)),
        last_booked_at=draw(st.none() | SECONDS),
    )
    kind = draw(st.sampled_from(["plain", "plain", "plain", "held", "restricted", "closed"]))
    if kind == "held":
        (hold,) = holding(30)
        held = attrs.evolve(hold, expires_at=draw(st.none() | SECONDS))
        return attrs.evolve(plain, holds=(held,))
    if kind == "restricted":
        restriction = draw(st.sampled_from(Restriction).filter(lambda r: r.value != "none"))
        ends_at = draw(st.none() | SECONDS)
        return attrs.evolve(
            plain, restriction=restriction, restriction_reason="why", restriction_ends_at=ends_at
        )
    if kind == "closed":
        return attrs.evolve(plain, balance=eur(0), status=AccountStatus.CLOSED)
    return plain


METADATA = st.dictionaries(
    st.from_regex("[a-z0-9_.-]{1,40}", fullmatch=True),
    st.text(max_size=40).filter(str.isprintable),
    max_size=3,
)


@st.composite
def movements(draw: st.DrawFn) -> Command:
    name, amount = draw(NAMES), draw(AMOUNTS)
    common: dict[str, Any] = {
        "booked_at": draw(st.none() | st.none() | SECONDS),
        "description": draw(st.none() | st.sampled_from(["rent", 'Zoë "x"'])),
        "metadata": draw(st.none() | st.none() | METADATA),
        "expected_version": draw(st.sampled_from([None, None, None, None, 1, 2, 3])),
    }
    if draw(st.booleans()):
        return Deposit(name, amount, **common)
    return Withdraw(name, amount, up_to=draw(st.sampled_from([False, False, True])), **common)


others = st.one_of(
    st.builds(Transfer, st.just("a"), st.just("b"), AMOUNTS),
    st.builds(PlaceHold, NAMES, AMOUNTS, expires_at=st.none() | SECONDS),
    st.builds(SetOverdraftLimit, NAMES, st.integers(0, 60).map(eur)),
    st.builds(Restrict, NAMES, st.just("debits"), reason=st.just("why")),
    st.builds(CloseAccount, NAMES, sweep_to=st.none() | st.just("d")),
    st.builds(OpenAccount, NAMES, initial_balance=AMOUNTS),
)
# `one_of` would give each kind of the others as often as all movements.
sent = st.lists(
    st.integers(0, 5).flatmap(lambda n: others if n == 5 else movements()), min_size=8, max_size=24
)


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

    @given(st.tuples(accounts("a"), accounts("b")), sent, st.integers(5, 20), st.booleans())
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
            return told(decide(requests, snapshot, Clock(NOW, SKEW), atomic=is_atomic))

        quick = decided()
        with patch.object(_Work, "_booked_plainly", return_value=None):
            expected = decided()

        assert expected == quick

    @pytest.mark.parametrize("command", [Deposit("a", eur(5)), Withdraw("a", eur(30))])
    @pytest.mark.parametrize("expires_at", [None, NOW, NOW + 2 * SKEW])
    @pytest.mark.parametrize("held", [0, 30])
    @pytest.mark.parametrize("last_booked_at", [None, NOW - SKEW, NOW, NOW + SKEW / 2])
    @pytest.mark.parametrize("booked_at", [None, NOW - 2 * SKEW, NOW, NOW + SKEW / 5])
    def test_times_and_holds_are_not_passed_over(
        self,
        command: Command,
        expires_at: datetime | None,
        held: int,
        last_booked_at: datetime | None,
        booked_at: datetime | None,
    ) -> None:
        """A time that is out of order, or a hold that is due, is left to the long way."""
        holds = [attrs.evolve(each, expires_at=expires_at) for each in holding(held)]
        found = Account(
            id="a", balance=eur(50), version=3, last_booked_at=last_booked_at, holds=holds
        )
        name = TransactionId("t-1")
        sent_as = attrs.evolve(command, booked_at=booked_at, transaction_id=name)
        requests = [Request(sent_as, name, True, command.account_ids)]
        snapshot = Snapshot({}, {found.id: found})
        quick = told(decide(requests, snapshot, Clock(NOW, SKEW)))
        with patch.object(_Work, "_booked_plainly", return_value=None):
            expected = told(decide(requests, snapshot, Clock(NOW, SKEW)))

        assert expected == quick

    def test_a_refusal_changes_no_account(self) -> None:
        """An account on which the short cut found nothing to book is not written."""
        found = Account(id="a", balance=eur(50), version=3)
        name = TransactionId("t-1")
        command = Withdraw("a", eur(90), transaction_id=name)
        requests = [Request(command, name, True, command.account_ids)]
        written = decide(requests, Snapshot({}, {found.id: found}), Clock(NOW, SKEW))

        assert () == written.accounts

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


class TestMaking:
    """
    Values that were checked are put together without being checked again.
    """

    @given(movements(), st.none() | st.just("t-1"))
    def test_a_movement_of_checked_values(self, command: Command, name: str | None) -> None:
        """It is the command that its class makes of the same values, without metadata."""
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
        st.none() | METADATA,
    )
    def test_the_text_of_a_movement(
        self,
        kind: type[Deposit | Withdraw],
        amount: Money,
        booked_at: object,
        description: str | None,
        metadata: dict[str, str] | None,
    ) -> None:
        """It is the text that the codec makes of any command, field by field."""
        command = kind(
            "a",
            amount,
            booked_at=booked_at,  # type: ignore[arg-type]  # an instant or None
            description=description,
            metadata=metadata,
        )

        assert (kind.kind, codec.fields_to_json(command)) == codec.command_to_text(command)
