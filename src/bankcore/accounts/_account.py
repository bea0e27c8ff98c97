"""
The account: one immutable value that cannot be in an invalid state.

Decided here: what is always true of an account, whoever constructs it, and what each
operation does to it: taking in and out, holds, restrictions, limits, holders, closing.
Usable alone, with no bank and no store. Nothing here knows of other accounts, of
transactions, of ids being used up, or of a clock: an instant is an argument.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import attrs

from bankcore.accounts._errors import (
    AccountClosedError,
    AccountRestrictedError,
    BalanceLimitError,
    CloseBlockedError,
    HolderLimitError,
    HolderNotFoundError,
    HoldLimitError,
    HoldNotActiveError,
    HoldNotFoundError,
    InsufficientFundsError,
    InvalidAccountError,
)
from bankcore.accounts._fields import (
    AMOUNT_MINOR_MAX,
    require_amount,
    require_not_negative,
    require_reason,
    to_end,
    to_restriction,
    too_large,
)
from bankcore.accounts._hold import Hold
from bankcore.accounts._holder import Holder
from bankcore.accounts._kinds import AccountStatus, Restriction, Right
from bankcore.money import Money
from bankcore.money._errors import AmountTooLargeError, InvalidAmountError
from bankcore.money._money import require_same_currency
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import BankError, InvalidIdError, InvalidTimeError, shown
from bankcore.values._ids import to_account_id, to_principal_id, to_transaction_id
from bankcore.values._instants import to_instant
from bankcore.values._text import to_line_or_none

#: The most open holds that one account can have.
HOLDS_MAX: Final = 1000

#: The most principals that can hold rights on one account.
HOLDERS_MAX: Final = 100


_STOPS_DEBITS: Final = frozenset({Restriction.DEBITS, Restriction.ALL})
_STOPS_CREDITS: Final = frozenset({Restriction.CREDITS, Restriction.ALL})


def _out_of_range(name: str, amount: Money, least: int) -> BankError:
    if amount.amount_minor < least == 0:
        return InvalidAccountError(f"its {name} is {amount}, below zero")
    return AmountTooLargeError(
        str(amount), f"an account's {name} is within ±(10¹⁸ - 1) minor units"
    )


def _zero(account: "Account") -> Money:
    if type(account.balance) is not Money:
        raise InvalidAccountError(f"its balance is {shown(account.balance)}, not a Money")
    return Money.zero(account.balance.currency)


def _to_holds(holds: Iterable[Hold]) -> tuple[Hold, ...]:
    return tuple(holds)


def _to_holders(holders: Iterable[Holder]) -> tuple[Holder, ...]:
    return tuple(holders)


@attrs.frozen(kw_only=True)
class Account:
    """
    An account: its balance, holds, overdraft limit, restriction, holders and version.

        >>> account = Account.open("alice", initial_balance=Money("100", "EUR"))
        >>> account.withdraw(Money("30", "EUR")).balance
        Money('70.00', 'EUR')

    Every method returns a new account, or raises and changes nothing. Where a method is
    told the time (``booked_at``), holds that are due by then expire first, each with a
    version of its own, as they do in a bank; without a time, nothing is due.

    Attributes:
        balance: What is booked. Negative where the overdraft is used.
        holds: The open holds in the order in which they were placed; at most 1,000.
        held: What is reserved and not yet taken: the sum of what is left of the holds.
        overdraft_limit: How far ``available`` may exceed the balance; never negative.
        status: Whether it is open. A closed one has no money and no holds.
        restriction: What is stopped, debits or credits.
        restriction_reason: Why.
        restriction_ends_at: From when on it is no longer, UTC; None for no end.
        holders: The principals with rights on it, in the order of their ids; at most 100.
        version: How many transactions have touched the account; at least 0.
        last_booked_at: The instant of the latest of them, where it is known.

    Raises:
        InvalidAccountError: If two currencies meet, a closed account has money or
            something held, or a number is out of its range.
        AmountTooLargeError: If an amount leaves ±(10¹⁸ - 1) minor units.
    """

    id: AccountId = attrs.field(converter=to_account_id)
    balance: Money
    overdraft_limit: Money = attrs.Factory(_zero, takes_self=True)
    status: AccountStatus = AccountStatus.OPEN
    version: int = 0
    last_booked_at: datetime | None = None
    holds: tuple[Hold, ...] = attrs.field(default=(), converter=_to_holds)
    restriction: Restriction = attrs.field(default=Restriction.NONE, converter=to_restriction)
    restriction_reason: str | None = attrs.field(default=None, converter=to_line_or_none)
    restriction_ends_at: datetime | None = attrs.field(default=None, converter=to_end)
    holders: tuple[Holder, ...] = attrs.field(default=(), converter=_to_holders)
    held: Money = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Explicit checks and not `assert`: `python -O` must not remove them.
        balance, limit = self.balance, self.overdraft_limit
        if not type(balance) is type(limit) is Money:
            raise InvalidAccountError("its balance and overdraft limit are not both Money")
        _set_held(self, _sum_of(self.holds, balance))
        if balance.currency != limit.currency:
            raise InvalidAccountError(
                f"balance {balance} and overdraft limit {limit} are not of one currency"
            )
        for name, amount, least in (
            ("balance", balance, -AMOUNT_MINOR_MAX),
            ("held", self.held, 0),
            ("overdraft limit", limit, 0),
        ):
            if not least <= amount.amount_minor <= AMOUNT_MINOR_MAX:
                raise _out_of_range(name, amount, least)
        if type(self.version) is not int or self.version < 0:
            raise InvalidAccountError(f"its version is {shown(self.version)}, not an int from 0")
        if not isinstance(self.status, AccountStatus):
            raise InvalidAccountError(f"its status is {shown(self.status)}, not an AccountStatus")
        if self.status is AccountStatus.CLOSED and (balance or self.holds):
            raise InvalidAccountError(
                f"it is closed, with a balance of {balance} and {len(self.holds)} holds"
            )
        require_reason(self.restriction, self.restriction_reason, self.restriction_ends_at)
        _require_holders(self.holders)
        if self.last_booked_at is not None:
            to_instant(self.last_booked_at)

    @classmethod
    def open(
        cls,
        account_id: AccountId | str,
        *,
        initial_balance: Money,
        overdraft_limit: Money | None = None,
        holder: PrincipalId | str | None = None,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        A new account, at version 1, with *initial_balance* booked (zero is allowed).

        A *holder* has all rights on it.

        Raises:
            InvalidIdError: If *account_id* is not an id.
            InvalidAmountError: If the balance or the limit is not `Money`, or below zero.
            CurrencyMismatchError: If they are of two currencies.
        """
        require_not_negative(initial_balance)
        if overdraft_limit is None:
            overdraft_limit = Money.zero(initial_balance.currency)
        require_same_currency(initial_balance, require_not_negative(overdraft_limit))
        return cls(
            id=account_id,
            balance=initial_balance,
            overdraft_limit=overdraft_limit,
            version=1,
            last_booked_at=booked_at,
            holders=() if holder is None else (Holder(holder, Right),),
        )

    @property
    def available(self) -> Money:
        """
        What may be taken now: ``balance - held + overdraft_limit``.

        Below zero where the account is overdrawn beyond its limit.
        """
        return Money.from_minor(self._available_minor, self.balance.currency)

    @property
    def _available_minor(self) -> int:
        return (
            self.balance.amount_minor - self.held.amount_minor + self.overdraft_limit.amount_minor
        )

    def as_at(self, instant: datetime) -> "Account":
        """
        The account as it stands at *instant* if nothing is booked until then.

        Holds that have expired by then are gone and a restriction that has ended is
        lifted. The version is as it was: looking books nothing.
        """
        at = to_instant(instant)
        account = self
        if any(hold.is_due(at) for hold in self.holds):
            account = attrs.evolve(
                account, holds=tuple(hold for hold in self.holds if not hold.is_due(at))
            )
        if self.restriction is not Restriction.NONE and not self._is_restricted(at):
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
        The account with *amount* taken in.

        Raises:
            InvalidAmountError: If *amount* is not `Money`, or not above zero.
            CurrencyMismatchError: If it is of another currency.
            AccountClosedError: If the account is closed.
            AccountRestrictedError: If credits are stopped.
            BalanceLimitError: If the balance would pass 10¹⁸ - 1 minor units.
        """
        return self._moved(require_amount(amount), booked_at)

    def withdraw(self, amount: Money, *, booked_at: datetime | None = None) -> "Account":
        """
        The account with *amount* taken out.

        Raises:
            InvalidAmountError: If *amount* is not `Money`, or not above zero.
            CurrencyMismatchError: If it is of another currency.
            AccountClosedError: If the account is closed.
            AccountRestrictedError: If debits are stopped.
            InsufficientFundsError: If more is asked than is available.
            BalanceLimitError: If the balance would pass -(10¹⁸ - 1) minor units.
        """
        return self._moved(-require_amount(amount), booked_at)

    def post(self, net: Money, *, booked_at: datetime | None = None) -> "Account":
        """
        The account with *net* booked: above zero taken in, below zero taken out.

        A net of zero books nothing but a version.

        Raises:
            InvalidAmountError: If *net* is not `Money`.
            AmountTooLargeError: If it is beyond 10¹⁸ - 1 minor units.
            DeclinedError: As for `deposit` and `withdraw`.
        """
        if type(net) is not Money:
            raise InvalidAmountError(shown(net), "an amount is a Money")
        if abs(net.amount_minor) > AMOUNT_MINOR_MAX:
            raise too_large(net)
        return self._moved(net, booked_at)

    def _moved(self, net: Money, booked_at: datetime | None) -> "Account":
        account = self._before(booked_at) if self.holds else self
        require_same_currency(account.balance, net)
        account.require_open()
        if account.restriction is not Restriction.NONE:
            account.require_permitted(net, booked_at)
        if net.amount_minor < 0:
            account.require_funds(net)
        return account._booked(net, booked_at)

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
        The account with *amount* of what is available reserved.

        Raises:
            InvalidIdError: If *hold_id* is not an id, or that of an open hold.
            InvalidAmountError: If *amount* is not `Money`, or not above zero.
            CurrencyMismatchError: If it is of another currency.
            InvalidTimeError: If *expires_at* is not after *booked_at*.
            AccountClosedError: If the account is closed.
            AccountRestrictedError: If debits are stopped.
            InsufficientFundsError: If more is asked than is available.
            HoldLimitError: If there are 1,000 open holds already.
            BalanceLimitError: If all that is held would pass 10¹⁸ - 1 minor units.
            InvalidAccountError: If there is an open hold of this id already.
        """
        hold = Hold(id=hold_id, amount=amount, expires_at=expires_at, description=description)
        account = self._before(booked_at)
        if any(each.id == hold.id for each in account.holds):
            raise InvalidIdError(shown(hold.id.value), "the account has an open hold of this id")
        account.require_same_currency(amount)
        require_ahead(hold.expires_at, booked_at)
        account.require_open()
        account.require_permitted(-amount, booked_at)
        # "Holds obey the same floor as withdrawals."
        account.require_funds(-amount)
        if len(account.holds) >= HOLDS_MAX:
            raise HoldLimitError(account.id, HOLDS_MAX)
        if account.held.amount_minor + amount.amount_minor > AMOUNT_MINOR_MAX:
            raise BalanceLimitError(account.id, account.balance, amount)
        return account._changed(booked_at, holds=(*account.holds, hold))

    def capture_hold(
        self,
        hold_id: TransactionId | str,
        amount: Money | None = None,
        *,
        final: bool = True,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        The account with *amount* of a hold taken out; without an amount, all that is left.

        With *final* the rest of the hold is free again; otherwise it stays reserved.
        Capturing never lowers ``available``, so no floor declines it.

        Raises:
            InvalidAmountError: If *amount* is not `Money`, or not above zero.
            CurrencyMismatchError: If it is of another currency.
            AccountClosedError: If the account is closed.
            HoldNotFoundError: If the account has no such open hold; `HoldNotActiveError`, which
                is one, if it has just expired.
            AccountRestrictedError: If debits are stopped.
            HoldExceededError: If more is asked than is left of it.
            BalanceLimitError: If the balance would pass -(10¹⁸ - 1) minor units.
        """
        account = self._before(booked_at)
        if amount is not None:
            account.require_same_currency(require_amount(amount))
        account.require_open()
        hold = self._open_hold_after(account, hold_id)
        account.require_permitted(-hold.left, booked_at)
        taken = hold.left if amount is None else amount
        rest = hold.capture(taken)
        balance = account.balance - taken
        if balance.amount_minor < -AMOUNT_MINOR_MAX:
            raise BalanceLimitError(account.id, account.balance, taken)
        return account._changed(
            booked_at,
            balance=balance,
            holds=account._with_hold(hold, rest if rest.left and not final else None),
        )

    def release_hold(
        self, hold_id: TransactionId | str, *, booked_at: datetime | None = None
    ) -> "Account":
        """
        The account with what is left of a hold free again. No restriction stops it.

        Raises:
            AccountClosedError: If the account is closed.
            HoldNotFoundError: If the account has no such open hold.
        """
        account = self._before(booked_at)
        account.require_open()
        hold = self._open_hold_after(account, hold_id)
        return account._changed(booked_at, holds=account._with_hold(hold, None))

    def extend_hold(
        self,
        hold_id: TransactionId | str,
        expires_at: datetime | None,
        *,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        The account with a hold that expires later; None for never.

        Raises:
            AccountClosedError: If the account is closed.
            HoldNotFoundError: If the account has no such open hold.
            InvalidTimeError: If it is not later than the present expiry.
            AccountRestrictedError: If debits are stopped.
        """
        account = self._before(booked_at)
        account.require_open()
        hold = self._open_hold_after(account, hold_id)
        extended = hold.extend(expires_at)
        account.require_permitted(-hold.left, booked_at)
        return account._changed(booked_at, holds=account._with_hold(hold, extended))

    def expire_hold(self, hold_id: TransactionId | str) -> "Account":
        """
        The account with a hold expired, booked at the very instant of its expiry.

        Raises:
            HoldNotFoundError: If the account has no such open hold, or it never expires.
        """
        hold = self.open_hold(hold_id)
        if hold.expires_at is None:
            raise HoldNotFoundError(self.id, hold.id)
        return self._changed(hold.expires_at, holds=self._with_hold(hold, None))

    def due_holds(self, at: datetime) -> tuple[Hold, ...]:
        """
        The holds that have expired at the instant, the earliest first.
        """
        due = [hold for hold in self.holds if hold.is_due(at)]
        return tuple(sorted(due, key=_expiry)) if due else ()

    def open_hold(self, hold_id: TransactionId | str) -> Hold:
        """
        The open hold of this id.

        Raises:
            HoldNotFoundError: If the account has none.
        """
        wanted = to_transaction_id(hold_id)
        for hold in self.holds:
            if hold.id == wanted:
                return hold
        raise HoldNotFoundError(self.id, wanted)

    def _open_hold_after(self, expired: "Account", hold_id: TransactionId | str) -> Hold:
        """
        The hold as it is open in *expired*, this account once what was due had expired.
        """
        try:
            return expired.open_hold(hold_id)
        except HoldNotFoundError:
            raise HoldNotActiveError(self.id, self.open_hold(hold_id).id) from None

    def _with_hold(self, hold: Hold, changed: Hold | None) -> tuple[Hold, ...]:
        replaced = (changed if each is hold else each for each in self.holds)
        return tuple(each for each in replaced if each is not None)

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
        The account with debits, credits or both stopped; `Restriction.NONE` lifts it.

        The new restriction takes the place of the old one.

        Raises:
            InvalidRestrictionError: If there is no reason, or nothing is restricted and
                there is an end.
            InvalidTimeError: If *ends_at* is not after *booked_at*.
            AccountClosedError: If the account is closed.
        """
        account = self._before(booked_at)
        end = to_end(ends_at)
        wanted = to_restriction(restriction)
        require_reason(wanted, reason, end)
        require_ahead(end, booked_at)
        account.require_open()
        return account._changed(
            booked_at,
            restriction=wanted,
            restriction_reason=reason,
            restriction_ends_at=end,
        )

    def set_overdraft_limit(
        self, overdraft_limit: Money, *, booked_at: datetime | None = None
    ) -> "Account":
        """
        The account with another overdraft limit; one below its present use is allowed.

        Raises:
            InvalidAmountError: If the limit is not `Money`, or below zero.
            CurrencyMismatchError: If it is of another currency.
            AccountClosedError: If the account is closed.
        """
        account = self._before(booked_at)
        account.require_same_currency(require_not_negative(overdraft_limit))
        account.require_open()
        return account._changed(booked_at, overdraft_limit=overdraft_limit)

    def grant_access(
        self,
        principal: PrincipalId | str,
        rights: Iterable[Right | str],
        *,
        booked_at: datetime | None = None,
    ) -> "Account":
        """
        The account with these rights, and no others, held by *principal*.

        Allowed on a closed account too, whose history can still be read.

        Raises:
            InvalidIdError: If *principal* cannot be the id of one.
            InvalidRightsError: If there are none, or one is no right.
            HolderLimitError: If 100 others hold rights already.
        """
        account = self._before(booked_at)
        holder = Holder(principal, rights)
        others = [each for each in account.holders if each.principal != holder.principal]
        if len(others) >= HOLDERS_MAX:
            raise HolderLimitError(account.id, HOLDERS_MAX)
        return account._changed(booked_at, holders=sorted([*others, holder], key=_principal))

    def revoke_access(
        self, principal: PrincipalId | str, *, booked_at: datetime | None = None
    ) -> "Account":
        """
        The account with no rights held by *principal*.

        Raises:
            InvalidIdError: If *principal* cannot be the id of one.
            HolderNotFoundError: If it holds none.
        """
        account = self._before(booked_at)
        wanted = to_principal_id(principal)
        others = tuple(each for each in account.holders if each.principal != wanted)
        if len(others) == len(account.holders):
            raise HolderNotFoundError(account.id, wanted)
        return account._changed(booked_at, holders=others)

    def close(self, *, booked_at: datetime | None = None) -> "Account":
        """
        The account, closed for ever.

        Raises:
            AccountClosedError: If it is closed already.
            CloseBlockedError: If its balance is not zero or holds are open; all that
                stands in the way is listed.
        """
        account = self._before(booked_at)
        account.require_open()
        if account.balance or account.holds:
            raise CloseBlockedError(
                account.id, account.balance, tuple(hold.id for hold in account.holds)
            )
        return account._changed(booked_at, status=AccountStatus.CLOSED)

    # -- What every operation asks, in the order in which it asks --

    def require_same_currency(self, amount: Money) -> None:
        """
        Passes where *amount* is of the account's currency.

        Raises:
            CurrencyMismatchError: Otherwise.
        """
        require_same_currency(self.balance, amount)

    def require_open(self) -> None:
        """
        Passes where the account is open.

        Raises:
            AccountClosedError: Otherwise.
        """
        if self.status is not AccountStatus.OPEN:
            raise AccountClosedError(self.id)

    def require_permitted(self, net: Money, at: datetime | None) -> None:
        """
        Passes where no restriction stops *net* at the instant: below zero is a debit.

        Raises:
            AccountRestrictedError: Otherwise.
        """
        if self.restriction is Restriction.NONE or not self._is_restricted(at):
            return
        direction = net.amount_minor
        if (direction < 0 and self.restriction in _STOPS_DEBITS) or (
            direction > 0 and self.restriction in _STOPS_CREDITS
        ):
            raise AccountRestrictedError(
                self.id,
                self.restriction,
                self.restriction_reason or "",
                self.restriction_ends_at,
            )

    def require_funds(self, net: Money) -> None:
        """
        Passes where *net* does not take ``available`` below zero, or does not lower it.

        Raises:
            InsufficientFundsError: Otherwise.
        """
        # "A command whose net effect would lower an account's `available` is declined if
        # `available` would end below zero."
        if net.amount_minor < 0 and -net.amount_minor > self._available_minor:
            raise InsufficientFundsError(self.id, self.available, -net)

    def _is_restricted(self, at: datetime | None) -> bool:
        # Without a time, an end cannot have come yet.
        ends_at = self.restriction_ends_at
        return at is None or ends_at is None or at < ends_at

    # -- The next version --

    def _before(self, at: datetime | None) -> "Account":
        """
        The account as an operation at the instant finds it: what was due by then is expired.
        """
        account = self
        if self.holds and at is not None:
            for hold in self.due_holds(at):
                account = account.expire_hold(hold.id)
        return account

    def _changed(self, booked_at: datetime | None, **fields: object) -> "Account":
        """
        The account one version later, with these *fields*, and checked as a whole.
        """
        return attrs.evolve(
            self,
            version=self.version + 1,
            last_booked_at=self.last_booked_at if booked_at is None else booked_at,
            **fields,  # type: ignore[arg-type]  # fields of this class, checked at construction
        )

    def _booked(self, net: Money, booked_at: datetime | None) -> "Account":
        """
        The account one version later, with *net* on its balance.
        """
        balance = self.balance + net
        if not -AMOUNT_MINOR_MAX <= balance.amount_minor <= AMOUNT_MINOR_MAX:
            raise BalanceLimitError(self.id, self.balance, abs(net))
        # Every deposit and withdrawal passes here, and building an account in full would be
        # half of its cost. The account was valid; of what is always true of one, only the
        # balance is in question, and it was just checked. A closed one is refused before.
        account = object.__new__(Account)
        _set_id(account, self.id)
        _set_balance(account, balance)
        _set_overdraft_limit(account, self.overdraft_limit)
        _set_status(account, self.status)
        _set_version(account, self.version + 1)
        _set_last_booked_at(account, self.last_booked_at if booked_at is None else booked_at)
        _set_holds(account, self.holds)
        _set_restriction(account, self.restriction)
        _set_restriction_reason(account, self.restriction_reason)
        _set_restriction_ends_at(account, self.restriction_ends_at)
        _set_holders(account, self.holders)
        _set_held(account, self.held)
        return account


def _sum_of(holds: tuple[Hold, ...], balance: Money) -> Money:
    """
    What is left of *holds* in all, where they are an account's with this *balance*.
    """
    if not holds:
        return Money.zero(balance.currency)
    total = 0
    for hold in holds:
        if type(hold) is not Hold or hold.amount.currency != balance.currency or not hold.left:
            raise InvalidAccountError(f"{shown(hold)} is not an open hold in its currency")
        total += hold.left.amount_minor
    if len({hold.id for hold in holds}) < len(holds) or len(holds) > HOLDS_MAX:
        raise InvalidAccountError(f"its {len(holds)} holds are too many, or two are of one id")
    return Money.from_minor(total, balance.currency)


def _require_holders(holders: tuple[Holder, ...]) -> None:
    if not holders:
        return
    if any(type(holder) is not Holder for holder in holders) or len(holders) > HOLDERS_MAX:
        raise InvalidAccountError(f"its holders are not up to {HOLDERS_MAX} of Holder")
    names = [holder.principal for holder in holders]
    if names != sorted(set(names)):
        raise InvalidAccountError("its holders are not in the order of their ids, each once")


def require_ahead(ends_at: datetime | None, booked_at: datetime | None) -> None:
    """
    Passes where *ends_at* comes after *booked_at*, as far as both are known.

    Raises:
        InvalidTimeError: Otherwise.
    """
    if ends_at is not None and booked_at is not None and ends_at <= booked_at:
        raise InvalidTimeError(
            ends_at.isoformat(), f"it is not after the operation, at {booked_at.isoformat()}"
        )


def _expiry(hold: Hold) -> tuple[datetime, str]:
    # Called for holds that are due, so that there is an expiry.
    return hold.expires_at, hold.id.value  # type: ignore[return-value]


def _principal(holder: Holder) -> PrincipalId:
    return holder.principal


# `Account` is frozen, so its slots are filled through their own descriptors.
(
    _set_id,
    _set_balance,
    _set_overdraft_limit,
    _set_status,
    _set_version,
    _set_last_booked_at,
    _set_holds,
    _set_restriction,
    _set_restriction_reason,
    _set_restriction_ends_at,
    _set_holders,
    _set_held,
) = (Account.__dict__[field.name].__set__ for field in attrs.fields(Account))
