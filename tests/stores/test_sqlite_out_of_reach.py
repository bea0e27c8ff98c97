"""
Files that are out of reach: an error of the store, always, and nothing else.
"""

import errno
import fcntl
import gc
import io
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from descriptors import open_files
from injector import Injector

from bankcore import Bank, Principal
from bankcore.access import Tokens
from bankcore.errors import StoreError, StoreMisuseError, StoreUnavailableError
from bankcore.ledger import verify
from bankcore.stores import JoinedSQLiteStore, SQLiteStore, migrate
from bankcore.stores._sqlite import _connections, _errors, _joined
from bankcore.stores._sqlite._errors import translated
from bankcore.stores._sqlite._migrations import version_in
from bankcore.testing._conformance.helpers import bank_over, eur

#: A user that may do nothing.
NOBODY = 65_534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    A path in a directory of its own, which a test may move away.
    """
    directory = tmp_path / "place"
    directory.mkdir()
    return directory / "bank.db"


@pytest.fixture(params=["open", "closed"])
def store(request: pytest.FixtureRequest, path: Path) -> Iterator[SQLiteStore]:
    """
    A store that has its files open, or will open them at the next call, as after a fork.
    """
    with SQLiteStore(path, timeout=1) as made:
        bank_over(made).open_account("alice", initial_balance=eur(10), transaction_id="t-1")
        if request.param == "closed":
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
        yield made


# -- What happens to the files -----------------------------------------------


def _directory_moved(path: Path) -> Callable[[], object]:
    path.parent.rename(path.parent.with_name("away"))
    return lambda: path.parent.with_name("away").rename(path.parent)


def _directory_replaced(path: Path) -> Callable[[], object]:
    back = _directory_moved(path)
    path.parent.mkdir()

    def put_back() -> None:
        for name in os.listdir(path.parent):
            (path.parent / name).unlink()
        path.parent.rmdir()
        back()

    return put_back


def _directory_is_a_file(path: Path) -> Callable[[], object]:
    back = _directory_moved(path)
    path.parent.touch()

    def put_back() -> None:
        path.parent.unlink()
        back()

    return put_back


def _directory_leads_to_itself(path: Path) -> Callable[[], object]:
    back = _directory_moved(path)
    path.parent.symlink_to(path.parent)

    def put_back() -> None:
        path.parent.unlink()
        back()

    return put_back


def _file_leads_to_itself(path: Path) -> Callable[[], object]:
    path.rename(path.with_name("away.db"))
    path.symlink_to(path)

    def put_back() -> None:
        path.unlink()
        path.with_name("away.db").rename(path)

    return put_back


def _file_is_a_directory(path: Path) -> Callable[[], object]:
    path.rename(path.with_name("away.db"))
    path.mkdir()

    def put_back() -> None:
        path.rmdir()
        path.with_name("away.db").rename(path)

    return put_back


_CHANGES = (
    _directory_moved,
    _directory_replaced,
    _directory_is_a_file,
    _directory_leads_to_itself,
    _file_leads_to_itself,
    _file_is_a_directory,
)


def calls_of(store: SQLiteStore, path: Path) -> list[Callable[[], object]]:
    bank = Bank(store, deadline=timedelta())
    return [
        lambda: bank.deposit("alice", eur(1)),
        lambda: bank.account("alice"),
        lambda: bank.statement("alice"),
        store.journal,
        store.tokens,
        store.describe,
        store.integrity_errors,
        lambda: verify(store),
        lambda: store.backup(path.parent / "copy.db"),
        lambda: SQLiteStore(path, create=False, timeout=1),
    ]


def _raised(call: Callable[[], object]) -> BaseException | None:
    try:
        call()
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is looked at
        return error
    return None


@pytest.mark.parametrize("change", _CHANGES)
def test_files_out_of_reach_are_an_error_of_the_store(
    store: SQLiteStore, path: Path, change: Callable[[Path], Callable[[], object]]
) -> None:
    """
    Whatever lies in the way, a call is refused with a `StoreError`, and a write writes nothing;
    once all is as it was, a store that did not stop goes on.
    """
    put_back = change(path)
    raised = [_raised(call) for call in calls_of(store, path)]

    assert [] == [each for each in raised if not isinstance(each, StoreError | None)]
    assert isinstance(raised[0], StoreUnavailableError | StoreMisuseError)
    assert "hard link" not in str(raised[0])
    put_back()
    with SQLiteStore(path) as again:
        assert eur(10) == bank_over(again).account("alice").balance
    if isinstance(raised[0], StoreUnavailableError):
        bank_over(store).deposit("alice", eur(1))


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """
    A directory that every user can reach, unlike pytest's own.
    """
    with TemporaryDirectory(dir="/tmp") as made:
        yield Path(made)


@pytest.mark.parametrize("name", ["", "bank.db", "bank.db.lock", "bank.db-wal"])
@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root is any user")
def test_what_may_not_be_opened_is_an_error_of_the_store(
    public_directory: Path, name: str
) -> None:
    """
    Without the right to open a file or to enter its directory, calls are refused or done, and
    nothing else is raised.
    """
    path = public_directory / "bank.db"
    os.chown(public_directory, NOBODY, NOBODY)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        raised: list[BaseException | None] = []
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            store = SQLiteStore(path, timeout=1)
            bank_over(store).open_account("alice", initial_balance=eur(10))
            (public_directory / name).chmod(0)
            raised += map(_raised, calls_of(store, path))
            store.close()
            raised += map(_raised, calls_of(store, path))
        except BaseException as error:  # noqa: BLE001  # told below
            raised.append(error)
        strange = [each for each in raised if not isinstance(each, StoreError | None)]
        os.write(writing, f"{strange or len(raised)}".encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        said = pipe.read()

    assert "20" == said


# -- What a signal handler raises --------------------------------------------


def _interrupting(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, path: Path
) -> TimeoutError:
    """
    Let a function of the operating system raise what a handler raises while it is called.
    """
    error = TimeoutError("the handler's own")
    real = getattr(owner, name)

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if str(path) in map(str, arguments):
            raise error
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, interrupted)
    return error


@pytest.mark.parametrize("name", ["stat", "open"])
def test_what_a_handler_raises_at_the_opening_passes(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """
    A `TimeoutError` of the application's is an ``OSError`` too, and not one of the system's.
    """
    with monkeypatch.context() as patch:
        error = _interrupting(patch, os, name, path)
        with pytest.raises(TimeoutError) as raised:
            SQLiteStore(path)

    assert error is raised.value


def test_what_a_handler_raises_in_a_unit_passes(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nor is it one in the middle of a unit, which is undone.
    """
    with monkeypatch.context() as patch:
        error = _interrupting(patch, os, "stat", path)
        with pytest.raises(TimeoutError) as raised:
            bank_over(store).deposit("alice", eur(1))

    assert error is raised.value
    assert eur(11) == bank_over(store).deposit("alice", eur(1)).postings[0].balance


