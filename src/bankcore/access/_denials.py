"""
Denials: what became of those who were told no, recorded apart from the journal.

Decided here: how many denials are written, so that whoever is denied can fill no disk and
hold up no writer. The first 60 of each principal in each minute are written, one by one;
the rest are counted, and the count goes with the next that is written. The counts are kept
in memory, for each bank: another process has its own, and they end with the process.
"""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, runtime_checkable

import attrs

from bankcore.values import AccountId, PrincipalId

#: How many denials of one principal are written in one minute.
DENIALS_PER_MINUTE_MAX: Final = 60

#: How many principals are counted at once; those not denied for longest are forgotten first.
DENIED_PRINCIPALS_MAX: Final = 10_000

_MINUTE: Final = timedelta(minutes=1)


#: The most denials that a store keeps; the oldest make room.
DENIALS_MAX: Final = 100_000


#: The most accounts that one denial names.
DENIAL_ACCOUNTS_MAX: Final = 10


@attrs.frozen
class Denial:
    """
    That a principal was told no. Not part of the journal.

    Attributes:
        principal: Who asked.
        action: What for: the value of an `Action`.
        account_ids: With which accounts, at most 10 of them.
        code: The code of the error.
        denied_at: When, UTC.
        request_id: Where it came from, if the application said so.
        unwritten_before: How many denials of this principal before this one were counted
            and not written.
    """

    principal: PrincipalId
    action: str
    account_ids: tuple[AccountId, ...]
    code: str
    denied_at: datetime
    request_id: str | None = None
    unwritten_before: int = 0


@runtime_checkable
class DenialLog(Protocol):
    """
    Optional: a store that keeps denials, apart from accounts and the journal.
    """

    def record_denial(self, denial: Denial) -> None:
        """
        Keep *denial*; of more than 100,000, the oldest go.
        """

    def denials(self, *, limit: int = 1000) -> Sequence[Denial]:
        """
        The latest denials, the last first.
        """


@attrs.define
class _Count:
    """
    What one principal was denied in the minute that began with its first denial.
    """

    first: Denial
    written: int = 0
    unwritten: int = 0


class DenialRecorder:
    """
    Writes denials to *log*, and no more of them than there should be.
    """

    def __init__(self, log: DenialLog) -> None:
        self._log = log
        self._guard = threading.Lock()
        self._counts: dict[PrincipalId, _Count] = {}

    def record(self, denial: Denial) -> None:
        """
        Write *denial*, or count it.

        Raises:
            StoreError: If the store fails. The denial is counted then.
        """
        with self._guard:
            count = self._counts.pop(denial.principal, None)
            if count is None:
                count = _Count(denial)
            elif abs(denial.denied_at - count.first.denied_at) >= _MINUTE:
                count = _Count(denial, unwritten=count.unwritten)
            # At the end, so that the first is the one not denied for longest.
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
