"""
How quick transactions are found among a million.

Run it by hand, in the environment of the tests:

    python tests/bench/bench_find.py [rows] [sqlite | postgres | conninfo]

It writes so many transactions of 1,000 accounts, each with metadata, to a SQLite file, or to
PostgreSQL: a server of its own, or one that a *conninfo* names. It prints for each search how long
its first page takes, and a page from the middle and from near the end: the least of five. The
project aims at 20 ms for a page that an index serves. Where none serves, or only a part of the
search, it reads until the page is full. PostgreSQL is told to ANALYZE what was written, as
autovacuum does within a minute.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))
import servers  # beside the tests
from bankcore import AccountStore, Bank, Money
from bankcore.commands import Deposit, OpenAccount
from bankcore.stores import PostgresStore, SQLiteStore, migrate

ACCOUNTS = 1000
AT_ONCE = 50_000
START = datetime(2026, 1, 1, tzinfo=UTC)
AIM = 0.020


def fill(bank: Bank, rows: int) -> None:
    ids = [f"a-{number}" for number in range(ACCOUNTS)]
    bank.execute(
        OpenAccount(each, initial_balance=Money("0", "EUR"), booked_at=START) for each in ids
    )
    amounts = [Money.from_minor(number % 200_000 + 1, "EUR") for number in range(997)]
    for first in range(0, rows, AT_ONCE):
        bank.execute(
            Deposit(
                ids[number * 7 % ACCOUNTS],
                amounts[number % 997],
                transaction_id=f"t-{number}",
                booked_at=START + timedelta(seconds=number // 3),
                description=f"rent {number}",
                metadata={"order": str(number), "shop": f"s-{number % 50}"},
            )
            for number in range(first, min(first + AT_ONCE, rows))
        )


@contextmanager
def store_of(place: str) -> Iterator[tuple[AccountStore, Callable[[], object]]]:
    """Give an empty store, and what lets its engine look at the rows that are in it by then."""
    if place == "sqlite":
        with (
            tempfile.TemporaryDirectory() as folder,
            SQLiteStore(Path(folder) / "bank.db") as store,
        ):
            yield store, lambda: None
    elif place == "postgres":
        with servers.Server() as server, store_of(server.conninfo) as made:
            yield made
    else:
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS bench_find CASCADE")
            migrate(connection, schema="bench_find")
            with PostgresStore(place, schema="bench_find", timeout=600) as store:
                yield store, partial(connection.execute, "ANALYZE")
            connection.execute("DROP SCHEMA bench_find CASCADE")


def least(find: Callable[[], Any]) -> float:
    took = []
    for _ in range(5):
        start = time.perf_counter()
        find()
        took.append(time.perf_counter() - start)
    return min(took)


def main(rows: int = 1_000_000, place: str = "sqlite") -> None:
    with store_of(place) as (store, analyze):
        now = START + timedelta(days=365)
        bank = Bank(store, clock=lambda: now)
        fill_start = time.perf_counter()
        fill(bank, rows)
        analyze()
        print(f"{rows:,} rows written in {time.perf_counter() - fill_start:.0f} s")
        middle = START + timedelta(seconds=rows // 6)
        searches: dict[str, dict[str, Any]] = {
            "all": {},
            "newest first": {"newest_first": True},
            "account": {"account_id": "a-7"},
            "account, from the middle": {"account_id": "a-7", "start": middle},
            "time": {"start": middle, "end": middle + timedelta(days=1)},
            "order": {"metadata": {"order": str(rows // 2)}},
            "shop": {"metadata": {"shop": "s-7"}},
            "shop and order": {"metadata": {"shop": "s-7", "order": "57"}},
            "no index: shop of account": {"metadata": {"shop": "s-7"}, "account_id": "a-7"},
            "no index: time and amount": {"start": middle, "at_least": Money("9", "EUR")},
            "no index: text": {"text": f"RENT {rows - 5}"},
            "no index: amount": {"at_least": Money("10.50", "EUR")},
        }
        for name, search in searches.items():
            pages = [
                least(partial(bank.transactions, **search, after=after))
                for after in (None, f"t-{rows // 2 + 7}", f"t-{rows - 993}")
            ]
            worst = "" if max(pages) <= AIM or name.startswith("no index") else "  SLOW"
            told = "  ".join(f"{1000 * each:8.2f} ms" for each in pages)
            print(f"{name:28} {told}{worst}")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, str), sys.argv[1:], strict=False)))
