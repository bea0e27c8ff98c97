"""
The order of judgement, which is part of the API: "the first that says no wins".

The reasons are those of the docstring of `bankcore.bank._decide`, in that order. For every two
neighbours there is a case in which both apply; what would come of the second alone is
shown beside it, so that no case passes because its second reason does not apply.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import attrs
import pytest

from bankcore import errors
from bankcore.accounts import (
    AMOUNT_MINOR_MAX,
    HOLDERS_MAX,
    HOLDS_MAX,
    Account,
    AccountStatus,
    Hold,
    Holder,
    Restriction,
)
from bankcore.bank._decide import Clock, Request, decide
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
from bankcore.errors import BankError
from bankcore.ledger import Posting, Refusal, Snapshot, Transaction
from bankcore.money import Money
from bankcore.values import AccountId, TransactionId
from order_of_refusals import order_of_refusals
from ruling import hold

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SKEW = timedelta(seconds=5)
TOMORROW = NOW + timedelta(days=1)
YESTERDAY = NOW - timedelta(days=1)
LAST_WEEK = NOW - timedelta(days=7)
ID = TransactionId("t-1")


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


def account(
    account_id: str,
    balance: int = 100,
    *holds: Hold,
    currency: str = "EUR",
    is_closed: bool = False,
    last: datetime = LAST_WEEK,
    stopped: Restriction = Restriction.NONE,
    **fields: Any,
) -> Account:
    return Account(
        id=account_id,
        balance=Money.from_minor(0 if is_closed else balance, currency),
        status=AccountStatus.CLOSED if is_closed else AccountStatus.OPEN,
        version=3,
        last_booked_at=last,
        holds=holds,
        restriction=stopped,
        restriction_reason=None if stopped is Restriction.NONE else "theft",
        **fields,
    )


RECORDED = Transaction(
    ID,
    Deposit("alice", eur(1), transaction_id=ID),
    LAST_WEEK,
    (Posting(AccountId("alice"), eur(1), eur(1), eur(0), eur(0), 1),),
)
RECORDED_AHEAD = attrs.evolve(
    RECORDED, command=Deposit("alice", eur(1), transaction_id=ID, booked_at=TOMORROW)
)
REFUSED = Refusal(
    ID,
    Deposit("nobody", eur(1), transaction_id=ID),
    LAST_WEEK,
    "account_closed",
    {"account_id": AccountId("nobody")},
)


class Case(NamedTuple):
    """
    A command, and what it meets.
    """

    command: Command
    accounts: tuple[Account, ...] = ()
    recorded: tuple[Transaction | Refusal, ...] = ()
    expected_version: int | None = None
    reversals: tuple[tuple[TransactionId, tuple[Reverse, ...]], ...] = ()


def outcome_of(case: Case) -> Transaction | BankError:
    command = attrs.evolve(case.command, transaction_id=ID)
    (outcome,) = decide(
        (Request(command, ID, True, command.account_ids, case.expected_version),),
        Snapshot(
            {record.id: record for record in case.recorded},
            {account.id: account for account in case.accounts},
            dict(case.reversals),
        ),
        Clock(NOW, SKEW),
    ).outcomes
    return outcome


def judged(case: Case) -> tuple[str, str | None]:
    """
    The code of the answer, and the account, the currency or the transaction that it names.
    """
    outcome = outcome_of(case)
    if not isinstance(outcome, BankError):
        return "replayed" if outcome.replayed else "booked", None
    facts = outcome.facts
    if facts.get("field") in {"destination_id", "sweep_to"} and "given" in facts:
        return outcome.code, str(facts["given"])
    for name in ("account_id", "expected", "transaction_id", "hold_id"):
        if name in facts:
            return outcome.code, str(facts[name])
    return outcome.code, None


def deposit(account_id: str = "alice", at: datetime | None = None, amount: int = 1) -> Command:
    return Deposit(account_id, eur(amount), booked_at=at)


def transfer(at: datetime | None = None, amount: int = 1) -> Command:
    return Transfer("alice", "bob", eur(amount), booked_at=at)


# What is recorded under the id, before each of the reasons.
AFTER_THE_RECORD = [
    pytest.param(RECORDED, deposit(), (), "replayed", id="booked, and the account is gone"),
    pytest.param(
        RECORDED,
        deposit(),
        (account("alice", is_closed=True),),
        "replayed",
        id="booked, and the account is closed",
    ),
    pytest.param(
        RECORDED,
        deposit(),
        (account("alice", AMOUNT_MINOR_MAX, last=TOMORROW),),
        "replayed",
        id="booked, and the clock is behind",
    ),
    pytest.param(
        RECORDED_AHEAD,
        deposit(at=TOMORROW),
        (account("alice"),),
        "replayed",
        id="booked, and its time is later than the clock now",
    ),
    pytest.param(
        REFUSED,
        deposit("nobody"),
        (account("nobody"),),
        "account_closed",
        id="refused, and today it would be booked",
    ),
    pytest.param(
        RECORDED,
        deposit(at=TOMORROW),
        (account("alice"),),
        "transaction_id_reused",
        id="reused, with a time later than the clock",
    ),
    pytest.param(
        RECORDED, deposit("nobody"), (), "transaction_id_reused", id="reused, for no account"
    ),
    pytest.param(
        REFUSED,
        deposit("nobody", amount=2),
        (),
        "transaction_id_reused",
        id="reused, after a refusal",
    ),
    pytest.param(
        RECORDED, Reverse("o-9"), (), "transaction_id_reused", id="reused, to reverse nothing"
    ),
]


@pytest.mark.parametrize(("recorded", "command", "accounts", "code"), AFTER_THE_RECORD)
def test_what_is_recorded_comes_first(
    recorded: Transaction | Refusal, command: Command, accounts: tuple[Account, ...], code: str
) -> None:
    """
    What is recorded under the id is looked up before any rule of the bank.
    """
    answer, _ = judged(Case(command, accounts, (recorded,)))

    assert code == answer
    assert code != judged(Case(command, accounts))[0]


# Both reasons apply to the first case; in the second the first one is mended. The numbers are
# those of the docstring of `bankcore.bank._decide`.
ORIGINAL = TransactionId("o-1")
H1 = TransactionId("h-1")
DEBITS, CREDITS, ALL = Restriction.DEBITS, Restriction.CREDITS, Restriction.ALL
MAX = AMOUNT_MINOR_MAX


def original(command: Command, *moved: tuple[str, int]) -> Transaction:
    return Transaction(
        ORIGINAL,
        attrs.evolve(command, transaction_id=ORIGINAL),
        LAST_WEEK,
        tuple(
            Posting(AccountId(name), eur(amount), eur(0), eur(0), eur(0), 2)
            for name, amount in moved
        ),
    )


PAID_IN = original(Deposit("alice", eur(5)), ("alice", 5))
MOVED = original(Transfer("alice", "bob", eur(5)), ("alice", -5), ("bob", 5))
LIMITED = original(SetOverdraftLimit("alice", eur(5)), ("alice", 0))
REVERSE = Reverse("o-1")
PART = Reverse("o-1", eur(6))
POSTED = original(Post([("alice", eur(5))], crosses_boundary=True), ("alice", 5))
REVERSED = ((ORIGINAL, (attrs.evolve(REVERSE, transaction_id="r-1"),)),)
CAPTURE = CaptureHold("alice", "h-1", eur(5), destination_id="bob")
PLACE = PlaceHold("alice", eur(5), expires_at=NOW)
RESTRICT = Restrict("alice", ALL, reason="theft", ends_at=NOW)
SWEEP = CloseAccount("alice", sweep_to="bob")
POST = Post([("alice", eur(-5)), ("bob", eur(5))])
WITHDRAW = Withdraw("alice", eur(1))
LIMIT = SetOverdraftLimit("alice", eur(5))
EXTEND = ExtendHold("alice", "h-1", expires_at=TOMORROW)
GRANT = GrantAccess("alice", "mary", ["read"])
REVOKE = RevokeAccess("alice", "mary")
MANY_HOLDS = tuple(hold(1, f"h-{n}") for n in range(HOLDS_MAX))
MANY_HOLDERS = tuple(Holder(f"p-{n:03}", ["read"]) for n in range(HOLDERS_MAX))


def ahead(command: Command) -> Command:
    """
    *command*, with a time later than the clock.
    """
    return attrs.evolve(command, booked_at=TOMORROW)


def early(command: Command) -> Command:
    """
    *command*, with a time before that of an account booked yesterday.
    """
    return attrs.evolve(command, booked_at=LAST_WEEK)


Answer = tuple[str, str | None]

# The two steps, a word, the first answer and the second, both cases.
NEIGHBOURS: list[tuple[tuple[int, int], str, Answer, Answer, Case, Case]] = [
    (
        (2, 3),
        "a reversal of nothing",
        ("invalid_time", None),
        ("transaction_not_found", "o-1"),
        Case(ahead(REVERSE)),
        Case(REVERSE),
    ),
    (
        (2, 3),
        "a reversal of a limit",
        ("invalid_time", None),
        ("not_reversible", "o-1"),
        Case(ahead(REVERSE), (account("alice"),), (LIMITED,)),
        Case(REVERSE, (account("alice"),), (LIMITED,)),
    ),
    (
        (2, 3),
        "a second reversal",
        ("invalid_time", None),
        ("already_reversed", "o-1"),
        Case(ahead(REVERSE), (account("alice"),), (PAID_IN,), None, REVERSED),
        Case(REVERSE, (account("alice"),), (PAID_IN,), None, REVERSED),
    ),
    (
        (2, 4),
        "a deposit to nobody",
        ("invalid_time", None),
        ("account_not_found", "alice"),
        Case(deposit(at=TOMORROW)),
        Case(deposit()),
    ),
    (
        (2, 4),
        "an opening of what is there",
        ("invalid_time", None),
        ("account_exists", "alice"),
        Case(
            OpenAccount("alice", initial_balance=eur(0), booked_at=TOMORROW), (account("alice"),)
        ),
        Case(OpenAccount("alice", initial_balance=eur(0)), (account("alice"),)),
    ),
    (
        (3, 3),
        "not reversible, and reversed",
        ("not_reversible", "o-1"),
        ("already_reversed", "o-1"),
        Case(REVERSE, (account("alice"),), (LIMITED,), None, REVERSED),
        Case(REVERSE, (account("alice"),), (PAID_IN,), None, REVERSED),
    ),
    (
        (3, 3),
        "in part, of a reversal",
        ("not_reversible", "o-1"),
        ("part_not_reversible", "o-1"),
        Case(PART, (account("alice"),), (attrs.evolve(LIMITED, command=REVERSE),)),
        Case(PART, (account("alice"),), (POSTED,)),
    ),
    (
        (3, 3),
        "in part, of what was reversed",
        ("part_not_reversible", "o-1"),
        ("reversal_exceeded", "o-1"),
        Case(PART, (account("alice"),), (POSTED,), None, REVERSED),
        Case(PART, (account("alice"),), (PAID_IN,), None, REVERSED),
    ),
    (
        (3, 4),
        "too large a part, and the account is not there",
        ("reversal_exceeded", "o-1"),
        ("account_not_found", "alice"),
        Case(PART, (), (PAID_IN,)),
        Case(attrs.evolve(PART, amount=eur(5)), (), (PAID_IN,)),
    ),
    (
        (3, 4),
        "reversed, and the account is not there",
        ("already_reversed", "o-1"),
        ("account_not_found", "alice"),
        Case(REVERSE, (), (PAID_IN,), None, REVERSED),
        Case(REVERSE, (), (PAID_IN,)),
    ),
    (
        (3, 4),
        "not reversible, and the account is not there",
        ("not_reversible", "o-1"),
        ("account_not_found", "alice"),
        Case(REVERSE, (), (LIMITED,)),
        Case(REVERSE, (), (PAID_IN,)),
    ),
    (
        (4, 4),
        "neither source nor destination",
        ("account_not_found", "alice"),
        ("account_not_found", "bob"),
        Case(transfer()),
        Case(transfer(), (account("alice"),)),
    ),
    (
        (4, 4),
        "a post, the debited one first",
        ("account_not_found", "alice"),
        ("account_not_found", "bob"),
        Case(Post([("bob", eur(5)), ("alice", eur(-5))])),
        Case(Post([("bob", eur(5)), ("alice", eur(-5))]), (account("alice"),)),
    ),
    (
        (4, 4),
        "a reversal, the one to be debited first",
        ("account_not_found", "bob"),
        ("account_not_found", "alice"),
        Case(REVERSE, (), (MOVED,)),
        Case(REVERSE, (account("bob"),), (MOVED,)),
    ),
    (
        (4, 5),
        "no destination, another version of the source",
        ("account_not_found", "bob"),
        ("stale_version", "alice"),
        Case(transfer(), (account("alice"),), (), 2),
        Case(transfer(), (account("alice"), account("bob")), (), 2),
    ),
    (
        (4, 5),
        "an account that is there, and was expected to be older",
        ("account_exists", "alice"),
        ("stale_version", "alice"),
        Case(OpenAccount("alice", initial_balance=eur(0)), (account("alice"),), (), 1),
        Case(OpenAccount("alice", initial_balance=eur(0)), (), (), 1),
    ),
    *(
        (
            (5, 6),
            f"{type(command).__name__}: a given time too early",
            ("stale_version", "alice"),
            ("invalid_time", None),
            Case(early(command), (account("alice", last=YESTERDAY), account("bob")), (), 2),
            Case(early(command), (account("alice", last=YESTERDAY), account("bob")), (), 3),
        )
        for command in (WITHDRAW, transfer(), POST, GRANT, SWEEP, CAPTURE)
    ),
    (
        (5, 6),
        "the clock is behind",
        ("stale_version", "alice"),
        ("clock_skew", "alice"),
        Case(WITHDRAW, (account("alice", last=TOMORROW),), (), 4),
        Case(WITHDRAW, (account("alice", last=TOMORROW),), (), 3),
    ),
    (
        (5, 6),
        "the clock is behind the destination",
        ("stale_version", "alice"),
        ("clock_skew", "bob"),
        Case(transfer(), (account("alice"), account("bob", last=TOMORROW)), (), 4),
        Case(transfer(), (account("alice"), account("bob", last=TOMORROW)), (), 3),
    ),
    (
        (4, 6),
        "no destination, earlier than the source's last posting",
        ("account_not_found", "bob"),
        ("invalid_time", None),
        Case(transfer(LAST_WEEK), (account("alice", last=YESTERDAY),)),
        Case(transfer(LAST_WEEK), (account("alice", last=YESTERDAY), account("bob"))),
    ),
    (
        (4, 6),
        "no source, the clock is behind the destination",
        ("account_not_found", "alice"),
        ("clock_skew", "bob"),
        Case(transfer(), (account("bob", last=TOMORROW),)),
        Case(transfer(), (account("alice"), account("bob", last=TOMORROW))),
    ),
    (
        (6, 6),
        "the clock is behind both",
        ("clock_skew", "alice"),
        ("clock_skew", "bob"),
        Case(transfer(), (account("alice", last=TOMORROW), account("bob", last=TOMORROW))),
        Case(transfer(), (account("alice"), account("bob", last=TOMORROW))),
    ),
    (
        (6, 7),
        "too early, in another currency",
        ("invalid_time", None),
        ("currency_mismatch", "USD"),
        Case(deposit(at=LAST_WEEK), (account("alice", currency="USD", last=YESTERDAY),)),
        Case(deposit(at=YESTERDAY), (account("alice", currency="USD", last=YESTERDAY),)),
    ),
    *(
        (
            (6, 7),
            f"{type(command).__name__}: the clock is behind",
            ("clock_skew", "alice"),
            ("currency_mismatch", "USD"),
            Case(command, (account("alice", currency="USD", last=TOMORROW), account("bob"))),
            Case(command, (account("alice", currency="USD"), account("bob"))),
        )
        for command in (deposit(), WITHDRAW, transfer(), POST, PLACE, CAPTURE, LIMIT)
    ),
    (
        (6, 7),
        "the clock is behind the destination, the source's currency",
        ("clock_skew", "bob"),
        ("currency_mismatch", "USD"),
        Case(transfer(), (account("alice", currency="USD"), account("bob", last=TOMORROW))),
        Case(transfer(), (account("alice", currency="USD"), account("bob"))),
    ),
    *(
        (
            (7, 7),
            f"{type(command).__name__}: the source's currency, the destination's",
            ("currency_mismatch", "USD"),
            ("currency_mismatch", "GBP"),
            Case(command, (account("alice", currency="USD"), account("bob", currency="GBP"))),
            Case(command, (account("alice"), account("bob", currency="GBP"))),
        )
        for command in (transfer(), POST, CAPTURE)
    ),
    (
        (6, 8),
        "a restriction whose end is not ahead, the clock behind",
        ("clock_skew", "alice"),
        ("invalid_time", None),
        Case(RESTRICT, (account("alice", last=TOMORROW),)),
        Case(RESTRICT, (account("alice"),)),
    ),
    (
        (7, 8),
        "a hold in another currency whose end is not ahead",
        ("currency_mismatch", "USD"),
        ("invalid_time", None),
        Case(PLACE, (account("alice", currency="USD"),)),
        Case(PLACE, (account("alice"),)),
    ),
    *(
        (
            (8, 9),
            f"{type(command).__name__}: an end that is not ahead, on a closed account",
            ("invalid_time", None),
            ("account_closed", "alice"),
            Case(command, (account("alice", is_closed=True),)),
            Case(mended, (account("alice", is_closed=True),)),
        )
        for command, mended in (
            (PLACE, PlaceHold("alice", eur(5), expires_at=TOMORROW)),
            (RESTRICT, Restrict("alice", ALL, reason="theft", ends_at=TOMORROW)),
        )
    ),
    *(
        (
            (7, 9),
            f"{type(command).__name__}: another currency, closed",
            ("currency_mismatch", "USD"),
            ("account_closed", "alice"),
            Case(command, (account("alice", currency="USD", is_closed=True), account("bob"))),
            Case(command, (account("alice", is_closed=True), account("bob"))),
        )
        for command in (deposit(), WITHDRAW, transfer(), POST, CAPTURE, LIMIT)
    ),
    *(
        (
            (7, 9),
            f"{type(command).__name__}: the destination's currency, a closed source",
            ("currency_mismatch", "USD"),
            ("account_closed", "alice"),
            Case(command, (account("alice", is_closed=True), account("bob", currency="USD"))),
            Case(command, (account("alice", is_closed=True), account("bob"))),
        )
        for command in (transfer(), POST, CAPTURE)
    ),
    (
        (7, 9),
        "a sweep into another currency, to a closed account",
        ("currency_mismatch", "USD"),
        ("account_closed", "bob"),
        Case(SWEEP, (account("alice"), account("bob", currency="USD", is_closed=True))),
        Case(SWEEP, (account("alice"), account("bob", is_closed=True))),
    ),
    (
        (7, 9),
        "a capture of all, in the destination's other currency, from a closed account",
        ("currency_mismatch", "EUR"),
        ("account_closed", "alice"),
        Case(
            CaptureHold("alice", "h-1", destination_id="bob"),
            (account("alice", is_closed=True, currency="USD"), account("bob")),
        ),
        Case(
            CaptureHold("alice", "h-1", destination_id="bob"),
            (account("alice", is_closed=True), account("bob")),
        ),
    ),
    *(
        (
            (9, 9),
            f"{type(command).__name__}: a closed source, a closed destination",
            ("account_closed", "alice"),
            ("account_closed", "bob"),
            Case(command, (account("alice", is_closed=True), account("bob", is_closed=True))),
            Case(command, (account("alice", 9, hold(5)), account("bob", is_closed=True))),
        )
        for command in (transfer(), POST, CAPTURE)
    ),
    *(
        (
            (9, 10),
            f"{type(command).__name__}: closed, and no such hold",
            ("account_closed", "alice"),
            ("hold_not_found", "alice"),
            Case(command, (account("alice", is_closed=True), account("bob"))),
            Case(command, (account("alice"), account("bob"))),
        )
        for command in (CAPTURE, EXTEND, ReleaseHold("alice", "h-1"))
    ),
    (
        (9, 10),
        "a closed destination, and no such hold",
        ("account_closed", "bob"),
        ("hold_not_found", "alice"),
        Case(CAPTURE, (account("alice"), account("bob", is_closed=True))),
        Case(CAPTURE, (account("alice"), account("bob"))),
    ),
    (
        (6, 10),
        "the clock is behind, and no such holder",
        ("clock_skew", "alice"),
        ("holder_not_found", "alice"),
        Case(REVOKE, (account("alice", last=TOMORROW),)),
        Case(REVOKE, (account("alice"),)),
    ),
    (
        (9, 11),
        "swept to a closed account, with a hold",
        ("account_closed", "bob"),
        ("close_blocked", "alice"),
        Case(SWEEP, (account("alice", 9, hold(5)), account("bob", is_closed=True))),
        Case(SWEEP, (account("alice", 9, hold(5)), account("bob"))),
    ),
    (
        (7, 11),
        "swept into another currency, with a hold",
        ("currency_mismatch", "USD"),
        ("close_blocked", "alice"),
        Case(SWEEP, (account("alice", 9, hold(5)), account("bob", currency="USD"))),
        Case(SWEEP, (account("alice", 9, hold(5)), account("bob"))),
    ),
    *(
        (
            (10, 12),
            f"{type(command).__name__}: no such hold, restricted",
            ("hold_not_found", "alice"),
            ("account_restricted", "alice"),
            Case(command, (account("alice", stopped=ALL), account("bob", stopped=ALL))),
            Case(
                command,
                (
                    account("alice", 9, hold(5, expires_at=NOW + SKEW), stopped=ALL),
                    account("bob", stopped=ALL),
                ),
            ),
        )
        for command in (CAPTURE, EXTEND)
    ),
    (
        (10, 12),
        "an extension that is not later, restricted",
        ("invalid_time", None),
        ("account_restricted", "alice"),
        Case(EXTEND, (account("alice", 9, hold(5, expires_at=TOMORROW), stopped=DEBITS),)),
        Case(EXTEND, (account("alice", 9, hold(5, expires_at=NOW + SKEW), stopped=DEBITS),)),
    ),
    (
        (11, 12),
        "a hold is open, and debits are stopped",
        ("close_blocked", "alice"),
        ("account_restricted", "alice"),
        Case(SWEEP, (account("alice", 9, hold(5), stopped=DEBITS), account("bob"))),
        Case(SWEEP, (account("alice", 9, stopped=DEBITS), account("bob"))),
    ),
    (
        (11, 12),
        "a hold is open, and credits are stopped where the rest goes",
        ("close_blocked", "alice"),
        ("account_restricted", "bob"),
        Case(SWEEP, (account("alice", 9, hold(5)), account("bob", stopped=CREDITS))),
        Case(SWEEP, (account("alice", 9), account("bob", stopped=CREDITS))),
    ),
    *(
        (
            (12, 12),
            f"{type(command).__name__}: debits stopped here, credits there",
            ("account_restricted", "alice"),
            ("account_restricted", "bob"),
            Case(
                command,
                (account("alice", 9, hold(5), stopped=DEBITS), account("bob", stopped=CREDITS)),
            ),
            Case(command, (account("alice", 9, hold(5)), account("bob", stopped=CREDITS))),
        )
        for command in (transfer(), POST, CAPTURE)
    ),
    (
        (12, 13),
        "debits stopped, more than is held",
        ("account_restricted", "alice"),
        ("hold_exceeded", "h-1"),
        Case(CAPTURE, (account("alice", 9, hold(4), stopped=DEBITS), account("bob"))),
        Case(CAPTURE, (account("alice", 9, hold(4)), account("bob"))),
    ),
    (
        (12, 13),
        "credits stopped there, more than is held",
        ("account_restricted", "bob"),
        ("hold_exceeded", "h-1"),
        Case(CAPTURE, (account("alice", 9, hold(4)), account("bob", stopped=CREDITS))),
        Case(CAPTURE, (account("alice", 9, hold(4)), account("bob"))),
    ),
    *(
        (
            (12, 14),
            f"{type(command).__name__}: debits stopped, no funds",
            ("account_restricted", "alice"),
            ("insufficient_funds", "alice"),
            Case(command, (account("alice", 0, stopped=DEBITS), account("bob"))),
            Case(command, (account("alice", 0), account("bob"))),
        )
        for command in (WITHDRAW, transfer(), POST, PlaceHold("alice", eur(5)))
    ),
    *(
        (
            (12, 14),
            f"{type(command).__name__}: credits stopped there, no funds here",
            ("account_restricted", "bob"),
            ("insufficient_funds", "alice"),
            Case(command, (account("alice", 0), account("bob", stopped=CREDITS))),
            Case(command, (account("alice", 0), account("bob"))),
        )
        for command in (transfer(), POST)
    ),
    (
        (12, 14),
        "a reversal: credits stopped there, no funds here",
        ("account_restricted", "alice"),
        ("insufficient_funds", "bob"),
        Case(REVERSE, (account("alice", stopped=CREDITS), account("bob", 4)), (MOVED,)),
        Case(REVERSE, (account("alice"), account("bob", 4)), (MOVED,)),
    ),
    (
        (12, 16),
        "credits stopped, the largest balance",
        ("account_restricted", "alice"),
        ("balance_limit", "alice"),
        Case(deposit(), (account("alice", MAX, stopped=CREDITS),)),
        Case(deposit(), (account("alice", MAX),)),
    ),
    *(
        (
            (9, 14),
            f"{type(command).__name__}: closed, no funds",
            ("account_closed", "alice"),
            ("insufficient_funds", "alice"),
            Case(command, (account("alice", is_closed=True), account("bob"))),
            Case(command, (account("alice", 0), account("bob"))),
        )
        for command in (WITHDRAW, transfer(), POST, PlaceHold("alice", eur(5)))
    ),
    (
        (9, 14),
        "a closed destination, the source's funds",
        ("account_closed", "bob"),
        ("insufficient_funds", "alice"),
        Case(transfer(), (account("alice", 0), account("bob", is_closed=True))),
        Case(transfer(), (account("alice", 0), account("bob"))),
    ),
    (
        (9, 16),
        "closed, the largest balance",
        ("account_closed", "alice"),
        ("balance_limit", "alice"),
        Case(deposit(amount=MAX), (account("alice", is_closed=True),)),
        Case(deposit(amount=MAX), (account("alice", 1),)),
    ),
    (
        (13, 16),
        "more than is held, the destination's largest balance",
        ("hold_exceeded", "h-1"),
        ("balance_limit", "bob"),
        Case(CAPTURE, (account("alice", 9, hold(4)), account("bob", MAX))),
        Case(CAPTURE, (account("alice", 9, hold(5)), account("bob", MAX))),
    ),
    (
        (14, 15),
        "no funds, and a thousand holds",
        ("insufficient_funds", "alice"),
        ("hold_limit", "alice"),
        Case(PlaceHold("alice", eur(5)), (account("alice", HOLDS_MAX + 4, *MANY_HOLDS),)),
        Case(PlaceHold("alice", eur(5)), (account("alice", HOLDS_MAX + 5, *MANY_HOLDS),)),
    ),
    (
        (6, 15),
        "the clock is behind, and a hundred holders",
        ("clock_skew", "alice"),
        ("holder_limit", "alice"),
        Case(GRANT, (account("alice", last=TOMORROW, holders=MANY_HOLDERS),)),
        Case(GRANT, (account("alice", holders=MANY_HOLDERS),)),
    ),
    (
        (14, 16),
        "the source's funds, the destination's largest balance",
        ("insufficient_funds", "alice"),
        ("balance_limit", "bob"),
        Case(transfer(), (account("alice", 0), account("bob", MAX))),
        Case(transfer(), (account("alice", 1), account("bob", MAX))),
    ),
    (
        (15, 16),
        "a thousand holds, and the most that can be held",
        ("hold_limit", "alice"),
        ("balance_limit", "alice"),
        Case(
            PlaceHold("alice", eur(1)),
            (
                account(
                    "alice",
                    MAX,
                    *MANY_HOLDS[1:],
                    hold(MAX - HOLDS_MAX + 1, "h-0"),
                    overdraft_limit=eur(MAX),
                ),
            ),
        ),
        Case(
            PlaceHold("alice", eur(1)),
            (account("alice", MAX, hold(MAX, "h-0"), overdraft_limit=eur(MAX)),),
        ),
    ),
    (
        (16, 16),
        "the lowest balance here, the largest there",
        ("balance_limit", "alice"),
        ("balance_limit", "bob"),
        Case(CAPTURE, (account("alice", 4 - MAX, hold(5)), account("bob", MAX))),
        Case(CAPTURE, (account("alice", 5 - MAX, hold(5)), account("bob", MAX))),
    ),
]

TABLE = pytest.mark.parametrize(
    ("steps", "first", "second", "both", "second_alone"),
    [
        pytest.param(steps, first, second, both, alone, id=f"{steps[0]} {steps[1]} {name}")
        for steps, name, first, second, both, alone in NEIGHBOURS
    ],
)


@TABLE
def test_the_first_reason_wins(
    steps: tuple[int, int], first: Answer, second: Answer, both: Case, second_alone: Case
) -> None:
    """
    Where two reasons to say no apply, the answer is the first of the documented order; with
    that one mended, it is the second.
    """
    assert first == judged(both)
    assert second == judged(second_alone)


def documented() -> dict[int, set[str]]:
    """
    The codes of the errors that each step may give, by its number.
    """
    return {
        int(number): {getattr(errors, name).code for name in names}
        for number, names in order_of_refusals()
    }


@TABLE
def test_the_table_is_in_the_documented_order(
    steps: tuple[int, int], first: Answer, second: Answer, both: Case, second_alone: Case
) -> None:
    """
    Each answer belongs to the step of which the table says so, and no step comes after a later.
    """
    order = documented()

    assert steps[0] <= steps[1]
    assert first[0] in order[steps[0]]
    assert second[0] in order[steps[1]]


def test_every_documented_refusal_is_in_the_table() -> None:
    """
    Every error of the documented order has a place in the table above.
    """
    answered = {code for _, _, first, second, _, _ in NEIGHBOURS for code, _ in (first, second)}
    named = set().union(*documented().values())
    # Step 1 is told in tests/test_rules_ids.py and tests/test_acting.py.
    named -= {"transaction_id_reused", "access_denied", "account_not_visible"}

    assert named - {"hold_not_active"} == answered
    assert "hold_not_active" in documented()[10]


# Steps that meet in no command: a hold is captured or an account closed; and what is left of a
# hold never asks for funds.
NEVER_MEET = {(10, 11), (13, 14)}


def test_every_two_neighbours_meet() -> None:
    """
    Any two steps that follow each other have a case, but for those that no command has both of.
    """
    met = {steps for steps, *_ in NEIGHBOURS}
    # What is recorded under the id has a table of its own.
    following = {(number, number + 1) for number in range(2, len(documented()))}

    assert following - met == NEVER_MEET


PLACING = Transaction(
    H1,
    PlaceHold("alice", eur(5), transaction_id=H1),
    LAST_WEEK,
    (Posting(AccountId("alice"), eur(0), eur(9), eur(5), eur(0), 2),),
)


def test_a_hold_that_is_gone_is_told_in_the_same_step() -> None:
    """
    That a hold is not active any more comes where it would not be found: after closed accounts,
    and before restrictions.
    """
    closed_there = (account("alice"), account("bob", is_closed=True))
    stopped = (account("alice", stopped=ALL), account("bob", stopped=ALL))

    assert judged(Case(CAPTURE, closed_there, (PLACING,))) == ("account_closed", "bob")
    assert judged(Case(CAPTURE, stopped, (PLACING,))) == ("hold_not_active", "alice")


@pytest.mark.parametrize(
    ("case", "said"),
    [
        pytest.param(
            Case(Withdraw("alice", Money("9", "USD")), (account("alice", stopped=ALL),)),
            ["amount must be in EUR, got USD."],
            id="another currency",
        ),
        pytest.param(
            Case(WITHDRAW, (account("alice", is_closed=True, stopped=ALL),)),
            ["Account alice is closed, and closing is final."],
            id="a closed account",
        ),
        pytest.param(
            Case(CAPTURE, (account("alice", stopped=ALL), account("bob"))),
            ["Account alice has no hold h-1."],
            id="no hold",
        ),
        pytest.param(
            Case(CAPTURE, (account("alice"), account("bob", is_closed=True)), (PLACING,)),
            [
                "Account bob is closed, and closing is final.",
                (
                    "Hold h-1 of account alice is not active any more: it was captured or"
                    " released, or has expired."
                ),
            ],
            id="a hold that is gone, and a closed account",
        ),
        pytest.param(
            Case(transfer(), (account("alice", 0, stopped=ALL), account("bob", currency="USD"))),
            [
                "destination_id must be in EUR, got USD.",
                "Account alice is restricted, debits and credits stopped: theft.",
                "Account alice has EUR 0.00 available, EUR 0.01 less than the EUR 0.01 requested.",
            ],
            id="another currency on the other account",
        ),
    ],
)
def test_what_else_stands_in_the_way(case: Case, said: list[str]) -> None:
    """
    The answer has all that the rules are against; but of an account of another currency, a closed
    one and one without the hold, nothing more is said.
    """
    error = outcome_of(case)

    assert isinstance(error, BankError)
    assert said == [str(each) for each in (error, *error.others)]
