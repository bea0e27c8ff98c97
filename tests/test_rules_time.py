"""
Time, as `decide` judges it: when a transaction takes place, and which times are ruled out.
"""

import math
import re
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest

from bankcore.accounts import Account
from bankcore.bank._decide import Clock, Request, decide
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import BankError, ClockSkewError, InsufficientFundsError, InvalidTimeError
from bankcore.ledger import Refusal, Snapshot, Transaction, WriteSet
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SKEW = timedelta(seconds=5)
TICK = timedelta(microseconds=1)
ID = TransactionId("t-1")


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


def account(account_id: str, last: datetime | None) -> Account:
    return Account(id=account_id, balance=eur(100), version=1, last_booked_at=last)


def decided(
    command: Command, *accounts: Account, now: datetime = NOW, skew_max: timedelta = SKEW
) -> WriteSet:
    command = attrs.evolve(command, transaction_id=ID)
    return decide(
        (Request(command, ID, True, command.account_ids),),
        Snapshot({}, {account.id: account for account in accounts}),
        Clock(now, skew_max),
    )


def booked_at(written: WriteSet) -> datetime:
    """
    When the only command was booked, which is also the last booking of all that it touched.
    """
    (transaction,) = written.outcomes
    assert isinstance(transaction, Transaction)
    assert {transaction.booked_at} == {account.last_booked_at for account in written.accounts}
    return transaction.booked_at


def error_of(written: WriteSet) -> BankError:
    """
    The only command's error, of which nothing was recorded.
    """
    (error,) = written.outcomes
    assert isinstance(error, BankError)
    assert WriteSet((), (), (error,)) == written
    return error


class TestTheClock:
    @pytest.mark.parametrize(
        ("last", "expected"),
        [
            pytest.param(None, NOW, id="no known posting"),
            pytest.param(NOW - timedelta(days=9), NOW, id="long ago"),
            pytest.param(NOW - TICK, NOW, id="a tick ago"),
            pytest.param(NOW, NOW, id="just now"),
            pytest.param(NOW + TICK, NOW + TICK, id="a tick ahead"),
            pytest.param(NOW + SKEW - TICK, NOW + SKEW - TICK, id="a tick within the skew"),
            pytest.param(NOW + SKEW, NOW + SKEW, id="exactly the skew ahead"),
        ],
    )
    @pytest.mark.parametrize("command", [Deposit("alice", eur(1)), Withdraw("alice", eur(1))])
    def test_the_later_of_clock_and_last_posting(
        self, command: Command, last: datetime | None, expected: datetime
    ) -> None:
        """
        A transaction's time is the later of the clock and the account's last posting.
        """
        assert expected == booked_at(decided(command, account("alice", last)))

    @pytest.mark.parametrize(
        ("source_last", "destination_last", "expected"),
        [
            pytest.param(NOW - SKEW, NOW - TICK, NOW, id="both behind"),
            pytest.param(NOW + TICK, NOW - TICK, NOW + TICK, id="the source ahead"),
            pytest.param(NOW - TICK, NOW + TICK, NOW + TICK, id="the destination ahead"),
            pytest.param(NOW + SKEW, NOW + TICK, NOW + SKEW, id="both, the source further"),
            pytest.param(NOW + TICK, NOW + SKEW, NOW + SKEW, id="both, the destination further"),
        ],
    )
    def test_the_latest_of_both_accounts(
        self, source_last: datetime, destination_last: datetime, expected: datetime
    ) -> None:
        """
        A transfer has one time, and neither account's times fall.
        """
        written = decided(
            Transfer("alice", "bob", eur(1)),
            account("alice", source_last),
            account("bob", destination_last),
        )

        assert expected == booked_at(written)

    def test_a_given_time_says_what_it_is_measured_by(self) -> None:
        """
        A given time that cannot be says which other time rules it out.
        """
        late = decided(Deposit("alice", eur(1), booked_at=NOW + TICK), account("alice", NOW))
        early = decided(Deposit("alice", eur(1), booked_at=NOW - TICK), account("alice", NOW))

        assert (
            "booked_at must not be later than the clock, 2026-03-01T12:00:00+00:00,"
            " got 2026-03-01T12:00:00.000001+00:00."
        ) == str(error_of(late))
        assert (
            "booked_at must not be earlier than 2026-03-01T12:00:00+00:00, when account alice was"
            " last booked, got 2026-03-01T11:59:59.999999+00:00."
        ) == str(error_of(early))

    def test_opening_is_now(self) -> None:
        """
        An account that is opened has no posting before: the clock says when.
        """
        opening = OpenAccount("alice", initial_balance=eur(1))
        written = decided(opening, account("bob", NOW + timedelta(days=1)))

        (opened,) = written.accounts
        assert booked_at(written) == opened.last_booked_at == NOW

    def test_a_refusal_is_of_the_time_it_would_have_been_booked(self) -> None:
        """
        A refusal carries the time by which it was judged.
        """
        (refusal,) = decided(Withdraw("alice", eur(101)), account("alice", NOW + SKEW)).records

        assert isinstance(refusal, Refusal)
        assert refusal.refused_at == NOW + SKEW