def _interrupted(*_: object) -> Any:
    raise TimeoutError("the handler's own")


def test_what_a_handler_raises_while_sqlite_is_at_work_passes(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    In every kind of call that uses SQLite: at the lock, making the tables, in a write by itself,
    in the application's transaction.
    """
    tokens = Tokens(store)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        connection.execute("BEGIN")
        joined = JoinedSQLiteStore(connection)
        with monkeypatch.context() as patch:
            patch.setattr(fcntl, "flock", _interrupted)
            with pytest.raises(TimeoutError):
                bank_over(store).deposit("alice", eur(1))
        with monkeypatch.context() as patch:
            patch.setattr(store._connections, "commit", _interrupted)
            with pytest.raises(TimeoutError):
                tokens.issue(Principal("mary", ["owner"]))
        with monkeypatch.context() as patch:
            patch.setattr(_joined, "read_unit", _interrupted)
            with pytest.raises(TimeoutError):
                bank_over(joined).open_account("alice", initial_balance=eur(1))
        with monkeypatch.context() as patch:
            patch.setattr(_connections, "migrate", _interrupted)
            with pytest.raises(TimeoutError):
                SQLiteStore(path.with_name("other.db"))
    assert not list(store.tokens())
    assert eur(11) == bank_over(store).deposit("alice", eur(1)).postings[0].balance


def test_too_many_open_files_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    SQLite says only that it cannot open a file; why, is asked of the system.
    """
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    assert "SQLite says: unable to open" in str(translated(error))

    def none_left(*_: object, **__: object) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(_errors, "open", none_left, raising=False)
    assert "too many files are open" in str(translated(error))


def test_a_file_that_another_process_has_just_made_is_taken(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Between the look at an empty place and the making of a file there, another may be quicker.
    """
    real = io.FileIO
    made: list[str] = []

    def quicker(name: Any, *arguments: Any, **options: Any) -> Any:
        if str(name) == str(path) and not made:
            made.append(str(name))
            path.touch()
        return real(name, *arguments, **options)

    monkeypatch.setattr(io, "FileIO", quicker)
    with SQLiteStore(path) as store:
        bank_over(store).open_account("alice", initial_balance=eur(1))
    assert [str(path)] == made


def test_a_store_without_a_lock_file_is_closed_when_it_is_collected(path: Path) -> None:
    """
    Where an unlocking failed, the lock file was closed, and is opened with the next unit.
    """
    store = SQLiteStore(path)
    store._connections._close_lock_file()
    assert open_files(path.parent)
    del store
    gc.collect()

    assert not open_files(path.parent)


def test_a_child_has_locks_of_its_own(path: Path) -> None:
    """
    What a fork holds while it happens is free again on the child's side.
    """
    with SQLiteStore(path) as store:
        _connections._Forks.before()
        _connections._Forks.in_child()

        assert eur(1) == (
            bank_over(store).open_account("alice", initial_balance=eur(1)).postings[0].balance
        )


# -- The lock file -----------------------------------------------------------


@pytest.mark.parametrize("call", ["close", "fork", "read"])
def test_a_lock_file_that_cannot_be_opened_is_an_error_of_the_store(
    path: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever needs it first opens it anew, and that may not be a unit. A fork goes on, and leaves
    everything open.
    """
    store = SQLiteStore(path)
    owner = store._connections
    owner._close_lock_file()

    def out_of_reach(*_: object, **__: object) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), f"{path}.lock")

    with monkeypatch.context() as patch:
        patch.setattr(io, "FileIO", out_of_reach)
        if call == "fork":
            owner.before_fork()
            assert not owner._is_ready_to_fork
            owner.after_fork_in_parent()
            assert len(owner._open_connections()) == 1
        else:
            if call == "read":
                owner._close_writer()
            with pytest.raises(StoreUnavailableError, match="Too many open files"):
                store.close() if call == "close" else store.accounts()
    store.close()
    with SQLiteStore(path) as again:
        assert [] == list(again.accounts())


