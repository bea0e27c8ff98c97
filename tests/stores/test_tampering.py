"""
Whatever is changed behind the store's back is found: by the audit alone, or with a checkpoint.

Each tampering is made by SQL without the tables' own guards, or by flipping bytes of the file,
on a copy of a bank in which there is one of everything. ``BANKCORE_TAMPERS`` sets how many there
are of each kind.
"""

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from shutil import copyfile
from typing import Any, Final

import pytest

from bankcore import AccountStatus, Bank, BankError, Principal, TransactionId
from bankcore.commands import Command, Deposit, OpenAccount
from bankcore.errors import AccountNotVisibleError, InsufficientFundsError, StoreCorruptedError
from bankcore.ledger import LIMIT_MAX, Checkpoint, ReadSet, Snapshot, Transaction, WriteSet, verify
from bankcore.stores import JoinedSQLiteStore, SQLiteStore
from bankcore.stores._sqlite._migrations import newest_version
from bankcore.stores._statements import LAST_VERSION
from bankcore.testing._conformance.helpers import (
    LAST_INSTANT,
    NOW,
    bank_over,
    eur,
    exactly,
    journal_of,
)

sys.path.insert(0, str(Path(__file__).parent / "fixtures"))

from written import live

TAMPERS: Final = int(os.environ.get("BANKCORE_TAMPERS", "60"))
TABLES: Final = (
    "bankcore_account",
    "bankcore_journal",
    "bankcore_posting",
    "bankcore_hold",
    "bankcore_holder",
    "bankcore_metadata",
    "bankcore_account_metadata",
)


def hold(store: SQLiteStore) -> None:
    """
    Several holds and several holders on one account, so that their rows can be exchanged.
    """
    bank = Bank(store, clock=lambda: NOW + timedelta(days=1))
    bank.open_account("holding", initial_balance=eur(100), transaction_id="open-holding")
    for name in ("held-1", "held-2", "held-3"):
        ends = NOW + timedelta(days=9) if name == "held-2" else None
        bank.place_hold("holding", eur(9), expires_at=ends, transaction_id=name)
    bank.capture_hold("holding", "held-1", eur(4), final=False)
    for principal in ("kate", "liam"):
        bank.grant_access("holding", principal, ["read"])


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Checkpoint]:
    """
    A bank in one file, closed, and the checkpoint that was taken of it.
    """
    path = tmp_path_factory.mktemp("honest") / "bank.db"
    with SQLiteStore(path) as store:
        live(store, newest_version())
        hold(store)
        checkpoint = Bank(store).checkpoint()
        assert verify(store, against=checkpoint).is_clean
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return path, checkpoint


def read_all(store: SQLiteStore) -> list[Any]:
    """
    Return whatever a read of the store can give.
    """
    accounts = store.accounts(limit=LIMIT_MAX)
    records = journal_of(store)
    known: list[Any] = []

    def look(snapshot: Snapshot) -> WriteSet:
        known.append(snapshot)
        return WriteSet()

    originals = tuple(TransactionId(record.id.value) for record in records)
    store.transact(ReadSet((), (), originals), look)
    return [
        exactly(accounts),
        exactly(records),
        [exactly(store.history(account.id)) for account in accounts],
        store.chained_journal(limit=LIMIT_MAX).hashes,
        [store.chain_head(account.id) for account in accounts],
        [store.posting_at(account.id, account.last_booked_at or NOW) for account in accounts],
        exactly(store.holds_due(LAST_INSTANT)),
        [exactly([store.outcome(record.id)]) for record in records],
        [
            exactly(store.accounts_of(holder.principal))
            for account in accounts
            for holder in account.holders
        ],
        sorted(exactly(known[0].reversals.items())),
    ]


