"""
The errors of records and of stores, and the list of refusals that can be recorded.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import attrs

from bankcore.accounts import _errors as _of_accounts
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import DeclinedError, InvalidRequestError, StoreError


@attrs.define(slots=False)
class InvalidBatchError(InvalidRequestError, ValueError):
    """
    A batch that is too long, or an atomic one in which only some ids are given.
    """

    code = "invalid_batch"
    reason: str

    def _message(self) -> str:
        return f"The batch is not valid: {self.reason}."


@attrs.define(slots=False)
class TransactionIdReusedError(InvalidRequestError, ValueError):
    """
    A transaction id that already stands for another command.

    ``fields`` names the fields in which the two commands differ; ``("command",)``
    where they are of different kinds. It is empty where an atomic batch holds
    some ids that are recorded and some that are not, and where another principal
    used the id, whose command is nobody else's business.
    """

    code = "transaction_id_reused"
    transaction_id: TransactionId
    fields: tuple[str, ...]

    def _message(self) -> str:
        if not self.fields:
            return (
                f"Transaction id {self.transaction_id} is already used; send the command, or"
                " the whole of an atomic batch, with new ids."
            )
        return (
            f"Transaction id {self.transaction_id} already stands for another command;"
            f" they differ in: {', '.join(self.fields)}."
        )


@attrs.define(slots=False)
class AccountNotFoundError(DeclinedError, LookupError):
    """
    There is no account of this id.
    """

    code = "account_not_found"
    account_id: AccountId

    def _message(self) -> str:
        return f"There is no account {self.account_id}."


@attrs.define(slots=False)
class AccountExistsError(DeclinedError):
    """
    An account of this id is already open (or was, and is closed).
    """

    code = "account_exists"
    account_id: AccountId

    def _message(self) -> str:
        return f"There already is an account {self.account_id}."


@attrs.define(slots=False)
class TransactionNotFoundError(DeclinedError, LookupError):
    """
    Nothing is recorded under this transaction id.
    """

    code = "transaction_not_found"
    transaction_id: TransactionId

    def _message(self) -> str:
        return f"There is no transaction {self.transaction_id}."


@attrs.define(slots=False)
class NotReversibleError(DeclinedError):
    """
    The transaction moved no money, closed an account, or is itself a reversal.
    """

    code = "not_reversible"
    transaction_id: TransactionId
    command: str

    def _message(self) -> str:
        return (
            f"Transaction {self.transaction_id} ({self.command}) cannot be reversed: only"
            " one that moved money can, and not a closing or a reversal."
        )


@attrs.define(slots=False)
class AlreadyReversedError(DeclinedError):
    """
    The transaction has been reversed, by the transaction named.
    """

    code = "already_reversed"
    transaction_id: TransactionId
    reversed_by: TransactionId

    def _message(self) -> str:
        return f"Transaction {self.transaction_id} was reversed by {self.reversed_by}."


@attrs.define(slots=False)
class StaleVersionError(DeclinedError):
    """
    The account has another version than the caller expected: somebody was quicker.

    Nothing is recorded: read the account, look, and send the command again.
    """

    code = "stale_version"
    is_recorded = False
    account_id: AccountId
    expected: int
    found: int

    def _message(self) -> str:
        return (
            f"Account {self.account_id} is at version {self.found}, and {self.expected} was"
            " expected: look at it again."
        )


@attrs.define(slots=False)
class ClockSkewError(DeclinedError):
    """
    The account's last posting lies further ahead of the clock than is tolerated.

    Nothing is recorded: once the clock is right, the same command may be sent.
    """

    code = "clock_skew"
    is_recorded = False
    account_id: AccountId
    last_booked_at: datetime
    now: datetime

    def _message(self) -> str:
        return (
            f"Account {self.account_id} was last booked at {self.last_booked_at.isoformat()},"
            f" and the clock says {self.now.isoformat()}: set the clock right."
        )


@attrs.define(slots=False)
class InvalidLimitError(InvalidRequestError, ValueError):
    """
    A page size outside its bounds.
    """

    code = "invalid_limit"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid limit: {self.reason}."


@attrs.define(slots=False)
class InvalidCursorError(InvalidRequestError, ValueError):
    """
    A journal cursor that this store did not make.
    """

    code = "invalid_cursor"
    value: str

    def _message(self) -> str:
        return f"{self.value} is not a cursor of this store."


@attrs.define(slots=False)
class InvalidCheckpointError(InvalidRequestError, ValueError):
    """
    A text that is not a checkpoint as one is written.
    """

    code = "invalid_checkpoint"
    reason: str

    def _message(self) -> str:
        return f"The checkpoint cannot be read: {self.reason}."


@attrs.define(slots=False)
class InvalidHistoryError(InvalidRequestError, ValueError):
    """
    A file of movements that cannot be read as one.
    """

    code = "invalid_history"
    reason: str

    def _message(self) -> str:
        return f"The history cannot be read: {self.reason}."


@attrs.define(slots=False)
class InvalidJournalError(InvalidRequestError, ValueError):
    """
    An exported journal that is damaged, cut off, or says what the rules do not say.

    ``line`` is the number of the first line that is wrong, from 1.
    """

    code = "invalid_journal"
    line: int
    reason: str

    def _message(self) -> str:
        return (
            f"Line {self.line:,} of the journal cannot be imported: {self.reason}. Nothing of it"
            " was written; export it again."
        )


@attrs.define(slots=False)
class StoreUnavailableError(StoreError):
    """
    Certainly not done: the store was busy, full, read-only or out of reach.
    """

    code = "store_unavailable"
    retryable = True
    reason: str

    def _message(self) -> str:
        return f"The store is not available, and nothing was written: {self.reason}."


@attrs.define(slots=False)
class OutcomeUnknownError(StoreError):
    """
    Done or not done: something failed at the very commit.

    Send the same call with the same transaction id; what is recorded under the
    id settles it.
    """

    code = "outcome_unknown"
    retryable = True
    reason: str

    def _message(self) -> str:
        return (
            f"It is not known whether the commit took place: {self.reason}."
            " Send the same call with the same transaction id to find out."
        )


@attrs.define(slots=False)
class StoreCorruptedError(StoreError):
    """
    What is stored cannot have been written by bankcore.
    """

    code = "store_corrupted"
    reason: str

    def _message(self) -> str:
        return f"The store is damaged: {self.reason}."


@attrs.define(slots=False)
class StoreFormatError(StoreError):
    """
    The path holds something that is not a bankcore store; it was left untouched.
    """

    code = "store_format"
    path: str
    reason: str

    def _message(self) -> str:
        return f"{self.path} is not a bankcore store and was left as it is: {self.reason}."


@attrs.define(slots=False)
class SchemaVersionError(StoreError):
    """
    The tables are of another version of the schema than this bankcore works with.

    *found* is 0 where there are none.
    """

    code = "schema_version"
    found: int
    supported: int

    def _message(self) -> str:
        if self.found > self.supported:
            return (
                f"The store has schema version {self.found}, and this bankcore knows versions up"
                f" to {self.supported}: upgrade bankcore."
            )
        has = f"schema version {self.found}" if self.found else "no tables of bankcore"
        return (
            f"The store has {has}, and this bankcore works with schema version"
            f" {self.supported}: call bankcore.stores.migrate on it."
        )


@attrs.define(slots=False)
class StoreMisuseError(StoreError):
    """
    The store was used in a way it does not allow, such as after `close()`.
    """

    code = "store_misuse"
    reason: str

    def _message(self) -> str:
        return f"The store was used wrongly: {self.reason}."


#: The refusals that can be recorded under a transaction id, by their code.
RECORDED_ERRORS: Final[Mapping[str, type[DeclinedError]]] = {
    cls.code: cls
    for cls in (*vars(_of_accounts).values(), *tuple(globals().values()))
    if isinstance(cls, type)
    and issubclass(cls, DeclinedError)
    and cls is not DeclinedError
    and cls.is_recorded
}
