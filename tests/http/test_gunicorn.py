"""
The bank as it is run in production: gunicorn, several workers and threads, one SQLite file.

``HYPOTHESIS_PROFILE=thorough`` sends a thousand of what is some dozens here.
"""

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from bankcore.access import Principal, Tokens
from bankcore.bank import Bank
from bankcore.ledger import StatementLine, verify
from bankcore.money import Money
from bankcore.stores import SQLiteStore

IS_THOROUGH: Final = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
WORKERS: Final = 4 if IS_THOROUGH else 3
THREADS: Final = 4
#: How many requests come at once.
CROWD: Final = 1_000 if IS_THOROUGH else 40
#: How many clients hang up, and how many deposits are made while workers are killed.
DESERTERS: Final = 1_000 if IS_THOROUGH else 24
DEPOSITS: Final = 1_000 if IS_THOROUGH else 120
KILLS: Final = 50 if IS_THOROUGH else 6
# How many seconds an answer may take before the test says that there is none.
PATIENCE: Final = 60.0

# Kept open, so that a connection is never refused because the queue is short.
BACKLOG: Final = 2_048
ACCOUNT: Final = "alice"
ONE: Final = json.dumps({"amount": "1.00", "currency": "EUR"}).encode()


class Answer(NamedTuple):
    status: int
    worker: int
    body: dict[str, Any]
    is_replayed: bool


class Server:
    """
    A running gunicorn on one bank, and how to ask it.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, token: str) -> None:
        self.process = process
        self.port = port
        self._token = token

    def headers(self, key: str) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }

    def ask(self, method: str, path: str, body: bytes | None = None, *, key: str = "") -> Answer:
        """
        The answer, over a connection of its own.

        Raises:
            OSError: If the connection ends before the answer does.
            http.client.HTTPException: The same, in the words of the client.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, f"/v1{path}", body, self.headers(key))
            response = connection.getresponse()
            return Answer(
                response.status,
                int(response.headers["X-Worker"]),
                json.loads(response.read()),
                response.headers.get("Idempotency-Replayed") == "true",
            )
        finally:
            connection.close()

    def deposit(self, key: str) -> Answer:
        return self.ask("POST", f"/accounts/{ACCOUNT}/deposits", ONE, key=key)

    def deposit_until_answered(self, key: str) -> Answer:
        """
        The answer, however often the worker dies that would have given it.
        """
        for _ in range(50):
            with suppress(OSError, http.client.HTTPException):
                return self.deposit(key)
        raise AssertionError(f"{key} was never answered")

    def wait_for_workers(self) -> None:
        """
        Ask until every worker has answered.
        """
        workers: set[int] = set()
        for _ in range(200):
            answers = all_at_once(lambda _: self.ask("GET", "/health"), [""] * WORKERS * THREADS)
            workers |= {answer.worker for answer in answers}
            if len(workers) == WORKERS:
                return
        raise AssertionError(f"of {WORKERS} workers, only {workers} answered")

    def send_and_hang_up(self, key: str, body: bytes, *, is_rude: bool) -> None:
        """
        Send a deposit of which *body* is as much of the body as is sent, and wait for nothing.
        """
        head = "".join(
            f"{name}: {value}\r\n"
            for name, value in {
                "Host": "bank",
                "Content-Length": str(len(ONE)),
                **self.headers(key),
            }.items()
        )
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            if is_rude:
                # Closing throws away what is on its way, and tells the server so.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            path = f"/v1/accounts/{ACCOUNT}/deposits"
            connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)

    def status_of(self, length: str, body: bytes) -> int:
        """
        The status of the answer to a deposit with this *body*, sent with the header *length*.
        """
        fields = {"Host": "bank", **self.headers(f"key-{len(body)}-{body.hex()[:99]}")}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        path = f"/v1/accounts/{ACCOUNT}/deposits"
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(f"POST {path} HTTP/1.1\r\n{head}{length}\r\n\r\n".encode() + body)
            connection.shutdown(socket.SHUT_WR)
            return int(connection.makefile("rb").readline().split()[1])


