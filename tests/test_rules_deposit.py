"""
Deposits, as `decide` judges them: one command, one snapshot, one `WriteSet`.
"""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, AccountStatus
from bankcore.bank._decide import Clock, Request, decide
from bankcore.commands import Deposit
from bankcore.errors import BankError
from bankcore.ledger import Posting, Refusal, Snapshot, Transaction, WriteSet
from bankcore.money import Currency, Money
from bankcore.values import AccountId, TransactionId
from ruling import holding

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = TransactionId("t-1")
ALICE = AccountId("alice")


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


def account(
    balance: int, held: int = 0, limit: int = 0, status: AccountStatus = AccountStatus.OPEN
) -> Account:
    return Account(
        id=ALICE,
        balance=eur(balance),
        holds=holding(held),
        overdraft_limit=eur(limit),
        status=status,
        version=7,
        last_booked_at=NOW - timedelta(days=1),
    )


def deposited(command: Deposit, *accounts: Account, id_given: bool = True) -> WriteSet:
    """
    Return what *command* comes to where there are *accounts*.
    """
    command = attrs.evolve(command, transaction_id=ID)
    return decide(
        (Request(command, ID, id_given, command.account_ids),),
        Snapshot({}, {account.id: account for account in accounts}),
        Clock(NOW, timedelta(seconds=5)),
    )


@pytest.mark.parametrize(
    ("before", "amount", "balance_after"),
    [
        pytest.param(account(0), 1, 1, id="a cent into nothing"),
        pytest.param(account(100_00), 50, 100_50, id="into plenty"),
        pytest.param(account(-30_00, limit=50_00), 10_00, -20_00, id="overdrawn, repaid in part"),
        pytest.param(account(-30_00, limit=50_00), 30_00, 0, id="overdrawn, repaid exactly"),
        pytest.param(account(-30_00, limit=50_00), 30_01, 1, id="overdrawn, repaid and more"),
        pytest.param(account(-30_00), 1, -29_99, id="overdrawn beyond the limit"),
        pytest.param(account(10_00, held=40_00), 1, 10_01, id="held beyond the balance"),
        pytest.param(account(-AMOUNT_MINOR_MAX), 1, 1 - AMOUNT_MINOR_MAX, id="lowest balance"),
        pytest.param(account(0), AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX, id="the largest amount"),
        pytest.param(
            account(AMOUNT_MINOR_MAX - 1), 1, AMOUNT_MINOR_MAX, id="up to the largest balance"
        ),
    ],
)
def test_what_is_written(before: Account, amount: int, balance_after: int) -> None:
    """
    A deposit is booked on any open account, overdrawn and held ones included, up to the
    largest balance; nothing but balance, version and time changes.
    """
    command = Deposit("alice", eur(amount), description="salary")
    posting = Posting(
        account_id=ALICE,
        amount=eur(amount),
        balance=eur(balance_after),
        held=before.held,
        overdraft_limit=before.overdraft_limit,
        version=8,
    )
    transaction = Transaction(id=ID, command=command, booked_at=NOW, postings=(posting,))
    after = attrs.evolve(before, balance=eur(balance_after), version=8, last_booked_at=NOW)

    assert WriteSet((after,), (transaction,), (transaction,)) == deposited(command, before)


def test_the_receipt_carries_the_id() -> None:
    """
    The recorded command carries its transaction id, and is not a replay.
    """
    (transaction,) = deposited(Deposit("alice", eur(1)), account(0)).records

    assert isinstance(transaction, Transaction)
    assert (transaction.id, False) == (transaction.command.transaction_id, transaction.replayed)


REFUSED = [
    pytest.param((), 1, "account_not_found", {"account_id": ALICE}, id="no account"),
    pytest.param(
        (account(0, status=AccountStatus.CLOSED),),
        1,
        "account_closed",
        {"account_id": ALICE},
        id="closed",
    ),
    pytest.param(
        (account(AMOUNT_MINOR_MAX),),
        1,
        "balance_limit",
        {"account_id": ALICE, "balance": eur(AMOUNT_MINOR_MAX), "requested": eur(1)},
        id="one above the largest balance",
    ),
    pytest.param(
        (account(1, held=1),),
        AMOUNT_MINOR_MAX,
        "balance_limit",
        {"account_id": ALICE, "balance": eur(1), "requested": eur(AMOUNT_MINOR_MAX)},
        id="the largest amount on one cent",
    ),
]


@pytest.mark.parametrize(("accounts", "amount", "code", "facts"), REFUSED)
class TestRefused:
    def test_under_a_given_id(
        self, accounts: tuple[Account, ...], amount: int, code: str, facts: dict[str, object]
    ) -> None:
        """
        The refusal is recorded under the id that the caller gave, and nothing else is written.
        """
        command = Deposit("alice", eur(amount))
        written = deposited(command, *accounts)

        (error,) = written.outcomes
        assert isinstance(error, BankError)
        assert (code, facts) == (error.code, error.facts)
        assert WriteSet((), (Refusal(ID, command, NOW, code, facts),), (error,)) == written

    def test_under_a_made_id(
        self, accounts: tuple[Account, ...], amount: int, code: str, facts: dict[str, object]
    ) -> None:
        """
        A refusal under an id that the caller did not give writes nothing.
        """
        written = deposited(Deposit("alice", eur(amount)), *accounts, id_given=False)

        (error,) = written.outcomes
        assert isinstance(error, BankError)
        assert (code, facts) == (error.code, error.facts)
        assert WriteSet((), (), (error,)) == written


@pytest.mark.parametrize(
    ("amount", "expected", "given"),
    [
        pytest.param(Money(1, "USD"), "EUR", "USD", id="another code"),
        pytest.param(
            Money(1, Currency("EUR", exponent=3)),
            "Currency('EUR')",
            "Currency('EUR', exponent=3)",
            id="the same code with another exponent",
        ),
    ],
)
def test_another_currency(amount: Money, expected: str, given: str) -> None:
    """
    An amount in another currency is invalid: nothing is recorded, even with a given id.
    """
    written = deposited(Deposit("alice", amount), account(5))

    (error,) = written.outcomes
    assert isinstance(error, BankError)
    facts = {"expected": expected, "given": given, "field": "amount"}
    assert ("currency_mismatch", facts) == (error.code, error.facts)
    assert WriteSet((), (), (error,)) == written
