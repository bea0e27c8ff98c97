"""Money: exact amounts, currencies, rounding, allocation and exchange rates."""

from bankcore.money._allocation import PARTS_MAX, Allocation
from bankcore.money._amounts import DIGITS_MAX
from bankcore.money._bag import MoneyBag
from bankcore.money._currency import EXPONENT_MAX, Currency
from bankcore.money._exchange import ExchangeRate
from bankcore.money._formatting import TEXT_LENGTH_MAX
from bankcore.money._money import Money
from bankcore.money._rounding import NUMBER_DIGITS_MAX, Rounding

__all__ = [
    "DIGITS_MAX",
    "EXPONENT_MAX",
    "NUMBER_DIGITS_MAX",
    "PARTS_MAX",
    "TEXT_LENGTH_MAX",
    "Allocation",
    "Currency",
    "ExchangeRate",
    "Money",
    "MoneyBag",
    "Rounding",
]
