"""
Metadata: which there are, that they cannot change, and where they are told.
"""

import copy
import csv
import json
import pickle
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import Account, AccountStore, Bank, Money
from bankcore.commands import Deposit, OpenAccount
from bankcore.errors import (
    BalanceLimitError,
    InsufficientFundsError,
    InvalidMetadataError,
    TransactionIdReusedError,
)
from bankcore.io import export_journal, import_journal
from bankcore.ledger import statement_as_csv, verify
from bankcore.stores import MemoryStore, PostgresStore, SQLiteStore
from bankcore.values import METADATA_MAX, METADATA_VALUE_LENGTH_MAX, Metadata
from bankcore.values._metadata import NO_METADATA

ONE = Money("1", "EUR")
ORDER = {"order": "1017"}


# -- The value ---------------------------------------------------------------


def test_metadata_are_an_immutable_mapping_in_the_order_of_the_keys() -> None:
    """It reads as a dictionary does, equals one, and hashes; nothing in it can be changed."""
    given = {"shop": "berlin", "order": "1017"}
    made = Metadata(given)
    given["shop"] = "paris"

    assert [("order", "1017"), ("shop", "berlin")] == list(made.items())
    assert {"shop": "berlin", "order": "1017"} == made == Metadata(made)
    assert hash(Metadata({"order": "1017", "shop": "berlin"})) == hash(made)
    assert "Metadata({'order': '1017', 'shop': 'berlin'})" == repr(made)
    assert ("1017", None, 2, True) == (made["order"], made.get("x"), len(made), "shop" in made)
    with pytest.raises(TypeError):
        made["order"] = "1018"  # type: ignore[index]  # the very thing under test
    with pytest.raises(AttributeError):
        made._values = {}  # type: ignore[misc]  # the same


@pytest.mark.parametrize("nothing", [None, {}, Metadata(), NO_METADATA])
def test_none_is_one_object(nothing: Mapping[str, str] | None) -> None:
    """However none are given, they are the same object, copied or pickled too."""
    command = Deposit("a", ONE, metadata=nothing)

    assert NO_METADATA is command.metadata
    assert Deposit("a", ONE) == command
    assert NO_METADATA is copy.deepcopy(command).metadata
    assert NO_METADATA is pickle.loads(pickle.dumps(command)).metadata


def test_some_survive_copies() -> None:
    """Copied and pickled they are equal."""
    made = Metadata(ORDER)

    assert made == copy.deepcopy(made) == pickle.loads(pickle.dumps(made))


@pytest.mark.parametrize(
    "metadata",
    [
        {"0": "", "_": " ", ".": "=1+1", "-": "{}"},
        {"k" * 40: "x" * METADATA_VALUE_LENGTH_MAX},
        {str(number): "🐝" * METADATA_VALUE_LENGTH_MAX for number in range(METADATA_MAX)},
    ],
)
def test_up_to_the_limits_all_are_kept(metadata: dict[str, str]) -> None:
    """Keys of the documented characters and one line of text for each."""
    assert metadata == Metadata(metadata)


def test_values_are_kept_in_composed_form() -> None:
    """As descriptions are (NFC); a subclass of text becomes text."""

    class Text(str):
        __slots__ = ()

    made = Metadata({Text("name"): Text("Zoe\u0308")})

    assert {"name": "Zoë"} == made
    assert [(str, str)] == [(type(key), type(value)) for key, value in made.items()]


def test_what_is_endless_is_not_read_on() -> None:
    """Of a mapping with too many keys, one more than may be there is read."""
    read = []

    class Endless(Mapping[str, str]):
        def __iter__(self) -> Iterator[str]:
            for number in range(10**9):
                read.append(number)
                yield str(number)

        def __len__(self) -> int:
            return 10**9

        def __getitem__(self, key: str) -> str:
            return key

    with pytest.raises(InvalidMetadataError, match="at most 10 pairs, got 11 or more"):
        Metadata(Endless())

    assert METADATA_MAX + 1 == len(read)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"Order": "1"}, "must have keys of 1 to 40 characters of a-z, .* got 'Order'"),
        ({"order": "a\nb"}, "must have for 'order' one line of at most 200 .* got 'a.+nb'"),
        ({"order": 1017}, "must have for 'order' one line of at most 200 .* got 1017"),
        ("order=1017", "must be a mapping of keys to texts, such as .*, got 'order=1017'"),
    ],
)
def test_an_error_says_what_is_wrong(wrong: Any, reason: str) -> None:
    """The key, or the value with its key."""
    with pytest.raises(InvalidMetadataError, match=f"^metadata {reason}") as raised:
        Deposit("a", ONE, metadata=wrong)

    assert ("metadata", "invalid_metadata") == (raised.value.field, raised.value.code)


