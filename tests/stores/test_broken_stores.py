"""
Stores that were broken on purpose, and the checks that must find each of them out.

A check that cannot fail proves nothing: every store here breaks one promise, and the checks
named beside it fail for it. All of them are a `MemoryStore` but for one thing.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final, TypeVar

import attrs
import pytest
from under_test import FailingStore, HostedMemoryStore, MemoryHost, ModeFaults

from bankcore import (
    Account,
    AccountId,
    AccountStore,
    Currency,
    Hold,
    Money,
    Principal,
    TransactionId,
)
from bankcore.access import Denial, Token
from bankcore.accounts import AMOUNT_MINOR_MAX
from bankcore.commands import OpenAccount
from bankcore.errors import AccountNotFoundError, OutcomeUnknownError, StoreUnavailableError
from bankcore.ledger import (
    GENESIS,
    LIMIT_MAX,
    ChainedPage,
    Cursor,
    Page,
    Posting,
    ReadSet,
    Refusal,
    Snapshot,
    StoreDescription,
    Transaction,
    TransactionQuery,
    WriteSet,
    content_of,
    next_head,
    require_limit,
    touched_accounts,
)
from bankcore.stores import MemoryStore
from bankcore.testing import Capabilities
from bankcore.testing._conformance import CHECKS
from bankcore.testing._conformance.helpers import FIRST_INSTANT, LAST_INSTANT, append, refusal
from bankcore.values import Metadata, PrincipalId

#: What is broken: what makes the store, what it claims, and the check that must fail.
BROKEN: Final[list[tuple[str, Callable[[], AccountStore], Capabilities, str]]] = []

_Store = TypeVar("_Store", bound=MemoryStore)


def _fails(*checks: str, **claims: Any) -> Callable[[type[_Store]], type[_Store]]:
    """
    Enter the class that follows, with what it claims, as failing these checks.
    """

    def add(broken: type[_Store]) -> type[_Store]:
        claimed = Capabilities(**claims)
        BROKEN.extend((f"{broken.__name__}-{check}", broken, claimed, check) for check in checks)
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


@_fails(
    "what_was_written_is_read_at_once",
    "units_that_share_an_account_take_turns",
    "nothing_acknowledged_is_lost_under_faults",
    "the_journal_extends_every_order_of_versions",
)
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


@_fails("records_keep_the_order_they_were_written_in")
class WritesMoneyFirst(_Changing):
    """
    Writes what moved money before what was declined in the same unit.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        records = sorted(written.records, key=lambda each: isinstance(each, Refusal))
        return attrs.evolve(written, records=tuple(records))


@_fails("holds_stay_as_they_were_written")
class ShowsHoldsBackwards(MemoryStore):
    """
    Shows *decide* the holds of each account from the last to the first.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        def backwards(snapshot: Snapshot) -> WriteSet:
            accounts = {
                each: attrs.evolve(account, holds=account.holds[::-1])
                for each, account in snapshot.accounts.items()
            }
            return decide(attrs.evolve(snapshot, accounts=accounts))

        return super().transact(reads, backwards)


@_fails("decide_raising_passes_unchanged")
class BlamesItself(MemoryStore):
    """
    Takes a wrong value that *decide* found for trouble of its own.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        try:
            return super().transact(reads, decide)
        except ValueError as error:
            raise StoreUnavailableError(str(error)) from error


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