@contextmanager
def gunicorn(path: Path, token: str, *options: str) -> Iterator[Server]:
    """
    A gunicorn on the bank at *path*, ended at the end.

    It is given a socket that listens already: who connects before it is ready waits.
    """
    # Coverage would leave half a file of each worker that is killed.
    environment = {name: os.environ[name] for name in os.environ if "COVERAGE" not in name}
    environment["BANK"] = str(path)
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listening:
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "served:app"),
                *("--bind", f"fd://{listening.fileno()}", "--backlog", str(BACKLOG)),
                *("--workers", str(WORKERS), "--threads", str(THREADS)),
                # No worker takes what its threads cannot do now: the others shall have it.
                *("--worker-connections", str(THREADS)),
                *("--chdir", str(Path(__file__).parent), "--no-control-socket"),
                *("--worker-tmp-dir", str(path.parent), "--log-level", "critical"),
                *options,
            ],
            pass_fds=[listening.fileno()],
            env=environment,
        )
    try:
        yield Server(process, port, token)
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.db"


@pytest.fixture
def token(path: Path) -> str:
    """
    What alice's owner shows, in a bank where alice's account has 100.
    """
    with SQLiteStore(path) as store:
        Bank(store).open_account(ACCOUNT, initial_balance=Money("100", "EUR"), holder="mary")
        return Tokens(store).issue(Principal("mary", roles=["owner"])).text


@pytest.fixture(params=[(), ("--preload",)], ids=["each its own", "preload"])
def server(request: pytest.FixtureRequest, path: Path, token: str) -> Iterator[Server]:
    with gunicorn(path, token, *request.param) as running:
        running.wait_for_workers()
        yield running


def deposits(path: Path) -> list[StatementLine]:
    """
    The deposits that the books have, which are in order.
    """
    with SQLiteStore(path, create=False) as store:
        assert () == verify(store).disagreements
        return list(Bank(store).statement(ACCOUNT).lines)[1:]


def all_at_once(ask: Callable[[str], Answer], keys: Sequence[str]) -> list[Answer]:
    """
    What is answered to each of *keys*, when all are sent at the same time.
    """
    barrier = threading.Barrier(len(keys))

    def one(key: str) -> Answer:
        barrier.wait(PATIENCE)
        return ask(key)

    with ThreadPoolExecutor(len(keys)) as crowd:
        return list(crowd.map(one, keys))


def test_one_request_sent_often(server: Server, path: Path) -> None:
    """Of identical requests at the same time, one has the effect, and the rest replay it."""
    answers = all_at_once(server.deposit, ["key"] * CROWD)
    receipts = [{**answer.body, "replayed": None} for answer in answers]
    (line,) = deposits(path)

    assert [200] * (CROWD - 1) + [201] == sorted(answer.status for answer in answers)
    assert all(answer.is_replayed is (answer.status == 200) for answer in answers)
    assert [receipts[0]] * CROWD == receipts
    assert line.transaction.id.value == receipts[0]["id"]
    assert Money("101", "EUR") == line.balance


def test_many_requests_at_once(server: Server, path: Path) -> None:
    """Different requests at the same time are all done, by several workers, one after another."""
    keys = [f"key-{n}" for n in range(CROWD)]
    answers = all_at_once(server.deposit, keys)
    lines = deposits(path)

    assert {201} == {answer.status for answer in answers}
    assert {answer.body["id"] for answer in answers} == {
        line.transaction.id.value for line in lines
    }
    assert list(range(2, CROWD + 2)) == sorted(
        answer.body["postings"][0]["version"] for answer in answers
    )


