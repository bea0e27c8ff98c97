"""
Dates as banks write them, read by a format such as ``%d.%m.%Y``.

Decided here: what a format may have, and that a text is a date of that format or an error. The
names of months are English, whatever the locale, and digits are ASCII. A time of day without a
zone is read in one that the caller names.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from bankcore.money._errors import InvalidFormatError
from bankcore.values._errors import InvalidTimeError, shown
from bankcore.values._instants import to_instant

_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"

# Of each directive: its pattern, and how it writes the last second of 2025.
_DIRECTIVES: Final[Mapping[str, tuple[str, str]]] = {
    "d": ("[0-9]{1,2}", "31"),
    "m": ("[0-9]{1,2}", "12"),
    "b": (_MONTHS, "Dec"),
    "Y": ("[0-9]{4}", "2025"),
    "y": ("[0-9]{2}", "25"),
    "H": ("[0-9]{1,2}", "23"),
    "M": ("[0-9]{2}", "59"),
    "S": ("[0-9]{2}", "59"),
    "f": ("[0-9]{1,6}", "000"),
    "z": ("z|[+-][0-9]{2}:?[0-9]{2}", "+01:00"),
}
# The directives of a format, with Y for y and m for b, sorted.
_is_complete = re.compile("Ydm|HMS?Ydmz?|HMSYdfmz?").fullmatch
# As `datetime.strptime` has it: 00 to 68 are of this century.
_LAST_OF_THIS_CENTURY: Final = 68


def date_reader(date_format: str, time_zone: str | None) -> Callable[[str], datetime]:
    """
    Return a function from a text of *date_format* to its instant; its errors name ``date``.

    Raises:
        InvalidFormatError: If the format is no date, if there is no such time zone, or if one is
            missing or not needed.
    """
    match, example, letters = _compiled(date_format)
    zone = _zone(time_zone, letters)

    def read(text: str) -> datetime:
        found = match(text.strip())
        try:
            local = None if found is None else _time(found.groupdict(), zone)
        except ValueError:
            local = None  # a 13th month, or a day that the month does not have
        if local is None:
            reason = f"must be a date like {example!r} ({date_format})"
        elif local.utcoffset() == local.replace(fold=1).utcoffset():
            return to_instant(local, "date")
        else:
            reason = f"must be one instant, and the clocks of {time_zone} are changed then"
        raise InvalidTimeError(shown(text), reason).about("date")

    return read


def _compiled(date_format: str) -> tuple[Callable[[str], re.Match[str] | None], str, str]:
    """Return what matches a date of *date_format*, an example of one, and its directives."""
    texts = re.split("%(.)", date_format) if isinstance(date_format, str) else ["", ""]  # type: ignore[redundant-expr]  # callers may be untyped
    letters = "".join(sorted("".join(texts[1::2]).replace("y", "Y").replace("b", "m")))
    if not _is_complete(letters):
        reason = (
            "must have the day, month and year once, and no other parts than those of a time,"
            f" such as '%d.%m.%Y'; its parts are {', '.join(f'%{each}' for each in _DIRECTIVES)}"
        )
        raise InvalidFormatError(shown(date_format), reason).about("date_format")
    # Where numbers have nothing between them, all have all their digits.
    is_packed = re.search("%.%[^z]", date_format)
    pattern, example = "", ""
    for literal, letter in zip(texts[::2], (*texts[1::2], ""), strict=True):
        digits, sample = _DIRECTIVES.get(letter, ("", ""))
        if is_packed:
            digits = digits.replace("{1,2}", "{2}")
        pattern += re.escape(literal) + (f"(?P<{letter}>{digits})" if letter else "")
        example += literal + sample
    return re.compile(pattern, re.IGNORECASE).fullmatch, example, letters


def _zone(time_zone: str | None, letters: str) -> tzinfo:
    """Return the zone of the times of a format with these directives."""
    if "z" in letters and time_zone is not None:
        reason = "must not be given where the dates have their own (%z)"
    elif time_zone is None and "H" in letters and "z" not in letters:
        reason = "must be given for times of a day, such as 'UTC' or 'Europe/Berlin'"
    elif time_zone in {None, "UTC"}:
        return UTC
    else:
        try:
            return ZoneInfo(time_zone)
        except (OSError, LookupError, ValueError, TypeError):
            reason = "must be a time zone that this machine knows, such as 'Europe/Berlin'"
    raise InvalidFormatError(shown(time_zone), reason).about("time_zone")


def _time(parts: Mapping[str, str], zone: tzinfo) -> datetime:
    """Return the time that *parts*, by directive, say."""
    year = int(parts.get("Y") or parts["y"])
    if "y" in parts:
        year += 2000 if year <= _LAST_OF_THIS_CENTURY else 1900
    month = int(parts["m"]) if "m" in parts else _MONTHS.index(parts["b"].lower()) // 4 + 1
    hour, minute, second = (int(parts.get(each, "0")) for each in "HMS")
    microsecond = int(parts.get("f", "0").ljust(6, "0"))
    offset = parts.get("z", "").lower()
    if offset:
        zone = UTC if offset == "z" else _offset(offset)
    return datetime(year, month, int(parts["d"]), hour, minute, second, microsecond, zone)


def _offset(text: str) -> timezone:
    past = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-past if text[0] == "-" else past)
