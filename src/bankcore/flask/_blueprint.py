"""
The blueprint: requests in, answers out.

Decided here: the order of a request's checks (who sends it, how often, its form, then the bank);
all answers have the same headers; the log has a line of JSON for each request, without secrets;
readiness is tried by a write, at most once a second.
"""

import json
import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote

import attrs
from flask import Blueprint, Flask, Request, Response
from flask.globals import request_ctx
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, NotFound

from bankcore.access import Principal, Tokens
from bankcore.bank import Bank
from bankcore.flask._answers import answer
from bankcore.flask._observing import Observation, Observe, tell, traceparent_of
from bankcore.flask._openapi import document
from bankcore.flask._problems import to_problem
from bankcore.flask._resources import ENDPOINTS, Call, Endpoint
from bankcore.flask._validation import read_body, read_command, read_query
from bankcore.http import PROBLEM_TYPE, Problem
from bankcore.values._errors import require_callable, require_methods, shown

#: Returns the principal that sends a request, or None if it is not known.
Authenticate = Callable[[Request], Principal | None]
#: Called before each request of a known principal, with the endpoint's name; returns the seconds
#: to wait if there were too many requests, or None.
Throttle = Callable[[Principal, str], int | None]

_View = Callable[[Request, Mapping[str, str]], Response]

_log = logging.getLogger("bankcore.flask")

# How long a write that went well tells that the bank is ready, in seconds.
_PROBE_SECONDS: Final = 1.0

_STATE: Final = "bankcore.state"
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

# The page loads only its own files, and talks to the bank alone.
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_FILES: Final = {
    "/docs": ("page.html", "text/html; charset=utf-8"),
    "/docs/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/docs/page.css": ("page.css", "text/css; charset=utf-8"),
}


class TokenAuthenticator:
    """
    Returns the principal of the bearer token in the ``Authorization`` header (RFC 6750).

    A token in the query, the body or a cookie is not looked at; two headers are a bad request.
    """

    def __init__(self, tokens: Tokens) -> None:
        require_methods(tokens, "tokens", ("authenticate",), "tokens, such as Tokens(store)")
        self._tokens = tokens

    def __call__(self, request: Request) -> Principal | None:
        given = request.environ.get("HTTP_AUTHORIZATION", "")
        if "," in given:
            raise BadRequest("Send one Authorization header, with one token.")
        scheme, _, token = given.partition(" ")
        is_bearer = scheme.lower() == "bearer"
        return self._tokens.authenticate(token.strip(" ")) if is_bearer else None


def create_blueprint(
    bank: Bank,
    *,
    authenticate: Authenticate,
    throttle: Throttle | None = None,
    observe: Observe | None = None,
    url_prefix: str = "/v1",
) -> Blueprint:
    """
    Return the bank's resources as a blueprint, to be registered in any Flask application.

    Args:
        bank: The bank. Each request acts as the principal that sends it, by the bank's policy.
        authenticate: Returns the principal that sends a request, or None, which is a 401.
        throttle: Returns the seconds that a principal has to wait, which is a 429, or None.
        observe: Called once for each request, with an `Observation`, after its answer is made.
        url_prefix: The path under which the resources are.

    Raises:
        InvalidArgumentError: If *bank* is no bank, or one of the others no function.
    """
    require_methods(bank, "bank", ("acting_as",), "a bank, such as Bank(store)")
    require_callable(authenticate, "authenticate", "the principal of a request, or None")
    if throttle is not None:
        require_callable(throttle, "throttle", "the seconds to wait, or None")
    if observe is not None:
        require_callable(observe, "observe", "nothing, and takes an Observation")
    blueprint = Blueprint("bankcore", __name__, url_prefix=url_prefix)
    views: dict[str, dict[str, _View]] = {}
    for endpoint in ENDPOINTS:
        view = _bank_view(bank, endpoint, authenticate, throttle)
        views.setdefault(endpoint.path, {})[endpoint.method] = view
    views["/health"] = {"GET": _health}
    views["/ready"] = {"GET": _ready_view(bank)}
    views["/openapi.json"] = {"GET": _document}
    for path, (file, content_type) in _PAGE_FILES.items():
        views[path] = {"GET": _file_view(file, content_type)}
    rule = partial(blueprint.add_url_rule, methods=_METHODS, provide_automatic_options=False)
    for path, by_method in views.items():
        name = path.strip("/").replace("/", "_").replace(".", "_")
        rule(path.replace("{", "<").replace("}", ">"), name, _by_method(by_method))
    rule("/<path:path>", "unknown", _unknown)
    blueprint.after_request(partial(_end, observe))
    blueprint.register_error_handler(Exception, _problem_response)
    return blueprint


def create_app(
    bank: Bank,
    *,
    authenticate: Authenticate,
    throttle: Throttle | None = None,
    observe: Observe | None = None,
) -> Flask:
    """Return an application that is nothing but the bank; see `create_blueprint`."""
    app = Flask("bankcore.flask", static_folder=None)
    # A path with two slashes is another path: do not redirect.
    app.url_map.merge_slashes = False
    app.register_blueprint(
        create_blueprint(bank, authenticate=authenticate, throttle=throttle, observe=observe)
    )

    # Other paths than the blueprint's, and unknown methods.
    @app.errorhandler(HTTPException)
    def no_route(error: HTTPException) -> Response:
        return _end(observe, _problem_response(error))

    return app


