"""
What came of a simulation, added up and held against the store.

Decided here: what is counted, and the equation that must hold: what came in is what
went out and what is there. The sums are built from the answers that the bank gave,
and compared with the balances and with an audit of the whole store.
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
        """
        Count one answer.
        """
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
        # From the command and not from the postings: the balances are to be explained by
        # what customers asked for, not by what the bank wrote.
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
        tally: What the bank answered.
        balances: The sum of the simulated accounts' balances, read from the store.
        audit: The audit of the whole store.
    """

    tally: Tally
    balances: Money
    audit: AuditReport

    @classmethod
    def of(cls, bank: Bank, store: AccountStore, tally: Tally) -> "Report":
        """
        Read the store, audit it, and hold both against *tally*.
        """
        balances = Money.zero(CURRENCY)
        for account_id in tally.accounts:
            balances += bank.account(account_id).balance
        return cls(tally, balances, verify(store))

    @property
    def is_balanced(self) -> bool:
        """
        Whether money in = money out + balances, to the cent.
        """
        return self.tally.money_in == self.tally.money_out + self.balances

    @property
    def is_clean(self) -> bool:
        return self.is_balanced and self.audit.is_clean
