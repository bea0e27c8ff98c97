"""
Rounding: the eleven ways from a fraction to a whole number, and what an exact number is.

Decided here: the modes, and which values are exact numbers (a factor, a divisor, a weight, a
rate). All is computed with integers, whatever the `decimal` context.

Absent on purpose: floats, and a default mode.
"""

import decimal
import enum
from decimal import Decimal
from fractions import Fraction
from typing import Final

from bankcore.money._errors import InvalidRoundingError
from bankcore.values._errors import InvalidValueError, shown

#: The most digits of an exact number: of its text, and of either side of a fraction.
NUMBER_DIGITS_MAX: Final = 64

NUMBER_BOUND: Final = 10**NUMBER_DIGITS_MAX
_TEXT_LENGTH_MAX: Final = NUMBER_DIGITS_MAX + 2  # a sign and a point

#: The types of a factor, a divisor, a weight or a rate.
Exact = int | Decimal | Fraction | str


class Rounding(enum.Enum):
    """
    A rounding mode: which of the two nearest whole units an amount between them becomes.

    Every *rounding* argument also takes the constants of `decimal`:
    ``decimal.ROUND_HALF_EVEN`` is `Rounding.HALF_EVEN`.

        >>> from bankcore import Money
        >>> [str(Money("2.345", "EUR", rounding=mode)) for mode in (Rounding.UP, Rounding.DOWN)]
        ['EUR 2.35', 'EUR 2.34']

    Attributes:
        UP: Away from zero.
        DOWN: Towards zero.
        CEILING: Towards plus infinity.
        FLOOR: Towards minus infinity.
        HALF_UP: To the nearest; a half away from zero.
        HALF_DOWN: To the nearest; a half towards zero.
        HALF_EVEN: To the nearest; a half to the even neighbour.
        HALF_ODD: To the nearest; a half to the odd neighbour.
        HALF_CEILING: To the nearest; a half towards plus infinity.
        HALF_FLOOR: To the nearest; a half towards minus infinity.
        ZERO_FIVE_UP: Towards zero; but away from zero if the last digit would be 0 or 5.
    """

    UP = "up"
    DOWN = "down"
    CEILING = "ceiling"
    FLOOR = "floor"
    HALF_UP = "half_up"
    HALF_DOWN = "half_down"
    HALF_EVEN = "half_even"
    HALF_ODD = "half_odd"
    HALF_CEILING = "half_ceiling"
    HALF_FLOOR = "half_floor"
    ZERO_FIVE_UP = "zero_five_up"


_BY_DECIMAL_CONSTANT: Final = {
    f"ROUND_{mode.name}": mode for mode in Rounding if hasattr(decimal, f"ROUND_{mode.name}")
} | {decimal.ROUND_05UP: Rounding.ZERO_FIVE_UP}

# How the modes to the nearest round a half; HALF_EVEN and HALF_ODD look at the digit.
_OF_HALVES: Final = {
    Rounding.HALF_UP: Rounding.UP,
    Rounding.HALF_DOWN: Rounding.DOWN,
    Rounding.HALF_CEILING: Rounding.CEILING,
    Rounding.HALF_FLOOR: Rounding.FLOOR,
}


def to_rounding(value: Rounding | str) -> Rounding:
    """Return *value* as a `Rounding`; it may be a constant of `decimal`."""
    if type(value) is Rounding:
        return value
    if isinstance(value, str) and value in _BY_DECIMAL_CONSTANT:
        return _BY_DECIMAL_CONSTANT[value]
    raise InvalidRoundingError(
        shown(value), "must be a Rounding, such as Rounding.HALF_EVEN, or a constant of decimal"
    ).about("rounding")


def round_ratio(numerator: int, denominator: int, rounding: Rounding | str | None) -> int | None:
    """Return the ratio as a whole number; None if it is not one and *rounding* is None."""
    mode = None if rounding is None else to_rounding(rounding)
    below, rest = divmod(numerator, denominator)
    if not rest:
        return below
    if mode is None:
        return None
    # The number is between `below` and `below + 1`.
    if mode.value.startswith("half"):
        if 2 * rest != denominator:
            return below + (2 * rest > denominator)
        mode = _OF_HALVES.get(mode) or (
            Rounding.CEILING if (below + (mode is Rounding.HALF_ODD)) % 2 else Rounding.FLOOR
        )
    if mode is Rounding.ZERO_FIVE_UP:
        mode = Rounding.DOWN if (below + (numerator < 0)) % 5 else Rounding.UP
    if mode in {Rounding.UP, Rounding.DOWN}:
        return below + ((numerator > 0) == (mode is Rounding.UP))
    return below + (mode is Rounding.CEILING)


def exact_ratio(value: object, error: type[InvalidValueError], field: str) -> tuple[int, int]:
    """Return *value* as numerator and denominator above zero, or raise *error* about *field*."""
    # The types exactly: a `bool` and the numbers of NumPy are refused.
    ratio: tuple[int, int] | None = None
    reason = f"must have at most {NUMBER_DIGITS_MAX} digits"
    if type(value) is int:
        ratio = value, 1
    elif type(value) is Fraction:
        ratio = value.as_integer_ratio()
    elif type(value) is Decimal:
        if not value.is_finite():
            raise error(str(value), "must be finite").about(field)
        ratio = _ratio_of_decimal(value)
    elif isinstance(value, str):
        text = str.__str__(value)
        # Length first: `int()` of a text of thousands of digits is slow.
        if len(text) <= _TEXT_LENGTH_MAX:
            found = parse_decimal(text)
            ratio = None if found is None else (found[0], 10 ** found[1])
            reason = reason if found else "must be a number like '12', '0.25' or '-1.5'"
    else:
        hint = " (write it as text, such as '0.1')" if isinstance(value, float) else ""
        reason = f"must be an int, Decimal, Fraction or decimal text{hint}"
    if ratio is None or not -NUMBER_BOUND < ratio[0] < NUMBER_BOUND or ratio[1] >= NUMBER_BOUND:
        raise error(shown(value), reason).about(field)
    return ratio


def _ratio_of_decimal(value: Decimal) -> tuple[int, int] | None:
    if not value:
        return 0, 1
    # Magnitude first, before any conversion: Decimal("1E+999999") is a short text.
    if (
        -2 * NUMBER_DIGITS_MAX < value.adjusted() < NUMBER_DIGITS_MAX
        and len(value.as_tuple().digits) <= 2 * NUMBER_DIGITS_MAX
    ):
        return value.as_integer_ratio()
    return None


def parse_decimal(text: str) -> tuple[int, int] | None:
    """
    Return the digits of *text* as an integer, and how many of them are decimals.

    None if it is not like ``12``, ``12.34`` or ``-0.50``; the caller limits its length.
    """
    whole, point, decimals = text.partition(".")
    digits = whole[1:] if whole[:1] == "-" else whole
    # `isdigit` is true for digits of every script, hence `isascii`.
    if not (
        digits.isdigit()
        and (decimals.isdigit() or not point)
        and text.isascii()
        and (digits[0] != "0" or len(digits) == 1)
    ):
        return None
    number = int(whole + decimals)
    return None if number == 0 and digits is not whole else (number, len(decimals))
