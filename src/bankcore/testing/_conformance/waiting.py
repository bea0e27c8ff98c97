"""Promises about units that wait for another, which a store may do together in one commit."""

from functools import partial

from bankcore import Transaction
from bankcore.accounts._errors import InsufficientFundsError
from bankcore.commands import OpenAccount
from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.ledger._errors import (
    AlreadyReversedError,
    StoreUnavailableError,
    TransactionNotFoundError,
)
from bankcore.testing._conformance.failing import require, require_equal, require_same
from bankcore.testing._conformance.helpers import (
    ALICE,
    Work,
    answers_of_waiting,
    append,
    bank_over,
    eur,
    journal_of,
    refusal,
    retried,
    retried_after,
)
from bankcore.testing._conformance.subject import Subject, check_of


@check_of("threads")
def units_that_wait_are_done_one_after_the_other(subject: Subject) -> None:
    """
    Units that wait for another are done one after the other, each whole, and each thread gets
    the result of its own.
    """
    store = subject.store
    bank_over(store).execute(
        OpenAccount(each, initial_balance=eur(50)) for each in ("alice", "bob")
    )
    ids = [f"t-{n}" for n in range(6)]
    works = [
        partial(retried, bank_over(store).transfer, "alice", "bob", eur(1), transaction_id=each)
        for each in ids
    ]
    answers = [_receipt(each) for each in answers_of_waiting(store, works)]

    require_equal(ids, [each.id.value for each in answers])
    require_equal(answers, [store.outcome(each.id) for each in answers])
    for name, step in (("alice", -1), ("bob", 1)):
        postings = [each.posting(name) for each in journal_of(store)[2:]]  # type: ignore[union-attr]  # all are transactions

        require_equal(
            [(eur(50 + step * n), n + 1) for n in range(1, 7)],
            [(posting.balance, posting.version) for posting in postings],
        )


@check_of("threads")
def an_id_that_waits_twice_is_booked_once(subject: Subject) -> None:
    """
    If units with one id and the same command wait together, one is booked, and the others
    return its transaction.
    """
    store = subject.store
    bank_over(store).open_account("alice", initial_balance=eur(0))
    deposit = partial(bank_over(store).deposit, "alice", eur(1), transaction_id="t-1")
    answers = [
        _receipt(each) for each in answers_of_waiting(store, [partial(retried, deposit)] * 4)
    ]

    require_equal([answers[0]] * 4, answers)
    require_equal([False, True, True, True], sorted(each.replayed for each in answers))
    require_equal((eur(1), 2), (store.account(ALICE).balance, len(journal_of(store))))


@check_of("threads")
def a_unit_that_fails_among_others_fails_alone(subject: Subject) -> None:
    """
    Of units that wait together, one whose *decide* raises, one that cannot be written and one
    that is refused get their own errors, and the others are booked.
    """
    store = subject.store
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(0), transaction_id="t-0")
    error = RuntimeError("a bug")

    def fail(_: Snapshot) -> WriteSet:
        raise error

    def deposit(n: int) -> Work:
        return partial(retried, bank.deposit, "alice", eur(1), transaction_id=f"t-{n}")

    first, bug, second, unwritten, third, refused = answers_of_waiting(
        store,
        [
            deposit(1),
            partial(retried, store.transact, ReadSet((), (ALICE,)), fail),
            deposit(2),
            partial(retried, append, store, [refusal("t-0")]),
            deposit(3),
            partial(retried, bank.withdraw, "alice", eur(10), transaction_id="t-4"),
        ],
    )

    require_same(error, bug)
    require(isinstance(unwritten, Exception), "a second record of an id is an error")
    require(isinstance(refused, InsufficientFundsError), "the withdrawal is refused")
    require_equal(
        ["t-1", "t-2", "t-3"], [_receipt(each).id.value for each in (first, second, third)]
    )
    require_equal((eur(3), 4), (store.account(ALICE).balance, store.account(ALICE).version))
    require_equal(
        [f"t-{n}" for n in range(5)], sorted(record.id.value for record in journal_of(store))
    )


@check_of("threads")
def what_waits_with_its_reversals_is_reversed_once(subject: Subject) -> None:
    """
    If a transaction and several reversals of it wait together, it is booked, and reversed once.
    """
    store = subject.store
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(10))
    # Which of them comes first is not promised.
    soon = (StoreUnavailableError, TransactionNotFoundError)
    reverse = partial(retried_after, soon, bank.reverse, "t-1")
    booked, *answers = answers_of_waiting(
        store,
        [partial(retried, bank.deposit, "alice", eur(5), transaction_id="t-1"), *[reverse] * 3],
    )
    reversals = [each for each in answers if isinstance(each, Transaction)]
    refused = [each for each in answers if isinstance(each, AlreadyReversedError)]

    require_equal("t-1", _receipt(booked).id.value)
    require_equal((1, 2), (len(reversals), len(refused)))
    require_equal([reversals[0].id] * 2, [each.reversed_by for each in refused])
    require_equal(eur(10), store.account(ALICE).balance)


def _receipt(answer: object) -> Transaction:
    """Return *answer* if it is a transaction, and raise it if it is an error."""
    if isinstance(answer, Exception):
        raise answer
    require(isinstance(answer, Transaction), f"{answer!r} is a transaction")
    return answer  # type: ignore[return-value]  # required above
