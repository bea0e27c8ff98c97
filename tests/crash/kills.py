"""
Processes that are killed in the middle of their work: ``python tests/crash/kills.py 2000``.

So many kills, of three processes at a time with 32 threads each. After each time every
acknowledged id is there, the ones in doubt are sent again, once, and the balances are what plain
integers say.
"""

import os
import random
import signal
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import attrs
import children
from children import ACCOUNTS, INITIAL_MINOR, bank_over, command_of, eur

from bankcore import AccountStore, TransactionId
from bankcore.commands import Deposit, Transfer
from bankcore.errors import TransactionNotFoundError
from bankcore.ledger import Refusal, Transaction, verify
from bankcore.stores import SQLiteStore
from bankcore.stores._sqlite._settings import JournalMode

#: The processes, when they are killed together.
PROCESSES: Final = ("north", "east", "south")
THREADS: Final = 32

# As many times processes are killed on one file; then it is looked at as a whole, and another one
# is made.
_ROUNDS_PER_FILE: Final = 25


@attrs.define
class Found:
    """The problems and counts after all kills."""

    kills: int = 0
    acknowledged: int = 0
    in_doubt_and_done: int = 0
    problems: list[str] = attrs.Factory(list)


def names_of(process: str, threads: int) -> list[str]:
    return [f"{process}{number}" for number in range(threads)]


def make(path: Path, mode: JournalMode = "wal") -> None:
    """Make a closed store; whoever opens it keeps its journal mode."""
    with SQLiteStore(path, journal_mode=mode, synchronous="extra") as store:
        fill(store)


def fill(store: AccountStore) -> None:
    bank = bank_over(store)
    for each in ACCOUNTS:
        bank.open_account(each, initial_balance=eur(INITIAL_MINOR), transaction_id=each)


def killed(
    server: children.Server,
    place: str | Path,
    processes: list[dict[str, int]],
    acknowledgements: int,
    *,
    is_hasty: bool = False,
) -> dict[str, int]:
    """
    Let processes work, each name from its number on, until so many *acknowledgements*, then kill
    them all: the last number that each name had acknowledged.
    """
    tasks: list[tuple[str, dict[str, object]]] = [
        ("write_until_killed", {"place": str(place), "numbers": numbers, "is_hasty": is_hasty})
        for numbers in processes
    ]
    last = {name: number - 1 for numbers in processes for name, number in numbers.items()}
    writers: list[int] = []
    is_over = False
    failures: list[object] = []
    for said in server.ask(*tasks):
        writers = said.get("children", writers)
        if "failed" in said:
            failures.append(said)
            acknowledgements = 0
        if "acknowledged" in said:
            # In order and none left out.
            assert last[said["name"]] + 1 == said["acknowledged"]
            last[said["name"]] += 1
            acknowledgements -= 1
        # A writer may speak before the server has said who they are.
        if acknowledgements <= 0 and not is_over and writers:
            is_over = True
            for writer in writers:
                os.kill(writer, signal.SIGKILL)
        if "ended" in said:
            assert [-signal.SIGKILL] * len(processes) == said["ended"]

    assert [] == failures
    return last


def is_there(store: AccountStore, name: str, number: int) -> bool:
    try:
        found = store.outcome(TransactionId(f"{name}-{number}"))
    except TransactionNotFoundError:
        return False
    return isinstance(found, Transaction) and found.command == command_of(name, number)


def predicted(numbers: dict[str, int]) -> dict[str, int]:
    """
    The balances once every writer has written all its commands before its number, in plain ints.
    """
    balances = dict.fromkeys(ACCOUNTS, INITIAL_MINOR)
    for name, end in numbers.items():
        for number in range(1, end):
            command = command_of(name, number)
            if isinstance(command, Deposit):
                balances[command.account_id.value] += command.amount.amount_minor
            else:
                assert isinstance(command, Transfer)
                balances[command.source_id.value] -= command.amount.amount_minor
                balances[command.destination_id.value] += command.amount.amount_minor
    return balances


def journal(store: AccountStore) -> Iterator[Transaction | Refusal]:
    page = store.journal()
    while page.records:
        yield from page.records
        page = store.journal(after=page.next)


def settle(
    store: AccountStore, numbers: dict[str, int], last: dict[str, int], found: Found
) -> None:
    """Look for all that was acknowledged, and send what is in doubt again."""
    for name, first in numbers.items():
        found.acknowledged += last[name] + 1 - first
        found.problems += (
            f"lost: {name}-{number}"
            for number in range(first, last[name] + 1)
            if not is_there(store, name, number)
        )
        # Nothing after the one in doubt was ever sent.
        in_doubt = last[name] + 1
        if is_there(store, name, in_doubt + 1):
            found.problems.append(f"never sent: {name}-{in_doubt + 1}")
        was_there = is_there(store, name, in_doubt)
        found.in_doubt_and_done += was_there
        for is_replay in (was_there, True):
            (outcome,) = bank_over(store).execute([command_of(name, in_doubt)])
            if not isinstance(outcome, Transaction) or outcome.replayed != is_replay:
                found.problems.append(f"{name}-{in_doubt}, sent again: {outcome}")
        numbers[name] = in_doubt + 1


def look(store: AccountStore, numbers: dict[str, int], found: Found) -> None:
    """Look at the file as a whole."""
    found.problems += map(str, verify(store).disagreements)
    balances = {account.id.value: account.balance.amount_minor for account in store.accounts()}
    if balances != predicted(numbers):
        found.problems.append(f"{balances} instead of {predicted(numbers)}")
    ids = [record.id for record in journal(store)]
    if not len(ids) == len(set(ids)) == len(ACCOUNTS) + sum(n - 1 for n in numbers.values()):
        found.problems.append(f"{len(ids)} in the journal, {len(set(ids))} ids")


def run(kills: int, directory: Path, *, threads: int = THREADS, is_hasty: bool = False) -> Found:
    """
    Kill so often, look after each time, and return what was found.

    With *is_hasty* there is one process, which acknowledges what it has not committed.
    """
    found = Found()
    dice = random.Random(82)  # the same every time
    with children.server() as server:
        while found.kills < kills and not found.problems:
            path = directory / f"{found.kills}.db"
            make(path, dice.choice(("wal", "wal", "truncate")))
            names = [names_of(each, threads) for each in PROCESSES[: 1 if is_hasty else None]]
            every = dict.fromkeys(chain(*names), 1)
            for _ in range(_ROUNDS_PER_FILE):
                processes = [{name: every[name] for name in each} for each in names]
                most = dice.randint(1, 20 * threads)
                last = killed(server, path, processes, most, is_hasty=is_hasty)
                found.kills += len(processes)
                with SQLiteStore(path) as store:
                    settle(store, every, last, found)
                if found.kills >= kills or found.problems:
                    break
            with SQLiteStore(path) as store:
                look(store, every, found)
    return found


def main(kills: str) -> None:
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with TemporaryDirectory(dir=memory) as directory:
        found = run(int(kills), Path(directory))
    print(found.kills, "kills,", found.acknowledged, "acknowledged,", found.in_doubt_and_done)
    print("\n".join([f"{len(found.problems)} problems", *found.problems[:20]]))
    sys.exit(bool(found.problems))


if __name__ == "__main__":
    main(*sys.argv[1:])
