"""
Retries: a unit whose outcome is unknown is run again until it is known.

Decided here: how long, how often, and what the caller is told in the end. Each attempt names the
same transaction ids, so that what was recorded under them is found before anything is booked: at
most one attempt has an effect. This is the one place below the edges that sleeps; its timer is
an argument, by default the `time` module.
"""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from bankcore.ledger import Transaction
from bankcore.ledger._errors import OutcomeUnknownError, StoreUnavailableError
from bankcore.values._errors import BankError, InvalidTimeError, shown

# The first and the longest pause between two attempts, in seconds; each is twice the last.
_PAUSE_MIN: Final = 0.01
_PAUSE_MAX: Final = 1.0

_Result = TypeVar("_Result")
_Outcome = Transaction | BankError


class Timer(Protocol):
    """A timer to wait by. The `time` module is one, and `bankcore.testing.FaultyClock` too."""

    def monotonic(self) -> float:
        """Return the seconds since some moment; unlike the wall clock, they never go back."""

    def sleep(self, seconds: float, /) -> object:
        """Return after so many seconds."""


#: The timer of the operating system.
SYSTEM_TIMER: Final[Timer] = time


def require_duration(value: object, field: str) -> timedelta:
    """Return *value* if it is a ``timedelta`` of zero or more; an error names *field*."""
    if isinstance(value, timedelta) and value >= timedelta():
        return value
    given = str(value) if isinstance(value, timedelta) else shown(value)
    raise InvalidTimeError(given, "must be a timedelta of zero or more").about(field)


def retry(
    attempt: Callable[[], _Result],
    doubt: OutcomeUnknownError,
    *,
    deadline: timedelta,
    timer: Timer,
) -> _Result:
    """
    Run *attempt* again, after *doubt* about the one before, and return its result once known.

    The first pause is 0.01 s, each is twice the last and 1 s at the most. A store that is out of
    reach meanwhile does not tell what became of the first attempt, so that is doubt as well; any
    other error is raised. An attempt that runs is not cut short.

    Raises:
        OutcomeUnknownError: If the deadline has passed. The outcome is still unknown.
    """
    seconds = deadline.total_seconds()
    latest: OutcomeUnknownError | StoreUnavailableError = doubt
    started, paused, pause = timer.monotonic(), 0.0, _PAUSE_MIN
    # The pauses count as well: a timer that stands still must not keep this going for ever.
    while (left := seconds - max(timer.monotonic() - started, paused)) > 0:
        timer.sleep(min(pause, left))
        paused += min(pause, left)
        pause = min(2 * pause, _PAUSE_MAX)
        try:
            return attempt()
        except (OutcomeUnknownError, StoreUnavailableError) as error:
            latest = error
    if latest is doubt:
        raise doubt
    raise OutcomeUnknownError(
        f"{doubt.reason}; it was tried again for {seconds:g} s, and the last answer was:"
        f" {latest.reason}"
    ) from latest


def as_first_answers(
    outcomes: tuple[_Outcome, ...], doubtful: Iterable[tuple[_Outcome, ...]]
) -> tuple[_Outcome, ...]:
    """
    Return *outcomes*; what an earlier attempt of this call recorded is not marked as a replay.

    They were found under their ids, but no caller has had them before.
    """
    for earlier in doubtful:
        # An atomic batch that failed has one outcome, however many commands.
        own = zip(outcomes, earlier, strict=False)
        outcomes = (*(_first_answer(*pair) for pair in own), *outcomes[len(earlier) :])
    return outcomes


def _first_answer(outcome: _Outcome, earlier: _Outcome) -> _Outcome:
    if not outcome.replayed or earlier.replayed:
        return outcome
    if isinstance(outcome, BankError):
        is_same = type(outcome) is type(earlier) and outcome.facts == earlier.facts
    else:
        is_same = outcome == earlier
    return earlier if is_same else outcome
