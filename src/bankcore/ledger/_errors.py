"""The errors of records and of stores, and the list of refusals that can be recorded."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from bankcore.accounts import _errors as _of_accounts
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import (
    DeclinedError,
    InvalidRequestError,
    InvalidValueError,
    StoreError,
)


@attrs.define(slots=False)
class InvalidBatchError(InvalidRequestError, ValueError):
    """A batch that is too long, or an atomic batch with ids for only some commands."""

    code = "invalid_batch"
    noun = "The batch"
    sentence = "{0._subject} is not valid: {0.reason}."
    reason: str


@attrs.define(slots=False)
class TransactionIdReusedError(InvalidRequestError, ValueError):
    """
    A transaction id that is already recorded for another command.

    ``fields`` names the fields in which the two commands differ, or is ``("command",)`` if
    they are of different kinds. It is empty if only some ids of an atomic batch are recorded,
    or if another principal used the id: that command stays private.
    """

    code = "transaction_id_reused"
    noun = "Transaction id"
    transaction_id: TransactionId
    fields: tuple[str, ...]

    def __str__(self) -> str:
        used = f"{self._subject} {self.transaction_id} is already used"
        if not self.fields:
            return (
                f"{used}, by another principal or outside of this atomic batch: send what is not"
                " booked yet with a new id."
            )
        return (
            f"{used} for another command; they differ in: {', '.join(self.fields)}. Send it again"
            " as it was sent first, or another command with a new id."
        )


@attrs.define(slots=False)
class AccountNotFoundError(DeclinedError, LookupError):
    """There is no account with this id."""

    code = "account_not_found"
    sentence = "There is no account {0.account_id}."
    account_id: AccountId


@attrs.define(slots=False)
class AccountExistsError(DeclinedError):
    """There is already an account with this id, open or closed."""

    code = "account_exists"
    sentence = "There is already an account {0.account_id}."
    account_id: AccountId


@attrs.define(slots=False)
class TransactionNotFoundError(DeclinedError, LookupError):
    """Nothing is recorded under this transaction id."""

    code = "transaction_not_found"
    sentence = "There is no transaction {0.transaction_id}."
    transaction_id: TransactionId


@attrs.define(slots=False)
class NotReversibleError(DeclinedError):
    """The transaction moved no money, closed an account, or is itself a reversal."""

    code = "not_reversible"
    sentence = (
        "Transaction {0.transaction_id} ({0.command}) cannot be reversed: it must"
        " have moved money, and not be a closing or a reversal."
    )
    transaction_id: TransactionId
    command: str


@attrs.define(slots=False)
class PartNotReversibleError(NotReversibleError):
    """The transaction moved more than one amount: it is reversed whole, and not in part."""

    code = "part_not_reversible"
    sentence = (
        "Transaction {0.transaction_id} ({0.command}) cannot be reversed in part, as it may have"
        " moved more than one amount: reverse it whole, or post the opposite of that part."
    )


@attrs.define(slots=False)
class ReversalExceededError(DeclinedError):
    """The part to reverse is more than is left of the transaction."""

    code = "reversal_exceeded"
    derived = ("shortfall",)
    sentence = (
        "Transaction {0.transaction_id} has {0.left} left to reverse, {0.shortfall} less than the"
        " {0.requested} requested."
    )
    transaction_id: TransactionId
    left: Money
    requested: Money

    @property
    def shortfall(self) -> Money:
        """The amount that is not left: ``requested - left``."""
        return self.requested - self.left


@attrs.define(slots=False)
class AlreadyReversedError(DeclinedError):
    """
    The transaction was already reversed: whole, or in parts of which ``reversed_by`` is the last.
    """

    code = "already_reversed"
    sentence = "Transaction {0.transaction_id} was already reversed by {0.reversed_by}."
    transaction_id: TransactionId
    reversed_by: TransactionId


@attrs.define(slots=False)
class StaleVersionError(DeclinedError):
    """
    The account's version is not the expected one: somebody else changed the account.

    Nothing is recorded: read the account again, then decide and send the command again.
    """

    code = "stale_version"
    is_recorded = False
    sentence = (
        "Account {0.account_id} is at version {0.found}, not at the expected"
        " {0.expected}: read it again."
    )
    account_id: AccountId
    expected: int
    found: int


@attrs.define(slots=False)
class ClockSkewError(DeclinedError):
    """
    The account's last posting is further ahead of the clock than ``max_clock_skew``.

    Nothing is recorded. If the clock is behind, set it right; if it was ahead once, give the
    bank a larger ``max_clock_skew`` until that time has come, or wait. Then send the same
    command again.
    """

    code = "clock_skew"
    is_recorded = False
    derived = ("seconds_ahead",)
    account_id: AccountId
    last_booked_at: datetime
    now: datetime

    @property
    def seconds_ahead(self) -> int:
        """How far the last posting lies ahead of the clock, rounded up."""
        return -((self.now - self.last_booked_at) // timedelta(seconds=1))

    def told_with(self, advice: str) -> str:
        """Return what happened, and *advice*, which depends on where the bank is used."""
        return (
            f"Account {self.account_id} was last booked at {self.last_booked_at.isoformat()},"
            f" {timedelta(seconds=self.seconds_ahead)} ahead of the clock"
            f" ({self.now.isoformat()}). {advice}"
        )

    def told_to_operators(self, way_out: str) -> str:
        """Return the sentence for those who run the bank; *way_out* tolerates the skew."""
        return self.told_with(
            "If the clock is behind, set it right; if it was ahead then,"
            f" {way_out} until that time has come, or wait."
        )

    def __str__(self) -> str:
        return self.told_to_operators(
            f"make the Bank with max_clock_skew=timedelta(seconds={self.seconds_ahead})"
        )


@attrs.define(slots=False)
class InvalidKindError(InvalidValueError, ValueError):
    """Something that is no kind of command, where such kinds are needed."""

    code = "invalid_kind"
    noun = "The kind"


@attrs.define(slots=False)
class InvalidLimitError(InvalidValueError, ValueError):
    """A page size outside its bounds."""

    code = "invalid_limit"
    noun = "The limit"


@attrs.define(slots=False)
class InvalidCursorError(InvalidRequestError, ValueError):
    """A journal cursor that this store did not make."""

    code = "invalid_cursor"
    noun = "The cursor"
    sentence = "{0._subject} must be a cursor of this store, got {0.value}."
    value: str


@attrs.define(slots=False)
class InvalidCheckpointError(InvalidRequestError, ValueError):
    """A text that is not a checkpoint."""

    code = "invalid_checkpoint"
    noun = "The checkpoint"
    sentence = "{0._subject} cannot be read: {0.reason}."
    reason: str


@attrs.define(slots=False)
class InvalidHistoryError(InvalidRequestError, ValueError):
    """
    A file of movements that cannot be read to its end. It may be imported again.

    ``rows_booked`` counts the first rows, which were booked before; mostly there are none.
    ``settings`` are the arguments by which the file may be read as it is.
    """

    code = "invalid_history"
    noun = "The history"
    reason: str
    rows_booked: int = 0
    settings: tuple[str, ...] = ()

    def __str__(self) -> str:
        instead = f", or give {' or '.join(self.settings)}" if self.settings else ""
        booked = f"nothing was booked: put that right{instead}, and import it again"
        if self.rows_booked:
            booked = (
                f"the first {self.rows_booked:,} rows were booked: import it again, and it goes on"
                " from there"
            )
        return f"{self._subject} cannot be read: {self.reason}; {booked}."


@attrs.define(slots=False)
class InvalidJournalError(InvalidRequestError, ValueError):
    """
    An exported journal that is damaged, cut off, or has an outcome the rules do not give.

    ``line`` is the number of the first wrong line, from 1.
    """

    code = "invalid_journal"
    noun = "the journal"
    sentence = (
        "Line {0.line:,} of {0._subject} cannot be imported: {0.reason}. Nothing was written;"
        " export the journal again."
    )
    line: int
    reason: str


@attrs.define(slots=False)
class StoreUnavailableError(StoreError):
    """The store was busy, full, read-only or out of reach. Certainly nothing was written."""

    code = "store_unavailable"
    retryable = True
    sentence = "The store is not available, and nothing was written: {0.reason}."
    reason: str


@attrs.define(slots=False)
class OutcomeUnknownError(StoreError):
    """
    The commit failed, and it is unknown whether anything was written.

    Send the same call with the same transaction id: it replays what was written, or does it now.
    """

    code = "outcome_unknown"
    retryable = True
    sentence = (
        "It is unknown whether the commit took place: {0.reason}."
        " Send the same call with the same transaction id to find out; if you gave none, look for"
        " it in the account's statement before you send it again."
    )
    reason: str


@attrs.define(slots=False)
class StoreCorruptedError(StoreError):
    """The store holds something that bankcore cannot have written."""

    code = "store_corrupted"
    sentence = "The store is damaged: {0.reason}. Keep it as it is, and go on from a backup."
    reason: str


@attrs.define(slots=False)
class StoreFormatError(StoreError):
    """There is something at the path that is not a bankcore store. It was left untouched."""

    code = "store_format"
    sentence = "{0.path} is not a bankcore store and was left untouched: {0.reason}."
    path: str
    reason: str


@attrs.define(slots=False)
class SchemaVersionError(StoreError):
    """
    The tables have another schema version than this bankcore supports.

    ``found`` is 0 if there are no tables.
    """

    code = "schema_version"
    found: int
    supported: int

    def __str__(self) -> str:
        if self.found > self.supported:
            return (
                f"The store has schema version {self.found}, but this bankcore supports versions"
                f" up to {self.supported}: upgrade bankcore."
            )
        has = f"schema version {self.found}" if self.found else "no tables of bankcore"
        return (
            f"The store has {has}, but this bankcore supports schema version"
            f" {self.supported}: call bankcore.stores.migrate on it."
        )


@attrs.define(slots=False)
class StoreMisuseError(StoreError):
    """The store was used in a way it does not allow, such as after `close()`."""

    code = "store_misuse"
    sentence = "The store was used wrongly: {0.reason}."
    reason: str


#: The refusals that can be recorded under a transaction id, by their code.
RECORDED_ERRORS: Final[Mapping[str, type[DeclinedError]]] = {
    cls.code: cls
    for cls in (*vars(_of_accounts).values(), *tuple(globals().values()))
    if isinstance(cls, type)
    and issubclass(cls, DeclinedError)
    and cls is not DeclinedError
    and cls.is_recorded
}
