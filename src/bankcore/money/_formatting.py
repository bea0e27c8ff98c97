"""
Notation: how an amount of money is written, laid out and read.

Decided here: the letters of a format, and the strict form of a text that is read: the
whole of it is money, by the separators that the caller names, or it is an error. There
is no locale: nothing is guessed from a language or a country. No rounding and no
truncation takes place, and no figure is left out but zeros at the end of the decimals.
"""

import re
from functools import lru_cache
from typing import Final

from bankcore.money._currency import Currency
from bankcore.money._errors import (
    AmountTooLargeError,
    CurrencyMismatchError,
    InvalidAmountError,
    InvalidFormatError,
)
from bankcore.money._iso4217 import TABLE
from bankcore.values._errors import shown

#: The longest text that is read as money, in characters.
TEXT_LENGTH_MAX: Final = 128

_FORMAT: Final = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>^]))?"
    r"(?P<sign>[-+ ])?"
    r"(?P<width>[1-9][0-9]{0,2})?"
    r"(?P<group>[,_])?"
    r"(?P<trim>~)?"
    r"(?P<beside>[cCsSn])?",
    re.DOTALL,
).fullmatch

_ALIGNED: Final = {"<": str.ljust, ">": str.rjust, "^": str.center}

_FORMAT_HINT: Final = "it is [[fill]align][sign][width][, or _][~][c, C, s, S or n]"

# A code at the beginning or the end, which is not part of a longer word.
_CODE_IN_FRONT: Final = re.compile(r"[-+]?([A-Z]{3})(?![A-Z])").match
_CODE_BEHIND: Final = re.compile(r"(?<![A-Z])([A-Z]{3})\Z").search
# Between figures, and between code and number, these are one: text from the web has all.
_SPACES: Final = str.maketrans("\u00a0\u202f", "  ")


# -- Writing -----------------------------------------------------------------


def written(amount_minor: int, exponent: int) -> str:
    """
    The amount in whole units, with all *exponent* decimals.
    """
    if exponent == 0:
        return str(amount_minor)
    # Slicing the digits is quicker than `divmod` and two formats.
    if amount_minor >= 0:
        digits = str(amount_minor).zfill(exponent + 1)
        return f"{digits[:-exponent]}.{digits[-exponent:]}"
    digits = str(-amount_minor).zfill(exponent + 1)
    return f"-{digits[:-exponent]}.{digits[-exponent:]}"


@lru_cache(maxsize=128)
def _layout(spec: str) -> dict[str, str | None]:
    found = _FORMAT(spec)
    if found is None:
        raise InvalidFormatError(shown(spec), _FORMAT_HINT)
    return found.groupdict()


def laid_out(amount_minor: int, currency: Currency, spec: str) -> str:
    """
    The amount as *spec* says: see `Money.__format__`.

    Raises:
        InvalidFormatError: If *spec* is not a format of money.
    """
    layout = _layout(spec)
    number = written(abs(amount_minor), currency.exponent)
    whole, point, decimals = number.partition(".")
    if layout["group"]:
        whole = f"{int(whole):{layout['group']}}"
    if layout["trim"]:
        decimals = decimals.rstrip("0")
        point = point if decimals else ""
    number = whole + point + decimals
    asked = layout["sign"] or "-"
    sign = "-" if amount_minor < 0 else "" if asked == "-" else asked
    text = _beside(sign, number, currency, layout["beside"] or "c")
    width = int(layout["width"] or 0)
    return _ALIGNED[layout["align"] or "<"](text, width, layout["fill"] or " ")


def _beside(sign: str, number: str, currency: Currency, beside: str) -> str:
    match beside:
        case "n":
            return f"{sign}{number}"
        case "C":
            return f"{sign}{number} {currency.code}"
        case "S":
            return f"{sign}{number} {currency.symbol}"
        case "s" if not currency.symbol[-1].isalnum():
            return f"{sign}{currency.symbol}{number}"
        case "s":
            # Letters need a space, and then the sign stands at the number.
            return f"{currency.symbol} {sign}{number}"
    return f"{currency.code} {sign}{number}"


