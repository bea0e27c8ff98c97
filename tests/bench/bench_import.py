"""
How quick the import of history is, beside the same rows written by hand.

Run it by hand, in the environment of the tests:

    python tests/bench/bench_import.py [history.csv.xz] [rounds]

Each round imports the file into a new SQLite bank, and then writes the same rows, in the
same batches, into the same tables with nothing but ``csv`` and ``sqlite3``: no checks, no
ids looked up, balances added up by hand. Both end with the same closing sum. It prints the
rows per second of each round and the median of their ratios; the ratio is what holds from
one machine to another, and the project aims at 0.65.
"""

import csv
import gc
import json
import lzma
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bankcore import Bank, Money
from bankcore.io import BATCH_LENGTH, import_history, opened
from bankcore.stores import SQLiteStore, schema_sql

HISTORY = Path(__file__).resolve().parents[3] / "shared" / "data" / "history-1993.csv.xz"
OVERDRAFT = "5446.60"
AIM = 0.65
# What the loop by hand stores in place of a hash, which it does not work out.
HASH = bytes(32)


def by_bankcore(history: str, database: str) -> tuple[int, int]:
    with opened(history) as file, SQLiteStore(database) as store:
        report = import_history(
            Bank(store), file, currency="CZK", overdraft_limit=Money(OVERDRAFT, "CZK")
        )
    return report.rows, report.closing_sum.amount_minor


def by_hand(history: str, database: str) -> tuple[int, int]:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA synchronous = full")
    connection.execute("PRAGMA foreign_keys = on")
    connection.executescript(schema_sql())
    keys: dict[str, int] = {}
    states: dict[int, list[int]] = {}  # balance, version, instant
    journal: list[tuple[object, ...]] = []
    postings: list[tuple[object, ...]] = []
    opened_now: list[tuple[object, ...]] = []
    rows = place = 0

    def flush() -> None:
        nonlocal rows
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO bankcore_account (key, id, currency, exponent, balance_minor, held_minor,"
            " overdraft_limit_minor, status, version, last_booked_at, chain_hash)"
            " VALUES (?, ?, 'CZK', 2, 0, 0, 544660, 'open', 1, 0, ?)",
            opened_now,
        )
        connection.executemany(
            "INSERT INTO bankcore_journal (place, transaction_id, command_kind, command,"
            " recorded_at) VALUES (?, ?, ?, ?, ?)",
            journal,
        )
        connection.executemany(
            "INSERT INTO bankcore_posting (place, line, account_key, version, amount_minor,"
            " balance_minor, held_minor, overdraft_limit_minor, chain_hash)"
            " VALUES (?, 0, ?, ?, ?, ?, 0, 544660, ?)",
            postings,
        )
        connection.executemany(
            "UPDATE bankcore_account SET balance_minor = ?, version = ?, last_booked_at = ?,"
            " chain_hash = ? WHERE key = ?",
            [(*states[key], HASH, key) for key in {int(str(posting[1])) for posting in postings}],
        )
        connection.execute("COMMIT")
        journal.clear()
        postings.clear()
        opened_now.clear()

    encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
    with lzma.open(history, "rt", encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        for transaction_id, account_id, day, amount, _, description in reader:
            at = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000
            key = keys.get(account_id)
            if key is None:
                key = keys[account_id] = len(keys) + 1
                states[key] = [0, 1, at]
                opened_now.append((key, account_id, HASH))
                place += 1
                command = {"booked_at": at, "account_id": account_id}
                name = f"open-{account_id}"
                journal.append((place, name, "open_account", encode(command), at))
                postings.append((place, key, 1, 0, 0, HASH))
            whole, _, cents = amount.partition(".")
            minor = int(whole + cents)
            state = states[key]
            state[0] += minor
            state[1] += 1
            state[2] = at
            place += 1
            command = {
                "booked_at": at,
                "description": description,
                "account_id": account_id,
                "amount": [abs(minor), "CZK", 2],
            }
            kind = "deposit" if minor > 0 else "withdraw"
            journal.append((place, transaction_id, kind, encode(command), at))
            postings.append((place, key, state[1], minor, state[0], HASH))
            rows += 1
            if len(journal) >= BATCH_LENGTH:
                flush()
        flush()
    connection.close()
    return rows, sum(state[0] for state in states.values())


def timed(write: object, history: str) -> tuple[float, tuple[int, int]]:
    with tempfile.TemporaryDirectory() as directory:
        gc.collect()
        gc.disable()  # an import has few collections; the loop by hand shall have none either
        started = time.perf_counter()
        result = write(history, os.path.join(directory, "bank.db"))  # type: ignore[operator]  # one of the two above
        seconds = time.perf_counter() - started
        gc.enable()
    return seconds, result


def main() -> None:
    history = sys.argv[1] if len(sys.argv) > 1 else str(HISTORY)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    ratios = []
    for number in range(1, rounds + 1):
        ours, ours_result = timed(by_bankcore, history)
        hand, hand_result = timed(by_hand, history)
        if ours_result != hand_result:
            sys.exit(f"bankcore came to {ours_result}, and the loop by hand to {hand_result}")
        rows = ours_result[0]
        ratios.append(hand / ours)
        print(
            f"round {number}: bankcore {rows / ours:,.0f} rows/s,"
            f" by hand {rows / hand:,.0f} rows/s, ratio {ratios[-1]:.2f}"
        )
    median = statistics.median(ratios)
    missed = "" if median >= AIM else f", below {AIM}"
    print(f"median ratio {median:.2f} of the loop by hand{missed}")


if __name__ == "__main__":
    main()
