"""
The account: one immutable value that cannot be in an invalid state, with a method per operation.

Usable alone, with no bank and no store. Each method makes one change (`_changes`), asks the guards
that concern it (`_guards`), and returns the account after it. Nothing here reads a clock: an
instant is an argument.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from bankcore.accounts._changes import (
    AccessGrant,
    AccessRevocation,
    Booking,
    Closing,
    HoldExtension,
    HoldPlacing,
    HoldRelease,
    LimitChange,
    RestrictionChange,
    capture_of,
)
from bankcore.accounts._errors import HoldNotActiveError, HoldNotFoundError
from bankcore.accounts._fields import (
    AMOUNT_MINOR_MAX,
    require_amount,
    require_not_negative,
    to_end,
    to_restriction,
    too_large,
)
from bankcore.accounts._guards import Change
from bankcore.accounts._hold import Hold
from bankcore.accounts._holder import Holder
from bankcore.accounts._kinds import AccountStatus, Restriction, Right
from bankcore.accounts._state import AccountState
from bankcore.money import Money
from bankcore.money._errors import InvalidAmountError
from bankcore.money._html import table
from bankcore.money._json import amounts_of, amounts_schema
from bankcore.money._money import require_same_currency
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import InvalidIdError, shown
from bankcore.values._ids import ID_SCHEMA, to_account_id, to_principal_id, to_transaction_id
from bankcore.values._instants import to_instant
from bankcore.values._json import (
    INSTANT_OR_NULL,
    TEXT_OR_NULL,
    VERSION,
    Told,
    choice_schema,
    instant_text,
    object_schema,
)
from bankcore.values._metadata import METADATA_SCHEMA
from bankcore.values._text import to_line_or_none


@attrs.frozen(kw_only=True)
class Account(AccountState, Told):
    """
    An account: its balance, holds, overdraft limit, restriction, holders and version.

        >>> account = Account.open("alice", initial_balance=Money("100", "EUR"))
        >>> account.withdraw(Money("30", "EUR")).balance
        Money('70.00', 'EUR')

    Every method returns a new account, or raises and changes nothing. Where a method is
    told the time (``booked_at``), holds that are due by then expire first, each with a
    version of its own, as they do in a bank; without a time, nothing is due. An argument that is
    not valid raises an `InvalidRequestError` that names it. Where several reasons to decline
    hold, the first in the order of refusals is raised.

    Attributes:
        balance: The booked money. Negative where the overdraft is used.
        holds: The open holds in the order in which they were placed; at most 1,000.
        held: The reserved money: the sum of what is left of the holds.
        overdraft_limit: How far ``available`` may exceed the balance; never negative.
        status: Open or closed. A closed account has no money and no holds.
        restriction: What is stopped: debits, credits, both or nothing.
        restriction_reason: Why it is stopped.
        restriction_ends_at: When the restriction ends, UTC; None for no end.
        holders: The principals with rights on it, in the order of their ids; at most 100.
        metadata: The application's own keys and values, from its opening.
        version: The number of transactions that have touched the account; at least 0.
        last_booked_at: The instant of the latest of them, where it is known.

    Raises:
        InvalidAccountError: If two currencies meet, a closed account has money or
            something held, or a number is out of its range.
        AmountTooLargeError: If an amount leaves ±(10¹⁸ - 1) minor units.
    """

    _json_schema = object_schema(
        {
            "id": ID_SCHEMA,
            **amounts_schema("balance", "held", "available", "overdraft_limit"),
            "status": choice_schema(AccountStatus),
            "restriction": choice_schema(Restriction),
            "restriction_reason": TEXT_OR_NULL,
            "restriction_ends_at": INSTANT_OR_NULL,
            "metadata": METADATA_SCHEMA,
            "version": VERSION,
        }
    )

    def __str__(self) -> str:
        return (
            f"{self.id}: {status_text(self)}, balance {self.balance}, available {self.available}"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        columns = ("status", "balance", "held", "available", "overdraft limit", "version")
        cells = (
            status_text(self),
            self.balance,
            self.held,
            self.available,
            self.overdraft_limit,
            self.version,
        )
        return table(str(self.id), columns, [cells])

    @classmethod
    def open(
        cls,
        account_id: AccountId | str,
        *,
        initial_balance: Money,
        overdraft_limit: Money | None = None,
        holder: PrincipalId | str | None = None,
        metadata: Mapping[str, str] | None = None,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        Return a new account, at version 1, with *initial_balance* booked (zero is allowed).

        A *holder* has all rights on it.

        Raises:
            InvalidIdError: If *account_id* is not an id.
            InvalidAmountError: If the balance or the limit is not `Money`, or below zero.
            CurrencyMismatchError: If they are of two currencies.
            InvalidMetadataError: If *metadata* are not valid.
        """
        require_not_negative(initial_balance, "initial_balance")
        if overdraft_limit is None:
            overdraft_limit = Money.zero(initial_balance.currency)
        require_not_negative(overdraft_limit, "overdraft_limit")
        require_same_currency(initial_balance, overdraft_limit, "overdraft_limit")
        holders = () if holder is None else (Holder(to_principal_id(holder, "holder"), Right),)
        return cls(
            id=to_account_id(account_id),
            balance=initial_balance,
            overdraft_limit=overdraft_limit,
            version=1,
            last_booked_at=_to_time(booked_at),
            holders=holders,
            metadata=metadata,
        )

    def to_dict(self) -> dict[str, Any]:
        """
        Return the account for JSON: amounts as text, and their currency once.

            >>> account = Account.open("alice", initial_balance=Money("100", "EUR"))
            >>> account.to_dict()["currency"], account.to_dict()["available"]
            ('EUR', '100.00')

        Its holds and holders are not told: they may be many, and have a ``to_dict`` of their own.
        """
        return {
            "id": self.id.value,
            **amounts_of(self, "balance", "held", "available", "overdraft_limit"),
            "status": self.status.value,
            "restriction": self.restriction.value,
            "restriction_reason": self.restriction_reason,
            "restriction_ends_at": instant_text(self.restriction_ends_at),
            "metadata": dict(self.metadata),
            "version": self.version,
        }

    def as_at(self, instant: datetime) -> "Account":
        """
        Return the account as it stands at *instant* if nothing is booked until then.

        Holds that have expired by then are gone and a restriction that has ended is
        lifted. The version stays: looking books nothing.
        """
        at = to_instant(instant, "instant")
        account = self
        if any(hold.is_due(at) for hold in self.holds):
            account = attrs.evolve(
                account, holds=tuple(hold for hold in self.holds if not hold.is_due(at))
            )
        if self.restriction is not Restriction.NONE and not self.is_restricted(at):
            account = attrs.evolve(
                account,
                restriction=Restriction.NONE,
                restriction_reason=None,
                restriction_ends_at=None,
            )
        return account

    # -- Money in and out --

    def deposit(self, amount: Money, *, booked_at: datetime | None = None) -> "Account":
        """
        Return the account with *amount* paid in.

        Raises:
            DeclinedError: `AccountClosedError`, `AccountRestrictedError` if credits are stopped,
                `BalanceLimitError` beyond 10¹⁸ - 1 minor units.
        """
        return self._after(Booking(require_amount(amount)), booked_at)

    def withdraw(self, amount: Money, *, booked_at: datetime | None = None) -> "Account":
        """
        Return the account with *amount* taken out.

        Raises:
            DeclinedError: `AccountClosedError`, `AccountRestrictedError` if debits are stopped,
                `InsufficientFundsError`, `BalanceLimitError` beyond -(10¹⁸ - 1) minor units.
        """
        return self._after(Booking(-require_amount(amount)), booked_at)

    def post(self, net: Money, *, booked_at: datetime | None = None) -> "Account":
        """
        Return the account with *net* booked: above zero paid in, below zero taken out.

        A net of zero only raises the version.

        Raises:
            DeclinedError: As for `deposit` and `withdraw`.
        """
        if type(net) is not Money:
            raise InvalidAmountError(shown(net), "must be a Money").about("net")
        if abs(net.amount_minor) > AMOUNT_MINOR_MAX:
            raise too_large(net).about("net")
        return self._after(Booking(net, "net"), booked_at)

    # -- Holds --

    def place_hold(
        self,
        hold_id: TransactionId | str,
        amount: Money,
        *,
        expires_at: datetime | None = None,
        description: str | None = None,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        Return the account with *amount* of what is available reserved.

        Raises:
            InvalidIdError: If *hold_id* is not an id, or is that of an open hold.
            InvalidTimeError: If *expires_at* is not after *booked_at*.
            DeclinedError: `AccountClosedError`, `AccountRestrictedError` if debits are stopped,
                `InsufficientFundsError`, `HoldLimitError` beyond 1,000 open holds,
                `BalanceLimitError` where all that is held would pass 10¹⁸ - 1 minor units.
        """
        hold = Hold(
            id=to_transaction_id(hold_id, "hold_id"),
            amount=amount,
            expires_at=expires_at,
            description=description,
        )
        if any(each.id == hold.id for each in self._before(_to_time(booked_at)).holds):
            raise InvalidIdError(
                shown(hold.id.value), "must not be the id of an open hold of the account"
            ).about("hold_id")
        return self._after(HoldPlacing(hold), booked_at)

    def capture_hold(
        self,
        hold_id: TransactionId | str,
        amount: Money | None = None,
        *,
        final: bool = True,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        Return the account with *amount* of a hold taken out, or all that is left of it.

        With *final* the rest of the hold is free again; otherwise it stays reserved.
        Capturing never lowers ``available``, so it is never declined for insufficient funds.

        Raises:
            DeclinedError: `AccountClosedError`, `HoldNotFoundError`, `HoldNotActiveError` if it
                has just expired, `AccountRestrictedError` if debits are stopped,
                `HoldExceededError`, `BalanceLimitError` beyond -(10¹⁸ - 1) minor units.
        """
        taken = None if amount is None else require_amount(amount)
        return self._after(
            capture_of(self, to_transaction_id(hold_id, "hold_id"), taken, final=final), booked_at
        )

    def release_hold(
        self, hold_id: TransactionId | str, *, booked_at: datetime | None = None
    ) -> "Account":
        """
        Return the account with what is left of a hold free again. No restriction stops it.

        Raises:
            DeclinedError: `AccountClosedError`, `HoldNotFoundError`.
        """
        return self._after(HoldRelease(to_transaction_id(hold_id, "hold_id")), booked_at)

    def extend_hold(
        self,
        hold_id: TransactionId | str,
        expires_at: datetime | None,
        *,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        Return the account with a hold that expires later; None for never.

        Raises:
            InvalidTimeError: If it is not later than the present expiry.
            DeclinedError: `AccountClosedError`, `HoldNotFoundError`, `AccountRestrictedError` if
                debits are stopped.
        """
        change = HoldExtension(
            to_transaction_id(hold_id, "hold_id"), to_end(expires_at, "expires_at")
        )
        return self._after(change, booked_at)

    def expire_hold(self, hold_id: TransactionId | str) -> "Account":
        """
        Return the account with a hold expired, booked at the very instant of its expiry.

        Raises:
            HoldNotFoundError: If the account has no such open hold, or it never expires.
        """
        hold = self.open_hold(hold_id)
        if hold.expires_at is None:
            raise HoldNotFoundError(self.id, hold.id)
        return HoldRelease(hold.id).applied_to(self, hold.expires_at)

    # -- What the bank decides about the account --

    def restrict(
        self,
        restriction: Restriction | str,
        *,
        reason: str | None = None,
        ends_at: datetime | None = None,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        Return the account with debits, credits or both stopped; `Restriction.NONE` lifts it.

        The new restriction takes the place of the old one.

        Raises:
            InvalidRestrictionError: If there is no reason, or nothing is restricted and
                there is an end.
            InvalidTimeError: If *ends_at* is not after *booked_at*.
            AccountClosedError: If the account is closed.
        """
        change = RestrictionChange(
            to_restriction(restriction), to_line_or_none(reason, "reason"), to_end(ends_at)
        )
        return self._after(change, booked_at)

    def set_overdraft_limit(
        self, overdraft_limit: Money, *, booked_at: datetime | None = None
    ) -> "Account":
        """
        Return the account with another overdraft limit; one below its present use is allowed.

        Raises:
            AccountClosedError: If the account is closed.
        """
        limit = require_not_negative(overdraft_limit, "overdraft_limit")
        return self._after(LimitChange(limit), booked_at)

    def grant_access(
        self,
        principal: PrincipalId | str,
        rights: Iterable[Right | str],
        *,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        Return the account with these rights, and no others, held by *principal*.

        Allowed on a closed account too, whose history can still be read.

        Raises:
            HolderLimitError: If 100 others hold rights already.
        """
        return self._after(AccessGrant(Holder(principal, rights)), booked_at)

    def revoke_access(
        self, principal: PrincipalId | str, *, booked_at: datetime | None = None
    ) -> "Account":
        """
        Return the account with no rights held by *principal*.

        Raises:
            HolderNotFoundError: If it holds none.
        """
        return self._after(AccessRevocation(to_principal_id(principal)), booked_at)

    def close(self, *, booked_at: datetime | None = None) -> "Account":
        """
        Return the account, closed for ever.

        Raises:
            AccountClosedError: If it is closed already.
            CloseBlockedError: If its balance is not zero or holds are open; the error lists
                all of them.
        """
        return self._after(Closing(Money.zero(self.balance.currency)), booked_at)

    # -- One change --

    def _after(self, change: Change, booked_at: datetime | None) -> "Account":
        at = _to_time(booked_at)
        account = self._before(at)
        try:
            for guard in change.asks:
                guard(account, change, at)
        except HoldNotFoundError as error:
            if any(hold.id == error.hold_id for hold in self.holds):
                # It was open until it expired just now.
                raise HoldNotActiveError(self.id, error.hold_id) from None
            raise
        return change.applied_to(account, at)

    def _before(self, at: datetime | None) -> "Account":
        """Return the account as an operation at the instant finds it: due holds have expired."""
        account = self
        if self.holds and at is not None:
            for hold in self.due_holds(at):
                account = account.expire_hold(hold.id)
        return account


def _to_time(booked_at: datetime | None) -> datetime | None:
    return None if booked_at is None else to_instant(booked_at, "booked_at")


def status_text(account: Account) -> str:
    """Return the status of *account* for people, with what is stopped."""
    stopped = account.restriction.value
    told = {"none": "", "all": ", frozen"}.get(stopped, f", {stopped} stopped")
    return f"{account.status.value}{told}"
