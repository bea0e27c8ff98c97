"""
Threads and processes on the same accounts at the same time: nothing is lost, nothing is overspent.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import workers
from workers import (
    CROWD,
    EXPIRY,
    ONE,
    RING,
    Outcomes,
    contest,
    crowd,
    drain,
    in_processes,
    in_threads,
    last_orders,
    race,
    refund,
    ring,
    storm,
)

from bankcore import AccountId, AccountStatus, AccountStore, Bank, Money
from bankcore.commands import CaptureHold, ExpireHold
from bankcore.errors import InsufficientFundsError, StoreMisuseError
from bankcore.ledger import ReadSet, Snapshot, WriteSet, verify
from bankcore.stores import MemoryStore, PostgresStore, SQLiteStore
from every_store import opened

THREADS = 8
PROCESSES = 4


@pytest.fixture
def shared(place: str) -> Iterator[SQLiteStore | PostgresStore]:
    """
    A store that processes open too, at the same place.
    """
    with opened(place) as store:
        yield store


def _open(store: AccountStore, *account_ids: str, minor: int) -> None:
    for account_id in account_ids:
        Bank(store).open_account(account_id, initial_balance=Money.from_minor(minor, "EUR"))


def _minor(store: AccountStore, account_id: str) -> int:
    return store.account(AccountId(account_id)).balance.amount_minor


def _drained(store: AccountStore, outcomes: Outcomes, withdrawals: int) -> None:
    """
    Fails unless exactly so many *withdrawals* emptied the pot, one after the other.
    """
    assert withdrawals == outcomes["done"]
    assert 0 == _minor(store, "pot")
    assert [100 * n for n in range(withdrawals, -1, -1)] == [
        transaction.posting("pot").balance.amount_minor
        for transaction in store.history(AccountId("pot"))
    ]
    assert () == verify(store).disagreements


@pytest.mark.every_postgres
def test_threads_empty_an_account_to_the_last_cent(store: AccountStore) -> None:
    """
    Eight threads withdraw until they are refused: exactly as often as there was money for, and
    never below the floor.
    """
    _open(store, "pot", minor=30_000)
    outcomes = in_threads(store, drain, THREADS)

    _drained(store, outcomes, 300)
    assert THREADS == outcomes["refused"]


@pytest.mark.every_postgres
def test_processes_empty_an_account_to_the_last_cent(shared: AccountStore, place: str) -> None:
    """
    Four processes of two threads do no more, and no less.
    """
    _open(shared, "pot", minor=30_000)
    with in_processes(place, drain, PROCESSES, threads=2) as finished:
        outcomes = finished()

    _drained(shared, outcomes, 300)
    assert 2 * PROCESSES == outcomes["refused"]


def test_processes_that_use_two_names_are_one_queue(tmp_path: Path) -> None:
    """
    Nor do processes of which some use a symbolic link to the file.
    """
    path, link = tmp_path / "bank.db", tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(path)
    with SQLiteStore(path) as store:
        _open(store, "pot", minor=30_000)
        with (
            in_processes(path, drain, 2, threads=2) as finished,
            in_processes(link, drain, 2, threads=2) as by_link,
        ):
            outcomes = finished()
            outcomes.update(by_link())

        _drained(store, outcomes, 300)
    assert [link] == list(link.parent.iterdir())


def test_one_of_a_thousand_takes_it_all(store: AccountStore) -> None:
    """
    Of 1,000 withdrawals of the whole balance at once exactly one succeeds.
    """
    _open(store, "pot", minor=100)

    def take_all(same: AccountStore, _: str, __: threading.Event) -> Outcomes:
        bank = Bank(same)
        outcomes = Outcomes()
        for _n in range(1_000 // THREADS):
            try:
                bank.withdraw("pot", ONE)
                outcomes["done"] += 1
            except InsufficientFundsError:
                outcomes["refused"] += 1
        return outcomes

    outcomes = in_threads(store, take_all, THREADS)

    assert {"done": 1, "refused": 999} == outcomes
    _drained(store, outcomes, 1)


def test_a_thousand_threads_and_one_takes_it_all() -> None:
    """
    The same in 1,000 threads, each with a single attempt.
    """
    store = MemoryStore()
    _open(store, "pot", minor=100)

    def take_all(same: AccountStore, _: str, __: threading.Event) -> Outcomes:
        try:
            Bank(same).withdraw("pot", ONE)
        except InsufficientFundsError:
            return Outcomes(refused=1)
        return Outcomes(done=1)

    outcomes = in_threads(store, take_all, 1_000)

    assert {"done": 1, "refused": 999} == outcomes
    _drained(store, outcomes, 1)


@pytest.mark.every_postgres
def test_a_storm_in_threads_ends(store: AccountStore) -> None:
    """
    Transfers from A to B and from B to A at once block nobody for ever, and keep the total.
    """
    _open(store, "a", "b", minor=1_000)
    outcomes = in_threads(store, storm, THREADS)

    assert THREADS * 60 == outcomes["done"] + outcomes["refused"]
    assert 2_000 == _minor(store, "a") + _minor(store, "b")
    assert 1 + outcomes["done"] == store.account(AccountId("a")).version
    assert () == verify(store).disagreements


@pytest.mark.every_postgres
def test_a_storm_in_processes_ends(shared: AccountStore, place: str) -> None:
    """
    In processes too, while the threads of this one take part.
    """
    _open(shared, "a", "b", minor=1_000)
    with in_processes(place, storm, PROCESSES, threads=2) as finished:
        outcomes = in_threads(shared, storm, 2)
        outcomes.update(finished())

    assert (2 * PROCESSES + 2) * 60 == outcomes["done"] + outcomes["refused"]
    assert 2_000 == _minor(shared, "a") + _minor(shared, "b")
    assert 1 + outcomes["done"] == shared.account(AccountId("b")).version
    assert () == verify(shared).disagreements


def _totals(store: AccountStore, number: int) -> set[int]:
    """
    The totals of the ring in so many different states, read in one unit, and of all accounts.
    """
    reads = ReadSet((), tuple(map(AccountId, RING)))
    states: set[tuple[int, ...]] = set()
    totals = set()

    def look(snapshot: Snapshot) -> WriteSet:
        assert len(RING) == len(snapshot.accounts)
        states.add(tuple(each.balance.amount_minor for each in snapshot.accounts.values()))
        return WriteSet()

    # Writers are at work until they are told to stop, so there is always another state.
    for _ in range(100_000):
        store.transact(reads, look)
        totals.add(sum(each.balance.amount_minor for each in store.accounts()))
        if len(states) == number:
            return totals | set(map(sum, states))
    pytest.fail(f"only {len(states)} states in 100,000 snapshots")


def test_a_ring_keeps_its_total_in_every_snapshot(store: AccountStore) -> None:
    """
    While threads move money around fifty accounts, whoever reads all of them sees all of it;
    the audit is right too.
    """
    _open(store, *RING, minor=500)
    stop = threading.Event()
    moved: list[Outcomes] = []
    writers = threading.Thread(target=lambda: moved.append(in_threads(store, ring, 4, stop=stop)))
    writers.start()
    try:
        totals = _totals(store, 40)
        disagreements = verify(store).disagreements
    finally:
        stop.set()
        writers.join()

    assert {50 * 500} == totals
    assert () == disagreements == verify(store).disagreements
    assert moved[0]["done"] > 0


def test_a_ring_keeps_its_total_while_processes_write(tmp_path: Path) -> None:
    """
    While processes move money around fifty accounts, this one sees all of it.
    """
    with SQLiteStore(tmp_path / "bank.db") as store:
        _open(store, *RING, minor=500)
        with in_processes(tmp_path / "bank.db", ring, 2, threads=2) as finished:
            totals = _totals(store, 40)
            disagreements = verify(store).disagreements
            outcomes = finished()

        assert {50 * 500} == totals
        assert () == disagreements == verify(store).disagreements
        assert outcomes["done"] > 0


@pytest.mark.every_postgres
def test_a_crowd_of_processes_keeps_the_total(postgres: str) -> None:
    """
    While eight processes of eight threads move money between fifty accounts of PostgreSQL, both
    ways, this one sees all of it, and none of them is told of a deadlock.
    """
    with PostgresStore(postgres) as store:
        _open(store, *RING, minor=500)
        with in_processes(postgres, crowd, 8, threads=8) as finished:
            totals = _totals(store, 10)
            outcomes = finished()

        assert {50 * 500} == totals
        assert 8 * 8 * CROWD <= outcomes["done"] + outcomes["refused"]
        # Each has its effect once: on either account, beside its opening.
        versions = sum(account.version for account in store.accounts())
        assert 50 + 2 * outcomes["done"] == versions
        assert () == verify(store).disagreements


def _raced(store: AccountStore, answers: Outcomes, racers: int) -> None:
    """
    Fails unless 100 ids had one effect each, and every racer the same 100 answers.
    """
    assert 100 == answers.pop("first")
    assert 100 * (racers - 1) == answers.pop("replayed", 0)
    assert [racers] * 100 == list(answers.values())
    assert 100 * 100 == _minor(store, "pot")
    assert 101 == store.account(AccountId("pot")).version
    assert () == verify(store).disagreements


def test_racing_threads_do_each_thing_once(store: AccountStore) -> None:
    """
    Eight racers with the same 100 ids have 100 effects, and all of them the same answers.
    """
    _open(store, "pot", minor=0)
    _raced(store, in_threads(store, race, THREADS), THREADS)


@pytest.mark.every_postgres
def test_racing_processes_do_each_thing_once(shared: AccountStore, place: str) -> None:
    """
    Four processes of two threads are eight racers too.
    """
    _open(shared, "pot", minor=0)
    with in_processes(place, race, PROCESSES, threads=2) as finished:
        _raced(shared, finished(), 2 * PROCESSES)


def _sold(store: AccountStore) -> None:
    _open(store, "buyer", minor=10_000)
    _open(store, "shop", minor=50_000)
    Bank(store).transfer("buyer", "shop", ONE * 97, transaction_id="sale")


def _refunded(store: AccountStore, outcomes: Outcomes) -> None:
    """
    Fails unless all of the sale was reversed in parts, and no cent more.
    """
    reversals = Bank(store).reversals("sale")

    assert (
        9_700
        == outcomes["minor"]
        == sum(each.postings[1].amount.amount_minor for each in reversals)
    )
    assert (10_000, 50_000) == (_minor(store, "buyer"), _minor(store, "shop"))
    assert () == verify(store).disagreements


def test_threads_refund_no_more_than_was_paid(store: AccountStore) -> None:
    """
    However parts of a transaction and its rest are reversed at once, they are no more than it.
    """
    _sold(store)
    _refunded(store, in_threads(store, refund, THREADS))


@pytest.mark.every_postgres
def test_eight_processes_refund_no_more_than_was_paid(shared: AccountStore, place: str) -> None:
    """
    Eight processes do not either.
    """
    _sold(shared)
    with in_processes(place, refund, 8, threads=1) as finished:
        _refunded(shared, finished())


def _place_holds(store: AccountStore) -> None:
    """
    Fifty holds of one on ``pot``, which expire a minute after one another.
    """
    before = EXPIRY - timedelta(days=1)
    bank = Bank(store, clock=lambda: before)
    bank.open_account("pot", initial_balance=Money("50", "EUR"))
    for n in range(50):
        ends_at = EXPIRY + timedelta(minutes=n)
        bank.place_hold("pot", ONE, expires_at=ends_at, transaction_id=f"h-{n}")


def _contested(store: AccountStore, outcomes: Outcomes) -> None:
    """
    Fails unless each of the fifty holds was captured or has expired, and never both.
    """
    assert 50 == outcomes["captured"] + outcomes["expired"]
    assert 5_000 - 100 * outcomes["captured"] == _minor(store, "pot")
    ended = [
        transaction.command.hold_id
        for transaction in store.history(AccountId("pot"))
        if isinstance(transaction.command, CaptureHold | ExpireHold)
    ]
    assert {f"h-{n}" for n in range(50)} == {hold_id.value for hold_id in ended}
    assert 50 == len(ended)
    assert () == store.account(AccountId("pot")).holds
    assert () == verify(store).disagreements


def test_a_hold_is_captured_or_expires(store: AccountStore) -> None:
    """
    Of threads that capture holds and threads that record their expiry, one wins each hold.
    """
    _place_holds(store)
    _contested(store, in_threads(store, contest, THREADS))


def test_a_hold_is_captured_or_expires_in_processes(shared: AccountStore, place: str) -> None:
    """
    Processes win each hold once too.
    """
    _place_holds(shared)
    with in_processes(place, contest, PROCESSES, threads=2) as finished:
        _contested(shared, finished())


def test_no_money_is_left_in_a_closed_account(store: AccountStore) -> None:
    """
    Deposits that race a closing are swept with it or refused: each account closes once, empty,
    and every deposit that was accepted is there.
    """
    _open(store, "pot", *(f"a-{n}" for n in range(50)), minor=0)
    outcomes = in_threads(store, last_orders, THREADS)
    accounts = [each for each in store.accounts() if each.id.value != "pot"]

    assert 50 == outcomes["closed"]
    assert {AccountStatus.CLOSED} == {account.status for account in accounts}
    assert 100 * outcomes["deposited"] == _minor(store, "pot")
    assert () == verify(store).disagreements


# -- Negative control --------------------------------------------------------


class NaiveStore(MemoryStore):
    """
    A broken store, which reads, and then writes what was decided on what it read.

    The first unit of each of eight threads waits until all have read, so that the test does not
    depend on luck.
    """

    def __init__(self) -> None:
        super().__init__()
        self._all_have_read = threading.Barrier(THREADS)
        self._waited = threading.local()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        seen: list[Snapshot] = []

        def read(snapshot: Snapshot) -> WriteSet:
            seen.append(snapshot)
            return WriteSet()

        super().transact(reads, read)
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main and not hasattr(self._waited, "once"):
            self._waited.once = True
            self._all_have_read.wait()
        return super().transact(reads, lambda _: decide(seen[0]))


def test_a_naive_store_overspends() -> None:
    """
    Reading first and writing then lets more be withdrawn than there was, and the check says so.
    """
    store = NaiveStore()
    _open(store, "pot", minor=30_000)
    outcomes = in_threads(store, drain, THREADS)

    assert outcomes["done"] > 300
    with pytest.raises(AssertionError):
        _drained(store, outcomes, 300)


class NaiveAndForgetfulStore(NaiveStore):
    """
    A naive store that does not mind a record under an id which has one.
    """

    def _change(self, written: WriteSet) -> dict[tuple[str | int, ...], Any]:
        for record in written.records:
            self._kept.pop(("record", record.id.value), None)
        return super()._change(written)


def test_a_naive_store_does_things_twice() -> None:
    """
    Nor does it do a thing once that eight ask for at once, and the check says so.
    """
    store = NaiveAndForgetfulStore()
    _open(store, "pot", minor=0)
    answers = in_threads(store, race, THREADS)

    assert 99 + THREADS <= answers["first"]
    with pytest.raises(AssertionError):
        _raced(store, answers, THREADS)


def test_a_naive_store_captures_what_has_expired() -> None:
    """
    Nor does it keep captures and expiries apart, and the check says so.
    """
    store = NaiveAndForgetfulStore()
    _place_holds(store)
    outcomes = in_threads(store, contest, THREADS)
    with pytest.raises(AssertionError):
        _contested(store, outcomes)


def test_a_naive_store_stops_at_the_second_record() -> None:
    """
    Where an id has one record, those that come later fail instead of doing a thing twice.
    """
    store = NaiveStore()
    _open(store, "pot", minor=0)
    with pytest.raises(StoreMisuseError, match="t-0"):
        in_threads(store, race, THREADS)

    assert 100 * 100 == _minor(store, "pot")


def test_every_task_is_used_in_processes() -> None:
    """
    The processes know all the tasks.
    """
    tasks = {drain, storm, ring, crowd, race, contest, last_orders, refund}

    assert tasks == set(workers.TASKS.values())
