"""
What the page on growth says of tables, indexes and settings is so.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bankcore import Bank
from bankcore.accounts import Right
from bankcore.stores import PostgresStore
from bankcore.stores._postgres import _store
from bankcore.stores._postgres._wire import run
from bankcore.testing._conformance.helpers import eur

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "growth.md"
AT = datetime(2026, 1, 1, tzinfo=UTC)

Asked = list[tuple[str, Sequence[object]]]


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    with PostgresStore(postgres) as made:
        bank = Bank(made)
        for name in ("alice", "bob"):
            bank.open_account(name, initial_balance=eur(1000))
        bank.transfer("alice", "bob", eur(1), transaction_id="t-1")
        bank.grant_access("alice", "mary", [Right.READ])
        bank.place_hold("alice", eur(1), expires_at=datetime(2099, 1, 1, tzinfo=UTC))
        yield made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """
    The statements that a store sends.
    """
    statements: Asked = []

    def noting(connection: Any, prepared: Any, *sent: Any, **options: Any) -> Any:
        statements.extend(sent)
        return run(connection, prepared, *sent, **options)

    monkeypatch.setattr(_store, "run", noting)
    return statements


QUESTIONS: dict[str, Callable[[PostgresStore], object]] = {
    "a record": lambda store: store.outcome("t-1"),
    "an account": lambda store: store.account("alice"),
    "an account's history": lambda store: store.history("alice", after=1),
    "a balance at a time": lambda store: store.posting_at("alice", AT),
    "the journal": lambda store: store.journal(after=store.journal(limit=2).next),
    "holds that are due": lambda store: store.holds_due(AT),
    "a holder's accounts": lambda store: store.accounts_of("mary"),
    "a deposit": lambda store: Bank(store).deposit("alice", eur(1)),
    "a transfer": lambda store: Bank(store).transfer("alice", "bob", eur(1)),
    "a reversal": lambda store: Bank(store).reverse("t-1"),
    "a hold": lambda store: Bank(store).place_hold("alice", eur(1)),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_reads_a_whole_table(
    store: PostgresStore, postgres: str, asked: Asked, question: str
) -> None:
    """
    Each is answered by an index: where there is none, PostgreSQL reads the table in spite of all.
    """
    QUESTIONS[question](store)
    reading = [each for each in asked if re.match(r"\s*(SELECT|WITH|UPDATE|DELETE)\b", each[0])]

    assert reading
    with psycopg.connect(postgres) as connection:
        connection.execute("SET enable_seqscan = off")
        for statement, parameters in reading:
            plan = "\n".join(
                line for (line,) in run(connection, None, (f"EXPLAIN {statement}", parameters))[0]
            )
            assert "Seq Scan on bankcore_" not in plan


def test_the_tables_have_the_settings_that_the_page_names(
    store: PostgresStore, postgres: str
) -> None:
    """Those that are "made so"."""
    text = PAGE.read_text("utf-8")
    rows = [line for line in text.splitlines() if line.endswith("|") and "made so" in line]
    named = {
        table: set(re.findall(r"`(\w+) = ([\d.]+)`", row))
        for row in rows
        for table in re.findall(r"`(bankcore_\w+)`", row.split("|")[2])
    }
    with psycopg.connect(postgres) as connection:
        found = {
            table: {tuple(option.split("=")) for option in options}
            for table, options in connection.execute(
                "SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL"
                " AND relnamespace = 'bankcore'::regnamespace"
            )
        }

    assert named
    assert named == found


def test_a_booking_touches_no_index_of_accounts(store: PostgresStore, postgres: str) -> None:
    """Nearly all updates of accounts stay on their page."""
    for _ in range(100):
        Bank(store).deposit("alice", eur(1))
    with store._connections.lent() as (connection, _):
        connection.execute("SELECT pg_stat_force_next_flush()")
    with psycopg.connect(postgres, autocommit=True) as connection:
        row = None
        while row is None or row[0] < 100:
            row = connection.execute(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables"
                " WHERE relname = 'bankcore_account' AND schemaname = 'bankcore'"
            ).fetchone()

    assert row[1] >= 0.95 * row[0]
