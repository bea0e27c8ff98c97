"""
Transfers, as `decide` judges them: two accounts, one transaction, both or neither.
"""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, AccountStatus
from bankcore.bank._decide import Clock, Request, decide
from bankcore.commands import Transfer
from bankcore.errors import BankError
from bankcore.ledger import Posting, Refusal, Snapshot, Transaction, WriteSet
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId
from ruling import holding

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = TransactionId("t-1")
ALICE, BOB = AccountId("alice"), AccountId("bob")
CLOSED = AccountStatus.CLOSED


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


def account(
    account_id: AccountId,
    balance: int,
    *,
    held: int = 0,
    limit: int = 0,
    status: AccountStatus = AccountStatus.OPEN,
    currency: str = "EUR",
) -> Account:
    return Account(
        id=account_id,
        balance=Money.from_minor(balance, currency),
        holds=holding(held, currency),
        overdraft_limit=Money.from_minor(limit, currency),
        status=status,
        version=7 if account_id == ALICE else 20,
        last_booked_at=NOW - timedelta(days=1),
    )


def transferred(command: Transfer, *accounts: Account, id_given: bool = True) -> WriteSet:
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
    ("source", "destination", "amount"),
    [
        pytest.param(account(ALICE, 100_00), account(BOB, 0), 30_00, id="part of it"),
        pytest.param(account(ALICE, 100_00), account(BOB, 5), 100_00, id="all of it"),
        pytest.param(account(ALICE, 0, limit=50_00), account(BOB, 5), 50_00, id="all the limit"),
        pytest.param(
            account(ALICE, 100_00, held=60_00), account(BOB, 5), 40_00, id="all but held"
        ),
        pytest.param(account(ALICE, 9), account(BOB, -30_00), 9, id="to one beyond its limit"),
        pytest.param(account(ALICE, 9), account(BOB, -9, limit=10), 9, id="repaying an overdraft"),
        pytest.param(account(ALICE, 9), account(BOB, 0, held=50), 9, id="to one with money held"),
        pytest.param(
            account(ALICE, AMOUNT_MINOR_MAX), account(BOB, 0), AMOUNT_MINOR_MAX, id="the most"
        ),
        pytest.param(
            account(ALICE, 0, limit=AMOUNT_MINOR_MAX),
            account(BOB, 0),
            AMOUNT_MINOR_MAX,
            id="from the lowest to the largest balance",
        ),
        pytest.param(
            account(ALICE, 1), account(BOB, AMOUNT_MINOR_MAX - 1), 1, id="to the largest balance"
        ),
    ],
)
def test_what_is_written(source: Account, destination: Account, amount: int) -> None:
    """
    One transaction with one posting for each account, the debited one first: what leaves one
    arrives on the other, and nothing else of either changes.
    """
    command = Transfer("alice", "bob", eur(amount))
    debited, credited = (
        attrs.evolve(
            before,
            balance=eur(before.balance.amount_minor + change),
            version=before.version + 1,
            last_booked_at=NOW,
        )
        for before, change in ((source, -amount), (destination, amount))
    )
    postings = tuple(
        Posting(
            account_id=after.id,
            amount=eur(change),
            balance=after.balance,
            held=after.held,
            overdraft_limit=after.overdraft_limit,
            version=after.version,
        )
        for after, change in ((debited, -amount), (credited, amount))
    )
    transaction = Transaction(id=ID, command=command, booked_at=NOW, postings=postings)
    written = transferred(command, source, destination)

    assert {ALICE: debited, BOB: credited} == {after.id: after for after in written.accounts}
    assert ((transaction,), (transaction,)) == (written.records, written.outcomes)


def test_the_debited_account_is_first() -> None:
    """
    The order of postings follows from the command, not from the ids.
    """
    (transaction,) = transferred(
        Transfer("bob", "alice", eur(3)), account(ALICE, 0), account(BOB, 5)
    ).records

    assert isinstance(transaction, Transaction)
    assert [(BOB, eur(-3)), (ALICE, eur(3))] == [
        (posting.account_id, posting.amount) for posting in transaction.postings
    ]
    assert transaction.postings[0].account_id == transaction.account_id


