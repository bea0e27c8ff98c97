"""
The store in one SQLite file: the embedded default.

Decided here: how the contract is kept on SQLite: which settings, which locks, which
statements, and which of SQLite's errors means what. One writer at a time: a unit is
``BEGIN IMMEDIATE … COMMIT`` under an exclusive lock on ``<path>.lock``, which both
queues the writers and keeps two connections of bankcore from writing and
checkpointing at once. What the tables look like is in `_sqlite_schema`, how values
are written in `_codec`.

It touches its database file, SQLite's companions of it (``-wal`` and ``-shm``, or ``-journal``)
and the lock file, and nothing else. The database file is never opened but through SQLite: closing
any other descriptor of it would drop SQLite's locks for the whole process.
"""

import os
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import chain, count, groupby
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote

import attrs

from bankcore.access import Principal
from bankcore.account import Account, AccountStatus, Hold, Holder, Restriction
from bankcore.chain import GENESIS, linked
from bankcore.commands import Reverse
from bankcore.currency import Currency
from bankcore.errors import (
    AccountNotFoundError,
    BankError,
    InvalidCursorError,
    OutcomeUnknownError,
    StoreCorruptedError,
    StoreFormatError,
    StoreMisuseError,
    StoreUnavailableError,
    TokenNotFoundError,
    TransactionNotFoundError,
    shown,
)
from bankcore.ids import AccountId, PrincipalId, TransactionId
from bankcore.instants import from_microseconds, to_microseconds
from bankcore.money import Money
from bankcore.store import (
    DENIALS_MAX,
    Cursor,
    Denial,
    Page,
    ReadSet,
    Snapshot,
    StoreDescription,
    Token,
    WriteSet,
    require_limit,
    touched_accounts,
)
from bankcore.stores import _codec as codec
from bankcore.stores._sqlite_audit import table_errors
from bankcore.stores._sqlite_backup import write_copy
from bankcore.stores._sqlite_settings import (
    SETTINGS,
    JournalMode,
    Synchronous,
    mode_of,
    require_known,
    set_up,
)
from bankcore.stores._sqlite_versions import warn_once, warnings_of
from bankcore.stores.schema import migrate, require_newest, version_in
from bankcore.transaction import Posting, Refusal, Transaction

if sys.platform != "win32":
    import fcntl

#: The oldest SQLite that has STRICT tables.
SQLITE_VERSION_MIN: Final = (3, 37, 0)

# How many ids one SELECT asks for; SQLite's oldest limit is 999 parameters.
_IDS_PER_SELECT: Final = 500

# The smallest SQLite database is one page of this many bytes.
_SQLITE_FILE_MIN: Final = 512

# No account has had more transactions; with a page added it is still an integer of SQLite.
_VERSION_MAX: Final = 2**62

# The longest pause between two attempts at the lock file, in seconds.
_POLL_MAX: Final = 0.002

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# After these a connection is not trusted again.
_DISTRUSTED: Final = _DAMAGED | {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_PROTOCOL,
}

_RECORD_COLUMNS: Final = (
    "j.place, j.transaction_id, j.command_kind, j.command, j.principal, j.recorded_at,"
    " j.refusal_code, j.refusal_facts, a.id, a.currency, a.exponent, p.amount_minor,"
    " p.balance_minor, p.held_minor, p.overdraft_limit_minor, p.version, j.refusal_batch"
)
_RECORDS: Final = (
    f"SELECT {_RECORD_COLUMNS} FROM bankcore_journal j"
    " LEFT JOIN bankcore_posting p ON p.place = j.place"
    " LEFT JOIN bankcore_account a ON a.key = p.account_key"
)
_ACCOUNT_COLUMNS: Final = (
    "a.key, a.id, a.currency, a.exponent, a.balance_minor, a.held_minor,"
    " a.overdraft_limit_minor, a.status, a.version, a.last_booked_at, a.restriction,"
    " a.restriction_reason, a.restriction_ends_at, a.holders, a.chain_hash"
)
_HOLD_COLUMNS: Final = "h.id, h.amount_minor, h.captured_minor, h.expires_at, h.description"
# An account and its holds in one statement, so that both are of one moment.
_ACCOUNTS: Final = (
    f"SELECT {_ACCOUNT_COLUMNS}, {_HOLD_COLUMNS} FROM bankcore_account a"
    " LEFT JOIN bankcore_hold h ON h.account_key = a.key"
)


