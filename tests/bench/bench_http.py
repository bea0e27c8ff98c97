"""
How many deposits a second the back-end takes, beside a view written by hand.

Run it by hand, in the environment of the tests:

    python tests/bench/bench_http.py [requests] [rounds]

The view by hand is Flask and sqlite3, as short as it can be and still do the same work: it
knows the token, reads the JSON, looks the idempotency key up, looks whether the account is
the caller's and in this currency, and writes the same rows to the same tables in one durable
transaction. Each round sends the same requests to both, through WSGI, so that no network and
no client is measured along; then it compares the balances, and each replays its last request.
It prints the requests per second of each round and the median of their ratios; the ratio is
what holds from one machine to another.
"""

import hmac
import io
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from flask import Flask, Response, abort, request
from werkzeug.test import create_environ

from bankcore import Bank, Money, Principal
from bankcore.access import Tokens
from bankcore.flask import TokenAuthenticator, create_app
from bankcore.stores import SQLiteStore

WARM_UP: Final = 50
TURN: Final = 25
BODY: Final = {"amount": "1.00", "currency": "EUR", "description": "wages"}


def by_hand(path: Path) -> Flask:
    """
    The application by hand, on the bank at *path*.
    """
    app = Flask("by_hand")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA synchronous = full")
    connection.execute("PRAGMA foreign_keys = on")
    encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

    def principal() -> str:
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
        who = principal()
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

    app.extensions["connection"] = connection
    return app


def new_bank(path: Path) -> str:
    """
    The token of the owner of alice's account, in a new bank at *path*.
    """
    with SQLiteStore(path) as store:
        Bank(store).open_account("alice", initial_balance=Money("100", "EUR"), holder="mary")
        return Tokens(store).issue(Principal("mary", roles=["owner"])).text


class Client:
    """
    Sends deposits to *app*, with nothing between.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], token: str) -> None:
        self._app = app
        self._body = json.dumps(BODY).encode()
        self._environ = create_environ(
            "/v1/accounts/alice/deposits",
            method="POST",
            data=self._body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )

    def send(self, key: str) -> tuple[int, dict[str, Any]]:
        statuses: list[str] = []
        environ = {
            **self._environ,
            "HTTP_IDEMPOTENCY_KEY": key,
            "wsgi.input": io.BytesIO(self._body),
        }
        found = b"".join(self._app(environ, lambda status, *_: statuses.append(status)))
        return int(statuses[0].split()[0]), json.loads(found)

    def timed(self, keys: Iterable[str]) -> float:
        """
        The seconds that deposits with these new *keys* take.
        """
        started = time.perf_counter()
        answers = [self.send(key) for key in keys]
        seconds = time.perf_counter() - started
        if {status for status, _ in answers} != {201}:
            sys.exit(f"not all were done: {answers[-1]}")
        return seconds


def main() -> None:
    length = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    ratios = []
    with tempfile.TemporaryDirectory() as directory:
        ours_path, hand_path = Path(directory, "ours.db"), Path(directory, "hand.db")
        ours_token, hand_token = new_bank(ours_path), new_bank(hand_path)
        hand_app = by_hand(hand_path)
        with SQLiteStore(ours_path) as store, closing(hand_app.extensions["connection"]):
            tokens = TokenAuthenticator(Tokens(store))
            ours = Client(create_app(Bank(store), authenticate=tokens), ours_token)
            hand = Client(hand_app, hand_token)
            for client in (ours, hand):
                client.timed(f"warm-up-{n}" for n in range(WARM_UP))
            for number in range(1, rounds + 1):
                keys = [f"key-{number}-{n}" for n in range(length)]
                ours_seconds = hand_seconds = 0.0
                # In turns, so that both meet the disk in the same moods.
                for start in range(0, length, TURN):
                    ours_seconds += ours.timed(keys[start : start + TURN])
                    hand_seconds += hand.timed(keys[start : start + TURN])
                # Both know what they did, and do it no second time.
                again = [client.send(keys[-1]) for client in (ours, hand)]
                balances = [
                    (status, body["postings"][0]["balance"], body["replayed"])
                    for status, body in again
                ]
                expected = f"{100 + WARM_UP + number * length}.00"
                if balances != [(200, expected, True)] * 2:
                    sys.exit(f"they do not agree on {expected}: {balances}")
                ratios.append(hand_seconds / ours_seconds)
                print(
                    f"round {number}: bankcore {length / ours_seconds:,.0f} requests/s,"
                    f" by hand {length / hand_seconds:,.0f} requests/s, ratio {ratios[-1]:.2f}"
                )
    print(f"median ratio {statistics.median(ratios):.2f} of the view by hand")


if __name__ == "__main__":
    main()
