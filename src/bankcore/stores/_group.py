"""
Group commit: units that wait for a store's one writer are decided together and share one commit.

Decided here: which units form a group, what each of them sees of the others, and whose error is
whose. It is a composition of `ReadSet`, `Snapshot` and `WriteSet`, and knows no engine: a store
gives it a ``transact`` that only one thread at a time will call, and ``recover``, which undoes
whatever an interrupted ``transact`` has left.

The thread that finds no leader leads: it takes what waits at that moment, runs each ``decide``
over what the earlier ones came to, writes all of it in one ``transact``, and hands each thread its
own result. Then the first that waits leads the next group. Nobody waits for company, and nobody
longer than the group before and its own.

Any exception may come at any instruction, as from a signal handler. Who leads is told by one
attribute alone, and a leader that is gone is found by the stack of its thread: so whatever was not
settled on the way out is settled before anybody else leads.
"""

import contextvars
import copy
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

from bankcore.accounts import Account
from bankcore.commands import Reverse
from bankcore.ledger import ReadSet, Refusal, Snapshot, Transaction, WriteSet, touched_accounts
from bankcore.ledger._errors import OutcomeUnknownError, StoreMisuseError, StoreUnavailableError
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import StoreError

# The most ids that a group reads. Each stands for at most one command or account, so that this
# bounds the bytes of a group too. A unit that needs more is a group of its own.
_GROUP_IDS_MAX: Final = 10_000

# How long a thread waits before it looks whether the leader is still there, in seconds.
_LOOK_EVERY: Final = 0.1

_T = TypeVar("_T")
Decide = Callable[[Snapshot], WriteSet]


