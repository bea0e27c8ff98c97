"""
Make and migrate the tables in a database of the application, whichever engine it is.

Decided here: which engine is asked.
"""

import sqlite3
import sys
from typing import Any, Final, Literal

from bankcore.ledger._errors import StoreMisuseError
from bankcore.stores._migrations import driver_of, no_connection
from bankcore.stores._sqlite import _migrations as sqlite_migrations
from bankcore.values._errors import shown

_SCHEMA: Final = "bankcore"


def schema_sql(
    version: int | None = None,
    *,
    engine: Literal["sqlite", "postgres"] = "sqlite",
    schema: str = _SCHEMA,
) -> str:
    """
    Return the SQL that makes the tables of *version*, or of the newest, in an empty database.

    Each statement ends with a semicolon, and none begins a transaction: it is for migration tools.

        >>> schema_sql().splitlines()[0]
        'CREATE TABLE bankcore_schema ('

    Args:
        version: The version of the tables; without one, the newest that this bankcore knows.
        engine: ``"sqlite"`` or ``"postgres"``.
        schema: In PostgreSQL, the schema in which the tables are made, and itself.

    Raises:
        StoreMisuseError: If this bankcore knows no such version or engine, or *schema* is no name.
        ImportError: If *engine* is PostgreSQL, and psycopg is not installed.
    """
    if engine == "postgres":
        from bankcore.stores._postgres import _migrations  # noqa: PLC0415  # needs psycopg

        return _migrations.schema_sql(version, schema)
    if engine != "sqlite":
        raise StoreMisuseError(f"engine must be 'sqlite' or 'postgres', got {shown(engine)}")
    return sqlite_migrations.schema_sql(version)


def migrate(
    connection: Any,  # noqa: ANN401  # of sqlite3, or of psycopg, which may not be there
    to: int | None = None,
    *,
    schema: str = _SCHEMA,
) -> int:
    """
    Bring bankcore's tables on *connection* to version *to* of the schema, and return it.

    It makes the tables if there are none. In your transaction the migration is a part of it, final
    when you commit; otherwise it is a transaction of its own. If it fails or is killed, the
    database is as before, and it can be run again. (If a disk failure prevents undoing it alone in
    SQLite, your whole transaction is rolled back.)

    Args:
        connection: Yours: of `sqlite3`, of psycopg, or SQLAlchemy's ``connection.connection``; for
            PostgreSQL in what its ``run_sync`` runs too. Its settings stay.
        to: The version; without one, the newest that this bankcore knows.
        schema: In PostgreSQL, the schema in which the tables are; it is made if it is missing.

    Raises:
        SchemaVersionError: If a newer bankcore wrote the tables.
        StoreMisuseError: If this bankcore knows no version *to*, if the tables are already
            of a later one, as there is no way back, or if the connection cannot do it.
        StoreUnavailableError: If the database is busy or cannot be written.
    """
    driver = driver_of(connection)
    if isinstance(driver, sqlite3.Connection):
        return sqlite_migrations.migrate(driver, to)
    psycopg = sys.modules.get("psycopg")
    if psycopg is None or not isinstance(driver, psycopg.Connection | psycopg.AsyncConnection):
        raise no_connection("sqlite3.Connection or a psycopg.Connection", driver)
    from bankcore.stores._postgres import _migrations  # noqa: PLC0415  # needs psycopg

    return _migrations.migrate(connection, to, schema)
