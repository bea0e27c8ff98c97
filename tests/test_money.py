"""
Money: what becomes an amount, exact arithmetic, comparison, text, and plain data.
"""

import copy
import decimal
import inspect
import json
import operator
import pickle
import re
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from bankcore import Currency, ExchangeRate, Money, MoneyBag, Rounding
from bankcore.errors import (
    AmountTooLargeError,
    CurrencyMismatchError,
    DivisionByZeroError,
    InvalidAmountError,
    InvalidCurrencyError,
    InvalidOperandError,
    InvalidRequestError,
    RoundingRequiredError,
)
from bankcore.money import DIGITS_MAX
from bankcore.money._money import require_same_currency

EUR = Currency("EUR")
BTC = Currency("BTC", exponent=8)


def eur(amount: Any) -> Money:
    return Money(amount, "EUR")


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.34", "EUR", 1234),
        ("12.3", "EUR", 1230),
        ("12", "EUR", 1200),
        ("0", "EUR", 0),
        ("0.00", "EUR", 0),
        ("0.05", "EUR", 5),
        ("-0.05", "EUR", -5),
        ("-12.34", "EUR", -1234),
        ("100", "JPY", 100),
        ("-100", "JPY", -100),
        ("0", "JPY", 0),
        ("1.234", "BHD", 1234),
        ("0.00000001", BTC, 1),
        (12, "EUR", 1200),
        (-12, "EUR", -1200),
        (0, "EUR", 0),
        (Decimal("12.34"), "EUR", 1234),
        (Decimal("12.340000"), "EUR", 1234),
        (Decimal("1E+2"), "EUR", 10_000),
        (Decimal("-0.00"), "EUR", 0),
        (Decimal("0E+999999"), "EUR", 0),
        (Decimal("0E-999999"), "EUR", 0),
        (Decimal("-1.5"), "EUR", -150),
        ("9" * DIGITS_MAX, "JPY", 10**DIGITS_MAX - 1),
        ("-" + "9" * DIGITS_MAX, "JPY", -(10**DIGITS_MAX - 1)),
        ("9" * 62 + ".99", "EUR", 10**DIGITS_MAX - 1),
        (10**62 - 1, "EUR", (10**62 - 1) * 100),
    ],
)
def test_an_amount_is_taken_exactly(amount: Any, currency: Any, minor: int) -> None:
    """Text, int and Decimal become the same integer of minor units, or none."""
    money = Money(amount, currency)

    assert (minor, int) == (money.amount_minor, type(money.amount_minor))
    assert money == Money.from_minor(minor, currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("1" + "0" * 64, "JPY"),
        ("9" * 63 + ".99", "EUR"),
        ("-" + "9" * 65, "JPY"),
        ("9" * 65, "EUR"),
        ("9" * 63, "EUR"),
        (10**64, "JPY"),
        (-(10**64), "JPY"),
        (10**63, "EUR"),
        (Decimal("1E+64"), "JPY"),
        (Decimal("1E+66"), "JPY"),
        (Decimal("1E+63"), "EUR"),
        (Decimal("1." + "0" * 200), "EUR"),
    ],
)
def test_an_amount_of_more_than_64_digits_is_too_large(amount: Any, currency: str) -> None:
    """64 digits in minor units are the most that an amount is given with."""
    with pytest.raises(AmountTooLargeError, match="at most 64 digits"):
        Money(amount, currency)


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("0.001", "must not have more decimals than EUR allows (2)"),
        (Decimal("0.001"), "must not have more decimals than EUR allows (2)"),
        (Decimal("1E-999999"), "must not have more decimals than EUR allows (2)"),
        (0.1, "write it as text, such as '0.10'"),
        (True, "must be text, an int or a Decimal"),
        (Decimal("NaN"), "must be finite"),
        ("-0", "must not be a negative zero"),
        ("-0.0", "must not be a negative zero"),
        ("ten", "must be written like '12', '12.34' or '-0.50'"),
    ],
)
def test_a_refusal_says_what_to_do(amount: Any, reason: str) -> None:
    """What is no amount is refused with the reason, and shown."""
    with pytest.raises(InvalidAmountError) as raised:
        eur(amount)

    assert reason == raised.value.reason or reason in raised.value.reason


EXPONENTS = [Currency("OWN", exponent=exponent) for exponent in range(19)]


@pytest.mark.parametrize("currency", EXPONENTS, ids=lambda each: str(each.exponent))
@pytest.mark.parametrize(
    "whole", ["", "00", "007", "01", "+5", " 5", "5 ", "1_0", "٣", "1٣", "²", "a", "--5", "1,000"]
)
def test_a_text_is_malformed_in_every_currency(whole: str, currency: Currency) -> None:
    """With just the decimals that the currency has, with none, and with a point alone."""
    decimals = "5" * currency.exponent
    for text in (f"{whole}.{decimals}", whole, f"{whole}.", f"5{whole}.{decimals}x", "5."):
        with pytest.raises(InvalidAmountError, match="must be written like"):
            Money(text, currency)


