"""
The engine: what commands come to, decided by one pure function.

Decided here: the order in which a command is judged, and what it books. Nothing here reads a
clock, makes an id, logs, or touches a store: `decide` may run twice for one command, and both runs
must say the same.

The order is part of the API; the first "no" wins. Where a command touches several accounts, each
step goes through all of them, those to be debited first. A principal is one for whom the bank is
acting; trusted code has none:

1.  `TransactionIdReusedError`, if the sender recorded another command under the transaction id
    (the same one replays, whatever its sender may do by now); then `AccessDeniedError`, if a
    principal may not do such a thing at all; then `TransactionIdReusedError`, if somebody else
    used the id; then `AccessDeniedError`, `AccountNotVisibleError` or `TransactionNotFoundError`,
    if a principal may not do it with these accounts;
2.  `InvalidTimeError`, if the given time is later than the clock;
3.  `TransactionNotFoundError`, `NotReversibleError`, `AlreadyReversedError`,
    `PartNotReversibleError` and `ReversalExceededError` for what is to be reversed;
4.  `AccountNotFoundError`, `AccountExistsError`;
5.  `StaleVersionError`, on the first account;
6.  `InvalidTimeError`, if the given time is earlier than an account's last posting,
    or `ClockSkewError`, if the clock is, by more than ``max_clock_skew``;
Then come the steps of `bankcore.accounts._guards.STEPS`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import attrs

from bankcore.access._guard import Guard, not_visible, stand_in
from bankcore.accounts import Account
from bankcore.accounts._errors import HoldNotActiveError, HoldNotFoundError
from bankcore.accounts._guards import GUARDS, PREMISES, free_balances
from bankcore.commands import Command, ExpireHold, Move, OpenAccount, Part, PlaceHold, Reverse
from bankcore.commands._holds import HoldCommand
from bankcore.commands._money import Movement
from bankcore.ledger import Posting, ReadSet, Refusal, Snapshot, Transaction, WriteSet
from bankcore.ledger._errors import (
    AccountExistsError,
    AccountNotFoundError,
    AlreadyReversedError,
    ClockSkewError,
    NotReversibleError,
    PartNotReversibleError,
    ReversalExceededError,
    StaleVersionError,
    TransactionIdReusedError,
    TransactionNotFoundError,
)
from bankcore.ledger._records import transaction_of_one
from bankcore.ledger._store import add_reversal
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
        id_given: True if the caller gave it; only then a refusal is recorded.
        account_ids: The accounts it names, the one to be debited first; the id that was made for
            an account that is opened without one.
        expected_version: The version the first of its accounts must have.
        principal: Who asks, as it is recorded.
        denial: Why the principal may not send such a command at all.
        otherwise: The command that the same call would send if the principal's role as an owner
            came or went: of an opening that names no holder.
        hidden: Why it was denied before its accounts were read.
    """

    command: Command
    transaction_id: TransactionId
    id_given: bool
    account_ids: tuple[AccountId, ...]
    expected_version: int | None = None
    principal: str | None = None
    denial: BankError | None = None
    otherwise: Command | None = None
    hidden: BankError | None = None


@attrs.frozen
class Clock:
    """One reading of the bank's clock, and how far ahead of it a posting may be."""

    now: datetime
    skew_max: timedelta


def reads_of(requests: Sequence[Request], *, is_guarded: bool = False) -> ReadSet:
    """
    Return what has to be read to judge *requests*.

    Where they are guarded, the accounts of everything recorded are read too.
    """
    # Keyed by id text: comparing str is several times faster than comparing id objects.
    transaction_ids: dict[str, TransactionId] = {}
    originals: dict[str, TransactionId] = {}
    account_ids: dict[str, AccountId] = {}
    for request in requests:
        transaction_ids[request.transaction_id.value] = request.transaction_id
        if request.denial is not None or request.hidden is not None:
            continue
        for account_id in request.account_ids:
            account_ids[account_id.value] = account_id
        command = request.command
        if isinstance(command, HoldCommand):
            transaction_ids[command.hold_id.value] = command.hold_id
        elif type(command) is Reverse:
            originals[command.original_id.value] = command.original_id
    if is_guarded:
        transaction_ids, originals = {}, {**transaction_ids, **originals}
    return ReadSet(
        tuple(transaction_ids.values()), tuple(account_ids.values()), tuple(originals.values())
    )


