"""
The SQL statements on the tables of PostgreSQL.

Decided here: how a unit locks, reads and writes. It locks the accounts first, in the order of
their ids, and reads what the locks protect in later statements: a statement sees the tables as
they were when it began, so that one which has waited for a lock may see what is no longer so.
Many rows go in arrays, so that a unit of any size takes one turn to read and one to write.

A unit has a number from a sequence, taken under its locks. The places and keys that it gives are
that number, shifted, and the numbers that follow, so that on each account places rise with
versions.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from bankcore.ledger import ReadSet, WriteSet
from bankcore.ledger._errors import StoreMisuseError
from bankcore.stores import _rows
from bankcore.stores._postgres._wire import Rows, Statement
from bankcore.stores._statements import BY_IDS, statement_of

# So many bits of a place or key count the records, accounts and holds of one unit.
_UNIT_BITS: Final = 20
#: The most records of one unit; of accounts and holds it never has more.
UNIT_RECORDS_MAX: Final = 2**_UNIT_BITS - 1

#: What runs statements in one turn: the rows of each.
Run = Callable[..., list[Rows]]

_INTEGERS: Final = re.compile(r".*(_minor|_at|_key|version|place|line|key|exponent)")


# The names of indexes and triggers are those of their tables' schema, and cannot name another.
_NAME: Final = re.compile("(?<!INDEX )(?<!TRIGGER )bankcore_")


@lru_cache(maxsize=1024)
def in_schema(statement: str, schema: str) -> str:
    """Return *statement* for the tables in *schema*, with numbered parameters."""
    first, *rest = _NAME.sub(f'"{schema}".bankcore_', statement).split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))


# -- What a unit reads -------------------------------------------------------

_ACCOUNT: Final = [name for name in _rows.AccountRow._fields if not name.startswith("hold_")]
_NO_HOLD: Final = (None,) * (len(_rows.AccountRow._fields) - len(_ACCOUNT))
_HOLD: Final = [name for name in _rows.AccountRow._fields if name.startswith("hold_")]
_HELD: Final = _ACCOUNT.index("held_minor")

# A single account is found in half the time if it is not in an array.
_ONE: Final = "id = ?"
_MANY: Final = "id = ANY(?::text[])"
# With the accounts that the originals have touched, which never change.
_TOUCHED: Final = (
    "key IN (SELECT key FROM bankcore_account WHERE id = ANY(?::text[])"
    " UNION SELECT posting.account_key FROM bankcore_posting AS posting"
    " JOIN bankcore_journal AS journal ON journal.place = posting.place"
    " WHERE journal.transaction_id = ANY(?::text[]))"
)
# What a row itself has is what it has once it is locked.
_LOCK: Final = f"SELECT {', '.join(_ACCOUNT)} FROM bankcore_account"
_IN_ORDER: Final = "ORDER BY id FOR UPDATE"
_HOLDS: Final = (
    f"SELECT account_key, {', '.join(name.removeprefix('hold_') for name in _HOLD)}"
    " FROM bankcore_hold WHERE account_key = ANY(?::bigint[]) ORDER BY key"
)


def _by_ids(row: type[Any]) -> str:
    select, column, order = BY_IDS[row]
    return f"{select} WHERE {column} = ANY(?::text[]) ORDER BY {order}"


_POSTINGS: Final = _by_ids(_rows.PostingRow)
_REVERSALS: Final = _by_ids(_rows.ReversalRow)
# The records and the number in one statement: without a record, it gives the number alone.
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
        self._found: dict[type[Any], list[Any]] = {}
        # The place and the key before the first that this unit gives.
        self._first = 0
        #: Whether the unit has locked an account, so that its end is as durable as a write.
        self.has_locked = False

    def lock_and_read(self, reads: ReadSet, *before: Statement) -> None:
        """Run *before*, lock, and read what the locks protect, in one turn or two."""
        ids = texts(each.value for each in (*reads.transaction_ids, *reads.originals))
        answers = self.run(*before, _lock(reads), (_JOURNAL, (ids,)))
        locked, journal = answers[len(before) :]
        self.has_locked = bool(locked)
        self._first = journal[0][0] << _UNIT_BITS
        records = [row[1:] for row in journal if row[1] is not None]
        with_holds = [row[0] for row in locked if row[_HELD]]
        # Mostly nothing is recorded under an id yet, and nothing is held.
        statements = {
            _rows.PostingRow: (_POSTINGS, (ids,), records),
            _rows.ReversalRow: (_REVERSALS, (ids,), records and reads.originals),
            _rows.HoldRow: (_HOLDS, (f"{{{','.join(map(str, with_holds))}}}",), with_holds),
        }
        asked = {row: each[:2] for row, each in statements.items() if each[2]}
        found = dict(zip(asked, self.run(*asked.values()), strict=True)) if asked else {}
        if reads.originals and _lacks_one(locked, records, found.get(_rows.PostingRow, []), reads):
            # An original was committed after the lock was asked for, and what it touched can be
            # locked now. The number of the unit must come after all locks.
            self.lock_and_read(reads)
            return
        self._found = {
            **found,
            _rows.JournalRow: records,
            _rows.AccountRow: _with_holds(locked, found.get(_rows.HoldRow, [])),
        }

    def fetch(self, row: type[Any], _ids: Sequence[str]) -> list[Any]:
        """Return what `lock_and_read` has found: it has read all that is asked for."""
        return [row._make(each) for each in self._found[row]]

    def known(self) -> _rows.Known:
        return _rows.Known({}, {}, {}, [self._first, self._first])

    def write(self, written: WriteSet, known: _rows.Known, *after: Statement) -> list[Rows]:
        """Write all of *written* and run *after*, in one turn."""
        if len(written.records) > UNIT_RECORDS_MAX:
            raise StoreMisuseError(f"a unit writes at most {UNIT_RECORDS_MAX:,} records")
        rows = _rows.unit_rows(written, known)
        # The order of holds' keys is that of their placing.
        rows["new holds"] = [
            (*row, self._first + number) for number, row in enumerate(rows["new holds"])
        ]
        if sum(map(len, rows.values())) <= _FEW:
            return self.run(*_one_by_one(rows), *after)
        # Of one statement's parts none sees what another does, and settings may be those of a new
        # account: so they are a statement of their own, after the others.
        settings = {"settings": rows.pop("settings", [])}
        return self.run(
            *(_at_once(part) for part in (rows, settings) if any(part.values())), *after
        )


def _lock(reads: ReadSet) -> Statement:
    names = [each.value for each in reads.account_ids]
    where = _MANY
    parameters: tuple[str, ...] = (texts(names),)
    if reads.originals:
        originals = texts(each.value for each in reads.originals)
        where, parameters = _TOUCHED, (*parameters, originals)
    elif len(names) == 1:
        where, parameters = _ONE, (names[0],)
    return f"{_LOCK} WHERE {where} {_IN_ORDER}", parameters


def _lacks_one(locked: Rows, records: Rows, postings: Rows, reads: ReadSet) -> bool:
    """Return whether an original that is recorded has touched an account that is not locked."""
    # A posting whose account is gone names none, and there is nothing to wait for.
    originals = {each.value for each in reads.originals}
    places = {place for place, name, *_ in records if name in originals}
    names = {None, *(name for _, name, *_ in locked)}
    return any(place in places and name not in names for place, name, *_ in postings)


def _with_holds(accounts: Rows, holds: Rows) -> Rows:
    """Return each of *accounts* with each of its holds, or with none."""
    of_account: defaultdict[int, Rows] = defaultdict(list)
    for key, *hold in holds:
        of_account[key].append(tuple(hold))
    return [
        (*account, *hold)
        for account in accounts
        for hold in of_account.get(account[0], (_NO_HOLD,))
    ]


# -- What a unit writes ------------------------------------------------------

# With more rows than this, arrays take less time than one statement for each.
_FEW: Final = 12

_KEPT: Final = _rows.CHANGES["new holds"]
_CHANGES: Final = {**_rows.CHANGES, "new holds": _rows.Change(_KEPT.table, f"{_KEPT.written} key")}
# Where not as many rows are found as there must be, this fails before the commit that follows in
# the same turn.
_REQUIRED: Final = "SELECT 1 / (CASE WHEN {} THEN 1 ELSE 0 END)"


# Most statements of all. It fails like the others, in two thirds of their time.
_STATE: Final = _rows.CHANGES["accounts"].written.split()
_VERSION: Final = _STATE.index("version") + 1
_UPDATE: Final = statement_of(_rows.Change("account", " ".join(_STATE), "key")).replace(
    "version = ?", "version = ? / (CASE WHEN version = ? THEN 1 ELSE 0 END)"
)


def _one_by_one(rows: _rows.UnitRows) -> Iterator[Statement]:
    for name in _CHANGES:
        for row in rows.get(name, ()):
            if name == "accounts":
                *state, key, before = row
                yield _UPDATE, (*state[:_VERSION], before, *state[_VERSION:], key)
            else:
                yield _statement_of_one(name), row


@cache
def _statement_of_one(name: str) -> str:
    change = _CHANGES[name]
    statement = statement_of(change)
    if not change.found_by:
        return statement
    found = _REQUIRED.format("(SELECT count(*) FROM found) = 1")
    return f"WITH found AS ({statement} RETURNING 1) {found}"


def _at_once(rows: _rows.UnitRows) -> Statement:
    names = tuple(name for name in _CHANGES if rows.get(name))
    parameters: list[object] = []
    for name in names:
        change = _CHANGES[name]
        columns = f"{change.written} {change.found_by}".split()
        parameters += map(_array, columns, zip(*rows[name], strict=True))
    expected = sum(len(rows[name]) for name in names if _CHANGES[name].found_by)
    return _statement_of_many(names), (*parameters, expected)


@lru_cache(maxsize=256)
def _statement_of_many(names: tuple[str, ...]) -> str:
    """Return the statement that makes the changes of these *names*."""
    parts, found = [], ["0"]
    for number, name in enumerate(names):
        change = _CHANGES[name]
        parts.append(f"part{number} AS ({_change_of_many(change)})")
        if change.found_by:
            found.append(f"(SELECT count(*) FROM part{number})")
    return f"WITH {', '.join(parts)} {_REQUIRED.format(' + '.join(found) + ' = ?::bigint')}"


def _change_of_many(change: _rows.Change) -> str:
    table = f"bankcore_{change.table}"
    written, found_by = change.written.split(), change.found_by.split()
    arrays = ", ".join(f"?::{_type(column)}[]" for column in (*written, *found_by))
    cells = [f"c{number}" for number in range(len(written) + len(found_by))]
    rows = f"unnest({arrays}) AS r({', '.join(cells)})"
    if not found_by:
        return f"INSERT INTO {table} ({', '.join(written)}) SELECT * FROM {rows}"
    pairs = zip(found_by, cells[len(written) :], strict=True)
    by = " AND ".join(f"t.{column} = r.{cell}" for column, cell in pairs)
    if not written:
        return f"DELETE FROM {table} AS t USING {rows} WHERE {by} RETURNING 1"
    pairs = zip(written, cells, strict=False)
    values = ", ".join(f"{column} = r.{cell}" for column, cell in pairs)
    return f"UPDATE {table} AS t SET {values} FROM {rows} WHERE {by} RETURNING 1"


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