@pytest.mark.parametrize("currency", EXPONENTS, ids=lambda each: str(each.exponent))
@pytest.mark.parametrize("minor", [0, 1, 9, 10, 123, 10**18 - 1, 10**18, 10**64 - 1])
def test_an_amount_is_written_and_read_in_every_currency(minor: int, currency: Currency) -> None:
    """Text and Decimal have all decimals, however small the amount, and make it again."""
    digits = str(minor).zfill(currency.exponent + 1)
    point = len(digits) - currency.exponent
    text = f"{digits[:point]}.{digits[point:]}" if currency.exponent else digits
    for sign in ("", "-") if minor else ("",):
        money = Money(sign + text, currency)

        assert (int(f"{sign}{minor}"), f"OWN {sign}{text}") == (money.amount_minor, str(money))
        assert money == Money(Decimal(sign + text), currency)
        assert Decimal(sign + text).compare_total(money.amount) == 0
        assert f"Money({sign + text!r}, {currency!r})" == repr(money)
        assert {"amount": sign + text, "currency": "OWN", "exponent": currency.exponent} == (
            money.to_dict()
        )
    longer = "1" + "0" * (64 - currency.exponent) + ("." + "0" * currency.exponent).rstrip(".")
    for given in (longer, Decimal(longer)):
        with pytest.raises(AmountTooLargeError):
            Money(given, currency)


@pytest.mark.parametrize("minor", [True, 1.0, "1", Decimal(1), None])
def test_minor_units_are_plain_ints(minor: Any) -> None:
    """`from_minor` takes an int and nothing like one."""
    with pytest.raises(InvalidAmountError, match="amount_minor must be a plain int"):
        Money.from_minor(minor, "EUR")


@pytest.mark.parametrize("minor", [10**64, -(10**64)])
def test_minor_units_have_64_digits(minor: int) -> None:
    """`from_minor` has the bound of every amount."""
    assert 10**64 - 1 == Money.from_minor(10**64 - 1, "JPY").amount_minor
    with pytest.raises(AmountTooLargeError):
        Money.from_minor(minor, "JPY")


def test_arithmetic_is_that_of_integers() -> None:
    """Sums, differences, multiples, signs: exact, in the currency."""
    a, b = eur("12.34"), eur("-0.05")

    assert (eur("12.29"), eur("12.39")) == (a + b, a - b)
    assert (eur("37.02"), eur("37.02"), eur("0.10")) == (a * 3, 3 * a, b * -2)
    assert (eur("-12.34"), eur("0.05"), a) == (-a, abs(b), +a)
    assert eur("24.63") == sum([a, a, b])
    assert eur("12.34") == 0 + a  # what the built-in sum begins with


def test_nothing_depends_on_the_decimal_context() -> None:
    """An ambient context of three digits loses no cent."""
    with decimal.localcontext(prec=3):
        money = eur("123456.78") + eur(Decimal("0.01"))

        assert (eur("123456.79"), "EUR 123456.79") == (money, str(money))
        assert Decimal("123456.79") == money.amount


@pytest.mark.parametrize(
    "operate",
    [
        lambda m: m + 1,
        lambda m: 1 + m,
        lambda m: False + m,
        lambda m: 0.0 + m,
        lambda m: m - 1,
        lambda m: 1 - m,
        lambda m: m * 1.5,
        lambda m: m * Decimal("1.5"),
        lambda m: m * True,
        lambda m: m * m,
        lambda m: m < 1,
        lambda m: m <= 1,
        lambda m: m > 1,
        lambda m: m >= 1,
    ],
)
def test_money_does_not_mix_with_numbers(operate: Any) -> None:
    """Only money adds to money, only an int multiplies it, only money compares with it."""
    with pytest.raises(TypeError):
        operate(eur("1"))


@pytest.mark.parametrize(
    "operate",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        lambda a, b: a <= b,
        lambda a, b: a > b,
        lambda a, b: a >= b,
        require_same_currency,
    ],
)
def test_currencies_do_not_mix(operate: Any) -> None:
    """Two currencies are neither added nor ordered, not even at zero."""
    with pytest.raises(CurrencyMismatchError, match="must be in EUR, got USD"):
        operate(eur("0"), Money("0", "USD"))


def test_one_code_with_two_exponents_is_two_currencies() -> None:
    """Where the codes are the same, the error shows the exponents."""
    with pytest.raises(CurrencyMismatchError, match=r"Currency\('EUR', exponent=3\)"):
        eur("1") + Money("1", Currency("EUR", exponent=3))


def test_equality_is_never_across_currencies() -> None:
    """Zeros of two currencies differ; equal money has one hash."""
    assert eur("0") != Money("0", "USD")
    assert eur("1") != 1
    assert eur("1") == eur("1.00")
    assert 1 == len({eur("1"), eur("1.00"), Money.from_minor(100, EUR)})
    assert 2 == len({Money("1", "EUR"), Money("1.00", Currency("EUR", exponent=3))})


def test_order_is_that_of_the_amounts() -> None:
    """Within a currency money is ordered like its amounts."""
    low, high = eur("-1"), eur("0.5")

    assert (True, True, False, False) == (low < high, low <= high, low > high, low >= high)
    assert (False, True, False, True) == (low < low, low <= low, low > low, low >= low)  # noqa: PLR0124  # the boundary
    assert [low, eur("0"), high] == sorted([high, eur("0"), low])


