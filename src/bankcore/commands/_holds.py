"""The commands on holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

import attrs
from attrs.converters import optional

from bankcore.accounts import Hold
from bankcore.accounts._changes import (
    Booking,
    HoldExtension,
    HoldPlacing,
    HoldRelease,
    Untouched,
    capture_of,
)
from bankcore.accounts._fields import require_amount, to_end
from bankcore.commands._base import AccountCommand, Look, Move, Part, as_available, to_flag
from bankcore.commands._errors import SameAccountError
from bankcore.commands._grants import Grant, Grants
from bankcore.money import Currency, Money
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import names_fields
from bankcore.values._ids import to_account_id, to_transaction_id

# ISO 4217's code for "no currency": nothing says which one an account has that is not there.
NO_CURRENCY: Final = Currency("XXX", exponent=0)


@names_fields
@attrs.frozen
class PlaceHold(AccountCommand):
    """
    Reserve *amount* of what is available. The hold is named by the transaction's id.

    With *up_to*, all that is available where that is less.

    Raises:
        InvalidTimeError: If *expires_at* is not an instant before the year 9999.
    """

    kind = "place_hold"
    grants = Grants("holds:write", owner=Grant.IF_DEBIT, teller=Grant.OTHERS_LIMITED)

    amount: Money = attrs.field(converter=require_amount)
    expires_at: datetime | None = attrs.field(kw_only=True, default=None, converter=to_end)
    up_to: bool = attrs.field(kw_only=True, default=False, converter=to_flag)

    def moves(self, look: Look) -> Sequence[Move]:
        amount = self.amount
        if self.up_to:
            amount = as_available(amount, look.available(self))
        hold = Hold(
            # The bank has filled it in before it asks for moves.
            id=cast("TransactionId", self.transaction_id),
            amount=amount,
            expires_at=self.expires_at,
            description=self.description,
        )
        return (Move(self.account_id, Part.DEBITED, HoldPlacing(hold), -amount),)


@attrs.frozen
class HoldCommand(AccountCommand):
    """The base of commands on a hold that is there. Never made itself."""

    hold_id: TransactionId = attrs.field(converter=to_transaction_id)


@names_fields
@attrs.frozen
class CaptureHold(HoldCommand):
    """
    Take *amount* of a hold, or all that is left; to outside, or to *destination_id*.

    With *final* (the default) the rest is free again; otherwise it stays reserved. With *up_to*,
    what is left where that is less than *amount*.

    Raises:
        SameAccountError: If the destination is the account itself.
    """

    kind = "capture_hold"
    grants = Grants("holds:write", owner=Grant.IF_DEBIT, teller=Grant.OTHERS_LIMITED)
    moves_one_amount = True

    amount: Money | None = attrs.field(default=None, converter=optional(require_amount))
    final: bool = attrs.field(kw_only=True, default=True, converter=to_flag)
    destination_id: AccountId | None = attrs.field(
        kw_only=True, default=None, converter=optional(to_account_id)
    )
    up_to: bool = attrs.field(kw_only=True, default=False, converter=to_flag)

    def __attrs_post_init__(self) -> None:
        if self.destination_id == self.account_id:
            raise SameAccountError(self.account_id).about("destination_id")

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        to = self.destination_id
        return (self.account_id,) if to is None else (self.account_id, to)

    def moves(self, look: Look) -> Sequence[Move]:
        account = look.account(self.account_id)
        if account is None:
            taken = Money.zero(NO_CURRENCY) if self.amount is None else self.amount
            signed = ((Part.DEBITED, -taken), (Part.CREDITED, taken))
            named = zip(self.account_ids, signed, strict=False)
            return [Move(each, part, Booking(taken), amount) for each, (part, amount) in named]
        change = capture_of(account, self.hold_id, self.amount, final=self.final, up_to=self.up_to)
        moves = [Move(self.account_id, Part.DEBITED, change, change.net)]
        if self.destination_id is not None:
            credit = Booking(change.amount, account_field="destination_id")
            moves.append(Move(self.destination_id, Part.CREDITED, credit, change.amount))
        return moves


@names_fields
@attrs.frozen
class ReleaseHold(HoldCommand):
    """Free all that is left of a hold. No restriction stops it."""

    kind = "release_hold"
    grants = Grants("holds:write", owner=Grant.IF_DEBIT, teller=Grant.OTHERS)

    def moves(self, _look: Look) -> Sequence[Move]:
        return (Move(self.account_id, Part.SUBJECT, HoldRelease(self.hold_id)),)


@names_fields
@attrs.frozen
class ExtendHold(HoldCommand):
    """
    Let a hold expire later, at *expires_at*; None for never.

    Raises:
        InvalidTimeError: If *expires_at* is not an instant before the year 9999.
    """

    kind = "extend_hold"
    grants = Grants("holds:write", owner=Grant.IF_DEBIT, teller=Grant.OTHERS)

    expires_at: datetime | None = attrs.field(kw_only=True, converter=to_end)

    def moves(self, _look: Look) -> Sequence[Move]:
        change = HoldExtension(self.hold_id, self.expires_at)
        return (Move(self.account_id, Part.SUBJECT, change),)


@names_fields
@attrs.frozen
class ExpireHold(HoldCommand):
    """A hold's expiry, as the bank records it under an id of its own. Not for `Bank.execute`."""

    kind = "expire_hold"

    transaction_id: TransactionId = attrs.field(kw_only=True, eq=False)

    def moves(self, _look: Look) -> Sequence[Move]:
        # Judged again from the journal, it brings all expiries that are due, itself among them.
        return (Move(self.account_id, Part.SUBJECT, Untouched()),)
