"""
The root of the error tree, its three branches, and the errors of ids, texts and instants.

Decided here: what every error has (a stable ``code``, its facts as fields, a sentence made of
them), and how much of a caller's value an error repeats. Each room has its own errors in its
``_errors`` module; `bankcore.errors` lists them all.
"""

import functools
import os
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Final, Self, TypeVar, cast

import attrs

from bankcore.values._json import FLAG, TEXT, Json, Told, json_of, object_schema

# How much of a caller's value an error repeats, in characters.
_SHOWN_MAX = 60
_SHOWN_INT_MAX = 10**_SHOWN_MAX


def shown(value: object) -> str:
    """Return how an error shows *value*: its repr, cut to 60 characters, or only its type."""
    if type(value) is int and -_SHOWN_INT_MAX < value < _SHOWN_INT_MAX:
        return str(value)
    if isinstance(value, str | bytes):
        # Cut before repr, so that a text of megabytes costs nothing.
        value = value[: _SHOWN_MAX + 1]
    elif isinstance(value, type):
        return f"the class {value.__name__}"
    elif not isinstance(value, float | bool | type(None)):
        # The repr of anything else may be huge, slow, or raise: name its type.
        return f"a value of type {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


#: The members of an error, as JSON Schema has them.
ERROR_MEMBERS: Final[Mapping[str, Json]] = {
    "code": {**TEXT, "description": "Stable: for programs."},
    "detail": {**TEXT, "description": "A sentence, for people."},
    "field": {**TEXT, "description": "The field or parameter that is wrong."},
    "facts": {"type": "object"},
    "replayed": FLAG,
}
#: Of these, the ones that only some errors have.
ERROR_OPTIONAL: Final = ("field", "facts", "replayed")


