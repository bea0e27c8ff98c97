"""
What a request can get wrong, on purpose or not: the answer says so, and nothing has changed.
"""

import io
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Request
from web import PRINCIPALS, Web, euros, told
from werkzeug.exceptions import Forbidden, HTTPException, InternalServerError, ServiceUnavailable
from werkzeug.test import create_environ, run_wsgi_app

from bankcore import errors
from bankcore.access import Principal, Tokens, TokenStore
from bankcore.errors import (
    BankError,
    ClockSkewError,
    OutcomeUnknownError,
    StoreCorruptedError,
    StoreUnavailableError,
)
from bankcore.flask import Observation, TokenAuthenticator, create_app
from bankcore.http import STATUSES, status_of
from bankcore.ledger import ReadSet
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.values import AccountId

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def web() -> Web:
    return Web()


# -- Who asks ----------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Door:
    """
    A bank whose callers are known by their tokens.
    """

    def __init__(self, store: TokenStore | None = None) -> None:
        self.clock = Clock()
        self.tokens = Tokens(MemoryStore() if store is None else store, clock=self.clock)
        self.web = Web()
        self.client = create_app(
            self.web.bank, authenticate=TokenAuthenticator(self.tokens)
        ).test_client()

    def token(self, principal: Principal = PRINCIPALS["mary"], **options: Any) -> str:
        return self.tokens.issue(principal, **options).text

    def get(self, headers: Any = (), path: str = "/v1/accounts", **options: Any) -> Any:
        response = self.client.get(path, headers=headers, **options)
        self.web.judge(response)
        return response


@pytest.fixture
def door() -> Door:
    return Door()


def test_no_authorization(door: Door) -> None:
    """Without a header that says who asks, the answer says which scheme there is."""
    response = door.get()

    assert (401, "unauthenticated") == (response.status_code, told(response)["code"])
    assert "Bearer" == response.headers["WWW-Authenticate"]


def test_a_good_token(door: Door) -> None:
    """A token stands for its principal; the scheme's name may be in any case."""
    token = door.token()

    assert 200 == door.get({"Authorization": f"Bearer {token}"}).status_code
    assert 200 == door.get({"Authorization": f"bearer {token}"}).status_code


def test_tokens_that_are_worth_nothing_are_alike(door: Door) -> None:
    """Expired, revoked, unknown, mistyped, overlong, of another scheme: one and the same 401."""
    expired = door.token(expires_at=NOON + timedelta(seconds=1))
    revoked, good = door.token(), door.token()
    door.tokens.revoke(revoked.split("_")[1])
    door.clock.now += timedelta(seconds=1)
    unknown = Tokens(MemoryStore(), clock=door.clock).issue(PRINCIPALS["mary"]).text
    mistyped = good[:-1] + ("0" if good[-1] != "0" else "1")
    answers = [
        door.get({"Authorization": value})
        for value in (
            *(f"Bearer {each}" for each in (expired, revoked, unknown, mistyped, "x" * 8192)),
            "Bearer",
            "Bearer  ",
            f"Basic {good}",
            good,
        )
    ]

    assert {(401, 'Bearer error="invalid_token"')} == {
        (answer.status_code, answer.headers["WWW-Authenticate"]) for answer in answers
    }
    assert 1 == len({json.dumps({**told(answer), "request_id": ""}) for answer in answers})


def _revoke_in_another_process(path: Path, token_id: str) -> None:
    arguments = ("token", "revoke", token_id, "--store", str(path))
    subprocess.run([sys.executable, "-m", "bankcore", *arguments], check=True)


def _revoke_in_another_store(path: Path, token_id: str) -> None:
    with SQLiteStore(path) as store:
        Tokens(store).revoke(token_id)


@pytest.mark.parametrize("revoke", [_revoke_in_another_process, _revoke_in_another_store])
def test_a_token_that_was_good_dies_at_once(
    revoke: Callable[[Path, str], None], tmp_path: Path
) -> None:
    """What was let in a moment ago is a 401 once revoked, wherever that was, or expired."""
    path = tmp_path / "bank.db"
    with SQLiteStore(path) as store:
        door = Door(store)
        revoked, expiring = door.token(), door.token(expires_at=NOON + timedelta(seconds=1))
        headers = [{"Authorization": f"Bearer {each}"} for each in (revoked, expiring)]

        assert [200, 200] == [door.get(each).status_code for each in headers]
        revoke(path, revoked.split("_")[1])
        assert [401, 200] == [door.get(each).status_code for each in headers]
        door.clock.now += timedelta(seconds=1)
        assert [401, 401] == [door.get(each).status_code for each in headers]


def test_a_token_elsewhere_is_no_token(door: Door) -> None:
    """A token in the query, in a cookie or in the body is not looked at."""
    token = door.token()
    door.client.set_cookie("access_token", token)
    answers = [
        door.get(path=f"/v1/accounts?access_token={token}"),
        door.get(),
        door.get(data={"access_token": token}),
    ]

    assert [401] * 3 == [answer.status_code for answer in answers]


