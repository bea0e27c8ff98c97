"""
The commands: frozen values that ask the bank for something.

Decided here: what each command carries, and which commands are malformed whatever
the state of any account. Whether a well-formed one is allowed is decided in
`bankcore.bank._decide`. A command never changes after it is made, and two are equal when
they ask for the same; their transaction ids and expected versions do not count.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

import attrs

from bankcore.accounts import AMOUNT_MINOR_MAX, Restriction, Right
from bankcore.accounts._fields import (
    require_amount,
    require_not_negative,
    require_reason,
    shown_rights,
    to_end,
    to_restriction,
    to_rights,
    to_version,
)
from bankcore.commands._errors import InvalidFlagError, InvalidLegsError, SameAccountError
from bankcore.money import ExchangeRate, Money
from bankcore.money._errors import (
    AmountTooLargeError,
    CurrencyMismatchError,
    InvalidAmountError,
    InvalidRateError,
)
from bankcore.money._money import require_same_currency
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import InvalidIdError, shown
from bankcore.values._ids import to_account_id, to_principal_id, to_transaction_id
from bankcore.values._instants import to_instant
from bankcore.values._text import to_line_or_none

#: The most legs that one `Post` takes.
LEGS_MAX: Final = 1000


def _transaction_id(value: TransactionId | str | None) -> TransactionId | None:
    if value is None:
        return None
    transaction_id = to_transaction_id(value)
    if ":" in transaction_id.value:
        raise InvalidIdError(shown(transaction_id.value), "only the bank makes ids with a ':'")
    return transaction_id


def _account_id(value: AccountId | str | None) -> AccountId | None:
    return None if value is None else to_account_id(value)


def _holder(value: PrincipalId | str | None) -> PrincipalId | None:
    return None if value is None else to_principal_id(value)


def _booked_at(value: datetime | None) -> datetime | None:
    return None if value is None else to_instant(value)


def _limit(value: Money | None) -> Money | None:
    return None if value is None else require_not_negative(value)


def _amount(value: Money | None) -> Money | None:
    return None if value is None else require_amount(value)


def _exchange_rate(value: object) -> ExchangeRate | None:
    if value is None or isinstance(value, ExchangeRate):
        return value
    raise InvalidRateError(shown(value), "it is an ExchangeRate")


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise InvalidFlagError(shown(value))
    return value


@attrs.frozen(kw_only=True)
class Command:
    """
    What every command may carry. Never made itself.

    Attributes:
        transaction_id: The idempotency key. `Bank` makes one where none is given.
            Not part of equality.
        booked_at: When it took place, for imported history; otherwise the bank's
            clock says.
        description: One line of text, at most 500 characters, for people.
        expected_version: The version that the debited (or only) account must have for the
            command to be judged at all; a guard against a stale view. Not part of
            equality, and not recorded.
    """

    transaction_id: TransactionId | None = attrs.field(
        default=None, converter=_transaction_id, eq=False
    )
    booked_at: datetime | None = attrs.field(default=None, converter=_booked_at)
    description: str | None = attrs.field(default=None, converter=to_line_or_none)
    expected_version: int | None = attrs.field(default=None, converter=to_version, eq=False)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        """
        The accounts the command names, the one to be debited first.
        """
        raise NotImplementedError


@attrs.frozen
class OpenAccount(Command):
    """
    Open an account with *initial_balance*, which fixes its currency; zero is allowed.

    Without *account_id*, the bank makes one; the transaction's ``account_id`` says it.
    An account that is not there yet is at version 0. A *holder* has all rights on it from
    the beginning.

    Raises:
        InvalidIdError: If *account_id* or *transaction_id* is not valid. In this case as in
            those below, no id is used up.
        InvalidAmountError: If an amount is not valid.
        CurrencyMismatchError: If the limit is of another currency.
        InvalidTimeError: If *booked_at* is not valid.
        InvalidTextError: If *description* is not valid.
    """

    account_id: AccountId | None = attrs.field(default=None, converter=_account_id)
    initial_balance: Money = attrs.field(kw_only=True, converter=require_not_negative)
    overdraft_limit: Money | None = attrs.field(kw_only=True, default=None, converter=_limit)
    holder: PrincipalId | None = attrs.field(kw_only=True, default=None, converter=_holder)

    def __attrs_post_init__(self) -> None:
        if self.overdraft_limit is not None:
            require_same_currency(self.initial_balance, self.overdraft_limit)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return () if self.account_id is None else (self.account_id,)


@attrs.frozen
class _OneAccount(Command):
    """
    What the commands on one account share. Never made itself.
    """

    account_id: AccountId = attrs.field(converter=to_account_id)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return (self.account_id,)


@attrs.frozen
class Deposit(_OneAccount):
    """
    Take *amount* into an account, from outside the bank.

    Raises:
        InvalidRequestError: If a field is not valid. No id is used up.
    """

    amount: Money = attrs.field(converter=require_amount)


@attrs.frozen
class Withdraw(_OneAccount):
    """
    Take *amount* out of an account, to outside the bank.

    Raises:
        InvalidRequestError: If a field is not valid. No id is used up.
    """

    amount: Money = attrs.field(converter=require_amount)


@attrs.frozen
class Transfer(Command):
    """
    Move *amount* from one account to another, both of its currency.

    Raises:
        SameAccountError: If both are one account.
        InvalidRequestError: If a field is not valid. No id is used up.
    """

    source_id: AccountId = attrs.field(converter=to_account_id)
    destination_id: AccountId = attrs.field(converter=to_account_id)
    amount: Money = attrs.field(converter=require_amount)

    def __attrs_post_init__(self) -> None:
        if self.source_id == self.destination_id:
            raise SameAccountError(self.source_id)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return (self.source_id, self.destination_id)


class Leg(NamedTuple):
    """
    One account's part in a `Post`: a signed amount, above zero into the account.
    """

    account_id: AccountId
    amount: Money


def _to_legs(legs: Iterable[tuple[AccountId | str, Money]]) -> tuple[Leg, ...]:
    given: object = legs
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidLegsError("they are pairs of an account's id and a Money")
    found: list[Leg] = []
    for leg in given:
        if len(found) == LEGS_MAX:
            raise InvalidLegsError(f"there are more than {LEGS_MAX:,}")
        if not isinstance(leg, tuple | list) or len(leg) != 2:
            raise InvalidLegsError(f"{shown(leg)} is no pair of an account's id and a Money")
        account_id, amount = leg
        if type(amount) is not Money:
            raise InvalidAmountError(shown(amount), "an amount is a Money")
        require_amount(abs(amount))
        found.append(Leg(to_account_id(account_id), amount))
    if not found:
        raise InvalidLegsError("there are none")
    return tuple(found)


@attrs.frozen
class Post(Command):
    """
    Book several *legs* at once: pairs of an account's id and a signed `Money`.

    The legs of one account are netted to one posting, and its limits are judged on that
    net. In each currency the legs add up to zero, unless the post *crosses_boundary*: then
    the rest comes from outside the bank, or goes there.

    An exchange is a post with legs in two currencies, which pass through accounts that the
    application keeps for it. Its *exchange_rate* is recorded with it; what moves is what
    the legs say.

    Raises:
        InvalidLegsError: If there are none, more than 1,000, or they do not add up.
        InvalidAmountError: If one is not `Money`, or is zero.
        AmountTooLargeError: If one, or the net of an account, is beyond 10¹⁸ - 1 minor units.
        CurrencyMismatchError: If the legs of one account are in two currencies, or not in
            those of the exchange rate.
        InvalidRequestError: If another field is not valid. No id is used up.
    """

    legs: tuple[Leg, ...] = attrs.field(converter=_to_legs)
    crosses_boundary: bool = attrs.field(kw_only=True, default=False, converter=_flag)
    exchange_rate: ExchangeRate | None = attrs.field(
        kw_only=True, default=None, converter=_exchange_rate
    )

    def __attrs_post_init__(self) -> None:
        self._require_currencies_of_rate()
        for net in self.nets.values():
            if abs(net.amount_minor) > AMOUNT_MINOR_MAX:
                raise AmountTooLargeError(str(net), "at most 10¹⁸ - 1 minor units can be booked")
        if self.crosses_boundary:
            return
        totals: dict[object, Money] = {}
        for _, amount in self.legs:
            currency = amount.currency
            totals[currency] = totals.get(currency, Money.zero(currency)) + amount
        rests = [str(total) for total in totals.values() if total]
        if rests:
            raise InvalidLegsError(
                f"they leave {', '.join(rests)}, and must add up to zero in each currency"
            )

    def _require_currencies_of_rate(self) -> None:
        rate = self.exchange_rate
        if rate is None:
            return
        found = dict.fromkeys(amount.currency for _, amount in self.legs)
        if set(found) != {rate.base, rate.quote}:
            raise CurrencyMismatchError(
                f"{rate.base.code} and {rate.quote.code}",
                " and ".join(currency.code for currency in found),
            )

    @property
    def nets(self) -> dict[AccountId, Money]:
        """
        What each account's legs come to, the accounts to be debited first.
        """
        nets: dict[AccountId, Money] = {}
        for account_id, amount in self.legs:
            net = nets.get(account_id)
            if net is None:
                nets[account_id] = amount
            elif net.currency != amount.currency:
                raise CurrencyMismatchError(net.currency.code, amount.currency.code)
            else:
                nets[account_id] = net + amount
        return dict(sorted(nets.items(), key=lambda each: each[1].amount_minor >= 0))

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return tuple(self.nets)


@attrs.frozen
class Reverse(Command):
    """
    Book the opposite of a transaction, whole and once.

    Raises:
        InvalidRequestError: If a field is not valid. No id is used up.
    """

    original_id: TransactionId = attrs.field(converter=to_transaction_id)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        """
        None: which accounts it touches, only the original says.
        """
        return ()


@attrs.frozen
class PlaceHold(_OneAccount):
    """
    Reserve *amount* of what is available. The hold is named by the transaction's id.

    Raises:
        InvalidTimeError: If *expires_at* is not an instant before the year 9999.
        InvalidRequestError: If another field is not valid. No id is used up.
    """

    amount: Money = attrs.field(converter=require_amount)
    expires_at: datetime | None = attrs.field(kw_only=True, default=None, converter=to_end)


@attrs.frozen
class _OneHold(_OneAccount):
    """
    What the commands on one hold share. Never made itself.
    """

    hold_id: TransactionId = attrs.field(converter=to_transaction_id)


@attrs.frozen
class CaptureHold(_OneHold):
    """
    Take *amount* of a hold, or all that is left; to outside, or to *destination_id*.

    With *final* (the default) the rest is free again; otherwise it stays reserved.

    Raises:
        SameAccountError: If the destination is the account itself.
        InvalidRequestError: If a field is not valid. No id is used up.
    """

    amount: Money | None = attrs.field(default=None, converter=_amount)
    final: bool = attrs.field(kw_only=True, default=True, converter=_flag)
    destination_id: AccountId | None = attrs.field(
        kw_only=True, default=None, converter=_account_id
    )

    def __attrs_post_init__(self) -> None:
        if self.destination_id == self.account_id:
            raise SameAccountError(self.account_id)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        to = self.destination_id
        return (self.account_id,) if to is None else (self.account_id, to)


@attrs.frozen
class ReleaseHold(_OneHold):
    """
    Free all that is left of a hold. No restriction stops it.

    Raises:
        InvalidRequestError: If a field is not valid. No id is used up.
    """


@attrs.frozen
class ExtendHold(_OneHold):
    """
    Let a hold expire later, at *expires_at*; None for never.

    Raises:
        InvalidTimeError: If *expires_at* is not an instant before the year 9999.
        InvalidRequestError: If another field is not valid. No id is used up.
    """

    expires_at: datetime | None = attrs.field(kw_only=True, converter=to_end)


@attrs.frozen
class ExpireHold(_OneHold):
    """
    A hold's expiry, as the bank records it under an id of its own. Not for `Bank.execute`.
    """

    transaction_id: TransactionId = attrs.field(kw_only=True, eq=False)


@attrs.frozen
class Restrict(_OneAccount):
    """
    Stop debits, credits or both; `Restriction.NONE` lifts what was stopped.

    Raises:
        InvalidRestrictionError: If it is no `Restriction` nor the name of one, a reason is
            missing, or nothing is restricted and there is an end.
        InvalidTimeError: If *ends_at* is not an instant before the year 9999.
        InvalidRequestError: If another field is not valid. No id is used up.
    """

    restriction: Restriction = attrs.field(converter=to_restriction)
    reason: str | None = attrs.field(kw_only=True, default=None, converter=to_line_or_none)
    ends_at: datetime | None = attrs.field(kw_only=True, default=None, converter=to_end)

    def __attrs_post_init__(self) -> None:
        require_reason(self.restriction, self.reason, self.ends_at)


@attrs.frozen
class SetOverdraftLimit(_OneAccount):
    """
    Set how far an account may be overdrawn; below its present use is allowed.

    Raises:
        InvalidRequestError: If a field is not valid. No id is used up.
    """

    overdraft_limit: Money = attrs.field(converter=require_not_negative)


@attrs.frozen
class CloseAccount(_OneAccount):
    """
    Close an account for ever; a positive rest moves to *sweep_to* in the same transaction.

    Raises:
        SameAccountError: If it is to be swept to itself.
        InvalidRequestError: If a field is not valid. No id is used up.
    """

    sweep_to: AccountId | None = attrs.field(kw_only=True, default=None, converter=_account_id)

    def __attrs_post_init__(self) -> None:
        if self.sweep_to == self.account_id:
            raise SameAccountError(self.account_id)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        to = self.sweep_to
        return (self.account_id,) if to is None else (self.account_id, to)


@attrs.frozen
class GrantAccess(_OneAccount):
    """
    Give a principal these *rights* on an account, in place of those it held.

    Raises:
        InvalidRightsError: If there are none, or one is no `Right`.
        InvalidRequestError: If another field is not valid. No id is used up.
    """

    principal: PrincipalId = attrs.field(converter=to_principal_id)
    rights: frozenset[Right] = attrs.field(converter=to_rights, repr=shown_rights)


@attrs.frozen
class RevokeAccess(_OneAccount):
    """
    Take all rights on an account from a principal.

    Raises:
        InvalidRequestError: If a field is not valid. No id is used up.
    """

    principal: PrincipalId = attrs.field(converter=to_principal_id)


#: Every kind of command, by the name under which it is recorded.
COMMANDS: Final[dict[str, type[Command]]] = {
    "open_account": OpenAccount,
    "deposit": Deposit,
    "withdraw": Withdraw,
    "transfer": Transfer,
    "post": Post,
    "reverse": Reverse,
    "place_hold": PlaceHold,
    "capture_hold": CaptureHold,
    "release_hold": ReleaseHold,
    "extend_hold": ExtendHold,
    "expire_hold": ExpireHold,
    "restrict": Restrict,
    "set_overdraft_limit": SetOverdraftLimit,
    "close_account": CloseAccount,
    "grant_access": GrantAccess,
    "revoke_access": RevokeAccess,
}

#: The name under which each kind of command is recorded.
COMMAND_NAMES: Final = {command: name for name, command in COMMANDS.items()}
