"""
Forks beside threads that work: ``python tests/crash/forks.py 10000`` makes so many.

A program of its own books in three threads, each deposit in a new thread, and opens and closes a
log of what was acknowledged; its main thread forks and reaps. Some children end at once, some use
the store, some are made by multiprocessing. A library that is loaded before the C library
(`watched_descriptors.c`) reports whatever SQLite does to descriptors that are not its own.
"""

import contextlib
import faulthandler
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import attrs
from children import bank_over, eur

from bankcore import TransactionId
from bankcore.errors import StoreMisuseError, TransactionNotFoundError
from bankcore.ledger import ReadSet, Snapshot, WriteSet, verify
from bankcore.stores import SQLiteStore

HERE: Final = Path(__file__).parent
THREADS: Final = 3

#: What the program is like: as it should be, or broken in one way, which must be found.
VARIANTS: Final = ("sound", "hasty", "locked", "careless")

# A child that has not ended after so many seconds hangs.
_PATIENCE: Final = 20

# A program that has failed so often books no more.
_FAILURES_MAX: Final = 20

# What a child ends with.
_DONE, _REFUSED, _FAILED = 0, 3, 4


@attrs.define
class Found:
    """The problems and counts after all forks."""

    forks: int = 0
    acknowledged: int = 0
    children: Counter[str] = attrs.Factory(Counter)
    problems: list[str] = attrs.Factory(list)


class Locked(SQLiteStore):
    """A broken store: units queue for a lock that nobody looks after at a fork."""

    _queue = threading.Lock()

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        with self._queue:
            return super().transact(reads, decide)


# -- The program -------------------------------------------------------------