def test_two_authorizations(door: Door) -> None:
    """Of two headers nobody can say which one is meant."""
    header = ("Authorization", f"Bearer {door.token()}")
    joined = {"Authorization": f"{header[1]}, {header[1]}"}

    assert [400, 400] == [door.get([header, header]).status_code, door.get(joined).status_code]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-User": "mary"},
        {"X-Role": "teller", "X-Forwarded-User": "mary"},
        {"X-HTTP-Method-Override": "DELETE", "X-Scopes": "accounts:read"},
    ],
)
def test_headers_that_claim_something(door: Door, headers: Mapping[str, str]) -> None:
    """Who asks, and what for, is not said by any other header."""
    token = door.token(PRINCIPALS["shop"])

    assert 401 == door.get(headers).status_code
    assert 403 == door.get({**headers, "Authorization": f"Bearer {token}"}).status_code


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        (TRACE, TRACE),
        (f"cc{TRACE[2:]}-what-follows", f"cc{TRACE[2:]}-what-follows"),
        *((wrong, None) for wrong in (
            TRACE.upper(), f"{TRACE}-x", TRACE[1:], f"ff{TRACE[2:]}", "a" * 8000,
            f"cc{TRACE[2:]}x", f"cc{TRACE[2:]}-{'x' * 201}",
            f"00-{'0' * 32}-00f067aa0ba902b7-01", f"{TRACE[:36]}{'0' * 16}-01",
        )),
    ],
)  # fmt: skip
def test_a_trace_is_passed_through(
    header: str | None, expected: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A well-formed traceparent is told to the log and the observer, and nothing else is."""
    seen: list[Observation] = []
    web = Web(observe=seen.append)
    with caplog.at_level(logging.INFO, logger="bankcore.flask"):
        web.get("/accounts", headers={} if header is None else {"traceparent": header})

    assert expected == seen[-1].traceparent == json.loads(caplog.messages[-1])["traceparent"]


def test_each_request_is_observed_once() -> None:
    """With its action, sender, status and code, whatever came of it, and wherever it went."""
    seen: list[Observation] = []
    web = Web(observe=seen.append)
    seen.clear()
    account = web.open("5")
    answers = [
        web.post(f"/accounts/{account}/withdrawals", euros("10")),
        web.send("GET", "/accounts", me="nobody"),
        web.send("DELETE", "/accounts"),
        web.send("GET", "/elsewhere"),
        web.client.get("/outside"),
        web.client.get("/v1/health"),
    ]

    assert [
        ("open_account", "POST", 201, None, "mary"),
        ("withdraw", "POST", 409, "insufficient_funds", "mary"),
        ("list_accounts", "GET", 401, "unauthenticated", None),
        (None, "DELETE", 405, "method_not_allowed", None),
        (None, "GET", 404, "not_found", None),
        (None, "GET", 404, "not_found", None),
        ("health", "GET", 200, None, None),
    ] == [(each.action, each.method, each.status, each.code, each.principal) for each in seen]
    assert [each.headers["X-Request-Id"] for each in answers] == [
        each.request_id for each in seen[1:]
    ]
    assert all(0 < each.seconds < 60 for each in seen)


def test_an_observer_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The request is answered as if nobody had looked, and the log has the failure."""

    def observe(observation: Observation) -> None:
        raise ZeroDivisionError

    response = Web(observe=observe).get("/accounts")

    assert 200 == response.status_code
    assert "The observer of requests failed." in caplog.text


def test_a_missing_scope(web: Web) -> None:
    """A service without the scope is told that its scope does not reach."""
    response = web.get("/accounts", me="shop")

    assert (403, 'Bearer error="insufficient_scope"') == (
        response.status_code,
        response.headers["WWW-Authenticate"],
    )


def test_an_authenticator_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """An authenticator that raises lets nobody in, and its secret stays here."""

    def authenticate(request: Request) -> Principal | None:
        raise RuntimeError("secret of the log-in")

    web = Web()
    client = create_app(web.bank, authenticate=authenticate).test_client()
    response = client.get("/v1/accounts")
    web.judge(response)

    assert (500, "internal_error") == (response.status_code, told(response)["code"])
    assert "secret" not in response.get_data(as_text=True)
    assert told(response)["request_id"] in caplog.text


def test_an_authenticator_that_returns_a_name(caplog: pytest.LogCaptureFixture) -> None:
    """What is no principal lets nobody in, and the log says what must be returned."""
    web = Web()
    app = create_app(web.bank, authenticate=lambda _: "mary")  # type: ignore[arg-type,return-value]  # that is the point
    response = app.test_client().get("/v1/accounts")
    web.judge(response)

    assert (500, "internal_error") == (response.status_code, told(response)["code"])
    assert "authenticate must return a Principal or None, got 'mary'" in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ServiceUnavailable(retry_after=7), 503, "service_unavailable"),
        (InternalServerError("secret"), 500, "internal_error"),
        (Forbidden("secret"), 403, "forbidden"),
    ],
)
def test_an_authenticator_that_says_no(error: HTTPException, status: int, code: str) -> None:
    """An authenticator may raise an error of HTTP; it becomes a problem that tells no more."""

    def authenticate(request: Request) -> Principal | None:
        raise error

    web = Web()
    response = create_app(web.bank, authenticate=authenticate).test_client().get("/v1/accounts")
    web.judge(response)

    assert (status, code) == (response.status_code, told(response)["code"])
    assert "secret" not in response.get_data(as_text=True)
    assert ("7" if status == 503 else None) == response.headers.get("Retry-After")


# -- Who may do what ---------------------------------------------------------


def bytes_of_id(response: Any) -> bytes:
    return str(response.headers["X-Request-Id"]).encode()


