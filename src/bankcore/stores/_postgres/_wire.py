"""
Statements on a connection, several in one turn.

Decided here: how statements and values cross the wire. It is libpq's pipeline mode, below the
cursors of psycopg, for three reasons. A turn takes half of the processor time that it takes with
cursors. Nothing is cancelled on the way: psycopg cancels what runs when the program is
interrupted, and a commit that is cancelled while it waits for its standby may be lost later. And
neither the adapters nor the row factory that an application has given its connection change what
is read.

A statement is prepared the second time that it is sent, unless a pooler stands between or many
others came before it: each takes memory of the server, and searches have many forms.
"""

import asyncio
import select
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import compress, count
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.pq import ExecStatus, PipelineStatus

from bankcore.ledger._errors import StoreMisuseError
from bankcore.stores._migrations import driver_of, no_connection

if TYPE_CHECKING:
    from psycopg.pq.abc import PGresult

Connection = psycopg.Connection[Any]
Statement = tuple[str, Sequence[object]]
Rows = list[tuple[Any, ...]]

# Plain integers, as they are compared for every result.
_FAILED: Final = int(ExecStatus.FATAL_ERROR)
_SYNC: Final = int(ExecStatus.PIPELINE_SYNC)
_HAS_ROWS: Final = int(ExecStatus.TUPLES_OK)

# How values of a type are read, by its number in PostgreSQL; all others are texts.
_READERS: Final[dict[int, Callable[[bytes], object]]] = {
    17: lambda text: bytes.fromhex(text[2:].decode()),  # bytea
    20: int,
    21: int,
    23: int,
}


# No more statements are prepared on one connection.
_PREPARED_MAX: Final = 300


class Prepared:
    """The statements that are prepared on one connection, and those that were sent once."""

    def __init__(self) -> None:
        self.names: dict[str, bytes] = {}
        self.sent: set[str] = set()
        # A name that failed on its way is never given again.
        self.numbers = count()


class Adapted:
    """
    A connection of asyncio, as SQLAlchemy adapts it for what it runs by ``run_sync``.

    It is as good as a `Connection` here, and while it waits for the server other tasks run: one of
    them may have the lock that it waits for.
    """

    def __init__(self, adapted: Any) -> None:  # noqa: ANN401  # SQLAlchemy may not be there
        self._run_async = adapted.run_async
        self.driver: psycopg.AsyncConnection[Any] = adapted.driver_connection
        self.pgconn = self.driver.pgconn
        self.info = self.driver.info

    @property
    def autocommit(self) -> bool:
        return self.driver.autocommit

    def execute(self, statement: str) -> None:
        self._run_async(lambda driver: driver.execute(statement))

    def cancel_safe(self) -> None:
        self._run_async(lambda driver: driver.cancel_safe())

    @contextmanager
    def transaction(self) -> Iterator[None]:  # pragma: no cover  # it leaves its greenlet
        """Run what is within as psycopg's `transaction` does: all or nothing."""
        # Coverage loses sight of it then, and would take a quarter longer to keep greenlets
        # apart. tests/integrations has both ways through it.
        transaction = self.driver.transaction()
        self._run_async(lambda _: transaction.__aenter__())
        try:
            yield
        except BaseException as error:
            told = (type(error), error, error.__traceback__)
            self._run_async(lambda _: transaction.__aexit__(*told))
            raise
        self._run_async(lambda _: transaction.__aexit__(None, None, None))

    def wait(self, socket: int, _ends: float | None, *, is_sending: bool) -> None:
        self._run_async(lambda _: _ready(socket, is_sending=is_sending))


def usable(connection: Any) -> Connection | Adapted:  # noqa: ANN401  # whatever is given
    """Return *connection*, of psycopg or SQLAlchemy, as statements run on it; or raise."""
    driver = driver_of(connection)
    if isinstance(driver, psycopg.Connection):
        return driver
    if isinstance(driver, psycopg.AsyncConnection) and hasattr(connection, "run_async"):
        return Adapted(connection)
    raise no_connection("psycopg.Connection", driver)


def require_open(connection: Connection | Adapted) -> None:
    """Raise `StoreMisuseError` if the application has closed *connection*."""
    driver = connection.driver if isinstance(connection, Adapted) else connection
    # One that broke is closed too, and is the server's or the network's fault.
    if driver.closed and not driver.broken:
        raise StoreMisuseError("the connection is closed; make the store on one that is open")


