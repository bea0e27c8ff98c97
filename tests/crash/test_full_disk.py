"""
A disk that is really full: writes are refused, what was acknowledged stays, and room helps.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from children import NOW, eur

import servers
from bankcore import AccountStore, Bank
from bankcore.errors import StoreUnavailableError
from bankcore.ledger import verify
from bankcore.stores import PostgresStore, SQLiteStore
from bankcore.stores._sqlite._settings import JournalMode
from servers import Server

pytestmark = pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount")

SIZE = 512 * 1024
# A server takes half of it.
SERVER_SIZE = 120 * 1024 * 1024

# No answer may take longer, in seconds; the store itself would wait half a minute for others.
_ANSWER_MAX = 5


def bank_over(store: AccountStore) -> Bank:
    # No retry here: a doubt is told as it is.
    return Bank(store, clock=lambda: NOW, deadline=timedelta())


@contextmanager
def mounted(place: Path, size: int) -> Iterator[Path]:
    """
    A file system in memory, with so many bytes of room.
    """
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place],
        check=False,
        capture_output=True,
    )
    if done.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {done.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", SIZE) as place:
        yield place


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


def test_a_full_disk_of_a_server_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, make_server: Callable[..., Server]
) -> None:
    """
    The same holds where the disk of a PostgreSQL server is full.
    """
    # Where the server's own user can come.
    with (
        TemporaryDirectory(prefix="bankcore-full-") as directory,
        mounted(Path(directory) / "disk", SERVER_SIZE) as place,
    ):
        os.chmod(directory, 0o755)
        monkeypatch.setattr(servers, "_place", lambda may_be_memory: place)
        server = make_server({"max_wal_size": "32MB", "min_wal_size": "32MB"})
        text = "x" * 200
        with PostgresStore(server.conninfo) as store:
            bank = bank_over(store)
            bank.open_account("alice", initial_balance=eur(0))
            free = os.statvfs(place)
            ballast = place / "ballast"
            ballast.write_bytes(bytes(free.f_bavail * free.f_bsize - SIZE))
            number = 0
            with pytest.raises(StoreUnavailableError, match="No space left on device") as raised:  # noqa: PT012  # whichever call comes first
                for number in count(1):
                    began = time.monotonic()
                    bank.deposit("alice", eur(1), description=text, transaction_id=f"t-{number}")

            assert time.monotonic() - began < _ANSWER_MAX
            assert raised.value.retryable
            assert number > 5
            assert eur(number - 1) == bank.account("alice").balance
            assert verify(store).is_clean
            ballast.unlink()
            again = bank.deposit("alice", eur(1), description=text, transaction_id=f"t-{number}")

            assert (False, eur(number)) == (again.replayed, again.postings[0].balance)
            assert verify(store).is_clean
        server.stop()
