"""
What the store on a connection of the application promises, and what it leaves alone.
"""

import os
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bankcore import AccountId, Bank, TransactionId
from bankcore.commands import Deposit
from bankcore.errors import (
    InsufficientFundsError,
    SchemaVersionError,
    StoreCorruptedError,
    StoreError,
    StoreMisuseError,
    StoreUnavailableError,
    TransactionNotFoundError,
)
from bankcore.ledger import ReadSet, Snapshot, WriteSet, verify
from bankcore.stores import JoinedSQLiteStore, SQLiteStore, migrate
from bankcore.testing._conformance.helpers import NOW, bank_over, eur


def connected(path: Path, **options: Any) -> sqlite3.Connection:
    options = {"isolation_level": None, "timeout": 0, **options}
    made: sqlite3.Connection = sqlite3.connect(path, **options)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    The application's own database, with a table of its own and an account of 100.00 euros.
    """
    made = tmp_path / "shop.db"
    with closing(connected(made)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE invoice (id TEXT)")
        migrate(connection)
        bank_over(JoinedSQLiteStore(connection)).open_account("alice", initial_balance=eur(100))
        connection.execute("COMMIT")
    return made


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connected(path)) as made:
        yield made


def bank_on(connection: sqlite3.Connection) -> Bank:
    return Bank(JoinedSQLiteStore(connection), clock=lambda: NOW)


def balance_in(path: Path) -> int:
    """
    Return what another connection sees, so what was committed.
    """
    with closing(connected(path)) as connection:
        return bank_on(connection).account("alice").balance.amount_minor


def invoices_in(path: Path) -> int:
    with closing(connected(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM invoice").fetchone()[0])


# -- Together ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "expected"), [("COMMIT", (105, 1)), ("ROLLBACK", (100, 0))], ids=str
)
def test_a_deposit_and_a_row_commit_or_vanish_together(
    connection: sqlite3.Connection, path: Path, end: str, expected: tuple[int, int]
) -> None:
    """
    What was booked and the application's own row share their fate.
    """
    connection.execute("BEGIN IMMEDIATE")
    bank_on(connection).deposit("alice", eur(5), transaction_id="t-1")
    connection.execute("INSERT INTO invoice VALUES ('i-1')")
    before = (balance_in(path), invoices_in(path))
    connection.execute(end)

    assert ((100, 0), expected) == (before, (balance_in(path), invoices_in(path)))


def test_a_rolled_back_id_is_unused(connection: sqlite3.Connection) -> None:
    """
    An id whose transaction was rolled back has no outcome, and may be used.
    """
    bank = bank_on(connection)
    connection.execute("BEGIN")
    bank.deposit("alice", eur(5), transaction_id="t-1")
    connection.execute("ROLLBACK")
    with pytest.raises(TransactionNotFoundError):
        bank.transaction("t-1")
    connection.execute("BEGIN")

    assert not bank.withdraw("alice", eur(5), transaction_id="t-1").replayed


def test_a_savepoint_of_the_application_takes_units_along(
    connection: sqlite3.Connection, path: Path
) -> None:
    """
    What was booked inside a savepoint that is rolled back is gone, and what came before stays.
    """
    bank = bank_on(connection)
    connection.execute("BEGIN")
    bank.deposit("alice", eur(1))
    connection.execute("SAVEPOINT mine")
    bank.deposit("alice", eur(10))
    connection.execute("ROLLBACK TO mine")
    connection.execute("RELEASE mine")
    bank.deposit("alice", eur(2))
    connection.execute("COMMIT")

    assert balance_in(path) == 103


@pytest.mark.parametrize(("end", "expected"), [("COMMIT", True), ("ROLLBACK", False)])
def test_a_refusal_is_final_when_the_application_commits(
    connection: sqlite3.Connection, end: str, expected: bool
) -> None:
    """
    A refusal leaves the transaction usable, and is recorded if that commits.
    """
    bank = bank_on(connection)
    connection.execute("BEGIN")
    with pytest.raises(InsufficientFundsError):
        bank.withdraw("alice", eur(500), transaction_id="t-1")
    connection.execute("INSERT INTO invoice VALUES ('i-1')")
    connection.execute(end)
    connection.execute("BEGIN")
    bank.deposit("alice", eur(1000))
    try:
        bank.withdraw("alice", eur(500), transaction_id="t-1")
        is_final = False
    except InsufficientFundsError:
        is_final = True

    assert expected == is_final


def test_the_two_stores_are_one(connection: sqlite3.Connection, path: Path) -> None:
    """
    What is booked through a joined store is sound, as the audit and the checks of SQLite see it.
    """
    connection.execute("BEGIN")
    bank_on(connection).deposit("alice", eur(5))
    connection.execute("COMMIT")
    store = JoinedSQLiteStore(connection)

    assert verify(store).is_clean
    assert () == store.integrity_errors()


def test_what_is_wrong_with_the_applications_own_rows_is_not_its_business(
    connection: sqlite3.Connection,
) -> None:
    """
    A row of the application's that refers to nothing is no disagreement of the bank's.
    """
    connection.execute("CREATE TABLE line (invoice INTEGER REFERENCES receipt (id))")
    connection.execute("CREATE TABLE receipt (id INTEGER PRIMARY KEY)")
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("INSERT INTO line VALUES (7)")
    connection.commit()

    assert connection.execute("PRAGMA foreign_key_check").fetchall()
    assert verify(JoinedSQLiteStore(connection)).is_clean


def test_a_temporary_table_does_not_take_the_money(connection: sqlite3.Connection) -> None:
    """
    Where a temporary table hides one of the store's, nothing is written into it.
    """
    connection.execute("CREATE TEMP TABLE bankcore_posting AS SELECT * FROM bankcore_posting")
    connection.execute("BEGIN")
    with pytest.raises(StoreMisuseError, match="temporary table or view bankcore_posting"):
        bank_on(connection).deposit("alice", eur(5))
    connection.rollback()


# -- What it leaves alone ----------------------------------------------------


@pytest.mark.parametrize("level", [None, "", "DEFERRED", "IMMEDIATE", "EXCLUSIVE"])
def test_any_isolation_level_will_do(path: Path, level: str | None) -> None:
    """
    However the connection begins its transactions, a unit neither begins nor commits one.
    """
    with closing(connected(path, isolation_level=level)) as connection:
        connection.execute("BEGIN")
        bank_on(connection).deposit("alice", eur(5))
        was_open = connection.in_transaction
        connection.rollback()

        assert (True, level) == (was_open, connection.isolation_level)
    assert balance_in(path) == 100


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11 has no autocommit attribute")
@pytest.mark.parametrize("autocommit", [True, False])
def test_either_autocommit_will_do(path: Path, autocommit: bool) -> None:
    """
    The attribute of Python 3.12 changes nothing: the application's commit is what counts.
    """
    with closing(sqlite3.connect(path, autocommit=autocommit)) as connection:  # type: ignore[call-overload,unused-ignore]  # new in Python 3.12
        if autocommit:
            connection.execute("BEGIN")
        bank_on(connection).deposit("alice", eur(5))
        before = balance_in(path)
        if autocommit:
            connection.execute("COMMIT")
        else:
            connection.commit()
    assert (100, 105) == (before, balance_in(path))


@pytest.mark.parametrize("text_factory", [str, bytes, bytearray, lambda text: "never"])
@pytest.mark.parametrize("row_factory", [None, sqlite3.Row, lambda cursor, row: "never"])
@pytest.mark.parametrize("detect_types", [0, sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES])
def test_any_factories_will_do(
    path: Path, text_factory: Any, row_factory: Any, detect_types: int
) -> None:
    """
    Rows and texts are read as they are, and the application's own factories stay.
    """
    with closing(connected(path, detect_types=detect_types)) as connection:
        connection.text_factory = text_factory
        connection.row_factory = row_factory
        connection.execute("BEGIN")
        bank = bank_on(connection)
        bank.open_account("bob", initial_balance=eur(0))
        bank.transfer("alice", "bob", eur(5), transaction_id="t-1")

        assert (eur(5), "t-1") == (bank.account("bob").balance, str(bank.transaction("t-1").id))
        assert (text_factory, row_factory) == (connection.text_factory, connection.row_factory)


@pytest.mark.parametrize("kind", ["TEXT", "INTEGER"])
def test_a_connection_that_converts_our_columns_is_misuse(
    path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where the application has Python convert every text or number, that is said.
    """
    monkeypatch.setitem(sqlite3.converters, kind, lambda value: object())
    with closing(connected(path, detect_types=sqlite3.PARSE_DECLTYPES)) as connection:
        connection.execute("BEGIN")
        with pytest.raises(StoreMisuseError, match=f"converts columns .* {kind}"):
            bank_on(connection).deposit("alice", eur(5))


