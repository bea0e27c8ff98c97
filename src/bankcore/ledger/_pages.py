"""
Reading all that a store gives page by page.

Decided here: how long a page is, and where the next one begins. One page is in memory at a
time, and the next is read only when the last item of it was taken. The first one is short, as many
a reader takes no more than a few items.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Final, TypeVar

from bankcore.accounts import Account
from bankcore.ledger._records import Refusal, Transaction
from bankcore.ledger._store import AccountStore, Cursor
from bankcore.values import AccountId

PAGE_LENGTH: Final = 1000
_FIRST_LENGTH: Final = 10
_GROWTH: Final = 10

_Item = TypeVar("_Item")
_Position = TypeVar("_Position")


def read_all(
    page: Callable[..., Sequence[_Item]],
    after: _Position,
    position: Callable[[_Item], _Position],
    wanted: int = _FIRST_LENGTH,
) -> Iterator[_Item]:
    """
    Yield the items of all pages that follow *after*; *position* is where an item stands.

    The first page has at most *wanted* items, as many as the reader is likely to take.
    """
    length = min(wanted, PAGE_LENGTH)
    while items := page(after=after, limit=length):
        yield from items
        after = position(items[-1])
        items = ()  # one page at a time
        length = min(length * _GROWTH, PAGE_LENGTH)


def every_account(store: AccountStore, *, after: AccountId | None = None) -> Iterator[Account]:
    """Yield the accounts whose ids follow *after*, in the order of their ids."""
    return read_all(store.accounts, after, attrgetter("id"))


def every_record(store: AccountStore) -> Iterator[Transaction | Refusal]:
    """Yield the records of the journal, in order."""
    after: Cursor | None = None
    while (page := store.journal(after=after, limit=PAGE_LENGTH)).records:
        yield from page.records
        after = page.next
        del page  # one page at a time


def every_transaction(
    store: AccountStore, account_id: AccountId, *, after: int, wanted: int = _FIRST_LENGTH
) -> Iterator[Transaction]:
    """
    Yield the account's transactions from version *after* + 1 on, in order of version.

    *wanted* is as for `read_all`.
    """
    history = partial(store.history, account_id)
    return read_all(history, after, lambda each: each.posting(account_id).version, wanted)
