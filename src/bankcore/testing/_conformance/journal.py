"""Promises of the journal: its order, its pages, its cursors."""

from bankcore import AccountId, AccountStore, Transaction
from bankcore.commands import Command, Deposit, OpenAccount, Withdraw
from bankcore.ledger import Cursor
from bankcore.ledger._errors import InvalidCursorError
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import (
    append,
    bank_over,
    eur,
    exactly,
    fill,
    journal_of,
    refusal,
    require_page,
)
from bankcore.testing._conformance.subject import Subject, check, check_of


@check
def records_keep_the_order_they_were_written_in(store: AccountStore) -> None:
    """
    The journal has units in the order of their commits, and the records of each in their own
    order.
    """
    ids = ["t-9", "t-1", "t-5", "A", "z", "t-0"]
    append(store, map(refusal, ids[:4]))
    append(store, map(refusal, ids[4:]))
    # What moved money does not come before what was declined.
    commands: list[Command] = [
        Withdraw("alice", eur(1), transaction_id="early"),
        OpenAccount("alice", initial_balance=eur(1), transaction_id="open"),
        Withdraw("alice", eur(9), transaction_id="much"),
        Deposit("alice", eur(1), transaction_id="more"),
    ]
    bank_over(store).execute(commands)

    expected = [*ids, "early", "open", "much", "more"]
    require_equal(expected, [record.id.value for record in journal_of(store)])


@check
def the_journal_is_read_page_by_page(store: AccountStore) -> None:
    """Whatever the size of the pages, every record comes once, in order."""
    fill(store)
    records = journal_of(store, limit=10_000)

    for limit in (1, 2, 3, 5, len(records) - 1, len(records), len(records) + 1):
        require_equal(exactly(records), exactly(journal_of(store, limit=limit)))
        require_page(records, store.journal(limit=limit).records, limit)


@check
def an_empty_page_keeps_the_place(store: AccountStore) -> None:
    """
    An empty page means that there are no more records yet; its ``next`` is the cursor it was
    read from.
    """
    beginning = store.journal()
    append(store, [refusal("t-1"), refusal("t-2")])
    end = store.journal().next
    at_end = store.journal(after=end)
    append(store, [refusal("t-3")])

    require_equal(((), None), (beginning.records, beginning.next))
    require_equal(((), end), (at_end.records, at_end.next))
    require_equal(
        ["t-3"], [record.id.value for record in store.journal(after=at_end.next).records]
    )


@check
def the_journal_extends_every_order_of_versions(store: AccountStore) -> None:
    """
    The order of the journal agrees with every account's order of versions, and no version is
    missing.
    """
    fill(store)
    versions: dict[AccountId, list[int]] = {}
    for record in journal_of(store, limit=3):
        for posting in record.postings if isinstance(record, Transaction) else ():
            versions.setdefault(posting.account_id, []).append(posting.version)

    require_equal(
        {account.id: list(range(1, account.version + 1)) for account in store.accounts()}, versions
    )


@check
def a_foreign_cursor_is_refused(store: AccountStore) -> None:
    """An *after* that is no cursor of this store raises `InvalidCursorError`."""
    append(store, [refusal("t-1")])

    for token in ("", " ", "x", "-1", "1.0", "1e3", "0x1", "1'; DROP TABLE journal; --"):
        with raises(InvalidCursorError):
            store.journal(after=Cursor(token))


@check_of(None)
def a_place_beyond_the_end_has_no_more_yet(subject: Subject) -> None:
    """
    A cursor of another store raises `InvalidCursorError`, or is a position like any other; at
    a position beyond the end there are no more records yet.
    """
    append(subject.store, [refusal("t-1")])
    longer = subject.another()
    append(longer, [refusal(f"t-{n}") for n in range(1, 6)])
    beyond = longer.journal().next
    try:
        page = subject.store.journal(after=beyond)
    except InvalidCursorError:
        return

    require_equal(((), beyond), (page.records, page.next))


@check
def a_cursor_keeps_its_place(store: AccountStore) -> None:
    """A cursor always leads to the same records, whatever has been written since."""
    append(store, [refusal(f"t-{n}") for n in range(6)])
    places: list[Cursor | None] = [None]
    for _ in range(6):
        places.append(store.journal(after=places[-1], limit=1).next)
    append(store, [refusal(f"u-{n}") for n in range(3)])
    everything = [f"t-{n}" for n in range(6)] + [f"u-{n}" for n in range(3)]

    for number, place in enumerate(places):
        records = store.journal(after=place).records

        require_equal(everything[number:], [record.id.value for record in records])
