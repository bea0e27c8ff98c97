"""
Statements: what happened on one account in a span of time.

Decided here: what a statement says, how its lines follow from transactions, and its form as
CSV. Nothing here reads a store or a clock.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import StringIO
from typing import Any, Final

import attrs

from bankcore.ledger._records import KIND_SCHEMA, Transaction
from bankcore.money import Money
from bankcore.money._json import AMOUNT_SCHEMA, amount_text, amounts_of, amounts_schema
from bankcore.values import AccountId
from bankcore.values._ids import ID_SCHEMA, TRANSACTION_ID_SCHEMA
from bankcore.values._json import (
    INSTANT,
    TEXT_OR_NULL,
    VERSION,
    Told,
    instant_text,
    list_schema,
    object_schema,
)

_LINE_SCHEMA: Final = object_schema(
    {
        "transaction_id": TRANSACTION_ID_SCHEMA,
        "kind": KIND_SCHEMA,
        "booked_at": INSTANT,
        "amount": AMOUNT_SCHEMA,
        "balance": AMOUNT_SCHEMA,
        "version": VERSION,
        "description": TEXT_OR_NULL,
    }
)


@attrs.frozen
class StatementLine:
    """
    The effect of one transaction on an account.

    Attributes:
        amount: Signed: above zero into the account, below zero out of it.
        balance: The balance after it.
    """

    transaction: Transaction
    amount: Money
    balance: Money

    @property
    def booked_at(self) -> datetime:
        return self.transaction.booked_at


@attrs.frozen
class Statement(Told):
    """
    The lines of an account in ``[start, end)``, between two balances.

    Attributes:
        start: The first instant covered; None for the account's beginning.
        end: The first instant no longer covered; None for no end.
        opening_balance: The balance just before *start*.
        closing_balance: The balance after the last line.
    """

    account_id: AccountId
    start: datetime | None
    end: datetime | None
    opening_balance: Money
    lines: tuple[StatementLine, ...]

    _json_schema = object_schema(
        {
            "account_id": ID_SCHEMA,
            **amounts_schema("opening_balance"),
            "lines": list_schema(_LINE_SCHEMA),
            "closing_balance": AMOUNT_SCHEMA,
        }
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the statement for JSON: amounts as text, and their currency once."""
        return {
            "account_id": self.account_id.value,
            **amounts_of(self, "opening_balance"),
            "lines": [_line_dict(line, self.account_id) for line in self.lines],
            "closing_balance": amount_text(self.closing_balance),
        }

    @property
    def closing_balance(self) -> Money:
        return self.lines[-1].balance if self.lines else self.opening_balance


def _line_dict(line: StatementLine, account_id: AccountId) -> dict[str, Any]:
    transaction = line.transaction
    return {
        "transaction_id": transaction.id.value,
        "kind": transaction.command.kind,
        "booked_at": instant_text(line.booked_at),
        "amount": amount_text(line.amount),
        "balance": amount_text(line.balance),
        "version": transaction.posting(account_id).version,
        "description": transaction.command.description,
    }


#: The cells of each line, in this order.
STATEMENT_COLUMNS: Final = (
    "booked_at",
    "transaction_id",
    "kind",
    "amount",
    "balance",
    "description",
)


def statement_as_csv(statement: Statement) -> Iterator[str]:
    """
    Yield the lines of *statement* as CSV, each with its line feed, the `STATEMENT_COLUMNS` first.

    Spreadsheets take no cell for a formula. Where a description, or the text after a semicolon in
    it, begins with ``=``, ``+``, ``-`` or ``@`` (or their full-width forms, or with white space
    before them), an apostrophe comes first. All other cells are numbers, ids and times; an amount
    below zero stays a number.
    """
    yield _csv_line(STATEMENT_COLUMNS)
    for line in statement.lines:
        *cells, description = statement_cells(line)
        yield _csv_line((*cells, _FORMULA.sub(r"\1'\2", description)))


# In countries with a decimal comma, a semicolon begins a new cell.
_FORMULA: Final = re.compile(r"(^|;)(\s*[=+@\-＝＋＠－])")


def _csv_line(cells: Sequence[str]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def statement_cells(line: StatementLine) -> tuple[str, ...]:
    """Return the texts of *line* for the `STATEMENT_COLUMNS`; amounts have all decimals."""
    command = line.transaction.command
    return (
        line.booked_at.isoformat(),
        line.transaction.id.value,
        type(command).__name__,
        f"{line.amount.amount:f}",
        f"{line.balance.amount:f}",
        command.description or "",
    )


def line_of(transaction: Transaction, account_id: AccountId) -> StatementLine:
    """Return the line of *transaction* in a statement of this account."""
    posting = transaction.posting(account_id)
    return StatementLine(transaction, posting.amount, posting.balance)
