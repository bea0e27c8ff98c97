"""
Principals, and the policies that ship: who may do what, with whose accounts.

The table that drives the policies is compared with the documentation, and, cell by cell
where it matters most, with one written here by hand.
"""

import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import Account, Money, Principal
from bankcore.access import (
    ALLOWED,
    POLICY_TABLE,
    SCOPES,
    Action,
    AuditorPolicy,
    Grant,
    Involved,
    OperatorPolicy,
    OwnerPolicy,
    Part,
    Role,
    ServicePolicy,
    StandardPolicy,
    TellerPolicy,
    Verdict,
    denied,
    hidden,
)
from bankcore.accounts import Right
from bankcore.commands import (
    COMMANDS,
    SENT,
    Command,
    Deposit,
    ExpireHold,
    GrantAccess,
    OpenAccount,
    RevokeAccess,
    Transfer,
)
from bankcore.errors import BankError, InvalidAmountError, InvalidIdError, InvalidPrincipalError
from bankcore.values import AccountId, PrincipalId
from every_command import EACH
from model import KINDS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "access.md"
ROLES = ["owner", "teller", "auditor", "operator", "service"]


def eur(amount: int) -> Money:
    return Money(amount, "EUR")


# -- Principals --------------------------------------------------------------


def test_a_principal_is_made_of_texts() -> None:
    """Ids, roles and scopes may be texts; the repr is the same in every process."""
    principal = Principal("mary", ["teller", Role.OWNER], ["deposits:write", "accounts:read"])

    assert principal == Principal(
        PrincipalId("mary"), {Role.OWNER, Role.TELLER}, {"accounts:read", "deposits:write"}
    )
    assert repr(principal) == (
        "Principal(id=PrincipalId('mary'), roles={Role.OWNER, Role.TELLER},"
        " scopes={'accounts:read', 'deposits:write'})"
    )
    assert hash(principal) == hash(attrs.evolve(principal))


@pytest.mark.parametrize(
    ("arguments", "error", "field", "sentence"),
    [
        (("",), InvalidIdError, "id", "must be 1 to 128 visible ASCII characters, got ''"),
        (("a b",), InvalidIdError, "id", "must be 1 to 128 visible ASCII characters"),
        ((7,), InvalidIdError, "id", "must be 1 to 128 visible ASCII characters, got 7"),
        (
            ("mary", "owner"),
            InvalidPrincipalError,
            "roles",
            "must be a collection of roles, got 'owner'",
        ),
        (
            ("mary", None),
            InvalidPrincipalError,
            "roles",
            "must be a collection of roles, got None",
        ),
        (
            ("mary", ["root"]),
            InvalidPrincipalError,
            "roles",
            "must be among owner, teller, auditor, operator, service, got 'root'",
        ),
        (("mary", [None]), InvalidPrincipalError, "roles", "must be among owner, teller, "),
        (("mary", [[]]), InvalidPrincipalError, "roles", "must be among owner, teller, "),
        (("mary", [], "accounts:read"), InvalidPrincipalError, "scopes", "must be a collection"),
        (("mary", [], ["*"]), InvalidPrincipalError, "scopes", "must be among accounts:close, "),
        (("mary", [], ["accounts:read "]), InvalidPrincipalError, "scopes", "must be among "),
        (("mary", [], [b"accounts:read"]), InvalidPrincipalError, "scopes", "must be among "),
    ],
)
def test_a_principal_that_cannot_be(
    arguments: tuple[Any, ...], error: type[BankError], field: str, sentence: str
) -> None:
    """What is no id, role or scope is refused, with a sentence that says which there are."""
    with pytest.raises(error, match=f"^{re.escape(f'{field} {sentence}')}") as caught:
        Principal(*arguments)
    assert field == caught.value.facts["field"]


# -- One source --------------------------------------------------------------


def test_every_action_has_a_row_and_every_command_an_action() -> None:
    """No action lacks a row of the table; each command is the action of its kind."""
    assert [*Action, *(command.kind for command in SENT)] == list(POLICY_TABLE)
    assert {ExpireHold} == set(COMMANDS) - set(SENT)


def test_the_documented_table_is_the_one_of_the_policies() -> None:
    """The page has a line for each row of the table, in order, cell by cell."""
    lines = [
        f"| `{action}` | {row.owner.value} | {row.teller.value} | {row.auditor.value}"
        f" | {row.operator.value} | `{row.scope}` |"
        for action, row in POLICY_TABLE.items()
    ]

    assert "\n".join(lines) in PAGE.read_text("utf-8")


# -- The table by hand -------------------------------------------------------

