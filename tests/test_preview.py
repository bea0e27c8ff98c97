"""
Looking before leaping: previews, what can be closed or reversed, and expected versions.

On both stores, since "writes nothing" is said of what a store keeps.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bankcore.accounts import Account
from bankcore.bank import Bank, Possibility
from bankcore.commands import (
    CloseAccount,
    Command,
    Deposit,
    OpenAccount,
    PlaceHold,
    Reverse,
    Transfer,
    Withdraw,
)
from bankcore.errors import (
    AlreadyReversedError,
    BankError,
    CloseBlockedError,
    InsufficientFundsError,
    InvalidBatchError,
    InvalidCommandError,
    StaleVersionError,
    TransactionNotFoundError,
)
from bankcore.ledger import AccountStore, Transaction
from bankcore.money import Money

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bank(store: AccountStore, clock: Clock) -> Bank:
    bank = Bank(store, clock=clock)
    bank.open_account("alice", initial_balance=eur(100), transaction_id="open-alice")
    bank.open_account("bob", initial_balance=eur(0), transaction_id="open-bob")
    bank.place_hold("alice", eur(10), expires_at=NOW + timedelta(days=1), transaction_id="hold")
    return bank


def contents(store: AccountStore) -> tuple[list[Account], tuple[Any, ...]]:
    return list(store.accounts()), store.journal().records


COMMANDS: list[Command] = [
    Withdraw("bob", eur(1), transaction_id="t-1"),
    Transfer("alice", "bob", eur(50), transaction_id="t-2"),
    Withdraw("bob", eur(1), transaction_id="t-3"),
    OpenAccount("carol", initial_balance=eur(5), transaction_id="t-4"),
    PlaceHold("alice", eur(40), transaction_id="t-5"),
    PlaceHold("alice", eur(1), transaction_id="t-6"),
    Reverse("t-2", transaction_id="t-7"),
    CloseAccount("carol", sweep_to="bob", transaction_id="t-8"),
    Deposit("alice", eur(1), transaction_id="open-alice"),
]


def test_a_preview_gives_what_executing_gives(bank: Bank) -> None:
    """What was previewed is what comes, outcome by outcome, errors too."""
    previewed = bank.preview(COMMANDS)
    executed = bank.execute(COMMANDS)

    assert len(COMMANDS) == len(executed)
    assert any(isinstance(outcome, BankError) for outcome in executed)
    for before, after in zip(previewed, executed, strict=True):
        assert type(after) is type(before)
        if isinstance(after, BankError) and isinstance(before, BankError):
            assert (after.code, after.facts) == (before.code, before.facts)
        else:
            assert after == before
            assert not isinstance(before, Transaction) or before.replayed is False


@pytest.mark.parametrize("atomic", [False, True])
def test_a_preview_writes_nothing(bank: Bank, store: AccountStore, *, atomic: bool) -> None:
    """Neither an account, nor a transaction, nor a refusal."""
    before = contents(store)
    if atomic:
        with pytest.raises(InsufficientFundsError):
            bank.preview(COMMANDS[:-1], atomic=True)
    else:
        bank.preview(COMMANDS)

    assert before == contents(store)


def test_a_preview_uses_up_no_id(bank: Bank) -> None:
    """An id that was previewed may stand for another command."""
    bank.preview([Withdraw("bob", eur(1), transaction_id="t-1"), *COMMANDS[1:]])
    receipt = bank.deposit("bob", eur(7), transaction_id="t-1")

    assert not receipt.replayed
    assert eur(7) == receipt.postings[0].balance


def test_a_preview_records_no_expiry(bank: Bank, store: AccountStore, clock: Clock) -> None:
    """A hold that is over is not in the way, and its expiry is not recorded for a look."""
    clock.now += timedelta(days=2)
    before = contents(store)
    (outcome,) = bank.preview([Withdraw("alice", eur(100))])

    assert isinstance(outcome, Transaction)
    assert eur(0) == outcome.postings[0].balance
    assert before == contents(store)


def test_a_preview_replays(bank: Bank) -> None:
    """What is recorded under an id comes back as it would."""
    (outcome,) = bank.preview(
        [OpenAccount("bob", initial_balance=eur(0), transaction_id="open-bob")]
    )

    assert isinstance(outcome, Transaction)
    assert outcome.replayed


def test_a_preview_refuses_what_is_no_batch(bank: Bank) -> None:
    """The errors are those of `execute`."""
    with pytest.raises(InvalidCommandError):
        bank.preview(["deposit"])  # type: ignore[list-item]  # that is the point
    with pytest.raises(InvalidBatchError):
        bank.preview(
            [Deposit("bob", eur(1)), Deposit("bob", eur(1), transaction_id="x")], atomic=True
        )
    assert [] == bank.preview([])


def test_what_keeps_an_account_open_is_listed(bank: Bank, store: AccountStore) -> None:
    """Every blocker at once; nothing is written by asking."""
    before = contents(store)
    answer = bank.can_close("alice")

    assert not answer
    assert isinstance(answer.error, CloseBlockedError)
    assert ("its balance is EUR 1.00, not zero", "holds are open: hold") == tuple(answer)
    assert answer.blockers == tuple(answer)
    assert before == contents(store)


def test_an_account_without_blockers_can_be_closed(bank: Bank) -> None:
    """True, with nothing listed; and then it is closed."""
    answer = bank.can_close("bob")

    assert answer
    assert Possibility(None) == answer
    assert () == tuple(answer)
    assert bank.close_account("bob").postings


def test_a_sweep_is_looked_at_too(bank: Bank) -> None:
    """With somewhere to sweep to, only the hold is in the way."""
    assert ["holds are open: hold"] == list(bank.can_close("alice", sweep_to="bob"))
    bank.release_hold("alice", "hold")
    assert bank.can_close("alice", sweep_to="bob")
    assert ("There is no account nobody.",) == bank.can_close("alice", sweep_to="nobody").blockers


def test_whether_a_transaction_can_be_reversed(bank: Bank, store: AccountStore) -> None:
    """Yes; not where the money is gone; not a second time; not what never was."""
    bank.transfer("alice", "bob", eur(20), transaction_id="t-1")
    before = contents(store)
    assert bank.can_reverse("t-1")
    assert isinstance(bank.can_reverse("nothing").error, TransactionNotFoundError)
    assert before == contents(store)

    bank.withdraw("bob", eur(5), transaction_id="t-2")
    assert isinstance(bank.can_reverse("t-1").error, InsufficientFundsError)

    bank.reverse("t-2")
    bank.reverse("t-1")
    assert isinstance(bank.can_reverse("t-1").error, AlreadyReversedError)


def test_who_reversed_a_transaction(bank: Bank) -> None:
    """None before, the reversal after; the reversal itself is not reversed."""
    bank.transfer("alice", "bob", eur(20), transaction_id="t-1")
    assert bank.reversed_by("t-1") is None
    reversal = bank.reverse("t-1", transaction_id="t-2")

    assert reversal == bank.reversed_by("t-1")
    assert bank.reversed_by("t-2") is None


def test_a_stale_version_is_refused_and_not_recorded(bank: Bank, store: AccountStore) -> None:
    """The id stays unused, and stands for the command once it is sent with the version found."""
    before = contents(store)
    with pytest.raises(StaleVersionError) as caught:
        bank.withdraw("alice", eur(1), transaction_id="w-1", expected_version=1)
    assert (1, 2) == (caught.value.expected, caught.value.found)
    assert before == contents(store)

    receipt = bank.withdraw("alice", eur(1), transaction_id="w-1", expected_version=2)
    again = bank.withdraw("alice", eur(1), transaction_id="w-1", expected_version=99)

    assert not receipt.replayed
    assert (True, receipt) == (again.replayed, again)


def test_the_version_is_expected_of_the_debited_account(bank: Bank) -> None:
    """Of a transfer, that of the source; what the destination's is does not matter."""
    receipt = bank.transfer("alice", "bob", eur(1), expected_version=2)

    assert 3 == receipt.posting("alice").version
