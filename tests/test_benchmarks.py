"""
Every benchmark runs: none is timed here, but one that has broken would go unseen.
"""

import lzma
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

BENCH = Path(__file__).parent / "bench"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """
    A file of two movements, as the benchmark of the import takes it.
    """
    path = tmp_path / "history.csv.xz"
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.write(
            "transaction_id,account_id,date,amount,balance,description\n"
            "t-1,a-1,1993-01-01,900.00,900.00,WAGES\n"
            "t-2,a-1,1993-01-02,-14.60,885.40,FEE\n"
        )
    return path


def ran(name: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", BENCH / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def told_by(name: str, *arguments: object, statuses: Collection[int] = (0,)) -> str:
    """
    What the benchmark says, which has then compared its results and ended as it should.
    """
    done = ran(name, *arguments)
    assert "" == done.stderr
    assert done.returncode in statuses
    return done.stdout


def test_each_is_run_here() -> None:
    """
    Whoever adds a benchmark adds it here.
    """
    here = Path(__file__).read_text()

    assert [] == [each.name for each in BENCH.glob("bench_*.py") if f'"{each.name}"' not in here]


def test_chain() -> None:
    """
    Deposits with their hashes, and the same rows by hand.
    """
    assert "batch: median ratio" in told_by("bench_chain.py", 1)


@pytest.mark.parametrize("place", ["sqlite", "postgres"])
def test_find(place: str) -> None:
    """
    Searches, each with its time, on either engine.
    """
    assert "no index: text" in told_by("bench_find.py", 1000, place)


def test_http() -> None:
    """
    Deposits over HTTP, and those of the view by hand.
    """
    assert "median ratio" in told_by("bench_http.py", 3, 1)


def test_import(history: Path) -> None:
    """
    The rows of a file, and the same rows by hand.
    """
    assert "median ratio" in told_by("bench_import.py", history, 1)


def test_money() -> None:
    """
    The operations of money beside those of others. It ends with 1 where one is slower than it
    should be, which is nothing to be judged here.
    """
    assert "py-moneyed" in told_by("bench_money.py", 1, statuses=(0, 1))


def test_postgres() -> None:
    """
    Deposits on PostgreSQL, and the same rows by hand.
    """
    assert "pgbench" in told_by("bench_postgres.py", 0.2, 1, statuses=(0, 1))


def test_threads() -> None:
    """
    Deposits and transfers of several threads, and the same rows by hand.
    """
    told = told_by("bench_threads.py", 64, 1)

    assert 4 == told.count("median ratio")


def test_verify() -> None:
    """
    An audit of a bank with one of each kind of operation, and balances in the past.
    """
    assert "balance_at beside account" in told_by("bench_verify.py", 1000)


def test_verify_takes_no_directory(tmp_path: Path) -> None:
    """
    A directory in place of a bank's file is told in one sentence, and nothing is made in it.
    """
    done = ran("bench_verify.py", 1000, tmp_path)

    assert done.stderr == f"{tmp_path} is a directory: name a file, such as {tmp_path}/bank.db\n"
    assert (1, []) == (done.returncode, list(tmp_path.iterdir()))
