"""
What happens on a disk that fails: ``python failing_disk.py shim template work hasty``.

For each error, and for every n until nothing fails any more, a child opens a copy of the
template, does its operations and closes it, while the n-th call of some kinds fails; then it goes
on, or is killed at the next one. This process never fails, and looks at what is left. Prints one
JSON object.
"""

import ctypes
import errno
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from bankcore import Bank, Money
from bankcore.errors import StoreError, TransactionNotFoundError
from bankcore.ledger import verify
from bankcore.stores import SQLiteStore
from bankcore.stores._sqlite._settings import JournalMode

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)

# The kinds of calls, and what comes after the one that fails, as in failing_disk.c.
WRITES, FLUSHES, TRUNCATIONS, OPENINGS, LOCKS, UNLOCKS, READS = (1 << n for n in range(7))
GO_ON, DIE, FAIL = range(3)
CHANGES = WRITES | FLUSHES | TRUNCATIONS


class Plan(NamedTuple):
    """
    The calls that fail, with their error, what comes then, and whether threads share commits.
    """

    kinds: int
    error: int
    then: int = GO_ON
    is_crowded: bool = False


PLANS = [
    Plan(CHANGES, errno.EIO),
    Plan(CHANGES, errno.EIO, DIE),
    Plan(CHANGES, errno.ENOSPC),
    Plan(CHANGES, errno.EIO, is_crowded=True),
    Plan(CHANGES, errno.ENOSPC, is_crowded=True),
    *(Plan(OPENINGS, error) for error in (errno.EIO, errno.EMFILE, errno.ENOSPC)),
    *(Plan(LOCKS, error) for error in (errno.EIO, errno.ENOLCK)),
    Plan(UNLOCKS, errno.EIO),
    Plan(READS, errno.EIO),
]
# A loss is seen with any of them.
HASTY_PLANS = PLANS[:1]

# No answer may take longer, in seconds: nobody else uses the file.
ANSWER_MAX = 5


def eur(minor: int) -> Money:
    return Money.from_minor(minor, "EUR")


#: What is done, by transaction id, and by how much it changes all the money there is.
OPERATIONS: dict[str, tuple[Callable[[Bank, str], object], int]] = {
    "d-1": (lambda bank, name: bank.deposit("alice", eur(1), transaction_id=name), 1),
    "w-1": (lambda bank, name: bank.withdraw("bob", eur(10), transaction_id=name), -10),
    "x-1": (lambda bank, name: bank.transfer("bob", "alice", eur(5), transaction_id=name), 0),
    "d-2": (
        lambda bank, name: bank.deposit(
            "bob", eur(100), description="x" * 500, transaction_id=name
        ),
        100,
    ),
}


def bank_over(store: SQLiteStore) -> Bank:
    # No retry here: a doubt is told as it is.
    return Bank(store, clock=lambda: NOW, deadline=timedelta())


def make(path: Path, mode: JournalMode) -> None:
    with SQLiteStore(path, journal_mode=mode) as store:
        for name in ("alice", "bob"):
            bank_over(store).open_account(name, initial_balance=eur(1000), transaction_id=name)


def do(store: SQLiteStore, name: str, tell: Callable[[str], object]) -> None:
    operation, _ = OPERATIONS[name]
    began = time.monotonic()
    try:
        operation(bank_over(store), name)
        tell(f"acknowledged {name}")
    except StoreError as error:
        tell(f"refused {name} {type(error).__name__}")
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is told
        tell(f"wrong: untyped {error!r}")
    if time.monotonic() - began > ANSWER_MAX:
        tell(f"wrong: {name} took too long")


