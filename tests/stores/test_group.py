"""
Group commit: which units share a commit, what each sees, and whose error is whose.

A group is made by holding the queue until all units wait in it; the first of them leads.
"""

import contextvars
import gc
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import attrs
import pytest
from injector import Injector

from bankcore import AccountId, Bank, Money, Transaction, TransactionId
from bankcore.commands import Deposit, OpenAccount
from bankcore.errors import (
    InsufficientFundsError,
    OutcomeUnknownError,
    StoreCorruptedError,
    StoreMisuseError,
    StoreUnavailableError,
    TransactionIdReusedError,
)
from bankcore.ledger import ReadSet, Snapshot, WriteSet, verify
from bankcore.stores import MemoryStore, _group
from bankcore.stores._group import Groups
from bankcore.testing._conformance.helpers import refusal
from grouped import Call, GroupedMemoryStore, as_one_group, waiting

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALICE = AccountId("alice")
BOB = AccountId("bob")


class Interrupted(Exception):  # noqa: N818  # what a time limit raises, and no error of bankcore
    """
    Raised in a thread from outside, as a signal handler does.
    """


def eur(minor: int) -> Money:
    return Money.from_minor(minor, "EUR")


def bank_over(store: MemoryStore, **options: Any) -> Bank:
    numbers = count(1)
    return Bank(
        store, **{"clock": lambda: NOW, "new_id": lambda: f"made-{next(numbers)}", **options}
    )


@pytest.fixture(autouse=True)
def _looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_group, "_LOOK_EVERY", 0.002)


@pytest.fixture
def store() -> Iterator[GroupedMemoryStore]:
    """
    A store with two accounts; in the end nobody is in its queue, and its audit is clean.
    """
    made = GroupedMemoryStore()
    bank_over(made).execute(
        OpenAccount(each, initial_balance=eur(10), transaction_id=f"t-{each}")
        for each in ("alice", "bob")
    )
    made.sizes.clear()
    yield made
    made.before = lambda: None
    made.after = lambda _: None
    bank_over(made).deposit("bob", eur(1), transaction_id="t-last")

    assert not made.groups._queue
    assert made.groups._group == made.groups._written == []
    assert verify(made).is_clean


def deposit(store: MemoryStore, n: int, **options: Any) -> Callable[[], Transaction]:
    """
    Return a call that deposits *n* cents with alice, under an id of its own.
    """
    bank = bank_over(store, **options)
    return partial(bank.deposit, "alice", eur(n), transaction_id=f"t-{n}")


def writing(*records: Any, accounts: tuple[Any, ...] = ()) -> Callable[[Snapshot], WriteSet]:
    return lambda _: WriteSet(accounts, records)


def raising(error: BaseException) -> Callable[[Snapshot], WriteSet]:
    def decide(_: Snapshot) -> WriteSet:
        raise error

    return decide


def balance(store: MemoryStore) -> int:
    return store.account(ALICE).balance.amount_minor


# -- What a group comes to ---------------------------------------------------


def test_a_group_is_its_units_one_after_the_other(store: GroupedMemoryStore) -> None:
    """
    Openings, bookings on what was opened, replays, reuses, refusals and reversals of one group,
    in one commit, give what they give one by one.
    """
    # A plain store, for one by one.
    other = MemoryStore()
    bank_over(other).execute(
        OpenAccount(each, initial_balance=eur(10), transaction_id=f"t-{each}")
        for each in ("alice", "bob")
    )

    def calls(bank: Bank) -> list[Callable[[], object]]:
        return [
            lambda: bank.open_account("carol", initial_balance=eur(5), transaction_id="t-1"),
            lambda: bank.transfer("carol", "alice", eur(5), transaction_id="t-2"),
            lambda: bank.transfer("carol", "alice", eur(5), transaction_id="t-2"),
            lambda: bank.transfer("carol", "bob", eur(1), transaction_id="t-3"),
            lambda: bank.transfer("carol", "bob", eur(1), transaction_id="t-3"),
            lambda: bank.deposit("alice", eur(1), transaction_id="t-2"),
            lambda: bank.reverse("t-2", transaction_id="t-4"),
            lambda: bank.reverse("t-2", transaction_id="t-5"),
            lambda: bank.reverse("t-2", transaction_id="t-4"),
            lambda: bank.open_account("carol", initial_balance=eur(5), transaction_id="t-6"),
            lambda: bank.withdraw("carol", eur(2), transaction_id="t-7"),
            lambda: bank.account("alice"),
        ]

    one_by_one = [Call(each).answer() for each in calls(bank_over(other))]
    # What only reads is done while the others wait.
    expected = [*one_by_one[:-1], attrs.evolve(store.account(ALICE))]
    grouped = as_one_group(store.groups, calls(bank_over(store)))

    assert [repr(each) for each in expected] == [repr(each) for each in grouped]
    assert [getattr(each, "replayed", None) for each in expected] == [
        getattr(each, "replayed", None) for each in grouped
    ]
    assert isinstance(grouped[3], InsufficientFundsError)
    assert isinstance(grouped[5], TransactionIdReusedError)
    assert [7] == store.sizes
    assert repr(other._kept) == repr(store._kept)


