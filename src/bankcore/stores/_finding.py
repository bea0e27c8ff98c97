"""
Finding transactions in the tables, in any engine that understands SQL.

Decided here: which index leads, and what is asked of each row besides. It is the index of the pair
of metadata with the fewest transactions, or that of the accounts where they have fewer, or else
that of all times. It is read in order from where a page begins, so that every page takes as long
as the first. What is found may be too much: `TransactionQuery.fits` decides.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple

from bankcore.ledger import TransactionQuery
from bankcore.values._instants import to_microseconds

#: Runs a statement, and returns its rows.
Read = Callable[[str, Sequence[object]], list[Any]]
#: The time and the place of a transaction.
Key = tuple[int, int]

# No more transactions with one pair of metadata are counted.
_COUNT_MAX: Final = 1000
# No more accounts are named in one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535.
_ACCOUNTS_MAX: Final = 10_000
_COUNT: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM bankcore_metadata WHERE name = ? AND value = ?"
    f" LIMIT {_COUNT_MAX}) AS pairs"
)
_PAIR: Final = (
    "EXISTS (SELECT 1 FROM bankcore_metadata AS other WHERE other.name = ? AND other.value = ?"
    " AND other.recorded_at = journal.recorded_at AND other.place = journal.place)"
)
_BY_METADATA: Final = (
    "SELECT found.recorded_at, found.place FROM bankcore_metadata AS found"
    " JOIN bankcore_journal AS journal ON journal.place = found.place"
)
_BY_ACCOUNT: Final = (
    "SELECT journal.recorded_at, journal.place FROM bankcore_posting AS posting"
    " JOIN bankcore_journal AS journal ON journal.place = posting.place"
)
_BY_TIME: Final = "SELECT journal.recorded_at, journal.place FROM bankcore_journal AS journal"


class _Where(NamedTuple):
    """A condition, and the parameters for its question marks."""

    text: str
    parameters: tuple[object, ...] = ()


class Versions(NamedTuple):
    """An account's key, its last version, and between which ones to look."""

    key: int
    last: int
    after: int
    up_to: int


