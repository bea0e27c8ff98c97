"""
Instants: which moments bankcore accepts, and in what form it keeps them.

Decided here: an instant is an aware ``datetime``, kept in UTC, with microseconds. A naive one
is refused, because nobody can tell which moment it means. Nothing here reads a clock.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from bankcore.values._errors import InvalidTimeError, shown

#: The smallest step between two instants.
TICK = timedelta(microseconds=1)

# An offset with 60 minutes or seconds and more, which Python takes as an hour and some.
_has_odd_offset = re.compile(
    r".{10,}[+-]\d\d(:?[6-9]\d|:?[0-5]\d:?[6-9]\d)(\.\d+)?", re.ASCII
).fullmatch

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_instant(
    value: object, field: str | None = None, *, wanted: str = "an aware datetime"
) -> datetime:
    """Return *value*, an aware ``datetime``, in UTC; an error names *field* and *wanted*."""
    if type(value) is datetime and value.tzinfo is UTC:
        return value
    if not isinstance(value, datetime):
        raise InvalidTimeError(shown(value), f"must be {wanted}").about(field)
    try:
        if value.utcoffset() is not None:
            return value.astimezone(UTC)
        reason = "must have a time zone"
    except OverflowError:
        reason = "must be in the years 1 to 9999 in UTC"
    raise InvalidTimeError(value.isoformat(), reason).about(field)


def to_instant_or_midnight(value: object, field: str | None = None) -> datetime:
    """Return *value* as an instant; a ``date`` means its midnight in UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.min, UTC)
    return to_instant(value, field, wanted="a date or an aware datetime")


def instant_from_text(text: str, field: str | None = None) -> datetime:
    """Return the instant of *text*: a date (its midnight in UTC), or a time with its zone."""
    try:
        # YYYY-MM-DD alone: Python would read 20260101 and 2026-W01 as dates too.
        if len(text) == len("2026-01-01") and text[4] == text[7] == "-":
            return to_instant_or_midnight(date.fromisoformat(text))
        return to_instant(datetime.fromisoformat("" if _has_odd_offset(text) else text))
    except ValueError:
        raise InvalidTimeError(
            shown(text), "must be a date YYYY-MM-DD, or a date and time with its time zone"
        ).about(field) from None


def month_span(value: object, field: str) -> tuple[datetime, datetime]:
    """
    Return the first instant of a month and that of the next one, in UTC; an error names *field*.

    *value* is ``YYYY-MM``, or a date in the month.
    """
    text = value.isoformat()[:7] if type(value) is date else value
    try:
        if isinstance(text, str) and len(text) == len("2026-01"):
            first = instant_from_text(f"{text}-01")
            return first, (first + timedelta(days=31)).replace(day=1)
    except (InvalidTimeError, OverflowError):
        pass  # the 13th month, or one whose next begins in the year 10000
    raise InvalidTimeError(shown(value), "must be a month, YYYY-MM, or a date in it").about(field)


@lru_cache(maxsize=1024)  # imported history has many transactions at one instant
def to_microseconds(instant: datetime) -> int:
    """Return *instant* in microseconds since 1970, UTC."""
    return (instant - _EPOCH) // TICK


def from_microseconds(microseconds: int) -> datetime:
    """Return the instant that is this many *microseconds* after 1970, UTC."""
    return _EPOCH + microseconds * TICK
