"""Promises of a store that keeps the hash chain of each account."""

from typing import cast

from bankcore import AccountId, Transaction
from bankcore.ledger import Chained, linked
from bankcore.ledger._errors import AccountNotFoundError, InvalidLimitError
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import ALICE, bank_over, eur, fill, journal_of
from bankcore.testing._conformance.subject import Subject, check_of


def _hashes_by_account(subject: Subject) -> dict[AccountId, list[bytes]]:
    """Return the hashes of the store's journal, by account."""
    records = journal_of(subject.store)
    hashes: dict[AccountId, list[bytes]] = {}
    for record, own in zip(records, linked(records, {}), strict=True):
        for posting, each in zip(
            record.postings if isinstance(record, Transaction) else (), own, strict=True
        ):
            hashes.setdefault(posting.account_id, []).append(each)
    return hashes


@check_of("chained")
def every_transaction_is_tied_to_the_one_before_it(subject: Subject) -> None:
    """
    Each account's chain has the hash of every transaction, in the order of versions, and its
    head is the last of them.
    """
    store = cast("Chained", subject.store)
    fill(subject.store)
    expected = _hashes_by_account(subject)

    require_equal(4, len(expected))
    for account_id, hashes in expected.items():
        require_equal(hashes, list(store.chain_hashes(account_id)))
        require_equal((len(hashes), hashes[-1]), tuple(store.chain_head(account_id)))


@check_of("chained")
def a_chain_is_read_by_versions(subject: Subject) -> None:
    """
    Hashes come from version *after* + 1 on, whatever the size of the pages, and end with the
    last version.
    """
    store = cast("Chained", subject.store)
    fill(subject.store)
    hashes = _hashes_by_account(subject)[ALICE]
    for after in (-1, *range(len(hashes) + 2), 2**63, 10**30):
        for limit in (1, 2, 1000):
            first = max(after, 0)

            require_equal(
                hashes[first : first + limit],
                list(store.chain_hashes(ALICE, after=after, limit=limit)),
            )


@check_of("chained")
def a_chain_of_nobody_is_an_error(subject: Subject) -> None:
    """
    The chain of an unknown account raises `AccountNotFoundError`, and a *limit* out of bounds
    `InvalidLimitError`.
    """
    store = cast("Chained", subject.store)
    with raises(AccountNotFoundError):
        store.chain_head(ALICE)
    with raises(AccountNotFoundError):
        store.chain_hashes(ALICE)
    bank_over(subject.store).open_account("alice", initial_balance=eur(1))
    for limit in (0, -1, 10_001):
        with raises(InvalidLimitError):
            store.chain_hashes(ALICE, limit=limit)