@_fails("texts_come_back")
class ForgetsWhoAsked(_Changing):
    """
    Keeps records without their principals.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(attrs.evolve(record, principal=None) for record in written.records)
        return attrs.evolve(written, records=kept)


@_fails("transactions_of_every_command_come_back", "refusals_of_every_kind_come_back")
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


@_fails("an_empty_store_has_nothing", "nothing_to_write_writes_nothing")
class KeepsMoreThanItWasGiven(MemoryStore):
    """
    Writes a record of its own with every unit, and one when it is made.
    """

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()
        append(self, [refusal("first")])

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        written = super().transact(reads, decide)
        own = WriteSet(records=(refusal(f"own-{next(self._numbers)}"),))
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


@_fails(
    "the_journal_is_read_page_by_page",
    "an_empty_page_keeps_the_place",
    "a_follower_of_the_journal_misses_nothing",
)
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


@_fails(
    "units_that_share_an_account_take_turns",
    "units_that_share_an_id_take_turns",
    "racers_with_one_id_have_one_effect",
    "nobody_overspends",
    "transfers_in_a_circle_all_end",
)
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
        self._thread = threading.get_ident()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        seen: list[Snapshot] = []

        def read(snapshot: Snapshot) -> WriteSet:
            seen.append(snapshot)
            return WriteSet()

        super().transact(reads, read)
        if threading.get_ident() != self._thread and next(self._numbers) < 2:
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
            append(super(), [record], written.accounts)  # type: ignore[arg-type]  # mypy has no type for super()
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
        self._seen: dict[str, Account] = {}

    def account(self, account_id: AccountId | str) -> Account:
        return self._seen.setdefault(str(account_id), super().account(account_id))


@_fails("postings_are_found_by_instant", "postings_are_found_at_the_ends_of_time")
class ForgetsTheInstantItself(MemoryStore):
    """
    Finds the last posting *before* the instant.
    """

    def posting_at(self, account_id: AccountId | str, instant: datetime) -> Posting | None:
        if instant == FIRST_INSTANT:
            return None
        return super().posting_at(account_id, instant - timedelta(microseconds=1))


@_fails("a_history_is_read_by_versions", "a_history_ends_after_its_last_version")
class BeginsHistoriesAtAfter(MemoryStore):
    """
    Gives the version *after* itself too.
    """

    def history(
        self, account_id: AccountId | str, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        return super().history(account_id, after=after - 1, limit=limit)


@_fails("accounts_come_in_the_order_of_their_ids")
class SortsWithoutCase(MemoryStore):
    """
    Sorts ids as people do, ``a`` beside ``A``.
    """

    def accounts(
        self, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        return sorted(
            super().accounts(after=after, limit=limit), key=lambda each: each.id.value.lower()
        )


@_fails("accounts_begin_after_an_id", "accounts_come_in_the_order_of_their_ids")
class BeginsAccountsAtAfter(MemoryStore):
    """
    Gives the account *after* itself too, unless nothing follows it.
    """

    def accounts(
        self, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        page = super().accounts(after=after, limit=limit)
        if after is None or not page or ("account", str(after)) not in self._kept:
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
        self, account_id: AccountId | str, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        if ("account", str(account_id)) not in self._kept:
            return ()
        return super().history(account_id, after=after, limit=limit)


class _LeavesAsItWas(_Changing):
    """
    Writes a setting of an account only together with another one.
    """

    setting = ""
    needs = ""

    def changed(self, written: WriteSet) -> WriteSet:
        return attrs.evolve(written, accounts=tuple(map(self._as_before, written.accounts)))

    def _as_before(self, account: Account) -> Account:
        before = self._kept.get(("account", account.id.value))
        if before is None or getattr(account, self.needs) != getattr(before, self.needs):
            return account
        return attrs.evolve(account, **{self.setting: getattr(before, self.setting)})


@_fails("each_setting_changes_alone")
class LeavesTheReason(_LeavesAsItWas):
    setting, needs = "restriction_reason", "restriction"


@_fails("each_setting_changes_alone")
class LeavesTheEnd(_LeavesAsItWas):
    setting, needs = "restriction_ends_at", "restriction_reason"


@_fails("each_setting_changes_alone")
class LeavesTheHolders(_LeavesAsItWas):
    setting, needs = "holders", "restriction"


@_fails("each_setting_changes_alone")
class LeavesTheHolds(_LeavesAsItWas):
    setting, needs = "holds", "balance"


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


@_fails(
    "an_original_comes_with_its_accounts",
    "a_transaction_is_reversed_once",
    "a_reversal_is_found",
    "parts_never_exceed_what_they_reverse",
    "what_waits_with_its_reversals_is_reversed_once",
)
class ForgetsReversals(_Seeing):
    """
    Does not know what was reversed.
    """

    def seen(self, snapshot: Snapshot, reads: ReadSet) -> Snapshot:
        return attrs.evolve(snapshot, reversals={})


@_fails("a_reversal_is_found", "parts_never_exceed_what_they_reverse")
class KnowsTheLastReversal(_Seeing):
    """
    Knows of each original the last reversal alone.
    """

    def seen(self, snapshot: Snapshot, reads: ReadSet) -> Snapshot:
        last = {original: each[-1:] for original, each in snapshot.reversals.items()}
        return attrs.evolve(snapshot, reversals=last)


@_fails("a_reversal_is_found")
class SortsReversals(_Seeing):
    """
    Gives the reversals of an original in the order of their ids.
    """

    def seen(self, snapshot: Snapshot, reads: ReadSet) -> Snapshot:
        ordered = {
            original: tuple(sorted(each, key=lambda command: str(command.transaction_id)))
            for original, each in snapshot.reversals.items()
        }
        return attrs.evolve(snapshot, reversals=ordered)


@_fails("holds_stay_as_they_were_written")
class SortsHolds(MemoryStore):
    """
    Gives an account's holds in the order of their ids.
    """

    def account(self, account_id: AccountId | str) -> Account:
        account = super().account(account_id)
        return attrs.evolve(account, holds=sorted(account.holds, key=lambda hold: hold.id))


@_fails("holds_stay_as_they_were_written")
class ForgetsCaptures(MemoryStore):
    """
    Gives holds as they were placed.
    """

    def account(self, account_id: AccountId | str) -> Account:
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
        end = min(before, LAST_INSTANT - timedelta(microseconds=1))
        return super().holds_due(end + timedelta(microseconds=1), limit=limit)


@_fails("due_holds_come_a_page_at_a_time", "limits_have_bounds")
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


@_fails("refusals_of_every_kind_come_back")
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


@_fails("accounts_in_every_state_come_back")
class ForgetsHolders(_Changing):
    """
    Keeps accounts without those who hold rights on them.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(attrs.evolve(account, holders=()) for account in written.accounts)
        return attrs.evolve(written, accounts=kept)


