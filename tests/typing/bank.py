"""
What a type checker must infer of banks, accounts and commands. Checked by mypy, never executed.
"""

from datetime import UTC, datetime
from typing import assert_type

from bankcore import Account, Bank, BankError, Money, Principal, Transaction
from bankcore.commands import COMMANDS, SENT, Command, Deposit, Grants, Transfer
from bankcore.stores import MemoryStore

bank = Bank(MemoryStore())
money = Money("1", "EUR")
at = datetime(2026, 5, 1, tzinfo=UTC)

# Every method takes the options of every command, and gives a receipt.
assert_type(bank.open_account(initial_balance=money, transaction_id="t-1"), Transaction)
assert_type(bank.deposit("a", money, booked_at=at, description="tea"), Transaction)
assert_type(bank.transfer("a", "b", money, expected_version=3), Transaction)
assert_type(bank.post([("a", money), ("b", -money)], transaction_id=None), Transaction)
assert_type(bank.grant_access("a", "mary", ["read"]), Transaction)
assert_type(bank.execute([Deposit("a", money)], atomic=True), list[Transaction | BankError])
assert_type(bank.preview(iter([Transfer("a", "b", money)])), list[Transaction | BankError])

# A bank that acts for a principal is a bank.
assert_type(bank.acting_as(Principal("mary")), Bank)
assert_type(bank.principal, Principal | None)

# Commands are values, and their classes say what they are.
assert_type(Deposit("a", money).kind, str)
assert_type(COMMANDS, tuple[type[Command], ...])
assert_type(SENT[0].grants, Grants | None)

# An account's method gives an account.
assert_type(Account.open("a", initial_balance=money).deposit(money), Account)
assert_type(Account.open("a", initial_balance=money).as_at(at).available, Money)

# What a checker must refuse.
bank.deposit("a", 5)  # type: ignore[arg-type]  # refused is the point
bank.deposit("a", money, transaction_id=5)  # type: ignore[arg-type]  # refused is the point
bank.deposit("a", money, sweep_to="b")  # type: ignore[call-arg]  # refused is the point
bank.withdraw("a", money, booked_at="2026-05-01")  # type: ignore[arg-type]  # refused is the point
bank.open_account("a")  # type: ignore[call-arg]  # refused is the point
bank.open_account("a", money)  # type: ignore[call-arg]  # refused is the point
bank.acting_as("mary")  # type: ignore[arg-type]  # refused is the point
bank.execute(["deposit"])  # type: ignore[list-item]  # refused is the point
Deposit("a", money).amount = money  # type: ignore[misc]  # refused is the point
