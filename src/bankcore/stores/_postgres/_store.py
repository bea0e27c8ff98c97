"""
The store on PostgreSQL, for many machines.

Decided here: how a unit begins and ends, when it is run again, and when its outcome is unknown.
"""

import random
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Literal, TypeVar, cast

import psycopg

from bankcore.commands._base import to_flag
from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.ledger._errors import (
    OutcomeUnknownError,
    SchemaVersionError,
    StoreCorruptedError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.stores import _rows
from bankcore.stores._group import Groups, require_timeout
from bankcore.stores._lanes import Lanes
from bankcore.stores._postgres import _migrations
from bankcore.stores._postgres._connections import Connections, Pool, Seen
from bankcore.stores._postgres._errors import (
    AGAIN,
    READ_ONLY,
    TAKEN,
    TryAgain,
    is_broken,
    sentence,
    translated,
)
from bankcore.stores._postgres._statements import Unit, in_schema
from bankcore.stores._postgres._tables import PostgresTables
from bankcore.stores._postgres._wire import Connection, Rows, Statement, run
from bankcore.stores._tables import OwnTables
from bankcore.values._errors import naming, shown

Isolation = Literal["read committed", "serializable"]
_ISOLATIONS: Final = ("read committed", "serializable")

# How many connections a store opens at most, and how many units it runs side by side.
_CONNECTIONS_MAX: Final = 20
_LANES_MAX: Final = 8

# How much longer than for others the server is waited for, in seconds: a standby that does not
# confirm a commit keeps it for ever.
_ANSWER_SECONDS: Final = 10.0

# How often a unit is run again, and the first and the longest pause before that, in seconds.
_TRIES_MAX: Final = 10
_PAUSE: Final = 0.005
_PAUSE_MAX: Final = 0.2

# For this transaction alone, as a pooler may give the next one another connection. A flush is
# never left out; where others hold a lock, or this process stands still, it ends in time.
_SETTINGS: Final = """
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
            WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true),
        set_config('lock_timeout', ?, true),
        set_config('idle_in_transaction_session_timeout', ?, true)
"""
# A row that is always there: its change makes a commit that waits for the standby like any other.
_TOUCH: Final = "UPDATE bankcore_schema SET touched = touched + 1"

# A word in the log alone: it makes a commit wait for the standby, and nobody wait for a row.
_MARK: Final = ("SELECT pg_logical_emit_message(true, 'bankcore', 'read')", ())

_COMMIT: Final = ("COMMIT", ())
_ROLLBACK: Final = ("ROLLBACK", ())
_COMMITTED: Final = [("COMMIT",)]

_T = TypeVar("_T")


class PostgresStore(OwnTables, PostgresTables):
    """
    An `AccountStore` in one schema of a PostgreSQL database, for any number of machines.

    Durable: what was acknowledged survives the end of the process, and of the server if its disk
    obeys a flush; `describe` says what else. Safe to use from several threads, processes and
    machines, also through PgBouncer in transaction mode. Units that wait for the same account in
    one process are decided together and share a commit.

    Args:
        source: A connection string, as libpq takes it, or a ``psycopg_pool.ConnectionPool``,
            which stays the application's. With several hosts in the string, the one that takes
            writes is used.
        schema: The schema of the tables: small letters, digits and underscores.
        timeout: How many seconds to wait for others before giving up, from 0 to 86,400. An answer
            of the server is waited for 10 s longer.
        create: Whether to make the schema and its tables if there are none.
        isolation: ``"read committed"``, which is enough as every row that a decision depends on is
            locked, or ``"serializable"``.
        require_sync_standby: Whether to refuse a server that has no synchronous standby.
        confirm_reads: Whether each read ends with a commit that waits for the synchronous standby
            as a write does. A failover then takes back nothing that was read, and a primary that
            has been replaced gives no answer. Other engines than PostgreSQL need no telling.

    Raises:
        StoreUnavailableError: If the server cannot be reached, is read-only, or runs without
            ``fsync`` or ``full_page_writes``.
        SchemaVersionError: If the tables are of another version, or there are none.
        StoreMisuseError: If an argument is out of bounds, or the role may not use the tables.
        InvalidFlagError: If a flag is neither True nor False.
    """

    def __init__(
        self,
        source: str | Pool,
        *,
        schema: str = "bankcore",
        timeout: float = 30.0,
        create: bool = True,
        isolation: Isolation = "read committed",
        require_sync_standby: bool = False,
        confirm_reads: bool = False,
    ) -> None:
        self._schema = _migrations.require_schema(schema)
        if isolation not in _ISOLATIONS:
            raise StoreMisuseError(
                f"isolation must be 'read committed' or 'serializable', got {shown(isolation)}"
            )
        if not isinstance(source, str) and not hasattr(source, "getconn"):
            raise StoreMisuseError(
                f"it needs a connection string or a psycopg_pool.ConnectionPool, got"
                f" {shown(source)}"
            )
        create = naming("create", to_flag, create)
        require_sync_standby = naming("require_sync_standby", to_flag, require_sync_standby)
        self._confirms_reads = naming("confirm_reads", to_flag, confirm_reads)
        self._timeout = require_timeout(timeout)
        self._isolation = isolation
        self._connections = Connections(
            source, timeout, _CONNECTIONS_MAX, require_sync_standby=require_sync_standby
        )
        milliseconds = str(max(1, int(timeout * 1000)))
        self._settings = (_SETTINGS, (milliseconds, str(60_000 + int(timeout * 1000))))
        self._lanes = self._new_lanes()
        weakref.finalize(self, self._connections.close)
        try:
            self._on_connection(lambda connection, _: self._open(connection, create=create))
        except BaseException:
            self.close()
            raise

    def _new_lanes(self) -> tuple[int, Lanes]:
        # A child of this process has no part in what waits here.
        def make() -> Groups:
            return Groups(self._transact, lambda: None, self._timeout)

        return self._connections.pid, Lanes(make, _LANES_MAX)

    def _open(self, connection: Connection, *, create: bool) -> None:
        if create and not _migrations.version_in(connection, self._schema):
            try:
                _migrations.migrate(connection, None, self._schema)
            except StoreUnavailableError as error:
                # Made again, where a unit would be run again.
                raise cast("psycopg.Error", error.__cause__) from None
        _migrations.require_tables(connection, self._schema)

    def __repr__(self) -> str:
        return f"PostgresStore({self._location()!r}, schema={self._schema!r})"

    def close(self) -> None:
        """
        Close the store's connections, once the units and reads that are under way have ended.

        An application's pool stays open. Closing twice is allowed.
        """
        self._connections.close()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        pid, lanes = self._lanes
        if pid != self._connections.pid:
            self._lanes = _, lanes = self._new_lanes()
        return lanes.transact(reads, decide)

    def probe(self) -> None:
        """Change a row that nothing depends on, durably."""
        self._write_apart((_TOUCH, ()))

    # -- Units --

    def _transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        return self._again_and_again(lambda: self._attempt(reads, decide))

    def _attempt(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        is_deciding = False
        pid = self._connections.pid
        with self._connections.lent() as (connection, seen):
            unit = Unit(partial(self._run, connection, seen))
            try:
                unit.lock_and_read(reads, self._begin(seen), self._settings)
                known = unit.known()
                snapshot = _rows.read_unit(unit, Unit.fetch, reads, known)
                is_deciding = True
                written = decide(snapshot)
                is_deciding = False
                self._connections.require_process(pid)
                with self._committing(connection, seen):
                    self._end(unit, snapshot, written, known)
            except BaseException as error:
                if isinstance(error, psycopg.Error) and not is_deciding:
                    raise self._meaning(error, connection) from error
                self._connections.roll_back(connection)
                raise
        return written

    @contextmanager
    def _committing(self, connection: Connection, seen: Seen) -> Iterator[None]:
        """Take what leaves a commit open for doubt, the server's warnings too."""
        seen.warnings.clear()
        try:
            yield
        except psycopg.Error as error:
            raise self._meaning(error, connection, is_committing=True) from error
        if seen.warnings:
            # The server gave up waiting for its standby: the commit may yet be lost.
            raise OutcomeUnknownError(f"PostgreSQL warns: {seen.warnings[0]}")

    def _end(self, unit: Unit, snapshot: Snapshot, written: WriteSet, known: _rows.Known) -> None:
        """Write and commit in one turn; what is only confirmed is committed as durably."""
        if written.records:
            answers = unit.write(written, known, _COMMIT)
        elif snapshot.recorded:
            touch = () if unit.has_locked else ((_TOUCH, ()),)
            answers = unit.run(*touch, _COMMIT)
        else:
            unit.run(_ROLLBACK)
            return
        if answers[-1] != _COMMITTED:
            raise OutcomeUnknownError(f"PostgreSQL answers a commit with {answers[-1]}")

    def _begin(self, seen: Seen) -> Statement:
        level = seen.engine.isolation
        if self._isolation == "serializable":
            level = "SERIALIZABLE"
        return f"BEGIN ISOLATION LEVEL {level} READ WRITE", ()

    def _again_and_again(self, attempt: Callable[[], _T]) -> _T:
        """Run *attempt* until it is done, or the timeout has passed, or it went wrong often."""
        ends = time.monotonic() + self._timeout
        for tries in range(1, _TRIES_MAX + 1):
            try:
                return attempt()
            except TryAgain as again:
                left = ends - time.monotonic()
                is_last = tries == _TRIES_MAX or (again.is_once and tries > 1)
                if is_last or left <= 0:
                    raise again.because from again.__cause__
                # Each at another moment, so that the same ones do not meet again.
                longest = min(_PAUSE * 2**tries, _PAUSE_MAX, left)
                time.sleep(random.uniform(0, longest))  # noqa: S311  # keeps no secret
        raise AssertionError  # pragma: no cover  # the last try has returned or raised

    def _meaning(
        self, error: psycopg.Error, connection: Connection, *, is_committing: bool = False
    ) -> Exception:
        """Return what *error* means for the unit, which is undone where that is not unknown."""
        if is_broken(error):
            self._connections.drop_idle()
            connection.close()
            if is_committing:
                return OutcomeUnknownError(sentence(error))
            return TryAgain(StoreUnavailableError(sentence(error)))
        meaning = translated(error, _migrations.newest_version())
        if isinstance(meaning, SchemaVersionError):  # they were there when it was opened
            meaning = StoreCorruptedError(f"its tables have changed; {sentence(error)}")
        if error.sqlstate == READ_ONLY:  # it is the primary no longer
            self._connections.drop_idle()
            connection.close()
        else:
            self._connections.roll_back(connection)
        if error.sqlstate in AGAIN or error.sqlstate == TAKEN:
            return TryAgain(meaning, is_once=error.sqlstate == TAKEN)
        return meaning

    def _on_connection(self, work: Callable[[Connection, Seen], _T]) -> _T:
        """Return what *work* does on a connection; it may be run again."""

        def attempt() -> _T:
            with self._connections.lent() as (connection, seen):
                try:
                    return work(connection, seen)
                except psycopg.Error as error:
                    raise self._meaning(error, connection) from error

        return self._again_and_again(attempt)

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        def work(connection: Connection, seen: Seen) -> list[Any]:
            if not (self._confirms_reads and seen.engine.has_snapshots):
                return self._run(connection, seen, (statement, parameters))[0]
            begin = self._begin(seen), self._settings
            try:
                with self._committing(connection, seen):
                    read = (statement, parameters)
                    return self._run(connection, seen, *begin, read, _MARK, _COMMIT)[2]
            except OutcomeUnknownError as doubt:
                because = StoreUnavailableError(f"a read is not confirmed; {doubt.reason}")
                raise TryAgain(because) from doubt

        return self._on_connection(work)

    def _write_apart(self, *statements: Statement) -> int:
        """Run *statements* in a unit of their own; return how many rows the first one changed."""

        def work(connection: Connection, seen: Seen) -> int:
            answers = self._run(connection, seen, self._begin(seen), self._settings, *statements)
            with self._committing(connection, seen):
                self._run(connection, seen, _COMMIT)
            ((tag,),) = answers[2]
            return int(tag.split()[-1])

        return self._on_connection(work)

    def _run(self, connection: Connection, seen: Seen, *statements: Statement) -> list[Rows]:
        schema = self._schema
        named = ((in_schema(each, schema), parameters) for each, parameters in statements)
        seconds = self._timeout + _ANSWER_SECONDS
        return run(connection, seen.prepared, *named, seconds=seconds)

    def _seen(self) -> Seen:
        return self._on_connection(lambda _, seen: seen)

    def _location(self) -> str:
        return self._connections.location
