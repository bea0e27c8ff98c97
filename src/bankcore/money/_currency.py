"""
Currencies: a code and the number of decimal digits of its minor unit.

Decided here: which codes exist (ISO 4217, current and historic), and that an application may make
its own (``Currency("BTC", exponent=8)``). Two of the same code and exponent are one object.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from threading import RLock
from typing import Any, Final, NoReturn, final
from weakref import WeakValueDictionary

import attrs

from bankcore.money._errors import (
    AmbiguousCurrencyError,
    InvalidCurrencyError,
    UnknownCurrencyError,
)
from bankcore.money._iso4217 import TABLE, TENDERS
from bankcore.values._errors import shown
from bankcore.values._schemas import optional_int_field, schema_of, text_field

#: The largest exponent: with 18 digits, 10¹⁸ minor units are one whole unit.
EXPONENT_MAX: Final = 18
#: The form of a code, as a regular expression and as a pattern of JSON Schema.
CODE_PATTERN: Final = "[A-Z][A-Z0-9]{1,11}"

_GIVE_EXPONENT: Final = "give an exponent"
_MAKE_OWN: Final = "make your own with Currency(code, exponent=…)"

# The smallest coin in use, or the step to which cash is rounded by law or custom, in whole units,
# if that is larger than the minor unit. Collected by hand, as of 2026: CLDR has only CAD, CHF, DKK
# and HUF of these, and one more, MRU 0.20. The euro has none: its countries differ.
_CASH_STEPS: Final = {
    "AUD": "0.05", "CAD": "0.05", "CHF": "0.05", "CZK": "1", "DKK": "0.50", "HKD": "0.10",
    "HUF": "5", "ILS": "0.10", "MYR": "0.05", "NOK": "1", "NZD": "0.10", "SEK": "1",
    "SGD": "0.05", "ZAR": "0.10",
}  # fmt: skip

# The symbols of English texts, each for one currency: a bare "$" is the US dollar's alone.
_SYMBOLS: Final = {
    "AUD": "A$", "BRL": "R$", "CAD": "CA$", "CNY": "CN¥", "EUR": "€", "GBP": "£",
    "HKD": "HK$", "ILS": "₪", "INR": "₹", "JPY": "¥", "KRW": "₩", "MXN": "MX$",
    "NZD": "NZ$", "PHP": "₱", "TWD": "NT$", "USD": "$", "VND": "₫", "XAF": "FCFA",
    "XCD": "EC$",
}  # fmt: skip


# Any currency that was asked for (by its code, if ISO 4217 lists it), so that equal currencies
# are one object. An application's own are kept for as long as it holds them.
LISTED: Final[dict[str, "Currency"]] = {}
_OWN: Final[WeakValueDictionary[tuple[str, int], "Currency"]] = WeakValueDictionary()
# To look into a weak dictionary and then fill it is not one step. It may be entered twice: while
# it is held, a collection of garbage may run anything.
_OWN_LOCK: Final = RLock()


def forbid_subclass(cls: type) -> NoReturn:
    """Raise that the base of *cls*, a value of money, has no subclasses."""
    name = cls.__mro__[1].__name__
    raise TypeError(f"{name} cannot be subclassed; keep a {name} in a field of your own class")


@final
@attrs.frozen(init=False)
class Currency:
    """
    A currency: ``code`` and ``exponent``, the decimal digits of its minor unit.

        >>> Currency("EUR").exponent
        2
        >>> Currency("BTC", exponent=8)
        Currency('BTC', exponent=8)
        >>> Currency("EUR") is Currency("EUR")
        True

    A code is 2 to 12 characters of ``A-Z`` and ``0-9``, a letter first; an exponent is 0 to 18.
    For a code of ISO 4217 the exponent may be left out, unless the standard gives none (gold,
    ``XXX``, some historic codes).

    Raises:
        UnknownCurrencyError: If ISO 4217 has no such code and no exponent is given.
        InvalidCurrencyError: If the code or the exponent is malformed.
    """

    code: str
    exponent: int

    def __new__(cls, code: str, exponent: int | None = None) -> "Currency":
        if exponent is None and type(code) is str and code in LISTED:
            return LISTED[code]
        text = _checked_code(code, exponent)
        if exponent is None:
            exponent = TABLE[text][1]
        if exponent is None:
            raise _invalid(text, "must have an exponent in ISO 4217").advising(_GIVE_EXPONENT)
        currency = object.__new__(Currency)
        object.__setattr__(currency, "code", text)
        object.__setattr__(currency, "exponent", to_exponent(exponent))
        if currency.is_listed:
            # `setdefault` of a dictionary lets one of several racing threads win, for all of them.
            return LISTED.setdefault(text, currency)
        with _OWN_LOCK:
            return _OWN.setdefault((text, exponent), currency)

    def __init_subclass__(cls) -> None:
        forbid_subclass(cls)

    def __attrs_post_init__(self) -> None:
        # msgspec fills an attrs class without calling `__new__`, but calls this.
        _checked_code(self.code, self.exponent)
        to_exponent(self.exponent)

    @classmethod
    def from_numeric(cls, numeric: str | int) -> "Currency":
        """
        Return the currency with this number in ISO 4217; the current one, if several had it.

            >>> Currency.from_numeric("532"), Currency.from_numeric(8)
            (Currency('XCG'), Currency('ALL'))

        The number is an ``int``, or text of three digits.

        Raises:
            UnknownCurrencyError: If ISO 4217 has no such number.
            AmbiguousCurrencyError: If several withdrawn currencies had it, and no current one.
            InvalidCurrencyError: If it is in no such form, or its currency has no minor unit.
        """
        text = f"{numeric:03}" if type(numeric) is int and 0 <= numeric <= 999 else numeric
        if not isinstance(text, str) or not re.fullmatch("[0-9]{3}", text):
            reason = "must be an int from 0 to 999, or text of three digits"
            raise _invalid(numeric, reason, "numeric")
        codes = [code for code, row in TABLE.items() if row[0] == text]
        current = [code for code in codes if TABLE[code][3] is None]
        return _only_one(current or codes, repr(text), "numeric")

    @classmethod
    def from_country(cls, country: str) -> "Currency":
        """
        Return the one currency that is legal tender in a country, by its two letters.

            >>> Currency.from_country("CH")
            Currency('CHF')

        Raises:
            AmbiguousCurrencyError: If there are several; the error has their ``codes``.
            UnknownCurrencyError: If ISO 4217 lists none for this country.
            InvalidCurrencyError: If it is not text of two capital letters.
        """
        codes = [each.code for each in cls.all_from_country(country)]
        return _only_one(codes, repr(country), "country")

    @classmethod
    def all_from_country(cls, country: str) -> tuple["Currency", ...]:
        """
        Return all currencies that are legal tender in a country, by code; there may be none.

            >>> Currency.all_from_country("BT")
            (Currency('BTN'), Currency('INR'))

        The country is two letters of ISO 3166. Funds and units of account are left out.
        """
        if not isinstance(country, str) or not re.fullmatch("[A-Z]{2}", country):  # type: ignore[redundant-expr]  # callers may be untyped
            raise _invalid(country, "must be two capital letters", "country")
        return tuple(map(Currency, TENDERS.get(country, ())))

    @classmethod
    def all(cls, *, historic: bool = False) -> tuple["Currency", ...]:
        """
        Return the current currencies of ISO 4217 that have a minor unit, by code.

            >>> [(each.code, each.name) for each in Currency.all()][:2]
            [('AED', 'UAE Dirham'), ('AFN', 'Afghani')]

        Funds and units of account are among them. With *historic*, those that were withdrawn are
        too, if their exponent is known.
        """
        return tuple(
            Currency(code)
            for code, (_, exponent, _, withdrawn) in sorted(TABLE.items())
            if exponent is not None and (historic or withdrawn is None)
        )

    @property
    def _row(self) -> tuple[str | None, int | None, str, str | None]:
        return TABLE.get(self.code, (None, None, self.code, None))

    @property
    def name(self) -> str:
        """The English name in ISO 4217; the code itself for an application's own currency."""
        return self._row[2]

    @property
    def numeric(self) -> str | None:
        """The number in ISO 4217, three digits as text, or None."""
        return self._row[0]

    @property
    def withdrawn(self) -> str | None:
        """When ISO 4217 withdrew it, as the standard writes it (``"2002-03"``), or None."""
        return self._row[3]

    @property
    def is_historic(self) -> bool:
        """True if ISO 4217 has withdrawn it."""
        return self.withdrawn is not None

    @property
    def is_listed(self) -> bool:
        """True if ISO 4217 lists it with this exponent, so that the code alone names it."""
        return self._row[1] == self.exponent

    @property
    def symbol(self) -> str:
        """A symbol of this currency alone, such as ``€``, or else its code."""
        return _SYMBOLS.get(self.code, self.code)

    @property
    def cash_step(self) -> Decimal:
        """
        The smallest amount that is paid in cash, in whole units: for `Money.rounded_to`.

            >>> Currency("CHF").cash_step, Currency("EUR").cash_step
            (Decimal('0.05'), Decimal('0.01'))

        It is the smallest coin in use, or the step to which cash is rounded, as collected by
        hand in 2026, and the minor unit of any other currency, the euro among them.
        """
        step = _CASH_STEPS.get(self.code) if self.is_listed else None
        return Decimal((0, (1,), -self.exponent)) if step is None else Decimal(step)

    def to_dict(self) -> dict[str, Any]:
        """
        Return the currency for JSON: its ``code``, and ``exponent`` if the code does not say it.

            >>> Currency("EUR").to_dict(), Currency("BTC", exponent=8).to_dict()
            ({'code': 'EUR'}, {'code': 'BTC', 'exponent': 8})
        """
        if self.is_listed:
            return {"code": self.code}
        return {"code": self.code, "exponent": self.exponent}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Currency":
        """
        Return the currency that `to_dict` wrote.

        Raises:
            InvalidCurrencyError: If *data* has other keys, or there is no such currency.
        """
        if not has_keys(data, {"code"}, {"exponent"}):
            raise _invalid(data, "must have the key 'code', and may have 'exponent'", "data")
        return currency_from_items(data, "code", "exponent")

    def deconstruct(self) -> tuple[str, tuple[str], dict[str, int]]:
        """Return how Django writes this currency in a migration: its class and its arguments."""
        return "bankcore.Currency", (self.code,), {"exponent": self.exponent}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:  # noqa: ANN401  # its type is pydantic's
        return schema_of(cls, currency_fields("code", "exponent"))

    def __repr__(self) -> str:
        if self.is_listed:
            return f"Currency({self.code!r})"
        return f"Currency({self.code!r}, exponent={self.exponent})"

    def __str__(self) -> str:
        return self.code

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, int]]:
        return Currency, (self.code, self.exponent)


