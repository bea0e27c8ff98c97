"""
Access: who asks, what there is to ask for, and who may do what.

Decided here: the actions, the roles and scopes, what each role may do with whose account
(`POLICY_TABLE`, from which the policies that ship and the table in the documentation are
made), and that everything else is denied. A policy is pure: it reads no store and no
clock, and may be asked twice. Nothing here is enforced; `Bank.acting_as` does that.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import attrs

from bankcore.access._errors import InvalidPrincipalError
from bankcore.accounts import Account, Right
from bankcore.accounts._fields import require_amount
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
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
from bankcore.money import Currency, Money
from bankcore.money._errors import InvalidAmountError
from bankcore.values import AccountId, PrincipalId
from bankcore.values._errors import shown
from bankcore.values._ids import to_principal_id


class Role(enum.Enum):
    """
    What a principal is to the bank.
    """

    OWNER = "owner"
    TELLER = "teller"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    SERVICE = "service"


class Action(enum.Enum):
    """
    Everything that a principal can ask for.
    """

    READ_ACCOUNT = "read_account"
    LIST_ACCOUNTS = "list_accounts"
    READ_STATEMENT = "read_statement"
    READ_TRANSACTION = "read_transaction"
    VERIFY = "verify"
    OPEN_ACCOUNT = "open_account"
    DEPOSIT = "deposit"
    WITHDRAW = "withdraw"
    TRANSFER = "transfer"
    POST = "post"
    REVERSE = "reverse"
    PLACE_HOLD = "place_hold"
    CAPTURE_HOLD = "capture_hold"
    RELEASE_HOLD = "release_hold"
    EXTEND_HOLD = "extend_hold"
    #: To capture, release or extend a hold that somebody else placed.
    USE_ANOTHERS_HOLD = "use_anothers_hold"
    EXPIRE_HOLDS = "expire_holds"
    RESTRICT = "restrict"
    SET_OVERDRAFT_LIMIT = "set_overdraft_limit"
    CLOSE_ACCOUNT = "close_account"
    GRANT_ACCESS = "grant_access"
    REVOKE_ACCESS = "revoke_access"
    #: To give a command a time of its own (``booked_at``).
    BACKDATE = "backdate"


#: The action that each kind of command is.
ACTIONS: Final[Mapping[type[Command], Action]] = {
    OpenAccount: Action.OPEN_ACCOUNT,
    Deposit: Action.DEPOSIT,
    Withdraw: Action.WITHDRAW,
    Transfer: Action.TRANSFER,
    Post: Action.POST,
    Reverse: Action.REVERSE,
    PlaceHold: Action.PLACE_HOLD,
    CaptureHold: Action.CAPTURE_HOLD,
    ReleaseHold: Action.RELEASE_HOLD,
    ExtendHold: Action.EXTEND_HOLD,
    Restrict: Action.RESTRICT,
    SetOverdraftLimit: Action.SET_OVERDRAFT_LIMIT,
    CloseAccount: Action.CLOSE_ACCOUNT,
    GrantAccess: Action.GRANT_ACCESS,
    RevokeAccess: Action.REVOKE_ACCESS,
}


class Grant(enum.Enum):
    """
    With whose accounts a role may do something; the values are the words of the documentation.
    """

    NEVER = "–"
    ALWAYS = "yes"
    IF_READ = "own, with `read`"
    IF_CREDIT = "own, with `credit`"
    IF_DEBIT = "own, with `debit`"
    FOR_ITSELF = "for itself, without an overdraft"
    OTHERS = "others'"
    OTHERS_LIMITED = "others', up to the limit"
    FOR_OTHERS = "for others, up to the limit, without an overdraft"


class Row(NamedTuple):
    """
    One action's row: what each role may, and the scope that a service needs.
    """

    owner: Grant
    teller: Grant
    auditor: Grant
    operator: Grant
    scope: str


_NO: Final = Grant.NEVER
_YES: Final = Grant.ALWAYS
_OTHERS: Final = Grant.OTHERS
_LIMITED: Final = Grant.OTHERS_LIMITED

#: Who may do what. An action that had no row would be denied to all.
POLICY_TABLE: Final[Mapping[Action, Row]] = {
    Action.READ_ACCOUNT: Row(Grant.IF_READ, _OTHERS, _YES, _YES, "accounts:read"),
    Action.LIST_ACCOUNTS: Row(_YES, _YES, _YES, _YES, "accounts:read"),
    Action.READ_STATEMENT: Row(Grant.IF_READ, _OTHERS, _YES, _NO, "statements:read"),
    Action.READ_TRANSACTION: Row(Grant.IF_READ, _OTHERS, _YES, _YES, "transactions:read"),
    Action.VERIFY: Row(_NO, _NO, _YES, _NO, "bank:verify"),
    Action.OPEN_ACCOUNT: Row(Grant.FOR_ITSELF, Grant.FOR_OTHERS, _NO, _NO, "accounts:write"),
    Action.DEPOSIT: Row(Grant.IF_CREDIT, _LIMITED, _NO, _NO, "deposits:write"),
    Action.WITHDRAW: Row(Grant.IF_DEBIT, _LIMITED, _NO, _NO, "withdrawals:write"),
    Action.TRANSFER: Row(Grant.IF_DEBIT, _LIMITED, _NO, _NO, "transfers:write"),
    Action.POST: Row(_NO, _NO, _NO, _NO, "posts:write"),
    Action.REVERSE: Row(_NO, _LIMITED, _NO, _NO, "reversals:write"),
    Action.PLACE_HOLD: Row(Grant.IF_DEBIT, _LIMITED, _NO, _NO, "holds:write"),
    Action.CAPTURE_HOLD: Row(Grant.IF_DEBIT, _LIMITED, _NO, _NO, "holds:write"),
    Action.RELEASE_HOLD: Row(Grant.IF_DEBIT, _OTHERS, _NO, _NO, "holds:write"),
    Action.EXTEND_HOLD: Row(Grant.IF_DEBIT, _OTHERS, _NO, _NO, "holds:write"),
    Action.USE_ANOTHERS_HOLD: Row(_NO, _NO, _NO, _NO, "holds:all"),
    Action.EXPIRE_HOLDS: Row(_NO, _NO, _NO, _YES, "holds:expire"),
    Action.RESTRICT: Row(_NO, _NO, _NO, _OTHERS, "restrictions:write"),
    Action.SET_OVERDRAFT_LIMIT: Row(_NO, _NO, _NO, _OTHERS, "limits:write"),
    Action.CLOSE_ACCOUNT: Row(Grant.IF_DEBIT, _NO, _NO, _OTHERS, "accounts:close"),
    Action.GRANT_ACCESS: Row(_NO, _NO, _NO, _OTHERS, "grants:write"),
    Action.REVOKE_ACCESS: Row(_NO, _NO, _NO, _OTHERS, "grants:write"),
    Action.BACKDATE: Row(_NO, _NO, _NO, _NO, "history:write"),
}

#: The scopes that a service can have.
SCOPES: Final = frozenset(row.scope for row in POLICY_TABLE.values())


# -- Who asks ----------------------------------------------------------------


def _collected(values: object, what: str) -> list[object]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidPrincipalError(shown(values), f"{what} are a collection")
    return list(values)


def _to_roles(values: object) -> frozenset[Role]:
    found = set()
    for value in _collected(values, "roles"):
        try:
            found.add(Role(value))
        except ValueError:
            raise InvalidPrincipalError(
                shown(value), f"a role is one of {', '.join(each.value for each in Role)}"
            ) from None
    return frozenset(found)


def _to_scopes(values: object) -> frozenset[str]:
    found = set()
    for value in _collected(values, "scopes"):
        if type(value) is not str or value not in SCOPES:
            raise InvalidPrincipalError(
                shown(value), f"a scope is one of {', '.join(sorted(SCOPES))}"
            )
        found.add(value)
    return frozenset(found)


def _shown_roles(roles: frozenset[Role]) -> str:
    return f"{{{', '.join(str(role) for role in Role if role in roles)}}}"


def _shown_scopes(scopes: frozenset[str]) -> str:
    return f"{{{', '.join(map(repr, sorted(scopes)))}}}"


@attrs.frozen
class Principal:
    """
    Who asks, as the application has made sure of it.

        >>> Principal("mary", roles=["owner"])
        Principal(id=PrincipalId('mary'), roles={Role.OWNER}, scopes={})

    Attributes:
        id: The id by which accounts know their holders.
        roles: What it is to the bank, as `Role` or their names; with none, the standard policy
            lets it do nothing.
        scopes: What a service may do; other roles do not use them.

    Raises:
        InvalidIdError: If *id* is not 1 to 128 visible ASCII characters.
        InvalidPrincipalError: If there is no such role or scope.
    """

    id: PrincipalId = attrs.field(converter=to_principal_id)
    roles: frozenset[Role] = attrs.field(default=(), converter=_to_roles, repr=_shown_roles)
    scopes: frozenset[str] = attrs.field(default=(), converter=_to_scopes, repr=_shown_scopes)


# -- What a policy says ------------------------------------------------------


class Part(enum.Enum):
    """
    What an account is to an action.
    """

    #: What is read, paid into, restricted, closed, …
    SUBJECT = "subject"
    #: Where money is taken or reserved.
    DEBITED = "debited"
    #: Where the money of another account goes.
    CREDITED = "credited"


class Involved(NamedTuple):
    """
    An account that an action involves, as it was read.

    Attributes:
        part: What it is to the action.
        account: The account; where there is none of this id, a new one that nobody holds.
        amount: What would move on it or be reserved, signed; None where nothing would.
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
    What a policy says to one question: `ALLOWED`, `denied` or `hidden`.

    Attributes:
        reason: Why not, for the one who asked.
        account_id: The account that is not to be known of.
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
    """
    A "no" that is no secret: half a sentence that says why.
    """
    return Verdict(_Answer.DENIED, reason)


