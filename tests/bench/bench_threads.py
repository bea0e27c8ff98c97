"""
How many deposits and transfers a second several threads book in one file, beside the same rows
written by hand.

Run it by hand, in the environment of the tests:

    python tests/bench/bench_threads.py [operations] [rounds]

In each round 1, 8 and 32 threads deposit with bankcore, each on an account of its own and each
deposit in a call of its own; then 32 threads transfer between accounts of their own and one that
all of them share. After each, the very same rows, hashes included, are written into a copy from
before with nothing but ``sqlite3``, by as many threads: each has a connection of its own, and
writes each operation in a transaction of its own. All wait for the disk. Then both files must be
equal in every row, and pass the audit. It prints the operations per second, and the medians of the
ratios, which hold from one machine to another, and says which of those that the project aims at
were missed.
"""

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any, Final, NamedTuple

from bankcore import Bank, Money
from bankcore.ledger import verify
from bankcore.stores import SQLiteStore

OPERATIONS: Final = 1920
ROUNDS: Final = 5
AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
ONE: Final = Money("1.00", "EUR")
PLENTY: Final = Money("1000000.00", "EUR")
SHARED: Final = "shared"

TABLES: Final = ("account", "journal", "posting")
INSERT_RECORD: Final = (
    "INSERT INTO bankcore_journal (place, transaction_id, command_kind, command, recorded_at)"
    " VALUES (?, ?, ?, ?, ?)"
)
INSERT_POSTING: Final = (
    "INSERT INTO bankcore_posting (place, line, account_key, version, amount_minor, balance_minor,"
    " held_minor, overdraft_limit_minor, chain_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
UPDATE_ACCOUNT: Final = (
    "UPDATE bankcore_account SET balance_minor = ?, version = ?, last_booked_at = ?,"
    " chain_hash = ? WHERE key = ?"
)


class Case(NamedTuple):
    name: str
    threads: int
    is_shared: bool
    #: The ratio that the project aims at.
    aim: float


CASES: Final = (
    Case("deposits, 1 thread", 1, is_shared=False, aim=0.90),
    Case("deposits, 8 threads", 8, is_shared=False, aim=2.0),
    Case("deposits, 32 threads", 32, is_shared=False, aim=3.0),
    Case("transfers with one account, 32 threads", 32, is_shared=True, aim=2.5),
)

Work = Callable[[], object]
Row = tuple[Any, ...]


def seconds_of(threads: int, prepare: Callable[[int], AbstractContextManager[Work]]) -> float:
    """
    The seconds that *threads* take from the start of the first to the end of the last.

    Each prepares its work before they start, and puts away what it needed after all have ended.
    """
    barrier = Barrier(threads + 1)

    def run(index: int) -> None:
        try:
            with prepare(index) as work:
                barrier.wait()
                work()
                barrier.wait()
        except BaseException:
            barrier.abort()
            raise

    seconds = 0.0
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(run, index) for index in range(threads)]
        try:
            barrier.wait()
            started = time.perf_counter()
            barrier.wait()
            seconds = time.perf_counter() - started
        except BrokenBarrierError:
            pass  # the error is that of a thread
        for each in running:
            each.result()
    return seconds


def booked(case: Case, each: int, path: Path, copy: Path) -> float:
    """
    The seconds with bankcore, for *each* thread's number of operations; *copy* is from before.
    """
    with SQLiteStore(path) as store:
        bank = Bank(store, clock=lambda: AT)
        for name in (SHARED, *(f"own-{index}" for index in range(case.threads))):
            bank.open_account(name, initial_balance=PLENTY, transaction_id=f"open-{name}")
        store.backup(copy)

        def work(index: int) -> None:
            own = f"own-{index}"
            # Half of them take from the shared account, and half give to it.
            pair = (own, SHARED) if index % 2 else (SHARED, own)
            for number in range(each):
                transaction_id = f"t-{index}-{number}"
                if case.is_shared:
                    bank.transfer(*pair, ONE, transaction_id=transaction_id)
                else:
                    bank.deposit(own, ONE, transaction_id=transaction_id)

        seconds = seconds_of(case.threads, lambda index: nullcontext(partial(work, index)))
        if not verify(store).is_clean:
            sys.exit(f"{case.name}: the audit found something")
    return seconds


def rows_of(path: Path) -> dict[str, list[Row]]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT * FROM bankcore_{table} ORDER BY 1, 2").fetchall()
            for table in TABLES
        }


def units_of(source: dict[str, list[Row]], first: int) -> Iterator[tuple[Row, list[Row]]]:
    """
    Yield the records from place *first* on, each with its postings, as they are inserted.
    """
    postings: dict[int, list[Row]] = {}
    for posting in source["posting"]:
        postings.setdefault(posting[0], []).append(posting)
    for record in source["journal"][first - 1 :]:
        place, transaction_id, kind, command, _, recorded_at, *_ = record
        yield (place, transaction_id, kind, command, recorded_at), postings[place]


def written(case: Case, each: int, path: Path, units: Sequence[tuple[Row, list[Row]]]) -> float:
    """
    The seconds by hand, for the rows that bankcore has written.
    """
    # Taken by whoever may write, so that the order is that of bankcore's.
    waiting = iter(units)

    def work(connection: sqlite3.Connection) -> None:
        execute = connection.execute
        for _ in range(each):
            execute("BEGIN IMMEDIATE")
            record, postings = next(waiting)
            execute(INSERT_RECORD, record)
            for posting in postings:
                execute(INSERT_POSTING, posting)
                _, _, key, version, _, balance, *_, chain_hash = posting
                execute(UPDATE_ACCOUNT, (balance, version, record[-1], chain_hash, key))
            execute("COMMIT")

    @contextmanager
    def prepare(_: int) -> Iterator[Work]:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = full")
            connection.execute("PRAGMA foreign_keys = on")
            yield partial(work, connection)

    return seconds_of(case.threads, prepare)


def ratio_of(case: Case, operations: int, directory: Path, number: int) -> float:
    path, copy = directory / "bankcore.db", directory / "hand.db"
    each = max(1, operations // case.threads)
    count = each * case.threads
    ours = booked(case, each, path, copy)
    source = rows_of(path)
    hand = written(case, each, copy, list(units_of(source, case.threads + 2)))
    if rows_of(copy) != source or len(source["journal"]) != count + case.threads + 1:
        sys.exit(f"{case.name}: by hand there are other rows")
    with SQLiteStore(copy) as store:
        if not verify(store).is_clean:
            sys.exit(f"{case.name}: the audit of what was written by hand found something")
    print(
        f"round {number}, {case.name}: bankcore {count / ours:,.0f}/s,"
        f" by hand {count / hand:,.0f}/s, ratio {hand / ours:.2f}"
    )
    return hand / ours


def main() -> None:
    operations = int(sys.argv[1]) if len(sys.argv) > 1 else OPERATIONS
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    ratios: dict[Case, list[float]] = {case: [] for case in CASES}
    for number in range(1, rounds + 1):
        for case in CASES:
            with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory:
                ratios[case].append(ratio_of(case, operations, Path(directory), number))
    for case, found in ratios.items():
        median = statistics.median(found)
        missed = "" if median >= case.aim else f", below {case.aim}"
        print(f"{case.name}: median ratio {median:.2f}{missed}")


if __name__ == "__main__":
    main()
