"""The hold: money reserved on an account, and not yet taken."""

from datetime import datetime
from typing import Any

import attrs

from bankcore.accounts._errors import HoldExceededError
from bankcore.accounts._fields import require_amount, require_not_negative, to_end
from bankcore.money import Money
from bankcore.money._errors import InvalidAmountError
from bankcore.money._json import amounts_of, amounts_schema
from bankcore.money._money import require_same_currency
from bankcore.values import TransactionId
from bankcore.values._errors import InvalidTimeError, names_fields
from bankcore.values._ids import TRANSACTION_ID_SCHEMA, to_transaction_id
from bankcore.values._json import INSTANT_OR_NULL, TEXT_OR_NULL, Told, instant_text, object_schema
from bankcore.values._text import to_line_or_none


def _nothing_captured(hold: "Hold") -> Money:
    return Money.zero(require_amount(hold.amount).currency)


@names_fields
@attrs.frozen(kw_only=True)
class Hold(Told):
    """
    Money reserved on an account, and not yet taken.

        >>> Hold(id="t-1", amount=Money("10", "EUR")).capture(Money("7", "EUR")).left
        Money('3.00', 'EUR')

    Attributes:
        id: The id of the transaction that placed it.
        amount: The reserved money; above zero.
        captured: The part that has been taken so far.
        expires_at: The instant from which the hold no longer counts, UTC; None for never.
        description: One line of text, for people.

    Raises:
        InvalidAmountError: If an amount is out of its range.
        InvalidIdError: If *id* is not an id.
        InvalidTimeError: If *expires_at* is not an instant before the year 9999.
        InvalidTextError: If the description is not one line of text.
    """

    id: TransactionId = attrs.field(converter=to_transaction_id)
    amount: Money
    captured: Money = attrs.Factory(_nothing_captured, takes_self=True)
    expires_at: datetime | None = attrs.field(default=None, converter=to_end)
    description: str | None = attrs.field(default=None, converter=to_line_or_none)

    def __attrs_post_init__(self) -> None:
        captured = require_not_negative(self.captured, "captured")
        require_same_currency(require_amount(self.amount), captured, "captured")
        if self.captured > self.amount:
            raise InvalidAmountError(
                str(self.captured), f"must not be more than the hold's {self.amount}"
            ).about("captured")

    @property
    def left(self) -> Money:
        """The money that can still be captured: ``amount - captured``."""
        return self.amount - self.captured

    _json_schema = object_schema(
        {
            "id": TRANSACTION_ID_SCHEMA,
            **amounts_schema("amount", "captured", "left"),
            "expires_at": INSTANT_OR_NULL,
            "description": TEXT_OR_NULL,
        }
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the hold for JSON: amounts as text, and their currency once."""
        return {
            "id": self.id.value,
            **amounts_of(self, "amount", "captured", "left"),
            "expires_at": instant_text(self.expires_at),
            "description": self.description,
        }

    def is_due(self, at: datetime) -> bool:
        """Return True if the hold has expired at the instant: from ``expires_at`` on, it has."""
        return self.expires_at is not None and self.expires_at <= at

    def capture(self, amount: Money) -> "Hold":
        """
        Return the hold with *amount* taken from what is left of it.

        Raises:
            InvalidAmountError: If *amount* is not `Money`, or not above zero.
            CurrencyMismatchError: If it is of another currency.
            HoldExceededError: If more is asked than is left. Nothing is taken.
        """
        require_same_currency(self.amount, require_amount(amount))
        if amount > self.left:
            raise HoldExceededError(self.id, self.left, amount)
        return attrs.evolve(self, captured=self.captured + amount)

    def extend(self, expires_at: datetime | None) -> "Hold":
        """
        Return the hold with a later expiry; None for none.

        Raises:
            InvalidTimeError: If it is not later than the present one, or there is none.
        """
        ends_at = to_end(expires_at, "expires_at")
        if self.expires_at is None:
            raise InvalidTimeError(
                "None" if ends_at is None else ends_at.isoformat(),
                f"cannot be later: hold {self.id} never expires",
            ).about("expires_at")
        if ends_at is not None and ends_at <= self.expires_at:
            raise InvalidTimeError(
                ends_at.isoformat(),
                f"must be later than {self.expires_at.isoformat()}, when hold {self.id} expires",
            ).about("expires_at")
        return attrs.evolve(self, expires_at=ends_at)
