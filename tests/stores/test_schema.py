"""
The tables as an application makes them: in its own transaction, from version to version.
"""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import alembic.autogenerate
import alembic.migration
import pytest
import sqlalchemy

from bankcore.errors import (
    SchemaVersionError,
    StoreCorruptedError,
    StoreMisuseError,
    StoreUnavailableError,
)
from bankcore.ledger import verify
from bankcore.stores import JoinedSQLiteStore, SQLiteStore, include_object, migrate, schema_sql
from bankcore.stores._sqlite import _migrations as schema
from bankcore.testing._conformance.helpers import bank_over, eur

NEWEST = schema.newest_version()
NEXT = NEWEST + 1


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as made:
        yield made


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A bankcore that is one version further than this one.
    """
    steps = (
        "ALTER TABLE bankcore_account ADD COLUMN colour TEXT",
        "CREATE TABLE bankcore_extra (name TEXT) STRICT",
    )
    monkeypatch.setattr(schema, "STEPS", {**schema.STEPS, NEXT: steps})


def tables_of(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT type, name, tbl_name FROM sqlite_master ORDER BY name"
    ).fetchall()


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT version FROM bankcore_schema").fetchone()[0])


# -- migrate -----------------------------------------------------------------


def test_it_makes_what_the_store_makes(connection: sqlite3.Connection, tmp_path: Path) -> None:
    """
    The tables are those that `SQLiteStore` makes in a file of its own.
    """
    assert migrate(connection) == NEWEST
    SQLiteStore(tmp_path / "bank.db").close()
    with closing(sqlite3.connect(tmp_path / "bank.db")) as other:
        sql = "SELECT sql FROM sqlite_master ORDER BY name"
        assert connection.execute(sql).fetchall() == other.execute(sql).fetchall()


def test_calling_again_changes_nothing(connection: sqlite3.Connection) -> None:
    """
    It is idempotent, and what is in the tables stays.
    """
    connection.execute("BEGIN")
    migrate(connection)
    bank_over(JoinedSQLiteStore(connection)).open_account("alice", initial_balance=eur(1))
    before = tables_of(connection)

    assert (NEWEST, NEWEST) == (migrate(connection), migrate(connection, to=NEWEST))
    assert before == tables_of(connection)
    assert verify(JoinedSQLiteStore(connection)).is_clean


@pytest.mark.parametrize(("end", "expected"), [("COMMIT", NEWEST), ("ROLLBACK", 0)])
def test_it_is_part_of_the_callers_transaction(
    connection: sqlite3.Connection, end: str, expected: int
) -> None:
    """
    In an open transaction nothing is final before the caller commits.
    """
    connection.execute("BEGIN")
    migrate(connection)
    was_open = connection.in_transaction
    connection.execute(end)

    assert (True, expected) == (was_open, schema.version_in(connection))


def test_without_a_transaction_it_makes_its_own(connection: sqlite3.Connection) -> None:
    """
    Where the caller has begun nothing, all is committed when it returns.
    """
    migrate(connection)

    assert (False, NEWEST) == (connection.in_transaction, version_of(connection))


def _statements(connection: sqlite3.Connection) -> list[str]:
    told: list[str] = []
    connection.set_trace_callback(told.append)
    migrate(connection)
    connection.set_trace_callback(None)
    return told


class _Failing(sqlite3.Connection):
    """
    A connection whose *place*-th statement fails, and so many after it that *length* fail.
    """

    place = 0
    length = 1
    count = 0

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        self.count += 1
        if self.place <= self.count < self.place + self.length:
            error = sqlite3.OperationalError("as planned")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return super().execute(statement, *parameters)


@pytest.mark.parametrize("is_joined", [True, False], ids=["joined", "alone"])
def test_a_failure_at_any_statement_leaves_nothing(tmp_path: Path, is_joined: bool) -> None:
    """
    Whichever statement fails, the database is as before, and calling again does it.
    """
    place = 0
    while True:
        place += 1
        with closing(
            sqlite3.connect(tmp_path / f"{place}.db", isolation_level=None, factory=_Failing)
        ) as connection:
            connection.execute("CREATE TABLE invoice (id TEXT)")
            if is_joined:
                connection.execute("BEGIN")
            before = tables_of(connection)
            connection.place = connection.count + place
            try:
                migrate(connection)
                break
            except StoreUnavailableError:
                assert before == tables_of(connection)
                assert is_joined == connection.in_transaction
            assert migrate(connection) == NEWEST

    assert place > sum(map(len, schema.STEPS.values()))


def test_what_cannot_be_undone_alone_takes_the_transaction_with_it(tmp_path: Path) -> None:
    """
    Where the way back to the savepoint fails too, nothing is left that could be committed.
    """
    with closing(
        sqlite3.connect(tmp_path / "shop.db", isolation_level=None, factory=_Failing)
    ) as connection:
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE invoice (id TEXT)")
        connection.place, connection.length = connection.count + 5, 2
        with pytest.raises(StoreUnavailableError):
            migrate(connection)

        assert (False, []) == (connection.in_transaction, tables_of(connection))


_DYING = """
import os, signal, sqlite3, sys
from bankcore.stores import migrate
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
told = 0
def tell(statement):
    global told
    told += 1
    if told == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
