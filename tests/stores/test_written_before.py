"""
A database that each version of the schema wrote opens, is sound, and reads as it was written.
"""

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bankcore import Bank, Money
from bankcore.commands import COMMANDS
from bankcore.ledger import Refusal, Transaction, verify
from bankcore.stores import MemoryStore, SQLiteStore, migrate
from bankcore.stores._sqlite._migrations import STEPS

sys.path.insert(0, str(Path(__file__).parent / "fixtures"))
import written


@pytest.mark.parametrize("version", sorted(STEPS))
def test_what_a_version_wrote_opens_and_reads_equal(tmp_path: Path, version: int) -> None:
    """
    After `migrate`, where the version is an older one, accounts and journal are what the same
    commands come to today.
    """
    path = tmp_path / "bank.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(written.fixture_of(version).read_text("utf-8"))
        migrate(connection)
    today = MemoryStore()
    written.live(today)
    with SQLiteStore(path) as store:
        records = store.journal(limit=10_000).records

        assert verify(store).is_clean
        assert repr(tuple(today.accounts())) == repr(tuple(store.accounts()))
        assert repr(today.journal(limit=10_000).records) == repr(records)
        # And it is used as any other.
        Bank(store).withdraw("fund", Money("1", "USD"), transaction_id="new")


def test_a_fixture_has_every_kind_of_record() -> None:
    """
    Every kind of command is in it, and refusals.
    """
    store = MemoryStore()
    written.live(store)
    records = store.journal(limit=10_000).records

    kinds = {type(each.command) for each in records if isinstance(each, Transaction)}
    assert set(COMMANDS) == kinds
    assert len({each.code for each in records if isinstance(each, Refusal)}) >= 6
    assert re.fullmatch(r"BEGIN TRANSACTION;.*COMMIT;\n", _newest(), re.DOTALL)


def _newest() -> str:
    return written.fixture_of(max(STEPS)).read_text("utf-8")
