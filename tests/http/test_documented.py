"""
What is told of the back-end is what it is: the page of reference, and the OpenAPI document.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from web import Web, euros, told

from bankcore.bank import Bank
from bankcore.commands import COMMANDS
from bankcore.flask import create_blueprint
from bankcore.flask._fields import ZERO_ALLOWED
from bankcore.flask._resources import ENDPOINTS
from bankcore.money import Money
from bankcore.stores import MemoryStore
from bankcore.testing._commands import FIELDS, takes_zero

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/http.md").read_text("utf-8")


def rows() -> list[list[str]]:
    table = PAGE.partition("## Resources")[2].partition("\n\n`/health`")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_resources() -> None:
    """The page lists every endpoint, in order, with its fields and parameters."""
    expected = []
    for endpoint in ENDPOINTS:
        fields = []
        if endpoint.body is not None:
            optional = (f"[{name}]" for name in endpoint.body.optional)
            fields = [*endpoint.body.required, *optional]
        if endpoint.query:
            names = ", ".join(f"[{name}]" for name in endpoint.query)
            fields = [f"query: {names}"]
        expected.append(
            [endpoint.method, f"`{endpoint.path}`", endpoint.summary, ", ".join(fields)]
        )

    assert expected == rows()


def test_every_code_is_documented() -> None:
    """Each code that the back-end makes by itself has its place in the table of codes."""
    sources = (ROOT / "src/bankcore/flask").glob("*.py")
    text = "".join(source.read_text("utf-8") for source in sources)
    codes = set(
        re.findall(r'(?:Problem\(|bad_request\()\s*(?:[\w.]+,\s*)?"([a-z_]+)"', text)
    ) | set(re.findall(r'HTTPStatus\.[A-Z_]+,?:? \(?\s*"([a-z_]+)"', text))

    assert {"invalid_json", "too_large", "not_found", "internal_error"} < codes
    assert set() == {code for code in codes - {"bad_request"} if f"`{code}`" not in PAGE}


def test_the_document_is_one() -> None:
    """The document is OpenAPI 3.1, names each endpoint once, and lies where the page looks."""
    web = Web()
    document = json.loads(web.client.get("/v1/openapi.json").data)
    names = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]

    assert "3.1.0" == document["openapi"]
    assert sorted({*(endpoint.name for endpoint in ENDPOINTS), "health", "ready"}) == sorted(names)
    assert [{"url": "/v1"}] == document["servers"]


@pytest.mark.parametrize(
    ("prefix", "mount", "expected"),
    [
        (None, "", "/v1"),
        ("/money", "", "/money"),
        (None, "/bank", "/bank/v1"),
        ("/money/v2", "/a b", "/a%20b/money/v2"),
    ],
)
def test_the_document_lies_where_the_application_put_it(
    prefix: str | None, mount: str, expected: str
) -> None:
    """Registered under another prefix or mounted below a path, "try it" goes to the bank."""
    app = Flask("shop")
    blueprint = create_blueprint(Bank(MemoryStore()), authenticate=lambda _: None)
    app.register_blueprint(blueprint, **({} if prefix is None else {"url_prefix": prefix}))
    served = app.test_client().get(
        f"{prefix or '/v1'}/openapi.json", environ_overrides={"SCRIPT_NAME": mount}
    )

    assert [{"url": expected}] == json.loads(served.data)["servers"]


def test_every_operation_is_told_in_full() -> None:
    """It has one tag, its body an example that is right by its schema, and each answer headers."""
    document = json.loads(Web().client.get("/v1/openapi.json").data)
    tags = [tag["name"] for tag in document["tags"]]
    for operations in document["paths"].values():
        for operation in operations.values():
            (tag,) = operation["tags"]
            assert tag in tags
            for response in operation["responses"].values():
                assert "X-Request-Id" in response["headers"]
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                jsonschema_rs.validate(content["schema"], content["example"])


@pytest.mark.parametrize(
    ("kind", "field", "wrong", "right"),
    [
        ("deposit", "currency", ["1AB", "E", "eur", "A" * 13], ["EUR"]),
        ("deposit", "amount", ["0", "0.00", "-1", "1e3", "1" * 19, "01", "1."], ["0.01", "10"]),
        ("open_account", "initial_balance", ["-1", "1" * 19], ["0", "0.00", "5"]),
        ("open_account", "overdraft_limit", ["-1"], ["0", "5", None]),
        ("deposit", "description", ["a\nb", "\u2028", "x" * 501], ["", "Miete 🐝", None]),
        ("place_hold", "expires_at", ["now", "2100-01-01T00:00:00", "2100-01-01T00:00:00+00:60"],
         ["2100-01-01T00:00:00Z", "2100-01-01T00:00:00.5+01:30", "2100-01-01", None]),
        ("transfer", "source_id", ["expiry:a:1", "", "a b", "a" * 65], ["a", "a" * 64]),
        ("restrict", "reason", ["", None], ["theft"]),
        ("capture_hold", "final", ["true", "yes"], [True, False, None]),
    ],
)  # fmt: skip
def test_the_document_is_as_strict_as_the_server(
    kind: str, field: str, wrong: list[Any], right: list[Any]
) -> None:
    """What the server would refuse for its form, the document's schema refuses, and no more."""
    web = Web()
    web.bank.open_account("alice", initial_balance=Money(500, "EUR"), holder="mary")
    document = json.loads(web.client.get("/v1/openapi.json").data)
    ((path, operation),) = (
        (path, operations["post"])
        for path, operations in document["paths"].items()
        if operations.get("post", {}).get("operationId") == kind
    )
    content = operation["requestBody"]["content"]["application/json"]
    path = path.format(account_id="alice", hold_id="h", transaction_id="t")
    for value in (*wrong, *right):
        body = {**content["example"], field: value}
        is_valid = jsonschema_rs.is_valid(content["schema"], body)
        status = web.send("POST", path, body).status_code

        assert (value in right, value in right) == (is_valid, status != 400), value


