"""
How a check fails: with both values, and without ``assert``.

Decided here: what is said of a promise that was not kept. Nothing is left to pytest's
rewriting of assertions, and nothing is lost under ``python -O``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

# The longest repr of a value in a message, in characters.
_SHOWN_MAX: Final = 400


class BrokenPromiseError(AssertionError):
    """A store did not do what it has promised."""


class Raised:
    """What `raises` caught."""

    error: Any = None


def require(is_so: object, said: str) -> None:
    """Pass if *is_so*; *said* is the sentence that must hold."""
    if not is_so:
        raise BrokenPromiseError(f"it must hold that {said}")


def require_equal(expected: object, actual: object) -> None:
    """Pass if they are equal; otherwise say where they begin to differ."""
    if expected != actual:
        raise BrokenPromiseError(_difference(expected, actual))


def require_same(expected: object, actual: object) -> None:
    """Pass if they are one and the same object."""
    if expected is not actual:
        raise BrokenPromiseError(f"expected the very {_shown(expected)}, and got {_shown(actual)}")


@contextmanager
def raises(*errors: type[BaseException]) -> Iterator[Raised]:
    """Pass if one of *errors* is raised inside; it is then in ``.error``."""
    raised = Raised()
    try:
        yield raised
    except errors as error:
        raised.error = error
        return
    names = " or ".join(each.__name__ for each in errors)
    raise BrokenPromiseError(f"expected {names}, and nothing was raised")


def _difference(expected: object, actual: object) -> str:
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return _first_difference(expected, actual)
    return f"expected {_shown(expected)}\n but got {_shown(actual)}"


def _first_difference(expected: Sequence[object], actual: Sequence[object]) -> str:
    for place, (one, other) in enumerate(zip(expected, actual, strict=False)):
        if one != other:
            return f"at place {place} {_difference(one, other)}"
    if len(expected) == len(actual):
        return f"expected {_shown(expected)}\n but got {_shown(actual)}"
    return (
        f"expected {len(expected)} and got {len(actual)}:"
        f" {_shown(expected)}\n but got {_shown(actual)}"
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
