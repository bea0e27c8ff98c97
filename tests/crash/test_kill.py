"""
Writers are killed in the middle of their work: what was acknowledged is there.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import children
import kills
import pytest
from kills import Found

from bankcore.stores import SQLiteStore

#: Each round kills every writer once; `kills.py` kills as many as it is told to.
ROUNDS: Final = int(os.environ.get("BANKCORE_KILL_ROUNDS", "24"))
WRITERS: Final = ("north", "east", "south", "west")


@pytest.fixture(scope="module")
def server() -> Iterator[children.Server]:
    with children.server() as running:
        yield running


@pytest.fixture(params=["wal", "truncate"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "bank.db"
    kills.make(path, request.param)
    return path


def test_what_was_acknowledged_survives_a_kill(server: children.Server, path: Path) -> None:
    """
    Four writers are killed at many random moments: every acknowledged id is there, the one in
    doubt is sent again, once, and the audit is clean.
    """
    dice = random.Random(82)  # the same every time
    numbers = dict.fromkeys(WRITERS, 1)
    found = Found()
    for finished in range(1, ROUNDS + 1):
        processes = [{name: number} for name, number in numbers.items()]
        last = kills.killed(server, path, processes, dice.randint(1, 60))
        with SQLiteStore(path) as store:
            kills.settle(store, numbers, last, found)
            # In a long run not each time, as all of a growing journal is read.
            if finished % -(-ROUNDS // 24) == 0 or finished == ROUNDS:
                kills.look(store, numbers, found)

    assert [] == found.problems
    assert found.acknowledged > 100


def test_what_many_threads_were_told_survives_a_kill(tmp_path: Path) -> None:
    """
    Nor is anything lost where three processes of 32 threads, whose operations share commits, are
    killed.
    """
    found = kills.run(9, tmp_path)

    assert [] == found.problems
    assert 9 == found.kills
    assert found.acknowledged > 100


@pytest.mark.parametrize("threads", [1, 8])
def test_a_store_that_acknowledges_before_the_commit_is_found_out(
    tmp_path: Path, threads: int
) -> None:
    """
    The same check finds that a store loses what it acknowledged before it was committed.
    """
    found = kills.run(20, tmp_path, threads=threads, is_hasty=True)

    assert any("lost: " in problem for problem in found.problems)
