"""
How many deposits a second the back-end takes, beside a view written by hand.

Run it by hand, in the environment of the tests:

    python tests/bench/bench_http.py [requests] [rounds]

The view by hand is Flask and sqlite3, as short as it can be and still do the same work: it
knows the token, reads the JSON, looks the idempotency key up, looks whether the account is
the caller's and in this currency, and writes the same rows to the same tables in one durable
transaction, on a connection of its thread's own. Three things are measured:

- one client, through WSGI, so that no network and no client is measured along;
- sixteen clients over HTTP, each on a connection that it keeps, of a gunicorn with one worker and
  eight threads;
- without HTTP, `Bank.acting_as` the owner beside the bank of trusted code.

Both sides of each take turns, so that both meet the disk in the same moods. After each round both
must have the same balance, and replay a request that is sent again. It prints the deposits per
second of each round and the medians of their ratios, which hold from one machine to another, and
says which of those that the project aims at were missed. ``BENCH_DIR`` names another disk.
"""

import hmac
import io
import json
import os
import re
import selectors
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, abort, request
from werkzeug.test import create_environ

from bankcore import Bank, Money, Principal, Transaction
from bankcore.access import Tokens
from bankcore.flask import TokenAuthenticator, create_app
from bankcore.stores import SQLiteStore

AIMS: Final = {"one client": 0.75, "sixteen clients": 1.0, "acting": 0.85}
CLIENTS: Final = 16
THREADS: Final = 8
WARM_UP: Final = 160
TURNS: Final = 8
URL: Final = "/v1/accounts/alice/deposits"
BODY: Final = {"amount": "1.00", "currency": "EUR", "description": "wages"}
ONE: Final = Money("1.00", "EUR")
MARY: Final = Principal("mary", roles=["owner"])

# Deposits once under each of these keys, and returns the answers.
Send = Callable[[Sequence[str]], Sequence[Any]]

_length_of = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE).search


def with_bankcore(path: Path) -> Flask:
    """
    The application of bankcore, on the bank at *path*.
    """
    store = SQLiteStore(path)
    return create_app(Bank(store), authenticate=TokenAuthenticator(Tokens(store)))


class SelfClosing(sqlite3.Connection):
    """
    A connection that is closed with its thread.
    """

    def __del__(self) -> None:
        self.close()


class OwnConnection(threading.local):
    """
    A connection to *path* for each thread.
    """

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(
            path, timeout=30, isolation_level=None, factory=SelfClosing, check_same_thread=False
        )
        for setting in ("journal_mode = wal", "synchronous = full", "foreign_keys = on"):
            self.connection.execute(f"PRAGMA {setting}")


def by_hand(path: Path) -> Flask:
    """
    The application by hand, on the bank at *path*.
    """
    app = Flask("by_hand")
    own = OwnConnection(path)
    encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

    def principal(connection: sqlite3.Connection) -> str:
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        parts = token.split("_", 2)
        if len(token) > 200 or len(parts) != 3:
            abort(401)
        row = connection.execute(
            "SELECT digest, principal, expires_at, revoked_at FROM bankcore_token WHERE id = ?",
            (parts[1],),
        ).fetchone()
        digest = sha256(parts[2].rpartition("_")[0].encode()).digest()
        if row is None or not hmac.compare_digest(digest, row[0]) or row[2:] != (None, None):
            abort(401)
        return str(row[1])

    @app.post("/v1/accounts/<account_id>/deposits")
    def deposit(account_id: str) -> Response:
        connection = own.connection
        who = principal(connection)
        body = request.get_json()
        amount = int(Decimal(body["amount"]).scaleb(2))
        if amount <= 0:
            abort(400)
        key = request.headers["Idempotency-Key"]
        transaction_id = sha256(f"{len(who)}:{who}{len(key)}:{key}".encode()).hexdigest()
        command = encode(
            {
                "booked_at": None,
                "description": body["description"],
                "account_id": account_id,
                "amount": [amount, body["currency"], 2],
            }
        )
        connection.execute("BEGIN IMMEDIATE")
        try:
            known = connection.execute(
                "SELECT j.command, j.recorded_at, p.balance_minor, p.version"
                " FROM bankcore_journal j JOIN bankcore_posting p ON p.place = j.place"
                " WHERE j.transaction_id = ?",
                (transaction_id,),
            ).fetchone()
            if known is None:
                at = time.time_ns() // 1_000
                account_key, balance, version, limit, head = connection.execute(
                    "SELECT key, balance_minor, version, overdraft_limit_minor, chain_hash"
                    " FROM bankcore_account WHERE id = ? AND currency = ? AND status = 'open'"
                    " AND holders LIKE ?",
                    (account_id, body["currency"], f'%"{who}"%'),
                ).fetchone() or abort(404)
                balance, version = balance + amount, version + 1
                content = f"{transaction_id} {command} {who} {at} {balance} {version}"
                head = sha256(head + content.encode()).digest()
                place = connection.execute(
                    "INSERT INTO bankcore_journal (transaction_id, command_kind, command,"
                    " recorded_at, principal) VALUES (?, 'deposit', ?, ?, ?)",
                    (transaction_id, command, at, who),
                ).lastrowid
                connection.execute(
                    "INSERT INTO bankcore_posting (place, line, account_key, version,"
                    " amount_minor, balance_minor, held_minor, overdraft_limit_minor,"
                    " chain_hash) VALUES (?, 0, ?, ?, ?, ?, 0, ?, ?)",
                    (place, account_key, version, amount, balance, limit, head),
                )
                connection.execute(
                    "UPDATE bankcore_account SET balance_minor = ?, version = ?,"
                    " last_booked_at = ?, chain_hash = ? WHERE key = ?",
                    (balance, version, at, head, account_key),
                )
            else:
                recorded, at, balance, version = known
                if recorded != command:
                    abort(422)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        posting = {
            "account_id": account_id,
            "currency": body["currency"],
            "amount": body["amount"],
            "balance": str(Decimal(balance).scaleb(-2)),
            "version": version,
        }
        answer = {
            "id": transaction_id,
            "kind": "deposit",
            "account_id": account_id,
            "booked_at": at,
            "description": body["description"],
            "postings": [posting],
            "replayed": known is not None,
        }
        status = 201 if known is None else 200
        return Response(json.dumps(answer), status, content_type="application/json")

    return app


