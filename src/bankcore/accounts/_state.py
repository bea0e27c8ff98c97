"""
The state of an account, and its invariants, whoever constructs it.

Decided here: the fields of an account and their invariants. Nothing here knows other accounts,
transactions, or a clock. What operations do to an account is in `_changes`, what they ask first in
`_guards`, and the public class with a method for each of them in `_account`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter, lt
from typing import Final, Self

import attrs

from bankcore.accounts._errors import HoldNotFoundError, InvalidAccountError
from bankcore.accounts._fields import (
    AMOUNT_MINOR_MAX,
    require_reason,
    to_end,
    to_restriction,
    too_large,
)
from bankcore.accounts._hold import Hold
from bankcore.accounts._holder import Holder
from bankcore.accounts._kinds import AccountStatus, Restriction
from bankcore.money import Money
from bankcore.values import AccountId, Metadata, TransactionId
from bankcore.values._errors import shown
from bankcore.values._ids import to_account_id, to_transaction_id
from bankcore.values._instants import to_instant
from bankcore.values._metadata import NO_METADATA, to_metadata
from bankcore.values._text import to_line_or_none

#: The most open holds that one account can have.
HOLDS_MAX: Final = 1000

#: The most principals that can hold rights on one account.
HOLDERS_MAX: Final = 100


def _to_id(account_id: AccountId | str) -> AccountId:
    return to_account_id(account_id, "id")


# One more than may be there is read: it is refused below, and what is endless is not read on.
def _to_holds(holds: Iterable[Hold]) -> tuple[Hold, ...]:
    return holds if type(holds) is tuple else tuple(islice(holds, HOLDS_MAX + 1))


def _to_holders(holders: Iterable[Holder]) -> tuple[Holder, ...]:
    return holders if type(holders) is tuple else tuple(islice(holders, HOLDERS_MAX + 1))


def _to_reason(reason: object) -> str | None:
    return None if reason is None else to_line_or_none(reason, "restriction_reason")


def _to_ends_at(ends_at: object) -> datetime | None:
    return None if ends_at is None else to_end(ends_at, "restriction_ends_at")


def _zero(account: "AccountState") -> Money:
    if type(account.balance) is not Money:
        raise InvalidAccountError(f"its balance is {shown(account.balance)}, not a Money")
    return Money.zero(account.balance.currency)


@attrs.frozen(kw_only=True)
class AccountState:
    """The fields of an account, checked as a whole; `Account` documents them."""

    id: AccountId = attrs.field(converter=_to_id)
    balance: Money
    overdraft_limit: Money = attrs.Factory(_zero, takes_self=True)
    status: AccountStatus = AccountStatus.OPEN
    version: int = 0
    last_booked_at: datetime | None = None
    holds: tuple[Hold, ...] = attrs.field(default=(), converter=_to_holds)
    restriction: Restriction = attrs.field(default=Restriction.NONE, converter=to_restriction)
    restriction_reason: str | None = attrs.field(default=None, converter=_to_reason)
    restriction_ends_at: datetime | None = attrs.field(default=None, converter=_to_ends_at)
    holders: tuple[Holder, ...] = attrs.field(default=(), converter=_to_holders)
    metadata: Metadata = attrs.field(default=NO_METADATA, converter=to_metadata)
    held: Money = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Explicit checks and not `assert`: `python -O` must not remove them.
        balance, limit = self.balance, self.overdraft_limit
        if not type(balance) is type(limit) is Money:
            raise InvalidAccountError("its balance and overdraft limit are not both Money")
        held = (
            _sum_of(self.holds, balance) if self.holds else Money.from_minor(0, balance.currency)
        )
        _set_held(self, held)
        if balance.currency != limit.currency:
            raise InvalidAccountError(
                f"balance {balance} and overdraft limit {limit} are not of one currency"
            )
        if limit.amount_minor < 0:
            raise InvalidAccountError(f"its overdraft limit is {limit}, below zero")
        for field, amount in (("balance", balance), ("held", held), ("overdraft_limit", limit)):
            if not -AMOUNT_MINOR_MAX <= amount.amount_minor <= AMOUNT_MINOR_MAX:
                raise too_large(amount).about(field)
        status: object = self.status
        if (
            type(self.version) is not int
            or self.version < 0
            or not isinstance(status, AccountStatus)
            or (status is AccountStatus.CLOSED and (balance or self.holds))
        ):
            raise self._invalid()
        if self.restriction is not Restriction.NONE or self.restriction_ends_at is not None:
            require_reason(
                self.restriction, self.restriction_reason, self.restriction_ends_at, "restriction_"
            )
        if self.holders:
            _require_holders(self.holders)
        last = self.last_booked_at
        if last is not None and not (type(last) is datetime and last.tzinfo is UTC):
            to_instant(last, "last_booked_at")

    def _invalid(self) -> InvalidAccountError:
        if type(self.version) is not int or self.version < 0:
            return InvalidAccountError(f"its version is {shown(self.version)}, not an int from 0")
        status: object = self.status
        if not isinstance(status, AccountStatus):
            return InvalidAccountError(f"its status is {shown(status)}, not an AccountStatus")
        return InvalidAccountError(
            f"it is closed, with a balance of {self.balance} and {len(self.holds)} holds"
        )

    @property
    def available(self) -> Money:
        """
        The money that may be taken now: ``balance - held + overdraft_limit``.

        Below zero where the account is overdrawn beyond its limit.
        """
        return Money.from_minor(self.available_minor, self.balance.currency)

    @property
    def available_minor(self) -> int:
        """The same, in minor units."""
        return (
            self.balance.amount_minor - self.held.amount_minor + self.overdraft_limit.amount_minor
        )

    def open_hold(self, hold_id: TransactionId | str) -> Hold:
        """
        Return the open hold of this id.

        Raises:
            HoldNotFoundError: If the account has none.
        """
        wanted = to_transaction_id(hold_id, "hold_id")
        for hold in self.holds:
            if hold.id == wanted:
                return hold
        raise HoldNotFoundError(self.id, wanted)

    def due_holds(self, at: datetime) -> tuple[Hold, ...]:
        """Return the holds that have expired at the instant, the earliest first."""
        due = [hold for hold in self.holds if hold.is_due(at)]
        return tuple(sorted(due, key=_expiry)) if due else ()

    def is_restricted(self, at: datetime | None) -> bool:
        """Return True if a restriction applies at the instant; without a time, none has ended."""
        ends_at = self.restriction_ends_at
        return self.restriction is not Restriction.NONE and (
            at is None or ends_at is None or at < ends_at
        )

    # -- The next version --

    def next_version(self, booked_at: datetime | None, **fields: object) -> Self:
        """Return the account one version later, with these *fields*, checked as a whole."""
        return attrs.evolve(
            self,
            version=self.version + 1,
            last_booked_at=self.last_booked_at if booked_at is None else booked_at,
            **fields,  # type: ignore[arg-type]  # fields of this class, checked at construction
        )

    def next_balance(
        self, balance: Money, booked_at: datetime | None, *, versions: int = 1
    ) -> Self:
        """Return the account so many versions later, with *balance*, which is within bounds."""
        # Every deposit and withdrawal passes here, and `next_version` takes three times as long.
        # Of what is always true of an account only the balance is in question, and a guard has
        # just checked it.
        account = object.__new__(type(self))
        _set_id(account, self.id)
        _set_balance(account, balance)
        _set_limit(account, self.overdraft_limit)
        _set_status(account, self.status)
        _set_version(account, self.version + versions)
        _set_last(account, self.last_booked_at if booked_at is None else booked_at)
        _set_holds(account, self.holds)
        _set_restriction(account, self.restriction)
        _set_reason(account, self.restriction_reason)
        _set_ends_at(account, self.restriction_ends_at)
        _set_holders(account, self.holders)
        _set_metadata(account, self.metadata)
        _set_held(account, self.held)
        return account


# The class is frozen, so its slots are filled through their own descriptors, in the order of the
# fields.
_setters = (AccountState.__dict__[field.name].__set__ for field in attrs.fields(AccountState))
_set_id, _set_balance, _set_limit, _set_status, _set_version, _set_last, *_rest = _setters
_set_holds, _set_restriction, _set_reason, _set_ends_at, *_rest = _rest
_set_holders, _set_metadata, _set_held = _rest


def _sum_of(holds: tuple[Hold, ...], balance: Money) -> Money:
    """Return the sum of what is left of *holds*; raise unless they fit this *balance*."""
    currency = balance.currency
    total = 0
    for hold in holds:
        if type(hold) is not Hold or hold.amount.currency != currency or not hold.left:
            raise InvalidAccountError(f"{shown(hold)} is not an open hold in its currency")
        total += hold.left.amount_minor
    if len({hold.id for hold in holds}) < len(holds) or len(holds) > HOLDS_MAX:
        raise InvalidAccountError(f"its {len(holds)} holds are too many, or two are of one id")
    return Money.from_minor(total, currency)


def _require_holders(holders: tuple[Holder, ...]) -> None:
    if not {*map(type, holders)} <= {Holder} or len(holders) > HOLDERS_MAX:
        raise InvalidAccountError(f"its holders are not all Holder, at most {HOLDERS_MAX}")
    names = list(map(_principal, holders))
    if not all(map(lt, names, names[1:])):
        raise InvalidAccountError("its holders are not in the order of their ids, each once")


# As text, which compares several times as fast.
_principal = attrgetter("principal.value")


def _expiry(hold: Hold) -> tuple[datetime, str]:
    # Called for holds that are due, so that there is an expiry.
    return hold.expires_at, hold.id.value  # type: ignore[return-value]  # a due hold has an expiry
