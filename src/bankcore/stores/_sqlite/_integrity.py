"""
What the tables of a SQLite store must have in common, beyond what their constraints say.

Decided here: which columns repeat what others say, so that looking things up is quick, and that
each repeats it rightly. The rest is the audit's, which knows the journal and not the tables.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import groupby
from operator import itemgetter
from typing import Any

from bankcore.commands import Reverse
from bankcore.ledger import _codec as codec
from bankcore.ledger._errors import StoreCorruptedError
from bankcore.stores._rows import require_order
from bankcore.stores._sqlite._migrations import PREFIX, migrate
from bankcore.values import TransactionId

_Read = Callable[[str, Sequence[object]], list[Any]]


def table_errors(read: _Read) -> Iterator[str]:
    """
    What is wrong between tables; *read* runs one statement.
    """
    for table, _, parent, _ in read("PRAGMA foreign_key_check", ()):
        if table.startswith(PREFIX):  # an application's own tables may be beside them
            yield f"a row of {table} refers to a missing row of {parent}"
    yield from _object_errors(read)
    yield from _text_errors(read)
    yield from _place_errors(read)
    yield from _reversal_errors(read)
    yield from _holder_errors(read)
    yield from _posting_errors(read)


def _object_errors(read: _Read) -> Iterator[str]:
    """
    Tables, their indexes and their triggers are those of the schema; an application may have
    added indexes.
    """
    objects = "SELECT type, name, tbl_name, sql FROM sqlite_master"
    found = {
        (kind, name): _folded(sql)
        for kind, name, table, sql in read(objects, ())
        if str(name).startswith(PREFIX) or str(table).startswith(PREFIX)
    }
    with closing(sqlite3.connect(":memory:")) as made:
        migrate(made)
        wanted = {(kind, name): _folded(sql) for kind, name, _, sql in made.execute(objects)}
    for each, sql in wanted.items():
        if each not in found:
            yield f"the {each[0]} {each[1]} is missing"
        elif found[each] != sql:
            yield f"the {each[0]} {each[1]} is not as bankcore makes it"
    for kind, name in found:
        if kind != "index" and (kind, name) not in wanted:
            yield f"the {kind} {name} is none of bankcore's"


def _folded(sql: str | None) -> str:
    """
    The statement with its white space folded, which migration tools may have changed.
    """
    return " ".join(str(sql or "").split())


def _text_errors(read: _Read) -> Iterator[str]:
    """
    Commands and facts stand there as they are written here, so that whoever reads the tables
    reads what the bank does. Read in pages: there may be very many.
    """
    after = 0
    while rows := read(
        "SELECT place, transaction_id, command_kind, command, refusal_code, refusal_facts,"
        " refusal_batch FROM bankcore_journal WHERE place > ? ORDER BY place LIMIT 1000",
        (after,),
    ):
        for _, name, kind, command, code, facts, batch in rows:
            # What cannot be read at all, the audit finds when it reads the journal.
            with suppress(StoreCorruptedError), codec.reading(f"transaction {name}"):
                asked = codec.command_from_text(kind, command, TransactionId(name))
                written = [codec.command_to_text(asked)[1], None, None]
                if code is not None:
                    written[1] = codec.facts_to_text(code, codec.facts_from_text(code, facts))
                    written[2] = codec.batch_to_text(codec.batch_from_text(batch))
                if written != [command, facts, batch]:
                    yield f"the text of {name} is not written as bankcore writes it"
        require_order("the places of the journal", rows[-1][0], after)
        after = rows[-1][0]


def _place_errors(read: _Read) -> Iterator[str]:
    """
    The places of the journal are the numbers from 1 on, with no gap: nothing is ever deleted.
    """
    ((count, first, last),) = read(
        "SELECT count(*), min(place), max(place) FROM bankcore_journal", ()
    )
    if count and (first, last) != (1, count):
        yield f"the journal has {count} records, and their places are from {first} to {last}"


def _reversal_errors(read: _Read) -> Iterator[str]:
    """
    A transaction that reverses another names it twice: in its command, and in a column. What was
    refused has reversed nothing.
    """
    for name, kind, command, reverses, refusal in read(
        "SELECT transaction_id, command_kind, command, reverses, refusal_code"
        " FROM bankcore_journal"
        " WHERE reverses IS NOT NULL OR (command_kind = 'reverse' AND refusal_code IS NULL)",
        (),
    ):
        try:
            with codec.reading(f"transaction {name}"):
                asked = codec.command_from_text(kind, command, TransactionId(name))
        except StoreCorruptedError as error:
            yield str(error)
            continue
        original = (
            asked.original_id.value if isinstance(asked, Reverse) and refusal is None else None
        )
        if reverses != original:
            yield f"transaction {name} is said to reverse {reverses}, and it reverses {original}"


def _holder_errors(read: _Read) -> Iterator[str]:
    """
    The holders of an account stand in its row, and each in a row of its own.
    """
    rows = read(
        "SELECT a.id, a.holders, w.principal FROM bankcore_account a"
        " LEFT JOIN bankcore_holder w ON w.account_key = a.key"
        " WHERE a.holders IS NOT NULL OR w.principal IS NOT NULL ORDER BY a.id, w.principal",
        (),
    )
    for (name, holders), group in groupby(rows, key=itemgetter(0, 1)):
        indexed = [principal for _, _, principal in group if principal is not None]
        try:
            with codec.reading(f"account {name}"):
                said = sorted(each.principal.value for each in codec.holders_from_text(holders))
        except StoreCorruptedError as error:
            yield str(error)
            continue
        if indexed != said:
            yield f"account {name} is listed under {indexed}, and its holders are {said}"


def _posting_errors(read: _Read) -> Iterator[str]:
    """
    Refusals move nothing, the lines of a transaction are the numbers from 0 on, and no posting
    is beyond its account's version.
    """
    for (name,) in read(
        "SELECT transaction_id FROM bankcore_journal WHERE refusal_code IS NOT NULL AND place IN"
        " (SELECT place FROM bankcore_posting)",
        (),
    ):
        yield f"refusal {name} has postings"
    for (name,) in read(
        "SELECT transaction_id FROM bankcore_journal WHERE place IN (SELECT place"
        " FROM bankcore_posting GROUP BY place HAVING count(*) <> max(line) + 1)",
        (),
    ):
        yield f"transaction {name} lacks a line"
    for name, version in read(
        "SELECT a.id, p.version FROM bankcore_account a JOIN bankcore_posting p"
        " ON p.account_key = a.key AND p.version > a.version",
        (),
    ):
        yield f"account {name} has a posting of version {version}, which it has not come to"