class _Unit:
    """One call that needs the writer: a unit of the contract, or other work without *reads*."""

    __slots__ = (
        "context",
        "error",
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
        #: None for one that is never taken for gone.
        self.thread: int | None = threading.get_ident()
        self.is_alone = reads is None
        self.is_done = False
        self.result: Any = None
        self.error: Exception | None = None

    @property
    def weight(self) -> int:
        reads = cast("ReadSet", self.reads)
        return len(reads.transaction_ids) + len(reads.account_ids) + len(reads.originals)

    def waits(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        # Its `decide` may run in another thread, and sees what its own would see.
        self.context = contextvars.copy_context()

    def wake(self) -> None:
        with suppress(RuntimeError):  # it was woken before
            self.gate.release()

    def finish(self, error: Exception | None = None) -> None:
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
        self._waiting: deque[_Unit] = deque()
        self._leader: _Unit | None = None
        # The leader's, and whether it may have been committed.
        self._group: list[_Unit] = []
        self._is_decided = False

    def transact(self, reads: ReadSet, decide: Decide) -> WriteSet:
        """Do one unit, perhaps together with others, as `AccountStore.transact` documents."""
        return cast("WriteSet", self._do(_Unit(decide, reads)))

    def alone(self, work: Callable[[], _T]) -> _T:
        """Return ``work()``, run while no unit is under way."""
        return cast("_T", self._do(_Unit(work, None)))

    def hold(self) -> None:
        """Wait for the unit that is under way, and let none begin before `let_go`."""
        unit = _Unit(self.let_go, None)
        unit.thread = None
        self._enter(unit)

    def let_go(self) -> None:
        """Let units begin again."""
        with self._lock:
            self._hand_over()

    def _do(self, unit: _Unit) -> Any:  # noqa: ANN401  # of the unit's own type
        try:
            self._enter(unit)
            if not unit.is_done:
                self._lead(unit)
        except BaseException:
            self._leave(unit)
            raise
        if unit.error is not None:
            raise unit.error
        return unit.result

    # -- Who leads --

    def _enter(self, unit: _Unit) -> None:
        """Return when *unit* leads, or is done."""
        with self._lock:
            leader = self._leader
            if leader is not None and leader.thread == threading.get_ident():
                # It called from its own `decide`, or it was interrupted twice.
                if not _is_gone(leader):
                    raise StoreMisuseError("a unit cannot begin within another: decide is pure")
                self._settle(leader)
                leader = self._leader
            if leader is None:
                self._leader = unit
                return
            unit.waits()
            self._waiting.append(unit)
        ends = time.monotonic() + self._timeout
        while not unit.is_done and self._leader is not unit:
            left = max(0.0, ends - time.monotonic())
            if unit.gate.acquire(timeout=min(left, _LOOK_EVERY)):
                continue
            with self._lock:
                if self._leader is not None and _is_gone(self._leader):
                    self._settle(self._leader)
                # One that was taken is being written, and waited for.
                elif left == 0 and unit in self._waiting:
                    self._waiting.remove(unit)
                    raise busy(self._timeout)

    def _hand_over(self) -> None:
        self._group, self._is_decided = [], False
        self._leader = self._waiting.popleft() if self._waiting else None
        if self._leader is not None:
            self._leader.wake()

    def _leave(self, unit: _Unit) -> None:
        """Settle what *unit* has left, wherever it was interrupted."""
        let_go(self._lock)
        with self._lock:
            if self._leader is unit:
                self._settle(unit)
            with suppress(ValueError):
                self._waiting.remove(unit)

    def _settle(self, leader: _Unit) -> None:
        """Undo what *leader* did not commit, and let the others of its group go on."""
        self._recover()
        for unit in reversed(self._group):
            if unit is leader or unit.is_done:
                continue
            if self._is_decided:
                unit.finish(OutcomeUnknownError("the thread that wrote it was interrupted"))
                unit.wake()
            else:
                self._waiting.appendleft(unit)
        self._hand_over()

    # -- One group --

    def _lead(self, unit: _Unit) -> None:
        if unit.reads is None:
            unit.result = unit.work()
        else:
            if self._waiting and not unit.is_alone:
                self._take(unit)
            if len(self._group) < 2 or not self._together(unit):  # more than itself
                unit.result = self._transact(unit.reads, unit.work)
        with self._lock:
            self._hand_over()

    def _take(self, unit: _Unit) -> None:
        """Take what waits into the group of *unit*."""
        with self._lock:
            self._group = [unit]
            weight = unit.weight
            while self._waiting and not self._waiting[0].is_alone:
                weight += self._waiting[0].weight
                if weight > _GROUP_IDS_MAX:
                    break
                # In the group before it is out of the queue: nowhere in between is it nowhere.
                self._group.append(self._waiting[0])
                self._waiting.popleft()

    def _together(self, leader: _Unit) -> bool:
        """Do the units of the group as one; return False if the leader's must be done singly."""
        group = self._group
        composed = _Composed(group, leader)

        def decide(snapshot: Snapshot) -> WriteSet:
            self._is_decided = False
            written = composed.decide(snapshot)
            self._is_decided = True
            return written

        try:
            self._transact(composed.reads, decide)
        except StoreError as error:
            self._recover()
            self._fail(leader, error)
        else:
            for unit in group:
                if not unit.is_alone:
                    unit.is_done = True
        with self._lock:
            for unit in reversed(group):
                if unit is leader:
                    continue
                if unit.is_done:
                    unit.wake()
                else:
                    self._waiting.appendleft(unit)
            self._group, self._is_decided = [], False
        return leader.is_done

    def _fail(self, leader: _Unit, error: StoreError) -> None:
        """Tell each of the group what *error* of the whole means for it."""
        is_everybodys = isinstance(error, StoreUnavailableError | OutcomeUnknownError)
        for unit in self._group:
            is_undecided = unit.result is None and unit.error is None
            if is_everybodys and (is_undecided or (unit.result and unit.result.records)):
                unit.finish(error if unit is leader else _copied(error))
            else:
                # It may be another's fault, or there was nothing to write.
                unit.is_alone = True


class _Composed:
    """What the units of one group read, and what they come to, one after the other."""

    def __init__(self, group: list[_Unit], leader: _Unit) -> None:
        self._group = group
        self._leader = leader
        every = [cast("ReadSet", unit.reads) for unit in group]
        self.reads = ReadSet(
            _without_repetition(each.transaction_ids for each in every),
            _without_repetition(each.account_ids for each in every),
            _without_repetition(each.originals for each in every),
        )
        self._recorded: dict[TransactionId, Transaction | Refusal] = {}
        self._accounts: dict[AccountId, Account] = {}
        self._reversals: dict[TransactionId, TransactionId] = {}

    def decide(self, snapshot: Snapshot) -> WriteSet:
        self._recorded = dict(snapshot.recorded)
        self._accounts = dict(snapshot.accounts)
        self._reversals = dict(snapshot.reversals)
        changed: dict[AccountId, Account] = {}
        records: list[Transaction | Refusal] = []
        for unit in self._group:
            unit.result = unit.error = None
            part = self._part_of(cast("ReadSet", unit.reads))
            unit.is_alone = part is None
            if part is None:
                continue
            written = self._decided(unit, part)
            if written is None:
                continue
            unit.result = written
            records += written.records
            for account in written.accounts:
                self._accounts[account.id] = changed[account.id] = account
            for record in written.records:
                self._recorded[record.id] = record
                if isinstance(record, Transaction) and type(record.command) is Reverse:
                    self._reversals[record.command.original_id] = record.id
        return WriteSet(tuple(changed.values()), tuple(records))

    def _decided(self, unit: _Unit, part: Snapshot) -> WriteSet | None:
        """Return what *unit* decides; None if it raised, which is its own error."""
        if unit is self._leader:
            try:
                return cast("WriteSet", unit.work(part))
            except Exception as error:  # noqa: BLE001  # raised as it is when the group is done
                unit.error = error
                return None
        try:
            return cast("WriteSet", unit.context.run(unit.work, part))
        except Exception:
            # A signal handler, or a time limit, of the thread that leads may have raised it. Then
            # it is the leader's, and does not come again.
            try:
                unit.context.run(unit.work, part)
            except Exception as again:  # noqa: BLE001  # raised in its own thread
                unit.error = again
                return None
            raise

    def _part_of(self, reads: ReadSet) -> Snapshot | None:
        """Return what *reads* names of all that there is now; None if not all of it was read."""
        recorded = {
            each: record
            for each in (*reads.transaction_ids, *reads.originals)
            if (record := self._recorded.get(each)) is not None
        }
        account_ids: Iterable[AccountId] = reads.account_ids
        if reads.originals:
            touched = [
                account_id
                for original in reads.originals
                for account_id in touched_accounts(recorded.get(original))
            ]
            if any(account_id not in self._accounts for account_id in touched):
                return None
            account_ids = (*account_ids, *touched)
        accounts = {
            each: account
            for each in account_ids
            if (account := self._accounts.get(each)) is not None
        }
        reversals = {
            each: reversal
            for each in reads.originals
            if (reversal := self._reversals.get(each)) is not None
        }
        return Snapshot(recorded, accounts, reversals)


def busy(timeout: float) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"others kept it busy for {timeout:g} s; try again, or open it with a longer timeout"
    )


def let_go(lock: "threading.RLock") -> None:
    """Release *lock* as often as this thread has acquired it."""
    with suppress(RuntimeError):
        while True:
            lock.release()


def _is_gone(leader: _Unit) -> bool:
    """Return True if the call of *leader* is on its thread's stack no more."""
    if leader.thread is None:
        return False
    frame = sys._current_frames().get(leader.thread)  # noqa: SLF001  # documented, in spite of its name
    while frame is not None:
        if frame.f_code is _DO and frame.f_locals.get("unit") is leader:
            return False
        frame = frame.f_back
    return True


_DO: Final = Groups._do.__code__  # noqa: SLF001  # of this module


def _copied(error: StoreError) -> StoreError:
    """Return *error* again, for another thread to raise."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied


def _without_repetition(ids: Iterable[tuple[_T, ...]]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(each for some in ids for each in some))
