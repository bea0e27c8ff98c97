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

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, cast

import attrs

from bankcore.account import Account, AccountStatus
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import (
    AccountClosedError,
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
        transaction_id: That id.
        id_given: Whether the caller gave it; only then a refusal is recorded.
        account_ids: The accounts it touches, the one to be debited first; of an account
            that is opened without an id, the id made for it.
    """

    command: Command
    transaction_id: TransactionId
    id_given: bool
    account_ids: tuple[AccountId, ...]


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
    transaction_ids = dict.fromkeys(request.transaction_id for request in requests)
    account_ids = dict.fromkeys(chain.from_iterable(request.account_ids for request in requests))
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
    return work.written(tuple(map(work.outcome, requests)))


def _decide_atomic(requests: Sequence[Request], snapshot: Snapshot, clock: Clock) -> WriteSet:
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
            refused = tuple(record for record in work.records if isinstance(record, Refusal))
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


class _Work:
    """
    The current state while a batch is judged: one state per account, one record per id.
    """

    def __init__(self, snapshot: Snapshot, clock: Clock) -> None:
        self._snapshot = snapshot
        self._clock = clock
        # By the ids' texts: a look-up by text is several times as quick as one by value.
        self._accounts = {key.value: account for key, account in snapshot.accounts.items()}
        self._recorded = {key.value: record for key, record in snapshot.recorded.items()}
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
            return _replay(request, recorded)
        command = request.command
        now = self._clock.now
        at = now if command.booked_at is None else command.booked_at
        try:
            if at > now:
                raise InvalidTimeError(at.isoformat(), f"the clock says {now.isoformat()}")
            if type(command) is OpenAccount:
                before: Sequence[Account] = self._none_of(request)
            else:
                before = self._all_of(request)
            for account in before:
                if account.last_booked_at is not None and account.last_booked_at > at:
                    at = _later_time(command, account, self._clock)
            after = _RULES[type(command)](command, request, before, at)
        except BankError as error:
            # The traceback would keep this whole batch alive for as long as the error.
            return self._refused(request, error.with_traceback(None), at)
        # After this point it must succeed.
        postings = tuple(map(_posting, before or (None,), after))
        transaction = Transaction(transaction_id, command, at, postings)
        self._record(transaction)
        for account in after:
            self._accounts[account.id.value] = account
        return transaction

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
        found = []
        for account_id in request.account_ids:
            account = self._accounts.get(account_id.value)
            if account is None:
                raise AccountNotFoundError(account_id)
            found.append(account)
        return found

    def _record(self, record: Transaction | Refusal) -> None:
        self._recorded[record.id.value] = record
        self.records.append(record)

    def _refused(self, request: Request, error: BankError, at: datetime) -> BankError:
        # "When the caller gave the id, a refusal that depended on the state is recorded
        # under it, so that a late duplicate cannot turn into a payment."
        if request.id_given and isinstance(error, DeclinedError) and error.is_recorded:
            facts = attrs.asdict(cast("Any", error), recurse=False)
            self._record(Refusal(request.transaction_id, request.command, at, error.code, facts))
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


def _posting(before: Account | None, after: Account) -> Posting:
    balance = after.balance
    return Posting(
        after.id,
        balance if before is None else balance - before.balance,
        balance,
        after.held,
        after.overdraft_limit,
        after.version,
    )


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


# -- One rule for each kind of command: the accounts as they are after it ----


def _open_account(
    command: OpenAccount, request: Request, _before: Sequence[Account], at: datetime
) -> tuple[Account, ...]:
    account = Account.open(
        request.account_ids[0],
        initial_balance=command.initial_balance,
        overdraft_limit=command.overdraft_limit,
        booked_at=at,
    )
    return (account,)


def _deposit(
    command: Deposit, _request: Request, before: Sequence[Account], at: datetime
) -> tuple[Account, ...]:
    return (before[0].deposit(command.amount, booked_at=at),)


def _withdraw(
    command: Withdraw, _request: Request, before: Sequence[Account], at: datetime
) -> tuple[Account, ...]:
    return (before[0].withdraw(command.amount, booked_at=at),)


def _transfer(
    command: Transfer, _request: Request, before: Sequence[Account], at: datetime
) -> tuple[Account, ...]:
    source, destination = before
    amount = command.amount
    # Both accounts before either's funds: what the caller must fix comes first.
    for account in before:
        require_same_currency(account.balance, amount)
    for account in before:
        if account.status is not AccountStatus.OPEN:
            raise AccountClosedError(account.id)
    return source.withdraw(amount, booked_at=at), destination.deposit(amount, booked_at=at)


# Each rule takes its own kind of command, which only the table below knows.
_RULES: Final[
    Mapping[
        type[Command],
        Callable[[Any, Request, Sequence[Account], datetime], tuple[Account, ...]],
    ]
] = {
    OpenAccount: _open_account,
    Deposit: _deposit,
    Withdraw: _withdraw,
    Transfer: _transfer,
}
