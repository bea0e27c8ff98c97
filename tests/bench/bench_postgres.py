"""
How many operations a second a bank on PostgreSQL books, beside a transaction written by hand.

Run it by hand, in the environment of the tests:

    python tests/bench/bench_postgres.py [seconds] [rounds] [milliseconds] [conninfo]

Without a *conninfo* it starts a server of its own, in memory where there is room, so that a flush
costs next to nothing; give it one on a disk to see what a flush costs. By hand means: psycopg, a
connection for each thread, the same tables and the same rows: the account is locked and read, the
record inserted unless its id is taken, the account updated if its version is still the same, the
posting inserted with its hash, and then committed. In each round every case runs for so many
*seconds* on either side, one after the other. It prints operations per second, the medians of the
ratios, and which of those that the project aims at were missed; then what pgbench's TPC-B-like
script does on the same server.
"""

import hashlib
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))
import postgres_proxy  # beside the tests
import servers  # which know where programs are
from bankcore import Bank, Money
from bankcore.commands import Transfer
from bankcore.ledger import verify
from bankcore.stores import PostgresStore, migrate

ONE: Final = Money("1.00", "EUR")
PLENTY: Final = Money("1000000.00", "EUR")
BATCH: Final = 1000
HOT: Final = "hot"


class Case(NamedTuple):
    name: str
    threads: int
    is_hot: bool
    #: The ratio that the project aims at.
    aim: float


CASES: Final = (
    Case("deposits, 1 client", 1, is_hot=False, aim=0.9),
    Case("deposits, 8 clients", 8, is_hot=False, aim=0.9),
    Case("deposits to one account, 32 threads", 32, is_hot=True, aim=3.0),
)


def accounts_of(case: Case) -> list[str]:
    return [HOT if case.is_hot else f"account-{n}" for n in range(case.threads)]


def rate(threads: int, seconds: float, work: Callable[[int, int], object]) -> float:
    """Return how often a second *work* is done, given its thread and its number."""
    done = [0] * threads
    barrier = threading.Barrier(threads + 1)
    errors: list[BaseException] = []

    def run(thread: int) -> None:
        barrier.wait()
        ends = time.perf_counter() + seconds
        try:
            while time.perf_counter() < ends:
                work(thread, done[thread])
                done[thread] += 1
        except BaseException as error:  # noqa: BLE001  # raised again below
            errors.append(error)

    workers = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    started = time.perf_counter()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - started
    if errors:
        raise errors[0]
    return sum(done) / took


# -- bankcore ----------------------------------------------------------------