def test_truth_is_not_being_zero() -> None:
    """Money is true unless it is zero."""
    assert (True, True, False) == (bool(eur("1")), bool(eur("-1")), bool(eur("0")))


@pytest.mark.parametrize(
    ("money", "text", "shown"),
    [
        (eur("12.34"), "EUR 12.34", "Money('12.34', 'EUR')"),
        (eur("-0.05"), "EUR -0.05", "Money('-0.05', 'EUR')"),
        (eur("0"), "EUR 0.00", "Money('0.00', 'EUR')"),
        (eur("-1234567.8"), "EUR -1234567.80", "Money('-1234567.80', 'EUR')"),
        (Money("-7", "JPY"), "JPY -7", "Money('-7', 'JPY')"),
        (Money("0.001", "BHD"), "BHD 0.001", "Money('0.001', 'BHD')"),
        (Money("1", BTC), "BTC 1.00000000", "Money('1.00000000', Currency('BTC', exponent=8))"),
    ],
)
def test_text_has_all_decimals_and_repr_makes_it_again(
    money: Money, text: str, shown: str
) -> None:
    """`str` is code and amount; `repr` is an expression of equal money; `amount` the number."""
    again = eval(repr(money), {"Money": Money, "Currency": Currency})  # our own repr

    assert (text, shown, money) == (str(money), repr(money), again)
    assert Decimal(text.split()[1]) == money.amount
    assert text.split()[1] == str(money.amount)


@pytest.mark.parametrize("money", [eur("12.34"), Money("0.5", BTC), Money.zero("JPY")])
def test_copies_and_pickles_are_equal(money: Money) -> None:
    """A copy is the money itself; pickled money is equal, and keeps the currency's identity."""
    assert money is copy.copy(money) is copy.deepcopy(money) is copy.deepcopy([money])[0]
    copies = [pickle.loads(pickle.dumps(money, protocol)) for protocol in range(2, 6)]

    for other in copies:
        assert (money, hash(money)) == (other, hash(other))
        assert money.currency is other.currency


def test_money_cannot_change() -> None:
    """No field of money can be assigned, deleted or added."""
    money = eur("1")
    for name in ("amount_minor", "currency", "more"):
        with pytest.raises(AttributeError):
            setattr(money, name, 5)
    with pytest.raises(AttributeError):
        del money.amount_minor
    assert eur("1") == money


