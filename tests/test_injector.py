"""
The injector of errors raises where a caller is told, and nowhere else.
"""

import gc
import sys
import weakref
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from injector import Injector


class Link:
    """One of two that refer to each other, so that only the garbage collector ends them."""

    def __init__(self) -> None:
        self.other: Link | None = None

    def __del__(self) -> None:
        self.other = None


def make_garbage() -> None:
    first, second = Link(), Link()
    first.other, second.other = second, first
    weakref.finalize(first, str.upper, "gone")


@pytest.fixture
def swallowed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """
    What Python has swallowed.
    """
    found: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", found.append)
    return found


@pytest.fixture
def phases() -> Iterator[list[str]]:
    """
    The phases that a callback of the garbage collector was told of.
    """
    found: list[str] = []

    def on_collection(phase: str, info: object) -> None:
        found.append(phase)

    gc.callbacks.append(on_collection)
    yield found
    gc.callbacks.remove(on_collection)


def test_no_error_is_lost_in_what_the_garbage_collector_calls(
    swallowed: list[Any], phases: list[str]
) -> None:
    """Python would swallow it there, and the call would go on as if it had not been raised."""

    def call() -> None:
        gc.collect(0)  # the youngest alone: all would take long where there is much
        sum(range(3))

    gc.collect()
    for at in count(1):
        make_garbage()
        injector = Injector(at, KeyboardInterrupt())
        try:
            injector.run(call)
        except KeyboardInterrupt:
            continue
        break

    assert swallowed == []
    assert phases.count("stop") > 2
    assert at > 5
