"""
Ids: the names of accounts, transactions and principals, and the alphabet they are made of.

Decided here: what an id may look like. An id is compared as it is: ``A`` and ``a``
are two ids, and nothing is trimmed or folded. A ``:`` is in no id that an application
gives, so that the bank's own (``expiry:alice:7``) can never meet one. Making ids is not
done here; `Bank` does that, from a source the application may replace.
"""

import re
from typing import ClassVar, Final

import attrs

from bankcore.values._errors import InvalidIdError, shown

#: The longest id that an application may give, in characters.
ID_LENGTH_MAX: Final = 64

_REASON: Final = (
    "an id is 1 to 64 characters of A-Z, a-z, 0-9, '_', '-' and '.',"
    " and begins with a letter, a digit or '_'"
)
# The rule in _REASON. Nothing in it needs quoting in a URL, a file name or a shell.
_ID: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"
_is_id = re.compile(_ID).fullmatch
_is_expiry_id = re.compile(rf"expiry:{_ID}:[1-9][0-9]{{0,18}}").fullmatch

#: The longest id of a principal, in characters.
PRINCIPAL_LENGTH_MAX: Final = 128

# Visible ASCII: an e-mail address, a UUID and what identity providers give (``auth0|5f7c``) fit.
_is_principal = re.compile(r"[!-~]{1,128}").fullmatch


@attrs.frozen(init=False, eq=False, order=False, repr=False)
class _Id:
    """
    What the two kinds of id share. Never made itself.
    """

    value: str

    _reason: ClassVar[str] = _REASON

    def __init__(self, value: str) -> None:
        # Whatever a caller without a type checker gives is judged here.
        if not isinstance(value, str):
            raise InvalidIdError(shown(value), self._reason)
        if _is_id(value) is None and not self._has_other_form(value):
            raise InvalidIdError(shown(value), self._reason)
        # A plain text, whatever a subclass makes of itself.
        _set_value(self, value if type(value) is str else str.__str__(value))

    @staticmethod
    def _has_other_form(_value: str) -> bool:
        """
        Whether the text is an id of its kind, though not of the common alphabet.
        """
        return False

    # Written by hand: these run for every look-up, and cost half of what attrs generates.
    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)

    def __lt__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.value < other.value

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
    one command and one outcome, for ever. The bank itself makes ids such as
    ``expiry:alice:7``, the expiry of a hold; they can be looked up, and not be given to a
    command.

    Raises:
        InvalidIdError: If the text is anything else.
    """

    __slots__ = ()

    @classmethod
    def of_expiry(cls, account_id: AccountId, version: int) -> "TransactionId":
        """
        The id of the expiry that brings the account to *version*.
        """
        return cls(f"expiry:{account_id.value}:{version}")

    @staticmethod
    def _has_other_form(value: str) -> bool:
        return _is_expiry_id(value) is not None


class PrincipalId(_Id):
    """
    The id of a principal, as the application knows it: 1 to 128 visible ASCII characters.

        >>> PrincipalId("mary@example.org")
        PrincipalId('mary@example.org')

    Raises:
        InvalidIdError: If the text is anything else.
    """

    __slots__ = ()
    _reason = "a principal's id is 1 to 128 visible ASCII characters"

    @staticmethod
    def _has_other_form(value: str) -> bool:
        return _is_principal(value) is not None


def to_account_id(value: AccountId | str) -> AccountId:
    """
    *value* itself where it is an account's id already, else the id of that text.

    Raises:
        InvalidIdError: If the text cannot be an id.
    """
    return value if type(value) is AccountId else AccountId(value)  # type: ignore[arg-type]  # judged there


def to_transaction_id(value: TransactionId | str) -> TransactionId:
    """
    *value* itself where it is a transaction's id already, else the id of that text.

    Raises:
        InvalidIdError: If the text cannot be an id.
    """
    return value if type(value) is TransactionId else TransactionId(value)  # type: ignore[arg-type]  # judged there


def to_principal_id(value: PrincipalId | str) -> PrincipalId:
    """
    *value* itself where it is a principal's id already, else the id of that text.

    Raises:
        InvalidIdError: If the text cannot be an id.
    """
    return value if type(value) is PrincipalId else PrincipalId(value)  # type: ignore[arg-type]  # judged there