@pytest.mark.parametrize(
    ("minor", "by", "quotient", "rest"),
    [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-7, -2, 3, -1), (6, 3, 2, 0), (0, 5, 0, 0)],
)
def test_whole_division_is_python_s(minor: int, by: int, quotient: int, rest: int) -> None:
    """`//`, `%` and `divmod` round down, by numbers and by money, and lose nothing."""
    money, other = Money.from_minor(minor, "EUR"), Money.from_minor(by, "EUR")
    shares, left = Money.from_minor(quotient, "EUR"), Money.from_minor(rest, "EUR")

    assert (shares, left) == (money // by, money % by) == divmod(money, by)
    assert (quotient, left) == (money // other, money % other) == divmod(money, other)
    assert money == shares * by + left == other * quotient + left
    assert Fraction(minor, by) == money / other


@pytest.mark.parametrize(
    ("operate", "instead"),
    [
        (lambda m: m * 1.5, r"use times.* Money \* float"),
        (lambda m: 1.5 * m, r"use times.* Money \* float"),
        (lambda m: m * Decimal(2), r"use times.* Money \* Decimal"),
        (lambda m: Decimal(2) * m, r"use times.* Money \* Decimal"),
        (lambda m: Fraction(1, 2) * m, r"use times.* Money \* Fraction"),
        (lambda m: m / 2.0, r"use divided_by.* Money / float"),
        (lambda m: m / Decimal(2), r"or split.* Money / Decimal"),
        (lambda m: m // 2.0, r"use divided_by.* Money // float"),
        (lambda m: m % Decimal(2), r"use divided_by.* Money % Decimal"),
        (lambda m: divmod(m, Fraction(2)), r"use divided_by.* Money divmod Fraction"),
    ],
)
def test_an_operator_names_the_method_to_call(operate: Any, instead: str) -> None:
    """Where a number may not be exact, the error says which method rounds as asked."""
    with pytest.raises(InvalidOperandError, match=instead):
        operate(eur("1"))


@pytest.mark.parametrize(
    "operate",
    [
        lambda m: m / "2",
        lambda m: m // "2",
        lambda m: m % "2",
        lambda m: divmod(m, "2"),
        lambda m: m // True,
        lambda m: m % True,
        lambda m: divmod(m, True),
        lambda m: 2 / m,
        lambda m: 2 // m,
        lambda m: 2 % m,
        lambda m: m**2,
    ],
)
def test_other_divisions_do_not_exist(operate: Any) -> None:
    """Text, bools and the other way round are Python's own TypeError."""
    with pytest.raises(TypeError, match="unsupported operand"):
        operate(eur("1"))


def test_an_int_by_slash_names_the_way() -> None:
    """`money / 3` may be inexact: the error says what to do."""
    with pytest.raises(InvalidOperandError, match="use divided_by"):
        eur("1") / 3  # type: ignore[operator]  # the very thing under test


@pytest.mark.parametrize(
    "divide",
    [
        lambda m, zero: m / zero,
        lambda m, zero: m // zero,
        lambda m, zero: m % zero,
        divmod,
        lambda m, zero: m // 0,
        lambda m, zero: m % 0,
        lambda m, zero: divmod(m, 0),
        lambda m, zero: m.divided_by(0),
        lambda m, zero: m.divided_by("0.0", Rounding.UP),
    ],
)
def test_nothing_is_divided_by_zero(divide: Any) -> None:
    """Every division by zero is one error, which Python programs know."""
    with pytest.raises(DivisionByZeroError, match=r"EUR 1\.00 cannot be divided by it") as raised:
        divide(eur("1"), eur("0"))

    assert isinstance(raised.value, ZeroDivisionError)


def test_factors_and_divisors_are_exact() -> None:
    """`times` and `divided_by` are exact, or rounded once; Decimal's context has no say."""
    with decimal.localcontext(prec=3):
        assert eur("150") == eur("1000").times("0.15")
        assert eur("150") == eur("1000").times(Decimal("0.15"))
        assert eur("333.33") == eur("1000").times(Fraction(1, 3), Rounding.HALF_UP)
        assert eur("-333.34") == eur("1000").times(Fraction(-1, 3), Rounding.UP)
        assert eur("3") == eur("1").divided_by(Fraction(1, 3))
        assert eur("-2.50") == eur("10").divided_by(-4) == eur("-10").divided_by("4")
        assert eur("8") == eur("10").divided_by("1.25")
        assert eur("0.67") == eur("2").divided_by(3, Rounding.HALF_UP)


@pytest.mark.parametrize(
    ("amount", "step", "rounding", "expected"),
    [
        ("9.98", "0.05", Rounding.HALF_UP, "10.00"),
        ("9.97", Decimal("0.05"), Rounding.HALF_UP, "9.95"),
        ("-9.98", "0.05", Rounding.HALF_UP, "-10.00"),
        ("9.98", 1, Rounding.DOWN, "9.00"),
        ("-9.98", 1, Rounding.FLOOR, "-10.00"),
        ("9.98", Money("0.50", "CHF"), Rounding.CEILING, "10.00"),
        ("9.975", "0.05", Rounding.HALF_EVEN, None),
        ("0.75", "0.50", Rounding.HALF_EVEN, "1.00"),
        ("0.25", "0.50", Rounding.HALF_EVEN, "0.00"),
        ("12", "2", None, "12.00"),
        ("-12", "2", None, "-12.00"),
        ("7", "0.03", Rounding.UP, "7.02"),
    ],
)
def test_money_is_rounded_to_a_step(
    amount: str, step: Any, rounding: Rounding | None, expected: str | None
) -> None:
    """The result is a multiple of the step, in the direction asked for."""
    if expected is None:
        with pytest.raises(RoundingRequiredError):
            Money(amount, "CHF")
        return
    rounded = Money(amount, "CHF").rounded_to(step, rounding)

    assert Money(expected, "CHF") == rounded


def test_a_step_is_an_amount_above_zero() -> None:
    """A step of zero, below it, too fine, of another currency or no amount is refused."""
    for step, error in (
        ("0", InvalidAmountError),
        ("-1", InvalidAmountError),
        (0.05, InvalidAmountError),
        ("0.001", RoundingRequiredError),
        (Money("1", "USD"), CurrencyMismatchError),
    ):
        with pytest.raises(error):
            eur("1").rounded_to(step, Rounding.UP)  # type: ignore[arg-type]  # floats too


def test_money_is_kept_within_bounds() -> None:
    """`clamp` gives the nearer bound outside of them, and the money itself inside."""
    low, high = eur("1"), eur("2")

    assert (low, low, eur("1.5"), high, high) == tuple(
        eur(amount).clamp(low, high) for amount in ("0", "1", "1.5", "2", "3")
    )
    assert (low, high) == (min(high, low), max(low, high))
    assert low == high.clamp(low, low)
    with pytest.raises(InvalidAmountError, match=r"lowest must not be above EUR 1\.00"):
        eur("1").clamp(high, low)
    with pytest.raises(InvalidAmountError, match="lowest must be Money"):
        eur("1").clamp(0, high)  # type: ignore[arg-type]  # the very thing under test
    for bounds in ((low, Money("2", "USD")), (Money("1", "USD"), high)):
        with pytest.raises(CurrencyMismatchError):
            eur("1").clamp(*bounds)


@pytest.mark.parametrize("amount", ["9.98", "0.01", "0.04", "123456.02"])
@pytest.mark.parametrize("step", ["0.05", 1, "0.03"])
def test_negatives_are_rounded_to_a_step_as_positives_are(amount: str, step: Any) -> None:
    """Without a rounding both signs raise, and with one each mirrors the other."""
    positive, negative = Money(amount, "CHF"), Money("-" + amount, "CHF")
    if positive.amount_minor % Money(step, "CHF").amount_minor == 0:
        assert (positive, negative) == (positive.rounded_to(step), negative.rounded_to(step))
        return

    for money in (positive, negative):
        with pytest.raises(RoundingRequiredError, match=rf"of CHF [0-9.]+, got {money}; round"):
            money.rounded_to(step)
    for rounding in (Rounding.UP, Rounding.DOWN, Rounding.HALF_EVEN):
        assert -positive.rounded_to(step, rounding) == negative.rounded_to(step, rounding)


def test_a_sum_is_one_pass_over_anything() -> None:
    """Lists, tuples, sets, generators and long iterators are summed; nothing is zero."""
    many = [Money.from_minor(number, "EUR") for number in range(5_001)]
    total = Money.from_minor(5_000 * 5_001 // 2, "EUR")

    for each in (many, tuple(many), set(many), iter(many), (money for money in many)):
        assert total == Money.sum(each)
    assert total == Money.sum(many, EUR) == Money.sum(iter(many), currency="EUR")
    assert eur("0") == Money.sum([], "EUR") == Money.sum(iter([]), "EUR")
    assert type(Money.sum([eur("1")]).amount_minor) is int


@pytest.mark.parametrize("make", [list, tuple, iter])
def test_a_sum_refuses_what_does_not_fit(make: Any) -> None:
    """Other currencies, other things, and nothing at all without a currency are refused."""
    with pytest.raises(CurrencyMismatchError, match="must be in EUR, got USD"):
        Money.sum(make([eur("1"), Money("0", "USD")]))
    with pytest.raises(CurrencyMismatchError, match="must be in USD, got EUR"):
        Money.sum(make([eur("1")]), currency="USD")
    with pytest.raises(InvalidAmountError, match="pass currency="):
        Money.sum(make([]))
    for wrong in (5, 0, None, "EUR 5.00", Decimal(5)):
        for moneys in ([wrong], [eur("1"), wrong], [wrong, eur("1")]):
            with pytest.raises(InvalidAmountError, match="moneys must be Money"):
                Money.sum(make(moneys))


@pytest.mark.parametrize("amount_minor", [1.5, Decimal(1), "1", None])
def test_a_sum_is_not_deceived(amount_minor: Any) -> None:
    """What has the fields of money but no integer in them is not added."""
    lookalike: Any = SimpleNamespace(amount_minor=amount_minor, currency=EUR)
    with pytest.raises(InvalidAmountError, match="moneys must be Money"):
        Money.sum([eur("1"), lookalike])
    with pytest.raises(InvalidAmountError, match="moneys must be Money"):
        Money.sum([SimpleNamespace(amount_minor=1, currency="EUR")] * 2)  # type: ignore[list-item]  # the very thing


class Shouting(str):
    """
    A text that says of itself what it is not.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "999"


def test_a_text_is_what_it_holds() -> None:
    """A subclass of text counts by its characters, as amount, factor and code."""
    assert eur("5") == Money(Shouting("5"), "EUR") == Money("5", Shouting("EUR"))
    assert eur("10") == eur("5").times(Shouting("2"))


def test_equal_currencies_are_summed_whatever_object_they_are() -> None:
    """A currency that is equal but another object is the same currency."""
    twin = object.__new__(Currency)
    Currency.__dict__["code"].__set__(twin, "EUR")
    Currency.__dict__["exponent"].__set__(twin, 2)
    other = object.__new__(Money)
    Money.__dict__["amount_minor"].__set__(other, 5)
    Money.__dict__["currency"].__set__(other, twin)

    assert eur("1.05") == Money.sum([eur("1"), other]) == eur("1") + other
    assert eur("0.95") == eur("1") - other
    assert eur("0.05") == other
    assert {**other.to_dict(), "currency": "EUR"} == Money("0.05", "EUR").to_dict()
    assert "Money('0.05', 'EUR')" == repr(other)
    assert (other < eur("1"), other <= eur("1"), eur("1") > other, eur("1") >= other) == (
        True,
    ) * 4


@pytest.mark.parametrize(
    ("money", "exponent", "minor"),
    [
        (Money("5", "UGX"), 2, 500),
        (eur("12.34"), None, 1234),
        (eur("12.34"), 2, 1234),
        (eur("12.34"), 4, 123400),
        (eur("12.30"), 1, 123),
        (eur("-12"), 0, -12),
        (Money("1", BTC), 8, 10**8),
    ],
)
def test_minor_units_of_a_provider(money: Money, exponent: int | None, minor: int) -> None:
    """Units at another exponent are exact, both ways."""
    assert minor == money.to_minor(exponent)
    assert money == Money.from_minor(minor, money.currency, exponent)
    assert money == Money.from_minor(minor, money.currency, exponent=exponent)


def test_provider_s_units_are_checked() -> None:
    """An exponent out of bounds, and units that do not fit, are refused or rounded."""
    for exponent in (-1, 19, True, "2", 2.0):
        with pytest.raises(InvalidCurrencyError, match="from 0 to 18"):
            eur("1").to_minor(exponent=exponent)  # type: ignore[arg-type]  # the very thing
        with pytest.raises(InvalidCurrencyError, match="from 0 to 18"):
            Money.from_minor(1, "EUR", exponent=exponent)  # type: ignore[arg-type]  # the very thing
    assert (0, 1) == (
        Money("0", "UGX").to_minor(exponent=0),
        eur("1.49").to_minor(0, Rounding.DOWN),
    )
    assert Money("6", "UGX") == Money.from_minor(550, "UGX", 2, Rounding.HALF_UP)
    with pytest.raises(AmountTooLargeError):
        Money.from_minor(10**64, "UGX", exponent=2)
    with pytest.raises(InvalidAmountError):
        Money.from_minor(5, "UGX", exponent=2).from_minor("5", "UGX", exponent=2)  # type: ignore[arg-type]  # the very thing


def test_a_dictionary_is_plain_text() -> None:
    """`to_dict` has texts, and an exponent only where the code does not say it."""
    assert {"amount": "-0.05", "currency": "EUR"} == eur("-0.05").to_dict()
    assert {"amount": "7", "currency": "JPY"} == Money("7", "JPY").to_dict()
    for money in (
        Money("0.5", BTC),
        Money("1", Currency("EUR", 3)),
        Money("1", Currency("XAU", 4)),
    ):
        data = money.to_dict()
        assert money.currency.exponent == data["exponent"]
        assert money == Money.from_dict(json.loads(json.dumps(data)))
    assert eur("5") == Money.from_dict({"amount": "5", "currency": "EUR", "exponent": 2})
    assert eur("5") == Money.from_dict({"amount": "5", "currency": "EUR", "exponent": None})


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (None, InvalidAmountError),
        ("EUR 5.00", InvalidAmountError),
        ([("amount", "5")], InvalidAmountError),
        ({}, InvalidAmountError),
        ({"amount": "5"}, InvalidAmountError),
        ({"currency": "EUR"}, InvalidAmountError),
        ({"amount": "5", "currency": "EUR", "more": 1}, InvalidAmountError),
        ({"amount": 5, "currency": "EUR"}, InvalidAmountError),
        ({"amount": 5.0, "currency": "EUR"}, InvalidAmountError),
        ({"amount": None, "currency": "EUR"}, InvalidAmountError),
        ({"amount": "5.001", "currency": "EUR"}, RoundingRequiredError),
        ({"amount": "5", "currency": "eur"}, InvalidCurrencyError),
        ({"amount": "5", "currency": None}, InvalidCurrencyError),
        ({"amount": "5", "currency": "BTC"}, InvalidCurrencyError),
        ({"amount": "5", "currency": "BTC", "exponent": "8"}, InvalidCurrencyError),
        ({"amount": "5", "currency": "BTC", "exponent": True}, InvalidCurrencyError),
    ],
)
def test_another_dictionary_is_refused(data: Any, error: type[Exception]) -> None:
    """`from_dict` takes what `to_dict` writes, and nothing else."""
    with pytest.raises(error):
        Money.from_dict(data)


@pytest.mark.parametrize(
    "operate",
    [
        lambda m, one: m + one,
        lambda m, one: -m + -one,
        lambda m, one: m - -one,
        lambda m, one: -m - one,
        lambda m, one: m * 2,
        lambda m, one: m * -(10**40),
        lambda m, one: sum([m, one]),
        lambda m, one: Money.sum([m, one]),
        lambda m, one: Money.sum([-m, -one]),
        lambda m, one: m.times(2),
        lambda m, one: m.divided_by("0.5"),
        lambda m, one: m.rounded_to(1, Rounding.UP),
        lambda m, one: m.to_minor(3),
        lambda m, one: MoneyBag([m, one]),
        lambda m, one: MoneyBag([m]) + one,
        lambda m, one: ExchangeRate("EUR", "USD", 2).convert(m),
    ],
)
def test_every_result_has_at_most_64_digits(operate: Any) -> None:
    """Whatever would have one digit more is refused, not left to grow; the largest is not."""
    largest, one = Money.from_minor(10**64 - 1, "EUR"), Money.from_minor(1, "EUR")

    assert largest == (largest - one) + one == Money.sum([largest, one, -one])
    with pytest.raises(AmountTooLargeError, match="at most 64 digits"):
        operate(largest, one)


def test_money_is_an_attrs_value() -> None:
    """Money has two fields, for whoever takes it apart: minor units and currency."""
    assert ["amount_minor", "currency"] == [field.name for field in attrs.fields(Money)]
    match eur("1.50"):
        case Money(amount_minor=150, currency=currency):
            assert currency is EUR
        case other:
            pytest.fail(f"{other} did not match")


def test_a_pattern_reads_like_the_constructor() -> None:
    """`case Money(amount, currency)` is whole units and a currency, in this order."""
    match eur("5"):
        case Money(5, Currency("USD")):
            pytest.fail("it is in EUR")
        case Money(500, _):
            pytest.fail("it is five euros, not five hundred")
        case Money(5, Currency("EUR", exponent=2)):
            pass
        case other:
            pytest.fail(f"{other} did not match")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: eur("x"), "amount must be written like '12', '12.34' or '-0.50', got 'x'."),
        (lambda: eur("-x"), "amount must be written like '12', '12.34' or '-0.50', got '-x'."),
        (lambda: eur("-0"), "amount must not be a negative zero, got '-0'."),
        (lambda: eur("--5"), "amount must be written like '12', '12.34' or '-0.50', got '--5'."),
        (lambda: eur("--0"), "amount must be written like '12', '12.34' or '-0.50', got '--0'."),
        (lambda: eur(None), "amount must be text, an int or a Decimal, got None."),
        (
            lambda: eur(0.5),
            (
                "amount must be text, an int or a Decimal"
                " (write it as text, such as '0.10'), got 0.5."
            ),
        ),
        (lambda: eur(Decimal("NaN")), "amount must be finite, got NaN."),
        (
            lambda: eur(Decimal("1E+99")),
            "amount must have at most 64 digits, got a longer Decimal.",
        ),
        (lambda: eur(10**64), "amount must have at most 64 digits in minor units, got more."),
        (
            lambda: Money.from_minor(None, "EUR"),  # type: ignore[arg-type]  # the very thing
            "amount_minor must be a plain int, got None.",
        ),
        (lambda: Money.sum([]), "moneys must have money (or pass currency=…), got none."),
        (
            lambda: Money.sum([None]),  # type: ignore[list-item]  # the very thing
            "moneys must be Money, got None.",
        ),
        (lambda: eur("1").rounded_to("0", Rounding.UP), "step must be above zero, got EUR 0.00."),
        (
            lambda: eur("1").clamp(None, eur("1")),  # type: ignore[arg-type]  # the very thing
            "lowest must be Money, got None.",
        ),
        (
            lambda: Money.from_dict({}),
            (
                "data must have the keys 'amount' and 'currency', and may have 'exponent',"
                " got a value of type dict."
            ),
        ),
        (
            lambda: Money.from_dict({"amount": None, "currency": "EUR"}),
            "amount must be text in a dictionary, got None.",
        ),
        (
            lambda: Money("1", BTC).__composite_values__(),
            (
                "currency must be of ISO 4217, because a composite's columns keep no exponent,"
                " got Currency('BTC', exponent=8)."
            ),
        ),
        (
            lambda: eur("1") * 1.5,  # type: ignore[operator]  # the very thing
            "The operand must be an int (use times(…, rounding=…)), got Money * float.",
        ),
        (
            lambda: eur("1") / 1.5,  # type: ignore[operator]  # the very thing
            (
                "The operand must be a Money (use divided_by(…, rounding=…), or split),"
                " got Money / float."
            ),
        ),
        *(
            (
                lambda operate=operate: operate(eur("1"), 1.5),
                (
                    "The operand must be an int or a Money (use divided_by(…, rounding=…)),"
                    f" got Money {name} float."
                ),
            )
            for name, operate in (
                ("//", operator.floordiv),
                ("%", operator.mod),
                ("divmod", divmod),
            )
        ),
    ],
)
def test_an_error_says_all_of_it(make: Any, message: str) -> None:
    """Each refusal in full, word by word."""
    with pytest.raises(InvalidRequestError) as raised:
        make()

    assert message == str(raised.value)


def test_the_bounds_are_reached() -> None:
    """The longest text, the smallest step, and what is one too many."""
    longest = "-" + "9" * 62 + ".99"

    assert -(10**64 - 1) == eur(longest).amount_minor
    assert (
        eur("1.23")
        == eur("1.23").rounded_to("0.01")
        == eur("1.23").rounded_to("0.01", Rounding.UP)
    )
    with pytest.raises(AmountTooLargeError):
        eur("-" + "9" * 63 + ".99")


def test_a_decimal_has_128_digits() -> None:
    """A Decimal of 128 digits is looked at, whatever its exponent, and one more is too many."""
    digits = (9,) * 128

    assert eur("1") == eur(Decimal("1." + "0" * 127))
    with pytest.raises(AmountTooLargeError):
        eur(Decimal("1." + "0" * 128))
    for exponent in (-130, -131, -200, -999_999):
        tiny = Decimal((0, digits, exponent))
        expected = Fraction(tiny) * 100 if exponent > -999 else Fraction(0)
        assert expected.__floor__() == Money(tiny, "EUR", Rounding.DOWN).amount_minor
        assert round(expected) == Money(tiny, "EUR", Rounding.HALF_EVEN).amount_minor


@pytest.mark.parametrize("value", [Money, Currency, MoneyBag, ExchangeRate])
def test_values_have_no_subclasses(value: type) -> None:
    """A subclass would be refused in every sum: it is refused at once, with what to do."""
    with pytest.raises(TypeError, match=f"{value.__name__} cannot be subclassed; keep a "):
        type("Mine", (value,), {})


FINE = eur("1.03")
RATE = ExchangeRate("EUR", "USD", "1.333")


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (Money, ("0.001", "EUR")),
        (Money, (Decimal("0.001"), "EUR")),
        (Money, ("1", "ZZZ")),
        (Money, ("1", "XAU")),
        (Money.from_minor, (1, "UGX", 2)),
        (Money.from_minor, (1, "ZZZ")),
        (Money.zero, ("ZZZ",)),
        (Money.parse, ("EUR 0.001",)),
        (Money.parse, ("0.01",)),
        (Money.parse, ("ZZZ 5",)),
        (Money.parse, ("XAU 5",)),
        (Money.parse, ("EUR 1,5",)),
        (Money.parse, ("5", "ZZZ")),
        (Money.sum, ([],)),
        (Money.sum, ([], "ZZZ")),
        (Money.from_dict, ({"amount": "0.001", "currency": "EUR"},)),
        (Money.from_dict, ({"amount": "0.001", "currency": "EUR", "exponent": 2},)),
        (Money.from_dict, ({"amount": "1", "currency": "ZZZ"},)),
        (Money.from_dict, ({"amount": "1", "currency": "XAU"},)),
        (FINE.times, ("0.333",)),
        (FINE.divided_by, (7,)),
        (FINE.rounded_to, ("0.05",)),
        (FINE.rounded_to, ("0.001",)),
        (FINE.to_minor, (1,)),
        (RATE.convert, (FINE,)),
        (Currency, ("ZZZ",)),
        (Currency, ("XAU",)),
        (Currency.from_dict, ({"code": "ZZZ"},)),
        (Currency.from_numeric, (999,)),
        (ExchangeRate, ("EUR", "ZZZ", 1)),
        (ExchangeRate.from_dict, ({"base": "EUR", "quote": "ZZZ", "rate": "1"},)),
        (MoneyBag.from_dict, ({"moneys": [{"amount": "0.001", "currency": "EUR"}]},)),
        (MoneyBag().__getitem__, ("ZZZ",)),
    ],
)
def test_advice_can_be_followed(function: Any, arguments: tuple[Any, ...]) -> None:
    """An argument that an error says to pass is one that the called function has, and helps."""
    with pytest.raises(InvalidRequestError) as raised:
        function(*arguments)

    message = str(raised.value)
    # A whole call, such as Currency(code, exponent=…), says where its arguments go.
    calls = re.findall(r"(\w+)\([\w, ]*?(\w+)=…\)", message)
    assert set(calls) <= {("Currency", "exponent")}
    advised = set(re.findall(r"(\w+)=", re.sub(r"\w+\([^)]*=…\)", "", message)))
    assert advised <= set(inspect.signature(function).parameters)
    if "rounding" in advised:
        assert function(*arguments, rounding=Rounding.UP)
    for key in re.findall("give its '([a-z_]+)' too", message):
        assert function({**arguments[0], key: 2})
    if "give an exponent" in message:
        assert function(*arguments, exponent=2)


@pytest.mark.parametrize(
    ("give", "field"),
    [
        (lambda: Money.from_dict({"amount": "0.001", "currency": "EUR"}), "amount"),
        (lambda: FINE.rounded_to("0.001", Rounding.UP), "step"),
        (lambda: Money.parse("EUR 0.001"), "text"),
    ],
)
def test_what_cannot_be_rounded_there_is_to_be_rounded_first(give: Any, field: str) -> None:
    """Where no rounding can be passed, the error says nothing of one."""
    with pytest.raises(RoundingRequiredError) as raised:
        give()

    assert field == raised.value.field
    assert str(raised.value).endswith("got '0.001'; round it first.")


def test_advice_is_kept_by_pickles_and_dropped_by_other_functions() -> None:
    """An error about another function's argument has none of the first function's advice."""
    with pytest.raises(RoundingRequiredError) as raised:
        eur("0.001")
    other = pickle.loads(pickle.dumps(raised.value))

    assert str(other) == str(raised.value)
    assert "pass" not in str(raised.value.about("limit"))


def test_comparing_leaves_others_their_say() -> None:
    """Money does not decide whether something else equals it."""
    assert eur("1").__eq__(1) is NotImplemented  # the very thing


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (
            lambda m: m.times("0.333"),
            "have more decimals than EUR allows (2), got EUR 1.03 times 0.333",
        ),
        (
            lambda m: m.divided_by(-7),
            "have more decimals than EUR allows (2), got EUR 1.03 divided by -7",
        ),
        (lambda m: m.rounded_to("0.05"), "be a multiple of EUR 0.05, got EUR 1.03"),
        (lambda m: m.to_minor(1), "have more decimals than asked for (1), got EUR 1.03"),
        (
            lambda m: ExchangeRate("EUR", "USD", "1.333").convert(m),
            "have more decimals than USD allows (2), got EUR 1.03 at EUR/USD 1.333",
        ),
    ],
)
def test_what_must_be_rounded_is_told(ask: Any, what: str) -> None:
    """Where a rounding is missing, the sentence says of what, and how to ask for one."""
    with pytest.raises(RoundingRequiredError) as raised:
        ask(eur("1.03"))

    assert f"{what}; round it first, or pass rounding=…." in str(raised.value)
