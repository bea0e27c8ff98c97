"""
Ids: the names of accounts and transactions, and the alphabet they are made of.

Decided here: what an id may look like. An id is compared as it is: ``A`` and ``a``
are two ids, and nothing is trimmed or folded. Making ids is not done here; `Bank`
does that, from a source the application may replace.
"""

import re
from typing import Final, Self

import attrs

from bankcore.errors import InvalidIdError, shown

#: The longest id that an application may give, in characters.
ID_LENGTH_MAX: Final = 64

_REASON: Final = (
    "an id is 1 to 64 characters of A-Z, a-z, 0-9, '_', '-' and '.',"
    " and begins with a letter, a digit or '_'"
)
# The rule in _REASON. Nothing in it needs quoting in a URL, a file name or a shell.
_is_id = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}").fullmatch


def _checked(value: object) -> str:
    if not isinstance(value, str) or _is_id(value) is None:
        raise InvalidIdError(shown(value), _REASON)
    return str.__str__(value)


@attrs.frozen(init=False, eq=False, order=False, repr=False)
class _Id:
    """
    What the two kinds of id share. Never made itself.
    """

    value: str

    def __init__(self, value: str) -> None:
        _set_value(self, _checked(value))

    @classmethod
    def of(cls, value: Self | str) -> Self:
        """
        *value* itself where it is such an id already, else the id of that text.
        """
        return value if type(value) is cls else cls(value)  # type: ignore[arg-type, return-value]  # checked by _checked

    # Written by hand: these run for every look-up, and cost half of what attrs generates.
    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.value == self.value  # type: ignore[attr-defined]  # same type

    def __hash__(self) -> int:
        return hash(self.value)

    def __lt__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.value < other.value  # type: ignore[attr-defined, no-any-return]  # same type

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def __str__(self) -> str:
        return self.value


_set_value = _Id.__dict__["value"].__set__


class AccountId(_Id):
    """
    The id of an account: 1 to 64 characters of ``A-Z a-z 0-9 _ - .``.

    It begins with a letter, a digit or ``_``. Ids sort by their characters' codes.

        >>> AccountId("alice")
        AccountId('alice')

    Raises:
        InvalidIdError: If the text is anything else.
    """

    __slots__ = ()


class TransactionId(_Id):
    """
    The id of a transaction, which is also its idempotency key.

    The alphabet is that of `AccountId`. Ids are global to a store: one id stands for
    one command and one outcome, for ever.

    Raises:
        InvalidIdError: If the text is anything else.
    """

    __slots__ = ()
