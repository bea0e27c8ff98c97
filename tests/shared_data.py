"""
Where the data that only tests may use lies: beside the checkout, in ``shared/``.
"""

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_path(name: str) -> Path:
    """
    The file *name* in ``shared/``; skips the test, and says so, where it is absent.
    """
    path = _SHARED / name
    if not path.exists():
        pytest.skip(f"needs shared/{name} beside the checkout, and it is absent")
    return path