MARY = PrincipalId("mary")
ACCOUNTS = {
    "own": Account.open("a", initial_balance=eur(100), holder="mary"),
    "read": Account.open("a", initial_balance=eur(100)).grant_access("mary", ["read"]),
    "credit": Account.open("a", initial_balance=eur(100)).grant_access("mary", ["credit"]),
    "debit": Account.open("a", initial_balance=eur(100)).grant_access("mary", ["debit"]),
    "other": Account.open("a", initial_balance=eur(100), holder="bert"),
}
FULL = StandardPolicy(teller_limit=eur(50))

# For each action, which of these five accounts each role may do it with, as its letters:
# o(wn), r(ead only), c(redit only), d(ebit only), x: another's. A service here has all scopes.
# Those of commands are in the model's table.
EXPECTED = {
    "read_account": ("or", "x", "orcdx", "orcdx"),
    "list_accounts": ("orcdx", "orcdx", "orcdx", "orcdx"),
    "read_statement": ("or", "x", "orcdx", ""),
    "read_transaction": ("or", "x", "orcdx", "orcdx"),
    "verify": ("", "", "orcdx", ""),
    "use_anothers_hold": ("", "", "", ""),
    "expire_holds": ("", "", "", "orcdx"),
    "backdate": ("", "", "", ""),
    "read_journal": ("", "", "orcdx", ""),
    "read_denials": ("", "", "orcdx", "orcdx"),
    "list_tokens": ("", "", "orcdx", "orcdx"),
    "issue_token": ("", "", "", ""),
    "revoke_token": ("", "", "", "orcdx"),
    **{kind: each.may for kind, each in KINDS.items() if each.may is not None},
}
COMMAND_OF = {command.kind: command for command in EACH}
LETTERS = dict(zip("orcdx", ACCOUNTS.values(), strict=True))


def asked(role: str, action: str, account: Account, amount: Money | None) -> bool:
    principal = Principal("mary", [role], SCOPES if role == "service" else ())
    involved = (Involved(Part.SUBJECT, account, amount),)
    command = None if action == Action.READ_TRANSACTION else COMMAND_OF.get(action)
    if isinstance(command, GrantAccess | RevokeAccess):
        command = attrs.evolve(command, principal="somebody")
    verdict = FULL.decides(principal, action, involved, command)
    return FULL.permits(principal, action) and verdict == ALLOWED


@pytest.mark.parametrize("action", EXPECTED)
@pytest.mark.parametrize("role", ROLES)
def test_who_may_do_what_with_whose_account(action: str, role: str) -> None:
    """Each role may do each thing with the accounts that the table above says, and no others."""
    expected = (*EXPECTED[action], "orcdx")[ROLES.index(role)]
    found = "".join(
        letter for letter, account in LETTERS.items() if asked(role, action, account, eur(50))
    )

    assert expected == found


def test_the_table_by_hand_is_whole() -> None:
    """All actions are in it, but for the opening, which has no account yet."""
    assert set(POLICY_TABLE) - {"open_account"} == set(EXPECTED)


@pytest.mark.parametrize("action", POLICY_TABLE)
def test_without_a_role_or_scope_nothing_is_permitted(action: str) -> None:
    """A principal without roles, and a service without scopes, may do nothing at all."""
    for principal in (Principal("mary"), Principal("mary", ["service"])):
        verdict = FULL.decides(principal, action, (), None)

        assert (False, False) == (FULL.permits(principal, action), verdict.is_allowed)


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_a_scope_permits_its_actions_alone(scope: str) -> None:
    """A service with one scope may do what that scope names; scopes alone are no service."""
    service = Principal("shop", ["service"], [scope])
    permitted = {each for each in POLICY_TABLE if ServicePolicy().permits(service, each)}

    assert permitted == {action for action, row in POLICY_TABLE.items() if row.scope == scope}
    assert not any(
        FULL.permits(attrs.evolve(service, roles=["owner"]), action)
        for action in (Action.VERIFY, "post", Action.BACKDATE, "restrict")
    )


def test_what_is_no_action_is_denied() -> None:
    """An action that has no row is denied to every role."""
    principal = Principal("mary", ROLES, SCOPES)
    for nonsense in ("fly", ExpireHold.kind):
        assert not FULL.permits(principal, nonsense)
        assert not FULL.decides(principal, nonsense, (), None).is_allowed


# -- What is denied, and what is hidden --------------------------------------


