"""
Bad inputs and attacks: each gives the stated kind of error, and changes nothing.

The numbers are those of the list that the project keeps of them (1 to 54 here). Every row
runs through a `Bank` in memory that holds two accounts; after it the accounts, the journal
and the transaction id are as they were. Numbers whose operation does not exist yet are in
`LATER`, with the reason.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bankcore import Account, AccountStatus, Bank, Currency, Money
from bankcore.account import AMOUNT_MINOR_MAX
from bankcore.bank import BATCH_LENGTH_MAX
from bankcore.commands import Deposit, Transfer
from bankcore.errors import (
    AccountClosedError,
    AccountExistsError,
    AccountNotFoundError,
    AmountTooLargeError,
    BalanceLimitError,
    BankError,
    CurrencyMismatchError,
    InvalidAmountError,
    InvalidBatchError,
    InvalidCurrencyError,
    InvalidIdError,
    InvalidTextError,
    SameAccountError,
)
from bankcore.stores import MemoryStore

LATER = {
    46: "there is no command to close an account yet",
    47: "there are no holds yet",
    48: "there are no restrictions yet",
    51: "there is no command of several legs yet",
}

Act = Callable[[Bank], object]


class LyingInt(int):
    """
    An int that says of itself what it is not.
    """

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return False

    def __add__(self, other: int) -> int:
        return 10**6


class LyingStr(str):
    """
    A text that shows another one.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "999999"


def eur(amount: Any) -> Money:
    return Money(amount, "EUR")


def numpy_int() -> object:
    """
    What numpy.int64 is to Python: an integer by behaviour and not by type.
    """

    class int64:  # noqa: N801  # as numpy spells it
        def __index__(self) -> int:
            return 5

        def __int__(self) -> int:
            return 5

    return int64()


def deposit(amount: Any, currency: str = "EUR") -> Act:
    """
    A deposit of what the caller took for an amount.
    """
    return lambda bank: bank.deposit("alice", Money(amount, currency), transaction_id="x")


def deposit_itself(amount: Any) -> Act:
    """
    A deposit of something that is not even money.
    """
    return lambda bank: bank.deposit("alice", amount, transaction_id="x")


AMOUNTS: list[tuple[int, Act, type[BankError]]] = [
    (1, deposit("0"), InvalidAmountError),
    (2, deposit("-1"), InvalidAmountError),
    (3, deposit("-0.00"), InvalidAmountError),
    (4, deposit("0.001", "USD"), InvalidAmountError),
    (5, deposit("1.005"), InvalidAmountError),
    (6, deposit(0.1), InvalidAmountError),
    (7, deposit(float("nan")), InvalidAmountError),
    (7, deposit("nan"), InvalidAmountError),
    (8, deposit(float("inf")), InvalidAmountError),
    (8, deposit("inf"), InvalidAmountError),
    (9, deposit(True), InvalidAmountError),  # the very input under test
    (10, deposit(Decimal("NaN")), InvalidAmountError),
    (11, deposit(Decimal("sNaN")), InvalidAmountError),
    (12, deposit(Decimal("Infinity")), InvalidAmountError),
    (13, deposit("1e3"), InvalidAmountError),
    (14, deposit("1E+999999"), InvalidAmountError),
    (14, deposit(Decimal("1E+999999")), InvalidAmountError),
    (15, deposit("1e1000000"), InvalidAmountError),
    (15, deposit(Decimal("1e-999999")), InvalidAmountError),
    (16, deposit("１２"), InvalidAmountError),  # fullwidth digits
    (16, deposit("1.１２"), InvalidAmountError),  # in the usual way's shape
    (17, deposit("١٢"), InvalidAmountError),
    (17, deposit("1٢.12"), InvalidAmountError),
    (18, deposit("1_000"), InvalidAmountError),
    (18, deposit("1_0.00"), InvalidAmountError),
    (19, deposit(" 5"), InvalidAmountError),
    (19, deposit("5\n"), InvalidAmountError),
    (19, deposit("5.00\n"), InvalidAmountError),
    (20, deposit("+5"), InvalidAmountError),
    (21, deposit("−5"), InvalidAmountError),  # U+2212
    (22, deposit("0x10"), InvalidAmountError),
    (23, deposit("1,000.00"), InvalidAmountError),
    (23, deposit("1.000,00"), InvalidAmountError),
    (24, deposit(""), InvalidAmountError),
    (24, deposit("."), InvalidAmountError),
    (24, deposit("5."), InvalidAmountError),
    (24, deposit(".50"), InvalidAmountError),
    (24, deposit("5.", "JPY"), InvalidAmountError),
    (24, deposit("--5"), InvalidAmountError),
    (25, deposit(None), InvalidAmountError),
    (25, deposit_itself(None), InvalidAmountError),
    (25, deposit_itself(5), InvalidAmountError),
    (25, deposit_itself("5"), InvalidAmountError),
    (26, deposit(b"5"), InvalidAmountError),
    (27, deposit("5\x00"), InvalidAmountError),
    (28, deposit_itself(Money.from_minor(AMOUNT_MINOR_MAX + 1, "EUR")), AmountTooLargeError),
    (29, deposit_itself(Money.from_minor(2**63, "EUR")), AmountTooLargeError),
    (29, deposit(2**63), AmountTooLargeError),
    (30, deposit_itself(Money.from_minor(AMOUNT_MINOR_MAX, "EUR")), BalanceLimitError),
    (31, deposit("9" * 5000), AmountTooLargeError),
    (31, deposit(10**5000), AmountTooLargeError),
    (31, deposit(Decimal("9" * 5000)), AmountTooLargeError),
    (32, deposit(LyingInt(5)), InvalidAmountError),
    (
        32,
        lambda bank: bank.deposit("alice", Money.from_minor(LyingInt(5), "EUR")),
        InvalidAmountError,
    ),
    (33, deposit(numpy_int()), InvalidAmountError),
    (34, deposit("1.5", "JPY"), InvalidAmountError),
    (36, deposit("00012"), InvalidAmountError),
    (36, deposit("00.12"), InvalidAmountError),
]

