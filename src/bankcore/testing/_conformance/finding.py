"""Promises of a store that finds transactions and accounts by what they say."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final, cast

import attrs

from bankcore import AccountId, Transaction, TransactionId
from bankcore.ledger import Finding, TransactionQuery
from bankcore.ledger._errors import (
    AccountNotFoundError,
    InvalidLimitError,
    TransactionNotFoundError,
)
from bankcore.testing._conformance.failing import raises, require, require_equal
from bankcore.testing._conformance.helpers import NOW, bank_over, eur, journal_of
from bankcore.testing._conformance.subject import Subject, check_of
from bankcore.values import Metadata

_SHOPS: Final = ("berlin", "paris")
_TEXTS: Final = (None, "Rent", "Miete für ÄPFEL", 'a 100% \\ "quoted" _text_')


def _lived(subject: Subject) -> Finding:
    """Return the store after forty transactions of four accounts, some of them of one time."""
    now = NOW
    bank = bank_over(subject.store, clock=lambda: now)
    for name, shop in (("d", "berlin"), ("b", "paris"), ("a", "berlin"), ("c", None)):
        metadata = {} if shop is None else {"shop": shop, "name": name}
        bank.open_account(name, initial_balance=eur(900), metadata=metadata)
    for number in range(40):
        if number % 3 == 0:
            now += timedelta(hours=1)
        account, other = "abc"[number % 3], "abcd"[(number + 1) % 4]
        metadata = {"order": str(number // 2), "shop": _SHOPS[number % 2]}
        common: dict[str, Any] = {
            "transaction_id": f"t-{number}",
            "description": _TEXTS[number % 4],
            "metadata": metadata if number % 5 else None,
        }
        if number % 4 == 0 and account != other:
            bank.transfer(account, other, eur(number + 1), **common)
        elif number % 7 == 0:
            bank.place_hold(account, eur(1), **common)
        else:
            bank.deposit(account, eur(number + 1), **common)
    # Booked last, and before all that has to do with it in time.
    bank.open_account("z", initial_balance=eur(5), booked_at=NOW, transaction_id="t-z")
    return cast("Finding", subject.store)


def _these(*account_ids: AccountId) -> frozenset[AccountId]:
    return frozenset(account_ids)


def _queries() -> Iterator[TransactionQuery]:
    a, b, z = AccountId("a"), AccountId("b"), AccountId("z")
    hour = timedelta(hours=1)
    yield from (
        TransactionQuery(),
        TransactionQuery(account_ids=_these(a)),
        TransactionQuery(account_ids=_these(a, b, z)),
        TransactionQuery(account_ids=_these()),
        TransactionQuery(start=NOW + 3 * hour, end=NOW + 6 * hour),
        TransactionQuery(account_ids=_these(a), start=NOW + 3 * hour),
        TransactionQuery(account_ids=_these(a, b), end=NOW + 3 * hour),
        TransactionQuery(kinds=frozenset({"transfer", "place_hold"})),
        TransactionQuery(at_least=eur(30)),
        TransactionQuery(at_least=eur(10), at_most=eur(12)),
        TransactionQuery(at_most=eur(3), account_ids=_these(b)),
        TransactionQuery(metadata=Metadata({"shop": "berlin"})),
        TransactionQuery(metadata=Metadata({"shop": "berlin", "order": "3"})),
        TransactionQuery(metadata=Metadata({"shop": "paris"}), account_ids=_these(a, b)),
        TransactionQuery(metadata=Metadata({"order": "17"}), account_ids=_these(z)),
        TransactionQuery(metadata=Metadata({"shop": "rome"})),
        *(
            TransactionQuery(text=each)
            for each in ("rent", "RENT", "äpf", '" _T', "100%", "x", "")
        ),
        TransactionQuery(text="miete", account_ids=_these(b), at_least=eur(2), start=NOW + hour),
    )


def _expected(subject: Subject, query: TransactionQuery) -> list[Transaction]:
    """Return what fits, from the whole journal."""
    records = [each for each in journal_of(subject.store) if isinstance(each, Transaction)]
    # A sort keeps those of one time in their order.
    ordered = sorted(records, key=lambda each: each.booked_at)
    return list(filter(query.fits, ordered[::-1] if query.newest_first else ordered))


def _paged(store: Finding, query: TransactionQuery, limit: int) -> Iterator[Transaction]:
    while page := store.transactions(query, limit=limit):
        require(len(page) <= limit, f"a page has at most {limit} transactions")
        yield from page
        query = attrs.evolve(query, after=page[-1].id)


@check_of("finding")
def transactions_are_found_by_what_they_say(subject: Subject) -> None:
    """
    Transactions are found by account, time, kind, amount, metadata and text, and by all of these
    together: all that fit, and no others, each once.
    """
    store = _lived(subject)
    for query in _queries():
        found = list(_paged(store, query, 1000))

        require_equal(sorted(_expected(subject, query), key=_id), sorted(found, key=_id))


@check_of("finding")
def transactions_come_in_the_order_of_their_times(subject: Subject) -> None:
    """
    Transactions are found in the order of their times, and those of one time in the order of the
    journal; or all of them the other way round.
    """
    store = _lived(subject)
    for query in _queries():
        for each in (query, attrs.evolve(query, newest_first=True)):
            require_equal(_ids(_expected(subject, each)), _ids(_paged(store, each, 1000)))


@check_of("finding")
def transactions_come_in_pages(subject: Subject) -> None:
    """
    A page of transactions begins after any transaction, *limit* at a time; a *limit* out of
    bounds, an account or a transaction that is not there raises its error.
    """
    store = _lived(subject)
    for query in _queries():
        for each in (query, attrs.evolve(query, newest_first=True)):
            for limit in (1, 7):
                require_equal(_ids(_expected(subject, each)), _ids(_paged(store, each, limit)))
    # Also after one that does not fit itself.
    for name in ("t-z", "t-5", "t-39"):
        for is_back in (False, True):
            every = _ids(_expected(subject, TransactionQuery(newest_first=is_back)))
            rest = set(every[every.index(name) + 1 :])
            for account in ("a", "b"):
                query = TransactionQuery(_these(AccountId(account)), newest_first=is_back)
                expected = [each for each in _ids(_expected(subject, query)) if each in rest]
                query = attrs.evolve(query, after=TransactionId(name))
                require_equal(expected, _ids(store.transactions(query)))
    for limit in (0, -1, 10_001):
        with raises(InvalidLimitError):
            store.transactions(TransactionQuery(), limit=limit)
    with raises(AccountNotFoundError):
        store.transactions(TransactionQuery(_these(AccountId("nobody"))))
    with raises(TransactionNotFoundError):
        store.transactions(TransactionQuery(after=TransactionId("nothing")))


@check_of("finding")
def accounts_are_found_by_their_metadata(subject: Subject) -> None:
    """
    The accounts that were opened with some metadata come in the order of their ids, as they are
    now, *limit* at a time; a *limit* out of bounds raises `InvalidLimitError`.
    """
    store = _lived(subject)
    for metadata, expected in (
        ({"shop": "berlin"}, ["a", "d"]),
        ({"shop": "paris"}, ["b"]),
        ({"shop": "berlin", "name": "d"}, ["d"]),
        ({"shop": "paris", "name": "d"}, []),
        ({"order": "1"}, []),
    ):
        found = store.accounts_with(Metadata(metadata))
        require_equal(expected, [account.id.value for account in found])
        for account in found:
            require_equal(subject.store.account(account.id), account)
    berlin = Metadata({"shop": "berlin"})
    for after, rest in (("Z", ["a", "d"]), ("a", ["d"]), ("b", ["d"]), ("d", [])):
        for limit in (1, 1000):
            page = store.accounts_with(berlin, after=AccountId(after), limit=limit)
            require_equal(rest[:limit], [account.id.value for account in page])
    for limit in (0, -1, 10_001):
        with raises(InvalidLimitError):
            store.accounts_with(berlin, limit=limit)


def _id(transaction: Transaction) -> str:
    return transaction.id.value


def _ids(transactions: Sequence[Transaction] | Iterator[Transaction]) -> list[str]:
    return [each.id.value for each in transactions]
