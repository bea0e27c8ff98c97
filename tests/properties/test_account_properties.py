"""
Properties of an account by itself: over sequences of deposits and withdrawals against plain
integers, and over sequences of all operations against a bank.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from bankcore import Account, Bank, Money
from bankcore.accounts import AMOUNT_MINOR_MAX, Restriction, Right
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExtendHold,
    GrantAccess,
    PlaceHold,
    Post,
    ReleaseHold,
    Restrict,
    RevokeAccess,
    SetOverdraftLimit,
    Withdraw,
)
from bankcore.errors import (
    BalanceLimitError,
    BankError,
    HoldNotActiveError,
    HoldNotFoundError,
    InsufficientFundsError,
)
from bankcore.stores import MemoryStore
from bankcore.values import AccountId
from ruling import NOW, SKEW, eur, holding

amounts = st.one_of(st.integers(1, 500), st.integers(1, AMOUNT_MINOR_MAX))
steps = st.lists(st.tuples(st.sampled_from(["deposit", "withdraw"]), amounts), max_size=30)
beginnings = st.tuples(
    st.integers(0, 1_000), st.integers(0, 500), st.integers(0, 500)
)  # balance, held, limit


def minor(amount: int) -> Money:
    return Money.from_minor(amount, "EUR")


class TestSequences:
    """
    "`account.deposit(money)`, `account.withdraw(money)` … return a **new** account or raise and
    change nothing."
    """

    @given(beginnings, steps)
    def test_an_account_follows_plain_integers(
        self, beginning: tuple[int, int, int], sequence: list[tuple[str, int]]
    ) -> None:
        """After every step balance and version are what plain integers say, or nothing changed."""
        balance, held, limit = beginning
        account = Account(
            id="a", balance=minor(balance), holds=holding(held), overdraft_limit=minor(limit)
        )
        version = 0
        for kind, amount in sequence:
            before, copy = account, (account.balance, account.version, account.available)
            expected: type[BankError] | None = None
            if kind == "withdraw" and amount > balance - held + limit:
                expected = InsufficientFundsError
            elif kind == "deposit" and balance + amount > AMOUNT_MINOR_MAX:
                expected = BalanceLimitError
            try:
                account = getattr(account, kind)(minor(amount))
            except BankError as error:
                assert expected is type(error)
            else:
                assert expected is None
                balance += amount if kind == "deposit" else -amount
                version += 1
            assert copy == (before.balance, before.version, before.available)
            assert (minor(balance), version) == (account.balance, account.version)
            assert minor(balance - held + limit) == account.available


class TestFloor:
    """
    "a command whose net effect would lower an account's `available` is declined if `available`
    would end below zero. One that does not lower it is never declined by the floor"
    """

    @given(st.integers(-1_000, 1_000), st.integers(0, 300), st.integers(0, 300), amounts)
    def test_the_floor(self, balance: int, held: int, limit: int, amount: int) -> None:
        """A withdrawal never leaves available below zero; a deposit is never declined by it."""
        account = Account(
            id="a", balance=minor(balance), holds=holding(held), overdraft_limit=minor(limit)
        )
        try:
            after = account.withdraw(minor(amount))
        except InsufficientFundsError as error:
            assert balance - held + limit - amount < 0
            assert minor(amount - (balance - held + limit)) == error.shortfall
        else:
            assert after.available.amount_minor == balance - held + limit - amount >= 0
        if balance + amount <= AMOUNT_MINOR_MAX:
            assert minor(balance + amount) == account.deposit(minor(amount)).balance


# How far the clock goes before each operation, and the operation; the number is its hold's id.
MOMENTS = st.integers(0, 4).map(lambda seconds: timedelta(seconds=seconds))
ENDS = st.none() | st.integers(-1, 9).map(lambda seconds: NOW + timedelta(seconds=seconds))
SMALL = st.integers(1, 80).map(eur) | st.sampled_from([eur(AMOUNT_MINOR_MAX), Money(1, "USD")])
HOLD_IDS = st.integers(0, 12).map("h-{}".format)
PRINCIPALS = st.sampled_from(["mary", "bert"])


def posted(amount: Money, *, is_credit: bool) -> Post:
    return Post([("a", amount if is_credit else -amount)], crosses_boundary=True)


@st.composite
def operations(draw: st.DrawFn) -> Command:
    ends_at = draw(ENDS)
    command: Command = draw(
        st.one_of(
            st.builds(Deposit, st.just("a"), SMALL),
            st.builds(Withdraw, st.just("a"), SMALL),
            st.builds(posted, SMALL, is_credit=st.booleans()),
            *[st.builds(PlaceHold, st.just("a"), SMALL, expires_at=st.just(ends_at))] * 3,
            *[
                st.builds(
                    CaptureHold,
                    st.just("a"),
                    HOLD_IDS,
                    st.none() | st.integers(1, 40).map(eur),
                    final=st.booleans(),
                )
            ]
            * 2,
            st.builds(ReleaseHold, st.just("a"), HOLD_IDS),
            st.builds(ExtendHold, st.just("a"), HOLD_IDS, expires_at=st.just(ends_at)),
            st.builds(
                Restrict,
                st.just("a"),
                st.sampled_from([Restriction.DEBITS, Restriction.CREDITS, Restriction.ALL]),
                reason=st.just("theft"),
                ends_at=st.just(ends_at),
            ),
            st.just(Restrict("a", Restriction.NONE)),
            st.builds(SetOverdraftLimit, st.just("a"), SMALL),
            st.just(CloseAccount("a")),
            st.builds(
                GrantAccess, st.just("a"), PRINCIPALS, st.sets(st.sampled_from(Right), min_size=1)
            ),
            st.builds(RevokeAccess, st.just("a"), PRINCIPALS),
        )
    )
    return command


def by_the_account(account: Account, command: Any, at: datetime) -> Account:
    """
    Return what the account's own method for *command* comes to.
    """
    methods: dict[type[Command], Callable[[], Account]] = {
        Deposit: lambda: account.deposit(command.amount, booked_at=at),
        Withdraw: lambda: account.withdraw(command.amount, booked_at=at),
        Post: lambda: account.post(command.nets[AccountId("a")], booked_at=at),
        PlaceHold: lambda: account.place_hold(
            command.transaction_id, command.amount, expires_at=command.expires_at, booked_at=at
        ),
        CaptureHold: lambda: account.capture_hold(
            command.hold_id, command.amount, final=command.final, booked_at=at
        ),
        ReleaseHold: lambda: account.release_hold(command.hold_id, booked_at=at),
        ExtendHold: lambda: account.extend_hold(command.hold_id, command.expires_at, booked_at=at),
        Restrict: lambda: account.restrict(
            command.restriction, reason=command.reason, ends_at=command.ends_at, booked_at=at
        ),
        SetOverdraftLimit: lambda: account.set_overdraft_limit(
            command.overdraft_limit, booked_at=at
        ),
        CloseAccount: lambda: account.close(booked_at=at),
        GrantAccess: lambda: account.grant_access(command.principal, command.rights, booked_at=at),
        RevokeAccess: lambda: account.revoke_access(command.principal, booked_at=at),
    }
    return methods[type(command)]()


class TestLikeABank:
    """
    "Account methods (`account.place_hold(...)`, …) give the same answers as the bank."
    """

    @given(st.lists(st.tuples(MOMENTS, operations()), max_size=25))
    def test_step_by_step(self, steps: list[tuple[timedelta, Command]]) -> None:
        """
        Told the same time, the account by itself comes to the same state as the bank's, or to
        the same error with the same facts; expiries are booked on both alike.
        """
        now = NOW
        store = MemoryStore()
        bank = Bank(store, clock=lambda: now)
        bank.open_account("a", initial_balance=eur(100))
        alone = Account.open("a", initial_balance=eur(100), booked_at=now)
        for number, (passed, asked) in enumerate(steps):
            now += passed
            command = attrs.evolve(asked, transaction_id=f"h-{number}")
            (outcome,) = bank.execute([command])
            try:
                alone = by_the_account(alone, command, now)
            except HoldNotFoundError as error:
                # An account does not remember the holds that it had.
                assert isinstance(outcome, HoldNotFoundError)
                assert type(error) in {type(outcome), HoldNotFoundError}
                assert error.facts == outcome.facts
                assert type(outcome) in {HoldNotFoundError, HoldNotActiveError}
            except BankError as error:
                assert isinstance(outcome, BankError)
                facts = dict(error.facts)
                if facts.get("field") == "net":
                    facts["field"] = "legs"  # as a post calls it
                assert (type(error), facts) == (type(outcome), outcome.facts)
            else:
                assert not isinstance(outcome, BankError)
            found = store.account(AccountId("a"))
            assert (alone, alone.held, alone.available) == (found, found.held, found.available)
            assert alone.as_at(now) == bank.account("a")
            assert alone.as_at(now + SKEW) == found.as_at(now + SKEW)


class TestHeld:
    """
    "`held`: the sum of what is left of the account's open, unexpired holds"
    """

    @given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 49)), max_size=20))
    def test_is_the_sum_of_what_is_left(self, parts: list[tuple[int, int]]) -> None:
        """Whatever was placed and captured in part, held is the sum of what is left."""
        account = Account.open("a", initial_balance=eur(1_000))
        left = 0
        for number, (amount, captured) in enumerate(parts):
            account = account.place_hold(f"h-{number}", eur(amount))
            left += amount
            if 0 < captured <= amount:
                account = account.capture_hold(f"h-{number}", eur(captured), final=False)
                left -= captured

        assert eur(left) == account.held == sum((each.left for each in account.holds), eur(0))
        assert eur(1_000 - sum(a for a, _ in parts)) == account.available


class TestPartialCaptures:
    """
    "Captured once or several times (`final=True` frees the rest; default), never for more than
    is left"
    """

    @given(
        st.integers(1, 1_000).flatmap(
            lambda total: st.tuples(st.just(total), st.lists(st.integers(1, total), max_size=30))
        )
    )
    def test_any_split(self, case: tuple[int, list[int]]) -> None:
        """However a hold is captured in parts, they never come to more than it."""
        total, parts = case
        account = Account.open("a", initial_balance=eur(total)).place_hold("h", eur(total))
        taken = 0
        for part in parts:
            try:
                account = account.capture_hold("h", eur(part), final=False)
            except BankError as error:
                assert taken + part > total
                assert error.code in {"hold_exceeded", "hold_not_found"}
            else:
                taken += part

        assert taken <= total
        assert eur(total - taken) == account.balance == account.held
        assert eur(0) == account.available