def test_ids_and_cursors_have_their_form_in_the_document() -> None:
    """The bank's own ids are among those of transactions, and an empty cursor is none."""
    web = Web()
    document = json.loads(web.client.get("/v1/openapi.json").data)
    parameters = {
        parameter["name"]: parameter["schema"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
    }
    account = web.open("0")
    for _ in range(2):
        web.post(f"/accounts/{account}/deposits", euros("1"))
    cursor = told(web.get(f"/accounts/{account}/statement?limit=1"))["next"]
    for name, value, is_valid in (
        ("transaction_id", "expiry:alice:7", True),
        ("transaction_id", "expiry:alice:07", False),
        ("account_id", "expiry:alice:7", False),
        ("cursor", cursor, True),
        ("cursor", "", False),
        ("start", "2026-03-01", True),
        ("start", "2026-03-01T00:00:00+00:99", False),
        ("Idempotency-Key", "a,b", False),
        ("Idempotency-Key", '"a,b"', True),
        ("If-Match", "*", True),
        ("If-Match", "7", False),
    ):
        assert is_valid == jsonschema_rs.is_valid(parameters[name], value), (name, value)


def test_zero_is_allowed_by_the_document_where_it_is_by_the_command() -> None:
    """No field of money is forgotten."""
    for command in COMMANDS:
        for name in (each.name for each in FIELDS[command] if each.type is Money):
            assert takes_zero(command, name) == (name in ZERO_ALLOWED)


def test_the_page_needs_no_https() -> None:
    """What browsers have over HTTPS alone is not used, so that it works from another machine."""
    script = Web().client.get("/v1/docs/page.js").text

    assert not re.findall(r"randomUUID|crypto\.subtle|navigator\.|clipboard", script)


@pytest.mark.parametrize("path", ["/v1/docs", "/v1/docs/page.js", "/v1/docs/page.css"])
def test_the_page_needs_nobody_else(path: str) -> None:
    """The page and what it loads come from here, and its policy lets it ask nobody else."""
    web = Web()
    response = web.client.get(path)
    web.judge(response)
    policy = response.headers["Content-Security-Policy"]

    assert 200 == response.status_code
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = re.sub(r"^\s*//.*$", "", response.get_data(as_text=True), flags=re.MULTILINE)
    assert "//" not in text


def test_the_documented_application_logs_each_request(tmp_path: Path) -> None:
    """The ``wsgi.py`` for production, run as it stands, logs a request with its time."""
    how_to = (ROOT / "docs/how-to/put-a-bank-behind-http.md").read_text("utf-8")
    (wsgi,) = (
        each for each in re.findall(r"```python\n(.*?)```", how_to, re.DOTALL) if "os.env" in each
    )
    (tmp_path / "wsgi.py").write_text(wsgi, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi; wsgi.app.test_client().get('/v1/health')"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[1:])},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = map(json.loads, done.stderr.splitlines())

    assert ("health", 200) == (line["action"], line["status"])
    assert line["time"].endswith("Z")
    # Every member of a line has its place on the page.
    assert [] == [name for name in line if f"`{name}`" not in PAGE.partition("## The log")[2]]


def test_without_flask() -> None:
    """Where Flask is not installed, the import says what to install."""
    code = (
        "import importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'flask' else find(name, *rest)\n"
        "import bankcore.flask"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert done.stderr.endswith("bankcore.flask needs Flask: pip install 'bankcore[flask]'\n")
