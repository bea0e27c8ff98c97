"""
A server of child processes that are there to die: ``python children.py``.

It reads one JSON request a line, forks a child for it, and writes JSON lines: what the child
has to say while it lives, and ``{"ended": …}`` when it is dead. The server itself never opens a
store, so that nothing of one is inherited. The tests that use it import the commands from here,
so that both sides speak of the same ones.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final

from bankcore import AccountStore, Bank, Money
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    GrantAccess,
    OpenAccount,
    PlaceHold,
    Post,
    ReleaseHold,
    Restrict,
    Reverse,
    Transfer,
    Withdraw,
)
from bankcore.stores import SQLiteStore

# As a script it finds beside itself only what is in its folder.
sys.path.append(str(Path(__file__).parents[1]))
from every_store import opened  # found by now

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


def eur(minor: int) -> Money:
    return Money.from_minor(minor, "EUR")


def bank_over(store: AccountStore, *, now: datetime = NOW) -> Bank:
    """
    A bank that says the same in every process.
    """
    numbers = count(1)
    return Bank(store, clock=lambda: now, new_id=lambda: f"made-{next(numbers)}")


# -- What is done when a child dies at a statement ---------------------------

#: By name: commands, and whether they are an atomic batch.
WRITES: Final[dict[str, tuple[Sequence[Command], bool]]] = {
    "open": ([OpenAccount("carol", initial_balance=eur(5), transaction_id="n-1")], False),
    "deposit": ([Deposit("alice", eur(5), transaction_id="n-1")], False),
    "withdraw": ([Withdraw("alice", eur(5), transaction_id="n-1")], False),
    "transfer": ([Transfer("alice", "bob", eur(5), transaction_id="n-1")], False),
    "refused": ([Withdraw("alice", eur(5_000), transaction_id="n-1")], False),
    "place a hold": ([PlaceHold("alice", eur(5), transaction_id="n-1")], False),
    # What is due on bob's account is recorded first.
    "capture to another account": (
        [
            CaptureHold(
                "alice", "h-1", eur(4), final=False, destination_id="bob", transaction_id="n-1"
            )
        ],
        False,
    ),
    "release a hold": ([ReleaseHold("alice", "h-1", transaction_id="n-1")], False),
    "post": (
        [
            Post(
                [("alice", eur(-5)), ("bob", eur(3)), ("dave", eur(1)), ("bob", eur(1))],
                transaction_id="n-1",
            )
        ],
        False,
    ),
    "reverse": ([Reverse("t-3", transaction_id="n-1")], False),
    "restrict": ([Restrict("alice", "debits", reason="theft", transaction_id="n-1")], False),
    "close and sweep": ([CloseAccount("dave", sweep_to="alice", transaction_id="n-1")], False),
    "grant": ([GrantAccess("alice", "mary", ["read"], transaction_id="n-1")], False),
    "batch": (
        [
            OpenAccount("carol", initial_balance=eur(5), transaction_id="n-1"),
            Transfer("alice", "carol", eur(7), transaction_id="n-2"),
            Withdraw("carol", eur(5_000), transaction_id="n-3"),
            Transfer("carol", "bob", eur(12), transaction_id="n-4"),
            Deposit("bob", eur(1), transaction_id="n-5"),
            CaptureHold("alice", "h-1", transaction_id="n-6"),
            Reverse("n-5", transaction_id="n-7"),
        ],
        False,
    ),
    "atomic batch": (
        [
            Withdraw("alice", eur(100), transaction_id="n-1"),
            OpenAccount("carol", initial_balance=eur(0), transaction_id="n-2"),
            Transfer("bob", "carol", eur(50), transaction_id="n-3"),
        ],
        True,
    ),
    "refused atomic batch": (
        [
            Withdraw("alice", eur(100), transaction_id="n-1"),
            Withdraw("alice", eur(1), transaction_id="n-2"),
        ],
        True,
    ),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def say(**what: object) -> None:
    # One write, so that the lines of several children do not mix.
    os.write(1, f"{json.dumps(what)}\n".encode())


class Mortal(sqlite3.Connection):
    """
    A connection whose process dies right before or after the n-th of its statements.

    Each row of an ``executemany`` is a statement.
    """

    #: The points that are left until death; none where it is not to be.
    left: ClassVar[int | None] = None

    def _pass(self, when: str, statement: str) -> None:
        cls = type(self)
        if cls.left is None:
            return
        cls.left -= 1
        if cls.left == 0:
            say(when=when, statement=" ".join(statement.split()))
            die()

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        self._pass("before", statement)
        cursor = super().execute(statement, *parameters)
        self._pass("after", statement)
        return cursor

    def executemany(self, statement: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        def passing() -> Iterator[Any]:
            for row in rows:
                self._pass("before", statement)
                yield row
                self._pass("after", statement)

        return super().executemany(statement, passing())


class MortalAndEager(Mortal):
    """
    A broken connection, which commits every statement by itself.
    """

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        if self.left is not None and statement in {"BEGIN IMMEDIATE", "COMMIT"}:
            statement = "SELECT 1"
        return super().execute(statement, *parameters)


def _use(kind: type[sqlite3.Connection]) -> None:
    """
    Let every connection of this process be of this *kind*.
    """
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, **options, factory=kind)

    sqlite3.connect = connected  # type: ignore[assignment]  # the same, but for its factory


def write_and_die(path: str, write: str, point: int, *, is_eager: bool = False) -> None:
    """
    Do one of `WRITES`, or make the store, and die at the *point*-th point, if there is one.
    """
    _use(MortalAndEager if is_eager else Mortal)
    if write == "make":
        Mortal.left = point
        SQLiteStore(path)
    else:
        bank = bank_over(SQLiteStore(path))
        commands, is_atomic = WRITES[write]
        Mortal.left = point
        try:
            bank.execute(commands, atomic=is_atomic)
        finally:
            Mortal.left = None
            # Not even closed: the process ends as it is.
            say(when="never")
            die()
    say(when="never")
    die()


# -- What is done when children are killed at random -------------------------

ACCOUNTS: Final = ("alice", "bob", "carol", "dave")
#: What each begins with: enough for no transfer ever to be refused.
INITIAL_MINOR: Final = 10**12


def command_of(name: str, number: int) -> Command:
    """
    The *number*-th command of the writer called *name*: the same in every process.
    """
    dice = random.Random(f"{name}-{number}")
    amount = eur(dice.randint(1, 10_000))
    transaction_id = f"{name}-{number}"
    source, destination = dice.sample(ACCOUNTS, 2)
    if dice.random() < 0.5:
        return Deposit(destination, amount, transaction_id=transaction_id)
    return Transfer(source, destination, amount, transaction_id=transaction_id)


class Hasty(sqlite3.Connection):
    """
    A broken connection, which commits only every eighth time it is told to.
    """

    told = 0

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        if statement == "COMMIT":
            self.told += 1
            if self.told % 8:
                statement = "SELECT 1"
        elif statement == "ROLLBACK" or (statement == "BEGIN IMMEDIATE" and self.in_transaction):
            statement = "SELECT 1"
        return super().execute(statement, *parameters)


def write_until_killed(place: str, numbers: dict[str, int], *, is_hasty: bool = False) -> None:
    """
    Write the commands of each name from its number on, each in a thread of its own, and say each
    that was acknowledged.
    """
    store = opened(place)
    if is_hasty:
        store.close()
        _use(Hasty)
        store = opened(place)
    bank = bank_over(store)

    def write(name: str, number: int) -> None:
        for n in count(number):
            try:
                bank.execute([command_of(name, n)])
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is told
                say(failed=repr(error), name=name)
                return
            say(acknowledged=n, name=name)

    for each in numbers.items():
        threading.Thread(target=write, args=each).start()
    threading.Event().wait()


# -- The server --------------------------------------------------------------

_TASKS: Final[dict[str, Callable[..., None]]] = {
    "write_and_die": write_and_die,
    "write_until_killed": write_until_killed,
}


def _fork(task: str, arguments: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        try:
            _TASKS[task](**arguments)
        finally:
            # Whatever was raised: a child never goes on as a server.
            os._exit(1)
    return child


def serve() -> None:
    """
    Fork a child for each task of each request, and say how each of them ended.
    """
    for line in sys.stdin:
        children = [_fork(task, arguments) for task, arguments in json.loads(line)]
        say(children=children)
        statuses = [os.waitpid(child, 0)[1] for child in children]
        say(ended=[os.waitstatus_to_exitcode(status) for status in statuses])


class Server:
    """
    The other end of the server, for tests.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, *tasks: tuple[str, dict[str, object]]) -> Iterator[dict[str, Any]]:
        """
        Yield what the children of *tasks* have to say, line by line, up to their end.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(tasks)}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            yield said
            if "ended" in said:
                return


@contextmanager
def server() -> Iterator[Server]:
    """
    A running server.
    """
    with subprocess.Popen(
        [sys.executable, Path(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Server(process)


if __name__ == "__main__":
    serve()