@_fails("accounts_in_every_state_come_back")
class ForgetsWhenRestrictionsEnd(_Changing):
    """
    Keeps restrictions without their ends.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(
            attrs.evolve(account, restriction_ends_at=None) for account in written.accounts
        )
        return attrs.evolve(written, accounts=kept)


# -- More that can be broken -------------------------------------------------


@_fails(
    "a_command_sent_again_is_booked_once",
    "an_id_stands_for_one_command",
    "a_unit_run_twice_counts_once",
    "the_same_id_settles_a_lost_answer",
)
class SeesNoRecords(_Seeing):
    """
    Never shows *decide* what is recorded.
    """

    def seen(self, snapshot: Snapshot, reads: ReadSet) -> Snapshot:
        return attrs.evolve(snapshot, recorded={})


@_fails("what_is_returned_is_what_was_written")
class DecidesOnceMore(MemoryStore):
    """
    Writes what *decide* came to, and asks it again for what to return.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        seen: list[Snapshot] = []

        def remembering(snapshot: Snapshot) -> WriteSet:
            seen.append(snapshot)
            return decide(snapshot)

        super().transact(reads, remembering)
        return decide(seen[-1])


@_fails("what_was_read_does_not_change")
class GivesWhatItKeeps(MemoryStore):
    """
    Gives the very list that it keeps of its accounts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._list: list[Account] = []

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        written = super().transact(reads, decide)
        self._list[:] = super().accounts(limit=10_000)
        return written

    def accounts(
        self, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        return self._list


@_fails("every_decision_is_made_on_what_there_is")
class RemembersSnapshots(MemoryStore):
    """
    Reads once what is asked for in the same words.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[ReadSet, Snapshot] = {}

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        return super().transact(
            reads, lambda snapshot: decide(self._seen.setdefault(reads, snapshot))
        )


@_fails("many_records_are_one_unit")
class WritesTheFirstThousand(_Changing):
    """
    Writes no more than 1,000 records of a unit.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        return attrs.evolve(written, records=written.records[:1000])


@_fails("a_cursor_keeps_its_place")
class BeginsWithTheNewest(MemoryStore):
    """
    Gives the journal from its end, so that every place moves with every record.
    """

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        place = 0 if after is None else int(after.token)
        newest = super().journal(limit=10_000).records[::-1][place : place + limit]
        return Page(newest, Cursor(str(place + len(newest))) if newest else after)


@_fails("a_failed_batch_leaves_its_refusal_alone")
class WritesTheBatchThatFailed(_Changing):
    """
    Keeps what a refusal says that was undone.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept: list[Transaction | Refusal] = []
        for record in written.records:
            undone = record.batch if isinstance(record, Refusal) else ()
            kept += (
                attrs.evolve(record, id=TransactionId(f"{each.transaction_id}")) for each in undone
            )
            kept.append(record)
        return attrs.evolve(written, records=tuple(kept))


@_fails("the_longest_ids_are_kept")
class CutsIds(MemoryStore):
    """
    Looks accounts up by the first 63 characters of their ids.
    """

    def account(self, account_id: AccountId | str) -> Account:
        found = [
            each
            for each in self.accounts(limit=10_000)
            if each.id.value[:63] == str(account_id)[:63]
        ]
        return found[0] if found else super().account(account_id)


@_fails("due_holds_come_a_page_at_a_time")
class GivesOneMore(MemoryStore):
    """
    Gives one hold more than was asked for.
    """

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        return super().holds_due(before, limit=limit + 1)


@_fails("a_hold_that_is_over_is_not_due")
class ForgetsNoHold(MemoryStore):
    """
    Finds every hold as it was placed, whatever has become of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._placed: dict[TransactionId, tuple[AccountId, Hold]] = {}

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        written = super().transact(reads, decide)
        for account in written.accounts:
            for hold in account.holds:
                self._placed.setdefault(hold.id, (account.id, hold))
        return written

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        return [each for each in self._placed.values() if each[1].is_due(before)]


@_fails("amounts_of_every_currency_come_back")
class KeepsFloats(_Changing):
    """
    Keeps amounts as binary floats, which hold 53 bits.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(map(self._in_a_float, written.accounts))
        return attrs.evolve(written, accounts=kept)

    def _in_a_float(self, account: Account) -> Account:
        limit = account.overdraft_limit
        minor = min(int(float(limit.amount_minor)), AMOUNT_MINOR_MAX)
        return attrs.evolve(account, overdraft_limit=Money.from_minor(minor, limit.currency))


