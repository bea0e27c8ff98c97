"""
The guards: what an operation asks of an account before it changes it, in the order of refusals.

Decided here: each reason to refuse, and which comes first. `GUARDS` is that order, and part of the
API: where several reasons hold, the first one is told. The bank runs it over all accounts of a
command, guard by guard, and `Account`'s own methods run it over one.
"""

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final, TypeVar

from bankcore.accounts._errors import (
    AccountClosedError,
    AccountRestrictedError,
    BalanceLimitError,
    CloseBlockedError,
    HolderLimitError,
    HolderNotFoundError,
    HoldExceededError,
    HoldLimitError,
    InsufficientFundsError,
)
from bankcore.accounts._fields import AMOUNT_MINOR_MAX
from bankcore.accounts._kinds import AccountStatus, Restriction
from bankcore.accounts._state import HOLDERS_MAX, HOLDS_MAX, AccountState
from bankcore.money import Money
from bankcore.money._money import require_same_currency
from bankcore.values import PrincipalId, TransactionId
from bankcore.values._errors import InvalidTimeError

S = TypeVar("S", bound=AccountState)

Guard = Callable[[AccountState, "Change", datetime | None], None]

# Kept here because every deposit asks, and Python 3.11 takes longer to find a member.
_OPEN: Final = AccountStatus.OPEN
_NONE: Final = Restriction.NONE


class Change:
    """
    The base of all changes (`_changes`): one is the effect of an operation on one account.

    Each kind lists in `asks` the guards that concern it, in the order of `GUARDS`, and has those
    of the attributes below that these guards look at.
    """

    __slots__ = ()

    asks: ClassVar[tuple[Guard, ...]] = ()

    #: Money of the account's currency, and the field that says it; None for none.
    amount: Money
    amount_field: str | None = "amount"
    #: The field that names the account, where the amount is in the currency of another account.
    account_field: str | None = None
    #: Below zero for a debit, above zero for a credit: the minor units by which restrictions and
    #: the floor judge.
    flow_minor: int
    #: The minor units that are booked on the balance, and those that are added to ``held``.
    booked_minor: int
    reserved_minor: int = 0
    hold_id: TransactionId
    principal: PrincipalId
    #: When what is made ends, and the field that says so.
    ends_at: datetime | None
    end_field: ClassVar[str]

    @property
    def net(self) -> Money | None:
        """The signed amount that is booked on the balance; None for none."""
        return None

    def applied_to(self, account: S, at: datetime | None) -> S:
        """Return the account after the change, whose guards have passed."""
        raise NotImplementedError


def same_currency(account: AccountState, change: Change, _at: datetime | None) -> None:
    """Raise `CurrencyMismatchError` unless the amount is of the account's currency."""
    if change.amount.currency is account.balance.currency:
        return
    if change.account_field is None:
        require_same_currency(account.balance, change.amount, change.amount_field)
    else:
        require_same_currency(change.amount, account.balance, change.account_field)


def ends_ahead(_account: AccountState, change: Change, at: datetime | None) -> None:
    """Raise `InvalidTimeError` unless the end, if any, comes after the operation."""
    ends_at = change.ends_at
    if ends_at is not None and at is not None and ends_at <= at:
        raise InvalidTimeError(
            ends_at.isoformat(), f"must be after the operation, at {at.isoformat()}"
        ).about(change.end_field)


def is_open(account: AccountState, _change: Change, _at: datetime | None) -> None:
    """Raise `AccountClosedError` unless the account is open."""
    if account.status is not _OPEN:
        raise AccountClosedError(account.id)


def has_hold(account: AccountState, change: Change, _at: datetime | None) -> None:
    """Raise `HoldNotFoundError` unless it is open; callers say `HoldNotActiveError` if it was."""
    account.open_hold(change.hold_id)


def ends_later(account: AccountState, change: Change, _at: datetime | None) -> None:
    """Raise `InvalidTimeError` unless the new end of the hold is later than the present one."""
    account.open_hold(change.hold_id).extend(change.ends_at)


def has_holder(account: AccountState, change: Change, _at: datetime | None) -> None:
    """Raise `HolderNotFoundError` unless the principal holds rights on the account."""
    if not any(holder.principal == change.principal for holder in account.holders):
        raise HolderNotFoundError(account.id, change.principal)


