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
        """
        The account that was opened, debited or credited; of a transfer, the debited one.

        Raises:
            LookupError: On a receipt of a reversal that has no posting: the command names none.
        """
        found = touched_accounts(self) or self.command.account_ids
        if not found:
            raise LookupError("this receipt names no account: its principal may read none of them")
        return found[0]

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


# The classes are frozen, so their slots are filled through their own descriptors.
_set_account_id, _set_amount, _set_balance, _set_held, _set_limit, _set_version = (
    getattr(Posting, field.name).__set__ for field in attrs.fields(Posting)
)
_set_id, _set_command, _set_booked_at, _set_postings, _set_principal, _set_replayed = (
    getattr(Transaction, field.name).__set__ for field in attrs.fields(Transaction)
)


def transaction_of_one(
    transaction_id: TransactionId,
    command: Command,
    booked_at: datetime,
    principal: str | None,
    posting: tuple[AccountId, Money, Money, Money, Money, int],
) -> Transaction:
    """Return the transaction with one posting of these fields, in two thirds of the usual time."""
    line = object.__new__(Posting)
    account_id, amount, balance, held, overdraft_limit, version = posting
    _set_account_id(line, account_id)
    _set_amount(line, amount)
    _set_balance(line, balance)
    _set_held(line, held)
    _set_limit(line, overdraft_limit)
    _set_version(line, version)
    transaction = object.__new__(Transaction)
    _set_id(transaction, transaction_id)
    _set_command(transaction, command)
    _set_booked_at(transaction, booked_at)
    _set_postings(transaction, (line,))
    _set_principal(transaction, principal)
    _set_replayed(transaction, False)
    return transaction


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
