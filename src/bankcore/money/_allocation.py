"""
Sharing: how a whole number of units is shared out by weights, with nothing lost or made.

Decided here: who gets the units that are left over when every share was rounded towards
zero. Everything is integers; nothing here knows of currencies. A negative amount is
shared as the positive one is, with the signs turned, and a weight of zero gets nothing.
"""

import enum
from collections.abc import Iterable, Sequence
from itertools import islice
from math import lcm
from typing import Final

from bankcore.money._errors import InvalidWeightsError
from bankcore.money._rounding import Exact, exact_ratio
from bankcore.values._errors import shown

#: The most parts that money is shared out into.
PARTS_MAX: Final = 1_000_000

# The least common denominator of a million fractions may have millions of digits.
_DENOMINATOR_BOUND: Final = 10**1000


class Allocation(enum.Enum):
    """
    Who gets the units that are left over when money is shared out.

    Every share is first rounded towards zero. What is then left over is less than one
    unit for each part whose weight is not zero, and goes out one unit a part.

    Attributes:
        LARGEST_REMAINDER: To those whose rounding lost most; of equals, the first.
        TO_FIRST: To the first parts, in order.
        TO_LAST: To the last parts, from the end.
        SEPARATE: To nobody: it is one more part, the last, even where it is zero.
    """

    LARGEST_REMAINDER = "largest_remainder"
    TO_FIRST = "to_first"
    TO_LAST = "to_last"
    SEPARATE = "separate"


def to_weights(given: Iterable[Exact]) -> list[int]:
    """
    What is *given*, as whole numbers in the same proportions.

    Raises:
        InvalidWeightsError: If there are none or over a million, one is negative or no
            exact number, all are zero, or their common denominator has over 1000 digits.
    """
    # A text is no list of figures, though Python would take it for one.
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidWeightsError(shown(given), "pass a list with one weight for each part")
    values = list(islice(given, PARTS_MAX + 1))
    if not values:
        raise InvalidWeightsError("An empty list", "pass one weight for each part")
    if len(values) > PARTS_MAX:
        raise InvalidWeightsError("This many weights", f"there are at most {PARTS_MAX} parts")
    pairs = [exact_ratio(value, InvalidWeightsError) for value in values]
    denominator = 1
    for number, each in pairs:
        if number < 0:
            raise InvalidWeightsError(f"The weight {number}/{each}", "no weight is negative")
        denominator = lcm(denominator, each)
        if denominator > _DENOMINATOR_BOUND:
            raise InvalidWeightsError(
                "These fractions", "their common denominator has more than 1000 digits"
            )
    weights = [number * (denominator // each) for number, each in pairs]
    if not any(weights):
        raise InvalidWeightsError("Zeros alone", "pass at least one weight above zero")
    return weights


def to_allocation(value: object) -> Allocation:
    """
    *value*, if it is a mode.

    Raises:
        InvalidWeightsError: If it is not. Nothing was shared out.
    """
    if type(value) is not Allocation:
        raise InvalidWeightsError(
            shown(value), "pass an Allocation as mode, such as Allocation.TO_FIRST"
        )
    return value


def to_parts(value: object) -> int:
    """
    *value*, if it is a number of parts.

    Raises:
        InvalidWeightsError: If it is not an ``int`` from 1 to a million.
    """
    if type(value) is not int:
        raise InvalidWeightsError(shown(value), "a number of parts is a plain int")
    if not 0 < value <= PARTS_MAX:
        raise InvalidWeightsError("This number of parts", f"it is from 1 to {PARTS_MAX}")
    return value


def shares(amount: int, weights: Sequence[int], mode: Allocation) -> list[int]:
    """
    *amount* shared out by *weights*: their sum is the amount, whatever the mode.
    """
    if amount < 0:
        return [-each for each in shares(-amount, weights, mode)]
    whole = sum(weights)
    parts = [amount * weight // whole for weight in weights]
    left = amount - sum(parts)
    if mode is Allocation.SEPARATE:
        return [*parts, left]
    for index in _receivers(amount, weights, mode, left):
        parts[index] += 1
    return parts


def _receivers(amount: int, weights: Sequence[int], mode: Allocation, left: int) -> Sequence[int]:
    """
    The indexes of the *left* parts that get one unit more. None of them has weight zero:
    where it counts what rounding lost, such a part lost nothing.
    """
    if mode is Allocation.LARGEST_REMAINDER:
        whole = sum(weights)
        # A stable sort: of equals, the first.
        return sorted(range(len(weights)), key=lambda i: -(amount * weights[i] % whole))[:left]
    some = [index for index, weight in enumerate(weights) if weight]
    # Not [-left:], which is all of them where nothing is left over.
    return some[:left] if mode is Allocation.TO_FIRST else some[len(some) - left :]
