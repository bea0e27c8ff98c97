"""
A disk that is really full: writes are refused, what was acknowledged stays, and room helps.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from children import NOW, eur

from bankcore import Bank
from bankcore.errors import StoreUnavailableError
from bankcore.ledger import verify
from bankcore.stores import SQLiteStore
from bankcore.stores._sqlite._settings import JournalMode

pytestmark = pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount")

SIZE = 512 * 1024

# No answer may take longer, in seconds; the store itself would wait half a minute for others.
_ANSWER_MAX = 5


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


@pytest.mark.parametrize("share", [4, 5, 6])
@pytest.mark.parametrize("mode", ["wal", "truncate"])
def test_a_full_disk_loses_nothing(small_disk: Path, mode: JournalMode, share: int) -> None:
    """
    Where no more fits, writes are certainly not done, and that is said at once, as often as one
    tries; all that was acknowledged is there, in this store and in one opened anew; and with room
    again the same call is done, once.
    """
    ballast = small_disk / "ballast"
    path = small_disk / "bank.db"
    text = "x" * 400
    with SQLiteStore(path, journal_mode=mode) as store:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(0))
        ballast.write_bytes(os.urandom(SIZE // share))
        number = 0
        with pytest.raises(StoreUnavailableError, match="full") as raised:  # noqa: PT012  # whichever call comes first
            for number in count(1):
                began = time.monotonic()
                bank.deposit("alice", eur(1), description=text, transaction_id=f"t-{number}")
        with pytest.raises(StoreUnavailableError):
            bank.deposit("alice", eur(1), description=text, transaction_id=f"t-{number}")

        assert time.monotonic() - began < _ANSWER_MAX
        assert raised.value.retryable
        assert number > 5
        assert eur(number - 1) == bank.account("alice").balance
        assert verify(store).is_clean
    with SQLiteStore(path) as store:
        assert eur(number - 1) == bank_over(store).account("alice").balance
        ballast.unlink()
        again = bank_over(store).deposit(
            "alice", eur(1), description=text, transaction_id=f"t-{number}"
        )

        assert (False, eur(number)) == (again.replayed, again.postings[0].balance)
        assert verify(store).is_clean