APPS: Final = {"bankcore": with_bankcore, "by hand": by_hand}


def served() -> Flask:
    """
    The application that gunicorn is to serve.
    """
    return APPS[os.environ["BENCH_APP"]](Path(os.environ["BENCH_BANK"]))


def new_bank(path: Path) -> str:
    """
    The token of the owner of alice's account, in a new bank at *path*.
    """
    with SQLiteStore(path) as store:
        Bank(store).open_account("alice", initial_balance=Money("100", "EUR"), holder="mary")
        return Tokens(store).issue(MARY).text


class Direct:
    """
    One client that sends deposits to an application, with nothing between.
    """

    def __init__(self, side: str, path: Path) -> None:
        token = new_bank(path)
        self._app: Callable[..., Iterable[bytes]] = APPS[side](path)
        self._body = json.dumps(BODY).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._environ = create_environ(URL, method="POST", data=self._body, headers=headers)

    def __call__(self, keys: Sequence[str]) -> list[bytes]:
        return list(map(self._answer, keys))

    def _answer(self, key: str) -> bytes:
        lines: list[str] = []
        sent = {"HTTP_IDEMPOTENCY_KEY": key, "wsgi.input": io.BytesIO(self._body)}
        found = b"".join(
            self._app({**self._environ, **sent}, lambda status, *_: lines.append(status))
        )
        return lines[0].encode() + b"\r\n\r\n" + found


class Crowd:
    """
    Clients that send deposits to a server, all of them at once.
    """

    def __init__(self, clients: Sequence[socket.socket], token: str) -> None:
        self._clients = clients
        self._body = json.dumps(BODY).encode()
        self._head = (
            f"POST {URL} HTTP/1.1\r\nHost: bank\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self._body)}\r\n"
            "Idempotency-Key: "
        )

    def __call__(self, keys: Sequence[str]) -> list[bytes]:
        left, answers = iter(keys), []
        with selectors.DefaultSelector() as waiting:
            for client, key in zip(self._clients, left, strict=False):
                self._send(client, key)
                waiting.register(client, selectors.EVENT_READ, (client, bytearray()))
            while waiting.get_map():
                for ready, _ in waiting.select():
                    client, found = ready.data
                    part = client.recv(65_536)
                    found += part
                    if not part:
                        sys.exit(f"the server hung up after {bytes(found)!r}")
                    if not is_whole(found):
                        continue
                    answers.append(bytes(found).partition(b" ")[2])
                    found.clear()
                    another = next(left, None)
                    if another is None:
                        waiting.unregister(client)
                    else:
                        self._send(client, another)
        return answers

    def _send(self, client: socket.socket, key: str) -> None:
        client.sendall(f"{self._head}{key}\r\n\r\n".encode() + self._body)


