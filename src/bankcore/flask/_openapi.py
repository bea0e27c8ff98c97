"""The OpenAPI 3.1 document, made from the same tables as the routes, and answers' schemas."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from bankcore.accounts import AccountStatus, Restriction
from bankcore.commands import BY_KIND
from bankcore.flask._fields import ID_SCHEMA
from bankcore.flask._resources import ENDPOINTS, LIMIT_DEFAULT, LIMIT_MAX, Endpoint
from bankcore.flask._validation import BODY_LENGTH_MAX, KEY_LENGTH_MAX

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_TEXT_OR_NULL: Final[Json] = {"type": ["string", "null"]}
_INSTANT: Final[Json] = {"type": "string", "format": "date-time"}
_INSTANT_OR_NULL: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
_AMOUNT: Final[Json] = {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"}
# The bank's own ids, of expiries, are longer than those of callers.
_TRANSACTION_ID: Final[Json] = {"type": "string", "maxLength": 100}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _many(name: str) -> Json:
    return {"type": "array", "items": _reference(name)}


# The members of answers: of one name, they have one schema wherever they are.
_AMOUNTS: Final = (
    "amount available balance captured closing_balance held left opening_balance overdraft_limit"
)
_MEMBERS: Final[Mapping[str, Json]] = {
    **dict.fromkeys(_AMOUNTS.split(), _AMOUNT),
    "account_id": ID_SCHEMA,
    "accounts": _many("Account"),
    "booked_at": _INSTANT,
    "code": {"type": "string", "description": "Stable: for programs."},
    "currency": _TEXT,
    "description": _TEXT_OR_NULL,
    "detail": _TEXT,
    "expires_at": _INSTANT_OR_NULL,
    "exponent": {"type": "integer", "minimum": 0, "maximum": 18},
    "facts": {"type": "object"},
    "field": {"type": "string", "description": "The field or parameter that is wrong."},
    "holds": _many("Hold"),
    "kind": {"type": "string", "enum": sorted(BY_KIND)},
    "lines": _many("Line"),
    "next": _TEXT_OR_NULL,
    "postings": _many("Posting"),
    "replayed": {"type": "boolean"},
    "request_id": _TEXT,
    "restriction": {"type": "string", "enum": [each.value for each in Restriction]},
    "restriction_ends_at": _INSTANT_OR_NULL,
    "restriction_reason": _TEXT_OR_NULL,
    "title": _TEXT,
    "transaction_id": _TRANSACTION_ID,
    "type": _TEXT,
    "version": {"type": "integer", "minimum": 1},
}


def _object(members: Mapping[str, Any], *, optional: Iterable[str] = ()) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name in members if name not in set(optional)],
        "properties": dict(members),
    }


def _answer(names: str, *, optional: Iterable[str] = ("exponent",), **others: Json) -> Json:
    """Return the schema of an answer with the members *names*; *others* replace `_MEMBERS`."""
    members = {name: others.get(name) or _MEMBERS[name] for name in names.split()}
    return _object(members, optional=optional)


_SCHEMAS: Final[Mapping[str, Json]] = {
    "Account": _answer(
        "id currency exponent balance held available overdraft_limit status restriction"
        " restriction_reason restriction_ends_at version",
        id=ID_SCHEMA,
        status={"type": "string", "enum": [each.value for each in AccountStatus]},
    ),
    "Accounts": _answer("accounts next"),
    "Posting": _answer(
        "account_id currency exponent amount balance held available overdraft_limit version"
    ),
    "Transaction": _answer(
        "id kind account_id booked_at description postings replayed",
        id=_TRANSACTION_ID,
        account_id={**ID_SCHEMA, "type": ["string", "null"]},
    ),
    "Hold": _answer(
        "id currency exponent amount captured left expires_at description", id=_TRANSACTION_ID
    ),
    "Holds": _answer("holds"),
    "Line": _answer("transaction_id kind booked_at amount balance version description"),
    "Statement": _answer(
        "account_id currency exponent opening_balance lines closing_balance next"
    ),
    "Health": _answer("status", status={"const": "ok"}),
    "Problem": _answer(
        "type title status detail code request_id field facts replayed",
        optional=["field", "facts", "replayed"],
        status={"type": "integer"},
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
    "Idempotency-Key": {
        "schema": {
            "type": "string",
            "pattern": r"^[!#-+\--~]+$",
            "minLength": 1,
            "maxLength": KEY_LENGTH_MAX,
        },
        "description": "Yours, new for each operation. Sent again with it, the same request is"
        " answered as the first time, and done once.",
        "required": True,
    },
    "If-Match": {
        "schema": {"type": "string", "pattern": r'^"(0|[1-9][0-9]{0,17})"$'},
        "description": "The ETag of the debited (or only) account as you have seen it.",
    },
}

_WRITE_PROBLEMS: Final = (400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503)
_READ_PROBLEMS: Final = (400, 401, 403, 404, 429, 500, 503)


def document(prefix: str) -> Json:
    """Return the OpenAPI document of a bank that is served under *prefix*, a path."""
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
        "servers": [{"url": prefix or "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(_SCHEMAS),
        },
    }


def _operation(endpoint: Endpoint) -> Json:
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": ID_SCHEMA}
        for name in endpoint.ids
    ]
    parameters += [_parameter("query", name) for name in endpoint.query]
    operation: Json = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": parameters,
    }
    if endpoint.body is None:
        operation["responses"] = _responses(endpoint.schema, (200,), _READ_PROBLEMS)
        return operation
    parameters += [_parameter("header", name) for name in ("Idempotency-Key", "If-Match")]
    nullable = endpoint.body.nullable
    fields = {
        name: _or_null(field.schema) if name in nullable else field.schema
        for name, field in endpoint.body.fields.items()
    }
    schema = _object(fields, optional=endpoint.body.optional)
    operation["requestBody"] = {
        "required": True,
        "description": f"At most {BODY_LENGTH_MAX:,} bytes.",
        "content": {"application/json": {"schema": schema}},
    }
    operation["responses"] = _responses(endpoint.schema, (200, 201), _WRITE_PROBLEMS)
    return operation


def _or_null(schema: Mapping[str, Any]) -> Json:
    found = {**schema, "type": [schema["type"], "null"]}
    return {**found, "enum": [*schema["enum"], None]} if "enum" in schema else found


def _parameter(place: str, name: str) -> Json:
    return {"name": name, "in": place, "required": False, **_PARAMETERS[name]}


def _responses(schema: str, fine: tuple[int, ...], problems: tuple[int, ...]) -> Json:
    def response(status: int, content_type: str, name: str) -> Json:
        content = {content_type: {"schema": _reference(name)}}
        return {"description": HTTPStatus(status).phrase, "content": content}

    responses = {str(status): response(status, "application/json", schema) for status in fine}
    if len(fine) > 1:
        responses["200"]["description"] = "Done before; this is what came of it."
    for status in problems:
        responses[str(status)] = response(status, "application/problem+json", "Problem")
    return responses
