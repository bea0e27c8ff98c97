"""
The SQL statements on the tables of PostgreSQL.

Decided here: how a unit locks, reads and writes. It locks the accounts first, in the order of
their ids, and reads what the locks protect in later statements: a statement sees the tables as
they were when it began, so that one which has waited for a lock may see what is no longer so.
Everything goes in arrays, so that a unit of any size takes one turn to read and one to write.

A unit has a number from a sequence, taken under its locks. The places and keys that it gives are
that number, shifted, and the numbers that follow, so that on each account places rise with
versions.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from bankcore.ledger import ReadSet, WriteSet
from bankcore.stores import _rows
from bankcore.stores._statements import ACCOUNTS, BY_IDS

# The most records, accounts or holds that one unit gives numbers to.
_UNIT_BITS: Final = 20

#: What runs statements in one turn: the rows of each.
Run = Callable[..., list[list[Any]]]

_INTEGERS: Final = re.compile(r".*(_minor|_at|_key|version|place|line|key|exponent)")


# The names of indexes and triggers are those of their tables' schema, and cannot name another.
_NAME: Final = re.compile("(?<!INDEX )(?<!TRIGGER )bankcore_")


@lru_cache(maxsize=1024)
def in_schema(statement: str, schema: str) -> str:
    """Return *statement*, one of bankcore's, as psycopg takes it, for the tables in *schema*."""
    return _NAME.sub(f'"{schema}".bankcore_', statement).replace("?", "%s")


# -- What a unit reads -------------------------------------------------------

_NAMED: Final = "SELECT key FROM bankcore_account WHERE id = ANY(?::text[])"
_TOUCHED: Final = (
    f"{_NAMED} UNION SELECT posting.account_key FROM bankcore_posting AS posting"
    " JOIN bankcore_journal AS journal ON journal.place = posting.place"
    " WHERE journal.transaction_id = ANY(?::text[])"
)
_IN_ORDER: Final = "ORDER BY id FOR UPDATE"

LOCK: Final = f"{_NAMED} {_IN_ORDER}"
LOCK_TOUCHED: Final = f"SELECT key FROM bankcore_account WHERE key IN ({_TOUCHED}) {_IN_ORDER}"
_ACCOUNTS_TOUCHED: Final = (
    f"{ACCOUNTS} WHERE account.key IN ({_TOUCHED}) ORDER BY account.id, hold.key"
)


def _by_ids(row: type[Any]) -> str:
    select, column, order = BY_IDS[row]
    return f"{select} WHERE {column} = ANY(?::text[]) ORDER BY {order}"


_BY_IDS: Final = {row: _by_ids(row) for row in BY_IDS}
# The record and the number in one statement: without a record, it gives the number alone.
_select, _, _order = BY_IDS[_rows.JournalRow]
_JOURNAL: Final = (
    _select.replace("SELECT ", "SELECT unit.number, ", 1).replace(
        " FROM ", " FROM (SELECT nextval('bankcore_unit') AS number) AS unit LEFT JOIN ", 1
    )
    + f" ON journal.transaction_id = ANY(?::text[]) ORDER BY {_order}"
)


