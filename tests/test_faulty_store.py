"""
The store that fails on purpose: what each fault does, and that one seed gives one run.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest

from bankcore import Bank, Money
from bankcore.errors import (
    BankError,
    OutcomeUnknownError,
    StoreError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.ledger import HostBound, ReadSet, SelfChecking, Snapshot, WriteSet, verify
from bankcore.stores import MemoryStore
from bankcore.testing import Fault, FaultyClock, FaultyStore

START = datetime(2026, 1, 1, tzinfo=UTC)


def eur(minor: int) -> Money:
    return Money.from_minor(minor, "EUR")


def bank_over(store: FaultyStore) -> Bank:
    # It does not retry, so that every fault is seen.
    return Bank(store, clock=store.clock, timer=store.clock, deadline=timedelta())


def opened(**given: Any) -> FaultyStore:
    store = FaultyStore(MemoryStore(), **{"rate": 0, **given})
    bank_over(store).open_account("alice", initial_balance=eur(100), transaction_id="t-1")
    return store


def records(store: FaultyStore) -> int:
    return len(store.store.journal().records)


# What each fault raises, and how many records it writes.
FAULTS: Final[list[tuple[Fault | None, type[StoreError] | None, int]]] = [
    (Fault.BUSY, StoreUnavailableError, 0),
    (Fault.DISK_FULL, StoreUnavailableError, 0),
    (Fault.FAILED_BEFORE_COMMIT, OutcomeUnknownError, 0),
    (Fault.FAILED_AFTER_COMMIT, OutcomeUnknownError, 1),
    (Fault.LOST_ANSWER, OutcomeUnknownError, 1),
    (Fault.CONFLICT, None, 1),
    (Fault.DUPLICATE, None, 1),
    (Fault.LATENCY, None, 1),
    (Fault.CLOCK_JUMP, None, 1),
    (None, None, 1),
]


@pytest.mark.parametrize(("fault", "error", "written"), FAULTS)
def test_what_a_fault_does(
    fault: Fault | None, error: type[StoreError] | None, written: int
) -> None:
    """
    Each fault raises what it says, and writes or does not; the trace tells it.
    """
    store = opened()
    store.inject(fault)
    raised: BankError | None = None
    try:
        bank_over(store).deposit("alice", eur(5), transaction_id="t-2")
    except BankError as found:
        raised = found

    assert error is (None if raised is None else type(raised))
    assert written == records(store) - 1
    said = "without fault" if fault is None else fault.value
    answer = f"{written} written" if raised is None else raised.code
    assert store.trace[-1].startswith(f"2 transact {said}")
    assert store.trace[-1].endswith(f": {answer}")


def test_every_fault_was_tried() -> None:
    """
    The table above has each fault there is.
    """
    assert {*Fault, None} == {fault for fault, *_ in FAULTS}


def test_a_conflict_decides_again_on_what_there_is() -> None:
    """
    *decide* is called twice, with a snapshot each; the first answer is dropped.
    """
    store = opened()
    store.inject(Fault.CONFLICT)
    seen: list[Snapshot] = []

    def decide(snapshot: Snapshot) -> WriteSet:
        seen.append(snapshot)
        return WriteSet()

    store.transact(ReadSet((), ()), decide)

    assert 2 == len(seen)
    assert seen[0] is not seen[1]


def test_a_full_disk_stays_full_for_a_while() -> None:
    """
    A few writes fail, reads and units that write nothing pass, and then there is room again.
    """
    store = opened(seed=3)
    bank = bank_over(store)
    store.inject(Fault.DISK_FULL)
    failed = 0
    while records(store) == 1:
        try:
            bank.deposit("alice", eur(5), transaction_id="t-2")
        except StoreUnavailableError as error:
            assert "the disk is full, as planned" == error.reason
            failed += 1
            assert eur(100) == bank.account("alice").balance

    assert 1 <= failed <= 3


def test_a_lost_answer_comes_with_a_store_out_of_reach() -> None:
    """
    After the answer was lost, a few calls, reads too, cannot reach the store.
    """
    store = opened(seed=3)
    store.inject(Fault.LOST_ANSWER)
    bank = bank_over(store)
    with pytest.raises(OutcomeUnknownError, match="the answer was lost"):
        bank.deposit("alice", eur(5))
    failed = 0
    balance = None
    while balance is None:
        try:
            balance = bank.account("alice").balance
        except StoreUnavailableError:
            failed += 1

    assert eur(105) == balance
    assert 1 <= failed <= 3


def test_a_latency_is_slept_by_what_was_handed_in() -> None:
    """
    Nothing waits unless a function that waits is handed in.
    """
    slept: list[float] = []
    ours, own = opened(sleep=slept.append), opened()
    for store in (ours, own):
        store.inject(Fault.LATENCY)
        bank_over(store).deposit("alice", eur(5))

    (seconds,) = slept
    assert 0.001 <= seconds <= 0.5
    assert (0.0, seconds) == (ours.clock.monotonic(), own.clock.monotonic())


def test_a_clock_jumps_and_time_goes_on() -> None:
    """
    A jump sets the wall clock off; what has passed is not touched by it.
    """
    clock = FaultyClock(START)
    store = opened(clock=clock, faults=[Fault.CLOCK_JUMP], seed=1)
    offsets = set()
    store.rate = 1.0
    for _ in range(50):
        store.accounts()
        offsets.add(clock.offset.total_seconds())

    assert {0, 1, -1, 4, -4, 60, -60} == offsets
    assert 0 == clock.monotonic()
    assert START + clock.offset == clock()


def test_every_read_may_fail() -> None:
    """
    Reads may find the store busy; they are traced under their names.
    """
    store = opened(faults=[Fault.BUSY])
    account, (record,) = store.store.accounts()[0], store.store.journal().records
    reads: dict[str, Callable[[], object]] = {
        "account": lambda: store.account(account.id),
        "accounts": store.accounts,
        "outcome": lambda: store.outcome(record.id),
        "journal": store.journal,
        "history": lambda: store.history(account.id),
        "posting_at": lambda: store.posting_at(account.id, START),
        "holds_due": lambda: store.holds_due(START),
    }
    for rate in (0.0, 1.0):
        store.rate = rate
        for read in reads.values():
            if rate:
                with pytest.raises(StoreUnavailableError):
                    read()
            else:
                read()

    told = [line.partition(" ")[2] for line in store.trace[1:]]
    assert told == [
        *(f"{name} without fault: read" for name in reads),
        *(f"{name} busy: store_unavailable" for name in reads),
    ]


def test_what_it_does_not_know_is_the_wrapped_stores() -> None:
    """
    Whatever else the store can do is handed through, and what it cannot do is not there.
    """

    class Checking(MemoryStore):
        def integrity_errors(self) -> list[str]:
            return ["a page is missing"]

    store = FaultyStore(Checking(), rate=0)

    assert ["a page is missing"] == store.integrity_errors()
    assert isinstance(store, SelfChecking)
    assert not isinstance(store, HostBound)
    assert not hasattr(store, "in_host_transaction")
    assert "FaultyStore(<MemoryStore with 0 records>)" == repr(store)


def test_an_error_of_decide_passes_and_is_traced() -> None:
    """
    If *decide* raises, the exception passes, and the trace has its name.
    """
    store = opened()

    def fail(_: Snapshot) -> WriteSet:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        store.transact(ReadSet((), ()), fail)

    assert "2 transact without fault: KeyError" == store.trace[-1]


def test_only_the_chosen_faults_come() -> None:
    """
    With none chosen none comes, whatever the rate; the order of choosing means nothing.
    """
    none = opened(faults=[], rate=1.0, seed=5)
    one = opened(faults=[Fault.LATENCY, Fault.CONFLICT], seed=5)
    other = opened(faults=[Fault.CONFLICT, Fault.LATENCY], seed=5)
    for store in (none, one, other):
        store.rate = 1.0
        for _ in range(20):
            bank_over(store).deposit("alice", eur(1))

    assert 21 == sum("without fault" in line for line in none.trace)
    assert one.trace == other.trace
    assert {"latency", "conflict"} == {line.split()[2].strip(":") for line in one.trace[1:]}
    assert verify(one.store).is_clean


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda: FaultyStore(MemoryStore(), rate=2), "rate must be from 0 to 1"),
        (lambda: FaultyStore(MemoryStore(), rate=float("nan")), "rate must be from 0 to 1"),
        (
            lambda: FaultyStore(MemoryStore(), faults=cast("Any", ["BUSY"])),
            "a fault must be one of",
        ),
        (lambda: FaultyStore(MemoryStore()).inject(cast("Any", "BUSY")), "a fault must be one of"),
    ],
)
def test_what_is_no_fault_is_refused(wrong: Callable[[], object], reason: str) -> None:
    """
    A fault that is misspelt is an error, and not a run without faults.
    """
    with pytest.raises(StoreMisuseError, match=reason):
        wrong()
