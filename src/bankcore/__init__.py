"""
bankcore: the account core for Python.

Exact money, accounts that cannot be in an invalid state, and one outcome for each
operation, over a store of your choice. The names below are the library's front door;
commands are in `bankcore.commands`, errors in `bankcore.errors`, stores in
`bankcore.stores`. Importing this package does no I/O and loads only attrs and the
standard library.
"""

from bankcore.access import Policy, Principal
from bankcore.accounts import Account, AccountStatus, Hold, Restriction
from bankcore.bank import Bank
from bankcore.errors import BankError, DeclinedError, InvalidRequestError, StoreError
from bankcore.ledger import AccountStore, Posting, Refusal, Statement, StatementLine, Transaction
from bankcore.money import Allocation, Currency, ExchangeRate, Money, MoneyBag, Rounding
from bankcore.values import AccountId, TransactionId

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
