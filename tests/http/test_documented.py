"""
What is told of the back-end is what it is: the page of reference, and the OpenAPI document.
"""

import json
import logging
import os
import re
import socket
import subprocess
import sys
from datetime import datetime
from html.parser import HTMLParser
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import jsonschema_rs
import pytest
from flask import Blueprint, Flask
from web import PRINCIPALS, Web, euros, told
from werkzeug.test import Client

from bankcore import errors, flask
from bankcore.access import Principal, Tokens
from bankcore.bank import Bank
from bankcore.commands import COMMANDS
from bankcore.errors import BankError
from bankcore.flask import create_blueprint
from bankcore.flask._fields import ZERO_ALLOWED
from bankcore.flask._resources import ENDPOINTS
from bankcore.money import Money
from bankcore.stores import MemoryStore, SQLiteStore
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


def sources() -> str:
    """
    The text of what speaks HTTP.
    """
    rooms = (*(ROOT / "src/bankcore/flask").glob("*.py"), ROOT / "src/bankcore/http.py")
    return "".join(each.read_text("utf-8") for each in rooms)


def test_every_code_is_documented() -> None:
    """Each code that the back-end makes by itself has its place in the table of codes."""
    text = sources()
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
                schema = {**content["schema"], "components": document["components"]}
                jsonschema_rs.validate(schema, content["example"])


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


def members_of_the_log(caplog: pytest.LogCaptureFixture) -> set[str]:
    """
    The members that the lines of the log have, of a request that is refused and one that fails.
    """

    def throttle(principal: Principal, action: str) -> int | None:
        raise ZeroDivisionError

    with caplog.at_level(logging.INFO, logger="bankcore.flask"):
        Web(throttle=throttle).send("GET", "/accounts")
    return set(json.loads(caplog.records[-1].getMessage()))


def test_the_members_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The page lists each member of a line of the log, and no other."""
    table = PAGE.partition("## The log")[2]
    documented = [
        name
        for cells in re.findall(r"(?m)^\| (`.*?) \|", table)
        for name in re.findall(r"`(\w+)`", cells)
    ]

    assert members_of_the_log(caplog) == set(documented)
    assert len(set(documented)) == len(documented)


def words_of(value: Any) -> set[str]:
    """
    The names and texts in *value*, which is of JSON.
    """
    if isinstance(value, dict):
        return {str(key) for key in value}.union(*map(words_of, value.values()))
    if isinstance(value, list):
        return set().union(*map(words_of, value))
    return {value} if isinstance(value, str) else set()


def test_every_name_is_known(caplog: pytest.LogCaptureFixture) -> None:
    """
    Each name on the page is one of the document that is served, of an answer, of the log, of an
    error or of the package.
    """
    document = json.loads(Web().client.get("/v1/openapi.json").data)
    known = words_of(document) | members_of_the_log(caplog)
    known |= {each.code for each in vars(errors).values() if is_error(each)}
    known |= {f"bankcore.flask.{name}" for name in flask.__all__}
    # Codes and headers of HTTP's own.
    known |= set(re.findall(r'"([A-Za-z_][\w-]*)"', sources()))
    known |= {"bankcore.flask", "Principal"}
    names = set(
        re.findall(r"`([A-Za-z_][\w.-]*)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
    )

    assert {"operationId", "action", "If-Match", "insufficient_funds", "next"} < names
    assert set() == names - known


def is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BankError)


def test_every_status_is_documented() -> None:
    """The statuses of the table of codes are those of the document, and of other methods."""
    document = json.loads(Web().client.get("/v1/openapi.json").data)
    statuses = {
        status
        for operations in document["paths"].values()
        for operation in operations.values()
        for status in operation["responses"]
        if int(status) >= 400
    }

    assert statuses | {"405"} == set(re.findall(r"(?m)^\| (\d{3}) \|", PAGE))


class Links(HTMLParser):
    """
    What a page of HTML loads or leads to.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in {"href", "src"} and value]


