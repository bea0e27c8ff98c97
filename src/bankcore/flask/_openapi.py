"""The OpenAPI 3.1 document, made from the same tables as the routes, and answers' schemas."""

from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

from bankcore.access import Denial, Token
from bankcore.access._tokens import TOKEN_ID_SCHEMA
from bankcore.accounts import Account, Hold, Holder
from bankcore.bank import Possibility
from bankcore.flask._batches import COMMAND_SCHEMA, OUTCOME_SCHEMA
from bankcore.flask._fields import EXAMPLES, INSTANT_SCHEMA, Body
from bankcore.flask._resources import CURSOR_SCHEMA, ENDPOINTS, LIMIT_DEFAULT, LIMIT_MAX, Endpoint
from bankcore.flask._validation import KEY_SCHEMA
from bankcore.http import PROBLEM_TYPE, Problem
from bankcore.ledger import Posting, Refusal, Statement, Transaction
from bankcore.money._json import EXPONENT_SCHEMA
from bankcore.values import DESCRIPTION_LENGTH_MAX, METADATA_MAX
from bankcore.values._ids import ID_SCHEMA, PRINCIPAL_ID_SCHEMA, TRANSACTION_ID_SCHEMA
from bankcore.values._json import TEXT, TEXT_OR_NULL, Json, list_schema, object_schema
from bankcore.values._text import LINE_PATTERN


def _with(told: Json, **members: Json) -> Json:
    """Return the schema of what *told* is the schema of, with more *members*, all required."""
    return {
        **told,
        "required": [*told["required"], *members],
        "properties": {**told["properties"], **members},
    }


_STATEMENT: Final = Statement.json_schema()
#: The schemas that have a name, wherever they are.
_SCHEMAS: Final[dict[str, Json]] = {
    "Account": Account.json_schema(),
    "Accounts": object_schema(
        {"accounts": list_schema(Account.json_schema()), "next": TEXT_OR_NULL}
    ),
    "Posting": Posting.json_schema(),
    "Transaction": Transaction.json_schema(),
    "Transactions": object_schema(
        {"transactions": list_schema(Transaction.json_schema()), "next": TEXT_OR_NULL}
    ),
    "Hold": Hold.json_schema(),
    "Holds": object_schema({"holds": list_schema(Hold.json_schema())}),
    "Holder": Holder.json_schema(),
    "Holders": object_schema({"holders": list_schema(Holder.json_schema())}),
    "Possibility": Possibility.json_schema(),
    "Line": _STATEMENT["properties"]["lines"]["items"],
    "Statement": _with(_STATEMENT, next=TEXT_OR_NULL),
    "Refusal": Refusal.json_schema(),
    "Event": object_schema(
        {
            "event": {"type": "string", "enum": ["booked", "refused"]},
            "transaction": Transaction.json_schema(),
            "refusal": Refusal.json_schema(),
        },
        optional=["transaction", "refusal"],
    ),
    "Denial": Denial.json_schema(),
    "Denials": object_schema({"denials": list_schema(Denial.json_schema())}),
    "Token": Token.json_schema(),
    "Tokens": object_schema({"tokens": list_schema(Token.json_schema()), "next": TEXT_OR_NULL}),
    "IssuedToken": _with(Token.json_schema(), text=TEXT),
    "Command": COMMAND_SCHEMA,
    "Outcome": OUTCOME_SCHEMA,
    "Outcomes": object_schema({"outcomes": list_schema(OUTCOME_SCHEMA)}),
    "Health": object_schema({"status": {"const": "ok"}}),
    "Problem": _with(Problem.json_schema(), request_id=TEXT),
}
_SCHEMAS["Events"] = object_schema(
    {"events": list_schema(_SCHEMAS["Event"]), "next": TEXT_OR_NULL}
)
_NAMES: Final = {id(schema): name for name, schema in _SCHEMAS.items()}


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _referring(within: Any) -> Any:  # noqa: ANN401  # whatever a schema is made of
    """Return what is *within* a schema with references for the schemas that have a name."""
    if isinstance(within, list):
        return list(map(_referring, within))
    if not isinstance(within, dict):
        return within
    if id(within) in _NAMES:
        return _reference(_NAMES[id(within)])
    return {key: _referring(value) for key, value in within.items()}


