"""
The guard: a policy's answers, made into errors, for one principal.

Decided here: how a policy is asked (with which accounts, in which parts, moving how much),
that whatever goes wrong in it is a denial, that an account that is not there is judged as
one that nobody holds, and what of a receipt the principal may see. It reads nothing: the
accounts are handed in as they were read. When it is asked, `bankcore.bank._decide` decides.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import attrs

from bankcore.access._errors import AccessDeniedError, AccountNotVisibleError
from bankcore.access._policies import (
    ACTIONS,
    Action,
    Involved,
    Part,
    Policy,
    Principal,
    Verdict,
    hidden,
)
from bankcore.accounts import Account
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    OpenAccount,
    PlaceHold,
    Post,
    Reverse,
    Transfer,
    Withdraw,
)
from bankcore.ledger import Refusal, Transaction, touched_accounts
from bankcore.money import Currency, Money
from bankcore.values import AccountId, TransactionId

# What looks an account up; None where there is none.
Find = Callable[[AccountId], Account | None]
# What looks a record up; None where nothing is recorded.
FindRecord = Callable[[TransactionId], Transaction | Refusal | None]
# What a command does to one account: the part, and what it books or reserves.
Move = tuple[Part, AccountId, Money | None]

# ISO 4217's code for "no currency": of an account that is not there, nothing says which.
_NO_CURRENCY: Final = Currency("XXX", exponent=0)

_POLICY_FAILED: Final = "the policy failed, which is a no"


def stand_in(account_id: AccountId, balance: Money | None = None) -> Account:
    """
    A new account that nobody holds, in the currency of *balance*: what an account that is not
    there is judged as.
    """
    zero = Money.zero(_NO_CURRENCY if balance is None else balance.currency)
    return Account.open(account_id, initial_balance=zero)


@attrs.frozen
class Guard:
    """
    Asks *policy* for *principal*.
    """

    principal: Principal
    policy: Policy

    @property
    def _name(self) -> str:
        return self.principal.id.value

    # -- The two questions --

    def role_denial(self, action: Action) -> AccessDeniedError | None:
        """
        Why such a principal may not do such a thing at all; None where it may.
        """
        try:
            is_permitted = self.policy.permits(self.principal, action)
        except Exception as error:  # noqa: BLE001  # "an exception in a policy is a denial"
            return _failed(action, error)
        if is_permitted is True:
            return None
        return AccessDeniedError(action.value, "none of its roles or scopes may")

    def denial(
        self, action: Action, accounts: Sequence[Involved], command: Command | None = None
    ) -> AccessDeniedError | None:
        """
        Why the principal may not do this with these accounts; None where it may.
        """
        try:
            verdict = self.policy.decides(self.principal, action, accounts, command)
        except Exception as error:  # noqa: BLE001  # as above
            return _failed(action, error)
        if type(verdict) is not Verdict:
            return AccessDeniedError(action.value, _POLICY_FAILED)
        if verdict.is_allowed:
            return None
        if verdict.account_id is not None:
            return not_visible(action, verdict.account_id)
        return AccessDeniedError(action.value, verdict.reason)

    # -- Commands --

    def command_role_denial(self, command: Command) -> AccessDeniedError | None:
        """
        Why such a principal may not send such a command at all; None where it may.
        """
        denial = self.role_denial(ACTIONS[type(command)])
        if denial is None and command.booked_at is not None:
            denial = self.role_denial(Action.BACKDATE)
        return denial

    def command_denial(
        self,
        command: Command,
        moves: Iterable[Move],
        find: Find,
        placed: Transaction | None = None,
    ) -> AccessDeniedError | None:
        """
        Why the principal may not send *command*, with the accounts as they are; None where it
        may.

        Args:
            command: The command.
            moves: What `moves_of` says of it.
            find: Looks an account up.
            placed: What placed the hold that it names, if that was on this account.
        """
        action = ACTIONS[type(command)]
        involved = tuple(
            Involved(part, find(account_id) or stand_in(account_id, amount), amount)
            for part, account_id, amount in moves
        )
        denial = self.denial(action, involved, command)
        if denial is None and placed is not None and placed.principal != self._name:
            action = Action.USE_ANOTHERS_HOLD
            denial = self.role_denial(action) or self.denial(action, involved, command)
        return denial

    # -- What may be seen --

    def sees(self, account: Account | None) -> bool:
        """
        Whether the principal may read *account*; None is one that is not there.
        """
        if account is None or self.role_denial(Action.READ_ACCOUNT) is not None:
            return False
        return self.denial(Action.READ_ACCOUNT, (Involved(Part.SUBJECT, account),)) is None

    def record_denial(
        self, record: Transaction | Refusal, find: Find, find_record: FindRecord
    ) -> AccessDeniedError | None:
        """
        Why the principal may not read *record*; None where it may.

        A transaction is read by whoever may read one of its accounts. A refusal, whose facts
        may be those of any of its accounts, by whoever may read them all but the one that
        would only have been paid into; that an account's id was taken, by who was told so.
        """
        command = record.command
        if isinstance(record, Transaction):
            return self._reading_denial(touched_accounts(record), command, find)
        if type(command) is OpenAccount and record.principal == self._name:
            return None
        account_ids = command.account_ids
        if type(command) is Reverse:
            account_ids = touched_accounts(find_record(command.original_id))
        elif type(command) in _PAYING:
            account_ids = account_ids[:1]
        named = record.facts.get("account_id", account_ids[0] if account_ids else None)
        return next(
            filter(
                None,
                (
                    self._reading_denial((account_id,), command, find)
                    for account_id in dict.fromkeys((*account_ids, named))
                    if account_id is not None
                ),
            ),
            None if account_ids else self._reading_denial((), command, find),
        )

    def _reading_denial(
        self, account_ids: Iterable[AccountId], command: Command, find: Find
    ) -> AccessDeniedError | None:
        involved = tuple(
            Involved(Part.SUBJECT, find(account_id) or stand_in(account_id))
            for account_id in account_ids
        )
        return self.denial(Action.READ_TRANSACTION, involved, command)

    def receipt(self, transaction: Transaction, find: Find) -> Transaction:
        """
        *transaction* as the principal may see it: see `shown`.
        """
        return self.shown(transaction, lambda account_id: self.sees(find(account_id)))

    def shown(self, transaction: Transaction, is_seen: Callable[[AccountId], bool]) -> Transaction:
        """
        *transaction* with the postings of those accounts alone that *is_seen* names, and then
        without another principal's id. Of an opening there is nothing to hide.
        """
        postings = tuple(each for each in transaction.postings if is_seen(each.account_id))
        if len(postings) == len(transaction.postings) or type(transaction.command) is OpenAccount:
            return transaction
        is_own = transaction.principal == self._name
        return attrs.evolve(
            transaction,
            postings=postings,
            principal=transaction.principal if is_own else None,
        )


def not_visible(action: Action, account_id: AccountId) -> AccountNotVisibleError:
    """
    That there is no such account, or none to be seen.
    """
    return AccountNotVisibleError(action.value, hidden(account_id).reason, account_id)


def _failed(action: Action, error: Exception) -> AccessDeniedError:
    denial = AccessDeniedError(action.value, _POLICY_FAILED)
    denial.__cause__ = error
    return denial


# Commands that only pay into their second account.
_PAYING: Final = frozenset({Transfer, CaptureHold, CloseAccount})


def moves_of(
    command: Command, find: Find, opposites: Sequence[tuple[AccountId, Money]]
) -> Iterator[Move]:
    """
    What *command* does to each account; the *opposites* of what it reverses are its own.
    """
    if isinstance(command, Post | Reverse):
        nets = command.nets.items() if isinstance(command, Post) else opposites
        for account_id, net in nets:
            yield Part.DEBITED if net.amount_minor < 0 else Part.CREDITED, account_id, net
    elif isinstance(command, Transfer | CaptureHold):
        account_ids = iter(command.account_ids)
        amount = command.amount if isinstance(command, Transfer) else _captured(command, find)
        yield Part.DEBITED, next(account_ids), -amount
        for account_id in account_ids:
            yield Part.CREDITED, account_id, amount
    elif isinstance(command, Withdraw | PlaceHold):
        yield Part.DEBITED, command.account_id, -command.amount
    elif not isinstance(command, OpenAccount):
        # What it books is a deposit's amount, or not a matter of limits.
        amount_in = command.amount if isinstance(command, Deposit) else None
        for part, account_id in zip((Part.SUBJECT, Part.CREDITED), command.account_ids):  # noqa: B905  # a second account is swept to
            yield part, account_id, amount_in


def _captured(command: CaptureHold, find: Find) -> Money:
    if command.amount is not None:
        return command.amount
    account = find(command.account_id)
    if account is None:
        return Money.zero(_NO_CURRENCY)
    left = (hold.left for hold in account.holds if hold.id == command.hold_id)
    # Without such a hold nothing moves, and the rules say so.
    return next(left, Money.zero(account.balance.currency))
