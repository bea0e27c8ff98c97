"""The commands that move money: in, out, between two accounts, and in several legs at once."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import ClassVar, Final, NamedTuple, TypeVar

import attrs

from bankcore.accounts._changes import Booking
from bankcore.accounts._fields import AMOUNT_MINOR_MAX, require_amount, too_large
from bankcore.commands._base import (
    AccountCommand,
    Command,
    Look,
    Move,
    Part,
    as_available,
    to_flag,
)
from bankcore.commands._errors import InvalidFlagError, InvalidLegsError, SameAccountError
from bankcore.commands._grants import Grant, Grants
from bankcore.money import ExchangeRate, Money
from bankcore.money._errors import CurrencyMismatchError, InvalidAmountError, InvalidRateError
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import InvalidIdError, names_fields, shown
from bankcore.values._ids import to_account_id
from bankcore.values._metadata import NO_METADATA

#: The most legs that one `Post` takes.
LEGS_MAX: Final = 1000

_M = TypeVar("_M", bound="Movement")


# Sent the most, its kinds do without `names_fields`: their converters name the fields themselves.
@attrs.frozen
class Movement(AccountCommand):
    """The base of a deposit and a withdrawal. Never made itself."""

    part: ClassVar[Part]
    moves_one_amount = True

    amount: Money = attrs.field(converter=require_amount)

    @property
    def net(self) -> Money:
        """The signed amount that is booked."""
        raise NotImplementedError

    def moves(self, _look: Look) -> Sequence[Move]:
        net = self.net
        return (Move(self.account_id, self.part, Booking(net), net),)


@attrs.frozen
class Deposit(Movement):
    """Pay *amount* into an account, from outside the bank."""

    kind = "deposit"
    grants = Grants("deposits:write", owner=Grant.IF_CREDIT, teller=Grant.OTHERS_LIMITED)
    part = Part.SUBJECT

    @property
    def net(self) -> Money:
        return self.amount


def _to_up_to(value: object) -> bool:
    try:
        return to_flag(value)
    except InvalidFlagError as error:
        raise error.about("up_to") from None


@attrs.frozen
class Withdraw(Movement):
    """
    Take *amount* out of an account, to outside the bank.

    With *up_to*, what is available where that is less.
    """

    kind = "withdraw"
    grants = Grants("withdrawals:write", owner=Grant.IF_DEBIT, teller=Grant.OTHERS_LIMITED)
    part = Part.DEBITED

    up_to: bool = attrs.field(kw_only=True, default=False, converter=_to_up_to)

    @property
    def net(self) -> Money:
        return -self.amount

    def moves(self, look: Look) -> Sequence[Move]:
        if not self.up_to:
            return super().moves(look)
        net = -as_available(self.amount, look.available(self))
        return (Move(self.account_id, Part.DEBITED, Booking(net), net),)


# The classes are frozen, so their slots are filled through their own descriptors.
_setters = (getattr(Movement, field.name).__set__ for field in attrs.fields(Movement))
_set_id, _set_booked_at, _set_description, _set_metadata, _set_version, *_rest = _setters
_set_account_id, _set_amount = _rest
_set_up_to = Withdraw.__dict__["up_to"].__set__


def checked_movement(
    kind: type[_M],
    transaction_id: TransactionId | None,
    booked_at: datetime | None,
    description: str | None,
    account_id: AccountId,
    amount: Money,
) -> _M:
    """
    Return the command of values that the converters of these fields have returned.

    An import has them for many rows at once, and its commands are made in half of the time.
    """
    command = object.__new__(kind)
    _set_id(command, transaction_id)
    _set_booked_at(command, booked_at)
    _set_description(command, description)
    _set_metadata(command, NO_METADATA)
    _set_version(command, None)
    _set_account_id(command, account_id)
    _set_amount(command, amount)
    if kind is Withdraw:
        _set_up_to(command, False)
    return command


@names_fields
@attrs.frozen
class Transfer(Command):
    """
    Move *amount* from one account to another, both of its currency.

    With *up_to*, what is available on the first where that is less.

    Raises:
        SameAccountError: If both are one account.
    """

    kind = "transfer"
    grants = Grants("transfers:write", owner=Grant.IF_DEBIT, teller=Grant.OTHERS_LIMITED)
    moves_one_amount = True

    source_id: AccountId = attrs.field(converter=to_account_id)
    destination_id: AccountId = attrs.field(converter=to_account_id)
    amount: Money = attrs.field(converter=require_amount)
    up_to: bool = attrs.field(kw_only=True, default=False, converter=to_flag)

    def __attrs_post_init__(self) -> None:
        if self.source_id == self.destination_id:
            raise SameAccountError(self.source_id).about("destination_id")

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return (self.source_id, self.destination_id)

    def moves(self, look: Look) -> Sequence[Move]:
        amount = self.amount
        if self.up_to:
            amount = as_available(amount, look.available(self))
        credit = Booking(amount, account_field="destination_id")
        return (
            net_move(self.source_id, -amount),
            Move(self.destination_id, Part.CREDITED, credit, amount),
        )


def net_move(account_id: AccountId, net: Money, field: str | None = "amount") -> Move:
    """Return the move that books *net*, given by *field*: below zero a debit, else a credit."""
    part = Part.DEBITED if net.amount_minor < 0 else Part.CREDITED
    return Move(account_id, part, Booking(net, field), net)


class Leg(NamedTuple):
    """One account's part in a `Post`: a signed amount, above zero into the account."""

    account_id: AccountId
    amount: Money


