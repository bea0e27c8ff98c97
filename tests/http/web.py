"""
What the tests of the back-end share: a bank over HTTP, and a client that judges each answer.

Every answer is held against the OpenAPI document that is served and against the headers that
every answer has, so that each test of anything else is a test of these too.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import jsonschema_rs
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bankcore.access import Principal, StandardPolicy
from bankcore.bank import Bank
from bankcore.flask import create_app
from bankcore.ledger import AccountStore
from bankcore.money import Money
from bankcore.stores import MemoryStore

#: Who there is. `nobody` is not among them.
PRINCIPALS: Mapping[str, Principal] = {
    "mary": Principal("mary", roles=["owner"]),
    "bob": Principal("bob", roles=["owner"]),
    "tom": Principal("tom", roles=["teller"]),
    "ann": Principal("ann", roles=["auditor"]),
    "otto": Principal("otto", roles=["operator"]),
    "shop": Principal("shop", roles=["service"], scopes=["deposits:write"]),
}

JSON = "application/json"
PROBLEM = "application/problem+json"


class Web:
    """
    A bank over HTTP, whose clients say who they are in a header of their own.
    """

    def __init__(self, store: AccountStore | None = None, **options: Any) -> None:
        self.bank = Bank(
            MemoryStore() if store is None else store,
            policy=StandardPolicy(teller_limit=Money("1000", "EUR")),
            # What is in doubt is told at once.
            deadline=timedelta(),
        )
        self.app = create_app(
            self.bank,
            authenticate=lambda request: PRINCIPALS.get(request.headers.get("X-Me", "")),
            **options,
        )
        self.client: FlaskClient = self.app.test_client()
        self._keys = count()
        self._document = json.loads(self.client.get("/v1/openapi.json").data)

    def _is_as_documented(self, response: TestResponse, operation: str) -> None:
        """
        Passes where the document has such an answer to the operation, a method and a path.
        """
        method, path = operation.split()
        told = self._document["paths"][path][method]["responses"][str(response.status_code)]
        schema = told["content"][response.content_type]["schema"]
        # For one answer, a validator costs less to make than one for each answer there could be.
        judge = jsonschema_rs.validator_for({**schema, "components": self._document["components"]})
        judge.validate(response.json)

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        me: str = "mary",
        key: str | None = "",
        operation: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """
        The answer to *me*; a POST has a key of its own unless *key* says which, or None.
        """
        sent = {"X-Me": me}
        if method == "POST":
            sent["Content-Type"] = JSON
            if key is not None:
                sent["Idempotency-Key"] = key or f"key-{next(self._keys)}"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        response = self.client.open(
            f"/v1{path}", method=method, data=data, headers={**sent, **(headers or {})}
        )
        self.judge(response, operation)
        return response

    def judge(self, response: TestResponse, operation: str | None = None) -> None:
        """
        Passes where the answer is as every answer is, and as the document says.
        """
        assert "no-store" == response.headers["Cache-Control"]
        assert "nosniff" == response.headers["X-Content-Type-Options"]
        assert 32 == len(response.headers["X-Request-Id"])
        assert "Set-Cookie" not in response.headers
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
        kind = response.content_type
        if response.status_code >= 400 and response.request.method != "HEAD":
            assert PROBLEM == kind
            told = response.json
            assert told is not None
            assert response.status_code == told["status"]
            assert f"urn:bankcore:{told['code']}" == told["type"]
            assert response.headers["X-Request-Id"] == told["request_id"]
        if operation is not None:
            self._is_as_documented(response, operation)

    def open(self, balance: str = "100", *, me: str = "mary") -> str:
        """
        The id of a new account of *me*.
        """
        response = self.post("/accounts", {"initial_balance": balance, "currency": "EUR"}, me=me)
        assert 201 == response.status_code
        return str(told(response)["account_id"])

    def post(self, path: str, body: Mapping[str, Any], **options: Any) -> TestResponse:
        """
        The answer to a POST, held against the document.
        """
        return self.send("POST", path, body, operation=f"post {_template(path)}", **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        """
        The answer to a GET, held against the document.
        """
        return self.send("GET", path, operation=f"get {_template(path)}", **options)


def told(response: TestResponse) -> dict[str, Any]:
    """
    The members of the answer.
    """
    members = response.json
    assert isinstance(members, dict)
    return members


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def _template(path: str) -> str:
    """
    The path as the document has it.
    """
    parts = path.partition("?")[0].split("/")
    names = {
        "accounts": "{account_id}",
        "holds": "{hold_id}",
        "tokens": "{token_id}",
        "transactions": "{transaction_id}",
    }
    for place in range(2, len(parts)):
        if parts[place - 1] in names:
            parts[place] = names[parts[place - 1]]
    return "/".join(parts)
