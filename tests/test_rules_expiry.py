"""
Expiries: exact, by the operation's own time, and recorded before the next accepted command.
"""

from datetime import datetime, timedelta

import attrs
import pytest

from bankcore.accounts import Account, Restriction
from bankcore.bank._decide import Clock, Request, decide, expire
from bankcore.commands import (
    Command,
    Deposit,
    ExpireHold,
    GrantAccess,
    PlaceHold,
    ReleaseHold,
    Restrict,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.errors import BankError, HoldNotActiveError
from bankcore.ledger import Snapshot, Transaction, WriteSet
from bankcore.values import TransactionId
from ruling import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    H1,
    ID,
    NOW,
    SKEW,
    TICK,
    account,
    decided,
    eur,
    expiry,
    hold,
    later,
    posting,
    transaction,
)


def ids(written: WriteSet) -> list[str]:
    return [record.id.value for record in written.records]


# How far the clock is from the expiry, and whether the hold has expired.
AROUND = [
    pytest.param(-DAY, False, id="a day before"),
    pytest.param(-TICK, False, id="a tick before"),
    pytest.param(timedelta(0), True, id="the very instant"),
    pytest.param(TICK, True, id="a tick after"),
    pytest.param(DAY, True, id="a day after"),
]


@pytest.mark.parametrize(("distance", "is_expired"), AROUND)
class TestTheInstant:
    def test_of_the_clock(self, distance: timedelta, is_expired: bool) -> None:
        """
        From its instant on, an expired hold does not count, whether or not it was recorded.
        """
        before = account(ALICE, 10, hold(10, expires_at=NOW - distance))
        (outcome,) = decided(Withdraw("alice", eur(1)), before).outcomes

        assert is_expired is isinstance(outcome, Transaction)

    def test_of_a_given_time(self, distance: timedelta, is_expired: bool) -> None:
        """
        Imported history is judged by its own time, whatever the clock says.
        """
        then = NOW - 30 * DAY
        before = account(
            ALICE, 10, hold(10, expires_at=then - distance), last_booked_at=then - 2 * DAY
        )
        (outcome,) = decided(Withdraw("alice", eur(1), booked_at=then), before).outcomes

        assert is_expired is isinstance(outcome, Transaction)

    def test_of_the_account_booked_last(self, distance: timedelta, is_expired: bool) -> None:
        """
        A transaction that is moved to the last posting of its other account expires by then.
        """
        then = NOW + SKEW
        written = decided(
            Transfer("alice", "bob", eur(1)),
            account(ALICE, 10, hold(10, expires_at=then - distance)),
            account(BOB, last_booked_at=then),
        )

        assert is_expired is isinstance(written.outcomes[0], Transaction)


# Every kind of command that books on an account, besides those on the hold itself.
BOOKING: list[Command] = [
    Deposit("alice", eur(1)),
    Withdraw("alice", eur(1)),
    PlaceHold("alice", eur(1)),
    ReleaseHold("alice", "h-9"),
    Restrict("alice", Restriction.ALL, reason="theft"),
    SetOverdraftLimit("alice", eur(1)),
    GrantAccess("alice", "mary", ["read"]),
]


@pytest.mark.parametrize("command", BOOKING, ids=lambda command: type(command).__name__)
class TestRecorded:
    def test_before_an_accepted_command(self, command: Command) -> None:
        """
        Each expiry that is due is a transaction of its own before the command's, the earliest
        first, at its own instant, under an id of account and version.
        """
        first, second = NOW - 2 * TICK, NOW
        before = account(
            ALICE,
            10,
            hold(2, "h-2", expires_at=second),
            hold(1, "h-1", expires_at=first),
            hold(3, "h-3", expires_at=NOW + TICK),
            hold(4, "h-9"),
        )
        written = decided(command, before)

        one = later(before, first, holds=(before.holds[0], *before.holds[2:]))
        two = later(one, second, holds=before.holds[2:])
        assert (expiry(one, "h-1", first), expiry(two, "h-2", second)) == written.records[:2]
        assert ["expiry:alice:8", "expiry:alice:9", "t-1"] == ids(written)
        ((after,), (outcome,)) = written.accounts, written.outcomes
        assert isinstance(outcome, Transaction)
        assert (10, 10, NOW) == (after.version, outcome.postings[0].version, after.last_booked_at)
        assert written.records[2] == outcome

    def test_not_by_one_that_is_refused(self, command: Command) -> None:
        """
        A command that is refused, here by its guard, records no expiry.
        """
        due = account(ALICE, 10, hold(1, expires_at=NOW), hold(4, "h-9"))
        written = decided(command, due, expected_version=8)

        assert ((), ()) == (written.accounts, written.records)
        assert decided(command, due, expected_version=7).records


