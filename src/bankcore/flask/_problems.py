"""
Problems: every error as ``application/problem+json`` (RFC 9457), by `bankcore.http`.

Decided here: what of an error of Werkzeug's is told, and of which code it is.
"""

from http import HTTPStatus
from typing import Final

from werkzeug.exceptions import HTTPException

from bankcore.http import Problem, bad_request, problem_of

_INTERNAL: Final = HTTPStatus.INTERNAL_SERVER_ERROR


def missing_field(name: str) -> Problem:
    return bad_request("missing_field", f"{name} is missing.", name)


_HTTP_CODES: Final = {
    HTTPStatus.BAD_REQUEST: ("bad_request", "The request is not well formed."),
    HTTPStatus.NOT_FOUND: ("not_found", "There is no such resource."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "Allow has the methods it takes."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too_large", "The body is too large."),
}


def to_problem(error: Exception, request_id: str | None = None) -> Problem:
    """Return the problem that tells *error*; of an unforeseen error it tells nothing."""
    told = _of_http(error) if isinstance(error, HTTPException) else error
    return problem_of(told, request_id=request_id)


def _of_http(error: HTTPException) -> Exception:
    status = HTTPStatus(error.code or _INTERNAL)
    if status == _INTERNAL:
        return error
    default = (status.phrase.lower().replace(" ", "_"), f"{status.phrase}.")
    code, detail = _HTTP_CODES.get(status, default)
    headers = {k: v for k, v in error.get_headers() if k in {"Allow", "Retry-After"}}
    return Problem(status, code, detail, headers=headers)
