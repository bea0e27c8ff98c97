"""
Failovers and partitions in short; the command makes as many as it is told to, in any setting.
"""

import os
import subprocess
import sys

import failovers
import pytest

#: Each takes half a minute of waiting.
in_thorough = pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "thorough", reason="only in the profile thorough"
)


def outcome(name: str, *numbers: str) -> "subprocess.CompletedProcess[str]":
    """Run the command on the setting of that *name*, unless something is missing for it."""
    if lacking := failovers.missing(name):
        pytest.skip(f"{name} is not tried: needs {', '.join(lacking)}")
    # Ends with this process, however that ends.
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, failovers.__file__]
    ended = subprocess.run(
        [*command, "--setting", name, *numbers], capture_output=True, text=True, check=False
    )
    print(ended.stdout, ended.stderr)
    if ended.returncode == failovers.NOT_WHOLE:
        # A machine so busy that servers of etcd do not hear each other.
        pytest.skip(f"{name} is not tried: {ended.stderr.splitlines()[-1]}")
    return ended


def test_a_synchronous_standby_loses_nothing() -> None:
    """
    A primary is killed: what clients were told is on the one that takes its place.
    """
    ended = outcome("synchronous", "--failovers", "1", "--partitions", "0")

    assert 0 == ended.returncode
    assert "1 faults" in ended.stdout
    assert "no problems" in ended.stdout.splitlines()[-1]


@in_thorough
def test_patroni_loses_nothing_in_a_partition() -> None:
    """
    A primary is cut off with half of its clients: nothing lost, doubled or read too late.
    """
    ended = outcome("patroni-strict", "--failovers", "0", "--partitions", "1")

    assert 0 == ended.returncode
    assert "1 faults" in ended.stdout
    assert "no problems" in ended.stdout.splitlines()[-1]


@in_thorough
def test_an_asynchronous_standby_loses_something() -> None:
    """
    The same rig finds what is lost if the primary does not wait for its standby.
    """
    ended = outcome("asynchronous", "--failovers", "2", "--partitions", "0")

    assert 0 == ended.returncode
    assert " lost" in ended.stdout
