"""
The stores that ship keep every promise of `bankcore.ledger._store`, by the kit that ships too.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from under_test import (
    FailingStore,
    MemoryHost,
    ModeFaults,
    PlannedConnection,
    PostgresFaults,
    PostgresHost,
    PostgresSchemas,
    SQLiteFaults,
    SQLiteFiles,
    SQLiteHost,
)

from bankcore import Account, AccountId, AccountStore, Currency, Hold, Money
from bankcore.accounts import AMOUNT_MINOR_MAX
from bankcore.commands import COMMANDS, Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import RECORDED_ERRORS, InvalidCursorError
from bankcore.ledger import (
    Cursor,
    Page,
    ReadSet,
    Refusal,
    Snapshot,
    Transaction,
    WriteSet,
    require_limit,
)
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.testing import (
    BrokenPromisesError,
    Capabilities,
    Check,
    Fault,
    FaultyStore,
    check_store,
    checks,
    in_transactions,
)
from bankcore.testing._conformance import CHECKS
from bankcore.testing._conformance.helpers import NOW, append, exactly, journal_of, look, refusal
from bankcore.testing._conformance.samples import command_cases, refusal_cases
from bankcore.values import TransactionId
from postgres_proxy import Proxy

MEMORY: Final = Capabilities(
    faults=ModeFaults,
    host=MemoryHost,
    chained=True,
    holder_index=True,
    finding=True,
    denial_log=True,
    token_store=True,
)
HOSTED: Final = Capabilities(threads=False, chained=True, holder_index=True, finding=True)
JOINED: Final = attrs.evolve(HOSTED, outlining=True, describing=True)
OF_FAULTS: Final = [each for each in CHECKS.values() if each.needs in {"faults", "probing"}]
OF_HOSTS: Final = [each for each in CHECKS.values() if each.needs == "host"]
# The faults that a caller does not see.
UNSEEN: Final = (Fault.CONFLICT, Fault.LATENCY, Fault.CLOCK_JUMP)


@pytest.mark.parametrize("check", checks(MEMORY), ids=str)
def test_memory_store(check: Check) -> None:
    """
    The check's own promise is the claim; the store in memory keeps it.
    """
    check(FailingStore if check.needs == "faults" else MemoryStore, MEMORY)


@pytest.mark.parametrize("check", checks(SQLiteFiles(Path()).capabilities), ids=str)
def test_sqlite_store(check: Check, tmp_path: Path) -> None:
    """
    The store in a SQLite file keeps it, for threads and for processes, and opened again.
    """
    files = SQLiteFiles(tmp_path)

    check(files.make, files.capabilities)


@pytest.mark.every_postgres
@pytest.mark.parametrize("check", checks(PostgresSchemas("").capabilities), ids=str)
def test_postgres_store(check: Check, postgres: str) -> None:
    """
    So does the store on PostgreSQL.
    """
    schemas = PostgresSchemas(postgres)

    check(schemas.make, schemas.capabilities)


@pytest.mark.every_postgres
@pytest.mark.parametrize("check", OF_FAULTS, ids=str)
def test_postgres_store_that_fails(check: Check, postgres: str) -> None:
    """
    It keeps what is promised of faults, of the server and of the network to it.
    """
    with Proxy(postgres) as proxy:
        schemas = PostgresSchemas(proxy.conninfo, timeout=0.05)

        def faults(_: AccountStore) -> PostgresFaults:
            return PostgresFaults(proxy, postgres, schemas.schema)

        check(schemas.make, Capabilities(faults=faults, probing=True))


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Lets every connection that is made from now on fail by a plan.
    """
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", partial(connect, factory=PlannedConnection))


@pytest.mark.parametrize("check", OF_FAULTS, ids=str)
def test_sqlite_store_that_fails(check: Check, tmp_path: Path, planned: None) -> None:
    """
    The store in a SQLite file keeps what is promised of faults.
    """
    # What is busy is given up soon.
    files = SQLiteFiles(tmp_path, timeout=0.01)

    check(files.make, Capabilities(faults=lambda _: SQLiteFaults(files.path), probing=True))


