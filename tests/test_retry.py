"""
The bank runs a unit again while its outcome is unknown.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import pytest

from bankcore import AccountId, AccountStore, Bank, BankError, Money, Transaction
from bankcore.bank import SYSTEM_TIMER
from bankcore.commands import Deposit, OpenAccount, Withdraw
from bankcore.errors import (
    InsufficientFundsError,
    OutcomeUnknownError,
    StoreCorruptedError,
    StoreUnavailableError,
)
from bankcore.ledger import ReadSet, Snapshot, WriteSet
from bankcore.stores import MemoryStore
from bankcore.testing import Fault, FaultyClock, FaultyStore

BEFORE, AFTER, LOST, BUSY = (
    Fault.FAILED_BEFORE_COMMIT,
    Fault.FAILED_AFTER_COMMIT,
    Fault.LOST_ANSWER,
    Fault.BUSY,
)

#: What goes wrong, attempt by attempt.
DOUBTS: Final = (
    (BEFORE,),
    (AFTER,),
    (LOST,),
    (BEFORE, BEFORE),
    (BEFORE, AFTER),
    (BEFORE, BUSY, LOST),
    (AFTER, BUSY, BUSY),
)


def eur(minor: int) -> Money:
    return Money.from_minor(minor, "EUR")


def bank_over(store: FaultyStore, **given: Any) -> Bank:
    numbers = count(1)
    return Bank(
        store,
        clock=given.pop("clock", store.clock),
        timer=store.clock,
        new_id=lambda: f"made-{next(numbers)}",
        **given,
    )


@pytest.fixture
def store() -> FaultyStore:
    made = FaultyStore(MemoryStore(), rate=0)
    bank_over(made).open_account("alice", initial_balance=eur(100), transaction_id="t-1")
    return made


def ids_of(store: FaultyStore) -> list[str]:
    return [record.id.value for record in store.store.journal().records]


@pytest.mark.parametrize("transaction_id", ["t-2", None])
@pytest.mark.parametrize("faults", DOUBTS)
def test_doubt_ends_with_the_first_answer(
    store: FaultyStore, faults: tuple[Fault, ...], transaction_id: str | None
) -> None:
    """
    Whether or not the commit took place: the transaction comes back as the first answer that
    it is, booked once, under the id that was given or made at first.
    """
    store.inject(*faults)

    receipt = bank_over(store).deposit("alice", eur(5), transaction_id=transaction_id)

    assert (transaction_id or "made-1", False) == (receipt.id.value, receipt.replayed)
    assert eur(105) == receipt.postings[0].balance
    assert ["t-1", receipt.id.value] == ids_of(store)
    assert receipt == store.store.outcome(receipt.id)


def test_a_replay_stays_one(store: FaultyStore) -> None:
    """
    What had been given by an earlier call is a replay, in whatever doubt other commands of the
    batch were.
    """
    bank = bank_over(store)
    bank.deposit("alice", eur(5), transaction_id="t-2")
    store.inject(AFTER)

    again, new, twice = bank.execute(
        [
            Deposit("alice", eur(5), transaction_id="t-2"),
            Deposit("alice", eur(7), transaction_id="t-3"),
            Deposit("alice", eur(7), transaction_id="t-3"),
        ]
    )

    assert [True, False, True] == [each.replayed for each in (again, new, twice)]
    assert ["t-1", "t-2", "t-3"] == ids_of(store)


def test_what_another_booked_meanwhile_is_a_replay(store: FaultyStore) -> None:
    """
    Where the commit did not take place, and somebody else sent the same command in the
    meantime, theirs is what comes back, as the replay that it is.
    """
    other = Bank(store.store, clock=lambda: store.clock() + timedelta(milliseconds=1))

    class Timer(FaultyClock):
        def sleep(self, seconds: float, /) -> None:
            other.deposit("alice", eur(5), transaction_id="t-2")

    store.inject(BEFORE)

    receipt = Bank(store, clock=store.clock, timer=Timer()).deposit(
        "alice", eur(5), transaction_id="t-2"
    )

    assert receipt.replayed
    assert ["t-1", "t-2"] == ids_of(store)


@pytest.mark.parametrize("faults", DOUBTS)
def test_a_refusal_in_doubt_is_the_first_answer(
    store: FaultyStore, faults: tuple[Fault, ...]
) -> None:
    """
    A refusal in doubt is raised as the first answer that it is, and is recorded once.
    """
    store.inject(*faults)
    bank = bank_over(store)

    with pytest.raises(InsufficientFundsError) as first:
        bank.withdraw("alice", eur(500), transaction_id="t-2")
    with pytest.raises(InsufficientFundsError) as again:
        bank.withdraw("alice", eur(500), transaction_id="t-2")

    assert [False, True] == [first.value.replayed, again.value.replayed]
    assert ["t-1", "t-2"] == ids_of(store)


@pytest.mark.parametrize("faults", DOUBTS)
def test_an_atomic_batch_in_doubt_is_the_first_answer(
    store: FaultyStore, faults: tuple[Fault, ...]
) -> None:
    """
    A batch in doubt is known whole: all of it as booked, or its refusal with the unused ids.
    """
    store.inject(*faults)
    bank = bank_over(store)
    deposits = [Deposit("alice", eur(1), transaction_id=f"d-{n}") for n in range(3)]
    failing = [
        Deposit("alice", eur(1), transaction_id="b-1"),
        Withdraw("alice", eur(500), transaction_id="b-2"),
    ]

    outcomes = bank.execute(deposits, atomic=True)
    store.inject(*faults)
    with pytest.raises(InsufficientFundsError) as raised:
        bank.execute(failing, atomic=True)

    assert [("d-0", False), ("d-1", False), ("d-2", False)] == [
        (each.id.value, each.replayed) for each in outcomes if isinstance(each, Transaction)
    ]
    assert (False, ["b-1"]) == (
        raised.value.replayed,
        [each.value for each in raised.value.unused_ids],
    )
    assert ["t-1", "d-0", "d-1", "d-2", "b-2"] == ids_of(store)


@pytest.mark.parametrize("faults", DOUBTS)
def test_expiries_in_doubt_are_recorded_once(
    store: FaultyStore, faults: tuple[Fault, ...]
) -> None:
    """
    `expire_holds` returns what it has recorded, each once, also where that was in doubt.
    """
    bank = bank_over(store)
    for n in range(3):
        bank.place_hold(
            "alice",
            eur(1),
            expires_at=store.clock() + timedelta(minutes=1 + n),
            transaction_id=f"h-{n}",
        )
    store.clock.sleep(90)
    store.inject(*faults)

    recorded = bank.expire_holds()
    store.clock.sleep(90)
    more = bank.expire_holds()

    expected = ["expiry:alice:5", "expiry:alice:6", "expiry:alice:7"]
    assert expected[:1] == [each.id.value for each in recorded]
    assert expected[1:] == [each.id.value for each in more]
    assert not any(each.replayed for each in recorded)
    assert ["t-1", "h-0", "h-1", "h-2", *expected] == ids_of(store)


def test_each_attempt_reads_the_clock(store: FaultyStore) -> None:
    """
    A unit that is run again later is judged by the time of then.
    """
    store.inject(*[BEFORE] * 12)
    began = store.clock()

    receipt = bank_over(store).deposit("alice", eur(5))

    assert receipt.booked_at == store.clock()
    assert receipt.booked_at - began > timedelta(seconds=5)


class Losing(MemoryStore):
    """
    Loses so many answers, also of units that had nothing to write.
    """

    losing = 0

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        written = super().transact(reads, decide)
        if self.losing:
            self.losing -= 1
            raise OutcomeUnknownError("the answer was lost")
        return written


@pytest.mark.parametrize("losing", [1, 2, 3])
class TestDoubtInARow:
    """
    The unit took place, and so did the attempts that find its record: no answer arrives.
    """

    def test_every_outcome_is_the_first_answer(self, losing: int) -> None:
        """
        What the first attempt booked or refused is no replay; what was there before is one.
        """
        store, clock = Losing(), FaultyClock()
        bank = Bank(store, clock=clock, timer=clock)
        bank.open_account("alice", initial_balance=eur(100), transaction_id="t-1")
        store.losing = losing

        outcomes = bank.execute(
            [
                OpenAccount("alice", initial_balance=eur(100), transaction_id="t-1"),
                Deposit("alice", eur(5), transaction_id="t-2"),
                Deposit("alice", eur(7)),
                Withdraw("alice", eur(500), transaction_id="t-3"),
            ]
        )

        assert [True, False, False, False] == [each.replayed for each in outcomes]
        assert 0 == store.losing
        assert eur(112) == bank.account("alice").balance

    def test_each_expiry_is_returned_once(self, losing: int) -> None:
        """
        What each attempt recorded, at its own time, is returned once.
        """
        store, clock = Losing(), FaultyClock()
        bank = Bank(store, clock=clock, timer=clock)
        bank.open_account("alice", initial_balance=eur(100))
        for number in range(1, 7):
            # The pauses between the attempts are of 10, 20 and 40 milliseconds.
            ends = clock() + timedelta(milliseconds=10 * number)
            bank.place_hold("alice", eur(1), expires_at=ends)
        clock.sleep(0.01)
        store.losing = losing

        recorded = bank.expire_holds()

        versions = [each.postings[0].version for each in recorded]
        assert list(range(8, 8 + len(recorded))) == versions
        assert recorded == list(store.history(AccountId("alice"), after=7))
        assert not any(each.replayed for each in recorded)
        assert 0 == store.losing


class TestTheDeadline:
    """
    Run again with the same id until a deadline; never endless, never a new id.
    """

    def test_ends_it(self, store: FaultyStore) -> None:
        """
        When it has passed, what is raised says that it is still not known, and why.
        """
        store.inject(AFTER, *[BUSY] * 1000)

        with pytest.raises(OutcomeUnknownError) as raised:
            bank_over(store).deposit("alice", eur(5), transaction_id="t-2")

        assert 30 == store.clock.monotonic()
        assert (
            "it failed after the commit, as planned; it was tried again for 30 s, and the last"
            " answer was: it is busy, as planned"
        ) == raised.value.reason
        assert isinstance(raised.value.__cause__, StoreUnavailableError)

    def test_pauses_grow_and_are_bounded(self, store: FaultyStore) -> None:
        """
        The pauses double from 0.01 s to 1 s, and the last one ends at the deadline.
        """
        pauses: list[float] = []

        class Timer(FaultyClock):
            def sleep(self, seconds: float, /) -> None:
                pauses.append(round(seconds, 3))
                super().sleep(seconds)

        store.inject(*[BEFORE] * 1000)
        bank = Bank(store, clock=store.clock, timer=Timer(), deadline=timedelta(seconds=3.5))
        with pytest.raises(OutcomeUnknownError):
            bank.deposit("alice", eur(5))

        assert [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 0.23] == pauses

    def test_comes_even_if_the_timer_stands_still(self, store: FaultyStore) -> None:
        """
        A timer that does not move ends it all the same, after as many pauses.
        """

        class Stopped:
            pauses = 0

            def monotonic(self) -> float:
                return 7.0

            def sleep(self, seconds: float, /) -> None:
                self.pauses += 1

        store.inject(*[BEFORE] * 1000)
        timer = Stopped()
        with pytest.raises(OutcomeUnknownError):
            Bank(store, clock=store.clock, timer=timer).deposit("alice", eur(5))

        assert 36 == timer.pauses

    def test_of_zero_retries_nothing(self, store: FaultyStore) -> None:
        """
        With a deadline of zero the error of the store itself is raised at once.
        """
        store.inject(AFTER)

        with pytest.raises(OutcomeUnknownError, match="after the commit, as planned") as raised:
            bank_over(store, deadline=timedelta()).deposit("alice", eur(5))

        assert "it failed after the commit, as planned" == raised.value.reason
        assert ["t-1", "made-1"] == ids_of(store)

    def test_is_waited_for_by_the_system(self) -> None:
        """
        Without a timer of one's own it is that of the operating system.
        """
        before = SYSTEM_TIMER.monotonic()
        SYSTEM_TIMER.sleep(0)

        assert before <= SYSTEM_TIMER.monotonic()


def test_what_is_certain_is_not_sent_again(store: FaultyStore) -> None:
    """
    `StoreUnavailableError` means that nothing was done: the caller decides.
    """
    store.inject(BUSY)

    with pytest.raises(StoreUnavailableError):
        bank_over(store).deposit("alice", eur(5))

    assert ["t-1"] == ids_of(store)
    assert 0 == store.clock.monotonic()


class _Raising:
    """
    A store whose units raise these errors, one after the other.
    """

    def __init__(self, store: AccountStore, *errors: BankError) -> None:
        self._store = store
        self._errors = list(errors)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        if self._errors:
            raise self._errors.pop(0)
        return self._store.transact(reads, decide)


def test_another_error_of_the_store_passes() -> None:
    """
    A store that turns out to be damaged during a retry says so.
    """
    damaged = StoreCorruptedError("a page is missing")
    store: Any = _Raising(MemoryStore(), OutcomeUnknownError("as planned"), damaged)

    with pytest.raises(StoreCorruptedError) as raised:
        Bank(store, timer=FaultyClock()).open_account("alice", initial_balance=eur(1))

    assert damaged is raised.value


def test_nothing_is_retried_in_the_hosts_transaction(store: FaultyStore) -> None:
    """
    On a store in the application's own transaction, doubt goes to the application at once.
    """
    store.store.in_host_transaction = True  # type: ignore[attr-defined]  # it is now
    hosted = FaultyStore(store.store, rate=0)
    hosted.inject(AFTER)

    with pytest.raises(OutcomeUnknownError, match="after the commit, as planned"):
        bank_over(hosted).deposit("alice", eur(5))

    assert 0 == hosted.clock.monotonic()


def test_a_preview_is_in_no_doubt(store: FaultyStore) -> None:
    """
    What writes nothing has no commit to be in doubt of.
    """
    bank = bank_over(store)
    bank.deposit("alice", eur(5), transaction_id="t-2")
    store.inject(AFTER, LOST, BEFORE)

    (outcome,) = bank.preview([Deposit("alice", eur(5))])
    assert isinstance(outcome, Transaction)
    assert bank.reversed_by("t-2") is None
    assert bank.deposit("alice", eur(5), transaction_id="t-2").replayed
    assert 0 == store.clock.monotonic()
    assert datetime(2026, 1, 1, tzinfo=UTC) == store.clock()
