"""
A program forks while its threads book: nothing is lost, and no descriptor but the store's is used.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import forks
import pytest

#: In one run; `forks.py` makes as many as it is told to.
FORKS: Final = int(os.environ.get("BANKCORE_FORKS", "200"))

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
    pytest.mark.skipif(sys.platform != "linux", reason="it asks /proc for the names of files"),
]


def test_forks_beside_threads_lose_nothing(directory: Path) -> None:
    """
    Parent and child both go on, or the child is refused, and always the same of the two; what
    was acknowledged is there once, the audit is clean, and SQLite touches its own files alone.
    """
    found = forks.run(FORKS, directory)

    assert [] == found.problems
    assert FORKS == found.children.total()
    # Half of the forks wait until something was booked.
    assert found.acknowledged >= FORKS // 4


def test_a_loss_is_found(directory: Path) -> None:
    """
    The rig sees what is acknowledged and not there.
    """
    found = forks.run(60, directory, variant="hasty")

    assert any(problem.startswith("lost: ") for problem in found.problems)


def test_a_child_that_hangs_is_found(directory: Path) -> None:
    """
    The rig sees that a lock which a thread of the parent had is never given back in a child.
    """
    found = forks.run(60, directory, variant="locked")

    assert "children: hangs" in found.problems


def test_a_foreign_descriptor_is_found(directory: Path) -> None:
    """
    The rig sees that SQLite uses a descriptor which is another file's by now.
    """
    found = forks.run(40, directory, variant="careless")

    assert any(problem.startswith("foreign ") for problem in found.problems)