def without_request_id(response: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    request_id = response.headers["X-Request-Id"]
    headers = [(name, value.replace(request_id, "")) for name, value in response.headers]
    return response.status_code, headers, response.get_data().replace(request_id.encode(), b"")


OPERATIONS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "/accounts/{0}", None),
    ("GET", "/accounts/{0}/statement", None),
    ("GET", "/accounts/{0}/holds", None),
    ("GET", "/accounts/{0}/holders", None),
    ("GET", "/accounts/{0}/closing", None),
    ("POST", "/accounts/{0}/holds/h-1/extension", {"expires_at": "2100-01-01"}),
    ("POST", "/accounts/{0}/deposits", euros("5")),
    ("POST", "/accounts/{0}/withdrawals", euros("5")),
    ("POST", "/accounts/{0}/withdrawals", euros("5000")),
    ("POST", "/accounts/{0}/withdrawals", {"amount": "5", "currency": "USD"}),
    ("POST", "/accounts/{0}/holds", euros("5")),
    ("POST", "/accounts/{0}/holds/h-1/captures", {}),
    ("POST", "/accounts/{0}/holds/h-1/release", {}),
    ("POST", "/accounts/{0}/closing", {}),
    ("POST", "/transfers", {"source_id": "{0}", "destination_id": "{1}", **euros("5")}),
    ("POST", "/transfers", {"source_id": "{1}", "destination_id": "{0}", **euros("5000")}),
]


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)
@pytest.mark.parametrize("status", ["open", "closed", "restricted"])
def test_what_is_not_mine_is_not_there(
    web: Web, method: str, path: str, body: dict[str, Any] | None, status: str
) -> None:
    """An account of somebody else, in whatever state, and none at all: the same bytes."""
    mine = web.open("100")
    theirs = web.open("0", me="bob")
    if status == "closed":
        web.post(f"/accounts/{theirs}/closing", {}, me="bob")
    elif status == "restricted":
        body_of = {"restriction": "all", "reason": "theft"}
        web.post(f"/accounts/{theirs}/restrictions", body_of, me="otto")
    none = theirs[:-4] + ("0000" if theirs[-4:] != "0000" else "1111")

    def ask(account: str) -> tuple[int, list[tuple[str, str]], bytes]:
        said = body and {
            name: value.replace("{0}", account).replace("{1}", mine)
            for name, value in body.items()
        }
        return without_request_id(web.send(method, path.format(account, mine), said))

    foreign, absent = ask(theirs), ask(none)

    assert foreign == absent
    assert foreign[0] in {404, 409}


# Who may do what, cell by cell: the statuses of mary's own account for each who asks.
EVERYBODY = ("mary", "bob", "tom", "ann", "otto", "shop")
STOPPED = {"restriction": "all", "reason": "x"}
LATER = {"expires_at": "2100-01-01"}
LIMIT = {"overdraft_limit": "5", "currency": "EUR"}
GRANT = {"principal": "bob", "rights": ["read"]}
LEGS = {"legs": [{"account_id": "a", **euros("-5")}, {"account_id": "b", **euros("5")}]}
BATCH = {
    "atomic": True,
    "commands": [{"kind": "withdraw", "key": "k", "account_id": "none", **euros("5000")}],
}
NEW = {"initial_balance": "0", "currency": "EUR"}
PAID = {"source_id": "{0}", "destination_id": "{1}", **euros("5")}
CELLS: list[tuple[str, str, dict[str, Any] | None, tuple[int, ...]]] = [
    ("GET", "/accounts/{0}", None, (200, 404, 200, 200, 200, 403)),
    ("GET", "/accounts/{0}/statement", None, (200, 404, 200, 200, 403, 403)),
    ("GET", "/accounts/{0}/holds", None, (200, 404, 200, 200, 200, 403)),
    ("GET", "/accounts", None, (200, 200, 200, 200, 200, 403)),
    ("POST", "/accounts/{0}/deposits", euros("5"), (201, 404, 201, 403, 403, 201)),
    ("POST", "/accounts/{0}/deposits", euros("1000.01"), (201, 404, 403, 403, 403, 201)),
    ("POST", "/accounts/{0}/withdrawals", euros("5"), (201, 404, 201, 403, 403, 403)),
    ("POST", "/accounts/{0}/holds", euros("5"), (201, 404, 201, 403, 403, 403)),
    ("POST", "/transfers", PAID, (201, 404, 201, 403, 403, 403)),
    ("POST", "/accounts/{0}/restrictions", STOPPED, (403, 403, 403, 403, 201, 403)),
    ("POST", "/accounts/{0}/closing", {}, (409, 404, 403, 403, 409, 403)),
    ("GET", "/accounts/{0}/closing", None, (200, 404, 403, 403, 200, 403)),
    ("GET", "/accounts/{0}/holders", None, (200, 404, 200, 200, 200, 403)),
    ("POST", "/accounts/{0}/holds/h/extension", LATER, (404, 404, 404, 403, 403, 403)),
    ("POST", "/accounts/{0}/overdraft-limit", LIMIT, (403, 403, 403, 403, 201, 403)),
    ("POST", "/accounts/{0}/grants", GRANT, (403, 403, 403, 403, 201, 403)),
    ("POST", "/accounts/{0}/revocations", {"principal": "mary"}, (403, 403, 403, 403, 201, 403)),
    ("POST", "/posts", LEGS, (403, 403, 403, 403, 403, 403)),
    ("GET", "/events", None, (403, 403, 403, 200, 403, 403)),
    ("GET", "/denials", None, (403, 403, 403, 200, 200, 403)),
    ("GET", "/tokens", None, (403, 403, 403, 200, 200, 403)),
    ("POST", "/tokens", {"principal": "mary"}, (403, 403, 403, 403, 403, 403)),
    ("POST", "/batches", BATCH, (404, 404, 403, 403, 403, 403)),
    ("POST", "/previews", BATCH, (404, 404, 403, 403, 403, 403)),
    ("POST", "/tokens/0000000000000000/revocation", {}, (403, 403, 403, 403, 404, 403)),
    ("POST", "/accounts", NEW, (201, 201, 201, 403, 403, 403)),
    ("POST", "/accounts", {**NEW, "holder": "mary"}, (201, 403, 201, 403, 403, 403)),
]


@pytest.mark.parametrize(("method", "path", "body", "expected"), CELLS)
def test_each_role(
    method: str, path: str, body: dict[str, Any] | None, expected: tuple[int, ...]
) -> None:
    """Each role gets what the table of policies says, of an account of somebody else."""
    found = []
    for me in EVERYBODY:
        web = Web()
        account, other = web.open("100"), web.open("0")
        said = body and {
            name: value.replace("{0}", account).replace("{1}", other)
            if isinstance(value, str)
            else value
            for name, value in body.items()
        }
        found.append(web.send(method, path.format(account), said, me=me).status_code)

    assert expected == tuple(found)


