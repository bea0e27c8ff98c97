"""Promises about several processes that use the same contents at once."""

import multiprocessing
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from threading import BrokenBarrierError
from typing import TYPE_CHECKING, Any, Final, cast

from bankcore import AccountStore
from bankcore.accounts._errors import InsufficientFundsError
from bankcore.ledger import ReadSet
from bankcore.ledger._errors import ReversalExceededError
from bankcore.testing._conformance.failing import BrokenPromiseError, require, require_equal
from bankcore.testing._conformance.helpers import (
    ALICE,
    add_one,
    append,
    bank_over,
    eur,
    journal_of,
    refusal,
    retried,
)
from bankcore.testing._conformance.subject import Subject, check_of

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_PROCESSES: Final = 2
_EACH: Final = 25
# The most seconds in which a process must end after its answer.
_GRACE: Final = 5.0

_Task = Callable[[AccountStore, int], list[str]]


@check_of("processes")
def no_update_of_another_process_is_lost(subject: Subject) -> None:
    """If several processes book on one account at once, every booking counts."""
    bank_over(subject.store).open_account("alice", initial_balance=eur(0))
    in_processes(subject, book)
    account = subject.store.account(ALICE)

    require_equal(
        (eur(_PROCESSES * _EACH), _PROCESSES * _EACH + 1), (account.balance, account.version)
    )
    require_equal(
        list(range(1, _PROCESSES * _EACH + 2)),
        [each.posting(ALICE).version for each in subject.store.history(ALICE)],
    )


@check_of("processes")
def racing_processes_with_one_id_have_one_effect(subject: Subject) -> None:
    """
    If several processes send the same command under the same id, it is booked once, and all
    get the same answer.
    """
    bank_over(subject.store).open_account("alice", initial_balance=eur(0))
    answers = in_processes(subject, race)

    require_equal([answers[0]] * _PROCESSES, answers)
    require_equal(eur(_EACH), subject.store.account(ALICE).balance)
    require_equal(_EACH + 1, len(journal_of(subject.store)))


@check_of("processes")
def processes_do_not_overspend(subject: Subject) -> None:
    """If several processes withdraw the whole balance at once, one of them gets it."""
    bank_over(subject.store).open_account("alice", initial_balance=eur(100))
    answers = in_processes(subject, withdraw)

    require_equal(["got it", "refused"], sorted(each for answer in answers for each in answer))
    require_equal(eur(0), subject.store.account(ALICE).balance)


@check_of("processes")
def processes_reverse_no_more_than_there_is(subject: Subject) -> None:
    """If several processes reverse parts of one transaction at once, they never exceed it."""
    bank = bank_over(subject.store)
    bank.open_account("alice", initial_balance=eur(100))
    bank.deposit("alice", eur(_EACH), transaction_id="t-1")
    answers = in_processes(subject, reverse)

    require_equal(_EACH, sum(int(each) for answer in answers for each in answer))
    require_equal(eur(100), subject.store.account(ALICE).balance)
    require_equal(_EACH, len(bank.reversals("t-1")))


@check_of("processes")
def a_process_reads_what_another_wrote(subject: Subject) -> None:
    """Every process reads at once what another has written, in the order of the journal."""
    append(subject.store, [refusal(f"t-{n}") for n in range(3)])
    answers = in_processes(subject, tell)

    require_equal([["t-0", "t-1", "t-2"]] * _PROCESSES, [answer[:3] for answer in answers])
    ids = [record.id.value for record in journal_of(subject.store)]
    require_equal(["t-0", "t-1", "t-2"], ids[:3])
    require_equal(["own-0", "own-1"], sorted(ids[3:]))


def book(store: AccountStore, process: int) -> list[str]:
    """Add a cent many times, without the bank's rules."""
    for n in range(_EACH):
        retried(add_one, store, ReadSet((), (ALICE,)), ALICE, f"t-{process}-{n}")
    return []


def race(store: AccountStore, _: int) -> list[str]:
    """Deposit under ids that every process uses, and return the answers."""
    bank = bank_over(store)
    answers = (
        retried(bank.deposit, "alice", eur(1), transaction_id=f"t-{n}") for n in range(_EACH)
    )
    return [f"{answer.booked_at} {answer.postings}" for answer in answers]


def withdraw(store: AccountStore, process: int) -> list[str]:
    """Withdraw everything, and return what came of it."""
    bank = bank_over(store)
    try:
        retried(bank.withdraw, "alice", eur(100), transaction_id=f"t-{process}")
    except InsufficientFundsError:
        return ["refused"]
    return ["got it"]


def reverse(store: AccountStore, process: int) -> list[str]:
    """Reverse a cent of a deposit until nothing is left, and return how many."""
    bank = bank_over(store)
    done = 0
    with suppress(ReversalExceededError):
        while done < _EACH:
            retried(bank.reverse, "t-1", eur(1), transaction_id=f"r-{process}-{done}")
            done += 1
    return [str(done)]


def tell(store: AccountStore, process: int) -> list[str]:
    """Return the ids in the journal, and add a record."""
    found = [record.id.value for record in journal_of(store)]
    retried(append, store, [refusal(f"own-{process}")])
    return found


def in_processes(subject: Subject, task: _Task) -> list[list[str]]:
    """Return the results of *task* in several processes that start together."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(_PROCESSES)
    limit = subject.capabilities.time_limit
    opener = subject.opener()
    work = []
    for number in range(_PROCESSES):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(
            target=in_a_process, args=(opener, task, number, barrier, limit, sender), daemon=True
        )
        process.start()
        sender.close()
        work.append((process, receiver))
    try:
        return [_answer(receiver, limit) for _, receiver in work]
    finally:
        for process, receiver in work:
            receiver.close()
            process.join(_GRACE)
            process.kill()
            process.join()
            process.close()


def in_a_process(
    opener: Callable[[], AccountStore],
    task: _Task,
    number: int,
    barrier: Any,  # noqa: ANN401  # multiprocessing names no type for it
    limit: float,
    sender: "Connection",
) -> None:
    """
    The work of each of the processes: open the store, wait for the others, do the task, answer.
    """
    try:
        with ExitStack() as stack:
            made = opener()
            if isinstance(made, AbstractContextManager):
                stack.enter_context(cast("AbstractContextManager[Any]", made))
            barrier.wait(limit)
            answer = ("done", task(made, number))
    except Exception as error:  # noqa: BLE001  # told to the process that asked
        answer = ("failed", [f"{type(error).__name__}: {error}"])
        if not isinstance(error, BrokenBarrierError):
            barrier.abort()
    sender.send(answer)
    sender.close()


def _answer(receiver: "Connection", limit: float) -> list[str]:
    require(receiver.poll(limit), f"a process answers within {limit:g} s")
    try:
        how, said = receiver.recv()
    except EOFError:
        raise BrokenPromiseError(
            "a process ended without an answer; in a script, call check_store under"
            " if __name__ == '__main__'"
        ) from None
    require(how == "done", f"a process does its work, and one failed with {said}")
    return cast("list[str]", said)