@contextmanager
def fresh(conninfo: str, schema: str) -> Iterator[None]:
    """Leave no schema of this name, before and afterwards."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        yield
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


def with_bankcore(conninfo: str, schema: str, case: Case, seconds: float) -> float:
    with fresh(conninfo, schema), PostgresStore(conninfo, schema=schema) as store:
        bank = Bank(store)
        names = accounts_of(case)
        for name in dict.fromkeys(names):
            bank.open_account(name, initial_balance=PLENTY)
        for name in names:  # what is prepared, is prepared
            for _ in range(8 // case.threads + 1):
                bank.deposit(name, ONE)
        done = rate(case.threads, seconds, lambda n, i: bank.deposit(names[n], ONE))
        assert verify(store).is_clean
        return done


def batches_with_bankcore(conninfo: str, schema: str, seconds: float) -> tuple[float, float]:
    """Return transfers a second, each in a call of its own, and in batches of 1,000."""
    with fresh(conninfo, schema), PostgresStore(conninfo, schema=schema) as store:
        bank = Bank(store)
        names = [f"account-{n}" for n in range(100)]
        for name in names:
            bank.open_account(name, initial_balance=PLENTY)

        def pair(n: int) -> tuple[str, str]:
            return names[n % 100], names[(n * 7 + 1) % 100]

        def one(thread: int, n: int) -> object:
            return bank.transfer(*pair(n), ONE)

        def many(thread: int, n: int) -> object:
            return bank.execute(Transfer(*pair(each), ONE) for each in range(BATCH))

        one(0, 0)
        many(0, 0)
        return rate(1, seconds, one), rate(1, seconds, many) * BATCH


# -- By hand -----------------------------------------------------------------

READ: Final = (
    "SELECT key, balance_minor, version, status, held_minor, overdraft_limit_minor, chain_hash"
    " FROM hand.bankcore_account WHERE id = %s FOR UPDATE"
)
CLAIM: Final = (
    "INSERT INTO hand.bankcore_journal (place, transaction_id, command_kind, command, recorded_at)"
    " VALUES (nextval('hand.bankcore_unit') << 20, %s, 'deposit', %s, %s)"
    " ON CONFLICT (transaction_id) DO NOTHING RETURNING place"
)
CHANGE: Final = (
    "UPDATE hand.bankcore_account SET balance_minor = %s, version = %s, last_booked_at = %s,"
    " chain_hash = %s WHERE key = %s AND version = %s"
)
POST: Final = (
    "INSERT INTO hand.bankcore_posting (place, line, account_key, version, amount_minor,"
    " balance_minor, held_minor, overdraft_limit_minor, chain_hash)"
    " VALUES (%s, 0, %s, %s, 100, %s, %s, %s, %s)"
)
OPEN: Final = (
    "INSERT INTO hand.bankcore_account (key, id, currency, exponent, balance_minor, held_minor,"
    " overdraft_limit_minor, status, version, last_booked_at, chain_hash)"
    " VALUES (%s, %s, 'EUR', 2, 0, 0, 0, 'open', 1, 0, %s)"
)


def by_hand(conninfo: str, case: Case, seconds: float) -> float:
    names = accounts_of(case)
    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(conninfo, autocommit=True)) for _ in names
        ]
        connections[0].execute("DROP SCHEMA IF EXISTS hand CASCADE")
        migrate(connections[0], schema="hand")
        for key, name in enumerate(dict.fromkeys(names), start=1):
            connections[0].execute(OPEN, (key, name, bytes(32)))

        def deposit(thread: int, n: int) -> None:
            connection, name = connections[thread], names[thread]
            now = time.time_ns() // 1000
            with connection.transaction():
                row = connection.execute(READ, (name,)).fetchone()
                assert row is not None
                key, balance, version, status, held, limit, head = row
                assert status == "open"
                assert balance - held + limit + 100 >= 0
                text = json.dumps({"account_id": name, "amount": ["EUR", 2, 100]})
                claim = (f"{thread}-{n}-{now}", text, now)
                taken = connection.execute(CLAIM, claim).fetchone()
                assert taken is not None
                head = hashlib.sha256(head + text.encode()).digest()
                change = (balance + 100, version + 1, now, head, key, version)
                assert connection.execute(CHANGE, change).rowcount == 1
                posting = (taken[0], key, version + 1, balance + 100, held, limit, head)
                connection.execute(POST, posting)

        for thread in range(case.threads):
            for n in range(8 // case.threads + 1):
                deposit(thread, n)
        return rate(case.threads, seconds, deposit)


# -- The comparison ----------------------------------------------------------


@contextmanager
def server_of(conninfo: str | None) -> Iterator[str]:
    if conninfo is not None:
        yield conninfo
        return
    with servers.Server() as server:
        yield server.conninfo


@contextmanager
def between(conninfo: str, milliseconds: float) -> Iterator[str]:
    """Put so much time into each turn, half of it in each direction."""
    if not milliseconds:
        yield conninfo
        return
    with postgres_proxy.Proxy(conninfo, delay=milliseconds / 2000) as proxy:
        yield proxy.conninfo


def pgbench(conninfo: str, clients: int, seconds: float) -> str:
    for version in servers.VERSIONS:
        try:
            program = servers.programs(version) / "pgbench"
        except servers.NoServerError:
            continue
        if not program.exists():
            continue
        subprocess.run(
            [program, "-i", "-q", "-s", "10", conninfo], check=True, capture_output=True
        )
        counts = ["-c", str(clients), "-j", "2", "-T", str(max(1, int(seconds)))]
        run = [str(program), *counts, "-M", "prepared", "-n", conninfo]
        told = subprocess.run(run, check=True, capture_output=True, text=True).stdout
        found = re.search(r"tps = ([\d.]+)", told)
        return f"{float(found[1]):,.0f}" if found else told
    return "no pgbench here"


def main(
    seconds: float = 3, rounds: int = 3, milliseconds: float = 0, conninfo: str | None = None
) -> None:
    missed = []
    with server_of(conninfo) as direct, between(direct, milliseconds) as server:
        for case in CASES:
            ratios, ours, theirs = [], [], []
            for number in range(rounds):
                theirs.append(by_hand(server, case, seconds))
                ours.append(with_bankcore(server, f"bench_{case.threads}_{number}", case, seconds))
                ratios.append(ours[-1] / theirs[-1])
            ratio = statistics.median(ratios)
            print(
                f"{case.name:40} {statistics.median(ours):8,.0f}/s"
                f"  by hand {statistics.median(theirs):8,.0f}/s  ratio {ratio:.2f}"
                f"  ({min(ratios):.2f} to {max(ratios):.2f}), aim {case.aim}",
                flush=True,
            )
            if ratio < case.aim:
                missed.append(case.name)
        pairs = [batches_with_bankcore(server, f"batch_{n}", seconds) for n in range(rounds)]
        ratio = statistics.median(many / one for one, many in pairs)
        print(
            f"{'transfers, singly':40} {statistics.median(one for one, _ in pairs):8,.0f}/s"
            f"  in batches of {BATCH:,} {statistics.median(many for _, many in pairs):8,.0f}/s"
            f"  ratio {ratio:.1f}, aim 25"
        )
        if ratio < 25:
            missed.append("batches")
        for clients in (1, 8, 32):
            told = pgbench(server, clients, seconds)
            print(f"pgbench TPC-B-like, {clients:2} clients {told:>19}/s")
    print(f"missed: {', '.join(missed)}" if missed else "all aims were reached")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((float, int, float, str), sys.argv[1:], strict=False)))
