"""
Grants of access, as `decide` judges them: rights by principal, one set for each.
"""

import attrs
import pytest

from bankcore.accounts import HOLDERS_MAX, Account, Holder, Restriction, Right
from bankcore.commands import GrantAccess
from bankcore.errors import AccountNotFoundError
from ruling import ALICE, accepted, account, assert_refused, closed, decided, hold, later

READ, CREDIT, DEBIT = Right
MARY = Holder("mary", {READ})


def many(number: int) -> tuple[Holder, ...]:
    return tuple(Holder(f"p-{n:03}", {READ}) for n in range(number))


@pytest.mark.parametrize(
    ("holders", "principal", "rights", "after"),
    [
        pytest.param((), "mary", {READ}, (MARY,), id="the first"),
        pytest.param(
            (MARY,), "bert", {DEBIT}, (Holder("bert", {DEBIT}), MARY), id="another, in order"
        ),
        pytest.param(
            (MARY,), "zoe", {READ}, (MARY, Holder("zoe", {READ})), id="another, after her"
        ),
        pytest.param(
            (MARY,), "Mary", {READ}, (Holder("Mary", {READ}), MARY), id="a name in another case"
        ),
        pytest.param(
            (MARY,), "mary", {CREDIT, DEBIT}, (Holder("mary", {CREDIT, DEBIT}),), id="in place"
        ),
        pytest.param((MARY,), "mary", {READ}, (MARY,), id="the same again"),
    ],
)
@pytest.mark.parametrize(
    "base",
    [
        pytest.param(account(ALICE, -5, hold(3)), id="open"),
        pytest.param(
            account(ALICE, restriction=Restriction.ALL, restriction_reason="theft"),
            id="restricted",
        ),
        pytest.param(closed(), id="closed"),
    ],
)
def test_rights_are_held_in_place_of_those_before(
    base: Account,
    holders: tuple[Holder, ...],
    principal: str,
    rights: set[Right],
    after: tuple[Holder, ...],
) -> None:
    """
    A principal holds what it was granted last; holders are in the order of their ids.
    """
    before = attrs.evolve(base, holders=holders)
    command = GrantAccess("alice", principal, rights)

    assert accepted(command, (later(before, holders=after), 0)) == decided(command, before)


def test_the_most_holders() -> None:
    """
    The hundredth holder is granted access, and the next is not; the rights of one that is
    there can still be changed.
    """
    nearly, full = (account(ALICE, holders=many(n)) for n in (HOLDERS_MAX - 1, HOLDERS_MAX))
    (after,) = decided(GrantAccess("alice", "mary", {READ}), nearly).accounts
    (changed,) = decided(GrantAccess("alice", "p-007", {DEBIT}), full).accounts

    assert (HOLDERS_MAX, HOLDERS_MAX) == (len(after.holders), len(changed.holders))
    assert Holder("p-007", {DEBIT}) in changed.holders
    assert_refused(
        GrantAccess("alice", "mary", {READ}),
        full,
        code="holder_limit",
        facts={"account_id": ALICE, "holders_max": HOLDERS_MAX},
    )


def test_no_account() -> None:
    """
    Nobody has rights on an account that is not there.
    """
    assert_refused(
        GrantAccess("alice", "mary", {READ}),
        code=AccountNotFoundError.code,
        facts={"account_id": ALICE},
    )
