"""The errors of malformed commands, whatever the state of the accounts."""

import attrs

from bankcore.values import AccountId
from bankcore.values._errors import InvalidRequestError


@attrs.define(slots=False)
class SameAccountError(InvalidRequestError, ValueError):
    """A transfer, a capture or a closing sweep from an account to itself."""

    code = "same_account"
    noun = "The other account"
    sentence = "{0._subject} must be a different account, got {0.account_id} twice."
    account_id: AccountId


@attrs.define(slots=False)
class InvalidLegsError(InvalidRequestError, ValueError):
    """Legs of a `Post` that are none, too many, not pairs, or do not add up to zero."""

    code = "invalid_legs"
    noun = "The legs"
    sentence = "{0._subject} are not valid: {0.reason}."
    reason: str


@attrs.define(slots=False)
class InvalidFlagError(InvalidRequestError, TypeError):
    """Something else where True or False is needed."""

    code = "invalid_flag"
    noun = "The flag"
    sentence = "{0._subject} must be True or False, got {0.value}."
    value: str


@attrs.define(slots=False)
class InvalidCommandError(InvalidRequestError, TypeError):
    """Something that is not a command of bankcore, where a command is needed."""

    code = "invalid_command"
    noun = "The command"
    sentence = (
        "{0._subject} must be a command from bankcore.commands, such as Deposit, got {0.value}."
    )
    value: str
