"""Promises about failures, in the store itself or around it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Final

from bankcore import AccountStore, Bank
from bankcore.commands import Command, Deposit, OpenAccount
from bankcore.ledger import Transaction, verify
from bankcore.ledger._errors import OutcomeUnknownError, StoreUnavailableError
from bankcore.testing._conformance.failing import raises, require_equal
from bankcore.testing._conformance.helpers import (
    ALICE,
    answer_of,
    answers_of_waiting,
    bank_over,
    contents_of,
    eur,
    fill,
    journal_of,
    retried,
    retried_after,
)
from bankcore.testing._conformance.subject import Subject, check, check_of
from bankcore.testing._faults import Fault, FaultyStore
from bankcore.values._errors import StoreError

# The errors that a fault may cause.
_FAULTS: Final = (StoreUnavailableError, OutcomeUnknownError)


@check
def a_conflict_leaves_no_trace(store: AccountStore) -> None:
    """If the result of *decide* is dropped, the next call sees nothing of it."""
    faulty = FaultyStore(store, rate=0)
    bank = _bank(faulty)
    faulty.inject(Fault.CONFLICT, Fault.CONFLICT)
    bank.open_account("alice", initial_balance=eur(10), transaction_id="t-1")
    receipt = bank.withdraw("alice", eur(7), transaction_id="t-2")

    require_equal((eur(3), 2, False), _told(receipt))
    require_equal(["t-1", "t-2"], [record.id.value for record in journal_of(store)])


@check
def a_unit_run_twice_counts_once(store: AccountStore) -> None:
    """A unit that is run twice, as when a message is delivered twice, has one effect."""
    faulty = FaultyStore(store, rate=0)
    bank = _bank(faulty)
    faulty.inject(Fault.DUPLICATE, Fault.DUPLICATE)
    bank.open_account("alice", initial_balance=eur(10), transaction_id="t-1")
    receipt = bank.withdraw("alice", eur(7), transaction_id="t-2")

    require_equal((eur(3), 2, False), _told(receipt))
    require_equal(["t-1", "t-2"], [record.id.value for record in journal_of(store)])


@check
def a_failure_before_the_commit_writes_nothing(store: AccountStore) -> None:
    """
    A unit that fails between *decide* and its commit has no effect on the store or on later
    units.
    """
    faulty = FaultyStore(store, rate=0)
    bank = _bank(faulty)
    bank.open_account("alice", initial_balance=eur(10), transaction_id="t-1")
    before = contents_of(store)
    faulty.inject(Fault.DISK_FULL)
    with raises(StoreUnavailableError):
        bank.withdraw("alice", eur(7), transaction_id="t-2")

    require_equal(before, contents_of(store))
    receipt = retried_after(_FAULTS, bank.withdraw, "alice", eur(7), transaction_id="t-2")
    require_equal((eur(3), 2, False), _told(receipt))


@check
def the_same_id_settles_a_lost_answer(store: AccountStore) -> None:
    """
    If the answer to a commit is lost, the same unit with the same ids finds what is recorded,
    and books nothing again.
    """
    faulty = FaultyStore(store, rate=0)
    bank = _bank(faulty)
    faulty.inject(Fault.LOST_ANSWER)
    bank.open_account("alice", initial_balance=eur(10), transaction_id="t-1")
    faulty.inject(Fault.FAILED_AFTER_COMMIT)
    receipt = bank.withdraw("alice", eur(7), transaction_id="t-2")
    # Without an id of the caller, the retry finds the record by the id that the bank made.
    faulty.inject(Fault.FAILED_AFTER_COMMIT)
    other = bank.withdraw("alice", eur(1))

    require_equal([(eur(3), 2, False), (eur(2), 3, False)], [_told(receipt), _told(other)])
    require_equal(3, len(journal_of(store)))


@check
def nothing_acknowledged_is_lost_under_faults(store: AccountStore) -> None:
    """
    Under random faults of every kind, everything acknowledged is kept, each id has one effect,
    and the audit is clean.
    """
    faulty = FaultyStore(store, seed=2026, rate=0.5)
    bank = _bank(faulty)
    commands: list[Command] = [
        OpenAccount("alice", initial_balance=eur(0), transaction_id="t-0"),
        *(Deposit("alice", eur(n), transaction_id=f"t-{n}") for n in range(1, 100)),
    ]
    for command in commands:
        retried_after(_FAULTS, bank.execute, (command,))

    require_equal([f"t-{n}" for n in range(100)], [each.id.value for each in journal_of(store)])
    require_equal((eur(sum(range(100))), 100), _state(store))
    require_equal((), tuple(verify(store).disagreements))


@check
def the_audit_is_clean(store: AccountStore) -> None:
    """After any commands, every balance can be derived from the journal."""
    fill(store)

    require_equal((), tuple(verify(store).disagreements))


@check_of("self_checking")
def a_sound_store_finds_nothing_wrong(subject: Subject) -> None:
    """A store that can check its own files finds nothing wrong with those it has written."""
    fill(subject.store)

    require_equal((), tuple(subject.store.integrity_errors()))  # type: ignore[attr-defined]  # it claims to be SelfChecking


# -- Faults of the store itself ----------------------------------------------


@check_of("faults")
def a_busy_store_is_unavailable(subject: Subject) -> None:
    """
    A store that others keep busy raises `StoreUnavailableError` in the end: nothing was
    written, and later units work.
    """
    _fails_with(subject, subject.faults().busy, StoreUnavailableError)


@check_of("faults")
def an_error_before_the_commit_is_certain(subject: Subject) -> None:
    """
    An error before the commit raises `StoreUnavailableError`: nothing was written, and later
    units work.
    """
    _fails_with(subject, subject.faults().failing_before_commit, StoreUnavailableError)


@check_of("faults")
def an_error_of_the_commit_leaves_it_open(subject: Subject) -> None:
    """
    An error of the commit raises `OutcomeUnknownError`; if nothing was written, the same unit
    with the same ids is booked.
    """
    _fails_with(subject, subject.faults().losing_commits, OutcomeUnknownError)


@check_of("faults")
def a_lost_answer_leaves_it_open(subject: Subject) -> None:
    """
    A commit whose answer is lost raises `OutcomeUnknownError`; the same unit with the same ids
    finds what is recorded.
    """
    bank = _begun(subject.store)
    with subject.faults().losing_answers(), raises(OutcomeUnknownError):
        bank.withdraw("alice", eur(7), transaction_id="t-2")
    receipt = bank.withdraw("alice", eur(7), transaction_id="t-2")

    require_equal((eur(3), 2, True), _told(receipt))
    require_equal((eur(3), 2), _state(subject.store))


@check_of("faults")
def doubt_is_told_to_all_that_waited(subject: Subject) -> None:
    """
    If the commit of units that wait together has an unknown outcome, each thread gets
    `OutcomeUnknownError`, and the same unit with the same ids finds or books it.
    """
    bank = bank_over(subject.store, deadline=timedelta())
    bank.open_account("alice", initial_balance=eur(0))
    faults = subject.faults()
    for name, failing, is_replayed in (
        ("a", faults.losing_answers, True),
        ("b", faults.losing_commits, False),
    ):
        works: list[Callable[[], Transaction]] = [
            partial(retried, bank.deposit, "alice", eur(1), transaction_id=f"{name}-{n}")
            for n in range(4)
        ]
        with failing():
            answers = (
                answers_of_waiting(subject.store, works)
                if subject.capabilities.threads
                else [*map(answer_of, works)]
            )

        require_equal([OutcomeUnknownError] * 4, [type(each) for each in answers])
        require_equal([is_replayed] * 4, [work().replayed for work in works])
    require_equal(
        (eur(8), 9), (subject.store.account(ALICE).balance, len(journal_of(subject.store)))
    )


def _fails_with(
    subject: Subject,
    failing: Callable[[], AbstractContextManager[object]],
    error: type[StoreError],
) -> None:
    bank = _begun(subject.store)
    before = contents_of(subject.store)
    with failing(), raises(error):
        bank.withdraw("alice", eur(7), transaction_id="t-2")

    require_equal(before, contents_of(subject.store))
    receipt = bank.withdraw("alice", eur(7), transaction_id="t-2")
    require_equal((eur(3), 2, False), _told(receipt))


def _begun(store: AccountStore) -> Bank:
    # It retries nothing by itself.
    bank = bank_over(store, deadline=timedelta())
    bank.open_account("alice", initial_balance=eur(10), transaction_id="t-1")
    return bank


def _bank(faulty: FaultyStore) -> Bank:
    numbers = count(1)
    return Bank(
        faulty,
        clock=faulty.clock,
        timer=faulty.clock,
        new_id=lambda: f"made-{next(numbers)}",
        # Jumps of the clock are no subject of these checks.
        max_clock_skew=timedelta(days=1),
    )


def _told(receipt: Transaction) -> tuple[object, ...]:
    return receipt.postings[0].balance, receipt.postings[0].version, receipt.replayed


def _state(store: AccountStore) -> tuple[object, ...]:
    account = store.account(ALICE)
    return account.balance, account.version
