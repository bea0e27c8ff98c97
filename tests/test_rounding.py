"""
Rounding: the eleven modes, the constants of `decimal`, and what is an exact number.
"""

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from bankcore import Money, Rounding
from bankcore.errors import (
    AmountTooLargeError,
    InvalidFactorError,
    InvalidRoundingError,
    RoundingRequiredError,
)
from bankcore.money._rounding import round_ratio, to_rounding

# What -2.5, -1.5, -0.6, -0.4, 0.4, 0.6, 1.5, 2.5 and 3.0 become.
NUMBERS = ["-2.5", "-1.5", "-0.6", "-0.4", "0.4", "0.6", "1.5", "2.5", "3.0"]
TABLE = {
    Rounding.UP: [-3, -2, -1, -1, 1, 1, 2, 3, 3],
    Rounding.DOWN: [-2, -1, 0, 0, 0, 0, 1, 2, 3],
    Rounding.CEILING: [-2, -1, 0, 0, 1, 1, 2, 3, 3],
    Rounding.FLOOR: [-3, -2, -1, -1, 0, 0, 1, 2, 3],
    Rounding.HALF_UP: [-3, -2, -1, 0, 0, 1, 2, 3, 3],
    Rounding.HALF_DOWN: [-2, -1, -1, 0, 0, 1, 1, 2, 3],
    Rounding.HALF_EVEN: [-2, -2, -1, 0, 0, 1, 2, 2, 3],
    Rounding.HALF_ODD: [-3, -1, -1, 0, 0, 1, 1, 3, 3],
    Rounding.HALF_CEILING: [-2, -1, -1, 0, 0, 1, 2, 3, 3],
    Rounding.HALF_FLOOR: [-3, -2, -1, 0, 0, 1, 1, 2, 3],
    Rounding.ZERO_FIVE_UP: [-2, -1, -1, -1, 1, 1, 1, 2, 3],
}


def test_every_mode_has_its_row() -> None:
    """Every mode has a row in the table."""
    assert set(TABLE) == set(Rounding)


@pytest.mark.parametrize("mode", Rounding)
def test_a_mode_does_what_it_says(mode: Rounding) -> None:
    """Each mode, on both sides of zero, at halves and off them, wherever it is given."""
    with decimal.localcontext(prec=3):
        for text, expected in zip(NUMBERS, TABLE[mode], strict=True):
            assert expected == round_ratio(*Fraction(text).as_integer_ratio(), mode)
            assert expected == Money(text, "JPY", rounding=mode).amount_minor
            assert expected == Money(Decimal(text), "JPY", rounding=mode).amount_minor
            assert expected == Money(1, "JPY").times(text, rounding=mode).amount_minor
            assert expected == Money(1, "JPY").times(Fraction(text), mode).amount_minor
            tenfold = Money(int(Fraction(text) * 10), "JPY")
            assert expected == tenfold.divided_by(10, rounding=mode).amount_minor
            assert expected == (-tenfold).divided_by("-10", mode).amount_minor
            assert expected == Money(text, "EUR").rounded_to(1, mode).amount_minor // 100
            assert expected == Money(text, "EUR").to_minor(exponent=0, rounding=mode)


@pytest.mark.parametrize("mode", Rounding)
def test_decimal_s_constants_are_taken(mode: Rounding) -> None:
    """A constant of `decimal` is the mode of that name, and rounds as `decimal` does."""
    name = f"ROUND_{mode.name}".replace("ZERO_FIVE_", "05")
    if not hasattr(decimal, name):
        with pytest.raises(InvalidRoundingError):
            to_rounding(name)
        return

    assert mode is to_rounding(getattr(decimal, name))
    for text in [*NUMBERS, "4.5", "5.1", "-5.1", "9.9", "10.2", "-10.2", "-15.0"]:
        expected = Decimal(text).quantize(Decimal(1), rounding=getattr(decimal, name))
        assert expected == Money(text, "JPY", rounding=name).amount


@pytest.mark.parametrize(
    "value", ["half_even", "ROUND_ZERO_FIVE_UP", "ROUND_UP ", "HALF_EVEN", 5, True, None, []]
)
def test_another_mode_is_refused(value: Any) -> None:
    """What is no mode is refused, with an example of one; even where nothing is inexact."""
    with pytest.raises(InvalidRoundingError, match=r"Rounding\.HALF_EVEN"):
        to_rounding(value)
    if value is not None:
        money = Money("1.50", "EUR")
        for round_it in (
            lambda: Money("1.50", "EUR", rounding=value),
            lambda: Money(1, "EUR", rounding=value),
            lambda: money.times(2, rounding=value),
            lambda: money.divided_by(1, rounding=value),
            lambda: money.rounded_to("0.50", rounding=value),
            lambda: money.to_minor(exponent=2, rounding=value),
            lambda: Money.from_minor(5, "EUR", exponent=2, rounding=value),
        ):
            with pytest.raises(InvalidRoundingError):
                round_it()