class TestSkew:
    @pytest.mark.parametrize(
        ("skew_max", "ahead"),
        [
            pytest.param(SKEW, SKEW + TICK, id="a tick above"),
            pytest.param(SKEW, timedelta(days=400), id="a year above"),
            pytest.param(timedelta(0), TICK, id="none tolerated"),
            pytest.param(timedelta(days=1), timedelta(days=1) + TICK, id="a tick above a day"),
        ],
    )
    @pytest.mark.parametrize(
        "command",
        [
            Deposit("alice", eur(1)),
            Transfer("alice", "bob", eur(1)),
            Transfer("bob", "alice", eur(1)),
        ],
        ids=["deposit", "as source", "as destination"],
    )
    def test_one_tick_too_far_ahead(
        self, command: Command, skew_max: timedelta, ahead: timedelta
    ) -> None:
        """
        A last posting further ahead of the clock than tolerated is a `ClockSkewError`; nothing
        is recorded, even under a given id.
        """
        written = decided(
            command, account("alice", NOW + ahead), account("bob", NOW), skew_max=skew_max
        )

        error = error_of(written)
        facts = {"account_id": AccountId("alice"), "last_booked_at": NOW + ahead, "now": NOW}
        seconds = math.ceil(ahead.total_seconds())
        assert isinstance(error, ClockSkewError)
        assert {**facts, "seconds_ahead": seconds} == error.facts

    @pytest.mark.parametrize(
        ("ahead", "seconds", "told"),
        [
            pytest.param(SKEW + TICK, 6, "0:00:06", id="a tick above"),
            pytest.param(timedelta(hours=3), 10_800, "3:00:00", id="whole seconds"),
            pytest.param(timedelta(days=400), 34_560_000, "400 days, 0:00:00", id="a year above"),
        ],
    )
    def test_the_sentence_tells_a_way_out(self, ahead: timedelta, seconds: int, told: str) -> None:
        """
        It names the account, its last time and how far that is ahead; with as many seconds of
        `max_clock_skew` as it says, the same command is booked, at the account's last time.
        """
        before = account("alice", NOW + ahead)
        error = error_of(decided(Deposit("alice", eur(1)), before))
        (number,) = re.findall(r"max_clock_skew=timedelta\(seconds=(\d+)\)", str(error))
        advised = timedelta(seconds=int(number))
        finding = f"Account alice was last booked at {(NOW + ahead).isoformat()}, {told} ahead"

        assert isinstance(error, ClockSkewError)
        assert (seconds, number) == (error.seconds_ahead, str(seconds))
        assert finding in str(error)
        assert NOW + ahead == booked_at(
            decided(Deposit("alice", eur(1)), before, skew_max=advised)
        )

    @pytest.mark.parametrize("skew_max", [timedelta(0), TICK, SKEW, timedelta(days=1)])
    def test_exactly_as_far_as_tolerated(self, skew_max: timedelta) -> None:
        """
        Exactly the tolerated skew is booked, at the time of the last posting.
        """
        written = decided(
            Deposit("alice", eur(1)), account("alice", NOW + skew_max), skew_max=skew_max
        )

        assert booked_at(written) == NOW + skew_max

    def test_the_destination_further_than_the_source(self) -> None:
        """
        The skew is measured from the clock, not from the other account's last posting.
        """
        written = decided(
            Transfer("alice", "bob", eur(1)),
            account("alice", NOW + SKEW),
            account("bob", NOW + SKEW + TICK),
        )

        error = error_of(written)
        assert isinstance(error, ClockSkewError)
        assert AccountId("bob") == error.account_id


