"""
A store that fails on purpose, and a clock that jumps, both by a seed.

Decided here: which faults there are, what each does to a call, and that the same seed gives
the same run. `FaultyStore` keeps every promise of a store: it fails only in ways in which a
store may fail, so a program must get through.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final, TypeVar

from bankcore import Account, AccountId, AccountStore, BankError, Hold, TransactionId
from bankcore.ledger import (
    Cursor,
    Page,
    Posting,
    ReadSet,
    Refusal,
    Snapshot,
    Transaction,
    WriteSet,
)
from bankcore.ledger._errors import OutcomeUnknownError, StoreMisuseError, StoreUnavailableError
from bankcore.ledger._store import require_store
from bankcore.values._errors import shown

_Result = TypeVar("_Result")

_BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)
# Jumps of the wall clock, in seconds. A bank tolerates 5 by default.
_JUMPS: Final = (0, 0, 1, -1, 4, -4, 60, -60)
# The longest latency in milliseconds, the most calls that find the store out of reach, and the
# most writes that find the disk full.
_LATENCY_MAX: Final = 500
_CALLS_MAX: Final = 3


class Fault(StrEnum):
    """A fault that `FaultyStore` may give a call."""

    #: `StoreUnavailableError` at once.
    BUSY = "busy"
    #: *decide* is called, its result is dropped, and it is called again with a new snapshot.
    CONFLICT = "conflict"
    #: *decide* is called, and nothing is written: `StoreUnavailableError`, for a few writes.
    DISK_FULL = "disk_full"
    #: Nothing is written, and the outcome is unknown: `OutcomeUnknownError`.
    FAILED_BEFORE_COMMIT = "failed_before_commit"
    #: Everything is written, and the outcome is unknown: `OutcomeUnknownError`.
    FAILED_AFTER_COMMIT = "failed_after_commit"
    #: The same, and the store is out of reach for a few calls.
    LOST_ANSWER = "lost_answer"
    #: The unit is run twice, as by a network that delivers a message twice.
    DUPLICATE = "duplicate"
    #: The call takes up to half a second of the injected time.
    LATENCY = "latency"
    #: The wall clock is set wrong by up to a minute, or right again.
    CLOCK_JUMP = "clock_jump"


_OF_READS: Final = frozenset({Fault.BUSY, Fault.LATENCY, Fault.CLOCK_JUMP})


def _checked(fault: object) -> Fault:
    # A misspelt fault would never come, and the test would pass.
    if isinstance(fault, Fault):
        return fault
    names = ", ".join(f"Fault.{each.name}" for each in Fault)
    raise StoreMisuseError(f"a fault must be one of {names}, got {shown(fault)}")


class FaultyClock:
    """
    A clock that stands still until it is moved, for ``Bank(clock=…, timer=…)``.

        >>> clock = FaultyClock()
        >>> clock.sleep(90)
        >>> clock.offset = timedelta(hours=-1)
        >>> clock().isoformat(), clock.monotonic()
        ('2025-12-31T23:01:30+00:00', 90.0)

    Attributes:
        offset: The error of the wall clock. The time that has passed is not affected.
    """

    def __init__(self, now: datetime = _BEGINNING) -> None:
        self._beginning = now
        self._passed = timedelta()
        self.offset = timedelta()

    def __call__(self) -> datetime:
        """Return the time of the wall clock."""
        return self._beginning + self._passed + self.offset

    def monotonic(self) -> float:
        """Return how many seconds have passed."""
        return self._passed.total_seconds()

    def sleep(self, seconds: float, /) -> None:
        """Let so many seconds pass, at once."""
        self._passed += timedelta(seconds=seconds)


class FaultyStore:
    """
    An `AccountStore` over *store* that fails now and then.

        >>> from bankcore.stores import MemoryStore
        >>> store = FaultyStore(MemoryStore(), rate=0)
        >>> bank = Bank(store, clock=store.clock, timer=store.clock)
        >>> store.inject(Fault.LOST_ANSWER)
        >>> bank.open_account("alice", initial_balance=Money("1", "EUR")).replayed
        False
        >>> store.trace[0]
        '1 transact lost_answer: outcome_unknown'

    The same seed and the same calls, from one thread, give the same faults and the same
    trace. The other methods of the store are passed on.

    Args:
        store: The store that is wrapped; ``.store`` reads it without faults.
        seed: The seed of the random faults.
        rate: The share of calls that have a fault, from 0 to 1; it may be changed at any time.
        faults: The faults that may come.
        clock: The clock that jumps; by default a new `FaultyClock`. It is ``.clock``.
        sleep: The function that is called with the seconds of a latency; by default the
            clock's, so that nothing really waits.
    """

    def __init__(
        self,
        store: AccountStore,
        *,
        seed: int = 0,
        rate: float = 0.25,
        faults: Iterable[Fault] = tuple(Fault),
        clock: FaultyClock | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        if not 0 <= rate <= 1:
            raise StoreMisuseError(f"rate must be from 0 to 1, got {rate!r}")
        require_store(store)
        # Methods beyond the contract, such as an optional protocol's: from Python 3.12 on,
        # isinstance with a protocol does not look behind `__getattr__`.
        for name in set(dir(store)).difference(dir(self)):
            if not name.startswith("_"):
                setattr(self, name, getattr(store, name))
        self.store = store
        self.clock = FaultyClock() if clock is None else clock
        self.rate = rate
        self._random = Random(seed)
        # In the order of their definition, whatever the order given.
        chosen = frozenset(map(_checked, faults))
        self._of_units = tuple(fault for fault in Fault if fault in chosen)
        self._of_reads = tuple(fault for fault in self._of_units if fault in _OF_READS)
        self._sleep = self.clock.sleep if sleep is None else sleep
        self._injected: deque[Fault | None] = deque()
        self._unreachable = 0
        self._full = 0
        self._guard = threading.RLock()
        self._trace: list[str] = []

    def __repr__(self) -> str:
        return f"FaultyStore({self.store!r})"

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # any attribute of the store
        return getattr(self.store, name)

    @property
    def trace(self) -> tuple[str, ...]:
        """One line for each call so far: its number, method, fault and result."""
        return tuple(self._trace)

    def inject(self, *faults: Fault | None) -> None:
        """
        Give the next units these faults, in this order, instead of those by the seed.

        None stands for a unit without a fault.

        Raises:
            StoreMisuseError: If one is not a `Fault`.
        """
        self._injected.extend([None if fault is None else _checked(fault) for fault in faults])

    # -- The contract --

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        fault, text = self._fault(self._of_units, is_unit=True)
        return self._traced(
            f"transact {text}",
            lambda: self._transacted(fault, reads, decide),
            lambda written: f"{len(written.records)} written",
        )

    def account(self, account_id: AccountId) -> Account:
        return self._read("account", lambda: self.store.account(account_id))

    def accounts(self, *, after: AccountId | None = None, limit: int = 1000) -> Sequence[Account]:
        return self._read("accounts", lambda: self.store.accounts(after=after, limit=limit))

    def outcome(self, transaction_id: TransactionId) -> Transaction | Refusal:
        return self._read("outcome", lambda: self.store.outcome(transaction_id))

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        return self._read("journal", lambda: self.store.journal(after=after, limit=limit))

    def history(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        return self._read(
            "history", lambda: self.store.history(account_id, after=after, limit=limit)
        )

    def posting_at(self, account_id: AccountId, instant: datetime) -> Posting | None:
        return self._read("posting_at", lambda: self.store.posting_at(account_id, instant))

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        return self._read("holds_due", lambda: self.store.holds_due(before, limit=limit))

    # -- Faults --

    def _fault(
        self, possible: tuple[Fault, ...], *, is_unit: bool = False
    ) -> tuple[Fault | None, str]:
        """Return the fault of this call, and its text for the trace."""
        with self._guard:
            if is_unit and self._injected:
                fault = self._injected.popleft()
            elif self._random.random() < self.rate and possible:
                fault = self._random.choice(possible)
            else:
                fault = None
            if fault is Fault.LATENCY:
                seconds = self._random.randint(1, _LATENCY_MAX) / 1000
                self._sleep(seconds)
                return fault, f"{fault} of {seconds} s"
            if fault is Fault.CLOCK_JUMP:
                offset = self._random.choice(_JUMPS)
                self.clock.offset = timedelta(seconds=offset)
                return fault, f"{fault} to {offset} s"
            return fault, "without fault" if fault is None else fault

    def _transacted(
        self, fault: Fault | None, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]
    ) -> WriteSet:
        if fault is Fault.BUSY:
            raise StoreUnavailableError("it is busy, as planned")
        if fault is Fault.DISK_FULL:
            self._full = self._calls()
        if self._full:
            self._full -= 1
            error = StoreUnavailableError("the disk is full, as planned")
            return self._undone(reads, decide, error)
        if fault is Fault.FAILED_BEFORE_COMMIT:
            unknown = OutcomeUnknownError("it failed before the commit, as planned")
            return self._undone(reads, decide, unknown)
        if fault is Fault.CONFLICT:
            self.store.transact(reads, lambda snapshot: _dropped(decide(snapshot)))
        written = self.store.transact(reads, decide)
        # A unit with nothing to write has no commit.
        if written.records:
            if fault is Fault.DUPLICATE:
                self.store.transact(reads, decide)
            if fault is Fault.FAILED_AFTER_COMMIT:
                raise OutcomeUnknownError("it failed after the commit, as planned")
            if fault is Fault.LOST_ANSWER:
                self._unreachable = self._calls()
                raise OutcomeUnknownError("the answer was lost, as planned")
        return written

    def _calls(self) -> int:
        return self._random.randint(1, _CALLS_MAX)

    def _undone(
        self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet], error: BankError
    ) -> WriteSet:
        """Raise *error*, with nothing written, unless the unit had nothing to write."""

        def failing(snapshot: Snapshot) -> WriteSet:
            written = decide(snapshot)
            if written.records:
                # "If it raises, nothing is written, and the exception passes unchanged."
                raise error
            return written

        return self.store.transact(reads, failing)

    def _read(self, method: str, read: Callable[[], _Result]) -> _Result:
        fault, text = self._fault(self._of_reads)

        def attempt() -> _Result:
            if fault is Fault.BUSY:
                raise StoreUnavailableError("it is busy, as planned")
            return read()

        return self._traced(f"{method} {text}", attempt, lambda _: "read")

    def _traced(
        self, call: str, attempt: Callable[[], _Result], said: Callable[[_Result], str]
    ) -> _Result:
        """Return the result of *attempt*, and add a line to the trace."""
        answer = ""
        try:
            if self._unreachable:
                self._unreachable -= 1
                raise StoreUnavailableError("it is out of reach, as planned")  # noqa: TRY301  # traced like every other
            result = attempt()
            answer = said(result)
        except BaseException as error:
            answer = error.code if isinstance(error, BankError) else type(error).__name__
            raise
        finally:
            with self._guard:
                self._trace.append(f"{len(self._trace) + 1} {call}: {answer}")
        return result


def _dropped(_: WriteSet) -> WriteSet:
    return WriteSet()
