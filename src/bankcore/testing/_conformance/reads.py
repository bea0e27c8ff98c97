"""Promises of the other reads: accounts, histories, postings, and the bounds of a page."""

from datetime import timedelta

from bankcore import AccountId, AccountStore, TransactionId
from bankcore.commands import OpenAccount, Post
from bankcore.ledger._errors import (
    AccountNotFoundError,
    InvalidLimitError,
    TransactionNotFoundError,
)
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import (
    ALICE,
    BOB,
    FIRST_INSTANT,
    LAST_INSTANT,
    NOW,
    bank_over,
    contents_of,
    eur,
    exactly,
    fill,
    journal_of,
    paged,
    require_page,
    touches,
    version_at,
)
from bankcore.testing._conformance.subject import check


@check
def accounts_come_in_the_order_of_their_ids(store: AccountStore) -> None:
    """Accounts come in the order of their ids' characters, whatever the size of the pages."""
    ids = ["b", "a", "B", "A", "_", "0", "10", "9", "a.", "a-", "aa", "a" * 64, "Z", "z"]
    bank = bank_over(store)
    bank.execute(OpenAccount(each, initial_balance=eur(0)) for each in ids)

    require_equal(sorted(ids), [account.id.value for account in store.accounts()])
    for limit in (1, 2, 5, len(ids)):
        require_equal(sorted(ids), [account.id.value for account in paged(store, limit)])
    # Accounts that are opened between two pages come too.
    bank.open_account("a0", initial_balance=eur(0))
    bank.open_account("z0", initial_balance=eur(0))

    require_equal(sorted([*ids, "a0", "z0"]), [account.id.value for account in store.accounts()])


@check
def accounts_begin_after_an_id(store: AccountStore) -> None:
    """Accounts begin after the id *after*, whether or not there is an account of that id."""
    bank = bank_over(store)
    bank.execute(OpenAccount(each, initial_balance=eur(0)) for each in ("b", "d", "f"))

    for after, expected in (
        (None, "b d f"),
        ("a", "b d f"),
        ("b", "d f"),
        ("c", "d f"),
        ("e", "f"),
        ("f", ""),
        ("z", ""),
    ):
        given = store.accounts(after=None if after is None else AccountId(after))

        require_equal(expected.split(), [account.id.value for account in given])


@check
def a_history_is_read_by_versions(store: AccountStore) -> None:
    """
    A history comes in the order of versions, from version *after* + 1 on, whatever the size of
    the pages.
    """
    fill(store)
    for account in store.accounts():
        whole = [r for r in journal_of(store) if touches(r, account.id)]

        require_equal(exactly(whole), exactly(store.history(account.id)))
        for after in range(-1, account.version + 2):
            for limit in (1, 2, 1000):
                given = store.history(account.id, after=after, limit=limit)

                require_page(whole[max(after, 0) :], given, limit)


@check
def wide_transactions_come_page_by_page(store: AccountStore) -> None:
    """
    Of transactions with many postings a page may have fewer than *limit*, but one at least; every
    one comes once, in order and whole.
    """
    bank = bank_over(store)
    names = [f"a{number}" for number in range(200)]
    bank.execute(OpenAccount(each, initial_balance=eur(100)) for each in names)
    legs = [(each, eur(-1 if number % 2 else 1)) for number, each in enumerate(names)]
    booked = bank.execute(Post(legs) for _ in range(12))
    posts = journal_of(store)[len(names) :]

    require_equal(exactly(booked), exactly(posts))
    for limit in (1, 5, 1000):
        require_equal(exactly(posts), exactly(journal_of(store, limit=limit)[len(names) :]))
        found = 0
        while page := store.history(AccountId("a7"), after=1 + found, limit=limit):
            require_page(posts[found:], page, limit)
            found += len(page)

        require_equal(len(posts), found)


