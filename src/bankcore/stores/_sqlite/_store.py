"""
The store in one SQLite file: the embedded default.

Decided here: how connections are opened, trusted and given up, and how the contract is kept with
them. One writer at a time: a unit is ``BEGIN IMMEDIATE … COMMIT`` under an exclusive lock on
``<path>.lock``, which both queues the writers and keeps two connections of bankcore from writing
and checkpointing at once. What is read and written in a unit is in `_sqlite_rows`.

It touches its database file, SQLite's companions of it (``-wal`` and ``-shm``, or ``-journal``)
and the lock file, and nothing else. The database file is never opened but through SQLite: closing
any other descriptor of it would drop SQLite's locks for the whole process.
"""

import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Final, Self

import attrs

from bankcore.access import DENIALS_MAX, Denial, Token
from bankcore.access._errors import TokenNotFoundError
from bankcore.ledger import ReadSet, Snapshot, StoreDescription, WriteSet, require_limit
from bankcore.ledger import _codec as codec
from bankcore.ledger._errors import (
    OutcomeUnknownError,
    StoreCorruptedError,
    StoreFormatError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.stores._sqlite._backup import write_copy
from bankcore.stores._sqlite._errors import (
    DISTRUSTED,
    primary_code,
    roll_back,
    storage_errors,
    translated,
)
from bankcore.stores._sqlite._file import (
    Files,
    files_at,
    keep_open,
    require_file,
    require_own,
    tables_in,
)
from bankcore.stores._sqlite._migrations import migrate
from bankcore.stores._sqlite._reads import SQLiteReads
from bankcore.stores._sqlite._rows import (
    DELETE_OLD_DENIALS,
    INSERT_DENIAL,
    TOKEN_COLUMNS,
    denial_from,
    denial_row,
    snapshot_of,
    token_from,
    token_row,
    write,
)
from bankcore.stores._sqlite._settings import (
    SETTINGS,
    JournalMode,
    Synchronous,
    mode_of,
    require_known,
    set_up,
)
from bankcore.stores._sqlite._versions import warn_once
from bankcore.values._errors import BankError, shown
from bankcore.values._instants import to_microseconds

if sys.platform != "win32":
    import fcntl

#: The oldest SQLite that has STRICT tables.
SQLITE_VERSION_MIN: Final = (3, 37, 0)

#: The longest wait for others, in seconds: a day.
TIMEOUT_MAX: Final = 86_400

# The longest pause between two attempts at the lock file, in seconds.
_POLL_MAX: Final = 0.002


@attrs.define(eq=False)
class _Link:
    """
    One thread's connection, its own descriptor of the lock file, and the files it has open.
    """

    thread: threading.Thread
    connection: sqlite3.Connection
    lock_descriptor: int
    files: "Files" = ()


class _Process:
    """
    What belongs to one process: its links, and the lock that queues its threads.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.local = threading.local()
        self.links: list[_Link] = []
        self.links_guard = threading.Lock()
        self.writer = threading.Lock()


# The descriptor of a lock file that has none any more.
_CLOSED: Final = -1

# After a fork, the parent's connections may be neither used nor closed in the child: they
# are kept here so that not even garbage collection closes them.
_abandoned: list[_Process] = []

# The stores of this process that may have connections. Not a WeakSet: that cannot be gone
# through while another thread adds to it, and a fork does not wait.
_stores: "set[weakref.ref[_OwnConnections]]" = set()

# The files that the parent had open in other threads when this process was forked from it. SQLite
# remembers for the whole process which locks it has on a file, and in the child it has none.
_carried_over: set[object] = set()
_CARRIED_OVER: Final = (
    "this process was forked while another thread had the store open, and SQLite cannot be used in"
    " it for this file; fork before other threads use the store, or let the child begin anew, as"
    " multiprocessing's spawn does"
)


class _OwnConnections:
    """
    The connections to one file: one for each thread of each process, and who may write.
    """

    def __init__(
        self,
        path: str | bytes | os.PathLike[str],
        *,
        timeout: float = 30.0,
        create: bool = True,
        journal_mode: JournalMode | None = None,
        synchronous: Synchronous = "full",
    ) -> None:
        if sys.platform == "win32":
            raise StoreMisuseError("SQLiteStore needs a POSIX system, for its lock file")
        if sqlite3.sqlite_version_info < SQLITE_VERSION_MIN:
            raise StoreMisuseError(
                f"SQLiteStore needs SQLite 3.37 or newer, and this is {sqlite3.sqlite_version}"
            )
        require_known(journal_mode, synchronous)
        if not (type(timeout) in {int, float} and 0 <= timeout <= TIMEOUT_MAX):
            raise StoreMisuseError(
                f"timeout is a number of seconds from 0 to {TIMEOUT_MAX}, and not {timeout!r}"
            )
        name = os.fsdecode(path)
        if name in {"", ":memory:"}:
            raise StoreFormatError(repr(name), "it names no file; MemoryStore keeps all in memory")
        # Absolute, so that a later change of directory does not lead to another file.
        self._path = os.path.abspath(name)
        self._timeout = timeout
        # None until the first connection has found out which one the file has.
        self._journal_mode = journal_mode
        self._synchronous = synchronous
        self._is_closed = False
        # Why nothing more may be written through this store; None while all is well.
        self._stop_reason: str | None = None
        # After trouble with the disk, until SQLite has found the file sound.
        self._is_in_doubt = False
        self._process = _Process()
        self._process_guard = threading.Lock()
        require_file(self._path, create=create)
        self._file = files_at(self._path)[0]
        if self._file in _carried_over:
            raise StoreMisuseError(_CARRIED_OVER)
        #: Whether the next fork leaves the child with connections of other threads.
        self._is_carried_over = False
        _stores.add(weakref.ref(self, _stores.discard))
        try:
            with storage_errors():
                require_own(self._path, timeout)
                self._prepare()
            if self._journal_mode == "wal":
                warn_once(stacklevel=2)
        except BaseException:
            for link in self._process.links:
                self._discard(link)
            raise

    def __repr__(self) -> str:
        return f"SQLiteStore({self._path!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """
        Close every connection of this process. Closing twice is allowed.

        Call it when no other thread is using the store.
        """
        process = self._current_process()
        self._is_closed = True
        process.local = threading.local()
        while process.links:
            self._close(process.links[-1])
            process.links.pop()

    # -- Forks --

    def let_go_before_a_fork(self) -> None:
        """
        Close what this thread has open, so that parent and child each open their own anew.
        """
        process = self._current_process()
        this = threading.current_thread()
        self._is_carried_over = process.writer.locked() or any(
            link.thread is not this and link.thread.is_alive() for link in process.links
        )
        if self._is_carried_over:
            return
        process.local = threading.local()
        try:
            while process.links:
                self._close(process.links[-1])
                process.links.pop()
        except BankError:  # others keep the lock: the connection stays
            self._is_carried_over = True

    def begin_after_a_fork(self) -> None:
        """
        In the child: begin anew, or never.
        """
        if self._is_carried_over:
            _carried_over.add(self._file)
            self._stop_reason = _CARRIED_OVER

    # -- Connections --

    def _current_process(self) -> _Process:
        process = self._process
        if process.pid == os.getpid():
            return process
        with self._process_guard:
            if self._process.pid != os.getpid():
                _abandoned.append(self._process)
                self._process = _Process()
            return self._process

    def _link(self) -> _Link:
        """
        This thread's own connection.
        """
        if self._is_closed:
            raise StoreMisuseError("it is closed")
        if self._stop_reason is not None:
            raise StoreMisuseError(self._stop_reason)
        process = self._current_process()
        link: _Link | None = getattr(process.local, "link", None)
        if link is None:
            link = self._connected()
            self._drop_links_of_ended_threads(process)
            with process.links_guard:
                process.links.append(link)
            process.local.link = link
        return link

    def _connected(self) -> _Link:
        self._require_same_files()
        options: dict[str, Any] = {"isolation_level": None}
        if sys.version_info >= (3, 12):
            options = {"autocommit": True}
        descriptor = os.open(
            f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode=0o600
        )
        try:
            connection = sqlite3.connect(
                self._path, timeout=self._timeout, check_same_thread=False, **options
            )
        except BaseException:
            os.close(descriptor)
            raise
        link = _Link(threading.current_thread(), connection, descriptor)
        try:
            # Under the lock: switching a new file to WAL is not covered by SQLite's waiting.
            with self._writing(link):
                self._journal_mode = set_up(connection, self._journal_mode, self._synchronous)
                tables_in(connection)  # the first read opens the log
                link.files = files_at(self._path)
                self._require_same_files(link)
        except BaseException:
            self._discard(link)
            raise
        return link

    def _require_same_files(self, *new: _Link) -> None:
        """
        Passes where what is at the path is still what was opened; else nothing more is written.

        SQLite goes on writing into files that were removed or replaced, where nobody finds it.
        """
        process = self._current_process()
        before = tuple(process.links)
        found = files_at(self._path)
        # Only those that were open all the while: other threads open and close theirs.
        compared = {*new, *set(before).intersection(process.links)}
        if found[0] == self._file and all(each.files == found for each in compared):
            return
        self._stop_reason = (
            f"{self._path}, or the -wal or -shm beside it, was removed or replaced while it was"
            " open, or its journal mode was changed, and nothing more is written through this"
            " store; see what happened to the files, then open a new one"
        )
        # To close a connection would remove the -wal at the path, now perhaps another's.
        with process.links_guard:
            for each in (*new, *process.links):
                keep_open(each.connection)
            _abandoned.append(process)
            self._process = _Process()
        raise StoreMisuseError(self._stop_reason)

    def _begin(self, link: _Link) -> None:
        """
        Begin a unit that writes.
        """
        link.connection.execute("BEGIN IMMEDIATE")
        # A file in WAL is held so while it is open here; any other is changed by who likes to.
        if self._journal_mode == "truncate" and mode_of(link.connection) != "truncate":
            self._stop_reason = (
                f"the journal mode of {self._path} was changed while it was open, and nothing more"
                " is written through this store; agree on one mode, then open a new one"
            )
            raise StoreMisuseError(self._stop_reason)

    def _require_sound(self, link: _Link) -> None:
        """
        Passes where there was no trouble with the disk, or SQLite finds the file sound after it.
        """
        if not self._is_in_doubt:
            return
        ((found,),) = link.connection.execute("PRAGMA quick_check(1)").fetchall()
        if found != "ok":
            raise StoreCorruptedError(f"after trouble with the disk SQLite finds: {found}")
        self._is_in_doubt = False

    def _drop_links_of_ended_threads(self, process: _Process) -> None:
        for link in [link for link in process.links if not link.thread.is_alive()]:
            with process.links_guard:
                if link not in process.links:
                    continue  # another thread has found it too
                process.links.remove(link)
            self._close(link)

    def _close(self, link: _Link) -> None:
        # Under the lock: the last connection to close writes the log into the file.
        with storage_errors(), self._writing(link):
            link.connection.close()
        os.close(link.lock_descriptor)

    def _discard(self, link: _Link) -> None:
        """
        Close a connection that is not trusted any more; the next use opens a new one.
        """
        process = self._process
        with process.links_guard:
            process.links = [each for each in process.links if each is not link]
        if getattr(process.local, "link", None) is link:
            del process.local.link
        with suppress(sqlite3.Error):
            link.connection.close()
        os.close(link.lock_descriptor)
        link.lock_descriptor = _CLOSED

    @contextmanager
    def _writing(self, link: _Link) -> Iterator[None]:
        """
        The exclusive right to write, among the threads and processes that use bankcore.
        """
        deadline = time.monotonic() + self._timeout
        writer = self._process.writer
        if not writer.acquire(timeout=self._timeout):
            raise _busy(self._timeout)
        try:
            pause = _POLL_MAX / 16
            while not _try_lock(link.lock_descriptor):
                if time.monotonic() > deadline:
                    raise _busy(self._timeout)
                time.sleep(pause)
                pause = min(2 * pause, _POLL_MAX)
            try:
                yield
            finally:
                # A link that was discarded let go of the lock when it closed its descriptor.
                if link.lock_descriptor != _CLOSED:
                    fcntl.flock(link.lock_descriptor, fcntl.LOCK_UN)
        finally:
            writer.release()

    def _prepare(self) -> None:
        """
        Make the tables where there are none, and be sure that the file can be written.
        """
        link = self._link()
        connection = link.connection
        with self._writing(link):
            connection.execute("BEGIN IMMEDIATE")
            try:
                if tables_in(connection):
                    # On a file that cannot be written, SQLite begins a transaction all the
                    # same, and only a write fails. This one is not kept.
                    connection.execute("UPDATE bankcore_schema SET version = version")
                    connection.execute("ROLLBACK")
                    return
                migrate(connection)
                connection.execute("COMMIT")
            except BaseException:
                roll_back(connection)
                raise


class SQLiteStore(_OwnConnections, SQLiteReads):
    """
    An `AccountStore` in the SQLite file at *path*, made if there is none.

    Durable: what was acknowledged survives the end of the process, and of the machine
    if its disk obeys a flush. Safe to use from several threads and processes of one
    machine, on a local file system.

    Args:
        path: The file. Beside it SQLite keeps ``-wal`` and ``-shm``, and bankcore
            ``.lock``: the four belong together.
        timeout: How many seconds to wait for others before giving up, from 0 to 86,400.
        create: Whether to make the file where there is none.
        journal_mode: ``"wal"``, in which nobody who reads is in the way of who writes, or
            ``"truncate"``, in which a commit waits until nobody reads, and which the bug that
            `SQLiteWALWarning` tells of is not in. Without one the file keeps its own, and a new
            one gets WAL. A file in WAL can be changed only while nobody else has it open.
        synchronous: ``"full"`` or ``"extra"``, as SQLite names them: a commit returns once it is
            on the disk. There is nothing less.

    Raises:
        StoreFormatError: If the path is something else than a bankcore store, which is
            left untouched.
        SchemaVersionError: If a newer bankcore wrote it.
        StoreUnavailableError: If it cannot be opened for writing, or not in that mode.
        StoreMisuseError: If there is no such mode, or *timeout* is out of bounds.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        with storage_errors():
            link = self._link()
        connection = link.connection
        with self._writing(link):
            self._require_same_files()
            with self._undoing(link):
                self._require_sound(link)
                self._begin(link)
                snapshot, known = snapshot_of(connection, reads)
            try:
                written = decide(snapshot)
            except BaseException:
                self._give_up(link, None)
                raise
            if not written.records:
                self._give_up(link, None)
                return written
            with self._undoing(link):
                write(connection, snapshot, known, written)
            # Nothing is told to the caller before this has returned cleanly.
            self._commit(link)
            return written

    def _commit(self, link: _Link) -> None:
        try:
            link.connection.execute("COMMIT")
        except BaseException as error:
            if self._is_refused(link, error):
                self._give_up(link, None)
                raise _busy(self._timeout) from error
            self._discard(link)
            if isinstance(error, sqlite3.Error):
                self._is_in_doubt = True
                raise OutcomeUnknownError(f"SQLite said at the commit: {error}") from error
            raise

    def _is_refused(self, link: _Link, error: BaseException) -> bool:
        """
        Whether the commit has certainly not begun: without WAL it first waits for who reads.
        """
        return (
            self._journal_mode == "truncate"
            and isinstance(error, sqlite3.Error)
            and primary_code(error) == sqlite3.SQLITE_BUSY
            and link.connection.in_transaction
        )

    @contextmanager
    def _undoing(self, link: _Link) -> Iterator[None]:
        """
        Undoes the open unit if anything in it fails, which is certain before the commit.
        """
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._give_up(link, error)
            raise translated(error) from error
        except BaseException:
            self._give_up(link, None)
            raise

    def _give_up(self, link: _Link, error: Exception | None) -> None:
        is_clean = roll_back(link.connection)
        if error is not None and primary_code(error) in DISTRUSTED:
            self._distrust(link)
        elif not is_clean:
            self._discard(link)

    def _distrust(self, link: _Link) -> None:
        self._is_in_doubt = True
        self._discard(link)

    def backup(self, path: str | bytes | os.PathLike[str]) -> None:
        """
        Write a copy of the whole store to *path*, while it is in use.

        The copy is of one moment, and nobody waits for it. It appears at *path* only when all
        of it is on the disk, readable by its owner alone. Open it like any store.

        Raises:
            StoreMisuseError: If there is something at *path*, or what would be taken for a part
                of the copy beside it. It is left as it is.
            StoreUnavailableError: If the copy cannot be written. None appears.
        """
        target = os.fsdecode(path)
        if "\0" in target or target in {"", ":memory:"}:
            raise StoreMisuseError(f"{shown(target)} names no file for a copy")
        with storage_errors():
            write_copy(self._link().connection, os.path.abspath(target))

    def describe(self) -> StoreDescription:
        """
        The engine, its settings as read back from this thread's connection, what survives what.
        """
        return self._described(
            SETTINGS,
            self._path,
            "what was acknowledged survives the end of the process, and a power loss if the disk"
            " obeys a flush",
        )

    # -- What is kept apart --

    def record_denial(self, denial: Denial) -> None:
        self._written_apart(
            (INSERT_DENIAL, denial_row(denial)), (DELETE_OLD_DENIALS, (DENIALS_MAX,))
        )

    def denials(self, *, limit: int = 1000) -> Sequence[Denial]:
        require_limit(limit)
        rows = self._read(
            "SELECT principal, action, account_ids, code, denied_at, request_id,"
            " unwritten_before FROM bankcore_denial ORDER BY key DESC LIMIT ?",
            (limit,),
        )
        with codec.reading("a denial"):
            return tuple(map(denial_from, rows))

    def add_token(self, token: Token) -> None:
        insert = f"INSERT INTO bankcore_token ({TOKEN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._written_apart((insert, token_row(token)))

    def token(self, token_id: str) -> Token:
        rows = self._read(f"SELECT {TOKEN_COLUMNS} FROM bankcore_token WHERE id = ?", (token_id,))
        if not rows:
            raise TokenNotFoundError(shown(token_id))
        return token_from(rows[0])

    def tokens(self, *, after: str = "", limit: int = 1000) -> Sequence[Token]:
        require_limit(limit)
        rows = self._read(
            f"SELECT {TOKEN_COLUMNS} FROM bankcore_token WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return tuple(map(token_from, rows))

    def revoke_token(self, token_id: str, revoked_at: datetime) -> None:
        changed = self._written_apart(
            (
                "UPDATE bankcore_token SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?",
                (to_microseconds(revoked_at), token_id),
            )
        )
        if not changed:
            raise TokenNotFoundError(shown(token_id))

    def _written_apart(self, *statements: tuple[str, Sequence[object]]) -> int:
        """
        Run *statements* in a unit of their own; how many rows the first one changed.
        """
        with storage_errors():
            link = self._link()
        with self._writing(link):
            self._require_same_files()
            with self._undoing(link):
                self._require_sound(link)
                self._begin(link)
                changed = [
                    link.connection.execute(statement, parameters).rowcount
                    for statement, parameters in statements
                ]
            self._commit(link)
        return changed[0]

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        with storage_errors():
            link = self._link()
            try:
                return link.connection.execute(statement, parameters).fetchall()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                if primary_code(error) in DISTRUSTED:
                    self._distrust(link)
                raise


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StoreUnavailableError(f"the lock file cannot be locked: {error.strerror}") from error
    return True


def _busy(timeout: float) -> StoreUnavailableError:
    return StoreUnavailableError(f"others kept it busy for {timeout:g} s")


def _stores_now() -> list[_OwnConnections]:
    return [store for known in tuple(_stores) if (store := known()) is not None]


def _before_a_fork() -> None:
    for store in _stores_now():
        store.let_go_before_a_fork()


def _after_a_fork() -> None:
    for store in _stores_now():
        store.begin_after_a_fork()


if sys.platform != "win32":
    os.register_at_fork(before=_before_a_fork, after_in_child=_after_a_fork)
