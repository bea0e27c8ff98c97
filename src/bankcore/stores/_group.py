"""
Group commit: units that wait for a store's one writer are decided together and share one commit.

Decided here: which units form a group, what each of them sees of the others, and whose error is
whose. It is a composition of `ReadSet`, `Snapshot` and `WriteSet`, and knows no engine: a store
gives it a ``transact`` that only one thread at a time will call, and ``recover``, which undoes
whatever an interrupted ``transact`` has left.

There is one queue, and its first unit leads: its thread runs each ``decide`` of those behind it
over what the earlier ones came to, writes all of it in one ``transact``, and tells each thread its
own result. Then the first that is not done leads the next group. Nobody waits for company, and
nobody longer than the group before and its own.

Any exception may come at any instruction, as from a signal handler. A unit stays in the queue
until it is done, so none can be lost on the way, and a leader whose call has ended is found by
those that wait: what it left is settled before anybody else leads.
"""

import contextvars
import copy
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, Final, TypeVar, cast

from bankcore.accounts import Account
from bankcore.commands import Reverse
from bankcore.ledger import ReadSet, Refusal, Snapshot, Transaction, WriteSet, touched_accounts
from bankcore.ledger._errors import OutcomeUnknownError, StoreMisuseError, StoreUnavailableError
from bankcore.ledger._store import add_reversal
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import StoreError, shown

# The most ids that a group reads. Each stands for at most one command or account, so that this
# bounds the bytes of a group too. A unit that needs more is a group of its own.
_GROUP_IDS_MAX: Final = 10_000

#: The longest wait for others, in seconds: a day.
TIMEOUT_MAX: Final = 86_400

# How long a thread waits before it looks whether the leader is still there, in seconds.
_LOOK_EVERY: Final = 0.1

_T = TypeVar("_T")
_Id = TypeVar("_Id")
Decide = Callable[[Snapshot], WriteSet]