def test_a_teller_never_touches_its_own_account(web: Web) -> None:
    """A teller who holds rights on an account is no teller there."""
    account = web.open("100")
    web.bank.grant_access(account, "tom", ["read"])
    response = web.post(f"/accounts/{account}/deposits", euros("5"), me="tom")

    assert (403, "access_denied") == (response.status_code, told(response)["code"])


# -- Bodies ------------------------------------------------------------------

GOOD = json.dumps(euros("5")).encode()
# In ASCII, as most clients send it: six bytes for each half of a character.
LARGEST_METADATA = json.dumps({f"{number:040}": "🐝" * 200 for number in range(10)})


def with_metadata(text: str) -> bytes:
    return GOOD.removesuffix(b"}") + b',"metadata":' + text.encode() + b"}"


BODIES: list[tuple[str, bytes, int, str]] = [
    ("a balance", b'{"amount":"5","currency":"EUR","balance":"5"}', 400, "unknown_field"),
    ("a role", b'{"amount":"5","currency":"EUR","role":"teller"}', 400, "unknown_field"),
    ("an owner", b'{"amount":"5","currency":"EUR","owner":"bob"}', 400, "unknown_field"),
    ("an id", b'{"amount":"5","currency":"EUR","transaction_id":"t"}', 400, "unknown_field"),
    ("NaN", b'{"amount":NaN,"currency":"EUR"}', 400, "invalid_json"),
    ("infinity", b'{"amount":-Infinity,"currency":"EUR"}', 400, "invalid_json"),
    ("a field twice", b'{"amount":"5","amount":"6","currency":"EUR"}', 400, "invalid_json"),
    ("1e400", b'{"amount":1e400,"currency":"EUR"}', 400, "invalid_json"),
    ("5,000 digits", b'{"amount":' + b"9" * 5000 + b',"currency":"EUR"}', 400, "invalid_json"),
    ("many digits", b'{"exponent":' + b"1" * 19 + b"}", 400, "invalid_json"),
    ("1,200 lists", b"[" * 1200 + b"]" * 1200, 400, "invalid_json"),
    ("2,600 objects", b'{"a":' * 2600 + b"1" + b"}" * 2600, 400, "invalid_json"),
    ("9 objects", b'{"a":' * 9 + b"1" + b"}" * 9, 400, "invalid_json"),
    ("8 objects", b'{"a":' * 8 + b"1" + b"}" * 8, 400, "unknown_field"),
    ("9 lists side by side", b'{"a":[[],[],[],[],[],[],[],[]]}', 400, "unknown_field"),
    ("brackets in a text", GOOD[:-1] + b',"description":"[{[{[{[{[{\\"[{"}', 201, ""),
    ("a text cut off", GOOD[:-1] + b',"description":"' + b'\\"[' * 4000, 400, "invalid_json"),
    ("a text cut off at its escape", b'[[[[[[[["[\\', 400, "invalid_json"),
    ("null", b"null", 400, "invalid_json"),
    ("a list", b"[]", 400, "invalid_json"),
    ("a text", b'"x"', 400, "invalid_json"),
    ("nothing", b"", 400, "invalid_json"),
    ("half of it", GOOD[:-1], 400, "invalid_json"),
    ("two", GOOD + GOOD, 400, "invalid_json"),
    ("bad UTF-8", b'{"amount":"5","currency":"EUR","description":"\xff"}', 400, "invalid_json"),
    ("UTF-16", GOOD.decode().encode("utf-16"), 400, "invalid_json"),
    ("a byte-order mark", b"\xef\xbb\xbf" + GOOD, 400, "invalid_json"),
    ("a lone surrogate", GOOD[:-1] + b',"description":"\\ud800"}', 400, "invalid_text"),
    ("two lines", b'{"amount":"5","currency":"EUR","description":"a\\nb"}', 400, "invalid_text"),
    ("a number", b'{"amount":5,"currency":"EUR"}', 400, "invalid_field"),
    ("a number with a point", b'{"amount":5.00,"currency":"EUR"}', 400, "invalid_json"),
    ("no amount", b'{"amount":null,"currency":"EUR"}', 400, "invalid_field"),
    ("a true exponent", b'{"amount":"5","currency":"EUR","exponent":true}', 400, "invalid_field"),
    ("a missing field", b'{"amount":"5"}', 400, "missing_field"),
    ("zero", b'{"amount":"0","currency":"EUR"}', 400, "invalid_amount"),
    ("below zero", b'{"amount":"-5","currency":"EUR"}', 400, "invalid_amount"),
    ("too fine", b'{"amount":"0.001","currency":"EUR"}', 400, "rounding_required"),
    ("too much", b'{"amount":"' + b"9" * 60 + b'","currency":"EUR"}', 400, "amount_too_large"),
    ("no currency", b'{"amount":"5","currency":"eur"}', 400, "unknown_currency"),
    ("another currency", b'{"amount":"5","currency":"USD"}', 400, "currency_mismatch"),
    *(
        (f"metadata {text[:20]!r}", with_metadata(text), 400, code)
        for text, code in (
            ('"order=1017"', "invalid_field"),
            ('[["order","1017"]]', "invalid_field"),
            ('{"order":1017}', "invalid_metadata"),
            ('{"order":null}', "invalid_metadata"),
            ('{"order":{"a":"b"}}', "invalid_metadata"),
            ('{"order":["1017"]}', "invalid_metadata"),
            ('{"order":"\\ud800"}', "invalid_metadata"),
            ('{"order":"a\\nb"}', "invalid_metadata"),
            (f'{{"order":"{"x" * 201}"}}', "invalid_metadata"),
            ('{"Order":"1017"}', "invalid_metadata"),
            ('{"":"1017"}', "invalid_metadata"),
            (f'{{"{"x" * 41}":"1017"}}', "invalid_metadata"),
            ('{"order":"1","order":"2"}', "invalid_json"),
            (json.dumps(dict.fromkeys(map(str, range(11)), "")), "invalid_metadata"),
        )
    ),
    ("metadata", with_metadata('{"order":"1017"}'), 201, ""),
    ("no metadata", with_metadata("{}"), 201, ""),
    ("the largest metadata", with_metadata(LARGEST_METADATA), 201, ""),
    ("32 KiB", GOOD + b" " * (32 * 1024 - len(GOOD)), 201, ""),
    ("32 KiB and 1", GOOD + b" " * (32 * 1024 + 1 - len(GOOD)), 413, "too_large"),
]


