"""
Amounts: which values are amounts of money, and how many minor units they are.

Decided here: text, an ``int`` and a ``Decimal`` are amounts, and nothing else is: a float never
gets in, and nothing is rounded unless the caller says how. The limits of accounts are elsewhere.
"""

from decimal import Decimal
from typing import Final

from bankcore.money._currency import Currency
from bankcore.money._errors import AmountTooLargeError, InvalidAmountError, RoundingRequiredError
from bankcore.money._rounding import Rounding, parse_decimal, round_ratio, to_rounding
from bankcore.values._errors import shown

#: The most digits of an amount, in minor units or as text.
DIGITS_MAX: Final = 64
#: The longest text of an amount, in characters: a sign, a point, and the digits.
AMOUNT_TEXT_LENGTH: Final = DIGITS_MAX + 2
#: The form of an amount as text, as a regular expression and as a pattern of JSON Schema.
AMOUNT_PATTERN: Final = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"
POWERS: Final[tuple[int, ...]] = tuple(10**n for n in range(DIGITS_MAX))
MINOR_BOUND: Final = 10**DIGITS_MAX
_TINY: Final = Decimal((0, (1,), -2 * DIGITS_MAX))


def bounded(amount_minor: int, field: str | None = None) -> int:
    """Return *amount_minor*, or raise `AmountTooLargeError` if it has more than 64 digits."""
    if -MINOR_BOUND < amount_minor < MINOR_BOUND:
        return amount_minor
    reason = f"must have at most {DIGITS_MAX} digits in minor units"
    raise AmountTooLargeError("more", reason).about(field)


def too_precise(value: str, currency: Currency, field: str | None = None) -> RoundingRequiredError:
    """Return the error of a call that has a *rounding*, which was not given."""
    reason = f"must not have more decimals than {currency.code} allows ({currency.exponent})"
    return RoundingRequiredError(value, reason).about(field).advising("pass rounding=…")


def minor_units(amount: object, currency: Currency, given: Rounding | str | None) -> int:
    """Return *amount*, in whole units of *currency*, in minor units."""
    rounding = None if given is None else to_rounding(given)
    # The types exactly: a `bool` and the integers of NumPy are refused.
    if type(amount) is int:
        return bounded(amount * POWERS[currency.exponent], "amount")
    if type(amount) is Decimal:
        return _from_decimal(amount, currency, rounding)
    if isinstance(amount, str):
        return _from_text(str.__str__(amount), currency, rounding)
    hint = " (write it as text, such as '0.10')" if isinstance(amount, float) else ""
    raise _invalid(shown(amount), f"must be text, an int or a Decimal{hint}")


def _from_text(text: str, currency: Currency, rounding: Rounding | None) -> int:
    # Length first: `int()` of a text of thousands of digits is slow.
    if len(text) > AMOUNT_TEXT_LENGTH:
        raise _too_long(shown(text))
    found = parse_decimal(text)
    if found is None:
        zero = parse_decimal(text[1:]) if text[:1] == "-" else None
        if zero and zero[0] == 0:
            raise _invalid(shown(text), "must not be a negative zero")
        raise _invalid(shown(text), "must be written like '12', '12.34' or '-0.50'")
    number, decimals = found
    missing = currency.exponent - decimals
    if missing >= 0:
        return bounded(number * POWERS[missing], "amount")
    # Even zeros at the end of a text are decimals that the currency does not have.
    units = None if rounding is None else round_ratio(number, POWERS[-missing], rounding)
    if units is None:
        raise too_precise(shown(text), currency, "amount")
    return bounded(units, "amount")


def _from_decimal(amount: Decimal, currency: Currency, rounding: Rounding | None) -> int:
    if not amount.is_finite():
        raise _invalid(str(amount), "must be finite")
    if not amount:
        return 0
    # Magnitude first, before any conversion: Decimal("1E+999999") is a short text.
    if amount.adjusted() > DIGITS_MAX or len(amount.as_tuple().digits) > 2 * DIGITS_MAX:
        raise _too_long("a longer Decimal")
    # Whatever is smaller than the smallest unit by far rounds alike.
    tiny = amount.adjusted() < _TINY.adjusted()
    numerator, denominator = (_TINY.copy_sign(amount) if tiny else amount).as_integer_ratio()
    units = round_ratio(numerator * POWERS[currency.exponent], denominator, rounding)
    if units is None:
        raise too_precise(str(amount), currency, "amount")
    return bounded(units, "amount")


def _invalid(value: str, reason: str) -> InvalidAmountError:
    return InvalidAmountError(value, reason).about("amount")


def _too_long(value: str) -> AmountTooLargeError:
    reason = f"must have at most {DIGITS_MAX} digits"
    return AmountTooLargeError(value, reason).about("amount")