# -- In a bank ---------------------------------------------------------------


def test_a_receipt_has_those_of_its_command(store: AccountStore) -> None:
    """Given once, they are in the receipt, in what is read back, and in a replay."""
    bank = Bank(store)
    bank.open_account("a", initial_balance=ONE)
    receipt = bank.deposit("a", ONE, metadata=ORDER, transaction_id="t-1")
    again = bank.deposit("a", ONE, metadata=ORDER, transaction_id="t-1")

    assert ORDER == receipt.command.metadata == bank.transaction("t-1").command.metadata
    assert (True, receipt) == (again.replayed, again)
    assert ORDER == bank.statement("a").lines[-1].transaction.command.metadata
    assert verify(store).is_clean


def test_the_same_id_with_others_is_another_command(store: AccountStore) -> None:
    """The error names the field; nothing is written."""
    bank = Bank(store)
    bank.open_account("a", initial_balance=ONE)
    bank.deposit("a", ONE, metadata=ORDER, transaction_id="t-1")
    for metadata in (None, {"order": "1018"}, {**ORDER, "shop": "berlin"}):
        with pytest.raises(TransactionIdReusedError) as raised:
            bank.deposit("a", ONE, metadata=metadata, transaction_id="t-1")

        assert ("metadata",) == raised.value.fields
    assert ONE + ONE == bank.account("a").balance


def test_a_refusal_has_them_too(store: AccountStore) -> None:
    """What was refused is recorded with them, and they are part of what is compared."""
    bank = Bank(store)
    bank.open_account("a", initial_balance=ONE)
    for _ in range(2):
        with pytest.raises(InsufficientFundsError):
            bank.withdraw("a", ONE + ONE, metadata=ORDER, transaction_id="t-1")

    assert ORDER == store.outcome("t-1").command.metadata  # type: ignore[arg-type]  # these stores take text
    assert verify(store).is_clean


def test_an_account_has_those_of_its_opening(store: AccountStore) -> None:
    """Whatever happens to it afterwards, and after it was closed."""
    bank = Bank(store)
    bank.open_account("a", initial_balance=ONE, metadata=ORDER)
    bank.open_account("b", initial_balance=ONE)
    bank.deposit("a", ONE, metadata={"order": "1018"})
    bank.grant_access("a", "mary", ["read"], metadata={"order": "1019"})
    bank.close_account("a", sweep_to="b")

    assert [ORDER, {}] == [bank.account(name).metadata for name in "ab"]
    assert [ORDER, {}] == [account.metadata for account in bank.accounts()]
    assert verify(store).is_clean


def test_an_account_alone_may_have_them() -> None:
    """Opened by itself, an account has what it was given, in every state."""
    account = Account.open("a", initial_balance=ONE, metadata=ORDER)

    assert ORDER == account.metadata == account.deposit(ONE).metadata
    assert OpenAccount("a", initial_balance=ONE, metadata=ORDER).metadata == account.metadata
    assert ORDER == account.to_dict()["metadata"]


def test_a_statement_tells_them() -> None:
    """As CSV in JSON, with the same guard against formulas as descriptions; as a dict."""
    bank = Bank(MemoryStore())
    bank.open_account("a", initial_balance=ONE)
    bank.deposit("a", ONE, metadata={"order": "1017", "x": ";=1+1"})
    statement = bank.statement("a")
    cells = [row["metadata"] for row in csv.DictReader(statement_as_csv(statement))][1:-1]

    assert ["", '{"order":"1017","x":";\'=1+1"}'] == cells
    assert [{}, {"order": "1017", "x": ";=1+1"}] == [
        line["metadata"] for line in statement.to_dict()["lines"]
    ]


def test_an_export_has_them(store: AccountStore) -> None:
    """A journal with them goes out and in again, line by line the same."""
    bank = Bank(store)
    bank.open_account("a", initial_balance=ONE, metadata={"name": "Zoë"})
    bank.deposit("a", ONE, metadata=ORDER)
    lines = list(export_journal(store))
    copied = MemoryStore()
    import_journal(copied, lines)

    assert ORDER == json.loads(lines[2])["command"]["metadata"]
    assert lines == list(export_journal(copied))
    assert {"name": "Zoë"} == copied.account("a").metadata


def test_a_record_without_any_is_written_as_before(store: AccountStore) -> None:
    """Its text has no member for them, however none were given."""
    bank = Bank(store)
    bank.open_account("a", initial_balance=ONE, metadata={})
    bank.deposit("a", ONE, metadata=None)

    assert "metadata" not in "".join(export_journal(store))


