"""The bank: commands in, outcomes out, over a store."""

from bankcore.bank._bank import BATCH_LENGTH_MAX, Bank
from bankcore.bank._possibility import Possibility
from bankcore.bank._retry import SYSTEM_TIMER, Timer

__all__ = ["BATCH_LENGTH_MAX", "SYSTEM_TIMER", "Bank", "Possibility", "Timer"]
