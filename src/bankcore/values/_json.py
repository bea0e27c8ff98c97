"""
JSON: how values are told to other programs, and the JSON Schema of what is told.

Decided here: an instant is RFC 3339 in UTC, an id its text; an object always has all members but
those that its schema calls optional. A class that is told has its `Told.to_dict` and its schema
side by side. What is told is a record of the bank, so that nothing is made of it again.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, ClassVar, Final

from bankcore.values._schemas import told_schema

Json = dict[str, Any]

TEXT: Final[Json] = {"type": "string"}
TEXT_OR_NULL: Final[Json] = {"type": ["string", "null"]}
FLAG: Final[Json] = {"type": "boolean"}
INSTANT: Final[Json] = {"type": "string", "format": "date-time"}
INSTANT_OR_NULL: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
#: The version of an account; 0 is that of an account made by hand.
VERSION: Final[Json] = {"type": "integer", "minimum": 0}


def choice_schema(kind: type[Enum]) -> Json:
    return {"type": "string", "enum": [each.value for each in kind]}


def object_schema(members: Mapping[str, Any], *, optional: Iterable[str] = ("exponent",)) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name in members if name not in set(optional)],
        "properties": dict(members),
    }


def list_schema(items: Json) -> Json:
    return {"type": "array", "items": items}


def instant_text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def json_of(value: object) -> Any:  # noqa: ANN401  # whatever JSON has
    """Return *value*, such as a fact of an error, as JSON has it."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list | frozenset):
        return [json_of(each) for each in value]
    to_dict = getattr(value, "to_dict", None)
    return str(value) if to_dict is None else to_dict()


class Told:
    """The base of values that are told as JSON, and never made of it."""

    __slots__ = ()
    _json_schema: ClassVar[Json]

    def to_dict(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def json_schema(cls) -> Json:
        """Return the JSON Schema of what ``to_dict`` returns."""
        return cls._json_schema

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:  # noqa: ANN401  # its type is pydantic's
        return told_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> Json:
        return cls._json_schema
