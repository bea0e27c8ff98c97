"""
The page to try the bank with, without a browser: its script runs in Node.js, where there is one.
"""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from web import Web, euros

HERE = Path(__file__).parent
DEPOSIT = "POST /accounts/{account_id}/deposits"
FINE = {"status": 201, "body": '{"replayed":false,"postings":[]}'}
DECLINED = {"status": 409, "body": '{"code":"insufficient_funds"}'}


@cache
def served(path: str) -> str:
    return Web().client.get(path).get_data(as_text=True)


def run(*steps: dict[str, Any], **documented: Any) -> dict[str, Any]:
    """
    What the page shows and sends when its forms are filled in by *steps*.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js here to run the page's script with")
    given = {
        "script": served("/v1/docs/page.js"),
        "openapi": {**json.loads(served("/v1/openapi.json")), **documented},
        "steps": steps,
    }
    done = subprocess.run(
        [node, str(HERE / "page_in_node.js")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def deposit(answer: dict[str, Any] | None, account: str = "alice") -> dict[str, Any]:
    return {
        "form": DEPOSIT,
        "fill": {"account_id": f" {account}"},
        "answer": answer,
        "token": " t ",
    }


def test_plain_http() -> None:
    """The script uses nothing that a page from another machine has over TLS alone."""
    script = served("/v1/docs/page.js")

    assert "crypto.getRandomValues(" in script
    assert [] == re.findall(r"randomUUID\(|crypto\.subtle|navigator\.|innerHTML|eval\(", script)


def test_narrow_windows() -> None:
    """On a phone the page is as wide as the window; answers are broken, so that they are read."""
    css = served("/v1/docs/page.css")
    widths = re.findall(r"(?:^|[ ;{])(?:min-)?width: ([^;]+)", css)

    assert 'content="width=device-width, initial-scale=1"' in served("/v1/docs")
    assert "overflow-wrap: anywhere" in re.findall(r"body \{(.*?)\}", css)[0]
    assert "overflow: auto" in re.findall(r"pre \{(.*?)\}", css)[0]
    assert "white-space: pre-wrap" in re.findall(r"pre \{(.*?)\}", css)[0]
    assert ["100%"] == widths


def test_dark_windows() -> None:
    """Every colour is for light and for dark: the browser's own, or both."""
    css = served("/v1/docs/page.css")

    assert "color-scheme: light dark" in css
    assert "#" in css
    assert "#" not in re.sub(r"light-dark\(#\w+, #\w+\)", "", css)


def test_every_field_has_its_type() -> None:
    """Each parameter and field is a labelled input, with its type and whether it is required."""
    labels = run()["labels"]
    sections: dict[str, list[str]] = {}
    for operations in json.loads(served("/v1/openapi.json"))["paths"].values():
        for operation in operations.values():
            # The page has one section for each tag.
            expected = sections.setdefault(operation["tags"][0], [])
            fields = [
                (each["name"], each["required"], each["schema"])
                for each in operation.get("parameters", [])
            ]
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                fields += [
                    (name, name in schema["required"], each)
                    for name, each in schema["properties"].items()
                ]
            for name, required, schema in fields:
                types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
                expected.append(f"{name}{' required' * required} {' or '.join(types)}")

    expected = [label for section in sections.values() for label in section]

    assert len(expected) == len(labels)
    assert all(label.startswith(each) for each, label in zip(expected, labels, strict=True))


def test_a_request() -> None:
    """What is filled in is sent where the document says, and the answer is shown indented."""
    (done,) = run(deposit(FINE))["done"]
    sent = done["sent"]

    assert ("/v1/accounts/alice/deposits", "POST") == (sent["url"], sent["method"])
    assert "Bearer t" == sent["headers"]["Authorization"]
    assert "application/json" == sent["headers"]["Content-Type"]
    assert euros("5.00") == json.loads(sent["body"])
    assert f"201 \nIdempotency-Key was: {sent['headers']['Idempotency-Key']}" in done["shown"]
    assert done["shown"].endswith('{\n  "replayed": false,\n  "postings": []\n}')


def test_a_bank_at_the_root() -> None:
    """Its resources begin with one slash: after two, a browser looks for the name of a server."""
    (done,) = run(deposit(FINE), servers=[{"url": "/"}])["done"]

    assert "/accounts/alice/deposits" == done["sent"]["url"]


