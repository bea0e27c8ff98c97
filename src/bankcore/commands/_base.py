"""
The command: a frozen value that asks the bank for something, and the moves it consists of.

Decided here: what every command has in common. A command never changes after it is made, and two
are equal when they ask for the same; their transaction ids and expected versions do not count.
Whether a well-formed command is allowed is decided by the guards and in `bankcore.bank`.
"""

import enum
import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypedDict, cast

import attrs

from bankcore.accounts import Account
from bankcore.accounts._fields import to_version
from bankcore.accounts._guards import Change
from bankcore.commands._errors import InvalidFlagError
from bankcore.commands._grants import Grants
from bankcore.money import Money
from bankcore.values import AccountId, Metadata, TransactionId
from bankcore.values._errors import InvalidIdError, shown
from bankcore.values._ids import to_account_id, to_transaction_id
from bankcore.values._instants import to_instant
from bankcore.values._metadata import NO_METADATA, to_metadata
from bankcore.values._text import to_line_or_none


class Part(enum.Enum):
    """The part of an account in a command or a read."""

    #: The account that is read, paid into, restricted, closed, …
    SUBJECT = "subject"
    #: The account from which money is taken or reserved.
    DEBITED = "debited"
    #: The account to which the money of another account goes.
    CREDITED = "credited"


class Move(NamedTuple):
    """
    The effect of a command on one account.

    Attributes:
        account_id: The account.
        part: Its part in the command.
        change: What becomes of it.
        amount: The signed amount that policies judge, moved or reserved; None for none.
    """

    account_id: AccountId
    part: Part
    change: Change
    amount: Money | None = None


class Look(Protocol):
    """The state that a command may look at to say its moves, and by which it will be judged."""

    def account(self, account_id: AccountId) -> Account | None:
        """Return the account, or None where there is none."""

    def available(self, command: "Command") -> Money | None:
        """Return what may be taken from the command's first account as it will be booked."""

    def opposites(
        self, original_id: TransactionId, part: Money | None
    ) -> Sequence[tuple[AccountId, Money]]:
        """Return what reverses this *part* of a transaction, or its rest, debits first."""


class Options(TypedDict, total=False):
    """The options of every command, as arguments of the bank's methods: see `Command`."""

    transaction_id: TransactionId | str | None
    booked_at: datetime | None
    description: str | None
    metadata: Mapping[str, str] | None
    expected_version: int | None


def to_own_id(value: TransactionId | str | None) -> TransactionId | None:
    """Return the transaction id that a caller gives, which has no ``:``; None for none."""
    if value is None:
        return None
    transaction_id = to_transaction_id(value)
    if ":" in transaction_id.value:
        reason = "must not have a ':' (the bank's own do)"
        raise InvalidIdError(shown(transaction_id.value), reason).about("transaction_id")
    return transaction_id


def _to_booked_at(value: datetime | None) -> datetime | None:
    return None if value is None else to_instant(value, "booked_at")


def to_flag(value: object) -> bool:
    """Return *value*, which must be exactly True or False."""
    if type(value) is not bool:
        raise InvalidFlagError(shown(value))
    return value


def as_available(amount: Money, available: Money | None) -> Money:
    """
    Return *amount*, or what is *available* where that is less.

    Where nothing is, or it is not known, all of *amount*: a guard refuses it, and says why.
    """
    if available is None or available.currency != amount.currency:
        return amount
    return available if 0 < available.amount_minor < amount.amount_minor else amount


@functools.cache
def _field_names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls))


@attrs.frozen(kw_only=True)
class Command:
    """
    The base of all commands, and what every command may carry. Never made itself.

    Attributes:
        kind: The name under which commands of this class are recorded, such as ``deposit``.
        grants: Which role may send it; None where only the bank records it.
        transaction_id: The idempotency key. `Bank` makes one where none is given.
            Not part of equality.
        booked_at: The time at which it took place, for imported history; otherwise the bank's
            clock decides.
        description: One line of text, at most 500 characters, for people.
        metadata: The application's own keys and values, such as ``{"order": "1017"}``, by which
            the transaction is found again: at most 10.
        expected_version: The version that the debited (or only) account must have for the
            command to be judged at all; a guard against a stale view. Not part of
            equality, and not recorded.
    """

    kind: ClassVar[str]
    grants: ClassVar[Grants | None] = None
    #: False for a command whose transaction cannot be reversed, whatever it moved.
    is_reversible: ClassVar[bool] = True
    #: True for a command that moves one amount, of which a part can be reversed.
    moves_one_amount: ClassVar[bool] = False

    transaction_id: TransactionId | None = attrs.field(default=None, converter=to_own_id, eq=False)
    booked_at: datetime | None = attrs.field(default=None, converter=_to_booked_at)
    description: str | None = attrs.field(default=None, converter=to_line_or_none)
    metadata: Metadata = attrs.field(default=NO_METADATA, converter=to_metadata)
    expected_version: int | None = attrs.field(default=None, converter=to_version, eq=False)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        """The accounts the command names, the one to be debited first."""
        raise NotImplementedError

    def sent_as(self, transaction_id: TransactionId) -> Self:
        """Return the command with this id, and with no expected version, which is not recorded."""
        # A copy of values that were checked when the command was made.
        twin = object.__new__(type(self))
        for name in _field_names(cast("Any", type(self))):
            object.__setattr__(twin, name, getattr(self, name))
        object.__setattr__(twin, "transaction_id", transaction_id)
        object.__setattr__(twin, "expected_version", None)
        return twin

    def moves(self, look: Look) -> Sequence[Move]:
        """
        Return what the command does to each account, the one to be debited first.

        It never raises: what cannot be found moves nothing, and the bank refuses it.
        """
        raise NotImplementedError


@attrs.frozen
class AccountCommand(Command):
    """The base of commands on one account. Never made itself."""

    account_id: AccountId = attrs.field(converter=to_account_id)

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        return (self.account_id,)
