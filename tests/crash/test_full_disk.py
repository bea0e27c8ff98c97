"""
A disk that is really full: writes are refused, what was acknowledged stays, and room helps.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from children import NOW, eur

from bankcore import Bank
from bankcore.errors import OutcomeUnknownError, StoreError, StoreUnavailableError
from bankcore.ledger import verify
from bankcore.stores import SQLiteStore
from bankcore.stores._sqlite._settings import JournalMode

pytestmark = pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount")

SIZE = 512 * 1024

# By where it was noticed: before the commit, or at it.
_NO_ROOM = (StoreUnavailableError, OutcomeUnknownError)


def bank_over(store: SQLiteStore) -> Bank:
    # No retry here: a doubt is told as it is.
    return Bank(store, clock=lambda: NOW, deadline=timedelta())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """
    A file system in memory, with little room.
    """
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("mode", ["wal", "truncate"])
def test_a_full_disk_loses_nothing(small_disk: Path, mode: JournalMode) -> None:
    """
    Where no more fits, all that was acknowledged is there, in this store and in one opened anew;
    and with room again the same call is done, once.
    """
    ballast = small_disk / "ballast"
    path = small_disk / "bank.db"
    with SQLiteStore(path, journal_mode=mode) as store:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(0))
        ballast.write_bytes(os.urandom(SIZE // 4))
        number = 0
        with pytest.raises(_NO_ROOM, match="full") as raised:  # noqa: PT012
            for number in count(1):
                bank.deposit("alice", eur(1), description="x" * 400, transaction_id=f"t-{number}")

        assert isinstance(raised.value, StoreError)
        assert raised.value.retryable
        assert number > 10
        assert eur(number - 1) == bank.account("alice").balance
        assert verify(store).is_clean
    with SQLiteStore(path) as store:
        assert eur(number - 1) == bank_over(store).account("alice").balance
        ballast.unlink()
        again = bank_over(store).deposit(
            "alice", eur(1), description="x" * 400, transaction_id=f"t-{number}"
        )

        assert (False, eur(number)) == (again.replayed, again.postings[0].balance)
        assert verify(store).is_clean
