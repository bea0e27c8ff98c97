"""
Instants: which moments are taken, and what a date or a text means.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from bankcore.errors import InvalidTimeError
from bankcore.values._instants import instant_from_text, to_instant, to_instant_or_midnight

CET = timezone(timedelta(hours=1))


def test_an_instant_is_kept_in_utc() -> None:
    """An aware datetime of any zone is the same moment in UTC."""
    given = datetime(2026, 1, 1, 0, 30, tzinfo=CET)
    kept = to_instant(given)

    assert (given, UTC, 23) == (kept, kept.tzinfo, kept.hour)


def test_utc_passes_through() -> None:
    """What is in UTC already is taken as it is."""
    given = datetime(2026, 1, 1, tzinfo=UTC)

    assert given is to_instant(given)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (datetime(2026, 1, 1), "must have a time zone"),  # noqa: DTZ001  # the very input under test
        (datetime.min.replace(tzinfo=CET), "must be in the years 1 to 9999"),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))), "in the years 1 to 9999"),
        ("2026-01-01", "must be an aware datetime"),
        (1_767_225_600, "must be an aware datetime"),
        (None, "must be an aware datetime"),
    ],
)
def test_what_is_no_instant_is_refused(value: Any, reason: str) -> None:
    """A naive datetime, one out of range, or something else is no instant."""
    with pytest.raises(InvalidTimeError, match=reason):
        to_instant(value)
    if not isinstance(value, datetime):
        with pytest.raises(InvalidTimeError, match="must be a date or an aware datetime, got"):
            to_instant_or_midnight(value)


def test_a_date_is_its_midnight_in_utc() -> None:
    """A date means the instant it begins in UTC; an instant means itself."""
    noon = datetime(2024, 2, 29, 12, tzinfo=UTC)

    assert datetime(2024, 2, 29, tzinfo=UTC) == to_instant_or_midnight(date(2024, 2, 29))
    assert noon == to_instant_or_midnight(noon)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC)),
        ("2024-02-29T12:00:00Z", datetime(2024, 2, 29, 12, tzinfo=UTC)),
        ("2024-02-29T12:00:00.000001+01:00", datetime(2024, 2, 29, 11, 0, 0, 1, tzinfo=UTC)),
    ],
)
def test_a_text_names_a_date_or_an_instant(text: str, expected: datetime) -> None:
    """A date, or a date and time with its zone, names an instant."""
    assert expected == instant_from_text(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "today", "20240229", "2024-W09-4", "2023-02-29", "2024-02-29T12:00", "24-02-29"),
        *("0000-00-00", "2024-02-29T12:00:60Z", "2024-02-29T12:00Z ", "2024/02/29"),
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    """What names no instant without guessing is refused."""
    with pytest.raises(InvalidTimeError, match="must be a date YYYY-MM-DD"):
        instant_from_text(text)