@_fails("amounts_of_every_currency_come_back")
class ForgetsExponents(_Changing):
    """
    Takes every currency for one of the table.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(
            account
            for account in written.accounts
            if account.balance.currency.exponent == Currency("EUR").exponent
        )
        return attrs.evolve(written, accounts=kept)


@_fails("texts_come_back")
class StripsTexts(_Changing):
    """
    Keeps descriptions without the spaces around them.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(
            attrs.evolve(
                record,
                command=attrs.evolve(
                    record.command, description=(record.command.description or "").strip() or None
                ),
            )
            for record in written.records
        )
        return attrs.evolve(written, records=kept)


@_fails("instants_come_back")
class CutsMicroseconds(_Changing):
    """
    Keeps whole seconds.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(
            attrs.evolve(record, booked_at=record.booked_at.replace(microsecond=0))
            if isinstance(record, Transaction)
            else record
            for record in written.records
        )
        return attrs.evolve(written, records=kept)


@_fails("transactions_of_every_command_come_back")
class KeepsOnePosting(_Changing):
    """
    Keeps the first posting of a transaction.
    """

    def changed(self, written: WriteSet) -> WriteSet:
        kept = tuple(
            attrs.evolve(record, postings=record.postings[:1])
            if isinstance(record, Transaction)
            else record
            for record in written.records
        )
        return attrs.evolve(written, records=kept)


# -- Threads -----------------------------------------------------------------


@_fails("other_threads_read_what_was_written", "nobody_overspends")
class KeepsAStoreForEachThread(MemoryStore):
    """
    Keeps for every thread what that thread has written.
    """

    def __init__(self) -> None:
        super().__init__()
        first = self._kept
        self._first = first
        self._of_threads = threading.local()
        self._thread = threading.get_ident()

    def _own(self) -> dict[Any, Any]:
        if threading.get_ident() == self._thread:
            return self._first
        own: dict[Any, Any] = self._of_threads.__dict__.setdefault(
            "kept", {("length",): 0, ("count",): 0}
        )
        return own

    def __getattribute__(self, name: str) -> Any:
        if name == "_kept" and "_of_threads" in self.__dict__:
            return self._own()
        return super().__getattribute__(name)


class _Meeting(MemoryStore):
    """
    Lets the first two units that threads send here meet in the middle.
    """

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()
        self._meeting = threading.Barrier(2)
        self._thread = threading.get_ident()

    def meet(self) -> None:
        if threading.get_ident() != self._thread and next(self._numbers) < 2:
            self._meeting.wait()


@_fails("units_with_nothing_in_common_are_all_kept")
class WritesEverythingBack(_Meeting):
    """
    Copies all that there is, changes the copy, and puts it in the place of what there is now.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        copied = dict(self._kept)
        self.meet()
        own = MemoryStore()
        own._kept = copied
        written = own.transact(reads, decide)
        self._kept = own._kept
        return written


@_fails("units_that_wait_are_done_one_after_the_other", "an_id_that_waits_twice_is_booked_once")
class ReadsBeforeItWaits(MemoryStore):
    """
    Shows a unit that waits what there was before it waited.

    The first two that read something here have both read before either writes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()
        self._both_have_read = threading.Barrier(2)
        self._thread = threading.get_ident()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        if threading.get_ident() == self._thread or not reads.account_ids:
            return super().transact(reads, decide)
        before = Snapshot(
            self._found("record", reads.transaction_ids), self._found("account", reads.account_ids)
        )
        if next(self._numbers) < 2:
            self._both_have_read.wait()
        return super().transact(reads, lambda _: decide(before))


@_fails("a_unit_that_fails_among_others_fails_alone")
class BlamesAllThatWait(MemoryStore):
    """
    Tells every unit that waits of the bug of one of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._has_failed = threading.Event()
        self._thread = threading.get_ident()
        self._error = Exception()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        is_alone = threading.get_ident() == self._thread or not reads.account_ids
        if not is_alone and reads.transaction_ids:
            self._has_failed.wait()
            raise self._error
        try:
            return super().transact(reads, decide)
        except RuntimeError as error:
            self._error = error
            self._has_failed.set()
            raise


@_fails("doubt_is_told_to_all_that_waited", faults=ModeFaults)
class TellsOneOfTheDoubt(FailingStore):
    """
    Tells the first of those that wait that their commit is in doubt, and the others that all is
    well.
    """

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        try:
            return super().transact(reads, decide)
        except OutcomeUnknownError:
            if not reads.account_ids or next(self._numbers) == 0:
                raise
            return WriteSet()


