"""
Denials are recorded apart, so many and no more, and whatever goes wrong with that.
"""

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import AccountStore, Bank, Money, Principal
from bankcore.access import (
    DENIAL_ACCOUNTS_MAX,
    DENIALS_MAX,
    DENIALS_PER_MINUTE_MAX,
    DENIED_PRINCIPALS_MAX,
    Denial,
    DenialLog,
)
from bankcore.access import _denials as denials_module
from bankcore.access._denials import DenialRecorder
from bankcore.commands import Deposit, Post, Restrict, Withdraw
from bankcore.errors import (
    AccessDeniedError,
    AccountNotVisibleError,
    BankError,
    InvalidLimitError,
    StoreCorruptedError,
    StoreUnavailableError,
    TransactionNotFoundError,
)
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.stores import _tables as tables_module
from bankcore.values import AccountId, PrincipalId

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MARY = Principal("mary", ["owner"])
DENIAL = Denial(PrincipalId("mary"), "withdraw", (AccountId("a"),), "access_denied", NOON)


def eur(amount: int) -> Money:
    return Money(amount, "EUR")


def acting(store: Any, request_id: str | None = None) -> Bank:
    return Bank(store, clock=lambda: NOON).acting_as(MARY, request_id=request_id)


# -- The log of a store ------------------------------------------------------


def test_the_stores_that_ship_keep_denials(store: Any) -> None:
    """What was recorded is read back as it was, the last first, up to a limit."""
    full = attrs.evolve(
        DENIAL, account_ids=(), request_id="r 'é'", unwritten_before=7, denied_at=NOON + SECOND
    )
    store.record_denial(DENIAL)
    store.record_denial(full)

    assert (full, DENIAL) == store.denials()
    assert (full,) == store.denials(limit=1)
    with pytest.raises(InvalidLimitError):
        store.denials(limit=0)
    assert () == store.journal().records
    assert isinstance(store, DenialLog)


def test_denials_survive_the_end_of_the_process(tmp_path: Path) -> None:
    """A file keeps them."""
    with SQLiteStore(tmp_path / "bank.db") as store:
        store.record_denial(DENIAL)
    with SQLiteStore(tmp_path / "bank.db") as store:
        assert (DENIAL,) == store.denials()


