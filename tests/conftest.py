"""
What the tests share: Hypothesis profiles, the number of workers, options, and a place in memory.

`dev` is quick and different each time. `ci` is the same each time, so that a failure is
the change's and not chance's. `thorough` is for a long look by hand:
``HYPOTHESIS_PROFILE=thorough pytest tests/stateful``.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

# Machines here are small and noisy: a deadline would test the machine.
_shared = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("dev", _shared, max_examples=60)
settings.register_profile("ci", _shared, max_examples=100, derandomize=True)
settings.register_profile("thorough", _shared, max_examples=5_000)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--newest",
        action="store_true",
        help="compare the recorded data of other packages with what is installed, whatever its"
        " version",
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """
    Return one worker a core for folders, and none for files: one file is sooner done without.
    """
    if all(Path(each.partition("::")[0]).is_file() for each in config.args):
        return 0
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """
    A directory in memory where there is such a place, for rigs to which the disk is no matter.
    """
    memory = Path("/dev/shm")
    if memory.is_dir():
        with TemporaryDirectory(dir=memory) as made:
            yield Path(made)
    else:
        yield tmp_path
