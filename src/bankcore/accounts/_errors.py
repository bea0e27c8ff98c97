"""
The errors of one account: values it cannot have, and operations it declines.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from bankcore.accounts._kinds import Restriction
from bankcore.money import Money
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import DeclinedError, InvalidRequestError, InvalidValueError

# How many ids one message lists.
_LISTED_MAX = 10


@attrs.define(slots=False)
class InvalidAccountError(InvalidRequestError, ValueError):
    """
    An `Account` in a state that an account can never be in.
    """

    code = "invalid_account"
    noun = "The account"
    reason: str

    def __str__(self) -> str:
        return f"{self._subject} is not valid: {self.reason}."


@attrs.define(slots=False)
class InvalidRightsError(InvalidValueError, ValueError):
    """
    Rights that are empty, or something that is not a `Right`.
    """

    code = "invalid_rights"
    noun = "The rights"


@attrs.define(slots=False)
class InvalidRestrictionError(InvalidValueError, ValueError):
    """
    Something that is not a `Restriction`, one without a reason, or ``NONE`` with an end.
    """

    code = "invalid_restriction"
    noun = "The restriction"


@attrs.define(slots=False)
class InvalidVersionError(InvalidRequestError, ValueError):
    """
    An expected version that no account can have.
    """

    code = "invalid_version"
    noun = "The version"
    value: str

    def __str__(self) -> str:
        return f"{self._subject} must be a whole number from 0, got {self.value}."


@attrs.define(slots=False)
class AccountClosedError(DeclinedError):
    """
    The account is closed, and closing is final.
    """

    code = "account_closed"
    account_id: AccountId

    def __str__(self) -> str:
        return f"Account {self.account_id} is closed."


@attrs.define(slots=False)
class InsufficientFundsError(DeclinedError):
    """
    The account's ``available`` would end below zero.
    """

    code = "insufficient_funds"
    account_id: AccountId
    available: Money
    requested: Money

    @property
    def shortfall(self) -> Money:
        """
        How much more would have to be available: ``requested - available``.
        """
        return self.requested - self.available

    @property
    def facts(self) -> Mapping[str, Any]:
        return {**super().facts, "shortfall": self.shortfall}

    def __str__(self) -> str:
        return (
            f"Account {self.account_id} has {self.available} available,"
            f" {self.shortfall} less than the {self.requested} requested."
        )


@attrs.define(slots=False)
class BalanceLimitError(DeclinedError):
    """
    The balance or the held amount would leave ±(10¹⁸ - 1) minor units.
    """

    code = "balance_limit"
    account_id: AccountId
    balance: Money
    requested: Money

    def __str__(self) -> str:
        return (
            f"Account {self.account_id} has a balance of {self.balance}; with the"
            f" {self.requested} requested, its balance or held amount would exceed the largest"
            " possible amount."
        )


@attrs.define(slots=False)
class AccountRestrictedError(DeclinedError):
    """
    The account's restriction stops this debit or credit.
    """

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

    @property
    def facts(self) -> Mapping[str, Any]:
        return {**super().facts, "blockers": self.blockers}

    def __str__(self) -> str:
        return f"Account {self.account_id} cannot be closed: {'; '.join(self.blockers)}."


@attrs.define(slots=False)
class HoldNotFoundError(DeclinedError, LookupError):
    """
    The account has no hold with this id. Another account may have one.
    """

    code = "hold_not_found"
    account_id: AccountId
    hold_id: TransactionId

    def __str__(self) -> str:
        return f"Account {self.account_id} has no hold {self.hold_id}."


@attrs.define(slots=False)
class HoldNotActiveError(HoldNotFoundError):
    """
    The account had this hold, but it was captured or released, or has expired.
    """

    code = "hold_not_active"

    def __str__(self) -> str:
        return (
            f"Hold {self.hold_id} of account {self.account_id} is not active any more: it was"
            " captured or released, or has expired."
        )


@attrs.define(slots=False)
class HoldExceededError(DeclinedError):
    """
    The amount to capture is more than is left of the hold.
    """

    code = "hold_exceeded"
    hold_id: TransactionId
    left: Money
    requested: Money

    @property
    def shortfall(self) -> Money:
        """
        How much more would have to be held: ``requested - left``.
        """
        return self.requested - self.left

    @property
    def facts(self) -> Mapping[str, Any]:
        return {**super().facts, "shortfall": self.shortfall}

    def __str__(self) -> str:
        return (
            f"Hold {self.hold_id} has {self.left} left, {self.shortfall} less than the"
            f" {self.requested} requested."
        )


@attrs.define(slots=False)
class HoldLimitError(DeclinedError):
    """
    The account already has the largest number of open holds.
    """

    code = "hold_limit"
    account_id: AccountId
    holds_max: int

    def __str__(self) -> str:
        return f"Account {self.account_id} already has {self.holds_max} open holds, the maximum."


@attrs.define(slots=False)
class HolderNotFoundError(DeclinedError, LookupError):
    """
    The principal has no rights on the account.
    """

    code = "holder_not_found"
    account_id: AccountId
    principal: PrincipalId

    def __str__(self) -> str:
        return f"{self.principal} has no rights on account {self.account_id}."


@attrs.define(slots=False)
class HolderLimitError(DeclinedError):
    """
    The account already has the largest number of holders.
    """

    code = "holder_limit"
    account_id: AccountId
    holders_max: int

    def __str__(self) -> str:
        return f"Account {self.account_id} already has {self.holders_max} holders, the maximum."