def test_a_batch_has_them_for_each_command(store: AccountStore) -> None:
    """Each command its own, those that were undone with a refusal included."""
    bank = Bank(store)
    bank.open_account("a", initial_balance=ONE)
    deposit = Deposit("a", ONE, metadata=ORDER, transaction_id="t-1")
    huge = attrs.evolve(deposit, amount=Money.from_minor(10**18 - 1, "EUR"), transaction_id="t-2")
    with pytest.raises(BalanceLimitError):
        bank.execute([deposit, huge], atomic=True)
    refusal: Any = store.journal().records[-1]

    assert [ORDER] == [command.metadata for command in refusal.batch]


# -- Its tables --------------------------------------------------------------

WRONG_ROWS: list[tuple[str, tuple[str, ...]]] = [
    (
        "UPDATE bankcore_metadata SET value = '1018' WHERE name = 'order'",
        ("the record of place 2 is not listed under order=1017",),
    ),
    (
        "UPDATE bankcore_metadata SET recorded_at = 5 WHERE name = 'shop'",
        ("the record of place 1 is not listed under shop=berlin",),
    ),
    (
        "INSERT INTO bankcore_metadata VALUES ('order', '1018', 5, 2)",
        ("3 pairs of metadata are listed, and the transactions have 2",),
    ),
    (
        "DELETE FROM bankcore_account_metadata",
        ("account a is listed under {}, and has {'shop': 'berlin'}",),
    ),
    (
        "UPDATE bankcore_account_metadata SET value = 'paris'",
        ("account a is listed under {'shop': 'paris'}, and has {'shop': 'berlin'}",),
    ),
    (
        'UPDATE bankcore_account SET metadata = \'{"shop":"paris"}\'',
        (
            "account a is listed under {'shop': 'berlin'}, and has {'shop': 'paris'}",
            "account a: its metadata are not what its history says",
        ),
    ),
    (
        'UPDATE bankcore_account SET metadata = \'{"Shop":"x"}\'',
        ("account a cannot be read (InvalidMetadataError: metadata must have keys",),
    ),
    (
        """DROP TRIGGER bankcore_journal_no_update;
        UPDATE bankcore_journal SET command = '{"metadata":{"Order":"1"}}' WHERE place = 2""",
        ("transaction t-1 cannot be read (InvalidMetadataError: metadata must have keys",),
    ),
]


@pytest.mark.parametrize(("statements", "sentences"), WRONG_ROWS)
def test_an_audit_notices_a_changed_table(
    tmp_path: Path, statements: str, sentences: tuple[str, ...]
) -> None:
    """The rows by which transactions and accounts are found say what these say, and no more."""
    path = tmp_path / "bank.db"
    with SQLiteStore(path) as store:
        bank = Bank(store)
        bank.open_account("a", initial_balance=ONE, metadata={"shop": "berlin"})
        bank.deposit("a", ONE, metadata=ORDER, transaction_id="t-1")
        assert verify(store).is_clean
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statements)
    with SQLiteStore(path) as store:
        told = "\n".join(map(str, verify(store).disagreements))

    for sentence in sentences:
        assert sentence in told


def errors_while_others_write(
    tables: SQLiteStore | PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> Sequence[str]:
    """
    Return what is wrong between the *tables*, to which others write before each read.
    """
    bank = Bank(tables)
    bank.open_account("a", initial_balance=ONE, metadata={"shop": "berlin"})
    read, numbers = tables._read, count()

    def read_late(statement: str, parameters: Sequence[object]) -> list[Any]:
        number = next(numbers)
        # An audit that follows them would not end.
        if number < 100:
            bank.open_account(f"a-{number}", initial_balance=ONE, holder="mary", metadata=ORDER)
            booked = bank.deposit("a", ONE, metadata=ORDER)
            bank.reverse(booked.id, metadata=ORDER)
        return read(statement, parameters)

    monkeypatch.setattr(tables, "_read", read_late)
    found = tables.integrity_errors()

    assert 5 < next(numbers) < 100
    return found


def test_what_is_written_during_an_audit_is_no_disagreement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    However much others book between any two reads of an audit, it ends, and finds nothing wrong.
    """
    with SQLiteStore(tmp_path / "bank.db") as store:
        assert () == errors_while_others_write(store, monkeypatch)


def test_what_is_written_during_an_audit_of_postgresql(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of that is a disagreement there either."""
    with PostgresStore(postgres) as store:
        assert () == errors_while_others_write(store, monkeypatch)