def test_settings_stay(connection: sqlite3.Connection) -> None:
    """
    Not one setting of the connection is another after a unit than before.
    """
    names = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "busy_timeout")

    def settings() -> list[Any]:
        return [connection.execute(f"PRAGMA {name}").fetchone() for name in names]

    before = settings()
    connection.execute("BEGIN")
    bank_on(connection).deposit("alice", eur(5))
    connection.execute("COMMIT")

    assert before == settings()


def test_no_lock_file_is_made(connection: sqlite3.Connection, path: Path) -> None:
    """
    Who may write is the application's own business, so there is no lock file.
    """
    connection.execute("BEGIN")
    bank_on(connection).deposit("alice", eur(5))

    assert not Path(f"{path}.lock").exists()


# -- What is misuse ----------------------------------------------------------


def _first_id(bank: Bank) -> TransactionId:
    first, *_ = bank.transactions(account_id="alice")
    return first.id


@pytest.mark.parametrize(
    "ask",
    [
        lambda bank: bank.deposit("alice", eur(5)),
        lambda bank: bank.preview([Deposit("alice", eur(5))]),
        lambda bank: bank.can_close("alice"),
        lambda bank: bank.can_reverse(_first_id(bank)),
        lambda bank: bank.reversals(_first_id(bank)),
        lambda bank: bank.reversed_by(_first_id(bank)),
    ],
)
def test_no_transaction_is_misuse(
    connection: sqlite3.Connection, path: Path, ask: Callable[[Bank], object]
) -> None:
    """
    A unit outside of a transaction is refused, and begins none; other reads need none.
    """
    with pytest.raises(StoreMisuseError, match=r"no transaction is open .* BEGIN IMMEDIATE"):
        ask(bank_on(connection))

    assert (False, 100) == (connection.in_transaction, balance_in(path))


