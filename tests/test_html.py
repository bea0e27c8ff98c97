"""
What a person sees: the page of a statement, notebooks, and short texts of accounts and receipts.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any, Final

import attrs
import pytest

from bankcore import Account, Bank, Currency, Money, Statement
from bankcore.errors import InvalidArgumentError, InvalidTimeError
from bankcore.ledger import statement_as_csv, statement_as_html
from bankcore.stores import MemoryStore

START: Final = datetime(2026, 5, 1, tzinfo=UTC)
VOID: Final = {"meta"}
# What would do something in a browser if it were not escaped.
HOSTILE: Final = (
    """<script>alert(1)</script><img src=x onerror=alert(2)> " ' & &amp; </td></style>"""
)


def eur(amount: str) -> Money:
    return Money(amount, "EUR")


class Page(HTMLParser):
    """
    The elements and texts of a page, each of whose elements must be closed.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and self._open[-1:] != ["style"]:
            self.texts.append(data.strip())


@pytest.fixture
def bank() -> Bank:
    bank = Bank(MemoryStore(), clock=lambda: START + timedelta(days=40))
    bank.open_account("alice", initial_balance=eur("1000"), booked_at=START)
    bank.open_account("bob", initial_balance=eur("0"), booked_at=START)
    bank.transfer(
        "alice",
        "bob",
        eur("12.50"),
        transaction_id="t-1",
        booked_at=START + timedelta(days=1, hours=23),
        description=HOSTILE,
    )
    bank.deposit("alice", eur("2000"), transaction_id="t-2", booked_at=START + timedelta(days=2))
    return bank


def may(bank: Bank) -> Statement:
    return bank.statement("alice", month="2026-05")


# -- The page ----------------------------------------------------------------


def test_a_page_says_what_the_statement_says(bank: Bank) -> None:
    """Head, totals, the balances around the lines, and the lines, in order."""
    page = Page(statement_as_html(may(bank), details={"Customer": "Alice Miller"}))

    texts = [text for text in page.texts if text not in {HOSTILE, ""}]
    expected = """
        Statement: alice | Statement | Customer | Alice Miller | Account | alice
        | Period | from 2026-05-01 to 2026-05-31 | Currency | EUR
        | Opening balance | 0.00 | Money in | 3,000.00 | Money out | -12.50
        | Closing balance | 2,987.50
        | Date | Description | Counterparty | Amount | Balance
        | Opening balance | 0.00
        | 2026-05-01 | Open account | Open account · OPENED | +1,000.00 | 1,000.00
        | 2026-05-02 | Transfer · t-1 | bob | -12.50 | 987.50
        | 2026-05-03 | Deposit | Deposit · t-2 | +2,000.00 | 2,987.50
        | Closing balance | 2,987.50
    """.replace("OPENED", str(may(bank).lines[0].transaction.id))
    assert [" ".join(each.split()) for each in expected.split("|")] == texts


def test_a_page_stands_alone(bank: Bank) -> None:
    """It has no script, and nothing that a browser would fetch."""
    text = statement_as_html(may(bank))
    page = Page(text)

    assert set() == set(page.tags) & {"script", "link", "img", "iframe", "object", "form", "a"}
    assert set() == {name for name, _ in page.attributes} & {"src", "href", "srcset", "action"}
    assert "url(" not in text
    assert "@import" not in text
    assert "http" not in text


SHOWN: Final[dict[str, Callable[[Bank], str]]] = {
    "description": lambda bank: statement_as_html(may(bank)),
    "title": lambda bank: statement_as_html(may(bank), title=HOSTILE),
    "label": lambda bank: statement_as_html(may(bank), details={HOSTILE: "x"}),
    "detail": lambda bank: statement_as_html(may(bank), details={"x": HOSTILE}),
    "notebook": lambda bank: may(bank)._repr_html_(),
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_every_text_is_escaped(shown: Callable[[Bank], str], bank: Bank) -> None:
    """A text of a user is shown as it was written, and is never part of the page."""
    text = shown(bank)
    page = Page(text)

    assert any(HOSTILE in each for each in page.texts)
    assert {"script", "img"} & set(page.tags) == set()
    assert "onerror" not in {name for name, _ in page.attributes}
    assert "alert(1)</script>" not in text
    assert "'" not in text.partition("<body>")[2].replace("&#x27;", "")


def test_days_are_those_of_the_time_zone(bank: Bank) -> None:
    """A customer sees the days of where they are; the last day of the period is in it."""
    zone = timezone(timedelta(hours=2))
    texts = Page(statement_as_html(may(bank), zone=zone)).texts

    assert "from 2026-05-01 to 2026-06-01" in texts
    assert "2026-05-02" not in texts
    assert texts.count("2026-05-03") == 2


@pytest.mark.parametrize("write", [statement_as_html, lambda value: [*statement_as_csv(value)]])
@pytest.mark.parametrize("value", [None, "alice", Money("1", "EUR")])
def test_what_is_no_statement_is_told(write: Callable[[Any], object], value: Any) -> None:
    """A page and a file are made of a statement alone."""
    with pytest.raises(InvalidArgumentError, match="statement must be a Statement, such as bank"):
        write(value)


@pytest.mark.parametrize("details", [None, "Alice", [("Customer", "Alice")]])
def test_details_that_are_no_mapping_are_told(bank: Bank, details: Any) -> None:
    """The head of a page has texts by label."""
    with pytest.raises(InvalidArgumentError, match="details must be a mapping of labels to texts"):
        statement_as_html(may(bank), details=details)


@pytest.mark.parametrize("zone", ["Europe/Berlin", None, 2])
def test_a_zone_that_is_none_is_told(bank: Bank, zone: Any) -> None:
    """The name of a zone is no zone, and nothing is not that of the machine."""
    with pytest.raises(InvalidTimeError, match=r"^zone must be a time zone, such as ZoneInfo"):
        statement_as_html(may(bank), zone=zone)


@pytest.mark.parametrize("hours", [-5, 0, 9])
def test_the_first_and_the_last_instant_have_a_day(hours: int) -> None:
    """What is no time in the zone is shown in UTC; a page can be made of every statement."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    zone, bank = timezone(timedelta(hours=hours)), Bank(MemoryStore(), clock=lambda: first)
    bank.open_account("alice", initial_balance=eur("1"))
    for start, end in ((first, last), (first, first)):
        statement = bank.statement("alice", start=start, end=end)
        texts = Page(statement_as_html(statement, zone=zone)).texts
        shown = Page(statement._repr_html_()).texts

        assert any(each.startswith(f"from {first:%Y-%m-%d} to ") for each in texts)
        assert any(f"from {first:%Y-%m-%d} to {end:%Y-%m-%d}" in each for each in shown)


