"""
Statements: what happened on one account in a span of time.

Decided here: what a statement says, how its lines follow from transactions, and its forms as CSV
and in a notebook. Nothing here reads a store or a clock.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from io import StringIO
from typing import Any, Final

import attrs

from bankcore.ledger._codec import metadata_to_text
from bankcore.ledger._drawing import balance_drawing
from bankcore.ledger._records import KIND_SCHEMA, WHERE_TO_SCHEMA, Posting, Transaction, where_to
from bankcore.money import Money
from bankcore.money._html import table
from bankcore.money._json import AMOUNT_SCHEMA, amount_text, amounts_of, amounts_schema
from bankcore.values import AccountId
from bankcore.values._errors import InvalidArgumentError, shown
from bankcore.values._ids import ID_SCHEMA, TRANSACTION_ID_SCHEMA
from bankcore.values._instants import TICK
from bankcore.values._json import (
    INSTANT,
    TEXT_OR_NULL,
    VERSION,
    Told,
    instant_text,
    list_schema,
    object_schema,
)
from bankcore.values._metadata import METADATA_SCHEMA

_LINE_SCHEMA: Final = object_schema(
    {
        "transaction_id": TRANSACTION_ID_SCHEMA,
        "kind": KIND_SCHEMA,
        "booked_at": INSTANT,
        "amount": AMOUNT_SCHEMA,
        "balance": AMOUNT_SCHEMA,
        "version": VERSION,
        "description": TEXT_OR_NULL,
        **WHERE_TO_SCHEMA,
        "metadata": METADATA_SCHEMA,
    }
)


@attrs.frozen
class StatementLine:
    """
    The effect of one transaction on an account.

    Attributes:
        posting: The account's line in the transaction.
        amount: Signed: above zero into the account, below zero out of it.
        balance: The balance after it.
        counterparties: The other accounts: `Transaction.counterparties`.
    """

    transaction: Transaction
    posting: Posting

    @property
    def booked_at(self) -> datetime:
        return self.transaction.booked_at

    @property
    def amount(self) -> Money:
        return self.posting.amount

    @property
    def balance(self) -> Money:
        return self.posting.balance

    @property
    def counterparties(self) -> tuple[AccountId, ...]:
        return self.transaction.counterparties(self.posting.account_id)


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
            "lines": [_line_dict(line) for line in self.lines],
            "closing_balance": amount_text(self.closing_balance),
        }

    @property
    def closing_balance(self) -> Money:
        return self.lines[-1].balance if self.lines else self.opening_balance

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the balance as a line, and the first and last lines."""
        half = _LINES_SHOWN // 2
        left_out = len(self.lines) - _LINES_SHOWN
        rows: list[Sequence[object]] = list(map(_notebook_cells, self.lines))
        if left_out > 0:
            rows[half:-half] = [("", f"… {left_out:,} more …", "", "", "", "")]
        edges = [
            ("", f"{name} balance", "", balance, "", "")
            for name, balance in (
                ("opening", self.opening_balance),
                ("closing", self.closing_balance),
            )
        ]
        columns = ("booked at", "kind", "amount", "balance", "counterparty", "description")
        caption = f"{self.account_id}, {period_text(self)}"
        return drawing_of(self) + table(caption, columns, [edges[0], *rows, edges[1]])


# The most lines that a notebook shows, half of them from either end.
_LINES_SHOWN: Final = 100


def _notebook_cells(line: StatementLine) -> tuple[object, ...]:
    _, _, kind, _, _, counterparty, description, _ = statement_cells(line)
    return (line.booked_at, kind, line.amount, line.balance, counterparty, description)


def require_statement(value: object) -> None:
    """Raise unless *value* is a statement."""
    if not isinstance(value, Statement):
        reason = "must be a Statement, such as bank.statement(account_id)"
        raise InvalidArgumentError(shown(value), reason).about("statement")


def drawing_of(statement: Statement) -> str:
    """Return the balance over the time of *statement*, as SVG."""
    balances = [(line.booked_at, line.balance) for line in statement.lines]
    return balance_drawing(statement.opening_balance, balances, statement.start, statement.end)


