"""
The gate: what a request must look like before anybody thinks about what it asks.

Decided here: the form of bodies, queries and headers. Nothing is guessed: a body is UTF-8
JSON of a known size, an object with the known fields, each once and of its type; a query has
known parameters, each once; whatever else there is, is a problem that says what to do.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final, NoReturn

from flask import Request

from bankcore.flask._problems import Problem
from bankcore.flask._shapes import FIELDS, JSON_NAMES
from bankcore.values import PrincipalId, TransactionId

#: The most bytes that a body has.
BODY_LENGTH_MAX: Final = 16 * 1024
#: The longest idempotency key, in characters.
KEY_LENGTH_MAX: Final = 128
#: The most objects and arrays within each other in a body.
DEPTH_MAX: Final = 8
#: The most digits that a number in a body has.
DIGITS_MAX: Final = 18

# Visible ASCII. Bare, without what separates or quotes; quoted as RFC 9651 has it.
_bare_key = re.compile(r"[!#-+\--~]{1,128}", re.ASCII).fullmatch
_quoted_key = re.compile(r'"((?:[!#-\[\]-~]|\\["\\]){1,128})"', re.ASCII).fullmatch
_version_tag = re.compile(r'"(0|[1-9][0-9]{0,17})"', re.ASCII).fullmatch


def _bad(code: str, detail: str, status: int = HTTPStatus.BAD_REQUEST) -> Problem:
    return Problem(status, code, detail)


# -- Bodies ------------------------------------------------------------------


def body_of(request: Request, required: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
    """
    The fields of the request's body, read.

    Raises:
        Problem: If it is anything but one JSON object with these fields.
        BankError: If a field's text is not what it stands for.
    """
    if request.headers.get("Content-Type", "") != "application/json":
        raise _bad(
            "unsupported_media_type",
            "The body is application/json, and the Content-Type says exactly that.",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    if "Content-Encoding" in request.headers:
        raise _bad(
            "unsupported_media_type",
            "The body comes without a Content-Encoding.",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    members = _object_of(_bytes_of(request))
    unknown = [name for name in members if name not in required and name not in optional]
    if unknown:
        raise _bad("unknown_field", f"There is no field {_shown(unknown[0])} here.")
    missing = [name for name in required if name not in members]
    if missing:
        raise _bad("missing_field", f"The field {missing[0]} is missing.")
    for name, value in members.items():
        if type(value) is not FIELDS[name].type:
            raise _bad("invalid_field", f"The field {name} is {JSON_NAMES[FIELDS[name].type]}.")
    return {name: FIELDS[name].read(value) for name, value in members.items()}


def _bytes_of(request: Request) -> bytes:
    """
    The whole body, of which no more is read than may be there.
    """
    too_large = _bad(
        "too_large",
        f"A body has at most {BODY_LENGTH_MAX:,} bytes.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )
    if (request.content_length or 0) > BODY_LENGTH_MAX:
        raise too_large
    found = bytearray()
    while len(found) <= BODY_LENGTH_MAX:
        part = request.stream.read(BODY_LENGTH_MAX + 1 - len(found))
        if not part:
            return bytes(found)
        found += part
    raise too_large


def _object_of(data: bytes) -> dict[str, Any]:
    try:
        text = data.decode("utf-8")
        _require_shallow(text)
        found = _decoded(text)
    except UnicodeDecodeError:
        raise _bad("invalid_json", "The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise _bad(
            "invalid_json",
            f"The body is not JSON: {error.msg}, in line {error.lineno}, column {error.colno}.",
        ) from None
    if type(found) is not dict:
        raise _bad("invalid_json", "The body is a JSON object.")
    return found


# A text, whole or cut off, or a bracket. Each character is looked at once.
_texts_and_brackets = re.compile(r'"(?:[^"\\]|\\.?)*+(?:"|\Z)|[\[\]{}]', re.DOTALL).findall


def _require_shallow(text: str) -> None:
    """
    Passes where nothing is nested deeper than may be. How deep a decoder would follow depends on
    the version of Python.
    """
    if text.count("{") + text.count("[") <= DEPTH_MAX:
        return
    depth = 0
    for found in _texts_and_brackets(text):
        depth += (found in {"{", "["}) - (found in {"}", "]"})
        if depth > DEPTH_MAX:
            raise _bad("invalid_json", f"A body is nested {DEPTH_MAX} levels deep at most.")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _bad("invalid_json", "A field is there twice.")
    return found


def _no_constant(text: str) -> NoReturn:
    raise _bad("invalid_json", f"{text} is not JSON.")


def _no_fraction(_text: str) -> NoReturn:
    raise _bad(
        "invalid_json", 'No field is a number with a point; an amount is text, like "5.00".'
    )


def _bounded(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise _bad("invalid_json", f"A number has at most {DIGITS_MAX} digits.")
    return int(text)


_decoded: Final = json.JSONDecoder(
    object_pairs_hook=_each_once,
    parse_constant=_no_constant,
    parse_float=_no_fraction,
    parse_int=_bounded,
).decode


def _shown(name: str) -> str:
    """
    A name that a stranger made up, as short ASCII.
    """
    return json.dumps(name[:60])


# -- Queries -----------------------------------------------------------------


def query_of(request: Request, readers: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """
    The request's query parameters, read.

    Raises:
        Problem: If there is another parameter, or one twice.
        BankError: If a text is not what it stands for.
    """
    if not request.query_string:
        return {}
    found: dict[str, Any] = {}
    for name, values in request.args.lists():
        if name not in readers:
            raise _bad("unknown_parameter", f"There is no parameter {_shown(name)} here.")
        if len(values) != 1:
            raise _bad("invalid_parameter", f"The parameter {name} is there once.")
        found[name] = readers[name](values[0])
    return found


# -- Headers -----------------------------------------------------------------


def key_of(request: Request) -> str:
    """
    The idempotency key, without its quotes.

    Raises:
        Problem: If there is none, or two, or one of another form.
    """
    given = request.headers.get("Idempotency-Key")
    if given is None:
        raise _bad(
            "missing_idempotency_key",
            "A POST needs an Idempotency-Key of its own, so that it can be sent again.",
        )
    if _bare_key(given):
        return given
    match = _quoted_key(given)
    if match is not None:
        return re.sub(r"\\(.)", r"\1", match[1])
    raise _bad(
        "invalid_idempotency_key",
        f"There is one Idempotency-Key, of 1 to {KEY_LENGTH_MAX} visible ASCII characters, in"
        " quotes or bare; a comma needs the quotes.",
    )


def transaction_id_of(principal_id: PrincipalId, key: str) -> TransactionId:
    """
    The transaction id that *key* stands for when this principal sends it.

    Two principals never have the same: the lengths are part of what is hashed.
    """
    who = principal_id.value
    text = f"bankcore http 1\n{len(who)}:{who}{len(key)}:{key}"
    return TransactionId(sha256(text.encode("ascii")).hexdigest())


def expected_version_of(request: Request) -> int | None:
    """
    The version that ``If-Match`` asks for; None where any will do.

    Raises:
        Problem: If it is not one entity tag as the bank gives them.
    """
    given = request.headers.get("If-Match")
    if given is None or given == "*":
        return None
    match = _version_tag(given)
    if match is None:
        raise _bad("invalid_if_match", 'If-Match is one ETag as it was given, such as "7".')
    return int(match[1])