def test_what_is_no_connection_is_misuse(path: Path) -> None:
    """
    A path, or a connection of another library, is refused when the store is made.
    """
    with pytest.raises(
        StoreMisuseError, match=r"needs a sqlite3.Connection, .* a pathlib\.PosixPath"
    ):
        JoinedSQLiteStore(path)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("is_checked", [True, False], ids=["checked", "unchecked"])
def test_another_thread_is_misuse(path: Path, is_checked: bool) -> None:
    """
    It is used by the thread that made it alone, whatever the connection allows.
    """
    said: list[BaseException] = []
    with closing(connected(path, check_same_thread=is_checked)) as connection:
        bank = bank_on(connection)

        def use() -> None:
            for call in (lambda: bank.account("alice"), lambda: bank.deposit("alice", eur(1))):
                try:
                    call()
                except StoreMisuseError as error:
                    said.append(error)

        thread = threading.Thread(target=use)
        thread.start()
        thread.join()

    assert ["it belongs to the thread and process that made it; make one for each"] * 2 == [
        error.reason for error in said if isinstance(error, StoreMisuseError)
    ]


def test_a_store_made_in_another_thread_than_its_connection_is_misuse(
    connection: sqlite3.Connection,
) -> None:
    """
    What Python says of a connection of another thread comes as an error of bankcore.
    """
    said: list[str] = []

    def use() -> None:
        try:
            bank_on(connection).account("alice")
        except StoreMisuseError as error:
            said.append(error.reason)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()

    assert len(said) == 1
    assert "thread" in said[0]


