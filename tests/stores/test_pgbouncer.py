"""
The store on PostgreSQL behind PgBouncer in transaction mode: each transaction of one connection
may have another session of the server.
"""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from under_test import PostgresSchemas

import servers
from bankcore import Bank
from bankcore.ledger import verify
from bankcore.stores import PostgresStore
from bankcore.testing import check_store
from bankcore.testing._conformance.helpers import eur

#: Fewer sessions than connections, so that they change hands.
SESSIONS: Final = 3
_PATIENCE: Final = 30


@contextmanager
def pgbouncer(conninfo: str) -> Iterator[str]:
    """
    Run PgBouncer before the server of *conninfo*, and give how to reach the database through it.
    """
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        reason = "Debian's package pgbouncer is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    given = conninfo_to_dict(conninfo)
    server = " ".join(
        f"{name}={given[name]}" for name in ("host", "port", "user", "password") if name in given
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with TemporaryDirectory(prefix="bankcore-pgbouncer-") as directory:
        settings = Path(directory) / "pgbouncer.ini"
        settings.write_text(
            f"""[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {SESSIONS}
max_client_conn = 200
""",
            "ascii",
        )
        user = servers._user()  # root may not run it either
        if user:
            os.chown(directory, user["user"], user["group"])
        with subprocess.Popen(
            [program, settings], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **user
        ) as process:
            through = make_conninfo(
                conninfo, host="127.0.0.1", port=port, gssencmode="disable", sslmode="disable"
            )
            try:
                _wait_for(through, process)
                yield through
            finally:
                process.kill()


def _wait_for(conninfo: str, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError:
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.02)
        else:
            return


@pytest.fixture
def pooled(postgres: str) -> Iterator[str]:
    with pgbouncer(postgres) as conninfo:
        yield conninfo


def test_sessions_change_hands(pooled: str) -> None:
    """
    What these tests are about: a connection does not keep what it has prepared or set.
    """
    with psycopg.connect(pooled, autocommit=True) as one:
        first = one.execute("SELECT pg_backend_pid()").fetchone()
        with psycopg.connect(pooled) as other:
            taken = other.execute("SELECT pg_backend_pid()").fetchone()
            then = one.execute("SELECT pg_backend_pid()").fetchone()

    assert first == taken != then


def test_it_keeps_every_promise_of_a_store(pooled: str) -> None:
    """
    The whole kit, with processes and threads, through the pooler.
    """
    schemas = PostgresSchemas(pooled)
    report = check_store(schemas.make, schemas.capabilities)

    assert len(report.kept) > 90


def test_threads_of_several_stores(pooled: str) -> None:
    """
    More threads than sessions move money both ways: none is lost, and nobody is refused.
    """
    stores = [PostgresStore(pooled) for _ in range(3)]
    bank = Bank(stores[0])
    names = [f"a-{n}" for n in range(5)]
    for name in names:
        bank.open_account(name, initial_balance=eur(10_000))
    problems: list[Exception] = []

    def work(store: PostgresStore, number: int) -> None:
        own = Bank(store)
        for n in range(20):
            source, destination = names[(number + n) % 5], names[(number + 2 * n + 1) % 5]
            try:
                if source != destination:
                    own.transfer(source, destination, eur(1), transaction_id=f"{number}-{n}")
                own.account(source)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is looked at
                problems.append(error)

    threads = [
        threading.Thread(target=work, args=(store, number))
        for number, store in enumerate(stores * 4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    balances: list[Any] = [bank.account(name).balance for name in names]
    report = verify(stores[0])
    for store in stores:
        store.close()

    assert [] == problems
    assert eur(50_000) == sum(balances)
    assert report.is_clean
