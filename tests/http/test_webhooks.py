"""
The sender of webhooks, as the guide has it: every event arrives, in order, whatever fails.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from werkzeug.serving import make_server

from bankcore import Bank, Money, Principal
from bankcore.access import Tokens
from bankcore.flask import TokenAuthenticator, create_app
from bankcore.stores import MemoryStore

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/how-to/send-webhooks.md").read_text("utf-8")


def sender() -> str:
    """
    The text of `sender.py`.
    """
    text = GUIDE.partition("`sender.py`.")[2]
    return str(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)[0])


class Receiver(ThreadingHTTPServer):
    """
    Keeps what arrives, and answers with the statuses in *failing* first.
    """

    def __init__(self) -> None:
        self.arrived: list[bytes] = []
        self.failing: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.failing.pop(0) if self.server.failing else 204
        if status < 300:
            self.server.arrived.append(body)
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Street:
    """
    A bank over HTTP, a receiver, and the settings of a sender between them.
    """

    def __init__(self) -> None:
        store = MemoryStore()
        self.bank = Bank(store)
        self.bank.open_account("alice", initial_balance=Money("100", "EUR"), transaction_id="t-0")
        app = create_app(self.bank, authenticate=TokenAuthenticator(Tokens(store)))
        self.served = make_server("127.0.0.1", 0, app, threaded=True)
        self.receiver = Receiver()
        for server in (self.served, self.receiver):
            threading.Thread(target=server.serve_forever, args=[0.02]).start()
        principal = Principal("sender", ["service"], ["journal:read"])
        self.settings = {
            "BANK_URL": f"http://127.0.0.1:{self.served.server_port}/v1",
            "BANK_TOKEN": Tokens(store).issue(principal).text,
            "RECEIVER_URL": f"http://127.0.0.1:{self.receiver.server_port}/",
            "WEBHOOK_SECRET": "known to both",
        }

    def book(self, first: int, last: int) -> None:
        for number in range(first, last):
            self.bank.deposit("alice", Money("1", "EUR"), transaction_id=f"t-{number}")

    def numbers(self) -> list[int]:
        """
        The numbers of the ids that have arrived, in order.
        """
        found = (re.search(rb'"id": "t-(\d+)"', body) for body in self.receiver.arrived)
        return [int(match[1]) for match in found if match is not None]

    def close(self) -> None:
        for server in (self.served, self.receiver):
            server.shutdown()
            server.server_close()


@pytest.fixture
def street() -> Iterator[Street]:
    street = Street()
    yield street
    street.close()


@pytest.mark.parametrize("status", [500, 302])
def test_an_event_that_failed_is_sent_again(street: Street, tmp_path: Path, status: int) -> None:
    """The cursor stays where the receiver did not answer with a 2xx; nothing is left out."""
    namespace: dict[str, Any] = {"__name__": "sender"}
    exec(compile(sender(), "sender.py", "exec"), namespace)
    arguments = (*street.settings.values(), tmp_path / "cursor")
    street.book(1, 4)
    street.receiver.failing = [204, 204, status]
    with pytest.raises(HTTPError):
        namespace["send_new"](*arguments)
    sent = [namespace["send_new"](*arguments) for _ in range(2)]

    assert [4, 0] == sent
    assert [0, 1, 0, 1, 2, 3] == street.numbers()


def test_a_sender_that_is_killed_goes_on(street: Street, tmp_path: Path) -> None:
    """Whenever it stops, what was booked arrives, in order but for what comes twice."""
    (tmp_path / "sender.py").write_text(sender(), "utf-8")
    last = 0
    for first, stop in ((1, signal.SIGKILL), (40, signal.SIGTERM), (80, signal.SIGKILL)):
        process = subprocess.Popen(
            [sys.executable, "sender.py"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **street.settings},
            stderr=subprocess.DEVNULL,
        )
        last = first + 20
        street.book(first, last)
        deadline = time.monotonic() + 60
        while last - 1 not in street.numbers() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(stop)
        process.wait()
    numbers = street.numbers()

    assert {0, *range(1, 21), *range(40, 60), *range(80, 100)} == set(numbers)
    assert sorted(set(numbers)) == list(dict.fromkeys(numbers))
