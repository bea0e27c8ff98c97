"""
How an unknown outcome is settled: the same unit is run again until it is known.

Decided here: how long, how often, and what the caller is told in the end. The unit names the
same transaction ids each time, so that whatever was recorded under them is found before
anything is booked: at most one of the attempts has an effect. This is the one place below
the edges that waits, and what it waits by is an argument; the default is the `time` module.
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
    """
    What waiting needs. The `time` module is one, and `bankcore.testing.FaultyClock` too.
    """

    def monotonic(self) -> float:
        """
        Seconds since some moment; it never goes back, whatever is done to the wall clock.
        """

    def sleep(self, seconds: float, /) -> object:
        """
        Return after so many seconds.
        """


#: The timer of the operating system.
SYSTEM_TIMER: Final[Timer] = time


def require_deadline(deadline: object) -> timedelta:
    """
    *deadline*, if it can be one.

    Raises:
        InvalidTimeError: If it is not a ``timedelta`` of zero or more.
    """
    if not isinstance(deadline, timedelta) or deadline < timedelta():
        raise InvalidTimeError(
            str(deadline) if isinstance(deadline, timedelta) else shown(deadline),
            "a deadline is a timedelta of zero or more",
        )
    return deadline


def settle(
    attempt: Callable[[], _Result],
    doubt: OutcomeUnknownError,
    *,
    deadline: timedelta,
    timer: Timer,
) -> _Result:
    """
    What *attempt* gives as soon as it is known, after *doubt* about the one before.

    It is made again after a pause of 0.01 s, each pause twice the last and 1 s at the most.
    A store that is out of reach meanwhile does not say what became of the first attempt, so
    that counts as doubt too; any other error passes. An attempt under way is not cut short.

    Raises:
        OutcomeUnknownError: If the deadline has passed. It is still not known.
    """
    seconds = deadline.total_seconds()
    latest: OutcomeUnknownError | StoreUnavailableError = doubt
    started, paused, pause = timer.monotonic(), 0.0, _PAUSE_MIN
    # What was asked of the timer counts as well: one that stands still ends it all the same.
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


def as_first_given(
    outcomes: tuple[_Outcome, ...], doubtful: Iterable[tuple[_Outcome, ...]]
) -> tuple[_Outcome, ...]:
    """
    *outcomes*, where what an attempt of the same call came to is no replay.

    It was found under its id, but nobody had been given it before.
    """
    for earlier in doubtful:
        # An atomic batch that failed has one outcome, however many commands.
        own = zip(outcomes, earlier, strict=False)
        outcomes = (*(_first_given(*pair) for pair in own), *outcomes[len(earlier) :])
    return outcomes


def _first_given(outcome: _Outcome, earlier: _Outcome) -> _Outcome:
    if not outcome.replayed or earlier.replayed:
        return outcome
    if isinstance(outcome, BankError):
        is_same = type(outcome) is type(earlier) and outcome.facts == earlier.facts
    else:
        is_same = outcome == earlier
    return earlier if is_same else outcome
