"""
Problems: every error as ``application/problem+json`` (RFC 9457).

Decided here: the status of each error, and what of it is told. A 404 names nothing, so that a
missing thing and a hidden one are the same bytes. An error inside tells only the request's id.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs
from flask import Response
from werkzeug.exceptions import HTTPException

from bankcore.access._errors import AccessDeniedError
from bankcore.flask._serializers import answer, fact_json
from bankcore.ledger._errors import (
    ClockSkewError,
    OutcomeUnknownError,
    StaleVersionError,
    StoreUnavailableError,
    TransactionIdReusedError,
)
from bankcore.values._errors import BankError, DeclinedError, InvalidRequestError

_INTERNAL: Final = HTTPStatus.INTERNAL_SERVER_ERROR


@attrs.frozen
class Problem(Exception):  # noqa: N818  # the RFC's word
    """An error over HTTP; *field* names the one field or parameter that is wrong, if any is."""

    status: int
    code: str
    detail: str
    field: str | None = None
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    is_replayed: bool = False

    def response(self, request_id: str) -> Response:
        members: dict[str, Any] = {
            "type": f"urn:bankcore:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        }
        if self.field is not None:
            members["field"] = self.field
        if self.facts:
            members["facts"] = self.facts
        if self.is_replayed:
            members["replayed"] = True
        return answer(members, self.status, self.headers, "application/problem+json")


def bad_request(code: str, detail: str, field: str | None = None) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, code, detail, field)


def missing_field(name: str) -> Problem:
    return bad_request("missing_field", f"{name} is missing.", name)


# The first class that fits decides; any other error is one inside.
_STATUSES: Final[tuple[tuple[type[BankError], int], ...]] = (
    (TransactionIdReusedError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (AccessDeniedError, HTTPStatus.FORBIDDEN),
    (StaleVersionError, HTTPStatus.PRECONDITION_FAILED),
    (ClockSkewError, HTTPStatus.SERVICE_UNAVAILABLE),
    (StoreUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (OutcomeUnknownError, HTTPStatus.SERVICE_UNAVAILABLE),
    (InvalidRequestError, HTTPStatus.BAD_REQUEST),
    (DeclinedError, HTTPStatus.CONFLICT),
)
_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
    HTTPStatus.FORBIDDEN: {"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
}
# These name nothing: the id would tell whether the thing exists.
_NOT_FOUND: Final = {
    "account_not_found": "There is no such account.",
    "account_not_visible": "There is no such account, or none that you may see.",
    "hold_not_found": "The account has no such hold.",
    "holder_not_found": "There is no such holder.",
    "transaction_not_found": "There is no such transaction, or none that you may see.",
}
# These keep what the store says to themselves.
_OF_THE_STORE: Final = {
    "outcome_unknown": "It is not known whether it was done. Send the same request again, with the"
    " same Idempotency-Key: it is done once.",
    "store_unavailable": "The bank cannot be reached now. Nothing was done; send it again.",
}
_NOT_YOUR_CLOCK: Final = (
    "Nothing was done: send the same request again when that time has come, or tell the operator"
    " of the bank, who can set the clock right, or allow a larger max_clock_skew."
)


def _status(error: BankError) -> int:
    if error.code in _NOT_FOUND:
        return HTTPStatus.NOT_FOUND
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), _INTERNAL)


_HTTP_CODES: Final = {
    HTTPStatus.BAD_REQUEST: ("bad_request", "The request is not well formed."),
    HTTPStatus.NOT_FOUND: ("not_found", "There is no such resource."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "Allow has the methods it takes."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too_large", "The body is too large."),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "internal_error",
        "Something went wrong inside. The operator of the bank finds it by the request_id.",
    ),
}


def to_problem(error: Exception) -> Problem:
    """Return the problem that tells *error*; of an unforeseen error it tells nothing."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, BankError) and _status(error) != _INTERNAL:
        return _of_bank(error)
    return Problem(_INTERNAL, *_HTTP_CODES[_INTERNAL])


def _of_bank(error: BankError) -> Problem:
    if isinstance(error, InvalidRequestError):
        # Advice is for those who call a function, and have its arguments.
        error.advising(None)
    status, code, detail = _status(error), error.code, str(error)
    facts = {name: fact_json(value) for name, value in error.facts.items() if value is not None}
    field = facts.pop("field", None)
    told = _NOT_FOUND.get(code) or _OF_THE_STORE.get(code)
    if told is not None:
        detail, facts = told, {}
    elif isinstance(error, TransactionIdReusedError):
        code, facts, field = "idempotency_key_reused", {"fields": list(error.fields)}, None
        differ = f"; they differ in: {', '.join(error.fields)}" if error.fields else ""
        detail = (
            f"This Idempotency-Key stands for another request{differ}. Send that one again as it"
            " was, or this one with a key of its own."
        )
    headers = _HEADERS.get(status, {})
    if isinstance(error, ClockSkewError):
        detail = error.told_with(_NOT_YOUR_CLOCK)
        headers = {"Retry-After": str(max(1, error.seconds_ahead))}
    return Problem(status, code, detail, field, facts, headers, is_replayed=error.replayed)


def _of_http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.code or _INTERNAL)
    default = (status.phrase.lower().replace(" ", "_"), f"{status.phrase}.")
    code, detail = _HTTP_CODES.get(status, default)
    headers = {k: v for k, v in error.get_headers() if k in {"Allow", "Retry-After"}}
    return Problem(status, code, detail, headers=headers)
