"""
Currencies: a code and the number of decimal digits of its minor unit.

Decided here: which codes there are (ISO 4217, current and historic) and that any
application may make its own (``Currency("BTC", exponent=8)``). A currency is a
value: two of the same code and exponent are one object, through pickling and
copying too. There is no registry to change; the only things kept here are caches
that nobody can see. Decided here too: the symbols, and the steps of cash.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final
from weakref import WeakValueDictionary

import attrs

from bankcore.money._errors import (
    AmbiguousCurrencyError,
    InvalidCurrencyError,
    UnknownCurrencyError,
)
from bankcore.money._iso4217 import TABLE, TENDERS
from bankcore.values._errors import shown

#: The largest exponent: with 18 digits, 10¹⁸ minor units are one whole unit.
EXPONENT_MAX: Final = 18

# The least coins or notes that cash is paid in, where they are coarser than the minor
# unit; in whole units. The euro has none: its countries round, or not, each by itself.
_CASH_STEPS: Final = {
    "AUD": "0.05", "CAD": "0.05", "CHF": "0.05", "CZK": "1", "DKK": "0.50", "HKD": "0.10",
    "HUF": "5", "ILS": "0.10", "MYR": "0.05", "NOK": "1", "NZD": "0.10", "SEK": "1",
    "SGD": "0.05", "ZAR": "0.10",
}  # fmt: skip

# Symbols that stand for one currency each when several are side by side: a bare "$" is
# the US dollar's alone. They are those that English texts use.
_SYMBOLS: Final = {
    "AUD": "A$", "BRL": "R$", "CAD": "CA$", "CNY": "CN¥", "EUR": "€", "GBP": "£",
    "HKD": "HK$", "ILS": "₪", "INR": "₹", "JPY": "¥", "KRW": "₩", "MXN": "MX$",
    "NZD": "NZ$", "PHP": "₱", "TWD": "NT$", "USD": "$", "VND": "₫", "XAF": "FCFA",
    "XCD": "EC$",
}  # fmt: skip

# A hint is looked for in texts up to this length: any bound from 3 gives the same hints,
# and keeps a text of megabytes from being written in capitals.
_CODE_LENGTH_MAX: Final = 12
_CODE = re.compile(r"[A-Z][A-Z0-9]{1,11}")
_NUMERIC = re.compile(r"[0-9]{3}").fullmatch
_COUNTRY = re.compile(r"[A-Z]{2}").fullmatch


# What attrs would generate for `eq` says the same, and costs twice as much.
@attrs.frozen(init=False, eq=False, repr=False)
class Currency:
    """
    A currency: ``code`` and ``exponent``, the decimal digits of its minor unit.

        >>> Currency("EUR").exponent
        2
        >>> Currency("BTC", exponent=8)
        Currency('BTC', exponent=8)
        >>> Currency("EUR") is Currency("EUR")
        True

    A code is 2 to 12 characters of ``A-Z`` and ``0-9``, a letter first; an exponent
    is 0 to 18. For a code in ISO 4217 the exponent may be left out, unless the
    standard gives none (gold, ``XXX``, some historic codes).

    Raises:
        UnknownCurrencyError: If ISO 4217 has no such code and no exponent is given.
        InvalidCurrencyError: If the code or the exponent cannot be.
    """

    code: str
    exponent: int

    def __new__(cls, code: str, exponent: int | None = None) -> "Currency":  # noqa: PYI034  # interned: always this class
        # The way of nearly every call: an ISO code by itself, seen before.
        if exponent is None and type(code) is str:
            known = SEEN.get(code)
            if known is not None:
                return known
        return _interned(_checked_code(code, exponent), _checked_exponent(code, exponent))

    def __attrs_post_init__(self) -> None:
        # For those who fill an attrs class without asking it, as msgspec does: what could
        # not be made in the usual way cannot be made so either.
        to_exponent(self.exponent, shown(_checked_code(self.code, self.exponent)))

    @classmethod
    def from_numeric(cls, numeric: str | int) -> "Currency":
        """
        The currency of a number in ISO 4217; the current one, where several had it.

            >>> Currency.from_numeric("532"), Currency.from_numeric(8)
            (Currency('XCG'), Currency('ALL'))

        The number is an ``int``, or text of three digits.

        Raises:
            UnknownCurrencyError: If ISO 4217 has no such number.
            AmbiguousCurrencyError: If several withdrawn currencies had it, and no current
                one has.
            InvalidCurrencyError: If it is no such number, or ISO 4217 gives its currency
                no minor unit.
        """
        text = f"{numeric:03}" if type(numeric) is int and 0 <= numeric <= 999 else numeric
        if not isinstance(text, str) or not _NUMERIC(text):
            raise InvalidCurrencyError(
                shown(numeric), "a number is an int from 0 to 999, or text of three digits"
            )
        codes = _by_numeric().get(text, ())
        return _single(codes, f"The number {text}", "no currency has this number in ISO 4217")

    @classmethod
    def from_country(cls, country: str) -> "Currency":
        """
        The one currency that is legal tender in a country, by its two letters.

            >>> Currency.from_country("CH")
            Currency('CHF')

        Raises:
            AmbiguousCurrencyError: If there are several; the error has their ``codes``.
            UnknownCurrencyError: If ISO 4217 lists none for this country, or there is no
                such country.
            InvalidCurrencyError: If it is no text of two capital letters.
        """
        codes = [each.code for each in cls.all_from_country(country)]
        return _single(codes, shown(country), "ISO 4217 lists no currency of this country")

    @classmethod
    def all_from_country(cls, country: str) -> tuple["Currency", ...]:
        """
        All currencies that are legal tender in a country, by code; none, if it has none.

            >>> Currency.all_from_country("BT")
            (Currency('BTN'), Currency('INR'))

        The country is two letters of ISO 3166. Funds and units of account, in which
        nobody pays, are left out.

        Raises:
            InvalidCurrencyError: If it is no text of two capital letters.
        """
        if not isinstance(country, str) or not _COUNTRY(country):  # type: ignore[redundant-expr]  # judged here
            raise InvalidCurrencyError(shown(country), "a country is two capital letters")
        return tuple(map(Currency, TENDERS.get(country, ())))

    @property
    def name(self) -> str:
        """
        The English name in ISO 4217; the code itself for an application's own currency.
        """
        row = TABLE.get(self.code)
        return self.code if row is None else row[2]

    @property
    def numeric(self) -> str | None:
        """
        The number in ISO 4217, three digits as text, or None.
        """
        row = TABLE.get(self.code)
        return None if row is None else row[0]

    @property
    def withdrawn(self) -> str | None:
        """
        When ISO 4217 withdrew it, as the standard writes it (``"2002-03"``), or None.
        """
        row = TABLE.get(self.code)
        return None if row is None else row[3]

    @property
    def is_historic(self) -> bool:
        """
        Whether ISO 4217 has withdrawn it.
        """
        return self.withdrawn is not None

    @property
    def symbol(self) -> str:
        """
        A symbol that stands for this currency alone, such as ``€``, or else its code.
        """
        return _SYMBOLS.get(self.code, self.code)

    @property
    def cash_step(self) -> Decimal:
        """
        The least amount that is paid in cash, in whole units: for `Money.rounded_to`.

            >>> Currency("CHF").cash_step, Currency("EUR").cash_step
            (Decimal('0.05'), Decimal('0.01'))
        """
        step = _CASH_STEPS.get(self.code) if self.is_listed else None
        return Decimal((0, (1,), -self.exponent)) if step is None else Decimal(step)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Currency):
            return NotImplemented
        return self.code == other.code and self.exponent == other.exponent

    def __hash__(self) -> int:
        return hash((self.code, self.exponent))

    @property
    def is_listed(self) -> bool:
        """
        Whether ISO 4217 lists it with this very exponent, so that the code says it all.
        """
        row = TABLE.get(self.code)
        return row is not None and row[1] == self.exponent

    def __repr__(self) -> str:
        if self.is_listed:
            return f"Currency({self.code!r})"
        return f"Currency({self.code!r}, exponent={self.exponent})"

    def __str__(self) -> str:
        return self.code

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, int]]:
        return Currency, (self.code, self.exponent)


# ISO currencies that were asked for (`Money` looks here first), and the application's own
# for as long as it holds them: a cache of immutable values, which changes no answer.
SEEN: dict[str, Currency] = {}
_OWN: WeakValueDictionary[tuple[str, int], Currency] = WeakValueDictionary()

# `Currency` is frozen, so its slots are filled through their own descriptors.
_set_code = Currency.__dict__["code"].__set__
_set_exponent = Currency.__dict__["exponent"].__set__


def to_currency(value: Currency | str) -> Currency:
    """
    *value* itself where it is a currency already, else the ISO currency of that code.

    Raises:
        InvalidCurrencyError: If it is neither.
    """
    return value if type(value) is Currency else Currency(value)  # type: ignore[arg-type]  # judged there


def _checked_code(code: object, exponent: object) -> str:
    if not isinstance(code, str):
        raise InvalidCurrencyError(shown(code), "a currency code is text, such as 'EUR'")
    text = str.__str__(code)
    if text not in TABLE and exponent is None:
        hint = (
            f"did you mean {text.upper()!r}"
            if len(text) <= _CODE_LENGTH_MAX and text.upper() in TABLE
            else ("ISO 4217 does not list it; pass exponent=… to make your own")
        )
        raise UnknownCurrencyError(shown(text), hint)
    if not _CODE.fullmatch(text):
        raise InvalidCurrencyError(shown(text), "a code is 2 to 12 of A-Z and 0-9, a letter first")
    return text


def _checked_exponent(code: str, exponent: object) -> int:
    if exponent is None:
        listed = TABLE[code][1]
        if listed is None:
            raise InvalidCurrencyError(
                shown(code), "ISO 4217 gives it no minor unit; pass exponent=…"
            )
        return listed
    return to_exponent(exponent, shown(code))


def to_exponent(value: object, said: str = "This exponent") -> int:
    """
    *value*, if it is a number of decimal digits that a unit may have.

    Raises:
        InvalidCurrencyError: If it is not an ``int`` from 0 to 18.
    """
    if type(value) is not int or not 0 <= value <= EXPONENT_MAX:
        raise InvalidCurrencyError(said, f"an exponent is a whole number from 0 to {EXPONENT_MAX}")
    return value


@cache
def _by_numeric() -> dict[str, tuple[str, ...]]:
    """
    The codes of each number: the current one alone, where there is one.
    """
    found: dict[str, tuple[str, ...]] = {}
    # Withdrawn codes first, so that a current one takes their place.
    for code, (numeric, _, _, withdrawn) in sorted(
        TABLE.items(), key=lambda item: item[1][3] is None
    ):
        if numeric is not None:
            found[numeric] = (*found.get(numeric, ()), code) if withdrawn else (code,)
    return found


def _single(codes: Sequence[str], said: str, absent: str) -> Currency:
    if not codes:
        raise UnknownCurrencyError(said, absent)
    if len(codes) > 1:
        listed = f"{', '.join(codes[:-1])} and {codes[-1]}"
        raise AmbiguousCurrencyError(
            said, f"it stands for several, {listed}; choose one by its code", tuple(codes)
        )
    return Currency(codes[0])


def _interned(code: str, exponent: int) -> Currency:
    currency = object.__new__(Currency)
    _set_code(currency, code)
    _set_exponent(currency, exponent)
    # `setdefault` lets one of several racing threads win, for all of them.
    if currency.is_listed:
        return SEEN.setdefault(code, currency)
    return _OWN.setdefault((code, exponent), currency)
