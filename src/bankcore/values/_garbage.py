"""
Fewer garbage collections while a long batch or an import is at work.

Decided here: what bankcore may do to the collector of the process that it is a part of. A batch
makes some ten objects a command, nearly all of which stay, and no cycles; Python then looks for
cycles again and again, in a fifth of the batch's time. So the threshold of the youngest generation
is raised for as long as a batch runs: nothing is switched off, and cycles that other threads leave
are collected a million objects later at the latest.

The collector belongs to the application. Switching it on or off is left to it, and works in the
meantime as ever. A threshold that was changed in the meantime, or one that is as high already,
stays as it is; so does the one of a batch in another thread, which puts back what it found. Each
batch knows its own threshold by a number of its own. An exception between the two, whichever it
is, leaves fewer collections, and nothing worse.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Final

_OBJECTS: Final = 1_000_000
_numbers = count(_OBJECTS)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the garbage collector run once in a million objects, then as before."""
    before = gc.get_threshold()
    # Zero is "never".
    if before[0] == 0 or before[0] >= _OBJECTS:
        yield
        return
    own = next(_numbers)
    try:
        gc.set_threshold(own, *before[1:])
        yield
    finally:
        if gc.get_threshold()[0] == own:
            gc.set_threshold(*before)
