"""
The journal modes of `SQLiteStore`: chosen, kept, changed, refused, and what a reader may hold up.
"""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from under_test import SQLiteFiles

from bankcore import Bank
from bankcore.errors import (
    OutcomeUnknownError,
    StoreFormatError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.ledger import verify
from bankcore.stores import JoinedSQLiteStore, SQLiteStore, migrate
from bankcore.testing import Capabilities, Check, checks
from bankcore.testing._conformance.helpers import bank_over, eur


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.db"


def bank_on(store: SQLiteStore) -> Bank:
    return Bank(store, deadline=timedelta())


def settings(store: SQLiteStore) -> tuple[object, object]:
    said = store.describe().settings
    return said["journal_mode"], said["synchronous"]


class Truncating(SQLiteFiles):
    """
    SQLite stores without WAL; those that open one again find the mode in the file.
    """

    def make(self) -> SQLiteStore:
        super().make().close()
        return SQLiteStore(self.path, journal_mode="truncate", synchronous="extra")


@pytest.mark.parametrize("check", checks(Truncating(Path()).capabilities), ids=str)
def test_the_contract_is_kept_without_wal(check: Check, tmp_path: Path) -> None:
    """
    The check's own promise is the claim, for threads, for processes, and opened again.
    """
    files = Truncating(tmp_path)
    capabilities: Capabilities = files.capabilities

    check(files.make, capabilities)


# -- Chosen ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("wal", 2)),
        ({"journal_mode": None}, ("wal", 2)),
        ({"journal_mode": "wal"}, ("wal", 2)),
        ({"synchronous": "extra"}, ("wal", 3)),
        ({"journal_mode": "truncate"}, ("truncate", 2)),
        ({"journal_mode": "truncate", "synchronous": "extra"}, ("truncate", 3)),
    ],
)
def test_every_connection_is_as_it_was_asked_for(
    path: Path, options: dict[str, Any], expected: tuple[str, int]
) -> None:
    """
    That of the thread that opens the store, and that of another one.
    """
    found: list[tuple[object, object]] = []
    with SQLiteStore(path, **options) as store:
        thread = threading.Thread(target=lambda: found.append(settings(store)))
        thread.start()
        thread.join()

        assert [expected] == found
        assert expected == settings(store)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"journal_mode": "delete"}, "journal_mode must be 'wal', 'truncate' or None, got"),
        ({"journal_mode": "WAL"}, "got 'WAL'"),
        ({"journal_mode": ["wal"]}, r"got \['wal'\]"),
        ({"journal_mode": True}, "got True"),
        ({"synchronous": "normal"}, "must be 'full' or 'extra', got 'normal'; with anything less"),
        ({"synchronous": "off"}, "got 'off'"),
        ({"synchronous": 2}, "got 2"),
        ({"synchronous": None}, "got None"),
        ({"synchronous": {}}, "got {}"),
    ],
)
def test_there_is_nothing_less(path: Path, options: dict[str, Any], said: str) -> None:
    """
    What is not one of the modes is refused, with those that are, and no file is made.
    """
    with pytest.raises(StoreMisuseError, match=said):
        SQLiteStore(path, **options)

    assert not path.exists()


class Planned(sqlite3.Connection):
    """
    A connection that is deaf to one statement, and tells of another before it runs it.
    """

    deaf_to: ClassVar[str] = ""
    before: ClassVar[dict[str, Callable[[], None]]] = {}

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        self.before.get(statement, lambda: None)()
        return super().execute("SELECT 1" if statement == self.deaf_to else statement, *parameters)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Planned]]:
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", partial(connect, factory=Planned))
    yield Planned
    Planned.deaf_to = ""
    Planned.before.clear()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("PRAGMA journal_mode = truncate", "journal_mode at delete, and truncate is needed"),
        ("PRAGMA synchronous = 3", "synchronous at 2, and 3 is needed"),
        ("PRAGMA foreign_keys = 1", "foreign_keys at 0, and 1 is needed"),
    ],
)
def test_a_setting_that_does_not_hold_is_an_error(
    path: Path, planned: type[Planned], statement: str, said: str
) -> None:
    """
    What was set is read back, and the store does not start where SQLite did not obey.
    """
    planned.deaf_to = statement
    with pytest.raises(StoreUnavailableError, match=said):
        SQLiteStore(path, journal_mode="truncate", synchronous="extra")