def work(
    path: Path, tell: Callable[[str], object], *, is_hasty: bool, is_crowded: bool = False
) -> None:
    """
    Open, do all operations, close; each operation and its answer is told.
    """
    store = None
    for _ in range(2):  # the disk fails once
        try:
            store = SQLiteStore(path)
            break
        except StoreError as error:
            tell(f"refused open {type(error).__name__}")
    if store is None:
        tell("wrong: it cannot be opened again")
        return
    if is_crowded:
        together = threading.Barrier(len(OPERATIONS))

        def do_together(name: str) -> None:
            together.wait()
            do(store, name, tell)

        with ThreadPoolExecutor(len(OPERATIONS)) as pool:
            list(pool.map(do_together, OPERATIONS))
    else:
        for name in OPERATIONS:
            if is_hasty:
                tell(f"acknowledged {name}")
            do(store, name, tell)
    try:
        store.close()
    except StoreError as error:
        tell(f"refused close {type(error).__name__}")


def in_a_child(body: Callable[[Callable[[str], object]], None]) -> list[str]:
    """
    Return what a child tells before it ends or dies.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            body(lambda line: os.write(writing, f"{line}\n".encode()))
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is told
            os.write(writing, f"wrong: untyped {error!r}\n".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        lines = pipe.read().splitlines()
    os.waitpid(pid, 0)
    return lines


def is_there(bank: Bank, name: str) -> bool:
    try:
        bank.transaction(name)
    except TransactionNotFoundError:
        return False
    return True


def wrong(path: Path, told: list[str], plan: Plan) -> list[str]:
    """
    Return what is not as it must be, before and after all in doubt was sent again.
    """
    found = [line for line in told if line.startswith("wrong")]
    acknowledged = {line.split()[1] for line in told if line.startswith("acknowledged")}
    refused = [line.split()[1:] for line in told if line.startswith("refused")]
    certain = {name for name, kind in refused if kind == "StoreUnavailableError"}
    # A full disk is noticed by a write, and no such write ends a commit.
    if plan.error == errno.ENOSPC and f"reached {WRITES}" in told:
        found += (f"{name}: {kind}" for name, kind in refused if name not in certain)
    if sum(name in OPERATIONS for name, _ in refused) > 1 and not plan.is_crowded:
        found.append(f"the disk fails once, and not {refused}")
    with SQLiteStore(path) as store:
        bank = bank_over(store)
        found += (f"lost {name}" for name in acknowledged if not is_there(bank, name))
        found += (
            f"done, and said not to be: {name}"
            for name in certain.intersection(OPERATIONS) - acknowledged
            if is_there(bank, name)
        )
        found += [str(each) for each in verify(store).disagreements]
        for name, (operation, _) in OPERATIONS.items():
            operation(bank, name)
        total = sum(account.balance.amount_minor for account in bank.accounts())
        if total != 2000 + sum(change for _, change in OPERATIONS.values()):
            found.append(f"{total} in all")
        found += [str(each) for each in verify(store).disagreements]
    return found


def _fail(
    shim: Any, path: Path, plan: Plan, at: int, tell: Callable[[str], object], *, is_hasty: bool
) -> None:
    shim.disk_arm(ctypes.c_long(at), plan.kinds, plan.error, plan.then)
    work(path, tell, is_hasty=is_hasty, is_crowded=plan.is_crowded)
    tell(f"reached {shim.disk_fired()}" if shim.disk_fired() else "passed")


def run(shim: Any, template: Path, directory: Path, *, is_hasty: bool) -> dict[str, Any]:
    points: dict[str, int] = {}
    problems: list[str] = []
    for plan in HASTY_PLANS if is_hasty else PLANS:
        name = f"{errno.errorcode[plan.error]} in {plan}"
        for at in count(1):
            path = directory / "-".join(map(str, map(int, (*plan, at)))) / "bank.db"
            path.parent.mkdir()
            shutil.copy(template, path)

            told = in_a_child(partial(_fail, shim, path, plan, at, is_hasty=is_hasty))
            problems += [f"{name}, the {at}th: {each}" for each in wrong(path, told, plan)]
            shutil.rmtree(path.parent)
            if "passed" in told:
                points[name] = at - 1
                break
    return {"points": points, "problems": problems}


if __name__ == "__main__":
    shim_path, template_path, work_path, hasty = sys.argv[1:]
    result = run(
        ctypes.CDLL(shim_path), Path(template_path), Path(work_path), is_hasty=hasty == "hasty"
    )
    print(json.dumps(result))