NAMES_AND_ACCOUNTS: list[tuple[int, Act, type[BankError]]] = [
    (37, lambda bank: bank.transfer("dollars", "alice", eur("1")), CurrencyMismatchError),
    (37, lambda bank: bank.transfer("dollars", "alice", Money("1", "USD")), CurrencyMismatchError),
    (37, lambda bank: bank.deposit("alice", Money("1", "USD")), CurrencyMismatchError),
    (38, deposit("1", "usd"), InvalidCurrencyError),
    (39, deposit("1", "US\u200bD"), InvalidCurrencyError),
    (40, deposit("1", "ZZZ"), InvalidCurrencyError),
    (40, lambda bank: Currency("zz", exponent=2), InvalidCurrencyError),
    (40, lambda bank: Currency("BTC", exponent=19), InvalidCurrencyError),
    (40, lambda bank: Currency("BTC", exponent=True), InvalidCurrencyError),
    (40, lambda bank: Currency("XAU"), InvalidCurrencyError),
    (40, lambda bank: Money("1", 978), InvalidCurrencyError),  # type: ignore[arg-type]  # the very input under test
    (41, lambda bank: bank.transfer("alice", "alice", eur("1")), SameAccountError),
    (41, lambda bank: bank.transfer("nobody", "nobody", eur("1")), SameAccountError),
    (42, lambda bank: bank.deposit("alice ", eur("1")), InvalidIdError),
    (42, lambda bank: bank.deposit("ａlice", eur("1")), InvalidIdError),  # fullwidth
    (42, lambda bank: bank.deposit("Alice", eur("1")), AccountNotFoundError),
    (43, lambda bank: bank.open_account("alice", initial_balance=eur("1")), AccountExistsError),
    *(
        (44, lambda bank, name=name: bank.deposit(name, eur("1")), InvalidIdError)
        for name in (
            *("a" * 10_000, "a" * 65, "a\x00b", "../x", "'; DROP TABLE", "a\u202eb", "", "."),
            *("..", "-rf", "a b", "a:b", "😀", "a\n", None, 5, b"alice"),
        )
    ),
    *(
        (
            70,
            lambda bank, name=name: bank.deposit("alice", eur("1"), transaction_id=name),
            InvalidIdError,
        )
        for name in ("", "x" * 65, "x" * 129, "a\x01", "ключ", "expiry:alice:3", 7)
    ),
    (45, lambda bank: bank.deposit("closed", eur("1")), AccountClosedError),
    (45, lambda bank: bank.transfer("alice", "closed", eur("1")), AccountClosedError),
    (49, lambda bank: bank.deposit("nobody", eur("1")), AccountNotFoundError),
    (49, lambda bank: bank.account("nobody"), AccountNotFoundError),
    (49, lambda bank: bank.statement("nobody"), AccountNotFoundError),
    (
        52,
        lambda bank: bank.execute(Deposit("alice", eur("1")) for _ in range(BATCH_LENGTH_MAX + 1)),
        InvalidBatchError,
    ),
    *(
        (
            53,
            lambda bank, text=text: bank.deposit("alice", eur("1"), description=text),
            InvalidTextError,
        )
        for text in (
            *("a\r\nb", "a\nb", "a\x00b", "\ud800", "x" * 1_000_000, "x" * 501, "\x7f", "\x85"),
            *("\u2028", "\u2029", b"bytes", 5, "ά" * 501),
        )
    ),
]