@_fails("a_reader_sees_no_half_of_a_unit")
class WritesInTwoSteps(MemoryStore):
    """
    Writes one account of a unit, waits for somebody to read, and writes the rest.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_half = threading.Event()
        self._was_read = threading.Event()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        decided: list[WriteSet] = []

        def half(snapshot: Snapshot) -> WriteSet:
            decided.append(decide(snapshot))
            for account in decided[-1].accounts[:1]:
                if account.version > 1:
                    self._kept["account", account.id.value] = account
                    self._is_half.set()
                    self._was_read.wait(10)
            return decided[-1]

        return super().transact(reads, half)

    def accounts(
        self, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        # Without the lock that the unit holds.
        kept = self._kept
        if self._is_half.is_set():
            self._was_read.set()
        return [
            kept["account", key] for key in sorted(str(k[1]) for k in kept if k[0] == "account")
        ]


@_fails("a_snapshot_is_of_one_moment")
class ShowsHalves(WritesInTwoSteps):
    """
    Shows who only looks what there is at this moment, without the lock.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        if reads.transaction_ids:
            return super().transact(reads, decide)
        accounts = {each.id: each for each in self.accounts()}
        return decide(Snapshot({}, accounts))


# -- Processes, and stores that are opened again -----------------------------


@_fails(
    "no_update_of_another_process_is_lost",
    "racing_processes_with_one_id_have_one_effect",
    "processes_do_not_overspend",
    "processes_reverse_no_more_than_there_is",
    "a_process_reads_what_another_wrote",
    "what_was_written_is_there_when_opened_again",
    "ids_are_known_when_opened_again",
    "cursors_are_good_when_opened_again",
    "versions_go_on_when_opened_again",
    opener=lambda _: MemoryStore,
    processes=True,
)
class IsEmptyElsewhere(MemoryStore):
    """
    Claims to be opened again, and begins anew.
    """


# -- Faults ------------------------------------------------------------------