def period_text(statement: Statement, zone: tzinfo = UTC) -> str:
    """Return the days that *statement* covers, the last one included."""
    words = []
    if statement.start is not None:
        words += ["from", day_text(statement.start, zone)]
    if statement.end is not None:
        # The end itself is no longer in it.
        words += ["to", day_text(max(statement.end, _SECOND_INSTANT) - TICK, zone)]
    return " ".join(words) or "all"


_SECOND_INSTANT: Final = datetime.min.replace(tzinfo=UTC) + TICK


def day_text(instant: datetime, zone: tzinfo) -> str:
    """Return the day of *instant* in *zone*; in UTC where it is none of the years 1 to 9999."""
    with suppress(OverflowError):
        instant = instant.astimezone(zone)
    return f"{instant:%Y-%m-%d}"


def counterparty_text(line: StatementLine) -> str:
    return " ".join(each.value for each in line.counterparties)


def _line_dict(line: StatementLine) -> dict[str, Any]:
    transaction = line.transaction
    return {
        "transaction_id": transaction.id.value,
        "kind": transaction.command.kind,
        "booked_at": instant_text(line.booked_at),
        "amount": amount_text(line.amount),
        "balance": amount_text(line.balance),
        "version": line.posting.version,
        "description": transaction.command.description,
        **where_to(transaction, line.counterparties),
        "metadata": dict(transaction.command.metadata),
    }


#: The cells of each line, in this order.
STATEMENT_COLUMNS: Final = (
    "booked_at",
    "transaction_id",
    "kind",
    "amount",
    "balance",
    "counterparty",
    "description",
    "metadata",
)


def statement_as_csv(statement: Statement) -> Iterator[str]:
    """
    Yield the lines of *statement* as CSV, each with its line feed, the `STATEMENT_COLUMNS` first.

    The first and the last row are of the kinds ``OpeningBalance`` and ``ClosingBalance``, at the
    start and the end of the statement, if it has them.

    Spreadsheets take no cell for a formula. Where a description or metadata, or the text after a
    semicolon in them, begin with ``=``, ``+``, ``-`` or ``@`` (or their full-width forms, or with
    white space before them), an apostrophe comes first. All other cells are numbers, ids and
    times; an amount below zero stays a number.

    Raises:
        InvalidArgumentError: If *statement* is no statement.
    """
    require_statement(statement)
    yield _csv_line(STATEMENT_COLUMNS)
    yield _balance_line(statement.start, "OpeningBalance", statement.opening_balance)
    for line in statement.lines:
        *cells, description, metadata = statement_cells(line)
        texts = (_FORMULA.sub(r"\1'\2", text) for text in (description, metadata))
        yield _csv_line((*cells, *texts))
    yield _balance_line(statement.end, "ClosingBalance", statement.closing_balance)


def _balance_line(at: datetime | None, kind: str, balance: Money) -> str:
    instant = "" if at is None else at.isoformat()
    return _csv_line((instant, "", kind, "", amount_text(balance), "", "", ""))


# In countries with a decimal comma, a semicolon begins a new cell.
_FORMULA: Final = re.compile(r"(^|;)(\s*[=+@\-＝＋＠－])")


def _csv_line(cells: Sequence[str]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def statement_cells(line: StatementLine) -> tuple[str, ...]:
    """
    Return the texts of *line* for the `STATEMENT_COLUMNS`.

    Amounts have all decimals; metadata are JSON, or nothing where there are none.
    """
    command = line.transaction.command
    return (
        line.booked_at.isoformat(),
        line.transaction.id.value,
        type(command).__name__,
        amount_text(line.amount),
        amount_text(line.balance),
        counterparty_text(line),
        command.description or "",
        metadata_to_text(command.metadata) or "",
    )


def line_of(transaction: Transaction, account_id: AccountId) -> StatementLine:
    """Return the line of *transaction* in a statement of this account."""
    return StatementLine(transaction, transaction.posting(account_id))
