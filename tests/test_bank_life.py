"""
The bank over an account's whole life: holds and their time, previews, guards, possibilities,
and one outcome per id for every command; on every store.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import ExchangeRate
from bankcore.accounts import Account, AccountStatus, Hold, Restriction, Right
from bankcore.bank import Bank, _bank
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
from bankcore.errors import (
    RECORDED_ERRORS,
    AccountNotFoundError,
    AccountRestrictedError,
    AlreadyReversedError,
    BankError,
    ClockSkewError,
    CloseBlockedError,
    HoldNotActiveError,
    InsufficientFundsError,
    InvalidCommandError,
    InvalidTimeError,
    NotReversibleError,
    ReversalExceededError,
    StaleVersionError,
    TransactionIdReusedError,
    TransactionNotFoundError,
)
from bankcore.ledger import AccountStore, ReadSet, Refusal, Transaction, WriteSet
from bankcore.money import Money
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.values import AccountId, TransactionId
from every_command import EACH, OTHERWISE
from test_errors import TABLE as ERRORS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPENED_AT = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
ALICE = AccountId("alice")


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


class Clock:
    """
    A clock that stands still until it is set.
    """

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bank(store: AccountStore, clock: Clock) -> Bank:
    """
    A bank whose ids are made-1, made-2, …
    """
    made = (f"made-{n}" for n in count(1))
    return Bank(store, clock=clock, new_id=made.__next__)


@pytest.fixture
def lived(bank: Bank) -> None:
    """
    alice at version 5, with 105 cents, 10 of them held until tomorrow, bert as a holder; bob
    and carol with nothing.
    """
    then: dict[str, Any] = {"booked_at": OPENED_AT}
    bank.open_account("alice", initial_balance=eur(100), transaction_id="o-1", **then)
    bank.open_account("bob", initial_balance=eur(0), **then)
    bank.open_account("carol", initial_balance=eur(0), **then)
    bank.place_hold("alice", eur(10), expires_at=NOW + DAY, transaction_id="h-1", **then)
    bank.grant_access("alice", "bert", ["read"], **then)
    bank.deposit("alice", eur(5), transaction_id="d-1", **then)
    bank.set_overdraft_limit("alice", eur(0), **then)


def kept(store: AccountStore) -> tuple[tuple[Account, ...], tuple[Transaction | Refusal, ...]]:
    """
    All that the store has.
    """
    return tuple(store.accounts()), store.journal(limit=10_000).records


def said(outcome: Transaction | BankError) -> tuple[Any, ...]:
    """
    An outcome as something to compare: errors are compared by what they say.
    """
    if isinstance(outcome, Transaction):
        return ("transaction", outcome, outcome.replayed)
    return (outcome.code, dict(outcome.facts), outcome.replayed)


# -- Commands ----------------------------------------------------------------

OPTIONS: dict[str, Any] = {
    "transaction_id": "t-1",
    "booked_at": datetime(2026, 2, 1, tzinfo=UTC),
    "description": "a line for people",
    "metadata": {"order": "1017"},
    "expected_version": 5,
}

SUGAR: list[tuple[str, Callable[[Bank, dict[str, Any]], Transaction], type[Command], Any]] = [
    (
        "post",
        lambda bank, more: bank.post(
            [("alice", eur(-5)), ("bob", eur(3))], crosses_boundary=True, **more
        ),
        Post,
        {"legs": [("alice", eur(-5)), ("bob", eur(3))], "crosses_boundary": True},
    ),
    (
        "post at a rate",
        lambda bank, more: bank.post(
            [("alice", eur(-5)), ("bob", eur(5))],
            exchange_rate=ExchangeRate("EUR", "EUR", 1),
            **more,
        ),
        Post,
        {
            "legs": [("alice", eur(-5)), ("bob", eur(5))],
            "exchange_rate": ExchangeRate("EUR", "EUR", 1),
        },
    ),
    ("reverse", lambda bank, more: bank.reverse("d-1", **more), Reverse, {"original_id": "d-1"}),
    (
        "place_hold",
        lambda bank, more: bank.place_hold("alice", eur(5), expires_at=NOW + DAY, **more),
        PlaceHold,
        {"account_id": "alice", "amount": eur(5), "expires_at": NOW + DAY},
    ),
    (
        "capture_hold",
        lambda bank, more: bank.capture_hold(
            "alice", "h-1", eur(5), final=False, destination_id="bob", **more
        ),
        CaptureHold,
        {
            "account_id": "alice",
            "hold_id": "h-1",
            "amount": eur(5),
            "final": False,
            "destination_id": "bob",
        },
    ),
    (
        "capture_hold, all of it",
        lambda bank, more: bank.capture_hold("alice", "h-1", **more),
        CaptureHold,
        {"account_id": "alice", "hold_id": "h-1"},
    ),
    (
        "release_hold",
        lambda bank, more: bank.release_hold("alice", "h-1", **more),
        ReleaseHold,
        {"account_id": "alice", "hold_id": "h-1"},
    ),
    (
        "extend_hold",
        lambda bank, more: bank.extend_hold("alice", "h-1", expires_at=None, **more),
        ExtendHold,
        {"account_id": "alice", "hold_id": "h-1", "expires_at": None},
    ),
    (
        "restrict",
        lambda bank, more: bank.restrict(
            "alice", Restriction.ALL, reason="theft", ends_at=NOW, **more
        ),
        Restrict,
        {"account_id": "alice", "restriction": Restriction.ALL, "reason": "theft", "ends_at": NOW},
    ),
    (
        "set_overdraft_limit",
        lambda bank, more: bank.set_overdraft_limit("alice", eur(5), **more),
        SetOverdraftLimit,
        {"account_id": "alice", "overdraft_limit": eur(5)},
    ),
    (
        "close_account",
        lambda bank, more: bank.close_account(
            "carol", sweep_to="bob", **{**more, "expected_version": 1}
        ),
        CloseAccount,
        {"account_id": "carol", "sweep_to": "bob"},
    ),
    (
        "grant_access",
        lambda bank, more: bank.grant_access("alice", "mary", ["read"], **more),
        GrantAccess,
        {"account_id": "alice", "principal": "mary", "rights": [Right.READ]},
    ),
    (
        "revoke_access",
        lambda bank, more: bank.revoke_access("alice", "bert", **more),
        RevokeAccess,
        {"account_id": "alice", "principal": "bert"},
    ),
]


@pytest.mark.usefixtures("lived")
class TestCommands:
    @pytest.mark.parametrize(
        ("call", "kind", "fields"), [pytest.param(*case[1:], id=case[0]) for case in SUGAR]
    )
    def test_methods_are_sugar(
        self,
        bank: Bank,
        store: AccountStore,
        call: Callable[[Bank, dict[str, Any]], Transaction],
        kind: Callable[..., Command],
        fields: dict[str, Any],
    ) -> None:
        """
        Each method makes its command, with all the options, and returns what was recorded; the
        version that was expected is no part of it.
        """
        transaction = call(bank, OPTIONS)

        expected = kind(**fields, **OPTIONS)
        assert expected == transaction.command
        assert transaction == store.outcome(TransactionId("t-1"))
        assert (expected.transaction_id, expected.booked_at, None) == (
            transaction.id,
            transaction.booked_at,
            transaction.command.expected_version,
        )

    @pytest.mark.parametrize(
        ("call", "kind", "fields"),
        [pytest.param(*case[1:], id=case[0]) for case in SUGAR if case[0] != "close_account"],
    )
    def test_methods_guard(
        self,
        bank: Bank,
        store: AccountStore,
        call: Callable[[Bank, dict[str, Any]], Transaction],
        kind: type[Command],
        fields: dict[str, Any],
    ) -> None:
        """
        Each method is guarded by the version that is expected.
        """
        before = kept(store)
        with pytest.raises(StaleVersionError):
            call(bank, {**OPTIONS, "expected_version": 4})

        assert before == kept(store)

    def test_an_expiry_is_the_bank_s_own(self, bank: Bank, store: AccountStore) -> None:
        """
        An application cannot send the command by which an expiry is recorded.
        """
        before = kept(store)
        name = TransactionId("expiry:alice:6")
        for method in (bank.execute, bank.preview):
            with pytest.raises(InvalidCommandError):
                method([ExpireHold("alice", "h-1", transaction_id=name)])

        assert before == kept(store)


# -- Previews ----------------------------------------------------------------

# Accepted, refused, and invalid.
LOOKED_AT: list[Command] = [
    Deposit("alice", eur(5)),
    Withdraw("alice", eur(95)),
    Transfer("alice", "bob", eur(95)),
    Post([("alice", eur(-95)), ("carol", eur(95))]),
    Reverse("d-1"),
    OpenAccount("dora", initial_balance=eur(7)),
    OpenAccount(initial_balance=eur(7)),
    PlaceHold("alice", eur(95)),
    CaptureHold("alice", "h-1", destination_id="bob"),
    ReleaseHold("alice", "h-1"),
    ExtendHold("alice", "h-1", expires_at=None),
    Restrict("alice", Restriction.ALL, reason="theft"),
    SetOverdraftLimit("alice", eur(7)),
    CloseAccount("bob"),
    GrantAccess("alice", "mary", ["read"]),
    RevokeAccess("alice", "bert"),
    Withdraw("alice", eur(96)),
    CaptureHold("alice", "h-1", eur(11)),
    CloseAccount("alice", sweep_to="bob"),
    Reverse("o-9"),
    Deposit("nobody", eur(1)),
    OpenAccount("alice", initial_balance=eur(7)),
    RevokeAccess("alice", "mary"),
    Deposit("alice", Money("1", "USD")),
    Deposit("alice", eur(1), booked_at=NOW + TICK),
    Deposit("alice", eur(1), expected_version=4),
]


@pytest.mark.usefixtures("lived")
class TestPreview:
    @pytest.mark.parametrize("transaction_id", [None, "t-1"])
    @pytest.mark.parametrize("atomic", [False, True])
    @pytest.mark.parametrize("command", LOOKED_AT, ids=lambda command: type(command).__name__)
    def test_is_what_comes_next(
        self,
        bank: Bank,
        store: AccountStore,
        command: Command,
        transaction_id: str | None,
        *,
        atomic: bool,
    ) -> None:
        """
        A preview gives what executing gives right after it, writes nothing, and uses up no id.
        """
        made = (f"made-{n}" for n in count(1))
        command = attrs.evolve(command, transaction_id=transaction_id)
        before = kept(store)
        answers = []
        for method in (bank.preview, bank.execute):
            # The same ids for both, so that only what is decided could differ.
            made = (f"next-{n}" for n in count(1))
            bank._new_id = made.__next__
            try:
                answers.append([said(each) for each in method([command], atomic=atomic)])
            except BankError as error:
                answers.append([said(error)])
            if method == bank.preview:
                assert before == kept(store)

        assert answers[0] == answers[1]
        assert answers[0][0][2] is False

    def test_of_a_batch(self, bank: Bank, store: AccountStore) -> None:
        """
        In a preview, as in a batch, each command sees what the earlier ones would do.
        """
        before = kept(store)
        first, second, third = bank.preview(
            [
                PlaceHold("alice", eur(95), transaction_id="h-2"),
                CaptureHold("alice", "h-2", destination_id="bob"),
                Withdraw("alice", eur(1)),
            ]
        )

        assert isinstance(first, Transaction)
        assert isinstance(second, Transaction)
        assert eur(95) == second.posting("bob").balance
        assert isinstance(third, InsufficientFundsError)
        assert before == kept(store)

    def test_of_an_atomic_batch_that_would_fail(self, bank: Bank, store: AccountStore) -> None:
        """
        A preview raises what an atomic batch would raise, and records no refusal.
        """
        before = kept(store)
        batch = [
            Deposit("alice", eur(1), transaction_id="t-1"),
            Withdraw("alice", eur(97), transaction_id="t-2"),
        ]
        with pytest.raises(InsufficientFundsError) as raised:
            bank.preview(batch, atomic=True)

        assert (eur(96), (TransactionId("t-1"),)) == (
            raised.value.available,
            raised.value.unused_ids,
        )
        assert before == kept(store)
        assert [Transaction] == [type(each) for each in bank.execute(batch[:1])]

    def test_of_what_is_recorded(self, bank: Bank) -> None:
        """
        A preview of what was sent before gives the recorded outcome, as replayed.
        """
        receipt = bank.deposit("alice", eur(1), transaction_id="t-1")
        (seen,) = bank.preview([Deposit("alice", eur(1), transaction_id="t-1")])

        assert isinstance(seen, Transaction)
        assert (receipt, True) == (seen, seen.replayed)

    def test_of_nothing(self, bank: Bank) -> None:
        """
        A preview of no commands has no outcomes.
        """
        assert bank.preview([]) == []

    def test_records_no_expiry(self, bank: Bank, store: AccountStore, clock: Clock) -> None:
        """
        A preview judges by what has expired, and records none of it.
        """
        clock.now = NOW + DAY
        before = kept(store)
        (outcome,) = bank.preview([Withdraw("alice", eur(105))])

        assert isinstance(outcome, Transaction)
        assert 7 == outcome.postings[0].version
        assert before == kept(store)


# -- Expected versions -------------------------------------------------------


@pytest.mark.usefixtures("lived")
class TestExpectedVersion:
    @pytest.mark.parametrize("expected", [0, 4, 6, 2**63 - 1])
    def test_another_version(self, bank: Bank, store: AccountStore, expected: int) -> None:
        """
        Any other version than the account's is `StaleVersionError`, which names both; nothing
        is recorded, and the id stays free.
        """
        before = kept(store)
        with pytest.raises(StaleVersionError) as raised:
            bank.deposit("alice", eur(1), expected_version=expected, transaction_id="t-1")

        assert (ALICE, expected, 5) == (
            raised.value.account_id,
            raised.value.expected,
            raised.value.found,
        )
        assert before == kept(store)
        receipt = bank.deposit("alice", eur(2), expected_version=5, transaction_id="t-1")
        assert not receipt.replayed

    def test_is_not_compared(self, bank: Bank) -> None:
        """
        The same command under the same id replays, whatever version it expects now.
        """
        first = bank.deposit("alice", eur(1), expected_version=5, transaction_id="t-1")
        for expected in (5, 6, None, 99):
            again = bank.deposit("alice", eur(1), expected_version=expected, transaction_id="t-1")
            assert (first, True) == (again, again.replayed)

    def test_is_not_recorded(self, bank: Bank, store: AccountStore) -> None:
        """
        A recorded command, accepted or refused, says nothing of the version it expected.
        """
        bank.deposit("alice", eur(1), expected_version=5, transaction_id="t-1")
        with pytest.raises(InsufficientFundsError):
            bank.withdraw("alice", eur(500), expected_version=6, transaction_id="t-2")

        for name in ("t-1", "t-2"):
            assert store.outcome(TransactionId(name)).command.expected_version is None

    def test_in_a_batch(self, bank: Bank) -> None:
        """
        In a batch it is the version that the earlier commands left.
        """
        outcomes = bank.execute(
            [
                Deposit("alice", eur(1), expected_version=5),
                Deposit("alice", eur(1), expected_version=5),
                Deposit("alice", eur(1), expected_version=6),
            ]
        )

        assert [Transaction, StaleVersionError, Transaction] == [type(each) for each in outcomes]

    def test_in_an_atomic_batch(self, bank: Bank, store: AccountStore) -> None:
        """
        A stale version fails the whole atomic batch, and leaves every id unused.
        """
        before = kept(store)
        with pytest.raises(StaleVersionError) as raised:
            bank.execute(
                [
                    Deposit("alice", eur(1), transaction_id="t-1"),
                    Deposit("alice", eur(1), transaction_id="t-2", expected_version=5),
                ],
                atomic=True,
            )

        assert [TransactionId("t-1"), TransactionId("t-2")] == list(raised.value.unused_ids)
        assert before == kept(store)

    def test_is_that_of_the_debited_account(self, bank: Bank) -> None:
        """
        Of several accounts, the guarded one is the one to be debited.
        """
        receipts = (
            bank.transfer("alice", "bob", eur(1), expected_version=5),
            bank.transfer("bob", "alice", eur(1), expected_version=2),
            bank.post([("carol", eur(1)), ("alice", eur(-1))], expected_version=7),
        )

        assert [6, 3, 8] == [each.postings[0].version for each in receipts]

    def test_is_zero_for_an_account_that_is_not_there(self, bank: Bank) -> None:
        """
        An account to be opened is at version 0.
        """
        with pytest.raises(StaleVersionError):
            bank.open_account("dora", initial_balance=eur(0), expected_version=1)

        for name in ("dora", None):
            opening = bank.open_account(name, initial_balance=eur(0), expected_version=0)
            assert 1 == opening.postings[0].version

    def test_counts_as_read(self, bank: Bank, clock: Clock) -> None:
        """
        The guard is judged on the account as it was read: an expiry that is due and was not
        recorded does not make a view stale.
        """
        clock.now = NOW + DAY
        receipt = bank.withdraw("alice", eur(105), expected_version=5)

        assert 7 == receipt.posting("alice").version


# -- What could be done ------------------------------------------------------


@pytest.mark.usefixtures("lived")
class TestPossibilities:
    def test_closing(self, bank: Bank, store: AccountStore) -> None:
        """
        `can_close` lists every blocker as a sentence, and closes nothing.
        """
        before = kept(store)
        blocked = bank.can_close("alice")
        swept = bank.can_close("alice", sweep_to="bob")
        possible = bank.can_close("bob")

        assert not blocked
        assert ["its balance is EUR 1.05, not zero", "holds are open: h-1"] == list(blocked)
        assert isinstance(blocked.error, CloseBlockedError)
        assert ("holds are open: h-1",) == swept.blockers
        assert (True, (), None) == (bool(possible), possible.blockers, possible.error)
        assert before == kept(store)
        bank.close_account("bob")
        assert AccountStatus.CLOSED is bank.account("bob").status

    def test_closing_what_cannot_be(self, bank: Bank) -> None:
        """
        Whatever else stands in the way of a closing is its only blocker.
        """
        bank.close_account("bob")

        assert ["Account bob is closed, and closing is final."] == list(bank.can_close("bob"))
        assert ["There is no account nobody."] == list(bank.can_close("nobody"))
        with pytest.raises(BankError):
            bank.can_close("alice", sweep_to="alice")

    def test_closing_after_an_expiry(self, bank: Bank, clock: Clock) -> None:
        """
        A hold that has expired does not stand in the way; up to a tick before, it does.
        """
        clock.now = NOW + DAY - TICK
        assert not bank.can_close("alice", sweep_to="bob")
        clock.now = NOW + DAY
        assert bank.can_close("alice", sweep_to="bob")

        closing = bank.close_account("alice", sweep_to="bob")
        assert eur(105) == closing.posting("bob").amount
        assert AccountStatus.CLOSED is bank.account("alice").status

    def test_reversing(self, bank: Bank, store: AccountStore) -> None:
        """
        `can_reverse` says what stands in the way, and reverses nothing.
        """
        before = kept(store)
        answers = [bank.can_reverse(name) for name in ("d-1", "h-1", "o-9")]

        assert [True, False, False] == [bool(each) for each in answers]
        assert isinstance(answers[1].error, NotReversibleError)
        assert ("There is no transaction o-9.",) == answers[2].blockers
        assert before == kept(store)

    def test_all_that_stands_in_the_way_of_a_reversal(
        self, bank: Bank, store: AccountStore
    ) -> None:
        """
        Every rule on every account that says no is told, in the order of refusals; the first is
        the error that reversing raises.
        """
        bank.transfer("alice", "bob", eur(3), transaction_id="x-1")
        bank.withdraw("bob", bank.account("bob").available)
        bank.restrict("bob", "debits", reason="theft")
        bank.restrict("alice", "credits", reason="a court's order")
        before = kept(store)
        answer = bank.can_reverse("x-1")
        with pytest.raises(AccountRestrictedError) as raised:
            bank.reverse("x-1")

        assert (
            "Account bob is restricted, debits stopped: theft.",
            "Account alice is restricted, credits stopped: a court's order.",
            "Account bob has EUR 0.00 available, EUR 0.03 less than the EUR 0.03 requested.",
        ) == answer.blockers
        assert str(raised.value) == answer.blockers[0] == str(answer.error)
        assert before == kept(store)

    def test_reversed_by(self, bank: Bank) -> None:
        """
        What has reversed a transaction is found, once it has; a reversal is reversed by none.
        """
        assert bank.reversed_by("d-1") is None
        reversal = bank.reverse("d-1", transaction_id="r-1")

        assert reversal == bank.reversed_by("d-1")
        assert bank.reversed_by("r-1") is None
        assert isinstance(bank.can_reverse("d-1").error, AlreadyReversedError)
        assert isinstance(bank.can_reverse("r-1").error, NotReversibleError)
        with pytest.raises(AlreadyReversedError) as raised:
            bank.reverse("d-1")
        assert TransactionId("r-1") == raised.value.reversed_by
        with pytest.raises(TransactionNotFoundError):
            bank.reversed_by("o-9")

    def test_parts(self, bank: Bank) -> None:
        """
        `reversals` has every part in order, `reversed_by` the last, and `can_reverse` tells of a
        part; sent again, a part is booked once.
        """
        assert () == bank.reversals("d-1")
        whole = bank.transaction("d-1").postings[0].amount
        one = eur(1)
        first = bank.reverse("d-1", one, transaction_id="r-2")
        again = bank.reverse("d-1", one, transaction_id="r-2")
        rest = bank.reverse("d-1", transaction_id="r-1")

        assert (first, True) == (again, again.replayed)
        assert one - whole == rest.postings[0].amount
        assert ((first, rest), rest) == (bank.reversals("d-1"), bank.reversed_by("d-1"))
        assert () == bank.reversals("r-1")
        assert isinstance(bank.can_reverse("d-1", one).error, ReversalExceededError)
        with pytest.raises(TransactionIdReusedError) as raised:
            bank.reverse("d-1", one + one, transaction_id="r-2")
        assert ("amount",) == raised.value.fields
        with pytest.raises(TransactionNotFoundError):
            bank.reversals("o-9")

    def test_reversed_in_the_same_batch(self, bank: Bank) -> None:
        """
        What a batch books it can reverse, once.
        """
        outcomes = bank.execute(
            [
                Transfer("alice", "bob", eur(5), transaction_id="t-1"),
                Reverse("t-1", transaction_id="t-2"),
                Reverse("t-1"),
            ]
        )

        assert [Transaction, Transaction, AlreadyReversedError] == [
            type(each) for each in outcomes
        ]
        assert TransactionId("t-2") == getattr(bank.reversed_by("t-1"), "id", None)


# -- Time --------------------------------------------------------------------

EXPIRES_AT = NOW + DAY


@pytest.mark.usefixtures("lived")
class TestHolds:
    def test_open_ones(self, bank: Bank, clock: Clock) -> None:
        """
        `holds` gives the open holds in the order in which they were placed, as of now.
        """
        bank.place_hold("alice", eur(7), transaction_id="h-0", description="room 7")
        first = Hold(id="h-1", amount=eur(10), expires_at=EXPIRES_AT)
        second = Hold(id="h-0", amount=eur(7), description="room 7")

        assert (first, second) == bank.holds("alice")
        clock.now = EXPIRES_AT - TICK
        assert (first, second) == bank.holds("alice")
        clock.now = EXPIRES_AT
        assert (second,) == bank.holds("alice")
        assert () == bank.holds("bob")
        with pytest.raises(AccountNotFoundError):
            bank.holds("nobody")

    def test_accounts_are_as_of_now(self, bank: Bank, store: AccountStore, clock: Clock) -> None:
        """
        What has expired or ended by now does not count in what is read; nothing is recorded.
        """
        bank.restrict("bob", Restriction.ALL, reason="theft", ends_at=EXPIRES_AT)
        before = kept(store)
        for moment, held, restriction in (
            (EXPIRES_AT - TICK, eur(10), Restriction.ALL),
            (EXPIRES_AT, eur(0), Restriction.NONE),
        ):
            clock.now = moment
            alice, bob, _ = bank.accounts()
            assert (alice, bob) == (bank.account("alice"), bank.account("bob"))
            assert (held, restriction, 5) == (alice.held, bob.restriction, alice.version)
        assert before == kept(store)

    def test_a_restricted_account_s_reason(self, bank: Bank) -> None:
        """
        Why an account is restricted is read from it, and told by what it stops.
        """
        bank.restrict("alice", Restriction.DEBITS, reason="theft")
        with pytest.raises(AccountRestrictedError) as raised:
            bank.withdraw("alice", eur(1))

        account = bank.account("alice")
        assert "theft" == account.restriction_reason == raised.value.reason


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(NOW, id="an ordinary day"),
        pytest.param(datetime(2028, 2, 29, 0, 0, tzinfo=UTC), id="a leap day's midnight"),
        pytest.param(datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), id="2038"),
        pytest.param(datetime(9998, 12, 31, 23, 59, tzinfo=UTC), id="the end of 9998"),
    ],
)
class TestAvailableAt:
    """
    One hold of 10, from a minute before *now* until the very instant *now*.
    """

    def begun(self, bank: Bank, clock: Clock, now: datetime) -> datetime:
        began = now - timedelta(minutes=1)
        clock.now = began
        bank.open_account("alice", initial_balance=eur(100), overdraft_limit=eur(7))
        clock.now = began + TICK
        bank.place_hold("alice", eur(10), expires_at=now, transaction_id="h-1")
        return began

    def seen(self, bank: Bank, began: datetime, now: datetime) -> list[tuple[int, int]]:
        return [
            (
                bank.balance_at("alice", moment).amount_minor,
                bank.available_at("alice", moment).amount_minor,
            )
            for moment in (began - TICK, began, began + TICK, now - TICK, now, now + TICK)
        ]

    def test_not_recorded(self, bank: Bank, clock: Clock, now: datetime) -> None:
        """
        A hold counts from the instant of its placing up to a tick before its expiry.
        """
        began = self.begun(bank, clock, now)
        expected = [(0, 0), (100, 107), (100, 97), (100, 97), (100, 107), (100, 107)]

        assert expected == self.seen(bank, began, now)

    def test_recorded(self, bank: Bank, clock: Clock, now: datetime) -> None:
        """
        It is the same when the expiry has been recorded, whenever that was.
        """
        began = self.begun(bank, clock, now)
        unrecorded = self.seen(bank, began, now)
        clock.now = now + timedelta(seconds=30)
        (expiry,) = bank.expire_holds()

        assert (TransactionId("expiry:alice:3"), now) == (expiry.id, expiry.booked_at)
        assert unrecorded == self.seen(bank, began, now)

    def test_recorded_by_the_next_command(self, bank: Bank, clock: Clock, now: datetime) -> None:
        """
        It is the same when the next command has recorded it, and the command counts from its
        own instant on.
        """
        began = self.begun(bank, clock, now)
        unrecorded = self.seen(bank, began, now)
        clock.now = later = now + timedelta(seconds=30)
        bank.withdraw("alice", eur(107))

        assert unrecorded == self.seen(bank, began, now)
        assert eur(107) == bank.available_at("alice", later - TICK)
        assert eur(0) == bank.available_at("alice", later)
        assert eur(-7) == bank.balance_at("alice", later)

    def test_of_a_captured_one(self, bank: Bank, clock: Clock, now: datetime) -> None:
        """
        A hold captured in part counts by what is left of it, from then on.
        """
        began = self.begun(bank, clock, now)
        clock.now = now - timedelta(seconds=1)
        bank.capture_hold("alice", "h-1", eur(4), final=False)

        assert [(0, 0), (100, 107), (100, 97), (96, 97), (96, 103), (96, 103)] == self.seen(
            bank, began, now
        )

    def test_of_an_extended_one(self, bank: Bank, clock: Clock, now: datetime) -> None:
        """
        A hold that was extended counts on at the instant at which it would have expired.
        """
        began = self.begun(bank, clock, now)
        clock.now = now - TICK
        bank.extend_hold("alice", "h-1", expires_at=now + TICK)

        assert [(0, 0), (100, 107), (100, 97), (100, 97), (100, 97), (100, 107)] == self.seen(
            bank, began, now
        )

    def test_statements_have_no_line_of_it(self, bank: Bank, clock: Clock, now: datetime) -> None:
        """
        Holds and expiries move no money: they are in the history, and no line of a statement.
        """
        self.begun(bank, clock, now)
        clock.now = now
        bank.withdraw("alice", eur(5))

        lines = bank.statement("alice").lines
        assert [eur(100), eur(-5)] == [line.amount for line in lines]
        assert [1, 4] == [line.transaction.posting("alice").version for line in lines]
        assert 4 == len(bank._store.history(ALICE))


class TestAvailableAtRefuses:
    def test_no_account(self, bank: Bank) -> None:
        """
        What was available on an account that is not there is `AccountNotFoundError`.
        """
        with pytest.raises(AccountNotFoundError):
            bank.available_at("nobody", NOW)

    @pytest.mark.parametrize("moment", [datetime(2026, 1, 1), None, "2026-01-01", 5.0])  # noqa: DTZ001  # that it is naive is the point
    @pytest.mark.usefixtures("lived")
    def test_no_instant(self, bank: Bank, moment: Any) -> None:
        """
        A datetime without a zone, or no datetime at all, is `InvalidTimeError`.
        """
        with pytest.raises(InvalidTimeError):
            bank.available_at("alice", moment)

    @pytest.mark.usefixtures("lived")
    def test_a_date(self, bank: Bank) -> None:
        """
        A date means its midnight in UTC.
        """
        assert eur(0) == bank.available_at("alice", date(2025, 12, 31))
        assert eur(95) == bank.available_at("alice", date(2026, 1, 1))


def test_available_at_while_others_write(clock: Clock) -> None:
    """
    Where something is booked between two reads, they are read again, and agree.
    """
    store = MemoryStore()
    bank = Bank(store, clock=clock)
    bank.open_account("alice", initial_balance=eur(100))
    read, is_first = store.posting_at, True

    def posting_at_after_a_booking(account_id: AccountId | str, instant: datetime) -> Any:
        nonlocal is_first
        if is_first:
            is_first = False
            bank.withdraw(account_id, eur(1))
        return read(account_id, instant)

    store.posting_at = posting_at_after_a_booking  # type: ignore[method-assign]  # a slow reader

    assert eur(99) == bank.available_at("alice", NOW)


class TestExpireHolds:
    def test_of_many_accounts(
        self, bank: Bank, clock: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        What is due is recorded of every account, however many pages the accounts fill.
        """
        monkeypatch.setattr(_bank, "PAGE_LENGTH", 2)
        for name in "abcde":
            bank.open_account(name, initial_balance=eur(5))
            bank.place_hold(name, eur(1), expires_at=NOW + TICK)
        clock.now = NOW + TICK

        assert [*"abcde"] == sorted(str(each.account_id) for each in bank.expire_holds())

    @pytest.mark.parametrize("number", [0, 1, 999, 1000, 1001])
    def test_over_pages(self, bank: Bank, store: AccountStore, clock: Clock, number: int) -> None:
        """
        All that is due is recorded, however many pages of it there are, each at its instant.
        """
        bank.open_account("alice", initial_balance=eur(2000))
        bank.open_account("bob", initial_balance=eur(2000))
        names = ["alice" if n % 2 else "bob" for n in range(number)]
        bank.execute(
            PlaceHold(name, eur(1), expires_at=NOW + TICK * (1 + n % 7))
            for n, name in enumerate(names)
        )
        bank.place_hold("alice", eur(1), expires_at=NOW + 8 * TICK)
        clock.now = NOW + 7 * TICK
        expiries = bank.expire_holds()

        assert number == len(expiries) == len({each.id for each in expiries})
        assert [] == bank.expire_holds()
        assert (eur(1), eur(0)) == tuple(each.held for each in store.accounts())
        assert sorted(NOW + TICK * (1 + n % 7) for n in range(number)) == sorted(
            each.booked_at for each in expiries
        )
        assert set(expiries) <= set(store.journal(limit=10_000).records)

    @pytest.mark.usefixtures("lived")
    def test_the_very_instant(self, bank: Bank, clock: Clock) -> None:
        """
        A hold is due at its instant, and not a tick before.
        """
        clock.now = EXPIRES_AT - TICK
        assert [] == bank.expire_holds()
        clock.now = EXPIRES_AT
        (expiry,) = bank.expire_holds()

        assert ExpireHold("alice", "h-1", transaction_id=expiry.id) == expiry.command
        assert (EXPIRES_AT, eur(0), eur(0), 6) == (
            expiry.booked_at,
            expiry.postings[0].amount,
            expiry.postings[0].held,
            expiry.postings[0].version,
        )

    def test_at_the_end_of_time(self, bank: Bank, clock: Clock) -> None:
        """
        A clock at the last instant there is finds what is due by then.
        """
        bank.open_account("alice", initial_balance=eur(5))
        last = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        bank.place_hold("alice", eur(5), expires_at=last)
        clock.now = datetime.max.replace(tzinfo=UTC)

        assert [last] == [each.booked_at for each in bank.expire_holds()]

    @pytest.mark.usefixtures("lived")
    def test_stays_when_the_clock_goes_back(self, bank: Bank, clock: Clock) -> None:
        """
        A recorded expiry stays: within the tolerated skew the hold is gone, and beyond it the
        clock is wrong.
        """
        clock.now = EXPIRES_AT
        bank.expire_holds()
        clock.now = EXPIRES_AT - timedelta(seconds=5)

        assert () == bank.holds("alice")
        assert EXPIRES_AT == bank.withdraw("alice", eur(105)).booked_at
        clock.now -= TICK
        with pytest.raises(ClockSkewError):
            bank.deposit("alice", eur(1))

    @pytest.mark.usefixtures("lived")
    def test_either_the_capture_or_the_expiry(self, bank: Bank, clock: Clock) -> None:
        """
        Of a capture and the recording of expiries exactly one wins, whichever comes first.
        """
        clock.now = EXPIRES_AT - TICK
        assert eur(-10) == bank.capture_hold("alice", "h-1").postings[0].amount
        clock.now = EXPIRES_AT
        assert [] == bank.expire_holds()

        bank.place_hold("alice", eur(1), expires_at=EXPIRES_AT + TICK, transaction_id="h-2")
        clock.now = EXPIRES_AT + TICK
        assert 1 == len(bank.expire_holds())
        with pytest.raises(HoldNotActiveError):
            bank.capture_hold("alice", "h-2")

    @pytest.mark.usefixtures("lived")
    def test_another_process_was_quicker(
        self, bank: Bank, store: AccountStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Where what was found due has been recorded by another in the meantime, nothing is left.
        """
        clock.now = EXPIRES_AT
        found = store.holds_due(EXPIRES_AT + TICK)
        bank.expire_holds()
        monkeypatch.setattr(store, "holds_due", lambda before, limit: found)

        assert [] == bank.expire_holds()


# -- Ids ---------------------------------------------------------------------


@pytest.fixture
def opened(bank: Bank) -> None:
    """
    The accounts a, b, c and d, of which c and d are in dollars, and the hold h-1 on a.
    """
    for name, currency in (("a", "EUR"), ("b", "EUR"), ("c", "USD"), ("d", "USD")):
        bank.open_account(name, initial_balance=Money("100", currency), booked_at=OPENED_AT)
    bank.place_hold("a", Money("1", "EUR"), expires_at=NOW + DAY, transaction_id="h-1")


def under(command: Command, transaction_id: str = "x-1") -> Command:
    return attrs.evolve(command, transaction_id=transaction_id)


def named(command: object) -> str:
    return type(command).__name__


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("command", EACH, ids=named)
class TestIds:
    def test_replays(self, bank: Bank, store: AccountStore, command: Command) -> None:
        """
        Under one id every command has one outcome, alone, in a batch, twice in one batch.
        """
        (first,) = bank.execute([under(command)])
        before = kept(store)
        again = (
            *bank.execute([under(command)]),
            *bank.execute([under(command), under(command)]),
            *bank.preview([under(command)]),
        )

        assert 4 == len(again)
        for outcome in again:
            assert (*said(first)[:-1], True) == said(outcome)
        assert before == kept(store)

    def test_replays_in_an_atomic_batch(
        self, bank: Bank, store: AccountStore, command: Command
    ) -> None:
        """
        An atomic batch that was booked gives its outcomes again; one that was refused is
        refused again, and keeps the commands before the one that was.
        """
        other = Deposit("b", Money("1", "EUR"), transaction_id="x-0")
        batch = [other, under(command)]
        try:
            bank.execute(batch, atomic=True)
        except BankError as error:
            before = kept(store)
            refusal = store.outcome(TransactionId("x-1"))
            assert isinstance(refusal, Refusal)
            assert (error.code, (other,), NOW) == (refusal.code, refusal.batch, refusal.refused_at)
            with pytest.raises(type(error)) as raised:
                bank.execute(batch, atomic=True)
            assert (dict(error.facts), True) == (dict(raised.value.facts), raised.value.replayed)
        else:
            before = kept(store)
            assert [True, True] == [
                isinstance(each, Transaction) and each.replayed
                for each in bank.execute(batch, atomic=True)
            ]
        assert before == kept(store)


REUSES = [
    pytest.param(command, field, value, id=f"{named(command)} {field}")
    for command in EACH
    for field, value in {
        **OTHERWISE[type(command)],
        "booked_at": NOW,
        "description": "tea",
        "metadata": {"order": "1017"},
    }.items()
]


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(("command", "field", "value"), REUSES)
def test_an_id_reused_for_another_command(
    bank: Bank, store: AccountStore, command: Command, field: str, value: Any
) -> None:
    """
    Whatever field differs is named, alone, in a batch and in an atomic batch; nothing is written.
    """
    bank.execute([under(command)])
    before = kept(store)
    other = under(attrs.evolve(command, **{field: value}))
    free = Deposit("b", Money("1", "EUR"), transaction_id="x-0")
    (alone,) = bank.execute([other])
    with pytest.raises(TransactionIdReusedError) as raised:
        bank.execute([free, other], atomic=True)

    for error in (alone, raised.value):
        assert isinstance(error, TransactionIdReusedError)
        assert (TransactionId("x-1"), (field,)) == (error.transaction_id, error.fields)
    assert (TransactionId("x-0"),) == raised.value.unused_ids
    assert before == kept(store)


# -- Records -----------------------------------------------------------------


def test_every_record_is_kept_alike(tmp_path: Path) -> None:
    """
    Every kind of command, accepted and refused, with all its fields, reads back the same from
    each store, and from a file that was closed in between.
    """
    path = tmp_path / "bank.db"
    memory = MemoryStore()

    def written(store: AccountStore) -> None:
        made = (f"made-{n}" for n in count(1))
        now = NOW
        bank = Bank(store, clock=lambda: now, new_id=made.__next__)
        for name, currency in (("a", "EUR"), ("b", "EUR"), ("c", "USD"), ("d", "USD")):
            bank.open_account(name, initial_balance=Money("100", currency), booked_at=OPENED_AT)
        for number, command in enumerate(EACH):
            text = "tea ☕ 'x' \"y\""
            full = attrs.evolve(
                command,
                **OTHERWISE[type(command)],
                description=text,
                metadata={"a.b": text},
                booked_at=NOW,
            )
            bank.execute([under(command, f"x-{number}"), under(full, f"y-{number}")])
        bank.restrict("a", "none")
        bank.place_hold("a", Money("2", "EUR"), expires_at=NOW + TICK, transaction_id="h-1")
        bank.extend_hold("a", "h-1", expires_at=NOW + 2 * TICK, transaction_id="h-2")
        now = NOW + DAY
        bank.expire_holds()

    written(memory)
    with SQLiteStore(path) as sqlite:
        written(sqlite)
        while_open = kept(sqlite)
    with SQLiteStore(path) as reopened:
        assert kept(memory) == while_open == kept(reopened)
    kinds = {type(record.command) for record in kept(memory)[1]}
    assert {*map(type, EACH), ExpireHold} == kinds


@pytest.mark.parametrize("code", sorted(RECORDED_ERRORS))
def test_every_refusal_reads_back(store: AccountStore, code: str) -> None:
    """
    A refusal of every kind, with all its facts and the batch before it, reads back the same.
    """
    facts = ERRORS[RECORDED_ERRORS[code].__name__][4]
    refusal = Refusal(
        TransactionId("x-1"),
        Withdraw("alice", eur(1), transaction_id="x-1"),
        NOW,
        code,
        facts,
        batch=tuple(under(command, f"y-{n}") for n, command in enumerate(EACH)),
    )
    store.transact(ReadSet((refusal.id,), ()), lambda _: WriteSet((), (refusal,)))
    found = store.outcome(refusal.id)

    assert refusal == found
    assert isinstance(found, Refusal)
    assert dict(facts) == {name: found.to_error().facts[name] for name in facts}
    assert [each.transaction_id for each in refusal.batch] == [
        each.transaction_id for each in found.batch
    ]


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        (
            "account_restricted",
            {
                "account_id": ALICE,
                "restriction": Restriction.ALL,
                "reason": "theft",
                "ends_at": None,
            },
        ),
        ("close_blocked", {"account_id": ALICE, "balance": eur(0), "hold_ids": ()}),
    ],
)
def test_facts_that_are_none_or_nothing(
    store: AccountStore, code: str, facts: dict[str, Any]
) -> None:
    """
    A fact that is None, or an empty list, reads back as it was.
    """
    command = Withdraw("alice", eur(1), transaction_id="x-1")
    refusal = Refusal(TransactionId("x-1"), command, NOW, code, facts)
    store.transact(ReadSet((refusal.id,), ()), lambda _: WriteSet((), (refusal,)))

    assert refusal == store.outcome(refusal.id)
