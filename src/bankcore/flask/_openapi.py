"""The OpenAPI 3.1 document, made from the same tables as the routes, and answers' schemas."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from bankcore.accounts import AccountStatus, Restriction
from bankcore.commands import BY_KIND
from bankcore.flask._fields import (
    CURRENCY_SCHEMA,
    EXAMPLES,
    ID_SCHEMA,
    INSTANT_SCHEMA,
    TRANSACTION_ID_SCHEMA,
    Body,
)
from bankcore.flask._resources import CURSOR_SCHEMA, ENDPOINTS, LIMIT_DEFAULT, LIMIT_MAX, Endpoint
from bankcore.flask._validation import BODY_LENGTH_MAX, KEY_LENGTH_MAX

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string"}
_TEXT_OR_NULL: Final[Json] = {"type": ["string", "null"]}
_INSTANT: Final[Json] = {"type": "string", "format": "date-time"}
_INSTANT_OR_NULL: Final[Json] = {"type": ["string", "null"], "format": "date-time"}
_AMOUNT: Final[Json] = {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"}


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
    "currency": CURRENCY_SCHEMA,
    "description": _TEXT_OR_NULL,
    "detail": _TEXT,
    "expires_at": _INSTANT_OR_NULL,
    "exponent": {"type": "integer", "minimum": 0, "maximum": 18},
    "facts": {"type": "object"},
    "field": {"type": "string", "description": "The field or parameter that is wrong."},
    "hold_id": TRANSACTION_ID_SCHEMA,
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
    "transaction_id": TRANSACTION_ID_SCHEMA,
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
        id=TRANSACTION_ID_SCHEMA,
        account_id={**ID_SCHEMA, "type": ["string", "null"]},
    ),
    "Hold": _answer(
        "id currency exponent amount captured left expires_at description",
        id=TRANSACTION_ID_SCHEMA,
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
    "cursor": {"schema": CURSOR_SCHEMA, "description": "The `next` of the page before."},
    "start": {"schema": INSTANT_SCHEMA, "description": "The first instant covered, or a date."},
    "end": {"schema": INSTANT_SCHEMA, "description": "The first one not covered, or a date."},
    "Idempotency-Key": {
        "schema": {
            "type": "string",
            "pattern": rf"^([!#-+\--~]{{1,{KEY_LENGTH_MAX}}}"
            rf'|"([!#-\[\]-~]|\\["\\]){{1,{KEY_LENGTH_MAX}}}")$',
            "examples": ["rent-2026-05"],
        },
        "description": "Yours, new for each operation. Sent again with it, the same request is"
        " answered as the first time, and done once.",
        "required": True,
    },
    "If-Match": {
        "schema": {
            "type": "string",
            "pattern": r'^(\*|"(0|[1-9][0-9]{0,17})")$',
            "examples": ['"7"'],
        },
        "description": "The ETag of the debited (or only) account as you have seen it.",
    },
}

# The headers of answers, beside `X-Request-Id`, by the schema of the answer or the status.
_HEADERS: Final[Mapping[str, Json]] = {
    "X-Request-Id": {"schema": _TEXT, "description": "The request's id in the bank's log."},
    "ETag": {
        "schema": {"type": "string", "pattern": r'^"[1-9][0-9]*"$'},
        "description": "The version of the account, or of the first account of a transaction.",
    },
    "Idempotency-Replayed": {"schema": {"const": "true"}, "description": "It was done before."},
    "Retry-After": {
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "description": "Seconds to wait.",
    },
    "WWW-Authenticate": {"schema": _TEXT, "description": "How to authenticate."},
}
_HEADERS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "Account": ("ETag",),
    "Transaction": ("ETag",),
    "200": ("Idempotency-Replayed",),
    "401": ("WWW-Authenticate",),
    "403": ("WWW-Authenticate",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
# What an operation is about, by the beginning of its path, the longest first.
_TAGS: Final[Mapping[str, str]] = {
    "/accounts/{account_id}/holds": "Holds",
    "/accounts/{account_id}/deposits": "Money",
    "/accounts/{account_id}/withdrawals": "Money",
    "/transfers": "Money",
    "/transactions": "Transactions",
    "/accounts": "Accounts",
    "/": "Service",
}

_WRITE_PROBLEMS: Final = (400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503)
_READ_PROBLEMS: Final = (400, 401, 403, 404, 429, 500, 503)
_SERVICE: Final = (
    ("health", "Alive: the server answers.", (400, 500)),
    ("ready", "Ready: the store can be written to.", (400, 500, 503)),
)


def document(prefix: str) -> Json:
    """Return the OpenAPI document of a bank that is served under *prefix*, a path."""
    paths: dict[str, Json] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    for name, summary, problems in _SERVICE:
        paths[f"/{name}"] = {
            "get": {
                "operationId": name,
                "summary": summary,
                "security": [],
                "responses": _responses("Health", (200,), problems),
            }
        }
    for path, operations in paths.items():
        tag = next(_TAGS[start] for start in _TAGS if path.startswith(start))
        for operation in operations.values():
            operation["tags"] = [tag]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "bankcore",
            "version": version("bankcore"),
            "description": "Accounts, over HTTP. Amounts are text; every POST has an"
            " Idempotency-Key; every error is a problem (RFC 9457) with a stable `code`.",
        },
        "servers": [{"url": prefix or "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(_TAGS.values())],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(_SCHEMAS),
            "headers": dict(_HEADERS),
        },
    }


def _operation(endpoint: Endpoint) -> Json:
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": _MEMBERS[name]}
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
    schema = _object(fields, optional=endpoint.body.optional) | _together(endpoint.body)
    operation["requestBody"] = {
        "required": True,
        "description": f"At most {BODY_LENGTH_MAX:,} bytes.",
        "content": {"application/json": {"schema": schema, "example": _example(endpoint.body)}},
    }
    operation["responses"] = _responses(endpoint.schema, (200, 201), _WRITE_PROBLEMS)
    return operation


def _example(body: Body) -> Json:
    """Return a body with no more than it must have."""
    found: Json = {}
    for name in (*body.required, *(["reason"] if "restriction" in body.fields else [])):
        found[name] = EXAMPLES.get(name) or body.fields[name].schema["examples"][0]
    return found


# What the fields of a body say of each other.
_REASON: Final[Json] = {
    "if": {"properties": {"restriction": {"const": "none"}}},
    "then": {"properties": {"ends_at": {"type": "null"}}},
    "else": {"required": ["reason"], "properties": {"reason": {"type": "string", "minLength": 1}}},
}


def _together(body: Body) -> Json:
    if "restriction" in body.fields:
        return _REASON
    if body.amounts and body.amounts[0] in body.optional:
        (amount,) = body.amounts
        return {
            "dependentRequired": {amount: ["currency"], "currency": [amount], "exponent": [amount]}
        }
    return {}


def _or_null(schema: Mapping[str, Any]) -> Json:
    found = {**schema, "type": [schema["type"], "null"]}
    return {**found, "enum": [*schema["enum"], None]} if "enum" in schema else found


def _parameter(place: str, name: str) -> Json:
    return {"name": name, "in": place, "required": False, **_PARAMETERS[name]}


def _responses(schema: str, fine: tuple[int, ...], problems: tuple[int, ...]) -> Json:
    def response(status: int, content_type: str, name: str) -> Json:
        names = ("X-Request-Id", *_HEADERS_OF.get(name, ()))
        if status != HTTPStatus.OK or len(fine) > 1:
            names += _HEADERS_OF.get(str(status), ())
        return {
            "description": HTTPStatus(status).phrase,
            "headers": {each: {"$ref": f"#/components/headers/{each}"} for each in names},
            "content": {content_type: {"schema": _reference(name)}},
        }

    responses = {str(status): response(status, "application/json", schema) for status in fine}
    if len(fine) > 1:
        responses["200"]["description"] = "Done before; this is what came of it."
    for status in problems:
        responses[str(status)] = response(status, "application/problem+json", "Problem")
    return responses
