"""
The errors of access: principals, tokens, and what a policy denies.
"""

import attrs

from bankcore.values import AccountId
from bankcore.values._errors import DeclinedError, InvalidRequestError


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
    account_id: AccountId

    def _message(self) -> str:
        return f"There is no account {self.account_id} that the principal may see."


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
