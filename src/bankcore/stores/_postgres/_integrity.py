"""
The checks of a PostgreSQL store's tables, beyond what their constraints say.

Decided here: what every engine's tables have in common, and what only these can have wrong: they
have no foreign keys of postings and metadata, and an owner may have changed them.
"""

from collections.abc import Iterator
from typing import Final

from bankcore.stores._integrity import Read, row_errors

_WRONG_ROWS: Final = {
    "a posting of place {} refers to a missing record": (
        "SELECT DISTINCT posting.place FROM bankcore_posting AS posting"
        " LEFT JOIN bankcore_journal AS journal ON journal.place = posting.place"
        " WHERE journal.place IS NULL"
    ),
    "a posting of place {} refers to a missing account": (
        "SELECT DISTINCT posting.place FROM bankcore_posting AS posting"
        " LEFT JOIN bankcore_account AS account ON account.key = posting.account_key"
        " WHERE account.key IS NULL"
    ),
    "account {} is listed under its metadata, and is missing": (
        "SELECT DISTINCT other.account_id FROM bankcore_account_metadata AS other"
        " LEFT JOIN bankcore_account AS account ON account.id = other.account_id"
        " WHERE account.id IS NULL"
    ),
}


def table_errors(read: Read, schema: str, *, has_triggers: bool) -> Iterator[str]:
    """Yield a sentence for each thing wrong between the tables; *read* runs one statement."""
    if has_triggers:
        yield from _trigger_errors(read, schema)
    yield from row_errors(read, _WRONG_ROWS)


def _trigger_errors(read: Read, schema: str) -> Iterator[str]:
    """Yield where a table that only grows is not guarded against changes."""
    guarded = {
        table
        for (table,) in read(
            "SELECT c.relname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname = ? AND t.tgname LIKE '%append_only' AND t.tgenabled IN ('O', 'A')",
            (schema,),
        )
    }
    for table in ("journal", "posting"):
        if f"bankcore_{table}" not in guarded:
            yield f"the trigger that keeps bankcore_{table} from being changed is missing"
