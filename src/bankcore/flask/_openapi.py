"""
The OpenAPI 3.1 document, made from the same tables as the routes.

Decided here: how endpoints and shapes are told in OpenAPI. Nothing here sees a request.
"""

from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from bankcore.accounts import AccountStatus, Restriction
from bankcore.commands import COMMANDS
from bankcore.flask._gate import BODY_LENGTH_MAX, KEY_LENGTH_MAX
from bankcore.flask._resources import ENDPOINTS, LIMIT_DEFAULT, LIMIT_MAX, Endpoint
from bankcore.flask._shapes import FIELDS, ID_SCHEMA

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_TEXT_OR_NULL: Final[Json] = {"type": ["string", "null"]}
_INSTANT: Final[Json] = {"type": "string", "format": "date-time"}
_INSTANT_OR_NULL: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
_AMOUNT: Final[Json] = {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"}
_VERSION: Final[Json] = {"type": "integer", "minimum": 1}
_EXPONENT: Final[Json] = {"type": "integer", "minimum": 0, "maximum": 18}
# The names of transaction ids: those of callers, and those that the bank makes of expiries.
_TRANSACTION_ID: Final[Json] = {"type": "string", "maxLength": 100}
_KINDS: Final[Json] = {"type": "string", "enum": sorted(each.kind for each in COMMANDS)}


def _object(members: Mapping[str, Json], *, optional: tuple[str, ...] = ()) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name in members if name not in optional],
        "properties": dict(members),
    }


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _many(name: str) -> Json:
    return {"type": "array", "items": _reference(name)}


_SCHEMAS: Final[Mapping[str, Json]] = {
    "Account": _object(
        {
            "id": dict(ID_SCHEMA),
            "currency": _TEXT,
            "exponent": _EXPONENT,
            "balance": _AMOUNT,
            "held": _AMOUNT,
            "available": _AMOUNT,
            "overdraft_limit": _AMOUNT,
            "status": {"type": "string", "enum": [each.value for each in AccountStatus]},
            "restriction": {"type": "string", "enum": [each.value for each in Restriction]},
            "restriction_reason": _TEXT_OR_NULL,
            "restriction_ends_at": _INSTANT_OR_NULL,
            "version": _VERSION,
        },
        optional=("exponent",),
    ),
    "Accounts": _object({"accounts": _many("Account"), "next": _TEXT_OR_NULL}),
    "Posting": _object(
        {
            "account_id": dict(ID_SCHEMA),
            "currency": _TEXT,
            "exponent": _EXPONENT,
            "amount": _AMOUNT,
            "balance": _AMOUNT,
            "held": _AMOUNT,
            "available": _AMOUNT,
            "overdraft_limit": _AMOUNT,
            "version": _VERSION,
        },
        optional=("exponent",),
    ),
    "Transaction": _object(
        {
            "id": _TRANSACTION_ID,
            "kind": _KINDS,
            "account_id": dict(ID_SCHEMA),
            "booked_at": _INSTANT,
            "description": _TEXT_OR_NULL,
            "postings": _many("Posting"),
            "replayed": {"type": "boolean"},
        }
    ),
    "Hold": _object(
        {
            "id": _TRANSACTION_ID,
            "currency": _TEXT,
            "exponent": _EXPONENT,
            "amount": _AMOUNT,
            "captured": _AMOUNT,
            "left": _AMOUNT,
            "expires_at": _INSTANT_OR_NULL,
            "description": _TEXT_OR_NULL,
        },
        optional=("exponent",),
    ),
    "Holds": _object({"holds": _many("Hold")}),
    "Line": _object(
        {
            "transaction_id": _TRANSACTION_ID,
            "kind": _KINDS,
            "booked_at": _INSTANT,
            "amount": _AMOUNT,
            "balance": _AMOUNT,
            "version": _VERSION,
            "description": _TEXT_OR_NULL,
        }
    ),
    "Statement": _object(
        {
            "account_id": dict(ID_SCHEMA),
            "currency": _TEXT,
            "exponent": _EXPONENT,
            "opening_balance": _AMOUNT,
            "lines": _many("Line"),
            "closing_balance": _AMOUNT,
            "next": _TEXT_OR_NULL,
        },
        optional=("exponent",),
    ),
    "Health": _object({"status": {"const": "ok"}}),
    "Problem": _object(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "code": {"type": "string", "description": "Stable: for programs."},
            "request_id": _TEXT,
            "facts": {"type": "object"},
            "replayed": {"type": "boolean"},
        },
        optional=("facts", "replayed"),
    ),
}

_PARAMETERS: Final[Mapping[str, Json]] = {
    "limit": {
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": LIMIT_MAX,
            "default": LIMIT_DEFAULT,
        },
        "description": "The most entries of the page.",
    },
    "cursor": {"schema": _TEXT, "description": "The `next` of the page before."},
    "start": {"schema": _INSTANT, "description": "The first instant covered, or a date."},
    "end": {"schema": _INSTANT, "description": "The first one not covered, or a date."},
}

_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {
        "type": "string",
        "pattern": r"^[!#-+\--~]+$",
        "minLength": 1,
        "maxLength": KEY_LENGTH_MAX,
    },
    "description": "Yours, new for each operation. Sent again with it, the same request is"
    " answered as the first time, and done once.",
}
_IF_MATCH: Final[Json] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": r'^"(0|[1-9][0-9]{0,17})"$'},
    "description": "The ETag of the debited (or only) account as you have seen it.",
}

_WRITE_PROBLEMS: Final = (400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503)
_READ_PROBLEMS: Final = (400, 401, 403, 404, 429, 500, 503)


def document(prefix: str) -> Json:
    """
    The OpenAPI document of a bank that is served under *prefix*.
    """
    paths: dict[str, Json] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    paths["/health"] = {
        "get": {
            "operationId": "health",
            "summary": "Whether the bank answers.",
            "security": [],
            "responses": _responses("Health", (200,), (400, 500, 503)),
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "bankcore",
            "version": version("bankcore"),
            "description": "Accounts, over HTTP. Amounts are text; every POST has an"
            " Idempotency-Key; every error is a problem (RFC 9457) with a stable `code`.",
        },
        "servers": [{"url": prefix}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(_SCHEMAS),
        },
    }


def _operation(endpoint: Endpoint) -> Json:
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": dict(ID_SCHEMA)}
        for name in ("account_id", "hold_id", "transaction_id")
        if f"{{{name}}}" in endpoint.path
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, **_PARAMETERS[name]}
        for name in endpoint.query
    ]
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": parameters,
    }
    if not endpoint.is_write:
        operation["responses"] = _responses(endpoint.schema, (200,), _READ_PROBLEMS)
        return operation
    parameters += [_KEY, _IF_MATCH]
    fields = (*endpoint.required, *endpoint.optional)
    operation["requestBody"] = {
        "required": True,
        "description": f"At most {BODY_LENGTH_MAX:,} bytes.",
        "content": {
            "application/json": {
                "schema": _object(
                    {name: dict(FIELDS[name].schema) for name in fields},
                    optional=endpoint.optional,
                )
            }
        },
    }
    operation["responses"] = _responses(endpoint.schema, (200, 201), _WRITE_PROBLEMS)
    return operation


def _responses(schema: str, fine: tuple[int, ...], problems: tuple[int, ...]) -> Json:
    responses: Json = {
        str(status): {
            "description": "Done before; this is what came of it."
            if status == 200 and len(fine) > 1
            else HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": _reference(schema)}},
        }
        for status in fine
    }
    for status in problems:
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": _reference("Problem")}},
        }
    return responses
