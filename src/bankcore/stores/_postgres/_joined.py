"""
The store on a connection that the application owns, so that money and rows commit together.

Decided here: what a unit is inside the application's transaction. It is a savepoint, in which it
locks, reads and writes as `PostgresStore` does. Nothing here begins or commits a transaction or
changes a setting: the application does that.
"""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.ledger._errors import StoreMisuseError
from bankcore.stores import _rows
from bankcore.stores._postgres import _migrations
from bankcore.stores._postgres._connections import Seen, look_at
from bankcore.stores._postgres._errors import translated
from bankcore.stores._postgres._statements import Unit, in_schema
from bankcore.stores._postgres._tables import PostgresTables
from bankcore.stores._postgres._wire import Rows, Statement, abandon, require_open, run, usable

_SAVEPOINT: Final = "unit_of_bankcore"


class JoinedPostgresStore(PostgresTables):
    """
    An `AccountStore` in the application's own database, inside its own transaction.

    Each unit is a savepoint of the transaction that is open on *connection*. What was
    booked, and every refusal that was recorded, is final when the application commits, and
    is undone if it rolls back. The tables are made by `bankcore.stores.migrate`.

    It belongs to the thread that made it, and may be made anew for each transaction: making one
    costs nothing, and there is nothing to close. The accounts of a unit stay locked until the
    transaction ends, so keep it short.

    Args:
        connection: An open ``psycopg.Connection``, or SQLAlchemy's ``connection.connection``, also
            in what its ``run_sync`` runs. It stays the application's.
        schema: The schema of the tables.

    Raises:
        StoreMisuseError: If it is not one, or *schema* is no name.
    """

    #: `bankcore.Bank` retries no unit: nothing is final before the application commits.
    in_host_transaction: Final = True

    def __init__(
        self,
        connection: Any,  # noqa: ANN401  # psycopg's, or SQLAlchemy's, which may not be there
        *,
        schema: str = "bankcore",
    ) -> None:
        self._schema = _migrations.require_schema(schema)
        self._connection = usable(connection)
        self._owner = (os.getpid(), threading.get_ident())

    def __repr__(self) -> str:
        return f"JoinedPostgresStore({self._location()!r}, schema={self._schema!r})"

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        self._require_transaction()
        unit = Unit(self._run)
        is_deciding = False
        try:
            unit.lock_and_read(reads, (f"SAVEPOINT {_SAVEPOINT}", ()))
            known = unit.known()
            snapshot = _rows.read_unit(unit, Unit.fetch, reads, known)
            is_deciding = True
            written = decide(snapshot)
            is_deciding = False
            release = (f"RELEASE SAVEPOINT {_SAVEPOINT}", ())
            if written.records:
                unit.write(written, known, release)
            else:
                unit.run(release)
        except BaseException as error:
            self._undo()
            if isinstance(error, psycopg.Error) and not is_deciding:
                raise translated(error, _migrations.newest_version()) from error
            raise
        return written

    def _undo(self) -> None:
        # Where this fails, the transaction has failed as a whole, and cannot be committed.
        with suppress(psycopg.Error):
            abandon(self._connection)
            run(
                self._connection,
                None,
                (f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}", ()),
                (f"RELEASE SAVEPOINT {_SAVEPOINT}", ()),
            )

    def _require_transaction(self) -> None:
        status = self._connection.info.transaction_status
        if status == TransactionStatus.IDLE and self._connection.autocommit:
            raise StoreMisuseError(
                "no transaction is open on the connection; begin one first, with"
                " connection.transaction()"
            )
        if status == TransactionStatus.INERROR:
            raise StoreMisuseError("the transaction has failed; roll it back first")
        if status == TransactionStatus.IDLE:
            # psycopg begins it, as the application has told it to.
            self._connection.execute("SELECT 1")

    def _read(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        try:
            return self._run((statement, parameters))[0]
        except psycopg.Error as error:
            raise translated(error, _migrations.newest_version()) from error

    def _run(self, *statements: Statement) -> list[Rows]:
        if self._owner != (os.getpid(), threading.get_ident()):
            raise StoreMisuseError(
                "it belongs to the thread and process that made it; make one for each"
            )
        require_open(self._connection)
        schema = self._schema
        return run(
            self._connection,
            None,
            *((in_schema(each, schema), parameters) for each, parameters in statements),
        )

    def _seen(self) -> Seen:
        return look_at(self._connection)

    def _location(self) -> str:
        return f"the application's connection to {self._connection.info.dbname}"
