"""
The simulation: everything follows from the seed, and the report can fail.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import Money, Transaction, TransactionId
from bankcore.commands import Command, Deposit
from bankcore.errors import InvalidBatchError
from bankcore.simulation import Workload, run
from bankcore.simulation._report import CURRENCY
from bankcore.stores import MemoryStore, SQLiteStore

SMALL = Workload(accounts=10, operations=400, seed=7)


def contents(store: Any) -> tuple[Any, Any]:
    return store.accounts(limit=1000), store.journal(limit=10_000).records


def test_one_seed_one_bank(tmp_path: Path) -> None:
    """The same seed gives the same accounts, transactions and refusals, on every store."""
    first, second = MemoryStore(), MemoryStore()
    run(first, SMALL)
    run(second, SMALL)
    with SQLiteStore(tmp_path / "bank.db") as on_disk:
        run(on_disk, SMALL)

        assert contents(first) == contents(second) == contents(on_disk)


def test_another_seed_another_bank() -> None:
    """Another seed gives other amounts and another course of events."""
    first, second = MemoryStore(), MemoryStore()
    run(first, SMALL)
    run(second, attrs.evolve(SMALL, seed=8))

    amounts = [
        [
            record.command.amount
            for record in contents(store)[1]
            if isinstance(record.command, Deposit)
        ]
        for store in (first, second)
    ]
    assert amounts[0] != amounts[1]


def test_the_report_counts_every_answer() -> None:
    """What was sent is what was booked and refused, and the retries, which all replayed."""
    report = run(MemoryStore(), SMALL)
    tally = report.tally

    answered = sum(tally.booked.values()) + sum(tally.refused.values())
    assert (10 + 400, 10 + 400 + tally.retries) == (answered, tally.sent)
    assert tally.replayed == tally.retries > 0
    assert {"OpenAccount", "Deposit", "Withdraw", "Transfer"} == set(tally.booked)
    assert {"account_not_found", "insufficient_funds"} == {code for _, code in tally.refused}
    assert report.is_clean


def test_running_again_goes_on_from_there() -> None:
    """On a store that holds the beginning of a workload, it replays, and the rest is booked."""
    whole, resumed = MemoryStore(), MemoryStore()
    run(whole, SMALL)
    run(resumed, attrs.evolve(SMALL, operations=150))
    report = run(resumed, SMALL)

    assert contents(whole) == contents(resumed)
    assert report.is_clean
    assert report.tally.replayed > 150


def test_two_workloads_share_a_store() -> None:
    """Workloads of other seeds and sizes have other ids, and do not meet."""
    store = MemoryStore()

    assert run(store, SMALL).is_clean
    assert run(store, attrs.evolve(SMALL, seed=8)).is_clean
    assert run(store, attrs.evolve(SMALL, accounts=11)).is_clean


def test_every_acknowledged_id_is_told_in_order() -> None:
    """Each operation is told as soon as its outcome is durable, refusals included."""
    store = MemoryStore()
    told: list[TransactionId] = []
    progress: list[int] = []
    run(store, SMALL, on_acknowledged=told.append, on_progress=progress.append)

    assert [record.id for record in contents(store)[1]] == list(dict.fromkeys(told))
    assert progress == sorted(progress)
    assert (1, SMALL.operations) == (progress[0], progress[-1])


def test_missing_money_is_reported() -> None:
    """A store that loses a cent makes the report fail: the equation and the audit."""
    store = MemoryStore()
    report = run(store, SMALL)
    key = ("account", SMALL.account_id(3))
    account = store._kept[key]
    store._kept[key] = attrs.evolve(
        account,
        balance=account.balance - Money.from_minor(1, "EUR"),
        overdraft_limit=Money(9, "EUR"),
    )

    failed = run(store, attrs.evolve(SMALL, operations=0))
    assert report.is_clean
    assert (failed.is_balanced, failed.audit.is_clean) == (False, False)
    assert not failed.is_clean


def test_money_that_only_the_audit_misses_is_reported() -> None:
    """A report is clean only if the audit is: sums alone do not see a changed history."""
    store = MemoryStore()
    report = run(store, SMALL)
    (wrong,) = [record for record in contents(store)[1][:1] if isinstance(record, Transaction)]
    posting = attrs.evolve(wrong.postings[0], version=9)
    tampered = attrs.evolve(wrong, postings=(posting,))
    store._kept["journal", 1] = tampered

    failed = run(store, SMALL)
    assert report.is_clean
    assert (failed.is_balanced, failed.audit.is_clean, failed.is_clean) == (True, False, False)


class WithoutIds(Workload):
    """
    A workload whose commands carry no ids, as none should be written.
    """

    def commands(self) -> Iterator[Command]:
        yield Deposit(self.account_id(0), Money("1", CURRENCY))


def test_a_command_without_an_id_is_a_mistake() -> None:
    """A simulated command that carries no id could not be told, and is no workload's."""
    told: list[TransactionId] = []
    with pytest.raises(TypeError, match="carries its id"):
        run(MemoryStore(), WithoutIds(accounts=2), on_acknowledged=told.append)

    assert 2 == len(told)


@pytest.mark.parametrize(
    ("accounts", "operations", "field"),
    [
        (1, 10, "accounts"),
        (100_001, 10, "accounts"),
        (2, -1, "operations"),
        (2, 10_000_001, "operations"),
    ],
)
def test_sizes_have_bounds(accounts: int, operations: int, field: str) -> None:
    """A workload too small or too large is refused before anything is written."""
    with pytest.raises(InvalidBatchError) as caught:
        Workload(accounts=accounts, operations=operations)

    assert field == caught.value.field
