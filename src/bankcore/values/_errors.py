"""
The root of the error tree, its three branches, and the errors of ids, texts and instants.

Decided here: what every error has in common (a stable ``code``, its facts as fields, a message
made of them), and how much of a caller's value an error repeats. Each room has its own errors in
its ``_errors`` module; `bankcore.errors` lists them all.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import attrs

# The longest piece of a caller's value that an error repeats, in characters.
_SHOWN_MAX = 60

# The integers that an error repeats are shorter than that.
_SHOWN_INT_MAX = 10**_SHOWN_MAX


def shown(value: object) -> str:
    """
    What of a refused *value* goes into an error: its repr, cut to 60 characters.
    """
    if type(value) is int and -_SHOWN_INT_MAX < value < _SHOWN_INT_MAX:
        return str(value)
    if isinstance(value, str):
        # Cut before repr, so that a text of megabytes costs nothing.
        value = value[: _SHOWN_MAX + 1]
    elif not isinstance(value, float | bool | bytes | type(None)):
        # The repr of anything else may be huge, slow, or raise: name its type.
        return f"a value of type {type(value).__name__}"
    text = repr(value[: _SHOWN_MAX + 1] if isinstance(value, bytes) else value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


class BankError(Exception):
    """
    The base of every error that bankcore raises on purpose.

    ``code`` is a stable snake_case word for programs. ``retryable`` says whether
    the same call with the same transaction id may simply be sent again.
    """

    code: ClassVar[str] = "bank_error"
    retryable: ClassVar[bool] = False

    #: Whether this answer was recorded by an earlier call and is given again.
    replayed: bool = False
    #: In an atomic batch: the given ids that stay unused because of this error.
    unused_ids: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self._message()

    def _message(self) -> str:
        raise NotImplementedError

    @property
    def facts(self) -> Mapping[str, Any]:
        """
        The fields of the error by name, as the raiser gave them.
        """
        return attrs.asdict(self, recurse=False)  # type: ignore[arg-type]  # every concrete class is an attrs class


class InvalidRequestError(BankError):
    """
    The call itself is wrong; sent again as it is, it will never pass.

    Nothing was written, and the transaction id is not used up.
    """

    code = "invalid_request"

    #: The argument or field that is wrong, by its name; None where it is not one alone.
    field: str | None = None

    def about(self, field: str) -> Self:
        """
        Return this error, now about the argument or field of this name.
        """
        self.field = field
        return self

    @property
    def facts(self) -> Mapping[str, Any]:
        return {**super().facts, "field": self.field}


@attrs.define(slots=False)
class InvalidValueError(InvalidRequestError):
    """
    The base of errors about one value: *field* (or else *noun*) *reason*, got *value*.

    *reason* goes on after the field's name, such as "must not be negative". Only its subclasses
    are raised.
    """

    noun: ClassVar[str] = "The value"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.field or self.noun} {self.reason}, got {self.value}."


class DeclinedError(BankError):
    """
    A rule of the bank, or a policy, said no. No money moved.

    Where ``is_recorded``, and the caller gave the transaction id, the refusal
    is recorded under that id: sent again, the same command is refused again,
    whatever has happened since.
    """

    code = "declined"
    is_recorded: ClassVar[bool] = True


class StoreError(BankError):
    """
    The store could not do it, or cannot tell whether it did.
    """

    code = "store_error"


@attrs.define(slots=False)
class InvalidIdError(InvalidRequestError, ValueError):
    """
    An id of an account, a transaction or a principal outside its documented alphabet.
    """

    code = "invalid_id"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid id: {self.reason}."


@attrs.define(slots=False)
class InvalidTextError(InvalidRequestError, ValueError):
    """
    A description or a reason with control characters, or a longer one than allowed.
    """

    code = "invalid_text"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid text: {self.reason}."


@attrs.define(slots=False)
class InvalidTimeError(InvalidRequestError, ValueError):
    """
    An instant without a zone, out of range, or one that history rules out.
    """

    code = "invalid_time"
    value: str
    reason: str

    def _message(self) -> str:
        return f"{self.value} is not a valid time: {self.reason}."
