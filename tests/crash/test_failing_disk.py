"""
The disk fails at every write, flush and truncation: typed errors, and nothing acknowledged lost.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import failing_disk
import pytest

from bankcore.stores._sqlite._settings import JournalMode

HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
    pytest.mark.skipif(sys.platform != "linux", reason="it asks /proc for the names of files"),
]


def _result(directory: Path, mode: JournalMode, hasty: str) -> dict[str, Any]:
    shim = directory / "failing_disk.so"
    source = HERE / "failing_disk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True)
    template = directory / "bank.db"
    failing_disk.make(template, mode)
    work = directory / "work"
    work.mkdir()
    said = subprocess.run(
        [sys.executable, HERE / "failing_disk.py", shim, template, work, hasty],
        env={**os.environ, "LD_PRELOAD": str(shim)},
        check=False,
        capture_output=True,
        text=True,
    )

    assert said.returncode == 0, said.stderr
    result: dict[str, Any] = json.loads(said.stdout)
    return result


@pytest.mark.parametrize("mode", ["wal", "truncate"])
def test_a_disk_that_fails_at_any_point_loses_nothing(directory: Path, mode: JournalMode) -> None:
    """
    An error at the n-th write, flush, truncation, opening, lock, unlock or read, for every n until
    nothing fails; the process goes on, or dies at the next: every error is a `StoreError`, and at
    once; what was acknowledged is there, what was certainly not done is not, a full disk is never
    a doubt, the audit is clean, and sending all again books each once.
    """
    result = _result(directory, mode, "patient")

    assert result["problems"] == []
    assert all(points > 4 for points in result["points"].values()), result["points"]


def test_a_store_that_acknowledges_too_early_is_caught(directory: Path) -> None:
    """
    The rig sees a loss: where an operation is acknowledged before it is done, some are lost.
    """
    result = _result(directory, "wal", "hasty")

    assert any("lost" in problem for problem in result["problems"])
