"""
Reversals, as `decide` judges them: whole or in parts, and only of what moved money.
"""

from typing import Any

import attrs
import pytest

from bankcore.accounts import AMOUNT_MINOR_MAX, Account, Restriction
from bankcore.bank._decide import Clock, Request, decide, reads_of
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    ExpireHold,
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
from bankcore.errors import AlreadyReversedError, ReversalExceededError
from bankcore.ledger import Posting, Refusal, Snapshot, Transaction
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId
from ruling import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    NOW,
    SKEW,
    TICK,
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

O1 = TransactionId("o-1")
COMMAND = Reverse("o-1")


def original(command: Command, *moved: tuple[AccountId, int], name: TransactionId = O1) -> Any:
    """
    The record of *command*, which moved these amounts on these accounts.
    """
    postings = tuple(
        Posting(account_id, eur(amount), eur(900), eur(0), eur(0), 3)
        for account_id, amount in moved
    )
    return Transaction(name, attrs.evolve(command, transaction_id=name), NOW - 2 * DAY, postings)


DEPOSIT = original(Deposit("alice", eur(5)), (ALICE, 5))
WITHDRAWAL = original(Withdraw("alice", eur(5)), (ALICE, -5))
TRANSFER = original(Transfer("alice", "bob", eur(5)), (ALICE, -5), (BOB, 5))

# What is reversed, the accounts before, and what is booked, in order.
ACCEPTED = [
    pytest.param(DEPOSIT, (account(ALICE, 5),), ((ALICE, -5),), id="a deposit, the last of it"),
    pytest.param(
        DEPOSIT,
        (account(ALICE, 10, hold(10), limit=5),),
        ((ALICE, -5),),
        id="a deposit, down to the floor",
    ),
    pytest.param(WITHDRAWAL, (account(ALICE, -100),), ((ALICE, 5),), id="a withdrawal"),
    pytest.param(
        WITHDRAWAL,
        (account(ALICE, AMOUNT_MINOR_MAX - 5),),
        ((ALICE, 5),),
        id="a withdrawal, up to the largest balance",
    ),
    pytest.param(
        TRANSFER,
        (account(ALICE, 0), account(BOB, 5)),
        ((BOB, -5), (ALICE, 5)),
        id="a transfer, the debited account first",
    ),
    pytest.param(
        original(OpenAccount("alice", initial_balance=eur(5)), (ALICE, 5)),
        (account(ALICE, 7),),
        ((ALICE, -5),),
        id="an opening with money",
    ),
    pytest.param(
        original(
            Post([("alice", eur(-5)), ("bob", eur(2)), ("carol", eur(3))]),
            *((ALICE, -5), (BOB, 2), (CAROL, 3)),
        ),
        (account(ALICE, 0), account(BOB, 2), account(CAROL, 3)),
        ((CAROL, -3), (BOB, -2), (ALICE, 5)),
        id="a post of three legs",
    ),
    pytest.param(
        original(
            Post([("alice", eur(-5)), ("bob", eur(5)), ("carol", eur(1)), ("carol", eur(-1))]),
            *((ALICE, -5), (BOB, 5), (CAROL, 0)),
        ),
        (account(ALICE, 0), account(BOB, 5), account(CAROL, -9)),
        ((BOB, -5), (CAROL, 0), (ALICE, 5)),
        id="a post with a net of nothing",
    ),
    pytest.param(
        original(CaptureHold("alice", "h-1", eur(5)), (ALICE, -5)),
        (account(ALICE, 0),),
        ((ALICE, 5),),
        id="a capture, which restores no hold",
    ),
    pytest.param(
        original(CaptureHold("alice", "h-1", destination_id="bob"), (ALICE, -5), (BOB, 5)),
        (account(ALICE, 0, hold(3)), account(BOB, 5)),
        ((BOB, -5), (ALICE, 5)),
        id="a capture to another account",
    ),
    pytest.param(
        TRANSFER,
        (
            account(ALICE, 0, restriction=Restriction.DEBITS, restriction_reason="theft"),
            account(BOB, 5, restriction=Restriction.CREDITS, restriction_reason="theft"),
        ),
        ((BOB, -5), (ALICE, 5)),
        id="restrictions that stop the other direction",
    ),
]


