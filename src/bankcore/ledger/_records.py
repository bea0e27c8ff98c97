"""
The records of the journal: what became of one command.

Decided here: what a `Transaction` (accepted) and a `Refusal` (declined, under an id that the
caller gave) consist of. The bank makes them, stores read them back, and they never change.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from bankcore.commands import BY_KIND, Command
from bankcore.ledger._errors import RECORDED_ERRORS
from bankcore.money import Money
from bankcore.money._html import table
from bankcore.money._json import amounts_of, amounts_schema
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import BankError, DeclinedError
from bankcore.values._ids import ID_SCHEMA, TRANSACTION_ID_SCHEMA, to_account_id
from bankcore.values._json import (
    FLAG,
    INSTANT,
    TEXT_OR_NULL,
    VERSION,
    Json,
    Told,
    instant_text,
    list_schema,
    object_schema,
)
from bankcore.values._metadata import METADATA_SCHEMA

_ID_OR_NULL: Final[Json] = {**TRANSACTION_ID_SCHEMA, "type": ["string", "null"]}
#: What a receipt and a line of a statement say of where money went.
WHERE_TO_SCHEMA: Final[Json] = {
    "counterparties": list_schema(ID_SCHEMA),
    "original_id": _ID_OR_NULL,
    "hold_id": _ID_OR_NULL,
}
KIND_SCHEMA: Final[Json] = {"type": "string", "enum": sorted(BY_KIND)}


@attrs.frozen
class Posting(Told):
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

    _json_schema = object_schema(
        {
            "account_id": ID_SCHEMA,
            **amounts_schema("amount", "balance", "held", "available", "overdraft_limit"),
            "version": VERSION,
        }
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the posting for JSON: amounts as text, and their currency once."""
        return {
            "account_id": self.account_id.value,
            **amounts_of(self, "amount", "balance", "held", "available", "overdraft_limit"),
            "version": self.version,
        }

    @property
    def available(self) -> Money:
        """The money available after the transaction: ``balance - held + overdraft_limit``."""
        return self.balance - self.held + self.overdraft_limit


@attrs.frozen
class Transaction(Told):
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

    _json_schema = object_schema(
        {
            "id": TRANSACTION_ID_SCHEMA,
            "kind": KIND_SCHEMA,
            "account_id": {**ID_SCHEMA, "type": ["string", "null"]},
            "booked_at": INSTANT,
            "description": TEXT_OR_NULL,
            "metadata": METADATA_SCHEMA,
            "postings": list_schema(Posting.json_schema()),
            **WHERE_TO_SCHEMA,
            "replayed": FLAG,
        }
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt for JSON; ``account_id`` is null where it names no account."""
        # A reversal whose accounts the principal may not read names none.
        is_named = bool(self.postings or self.command.account_ids)
        return {
            "id": self.id.value,
            "kind": self.command.kind,
            "account_id": self.account_id.value if is_named else None,
            "booked_at": instant_text(self.booked_at),
            "description": self.command.description,
            "metadata": dict(self.command.metadata),
            "postings": [posting.to_dict() for posting in self.postings],
            **where_to(self, touched_accounts(self)[1:]),
            "replayed": self.replayed,
        }

    @property
    def original_id(self) -> TransactionId | None:
        """The transaction that this one reversed; None for none, or if the receipt shows none."""
        found: TransactionId | None = getattr(self.command, "original_id", None)
        return found if self.postings else None

    @property
    def hold_id(self) -> TransactionId | None:
        """The hold that it captured, released, extended or ended, if its account may be seen."""
        found: TransactionId | None = getattr(self.command, "hold_id", None)
        return found if self.command.account_ids[:1] == touched_accounts(self)[:1] else None

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

    def counterparties(self, account_id: AccountId | str) -> tuple[AccountId, ...]:
        """
        Return the other accounts, from or to which money of *account_id* moved.

        They are those of the other postings: for a principal, those that it may read.

        Raises:
            KeyError: If the transaction does not touch that account.
        """
        own = self.posting(account_id).account_id
        return tuple(each for each in touched_accounts(self) if each != own)

    def __str__(self) -> str:
        again = " (again)" if self.replayed else ""
        moved = ", ".join(f"{each.account_id} {each.amount}" for each in self.postings)
        return f"{self.command.kind} {self.id}{again}: {moved or 'no postings'}"

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        booked_at = f"{self.booked_at:%Y-%m-%d %H:%M:%S}"
        caption = f"{self.command.kind} {self.id}, {booked_at} UTC"
        rows = [
            (each.account_id, each.amount, each.balance, each.held, each.available)
            for each in self.postings
        ]
        return table(caption, ("account", "amount", "balance", "held", "available"), rows)


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
class Refusal(Told):
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

    _json_schema = object_schema(
        {
            "id": TRANSACTION_ID_SCHEMA,
            "kind": KIND_SCHEMA,
            "account_ids": list_schema(ID_SCHEMA),
            "refused_at": INSTANT,
            "description": TEXT_OR_NULL,
            "metadata": METADATA_SCHEMA,
            "error": BankError.json_schema(),
        }
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the refusal for JSON; ``error`` is what `BankError.to_dict` returns."""
        return {
            "id": self.id.value,
            "kind": self.command.kind,
            "account_ids": [each.value for each in self.command.account_ids],
            "refused_at": instant_text(self.refused_at),
            "description": self.command.description,
            "metadata": dict(self.command.metadata),
            "error": self.to_error().to_dict(),
        }

    def to_error(self) -> DeclinedError:
        """Return the error that was recorded, to be raised again."""
        return RECORDED_ERRORS[self.code](**self.facts)


def touched_accounts(record: Transaction | Refusal | None) -> tuple[AccountId, ...]:
    """Return the accounts that *record* has touched; none for a refusal or None."""
    if not isinstance(record, Transaction):
        return ()
    return tuple(posting.account_id for posting in record.postings)


def where_to(transaction: Transaction, counterparties: Sequence[AccountId]) -> dict[str, Any]:
    """Return for JSON where money went to or came from, as far as the receipt shows it."""
    original_id, hold_id = transaction.original_id, transaction.hold_id
    return {
        "counterparties": [each.value for each in counterparties],
        "original_id": None if original_id is None else original_id.value,
        "hold_id": None if hold_id is None else hold_id.value,
    }