@pytest.mark.parametrize("check", checks(), ids=str)
def test_faulty_store(check: Check) -> None:
    """
    A store wrapped in a `FaultyStore` keeps it as long as the caller sees no fault.
    """
    check(lambda: FaultyStore(MemoryStore(), seed=7, rate=0.5, faults=UNSEEN))


@pytest.mark.parametrize("check", checks(HOSTED), ids=str)
def test_hosted_store(check: Check) -> None:
    """
    A store that takes part in the application's transactions keeps it, with a transaction for
    each call.
    """
    check(lambda: in_transactions(MemoryHost()), HOSTED)


@pytest.mark.parametrize("check", checks(JOINED), ids=str)
def test_joined_sqlite_store(check: Check) -> None:
    """
    The store on a SQLite connection of the application keeps it too, with a transaction for each
    call.
    """
    check(lambda: in_transactions(SQLiteHost()), JOINED)


@pytest.mark.every_postgres
@pytest.mark.parametrize("check", checks(JOINED), ids=str)
def test_joined_postgres_store(check: Check, postgres: str) -> None:
    """
    So does the store on a PostgreSQL connection of the application.
    """
    numbers = count()

    check(lambda: in_transactions(PostgresHost(postgres, f"bank_{next(numbers)}")), JOINED)


@pytest.mark.parametrize("check", OF_HOSTS, ids=str)
def test_sqlite_host(check: Check) -> None:
    """
    What was booked on a SQLite connection of the application shares the fate of its rows.
    """
    check(MemoryStore, Capabilities(host=SQLiteHost))


@pytest.mark.every_postgres
@pytest.mark.parametrize("check", OF_HOSTS, ids=str)
def test_postgres_host(check: Check, postgres: str) -> None:
    """
    So does what was booked on a PostgreSQL connection of the application.
    """
    check(MemoryStore, Capabilities(host=lambda: PostgresHost(postgres, "bank")))


def _seen(store: MemoryStore, reads: ReadSet) -> Snapshot:
    plain = MemoryStore()
    plain._kept = store._kept
    return look(plain, reads)