@pytest.mark.parametrize(("record", "before", "moves"), ACCEPTED)
def test_the_opposite_is_booked(
    record: Transaction, before: tuple[Account, ...], moves: tuple[tuple[AccountId, int], ...]
) -> None:
    """
    A reversal books the opposite of every posting, and changes nothing but balances.
    """
    found = {each.id: each for each in before}
    afters = [
        (later(found[name], balance=found[name].balance + eur(amount)), amount)
        for name, amount in moves
    ]

    expected = accepted(COMMAND, *afters)
    written = decided(COMMAND, *before, recorded=(record,))
    assert (expected.records, expected.outcomes) == (written.records, written.outcomes)
    assert set(expected.accounts) == set(written.accounts)


NOTHING = (ALICE, 0)
NOT_REVERSIBLE = [
    pytest.param(original(PlaceHold("alice", eur(5)), NOTHING), "place_hold", id="place_hold"),
    pytest.param(original(ReleaseHold("alice", "h-1"), NOTHING), "release_hold", id="release"),
    pytest.param(
        original(ExtendHold("alice", "h-1", expires_at=NOW), NOTHING), "extend_hold", id="extend"
    ),
    pytest.param(
        original(ExpireHold("alice", "h-1", transaction_id=O1), NOTHING),
        "expire_hold",
        id="expiry",
    ),
    pytest.param(
        original(Restrict("alice", Restriction.NONE), NOTHING), "restrict", id="a restriction"
    ),
    pytest.param(
        original(SetOverdraftLimit("alice", eur(5)), NOTHING), "set_overdraft_limit", id="a limit"
    ),
    pytest.param(
        original(GrantAccess("alice", "mary", ["read"]), NOTHING), "grant_access", id="a grant"
    ),
    pytest.param(
        original(RevokeAccess("alice", "mary"), NOTHING), "revoke_access", id="a revocation"
    ),
    pytest.param(
        original(OpenAccount("alice", initial_balance=eur(0)), NOTHING),
        "open_account",
        id="an opening with nothing",
    ),
    pytest.param(
        original(Post([("alice", eur(5)), ("alice", eur(-5))]), NOTHING),
        "post",
        id="a post with a net of nothing",
    ),
    pytest.param(original(CloseAccount("alice"), NOTHING), "close_account", id="a closing"),
    pytest.param(
        original(CloseAccount("alice", sweep_to="bob"), (ALICE, -5), (BOB, 5)),
        "close_account",
        id="a closing that moved money",
    ),
    pytest.param(original(Reverse("o-0"), (ALICE, -5)), "reverse", id="a reversal"),
]


@pytest.mark.parametrize(("record", "kind"), NOT_REVERSIBLE)
def test_what_cannot_be_reversed(record: Transaction, kind: str) -> None:
    """
    What moved no money, a closing and a reversal cannot be reversed, whatever the accounts have.
    """
    assert_refused(
        COMMAND,
        account(ALICE, 100),
        account(BOB, 100),
        recorded=(record,),
        code="not_reversible",
        facts={"transaction_id": O1, "command": kind},
    )


REFUSED = [
    pytest.param((), (), {}, "transaction_not_found", {"transaction_id": O1}, id="nothing there"),
    pytest.param(
        (Refusal(O1, DEPOSIT.command, NOW, "account_closed", {"account_id": ALICE}),),
        (account(ALICE, 5),),
        {},
        "transaction_not_found",
        {"transaction_id": O1},
        id="a refusal",
    ),
    pytest.param(
        (DEPOSIT,),
        (account(ALICE, 5),),
        {O1: (attrs.evolve(COMMAND, transaction_id="r-1"),)},
        "already_reversed",
        {"transaction_id": O1, "reversed_by": TransactionId("r-1")},
        id="a second time",
    ),
    pytest.param(
        (DEPOSIT,),
        (account(ALICE, 4),),
        {},
        "insufficient_funds",
        {"account_id": ALICE, "available": eur(4), "requested": eur(5)},
        id="the money is gone, by one cent",
    ),
    pytest.param(
        (TRANSFER,),
        (account(ALICE, 0), account(BOB, 9, hold(5))),
        {},
        "insufficient_funds",
        {"account_id": BOB, "available": eur(4), "requested": eur(5)},
        id="the money is held",
    ),
    pytest.param(
        (WITHDRAWAL,),
        (account(ALICE, AMOUNT_MINOR_MAX - 4),),
        {},
        "balance_limit",
        {"account_id": ALICE, "balance": eur(AMOUNT_MINOR_MAX - 4), "requested": eur(5)},
        id="one cent beyond the largest balance",
    ),
    pytest.param(
        (TRANSFER,),
        (closed(ALICE), account(BOB, 5)),
        {},
        "account_closed",
        {"account_id": ALICE},
        id="the source is closed since",
    ),
    pytest.param(
        (TRANSFER,),
        (
            account(ALICE, 0),
            account(BOB, 5, restriction=Restriction.DEBITS, restriction_reason="r"),
        ),
        {},
        "account_restricted",
        {"account_id": BOB, "restriction": Restriction.DEBITS, "reason": "r", "ends_at": None},
        id="debits are stopped where the money is",
    ),
    pytest.param(
        (TRANSFER,),
        (
            account(ALICE, 0, restriction=Restriction.CREDITS, restriction_reason="r"),
            account(BOB, 5),
        ),
        {},
        "account_restricted",
        {"account_id": ALICE, "restriction": Restriction.CREDITS, "reason": "r", "ends_at": None},
        id="credits are stopped where it belongs",
    ),
]