# -- Reading -----------------------------------------------------------------


def read(
    text: object, currency: Currency | None, decimal_mark: object, group_mark: object
) -> tuple[str, Currency]:
    """
    What *text* says: an amount, written with a point and without groups, and its currency.

    Whether the amount is one of that currency is judged by `Money`.

    Raises:
        InvalidAmountError, AmountTooLargeError, InvalidCurrencyError,
            CurrencyMismatchError, InvalidFormatError: See `Money.parse`.
    """
    if not isinstance(text, str):
        raise InvalidAmountError(shown(text), "money is parsed from text")
    point, group = _marks(decimal_mark, group_mark)
    if len(text) > TEXT_LENGTH_MAX:
        raise AmountTooLargeError(
            shown(text), f"a text of money has at most {TEXT_LENGTH_MAX} characters"
        )
    plain = str.__str__(text).translate(_SPACES)
    number, currency = _named(text, plain, currency)
    sign = number[:1] if number[:1] in {"-", "+"} else ""
    whole, mark, decimals = number[len(sign) :].partition(point)
    if group and group in whole:
        first, *others = whole.split(group)
        if not 0 < len(first) <= 3 or any(len(each) != 3 for each in others):
            raise InvalidAmountError(shown(text), f"groups are of three digits, by {group!r}")
        whole = "".join((first, *others))
    digits = whole + decimals
    if not (digits.isascii() and digits.isdigit() and whole and (decimals or not mark)):
        grouped = f"1{group}234{point}50" if group else f"1234{point}50"
        raise InvalidAmountError(
            shown(text),
            f"the whole text is an amount like {grouped!r}, with or without {currency.code}"
            " in front or behind; name other separators by decimal_mark= and group_mark=",
        )
    return f"{sign.strip('+')}{whole}{'.' if mark else ''}{decimals}", currency


def _marks(decimal_mark: object, group_mark: object) -> tuple[str, str]:
    point = _mark(decimal_mark)
    group = "" if group_mark is None else _mark(group_mark)
    if point == group:
        raise InvalidFormatError(shown(group_mark), "the two separators are different")
    return point, group


def _mark(given: object) -> str:
    if isinstance(given, str) and len(given) == 1:
        mark = given.translate(_SPACES)
        if not mark.isalnum() and mark.isprintable() and mark not in "+-":
            return mark
    raise InvalidFormatError(
        shown(given), "a separator is one character, and no letter, digit or sign"
    )


def _named(text: str, plain: str, currency: Currency | None) -> tuple[str, Currency]:
    """
    *plain* without the name of its currency, and that currency.
    """
    if currency is not None:
        number = _without_name(plain, currency)
        if number is plain and (code := _code_in(plain)) in TABLE:
            raise CurrencyMismatchError(currency.code, str(code))
        return number, currency
    code = _code_in(plain)
    if code is None:
        raise InvalidAmountError(shown(text), "it names no currency by its code; pass currency=…")
    currency = Currency(code)
    return _without_name(plain, currency), currency


def _code_in(plain: str) -> str | None:
    found = _CODE_IN_FRONT(plain) or _CODE_BEHIND(plain)
    return found[1] if found else None


def _without_name(plain: str, currency: Currency) -> str:
    """
    *plain* without the code or symbol of *currency*, in front or behind, and one space;
    *plain* itself where it has neither.
    """
    sign = plain[:1] if plain[:1] in {"-", "+"} else ""
    for name in (currency.code, currency.symbol):
        if plain.startswith(name, len(sign)):
            rest = plain[len(sign) + len(name) :]
            # Where a code ends in a digit, only a space tells it from the amount.
            if not (name[-1].isdigit() and rest[:1].isdigit()):
                return sign + rest.removeprefix(" ")
        if plain.endswith(name):
            return plain.removesuffix(name).removesuffix(" ")
    return plain