def seen(path: Path, checkpoint: Checkpoint) -> tuple[Any, bool]:
    """
    Return what is read at *path*, or the error's class, and whether an audit is clean.
    """
    try:
        store = SQLiteStore(path)
    except BankError as error:
        return type(error), False
    with store:
        try:
            reads: Any = read_all(store)
        except BankError as error:
            reads = type(error)
        try:
            return reads, verify(store, against=checkpoint).is_clean
        except BankError:
            return reads, False


# -- By SQL ------------------------------------------------------------------


@contextmanager
def without_triggers(connection: sqlite3.Connection) -> Iterator[None]:
    """
    Nothing keeps the tables from being changed, and nothing tells of that afterwards.
    """
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    ).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    yield
    for _, sql in triggers:
        connection.execute(sql)


def rows_of(connection: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table}")
    names = [each[0] for each in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def where(row: dict[str, Any]) -> tuple[str, list[Any]]:
    return " AND ".join(f"{name} IS ?" for name in row), list(row.values())


def other_value(dice: Random, value: Any, others: list[Any]) -> Any:
    """
    Something else than *value*, mostly of the same kind.
    """
    others = [each for each in others if each != value]
    if others and dice.random() < 0.5:
        return dice.choice(others)
    if isinstance(value, int):
        return value + dice.choice((-1, 1, 100, -value or 7))
    if isinstance(value, bytes):
        place = dice.randrange(len(value))
        return value[:place] + bytes([value[place] ^ 1 << dice.randrange(8)]) + value[place + 1 :]
    if isinstance(value, str) and value:
        place = dice.randrange(len(value))
        return value[:place] + dice.choice("abcXYZ019-") + value[place + 1 :]
    return dice.choice([each for each in (None, 1, "x") if each != value])


def edit(dice: Random, connection: sqlite3.Connection) -> str:
    """
    Another value in one column of one row.
    """
    table = dice.choice(TABLES)
    rows = rows_of(connection, table)
    row = dice.choice(rows)
    name = dice.choice(list(row))
    value = other_value(dice, row[name], [each[name] for each in rows])
    condition, values = where(row)
    connection.execute(f"UPDATE {table} SET {name} = ? WHERE {condition}", [value, *values])
    return f"{table}: {name} of {row} is {value!r}"


def swap(dice: Random, connection: sqlite3.Connection) -> str:
    """
    The values of some columns of two rows, the one for the other.
    """
    table = dice.choice(TABLES)
    rows = rows_of(connection, table)
    one, two = dice.sample(rows, 2)
    names = [name for name in one if one[name] != two[name]]
    names = dice.sample(names, dice.randint(1, len(names)))
    for row in (one, two):
        condition, values = where(row)
        connection.execute(f"DELETE FROM {table} WHERE {condition}", values)
    for row, other in ((one, two), (two, one)):
        made = {**row, **{name: other[name] for name in names}}
        connection.execute(
            f"INSERT INTO {table} ({', '.join(made)}) VALUES ({', '.join('?' * len(made))})",
            list(made.values()),
        )
    return f"{table}: {names} of {one} and {two}"


def delete(dice: Random, connection: sqlite3.Connection) -> str:
    """
    One row, or all rows of one record.
    """
    table = dice.choice(TABLES)
    row = dice.choice(rows_of(connection, table))
    condition, values = where(row)
    connection.execute(f"DELETE FROM {table} WHERE {condition}", values)
    if table == "bankcore_journal" and dice.random() < 0.5:
        connection.execute("DELETE FROM bankcore_posting WHERE place = ?", [row["place"]])
    return f"{table}: without {row}"


def insert(dice: Random, connection: sqlite3.Connection) -> str:
    """
    One more row, much like one that is there.
    """
    table = dice.choice(TABLES)
    rows = rows_of(connection, table)
    row = dict(dice.choice(rows))
    keys: dict[str, dict[str, Any]] = {
        "bankcore_account": {"key": 99, "id": "mallory"},
        "bankcore_journal": {"place": 10_000, "transaction_id": "forged", "reverses": None},
        "bankcore_posting": {"version": 10_000, "line": 77},
        "bankcore_hold": {"key": 99, "id": "forged"},
        "bankcore_holder": {"principal": "mallory"},
        "bankcore_metadata": {"value": "forged"},
        "bankcore_account_metadata": {"value": "forged"},
    }
    row.update(keys[table])
    connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
        list(row.values()),
    )
    return f"{table}: with {row}"


