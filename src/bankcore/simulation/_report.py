"""
The report of a simulation: its answers added up, and compared with the store.

Decided here: what is counted, and the equation that must hold: money in = money out + balances.
The sums are made of the bank's answers, and compared with the balances in the store and with an
audit of it.
"""

from collections import Counter
from typing import Final

import attrs

from bankcore.bank import Bank
from bankcore.commands import Command, Deposit, OpenAccount, Withdraw
from bankcore.ledger import AccountStore, AuditReport, Transaction, verify
from bankcore.money import Money
from bankcore.values import AccountId
from bankcore.values._errors import BankError

#: The currency of the simulated bank.
CURRENCY: Final = "EUR"


class Tally:
    """
    Counts of answers by kind of command, and sums of the money they moved.

    An operation counts once, however often it was sent; the other times are retries.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.retries = 0
        self.replayed = 0
        self.booked: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self.money_in = Money.zero(CURRENCY)
        self.money_out = Money.zero(CURRENCY)
        self.accounts: set[AccountId] = set()
        self._last: Command | None = None

    def add(self, command: Command, outcome: Transaction | BankError) -> None:
        """Count one answer."""
        self.sent += 1
        self.replayed += outcome.replayed
        if command is self._last:
            self.retries += 1
            return
        self._last = command
        kind = type(command).__name__
        if isinstance(outcome, BankError):
            self.refused[kind, outcome.code] += 1
            return
        self.booked[kind] += 1
        # From the command, not from the postings: customers' requests must explain the balances,
        # not what the bank wrote.
        if isinstance(command, OpenAccount):
            self.accounts.add(outcome.account_id)
            self.money_in += command.initial_balance
        elif isinstance(command, Deposit):
            self.money_in += command.amount
        elif isinstance(command, Withdraw):
            self.money_out += command.amount


@attrs.frozen
class Report:
    """
    A simulation's result.

    Attributes:
        tally: The bank's answers, added up.
        balances: The sum of the simulated accounts' balances, read from the store.
        audit: The audit of the whole store.
    """

    tally: Tally
    balances: Money
    audit: AuditReport

    @classmethod
    def of(cls, bank: Bank, store: AccountStore, tally: Tally) -> "Report":
        """Return the report of *tally*, with the balances and the audit of the store."""
        balances = Money.zero(CURRENCY)
        for account_id in tally.accounts:
            balances += bank.account(account_id).balance
        return cls(tally, balances, verify(store))

    @property
    def is_balanced(self) -> bool:
        """True if money in = money out + balances, to the cent."""
        return self.tally.money_in == self.tally.money_out + self.balances

    @property
    def is_clean(self) -> bool:
        return self.is_balanced and self.audit.is_clean
