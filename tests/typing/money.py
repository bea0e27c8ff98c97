"""
What a type checker must infer. Checked by mypy, never executed.

A wrong call is marked as an error that mypy must report: `--strict` finds an ignore that
ignores nothing.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Literal, assert_type

from bankcore import Allocation, Currency, ExchangeRate, Money, MoneyBag, Rounding

money = Money("1", "EUR")
moneys = [money, Money(1, Currency("EUR")), Money(Decimal(1), "EUR", Rounding.UP)]

assert_type(Money.sum(moneys), Money)
assert_type(Money.sum(iter(moneys), "EUR"), Money)
assert_type(sum(moneys, Money.zero("EUR")), Money)
assert_type(sum(moneys), Money | Literal[0])
assert_type(min(moneys), Money)
assert_type(max(money, money), Money)
assert_type(sorted(moneys), list[Money])
assert_type(money + money - money, Money)
assert_type(money * 3, Money)
assert_type(3 * money, Money)
assert_type(-abs(+money), Money)
assert_type(money / money, Fraction)
assert_type(money // 3, Money)
assert_type(money // money, int)
assert_type(money % 3, Money)
assert_type(money % money, Money)
assert_type(divmod(money, 3), tuple[Money, Money])
assert_type(divmod(money, money), tuple[int, Money])
assert_type(money < Money.zero("EUR"), bool)
assert_type(money.times("0.5", Rounding.HALF_EVEN), Money)
assert_type(money.times(Fraction(1, 3), rounding="ROUND_HALF_EVEN"), Money)
assert_type(money.divided_by(Decimal(3), rounding=Rounding.UP), Money)
assert_type(money.rounded_to(money.currency.cash_step, Rounding.HALF_UP), Money)
assert_type(money.rounded_to(money), Money)
assert_type(money.clamp(money, money), Money)
assert_type(money.allocate([1, "0.5", Fraction(1, 3)]), tuple[Money, ...])
assert_type(money.split(3, Allocation.TO_LAST), tuple[Money, ...])
assert_type(money.amount, Decimal)
assert_type(money.to_minor(exponent=3), int)
assert_type(Money.parse("1", "EUR"), Money)
assert_type(Money.from_dict({}), Money)
assert_type(ExchangeRate("EUR", "USD", "1.25").convert(money), Money)
assert_type(ExchangeRate("EUR", "USD", 2).inverse().rate, Fraction)
assert_type(MoneyBag(moneys) + money, MoneyBag)
assert_type(money + MoneyBag(), MoneyBag)
assert_type(MoneyBag()["EUR"], Money)
assert_type(sum([MoneyBag()], MoneyBag()), MoneyBag)
assert_type(Currency.from_country("CH"), Currency)
assert_type(Currency.all_from_country("BT"), tuple[Currency, ...])

match money:
    case Money(amount, currency):
        assert_type(amount, Decimal)
        assert_type(currency, Currency)

# What a checker must refuse.
Money(0.1, "EUR")  # type: ignore[arg-type]  # floats are inexact
money + 1  # type: ignore[operator]  # a number has no currency
money * 1.5  # type: ignore[operator]  # floats are inexact
money * Decimal(2)  # type: ignore[operator]  # it would have to round
money / 3  # type: ignore[operator]  # it would have to round
_ = money < 1  # type: ignore[operator]  # a number has no currency
money.times(0.5)  # type: ignore[arg-type]  # floats are inexact
money.allocate([0.5, 0.5])  # type: ignore[list-item]  # floats are inexact
money.split(3, mode="to_first")  # type: ignore[arg-type]  # an `Allocation`, no text
money.amount_minor = 5  # type: ignore[misc]  # it is immutable
ExchangeRate("EUR", "USD", 1.25)  # type: ignore[arg-type]  # floats are inexact
