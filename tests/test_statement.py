"""
Statements for a spreadsheet: what is a number stays one, and nothing becomes a formula.
"""

import csv
from datetime import UTC, datetime
from itertools import islice

import pytest

from bankcore import Bank, Currency, Money, Statement
from bankcore.commands import Deposit
from bankcore.errors import InvalidTextError
from bankcore.ledger import STATEMENT_COLUMNS, statement_as_csv
from bankcore.stores import MemoryStore

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ONE = Money("1", "EUR")


def rows_of(statement: Statement) -> list[dict[str, str]]:
    """Return what a reader of CSV makes of it."""
    return list(csv.DictReader(statement_as_csv(statement)))


def described(description: str) -> Statement:
    """A statement of one deposit with this description."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE, transaction_id="t-1")
    bank.deposit("a", ONE, transaction_id="t-2", description=description)
    return bank.statement("a")


def test_the_lines_are_as_documented() -> None:
    """A line for the columns, then one for each of the statement's, each with its end."""
    assert [
        "booked_at,transaction_id,kind,amount,balance,description\n",
        "2026-05-01T12:00:00+00:00,t-1,OpenAccount,1.00,1.00,\n",
        '2026-05-01T12:00:00+00:00,t-2,Deposit,1.00,2.00,"rent, May"\n',
    ] == list(statement_as_csv(described("rent, May")))


def test_a_statement_without_lines() -> None:
    """Nothing happened: the columns alone."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE)

    assert [",".join(STATEMENT_COLUMNS) + "\n"] == list(
        statement_as_csv(bank.statement("a", start=NOON.replace(hour=13)))
    )


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
    """The pages of a statement, each after the first without its columns, are the whole."""
    bank = Bank(MemoryStore(), clock=lambda: NOON)
    bank.open_account("a", initial_balance=ONE)
    for _ in range(4):
        bank.deposit("a", ONE)
    whole = list(statement_as_csv(bank.statement("a")))
    pages = [bank.statement("a", limit=2, after_version=after) for after in (0, 2, 4)]

    assert whole == [
        whole[0],
        *(line for page in pages for line in islice(statement_as_csv(page), 1, None)),
    ]
