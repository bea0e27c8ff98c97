"""
The roles of the guide "Grant rights in PostgreSQL": what each may do, and what it is told.

The statements are those of the guide, under names that no other test uses.
"""

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bankcore import Bank
from bankcore.access import Tokens
from bankcore.errors import SchemaVersionError, StoreMisuseError
from bankcore.io import export_journal
from bankcore.ledger import verify
from bankcore.stores import JoinedPostgresStore, MemoryStore, PostgresStore, migrate, schema_sql
from bankcore.testing._conformance.helpers import eur
from test_journal import PRINCIPALS, lived_by_several

_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "grant-rights-in-postgresql.md"
MAKE_ROLES, MAKE_SCHEMA, GRANT = re.findall(r"(?s)```sql\n(.*?)```", _GUIDE.read_text("utf-8"))


@attrs.frozen
class Roles:
    """
    A database with the three roles, and the statements of the guide for a bank in it.
    """

    conninfo: str
    suffix: str

    def named(self, statements: str, schema: str = "bankcore") -> str:
        """
        Return the statements with the test's own names of roles, and for the schema.
        """
        own = re.sub(r"bankcore_(owner|writer|reader)", rf"\1_{self.suffix}", statements)
        return re.sub(
            r"bankcore\.|(?<=SCHEMA )bankcore", lambda m: m[0].replace("bankcore", schema), own
        )

    def run(self, statements: str, role: str | None = None, schema: str = "bankcore") -> None:
        conninfo = self.conninfo if role is None else self.of(role)
        with closing(psycopg.connect(conninfo, autocommit=True)) as connection:
            connection.execute(self.named(statements, schema).encode())

    def of(self, role: str) -> str:
        """
        Return how to reach the database in this role.
        """
        return make_conninfo(self.conninfo, options=f"-c role={role}_{self.suffix}")

    def make_tables(self, schema: str = "bankcore") -> None:
        self.run(MAKE_SCHEMA, schema=schema)
        with closing(psycopg.connect(self.of("owner"))) as connection:
            migrate(connection, schema=schema)
            connection.commit()
        self.run(GRANT, "owner", schema)


@pytest.fixture
def roles(postgres: str) -> Iterator[Roles]:
    made = Roles(postgres, secrets.token_hex(6))
    made.run(MAKE_ROLES)
    yield made
    names = made.named("bankcore_owner, bankcore_writer, bankcore_reader")
    made.run(f"DROP OWNED BY {names} CASCADE; DROP ROLE {names}")