class Search(NamedTuple):
    """
    One search: how statements are run, the condition on the text of a command, and what is known.

    Attributes:
        accounts: The accounts of the query; None for any.
    """

    read: Read
    has_text: str
    query: TransactionQuery
    accounts: Sequence[Versions] | None

    def keys(self, after: Key | None, limit: int) -> list[Key]:
        """Return the next keys behind *after*, in the order of the query."""
        pairs = self._pairs()
        if pairs:
            lead, *rest = pairs
            found = _Where("found.name = ? AND found.value = ?", lead)
            others = [found, *self._record(rest), *self._of_postings()]
            return self._in_order(_BY_METADATA, others, after, limit)
        if self.accounts is None:
            booked = _Where("journal.refusal_code IS NULL")
            others = [booked, *self._record(()), *self._of_postings()]
            return self._in_order(_BY_TIME, others, after, limit)
        return self._of_accounts(after, limit)

    def _pairs(self) -> list[tuple[str, str]]:
        """Return the pairs of metadata, the rarest first; none if accounts lead."""
        pairs = self.query.metadata.items()
        found = sorted((self.read(_COUNT, pair)[0][0], pair) for pair in pairs)
        if found and self.accounts is not None:
            total = sum(each.last for each in self.accounts)
            if total <= found[0][0] or len(self.accounts) > _ACCOUNTS_MAX:
                return []
        return [pair for _, pair in found]

    def _in_order(
        self, select: str, others: Sequence[_Where], after: Key | None, limit: int
    ) -> list[Key]:
        """Return keys in the order of an index by time and place."""
        table = "found" if " AS found" in select else "journal"
        is_back = self.query.newest_first
        order = " DESC" if is_back else ""
        keys: list[Key] = []
        # Those of one time first, as not every engine uses the index for both columns at once.
        for span in _spans(table, self.query, after):
            where = _joined([*others, *span])
            statement = (
                f"{select} WHERE {where.text} ORDER BY {table}.recorded_at{order},"
                f" {table}.place{order} LIMIT ?"
            )
            rows = self.read(statement, (*where.parameters, limit - len(keys)))
            keys += map(tuple, rows)
            if len(keys) == limit:
                break
        return keys

    def _of_accounts(self, after: Key | None, limit: int) -> list[Key]:
        is_back = self.query.newest_first
        others = [*self._record(self.query.metadata.items()), *self._amounts()]
        if after is not None:
            sign = "<" if is_back else ">"
            keys = "(journal.recorded_at, journal.place)"
            others.append(_Where(f"{keys} {sign} (?, ?)", after))
        found: set[Key] = set()
        for account in self.accounts or ():
            versions = "posting.account_key = ? AND posting.version > ? AND posting.version <= ?"
            of_account = (account.key, account.after, account.up_to)
            where = _joined([_Where(versions, of_account), *others])
            order = " DESC" if is_back else ""
            select = f"{_BY_ACCOUNT} WHERE {where.text} ORDER BY posting.version{order} LIMIT ?"
            found.update(map(tuple, self.read(select, (*where.parameters, limit))))
        return sorted(found, reverse=is_back)[:limit]

    def _record(self, pairs: Iterable[tuple[str, str]]) -> Iterator[_Where]:
        """Yield what is asked of the record itself, and *pairs* of its metadata."""
        query = self.query
        if query.kinds:
            marks, kinds = listed(sorted(query.kinds))
            yield _Where(f"journal.command_kind IN ({marks})", kinds)
        if query.text is not None:
            yield _Where(self.has_text, (encode_basestring(query.text.casefold())[1:-1],))
        for pair in pairs:
            yield _Where(_PAIR, pair)

    def _amounts(self) -> Iterator[_Where]:
        size = "abs(posting.amount_minor)"
        if self.query.at_least is not None:
            yield _Where(f"{size} >= ?", (self.query.at_least.amount_minor,))
        if self.query.at_most is not None:
            yield _Where(f"{size} <= ?", (self.query.at_most.amount_minor,))

    def _of_postings(self) -> Iterator[_Where]:
        """Yield what is asked of one of the record's postings."""
        asked = list(self._amounts())
        if self.accounts is not None:
            marks, keys = listed([each.key for each in self.accounts])
            asked.append(_Where(f"posting.account_key IN ({marks})", keys))
        if asked:
            where = _joined(asked)
            yield where._replace(
                text="EXISTS (SELECT 1 FROM bankcore_posting AS posting"
                f" WHERE posting.place = journal.place AND {where.text})"
            )


def _spans(table: str, query: TransactionQuery, after: Key | None) -> Iterator[list[_Where]]:
    """Yield the conditions by time and place of the parts of a page, in their order."""
    at, place = f"{table}.recorded_at", f"{table}.place"
    # One bound on either side: of two, an engine may begin at the wider one.
    start = None if query.start is None else to_microseconds(query.start)
    end = None if query.end is None else to_microseconds(query.end)
    if after is not None:
        time = after[0]
        is_within = (start is None or start <= time) and (end is None or time < end)
        if is_within:
            sign = "<" if query.newest_first else ">"
            yield [_Where(f"{at} = ? AND {place} {sign} ?", after)]
        if query.newest_first:
            end = time if end is None else min(end, time)
        else:
            start = time + 1 if start is None else max(start, time + 1)
    bounds = []
    if start is not None:
        bounds.append(_Where(f"{at} >= ?", (start,)))
    if end is not None:
        bounds.append(_Where(f"{at} < ?", (end,)))
    yield bounds


def _joined(conditions: Sequence[_Where]) -> _Where:
    return _Where(
        " AND ".join(each.text for each in conditions),
        tuple(chain.from_iterable(each.parameters for each in conditions)),
    )


def listed(values: Sequence[object]) -> tuple[str, tuple[object, ...]]:
    """
    Return question marks for *values*, at least one, and the parameters for them.

    The last one is repeated up to a power of two, so that statements of many lengths are few.
    """
    size = 1 << (len(values) - 1).bit_length()
    return ", ".join("?" * size), (*values, *[values[-1]] * (size - len(values)))


def with_pairs(metadata: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the condition that an account has these pairs, and its parameters."""
    pair = (
        "EXISTS (SELECT 1 FROM bankcore_account_metadata AS other WHERE other.name = ?"
        " AND other.value = ? AND other.account_id = account.id)"
    )
    return " AND ".join([pair] * len(metadata)), tuple(chain.from_iterable(metadata.items()))