def test_the_oldest_denials_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more denials than are kept, the last ones are."""
    monkeypatch.setattr(tables_module, "DENIALS_MAX", 3)
    denials = [attrs.evolve(DENIAL, unwritten_before=number) for number in range(5)]
    memory = MemoryStore()
    with SQLiteStore(tmp_path / "bank.db") as store:
        for denial in denials:
            store.record_denial(denial)

        assert (4, 3, 2) == tuple(each.unwritten_before for each in store.denials())
    for _ in range(DENIALS_MAX):
        memory.record_denial(denials[0])
    memory.record_denial(denials[1])
    assert memory.denials(limit=1) == (denials[1],)
    assert DENIALS_MAX == len(memory._denials)


def test_a_denial_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    """What nobody can have written is `StoreCorruptedError`."""
    with SQLiteStore(tmp_path / "bank.db") as store:
        store.record_denial(DENIAL)
        store._connections._open_writer().execute("UPDATE bankcore_denial SET principal = 'a b'")
        with pytest.raises(StoreCorruptedError, match="a denial cannot be read"):
            store.denials()


# -- What is recorded --------------------------------------------------------


def test_each_denial_says_who_what_and_why(store: Any) -> None:
    """Commands and reads, by the role, the policy, and what is not to be seen."""
    Bank(store, clock=lambda: NOON).open_account("b", initial_balance=eur(1), holder="bert")
    bank = acting(store, "r-1")
    with pytest.raises(AccountNotVisibleError):
        bank.withdraw("b", eur(1))
    with pytest.raises(AccountNotVisibleError):
        bank.account("x")
    with pytest.raises(AccessDeniedError):
        bank.verify()
    with pytest.raises(TransactionNotFoundError):
        bank.transaction("t-1")
    with pytest.raises(AccessDeniedError):
        bank.deposit("b", eur(1), booked_at=NOON)
    bank.preview([Withdraw("b", eur(1))])
    bank.execute([Restrict("b", "none"), Withdraw("b", eur(1))])
    with pytest.raises(AccountNotVisibleError):
        bank.execute([Withdraw("b", eur(1)), Deposit("x", eur(1))], atomic=True)
    denials = store.denials()[::-1]

    assert [
        ("withdraw", ["b"], "account_not_visible"),
        ("read_account", ["x"], "account_not_visible"),
        ("verify", [], "access_denied"),
        ("read_transaction", [], "transaction_not_found"),
        ("backdate", ["b"], "access_denied"),
        ("withdraw", ["b"], "account_not_visible"),
        ("restrict", ["b"], "access_denied"),
        ("withdraw", ["b"], "account_not_visible"),
        ("withdraw", ["b", "x"], "account_not_visible"),
    ] == [
        (each.action, [str(account_id) for account_id in each.account_ids], each.code)
        for each in denials
    ]
    assert {(PrincipalId("mary"), NOON, "r-1", 0)} == {
        (each.principal, each.denied_at, each.request_id, each.unwritten_before)
        for each in denials
    }


def test_what_is_no_denial_is_not_recorded(store: Any) -> None:
    """Refusals, reused ids and malformed requests are not denials."""
    bank = acting(store)
    bank.open_account("a", initial_balance=eur(1), transaction_id="o-1")
    with pytest.raises(BankError):
        bank.withdraw("a", eur(2), transaction_id="w-1")
    with pytest.raises(BankError):
        bank.deposit("a", eur(2), transaction_id="o-1")
    with pytest.raises(BankError):
        bank.deposit("a", eur(-2))

    assert () == store.denials()


def test_a_denial_names_few_accounts() -> None:
    """Of a post with many legs, ten accounts are named."""
    store = MemoryStore()
    robot = Bank(store).acting_as(Principal("robot"))
    legs = [(f"a-{number}", eur(1)) for number in range(30)]
    robot.execute([Post(legs, crosses_boundary=True)])

    assert DENIAL_ACCOUNTS_MAX == len(store.denials()[0].account_ids)


# -- So many and no more -----------------------------------------------------


def test_of_each_principal_so_many_are_written_in_a_minute() -> None:
    """The rest are counted, and the count goes with the next that is written."""
    store = MemoryStore()
    recorder = DenialRecorder(store)
    for number in range(DENIALS_PER_MINUTE_MAX + 5):
        recorder.record(attrs.evolve(DENIAL, denied_at=NOON + number * SECOND / 100))
    recorder.record(attrs.evolve(DENIAL, principal=PrincipalId("bert")))
    assert DENIALS_PER_MINUTE_MAX + 1 == len(store.denials())
    recorder.record(attrs.evolve(DENIAL, denied_at=NOON + 60 * SECOND))
    recorder.record(attrs.evolve(DENIAL, denied_at=NOON + 61 * SECOND))

    assert [0, 5, 0, 0] == [each.unwritten_before for each in store.denials(limit=4)]


def test_a_clock_that_is_set_back_silences_nobody() -> None:
    """A minute is also over where the clock is an hour behind."""
    store = MemoryStore()
    recorder = DenialRecorder(store)
    for _ in range(DENIALS_PER_MINUTE_MAX + 1):
        recorder.record(DENIAL)
    recorder.record(attrs.evolve(DENIAL, denied_at=NOON - timedelta(hours=1)))

    assert 1 == store.denials(limit=1)[0].unwritten_before


def test_so_many_principals_are_counted_and_no_more() -> None:
    """The one that was not denied for longest is forgotten; the memory has a bound."""
    store = MemoryStore()
    recorder = DenialRecorder(store)
    for _ in range(DENIALS_PER_MINUTE_MAX + 1):
        recorder.record(DENIAL)
    for number in range(DENIED_PRINCIPALS_MAX):
        recorder.record(attrs.evolve(DENIAL, principal=PrincipalId(f"p-{number}")))
    recorder.record(DENIAL)

    assert DENIED_PRINCIPALS_MAX == len(recorder._counts)
    assert (DENIAL,) == store.denials(limit=1)


@pytest.mark.parametrize(
    ("later", "forgotten"),
    [("", "mary"), ("mary", "bert"), ("mary bert", "carl"), ("carl mary", "bert")],
)
def test_the_principal_denied_longest_ago_is_forgotten(
    later: str, forgotten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not who was denied first: who has not been denied since, written or counted."""
    monkeypatch.setattr(denials_module, "DENIED_PRINCIPALS_MAX", 3)
    store = MemoryStore()
    recorder = DenialRecorder(store)

    milliseconds = count()

    def denied(name: str, times: int = 1) -> None:
        for _ in range(times):
            at = NOON + timedelta(milliseconds=next(milliseconds))
            recorder.record(attrs.evolve(DENIAL, principal=PrincipalId(name), denied_at=at))

    for name in ("mary", "bert", "carl"):
        denied(name, DENIALS_PER_MINUTE_MAX + 1)
    for name in later.split():
        denied(name)
    denied("dave")
    # Now whoever is counted no more is written again.
    written = len(store.denials(limit=1000))
    kept = [name for name in ("mary", "bert", "carl") if name != forgotten]
    for name in (*kept, forgotten):
        denied(name)

    assert written + 1 == len(store.denials(limit=1000))
    assert forgotten == store.denials(limit=1)[0].principal.value


