"""
Denials: denied requests, recorded apart from the journal.

Decided here: how many denials are written, so that nobody can fill the disk or hold up other
writers by being denied. The first 60 of each principal in each minute are written; the rest are
counted, in the memory of each bank, and the count goes with the next that is written.
"""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, runtime_checkable

import attrs

from bankcore.values import AccountId, PrincipalId
from bankcore.values._ids import ID_SCHEMA, PRINCIPAL_ID_SCHEMA
from bankcore.values._json import (
    INSTANT,
    TEXT,
    TEXT_OR_NULL,
    Told,
    json_of,
    list_schema,
    object_schema,
)

#: The most denials of one principal that are written in one minute.
DENIALS_PER_MINUTE_MAX: Final = 60

#: The most principals that are counted at once; the one denied longest ago is forgotten first.
DENIED_PRINCIPALS_MAX: Final = 10_000

#: The most denials that a store keeps; the oldest are removed.
DENIALS_MAX: Final = 100_000

#: The most accounts that one denial names.
DENIAL_ACCOUNTS_MAX: Final = 10

_MINUTE: Final = timedelta(minutes=1)


@attrs.frozen
class Denial(Told):
    """
    A denied request. Not part of the journal.

    Attributes:
        principal: The principal that asked.
        action: The action that was denied: the kind of a command, or an `Action`.
        account_ids: The accounts that it named, at most 10 of them.
        code: The code of the error.
        denied_at: When it was denied, UTC.
        request_id: The request that it came from, if the application said so.
        unwritten_before: The number of denials of this principal before this one that were
            counted and not written.
    """

    principal: PrincipalId
    action: str
    account_ids: tuple[AccountId, ...]
    code: str
    denied_at: datetime
    request_id: str | None = None
    unwritten_before: int = 0

    _json_schema = object_schema(
        {
            "principal": PRINCIPAL_ID_SCHEMA,
            "action": TEXT,
            "account_ids": list_schema(ID_SCHEMA),
            "code": TEXT,
            "denied_at": INSTANT,
            "request_id": TEXT_OR_NULL,
            "unwritten_before": {"type": "integer", "minimum": 0},
        }
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the denial for JSON."""
        return {name: json_of(value) for name, value in attrs.asdict(self, recurse=False).items()}


@runtime_checkable
class DenialLog(Protocol):
    """Optional: a store that keeps denials."""

    def record_denial(self, denial: Denial) -> None:
        """Store *denial*; of more than 100,000, the oldest are removed."""

    def denials(self, *, limit: int = 1000) -> Sequence[Denial]:
        """Return the latest denials, the last first."""


@attrs.define
class _Count:
    """The denials of one principal in the minute that began with *first*."""

    first: Denial
    written: int = 0
    unwritten: int = 0


class DenialRecorder:
    """Writes denials to *log*, at most 60 of a principal in a minute."""

    def __init__(self, log: DenialLog) -> None:
        self._log = log
        self._guard = threading.Lock()
        self._counts: dict[PrincipalId, _Count] = {}

    def record(self, denial: Denial) -> None:
        """Write *denial*, or count it; if the store fails, count it and raise the error."""
        with self._guard:
            count = self._counts.pop(denial.principal, None)
            if count is None:
                count = _Count(denial)
            elif abs(denial.denied_at - count.first.denied_at) >= _MINUTE:
                count = _Count(denial, unwritten=count.unwritten)
            # At the end, so that the first is the one denied longest ago.
            self._counts[denial.principal] = count
            if len(self._counts) > DENIED_PRINCIPALS_MAX:
                del self._counts[next(iter(self._counts))]
            count.written += 1
            if count.written > DENIALS_PER_MINUTE_MAX:
                count.unwritten += 1
                return
            before, count.unwritten = count.unwritten, 0
        try:
            self._log.record_denial(attrs.evolve(denial, unwritten_before=before))
        except BaseException:
            with self._guard:
                count.unwritten += before + 1
            raise