def decide(
    requests: Sequence[Request],
    snapshot: Snapshot,
    clock: Clock,
    *,
    atomic: bool = False,
    guard: Guard | None = None,
    is_written: bool = True,
) -> WriteSet:
    """
    Return what *requests* come to, each seeing what the earlier ones did, and what to write.

    Never raises: an outcome is a `Transaction` or an error as a value. With *atomic*,
    everything is written or, where one command fails, nothing but its refusal. With a
    *guard*, its principal asks, and what it may not do is a denial. Unless it *is_written*,
    only the outcomes are returned.
    """
    work = _Work(snapshot, clock, guard)
    if atomic:
        written = _decide_atomic(requests, snapshot, work)
    else:
        written = work.written(tuple(map(work.outcome, requests)))
    return written if is_written else WriteSet(outcomes=written.outcomes)


def expire(account_ids: Iterable[AccountId], snapshot: Snapshot, clock: Clock) -> WriteSet:
    """
    Return what to write so that every due hold of these accounts has expired.

    The outcomes are the expiries.
    """
    work = _Work(snapshot, clock)
    for account_id in account_ids:
        account = snapshot.accounts.get(account_id)
        if account is not None:
            work.accept(_expiries_of(account, clock.now))
    return work.written(tuple(cast("list[Transaction]", work.records)))


def decide_unseen(
    requests: Sequence[Request], snapshot: Snapshot, clock: Clock, seen: object
) -> Outcome | None:
    """
    Return what the last of *requests* comes to for one who sees no payee of it but *seen*.

    The requests before it have been booked. None if every payee is seen, or no payer is there.
    """
    work = _Work(snapshot, clock)
    *before, last = requests
    for request in before:
        work.outcome(request)
    moves = last.command.moves(work)
    unseen = [each for each in moves if each.part is Part.CREDITED and each.account_id != seen]
    if not unseen or work.account(moves[0].account_id) is None:
        return None
    return work.without(unseen, last, moves)


def _decide_atomic(requests: Sequence[Request], snapshot: Snapshot, work: "_Work") -> WriteSet:
    # A batch that was refused is refused again, for as long as its refusal stands.
    used: list[int] = []
    for place, request in enumerate(requests):
        recorded = snapshot.recorded.get(request.transaction_id)
        if recorded is not None:
            used.append(place)
            replay = work.replay(request, recorded)
            if isinstance(replay, BankError):
                return _failed(requests, snapshot, replay, place)
    if 0 < len(used) < len(requests):
        error = TransactionIdReusedError(requests[used[0]].transaction_id, ())
        return _failed(requests, snapshot, error, used[0])
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
            return _failed(requests, snapshot, outcome, len(outcomes), refused)
        outcomes.append(outcome)
    return work.written(tuple(outcomes))


def _failed(
    requests: Sequence[Request],
    snapshot: Snapshot,
    error: BankError,
    place: int,
    refused: tuple[Refusal, ...] = (),
) -> WriteSet:
    """Return what an atomic batch that failed at *place* comes to, and what is *refused*."""
    used = {*snapshot.recorded, *(refusal.id for refusal in refused)}
    free = dict.fromkeys(
        request.transaction_id
        for request in requests
        if request.id_given and request.transaction_id not in used
    )
    error.unused_ids, error.place = tuple(free), place
    return WriteSet(records=refused, outcomes=(error,))


class _Expiry(NamedTuple):
    """A hold's expiry, and the account after it."""

    transaction: Transaction
    after: Account


class _Run:
    """
    The bookings on one account, one after the other, that no guard has to be asked about.

    The account after each of them is made of their last alone.
    """

    __slots__ = (
        "account_id", "balance", "currency", "held", "highest", "last_booked_at", "lowest",
        "overdraft_limit", "version",
    )  # fmt: skip

    def __init__(self, account: Account, lowest: int, highest: int) -> None:
        self.account_id = account.id
        self.balance = account.balance
        self.currency = account.balance.currency
        self.held = account.held
        self.overdraft_limit = account.overdraft_limit
        self.version = account.version
        self.last_booked_at = account.last_booked_at
        self.lowest = lowest
        self.highest = highest


