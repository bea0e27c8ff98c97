"""
The records of the journal: what became of one command.

Decided here: what a `Transaction` (accepted) and a `Refusal` (declined, under an id that the
caller gave) consist of. The bank makes them, stores read them back, and they never change.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from bankcore.commands import Command
from bankcore.ledger._errors import RECORDED_ERRORS
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import DeclinedError
from bankcore.values._ids import to_account_id


@attrs.frozen
class Posting:
    """
    One account's line in a transaction.

    Attributes:
        amount: Signed: above zero into the account, below zero out of it.
        balance: The account's balance after the transaction.
        held: What its holds reserve after the transaction.
        overdraft_limit: The account's overdraft limit after the transaction.
        version: The account's version after the transaction.
    """

    account_id: AccountId
    amount: Money
    balance: Money
    held: Money
    overdraft_limit: Money
    version: int

    @property
    def available(self) -> Money:
        """The money available after the transaction: ``balance - held + overdraft_limit``."""
        return self.balance - self.held + self.overdraft_limit


@attrs.frozen
class Transaction:
    """
    The immutable record of one accepted command, and its receipt.

    Attributes:
        id: The transaction id, given or made.
        command: The command as it was sent first, with its id.
        booked_at: When it was booked, UTC.
        postings: One for each account that it touched, the debited account first. A receipt
            for a principal has only those that the principal may see, which may be none.
        principal: Who asked, if the bank was told.
        replayed: True if this receipt was given before. Not part of equality.
    """

    id: TransactionId
    command: Command
    booked_at: datetime
    postings: tuple[Posting, ...]
    principal: str | None = None
    replayed: bool = attrs.field(default=False, eq=False)

    @property
    def account_id(self) -> AccountId:
        """The account that was opened, debited or credited; of a transfer, the debited one."""
        return self.postings[0].account_id if self.postings else self.command.account_ids[0]

    def posting(self, account_id: AccountId | str) -> Posting:
        """
        Return the posting of *account_id* in this transaction.

        Raises:
            KeyError: If the transaction does not touch that account.
        """
        wanted = to_account_id(account_id)
        for posting in self.postings:
            if posting.account_id == wanted:
                return posting
        raise KeyError(wanted)


@attrs.frozen
class Refusal:
    """
    The recorded answer "no" to a command whose id the caller gave.

    Attributes:
        id: The transaction id, which can never be used for anything else.
        command: The command as it was sent first, with its id.
        code: The ``code`` of the error.
        facts: The error's fields.
        refused_at: The time at which it was judged, UTC; with a *batch*, the time of the bank's
            clock.
        principal: Who asked, if the bank was told.
        batch: In an atomic batch, the commands before it, which were undone with it. With them,
            the journal alone tells why it was refused.
    """

    id: TransactionId
    command: Command
    refused_at: datetime
    code: str
    facts: Mapping[str, Any] = attrs.field(hash=False)
    principal: str | None = None
    batch: tuple[Command, ...] = ()

    def to_error(self) -> DeclinedError:
        """Return the error that was recorded, to be raised again."""
        return RECORDED_ERRORS[self.code](**self.facts)


def touched_accounts(record: Transaction | Refusal | None) -> tuple[AccountId, ...]:
    """Return the accounts that *record* has touched; none for a refusal or None."""
    if not isinstance(record, Transaction):
        return ()
    return tuple(posting.account_id for posting in record.postings)