REFUSED = [
    pytest.param(
        (account(BOB, 0),), 1, "account_not_found", {"account_id": ALICE}, id="no source"
    ),
    pytest.param(
        (account(ALICE, 9),), 1, "account_not_found", {"account_id": BOB}, id="no destination"
    ),
    pytest.param(
        (account(ALICE, 0, status=CLOSED), account(BOB, 0)),
        1,
        "account_closed",
        {"account_id": ALICE},
        id="from a closed one",
    ),
    pytest.param(
        (account(ALICE, 9), account(BOB, 0, status=CLOSED)),
        1,
        "account_closed",
        {"account_id": BOB},
        id="to a closed one",
    ),
    pytest.param(
        (account(ALICE, 9, held=5, limit=1), account(BOB, 900)),
        6,
        "insufficient_funds",
        {"account_id": ALICE, "available": eur(5), "requested": eur(6)},
        id="one minor unit too much",
    ),
    pytest.param(
        (account(ALICE, -9), account(BOB, 900)),
        1,
        "insufficient_funds",
        {"account_id": ALICE, "available": eur(-9), "requested": eur(1)},
        id="from one beyond its limit",
    ),
    pytest.param(
        (account(ALICE, 9), account(BOB, AMOUNT_MINOR_MAX)),
        1,
        "balance_limit",
        {"account_id": BOB, "balance": eur(AMOUNT_MINOR_MAX), "requested": eur(1)},
        id="one above the largest balance",
    ),
]


@pytest.mark.parametrize(("accounts", "amount", "code", "facts"), REFUSED)
class TestRefused:
    def test_under_a_given_id(
        self, accounts: tuple[Account, ...], amount: int, code: str, facts: dict[str, object]
    ) -> None:
        """
        Neither account changes; the refusal is recorded under the id that the caller gave.
        """
        command = Transfer("alice", "bob", eur(amount))
        written = transferred(command, *accounts)

        (error,) = written.outcomes
        assert isinstance(error, BankError)
        assert code == error.code
        assert WriteSet((), (Refusal(ID, command, NOW, code, facts),), (error,)) == written

    def test_under_a_made_id(
        self, accounts: tuple[Account, ...], amount: int, code: str, facts: dict[str, object]
    ) -> None:
        """
        A refusal under an id that the caller did not give writes nothing.
        """
        written = transferred(Transfer("alice", "bob", eur(amount)), *accounts, id_given=False)

        (error,) = written.outcomes
        assert isinstance(error, BankError)
        assert facts.items() <= error.facts.items()
        assert WriteSet((), (), (error,)) == written


@pytest.mark.parametrize(
    ("source", "destination", "facts"),
    [
        pytest.param("USD", "EUR", ("USD", "EUR", "amount"), id="the source's"),
        pytest.param("EUR", "USD", ("EUR", "USD", "destination_id"), id="the destination's"),
        pytest.param("USD", "USD", ("USD", "EUR", "amount"), id="both accounts'"),
    ],
)
def test_another_currency(source: str, destination: str, facts: tuple[str, str, str]) -> None:
    """
    Both accounts are of the amount's currency, or it is invalid and nothing is recorded. The one
    that is at odds with the source is the destination, whoever gave the amount a currency.
    """
    written = transferred(
        Transfer("alice", "bob", eur(1)),
        account(ALICE, 100, currency=source),
        account(BOB, 100, currency=destination),
    )

    (error,) = written.outcomes
    assert isinstance(error, BankError)
    assert ("currency_mismatch", *facts) == (
        error.code,
        *(error.facts[name] for name in ("expected", "given", "field")),
    )
    assert WriteSet((), (), (error,)) == written
