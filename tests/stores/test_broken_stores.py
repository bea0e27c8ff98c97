"""
Stores that were broken on purpose, and the checks that must find each of them out.

A check that cannot fail proves nothing: every store here breaks one promise, and the checks
named beside it fail for it. All of them are a `MemoryStore` but for one thing.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

import attrs
import contract
import pytest

from bankcore import Account, AccountId, Hold
from bankcore.store import Cursor, Page, ReadSet, Snapshot, WriteSet
from bankcore.stores import MemoryStore
from bankcore.transaction import Posting, Refusal, Transaction

BROKEN: Final[list[tuple[type[MemoryStore], str]]] = []


def _fails(*checks: str) -> Callable[[type[MemoryStore]], type[MemoryStore]]:
    def add(broken: type[MemoryStore]) -> type[MemoryStore]:
        BROKEN.extend((broken, check) for check in checks)
        return broken

    return add


class _Changing(MemoryStore):
    """
    Writes something else than *decide* said, and says that it wrote that.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        decided: list[WriteSet] = []

        def changed(snapshot: Snapshot) -> WriteSet:
            decided.append(decide(snapshot))
            return self.changed(decided[-1])

        super().transact(reads, changed)
        return decided[-1]

    def changed(self, written: WriteSet) -> WriteSet:
        raise NotImplementedError


@_fails("what_was_written_is_read_at_once", "units_that_share_an_account_take_turns")
class LosesAnUpdate(_Changing):
    """
    Records what happened to an account, and every third time forgets its new state.
    """

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)

    def changed(self, written: WriteSet) -> WriteSet:
        if written.accounts and next(self._numbers) % 3 == 0:
            return attrs.evolve(written, accounts=())
        return written


@_fails(
    "refusals_are_records",
    "records_keep_the_order_they_were_written_in",
    "units_that_share_an_id_take_turns",
)
class ForgetsRefusals(_Changing):
    """
    Keeps what moved money, and not what was declined.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(record for record in written.records if isinstance(record, Transaction))
        return attrs.evolve(written, records=kept)


@_fails("records_keep_the_order_they_were_written_in", "refusals_are_records")
class TurnsUnitsAround(_Changing):
    """
    Writes the records of one unit from the last to the first, and reads its pages that way too.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        return attrs.evolve(written, records=written.records[::-1])

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        page = super().journal(after=after, limit=limit)
        return attrs.evolve(page, records=page.records[::-1])


@_fails("the_journal_extends_every_order_of_versions")
class MixesUpVersions(_Changing):
    """
    Only turns the records of one unit around.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        return attrs.evolve(written, records=written.records[::-1])


@_fails("what_comes_back_equals_what_was_written")
class ForgetsWhoAsked(_Changing):
    """
    Keeps records without their principals.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(attrs.evolve(record, principal=None) for record in written.records)
        return attrs.evolve(written, records=kept)


@_fails("what_comes_back_equals_what_was_written")
class ForgetsIdsOfCommands(_Changing):
    """
    Keeps commands without their ids, which does not show in ``==``.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(
            attrs.evolve(record, command=attrs.evolve(record.command, transaction_id=None))
            for record in written.records
        )
        return attrs.evolve(written, records=kept)


@_fails(
    "an_empty_store_has_nothing",
    "nothing_to_write_writes_nothing",
)
class KeepsMoreThanItWasGiven(MemoryStore):
    """
    Writes a record of its own with every unit, and one when it is made.
    """

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()
        contract.append(self, [contract.refusal("first")])

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        written = super().transact(reads, decide)
        own = WriteSet(records=(contract.refusal(f"own-{next(self._numbers)}"),))
        super().transact(ReadSet((), ()), lambda _: own)
        return written


@_fails(
    "decide_sees_what_is_named_and_nothing_else",
    "the_journal_is_read_page_by_page",
    "what_was_written_is_read_at_once",
)
class WritesAccountsButNoRecords(MemoryStore):
    """
    Keeps the new balances and nothing of why.
    """

    def _change(self, written: WriteSet) -> dict[tuple[str | int, ...], Any]:
        change = super()._change(written)
        return {key: value for key, value in change.items() if key[0] in {"account", "count"}}


@_fails("the_journal_is_read_page_by_page", "an_empty_page_keeps_the_place")
class SkipsARecord(MemoryStore):
    """
    Continues the journal one record too far.
    """

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        page = super().journal(after=after, limit=limit)
        if not page.records or page.next is None:
            return page
        length = len(super().journal(limit=10_000).records)
        return attrs.evolve(page, next=Cursor(str(min(int(page.next.token) + 1, length + 1))))


@_fails("units_that_share_an_account_take_turns", "units_that_share_an_id_take_turns")
class ReadsOutsideTheUnit(MemoryStore):
    """
    Reads before it takes the lock.

    The first two units that threads send here meet between reading and writing, so that the
    test does not depend on luck.
    """

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()
        self._both_have_read = threading.Barrier(2)

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        seen: list[Snapshot] = []

        def read(snapshot: Snapshot) -> WriteSet:
            seen.append(snapshot)
            return WriteSet()

        super().transact(reads, read)
        if threading.current_thread() is not threading.main_thread() and next(self._numbers) < 2:
            self._both_have_read.wait()
        written = decide(seen[0])
        with self._lock:
            if written.records:
                self._kept.update(self._change(written))
        return written


@_fails("decide_raising_passes_unchanged")
class SwallowsErrors(MemoryStore):
    """
    Takes a *decide* that raises for one that wants nothing.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        try:
            return super().transact(reads, decide)
        except Exception:  # noqa: BLE001  # it is broken on purpose
            return WriteSet()


