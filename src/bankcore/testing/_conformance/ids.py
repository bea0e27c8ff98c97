"""Promises about ids: each has one record, which is found again by its id."""

from typing import cast

from bankcore import AccountId, AccountStore, Money, Refusal, Transaction, TransactionId
from bankcore.accounts._errors import InsufficientFundsError
from bankcore.commands import Deposit, OpenAccount, Withdraw
from bankcore.ledger import ReadSet, Snapshot
from bankcore.ledger._errors import AlreadyReversedError, TransactionIdReusedError
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import (
    ALICE,
    BOB,
    bank_over,
    contents_of,
    eur,
    journal_of,
    look,
)
from bankcore.testing._conformance.subject import check


@check
def a_command_sent_again_is_booked_once(store: AccountStore) -> None:
    """The same command under the same id returns the same transaction, and writes nothing."""
    bank = bank_over(store)
    first = [
        bank.open_account("alice", initial_balance=eur(100), transaction_id="t-1"),
        bank.deposit("alice", eur(5), transaction_id="t-2"),
    ]
    before = contents_of(store)
    again = [
        bank.open_account("alice", initial_balance=eur(100), transaction_id="t-1"),
        bank.deposit("alice", eur(5), transaction_id="t-2"),
    ]

    require_equal(first, again)
    require_equal([False, False, True, True], [each.replayed for each in first + again])
    require_equal(before, contents_of(store))


@check
def an_id_stands_for_one_command(store: AccountStore) -> None:
    """Another command under a used id raises `TransactionIdReusedError`, and writes nothing."""
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100), transaction_id="t-1")
    bank.deposit("alice", eur(5), transaction_id="t-2", description="a gift")
    before = contents_of(store)
    with raises(TransactionIdReusedError) as raised:
        bank.deposit("alice", eur(6), transaction_id="t-2")

    require_equal(("amount", "description"), tuple(sorted(raised.error.fields)))
    require_equal(before, contents_of(store))


@check
def refusals_are_records(store: AccountStore) -> None:
    """A refusal is found under its id, in a snapshot too, and is in the journal."""
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(5), transaction_id="t-1")
    with raises(InsufficientFundsError) as raised:
        bank.withdraw("alice", eur(7), transaction_id="t-2")
    bank.deposit("alice", eur(100), transaction_id="t-3")
    with raises(InsufficientFundsError) as again:
        bank.withdraw("alice", eur(7), transaction_id="t-2")
    recorded = store.outcome(TransactionId("t-2"))

    require_equal((raised.error.facts, True), (again.error.facts, again.error.replayed))
    require_equal((raised.error.code, raised.error.facts), _refused(recorded))
    require_equal(["t-1", "t-2", "t-3"], [record.id.value for record in journal_of(store)])
    require_equal(recorded, journal_of(store)[1])


@check
def a_failed_batch_leaves_its_refusal_alone(store: AccountStore) -> None:
    """
    An atomic batch that fails records its refusal and nothing else; its other ids stay unused.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(5), transaction_id="t-1")
    batch = (
        OpenAccount("bob", initial_balance=eur(1), transaction_id="b-1"),
        Deposit("alice", eur(1), transaction_id="b-2"),
        Withdraw("alice", eur(7), transaction_id="b-3"),
    )
    for replayed in (False, True):
        with raises(InsufficientFundsError) as raised:
            bank.execute(batch, atomic=True)

        require_equal(replayed, raised.error.replayed)
        require_equal(["b-1", "b-2"], [each.value for each in raised.error.unused_ids])
        require_equal(["t-1", "b-3"], [each.id.value for each in journal_of(store)])
        require_equal([(ALICE, eur(5))], [(each.id, each.balance) for each in store.accounts()])


@check
def the_longest_ids_are_kept(store: AccountStore) -> None:
    """
    Ids of 64 characters are kept whole, and two that differ in the last character are two ids.
    """
    ids = [f"{'a' * 63}{last}" for last in "abAB-._9"]
    bank = bank_over(store)
    for number, each in enumerate(ids):
        bank.open_account(each, initial_balance=eur(number), transaction_id=each)

    require_equal(sorted(ids), [each.id.value for each in store.accounts()])
    for number, each in enumerate(ids):
        require_equal(eur(number), store.account(AccountId(each)).balance)
        require_equal(AccountId(each), _booked(store, each).account_id)


def _refused(record: Transaction | Refusal) -> tuple[object, object]:
    require_equal(Refusal, type(record))
    refusal = cast("Refusal", record)
    return refusal.code, refusal.to_error().facts


def _booked(store: AccountStore, transaction_id: str) -> Transaction:
    record = store.outcome(TransactionId(transaction_id))
    require_equal(Transaction, type(record))
    return cast("Transaction", record)


@check
def an_original_comes_with_its_accounts(store: AccountStore) -> None:
    """
    A unit that names an original sees its record, every account that it touched, and the
    commands that reversed it.
    """
    bank = bank_over(store)
    for each in ("alice", "bob", "carol"):
        bank.open_account(each, initial_balance=eur(10))
    bank.transfer("alice", "bob", eur(3), transaction_id="t-1")
    bank.transfer("bob", "carol", eur(1), transaction_id="t-2")
    bank.reverse("t-1", transaction_id="r-1")
    originals = tuple(map(TransactionId, ("t-1", "t-2", "t-none")))
    seen = [look(store, ReadSet((), (), each)) for each in (originals[:1], originals)]

    require_equal({"t-1"}, {each.value for each in seen[0].recorded})
    require_equal({"alice", "bob"}, {each.value for each in seen[0].accounts})
    require_equal(
        [store.account(ALICE), store.account(BOB)],
        [seen[0].accounts[ALICE], seen[0].accounts[BOB]],
    )
    require_equal({"t-1", "t-2"}, {each.value for each in seen[1].recorded})
    require_equal({"alice", "bob", "carol"}, {each.value for each in seen[1].accounts})
    for snapshot in seen:
        require_equal({"t-1": [("r-1", None)]}, reversals_in(snapshot))


def reversals_in(snapshot: Snapshot) -> dict[str, list[tuple[str, Money | None]]]:
    """Return the ids and amounts of the reversals of each original, as *snapshot* has them."""
    return {
        original.value: [(str(each.transaction_id), each.amount) for each in commands]
        for original, commands in snapshot.reversals.items()
    }


@check
def a_reversal_is_found(store: AccountStore) -> None:
    """
    The reversals of a transaction are found by the original's id, of one or of many at once, each
    with its id and its amount, in the order in which they were booked.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(0))
    numbers = range(20)
    for n in numbers:
        bank.deposit("alice", eur(9), transaction_id=f"t-{n}")
    expected: dict[str, list[tuple[str, Money | None]]] = {}
    # Some have one part, some two, and some are reversed whole with a third.
    for part, (name, amount) in enumerate((("z", eur(2)), ("y", eur(3)), ("x", None))):
        for n in numbers[::2]:
            if part <= n % 3:
                bank.reverse(f"t-{n}", amount, transaction_id=f"{name}-{n}")
                expected.setdefault(f"t-{n}", []).append((f"{name}-{n}", amount))
    seen = look(store, ReadSet((), (), tuple(TransactionId(f"t-{n}") for n in numbers)))

    require_equal(expected, reversals_in(seen))
    with raises(AlreadyReversedError) as raised:
        bank.reverse("t-2")
    require_equal(TransactionId("x-2"), raised.error.reversed_by)
