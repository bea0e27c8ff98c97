"""
The journal's records: what became of one command.

Decided here: what a `Transaction` (accepted) and a `Refusal` (declined, under an id
the caller gave) consist of. They are made by `bankcore.bank._decide` and by stores that
read them back, and never change after.
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
        held: What is held of it after the transaction.
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
        """
        What could be taken right after it: ``balance - held + overdraft_limit``.
        """
        return self.balance - self.held + self.overdraft_limit


@attrs.frozen
class Transaction:
    """
    The immutable record of one accepted command, and its receipt.

    Attributes:
        id: The transaction id, given or made.
        command: The command as it was sent first, with its id.
        booked_at: When it was booked, UTC.
        postings: One for each account it touched, the debited account first. A receipt given
            to a principal has those alone that it may see, which may be none.
        principal: Who asked, where the bank was told.
        replayed: Whether this receipt was given before. Not part of equality.
    """

    id: TransactionId
    command: Command
    booked_at: datetime
    postings: tuple[Posting, ...]
    principal: str | None = None
    replayed: bool = attrs.field(default=False, eq=False)

    @property
    def account_id(self) -> AccountId:
        """
        The account it opened, debited or credited; of a transfer, the debited one.
        """
        return self.postings[0].account_id if self.postings else self.command.account_ids[0]

    def posting(self, account_id: AccountId | str) -> Posting:
        """
        The posting of *account_id* in this transaction.

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
        id: The transaction id, which will never stand for anything else.
        command: The command as it was sent first, with its id.
        code: The ``code`` of the error.
        facts: The error's fields.
        refused_at: When, UTC: the time by which it was judged. Where it has a *batch*, what
            the bank's clock said, by which the whole of it was judged.
        principal: Who asked, where the bank was told.
        batch: In an atomic batch, the commands before it, which were undone with it: with
            them, the journal alone tells why it was refused.
    """

    id: TransactionId
    command: Command
    refused_at: datetime
    code: str
    facts: Mapping[str, Any] = attrs.field(hash=False)
    principal: str | None = None
    batch: tuple[Command, ...] = ()

    def to_error(self) -> DeclinedError:
        """
        The error of which this is the record, to be raised again.
        """
        return RECORDED_ERRORS[self.code](**self.facts)


def touched_accounts(record: Transaction | Refusal | None) -> tuple[AccountId, ...]:
    """
    The accounts that what is recorded has touched; none for a refusal, or for nothing.
    """
    if not isinstance(record, Transaction):
        return ()
    return tuple(posting.account_id for posting in record.postings)
