"""
bankcore: the account core for Python.

Exact money, accounts that cannot be in an invalid state, and one outcome for each
operation, over a store of your choice. The names below are the library's front door;
commands are in `bankcore.commands`, errors in `bankcore.errors`, stores in
`bankcore.stores`. Importing this package does no I/O and loads only attrs and the
standard library; each room is loaded when a name of it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bankcore.access import Policy, Principal
    from bankcore.accounts import Account, AccountStatus, Hold, Restriction
    from bankcore.bank import Bank
    from bankcore.errors import BankError, DeclinedError, InvalidRequestError, StoreError
    from bankcore.ledger import (
        AccountStore,
        Posting,
        Refusal,
        Statement,
        StatementLine,
        Transaction,
    )
    from bankcore.money import Allocation, Currency, ExchangeRate, Money, MoneyBag, Rounding
    from bankcore.values import AccountId, TransactionId
else:
    # From the ground up: to look into a room loads nothing but what the next one needs anyway.
    _ROOMS = ("values", "money", "accounts", "commands", "ledger", "access", "errors", "bank")

    def __getattr__(name: str) -> object:
        """Return the room or the public name *name*, loaded now."""
        if name in _ROOMS:
            return import_module(f"bankcore.{name}")
        for room in _ROOMS if name in __all__ else ():
            module = import_module(f"bankcore.{room}")
            if name in module.__all__:
                return globals().setdefault(name, getattr(module, name))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *_ROOMS, *__all__})


__all__ = [
    "Account",
    "AccountId",
    "AccountStatus",
    "AccountStore",
    "Allocation",
    "Bank",
    "BankError",
    "Currency",
    "DeclinedError",
    "ExchangeRate",
    "Hold",
    "InvalidRequestError",
    "Money",
    "MoneyBag",
    "Policy",
    "Posting",
    "Principal",
    "Refusal",
    "Restriction",
    "Rounding",
    "Statement",
    "StatementLine",
    "StoreError",
    "Transaction",
    "TransactionId",
]
