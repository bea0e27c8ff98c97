"""
The bank for one who may not do everything.

Decided here: which question each method asks, before anything is told, and that every
denial is recorded apart, where the store can. Commands are decided within the store's
unit, by `bankcore.bank._decide` with a guard. What is read is judged on the account as it was
read; where that takes several reads, again after the last, so that nobody reads on after
a right is gone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import attrs

from bankcore.access import (
    ACTIONS,
    DENIAL_ACCOUNTS_MAX,
    Action,
    Denial,
    Involved,
    Part,
    Principal,
    Role,
)
from bankcore.access._denials import DenialRecorder
from bankcore.access._errors import AccessDeniedError, InvalidPrincipalError
from bankcore.access._guard import Guard, stand_in
from bankcore.accounts import Account, Hold
from bankcore.accounts._errors import CloseBlockedError
from bankcore.bank._calls import CommandCalls
from bankcore.commands import CloseAccount, Command, OpenAccount, Reverse
from bankcore.ledger import (
    AccountStore,
    AuditReport,
    Checkpoint,
    HolderIndex,
    Refusal,
    Statement,
    Transaction,
    verify,
)
from bankcore.ledger._errors import AccountNotFoundError, TransactionNotFoundError
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import BankError, shown
from bankcore.values._ids import to_account_id, to_transaction_id
from bankcore.values._text import to_line_or_none

if TYPE_CHECKING:
    from bankcore.bank._bank import Bank

_Read = TypeVar("_Read")

_PAGE: Final = 1000

# No account that the bank makes is called that; where there is one, no harm is done.
_NOBODY: Final = AccountId("_" * 64)

# The errors by which a principal is told no.
_DENIALS = (AccessDeniedError, TransactionNotFoundError)


class _Judged(Protocol):
    """
    What judges commands: the bank's own way of doing it.
    """

    def __call__(
        self,
        commands: Iterable[Command],
        *,
        atomic: bool,
        is_written: bool,
        guard: Guard | None = None,
    ) -> list[Transaction | BankError]: ...


@attrs.frozen
class Possibility:
    """
    Whether something can be done now, and if not, what stands in the way.

    True in a condition where it can; iterating gives the blockers.

    Attributes:
        error: What would be raised; None where it can be done.
        blockers: All that stands in the way, as sentences.
    """

    error: BankError | None

    @property
    def blockers(self) -> tuple[str, ...]:
        if self.error is None:
            return ()
        if isinstance(self.error, CloseBlockedError):
            return self.error.blockers
        return (str(self.error),)

    def __bool__(self) -> bool:
        return self.error is None

    def __iter__(self) -> Iterator[str]:
        return iter(self.blockers)


class ActingBank(CommandCalls):
    """
    A `Bank` as one principal may use it. Made by `Bank.acting_as`.

    It has the methods of `Bank`, with the same arguments and errors, and besides these
    errors where the policy says no, which change nothing and use up no id:

    - `AccessDeniedError`;
    - `AccountNotVisibleError`, which is one, for an account that the principal may not know
      of, whether or not there is one;
    - `TransactionNotFoundError` for a transaction that it may not see;
    - `TransactionIdReusedError`, without facts, for an id that another principal used.

    A receipt has the postings of those accounts alone that the principal may read.
    """

    def __init__(
        self,
        bank: "Bank",
        store: AccountStore,
        guard: Guard,
        *,
        judged: _Judged,
        denials: DenialRecorder | None,
        clock: Callable[[], datetime],
        request_id: str | None,
    ) -> None:
        if type(guard.principal) is not Principal:
            raise InvalidPrincipalError(shown(guard.principal), "expected a Principal")
        self._bank = bank
        self._store = store
        self._guard = guard
        self._judged = judged
        self._denials = denials
        self._clock = clock
        self._request_id = to_line_or_none(request_id)

    def __repr__(self) -> str:
        return f"<ActingBank for {self._guard.principal.id}>"

    @property
    def principal(self) -> Principal:
        """
        For whom the bank acts.
        """
        return self._guard.principal

    # -- Commands --

    def execute(
        self, commands: Iterable[Command], *, atomic: bool = False
    ) -> list[Transaction | BankError]:
        """
        As `Bank.execute`, each command decided by the policy.

        An account that an owner opens without a holder is its own.
        """
        return self._decided(commands, atomic=atomic, is_written=True)

    def preview(
        self, commands: Iterable[Command], *, atomic: bool = False
    ) -> list[Transaction | BankError]:
        """
        As `Bank.preview`: what a principal may not do, it may not try either.
        """
        return self._decided(commands, atomic=atomic, is_written=False)

    def _decided(
        self, commands: Iterable[Command], *, atomic: bool, is_written: bool
    ) -> list[Transaction | BankError]:
        batch = tuple(map(self._with_holder, commands))
        outcomes = self._without_the_store(batch, atomic=atomic)
        try:
            if outcomes is None:
                outcomes = self._judged(
                    batch, atomic=atomic, is_written=is_written, guard=self._guard
                )
        except _DENIALS as error:
            # Which of the commands it was is not told: the accounts of all of them.
            self._denied_command(error, batch)
            raise
        for command, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, _DENIALS):
                self._denied_command(outcome, (command,))
        return outcomes

    def _without_the_store(
        self, batch: Sequence[Command], *, atomic: bool
    ) -> list[Transaction | BankError] | None:
        """
        The denials, where such a principal may send none of *batch* at all: nobody takes the
        store's lock for that. None where the bank has to look.
        """
        if atomic:
            return None
        denials: list[Transaction | BankError] = []
        for command in batch:
            denial = self._guard.command_role_denial(command) if type(command) in ACTIONS else None
            if denial is None:
                return None
            denials.append(denial)
        return denials

    def _denied_command(self, error: BankError, commands: Sequence[Command]) -> None:
        action = ACTIONS[type(commands[0])]
        if isinstance(error, AccessDeniedError):
            action = Action(error.action)
        account_ids = dict.fromkeys(chain.from_iterable(each.account_ids for each in commands))
        self._denied(error, action, account_ids)

    def _with_holder(self, command: Command) -> Command:
        principal = self._guard.principal
        if (
            type(command) is OpenAccount
            and command.holder is None
            and Role.OWNER in principal.roles
        ):
            return attrs.evolve(command, holder=principal.id)
        return command

    def expire_holds(self) -> list[Transaction]:
        """
        As `Bank.expire_holds`, with the postings that the principal may see.
        """
        self._require_role(Action.EXPIRE_HOLDS)
        return [self._guard.receipt(each, self._found) for each in self._bank.expire_holds()]

    # -- Reads --

    def account(self, account_id: AccountId | str) -> Account:
        """
        As `Bank.account`.
        """
        self._require_role(Action.READ_ACCOUNT)
        wanted = to_account_id(account_id)
        account = None
        with suppress(AccountNotFoundError):
            account = self._bank.account(wanted)
        self._require(Action.READ_ACCOUNT, wanted, account)
        if account is None:
            raise AccountNotFoundError(wanted)
        return account

    def accounts(self, *, after: AccountId | str | None = None) -> Iterator[Account]:
        """
        As `Bank.accounts`, those that the principal may read.

        For a principal that is an owner and nothing else, only accounts on which it holds
        rights are looked at, where the store finds them.
        """
        self._require_role(Action.LIST_ACCOUNTS)
        if self.principal.roles == {Role.OWNER} and isinstance(self._store, HolderIndex):
            first = None if after is None else to_account_id(after)
            return filter(self._guard.sees, self._held(self._store, first))
        return filter(self._guard.sees, self._bank.accounts(after=after))

    def _held(self, index: HolderIndex, after: AccountId | None) -> Iterator[Account]:
        page = index.accounts_of(self.principal.id, after=after, limit=_PAGE)
        while page:
            yield from (account.as_at(self._clock()) for account in page)
            page = index.accounts_of(self.principal.id, after=page[-1].id, limit=_PAGE)

    def holds(self, account_id: AccountId | str) -> tuple[Hold, ...]:
        """
        As `Bank.holds`.
        """
        return self.account(account_id).holds

    def can_close(
        self, account_id: AccountId | str, *, sweep_to: AccountId | str | None = None
    ) -> Possibility:
        """
        As `Bank.can_close`; what stands in the way may be that the principal may not.
        """
        return self._possibility(CloseAccount(account_id, sweep_to=sweep_to))

    def can_reverse(self, original_id: TransactionId | str) -> Possibility:
        """
        As `Bank.can_reverse`; what stands in the way may be that the principal may not.
        """
        return self._possibility(Reverse(original_id))

    def _possibility(self, command: Command) -> Possibility:
        (outcome,) = self.preview((command,))
        return Possibility(outcome if isinstance(outcome, BankError) else None)

    def transaction(self, transaction_id: TransactionId | str) -> Transaction:
        """
        As `Bank.transaction`, with the postings that the principal may see.
        """
        self._require_role(Action.READ_TRANSACTION)
        wanted = to_transaction_id(transaction_id)
        record = self._found_record(wanted)
        if (
            record is None
            or self._guard.record_denial(record, self._found, self._found_record) is not None
        ):
            raise self._denied(TransactionNotFoundError(wanted), Action.READ_TRANSACTION, ())
        if isinstance(record, Transaction):
            return self._guard.receipt(record, self._found)
        error = record.to_error()
        error.replayed = True
        raise error

    def reversed_by(self, transaction_id: TransactionId | str) -> Transaction | None:
        """
        As `Bank.reversed_by`, with the postings that the principal may see.
        """
        original = self.transaction(transaction_id)
        reversal = self._bank.reversed_by(original.id)
        return None if reversal is None else self._guard.receipt(reversal, self._found)

    def balance_at(self, account_id: AccountId | str, instant: datetime | date) -> Money:
        """
        As `Bank.balance_at`.
        """
        return self._read(account_id, lambda: self._bank.balance_at(account_id, instant))

    def available_at(self, account_id: AccountId | str, instant: datetime | date) -> Money:
        """
        As `Bank.available_at`.
        """
        return self._read(account_id, lambda: self._bank.available_at(account_id, instant))

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
        As `Bank.statement`, each line's transaction with the posting of this account alone.
        """
        statement = self._read(
            account_id,
            lambda: self._bank.statement(
                account_id, start=start, end=end, after_version=after_version, limit=limit
            ),
        )
        return attrs.evolve(
            statement,
            lines=tuple(
                attrs.evolve(
                    line,
                    transaction=self._guard.shown(
                        line.transaction, lambda each: each == statement.account_id
                    ),
                )
                for line in statement.lines
            ),
        )

    def verify(self, *, against: Checkpoint | str | None = None) -> AuditReport:
        """
        The audit of the whole store: `bankcore.ledger.verify`.
        """
        self._require_may_verify()
        return verify(self._store, against=against)

    def checkpoint(self) -> Checkpoint:
        """
        What stands for all that is recorded by now: `Bank.checkpoint`.
        """
        self._require_may_verify()
        return self._bank.checkpoint()

    def _require_may_verify(self) -> None:
        self._require_role(Action.VERIFY)
        denial = self._guard.denial(Action.VERIFY, ())
        if denial is not None:
            raise self._denied(denial, Action.VERIFY, ())

    # -- Judging what is read --

    def _read(self, account_id: AccountId | str, read: Callable[[], _Read]) -> _Read:
        action = Action.READ_STATEMENT
        self._require_role(action)
        wanted = to_account_id(account_id)
        self._require(action, wanted, self._found(wanted))
        found = read()
        # It took several reads, and a right may be gone by now.
        self._require(action, wanted, self._found(wanted))
        return found

    def _require_role(self, action: Action) -> None:
        denial = self._guard.role_denial(action)
        if denial is not None:
            raise self._denied(denial, action, ())

    def _require(self, action: Action, account_id: AccountId, account: Account | None) -> None:
        involved = Involved(Part.SUBJECT, account or stand_in(account_id))
        denial = self._guard.denial(action, (involved,))
        if denial is not None:
            self._take_as_long(is_there=account is not None)
            raise self._denied(denial, action, (account_id,))

    def _take_as_long(self, *, is_there: bool) -> None:
        """
        Read what makes a denial cost the same, whether or not the account *is there*: in the
        end an account that is there and one that is not have been looked for.
        """
        there = [account.id for account in self._store.accounts(limit=1)]
        for account_id in (_NOBODY,) if is_there else there:
            self._found(account_id)

    def _found(self, account_id: AccountId) -> Account | None:
        try:
            return self._store.account(account_id)
        except AccountNotFoundError:
            return None

    def _found_record(self, transaction_id: TransactionId) -> Transaction | Refusal | None:
        try:
            return self._store.outcome(transaction_id)
        except TransactionNotFoundError:
            return None

    # -- Denials --

    def _denied(
        self, error: BankError, action: Action, account_ids: Iterable[AccountId]
    ) -> BankError:
        """
        *error*, which is a denial, once it is recorded.
        """
        if self._denials is None:
            return error
        denial = Denial(
            self.principal.id,
            action.value,
            tuple(islice(account_ids, DENIAL_ACCOUNTS_MAX)),
            error.code,
            self._clock(),
            self._request_id,
        )
        try:
            self._denials.record(denial)
        except Exception as failure:  # noqa: BLE001  # whatever happens here, a denial stays one
            _report(denial, failure)
            error.add_note(f"This denial could not be recorded: {failure}")
        return error


def _report(denial: Denial, failure: Exception) -> None:
    import logging  # noqa: PLC0415  # `import bankcore` stays light, and this is rare

    logging.getLogger("bankcore").error(
        "A denial could not be recorded: %s", denial, exc_info=failure
    )
