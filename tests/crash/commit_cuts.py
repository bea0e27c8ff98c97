"""
Connections that are cut around COMMIT: ``python tests/crash/commit_cuts.py 1000``.

So many operations on a PostgreSQL store, by threads that share its accounts. Of the commits about
a third go wrong, by a seed: the connection is cut before COMMIT is sent, while it is executed, in
the middle of its answer or before it, or the server says that it does not know, or warns. In the
end each operation has had one effect, told to its caller once, and the balances are what plain
integers say.
"""

import random
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

import attrs
from children import ACCOUNTS, INITIAL_MINOR, NOW, command_of, eur
from kills import journal, names_of, predicted

from bankcore import Bank, BankError
from bankcore.errors import OutcomeUnknownError
from bankcore.ledger import ReadSet, Snapshot, Transaction, WriteSet, verify
from bankcore.stores import PostgresStore
from postgres_proxy import Cut, Error, Fault, Point, Proxy, Statement, Warn
from servers import VERSIONS, database, running

#: What may go wrong with a COMMIT.
FAULTS: Final[Sequence[Fault]] = (
    *map(Cut, Point),
    Error("40003"),
    Error("40003", is_done=True),
    Error("57P01", is_fatal=True),
    Error("57P01", is_fatal=True, is_done=True),
    Error("08006", is_fatal=True, is_done=True),
    Warn("01000", "canceling wait for synchronous replication due to user request"),
)

_SHARE: Final = 0.3

#: Does one command, whatever happens, and returns the receipt.
Operate = Callable[[PostgresStore, str, int], Transaction]


def careful(store: PostgresStore, name: str, number: int) -> Transaction:
    """
    The bank finds out by itself what became of a commit.
    """
    (outcome,) = Bank(store, clock=lambda: NOW).execute([command_of(name, number)])
    if isinstance(outcome, BankError):
        raise outcome
    return outcome


def blind(store: PostgresStore, name: str, number: int) -> Transaction:
    """
    A broken application: it does again, under another id, what may have been done.
    """
    bank = Bank(store, clock=lambda: NOW, deadline=timedelta())
    command = command_of(name, number)
    while True:
        try:
            (outcome,) = bank.execute([command])
        except OutcomeUnknownError:
            command = attrs.evolve(command, transaction_id=f"{command.transaction_id}-again")
        else:
            assert isinstance(outcome, Transaction)
            return outcome


class TrustingStore(PostgresStore):
    """
    A broken store, which takes doubt for success.
    """

    def transact(self, reads: ReadSet, decide: Callable[[Snapshot], WriteSet]) -> WriteSet:
        decided: list[WriteSet] = []

        def decide_and_keep(snapshot: Snapshot) -> WriteSet:
            decided.append(decide(snapshot))
            return decided[-1]

        try:
            return super().transact(reads, decide_and_keep)
        except OutcomeUnknownError:
            return decided[-1]


@attrs.define
class Found:
    """The problems and counts after all operations."""

    operations: int = 0
    faults: int = 0
    problems: list[str] = attrs.Factory(list)


def run(
    operations: int,
    conninfo: str,
    *,
    threads: int = 4,
    seed: int = 82,
    operate: Operate = careful,
    store_class: type[PostgresStore] = PostgresStore,
) -> Found:
    """
    Do so many operations in an empty database while commits go wrong, and look what came of it.
    """
    found = Found(operations)
    dice = random.Random(seed)
    numbers = dict.fromkeys(names_of("north", threads), operations // threads + 1)

    def plan(statement: Statement) -> Fault | None:
        if not statement.is_commit or dice.random() >= _SHARE:
            return None
        found.faults += 1
        return dice.choice(FAULTS)

    with Proxy(conninfo) as proxy, store_class(proxy.conninfo) as store:
        bank = Bank(store, clock=lambda: NOW)
        for each in ACCOUNTS:
            bank.open_account(each, initial_balance=eur(INITIAL_MINOR), transaction_id=each)
        receipts: dict[str, Transaction] = {}

        def write(name: str) -> None:
            for number in range(1, numbers[name]):
                try:
                    receipts[f"{name}-{number}"] = operate(store, name, number)
                except Exception as error:  # noqa: BLE001  # whatever it is, it is told
                    found.problems.append(f"{name}-{number}: {error!r}")

        proxy.plan = plan
        working = [threading.Thread(target=write, args=(name,)) for name in numbers]
        for thread in working:
            thread.start()
        for thread in working:
            thread.join()
    with PostgresStore(conninfo) as store:
        _look(store, numbers, receipts, found)
    return found


def _look(
    store: PostgresStore, numbers: dict[str, int], receipts: dict[str, Transaction], found: Found
) -> None:
    """Compare what was told with what is recorded, and the balances with plain integers."""
    recorded = {record.id.value: record for record in journal(store)}
    expected = {f"{name}-{number}" for name in numbers for number in range(1, numbers[name])}
    if missing := expected - set(recorded):
        found.problems.append(f"no effect: {sorted(missing)}")
    if more := set(recorded) - expected - set(ACCOUNTS):
        found.problems.append(f"never asked for: {sorted(more)}")
    for transaction_id, receipt in receipts.items():
        if receipt.replayed or receipt != recorded.get(transaction_id):
            found.problems.append(f"told of {transaction_id}: {receipt}")
    balances = {account.id.value: account.balance.amount_minor for account in store.accounts()}
    if balances != predicted(numbers):
        found.problems.append(f"{balances} instead of {predicted(numbers)}")
    found.problems += map(str, verify(store).disagreements)


def main(operations: str, version: str = VERSIONS[-1]) -> None:
    with database(running(version)) as conninfo:
        found = run(int(operations), conninfo)
    print(found.operations, "operations,", found.faults, "commits that went wrong")
    print("\n".join([f"{len(found.problems)} problems", *found.problems[:20]]))
    sys.exit(bool(found.problems))


if __name__ == "__main__":
    main(*sys.argv[1:])
