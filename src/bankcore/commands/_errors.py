"""
The errors of malformed commands, whatever the state of the accounts.
"""

import attrs

from bankcore.values import AccountId
from bankcore.values._errors import InvalidRequestError


@attrs.define(slots=False)
class SameAccountError(InvalidRequestError, ValueError):
    """
    A transfer, a capture or a closing sweep from an account to itself.
    """

    code = "same_account"
    noun = "The other account"
    account_id: AccountId

    def __str__(self) -> str:
        return f"{self._subject} must be a different account, got {self.account_id} twice."


@attrs.define(slots=False)
class InvalidLegsError(InvalidRequestError, ValueError):
    """
    Legs of a `Post` that are none, too many, not pairs, or do not add up to zero.
    """

    code = "invalid_legs"
    noun = "The legs"
    reason: str

    def __str__(self) -> str:
        return f"{self._subject} are not valid: {self.reason}."


@attrs.define(slots=False)
class InvalidFlagError(InvalidRequestError, TypeError):
    """
    Something else where True or False is needed.
    """

    code = "invalid_flag"
    noun = "The flag"
    value: str

    def __str__(self) -> str:
        return f"{self._subject} must be True or False, got {self.value}."


@attrs.define(slots=False)
class InvalidCommandError(InvalidRequestError, TypeError):
    """
    Something that is not a command of bankcore, where a command is needed.
    """

    code = "invalid_command"
    noun = "The command"
    value: str

    def __str__(self) -> str:
        return (
            f"{self._subject} must be a command from bankcore.commands, such as Deposit,"
            f" got {self.value}."
        )
