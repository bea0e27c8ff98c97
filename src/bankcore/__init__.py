"""
bankcore: the account core for Python.

Exact money, accounts that cannot be in an invalid state, and one outcome for each
operation, over a store of your choice. The names below are the library's front door;
commands are in `bankcore.commands`, errors in `bankcore.errors`, stores in
`bankcore.stores`. Importing this package does no I/O and loads only attrs and the
standard library.
"""

from bankcore.access import Policy, Principal
from bankcore.account import Account, AccountStatus, Hold, Restriction
from bankcore.bag import MoneyBag
from bankcore.bank import Bank
from bankcore.currency import Currency
from bankcore.errors import BankError, DeclinedError, InvalidRequestError, StoreError
from bankcore.exchange import ExchangeRate
from bankcore.ids import AccountId, TransactionId
from bankcore.money import Money
from bankcore.rounding import Rounding
from bankcore.sharing import Allocation
from bankcore.statement import Statement, StatementLine
from bankcore.store import AccountStore
from bankcore.transaction import Posting, Refusal, Transaction

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
