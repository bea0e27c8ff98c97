"""
Properties of money over all amounts and several currencies.
"""

import decimal
import operator
import pickle
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankcore import Allocation, Currency, ExchangeRate, Money, MoneyBag, Rounding
from bankcore.errors import (
    AmountTooLargeError,
    BankError,
    CurrencyMismatchError,
    InvalidAmountError,
    RoundingRequiredError,
)

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
factors = st.fractions(-(10**9), 10**9, max_denominator=10**9)
weights = st.lists(st.fractions(0, 10**6, max_denominator=10**4), min_size=1, max_size=8).filter(
    any
)


def expected_rounding(number: Fraction, mode: Rounding) -> int:
    """
    By definition and not by the code's way: the nearer of both neighbours, or the one named.
    """
    below, above = number.__floor__(), number.__ceil__()
    toward, away = sorted((below, above), key=abs)
    even, odd = sorted((below, above), key=lambda each: each % 2)
    named = {
        "up": away,
        "down": toward,
        "ceiling": above,
        "floor": below,
        "even": even,
        "odd": odd,
    }
    if mode is Rounding.ZERO_FIVE_UP:
        return away if toward % 5 == 0 else toward
    kind, _, tie = mode.value.partition("_")
    if kind != "half":
        return named[kind]
    if abs(number - below) == abs(number - above):
        return named[tie]
    return min((below, above), key=lambda each: abs(number - each))


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


