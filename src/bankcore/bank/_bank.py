"""
The bank: the object an application uses. Commands in, outcomes out, over a store.

Decided here: where ids and the time come from, and how an outcome reaches the
caller. A thin shell: it makes what `bankcore.bank._decide` may not make, hands everything
to the store in one `transact` (and again, by `bankcore.bank._retry`, where the outcome is in
doubt), and raises what came back as an error. No rule is known here, and no state is kept
but the counts of denials (`bankcore.access._denials`).
"""

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Final

import attrs

from bankcore.access import DenialLog, Policy, Principal, StandardPolicy
from bankcore.access._denials import DenialRecorder
from bankcore.access._guard import Guard
from bankcore.accounts import Account, Hold, Restriction
from bankcore.accounts._fields import to_version
from bankcore.bank._acting import ActingBank, Possibility
from bankcore.bank._calls import CommandCalls
from bankcore.bank._decide import Clock, Request, decide, expire, guarded_reads_of, reads_of
from bankcore.bank._retry import SYSTEM_TIMER, Timer, as_first_given, require_deadline, settle
from bankcore.commands import COMMANDS, CloseAccount, Command, ExpireHold, OpenAccount, Reverse
from bankcore.commands._errors import InvalidCommandError
from bankcore.ledger import (
    AccountStore,
    Checkpoint,
    ReadSet,
    Snapshot,
    Statement,
    StatementLine,
    Transaction,
    WriteSet,
    checkpoint_of,
    require_limit,
)
from bankcore.ledger._errors import InvalidBatchError, OutcomeUnknownError
from bankcore.ledger._statement import line_of
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import BankError, InvalidTimeError, shown
from bankcore.values._ids import to_account_id, to_transaction_id
from bankcore.values._instants import TICK, to_instant, to_instant_or_midnight

#: The most commands that one `Bank.execute` takes.
BATCH_LENGTH_MAX: Final = 100_000