def test_a_lone_unit_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A unit is not composed with anything, and sees the snapshot of the store itself.
    """
    monkeypatch.delattr(Groups, "_take")
    seen: list[object] = []
    given = Snapshot({}, {})
    written = WriteSet()

    def transact(reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        seen.append(reads)
        return decide(given)

    def decide(snapshot: Snapshot) -> WriteSet:
        seen.append(snapshot)
        return written

    reads = ReadSet((), ())
    groups = Groups(transact, lambda: None, 1.0)

    assert groups.transact(reads, decide) is written
    assert seen[0] is reads
    assert seen[1] is given


def test_a_call_leaves_no_garbage(store: GroupedMemoryStore) -> None:
    """
    When a call has ended, nothing of it waits for the garbage collector.
    """
    gc.collect()
    gc.disable()
    try:
        before = {*map(id, gc.get_objects())}
        deposit(store, 1)()
        left = [each for each in gc.get_objects() if type(each) is _group._Unit]
    finally:
        gc.enable()

    assert {*map(id, left)} <= before


def test_a_group_reads_each_id_once(store: GroupedMemoryStore) -> None:
    """
    What several units name is read once, and each sees what it names and nothing else.
    """
    read: list[ReadSet] = []
    seen: list[Snapshot] = []

    def transact(reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        read.append(reads)
        return MemoryStore.transact(store, reads, decide)

    def decide(snapshot: Snapshot) -> WriteSet:
        seen.append(snapshot)
        return WriteSet()

    groups = Groups(transact, lambda: None, 30.0)
    t_alice, t_none = TransactionId("t-alice"), TransactionId("t-none")
    as_one_group(
        groups,
        [
            partial(groups.transact, ReadSet((t_alice, t_none), (ALICE,)), decide),
            partial(groups.transact, ReadSet((t_none,), (BOB, ALICE), (t_alice,)), decide),
            partial(groups.transact, ReadSet((), (BOB,)), decide),
        ],
    )

    assert [ReadSet((t_alice, t_none), (ALICE, BOB), (t_alice,))] == read
    assert [{t_alice}, {t_alice}, set()] == [{*each.recorded} for each in seen]
    assert [{ALICE}, {ALICE, BOB}, {BOB}] == [{*each.accounts} for each in seen]


def test_accounts_without_records_are_not_written(store: GroupedMemoryStore) -> None:
    """
    A store that is given no records writes nothing; nor does it where others of the group do.
    """
    richer = store.account(ALICE).deposit(eur(100), booked_at=NOW)
    as_one_group(
        store.groups,
        [
            partial(store.transact, ReadSet((), (ALICE,)), writing(accounts=(richer,))),
            deposit(store, 1),
        ],
    )

    assert 11 == balance(store)


def test_an_original_whose_accounts_were_not_read_is_for_itself(store: GroupedMemoryStore) -> None:
    """
    A unit that names an original which another unit of the group wrote, without its accounts,
    is done after the group, and sees them.
    """
    record = bank_over(MemoryStore()).open_account("bob", initial_balance=eur(1))
    record = attrs.evolve(record, id=TransactionId("t-raw"))
    seen: list[Snapshot] = []

    def decide(snapshot: Snapshot) -> WriteSet:
        seen.append(snapshot)
        return WriteSet()

    store.groups._transact = partial(_without_history, store)
    as_one_group(
        store.groups,
        [
            partial(store.transact, ReadSet((), ()), writing(record)),
            partial(store.transact, ReadSet((), (), (record.id,)), decide),
        ],
    )

    assert [{BOB}] == [{*each.accounts} for each in seen]
    store.groups._transact = store.commit
    del store._kept["record", "t-raw"]


def _without_history(
    store: MemoryStore, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]
) -> WriteSet:
    """
    Keep records under their ids alone.
    """
    written = MemoryStore.transact(store, reads, lambda each: WriteSet(outcomes=(decide(each),)))  # type: ignore[arg-type]  # a store ignores outcomes
    (decided,) = written.outcomes
    for each in decided.records:  # type: ignore[union-attr]  # it is a WriteSet
        store._kept["record", each.id.value] = each
    return decided  # type: ignore[return-value]  # it is a WriteSet


# -- Whose error is whose ----------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        StoreUnavailableError("of another store"),
        OutcomeUnknownError("of another store"),
        SystemExit(3),
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_a_decide_raises_is_its_own(
    store: GroupedMemoryStore, error: BaseException, place: int
) -> None:
    """
    Of three units one raises, leader or not: it alone is told, unchanged, and others are booked.
    """
    works: list[Callable[[], object]] = [deposit(store, 1), deposit(store, 2)]
    works.insert(place, partial(store.transact, ReadSet((), (ALICE,)), raising(error)))
    answers = as_one_group(store.groups, works)

    assert answers.pop(place) is error
    assert [eur(11), eur(13)] == [each.postings[0].balance for each in answers]


@pytest.mark.parametrize("given", [None, (), "text"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_decide_that_gives_something_else_fails_alone(
    store: GroupedMemoryStore, given: Any, place: int
) -> None:
    """
    A unit whose *decide* returns no `WriteSet` gets the store's error, and others are booked.
    """
    works: list[Callable[[], object]] = [deposit(store, 1)]
    works.insert(place, partial(store.transact, ReadSet((), ()), lambda _: given))
    answers = as_one_group(store.groups, works)

    assert isinstance(answers.pop(place), AttributeError)
    assert isinstance(answers[0], Transaction)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_the_store_refuses_is_one_members(store: GroupedMemoryStore, place: int) -> None:
    """
    A unit that the store refuses to write gets the error; others are booked one by one.
    """
    works: list[Callable[[], object]] = [deposit(store, 1), deposit(store, 2)]
    works.insert(place, partial(store.transact, ReadSet((), ()), writing(refusal("t-alice"))))
    answers = as_one_group(store.groups, works)

    assert isinstance(answers.pop(place), StoreMisuseError)
    assert [eur(11), eur(13)] == [each.postings[0].balance for each in answers]
    # When the queue was let go, for the group, and for the one that is refused.
    assert 3 == store.recoveries
    assert [1, 1] == store.sizes


def test_a_store_that_is_unavailable_is_so_for_all(store: GroupedMemoryStore) -> None:
    """
    Whoever has something to write is told; a replay alone is answered. Nothing was written.
    """
    full = StoreUnavailableError("as planned")
    full.__cause__ = OSError(28, "as planned")

    def transact(reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        return _after(store, reads, decide, full)

    store.groups._transact = transact
    bank = bank_over(store)
    answers = as_one_group(
        store.groups,
        [
            deposit(store, 1),
            lambda: bank.open_account("alice", initial_balance=eur(10), transaction_id="t-alice"),
            deposit(store, 2),
            deposit(store, 1),
        ],
    )
    store.groups._transact = store.commit

    assert answers[0] is full
    assert [repr(full)] * 2 == [*map(repr, answers[2:])]
    assert answers[2] is not full
    assert full.__cause__ is answers[2].__cause__
    assert answers[1].replayed
    assert 10 == balance(store)


def _after(
    store: MemoryStore, reads: ReadSet, decide: Callable[[Snapshot], WriteSet], error: Exception
) -> WriteSet:
    """
    Fail at the commit, if there is something to commit, and write nothing.
    """
    decided: list[WriteSet] = []

    def look(snapshot: Snapshot) -> WriteSet:
        decided.append(decide(snapshot))
        return WriteSet()

    MemoryStore.transact(store, reads, look)
    if decided[-1].records:
        raise error
    return decided[-1]


def test_a_store_that_is_busy_is_so_for_all(store: GroupedMemoryStore) -> None:
    """
    An error before anything is decided is everybody's, replays and all: nobody is served.
    """

    calls = []

    def fail() -> None:
        calls.append(1)
        raise StoreUnavailableError("busy")

    store.before = fail
    answers = as_one_group(store.groups, [deposit(store, 1), deposit(store, 2), deposit(store, 1)])

    assert [repr(StoreUnavailableError("busy"))] * 3 == [*map(repr, answers)]
    assert len({*map(id, answers)}) == 3
    # Not each of them waits in turn.
    assert [1] == calls
    assert [] == store.sizes


@pytest.mark.parametrize("place", [0, 1])
def test_damage_is_found_by_each(store: GroupedMemoryStore, place: int) -> None:
    """
    An error that may be about one unit's rows alone is raised to those whose rows they are.
    """

    def look(written: WriteSet) -> None:
        if any(record.id.value == "t-1" for record in written.records):
            raise StoreCorruptedError("a row")

    works: list[Callable[[], object]] = [deposit(store, 2)]
    works.insert(place, deposit(store, 1))

    def transact(reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        def checked(snapshot: Snapshot) -> WriteSet:
            written.append(decide(snapshot))
            return WriteSet()

        written: list[WriteSet] = []
        MemoryStore.transact(store, reads, checked)
        look(written[0])
        return MemoryStore.transact(store, ReadSet((), ()), lambda _: written[0])

    store.groups._transact = transact
    answers = as_one_group(store.groups, works)
    store.groups._transact = store.commit

    assert repr(StoreCorruptedError("a row")) == repr(answers.pop(place))
    assert isinstance(answers[0], Transaction)


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.parametrize("deadline", [timedelta(), timedelta(seconds=30)])
def test_an_unknown_outcome_is_everybodys(
    store: GroupedMemoryStore, is_written: bool, deadline: timedelta
) -> None:
    """
    A commit in doubt is so for each that had something in it; each settles by its own ids.
    """
    doubt = OutcomeUnknownError("as planned")
    failures = iter([doubt])

    def transact(reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        error = next(failures, None)
        if error is None:
            return store.commit(reads, decide)
        if not is_written:
            return _after(store, reads, decide, error)
        store.commit(reads, decide)
        raise error

    store.groups._transact = transact
    works = [deposit(store, n, deadline=deadline) for n in (1, 2, 3)]
    answers = as_one_group(store.groups, works)
    store.groups._transact = store.commit
    if not deadline:
        assert [repr(doubt)] * 3 == [*map(repr, answers)]
        answers = [work() for work in works]

    assert [is_written and not deadline] * 3 == [each.replayed for each in answers]
    assert 16 == balance(store)
    assert {2, 3, 4} == {each.postings[0].version for each in answers}


# -- Interruptions -----------------------------------------------------------


def test_an_interruption_in_anothers_decide_is_the_leaders(store: GroupedMemoryStore) -> None:
    """
    What is raised in a follower's *decide*, and does not come again, is the leader's: the group
    is undone, and the others are booked without it.
    """
    interruptions = iter([Interrupted()])

    def decide(_: Snapshot) -> WriteSet:
        for error in interruptions:
            raise error
        return WriteSet(records=(refusal("t-x"),))

    answers = as_one_group(
        store.groups,
        [deposit(store, 1), partial(store.transact, ReadSet((), ()), decide), deposit(store, 2)],
    )

    assert isinstance(answers[0], Interrupted)
    assert isinstance(answers[1], WriteSet)
    assert eur(12) == answers[2].postings[0].balance
    assert [2] == store.sizes


def test_an_interruption_while_a_bug_is_looked_at_is_the_leaders(
    store: GroupedMemoryStore,
) -> None:
    """
    If a follower's *decide* raises, and something else comes while it is run again, that is the
    leader's.
    """
    errors = iter([ValueError("a bug"), Interrupted()])
    bug = ValueError("a bug")

    def decide(_: Snapshot) -> WriteSet:
        raise next(errors, bug)

    answers = as_one_group(
        store.groups, [deposit(store, 1), partial(store.transact, ReadSet((), ()), decide)]
    )

    assert isinstance(answers[0], Interrupted)
    assert answers[1] is bug


@pytest.mark.parametrize("error", [Interrupted(), KeyboardInterrupt()], ids=repr)
def test_an_interruption_before_the_group_is_decided_is_the_leaders(
    store: GroupedMemoryStore, error: BaseException
) -> None:
    """
    Raised before *decide*, it is the leader's alone; nothing was written, and the others go on.
    """
    errors = iter([error])

    def fail() -> None:
        for each in errors:
            raise each

    store.before = fail
    answers = as_one_group(store.groups, [deposit(store, 1), deposit(store, 2), deposit(store, 3)])

    assert answers[0] is error
    assert [eur(12), eur(15)] == [each.postings[0].balance for each in answers[1:]]
    assert [2] == store.sizes
    # Once when the queue was let go.
    assert 2 == store.recoveries


def test_an_interruption_after_the_commit_leaves_the_others_in_doubt(
    store: GroupedMemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Raised after *decide*, the leader cannot tell what became of the commit: the others are in
    doubt at once, if they had something in it, and each settles by its ids.
    """
    errors = iter([Interrupted()])
    decided: list[Snapshot] = []

    def fail(_: WriteSet) -> None:
        for each in errors:
            raise each

    def decide(snapshot: Snapshot) -> WriteSet:
        decided.append(snapshot)
        return WriteSet(records=(refusal("t-x"),))

    store.after = fail
    bank = bank_over(store)
    again = partial(bank.deposit, "alice", eur(1), transaction_id="t-1")
    doubtful = partial(store.transact, ReadSet((), ()), decide)
    works: list[Callable[[], object]] = [deposit(store, 1), again, doubtful, deposit(store, 3)]
    monkeypatch.setattr(_group, "_LOOK_EVERY", 30.0)
    answers = as_one_group(store.groups, works)

    assert isinstance(answers[0], Interrupted)
    assert answers[1].replayed
    assert isinstance(answers[2], OutcomeUnknownError)
    assert "the thread that wrote it was interrupted" == answers[2].reason
    # It is out of the queue: what leads next does not decide it again.
    assert len(decided) == 1
    assert not answers[3].replayed
    assert 14 == balance(store)