@attrs.define
class _State:
    """The facts of a request for its answer and its line in the log."""

    request_id: str = attrs.field(factory=lambda: os.urandom(16).hex())
    started: float = attrs.field(factory=time.perf_counter)
    action: str | None = None
    principal: str | None = None
    code: str | None = None
    failure: str | None = None


def _state_of(sent: Request) -> _State:
    """Return the state of this request, which begins when it is first asked for."""
    state: _State | None = sent.environ.get(_STATE)
    if state is None:
        state = sent.environ[_STATE] = _State()
    return state


def _bank_view(
    bank: Bank, endpoint: Endpoint, authenticate: Authenticate, throttle: Throttle | None
) -> _View:
    def view(sent: Request, path: Mapping[str, str]) -> Response:
        state = _state_of(sent)
        state.action = endpoint.name
        principal = authenticate(sent)
        if principal is None:
            raise _unauthenticated(sent)
        if not isinstance(principal, Principal):
            raise TypeError(
                f"authenticate must return a Principal or None, got {shown(principal)}"
            )
        state.principal = principal.id.value
        seconds = None if throttle is None else throttle(principal, endpoint.name)
        if seconds is not None:
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                f"Too many requests; wait {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )
        query = read_query(sent, endpoint.query)
        body, fields = endpoint.body, dict[str, Any]()
        if body is not None and endpoint.is_keyed:
            fields = read_command(sent, body, principal.id)
        elif body is not None:
            fields = read_body(sent, body, endpoint.length_max)
        acting = bank.acting_as(principal, request_id=state.request_id)
        return endpoint.handle(Call(acting, path, query, fields))

    return view


def _unauthenticated(sent: Request) -> Problem:
    is_given = "Authorization" in sent.headers
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "invalid_token" if is_given else "unauthenticated",
        "The sender of this request is not known: authenticate.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"' if is_given else "Bearer"},
    )


def _by_method(views: dict[str, _View]) -> Callable[..., Response]:
    allowed = sorted({*views, "OPTIONS", *(["HEAD"] if "GET" in views else [])})

    def view(**path: str) -> Response:
        # One look-up of Flask's proxy, which every further one would repeat.
        sent = request_ctx.request
        method = "GET" if sent.method == "HEAD" else sent.method
        if method == "OPTIONS":
            return Response(status=HTTPStatus.NO_CONTENT, headers={"Allow": ", ".join(allowed)})
        if method not in views:
            raise MethodNotAllowed(allowed)
        return views[method](sent, path)

    return view


def _unknown(**_: str) -> Response:
    raise NotFound


def _health(sent: Request, _path: Mapping[str, str]) -> Response:
    _state_of(sent).action = "health"
    read_query(sent, {})
    return answer({"status": "ok"})


def _ready_view(bank: Bank) -> _View:
    guard = threading.Lock()
    wrote_at = float("-inf")

    def view(sent: Request, _path: Mapping[str, str]) -> Response:
        nonlocal wrote_at
        _state_of(sent).action = "ready"
        read_query(sent, {})
        # Anybody may ask, so a write that went well stands for all who ask within a second.
        with guard:
            if time.monotonic() - wrote_at >= _PROBE_SECONDS:
                bank._probe()  # noqa: SLF001  # for the edges of bankcore, and no others
                wrote_at = time.monotonic()
        return answer({"status": "ok"})

    return view


def _document(sent: Request, _path: Mapping[str, str]) -> Response:
    # Where the application put the blueprint, and the server the application.
    mounted = sent.root_path + sent.path.removesuffix("/openapi.json")
    return answer(document(quote(mounted)))


def _file_view(name: str, content_type: str) -> _View:
    def view(_sent: Request, _path: Mapping[str, str]) -> Response:
        text = files("bankcore.flask").joinpath("page", name).read_text("utf-8")
        headers = {"Content-Security-Policy": _PAGE_POLICY}
        return Response(text, headers=headers, content_type=content_type)

    return view


def _problem_response(error: Exception) -> Response:
    state = _state_of(request_ctx.request)
    problem = to_problem(error, state.request_id)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        state.failure = "".join(traceback.format_exception(error))
    state.code = problem.code
    return answer(problem.to_dict(), problem.status, problem.headers, PROBLEM_TYPE)


def _end(observe: Observe | None, response: Response) -> Response:
    sent = request_ctx.request
    state = _state_of(sent)
    # Every answer has these: no cache keeps it, and no browser guesses its type.
    response.headers.set("Cache-Control", "no-store")
    response.headers.set("X-Content-Type-Options", "nosniff")
    response.headers.set("X-Request-Id", state.request_id)
    seconds = time.perf_counter() - state.started
    traceparent = traceparent_of(sent.environ.get("HTTP_TRACEPARENT"))
    level = logging.INFO if state.failure is None else logging.ERROR
    if _log.isEnabledFor(level):
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request_id": state.request_id,
            "method": sent.method,
            "path": sent.path,
            "action": state.action,
            "principal": state.principal,
            "status": response.status_code,
            "code": state.code,
            "milliseconds": round(seconds * 1000, 1),
            "traceparent": traceparent,
        }
        if state.failure is not None:
            line["failure"] = state.failure
        # ASCII, so that no path or id can look like another line.
        _log.log(level, "%s", json.dumps(line))
    if observe is not None:
        tell(
            observe,
            Observation(
                *(state.request_id, state.action, sent.method, response.status_code),
                *(state.code, state.principal, seconds, traceparent),
            ),
        )
    return response