def can_close(account: AccountState, change: Change, _at: datetime | None) -> None:
    """Raise `CloseBlockedError` unless nothing is left on the account, and no hold is open."""
    rest = account.balance.amount_minor + change.booked_minor
    if rest or account.holds:
        raise CloseBlockedError(
            account.id,
            Money.from_minor(rest, account.balance.currency),
            tuple(hold.id for hold in account.holds),
        )


_STOPS_DEBITS: Final = frozenset({Restriction.DEBITS, Restriction.ALL})
_STOPS_CREDITS: Final = frozenset({Restriction.CREDITS, Restriction.ALL})


def is_permitted(account: AccountState, change: Change, at: datetime | None) -> None:
    """Raise `AccountRestrictedError` if a restriction stops this debit or credit."""
    restriction = account.restriction
    if restriction is _NONE or not account.is_restricted(at):
        return
    if (change.flow_minor < 0 and restriction in _STOPS_DEBITS) or (
        change.flow_minor > 0 and restriction in _STOPS_CREDITS
    ):
        raise AccountRestrictedError(
            account.id, restriction, account.restriction_reason or "", account.restriction_ends_at
        )


def hold_covers(account: AccountState, change: Change, _at: datetime | None) -> None:
    """Raise `HoldExceededError` if more is asked than is left of the hold."""
    left = account.open_hold(change.hold_id).left
    if change.amount > left:
        raise HoldExceededError(change.hold_id, left, change.amount)


def has_funds(account: AccountState, change: Change, _at: datetime | None) -> None:
    """Raise `InsufficientFundsError` if ``available`` would be lowered and end below zero."""
    # "A command whose net effect would lower an account's `available` is declined if `available`
    # would end below zero. One that does not lower it is never declined by the floor."
    if change.flow_minor < 0 and -change.flow_minor > account.available_minor:
        raise InsufficientFundsError(account.id, account.available, abs(change.amount))


def has_room_for_hold(account: AccountState, _change: Change, _at: datetime | None) -> None:
    """Raise `HoldLimitError` if the account has 1,000 open holds."""
    if len(account.holds) >= HOLDS_MAX:
        raise HoldLimitError(account.id, HOLDS_MAX)


def has_room_for_holder(account: AccountState, change: Change, _at: datetime | None) -> None:
    """Raise `HolderLimitError` if 100 other principals hold rights on the account."""
    others = [each for each in account.holders if each.principal != change.principal]
    if len(others) >= HOLDERS_MAX:
        raise HolderLimitError(account.id, HOLDERS_MAX)


def fits(account: AccountState, change: Change, _at: datetime | None) -> None:
    """Raise `BalanceLimitError` if the balance or what is held would pass 10¹⁸ - 1 minor units."""
    balance = account.balance.amount_minor + change.booked_minor
    if (
        abs(balance) > AMOUNT_MINOR_MAX
        or change.reserved_minor > AMOUNT_MINOR_MAX - account.held.amount_minor
    ):
        raise BalanceLimitError(account.id, account.balance, abs(change.amount))


#: The order of refusals, step by step. Guards of one step concern different operations.
STEPS: Final[tuple[tuple[Guard, ...], ...]] = (
    (same_currency,),
    (ends_ahead,),
    (is_open,),
    (has_hold, has_holder, ends_later),
    (can_close,),
    (is_permitted,),
    (hold_covers,),
    (has_funds,),
    (has_room_for_hold, has_room_for_holder),
    (fits,),
)

#: The guards in the order of refusals.
GUARDS: Final[tuple[Guard, ...]] = tuple(guard for step in STEPS for guard in step)

#: An account that one of these refuses has nothing by which the guards after it could judge.
PREMISES: Final[frozenset[Guard]] = frozenset({same_currency, is_open, has_hold})


def free_balances(account: AccountState) -> tuple[int, int] | None:
    """
    Return the lowest and the highest balance, in minor units, to which money may be booked freely.

    A booking of the account's currency that leads to one of these passes every guard. Whatever
    leads elsewhere may pass too, but must ask them; so must everything where this is None.
    """
    if account.status is not _OPEN or account.restriction is not _NONE:
        return None
    return account.held.amount_minor - account.overdraft_limit.amount_minor, AMOUNT_MINOR_MAX
