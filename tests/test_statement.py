"""
Statements for a spreadsheet: what is a number stays one, and nothing becomes a formula.
"""

import csv
from datetime import UTC, date, datetime
from typing import Any

import pytest

from bankcore import Bank, Currency, Money, Principal, Statement
from bankcore.access import Role
from bankcore.commands import Deposit
from bankcore.errors import InvalidTextError, InvalidTimeError
from bankcore.ledger import STATEMENT_COLUMNS, statement_as_csv
from bankcore.stores import MemoryStore

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ONE = Money("1", "EUR")


def rows_of(statement: Statement) -> list[dict[str, str]]:
    """Return what a reader of CSV makes of its lines, between its balances."""
    return list(csv.DictReader(statement_as_csv(statement)))[1:-1]


def described(description: str) -> Statement:
    """A statement of one deposit with this description."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE, transaction_id="t-1")
    bank.deposit("a", ONE, transaction_id="t-2", description=description)
    return bank.statement("a")


def test_the_lines_are_as_documented() -> None:
    """
    A line for the columns, then one for each of the statement's between its balances, each with
    its end.
    """
    assert [
        "booked_at,transaction_id,kind,amount,balance,counterparty,description,metadata\n",
        ",,OpeningBalance,,0.00,,,\n",
        "2026-05-01T12:00:00+00:00,t-1,OpenAccount,1.00,1.00,,,\n",
        '2026-05-01T12:00:00+00:00,t-2,Deposit,1.00,2.00,,"rent, May",\n',
        ",,ClosingBalance,,2.00,,,\n",
    ] == list(statement_as_csv(described("rent, May")))


def test_a_statement_without_lines() -> None:
    """Nothing happened: the columns, and the balance before and after nothing."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE)

    start, end = NOON.replace(hour=13), NOON.replace(hour=14)
    assert [
        ",".join(STATEMENT_COLUMNS) + "\n",
        "2026-05-01T13:00:00+00:00,,OpeningBalance,,1.00,,,\n",
        "2026-05-01T14:00:00+00:00,,ClosingBalance,,1.00,,,\n",
    ] == list(statement_as_csv(bank.statement("a", start=start, end=end)))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize("space", ["", " ", "\u00a0", "  \u3000"])
def test_no_cell_is_a_formula(start: str, space: str) -> None:
    """What begins as a formula does, with or without white space before it, is text."""
    text = f"{space}{start}HYPERLINK(1)"

    assert f"'{text}" == rows_of(described(text))[-1]["description"]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("rent;=1+1", "rent;'=1+1"),
        ("rent; =1+1;-2", "rent;' =1+1;'-2"),
        (";@x", ";'@x"),
        ("=1;=2", "'=1;'=2"),
    ],
)
def test_what_follows_a_semicolon_is_no_formula(text: str, cell: str) -> None:
    """Where a semicolon begins a cell, that cell is none either."""
    assert cell == rows_of(described(text))[-1]["description"]


@pytest.mark.parametrize(
    "text",
    ["", "rent", "a=b", "3-4", "'quoted'", 'say "yes"', '"=1"', "a, b", "a; b", "café \U0001f600"],
)
def test_any_other_description_is_as_it_was(text: str) -> None:
    """Quotes, commas, semicolons and signs within a text come back as they were."""
    assert text == rows_of(described(text))[-1]["description"]


@pytest.mark.parametrize("control", ["\t", "\r", "\n", "\0", "\x0b", "\u2028"])
def test_no_cell_has_a_control_character(control: str) -> None:
    """A tab or a line end, by which cells and lines begin, cannot get into a description."""
    with pytest.raises(InvalidTextError):
        Deposit("a", ONE, description=f"{control}=1")


@pytest.mark.parametrize(
    ("currency", "amount_minor", "amount", "zero"),
    [
        (Currency("EUR"), 1, "0.01", "0.00"),
        (Currency("EUR"), 10**18 - 1, "9999999999999999.99", "0.00"),
        (Currency("JPY"), 123_456_789, "123456789", "0"),
        # Numbers that Python would write with an exponent.
        (Currency("BTC", exponent=8), 1, "0.00000001", "0.00000000"),
    ],
)
def test_an_amount_stays_a_number(
    currency: Currency, amount_minor: int, amount: str, zero: str
) -> None:
    """An amount is its digits, with all decimals, and a minus sign alone where it is negative."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    money = Money.from_minor(amount_minor, currency)
    bank.open_account("a", initial_balance=Money.zero(currency), overdraft_limit=money)
    bank.withdraw("a", money)
    bank.deposit("a", money)

    assert [(f"-{amount}", f"-{amount}"), (amount, zero)] == [
        (row["amount"], row["balance"]) for row in rows_of(bank.statement("a"))
    ]


def test_pages_make_one_file() -> None:
    """Each page begins with the balance at which the one before it ends; between is the whole."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE)
    for _ in range(4):
        bank.deposit("a", ONE)
    columns, opening, *lines, closing = statement_as_csv(bank.statement("a"))
    pages = [
        list(statement_as_csv(bank.statement("a", limit=2, after_version=after)))
        for after in (0, 2, 4)
    ]

    assert (columns, opening) == tuple(pages[0][:2])
    assert lines == [line for page in pages for line in page[2:-1]]
    assert closing == pages[-1][-1]


