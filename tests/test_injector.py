"""
The injector of errors raises where a caller is told, and nowhere else.
"""

import gc
from collections.abc import Iterator
from itertools import count

import pytest
from injector import Injector


@pytest.fixture
def collected() -> Iterator[list[str]]:
    """
    The phases that a callback of the garbage collector was told of.
    """
    phases: list[str] = []

    def on_collection(phase: str, info: object) -> None:
        phases.append(phase)

    gc.callbacks.append(on_collection)
    yield phases
    gc.callbacks.remove(on_collection)


def test_no_error_is_lost_in_a_callback_of_the_garbage_collector(collected: list[str]) -> None:
    """Python would swallow it there, and the call would go on as if it had not been raised."""
    for at in count(1):
        injector = Injector(at, KeyboardInterrupt())
        try:
            injector.run(gc.collect)
        except KeyboardInterrupt:
            continue
        break

    assert injector.count < at
    assert collected.count("stop") >= 1