def truncate(dice: Random, connection: sqlite3.Connection) -> str:
    """
    The last records, with their postings, and nothing else.
    """
    ((last,),) = connection.execute("SELECT max(place) FROM bankcore_journal")
    first = last - dice.randrange(5)
    for table in ("bankcore_posting", "bankcore_journal"):
        connection.execute(f"DELETE FROM {table} WHERE place >= ?", [first])
    return f"the records from {first} on are gone"


@pytest.mark.parametrize(
    "tamper", [edit, swap, delete, insert, truncate], ids=lambda f: f.__name__
)
def test_tampering_by_sql_is_found(
    tamper: Callable[[Random, sqlite3.Connection], str],
    honest: tuple[Path, Checkpoint],
    tmp_path: Path,
) -> None:
    """
    Every change of the tables that changes what is read is found, with the checkpoint that was
    kept.
    """
    path, checkpoint = honest
    before, is_clean = seen(path, checkpoint)
    assert is_clean
    missed = []
    changed = 0
    dice = Random(tamper.__name__)  # the same every time
    for number in range(TAMPERS):
        copy = tmp_path / f"{number}.db"
        copyfile(path, copy)
        connection = sqlite3.connect(copy, isolation_level=None)
        connection.executescript(
            "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;"
        )
        try:
            with without_triggers(connection):
                what = tamper(dice, connection)
        except sqlite3.IntegrityError:
            continue  # not even so: NOT NULL, UNIQUE and the types of columns stay
        finally:
            connection.close()
        after, is_clean = seen(copy, checkpoint)
        if after != before:
            changed += 1
            if is_clean:
                missed.append(what)

    assert missed == []
    assert changed > TAMPERS / 2


# -- By bytes ----------------------------------------------------------------


