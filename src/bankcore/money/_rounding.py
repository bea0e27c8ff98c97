"""
Rounding: the ten ways from a fraction to a whole number, and what is an exact number.

Decided here: the modes and their names, and which values count as exact numbers (a
factor, a divisor, a weight, a rate). Everything is computed with integers, so neither
the ambient `decimal` context nor the locale has a say. Where no mode is given, nothing
here rounds: the caller decides what an inexact result means.

Absent on purpose: floats, and a default mode.
"""

import enum
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Final

from bankcore.money._errors import InvalidRoundingError
from bankcore.values._errors import BankError, shown

#: The most digits of an exact number: of its text, and of a fraction's either side.
NUMBER_DIGITS_MAX: Final = 64

_BOUND: Final = 10**NUMBER_DIGITS_MAX
_TEXT_LENGTH_MAX: Final = NUMBER_DIGITS_MAX + 2  # a sign and a point

#: What may be given as a factor, a divisor, a weight or a rate.
Exact = int | Decimal | Fraction | str


class Rounding(enum.Enum):
    """
    A way to round: which of the two nearest whole units an amount between them becomes.

    Wherever a *rounding* is asked for, the constants of `decimal` are taken too:
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


# "ROUND_HALF_EVEN" and the others; `decimal` has no HALF_ODD, HALF_CEILING or HALF_FLOOR,
# and its ROUND_05UP is not among ours.
_OF_DECIMAL: Final = {
    f"ROUND_{mode.name}": mode
    for mode in Rounding
    if mode not in {Rounding.HALF_ODD, Rounding.HALF_CEILING, Rounding.HALF_FLOOR}
}


def to_rounding(value: Rounding | str) -> Rounding:
    """
    The mode that *value* is or, as a constant of `decimal`, stands for.

    Raises:
        InvalidRoundingError: If it is neither. Nothing was rounded.
    """
    if type(value) is Rounding:
        return value
    found = _OF_DECIMAL.get(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidRoundingError(
            shown(value), "pass a Rounding, such as Rounding.HALF_EVEN, or decimal's constant"
        )
    return found


# What the modes to the nearest do with a half; HALF_EVEN and HALF_ODD look at the digit.
_OF_HALVES: Final = {
    Rounding.HALF_UP: Rounding.UP,
    Rounding.HALF_DOWN: Rounding.DOWN,
    Rounding.HALF_CEILING: Rounding.CEILING,
    Rounding.HALF_FLOOR: Rounding.FLOOR,
}


def rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    """
    The whole number that *numerator* / *denominator*, above zero, is rounded to.
    """
    below, rest = divmod(numerator, denominator)
    if not rest:
        return below
    # The number lies between `below` and `below + 1`, and is neither.
    if rounding.value.startswith("half"):
        if 2 * rest != denominator:
            return below + (2 * rest > denominator)
        if rounding in {Rounding.HALF_EVEN, Rounding.HALF_ODD}:
            return below + (below + (rounding is Rounding.HALF_ODD)) % 2
        rounding = _OF_HALVES[rounding]
    if rounding is Rounding.UP:
        return below + (numerator > 0)
    if rounding is Rounding.DOWN:
        return below + (numerator < 0)
    return below + (rounding is Rounding.CEILING)


def exact_ratio(value: object, error: Callable[[str, str], BankError]) -> tuple[int, int]:
    """
    *value* as a numerator and a denominator above zero, exactly.

    The kinds are told apart by exact type: a ``bool``, a ``float`` and the numbers of
    NumPy are refused.

    Raises:
        BankError: *error*, made from the value shown and the reason, if it is no exact
            number or has more than 64 digits.
    """
    if type(value) is int:
        pair = (value, 1)
    elif type(value) is Fraction:
        pair = value.as_integer_ratio()
    elif type(value) is Decimal:
        pair = _ratio_of_decimal(value, error)
    elif isinstance(value, str):
        pair = _ratio_of_text(str.__str__(value), error)
    else:
        hint = "; write it as text, such as '0.1'" if isinstance(value, float) else ""
        raise error(shown(value), f"a number is an int, Decimal, Fraction or decimal text{hint}")
    if -_BOUND < pair[0] < _BOUND and pair[1] < _BOUND:
        return pair
    raise error(_named(value), f"a number has at most {NUMBER_DIGITS_MAX} digits")


def _named(value: object) -> str:
    # The digits of a number that is too long are of no use to anybody.
    return f"This {type(value).__name__}"


def _ratio_of_decimal(value: Decimal, error: Callable[[str, str], BankError]) -> tuple[int, int]:
    if not value.is_finite():
        raise error(str(value), "a number is finite")
    # Magnitude first, before any conversion: Decimal("1E+999999") is a short text.
    if value and not -2 * NUMBER_DIGITS_MAX < value.adjusted() < NUMBER_DIGITS_MAX:
        raise error(_named(value), f"a number has at most {NUMBER_DIGITS_MAX} digits")
    if len(value.as_tuple().digits) > 2 * NUMBER_DIGITS_MAX:
        raise error(_named(value), f"a number has at most {NUMBER_DIGITS_MAX} digits")
    return value.as_integer_ratio() if value else (0, 1)


def _ratio_of_text(text: str, error: Callable[[str, str], BankError]) -> tuple[int, int]:
    # Length first: `int()` of a text of thousands of digits is slow.
    if len(text) > _TEXT_LENGTH_MAX:
        raise error(shown(text), f"a number has at most {NUMBER_DIGITS_MAX} digits")
    found = scaled(text)
    if found is None:
        raise error(shown(text), "a number is written like '12', '0.25' or '-1.5'")
    number, decimals = found
    return number, 10**decimals


def scaled(text: str) -> tuple[int, int] | None:
    """
    The number that *text* writes: an integer, and how many of its digits are decimals.

    None where it is not written like ``12``, ``12.34`` or ``-0.50``: ASCII digits, at
    most one point with digits on both sides, no needless zero in front, and no
    negative zero. The caller has seen to its length.
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
