"""
The connections of a PostgreSQL store.

Decided here: what a connection must be before the store uses it, which of them is used next, and
that one about which there is any doubt is closed and never used again.

They come from a connection string, and then the store keeps those that are idle, or from the
application's `psycopg_pool.ConnectionPool`. Each runs one unit or one read at a time. No state is
kept on them from one to the next, so that a pooler such as PgBouncer may stand between.
"""

import os
import re
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Protocol

import attrs
import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus

from bankcore.ledger._errors import StoreMisuseError, StoreUnavailableError
from bankcore.stores._postgres._errors import TryAgain, sentence
from bankcore.stores._postgres._wire import Adapted, Connection, Prepared, run

# In a connection string each of these stands unless it says otherwise. A server that does not
# answer is noticed after half a minute; with several hosts, the one that takes writes is found.
_DEFAULTS: Final = {
    "application_name": "bankcore",
    "client_encoding": "UTF8",
    "connect_timeout": "10",
    "target_session_attrs": "read-write",
    "tcp_user_timeout": "30000",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}

# The server's settings on which a store depends. An engine that does not have one gives NULL.
SETTINGS: Final = (
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "synchronous_standby_names",
    "transaction_read_only",
    "server_encoding",
    "client_encoding",
    "server_version",
)
_LOOK: Final = (
    f"SELECT version(), pg_backend_pid(),"
    f" {', '.join(f'current_setting({name!r}, true)' for name in SETTINGS)}"
)
_OLDEST: Final = 130_000

