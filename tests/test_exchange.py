"""
Exchange rates: which can be, what money becomes at them, and what they survive.
"""

import copy
import decimal
import json
import pickle
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankcore import Currency, ExchangeRate, Money, Rounding
from bankcore.errors import (
    AmountTooLargeError,
    CurrencyMismatchError,
    InvalidAmountError,
    InvalidCurrencyError,
    InvalidRateError,
    RoundingRequiredError,
)

BTC = Currency("BTC", exponent=8)
rates = st.fractions(min_value=Fraction(1, 10**9), max_value=10**9, max_denominator=10**12).filter(
    bool
)


@pytest.mark.parametrize(
    "rate", ["1.25", Decimal("1.25"), Decimal("1.2500"), Fraction(5, 4), Fraction("1.25")]
)
def test_a_rate_is_kept_exactly(rate: Any) -> None:
    """Text, Decimal and Fraction of one value make one rate."""
    made = ExchangeRate("EUR", "USD", rate)

    assert (Currency("EUR"), Currency("USD"), Fraction(5, 4)) == (made.base, made.quote, made.rate)
    assert made == ExchangeRate(Currency("EUR"), Currency("USD"), "1.25")
    assert hash(made) == hash(ExchangeRate("EUR", "USD", "1.25"))
    assert type(made.rate) is Fraction


@pytest.mark.parametrize(
    ("rate", "reason"),
    [
        (0, "above zero"),
        ("-1", "above zero"),
        (1.25, "write it as text, such as '0.1'"),
        (True, "an int, Decimal, Fraction or decimal text"),
        (None, "an int, Decimal, Fraction or decimal text"),
        ("1,25", "must be a number like"),
        ("1e3", "must be a number like"),
        ("5/4", "must be a number like"),
        ("-0", "must be a number like"),
        (Decimal("NaN"), "finite"),
        (10**64, "at most 64 digits"),
        (Fraction(1, 10**64), "at most 64 digits"),
        (Decimal("1E+999999"), "at most 64 digits"),
        (Decimal("1E-999999"), "at most 64 digits"),
        (Decimal("1." + "0" * 200), "at most 64 digits"),
        ("1" * 67, "at most 64 digits"),
    ],
)
def test_a_rate_that_cannot_be_is_refused(rate: Any, reason: str) -> None:
    """What is no exact number above zero, of 64 digits, is no rate."""
    with pytest.raises(InvalidRateError, match=reason):
        ExchangeRate("EUR", "USD", rate)


def test_a_currency_is_exchanged_for_itself_at_one() -> None:
    """A currency to itself has the rate 1 and no other."""
    assert Money("5", "EUR") == ExchangeRate("EUR", "EUR", 1).convert(Money("5", "EUR"))
    with pytest.raises(InvalidRateError, match="rate must be 1 from EUR to EUR, got 101/100"):
        ExchangeRate("EUR", "EUR", "1.01")
    with pytest.raises(InvalidCurrencyError):
        ExchangeRate("eur", "USD", 1)


@pytest.mark.parametrize(
    ("rate", "money", "rounding", "expected"),
    [
        (("EUR", "USD", "1.0825"), ("100", "EUR"), None, ("108.25", "USD")),
        (("EUR", "USD", "1.0825"), ("10", "EUR"), Rounding.HALF_EVEN, ("10.82", "USD")),
        (("EUR", "USD", "1.0825"), ("10", "EUR"), decimal.ROUND_HALF_UP, ("10.83", "USD")),
        (("EUR", "USD", "1.0825"), ("-10", "EUR"), Rounding.FLOOR, ("-10.83", "USD")),
        (("GBP", "JPY", 175), ("100", "GBP"), None, ("17500", "JPY")),
        (("JPY", "BHD", "0.0025"), ("1000", "JPY"), None, ("2.5", "BHD")),
        ((BTC, "USD", "5489.11"), ("1", BTC), None, ("5489.11", "USD")),
        (("USD", BTC, Fraction(1, 50000)), ("1", "USD"), None, ("0.00002", BTC)),
    ],
)
def test_money_is_converted_and_rounded_once(
    rate: Any, money: Any, rounding: Any, expected: Any
) -> None:
    """The result is the exact product, or that product rounded as was asked."""
    with decimal.localcontext(prec=3):
        assert Money(*expected) == ExchangeRate(*rate).convert(Money(*money), rounding)


