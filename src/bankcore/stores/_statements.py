"""
The SQL statements that every engine understands.

Decided here: how rows are selected, and written one by one, and where a page ends. Parameters are
question marks, and the tables' names begin with ``bankcore_``; a store says the same in its
engine's words.
"""

from typing import Any, Final

from bankcore.stores import _rows


def _select(row: type[Any], table: str, joins: str = "") -> str:
    """Return the SELECT of the fields of *row* from *table* and the tables in *joins*."""
    return f"SELECT {_columns(row, table, joins)} FROM bankcore_{table} AS {table}{joins}"


def _columns(row: type[Any], table: str, joins: str) -> str:
    columns = []
    for field in row._fields:
        prefix, _, column = field.partition("_")
        has_prefix = prefix == table or f" bankcore_{prefix} " in joins
        columns.append(f"{prefix}.{column}" if has_prefix else f"{table}.{field}")
    return ", ".join(columns)


def statement_of(change: _rows.Change) -> str:
    """Return the statement that makes *change* for one row."""
    table, columns = f"bankcore_{change.table}", change.written.split()
    found_by = " AND ".join(f"{column} = ?" for column in change.found_by.split())
    if not columns:
        return f"DELETE FROM {table} WHERE {found_by}"
    if found_by:
        written = ", ".join(f"{column} = ?" for column in columns)
        return f"UPDATE {table} SET {written} WHERE {found_by}"
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"


# An account and its holds in one statement, so that both are of one moment.
ACCOUNTS: Final = _select(
    _rows.AccountRow,
    "account",
    " LEFT JOIN bankcore_hold AS hold ON hold.account_key = account.key",
)
_OUTLINE: Final = {"held_minor": "0"} | {
    field: "NULL" for field in _rows.AccountRow._fields if field.startswith("hold_")
}
OUTLINE: Final = (
    f"SELECT {', '.join(_OUTLINE.get(field, field) for field in _rows.AccountRow._fields)}"
    " FROM bankcore_account WHERE id = ?"
)
JOURNAL: Final = _select(_rows.JournalRow, "journal")
# Of a damaged file a posting without its account is an error, and not left out.
_WITH_ACCOUNT: Final = (
    " LEFT JOIN bankcore_account AS account ON account.key = posting.account_key"
)
POSTINGS: Final = _select(_rows.PostingRow, "posting", _WITH_ACCOUNT)
HOLDS: Final = _select(
    _rows.HoldRow, "hold", " JOIN bankcore_account AS account ON account.key = hold.account_key"
)
REVERSALS: Final = _select(_rows.ReversalRow, "journal")
DENIALS: Final = _select(_rows.DenialRow, "denial")
TOKENS: Final = _select(_rows.TokenRow, "token")

INSERT_DENIAL: Final = statement_of(_rows.Change("denial", " ".join(_rows.DenialRow._fields)))
DELETE_OLD_DENIALS: Final = (
    "DELETE FROM bankcore_denial WHERE key <= (SELECT max(key) FROM bankcore_denial) - ?"
)
INSERT_TOKEN: Final = statement_of(_rows.Change("token", " ".join(_rows.TokenRow._fields)))
REVOKE: Final = "UPDATE bankcore_token SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"

#: For each class of row: its SELECT, the column of the ids, and the order.
BY_IDS: Final[dict[type[Any], tuple[str, str, str]]] = {
    _rows.AccountRow: (ACCOUNTS, "account.id", "account.id, hold.key"),
    _rows.JournalRow: (JOURNAL, "journal.transaction_id", "journal.place"),
    _rows.PostingRow: (
        f"{POSTINGS} JOIN bankcore_journal AS journal ON journal.place = posting.place",
        "journal.transaction_id",
        "posting.place, posting.line",
    ),
    _rows.ReversalRow: (REVERSALS, "journal.reverses", "journal.place"),
}

# -- Pages -------------------------------------------------------------------

