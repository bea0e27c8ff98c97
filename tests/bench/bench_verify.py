"""
What an audit costs for each operation in the bank, and what a balance in the past costs.

Run it by hand, in the environment of the tests:

    python tests/bench/bench_verify.py [operations] [path]

It makes a bank of so many operations (100,000) on 1,200 accounts in the file at *path*, or takes
the one that is in it: deposits, transfers, holds that are placed and captured, refusals, and posts
of 20 legs. A process of its own audits it, and tells the processor's time for each operation and
the peak of its memory, the interpreter's included. Then `balance_at` at instants in the past is
timed beside `account`, in turn. It says which of the project's aims were missed: 40 µs for each
operation, 64 MiB, and a balance in the past for no more than two and a half times an account.
"""

import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bankcore import Bank, Money
from bankcore.commands import (
    CaptureHold,
    Command,
    Deposit,
    OpenAccount,
    PlaceHold,
    Post,
    Transfer,
    Withdraw,
)
from bankcore.stores import SQLiteStore

ACCOUNTS = 1_200
BATCH = 5_000
CALLS = 2_000
ROUNDS = 5
AIMS = {"microseconds": 40.0, "MiB": 64.0, "ratio": 2.5}
ONE = Money("1.00", "EUR")


def made(path: Path, operations: int) -> None:
    """
    A bank of so many *operations* at *path*.
    """
    dice = random.Random(2026)  # the same every time
    names = [f"account-{number:04d}" for number in range(min(ACCOUNTS, max(operations // 10, 20)))]
    with SQLiteStore(path) as store:
        bank = Bank(store)
        bank.execute(OpenAccount(name, initial_balance=ONE * 100) for name in names)
        done = len(names)
        while done < operations:
            size = min(BATCH, operations - done)
            bank.execute(command(dice, names, f"t-{done + n}") for n in range(size))
            done += size


def command(dice: random.Random, names: list[str], transaction_id: str) -> Command:
    one, other = dice.sample(names, 2)
    kind = dice.randrange(100)
    if kind < 45:
        return Deposit(one, ONE, transaction_id=transaction_id)
    if kind < 85:
        return Transfer(one, other, ONE, transaction_id=transaction_id)
    if kind < 90:
        return PlaceHold(one, ONE, transaction_id=transaction_id)
    if kind < 94:
        # Mostly of no hold: a refusal.
        return CaptureHold(one, f"t-{dice.randrange(1, 10_000)}", transaction_id=transaction_id)
    if kind < 99:
        return Withdraw(one, ONE * 50, transaction_id=transaction_id, description="rent")
    legs = [(name, ONE if n % 2 else -ONE) for n, name in enumerate(dice.sample(names, 20))]
    return Post(legs, transaction_id=transaction_id)


def audited(path: Path) -> None:
    """
    Print what an audit costs, in this process.
    """
    with SQLiteStore(path, create=False) as store:
        started = time.process_time()
        report = Bank(store).verify()
        seconds = time.process_time() - started
    assert report.is_clean, report.disagreements[:3]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(report.transactions + report.refusals, seconds, peak)


def told(what: str, figure: float, unit: str) -> None:
    print(f"{what}: {figure:.1f} {unit}{'' if figure <= AIMS[unit] else '  MISSED'}")


def timed(work: Callable[[str], object], names: list[str]) -> float:
    started = time.perf_counter()
    for name in names:
        work(name)
    return time.perf_counter() - started


def compare_balances(path: Path) -> None:
    dice = random.Random(2026)
    with SQLiteStore(path, create=False) as store:
        bank = Bank(store)
        accounts = list(bank.accounts())
        middles = {
            each.id.value: store.history(each.id, after=each.version // 2, limit=1)[0].booked_at
            for each in accounts
        }
        names = [dice.choice(accounts).id.value for _ in range(CALLS)]
        ratios = []
        for _ in range(ROUNDS):
            account = timed(bank.account, names)
            past = timed(lambda name: bank.balance_at(name, middles[name]), names)
            ratios.append(past / account)
        print(f"account: {account / CALLS * 1e6:.1f} µs, balance_at: {past / CALLS * 1e6:.1f} µs")
        told("balance_at beside account", statistics.median(ratios), "ratio")


def main(operations: int, path: Path) -> None:
    if path.is_dir():
        sys.exit(f"{path} is a directory: name a file, such as {path / 'bank.db'}")
    if not path.exists():
        made(path, operations)
    child = [sys.executable, __file__, "--audit", str(path)]
    # Its error stream is this process's own, and tells what is wrong with the file.
    printed = subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True).stdout
    count, seconds, peak = map(float, printed.split())
    print(f"{count:,.0f} records")
    told("verify, for each record", seconds / count * 1e6, "microseconds")
    told("verify, peak of memory", peak, "MiB")
    compare_balances(path)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--audit"]:
        audited(Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as directory:
            main(
                int(sys.argv[1]) if len(sys.argv) > 1 else 100_000,
                Path(sys.argv[2] if len(sys.argv) > 2 else directory + "/bank.db"),
            )