class _Work:
    """The current state while a batch is judged: one state per account, one record per id."""

    def __init__(self, snapshot: Snapshot, clock: Clock, guard: Guard | None = None) -> None:
        self._snapshot = snapshot
        self.clock = clock
        self._guard = guard
        # Keyed by id text, as in `reads_of`.
        self._accounts: dict[str, Account] = {}
        for account_id, account in snapshot.accounts.items():
            self._accounts[account_id.value] = account
        self._recorded: dict[str, Transaction | Refusal] = {}
        for key, record in snapshot.recorded.items():
            self._recorded[key.value] = record
        self._reversals = dict(snapshot.reversals)
        # What `_booked_plainly` has booked, by account, since `account` was asked for it.
        self._runs: dict[str, _Run] = {}
        self.records: list[Transaction | Refusal] = []

    def written(self, outcomes: tuple[Outcome, ...]) -> WriteSet:
        for name in tuple(self._runs):
            self._end_run(name)
        before = self._snapshot.accounts
        changed = [each for each in self._accounts.values() if each is not before.get(each.id)]
        return WriteSet(tuple(changed), tuple(self.records), outcomes)

    # -- What commands look at --

    def account(self, account_id: AccountId) -> Account | None:
        if self._runs:
            self._end_run(account_id.value)
        return self._accounts.get(account_id.value)

    def record(self, transaction_id: TransactionId) -> Transaction | Refusal | None:
        return self._recorded.get(transaction_id.value)

    def available(self, command: Command) -> Money | None:
        named = [self.account(account_id) for account_id in command.account_ids]
        found = [account for account in named if account is not None]
        if len(found) < len(named):
            return None
        # The time at which `_judged` will book it: a hold that has expired by then is free.
        at = self.clock.now if command.booked_at is None else command.booked_at
        at = max([at, *(each.last_booked_at for each in found if each.last_booked_at)])
        return found[0].as_at(at).available

    def opposites(
        self, original_id: TransactionId, part: Money | None
    ) -> Sequence[tuple[AccountId, Money]]:
        original = self.record(original_id)
        if not isinstance(original, Transaction):
            return ()
        opposites = [(each.account_id, -each.amount) for each in reversed(original.postings)]
        if part is None and self._reversals.get(original.id):
            part = self._left_of(original) or None
        if part is not None:
            opposites = [
                (each, part if net.amount_minor > 0 else -part) for each, net in opposites
            ]
        return sorted(opposites, key=lambda opposite: opposite[1].amount_minor >= 0)

    def _left_of(self, original: Transaction) -> Money:
        """Return how much of a transaction, of what it moved first, was not reversed yet."""
        left = abs(original.postings[0].amount)
        for reversal in self._reversals.get(original.id, ()):
            left = left - left if reversal.amount is None else left - reversal.amount
        return left

    # -- One command --

    def outcome(self, request: Request) -> Outcome:
        # What is recorded under the id is looked up before any rule of the bank.
        recorded = self._recorded.get(request.transaction_id.value)
        if recorded is not None:
            outcome = self.replay(request, recorded)
            if self._guard is None or isinstance(outcome, BankError):
                return outcome
            return self._guard.receipt(outcome, self.account)
        denial = request.denial or request.hidden
        if denial is not None:
            return denial
        command, guard = request.command, self._guard
        moves: Sequence[Move] = ()
        if guard is not None:
            moves = command.moves(self)
            denial = self._policy_denial(guard, command, moves)
            if denial is not None:
                return denial
        if isinstance(command, Movement):
            plain = self._booked_plainly(request, command)
            if plain is not None:
                return plain if guard is None else guard.receipt(plain, self.account)
        return self._judged(request, moves or command.moves(self))

    def _booked_plainly(self, request: Request, command: Movement) -> Transaction | None:
        """
        Return the transaction of a deposit or withdrawal that is booked; None where it is not.

        The short cut for most of what is sent, in half of the time that `_judged` takes. It
        knows no rule: whatever is not free of them, by `free_balances`, is left to `_judged`.
        """
        run = self._runs.get(command.account_id.value)
        if run is None:
            run = self._run_of(command.account_id)
        if run is None or request.expected_version is not None:
            return None
        net, at, now, last = command.net, command.booked_at, self.clock.now, run.last_booked_at
        if at is None:
            at = now
        if at > now or (last is not None and last > at) or net.currency is not run.currency:
            return None
        balance = run.balance + net
        if not run.lowest <= balance.amount_minor <= run.highest:
            return None
        # After this point it must succeed.
        run.balance, run.last_booked_at = balance, at
        run.version = version = run.version + 1
        transaction_id = request.transaction_id
        posting = (run.account_id, net, balance, run.held, run.overdraft_limit, version)
        transaction = transaction_of_one(transaction_id, command, at, request.principal, posting)
        self._recorded[transaction_id.value] = transaction
        self.records.append(transaction)
        return transaction

    def _run_of(self, account_id: AccountId) -> "_Run | None":
        """Return a new run of bookings on the account; None where it cannot have one."""
        account = self._accounts.get(account_id.value)
        # What is due on a hold comes before what is booked.
        if account is None or account.holds:
            return None
        free = free_balances(account)
        if free is None:
            return None
        run = self._runs[account_id.value] = _Run(account, *free)
        return run

    def _end_run(self, name: str) -> None:
        """Make the account of this id what its run, if it has one, came to."""
        run = self._runs.pop(name, None)
        if run is None:
            return
        before = self._accounts[name]
        versions = run.version - before.version
        if versions > 0:
            self._accounts[name] = before.next_balance(
                run.balance, run.last_booked_at, versions=versions
            )

    def _judged(self, request: Request, moves: Sequence[Move]) -> Outcome:
        """Return what the command comes to by the rules, and book it."""
        command = request.command
        at = self.clock.now if command.booked_at is None else command.booked_at
        try:
            before = self._before(request, moves, at)
            for account in before:
                if account.last_booked_at is not None and account.last_booked_at > at:
                    at = _later(command, account, account.last_booked_at, self.clock)
            expiries: list[_Expiry] = []
            for account in before:
                if account.holds:
                    expiries += _expiries_of(account, at)
            if type(command) is ExpireHold:
                return self._expired(command, expiries)
            if expiries:
                latest = {account.id: account for _, account in expiries}
                before = [latest.get(account.id, account) for account in before]
            if type(command) is OpenAccount:
                opened = command.opened(request.account_ids[0], at)
                after = [(opened, opened.balance)]
            else:
                after = _changed(before, moves, at)
        except BankError as error:
            # The traceback would keep this whole batch alive for as long as the error.
            first = self._active(error.with_traceback(None))
            first.others = tuple(map(self._active, error.others))
            return self._refused(request, moves, first, at)
        # After this point it must succeed.
        return self._booked(request, after, at, expiries)

    def _booked(
        self,
        request: Request,
        after: Sequence[tuple[Account, Money]],
        at: datetime,
        expiries: Sequence[_Expiry],
    ) -> Transaction:
        if expiries:
            self.accept(expiries)
        command = request.command
        postings = tuple(map(_posting, after))
        transaction = Transaction(request.transaction_id, command, at, postings, request.principal)
        self._recorded[transaction.id.value] = transaction
        self.records.append(transaction)
        for account, _ in after:
            self._accounts[account.id.value] = account
        if type(command) is Reverse:
            add_reversal(self._reversals, transaction)
        return (
            transaction if self._guard is None else self._guard.receipt(transaction, self.account)
        )

    def replay(self, request: Request, recorded: Transaction | Refusal) -> Outcome:
        """Return the outcome that is recorded under the id, if it is of this command."""
        if self._guard is not None and recorded.principal != request.principal:
            # Another principal's command must not leak, not even which fields differ.
            return request.denial or TransactionIdReusedError(request.transaction_id, ())
        # Its own sender was told the outcome before, and gets it again whatever it may do by now:
        # after a denial it would pay again, under a new id.
        if recorded.command not in (request.command, request.otherwise):
            return TransactionIdReusedError(
                request.transaction_id, _differing_fields(recorded.command, request.command)
            )
        if isinstance(recorded, Transaction):
            return attrs.evolve(recorded, replayed=True)
        error = recorded.to_error()
        error.replayed = True
        return error

    def _before(self, request: Request, moves: Sequence[Move], at: datetime) -> Sequence[Account]:
        """Return the accounts that the command finds, the debited one first."""
        command = request.command
        if command.booked_at is not None and at > self.clock.now:
            raise InvalidTimeError(
                at.isoformat(), f"must not be later than the clock, {self.clock.now.isoformat()}"
            ).about("booked_at")
        if type(command) is Reverse:
            self._require_reversible(command)
        before: list[Account] = []
        if type(command) is OpenAccount:
            if request.account_ids[0].value in self._accounts:
                raise AccountExistsError(request.account_ids[0])
        else:
            for move in moves:
                account = self.account(move.account_id)
                if account is None:
                    raise AccountNotFoundError(move.account_id)
                before.append(account)
        if request.expected_version is not None:
            # "Judged on the debited (or only) account as read"; one not there yet is at version 0.
            account_id, version = (
                (before[0].id, before[0].version) if before else (request.account_ids[0], 0)
            )
            if version != request.expected_version:
                raise StaleVersionError(account_id, request.expected_version, version)
        return before

    def _require_reversible(self, command: Reverse) -> None:
        original_id = command.original_id
        original = self.record(original_id)
        if not isinstance(original, Transaction):
            raise TransactionNotFoundError(original_id)
        # "A closing or a reversal cannot be reversed", nor what moved no money.
        if not original.command.is_reversible or not any(
            posting.amount for posting in original.postings
        ):
            raise NotReversibleError(original_id, original.command.kind)
        part, left = command.amount, self._left_of(original)
        if part is None:
            reversals = self._reversals.get(original_id, ())
            if reversals and not left:
                last = cast("TransactionId", reversals[-1].transaction_id)
                raise AlreadyReversedError(original_id, last)
        elif not original.command.moves_one_amount:
            raise PartNotReversibleError(original_id, original.command.kind)
        # An amount in another currency is refused by a guard.
        elif part.currency == left.currency and part > left:
            raise ReversalExceededError(original_id, left, part)

    def _active(self, error: BankError) -> BankError:
        """Return *error*, or `HoldNotActiveError` if its hold was once placed on the account."""
        if not isinstance(error, HoldNotFoundError):
            return error
        placed = self.record(error.hold_id)
        if (
            isinstance(placed, Transaction)
            and type(placed.command) is PlaceHold
            and placed.account_id == error.account_id
        ):
            return HoldNotActiveError(error.account_id, error.hold_id)
        return error

    def accept(self, expiries: Iterable[_Expiry]) -> None:
        """Book *expiries*."""
        for transaction, account in expiries:
            self._record(transaction)
            self._accounts[account.id.value] = account

    def _expired(self, command: ExpireHold, expiries: Sequence[_Expiry]) -> Outcome:
        """Book *expiries*; return the one that *command* repeats, or `HoldNotActiveError`."""
        self.accept(expiries)
        for transaction, _ in expiries:
            if transaction.id == command.transaction_id and transaction.command == command:
                return transaction
        return HoldNotActiveError(command.account_id, command.hold_id)

    # -- Records --

    def _record(self, record: Transaction | Refusal) -> None:
        self._recorded[record.id.value] = record
        self.records.append(record)

    def _refused(
        self, request: Request, moves: Sequence[Move], error: BankError, at: datetime
    ) -> BankError:
        if self._guard is not None:
            # What is told is recorded: sent again, it must tell no more of an unseen account.
            error = self._told(self._guard, request, moves, error)
        # "When the caller gave the id, a refusal that depended on the state is recorded
        # under it, so that a late duplicate cannot turn into a payment."
        if request.id_given and isinstance(error, DeclinedError) and error.is_recorded:
            self._record(
                Refusal(
                    request.transaction_id,
                    request.command,
                    at,
                    error.code,
                    attrs.asdict(cast("Any", error), recurse=False),
                    request.principal,
                )
            )
        return error

    # -- Access --

    def _policy_denial(
        self, guard: Guard, command: Command, moves: Sequence[Move]
    ) -> BankError | None:
        placed: Transaction | None = None
        original: Transaction | Refusal | None = None
        if type(command) is Reverse:
            original = self.record(command.original_id)
            if not isinstance(original, Transaction):
                return TransactionNotFoundError(command.original_id)
        elif isinstance(command, HoldCommand):
            found = self.record(command.hold_id)
            # A hold of another account is not found, whoever placed it.
            if isinstance(found, Transaction) and found.account_id == command.account_id:
                placed = found
        denial = guard.command_denial(command, moves, self.account, placed)
        if (
            denial is not None
            and original is not None
            and guard.record_denial(original, self.account, self.record) is not None
        ):
            # A missing and a hidden transaction must give the same error.
            return TransactionNotFoundError(original.id)
        return denial

    def _told(
        self, guard: Guard, request: Request, moves: Sequence[Move], error: BankError
    ) -> BankError:
        """Return *error*, or what the principal may be told in its place."""
        unseen = [
            move
            for move in moves
            if move.part is Part.CREDITED and not guard.sees(self.account(move.account_id))
        ]
        if not unseen or self.account(moves[0].account_id) is None:
            return error
        # Do not leak whether the payee exists: judge again against permissive stand-in accounts
        # and tell that result; where it is no refusal, the payee is not visible.
        told = self.without(unseen, request, moves)
        if not isinstance(told, BankError):
            return not_visible(request.command.kind, unseen[0].account_id)
        if type(told) is type(error) and told.facts == error.facts:
            error.others = told.others
            return error
        # It must not carry along what really stood in the way.
        told.__context__ = None
        return told

    def without(self, unseen: Sequence[Move], request: Request, moves: Sequence[Move]) -> Outcome:
        """Return what *request* comes to if nothing is known of the accounts of *unseen*."""
        accounts = {
            move.account_id: account
            for move in moves
            if (account := self.account(move.account_id)) is not None
        }
        first = accounts[moves[0].account_id].balance
        for move in unseen:
            amount = first if move.amount is None else move.amount
            accounts[move.account_id] = stand_in(move.account_id, amount)
        named = (getattr(request.command, name, None) for name in ("hold_id", "original_id"))
        records = {each: record for each in named if each and (record := self.record(each))}
        told = _Work(Snapshot(records, accounts, self._reversals), self.clock)
        return told.outcome(request)


