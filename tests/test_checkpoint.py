"""
Checkpoints: what they say, how they are read, and what an audit finds with one.
"""

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import Bank, Money, Principal
from bankcore.commands import Withdraw
from bankcore.errors import AccessDeniedError, InvalidCheckpointError, StoreCorruptedError
from bankcore.ledger import (
    Checkpoint,
    Cursor,
    MerkleRoot,
    Page,
    Refusal,
    content_of,
    to_checkpoint,
    verify,
)
from bankcore.stores import MemoryStore, SQLiteStore
from bankcore.testing._conformance.helpers import fill, journal_of

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TEXT = (
    "bankcore checkpoint 1\n"
    "taken 2026-05-01T12:00:00.000000+00:00\n"
    "accounts 1\n"
    "transactions 2\n"
    "refusals 1\n"
    "accounts-root 5f8c2d1c1b9c0d2f9be4a0ba2b1ee1f7f6c6f8f5e0f9a1c2b3d4e5f60718293a\n"
    "refusals-root e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
    "journal-root 0000000000000000000000000000000000000000000000000000000000000000"
)


def bank_over(store: Any) -> Bank:
    numbers = count(1)
    instants = (NOON + timedelta(minutes=number) for number in range(1000))
    return Bank(store, clock=lambda: next(instants), new_id=lambda: f"made-{next(numbers)}")


def eur(amount: str) -> Money:
    return Money(amount, "EUR")


# -- The text ----------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "\n"])
def test_text_is_read_back(end: str) -> None:
    """
    What `str` writes, `parse` reads, with or without an end of the last line.
    """
    checkpoint = Checkpoint.parse(TEXT + end)

    assert TEXT == str(checkpoint)
    assert (NOON, 1, 2, 1, 3) == (
        checkpoint.taken_at,
        checkpoint.accounts,
        checkpoint.transactions,
        checkpoint.refusals,
        checkpoint.records,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bankcore checkpoint 1",
        TEXT + "\n\n",
        "\n" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("checkpoint 1", "checkpoint 2"),
        TEXT.replace("accounts 1", "accounts 01"),
        TEXT.replace("accounts 1", "accounts -1"),
        TEXT.replace("accounts 1", "accounts １"),
        TEXT.replace("accounts 1", "accounts " + "1" * 19),
        TEXT.replace("e3b0", "E3B0"),
        TEXT.replace("e3b0", "e3b"),
        TEXT.replace("2026-05-01", "2026-13-01"),
        TEXT.replace("+00:00", "-00:00:00")[:400],
        "\n".join(TEXT.split("\n")[::-1]),
        "x" * 10_000,
    ],
    ids=lambda text: repr(text[:40]),
)
def test_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    """
    Nothing but what `str` writes is read.
    """
    with pytest.raises(InvalidCheckpointError):
        Checkpoint.parse(text)


@pytest.mark.parametrize("value", [None, 7, b"bankcore checkpoint 1", MemoryStore])
def test_value_that_is_no_checkpoint_is_refused(value: object) -> None:
    """
    Where a checkpoint is needed, only one and its text will do.
    """
    with pytest.raises(InvalidCheckpointError, match="it must be a Checkpoint or its text"):
        to_checkpoint(value)


def test_an_error_of_verify_names_the_argument() -> None:
    """
    What is no checkpoint is named as the argument that it was given as.
    """
    with pytest.raises(InvalidCheckpointError) as raised:
        verify(MemoryStore(), against="hello")

    assert "against" == raised.value.field


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "line 1 must be 'bankcore checkpoint 1', got 'hello'"),
        (
            "\ufeff" + TEXT,
            "line 1 must be 'bankcore checkpoint 1', got '\\ufeffbankcore checkpoint 1'",
        ),
        (
            TEXT.replace("\n", "\r\n"),
            r"line 1 must be 'bankcore checkpoint 1', got 'bankcore checkpoint 1\r'",
        ),
        (
            TEXT.replace("accounts 1", "accounts 01"),
            "line 3 must be 'accounts NUMBER', got 'accounts 01'",
        ),
        (TEXT.replace("2026-05-01", "2026-13-01"), "line 2: "),
        ("\n".join(TEXT.split("\n")[:7]), "it must have 8 lines, got 7"),
        (TEXT + "\n\n", "it must have 8 lines, got 9"),
    ],
)
def test_error_says_what_is_wrong(text: str, reason: str) -> None:
    """
    The sentence names the line, and what was read in it.
    """
    with pytest.raises(InvalidCheckpointError) as raised:
        Checkpoint.parse(text)

    assert str(raised.value).startswith(f"The checkpoint cannot be read: {reason}")


# -- What it stands for ------------------------------------------------------


def test_checkpoint_stands_for_the_journal() -> None:
    """
    Its counts and roots are those of the records, the refusals and the heads of the chains.
    """
    store = MemoryStore()
    fill(store)
    checkpoint = Bank(store, clock=lambda: NOON).checkpoint()
    records = journal_of(store)
    refusals = [record for record in records if isinstance(record, Refusal)]
    leaves = []
    for account in store.accounts():
        version, head = store.chain_head(account.id)
        name = account.id.value
        leaves.append(
            b"%d:%s%d:%d" % (len(name), name.encode(), len(str(version)), version) + head
        )

    assert checkpoint == Checkpoint(
        NOON,
        4,
        len(records) - len(refusals),
        len(refusals),
        MerkleRoot(leaves).digest(),
        MerkleRoot(map(content_of, refusals)).digest(),
        MerkleRoot(map(content_of, records)).digest(),
    )
    assert refusals