_SCHEME: Final = re.compile("[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# One @ at most, and no / before it.
_URL: Final = re.compile("postgres(ql)?://([^@/]*@)?[^@]*")


@attrs.frozen
class Engine:
    """
    The engine at the other end, and what it lets a store do.

    Attributes:
        version: The name and version that it gives itself.
        isolation: The level under which a unit that locks its accounts is right.
        has_snapshots: Whether it tells which transactions were visible at a moment; and then it
            has the triggers and settings of tables that PostgreSQL has too.
    """

    version: str
    isolation: str = "READ COMMITTED"
    has_snapshots: bool = True

    @classmethod
    def named(cls, version: str) -> "Engine":
        short = " ".join(version.split()[:2])
        if "CockroachDB" in version:
            return cls(" ".join(version.split()[:3]), "SERIALIZABLE", has_snapshots=False)
        if "-YB-" in version:
            return cls(f"YugabyteDB {short}", has_snapshots=False)
        return cls(short)


class Pool(Protocol):
    """The part of `psycopg_pool.ConnectionPool` that is used."""

    def getconn(self, timeout: float | None = None) -> Connection: ...

    def putconn(self, conn: Connection) -> None: ...


class Seen:
    """The findings about one connection, and the warnings that came over it."""

    def __init__(self, settings: dict[str, str | None]) -> None:
        self.engine = Engine.named(settings["version"] or "")
        self.settings = settings
        #: None if a pooler stands between, and every transaction may have another session.
        self.prepared = Prepared() if settings["pooler"] is None else None
        self.warnings: list[str] = []

    def on_notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        # The severity that is not in the server's language; older servers have only the other.
        if (diagnostic.severity_nonlocalized or diagnostic.severity) == "WARNING":
            self.warnings.append(diagnostic.message_primary or "a warning")


class Connections:
    """
    The connections of one store in this process.

    Args:
        source: A connection string, or the application's pool.
        timeout: How many seconds to wait for a free connection.
        most: How many connections are open at once, of those that the store opens itself.
        require_sync_standby: Whether a server without a synchronous standby is refused.
    """

    def __init__(
        self, source: str | Pool, timeout: float, most: int, *, require_sync_standby: bool
    ) -> None:
        self._pool = None if isinstance(source, str) else source
        self._conninfo = _conninfo(source) if isinstance(source, str) else ""
        self.timeout = timeout
        self._most = most
        self._require_sync_standby = require_sync_standby
        self._is_closed = False
        # A child must not close what it has inherited: that would end the parent's session.
        self._inherited: list[object] = []
        self._start_anew()
        _forked.add(self)

    def _start_anew(self) -> None:
        self.pid = os.getpid()
        self._idle: list[Connection] = []
        self._free = threading.BoundedSemaphore(self._most)
        self._seen: weakref.WeakKeyDictionary[Connection, Seen] = weakref.WeakKeyDictionary()

    def after_fork(self) -> None:
        """Forget the parent's connections, in a child of it."""
        self._inherited += [self._idle, dict(self._seen)]
        self._start_anew()

    @property
    def location(self) -> str:
        """The place of the server, without any secret."""
        if self._pool is not None:
            return "through the application's pool"
        parts = psycopg.conninfo.conninfo_to_dict(self._conninfo)
        shown = ("host", "hostaddr", "port", "dbname", "user", "service")
        return " ".join(f"{name}={parts[name]}" for name in shown if parts.get(name))

    @contextmanager
    def lent(self) -> Iterator[tuple[Connection, Seen]]:
        """Lend a connection, which is kept if it is idle afterwards, and closed otherwise."""
        if self._is_closed:
            raise StoreMisuseError("it is closed; open a new PostgresStore")
        pid, connection = self.pid, self._take()
        was_autocommit = connection.autocommit
        try:
            yield connection, self._known(connection)
        finally:
            if self.pid == pid:
                self._give_back(connection, was_autocommit=was_autocommit)
            else:
                self._inherited.append(connection)

    def require_process(self, pid: int) -> None:
        """Raise in a child of the process *pid*, in which a unit was begun."""
        if self.pid != pid:
            raise StoreMisuseError("a unit cannot go on in a child of the process that began it")

    def roll_back(self, connection: Connection) -> None:
        """Undo the open transaction, if there is one; where that fails, it is in doubt."""
        is_own = not self._inherited or connection in self._seen
        # One that was interrupted within a turn is closed when it is given back.
        is_between_turns = connection.pgconn.pipeline_status == PipelineStatus.OFF
        is_open = connection.info.transaction_status != TransactionStatus.IDLE
        if is_own and is_between_turns and is_open:
            with suppress(psycopg.Error):
                run(connection, None, ("ROLLBACK", ()))

    def _known(self, connection: Connection) -> Seen:
        if not connection.autocommit:
            connection.autocommit = True
        seen = self._seen.get(connection)
        if seen is None:
            try:
                seen = self._seen[connection] = look_at(connection)
            except psycopg.Error as error:
                raise TryAgain(StoreUnavailableError(sentence(error))) from error
            connection.add_notice_handler(seen.on_notice)
        self._require_safe(seen)
        return seen

    def _require_safe(self, seen: Seen) -> None:
        settings = seen.settings
        for name in ("fsync", "full_page_writes"):
            if settings[name] == "off":
                raise StoreUnavailableError(
                    f"the server runs with {name}=off, and a crash could take back what was"
                    " acknowledged"
                )
        for name in ("server_encoding", "client_encoding"):
            if settings[name] not in {None, "UTF8"}:
                raise StoreMisuseError(f"{name} is {settings[name]}, and UTF8 is needed")
        if settings["transaction_read_only"] == "on":
            raise StoreUnavailableError(
                "the server takes no writes; it is a standby, or read-only"
            )
        if self._require_sync_standby and not settings["synchronous_standby_names"]:
            raise StoreUnavailableError(
                "the server has no synchronous standby (synchronous_standby_names is empty)"
            )

    def _take(self) -> Connection:
        if self._pool is not None:
            return self._from_pool(self._pool)
        if not self._free.acquire(timeout=self.timeout):
            raise StoreUnavailableError(
                f"all {self._most} connections were busy for {self.timeout:g} s, its timeout"
            )
        try:
            with suppress(IndexError):
                return self._idle.pop()
            return self._connected()
        except BaseException:
            self._free.release()
            raise

    def _from_pool(self, pool: Pool) -> Connection:
        if self._inherited:
            raise StoreMisuseError("the pool belongs to the parent process; make one for each")
        try:
            return pool.getconn(timeout=self.timeout)
        except psycopg.Error as error:  # PoolTimeout, PoolClosed
            raise StoreUnavailableError(f"the pool gives no connection: {error}") from None

    def _connected(self) -> Connection:
        try:
            return psycopg.connect(self._conninfo, autocommit=True)
        except psycopg.Error as error:
            raise StoreUnavailableError(_why_not(error)) from None

    def _give_back(self, connection: Connection, *, was_autocommit: bool) -> None:
        is_idle = (
            connection.info.transaction_status == TransactionStatus.IDLE
            and connection.pgconn.pipeline_status == PipelineStatus.OFF
        )
        if not is_idle or self._is_closed:
            connection.close()
        elif not was_autocommit:
            connection.autocommit = False
        if self._pool is not None:
            self._pool.putconn(connection)
            return
        if not connection.closed:
            self._idle.append(connection)
        self._free.release()

    def drop_idle(self) -> None:
        """Close what is idle: the server that it was connected to has ended or lost its role."""
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def close(self) -> None:
        self._is_closed = True
        self.drop_idle()


def _conninfo(text: str) -> str:
    # What libpq says of a wrong one quotes the text, perhaps with the password: so our error is
    # raised where it does not refer to that. And libpq reads no further than a NUL, and takes a
    # password with a / or an @ in it for the host, and quotes that.
    scheme = _SCHEME.match(text)
    if scheme is not None and scheme[0] not in {"postgres://", "postgresql://"}:
        raise StoreMisuseError(f"a URL must begin with postgresql://, not with {scheme[0]}")
    if scheme is not None and not _URL.fullmatch(text):
        raise StoreMisuseError(
            "the URL of the database cannot be read; in a password write %40 for @ and %2F for /,"
            " or give it as PGPASSWORD"
        )
    if "\0" not in text:
        with suppress(psycopg.Error):
            given = psycopg.conninfo.conninfo_to_dict(text)
            return psycopg.conninfo.make_conninfo("", **{**_DEFAULTS, **given})
    # The command line has it in the URL.
    schema = "; the schema is an argument of the store, schema=..." if "schema=" in text else ""
    raise StoreMisuseError(
        "the connection string cannot be read; it looks like"
        f" postgresql://user@host:5432/database or like host=... dbname=... user=...{schema}"
    )


def _why_not(error: psycopg.Error) -> str:
    """Return why no connection came about, in one sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    what = lines[0].removeprefix("connection failed: ").removeprefix("connection is bad: ")
    where = "; give it as PGPASSWORD or in ~/.pgpass" if "no password supplied" in what else ""
    return f"no connection: {what.removesuffix('.')}{where}"


def look_at(connection: Connection | Adapted) -> Seen:
    version, pid, *values = run(connection, None, (_LOOK, ()))[0][0]
    settings = dict(zip(SETTINGS, values, strict=True))
    # A pooler gives every client a number of its own making.
    settings["version"] = version
    settings["pooler"] = None if pid == connection.info.backend_pid else "yes"
    if connection.info.server_version < _OLDEST:
        raise StoreMisuseError(f"it needs PostgreSQL 13 or later, and this is {version}")
    return Seen(settings)


_forked: "weakref.WeakSet[Connections]" = weakref.WeakSet()


def _in_child() -> None:
    for connections in list(_forked):
        connections.after_fork()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_in_child)
