"""
A command of each kind, and for each of its fields another value than it has there.
"""

from datetime import UTC, datetime
from typing import Any, Final

from bankcore import ExchangeRate, Money
from bankcore.account import Restriction, Right
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

ONE: Final = Money("1", "EUR")
DOLLAR: Final = Money("1.10", "USD")
NOON: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
RATE: Final = ExchangeRate("EUR", "USD", "1.1")
EXCHANGE: Final = [("b", ONE), ("a", -ONE), ("c", -DOLLAR), ("d", DOLLAR)]

# A command of each kind that an application sends, and the accounts that it names.
NAMED: list[tuple[Command, list[str]]] = [
    (OpenAccount("a", initial_balance=ONE), ["a"]),
    (Deposit("a", ONE), ["a"]),
    (Withdraw("a", ONE), ["a"]),
    (Transfer("a", "b", ONE), ["a", "b"]),
    (Post(EXCHANGE, exchange_rate=RATE), ["a", "c", "b", "d"]),
    (Reverse("t-1"), []),
    (PlaceHold("a", ONE), ["a"]),
    (CaptureHold("a", "h-1"), ["a"]),
    (ReleaseHold("a", "h-1"), ["a"]),
    (ExtendHold("a", "h-1", expires_at=NOON), ["a"]),
    (Restrict("a", Restriction.ALL, reason="theft"), ["a"]),
    (SetOverdraftLimit("a", ONE), ["a"]),
    (CloseAccount("a"), ["a"]),
    (GrantAccess("a", "mary", [Right.READ]), ["a"]),
    (RevokeAccess("a", "mary"), ["a"]),
]
EACH = [command for command, _ in NAMED]
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
