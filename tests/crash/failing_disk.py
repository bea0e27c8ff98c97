"""
What happens on a disk that fails: ``python failing_disk.py shim template work hasty``.

For each error, and for every n until nothing fails any more, a child opens a copy of the
template, does its operations and closes it, while the n-th write, flush or truncation fails; then
it goes on, or is killed at the next one. This process never fails, and looks at what is left.
Prints one JSON object.
"""

import ctypes
import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bankcore import Bank, Money
from bankcore.errors import StoreError, TransactionNotFoundError
from bankcore.ledger import verify
from bankcore.stores import SQLiteStore
from bankcore.stores._sqlite._settings import JournalMode

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}


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


def work(path: Path, tell: Callable[[str], object], *, is_hasty: bool) -> None:
    """
    Open, do all operations, close; each operation and its answer is told.
    """
    store = None
    for _ in range(2):  # the disk fails once
        try:
            store = SQLiteStore(path)
            break
        except StoreError:
            tell("refused open")
    if store is None:
        return
    for name, (operation, _) in OPERATIONS.items():
        if is_hasty:
            tell(f"acknowledged {name}")
        try:
            operation(bank_over(store), name)
            tell(f"acknowledged {name}")
        except StoreError:
            tell(f"refused {name}")
    try:
        store.close()
    except StoreError:
        tell("refused close")


def in_a_child(body: Callable[[Callable[[str], object]], None]) -> list[str]:
    """
    What a child tells before it ends or dies.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            body(lambda line: os.write(writing, f"{line}\n".encode()))
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is told
            os.write(writing, f"untyped {error!r}\n".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        lines = pipe.read().splitlines()
    os.waitpid(pid, 0)
    return lines


def wrong(path: Path, told: list[str]) -> list[str]:
    """
    What is not as it must be, after all in doubt was sent again.
    """
    found = [line for line in told if line.startswith("untyped")]
    acknowledged = {line.split()[1] for line in told if line.startswith("acknowledged")}
    with SQLiteStore(path) as store:
        bank = bank_over(store)
        for name in sorted(acknowledged):
            try:
                bank.transaction(name)
            except TransactionNotFoundError:
                found.append(f"lost {name}")
        found += [str(each) for each in verify(store).disagreements]
        for name, (operation, _) in OPERATIONS.items():
            operation(bank, name)
        total = sum(account.balance.amount_minor for account in bank.accounts())
        if total != 2000 + sum(change for _, change in OPERATIONS.values()):
            found.append(f"{total} in all")
        found += [str(each) for each in verify(store).disagreements]
    return found


def _fail(
    shim: Any,
    path: Path,
    how: tuple[int, int, int],
    tell: Callable[[str], object],
    *,
    is_hasty: bool,
) -> None:
    at, error, dies = how
    shim.disk_arm(ctypes.c_long(at), error, dies)
    work(path, tell, is_hasty=is_hasty)
    tell("reached" if shim.disk_fired() else "passed")


def run(shim: Any, template: Path, directory: Path, *, is_hasty: bool) -> dict[str, Any]:
    points: dict[str, int] = {}
    problems: list[str] = []
    # A loss is seen with any of them.
    kinds = {"EIO": ERRORS["EIO"]} if is_hasty else ERRORS
    for kind, number in kinds.items():
        for dies in (False,) if is_hasty else (False, True):
            name, at = f"{kind} {'dies' if dies else 'goes on'}", 0
            while True:
                at += 1
                path = directory / f"{kind}-{dies:d}-{at}" / "bank.db"
                path.parent.mkdir()
                shutil.copy(template, path)

                told = in_a_child(
                    partial(_fail, shim, path, (at, number, int(dies)), is_hasty=is_hasty)
                )
                problems += [f"{name} at {at}: {each}" for each in wrong(path, told)]
                shutil.rmtree(path.parent)
                if "passed" in told:
                    break
            points[name] = at - 1
    return {"points": points, "problems": problems}


if __name__ == "__main__":
    shim_path, template_path, work_path, hasty = sys.argv[1:]
    result = run(
        ctypes.CDLL(shim_path), Path(template_path), Path(work_path), is_hasty=hasty == "hasty"
    )
    print(json.dumps(result))