@_fails("a_conflict_leaves_no_trace", "a_failure_before_the_commit_writes_nothing")
class ReservesIds(MemoryStore):
    """
    Takes an id before it is decided upon, and gives it back only where something was written.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        def reserving(snapshot: Snapshot) -> WriteSet:
            new = [each for each in reads.transaction_ids if each not in snapshot.recorded]
            for each in new:
                self._kept["record", each.value] = refusal(each.value)
            written = decide(snapshot)
            for each in new if written.records else ():
                del self._kept["record", each.value]
            return written

        return super().transact(reads, reserving)


@_fails("the_audit_is_clean")
class AddsACent(MemoryStore):
    """
    Shows every account a cent richer than its journal says.
    """

    def account(self, account_id: AccountId | str) -> Account:
        return self._richer(super().account(account_id))

    def accounts(
        self, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        return [self._richer(each) for each in super().accounts(after=after, limit=limit)]

    def _richer(self, account: Account) -> Account:
        return attrs.evolve(account, balance=account.balance + Money("0.01", "EUR"))


@_fails("a_sound_store_finds_nothing_wrong", self_checking=True)
class IsNeverSound(MemoryStore):
    """
    Always finds something wrong with itself.
    """

    def integrity_errors(self) -> Sequence[str]:
        return ["a page is missing"]


@_fails("every_transaction_is_tied_to_the_one_before_it", chained=True)
class TiesToNothing(MemoryStore):
    """
    Ties no transaction to the one before it: every hash is that of a first one.
    """

    def chained_journal(self, *, after: Cursor | None = None, limit: int = 1000) -> ChainedPage:
        page = self.journal(after=after, limit=limit)
        hashes = tuple(
            (next_head(GENESIS, content_of(record)),) * len(touched_accounts(record))
            for record in page.records
        )
        return ChainedPage(page.records, page.next, hashes)


@_fails("every_transaction_is_tied_to_the_one_before_it", chained=True)
class ForgetsTheHead(MemoryStore):
    """
    Says of every chain that it has not begun.
    """

    def chain_head(self, account_id: AccountId | str) -> tuple[int, bytes]:
        return self.account(account_id).version, GENESIS


@_fails("hashes_come_with_their_records", chained=True)
class ReadsHashesFromTheBeginning(MemoryStore):
    """
    Gives the hashes of the first records, whatever position it is asked for.
    """

    def chained_journal(self, *, after: Cursor | None = None, limit: int = 1000) -> ChainedPage:
        page = self.journal(after=after, limit=limit)
        first = super().chained_journal(limit=limit)
        return ChainedPage(page.records, page.next, first.hashes[: len(page.records)])


@_fails("wide_transactions_come_page_by_page")
class CutsWideTransactions(MemoryStore):
    """
    Keeps no more than a hundred lines of a history's transaction.
    """

    def history(
        self, account_id: AccountId | str, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        found = super().history(account_id, after=after, limit=limit)
        return [attrs.evolve(each, postings=each.postings[:100]) for each in found]


@_fails("a_history_is_read_by_versions", "the_journal_is_read_page_by_page")
class GivesMoreThanAsked(MemoryStore):
    """
    Takes a limit for a wish.
    """

    def history(
        self, account_id: AccountId | str, *, after: int = 0, limit: int = 1000
    ) -> Sequence[Transaction]:
        return super().history(account_id, after=after, limit=limit + 1)

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        return super().journal(after=after, limit=min(limit + 1, LIMIT_MAX))


@_fails("a_chain_of_nobody_is_an_error", chained=True)
class HasAChainForEverybody(MemoryStore):
    """
    Gives an account that is not there a chain of no transactions.
    """

    def chain_head(self, account_id: AccountId | str) -> tuple[int, bytes]:
        with suppress(AccountNotFoundError):
            return super().chain_head(account_id)
        return 0, GENESIS


@_fails("the_accounts_of_a_holder_are_found", holder_index=True)
class ListsTheNewestFirst(MemoryStore):
    """
    Gives the accounts of a holder from the last id to the first.
    """

    def accounts_of(
        self, holder: PrincipalId | str, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        return super().accounts_of(holder, after=after, limit=limit)[::-1]


@_fails("who_holds_what_changes_at_once", holder_index=True)
class RemembersWhoOpened(MemoryStore):
    """
    Goes by who held an account when it was opened, and not by who does now.
    """

    def accounts_of(
        self, holder: PrincipalId | str, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        found = []
        for account in self.accounts(after=after, limit=limit):
            (opened,) = self.history(account.id, limit=1)
            if isinstance(opened.command, OpenAccount) and opened.command.holder == holder:
                found.append(account)
        return found


@_fails("the_accounts_of_a_holder_come_in_pages", holder_index=True)
class ForgetsWhereItWas(MemoryStore):
    """
    Begins every page of a holder's accounts with the first.
    """

    def accounts_of(
        self, holder: PrincipalId | str, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        return super().accounts_of(holder, limit=limit)


@_fails("transactions_are_found_by_what_they_say", finding=True)
class LooksAtCapitals(MemoryStore):
    """
    Finds a text only as it is written.
    """

    def transactions(self, query: TransactionQuery, *, limit: int = 1000) -> Sequence[Transaction]:
        return [
            each
            for each in super().transactions(query, limit=limit)
            if query.text is None or query.text in (each.command.description or "")
        ]


@_fails("transactions_come_in_the_order_of_their_times", finding=True)
class FindsInTheOrderOfTheJournal(MemoryStore):
    """
    Gives what is found as it was recorded, whatever its time.
    """

    def transactions(self, query: TransactionQuery, *, limit: int = 1000) -> Sequence[Transaction]:
        found = super().transactions(query, limit=limit)
        numbers = [record.id for record in self.journal(limit=1000).records]
        return sorted(found, key=lambda each: numbers.index(each.id), reverse=query.newest_first)


@_fails("transactions_come_in_pages", finding=True)
class FindsTheLastAgain(MemoryStore):
    """
    Begins a page with the transaction that was the last of the page before, if it has a place.
    """

    def transactions(self, query: TransactionQuery, *, limit: int = 1000) -> Sequence[Transaction]:
        found = super().transactions(query, limit=limit)
        if query.after is None or not found:
            return found
        last = self.outcome(query.after)
        assert isinstance(last, Transaction)
        return [last, *found][:limit] if limit > 1 else found


@_fails("accounts_are_found_by_their_metadata", finding=True)
class FindsByOnePair(MemoryStore):
    """
    Finds the accounts that have any of the pairs.
    """

    def accounts_with(
        self, metadata: Metadata, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        first, *_ = metadata.items()
        return super().accounts_with(Metadata(dict([first])), after=after, limit=limit)


@_fails("denials_come_back", denial_log=True)
class KeepsADenialOnce(MemoryStore):
    """
    Takes a denial for one that it has already, where it is equal.
    """

    def record_denial(self, denial: Denial) -> None:
        if denial not in self.denials():
            super().record_denial(denial)


@_fails("the_latest_denials_come_first", denial_log=True)
class GivesTheOldestDenials(MemoryStore):
    """
    Leaves the latest denials out where there are more than are asked for.
    """

    def denials(self, *, limit: int = 1000) -> Sequence[Denial]:
        super().denials(limit=limit)
        return super().denials()[-limit:]


@_fails("denials_are_kept_apart", denial_log=True)
class RecordsADenialAsARefusal(MemoryStore):
    """
    Writes a denial into the journal as well.
    """

    def record_denial(self, denial: Denial) -> None:
        super().record_denial(denial)
        name = f"denial-{len(self.denials())}"
        self.transact(ReadSet((), ()), lambda _: WriteSet(records=(refusal(name),)))


@_fails("tokens_come_back", token_store=True)
class ForgetsScopes(MemoryStore):
    """
    Keeps of a token's principal its id and its roles.
    """

    def token(self, token_id: str) -> Token:
        token = super().token(token_id)
        principal = Principal(token.principal.id, token.principal.roles)
        return attrs.evolve(token, principal=principal)


@_fails("a_tokens_id_is_taken_once", token_store=True)
class ExchangesTokens(MemoryStore):
    """
    Puts a second token of an id in the place of the first.
    """

    def add_token(self, token: Token) -> None:
        self._tokens.pop(token.id, None)
        super().add_token(token)


@_fails("a_token_of_nobody_is_an_error", token_store=True)
class IgnoresCase(MemoryStore):
    """
    Finds a token by its id in capital letters too.
    """

    def token(self, token_id: str) -> Token:
        return super().token(token_id.lower())


@_fails("a_dead_token_authenticates_nobody", token_store=True)
class RevokesNothing(MemoryStore):
    """
    Says that a token is revoked, and keeps it.
    """

    def revoke_token(self, token_id: str, revoked_at: datetime) -> None:
        self.token(token_id)


@_fails("a_dead_token_authenticates_nobody", token_store=True)
class KnowsATokenByHeart(MemoryStore):
    """
    Gives a token as it was when it was first asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, Token] = {}

    def token(self, token_id: str) -> Token:
        return self._known.setdefault(token_id, super().token(token_id))


