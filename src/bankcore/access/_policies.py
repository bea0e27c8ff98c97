"""
Policies: what a policy is asked and answers, and the policies that ship, one for each role.

A policy is pure: it reads no store and no clock, and may be asked twice. Nothing here is enforced;
`Bank.acting_as` does that.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final, NamedTuple, Protocol

import attrs

from bankcore.access._principals import Principal, Role
from bankcore.access._table import POLICY_TABLE, Action
from bankcore.accounts import Account, Right
from bankcore.accounts._fields import require_amount
from bankcore.commands import (
    Command,
    Grant,
    GrantAccess,
    OpenAccount,
    Part,
    RevokeAccess,
    SetOverdraftLimit,
)
from bankcore.money import Currency, Money
from bankcore.money._errors import InvalidAmountError
from bankcore.values import AccountId, PrincipalId


class Involved(NamedTuple):
    """
    An account that an action involves, as it was read.

    Attributes:
        part: Its part in the action.
        account: The account; where there is none of this id, a new one that nobody holds.
        amount: The signed amount that would move on it or be reserved; None for none.
    """

    part: Part
    account: Account
    amount: Money | None = None


class _Answer(enum.Enum):
    ALLOWED = "allowed"
    DENIED = "denied"
    HIDDEN = "hidden"


@attrs.frozen
class Verdict:
    """
    A policy's answer to one question: `ALLOWED`, `denied` or `hidden`.

    Attributes:
        reason: Why not, for the one who asked.
        account_id: The account that must not be known of.
    """

    answer: _Answer
    reason: str = ""
    account_id: AccountId | None = None

    @property
    def is_allowed(self) -> bool:
        return self.answer is _Answer.ALLOWED


#: The one verdict that lets anything happen.
ALLOWED: Final = Verdict(_Answer.ALLOWED)


def denied(reason: str) -> Verdict:
    """Return a "no" that is no secret; *reason* is half a sentence that says why."""
    return Verdict(_Answer.DENIED, reason)


def hidden(account_id: AccountId) -> Verdict:
    """Return a "no" that looks as if there were no such account."""
    return Verdict(_Answer.HIDDEN, "there is none, or none that it may see", account_id)


class Policy(Protocol):
    """
    Decides who may do what. Pure, and asked within the store's unit, perhaps twice: of an account
    that the principal has not seen yet, first outside and as if it had no holds. What is `hidden`
    then is hidden, so that no more of it is read, and it takes no longer than where there is none.

    An *action* is the kind of a command, such as ``"deposit"``, or an `Action`. Any answer that
    is not exactly ``True`` or `ALLOWED` is a denial, and so is an exception.
    """

    def permits(self, principal: Principal, action: str) -> bool:
        """Return True if such a principal may do such a thing at all, whatever the accounts."""

    def decides(
        self,
        principal: Principal,
        action: str,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        """
        Return the verdict on this principal doing this with these accounts.

        Args:
            principal: Who asks.
            action: What for.
            accounts: All accounts it involves, the one to be debited first.
            command: The command; where a transaction is read, the command that it recorded; None
                for other reads.
        """


# -- The policies that ship --------------------------------------------------

_NOT_AT_ALL: Final = "none of its roles may"
_ITS_OWN: Final = "this role is for others' accounts, and the principal holds rights on this one"


def _rights(principal: Principal, account: Account) -> frozenset[Right]:
    # As text: comparing ids takes several times as long, and tells how many holders there are.
    name = principal.id.value
    for holder in account.holders:
        if holder.principal.value == name:
            return holder.rights
    return frozenset()


_NEEDED: Final = {
    Grant.IF_READ: Right.READ,
    Grant.IF_CREDIT: Right.CREDIT,
    Grant.IF_DEBIT: Right.DEBIT,
}


class _Question(NamedTuple):
    """The arguments of `Policy.decides`."""

    principal: Principal
    action: str
    accounts: Sequence[Involved]
    command: Command | None


def _column(role: Role) -> dict[str, Grant]:
    """Return the column of *role* in the policy table; an action without an entry is denied."""
    found = {action: getattr(grants, role.value) for action, grants in POLICY_TABLE.items()}
    return {action: grant for action, grant in found.items() if grant is not Grant.NEVER}


class _RolePolicy:
    """A column of the policy table. Never made itself."""

    role: Role
    _grants: Mapping[str, Grant]

    def permits(self, principal: Principal, action: str) -> bool:
        return action in self._grants and self.role in principal.roles

    def decides(
        self,
        principal: Principal,
        action: str,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        grant = self._grants.get(action)
        if grant is None or self.role not in principal.roles:
            return denied(_NOT_AT_ALL)
        if grant is Grant.ALWAYS:
            return ALLOWED
        return self._decides(_Question(principal, action, accounts, command), grant)

    def _decides(self, asked: _Question, grant: Grant) -> Verdict:
        raise NotImplementedError


def _combined(action: str, verdicts: Sequence[Verdict]) -> Verdict:
    """
    Return the verdict on all accounts.

    One "yes" is enough to read a transaction; everything else needs a "yes" for each account.
    """
    if action == Action.READ_TRANSACTION:
        if ALLOWED in verdicts:
            return ALLOWED
        return verdicts[0] if verdicts else denied(_NOT_AT_ALL)
    for each in verdicts:
        if each is not ALLOWED:
            return each
    return ALLOWED


class OwnerPolicy(_RolePolicy):
    """
    An owner acts on the accounts on which it holds the right that is needed.

    It does not see accounts on which it holds no right. What it pays may go to any account that
    can take it. It may read a transaction if it may read one of its accounts.
    """

    role = Role.OWNER
    _grants = _column(role)

    def _decides(self, asked: _Question, grant: Grant) -> Verdict:
        if grant is Grant.FOR_ITSELF:
            return self._opens(asked.principal, asked.command)
        right = _NEEDED[grant]
        verdicts = []
        for part, account, _ in asked.accounts:
            if part is not Part.CREDITED:
                rights = _rights(asked.principal, account)
                if right in rights:
                    verdicts.append(ALLOWED)
                elif rights:
                    verdicts.append(denied(f"it does not hold the right {right.value}"))
                else:
                    verdicts.append(hidden(account.id))
        return _combined(asked.action, verdicts)

    @staticmethod
    def _opens(principal: Principal, command: Command | None) -> Verdict:
        if not isinstance(command, OpenAccount) or command.holder != principal.id:
            return denied("an owner opens accounts for itself")
        return denied("an owner gives itself no overdraft") if command.overdraft_limit else ALLOWED


class _OthersPolicy(_RolePolicy):
    """The base for roles that see every account and never touch their own. Never made itself."""

    def _decides(self, asked: _Question, grant: Grant) -> Verdict:
        del grant
        own = denied(_ITS_OWN)
        if asked.action != Action.READ_TRANSACTION and asked.principal.id == _named(asked.command):
            return own
        verdicts = [
            own if _rights(asked.principal, each.account) else ALLOWED for each in asked.accounts
        ]
        return _combined(asked.action, verdicts)


def _named(command: Command | None) -> PrincipalId | None:
    """Return the principal whose rights the command is about."""
    if isinstance(command, OpenAccount):
        return command.holder
    return command.principal if isinstance(command, GrantAccess | RevokeAccess) else None


class TellerPolicy(_OthersPolicy):
    """
    A teller moves the money of others, each time up to *limit*; never on its own accounts.

    Args:
        limit: `Money`, or one for each currency. In other currencies it moves none.

    Raises:
        InvalidAmountError: If a limit is not `Money` above zero, or a currency has two.
    """

    role = Role.TELLER
    _grants = _column(role)

    def __init__(self, limit: Money | Iterable[Money] = ()) -> None:
        self._limits: dict[Currency, Money] = {}
        for each in limit if isinstance(limit, Iterable) else (limit,):
            currency = require_amount(each, "limit").currency
            if currency in self._limits:
                raise InvalidAmountError(
                    str(each), "must have at most one for each currency"
                ).about("limit")
            self._limits[currency] = each

    def _decides(self, asked: _Question, grant: Grant) -> Verdict:
        verdict = super()._decides(asked, grant)
        if verdict is not ALLOWED:
            return verdict
        if grant is Grant.FOR_OTHERS:
            return self._opens(asked.command)
        if grant is Grant.OTHERS_LIMITED:
            limits = [self._is_within_limit(each.amount) for each in asked.accounts]
            return _combined(asked.action, limits)
        return ALLOWED

    def _opens(self, command: Command | None) -> Verdict:
        if not isinstance(command, OpenAccount) or command.overdraft_limit:
            return denied("an overdraft is for an operator to give")
        return self._is_within_limit(command.initial_balance)

    def _is_within_limit(self, amount: Money | None) -> Verdict:
        if amount is not None and not amount:
            return ALLOWED
        limit = None if amount is None else self._limits.get(amount.currency)
        if amount is None or limit is None:
            return denied("a teller has no limit for this")
        return ALLOWED if abs(amount) <= limit else denied(f"a teller's limit is {limit}")


class AuditorPolicy(_OthersPolicy):
    """An auditor reads everything, verifies, and changes nothing."""

    role = Role.AUDITOR
    _grants = _column(role)


class OperatorPolicy(_OthersPolicy):
    """
    An operator restricts and closes accounts, sets limits and grants access, for others.

    It moves no money but what is left of an account that it closes, and never to one of its own.
    """

    role = Role.OPERATOR
    _grants = _column(role)


class ServicePolicy(_RolePolicy):
    """
    A service does what its scopes name, on any account.
    """

    role = Role.SERVICE

    def permits(self, principal: Principal, action: str) -> bool:
        grants = POLICY_TABLE.get(action)
        return (
            self.role in principal.roles
            and grants is not None
            and grants.scope in principal.scopes
        )

    def decides(
        self,
        principal: Principal,
        action: str,
        _accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        if not self.permits(principal, action):
            return denied(_NOT_AT_ALL)
        if (
            action == OpenAccount.kind
            and isinstance(command, OpenAccount)
            and command.overdraft_limit
            and not self.permits(principal, SetOverdraftLimit.kind)
        ):
            return denied("an overdraft needs the scope limits:write")
        return ALLOWED


class StandardPolicy:
    """
    The policy of every role together: an action that one of a principal's roles allows is allowed.

    Args:
        teller_limit: The most that a teller moves each time: `Money`, or one for each
            currency. Without it tellers move none.

    Raises:
        InvalidAmountError: As `TellerPolicy` does.
    """

    def __init__(self, *, teller_limit: Money | Iterable[Money] = ()) -> None:
        try:
            teller = TellerPolicy(teller_limit)
        except InvalidAmountError as error:
            raise error.about("teller_limit") from None
        policies = (OwnerPolicy(), teller, AuditorPolicy(), OperatorPolicy(), ServicePolicy())
        # By the roles of a principal, the policies of these roles in the order above.
        self._policies: dict[frozenset[Role], tuple[_RolePolicy, ...]] = {
            frozenset(each.role for each in some): some
            for count in range(len(policies) + 1)
            for some in combinations(policies, count)
        }

    def permits(self, principal: Principal, action: str) -> bool:
        return any(each.permits(principal, action) for each in self._policies[principal.roles])

    def decides(
        self,
        principal: Principal,
        action: str,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        said: Verdict | None = None
        for each in self._policies[principal.roles]:
            verdict = each.decides(principal, action, accounts, command)
            if verdict is ALLOWED:
                return verdict
            # A role that may do such a thing at all knows best why not, and an account that
            # one role sees is not hidden any more.
            if verdict.reason != _NOT_AT_ALL and (
                said is None or said.answer is _Answer.HIDDEN is not verdict.answer
            ):
                said = verdict
        return denied(_NOT_AT_ALL) if said is None else said
