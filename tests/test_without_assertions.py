"""
"These checks are code that `python -O` cannot remove."

Each case runs in a Python that was started with ``-O``, where ``assert`` does nothing.
"""

import subprocess
import sys

import pytest

BEGINNING = (
    "assert False\n"  # proves that assertions are off
    "from bankcore import Account, AccountStatus, Bank, Money\n"
    "from bankcore.accounts._account import Hold, Restriction\n"
    "from bankcore.stores import MemoryStore\n"
    "eur = lambda text: Money(text, 'EUR')\n"
    "bank = Bank(MemoryStore())\n"
    "bank.open_account('a', initial_balance=eur('10'))\n"
)

CASES = [
    ("Account(id='x', balance=eur('1'), status=AccountStatus.CLOSED)", "InvalidAccountError"),
    (
        "Account(id='x', balance=eur('1'), holds=[Hold(id='h', amount=Money('1', 'USD'))])",
        "InvalidAccountError",
    ),
    (
        "Account(id='x', balance=eur('1'), holds=[Hold(id='h', amount=eur('1'))] * 2)",
        "InvalidAccountError",
    ),
    ("Account(id='x', balance=eur('1'), overdraft_limit=eur('-1'))", "InvalidAccountError"),
    (
        (
            "Account(id='x', balance=eur('0'), status=AccountStatus.CLOSED,"
            " holds=[Hold(id='h', amount=eur('1'))])"
        ),
        "InvalidAccountError",
    ),
    ("Account(id='x', balance=eur('1'), restriction=Restriction.ALL)", "InvalidRestrictionError"),
    ("Hold(id='h', amount=eur('1'), captured=eur('2'))", "InvalidAmountError"),
    ("bank.capture_hold('a', bank.place_hold('a', eur('1')).id, eur('2'))", "HoldExceededError"),
    ("bank.close_account('a')", "CloseBlockedError"),
    ("bank.post([('a', eur('1'))])", "InvalidLegsError"),
    ("Account(id='x', balance=eur('1'), version=-1)", "InvalidAccountError"),
    ("Account(id='x', balance=Money.from_minor(10**18, 'EUR'))", "AmountTooLargeError"),
    ("Money(0.1, 'EUR')", "InvalidAmountError"),
    ("bank.deposit('a', eur('0'))", "InvalidAmountError"),
    ("bank.withdraw('a', eur('10.01'))", "InsufficientFundsError"),
    ("bank.transfer('a', 'a', eur('1'))", "SameAccountError"),
]


@pytest.mark.parametrize(("statement", "error"), CASES)
def test_invariants_hold_without_assertions(statement: str, error: str) -> None:
    """What an account, an amount or a command must never be is refused under -O too."""
    code = (
        f"{BEGINNING}try:\n    {statement}\nexcept Exception as error:\n"
        "    print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-O", "-c", code], capture_output=True, text=True, check=False
    )

    assert (f"{error}\n", "") == (done.stdout, done.stderr)
