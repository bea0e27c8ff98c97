"""
Writers are killed in the middle of their work: what was acknowledged is there.
"""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import children
import pytest
from children import ACCOUNTS, INITIAL_MINOR, bank_over, command_of, eur

from bankcore import TransactionId
from bankcore.commands import Deposit, Transfer
from bankcore.errors import TransactionNotFoundError
from bankcore.ledger import Refusal, Transaction, verify
from bankcore.stores import SQLiteStore

#: Each round kills every writer once: 500 rounds are 2,000 kills.
ROUNDS: Final = int(os.environ.get("BANKCORE_KILL_ROUNDS", "24"))
WRITERS: Final = ("north", "east", "south", "west")


@pytest.fixture(scope="module")
def server() -> Iterator[children.Server]:
    with children.server() as running:
        yield running


@pytest.fixture(params=["wal", "truncate"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """
    A closed store; whoever opens it keeps its journal mode.
    """
    path = tmp_path / "bank.db"
    with SQLiteStore(path, journal_mode=request.param, synchronous="extra") as store:
        bank = bank_over(store)
        for each in ACCOUNTS:
            bank.open_account(each, initial_balance=eur(INITIAL_MINOR), transaction_id=each)
    return path


def _killed(
    server: children.Server,
    path: Path,
    numbers: dict[str, int],
    acknowledgements: int,
    *,
    is_hasty: bool = False,
) -> dict[str, int]:
    """
    Let writers work from *numbers* on until so many *acknowledgements*, then kill them all: the
    last number that each had acknowledged.
    """
    tasks: list[tuple[str, dict[str, object]]] = [
        (
            "write_until_killed",
            {"path": str(path), "name": name, "number": number, "is_hasty": is_hasty},
        )
        for name, number in numbers.items()
    ]
    last = {name: number - 1 for name, number in numbers.items()}
    writers: list[int] = []
    is_over = False
    for said in server.ask(*tasks):
        writers = said.get("children", writers)
        if "name" in said:
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
            assert [-signal.SIGKILL] * len(numbers) == said["ended"]
    return last


def _is_there(store: SQLiteStore, name: str, number: int) -> bool:
    try:
        found = store.outcome(TransactionId(f"{name}-{number}"))
    except TransactionNotFoundError:
        return False
    return isinstance(found, Transaction) and found.command == command_of(name, number)


def _predicted(numbers: dict[str, int]) -> dict[str, int]:
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


def _journal(store: SQLiteStore) -> Iterator[Transaction | Refusal]:
    page = store.journal()
    while page.records:
        yield from page.records
        page = store.journal(after=page.next)


def test_what_was_acknowledged_survives_a_kill(server: children.Server, path: Path) -> None:
    """
    Four writers are killed at many random moments: every acknowledged id is there, the one in
    doubt is sent again, once, and the audit is clean.
    """
    dice = random.Random(82)  # the same every time
    numbers = dict.fromkeys(WRITERS, 1)
    for finished in range(1, ROUNDS + 1):
        last = _killed(server, path, numbers, dice.randint(1, 60))
        with SQLiteStore(path) as store:
            for name, first in numbers.items():
                for number in range(first, last[name] + 1):
                    assert _is_there(store, name, number), f"{name}-{number} is lost"
                # Nothing after the one in doubt was ever sent.
                in_doubt = last[name] + 1

                assert not _is_there(store, name, in_doubt + 1)
                was_there = _is_there(store, name, in_doubt)
                for is_replay in (was_there, True):
                    (outcome,) = bank_over(store).execute([command_of(name, in_doubt)])

                    assert isinstance(outcome, Transaction)
                    assert is_replay == outcome.replayed
                numbers[name] = in_doubt + 1

            # In a long run not each time, as all of a growing journal is read.
            if finished % -(-ROUNDS // 24) == 0 or finished == ROUNDS:
                assert () == verify(store).disagreements
                assert _predicted(numbers) == {
                    account.id.value: account.balance.amount_minor for account in store.accounts()
                }
    with SQLiteStore(path) as store:
        ids = [record.id for record in _journal(store)]

    assert len(ids) == len(set(ids)) == len(ACCOUNTS) + sum(n - 1 for n in numbers.values())
    assert len(ids) > 100


def test_a_store_that_acknowledges_before_the_commit_is_found_out(
    server: children.Server, path: Path
) -> None:
    """
    The same check finds that a store loses what it acknowledged before it was committed.
    """
    lost = 0
    number = 1
    for acknowledgements in (3, 9, 21, 5, 14, 2):
        last = _killed(server, path, {"hasty": number}, acknowledgements, is_hasty=True)
        with SQLiteStore(path) as store:
            lost += sum(
                not _is_there(store, "hasty", each) for each in range(number, last["hasty"] + 1)
            )
        number = last["hasty"] + 2

    assert lost > 0
