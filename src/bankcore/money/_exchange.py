"""
Exchange: what one unit of a currency is worth in another, and converting money.

Decided here: what a rate is, and that a converted amount is rounded only if the caller says how.
Where rates come from, and how old they may be, is the application's business.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, final

import attrs

from bankcore.money._currency import (
    Currency,
    currency_fields,
    currency_from_items,
    forbid_subclass,
    has_keys,
    to_currency,
)
from bankcore.money._errors import CurrencyMismatchError, InvalidRateError
from bankcore.money._formatting import decimal_text
from bankcore.money._money import Money, from_ratio, require_money
from bankcore.money._rounding import NUMBER_DIGITS_MAX, Exact, Rounding, exact_ratio
from bankcore.values._errors import names_fields, shown
from bankcore.values._schemas import schema_of, text_field

_NUMBER: Final = r"(0|[1-9][0-9]*)(\.[0-9]+)?"
#: The form of a rate as text: a decimal number, or two of them with a slash between.
RATE_PATTERN: Final = f"{_NUMBER}(/{_NUMBER})?"
#: The longest text of a rate, in characters.
RATE_LENGTH: Final = 2 * (NUMBER_DIGITS_MAX + 1) + 1


def _to_rate(value: Exact) -> Fraction:
    rate = Fraction(*exact_ratio(value, InvalidRateError, "rate"))
    if rate <= 0:
        raise _invalid(str(rate), "must be above zero")
    return rate


def _invalid(value: str, reason: str) -> InvalidRateError:
    return InvalidRateError(value, reason).about("rate")


@final
@names_fields
@attrs.frozen
class ExchangeRate:
    """
    The exact *rate* between two currencies: the units of *quote* for one unit of *base*.

        >>> rate = ExchangeRate("EUR", "USD", "1.0825")
        >>> rate.convert(Money("10", "EUR"), rounding=Rounding.HALF_EVEN)
        Money('10.82', 'USD')

    The currencies are `Currency` or ISO codes. The rate is an ``int``, a ``Decimal``, a
    ``Fraction`` or decimal text, in whole units of both, and above zero; as a fraction in lowest
    terms, each side has at most 64 digits. It is kept as a ``Fraction``.

    Raises:
        InvalidRateError: If the rate is anything else, such as a ``float``, or if a currency
            would be exchanged for itself at another rate than 1.
        InvalidCurrencyError: If there is no such currency.
    """

    base: Currency = attrs.field(converter=to_currency)
    quote: Currency = attrs.field(converter=to_currency)
    rate: Fraction = attrs.field(converter=_to_rate)

    def __init_subclass__(cls) -> None:
        forbid_subclass(cls)

    def __attrs_post_init__(self) -> None:
        if self.base == self.quote and self.rate != 1:
            raise _invalid(str(self.rate), f"must be 1 from {self.base} to {self.base}")

    def convert(self, money: Money, rounding: Rounding | str | None = None) -> Money:
        """
        Return *money*, which is in ``base``, in ``quote``; rounded once, as *rounding* says.

            >>> ExchangeRate("GBP", "JPY", 175).convert(Money("100", "GBP"))
            Money('17500', 'JPY')

        Raises:
            CurrencyMismatchError: If the money is not in ``base``; `inverse` goes the other way.
            RoundingRequiredError: If it is finer than ``quote`` allows and no rounding was given.
            AmountTooLargeError: If the result has more than 64 digits.
        """
        if require_money(money, "money") != self.base:
            raise CurrencyMismatchError(repr(self.base), repr(money.currency)).about("money")
        numerator = money.amount_minor * self.rate.numerator * 10**self.quote.exponent
        denominator = self.rate.denominator * 10**self.base.exponent
        return from_ratio(numerator, denominator, self.quote, rounding, "{} at {}", money, self)

    def inverse(self) -> "ExchangeRate":
        """
        Return the rate of the other way, exactly: its own inverse is this rate again.

            >>> ExchangeRate("EUR", "USD", "1.25").inverse()
            ExchangeRate('USD', 'EUR', '0.8')
        """
        return ExchangeRate(self.quote, self.base, 1 / self.rate)

    def to_dict(self) -> dict[str, Any]:
        """
        Return the rate for JSON: ``base`` and ``quote`` by their codes, and ``rate`` as text.

            >>> ExchangeRate("EUR", "USD", "1.0825").to_dict()
            {'base': 'EUR', 'quote': 'USD', 'rate': '1.0825'}

        A rate without an exact decimal text is written as a fraction, ``25/27``. If a code does
        not say the exponent, there are ``base_exponent`` and ``quote_exponent``.
        """
        items: dict[str, Any] = {"base": self.base.code, "quote": self.quote.code}
        for name, currency in (("base", self.base), ("quote", self.quote)):
            if not currency.is_listed:
                items[f"{name}_exponent"] = currency.exponent
        return {**items, "rate": _text(self.rate)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ExchangeRate":
        """
        Return the rate that `to_dict` wrote.

        Raises:
            InvalidRateError: If *data* has other keys, or a rate that is not such a text.
            InvalidCurrencyError: If there is no such currency.
        """
        if not has_keys(data, {"base", "quote", "rate"}, {"base_exponent", "quote_exponent"}):
            reason = "must have the keys 'base', 'quote' and 'rate', and may have exponents"
            raise _invalid(shown(data), reason).about("data")
        rate = data["rate"]
        if not isinstance(rate, str):
            raise _invalid(shown(rate), "must be text in a dictionary")
        numerator, slash, denominator = rate.partition("/")
        made = _to_rate(numerator)
        if slash:
            made /= _to_rate(denominator)
        return cls(
            currency_from_items(data, "base", "base_exponent"),
            currency_from_items(data, "quote", "quote_exponent"),
            made,
        )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:  # noqa: ANN401  # its type is pydantic's
        rate = text_field(RATE_PATTERN, RATE_LENGTH)
        base, quote = (currency_fields(name, f"{name}_exponent") for name in ("base", "quote"))
        return schema_of(cls, {**base, **quote, "rate": rate})

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {_text(self.rate)}"

    def __repr__(self) -> str:
        base, quote = (
            repr(each.code) if each.is_listed else repr(each) for each in (self.base, self.quote)
        )
        text = _text(self.rate)
        rate = repr(self.rate) if "/" in text else repr(text)
        return f"ExchangeRate({base}, {quote}, {rate})"


def _text(rate: Fraction) -> str:
    """Return *rate* as decimal text of at most 64 digits if there is one, else as a fraction."""
    numerator, denominator = rate.as_integer_ratio()
    for decimals in range(NUMBER_DIGITS_MAX):
        if 10**decimals % denominator == 0:
            text = decimal_text(numerator * 10**decimals // denominator, decimals)
            if len(text.replace(".", "")) <= NUMBER_DIGITS_MAX:
                return text
    return f"{numerator}/{denominator}"
