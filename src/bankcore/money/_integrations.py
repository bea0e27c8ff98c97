"""
Integrations: what other libraries ask of `Money`.

Decided here: how pydantic validates and writes money. Nothing is imported until a library asks.
"""

from typing import Any

from bankcore.money._amounts import AMOUNT_PATTERN, AMOUNT_TEXT_LENGTH
from bankcore.money._currency import CODE_PATTERN, EXPONENT_MAX


def pydantic_schema(cls: type[Any]) -> Any:  # noqa: ANN401  # its type is pydantic's
    """Return pydantic's schema of *cls*, `Money`: in JSON, the object of `Money.to_dict`."""
    from pydantic_core import core_schema as schema  # noqa: PLC0415  # pydantic is optional

    amount = schema.str_schema(
        strict=True, max_length=AMOUNT_TEXT_LENGTH, pattern=f"^{AMOUNT_PATTERN}$"
    )
    code = schema.str_schema(strict=True, pattern=f"^{CODE_PATTERN}$")
    exponent = schema.int_schema(strict=True, ge=0, le=EXPONENT_MAX)
    fields = schema.typed_dict_schema(
        {
            "amount": schema.typed_dict_field(amount),
            "currency": schema.typed_dict_field(code),
            "exponent": schema.typed_dict_field(exponent, required=False),
        },
        extra_behavior="forbid",
    )
    from_dict = schema.no_info_after_validator_function(cls.from_dict, fields)
    return schema.json_or_python_schema(
        json_schema=from_dict,
        python_schema=schema.union_schema([schema.is_instance_schema(cls), from_dict]),
        serialization=schema.plain_serializer_function_ser_schema(
            cls.to_dict, return_schema=fields, when_used="json"
        ),
    )