class Unit:
    """The statements of one unit, which *run* runs: a `_rows.Fetch`, and then a write."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._rows: dict[type[Any], list[Any]] = {}
        self._number = 0
        #: Whether the unit has locked an account, so that its end is as durable as a write.
        self.has_locked = False

    def lock_and_read(self, reads: ReadSet, *before: tuple[str, Sequence[object]]) -> None:
        """Run *before*, lock, and read what every unit reads, in one turn."""
        originals = texts(each.value for each in reads.originals)
        ids = texts(each.value for each in (*reads.transaction_ids, *reads.originals))
        accounts = texts(each.value for each in reads.account_ids)
        lock, found, more = LOCK, _BY_IDS[_rows.AccountRow], []
        named: tuple[str, ...] = (accounts,)
        if reads.originals:
            lock, found, named = LOCK_TOUCHED, _ACCOUNTS_TOUCHED, (accounts, originals)
            more = [
                (_BY_IDS[_rows.PostingRow], (ids,)),
                (_BY_IDS[_rows.ReversalRow], (originals,)),
            ]
        answers = self.run(*before, (lock, named), (_JOURNAL, (ids,)), (found, named), *more)
        locked, journal, *others = answers[len(before) :]
        self.has_locked = bool(locked)
        self._number = journal[0][0]
        rows = [row[1:] for row in journal if row[1] is not None]
        classes = (_rows.AccountRow, _rows.PostingRow, _rows.ReversalRow)
        self._rows = dict(zip(classes, others, strict=False))
        self._rows[_rows.JournalRow] = rows

    def fetch(self, row: type[Any], ids: Sequence[str]) -> list[Any]:
        # The postings of what is recorded already are read where there is something.
        if row not in self._rows:
            self._rows[row] = self.run((_BY_IDS[row], (texts(ids),)))[0]
        return [row._make(each) for each in self._rows[row]]

    def known(self) -> _rows.Known:
        first = self._number << _UNIT_BITS
        return _rows.Known({}, {}, {}, [first, first])

    def write(
        self, written: WriteSet, known: _rows.Known, *after: tuple[str, Sequence[object]]
    ) -> list[list[Any]]:
        """Write all of *written* and run *after*, in one turn."""
        first = self._number << _UNIT_BITS
        rows = _rows.unit_rows(written, known)
        # Of one statement's parts none sees what another does, and settings may be of a new
        # account: so they are a statement of their own, after the others.
        settings = {"settings": rows.pop("settings", [])}
        statements = [_write(part, first) for part in (rows, settings) if any(part.values())]
        return self.run(*statements, *after)


# -- What a unit writes ------------------------------------------------------


def _write(rows: _rows.UnitRows, first: int) -> tuple[str, Sequence[object]]:
    names = tuple(name for name in _rows.CHANGES if rows.get(name))
    parameters: list[object] = []
    for name in names:
        change = _rows.CHANGES[name]
        columns = f"{change.written} {change.found_by}".split()
        parameters += map(_array, columns, zip(*rows[name], strict=True))
        if name == "new holds":
            parameters.insert(len(parameters) - len(columns), first)
    expected = sum(len(rows[name]) for name in names if _rows.CHANGES[name].found_by)
    return _write_statement(names), (*parameters, expected)


@lru_cache(maxsize=256)
def _write_statement(names: tuple[str, ...]) -> str:
    """Return the statement that makes the changes of these *names*."""
    parts, found = [], ["0"]
    for number, name in enumerate(names):
        change = _rows.CHANGES[name]
        parts.append(f"part{number} AS ({_change(name, change)})")
        if change.found_by:
            found.append(f"(SELECT count(*) FROM part{number})")
    # Where not as many rows are found as there must be, this fails before the commit that follows
    # it in the same turn.
    return (
        f"WITH {', '.join(parts)} SELECT 1 / (CASE WHEN {' + '.join(found)} = ?::bigint"
        " THEN 1 ELSE 0 END)"
    )


def _change(name: str, change: _rows.Change) -> str:
    table = f"bankcore_{change.table}"
    written, found_by = change.written.split(), change.found_by.split()
    arrays = ", ".join(f"?::{_type(column)}[]" for column in (*written, *found_by))
    cells = [f"c{number}" for number in range(len(written) + len(found_by))]
    if not found_by:
        columns, selected, ordinality = ", ".join(written), "r.*", ""
        if name == "new holds":
            # Their keys have the order in which they come, which is that of their placing.
            columns, selected = (
                f"key, {columns}",
                "?::bigint + r.n, " + ", ".join(f"r.{cell}" for cell in cells),
            )
            ordinality = " WITH ORDINALITY"
            cells.append("n")
        return (
            f"INSERT INTO {table} ({columns}) SELECT {selected}"
            f" FROM unnest({arrays}){ordinality} AS r({', '.join(cells)})"
        )
    by = " AND ".join(
        f"t.{column} = r.{cell}"
        for column, cell in zip(found_by, cells[len(written) :], strict=True)
    )
    rows = f"unnest({arrays}) AS r({', '.join(cells)}) WHERE {by} RETURNING 1"
    if not written:
        return f"DELETE FROM {table} AS t USING {rows}"
    values = ", ".join(
        f"{column} = r.{cell}" for column, cell in zip(written, cells, strict=False)
    )
    return f"UPDATE {table} AS t SET {values} FROM {rows}"


@lru_cache(maxsize=64)
def _type(column: str) -> str:
    if column == "chain_hash":
        return "bytea"
    return "bigint" if _INTEGERS.fullmatch(column) else "text"


def _array(column: str, values: Sequence[Any]) -> str:
    """Return *values* as PostgreSQL writes an array of the type of *column*."""
    if _type(column) == "text":
        return texts(values)
    if _type(column) == "bytea":
        return f"{{{','.join(map(_hexadecimal, values))}}}"
    return f"{{{','.join('NULL' if value is None else str(value) for value in values)}}}"


def texts(values: Iterable[str | None]) -> str:
    """Return *values* as PostgreSQL writes an array of texts."""
    return f"{{{','.join(map(_quoted, values))}}}"


def _hexadecimal(value: bytes) -> str:
    return f'"\\\\x{value.hex()}"'


def _quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
