"""
Which files this process has open.
"""

import contextlib
import os
from collections import Counter
from pathlib import Path

import pytest


def open_files(directory: Path | None = None) -> Counter[str]:
    """
    Return how many descriptors of each file are open, under one directory where one is given.

    A test that counts what a store opens names the directory: other threads of this process open
    and close files and sockets of their own. Skips the test on a system that does not tell.
    """
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not tell which files are open")
    found: Counter[str] = Counter()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that lists them
            found[os.readlink(f"/proc/self/fd/{name}")] += 1
    if directory is None:
        return found
    return Counter({file: n for file, n in found.items() if file.startswith(f"{directory}/")})