@pytest.mark.parametrize("is_rude", [False, True], ids=["closes", "resets"])
def test_clients_that_hang_up(path: Path, token: str, is_rude: bool) -> None:
    """Whether or not a deposit was done whose client hung up: sent again, it is done once."""
    keys = [f"key-{n}" for n in range(DESERTERS)]
    with gunicorn(path, token) as server:
        for key in keys:
            server.send_and_hang_up(key, ONE, is_rude=is_rude)
        answers = [server.deposit(key) for key in keys]

    assert {201, 200} >= {answer.status for answer in answers}
    assert sorted(answer.body["id"] for answer in answers) == sorted(
        line.transaction.id.value for line in deposits(path)
    )


def test_half_a_request(path: Path, token: str) -> None:
    """A deposit of which half came is not done, and its key is free for the whole of it."""
    with gunicorn(path, token) as server:
        for length in range(0, len(ONE), 4):
            server.send_and_hang_up(f"key-{length}", ONE[:length], is_rude=False)
        statuses = [server.deposit(f"key-{length}").status for length in range(0, len(ONE), 4)]

    assert [201] * len(statuses) == statuses
    assert len(statuses) == len(deposits(path))


def test_killed_workers(server: Server, path: Path) -> None:
    """Workers are killed under load, and at last the server: nothing acknowledged is lost."""
    numbers = iter(range(1, DEPOSITS + 1))
    guard = threading.Lock()
    killed: set[int] = set()

    def deposit(key: str) -> Answer:
        answer = server.deposit_until_answered(key)
        with guard:
            # Whoever gave this answer is in the middle of others.
            if next(numbers) % (DEPOSITS // KILLS) == 0 and answer.worker not in killed:
                killed.add(answer.worker)
                os.kill(answer.worker, signal.SIGKILL)
        return answer

    with ThreadPoolExecutor(WORKERS * THREADS) as clients:
        answers = list(clients.map(deposit, (f"key-{n}" for n in range(DEPOSITS))))
    server.process.kill()
    server.process.wait(PATIENCE)
    books = {line.transaction.id.value: line for line in deposits(path)}

    assert {200, 201} >= {answer.status for answer in answers}
    assert DEPOSITS == len(books)
    assert 1 < len(killed)
    assert [(line.booked_at, line.balance) for line in books.values()] == sorted(
        (line.booked_at, line.balance) for line in books.values()
    )
    for answer in answers:
        (posting,) = answer.body["postings"]
        assert posting["balance"] == f"{books[answer.body['id']].balance:n}"


def test_a_restart(path: Path, token: str) -> None:
    """What was done before a restart is there after it, and replayed if it is sent again."""
    with gunicorn(path, token) as server:
        before = server.deposit("key")
    with gunicorn(path, token, "--preload") as server:
        after = server.deposit("key")
        account = server.ask("GET", f"/accounts/{ACCOUNT}")

    assert (201, 200) == (before.status, after.status)
    assert {**before.body, "replayed": True} == after.body
    assert "101.00" == account.body["balance"]


def test_bodies_that_break_off(path: Path, token: str) -> None:
    """
    A body whose chunks are malformed, or that ends before it says, is answered and not booked,
    also where what has come is good.
    """
    size = f"{len(ONE):x}".encode()
    whole = size + b"\r\n" + ONE + b"\r\n"
    chunked = "Transfer-Encoding: chunked"
    with gunicorn(path, token) as server:
        statuses = {
            body: server.status_of(chunked, body)
            for body in (
                b"zz\r\n",
                b"-1\r\n",
                whole,
                whole + b"5\r\nab",
                size + b"\r\n" + ONE + b"x",
            )
        }
        too_short = server.status_of(f"Content-Length: {len(ONE) + 5}", ONE)
        fine = server.status_of(chunked, whole + b"0\r\n\r\n")
        account = server.ask("GET", f"/accounts/{ACCOUNT}")

    assert {400} == {*statuses.values(), too_short}
    assert (201, "101.00") == (fine, account.body["balance"])