@pytest.mark.parametrize(
    ("body", "status", "code"), [pytest.param(*row, id=name) for name, *row in BODIES]
)
def test_bodies(web: Web, body: bytes, status: int, code: str) -> None:
    """A body that is not exactly what it should be is refused whole, and says why."""
    account = web.open("100")
    response = web.send("POST", f"/accounts/{account}/deposits", body)
    expected = 105 if status == 201 else 100

    assert (status, code) == (response.status_code, told(response).get("code", ""))
    assert f"EUR {expected}.00" == str(web.bank.account(account).balance)


def test_a_body_without_an_end(web: Web) -> None:
    """No more of a body is read than may be there, also where it does not say its length."""
    account = web.open("100")

    class Endless(io.RawIOBase):
        read_so_far = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.read_so_far += len(buffer)
            buffer[:] = b" " * len(buffer)
            return len(buffer)

    endless = Endless()
    environ = create_environ(
        f"/v1/accounts/{account}/deposits",
        method="POST",
        headers={"X-Me": "mary", "Idempotency-Key": "k", "Content-Type": "application/json"},
    )
    environ |= {"wsgi.input": endless, "wsgi.input_terminated": True}
    _, status, headers = run_wsgi_app(web.app, environ, buffered=True)

    assert ("413 REQUEST ENTITY TOO LARGE", "application/problem+json") == (
        status,
        headers["Content-Type"],
    )
    assert endless.read_so_far <= 64 * 1024


class Parts(io.BytesIO):
    """
    A stream that gives five bytes at a time, as one without a buffer may.
    """

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 0, 5))


@pytest.mark.parametrize("is_limited", [False, True])
@pytest.mark.parametrize(
    ("missing", "is_terminated", "status", "code"),
    [
        (0, False, 201, None),
        (0, True, 201, None),
        (1, False, 400, "bad_request"),
        (1, True, 400, "bad_request"),
    ],
)
def test_a_body_in_parts(
    web: Web, missing: int, is_terminated: bool, is_limited: bool, status: int, code: str | None
) -> None:
    """A body may come in parts, and one that ends before its length says is not taken."""
    account = web.open("100")
    environ = create_environ(
        f"/v1/accounts/{account}/deposits",
        method="POST",
        data=GOOD + b" ",
        headers={"X-Me": "mary", "Idempotency-Key": "k", "Content-Type": "application/json"},
    )
    # What is missing is no part of the JSON, which alone would be good.
    environ["wsgi.input"] = Parts((GOOD + b" ")[: len(GOOD) + 1 - missing])
    if is_terminated:
        environ["wsgi.input_terminated"] = True
    if is_limited:
        web.app.config["MAX_CONTENT_LENGTH"] = 10_000
    parts, line, _ = run_wsgi_app(web.app, environ, buffered=True)

    assert (status, code) == (int(line[:3]), json.loads(b"".join(parts)).get("code"))
    assert ("105.00" if missing == 0 else "100.00") == str(
        web.bank.account(account).balance.amount
    )


class Broken(io.BytesIO):
    """
    The stream of a server, in the middle of a body whose form is wrong.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(GOOD)
        self._error = error

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(5)
        if found != GOOD[:5]:
            raise self._error
        return found


@pytest.mark.parametrize("error", [OSError("chunk"), ValueError("size"), Exception("trailer")])
def test_a_body_that_the_server_cannot_read(
    web: Web, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Malformed or abandoned in chunks, it is the sender's mistake and not one inside."""
    account = web.open("100")
    environ = create_environ(
        f"/v1/accounts/{account}/deposits",
        method="POST",
        headers={"X-Me": "mary", "Idempotency-Key": "k", "Content-Type": "application/json"},
    )
    environ |= {"wsgi.input": Broken(error), "wsgi.input_terminated": True}
    with caplog.at_level(logging.INFO):
        parts, line, _ = run_wsgi_app(web.app, environ, buffered=True)

    assert ("400 BAD REQUEST", "bad_request") == (line, json.loads(b"".join(parts))["code"])
    assert [logging.INFO] == [record.levelno for record in caplog.records]
    assert "100.00" == str(web.bank.account(account).balance.amount)


def test_a_limit_of_the_application(web: Web) -> None:
    """Where the application takes less of a body than the bank does, its limit holds."""
    account = web.open("100")
    web.app.config["MAX_CONTENT_LENGTH"] = len(GOOD) - 1
    refused = web.send("POST", f"/accounts/{account}/deposits", GOOD)
    web.app.config["MAX_CONTENT_LENGTH"] = len(GOOD)
    taken = web.send("POST", f"/accounts/{account}/deposits", GOOD)

    assert (413, "too_large") == (refused.status_code, told(refused)["code"])
    assert 201 == taken.status_code


def test_a_limit_of_the_application_on_a_body_of_unknown_length(web: Web) -> None:
    """It holds where the length shows only while the body is read."""
    environ = create_environ(
        f"/v1/accounts/{web.open()}/deposits",
        method="POST",
        headers={"X-Me": "mary", "Idempotency-Key": "k", "Content-Type": "application/json"},
    )
    environ |= {"wsgi.input": io.BytesIO(GOOD), "wsgi.input_terminated": True}
    web.app.config["MAX_CONTENT_LENGTH"] = len(GOOD) - 1
    parts, line, _ = run_wsgi_app(web.app, environ, buffered=True)

    assert ("413", "too_large") == (line[:3], json.loads(b"".join(parts))["code"])


