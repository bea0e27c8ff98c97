"""Promises about several threads at once."""

from collections.abc import Callable

from bankcore import AccountStore, Transaction
from bankcore.accounts._errors import InsufficientFundsError
from bankcore.commands import OpenAccount
from bankcore.ledger import Cursor, ReadSet, Refusal, Snapshot, WriteSet
from bankcore.ledger._errors import AlreadyReversedError, ReversalExceededError
from bankcore.testing._conformance.failing import require_equal
from bankcore.testing._conformance.helpers import (
    ALICE,
    BOB,
    NOW,
    add_one,
    bank_over,
    eur,
    in_threads,
    journal_of,
    let_others_run,
    look,
    refusal,
    retried,
)
from bankcore.testing._conformance.subject import Subject, check_of


@check_of("threads")
def units_that_share_an_account_take_turns(subject: Subject) -> None:
    """Two units that share an account behave as if one ran after the other."""
    store = subject.store
    bank_over(store).open_account("alice", initial_balance=eur(0))

    def add(thread: int) -> None:
        for n in range(10):
            retried(add_one, store, ReadSet((), (ALICE,)), ALICE, f"t-{thread}-{n}")

    in_threads(4, add)

    require_equal((eur(40), 41), (store.account(ALICE).balance, store.account(ALICE).version))
    require_equal(
        list(range(1, 42)),
        [transaction.posting(ALICE).version for transaction in store.history(ALICE)],
    )


@check_of("threads")
def units_that_share_an_id_take_turns(subject: Subject) -> None:
    """
    Two units that share an id behave as if one ran after the other: the second sees the
    record.
    """
    store = subject.store
    made: list[int] = []

    def claim(thread: int) -> None:
        for n in range(10):
            record = refusal(f"t-{n}")

            def decide(snapshot: Snapshot, record: Refusal = record) -> WriteSet:
                let_others_run()
                return WriteSet() if snapshot.recorded else WriteSet(records=(record,))

            written = retried(store.transact, ReadSet((record.id,), ()), decide)
            made.extend(thread for _ in written.records)

    in_threads(4, claim)

    require_equal(10, len(made))
    require_equal(
        [f"t-{n}" for n in range(10)], sorted(record.id.value for record in journal_of(store))
    )


@check_of("threads")
def a_transaction_is_reversed_once(subject: Subject) -> None:
    """
    Of many reversals of one transaction at once, one is booked, and the others are told which.
    """
    store = subject.store
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(10))
    bank.deposit("alice", eur(5), transaction_id="t-1")
    refused: list[AlreadyReversedError] = []

    def reverse(number: int) -> None:
        try:
            retried(bank_over(store).reverse, "t-1", transaction_id=f"r-{number}")
        except AlreadyReversedError as error:
            refused.append(error)

    in_threads(6, reverse)
    reversal = bank.reversed_by("t-1")

    require_equal([reversal and reversal.id] * 5, [error.reversed_by for error in refused])
    require_equal(eur(10), bank.account("alice").balance)


@check_of("threads")
def parts_never_exceed_what_they_reverse(subject: Subject) -> None:
    """
    As many parts of one transaction are reversed at once as it has, and the other reversals are
    told how much is left.
    """
    store = subject.store
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100))
    bank.deposit("alice", eur(10), transaction_id="t-1")
    refused: list[ReversalExceededError] = []

    def reverse(number: int) -> None:
        try:
            retried(bank_over(store).reverse, "t-1", eur(4), transaction_id=f"r-{number}")
        except ReversalExceededError as error:
            refused.append(error)

    in_threads(6, reverse)

    require_equal([eur(2)] * 4, [error.left for error in refused])
    require_equal([eur(-4)] * 2, [each.postings[0].amount for each in bank.reversals("t-1")])
    require_equal(eur(102), bank.account("alice").balance)


@check_of("threads")
def other_threads_read_what_was_written(subject: Subject) -> None:
    """After `transact` has returned, every other thread reads what it wrote."""
    store = subject.store
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100))
    for n in range(1, 4):
        transaction = bank.deposit("alice", eur(1), transaction_id=f"t-{n}")

        def read(_: int, n: int = n, transaction: Transaction = transaction) -> None:
            require_equal(eur(100 + n), store.account(ALICE).balance)
            require_equal(transaction, store.outcome(transaction.id))
            require_equal(transaction, store.history(ALICE)[-1])
            require_equal(transaction, store.journal().records[-1])
            require_equal(transaction.postings[0], store.posting_at(ALICE, NOW))

        in_threads(2, read)


@check_of("threads")
def units_with_nothing_in_common_are_all_kept(subject: Subject) -> None:
    """Units of several threads that share nothing are all written, each once."""
    store = subject.store

    def work(thread: int) -> None:
        bank = bank_over(store)
        name = f"a-{thread}"
        retried(bank.open_account, name, initial_balance=eur(0), transaction_id=f"o-{thread}")
        for n in range(10):
            retried(bank.deposit, name, eur(1), transaction_id=f"t-{thread}-{n}")

    in_threads(4, work)

    require_equal([(eur(10), 11)] * 4, [(each.balance, each.version) for each in store.accounts()])
    require_equal(44, len(journal_of(store)))


