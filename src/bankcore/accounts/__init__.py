"""Accounts: what is always true of one account, and what each operation does to it."""

from bankcore.accounts._account import Account
from bankcore.accounts._fields import AMOUNT_MINOR_MAX, END_YEAR_MAX
from bankcore.accounts._hold import Hold
from bankcore.accounts._holder import Holder
from bankcore.accounts._kinds import AccountStatus, Restriction, Right
from bankcore.accounts._state import HOLDERS_MAX, HOLDS_MAX

__all__ = [
    "AMOUNT_MINOR_MAX",
    "END_YEAR_MAX",
    "HOLDERS_MAX",
    "HOLDS_MAX",
    "Account",
    "AccountStatus",
    "Hold",
    "Holder",
    "Restriction",
    "Right",
]
