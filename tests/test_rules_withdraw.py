"""
Withdrawals, as `decide` judges them; above all the floor, to the minor unit.
"""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, AccountStatus
from bankcore.bank._decide import Clock, Request, decide
from bankcore.commands import Withdraw
from bankcore.errors import BankError, InsufficientFundsError
from bankcore.ledger import Posting, Refusal, Snapshot, Transaction, WriteSet
from bankcore.money import Money
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


def withdrawn(command: Withdraw, *accounts: Account, id_given: bool = True) -> WriteSet:
    """
    Return what *command* comes to where there are *accounts*.
    """
    command = attrs.evolve(command, transaction_id=ID)
    return decide(
        (Request(command, ID, id_given, command.account_ids),),
        Snapshot({}, {account.id: account for account in accounts}),
        Clock(NOW, timedelta(seconds=5)),
    )


# balance, held, overdraft limit, and what is available of it
FLOORS = [
    pytest.param(100_00, 0, 0, 100_00, id="a balance"),
    pytest.param(100_00, 30_00, 0, 70_00, id="part of it held"),
    pytest.param(0, 0, 50_00, 50_00, id="a limit"),
    pytest.param(100_00, 0, 50_00, 150_00, id="a balance and a limit"),
    pytest.param(100_00, 120_00, 50_00, 30_00, id="held beyond the balance"),
    pytest.param(-20_00, 0, 50_00, 30_00, id="overdrawn"),
    pytest.param(-20_00, 10_00, 50_00, 20_00, id="overdrawn, part held"),
    pytest.param(AMOUNT_MINOR_MAX, 1, 0, AMOUNT_MINOR_MAX - 1, id="the largest balance"),
    pytest.param(-1, 0, AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX - 1, id="the largest limit"),
    pytest.param(0, AMOUNT_MINOR_MAX - 2, AMOUNT_MINOR_MAX, 2, id="nearly the limit held"),
]


@pytest.mark.parametrize(("balance", "held", "limit", "available"), FLOORS)
class TestFloor:
    def test_down_to_zero(self, balance: int, held: int, limit: int, available: int) -> None:
        """
        All that is available may be taken; nothing but balance, version and time changes.
        """
        before = account(balance, held, limit)
        command = Withdraw("alice", eur(available))
        posting = Posting(
            account_id=ALICE,
            amount=eur(-available),
            balance=eur(balance - available),
            held=eur(held),
            overdraft_limit=eur(limit),
            version=8,
        )
        transaction = Transaction(id=ID, command=command, booked_at=NOW, postings=(posting,))
        after = attrs.evolve(
            before, balance=eur(balance - available), version=8, last_booked_at=NOW
        )

        assert WriteSet((after,), (transaction,), (transaction,)) == withdrawn(command, before)
        assert eur(0) == after.available

    def test_one_minor_unit_above(
        self, balance: int, held: int, limit: int, available: int
    ) -> None:
        """
        With one minor unit left over, it is booked.
        """
        (after,) = withdrawn(
            Withdraw("alice", eur(available - 1)), account(balance, held, limit)
        ).accounts

        assert eur(1) == after.available

    def test_one_minor_unit_below(
        self, balance: int, held: int, limit: int, available: int
    ) -> None:
        """
        One minor unit more than is available is refused, and only the refusal is written.
        """
        command = Withdraw("alice", eur(available + 1))
        written = withdrawn(command, account(balance, held, limit))

        (error,) = written.outcomes
        facts = {"account_id": ALICE, "available": eur(available), "requested": eur(available + 1)}
        assert isinstance(error, InsufficientFundsError)
        assert {**facts, "shortfall": eur(1)} == error.facts
        assert WriteSet(
            (), (Refusal(ID, command, NOW, "insufficient_funds", facts),), (error,)
        ) == (written)


@pytest.mark.parametrize(
    ("before", "available"),
    [
        pytest.param(account(0), 0, id="nothing there"),
        pytest.param(account(10_00, held=10_00), 0, id="all of it held"),
        pytest.param(account(-50_00, limit=50_00), 0, id="the limit used up"),
        pytest.param(account(-50_00, limit=20_00), -30_00, id="overdrawn beyond the limit"),
        pytest.param(account(5_00, held=20_00), -15_00, id="more held than there is"),
        pytest.param(
            account(-AMOUNT_MINOR_MAX, limit=AMOUNT_MINOR_MAX), 0, id="the lowest balance"
        ),
        pytest.param(
            account(-AMOUNT_MINOR_MAX, held=AMOUNT_MINOR_MAX),
            -2 * AMOUNT_MINOR_MAX,
            id="the lowest balance, the most held",
        ),
    ],
)
def test_nothing_available(before: Account, available: int) -> None:
    """
    Where nothing is available, one minor unit is too much. So no withdrawal passes the lowest
    balance there can be: the floor is never below it.
    """
    (error,) = withdrawn(Withdraw("alice", eur(1)), before).outcomes

    assert isinstance(error, InsufficientFundsError)
    assert (eur(available), eur(1 - available)) == (error.available, error.shortfall)


REFUSED = [
    pytest.param((), "account_not_found", {"account_id": ALICE}, id="no account"),
    pytest.param(
        (account(0, status=AccountStatus.CLOSED),),
        "account_closed",
        {"account_id": ALICE},
        id="closed",
    ),
    pytest.param(
        (account(0, limit=5, status=AccountStatus.CLOSED),),
        "account_closed",
        {"account_id": ALICE},
        id="closed, with a limit",
    ),
    pytest.param(
        (account(4),),
        "insufficient_funds",
        {"account_id": ALICE, "available": eur(4), "requested": eur(5)},
        id="too little",
    ),
]


@pytest.mark.parametrize(("accounts", "code", "facts"), REFUSED)
class TestRefused:
    def test_under_a_given_id(
        self, accounts: tuple[Account, ...], code: str, facts: dict[str, object]
    ) -> None:
        """
        The refusal is recorded under the id that the caller gave, and nothing else is written.
        """
        command = Withdraw("alice", eur(5))
        written = withdrawn(command, *accounts)

        (error,) = written.outcomes
        assert isinstance(error, BankError)
        assert code == error.code
        assert WriteSet((), (Refusal(ID, command, NOW, code, facts),), (error,)) == written

    def test_under_a_made_id(
        self, accounts: tuple[Account, ...], code: str, facts: dict[str, object]
    ) -> None:
        """
        A refusal under an id that the caller did not give writes nothing.
        """
        written = withdrawn(Withdraw("alice", eur(5)), *accounts, id_given=False)

        (error,) = written.outcomes
        assert isinstance(error, BankError)
        assert facts.items() <= error.facts.items()
        assert WriteSet((), (), (error,)) == written


def test_another_currency() -> None:
    """
    An amount in another currency is invalid: nothing is recorded, even with a given id.
    """
    written = withdrawn(Withdraw("alice", Money(1, "USD")), account(100_00))

    (error,) = written.outcomes
    assert isinstance(error, BankError)
    facts = {"expected": "EUR", "given": "USD", "field": "amount"}
    assert ("currency_mismatch", facts) == (error.code, error.facts)
    assert WriteSet((), (), (error,)) == written