class BankError(Told, Exception):
    """
    The base of every error that bankcore raises on purpose.

    ``code`` is a stable snake_case word for programs. If ``retryable``, the same call with the
    same transaction id may be sent again.
    """

    code: ClassVar[str] = "bank_error"
    retryable: ClassVar[bool] = False
    #: What a person is told; the facts are those of the error, as ``{0.account_id}``.
    sentence: ClassVar[str]
    # The facts that are no fields of the class: attributes, by name.
    derived: ClassVar[tuple[str, ...]] = ()

    #: True if an earlier call recorded this answer, and it is raised again.
    replayed: bool = False
    #: In an atomic batch: the caller's ids that stay unused because of this error.
    unused_ids: tuple[Any, ...] = ()
    #: In an atomic batch: the place of the command that it is about, from 0; None elsewhere.
    place: int | None = None
    #: What else stood in the way, where the rules gave this answer just now.
    others: "tuple[BankError, ...]" = ()

    # A traceback and a pickle name the public place, whether or not it is loaded yet.
    __module__ = "bankcore.errors"

    def __init_subclass__(cls) -> None:
        if cls.__module__.startswith("bankcore."):
            cls.__module__ = BankError.__module__

    _json_schema = object_schema(ERROR_MEMBERS, optional=ERROR_OPTIONAL)

    def __str__(self) -> str:
        return self.sentence.format(self)

    def to_dict(self) -> dict[str, Any]:
        """
        Return the error for JSON: its ``code``, and ``detail``, the sentence; where there are any,
        ``facts``, the ``field`` that is wrong, and ``replayed``.

        It tells all. What those may know who are not trusted is a `bankcore.http.Problem`.
        """
        facts = {name: json_of(value) for name, value in self.facts.items() if value is not None}
        return error_dict(
            self.code, str(self), facts.pop("field", None), facts, is_replayed=self.replayed
        )

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts of the error, by name."""
        fields = attrs.asdict(self, recurse=False)  # type: ignore[arg-type]  # every concrete class is an attrs class
        return {**fields, **{name: getattr(self, name) for name in self.derived}}


def error_dict(
    code: str, detail: str, field: str | None, facts: Mapping[str, Any], *, is_replayed: bool
) -> dict[str, Any]:
    """Return the `ERROR_MEMBERS` that are there."""
    members: dict[str, Any] = {"code": code, "detail": detail}
    if field is not None:
        members["field"] = field
    if facts:
        members["facts"] = facts
    if is_replayed:
        members["replayed"] = True
    return members


class InvalidRequestError(BankError):
    """The call is wrong. Nothing was written, and the transaction id is not used up."""

    code = "invalid_request"
    derived = ("field",)
    # What the sentence calls the wrong value where no field is known.
    noun: ClassVar[str] = "The request"

    #: The name of the wrong argument or field; None if the error is not about a single one.
    field: str | None = None

    @property
    def _subject(self) -> str:
        return self.field or self.noun

    def about(self, field: str | None) -> Self:
        """Return this error, with the name of the wrong argument or field set."""
        self.field = field
        self.advice = None
        return self

    # What to do instead, by an argument of the function that was called. It is dropped when
    # another function says that the wrong value is one of its own, because it may have none.
    advice: str | None = None
    _form_of_advice: ClassVar[str] = " ({})"

    def advising(self, advice: str | None) -> Self:
        """Return this error, with advice for those who called the function that raises it."""
        self.advice = advice
        return self

    @property
    def _advice(self) -> str:
        return self._form_of_advice.format(self.advice) if self.advice else ""


@attrs.define(slots=False)
class InvalidValueError(InvalidRequestError):
    """The base of errors about one value; *reason* is a verb phrase, "must not be negative"."""

    sentence = "{0._subject} {0.reason}{0._advice}, got {0.value}."
    value: str
    reason: str


class DeclinedError(BankError):
    """
    A rule of the bank, or a policy, refused the command. No money moved.

    If ``is_recorded``, and the caller gave the transaction id, the refusal is recorded under
    that id: the same command, sent again, is refused again, whatever has happened since.
    """

    code = "declined"
    is_recorded: ClassVar[bool] = True


class StoreError(BankError):
    """The store failed: it did nothing, or it cannot tell whether it did."""

    code = "store_error"


class InvalidIdError(InvalidValueError, ValueError):
    """An id of an account, a transaction or a principal that is not valid."""

    code = "invalid_id"
    noun = "The id"


class InvalidTextError(InvalidValueError, ValueError):
    """A description or a reason that is too long or has control characters."""

    code = "invalid_text"
    noun = "The text"


class InvalidMetadataError(InvalidValueError, ValueError):
    """Metadata that are no mapping, too many, or have a key or a value that is not valid."""

    code = "invalid_metadata"
    noun = "The metadata"


class InvalidTimeError(InvalidValueError, ValueError):
    """A time without a time zone, out of range, or at odds with the clock or the history."""

    code = "invalid_time"
    noun = "The time"


class InvalidArgumentError(InvalidValueError, TypeError):
    """Something else where an object with certain methods is needed, such as a store."""

    code = "invalid_argument"
    noun = "The argument"


_T = TypeVar("_T")
_C = TypeVar("_C", bound=type[Any])


def naming(field: str, make: Callable[..., _T], *given: object) -> _T:
    """Return ``make(*given)``; an `InvalidRequestError` that it raises names *field*."""
    try:
        return make(*given)
    except InvalidRequestError as error:
        raise error.about(field) from None


def require_callable(value: object, field: str, result: str) -> None:
    """Raise unless *value* can be called; an error names *field*, and says what it returns."""
    if not callable(value):
        reason = f"must be a function that returns {result}"
        raise InvalidArgumentError(shown(value), reason).about(field)


def path_text(path: object) -> str:
    """Return *path* as text, or raise `InvalidArgumentError` if it is none."""
    try:
        return os.fsdecode(cast("str", path))
    except TypeError:
        reason = "must be a path: text, bytes or an os.PathLike"
        raise InvalidArgumentError(shown(path), reason).about("path") from None


def require_methods(value: object, field: str, names: Collection[str], example: str) -> None:
    """Raise unless *value* is an object with the methods *names*, such as *example*, no class."""
    lacking = [name for name in names if not callable(getattr(value, name, None))]
    if lacking or isinstance(value, type):
        is_near = 0 < len(lacking) < len(names)
        lacks = f" (it lacks {', '.join(lacking)})" if is_near else ""
        raise InvalidArgumentError(shown(value), f"must be {example}{lacks}").about(field)


def names_fields(cls: _C) -> _C:
    """Let the errors of the attrs class *cls* name the field whose value its converter refused."""
    init = cls.__init__

    @functools.wraps(init)
    def __init__(self: object, *args: Any, **kwargs: Any) -> None:  # noqa: N807, ANN401  # it becomes the constructor
        try:
            init(self, *args, **kwargs)
        except InvalidRequestError as error:
            # Fields are set in order: the first that is missing is the one that was refused.
            missing = [each for each in attrs.fields(cls) if not hasattr(self, each.name)]
            if missing and missing[0].converter is not None:
                error.field = missing[0].name
            raise

    cls.__init__ = __init__
    return cls
