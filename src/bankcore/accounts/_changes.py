"""
The changes: what each kind of operation does to one account, and which guards it asks first.

Decided here: an account's next state. A change is a short-lived value, made by `Account`'s methods
and by commands. Exceptions are lists that lack a guard: releasing a hold passes every restriction,
and access to a closed account can still be granted, so that its history can be read.
"""

from collections.abc import Sequence
from datetime import datetime

from bankcore.accounts._fields import require_reason
from bankcore.accounts._guards import (
    Change,
    S,
    can_close,
    ends_ahead,
    ends_later,
    fits,
    has_funds,
    has_hold,
    has_holder,
    has_room_for_hold,
    has_room_for_holder,
    hold_covers,
    is_open,
    is_permitted,
    same_currency,
)
from bankcore.accounts._hold import Hold
from bankcore.accounts._holder import Holder
from bankcore.accounts._kinds import AccountStatus, Restriction
from bankcore.accounts._state import AccountState
from bankcore.money import Money
from bankcore.values import PrincipalId, TransactionId


class Untouched(Change):
    """No change: the account must only be there, for its expiries to be recorded."""

    __slots__ = ()


class Booking(Change):
    """A signed amount booked on the balance. Zero only raises the version."""

    __slots__ = ("account_field", "amount", "amount_field", "booked_minor", "flow_minor", "net")
    asks = (same_currency, is_open, is_permitted, has_funds, fits)

    net: Money

    def __init__(
        self, net: Money, field: str | None = "amount", account_field: str | None = None
    ) -> None:
        self.net = self.amount = net
        self.amount_field = field
        self.account_field = account_field
        self.flow_minor = self.booked_minor = net.amount_minor

    def applied_to(self, account: S, at: datetime | None) -> S:
        return account.next_balance(account.balance + self.net, at)


class HoldPlacing(Change):
    """A new hold. Holds obey the same floor as withdrawals."""

    __slots__ = ("amount", "booked_minor", "ends_at", "flow_minor", "hold", "reserved_minor")
    asks = (same_currency, ends_ahead, is_open, is_permitted, has_funds, has_room_for_hold, fits)
    end_field = "expires_at"

    def __init__(self, hold: Hold) -> None:
        self.hold = hold
        self.amount = hold.amount
        self.ends_at = hold.expires_at
        self.reserved_minor = hold.amount.amount_minor
        self.flow_minor = -self.reserved_minor
        self.booked_minor = 0

    def applied_to(self, account: S, at: datetime | None) -> S:
        return account.next_version(at, holds=(*account.holds, self.hold))


class HoldCapture(Change):
    """An amount of a hold taken out. It is never declined for insufficient funds."""

    __slots__ = ("amount", "booked_minor", "final", "flow_minor", "hold_id")
    asks = (same_currency, is_open, has_hold, is_permitted, hold_covers, fits)

    def __init__(self, hold_id: TransactionId, amount: Money, *, final: bool) -> None:
        self.hold_id = hold_id
        self.amount = amount
        self.final = final
        self.flow_minor = self.booked_minor = -amount.amount_minor

    @property
    def net(self) -> Money:
        return -self.amount

    def applied_to(self, account: S, at: datetime | None) -> S:
        rest = account.open_hold(self.hold_id).capture(self.amount)
        return account.next_version(
            at,
            balance=account.balance - self.amount,
            holds=_with_hold(
                account, self.hold_id, rest if rest.left and not self.final else None
            ),
        )


class HoldRelease(Change):
    """A hold ended, and what is left of it free again. No restriction stops it."""

    __slots__ = ("hold_id",)
    asks = (is_open, has_hold)

    def __init__(self, hold_id: TransactionId) -> None:
        self.hold_id = hold_id

    def applied_to(self, account: S, at: datetime | None) -> S:
        return account.next_version(at, holds=_with_hold(account, self.hold_id, None))


