"""
The process dies at every SQL statement of every write: all or nothing, and a retry tells.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Final

import children
import pytest
from children import NOW, WRITES, bank_over, eur

from bankcore import Account, BankError
from bankcore.errors import StoreCorruptedError
from bankcore.ledger import Refusal, Transaction, verify
from bankcore.stores import SQLiteStore

Contents = tuple[tuple[Account, ...], tuple[Transaction | Refusal, ...]]

#: The fewest statements that a write consists of: begin, two look-ups, records, commit.
STATEMENTS_MIN: Final = 5


@pytest.fixture(scope="module")
def server() -> Iterator[children.Server]:
    with children.server() as running:
        yield running


@pytest.fixture(scope="module", params=["wal", "truncate"])
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A closed store with three accounts, two holds, one of them due, and some history; whoever
    opens it keeps its journal mode.
    """
    path = tmp_path_factory.mktemp("template") / "bank.db"
    with SQLiteStore(path, journal_mode=request.param) as store:
        yesterday = NOW - timedelta(days=1)
        bank = bank_over(store, now=yesterday)
        bank.open_account("alice", initial_balance=eur(90), transaction_id="t-1")
        bank.open_account("bob", initial_balance=eur(100), transaction_id="t-2")
        bank.open_account("dave", initial_balance=eur(5), transaction_id="t-4")
        bank.transfer("bob", "alice", eur(20), transaction_id="t-3")
        bank.place_hold("alice", eur(10), transaction_id="h-1")
        bank.place_hold(
            "bob", eur(10), expires_at=yesterday + timedelta(hours=1), transaction_id="h-2"
        )
    return path


def _contents(store: SQLiteStore) -> Contents:
    return tuple(store.accounts()), store.journal().records


def _settle(store: SQLiteStore, write: str) -> list[str]:
    """
    Do the write; the outcomes in words that do not say whether they are replays.
    """
    commands, is_atomic = WRITES[write]
    try:
        outcomes = bank_over(store).execute(commands, atomic=is_atomic)
    except BankError as error:
        return [f"{error!r} {error.unused_ids}"]
    return [repr(outcome).replace("replayed=True", "replayed=False") for outcome in outcomes]


def _deaths(
    server: children.Server, path: Path, write: str, point: int, *, is_eager: bool = False
) -> tuple[str, str]:
    """
    Let a child die in the middle of the *write*: when, and at which statement.
    """
    arguments = {"path": str(path), "write": write, "point": point, "is_eager": is_eager}
    # The child may speak before the server has said that there is one.
    said = list(server.ask(("write_and_die", arguments)))
    (death,) = (line for line in said if "when" in line)

    assert [-signal.SIGKILL] == said[-1]["ended"]
    return death["when"], death.get("statement", "")


@pytest.mark.parametrize("write", WRITES)
def test_a_death_at_any_statement_is_all_or_nothing(
    server: children.Server, template: Path, tmp_path: Path, write: str
) -> None:
    """
    Whatever statement a process dies before or after: opened again, the store has all of the
    write or nothing of it, its audit is clean, and the same ids come to the same outcome.
    """
    shutil.copy(template, tmp_path / "reference.db")
    with SQLiteStore(tmp_path / "reference.db") as reference:
        before = _contents(reference)
        outcomes = _settle(reference, write)
        after = _contents(reference)
    points = []
    is_committed = False
    for point in count(1):
        path = tmp_path / f"{point}.db"
        shutil.copy(template, path)
        when, statement = _deaths(server, path, write, point)
        points.append((when, statement))
        is_committed = is_committed or points[-1] == ("after", "COMMIT") or when == "never"
        with SQLiteStore(path) as store:
            assert (after if is_committed else before) == _contents(store)
            assert () == verify(store).disagreements
            assert outcomes == _settle(store, write)
            assert after == _contents(store)
            assert () == verify(store).disagreements
        if when == "never":
            break

    assert before != after
    assert [("before", "BEGIN IMMEDIATE"), ("after", "BEGIN IMMEDIATE")] == points[:2]
    assert [("before", "COMMIT"), ("after", "COMMIT"), ("never", "")] == points[-3:]
    assert len(points) > 2 * STATEMENTS_MIN


def test_a_store_that_commits_each_statement_is_found_out(
    server: children.Server, template: Path, tmp_path: Path
) -> None:
    """
    The same deaths find that a store writes in parts, and so does the audit.
    """
    with SQLiteStore(shutil.copy(template, tmp_path / "reference.db")) as reference:
        before = _contents(reference)
        _settle(reference, "transfer")
        after = _contents(reference)
    halves = reported = 0
    for point in count(1):
        path = tmp_path / f"{point}.db"
        shutil.copy(template, path)
        when, _ = _deaths(server, path, "transfer", point, is_eager=True)
        with SQLiteStore(path) as store:
            report = verify(store)
            reported += not report.is_clean
            try:
                halves += _contents(store) not in (before, after)
            except StoreCorruptedError:
                halves += 1
        if when == "never":
            break

    assert 0 < halves == reported


def test_a_death_while_a_store_is_made_leaves_none_or_one(
    server: children.Server, tmp_path: Path
) -> None:
    """
    Whatever statement a process dies at while it makes a store, the next makes it, or finds it.
    """
    for point in count(1):
        path = tmp_path / f"{point}.db"
        when, _ = _deaths(server, path, "make", point)
        with SQLiteStore(path) as store:
            assert ((), ()) == _contents(store)
            assert (
                1 == bank_over(store).open_account("a", initial_balance=eur(1)).postings[0].version
            )
            assert () == verify(store).disagreements
        if when == "never":
            break

    # The settings, and a statement for each table.
    assert point > 2 * 15


def test_a_death_leaves_no_more_files_than_a_life(
    server: children.Server, template: Path, tmp_path: Path
) -> None:
    """
    What a death leaves beside the file is SQLite's log, which the next to open it takes in.
    """
    path = tmp_path / "bank.db"
    shutil.copy(template, path)
    _deaths(server, path, "batch", 10**6)
    left = sorted(os.listdir(tmp_path))
    with SQLiteStore(path) as store:
        is_wal = store.describe().settings["journal_mode"] == "wal"

    # The journal of TRUNCATE stays as well, empty.
    during, after = (["-shm", "-wal"], []) if is_wal else (["-journal"], ["-journal"])
    assert ["bank.db", *(f"bank.db{each}" for each in during), "bank.db.lock"] == left
    assert ["bank.db", *(f"bank.db{each}" for each in after), "bank.db.lock"] == sorted(
        os.listdir(tmp_path)
    )