@_fails("decide_raising_passes_unchanged")
class WrapsErrors(MemoryStore):
    """
    Gives the error of *decide* another class.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        try:
            return super().transact(reads, decide)
        except Exception as error:
            raise RuntimeError(str(error)) from error


@_fails("a_unit_is_written_whole_or_not_at_all")
class WritesOneByOne(MemoryStore):
    """
    Writes a unit record by record, and stops, with an error, at one whose id is used.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        decided: list[WriteSet] = []

        def decide_only(snapshot: Snapshot) -> WriteSet:
            decided.append(decide(snapshot))
            return WriteSet()

        super().transact(reads, decide_only)
        (written,) = decided
        for record in written.records:
            if ("record", record.id.value) in self._kept:
                raise KeyError(record.id)
            contract.append(super(), [record], written.accounts)  # type: ignore[arg-type]  # mypy has no type for super()
        return written


@_fails("an_id_has_one_record_that_never_changes")
class OverwritesRecords(MemoryStore):
    """
    Puts whatever it is given under its id, in the place of what was there.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        decided: list[WriteSet] = []

        def remembering(snapshot: Snapshot) -> WriteSet:
            decided.append(decide(snapshot))
            return decided[-1]

        with suppress(Exception):
            super().transact(reads, remembering)
        for record in decided[-1].records:
            self._kept["record", record.id.value] = record
        return decided[-1]


@_fails("transact_gives_what_decide_gave")
class AnswersInItsOwnWords(MemoryStore):
    """
    Gives an equal `WriteSet` without the outcomes.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        return attrs.evolve(super().transact(reads, decide), outcomes=())


@_fails("decide_sees_what_is_named_and_nothing_else", "a_unit_may_name_thousands")
class ReadsTheFirstThousand(MemoryStore):
    """
    Reads no more than 1,000 ids, and no record of a refusal.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        less = ReadSet(reads.transaction_ids[:1000], reads.account_ids[:1000])

        def decided(snapshot: Snapshot) -> WriteSet:
            recorded = {
                key: record
                for key, record in snapshot.recorded.items()
                if isinstance(record, Transaction)
            }
            return decide(attrs.evolve(snapshot, recorded=recorded))

        return super().transact(less, decided)


@_fails("what_was_written_is_read_at_once")
class AnswersFromACache(MemoryStore):
    """
    Reads every account once, and remembers it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[AccountId, Account] = {}

    def account(self, account_id: AccountId) -> Account:
        return self._seen.setdefault(account_id, super().account(account_id))


@_fails("postings_are_found_by_instant", "postings_are_found_at_the_ends_of_time")
class ForgetsTheInstantItself(MemoryStore):
    """
    Finds the last posting *before* the instant.
    """

    def posting_at(self, account_id: AccountId, instant: datetime) -> Posting | None:
        if instant == contract.FIRST_INSTANT:
            return None
        return super().posting_at(account_id, instant - timedelta(microseconds=1))


