"""
Money: an exact amount of one currency.

Decided here: what counts as an amount, and exact arithmetic with it. Inside, an
amount is an integer of minor units (cents); a float never gets in, and nothing
rounds. No limit of any account is known here: `Money` is exact at any size that
can be written, and an account checks its own bounds.

Absent on purpose: rates, locales and rounding.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import attrs

from bankcore.currency import Currency
from bankcore.errors import (
    AmountTooLargeError,
    CurrencyMismatchError,
    InvalidAmountError,
    shown,
)

#: The most digits that an amount may be given with, in minor units or as text.
DIGITS_MAX: Final = 64

_MINOR_BOUND: Final = 10**DIGITS_MAX
_TEXT_LENGTH_MAX: Final = DIGITS_MAX + 2  # a sign and a point
_POWERS: Final = tuple(10**n for n in range(DIGITS_MAX + 1))


@attrs.frozen(init=False, eq=False, order=False, repr=False)
class Money:
    """
    An exact *amount* of *currency*, in whole units.

        >>> Money("12.34", "EUR")
        Money('12.34', 'EUR')
        >>> Money("12.34", "EUR").amount_minor
        1234
        >>> Money(5, "EUR") + Money("0.10", "EUR")
        Money('5.10', 'EUR')

    The amount is text (``-``, digits, at most one point), an ``int`` or a
    ``Decimal``; it has at most 64 digits, and no more decimals than the currency.
    The currency is a `Currency` or an ISO 4217 code.

    Raises:
        InvalidAmountError: If it is anything else, such as a ``float``, a ``bool``,
            NaN, ``"1e3"``, ``" 5"``, ``"+5"``, ``"007"``, ``"-0"`` or ``"1_000"``.
            Nothing is ever rounded or guessed.
        AmountTooLargeError: If it has more than 64 digits.
        InvalidCurrencyError: If there is no such currency.
    """

    amount_minor: int
    currency: Currency

    def __init__(self, amount: str | int | Decimal, currency: Currency | str) -> None:
        if type(currency) is not Currency:
            currency = _currency(currency)
        _set_minor(
            self,
            _minor_from_text(amount, currency)
            if type(amount) is str
            else _minor_units(amount, currency),
        )
        _set_currency(self, currency)

    @classmethod
    def from_minor(cls, amount_minor: int, currency: Currency | str) -> "Money":
        """
        The money of *amount_minor* minor units (cents), a plain ``int``.

            >>> Money.from_minor(1234, "EUR")
            Money('12.34', 'EUR')

        Raises:
            InvalidAmountError: If it is not exactly an ``int``, or has over 64 digits.
        """
        if type(amount_minor) is not int:
            raise InvalidAmountError(shown(amount_minor), "minor units are a plain int")
        return _make(
            _bounded(amount_minor),
            currency if type(currency) is Currency else _currency(currency),
        )

    @classmethod
    def zero(cls, currency: Currency | str) -> "Money":
        """
        No money, of *currency*.
        """
        return cls.from_minor(0, currency)

    @property
    def amount(self) -> Decimal:
        """
        The amount in whole units, with all the currency's decimals.
        """
        return Decimal(_text(self))

    # -- Arithmetic --

    def __add__(self, other: "Money") -> "Money":
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        return _make(self.amount_minor + other.amount_minor, self.currency)

    def __radd__(self, other: int) -> "Money":
        # `sum(moneys)` begins with the int 0. Nothing else that is not money is taken.
        if type(other) is int and other == 0:
            return self
        return NotImplemented

    def __sub__(self, other: "Money") -> "Money":
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        return _make(self.amount_minor - other.amount_minor, self.currency)

    def __mul__(self, factor: int) -> "Money":
        if type(factor) is not int:
            return NotImplemented
        return _make(_bounded(self.amount_minor * factor), self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> "Money":
        return _make(-self.amount_minor, self.currency)

    def __pos__(self) -> "Money":
        return self

    def __abs__(self) -> "Money":
        return _make(abs(self.amount_minor), self.currency)

    # -- Comparison --

    def __eq__(self, other: object) -> bool:
        if type(other) is not Money:
            return NotImplemented
        return self.amount_minor == other.amount_minor and (
            self.currency is other.currency or self.currency == other.currency
        )

    def __hash__(self) -> int:
        return hash((self.amount_minor, self.currency.code))

    def __lt__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        return self.amount_minor < other.amount_minor

    def __le__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        return self.amount_minor <= other.amount_minor

    def __gt__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        return self.amount_minor > other.amount_minor

    def __ge__(self, other: "Money") -> bool:
        if type(other) is not Money:
            return NotImplemented
        if other.currency is not self.currency:
            require_same_currency(self, other)
        return self.amount_minor >= other.amount_minor

    def __bool__(self) -> bool:
        return self.amount_minor != 0

    # -- Text and other worlds --

    def __str__(self) -> str:
        return f"{self.currency.code} {_text(self)}"

    def __repr__(self) -> str:
        currency = self.currency
        named = repr(currency.code) if currency.is_listed else repr(currency)
        return f"Money({_text(self)!r}, {named})"

    def __format__(self, spec: str) -> str:
        """
        ``str(money)``, laid out as text: ``f"{money:>15}"``.
        """
        return format(str(self), spec)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[int, Currency]]:
        return _make, (self.amount_minor, self.currency)


# `Money` is frozen, so its slots are filled through their own descriptors: the
# quickest way there is to build one, and used in `__init__` and `_make` only.
_set_minor = Money.__dict__["amount_minor"].__set__
_set_currency = Money.__dict__["currency"].__set__
_new = object.__new__


def _make(amount_minor: int, currency: Currency) -> Money:
    money = _new(Money)
    _set_minor(money, amount_minor)
    _set_currency(money, currency)
    return money


def require_same_currency(expected: Money, given: Money) -> None:
    """
    Passes where both are of one currency.

    Raises:
        CurrencyMismatchError: If they are not.
    """
    if expected.currency is not given.currency and expected.currency != given.currency:
        first, second = expected.currency, given.currency
        by_code = first.code != second.code
        raise CurrencyMismatchError(
            first.code if by_code else repr(first), second.code if by_code else repr(second)
        )


def _currency(given: object) -> Currency:
    if isinstance(given, Currency):
        return given
    return Currency(given)  # type: ignore[arg-type]  # Currency refuses what is not text


def _bounded(amount_minor: int) -> int:
    if -_MINOR_BOUND < amount_minor < _MINOR_BOUND:
        return amount_minor
    raise AmountTooLargeError(
        "An integer", f"an amount has at most {DIGITS_MAX} digits in minor units"
    )


def _minor_units(amount: object, currency: Currency) -> int:
    """
    *amount* in minor units of *currency*. The kinds are told apart by exact type:
    ``bool`` and the integers of NumPy are ints by inheritance, and are refused.
    """
    if type(amount) is int:
        return _bounded(_bounded(amount) * _POWERS[currency.exponent])
    if type(amount) is Decimal:
        return _minor_from_decimal(amount, currency)
    if isinstance(amount, str):
        return _minor_from_text(str.__str__(amount), currency)
    hint = "; write it as text, such as '0.10'" if isinstance(amount, float) else ""
    raise InvalidAmountError(shown(amount), f"an amount is text, an int or a Decimal{hint}")


def _minor_from_text(text: str, currency: Currency) -> int:
    # Length first: `int()` of a text of thousands of digits is slow.
    if len(text) > _TEXT_LENGTH_MAX:
        raise AmountTooLargeError(shown(text), f"an amount has at most {DIGITS_MAX} digits")
    whole, point, decimals = text.partition(".")
    # `isdigit` is true for digits of every script, hence `isascii`.
    if text[:1] not in "0." and len(decimals) == currency.exponent and (decimals or not point):
        # The usual way, in one step: "12.34" EUR. One that begins with "0" or "." is not it.
        digits = whole + decimals
        if digits.isdigit() and digits.isascii() and len(digits) <= DIGITS_MAX:
            return int(digits)
    digits = whole[1:] if whole[:1] == "-" else whole
    if not (
        text.isascii()
        and digits.isdigit()
        and (decimals.isdigit() or not point)
        and (digits[0] != "0" or len(digits) == 1)
    ):
        raise InvalidAmountError(shown(text), "an amount is written like '12', '12.34' or '-0.50'")
    missing = currency.exponent - len(decimals)
    if missing < 0:
        raise _too_precise(shown(text), currency)
    amount_minor = int(digits + decimals) * _POWERS[missing]
    if digits is whole:
        return _bounded(amount_minor)
    if amount_minor == 0:
        raise InvalidAmountError(shown(text), "there is no negative zero")
    return _bounded(-amount_minor)


def _minor_from_decimal(amount: Decimal, currency: Currency) -> int:
    if not amount.is_finite():
        raise InvalidAmountError(str(amount), "an amount is a finite number")
    if not amount:
        return 0
    # Magnitude first, before any conversion: Decimal("1E+999999") is a short text.
    sign, digits, exponent = amount.as_tuple()
    if amount.adjusted() > DIGITS_MAX or len(digits) > 2 * DIGITS_MAX:
        raise AmountTooLargeError("A Decimal", f"an amount has at most {DIGITS_MAX} digits")
    # Finite, so the exponent is an int. A Decimal counts by its value: the zeros that
    # trail in Decimal("1.500") say nothing.
    places = int(exponent) + currency.exponent
    number = int("".join(map(str, digits)))
    if places < 0:
        number, rest = divmod(number, 10 ** min(-places, 2 * DIGITS_MAX + 1))
        if rest:
            raise _too_precise(str(amount), currency)
    else:
        number *= 10**places
    return _bounded(-number if sign else number)


def _too_precise(value: str, currency: Currency) -> InvalidAmountError:
    return InvalidAmountError(
        value, f"{currency.code} has {currency.exponent} decimals, and nothing is rounded"
    )


def _text(money: Money) -> str:
    exponent = money.currency.exponent
    amount_minor = money.amount_minor
    if exponent == 0:
        return str(amount_minor)
    if amount_minor >= 0:
        digits = str(amount_minor).zfill(exponent + 1)
        return f"{digits[:-exponent]}.{digits[-exponent:]}"
    digits = str(-amount_minor).zfill(exponent + 1)
    return f"-{digits[:-exponent]}.{digits[-exponent:]}"
