"""
How often the store on PostgreSQL waits for the server, as a proxy between them counts.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import attrs
import pytest
from children import WRITES, bank_over, eur

from bankcore import Bank
from bankcore.commands import Command, Deposit, OpenAccount, Transfer
from bankcore.stores import PostgresStore
from postgres_proxy import Proxy

pytestmark = pytest.mark.every_postgres

#: One turn locks and reads, one writes and commits; one is left for what is recorded already, or
#: was not known to be needed.
TURNS_MAX: Final = 3

LONG: Final[dict[str, Sequence[Command]]] = {
    "10,000 deposits": [
        Deposit(f"a-{n % 100}", eur(1), transaction_id=f"n-{n}") for n in range(10_000)
    ],
    "10,000 transfers": [
        Transfer(f"a-{n % 100}", f"a-{(7 * n + 1) % 100}", eur(1), transaction_id=f"n-{n}")
        for n in range(10_000)
    ],
}


@attrs.frozen
class Counted:
    """A bank, with the proxy between its store and the server."""

    bank: Bank
    proxy: Proxy

    def execute(
        self, commands: Sequence[Command], *, atomic: bool = False
    ) -> tuple[int, list[bool]]:
        """Return in how many turns *commands* are executed, and which of them are replayed."""
        before = self.proxy.turns
        outcomes = self.bank.execute(commands, atomic=atomic)
        turns = self.proxy.turns - before
        return turns, [outcome.replayed for outcome in outcomes]


@pytest.fixture
def counted(postgres: str) -> Iterator[Counted]:
    with Proxy(postgres) as proxy, PostgresStore(proxy.conninfo) as store:
        yield Counted(bank_over(store), proxy)


@pytest.mark.parametrize(
    "write", [name for name, (_, is_atomic) in WRITES.items() if not is_atomic]
)
def test_a_write_waits_three_times_at_most(counted: Counted, write: str) -> None:
    """
    Whatever is booked or refused, in one command or in several, takes three turns at most; and so
    does its replay.
    """
    bank = counted.bank
    for name, minor in (("alice", 90), ("bob", 100), ("dave", 5)):
        bank.open_account(name, initial_balance=eur(minor))
    bank.transfer("bob", "alice", eur(20), transaction_id="t-3")
    bank.place_hold("alice", eur(10), transaction_id="h-1")
    commands, _ = WRITES[write]
    turns, are_replayed = counted.execute(commands)
    again, are_replayed_again = counted.execute(commands)

    assert turns <= TURNS_MAX
    assert again <= TURNS_MAX
    assert ({False}, {True}) == ({*are_replayed}, {*are_replayed_again})


@pytest.mark.parametrize("is_atomic", [False, True])
@pytest.mark.parametrize("batch", LONG)
def test_a_batch_waits_no_more_often(counted: Counted, batch: str, is_atomic: bool) -> None:
    """
    Ten thousand commands are written in as many turns as one, and replayed.
    """
    counted.execute([OpenAccount(f"a-{n}", initial_balance=eur(1_000)) for n in range(100)])
    turns, are_replayed = counted.execute(LONG[batch], atomic=is_atomic)
    again, are_replayed_again = counted.execute(LONG[batch], atomic=is_atomic)

    assert turns <= TURNS_MAX
    assert again <= TURNS_MAX
    assert [False] * 10_000 == are_replayed
    assert [True] * 10_000 == are_replayed_again


def test_an_account_is_read_in_one_turn(counted: Counted) -> None:
    """
    A balance costs one turn.
    """
    counted.bank.open_account("alice", initial_balance=eur(1))
    before = counted.proxy.turns
    counted.bank.account("alice")

    assert 1 == counted.proxy.turns - before