def test_a_body_that_the_application_has_begun_to_read(web: Web) -> None:
    """What a hook of the application has read of a body is not waited for again."""

    waits = []

    class Waiting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            # A server would wait here for ever.
            waits.extend([size] if size and not found else [])
            return found

    def authenticate(request: Request) -> Principal:
        request.stream.read(1)
        return PRINCIPALS["mary"]

    environ = create_environ(
        f"/v1/accounts/{web.open()}/deposits",
        method="POST",
        data=GOOD,
        headers={"Idempotency-Key": "k", "Content-Type": "application/json"},
    )
    environ["wsgi.input"] = Waiting(GOOD)
    app = create_app(web.bank, authenticate=authenticate)
    parts, line, _ = run_wsgi_app(app, environ, buffered=True)

    assert ("400 BAD REQUEST", "bad_request") == (line, json.loads(b"".join(parts))["code"])
    assert [] == waits


@pytest.mark.parametrize(
    "kind",
    [
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'application/json ; charset="utf-8"',
        "application/json;",
        "application/json; odata=verbose; charset=Utf-8",
        'application/json; profile="https://example.org/a;b"',
    ],
)
def test_the_same_kind_of_body(web: Web, kind: str) -> None:
    """A media type is the same in any case, and JSON is UTF-8 whatever parameters it is given."""
    path = f"/accounts/{web.open()}/deposits"

    assert 201 == web.send("POST", path, GOOD, headers={"Content-Type": kind}).status_code


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json; Charset=latin-1"},
        {"Content-Type": "application/json charset=utf-8"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "application/json, text/plain"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "identity"},
    ],
)
def test_other_kinds_of_bodies(web: Web, headers: Mapping[str, str]) -> None:
    """A body is application/json and nothing else, and not packed."""
    response = web.send("POST", f"/accounts/{web.open()}/deposits", GOOD, headers=headers)

    assert (415, "unsupported_media_type") == (response.status_code, told(response)["code"])


# -- Keys, tags, queries, paths ----------------------------------------------


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (None, 400, "missing_idempotency_key"),
        ('""', 400, "invalid_idempotency_key"),
        (" ", 400, "invalid_idempotency_key"),
        ("a b", 400, "invalid_idempotency_key"),
        ("a, b", 400, "invalid_idempotency_key"),
        ("a,b", 400, "invalid_idempotency_key"),
        ('"a", "b"', 400, "invalid_idempotency_key"),
        ('"a', 400, "invalid_idempotency_key"),
        ("ä", 400, "invalid_idempotency_key"),
        ("a" * 129, 400, "invalid_idempotency_key"),
        (f'"{"a" * 129}"', 400, "invalid_idempotency_key"),
        ("a" * 128, 201, ""),
        (f'"{"a" * 128}"', 201, ""),
        ('"a,b"', 201, ""),
        ("8e03978e-40d5-43e8-bc93-6894a57f9324", 201, ""),
    ],
)
def test_keys(web: Web, key: str | None, status: int, code: str) -> None:
    """A POST has one key, of 1 to 128 visible characters."""
    response = web.send("POST", f"/accounts/{web.open()}/deposits", euros("5"), key=key)

    assert (status, code) == (response.status_code, told(response).get("code", ""))


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("k", '"k"', True),
        ('"a\\"b"', '"a\\"b"', True),
        (r'"a\\b"', r"a\b", True),
        ("k", "K", False),
        ("k", "k-", False),
    ],
)
def test_keys_that_are_the_same(web: Web, one: str, other: str, are_same: bool) -> None:
    """Keys are compared without their quotes, by every character."""
    account = web.open("0")
    for key in (one, other):
        web.post(f"/accounts/{account}/deposits", euros("5"), key=key)

    assert ("EUR 5.00" if are_same else "EUR 10.00") == str(web.bank.account(account).balance)


@pytest.mark.parametrize("tag", ['W/"1"', "1", '"1", "2"', '"x"', '"01"', '""', f'"{"9" * 19}"'])
def test_entity_tags_that_were_never_given(web: Web, tag: str) -> None:
    """An If-Match is one tag as the bank gives them."""
    response = web.post(f"/accounts/{web.open()}/deposits", euros("5"), headers={"If-Match": tag})

    assert (400, "invalid_if_match") == (response.status_code, told(response)["code"])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=-1", "invalid_limit"),
        ("limit=0", "invalid_limit"),
        ("limit=201", "invalid_limit"),
        ("limit=100000000000000000000", "invalid_limit"),
        ("limit=abc", "invalid_limit"),
        ("limit=%EF%BC%91", "invalid_limit"),
        ("limit=", "invalid_limit"),
        ("limit=1&limit=1", "invalid_parameter"),
        ("offset=1", "unknown_parameter"),
        ("cursor=x", "invalid_cursor"),
        ("cursor=", "invalid_cursor"),
        ("cursor=%00", "invalid_cursor"),
        (f"cursor={'A' * 5000}", "invalid_cursor"),
        ("start=0000-00-00", "invalid_time"),
        ("start=2026-02-30", "invalid_time"),
        ("start=2026-01-01T00:00:60Z", "invalid_time"),
        ("start=2026-01-01T00:00:00", "invalid_time"),
        ("start=2026-01-01T24:00:00Z", "invalid_time"),
        ("start=20260101", "invalid_time"),
        ("start=2026-W01", "invalid_time"),
        ("start=now", "invalid_time"),
        ("start=10000-01-01", "invalid_time"),
        ("start=0001-01-01T00:00:00%2B14:00", "invalid_time"),
        ("start=0001-01-01&end=9999-12-31", "invalid_time"),
        ("start=2026-01-02&end=2026-01-01", "invalid_time"),
    ],
)
def test_queries(web: Web, query: str, code: str) -> None:
    """A query has the known parameters, each once, each in its one form."""
    response = web.get(f"/accounts/{web.open()}/statement?{query}")

    assert (400, code) == (response.status_code, told(response)["code"])


