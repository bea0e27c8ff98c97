"""
A process of its own that works on a store: ``python workers.py PLACE TASK NAME THREADS``.

It says ``ready``, begins when it is told to go, stops what has no end of its own when it is
told to stop, and says as JSON what came of it. The tests use the same tasks in their own
threads.
"""

import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from bankcore import AccountStore, Bank, Money
from bankcore.errors import (
    AccountClosedError,
    AlreadyReversedError,
    HoldNotActiveError,
    InsufficientFundsError,
    ReversalExceededError,
)
from every_store import opened

ONE: Final = Money("1", "EUR")
EXPIRY: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
#: How often each thread of a crowd transfers.
CROWD: Final = 15
RING: Final = tuple(f"ring-{n:02}" for n in range(50))

#: What becomes of each command, by the name of the outcome.
Outcomes = Counter[str]
Task = Callable[[AccountStore, str, threading.Event], Outcomes]


def drain(store: AccountStore, name: str, stop: threading.Event) -> Outcomes:
    """
    Withdraw one from ``pot`` until there is nothing left.
    """
    bank = Bank(store)
    outcomes = Outcomes()
    while not outcomes["refused"]:
        try:
            bank.withdraw("pot", ONE)
            outcomes["done"] += 1
        except InsufficientFundsError:
            outcomes["refused"] += 1
    return outcomes


def refund(store: AccountStore, name: str, stop: threading.Event) -> Outcomes:
    """
    Reverse parts of ``sale`` until that is refused, and then what is left of it.
    """
    bank = Bank(store)
    outcomes = Outcomes()
    amount = ONE * (1 + int(name[-1]) % 3)
    while not outcomes["refused"]:
        try:
            part = bank.reverse("sale", amount)
            outcomes["minor"] += abs(part.postings[0].amount.amount_minor)
        except ReversalExceededError:
            outcomes["refused"] += 1
    with suppress(AlreadyReversedError):
        rest = bank.reverse("sale")
        outcomes["minor"] += abs(rest.postings[0].amount.amount_minor)
    return outcomes


def storm(store: AccountStore, name: str, stop: threading.Event) -> Outcomes:
    """
    Transfer sixty times, even numbers from ``a`` to ``b``, odd ones from ``b`` to ``a``.
    """
    bank = Bank(store)
    outcomes = Outcomes()
    source, destination = ("a", "b") if int(name[-1]) % 2 == 0 else ("b", "a")
    for _ in range(60):
        try:
            bank.transfer(source, destination, ONE)
            outcomes["done"] += 1
        except InsufficientFundsError:
            outcomes["refused"] += 1
    return outcomes


def ring(store: AccountStore, name: str, stop: threading.Event) -> Outcomes:
    """
    Transfer around the ring, each to the next, until told to stop.
    """
    bank = Bank(store)
    outcomes = Outcomes()
    place = sum(map(ord, name))
    while not stop.is_set():
        place += 7
        source, destination = RING[place % len(RING)], RING[(place + 1) % len(RING)]
        try:
            bank.transfer(source, destination, ONE)
            outcomes["done"] += 1
        except InsufficientFundsError:
            outcomes["refused"] += 1
    return outcomes


def crowd(store: AccountStore, name: str, stop: threading.Event) -> Outcomes:
    """
    Transfer between any two of the ring: so many times, and then on until told to stop.
    """
    bank = Bank(store)
    outcomes = Outcomes()
    dice = random.Random(name)
    while outcomes.total() < CROWD or not stop.is_set():
        try:
            source, destination = dice.sample(RING, 2)
            bank.transfer(source, destination, ONE)
            outcomes["done"] += 1
        except InsufficientFundsError:
            outcomes["refused"] += 1
    return outcomes


def race(store: AccountStore, name: str, stop: threading.Event) -> Outcomes:
    """
    Deposit once under each of 100 ids, which all who run this share, and say the answers.
    """
    bank = Bank(store)
    answers = Outcomes()
    for n in range(100):
        answer = bank.deposit("pot", ONE, transaction_id=f"t-{n}")
        answers[f"{answer!r}".replace("replayed=True", "replayed=False")] += 1
        answers["replayed" if answer.replayed else "first"] += 1
    return answers


