"""
Units wait with those that need the same account, and beside the others.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from bankcore import AccountId
from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.stores import _lanes
from bankcore.stores._group import Groups
from bankcore.stores._lanes import Lanes

NOTHING = WriteSet()


class Lane:
    """A lane in which every unit stays until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.reads: list[ReadSet] = []
        self.let_go = threading.Event()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        self.reads.append(reads)
        self.entered.release()
        assert self.let_go.wait(60)
        return decide(Snapshot({}, {}))


class Road:
    """Lanes of which each is seen."""

    def __init__(self, most: int = 8) -> None:
        self.made: list[Lane] = []
        self.lanes = Lanes(self._make, most)
        self.threads: list[threading.Thread] = []

    def _make(self) -> Groups:
        self.made.append(Lane())
        return cast("Groups", self.made[-1])

    def enter(self, *names: str) -> int:
        """Begin a unit that needs these accounts, and return the number of its lane."""
        before = [len(lane.reads) for lane in self.made]
        reads = ReadSet((), tuple(map(AccountId, names)))
        self.threads.append(
            threading.Thread(target=self.lanes.transact, args=(reads, lambda _: NOTHING))
        )
        self.threads[-1].start()
        while True:
            for number, lane in enumerate(self.made):
                if len(lane.reads) > (before[number] if number < len(before) else 0):
                    return number

    def end(self) -> None:
        for lane in self.made:
            lane.let_go.set()
        for thread in self.threads:
            thread.join()


@contextmanager
def road(most: int = 8) -> Iterator[Road]:
    made = Road(most)
    try:
        yield made
    finally:
        made.end()


def test_units_that_share_an_account_wait_in_one_lane() -> None:
    """Whichever of its accounts it is."""
    with road() as lanes:
        first = lanes.enter("alice", "bob")

        assert lanes.enter("carol") != first
        assert lanes.enter("dave", "bob") == first
        assert lanes.enter("dave") == first


def test_a_lane_that_was_left_is_used_again() -> None:
    """So there are no more lanes than units at once."""
    with road() as lanes:
        lanes.enter("alice")
        lanes.end()
        lanes.made[0].let_go.clear()

        assert lanes.enter("bob") == 0


def test_beyond_a_few_units_wait_where_the_fewest_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units that share nothing share a commit, where enough lanes are busy."""
    monkeypatch.setattr(_lanes, "_STUCK_AFTER", 60)
    with road() as lanes:
        beside = [lanes.enter(f"account-{n}") for n in range(_lanes._SIDE_BY_SIDE)]
        more = [lanes.enter(f"more-{n}") for n in range(_lanes._SIDE_BY_SIDE)]

        assert beside == list(range(_lanes._SIDE_BY_SIDE))
        assert sorted(more) == beside


def test_lanes_that_get_nowhere_are_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit does not wait behind one that waits for somebody else, while there is room."""
    monkeypatch.setattr(_lanes, "_STUCK_AFTER", 0)
    with road(most=6) as lanes:
        entered = [lanes.enter(f"account-{n}") for n in range(8)]

        assert entered[:6] == list(range(6))
        assert len(lanes.made) == 6


def test_an_error_passes_and_the_lane_is_left() -> None:
    """What a unit raises is its caller's."""

    def fail(_: Snapshot) -> WriteSet:
        raise RuntimeError("a bug")

    with road() as lanes:
        lanes.enter("alice")
        lanes.end()
        with pytest.raises(RuntimeError, match="a bug"):
            lanes.lanes.transact(ReadSet((), (AccountId("alice"),)), fail)

        assert lanes.lanes._where == {}
        assert [lane.units for lane in lanes.lanes._lanes] == [0]
