"""
Random texts, as tests/bench/fuzz_money.py makes them by the million, a few thousand of them.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "bench"))

import fuzz_money


@pytest.mark.parametrize("seed", [1, 2])
def test_only_documented_errors_come_out(seed: int) -> None:
    """Whatever the text, it is taken for what it says, or refused as an invalid request."""
    taken, slowest, wrong = fuzz_money.fuzz(20_000, seed)

    assert [] == wrong
    assert set(slowest) == set(fuzz_money.WAYS)
    # So that it does not try nothing but nonsense.
    assert taken["Money(text, EUR)"]
    assert taken["Money.parse(text)"]


def test_an_undocumented_error_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail: a way that raises something else is reported."""
    monkeypatch.setitem(fuzz_money.WAYS, "times(text)", int)

    assert fuzz_money.fuzz(2_000, 1)[2]