def test_a_cursor_goes_with_its_account_and_span(web: Web) -> None:
    """A cursor that was altered, or was given for something else, is no cursor."""
    accounts = [web.open("10"), web.open("10")]
    for account in accounts:
        web.post(f"/accounts/{account}/deposits", euros("5"))
    path = f"/accounts/{accounts[0]}/statement?limit=1"
    cursor = told(web.get(path))["next"]
    others = [
        f"/accounts/{accounts[1]}/statement?cursor={cursor}",
        f"/accounts/{accounts[0]}/statement?cursor={cursor}&start=2000-01-01",
        f"/accounts?cursor={cursor}",
        *(f"{path}&cursor={altered}" for altered in altered_texts(cursor)),
    ]

    assert {(400, "invalid_cursor")} == {
        (response.status_code, told(response)["code"]) for response in map(web.get, others)
    }
    assert 200 == web.get(f"{path}&cursor={cursor}").status_code


def altered_texts(text: str) -> list[str]:
    swapped = [
        text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        for place in range(len(text))
    ]
    return [*swapped, text[:-1], text + "A", text + "%3D"]


@pytest.mark.parametrize(
    "account",
    [
        "%00",
        "%0d%0a",
        "%ef%bc%91",
        "1%20",
        "a" * 5000,
        "..%2fx",
        "'%3B DROP TABLE",
        "%F0%9F%90%9D",
    ],
)
def test_paths(web: Web, account: str) -> None:
    """What is no id names no account, whatever it is made of."""
    responses = [
        web.send("GET", f"/accounts/{account}"),
        web.send("POST", f"/accounts/{account}/deposits", euros("5")),
    ]

    assert {400, 404} >= {response.status_code for response in responses}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/", 404),
        ("GET", "/v1", 404),
        ("GET", "/", 404),
        ("GET", "/v1//accounts", 404),
        ("GET", "/v1/accounts/", 404),
        ("PUT", "/v1/accounts", 405),
        ("DELETE", "/v1/accounts/a", 405),
        ("PATCH", "/v1/transfers", 405),
        ("GET", "/v1/transfers", 405),
        ("TRACE", "/v1/accounts", 405),
        ("PURGE", "/v1/accounts", 405),
        ("POST", "/v1/health", 405),
    ],
)
def test_what_is_not_there(web: Web, method: str, path: str, status: int) -> None:
    """Every "no" is a problem in JSON, whatever the sender would rather read."""
    response = web.client.open(
        path, method=method, headers={"X-Me": "mary", "Accept": "text/html"}
    )
    web.judge(response)

    assert status == response.status_code
    assert b"<" not in response.get_data()
    assert (status == 405) == ("Allow" in response.headers)


@pytest.mark.parametrize("origin", ["https://example.org", "null"])
def test_other_origins(web: Web, origin: str) -> None:
    """Pages of other origins are told nothing: there are no CORS headers."""
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    options = web.send("OPTIONS", "/accounts", headers=headers)
    head = web.send("HEAD", f"/accounts/{web.open()}", headers=headers)

    assert (204, "GET, HEAD, OPTIONS, POST") == (options.status_code, options.headers["Allow"])
    assert (200, b"", b"") == (head.status_code, head.get_data(), options.get_data())
    assert 401 == web.send("HEAD", "/accounts", me="nobody").status_code


# -- What goes wrong inside --------------------------------------------------


class Failing(MemoryStore):
    """
    A store that raises *error*, once it is told to.
    """

    error: Exception | None = None

    def transact(self, reads: ReadSet, decide: Any) -> Any:
        if self.error is not None:
            raise self.error
        return super().transact(reads, decide)

    def accounts(self, *, after: AccountId | str | None = None, limit: int = 1000) -> Any:
        if self.error is not None:
            raise self.error
        return super().accounts(after=after, limit=limit)


FAILURES: list[tuple[Exception, int, str]] = [
    (StoreUnavailableError("SELECT secret"), 503, "store_unavailable"),
    (OutcomeUnknownError("COMMIT secret"), 503, "outcome_unknown"),
    (ClockSkewError(AccountId("a"), NOON, NOON), 503, "clock_skew"),
    (StoreCorruptedError("page secret"), 500, "internal_error"),
    (ZeroDivisionError("secret"), 500, "internal_error"),
]


