"""
What a durable write costs with the hash chain, beside the same rows written by hand.

Run it by hand, in the environment of the tests:

    python tests/bench/bench_chain.py [rounds]

Each round books deposits on one account with bankcore, singly and in a batch of 10,000, and then
writes the very same rows, hashes included, into a second database with nothing but ``sqlite3``:
singly, each in a transaction of its own with the account's new state, and as a bare
``executemany``. Both have the same settings, and both wait for the disk. It prints the operations
per second and the medians of the ratios, which hold from one machine to another, and says which
of those that the project aims at were missed: 0.90 singly, 0.50 in batches.
"""

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from bankcore import Bank, Money
from bankcore.commands import Deposit
from bankcore.stores import SQLiteStore

SINGLE = 500
BATCH = 10_000
AIMS = {"single": 0.90, "batch": 0.50}
AT = datetime(2026, 1, 1, tzinfo=UTC)
PRAGMAS = ("journal_mode = wal", "synchronous = full", "foreign_keys = on")

Rows = Sequence[tuple[object, ...]]


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def booked(path: Path) -> dict[str, float]:
    """
    The seconds of each way with bankcore.
    """
    commands = [
        Deposit("alice", Money("1.00", "EUR"), transaction_id=f"batch-{number}")
        for number in range(BATCH)
    ]
    with SQLiteStore(path) as store:
        bank = Bank(store, clock=lambda: AT)
        bank.open_account("alice", initial_balance=Money("0", "EUR"), transaction_id="open")

        def singly() -> None:
            for number in range(SINGLE):
                bank.deposit("alice", Money("1.00", "EUR"), transaction_id=f"single-{number}")

        return {"single": timed(singly), "batch": timed(lambda: bank.execute(commands))}


def statement_for(table: str, row: Sequence[object]) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})"


def written(path: Path, source: Path) -> dict[str, float]:
    """
    The seconds of each way by hand, for the rows that bankcore has written to *source*.
    """
    read = sqlite3.connect(source)
    journal = read.execute("SELECT * FROM bankcore_journal ORDER BY place").fetchall()
    postings = read.execute("SELECT * FROM bankcore_posting ORDER BY place").fetchall()
    schema = read.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    accounts = read.execute("SELECT * FROM bankcore_account").fetchall()
    read.close()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    for (statement,) in schema:
        connection.execute(statement)
    connection.execute(statement_for("bankcore_account", accounts[0]), accounts[0])
    insert_record = statement_for("bankcore_journal", journal[0])
    insert_posting = statement_for("bankcore_posting", postings[0])
    # The account is opened, and then come those that were booked singly.
    first = {place: list(group) for place, group in groupby(postings, key=itemgetter(0))}
    connection.execute(insert_record, journal[0])
    connection.executemany(insert_posting, first[1])

    def singly() -> None:
        for record in journal[1 : SINGLE + 1]:
            (posting,) = first[record[0]]
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(insert_record, record)
            connection.execute(insert_posting, posting)
            connection.execute(
                "UPDATE bankcore_account SET balance_minor = ?, version = ?, last_booked_at = ?,"
                " chain_hash = ? WHERE key = ?",
                (posting[5], posting[3], record[5], posting[8], posting[2]),
            )
            connection.execute("COMMIT")

    def at_once() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert_record, journal[SINGLE + 1 :])
        connection.executemany(insert_posting, postings[SINGLE + 1 :])
        connection.execute("COMMIT")

    seconds = {"single": timed(singly), "batch": timed(at_once)}
    ((count,),) = connection.execute("SELECT count(*) FROM bankcore_posting")
    connection.close()
    if count != SINGLE + BATCH + 1:
        sys.exit(f"by hand there are {count} postings")
    return seconds


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    ratios: dict[str, list[float]] = {way: [] for way in AIMS}
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory:
            source = Path(directory) / "bankcore.db"
            ours = booked(source)
            hand = written(Path(directory) / "hand.db", source)
        for way, count in (("single", SINGLE), ("batch", BATCH)):
            ratios[way].append(hand[way] / ours[way])
            print(
                f"round {number}, {way}: bankcore {count / ours[way]:,.0f}/s,"
                f" by hand {count / hand[way]:,.0f}/s, ratio {ratios[way][-1]:.2f}"
            )
    for way, aim in AIMS.items():
        median = statistics.median(ratios[way])
        print(f"{way}: median ratio {median:.2f}{'' if median >= aim else f', below {aim}'}")


if __name__ == "__main__":
    main()