def test_flipped_bits_are_found(honest: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    """
    A flipped bit of the file changes nothing that is read, or is found.
    """
    path, checkpoint = honest
    before, _ = seen(path, checkpoint)
    content = path.read_bytes()
    dice = Random(2026)  # the same every time
    missed = []
    changed = 0
    for number in range(TAMPERS):
        place, bit = dice.randrange(len(content)), dice.randrange(8)
        copy = tmp_path / f"{number}.db"
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        copy.write_bytes(damaged)
        after, is_clean = seen(copy, checkpoint)
        if after != before:
            changed += 1
            if is_clean:
                missed.append((place, bit))

    assert missed == []
    assert changed


def test_old_copy_is_found(honest: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    """
    A backup put back in its place lacks what the checkpoint stands for.
    """
    path, _ = honest
    copy = tmp_path / "bank.db"
    copyfile(path, copy)
    with SQLiteStore(copy) as store:
        account = next(each for each in store.accounts() if each.status is AccountStatus.OPEN)
        bank = Bank(store)
        bank.grant_access(account.id, "mary", ["read"])
        checkpoint = bank.checkpoint()
    copyfile(path, tmp_path / "old.db")
    with SQLiteStore(tmp_path / "old.db") as store:
        (found,) = verify(store, against=checkpoint).disagreements

    assert "records are missing" in found.what


def test_first_bad_record_is_named(honest: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    """
    Of a transaction whose description was changed, the account's version and its id are told,
    and of those after it nothing.
    """
    path, _ = honest
    copy = tmp_path / "bank.db"
    copyfile(path, copy)
    with SQLiteStore(copy) as store:
        deposit = next(
            record
            for record in journal_of(store)
            if isinstance(record, Transaction) and len(record.postings) == 1
        )
    connection = sqlite3.connect(copy)
    with without_triggers(connection):
        connection.execute(
            "UPDATE bankcore_journal SET"
            """ command = '{"description":"forged",' || substr(command, 2)"""
            " WHERE transaction_id = ?",
            [deposit.id.value],
        )
    connection.commit()
    connection.close()
    with SQLiteStore(copy) as store:
        (found,) = verify(store).disagreements
    (posting,) = deposit.postings

    assert str(found) == (
        f"account {posting.account_id}, version {posting.version}: its hash does not match"
        f" transaction {deposit.id} and the hash before"
    )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DROP TRIGGER bankcore_posting_no_delete", "bankcore_posting_no_delete is missing"),
        ("DROP INDEX bankcore_reversal", "bankcore_reversal is missing"),
        ("DROP TABLE bankcore_hold", "bankcore_hold is missing"),
        ("DROP TABLE bankcore_token", "bankcore_token is missing"),
        (
            (
                "CREATE TRIGGER other AFTER INSERT ON bankcore_hold BEGIN"
                " UPDATE bankcore_account SET balance_minor = 1; END"
            ),
            "the trigger other is none of bankcore's",
        ),
        ("CREATE TABLE bankcore_more (id TEXT)", "the table bankcore_more is none of bankcore's"),
        ("ALTER TABLE bankcore_denial ADD COLUMN more TEXT", "bankcore_denial is not as bankcore"),
        (
            (
                'UPDATE bankcore_journal SET command = \'{"amount":[1,"EUR",2],\' ||'
                " substr(command, 2) WHERE command_kind = 'deposit'"
            ),
            "is not written as bankcore writes it",
        ),
        (
            (
                "UPDATE bankcore_journal SET refusal_facts = refusal_facts || ' '"
                " WHERE refusal_code IS NOT NULL"
            ),
            "is not written as bankcore writes it",
        ),
        (
            "UPDATE bankcore_journal SET refusal_batch = '[]' WHERE refusal_code IS NULL",
            "is not written as bankcore writes it",
        ),
        (
            "UPDATE bankcore_journal SET place = 9223372036854775807 WHERE place = 1",
            "their places are from 2 to 9223372036854775807",
        ),
    ],
)
def test_what_changes_no_read_is_found_as_well(
    honest: tuple[Path, Checkpoint], tmp_path: Path, statement: str, expected: str
) -> None:
    """
    Guards that are gone or added, texts that only mean the same, and a place beyond all others are
    told, without a checkpoint.
    """
    path, _ = honest
    copy = tmp_path / "bank.db"
    copyfile(path, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        if statement.startswith("UPDATE"):
            with without_triggers(connection):
                connection.execute(statement)
        else:
            connection.execute(statement)
    with SQLiteStore(copy) as store:
        found = [str(each) for each in verify(store).disagreements]

    assert any(expected in each for each in found), found


LAST_KEY: Final = 2**63 - 1
OF_ACCOUNT: Final = tuple(
    f"UPDATE bankcore_{table} SET {column} = {LAST_KEY} WHERE {column} ="
    " (SELECT key FROM bankcore_account WHERE id = 'holding')"
    for table, column in (
        *(("posting", "account_key"), ("hold", "account_key"), ("holder", "account_key")),
        ("account", "key"),
    )
)
OF_PLACE: Final = tuple(
    f"UPDATE bankcore_{table} SET place = {LAST_KEY} WHERE place ="
    " (SELECT max(place) FROM bankcore_journal)"
    for table in ("posting", "journal")
)
OF_VERSION: Final = tuple(
    f"UPDATE bankcore_{table} SET version = {LAST_KEY} WHERE {column} ="
    " (SELECT key FROM bankcore_account WHERE id = 'holding') AND version ="
    " (SELECT version FROM bankcore_account WHERE id = 'holding')"
    for table, column in (("posting", "account_key"), ("account", "key"))
)


@pytest.mark.parametrize("store_class", [SQLiteStore, JoinedSQLiteStore])
@pytest.mark.parametrize(
    ("statements", "kind", "expected"),
    [
        (OF_ACCOUNT, OpenAccount, f"and their keys are from 1 to {LAST_KEY}"),
        (OF_PLACE, Deposit, f"and their places are from 1 to {LAST_KEY}"),
        (OF_PLACE, OpenAccount, f"and their places are from 1 to {LAST_KEY}"),
        (OF_VERSION, Deposit, "version"),
    ],
    ids=["account and open", "place and deposit", "place and open", "version and deposit"],
)
def test_a_newest_number_without_a_next_one_is_damage(
    honest: tuple[Path, Checkpoint],
    tmp_path: Path,
    statements: Sequence[str],
    kind: type[Command],
    expected: str,
    store_class: type[SQLiteStore | JoinedSQLiteStore],
) -> None:
    """
    The audit tells a key, place or version that is the last there can be, and a write that needs
    the next one is refused as any other damage. Nothing is written.
    """
    path = tmp_path / "bank.db"
    copyfile(honest[0], path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with without_triggers(connection):
            for statement in statements:
                connection.execute(statement)
        command: Command = Deposit("holding", eur(1))
        if kind is OpenAccount:
            command = OpenAccount("new", initial_balance=eur(1))
        connection.execute("BEGIN")
        with ExitStack() as stack:
            store: SQLiteStore | JoinedSQLiteStore = JoinedSQLiteStore(connection)
            if store_class is SQLiteStore:
                connection.execute("ROLLBACK")
                store = stack.enter_context(SQLiteStore(path))
            found = [str(each) for each in verify(store).disagreements]
            before = [repr(each) for each in store.accounts()]

            assert any(expected in each for each in found), found
            with pytest.raises(StoreCorruptedError, match="is the last there can be"):
                Bank(store).execute([command])
            assert before == [repr(each) for each in store.accounts()]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("hold", "hold held-3 has the key 9223372036854775807, beyond the number of holds"),
        ("denial", "a denial has the key 9223372036854775807"),
    ],
)
def test_a_newest_row_after_which_there_is_no_order_is_found(
    honest: tuple[Path, Checkpoint], tmp_path: Path, table: str, expected: str
) -> None:
    """
    After the last key SQLite takes any that is free, so that what is newer would not come after.
    """
    path = tmp_path / "bank.db"
    copyfile(honest[0], path)
    with SQLiteStore(path) as store:
        with pytest.raises(AccountNotVisibleError):
            Bank(store).acting_as(Principal("kim", ["owner"])).account("holding")
        assert verify(store).is_clean
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            f"UPDATE bankcore_{table} SET key = {LAST_KEY}"
            f" WHERE key = (SELECT max(key) FROM bankcore_{table})"
        )
    with SQLiteStore(path) as store:
        found = [str(each) for each in verify(store).disagreements]

    assert 1 == len(found)
    assert expected in found[0]


