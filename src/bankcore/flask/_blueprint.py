"""
The blueprint: requests in, answers out.

Decided here: the order in which a request is looked at (who asks, how often, how it is
written, and then the bank), that every answer has the same headers, that every "no" is a
problem, and what is logged: one line of JSON for each request, without what is secret.
"""

import json
import logging
import os
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

import attrs
from flask import Blueprint, Flask, Request, Response, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException

from bankcore.access import Principal
from bankcore.bank import Bank
from bankcore.flask._authentication import Authenticate
from bankcore.flask._gate import body_of, expected_version_of, key_of, query_of, transaction_id_of
from bankcore.flask._openapi import document
from bankcore.flask._problems import Problem, internal, problem_of, problem_of_http
from bankcore.flask._resources import ENDPOINTS, Call, Endpoint, Reply
from bankcore.flask._shapes import json_text
from bankcore.values._errors import BankError

#: Asked before each request of a known principal, with the endpoint's name; gives the seconds
#: to wait where there were too many, and None where there were not.
Throttle = Callable[[Principal, str], int | None]

_log = logging.getLogger("bankcore.flask")

# Every answer has these. Nothing is kept by caches, and nothing is taken for what it is not.
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

# The page runs what comes with it, and talks to nobody but the bank.
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_FILES: Final = {
    "/docs": ("page.html", "text/html; charset=utf-8"),
    "/docs/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/docs/page.css": ("page.css", "text/css; charset=utf-8"),
}


def create_blueprint(
    bank: Bank,
    *,
    authenticate: Authenticate,
    throttle: Throttle | None = None,
    url_prefix: str = "/v1",
) -> Blueprint:
    """
    The bank's resources, to be registered in any Flask application.

    Args:
        bank: The bank. Each request acts as the principal that sends it, by its policy.
        authenticate: Says who sends a request; None for nobody that is known, which is a 401.
        throttle: Says how many seconds a principal has to wait, which is a 429.
        url_prefix: Where the resources are.
    """
    blueprint = Blueprint("bankcore", __name__, url_prefix=url_prefix)
    views: dict[str, dict[str, Callable[..., Response]]] = {}
    for endpoint in ENDPOINTS:
        views.setdefault(endpoint.path, {})[endpoint.method] = _bank_view(
            bank, endpoint, authenticate, throttle
        )
    views["/health"] = {"GET": lambda: _health(bank)}
    views["/openapi.json"] = {"GET": lambda: _answer(document(url_prefix))}
    for path, (name, content_type) in _PAGE_FILES.items():
        views[path] = {"GET": _file_view(name, content_type)}
    for path, by_method in views.items():
        blueprint.add_url_rule(
            path.replace("{", "<").replace("}", ">"),
            endpoint=path.strip("/").replace("/", "_").replace(".", "_"),
            view_func=_by_method(by_method),
            methods=_METHODS,
            provide_automatic_options=False,
        )
    blueprint.add_url_rule(
        "/<path:path>",
        endpoint="unknown",
        view_func=_unknown,
        methods=_METHODS,
        provide_automatic_options=False,
    )
    blueprint.before_request(_begin)
    blueprint.after_request(_end)
    blueprint.register_error_handler(Exception, _problem_response)
    return blueprint


def create_app(
    bank: Bank, *, authenticate: Authenticate, throttle: Throttle | None = None
) -> Flask:
    """
    An application that is nothing but the bank; see `create_blueprint`.
    """
    app = Flask("bankcore.flask", static_folder=None)
    # A path with two slashes is another path, and no redirection.
    app.url_map.merge_slashes = False
    app.register_blueprint(create_blueprint(bank, authenticate=authenticate, throttle=throttle))

    # What no route of the blueprint takes: other paths, and methods that nobody knows.
    @app.errorhandler(HTTPException)
    def no_route(error: HTTPException) -> Response:
        _begin()
        return _end(_problem_response(error))

    return app


# -- One request -------------------------------------------------------------

_STATE: Final = "bankcore.state"


@attrs.define
class _State:
    """
    What is known of a request, for its answer and for the log.
    """

    request_id: str = attrs.Factory(lambda: os.urandom(16).hex())
    started: float = attrs.Factory(time.perf_counter)
    action: str | None = None
    principal: str | None = None
    code: str | None = None
    failure: str | None = None