def test_a_flood_of_denials_takes_no_room(store: Any) -> None:
    """One call with many denials writes as many as one minute has."""
    acting(store).execute([Withdraw("x", eur(1))] * 500)

    assert DENIALS_PER_MINUTE_MAX == len(store.denials())


# -- What goes wrong ---------------------------------------------------------


class Failing(MemoryStore):
    """
    A store that takes everything but denials.
    """

    failure: BaseException = StoreUnavailableError("the disk is full")

    def record_denial(self, denial: Denial) -> None:
        raise self.failure


@pytest.mark.parametrize("failure", [StoreUnavailableError("it is full"), RuntimeError("a bug")])
def test_a_denial_that_cannot_be_recorded_stays_one(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """It is raised with a note that says so, and the logger is told; nothing passes."""
    store = Failing()
    store.failure = failure
    Bank(store).open_account("b", initial_balance=eur(1))
    with caplog.at_level(logging.ERROR), pytest.raises(AccountNotVisibleError) as caught:
        acting(store).withdraw("b", eur(1))
    (record,) = caplog.records

    assert [f"This denial could not be recorded: {failure}"] == caught.value.__notes__
    assert ("bankcore", logging.ERROR) == (record.name, record.levelno)
    assert "A denial could not be recorded: Denial(principal=PrincipalId('mary')" in (
        record.getMessage()
    )
    assert record.exc_info is not None
    assert failure is record.exc_info[1]
    assert eur(1) == Bank(store).account("b").balance


def test_an_interruption_while_recording_passes() -> None:
    """Ctrl-C is not swallowed, and lets nothing pass."""
    store = Failing()
    store.failure = KeyboardInterrupt()
    Bank(store).open_account("b", initial_balance=eur(1))
    with pytest.raises(KeyboardInterrupt):
        acting(store).withdraw("b", eur(1))

    assert eur(1) == Bank(store).account("b").balance


def test_what_could_not_be_written_is_counted() -> None:
    """The next denial that is written says how many there were before it."""
    store = Failing()
    recorder = DenialRecorder(store)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            recorder.record(DENIAL)
    written = MemoryStore()
    recorder._log = written
    recorder.record(DENIAL)

    assert 2 == written.denials()[0].unwritten_before


class Bare:
    """
    A store with what the contract asks for, and no more.
    """

    def __init__(self) -> None:
        store = MemoryStore()
        for name in vars(AccountStore):
            if not name.startswith("_"):
                setattr(self, name, getattr(store, name))


def test_a_store_need_not_keep_denials() -> None:
    """Where the store keeps none, a denial is a denial."""
    bare: Any = Bare()
    bank = acting(bare)
    with suppress(BankError):
        bank.withdraw("x", eur(1))

    assert not isinstance(bare, DenialLog)
    with pytest.raises(AccountNotVisibleError):
        bank.account("x")