_PAGE: Final = 1000
# An expiry is the bank's own.
_COMMAND_TYPES: Final = frozenset(COMMANDS.values()) - {ExpireHold}
_FIRST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
_LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _time_ordered_id() -> str:
    """
    A UUID of version 7 (RFC 9562): its first 48 bits are the time in milliseconds, so that
    new ids sort after older ones, which keeps a store's index of ids quick to write.
    """
    milliseconds = int(datetime.now(UTC).timestamp() * 1000)
    number = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    number = number & ~(0xF << 76) | (7 << 76)
    number = number & ~(0b11 << 62) | (0b10 << 62)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Bank(CommandCalls):
    """
    A bank over *store*.

        >>> from bankcore.stores import MemoryStore
        >>> bank = Bank(MemoryStore())
        >>> bank.open_account("alice", initial_balance=Money("100", "EUR")).account_id
        AccountId('alice')
        >>> bank.withdraw("alice", Money("30", "EUR")).postings[0].balance
        Money('70.00', 'EUR')

    Every command returns its `Transaction`, or raises and moves no money. With a
    ``transaction_id``, a command is safe to send again: the same id and the same
    command give the same outcome, and are booked once.

    Args:
        store: Where accounts and the journal are kept.
        clock: Gives the time, an aware ``datetime``; read once for each write.
        new_id: Gives a new id's text whenever none is given.
        max_clock_skew: How far an account's last posting may lie ahead of the clock.
        policy: Decides for those for whom the bank is `acting_as`; a `StandardPolicy` by
            default.
        deadline: How long an outcome that is not known is looked after before
            `OutcomeUnknownError` is raised: the same unit is run again, with the same ids.
            With zero, or on a store in the application's own transaction, it is raised at once.
        timer: What that waits by.

    Raises:
        InvalidTimeError: If *deadline* is not a ``timedelta`` of zero or more.
    """

    def __init__(
        self,
        store: AccountStore,
        *,
        clock: Callable[[], datetime] = _utc_now,
        new_id: Callable[[], str] = _time_ordered_id,
        max_clock_skew: timedelta = timedelta(seconds=5),
        policy: Policy | None = None,
        deadline: timedelta = timedelta(seconds=30),
        timer: Timer = SYSTEM_TIMER,
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._max_clock_skew = max_clock_skew
        self._deadline = require_deadline(deadline)
        self._timer = timer
        self._policy = StandardPolicy() if policy is None else policy
        self._denials = DenialRecorder(store) if isinstance(store, DenialLog) else None

    def acting_as(self, principal: Principal, *, request_id: str | None = None) -> ActingBank:
        """
        The bank for one who may not do everything: the same methods, each decided by the
        policy on the accounts as read.

            >>> from bankcore.stores import MemoryStore
            >>> bank = Bank(MemoryStore())
            >>> marys = bank.acting_as(Principal("mary", roles=["owner"]))
            >>> marys.open_account("m-1", initial_balance=Money("5", "EUR")).principal
            'mary'

        Args:
            principal: Who asks, as the application has made sure of it.
            request_id: What recorded denials say of where they came from: one line of text.

        Raises:
            InvalidPrincipalError: If *principal* is no `Principal`.
            InvalidTextError: If *request_id* is not one line of text.
        """
        return ActingBank(
            self,
            self._store,
            Guard(principal, self._policy),
            judged=self._judged,
            denials=self._denials,
            clock=self._now,
            request_id=request_id,
        )

    # -- Commands --

    def execute(
        self, commands: Iterable[Command], *, atomic: bool = False
    ) -> list[Transaction | BankError]:
        """
        One outcome for each command, in order, each seeing what the earlier ones did.

        One durable write, however many commands; at most 100,000. An outcome is the
        `Transaction`, or the error as a value. With *atomic*, all are booked or none
        is, and the first error is raised; either every command has a transaction id
        or none has.

        Raises:
            InvalidCommandError: If one is not a command. Nothing was written.
            InvalidBatchError: If there are too many, or ids are mixed in an atomic one.
                Nothing was written.
            StoreError: If the store fails.
        """
        return self._judged(commands, atomic=atomic, is_written=True)

    def preview(
        self, commands: Iterable[Command], *, atomic: bool = False
    ) -> list[Transaction | BankError]:
        """
        What `execute` would give now. Writes nothing and uses up no id.

        The commands are judged by the very same path, on the accounts as they are: what
        comes next may of course find them changed. The errors are those of `execute`.
        """
        return self._judged(commands, atomic=atomic, is_written=False)

    def _judged(
        self,
        commands: Iterable[Command],
        *,
        atomic: bool,
        is_written: bool,
        guard: Guard | None = None,
    ) -> list[Transaction | BankError]:
        batch = tuple(commands)
        if len(batch) > BATCH_LENGTH_MAX:
            raise InvalidBatchError(
                f"it has {len(batch):,} commands, and {BATCH_LENGTH_MAX:,} are the most"
            )
        if not batch:
            return []
        requests = tuple(map(self._request, batch))
        if atomic and len({request.id_given for request in requests}) > 1:
            raise InvalidBatchError(
                "in an atomic batch either every command has a transaction id or none has"
            )

        reads = reads_of(requests)
        if guard is not None:
            principal = guard.principal.id.value
            requests = tuple(request._replace(principal=principal) for request in requests)
            reads = guarded_reads_of(requests)

        def decided(snapshot: Snapshot, clock: Clock) -> WriteSet:
            written = decide(requests, snapshot, clock, atomic=atomic, guard=guard)
            return written if is_written else WriteSet(outcomes=written.outcomes)

        outcomes = list(self._transacted(reads, decided).outcomes)
        if atomic and isinstance(outcomes[0], BankError):
            raise outcomes[0]
        return outcomes

    def _transacted(
        self, reads: ReadSet, decided: Callable[[Snapshot, Clock], WriteSet]
    ) -> WriteSet:
        doubtful: list[WriteSet] = []

        def attempt() -> WriteSet:
            now: list[Clock] = []
            decisions: list[WriteSet] = []

            def once_read(snapshot: Snapshot) -> WriteSet:
                # Read inside the unit, once: a wait for the store's lock must not look like a
                # clock that is behind.
                if not now:
                    now.append(Clock(self._now(), self._max_clock_skew))
                decisions[:] = (decided(snapshot, now[0]),)
                return decisions[0]

            # What an attempt in doubt may have recorded under ids of the bank's own.
            own = (record.id for written in doubtful for record in written.records)
            ids = dict.fromkeys((*reads.transaction_ids, *own))
            try:
                return self._store.transact(
                    attrs.evolve(reads, transaction_ids=tuple(ids)) if doubtful else reads,
                    once_read,
                )
            except OutcomeUnknownError:
                doubtful.extend(decisions)
                raise

        try:
            return attempt()
        except OutcomeUnknownError as doubt:
            if getattr(self._store, "in_host_transaction", False):
                raise
            written = settle(attempt, doubt, deadline=self._deadline, timer=self._timer)
        given = as_first_given(written.outcomes, (each.outcomes for each in doubtful))
        return attrs.evolve(written, outcomes=given)

    def _now(self) -> datetime:
        return to_instant(self._clock())

    def expire_holds(self) -> list[Transaction]:
        """
        Record the expiry of every hold that is due by now, and return what was recorded.

        Expired holds count no more whether or not this is called, and are recorded before
        the next command on their account; this records them all. Each is a transaction of
        its own, dated at the instant of its expiry.

        Raises:
            StoreError: If the store fails. What was recorded before stays.
        """
        recorded: list[Transaction] = []
        while True:
            now = self._now()
            due = self._store.holds_due(min(now, _LAST_INSTANT - TICK) + TICK, limit=_PAGE)
            account_ids = tuple(dict.fromkeys(account_id for account_id, _ in due))
            if not account_ids:
                return recorded

            def decided(
                snapshot: Snapshot, clock: Clock, account_ids: tuple[AccountId, ...] = account_ids
            ) -> WriteSet:
                written = expire(account_ids, snapshot, clock)
                # Where the outcome of an attempt was in doubt: what it has recorded.
                settled = (
                    each for each in snapshot.recorded.values() if type(each) is Transaction
                )
                return attrs.evolve(written, outcomes=(*settled, *written.outcomes))

            written = self._transacted(ReadSet((), account_ids), decided)
            expiries = [each for each in written.outcomes if isinstance(each, Transaction)]
            if not expiries:
                # The clock was set back in the meantime, or another process was quicker.
                return recorded
            recorded += expiries

    def _request(self, command: Command) -> Request:
        if type(command) not in _COMMAND_TYPES:
            raise InvalidCommandError(shown(command))
        transaction_id = command.transaction_id
        id_given = transaction_id is not None
        expected_version = command.expected_version
        if transaction_id is None or expected_version is not None:
            if transaction_id is None:
                transaction_id = TransactionId(self._new_id())
            command = attrs.evolve(command, transaction_id=transaction_id, expected_version=None)
        account_ids = command.account_ids
        if not account_ids and type(command) is OpenAccount:
            account_ids = (AccountId(self._new_id()),)
        return Request(command, transaction_id, id_given, account_ids, expected_version)

    # -- Reads --

    def account(self, account_id: AccountId | str) -> Account:
        """
        The account as it is now: what has expired by now does not count any more.

        Raises:
            AccountNotFoundError: If there is none of this id.
        """
        return self._as_now(self._store.account(to_account_id(account_id)))

    def accounts(self, *, after: AccountId | str | None = None) -> Iterator[Account]:
        """
        Every account in the order of its id, read page by page while you iterate; those that
        come after the id *after*, where it is given.
        """
        first = None if after is None else to_account_id(after)
        page = self._store.accounts(after=first, limit=_PAGE)
        while page:
            yield from map(self._as_now, page)
            page = self._store.accounts(after=page[-1].id, limit=_PAGE)

    def _as_now(self, account: Account) -> Account:
        # Only what can end needs the time.
        if account.holds or account.restriction is not Restriction.NONE:
            return account.as_at(self._now())
        return account

    def holds(self, account_id: AccountId | str) -> tuple[Hold, ...]:
        """
        The account's open holds in the order in which they were placed, without the expired.

        Raises:
            AccountNotFoundError: If there is no such account.
        """
        return self.account(account_id).holds

    def can_close(
        self, account_id: AccountId | str, *, sweep_to: AccountId | str | None = None
    ) -> Possibility:
        """
        Whether `close_account` would close it now, and everything that stands in the way.

            >>> from bankcore.stores import MemoryStore
            >>> bank = Bank(MemoryStore())
            >>> receipt = bank.open_account("alice", initial_balance=Money("5", "EUR"))
            >>> list(bank.can_close("alice"))
            ['its balance is EUR 5.00, not zero']
        """
        return self._possibility(CloseAccount(account_id, sweep_to=sweep_to))

    def can_reverse(self, original_id: TransactionId | str) -> Possibility:
        """
        Whether `reverse` would reverse the transaction now, and what stands in the way.
        """
        return self._possibility(Reverse(original_id))

    def _possibility(self, command: Command) -> Possibility:
        (outcome,) = self.preview((command,))
        return Possibility(outcome if isinstance(outcome, BankError) else None)

    def reversed_by(self, transaction_id: TransactionId | str) -> Transaction | None:
        """
        The transaction that reversed this one; None where none has.

        Raises:
            TransactionNotFoundError: If there is no such transaction.
        """
        original = self.transaction(transaction_id)
        found: list[TransactionId] = []

        def looked(snapshot: Snapshot) -> WriteSet:
            found[:] = snapshot.reversals.values()
            return WriteSet()

        self._store.transact(ReadSet((), (), (original.id,)), looked)
        return self.transaction(found[0]) if found else None

    def transaction(self, transaction_id: TransactionId | str) -> Transaction:
        """
        The transaction recorded under the id.

        Raises:
            TransactionNotFoundError: If nothing is recorded under it.
            DeclinedError: If what is recorded is a refusal: the error of that refusal.
        """
        recorded = self._store.outcome(to_transaction_id(transaction_id))
        if isinstance(recorded, Transaction):
            return recorded
        error = recorded.to_error()
        error.replayed = True
        raise error

    def balance_at(self, account_id: AccountId | str, instant: datetime | date) -> Money:
        """
        The balance right after the last posting booked at or before the instant.

        Zero before the account was opened. A date means its midnight in UTC.

        Raises:
            AccountNotFoundError: If there is no such account.
            InvalidTimeError: If the instant has no time zone.
        """
        account_id = to_account_id(account_id)
        at = to_instant_or_midnight(instant)
        posting = self._store.posting_at(account_id, at)
        if posting is not None:
            return posting.balance
        return Money.zero(self._store.account(account_id).balance.currency)

    def available_at(self, account_id: AccountId | str, instant: datetime | date) -> Money:
        """
        What could be taken at the instant: ``balance - held + overdraft_limit`` as of then.

        Holds count up to the very instant of their expiry, whether or not anything has
        recorded it. Zero before the account was opened; for an instant ahead, what will be
        available if nothing is booked. A date means its midnight in UTC.

        Raises:
            AccountNotFoundError: If there is no such account.
            InvalidTimeError: If the instant has no time zone.
        """
        account_id = to_account_id(account_id)
        at = to_instant_or_midnight(instant)
        while True:
            account = self._store.account(account_id)
            posting = self._store.posting_at(account_id, at)
            if posting is None:
                return Money.zero(account.balance.currency)
            if posting.version < account.version:
                # Before the next posting, all that had expired by then was recorded.
                return posting.available
            if posting.version == account.version:
                return account.as_at(at).available
            # Something was booked between the two reads: look again.

    def checkpoint(self) -> Checkpoint:
        """
        A few lines that stand for all that is recorded by now, to be kept elsewhere.

            >>> from bankcore.stores import MemoryStore
            >>> bank = Bank(MemoryStore())
            >>> str(bank.checkpoint()).splitlines()[2]
            'accounts 0'

        ``bankcore.ledger.verify(store, against=checkpoint)`` then shows whether any of it was
        changed since. It reads the whole journal.

        Raises:
            StoreCorruptedError: If a record cannot be read.
        """
        return checkpoint_of(self._store, self._now())

    def statement(
        self,
        account_id: AccountId | str,
        *,
        start: datetime | date | None = None,
        end: datetime | date | None = None,
        after_version: int | None = None,
        limit: int | None = None,
    ) -> Statement:
        """
        The account's lines in ``[start, end)``, with the balances around them.

        A line is a transaction that moved money on the account. What was reserved, freed or
        decided about it moved none: `AccountStore.history` has all transactions.

        A date means its midnight in UTC. Without *start* it begins with the account;
        without *end* it goes up to now.

        For a statement in pages, *limit* is the most lines (1 to 10,000) of one, and
        *after_version* the account's version at the last line of the page before: the
        opening balance is then that line's.

        Raises:
            AccountNotFoundError: If there is no such account.
            InvalidTimeError: If an instant has no time zone, or *end* is before *start*.
            InvalidLimitError: If *limit* is no such number.
            InvalidVersionError: If *after_version* is not an ``int`` from 0.
        """
        if limit is not None:
            require_limit(limit)
        after = to_version(after_version) or 0
        account_id = to_account_id(account_id)
        begins = None if start is None else to_instant_or_midnight(start)
        ends = None if end is None else to_instant_or_midnight(end)
        if begins is not None and ends is not None and ends < begins:
            raise InvalidTimeError(ends.isoformat(), f"it is before {begins.isoformat()}")
        opening = None
        if begins is not None and begins > _FIRST_INSTANT:
            opening = self._store.posting_at(account_id, begins - TICK)
        if after > (0 if opening is None else opening.version):
            page = self._store.history(account_id, after=after - 1, limit=1)
            if not page:
                # Beyond the last one.
                balance = self._store.account(account_id).balance
                return Statement(account_id, begins, ends, balance, ())
            opening = page[0].posting(account_id)
        if opening is None:
            balance = Money.zero(self._store.account(account_id).balance.currency)
            lines = self._lines(account_id, 0, ends)
        else:
            balance = opening.balance
            lines = self._lines(account_id, opening.version, ends)
        return Statement(account_id, begins, ends, balance, tuple(islice(lines, limit)))

    def _lines(
        self, account_id: AccountId, after: int, ends: datetime | None
    ) -> Iterator[StatementLine]:
        # Times never fall along the versions.
        page = self._store.history(account_id, after=after, limit=_PAGE)
        while page:
            for transaction in page:
                if ends is not None and transaction.booked_at >= ends:
                    return
                line = line_of(transaction, account_id)
                if line.amount:
                    yield line
            after = page[-1].posting(account_id).version
            page = self._store.history(account_id, after=after, limit=_PAGE)