@pytest.mark.parametrize("mount", ["", "/bank", "/a bank"])
@pytest.mark.parametrize(
    ("created", "registered", "outer", "expected"),
    [
        ("/v1", None, None, "/v1"),
        ("/v1", "/money", None, "/money"),
        ("/v1", None, "/shop", "/shop/v1"),
        ("/v1", "/money", "/shop", "/shop/money"),
        ("/v1", "/<tenant>/money", None, "/acme/money"),
        ("/", None, None, ""),
    ],
)
def test_where_the_bank_is_mounted(
    mount: str, created: str, registered: str | None, outer: str | None, expected: str
) -> None:
    """The document names the place where it is served, and so do the links of the page."""
    blueprint = create_blueprint(
        Bank(MemoryStore()), authenticate=lambda _: PRINCIPALS["mary"], url_prefix=created
    )
    options = {} if registered is None else {"url_prefix": registered}
    app = Flask("shop")
    if outer is None:
        app.register_blueprint(blueprint, **options)
    else:
        parent = Blueprint("parent", "shop", url_prefix=outer)
        parent.register_blueprint(blueprint, **options)
        app.register_blueprint(parent)
    client = Client(lambda environ, start: app({**environ, "SCRIPT_NAME": mount}, start))
    document = client.get(f"{expected}/openapi.json").json
    assert document is not None
    page = client.get(f"{expected}/docs").text
    (server,) = document["servers"]
    place = mount.replace(" ", "%20") + expected
    links = {urljoin(f"{place}/docs", link) for link in Links(page).found}

    assert (place or "/") == server["url"]
    assert {f"{place}{each}" for each in ("/openapi.json", "/docs/page.js", "/docs/page.css")} == (
        links
    )
    for link in links:
        assert 200 == client.get(link.removeprefix(mount.replace(" ", "%20"))).status_code
    assert 200 == client.get(f"{expected}/accounts").status_code


def documented_wsgi() -> tuple[str, list[str], dict[str, Any]]:
    """
    The file ``wsgi.py`` of the guide, what gunicorn is given to run it, and a line of the log.
    """
    guide = (ROOT / "docs/how-to/put-a-bank-behind-http.md").read_text("utf-8")
    text = guide.partition("this file, `wsgi.py`:")[2]
    source = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)[0]
    command = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)[0]
    (line,) = re.findall(r"```text\n(.*?)```", text, flags=re.DOTALL)
    return source, command.partition("gunicorn ")[2].split(), json.loads(line)


def test_the_documented_application_logs(tmp_path: Path) -> None:
    """
    The `wsgi.py` of the guide, run as it says, writes one line for each request, with the members
    and without the secrets, whatever the request.
    """
    source, arguments, example = documented_wsgi()
    (tmp_path / "wsgi.py").write_text(source, "utf-8")
    with SQLiteStore(tmp_path / "bank.db") as store:
        token = Tokens(store).issue(PRINCIPALS["mary"]).text
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    sent["Idempotency-Key"] = "secret-key"
    body = b'{"initial_balance": "5", "currency": "EUR", "description": "secret-memo"}'
    environment = {name: os.environ[name] for name in os.environ if "COVERAGE" not in name}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        options = ["--bind", f"fd://{listening.fileno()}", "--no-control-socket"]
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, *arguments],
            cwd=tmp_path,
            env={**environment, "BANKCORE_STORE": "bank.db"},
            pass_fds=[listening.fileno()],
            stderr=subprocess.PIPE,
        )
        for method, path, content, headers in (
            ("POST", "/v1/accounts", body, sent),
            ("GET", "/v1/accounts?limit=secret-query", None, sent),
            ("GET", '/v1/accounts/%0d%0a{"forged":1}%e2%80%a8', None, sent),
            ("GET", "/v1/accounts", None, {}),
            ("GET", "/elsewhere", None, {}),
        ):
            connection = HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=60)
            connection.request(method, path, content, headers)
            connection.getresponse().read()
            connection.close()
        server.terminate()
        written = server.communicate(timeout=60)[1]
    # Those of gunicorn itself begin with the time in brackets.
    lines = [line for line in written.decode("ascii").splitlines() if line[:1] != "["]
    found = [json.loads(line) for line in lines]

    assert [
        ("POST", "/v1/accounts", "open_account", "mary", 201, None),
        ("GET", "/v1/accounts", "list_accounts", "mary", 400, "invalid_limit"),
        ("GET", '/v1/accounts/\r\n{"forged":1}\u2028', "read_account", "mary", 400, "invalid_id"),
        ("GET", "/v1/accounts", "list_accounts", None, 401, "unauthenticated"),
        ("GET", "/elsewhere", None, None, 404, "not_found"),
    ] == [
        tuple(line[name] for name in ["method", "path", "action", "principal", "status", "code"])
        for line in found
    ]
    assert [list(example)] * 5 == [list(line) for line in found]
    assert not re.search(f"secret|{token}|initial_balance", "".join(lines))
    assert 5 == len({line["request_id"] for line in found})
    assert sorted(datetime.fromisoformat(line["time"]) for line in found) == [
        datetime.fromisoformat(line["time"]) for line in found
    ]
    assert all(line["time"].endswith("+00:00") for line in found)
    assert all(0 <= line["milliseconds"] < 60_000 for line in found)


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