@pytest.mark.parametrize(
    ("round_it", "message"),
    [
        (
            lambda: Money("2.345", "EUR"),
            "amount must not have more decimals than EUR allows (2), got '2.345'",
        ),
        (
            lambda: Money(Decimal("2.345"), "EUR"),
            "amount must not have more decimals than EUR allows (2), got 2.345",
        ),
        (
            lambda: Money("1.5", "JPY"),
            "amount must not have more decimals than JPY allows (0), got '1.5'",
        ),
        (
            lambda: Money("1", "EUR").times("0.333"),
            "The amount must not have more decimals than EUR allows (2), got EUR 1.00 times 0.333",
        ),
        (
            lambda: Money("2", "EUR").divided_by(3),
            (
                "The amount must not have more decimals than EUR allows (2), got EUR 2.00"
                " divided by 3"
            ),
        ),
        (
            lambda: Money("9.98", "CHF").rounded_to("0.05"),
            "The amount must be a multiple of CHF 0.05, got CHF 9.98",
        ),
        (
            lambda: Money("9.98", "CHF").to_minor(exponent=1),
            "The amount must not have more decimals than asked for (1), got CHF 9.98",
        ),
        (
            lambda: Money.from_minor(550, "UGX", exponent=2),
            "The amount must not have more decimals than UGX allows (0), got 5.50",
        ),
    ],
)
def test_an_error_says_what_to_do(round_it: Any, message: str) -> None:
    """Where something would have to be rounded, the error says what, and how to ask for it."""
    with pytest.raises(RoundingRequiredError) as raised:
        round_it()

    assert f"{message}; round it first, or pass rounding=…." == str(raised.value)


@pytest.mark.parametrize(
    ("factor", "reason"),
    [
        (1.5, "write it as text, such as '0.1'"),
        (True, "an int, Decimal, Fraction or decimal text"),
        (None, "an int, Decimal, Fraction or decimal text"),
        (b"1", "an int, Decimal, Fraction or decimal text"),
        ("1e3", "must be a number like"),
        ("1/3", "must be a number like"),
        ("", "must be a number like"),
        ("-", "must be a number like"),
        (".5", "must be a number like"),
        ("5.", "must be a number like"),
        ("05", "must be a number like"),
        ("-0.0", "must be a number like"),
        ("1_0", "must be a number like"),
        ("１", "must be a number like"),
        ("1.１", "must be a number like"),
        ("9" * 67, "at most 64 digits"),
        ("9" * 65, "at most 64 digits"),
        ("0." + "0" * 63 + "1", "at most 64 digits"),
        (10**64, "at most 64 digits"),
        (-(10**64), "at most 64 digits"),
        (Fraction(1, 10**64), "at most 64 digits"),
        (Decimal("Infinity"), "finite"),
        (Decimal("sNaN"), "finite"),
        (Decimal("1E+64"), "at most 64 digits"),
        (Decimal("1E-64"), "at most 64 digits"),
        (Decimal("1E+999999"), "at most 64 digits"),
        (Decimal("1E-999999"), "at most 64 digits"),
        (Decimal("1." + "0" * 128), "at most 64 digits"),
    ],
)
def test_an_inexact_factor_is_refused(factor: Any, reason: str) -> None:
    """A factor, and a divisor, is an exact number of 64 digits at most."""
    with pytest.raises(InvalidFactorError, match=reason):
        Money("1", "EUR").times(factor, Rounding.DOWN)
    with pytest.raises(InvalidFactorError, match=reason):
        Money("1", "EUR").divided_by(factor, Rounding.DOWN)


@pytest.mark.parametrize(
    "factor",
    [
        10**64 - 1,
        1 - 10**64,
        "9" * 64,
        "-" + "9" * 64,
        "0." + "0" * 62 + "1",
        Decimal("1E+63"),
        Decimal("1E-63"),
        Decimal("9" * 64),
        Decimal("0E+999999"),
        Decimal("2.5" + "0" * 126),
        Fraction(10**64 - 1, 10**64 - 3),
        Fraction(0),
    ],
)
def test_the_largest_factors_are_taken(factor: Any) -> None:
    """Sixty-four digits are enough, and not one too many."""
    expected = round_ratio(*Fraction(factor).as_integer_ratio(), Rounding.DOWN)

    assert expected == Money.from_minor(1, "EUR").times(factor, Rounding.DOWN).amount_minor


def test_a_product_is_bounded() -> None:
    """A product or quotient of more than 64 digits is refused, however it is rounded."""
    money = Money.from_minor(10**63, "EUR")
    for rounding in (None, Rounding.DOWN):
        assert 9 * 10**63 == money.times(9, rounding).amount_minor
        with pytest.raises(AmountTooLargeError):
            money.times(10, rounding)
        with pytest.raises(AmountTooLargeError):
            money.divided_by("0.1", rounding)
    with pytest.raises(AmountTooLargeError):
        Money.from_minor(10**64 - 1, "EUR").rounded_to("0.10", Rounding.UP)
    with pytest.raises(AmountTooLargeError):
        Money("9" * 64 + ".5", "JPY", rounding=Rounding.UP)
    with pytest.raises(AmountTooLargeError):
        Money(Decimal("9" * 64 + ".5"), "JPY", rounding=Rounding.UP)


def test_what_is_tiny_is_rounded_too() -> None:
    """However small a Decimal is, a mode that rounds away from it sees it."""
    tiny = Decimal("1E-999999")

    assert (Money("0.01", "EUR"), Money.zero("EUR")) == (
        Money(tiny, "EUR", rounding=Rounding.UP),
        Money(tiny, "EUR", rounding=Rounding.HALF_UP),
    )
    assert Money("-0.01", "EUR") == Money(-tiny, "EUR", rounding=Rounding.FLOOR)
