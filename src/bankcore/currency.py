"""
Currencies: a code and the number of decimal digits of its minor unit.

Decided here: which codes there are (ISO 4217, current and historic) and that any
application may make its own (``Currency("BTC", exponent=8)``). A currency is a
value: two of the same code and exponent are one object, through pickling and
copying too. There is no registry to change; the only thing kept here is a cache
that nobody can see.
"""

import re
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakValueDictionary

import attrs

from bankcore._iso4217 import TABLE
from bankcore.errors import InvalidCurrencyError, UnknownCurrencyError, shown

#: The largest exponent: with 18 digits, 10¹⁸ minor units are one whole unit.
EXPONENT_MAX: Final = 18

_CODE = re.compile(r"[A-Z][A-Z0-9]{1,11}")


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
            known = _ISO.get(code)
            if known is not None:
                return known
        return _interned(_checked_code(code, exponent), _checked_exponent(code, exponent))

    @property
    def name(self) -> str:
        """
        The English name in ISO 4217; the code itself for an application's own currency.
        """
        row = TABLE.get(self.code)
        return self.code if row is None else row[2]

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


# ISO currencies that were asked for, and the application's own for as long as it holds
# them: a cache of immutable values, which changes no answer.
_ISO: dict[str, Currency] = {}
_OWN: WeakValueDictionary[tuple[str, int], Currency] = WeakValueDictionary()

# `Currency` is frozen, so its slots are filled through their own descriptors.
_set_code = Currency.__dict__["code"].__set__
_set_exponent = Currency.__dict__["exponent"].__set__


def _checked_code(code: object, exponent: object) -> str:
    if not isinstance(code, str):
        raise InvalidCurrencyError(shown(code), "a currency code is text, such as 'EUR'")
    text = str.__str__(code)
    if text not in TABLE and exponent is None:
        hint = (
            f"did you mean {text.upper()!r}?"
            if text.upper() in TABLE
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
    if type(exponent) is not int or not 0 <= exponent <= EXPONENT_MAX:
        raise InvalidCurrencyError(
            shown(code), f"an exponent is a whole number from 0 to {EXPONENT_MAX}"
        )
    return exponent


def _interned(code: str, exponent: int) -> Currency:
    currency = object.__new__(Currency)
    _set_code(currency, code)
    _set_exponent(currency, exponent)
    # `setdefault` lets one of several racing threads win, for all of them.
    if currency.is_listed:
        return _ISO.setdefault(code, currency)
    return _OWN.setdefault((code, exponent), currency)
