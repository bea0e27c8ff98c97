"""
A few connections serve any number of threads, and nothing stays open behind anybody.
"""

import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from descriptors import open_files

from bankcore import Bank, Money
from bankcore.ledger import verify
from bankcore.stores import SQLiteStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it counts what /proc/self/fd has")

_BEGINNING = """
import json, os, resource, sys, threading, time, _thread
from datetime import timedelta
from pathlib import Path
from bankcore import Bank, Money
from bankcore.errors import StoreUnavailableError
from bankcore.stores import SQLiteStore
path = Path(sys.argv[1])
ONE = Money(1, "EUR")
def descriptors():
    return len(os.listdir("/proc/self/fd"))
def tell(what):
    print(json.dumps(what))
def in_threads(number, use):
    threads = [threading.Thread(target=use) for _ in range(number)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
"""


def _said(code: str, path: Path) -> Any:
    """
    Return what a process of its own says, as its limits are its own.
    """
    said = subprocess.run(
        [sys.executable, "-c", _BEGINNING + code, path],
        check=False,
        capture_output=True,
        text=True,
    )

    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "bank.db"
    with SQLiteStore(path) as store:
        Bank(store).open_account("alice", initial_balance=Money(1, "EUR"))
    return path


_THOUSAND = """
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
store = SQLiteStore(path)
bank = Bank(store)
together = threading.Barrier(1000)
errors, most = [], []
def use():
    together.wait()
    try:
        bank.deposit("alice", ONE)
        bank.account("alice")
        most.append(descriptors())
    except BaseException as error:
        errors.append(repr(error))
in_threads(1000, use)
tell([errors, max(most)])
"""


def test_a_thousand_threads_at_once_need_few_descriptors(path: Path) -> None:
    """
    With the usual limit of 1,024 descriptors no call fails, and hardly any of them are used.
    """
    errors, most = _said(_THOUSAND, path)

    assert [] == errors
    assert most < 100
    with SQLiteStore(path) as store:
        assert Money(1_001, "EUR") == Bank(store).account("alice").balance
        assert verify(store).is_clean


_FEW = """
said = []
def under(limit, call):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 20_000))
    try:
        call()
    except StoreUnavailableError as error:
        said.append(str(error))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 20_000))
def open_and_use():
    with SQLiteStore(path) as store:
        Bank(store, deadline=timedelta()).deposit("alice", ONE)
        Bank(store, deadline=timedelta()).account("alice")
        store.backup(path.with_name(f"copy-{more}.db"))
before = descriptors()
for more in range(12):
    under(before - 1 + more, open_and_use)
tell([said, descriptors() - before])
"""


def test_a_lack_of_descriptors_is_named(path: Path) -> None:
    """
    However many are left, from none to enough, the error says what there is too much of.
    """
    said, left = _said(_FEW, path)

    assert 3 <= len(said) < 12
    assert [] == [each for each in said if "oo many" not in each]
    assert 0 == left


_FOREIGN = """
store = SQLiteStore(path)
bank = Bank(store)
ended = []
def use():
    bank.deposit("alice", ONE)
    bank.account("alice")
    ended.append(None)
counts = []
for number in range(1, 101):
    _thread.start_new_thread(use, ())
    while len(ended) < number:
        time.sleep(0.0005)
    counts.append(descriptors())
tell([counts[10], counts[-1]])
"""


def test_foreign_threads_leave_nothing_open(path: Path) -> None:
    """
    Threads of which the `threading` module does not know end, and nothing of theirs is left.
    """
    after_ten, after_hundred = _said(_FOREIGN, path)

    assert after_ten == after_hundred


@pytest.mark.parametrize("is_in_a_cycle", [False, True])
def test_a_collected_store_leaves_nothing_open(path: Path, is_in_a_cycle: bool) -> None:
    """
    A store that nobody has any more, and nobody closed, is closed, and others can write at once.
    """
    for _ in range(20):
        store = SQLiteStore(path)
        bank = Bank(store)
        bank.deposit("alice", Money(1, "EUR"))
        bank.account("alice")
        if is_in_a_cycle:
            bank.itself = bank  # type: ignore[attr-defined]  # on purpose
        assert open_files(path.parent)
        del store, bank
    gc.collect()

    assert not open_files(path.parent)
    with SQLiteStore(path, timeout=0) as again:
        assert (
            Money(22, "EUR") == Bank(again).deposit("alice", Money(1, "EUR")).postings[0].balance
        )


_A_CONNECTION_FOR_EACH = """
import sqlite3
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
together = threading.Barrier(600)
local, errors, most = threading.local(), [], []
def use():
    try:
        local.connection = sqlite3.connect(path)
        local.connection.execute("SELECT count(*) FROM bankcore_account").fetchall()
        together.wait()
        most.append(descriptors())
    except BaseException as error:
        together.abort()
        errors.append(repr(error))
in_threads(600, use)
tell([errors, max(most, default=0)])
"""


def test_a_connection_for_each_thread_runs_out(path: Path) -> None:
    """
    The rig sees that a store with a connection for each thread does not get far.
    """
    errors, _ = _said(_A_CONNECTION_FOR_EACH, path)

    assert any("unable to open database file" in error for error in errors)
