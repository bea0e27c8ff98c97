"""
Writers are killed in the middle of their work: what was acknowledged is there.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import Final

import children
import kills
import psycopg
import pytest
from children import bank_over, command_of
from kills import Found

from bankcore import Transaction
from bankcore.errors import OutcomeUnknownError, StoreUnavailableError
from bankcore.stores import PostgresStore, SQLiteStore
from servers import Server

#: Each round kills every writer once; `kills.py` kills as many as it is told to.
ROUNDS: Final = int(os.environ.get("BANKCORE_KILL_ROUNDS", "24"))
#: On PostgreSQL, so many times three processes are killed, and so many times the server.
POSTGRES_ROUNDS: Final = int(os.environ.get("BANKCORE_KILL_ROUNDS", "4"))
SERVER_KILLS: Final = int(os.environ.get("BANKCORE_KILL_ROUNDS", "4"))
WRITERS: Final = ("north", "east", "south", "west")


@pytest.fixture(scope="module")
def server() -> Iterator[children.Server]:
    with children.server() as running:
        yield running


@pytest.fixture(params=["wal", "truncate"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "bank.db"
    kills.make(path, request.param)
    return path


def test_what_was_acknowledged_survives_a_kill(server: children.Server, path: Path) -> None:
    """
    Four writers are killed at many random moments: every acknowledged id is there, the one in
    doubt is sent again, once, and the audit is clean.
    """
    dice = random.Random(82)  # the same every time
    numbers = dict.fromkeys(WRITERS, 1)
    found = Found()
    for finished in range(1, ROUNDS + 1):
        processes = [{name: number} for name, number in numbers.items()]
        last = kills.killed(server, path, processes, dice.randint(1, 60))
        with SQLiteStore(path) as store:
            kills.settle(store, numbers, last, found)
            # In a long run not each time, as all of a growing journal is read.
            if finished % -(-ROUNDS // 24) == 0 or finished == ROUNDS:
                kills.look(store, numbers, found)

    assert [] == found.problems
    assert found.acknowledged > 100


def test_what_many_threads_were_told_survives_a_kill(tmp_path: Path) -> None:
    """
    Nor is anything lost where three processes of 32 threads, whose operations share commits, are
    killed.
    """
    found = kills.run(9, tmp_path)

    assert [] == found.problems
    assert 9 == found.kills
    assert found.acknowledged > 100


def wait_until_alone(url: str) -> None:
    """
    Return when the server has ended what those that were killed had begun.
    """
    others = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(others).fetchone():
            time.sleep(0.01)


@pytest.mark.every_postgres
def test_what_postgres_acknowledged_survives_a_kill(
    server: children.Server, postgres: str
) -> None:
    """
    Nor is anything lost or done twice on PostgreSQL when its clients are killed.
    """
    dice = random.Random(82)
    with PostgresStore(postgres) as store:
        kills.fill(store)
    names = [kills.names_of(process, 8) for process in kills.PROCESSES]
    numbers = dict.fromkeys(chain(*names), 1)
    found = Found()
    for _ in range(POSTGRES_ROUNDS):
        processes = [{name: numbers[name] for name in each} for each in names]
        last = kills.killed(server, postgres, processes, dice.randint(1, 150))
        wait_until_alone(postgres)
        with PostgresStore(postgres) as store:
            kills.settle(store, numbers, last, found)
    with PostgresStore(postgres) as store:
        kills.look(store, numbers, found)

    assert [] == found.problems
    assert found.acknowledged > 100


class Writer(threading.Thread):
    """
    Writes the commands of one name to a store whose server is killed, and notes what it is told.
    """

    def __init__(self, store: PostgresStore, name: str) -> None:
        super().__init__()
        self.name = name
        self.acknowledged: list[int] = []
        self.unexpected: Exception | None = None
        self.is_over = False
        self._store = store

    def run(self) -> None:
        bank = bank_over(self._store)
        try:
            for number in count(1):
                outcome = None
                while outcome is None and not self.is_over:
                    # Sent again until there is an answer, as an application does.
                    with suppress(StoreUnavailableError, OutcomeUnknownError):
                        (outcome,) = bank.execute([command_of(self.name, number)])
                if outcome is None:
                    return
                assert isinstance(outcome, Transaction)
                self.acknowledged.append(number)
        except Exception as error:  # noqa: BLE001  # told by the test
            self.unexpected = error


@pytest.mark.every_postgres
def test_what_was_acknowledged_survives_a_kill_of_the_server(
    make_server: Callable[..., Server],
) -> None:
    """
    A server is killed and started again under a store in use: whoever sends again what had no
    answer finds all of it done once, and nothing that was acknowledged is lost.
    """
    dice = random.Random(82)
    server = make_server()
    with PostgresStore(server.conninfo) as store:
        kills.fill(store)
        writers = [Writer(store, name) for name in kills.names_of("north", 8)]
        for each in writers:
            each.start()
        try:
            for _ in range(SERVER_KILLS):
                so_far = sum(len(each.acknowledged) for each in writers)
                more = dice.randint(1, 100)
                while sum(len(each.acknowledged) for each in writers) < so_far + more:
                    assert any(each.is_alive() for each in writers)
                    time.sleep(0.005)
                server.kill()
                server.start()
        finally:
            for each in writers:
                each.is_over = True
            for each in writers:
                each.join()

    assert [None] * len(writers) == [each.unexpected for each in writers]
    found = Found()
    with PostgresStore(server.conninfo) as store:
        last = {each.name: len(each.acknowledged) for each in writers}
        numbers = dict.fromkeys(last, 1)
        kills.settle(store, numbers, last, found)
        kills.look(store, numbers, found)

    assert [] == found.problems


@pytest.mark.parametrize("threads", [1, 8])
def test_a_store_that_acknowledges_before_the_commit_is_found_out(
    tmp_path: Path, threads: int
) -> None:
    """
    The same check finds that a store loses what it acknowledged before it was committed.
    """
    found = kills.run(20, tmp_path, threads=threads, is_hasty=True)

    assert any("lost: " in problem for problem in found.problems)
