"""Choices: the values that a caller picks from a known few, such as rights, roles and scopes."""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from bankcore.values._errors import InvalidValueError, shown

#: The most values that are read of a caller's choices, which may come twice.
CHOICES_MAX: Final = 100

_T = TypeVar("_T")


def to_choices(
    given: object,
    find: Callable[[object], _T],
    names: Iterable[str],
    invalid: type[InvalidValueError],
    field: str,
) -> frozenset[_T]:
    """Return ``find(value)`` of each value *given*, which raises `ValueError` unless it is one."""
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise invalid(shown(given), f"must be a collection of {field}").about(field)
    found: list[_T] = []
    for value in given:
        if len(found) == CHOICES_MAX:
            raise invalid("more", f"must be at most {CHOICES_MAX}").about(field)
        try:
            found.append(find(value))
        except ValueError:
            raise invalid(shown(value), f"must be among {', '.join(names)}").about(field) from None
    return frozenset(found)
