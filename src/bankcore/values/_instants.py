"""
Instants: which moments in time bankcore accepts, and in what form it keeps them.

Decided here: an instant is an aware ``datetime``, kept in UTC, with microseconds.
A naive one is refused, because nobody can say which moment it means. Nothing here
reads a clock.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from bankcore.values._errors import InvalidTimeError, shown

#: The smallest step between two instants.
TICK = timedelta(microseconds=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_instant(value: object) -> datetime:
    """
    *value* as an aware ``datetime`` in UTC.

    Raises:
        InvalidTimeError: If it is not a ``datetime``, has no zone, or leaves the
            years 1 to 9999 in UTC.
    """
    if type(value) is datetime and value.tzinfo is UTC:
        return value
    if not isinstance(value, datetime):
        raise InvalidTimeError(shown(value), "an aware datetime is needed")
    if value.utcoffset() is None:
        raise InvalidTimeError(value.isoformat(), "it has no time zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidTimeError(value.isoformat(), "in UTC it leaves the years 1 to 9999") from None


def to_instant_or_midnight(value: object) -> datetime:
    """
    *value* as an instant, where a calendar ``date`` means its midnight in UTC.

    Raises:
        InvalidTimeError: If it is neither a ``date`` nor an aware ``datetime``.
    """
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.min, UTC)
    return to_instant(value)


def instant_from_text(text: str) -> datetime:
    """
    The instant that *text* names: a date ``YYYY-MM-DD``, which is its midnight in UTC, or an
    ISO 8601 date and time with its zone.

    Raises:
        InvalidTimeError: If it is anything else.
    """
    try:
        # YYYY-MM-DD alone: Python would read 20260101 and 2026-W01 as dates too.
        if len(text) == len("2026-01-01") and text[4] == text[7] == "-":
            return to_instant_or_midnight(date.fromisoformat(text))
        return to_instant(datetime.fromisoformat(text))
    except ValueError:
        raise InvalidTimeError(
            shown(text), "a date is YYYY-MM-DD, or a date and time with its zone"
        ) from None


@lru_cache(maxsize=1024)  # imported history has many transactions at one instant
def to_microseconds(instant: datetime) -> int:
    """
    *instant* in microseconds since 1970, UTC.
    """
    return (instant - _EPOCH) // TICK


def from_microseconds(microseconds: int) -> datetime:
    """
    The instant of *microseconds* since 1970, UTC.
    """
    return _EPOCH + microseconds * TICK