def to_currency(
    value: Currency | str, field: str = "currency", advice: str = _MAKE_OWN
) -> Currency:
    """Return *value*, or the currency of ISO 4217 with that code; an error names *field*."""
    if type(value) is Currency:
        return value
    return _listed(value, field, advice)


def currency_from_items(data: Mapping[str, Any], name: str, exponent: str) -> Currency:
    """Return the currency of the code under *name* and, if there is one, the *exponent*."""
    if data.get(exponent) is None:
        return _listed(data[name], name, f"give its {exponent!r} too")
    try:
        return Currency(data[name], data[exponent])
    except InvalidCurrencyError as error:
        raise error.about(name if error.field == "code" else exponent) from None


def _listed(code: str, field: str, advice: str) -> Currency:
    # Nearly every currency was asked for before.
    known = LISTED.get(code) if type(code) is str else None
    if known is not None:
        return known
    try:
        return Currency(code)
    except InvalidCurrencyError as error:
        # The advice of `Currency` is for those who called it.
        given = advice if error.advice else None
        raise error.about(field).advising(given) from None


def currency_fields(name: str, exponent: str) -> dict[str, Any]:
    """Return the fields of a currency in a schema of pydantic, named so."""
    return {name: text_field(CODE_PATTERN), exponent: optional_int_field(0, EXPONENT_MAX)}