class TestDivisionAndRounding:
    """
    "Python's floor rule, currency kept"; "rounds only as asked, by exactly one unit at most".
    """

    @given(euros, st.integers(-(10**12), 10**12).filter(bool))
    def test_whole_division_loses_nothing(self, money: Money, by: int) -> None:
        """Quotient and rest make the money again, and the rest has the sign of the divisor."""
        quotient, rest = divmod(money, by)

        assert money == quotient * by + rest
        assert (money // by, money % by) == (quotient, rest)
        assert 0 <= rest.amount_minor < by or by < rest.amount_minor <= 0

    @given(euros, euros.filter(bool))
    def test_money_by_money_is_exact(self, a: Money, b: Money) -> None:
        """The ratio is exact, and whole division agrees with it."""
        ratio = a / b

        assert a == b.times(ratio, Rounding.HALF_EVEN) if abs(ratio.numerator) < 10**64 else True
        assert (ratio.__floor__(), a - b * (a // b)) == divmod(a, b)

    @given(euros, factors, st.sampled_from(Rounding))
    def test_a_product_is_within_one_unit(
        self, money: Money, factor: Fraction, mode: Rounding
    ) -> None:
        """A rounded product is one of the two nearest, and halves mean the nearest."""
        exact = money.amount_minor * factor
        with decimal.localcontext(prec=3):
            product = money.times(factor, mode).amount_minor

        assert product in {exact.__floor__(), exact.__ceil__()}
        if mode.value.startswith("half"):
            assert abs(product - exact) <= Fraction(1, 2)
        assert product == expected_rounding(exact, mode)

    @given(euros, factors.filter(bool), st.sampled_from(Rounding))
    def test_division_is_multiplication_by_the_inverse(
        self, money: Money, by: Fraction, mode: Rounding
    ) -> None:
        """`divided_by(x)` is `times(1/x)`."""
        assert money.times(1 / by, mode) == money.divided_by(by, mode)

    @given(euros, factors)
    def test_without_a_mode_it_is_exact_or_refused(self, money: Money, factor: Fraction) -> None:
        """Without a rounding, the result is the exact product, or there is none."""
        exact = money.amount_minor * factor
        if exact.denominator == 1:
            assert exact == money.times(factor).amount_minor
        else:
            with pytest.raises(RoundingRequiredError):
                money.times(factor)

    @given(euros, st.integers(1, 10**6), st.sampled_from(Rounding))
    def test_a_step_is_kept(self, money: Money, step: int, mode: Rounding) -> None:
        """What is rounded to a step is a multiple of it, less than one step away; and stays."""
        unit = Money.from_minor(step, "EUR")
        rounded = money.rounded_to(unit, mode)

        assert not rounded % unit
        assert abs(rounded - money) < unit
        assert rounded == rounded.rounded_to(unit) == rounded.rounded_to(unit, mode)

    @given(st.lists(euros, max_size=30), euros)
    def test_sums_agree(self, each: list[Money], first: Money) -> None:
        """`Money.sum`, the built-in `sum` and a bag come to the same."""
        total = Money.sum([first, *each])

        assert total == sum([first, *each]) == Money.sum(iter([first, *each]))
        assert MoneyBag([total]) == sum(map(MoneyBag, [[first], each]))

    @given(euros, euros, euros)
    def test_clamping_is_the_middle_one(self, a: Money, b: Money, c: Money) -> None:
        """Of money and two bounds, the one in the middle."""
        assert sorted([a, b, c])[1] == a.clamp(min(b, c), max(b, c))


class TestSharing:
    """
    "`allocate(weights)` and `split(n)` lose and create nothing: largest remainder, ties to the
    lower index, a zero weight gets nothing, negatives mirror positives."
    """

    @given(euros, weights, st.sampled_from(Allocation))
    def test_nothing_is_lost_or_made(
        self, money: Money, by: list[Fraction], mode: Allocation
    ) -> None:
        """The parts are the money, each within one unit of its share; and mirrored."""
        parts = money.allocate(by, mode)
        separate = mode is Allocation.SEPARATE

        assert money == Money.sum(parts)
        assert len(by) + separate == len(parts)
        assert tuple(-part for part in parts) == (-money).allocate(by, mode)
        for part, weight in zip(parts, by, strict=not separate):
            share = money.amount_minor * weight / sum(by)
            assert abs(part.amount_minor - share) < 1
            assert weight or not part
        if separate:
            assert abs(parts[-1].amount_minor) < len(by)

    @given(euros, weights)
    def test_largest_remainder_is_the_fairest(self, money: Money, by: list[Fraction]) -> None:
        """No unit could move to another part and be nearer to its share there."""
        size = abs(money.amount_minor)
        parts = [abs(part.amount_minor) for part in money.allocate(by)]
        shares = [size * weight / sum(by) for weight in by]
        lost = [share - part for share, part in zip(shares, parts, strict=True)]

        # Who got a unit more lost less than nothing; nobody without one lost more by rounding.
        with_more = [share % 1 for share, rest in zip(shares, lost, strict=True) if rest < 0]
        without = [rest for rest in lost if rest >= 0]
        assert not with_more or not without or min(with_more) >= max(without)

    @given(euros, weights, st.integers(1, 10**9))
    def test_only_proportions_count(self, money: Money, by: list[Fraction], factor: int) -> None:
        """Weights all multiplied by one number share out the same."""
        assert money.allocate(by) == money.allocate([weight * factor for weight in by])

    @given(euros, st.integers(1, 50), st.sampled_from(Allocation))
    def test_parts_of_a_split_differ_by_one_unit(
        self, money: Money, parts: int, mode: Allocation
    ) -> None:
        """Equal parts are equal but for one minor unit."""
        minor = [part.amount_minor for part in money.split(parts, mode)][:parts]

        assert max(minor) - min(minor) <= 1
        assert money == Money.sum(money.split(parts, mode))


class TestNotation:
    """
    "parse∘format = id": what is laid out is read again, whatever the layout.
    """

    @given(
        moneys | st.builds(Money.from_minor, st.just(1 - 10**64), currencies),
        st.from_regex(r"([ *x0]?[<>^])?[-+ ]?([1-9][0-9]?)?[,_]?~?[cCsSn]?", fullmatch=True),
    )
    def test_parse_takes_what_the_reference_says(self, money: Money, spec: str) -> None:
        """ "Every format but those that pad, and the sign that is a space", and no others."""
        text = format(money, spec)
        group = next((mark for mark in ",_" if mark in spec), None)
        is_padded = len(text) > len(format(money, re.sub("[1-9][0-9]*", "", spec)))
        has_space = " " in re.sub(".?[<>^]", "", spec) and money >= Money.zero(money.currency)
        if is_padded or has_space:
            with pytest.raises(InvalidAmountError):
                Money.parse(text, money.currency, group_mark=group)
        else:
            assert money == Money.parse(text, money.currency, group_mark=group)

    @given(
        moneys,
        st.sampled_from(["", "-", "+"]),
        st.sampled_from(["", ",", "_"]),
        st.sampled_from(["", "~"]),
        st.sampled_from(["", "c", "C", "s", "S", "n"]),
    )
    def test_a_layout_is_read_again(
        self, money: Money, sign: str, group: str, trim: str, beside: str
    ) -> None:
        """Sign, groups, left-out zeros, code and symbol on either side lose nothing."""
        text = format(money, sign + group + trim + beside)

        assert money == Money.parse(text, money.currency, group_mark=group or None)
        if money.currency.is_listed and beside in {"", "c", "C"}:
            assert money == Money.parse(text, group_mark=group or None)
        assert money == Money.parse(
            text.translate({ord("."): ",", ord(group or "_"): "."}),
            money.currency,
            decimal_mark=",",
            group_mark="." if group else None,
        )

    @given(moneys, st.integers(1, 200), st.sampled_from("<>^"))
    def test_a_width_only_adds_space(self, money: Money, width: int, align: str) -> None:
        """A layout of some width is the same text, with nothing but space around."""
        text = format(money, f"{align}{width}")

        assert (max(width, len(str(money))), str(money)) == (len(text), text.strip())

    @given(st.text(max_size=140), st.none() | currencies)
    def test_any_text_is_money_or_refused(self, text: str, currency: Currency | None) -> None:
        """Whatever is read is written in the text, figure by figure; or it is a typed error."""
        try:
            money = Money.parse(text, currency, group_mark=",")
        except BankError:
            return
        figures = "".join(filter(str.isdigit, text.replace(money.currency.code, "")))
        assert figures.lstrip("0").rstrip("0") in str(money.amount_minor) or not money

    @given(moneys)
    def test_dictionaries_are_exact(self, money: Money) -> None:
        """What `to_dict` writes, `from_dict` reads, with the currency's identity."""
        other = Money.from_dict(money.to_dict())

        assert money == other
        assert money.currency is other.currency

    @given(moneys, st.integers(0, 18))
    def test_minor_units_of_any_exponent(self, money: Money, exponent: int) -> None:
        """Units of another exponent are exact, or refused, both ways."""
        exact = Fraction(money.amount) * 10**exponent
        if exact.denominator == 1:
            minor = money.to_minor(exponent)
            assert (exact, money) == (minor, Money.from_minor(minor, money.currency, exponent))
        else:
            with pytest.raises(RoundingRequiredError):
                money.to_minor(exponent)


class TestBags:
    """
    "MoneyBag for several currencies (adds, subtracts, drops zeros, compares)."
    """

    @given(st.lists(moneys, max_size=8), st.lists(moneys, max_size=8))
    def test_bags_are_sums_by_currency(self, a: list[Money], b: list[Money]) -> None:
        """Adding and subtracting is done currency by currency, and undone again."""
        left, right = MoneyBag(a), MoneyBag(b)

        assert MoneyBag([*a, *b]) == left + right == right + left
        assert left == left + right - right
        assert MoneyBag() == left - left
        assert all(left)
        for currency in CURRENCIES:
            assert left[currency] + right[currency] == (left + right)[currency]
        assert (left <= right) == all(left[of] <= right[of] for of in CURRENCIES)
        assert (left < right) == (right > left) == (left <= right and left != right)


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


ENDS = [10**64 - 1, 10**64 - 2, 5 * 10**63, 10**63, 1, 0]
large = st.builds(
    Money.from_minor,
    st.sampled_from([*ENDS, *(-end for end in ENDS)]) | st.integers(1 - 10**64, 10**64 - 1),
    st.sampled_from(["EUR", "JPY"]),
)


class TestOneBound:
    """
    "An amount has at most 64 digits", wherever it comes from, and what has them goes anywhere.
    """

    @given(
        large,
        large,
        st.sampled_from(
            [
                operator.add,
                operator.sub,
                lambda a, b: a * 7,
                lambda a, b: -a * -1,
                lambda a, b: a // -1,
                lambda a, b: a // 3,
                lambda a, b: a % 7,
                lambda a, b: abs(a),
                lambda a, b: sum([a, b, b]),
                lambda a, b: Money.sum([a, b, b]),
                lambda a, b: a.times("1.1", Rounding.UP),
                lambda a, b: a.divided_by("0.9", Rounding.UP),
                lambda a, b: a.rounded_to(100, Rounding.UP),
                lambda a, b: a.allocate([1, 2])[0],
                lambda a, b: a.split(2)[0],
                lambda a, b: MoneyBag([a, b])[a.currency],
                lambda a, b: (MoneyBag([a]) - b)[a.currency],
                lambda a, b: ExchangeRate(a.currency, "USD", "1.1").convert(a, Rounding.UP),
                lambda a, b: Money.from_minor(a.to_minor(3), a.currency, 3),
                lambda a, b: Money(a.amount * 2, a.currency),
            ]
        ),
    )
    def test_every_result_can_be_used_as_it_is(
        self, a: Money, b: Money, operate: Callable[[Money, Money], Money]
    ) -> None:
        """A result is an error, or money that every way in and out takes."""
        with decimal.localcontext(prec=100):
            try:
                result = operate(a, Money.from_minor(b.amount_minor, a.currency))
            except AmountTooLargeError:
                return

        names = {"Money": Money, "Currency": Currency}
        assert abs(result.amount_minor) < 10**64
        assert result == eval(repr(result), names) == result * 1
        assert result == Money.from_dict(result.to_dict()) == Money.parse(str(result))
        assert result == Money(result.amount, result.currency)
        assert result == Money.from_minor(result.to_minor(), result.currency)
        assert result == pickle.loads(pickle.dumps(result))


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
            money = Money(text, currency)
            assert Fraction(text) == Fraction(money.amount_minor, 10**currency.exponent)
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

    @given(st.integers(-(10**70), 10**70), st.integers(-24, 4), st.integers(0, 18), st.booleans())
    def test_every_decimal_is_its_value(
        self, digits: int, shift: int, exponent: int, is_short: bool
    ) -> None:
        """However `str` writes it, a Decimal is as many minor units as it is worth, or refused."""
        sign, figures, _ = Decimal(digits % 1000 if is_short else digits).as_tuple()
        number = Decimal((sign, figures, shift))
        currency = Currency("OWN", exponent=exponent)
        minor = Fraction(number) * 10**exponent
        if minor.denominator == 1 and abs(minor) < 10**64:
            assert minor == Money(number, currency).amount_minor
        else:
            with pytest.raises(InvalidAmountError):
                Money(number, currency)

    @given(st.one_of(st.floats(), st.booleans(), st.binary(), st.none(), st.complex_numbers()))
    def test_no_other_type_is_an_amount(self, value: object) -> None:
        """Floats, bools, bytes and the rest are refused, whatever their value."""
        with pytest.raises(InvalidAmountError):
            Money(value, "EUR")  # type: ignore[arg-type]  # the very thing under test