def test_only_a_file_in_wal_is_described_with_the_bug(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The bug is in WAL alone: without it there is nothing to know, and in WAL a way out is named.
    """
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    for options in ({"journal_mode": "truncate"}, {}):
        with SQLiteStore(path, **options) as store:  # type: ignore[arg-type]  # its type is loose here
            assert () == store.describe().warnings
    with closing(sqlite3.connect(path)) as connection:
        joined = JoinedSQLiteStore(connection)

        assert () == joined.describe().warnings
        connection.execute("PRAGMA journal_mode = wal")
        (said,) = joined.describe().warnings
    assert "the journal mode truncate" in said


# -- Kept and changed --------------------------------------------------------


@pytest.mark.parametrize("mode", ["wal", "truncate"])
def test_a_file_keeps_its_mode(path: Path, mode: Any) -> None:
    """
    Who opens it without a mode finds the one that it has, and so does who opens its copy.
    """
    copy = path.with_name("copy.db")
    with SQLiteStore(path, journal_mode=mode) as store:
        store.backup(copy)
        for each in (path, copy):
            with SQLiteStore(each) as other:
                assert (mode, 2) == settings(other)
    for each in (path, copy):
        with SQLiteStore(each) as other:
            assert (mode, 2) == settings(other)


def test_tables_of_an_application_keep_their_mode(path: Path) -> None:
    """
    A database without WAL that the application made is not changed to it unasked.
    """
    with closing(sqlite3.connect(path)) as connection:
        migrate(connection)
    with SQLiteStore(path) as store:
        assert ("truncate", 2) == settings(store)


@pytest.mark.parametrize(("before", "after"), [("wal", "truncate"), ("truncate", "wal")])
def test_a_closed_file_is_changed(path: Path, before: Any, after: Any) -> None:
    """
    What is in it stays, and it has the new mode from then on.
    """
    with SQLiteStore(path, journal_mode=before) as store:
        bank_over(store).open_account("alice", initial_balance=eur(10))
    with SQLiteStore(path, journal_mode=after) as store:
        assert (after, 2) == settings(store)
        assert eur(10) == bank_over(store).account("alice").balance
        assert verify(store).is_clean
    with SQLiteStore(path) as store:
        assert (after, 2) == settings(store)


def test_a_file_in_wal_is_not_changed_while_others_have_it_open(path: Path) -> None:
    """
    It is refused, in a sentence, and the others go on.
    """
    with SQLiteStore(path) as store:
        bank_over(store).open_account("alice", initial_balance=eur(10))
        with pytest.raises(StoreUnavailableError, match="cannot become truncate while others"):
            SQLiteStore(path, timeout=0, journal_mode="truncate")
        bank_on(store).deposit("alice", eur(1))

        assert ("wal", 2) == settings(store)
    with SQLiteStore(path, timeout=0, journal_mode="truncate") as store:
        assert ("truncate", 2) == settings(store)


def test_another_error_at_the_change_is_no_advice(path: Path, planned: type[Planned]) -> None:
    """
    Only where it is busy it helps to close it elsewhere.
    """

    def fail() -> None:
        error = sqlite3.OperationalError("as planned")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    planned.before["PRAGMA journal_mode = wal"] = fail
    with pytest.raises(StoreUnavailableError, match="SQLite says: as planned"):
        SQLiteStore(path, journal_mode="wal")


@pytest.mark.parametrize("is_open", [True, False], ids=["still open", "closed again"])
def test_a_store_without_wal_stops_when_another_changes_the_mode(
    path: Path, is_open: bool
) -> None:
    """
    It writes no more, and says why; what was acknowledged is there.
    """
    with SQLiteStore(path, journal_mode="truncate") as store:
        bank = bank_on(store)
        bank.open_account("alice", initial_balance=eur(10))
        with SQLiteStore(path, journal_mode="wal") as other:
            if not is_open:
                other.close()
            for _ in range(2):
                with pytest.raises(StoreMisuseError, match="journal mode"):
                    bank.deposit("alice", eur(1))
    with SQLiteStore(path) as store:
        assert eur(10) == bank_on(store).account("alice").balance
        assert verify(store).is_clean


# -- A reader holds up a commit ----------------------------------------------


@pytest.fixture
def reader(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as reader:
        yield reader


def _read_on(reader: sqlite3.Connection) -> None:
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM bankcore_account").fetchall()


def test_a_commit_that_a_reader_holds_up_is_certainly_not_done(
    path: Path, reader: sqlite3.Connection
) -> None:
    """
    After the timeout it is rolled back: unavailable, not unknown, and the same id books later.
    """
    with SQLiteStore(path, journal_mode="truncate", timeout=0.01) as store:
        bank = bank_on(store)
        bank.open_account("alice", initial_balance=eur(10))
        _read_on(reader)
        with pytest.raises(
            StoreUnavailableError, match=r"others kept it busy for 0\.01 s"
        ) as raised:
            bank.deposit("alice", eur(1), transaction_id="t-1")

        assert not isinstance(raised.value, OutcomeUnknownError)
        assert eur(10) == bank.account("alice").balance
        reader.execute("COMMIT")
        assert not bank.deposit("alice", eur(1), transaction_id="t-1").replayed
        assert eur(11) == bank.account("alice").balance
        assert verify(store).is_clean


def test_a_commit_waits_for_a_reader(
    path: Path, reader: sqlite3.Connection, planned: type[Planned]
) -> None:
    """
    A reader that ends within the timeout only makes it wait.
    """
    is_committing = threading.Event()

    def end() -> None:
        is_committing.wait()
        reader.execute("COMMIT")

    with SQLiteStore(path, journal_mode="truncate") as store:
        bank = bank_on(store)
        bank.open_account("alice", initial_balance=eur(10))
        _read_on(reader)
        thread = threading.Thread(target=end)
        thread.start()
        planned.before["COMMIT"] = is_committing.set
        try:
            bank.deposit("alice", eur(1))
        finally:
            is_committing.set()
            thread.join()

        assert eur(11) == bank.account("alice").balance


# -- After a death -----------------------------------------------------------

_DYING_IN_A_WRITE = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = truncate")
connection.execute("PRAGMA cache_size = 1")  # so that half of it is in the file already
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE half (text)")
connection.executemany("INSERT INTO half VALUES (?)", [("x" * 900,)] * 400)
os._exit(0)
"""


def _left_by_a_death(path: Path) -> bytes:
    subprocess.run([sys.executable, "-c", _DYING_IN_A_WRITE, path], check=True)
    journal = Path(f"{path}-journal").read_bytes()

    assert journal[:8] != bytes(8)
    return journal


@pytest.mark.parametrize("is_unreadable", [False, True])
def test_half_of_a_write_is_undone_when_the_store_is_opened(
    path: Path, is_unreadable: bool
) -> None:
    """
    Where a death left a journal, SQLite plays it back, even if the file as it stands makes no
    sense; the store is as it was.
    """
    with SQLiteStore(path, journal_mode="truncate") as store:
        bank_over(store).open_account("alice", initial_balance=eur(10))
    _left_by_a_death(path)
    if is_unreadable:
        half = bytearray(path.read_bytes())
        half[100:300] = b"\xff" * 200  # the first page, which is in the journal
        path.write_bytes(half)
    with SQLiteStore(path) as store:
        assert ("truncate", 2) == settings(store)
        assert eur(10) == bank_over(store).account("alice").balance
        assert verify(store).is_clean


def test_half_of_a_write_of_another_program_is_left_to_it(path: Path) -> None:
    """
    Neither its database nor its journal is touched.
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title)")
    journal = _left_by_a_death(path)
    before = path.read_bytes()
    with pytest.raises(StoreFormatError, match="another program's database, with songs"):
        SQLiteStore(path)

    assert before == path.read_bytes()
    assert journal == Path(f"{path}-journal").read_bytes()
