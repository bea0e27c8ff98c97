"""
The memory store: a write is there whole or not at all, whatever is raised on whatever line.

That it keeps the contract is shown in ``test_contract.py``.
"""

import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

import pytest

from bankcore import AccountId, Bank, Money
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.ledger import Refusal
from bankcore.ledger import _find as find
from bankcore.stores import MemoryStore
from bankcore.stores import _memory as memory
from bankcore.testing._conformance import helpers as contract
from bankcore.values import TransactionId


class _RaisedOnThisLineError(BaseException):
    """
    As final as a `KeyboardInterrupt`: nothing on its way may catch it.
    """


def _raising_at(place: int, module: ModuleType = memory) -> tuple[Callable[..., Any], list[int]]:
    """
    A trace function that raises at the *place*-th line executed in the *module*, and the numbers
    of the lines it has seen.
    """
    lines: list[int] = []

    def trace(frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        if frame.f_code.co_filename != module.__file__:
            return None
        if event == "line":
            lines.append(frame.f_lineno)
            if len(lines) == place:
                raise _RaisedOnThisLineError
        return trace

    return trace, lines


COMMANDS: dict[str, tuple[Command, ...]] = {
    "open": (OpenAccount("carol", initial_balance=contract.eur(5), transaction_id="n-1"),),
    "deposit": (Deposit("alice", contract.eur(5), transaction_id="n-1"),),
    "refused": (Withdraw("alice", contract.eur(10_000), transaction_id="n-1"),),
    "batch": (
        OpenAccount("carol", initial_balance=contract.eur(5), transaction_id="n-1"),
        Transfer("alice", "carol", contract.eur(7), transaction_id="n-2"),
        Withdraw("carol", contract.eur(10_000), transaction_id="n-3"),
        Transfer("carol", "bob", contract.eur(1), transaction_id="n-4"),
        Deposit("bob", contract.eur(2), transaction_id="n-5"),
    ),
}


def _bank() -> tuple[MemoryStore, Bank]:
    store = MemoryStore()
    bank = contract.bank_over(store)
    bank.open_account("alice", initial_balance=contract.eur(100), transaction_id="t-1")
    bank.open_account("bob", initial_balance=contract.eur(100), transaction_id="t-2")
    return store, bank


@pytest.mark.parametrize("commands", COMMANDS.values(), ids=COMMANDS.keys())
def test_all_or_nothing_whatever_line_raises(commands: tuple[Command, ...]) -> None:
    """
    An exception raised at any line of `transact` leaves all of the unit or nothing of it, and
    sent again, the same ids give the outcomes that they would have had.
    """
    store, bank = _bank()
    before = contract.contents_of(store)
    outcomes = [contract.exactly([outcome])[0][1] for outcome in bank.execute(commands)]
    after = contract.contents_of(store)
    seen = []
    place = 0
    while True:
        place += 1
        store, bank = _bank()
        trace, lines = _raising_at(place)
        previous = sys.gettrace()
        sys.settrace(trace)
        try:
            bank.execute(commands)
        except _RaisedOnThisLineError:
            is_raised = True
        else:
            is_raised = False
        finally:
            sys.settrace(previous)
        found = contract.contents_of(store)
        seen.append(found)

        assert found in (before, after)
        if not is_raised:
            break
        again = [
            repr(outcome).replace("replayed=True", "replayed=False")
            for outcome in bank.execute(commands)
        ]

        assert outcomes == again
        assert after == contract.contents_of(store)

    # Every line of `transact` was among them, before the write and after it.
    assert seen == sorted(seen, key=lambda contents: contents == after)
    assert before in seen
    assert len(lines) == place - 1
    assert len(set(lines)) > 15


def test_a_search_that_is_interrupted_hides_nothing() -> None:
    """
    After an exception at any line of a search, all transactions are found, each once.
    """
    pair = {"order": "1017"}
    place = 0
    is_raised = True
    while is_raised:
        place += 1
        _, bank = _bank()
        bank.transfer("alice", "bob", contract.eur(7), metadata=pair, transaction_id="t-3")
        bank.deposit("bob", contract.eur(5), metadata=pair, transaction_id="t-4")
        trace, lines = _raising_at(place, find)
        previous = sys.gettrace()
        sys.settrace(trace)
        try:
            bank.transactions()
            is_raised = False
        except _RaisedOnThisLineError:
            pass
        finally:
            sys.settrace(previous)
        searches: tuple[dict[str, Any], ...] = ({}, {"account_id": "bob"}, {"metadata": pair})
        found = [[each.id.value for each in bank.transactions(**each)] for each in searches]

        assert [["t-1", "t-2", "t-3", "t-4"], ["t-2", "t-3", "t-4"], ["t-3", "t-4"]] == found

    assert len(set(lines)) > 20


def test_readers_never_see_half_of_a_unit() -> None:
    """
    While transfers are written, whoever reads all accounts finds the same total.
    """
    store, bank = _bank()
    done = threading.Event()
    totals: set[int] = set()

    def read() -> None:
        while not done.is_set():
            totals.add(sum(account.balance.amount_minor for account in store.accounts()))

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(500):
        source, destination = ("alice", "bob") if n % 2 else ("bob", "alice")
        bank.transfer(source, destination, Money("0.50", "EUR"))
    done.set()
    reader.join()

    assert {200} == totals


def test_stores_are_apart() -> None:
    """
    Two stores share nothing.
    """
    first, bank = _bank()
    bank.deposit("alice", contract.eur(1))

    assert ([], []) == contract.contents_of(MemoryStore())
    assert 3 == len(contract.journal_of(first))


_FORK = """
import os
from bankcore import Bank, Money
from bankcore.stores import MemoryStore
bank = Bank(MemoryStore())
bank.open_account("alice", initial_balance=Money("10", "EUR"))
child = os.fork()
bank.deposit("alice", Money("1" if child else "2", "EUR"))
if child:
    os.waitpid(child, 0)
os.write(1, f"{bank.account('alice').balance}\\n".encode())
os._exit(0)
"""


def test_each_process_has_its_own() -> None:
    """
    After a fork, what the child books is not in its parent's store, nor the other way round.
    """
    said = subprocess.run(
        [sys.executable, "-W", "error", "-c", _FORK], capture_output=True, text=True, check=True
    )

    assert ["EUR 12.00", "EUR 11.00"] == said.stdout.splitlines()


def test_repr_says_how_much_is_in_it() -> None:
    """
    The repr counts the records, refusals among them.
    """
    store, _ = _bank()
    contract.append(store, [contract.refusal("t-9")])

    assert "<MemoryStore with 3 records>" == repr(store)
    assert isinstance(store.outcome(TransactionId("t-9")), Refusal)
    assert 1 == store.account(AccountId("alice")).version


def test_it_takes_the_place_of_a_store_that_is_closed() -> None:
    """
    A program that closes its store, by hand or at the end of a block, runs on this one too.
    """
    with MemoryStore() as store:
        Bank(store).open_account("alice", initial_balance=Money("5", "EUR"))
    store.close()

    assert Money("5", "EUR") == store.account(AccountId("alice")).balance
