"""
What `SQLiteStore` does about its files: removed, replaced, in doubt, copied, described.
"""

import errno
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bankcore import Bank
from bankcore.errors import (
    OutcomeUnknownError,
    StoreCorruptedError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.ledger import ReadSet, Snapshot, WriteSet, verify
from bankcore.stores import JoinedSQLiteStore, SQLiteStore, migrate
from bankcore.stores._sqlite import _file
from bankcore.stores._sqlite._file import Files, files_at
from bankcore.stores._sqlite._versions import has_wal_bug
from bankcore.testing._conformance.helpers import bank_over, eur
from bankcore.values import AccountId


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(path) as made:
        bank_over(made).open_account("alice", initial_balance=eur(10), transaction_id="t-1")
        yield made


def bank_on(store: Any) -> Bank:
    return Bank(store, deadline=timedelta())


# -- Opened and closed by the application ------------------------------------

_ANOTHER = """
import sqlite3, sys
from datetime import timedelta
from bankcore import Bank, Money
from bankcore.errors import StoreUnavailableError
from bankcore.stores import SQLiteStore
raw = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("ROLLBACK")
    print("SQLite lets it in")
except sqlite3.OperationalError:
    print("SQLite keeps it out")
raw.close()
try:
    with SQLiteStore(sys.argv[1], timeout=0.2) as store:
        Bank(store, deadline=timedelta()).withdraw("alice", Money(10, "EUR"))
    print("bankcore lets it in")
except StoreUnavailableError:
    print("bankcore keeps it out")
"""


@pytest.mark.parametrize(
    ("mode", "suffix"), [("truncate", ""), ("wal", "-shm")], ids=["truncate", "wal"]
)
def test_the_lock_file_holds_when_the_locks_of_sqlite_are_gone(
    path: Path, mode: Any, suffix: str
) -> None:
    """
    An application that opens and closes a file of the store while it writes takes SQLite's locks
    away, as another process sees; another store's writer is kept out all the same.
    """
    with SQLiteStore(path, journal_mode=mode) as store:
        bank_over(store).open_account("alice", initial_balance=eur(10), transaction_id="t-1")
        told: list[list[str]] = []

        def said_by_another() -> list[str]:
            command = [sys.executable, "-c", _ANOTHER, str(path)]
            said = subprocess.run(command, check=True, capture_output=True, text=True)
            return said.stdout.splitlines()

        def decide(_: Snapshot) -> WriteSet:
            told.append(said_by_another())
            with open(f"{path}{suffix}", "rb"):
                pass
            told.append(said_by_another())
            return WriteSet((), ())

        store.transact(ReadSet((), ()), decide)

        assert [
            ["SQLite keeps it out", "bankcore keeps it out"],
            ["SQLite lets it in", "bankcore keeps it out"],
        ] == told
        assert eur(10) == bank_on(store).account("alice").balance


# -- Removed or replaced -----------------------------------------------------


def _wal_removed(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def _wal_replaced(path: Path) -> None:
    _wal_removed(path)
    Path(f"{path}-wal").touch()


def _index_removed(path: Path) -> None:
    Path(f"{path}-shm").unlink()


def _file_removed(path: Path) -> None:
    path.unlink()


def _file_replaced(path: Path) -> None:
    with SQLiteStore(path.with_name("other.db")) as other:
        bank_over(other).open_account("alice", initial_balance=eur(7))
    path.with_name("other.db").replace(path)


def _file_removed_and_made_anew(path: Path) -> None:
    path.unlink()
    path.touch()


_CHANGES = (
    _wal_removed,
    _wal_replaced,
    _index_removed,
    _file_removed,
    _file_replaced,
    _file_removed_and_made_anew,
)


@pytest.mark.parametrize("change", _CHANGES)
def test_files_that_are_not_those_that_were_opened_stop_the_store(
    store: SQLiteStore, path: Path, change: Callable[[Path], None]
) -> None:
    """
    The next write is refused and writes nothing, and so is all that follows.
    """
    change(path)
    names = sorted(os.listdir(path.parent))
    bank = bank_on(store)
    calls: list[Callable[[], Any]] = [
        lambda: bank.deposit("alice", eur(5)),
        lambda: bank.deposit("alice", eur(5)),
        lambda: bank.account("alice"),
        lambda: store.backup(path.with_name("copy.db")),
    ]
    for call in calls:
        with pytest.raises(StoreMisuseError, match="was removed or replaced while it was open"):
            call()
    store.close()

    assert names == sorted(os.listdir(path.parent))


def test_a_replaced_file_is_not_written_to(store: SQLiteStore, path: Path) -> None:
    """
    What lies at the path now has what it had, and a new store opens it.
    """
    _file_replaced(path)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink()
    with pytest.raises(StoreMisuseError):
        bank_on(store).deposit("alice", eur(5))
    with SQLiteStore(path) as other:
        assert eur(7) == bank_on(other).account("alice").balance
        assert verify(other).is_clean


def test_files_that_cannot_be_looked_at_are_out_of_reach(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the operating system is an error of the store, and nothing is written."""
    bank = bank_on(store)
    before = bank.account("alice").balance

    def no_access(path: str) -> Files:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    with monkeypatch.context() as patch:
        patch.setattr(_file, "files_at", no_access)
        with pytest.raises(StoreUnavailableError, match="Permission denied"):
            bank.deposit("alice", eur(1))

    assert before == bank.account("alice").balance


def test_a_thread_that_comes_later_sees_it_too(store: SQLiteStore, path: Path) -> None:
    """
    A new thread's connection is not opened on other files than those of the threads before.
    """
    _wal_removed(path)
    said: list[BaseException] = []

    def use() -> None:
        try:
            bank_on(store).account("alice")
        except StoreMisuseError as error:
            said.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()

    assert len(said) == 1


def _in_a_thread(use: Callable[[], object]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(use).result()


def test_a_thread_that_opens_the_files_meanwhile_replaces_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    While one thread looks which files there are, before the first is open, another opens them.
    """
    with SQLiteStore(path) as store:
        bank_on(store).open_account("alice", initial_balance=eur(1))
        store._connections.before_fork()  # nobody has it open, and no log is there
        looked: list[Files] = []

        def look(at: str) -> Files:
            found = files_at(at)
            if not looked:
                looked.append(found)
                _in_a_thread(lambda: bank_on(store).account("alice"))
            return found

        monkeypatch.setattr(_file, "files_at", look)
        bank_on(store).deposit("alice", eur(1))

        assert looked[0][1:] == (None, None)
        assert eur(2) == bank_on(store).account("alice").balance


def test_a_thread_that_gives_its_connection_up_meanwhile_replaces_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The connection that was the only one may be gone, and the log with it, once they are looked at.
    """
    with SQLiteStore(path) as store, ThreadPoolExecutor(1) as other:
        store._connections.before_fork()
        other.submit(bank_on(store).open_account, "alice", initial_balance=eur(1)).result()
        (only,) = store._connections._process.connections
        looked: list[Files] = []

        def look(at: str) -> Files:
            if not looked:
                other.submit(store._connections._discard, only).result()
                looked.append(files_at(at))
            return files_at(at)

        monkeypatch.setattr(_file, "files_at", look)
        bank_on(store).deposit("alice", eur(1))

        assert looked[0][1:] == (None, None)
        assert eur(2) == bank_on(store).account("alice").balance


_LEAVING_A_REPLACED_FILE = """
import os, sys
from bankcore import Bank, Money
from bankcore.errors import StoreMisuseError
from bankcore.stores import SQLiteStore
path, other = sys.argv[1:]
store = SQLiteStore(path)
Bank(store).open_account("alice", initial_balance=Money(1, "EUR"))
os.unlink(f"{path}-shm")
for suffix in ("", "-wal", "-shm"):
    os.rename(f"{other}{suffix}", f"{path}{suffix}")
try:
    Bank(store).deposit("alice", Money(1, "EUR"))
except StoreMisuseError:
    store.close()
    print("refused")
"""


def test_the_files_of_another_stay_when_the_process_ends(tmp_path: Path) -> None:
    """
    Not even at the end of the interpreter is the -wal removed that now lies at the path.
    """
    path, other = tmp_path / "bank.db", tmp_path / "other.db"
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE kept (id TEXT)")
        said = subprocess.run(
            [sys.executable, "-c", _LEAVING_A_REPLACED_FILE, path, other],
            check=True,
            capture_output=True,
            text=True,
        )
        assert ("refused\n", True) == (said.stdout, Path(f"{path}-wal").exists())


# -- In doubt ----------------------------------------------------------------


class Faulty(sqlite3.Connection):
    """
    A connection that raises `error` at the statement that begins with `statement`.
    """

    error: BaseException | None = None
    statement = ""
    told: list[str] = []  # noqa: RUF012  # emptied for each test

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        Faulty.told.append(statement)
        if Faulty.error is not None and statement.startswith(Faulty.statement):
            error, Faulty.error = Faulty.error, None
            raise error
        return super().execute(statement, *parameters)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Faulty]]:
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **options: connect(*args, **options, factory=Faulty)
    )
    yield Faulty
    Faulty.error = None
    Faulty.told = []


def coded(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as planned")
    error.sqlite_errorcode = code
    return error


def _checks(faulty: type[Faulty]) -> int:
    return faulty.told.count("PRAGMA quick_check(1)")


@pytest.mark.parametrize(
    ("statement", "code", "expected"),
    [
        ("BEGIN", sqlite3.SQLITE_IOERR, 1),
        ("BEGIN", sqlite3.SQLITE_CORRUPT, 1),
        ("BEGIN", sqlite3.SQLITE_NOTADB, 1),
        ("BEGIN", sqlite3.SQLITE_FULL, 1),
        ("BEGIN", sqlite3.SQLITE_PROTOCOL, 1),
        ("COMMIT", sqlite3.SQLITE_IOERR, 1),
        ("COMMIT", sqlite3.SQLITE_BUSY, 1),
        ("SELECT journal.place", sqlite3.SQLITE_IOERR, 1),
        ("BEGIN", sqlite3.SQLITE_BUSY, 0),
        ("BEGIN", sqlite3.SQLITE_INTERRUPT, 0),
    ],
)
def test_after_trouble_the_file_is_checked_once_before_the_next_write(
    faulty: type[Faulty], path: Path, statement: str, code: int, expected: int
) -> None:
    """
    Errors of the disk put the file in doubt; others, such as a busy database, do not.
    """
    with SQLiteStore(path) as store:
        bank = bank_on(store)
        bank.open_account("alice", initial_balance=eur(10))
        faulty.statement, faulty.error = statement, coded(code)
        with suppress(StoreUnavailableError, StoreCorruptedError, OutcomeUnknownError):
            bank.deposit("alice", eur(1), transaction_id="t-1")
        before = _checks(faulty)
        bank.deposit("alice", eur(1), transaction_id="t-1")
        bank.deposit("alice", eur(1))

        assert (0, expected) == (before, _checks(faulty))
        assert eur(12) == bank.account("alice").balance


def test_a_read_that_fails_puts_the_file_in_doubt(faulty: type[Faulty], path: Path) -> None:
    """
    The check comes before the next write, also where it was a read that failed.
    """
    with SQLiteStore(path) as store:
        bank = bank_on(store)
        bank.open_account("alice", initial_balance=eur(10))
        faulty.statement, faulty.error = "SELECT", coded(sqlite3.SQLITE_IOERR)
        with pytest.raises(StoreUnavailableError):
            bank.account("alice")
        bank.deposit("alice", eur(1))

        assert _checks(faulty) == 1


def test_while_damage_is_found_nothing_is_written(
    faulty: type[Faulty], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    As long as SQLite finds the file damaged, every write is refused.
    """
    with SQLiteStore(path) as store:
        bank = bank_on(store)
        bank.open_account("alice", initial_balance=eur(10))
        faulty.statement, faulty.error = "BEGIN", coded(sqlite3.SQLITE_IOERR)
        with pytest.raises(StoreUnavailableError):
            bank.deposit("alice", eur(1))
        execute = Faulty.execute

        def damaged(connection: Faulty, statement: str, *parameters: Any) -> sqlite3.Cursor:
            asked = "SELECT 'a page is lost'" if "quick_check" in statement else statement
            return execute(connection, asked, *parameters)

        monkeypatch.setattr(Faulty, "execute", damaged)
        for _ in range(2):
            with pytest.raises(StoreCorruptedError, match="reports: a page is lost"):
                bank.deposit("alice", eur(1))

        assert eur(10) == bank.account("alice").balance


# -- A copy ------------------------------------------------------------------


def test_a_copy_is_of_one_moment_while_others_write(store: SQLiteStore, path: Path) -> None:
    """
    A copy made while another thread writes is sound, and has a state that was.
    """
    is_over = threading.Event()

    def write() -> None:
        bank = bank_on(store)
        bank.open_account("bob", initial_balance=eur(0))
        while not is_over.is_set():
            bank.execute([])
            bank.transfer("alice", "bob", eur(1))
            bank.transfer("bob", "alice", eur(1))

    thread = threading.Thread(target=write)
    thread.start()
    copies = [path.with_name(f"copy-{number}.db") for number in range(5)]
    for copy in copies:
        store.backup(copy)
    is_over.set()
    thread.join()
    for copy in copies:
        with SQLiteStore(copy) as other:
            assert verify(other).is_clean
            assert eur(10) == sum((a.balance for a in other.accounts()), eur(0))


def test_a_copy_has_everything_and_goes_on(store: SQLiteStore, path: Path) -> None:
    """
    The copy reads equal, and is a store of its own.
    """
    copy = path.with_name("copy.db")
    store.backup(copy)
    mode = stat.S_IMODE(copy.stat().st_mode)
    with SQLiteStore(copy) as other:
        assert (store.accounts(), store.journal()) == (other.accounts(), other.journal())
        bank_on(other).deposit("alice", eur(1))

    assert (eur(10), 0o600) == (bank_on(store).account("alice").balance, mode)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_a_copy_overwrites_nothing(store: SQLiteStore, path: Path, suffix: str) -> None:
    """
    What is there, or would be taken for a part of the copy, stays, and no copy is made.
    """
    there = path.with_name(f"copy.db{suffix}")
    there.write_text("mine")
    names = sorted(os.listdir(path.parent))
    with pytest.raises(StoreMisuseError, match="is there already"):
        store.backup(path.with_name("copy.db"))

    assert ("mine", names) == (there.read_text(), sorted(os.listdir(path.parent)))


def test_a_copy_overwrites_nothing_that_appears_meanwhile(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file that another process makes at the last moment stays.
    """
    copy = path.with_name("copy.db")
    link = os.link

    def linked(source: str, target: str) -> None:
        copy.write_text("mine")
        link(source, target)

    monkeypatch.setattr(os, "link", linked)
    with pytest.raises(StoreMisuseError, match="is there already"):
        store.backup(copy)

    assert ("mine", []) == (copy.read_text(), list(path.parent.glob("*.part")))


def test_a_copy_that_cannot_be_made_is_unavailable(store: SQLiteStore, path: Path) -> None:
    """
    Where there is no such directory, that is a typed error.
    """
    with pytest.raises(StoreUnavailableError, match=r"no directory .*/absent for a copy"):
        store.backup(path.parent / "absent" / "copy.db")


@pytest.mark.parametrize("target", ["a\0b", "", ":memory:"])
def test_a_copy_needs_a_file(store: SQLiteStore, target: str) -> None:
    """
    What names no file is refused, as when a store is opened.
    """
    with pytest.raises(StoreMisuseError, match="names no file for a copy"):
        store.backup(target)


def test_a_copy_that_fails_leaves_nothing(faulty: type[Faulty], path: Path) -> None:
    """
    Where the copying fails, there is no copy, and nothing that looks like one.
    """
    with SQLiteStore(path) as store:
        faulty.statement, faulty.error = "VACUUM", coded(sqlite3.SQLITE_FULL)
        with pytest.raises(StoreUnavailableError):
            store.backup(path.with_name("copy.db"))

        assert [] == list(path.parent.glob("copy*"))


def test_a_sentence_of_sqlite_ends_once(store: SQLiteStore) -> None:
    """
    What SQLite says is told as a part of a sentence, whether or not it is one itself.
    """
    store._connections.current().sqlite.close()
    with pytest.raises(StoreUnavailableError, match=r"[^.]\.$"):
        store.account(AccountId("alice"))


# -- Described ---------------------------------------------------------------


def test_it_says_what_it_is_made_of(store: SQLiteStore, path: Path) -> None:
    """
    The engine, the place, the settings as they are, and what survives what.
    """
    said = store.describe()

    assert (f"SQLite {sqlite3.sqlite_version}", str(path), 1) == (
        said.engine,
        said.location,
        said.schema_version,
    )
    assert ("wal", 2) == (said.settings["journal_mode"], said.settings["synchronous"])
    assert "power loss" in said.durability


def test_a_joined_store_says_how_the_application_has_set_it(path: Path) -> None:
    """
    The settings are those of the application's connection, and so is the durability.
    """
    for name, expected in ((str(path), str(path)), (":memory:", "in memory")):
        with closing(sqlite3.connect(name, isolation_level=None)) as connection:
            migrate(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            said = JoinedSQLiteStore(connection).describe()

            assert (expected, 1) == (said.location, said.settings["synchronous"])
            assert "application's commit" in said.durability


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 37, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
        ((4, 0, 0), False),
    ],
)
def test_versions_with_the_bug(version: tuple[int, int, int], expected: bool) -> None:
    """
    From 3.7.0 to 3.51.2, but for the repaired ones of two older lines.
    """
    assert expected == has_wal_bug(version)


@pytest.mark.parametrize(
    ("version", "expected"), [((3, 40, 1), 1), ((3, 51, 3), 0)], ids=["with", "without"]
)
def test_the_bug_is_told_by_the_description_alone(
    path: Path, version: tuple[int, int, int], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Opening a store warns nobody, whose program may treat warnings as errors.
    """
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with SQLiteStore(path) as store:
            noted = store.describe().warnings

    assert expected == len(noted)
