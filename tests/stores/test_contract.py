"""
The stores that ship keep every promise of `bankcore.store`.
"""

import tempfile
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import contract
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankcore import AccountId, AccountStore, Currency, Money
from bankcore.commands import COMMANDS, Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import RECORDED_ERRORS
from bankcore.ids import TransactionId
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.transaction import Refusal, Transaction


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with SQLiteStore(tmp_path / "bank.db") as made:
        yield made


@pytest.mark.parametrize("check", contract.CHECKS.values(), ids=contract.CHECKS.keys())
def test_promise(check: contract.Check, store: AccountStore) -> None:
    """
    The check's own docstring is the claim; it holds for every store.
    """
    check(store)


def test_cases_cover_all_that_can_be_recorded() -> None:
    """
    What is written in order to be read back has every kind of command, in transactions and in
    refusals, and every error that can be recorded.
    """
    records = [record for record, _ in contract.cases()]
    kinds = set(COMMANDS.values())

    assert kinds == {type(r.command) for r in records if isinstance(r, Transaction)}
    assert kinds == {type(r.command) for r in records if isinstance(r, Refusal)}
    assert set(RECORDED_ERRORS) == {r.code for r in records if isinstance(r, Refusal)}


# -- Whatever a command may carry --------------------------------------------

_ids = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", fullmatch=True)
_currencies = st.builds(
    Currency,
    st.from_regex(r"[A-Z][A-Z0-9]{1,11}", fullmatch=True),
    exponent=st.integers(0, 18),
)
_descriptions = st.none() | st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=60
)
# UTC has no repeated hour, so `fold` means nothing there and is not kept.
_instants = st.datetimes(timezones=st.just(UTC)).map(lambda instant: instant.replace(fold=0))


@st.composite
def _records(draw: st.DrawFn) -> Refusal:
    currency = draw(_currencies)
    amount = Money.from_minor(draw(st.integers(1, contract.LARGEST_MINOR)), currency)
    common: dict[str, Any] = {
        "transaction_id": draw(_ids),
        "booked_at": draw(st.none() | _instants),
        "description": draw(_descriptions),
    }
    source, destination = draw(st.lists(_ids, min_size=2, max_size=2, unique=True))
    command: Command = draw(
        st.sampled_from(
            (
                OpenAccount(source, initial_balance=amount, overdraft_limit=amount, **common),
                Deposit(source, amount, **common),
                Withdraw(source, amount, **common),
                Transfer(source, destination, amount, **common),
            )
        )
    )
    facts = {"account_id": AccountId(source), "available": -amount, "requested": amount}
    return Refusal(
        TransactionId(common["transaction_id"]),
        command,
        draw(_instants),
        "insufficient_funds",
        facts,
        draw(st.none() | st.text(max_size=20)),
    )


class TestFidelity:
    """
    "The journal is transactions and refusals, and it is enough: from its commands, times and
    ids alone, running `decide` again from an empty store gives every account, posting and
    refusal back, exactly."

    For that, each of them must come back from storage as it was written.
    """

    @given(records=st.lists(_records(), max_size=8, unique_by=lambda record: record.id))
    def test_records_come_back(self, records: list[Refusal]) -> None:
        """
        What is appended is what is read, in the same order.
        """
        with (
            tempfile.TemporaryDirectory() as directory,
            SQLiteStore(Path(directory) / "bank.db") as sqlite,
        ):
            for store in (MemoryStore(), sqlite):
                contract.append(store, records)

                assert contract.exactly(records) == contract.exactly(contract.journal_of(store))