@pytest.mark.parametrize(
    ("span", "period"),
    [
        ({}, "all"),
        ({"start": START}, "from 2026-05-01"),
        ({"end": START + timedelta(days=1)}, "to 2026-05-01"),
    ],
)
def test_a_period_without_an_edge(span: dict[str, Any], period: str, bank: Bank) -> None:
    """A statement without a start or an end says so."""
    assert period in Page(statement_as_html(bank.statement("alice", **span))).texts


def test_a_page_without_lines(bank: Bank) -> None:
    """Nothing happened: two equal balances, and a level line."""
    statement = bank.statement("alice", month="2026-06")
    page = Page(statement_as_html(statement))

    assert page.texts[-4:] == ["Opening balance", "2,987.50", "Closing balance", "2,987.50"]
    assert ["M0 0H720"] == paths(statement)[1:]


# -- The line ----------------------------------------------------------------


def paths(statement: Statement) -> list[str]:
    page = Page(statement_as_html(statement))
    return [str(value) for name, value in page.attributes if name == "d"]


def drawn(*minors: int, hours: float = 24) -> list[str]:
    """
    The lines of an account that was at these balances, one after the other, in this many hours.
    """
    bank = Bank(MemoryStore(), clock=lambda: START + timedelta(days=9))
    limit = Money.from_minor(10**6, "EUR")
    bank.open_account("a", initial_balance=eur("0"), overdraft_limit=limit, booked_at=START)
    before = 0
    for number, minor in enumerate(minors):
        at = START + timedelta(hours=hours) * number / max(len(minors) - 1, 1)
        move = bank.deposit if minor > before else bank.withdraw
        move("a", Money.from_minor(abs(minor - before), "EUR"), booked_at=at)
        before = minor
    return paths(bank.statement("a"))


def test_the_line_has_the_steps_of_the_balance() -> None:
    """It begins at the opening balance, changes where the balance does, and shows zero."""
    zero, balance = drawn(100, -100, 50)

    assert zero == "M0 45H720"
    assert "M0 45H0V0V0V0H360V90V90V90H720V22V22V22H720" == balance


def test_the_line_of_nothing_is_that_of_zero() -> None:
    """Where the balance is always zero, both lines are at the bottom, with nothing below them."""
    assert ["M0 90H720", "M0 90H720"] == drawn()


def test_the_line_of_one_instant_is_drawn() -> None:
    """Where no time passes, nothing is divided by it."""
    assert ["M0 90H720", "M0 90H0V0V0V0H720"] == drawn(100)


def test_the_line_of_many_is_short() -> None:
    """However many lines there are, there is a point or two for each place."""
    _, balance = drawn(*(100 + number % 2 * 50 for number in range(3000)))

    assert len(balance) < 720 * 20
    assert "V30V0" in balance


