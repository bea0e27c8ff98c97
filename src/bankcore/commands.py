"""
The commands: frozen values that ask the bank for something.

Decided here: what each command carries, and which commands are malformed whatever
the state of any account. Whether a well-formed one is allowed is decided in
`bankcore.rules`. A command never changes after it is made, and two are equal when
they ask for the same; their transaction ids do not count.
"""

import unicodedata
from datetime import datetime
from typing import Final

import attrs

from bankcore.account import require_amount, require_not_negative
from bankcore.errors import InvalidTextError, SameAccountError, shown
from bankcore.ids import AccountId, TransactionId, to_account_id, to_transaction_id
from bankcore.instants import to_instant
from bankcore.money import Money, require_same_currency

#: The longest description, in characters.
DESCRIPTION_LENGTH_MAX: Final = 500


def _description(value: object) -> str | None:
    """
    *value* as a description: one line of text in Unicode's composed form (NFC).
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidTextError(shown(value), "a description is text")
    text = str.__str__(value)
    if len(text) > DESCRIPTION_LENGTH_MAX:
        raise InvalidTextError(
            shown(text), f"a description has at most {DESCRIPTION_LENGTH_MAX} characters"
        )
    if text.isascii() and text.isprintable():
        return text
    text = unicodedata.normalize("NFC", text)
    # Cc controls, Cs lone surrogates, Zl and Zp line breaks. Format characters (Cf) stay:
    # emoji and some scripts need them.
    if len(text) > DESCRIPTION_LENGTH_MAX or any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text
    ):
        raise InvalidTextError(
            shown(text), "a description is one line, with no control characters"
        )
    return text


def _transaction_id(value: TransactionId | str | None) -> TransactionId | None:
    return None if value is None else to_transaction_id(value)


def _account_id(value: AccountId | str | None) -> AccountId | None:
    return None if value is None else to_account_id(value)


def _booked_at(value: datetime | None) -> datetime | None:
    return None if value is None else to_instant(value)


def _overdraft_limit(value: Money | None) -> Money | None:
    return None if value is None else require_not_negative(value)


@attrs.frozen(kw_only=True)
class Command:
    """
    What every command may carry. Never made itself.

    Attributes:
        transaction_id: The idempotency key. `Bank` makes one where none is given.
            Not part of equality.
        booked_at: When it took place, for imported history; otherwise the bank's
            clock says.
        description: One line of text, at most 500 characters, for people.
    """

    transaction_id: TransactionId | None = attrs.field(
        default=None, converter=_transaction_id, eq=False
    )
    booked_at: datetime | None = attrs.field(default=None, converter=_booked_at)
    description: str | None = attrs.field(default=None, converter=_description)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        """
        The accounts the command names, the one to be debited first.
        """
        raise NotImplementedError


@attrs.frozen
class OpenAccount(Command):
    """
    Open an account with *initial_balance*, which fixes its currency; zero is allowed.

    Without *account_id*, the bank makes one; the transaction's ``account_id`` says it.

    Raises:
        InvalidIdError: If an id is not valid. No id is used up, here and below.
        InvalidAmountError: If the balance or the limit is no `Money`, or below zero.
        AmountTooLargeError: If either is above 10¹⁸ - 1 minor units.
        CurrencyMismatchError: If they are of different currencies.
        InvalidTimeError: If *booked_at* is not an instant with a zone.
        InvalidTextError: If the description is not one line of at most 500 characters.
    """

    account_id: AccountId | None = attrs.field(default=None, converter=_account_id)
    initial_balance: Money = attrs.field(kw_only=True, converter=require_not_negative)
    overdraft_limit: Money | None = attrs.field(
        kw_only=True, default=None, converter=_overdraft_limit
    )

    def __attrs_post_init__(self) -> None:
        if self.overdraft_limit is not None:
            require_same_currency(self.initial_balance, self.overdraft_limit)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return () if self.account_id is None else (self.account_id,)


@attrs.frozen
class Deposit(Command):
    """
    Take *amount* into an account, from outside the bank.

    Raises:
        InvalidIdError: If an id is not valid. No id is used up, here and below.
        InvalidAmountError: If the amount is no `Money`, or not above zero.
        AmountTooLargeError: If it is above 10¹⁸ - 1 minor units.
        InvalidTimeError: If *booked_at* is not an instant with a zone.
        InvalidTextError: If the description is not one line of at most 500 characters.
    """

    account_id: AccountId = attrs.field(converter=to_account_id)
    amount: Money = attrs.field(converter=require_amount)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return (self.account_id,)


@attrs.frozen
class Withdraw(Command):
    """
    Take *amount* out of an account, to outside the bank.

    Raises:
        InvalidIdError: If an id is not valid. No id is used up, here and below.
        InvalidAmountError: If the amount is no `Money`, or not above zero.
        AmountTooLargeError: If it is above 10¹⁸ - 1 minor units.
        InvalidTimeError: If *booked_at* is not an instant with a zone.
        InvalidTextError: If the description is not one line of at most 500 characters.
    """

    account_id: AccountId = attrs.field(converter=to_account_id)
    amount: Money = attrs.field(converter=require_amount)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return (self.account_id,)


@attrs.frozen
class Transfer(Command):
    """
    Move *amount* from one account to another, both of its currency.

    Raises:
        SameAccountError: If both are one account.
        InvalidIdError: If an id is not valid. No id is used up, here and below.
        InvalidAmountError: If the amount is no `Money`, or not above zero.
        AmountTooLargeError: If it is above 10¹⁸ - 1 minor units.
        InvalidTimeError: If *booked_at* is not an instant with a zone.
        InvalidTextError: If the description is not one line of at most 500 characters.
    """

    source_id: AccountId = attrs.field(converter=to_account_id)
    destination_id: AccountId = attrs.field(converter=to_account_id)
    amount: Money = attrs.field(converter=require_amount)

    def __attrs_post_init__(self) -> None:
        if self.source_id == self.destination_id:
            raise SameAccountError(self.source_id)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return (self.source_id, self.destination_id)


#: Every kind of command, by the name under which it is recorded.
COMMANDS: Final[dict[str, type[Command]]] = {
    "open_account": OpenAccount,
    "deposit": Deposit,
    "withdraw": Withdraw,
    "transfer": Transfer,
}
