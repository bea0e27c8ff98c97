"""The errors of access: principals, tokens, and what a policy denies."""

import attrs

from bankcore.values import AccountId
from bankcore.values._errors import DeclinedError, InvalidRequestError, InvalidValueError


@attrs.define(slots=False)
class AccessDeniedError(DeclinedError):
    """
    The principal may not do this. Nothing is recorded, and the transaction id is not used up.

    If a policy raised an exception, that is the ``__cause__``.
    """

    code = "access_denied"
    is_recorded = False
    sentence = "The principal may not do this ({0.action}): {0.reason}."
    action: str
    reason: str


@attrs.define(slots=False)
class AccountNotVisibleError(AccessDeniedError, LookupError):
    """
    There is no account with this id, or the principal may not see it.

    Both are the same error, so that nobody can find out which accounts exist.
    """

    code = "account_not_visible"
    sentence = "There is no account {0.account_id} that the principal may see."
    account_id: AccountId


@attrs.define(slots=False)
class InvalidPrincipalError(InvalidValueError, ValueError):
    """An unknown role or scope, or something else where a principal is needed."""

    code = "invalid_principal"
    noun = "The principal"


@attrs.define(slots=False)
class TokenNotFoundError(InvalidRequestError, LookupError):
    """There is no token with this id."""

    code = "token_not_found"
    noun = "The id"
    sentence = "{0._subject} must be the id of a token, got {0.token_id}."
    token_id: str
