"""
Create, check, migrate and print the SQLite schema.

Decided here: how a database gets from one version of the schema, in `_schema`, to the next:
`migrate` runs the statements that are missing, all or none.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from bankcore.ledger._errors import SchemaVersionError, StoreCorruptedError, StoreMisuseError
from bankcore.stores._sqlite._errors import primary_code, roll_back, roll_back_to, translated
from bankcore.stores._sqlite._schema import SCHEMA

#: For each version of the schema, the statements that lead there from the one before.
STEPS: Final[dict[int, Sequence[str]]] = {1: SCHEMA}

#: The beginning of the names of bankcore's tables, indexes and triggers.
PREFIX: Final = "bankcore_"

_SAVEPOINT: Final = "bankcore_migration"


def newest_version() -> int:
    return max(STEPS)


def schema_sql(version: int | None = None) -> str:
    """
    Return the SQL that makes the tables of *version*, or of the newest, in an empty database.

    Each statement ends with a semicolon, and none begins a transaction: it is for migration tools.

        >>> schema_sql().splitlines()[0]
        'CREATE TABLE bankcore_schema ('

    Raises:
        StoreMisuseError: If this bankcore knows no such version.
    """
    statements = _statements(0, _known(version))
    return "".join(each.strip().replace("\n    ", "\n") + ";\n" for each in statements)


def migrate(connection: sqlite3.Connection, to: int | None = None) -> int:
    """
    Bring bankcore's tables on *connection* to version *to* of the schema, and return it.

    It makes the tables if there are none. In your transaction the migration is a part of it, final
    when you commit; otherwise it is a transaction of its own. If it fails or is killed, the
    database is as before, and it can be run again. (If a disk failure prevents undoing it alone,
    your whole transaction is rolled back.)

    Args:
        connection: Yours. Its settings stay as they are.
        to: The version; without one, the newest that this bankcore knows.

    Raises:
        SchemaVersionError: If a newer bankcore wrote the tables.
        StoreMisuseError: If this bankcore knows no version *to*, if the tables are already
            of a later one, as there is no way back, or if the connection cannot do it.
        StoreUnavailableError: If the database is busy or cannot be written.
    """
    require_connection(connection)
    wanted = _known(to)
    try:
        with _all_or_nothing(connection):
            found = version_in(connection)
            if found > newest_version():
                raise SchemaVersionError(found, newest_version())
            if found > wanted:
                raise StoreMisuseError(
                    f"the tables have schema version {found}, and there is no way back to {wanted}"
                )
            for statement in _statements(found, wanted):
                connection.execute(statement)
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError) as error:
        raise StoreMisuseError(f"the connection does not work: {error}") from error
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_ERROR:
            raise StoreMisuseError(f"the tables cannot be made here: {error}") from error
        raise translated(error) from error
    return wanted


def require_connection(connection: object) -> None:
    if connection is None:
        # What Django has in place of a connection that was not used yet.
        raise StoreMisuseError(
            "it needs a sqlite3.Connection, got None; have it opened first, by"
            " ensure_connection() in Django"
        )
    if not isinstance(connection, sqlite3.Connection):
        raise StoreMisuseError(f"it needs a sqlite3.Connection, got a {type(connection).__name__}")


def include_object(
    _object: object, name: str | None, type_: str, _reflected: object, _compare_to: object
) -> bool:
    """
    Return False for what is bankcore's, which Alembic must not touch, and True for all else.

    Give it to ``context.configure(include_object=...)``, so that ``--autogenerate`` does not drop
    tables that no model of yours describes.

        >>> include_object(None, "bankcore_account", "table", True, None)
        False
        >>> include_object(None, "invoice", "table", True, None)
        True
    """
    return type_ not in {"table", "index"} or not (name or "").startswith(PREFIX)


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


def one_version(rows: Sequence[Sequence[Any]]) -> int:
    """Return the version in the *rows* of ``bankcore_schema``, or raise `StoreCorruptedError`."""
    if len(rows) != 1:
        raise StoreCorruptedError(f"it has {len(rows)} schema versions, not one")
    ((version,),) = rows
    if type(version) is not int or version < 1:
        raise StoreCorruptedError(
            f"it has the schema version {version!r}, not a number above zero"
        )
    return version


def require_newest(found: int) -> None:
    if found != newest_version():
        raise SchemaVersionError(found, newest_version())


def _known(version: int | None) -> int:
    if version is None:
        return newest_version()
    if type(version) is not int or version not in STEPS:
        raise StoreMisuseError(
            f"there is no version {version!r} of the schema, only 1 to {newest_version()}"
        )
    return version


def _statements(found: int, wanted: int) -> Iterator[str]:
    for version in range(found + 1, wanted + 1):
        yield from STEPS[version]
        if version > 1:  # the first makes the table with its row
            yield f"UPDATE bankcore_schema SET version = {version}"


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
