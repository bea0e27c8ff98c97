"""
The fields that accounts and commands share: which amounts, ends, versions, rights and restrictions
are valid, whatever the state of any account.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from bankcore.accounts._errors import (
    InvalidRestrictionError,
    InvalidRightsError,
    InvalidVersionError,
)
from bankcore.accounts._kinds import Restriction, Right
from bankcore.money import Money
from bankcore.money._errors import AmountTooLargeError, InvalidAmountError
from bankcore.values._errors import InvalidTimeError, shown
from bankcore.values._instants import to_instant

#: The largest amount that can be booked or held as a balance, in minor units.
#: It leaves room in the 64-bit integers of every database.
AMOUNT_MINOR_MAX: Final = 10**18 - 1


#: The last year in which a hold or a restriction may end. Year 9999 stands for "never" in
#: other systems: here, no end is None.
END_YEAR_MAX: Final = 9998


def to_rights(rights: object) -> frozenset[Right]:
    """
    *rights* as a set: an iterable of `Right` or of their names.

    Raises:
        InvalidRightsError: If it is empty, or one of them is no right.
    """
    if isinstance(rights, str | bytes) or not isinstance(rights, Iterable):
        raise InvalidRightsError(shown(rights), "rights are a collection of Right")
    found = set()
    for right in rights:
        try:
            found.add(Right(right))
        except ValueError:
            raise InvalidRightsError(
                shown(right), f"a right is one of {', '.join(each.value for each in Right)}"
            ) from None
    if not found:
        raise InvalidRightsError("None at all", "revoke the access to take all rights away")
    return frozenset(found)


def shown_rights(rights: frozenset[Right]) -> str:
    """
    The repr of a set of rights: always in the same order, which that of a set is not.
    """
    return f"{{{', '.join(str(right) for right in Right if right in rights)}}}"


def to_end(value: object) -> datetime | None:
    """
    *value* as the instant at which something ends, UTC; None where it never does.

    Raises:
        InvalidTimeError: If it is not an instant, or lies beyond the year 9998.
    """
    if value is None:
        return None
    at = to_instant(value)
    if at.year > END_YEAR_MAX:
        raise InvalidTimeError(at.isoformat(), "leave the end out if there is none")
    return at


def to_version(value: object) -> int | None:
    """
    *value*, if it is a version that an account can have, or None.

    Raises:
        InvalidVersionError: If it is not an ``int`` from 0.
    """
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < 2**63:
        is_short = type(value) is int and abs(value) <= 2**63
        raise InvalidVersionError(str(value) if is_short else shown(value))
    return value


def to_restriction(restriction: object) -> Restriction:
    """
    *restriction* itself, or the one of that name.

    Raises:
        InvalidRestrictionError: If there is none.
    """
    try:
        return Restriction(restriction)
    except ValueError:
        raise InvalidRestrictionError(
            shown(restriction),
            f"a restriction is one of {', '.join(each.value for each in Restriction)}",
        ) from None


def require_reason(restriction: Restriction, reason: str | None, ends_at: datetime | None) -> None:
    """
    Passes where *restriction* goes with this reason and this end.

    Raises:
        InvalidRestrictionError: If it has no reason, or is none and has an end.
    """
    if restriction is Restriction.NONE:
        if ends_at is not None:
            raise InvalidRestrictionError("none", "where nothing is restricted, nothing ends")
    elif not reason:
        raise InvalidRestrictionError(restriction.value, "a restriction has a reason")


def require_amount(amount: object) -> Money:
    """
    *amount*, if it is money that a command may move.

    Raises:
        InvalidAmountError: If it is not `Money`, or not above zero.
        AmountTooLargeError: If it is above 10¹⁸ - 1 minor units.
    """
    if type(amount) is not Money:
        raise InvalidAmountError(shown(amount), "an amount is a Money")
    if amount.amount_minor <= 0:
        raise InvalidAmountError(str(amount), "an amount is above zero")
    if amount.amount_minor > AMOUNT_MINOR_MAX:
        raise too_large(amount)
    return amount


def too_large(amount: Money) -> AmountTooLargeError:
    return AmountTooLargeError(str(amount), "at most 10¹⁸ - 1 minor units can be booked")


def require_not_negative(amount: object) -> Money:
    """
    *amount*, if it is money that an account may begin with: zero is allowed.

    Raises:
        InvalidAmountError: If it is not `Money`, or below zero.
        AmountTooLargeError: If it is above 10¹⁸ - 1 minor units.
    """
    if type(amount) is Money and amount.amount_minor <= 0:
        if amount.amount_minor < 0:
            raise InvalidAmountError(str(amount), "it cannot be below zero")
        return amount
    return require_amount(amount)