def test_nothing_is_rounded_unasked() -> None:
    """A result finer than the other currency is an error that says what to do."""
    with pytest.raises(RoundingRequiredError) as raised:
        ExchangeRate("EUR", "USD", "1.0825").convert(Money("10", "EUR"))

    assert (
        "The amount must not have more decimals than USD allows (2), got EUR 10.00 at EUR/USD"
        " 1.0825; round it first, or pass rounding=…."
    ) == str(raised.value)


def test_only_money_of_the_base_is_converted() -> None:
    """Other currencies, the other way round, and what is no money are refused."""
    rate = ExchangeRate("EUR", "USD", "1.25")
    for wrong in (Money("1", "USD"), Money("1", "GBP"), Money("1", Currency("EUR", exponent=3))):
        with pytest.raises(CurrencyMismatchError, match=r"money must be in Currency\('EUR'\)"):
            rate.convert(wrong)
    with pytest.raises(InvalidAmountError, match="money must be Money, got 5"):
        rate.convert(5)  # type: ignore[arg-type]  # the very thing under test
    with pytest.raises(AmountTooLargeError):
        rate.convert(Money.from_minor(10**64 - 1, "EUR"), Rounding.DOWN)


def test_there_and_back_again() -> None:
    """An inverse undoes a rate exactly, and its inverse is the rate."""
    rate = ExchangeRate("EUR", "USD", "1.25")

    assert ExchangeRate("USD", "EUR", "0.8") == rate.inverse()
    assert rate == rate.inverse().inverse()
    assert Money("10", "EUR") == rate.inverse().convert(rate.convert(Money("10", "EUR")))


@pytest.mark.parametrize(
    ("rate", "text", "shown"),
    [
        (("EUR", "USD", "1.0825"), "EUR/USD 1.0825", "ExchangeRate('EUR', 'USD', '1.0825')"),
        (("EUR", "JPY", 175), "EUR/JPY 175", "ExchangeRate('EUR', 'JPY', '175')"),
        (("USD", "EUR", "0.05"), "USD/EUR 0.05", "ExchangeRate('USD', 'EUR', '0.05')"),
        (
            ("USD", "EUR", Fraction(25, 27)),
            "USD/EUR 25/27",
            "ExchangeRate('USD', 'EUR', Fraction(25, 27))",
        ),
        (
            (BTC, "EUR", "9" * 64),
            "BTC/EUR " + "9" * 64,
            f"ExchangeRate(Currency('BTC', exponent=8), 'EUR', '{'9' * 64}')",
        ),
        (
            ("USD", "EUR", Fraction(10**63 + 1, 2**10)),
            f"USD/EUR {10**63 + 1}/1024",
            f"ExchangeRate('USD', 'EUR', Fraction({10**63 + 1}, 1024))",
        ),
    ],
)
def test_texts_make_it_again(rate: Any, text: str, shown: str) -> None:
    """`str` shows currencies and rate, `repr` is an expression of an equal rate."""
    made = ExchangeRate(*rate)
    names = {"ExchangeRate": ExchangeRate, "Currency": Currency, "Fraction": Fraction}

    assert (text, shown) == (str(made), repr(made))
    assert made == eval(repr(made), names)  # our own repr
    assert made == ExchangeRate.from_dict(json.loads(json.dumps(made.to_dict())))


