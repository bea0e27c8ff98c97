"""The errors of one account: values it cannot have, and operations it declines."""

from datetime import datetime

import attrs

from bankcore.accounts._kinds import Restriction
from bankcore.money import Money
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import DeclinedError, InvalidRequestError, InvalidValueError

# How many ids one message lists.
_LISTED_MAX = 10


@attrs.define(slots=False)
class InvalidAccountError(InvalidRequestError, ValueError):
    """An `Account` in a state that an account can never be in."""

    code = "invalid_account"
    noun = "The account"
    sentence = "{0._subject} is not valid: {0.reason}."
    reason: str


@attrs.define(slots=False)
class InvalidRightsError(InvalidValueError, ValueError):
    """Rights that are empty, or something that is not a `Right`."""

    code = "invalid_rights"
    noun = "The rights"


@attrs.define(slots=False)
class InvalidRestrictionError(InvalidValueError, ValueError):
    """Something that is not a `Restriction`, one without a reason, or ``NONE`` with an end."""

    code = "invalid_restriction"
    noun = "The restriction"


@attrs.define(slots=False)
class InvalidVersionError(InvalidRequestError, ValueError):
    """An expected version that no account can have."""

    code = "invalid_version"
    noun = "The version"
    sentence = "{0._subject} must be a whole number from 0, got {0.value}."
    value: str


@attrs.define(slots=False)
class AccountClosedError(DeclinedError):
    """The account is closed, and closing is final."""

    code = "account_closed"
    sentence = "Account {0.account_id} is closed, and closing is final."
    account_id: AccountId


@attrs.define(slots=False)
class InsufficientFundsError(DeclinedError):
    """The account's ``available`` would end below zero."""

    code = "insufficient_funds"
    derived = ("shortfall",)
    sentence = (
        "Account {0.account_id} has {0.available} available,"
        " {0.shortfall} less than the {0.requested} requested."
    )
    account_id: AccountId
    available: Money
    requested: Money

    @property
    def shortfall(self) -> Money:
        """The amount that is not available: ``requested - available``."""
        return self.requested - self.available


@attrs.define(slots=False)
class BalanceLimitError(DeclinedError):
    """The balance or the held amount would leave ±(10¹⁸ - 1) minor units."""

    code = "balance_limit"
    sentence = (
        "Account {0.account_id} has a balance of {0.balance}; with the"
        " {0.requested} requested, its balance or held amount would exceed the largest"
        " possible amount."
    )
    account_id: AccountId
    balance: Money
    requested: Money


@attrs.define(slots=False)
class AccountRestrictedError(DeclinedError):
    """The account's restriction stops this debit or credit."""

    code = "account_restricted"
    account_id: AccountId
    restriction: Restriction
    reason: str
    ends_at: datetime | None

    def __str__(self) -> str:
        until = "" if self.ends_at is None else f" until {self.ends_at.isoformat()}"
        what = {"all": "debits and credits"}.get(self.restriction.value, self.restriction.value)
        return f"Account {self.account_id} is restricted{until}, {what} stopped: {self.reason}."


@attrs.define(slots=False)
class CloseBlockedError(DeclinedError):
    """
    The account cannot be closed: its balance is not zero, or holds are open.

    ``blockers`` lists every reason.
    """

    code = "close_blocked"
    derived = ("blockers",)
    account_id: AccountId
    balance: Money
    hold_ids: tuple[TransactionId, ...]

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

    def __str__(self) -> str:
        return f"Account {self.account_id} cannot be closed: {'; '.join(self.blockers)}."


@attrs.define(slots=False)
class HoldNotFoundError(DeclinedError, LookupError):
    """The account has no hold with this id. Another account may have one."""

    code = "hold_not_found"
    sentence = "Account {0.account_id} has no hold {0.hold_id}."
    account_id: AccountId
    hold_id: TransactionId


@attrs.define(slots=False)
class HoldNotActiveError(HoldNotFoundError):
    """The account had this hold, but it was captured or released, or has expired."""

    code = "hold_not_active"
    sentence = (
        "Hold {0.hold_id} of account {0.account_id} is not active any more: it was"
        " captured or released, or has expired."
    )


@attrs.define(slots=False)
class HoldExceededError(DeclinedError):
    """The amount to capture is more than is left of the hold."""

    code = "hold_exceeded"
    derived = ("shortfall",)
    sentence = (
        "Hold {0.hold_id} has {0.left} left, {0.shortfall} less than the {0.requested} requested."
    )
    hold_id: TransactionId
    left: Money
    requested: Money

    @property
    def shortfall(self) -> Money:
        """The amount that is not held: ``requested - left``."""
        return self.requested - self.left


@attrs.define(slots=False)
class HoldLimitError(DeclinedError):
    """The account already has the largest number of open holds."""

    code = "hold_limit"
    sentence = "Account {0.account_id} already has {0.holds_max} open holds, the maximum."
    account_id: AccountId
    holds_max: int


@attrs.define(slots=False)
class HolderNotFoundError(DeclinedError, LookupError):
    """The principal has no rights on the account."""

    code = "holder_not_found"
    sentence = "{0.principal} has no rights on account {0.account_id}."
    account_id: AccountId
    principal: PrincipalId


@attrs.define(slots=False)
class HolderLimitError(DeclinedError):
    """The account already has the largest number of holders."""

    code = "holder_limit"
    sentence = "Account {0.account_id} already has {0.holders_max} holders, the maximum."
    account_id: AccountId
    holders_max: int
