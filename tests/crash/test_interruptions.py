"""
A call is interrupted at any bytecode: the store works at once, and shows what is committed alone.
"""

import os
import sys
from typing import Final

import interruptions
import pytest

#: In one run; `interruptions.py` makes as many as it is told to.
INTERRUPTIONS: Final = int(os.environ.get("BANKCORE_INTERRUPTIONS", "600"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it counts what /proc/self/fd has")


def test_an_exception_at_any_bytecode_leaves_a_store_that_works() -> None:
    """
    Whoever looks sees the same and whoever writes can, at once; the call is done as a whole or
    not at all, and once when it is sent again; nothing is left open, and the audit is clean.
    """
    found = interruptions.in_a_process(INTERRUPTIONS)

    assert [] == found.problems
    assert set(interruptions.SCENARIOS) == set(found.points)
    assert found.interruptions >= INTERRUPTIONS * 3 // 4


@pytest.mark.parametrize("how", ["crowded", "timed"])
def test_interruptions_of_one_thread_leave_the_others_alone(how: str) -> None:
    """
    While others book, and share commits with the thread that is interrupted, at any bytecode or
    by a timer, no call of theirs fails, and all that was acknowledged is there.
    """
    found = interruptions.in_a_process(INTERRUPTIONS // 10, how=how)

    assert [] == found.problems
    assert found.interruptions == INTERRUPTIONS // 10


def test_a_lock_that_is_not_given_back_is_found() -> None:
    """
    The rig sees that nobody can write after an interruption.
    """
    found = interruptions.in_a_process(8, variant="leaky", scenarios=["deposit"])

    assert any("another thread cannot write" in problem for problem in found.problems)


def test_what_is_shown_before_the_commit_is_found() -> None:
    """
    The rig sees that a store shows what it never committed.
    """
    found = interruptions.in_a_process(200, variant="early", scenarios=["deposit"])

    assert any("not all see the same" in problem for problem in found.problems)