@_fails("a_dead_token_authenticates_nobody", "tokens_come_back", token_store=True)
class ForgetsWhenTokensExpire(MemoryStore):
    """
    Keeps tokens for ever.
    """

    def add_token(self, token: Token) -> None:
        super().add_token(attrs.evolve(token, expires_at=None))


@_fails(
    "a_dead_token_authenticates_nobody",
    token_store=True,
    opener=lambda store: partial(RevokesForNow, store),
)
class RevokesForNow(MemoryStore):
    """
    Opened again, it has every token as it was issued.
    """

    def __init__(self, before: "RevokesForNow | None" = None) -> None:
        super().__init__()
        for token in () if before is None else before.tokens():
            self.add_token(attrs.evolve(token, revoked_at=None))


@_fails("a_token_is_revoked_once", token_store=True)
class RevokesAnew(MemoryStore):
    """
    Says of a token that it was revoked when it was revoked last.
    """

    def revoke_token(self, token_id: str, revoked_at: datetime) -> None:
        self._tokens[token_id] = attrs.evolve(self.token(token_id), revoked_at=None)
        super().revoke_token(token_id, revoked_at)


@_fails("tokens_come_in_pages", token_store=True)
class GivesTheTokenAskedAfter(MemoryStore):
    """
    Begins a page of tokens with the one that it was to come after.
    """

    def tokens(self, *, after: str = "", limit: int = 1000) -> Sequence[Token]:
        require_limit(limit)
        return [token for token in super().tokens() if token.id >= after][:limit]


@_fails("an_outline_is_the_account_without_its_holds", outlining=True)
class OutlinesTheFirst(MemoryStore):
    """
    Gives the outline of its first account, whichever is asked for.
    """

    def outline(self, _: AccountId) -> Account:
        return attrs.evolve(self.accounts()[0], holds=())


@_fails("an_outline_is_the_account_without_its_holds", outlining=True)
class KeepsHoldsInOutlines(MemoryStore):
    """
    Gives the whole account as its outline.
    """

    def outline(self, account_id: AccountId) -> Account:
        return self.account(account_id)


@_fails("a_probe_changes_nothing", probing=True)
class KeepsItsProbes(MemoryStore):
    """
    Tries whether it can write by a record that stays.
    """

    def probe(self) -> None:
        append(self, [refusal(f"probe-{len(self.journal().records)}")])


@_fails("a_probe_changes_nothing", probing=True, faults=ModeFaults)
class TriesNothing(FailingStore):
    """
    Says that it can write without a try.
    """

    def probe(self) -> None:
        pass


@_fails("a_store_says_what_it_is_made_of", describing=True)
class SaysNothingOfItself(MemoryStore):
    """
    Describes itself with an empty text.
    """

    def describe(self) -> StoreDescription:
        return StoreDescription("", "in memory", 0, "none", {})


@_fails(
    "a_busy_store_is_unavailable",
    "an_error_before_the_commit_is_certain",
    "an_error_of_the_commit_leaves_it_open",
    "a_lost_answer_leaves_it_open",
    faults=ModeFaults,
)
class RaisesWhatTheDriverRaises(FailingStore):
    """
    Lets the errors of its driver through.
    """

    def busy_error(self) -> Exception:
        return TimeoutError("as planned")

    def error_of(self, mode: str) -> Exception:
        return OSError(5, "as planned")