def test_rows_out_of_order_end_a_reading(
    honest: tuple[Path, Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A damaged file may give what comes before where it is asked for what comes after. Who reads
    page after page is told, and does not go round for ever.
    """
    path, _ = honest
    copy = tmp_path / "bank.db"
    copyfile(path, copy)
    with SQLiteStore(copy) as store:
        read = store._read
        journal, (account, *_) = store.journal(limit=2), store.accounts()

        def from_the_beginning(statement: str, parameters: Sequence[Any]) -> list[Any]:
            if statement == LAST_VERSION:
                return read(statement, (account.id.value, 0, 1, 1))
            if "account.id <= (" in statement:
                return read(statement, ("", "", *parameters[2:]))
            if "place > ?" in statement and ".place <= ?" not in statement:
                return read(statement, (0, *parameters[1:]))
            return read(statement, parameters)

        monkeypatch.setattr(store, "_read", from_the_beginning)
        for look, said in (
            (lambda: store.journal(after=journal.next, limit=1), "places of the journal"),
            (lambda: store.accounts(after=account.id, limit=1), "ids of accounts"),
            (lambda: store.history(account.id, after=1), "versions of account"),
        ):
            with pytest.raises(StoreCorruptedError, match=f"{said}.* are out of order"):
                look()

        assert "places of the journal are out of order" in store.integrity_errors()[-1]
        assert "ids of accounts are out of order" in str(verify(store).disagreements)


def test_a_reversal_that_cannot_be_read_is_named(
    honest: tuple[Path, Checkpoint], tmp_path: Path
) -> None:
    """
    What reverses another is read for the tables too, and damage there ends no audit.
    """
    path, _ = honest
    copy = tmp_path / "bank.db"
    copyfile(path, copy)
    with closing(sqlite3.connect(copy)) as connection, without_triggers(connection):
        connection.execute(
            "UPDATE bankcore_journal SET command = '{' WHERE transaction_id = 'r-1'"
        )
        connection.commit()
    with SQLiteStore(copy) as store:
        (found,) = store.integrity_errors()

    assert "transaction r-1" in found


def test_a_refusal_that_reverses_is_found(tmp_path: Path) -> None:
    """
    A reversal that was refused has reversed nothing, whatever its row says.
    """
    path = tmp_path / "bank.db"
    with SQLiteStore(path) as store:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(0))
        bank.deposit("alice", eur(5), transaction_id="d-1")
        bank.withdraw("alice", eur(5))
        with suppress(InsufficientFundsError):
            bank.reverse("d-1", transaction_id="r-1")
        bank.deposit("alice", eur(9))
        assert bank.can_reverse("d-1")
    with closing(sqlite3.connect(path)) as connection, without_triggers(connection):
        connection.execute(
            "UPDATE bankcore_journal SET reverses = 'd-1' WHERE transaction_id = 'r-1'"
        )
        connection.commit()
    with SQLiteStore(path) as store:
        (found,) = verify(store).disagreements

    assert "transaction r-1 is said to reverse d-1" in str(found)


def test_an_index_of_the_applications_is_no_disagreement(
    honest: tuple[Path, Checkpoint], tmp_path: Path
) -> None:
    """
    An application may add indexes to the tables.
    """
    path, _ = honest
    copy = tmp_path / "bank.db"
    copyfile(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("CREATE INDEX mine ON bankcore_journal (recorded_at)")
    with SQLiteStore(copy) as store:
        assert verify(store).is_clean


def test_what_cannot_be_read_is_not_said_to_be_missing(
    honest: tuple[Path, Checkpoint], tmp_path: Path
) -> None:
    """
    Where a record cannot be read, a checkpoint cannot say that those after it are gone.
    """
    path, checkpoint = honest
    copy = tmp_path / "bank.db"
    copyfile(path, copy)
    with (
        closing(sqlite3.connect(copy, isolation_level=None)) as connection,
        without_triggers(connection),
    ):
        connection.execute("UPDATE bankcore_journal SET command = '{' WHERE place = 5")
    with SQLiteStore(copy) as store:
        found = str(verify(store, against=checkpoint).disagreements[-1])

    assert "of the journal can be read" in found


def test_the_order_of_holds_counts(tmp_path: Path) -> None:
    """
    Holds that changed places are told: in which order they were placed is a part of the account.
    """
    path = tmp_path / "bank.db"
    with SQLiteStore(path) as store:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(9))
        for name in ("h-1", "h-2"):
            bank.place_hold("alice", eur(1), transaction_id=name)
        assert verify(store).is_clean
    with closing(sqlite3.connect(path)) as connection:
        for change in ("-key", "key + 3"):  # no two rows have one key in between
            connection.execute(f"UPDATE bankcore_hold SET key = {change}")
        connection.commit()
    with SQLiteStore(path) as store:
        (found,) = verify(store).disagreements

    assert str(found) == "account alice: its open holds are not what its history says"
