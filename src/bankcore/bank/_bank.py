"""
The bank: the object an application uses. Commands in, outcomes out, over a store.

Decided here: where ids and the time come from, and how an outcome reaches the caller. A thin
shell: it makes what the engine (`_decide`) may not make, hands everything to the store in one
`transact` (and again, by `_retry`, where the outcome is in doubt), and raises what came back as an
error. No rule is known here, and no state is kept but the counts of denials and, up to a
bound, which accounts each principal has seen.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Unpack, cast

import attrs

from bankcore.access import Action, Policy, Principal, Role, StandardPolicy
from bankcore.access._errors import AccessDeniedError
from bankcore.access._guard import Guard
from bankcore.accounts import Restriction, Right
from bankcore.bank._decide import Clock, Request, decide, expire, reads_of
from bankcore.bank._oversight import BankOversight
from bankcore.bank._possibility import Possibility
from bankcore.bank._reads import DENIALS
from bankcore.bank._retry import SYSTEM_TIMER, Timer, as_first_answers, require_duration, retry
from bankcore.bank._sources import time_ordered_id, utc_now
from bankcore.commands import (
    SENT,
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExtendHold,
    GrantAccess,
    OpenAccount,
    Options,
    PlaceHold,
    Post,
    ReleaseHold,
    Restrict,
    Reverse,
    RevokeAccess,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.commands._base import to_flag, to_own_id
from bankcore.commands._errors import InvalidCommandError
from bankcore.ledger import AccountStore, HostBound, ReadSet, Snapshot, Transaction, WriteSet
from bankcore.ledger._errors import InvalidBatchError, OutcomeUnknownError
from bankcore.ledger._pages import PAGE_LENGTH
from bankcore.ledger._store import require_store
from bankcore.money import ExchangeRate, Money
from bankcore.values import AccountId, PrincipalId, TransactionId
from bankcore.values._errors import BankError, naming, require_callable, require_methods, shown
from bankcore.values._garbage import rare_collections
from bankcore.values._instants import TICK, to_instant
from bankcore.values._text import to_line_or_none

#: The most commands that one `Bank.execute` takes.
BATCH_LENGTH_MAX: Final = 100_000

#: How far an account's last posting may lie ahead of the clock, unless the bank is told otherwise.
MAX_CLOCK_SKEW: Final = timedelta(seconds=5)

# From here on, what the garbage collector is told pays for itself.
_LONG_BATCH: Final = 200

_SENT: Final = frozenset(SENT)
_OF_POLICY: Final = ("permits", "decides")
_OF_TIMER: Final = ("monotonic", "sleep")
_LAST_INSTANT: Final = datetime.max.replace(tzinfo=UTC)


class Bank(BankOversight):
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

    The methods for commands take the fields of the command and, as keywords, what every
    `Command` may carry. ``bank.deposit(...)`` is the same as ``bank.execute([Deposit(...)])``, but
    raises an error outcome: an `InvalidRequestError` if a field is not valid, a `DeclinedError` if
    a rule says no. No money moves then.

    Args:
        store: Where accounts and the journal are kept.
        clock: Gives the time, an aware ``datetime``; read once for each write.
        new_id: Gives a new id's text whenever none is given.
        max_clock_skew: How far an account's last posting may lie ahead of the clock. More where
            the clock was ahead once, until that time has come.
        policy: Decides what principals may do (see `acting_as`); by default a `StandardPolicy`.
        deadline: How long to retry where an outcome is not known before
            `OutcomeUnknownError` is raised: the same unit is run again, with the same ids.
            With zero, or on a store in the application's own transaction, it is raised at once.
        timer: Monotonic clock and sleep used between retries.

    Raises:
        InvalidArgumentError: If *store* is no store, *policy* no policy, *timer* no timer, or
            *clock* or *new_id* no function. A class is none of them: make one.
        InvalidTimeError: If *deadline* or *max_clock_skew* is not a ``timedelta`` of zero or more.
    """

    def __init__(
        self,
        store: AccountStore,
        *,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] = time_ordered_id,
        max_clock_skew: timedelta = MAX_CLOCK_SKEW,
        policy: Policy | None = None,
        deadline: timedelta = timedelta(seconds=30),
        timer: Timer = SYSTEM_TIMER,
    ) -> None:
        require_store(store)
        require_callable(clock, "clock", "the time as an aware datetime")
        require_callable(new_id, "new_id", "the text of a new id")
        self._max_clock_skew = require_duration(max_clock_skew, "max_clock_skew")
        self._policy = StandardPolicy() if policy is None else policy
        require_methods(self._policy, "policy", _OF_POLICY, "a policy, such as StandardPolicy()")
        self._deadline = require_duration(deadline, "deadline")
        require_methods(timer, "timer", _OF_TIMER, "a timer, such as the time module")
        super().__init__(store, clock)
        self._new_id = new_id
        self._timer = timer

    def __repr__(self) -> str:
        acting = "" if self._guard is None else f" acting as {self._guard.principal.id}"
        return f"<Bank over {self._store!r}{acting}>"

    # -- Acting for a principal --

    def acting_as(self, principal: Principal, *, request_id: str | None = None) -> "Bank":
        """
        Return this bank, restricted to what the policy allows *principal*.

            >>> from bankcore.stores import MemoryStore
            >>> bank = Bank(MemoryStore())
            >>> marys = bank.acting_as(Principal("mary", roles=["owner"]))
            >>> marys.open_account("m-1", initial_balance=Money("5", "EUR")).principal
            'mary'

        It has the same methods, with the same arguments and errors. Where the policy says no,
        nothing changes, no id is used up, and these errors are raised:

        - `AccessDeniedError`;
        - `AccountNotVisibleError`, an `AccessDeniedError`, for an account that does not exist or
          that the principal may not know of;
        - `TransactionNotFoundError` for a transaction that it may not see;
        - `TransactionIdReusedError`, with empty ``fields``, for an id that another principal used.

        A receipt has the postings of those accounts alone that the principal may read. An owner
        that opens an account without a holder becomes its holder.

        Args:
            principal: Who asks, as the application has made sure of it.
            request_id: Stored with each denial, for tracing: one line of text.

        Raises:
            InvalidPrincipalError: If *principal* is not a `Principal`.
            InvalidTextError: If *request_id* is not one line of text.
            AccessDeniedError: If this bank is acting for a principal already.
        """
        if self._guard is not None:
            raise AccessDeniedError("acting_as", f"the bank is acting as {self._guard.name}")
        # As `copy.copy` does, which takes several times as long.
        acting = object.__new__(type(self))
        acting.__dict__.update(self.__dict__)
        acting._guard = Guard(principal, self._policy)
        acting._request_id = to_line_or_none(request_id, "request_id")
        return acting

    # -- Commands --

    def execute(
        self, commands: Iterable[Command], *, atomic: bool = False
    ) -> list[Transaction | BankError]:
        """
        Return one outcome for each command, in order, each seeing what the earlier ones did.

        One durable write, however many commands; at most 100,000. An outcome is the
        `Transaction`, or the error as a value. With *atomic*, all are booked or none
        is, and the first error is raised; all or none must have a transaction id.

        Raises:
            InvalidCommandError: If one is not a command. Nothing was written.
            InvalidFlagError: If *atomic* is neither True nor False.
            InvalidBatchError: If it is no list of commands, there are too many, or only some of an
                atomic batch have ids. Nothing was written.
            StoreError: If the store fails.
        """
        atomic = naming("atomic", to_flag, atomic)
        return self._outcomes(_to_batch(commands), atomic=atomic, is_written=True)

    def preview(
        self, commands: Iterable[Command], *, atomic: bool = False
    ) -> list[Transaction | BankError]:
        """
        Return what `execute` would return now. Writes nothing and uses up no id.

        The commands are judged by the very same path, on the accounts as they are: what
        comes next may of course find them changed. The errors are those of `execute`.
        """
        atomic = naming("atomic", to_flag, atomic)
        return self._outcomes(_to_batch(commands), atomic=atomic, is_written=False)

    def open_account(
        self,
        account_id: AccountId | str | None = None,
        *,
        initial_balance: Money,
        overdraft_limit: Money | None = None,
        holder: PrincipalId | str | None = None,
        **options: Unpack[Options],
    ) -> Transaction:
        """Open an account; without *account_id* the bank makes one."""
        return self._send(
            OpenAccount(
                account_id,
                initial_balance=initial_balance,
                overdraft_limit=overdraft_limit,
                holder=holder,
                **options,
            )
        )

    def deposit(
        self, account_id: AccountId | str, amount: Money, **options: Unpack[Options]
    ) -> Transaction:
        """Pay *amount* into the account, from outside the bank."""
        return self._send(Deposit(account_id, amount, **options))

    def withdraw(
        self,
        account_id: AccountId | str,
        amount: Money,
        *,
        up_to: bool = False,
        **options: Unpack[Options],
    ) -> Transaction:
        """
        Take *amount* out of the account, to outside the bank.

        With *up_to*, what is available where that is less; declined where that is nothing.
        """
        return self._send(Withdraw(account_id, amount, up_to=up_to, **options))

    def transfer(
        self,
        source_id: AccountId | str,
        destination_id: AccountId | str,
        amount: Money,
        *,
        up_to: bool = False,
        **options: Unpack[Options],
    ) -> Transaction:
        """
        Move *amount* from one account to another, in one transaction.

        With *up_to*, what is available on the first where that is less; declined where that is
        nothing.
        """
        return self._send(Transfer(source_id, destination_id, amount, up_to=up_to, **options))

    def post(
        self,
        legs: Iterable[tuple[AccountId | str, Money]],
        *,
        crosses_boundary: bool = False,
        exchange_rate: ExchangeRate | None = None,
        **options: Unpack[Options],
    ) -> Transaction:
        """
        Book several legs at once: pairs of an account's id and a signed `Money`.

        The legs of each account are netted to one posting, and they add up to zero in
        each currency unless the post *crosses_boundary*.
        """
        return self._send(
            Post(legs, crosses_boundary=crosses_boundary, exchange_rate=exchange_rate, **options)
        )

    def reverse(
        self,
        original_id: TransactionId | str,
        amount: Money | None = None,
        **options: Unpack[Options],
    ) -> Transaction:
        """
        Book the opposite of a transaction: all that is left of it, or *amount* of what it moved.

        In parts as often as something is left: all together never exceed the original. A reversed
        capture credits the account and restores no hold.
        """
        return self._send(Reverse(original_id, amount, **options))

    def place_hold(
        self,
        account_id: AccountId | str,
        amount: Money,
        *,
        expires_at: datetime | None = None,
        up_to: bool = False,
        **options: Unpack[Options],
    ) -> Transaction:
        """
        Reserve *amount* of what is available. The transaction's id is the hold's.

        With *up_to*, all that is available where that is less; declined where that is nothing.
        """
        return self._send(
            PlaceHold(account_id, amount, expires_at=expires_at, up_to=up_to, **options)
        )

    def capture_hold(
        self,
        account_id: AccountId | str,
        hold_id: TransactionId | str,
        amount: Money | None = None,
        *,
        final: bool = True,
        destination_id: AccountId | str | None = None,
        up_to: bool = False,
        **options: Unpack[Options],
    ) -> Transaction:
        """
        Take *amount* of a hold, or all that is left, to outside or to *destination_id*.

        With *final* the rest of the hold is free again; otherwise it stays reserved. With *up_to*,
        what is left where that is less than *amount*.
        """
        return self._send(
            CaptureHold(
                account_id,
                hold_id,
                amount,
                final=final,
                destination_id=destination_id,
                up_to=up_to,
                **options,
            )
        )

    def release_hold(
        self, account_id: AccountId | str, hold_id: TransactionId | str, **options: Unpack[Options]
    ) -> Transaction:
        """Free all that is left of a hold. No restriction stops it."""
        return self._send(ReleaseHold(account_id, hold_id, **options))

    def extend_hold(
        self,
        account_id: AccountId | str,
        hold_id: TransactionId | str,
        *,
        expires_at: datetime | None,
        **options: Unpack[Options],
    ) -> Transaction:
        """Let a hold expire later, at *expires_at*; None for never."""
        return self._send(ExtendHold(account_id, hold_id, expires_at=expires_at, **options))

    def restrict(
        self,
        account_id: AccountId | str,
        restriction: Restriction | str,
        *,
        reason: str | None = None,
        ends_at: datetime | None = None,
        **options: Unpack[Options],
    ) -> Transaction:
        """Stop debits, credits or both; `Restriction.NONE` lifts what was stopped."""
        return self._send(
            Restrict(account_id, restriction, reason=reason, ends_at=ends_at, **options)
        )

    def set_overdraft_limit(
        self, account_id: AccountId | str, overdraft_limit: Money, **options: Unpack[Options]
    ) -> Transaction:
        """Set how far the account may be overdrawn; below its present use is allowed."""
        return self._send(SetOverdraftLimit(account_id, overdraft_limit, **options))

    def close_account(
        self,
        account_id: AccountId | str,
        *,
        sweep_to: AccountId | str | None = None,
        **options: Unpack[Options],
    ) -> Transaction:
        """Close the account for ever; what is left on it goes to *sweep_to*."""
        return self._send(CloseAccount(account_id, sweep_to=sweep_to, **options))

    def grant_access(
        self,
        account_id: AccountId | str,
        principal: PrincipalId | str,
        rights: Iterable[Right | str],
        **options: Unpack[Options],
    ) -> Transaction:
        """Give *principal* these rights on the account, in place of those it held."""
        return self._send(GrantAccess(account_id, principal, rights, **options))

    def revoke_access(
        self, account_id: AccountId | str, principal: PrincipalId | str, **options: Unpack[Options]
    ) -> Transaction:
        """Take all rights on the account from *principal*."""
        return self._send(RevokeAccess(account_id, principal, **options))

    def _send(self, command: Command) -> Transaction:
        (outcome,) = self._outcomes((command,), atomic=False, is_written=True)
        if isinstance(outcome, BankError):
            raise outcome
        return outcome

    def _outcomes(
        self, commands: Sequence[Command], *, atomic: bool, is_written: bool
    ) -> list[Transaction | BankError]:
        if not commands:
            return []
        if len(commands) < _LONG_BATCH:
            return self._outcomes_of(commands, atomic=atomic, is_written=is_written)
        with rare_collections():
            return self._outcomes_of(commands, atomic=atomic, is_written=is_written)

    def _outcomes_of(
        self, commands: Sequence[Command], *, atomic: bool, is_written: bool
    ) -> list[Transaction | BankError]:
        requests = list(map(self._request, commands))
        if atomic and len({request.id_given for request in requests}) > 1:
            raise InvalidBatchError(
                "in an atomic batch either every command must have a transaction id or none"
            )
        if self._guard is not None:
            return self._denied_or_judged(requests, atomic=atomic, is_written=is_written)
        return self._judged(requests, atomic=atomic, is_written=is_written)

    def _denied_or_judged(
        self, requests: list[Request], *, atomic: bool, is_written: bool
    ) -> list[Transaction | BankError]:
        outcomes: list[Transaction | BankError]
        requests = self._without_hidden(requests)
        denials = (each.denial or each.hidden for each in requests)
        outcomes = [each for each in denials if each is not None]
        try:
            # Nobody takes the store's lock for what may not be sent at all, and was not sent
            # when it might be.
            if atomic or len(outcomes) < len(requests) or any(map(self._is_used, requests)):
                outcomes = self._judged(requests, atomic=atomic, is_written=is_written)
        except DENIALS as error:
            # None of them was done: the accounts of all of them.
            self._denied_commands(error, requests)
            raise
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, DENIALS):
                self._denied_commands(outcome, (request,))
        return outcomes

    def _without_hidden(self, requests: list[Request]) -> list[Request]:
        """Return *requests*, those that name a hidden account denied before it is read."""
        guard = cast("Guard", self._guard)
        who, seen = guard.name, self._seen.pairs
        named: set[str] = set()
        found = []
        for request in requests:
            names = [each.value for each in request.account_ids]
            is_asked = (
                names and request.denial is None and type(request.command) is not OpenAccount
            )
            # A command before it in the batch may change what is hidden.
            if is_asked and (who, names[0]) not in seen and names[0] not in named:
                ask = partial(guard.outline_denial, request.command)
                denial = self._hidden(guard, request.account_ids[0], ask)
                if denial is not None:
                    found.append(request._replace(hidden=denial))
                    continue
            found.append(request)
            named.update(names)
        return found

    def _is_used(self, request: Request) -> bool:
        return request.id_given and self._record(request.transaction_id) is not None

    def _judged(
        self, requests: Sequence[Request], *, atomic: bool, is_written: bool
    ) -> list[Transaction | BankError]:
        guard = self._guard
        reads = reads_of(requests, is_guarded=guard is not None)
        decided = partial(decide, requests, atomic=atomic, guard=guard, is_written=is_written)
        outcomes = list(self._transact(reads, decided).outcomes)
        if atomic and isinstance(outcomes[0], BankError):
            raise outcomes[0]
        return outcomes

    def _request(self, command: Command) -> Request:
        guard = self._guard
        otherwise: Command | None = None
        if guard is not None and type(command) is OpenAccount and command.holder is None:
            otherwise = attrs.evolve(command, holder=guard.principal.id)
            if Role.OWNER in guard.principal.roles:
                command, otherwise = otherwise, command
        transaction_id = command.transaction_id
        id_given = transaction_id is not None
        expected_version = command.expected_version
        if transaction_id is None:
            transaction_id = naming("new_id", _made_id, self._new_id())
        if not id_given or expected_version is not None:
            command = command.sent_as(transaction_id)
        account_ids = command.account_ids
        if not account_ids and type(command) is OpenAccount:
            account_ids = (naming("new_id", AccountId, self._new_id()),)
        principal: str | None = None
        denial: BankError | None = None
        if guard is not None:
            principal, denial = guard.name, guard.command_role_denial(command)
        return Request(
            *(command, transaction_id, id_given, account_ids, expected_version),
            *(principal, denial, otherwise),
        )

    # -- One unit of the store --

    def _transact(
        self, reads: ReadSet, decided: Callable[[Snapshot, Clock], WriteSet]
    ) -> WriteSet:
        attempt = _Attempt(self._clock, self._max_clock_skew, decided)
        try:
            return self._store.transact(reads, attempt)
        except OutcomeUnknownError as doubt:
            if isinstance(self._store, HostBound) and self._store.in_host_transaction:
                raise
            return self._retried(reads, attempt, doubt)

    def _retried(self, reads: ReadSet, first: "_Attempt", doubt: OutcomeUnknownError) -> WriteSet:
        doubtful = list(first.decisions)

        def again() -> WriteSet:
            attempt = _Attempt(self._clock, self._max_clock_skew, first.decided)
            # What an attempt in doubt may have recorded under ids of the bank's own.
            own = (record.id for written in doubtful for record in written.records)
            ids = dict.fromkeys((*reads.transaction_ids, *own))
            try:
                return self._store.transact(
                    attrs.evolve(reads, transaction_ids=tuple(ids)), attempt
                )
            except OutcomeUnknownError:
                doubtful.extend(attempt.decisions)
                raise

        written = retry(again, doubt, deadline=self._deadline, timer=self._timer)
        given = as_first_answers(written.outcomes, (each.outcomes for each in doubtful))
        return attrs.evolve(written, outcomes=given)

    def can_close(
        self, account_id: AccountId | str, *, sweep_to: AccountId | str | None = None
    ) -> Possibility:
        """
        Return whether `close_account` would close it now, and everything that stands in the way.

            >>> from bankcore.stores import MemoryStore
            >>> bank = Bank(MemoryStore())
            >>> receipt = bank.open_account("alice", initial_balance=Money("5", "EUR"))
            >>> list(bank.can_close("alice"))
            ['its balance is EUR 5.00, not zero']
        """
        return self._possibility(CloseAccount(account_id, sweep_to=sweep_to))

    def can_reverse(
        self, original_id: TransactionId | str, amount: Money | None = None
    ) -> Possibility:
        """Return whether `reverse` would reverse it now, and what stands in the way."""
        return self._possibility(Reverse(original_id, amount))

    def _possibility(self, command: Command) -> Possibility:
        (outcome,) = self.preview((command,))
        return Possibility(outcome if isinstance(outcome, BankError) else None)

    def expire_holds(self) -> list[Transaction]:
        """
        Record the expiry of every hold that is due by now, and return what was recorded.

        Expired holds count no more whether or not this is called, and are recorded before
        the next command on their account; this records them all. Each is a transaction of
        its own, dated at the instant of its expiry.

        Raises:
            StoreError: If the store fails. What was recorded before stays.
        """
        self._require_role(Action.EXPIRE_HOLDS)
        recorded: list[Transaction] = []
        while True:
            now = self._now()
            due = self._store.holds_due(min(now, _LAST_INSTANT - TICK) + TICK, limit=PAGE_LENGTH)
            account_ids = tuple(dict.fromkeys(account_id for account_id, _ in due))
            if not account_ids:
                break
            decided = partial(_expired, account_ids)
            written = self._transact(ReadSet((), account_ids), decided)
            expiries = [each for each in written.outcomes if isinstance(each, Transaction)]
            if not expiries:
                # The clock was set back in the meantime, or another process was quicker.
                break
            recorded += expiries
        return list(map(self._receipt, recorded))


