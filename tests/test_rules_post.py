"""
Posts of several legs, as `decide` judges them: each account by the net of its legs.
"""

import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, Restriction
from bankcore.commands import Post
from bankcore.ledger import WriteSet
from bankcore.money import Money
from bankcore.values import AccountId
from ruling import (
    ALICE,
    BOB,
    CAROL,
    NOW,
    accepted,
    account,
    assert_invalid,
    assert_refused,
    closed,
    decided,
    eur,
    hold,
    later,
)

FEES = AccountId("fees")


def post(*legs: tuple[str, int], crosses_boundary: bool = False) -> Post:
    return Post(
        [(account_id, eur(amount)) for account_id, amount in legs],
        crosses_boundary=crosses_boundary,
    )


# The legs, the accounts before, and each account's net, in the order of its posting.
ACCEPTED = [
    pytest.param(
        post(("alice", -5), ("bob", 5)),
        (account(ALICE, 5), account(BOB, 0)),
        ((ALICE, -5), (BOB, 5)),
        id="a transfer, down to nothing",
    ),
    pytest.param(
        post(("bob", 97), ("fees", 3), ("alice", -100)),
        (account(ALICE, 100), account(BOB, 0), account(FEES, 7)),
        ((ALICE, -100), (BOB, 97), (FEES, 3)),
        id="a payout with a fee, the debited account first",
    ),
    pytest.param(
        post(("alice", -60), ("bob", 60), ("alice", -40), ("bob", 40)),
        (account(ALICE, 100), account(BOB, 0)),
        ((ALICE, -100), (BOB, 100)),
        id="two legs of each account are one posting",
    ),
    pytest.param(
        post(("alice", -1000), ("alice", 990), ("bob", 10)),
        (account(ALICE, 10), account(BOB, 0)),
        ((ALICE, -10), (BOB, 10)),
        id="a debit far beyond the funds that comes back",
    ),
    pytest.param(
        post(("alice", 5), ("alice", -5)),
        (account(ALICE, -100),),
        ((ALICE, 0),),
        id="a net of nothing, on an account overdrawn beyond its limit",
    ),
    pytest.param(
        post(("carol", 5), ("bob", -5), ("alice", 5), ("alice", -5)),
        (account(ALICE, 0), account(BOB, 5), account(CAROL, 0)),
        ((BOB, -5), (CAROL, 5), (ALICE, 0)),
        id="a net of nothing beside others",
    ),
    pytest.param(
        post(("alice", -70), crosses_boundary=True),
        (account(ALICE, 50, hold(30), limit=50),),
        ((ALICE, -70),),
        id="out of the bank, down to the floor",
    ),
    pytest.param(
        post(("alice", 7), ("bob", 3), crosses_boundary=True),
        (account(ALICE, AMOUNT_MINOR_MAX - 7), account(BOB, -20)),
        ((ALICE, 7), (BOB, 3)),
        id="from outside, up to the largest balance, and onto an overdrawn account",
    ),
    pytest.param(
        post(("alice", -AMOUNT_MINOR_MAX), ("bob", AMOUNT_MINOR_MAX)),
        (account(ALICE, 0, limit=AMOUNT_MINOR_MAX), account(BOB, 0)),
        ((ALICE, -AMOUNT_MINOR_MAX), (BOB, AMOUNT_MINOR_MAX)),
        id="the largest amount there can be",
    ),
    pytest.param(
        post(("alice", -5), ("alice", 5), ("bob", -1), ("carol", 1)),
        (
            account(ALICE, 0, restriction=Restriction.ALL, restriction_reason="theft"),
            account(BOB, 1, restriction=Restriction.CREDITS, restriction_reason="theft"),
            account(CAROL, 0, restriction=Restriction.DEBITS, restriction_reason="theft"),
        ),
        ((BOB, -1), (ALICE, 0), (CAROL, 1)),
        id="restrictions judged by the net direction",
    ),
]


@pytest.mark.parametrize(("command", "before", "nets"), ACCEPTED)
def test_each_account_is_booked_by_its_net(
    command: Post, before: tuple[Account, ...], nets: tuple[tuple[AccountId, int], ...]
) -> None:
    """
    A post makes exactly one posting per account, of the net of its legs, debits first.
    """
    found = {each.id: each for each in before}
    afters = [
        (later(found[name], balance=found[name].balance + eur(net)), net) for name, net in nets
    ]

    expected = accepted(command, *afters)
    written = decided(command, *before)
    assert (expected.records, expected.outcomes) == (written.records, written.outcomes)
    assert set(expected.accounts) == set(written.accounts)
    assert len(before) == len(written.accounts)


