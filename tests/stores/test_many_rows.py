"""
The rows of a long batch, which SQLite inserts many in a statement, are those of single commands.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bankcore import Bank, Money
from bankcore.commands import Command, Deposit, GrantAccess, OpenAccount, PlaceHold, Withdraw
from bankcore.errors import StoreMisuseError
from bankcore.ledger import Posting, Snapshot, Transaction, WriteSet
from bankcore.ledger import ReadSet as Reads
from bankcore.stores import JoinedSQLiteStore, SQLiteStore, migrate
from bankcore.values import AccountId, TransactionId
from ruling import NOW, eur


def of_each_kind(length: int) -> Iterator[Command]:
    """
    Yield commands that write so many rows to every table that takes one for each command.
    """
    for n in range(length):
        yield OpenAccount(
            f"a-{n % 3}-{n}", initial_balance=eur(9), holder=f"p-{n}", transaction_id=f"o-{n}"
        )
    for n in range(length):
        name = f"a-{n % 3}-{n}"
        yield Deposit(name, eur(5), transaction_id=f"d-{n}", description='Zoë "x"')
        yield Withdraw(name, eur(50), transaction_id=f"w-{n}")
        yield PlaceHold(name, eur(2), transaction_id=f"h-{n}")
        yield GrantAccess(name, f"q-{n}", ["read"], transaction_id=f"g-{n}")


def dump_after(path: Path, batches: Sequence[Sequence[Command]]) -> list[str]:
    with SQLiteStore(path) as store:
        bank = Bank(store, clock=lambda: NOW)
        for batch in batches:
            bank.execute(batch)

        assert bank.verify().is_clean
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines


@pytest.mark.parametrize("length", [49, 50, 251])
def test_a_batch_writes_the_rows_of_single_commands(tmp_path: Path, length: int) -> None:
    """
    Whatever the length, each table has the same rows, and the audit agrees with them.
    """
    commands = list(of_each_kind(length))
    singly = dump_after(tmp_path / "singly.db", [[command] for command in commands])
    at_once = dump_after(tmp_path / "at-once.db", [commands])

    assert singly == at_once


@contextmanager
def own_store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(path) as store:
        yield store


@contextmanager
def joined_store(path: Path) -> Iterator[JoinedSQLiteStore]:
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection)
    connection.execute("PRAGMA foreign_keys = on")
    connection.execute("BEGIN IMMEDIATE")
    yield JoinedSQLiteStore(connection)
    connection.execute("COMMIT")
    connection.close()


@pytest.mark.parametrize("make_store", [own_store, joined_store])
@pytest.mark.parametrize("at", [0, 55, 99])
def test_one_row_that_is_refused_undoes_them_all(
    tmp_path: Path, make_store: Callable[[Path], Any], at: int
) -> None:
    """
    Where one of many rows breaks a constraint, nothing of the unit stays, and the next is fine.
    """
    with make_store(tmp_path / "bank.db") as store:
        bank = Bank(store, clock=lambda: NOW)
        bank.open_account("alice", initial_balance=eur(1), transaction_id="used")
        before = store.journal(), store.accounts()
        records = []
        for n in range(100):
            name = TransactionId("used" if n == at else f"t-{n}")
            posting = Posting(AccountId("alice"), eur(1), eur(n + 2), eur(0), eur(0), n + 2)
            command = Deposit("alice", eur(1), transaction_id=name)
            records.append(Transaction(name, command, NOW, (posting,)))

        def decide(snapshot: Snapshot) -> WriteSet:
            (account,) = snapshot.accounts.values()
            after = account.next_balance(eur(101), NOW, versions=100)
            return WriteSet((after,), tuple(records))

        with pytest.raises(StoreMisuseError, match="constraint"):
            store.transact(Reads((), (AccountId("alice"),)), decide)

        assert before == (store.journal(), store.accounts())
        assert eur(3) == bank.deposit("alice", Money("0.02", "EUR")).postings[0].balance