# -- The other side ----------------------------------------------------------


def paid() -> Bank:
    """A bank in which alice paid bob by a transfer, a capture, a post and a closing."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    for name in ("alice", "bob", "fees"):
        bank.open_account(name, initial_balance=Money("50", "EUR"), holder=name)
    bank.transfer("alice", "bob", ONE, transaction_id="sent")
    bank.reverse("sent", transaction_id="back")
    bank.place_hold("alice", ONE, transaction_id="hold")
    bank.capture_hold("alice", "hold", destination_id="bob", transaction_id="taken")
    legs = [("alice", -ONE - ONE), ("bob", ONE), ("fees", ONE)]
    bank.post(legs, transaction_id="split")
    bank.withdraw("alice", ONE, transaction_id="cash")
    bank.close_account("alice", sweep_to="bob", transaction_id="gone")
    return bank


def counterparties(statement: Statement) -> dict[str, str]:
    return {row["transaction_id"]: row["counterparty"] for row in rows_of(statement)[1:]}


def test_a_line_names_the_other_accounts() -> None:
    """A statement says where money came from and went."""
    bank = paid()
    both = {"sent": "bob", "back": "bob", "taken": "bob", "split": "bob fees", "gone": "bob"}

    assert both | {"cash": ""} == counterparties(bank.statement("alice"))
    assert {"sent": "alice", "back": "alice", "taken": "alice", "split": "alice fees"} | {
        "gone": "alice"
    } == counterparties(bank.statement("bob"))


def test_a_principal_is_told_of_accounts_that_it_may_read() -> None:
    """An account that the policy hides is not named, whoever paid it."""
    bank = paid()
    bank.grant_access("fees", "bob", ["read"])
    alice, bob = (bank.acting_as(Principal(name, {Role.OWNER})) for name in ("alice", "bob"))
    hidden = {"sent": "", "back": "", "taken": "", "split": "", "gone": ""}

    assert hidden | {"cash": ""} == counterparties(alice.statement("alice"))
    assert hidden | {"split": "fees"} == counterparties(bob.statement("bob"))


def test_an_account_that_a_transaction_does_not_touch_has_no_counterparty() -> None:
    """To ask for one is a mistake, as it is to ask for its posting."""
    with pytest.raises(KeyError):
        paid().transaction("cash").counterparties("bob")


# -- Months ------------------------------------------------------------------


@pytest.mark.parametrize("month", ["2026-02", date(2026, 2, 1), date(2026, 2, 28)])
def test_a_month_is_from_its_first_midnight_to_the_next(month: date | str) -> None:
    """`month=` is the same as the first days of two months as *start* and *end*."""
    bank = Bank(MemoryStore())
    bank.open_account("a", initial_balance=ONE, booked_at=datetime(2026, 1, 31, tzinfo=UTC))
    for day, hour in ((1, 0), (28, 23)):
        bank.deposit("a", ONE, booked_at=datetime(2026, 2, day, hour, tzinfo=UTC))
    statement = bank.statement("a", month=month)

    assert bank.statement("a", start=date(2026, 2, 1), end=date(2026, 3, 1)) == statement
    assert (2, ONE) == (len(statement.lines), statement.opening_balance)


def test_december_ends_with_the_year() -> None:
    """The month after December is January."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE)

    assert datetime(2026, 1, 1, tzinfo=UTC) == bank.statement("a", month="2025-12").end


@pytest.mark.parametrize(
    "month",
    ["2026-13", "2026-00", "2026-1", "26-01", "9999-12", "2026-01-01", 5, NOON, "２０26-01"],
)
def test_what_is_no_month_is_told(month: Any) -> None:
    """A month is YYYY-MM, or a date; an instant could be of two months."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE)

    with pytest.raises(InvalidTimeError, match="month must be a month, YYYY-MM, or a date in it"):
        bank.statement("a", month=month)


@pytest.mark.parametrize("other", ["start", "end"])
def test_a_month_stands_alone(other: str) -> None:
    """Beside a start or an end it would say two things."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE)
    span: dict[str, Any] = {other: NOON}

    with pytest.raises(InvalidTimeError, match="month must not be given beside a start or an end"):
        bank.statement("a", month="2026-01", **span)
