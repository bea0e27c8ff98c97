"""
The error tree: one class per reason, with the facts as fields.

Decided here: which reasons there are, their stable ``code``, and the sentence
that tells a person what happened. Three branches: `InvalidRequestError` (fix
the call), `DeclinedError` (a rule of the bank said no) and `StoreError` (the
storage could not do it, or cannot tell). Nothing here reads anything, and the
facts are whatever the raiser knew: no error looks up more.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

if TYPE_CHECKING:
    from datetime import datetime

    from bankcore.account import Restriction
    from bankcore.ids import AccountId, PrincipalId, TransactionId
    from bankcore.money import Money

# The longest piece of a caller's value that an error repeats, in characters.
_SHOWN_MAX = 60

# The integers that an error repeats are shorter than that.
_SHOWN_INT_MAX = 10**_SHOWN_MAX

# How many ids one message lists.
_LISTED_MAX = 10


def shown(value: object) -> str:
    """
    What of a refused *value* goes into an error: its repr, cut to 60 characters.
    """
    if type(value) is int and -_SHOWN_INT_MAX < value < _SHOWN_INT_MAX:
        return str(value)
    if isinstance(value, str):
        # Cut before repr, so that a text of megabytes costs nothing.
        value = value[: _SHOWN_MAX + 1]
    elif not isinstance(value, float | bool | bytes | type(None)):
        # The repr of anything else may be huge, slow, or raise: name its type.
        return f"a value of type {type(value).__name__}"
    text = repr(value[: _SHOWN_MAX + 1] if isinstance(value, bytes) else value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


class BankError(Exception):
    """
    The base of every error that bankcore raises on purpose.

    ``code`` is a stable snake_case word for programs. ``retryable`` says whether
    the same call with the same transaction id may simply be sent again.
    """

    code: ClassVar[str] = "bank_error"
    retryable: ClassVar[bool] = False

    #: Whether this answer was recorded by an earlier call and is given again.
    replayed: bool = False
    #: In an atomic batch: the given ids that stay unused because of this error.
    unused_ids: "tuple[TransactionId, ...]" = ()

    def __str__(self) -> str:
        return self._message()

    def _message(self) -> str:
        raise NotImplementedError

    @property
    def facts(self) -> Mapping[str, Any]:
        """
        The fields of the error by name, as the raiser gave them.
        """
        return attrs.asdict(self, recurse=False)  # type: ignore[arg-type]  # every concrete class is an attrs class


# -- Fix the call ------------------------------------------------------------


class InvalidRequestError(BankError):
    """
    The call itself is wrong; sent again as it is, it will never pass.

    Nothing was written, and the transaction id is not used up.
    """

    code = "invalid_request"


@attrs.define(slots=False)
class InvalidAmountError(InvalidRequestError, ValueError):
    """
    An amount that is not exact, not a number, of the wrong type or sign.
    """

    code = "invalid_amount"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid amount: {self.reason}."


@attrs.define(slots=False)
class AmountTooLargeError(InvalidAmountError):
    """
    An amount beyond what can be represented or booked.
    """

    code = "amount_too_large"


@attrs.define(slots=False)
class RoundingRequiredError(InvalidAmountError):
    """
    An amount finer than its currency or step allows, where no rounding was asked for.
    """

    code = "rounding_required"

    def _message(self) -> str:
        return f"{self.value} {self.reason}; pass rounding=…, such as Rounding.HALF_EVEN."


@attrs.define(slots=False)
class InvalidRoundingError(InvalidRequestError, ValueError):
    """
    Something that is not one of the modes of rounding.
    """

    code = "invalid_rounding"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid rounding: {self.reason}."


@attrs.define(slots=False)
class InvalidFactorError(InvalidRequestError, ValueError):
    """
    A factor or divisor that is not an exact number, or has too many digits.
    """

    code = "invalid_factor"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid factor: {self.reason}."


@attrs.define(slots=False)
class InvalidOperandError(InvalidRequestError, TypeError):
    """
    An operator between money and a number with which the result may not be exact.

    The methods that take a ``rounding`` do what was meant.
    """

    code = "invalid_operand"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not an operation of Money: {self.reason}."


@attrs.define(slots=False)
class DivisionByZeroError(InvalidRequestError, ZeroDivisionError):
    """
    A division of money by zero, or by money that is zero.
    """

    code = "division_by_zero"
    value: str

    def _message(self) -> str:
        return f"{self.value} cannot be divided by zero."


@attrs.define(slots=False)
class InvalidWeightsError(InvalidRequestError, ValueError):
    """
    Weights by which nothing can be shared: none, all zero, one negative or no number.
    """

    code = "invalid_weights"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} cannot share money out: {self.reason}."


@attrs.define(slots=False)
class InvalidRateError(InvalidRequestError, ValueError):
    """
    An exchange rate that cannot be.
    """

    code = "invalid_rate"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid exchange rate: {self.reason}."


@attrs.define(slots=False)
class InvalidFormatError(InvalidRequestError, ValueError):
    """
    A format of money, or a pair of separators, that means nothing.
    """

    code = "invalid_format"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid format of money: {self.reason}."


@attrs.define(slots=False)
class InvalidCurrencyError(InvalidRequestError, ValueError):
    """
    A currency that cannot be: a malformed code, or no usable exponent.
    """

    code = "invalid_currency"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid currency: {self.reason}."


@attrs.define(slots=False)
class UnknownCurrencyError(InvalidCurrencyError, LookupError):
    """
    A code that ISO 4217 does not list, given without an exponent.
    """

    code = "unknown_currency"


@attrs.define(slots=False)
class AmbiguousCurrencyError(InvalidCurrencyError, LookupError):
    """
    A country or number that stands for several currencies, where one was asked for.
    """

    code = "ambiguous_currency"
    codes: tuple[str, ...]


@attrs.define(slots=False)
class CurrencyMismatchError(InvalidRequestError, ValueError):
    """
    Two currencies where there must be one.

    An account never changes its currency, so this does not depend on the state.
    """

    code = "currency_mismatch"
    expected: str
    given: str

    def _message(self) -> str:
        return f"The amount must be in {self.expected}, and it is in {self.given}."


@attrs.define(slots=False)
class InvalidIdError(InvalidRequestError, ValueError):
    """
    An id of an account, a transaction or a principal outside its documented alphabet.
    """

    code = "invalid_id"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid id: {self.reason}."


@attrs.define(slots=False)
class InvalidTextError(InvalidRequestError, ValueError):
    """
    A description or a reason with control characters, or a longer one than allowed.
    """

    code = "invalid_text"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid text: {self.reason}."


@attrs.define(slots=False)
class InvalidTimeError(InvalidRequestError, ValueError):
    """
    An instant without a zone, out of range, or one that history rules out.
    """

    code = "invalid_time"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid time: {self.reason}."


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
class InvalidCommandError(InvalidRequestError, TypeError):
    """
    Something that is not a command of bankcore, where a command belongs.
    """

    code = "invalid_command"
    value: str

    def _message(self) -> str:
        return f"Expected a command from bankcore.commands, such as Deposit, not {self.value}."


@attrs.define(slots=False)
class SameAccountError(InvalidRequestError, ValueError):
    """
    A transfer, a capture or a closing sweep from an account to itself.
    """

    code = "same_account"
    account_id: "AccountId"

    def _message(self) -> str:
        return f"It needs two accounts, and both are {self.account_id}."


@attrs.define(slots=False)
class InvalidLegsError(InvalidRequestError, ValueError):
    """
    Legs of a `Post` that are none, too many, no pairs, or do not add up to zero.
    """

    code = "invalid_legs"
    reason: str

    def _message(self) -> str:
        return f"The legs are not valid: {self.reason}."


@attrs.define(slots=False)
class InvalidRightsError(InvalidRequestError, ValueError):
    """
    Rights that are none, or not rights at all.
    """

    code = "invalid_rights"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not valid as rights: {self.reason}."


@attrs.define(slots=False)
class InvalidVersionError(InvalidRequestError, ValueError):
    """
    An expected version that no account can have.
    """

    code = "invalid_version"
    value: str

    def _message(self) -> str:
        return f"{self.value} is not a valid version: a version is a whole number from 0."


@attrs.define(slots=False)
class InvalidFlagError(InvalidRequestError, TypeError):
    """
    Something else where True or False is needed.
    """

    code = "invalid_flag"
    value: str

    def _message(self) -> str:
        return f"{self.value} is neither True nor False."


@attrs.define(slots=False)
class InvalidRestrictionError(InvalidRequestError, ValueError):
    """
    A restriction that is not one, or that says what it must not or not what it must.
    """

    code = "invalid_restriction"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid restriction: {self.reason}."


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
class InvalidHistoryError(InvalidRequestError, ValueError):
    """
    A file of movements that cannot be read as one.
    """

    code = "invalid_history"
    reason: str

    def _message(self) -> str:
        return f"The history cannot be read: {self.reason}."


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
class InvalidPrincipalError(InvalidRequestError, ValueError):
    """
    A role or a scope that there is not, or something else where a principal is needed.
    """

    code = "invalid_principal"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not valid for a principal: {self.reason}."


@attrs.define(slots=False)
class TokenNotFoundError(InvalidRequestError, LookupError):
    """
    There is no token of this id.
    """

    code = "token_not_found"
    token_id: str

    def _message(self) -> str:
        return f"There is no token {self.token_id}."


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
class InvalidAccountError(InvalidRequestError, ValueError):
    """
    An `Account` in a state that an account can never be in.
    """

    code = "invalid_account"
    reason: str

    def _message(self) -> str:
        return f"The account is not valid: {self.reason}."


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
    transaction_id: "TransactionId"
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


# -- The bank said no --------------------------------------------------------


class DeclinedError(BankError):
    """
    A rule of the bank, or a policy, said no. No money moved.

    Where ``is_recorded``, and the caller gave the transaction id, the refusal
    is recorded under that id: sent again, the same command is refused again,
    whatever has happened since.
    """

    code = "declined"
    is_recorded: ClassVar[bool] = True


@attrs.define(slots=False)
class AccountNotFoundError(DeclinedError, LookupError):
    """
    There is no account of this id.
    """

    code = "account_not_found"
    account_id: "AccountId"

    def _message(self) -> str:
        return f"There is no account {self.account_id}."


@attrs.define(slots=False)
class AccountExistsError(DeclinedError):
    """
    An account of this id is already open (or was, and is closed).
    """

    code = "account_exists"
    account_id: "AccountId"

    def _message(self) -> str:
        return f"There already is an account {self.account_id}."


@attrs.define(slots=False)
class AccountClosedError(DeclinedError):
    """
    The account is closed, and closing is final.
    """

    code = "account_closed"
    account_id: "AccountId"

    def _message(self) -> str:
        return f"Account {self.account_id} is closed."


@attrs.define(slots=False)
class InsufficientFundsError(DeclinedError):
    """
    The account's ``available`` would end below zero.
    """

    code = "insufficient_funds"
    account_id: "AccountId"
    available: "Money"
    requested: "Money"

    @property
    def shortfall(self) -> "Money":
        """
        How much more would have to be available: ``requested - available``.
        """
        return self.requested - self.available

    @property
    def facts(self) -> Mapping[str, Any]:
        return {**super().facts, "shortfall": self.shortfall}

    def _message(self) -> str:
        return (
            f"Account {self.account_id} has {self.available} available,"
            f" {self.shortfall} less than the {self.requested} requested."
        )


@attrs.define(slots=False)
class BalanceLimitError(DeclinedError):
    """
    The balance, or what is held of it, would leave ±(10¹⁸ - 1) minor units.
    """

    code = "balance_limit"
    account_id: "AccountId"
    balance: "Money"
    requested: "Money"

    def _message(self) -> str:
        return (
            f"Account {self.account_id} has a balance of {self.balance}; with the"
            f" {self.requested} requested its balance, or what is held of it, would pass the"
            " largest amount there can be."
        )


@attrs.define(slots=False)
class AccountRestrictedError(DeclinedError):
    """
    The account is restricted, and this would be a debit or a credit that is stopped.
    """

    code = "account_restricted"
    account_id: "AccountId"
    restriction: "Restriction"
    reason: str
    ends_at: "datetime | None"

    def _message(self) -> str:
        until = "" if self.ends_at is None else f" until {self.ends_at.isoformat()}"
        what = {"all": "debits and credits"}.get(self.restriction.value, self.restriction.value)
        return f"Account {self.account_id} is restricted{until}, {what} stopped: {self.reason}."


@attrs.define(slots=False)
class CloseBlockedError(DeclinedError):
    """
    The account cannot be closed: its balance is not zero, or holds are open.

    ``blockers`` lists every reason as a sentence.
    """

    code = "close_blocked"
    account_id: "AccountId"
    balance: "Money"
    hold_ids: "tuple[TransactionId, ...]"

    @property
    def blockers(self) -> tuple[str, ...]:
        found = []
        if self.balance:
            found.append(f"its balance is {self.balance}, not zero")
        if self.hold_ids:
            shown_ids = ", ".join(str(hold_id) for hold_id in self.hold_ids[:_LISTED_MAX])
            more = ", …" if len(self.hold_ids) > _LISTED_MAX else ""
            found.append(f"holds are open: {shown_ids}{more}")
        return tuple(found)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {**super().facts, "blockers": self.blockers}

    def _message(self) -> str:
        return f"Account {self.account_id} cannot be closed: {'; '.join(self.blockers)}."


@attrs.define(slots=False)
class HoldNotFoundError(DeclinedError, LookupError):
    """
    The account has no such hold; it may be another account's.
    """

    code = "hold_not_found"
    account_id: "AccountId"
    hold_id: "TransactionId"

    def _message(self) -> str:
        return f"Account {self.account_id} has no hold {self.hold_id}."


@attrs.define(slots=False)
class HoldNotActiveError(HoldNotFoundError):
    """
    The account had this hold, and it was captured, released or has expired.
    """

    code = "hold_not_active"

    def _message(self) -> str:
        return (
            f"Hold {self.hold_id} of account {self.account_id} is not active any more: it was"
            " captured or released, or has expired."
        )


@attrs.define(slots=False)
class HoldExceededError(DeclinedError):
    """
    More was to be captured than is left of the hold.
    """

    code = "hold_exceeded"
    hold_id: "TransactionId"
    left: "Money"
    requested: "Money"

    @property
    def shortfall(self) -> "Money":
        """
        How much more would have to be held: ``requested - left``.
        """
        return self.requested - self.left

    @property
    def facts(self) -> Mapping[str, Any]:
        return {**super().facts, "shortfall": self.shortfall}

    def _message(self) -> str:
        return (
            f"Hold {self.hold_id} has {self.left} left, {self.shortfall} less than the"
            f" {self.requested} requested."
        )


@attrs.define(slots=False)
class HoldLimitError(DeclinedError):
    """
    The account has as many open holds as an account can have.
    """

    code = "hold_limit"
    account_id: "AccountId"
    holds_max: int

    def _message(self) -> str:
        return f"Account {self.account_id} has {self.holds_max} open holds, the most there can be."


@attrs.define(slots=False)
class HolderNotFoundError(DeclinedError, LookupError):
    """
    The principal holds no rights on the account.
    """

    code = "holder_not_found"
    account_id: "AccountId"
    principal: "PrincipalId"

    def _message(self) -> str:
        return f"{self.principal} holds no rights on account {self.account_id}."


@attrs.define(slots=False)
class HolderLimitError(DeclinedError):
    """
    The account has as many holders as an account can have.
    """

    code = "holder_limit"
    account_id: "AccountId"
    holders_max: int

    def _message(self) -> str:
        return f"Account {self.account_id} has {self.holders_max} holders, the most there can be."


@attrs.define(slots=False)
class NotReversibleError(DeclinedError):
    """
    The transaction moved no money, closed an account, or is itself a reversal.
    """

    code = "not_reversible"
    transaction_id: "TransactionId"
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
    transaction_id: "TransactionId"
    reversed_by: "TransactionId"

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
    account_id: "AccountId"
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
    account_id: "AccountId"
    last_booked_at: "datetime"
    now: "datetime"

    def _message(self) -> str:
        return (
            f"Account {self.account_id} was last booked at {self.last_booked_at.isoformat()},"
            f" and the clock says {self.now.isoformat()}: set the clock right."
        )


@attrs.define(slots=False)
class TransactionNotFoundError(DeclinedError, LookupError):
    """
    Nothing is recorded under this transaction id.
    """

    code = "transaction_not_found"
    transaction_id: "TransactionId"

    def _message(self) -> str:
        return f"There is no transaction {self.transaction_id}."


# -- The policy said no ------------------------------------------------------


@attrs.define(slots=False)
class AccessDeniedError(DeclinedError):
    """
    The principal may not do this. Nothing is recorded, and the transaction id is not used up.

    Where a policy failed with an exception, that is the ``__cause__``.
    """

    code = "access_denied"
    is_recorded = False
    action: str
    reason: str

    def _message(self) -> str:
        return f"The principal may not do this ({self.action}): {self.reason}."


@attrs.define(slots=False)
class AccountNotVisibleError(AccessDeniedError, LookupError):
    """
    There is no account of this id, or none that the principal may know of.

    Both are the same error, so that nobody can find out which accounts there are.
    """

    code = "account_not_visible"
    account_id: "AccountId"

    def _message(self) -> str:
        return f"There is no account {self.account_id} that the principal may see."


# -- The storage -------------------------------------------------------------


class StoreError(BankError):
    """
    The store could not do it, or cannot tell whether it did.
    """

    code = "store_error"


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
RECORDED_ERRORS: Mapping[str, type[DeclinedError]] = {
    cls.code: cls
    for cls in tuple(globals().values())
    if isinstance(cls, type)
    and issubclass(cls, DeclinedError)
    and cls is not DeclinedError
    and cls.is_recorded
}