# -- Notebooks ---------------------------------------------------------------


def test_a_notebook_shows_a_statement(bank: Bank) -> None:
    """The line, the lines and the balances around them, with their currency."""
    page = Page(may(bank)._repr_html_())
    heads = re.findall(r'<th style="text-align:(\w+)">([^<]+)', may(bank)._repr_html_())

    assert page.tags[:3] == ["svg", "path", "path"]
    assert page.texts[:10] == [
        "alice, from 2026-05-01 to 2026-05-31",
        "booked at",
        "kind",
        "amount",
        "balance",
        "counterparty",
        "description",
        "opening balance",
        "EUR 0.00",
        "2026-05-01 00:00",
    ]
    assert page.texts[-2:] == ["closing balance", "EUR 2,987.50"]
    assert ["amount", "balance"] == [name for side, name in heads if side == "right"]
    assert {"left", "right"} == {side for side, _ in heads}


def test_a_notebook_shows_the_ends_of_a_long_statement() -> None:
    """A statement of many lines shows 100 of them, and says how many more there are."""
    bank = Bank(MemoryStore())
    bank.open_account("a", initial_balance=eur("1"))
    for _ in range(1100):
        bank.deposit("a", eur("1"))
    texts = Page(bank.statement("a")._repr_html_()).texts

    assert "… 1,001 more …" in texts
    assert texts.count("Deposit") + texts.count("OpenAccount") == 100
    assert {"EUR 50.00", "EUR 1,052.00"} <= set(texts)
    assert not {"EUR 51.00", "EUR 1,051.00"} & set(texts)
    whole = Page(bank.statement("a", limit=100)._repr_html_()).texts
    assert [] == [text for text in whole if "more" in text]


def test_a_notebook_shows_an_account() -> None:
    """Its status on the left, and its amounts and counts on the right."""
    account = Account.open("alice", initial_balance=eur("1234.5"))
    page = Page(account._repr_html_())

    assert page.texts == [
        "alice",
        *("status", "balance", "held", "available", "overdraft limit", "version"),
        *("open", "EUR 1,234.50", "EUR 0.00", "EUR 1,234.50", "EUR 0.00", "1"),
    ]
    on_the_right = ("style", "text-align:right;white-space:nowrap")
    assert page.attributes.count(on_the_right) == 5
    assert ("style", "text-align:left;white-space:nowrap") in page.attributes


def test_a_notebook_shows_a_receipt(bank: Bank) -> None:
    """What happened to each account."""
    page = Page(bank.transaction("t-1")._repr_html_())

    assert page.texts == [
        "transfer t-1, 2026-05-02 23:00:00 UTC",
        *("account", "amount", "balance", "held", "available"),
        *("alice", "EUR -12.50", "EUR 987.50", "EUR 0.00", "EUR 987.50"),
        *("bob", "EUR 12.50", "EUR 12.50", "EUR 0.00", "EUR 12.50"),
    ]


def test_a_notebook_breaks_long_texts_alone(bank: Bank) -> None:
    """A long description takes lines, so that short cells beside it need not be broken."""
    text = may(bank)._repr_html_()

    assert '<td style="text-align:left;white-space:nowrap">Transfer</td>' in text
    assert '<td style="text-align:left;white-space:nowrap">2026-05-02 23:00</td>' in text
    assert '<td style="text-align:left;overflow-wrap:anywhere">&lt;script&gt;' in text


# -- Short texts -------------------------------------------------------------


def test_a_receipt_as_text_is_short(bank: Bank) -> None:
    """`str` says what, under which id, and what moved; and whether it was given before."""
    receipt = bank.transaction("t-1")
    again = bank.deposit(
        "alice",
        eur("2000"),
        transaction_id="t-2",
        booked_at=receipt.booked_at.replace(day=3, hour=0),
    )

    assert str(receipt) == "transfer t-1: alice EUR -12.50, bob EUR 12.50"
    assert str(again) == "deposit t-2 (again): alice EUR 2000.00"
    assert str(attrs.evolve(receipt, postings=())) == "transfer t-1: no postings"


def test_an_account_as_text_is_short() -> None:
    """`str` says what it has, and what stands in the way."""
    account = Account.open("alice", initial_balance=Money("100", Currency("JPY")))

    assert str(account) == "alice: open, balance JPY 100, available JPY 100"
    assert str(account.restrict("debits", reason="Order 7")) == (
        "alice: open, debits stopped, balance JPY 100, available JPY 100"
    )
    assert str(account.restrict("all", reason="Order 7")) == (
        "alice: open, frozen, balance JPY 100, available JPY 100"
    )
