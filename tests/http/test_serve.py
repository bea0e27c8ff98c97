"""
`bankcore serve`, as a person meets it: the lines of the README, and what the shell says.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bankcore import Bank, Money, Principal, cli
from bankcore.access import Tokens
from bankcore.stores import SQLiteStore

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """
    The address of a server on ``bank.db`` in *folder*.
    """
    command = [sys.executable, "-m", "bankcore", "serve", "--store", "bank.db", "--port", "0"]
    with subprocess.Popen(
        [*command, *options], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        try:
            yield str(found[0])
        finally:
            process.terminate()
            process.communicate(timeout=30)
            assert 0 == process.returncode


def deposit_status(address: str, token: str, amount: str, key: str = "k") -> int:
    """
    The status of a deposit of so many euros to the account a.
    """
    request = urllib.request.Request(
        f"{address}/v1/accounts/a/deposits",
        data=json.dumps({"amount": amount, "currency": "EUR"}).encode(),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def walk_through() -> str:
    """
    The lines that the README has for the second terminal.
    """
    text = (ROOT / "README.md").read_text("utf-8").partition("## Over HTTP")[2]
    return str(re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)[1])


def test_the_walk_through(tmp_path: Path) -> None:
    """The README's lines do what it says of them, and the balance outlives the server."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here to run the README's lines with")
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    script = f'set -e\n{walk_through()}\necho $account > account\necho "$auth" > auth\n'
    with serving(tmp_path) as address:
        assert "http://127.0.0.1:8000" in script
        done = subprocess.run(
            ["bash", "-c", script.replace("http://127.0.0.1:8000", address)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    deposit, withdrawal, refused, account = map(json.loads, done.stdout.splitlines())
    name, value = (tmp_path / "auth").read_text().strip().split(": ", 1)
    account_id = (tmp_path / "account").read_text().strip()
    with serving(tmp_path) as address:
        request = urllib.request.Request(
            f"{address}/v1/accounts/{account_id}", headers={name: value}
        )
        with urllib.request.urlopen(request) as response:
            later = json.load(response)

    assert ("150.00", "120.00") == (
        deposit["postings"][0]["balance"],
        withdrawal["postings"][0]["balance"],
    )
    assert (409, "insufficient_funds", "880.00") == (
        refused["status"],
        refused["code"],
        refused["facts"]["shortfall"]["amount"],
    )
    assert ("120.00", "120.00") == (account["balance"], later["balance"])


def test_a_tellers_limit(tmp_path: Path) -> None:
    """What tellers may move is said when the server is started; in other currencies, nothing."""
    run = [sys.executable, "-m", "bankcore"]
    subprocess.run(
        [*run, "open", "a", "--currency", "EUR", "--store", "bank.db"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    token = subprocess.run(
        [*run, "token", "create", "tom", "--role", "teller", "--store", "bank.db"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()

    with serving(tmp_path, "--teller-limit", "EUR 100", "--teller-limit", "USD 5") as address:
        assert (201, 403) == (
            deposit_status(address, token, "100", "k1"),
            deposit_status(address, token, "100.01", "k2"),
        )


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--port", "70000"], 2, "a port is a number from 0 to 65,535"),
        (["--teller-limit", "100"], 2, "--teller-limit must name its currency by the code"),
        (["--host", "999.1.1.1"], 2, "cannot listen at 999.1.1.1:0"),
    ],
)
def test_wrong_calls(
    arguments: list[str],
    status: int,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A server that cannot be is refused in one sentence."""
    path = str(tmp_path / "bank.db")

    assert status == cli.main(["serve", "--store", path, "--port", "0", *arguments])
    assert sentence in capsys.readouterr().err


def test_serving_needs_flask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without Flask, the command says what to install."""
    monkeypatch.setitem(sys.modules, "bankcore.flask", None)

    assert 2 == cli.main(["serve", "--store", str(tmp_path / "bank.db")])
    assert "pip install 'bankcore[flask]'" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "status"), [((), 503), (("--max-clock-skew", "10800"), 201)])
def test_a_clock_that_was_ahead(tmp_path: Path, options: tuple[str, ...], status: int) -> None:
    """An account that was booked three hours ahead can be booked on where the option says so."""
    then = datetime.now(UTC) + timedelta(hours=3)
    with SQLiteStore(tmp_path / "bank.db") as store:
        Bank(store, clock=lambda: then).open_account(
            "a", initial_balance=Money(5, "EUR"), holder="mary"
        )
        token = Tokens(store).issue(Principal("mary", ["owner"])).text
    with serving(tmp_path, *options) as address:
        assert status == deposit_status(address, token, "5")
