"""Promises of a store that keeps the hash chain of each account."""

from typing import cast

from bankcore.ledger import Chained, Cursor, linked
from bankcore.ledger._errors import AccountNotFoundError, InvalidCursorError, InvalidLimitError
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import ALICE, exactly, fill, journal_of
from bankcore.testing._conformance.subject import Subject, check_of


@check_of("chained")
def every_transaction_is_tied_to_the_one_before_it(subject: Subject) -> None:
    """
    The journal has the hash of every posting, each tied to the one before it on its account, whose
    head is the last of them.
    """
    store = cast("Chained", subject.store)
    fill(subject.store)
    heads: dict[str, bytes] = {}
    hashes = linked(journal_of(subject.store), heads)

    require_equal(hashes, list(store.chained_journal(limit=1000).hashes))
    require_equal(4, len(heads))
    for account in subject.store.accounts():
        head = tuple(store.chain_head(account.id))
        require_equal((account.version, heads[account.id.value]), head)


@check_of("chained")
def hashes_come_with_their_records(subject: Subject) -> None:
    """
    The journal with its hashes has the records and positions of the journal without, whatever the
    size of the pages.
    """
    store = cast("Chained", subject.store)
    fill(subject.store)
    hashes = linked(journal_of(subject.store), {})
    for limit in (1, 2, 7, 1000):
        after, found = None, 0
        while (page := store.chained_journal(after=after, limit=limit)).records:
            plain = subject.store.journal(after=after, limit=limit)
            number = len(page.records)

            require_equal(exactly(plain.records), exactly(page.records))
            require_equal(hashes[found : found + number], list(page.hashes))
            # Each is a position for both, whatever its text.
            after = (plain if found % 2 else page).next
            found += number

        require_equal((len(hashes), (), after), (found, page.hashes, page.next))


@check_of("chained")
def a_chain_of_nobody_is_an_error(subject: Subject) -> None:
    """
    The head of an unknown account's chain raises `AccountNotFoundError`, a *limit* out of bounds
    `InvalidLimitError`, and an *after* that is no cursor `InvalidCursorError`.
    """
    store = cast("Chained", subject.store)
    with raises(AccountNotFoundError):
        store.chain_head(ALICE)
    for limit in (0, -1, 10_001):
        with raises(InvalidLimitError):
            store.chained_journal(limit=limit)
    with raises(InvalidCursorError):
        store.chained_journal(after=Cursor("x"))
