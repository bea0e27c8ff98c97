"""
The bank: the object an application uses. Commands in, outcomes out, over a store.

Decided here: where ids and the time come from, and how an outcome reaches the
caller. A thin shell: it makes what `bankcore.rules` may not make, hands everything
to the store in one `transact`, and raises what came back as an error. No rule is
known here, and no state is kept.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

import attrs

from bankcore.account import Account
from bankcore.commands import COMMANDS, Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import (
    BankError,
    InvalidBatchError,
    InvalidCommandError,
    InvalidTimeError,
    shown,
)
from bankcore.ids import AccountId, TransactionId, to_account_id, to_transaction_id
from bankcore.instants import TICK, to_instant, to_instant_or_midnight
from bankcore.money import Money
from bankcore.rules import Clock, Request, decide, reads_of
from bankcore.statement import Statement, StatementLine, line_of
from bankcore.store import AccountStore, Snapshot, WriteSet
from bankcore.transaction import Transaction

#: The most commands that one `Bank.execute` takes.
BATCH_LENGTH_MAX: Final = 100_000

_PAGE: Final = 1000
_COMMAND_TYPES: Final = frozenset(COMMANDS.values())


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


class Bank:
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
    """

    def __init__(
        self,
        store: AccountStore,
        *,
        clock: Callable[[], datetime] = _utc_now,
        new_id: Callable[[], str] = _time_ordered_id,
        max_clock_skew: timedelta = timedelta(seconds=5),
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._max_clock_skew = max_clock_skew

    # -- Commands --

    def open_account(
        self,
        account_id: AccountId | str | None = None,
        *,
        initial_balance: Money,
        overdraft_limit: Money | None = None,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
    ) -> Transaction:
        """
        Open an account; without *account_id* the bank makes one.

        Same as ``bank.execute([OpenAccount(...)])``, but an error is raised.

        Raises:
            AccountExistsError: If there is an account of this id. Nothing changes.
        """
        return self._outcome(
            OpenAccount(
                account_id,
                initial_balance=initial_balance,
                overdraft_limit=overdraft_limit,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
            )
        )

    def deposit(
        self,
        account_id: AccountId | str,
        amount: Money,
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
    ) -> Transaction:
        """
        Take *amount* into the account, from outside the bank.

        Same as ``bank.execute([Deposit(...)])``, but an error is raised.

        Raises:
            DeclinedError: If a rule says no, such as `AccountNotFoundError`. No money moves.
        """
        return self._outcome(
            Deposit(
                account_id,
                amount,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
            )
        )

    def withdraw(
        self,
        account_id: AccountId | str,
        amount: Money,
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
    ) -> Transaction:
        """
        Take *amount* out of the account, to outside the bank.

        Same as ``bank.execute([Withdraw(...)])``, but an error is raised.

        Raises:
            DeclinedError: If a rule says no, such as `InsufficientFundsError`. No money moves.
        """
        return self._outcome(
            Withdraw(
                account_id,
                amount,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
            )
        )

    def transfer(
        self,
        source_id: AccountId | str,
        destination_id: AccountId | str,
        amount: Money,
        *,
        transaction_id: TransactionId | str | None = None,
        booked_at: datetime | None = None,
        description: str | None = None,
    ) -> Transaction:
        """
        Move *amount* from one account to another, in one transaction.

        Same as ``bank.execute([Transfer(...)])``, but an error is raised.

        Raises:
            DeclinedError: If a rule says no, such as `InsufficientFundsError`. No money moves.
        """
        return self._outcome(
            Transfer(
                source_id,
                destination_id,
                amount,
                transaction_id=transaction_id,
                booked_at=booked_at,
                description=description,
            )
        )

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
        now: list[Clock] = []

        def decided(snapshot: Snapshot) -> WriteSet:
            # Read inside the unit, once: a wait for the store's lock must not look like a
            # clock that is behind.
            if not now:
                now.append(Clock(to_instant(self._clock()), self._max_clock_skew))
            return decide(requests, snapshot, now[0], atomic=atomic)

        outcomes = list(self._store.transact(reads_of(requests), decided).outcomes)
        if atomic and isinstance(outcomes[0], BankError):
            raise outcomes[0]
        return outcomes

    def _outcome(self, command: Command) -> Transaction:
        (outcome,) = self.execute((command,))
        if isinstance(outcome, BankError):
            raise outcome
        return outcome

    def _request(self, command: Command) -> Request:
        if type(command) not in _COMMAND_TYPES:
            raise InvalidCommandError(shown(command))
        transaction_id = command.transaction_id
        id_given = transaction_id is not None
        if transaction_id is None:
            transaction_id = TransactionId(self._new_id())
            command = attrs.evolve(command, transaction_id=transaction_id)
        account_ids = command.account_ids or (AccountId(self._new_id()),)
        return Request(command, transaction_id, id_given, account_ids)

    # -- Reads --

    def account(self, account_id: AccountId | str) -> Account:
        """
        The account as it is now.

        Raises:
            AccountNotFoundError: If there is none of this id.
        """
        return self._store.account(to_account_id(account_id))

    def accounts(self) -> Iterator[Account]:
        """
        Every account in the order of its id, read page by page while you iterate.
        """
        page = self._store.accounts(limit=_PAGE)
        while page:
            yield from page
            page = self._store.accounts(after=page[-1].id, limit=_PAGE)

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

    def statement(
        self,
        account_id: AccountId | str,
        *,
        start: datetime | date | None = None,
        end: datetime | date | None = None,
    ) -> Statement:
        """
        The account's lines in ``[start, end)``, with the balances around them.

        A date means its midnight in UTC. Without *start* it begins with the account;
        without *end* it goes up to now.

        Raises:
            AccountNotFoundError: If there is no such account.
            InvalidTimeError: If an instant has no time zone, or *end* is before *start*.
        """
        account_id = to_account_id(account_id)
        begins = None if start is None else to_instant_or_midnight(start)
        ends = None if end is None else to_instant_or_midnight(end)
        if begins is not None and ends is not None and ends < begins:
            raise InvalidTimeError(ends.isoformat(), f"it is before {begins.isoformat()}")
        opening = None
        if begins is not None and begins > datetime.min.replace(tzinfo=UTC):
            opening = self._store.posting_at(account_id, begins - TICK)
        if opening is None:
            balance = Money.zero(self._store.account(account_id).balance.currency)
            lines = self._lines(account_id, 0, ends)
        else:
            balance = opening.balance
            lines = self._lines(account_id, opening.version, ends)
        return Statement(account_id, begins, ends, balance, tuple(lines))

    def _lines(
        self, account_id: AccountId, after: int, ends: datetime | None
    ) -> Iterator[StatementLine]:
        # Times never fall along the versions.
        page = self._store.history(account_id, after=after, limit=_PAGE)
        while page:
            for transaction in page:
                if ends is not None and transaction.booked_at >= ends:
                    return
                yield line_of(transaction, account_id)
            after = page[-1].posting(account_id).version
            page = self._store.history(account_id, after=after, limit=_PAGE)
