"""Promises about contents that are closed and opened again."""

from bankcore.accounts._errors import InsufficientFundsError
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import (
    bank_over,
    contents_of,
    eur,
    exactly,
    fill,
    journal_of,
)
from bankcore.testing._conformance.subject import Subject, check_of


@check_of("opener")
def what_was_written_is_there_when_opened_again(subject: Subject) -> None:
    """A store that is closed and opened again has every account and every record, unchanged."""
    fill(subject.store)
    accounts, records = contents_of(subject.store)
    store = subject.opened_again()

    require_equal(exactly(accounts), exactly(store.accounts()))
    require_equal(exactly(records), exactly(journal_of(store)))


@check_of("opener")
def ids_are_known_when_opened_again(subject: Subject) -> None:
    """
    A store that is closed and opened again knows every id: nothing is booked twice, and a
    refusal stays a refusal.
    """
    bank = bank_over(subject.store)
    bank.open_account("alice", initial_balance=eur(5), transaction_id="t-1")
    with raises(InsufficientFundsError):
        bank.withdraw("alice", eur(7), transaction_id="t-2")
    first = bank.deposit("alice", eur(100), transaction_id="t-3")
    again = bank_over(subject.opened_again())
    second = again.deposit("alice", eur(100), transaction_id="t-3")
    with raises(InsufficientFundsError) as raised:
        again.withdraw("alice", eur(7), transaction_id="t-2")

    require_equal((first, True), (second, second.replayed))
    require_equal((eur(5), True), (raised.error.available, raised.error.replayed))
    require_equal(eur(105), again.account("alice").balance)


@check_of("opener")
def cursors_are_good_when_opened_again(subject: Subject) -> None:
    """A cursor is good for a store that is closed and opened again."""
    fill(subject.store)
    page = subject.store.journal(limit=5)
    rest = [record.id for record in journal_of(subject.store)][5:]
    store = subject.opened_again()

    require_equal(rest, [record.id for record in store.journal(after=page.next).records])


@check_of("opener")
def versions_go_on_when_opened_again(subject: Subject) -> None:
    """A store that is closed and opened again continues every account's versions without a gap."""
    bank_over(subject.store).open_account("alice", initial_balance=eur(5))
    store = subject.opened_again()
    receipt = bank_over(store).deposit("alice", eur(1), transaction_id="t-2")

    require_equal((eur(6), 2), (receipt.postings[0].balance, receipt.postings[0].version))
    require_equal(["made-1", "t-2"], [record.id.value for record in journal_of(store)])
