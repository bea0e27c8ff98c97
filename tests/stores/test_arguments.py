"""
The stores that ship take ids as text, as the bank does, and name an argument that is of no use.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, cast

import pytest

from bankcore import AccountId, InvalidRequestError, TransactionId
from bankcore.errors import (
    InvalidCursorError,
    InvalidIdError,
    InvalidLimitError,
    InvalidTimeError,
    InvalidVersionError,
)
from bankcore.ledger import Cursor
from bankcore.stores import JoinedSQLiteStore, MemoryStore, SQLiteStore, migrate
from bankcore.testing._conformance.helpers import NOW, bank_over, eur
from bankcore.values import PrincipalId

ALICE: Final = AccountId("alice")
NAIVE: Final = datetime(2026, 5, 1, 12)  # noqa: DTZ001  # an input under test


def joined(directory: Path) -> Iterator[JoinedSQLiteStore]:
    with closing(sqlite3.connect(directory / "app.db", isolation_level=None)) as connection:
        migrate(connection)
        connection.execute("BEGIN")
        yield JoinedSQLiteStore(connection)


@pytest.fixture(params=["memory", "sqlite", "joined"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """
    Each store, with two accounts; bob is held by mary, and has a hold that expires.
    """

    def filled(empty: Any) -> Any:
        bank = bank_over(empty)
        bank.open_account("alice", initial_balance=eur(5), transaction_id="t-1")
        bank.open_account("bob", initial_balance=eur(5), holder="mary", transaction_id="t-2")
        bank.place_hold("bob", eur(1), expires_at=NOW + timedelta(days=1), transaction_id="t-3")
        return empty

    if request.param == "memory":
        yield filled(MemoryStore())
    elif request.param == "sqlite":
        with SQLiteStore(tmp_path / "bank.db") as made:
            yield filled(made)
    else:
        for made_in_host in joined(tmp_path):
            yield filled(made_in_host)


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        (lambda store, given: store.account(given), "alice", ALICE),
        (lambda store, given: store.accounts(after=given), "alice", ALICE),
        (lambda store, given: store.outcome(given), "t-1", TransactionId("t-1")),
        (lambda store, given: store.history(given), "bob", AccountId("bob")),
        (lambda store, given: store.history(given, after=1), "bob", AccountId("bob")),
        (lambda store, given: store.posting_at(given, NOW), "alice", ALICE),
        (lambda store, given: store.chain_head(given), "alice", ALICE),
        (lambda store, given: store.accounts_of(given), "mary", PrincipalId("mary")),
        (lambda store, given: store.accounts_of("mary", after=given), "alice", ALICE),
    ],
)
def test_an_id_may_be_text(
    store: Any, read: Callable[[Any, object], object], name: str, value: object
) -> None:
    """
    The answer is that for the id which the text stands for, and there is one.
    """
    found = read(store, name)

    assert found
    assert read(store, value) == found


NO_ID: Final = (5, None, b"alice", "a b", "", PrincipalId("alice"), ["alice"])
NO_INSTANT: Final = (NAIVE, date(2026, 5, 1), "2026-05-01T12:00:00Z", None, 5)
# The third is beyond the largest integer of SQLite.
NO_CURSOR: Final = ("1", Cursor("x"), Cursor("9" * 19), Cursor(cast("str", 1)), 1)
ARGUMENTS: Final[list[tuple[str, str, dict[str, object], Any, tuple[object, ...]]]] = [
    ("account", "account_id", {}, InvalidIdError, NO_ID),
    ("accounts", "after", {}, InvalidIdError, NO_ID),
    ("accounts", "limit", {}, InvalidLimitError, (0, "5", None, True)),
    ("outcome", "transaction_id", {}, InvalidIdError, (*NO_ID, ALICE)),
    ("history", "account_id", {}, InvalidIdError, NO_ID),
    ("history", "after", {"account_id": "bob"}, InvalidVersionError, ("1", None, True, 1.0)),
    ("history", "limit", {"account_id": "bob"}, InvalidLimitError, (0, "5", None, True)),
    ("journal", "after", {}, InvalidCursorError, NO_CURSOR),
    ("journal", "limit", {}, InvalidLimitError, (0, "5", None, True)),
    ("posting_at", "account_id", {"instant": NOW}, InvalidIdError, NO_ID),
    ("posting_at", "instant", {"account_id": "bob"}, InvalidTimeError, NO_INSTANT),
    ("holds_due", "before", {}, InvalidTimeError, NO_INSTANT),
    ("holds_due", "limit", {"before": NOW}, InvalidLimitError, (0, "5", None, True)),
    ("accounts_of", "holder", {}, InvalidIdError, (5, None, b"mary", "a b", "", ALICE)),
    ("accounts_of", "after", {"holder": "mary"}, InvalidIdError, NO_ID),
    ("accounts_of", "limit", {"holder": "mary"}, InvalidLimitError, (0, "5", None, True)),
    ("chain_head", "account_id", {}, InvalidIdError, NO_ID),
    ("chained_journal", "after", {}, InvalidCursorError, ("1", 1, Cursor("x"))),
]


@pytest.mark.parametrize(
    ("method", "name", "others", "error", "value"),
    [
        (method, name, others, error, value)
        for method, name, others, error, values in ARGUMENTS
        for value in values
        # A first page has nothing before it.
        if not (name == "after" and value is None and error is InvalidIdError)
    ],
)
def test_a_wrong_argument_is_named(
    store: Any,
    method: str,
    name: str,
    others: dict[str, object],
    error: type[InvalidRequestError],
    value: object,
) -> None:
    """
    What is no id, instant, version, cursor or limit is an invalid request, about that argument.
    """
    with pytest.raises(error) as caught:
        getattr(store, method)(**others, **{name: value})

    assert name == caught.value.field
    assert str(caught.value).startswith(f"{name} ")


def test_an_instant_may_be_of_any_zone(store: Any) -> None:
    """
    What counts is the moment.
    """
    elsewhere = timezone(timedelta(hours=-5))

    assert store.posting_at("bob", NOW) == store.posting_at("bob", NOW.astimezone(elsewhere))
    assert 1 == len(store.holds_due((NOW + timedelta(days=2)).astimezone(elsewhere)))
