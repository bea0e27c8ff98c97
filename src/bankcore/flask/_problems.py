"""
Problems: every answer that is a "no", as ``application/problem+json`` (RFC 9457).

Decided here: which status each reason has, and what of it is told. An answer of 404 names
nothing, so that what is not there and what may not be seen are the same bytes. Of an
error inside, nothing is told but the request's id.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs
from flask import Response
from werkzeug.exceptions import HTTPException

from bankcore.access._errors import AccessDeniedError
from bankcore.accounts._errors import HoldNotActiveError
from bankcore.flask._shapes import json_text, plain
from bankcore.ledger._errors import (
    ClockSkewError,
    OutcomeUnknownError,
    StaleVersionError,
    StoreUnavailableError,
    TransactionIdReusedError,
)
from bankcore.values._errors import BankError, DeclinedError, InvalidRequestError

#: After how many seconds to try again what failed for now.
RETRY_AFTER: Final = 1

# What is told where naming the thing would tell whether it is there.
_NOT_FOUND: Final = {
    "account_not_found": "There is no such account.",
    "account_not_visible": "There is no such account, or none that you may see.",
    "hold_not_found": "The account has no such hold.",
    "holder_not_found": "There is no such holder.",
    "transaction_not_found": "There is no such transaction, or none that you may see.",
}


@attrs.frozen
class Problem(Exception):  # noqa: N818  # the RFC's word
    """
    A "no": its status, a stable code, a sentence, what more is known, and headers.
    """

    status: int
    code: str
    detail: str
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
        if self.facts:
            members["facts"] = self.facts
        if self.is_replayed:
            members["replayed"] = True
        return Response(
            json_text(members),
            self.status,
            dict(self.headers),
            content_type="application/problem+json",
        )


def problem_of(error: BankError) -> Problem:
    """
    What is told of *error*.
    """
    status = _status(error)
    headers: dict[str, str] = {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER)
    if status == HTTPStatus.FORBIDDEN:
        headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return internal()
    if status == HTTPStatus.NOT_FOUND:
        return Problem(
            status, error.code, _NOT_FOUND[error.code], {}, headers, is_replayed=error.replayed
        )
    if isinstance(error, OutcomeUnknownError):
        detail = (
            "Whether it was done is not known. Send the same request again, with the same"
            " Idempotency-Key: it is done once."
        )
        return Problem(status, error.code, detail, {}, headers)
    if isinstance(error, StoreUnavailableError):
        detail = "The bank cannot be reached now. Nothing was done; send it again."
        return Problem(status, error.code, detail, {}, headers)
    if isinstance(error, TransactionIdReusedError):
        fields = ", ".join(error.fields)
        detail = f"This Idempotency-Key stands for another request; they differ in: {fields}."
        return Problem(status, "idempotency_key_reused", detail, {"fields": list(error.fields)})
    facts = {name: plain(value) for name, value in error.facts.items() if value is not None}
    return Problem(status, error.code, str(error), facts, headers, is_replayed=error.replayed)


def _status(error: BankError) -> int:  # noqa: PLR0911  # a line for each kind
    if isinstance(error, TransactionIdReusedError):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    if isinstance(error, HoldNotActiveError):
        return HTTPStatus.CONFLICT
    if error.code in _NOT_FOUND:
        return HTTPStatus.NOT_FOUND
    if isinstance(error, AccessDeniedError):
        return HTTPStatus.FORBIDDEN
    if isinstance(error, StaleVersionError):
        return HTTPStatus.PRECONDITION_FAILED
    if isinstance(error, ClockSkewError | StoreUnavailableError | OutcomeUnknownError):
        return HTTPStatus.SERVICE_UNAVAILABLE
    if isinstance(error, InvalidRequestError):
        return HTTPStatus.BAD_REQUEST
    if isinstance(error, DeclinedError):
        return HTTPStatus.CONFLICT
    return HTTPStatus.INTERNAL_SERVER_ERROR


_HTTP_CODES: Final = {
    HTTPStatus.BAD_REQUEST: ("bad_request", "The request is not well formed."),
    HTTPStatus.NOT_FOUND: ("not_found", "There is no such resource."),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "method_not_allowed",
        "The resource does not take this method; Allow has those that it takes.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("too_large", "The body is too large."),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "internal_error",
        "Something went wrong here. Whoever runs the bank finds it by the request_id.",
    ),
}


def internal() -> Problem:
    """
    What is told of whatever nobody foresaw.
    """
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Problem(status, *_HTTP_CODES[status])


def problem_of_http(error: HTTPException) -> Problem:
    """
    What is told of an error that Flask or an authenticator raised.
    """
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    phrase = HTTPStatus(status).phrase
    code, detail = _HTTP_CODES.get(
        HTTPStatus(status), (phrase.lower().replace(" ", "_"), f"{phrase}.")
    )
    headers = {
        name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}
    }
    return Problem(status, code, detail, {}, headers)
