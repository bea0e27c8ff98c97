"""
Units that share a commit, under any sequence of commands.

Each class opens with the sentence of the design that it proves.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankcore.bank import Bank
from bankcore.commands import Command, OpenAccount, PlaceHold, Reverse
from bankcore.errors import BankError
from bankcore.io import export_journal
from bankcore.ledger import AccountStore, Chained, verify
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.stores._group import Groups
from grouped import GroupedMemoryStore, as_one_group
from test_bank_properties import BALANCES, COMMANDS, LIMITS, NAMES, NOW, eur

Units = Sequence[tuple[Command, ...]]
Grouped = tuple[AccountStore, Groups]

# Few ids, so that some meet.
IDS = st.integers(0, 12).map("t-{}".format)
OTHERS: st.SearchStrategy[Command] = st.one_of(
    st.builds(Reverse, IDS), st.builds(PlaceHold, NAMES, st.integers(1, 100).map(eur))
)


@st.composite
def units(draw: st.DrawFn) -> Units:
    """
    Three openings, each a unit of its own or all in one, and units of one to three commands.
    """
    openings = tuple(
        OpenAccount(each, initial_balance=draw(BALANCES), overdraft_limit=draw(LIMITS))
        for each in ("a", "b", "c")
    )
    drawn: list[tuple[Command, ...]] = (
        [openings] if draw(st.booleans()) else [(each,) for each in openings]
    )
    command = st.one_of(COMMANDS, COMMANDS, OTHERS)
    drawn += [
        tuple(
            attrs.evolve(draw(command), transaction_id=draw(st.none() | IDS))
            for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3])))
        )
        for _ in range(draw(st.integers(1, 8)))
    ]
    return drawn


@contextmanager
def memory_store() -> Iterator[Grouped]:
    store = GroupedMemoryStore()
    yield store, store.groups


@contextmanager
def sqlite_store() -> Iterator[Grouped]:
    with TemporaryDirectory() as folder, SQLiteStore(Path(folder) / "bank.db") as store:
        yield store, store._connections.groups


def calls(store: AccountStore, all_units: Units) -> list[Callable[[], list[Any]]]:
    """
    Return a call for each unit; its ids are the same wherever and whenever it runs.
    """
    made: list[Callable[[], list[Any]]] = []
    for n, commands in enumerate(all_units):
        numbers = count()
        new_id = partial("m-{}-{}".format, n)
        bank = Bank(
            store,
            clock=lambda: NOW,
            new_id=lambda new_id=new_id, numbers=numbers: new_id(next(numbers)),  # type: ignore[misc]  # bound now
        )
        made.append(partial(bank.execute, commands))
    return made


def shown(outcomes: list[Any]) -> list[tuple[object, ...]]:
    """
    Return all that outcomes say, also what ``==`` ignores.
    """
    return [
        (repr(each), each.replayed, each.unused_ids if isinstance(each, BankError) else ())
        for each in outcomes
    ]


def kept(store: AccountStore) -> tuple[object, ...]:
    """
    Return all that the store has, to the byte.
    """
    assert isinstance(store, Chained)
    accounts = store.accounts()
    return (
        [*map(repr, accounts)],
        list(export_journal(store)),
        str(Bank(store, clock=lambda: NOW).checkpoint()),
        [store.chain_head(each.id) for each in accounts],
    )


class TestAGroup:
    """
    "Units that wait are decided together: … runs each `decide` over its own part of the snapshot
    as the earlier ones left it, writes all in one transaction, commits once, and hands each
    thread its own result."
    """

    @pytest.mark.parametrize("make_grouped", [memory_store, sqlite_store])
    @given(all_units=units(), split=st.integers(0, 4))
    def test_is_its_units_one_after_the_other(
        self, make_grouped: Callable[[], Any], all_units: Units, split: int
    ) -> None:
        """
        Outcomes, accounts, journal, hashes and checkpoint of a group are those of its units, run
        one by one, whatever was there before.
        """
        plain = MemoryStore()
        expected = [shown(call()) for call in calls(plain, all_units)]

        with make_grouped() as (store, groups):
            works = calls(store, all_units)
            answers = [work() for work in works[:split]]
            answers += as_one_group(groups, works[split:])

            assert expected == [shown(each) for each in answers]
            assert kept(plain) == kept(store)
            assert verify(store).is_clean
