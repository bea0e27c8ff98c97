"""
Connections to PostgreSQL are cut around COMMIT: each operation has one effect, and one receipt.
"""

import os
from typing import Final

import commit_cuts
import pytest
from commit_cuts import TrustingStore

#: `commit_cuts.py` does as many as it is told to.
OPERATIONS: Final = int(os.environ.get("BANKCORE_CUT_OPERATIONS", "1000"))


@pytest.mark.every_postgres
def test_each_operation_has_one_effect(postgres: str) -> None:
    """
    A thousand operations of four threads, whose commits are cut some 250 times, come to exactly a
    thousand effects.
    """
    found = commit_cuts.run(OPERATIONS, postgres)

    assert [] == found.problems
    assert found.faults > OPERATIONS / 8


def test_one_thread_has_one_effect_each_time(postgres: str) -> None:
    """
    Nor does it depend on threads that share commits.
    """
    found = commit_cuts.run(OPERATIONS // 5, postgres, threads=1)

    assert [] == found.problems


def test_an_application_that_repeats_blindly_is_found_out(postgres: str) -> None:
    """
    The same cuts find an application that sends again under a new id what may have been done.
    """
    found = commit_cuts.run(100, postgres, operate=commit_cuts.blind)

    assert any("never asked for: " in problem for problem in found.problems)


def test_a_store_that_takes_doubt_for_success_is_found_out(postgres: str) -> None:
    """
    The same cuts find a store that acknowledges what it does not know.
    """
    found = commit_cuts.run(100, postgres, store_class=TrustingStore)

    assert any("no effect: " in problem for problem in found.problems)
