"""
The errors of commands that are malformed whatever the state of any account.
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
    account_id: AccountId

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
class InvalidFlagError(InvalidRequestError, TypeError):
    """
    Something else where True or False is needed.
    """

    code = "invalid_flag"
    value: str

    def _message(self) -> str:
        return f"{self.value} is neither True nor False."


@attrs.define(slots=False)
class InvalidCommandError(InvalidRequestError, TypeError):
    """
    Something that is not a command of bankcore, where a command belongs.
    """

    code = "invalid_command"
    value: str

    def _message(self) -> str:
        return f"Expected a command from bankcore.commands, such as Deposit, not {self.value}."
