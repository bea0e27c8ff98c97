"""
Transactions with many postings, and accounts with many holds: what is read of them is in
proportion to what is asked, and never the whole bank.

What is counted is the rows of one SELECT, which are in memory together, and the texts of commands.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from weakref import ref

import pytest

from bankcore import Account, AccountId, Bank, Money
from bankcore.access import Principal
from bankcore.commands import Deposit, OpenAccount, PlaceHold, Post
from bankcore.flask import create_app
from bankcore.io import export_journal, import_journal
from bankcore.ledger import _pages, verify
from bankcore.ledger._pages import every_account, every_record
from bankcore.stores import MemoryStore, SQLiteStore

LEGS: Final = 200
POSTS: Final = 60
ONE: Final = Money("1", "EUR")
NAMES: Final = [f"a{number:03d}" for number in range(LEGS)]
#: The rows of half of the posts.
ROWS_MAX: Final = POSTS * LEGS // 2


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A bank of 200 accounts, with 60 posts on all of them.
    """
    path = tmp_path_factory.mktemp("wide") / "bank.db"
    with SQLiteStore(path) as store:
        bank = Bank(store)
        bank.execute(OpenAccount(name, initial_balance=ONE * 100) for name in NAMES)
        legs = [(name, ONE if number % 2 else -ONE) for number, name in enumerate(NAMES)]
        bank.execute(Post(legs) for _ in range(POSTS))
    return path


class Reads:
    """
    The SELECTs of a store: how many rows each gave, and how many characters in all.
    """

    def __init__(self, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[int] = []
        self.characters = 0
        read = store._read

        def counted(*arguments: Any) -> list[Any]:
            found = read(*arguments)
            self.rows.append(len(found))
            cells = (cell for row in found for cell in row)
            self.characters += sum(len(cell) for cell in cells if isinstance(cell, str))
            return found

        monkeypatch.setattr(store, "_read", counted)


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(path, create=False) as store:
        yield store


@pytest.fixture
def reads(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(store, monkeypatch)


def served(store: SQLiteStore, path: str) -> dict[str, Any]:
    ann = Principal("ann", roles=["auditor"])
    client = create_app(Bank(store), authenticate=lambda _: ann).test_client()
    answer = client.get(f"/v1{path}")
    assert 200 == answer.status_code
    return dict(answer.json or {})


@pytest.mark.parametrize(
    ("ask", "posts"),
    [
        (lambda store: Bank(store).statement("a007", limit=10), 9),
        (lambda store: Bank(store).statement("a007", after_version=30, limit=5), 6),
        (lambda store: Bank(store).balance_at("a007", datetime.now(UTC)), 0),
        (lambda store: Bank(store).available_at("a007", datetime.now(UTC)), 0),
        (lambda store: store.history(AccountId("a007"), after=1, limit=1), 1),
        (lambda store: store.outcome(store.history(AccountId("a007"), after=9, limit=1)[0].id), 2),
        # Once the post, and once each account in it: may its reader see where the money went?
        (lambda store: served(store, "/accounts/a007/statement?limit=1"), 2),
        (lambda store: served(store, "/accounts?limit=1"), 0),
    ],
)
def test_a_read_takes_what_is_asked(
    store: SQLiteStore, reads: Reads, ask: Callable[[SQLiteStore], Any], posts: int
) -> None:
    """
    Of so many posts each command is read once, and each posting. The first line is an opening.
    """
    ask(store)

    few = 100
    assert LEGS * posts <= sum(reads.rows) <= LEGS * posts + few
    # A leg of a command is `["a007",[100,"EUR",2]],`; a row of a posting has an id and a currency.
    assert reads.characters <= posts * LEGS * (len('["a007",[-100,"EUR",2]],') + 7) + 8_000


@pytest.mark.parametrize(
    "ask",
    [
        verify,
        lambda store: list(export_journal(store)),
        lambda store: Bank(store).checkpoint(),
        lambda store: Bank(store).statement("a007"),
        lambda store: store.journal(limit=1000),
        lambda store: store.chained_journal(limit=1000),
        lambda store: store.history(AccountId("a007"), limit=1000),
    ],
)
def test_a_page_is_limited_in_width(
    store: SQLiteStore, reads: Reads, ask: Callable[[SQLiteStore], Any]
) -> None:
    """
    No read of many wide transactions takes all of them at once.
    """
    ask(store)

    assert max(reads.rows) <= ROWS_MAX


def test_an_audit_reads_everything_once(store: SQLiteStore, reads: Reads) -> None:
    """
    The rows that an audit reads are those that there are: none again for another account.
    """
    report = verify(store)

    assert (POSTS + LEGS, ()) == (report.transactions, report.disagreements)
    everything = LEGS + (POSTS + LEGS) + (POSTS * LEGS + LEGS)
    assert everything <= sum(reads.rows) <= everything + LEGS + 200


def test_wide_transactions_are_exported_and_imported(store: SQLiteStore) -> None:
    """
    What comes in several pages is all there is, in order.
    """
    copy = MemoryStore()

    import_journal(copy, export_journal(store))

    assert list(export_journal(store)) == list(export_journal(copy))


def test_accounts_with_many_holds_come_in_small_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A page of accounts with many holds has fewer accounts, and every account comes once.
    """
    with SQLiteStore(tmp_path / "bank.db") as store:
        bank = Bank(store)
        mary = bank.acting_as(Principal("mary", roles=["owner"]))
        for name in NAMES[:30]:
            mary.open_account(name, initial_balance=Money("0", "EUR"))
        bank.execute(Deposit(name, ONE * 100) for name in NAMES[:30])
        bank.execute(PlaceHold(name, ONE) for name in NAMES[:30] for _ in range(100))
        reads = Reads(store, monkeypatch)
        mine = list(mary.accounts())
        every = list(every_account(store))

        assert NAMES[:30] == [each.id.value for each in every] == [each.id.value for each in mine]
        assert 0 < len(store.accounts(limit=30)) < 30
        assert max(reads.rows) <= 2_000 < 30 * 100
        assert verify(store).is_clean


class Page(list[Account]):
    """
    A page that can be watched.
    """


class Watched(MemoryStore):
    """
    A store that counts, for each page asked of it, those it gave that are still in memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self.given: list[ref[Any]] = []
        self.kept: list[int] = []

    def _count(self) -> None:
        self.kept.append(sum(page() is not None for page in self.given))

    def accounts(self, **asked: Any) -> Sequence[Account]:
        self._count()
        page = Page(super().accounts(**asked))
        self.given.append(ref(page))
        return page

    def journal(self, **asked: Any) -> Any:
        self._count()
        page = super().journal(**asked)
        self.given.append(ref(page))
        return page


@pytest.mark.parametrize("every", [every_account, every_record])
def test_one_page_is_in_memory_at_a_time(
    every: Callable[[Watched], Iterator[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    "One page is in memory at a time": when the next is asked for, the last is gone.
    """
    monkeypatch.setattr(_pages, "PAGE_LENGTH", 10)
    store = Watched()
    Bank(store).execute(OpenAccount(name, initial_balance=ONE) for name in NAMES[:35])

    assert 35 == sum(1 for _ in every(store))
    assert [0] * 5 == store.kept