class _Attempt:
    """One attempt at a unit: what the store calls to decide, perhaps more than once."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        skew_max: timedelta,
        decided: Callable[[Snapshot, Clock], WriteSet],
    ) -> None:
        self._clock = clock
        self._skew_max = skew_max
        self._now: Clock | None = None
        self.decided = decided
        self.decisions: tuple[WriteSet, ...] = ()

    def __call__(self, snapshot: Snapshot) -> WriteSet:
        # Read inside the unit, once: a wait for the store's lock must not look like a clock that
        # is behind.
        if self._now is None:
            self._now = Clock(to_instant(self._clock(), "clock"), self._skew_max)
        written = self.decided(snapshot, self._now)
        self.decisions = (written,)
        return written


def _expired(account_ids: Sequence[AccountId], snapshot: Snapshot, clock: Clock) -> WriteSet:
    written = expire(account_ids, snapshot, clock)
    # Where the outcome of an attempt was in doubt: what it has recorded.
    recorded = (each for each in snapshot.recorded.values() if type(each) is Transaction)
    return attrs.evolve(written, outcomes=(*recorded, *written.outcomes))


def _to_batch(commands: object) -> Sequence[Command]:
    """Return *commands*, checked one by one: what is endless is read only up to the limit."""
    if not isinstance(commands, Iterable):
        raise InvalidBatchError(f"it must be a list of commands, and is {shown(commands)}")
    batch: list[Command] = []
    for command in commands:
        if len(batch) == BATCH_LENGTH_MAX:
            raise InvalidBatchError(f"it must have at most {BATCH_LENGTH_MAX:,} commands")
        if type(command) not in _SENT:
            raise InvalidCommandError(shown(command))
        batch.append(command)
    return batch


def _made_id(text: str) -> TransactionId:
    return cast("TransactionId", to_own_id(TransactionId(text)))