@check_of("threads")
def racers_with_one_id_have_one_effect(subject: Subject) -> None:
    """
    If several threads send the same command under the same id, it is booked once, and all get
    the same answer.
    """
    store = subject.store
    bank_over(store).open_account("alice", initial_balance=eur(0))
    answers: list[Transaction] = []

    def send(_: int) -> None:
        bank = bank_over(store)
        for n in range(10):
            answer = retried(bank.deposit, "alice", eur(1), transaction_id=f"t-{n}")
            answers.append(answer)

    in_threads(4, send)

    require_equal(eur(10), store.account(ALICE).balance)
    require_equal(11, len(journal_of(store)))
    for n in range(10):
        same = [each for each in answers if each.id.value == f"t-{n}"]

        require_equal([same[0]] * 4, same)
        require_equal(1, sum(not each.replayed for each in same))


@check_of("threads")
def nobody_overspends(subject: Subject) -> None:
    """If several threads withdraw the whole balance at once, one of them gets it."""
    store = subject.store
    bank_over(store).open_account("alice", initial_balance=eur(100))
    refused: list[InsufficientFundsError] = []

    def withdraw(thread: int) -> None:
        bank = bank_over(store)
        try:
            retried(bank.withdraw, "alice", eur(100), transaction_id=f"t-{thread}")
        except InsufficientFundsError as error:
            refused.append(error)

    in_threads(8, withdraw)

    require_equal(7, len(refused))
    require_equal(eur(0), store.account(ALICE).balance)


@check_of("threads")
def transfers_in_a_circle_all_end(subject: Subject) -> None:
    """
    Threads that transfer back and forth between the same accounts all finish, and no transfer
    is lost.
    """
    store = subject.store
    bank_over(store).execute(
        OpenAccount(each, initial_balance=eur(50)) for each in ("alice", "bob", "carol")
    )
    ways = (("alice", "bob"), ("bob", "alice"), ("bob", "carol"), ("carol", "alice"))

    def transfer(thread: int) -> None:
        bank = bank_over(store)
        for n in range(10):
            retried(bank.transfer, *ways[thread], eur(1), transaction_id=f"t-{thread}-{n}")

    in_threads(len(ways), transfer)

    require_equal([60, 40, 50], _balances(store))
    require_equal([31, 31, 21], [account.version for account in store.accounts()])


@check_of("threads")
def a_reader_sees_no_half_of_a_unit(subject: Subject) -> None:
    """A read during a write sees all of the unit or nothing of it."""
    store = subject.store
    _require_whole(store, lambda: _balances(store))


@check_of("threads")
def a_snapshot_is_of_one_moment(subject: Subject) -> None:
    """A snapshot of several accounts shows one moment, whatever is written meanwhile."""
    store = subject.store
    _require_whole(store, lambda: _seen(store, ReadSet((), (ALICE, BOB))))


@check_of("threads")
def a_follower_of_the_journal_misses_nothing(subject: Subject) -> None:
    """
    A reader that follows the journal by its cursor while others write gets every record once.
    """
    store = subject.store
    followed: list[str] = []
    ended: list[int] = []

    def write(thread: int) -> None:
        for n in range(20):
            record = refusal(f"t-{thread}-{n}")

            def decide(
                _: Snapshot, record: Refusal = record, *, waits: bool = n % 2 == 0
            ) -> WriteSet:
                # Who began later may commit earlier.
                if waits:
                    let_others_run()
                return WriteSet(records=(record,))

            retried(store.transact, ReadSet((record.id,), ()), decide)

    def follow() -> None:
        place: Cursor | None = None
        while True:
            is_over = len(ended) == 3
            page = store.journal(after=place, limit=7)
            if is_over and not page.records:
                return
            followed.extend(record.id.value for record in page.records)
            place = page.next
            let_others_run()

    def work(thread: int) -> None:
        if not thread:
            follow()
            return
        try:
            write(thread)
        finally:
            ended.append(thread)

    in_threads(4, work)

    # Records that share no account have no order that every reader must see.
    require_equal(sorted(record.id.value for record in journal_of(store)), sorted(followed))
    require_equal(60, len(set(followed)))


def _balances(store: AccountStore) -> list[int]:
    return [account.balance.amount_minor for account in store.accounts()]


def _seen(store: AccountStore, reads: ReadSet) -> list[int]:
    # A unit that only reads may find the store busy too.
    snapshot = retried(look, store, reads)
    return [account.balance.amount_minor for account in snapshot.accounts.values()]


def _require_whole(store: AccountStore, read: Callable[[], list[int]]) -> None:
    """Transfer between two accounts in one thread, and *read* both in others until it ends."""
    bank_over(store).execute(
        OpenAccount(each, initial_balance=eur(50)) for each in ("alice", "bob")
    )
    sums: set[int] = set()
    ended: list[int] = []

    def write() -> None:
        bank = bank_over(store)
        for n in range(40):
            retried(bank.transfer, "alice", "bob", eur(1), transaction_id=f"t-{n}")

    def work(thread: int) -> None:
        if thread == 0:
            try:
                write()
            finally:
                ended.append(thread)
        while not ended:
            sums.add(sum(read()))
            let_others_run()
        sums.add(sum(read()))

    in_threads(3, work)

    require_equal({100}, sums)