@pytest.fixture
def bank() -> Bank:
    """
    alice with 100 EUR, bob with none, an account in dollars, and a closed one.
    """
    store = MemoryStore()
    bank = Bank(store)
    bank.open_account("alice", initial_balance=eur("100"))
    bank.open_account("bob", initial_balance=eur("0"))
    bank.open_account("dollars", initial_balance=Money("100", "USD"))
    store._kept["account", "closed"] = Account(
        id="closed", balance=eur("0"), status=AccountStatus.CLOSED, version=2
    )
    store._kept["count",] += 1
    return bank


def contents(bank: Bank) -> object:
    return list(bank.accounts()), bank._store.journal().records


@pytest.mark.parametrize(("number", "act", "error"), [*AMOUNTS, *NAMES_AND_ACCOUNTS])
def test_bad_input_is_refused_and_changes_nothing(
    bank: Bank, number: int, act: Act, error: type[BankError]
) -> None:
    """Each bad input raises its own error; no account, and no record of it, is left."""
    before = contents(bank)

    with pytest.raises(error) as raised:
        act(bank)

    assert number not in LATER
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300
    if not getattr(raised.value, "is_recorded", False):
        assert before == contents(bank)
        assert "x" not in {record.id.value for record in before[1]}  # type: ignore[index]  # a pair
    # "Malformed requests never use up an id."
    if error is not BalanceLimitError:
        assert not bank.deposit("alice", eur("1"), transaction_id="x").replayed


def test_30_a_declined_deposit_at_the_bound_leaves_the_balance(bank: Bank) -> None:
    """A deposit that would pass the bound of balances is declined, and the balance stays."""
    with pytest.raises(BalanceLimitError):
        bank.deposit("alice", Money.from_minor(AMOUNT_MINOR_MAX, "EUR"))

    assert eur("100") == bank.account("alice").balance


def test_35_three_decimals_are_right_where_the_currency_has_three(bank: Bank) -> None:
    """BHD has three decimals: 1.234 is an amount."""
    bank.open_account("dinars", initial_balance=Money("1.234", "BHD"))

    assert 1234 == bank.account("dinars").balance.amount_minor


def test_1_an_account_may_be_opened_with_nothing(bank: Bank) -> None:
    """Zero is no amount to move, and a fine one to begin with."""
    bank.open_account("empty", initial_balance=eur("0"))

    assert eur("0") == bank.account("empty").balance


def test_32_a_lying_text_counts_by_what_it_holds() -> None:
    """A subclass of str counts by its characters, whatever it says of itself."""
    assert eur("5") == eur(LyingStr("5"))


def test_50_the_same_leg_twice_in_a_batch_is_two_transfers(bank: Bank) -> None:
    """Each command of a batch sees what the earlier ones did; the same twice is done twice."""
    leg = Transfer("alice", "bob", eur("60"))
    first, second = bank.execute([leg, leg])

    assert not isinstance(first, BankError)
    assert isinstance(second, BankError)
    assert ("insufficient_funds", eur("60")) == (second.code, bank.account("bob").balance)


def test_52_the_longest_batch_is_taken(bank: Bank) -> None:
    """100,000 commands are one batch; the limit is not one less."""
    outcomes = bank.execute([Deposit("nobody", eur("1"))] * BATCH_LENGTH_MAX)

    assert BATCH_LENGTH_MAX == len(outcomes)


def test_the_numbers_are_all_there() -> None:
    """Every number from 1 to 54 is a row, a test of its own, or later with its reason."""
    rows = {number for number, _, _ in (*AMOUNTS, *NAMES_AND_ACCOUNTS)}
    # 54, a formula in CSV, is in test_cli.py.
    own = {35, 50, 54}

    assert set(range(1, 55)) == (rows | own | set(LATER)) - {70}