@pytest.mark.parametrize(
    ("policy", "role", "account", "action", "verdict"),
    [
        (OwnerPolicy(), "owner", "other", "withdraw", hidden(AccountId("a"))),
        (OwnerPolicy(), "owner", "other", Action.READ_ACCOUNT, hidden(AccountId("a"))),
        (
            *(OwnerPolicy(), "owner", "credit", Action.READ_ACCOUNT),
            denied("it does not hold the right read"),
        ),
        (
            *(OwnerPolicy(), "owner", "read", "withdraw"),
            denied("it does not hold the right debit"),
        ),
        (
            *(TellerPolicy(eur(50)), "teller", "credit", "withdraw"),
            denied(
                "this role is for others' accounts, and the principal holds rights on this one"
            ),
        ),
        (
            *(OperatorPolicy(), "operator", "credit", "restrict"),
            denied(
                "this role is for others' accounts, and the principal holds rights on this one"
            ),
        ),
        (AuditorPolicy(), "auditor", "own", "deposit", denied("none of its roles may")),
        (OwnerPolicy(), "auditor", "own", Action.READ_ACCOUNT, denied("none of its roles may")),
    ],
)
def test_a_no_says_why_or_hides(
    policy: Any, role: str, account: str, action: str, verdict: Verdict
) -> None:
    """A no is told with its reason to one who knows the account, and hidden from others."""
    principal = Principal("mary", [role])
    involved = (Involved(Part.SUBJECT, ACCOUNTS[account], eur(1)),)

    assert verdict == policy.decides(principal, action, involved, None)


def test_several_roles_add_up() -> None:
    """What one role allows is allowed; what one role sees is denied and not hidden."""
    other = (Involved(Part.DEBITED, ACCOUNTS["other"], eur(51)),)
    own = (Involved(Part.DEBITED, ACCOUNTS["own"], eur(51)),)
    owner, both = Principal("mary", ["owner"]), Principal("mary", ["owner", "teller"])

    assert hidden(AccountId("a")) == FULL.decides(owner, "withdraw", other, None)
    assert denied("a teller's limit is EUR 50.00") == FULL.decides(both, "withdraw", other, None)
    assert ALLOWED == FULL.decides(both, "withdraw", own, None)


# -- Tellers and their limits ------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "amount", "is_allowed"),
    [
        (eur(50), eur(50), True),
        (eur(50), -eur(50), True),
        (eur(50), Money("50.01", "EUR"), False),
        (eur(50), -Money("50.01", "EUR"), False),
        (eur(50), Money(1, "USD"), False),
        ([eur(50), Money(2, "USD")], Money(2, "USD"), True),
        ([eur(50), Money(2, "USD")], Money(3, "USD"), False),
        ((), eur(1), False),
        ((), eur(0), True),
        (eur(50), None, False),
    ],
)
def test_a_teller_moves_up_to_its_limit(
    limit: Any, amount: Money | None, is_allowed: bool
) -> None:
    """Up to the limit of the currency, in either direction; without one, nothing."""
    teller = Principal("tina", ["teller"])
    involved = (Involved(Part.DEBITED, ACCOUNTS["other"], amount),)
    verdict = TellerPolicy(limit).decides(teller, "withdraw", involved, None)

    assert is_allowed == verdict.is_allowed


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        (eur(0), "must be above zero, got EUR 0.00."),
        (-eur(1), "must be above zero, got EUR -1.00."),
        (5, "must be a Money, got 5."),
        ([eur(1), eur(2)], "must have at most one for each currency, got EUR 2.00."),
        (["5"], "must be a Money, got '5'."),
        ("5", "must be a Money, got '5'."),
    ],
)
@pytest.mark.parametrize(
    ("policy", "field"), [(StandardPolicy, "teller_limit"), (TellerPolicy, "limit")]
)
def test_a_limit_that_cannot_be(policy: Any, field: str, limit: Any, sentence: str) -> None:
    """A limit is Money above zero, and a currency has one."""
    with pytest.raises(InvalidAmountError) as caught:
        policy(**{field: limit})

    assert (field, f"{field} {sentence}") == (caught.value.field, str(caught.value))


def test_a_teller_pays_nothing_to_itself() -> None:
    """A transfer from another's account to the teller's own is denied, however small."""
    teller = Principal("mary", ["teller"])
    involved = (
        Involved(Part.DEBITED, ACCOUNTS["other"], -eur(1)),
        Involved(Part.CREDITED, ACCOUNTS["credit"], eur(1)),
    )

    assert not FULL.decides(teller, "transfer", involved, Transfer("a", "b", eur(1))).is_allowed


# -- Opening, granting, closing ----------------------------------------------