class HoldExtension(Change):
    """A hold that expires later. It is a debit for restrictions, as placing the hold was."""

    __slots__ = ("ends_at", "flow_minor", "hold_id")
    asks = (is_open, has_hold, ends_later, is_permitted)

    def __init__(self, hold_id: TransactionId, expires_at: datetime | None) -> None:
        self.flow_minor = -1  # a restriction judges the direction alone
        self.hold_id = hold_id
        self.ends_at = expires_at

    def applied_to(self, account: S, at: datetime | None) -> S:
        extended = account.open_hold(self.hold_id).extend(self.ends_at)
        return account.next_version(at, holds=_with_hold(account, self.hold_id, extended))


class LimitChange(Change):
    """Another overdraft limit, which may be below its present use."""

    __slots__ = ("amount",)
    asks = (same_currency, is_open)
    amount_field = "overdraft_limit"

    def __init__(self, overdraft_limit: Money) -> None:
        self.amount = overdraft_limit

    def applied_to(self, account: S, at: datetime | None) -> S:
        return account.next_version(at, overdraft_limit=self.amount)


class RestrictionChange(Change):
    """Another restriction in the place of the old one."""

    __slots__ = ("ends_at", "reason", "restriction")
    asks = (ends_ahead, is_open)
    end_field = "ends_at"

    def __init__(
        self, restriction: Restriction, reason: str | None, ends_at: datetime | None
    ) -> None:
        require_reason(restriction, reason, ends_at)
        self.restriction = restriction
        self.reason = reason
        self.ends_at = ends_at

    def applied_to(self, account: S, at: datetime | None) -> S:
        return account.next_version(
            at,
            restriction=self.restriction,
            restriction_reason=self.reason,
            restriction_ends_at=self.ends_at,
        )


class AccessGrant(Change):
    """A principal's rights, in place of those it held. Allowed on a closed account too."""

    __slots__ = ("holder", "principal")
    asks = (has_room_for_holder,)

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self.principal = holder.principal

    def applied_to(self, account: S, at: datetime | None) -> S:
        others = _holders_without(account, self.principal)
        holders = sorted([*others, self.holder], key=lambda holder: holder.principal)
        return account.next_version(at, holders=holders)


class AccessRevocation(Change):
    """No rights for a principal any more. Allowed on a closed account too."""

    __slots__ = ("principal",)
    asks = (has_holder,)

    def __init__(self, principal: PrincipalId) -> None:
        self.principal = principal

    def applied_to(self, account: S, at: datetime | None) -> S:
        return account.next_version(at, holders=_holders_without(account, self.principal))


class Closing(Change):
    """The end of an account, after *swept* has been taken out of it."""

    __slots__ = ("amount", "booked_minor", "flow_minor", "net")
    asks = (same_currency, is_open, can_close, is_permitted)

    net: Money

    def __init__(self, swept: Money) -> None:
        self.net = self.amount = -swept
        self.flow_minor = self.booked_minor = self.net.amount_minor

    def applied_to(self, account: S, at: datetime | None) -> S:
        return account.next_version(
            at, balance=account.balance + self.net, status=AccountStatus.CLOSED
        )


def capture_of(
    account: AccountState,
    hold_id: TransactionId,
    amount: Money | None,
    *,
    final: bool,
    up_to: bool = False,
) -> HoldCapture:
    """
    Return the capture of *amount*, or of all that is left of the hold; *up_to* whichever is less.

    Where the account has no such hold, the amount may be zero, and a guard refuses.
    """
    if amount is None or up_to:
        found = (hold.left for hold in account.holds if hold.id == hold_id)
        left = next(found, Money.zero(account.balance.currency))
        if amount is None or (left.currency == amount.currency and left < amount):
            amount = left
    return HoldCapture(hold_id, amount, final=final)


def _with_hold(
    account: AccountState, hold_id: TransactionId, changed: Hold | None
) -> Sequence[Hold]:
    replaced = (changed if hold.id == hold_id else hold for hold in account.holds)
    return [hold for hold in replaced if hold is not None]


def _holders_without(account: AccountState, principal: PrincipalId) -> Sequence[Holder]:
    return [holder for holder in account.holders if holder.principal != principal]
