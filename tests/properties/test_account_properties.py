"""
Properties of an account by itself over sequences of deposits and withdrawals.
"""

from hypothesis import given
from hypothesis import strategies as st

from bankcore import Account, Money
from bankcore.account import AMOUNT_MINOR_MAX
from bankcore.errors import BalanceLimitError, BankError, InsufficientFundsError
from ruling import holding

amounts = st.one_of(st.integers(1, 500), st.integers(1, AMOUNT_MINOR_MAX))
steps = st.lists(st.tuples(st.sampled_from(["deposit", "withdraw"]), amounts), max_size=30)
beginnings = st.tuples(
    st.integers(0, 1_000), st.integers(0, 500), st.integers(0, 500)
)  # balance, held, limit


def minor(amount: int) -> Money:
    return Money.from_minor(amount, "EUR")


class TestSequences:
    """
    "`account.deposit(money)`, `account.withdraw(money)` … return a **new** account or raise and
    change nothing."
    """

    @given(beginnings, steps)
    def test_an_account_follows_plain_integers(
        self, beginning: tuple[int, int, int], sequence: list[tuple[str, int]]
    ) -> None:
        """After every step balance and version are what plain integers say, or nothing changed."""
        balance, held, limit = beginning
        account = Account(
            id="a", balance=minor(balance), holds=holding(held), overdraft_limit=minor(limit)
        )
        version = 0
        for kind, amount in sequence:
            before, copy = account, (account.balance, account.version, account.available)
            expected: type[BankError] | None = None
            if kind == "withdraw" and amount > balance - held + limit:
                expected = InsufficientFundsError
            elif kind == "deposit" and balance + amount > AMOUNT_MINOR_MAX:
                expected = BalanceLimitError
            try:
                account = getattr(account, kind)(minor(amount))
            except BankError as error:
                assert expected is type(error)
            else:
                assert expected is None
                balance += amount if kind == "deposit" else -amount
                version += 1
            assert copy == (before.balance, before.version, before.available)
            assert (minor(balance), version) == (account.balance, account.version)
            assert minor(balance - held + limit) == account.available


class TestFloor:
    """
    "a command whose net effect would lower an account's `available` is declined if `available`
    would end below zero. One that does not lower it is never declined by the floor"
    """

    @given(st.integers(-1_000, 1_000), st.integers(0, 300), st.integers(0, 300), amounts)
    def test_the_floor(self, balance: int, held: int, limit: int, amount: int) -> None:
        """A withdrawal never leaves available below zero; a deposit is never declined by it."""
        account = Account(
            id="a", balance=minor(balance), holds=holding(held), overdraft_limit=minor(limit)
        )
        try:
            after = account.withdraw(minor(amount))
        except InsufficientFundsError as error:
            assert balance - held + limit - amount < 0
            assert minor(amount - (balance - held + limit)) == error.shortfall
        else:
            assert after.available.amount_minor == balance - held + limit - amount >= 0
        if balance + amount <= AMOUNT_MINOR_MAX:
            assert minor(balance + amount) == account.deposit(minor(amount)).balance
