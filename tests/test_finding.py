"""
Finding transactions and accounts through a bank, and what a policy hides there.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bankcore import AccountStore, Bank, Money, Principal, Transaction
from bankcore.access import Policy, StandardPolicy, Verdict, hidden
from bankcore.commands import Deposit
from bankcore.errors import (
    AccessDeniedError,
    AccountNotFoundError,
    AccountNotVisibleError,
    CurrencyMismatchError,
    InsufficientFundsError,
    InvalidAmountError,
    InvalidKindError,
    InvalidRequestError,
    TransactionNotFoundError,
)
from bankcore.ledger import Finding, HolderIndex, TransactionQuery
from bankcore.stores import MemoryStore
from bankcore.stores._finding import Search, Versions
from bankcore.values import Metadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARY = Principal("mary", roles=["owner"])
BERT = Principal("bert", roles=["owner"])
TINA = Principal("tina", roles=["teller"])
ANNE = Principal("anne", roles=["auditor"])


def eur(amount: int) -> Money:
    return Money(amount, "EUR")


class Plain:
    """
    A store with no more than it must have.
    """

    def __init__(self, store: AccountStore) -> None:
        for name in vars(AccountStore):
            if not name.startswith("_"):
                setattr(self, name, getattr(store, name))


@pytest.fixture
def bank(store: AccountStore) -> Bank:
    """
    mary holds m and m-2, bert b; some payments between them, an hour apart.
    """
    return lived(store)


def lived(store: Any) -> Bank:
    now = NOON
    bank = Bank(store, clock=lambda: now)
    for name, holder, shop in (
        ("m", "mary", "berlin"),
        ("m-2", "mary", "rome"),
        ("b", "bert", "rome"),
    ):
        metadata = {"shop": shop}
        bank.open_account(
            name, initial_balance=eur(500), holder=holder, metadata=metadata,
            transaction_id=f"open-{name}",
        )  # fmt: skip
    now += timedelta(hours=1)
    bank.deposit("m", eur(20), transaction_id="t-1", description="Rent for May")
    now += timedelta(hours=1)
    bank.transfer("b", "m", eur(30), transaction_id="t-2", metadata={"order": "1017"})
    now += timedelta(hours=1)
    bank.withdraw(
        "b", eur(40), transaction_id="t-3", description="rent", metadata={"order": "1018"}
    )
    now += timedelta(hours=1)
    bank.post(
        [("b", eur(-100)), ("m", eur(1)), ("m-2", eur(99))],
        transaction_id="t-4",
        metadata={"order": "1018", "shop": "berlin"},
    )
    with suppress(InsufficientFundsError):
        bank.withdraw("m", eur(9999), transaction_id="refused", metadata={"order": "1017"})
    return bank


def ids(found: tuple[Transaction, ...]) -> list[str]:
    return [each.id.value for each in found]


ALL = ["open-m", "open-m-2", "open-b", "t-1", "t-2", "t-3", "t-4"]
SEARCHES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ALL),
    ({"newest_first": True}, ALL[::-1]),
    ({"limit": 2}, ALL[:2]),
    ({"after": "t-2"}, ["t-3", "t-4"]),
    ({"after": "t-2", "newest_first": True, "limit": 1}, ["t-1"]),
    ({"account_id": "m-2"}, ["open-m-2", "t-4"]),
    ({"account_id": "m", "kinds": ["deposit", "post"]}, ["t-1", "t-4"]),
    ({"start": NOON + timedelta(hours=3)}, ["t-3", "t-4"]),
    ({"start": date(2026, 3, 1), "end": date(2026, 3, 2)}, ALL),
    ({"end": NOON + timedelta(hours=1)}, ALL[:3]),
    ({"at_least": eur(40), "at_most": eur(100)}, ["t-3", "t-4"]),
    ({"at_least": eur(40), "account_id": "m"}, ["open-m"]),
    ({"at_least": Money(1, "USD")}, []),
    ({"metadata": {"order": "1018"}}, ["t-3", "t-4"]),
    ({"metadata": {"order": "1018", "shop": "berlin"}}, ["t-4"]),
    ({"metadata": {"order": "1018"}, "account_id": "m-2"}, ["t-4"]),
    ({"after": "t-4", "end": NOON + timedelta(hours=2)}, []),
    ({"after": "t-4", "end": NOON + timedelta(hours=2), "newest_first": True}, ALL[3::-1]),
    ({"text": "RENT"}, ["t-1", "t-3"]),
    ({"text": "rent", "account_id": "b"}, ["t-3"]),
]


@pytest.mark.parametrize(("search", "expected"), SEARCHES)
def test_what_fits_is_found(bank: Bank, search: dict[str, Any], expected: list[str]) -> None:
    """All transactions that fit, in the order of their times, and no refusal."""
    assert expected == ids(bank.transactions(**search))


@pytest.mark.parametrize(("search", "expected"), SEARCHES)
def test_a_store_without_indexes_is_searched_whole(
    search: dict[str, Any], expected: list[str]
) -> None:
    """What is found is the same where a store has none of the optional protocols."""
    store: Any = Plain(MemoryStore())
    bank = lived(store)

    assert not isinstance(store, Finding | HolderIndex)
    assert expected == ids(bank.transactions(**search))


@pytest.mark.parametrize(
    ("search", "field", "error"),
    [
        ({"account_id": "a b"}, "account_id", InvalidRequestError),
        ({"start": datetime(2026, 1, 1)}, "start", InvalidRequestError),  # noqa: DTZ001  # under test
        ({"end": "2026"}, "end", InvalidRequestError),
        ({"start": NOON, "end": NOON - timedelta(1)}, "end", InvalidRequestError),
        ({"kinds": "deposit"}, "kinds", InvalidKindError),
        ({"kinds": ["deposits"]}, "kinds", InvalidKindError),
        ({"kinds": [5]}, "kinds", InvalidKindError),
        ({"at_least": 5}, "at_least", InvalidAmountError),
        ({"at_most": eur(-1)}, "at_most", InvalidAmountError),
        ({"at_least": eur(2), "at_most": eur(1)}, "at_most", InvalidAmountError),
        ({"at_least": eur(1), "at_most": Money(1, "USD")}, "at_most", CurrencyMismatchError),
        ({"metadata": {"Order": "1"}}, "metadata", InvalidRequestError),
        ({"text": 5}, "text", InvalidRequestError),
        ({"newest_first": 1}, "newest_first", InvalidRequestError),
        ({"after": "a b"}, "after", InvalidRequestError),
        ({"limit": 0}, "limit", InvalidRequestError),
    ],
)
def test_a_wrong_argument_is_named(
    bank: Bank, search: dict[str, Any], field: str, error: type[InvalidRequestError]
) -> None:
    """Each argument that is not valid has an error that names it."""
    with pytest.raises(error) as raised:
        bank.transactions(**search)

    assert field == raised.value.field


@pytest.mark.parametrize("is_plain", [True, False])
def test_what_is_not_there(is_plain: bool) -> None:
    """An account, or a transaction to begin after, that does not exist; nor is a refusal one."""
    bank = lived(Plain(MemoryStore()) if is_plain else MemoryStore())
    with pytest.raises(AccountNotFoundError):
        bank.transactions(account_id="nobody")
    for name in ("nothing", "refused"):
        with pytest.raises(TransactionNotFoundError):
            bank.transactions(after=name)


def test_a_search_in_any_number_of_accounts_can_be_asked() -> None:
    """
    A search in more accounts than a statement has parameters asks for them one by one.
    """
    asked: list[int] = []

    def read(statement: str, parameters: Sequence[object]) -> list[Any]:
        asked.append(len(parameters))
        return [(1,)] if statement.startswith("SELECT count") else []

    accounts = [Versions(number, last=1, after=0, up_to=1) for number in range(40_000)]
    query = TransactionQuery(metadata=Metadata({"order": "1017"}))

    assert [] == Search(read, "", query, accounts).keys(None, 100)
    assert len(asked) > len(accounts)
    assert max(asked) < 32_766


def test_what_is_imported_comes_where_its_time_is() -> None:
    """A transaction that is recorded last, with an earlier time, is found where it belongs."""
    bank = lived(MemoryStore())
    assert ALL == ids(bank.transactions())
    bank.open_account(
        "old", initial_balance=eur(1), booked_at=NOON + timedelta(minutes=90), transaction_id="old"
    )

    assert [*ALL[:4], "old", *ALL[4:]] == ids(bank.transactions())


# -- For a principal ---------------------------------------------------------


@pytest.mark.parametrize(
    "now", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
)
@pytest.mark.parametrize("after", ["open-a", "open-b", "t-1"])
def test_the_first_and_the_last_instant_are_like_others(
    store: AccountStore, now: datetime, after: str
) -> None:
    """A page begins after any transaction of the first and of the last microsecond there is."""
    bank = Bank(store, clock=lambda: now)
    for name in ("a", "b"):
        bank.open_account(name, initial_balance=eur(1), transaction_id=f"open-{name}")
    bank.transfer("a", "b", eur(1), transaction_id="t-1")
    every = ["open-a", "open-b", "t-1"]
    place = every.index(after)
    for account, found in (("a", every[::2]), ("b", every[1:])):
        later, earlier = (
            ids(bank.transactions(account_id=account, after=after, newest_first=is_back))
            for is_back in (False, True)
        )

        assert [each for each in every[place + 1 :] if each in found] == later
        assert [each for each in every[:place] if each in found] == earlier[::-1]


def test_an_owner_finds_what_touched_its_accounts(bank: Bank) -> None:
    """With the postings that it may read alone, page by page."""
    marys = bank.acting_as(MARY)
    found = marys.transactions()

    assert ["open-m", "open-m-2", "t-1", "t-2", "t-4"] == ids(found)
    assert [{"m"}, {"m", "m-2"}] == [
        {posting.account_id.value for posting in each.postings} for each in found[3:]
    ]
    assert ["t-2", "t-4"] == ids(marys.transactions(after="t-1"))
    assert ["t-4", "t-2"] == ids(marys.transactions(newest_first=True, limit=2))
    assert [] == ids(bank.acting_as(Principal("nina", roles=["owner"])).transactions())


def test_nothing_is_found_by_what_is_hidden(bank: Bank) -> None:
    """An amount on an account that the principal may not read finds no transaction."""
    marys = bank.acting_as(MARY)

    assert ["t-4"] == ids(marys.transactions(at_least=eur(99), at_most=eur(99)))
    assert [] == ids(marys.transactions(at_least=eur(100), at_most=eur(100)))
    assert ["t-4"] == ids(bank.transactions(at_least=eur(100), at_most=eur(100)))
    assert [] == ids(bank.acting_as(BERT).transactions(metadata={"order": "1"}))


@pytest.mark.parametrize("name", ["t-3", "nothing", "refused"])
def test_a_page_begins_after_what_may_be_read(bank: Bank, name: str) -> None:
    """A hidden transaction and one that is not there are the same error."""
    with pytest.raises(TransactionNotFoundError) as raised:
        bank.acting_as(MARY).transactions(after=name)

    assert f"There is no transaction {name}." == str(raised.value)


@pytest.mark.parametrize("account", ["b", "nobody"])
def test_a_hidden_account_is_not_searched(bank: Bank, account: str) -> None:
    """It is the same error as for an account that is not there."""
    marys = bank.acting_as(MARY)
    for call in (marys.transactions, marys.history):
        with pytest.raises(AccountNotVisibleError) as raised:
            call(account_id=account)

        assert account in str(raised.value)


def test_who_sees_all_finds_all(bank: Bank) -> None:
    """A teller and an auditor, and who may read no transaction nothing at all."""
    for principal in (TINA, ANNE):
        assert ALL == ids(bank.acting_as(principal).transactions())
    with pytest.raises(AccessDeniedError):
        bank.acting_as(Principal("x", roles=["service"])).transactions()


def test_an_account_whose_statement_may_be_read_is_searched_whole(store: AccountStore) -> None:
    """By its own postings, also where the account itself may not be read; no others are seen."""
    lived(store)
    scopes = ["statements:read", "transactions:read"]
    acting = Bank(store).acting_as(Principal("books", roles=["service"], scopes=scopes))
    expected = ["open-m", "t-1", "t-2", "t-4"]
    found = acting.transactions(account_id="m")

    assert expected == ids(found) == ids(tuple(acting.history("m")))
    assert expected == [line.transaction.id.value for line in acting.statement("m").lines]
    assert found == tuple(acting.history("m"))
    assert ["t-2"] == ids(acting.transactions(account_id="m", at_least=eur(30), at_most=eur(30)))
    assert [["m"]] * 4 == [[one.account_id.value for one in each.postings] for each in found]
    assert [] == ids(acting.transactions(at_least=eur(30), at_most=eur(100)))


class HidesBert:
    """
    A policy of an application's own: nobody sees bert's account.
    """

    def __init__(self) -> None:
        self._standard: Policy = StandardPolicy()

    def permits(self, principal: Principal, action: str) -> bool:
        return self._standard.permits(principal, action)

    def decides(self, principal: Principal, action: str, accounts: Any, command: Any) -> Verdict:
        seen = [each for each in accounts if each.account.id.value != "b"]
        if not seen:
            return hidden(accounts[0].account.id)
        return self._standard.decides(principal, action, seen, command)


def test_a_policy_of_ones_own_decides_each(store: AccountStore) -> None:
    """Whatever it hides is not found, on any page."""
    lived(store)
    annes = Bank(store, clock=lambda: NOON + timedelta(1), policy=HidesBert()).acting_as(ANNE)
    pages = [ids(annes.transactions(limit=2))]
    while page := ids(annes.transactions(limit=2, after=pages[-1][-1])):
        pages.append(page)

    assert [["open-m", "open-m-2"], ["t-1", "t-2"], ["t-4"]] == pages


def test_few_pages_are_read_where_little_is_seen() -> None:
    """A page of one among hundreds that are hidden takes a few searches of the store."""
    limits = []

    class Watched(MemoryStore):
        def transactions(
            self, query: TransactionQuery, *, limit: int = 1000
        ) -> Sequence[Transaction]:
            limits.append(limit)
            return super().transactions(query, limit=limit)

    bank = Bank(Watched(), policy=HidesBert())
    bank.open_account("b", initial_balance=eur(1))
    bank.execute([Deposit("b", eur(1))] * 300)
    bank.open_account("m", initial_balance=eur(1), transaction_id="open-m")

    assert ["open-m"] == ids(bank.acting_as(ANNE).transactions(limit=1))
    assert [1, 10, 100, 1000] == limits


# -- The history of an account -----------------------------------------------


def test_a_history_has_every_transaction(bank: Bank) -> None:
    """Those that moved no money too, in the order of its versions, from any version on."""
    bank.place_hold("m", eur(5), transaction_id="h-1")

    assert ["open-m", "t-1", "t-2", "t-4", "h-1"] == ids(tuple(bank.history("m")))
    assert ["t-4", "h-1"] == ids(tuple(bank.history("m", after_version=3)))
    with pytest.raises(AccountNotFoundError):
        bank.history("nobody")
    with pytest.raises(InvalidRequestError):
        bank.history("m", after_version=-1)


def test_a_history_ends_with_the_right_to_read_it(bank: Bank) -> None:
    """What comes after the right is gone is denied; until then it is the reader's part alone."""
    history: Iterator[Transaction] = bank.acting_as(MARY).history("m")
    first = next(history)
    bank.revoke_access("m", "mary")

    assert "open-m" == first.id.value
    with pytest.raises(AccessDeniedError):
        next(history)