def _bank_view(
    bank: Bank, endpoint: Endpoint, authenticate: Authenticate, throttle: Throttle | None
) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        sent = request_ctx.request
        state: _State = sent.environ[_STATE]
        state.action = endpoint.name
        principal = _principal(sent, authenticate)
        state.principal = principal.id.value
        if throttle is not None:
            _require_patience(throttle(principal, endpoint.name))
        query = query_of(sent, endpoint.query)
        transaction_id, version, body = None, None, {}
        if endpoint.is_write:
            transaction_id = transaction_id_of(principal.id, key_of(sent))
            version = expected_version_of(sent)
            body = body_of(sent, endpoint.required, endpoint.optional)
        acting = bank.acting_as(principal, request_id=state.request_id)
        reply = endpoint.handle(Call(acting, path, body, query, transaction_id, version))
        return _answer(reply.members, reply)

    return view


def _principal(sent: Request, authenticate: Authenticate) -> Principal:
    principal = authenticate(sent)
    if principal is None:
        is_given = "Authorization" in sent.headers
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "invalid_token" if is_given else "unauthenticated",
            "The bank does not know who asks.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"' if is_given else "Bearer"},
        )
    return principal


def _require_patience(seconds: int | None) -> None:
    if seconds is not None:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too_many_requests",
            f"Too many requests; wait {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )


def _by_method(views: dict[str, Callable[..., Response]]) -> Callable[..., Response]:
    allowed = ", ".join(sorted({*views, "OPTIONS", *(["HEAD"] if "GET" in views else [])}))

    def view(**path: str) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return Response(status=HTTPStatus.NO_CONTENT, headers={"Allow": allowed})
        if method not in views:
            raise Problem(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "method_not_allowed",
                f"It takes {allowed}.",
                headers={"Allow": allowed},
            )
        return views[method](**path)

    return view


def _unknown(**_: str) -> Response:
    raise Problem(HTTPStatus.NOT_FOUND, "not_found", "There is no such resource.")


def _health(bank: Bank) -> Response:
    request.environ[_STATE].action = "health"
    query_of(request, {})
    # A look at the store; what it finds is told to nobody.
    next(iter(bank.accounts()), None)
    return _answer({"status": "ok"})


def _file_view(name: str, content_type: str) -> Callable[[], Response]:
    def view() -> Response:
        text = files("bankcore.flask").joinpath("page", name).read_text("utf-8")
        return Response(
            text, content_type=content_type, headers={"Content-Security-Policy": _PAGE_POLICY}
        )

    return view


# -- Answers -----------------------------------------------------------------


def _answer(members: Any, reply: Reply | None = None) -> Response:  # noqa: ANN401  # whatever JSON has
    return Response(
        json_text(members),
        HTTPStatus.OK if reply is None else reply.status,
        {} if reply is None else dict(reply.headers),
        content_type="application/json",
    )


def _begin() -> None:
    request.environ[_STATE] = _State()


def _problem_response(error: Exception) -> Response:
    if isinstance(error, Problem):
        problem = error
    elif isinstance(error, BankError):
        problem = problem_of(error)
    elif isinstance(error, HTTPException):
        problem = problem_of_http(error)
    else:
        problem = internal()
    state: _State = request.environ[_STATE]
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        state.failure = "".join(traceback.format_exception(error))
    state.code = problem.code
    return problem.response(state.request_id)


def _end(response: Response) -> Response:
    sent = request_ctx.request
    state: _State = sent.environ[_STATE]
    headers = response.headers
    for name, value in _HEADERS.items():
        headers[name] = value
    headers["X-Request-Id"] = state.request_id
    level = logging.INFO if state.failure is None else logging.ERROR
    if _log.isEnabledFor(level):
        line = {
            "request_id": state.request_id,
            "method": sent.method,
            "path": sent.path,
            "action": state.action,
            "principal": state.principal,
            "status": response.status_code,
            "code": state.code,
            "milliseconds": round((time.perf_counter() - state.started) * 1000, 1),
        }
        if state.failure is not None:
            line["failure"] = state.failure
        # ASCII, so that nothing in a path or an id can look like another line.
        _log.log(level, "%s", json.dumps(line))
    return response
