"""
The rules of the bank.

Whether a command is allowed, and what it books, is decided in this file and nowhere
else (what one account allows by itself, it asks the account). Nothing here reads a
clock, makes an id, logs, or touches a store: `decide` may run twice for one command,
and both runs must say the same.

The order of judgement is part of the API; the first that says no wins. Where a command
touches several accounts, each step goes through all of them, those to be debited first.
Principals are those for whom the bank is acting; trusted code is none:

1.  `AccessDeniedError`, if a principal may not do such a thing at all;
    what is recorded under the transaction id: the same command replays, another is
    `TransactionIdReusedError`; `AccessDeniedError`, `AccountNotVisibleError` or
    `TransactionNotFoundError`, if a principal may not do it with the accounts as they are;
2.  `InvalidTimeError`, if the given time is later than the clock;
3.  `TransactionNotFoundError`, `NotReversibleError` and `AlreadyReversedError` for what is
    to be reversed;
4.  `AccountNotFoundError`, `AccountExistsError`;
5.  `StaleVersionError`, on the first account;
6.  `InvalidTimeError`, if the given time is earlier than an account's last posting,
    or `ClockSkewError`, if the clock is;
7.  `CurrencyMismatchError`;
8.  `InvalidTimeError`, if an end is not after the operation;
9.  `AccountClosedError`;
10. `HoldNotFoundError`, `HoldNotActiveError`, `HolderNotFoundError`; and
    `InvalidTimeError`, if an extension is not later than the present expiry;
11. `CloseBlockedError`;
12. `AccountRestrictedError`;
13. `HoldExceededError`;
14. `InsufficientFundsError`;
15. `HoldLimitError`, `HolderLimitError`;
16. `BalanceLimitError`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, cast

import attrs

from bankcore.access import ACTIONS, Part
from bankcore.access._guard import Guard, Move, moves_of, not_visible, stand_in
from bankcore.accounts import Account, AccountStatus
from bankcore.accounts._errors import CloseBlockedError, HoldNotActiveError, HoldNotFoundError
from bankcore.commands import (
    COMMAND_NAMES,
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExpireHold,
    ExtendHold,
    GrantAccess,
    OpenAccount,
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
from bankcore.ledger import (
    Posting,
    ReadSet,
    Refusal,
    Snapshot,
    Transaction,
    WriteSet,
    touched_accounts,
)
from bankcore.ledger._errors import (
    AccountExistsError,
    AccountNotFoundError,
    AlreadyReversedError,
    ClockSkewError,
    NotReversibleError,
    StaleVersionError,
    TransactionIdReusedError,
    TransactionNotFoundError,
)
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import BankError, DeclinedError, InvalidTimeError

Outcome = Transaction | BankError


class Request(NamedTuple):
    """
    A command with all that had to be made for it before it can be judged.

    Attributes:
        command: The command, with its transaction id filled in.
        transaction_id: That id.
        id_given: Whether the caller gave it; only then a refusal is recorded.
        account_ids: The accounts it names, the one to be debited first; of an account
            that is opened without an id, the id made for it.
        expected_version: The version the first of its accounts must have.
        principal: Who asks, as it is recorded.
    """

    command: Command
    transaction_id: TransactionId
    id_given: bool
    account_ids: tuple[AccountId, ...]
    expected_version: int | None = None
    principal: str | None = None


@attrs.frozen
class Clock:
    """
    One reading of the bank's clock, and how far ahead of it a posting may be.
    """

    now: datetime
    skew_max: timedelta


def reads_of(requests: Sequence[Request]) -> ReadSet:
    """
    What has to be read to judge *requests*.
    """
    # By the ids' texts: to tell texts apart is several times as quick as to tell values.
    transaction_ids: dict[str, TransactionId] = {}
    originals: dict[str, TransactionId] = {}
    account_ids: dict[str, AccountId] = {}
    for request in requests:
        transaction_ids[request.transaction_id.value] = request.transaction_id
        for account_id in request.account_ids:
            account_ids[account_id.value] = account_id
        command = request.command
        if type(command) in _ON_A_HOLD:
            hold_id = cast("CaptureHold", command).hold_id
            transaction_ids[hold_id.value] = hold_id
        elif type(command) is Reverse:
            originals[command.original_id.value] = command.original_id
    return ReadSet(
        tuple(transaction_ids.values()), tuple(account_ids.values()), tuple(originals.values())
    )


def guarded_reads_of(requests: Sequence[Request]) -> ReadSet:
    """
    What has to be read to judge *requests* for a principal: of all that is recorded, the
    accounts too.
    """
    reads = reads_of(requests)
    ids = dict.fromkeys((*reads.transaction_ids, *reads.originals))
    return attrs.evolve(reads, originals=tuple(ids))


def decide(
    requests: Sequence[Request],
    snapshot: Snapshot,
    clock: Clock,
    *,
    atomic: bool = False,
    guard: Guard | None = None,
) -> WriteSet:
    """
    What *requests* come to, each seeing what the earlier ones did, and what to write.

    Never raises: an outcome is a `Transaction` or an error as a value. With *atomic*,
    everything is written or, where one command fails, nothing but its refusal. With a
    *guard*, its principal asks, and what it may not do is a denial; what it read then has to
    be what `guarded_reads_of` names.
    """
    work = _Work(snapshot, clock) if guard is None else _GuardedWork(snapshot, clock, guard)
    if atomic:
        return _decide_atomic(requests, snapshot, work)
    return work.written(tuple(map(work.outcome, requests)))


def expire(account_ids: Iterable[AccountId], snapshot: Snapshot, clock: Clock) -> WriteSet:
    """
    What is to be written so that every hold of these accounts that is due has expired; the
    outcomes are the expiries.
    """
    work = _Work(snapshot, clock)
    for account_id in account_ids:
        account = snapshot.accounts.get(account_id)
        if account is not None:
            work.accept(work.expiries_of(account, clock.now))
    return work.written(tuple(cast("list[Transaction]", work.records)))


class Judging:
    """
    Recorded commands judged again, from nothing on, each at the time that was recorded for it.
    """

    def __init__(self) -> None:
        # By what clock, every judgement says anew.
        self._work = _Work(Snapshot({}, {}), Clock(datetime.min.replace(tzinfo=UTC), timedelta(0)))

    def judge(
        self, requests: Sequence[Request], at: datetime, *, atomic: bool
    ) -> tuple[Transaction | Refusal, ...]:
        """
        The records that *requests* come to at that time, expiries included.
        """
        # Any skew: what was tolerated then is seen from the times alone.
        return self._work.judged_at(requests, Clock(at, timedelta.max), atomic=atomic)

    def written(self) -> WriteSet:
        """
        All that was judged, to be written into an empty store.
        """
        return self._work.written(())


def _decide_atomic(requests: Sequence[Request], snapshot: Snapshot, work: "_Work") -> WriteSet:
    # A batch that was refused is refused again, for as long as its refusal stands.
    for request in requests:
        recorded = snapshot.recorded.get(request.transaction_id)
        if recorded is not None:
            replay = work.replay(request, recorded)
            if isinstance(replay, BankError):
                return _failed(requests, snapshot, replay)
    used = [request for request in requests if request.transaction_id in snapshot.recorded]
    if 0 < len(used) < len(requests):
        error = TransactionIdReusedError(used[0].transaction_id, ())
        return _failed(requests, snapshot, error)
    outcomes: list[Outcome] = []
    for request in requests:
        outcome = work.outcome(request)
        if isinstance(outcome, BankError):
            # The earlier commands are undone, and their effects are why this one was judged as
            # it was: the refusal keeps them, and the clock by which they all were judged.
            batch = tuple(each.command for each in requests[: len(outcomes)])
            changes: dict[str, Any] = (
                {"batch": batch, "refused_at": work.clock.now} if batch else {}
            )
            refused = tuple(
                attrs.evolve(record, **changes)
                for record in work.records
                if isinstance(record, Refusal)
            )
            return _failed(requests, snapshot, outcome, refused)
        outcomes.append(outcome)
    return work.written(tuple(outcomes))


def _failed(
    requests: Sequence[Request],
    snapshot: Snapshot,
    error: BankError,
    refused: tuple[Refusal, ...] = (),
) -> WriteSet:
    """
    What an atomic batch comes to that fails with *error*: nothing done but what is *refused*,
    and every other id free.
    """
    used = {*snapshot.recorded, *(refusal.id for refusal in refused)}
    free = dict.fromkeys(
        request.transaction_id
        for request in requests
        if request.id_given and request.transaction_id not in used
    )
    error.unused_ids = tuple(free)
    return WriteSet(records=refused, outcomes=(error,))


# What one account comes to: its next state, and the amount booked on it.
_Step = tuple[Account, Money]


class _Expiry(NamedTuple):
    """
    A hold's expiry, and the account after it.
    """

    transaction: Transaction
    after: Account


class _Work:
    """
    The current state while a batch is judged: one state per account, one record per id.
    """

    def __init__(self, snapshot: Snapshot, clock: Clock) -> None:
        self._snapshot = snapshot
        self.clock = clock
        # By the ids' texts: a look-up by text is several times as quick as one by value.
        self._accounts = {key.value: account for key, account in snapshot.accounts.items()}
        self._recorded = {key.value: record for key, record in snapshot.recorded.items()}
        self._reversals = dict(snapshot.reversals)
        self.records: list[Transaction | Refusal] = []

    def written(self, outcomes: tuple[Outcome, ...]) -> WriteSet:
        before = self._snapshot.accounts
        changed = (
            account for account in self._accounts.values() if account is not before.get(account.id)
        )
        return WriteSet(tuple(changed), tuple(self.records), outcomes)

    def outcome(self, request: Request) -> Outcome:
        transaction_id = request.transaction_id
        # What is recorded under the id is looked up before any rule of the bank.
        recorded = self._recorded.get(transaction_id.value)
        if recorded is not None:
            return self.replay(request, recorded)
        command = request.command
        kind = type(command)
        now = self.clock.now
        at = now if command.booked_at is None else command.booked_at
        expiries: list[_Expiry] = []
        try:
            before = self._before(request, at, now)
            for account in before:
                if account.last_booked_at is not None and account.last_booked_at > at:
                    at = _later_time(command, account, self.clock)
            for account in before:
                if account.holds:
                    expiries += self.expiries_of(account, at)
            if kind is ExpireHold:
                return self._expired(cast("ExpireHold", command), expiries)
            if expiries:
                before = _latest(before, expiries)
            steps = _RULES[kind](command, request, before, at, self)
        except BankError as error:
            # The traceback would keep this whole batch alive for as long as the error.
            return self._refused(request, error.with_traceback(None), at)
        # After this point it must succeed.
        return self._booked(request, steps, at, expiries)

    def replay(self, request: Request, recorded: Transaction | Refusal) -> Outcome:
        """
        What is recorded under the id, if it is of this command.
        """
        return _replay(request, recorded)

    def _booked(
        self,
        request: Request,
        steps: tuple[_Step, ...],
        at: datetime,
        expiries: Sequence[_Expiry],
    ) -> Transaction:
        if expiries:
            self.accept(expiries)
        transaction = Transaction(
            request.transaction_id,
            request.command,
            at,
            tuple(map(_posting, steps)),
            request.principal,
        )
        self._record(transaction)
        for account, _ in steps:
            self._accounts[account.id.value] = account
        if type(request.command) is Reverse:
            self._reversals[request.command.original_id] = transaction.id
        return transaction

    def _before(self, request: Request, at: datetime, now: datetime) -> Sequence[Account]:
        """
        The accounts that the command finds, the debited one first; none where it opens one.
        """
        if at > now:
            raise InvalidTimeError(at.isoformat(), f"the clock says {now.isoformat()}")
        if type(request.command) is OpenAccount:
            before: Sequence[Account] = self._none_of(request)
        else:
            before = self._all_of(request)
        if request.expected_version is not None:
            _require_version(request, before)
        return before

    # -- Judged again --

    def judged_at(
        self, requests: Sequence[Request], clock: Clock, *, atomic: bool
    ) -> tuple[Transaction | Refusal, ...]:
        """
        The records that *requests* bring by *clock*; of an atomic batch, only its refusal.
        """
        self.clock = clock
        before = len(self.records)
        if atomic:
            seen = self._seen_by(requests)
            for record in _decide_atomic(requests, seen, _Work(seen, clock)).records:
                if isinstance(record, Refusal):
                    self._record(record)
        else:
            for request in requests:
                self.outcome(request)
        return tuple(self.records[before:])

    def _seen_by(self, requests: Sequence[Request]) -> Snapshot:
        """
        What a store would read for *requests*, were all that was judged so far in it.
        """
        reads = reads_of(requests)
        recorded = {
            each: self._recorded[each.value]
            for each in (*reads.transaction_ids, *reads.originals)
            if each.value in self._recorded
        }
        account_ids = dict.fromkeys(reads.account_ids)
        for original_id in reads.originals:
            account_ids.update(dict.fromkeys(touched_accounts(recorded.get(original_id))))
        return Snapshot(
            recorded,
            {
                each: self._accounts[each.value]
                for each in account_ids
                if each.value in self._accounts
            },
            {each: self._reversals[each] for each in reads.originals if each in self._reversals},
        )

    # -- What the rules look up --

    def original_of(self, command: Reverse) -> Transaction:
        """
        The transaction to be reversed, if it can be.
        """
        original_id = command.original_id
        original = self._recorded.get(original_id.value)
        if not isinstance(original, Transaction):
            raise TransactionNotFoundError(original_id)
        kind = type(original.command)
        if kind in _NEVER_REVERSED or not any(posting.amount for posting in original.postings):
            raise NotReversibleError(original_id, COMMAND_NAMES[kind])
        reversed_by = self._reversals.get(original_id)
        if reversed_by is not None:
            raise AlreadyReversedError(original_id, reversed_by)
        return original

    def require_hold(self, account: Account, hold_id: TransactionId) -> None:
        """
        Passes where *account* has this open hold.
        """
        if any(hold.id == hold_id for hold in account.holds):
            return
        placed = self._recorded.get(hold_id.value)
        if (
            isinstance(placed, Transaction)
            and type(placed.command) is PlaceHold
            and placed.account_id == account.id
        ):
            raise HoldNotActiveError(account.id, hold_id)
        raise HoldNotFoundError(account.id, hold_id)

    def _none_of(self, request: Request) -> tuple[Account, ...]:
        """
        No account, where none of those to be opened is there yet.
        """
        for account_id in request.account_ids:
            if account_id.value in self._accounts:
                raise AccountExistsError(account_id)
        return ()

    def _all_of(self, request: Request) -> list[Account]:
        """
        The accounts the command touches, as they are now.
        """
        command = request.command
        if type(command) is Reverse:
            account_ids = tuple(
                account_id for account_id, _ in _opposites(self.original_of(command))
            )
        else:
            account_ids = request.account_ids
        found = []
        for account_id in account_ids:
            account = self._accounts.get(account_id.value)
            if account is None:
                raise AccountNotFoundError(account_id)
            found.append(account)
        return found

    # -- Expiries --

    def expiries_of(self, account: Account, at: datetime) -> list[_Expiry]:
        """
        A transaction for each hold of *account* that is due, and the account after it.
        """
        found = []
        for hold in account.due_holds(at):
            # One id for one expiry, wherever it is decided.
            transaction_id = TransactionId.of_expiry(account.id, account.version + 1)
            account = account.expire_hold(hold.id)
            transaction = Transaction(
                transaction_id,
                ExpireHold(account.id, hold.id, transaction_id=transaction_id),
                cast("datetime", hold.expires_at),
                (_posting((account, Money.zero(account.balance.currency))),),
            )
            found.append(_Expiry(transaction, account))
        return found

    def accept(self, expiries: Iterable[_Expiry]) -> None:
        """
        Book *expiries*.
        """
        for transaction, account in expiries:
            self._record(transaction)
            self._accounts[account.id.value] = account

    def _expired(self, command: ExpireHold, expiries: list[_Expiry]) -> Outcome:
        """
        What a recorded expiry comes to that is judged again: itself, with all that is due.
        """
        self.accept(expiries)
        for transaction, _ in expiries:
            if transaction.id == command.transaction_id and transaction.command == command:
                return transaction
        return HoldNotActiveError(command.account_id, command.hold_id)

    # -- Records --

    def _record(self, record: Transaction | Refusal) -> None:
        self._recorded[record.id.value] = record
        self.records.append(record)

    def _refused(self, request: Request, error: BankError, at: datetime) -> BankError:
        # "When the caller gave the id, a refusal that depended on the state is recorded
        # under it, so that a late duplicate cannot turn into a payment."
        if request.id_given and isinstance(error, DeclinedError) and error.is_recorded:
            facts = attrs.asdict(cast("Any", error), recurse=False)
            self._record(
                Refusal(
                    request.transaction_id,
                    request.command,
                    at,
                    error.code,
                    facts,
                    request.principal,
                )
            )
        return error


class _GuardedWork(_Work):
    """
    The work for one principal. The order of judgement: may such a principal do such a thing at
    all; what is recorded under the id; the policy, on the accounts as read; then the rules.
    """

    def __init__(self, snapshot: Snapshot, clock: Clock, guard: Guard) -> None:
        super().__init__(snapshot, clock)
        self._guard = guard

    def outcome(self, request: Request) -> Outcome:
        denial = self._guard.command_role_denial(request.command)
        if denial is not None:
            return denial
        if request.transaction_id.value not in self._recorded:
            said_no = self._policy_denial(request.command)
            if said_no is not None:
                return said_no
        outcome = super().outcome(request)
        if isinstance(outcome, Transaction):
            return self._guard.receipt(outcome, self._found)
        return outcome

    def replay(self, request: Request, recorded: Transaction | Refusal) -> Outcome:
        if recorded.principal != request.principal:
            # What another asked for is nobody's business: not even which fields differ.
            return TransactionIdReusedError(request.transaction_id, ())
        denial = self._guard.record_denial(recorded, self._found, self._found_record)
        return denial or super().replay(request, recorded)

    def _found(self, account_id: AccountId) -> Account | None:
        return self._accounts.get(account_id.value)

    def _found_record(self, transaction_id: TransactionId) -> Transaction | Refusal | None:
        return self._recorded.get(transaction_id.value)

    def _moves(self, command: Command) -> tuple[Move, ...]:
        opposites: Sequence[tuple[AccountId, Money]] = ()
        if type(command) is Reverse:
            original = self._found_record(command.original_id)
            opposites = _opposites(original) if isinstance(original, Transaction) else ()
        return tuple(moves_of(command, self._found, opposites))

    def _policy_denial(self, command: Command) -> BankError | None:
        placed: Transaction | None = None
        if type(command) is Reverse:
            original = self._found_record(command.original_id)
            if (
                not isinstance(original, Transaction)
                or self._guard.record_denial(original, self._found, self._found_record) is not None
            ):
                # Of no transaction, and of one that is not to be seen: the very same.
                return TransactionNotFoundError(command.original_id)
        elif isinstance(command, CaptureHold | ReleaseHold | ExtendHold):
            found = self._found_record(command.hold_id)
            # One of another account is none, whoever placed it.
            if isinstance(found, Transaction) and found.account_id == command.account_id:
                placed = found
        return self._guard.command_denial(command, self._moves(command), self._found, placed)

    # -- Accounts that are paid into, and not seen --

    def _refused(self, request: Request, error: BankError, at: datetime) -> BankError:
        moves = self._moves(request.command)
        unseen = {
            account_id: amount
            for part, account_id, amount in moves
            if part is Part.CREDITED and not self._guard.sees(self._found(account_id))
        }
        first = self._found(moves[0][1]) if unseen else None
        if first is None:
            return super()._refused(request, error, at)
        # Nothing may depend on what there is, or is not, under an id that the principal may
        # not see. So what is told is what would be if an account were there that can take
        # anything; and if nothing else stands in the way, then that there is none to be seen.
        accounts = {
            account_id: account
            for _, account_id, _ in moves
            if (account := self._found(account_id)) is not None
        }
        for account_id, amount in unseen.items():
            accounts[account_id] = stand_in(
                account_id, first.balance if amount is None else amount
            )
        told = _Work(Snapshot(self._named_records(request.command), accounts), self.clock).outcome(
            request
        )
        if not isinstance(told, BankError):
            return not_visible(ACTIONS[type(request.command)], next(iter(unseen)))
        if type(told) is type(error) and told.facts == error.facts:
            return super()._refused(request, error, at)
        # It must not carry along what really stood in the way.
        told.__context__ = None
        return told

    def _named_records(self, command: Command) -> dict[TransactionId, Transaction | Refusal]:
        named = (getattr(command, name, None) for name in ("hold_id", "original_id"))
        found = ((each, self._found_record(each)) for each in named if each is not None)
        return {each: record for each, record in found if record is not None}


def _replay(request: Request, recorded: Transaction | Refusal) -> Outcome:
    if recorded.command != request.command:
        return TransactionIdReusedError(
            request.transaction_id, _differing_fields(recorded.command, request.command)
        )
    if isinstance(recorded, Transaction):
        return attrs.evolve(recorded, replayed=True)
    error = recorded.to_error()
    error.replayed = True
    return error


def _differing_fields(first: Command, second: Command) -> tuple[str, ...]:
    if type(first) is not type(second):
        return ("command",)
    return tuple(
        field.name
        for field in attrs.fields(type(first))
        if field.eq and getattr(first, field.name) != getattr(second, field.name)
    )


def _posting(step: _Step) -> Posting:
    after, amount = step
    return Posting(
        after.id, amount, after.balance, after.held, after.overdraft_limit, after.version
    )


def _opposites(original: Transaction) -> list[tuple[AccountId, Money]]:
    """
    What reverses *original*: its accounts backwards, but those to be debited first.
    """
    opposites = [(posting.account_id, -posting.amount) for posting in reversed(original.postings)]
    return sorted(opposites, key=lambda opposite: opposite[1].amount_minor >= 0)


def _require_version(request: Request, before: Sequence[Account]) -> None:
    # "Judged on the debited (or only) account as read"; one not there yet is at version 0.
    expected = cast("int", request.expected_version)
    account_id, found = (
        (before[0].id, before[0].version) if before else (request.account_ids[0], 0)
    )
    if found != expected:
        raise StaleVersionError(account_id, expected, found)


def _later_time(command: Command, account: Account, clock: Clock) -> datetime:
    """
    When *command* takes place, seeing that *account* was last booked later: right then.
    """
    last = cast("datetime", account.last_booked_at)
    # A time that the caller gives (imported history) is never moved.
    if command.booked_at is not None:
        raise InvalidTimeError(
            command.booked_at.isoformat(),
            f"account {account.id} was last booked at {last.isoformat()}",
        )
    if last - clock.now > clock.skew_max:
        raise ClockSkewError(account.id, last, clock.now)
    return last


def _latest(accounts: Sequence[Account], expiries: Sequence[_Expiry]) -> list[Account]:
    """
    *accounts* as they are after *expiries*.
    """
    after = {account.id: account for _, account in expiries}
    return [after.get(account.id, account) for account in accounts]


# -- One rule for each kind of command: what its accounts come to -------------


def _moved(moves: Sequence[tuple[Account, Money]], at: datetime) -> tuple[_Step, ...]:
    """
    Several accounts with an amount booked on each, judged step by step through all of them.
    """
    for account, amount in moves:
        account.require_same_currency(amount)
    for account, _ in moves:
        account.require_open()
    for account, amount in moves:
        account.require_permitted(amount, at)
    for account, amount in moves:
        account.require_funds(amount)
    return tuple((account.post(amount, booked_at=at), amount) for account, amount in moves)


def _unmoved(after: Account) -> tuple[_Step, ...]:
    return ((after, Money.zero(after.balance.currency)),)


def _open_account(
    command: OpenAccount,
    request: Request,
    _before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    account = Account.open(
        request.account_ids[0],
        initial_balance=command.initial_balance,
        overdraft_limit=command.overdraft_limit,
        holder=command.holder,
        booked_at=at,
    )
    return ((account, account.balance),)


def _deposit(
    command: Deposit,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    amount = command.amount
    return ((before[0].deposit(amount, booked_at=at), amount),)


def _withdraw(
    command: Withdraw,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    amount = -command.amount
    return ((before[0].post(amount, booked_at=at), amount),)


def _transfer(
    command: Transfer,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    source, destination = before
    amount = command.amount
    return _moved(((source, -amount), (destination, amount)), at)


def _post(
    command: Post,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    return _moved(tuple(zip(before, command.nets.values(), strict=True)), at)


def _reverse(
    command: Reverse,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    work: _Work,
) -> tuple[_Step, ...]:
    opposites = _opposites(work.original_of(command))
    moves = zip(before, (amount for _, amount in opposites), strict=True)
    return _moved(tuple(moves), at)


def _place_hold(
    command: PlaceHold,
    request: Request,
    before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    return _unmoved(
        before[0].place_hold(
            request.transaction_id,
            command.amount,
            expires_at=command.expires_at,
            description=command.description,
            booked_at=at,
        )
    )


def _capture_hold(
    command: CaptureHold,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    work: _Work,
) -> tuple[_Step, ...]:
    source = before[0]
    if command.amount is not None:
        for account in before:
            account.require_same_currency(command.amount)
    for account in before:
        # Without an amount, the currency is the hold's, which is the source's.
        account.require_same_currency(source.balance)
    for account in before:
        account.require_open()
    work.require_hold(source, command.hold_id)
    hold = source.open_hold(command.hold_id)
    amount = hold.left if command.amount is None else command.amount
    source.require_permitted(-amount, at)
    for account in before[1:]:
        account.require_permitted(amount, at)
    after = source.capture_hold(command.hold_id, amount, final=command.final, booked_at=at)
    steps = [(after, -amount)]
    steps += [(account.deposit(amount, booked_at=at), amount) for account in before[1:]]
    return tuple(steps)


def _release_hold(
    command: ReleaseHold,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    work: _Work,
) -> tuple[_Step, ...]:
    (account,) = before
    account.require_open()
    work.require_hold(account, command.hold_id)
    return _unmoved(account.release_hold(command.hold_id, booked_at=at))


def _extend_hold(
    command: ExtendHold,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    work: _Work,
) -> tuple[_Step, ...]:
    (account,) = before
    account.require_open()
    work.require_hold(account, command.hold_id)
    return _unmoved(account.extend_hold(command.hold_id, command.expires_at, booked_at=at))


def _restrict(
    command: Restrict,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    return _unmoved(
        before[0].restrict(
            command.restriction,
            reason=command.reason,
            ends_at=command.ends_at,
            booked_at=at,
        )
    )


def _set_overdraft_limit(
    command: SetOverdraftLimit,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    return _unmoved(before[0].set_overdraft_limit(command.overdraft_limit, booked_at=at))


def _close_account(
    command: CloseAccount,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    account = before[0]
    rest = account.balance
    if command.sweep_to is None or rest.amount_minor <= 0:
        return _unmoved(account.close(booked_at=at))
    # "`close(sweep_to=…)` moves a positive rest in the same transaction, by the rules of a
    # transfer"; what stands in the way of the closing itself is said first.
    for each in before:
        each.require_same_currency(rest)
    for each in before:
        each.require_open()
    if account.holds:
        raise CloseBlockedError(
            account.id, Money.zero(rest.currency), tuple(hold.id for hold in account.holds)
        )
    (swept, _), credited = _moved(((account, -rest), (before[1], rest)), at)
    # One posting and one version for each account: the emptied one is closed as it is.
    return (
        (attrs.evolve(swept, status=AccountStatus.CLOSED), -rest),
        credited,
    )


def _grant_access(
    command: GrantAccess,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    return _unmoved(before[0].grant_access(command.principal, command.rights, booked_at=at))


def _revoke_access(
    command: RevokeAccess,
    _request: Request,
    before: Sequence[Account],
    at: datetime,
    _work: _Work,
) -> tuple[_Step, ...]:
    return _unmoved(before[0].revoke_access(command.principal, booked_at=at))


# Each rule takes its own kind of command, which only the table below knows.
_Rule = Callable[[Any, Request, Sequence[Account], datetime, _Work], tuple[_Step, ...]]
_RULES: Final[Mapping[type[Command], _Rule]] = {
    OpenAccount: _open_account,
    Deposit: _deposit,
    Withdraw: _withdraw,
    Transfer: _transfer,
    Post: _post,
    Reverse: _reverse,
    PlaceHold: _place_hold,
    CaptureHold: _capture_hold,
    ReleaseHold: _release_hold,
    ExtendHold: _extend_hold,
    Restrict: _restrict,
    SetOverdraftLimit: _set_overdraft_limit,
    CloseAccount: _close_account,
    GrantAccess: _grant_access,
    RevokeAccess: _revoke_access,
}

# "A closing or a reversal cannot be reversed."
_NEVER_REVERSED: Final = frozenset({CloseAccount, Reverse})

# Whose judgement takes a look at the transaction that placed the hold.
_ON_A_HOLD: Final = frozenset({CaptureHold, ReleaseHold, ExtendHold})
