"""
Create, check, migrate and print the SQLite schema.

Decided here: how a database gets from one version of the schema, in `_schema`, to the next:
`migrate` runs the statements that are missing, all or none.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from bankcore.ledger._errors import StoreMisuseError
from bankcore.stores._migrations import (
    Pooled,
    driver_of,
    known_version,
    no_connection,
    one_version,
    statements_to,
)
from bankcore.stores._sqlite._errors import (
    primary_code,
    roll_back,
    roll_back_to,
    sentence,
    translated,
)
from bankcore.stores._sqlite._schema import FIRST, SECOND

#: For each version of the schema, the statements that lead there from the one before.
STEPS: Final[dict[int, Sequence[str]]] = {1: FIRST, 2: SECOND}

_SAVEPOINT: Final = "bankcore_migration"


def newest_version() -> int:
    return max(STEPS)


def schema_sql(version: int | None) -> str:
    statements = statements_to(known_version(version, STEPS), 0, STEPS)
    return "".join(each.strip().replace("\n    ", "\n") + ";\n" for each in statements)


def migrate(connection: sqlite3.Connection, to: int | None = None) -> int:
    wanted = known_version(to, STEPS)
    try:
        with _all_or_nothing(connection):
            found = version_in(connection)
            for statement in statements_to(wanted, found, STEPS):
                connection.execute(statement)
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError) as error:
        raise StoreMisuseError(f"the connection does not work: {sentence(error)}") from error
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_ERROR:
            raise StoreMisuseError(f"the tables cannot be made here: {sentence(error)}") from error
        raise translated(error) from error
    return wanted


def usable(connection: sqlite3.Connection | Pooled) -> sqlite3.Connection:
    """Return *connection*, of sqlite3 or SQLAlchemy, as statements run on it; or raise."""
    driver = driver_of(connection)
    if not isinstance(driver, sqlite3.Connection):
        raise no_connection("sqlite3.Connection", driver)
    return driver


def version_in(connection: sqlite3.Connection) -> int:
    """Return the version of the schema on *connection*; 0 if it has no tables of bankcore."""
    if not _plain_rows(
        connection, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'bankcore_schema'"
    ):
        return 0
    return one_version(_plain_rows(connection, "SELECT version FROM bankcore_schema"))


def _plain_rows(connection: sqlite3.Connection, statement: str) -> list[Any]:
    """Return the rows as tuples, whatever the connection's own row factory."""
    # The cursor has no name: a traceback would keep it, and with it SQLite's lock.
    return sqlite3.Cursor(connection).execute(statement).fetchall()


@contextmanager
def _all_or_nothing(connection: sqlite3.Connection) -> Iterator[None]:
    """Open a savepoint in the caller's transaction, or a transaction if there is none."""
    is_part = connection.in_transaction
    connection.execute(f"SAVEPOINT {_SAVEPOINT}" if is_part else "BEGIN IMMEDIATE")
    try:
        yield
        connection.execute(f"RELEASE {_SAVEPOINT}" if is_part else "COMMIT")
    except BaseException:
        if is_part:
            roll_back_to(_SAVEPOINT, connection, connection.execute)
        else:
            roll_back(connection)
        raise