# -- Accounts ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"metadata": {"shop": "rome"}}, ["b", "m-2"]),
        ({"holder": "mary"}, ["m", "m-2"]),
        ({"metadata": {"shop": "rome"}, "holder": "mary"}, ["m-2"]),
        ({"metadata": {"shop": "rome"}, "after": "b"}, ["m-2"]),
        ({"metadata": {"shop": "paris"}}, []),
        ({"metadata": {}}, ["b", "m", "m-2"]),
    ],
)
@pytest.mark.parametrize("is_plain", [True, False])
def test_accounts_are_found(
    store: Any, asked: Mapping[str, Any], expected: list[str], is_plain: bool
) -> None:
    """By metadata, by holder and by both; for an owner, its own among them."""
    bank = lived(Plain(store) if is_plain else store)
    marys = [each.id.value for each in bank.acting_as(MARY).accounts(**asked)]

    assert expected == [each.id.value for each in bank.accounts(**asked)]
    assert [name for name in expected if name.startswith("m")] == marys


def test_accounts_of_wrong_arguments(bank: Bank) -> None:
    """Each is named."""
    wrong: list[dict[str, Any]] = [{"metadata": 5}, {"holder": "a b"}, {"after": "a b"}]
    for each in wrong:
        with pytest.raises(InvalidRequestError) as raised:
            bank.accounts(**each)

        assert [*each] == [raised.value.field]
