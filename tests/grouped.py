"""
Units that share a commit, in an order that is the same in every run.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.stores import MemoryStore
from bankcore.stores._group import Groups


class GroupedMemoryStore(MemoryStore):
    """
    A store in memory whose units share a commit, as those of `SQLiteStore` do.

    Attributes:
        before: Called before every transact of the store itself.
        after: Called after it, with what was written.
        sizes: How many records each of them has written.
        recoveries: How often it was asked to undo what was left.
    """

    def __init__(self, *, timeout: float = 30.0) -> None:
        super().__init__()
        self.groups = Groups(self.commit, self.recover, timeout)
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[WriteSet], None] = lambda _: None
        self.sizes: list[int] = []
        self.recoveries = 0

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        return self.groups.transact(reads, decide)

    def commit(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        self.before()
        written = super().transact(reads, decide)
        self.sizes.append(len(written.records))
        self.after(written)
        return written

    def recover(self) -> None:
        self.recoveries += 1


class Call(threading.Thread):
    """
    A call in a thread of its own.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.result: object = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001  # compared in the thread of the test
            self.result = error

    def answer(self) -> Any:
        """
        Return what the call gave or raised, when it has ended.
        """
        self.join(30)

        assert not self.is_alive()
        return self.result


def waiting(groups: Groups, works: Sequence[Callable[[], object]]) -> list[Call]:
    """
    Start *works*, each once the unit of the one before waits in the queue, or it has ended.
    """
    calls = []
    for work in works:
        call = Call(work)
        while call.is_alive() and call.ident not in [each.thread for each in [*groups._queue]]:
            call.join(0.0005)
        calls.append(call)
    return calls


def as_one_group(groups: Groups, works: Sequence[Callable[[], object]]) -> list[Any]:
    """
    Return what *works* gave or raised, run as units of one group in this order.
    """
    groups.hold()
    calls = waiting(groups, works)
    groups.let_go()
    return [call.answer() for call in calls]
