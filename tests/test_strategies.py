"""
The strategies that ship: what they make, that Hypothesis knows them, and how they shrink.
"""

import importlib
import subprocess
import sys
from typing import Any

import attrs
import pytest
from hypothesis import Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample, Unsatisfiable

from bankcore import (
    Account,
    AccountId,
    Bank,
    Currency,
    ExchangeRate,
    Money,
    MoneyBag,
    Transaction,
    TransactionId,
)
from bankcore.accounts import AMOUNT_MINOR_MAX
from bankcore.commands import SENT, CloseAccount, Command, Deposit, ExtendHold, Transfer
from bankcore.errors import BankError, CurrencyMismatchError, InvalidAmountError
from bankcore.stores import MemoryStore
from bankcore.testing import strategies

EUR1, EUR9 = Money("1", "EUR"), Money("9", "EUR")
quick = settings(database=None, max_examples=1_000)


def test_without_hypothesis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Hypothesis is not installed, the import says what to install."""
    monkeypatch.delitem(sys.modules, strategies.__name__)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError) as told:
        importlib.import_module(strategies.__name__)

    assert str(told.value) == (
        "bankcore.testing.strategies needs Hypothesis: pip install 'bankcore[testing]'"
    )


@pytest.mark.parametrize(
    "kind",
    [
        *(Money, Currency, MoneyBag, ExchangeRate, AccountId, TransactionId, Account, Command),
        *sorted(SENT, key=lambda kind: kind.__name__),
    ],
)
def test_hypothesis_knows_every_type(kind: Any) -> None:
    """`st.from_type` makes values of each type, commands of every kind among them."""
    unshrunk = settings(quick, phases=[Phase.generate])

    assert isinstance(find(st.from_type(kind), lambda _: True, settings=unshrunk), kind)


def test_every_kind_of_command_is_made() -> None:
    """No command that an application sends is left out."""
    assert SENT == tuple(strategies._by_kind())


def test_what_a_constructor_refuses_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer needs two accounts: where there is one alone, no transfer is drawn."""
    monkeypatch.setattr(strategies, "account_ids", lambda: st.just(AccountId("a")))
    with pytest.raises((NoSuchExample, Unsatisfiable)):
        find(strategies._of_kind(Transfer), lambda _: True, settings=quick)

    assert CloseAccount("a") == find(
        strategies._of_kind(CloseAccount), lambda _: True, settings=quick
    )


def test_nothing_has_to_be_set_up() -> None:
    """A process that imports Hypothesis alone finds money in a class of its own."""
    code = (
        "import attrs, hypothesis.strategies as st, hypothesis\n"
        "from bankcore import Money\n"
        "@attrs.frozen\n"
        "class Order:\n"
        "    price: Money\n"
        "order = hypothesis.find(st.builds(Order), lambda order: order.price > Money('5', 'EUR')\n"
        "    if order.price.currency.code == 'EUR' else False)\n"
        "print(order)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert ("Order(price=Money('5.01', 'EUR'))\n", 0) == (done.stdout, done.returncode), (
        done.stderr
    )


