"""
The checks of a SQLite store's tables, beyond what their constraints say.

Decided here: what only a file of SQLite can have wrong: pages, the statements that made its
tables, and numbers that are given one after the other. The rest every engine has in common.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from bankcore.stores._integrity import Read, row_errors
from bankcore.stores._migrations import PREFIX
from bankcore.stores._sqlite._migrations import migrate

# After 2**63 - 1, SQLite takes any key that is free, and the newest denials are not the last.
_DENIAL_KEY_MAX: Final = 2**62

# For each row that a statement finds, its sentence.
_WRONG_ROWS: Final = {
    # Nothing is ever deleted, so the places are the numbers from 1 on.
    "the journal has {} records, and their places are from {} to {}": (
        "SELECT * FROM (SELECT count(*) AS n, min(place) AS first, max(place) AS last"
        " FROM bankcore_journal) WHERE n > 0 AND (first <> 1 OR last <> n)"
    ),
    # So are the keys of accounts.
    "there are {} accounts, and their keys are from {} to {}": (
        "SELECT * FROM (SELECT count(*) AS n, min(key) AS first, max(key) AS last"
        " FROM bankcore_account) WHERE n > 0 AND (first <> 1 OR last <> n)"
    ),
    # A record has placed each, and a key is the next number.
    "hold {} has the key {}, beyond the number of holds that were ever placed": (
        "SELECT id, key FROM bankcore_hold"
        " WHERE key > (SELECT coalesce(max(place), 0) FROM bankcore_journal)"
    ),
    "a denial has the key {}, beyond all that are ever made": (
        f"SELECT key FROM bankcore_denial WHERE key > {_DENIAL_KEY_MAX}"
    ),
}


def table_errors(read: Read) -> Iterator[str]:
    """Yield a sentence for each thing wrong between the tables; *read* runs one statement."""
    for table, _, parent, _ in read("PRAGMA foreign_key_check", ()):
        if table.startswith(PREFIX):  # an application's own tables may be beside them
            yield f"a row of {table} refers to a missing row of {parent}"
    yield from _schema_errors(read)
    yield from row_errors(read, _WRONG_ROWS)


def _schema_errors(read: Read) -> Iterator[str]:
    objects = "SELECT type, name, tbl_name, sql FROM sqlite_master"
    found = {
        (kind, name): _normalized(sql)
        for kind, name, table, sql in read(objects, ())
        if str(name).startswith(PREFIX) or str(table).startswith(PREFIX)
    }
    with closing(sqlite3.connect(":memory:")) as made:
        migrate(made)
        wanted = {(kind, name): _normalized(sql) for kind, name, _, sql in made.execute(objects)}
    for each, sql in wanted.items():
        if each not in found:
            yield f"the {each[0]} {each[1]} is missing"
        elif found[each] != sql:
            yield f"the {each[0]} {each[1]} is not as bankcore makes it"
    for kind, name in found:
        if kind != "index" and (kind, name) not in wanted:  # an application may add indexes
            yield f"the {kind} {name} is none of bankcore's"


def _normalized(sql: str | None) -> str:
    # Migration tools may have changed the white space.
    return " ".join(str(sql or "").split())