class TestGivenTimes:
    @pytest.mark.parametrize(
        "given",
        [
            pytest.param(NOW - timedelta(days=3), id="exactly the last posting's"),
            pytest.param(NOW - timedelta(days=3) + TICK, id="a tick after it"),
            pytest.param(NOW - TICK, id="a tick before the clock"),
            pytest.param(NOW, id="exactly the clock's"),
        ],
    )
    def test_is_never_moved(self, given: datetime) -> None:
        """
        A time that the caller gives is the transaction's.
        """
        before = account("alice", NOW - timedelta(days=3))

        assert given == booked_at(decided(Deposit("alice", eur(1), booked_at=given), before))

    @pytest.mark.parametrize("ahead", [TICK, SKEW, timedelta(days=365)])
    def test_later_than_the_clock(self, ahead: timedelta) -> None:
        """
        A given time later than the clock is invalid, however little: no skew is tolerated.
        """
        command = Deposit("alice", eur(1), booked_at=NOW + ahead)
        error = error_of(decided(command, account("alice", NOW + ahead)))

        assert isinstance(error, InvalidTimeError)
        assert (NOW + ahead).isoformat() == error.value

    @pytest.mark.parametrize("behind", [TICK, SKEW, timedelta(days=365)])
    @pytest.mark.parametrize(
        "command",
        [
            Withdraw("alice", eur(1)),
            Transfer("alice", "bob", eur(1)),
            Transfer("bob", "alice", eur(1)),
        ],
        ids=["withdraw", "as source", "as destination"],
    )
    def test_earlier_than_the_last_posting(self, command: Command, behind: timedelta) -> None:
        """
        A given time earlier than an account's last posting is invalid, and nothing is recorded.
        """
        given = NOW - SKEW - behind
        written = decided(
            attrs.evolve(command, booked_at=given),
            account("alice", NOW - SKEW),
            account("bob", None),
        )

        error = error_of(written)
        assert isinstance(error, InvalidTimeError)
        assert given.isoformat() == error.value
        assert "account alice" in error.reason

    def test_of_another_zone(self) -> None:
        """
        A time of another zone is the same instant, kept in UTC.
        """
        given = datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2)))
        moment = booked_at(
            decided(Deposit("alice", eur(1), booked_at=given), account("alice", NOW))
        )

        expected = "2026-03-01T12:00:00+00:00"
        assert (expected, UTC) == (moment.isoformat(), moment.tzinfo)

    def test_a_refusal_is_of_the_given_time(self) -> None:
        """
        A refused row of imported history is recorded at its own time.
        """
        given = datetime(1993, 1, 5, tzinfo=UTC)
        written = decided(
            Withdraw("alice", eur(101), booked_at=given),
            account("alice", datetime(1993, 1, 1, tzinfo=UTC)),
        )

        (refusal,) = written.records
        assert isinstance(refusal, Refusal)
        assert isinstance(written.outcomes[0], InsufficientFundsError)
        assert given == refusal.refused_at


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(datetime.min.replace(tzinfo=UTC), id="the first instant there is"),
        pytest.param(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), id="before 1970"),
        pytest.param(datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC), id="a leap day"),
        pytest.param(datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), id="2038"),
        pytest.param(datetime.max.replace(tzinfo=UTC), id="the last instant there is"),
    ],
)
class TestExtremes:
    def test_the_clock(self, now: datetime) -> None:
        """
        There is no year in which the clock cannot be booked by.
        """
        assert now == booked_at(decided(Deposit("alice", eur(1)), account("alice", now), now=now))

    def test_a_given_time(self, now: datetime) -> None:
        """
        There is no year that the caller cannot give, unless it is to come.
        """
        command = Deposit("alice", eur(1), booked_at=now)

        assert now == booked_at(decided(command, account("alice", None), now=now))

    def test_skew(self, now: datetime) -> None:
        """
        From one end of time to the other, the clock is behind, or it is not.
        """
        latest = datetime.max.replace(tzinfo=UTC)
        written = decided(Deposit("alice", eur(1)), account("alice", latest), now=now)

        assert ([Transaction] if now == latest else [ClockSkewError]) == list(
            map(type, written.outcomes)
        )


def test_a_clock_that_goes_back() -> None:
    """
    However the clock goes, an account's times never fall: order is by version.
    """
    current = account("alice", None)
    seconds_booked = []
    for seconds in (10, 7, 8, 30, 26, 25, 31):
        now = NOW + timedelta(seconds=seconds)
        (current,) = decided(Deposit("alice", eur(1)), current, now=now).accounts
        assert current.last_booked_at is not None
        seconds_booked.append((current.last_booked_at - NOW).total_seconds())

    expected = [10, 10, 10, 30, 30, 30, 31]
    assert (expected, 8) == (seconds_booked, current.version)
