"""
Opening an account, as `decide` judges it: one command, one snapshot, one `WriteSet`.
"""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, AccountStatus
from bankcore.bank._decide import Clock, Request, decide
from bankcore.commands import Deposit, OpenAccount
from bankcore.errors import AccountExistsError, BankError
from bankcore.ledger import Posting, Refusal, Snapshot, Transaction, WriteSet
from bankcore.money import Currency, Money
from bankcore.values import AccountId, TransactionId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = TransactionId("t-1")
BTC = Currency("BTC", exponent=8)


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


def opened(
    command: OpenAccount, *accounts: Account, id_given: bool = True, made: str = "made"
) -> WriteSet:
    """
    Return what *command* comes to where there are *accounts*; *made* is the id at hand.
    """
    command = attrs.evolve(command, transaction_id=ID)
    account_ids = command.account_ids or (AccountId(made),)
    return decide(
        (Request(command, ID, id_given, account_ids),),
        Snapshot({}, {account.id: account for account in accounts}),
        Clock(NOW, timedelta(seconds=5)),
    )


@pytest.mark.parametrize(
    ("initial_balance", "overdraft_limit", "limit_after"),
    [
        pytest.param(eur(0), None, eur(0), id="with nothing"),
        pytest.param(eur(1), None, eur(0), id="with a cent"),
        pytest.param(eur(100_00), eur(0), eur(0), id="with a limit of zero"),
        pytest.param(eur(0), eur(50_00), eur(50_00), id="with a limit"),
        pytest.param(eur(AMOUNT_MINOR_MAX), None, eur(0), id="with the largest balance"),
        pytest.param(eur(0), eur(AMOUNT_MINOR_MAX), eur(AMOUNT_MINOR_MAX), id="the largest limit"),
        pytest.param(
            Money("7", "JPY"), None, Money("0", "JPY"), id="in a currency of no decimals"
        ),
        pytest.param(
            Money("0.1", BTC), Money("1", BTC), Money("1", BTC), id="in its own currency"
        ),
    ],
)
def test_what_is_written(
    initial_balance: Money, overdraft_limit: Money | None, limit_after: Money
) -> None:
    """
    An opened account is at version 1, with its initial balance as the first posting.
    """
    command = OpenAccount(
        "alice", initial_balance=initial_balance, overdraft_limit=overdraft_limit
    )
    nothing = Money.zero(initial_balance.currency)
    posting = Posting(
        account_id=AccountId("alice"),
        amount=initial_balance,
        balance=initial_balance,
        held=nothing,
        overdraft_limit=limit_after,
        version=1,
    )
    transaction = Transaction(id=ID, command=command, booked_at=NOW, postings=(posting,))
    account = Account(
        id="alice",
        balance=initial_balance,
        overdraft_limit=limit_after,
        status=AccountStatus.OPEN,
        version=1,
        last_booked_at=NOW,
    )

    assert WriteSet((account,), (transaction,), (transaction,)) == opened(command)


def test_a_made_id_is_the_accounts() -> None:
    """
    Without an account id, the one made for the request is the account's; the command keeps
    what the caller sent.
    """
    written = opened(OpenAccount(initial_balance=eur(5)), made="made-7")

    (transaction,) = written.records
    assert isinstance(transaction, Transaction)
    assert AccountId("made-7") == transaction.account_id
    assert AccountId("made-7") == written.accounts[0].id
    assert OpenAccount(initial_balance=eur(5)) == transaction.command


def test_a_given_time_is_when_it_was_opened() -> None:
    """
    An account of imported history is booked when the caller says.
    """
    given = datetime(1993, 1, 1, tzinfo=UTC)
    written = opened(OpenAccount("alice", initial_balance=eur(0), booked_at=given))

    (transaction,) = written.records
    assert isinstance(transaction, Transaction)
    assert given == transaction.booked_at
    assert given == written.accounts[0].last_booked_at


def test_others_do_not_matter() -> None:
    """
    An id that differs in case alone is another account, which stays as it is.
    """
    other = Account.open("Alice", initial_balance=eur(9))
    written = opened(OpenAccount("alice", initial_balance=eur(0)), other)

    assert [AccountId("alice")] == [account.id for account in written.accounts]


@pytest.mark.parametrize(
    "existing",
    [
        pytest.param(Account.open("alice", initial_balance=eur(3)), id="open"),
        pytest.param(
            Account.open("alice", initial_balance=Money(1, "JPY")), id="of another currency"
        ),
        pytest.param(
            Account(id="alice", balance=eur(0), status=AccountStatus.CLOSED, version=4),
            id="closed",
        ),
    ],
)
class TestExists:
    def test_is_refused(self, existing: Account) -> None:
        """
        Where there is an account of the id, be it closed, it is refused; the refusal alone is
        written.
        """
        command = OpenAccount("alice", initial_balance=eur(0))
        written = opened(command, existing)

        (error,) = written.outcomes
        refusal = Refusal(ID, command, NOW, "account_exists", {"account_id": AccountId("alice")})
        assert isinstance(error, AccountExistsError)
        assert AccountId("alice") == error.account_id
        assert WriteSet((), (refusal,), (error,)) == written

    def test_under_a_made_id_writes_nothing(self, existing: Account) -> None:
        """
        A refusal under an id that the caller did not give writes nothing.
        """
        written = opened(OpenAccount("alice", initial_balance=eur(0)), existing, id_given=False)

        (error,) = written.outcomes
        assert isinstance(error, AccountExistsError)
        assert WriteSet((), (), (error,)) == written


def test_opened_a_moment_ago() -> None:
    """
    A later command of the same batch sees the account that an earlier one opened.
    """
    commands = (
        OpenAccount("alice", initial_balance=eur(10), transaction_id="t-1"),
        OpenAccount("alice", initial_balance=eur(10), transaction_id="t-2"),
        Deposit("alice", eur(5), transaction_id="t-3"),
    )
    requests = tuple(
        Request(command, TransactionId(f"t-{n}"), True, command.account_ids)
        for n, command in enumerate(commands, start=1)
    )
    written = decide(requests, Snapshot({}, {}), Clock(NOW, timedelta(0)))

    assert [Transaction, AccountExistsError, Transaction] == list(map(type, written.outcomes))
    assert [(eur(15), 2)] == [(account.balance, account.version) for account in written.accounts]
    assert [Transaction, Refusal, Transaction] == list(map(type, written.records))


def test_is_the_same_every_time() -> None:
    """
    `decide` may run twice for one command, and both runs say the same.
    """
    command = OpenAccount("alice", initial_balance=eur(10))

    assert opened(command) == opened(command)
    assert not any(isinstance(outcome, BankError) for outcome in opened(command).outcomes)