def _changed(
    before: Sequence[Account], moves: Sequence[Move], at: datetime
) -> list[tuple[Account, Money]]:
    """Run the guards, and return each account after its move and the amount booked on it."""
    steps = [(account, move.change) for account, move in zip(before, moves, strict=True)]
    guards = steps[0][1].asks if len(steps) == 1 else GUARDS
    found: list[BankError] = []
    for guard in guards:
        for account, change in steps:
            if guard in change.asks:
                try:
                    guard(account, change, at)
                except BankError as error:
                    # The first is the answer. The others are for those who ask for all of them.
                    found.append(error.with_traceback(None))
                    if guard in PREMISES:
                        steps = [each for each in steps if each[0] is not account]
    if found:
        found[0].others = tuple(found[1:])
        raise found[0]
    after = []
    for account, change in steps:
        net = change.net
        booked = Money.zero(account.balance.currency) if net is None else net
        after.append((change.applied_to(account, at), booked))
    return after


def _expiries_of(account: Account, at: datetime) -> list[_Expiry]:
    """Return a transaction for each hold of *account* that is due, and the account after it."""
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


def _differing_fields(first: Command, second: Command) -> tuple[str, ...]:
    if type(first) is not type(second):
        return ("command",)
    return tuple(
        field.name
        for field in attrs.fields(type(first))
        if field.eq and getattr(first, field.name) != getattr(second, field.name)
    )


def _posting(step: tuple[Account, Money]) -> Posting:
    after, amount = step
    return Posting(
        after.id, amount, after.balance, after.held, after.overdraft_limit, after.version
    )


def _later(command: Command, account: Account, last: datetime, clock: Clock) -> datetime:
    """Return *last*, when *account* was last booked, which is later than the command's time."""
    # A time that the caller gives (imported history) is never moved.
    if command.booked_at is not None:
        raise InvalidTimeError(
            command.booked_at.isoformat(),
            f"must not be earlier than {last.isoformat()}, when account {account.id} was"
            " last booked",
        ).about("booked_at")
    if last - clock.now > clock.skew_max:
        raise ClockSkewError(account.id, last, clock.now)
    return last
