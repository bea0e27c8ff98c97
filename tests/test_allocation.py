"""
Sharing out: nothing lost, nothing made, and who gets the rest.
"""

import itertools
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from bankcore import Allocation, Money
from bankcore.errors import InvalidWeightsError
from bankcore.money import PARTS_MAX
from bankcore.money._allocation import to_weights

LARGEST, FIRST, LAST, SEPARATE = Allocation


def minor(parts: tuple[Money, ...]) -> list[int]:
    return [part.amount_minor for part in parts]


@pytest.mark.parametrize(
    ("amount", "weights", "mode", "expected"),
    [
        (100, [1, 1, 1], LARGEST, [34, 33, 33]),
        (100, [1, 1, 1], FIRST, [34, 33, 33]),
        (100, [1, 1, 1], LAST, [33, 33, 34]),
        (100, [1, 1, 1], SEPARATE, [33, 33, 33, 1]),
        (101, [1, 1, 1], LARGEST, [34, 34, 33]),
        (101, [1, 1, 1], LAST, [33, 34, 34]),
        (99, [1, 1, 1], LARGEST, [33, 33, 33]),
        (99, [1, 1, 1], LAST, [33, 33, 33]),
        (99, [1, 1, 1], SEPARATE, [33, 33, 33, 0]),
        (5, [3, 7], LARGEST, [2, 3]),
        (5, [3, 7], FIRST, [2, 3]),
        (5, [3, 7], LAST, [1, 4]),
        (10, [1, 2, 4], LARGEST, [1, 3, 6]),
        (10, [1, 2, 4], FIRST, [2, 3, 5]),
        (10, [1, 2, 4], LAST, [1, 3, 6]),
        (1, [0, 1, 1, 0], LARGEST, [0, 1, 0, 0]),
        (1, [0, 1, 1, 0], FIRST, [0, 1, 0, 0]),
        (1, [0, 1, 1, 0], LAST, [0, 0, 1, 0]),
        (1, [0, 1, 1, 0], SEPARATE, [0, 0, 0, 0, 1]),
        (0, [1, 2], LARGEST, [0, 0]),
        (7, [5], LARGEST, [7]),
        (100, ["0.5", Decimal("0.25"), Fraction(1, 4)], LARGEST, [50, 25, 25]),
        (100, [Fraction(1, 3), Fraction(2, 3)], LARGEST, [33, 67]),
    ],
)
def test_money_is_shared_out(
    amount: int, weights: list[Any], mode: Allocation, expected: list[int]
) -> None:
    """Each mode, with negative money as the mirror of positive, from any iterable."""
    money = Money.from_minor(amount, "EUR")

    assert expected == minor(money.allocate(weights, mode))
    assert expected == minor(money.allocate(iter(weights), mode=mode))
    assert [-each for each in expected] == minor((-money).allocate(weights, mode))


@pytest.mark.parametrize("mode", Allocation)
def test_splitting_is_sharing_by_equal_weights(mode: Allocation) -> None:
    """`split` is `allocate` with equal weights."""
    for amount in (-7, 0, 5, 100):
        money = Money.from_minor(amount, "EUR")
        for parts in (1, 2, 3, 7):
            assert money.allocate([1] * parts, mode) == money.split(parts, mode)
    assert (Money("3.34", "EUR"), Money("3.33", "EUR"), Money("3.33", "EUR")) == Money(
        "10", "EUR"
    ).split(3)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ([], "weights must have one weight for each part"),
        ((), "weights must have one weight for each part"),
        ([0], "must have at least one weight above zero"),
        ([0, "0", Decimal(0)], "must have at least one weight above zero"),
        ([1, -1], "must not be negative, got -1/1"),
        ([0.5, 0.5], "write it as text"),
        ([True, 1], "an int, Decimal, Fraction or decimal text"),
        (["half"], "must be a number like"),
        ([None], "an int, Decimal, Fraction or decimal text"),
        ([10**64], "at most 64 digits"),
        ("111", "must be a list with one weight for each part"),
        (b"111", "must be a list with one weight for each part"),
        (3, "must be a list with one weight for each part"),
        (None, "must be a list with one weight for each part"),
    ],
)
def test_weights_that_share_nothing_are_refused(weights: Any, reason: str) -> None:
    """No weights, only zeros, a negative one, a float: refused, with what to do."""
    with pytest.raises(InvalidWeightsError, match=reason):
        Money("1", "EUR").allocate(weights)


def test_there_is_a_largest_number_of_parts() -> None:
    """A million parts, and not one more."""
    assert PARTS_MAX == len(to_weights([1] * PARTS_MAX))
    with pytest.raises(InvalidWeightsError, match="at most 1,000,000 parts"):
        Money("1", "EUR").allocate([1] * (PARTS_MAX + 1))
    with pytest.raises(InvalidWeightsError, match="at most 1,000,000 parts"):
        Money("1", "EUR").allocate(itertools.count(1))
    assert PARTS_MAX == len(Money("1", "EUR").split(PARTS_MAX))
    with pytest.raises(InvalidWeightsError, match="from 1 to 1,000,000"):
        Money("1", "EUR").split(PARTS_MAX + 1)


def test_a_common_denominator_is_bounded() -> None:
    """Fractions whose common denominator would be a number of millions of digits stop early."""
    powers = [Fraction(1, 3**130), Fraction(1, 5**90), Fraction(1, 7**70), Fraction(1, 11**60)]
    assert 4 == len(to_weights(powers))
    many = [Fraction(1, 10**60 + number) for number in range(100_000)]
    with pytest.raises(InvalidWeightsError, match="denominator of at most 1000 digits"):
        to_weights(many)


@pytest.mark.parametrize("parts", [0, -1, True, 2.0, "2", None])
def test_a_number_of_parts_is_a_plain_int_above_zero(parts: Any) -> None:
    """`split` takes an int from 1, and nothing like one."""
    with pytest.raises(InvalidWeightsError, match="parts must be an int from 1"):
        Money("1", "EUR").split(parts)


@pytest.mark.parametrize("mode", ["to_first", None, 1])
def test_a_mode_is_an_allocation(mode: Any) -> None:
    """A mode that is none is refused before anything is shared."""
    with pytest.raises(
        InvalidWeightsError, match=r"mode must be an Allocation, such as Allocation\.TO_FIRST"
    ):
        Money("1", "EUR").split(2, mode)
    with pytest.raises(
        InvalidWeightsError, match=r"mode must be an Allocation, such as Allocation\.TO_FIRST"
    ):
        Money("1", "EUR").allocate([1], mode)
