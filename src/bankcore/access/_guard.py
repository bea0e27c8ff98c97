"""
The guard: a policy's answers, as errors, for one principal.

Decided here: how a policy is asked (with which accounts, in which parts, moving how much), that
every failure in it is a denial, that an account that is not there is judged as one that nobody
holds, and how much of a receipt the principal sees. It reads nothing: accounts are handed in as
they were read. `bankcore.bank` decides when it is asked.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import attrs

from bankcore.access._errors import (
    AccessDeniedError,
    AccountNotVisibleError,
    InvalidPrincipalError,
)
from bankcore.access._policies import ALLOWED, Involved, Policy, Verdict, hidden
from bankcore.access._principals import Principal, Role
from bankcore.access._table import Action
from bankcore.accounts import Account
from bankcore.commands import Command, Move, OpenAccount, Part, Post, Reverse
from bankcore.commands._holds import NO_CURRENCY
from bankcore.ledger import Posting, Refusal, Transaction, touched_accounts
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId
from bankcore.values._errors import shown

# Looks an account up; None where there is none.
Find = Callable[[AccountId], Account | None]
# Looks a record up; None where nothing is recorded.
FindRecord = Callable[[TransactionId], Transaction | Refusal | None]

_POLICY_FAILED: Final = "the policy failed, so it is denied"


def stand_in(account_id: AccountId, balance: Money | None = None) -> Account:
    """
    Return a new account that nobody holds, in the currency of *balance*.

    An account that is not there is judged as this one.
    """
    zero = Money.zero(NO_CURRENCY if balance is None else balance.currency)
    return Account.open(account_id, initial_balance=zero)


def to_principal(value: object) -> Principal:
    """Return *value*, which must be a `Principal`."""
    if type(value) is not Principal:
        raise InvalidPrincipalError(shown(value), "must be a Principal").about("principal")
    return value


class _Nowhere:
    """A bank in which nothing is there: what a command looks at to say its moves."""

    def account(self, _account_id: AccountId) -> Account | None:
        return None

    def available(self, _command: Command) -> Money | None:
        return None

    def opposites(
        self, _original_id: TransactionId, _part: Money | None
    ) -> Sequence[tuple[AccountId, Money]]:
        raise NotImplementedError


_NOWHERE: Final = _Nowhere()


@attrs.frozen
class Guard:
    """The policy, asked for one principal."""

    principal: Principal = attrs.field(converter=to_principal)
    policy: Policy

    @property
    def name(self) -> str:
        """The principal's id, as it is recorded."""
        return self.principal.id.value

    @property
    def is_owner_alone(self) -> bool:
        """True if the principal has no role but an owner's, and sees accounts that it holds."""
        return self.principal.roles == {Role.OWNER}

    # -- The two questions --

    def role_denial(self, action: str) -> AccessDeniedError | None:
        """Return why such a principal may not do such a thing at all; None where it may."""
        try:
            is_permitted = self.policy.permits(self.principal, action)
        except Exception as error:  # noqa: BLE001  # "an exception in a policy is a denial"
            return _failed(action, error)
        if is_permitted is True:
            return None
        return AccessDeniedError(str(action), "none of its roles or scopes may")

    def denial(
        self, action: str, accounts: Sequence[Involved], command: Command | None = None
    ) -> AccessDeniedError | None:
        """Return why the principal may not do this with these accounts; None where it may."""
        try:
            verdict = self.policy.decides(self.principal, action, accounts, command)
        except Exception as error:  # noqa: BLE001  # as above
            return _failed(action, error)
        if verdict is ALLOWED:
            return None
        if type(verdict) is not Verdict:
            return AccessDeniedError(str(action), _POLICY_FAILED)
        if verdict.is_allowed:
            return None
        if verdict.account_id is not None:
            return not_visible(action, verdict.account_id)
        return AccessDeniedError(str(action), verdict.reason)

    # -- Commands --

    def command_role_denial(self, command: Command) -> AccessDeniedError | None:
        """Return why such a principal may not send such a command at all; None where it may."""
        denial = self.role_denial(command.kind)
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
        Return why the principal may not send *command*, with the accounts as they are.

        Args:
            command: The command.
            moves: Its moves.
            find: Looks an account up.
            placed: The transaction that placed the hold it names, if that was on its account.
        """
        involved = tuple(
            [
                Involved(part, find(account_id) or stand_in(account_id, amount), amount)
                for account_id, part, _, amount in moves
            ]
        )
        denial = self.denial(command.kind, involved, command)
        if denial is None and placed is not None and placed.principal != self.name:
            action = Action.USE_ANOTHERS_HOLD
            denial = self.role_denial(action) or self.denial(action, involved, command)
        return denial

    def outline_denial(self, command: Command, first: Account) -> AccessDeniedError | None:
        """
        Return what `command_denial` would if only the *first* of its accounts were there.

        Its moves are those on accounts that are not there, so that they are as many in any case.
        """
        return self.command_denial(
            command, command.moves(_NOWHERE), lambda each: first if each == first.id else None
        )

    # -- What may be seen --

    def sees(self, account: Account | None) -> bool:
        """Return True if the principal may read *account*; False if there is none (None)."""
        if account is None or self.role_denial(Action.READ_ACCOUNT) is not None:
            return False
        return self.denial(Action.READ_ACCOUNT, (Involved(Part.SUBJECT, account),)) is None

    def record_denial(
        self, record: Transaction | Refusal, find: Find, find_record: FindRecord
    ) -> AccessDeniedError | None:
        """
        Return why the principal may not read *record*; None where it may.

        A transaction may be read by whoever may read one of its accounts; a refusal, by whoever
        may read all (an account that a transfer, capture or closing only pays: if the refusal
        names it). The refusal of an opening may be read by its sender too.
        """
        command = record.command
        if isinstance(record, Transaction):
            return self._reading_denial(touched_accounts(record), command, find)
        if type(command) is OpenAccount and record.principal == self.name:
            return None
        account_ids = command.account_ids
        if type(command) is Reverse:
            account_ids = touched_accounts(find_record(command.original_id))
        elif type(command) is not Post:
            # The second account, if there is one, is only paid into.
            account_ids = account_ids[:1]
        named = record.facts.get("account_id")
        asked = dict.fromkeys((*account_ids, named) if named is not None else account_ids)
        for account_id in asked:
            denial = self._reading_denial((account_id,), command, find)
            if denial is not None:
                return denial
        return None if account_ids else self._reading_denial((), command, find)

    def _reading_denial(
        self, account_ids: Iterable[AccountId], command: Command, find: Find
    ) -> AccessDeniedError | None:
        involved = tuple(
            Involved(Part.SUBJECT, find(account_id) or stand_in(account_id))
            for account_id in account_ids
        )
        return self.denial(Action.READ_TRANSACTION, involved, command)

    def receipt(
        self, transaction: Transaction, find: Find, asked: Collection[AccountId] = ()
    ) -> Transaction:
        """
        Return *transaction* with the postings of accounts that the principal may read.

        Among them are those *asked* for, whose statement it may read.
        """
        seen = [
            each
            for each in transaction.postings
            if each.account_id in asked or self.sees(find(each.account_id))
        ]
        return self.redacted(transaction, seen)

    def redacted(self, transaction: Transaction, seen: Sequence[Posting]) -> Transaction:
        """Return *transaction* with its *seen* postings and, if not all, without another's id."""
        # An opening has nothing to hide.
        if len(seen) == len(transaction.postings) or type(transaction.command) is OpenAccount:
            return transaction
        principal = self.name if transaction.principal == self.name else None
        return attrs.evolve(transaction, postings=tuple(seen), principal=principal)


def not_visible(action: str, account_id: AccountId) -> AccountNotVisibleError:
    """Return the error for an account that is not there, or must not be seen."""
    return AccountNotVisibleError(str(action), hidden(account_id).reason, account_id)


def _failed(action: str, error: Exception) -> AccessDeniedError:
    denial = AccessDeniedError(str(action), _POLICY_FAILED)
    denial.__cause__ = error
    return denial