def is_whole(answer: bytearray) -> bool:
    """
    Return whether *answer* has the whole body of which its head tells the length.
    """
    head, end, body = answer.partition(b"\r\n\r\n")
    length = _length_of(head + b"\r\n")
    return bool(end) and length is not None and len(body) >= int(length[1])


@contextmanager
def crowd_of(side: str, path: Path) -> Iterator[Crowd]:
    """
    Sixteen clients of a gunicorn that serves the application of this *side*.
    """
    token = new_bank(path)
    environment = {**os.environ, "BENCH_APP": side, "BENCH_BANK": str(path)}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # As gunicorn has it, but for clients too that connect before it is ready.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "bench_http:served()"),
                *("--bind", f"fd://{listening.fileno()}", "--worker-class", "gthread"),
                *("--workers", "1", "--threads", str(THREADS), "--keep-alive", "60"),
                *("--chdir", str(Path(__file__).parent), "--no-control-socket"),
                *("--log-level", "critical"),
            ],
            pass_fds=[listening.fileno()],
            env=environment,
        )
        with ExitStack() as stack:
            stack.callback(server.wait, 60)
            stack.callback(server.terminate)
            address = listening.getsockname()
            clients = [socket.create_connection(address, 60) for _ in range(CLIENTS)]
            yield Crowd([stack.enter_context(each) for each in clients], token)


def acting_and_trusted(path: Path) -> tuple[Send, Send]:
    """
    A deposit of the owner, and one of trusted code, in a bank of its own each.
    """
    banks = []
    for name in ("acting.db", "trusted.db"):
        new_bank(path / name)
        banks.append(Bank(SQLiteStore(path / name)))

    def send(bank: Bank, keys: Sequence[str]) -> list[object]:
        return [bank.deposit("alice", ONE, transaction_id=key) for key in keys]

    return partial(send, banks[0].acting_as(MARY)), partial(send, banks[1])


def require_created(answers: Sequence[Any]) -> None:
    """
    End if one of the answers over HTTP is anything else than "created".
    """
    for answer in answers:
        if isinstance(answer, bytes) and not answer.startswith(b"201 "):
            sys.exit(f"not all were done: {answer!r}")


def require_agreement(name: str, done: int, sides: Sequence[Send]) -> None:
    """
    End unless both sides, after so many deposits, do one more, and do it no second time.
    """
    key, balance = f"check-{done}", f"{101 + done}.00"
    for send in sides:
        found = []
        for answer in (*send([key]), *send([key])):
            if isinstance(answer, Transaction):
                found.append((answer.replayed, f"{answer.postings[0].balance:n}"))
            else:
                body = json.loads(answer.rpartition(b"\r\n\r\n")[2])
                found.append((body["replayed"], body["postings"][0]["balance"]))
        if found != [(False, balance), (True, balance)]:
            sys.exit(f"{name}: not {balance}, but {found}")


def main() -> None:
    length = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    ratios: dict[str, list[float]] = {name: [] for name in AIMS}
    with ExitStack() as stack:
        path = Path(
            stack.enter_context(tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")))
        )
        measured: dict[str, tuple[Send, Send]] = {
            "one client": (
                Direct("bankcore", path / "one-ours.db"),
                Direct("by hand", path / "one-hand.db"),
            ),
            "sixteen clients": (
                stack.enter_context(crowd_of("bankcore", path / "all-ours.db")),
                stack.enter_context(crowd_of("by hand", path / "all-hand.db")),
            ),
            "acting": acting_and_trusted(path),
        }
        for sides in measured.values():
            for send in sides:
                send([f"warm-up-{n}" for n in range(WARM_UP)])
        for number in range(rounds):
            keys = [f"key-{number}-{n}" for n in range(length)]
            for name, sides in measured.items():
                seconds = [0.0, 0.0]
                for turn in range(TURNS):
                    for place, send in enumerate(sides):
                        started = time.perf_counter()
                        answers = send(keys[turn::TURNS])
                        seconds[place] += time.perf_counter() - started
                        require_created(answers)
                ratios[name].append(seconds[1] / seconds[0])
                print(
                    f"round {number + 1}, {name}: {length / seconds[0]:,.0f}/s beside"
                    f" {length / seconds[1]:,.0f}/s, ratio {ratios[name][-1]:.2f}"
                )
                require_agreement(name, WARM_UP + (number + 1) * length + number, sides)
    for name, aim in AIMS.items():
        median = statistics.median(ratios[name])
        print(f"{name}: median ratio {median:.2f}{'' if median >= aim else f', below {aim}'}")


if __name__ == "__main__":
    main()