@pytest.mark.parametrize(("recorded", "before", "reversals", "code", "facts"), REFUSED)
def test_refused(
    recorded: tuple[Transaction | Refusal, ...],
    before: tuple[Account, ...],
    reversals: dict[TransactionId, tuple[Reverse, ...]],
    code: str,
    facts: dict[str, object],
) -> None:
    """
    A reversal is declined where there is nothing to reverse, or the rules of a transfer say no.
    """
    assert_refused(
        COMMAND, *before, recorded=recorded, reversals=reversals, code=code, facts=facts
    )


# -- In parts ----------------------------------------------------------------

OPENING = original(OpenAccount("alice", initial_balance=eur(5)), (ALICE, 5))
CAPTURE = original(CaptureHold("alice", "h-1", destination_id="bob"), (ALICE, -5), (BOB, 5))


def part(amount: int | None, name: str | None = None) -> Reverse:
    return Reverse("o-1", None if amount is None else eur(amount), transaction_id=name)


# What is reversed, what reversed it before, how much of it is asked for, and what is taken.
PARTS = [
    pytest.param((), 1, 1, id="a cent"),
    pytest.param((), 4, 4, id="all but a cent"),
    pytest.param((), 5, 5, id="all, as a part"),
    pytest.param((2,), 3, 3, id="what is left"),
    pytest.param((2, 1), 1, 1, id="a third part"),
    pytest.param((2,), None, 3, id="the rest"),
    pytest.param((1, 1, 1, 1), None, 1, id="the last cent"),
]


@pytest.mark.parametrize(("before", "asked", "taken"), PARTS)
class TestParts:
    @pytest.mark.parametrize("record", [DEPOSIT, OPENING])
    def test_of_what_came_in(
        self, record: Transaction, before: tuple[int, ...], asked: int | None, taken: int
    ) -> None:
        """
        A part of a deposit, or of what an opening brought, is taken out again.
        """
        found = account(ALICE, 100)
        reversals = {O1: tuple(part(each, f"r-{n}") for n, each in enumerate(before))}
        expected = accepted(part(asked), (later(found, balance=eur(100 - taken)), -taken))

        assert expected == decided(part(asked), found, recorded=(record,), reversals=reversals)

    def test_of_a_withdrawal(self, before: tuple[int, ...], asked: int | None, taken: int) -> None:
        """
        A part of a withdrawal comes back.
        """
        found = account(ALICE, -100)
        reversals = {O1: tuple(part(each, f"r-{n}") for n, each in enumerate(before))}
        expected = accepted(part(asked), (later(found, balance=eur(taken - 100)), taken))

        assert expected == decided(part(asked), found, recorded=(WITHDRAWAL,), reversals=reversals)

    @pytest.mark.parametrize("record", [TRANSFER, CAPTURE])
    def test_of_what_went_from_one_to_another(
        self, record: Transaction, before: tuple[int, ...], asked: int | None, taken: int
    ) -> None:
        """
        A part goes back, the account to be debited first.
        """
        alice, bob = account(ALICE, 0), account(BOB, taken)
        reversals = {O1: tuple(part(each, f"r-{n}") for n, each in enumerate(before))}
        expected = accepted(
            part(asked),
            (later(bob, balance=eur(0)), -taken),
            (later(alice, balance=eur(taken)), taken),
        )
        written = decided(part(asked), alice, bob, recorded=(record,), reversals=reversals)

        assert (expected.records, expected.outcomes) == (written.records, written.outcomes)
        assert set(expected.accounts) == set(written.accounts)


