"""
A command of each kind, and for each of its fields another value than it has there.

All of it follows from the classes of the commands: a new one needs no line here.
"""

from typing import Any, Final

from bankcore.commands import COMMAND_NAMES, Command
from bankcore.testing._commands import DOLLAR, EACH, EXCHANGE, NOON, ONE, RATE, SENT, values_of

__all__ = [
    "DOLLAR",
    "EACH",
    "EXCHANGE",
    "NAMED",
    "NOON",
    "ONE",
    "OTHERWISE",
    "RATE",
    "SENT",
    "name_of",
]


def name_of(kind: type[Command]) -> str:
    """
    The name under which commands of this kind are recorded.
    """
    return COMMAND_NAMES[kind]


def _otherwise(command: Command) -> dict[str, Any]:
    used = {account_id.value for account_id in command.account_ids}
    # The legs of a post are on all four, and come in another order.
    accounts = sorted({*"abcd"} - used) or "abcd"
    return values_of(type(command), accounts=accounts, named="t-2", money=ONE + ONE, other=True)


# The commands, each with the accounts that it names.
NAMED: Final = [(command, [each.value for each in command.account_ids]) for command in EACH]
# By the kind of command, every field with another value than it has in EACH.
OTHERWISE: Final = {type(command): _otherwise(command) for command in EACH}