@pytest.mark.parametrize("first", ["hypothesis", "bankcore.testing.strategies", "bankcore"])
def test_the_order_of_imports_does_not_matter(first: str) -> None:
    """Hypothesis knows money, whichever of both is imported first."""
    code = (
        f"import {first}\n"
        "import bankcore.testing.strategies\n"
        "from bankcore import Money\n"
        "from hypothesis import strategies as st\n"
        "print(st.from_type(Money))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert ("", 0) == (done.stderr, done.returncode)
    assert "from_minor" in done.stdout


def test_values_shrink_to_what_reads_well() -> None:
    """Zero euros, one cent too many, a short id, a plain deposit."""
    assert Money.zero("EUR") == find(strategies.money(), lambda _: True, settings=quick)
    assert Money("1.01", "EUR") == find(
        strategies.money("EUR"), lambda money: money > EUR1, settings=quick
    )
    assert EUR1 == find(strategies.money(lowest=EUR1), lambda _: True, settings=quick)
    assert Currency("EUR") is find(strategies.currencies(), lambda _: True, settings=quick)
    assert AccountId("a") == find(strategies.account_ids(), lambda _: True, settings=quick)
    assert Deposit("a", Money("0.01", "EUR")) == find(
        strategies.commands(), lambda command: type(command) is Deposit, settings=quick
    )
    assert Account.open("a", initial_balance=Money.zero("EUR")) == find(
        strategies.accounts(), lambda _: True, settings=quick
    )
    assert MoneyBag() == find(strategies.money_bags(), lambda _: True, settings=quick)


class TestWhatIsMade:
    """
    "All that they make, an application could make too."
    """

    @given(strategies.money(lowest=EUR1, highest=EUR9))
    def test_bounds_are_kept(self, money: Money) -> None:
        """Money is within the bounds, and of their currency."""
        assert EUR1 <= money <= EUR9

    @given(strategies.money("JPY"), strategies.money(Currency("JPY"), highest=Money("-5", "JPY")))
    def test_a_currency_is_kept(self, money: Money, low: Money) -> None:
        """Money is of the currency asked for, and within what can be booked."""
        assert Money.from_minor(-AMOUNT_MINOR_MAX, "JPY") <= low <= Money("-5", "JPY")
        assert Currency("JPY") is money.currency

    @given(strategies.accounts(), strategies.accounts(currency="EUR"))
    def test_accounts_are_those_of_a_bank(self, account: Account, other: Account) -> None:
        """An account is open, valid, and has not less than its limit allows."""
        assert account == attrs.evolve(account)
        assert account.version >= 1
        assert account.available >= Money.zero(account.balance.currency)
        assert Currency("EUR") is other.balance.currency

    @given(st.lists(strategies.commands(), max_size=5))
    def test_a_bank_takes_every_command(self, commands: list[Command]) -> None:
        """Each command is well-formed: what comes of it is an outcome, whatever it is."""
        outcomes = Bank(MemoryStore()).execute(commands)

        assert len(commands) == len(outcomes)

    def test_a_bank_books_most_commands(self) -> None:
        """Of a list of commands a bank books about half: they follow one another."""
        booked, count = set(), 0

        @seed(1)
        @settings(database=None, max_examples=250, phases=[Phase.generate])
        @given(st.lists(strategies.commands(), min_size=30, max_size=30))
        def book(commands: list[Command]) -> None:
            nonlocal count
            for outcome in Bank(MemoryStore()).execute(commands):
                if isinstance(outcome, Transaction):
                    booked.add(type(outcome.command))
                    count += 1

        book()
        assert count > 250 * 30 * 0.4
        assert booked >= set(SENT) - {ExtendHold}

    @pytest.mark.parametrize(
        ("condition", "what"),
        [
            (lambda account: account.balance < Money.zero("EUR"), "an overdrawn account"),
            (lambda account: not account.available, "an account with nothing available"),
            (lambda account: account.version > 3, "an account with some history"),
        ],
    )
    def test_the_corners_are_reached(self, condition: Any, what: str) -> None:
        """Accounts that are overdrawn, emptied, and of some history are among them."""
        found = find(
            strategies.accounts("EUR"),
            condition,
            settings=settings(quick, max_examples=5_000, phases=[Phase.generate]),
        )

        assert condition(found), what


def test_wrong_bounds_are_refused() -> None:
    """Bounds of two currencies, or in the wrong order, are the usual errors."""
    with pytest.raises(CurrencyMismatchError):
        strategies.money(lowest=EUR1, highest=Money("9", "USD"))
    with pytest.raises(CurrencyMismatchError):
        strategies.money("USD", lowest=EUR1)
    with pytest.raises(InvalidAmountError, match=r"lowest must not be above EUR 1\.00, got EUR 9"):
        strategies.money(lowest=EUR9, highest=EUR1)
    with pytest.raises(BankError):
        strategies.money("eur")