@pytest.mark.parametrize(
    ("before", "asked", "left"),
    [
        ((), 6, 5),
        ((), AMOUNT_MINOR_MAX, 5),
        ((2,), 4, 3),
        ((2, 2), 2, 1),
        ((2, 3), 1, 0),
        ((2, None), 1, 0),
        ((None,), 5, 0),
    ],
)
def test_no_more_than_is_left(before: tuple[int | None, ...], asked: int, left: int) -> None:
    """
    A part that is more than is left is declined, to the cent, and the error says what is left.
    """
    reversals = {O1: tuple(part(each, f"r-{n}") for n, each in enumerate(before))}
    assert_refused(
        part(asked),
        account(ALICE, 100),
        recorded=(DEPOSIT,),
        reversals=reversals,
        code="reversal_exceeded",
        facts={"transaction_id": O1, "left": eur(left), "requested": eur(asked)},
    )
    (error,) = decided(
        part(asked), account(ALICE, 100), recorded=(DEPOSIT,), reversals=reversals
    ).outcomes

    assert isinstance(error, ReversalExceededError)
    assert eur(asked - left) == error.shortfall


@pytest.mark.parametrize("before", [(None,), (5,), (2, 3), (2, None)])
def test_nothing_is_left(before: tuple[int | None, ...]) -> None:
    """
    Without an amount, what has nothing left was already reversed, by the last of its parts.
    """
    last = TransactionId(f"r-{len(before) - 1}")
    assert_refused(
        COMMAND,
        account(ALICE, 100),
        recorded=(DEPOSIT,),
        reversals={O1: tuple(part(each, f"r-{n}") for n, each in enumerate(before))},
        code="already_reversed",
        facts={"transaction_id": O1, "reversed_by": last},
    )


@pytest.mark.parametrize(
    "record",
    [
        original(Post([("alice", eur(-5)), ("bob", eur(5))]), (ALICE, -5), (BOB, 5)),
        original(Post([("alice", eur(5))], crosses_boundary=True), (ALICE, 5)),
    ],
)
def test_a_post_has_no_parts(record: Transaction) -> None:
    """
    A post is reversed whole, even one of two legs or one.
    """
    assert_refused(
        part(2),
        account(ALICE, 100),
        account(BOB, 100),
        recorded=(record,),
        code="part_not_reversible",
        facts={"transaction_id": O1, "command": "post"},
    )


@pytest.mark.parametrize(
    "legs",
    [
        [("alice", -5), ("bob", 5), ("alice", 1), ("carol", -1)],
        [("alice", 0), ("bob", 5), ("carol", -5)],
    ],
)
def test_a_post_is_reversed_once(legs: list[tuple[str, int]]) -> None:
    """
    What moved several amounts, or nothing first, was reversed when a reversal of it was booked.
    """
    moved = [(AccountId(name), amount) for name, amount in legs]
    named = [("alice", eur(1)), ("alice", eur(-1))]
    record = original(Post(named), *moved)
    accounts = [account(each, 100) for each in (ALICE, BOB, CAROL)]

    assert decided(COMMAND, *accounts, recorded=(record,)).accounts
    assert_refused(
        COMMAND,
        *accounts,
        recorded=(record,),
        reversals={O1: (part(None, "r-1"),)},
        code="already_reversed",
        facts={"transaction_id": O1, "reversed_by": TransactionId("r-1")},
    )


def test_a_part_in_another_currency() -> None:
    """
    A part is in the currency of the original, and another is not compared with what is left.
    """
    assert_invalid(
        Reverse("o-1", Money("9", "USD")),
        account(ALICE, 100),
        recorded=(DEPOSIT,),
        code="currency_mismatch",
        facts={"expected": "EUR", "given": "USD", "field": "amount"},
    )


