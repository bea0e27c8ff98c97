"""
The policy table: every action, and who may do it by default.

Decided here: the actions that are not commands, and their grants. Commands bring theirs along. An
action without a row is denied to all.
"""

import enum
from collections.abc import Mapping
from typing import Final

from bankcore.commands import SENT, Grant, Grants


class Action(enum.StrEnum):
    """An action that is not a command. A command's action is its kind."""

    READ_ACCOUNT = "read_account"
    LIST_ACCOUNTS = "list_accounts"
    READ_STATEMENT = "read_statement"
    READ_TRANSACTION = "read_transaction"
    VERIFY = "verify"
    #: Capture, release or extend a hold that somebody else placed.
    USE_ANOTHERS_HOLD = "use_anothers_hold"
    EXPIRE_HOLDS = "expire_holds"
    #: Give a command a time of its own (``booked_at``).
    BACKDATE = "backdate"
    READ_JOURNAL = "read_journal"
    READ_DENIALS = "read_denials"
    LIST_TOKENS = "list_tokens"
    #: Give anybody a token with any roles and scopes: whoever may is trusted with all of it.
    ISSUE_TOKEN = "issue_token"  # noqa: S105  # the name of an action, and no secret
    REVOKE_TOKEN = "revoke_token"  # noqa: S105  # as above


_READS: Final[Mapping[str, Grants]] = {
    Action.READ_ACCOUNT: Grants(
        "accounts:read", Grant.IF_READ, Grant.OTHERS, Grant.ALWAYS, Grant.ALWAYS
    ),
    Action.LIST_ACCOUNTS: Grants(
        "accounts:read", Grant.ALWAYS, Grant.ALWAYS, Grant.ALWAYS, Grant.ALWAYS
    ),
    Action.READ_STATEMENT: Grants(
        "statements:read", Grant.IF_READ, Grant.OTHERS, auditor=Grant.ALWAYS
    ),
    Action.READ_TRANSACTION: Grants(
        "transactions:read", Grant.IF_READ, Grant.OTHERS, Grant.ALWAYS, Grant.ALWAYS
    ),
    Action.VERIFY: Grants("bank:verify", auditor=Grant.ALWAYS),
    Action.USE_ANOTHERS_HOLD: Grants("holds:all"),
    Action.EXPIRE_HOLDS: Grants("holds:expire", operator=Grant.ALWAYS),
    Action.BACKDATE: Grants("history:write"),
    Action.READ_JOURNAL: Grants("journal:read", auditor=Grant.ALWAYS),
    Action.READ_DENIALS: Grants("denials:read", auditor=Grant.ALWAYS, operator=Grant.ALWAYS),
    Action.LIST_TOKENS: Grants("tokens:read", auditor=Grant.ALWAYS, operator=Grant.ALWAYS),
    Action.ISSUE_TOKEN: Grants("tokens:issue"),
    Action.REVOKE_TOKEN: Grants("tokens:revoke", operator=Grant.ALWAYS),
}

#: Who may do what by default, by action: a command's kind, or an `Action`.
POLICY_TABLE: Final[Mapping[str, Grants]] = {
    **_READS,
    **{command.kind: command.grants for command in SENT if command.grants is not None},
}

#: The scopes that a service can have.
SCOPES: Final = frozenset(grants.scope for grants in POLICY_TABLE.values())