def test_an_exchange_through_two_accounts_of_the_bank() -> None:
    """
    Euros go to the bank's euros, dollars come from the bank's dollars, in one transaction.
    """
    command = Post(
        [
            ("alice", Money("-10.00", "EUR")),
            ("bank-eur", Money("10.00", "EUR")),
            ("bank-usd", Money("-11.20", "USD")),
            ("alice-usd", Money("11.20", "USD")),
        ]
    )
    written = decided(
        command,
        account(ALICE, 10_00),
        account("bank-eur", 0),
        account("bank-usd", 11_20, currency="USD"),
        account("alice-usd", 0, currency="USD"),
    )

    assert {
        "alice": Money("0", "EUR"),
        "bank-eur": Money("10", "EUR"),
        "bank-usd": Money("0", "USD"),
        "alice-usd": Money("11.20", "USD"),
    } == {each.id.value: each.balance for each in written.accounts}


REFUSED = [
    pytest.param(
        post(("bob", 5), ("alice", -5)),
        (account(BOB, 0),),
        "account_not_found",
        {"account_id": ALICE},
        id="no account to be debited",
    ),
    pytest.param(
        post(("alice", -5), ("bob", 5)),
        (account(ALICE, 5),),
        "account_not_found",
        {"account_id": BOB},
        id="no account to be credited",
    ),
    pytest.param(
        post(("alice", -5), ("bob", 5)),
        (account(ALICE, 5), closed(BOB)),
        "account_closed",
        {"account_id": BOB},
        id="a closed one to be credited",
    ),
    pytest.param(
        post(("alice", -5), ("alice", 5)),
        (closed(ALICE),),
        "account_closed",
        {"account_id": ALICE},
        id="a closed one with a net of nothing",
    ),
    pytest.param(
        post(("alice", -5), ("bob", 5)),
        (account(ALICE, 4), account(BOB, 0)),
        "insufficient_funds",
        {"account_id": ALICE, "available": eur(4), "requested": eur(5)},
        id="one cent below the floor",
    ),
    pytest.param(
        post(("alice", -3), ("alice", -3), ("alice", 1), ("bob", 5)),
        (account(ALICE, 10, hold(6)), account(BOB, 0)),
        "insufficient_funds",
        {"account_id": ALICE, "available": eur(4), "requested": eur(5)},
        id="the net one cent above what is not held",
    ),
    pytest.param(
        post(("alice", -1), ("bob", -1), ("carol", 2)),
        (account(ALICE, 1), account(BOB, 0), account(CAROL, 0)),
        "insufficient_funds",
        {"account_id": BOB, "available": eur(0), "requested": eur(1)},
        id="the second of two to be debited",
    ),
    pytest.param(
        post(("alice", -1), ("bob", 1)),
        (account(ALICE, 1), account(BOB, AMOUNT_MINOR_MAX)),
        "balance_limit",
        {"account_id": BOB, "balance": eur(AMOUNT_MINOR_MAX), "requested": eur(1)},
        id="one cent beyond the largest balance",
    ),
    *(
        pytest.param(
            post(("alice", -1), ("bob", 1)),
            (
                account(ALICE, 1, restriction=debited, restriction_reason="theft"),
                account(BOB, 0, restriction=credited, restriction_reason="theft"),
            ),
            "account_restricted",
            {
                "account_id": stopped,
                "restriction": restriction,
                "reason": "theft",
                "ends_at": None,
            },
            id=f"{debited.value} stopped at the source, {credited.value} at the destination",
        )
        for debited, credited, stopped, restriction in (
            (Restriction.DEBITS, Restriction.NONE, ALICE, Restriction.DEBITS),
            (Restriction.ALL, Restriction.ALL, ALICE, Restriction.ALL),
            (Restriction.CREDITS, Restriction.CREDITS, BOB, Restriction.CREDITS),
            (Restriction.NONE, Restriction.ALL, BOB, Restriction.ALL),
        )
    ),
]


@pytest.mark.parametrize(("command", "before", "code", "facts"), REFUSED)
def test_one_net_that_cannot_be_refuses_the_whole(
    command: Post, before: tuple[Account, ...], code: str, facts: dict[str, object]
) -> None:
    """
    Where a rule says no to one account's net, nothing is booked on any.
    """
    assert_refused(command, *before, code=code, facts=facts)


def test_another_currency() -> None:
    """
    A leg that is not in its account's currency is invalid, and nothing is recorded.
    """
    assert_invalid(
        post(("alice", -1), ("bob", 1)),
        account(ALICE, 1),
        account(BOB, 0, currency="USD"),
        code="currency_mismatch",
        facts={"expected": "USD", "given": "EUR", "field": "legs"},
    )


def test_expiries_of_every_account_are_booked_before_it() -> None:
    """
    A hold that is due on any of the accounts expires before the post, and its money counts.
    """
    command = post(("alice", -10), ("bob", 10))
    written = decided(
        command,
        account(ALICE, 10, hold(10, expires_at=NOW)),
        account(BOB, 5, hold(5, "h-2", expires_at=NOW)),
    )

    assert isinstance(written, WriteSet)
    assert ["expiry:alice:8", "expiry:bob:8", "t-1"] == [each.id.value for each in written.records]
    assert {ALICE: (eur(0), 9), BOB: (eur(15), 9)} == {
        each.id: (each.available, each.version) for each in written.accounts
    }