def test_its_dictionary_is_plain() -> None:
    """A dictionary of a rate has texts, and exponents only where a code says none."""
    assert {"base": "EUR", "quote": "USD", "rate": "1.25"} == ExchangeRate(
        "EUR", "USD", "1.25"
    ).to_dict()
    assert {"base": "BTC", "quote": "XAU", "base_exponent": 8, "quote_exponent": 4} == {
        key: value
        for key, value in ExchangeRate(BTC, Currency("XAU", 4), 1).to_dict().items()
        if key != "rate"
    }


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (None, InvalidRateError),
        ([], InvalidRateError),
        ({}, InvalidRateError),
        ({"base": "EUR", "quote": "USD"}, InvalidRateError),
        ({"base": "EUR", "quote": "USD", "rate": "1", "more": 1}, InvalidRateError),
        ({"base": "EUR", "quote": "USD", "rate": 1.25}, InvalidRateError),
        ({"base": "EUR", "quote": "USD", "rate": 1}, InvalidRateError),
        ({"base": "EUR", "quote": "USD", "rate": "1/"}, InvalidRateError),
        ({"base": "EUR", "quote": "USD", "rate": "1/0"}, InvalidRateError),
        ({"base": "EUR", "quote": "USD", "rate": "1/2/3"}, InvalidRateError),
        ({"base": "EUR", "quote": 5, "rate": "1"}, InvalidCurrencyError),
        ({"base": "EUR", "quote": "BTC", "rate": "1"}, InvalidCurrencyError),
        (
            {"base": "EUR", "quote": "BTC", "rate": "1", "quote_exponent": "8"},
            InvalidCurrencyError,
        ),
    ],
)
def test_another_dictionary_is_refused(data: Any, error: type[Exception]) -> None:
    """`from_dict` takes what `to_dict` writes, and nothing else."""
    with pytest.raises(error):
        ExchangeRate.from_dict(data)


def test_it_is_a_value() -> None:
    """A rate cannot change, is a key, and survives copies and pickles."""
    rate = ExchangeRate("EUR", BTC, "0.00002")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        rate.rate = Fraction(1)  # type: ignore[misc]  # the very thing under test
    for other in (copy.copy(rate), copy.deepcopy(rate), pickle.loads(pickle.dumps(rate))):
        assert (rate, hash(rate)) == (other, hash(other))
        assert rate.quote is other.quote
    assert rate != ExchangeRate("EUR", BTC, "0.00003")
    assert rate != ExchangeRate("USD", BTC, "0.00002")
    match rate:
        case ExchangeRate(base, Currency("BTC"), value):
            assert (Currency("EUR"), Fraction(1, 50000)) == (base, value)
        case _:
            pytest.fail("it did not match")


class TestLaws:
    """
    "`convert` then exact inverse": nothing is lost where nothing was rounded.
    """

    @given(st.integers(-(10**20), 10**20), rates)
    def test_an_exact_conversion_is_undone_by_the_inverse(
        self, minor: int, value: Fraction
    ) -> None:
        """What converts exactly comes back as it was."""
        rate = ExchangeRate("EUR", "USD", value)
        money = Money.from_minor(minor * value.denominator, "EUR")

        assert money == rate.inverse().convert(rate.convert(money))

    @given(st.integers(-(10**20), 10**20), rates, st.sampled_from(Rounding))
    def test_a_rounded_conversion_is_within_one_unit(
        self, minor: int, value: Fraction, rounding: Rounding
    ) -> None:
        """Whatever the rounding, the result is less than one minor unit off."""
        converted = ExchangeRate("EUR", "JPY", value).convert(
            Money.from_minor(minor, "EUR"), rounding
        )

        assert abs(converted.amount_minor - minor * value / 100) < 1

    @given(rates)
    def test_dictionaries_and_texts_are_exact(self, value: Fraction) -> None:
        """A rate comes back from its dictionary as it was, and so does its inverse."""
        for rate in (
            ExchangeRate("EUR", "USD", value),
            ExchangeRate("EUR", "USD", value).inverse(),
        ):
            assert rate == ExchangeRate.from_dict(rate.to_dict())
            assert rate == eval(repr(rate), {"ExchangeRate": ExchangeRate, "Fraction": Fraction})
