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
from bankcore.ledger import Refusal, Transaction, verify
from bankcore.stores import MemoryStore, SQLiteStore, migrate
from bankcore.stores._sqlite._migrations import STEPS
from every_command import SENT, name_of

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
    written.live(today, version)
    with SQLiteStore(path) as store:
        records = store.journal(limit=10_000).records

        assert verify(store).is_clean
        assert repr(tuple(today.accounts())) == repr(tuple(store.accounts()))
        assert repr(today.journal(limit=10_000).records) == repr(records)
        # And it is used as any other, by all that is new since.
        bank = Bank(store)
        bank.withdraw("fund", Money("1", "USD"), transaction_id="new")
        parts = tuple(bank.reverse("d-1", Money(1, "EUR")) for _ in range(2))

        assert parts == bank.reversals("d-1")
        assert ["r-1"] == [each.id.value for each in bank.reversals("x-1")]
        assert verify(store).is_clean


@pytest.mark.parametrize("kind", [*map(name_of, SENT), "expire_hold"])
def test_a_fixture_has_every_kind_of_command(kind: str) -> None:
    """
    Every kind of command is in it that there was when it was written.
    """
    if kind not in written.KINDS:
        pytest.skip(f"{kind} is younger than the newest fixture: the next one will have it")
    store = MemoryStore()
    written.live(store, max(STEPS))
    records = store.journal(limit=10_000).records

    assert kind in {name_of(type(each.command)) for each in records if type(each) is Transaction}
    assert f"'{kind}'" in _newest()


def test_a_fixture_has_several_kinds_of_refusal() -> None:
    """
    Refusals of several kinds are in it, and the text is whole.
    """
    store = MemoryStore()
    written.live(store, max(STEPS))
    records = store.journal(limit=10_000).records

    assert len({each.code for each in records if isinstance(each, Refusal)}) >= 6
    assert re.fullmatch(r"BEGIN TRANSACTION;.*COMMIT;\n", _newest(), re.DOTALL)


def _newest() -> str:
    return written.fixture_of(max(STEPS)).read_text("utf-8")
