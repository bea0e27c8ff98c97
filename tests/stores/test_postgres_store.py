"""
The store on PostgreSQL alone: what no other store has.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

import psycopg
import pytest

from bankcore import AccountStore, Bank
from bankcore.ledger import verify
from bankcore.stores import JoinedPostgresStore, PostgresStore
from bankcore.testing import Capabilities, check_store
from bankcore.testing._conformance.helpers import eur


@pytest.fixture
def store(postgres: str) -> Iterator[PostgresStore]:
    with PostgresStore(postgres) as made:
        yield made


def test_it_keeps_every_promise_of_a_store(postgres: str) -> None:
    """Each check of the kit has a schema of its own."""
    numbers = count()
    schemas: dict[PostgresStore, str] = {}

    def made() -> PostgresStore:
        schema = f"kit_{next(numbers)}"
        store = PostgresStore(postgres, schema=schema)
        schemas[store] = schema
        return store

    def opener(store: AccountStore) -> Callable[[], AccountStore]:
        assert isinstance(store, PostgresStore)
        return partial(PostgresStore, postgres, schema=schemas[store])

    claims = Capabilities(
        opener=opener,
        processes=True,
        self_checking=True,
        chained=True,
        holder_index=True,
        denial_log=True,
        token_store=True,
        outlining=True,
        probing=True,
        describing=True,
    )
    report = check_store(made, claims)

    assert len(report.kept) > 90


def test_a_deposit_and_the_applications_row_vanish_together(
    store: PostgresStore, postgres: str
) -> None:
    """A unit on the application's connection is undone with its transaction."""
    bank = Bank(store)
    bank.open_account("alice", initial_balance=eur(10))
    with psycopg.connect(postgres) as connection:
        Bank(JoinedPostgresStore(connection)).deposit("alice", eur(5))
        connection.rollback()

    assert bank.account("alice").balance == eur(10)
    assert verify(store).is_clean