def test_stores_have_the_same_checkpoint(tmp_path: Path) -> None:
    """
    The same history has the same checkpoint in every store.
    """
    memory = MemoryStore()
    fill(memory)
    with SQLiteStore(tmp_path / "bank.db") as sqlite:
        fill(sqlite)

        assert (
            Bank(memory, clock=lambda: NOON).checkpoint()
            == Bank(sqlite, clock=lambda: NOON).checkpoint()
        )


def test_auditor_may_take_one_and_verify_against_it() -> None:
    """
    Whoever may verify may take a checkpoint; others may not.
    """
    store = MemoryStore()
    fill(store)
    bank = Bank(store, clock=lambda: NOON)
    auditor = bank.acting_as(Principal("ann", roles=["auditor"]))

    assert auditor.checkpoint() == bank.checkpoint()
    assert auditor.verify(against=auditor.checkpoint()).is_clean
    with pytest.raises(AccessDeniedError):
        bank.acting_as(Principal("olaf", roles=["owner"])).checkpoint()


# -- Against one -------------------------------------------------------------


@pytest.mark.parametrize("form", [str, lambda checkpoint: checkpoint], ids=["text", "value"])
def test_what_only_grew_is_clean(form: Any) -> None:
    """
    What is recorded later does not matter to a checkpoint, even an empty one.
    """
    store = MemoryStore()
    bank = bank_over(store)
    checkpoints = [bank.checkpoint()]
    bank.open_account("alice", initial_balance=eur("5"))
    checkpoints.append(bank.checkpoint())
    bank.deposit("alice", eur("1"))

    assert [True] * 2 == [
        verify(store, against=form(checkpoint)).is_clean for checkpoint in checkpoints
    ]


def found_against(store: Any, checkpoint: Checkpoint) -> list[str]:
    return list(map(str, verify(store, against=checkpoint).disagreements))


def test_missing_end_is_found() -> None:
    """
    A journal that lost its last record, as an old copy has, is shorter than it was.
    """
    old, new = MemoryStore(), MemoryStore()
    for store, amounts in ((old, ["1"]), (new, ["1", "2"])):
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur("5"))
        for amount in amounts:
            bank.deposit("alice", eur(amount))
    checkpoint = Bank(new, clock=lambda: NOON).checkpoint()

    (found,) = found_against(old, checkpoint)

    assert found == (
        "the checkpoint of 2026-05-01T12:00:00+00:00: it covers 3 records, but the journal"
        " has 2: records are missing"
    )
    assert verify(old).is_clean


def test_rewritten_history_is_found() -> None:
    """
    A whole database made anew, with all its hashes, is not the one that was there.
    """
    honest, forged = MemoryStore(), MemoryStore()
    for store, amount in ((honest, "1"), (forged, "1000")):
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur("5"))
        bank.deposit("alice", eur(amount))
    checkpoint = Bank(honest, clock=lambda: NOON).checkpoint()
    where = "the checkpoint of 2026-05-01T12:00:00+00:00"

    assert verify(forged).is_clean
    assert found_against(forged, checkpoint) == [
        f"{where}: the transactions of the accounts among the first 2 have changed",
        f"{where}: the records or their order among the first 2 have changed",
    ]


def test_changed_refusal_is_found() -> None:
    """
    Refusals are in no account's chain; the checkpoint has a root of their own.
    """
    honest, forged = MemoryStore(), MemoryStore()
    for store, amount in ((honest, "7"), (forged, "8")):
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur("5"))
        bank.execute([Withdraw("alice", eur(amount), transaction_id="w-1")])
    checkpoint = Bank(honest, clock=lambda: NOON).checkpoint()
    where = "the checkpoint of 2026-05-01T12:00:00+00:00"

    assert verify(forged).is_clean
    assert found_against(forged, checkpoint) == [
        f"{where}: the refusals among the first 2 have changed",
        f"{where}: the records or their order among the first 2 have changed",
    ]


@pytest.mark.parametrize("change", [{"accounts": 1}, {"transactions": 1, "refusals": -1}], ids=str)
def test_other_counts_are_found(change: dict[str, int]) -> None:
    """
    Each count is compared by itself.
    """
    store = MemoryStore()
    fill(store)
    checkpoint = Bank(store, clock=lambda: NOON).checkpoint()
    other = {name: getattr(checkpoint, name) + more for name, more in change.items()}

    assert found_against(store, attrs.evolve(checkpoint, **other)) == [
        f"the checkpoint of 2026-05-01T12:00:00+00:00: the journal had {then} {name} there,"
        f" and now has {getattr(checkpoint, name)}"
        for name, then in other.items()
    ]


def test_unreadable_journal_has_no_checkpoint(tmp_path: Path) -> None:
    """
    What cannot be read cannot be stood for.
    """

    class Unreadable(MemoryStore):
        def journal(self, *, after: Cursor | None = None, limit: int = 1000) -> Page:
            raise StoreCorruptedError("torn")

    with pytest.raises(StoreCorruptedError):
        Bank(Unreadable()).checkpoint()