def hidden(account_id: AccountId) -> Verdict:
    """
    A "no" that looks as if there were no such account.
    """
    return Verdict(_Answer.HIDDEN, "there is none, or none that it may see", account_id)


class Policy(Protocol):
    """
    Says who may do what. Pure, and asked within the store's unit, perhaps twice.

    What is not exactly ``True`` or `ALLOWED` is a denial, an exception too.
    """

    def permits(self, principal: Principal, action: Action) -> bool:
        """
        Whether such a principal may do such a thing at all, whatever the accounts.
        """

    def decides(
        self,
        principal: Principal,
        action: Action,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        """
        Whether this principal may do this with these accounts.

        Args:
            principal: Who asks.
            action: What for.
            accounts: All accounts it involves, the one to be debited first.
            command: The command; of a transaction that is read, what it recorded; None for
                other reads.
        """


# -- The policies that ship --------------------------------------------------

_NOT_AT_ALL: Final = "none of its roles may"
_ITS_OWN: Final = "that is for others' accounts, and it holds rights on this one"


def _rights(principal: Principal, account: Account) -> frozenset[Right]:
    for holder in account.holders:
        if holder.principal == principal.id:
            return holder.rights
    return frozenset()


_NEEDED: Final = {
    Grant.IF_READ: Right.READ,
    Grant.IF_CREDIT: Right.CREDIT,
    Grant.IF_DEBIT: Right.DEBIT,
}


class _RolePolicy:
    """
    A column of the table. Never made itself.
    """

    role: Role

    def _grant(self, action: Action) -> Grant:
        row = POLICY_TABLE.get(action)
        grant = Grant.NEVER if row is None else getattr(row, self.role.value)
        return grant if type(grant) is Grant else Grant.NEVER

    def permits(self, principal: Principal, action: Action) -> bool:
        return self.role in principal.roles and self._grant(action) is not Grant.NEVER

    def decides(
        self,
        principal: Principal,
        action: Action,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        if not self.permits(principal, action):
            return denied(_NOT_AT_ALL)
        return self._decides(principal, action, accounts, command)

    def _decides(
        self,
        principal: Principal,
        action: Action,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        raise NotImplementedError


def _first_no(verdicts: Iterable[Verdict]) -> Verdict:
    """
    The first of *verdicts* that is a no; allowed where none is.
    """
    return next((each for each in verdicts if not each.is_allowed), ALLOWED)


def _first_yes(verdicts: Sequence[Verdict]) -> Verdict:
    """
    Allowed where one of *verdicts* is; otherwise the first of them.
    """
    for each in verdicts:
        if each.is_allowed:
            return each
    return verdicts[0] if verdicts else denied(_NOT_AT_ALL)


class OwnerPolicy(_RolePolicy):
    """
    An owner acts on the accounts on which it holds the right that is needed.

    Accounts on which it holds none it does not see. What it pays may go to any account that
    can take it. A transaction it may read if it may read one of the accounts.
    """

    role = Role.OWNER

    def _decides(
        self,
        principal: Principal,
        action: Action,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        grant = self._grant(action)
        if grant is Grant.FOR_ITSELF:
            return self._opens(principal, command)
        if grant is Grant.ALWAYS:
            return ALLOWED
        right = _NEEDED[grant]
        verdicts = [
            self._holds(principal, right, each.account)
            for each in accounts
            if each.part is not Part.CREDITED
        ]
        return _first_yes(verdicts) if action is Action.READ_TRANSACTION else _first_no(verdicts)

    @staticmethod
    def _holds(principal: Principal, right: Right, account: Account) -> Verdict:
        rights = _rights(principal, account)
        if right in rights:
            return ALLOWED
        return (
            denied(f"it does not hold the right {right.value}") if rights else hidden(account.id)
        )

    @staticmethod
    def _opens(principal: Principal, command: Command | None) -> Verdict:
        if not isinstance(command, OpenAccount) or command.holder != principal.id:
            return denied("an owner opens accounts for itself")
        return denied("an owner gives itself no overdraft") if command.overdraft_limit else ALLOWED


class _OthersPolicy(_RolePolicy):
    """
    What tellers, auditors and operators have in common: they see every account, and those
    who change something never touch their own. Never made itself.
    """

    def _decides(
        self,
        principal: Principal,
        action: Action,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        if self._grant(action) is Grant.ALWAYS:
            return ALLOWED
        if (
            isinstance(command, OpenAccount | GrantAccess | RevokeAccess)
            and action is not Action.READ_TRANSACTION
            and principal.id == _named(command)
        ):
            return denied(_ITS_OWN)
        verdicts = [
            denied(_ITS_OWN) if _rights(principal, each.account) else ALLOWED for each in accounts
        ]
        return _first_yes(verdicts) if action is Action.READ_TRANSACTION else _first_no(verdicts)


def _named(command: OpenAccount | GrantAccess | RevokeAccess) -> PrincipalId | None:
    return command.holder if isinstance(command, OpenAccount) else command.principal


class TellerPolicy(_OthersPolicy):
    """
    A teller moves the money of others, each time up to *limit*; never on its own accounts.

    Args:
        limit: `Money`, or one for each currency. In other currencies it moves none.

    Raises:
        InvalidAmountError: If a limit is not `Money` above zero, or a currency has two.
    """

    role = Role.TELLER

    def __init__(self, limit: Money | Iterable[Money] = ()) -> None:
        self._limits: dict[Currency, Money] = {}
        for each in limit if isinstance(limit, Iterable) else (limit,):
            currency = require_amount(each).currency
            if currency in self._limits:
                raise InvalidAmountError(str(each), "a currency has one limit")
            self._limits[currency] = each

    def _decides(
        self,
        principal: Principal,
        action: Action,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        verdict = super()._decides(principal, action, accounts, command)
        grant = self._grant(action)
        if not verdict.is_allowed:
            return verdict
        if grant is Grant.FOR_OTHERS:
            return self._opens(command)
        if grant is Grant.OTHERS_LIMITED:
            return _first_no(self._is_within_limit(each.amount) for each in accounts)
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
    """
    An auditor reads everything, verifies, and changes nothing.
    """

    role = Role.AUDITOR


class OperatorPolicy(_OthersPolicy):
    """
    An operator restricts and closes accounts, sets limits and grants access, for others; it
    moves no money but what is left of an account that it closes, and never to one of its own.
    """

    role = Role.OPERATOR


class ServicePolicy(_RolePolicy):
    """
    A service does what its scopes name, on any account.

    Of the kinds of command that it may send, it may see again what they came to.
    """

    role = Role.SERVICE

    def permits(self, principal: Principal, action: Action) -> bool:
        row = POLICY_TABLE.get(action)
        return self.role in principal.roles and row is not None and row.scope in principal.scopes

    def decides(
        self,
        principal: Principal,
        action: Action,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        if action is Action.READ_TRANSACTION and command is not None:
            sent = ACTIONS.get(type(command))
            if sent is not None and self.permits(principal, sent):
                return ALLOWED
        return super().decides(principal, action, accounts, command)

    def _decides(
        self,
        principal: Principal,
        action: Action,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        del accounts  # any of them
        if (
            isinstance(command, OpenAccount)
            and action is Action.OPEN_ACCOUNT
            and command.overdraft_limit
            and not self.permits(principal, Action.SET_OVERDRAFT_LIMIT)
        ):
            return denied("an overdraft needs the scope limits:write")
        return ALLOWED


class StandardPolicy:
    """
    Every role by its own policy; what one of a principal's roles allows is allowed.

    Args:
        teller_limit: What a teller moves at most each time: `Money`, or one for each
            currency. Without it tellers move none.

    Raises:
        InvalidAmountError: As `TellerPolicy` does.
    """

    def __init__(self, *, teller_limit: Money | Iterable[Money] = ()) -> None:
        self._policies: tuple[_RolePolicy, ...] = (
            OwnerPolicy(),
            TellerPolicy(teller_limit),
            AuditorPolicy(),
            OperatorPolicy(),
            ServicePolicy(),
        )

    def permits(self, principal: Principal, action: Action) -> bool:
        return any(each.permits(principal, action) for each in self._policies)

    def decides(
        self,
        principal: Principal,
        action: Action,
        accounts: Sequence[Involved],
        command: Command | None,
    ) -> Verdict:
        verdicts = [
            each.decides(principal, action, accounts, command)
            for each in self._policies
            if each.role in principal.roles
        ]
        # A role that may do such a thing at all knows best why not.
        permitted = [each for each in verdicts if each.reason != _NOT_AT_ALL]
        # An account that one role sees is hidden no more.
        permitted.sort(key=lambda verdict: verdict.answer is _Answer.HIDDEN)
        return _first_yes(permitted)
