"""
HTTP without a framework: what errors, idempotency keys and ETags are there.

Decided here: the status of each error, and what of it is told to those who send requests. A 404
names nothing, so that a missing thing and a hidden one are the same bytes; an error inside tells
only the request's id. Also which transaction id an ``Idempotency-Key`` stands for: one of the
sender's own. `bankcore.flask` uses all of it; with another framework, an application does.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import attrs

from bankcore import errors
from bankcore.values import PrincipalId, TransactionId
from bankcore.values._errors import ERROR_MEMBERS, ERROR_OPTIONAL, error_dict
from bankcore.values._ids import to_principal_id
from bankcore.values._json import TEXT, Told, json_of, object_schema

#: The longest idempotency key, in characters.
KEY_LENGTH_MAX: Final = 128
#: The content type of a `Problem`.
PROBLEM_TYPE: Final = "application/problem+json"

_INTERNAL: Final = HTTPStatus.INTERNAL_SERVER_ERROR.value

# These name nothing: the id would tell whether the thing exists.
_NOT_FOUND: Final = {
    "account_not_found": "There is no such account.",
    "account_not_visible": "There is no such account, or none that you may see.",
    "hold_not_found": "The account has no such hold.",
    "holder_not_found": "There is no such holder.",
    "token_not_found": "There is no such token.",
    "transaction_not_found": "There is no such transaction, or none that you may see.",
}
# The first class that fits decides; any other error is one inside.
_BY_CLASS: Final[tuple[tuple[type[errors.BankError], HTTPStatus], ...]] = (
    (errors.TransactionIdReusedError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.AccessDeniedError, HTTPStatus.FORBIDDEN),
    (errors.StaleVersionError, HTTPStatus.PRECONDITION_FAILED),
    (errors.ClockSkewError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.StoreUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.OutcomeUnknownError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.InvalidRequestError, HTTPStatus.BAD_REQUEST),
    (errors.DeclinedError, HTTPStatus.CONFLICT),
)


def status_of(error: errors.BankError | type[errors.BankError]) -> int:
    """
    Return the status of HTTP for *error*, or for a class of errors.

        >>> status_of(errors.InsufficientFundsError), STATUSES["stale_version"]
        (409, 412)
    """
    if error.code in _NOT_FOUND:
        return HTTPStatus.NOT_FOUND.value
    kind = error if isinstance(error, type) else type(error)
    return next((status.value for cls, status in _BY_CLASS if issubclass(kind, cls)), _INTERNAL)


#: The status of each error of bankcore, by its code.
STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        kind.code: status_of(kind)
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.BankError)
    }
)

_HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "1"},
    HTTPStatus.FORBIDDEN: {"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
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


@attrs.frozen
class Problem(Told, Exception):  # noqa: N818  # the RFC's word
    """
    An error as it is told over HTTP (RFC 9457), to be raised or answered.

    Attributes:
        status: The status of the answer.
        code: A stable word for programs.
        detail: A sentence for people.
        field: The one field or parameter that is wrong, if any is.
        facts: Further facts, as JSON has them.
        headers: What the answer needs beside its content type.
        is_replayed: True if an earlier request was answered so, and it is said again.
        request_id: The request's id in the application's log.
    """

    status: int = attrs.field(converter=int)
    code: str
    detail: str
    field: str | None = None
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    is_replayed: bool = False
    request_id: str | None = None

    _json_schema = object_schema(
        {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer"},
            **ERROR_MEMBERS,
            "request_id": TEXT,
        },
        optional=[*ERROR_OPTIONAL, "request_id"],
    )

    def to_dict(self) -> dict[str, Any]:
        """Return the members of the answer's body."""
        members: dict[str, Any] = {
            "type": f"urn:bankcore:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            **error_dict(
                self.code, self.detail, self.field, self.facts, is_replayed=self.is_replayed
            ),
        }
        if self.request_id is not None:
            members["request_id"] = self.request_id
        return members


def problem_of(error: Exception, *, request_id: str | None = None) -> Problem:
    """
    Return the problem that tells *error*; of an unforeseen error it tells nothing.

        >>> problem_of(errors.AccountNotFoundError("alice")).to_dict()["detail"]
        'There is no such account.'
        >>> problem_of(ZeroDivisionError("secret"), request_id="r-1").to_dict()["request_id"]
        'r-1'
    """
    if isinstance(error, Problem):
        problem = error
    elif isinstance(error, errors.BankError) and status_of(error) != _INTERNAL:
        problem = _of_bank(error)
    else:
        detail = "Something went wrong inside."
        if request_id is not None:
            detail += " The operator of the bank finds it by the request_id."
        problem = Problem(_INTERNAL, "internal_error", detail)
    return problem if request_id is None else attrs.evolve(problem, request_id=request_id)