# Which file is at the path, and which at that of its log: device and inode, None for none.
_Files = tuple[tuple[int, int] | None, tuple[int, int] | None]


@attrs.define(eq=False)
class _Link:
    """
    One thread's connection, its own descriptor of the lock file, and the files it has open.
    """

    thread: threading.Thread
    connection: sqlite3.Connection
    lock_descriptor: int
    files: "_Files" = (None, None)


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
        _require_file(self._path, create=create)
        self._file = _files_at(self._path)[0]
        try:
            with _storage_errors():
                _require_own(self._path, timeout)
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
                _tables(connection)  # the first read opens the log
                link.files = _files_at(self._path)
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
        found = _files_at(self._path)
        process = self._current_process()
        links = (*new, *process.links)
        if found[0] == self._file and all(each.files == found for each in links):
            return
        self._stop_reason = (
            f"{self._path} or the -wal beside it was removed or replaced while it was open, or its"
            " journal mode was changed, and nothing more is written through this store; see what"
            " happened to the files, then open a new one"
        )
        # To close a connection would remove the -wal at the path, now perhaps another's.
        with process.links_guard:
            for each in links:
                _keep_open(each.connection)
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
        with _storage_errors(), self._writing(link):
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
                if _tables(connection):
                    # On a file that cannot be written, SQLite begins a transaction all the
                    # same, and only a write fails. This one is not kept.
                    connection.execute("UPDATE bankcore_schema SET version = version")
                    connection.execute("ROLLBACK")
                    return
                migrate(connection)
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise


