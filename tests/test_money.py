"""
Money: what becomes an amount, exact arithmetic, comparison, and text.
"""

import copy
import decimal
import pickle
from decimal import Decimal
from typing import Any

import attrs
import pytest

from bankcore import Currency, Money
from bankcore.errors import AmountTooLargeError, CurrencyMismatchError, InvalidAmountError
from bankcore.money import DIGITS_MAX, require_same_currency

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
        ("0.001", "has more decimals than EUR allows (2)"),
        (Decimal("0.001"), "has more decimals than EUR allows (2)"),
        (Decimal("1E-999999"), "has more decimals than EUR allows (2)"),
        (0.1, "write it as text, such as '0.10'"),
        (True, "an amount is text, an int or a Decimal"),
        (Decimal("NaN"), "an amount is a finite number"),
        ("-0", "there is no negative zero"),
        ("-0.0", "there is no negative zero"),
        ("ten", "an amount is written like '12', '12.34' or '-0.50'"),
    ],
)
def test_a_refusal_says_what_to_do(amount: Any, reason: str) -> None:
    """What is no amount is refused with the reason, and shown."""
    with pytest.raises(InvalidAmountError) as raised:
        eur(amount)

    assert reason == raised.value.reason or reason in raised.value.reason


@pytest.mark.parametrize("minor", [True, 1.0, "1", Decimal(1), None])
def test_minor_units_are_plain_ints(minor: Any) -> None:
    """`from_minor` takes an int and nothing like one."""
    with pytest.raises(InvalidAmountError, match="minor units are a plain int"):
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
    with pytest.raises(CurrencyMismatchError, match="must be in EUR, and it is in USD"):
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
        (
            Money("1", BTC),
            "BTC 1.00000000",
            "Money('1.00000000', Currency('BTC', exponent=8))",
        ),
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


def test_format_lays_out_the_text() -> None:
    """A format's width and alignment are those of the text."""
    assert ("EUR 1.50", "   EUR 1.50", "EUR 1.50...") == (
        f"{eur('1.5')}",
        f"{eur('1.5'):>11}",
        f"{eur('1.5'):.<11}",
    )


@pytest.mark.parametrize("money", [eur("12.34"), Money("0.5", BTC), Money.zero("JPY")])
def test_copies_and_pickles_are_equal(money: Money) -> None:
    """Copies and pickled money are equal, hash alike, and keep the currency's identity."""
    copies = [copy.copy(money), copy.deepcopy(money)]
    copies += [pickle.loads(pickle.dumps(money, protocol)) for protocol in range(2, 6)]

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


def test_multiples_are_bounded_too() -> None:
    """A multiple of more than 64 digits is refused, not left to grow."""
    with pytest.raises(AmountTooLargeError):
        Money.from_minor(10**40, "EUR") * 10**40


def test_money_is_an_attrs_value() -> None:
    """Money has two fields, for whoever takes it apart: minor units and currency."""
    assert ["amount_minor", "currency"] == [field.name for field in attrs.fields(Money)]
    match eur("1.50"):
        case Money(amount_minor=150, currency=currency):
            assert currency is EUR
        case other:
            pytest.fail(f"{other} did not match")