def _stopped(now: datetime) -> Callable[[], datetime]:
    return lambda: now


def contest(store: AccountStore, name: str, stop: threading.Event) -> Outcomes:
    """
    Capture one of each of 50 holds right before it expires, or record what expires right then.
    """
    outcomes = Outcomes()
    captures = int(name[-1]) % 2 == 0
    for n in range(50):
        ends_at = EXPIRY + timedelta(minutes=n)
        now = ends_at - TICK if captures else ends_at
        bank = Bank(store, clock=_stopped(now), max_clock_skew=timedelta(hours=1))
        if not captures:
            outcomes["expired"] += len(bank.expire_holds())
            continue
        try:
            bank.capture_hold("pot", f"h-{n}")
            outcomes["captured"] += 1
        except HoldNotActiveError:
            outcomes["refused"] += 1
    return outcomes


def last_orders(store: AccountStore, name: str, stop: threading.Event) -> Outcomes:
    """
    Deposit into each of 50 accounts, or close them and sweep what is there.
    """
    bank = Bank(store)
    outcomes = Outcomes()
    closes = int(name[-1]) % 2 == 0
    for n in range(50):
        try:
            if closes:
                bank.close_account(f"a-{n}", sweep_to="pot")
                outcomes["closed"] += 1
            else:
                bank.deposit(f"a-{n}", ONE)
                outcomes["deposited"] += 1
        except AccountClosedError:
            outcomes["refused"] += 1
    return outcomes


TASKS: Final[dict[str, Task]] = {
    each.__name__: each for each in (drain, refund, storm, ring, crowd, race, contest, last_orders)
}


def in_threads(
    store: AccountStore,
    task: Task,
    number: int,
    *,
    name: str = "thread",
    stop: threading.Event | None = None,
) -> Outcomes:
    """
    Return what came of *task* in so many threads, which begin together; raise what one raised.
    """
    barrier = threading.Barrier(number)
    total = Outcomes()
    raised: list[BaseException] = []
    guard = threading.Lock()
    stop = threading.Event() if stop is None else stop

    def run(own_name: str) -> None:
        try:
            barrier.wait()
            outcomes = task(store, own_name, stop)
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            raised.append(error)
        else:
            with guard:
                total.update(outcomes)

    threads = [threading.Thread(target=run, args=(f"{name}-{n}",)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
    return total


@contextmanager
def in_processes(
    place: str | Path, task: Task, number: int, *, threads: int
) -> Iterator[Callable[[], Outcomes]]:
    """
    So many processes of so many *threads* at work, begun together; the function given stops
    them and says what came of it.
    """
    with ExitStack() as stack:
        processes: Sequence[subprocess.Popen[str]] = [
            stack.enter_context(
                subprocess.Popen(
                    [
                        sys.executable,
                        Path(__file__),
                        place,
                        task.__name__,
                        f"process{n}",
                        str(threads),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                )
            )
            for n in range(number)
        ]
        for process in processes:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()
        for process in processes:
            _tell(process, "go")

        def finished() -> Outcomes:
            for process in processes:
                _tell(process, "stop")
            total = Outcomes()
            for process in processes:
                assert process.stdout is not None
                total.update(json.loads(process.stdout.readline()))
                assert 0 == process.wait()
            return total

        yield finished


def _tell(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def main() -> None:
    place, task, name, threads = sys.argv[1:]
    stop = threading.Event()

    def wait_for_stop() -> None:
        sys.stdin.readline()
        stop.set()

    with opened(place) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        # A daemon: whether or not it is told to stop, the process ends when its work does.
        threading.Thread(target=wait_for_stop, daemon=True).start()
        total = in_threads(store, TASKS[task], int(threads), name=name, stop=stop)
    print(json.dumps(total), flush=True)
    # Told to stop by the end of its work at the latest, so that nothing waits on stdin.
    stop.wait()


if __name__ == "__main__":
    main()
