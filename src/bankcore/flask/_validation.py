"""
Validation: the form that a request must have, before anything it asks for is looked at.

Decided here: the form of bodies, queries and headers. A body is UTF-8 JSON of bounded size, an
object with known fields, each once and of its type; a query has known parameters, each once.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import IO, Any, Final, NoReturn

from flask import Request
from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.wsgi import get_content_length

from bankcore.flask._fields import Body
from bankcore.flask._problems import missing_field
from bankcore.http import (
    KEY_LENGTH_MAX,
    Problem,
    bad_request,
    expected_version_of,
    transaction_id_of,
)
from bankcore.values import PrincipalId
from bankcore.values._errors import naming

#: The most bytes that a body has.
BODY_LENGTH_MAX: Final = 32 * 1024
#: The most bytes that the body of a batch has.
BATCH_BODY_LENGTH_MAX: Final = 256 * 1024
#: The most objects and arrays within each other in a body.
DEPTH_MAX: Final = 8
#: The most digits that a number in a body has.
DIGITS_MAX: Final = 18

_JSON_NAMES: Final = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
# The most characters of a sender's own name for a field that an answer repeats.
_NAME_SHOWN_MAX: Final = 60


#: The form of an idempotency key, as JSON Schema has it.
KEY_SCHEMA: Final = {
    "type": "string",
    "pattern": rf"^([!#-+\--~]{{1,{KEY_LENGTH_MAX}}}"
    rf'|"([!#-\[\]-~]|\\["\\]){{1,{KEY_LENGTH_MAX}}}")$',
    "examples": ["rent-2026-05"],
}


def read_command(request: Request, body: Body, principal_id: PrincipalId) -> dict[str, Any]:
    """Return the fields of the command that this principal's request stands for."""
    environ = request.environ
    return {
        "transaction_id": transaction_id_of(principal_id, environ.get("HTTP_IDEMPOTENCY_KEY")),
        "expected_version": expected_version_of(environ.get("HTTP_IF_MATCH")),
        **read_body(request, body),
    }


def read_body(request: Request, body: Body, length_max: int = BODY_LENGTH_MAX) -> dict[str, Any]:
    """Return the fields of the request's body, each as *body* reads it."""
    # As `request.headers` would find them, which takes several times as long.
    environ = request.environ
    # Any case is the same, and JSON is UTF-8 whatever parameters it has (RFC 9110, RFC 8259).
    is_json = environ.get("CONTENT_TYPE") == "application/json" or (
        request.mimetype == "application/json"
        and request.mimetype_params.get("charset", "utf-8").lower() == "utf-8"
    )
    if not is_json or "HTTP_CONTENT_ENCODING" in environ:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send the body as Content-Type: application/json, in UTF-8, with no Content-Encoding.",
        )
    return read_members(_object_from(_whole_body(request, length_max)), body)


def read_members(members: Mapping[str, Any], body: Body) -> dict[str, Any]:
    """Return the fields of *members*, which must be those of *body*, each of its type."""
    for name in members:
        if name not in body.fields:
            raise bad_request("unknown_field", *_unknown("field", name, body.fields))
    for name in body.required:
        if name not in members:
            raise missing_field(name)
    for name, value in members.items():
        wanted = body.fields[name].type
        if type(value) is not wanted and (value is not None or name not in body.nullable):
            raise bad_request("invalid_field", f"{name} must be {_JSON_NAMES[wanted]}.", name)
    return body.read(members)


def _whole_body(request: Request, length_max: int) -> bytes:
    """Return the whole body, and read no more than one byte of what is too much."""
    length = get_content_length(request.environ)
    if (length or 0) <= length_max:
        # Flask's stream takes several times as long. Not where it was made already, and may have
        # been read from, or where the application has a limit of its own.
        if length is None or "stream" in vars(request) or request.max_content_length is not None:
            found = _read(request.stream, length_max + 1)
        else:
            found = _read(request.environ["wsgi.input"], length)
        if length is not None and len(found) < length:
            raise ClientDisconnected
        if len(found) <= length_max:
            return found
    raise Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        f"A body must have at most {length_max:,} bytes.",
    )


def _read(stream: IO[bytes], length: int) -> bytes:
    """Return the next *length* bytes of *stream*, fewer only where it ends before."""
    found = b""
    try:
        while len(found) < length and (part := stream.read(length - len(found))):
            found += part
    except HTTPException:
        raise
    # Each server has an error of its own for a body that is malformed or breaks off.
    except Exception as error:
        raise ClientDisconnected from error
    return found


def _object_from(data: bytes) -> dict[str, Any]:
    try:
        text = data.decode("utf-8")
        if text.count("{") + text.count("[") > DEPTH_MAX:
            _require_shallow(text)
        found = _decode(text)
    except UnicodeDecodeError:
        raise _invalid_json("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _invalid_json(f"The body is not JSON: {error.msg}, in {where}.") from None
    if type(found) is not dict:
        raise _invalid_json("The body must be a JSON object.")
    return found


def _invalid_json(detail: str) -> Problem:
    return bad_request("invalid_json", detail)


# A text, whole or cut off, or a bracket. Each character is looked at once.
_texts_and_brackets = re.compile(r'"(?:[^"\\]|\\.?)*+(?:"|\Z)|[\[\]{}]', re.DOTALL).findall


def _require_shallow(text: str) -> None:
    # The depth at which the decoder itself gives up depends on the version of Python.
    depth = 0
    for found in _texts_and_brackets(text):
        depth += (found in {"{", "["}) - (found in {"}", "]"})
        if depth > DEPTH_MAX:
            raise _invalid_json(f"A body must be nested {DEPTH_MAX} levels deep at most.")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _invalid_json("A field must not occur twice.")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise _invalid_json(f"{text} is not JSON.")


def _refuse_fraction(_text: str) -> NoReturn:
    raise _invalid_json('A number must be whole; write an amount as text, such as "5.00".')


def _bounded_int(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise _invalid_json(f"A number must have at most {DIGITS_MAX} digits.")
    return int(text)


_decode: Final = json.JSONDecoder(
    object_pairs_hook=_without_duplicates,
    parse_constant=_refuse_constant,
    parse_float=_refuse_fraction,
    parse_int=_bounded_int,
).decode


def _unknown(kind: str, name: str, known: Iterable[str]) -> tuple[str, str]:
    """Return the sentence on a name that the sender made up, and the name, as short ASCII."""
    shown = json.dumps(name[:_NAME_SHOWN_MAX])
    among = f"it must be among {', '.join(known)}" if known else "there is none here"
    return f"Unknown {kind} {shown}: {among}.", shown[1:-1]


#: The parameters that may be given several times; their readers get a list.
SEVERAL: Final = ("metadata",)


def read_query(request: Request, readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Return the request's query parameters, each as its reader reads it."""
    found: dict[str, Any] = {}
    if not request.query_string:
        return found
    for name, values in request.args.lists():
        if name not in readers:
            raise bad_request("unknown_parameter", *_unknown("parameter", name, readers))
        if name in SEVERAL:
            found[name] = naming(name, readers[name], values)
            continue
        if len(values) != 1:
            raise bad_request("invalid_parameter", f"{name} must be given once.", name)
        found[name] = naming(name, readers[name], values[0])
    return found