class SQLiteReads:
    """
    The reading half of the contract, on whatever connection `_read` asks.
    """

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        raise NotImplementedError

    def _described(self, names: Iterable[str], location: str, durability: str) -> StoreDescription:
        ((version,),) = self._read("SELECT version FROM bankcore_schema", ())
        settings = {name: self._read(f"PRAGMA {name}", ())[0][0] for name in names}
        is_wal = settings["journal_mode"] == "wal"
        return StoreDescription(
            engine=f"SQLite {sqlite3.sqlite_version}",
            location=location,
            schema_version=version,
            durability=durability,
            settings=settings,
            warnings=warnings_of(sqlite3.sqlite_version_info) if is_wal else (),
        )

    def account(self, account_id: AccountId) -> Account:
        rows = self._read(f"{_ACCOUNTS} WHERE a.id = ? ORDER BY h.key", (account_id.value,))
        for *_, account in _accounts(rows):
            return account
        raise AccountNotFoundError(account_id)

    def accounts(self, *, after: AccountId | None = None, limit: int = 1000) -> Sequence[Account]:
        require_limit(limit)
        first = "" if after is None else after.value
        rows = self._read(
            f"{_ACCOUNTS} WHERE a.key IN (SELECT key FROM bankcore_account WHERE id > ?"
            " ORDER BY id LIMIT ?) ORDER BY a.id, h.key",
            (first, limit),
        )
        return tuple(account for *_, account in _accounts(rows))

    def outcome(self, transaction_id: TransactionId) -> Transaction | Refusal:
        rows = self._read(
            f"{_RECORDS} WHERE j.transaction_id = ? ORDER BY p.line", (transaction_id.value,)
        )
        for record in _records(rows):
            return record
        raise TransactionNotFoundError(transaction_id)

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        require_limit(limit)
        place = 0 if after is None else _place(after)
        rows = self._read(
            f"{_RECORDS} WHERE j.place > ? AND j.place <= ("
            " SELECT max(place) FROM (SELECT place FROM bankcore_journal WHERE place > ?"
            " ORDER BY place LIMIT ?)) ORDER BY j.place, p.line",
            (place, place, limit),
        )
        if not rows:
            return Page((), after)
        return Page(tuple(_records(rows)), Cursor(str(rows[-1][0])))

    def history(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        require_limit(limit)
        first = min(max(after, 0), _VERSION_MAX)
        rows = self._read(
            f"{_RECORDS} WHERE j.place IN (SELECT p.place FROM bankcore_posting p"
            " JOIN bankcore_account a ON a.key = p.account_key"
            " WHERE a.id = ? AND p.version > ? AND p.version <= ?) ORDER BY j.place, p.line",
            (account_id.value, first, first + limit),
        )
        if not rows:
            self.account(account_id)
        found = tuple(_records(rows))
        with codec.reading(f"the history of account {account_id}"):
            return sorted(
                (record for record in found if isinstance(record, Transaction)),
                key=lambda transaction: transaction.posting(account_id).version,
            )

    def chain_head(self, account_id: AccountId) -> tuple[int, bytes]:
        rows = self._read(
            "SELECT version, chain_hash FROM bankcore_account WHERE id = ?", (account_id.value,)
        )
        for version, head in rows:
            return version, head
        raise AccountNotFoundError(account_id)

    def chain_hashes(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[bytes]:
        require_limit(limit)
        first = min(max(after, 0), _VERSION_MAX)
        rows = self._read(
            "SELECT p.chain_hash FROM bankcore_posting p"
            " JOIN bankcore_account a ON a.key = p.account_key"
            " WHERE a.id = ? AND p.version > ? AND p.version <= ? ORDER BY p.version",
            (account_id.value, first, first + limit),
        )
        if not rows:
            self.account(account_id)
        return [chain_hash for (chain_hash,) in rows]

    def posting_at(self, account_id: AccountId, instant: datetime) -> Posting | None:
        # Times never fall along the versions, so the last one in time is found by halving:
        # that needs no index by time, which every write would have to keep.
        low, high = 0, self.account(account_id).version
        wanted = to_microseconds(instant)
        with codec.reading(f"the history of account {account_id}"):
            while low < high:
                middle = (low + high + 1) // 2
                ((booked_at,),) = self._read(
                    "SELECT j.recorded_at FROM bankcore_account a"
                    " JOIN bankcore_posting p ON p.account_key = a.key"
                    " JOIN bankcore_journal j ON j.place = p.place"
                    " WHERE a.id = ? AND p.version = ?",
                    (account_id.value, middle),
                )
                if booked_at <= wanted:
                    low = middle
                else:
                    high = middle - 1
            if low == 0:
                return None
            (transaction,) = self.history(account_id, after=low - 1, limit=1)
            return transaction.posting(account_id)

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        require_limit(limit)
        rows = self._read(
            f"SELECT a.id, a.currency, a.exponent, {_HOLD_COLUMNS} FROM bankcore_hold h"
            " JOIN bankcore_account a ON a.key = h.account_key WHERE h.expires_at < ?"
            " ORDER BY h.expires_at, a.id, h.id LIMIT ?",
            (to_microseconds(before), limit),
        )
        with codec.reading("a hold"):
            return tuple(
                (AccountId(name), _hold(row, codec.currency_of(code, exponent)))
                for name, code, exponent, *row in rows
            )

    def integrity_errors(self) -> Sequence[str]:
        """
        What is wrong with the file or between its tables; nothing where it is sound.
        """
        try:
            found = [str(row[0]) for row in self._read("PRAGMA integrity_check", ())]
            errors = [] if found == ["ok"] else found
            errors += table_errors(self._read)
        except StoreCorruptedError as error:
            return (str(error),)
        return tuple(errors)

    def accounts_of(
        self, holder: PrincipalId, *, after: AccountId | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        require_limit(limit)
        rows = self._read(
            f"{_ACCOUNTS} WHERE a.key IN (SELECT w.account_key FROM bankcore_holder w"
            " JOIN bankcore_account b ON b.key = w.account_key"
            " WHERE w.principal = ? AND b.id > ? ORDER BY b.id LIMIT ?) ORDER BY a.id, h.key",
            (holder.value, "" if after is None else after.value, limit),
        )
        return tuple(account for *_, account in _accounts(rows))


class SQLiteStore(_OwnConnections, SQLiteReads):
    """
    An `AccountStore` in the SQLite file at *path*, made if there is none.

    Durable: what was acknowledged survives the end of the process, and of the machine
    if its disk obeys a flush. Safe to use from several threads and processes of one
    machine, on a local file system.

    Args:
        path: The file. Beside it SQLite keeps ``-wal`` and ``-shm``, and bankcore
            ``.lock``: the four belong together.
        timeout: How many seconds to wait for others before giving up.
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
        StoreMisuseError: If there is no such mode.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        with _storage_errors():
            link = self._link()
        connection = link.connection
        with self._writing(link):
            self._require_same_files()
            with self._undoing(link):
                self._require_sound(link)
                self._begin(link)
                snapshot, known = _snapshot(connection, reads)
            try:
                written = decide(snapshot)
            except BaseException:
                self._give_up(link, None)
                raise
            if not written.records:
                self._give_up(link, None)
                return written
            with self._undoing(link):
                _write(connection, snapshot, known, written)
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
            and _primary_code(error) == sqlite3.SQLITE_BUSY
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
            raise _translated(error) from error
        except BaseException:
            self._give_up(link, None)
            raise

    def _give_up(self, link: _Link, error: Exception | None) -> None:
        is_clean = _roll_back(link.connection)
        if error is not None and _primary_code(error) in _DISTRUSTED:
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
        with _storage_errors():
            write_copy(self._link().connection, os.path.abspath(os.fsdecode(path)))

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
            (_INSERT_DENIAL, _denial_row(denial)), (_DELETE_OLD_DENIALS, (DENIALS_MAX,))
        )

    def denials(self, *, limit: int = 1000) -> Sequence[Denial]:
        require_limit(limit)
        rows = self._read(
            "SELECT principal, action, account_ids, code, denied_at, request_id,"
            " unwritten_before FROM bankcore_denial ORDER BY key DESC LIMIT ?",
            (limit,),
        )
        with codec.reading("a denial"):
            return tuple(map(_denial, rows))

    def add_token(self, token: Token) -> None:
        insert = (
            f"INSERT INTO bankcore_token ({_TOKEN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self._written_apart((insert, _token_row(token)))

    def token(self, token_id: str) -> Token:
        rows = self._read(f"SELECT {_TOKEN_COLUMNS} FROM bankcore_token WHERE id = ?", (token_id,))
        if not rows:
            raise TokenNotFoundError(shown(token_id))
        return _token(rows[0])

    def tokens(self, *, after: str = "", limit: int = 1000) -> Sequence[Token]:
        require_limit(limit)
        rows = self._read(
            f"SELECT {_TOKEN_COLUMNS} FROM bankcore_token WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return tuple(map(_token, rows))

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
        with _storage_errors():
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
        with _storage_errors():
            link = self._link()
            try:
                return link.connection.execute(statement, parameters).fetchall()
            except (sqlite3.Error, UnicodeDecodeError) as error:
                if _primary_code(error) in _DISTRUSTED:
                    self._distrust(link)
                raise


# -- The file ----------------------------------------------------------------


def _require_file(path: str, *, create: bool) -> None:
    """
    Passes where *path* is a file that may be a store, made if need be, readable by its
    owner alone.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if not create:
            raise StoreUnavailableError(f"there is no file {path}") from None
        _create(path)
        return
    except OSError as error:
        raise StoreUnavailableError(f"{path} cannot be used: {error.strerror}") from error
    except ValueError as error:  # a NUL in it
        raise StoreFormatError(shown(path), f"it names no file: {error}") from error
    if stat.S_ISDIR(mode):
        raise StoreFormatError(path, "it is a directory")
    if not stat.S_ISREG(mode):
        raise StoreFormatError(path, "it is not a file")


def _files_at(path: str) -> _Files:
    """
    Which files are at *path* and at its log's; `os.stat` opens neither of them.
    """
    database, log = (_identity(each) for each in (path, f"{path}-wal"))
    return database, log


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _keep_open(connection: sqlite3.Connection) -> None:
    """
    Let nothing close *connection*, not even the end of the interpreter.
    """
    import ctypes  # noqa: PLC0415  # for what hardly ever happens

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _create(path: str) -> None:
    try:
        directory = os.stat(os.path.dirname(path))
        if directory.st_mode & stat.S_IWOTH and not directory.st_mode & stat.S_ISVTX:
            raise StoreUnavailableError(
                f"anybody may replace files in {os.path.dirname(path)}; use another directory"
            )
        # An empty file is an empty database. No connection can be using it yet, so that
        # closing this descriptor drops nobody's lock.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600))
    except FileExistsError:
        return  # another process was quicker
    except OSError as error:
        raise StoreUnavailableError(f"{path} cannot be made: {error.strerror}") from error


def _require_own(path: str, timeout: float) -> None:
    """
    Passes where the file is empty or a bankcore store. Looks without writing.
    """
    size = os.stat(path).st_size
    if size == 0:
        return
    if size < _SQLITE_FILE_MIN:  # SQLite itself would take it for an empty one
        raise StoreFormatError(path, "it is not an SQLite database")
    # Nobody uses it, as far as can be seen: then all of it is in the file itself, and SQLite
    # may look at it without making its companions beside it.
    is_in_use = any(os.path.exists(path + suffix) for suffix in ("-wal", "-journal", ".lock"))
    try:
        _look_into(path, "mode=ro" if is_in_use else "immutable=1", timeout)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        _require_own_after_a_death(path, timeout)
    except StoreFormatError:
        # Unless another process has just begun to make a store of it.
        if is_in_use or not os.path.exists(f"{path}.lock"):
            raise
        _look_into(path, "mode=ro", timeout)


def _require_own_after_a_death(path: str, timeout: float) -> None:
    """
    The same, where a journal must be played back before the file can be read.
    """
    # As it stands, half of a write in it, it mostly tells whose it is.
    with suppress(sqlite3.DatabaseError):
        _look_into(path, "immutable=1", timeout)
    # Not another's, as far as can be seen; this plays it back.
    _look_into(path, "mode=rw", timeout)


def _look_into(path: str, how: str, timeout: float) -> None:
    connection = sqlite3.connect(
        f"file://{quote(os.fsencode(path))}?{how}", uri=True, timeout=timeout, isolation_level=None
    )
    try:
        tables = _tables(connection)
        if not tables:
            return
        if "bankcore_schema" not in tables:
            raise StoreFormatError(path, f"it is another program's database, with {tables[0]}")
        require_newest(version_in(connection))
    except sqlite3.DatabaseError as error:
        if _primary_code(error) == sqlite3.SQLITE_NOTADB:
            raise StoreFormatError(path, "it is not an SQLite database") from error
        raise
    finally:
        connection.close()


def _tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
    return [name for (name,) in found]


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


# -- Errors ------------------------------------------------------------------


def _primary_code(error: Exception) -> int | None:
    """
    SQLite's own code, without its extension; None for what Python itself raised.
    """
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _translated(error: sqlite3.Error | UnicodeDecodeError) -> BankError:
    # Text that is not UTF-8, in a row or in a message about one: nobody here wrote that.
    if isinstance(error, UnicodeDecodeError):
        return StoreCorruptedError(f"text in it is not UTF-8: {error}")
    code = _primary_code(error)
    if code in _DAMAGED or (code is None and isinstance(error, sqlite3.OperationalError)):
        return StoreCorruptedError(f"SQLite says: {error}")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return StoreMisuseError(f"what was to be written breaks a rule of the tables: {error}")
    return StoreUnavailableError(f"SQLite says: {error}")


@contextmanager
def _storage_errors() -> Iterator[None]:
    """
    Turns errors of SQLite and of the operating system, before any commit, into bankcore's.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _translated(error) from error
    except OSError as error:
        raise StoreUnavailableError(f"{error.filename}: {error.strerror}") from error


def _roll_back(connection: sqlite3.Connection) -> bool:
    """
    End the transaction with nothing done; whether that went well.
    """
    try:
        # SQLite has rolled back by itself after some errors.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    return True


# -- Rows --------------------------------------------------------------------


class _Known(NamedTuple):
    """
    What the tables have of accounts besides their states, by the texts of the accounts' ids.
    """

    keys: dict[str, int]
    heads: dict[str, bytes]


def _snapshot(connection: sqlite3.Connection, reads: ReadSet) -> tuple[Snapshot, _Known]:
    """
    What *reads* names, and what else is known of its accounts.
    """
    transaction_ids, account_ids = reads.transaction_ids, reads.account_ids
    if reads.originals:
        transaction_ids = tuple(dict.fromkeys((*transaction_ids, *reads.originals)))
    rows = _rows_by_id(
        connection, _RECORDS, "j.transaction_id", transaction_ids, "j.place, p.line"
    )
    recorded = {record.id: record for record in _records(rows)}
    reversals = {}
    if reads.originals:
        # What is not there has touched nothing, and nothing has reversed it.
        originals = tuple(each for each in reads.originals if each in recorded)
        touched = (touched_accounts(recorded[original]) for original in originals)
        account_ids = tuple(dict.fromkeys(chain(account_ids, *touched)))
        reversals = {
            TransactionId(original): TransactionId(name)
            for original, name in _rows_by_id(
                connection,
                "SELECT reverses, transaction_id FROM bankcore_journal",
                "reverses",
                originals,
                "place",
            )
        }
    accounts: dict[AccountId, Account] = {}
    known = _Known({}, {})
    for key, head, account in _accounts(
        _rows_by_id(connection, _ACCOUNTS, "a.id", account_ids, "a.id, h.key")
    ):
        accounts[account.id] = account
        known.keys[account.id.value] = key
        known.heads[account.id.value] = head
    return Snapshot(recorded, accounts, reversals), known


def _rows_by_id(
    connection: sqlite3.Connection,
    select: str,
    column: str,
    ids: Sequence[AccountId] | Sequence[TransactionId],
    order: str,
) -> Iterator[Any]:
    for start in range(0, len(ids), _IDS_PER_SELECT):
        part = [each.value for each in ids[start : start + _IDS_PER_SELECT]]
        marks = ",".join("?" * len(part))
        yield from connection.execute(
            f"{select} WHERE {column} IN ({marks}) ORDER BY {order}", part
        )


def _accounts(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, bytes, Account]]:
    """
    The accounts in *rows* of `_ACCOUNTS`, which come account by account, after their keys and
    the heads of their chains.
    """
    for key, group in groupby(rows, key=itemgetter(0)):
        lines = tuple(group)
        holds = [line[15:] for line in lines if line[15] is not None]
        yield key, lines[0][14], _account(lines[0], holds)


def _account(row: Sequence[Any], holds: Sequence[Sequence[Any]]) -> Account:
    _, name, code, exponent, balance, held, limit, status, version, booked_at = row[:10]
    restriction, reason, ends_at, holders = row[10:14]
    with codec.reading(f"account {name}"):
        currency = codec.currency_of(code, exponent)
        account = Account(
            id=AccountId(name),
            balance=Money.from_minor(balance, currency),
            overdraft_limit=Money.from_minor(limit, currency),
            status=AccountStatus(status),
            version=version,
            last_booked_at=from_microseconds(booked_at),
            holds=[_hold(each, currency) for each in holds],
            restriction=Restriction(restriction),
            restriction_reason=reason,
            restriction_ends_at=None if ends_at is None else from_microseconds(ends_at),
            holders=codec.holders_from_text(holders),
        )
    if account.held.amount_minor != held:
        raise StoreCorruptedError(
            f"account {name} has {account.held} held by its holds, and {held} minor units of it"
            " are said to be"
        )
    return account


def _hold(row: Sequence[Any], currency: Currency) -> Hold:
    name, amount, captured, expires_at, description = row
    return Hold(
        id=TransactionId(name),
        amount=Money.from_minor(amount, currency),
        captured=Money.from_minor(captured, currency),
        expires_at=None if expires_at is None else from_microseconds(expires_at),
        description=description,
    )


def _records(rows: Iterable[Sequence[Any]]) -> Iterator[Transaction | Refusal]:
    """
    The records in *rows* of `_RECORDS`, which come in the order of places and lines.
    """
    for _, group in groupby(rows, key=itemgetter(0)):
        lines = tuple(group)
        _, name, kind, command, principal, recorded_at, code, facts = lines[0][:8]
        with codec.reading(f"the record of transaction {name}"):
            transaction_id = TransactionId(name)
            asked = codec.command_from_text(kind, command, transaction_id)
            at = from_microseconds(recorded_at)
            if code is None:
                postings = tuple(_posting(line[8:16]) for line in lines)
                yield Transaction(transaction_id, asked, at, postings, principal)
            else:
                said = codec.facts_from_text(code, facts)
                batch = codec.batch_from_text(lines[0][16])
                yield Refusal(transaction_id, asked, at, code, said, principal, batch)


def _posting(row: Sequence[Any]) -> Posting:
    name, code, exponent, amount, balance, held, limit, version = row
    currency = codec.currency_of(code, exponent)
    return Posting(
        AccountId(name),
        Money.from_minor(amount, currency),
        Money.from_minor(balance, currency),
        Money.from_minor(held, currency),
        Money.from_minor(limit, currency),
        version,
    )


_INSERT_DENIAL: Final = (
    "INSERT INTO bankcore_denial (principal, action, account_ids, code, denied_at,"
    " request_id, unwritten_before) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_DELETE_OLD_DENIALS: Final = (
    "DELETE FROM bankcore_denial WHERE key <= (SELECT max(key) FROM bankcore_denial) - ?"
)


def _denial_row(denial: Denial) -> tuple[Any, ...]:
    return (
        denial.principal.value,
        denial.action,
        codec.texts_to_text(each.value for each in denial.account_ids),
        denial.code,
        to_microseconds(denial.denied_at),
        denial.request_id,
        denial.unwritten_before,
    )


def _denial(row: Sequence[Any]) -> Denial:
    principal, action, account_ids, code, denied_at, request_id, unwritten_before = row
    return Denial(
        PrincipalId(principal),
        action,
        tuple(map(AccountId, codec.texts_from_text(account_ids))),
        code,
        from_microseconds(denied_at),
        request_id,
        unwritten_before,
    )


_TOKEN_COLUMNS: Final = (
    "id, digest, principal, roles, scopes, created_at, expires_at, revoked_at, description"  # noqa: S105  # names, no secret
)


def _token_row(token: Token) -> tuple[Any, ...]:
    principal = token.principal
    return (
        token.id,
        token.digest,
        principal.id.value,
        codec.texts_to_text(sorted(role.value for role in principal.roles)),
        codec.texts_to_text(sorted(principal.scopes)),
        to_microseconds(token.created_at),
        _microseconds(token.expires_at),
        _microseconds(token.revoked_at),
        token.description,
    )


def _token(row: Sequence[Any]) -> Token:
    name, digest, principal, roles, scopes, created_at, expires_at, revoked_at, description = row
    with codec.reading(f"token {name}"):
        return Token(
            name,
            digest,
            Principal(principal, codec.texts_from_text(roles), codec.texts_from_text(scopes)),
            from_microseconds(created_at),
            None if expires_at is None else from_microseconds(expires_at),
            None if revoked_at is None else from_microseconds(revoked_at),
            description,
        )


def _place(cursor: Cursor) -> int:
    token = cursor.token
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise InvalidCursorError(shown(token))
    return int(token)


def _write(
    connection: sqlite3.Connection,
    snapshot: Snapshot,
    known: _Known,
    written: WriteSet,
) -> None:
    """
    Write all of *written* within the open transaction.
    """
    keys = known.keys
    hashes = linked(written.records, known.heads)
    _write_accounts(connection, snapshot, known, written.accounts)
    # The writer is alone, so the next places are simply the next numbers.
    (last,) = connection.execute("SELECT coalesce(max(place), 0) FROM bankcore_journal").fetchone()
    plain, full = [], []
    for place, record in enumerate(written.records, start=last + 1):
        row = _plain_row(place, record)
        rest = _rest_of_row(record)
        if rest is None:
            plain.append(row)
        else:
            full.append((*row, *rest))
    # Two statements: for each None, Python's sqlite3 looks for an adapter in vain, and nearly
    # every record would bring five.
    connection.executemany(
        f"INSERT INTO bankcore_journal ({_PLAIN_COLUMNS}) VALUES (?, ?, ?, ?, ?)", plain
    )
    if full:
        connection.executemany(
            f"INSERT INTO bankcore_journal ({_PLAIN_COLUMNS}, principal, refusal_code,"
            " refusal_facts, refusal_batch, reverses) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            full,
        )
    connection.executemany(
        "INSERT INTO bankcore_posting (place, line, account_key, version, amount_minor,"
        " balance_minor, held_minor, overdraft_limit_minor, chain_hash)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                place,
                line,
                keys[posting.account_id.value],
                posting.version,
                posting.amount.amount_minor,
                posting.balance.amount_minor,
                posting.held.amount_minor,
                posting.overdraft_limit.amount_minor,
                own[line],
            )
            for place, (record, own) in enumerate(
                zip(written.records, hashes, strict=True), start=last + 1
            )
            if isinstance(record, Transaction)
            for line, posting in enumerate(record.postings)
        ],
    )


_PLAIN_COLUMNS: Final = "place, transaction_id, command_kind, command, recorded_at"


def _plain_row(place: int, record: Transaction | Refusal) -> tuple[Any, ...]:
    kind, text = codec.command_to_text(record.command)
    at = record.booked_at if isinstance(record, Transaction) else record.refused_at
    return place, record.id.value, kind, text, to_microseconds(at)


def _rest_of_row(record: Transaction | Refusal) -> tuple[Any, ...] | None:
    """
    What a record has besides; None where it has nothing, as nearly all.
    """
    if isinstance(record, Refusal):
        facts = codec.facts_to_text(record.code, record.facts)
        batch = codec.batch_to_text(record.batch)
        return record.principal, record.code, facts, batch, None
    command = record.command
    if type(command) is Reverse:
        return record.principal, None, None, None, command.original_id.value
    if record.principal is not None:
        return record.principal, None, None, None, None
    return None


def _write_accounts(
    connection: sqlite3.Connection,
    snapshot: Snapshot,
    known: _Known,
    accounts: Sequence[Account],
) -> None:
    """
    Write the new state of *accounts*, and give the new ones their keys.
    """
    keys, heads = known
    new = [account for account in accounts if account.id not in snapshot.accounts]
    changed = [account for account in accounts if account.id in snapshot.accounts]
    if new:
        (last,) = connection.execute(
            "SELECT coalesce(max(key), 0) FROM bankcore_account"
        ).fetchone()
        keys.update(zip((account.id.value for account in new), count(last + 1), strict=False))
        connection.executemany(
            "INSERT INTO bankcore_account (balance_minor, held_minor, overdraft_limit_minor,"
            " status, version, last_booked_at, chain_hash, key, id, currency, exponent)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *_account_state(account, heads),
                    keys[account.id.value],
                    account.id.value,
                    account.balance.currency.code,
                    account.balance.currency.exponent,
                )
                for account in new
            ],
        )
    updated = connection.executemany(
        "UPDATE bankcore_account SET balance_minor = ?, held_minor = ?,"
        " overdraft_limit_minor = ?, status = ?, version = ?, last_booked_at = ?, chain_hash = ?"
        " WHERE key = ? AND version = ?",
        [
            (
                *_account_state(account, heads),
                keys[account.id.value],
                snapshot.accounts[account.id].version,
            )
            for account in changed
        ],
    ).rowcount
    if changed and updated != len(changed):
        raise StoreCorruptedError(
            f"{len(changed) - updated} of {len(changed)} accounts changed under the lock that"
            " guards them"
        )
    for account in accounts:
        _write_rarities(
            connection, keys[account.id.value], snapshot.accounts.get(account.id), account
        )


def _account_state(account: Account, heads: Mapping[str, bytes]) -> tuple[Any, ...]:
    return (
        account.balance.amount_minor,
        account.held.amount_minor,
        account.overdraft_limit.amount_minor,
        account.status.value,
        account.version,
        _microseconds(account.last_booked_at),
        heads.get(account.id.value, GENESIS),
    )


def _write_rarities(
    connection: sqlite3.Connection, key: int, before: Account | None, after: Account
) -> None:
    """
    Write what most operations leave as it is: holds, the restriction, holders.
    """
    old_holds = () if before is None else before.holds
    if after.holds is not old_holds and after.holds != old_holds:
        _write_holds(connection, key, old_holds, after.holds)
    old_holders = () if before is None else before.holders
    if after.holders is not old_holders and after.holders != old_holders:
        _write_holders(connection, key, old_holders, after.holders)
    if _settings(after) != (_NO_SETTINGS if before is None else _settings(before)):
        restriction, reason, ends_at, holders = _settings(after)
        connection.execute(
            "UPDATE bankcore_account SET restriction = ?, restriction_reason = ?,"
            " restriction_ends_at = ?, holders = ? WHERE key = ?",
            (
                restriction.value,
                reason,
                _microseconds(ends_at),
                codec.holders_to_text(holders),
                key,
            ),
        )


def _write_holders(
    connection: sqlite3.Connection, key: int, old: Sequence[Holder], new: Sequence[Holder]
) -> None:
    before, after = ({each.principal.value for each in holders} for holders in (old, new))
    connection.executemany(
        "DELETE FROM bankcore_holder WHERE principal = ? AND account_key = ?",
        [(name, key) for name in before - after],
    )
    connection.executemany(
        "INSERT INTO bankcore_holder (principal, account_key) VALUES (?, ?)",
        [(name, key) for name in after - before],
    )


def _write_holds(
    connection: sqlite3.Connection, key: int, old: Sequence[Hold], new: Sequence[Hold]
) -> None:
    before = {hold.id: hold for hold in old}
    after = {hold.id: hold for hold in new}
    connection.executemany(
        "DELETE FROM bankcore_hold WHERE account_key = ? AND id = ?",
        [(key, hold_id.value) for hold_id in before if hold_id not in after],
    )
    connection.executemany(
        "UPDATE bankcore_hold SET captured_minor = ?, expires_at = ?"
        " WHERE account_key = ? AND id = ?",
        [
            (hold.captured.amount_minor, _microseconds(hold.expires_at), key, hold.id.value)
            for hold in new
            if hold.id in before and hold != before[hold.id]
        ],
    )
    # In their order, so that their keys keep it.
    connection.executemany(
        "INSERT INTO bankcore_hold (account_key, id, amount_minor, captured_minor, expires_at,"
        " description) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                key,
                hold.id.value,
                hold.amount.amount_minor,
                hold.captured.amount_minor,
                _microseconds(hold.expires_at),
                hold.description,
            )
            for hold in new
            if hold.id not in before
        ],
    )


_settings = attrgetter("restriction", "restriction_reason", "restriction_ends_at", "holders")
_NO_SETTINGS: Final = (Restriction.NONE, None, None, ())


def _microseconds(instant: datetime | None) -> int | None:
    return None if instant is None else to_microseconds(instant)