def _to_legs(legs: Iterable[tuple[AccountId | str, Money]]) -> tuple[Leg, ...]:
    given: object = legs
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidLegsError("they must be pairs of an account's id and a Money")
    found: list[Leg] = []
    for leg in given:
        if len(found) == LEGS_MAX:
            raise InvalidLegsError(f"there must be at most {LEGS_MAX:,}")
        if not isinstance(leg, tuple | list) or len(leg) != 2:
            raise InvalidLegsError(f"{shown(leg)} is not a pair of an account's id and a Money")
        account_id, amount = leg
        if type(amount) is not Money:
            raise InvalidAmountError(shown(amount), "must have a Money each")
        if not amount:
            raise InvalidAmountError(str(amount), "must not be zero")
        require_amount(abs(amount))
        try:
            found.append(Leg(to_account_id(account_id), amount))
        except InvalidIdError as error:
            reason = error.reason.replace("must be", "must have account ids of", 1)
            raise InvalidIdError(error.value, reason) from None
    if not found:
        raise InvalidLegsError("there must be at least one")
    return tuple(found)


def _to_rate(value: object) -> ExchangeRate | None:
    if value is None or isinstance(value, ExchangeRate):
        return value
    raise InvalidRateError(shown(value), "must be an ExchangeRate")


@names_fields
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
    """

    kind = "post"
    grants = Grants("posts:write")

    legs: tuple[Leg, ...] = attrs.field(converter=_to_legs)
    crosses_boundary: bool = attrs.field(kw_only=True, default=False, converter=to_flag)
    exchange_rate: ExchangeRate | None = attrs.field(
        kw_only=True, default=None, converter=_to_rate
    )

    def __attrs_post_init__(self) -> None:
        self._require_currencies_of_rate()
        for net in self.nets.values():
            if abs(net.amount_minor) > AMOUNT_MINOR_MAX:
                raise too_large(net).about("legs")
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
            ).about("legs")

    def _require_currencies_of_rate(self) -> None:
        rate = self.exchange_rate
        if rate is None:
            return
        found = dict.fromkeys(amount.currency for _, amount in self.legs)
        if set(found) != {rate.base, rate.quote}:
            raise CurrencyMismatchError(
                f"{rate.base.code} and {rate.quote.code}",
                " and ".join(currency.code for currency in found),
            ).about("legs")

    @property
    def nets(self) -> dict[AccountId, Money]:
        """The net of each account's legs, the accounts to be debited first."""
        nets: dict[AccountId, Money] = {}
        for account_id, amount in self.legs:
            net = nets.get(account_id)
            if net is None:
                nets[account_id] = amount
            elif net.currency != amount.currency:
                raise CurrencyMismatchError(net.currency.code, amount.currency.code).about("legs")
            else:
                nets[account_id] = net + amount
        return dict(sorted(nets.items(), key=lambda each: each[1].amount_minor >= 0))

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return tuple(self.nets)

    def moves(self, _look: Look) -> Sequence[Move]:
        return [net_move(account_id, net, "legs") for account_id, net in self.nets.items()]
