"""
The rules of the bank.

Whether a command is allowed, and what it books, is decided in this file and nowhere
else (what one account allows by itself, it asks the account). Nothing here reads a
clock, makes an id, logs, or touches a store: `decide` may run twice for one command,
and both runs must say the same.

The order of judgement is part of the API; the first that says no wins:

1.  what is recorded under the transaction id: the same command replays, another is
    `TransactionIdReusedError`;
2.  `InvalidTimeError`, if the given time is later than the clock;
3.  `AccountNotFoundError` (the source first), `AccountExistsError`;
4.  `InvalidTimeError`, if the given time is earlier than an account's last posting,
    or `ClockSkewError`, if the clock is;
5.  `CurrencyMismatchError` (the source first);
6.  `AccountClosedError` (the source first);
7.  `InsufficientFundsError`;
8.  `BalanceLimitError` (the source first).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Final, cast

import attrs

from bankcore.account import Account
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import (
    AccountExistsError,
    AccountNotFoundError,
    BankError,
    ClockSkewError,
    DeclinedError,
    InvalidTimeError,
    TransactionIdReusedError,
)
from bankcore.ids import AccountId, TransactionId
from bankcore.money import require_same_currency
from bankcore.store import ReadSet, Snapshot, WriteSet
from bankcore.transaction import Posting, Refusal, Transaction

Outcome = Transaction | BankError


@attrs.frozen
class Request:
    """
    A command with all that had to be made for it before it can be judged.

    Attributes:
        command: The command, with its transaction id filled in.
        id_given: Whether the caller gave the id; only then a refusal is recorded.
        new_account_id: The id for an account that is opened without one.
    """

    command: Command
    transaction_id: TransactionId
    id_given: bool
    new_account_id: AccountId | None = None

    @property
    def account_ids(self) -> tuple[AccountId, ...]:
        """
        The accounts the command touches, the one to be debited first.
        """
        return self.command.account_ids or (cast("AccountId", self.new_account_id),)


@attrs.frozen
class Clock:
    """
    One reading of the bank's clock, and how far ahead of it a posting may be.
    """

    now: datetime
    skew_max: timedelta


def reads_of(requests: Iterable[Request]) -> ReadSet:
    """
    What has to be read to judge *requests*.
    """
    transaction_ids: dict[TransactionId, None] = {}
    account_ids: dict[AccountId, None] = {}
    for request in requests:
        transaction_ids[request.transaction_id] = None
        for account_id in request.account_ids:
            account_ids[account_id] = None
    return ReadSet(tuple(transaction_ids), tuple(account_ids))


def decide(
    requests: Sequence[Request], snapshot: Snapshot, clock: Clock, *, atomic: bool = False
) -> WriteSet:
    """
    What *requests* come to, each seeing what the earlier ones did, and what to write.

    Never raises: an outcome is a `Transaction` or an error as a value. With *atomic*,
    everything is written or, where one command fails, nothing but its refusal.
    """
    if atomic:
        return _decide_atomic(requests, snapshot, clock)
    work = _Work(snapshot, clock)
    outcomes = tuple(work.outcome(request) for request in requests)
    return work.written(outcomes)


def _decide_atomic(
    requests: Sequence[Request], snapshot: Snapshot, clock: Clock
) -> WriteSet:
    work = _Work(snapshot, clock)
    # A batch that was refused is refused again, for as long as its refusal stands.
    for request in requests:
        recorded = snapshot.recorded.get(request.transaction_id)
        if recorded is not None:
            replay = _replay(request, recorded)
            if isinstance(replay, BankError):
                return _failed(requests, snapshot, replay)
    used = [request for request in requests if request.transaction_id in snapshot.recorded]
    if 0 < len(used) < len(requests):
        error = TransactionIdReusedError(used[0].transaction_id, ())
        return _failed(requests, snapshot, error)
    outcomes = []
    for request in requests:
        outcome = work.outcome(request)
        if isinstance(outcome, BankError):
            refusal = work.records.get(request.transaction_id)
            records = (refusal,) if isinstance(refusal, Refusal) else ()
            return attrs.evolve(_failed(requests, snapshot, outcome, request), records=records)
        outcomes.append(outcome)
    return work.written(tuple(outcomes))


def _failed(
    requests: Sequence[Request],
    snapshot: Snapshot,
    error: BankError,
    failing: Request | None = None,
) -> WriteSet:
    """
    What an atomic batch comes to that fails with *error*: nothing done, the other ids free.
    """
    recorded: set[TransactionId] = set(snapshot.recorded)
    if failing is not None:
        recorded.add(failing.transaction_id)
    free = dict.fromkeys(
        request.transaction_id
        for request in requests
        if request.id_given and request.transaction_id not in recorded
    )
    error.unused_ids = tuple(free)
    return WriteSet(outcomes=(error,))


class _Work:
    """
    The current state while a batch is judged: one state per account, one record per id.
    """

    def __init__(self, snapshot: Snapshot, clock: Clock) -> None:
        self._recorded = snapshot.recorded
        self._read = snapshot.accounts
        self._clock = clock
        self._changed: dict[AccountId, Account] = {}
        self.records: dict[TransactionId, Transaction | Refusal] = {}

    def written(self, outcomes: tuple[Outcome, ...]) -> WriteSet:
        return WriteSet(tuple(self._changed.values()), tuple(self.records.values()), outcomes)

    def outcome(self, request: Request) -> Outcome:
        transaction_id = request.transaction_id
        recorded = self._recorded.get(transaction_id) or self.records.get(transaction_id)
        # What is recorded under the id is looked up before any rule of the bank.
        if recorded is not None:
            return _replay(request, recorded)
        command = request.command
        at = self._clock.now if command.booked_at is None else command.booked_at
        try:
            before = self._accounts(request, at)
            at = _booking_time(command, before, at, self._clock)
            after = _RULES[type(command)](request, before, at)
        except BankError as error:
            # The traceback would keep this whole batch alive for as long as the error.
            return self._refused(request, error.with_traceback(None), at)
        # After this point it must succeed.
        transaction = Transaction(
            transaction_id, command, at, tuple(map(_posting, zip_longest(before, after)))
        )
        self.records[transaction_id] = transaction
        for account in after:
            self._changed[account.id] = account
        return transaction

    def _accounts(self, request: Request, at: datetime) -> tuple[Account, ...]:
        """
        The accounts the command touches, as they are now; none for one to be opened.
        """
        if at > self._clock.now:
            raise InvalidTimeError(
                at.isoformat(), f"the clock says {self._clock.now.isoformat()}"
            )
        is_opening = isinstance(request.command, OpenAccount)
        found = []
        for account_id in request.account_ids:
            account = self._changed.get(account_id) or self._read.get(account_id)
            if account is None and not is_opening:
                raise AccountNotFoundError(account_id)
            if account is not None:
                if is_opening:
                    raise AccountExistsError(account_id)
                found.append(account)
        return tuple(found)

    def _refused(self, request: Request, error: BankError, at: datetime) -> BankError:
        # "When the caller gave the id, a refusal that depended on the state is recorded
        # under it, so that a late duplicate cannot turn into a payment."
        if request.id_given and isinstance(error, DeclinedError) and error.is_recorded:
            self.records[request.transaction_id] = Refusal(
                request.transaction_id,
                request.command,
                at,
                error.code,
                attrs.asdict(cast("Any", error), recurse=False),
            )
        return error


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


def _posting(states: tuple[Account | None, Account]) -> Posting:
    before, after = states
    balance = after.balance
    return Posting(
        after.id,
        balance if before is None else balance - before.balance,
        balance,
        after.held,
        after.overdraft_limit,
        after.version,
    )


def _booking_time(
    command: Command, accounts: Sequence[Account], at: datetime, clock: Clock
) -> datetime:
    """
    When *command* takes place: as given, or the later of the clock and the last postings.
    """
    for account in accounts:
        last = account.last_booked_at
        if last is None or last <= at:
            continue
        # "A time given by the caller (imported history) is never moved."
        if command.booked_at is not None:
            raise InvalidTimeError(
                at.isoformat(), f"account {account.id} was last booked at {last.isoformat()}"
            )
        if last - clock.now > clock.skew_max:
            raise ClockSkewError(account.id, last, clock.now)
        at = last
    return at


# -- One rule for each kind of command: the accounts as they are after it ----


def _open_account(
    request: Request, _before: tuple[Account, ...], at: datetime
) -> tuple[Account, ...]:
    command = cast("OpenAccount", request.command)
    account = Account.open(
        request.account_ids[0],
        initial_balance=command.initial_balance,
        overdraft_limit=command.overdraft_limit,
        booked_at=at,
    )
    return (account,)


def _deposit(
    request: Request, before: tuple[Account, ...], at: datetime
) -> tuple[Account, ...]:
    command = cast("Deposit", request.command)
    return (before[0].deposit(command.amount, booked_at=at),)


def _withdraw(
    request: Request, before: tuple[Account, ...], at: datetime
) -> tuple[Account, ...]:
    command = cast("Withdraw", request.command)
    return (before[0].withdraw(command.amount, booked_at=at),)


def _transfer(
    request: Request, before: tuple[Account, ...], at: datetime
) -> tuple[Account, ...]:
    command = cast("Transfer", request.command)
    source, destination = before
    # Both accounts before either's funds: what the caller must fix comes first.
    for account in before:
        require_same_currency(account.balance, command.amount)
    for account in before:
        account.require_open()
    return (
        source.withdraw(command.amount, booked_at=at),
        destination.deposit(command.amount, booked_at=at),
    )


_RULES: Final[
    Mapping[
        type[Command],
        Callable[[Request, tuple[Account, ...], datetime], tuple[Account, ...]],
    ]
] = {
    OpenAccount: _open_account,
    Deposit: _deposit,
    Withdraw: _withdraw,
    Transfer: _transfer,
}
