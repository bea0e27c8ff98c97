"""
The checks of a SQLite store's tables, beyond what their constraints say.

Decided here: which columns repeat what others say, so that look-ups are quick, and that each
repeats it rightly. The rest is the audit's, which knows the journal and not the tables.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from bankcore.commands import Reverse
from bankcore.ledger import _codec as codec
from bankcore.ledger._errors import StoreCorruptedError
from bankcore.stores._rows import require_order
from bankcore.stores._sqlite._migrations import PREFIX, migrate
from bankcore.values import TransactionId

_Read = Callable[[str, Sequence[object]], list[Any]]

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
    "refusal {} has postings": (
        "SELECT transaction_id FROM bankcore_journal WHERE refusal_code IS NOT NULL AND place IN"
        " (SELECT place FROM bankcore_posting)"
    ),
    "transaction {} lacks a line": (
        "SELECT transaction_id FROM bankcore_journal WHERE place IN (SELECT place"
        " FROM bankcore_posting GROUP BY place HAVING count(*) <> max(line) + 1)"
    ),
    "account {} has a posting of version {}, but its own version is {}": (
        "SELECT a.id, p.version, a.version FROM bankcore_account a JOIN bankcore_posting p"
        " ON p.account_key = a.key AND p.version > a.version"
    ),
}


def table_errors(read: _Read) -> Iterator[str]:
    """Yield a sentence for each thing wrong between the tables; *read* runs one statement."""
    for table, _, parent, _ in read("PRAGMA foreign_key_check", ()):
        if table.startswith(PREFIX):  # an application's own tables may be beside them
            yield f"a row of {table} refers to a missing row of {parent}"
    yield from _schema_errors(read)
    yield from _reversal_errors(read)
    yield from _holder_errors(read)
    for sentence, statement in _WRONG_ROWS.items():
        for row in read(statement, ()):
            yield sentence.format(*row)


def _schema_errors(read: _Read) -> Iterator[str]:
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


def _reversal_errors(read: _Read) -> Iterator[str]:
    """Yield where a record's column ``reverses`` is not what its command says."""
    after = 0
    while rows := read(
        "SELECT place, transaction_id, command_kind, command, refusal_code, reverses"
        " FROM bankcore_journal WHERE place > ? AND (reverses IS NOT NULL"
        " OR command_kind = 'reverse') ORDER BY place LIMIT 1000",
        (after,),
    ):
        for _, name, kind, command, code, reverses in rows:
            try:
                with codec.reading(f"transaction {name}"):
                    asked = codec.command_from_text(kind, command, TransactionId(name))
            except StoreCorruptedError as error:
                yield str(error)
                continue
            original = None
            if isinstance(asked, Reverse) and code is None:
                original = asked.original_id.value
            if reverses != original:
                yield f"transaction {name} is said to reverse {reverses}, and reverses {original}"
        require_order("the places of the journal", rows[-1][0], after)
        after = rows[-1][0]


def _holder_errors(read: _Read) -> Iterator[str]:
    rows = read(
        "SELECT a.id, a.holders, w.principal FROM bankcore_account a"
        " LEFT JOIN bankcore_holder w ON w.account_key = a.key"
        " WHERE a.holders IS NOT NULL OR w.principal IS NOT NULL ORDER BY a.id, w.principal",
        (),
    )
    for (name, text), group in groupby(rows, key=itemgetter(0, 1)):
        indexed = [principal for _, _, principal in group if principal is not None]
        try:
            with codec.reading(f"account {name}"):
                holders = sorted(each.principal.value for each in codec.holders_from_text(text))
        except StoreCorruptedError as error:
            yield str(error)
            continue
        if indexed != holders:
            yield f"account {name} is listed under {indexed}, and its holders are {holders}"
