"""
Ids: the names of accounts, transactions and principals, and their alphabets.

Decided here: what an id may look like. ``A`` and ``a`` are two ids, and nothing is trimmed. An
application's id never contains a ``:``, so the bank's own (``expiry:alice:7``) never collide.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

import attrs

from bankcore.values._errors import InvalidIdError, shown
from bankcore.values._schemas import id_schema

#: The longest id of an account or a transaction, in characters.
ID_LENGTH_MAX: Final = 64
#: The longest id of a principal, in characters.
PRINCIPAL_LENGTH_MAX: Final = 128

# Nothing in it needs quoting in a URL, a file name or a shell.
ID_PATTERN: Final = rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{ID_LENGTH_MAX - 1}}}"
_EXPIRY_PATTERN: Final = rf"expiry:{ID_PATTERN}:[1-9][0-9]{{0,18}}"
_PRINCIPAL_PATTERN: Final = rf"[!-~]{{1,{PRINCIPAL_LENGTH_MAX}}}"

#: The form of an account's id, as JSON Schema has it.
ID_SCHEMA: Final = {"type": "string", "pattern": f"^{ID_PATTERN}$", "examples": ["alice"]}
#: Of a transaction's: the bank's own, of expiries, are longer than those of callers.
TRANSACTION_ID_SCHEMA: Final = {
    "type": "string",
    "pattern": f"^({ID_PATTERN}|{_EXPIRY_PATTERN})$",
    "examples": ["rent-2026-05"],
}
PRINCIPAL_ID_SCHEMA: Final = {
    "type": "string",
    "pattern": f"^{_PRINCIPAL_PATTERN}$",
    "examples": ["mary"],
}


@attrs.frozen(init=False)
class _Id:
    """The base of the three kinds of id. Only its subclasses are made."""

    value: str

    _match: ClassVar[Callable[..., object]] = re.compile(ID_PATTERN).fullmatch
    _reason: ClassVar[str] = (
        f"must be 1 to {ID_LENGTH_MAX} characters of A-Z, a-z, 0-9, '_', '-' and '.',"
        " and begin with a letter, a digit or '_'"
    )
    _field: ClassVar[str]
    _json_schema: ClassVar[dict[str, Any]] = ID_SCHEMA

    def __init__(self, value: str) -> None:
        if not isinstance(value, str) or not self._match(value):  # type: ignore[redundant-expr]  # callers may be untyped
            raise InvalidIdError(shown(value), self._reason).about(self._field)
        # A subclass of str may override `__str__`: keep the plain text.
        _set_value(self, value if type(value) is str else str.__str__(value))

    # Written by hand: every look-up calls these, and those of attrs cost twice as much.
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

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:  # noqa: ANN401  # its type is pydantic's
        return id_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, Any]:
        return cls._json_schema


_set_value = _Id.__dict__["value"].__set__


class AccountId(_Id):
    """
    The id of an account: 1 to 64 characters of ``A-Z a-z 0-9 _ - .``.

    It begins with a letter, a digit or ``_``. Ids sort by the codes of their characters.

        >>> AccountId("alice")
        AccountId('alice')

    Raises:
        InvalidIdError: If the text is anything else.
    """

    __slots__ = ()
    _field = "account_id"


class TransactionId(_Id):
    """
    The id of a transaction, which is also its idempotency key.

    The alphabet is that of `AccountId`. Ids are global to a store: one id stands for one command
    and one outcome, for ever. The bank itself makes ids such as ``expiry:alice:7``, for the
    expiry of a hold: they can be looked up, but not given to a command.

    Raises:
        InvalidIdError: If the text is anything else.
    """

    __slots__ = ()
    _match = re.compile(f"{ID_PATTERN}|{_EXPIRY_PATTERN}").fullmatch
    _field = "transaction_id"
    _json_schema = TRANSACTION_ID_SCHEMA

    @classmethod
    def of_expiry(cls, account_id: AccountId, version: int) -> "TransactionId":
        """Return the id of the expiry that raises the account to *version*."""
        return cls(f"expiry:{account_id.value}:{version}")


class PrincipalId(_Id):
    """
    The id of a principal, as the application knows it: 1 to 128 visible ASCII characters.

        >>> PrincipalId("mary@example.org")
        PrincipalId('mary@example.org')

    Raises:
        InvalidIdError: If the text is anything else.
    """

    __slots__ = ()
    # An e-mail address, a UUID and what identity providers give (``auth0|5f7c``) fit.
    _match = re.compile(_PRINCIPAL_PATTERN).fullmatch
    _reason = f"must be 1 to {PRINCIPAL_LENGTH_MAX} visible ASCII characters"
    _field = "principal"
    _json_schema = PRINCIPAL_ID_SCHEMA


def to_account_id(value: AccountId | str, field: str = "account_id") -> AccountId:
    """Return *value* as an `AccountId`; an error names *field*."""
    try:
        return value if type(value) is AccountId else AccountId(value)  # type: ignore[arg-type]  # it checks the type
    except InvalidIdError as error:
        raise error.about(field) from None


def to_transaction_id(value: TransactionId | str, field: str = "transaction_id") -> TransactionId:
    """Return *value* as a `TransactionId`; an error names *field*."""
    try:
        return value if type(value) is TransactionId else TransactionId(value)  # type: ignore[arg-type]  # it checks the type
    except InvalidIdError as error:
        raise error.about(field) from None


def to_principal_id(value: PrincipalId | str, field: str = "principal") -> PrincipalId:
    """Return *value* as a `PrincipalId`; an error names *field*."""
    try:
        return value if type(value) is PrincipalId else PrincipalId(value)  # type: ignore[arg-type]  # it checks the type
    except InvalidIdError as error:
        raise error.about(field) from None