def test_a_system_without_locks_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where there are no locks to be had, that is what is said.
    """

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(StoreUnavailableError, match=os.strerror(errno.ENOLCK)):
        SQLiteStore(path)


def test_a_lock_file_is_opened_again_where_closing_it_was_interrupted(
    store: SQLiteStore, path: Path
) -> None:
    """
    A lock file that was closed and not yet forgotten is opened anew.
    """
    bank = bank_over(store)
    bank.deposit("alice", eur(1))
    lock_file = store._connections._lock_file
    assert lock_file is not None
    lock_file.close()
    store._connections.recover()

    assert eur(12) == bank.deposit("alice", eur(1)).postings[0].balance


def test_a_copy_has_one_name_where_its_making_was_interrupted(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Interrupted right before its first name is removed, the copy is there, and can be opened.
    """
    unlink = os.unlink
    told: list[str] = []

    def interrupted(name: str) -> None:
        told.append(name)
        if len(told) == 1:
            raise KeyboardInterrupt
        unlink(name)

    copy = path.with_name("copy.db")
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(os, "unlink", interrupted)
        store.backup(copy)

    assert [] == list(path.parent.glob("*.part"))
    with SQLiteStore(copy) as other:
        assert eur(10) == bank_over(other).account("alice").balance


def test_an_interrupted_look_at_the_schema_keeps_no_lock(path: Path) -> None:
    """
    Interrupted at any bytecode while it looks which schema a file has, and as long as the
    exception is at hand, no statement that has not ended keeps others from the file.
    """
    SQLiteStore(path, journal_mode="truncate").close()
    points = count(1)
    is_over = False
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        while not is_over:
            injector = Injector(next(points), KeyboardInterrupt())
            connection = sqlite3.connect(path, isolation_level=None)
            try:
                injector.run(partial(version_in, connection))
                is_over = True
            except KeyboardInterrupt:
                connection.close()
                other.execute("BEGIN EXCLUSIVE")
                other.execute("ROLLBACK")
            finally:
                connection.close()

    assert next(points) > 20