def test_a_writer_does_all_that_a_bank_does(roles: Roles) -> None:
    """
    Every command by every kind of principal, tokens, denials, probes, audits and exports.
    """
    roles.make_tables()
    memory = MemoryStore()
    with PostgresStore(roles.of("writer")) as store:
        for each in (store, memory):
            lived_by_several(each)
        tokens = Tokens(store)
        issued = tokens.issue(PRINCIPALS["mary"])
        tokens.revoke(issued.id)
        store.probe()

        assert list(export_journal(memory)) == list(export_journal(store))
        assert verify(store).is_clean
        assert store.denials()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bankcore.bankcore_journal SET command = '{}'",
        "DELETE FROM bankcore.bankcore_journal",
        "TRUNCATE bankcore.bankcore_journal",
        "UPDATE bankcore.bankcore_posting SET amount_minor = 1",
        "DELETE FROM bankcore.bankcore_posting",
        "DELETE FROM bankcore.bankcore_account",
        "UPDATE bankcore.bankcore_account SET currency = 'USD'",
        "UPDATE bankcore.bankcore_token SET digest = ''",
        "DELETE FROM bankcore.bankcore_token",
        "UPDATE bankcore.bankcore_schema SET version = 9",
        "INSERT INTO bankcore.bankcore_schema VALUES (9)",
        "SELECT setval('bankcore.bankcore_unit', 1)",
        "CREATE TABLE bankcore.bankcore_other (id int)",
        "DROP TABLE bankcore.bankcore_denial",
        "ALTER TABLE bankcore.bankcore_journal DISABLE TRIGGER ALL",
        "CREATE SCHEMA other",
    ],
)
def test_what_neither_writer_nor_reader_may(roles: Roles, statement: str) -> None:
    """
    No role but the owner's changes what is booked, or the tables.
    """
    roles.make_tables()
    for role in ("writer", "reader"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            roles.run(statement, role)


@pytest.mark.parametrize("table", ["journal", "posting"])
def test_the_owner_is_stopped_by_triggers(roles: Roles, table: str) -> None:
    """
    The owner may do anything, and what only grows is guarded against accidents.
    """
    roles.make_tables()
    with pytest.raises(psycopg.errors.RaiseException, match="is append-only"):
        roles.run(f"DELETE FROM bankcore.bankcore_{table}", "owner")


def test_a_reader_reads_and_audits(roles: Roles) -> None:
    """
    It opens the store and finds everything, and whatever it wants to write is refused.
    """
    roles.make_tables()
    with PostgresStore(roles.of("writer")) as store:
        bank = Bank(store)
        bank.open_account("alice", initial_balance=eur(5))
        bank.place_hold("alice", eur(1))
        checkpoint = bank.checkpoint()
    with PostgresStore(roles.of("reader")) as store:
        reading = Bank(store)
        attempts: list[Callable[[], Any]] = [
            lambda: reading.deposit("alice", eur(1)),
            lambda: reading.open_account("bob", initial_balance=eur(1)),
            lambda: Tokens(store).issue(PRINCIPALS["mary"]),
            lambda: list(Tokens(store).tokens()),
            store.probe,
        ]

        assert eur(5) == reading.account("alice").balance
        assert [eur(1)] == [hold.left for hold in reading.holds("alice")]
        assert 1 == len(reading.statement("alice").lines)
        assert verify(store, against=checkpoint).is_clean
        assert store.describe().schema_version == 1
        for attempt in attempts:
            with pytest.raises(
                StoreMisuseError,
                match="its role may not do that; PostgreSQL says: permission denied for",
            ):
                attempt()


def test_where_there_are_no_tables(roles: Roles) -> None:
    """
    A writer is told whose work they are; who may make them makes them.
    """
    told = (
        "its role may not do that; PostgreSQL says: permission denied for .*; the schema bankcore"
        r" has no tables of bankcore, which their owner makes by bankcore\.stores\.migrate"
    )
    with pytest.raises(StoreMisuseError, match=told):
        PostgresStore(roles.of("writer"))
    with pytest.raises(SchemaVersionError, match="no tables of bankcore"):
        PostgresStore(roles.of("writer"), create=False)
    roles.run(MAKE_SCHEMA)
    with pytest.raises(StoreMisuseError, match=told):
        PostgresStore(roles.of("writer"))
    with PostgresStore(roles.of("owner")):
        pass
    with pytest.raises(StoreMisuseError, match="permission denied for schema bankcore"):
        PostgresStore(roles.of("writer"))


def test_the_owner_makes_them_from_the_text(roles: Roles) -> None:
    """
    The text of the tables is as good as the call, by whichever tool it is run.
    """
    roles.run(MAKE_SCHEMA)
    _, tables = schema_sql(engine="postgres").split(";\n", 1)
    roles.run(tables, "owner")
    roles.run(GRANT, "owner")
    with PostgresStore(roles.of("writer")) as store:
        Bank(store).open_account("alice", initial_balance=eur(5))

        assert verify(store).is_clean


def test_two_tenants(roles: Roles) -> None:
    """
    Two schemas are two banks: equal ids, other money, and neither audit sees the other.
    """
    for number, schema in enumerate(("north", "south"), 1):
        roles.make_tables(schema)
        with PostgresStore(roles.of("writer"), schema=schema) as store:
            bank = Bank(store)
            bank.open_account("alice", initial_balance=eur(number), transaction_id="t-1")
            bank.deposit("alice", eur(number), transaction_id="t-2")
    with closing(psycopg.connect(roles.of("writer"))) as connection:
        for schema in ("north", "south"):
            Bank(JoinedPostgresStore(connection, schema=schema)).withdraw("alice", eur(1))
        connection.commit()
    balances = []
    for schema in ("north", "south"):
        with PostgresStore(roles.of("reader"), schema=schema) as store:
            report = verify(store)
            balances.append(Bank(store).account("alice").balance)

            assert (1, 3, True) == (report.accounts, report.transactions, report.is_clean)
    assert [eur(1), eur(3)] == balances
    roles.run("REVOKE USAGE ON SCHEMA bankcore FROM bankcore_writer", schema="north")
    with pytest.raises(StoreMisuseError, match="permission denied for schema north"):
        PostgresStore(roles.of("writer"), schema="north")
    with PostgresStore(roles.of("writer"), schema="south"):
        pass
