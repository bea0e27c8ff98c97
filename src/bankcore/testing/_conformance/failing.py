"""
The assertions of the checks, which show both values and do not use ``assert``.

Decided here: the message of a broken promise. It does not depend on pytest's rewriting of
assertions, and is the same under ``python -O``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

# The longest repr of a value in a message, in characters.
_SHOWN_MAX: Final = 400


class BrokenPromiseError(AssertionError):
    """A store has broken a promise."""


class Raised:
    """The error that `raises` caught."""

    error: Any = None


def require(is_so: object, said: str) -> None:
    """Raise `BrokenPromiseError` unless *is_so*; *said* is what must be true."""
    if not is_so:
        raise BrokenPromiseError(f"it must be true that {said}")


def require_equal(expected: object, actual: object) -> None:
    """Raise `BrokenPromiseError` unless both are equal; it says where they begin to differ."""
    if expected != actual:
        raise BrokenPromiseError(_difference(expected, actual))


def require_same(expected: object, actual: object) -> None:
    """Raise `BrokenPromiseError` unless both are the same object."""
    if expected is not actual:
        raise BrokenPromiseError(
            f"expected the object {_shown(expected)} itself, got {_shown(actual)}"
        )


@contextmanager
def raises(*errors: type[BaseException]) -> Iterator[Raised]:
    """Catch one of *errors*, which is then in ``.error``; raise if none of them comes."""
    raised = Raised()
    try:
        yield raised
    except errors as error:
        raised.error = error
        return
    names = " or ".join(each.__name__ for each in errors)
    raise BrokenPromiseError(f"expected {names}, but nothing was raised")


def _difference(expected: object, actual: object) -> str:
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return _first_difference(expected, actual)
    return f"expected {_shown(expected)}\n but got {_shown(actual)}"


def _first_difference(expected: Sequence[object], actual: Sequence[object]) -> str:
    for position, (one, other) in enumerate(zip(expected, actual, strict=False)):
        if one != other:
            return f"at position {position} {_difference(one, other)}"
    if len(expected) == len(actual):
        return f"expected {_shown(expected)}\n but got {_shown(actual)}"
    return (
        f"expected {len(expected)} but got {len(actual)}:"
        f" {_shown(expected)}\n but got {_shown(actual)}"
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