@pytest.mark.parametrize(
    ("role", "scopes", "command", "is_allowed"),
    [
        ("owner", (), OpenAccount(initial_balance=eur(99), holder="mary"), True),
        ("owner", (), OpenAccount(initial_balance=eur(0), holder="bert"), False),
        ("owner", (), OpenAccount(initial_balance=eur(0)), False),
        (
            *("owner", ()),
            OpenAccount(initial_balance=eur(0), overdraft_limit=eur(1), holder="mary"),
            False,
        ),
        (
            *("owner", ()),
            OpenAccount(initial_balance=eur(0), overdraft_limit=eur(0), holder="mary"),
            True,
        ),
        ("owner", (), Deposit("a", eur(1)), False),
        ("teller", (), OpenAccount(initial_balance=eur(50), holder="bert"), True),
        ("teller", (), OpenAccount(initial_balance=eur(50)), True),
        ("teller", (), OpenAccount(initial_balance=eur(51), holder="bert"), False),
        ("teller", (), OpenAccount(initial_balance=eur(0), holder="mary"), False),
        ("teller", (), OpenAccount(initial_balance=eur(0), overdraft_limit=eur(1)), False),
        ("teller", (), Deposit("a", eur(1)), False),
        ("auditor", (), OpenAccount(initial_balance=eur(0)), False),
        ("operator", (), OpenAccount(initial_balance=eur(0)), False),
        ("service", ["accounts:write"], OpenAccount(initial_balance=eur(9)), True),
        ("service", ["accounts:read"], OpenAccount(initial_balance=eur(9)), False),
        (
            *("service", ["accounts:write"]),
            OpenAccount(initial_balance=eur(0), overdraft_limit=eur(1)),
            False,
        ),
        (
            *("service", ["accounts:write", "limits:write"]),
            OpenAccount(initial_balance=eur(0), overdraft_limit=eur(1)),
            True,
        ),
    ],
)
def test_who_may_open_what(
    role: str, scopes: tuple[str, ...], command: Command, is_allowed: bool
) -> None:
    """An owner opens for itself, a teller for others; an overdraft is for others to give."""
    principal = Principal("mary", [role], scopes)
    verdict = FULL.decides(principal, "open_account", (), command)

    assert is_allowed == verdict.is_allowed


@pytest.mark.parametrize(
    "command", [GrantAccess("a", "mary", list(Right)), RevokeAccess("a", "mary")]
)
def test_an_operator_gives_itself_nothing(command: Command) -> None:
    """Who grants and revokes does it for others, and reads about it all the same."""
    operator = Principal("mary", ["operator"])
    involved = (Involved(Part.SUBJECT, ACCOUNTS["other"]),)

    assert not FULL.decides(operator, command.kind, involved, command).is_allowed
    assert FULL.decides(operator, Action.READ_TRANSACTION, involved, command).is_allowed


def test_an_operator_sweeps_nothing_to_itself() -> None:
    """What is left of an account that is closed goes to no account of the operator's own."""
    operator = Principal("mary", ["operator"])
    involved = [Involved(Part.SUBJECT, ACCOUNTS["other"])]
    others = [*involved, Involved(Part.CREDITED, ACCOUNTS["other"])]
    own = [*involved, Involved(Part.CREDITED, ACCOUNTS["credit"])]

    assert FULL.decides(operator, "close_account", others, None).is_allowed
    assert not FULL.decides(operator, "close_account", own, None).is_allowed


def test_a_transaction_is_read_by_whoever_may_read_one_of_its_accounts() -> None:
    """One account that may be read is enough; none is hidden or denied."""
    pair = [Involved(Part.SUBJECT, ACCOUNTS[name]) for name in ("other", "read")]
    for role, is_allowed in (("owner", True), ("teller", True), ("auditor", True)):
        principal = Principal("mary", [role])

        assert (
            is_allowed == FULL.decides(principal, Action.READ_TRANSACTION, pair, None).is_allowed
        )
    assert hidden(AccountId("a")) == FULL.decides(
        Principal("mary", ["owner"]), Action.READ_TRANSACTION, pair[:1], None
    )


def test_a_service_reads_by_its_scope_alone() -> None:
    """What it may send, it may not therefore read."""
    service = Principal("shop", ["service"], ["deposits:write"])

    assert not FULL.permits(service, Action.READ_TRANSACTION)
    for command in (Deposit("a", eur(1)), Transfer("a", "b", eur(1))):
        assert not FULL.decides(service, Action.READ_TRANSACTION, (), command).is_allowed


def test_a_column_that_is_no_grant_grants_nothing() -> None:
    """The scope column of the table is no role's grant."""
    assert all(isinstance(cell, Grant) for row in POLICY_TABLE.values() for cell in row[1:])
    assert all(isinstance(row.scope, str) for row in POLICY_TABLE.values())