@_fails("a_history_is_read_by_versions", "a_history_ends_after_its_last_version")
class BeginsHistoriesAtAfter(MemoryStore):
    """
    Gives the version *after* itself too.
    """

    def history(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        return super().history(account_id, after=after - 1, limit=limit)


@_fails("accounts_come_in_the_order_of_their_ids")
class SortsWithoutCase(MemoryStore):
    """
    Sorts ids as people do, ``a`` beside ``A``.
    """

    def accounts(self, *, after: AccountId | None = None, limit: int = 1000) -> Sequence[Account]:
        return sorted(
            super().accounts(after=after, limit=limit), key=lambda each: each.id.value.lower()
        )


@_fails("accounts_begin_after_an_id", "accounts_come_in_the_order_of_their_ids")
class BeginsAccountsAtAfter(MemoryStore):
    """
    Gives the account *after* itself too, unless nothing follows it.
    """

    def accounts(self, *, after: AccountId | None = None, limit: int = 1000) -> Sequence[Account]:
        page = super().accounts(after=after, limit=limit)
        if after is None or not page or ("account", after.value) not in self._kept:
            return page
        return (self.account(after), *page)


@_fails("limits_have_bounds")
class TakesAnyLimit(MemoryStore):
    """
    Makes a limit out of whatever is given.
    """

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        is_usable = type(limit) is int and 1 <= limit <= 10_000
        return super().journal(after=after, limit=limit if is_usable else 1000)


@_fails("a_foreign_cursor_is_refused")
class TakesAnyCursor(MemoryStore):
    """
    Begins at the beginning for what it does not understand.
    """

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        is_usable = after is None or (after.token.isdecimal() and len(after.token) < 19)
        return super().journal(after=after if is_usable else None, limit=limit)


@_fails("a_place_beyond_the_end_has_no_more_yet")
class WrapsAround(MemoryStore):
    """
    Begins at the beginning for a place beyond the end.
    """

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        if after is not None and after.token.isdecimal() and int(after.token) > 1:
            after = None
        return super().journal(after=after, limit=limit)


@_fails("what_is_unknown_is_an_error")
class AnswersWithNothing(MemoryStore):
    """
    Has no history where there is no account, which looks like an account without one.
    """

    def history(
        self, account_id: AccountId, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        if ("account", account_id.value) not in self._kept:
            return ()
        return super().history(account_id, after=after, limit=limit)


class _Seeing(MemoryStore):
    """
    Shows *decide* something else than there is.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        return super().transact(reads, lambda snapshot: decide(self.seen(snapshot, reads)))

    def seen(self, snapshot: Snapshot, reads: ReadSet) -> Snapshot:
        raise NotImplementedError


@_fails("an_original_comes_with_its_accounts")
class ForgetsAccountsOfOriginals(_Seeing):
    """
    Shows of an original its record alone.
    """

    def seen(self, snapshot: Snapshot, reads: ReadSet) -> Snapshot:
        named = {key: each for key, each in snapshot.accounts.items() if key in reads.account_ids}
        return attrs.evolve(snapshot, accounts=named)


@_fails("an_original_comes_with_its_accounts", "a_transaction_is_reversed_once")
class ForgetsReversals(_Seeing):
    """
    Does not know what was reversed.
    """

    def seen(self, snapshot: Snapshot, reads: ReadSet) -> Snapshot:
        return attrs.evolve(snapshot, reversals={})


@_fails("holds_stay_as_they_were_written")
class SortsHolds(MemoryStore):
    """
    Gives an account's holds in the order of their ids.
    """

    def account(self, account_id: AccountId) -> Account:
        account = super().account(account_id)
        return attrs.evolve(account, holds=sorted(account.holds, key=lambda hold: hold.id))


@_fails("holds_stay_as_they_were_written")
class ForgetsCaptures(MemoryStore):
    """
    Gives holds as they were placed.
    """

    def account(self, account_id: AccountId) -> Account:
        account = super().account(account_id)
        placed = [attrs.evolve(hold, captured=hold.amount * 0) for hold in account.holds]
        return attrs.evolve(account, holds=placed)


@_fails("due_holds_are_found")
class FindsWhatIsNotYetDue(MemoryStore):
    """
    Takes *before* for the last instant that counts.
    """

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        end = min(before, contract.LAST_INSTANT - timedelta(microseconds=1))
        return super().holds_due(end + timedelta(microseconds=1), limit=limit)


@_fails("due_holds_are_found", "limits_have_bounds")
class FindsAllDueAtOnce(MemoryStore):
    """
    Knows no limit.
    """

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        return super().holds_due(before, limit=1000)


@_fails("due_holds_are_found")
class FindsTheLatestFirst(MemoryStore):
    """
    Begins with what is due last.
    """

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        return super().holds_due(before, limit=limit)[::-1]


@_fails("what_comes_back_equals_what_was_written")
class ForgetsBatches(_Changing):
    """
    Keeps a refusal without the commands that were undone with it.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(
            attrs.evolve(record, batch=()) if isinstance(record, Refusal) else record
            for record in written.records
        )
        return attrs.evolve(written, records=kept)


@_fails("what_comes_back_equals_what_was_written")
class ForgetsHolders(_Changing):
    """
    Keeps accounts without those who hold rights on them.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(attrs.evolve(account, holders=()) for account in written.accounts)
        return attrs.evolve(written, accounts=kept)


@_fails("what_comes_back_equals_what_was_written")
class ForgetsWhenRestrictionsEnd(_Changing):
    """
    Keeps restrictions without their ends.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(
            attrs.evolve(account, restriction_ends_at=None) for account in written.accounts
        )
        return attrs.evolve(written, accounts=kept)


@pytest.mark.parametrize(
    ("broken", "check"), BROKEN, ids=[f"{broken.__name__}-{check}" for broken, check in BROKEN]
)
def test_broken_store_is_found_out(broken: type[MemoryStore], check: str) -> None:
    """
    The check fails for the store that breaks its promise.
    """
    with pytest.raises(BaseException) as found:  # noqa: PT011  # a check may fail in any way but by skipping
        contract.CHECKS[check](broken())

    assert not isinstance(found.value, pytest.skip.Exception)


def test_every_check_can_fail() -> None:
    """
    For every check there is a store that fails it.
    """
    assert set(contract.CHECKS) == {check for _, check in BROKEN}