async def _ready(socket: int, *, is_sending: bool) -> None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(socket, ready.set)
    if is_sending:
        loop.add_writer(socket, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(socket)
        loop.remove_writer(socket)


def run(
    connection: Connection | Adapted,
    prepared: Prepared | None,
    *statements: Statement,
    seconds: float | None = None,
) -> list[Rows]:
    """
    Run *statements* in one turn, and return the rows of each; of one without rows, its tag.

    Raises:
        psycopg.Error: If one failed. Those after it were not run. Or if the server has not
            answered in so many *seconds*; then the connection is to be closed.
        StoreMisuseError: If the connection is in a pipeline of the application's.
    """
    pgconn = connection.pgconn
    if pgconn.pipeline_status != PipelineStatus.OFF:
        raise StoreMisuseError("the connection is in pipeline mode; leave it first")
    pgconn.enter_pipeline_mode()
    names: dict[str, bytes] = {}
    # Each that is prepared first has a result of its own, which says nothing.
    is_wanted: list[bool] = []
    for statement, parameters in statements:
        values = [_written(each) for each in parameters]
        name = None
        if prepared is not None:
            name = prepared.names.get(statement) or names.get(statement)
            if name is None and statement in prepared.sent:
                name = names[statement] = b"bankcore_%d" % next(prepared.numbers)
                pgconn.send_prepare(name, statement.encode())
                is_wanted.append(False)
            elif len(prepared.sent) < _PREPARED_MAX:
                prepared.sent.add(statement)
        if name is None:
            pgconn.send_query_params(statement.encode(), values)
        else:
            pgconn.send_query_prepared(name, values)
        is_wanted.append(True)
    pgconn.pipeline_sync()
    results = _results(connection, seconds)
    if prepared is not None:
        prepared.names |= names
    return [_rows(result) for result in compress(results, is_wanted)]


def abandon(connection: Connection | Adapted) -> None:
    """End a turn that was interrupted, so that the connection can be used again."""
    if connection.pgconn.pipeline_status != PipelineStatus.OFF:
        connection.cancel_safe()
        with suppress(psycopg.Error):
            _results(connection)


def _written(value: object) -> bytes | None:
    """Return *value* as PostgreSQL reads it where its type is known from the statement."""
    if value is None:
        return None
    if type(value) is bytes:
        return b"\\x" + value.hex().encode()
    return str(value).encode()


def _results(connection: Connection | Adapted, seconds: float | None = None) -> "list[PGresult]":
    """Return the results of all that was sent, or raise what the first that failed came to."""
    pgconn = connection.pgconn
    wait = connection.wait if isinstance(connection, Adapted) else _wait
    ends = None if seconds is None else time.monotonic() + seconds
    results: list[PGresult] = []
    failed: PGresult | None = None
    try:
        is_sending = pgconn.flush()
        while True:
            wait(pgconn.socket, ends, is_sending=bool(is_sending))
            pgconn.consume_input()
            if is_sending:
                is_sending = pgconn.flush()
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:  # between two statements
                    continue
                status = result.status
                if status == _SYNC:
                    pgconn.exit_pipeline_mode()
                    if failed is None:
                        return results
                    raise psycopg.errors.error_from_result(failed)
                if status == _FAILED and failed is None:
                    failed = result
                results.append(result)
    except psycopg.OperationalError:
        if failed is None:
            raise
        # It has said why before it ended the connection.
        raise psycopg.errors.error_from_result(failed) from None


def _wait(socket: int, ends: float | None, *, is_sending: bool) -> None:
    """Return when the server has sent something, or takes more; raise if time *ends* first."""
    left = None if ends is None else max(0.0, ends - time.monotonic())
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(socket, select.POLLIN | (select.POLLOUT if is_sending else 0))
        is_ready = bool(poll.poll(None if left is None else left * 1000))
    else:  # pragma: no cover  # on Windows
        is_ready = any(select.select([socket], [socket] if is_sending else [], [], left))
    if not is_ready:
        raise psycopg.OperationalError("the server does not answer in time")


def _rows(result: "PGresult") -> Rows:
    if result.status != _HAS_ROWS:
        return [((result.command_status or b"").decode(),)]
    readers = [_READERS.get(result.ftype(n), bytes.decode) for n in range(result.nfields)]
    value_at = result.get_value
    return [
        tuple(
            None if (value := value_at(row, n)) is None else read(value)
            for n, read in enumerate(readers)
        )
        for row in range(result.ntuples)
    ]
