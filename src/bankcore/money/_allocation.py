"""
Allocation: how a whole number of units is divided by weights, with nothing lost or created.

Decided here: who gets the units that are left over after each share is rounded towards zero.
A negative amount is allocated as the positive one is, and a weight of zero gets nothing.
"""

import enum
from collections.abc import Iterable, Sequence
from itertools import islice
from math import lcm
from typing import Any, Final

from bankcore.money._errors import InvalidWeightsError
from bankcore.money._rounding import NUMBER_BOUND, exact_ratio
from bankcore.values._errors import shown

#: The most parts that money is allocated to.
PARTS_MAX: Final = 1_000_000

# The least common denominator of a million fractions may have millions of digits.
_DENOMINATOR_BOUND: Final = 10**1000
_INTS: Final = {int}


class Allocation(enum.Enum):
    """
    The receiver of the units that are left over when money is allocated.

    Every share is first rounded towards zero. What is left over is less than one unit for each
    part whose weight is not zero, and goes out one unit a part.

    Attributes:
        LARGEST_REMAINDER: To those whose rounding lost most; of equals, the first.
        TO_FIRST: To the first parts, in order.
        TO_LAST: To the last parts, from the end.
        SEPARATE: To nobody: it is one more part, the last, even if it is zero.
    """

    LARGEST_REMAINDER = "largest_remainder"
    TO_FIRST = "to_first"
    TO_LAST = "to_last"
    SEPARATE = "separate"


def to_weights(given: Any) -> list[int]:  # noqa: ANN401  # callers may be untyped
    """Return the weights *given* as whole numbers in the same proportions."""
    # Nearly always it is a list of ints, which then needs no more than these looks.
    if type(given) is list and len(given) <= PARTS_MAX and set(map(type, given)) == _INTS:
        weights = list(given)
        if min(weights) >= 0 and 0 < max(weights) < NUMBER_BOUND:
            return weights
    # Python would iterate over a text; its characters are no weights.
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise _invalid(shown(given), "must be a list with one weight for each part")
    values = list(islice(given, PARTS_MAX + 1))
    if not values:
        raise _invalid("an empty list", "must have one weight for each part")
    if len(values) > PARTS_MAX:
        raise _invalid("more", f"must have at most {PARTS_MAX:,} parts")
    ratios = [exact_ratio(value, InvalidWeightsError, "weights") for value in values]
    denominator = 1
    for numerator, each in ratios:
        if numerator < 0:
            raise _invalid(f"{numerator}/{each}", "must not be negative")
        denominator = lcm(denominator, each)
        if denominator > _DENOMINATOR_BOUND:
            raise _invalid("more", "must have a common denominator of at most 1000 digits")
    weights = [numerator * (denominator // each) for numerator, each in ratios]
    if not any(weights):
        raise _invalid("zeros only", "must have at least one weight above zero")
    return weights


def to_allocation(value: object) -> Allocation:
    if type(value) is not Allocation:
        reason = "must be an Allocation, such as Allocation.TO_FIRST"
        raise _invalid(shown(value), reason, "mode")
    return value


def to_parts(value: object) -> int:
    if type(value) is not int or not 0 < value <= PARTS_MAX:
        raise _invalid(shown(value), f"must be an int from 1 to {PARTS_MAX:,}", "parts")
    return value


def _invalid(value: str, reason: str, field: str = "weights") -> InvalidWeightsError:
    return InvalidWeightsError(value, reason).about(field)


def allocate(amount: int, weights: Sequence[int], mode: Allocation) -> list[int]:
    """Return *amount* divided by *weights*: the sum of the parts is the amount, in every mode."""
    if amount < 0:
        return [-each for each in allocate(-amount, weights, mode)]
    total = sum(weights)
    parts = [amount * weight // total for weight in weights]
    left = amount - sum(parts)
    if mode is Allocation.SEPARATE:
        return [*parts, left]
    # The indexes of those who may get one unit more. A weight of zero has no remainder, and
    # `left` does not reach it.
    if not left:
        line = []
    elif mode is Allocation.LARGEST_REMAINDER:
        # A stable sort: of equals, the first.
        rests = [-(amount * weight % total) for weight in weights]
        line = sorted(range(len(weights)), key=rests.__getitem__)[:left]
    else:
        line = [index for index, weight in enumerate(weights) if weight]
        line = line[:left] if mode is Allocation.TO_FIRST else line[-left:]
    for index in line:
        parts[index] += 1
    return parts


def split(amount: int, parts: int, mode: Allocation) -> list[tuple[int, int]]:
    """Return *amount* divided equally: the size and the number of parts, in their order."""
    if amount < 0:
        return [(-size, number) for size, number in split(-amount, parts, mode)]
    size, left = divmod(amount, parts)
    if mode is Allocation.SEPARATE:
        return [(size, parts), (left, 1)]
    larger, equal = (size + 1, left), (size, parts - left)
    return [equal, larger] if mode is Allocation.TO_LAST else [larger, equal]
