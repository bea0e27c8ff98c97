"""
Reading all that a store gives page by page.

Decided here: how long a page is, and where the next one begins. One page is in memory at a
time, and the next is read only when the last item of it was taken.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Final, Protocol, TypeVar

from bankcore.accounts import Account
from bankcore.ledger._records import Refusal, Transaction
from bankcore.ledger._store import AccountStore, Cursor
from bankcore.values import AccountId

PAGE_LENGTH: Final = 1000

_Item = TypeVar("_Item")
_Item_co = TypeVar("_Item_co", covariant=True)
_Position = TypeVar("_Position")
_Position_contra = TypeVar("_Position_contra", contravariant=True)


class ReadPage(Protocol[_Item_co, _Position_contra]):
    """Gives at most *limit* items, those that follow *after*."""

    def __call__(self, *, after: _Position_contra, limit: int) -> Sequence[_Item_co]: ...


def read_all(
    page: ReadPage[_Item, _Position], after: _Position, position: Callable[[_Item], _Position]
) -> Iterator[_Item]:
    """
    Yield every item of all pages that follow *after*; *position* says after which item the next
    page begins.
    """
    while items := page(after=after, limit=PAGE_LENGTH):
        yield from items
        after = position(items[-1])


def every_account(store: AccountStore, *, after: AccountId | None = None) -> Iterator[Account]:
    """Yield the accounts whose ids follow *after*, in the order of their ids."""
    return read_all(store.accounts, after, attrgetter("id"))


def every_record(
    store: AccountStore, *, after: Cursor | None = None
) -> Iterator[Transaction | Refusal]:
    """Yield the records of the journal that follow *after*, in order."""
    while (page := store.journal(after=after, limit=PAGE_LENGTH)).records:
        yield from page.records
        after = page.next


def every_transaction(
    store: AccountStore, account_id: AccountId, *, after: int = 0
) -> Iterator[Transaction]:
    """Yield the account's transactions from version *after* + 1 on, in order of version."""
    return read_all(
        partial(store.history, account_id),
        after,
        lambda transaction: transaction.posting(account_id).version,
    )