@check
def a_history_ends_after_its_last_version(store: AccountStore) -> None:
    """A history has nothing after its last version, however large *after* is."""
    bank_over(store).open_account("alice", initial_balance=eur(1))
    for after in (1, 2, 10**18, 2**63 - 1, 2**63, 10**30):
        require_equal([], list(store.history(ALICE, after=after)))


@check
def postings_are_found_by_instant(store: AccountStore) -> None:
    """
    `posting_at` returns the last posting booked at or before the instant, or None before the
    first.
    """
    bank = bank_over(store)
    tick = timedelta(microseconds=1)
    # Three at one instant: the last of them counts.
    hours = [0, 1, 1, 1, 5, 6]
    instants = [NOW - timedelta(hours=10 - hour) for hour in hours]
    bank.open_account("alice", initial_balance=eur(1), booked_at=instants[0])
    for instant in instants[1:]:
        bank.deposit("alice", eur(1), booked_at=instant)
    bank.open_account("bob", initial_balance=eur(7))

    for version, instant in enumerate(instants, start=1):
        last = max(n for n, other in enumerate(instants, start=1) if other == instant)

        require_equal(last, version_at(store, instant))
        require_equal(last, version_at(store, instant + tick))
        if version == 1 or instants[version - 2] < instant:
            require_equal(version - 1, version_at(store, instant - tick))
    require_equal(0, version_at(store, FIRST_INSTANT))
    require_equal(len(instants), version_at(store, LAST_INSTANT))
    booked = store.posting_at(BOB, NOW)
    require_equal(eur(7), booked and booked.balance)


@check
def postings_are_found_at_the_ends_of_time(store: AccountStore) -> None:
    """Postings of the years 1 and 9999 are found at their instants, and not before."""
    bank = bank_over(store, clock=lambda: LAST_INSTANT)
    tick = timedelta(microseconds=1)
    bank.open_account("alice", initial_balance=eur(1), booked_at=FIRST_INSTANT)
    bank.deposit("alice", eur(1), booked_at=LAST_INSTANT)

    require_equal(1, version_at(store, FIRST_INSTANT))
    require_equal(1, version_at(store, LAST_INSTANT - tick))
    require_equal(2, version_at(store, LAST_INSTANT))


@check
def what_is_unknown_is_an_error(store: AccountStore) -> None:
    """
    An unknown id raises `AccountNotFoundError` or `TransactionNotFoundError`, which names it.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1), transaction_id="t-1")
    # Ids are case-sensitive, and an account's is not a transaction's.
    for account_id in map(AccountId, ("Alice", "alic", "alice0", "t-1")):
        for ask in (
            store.account,
            store.history,
            lambda each: store.history(each, after=5, limit=1),
            lambda each: store.posting_at(each, NOW),
        ):
            with raises(AccountNotFoundError) as raised:
                ask(account_id)

            require_equal(account_id, raised.error.account_id)
    for transaction_id in map(TransactionId, ("T-1", "t-", "t-11", "alice")):
        with raises(TransactionNotFoundError) as missing:
            store.outcome(transaction_id)

        require_equal(transaction_id, missing.error.transaction_id)


@check
def an_empty_store_has_nothing(store: AccountStore) -> None:
    """A new store has no accounts and no records."""
    require_equal(([], []), contents_of(store))


@check
def limits_have_bounds(store: AccountStore) -> None:
    """A *limit* outside 1 to 10,000 raises `InvalidLimitError`."""
    bank_over(store).open_account("alice", initial_balance=eur(1))
    for limit in (0, -1, 10_001, 10**20, -(10**20), 10**5000, True, 1.0, "5", b"5", None):
        for ask in (
            lambda each: store.accounts(limit=each),
            lambda each: store.journal(limit=each),
            lambda each: store.history(ALICE, limit=each),
            lambda each: store.holds_due(LAST_INSTANT, limit=each),
        ):
            with raises(InvalidLimitError):
                ask(limit)
    for limit in (1, 10_000):
        require_equal(1, len(store.accounts(limit=limit)))
        require_equal(1, len(store.journal(limit=limit).records))
        require_equal(1, len(store.history(ALICE, limit=limit)))
