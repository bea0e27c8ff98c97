"""
Every error of bankcore, by name.

The tree: `BankError`, and under it three branches: `InvalidRequestError` (fix the call),
`DeclinedError` (a rule of the bank or a policy said no) and `StoreError` (the storage could not do
it, or cannot tell). One class for each reason; its facts are its fields.
"""

from bankcore.access import _errors as _access
from bankcore.accounts import _errors as _accounts
from bankcore.commands import _errors as _commands
from bankcore.ledger import _errors as _ledger
from bankcore.money import _errors as _money
from bankcore.values import _errors as _values

AccessDeniedError = _access.AccessDeniedError
AccountNotVisibleError = _access.AccountNotVisibleError
InvalidPrincipalError = _access.InvalidPrincipalError
TokenNotFoundError = _access.TokenNotFoundError
AccountClosedError = _accounts.AccountClosedError
AccountRestrictedError = _accounts.AccountRestrictedError
BalanceLimitError = _accounts.BalanceLimitError
CloseBlockedError = _accounts.CloseBlockedError
HolderLimitError = _accounts.HolderLimitError
HolderNotFoundError = _accounts.HolderNotFoundError
HoldExceededError = _accounts.HoldExceededError
HoldLimitError = _accounts.HoldLimitError
HoldNotActiveError = _accounts.HoldNotActiveError
HoldNotFoundError = _accounts.HoldNotFoundError
InsufficientFundsError = _accounts.InsufficientFundsError
InvalidAccountError = _accounts.InvalidAccountError
InvalidRestrictionError = _accounts.InvalidRestrictionError
InvalidRightsError = _accounts.InvalidRightsError
InvalidVersionError = _accounts.InvalidVersionError
InvalidCommandError = _commands.InvalidCommandError
InvalidFlagError = _commands.InvalidFlagError
InvalidLegsError = _commands.InvalidLegsError
SameAccountError = _commands.SameAccountError
RECORDED_ERRORS = _ledger.RECORDED_ERRORS
AccountExistsError = _ledger.AccountExistsError
AccountNotFoundError = _ledger.AccountNotFoundError
AlreadyReversedError = _ledger.AlreadyReversedError
ClockSkewError = _ledger.ClockSkewError
InvalidBatchError = _ledger.InvalidBatchError
InvalidCheckpointError = _ledger.InvalidCheckpointError
InvalidCursorError = _ledger.InvalidCursorError
InvalidHistoryError = _ledger.InvalidHistoryError
InvalidJournalError = _ledger.InvalidJournalError
InvalidKindError = _ledger.InvalidKindError
InvalidLimitError = _ledger.InvalidLimitError
NotReversibleError = _ledger.NotReversibleError
OutcomeUnknownError = _ledger.OutcomeUnknownError
PartNotReversibleError = _ledger.PartNotReversibleError
ReversalExceededError = _ledger.ReversalExceededError
SchemaVersionError = _ledger.SchemaVersionError
StaleVersionError = _ledger.StaleVersionError
StoreCorruptedError = _ledger.StoreCorruptedError
StoreFormatError = _ledger.StoreFormatError
StoreMisuseError = _ledger.StoreMisuseError
StoreUnavailableError = _ledger.StoreUnavailableError
TransactionIdReusedError = _ledger.TransactionIdReusedError
TransactionNotFoundError = _ledger.TransactionNotFoundError
AmbiguousCurrencyError = _money.AmbiguousCurrencyError
AmountTooLargeError = _money.AmountTooLargeError
CurrencyMismatchError = _money.CurrencyMismatchError
DivisionByZeroError = _money.DivisionByZeroError
InvalidAmountError = _money.InvalidAmountError
InvalidCurrencyError = _money.InvalidCurrencyError
InvalidFactorError = _money.InvalidFactorError
InvalidFormatError = _money.InvalidFormatError
InvalidOperandError = _money.InvalidOperandError
InvalidRateError = _money.InvalidRateError
InvalidRoundingError = _money.InvalidRoundingError
InvalidWeightsError = _money.InvalidWeightsError
RoundingRequiredError = _money.RoundingRequiredError
UnknownCurrencyError = _money.UnknownCurrencyError
BankError = _values.BankError
DeclinedError = _values.DeclinedError
InvalidArgumentError = _values.InvalidArgumentError
InvalidIdError = _values.InvalidIdError
InvalidMetadataError = _values.InvalidMetadataError
InvalidRequestError = _values.InvalidRequestError
InvalidTextError = _values.InvalidTextError
InvalidTimeError = _values.InvalidTimeError
StoreError = _values.StoreError

__all__ = [name for name in globals() if not name.startswith("_")]  # all of the above