@_fails("a_busy_store_is_unavailable", faults=ModeFaults)
class DoesItAllTheSame(FailingStore):
    """
    Says that it was busy, after it has done the unit.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        mode, self.mode = self.mode, None
        written = super().transact(reads, decide)
        if mode is not None:
            raise StoreUnavailableError("as planned")
        return written


@_fails("an_error_of_the_commit_leaves_it_open", "a_lost_answer_leaves_it_open", faults=ModeFaults)
class IsSureInDoubt(FailingStore):
    """
    Takes an error of the commit for a certain one.
    """

    def error_of(self, mode: str) -> Exception:
        return StoreUnavailableError("as planned")


# -- The host's transaction --------------------------------------------------


def _host_fails(*checks: str) -> Callable[[type[MemoryHost]], type[MemoryHost]]:
    def add(broken: type[MemoryHost]) -> type[MemoryHost]:
        BROKEN.extend(
            (f"{broken.__name__}-{check}", MemoryStore, Capabilities(host=broken), check)
            for check in checks
        )
        return broken

    return add


@_host_fails("a_row_and_a_deposit_are_committed_together")
class WritesNothingInTransactions(MemoryHost):
    """
    Forgets with the commit what the store has written after the first.
    """

    def commit(self) -> None:
        if self._rows:
            self._store.restore(self._saved[0])
        super().commit()


@_host_fails("a_row_and_a_deposit_vanish_together")
class CommitsByItself(MemoryHost):
    """
    Has a store that commits what it writes, so that a rollback is too late.
    """

    def rollback(self) -> None:
        kept = self._store.contents()
        super().rollback()
        self._store.restore(kept)


@_host_fails("a_unit_outside_a_transaction_is_misuse")
class WritesWithoutATransaction(MemoryHost):
    """
    Has a store that begins a transaction where there is none.
    """

    def commit(self) -> None:
        self._store.is_in_transaction = True


class _WithoutRefusals(HostedMemoryStore):
    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        def without(snapshot: Snapshot) -> WriteSet:
            written = decide(snapshot)
            kept = tuple(each for each in written.records if isinstance(each, Transaction))
            return attrs.evolve(written, records=kept)

        return super().transact(reads, without)


class _UndoesEverything(HostedMemoryStore):
    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        try:
            return super().transact(reads, decide)
        except Exception:
            self.restore({("length",): 0, ("count",): 0})
            raise


class _SaysNothing(HostedMemoryStore):
    in_host_transaction = False


@_host_fails("a_refusal_is_final_with_the_hosts_commit")
class ForgetsRefusalsOfHosts(MemoryHost):
    """
    Has a store that records no refusal.
    """

    def __init__(self) -> None:
        super().__init__(_WithoutRefusals)


@_host_fails("a_failed_unit_leaves_the_hosts_transaction", "a_unit_is_undone_alone")
class RollsBackTheHost(MemoryHost):
    """
    Has a store that undoes everything where it should undo its unit.
    """

    def __init__(self) -> None:
        super().__init__(_UndoesEverything)


@_host_fails("doubt_goes_to_the_application")
class LooksLikeAnyOther(MemoryHost):
    """
    Has a store that does not say that it is in the transaction of its host.
    """

    def __init__(self) -> None:
        super().__init__(_SaysNothing)


@_fails("decide_raising_passes_unchanged", time_limit=1.0)
class NeverLetsGo(MemoryStore):
    """
    Does not release its lock where *decide* raises: whoever comes next waits for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self._one_by_one = threading.Lock()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        self._one_by_one.acquire()
        written = super().transact(reads, decide)
        self._one_by_one.release()
        return written


# -- The test ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("make_store", "claimed", "check"),
    [each for _, *each in BROKEN],
    ids=[name for name, *_ in BROKEN],
)
def test_broken_store_is_found_out(
    make_store: Callable[[], AccountStore], claimed: Capabilities, check: str
) -> None:
    """
    The check fails for the store that breaks its promise.
    """
    with pytest.raises(BaseException) as found:  # noqa: PT011  # a check may fail in any way but by skipping
        CHECKS[check](make_store, claimed)

    assert not isinstance(found.value, pytest.skip.Exception)


def test_every_check_can_fail() -> None:
    """
    For every check there is a store that fails it.
    """
    assert set(CHECKS) == {check for *_, check in BROKEN}


def test_every_broken_store_claims_what_its_check_needs() -> None:
    """
    No store fails for want of what the check needs.
    """
    assert all(claimed.has(CHECKS[check].needs) for _, _, claimed, check in BROKEN)
