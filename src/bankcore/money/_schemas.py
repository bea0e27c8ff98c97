"""
Schemas: how pydantic validates the values of money, writes them as JSON, and describes them.

Decided here: as JSON a value is the object of its ``to_dict``, and ``from_dict`` makes it again.
Only pydantic calls these functions, so that only they import it.
"""

from typing import Any


def schema_of(cls: Any, fields: dict[str, Any]) -> Any:  # noqa: ANN401  # their types are pydantic's
    """Return the schema of *cls*, whose ``to_dict`` writes *fields*."""
    from pydantic_core import core_schema as schema  # noqa: PLC0415  # pydantic is optional

    items = schema.typed_dict_schema(fields, extra_behavior="forbid")
    from_dict = schema.no_info_after_validator_function(cls.from_dict, items)
    return schema.json_or_python_schema(
        json_schema=from_dict,
        python_schema=schema.union_schema([schema.is_instance_schema(cls), from_dict]),
        serialization=schema.plain_serializer_function_ser_schema(
            cls.to_dict, return_schema=items, when_used="json"
        ),
    )


def text_field(pattern: str, longest: int | None = None) -> Any:  # noqa: ANN401  # its type is pydantic's
    from pydantic_core import core_schema as schema  # noqa: PLC0415  # pydantic is optional

    text = schema.str_schema(strict=True, max_length=longest, pattern=f"^{pattern}$")
    return schema.typed_dict_field(text)


def optional_int_field(lowest: int, highest: int) -> Any:  # noqa: ANN401  # its type is pydantic's
    from pydantic_core import core_schema as schema  # noqa: PLC0415  # pydantic is optional

    number = schema.int_schema(strict=True, ge=lowest, le=highest)
    return schema.typed_dict_field(number, required=False)


def list_field(fields: dict[str, Any]) -> Any:  # noqa: ANN401  # its type is pydantic's
    """Return the field of a list of objects with *fields*."""
    from pydantic_core import core_schema as schema  # noqa: PLC0415  # pydantic is optional

    items = schema.typed_dict_schema(fields, extra_behavior="forbid")
    return schema.typed_dict_field(schema.list_schema(items, strict=True))
