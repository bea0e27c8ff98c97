"""
"An acknowledged operation is never lost": `bankcore simulate` is killed at any moment.

The command appends each acknowledged id to a receipts file; SIGKILL comes after a number of
receipts that a seed chooses. The same command, run again, goes on from what is there.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

from bankcore import TransactionId
from bankcore.ledger import verify
from bankcore.stores import SQLiteStore

KILLS = 8
SEED = 20260101


def killed_after(receipts_more: int, words: list[str], receipts: Path) -> None:
    """
    Run the command and kill it, at work, once the receipts file has grown by so many lines.
    """
    before = receipts.stat().st_size if receipts.exists() else 0
    line = len("s1-20-t00000000\n")
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while child.poll() is None:
            size = receipts.stat().st_size if receipts.exists() else 0
            if size - before >= receipts_more * line:
                break
            time.sleep(0.001)  # between two looks at the file; nothing is timed
    finally:
        child.kill()
        child.communicate()

    assert -signal.SIGKILL == child.returncode


def test_nothing_acknowledged_is_lost_when_simulate_is_killed(tmp_path: Path) -> None:
    """After every kill each receipt's operation is there, and the audit is clean."""
    database, receipts = tmp_path / "bank.db", tmp_path / "receipts.txt"
    words = [
        *(sys.executable, "-m", "bankcore", "simulate", "--accounts", "20"),
        *("--operations", "3000", "--store", str(database), "--receipts", str(receipts)),
    ]
    random = Random(SEED)
    acknowledged_most = 0
    for _ in range(KILLS):
        # The part that is there already replays, quickly, before anything new is booked.
        killed_after(acknowledged_most + random.randrange(20, 250), words, receipts)
        # Only a whole line is a receipt.
        lines = receipts.read_text().rpartition("\n")[0].split()
        acknowledged = set(lines)
        acknowledged_most = len(acknowledged)
        with SQLiteStore(database) as store:
            for name in acknowledged:
                assert store.outcome(TransactionId(name)).id.value == name
            assert verify(store).is_clean

    finished = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (0, "") == (finished.returncode, finished.stderr)
    assert "yes, to the cent" in finished.stdout
    assert acknowledged_most > 100


def test_a_kill_before_the_commit_loses_what_was_not_acknowledged(tmp_path: Path) -> None:
    """What is said to be done before its commit is not there after a kill."""
    database = tmp_path / "bank.db"
    code = (
        "import os, sys\n"
        "from bankcore import Bank, Money\n"
        "from bankcore.stores import SQLiteStore\n"
        "store = SQLiteStore(sys.argv[1])\n"
        "Bank(store).open_account('alice', initial_balance=Money(1, 'EUR'))\n"
        "connection = store._connections._open_writer()\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        'connection.execute("UPDATE bankcore_account SET version = 2")\n'
        "print('acknowledged', flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(database)], capture_output=True, text=True, check=False
    )

    with SQLiteStore(database) as store:
        (account,) = store.accounts()
    assert ("acknowledged\n", -9, 1) == (child.stdout, child.returncode, account.version)
