"""The fields that accounts and commands share: which values are valid for any account."""

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
from bankcore.values._choices import to_choices
from bankcore.values._errors import InvalidTimeError, shown
from bankcore.values._instants import to_instant

#: The largest amount that can be booked or held as a balance, in minor units.
#: It leaves room in the 64-bit integers of every database.
AMOUNT_MINOR_MAX: Final = 10**18 - 1

#: The last year in which a hold or a restriction may end. Year 9999 stands for "never" in
#: other systems: here, no end is None.
END_YEAR_MAX: Final = 9998

_RIGHTS: Final = [right.value for right in Right]


def to_rights(rights: object) -> frozenset[Right]:
    """Return *rights*, an iterable of `Right` or of their names, as a set."""
    found = to_choices(rights, Right, _RIGHTS, InvalidRightsError, "rights")
    if not found:
        raise InvalidRightsError(
            "none", "must not be empty (revoke_access removes them all)"
        ).about("rights")
    return found


def shown_rights(rights: frozenset[Right]) -> str:
    """Return the repr of a set of rights, always in the same order."""
    return f"{{{', '.join(str(right) for right in Right if right in rights)}}}"


def to_end(value: object, field: str = "ends_at") -> datetime | None:
    """Return the instant at which something ends, in UTC; None where it never does."""
    if value is None:
        return None
    at = to_instant(value, field)
    if at.year > END_YEAR_MAX:
        raise InvalidTimeError(
            at.isoformat(), "must be before the year 9999 (None, or left out, if there is no end)"
        ).about(field)
    return at


def to_version(value: object) -> int | None:
    """Return *value*, a version that an account can have, or None."""
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < 2**63:
        is_short = type(value) is int and abs(value) <= 2**63
        raise InvalidVersionError(str(value) if is_short else shown(value)).about(
            "expected_version"
        )
    return value


def to_restriction(restriction: object) -> Restriction:
    """Return *restriction* itself, or the one of that name."""
    if type(restriction) is Restriction:
        return restriction
    try:
        return Restriction(restriction)
    except ValueError:
        names = ", ".join(each.value for each in Restriction)
        raise InvalidRestrictionError(shown(restriction), f"must be one of {names}").about(
            "restriction"
        ) from None


def require_reason(
    restriction: Restriction, reason: str | None, ends_at: datetime | None, prefix: str = ""
) -> None:
    """Raise unless *restriction* goes with this reason and end; *prefix* is for the fields."""
    if restriction is Restriction.NONE:
        if ends_at is not None:
            raise InvalidRestrictionError(
                ends_at.isoformat(), "must be left out where nothing is restricted"
            ).about(f"{prefix}ends_at")
    elif not reason:
        raise InvalidRestrictionError(
            shown(reason), "must say why the account is restricted"
        ).about(f"{prefix}reason")


def require_amount(amount: object, field: str = "amount") -> Money:
    """Return *amount*, money that a command may move; an error names *field*."""
    if type(amount) is not Money:
        raise InvalidAmountError(shown(amount), "must be a Money").about(field)
    if amount.amount_minor <= 0:
        raise InvalidAmountError(str(amount), "must be above zero").about(field)
    if amount.amount_minor > AMOUNT_MINOR_MAX:
        raise too_large(amount).about(field)
    return amount


def too_large(amount: Money) -> AmountTooLargeError:
    """Return the error for an amount that no account can have."""
    return AmountTooLargeError(str(amount), "must be within ±(10¹⁸ - 1) minor units")


def require_not_negative(amount: object, field: str = "amount") -> Money:
    """Return *amount*, money that is not negative; an error names *field*."""
    if type(amount) is Money and amount.amount_minor <= 0:
        if amount.amount_minor < 0:
            raise InvalidAmountError(str(amount), "must not be negative").about(field)
        return amount
    return require_amount(amount, field)
