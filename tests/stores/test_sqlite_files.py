"""
What `SQLiteStore` does about its files: removed, replaced, in doubt, copied, described.
"""

import errno
import fcntl
import os
import re
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from bankcore import Bank, Principal
from bankcore.access import Denial, Token
from bankcore.errors import (
    OutcomeUnknownError,
    StoreCorruptedError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.ledger import ReadSet, Snapshot, WriteSet, verify
from bankcore.stores import JoinedSQLiteStore, SQLiteStore, migrate
from bankcore.stores._sqlite import _file
from bankcore.stores._sqlite._errors import translated
from bankcore.stores._sqlite._file import _id_of as id_of
from bankcore.stores._sqlite._versions import has_wal_bug
from bankcore.testing._conformance.helpers import NOW, bank_over, eur
from bankcore.values import PrincipalId


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(path) as made:
        bank_over(made).open_account("alice", initial_balance=eur(10), transaction_id="t-1")
        made.add_token(attrs.evolve(_TOKEN, id="b2"))
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


# -- Whatever writes ---------------------------------------------------------

_TOKEN = Token("a1", bytes(32), Principal("mary"), NOW)
_DENIAL = Denial(PrincipalId("mary"), "read", (), "access_denied", NOW)

#: Everything by which a store writes; there is a token b2.
WRITES: dict[str, Callable[[SQLiteStore], object]] = {
    "transact": lambda store: bank_on(store).deposit("alice", eur(5)),
    "add_token": lambda store: store.add_token(_TOKEN),
    "revoke_token": lambda store: store.revoke_token("b2", NOW),
    "record_denial": lambda store: store.record_denial(_DENIAL),
}


def contents(store: SQLiteStore) -> tuple[object, ...]:
    return store.accounts(), store.journal().records, store.tokens(), store.denials()


# -- Removed or replaced -----------------------------------------------------


def _wal_removed(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def _wal_replaced(path: Path) -> None:
    _wal_removed(path)
    Path(f"{path}-wal").touch()


def _index_removed(path: Path) -> None:
    Path(f"{path}-shm").unlink()


def _lock_file_removed(path: Path) -> None:
    Path(f"{path}.lock").unlink()


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
    _lock_file_removed,
    _file_removed,
    _file_replaced,
    _file_removed_and_made_anew,
)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("change", _CHANGES)
def test_files_that_are_not_those_that_were_opened_stop_the_store(
    store: SQLiteStore, path: Path, change: Callable[[Path], None], write: str
) -> None:
    """
    The next write is refused and writes nothing, whatever it is, and so is all that follows.
    """
    change(path)
    names = sorted(os.listdir(path.parent))
    bank = bank_on(store)
    calls: list[Callable[[], Any]] = [
        lambda: WRITES[write](store),
        lambda: WRITES[write](store),
        lambda: bank.account("alice"),
        lambda: store.backup(path.with_name("copy.db")),
    ]
    for call in calls:
        with pytest.raises(StoreMisuseError, match="was removed or replaced while it was open"):
            call()
    store.close()

    assert names == sorted(os.listdir(path.parent))


def test_a_log_that_is_removed_before_the_first_write_stops_the_store(path: Path) -> None:
    """
    The files are known from the opening on, and not from the first write on.
    """
    with SQLiteStore(path) as store:
        _wal_removed(path)
        with pytest.raises(StoreMisuseError, match="was removed or replaced while it was open"):
            bank_on(store).open_account("alice", initial_balance=eur(1))


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

    def no_access(name: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)

    with monkeypatch.context() as patch:
        patch.setattr(_file, "_id_of", no_access)
        with pytest.raises(StoreUnavailableError, match="Permission denied"):
            bank.deposit("alice", eur(1))

    assert before == bank.account("alice").balance


def test_a_read_that_opens_a_connection_sees_it_too(store: SQLiteStore, path: Path) -> None:
    """
    No connection that reads is opened on other files than those that are open.
    """
    assert not [each for each in store._connections._readers if each.sqlite]
    _wal_removed(path)
    with pytest.raises(StoreMisuseError, match="was removed or replaced while it was open"):
        bank_on(store).account("alice")


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("change", [_wal_removed, _file_replaced])
def test_it_is_seen_however_long_the_directory_was_quiet(
    store: SQLiteStore,
    path: Path,
    change: Callable[[Path], None],
    write: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Once the directory has not changed for a while, its own times are all that is asked for; a
    change of its names shows there.
    """
    bank = bank_on(store)
    monkeypatch.setattr(_file, "_SETTLED_AFTER", -1)
    bank.deposit("alice", eur(1))
    asked: list[str] = []

    def id_told(name: str) -> tuple[int, int] | None:
        asked.append(name)
        return id_of(name)

    monkeypatch.setattr(_file, "_id_of", id_told)
    bank.deposit("alice", eur(1))
    assert [] == asked
    change(path)
    with pytest.raises(StoreMisuseError, match="was removed or replaced while it was open"):
        WRITES[write](store)


@pytest.mark.parametrize(
    ("changed_at", "asked_after", "is_asked_again"),
    [
        # Two changes within one tick have one time: until it is over, all files are looked at.
        (1_700_000_000_123_000_000, 50_000_000, True),
        (1_700_000_000_123_000_000, 200_000_000, False),
        # Where times are whole seconds, a tick is long.
        (1_700_000_000_000_000_000, 2_000_000_000, True),
        (1_700_000_000_000_000_000, 3_100_000_000, False),
    ],
)
def test_a_directory_that_changed_just_now_is_not_trusted(
    path: Path,
    changed_at: int,
    asked_after: int,
    is_asked_again: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Its times tell of no second change that came within the same tick of the file system's clock.
    """
    path.touch()
    watch = _file.Watch(str(path))
    stat_of = os.stat

    def stat(name: str) -> Any:
        found = stat_of(name)
        if name != str(path.parent):
            return found
        facts = {"st_dev": 1, "st_ino": 2, "st_ctime_ns": changed_at}
        return SimpleNamespace(**facts)

    monkeypatch.setattr(os, "stat", stat)
    monkeypatch.setattr(time, "time_ns", lambda: changed_at + asked_after)
    assert watch.difference() is None
    Path(f"{path}-wal").touch()

    assert is_asked_again == (watch.difference() is not None)


def test_a_second_name_is_refused_when_it_is_opened(store: SQLiteStore, path: Path) -> None:
    """
    Under two names SQLite would keep two logs, so neither is opened; with one name left it is.
    """
    store.close()
    other = path.with_name("same.db")
    os.link(path, other)
    for name in (path, other):
        with pytest.raises(StoreMisuseError, match="has a second name, a hard link"):
            SQLiteStore(name)
    path.unlink()
    with SQLiteStore(other) as again:
        assert eur(10) == bank_on(again).account("alice").balance


@pytest.mark.parametrize("write", WRITES)
def test_a_second_name_that_comes_later_stops_the_store(
    store: SQLiteStore, path: Path, tmp_path: Path, write: str
) -> None:
    """
    It may be in another directory. Nothing more is written, and what was written stays.
    """
    before = contents(store)
    (tmp_path / "elsewhere").mkdir()
    os.link(path, tmp_path / "elsewhere" / "same.db")
    for _ in range(2):
        with pytest.raises(StoreMisuseError, match="has a second name, a hard link"):
            WRITES[write](store)
    store.close()
    (tmp_path / "elsewhere" / "same.db").unlink()
    with SQLiteStore(path) as again:
        assert before == contents(again)


@pytest.mark.parametrize("is_directory", [False, True], ids=["file", "directory"])
def test_a_symbolic_link_is_resolved(tmp_path: Path, is_directory: bool) -> None:
    """
    What is beside the store, is beside the file, not beside the link: the log is watched there,
    and there is one lock file.
    """
    real = tmp_path / "real"
    real.mkdir()
    if is_directory:
        (tmp_path / "link").symlink_to(real)
        name = tmp_path / "link" / "bank.db"
    else:
        name = tmp_path / "link.db"
        name.symlink_to(real / "bank.db")
    with SQLiteStore(name) as store:
        bank_on(store).open_account("alice", initial_balance=eur(1))

        assert str(real / "bank.db") == store.describe().location
        assert ["bank.db", "bank.db-shm", "bank.db-wal", "bank.db.lock"] == sorted(
            os.listdir(real)
        )
        _wal_removed(real / "bank.db")
        with pytest.raises(StoreMisuseError, match="was removed or replaced"):
            bank_on(store).deposit("alice", eur(1))


def test_links_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    """
    Links in a circle lead to no file, and that is said.
    """
    (tmp_path / "a.db").symlink_to(tmp_path / "b.db")
    (tmp_path / "b.db").symlink_to(tmp_path / "a.db")
    with pytest.raises(StoreUnavailableError, match="symbolic links"):
        SQLiteStore(tmp_path / "a.db")


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


def coded(code: int, message: str = "as planned") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
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


@pytest.mark.parametrize("write", WRITES)
def test_a_read_that_fails_puts_the_file_in_doubt(
    faulty: type[Faulty], path: Path, write: str
) -> None:
    """
    The check comes before the next write, also where it was a read that failed.
    """
    with SQLiteStore(path) as store:
        bank = bank_on(store)
        bank.open_account("alice", initial_balance=eur(10))
        store.add_token(attrs.evolve(_TOKEN, id="b2"))
        faulty.statement, faulty.error = "SELECT", coded(sqlite3.SQLITE_IOERR)
        with pytest.raises(StoreUnavailableError):
            bank.account("alice")
        WRITES[write](store)

        assert _checks(faulty) == 1


@pytest.mark.parametrize("write", WRITES)
def test_while_damage_is_found_nothing_is_written(
    faulty: type[Faulty], path: Path, write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    As long as SQLite finds the file damaged, every write is refused, whatever put it in doubt.
    """
    with SQLiteStore(path) as store:
        bank = bank_on(store)
        bank.open_account("alice", initial_balance=eur(10))
        store.add_token(attrs.evolve(_TOKEN, id="b2"))
        faulty.statement, faulty.error = "BEGIN", coded(sqlite3.SQLITE_IOERR)
        before = contents(store)
        with pytest.raises(StoreUnavailableError):
            WRITES[write](store)
        execute = Faulty.execute

        def damaged(connection: Faulty, statement: str, *parameters: Any) -> sqlite3.Cursor:
            asked = "SELECT 'a page is lost'" if "quick_check" in statement else statement
            return execute(connection, asked, *parameters)

        monkeypatch.setattr(Faulty, "execute", damaged)
        for name in (write, *WRITES):
            with pytest.raises(StoreCorruptedError, match="reports: a page is lost"):
                WRITES[name](store)

        assert before == contents(store)


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


def test_a_copy_is_on_the_disk_before_it_has_its_name(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    All of it is flushed before it appears, and then the directory, so that the name stays.
    """
    copy = path.with_name("copy.db")
    done: list[tuple[str, object]] = []
    fsync, link = os.fsync, os.link

    def flushed(file: Any) -> None:
        status = os.fstat(file if isinstance(file, int) else file.fileno())
        is_directory = stat.S_ISDIR(status.st_mode)
        done.append(("flush", "directory" if is_directory else (status.st_ino, status.st_size)))
        fsync(file)

    def named(source: str, target: str) -> None:
        done.append(("name", target))
        link(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "link", named)
    store.backup(copy)
    status = copy.stat()

    assert [
        ("flush", (status.st_ino, status.st_size)),
        ("name", str(copy)),
        ("flush", "directory"),
    ] == done


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


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (sqlite3.SQLITE_ERROR, "as planned"),
        (sqlite3.SQLITE_CORRUPT, "unable to open database: as planned"),
    ],
)
def test_a_copy_that_cannot_be_opened_is_no_damage(
    faulty: type[Faulty], path: Path, code: int, message: str
) -> None:
    """
    SQLite has the same code for it as for a table that is not there, or for damage.
    """
    with SQLiteStore(path) as store:
        faulty.statement, faulty.error = "VACUUM", coded(code, message)
        with pytest.raises(
            StoreUnavailableError, match=r"the copy cannot be written: .*as planned"
        ):
            store.backup(path.with_name("copy.db"))


@pytest.mark.parametrize("mode", ["wal", "truncate"])
def test_a_file_system_without_locks_is_named(
    path: Path, mode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    SQLite takes it for others that keep the file busy, and would send the user to look for them.
    """
    SQLiteStore(path, journal_mode=mode).close()

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailableError, match="locked"):
            SQLiteStore(path, timeout=0)
        monkeypatch.setattr(fcntl, "lockf", no_locks)
        with pytest.raises(StoreUnavailableError, match="file system has no locks"):
            SQLiteStore(path, timeout=0)


def test_a_replaced_file_is_left_alone_where_no_module_can_be_loaded(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What keeps a connection open for ever may be out of reach just then; the error is the same.
    """
    monkeypatch.setitem(sys.modules, "ctypes", None)
    _file_replaced(path)
    with pytest.raises(StoreMisuseError, match="was removed or replaced"):
        bank_on(store).deposit("alice", eur(1))


@pytest.mark.parametrize("said", ["database is locked", "Cannot operate on a closed database."])
def test_a_sentence_of_sqlite_ends_once(said: str) -> None:
    """
    What SQLite says is told as a part of a sentence, whether or not it is one itself.
    """
    assert re.search(r"[^.]\.$", str(translated(sqlite3.ProgrammingError(said))))


# -- Described ---------------------------------------------------------------


def test_it_says_what_it_is_made_of(store: SQLiteStore, path: Path) -> None:
    """
    The engine, the place, the settings as they are, and what survives what.
    """
    said = store.describe()

    assert (f"SQLite {sqlite3.sqlite_version}", str(path), 2) == (
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
