"""
A command of each kind, and for each of its fields another value than it has there.
"""

from typing import Any, Final

from bankcore.accounts import Restriction
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExtendHold,
    GrantAccess,
    OpenAccount,
    PlaceHold,
    Post,
    ReleaseHold,
    Restrict,
    Reverse,
    RevokeAccess,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.testing._conformance.samples import DOLLAR, EACH, EXCHANGE, NOON, ONE, RATE

__all__ = ["DOLLAR", "EACH", "EXCHANGE", "NAMED", "NOON", "ONE", "OTHERWISE", "RATE"]

# A command of each kind that an application sends, and the accounts that it names.
_ACCOUNTS: Final[list[list[str]]] = [
    ["a"],
    ["a"],
    ["a"],
    ["a", "b"],
    ["a", "c", "b", "d"],
    [],
    *([["a"]] * 9),
]
NAMED: list[tuple[Command, list[str]]] = list(zip(EACH, _ACCOUNTS, strict=True))
# The commands of which every field has been given another value than it has in EACH.
OTHERWISE: dict[type[Command], dict[str, Any]] = {
    OpenAccount: {
        "account_id": "b",
        "initial_balance": ONE + ONE,
        "overdraft_limit": ONE,
        "holder": "mary",
    },
    Deposit: {"account_id": "b", "amount": ONE + ONE},
    Withdraw: {"account_id": "b", "amount": ONE + ONE},
    Transfer: {"source_id": "c", "destination_id": "d", "amount": ONE + ONE},
    Post: {"legs": EXCHANGE[::-1], "crosses_boundary": True, "exchange_rate": None},
    Reverse: {"original_id": "t-2"},
    PlaceHold: {"account_id": "b", "amount": ONE + ONE, "expires_at": NOON},
    CaptureHold: {
        "account_id": "b",
        "hold_id": "h-2",
        "amount": ONE,
        "final": False,
        "destination_id": "d",
    },
    ReleaseHold: {"account_id": "b", "hold_id": "h-2"},
    ExtendHold: {"account_id": "b", "hold_id": "h-2", "expires_at": None},
    Restrict: {
        "account_id": "b",
        "restriction": Restriction.DEBITS,
        "reason": "loss",
        "ends_at": NOON,
    },
    SetOverdraftLimit: {"account_id": "b", "overdraft_limit": ONE + ONE},
    CloseAccount: {"account_id": "b", "sweep_to": "d"},
    GrantAccess: {"account_id": "b", "principal": "bert", "rights": ["debit"]},
    RevokeAccess: {"account_id": "b", "principal": "bert"},
}