@pytest.mark.parametrize(
    "command",
    [
        Withdraw("alice", eur(11)),
        Transfer("alice", "nobody", eur(1)),
        ReleaseHold("alice", "h-1"),
        PlaceHold("alice", eur(11)),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_refused_command_records_its_refusal_alone(command: Command) -> None:
    """
    A refused command books nothing, though what it was judged by had expired.
    """
    written = decided(command, account(ALICE, 10, hold(1, expires_at=NOW)))

    assert ((), ["t-1"]) == (written.accounts, ids(written))


def test_at_one_instant_in_the_order_of_ids() -> None:
    """
    Holds that expire together do so in the order of their ids, however they were placed.
    """
    due = [hold(1, name, expires_at=NOW) for name in ("h-3", "h-1", "h-2")]
    written = decided(Deposit("alice", eur(1)), account(ALICE, 3, *due))
    commands = [record.command for record in written.records[:3]]

    assert ["h-1", "h-2", "h-3"] == [
        command.hold_id.value for command in commands if isinstance(command, ExpireHold)
    ]


def test_only_on_the_accounts_that_are_booked() -> None:
    """
    An account that the command does not touch keeps its hold, due as it is.
    """
    other = account(BOB, 5, hold(5, expires_at=NOW))
    written = decided(Deposit("alice", eur(1)), account(ALICE), other)

    assert ["t-1"] == ids(written)


def test_what_is_left_of_a_hold_captured_in_part() -> None:
    """
    The expiry of a hold captured in part frees what is left, and moves no money.
    """
    before = account(ALICE, 6, hold(10, captured=4, expires_at=NOW))
    expired, booked = decided(Deposit("alice", eur(1)), before).records

    assert isinstance(expired, Transaction)
    assert isinstance(booked, Transaction)
    assert [(eur(0), eur(6), eur(0))] == [
        (each.amount, each.balance, each.held) for each in expired.postings
    ]


def test_a_restriction_stops_no_expiry() -> None:
    """
    Expiry always passes, whatever is restricted.
    """
    before = account(
        ALICE,
        10,
        hold(10, expires_at=NOW),
        restriction=Restriction.ALL,
        restriction_reason="theft",
    )

    assert ["expiry:alice:8", "t-1"] == ids(decided(GrantAccess("alice", "m", ["read"]), before))


def test_the_id_has_no_other_form() -> None:
    """
    An expiry's id names its account and the version it brings it to.
    """
    assert TransactionId("expiry:alice:8") == TransactionId.of_expiry(ALICE, 8)


class TestOfAll:
    def test_all_that_is_due(self) -> None:
        """
        Recording all expiries records each that is due by the clock, and no other.
        """
        alice = account(ALICE, 9, hold(1, expires_at=NOW), hold(2, "h-2", expires_at=NOW + TICK))
        bob = account(BOB, 9, hold(4, "h-4"), hold(3, "h-3", expires_at=NOW - DAY + TICK))
        carol = account(CAROL, 9)
        written = expire(
            (ALICE, BOB, CAROL),
            Snapshot({}, {each.id: each for each in (alice, bob, carol)}),
            Clock(NOW, SKEW),
        )

        after_alice = later(alice, NOW, holds=alice.holds[1:])
        after_bob = later(bob, NOW - DAY + TICK, holds=bob.holds[:1])
        records = (expiry(after_alice, "h-1", NOW), expiry(after_bob, "h-3", NOW - DAY + TICK))
        assert WriteSet((after_alice, after_bob), records, records) == written

    def test_nothing_due(self) -> None:
        """
        Where nothing is due, or the account is not there, nothing is written.
        """
        alice = account(ALICE, 9, hold(1, expires_at=NOW + TICK))
        written = expire((ALICE, BOB), Snapshot({}, {ALICE: alice}), Clock(NOW, SKEW))

        assert WriteSet() == written

    @pytest.mark.parametrize("behind", [DAY, 400 * DAY])
    def test_a_clock_that_is_behind(self, behind: timedelta) -> None:
        """
        A clock that went back finds nothing due yet.
        """
        alice = account(ALICE, 9, hold(1, expires_at=NOW))
        clock = Clock(NOW - behind, SKEW)

        assert WriteSet() == expire((ALICE,), Snapshot({}, {ALICE: alice}), clock)


class TestRecordedOnes:
    def test_stay_when_the_clock_goes_back(self) -> None:
        """
        Once recorded, an expiry stays: with the clock before it, the hold is gone all the same.
        """
        before = account(ALICE, 10, hold(10, expires_at=NOW))
        (after,) = decided(Deposit("alice", eur(1)), before).accounts
        (again,) = decided(Withdraw("alice", eur(11)), after, now=NOW - SKEW).accounts

        assert (eur(0), (), NOW) == (again.balance, again.holds, again.last_booked_at)

    def command(self, expires_at: datetime) -> tuple[Request, Account]:
        name = TransactionId("expiry:alice:8")
        asked = ExpireHold(ALICE, H1, transaction_id=name)
        return (
            Request(asked, name, False, (ALICE,)),
            account(ALICE, 10, hold(10, expires_at=expires_at)),
        )

    def test_judged_again(self) -> None:
        """
        A recorded expiry's command, judged at its instant, comes to that expiry again.
        """
        request, before = self.command(NOW)
        written = decide((request,), Snapshot({}, {ALICE: before}), Clock(NOW, SKEW))
        after = later(before, NOW, holds=())
        record = expiry(after, "h-1", NOW)

        assert WriteSet((after,), (record,), (record,)) == written

    def test_judged_again_with_what_is_due_by_then(self) -> None:
        """
        Judged again, an expiry brings those before it, and is the one under its own id.
        """
        before = account(ALICE, 10, hold(4, "h-2", expires_at=NOW), hold(6, expires_at=NOW - TICK))
        first = later(before, NOW - TICK, holds=before.holds[:1])
        second = later(first, NOW, holds=())
        records = (expiry(first, "h-1", NOW - TICK), expiry(second, "h-2", NOW))
        request = Request(records[1].command, records[1].id, False, (ALICE,))
        written = decide((request,), Snapshot({}, {ALICE: before}), Clock(NOW, SKEW))

        assert WriteSet((second,), records, records[1:]) == written

    def test_of_another_hold(self) -> None:
        """
        Under the id of one expiry, that of another hold is none.
        """
        name = TransactionId("expiry:alice:8")
        before = account(ALICE, 10, hold(10, expires_at=NOW), hold(1, "h-2"))
        asked = ExpireHold(ALICE, "h-2", transaction_id=name)
        request = Request(asked, name, False, (ALICE,))
        (error,) = decide((request,), Snapshot({}, {ALICE: before}), Clock(NOW, SKEW)).outcomes

        assert isinstance(error, HoldNotActiveError)
        assert TransactionId("h-2") == error.hold_id

    def test_judged_too_early(self) -> None:
        """
        Before its instant there is no expiry, and nothing is recorded.
        """
        request, before = self.command(NOW + TICK)
        written = decide((request,), Snapshot({}, {ALICE: before}), Clock(NOW, SKEW))
        (error,) = written.outcomes

        assert isinstance(error, BankError)
        assert "hold_not_active" == error.code
        assert ((), ()) == (written.accounts, written.records)

    def test_replayed(self) -> None:
        """
        An expiry that is recorded replays under its own id.
        """
        request, before = self.command(NOW)
        record = expiry(later(before, NOW, holds=()), "h-1", NOW)
        written = decide(
            (request,), Snapshot({record.id: record}, {ALICE: before}), Clock(NOW, SKEW)
        )

        assert ((), ()) == (written.accounts, written.records)
        assert (record,) == written.outcomes


def test_in_a_batch_each_expires_once() -> None:
    """
    In one batch, what the first command found due is gone for the next.
    """
    before = account(ALICE, 10, hold(10, expires_at=NOW))
    commands = [
        attrs.evolve(Withdraw("alice", eur(5)), transaction_id=name) for name in ("t-1", "t-2")
    ]
    written = decide(
        tuple(
            Request(command, TransactionId(f"t-{n}"), True, (ALICE,))
            for n, command in enumerate(commands, 1)
        ),
        Snapshot({}, {ALICE: before}),
        Clock(NOW, SKEW),
    )

    assert ["expiry:alice:8", "t-1", "t-2"] == ids(written)
    (after,) = written.accounts
    assert (eur(0), 10) == (after.balance, after.version)


def test_the_command_s_own_posting_follows_the_expiry_s() -> None:
    """
    The command is booked on the account as the expiries left it.
    """
    before = account(ALICE, 10, hold(4, expires_at=NOW))
    command = Withdraw("alice", eur(10))
    expired = later(before, NOW, holds=())
    after = later(expired, balance=eur(0))
    booked = transaction(command, posting(after, -10))

    assert WriteSet((after,), (expiry(expired, "h-1", NOW), booked), (booked,)) == decided(
        command, before
    )
    assert ID == booked.id
