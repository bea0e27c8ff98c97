"""
The connections of a store to its own SQLite file: the store owns them, and threads borrow them.

Decided here: one connection writes and a few read, in which order they are opened, lent, closed
and forked over, and when a connection or the file is no longer trusted. A unit is `begin`, what
uses SQLite, `commit`, and `end`; whatever was raised in between, and wherever, `recover` undoes
what was not committed. All of these are for the thread that leads (`bankcore.stores._group`), and
for one at a time; `read` is for any.

One writer at a time: a unit is ``BEGIN IMMEDIATE … COMMIT`` under an exclusive lock on
``<path>.lock``, which both queues the writers and keeps two connections of bankcore from writing
and checkpointing at once. A connection that reads is opened after the writer and closed before it,
so that it is never the one that recovers or checkpoints.
"""

import errno
import io
import os
import re
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, Final, NoReturn, TypeVar, cast

from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.ledger._errors import (
    OutcomeUnknownError,
    StoreCorruptedError,
    StoreFormatError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.stores._group import Groups, busy, let_go, require_timeout
from bankcore.stores._rows import Known
from bankcore.stores._sqlite import _errors, _file, _settings
from bankcore.stores._sqlite._migrations import migrate, newest_version, version_in
from bankcore.values._errors import BankError, path_text

if sys.platform != "win32":
    import fcntl

_URL: Final = re.compile("[a-z][a-z0-9+.-]*://", re.IGNORECASE)

# The oldest SQLite that has STRICT tables.
_SQLITE_VERSION_MIN: Final = (3, 37, 0)

# The longest pause between two attempts at the lock file, in seconds.
_PAUSE_MAX: Final = 0.002

# How many connections read at once; more threads take turns.
_READERS: Final = 4

# How many accounts are known at most, before all are forgotten.
_KNOWN_MAX: Final = 4096

_CLOSED: Final = "it is closed; open a new SQLiteStore"

# The files that the parent had open when this process was forked from it. SQLite remembers for the
# whole process which locks it has on a file, and in the child it has none.
_open_in_parent: set[object] = set()
_OPEN_IN_PARENT: Final = (
    "this process was forked while its parent was in the middle of using the store, and SQLite"
    " cannot be used in it for this file; fork outside of units and long reads, or start the child"
    " with multiprocessing's spawn"
)

_T = TypeVar("_T")
_Transact = Callable[["Connections", ReadSet, Callable[[Snapshot], WriteSet]], WriteSet]


class _Reader:
    """A connection that reads, for one thread at a time. Its lock knows who has it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.sqlite: sqlite3.Connection | None = None
        self.is_reading = False


class Connections:
    """The connections to the file at *path*; `SQLiteStore` documents the arguments."""

    def __init__(
        self,
        path: str | bytes | os.PathLike[str],
        timeout: float,
        journal_mode: _settings.JournalMode | None,
        synchronous: _settings.Synchronous,
        transact: _Transact,
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
        require_timeout(timeout)
        name = path_text(path)
        if name in {"", ":memory:"}:
            raise StoreFormatError(repr(name), "it names no file; MemoryStore keeps all in memory")
        url = _URL.match(name)
        if url is not None:
            # The rest of it may have a password.
            raise StoreFormatError(
                f"{url[0]}…",
                "it names no file; give its path alone, or a database of PostgreSQL to"
                " PostgresStore",
            )
        self.path = _file.real_path(name)
        self.timeout = timeout
        # None until the first connection has found out which one the file has.
        self._journal_mode = journal_mode
        self._synchronous = synchronous
        self._transact = transact
        # Why nothing more may be done; None while all is well.
        self._stop_reason: str | None = None
        # After trouble with the disk, until SQLite has found the file sound.
        self._is_in_doubt = False
        self._start_anew()
        _file.require_file(self.path, create=create)
        self._watch = _file.Watch(self.path)
        if self._watch.file_id in _open_in_parent:
            raise StoreMisuseError(_OPEN_IN_PARENT)
        # True while nothing is open, so that a fork may come; None while none is coming.
        self._is_ready_to_fork: bool | None = None
        _Forks.add(self)
        try:
            self.groups.alone(self._make_tables)
        except BaseException:
            self._stop_reason = _CLOSED
            self._close_everything()
            raise

    def _start_anew(self) -> None:
        self._pid = os.getpid()
        self.groups = Groups(partial(self._transact, self), self.recover, self.timeout)
        self._writer: sqlite3.Connection | None = None
        # What the writer knows of accounts, and SQLite's count of the commits of others then.
        self.known = Known.nothing()
        self._known_at: int | None = None
        self._is_trusted = True
        self._lock_file: io.FileIO | None = None
        self._readers = [_Reader() for _ in range(_READERS)]

    def close(self) -> None:
        self._require_own_process()
        self._stop_reason = self._stop_reason or _CLOSED
        self.groups.alone(partial(self._with_readers, self._close_under_lock))

    def _require_usable(self) -> None:
        self._require_own_process()
        if self._stop_reason is not None:
            raise StoreMisuseError(self._stop_reason)

    def _require_own_process(self) -> None:
        if self._pid != os.getpid():
            # A fork of which Python was not told.
            self.after_fork_in_child()

    # -- Reading --

    def read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        """Return the rows that *statement* selects."""
        return self.reading(lambda sqlite: sqlite.execute(statement, parameters).fetchall())

    def reading(self, function: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return what *function* gives, called with a connection that reads."""
        try:
            reader, sqlite = self._lend()
            reader.is_reading = True
            found = function(sqlite)
            reader.is_reading = False
            reader.lock.release()
        except BaseException as error:  # noqa: BLE001  # it is raised again
            self._give_up_reading()
            self.raise_told(error)
        return found

    def _lend(self) -> tuple[_Reader, sqlite3.Connection]:
        while True:
            self._require_usable()
            if self._writer is None:
                self.groups.alone(self._open_writer_apart)
            reader = self._free_reader()
            # Only now, as whoever closes or forks has all of them, and has closed the writer too.
            if self._writer is not None:
                break
            reader.lock.release()
        sqlite = reader.sqlite
        if sqlite is None:
            sqlite = reader.sqlite = self._connected()
        return reader, sqlite

    def _free_reader(self) -> _Reader:
        ends = time.monotonic() + self.timeout
        while True:
            readers = self._readers
            for reader in readers:
                if reader.lock.acquire(blocking=False):
                    return reader
            left = ends - time.monotonic()
            if left <= 0:
                raise busy(self.timeout)
            # Some wait for one and some for another.
            reader = readers[threading.get_ident() // 4096 % len(readers)]
            if reader.lock.acquire(timeout=min(left, 0.05)):
                return reader

    def _give_up_reading(self) -> None:
        for reader in self._readers:
            if reader.lock.acquire(blocking=False):
                if reader.is_reading:
                    self._close_reader(reader)
                let_go(reader.lock)

    def _with_readers(self, work: Callable[[], None]) -> None:
        """Run *work*, of a thread that leads, while nobody reads."""
        readers, ends = self._readers, time.monotonic() + self.timeout
        try:
            for reader in readers:
                if not reader.lock.acquire(timeout=max(0.0, ends - time.monotonic())):
                    raise busy(self.timeout)
            work()
        finally:
            for reader in readers:
                let_go(reader.lock)

    # -- Writing --

    def begin(self) -> sqlite3.Connection:
        """
        Return the connection that writes, in a new transaction, while nobody else may write.

        The files are those that were opened, and sound.
        """
        self._require_usable()
        self._lock()
        sqlite = self._open_writer()
        self._require_same_files()
        if self._is_in_doubt:
            ((found,),) = sqlite.execute("PRAGMA quick_check(1)").fetchall()
            if found != "ok":
                raise StoreCorruptedError(f"after a disk error, SQLite reports: {found}")
            self._is_in_doubt = False
        sqlite.execute("BEGIN IMMEDIATE")
        ((known_at,),) = sqlite.execute("PRAGMA data_version").fetchall()
        if known_at != self._known_at or len(self.known.accounts) > _KNOWN_MAX:
            self.known, self._known_at = Known.nothing(), known_at
        # A file in WAL stays so while it is open here; any other can be changed by anybody.
        if self._journal_mode == "truncate" and _settings.mode_of(sqlite) != "truncate":
            raise self._stopped(
                f"the journal mode of {self.path} was changed while it was open, and nothing"
                " more is written through this store; agree on one mode, then open a new one"
            )
        return sqlite

    def commit(self, sqlite: sqlite3.Connection) -> None:
        """Commit. Before this returns, nothing may be told to the caller."""
        try:
            sqlite.execute("COMMIT")
        except sqlite3.Error as error:
            code = _errors.primary_code(error)
            # Without WAL a commit first waits for all readers; then it has not begun.
            if (
                self._journal_mode == "truncate"
                and code == sqlite3.SQLITE_BUSY
                and sqlite.in_transaction
            ):
                raise busy(self.timeout) from error
            self._is_trusted, self._is_in_doubt = False, True
            if code == sqlite3.SQLITE_FULL:
                # Not all of it could be written, and so it is not a commit to anybody.
                raise _errors.translated(error) from error
            raise OutcomeUnknownError(f"SQLite said at the commit: {error}") from error

    def end(self, sqlite: sqlite3.Connection) -> None:
        """End the unit: what it did not commit is undone, and others may write."""
        if sqlite.in_transaction:
            sqlite.execute("ROLLBACK")
        self._unlock()

    def recover(self) -> None:
        """Undo what was not committed, wherever it stopped, and let others write. Never raises."""
        sqlite = self._writer
        if sqlite is not None and not (_errors.roll_back(sqlite) and self._is_trusted):
            self._close_writer()
        self._is_trusted = True
        # What is known may be of what was undone, or of the time before a fork.
        self._known_at = None
        self._unlock()

    def write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Return ``work(sqlite)``, run in a transaction of its own, and committed."""
        return self.groups.alone(partial(self._write, work))

    def _write(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            sqlite = self.begin()
            found = work(sqlite)
            self.commit(sqlite)
            self.end(sqlite)
        except _errors.STORAGE_ERRORS as error:
            self.raise_told(error)
        return found

    def raise_told(self, error: BaseException) -> NoReturn:
        """Raise bankcore's error for one of SQLite or the system; any other as it is."""
        if not _errors.is_storage(error):
            raise error
        code = _errors.primary_code(error)
        if code in _errors.DISTRUSTED:
            self._is_in_doubt, self._is_trusted = True, False
        if code == sqlite3.SQLITE_BUSY and not self._can_lock():
            reason = "its file system has no locks (any more); SQLite needs them"
            raise StoreUnavailableError(reason) from error
        raise _errors.translated(cast("Exception", error)) from error

    # -- The lock file --

    def _lock(self) -> None:
        """Wait for the right to write, among all processes that use bankcore."""
        if self._lock_file is None or self._lock_file.closed:
            name = f"{self.path}.lock"
            try:
                self._lock_file = io.FileIO(name, "ab", opener=partial(os.open, mode=0o600))
            except OSError as error:
                self.raise_told(error)
        ends, pause = None, _PAUSE_MAX / 16
        while True:
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                now = time.monotonic()
                ends = now + self.timeout if ends is None else ends
                if now >= ends:
                    raise busy(self.timeout) from None
                time.sleep(pause)
                pause = min(2 * pause, _PAUSE_MAX)
            except OSError as error:
                if error.errno is None:  # raised by a signal handler
                    raise
                reason = f"the lock file cannot be locked: {error.strerror}"
                raise StoreUnavailableError(reason) from error
            else:
                return

    def _unlock(self) -> None:
        if self._lock_file is not None and not self._lock_file.closed:
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)
            except OSError:
                # To close it unlocks it too.
                self._close_lock_file()

    def _close_lock_file(self) -> None:
        if self._lock_file is not None:
            with suppress(OSError):
                self._lock_file.close()
            # Not before: the traceback of an interruption would keep it open, and locked.
            self._lock_file = None

    def _can_lock(self) -> bool:
        """Return False if locks like SQLite's fail here; SQLite says then that it is busy."""
        try:
            with io.FileIO(f"{self.path}.lock", "r+") as file:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno != errno.ENOLCK
        return True

    # -- Opening and closing --

    def _make_tables(self) -> None:
        try:
            _file.require_own(self.path, self.timeout)
            self._lock()
            sqlite = self._open_writer()
            sqlite.execute("BEGIN IMMEDIATE")
            if version_in(sqlite) == newest_version():
                # On a file that cannot be written, SQLite begins a transaction all the same, and
                # only a write fails. This one is not kept.
                sqlite.execute("UPDATE bankcore_schema SET version = version")
            else:
                migrate(sqlite)
                sqlite.execute("COMMIT")
            self.end(sqlite)
        except _errors.STORAGE_ERRORS as error:
            self.raise_told(error)

    def _open_writer_apart(self) -> None:
        self._require_usable()
        self._lock()
        self._open_writer()
        self._unlock()

    def _open_writer(self) -> sqlite3.Connection:
        """Return the connection that writes, opened under the lock if it is not."""
        sqlite = self._writer
        if sqlite is None:
            # Under the lock: switching a new file to WAL is not covered by SQLite's waiting.
            self._writer = sqlite = self._connected()
        return sqlite

    def _connected(self) -> sqlite3.Connection:
        if self._open_connections():
            self._require_same_files()
        options: dict[str, Any] = {"isolation_level": None}
        if sys.version_info >= (3, 12):
            options = {"autocommit": True}
        sqlite: sqlite3.Connection = sqlite3.connect(
            self.path, timeout=self.timeout, check_same_thread=False, **options
        )
        try:
            self._journal_mode = _settings.configure(
                sqlite, self._journal_mode, self._synchronous, self._can_lock
            )
            _file.tables_in(sqlite)  # the first read opens the log
            self._require_same_files()
        except BaseException:
            _close(sqlite)
            raise
        return sqlite

    def _require_same_files(self) -> None:
        """Raise, and stop the store, unless the files at the path are those that were opened."""
        # SQLite goes on writing into files that were removed or replaced, where nobody finds it.
        try:
            difference = self._watch.difference()
        except StoreMisuseError as error:  # a second name
            self._stop_reason = error.reason
            raise
        if difference is None:
            return
        # To close a connection would remove the -wal at the path, now perhaps another's.
        self._abandon()
        raise self._stopped(difference)

    def _abandon(self) -> None:
        """Leave what is open as it is for ever: it may be neither used nor closed."""
        for sqlite in self._open_connections():
            _file.keep_open(sqlite)
        self._writer = None
        for reader in self._readers:
            reader.sqlite = None

    def _stopped(self, reason: str) -> StoreMisuseError:
        self._stop_reason = reason
        return StoreMisuseError(reason)

    def _open_connections(self) -> list[sqlite3.Connection]:
        every = chain([self._writer], (reader.sqlite for reader in self._readers))
        return [sqlite for sqlite in every if sqlite is not None]

    def _close_under_lock(self) -> None:
        if self._open_connections():
            # The last connection to close writes the log into the file.
            self._lock()
        self._close_everything()

    def _close_everything(self) -> None:
        for reader in self._readers:
            self._close_reader(reader)
        self._close_writer()
        self._close_lock_file()

    def _close_reader(self, reader: _Reader) -> None:
        self._close_connection(reader.sqlite)
        reader.sqlite, reader.is_reading = None, False

    def _close_writer(self) -> None:
        self._close_connection(self._writer)
        self._writer = None

    def _close_connection(self, sqlite: sqlite3.Connection | None) -> None:
        if sqlite is not None:
            # The last one to close removes the log. Forgotten before, as others may open a new
            # one right after.
            if self._open_connections() == [sqlite]:
                self._watch.forget()
            _close(sqlite)

    def close_unused(self) -> None:
        """Close everything of a store that nobody has any more."""
        if self._pid == os.getpid() and self._stop_reason is None:
            try:
                # Whoever else has the lock has the file open, and is the last to close it.
                with suppress(OSError):
                    if self._lock_file is not None:
                        fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._close_everything()
            finally:
                self._close_lock_file()

    # -- Forks --

    def before_fork(self) -> None:
        """Wait for the unit that is under way, and close all: both sides open their own anew."""
        self._is_ready_to_fork = False
        with suppress(BankError):  # then it is not ready
            try:
                self.groups.hold()
                self._with_readers(self._close_under_lock)
                self._is_ready_to_fork = True
            finally:
                if not self._is_ready_to_fork:
                    self.groups.let_go()

    def after_fork_in_parent(self) -> None:
        if self._is_ready_to_fork:
            self.groups.let_go()
        self._is_ready_to_fork = None

    def after_fork_in_child(self) -> None:
        is_ready = self._is_ready_to_fork
        # None where Python was not told of the fork before it.
        if is_ready is False or (is_ready is None and self._open_connections()):
            _open_in_parent.add(self._watch.file_id)
            self._abandon()
        if self._watch.file_id in _open_in_parent:
            self._stop_reason = _OPEN_IN_PARENT
        # The lock stays the parent's: to close a copy of its descriptor releases nothing.
        self._close_lock_file()
        self._is_ready_to_fork = None
        self._start_anew()


def _close(sqlite: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        sqlite.close()


class _Forks:
    """All stores of this process, for a fork to ask."""

    lock = threading.RLock()
    known: "list[weakref.ref[Connections]]" = []  # noqa: RUF012  # one list for the process

    @classmethod
    def add(cls, connections: Connections) -> None:
        with cls.lock:
            cls.known[:] = [each for each in cls.known if each() is not None]
            cls.known.append(weakref.ref(connections))

    @classmethod
    def tell(cls, act: Callable[[Connections], None]) -> None:
        for each in list(cls.known):
            connections = each()
            if connections is not None:
                act(connections)

    @classmethod
    def before(cls) -> None:
        cls.lock.acquire()
        cls.tell(Connections.before_fork)

    @classmethod
    def in_parent(cls) -> None:
        cls.tell(Connections.after_fork_in_parent)
        let_go(cls.lock)

    @classmethod
    def in_child(cls) -> None:
        cls.lock = threading.RLock()
        cls.tell(Connections.after_fork_in_child)


if sys.platform != "win32":
    os.register_at_fork(
        before=_Forks.before, after_in_parent=_Forks.in_parent, after_in_child=_Forks.in_child
    )