def test_parts_in_one_batch() -> None:
    """
    In a batch each reversal finds what those before it have left.
    """
    names = [TransactionId(f"t-{number}") for number in range(5)]
    amounts = (eur(3), eur(3), eur(1), None, None)
    requests = tuple(
        Request(Reverse("o-1", amount, transaction_id=name), name, True, ())
        for name, amount in zip(names, amounts, strict=True)
    )
    snapshot = Snapshot({O1: DEPOSIT}, {ALICE: account(ALICE, 100)})
    outcomes = decide(requests, snapshot, Clock(NOW, SKEW)).outcomes

    assert [-3, "reversal_exceeded", -1, -1, "already_reversed"] == [
        each.postings[0].amount.amount_minor if isinstance(each, Transaction) else each.code
        for each in outcomes
    ]
    assert isinstance(outcomes[-1], AlreadyReversedError)
    assert names[3] == outcomes[-1].reversed_by


def test_a_reversal_named_before_the_original_s_account_was_booked() -> None:
    """
    A given time earlier than the last posting of an account of the original is invalid.
    """
    assert_invalid(
        Reverse("o-1", booked_at=NOW - DAY - TICK),
        account(ALICE, 5),
        recorded=(DEPOSIT,),
        code="invalid_time",
        facts={"value": (NOW - DAY - TICK).isoformat(), "field": "booked_at"},
    )


def test_the_version_that_is_expected_is_that_of_the_account_to_be_debited() -> None:
    """
    The guard of a reversal is judged on the account from which the money goes back.
    """
    before = (account(ALICE, 0, version=3), account(BOB, 5, version=4))

    assert decided(COMMAND, *before, recorded=(TRANSFER,), expected_version=4).records
    assert_invalid(
        COMMAND,
        *before,
        recorded=(TRANSFER,),
        expected_version=3,
        code="stale_version",
        facts={"account_id": BOB, "expected": 3, "found": 4},
    )


def test_twice_in_one_batch() -> None:
    """
    Of two reversals of one transaction in a batch, the second finds it reversed by the first.
    """
    names = [TransactionId(f"t-{number}") for number in (1, 2)]
    requests = tuple(
        Request(Reverse("o-1", transaction_id=name), name, True, ()) for name in names
    )
    snapshot = Snapshot({O1: DEPOSIT}, {ALICE: account(ALICE, 100)})
    first, second = decide(requests, snapshot, Clock(NOW, SKEW)).outcomes

    assert isinstance(first, Transaction)
    assert isinstance(second, AlreadyReversedError)
    assert (O1, names[0]) == (second.transaction_id, second.reversed_by)


def test_what_is_read_for_it() -> None:
    """
    What a reversal names is read with its accounts; what a hold command names, as a record.
    """
    commands = (
        COMMAND,
        COMMAND,
        CaptureHold("alice", "h-1", destination_id="bob"),
        ReleaseHold("alice", "h-2"),
        ExtendHold("alice", "h-2", expires_at=None),
        PlaceHold("alice", eur(1)),
    )
    requests = [
        Request(command, TransactionId(f"t-{number}"), True, command.account_ids)
        for number, command in enumerate(commands)
    ]
    reads = reads_of(requests)

    assert (O1,) == reads.originals
    assert (ALICE, BOB) == reads.account_ids
    assert {*(f"t-{number}" for number in range(6)), "h-1", "h-2"} == {
        each.value for each in reads.transaction_ids
    }
    assert 8 == len(reads.transaction_ids)


def test_money_of_another_account_is_not_touched() -> None:
    """
    An account that the original did not touch stays as it is.
    """
    written = decided(COMMAND, account(ALICE, 5), account(CAROL, 5), recorded=(DEPOSIT,))

    assert [ALICE] == [each.id for each in written.accounts]
    assert Money.zero("EUR") == written.accounts[0].balance


def test_those_to_be_debited_come_first() -> None:
    """
    An account on which the original booked nothing in all comes after the one that is debited,
    whose version is the one that is expected.
    """
    legs = [("alice", eur(-5)), ("bob", eur(5)), ("carol", eur(3)), ("carol", eur(-3))]
    record = original(Post(legs), (ALICE, -5), (BOB, 5), (CAROL, 0))
    before = (account(ALICE, 0), account(BOB, 5, version=4), account(CAROL, 0))
    (outcome,) = decided(COMMAND, *before, recorded=(record,), expected_version=4).outcomes

    assert isinstance(outcome, Transaction)
    assert [(BOB, eur(-5)), (CAROL, eur(0)), (ALICE, eur(5))] == [
        (posting.account_id, posting.amount) for posting in outcome.postings
    ]
