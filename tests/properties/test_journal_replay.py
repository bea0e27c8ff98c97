"""
The journal is enough: from its commands, times and ids alone, everything comes again.

Histories of all commands are made at random, in single commands, batches and atomic batches,
with ids and without, with times of the caller and of a clock that also goes back, with holds
that expire in between. Their journals are then judged again, record by record, from an empty
store.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bankcore.accounts import AMOUNT_MINOR_MAX, Restriction
from bankcore.bank import Bank
from bankcore.bank._decide import Clock, Request, decide, reads_of
from bankcore.commands import (
    CaptureHold,
    Command,
    Deposit,
    ExpireHold,
    OpenAccount,
    PlaceHold,
    Withdraw,
)
from bankcore.errors import BankError
from bankcore.io import export_journal, import_journal
from bankcore.ledger import AccountStore, Refusal, Transaction, verify
from bankcore.money import ExchangeRate, Money
from bankcore.values import AccountId, PrincipalId, TransactionId
from every_command import Domain, commands_of, kinds
from every_store import MakeStore, memory_store

Record = Transaction | Refusal

IS_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def eur(amount_minor: int) -> Money:
    return Money.from_minor(amount_minor, "EUR")


# -- Histories ---------------------------------------------------------------


@attrs.frozen
class Step:
    """
    A batch, and how many seconds past NOW the clock says; with no commands, what is due is
    recorded as expired.
    """

    seconds: int
    commands: tuple[Command, ...] = ()
    is_atomic: bool = False


# Few accounts, so that they meet; nobody is never there, and usd is of another currency.
NAMES = st.sampled_from(["a", "b", "c"] * 4 + ["usd", "nobody"])
PAIRS = st.tuples(NAMES, NAMES).filter(lambda pair: pair[0] != pair[1])
AMOUNTS = st.integers(1, 60).map(eur) | st.sampled_from([eur(AMOUNT_MINOR_MAX), Money(1, "USD")])
SMALL = st.integers(1, 60).map(eur)
DESCRIPTIONS = st.sampled_from([None, None, None, "café", "a 'quoted' line"])
METADATA = st.sampled_from([None, None, None, {"shop": "café", "order": "a 'quoted' line"}])
# Kinds that are drawn more often than once.
WEIGHTS = {"transfer": 2, "reverse": 2, "place_hold": 3, "capture_hold": 2, "restrict": 2}


def legs(
    pair: tuple[str, str], amount: Money, fee: int, *, crosses: bool
) -> list[tuple[str, Money]]:
    source, destination = pair
    rest = [] if crosses else [(destination, amount)]
    fees = [] if "usd" in pair else [("b", eur(fee)), ("c", eur(-fee))]
    return [(source, -amount), *rest, *fees]


def crosses(values: dict[str, Any]) -> st.SearchStrategy[bool]:
    """
    Of legs that add up to zero a post may say that it crosses the boundary, and of others it must.
    """
    adds_up = sum(amount.amount_minor for _, amount in values["legs"]) == 0
    return st.booleans() if adds_up else st.just(True)


@st.composite
def commands(
    draw: st.DrawFn, ids: Sequence[str], holds: Sequence[PlaceHold], seconds: int
) -> Command:
    """
    A command of any kind; the originals that it names are among *ids*, and so are the holds,
    mostly those of *holds* on their own accounts.
    """
    domain: Domain = {
        AccountId: NAMES,
        TransactionId: st.sampled_from(ids),
        Money: AMOUNTS,
        PrincipalId: st.sampled_from(["mary", "bert"]),
        datetime: st.integers(-1, 12).map(lambda more: NOW + SECOND * (seconds + more)),
        ExchangeRate: st.just(ExchangeRate("EUR", "EUR", 1)),
        Restriction: st.sampled_from([Restriction.NONE] * 2 + [*Restriction]),
        "open_account.account_id": st.sampled_from(["d", "a", None]),
        "initial_balance": SMALL,
        "overdraft_limit": SMALL,
        "place_hold.amount": SMALL | SMALL | AMOUNTS,
        "capture_hold.amount": st.none() | SMALL,
        "reverse.amount": st.none() | SMALL,
        "legs": st.builds(legs, PAIRS, SMALL, st.integers(1, 20), crosses=st.booleans()),
        "crosses_boundary": crosses,
    }
    kind = draw(kinds(WEIGHTS))
    given = {}
    if holds and "hold_id" in attrs.fields_dict(kind) and draw(st.integers(0, 3)):
        placed = draw(st.sampled_from(holds))
        given = {"account_id": placed.account_id, "hold_id": placed.transaction_id}
    return draw(commands_of(kind, domain, given))


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """
    Batches of one to four commands; the first ones open the accounts.
    """
    seconds = 0
    names = [("a", "EUR"), ("b", "EUR"), ("c", "EUR"), ("usd", "USD")]
    openings = tuple(
        OpenAccount(name, initial_balance=Money.from_minor(100, currency))
        for name, currency in names
    )
    steps = [Step(0, openings)]
    ids = ["made-1", "made-2"]
    holds: list[PlaceHold] = []
    for _ in range(draw(st.integers(1, 12))):
        # Mostly on, sometimes back: by what is tolerated, and by more.
        seconds += draw(st.sampled_from([0, 1, 1, 2, 4, 8, -1, -3, -7]))
        if draw(st.integers(0, 9)) == 0:
            steps.append(Step(seconds))
            continue
        is_atomic = draw(st.booleans())
        with_ids = draw(st.integers(0, 3)) > 0
        batch = []
        for _ in range(draw(st.sampled_from([1, 1, 2, 3, 4]))):
            command = draw(commands(ids, holds, seconds))
            changes: dict[str, object] = {
                "description": draw(DESCRIPTIONS),
                "metadata": draw(METADATA),
            }
            if draw(st.integers(0, 5)) == 0:
                changes["booked_at"] = NOW + SECOND * (seconds - draw(st.integers(-1, 3)))
            if with_ids:
                # Now and then an id again, for the same or another command.
                again = draw(st.integers(0, 12)) == 0
                changes["transaction_id"] = (
                    draw(st.sampled_from(ids)) if again else f"t-{len(ids)}"
                )
                ids.append(str(changes["transaction_id"]))
            elif isinstance(command, PlaceHold):
                ids.append(f"made-{len(ids)}")
            command = attrs.evolve(command, **changes)  # type: ignore[arg-type]  # fields of all commands
            batch.append(command)
            if with_ids and isinstance(command, PlaceHold):
                holds.append(command)
        steps.append(Step(seconds, tuple(batch), is_atomic))
    return steps


def journal_of(store: AccountStore) -> tuple[Record, ...]:
    return store.journal(limit=10_000).records


def live(store: AccountStore, steps: Sequence[Step]) -> None:
    """
    Take *steps* in a bank over *store*.
    """
    now = NOW
    made = (f"made-{n}" for n in count(1))
    bank = Bank(store, clock=lambda: now, new_id=made.__next__)
    for step in steps:
        now = NOW + SECOND * step.seconds
        if not step.commands:
            bank.expire_holds()
            continue
        with suppress(BankError):
            bank.execute(step.commands, atomic=step.is_atomic)


# -- Again -------------------------------------------------------------------


# A bank that tolerates any skew: what was tolerated then is seen from the times alone.
ANY_SKEW = timedelta.max


def request_for(command: Command, record: Record) -> Request:
    transaction_id = command.transaction_id
    assert transaction_id is not None
    account_ids = command.account_ids
    if type(command) is OpenAccount and not account_ids:
        # An id that the bank made is on the posting; of what was undone, no id is left.
        is_its_own = isinstance(record, Transaction) and record.id == transaction_id
        account_ids = (
            record.account_id if is_its_own else AccountId(f"undone-{transaction_id}"),  # type: ignore[union-attr]  # a Transaction
        )
    return Request(command, transaction_id, isinstance(record, Refusal), account_ids)


def judge_again(store: AccountStore, record: Record) -> None:
    """
    Judge what led to *record* again, from its commands, its time and its ids.
    """
    at = record.booked_at if isinstance(record, Transaction) else record.refused_at
    batch = record.batch if isinstance(record, Refusal) else ()
    requests = tuple(request_for(command, record) for command in (*batch, record.command))
    store.transact(
        reads_of(requests),
        lambda snapshot: decide(requests, snapshot, Clock(at, ANY_SKEW), atomic=bool(batch)),
    )


def assert_same(first: AccountStore, again: AccountStore) -> None:
    for one, other in zip(journal_of(first), journal_of(again), strict=True):
        assert one == other
        # Neither is part of equality, and both are kept.
        assert one.command.transaction_id == other.command.transaction_id
    assert tuple(first.accounts()) == tuple(again.accounts())


class TestReplay:
    """
    "The journal is transactions and refusals, and it is enough: from its commands, times and
    ids alone, running `decide` again from an empty store gives every account, posting and
    refusal back, exactly."
    """

    @given(steps=histories())
    def test_record_by_record(self, make_store: MakeStore, steps: list[Step]) -> None:
        """
        Judged again one by one, expiries included, the records give the same journal and the
        same accounts.
        """
        with make_store() as first, make_store() as again:
            live(first, steps)
            for number, record in enumerate(journal_of(first), 1):
                judge_again(again, record)
                # An expiry may bring others with it that were due at that very instant.
                assert len(journal_of(again)) >= number
            assert_same(first, again)

    @given(steps=histories())
    def test_expiries_come_by_themselves(self, make_store: MakeStore, steps: list[Step]) -> None:
        """
        Without the expiries, the commands alone bring them again, each before the next command
        on its account: every account's history and every refusal is the same.
        """
        with make_store() as first, make_store() as again:
            live(first, steps)
            sent = [each for each in journal_of(first) if type(each.command) is not ExpireHold]
            for record in sent:
                judge_again(again, record)
            # What nothing followed has not come yet.
            for record in journal_of(first):
                judge_again(again, record)

            assert set(map(attrs_key, journal_of(first))) == set(map(attrs_key, journal_of(again)))
            assert tuple(first.accounts()) == tuple(again.accounts())
            for account in first.accounts():
                assert first.history(account.id) == again.history(account.id)

    @given(steps=histories())
    def test_exported_and_imported(self, make_store: MakeStore, steps: list[Step]) -> None:
        """
        The exported journal makes an empty store equal, and its own export is the same text.
        """
        with make_store() as first, make_store() as again:
            live(first, steps)
            lines = list(export_journal(first))
            report = import_journal(again, lines)

            assert_same(first, again)
            assert lines == list(export_journal(again))
            assert len(journal_of(first)) == report.transactions + report.refusals

    @given(steps=histories())
    def test_the_audit_agrees(self, make_store: MakeStore, steps: list[Step]) -> None:
        """
        What any history leaves behind is what an audit derives from its journal.
        """
        with make_store() as store:
            live(store, steps)

            assert () == verify(store).disagreements


def told(store: AccountStore) -> tuple[object, ...]:
    """
    Return all that is told about *store* to somebody outside, as text.
    """
    bank = Bank(store, clock=lambda: NOW + 60 * SECOND)
    statements = [bank.statement(account.id) for account in bank.accounts()]
    return list(map(repr, statements)), list(export_journal(store)), str(bank.checkpoint())


@pytest.mark.every_postgres
class TestStoresAgree:
    """
    "same histories give the same statements on memory, SQLite, PostgreSQL"
    """

    @settings(max_examples=10_000 if IS_THOROUGH else 60)
    @given(steps=histories())
    def test_to_the_byte(self, make_store: MakeStore, steps: list[Step]) -> None:
        """
        Whatever the history, statements, export and checkpoint are those of the store in memory,
        byte for byte.
        """
        with make_store() as store, memory_store() as memory:
            live(store, steps)
            live(memory, steps)

            assert told(memory) == told(store)


def attrs_key(record: Record) -> tuple[str, str]:
    return record.id.value, repr(record)


# A hold on a, and an account b that was booked three seconds ahead of where the clock went.
BEHIND = [
    Step(
        0, (OpenAccount("a", initial_balance=eur(100)), OpenAccount("b", initial_balance=eur(0)))
    ),
    Step(5, (Deposit("b", eur(1)),)),
]

ATOMIC_REFUSALS = [
    pytest.param(
        Step(
            2,
            (
                PlaceHold("a", eur(5), expires_at=NOW + 4 * SECOND, transaction_id="t-1"),
                CaptureHold("a", "t-1", destination_id="b", transaction_id="t-2"),
            ),
            is_atomic=True,
        ),
        "t-2",
        id="the refused command takes place later than those before it",
    ),
    pytest.param(
        Step(
            9,
            (
                Deposit("b", eur(1), booked_at=NOW + 8 * SECOND, transaction_id="t-1"),
                Withdraw("a", eur(101), booked_at=NOW + 2 * SECOND, transaction_id="t-2"),
            ),
            is_atomic=True,
        ),
        "t-2",
        id="the refused command was given an earlier time",
    ),
    pytest.param(
        Step(
            9,
            (
                Deposit("b", eur(1), transaction_id="t-1"),
                Withdraw("a", eur(101), booked_at=NOW + 2 * SECOND, transaction_id="t-2"),
            ),
            is_atomic=True,
        ),
        "t-2",
        id="the refused command alone was given a time",
    ),
]


@pytest.mark.parametrize(("step", "refused"), ATOMIC_REFUSALS)
def test_an_atomic_refusal_of_several_times(
    make_store: MakeStore, step: Step, refused: str
) -> None:
    """
    A batch whose commands take place at different times is refused again as it was.
    """
    with make_store() as first, make_store() as again:
        live(first, [*BEHIND, step])
        for record in journal_of(first):
            judge_again(again, record)

        assert isinstance(first.outcome(TransactionId(refused)), Refusal)
        assert_same(first, again)
