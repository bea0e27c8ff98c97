"""
Revocations of access, as `decide` judges them: all the rights of one principal.
"""

import attrs
import pytest

from bankcore.accounts import Account, Holder, Restriction, Right
from bankcore.commands import RevokeAccess
from bankcore.values import PrincipalId
from ruling import ALICE, accepted, account, assert_refused, closed, decided, later

BERT = Holder("bert", {Right.READ})
MARY = Holder("mary", {Right.READ, Right.DEBIT})


@pytest.mark.parametrize(
    ("holders", "after"),
    [
        pytest.param((MARY,), (), id="the only one"),
        pytest.param((BERT, MARY), (BERT,), id="the other stays"),
    ],
)
@pytest.mark.parametrize(
    "base",
    [
        pytest.param(account(ALICE, -5), id="open"),
        pytest.param(
            account(ALICE, restriction=Restriction.ALL, restriction_reason="theft"),
            id="restricted",
        ),
        pytest.param(closed(), id="closed"),
    ],
)
def test_all_rights_are_taken(
    base: Account, holders: tuple[Holder, ...], after: tuple[Holder, ...]
) -> None:
    """
    A principal whose access is revoked holds nothing; the others hold what they held.
    """
    before = attrs.evolve(base, holders=holders)
    command = RevokeAccess("alice", "mary")

    assert accepted(command, (later(before, holders=after), 0)) == decided(command, before)


@pytest.mark.parametrize("holders", [(), (BERT,), (Holder("Mary", {Right.READ}),)])
def test_who_holds_nothing(holders: tuple[Holder, ...]) -> None:
    """
    To revoke what a principal does not hold is declined; names are case-sensitive.
    """
    assert_refused(
        RevokeAccess("alice", "mary"),
        account(ALICE, holders=holders),
        code="holder_not_found",
        facts={"account_id": ALICE, "principal": PrincipalId("mary")},
    )


def test_no_account() -> None:
    """
    Nothing is revoked on an account that is not there.
    """
    assert_refused(
        RevokeAccess("alice", "mary"), code="account_not_found", facts={"account_id": ALICE}
    )