def test_types_of_json() -> None:
    """Numbers and truth values are sent as such, a query in the path, and text that is no JSON
    is shown as it came.
    """
    fill = {"account_id": "a", "hold_id": "h", "final": "false", "exponent": "2"}
    path = "/accounts/{account_id}/holds/{hold_id}/captures"
    capture, read = run(
        {"form": f"POST {path}", "fill": fill, "answer": FINE},
        {
            "form": "GET /accounts",
            "fill": {"limit": "5", "cursor": "a&b"},
            "answer": {"status": 502, "body": "<html>"},
        },
    )["done"]

    assert {"final": False, "exponent": 2} == json.loads(capture["sent"]["body"])
    assert "/v1/accounts?limit=5&cursor=a%26b" == read["sent"]["url"]
    assert "body" not in read["sent"]
    assert "Authorization" not in read["sent"]["headers"]
    assert read["shown"].endswith("<html>")


def test_lists_and_objects() -> None:
    """They are filled in as JSON, with an example; what is no JSON is sent as the text it is."""
    rate = {"base": "EUR", "quote": "USD", "rate": "1.1"}
    example, other, wrong = run(
        {"form": "POST /posts", "fill": {"exchange_rate": json.dumps(rate)}, "answer": FINE},
        {"form": "POST /posts", "fill": {"legs": "[]"}, "answer": FINE},
        {"form": "POST /posts", "fill": {"legs": "[{"}, "answer": FINE},
    )["done"]
    legs = json.loads(example["sent"]["body"])["legs"]

    assert ["alice", "bob"] == [leg["account_id"] for leg in legs]
    assert rate == json.loads(example["sent"]["body"])["exchange_rate"]
    assert [[], "[{"] == [json.loads(each["sent"]["body"])["legs"] for each in (other, wrong)]


def test_a_parameter_that_is_given_several_times() -> None:
    """It is filled in as a list of JSON, or as the one text that it is."""
    fills = ['["order:1017", "shop:a&b"]', "order:1017", '{"order": "1017"}']
    steps = [
        {"form": "GET /transactions", "fill": {"metadata": fill, "text": "[1]"}, "answer": FINE}
        for fill in fills
    ]
    found = run(*steps)
    queries = [parse_qs(urlsplit(each["sent"]["url"]).query) for each in found["done"]]

    expected = [["order:1017", "shop:a&b"], ["order:1017"], ['{"order": "1017"}']]
    assert expected == [query["metadata"] for query in queries]
    assert [["[1]"]] * 3 == [query["text"] for query in queries]
    assert 'such as ["order:1017"]' in found["placeholders"]


def test_what_is_code_is_shown_as_code() -> None:
    """The backticks of the document are for whoever reads it as text."""
    about = json.loads(served("/v1/openapi.json"))["info"]["description"]
    found = run()

    assert "`" in about
    assert about.replace("`", "") == found["about"]
    assert "code" in found["codes"]
    assert "next" in found["codes"]
    assert [] == [each for each in found["codes"] if "`" in each]


@pytest.mark.parametrize("account", ["", ".", "..", "{account_id}", "a/b", "a?b"])
def test_a_path_that_is_not_filled_in(account: str) -> None:
    """Nothing is sent where a part of the path is empty or no id: the field says so, and the
    answer to the request before is gone.
    """
    before, done = run(deposit(FINE), deposit(FINE, account))["done"]

    assert before["shown"]
    assert (None, "") == (done["sent"], done["shown"])
    assert 1 == done["faults"]


def test_a_required_field_that_is_empty() -> None:
    """Nothing is sent without a field that is required."""
    step = deposit(FINE)
    (done,) = run({**step, "fill": {**step["fill"], "amount": ""}})["done"]

    assert (None, 1) == (done["sent"], done["faults"])


@pytest.mark.parametrize(
    "answer",
    [None, DECLINED, {"status": 503, "body": ""}, {**FINE, "breaks": True}],
    ids=["no network", "declined", "unavailable", "breaks off"],
)
def test_a_retry_is_a_retry(answer: dict[str, Any] | None) -> None:
    """The key stays until an answer says that it is done; then there is a new one."""
    first, second, third = run(deposit(answer), deposit(FINE), deposit(FINE))["done"]
    keys = [each["sent"]["headers"]["Idempotency-Key"] for each in (first, second, third)]

    assert keys[0] == keys[1] == first["key"]
    assert second["key"] == keys[2]
    assert keys[1] != keys[2]
    assert re.fullmatch("[0-9a-f]{32}", keys[2])