class _Unit:
    """One call that needs the writer: a unit of the contract, or other work without *reads*."""

    __slots__ = (
        "context",
        "error",
        "frame",
        "gate",
        "is_alone",
        "is_done",
        "reads",
        "result",
        "thread",
        "work",
    )

    def __init__(self, work: Callable[..., Any], reads: ReadSet | None) -> None:
        self.work = work
        self.reads = reads
        self.thread = threading.get_ident()
        #: The call itself; None before it and after it, and for `Groups.hold`, which is no call.
        self.frame: FrameType | None = None
        self.is_alone = reads is None
        self.is_done = False
        self.result: Any = None
        self.error: StoreError | None = None

    @property
    def weight(self) -> int:
        reads = cast("ReadSet", self.reads)
        return len(reads.transaction_ids) + len(reads.account_ids) + len(reads.originals)

    @property
    def is_gone(self) -> bool:
        """True if its call has ended, whatever it left."""
        if self.frame is None:
            return self.is_done
        try:
            self.frame.clear()
        except RuntimeError:  # documented: it is running
            return False
        return True

    def waits(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        # Its `decide` may run in another thread, and sees what its own would see.
        self.context = contextvars.copy_context()

    def wake(self) -> None:
        """Tell its thread that it leads, or that it is done: one of them, once."""
        self.gate.release()

    def fail(self, error: StoreError) -> None:
        self.error = error
        self.is_done = True


class Groups:
    """The queue of one writer."""

    def __init__(
        self,
        transact: Callable[[ReadSet, Decide], WriteSet],
        recover: Callable[[], None],
        timeout: float,
    ) -> None:
        self._transact = transact
        self._recover = recover
        self._timeout = timeout
        self._lock = threading.RLock()
        # The first leads. Some may be done already.
        self._queue: deque[_Unit] = deque()
        # Those that the leader does now, and those of them of which something may be committed.
        self._group: list[_Unit] = []
        self._written: list[_Unit] = []

    def transact(self, reads: ReadSet, decide: Decide) -> WriteSet:
        """Do one unit, perhaps together with others, as `AccountStore.transact` documents."""
        return cast("WriteSet", self._do(_Unit(decide, reads)))

    def alone(self, work: Callable[[], _T]) -> _T:
        """Return ``work()``, run while no unit is under way."""
        return cast("_T", self._do(_Unit(work, None)))

    def hold(self) -> None:
        """Wait for the unit that is under way, and let none begin before `let_go`."""
        unit = _Unit(self.let_go, None)
        try:
            self._enter(unit)
        except BaseException:
            self._leave(unit)
            raise

    def let_go(self) -> None:
        """Undo what was begun since `hold`, and let units begin again; nothing if none is held."""
        with self._lock:
            if self._queue and self._queue[0].work == self.let_go:
                self._settle(self._queue[0])

    def _do(self, unit: _Unit) -> Any:  # noqa: ANN401  # of the unit's own type
        unit.frame = sys._getframe()  # noqa: SLF001  # documented, in spite of its name
        try:
            self._enter(unit)
            if not unit.is_done:
                self._lead(unit)
        except BaseException:
            self._leave(unit)
            raise
        unit.frame = None
        if unit.error is not None:
            raise unit.error
        return unit.result

    # -- The queue --

    def _enter(self, unit: _Unit) -> None:
        """Return when *unit* leads, or is done."""
        with self._lock:
            if self._queue and self._queue[0].thread == threading.get_ident():
                # It called from its own `decide`, or it was interrupted twice.
                if not self._queue[0].is_gone:
                    raise StoreMisuseError(
                        "a unit cannot begin within another; what is called within it (a clock, a"
                        " policy, decide) must not use the store"
                    )
                self._settle(self._queue[0])
            if not self._queue:
                self._queue.append(unit)
                return
            unit.waits()
            self._queue.append(unit)
        ends = time.monotonic() + self._timeout
        while True:
            left = max(0.0, ends - time.monotonic())
            unit.gate.acquire(timeout=min(left, _LOOK_EVERY))
            with self._lock:
                if unit.is_done or self._queue[0] is unit:
                    return
                if self._queue[0].is_gone:
                    self._settle(self._queue[0])
                # One that is being done is waited for.
                elif left == 0 and unit not in self._group:
                    raise busy(self._timeout)

    def _leave(self, unit: _Unit) -> None:
        """Settle what *unit* has left, wherever it was interrupted."""
        let_go(self._lock)
        with self._lock:
            if self._queue and self._queue[0] is unit:
                self._settle(unit)
            with suppress(ValueError):
                self._queue.remove(unit)
            unit.frame = None

    def _settle(self, leader: _Unit) -> None:
        """Undo what *leader* did not commit, and let the others of its group go on."""
        self._recover()
        for unit in self._written:
            if unit is not leader and not unit.is_done:
                unit.fail(OutcomeUnknownError("the thread that wrote it was interrupted"))
                unit.wake()
        self._hand_over(leader)

    def _hand_over(self, leader: _Unit) -> None:
        self._group, self._written = [], []
        leader.is_done = True
        while self._queue and self._queue[0].is_done:
            self._queue.popleft()
        if self._queue:
            self._queue[0].wake()

    # -- One group --

    def _lead(self, unit: _Unit) -> None:
        if unit.reads is None:
            unit.result = unit.work()
        elif not self._together(unit):
            unit.result = self._transact(unit.reads, unit.work)
        with self._lock:
            self._hand_over(unit)

    def _together(self, leader: _Unit) -> bool:
        """Do *leader* and what waits as one; return False if *leader* must be done singly."""
        if len(self._queue) == 1:  # mostly, and then nothing more is asked
            return False
        group = self._take()
        if len(group) < 2:  # more than itself
            return False
        composed = _Composed(group)

        def decide(snapshot: Snapshot) -> WriteSet:
            self._written = []
            written = composed.decide(snapshot)
            self._written = [unit for unit in group if not unit.is_alone and unit.result.records]
            return written

        try:
            self._transact(composed.reads, decide)
        except StoreError as error:
            if error is composed.raised:
                raise
            self._recover()
            self._fail(error)
        else:
            for unit in group:
                unit.is_done = not unit.is_alone
        with self._lock:  # whoever gives up waiting first looks whether it is in the group
            self._group, self._written = [], []
        for unit in group[1:]:
            if unit.is_done:
                unit.wake()
        return leader.is_done

    def _take(self) -> list[_Unit]:
        """Return the leader and as many of those behind it as may share its commit."""
        group: list[_Unit] = []
        weight = 0
        with self._lock:
            for unit in self._queue:
                if unit.is_done:
                    continue
                if unit.is_alone or (weight := weight + unit.weight) > _GROUP_IDS_MAX:
                    break
                group.append(unit)
            self._group = group
        return group

    def _fail(self, error: StoreError) -> None:
        """Tell each of the group what *error* of the whole means for it."""
        told: list[_Unit] = []
        if isinstance(error, StoreUnavailableError | OutcomeUnknownError):
            told = self._written or self._group
        for unit in self._group:
            if unit in told:
                unit.fail(error if unit is self._group[0] else _copied(error))
            else:
                # It may be another's fault, or there was nothing to write.
                unit.is_alone = True


class _Composed:
    """The units of one group: all that they read, and what they come to, one after the other."""

    def __init__(self, group: list[_Unit]) -> None:
        self._group = group
        every = [cast("ReadSet", unit.reads) for unit in group]
        self.reads = ReadSet(
            _without_repetition(each.transaction_ids for each in every),
            _without_repetition(each.account_ids for each in every),
            _without_repetition(each.originals for each in every),
        )
        #: What was raised in `decide`, which is the leader's.
        self.raised: BaseException | None = None
        self._recorded: dict[TransactionId, Transaction | Refusal] = {}
        self._accounts: dict[AccountId, Account] = {}
        self._reversals: dict[TransactionId, tuple[Reverse, ...]] = {}

    def decide(self, snapshot: Snapshot) -> WriteSet:
        """Return what all units come to. Those that raise, or were not read, are to be alone."""
        self._recorded = dict(snapshot.recorded)
        self._accounts = dict(snapshot.accounts)
        self._reversals = dict(snapshot.reversals)
        changed: dict[AccountId, Account] = {}
        records: list[Transaction | Refusal] = []
        try:
            for unit in self._group:
                part = self._part_of(cast("ReadSet", unit.reads))
                unit.result = None if part is None else self._decided(unit, part)
                unit.is_alone = not isinstance(unit.result, WriteSet)
                # A store that is given no records writes nothing.
                if not unit.is_alone and unit.result.records:
                    changed |= self._add(unit.result)
                    records += unit.result.records
        except BaseException as error:
            self.raised = error
            raise
        return WriteSet(tuple(changed.values()), tuple(records))

    def _add(self, written: WriteSet) -> dict[AccountId, Account]:
        """Let those that follow see *written*, and return its accounts by their ids."""
        for record in written.records:
            self._recorded[record.id] = record
            add_reversal(self._reversals, record)
        accounts = {account.id: account for account in written.accounts}
        self._accounts |= accounts
        return accounts

    def _decided(self, unit: _Unit, part: Snapshot) -> WriteSet | None:
        """Return what *unit* decides; None if it raises, which it will do in its own thread."""
        if unit is self._group[0]:
            return cast("WriteSet", unit.work(part))
        try:
            return cast("WriteSet", unit.context.run(unit.work, part))
        except BaseException as error:
            # A signal handler, or a time limit, of the thread that leads may have raised it. Then
            # it is the leader's, and does not come again.
            try:
                unit.context.run(unit.work, part)
            except type(error):
                return None
            raise

    def _part_of(self, reads: ReadSet) -> Snapshot | None:
        """Return what *reads* names of all that there is now; None if not all of it was read."""
        recorded = _named((*reads.transaction_ids, *reads.originals), self._recorded)
        touched = [
            account_id
            for original in reads.originals
            for account_id in touched_accounts(recorded.get(original))
        ]
        if any(account_id not in self._accounts for account_id in touched):
            return None
        accounts = _named((*reads.account_ids, *touched), self._accounts)
        return Snapshot(recorded, accounts, _named(reads.originals, self._reversals))


def require_timeout(value: object) -> float:
    """Return *value*, or raise `StoreMisuseError` unless it is a number of seconds that may be."""
    if (type(value) is int or type(value) is float) and 0 <= value <= TIMEOUT_MAX:
        return value
    raise StoreMisuseError(
        f"timeout must be a number of seconds from 0 to {TIMEOUT_MAX}, got {shown(value)}"
    )


def busy(timeout: float) -> StoreUnavailableError:
    return StoreUnavailableError(f"others kept it busy for {timeout:g} s, its timeout; try again")


def let_go(lock: "threading.RLock") -> None:
    """Release *lock* as often as this thread has acquired it."""
    with suppress(RuntimeError):
        while True:
            lock.release()


def _copied(error: StoreError) -> StoreError:
    """Return *error* again, for another thread to raise."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied


def _named(ids: Iterable[_Id], values: Mapping[_Id, _T]) -> dict[_Id, _T]:
    """Return the values of *ids*, of those that have one."""
    return {each: value for each in ids if (value := values.get(each)) is not None}


def _without_repetition(ids: Iterable[tuple[_T, ...]]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(each for some in ids for each in some))