_IN_PATHS: Final[Mapping[str, Json]] = {
    "account_id": ID_SCHEMA,
    "hold_id": TRANSACTION_ID_SCHEMA,
    "transaction_id": TRANSACTION_ID_SCHEMA,
    "token_id": TOKEN_ID_SCHEMA,
}
_MONEY_SCHEMA: Final[Json] = {"type": "string", "examples": ["EUR 1000.00"]}
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
    "after": {"schema": CURSOR_SCHEMA, "description": "The `next` that you have; left out, all."},
    "cursor": {"schema": CURSOR_SCHEMA, "description": "The `next` of the page before."},
    "start": {"schema": INSTANT_SCHEMA, "description": "The first instant covered, or a date."},
    "end": {"schema": INSTANT_SCHEMA, "description": "The first one not covered, or a date."},
    "account_id": {"schema": ID_SCHEMA, "description": "Those that touched this account."},
    "kinds": {
        "schema": {"type": "string", "examples": ["deposit,transfer"]},
        "description": "Those of these kinds, with commas between them.",
    },
    "at_least": {
        "schema": _MONEY_SCHEMA,
        "description": "Those that moved so much or more, in or out.",
    },
    "at_most": {
        "schema": _MONEY_SCHEMA,
        "description": "Those that moved so much or less, in or out.",
    },
    "exponent": {
        "schema": EXPONENT_SCHEMA,
        "description": "How many decimals the currency of both has, where ISO 4217 does not say.",
    },
    "metadata": {
        "schema": {
            "type": "array",
            "maxItems": METADATA_MAX,
            "items": {"type": "string"},
            "examples": [["order:1017"]],
        },
        "description": "Those with these pairs of a key and a value, each given for itself.",
    },
    "text": {
        "schema": {"type": "string", "maxLength": DESCRIPTION_LENGTH_MAX, "pattern": LINE_PATTERN},
        "description": "Those with this text in their description, in small or capital letters.",
    },
    "newest_first": {
        "schema": {"type": "string", "enum": ["true", "false"], "default": "false"},
        "description": "Whether the latest come first.",
    },
    "holder": {"schema": PRINCIPAL_ID_SCHEMA, "description": "Those on which it has rights."},
    "sweep_to": {"schema": ID_SCHEMA, "description": "Where what is left would go."},
    "Idempotency-Key": {
        "schema": KEY_SCHEMA,
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
    "X-Request-Id": {"schema": TEXT, "description": "The request's id in the bank's log."},
    "ETag": {
        "schema": {"type": "string", "pattern": r'^"[1-9][0-9]*"$'},
        "description": "The version of the account, or of the first account of a transaction.",
    },
    "Idempotency-Replayed": {"schema": {"const": "true"}, "description": "It was done before."},
    "Retry-After": {
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "description": "Seconds to wait.",
    },
    "WWW-Authenticate": {"schema": TEXT, "description": "How to authenticate."},
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
    "/posts": "Money",
    "/batches": "Batches",
    "/previews": "Batches",
    "/transactions": "Transactions",
    "/accounts": "Accounts",
    "/events": "Oversight",
    "/denials": "Oversight",
    "/tokens": "Oversight",
    "/": "Service",
}

_WRITE_PROBLEMS: Final = (400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503)
# The statuses of what went well where it is no command, which may be replayed.
_FINE: Final = {
    "execute": (200,),
    "preview": (200,),
    "issue_token": (201,),
    "revoke_token": (200,),
}
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
            "description": "Accounts, over HTTP. Amounts are text; every command has a key, in"
            " the header Idempotency-Key or in a batch; every error is a problem (RFC 9457) with"
            " a stable `code`.",
        },
        "servers": [{"url": prefix or "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(_TAGS.values())],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                name: {key: _referring(value) for key, value in schema.items()}
                for name, schema in _SCHEMAS.items()
            },
            "headers": dict(_HEADERS),
        },
    }


def _operation(endpoint: Endpoint) -> Json:
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": _IN_PATHS[name]}
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
    if endpoint.is_keyed:
        parameters += [_parameter("header", name) for name in ("Idempotency-Key", "If-Match")]
    schema = _referring(endpoint.body.schema())
    operation["requestBody"] = {
        "required": True,
        "description": f"At most {endpoint.length_max:,} bytes.",
        "content": {"application/json": {"schema": schema, "example": _example(endpoint.body)}},
    }
    operation["responses"] = _responses(
        endpoint.schema, _FINE.get(endpoint.name, (200, 201)), _WRITE_PROBLEMS
    )
    return operation


def _example(body: Body) -> Json:
    """Return a body with no more than it must have."""
    found: Json = {}
    for name in (*body.required, *(["reason"] if "restriction" in body.fields else [])):
        found[name] = EXAMPLES.get(name) or body.fields[name].schema["examples"][0]
    return found


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
        responses[str(status)] = response(status, PROBLEM_TYPE, "Problem")
    return responses