@pytest.mark.parametrize(("error", "status", "code"), FAILURES)
def test_failures_inside(
    error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What fails inside is told by its code alone; the log has the rest under the same id."""
    store = Failing()
    web = Web(store)
    account = web.open("5")
    store.error = error
    with caplog.at_level(logging.INFO, logger="bankcore.flask"):
        response = web.send("POST", f"/accounts/{account}/deposits", euros("5"))
    line = json.loads(caplog.records[-1].getMessage())

    assert (status, code) == (response.status_code, told(response)["code"])
    assert "secret" not in response.get_data(as_text=True)
    assert (status == 503) == ("Retry-After" in response.headers)
    assert told(response)["request_id"] == line["request_id"]
    assert type(error).__name__ in line["failure"]


@pytest.mark.parametrize(
    ("ahead", "retry_after"), [(timedelta(0), 1), (timedelta(hours=3), 10_800)]
)
def test_a_clock_that_was_ahead(ahead: timedelta, retry_after: int) -> None:
    """The client is told which account, since when, what it can do, and when to send it again."""
    store = Failing()
    web = Web(store)
    account = web.open("5")
    store.error = ClockSkewError(AccountId(account), NOON + ahead, NOON)
    response = web.send("POST", f"/accounts/{account}/deposits", euros("5"))
    detail = told(response)["detail"]

    assert str(retry_after) == response.headers["Retry-After"]
    assert f"Account {account} was last booked at {(NOON + ahead).isoformat()}" in detail
    assert f"{ahead} ahead of the clock" in detail
    assert "Nothing was done" in detail
    assert "tell the operator" in detail
    assert "Bank(" not in detail
    assert "timedelta" not in detail


def test_health_and_readiness(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The server is alive whatever its store does, and ready where the store can be written to;
    anybody may ask. A write that went well stands for a second, and one that failed for none.
    """
    store = Failing()
    web = Web(store)
    statuses = []
    for now, error in (
        (10.0, StoreUnavailableError("the disk is full")),
        (10.1, None),
        (10.9, StoreUnavailableError("the disk is full")),
        (11.1, StoreUnavailableError("the disk is full")),
        (11.2, None),
    ):
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        store.error = error
        statuses.append((web.get("/health", me="nobody"), web.get("/ready", me="nobody")))

    assert [(200, 503), (200, 200), (200, 200), (200, 503), (200, 200)] == [
        (alive.status_code, ready.status_code) for alive, ready in statuses
    ]
    assert {"status": "ok"} == told(statuses[1][0]) == told(statuses[1][1])
    assert "store_unavailable" == told(statuses[0][1])["code"]
    for name in ("health", "ready"):
        assert 400 == web.get(f"/{name}?verbose=1").status_code


def test_readiness_writes_and_changes_nothing(tmp_path: Path) -> None:
    """A disk that takes no write is seen, and what is in the bank is as before."""
    with SQLiteStore(tmp_path / "bank.db") as store:
        web = Web(store)
        web.open("5")
        before = (list(web.bank.accounts()), store.journal(), (tmp_path / "bank.db-wal").stat())
        ready = web.get("/ready", me="nobody")
        after = (list(web.bank.accounts()), store.journal(), (tmp_path / "bank.db-wal").stat())

        assert 200 == ready.status_code
        assert before[:2] == after[:2]
        assert after[2].st_mtime_ns > before[2].st_mtime_ns
    store.close()
    assert 500 <= Web(store).client.get("/v1/ready").status_code


def test_too_many_requests() -> None:
    """The hook is asked for each request of a known principal, by its endpoint's name."""
    asked: list[tuple[str, str]] = []

    def throttle(principal: Principal, action: str) -> int | None:
        asked.append((principal.id.value, action))
        return 7 if len(asked) > 1 else None

    web = Web(throttle=throttle)
    account = web.open()
    web.get("/accounts", me="nobody")
    response = web.post(f"/accounts/{account}/deposits", euros("5"))

    assert [("mary", "open_account"), ("mary", "deposit")] == asked
    assert (429, "too_many_requests") == (response.status_code, told(response)["code"])
    assert "7" == response.headers["Retry-After"]
    assert "EUR 100.00" == str(web.bank.account(account).balance)


def test_an_application_that_answers_first() -> None:
    """What a hook of the application answers goes out as it is, with the headers of all."""
    bank = Web().bank
    app = create_app(bank, authenticate=lambda _: PRINCIPALS["mary"])
    app.before_request(lambda: ("closed for today", 503))
    response = app.test_client().get("/v1/accounts")

    assert (503, "closed for today") == (response.status_code, response.text)
    assert "no-store" == response.headers["Cache-Control"]
    assert 32 == len(response.headers["X-Request-Id"])


def test_the_log(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    """A request is one line of JSON in ASCII: no description, key, token or query in it."""
    account = web.open()
    with caplog.at_level(logging.INFO, logger="bankcore.flask"):
        web.send(
            "POST",
            f"/accounts/{account}/deposits?x=secret-query",
            {**euros("5"), "description": "secret-memo"},
            key="secret-key",
            headers={"Authorization": "Bearer secret-token", "User-Agent": "x\ty secret-agent"},
        )
        web.send("GET", '/accounts/%0d%0a{"forged":1}\u2028')
    lines = [record.getMessage() for record in caplog.records]
    first, second = map(json.loads, lines)

    assert not [line for line in lines if "\n" in line or "\r" in line or not line.isascii()]
    assert "secret" not in "".join(lines)
    assert {
        "method": "POST",
        "path": f"/v1/accounts/{account}/deposits",
        "action": "deposit",
        "principal": "mary",
        "status": 400,
        "code": "unknown_parameter",
    }.items() <= first.items()
    assert "read_account" == second["action"]
    for line in (first, second):
        age = datetime.now(UTC) - datetime.fromisoformat(line["time"])
        assert timedelta() <= age < timedelta(minutes=1)


def test_denials_are_kept_apart(web: Web) -> None:
    """A denial is recorded with the id of its request."""
    account = web.open()
    response = web.send("GET", f"/accounts/{account}", me="bob")
    store: Any = web.bank._store
    (denial,) = store.denials()

    assert (bytes_of_id(response).decode(), "bob", "account_not_visible") == (
        denial.request_id,
        denial.principal.value,
        denial.code,
    )


def test_every_error_has_an_answer(web: Web) -> None:
    """No error of the library is without a status: those of the call and the bank never 500."""
    classes = [
        cls
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, BankError)
    ]
    statuses = {cls.code: status_of(cls.__new__(cls)) for cls in classes}
    inside = {"bank_error", "store_error", "store_corrupted", "store_format", "schema_version"}

    assert {*inside, "store_misuse"} == {
        code for code, status in statuses.items() if status == 500
    }
    assert statuses == STATUSES
    names = ("account", "hold", "holder", "token", "transaction")
    assert {f"{name}_not_found" for name in names} | {"account_not_visible"} == {
        code for code, status in statuses.items() if status == 404
    }
