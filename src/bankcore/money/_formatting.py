"""
Formatting: how money is written as text, and how text is parsed as money.

Decided here: the letters of a format, and what is parsed: the whole text is money, with the
separators that the caller names, or it is an error. No locale is guessed; nothing is rounded.
"""

import re
from collections.abc import Callable
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from functools import lru_cache, partial
from typing import Final

import attrs

from bankcore.money._currency import EXPONENT_MAX, Currency, to_currency
from bankcore.money._errors import (
    AmountTooLargeError,
    CurrencyMismatchError,
    InvalidAmountError,
    InvalidFormatError,
)
from bankcore.money._iso4217 import TABLE
from bankcore.values._errors import shown

#: The longest text that is parsed as money, in characters.
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

# An integer and a shift make a Decimal, of any length, whatever the ambient context says.
scaled: Final = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX).scaleb
SHIFTS: Final = tuple(map(Decimal, range(0, -EXPONENT_MAX - 1, -1)))

# A code at the beginning or the end that is not part of a longer word.
_CODE_IN_FRONT: Final = re.compile(r"[-+]?([A-Z]{3})(?![A-Z])").match
_CODE_BEHIND: Final = re.compile(r"(?<![A-Z])([A-Z]{3})\Z").search
# The no-break, figure, thin and narrow spaces, which text from the web has, are spaces.
_SPACES: Final = str.maketrans("\u00a0\u2007\u2009\u202f", "    ")


def decimal_text(amount_minor: int, exponent: int) -> str:
    """Return the amount in whole units, with all *exponent* decimals."""
    # A Decimal is quickest; it writes what has more than 6 decimals in another way, "1E-7".
    if exponent <= 6:
        return str(scaled(amount_minor, SHIFTS[exponent]))
    sign = "-" if amount_minor < 0 else ""
    digits = str(abs(amount_minor)).zfill(exponent + 1)
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}"


@attrs.frozen
class _Layout:
    number: str
    group: str
    trims: bool
    plus: str
    beside: str
    pad: Callable[[str], str] | None


@lru_cache(maxsize=128)
def _parse_format(spec: str) -> _Layout:
    found = _FORMAT(spec)
    if found is None:
        reason = "must be [[fill]align][sign][width][, or _][~][c, C, s, S or n]"
        raise InvalidFormatError(shown(spec), reason).about("spec")
    fill, align, sign, width, group, trim, beside = found.groups()
    pad = None
    if width:
        pad = partial(_padded, _ALIGNED[align or "<"], int(width), fill or " ")
    plus = sign if sign in {"+", " "} else ""
    return _Layout(",f" if group else "f", group, bool(trim), plus, beside or "c", pad)


def _padded(aligned: Callable[[str, int, str], str], width: int, fill: str, text: str) -> str:
    return aligned(text, width, fill)


def format_money(amount_minor: int, currency: Currency, spec: str) -> str:
    """Return the amount in the format *spec*: see `Money.__format__`."""
    layout = _parse_format(spec)
    number = format(scaled(amount_minor, SHIFTS[currency.exponent]), layout.number)
    if layout.group == "_":
        number = number.replace(",", "_")
    if layout.trims and currency.exponent:
        number = number.rstrip("0").removesuffix(".")
    if layout.plus and amount_minor >= 0:
        number = layout.plus + number
    beside = layout.beside
    text = f"{currency.code} {number}" if beside == "c" else _beside(number, currency, beside)
    return text if layout.pad is None else layout.pad(text)


def _beside(number: str, currency: Currency, beside: str) -> str:
    if beside == "n":
        return number
    name = currency.code if beside == "C" else currency.symbol
    if beside in {"C", "S"}:
        return f"{number} {name}"
    # Letters need a space, and then the sign stands at the number.
    if name[-1].isalnum():
        return f"{name} {number}"
    sign = "" if number[0].isdigit() else number[0]
    return f"{sign}{name}{number.removeprefix(sign)}"


def parse_money(
    text: object, currency: Currency | None, decimal_mark: object, group_mark: object
) -> tuple[str, Currency]:
    """Return the amount in *text*, with a point and without groups, and its currency."""
    if not isinstance(text, str):
        raise InvalidAmountError(shown(text), "must be text").about("text")
    point = _to_separator(decimal_mark, "decimal_mark")
    group = "" if group_mark is None else _to_separator(group_mark, "group_mark")
    if point == group:
        reason = "must not be the same as decimal_mark"
        raise InvalidFormatError(shown(group_mark), reason).about("group_mark")
    if len(text) > TEXT_LENGTH_MAX:
        reason = f"must have at most {TEXT_LENGTH_MAX} characters"
        raise AmountTooLargeError(shown(text), reason).about("text")
    plain = str.__str__(text).translate(_SPACES)
    found = _CODE_IN_FRONT(plain) or _CODE_BEHIND(plain)
    code = found[1] if found else None
    if currency is None:
        if code is None:
            error = InvalidAmountError(shown(text), "must name its currency by the code")
            raise error.about("text").advising("or pass currency=…")
        currency = to_currency(code, "text", "pass currency=Currency(code, exponent=…)")
    number = _without_currency(plain, currency)
    if number is plain and code in TABLE:
        raise CurrencyMismatchError(currency.code, str(code)).about("text")
    sign = number[:1] if number[:1] in {"-", "+"} else ""
    whole, mark, decimals = number[len(sign) :].partition(point)
    if group and group in whole:
        first, *others = whole.split(group)
        if not 0 < len(first) <= 3 or any(len(each) != 3 for each in others):
            reason = f"must have groups of three digits, separated by {group!r}"
            raise InvalidAmountError(shown(text), reason).about("text")
        whole = "".join((first, *others))
    digits = whole + decimals
    if not (digits.isascii() and digits.isdigit() and whole and (decimals or not mark)):
        grouped = f"1{group}234{point}50" if group else f"1234{point}50"
        beside = f"with or without {currency.code} in front or behind"
        reason = f"must be an amount like {grouped!r}, {beside}"
        error = InvalidAmountError(shown(text), reason).about("text")
        raise error.advising("name other separators by decimal_mark= and group_mark=")
    return f"{sign.strip('+')}{whole}{'.' if mark else ''}{decimals}", currency


def _to_separator(given: object, field: str) -> str:
    if isinstance(given, str) and len(given) == 1:
        mark = given.translate(_SPACES)
        if not mark.isalnum() and mark.isprintable() and mark not in "+-":
            return mark
    reason = "must be one character that is not a letter, a digit or a sign"
    raise InvalidFormatError(shown(given), reason).about(field)


def _without_currency(plain: str, currency: Currency) -> str:
    """Return *plain* without the code or symbol of *currency*; itself if it has neither."""
    sign = plain[:1] if plain[:1] in {"-", "+"} else ""
    for name in (currency.code, currency.symbol):
        if plain.startswith(name, len(sign)):
            rest = plain[len(sign) + len(name) :]
            # If a code ends in a digit, only a space separates it from the amount.
            if not (name[-1].isdigit() and rest[:1].isdigit()):
                return sign + rest.removeprefix(" ")
        if plain.endswith(name):
            return plain.removesuffix(name).removesuffix(" ")
    return plain
