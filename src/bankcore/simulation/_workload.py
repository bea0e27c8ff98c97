"""
The workload: which operations the simulated customers send, in which order, at what time.

Decided here: the mix of operations, and how they follow from the seed. The clock is simulated
too, one second for each operation. Every operation has its own id, and some are sent twice, as by
a client that got no answer.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import attrs

from bankcore.bank import Bank
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.ledger import AccountStore
from bankcore.ledger._errors import InvalidBatchError
from bankcore.money import Money
from bankcore.simulation._report import CURRENCY, Report, Tally
from bankcore.values import TransactionId

#: The most accounts and the most operations of one simulation.
ACCOUNTS_MAX: Final = 100_000
OPERATIONS_MAX: Final = 10_000_000

_BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)
# Of a hundred operations: deposits, withdrawals, and transfers for the rest.
_DEPOSITS: Final = 35
_WITHDRAWALS: Final = 30
# One operation in so many names an unknown account, and one in so many is sent again.
_UNKNOWN_EVERY: Final = 100
_RESENT_EVERY: Final = 50


@attrs.frozen
class Workload:
    """
    The size of a simulation, in *accounts* and *operations*, and the *seed* of it all.

    Raises:
        InvalidBatchError: If there are not 2 to 100,000 accounts, or 0 to 10,000,000
            operations.
    """

    accounts: int = 100
    operations: int = 10_000
    seed: int = 1

    def __attrs_post_init__(self) -> None:
        if not 2 <= self.accounts <= ACCOUNTS_MAX:
            reason = f"a simulation has 2 to {ACCOUNTS_MAX:,} accounts"
            raise InvalidBatchError(reason).about("accounts")
        if not 0 <= self.operations <= OPERATIONS_MAX:
            reason = f"a simulation has 0 to {OPERATIONS_MAX:,} operations"
            raise InvalidBatchError(reason).about("operations")

    @property
    def prefix(self) -> str:
        """The beginning of all ids of this workload, so that several can share a store."""
        return f"s{self.seed}-{self.accounts}"

    def account_id(self, number: int) -> str:
        return f"{self.prefix}-a{number:05d}"

    def openings(self) -> list[OpenAccount]:
        """Return the commands that open the accounts; every tenth has an overdraft limit."""
        random = Random(f"{self.prefix}-openings")
        return [
            OpenAccount(
                self.account_id(number),
                initial_balance=Money(random.randrange(0, 1_000), CURRENCY),
                overdraft_limit=Money(500 if number % 10 == 0 else 0, CURRENCY),
                transaction_id=f"{self.prefix}-open{number:05d}",
            )
            for number in range(self.accounts)
        ]

    def commands(self) -> Iterator[Command]:
        """Yield the operations in order; one that is sent twice comes twice."""
        random = Random(f"{self.prefix}-operations")
        for number in range(self.operations):
            command = self._command(random, TransactionId(f"{self.prefix}-t{number:08d}"))
            yield command
            if random.randrange(_RESENT_EVERY) == 0:
                yield command

    def _command(self, random: Random, transaction_id: TransactionId) -> Command:
        # Small amounts are common and large ones rare: spread evenly over powers of ten.
        amount = Money.from_minor(round(10 ** random.uniform(0, 5)), CURRENCY)
        kind = random.randrange(100)
        first, second = random.sample(range(self.accounts), 2)
        if random.randrange(_UNKNOWN_EVERY) == 0:
            first = self.accounts
        source, destination = self.account_id(first), self.account_id(second)
        if kind < _DEPOSITS:
            return Deposit(source, amount, transaction_id=transaction_id)
        if kind < _DEPOSITS + _WITHDRAWALS:
            return Withdraw(source, amount, transaction_id=transaction_id)
        return Transfer(source, destination, amount, transaction_id=transaction_id)


class _SimulatedClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = _BEGINNING

    def __call__(self) -> datetime:
        return self.now


def run(
    store: AccountStore,
    workload: Workload,
    *,
    on_acknowledged: Callable[[TransactionId], object] = lambda _: None,
    on_progress: Callable[[int], object] = lambda _: None,
) -> Report:
    """
    Send *workload* through a bank over *store*, one durable write for each operation.

    *on_acknowledged* is called with each id as soon as its outcome is durable, *on_progress* with
    the number of operations done, one that is sent twice counting once. Operations that the store
    has recorded before are replayed.

    Raises:
        StoreError: If the store fails. What was acknowledged stays.
    """
    clock = _SimulatedClock()
    bank = Bank(store, clock=clock)
    tally = Tally()
    openings = workload.openings()
    for opening, outcome in zip(openings, bank.execute(openings), strict=True):
        tally.add(opening, outcome)
        on_acknowledged(_id(opening))
    sent = None
    done = 0
    for command in workload.commands():
        if command is not sent:
            clock.now += timedelta(seconds=1)
            done += 1
        sent = command
        (outcome,) = bank.execute((command,))
        tally.add(command, outcome)
        on_acknowledged(_id(command))
        on_progress(done)
    return Report.of(bank, store, tally)


def _id(command: Command) -> TransactionId:
    if command.transaction_id is None:
        raise TypeError("a simulated command carries its id")
    return command.transaction_id
