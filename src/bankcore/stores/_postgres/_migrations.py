"""
Create, check, migrate and print the PostgreSQL schema.

Decided here: how the tables of one schema get from one version to the next: in one transaction,
alone, all or nothing.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from bankcore.ledger._errors import StoreMisuseError
from bankcore.stores._migrations import known_version, one_version, require_newest, statements_to
from bankcore.stores._postgres._connections import Engine
from bankcore.stores._postgres._errors import translated
from bankcore.stores._postgres._schema import ONLY_POSTGRES, TABLES
from bankcore.stores._postgres._statements import in_schema
from bankcore.stores._postgres._wire import Adapted, Connection, run, usable
from bankcore.values._errors import shown

#: For each version of the schema, the statements that lead there from the one before.
STEPS: Final[dict[int, Sequence[str]]] = {1: TABLES}
#: For each version, what PostgreSQL alone is given after them.
_STEPS_OF_POSTGRES: Final[dict[int, Sequence[str]]] = {1: (*TABLES, *ONLY_POSTGRES)}

_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtext($1))"
# Who may not read the tables must not take them for missing.
_EXISTS: Final = (
    "SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relname = 'bankcore_schema'"
)
_SCHEMA_EXISTS: Final = "SELECT 1 FROM pg_namespace WHERE nspname = $1"


def newest_version() -> int:
    return max(STEPS)


def require_schema(schema: object) -> str:
    """Return *schema*, the name of one, or raise `StoreMisuseError`."""
    if type(schema) is not str or not _SCHEMA.fullmatch(schema) or schema.startswith("pg_"):
        raise StoreMisuseError(
            "schema must be a name of small letters, digits and underscores, at most 63, that"
            f" begins with a letter, got {shown(schema)}"
        )
    return schema


def schema_sql(version: int | None, schema: str) -> str:
    steps = statements_to(known_version(version, STEPS), 0, _STEPS_OF_POSTGRES)
    statements = [f'CREATE SCHEMA IF NOT EXISTS "{require_schema(schema)}"', *steps]
    lines = (in_schema(each, schema).strip().replace("\n    ", "\n") for each in statements)
    return "".join(f"{each};\n" for each in lines)


def migrate(given: Any, to: int | None, schema: str) -> int:  # noqa: ANN401  # whatever is given
    connection = usable(given)
    wanted = known_version(to, STEPS)
    require_schema(schema)
    found = None
    try:
        # In the caller's transaction this is a savepoint.
        with connection.transaction():
            ((version,),) = run(connection, None, ("SELECT version()", ()))[0]
            is_postgres = Engine.named(version).has_snapshots
            if is_postgres:  # so that of two who make the tables the second finds them
                run(connection, None, (_ALONE, (f"bankcore:{schema}",)))
            found = version_in(connection, schema)
            steps = _STEPS_OF_POSTGRES if is_postgres else STEPS
            statements = statements_to(wanted, found, steps)
            # Not IF NOT EXISTS, as that asks for the right to make it, even where it is there.
            if not run(connection, None, (_SCHEMA_EXISTS, (schema,)))[0]:
                run(connection, None, (f'CREATE SCHEMA "{schema}"', ()))
            for statement in statements:
                run(connection, None, (in_schema(statement, schema), ()))
    except psycopg.ProgrammingError as error:
        meaning = translated(error, newest_version())
        if found == 0 and isinstance(meaning, StoreMisuseError):
            meaning.reason += (
                f"; the schema {schema} has no tables of bankcore, which their owner makes by"
                " bankcore.stores.migrate"
            )
        raise meaning from error
    except psycopg.Error as error:
        raise translated(error, newest_version()) from error
    return wanted


def version_in(connection: Connection | Adapted, schema: str) -> int:
    """Return the version of the tables in *schema*; 0 if there are none."""
    if not run(connection, None, (_EXISTS, (schema,)))[0]:
        return 0
    return one_version(
        run(connection, None, (in_schema("SELECT version FROM bankcore_schema", schema), ()))[0]
    )


def require_tables(connection: Connection, schema: str) -> None:
    """Raise `SchemaVersionError` unless the tables in *schema* are of the newest version."""
    require_newest(version_in(connection, schema), STEPS)
