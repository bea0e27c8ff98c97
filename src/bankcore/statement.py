"""
Statements: what happened on one account in a span of time.

Decided here: what a statement says and how its lines follow from transactions.
Built from what a store's history gives; nothing here reads a store or a clock.
"""

from datetime import datetime

import attrs

from bankcore.ids import AccountId
from bankcore.money import Money
from bankcore.transaction import Transaction


@attrs.frozen
class StatementLine:
    """
    One transaction as the account saw it.

    Attributes:
        amount: Signed: above zero into the account, below zero out of it.
        balance: The balance after it.
    """

    transaction: Transaction
    amount: Money
    balance: Money

    @property
    def booked_at(self) -> datetime:
        """
        When it was booked, UTC.
        """
        return self.transaction.booked_at


@attrs.frozen
class Statement:
    """
    An account's lines in ``[start, end)``, between two balances.

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

    @property
    def closing_balance(self) -> Money:
        return self.lines[-1].balance if self.lines else self.opening_balance


def line_of(transaction: Transaction, account_id: AccountId) -> StatementLine:
    """
    *transaction* as *account_id* saw it.
    """
    posting = transaction.posting(account_id)
    return StatementLine(transaction, posting.amount, posting.balance)
