"""
Finding transactions: what is asked, which transactions fit, and in which order they come.

Decided here: transactions come in the order of their times, those of one time in the order of the
journal. A store may find them by indexes of its own, and asks `TransactionQuery.fits` whether each
is one; `TransactionIndex` finds them in memory.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from heapq import merge
from itertools import islice

import attrs

from bankcore.accounts._fields import require_not_negative
from bankcore.commands import BY_KIND
from bankcore.commands._base import to_flag
from bankcore.ledger._errors import InvalidKindError, TransactionNotFoundError
from bankcore.ledger._records import Refusal, Transaction
from bankcore.money import Currency, Money
from bankcore.money._errors import InvalidAmountError
from bankcore.money._money import require_same_currency
from bankcore.values import AccountId, Metadata, TransactionId
from bankcore.values._choices import to_choices
from bankcore.values._errors import InvalidTimeError, naming
from bankcore.values._ids import to_transaction_id
from bankcore.values._instants import to_instant_or_midnight
from bankcore.values._metadata import NO_METADATA, to_metadata
from bankcore.values._text import to_line_or_none


def amount_from_text(text: str, exponent: int | None) -> Money:
    """
    Return the amount that *text* says, such as ``EUR 5``; with *exponent*, the number of its
    decimals, in a currency of one's own.
    """
    code = text.partition(" ")[0]
    return Money.parse(text, None if exponent is None else Currency(code, exponent))


@attrs.frozen
class TransactionQuery:
    """
    The conditions on transactions that are looked for. All that are given must hold.

    Attributes:
        account_ids: It touched one of them; None for any.
        start: It was booked at this instant or later.
        end: It was booked before this instant.
        kinds: The kind of its command is one of them; empty for any.
        at_least: On one of the accounts it moved so much or more, in or out.
        at_most: On the same account it moved so much or less.
        metadata: Its command has these pairs, and perhaps others.
        text: The command's description has this text in it, in small or capital letters.
        newest_first: Whether the latest comes first.
        after: The transaction after which the page begins, in that order.
    """

    account_ids: frozenset[AccountId] | None = None
    start: datetime | None = None
    end: datetime | None = None
    kinds: frozenset[str] = frozenset()
    at_least: Money | None = None
    at_most: Money | None = None
    metadata: Metadata = NO_METADATA
    text: str | None = None
    newest_first: bool = False
    after: TransactionId | None = None

    def fits(self, transaction: Transaction) -> bool:
        """Return True if *transaction* is one of those that are asked for."""
        command = transaction.command
        return (
            (self.start is None or transaction.booked_at >= self.start)
            and (self.end is None or transaction.booked_at < self.end)
            and (not self.kinds or command.kind in self.kinds)
            and self.metadata.items() <= command.metadata.items()
            and self._fits_text(command.description)
            and self._fits_postings(transaction)
        )

    def _fits_text(self, description: str | None) -> bool:
        return self.text is None or self.text.casefold() in (description or "").casefold()

    def _fits_postings(self, transaction: Transaction) -> bool:
        if self.account_ids is None and self.at_least is None and self.at_most is None:
            return True
        return any(
            (self.account_ids is None or posting.account_id in self.account_ids)
            and self._fits_amount(posting.amount)
            for posting in transaction.postings
        )

    def _fits_amount(self, amount: Money) -> bool:
        bounds = [each for each in (self.at_least, self.at_most) if each is not None]
        if not bounds:
            return True
        if not amount or amount.currency != bounds[0].currency:
            return False
        moved = abs(amount)
        return (self.at_least is None or moved >= self.at_least) and (
            self.at_most is None or moved <= self.at_most
        )


def query_of(  # the arguments of `Bank.transactions`
    *,
    account_id: AccountId | None,
    start: datetime | date | None,
    end: datetime | date | None,
    kinds: Iterable[str],
    at_least: Money | None,
    at_most: Money | None,
    metadata: Mapping[str, str] | None,
    text: str | None,
    newest_first: bool,
    after: TransactionId | str | None,
) -> TransactionQuery:
    """Return the query that these arguments say, or raise an error that names one of them."""
    begins = None if start is None else to_instant_or_midnight(start, "start")
    ends = None if end is None else to_instant_or_midnight(end, "end")
    if begins is not None and ends is not None and ends < begins:
        reason = f"must not be before the start, {begins.isoformat()}"
        raise InvalidTimeError(ends.isoformat(), reason).about("end")
    least = None if at_least is None else require_not_negative(at_least, "at_least")
    most = None if at_most is None else require_not_negative(at_most, "at_most")
    if least is not None and most is not None:
        require_same_currency(least, most, "at_most")
        if most < least:
            reason = f"must not be below the least, {least}"
            raise InvalidAmountError(str(most), reason).about("at_most")
    return TransactionQuery(
        account_ids=None if account_id is None else frozenset({account_id}),
        start=begins,
        end=ends,
        kinds=to_choices(kinds, _to_kind, BY_KIND, InvalidKindError, "kinds"),
        at_least=least,
        at_most=most,
        metadata=to_metadata(metadata),
        text=to_line_or_none(text, "text"),
        newest_first=naming("newest_first", to_flag, newest_first),
        after=None if after is None else to_transaction_id(after, "after"),
    )


def _to_kind(value: object) -> str:
    if not isinstance(value, str) or value not in BY_KIND:
        raise ValueError
    return str.__str__(value)


# The time of a transaction, and the number of its record in the journal.
_Key = tuple[datetime, int]


class TransactionIndex:
    """The transactions of a journal by time, by account and by each pair of their metadata."""

    def __init__(self) -> None:
        self.length = 0
        self._keys: dict[tuple[str, ...], list[_Key]] = {(): []}
        self._key_of: dict[str, _Key] = {}

    def add(self, record: Transaction | Refusal) -> None:
        """Add the next record of the journal."""
        number = self.length + 1
        if isinstance(record, Transaction):
            key = self._key_of[record.id.value] = (record.booked_at, number)
            found_by = [(), *((posting.account_id.value,) for posting in record.postings)]
            for names in (*found_by, *record.command.metadata.items()):
                keys = self._keys.setdefault(names, [])
                # Nearly all come in the order of their times.
                if keys and key < keys[-1]:
                    insort(keys, key)
                else:
                    keys.append(key)
        # Last: a record at which this was interrupted is added again, and still found once.
        self.length = number

    def find(
        self, query: TransactionQuery, limit: int, record_of: Callable[[int], Transaction]
    ) -> tuple[Transaction, ...]:
        """Return a page of those that fit *query*; *record_of* gives a record by its number."""
        after = None if query.after is None else self._key_of.get(query.after.value)
        if query.after is not None and after is None:
            raise TransactionNotFoundError(query.after)
        lists = [self._keys[()]]
        if query.account_ids is not None:
            lists = [self._keys.get((each.value,), []) for each in query.account_ids]
        by_pair = [self._keys.get(pair, []) for pair in query.metadata.items()]
        if by_pair and len(min(by_pair, key=len)) < sum(map(len, lists)):
            lists = [min(by_pair, key=len)]
        runs = [_run(keys, query, after) for keys in lists]
        ordered = merge(*runs, reverse=query.newest_first)
        records = (record_of(number) for _, number in _each_once(ordered))
        return tuple(islice(filter(query.fits, records), limit))


def _run(keys: Sequence[_Key], query: TransactionQuery, after: _Key | None) -> Iterator[_Key]:
    """Yield those of *keys* that lie in the time of *query*, from behind *after* on."""
    first = 0 if query.start is None else bisect_left(keys, (query.start, 0))
    last = len(keys) if query.end is None else bisect_left(keys, (query.end, 0))
    if query.newest_first:
        last = last if after is None else min(last, bisect_left(keys, after))
        return (keys[n] for n in range(last - 1, first - 1, -1))
    first = first if after is None else max(first, bisect_right(keys, after))
    return (keys[n] for n in range(first, last))


def _each_once(keys: Iterable[_Key]) -> Iterator[_Key]:
    """Yield *keys*, in order, without those that come again."""
    before = None
    for key in keys:
        if key != before:
            yield key
        before = key