def _of_bank(error: errors.BankError) -> Problem:
    if isinstance(error, errors.InvalidRequestError):
        # Advice is for those who call a function, and have its arguments.
        error.advising(None)
    status, code, detail = status_of(error), error.code, str(error)
    facts = {name: json_of(value) for name, value in error.facts.items() if value is not None}
    field = facts.pop("field", None)
    told = _NOT_FOUND.get(code) or _OF_THE_STORE.get(code)
    if told is not None:
        detail, facts = told, {}
    elif isinstance(error, errors.TransactionIdReusedError):
        code, facts, field = "idempotency_key_reused", {"fields": list(error.fields)}, None
        differ = f"; they differ in: {', '.join(error.fields)}" if error.fields else ""
        detail = (
            f"This Idempotency-Key stands for another request{differ}. Send that one again as it"
            " was, or this one with a key of its own."
        )
    headers = _HEADERS.get(status, {})
    if isinstance(error, errors.ClockSkewError):
        detail = error.told_with(_NOT_YOUR_CLOCK)
        headers = {"Retry-After": str(max(1, error.seconds_ahead))}
    return Problem(status, code, detail, field, facts, headers, is_replayed=error.replayed)


def bad_request(code: str, detail: str, field: str | None = None) -> Problem:
    """Return the problem of a request that is not well formed."""
    return Problem(HTTPStatus.BAD_REQUEST, code, detail, field)


# Visible ASCII. Bare, without what separates or quotes; quoted as RFC 9651 has it.
_bare_key = re.compile(rf"[!#-+\--~]{{1,{KEY_LENGTH_MAX}}}", re.ASCII).fullmatch
_quoted_key = re.compile(rf'"((?:[!#-\[\]-~]|\\["\\]){{1,{KEY_LENGTH_MAX}}})"', re.ASCII).fullmatch
_version_tag = re.compile(r'"(0|[1-9][0-9]{0,17})"', re.ASCII).fullmatch


def transaction_id_of(principal: PrincipalId | str, key: str | None) -> TransactionId:
    """
    Return the transaction id for which a header ``Idempotency-Key`` of *principal* stands.

        >>> transaction_id_of("mary", "rent-5") == transaction_id_of("mary", '"rent-5"')
        True
        >>> transaction_id_of("mary", "rent-5") == transaction_id_of("bob", "rent-5")
        False

    Raises:
        Problem: If *key* is None or malformed, a 400.
        InvalidIdError: If *principal* is not the id of a principal.
    """
    who, name = to_principal_id(principal).value, _to_key(key)
    # With the lengths, two principals never send the same id.
    text = f"bankcore http 1\n{len(who)}:{who}{len(name)}:{name}"
    return TransactionId(sha256(text.encode("ascii")).hexdigest())


def _to_key(given: str | None) -> str:
    """Return the idempotency key, without its quotes."""
    if given is None:
        raise bad_request(
            "missing_idempotency_key",
            "Send an Idempotency-Key of your own, so that the request can be sent again.",
        )
    if _bare_key(given):
        return given
    match = _quoted_key(given)
    if match is not None:
        return re.sub(r"\\(.)", r"\1", match[1])
    raise bad_request(
        "invalid_idempotency_key",
        f"Idempotency-Key must be one key of 1 to {KEY_LENGTH_MAX} visible ASCII characters, bare"
        " or in quotes; a key with a comma needs the quotes.",
    )


def expected_version_of(if_match: str | None) -> int | None:
    """
    Return the version for which a header ``If-Match`` asks; None for any.

        >>> expected_version_of('"7"'), expected_version_of(None)
        (7, None)

    Raises:
        Problem: If it is malformed, a 400.
    """
    if if_match is None or if_match == "*":
        return None
    match = _version_tag(if_match)
    if match is None:
        raise bad_request("invalid_if_match", 'If-Match must be one ETag as given, such as "7".')
    return int(match[1])


__all__ = [
    "KEY_LENGTH_MAX",
    "PROBLEM_TYPE",
    "STATUSES",
    "Problem",
    "expected_version_of",
    "problem_of",
    "status_of",
    "transaction_id_of",
]