# About how much memory a record or an account takes, in bytes: its texts are parsed into values.
RECORD_SIZE: Final = (
    "6 * (length(journal.command) + coalesce(length(journal.refusal_batch), 0))"
    " + 600 * coalesce((SELECT max(line) FROM bankcore_posting WHERE place = journal.place), 0)"
)
ACCOUNT_SIZE: Final = "800 * (SELECT count(*) FROM bankcore_hold WHERE account_key = account.key)"
# Most records and accounts have less than a quarter of that.
_SIZE_OF_EACH: Final = 4_000
_SIZE_OF_PAGE: Final = 1_500_000


def size_of(limit: int) -> int:
    """Return the size of a page of at most *limit* items, which its last item may exceed."""
    return max(limit * _SIZE_OF_EACH, _SIZE_OF_PAGE)


def last_of(column: str, size: str, tables: str, where: str) -> str:
    """Return the SELECT of the last *column* of a page; its last parameters are limit and size."""
    rows = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    before = f"sum({size}) OVER (ORDER BY {column} {rows})"
    return (
        f"SELECT max(last) FROM (SELECT {column} AS last, {before} AS before FROM {tables}"
        f" WHERE {where} ORDER BY {column} LIMIT ?) AS page WHERE coalesce(before, 0) < ?"
    )


LAST_ID: Final = last_of(
    "account.id", ACCOUNT_SIZE, "bankcore_account AS account", "account.id > ?"
)
LAST_ID_OF_HOLDER: Final = last_of(
    "account.id",
    ACCOUNT_SIZE,
    "bankcore_holder AS holder JOIN bankcore_account AS account"
    " ON account.key = holder.account_key",
    "holder.principal = ? AND account.id > ?",
)
LAST_PLACE: Final = last_of(
    "journal.place", RECORD_SIZE, "bankcore_journal AS journal", "journal.place > ?"
)
_OF_ACCOUNT: Final = (
    "posting.account_key = (SELECT key FROM bankcore_account WHERE id = ?) AND posting.version > ?"
)
LAST_VERSION: Final = last_of(
    "posting.version",
    RECORD_SIZE,
    "bankcore_posting AS posting JOIN bankcore_journal AS journal"
    " ON journal.place = posting.place",
    _OF_ACCOUNT,
)
#: The places of an account's versions after one, up to another.
PLACES: Final = (
    f"SELECT posting.place FROM bankcore_posting AS posting WHERE {_OF_ACCOUNT}"
    " AND posting.version <= ?"
)

# The last version booked by an instant, 0 for none. Times never fall along the versions, so that
# no index by time is needed, which every write would have to keep. It is at most *more* versions
# on, which is halved until it is 0. A version that is missing makes the result NULL.
POSTING_AT: Final = f"""
    WITH RECURSIVE
        search(version, more, account_key, last) AS (
            SELECT CAST(0 AS bigint), version, key, version FROM bankcore_account WHERE id = ?
            UNION ALL
            SELECT
                CASE WHEN search.version + (more + 1) / 2 > last THEN search.version
                ELSE search.version + (more + 1) / 2 * CASE (
                    SELECT journal.recorded_at FROM bankcore_posting AS posting
                    JOIN bankcore_journal AS journal ON journal.place = posting.place
                    WHERE posting.account_key = search.account_key
                        AND posting.version = search.version + (more + 1) / 2
                ) <= ? WHEN TRUE THEN 1 WHEN FALSE THEN 0 END END,
                more / 2, account_key, last
            FROM search WHERE more > 0
        ),
        found AS (SELECT version, account_key FROM search WHERE more <= 0)
    SELECT found.version, {_columns(_rows.PostingRow, "posting", _WITH_ACCOUNT)} FROM found
        LEFT JOIN bankcore_posting AS posting
            ON posting.account_key = found.account_key AND posting.version = found.version
        {_WITH_ACCOUNT}
"""
