"""
Lanes: groups of units side by side, for an engine that writes for several at once.

Decided here: in which lane a unit waits. Units that share an account wait in the same one, and so
are decided together and share a commit, instead of waiting for each other inside the engine. The
others go beside them; but a commit costs as much for one unit as for ten, so that a few lanes are
enough, unless they get nowhere because somebody outside holds what they need.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

import attrs

from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.stores._group import Groups
from bankcore.values import AccountId

# How many lanes are used before units wait in one that is busy.
_SIDE_BY_SIDE: Final = 4
# After how long without an end, in seconds, a lane is passed by.
_STUCK_AFTER: Final = 0.1


@attrs.define(eq=False)
class _Lane:
    groups: Groups
    #: How many units are in it, and when one last came into it alone or left it.
    units: int = 0
    moved_at: float = 0.0


class Lanes:
    """Up to *most* lanes, each with the `Groups` that *make* makes."""

    def __init__(self, make: Callable[[], Groups], most: int) -> None:
        self._make = make
        self._most = most
        self._lock = threading.Lock()
        self._lanes: list[_Lane] = []
        # Where the units under way have an account, and how many of them.
        self._where: dict[AccountId, tuple[_Lane, int]] = {}

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        """Do one unit in a lane, as `AccountStore.transact` documents."""
        accounts = reads.account_ids
        with self._lock:
            lane = self._lane_for(accounts)
            if not lane.units:
                lane.moved_at = time.monotonic()
            lane.units += 1
            for account_id in accounts:
                _, count = self._where.get(account_id, (lane, 0))
                self._where[account_id] = (lane, count + 1)
        try:
            return lane.groups.transact(reads, decide)
        finally:
            with self._lock:
                lane.units -= 1
                lane.moved_at = time.monotonic()
                for account_id in accounts:
                    last, count = self._where.pop(account_id)
                    if count > 1:
                        self._where[account_id] = (last, count - 1)

    def _lane_for(self, accounts: tuple[AccountId, ...]) -> _Lane:
        for account_id in accounts:
            if account_id in self._where:
                return self._where[account_id][0]
        stuck_before = time.monotonic() - _STUCK_AFTER
        moving = [each for each in self._lanes if each.units and each.moved_at > stuck_before]
        if len(moving) < _SIDE_BY_SIDE:
            for lane in self._lanes:
                if not lane.units:
                    return lane
            if len(self._lanes) < self._most:
                self._lanes.append(_Lane(self._make()))
                return self._lanes[-1]
        return min(moving or self._lanes, key=lambda lane: lane.units)