connection.set_trace_callback(tell)
migrate(connection)
"""


@pytest.mark.parametrize("place", [1, 3, 7, -1], ids=["first", "early", "later", "at the commit"])
def test_a_death_in_the_middle_leaves_nothing(tmp_path: Path, place: int) -> None:
    """
    A process that is killed while it migrates leaves the database as before.
    """
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        count = len(_statements(memory))
    died = subprocess.run(
        [sys.executable, "-c", _DYING, str(path), str(place if place > 0 else count)],
        check=False,
        env={**os.environ, "COVERAGE_PROCESS_START": ""},
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert (-signal.SIGKILL, []) == (died.returncode, tables_of(connection))
        assert migrate(connection) == NEWEST


# -- Versions ----------------------------------------------------------------


@pytest.mark.usefixtures("next_version")
def test_an_older_version_is_brought_forward(connection: sqlite3.Connection) -> None:
    """
    From an older version the steps of the newer ones are run, and what is in the tables stays.
    """
    migrate(connection, to=1)
    connection.execute(
        "INSERT INTO bankcore_account VALUES"
        " (1, 'alice', 'EUR', 2, 0, 0, 0, 'open', 1, 0, 'none', NULL, NULL, NULL, zeroblob(32))"
    )

    assert (1, NEXT, NEXT) == (
        *(version_of(connection), migrate(connection)),
        version_of(connection),
    )
    assert [("alice", None, None)] == connection.execute(
        "SELECT id, metadata, colour FROM bankcore_account"
    ).fetchall()


@pytest.mark.usefixtures("next_version")
def test_an_empty_database_gets_all_versions(connection: sqlite3.Connection) -> None:
    """
    Where there is nothing, every step is run in turn.
    """
    assert (NEXT, NEXT) == (migrate(connection), version_of(connection))


def test_an_older_file_is_brought_forward_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A store that owns its file brings its tables to the newest version, and keeps what is in them.
    """
    path = tmp_path / "bank.db"
    with SQLiteStore(path) as store:
        bank_over(store).open_account("alice", initial_balance=eur(1))
    steps = ("ALTER TABLE bankcore_account ADD COLUMN colour TEXT",)
    monkeypatch.setattr(schema, "STEPS", {**schema.STEPS, NEXT: steps})
    for _ in range(2):
        with SQLiteStore(path) as store:
            assert (NEXT, eur(1)) == (
                store.describe().schema_version,
                store.account("alice").balance,
            )
            assert verify(store).is_clean