class OtherwiseRight(MemoryStore):
    """
    Keeps every promise, and does otherwise whatever is its own business: its cursors have the
    name of the store in them, its pages are lists, and what it gives is equal, not the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self._name = f"{id(self)}@"

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        decide(_seen(self, reads))
        return attrs.evolve(super().transact(reads, decide))

    def accounts(
        self, *, after: AccountId | str | None = None, limit: int = 1000
    ) -> Sequence[Account]:
        return list(super().accounts(after=after, limit=limit))

    def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
        place = None
        if after is not None:
            name, _, token = after.token.partition("@")
            if f"{name}@" != self._name:
                raise InvalidCursorError(after.token)
            place = Cursor(token)
        page = super().journal(after=place, limit=limit)
        return Page(page.records, page.next and Cursor(f"{self._name}{page.next.token}"))

    def holds_due(
        self, before: datetime, *, limit: int = 1000
    ) -> Sequence[tuple[AccountId, Hold]]:
        require_limit(limit)
        # At one instant, the other way round.
        due = list(reversed(super().holds_due(before, limit=10_000)))
        due.sort(key=lambda each: each[1].expires_at or NOW)
        return due[:limit]


@pytest.mark.parametrize("check", checks(), ids=str)
def test_a_store_that_does_otherwise(check: Check) -> None:
    """
    A store that keeps its promises in another way keeps them: the kit asks for nothing else.
    """
    check(OtherwiseRight)


# -- The kit itself ----------------------------------------------------------


def test_the_kit_runs_without_pytest() -> None:
    """
    `check_store` runs what applies, and says what was kept and what was not claimed.
    """
    report = check_store(MemoryStore)

    assert [check.name for check in checks()] == list(report.kept)
    assert set(CHECKS) == {*report.kept, *report.not_claimed}
    assert 40 < len(report.kept)


def test_the_kit_names_every_broken_promise() -> None:
    """
    What is raised has each failed check with its promise and with what was found.
    """

    class Forgetful(MemoryStore):
        def outcome(self, transaction_id: TransactionId | str) -> Transaction | Refusal:
            found = super().outcome(transaction_id)
            return attrs.evolve(found, principal="somebody")

    with pytest.raises(BrokenPromisesError) as raised:
        check_store(Forgetful)

    said = str(raised.value)
    assert f"{len(raised.value.failures)} promises of a store are broken:" == said.splitlines()[0]
    for name, error in raised.value.failures.items():
        assert f"\n{name}: {CHECKS[name].promise}\n  {type(error).__name__}: {error}" in said
    assert "refusals_are_records" in raised.value.failures
    assert "limits_have_bounds" not in raised.value.failures


def test_cases_cover_all_that_can_be_recorded() -> None:
    """
    What is written in order to be read back has every kind of command, in transactions and in
    refusals, and every error that can be recorded.
    """
    booked = {type(record.command) for record, _ in command_cases()}
    refused = [record for record, _ in refusal_cases() if isinstance(record, Refusal)]
    kinds = set(COMMANDS)

    assert kinds == booked
    assert kinds == {type(refusal.command) for refusal in refused}
    assert set(RECORDED_ERRORS) == {refusal.code for refusal in refused}


# -- What the stores that ship promise beyond the contract --------------------


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_cursor_is_read_strictly(kind: str, tmp_path: Path) -> None:
    """
    A cursor of the stores that ship is a plain number of at most 18 digits, and nothing like it;
    a place beyond the end is a place.
    """
    with SQLiteStore(tmp_path / "bank.db") as sqlite:
        store = sqlite if kind == "sqlite" else MemoryStore()
        append(store, [refusal("t-1")])
        for token in ("+1", " 1", "1\n", "1_0", "١", "²", "9" * 30, "1" * 100_000):
            with pytest.raises(InvalidCursorError):
                store.journal(after=Cursor(token))
        for token in ("2", "1000", "9" * 18):
            page = store.journal(after=Cursor(token))

            assert ((), Cursor(token)) == (page.records, page.next)


# -- Whatever a command may carry --------------------------------------------

_ids = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", fullmatch=True)
_currencies = st.builds(
    Currency, st.from_regex(r"[A-Z][A-Z0-9]{1,11}", fullmatch=True), exponent=st.integers(0, 18)
)
_descriptions = st.none() | st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=60
)
# UTC has no repeated hour, so `fold` means nothing there and is not kept.
_instants = st.datetimes(timezones=st.just(UTC)).map(lambda instant: instant.replace(fold=0))


@st.composite
def _records(draw: st.DrawFn) -> Refusal:
    currency = draw(_currencies)
    amount = Money.from_minor(draw(st.integers(1, AMOUNT_MINOR_MAX)), currency)
    common: dict[str, Any] = {
        "transaction_id": draw(_ids),
        "booked_at": draw(st.none() | _instants),
        "description": draw(_descriptions),
    }
    source, destination = draw(st.lists(_ids, min_size=2, max_size=2, unique=True))
    command: Command = draw(
        st.sampled_from(
            (
                OpenAccount(source, initial_balance=amount, overdraft_limit=amount, **common),
                Deposit(source, amount, **common),
                Withdraw(source, amount, **common),
                Transfer(source, destination, amount, **common),
            )
        )
    )
    facts = {"account_id": AccountId(source), "available": -amount, "requested": amount}
    return Refusal(
        TransactionId(common["transaction_id"]),
        command,
        draw(_instants),
        "insufficient_funds",
        facts,
        draw(st.none() | st.text(max_size=20)),
    )


class TestFidelity:
    """
    "The journal is transactions and refusals, and it is enough: from its commands, times and
    ids alone, running `decide` again from an empty store gives every account, posting and
    refusal back, exactly."

    For that, each of them must come back from storage as it was written.
    """

    @given(records=st.lists(_records(), max_size=8, unique_by=lambda record: record.id))
    def test_records_come_back(self, records: list[Refusal]) -> None:
        """
        What is appended is what is read, in the same order.
        """
        with (
            tempfile.TemporaryDirectory() as directory,
            SQLiteStore(Path(directory) / "bank.db") as sqlite,
        ):
            for store in (MemoryStore(), sqlite):
                append(store, records)

                assert exactly(records) == exactly(journal_of(store))