def test_another_process_is_misuse(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    After a fork the child may not use the connection.
    """
    bank = bank_on(connection)
    pid = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    with pytest.raises(StoreMisuseError):
        bank.account("alice")


def test_a_closed_connection_is_misuse(path: Path) -> None:
    """
    Nothing can be done on a connection that the application has closed.
    """
    connection = connected(path)
    bank = bank_on(connection)
    connection.close()
    for call in (lambda: bank.account("alice"), lambda: bank.deposit("alice", eur(1))):
        with pytest.raises(StoreMisuseError, match=r"closed database\.$"):
            call()


# -- The schema --------------------------------------------------------------


def test_a_database_without_our_tables_says_what_to_do(tmp_path: Path) -> None:
    """
    Before `migrate` every use names it, and leaves the transaction as it was.
    """
    with closing(connected(tmp_path / "shop.db")) as connection:
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE invoice (id TEXT)")
        bank = bank_on(connection)
        for call in (lambda: bank.account("alice"), lambda: bank.deposit("alice", eur(1))):
            with pytest.raises(SchemaVersionError, match=r"call bankcore\.stores\.migrate"):
                call()
        connection.execute("COMMIT")

        assert [("invoice",)] == connection.execute("SELECT name FROM sqlite_master").fetchall()


@pytest.mark.parametrize("is_read", [True, False], ids=["read", "unit"])
def test_a_newer_schema_is_refused(connection: sqlite3.Connection, is_read: bool) -> None:
    """
    Tables of a newer bankcore are neither read nor written.
    """
    connection.execute("BEGIN")
    connection.execute("UPDATE bankcore_schema SET version = version + 1")
    bank = bank_on(connection)
    call = bank.account if is_read else partial(bank.deposit, amount=eur(1))
    with pytest.raises(SchemaVersionError) as raised:
        call("alice")

    assert (3, 2) == (raised.value.found, raised.value.supported)


# -- Locks and faults --------------------------------------------------------


def test_the_lock_comes_before_the_read(connection: sqlite3.Connection, path: Path) -> None:
    """
    While a unit decides, nobody else can begin to write, though it has written nothing yet.
    """
    said: list[str] = []

    def decide(_: Snapshot) -> WriteSet:
        with closing(connected(path)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                said.append(str(error))
        return WriteSet()

    connection.execute("BEGIN DEFERRED")
    JoinedSQLiteStore(connection).transact(ReadSet((), (AccountId("alice"),)), decide)

    assert ["database is locked"] == said


def test_busy_goes_to_the_application(connection: sqlite3.Connection, path: Path) -> None:
    """
    Where another connection writes, the unit is certainly not done, and the transaction usable.
    """
    bank = bank_on(connection)
    with closing(connected(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        connection.execute("BEGIN")
        with pytest.raises(StoreUnavailableError, match="locked"):
            bank.deposit("alice", eur(5), transaction_id="t-1")
        other.execute("ROLLBACK")
    bank.deposit("alice", eur(5), transaction_id="t-1")
    connection.execute("COMMIT")

    assert balance_in(path) == 105


def test_a_decision_that_fails_is_undone_alone(connection: sqlite3.Connection) -> None:
    """
    A bug in *decide* passes unchanged, and the transaction is as it was before the unit.
    """

    def fail(_: Snapshot) -> WriteSet:
        raise RuntimeError("a bug")

    connection.execute("BEGIN")
    connection.execute("INSERT INTO invoice VALUES ('i-1')")
    with pytest.raises(RuntimeError, match="a bug"):
        JoinedSQLiteStore(connection).transact(ReadSet((), ()), fail)

    assert connection.in_transaction
    assert [("i-1",)] == connection.execute("SELECT id FROM invoice").fetchall()


def test_a_full_disk_rolls_back_everything_and_says_so(
    connection: sqlite3.Connection, path: Path
) -> None:
    """
    SQLite ends the application's transaction on a full disk: the error says that.
    """
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    bank = bank_on(connection)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO invoice VALUES ('i-1')")
    with pytest.raises(StoreUnavailableError) as raised:
        bank.execute([Deposit("alice", eur(1), description="x" * 400)] * 1000)

    assert "the whole transaction of the application was rolled back" in str(raised.value)
    assert not connection.in_transaction
    assert (100, 0) == (balance_in(path), invoices_in(path))


class Faulty(sqlite3.Cursor):
    """
    A cursor that calls `plan` before each statement, and after it.
    """

    plan: Callable[[str], None] | None = None

    def execute(self, statement: str, *parameters: Any) -> "Faulty":
        self._tell(statement)
        super().execute(statement, *parameters)
        if not statement.startswith("RELEASE"):  # which does not fail once it is done
            self._tell(statement)
        return self

    def executemany(self, statement: str, *parameters: Any) -> "Faulty":
        self._tell(statement)
        super().executemany(statement, *parameters)
        self._tell(statement)
        return self

    def _tell(self, statement: str) -> None:
        if Faulty.plan is not None:
            Faulty.plan(statement)


class _At:
    def __init__(self, place: int, error: BaseException, *, again: str = "-") -> None:
        self.place, self.error, self.again = place, error, again
        self.statements: list[str] = []

    def __call__(self, statement: str) -> None:
        self.statements.append(statement)
        if len(self.statements) == self.place or (
            len(self.statements) > self.place and statement.startswith(self.again)
        ):
            raise self.error


def coded(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as planned")
    error.sqlite_errorcode = code
    return error


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Faulty]]:
    monkeypatch.setattr(sqlite3, "Cursor", Faulty)
    yield Faulty
    Faulty.plan = None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (coded(sqlite3.SQLITE_BUSY), StoreUnavailableError),
        (coded(sqlite3.SQLITE_IOERR), StoreUnavailableError),
        (coded(sqlite3.SQLITE_FULL), StoreUnavailableError),
        (coded(sqlite3.SQLITE_INTERRUPT), StoreUnavailableError),
        (coded(sqlite3.SQLITE_CORRUPT), StoreCorruptedError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["BUSY", "IOERR", "FULL", "INTERRUPT", "CORRUPT", "KeyboardInterrupt"],
)
def test_a_fault_at_any_statement_undoes_the_unit_alone(
    path: Path, faulty: type[Faulty], error: BaseException, expected: type[BaseException]
) -> None:
    """
    Whichever statement fails, and how, the unit is gone, the rest of the transaction is there,
    and the same call can be sent again.
    """
    place = 0
    while True:
        place += 1
        with closing(connected(path)) as connection:
            bank = bank_on(connection)
            connection.execute("BEGIN")
            connection.execute("INSERT INTO invoice VALUES ('i-1')")
            plan = faulty.plan = _At(place, error)
            try:
                bank.deposit("alice", eur(5), transaction_id="t-1")
            except expected as raised:
                assert isinstance(raised, StoreError | KeyboardInterrupt)
            faulty.plan = None
            is_reached = len(plan.statements) >= place
            assert is_reached != (bank.account("alice").balance == eur(105))
            bank.deposit("alice", eur(5), transaction_id="t-1")
            assert (True, eur(105)) == (connection.in_transaction, bank.account("alice").balance)
            assert 1 == len(connection.execute("SELECT * FROM invoice").fetchall())
            assert verify(JoinedSQLiteStore(connection)).is_clean
            connection.execute("ROLLBACK")
        if not is_reached:
            break

    assert place > 12


def test_half_a_unit_never_stays(
    connection: sqlite3.Connection, path: Path, faulty: type[Faulty]
) -> None:
    """
    Where a unit can be neither finished nor undone alone, the whole transaction is rolled back.
    """
    connection.execute("BEGIN")
    connection.execute("INSERT INTO invoice VALUES ('i-1')")
    faulty.plan = _At(12, coded(sqlite3.SQLITE_IOERR), again="ROLLBACK TO")
    with pytest.raises(StoreUnavailableError, match="the whole transaction of the application"):
        bank_on(connection).deposit("alice", eur(5))

    assert (False, 100, 0) == (connection.in_transaction, balance_in(path), invoices_in(path))


def test_a_bug_is_told_also_where_the_unit_cannot_be_undone(
    connection: sqlite3.Connection, faulty: type[Faulty]
) -> None:
    """
    What *decide* raised comes through, though nothing could be rolled back.
    """

    def fail(_: Snapshot) -> WriteSet:
        faulty.plan = _At(1, coded(sqlite3.SQLITE_IOERR), again="ROLLBACK")
        raise RuntimeError("a bug")

    connection.execute("BEGIN")
    with pytest.raises(RuntimeError, match="a bug"):
        JoinedSQLiteStore(connection).transact(ReadSet((), ()), fail)


def test_its_repr_names_the_connection(connection: sqlite3.Connection) -> None:
    """
    The repr says what it is joined to.
    """
    assert f"JoinedSQLiteStore({connection!r})" == repr(JoinedSQLiteStore(connection))


def test_a_file_of_the_bank_alone_can_be_joined(tmp_path: Path) -> None:
    """
    The tables are the same: a file that `SQLiteStore` made can be joined to, and the other way.
    """
    with SQLiteStore(tmp_path / "bank.db") as store:
        bank_over(store).open_account("alice", initial_balance=eur(1))
    with closing(connected(tmp_path / "bank.db")) as connection:
        connection.execute("BEGIN")
        bank_on(connection).deposit("alice", eur(2))
        connection.execute("COMMIT")
    with SQLiteStore(tmp_path / "bank.db") as store:
        assert eur(3) == bank_over(store).account("alice").balance