def has_keys(data: object, required: AbstractSet[str], optional: AbstractSet[str]) -> bool:
    """Return True if *data* is a mapping with all *required* keys and no others but *optional*."""
    return isinstance(data, Mapping) and required <= set(data) <= required | optional


def to_exponent(value: object) -> int:
    """Return *value* if it is an exponent."""
    if type(value) is not int or not 0 <= value <= EXPONENT_MAX:
        raise _invalid(value, f"must be a whole number from 0 to {EXPONENT_MAX}", "exponent")
    return value


def _invalid(value: object, reason: str, field: str = "code") -> InvalidCurrencyError:
    return InvalidCurrencyError(shown(value), reason).about(field)


def _checked_code(code: object, exponent: object) -> str:
    if not isinstance(code, str):
        raise _invalid(code, "must be text, such as 'EUR'")
    text = str.__str__(code)
    if text not in TABLE and exponent is None:
        # Not all of the text: it may be megabytes.
        upper = text[:4].upper()
        reason = "must be a code of ISO 4217"
        if upper in TABLE:
            reason += f" (did you mean {upper!r}?)"
        error = UnknownCurrencyError(shown(text), reason).about("code")
        raise error.advising(None if upper in TABLE else _GIVE_EXPONENT)
    if not re.fullmatch(CODE_PATTERN, text):
        raise _invalid(text, "must be 2 to 12 characters of A-Z and 0-9, a letter first")
    return text


def _only_one(codes: Sequence[str], value: str, field: str) -> Currency:
    if not codes:
        raise UnknownCurrencyError(value, "must have a currency in ISO 4217").about(field)
    if len(codes) > 1:
        listed = f"{', '.join(codes[:-1])} or {codes[-1]}"
        raise AmbiguousCurrencyError(
            value, f"must have one currency (choose {listed} by its code)", tuple(codes)
        ).about(field)
    return _listed(codes[0], field, _MAKE_OWN)
