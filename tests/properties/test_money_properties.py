"""
Properties of money over all amounts and several currencies.
"""

import decimal
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankcore import Currency, Money
from bankcore.errors import CurrencyMismatchError, InvalidAmountError

CURRENCIES = [
    Currency("EUR"),
    Currency("JPY"),
    Currency("BHD"),
    Currency("CLF"),
    Currency("BTC", exponent=8),
    Currency("ETH", exponent=18),
]
currencies = st.sampled_from(CURRENCIES)
minors = st.integers(-(10**30), 10**30)
moneys = st.builds(Money.from_minor, minors, currencies)
euros = st.builds(Money.from_minor, minors, st.just(Currency("EUR")))


class TestExactness:
    """
    "Exact arithmetic on integers. Nothing rounds unless a rounding mode is passed."
    """

    @given(minors, minors, st.integers(-(10**6), 10**6))
    def test_arithmetic_is_that_of_integers(self, a: int, b: int, factor: int) -> None:
        """Money computes what its minor units compute."""
        left, right = Money.from_minor(a, "EUR"), Money.from_minor(b, "EUR")

        assert (a + b, a - b, -a, abs(a), a * factor) == tuple(
            money.amount_minor
            for money in (left + right, left - right, -left, abs(left), left * factor)
        )

    @given(euros, euros, euros)
    def test_the_laws_of_a_group_hold(self, a: Money, b: Money, c: Money) -> None:
        """Sums may be reordered and regrouped, and have a zero and opposites."""
        zero = Money.zero("EUR")

        assert (a + b) + c == a + (b + c)
        assert a + b == b + a
        assert a + zero == a == a - zero
        assert zero == a - a == a + -a

    @given(st.lists(euros, min_size=1))
    def test_sum_is_the_sum_of_minor_units(self, each: list[Money]) -> None:
        """The built-in `sum` of moneys is exact."""
        total = sum(each)

        assert isinstance(total, Money)
        assert sum(money.amount_minor for money in each) == total.amount_minor

    @given(moneys)
    def test_nothing_leaks_from_the_decimal_context(self, money: Money) -> None:
        """An ambient context of three digits changes neither text nor number."""
        with decimal.localcontext(prec=3):
            shown, number = str(money), money.amount

        assert (shown, number) == (str(money), money.amount)
        assert Money(number, money.currency) == money


class TestOrderAndHash:
    """
    "`==` is False across currencies, ordering and `+` raise `CurrencyMismatchError`. … Hash agrees
    with `==`; pickling keeps both."
    """

    @given(minors, minors)
    def test_order_is_that_of_integers(self, a: int, b: int) -> None:
        """Within a currency, order is total and that of the amounts."""
        left, right = Money.from_minor(a, "EUR"), Money.from_minor(b, "EUR")

        assert (a < b, a <= b, a == b, a >= b, a > b) == (
            left < right,
            left <= right,
            left == right,
            left >= right,
            left > right,
        )

    @given(moneys, moneys)
    def test_equal_money_has_one_hash(self, a: Money, b: Money) -> None:
        """Equal is: the same minor units of the same currency; and then the hash is the same."""
        assert (a == b) == ((a.amount_minor, a.currency) == (b.amount_minor, b.currency))
        assert hash(a) == hash(Money.from_minor(a.amount_minor, a.currency))
        if a.currency != b.currency:
            assert a != b
            with pytest.raises(CurrencyMismatchError):
                a + b
            with pytest.raises(CurrencyMismatchError):
                _ = a < b

    @given(moneys)
    def test_pickling_keeps_both(self, money: Money) -> None:
        """Money from a pickle is equal, hashes alike, and has the very same currency."""
        other = pickle.loads(pickle.dumps(money))

        assert (money, hash(money)) == (other, hash(other))
        assert money.currency is other.currency


class TestText:
    """
    "float, bool, NaN, infinity, exponents in text, non-ASCII digits, too many decimals, over-long
    text: an error, never a rounding."
    """

    @given(moneys)
    def test_what_is_written_is_read_again(self, money: Money) -> None:
        """Text, Decimal and repr of money make equal money."""
        text = str(money).removeprefix(f"{money.currency.code} ")

        assert money == Money(text, money.currency)
        assert money == Money(Decimal(text), money.currency)
        assert money == eval(repr(money), {"Money": Money, "Currency": Currency})

    @given(st.text(max_size=80), currencies)
    def test_any_text_is_exactly_an_amount_or_refused(self, text: str, currency: Currency) -> None:
        """A text that is taken denotes that very number; any other is one typed error."""
        try:
            money = Money(text, currency)
        except InvalidAmountError:
            return
        with decimal.localcontext(prec=500):
            assert Decimal(text) == Decimal(money.amount_minor).scaleb(-currency.exponent)

    @given(st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{0,20})?", fullmatch=True), currencies)
    def test_a_number_s_text_is_judged_by_its_form(self, text: str, currency: Currency) -> None:
        """Of plain numbers, just those in canonical form and of fitting precision are taken."""
        whole, point, decimals = text.removeprefix("-").partition(".")
        is_canonical = (whole == "0" or whole[0] != "0") and (decimals != "" or point == "")
        is_negative_zero = text.startswith("-") and not (whole + decimals).strip("0")
        fits = len(decimals) <= currency.exponent
        if is_canonical and fits and not is_negative_zero:
            expected = Decimal(text)
            money = Money(text, currency)
            assert expected == Decimal(money.amount_minor).scaleb(-currency.exponent)
        else:
            with pytest.raises(InvalidAmountError):
                Money(text, currency)

    @given(st.decimals(allow_nan=True, allow_infinity=True), currencies)
    def test_a_decimal_counts_by_its_value(self, number: Decimal, currency: Currency) -> None:
        """A Decimal is taken where its value fits, whatever zeros it carries."""
        fits = number.is_finite() and (
            number == 0
            or (
                number.adjusted() + currency.exponent < 64
                and -number.normalize(decimal.Context(prec=500)).as_tuple().exponent  # type: ignore[operator]  # finite
                <= currency.exponent
            )
        )
        if fits:
            money = Money(number, currency)
            with decimal.localcontext(prec=500):
                assert number == Decimal(money.amount_minor).scaleb(-currency.exponent)
        else:
            with pytest.raises(InvalidAmountError):
                Money(number, currency)

    @given(st.one_of(st.floats(), st.booleans(), st.binary(), st.none(), st.complex_numbers()))
    def test_no_other_type_is_an_amount(self, value: object) -> None:
        """Floats, bools, bytes and the rest are refused, whatever their value."""
        with pytest.raises(InvalidAmountError):
            Money(value, "EUR")  # type: ignore[arg-type]  # the very thing under test
