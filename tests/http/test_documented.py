"""
What is told of the back-end is what it is: the page of reference, and the OpenAPI document.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from web import Web

from bankcore.flask._resources import ENDPOINTS

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
    assert sorted({*(endpoint.name for endpoint in ENDPOINTS), "health"}) == sorted(names)
    assert [{"url": "/v1"}] == document["servers"]


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