class Program:
    """The program that forks; *logs* is the directory of its logs."""

    def __init__(self, path: str, logs: str, variant: str) -> None:
        self.store = (Locked if variant == "locked" else SQLiteStore)(path, timeout=5)
        self.variant = variant
        self._path = path
        self._logs = logs
        self._is_over = threading.Event()
        self._has_booked = threading.Event()
        self._failures = 0

    def tell(self, log: str, line: str) -> None:
        descriptor = os.open(
            os.path.join(self._logs, log), os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode=0o600
        )
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)

    def _store(self, number: int) -> contextlib.AbstractContextManager[SQLiteStore]:
        """Now and then another one on the same file, which is closed at once."""
        if number % 5 == 4:
            return type(self.store)(self._path, timeout=5)
        return contextlib.nullcontext(self.store)

    def deposit(self, name: str, number: int) -> int:
        """Book once, and tell how that went."""
        try:
            if self.variant != "hasty" or number % 10:
                with self._store(number) as store:
                    bank_over(store).deposit(
                        "alice", eur(1), transaction_id=f"{name}-{number}", description="x" * 200
                    )
            self.tell("acknowledged", f"{name}-{number}")
            self._has_booked.set()
        except StoreMisuseError as error:
            refusal = str(error)
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is told
            self._failures += 1
            self.tell("problems", f"{name}-{number}: {error!r}")
            return _FAILED
        else:
            return _DONE
        if not name.startswith("child"):
            self._failures += 1
            self.tell("problems", f"{name}-{number}: {refusal}")
        return _REFUSED

    def work(self, name: str) -> None:
        """Start one thread after the other, each for one deposit."""
        for number in count(1):
            if self._is_over.is_set() or self._failures > _FAILURES_MAX:
                return
            thread = threading.Thread(target=self.deposit, args=(name, number))
            thread.start()
            thread.join()

    def in_child(self, number: int) -> None:
        signal.alarm(1 if self.variant == "locked" else _PATIENCE)
        if number % 8 == 5:
            with ThreadPoolExecutor(1) as pool:
                status = pool.submit(self.deposit, "child", number).result()
        else:
            status = self.deposit("child", number)
        if status == _DONE:
            try:
                bank_over(self.store).account("alice")
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is told
                self.tell("problems", f"a child reads: {error!r}")
        os._exit(status)

    def fork(self, number: int) -> str:
        """Fork once; return what became of the child."""
        if number % 8 == 7:
            process = multiprocessing.get_context("fork").Process(
                target=self.in_child, args=(number,)
            )
            process.start()
            process.join()
            ended = process.exitcode
            process.close()
        else:
            pid = os.fork()
            if pid == 0:
                if number % 4 != 1:
                    os._exit(_DONE)
                self.in_child(number)
            ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if number % 4 != 1:
                return "none of its own" if ended == _DONE else f"ended with {ended}"
        names = {_DONE: "done", _REFUSED: "refused", _FAILED: "failed", -signal.SIGALRM: "hangs"}
        return names.get(ended or 0, f"ended with {ended}")

    def run(self, forks: int) -> Counter[str]:
        threads = [
            threading.Thread(target=self.work, args=(f"thread{number}",))
            for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        children: Counter[str] = Counter()
        for number in range(forks):
            faulthandler.dump_traceback_later(3 * _PATIENCE, exit=True)
            if self.variant == "careless" and number == forks // 2:
                self._take_descriptors()
            if number % 16 == 9:
                with ThreadPoolExecutor(1) as pool:
                    ended = pool.submit(self.fork, number).result()
            else:
                ended = self.fork(number)
            children[ended] += 1
            if ended == "hangs" or self._failures > _FAILURES_MAX:
                break
            # Half of them as soon as they can, the others once more has been booked.
            if number % 2:
                self._has_booked.clear()
                self._has_booked.wait(1)
        self._is_over.set()
        for thread in threads:
            thread.join()
        self.store.close()
        faulthandler.cancel_dump_traceback_later()
        return children

    def _take_descriptors(self) -> None:
        """Do what the store must not do: close what SQLite has open, and open a log instead."""
        bank_over(self.store).account("alice")
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/self/fd/{name}").endswith("-wal"):
                    os.close(int(name))
                    os.open(os.path.join(self._logs, "other"), os.O_RDWR | os.O_CREAT)


def program(path: str, logs: str, forks: str, variant: str) -> None:
    warnings.simplefilter("ignore")
    print(json.dumps(Program(path, logs, variant).run(int(forks))))


# -- What is left ------------------------------------------------------------


def build(directory: Path) -> Path:
    """Compile the library that watches."""
    shim = directory / "watched_descriptors.so"
    source = HERE / "watched_descriptors.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    return shim


def _lines(path: Path) -> list[str]:
    return path.read_bytes().decode(errors="replace").splitlines() if path.exists() else []


def _look(path: Path, told: list[str], found: Found) -> None:
    """Compare what is in the file with what was told."""
    acknowledged = []
    for line in told:
        if re.fullmatch(r"(thread\d|child)-\d+", line):
            acknowledged.append(line)
        else:
            found.problems.append(f"not written by the program into its log: {line[:80]!r}")
    found.acknowledged += len(acknowledged)
    with SQLiteStore(path) as store:
        for name in acknowledged:
            try:
                store.outcome(TransactionId(name))
            except TransactionNotFoundError:
                found.problems.append(f"lost: {name}")
        found.problems += map(str, verify(store).disagreements)
        account = bank_over(store).account("alice")
        if account.balance != eur(account.version - 1):
            found.problems.append(f"{account.balance} after {account.version - 1} deposits")


def run(forks: int, directory: Path, *, variant: str = "sound") -> Found:
    """Fork so often, look at what is left, and return what was found."""
    shim = build(directory)
    # The store has a directory of its own: whatever is not in it is foreign.
    logs, path, report = directory / "logs", directory / "store" / "bank.db", directory / "report"
    logs.mkdir()
    path.parent.mkdir()
    with SQLiteStore(path) as store:
        bank_over(store).open_account("alice", initial_balance=eur(0), transaction_id="alice")
    environment = {
        "LD_PRELOAD": str(shim),
        "BANKCORE_WATCHED": str(path.parent),
        "BANKCORE_WATCHED_REPORT": str(report),
    }
    said = subprocess.run(
        [sys.executable, Path(__file__), "program", path, logs, str(forks), variant],
        # The files of what measures coverage would be foreign ones.
        env={
            **{name: each for name, each in os.environ.items() if "COVERAGE" not in name},
            **environment,
        },
        check=False,
        capture_output=True,
        text=True,
    )
    found = Found(forks=forks)
    found.problems += _lines(logs / "problems") + _lines(report)
    if said.returncode:
        found.problems.append(f"the program ended with {said.returncode}: {said.stderr[-3000:]}")
    else:
        found.children.update(json.loads(said.stdout))
        odd = set(found.children) - {"none of its own", "done", "refused"}
        found.problems += (f"children: {name}" for name in sorted(odd))
        if {"done", "refused"} <= set(found.children):
            found.problems.append(f"children go on or are refused, by chance: {found.children}")
    try:
        _look(path, _lines(logs / "acknowledged"), found)
    except Exception as error:  # noqa: BLE001  # a file that cannot be read is what is looked for
        found.problems.append(f"what is left cannot be read: {error!r}")
    return found


def main(forks: str) -> None:
    warnings.simplefilter("ignore")
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with TemporaryDirectory(dir=memory) as made:
        found = run(int(forks), Path(made))
    print(found.forks, "forks,", found.acknowledged, "acknowledged,", dict(found.children))
    print("\n".join([f"{len(found.problems)} problems", *found.problems[:20]]))
    sys.exit(bool(found.problems))


if __name__ == "__main__":
    if sys.argv[1] == "program":
        program(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
