"""
The connections of a store to its own SQLite file.

Decided here: one connection for each thread of each process, which of them may write, when a
connection or the file is no longer trusted, and what becomes of them at a fork. A unit is `lock`,
`begin`, `run` for what uses SQLite, `commit`, and always `unlock`, which undoes what was not
committed; a read is `read`.

One writer at a time: a unit is ``BEGIN IMMEDIATE … COMMIT`` under an exclusive lock on
``<path>.lock``, which both queues the writers and keeps two connections of bankcore from writing
and checkpointing at once.
"""

import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, TypeVar, TypeVarTuple

import attrs

from bankcore.ledger._errors import (
    OutcomeUnknownError,
    StoreCorruptedError,
    StoreFormatError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.stores._sqlite import _errors, _file, _settings
from bankcore.stores._sqlite._migrations import migrate
from bankcore.values._errors import BankError

if sys.platform != "win32":
    import fcntl

# The oldest SQLite that has STRICT tables.
_SQLITE_VERSION_MIN: Final = (3, 37, 0)

#: The longest wait for others, in seconds: a day.
TIMEOUT_MAX: Final = 86_400

# The longest pause between two attempts at the lock file, in seconds.
_PAUSE_MAX: Final = 0.002

# The descriptor of a lock file that was closed.
_CLOSED: Final = -1

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


@attrs.define(eq=False)
class StoreConnection:
    """One thread's connection, with its own descriptor of the lock file."""

    thread: threading.Thread
    sqlite: sqlite3.Connection
    #: Queues the threads of its process.
    writer: threading.Lock
    lock_file: int
    #: Those that it has open.
    files: _file.Files = ()
    #: False after a disk error: it is then discarded, as soon as its unit is undone.
    is_trusted: bool = True

    def acquire(self, timeout: float) -> None:
        """Wait for the right to write, among all threads and processes that use bankcore."""
        deadline = time.monotonic() + timeout
        if not self.writer.acquire(timeout=timeout):
            raise _busy(timeout)
        pause = _PAUSE_MAX / 16
        try:
            while True:
                try:
                    fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise _busy(timeout) from None
                    time.sleep(pause)
                    pause = min(2 * pause, _PAUSE_MAX)
                else:
                    return
        except BaseException as error:
            self.writer.release()
            if isinstance(error, OSError):
                reason = f"the lock file cannot be locked: {error.strerror}"
                raise StoreUnavailableError(reason) from error
            raise

    def release(self) -> None:
        try:
            # Closing the descriptor has given the lock file back.
            if self.lock_file != _CLOSED:
                fcntl.flock(self.lock_file, fcntl.LOCK_UN)
        finally:
            self.writer.release()

    @contextmanager
    def acquired(self, timeout: float) -> Iterator[sqlite3.Connection]:
        self.acquire(timeout)
        try:
            yield self.sqlite
        finally:
            self.release()


class _Process:
    """The connections of one process, and the lock that queues its threads."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.local = threading.local()
        self.connections: list[StoreConnection] = []
        self.connections_guard = threading.Lock()
        self.writer = threading.Lock()


# Connections that may be neither used nor closed, such as a parent's in its child: they are
# kept here so that not even garbage collection closes them.
_abandoned: list[_Process] = []

# Those of each store of this process. Not a WeakSet: that cannot be gone through while another
# thread adds to it, and a fork does not wait.
_instances: "set[weakref.ref[Connections]]" = set()

# The files that the parent had open in other threads when this process was forked from it. SQLite
# remembers for the whole process which locks it has on a file, and in the child it has none.
_open_in_parent: set[object] = set()
_OPEN_IN_PARENT: Final = (
    "this process was forked while another thread had the store open, and SQLite cannot be used in"
    " it for this file; fork before other threads use the store, or start the child with"
    " multiprocessing's spawn"
)


class Connections:
    """The connections to the file at *path*; `SQLiteStore` documents the arguments."""

    def __init__(
        self,
        path: str | bytes | os.PathLike[str],
        timeout: float,
        journal_mode: _settings.JournalMode | None,
        synchronous: _settings.Synchronous,
        *,
        create: bool,
    ) -> None:
        if sys.platform == "win32":
            raise StoreMisuseError("SQLiteStore needs a POSIX system, for its lock file")
        if sqlite3.sqlite_version_info < _SQLITE_VERSION_MIN:
            raise StoreMisuseError(
                f"SQLiteStore needs SQLite 3.37 or newer, and this is {sqlite3.sqlite_version}"
            )
        _settings.require_known(journal_mode, synchronous)
        if not (type(timeout) in {int, float} and 0 <= timeout <= TIMEOUT_MAX):
            raise StoreMisuseError(
                f"timeout must be a number of seconds from 0 to {TIMEOUT_MAX}, got {timeout!r}"
            )
        name = os.fsdecode(path)
        if name in {"", ":memory:"}:
            raise StoreFormatError(repr(name), "it names no file; MemoryStore keeps all in memory")
        # Absolute, so that a later change of directory does not lead to another file.
        self.path = os.path.abspath(name)
        self.timeout = timeout
        # None until the first connection has found out which one the file has.
        self._journal_mode = journal_mode
        self._synchronous = synchronous
        # Why nothing more may be done; None while all is well.
        self._stop_reason: str | None = None
        # After trouble with the disk, until SQLite has found the file sound.
        self._is_in_doubt = False
        self._process = _Process()
        self._process_guard = threading.Lock()
        _file.require_file(self.path, create=create)
        self._file_id = _file.files_at(self.path)[0]
        if self._file_id in _open_in_parent:
            raise StoreMisuseError(_OPEN_IN_PARENT)
        # True if the next fork leaves the child with connections of other threads.
        self._is_open_across_fork = False
        _instances.add(weakref.ref(self, _instances.discard))
        try:
            with _errors.storage_errors():
                _file.require_own(self.path, timeout)
                self._make_tables()
        except BaseException:
            for connection in self._process.connections:
                self._discard(connection)
            raise

    def close(self) -> None:
        process = self._current_process()
        self._stop_reason = "it is closed; open a new SQLiteStore"
        self._close_all(process)

    # -- Forks --

    def before_fork(self) -> None:
        """Close what this thread has open, so that parent and child each open their own anew."""
        process = self._current_process()
        this = threading.current_thread()
        self._is_open_across_fork = process.writer.locked() or any(
            each.thread is not this and each.thread.is_alive() for each in process.connections
        )
        if not self._is_open_across_fork:
            try:
                self._close_all(process)
            except BankError:  # others keep the lock: the connection stays
                self._is_open_across_fork = True

    def after_fork_in_child(self) -> None:
        if self._is_open_across_fork:
            _open_in_parent.add(self._file_id)
            self._stop_reason = _OPEN_IN_PARENT

    def _current_process(self) -> _Process:
        if self._process.pid != os.getpid():
            with self._process_guard:
                if self._process.pid != os.getpid():
                    _abandoned.append(self._process)
                    self._process = _Process()
        return self._process

    # -- Reading and writing --

    def current(self) -> StoreConnection:
        """Return this thread's connection, opened if there is none."""
        if self._stop_reason is not None:
            raise StoreMisuseError(self._stop_reason)
        process = self._process
        if process.pid != os.getpid():
            process = self._current_process()
        connection: StoreConnection | None = getattr(process.local, "connection", None)
        return self._opened(process) if connection is None else connection

    def read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        connection = self.current()
        try:
            return connection.sqlite.execute(statement, parameters).fetchall()
        except _errors.STORAGE_ERRORS as error:
            raise self._failed(connection, error) from error
        finally:
            if not connection.is_trusted:
                self._discard(connection)

    def lock(self) -> StoreConnection:
        """Return this thread's connection while nobody else may write; `unlock` must follow."""
        connection = self.current()
        connection.acquire(self.timeout)
        return connection

    def begin(self, connection: StoreConnection) -> None:
        """Begin a transaction that writes, on the files that were opened and are sound."""
        sqlite = connection.sqlite
        try:
            self._require_same_files()
            if self._is_in_doubt:
                ((found,),) = sqlite.execute("PRAGMA quick_check(1)").fetchall()
                if found != "ok":
                    raise StoreCorruptedError(f"after a disk error, SQLite reports: {found}")
                self._is_in_doubt = False
            sqlite.execute("BEGIN IMMEDIATE")
            # A file in WAL stays so while it is open here; any other can be changed by anybody.
            if self._journal_mode == "truncate" and _settings.mode_of(sqlite) != "truncate":
                self._stop_reason = (
                    f"the journal mode of {self.path} was changed while it was open, and nothing"
                    " more is written through this store; agree on one mode, then open a new one"
                )
                raise StoreMisuseError(self._stop_reason)
        except _errors.STORAGE_ERRORS as error:
            raise self._failed(connection, error) from error

    def run(
        self,
        connection: StoreConnection,
        function: Callable[[sqlite3.Connection, *_Ts], _T],
        *arguments: *_Ts,
    ) -> _T:
        """Return ``function(connection.sqlite, *arguments)``, with the errors translated."""
        try:
            return function(connection.sqlite, *arguments)
        except _errors.STORAGE_ERRORS as error:
            raise self._failed(connection, error) from error

    def commit(self, connection: StoreConnection) -> None:
        """Commit. Before this returns, nothing may be told to the caller."""
        try:
            connection.sqlite.execute("COMMIT")
        except BaseException as error:
            # Without WAL a commit first waits for all readers; then it has not begun.
            if (
                self._journal_mode == "truncate"
                and _errors.primary_code(error) == sqlite3.SQLITE_BUSY
                and connection.sqlite.in_transaction
            ):
                raise _busy(self.timeout) from error
            self._discard(connection)
            if isinstance(error, sqlite3.Error):
                self._is_in_doubt = True
                raise OutcomeUnknownError(f"SQLite said at the commit: {error}") from error
            raise

    def unlock(self, connection: StoreConnection) -> None:
        """Undo what was not committed, and let others write."""
        try:
            if not (_errors.roll_back(connection.sqlite) and connection.is_trusted):
                self._discard(connection)
        finally:
            connection.release()

    def _failed(self, connection: StoreConnection, error: Exception) -> BankError:
        if _errors.primary_code(error) in _errors.DISTRUSTED:
            self._is_in_doubt = True
            connection.is_trusted = False
        return _errors.translated(error)

    def _require_same_files(self) -> None:
        """Raise, and stop the store, unless the files at the path are those that were opened."""
        # SQLite goes on writing into files that were removed or replaced, where nobody finds it.
        process = self._process
        before = tuple(process.connections)
        found = _file.files_at(self.path)
        is_same = found[0] == self._file_id
        # Only those that were open all the while: other threads open and close theirs.
        for connection in set(before).intersection(process.connections):
            is_same = is_same and connection.files == found
        if is_same:
            return
        self._stop_reason = (
            f"{self.path}, or the -wal or -shm beside it, was removed or replaced while it was"
            " open, or its journal mode was changed, and nothing more is written through this"
            " store; see what happened to the files, then open a new one"
        )
        # To close a connection would remove the -wal at the path, now perhaps another's.
        with process.connections_guard:
            for connection in process.connections:
                _file.keep_open(connection.sqlite)
            _abandoned.append(process)
            self._process = _Process()
        raise StoreMisuseError(self._stop_reason)

    # -- Opening and closing --

    @_errors.storage_errors()
    def _opened(self, process: _Process) -> StoreConnection:
        """Return a new connection for this thread, and close those of threads that have ended."""
        self._require_same_files()
        options: dict[str, Any] = {"isolation_level": None}
        if sys.version_info >= (3, 12):
            options = {"autocommit": True}
        lock_file = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode=0o600)
        try:
            sqlite = sqlite3.connect(
                self.path, timeout=self.timeout, check_same_thread=False, **options
            )
        except BaseException:
            os.close(lock_file)
            raise
        this = threading.current_thread()
        connection = StoreConnection(this, sqlite, process.writer, lock_file)
        try:
            # Under the lock: switching a new file to WAL is not covered by SQLite's waiting.
            with connection.acquired(self.timeout):
                self._journal_mode = _settings.configure(
                    sqlite, self._journal_mode, self._synchronous
                )
                _file.tables_in(sqlite)  # the first read opens the log
                connection.files = _file.files_at(self.path)
                with process.connections_guard:
                    process.connections.append(connection)
                self._require_same_files()
        except BaseException:
            self._discard(connection)
            raise
        process.local.connection = connection
        for each in [each for each in process.connections if not each.thread.is_alive()]:
            with process.connections_guard:
                if each not in process.connections:
                    continue  # another thread has found it too
                process.connections.remove(each)
            self._close(each)
        return connection

    def _make_tables(self) -> None:
        connection = self.lock()
        sqlite = connection.sqlite
        try:
            sqlite.execute("BEGIN IMMEDIATE")
            if _file.tables_in(sqlite):
                # On a file that cannot be written, SQLite begins a transaction all the same, and
                # only a write fails. This one is not kept.
                sqlite.execute("UPDATE bankcore_schema SET version = version")
                sqlite.execute("ROLLBACK")
            else:
                migrate(sqlite)
                sqlite.execute("COMMIT")
        finally:
            self.unlock(connection)

    def _close_all(self, process: _Process) -> None:
        process.local = threading.local()
        while process.connections:
            self._close(process.connections[-1])
            process.connections.pop()

    def _close(self, connection: StoreConnection) -> None:
        # Under the lock: the last connection to close writes the log into the file.
        with _errors.storage_errors(), connection.acquired(self.timeout) as sqlite:
            sqlite.close()
        os.close(connection.lock_file)

    def _discard(self, connection: StoreConnection) -> None:
        """Close a connection that is not trusted any more; the next use opens a new one."""
        if connection.lock_file == _CLOSED:
            return
        process = self._process
        with process.connections_guard:
            process.connections = [each for each in process.connections if each is not connection]
        if getattr(process.local, "connection", None) is connection:
            del process.local.connection
        with suppress(sqlite3.Error):
            connection.sqlite.close()
        os.close(connection.lock_file)
        connection.lock_file = _CLOSED


def _busy(timeout: float) -> StoreUnavailableError:
    return StoreUnavailableError(
        f"others kept it busy for {timeout:g} s; try again, or open it with a longer timeout"
    )


def _for_all(act: Callable[[Connections], None]) -> None:
    for connections in [each for known in tuple(_instances) if (each := known()) is not None]:
        act(connections)


if sys.platform != "win32":
    os.register_at_fork(
        before=partial(_for_all, Connections.before_fork),
        after_in_child=partial(_for_all, Connections.after_fork_in_child),
    )