def test_a_file_that_cannot_be_brought_forward_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where a step fails, the store does not open, and the file is of the older version.
    """
    path = tmp_path / "bank.db"
    SQLiteStore(path).close()
    steps = ("CREATE TABLE bankcore_extra (name TEXT) STRICT", "CREATE TABLE bankcore_hold (id)")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "STEPS", {**schema.STEPS, NEXT: steps})
        with pytest.raises(StoreMisuseError, match="bankcore_hold already exists"):
            SQLiteStore(path)
    with SQLiteStore(path) as store:
        assert NEWEST == store.describe().schema_version
        assert verify(store).is_clean


def test_older_tables_of_an_application_are_refused_until_it_migrates(
    connection: sqlite3.Connection,
) -> None:
    """
    In a database that the application owns nothing migrates by itself, and the error says what
    to do.
    """
    migrate(connection, to=1)
    with pytest.raises(SchemaVersionError, match=r"version 1, .* call bankcore\.stores\.migrate"):
        JoinedSQLiteStore(connection).accounts()
    migrate(connection)

    assert () == JoinedSQLiteStore(connection).accounts()


def test_a_newer_version_is_refused(connection: sqlite3.Connection) -> None:
    """
    What a newer bankcore wrote is left as it is.
    """
    migrate(connection)
    connection.execute("UPDATE bankcore_schema SET version = version + 1")
    with pytest.raises(SchemaVersionError, match="upgrade bankcore"):
        migrate(connection)

    assert version_of(connection) == NEXT


@pytest.mark.usefixtures("next_version")
def test_there_is_no_way_back(connection: sqlite3.Connection) -> None:
    """
    A version before the one that is there is refused.
    """
    migrate(connection)
    with pytest.raises(
        StoreMisuseError, match=f"have schema version {NEXT}, and there is no way back to 1"
    ):
        migrate(connection, to=1)


@pytest.mark.parametrize("version", [0, NEXT, -1, True, "1", 1.0])
def test_an_unknown_version_is_refused(connection: sqlite3.Connection, version: Any) -> None:
    """
    Only the versions that this bankcore knows can be asked for.
    """
    with pytest.raises(StoreMisuseError, match=f"there is no version .*, only 1 to {NEWEST}"):
        migrate(connection, to=version)
    with pytest.raises(StoreMisuseError):
        schema_sql(version)


# -- What stands in the way --------------------------------------------------


def test_tables_of_our_names_are_not_overwritten(connection: sqlite3.Connection) -> None:
    """
    Where a table of that name is there and is not ours, nothing is done.
    """
    connection.execute("CREATE TABLE bankcore_hold (id TEXT)")
    with pytest.raises(StoreMisuseError, match="bankcore_hold already exists"):
        migrate(connection)

    assert [("table", "bankcore_hold", "bankcore_hold")] == tables_of(connection)


@pytest.mark.parametrize("rows", [0, 2])
def test_there_is_one_version(connection: sqlite3.Connection, rows: int) -> None:
    """
    A schema table without its one row is damage.
    """
    migrate(connection)
    connection.execute("DELETE FROM bankcore_schema")
    connection.executemany("INSERT INTO bankcore_schema VALUES (?)", [(1,)] * rows)
    with pytest.raises(StoreCorruptedError, match=f"{rows} schema versions"):
        migrate(connection)


def test_a_busy_database_is_unavailable(tmp_path: Path) -> None:
    """
    Another writer makes it certainly not done.
    """
    path = tmp_path / "shop.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError, match="locked"):
            migrate(connection)


def test_what_is_no_database_is_damage(tmp_path: Path) -> None:
    """
    A file that is something else is told from one that is busy.
    """
    path = tmp_path / "shop.db"
    path.write_bytes(b"not a database" * 100)
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as connection,
        pytest.raises(StoreCorruptedError, match="not a database"),
    ):
        migrate(connection)


@pytest.mark.parametrize("wrong", ["shop.db", None, 7])
def test_something_else_is_no_connection(wrong: Any) -> None:
    """
    What is no connection of sqlite3's is told so.
    """
    wanted = r"it needs a sqlite3\.Connection or a psycopg\.Connection, .*, got ('shop|None;|7)"
    with pytest.raises(StoreMisuseError, match=wanted):
        migrate(wrong)


def test_a_closed_connection_is_misuse(connection: sqlite3.Connection) -> None:
    """
    What Python says of the connection comes as an error of bankcore.
    """
    connection.close()
    with pytest.raises(StoreMisuseError, match=r"closed database\.$"):
        migrate(connection)


# -- As text -----------------------------------------------------------------


def test_the_text_makes_the_same_tables(connection: sqlite3.Connection) -> None:
    """
    `schema_sql` run by any tool comes to what `migrate` makes.
    """
    connection.executescript(schema_sql())
    with closing(sqlite3.connect(":memory:")) as other:
        migrate(other)
        assert tables_of(other) == tables_of(connection)
    connection.execute("BEGIN")
    bank_over(JoinedSQLiteStore(connection)).open_account("alice", initial_balance=eur(1))

    assert verify(JoinedSQLiteStore(connection)).is_clean


@pytest.mark.usefixtures("next_version")
def test_the_text_of_any_version(connection: sqlite3.Connection) -> None:
    """
    The text of a version is all that leads to it.
    """
    connection.executescript(schema_sql(NEXT))

    assert ("colour" in schema_sql(NEXT), "colour" in schema_sql(NEWEST)) == (True, False)
    assert (NEXT, NEXT) == (version_of(connection), migrate(connection))


# -- Alembic -----------------------------------------------------------------


@pytest.mark.parametrize("is_kept_off", [True, False], ids=["with", "without"])
def test_alembic_leaves_our_tables_alone(tmp_path: Path, is_kept_off: bool) -> None:
    """
    With `include_object`, Alembic proposes the application's own changes only; without it, it
    would drop our tables.
    """
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    metadata = sqlalchemy.MetaData()
    sqlalchemy.Table("invoice", metadata, sqlalchemy.Column("id", sqlalchemy.Text))
    options = {"include_object": include_object} if is_kept_off else {}
    with engine.connect() as connection:
        migrate(connection.connection)
        connection.exec_driver_sql("CREATE TABLE voucher (id TEXT)")
        context = alembic.migration.MigrationContext.configure(connection, opts=options)
        changes = alembic.autogenerate.compare_metadata(context, metadata)
    engine.dispose()
    touched = {(change[0], change[1].name) for change in changes}

    assert {("add_table", "invoice"), ("remove_table", "voucher")} <= touched
    assert is_kept_off == (not any(name.startswith("bankcore") for _, name in touched))