def test_a_leader_that_has_not_waited_leaves_the_others_in_doubt(
    store: GroupedMemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    So it is where the leader came to an empty queue, and others before it had begun.
    """
    together = Groups._together
    calls: list[Call] = []

    def two_together(groups: Groups, leader: Any) -> bool:
        monkeypatch.setattr(Groups, "_together", together)
        calls.extend(waiting(groups, [deposit(store, 2, deadline=timedelta())]))
        return together(groups, leader)

    def fail(_: WriteSet) -> None:
        store.after = lambda _: None
        raise Interrupted

    store.after = fail
    monkeypatch.setattr(Groups, "_together", two_together)
    with pytest.raises(Interrupted):
        deposit(store, 1)()

    assert isinstance(calls[0].answer(), OutcomeUnknownError)


def test_who_is_done_is_not_in_doubt(store: GroupedMemoryStore) -> None:
    """
    A leader that is interrupted while it tells the others leaves those alone that were told.
    """
    leader, done, written = (_group._Unit(lambda: None, ReadSet((), ())) for _ in range(3))
    done.is_done = True
    written.waits()
    store.groups._queue.extend([leader, done, written])
    store.groups._written = [leader, done, written]
    store.groups._settle(leader)

    assert done.error is None
    assert isinstance(written.error, OutcomeUnknownError)


def test_what_was_decided_before_is_forgotten(store: GroupedMemoryStore) -> None:
    """
    A store may call *decide* again, having written nothing: an interruption then leaves nobody
    in doubt.
    """

    def twice(reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        MemoryStore.transact(store, reads, lambda each: [decide(each), WriteSet()][1])
        return store.commit(reads, decide)

    snapshots: list[Snapshot] = []

    def interrupted(snapshot: Snapshot) -> WriteSet:
        snapshots.append(snapshot)
        if len(snapshots) == 2:
            raise KeyboardInterrupt
        return WriteSet()

    store.groups._transact = twice
    answers = as_one_group(
        store.groups,
        [
            partial(store.transact, ReadSet((), ()), interrupted),
            deposit(store, 1, deadline=timedelta()),
        ],
    )

    assert isinstance(answers[0], KeyboardInterrupt)
    assert isinstance(answers[1], Transaction)


def test_a_bug_of_the_store_is_not_taken_for_an_answer(store: GroupedMemoryStore) -> None:
    """
    What is no `StoreError` passes unchanged to the leader, and the others are in doubt.
    """
    errors = iter([TypeError("a bug")])

    def fail(_: WriteSet) -> None:
        for each in errors:
            raise each

    store.after = fail
    answers = as_one_group(store.groups, [deposit(store, 1), deposit(store, 2)])

    assert isinstance(answers[0], TypeError)
    assert eur(13) == answers[1].postings[0].balance


@pytest.mark.parametrize("place", [0, 1])
def test_an_interruption_at_any_instruction_loses_nothing(place: int) -> None:
    """
    The thread that leads, or one that follows, is interrupted at one instruction after the
    other of its way through a group: the others get their results, each id has one effect, and
    nobody is left in the queue.
    """
    instructions = count(1, 7)
    is_over = False
    while not is_over:
        n = next(instructions)
        store = GroupedMemoryStore()
        bank_over(store).open_account("alice", initial_balance=eur(10), transaction_id="t-alice")
        injector = Injector(n, Interrupted(), lambda name: name == _group.__file__)
        works: list[Callable[[], object]] = [deposit(store, each) for each in (1, 2, 4)]
        works[place] = partial(injector.run, works[place])
        answers = as_one_group(store.groups, works)
        is_over = injector.count < n

        if not is_over:
            assert isinstance(answers.pop(place), Interrupted), n
        assert all(isinstance(each, Transaction) for each in answers), (n, answers)
        again = [deposit(store, each)() for each in (1, 2, 4)]
        assert all(each.replayed for m, each in enumerate(again) if m != place), n
        assert 17 == balance(store), n
        assert [] == [*store.groups._queue], n
        assert verify(store).is_clean, n
    assert n > 150


# -- A leader that is gone ---------------------------------------------------


def _lost(store: GroupedMemoryStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """
    Return a call that leads, is interrupted, and again before it could settle anything.
    """
    leave = Groups._leave
    errors = iter([Interrupted()])

    def fail(groups: Groups, unit: Any) -> None:
        for each in errors:
            raise each
        leave(groups, unit)

    monkeypatch.setattr(Groups, "_leave", fail)
    return partial(store.transact, ReadSet((), ()), raising(KeyboardInterrupt()))


def test_a_leader_that_is_gone_is_found_by_those_that_wait(
    store: GroupedMemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A call that was interrupted twice ends without settling: whoever waits undoes what it left.
    """
    answers = as_one_group(
        store.groups, [_lost(store, monkeypatch), deposit(store, 1), deposit(store, 2)]
    )

    assert isinstance(answers[0], Interrupted)
    assert [eur(11), eur(13)] == [each.postings[0].balance for each in answers[1:]]
    assert 2 == store.recoveries


def test_a_leader_that_is_gone_is_found_by_its_own_thread(
    store: GroupedMemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The next call of the thread that was interrupted twice undoes what it left, without a wait.
    """
    with pytest.raises(Interrupted):
        _lost(store, monkeypatch)()
    assert len(store.groups._queue) == 1
    monkeypatch.setattr(_group, "_LOOK_EVERY", 30.0)

    assert eur(11) == deposit(store, 1)().postings[0].balance
    assert 1 == store.recoveries


def test_a_leader_that_is_gone_leaves_others_before_its_thread(
    store: GroupedMemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    If others wait by then, the thread that was interrupted twice comes after them.
    """
    with pytest.raises(Interrupted):
        _lost(store, monkeypatch)()
    monkeypatch.setattr(_group, "_LOOK_EVERY", 30.0)
    calls = waiting(store.groups, [deposit(store, 1)])

    assert eur(13) == deposit(store, 2)().postings[0].balance
    assert isinstance(calls[0].answer(), Transaction)


def test_a_leader_that_is_slow_is_not_gone(store: GroupedMemoryStore) -> None:
    """
    A leader whose *decide* takes long is waited for, however often the others look.
    """
    may_go_on = threading.Event()

    def decide(_: Snapshot) -> WriteSet:
        may_go_on.wait(30)
        return WriteSet(records=(refusal("t-x"),))

    slow = Call(partial(store.transact, ReadSet((), ()), decide))
    while not store.groups._queue:
        slow.join(0.0005)
    leader = store.groups._queue[0]
    (waits,) = waiting(store.groups, [deposit(store, 1)])
    looks = [leader.is_gone for _ in range(100)]
    waits.join(0.02)

    assert waits.is_alive()
    assert not any(looks)
    may_go_on.set()
    assert isinstance(slow.answer(), WriteSet)
    assert isinstance(waits.answer(), Transaction)


def test_a_unit_that_is_done_does_not_lead(
    store: GroupedMemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A follower that is done is passed over, in a group and at the head of the queue.
    """
    bug = ValueError("a bug")
    answers = as_one_group(
        store.groups,
        [
            deposit(store, 1),
            # Stays in the queue, in front of one that is done.
            partial(store.transact, ReadSet((), ()), raising(bug)),
            deposit(store, 2),
        ],
    )

    assert answers[1] is bug
    assert [2] == store.sizes
    # The head is done, and its call has ended: as if its leader had been interrupted twice.
    done = _group._Unit(lambda: None, None)
    done.is_done = True
    store.groups._queue.append(done)
    done.thread = 0
    assert isinstance(Call(deposit(store, 3)).answer(), Transaction)


# -- Waiting -----------------------------------------------------------------


def test_waiting_ends_with_the_timeout() -> None:
    """
    A unit that waits for longer than the timeout is unavailable, and not done later.
    """
    for timeout in (0, 0.01):
        store = GroupedMemoryStore(timeout=timeout)
        store.groups.hold()
        answers = [call.answer() for call in [Call(deposit(store, 1))]]
        store.groups.let_go()

        assert isinstance(answers[0], StoreUnavailableError)
        assert f"for {timeout:g} s" in str(answers[0])
        assert not store.groups._queue
        assert [] == store.sizes


def test_a_unit_that_is_being_done_is_waited_for(store: GroupedMemoryStore) -> None:
    """
    The timeout does not count for a unit of the group under way: it is not to be said that
    nothing was written.
    """
    may_go_on = threading.Event()
    store.groups._timeout = 0.05

    def wait() -> None:
        may_go_on.wait(30)

    store.before = wait
    store.groups.hold()
    calls = waiting(store.groups, [deposit(store, 1), deposit(store, 2)])
    store.groups.let_go()
    calls[1].join(0.2)

    assert calls[1].is_alive()
    may_go_on.set()
    assert eur(13) == calls[1].answer().postings[0].balance


def test_after_a_group_the_next_that_waits_leads(store: GroupedMemoryStore) -> None:
    """
    Whoever comes while a group is under way is in the next one, before the threads of the first
    come again.
    """
    is_under_way, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        is_under_way.set()
        may_go_on.wait(30)

    store.before = wait
    first = [*map(partial(deposit, store), (1, 2))]
    store.groups.hold()
    calls = waiting(store.groups, first)
    store.groups.let_go()
    is_under_way.wait(30)
    calls += waiting(store.groups, [deposit(store, 3), deposit(store, 4)])
    may_go_on.set()
    answers = [call.answer() for call in calls]

    assert [2, 2] == store.sizes
    assert [2, 3, 4, 5] == [each.postings[0].version for each in answers]


def test_a_group_has_bounds(store: GroupedMemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A group reads 10,000 ids at most; a unit that needs more is alone, and stops nobody.
    """
    assert _group._GROUP_IDS_MAX == 10_000
    # Each deposit is a transaction id and an account.
    monkeypatch.setattr(_group, "_GROUP_IDS_MAX", 4)
    bank = bank_over(store)
    wide = [Deposit("alice", eur(n), transaction_id=f"t-{n}") for n in (6, 7, 8, 9)]
    answers = as_one_group(
        store.groups,
        [
            *map(partial(deposit, store), (1, 2, 3)),
            lambda: bank.execute(wide),
            deposit(store, 4),
            deposit(store, 5),
        ],
    )

    assert [2, 1, 4, 2] == store.sizes
    assert not any(isinstance(each, BaseException) for each in answers)


def test_other_work_is_done_alone(store: GroupedMemoryStore) -> None:
    """
    Work that is no unit of the contract waits for its turn, and shares it with nobody.
    """
    work = partial(store.groups.alone, lambda: [*store.sizes])
    answers = as_one_group(
        store.groups, [deposit(store, 1), deposit(store, 2), work, deposit(store, 3)]
    )

    assert [2] == answers[2]
    assert [2, 1] == store.sizes


def test_what_other_work_raises_is_its_own(store: GroupedMemoryStore) -> None:
    """
    Work that raises is undone, and the next goes on.
    """

    def fail() -> None:
        raise Interrupted

    answers = as_one_group(store.groups, [partial(store.groups.alone, fail), deposit(store, 1)])

    assert isinstance(answers[0], Interrupted)
    assert isinstance(answers[1], Transaction)
    assert 2 == store.recoveries


def test_nothing_begins_while_it_is_held(store: GroupedMemoryStore) -> None:
    """
    Between `hold` and `let_go` no unit begins; to let go what is not held does nothing.
    """
    store.groups.let_go()
    store.groups.hold()
    (call,) = waiting(store.groups, [deposit(store, 1)])
    call.join(0.02)

    assert call.is_alive()
    with pytest.raises(StoreMisuseError, match="within another"):
        deposit(store, 2)()
    store.groups.let_go()
    assert isinstance(call.answer(), Transaction)


def test_what_is_not_held_is_not_let_go(store: GroupedMemoryStore) -> None:
    """
    To let go while a unit is under way does not end it.
    """

    def decide(_: Snapshot) -> WriteSet:
        store.groups.let_go()
        return WriteSet(records=(refusal("t-x"),))

    store.transact(ReadSet((), ()), decide)

    assert 0 == store.recoveries


def test_holding_waits_for_what_is_under_way(store: GroupedMemoryStore) -> None:
    """
    `hold` waits for the unit under way, and gives up with the timeout, holding nothing.
    """
    is_under_way, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        is_under_way.set()
        may_go_on.wait(30)

    store.before = wait
    call = Call(deposit(store, 1))
    is_under_way.wait(30)
    store.groups._timeout = 0.01
    with pytest.raises(StoreUnavailableError):
        store.groups.hold()
    assert len(store.groups._queue) == 1
    may_go_on.set()
    assert isinstance(call.answer(), Transaction)


def test_a_unit_within_a_unit_is_misuse(store: GroupedMemoryStore) -> None:
    """
    A *decide* that calls the store to write gets an error at once, its own: alone, as a leader,
    and in the thread of another.
    """

    def nested(n: int) -> Callable[[], object]:
        def decide(_: Snapshot) -> WriteSet:
            deposit(store, 100 + n)()
            return WriteSet()

        return partial(store.transact, ReadSet((), ()), decide)

    with pytest.raises(StoreMisuseError, match="a unit cannot begin within another"):
        nested(0)()
    answers = as_one_group(store.groups, [nested(1), deposit(store, 1), nested(2)])

    assert isinstance(answers[0], StoreMisuseError)
    assert isinstance(answers[1], Transaction)
    assert isinstance(answers[2], StoreMisuseError)


def test_a_decide_sees_the_context_of_its_own_thread(store: GroupedMemoryStore) -> None:
    """
    A *decide* that runs in the thread of another sees its own thread's context variables, and
    leaves those of the other alone.
    """
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    seen: list[tuple[str, str]] = []

    def unit(name: str) -> Callable[[], object]:
        def decide(_: Snapshot) -> WriteSet:
            seen.append((name, variable.get()))
            variable.set("changed")
            return WriteSet()

        def work() -> str:
            variable.set(name)
            store.transact(ReadSet((), ()), decide)
            return variable.get()

        return work

    answers = as_one_group(store.groups, [unit("a"), unit("b"), unit("c")])

    assert [("a", "a"), ("b", "b"), ("c", "c")] == seen
    assert ["changed", "b", "c"] == answers
