"""
Schemas: how pydantic validates bankcore's values, writes them as JSON, and describes them.

Decided here: as JSON a value is the object of its ``to_dict``, and an id its text. Money is made
again by ``from_dict``, and an id of its text; a record of the bank is only written. Only pydantic
calls these functions, so that only they import it.
"""

from typing import Any


def schema_of(cls: Any, fields: dict[str, Any]) -> Any:  # noqa: ANN401  # their types are pydantic's
    """Return the schema of *cls*, whose ``to_dict`` writes *fields*."""
    from pydantic_core import core_schema as schema  # noqa: PLC0415  # pydantic is optional

    items = schema.typed_dict_schema(fields, extra_behavior="forbid")
    from_dict = schema.no_info_after_validator_function(cls.from_dict, items)
    return _instance_or(
        cls,
        from_dict,
        schema.plain_serializer_function_ser_schema(
            cls.to_dict, return_schema=items, when_used="json"
        ),
    )


def _instance_or(cls: Any, made: Any, serialization: Any) -> Any:  # noqa: ANN401  # their types are pydantic's
    """Return the schema of an instance of *cls*, or of what is *made* one."""
    from pydantic_core import core_schema as schema  # noqa: PLC0415  # pydantic is optional

    # Not a union of the two: its errors would name both of them for each mistake.
    python_schema = schema.no_info_wrap_validator_function(
        lambda value, make: value if isinstance(value, cls) else make(value),
        made,
        serialization=schema.simple_ser_schema("any"),
    )
    return schema.json_or_python_schema(made, python_schema, serialization=serialization)


def told_schema(cls: Any) -> Any:  # noqa: ANN401  # their types are pydantic's
    """Return the schema of *cls*, which is only written: an instance, or nothing."""
    from pydantic_core import core_schema as schema  # noqa: PLC0415  # pydantic is optional

    return schema.custom_error_schema(
        schema.is_instance_schema(cls),
        custom_error_type="only_written",
        custom_error_message=f"Input should be an instance of {cls.__name__}: it is written as"
        " JSON, and never made of it",
        ref=f"{cls.__module__}.{cls.__qualname__}",
        serialization=schema.plain_serializer_function_ser_schema(cls.to_dict, when_used="json"),
    )


def id_schema(cls: Any) -> Any:  # noqa: ANN401  # their types are pydantic's
    """Return the schema of *cls*, a class of ids, which are made of their texts."""
    from pydantic_core import core_schema as schema  # noqa: PLC0415  # pydantic is optional

    from_text = schema.no_info_after_validator_function(cls, schema.str_schema(strict=True))
    return _instance_or(cls, from_text, schema.to_string_ser_schema(when_used="json"))


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
