"""
The SQLite store: its settings, locks and files, and what it makes of damage and of errors.

That it keeps the contract is shown in ``test_contract.py``; that no death of the process can
break it, in ``tests/crash``.
"""

import errno
import fcntl
import os
import random
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final

import attrs
import pytest
from descriptors import open_files

from bankcore import Account, Bank, StoreError
from bankcore.commands import Command, Deposit, OpenAccount, Transfer, Withdraw
from bankcore.errors import (
    AccountNotFoundError,
    BankError,
    InsufficientFundsError,
    InvalidArgumentError,
    OutcomeUnknownError,
    SchemaVersionError,
    StoreCorruptedError,
    StoreFormatError,
    StoreMisuseError,
    StoreUnavailableError,
    TransactionNotFoundError,
)
from bankcore.ledger import (
    Posting,
    ReadSet,
    Snapshot,
    Transaction,
    TransactionQuery,
    WriteSet,
    verify,
)
from bankcore.ledger import _codec as codec
from bankcore.stores import SQLiteStore
from bankcore.stores._rows import PostingRow, posting_from
from bankcore.stores._sqlite import _connections as connections
from bankcore.stores._statements import POSTING_AT
from bankcore.testing._conformance import helpers as contract
from bankcore.testing._conformance.helpers import (
    ALICE,
    NOW,
    bank_over,
    contents_of,
    eur,
    in_threads,
)
from bankcore.values import TransactionId

#: An account without rights.
NOBODY: Final = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(path) as made:
        yield made


def connection_of(store: SQLiteStore) -> sqlite3.Connection:
    return store._connections._open_writer()


def read_all(store: SQLiteStore) -> None:
    contents_of(store)


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def names_in(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def write_raw(path: Path, *statements: str) -> None:
    """
    Run SQL on a file that no store has open, past all that guards it.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)


def python(code: str, *arguments: object, is_nobody: bool = False) -> list[str]:
    """
    The lines that *code* prints in a process of its own, in which every warning is an error.

    With *is_nobody* it gives up all rights before it begins, where it has any.
    """
    begin = "import os, sys, sqlite3\nfrom bankcore import *\nfrom bankcore.stores import *\n"
    environment = dict(os.environ)
    if is_nobody:
        # Nobody may not write what coverage counted.
        environment = {k: v for k, v in environment.items() if not k.startswith("COVERAGE_")}
        begin += (
            "if os.getuid() == 0:\n"
            f"    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", begin + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )

    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.splitlines()


# -- Settings ----------------------------------------------------------------


def test_settings_are_those_that_make_it_durable(store: SQLiteStore) -> None:
    """
    Every connection, of whatever thread, has the settings, read back from SQLite.
    """
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "mmap_size": 0,
        "temp_store": 2,
        "journal_size_limit": 67_108_864,
        "ignore_check_constraints": 0,
        "read_uncommitted": 0,
    }
    if sys.platform == "darwin":
        wanted |= {"fullfsync": 1, "checkpoint_fullfsync": 1}
    found: list[dict[str, object]] = []

    def read(_: int) -> None:
        connection = connection_of(store)
        found.append({name: pragma(connection, name) for name in wanted})

    read(0)
    in_threads(3, read)

    assert [wanted] * 4 == found


def test_wal_is_really_used(store: SQLiteStore, path: Path) -> None:
    """
    What is committed stands in the log, and the file itself says that it has one.
    """
    before = path.stat()
    bank_over(store).open_account("alice", initial_balance=eur(1))

    assert os.stat(f"{path}-wal").st_size > 0
    assert before.st_size == path.stat().st_size
    store.close()
    # Bytes 18 and 19 of the header: the versions for writing and reading; 2 is WAL.
    assert b"SQLite format 3\x00" == path.read_bytes()[:16]
    assert b"\x02\x02" == path.read_bytes()[18:20]


def test_a_setting_that_does_not_hold_is_an_error(
    path: Path, faulty: "type[Faulty]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where SQLite does not do as it is told, the store does not start.
    """
    monkeypatch.setattr(faulty, "deaf_to", "PRAGMA journal_mode = wal")
    with pytest.raises(StoreUnavailableError, match=r"journal_mode at delete, and wal is needed"):
        SQLiteStore(path)


def test_an_older_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Before SQLite 3.37 there are no STRICT tables, so there is no store.
    """
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 9))
    with pytest.raises(StoreMisuseError, match=r"SQLite 3\.37 or newer"):
        SQLiteStore(path)

    assert not path.exists()


def test_one_durable_write_however_many_commands(store: SQLiteStore) -> None:
    """
    A `transact` is one transaction of SQLite; one that writes nothing commits nothing.
    """
    said: list[str] = []
    connection_of(store).set_trace_callback(said.append)
    bank = bank_over(store)

    def units() -> list[str]:
        found = [s for s in said if s.split()[0] in {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT"}]
        said.clear()
        return found

    bank.open_account("alice", initial_balance=eur(100))

    assert ["BEGIN IMMEDIATE", "COMMIT"] == units()
    bank.execute([Deposit("alice", eur(1)) for _ in range(500)])

    assert ["BEGIN IMMEDIATE", "COMMIT"] == units()
    bank.execute([Withdraw("alice", eur(1)) for _ in range(50)], atomic=True)

    assert ["BEGIN IMMEDIATE", "COMMIT"] == units()
    with pytest.raises(InsufficientFundsError):
        bank.withdraw("alice", eur(100_000))

    assert ["BEGIN IMMEDIATE", "ROLLBACK"] == units()
    connection_of(store).set_trace_callback(None)


def test_a_short_page_is_not_looked_for_row_by_row(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    However short a page is, what does not fit is passed over in large steps.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100))
    bank.execute([Deposit("alice", eur(1), description="Müll") for _ in range(600)])
    bank.execute(
        [Deposit("alice", eur(1), description="Miete", transaction_id=f"t-{n}") for n in range(3)]
    )
    read, asked = store._read, []

    def noting(statement: str, parameters: Sequence[object]) -> list[Any]:
        asked.append(statement)
        return read(statement, parameters)

    monkeypatch.setattr(store, "_read", noting)
    found = store.transactions(TransactionQuery(text="miete"), limit=2)

    assert ["t-0", "t-1"] == [each.id.value for each in found]
    assert len(asked) < 20


# -- Files -------------------------------------------------------------------


def test_files_are_readable_by_their_owner_alone(store: SQLiteStore, path: Path) -> None:
    """
    The database, its companions and the lock file have mode 0600, whatever the umask.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1))
    modes = {
        name: stat.S_IMODE(os.stat(path.parent / name).st_mode) for name in os.listdir(path.parent)
    }

    assert dict.fromkeys(("bank.db", "bank.db-wal", "bank.db-shm", "bank.db.lock"), 0o600) == modes


def test_closing_leaves_one_file_and_its_lock(store: SQLiteStore, path: Path) -> None:
    """
    The last connection to close writes the log into the file.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1))
    store.close()

    assert ["bank.db", "bank.db.lock"] == names_in(path.parent)


def test_the_file_keeps_what_was_written(store: SQLiteStore, path: Path) -> None:
    """
    Opened again, a store holds what it held.
    """
    contract.fill(store)
    before = contents_of(store)
    store.close()
    with SQLiteStore(path, create=False) as again:
        assert before == contents_of(again)
        assert [] == list(verify(again).disagreements)


def test_a_change_of_directory_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A relative path means the directory in which the store was made, in every thread.
    """
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    monkeypatch.chdir(tmp_path / "one")
    with SQLiteStore("bank.db") as store:
        monkeypatch.chdir(tmp_path / "two")
        bank = bank_over(store)

        def open_one(_: int) -> None:
            bank.open_account("alice", initial_balance=eur(1))

        in_threads(1, open_one)

        assert eur(1) == store.account(ALICE).balance
        assert f"SQLiteStore({str(tmp_path / 'one' / 'bank.db')!r})" == repr(store)
    assert ["bank.db", "bank.db.lock"] == names_in(tmp_path / "one")
    assert [] == names_in(tmp_path / "two")


@pytest.mark.parametrize(
    "name", ["a b.db", "50%.db", "%41.db", "what?mode=memory", "#1", "Zoë 🐝.db", "'.db", "a;b"]
)
def test_any_name_of_a_file_will_do(tmp_path: Path, name: str) -> None:
    """
    What means something in a URI or in SQL means nothing in a path.
    """
    for _ in range(2):
        with SQLiteStore(tmp_path / name) as store:
            contract.append(store, [] if contents_of(store)[1] else [contract.refusal("t-1")])

    assert [name, f"{name}.lock"] == names_in(tmp_path)


def test_a_path_may_be_bytes_or_begin_with_two_slashes(path: Path) -> None:
    """
    A path is any that the operating system takes.
    """
    for same in (str(path), f"/{path}", os.fsencode(path), path):
        with SQLiteStore(same) as store:
            assert ([], []) == contents_of(store)

    assert ["bank.db", "bank.db.lock"] == names_in(path.parent)


@pytest.mark.parametrize("name", ["", ":memory:", b"", "a\0b"])
def test_what_names_no_file_is_refused(name: str | bytes) -> None:
    """
    A store is in a file; what is in memory only would look durable and not be.
    """
    with pytest.raises(StoreFormatError, match="it names no file"):
        SQLiteStore(name)


@pytest.mark.parametrize("url", ["sqlite:///bank.db", b"Postgresql://mary:secret@host/shop"])
def test_a_url_is_no_path(url: str | bytes) -> None:
    """
    A URL is refused as no path, and not as a missing directory; a password in it is not shown.
    """
    with pytest.raises(
        StoreFormatError, match=r"(?i)^'?(sqlite|postgresql)://… is .* path"
    ) as told:
        SQLiteStore(url)

    assert "secret" not in str(told.value)


@pytest.mark.parametrize("given", [5, None, True, 1.5, [], object(), ("bank.db",), Path])
def test_what_is_no_path_is_refused(given: Any, path: Path) -> None:
    """
    What is no path is a typed error that names it, where a store is opened and where it is copied.
    """
    with pytest.raises(InvalidArgumentError, match=r"^path must be a path: text, bytes or an os"):
        SQLiteStore(given)
    with SQLiteStore(path) as store, pytest.raises(InvalidArgumentError) as told:
        store.backup(given)
    assert "path" == told.value.field


def test_create_false_makes_nothing(path: Path) -> None:
    """
    Without *create* a missing file stays missing.
    """
    with pytest.raises(StoreUnavailableError, match="there is no file"):
        SQLiteStore(path, create=False)

    assert [] == names_in(path.parent)


def test_a_directory_that_anybody_may_write_is_refused(tmp_path: Path) -> None:
    """
    Where anybody may replace the file no new store is made, unless the directory is sticky.
    """
    tmp_path.chmod(0o777)
    with pytest.raises(StoreUnavailableError, match="anybody may replace files"):
        SQLiteStore(tmp_path / "bank.db")

    assert [] == names_in(tmp_path)
    tmp_path.chmod(0o1777)
    with SQLiteStore(tmp_path / "bank.db") as store:
        assert ([], []) == contents_of(store)


def test_where_there_can_be_no_file_is_unavailable(tmp_path: Path) -> None:
    """
    A path below a file, in no directory, or through a link to nothing, cannot be used.
    """
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "bank.db")
    for impossible in ("file/bank.db", "nowhere/bank.db", "link", "a" * 300):
        with pytest.raises(StoreUnavailableError, match=r"and nothing was written: .+"):
            SQLiteStore(tmp_path / impossible)

    assert ["file", "link"] == names_in(tmp_path)


# -- 87: read-only -----------------------------------------------------------

_OPEN_AND_SAY = """
try:
    store = SQLiteStore(sys.argv[1])
except BankError as error:
    print(error.code, error, sep="\\n")
else:
    store.close()
    print("opened")
"""


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """
    A directory that a process without rights can reach, which pytest's own are not.
    """
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_a_read_only_file_is_unavailable(public_directory: Path) -> None:
    """
    A file that cannot be written is not opened, says so, and stays as it is.
    """
    path = public_directory / "bank.db"
    with SQLiteStore(path) as store:
        bank_over(store).open_account("alice", initial_balance=eur(1))
    os.unlink(f"{path}.lock")
    path.chmod(0o444)
    if os.getuid() == 0:
        os.chown(public_directory, NOBODY, NOBODY)
    before = (path.read_bytes(), path.stat().st_mtime_ns)

    code, message = python(_OPEN_AND_SAY, path, is_nobody=True)

    assert "store_unavailable" == code
    assert "readonly" in message
    assert before == (path.read_bytes(), path.stat().st_mtime_ns)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_read_only_directory_is_unavailable(public_directory: Path, is_there: bool) -> None:
    """
    Where no file can be made beside it, or at all, a store is not opened, and says so.
    """
    path = public_directory / "bank.db"
    if is_there:
        SQLiteStore(path).close()
        os.unlink(f"{path}.lock")
        path.chmod(0o666)
    public_directory.chmod(0o555)
    before = names_in(public_directory)

    code, message = python(_OPEN_AND_SAY, path, is_nobody=True)

    assert "store_unavailable" == code
    assert "Permission denied" in message or "readonly" in message or "unable to open" in message
    assert before == names_in(public_directory)


# -- 88: the path is something else ------------------------------------------


def _text(path: Path) -> None:
    path.write_text("Dear diary,\n" * 100)


def _one_letter(path: Path) -> None:
    path.write_text("x")


def _two_letters(path: Path) -> None:
    path.write_text("x\n")


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(8192))


def _almost_sqlite(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00" + b"x" * 5000)


def _other_program(path: Path) -> None:
    write_raw(path, "CREATE TABLE songs (title)", "INSERT INTO songs VALUES ('Alice')")


def _other_program_in_wal(path: Path) -> None:
    write_raw(path, "PRAGMA journal_mode = WAL", "CREATE TABLE songs (title)")


def _other_bank(path: Path) -> None:
    write_raw(path, "CREATE TABLE bankcore_account (id, balance)")


def _other_schema_table(path: Path) -> None:
    write_raw(path, "CREATE TABLE bankcore_schema (songs)")


@pytest.mark.parametrize(
    "make",
    [
        _text,
        _one_letter,
        _two_letters,
        _zeros,
        _almost_sqlite,
        _other_program,
        _other_program_in_wal,
        _other_bank,
    ],
)
def test_another_file_is_refused_and_left_untouched(
    path: Path, make: Callable[[Path], None]
) -> None:
    """
    What is not a bankcore store is refused; it keeps its bytes and its time, and nothing is
    made beside it.
    """
    make(path)
    before = (path.read_bytes(), path.stat().st_mtime_ns, names_in(path.parent))

    with pytest.raises(StoreFormatError) as raised:
        SQLiteStore(path)

    assert str(path) == raised.value.path
    assert before == (path.read_bytes(), path.stat().st_mtime_ns, names_in(path.parent))


def test_a_store_that_is_being_made_is_no_other_program(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where a lock file appears while a file is looked at, somebody is making a store of it, and
    it is looked at again.
    """
    store.close()
    os.unlink(f"{path}.lock")
    other = path.with_name("other.db")
    _other_program(other)
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    looked_at: list[str] = []

    def connected(name: str, **options: Any) -> sqlite3.Connection:
        looked_at.append(name)
        if len(looked_at) == 1:
            # What the first look finds, before the other process is done.
            Path(f"{path}.lock").touch()
            name = name.replace(str(path), str(other))
        return connect(name, **options)

    monkeypatch.setattr(sqlite3, "connect", connected)
    with SQLiteStore(path) as again:
        assert ([], []) == contents_of(again)
    # Twice looked at, and then opened to write and to read.
    assert 4 == len(looked_at)


def test_a_schema_table_of_another_program_is_refused(path: Path) -> None:
    """
    A table that only has the right name does not make a store; the file keeps its bytes.
    """
    _other_schema_table(path)
    before = path.read_bytes()

    with pytest.raises(StoreError):
        SQLiteStore(path)

    assert before == path.read_bytes()
    assert ["bank.db"] == names_in(path.parent)


def test_a_directory_is_refused(path: Path) -> None:
    """
    A directory is no store, and nothing is made in it or beside it.
    """
    path.mkdir()
    with pytest.raises(StoreFormatError, match="it is a directory"):
        SQLiteStore(path)

    assert [] == names_in(path)
    assert ["bank.db"] == names_in(path.parent)


def test_what_is_no_file_is_refused_without_being_opened(path: Path) -> None:
    """
    A FIFO, whose opening would wait for ever, and a socket are no stores.
    """
    os.mkfifo(path)
    with pytest.raises(StoreFormatError, match="it is not a file"):
        SQLiteStore(path)
    with tempfile.TemporaryDirectory() as short, closing(socket.socket(socket.AF_UNIX)) as bound:
        bound.bind(f"{short}/s")
        with pytest.raises(StoreFormatError, match="it is not a file"):
            SQLiteStore(f"{short}/s")

    assert ["bank.db"] == names_in(path.parent)


def test_an_empty_file_is_accepted(path: Path) -> None:
    """
    An empty file becomes a store.
    """
    path.touch()
    with SQLiteStore(path, create=False) as store:
        bank_over(store).open_account("alice", initial_balance=eur(1))

        assert eur(1) == store.account(ALICE).balance


# -- 90: the schema ----------------------------------------------------------


def test_a_newer_schema_is_refused(store: SQLiteStore, path: Path) -> None:
    """
    What a newer bankcore wrote is refused by its version, and left untouched.
    """
    store.close()
    write_raw(path, "UPDATE bankcore_schema SET version = version + 1")
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    with pytest.raises(SchemaVersionError) as raised:
        SQLiteStore(path)

    assert (3, 2) == (raised.value.found, raised.value.supported)
    assert before == (path.read_bytes(), path.stat().st_mtime_ns)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM bankcore_schema", "INSERT INTO bankcore_schema VALUES (1)"]
)
def test_a_store_has_one_schema_version(store: SQLiteStore, path: Path, statement: str) -> None:
    """
    No version, and two, are damage.
    """
    store.close()
    write_raw(path, statement)
    with pytest.raises(StoreCorruptedError, match="schema versions, not one"):
        SQLiteStore(path)


@pytest.mark.parametrize("version", ["NULL", "'one'", "x'01'", "0.5", "0", "-1"])
def test_a_schema_version_that_is_no_number_is_damage(
    store: SQLiteStore, path: Path, version: str
) -> None:
    """
    A version that is not a whole number is damage.
    """
    store.close()
    _loosen(path, "bankcore_schema", f"UPDATE bankcore_schema SET version = {version}")
    with pytest.raises(StoreCorruptedError, match=r"schema version .*, not a number above zero"):
        SQLiteStore(path)


def test_a_schema_that_cannot_be_read_is_damage(store: SQLiteStore, path: Path) -> None:
    """
    A table whose definition is no SQL, or not even text, is damage.
    """
    store.close()
    for garbage in ("'CREATE TABLE'", "CAST(x'435245415445d7cd' AS TEXT)"):
        write_raw(
            path,
            "PRAGMA writable_schema = ON",
            f"UPDATE sqlite_master SET sql = {garbage} WHERE name = 'bankcore_journal'",
        )
        with pytest.raises(StoreCorruptedError):
            SQLiteStore(path)


def _columns(values: dict[str, object]) -> str:
    return f"({', '.join(values)}) VALUES ({', '.join(map(str, values.values()))})"


_ACCOUNT_ROW: Final = {
    "id": "'x'",
    "currency": "'EUR'",
    "exponent": 2,
    "balance_minor": 0,
    "held_minor": 0,
    "overdraft_limit_minor": 0,
    "status": "'open'",
    "version": 1,
    "last_booked_at": 0,
    "chain_hash": "zeroblob(32)",
}
_POSTING_ROW: Final = {
    "place": 1,
    "line": 7,
    "account_key": 1,
    "version": 9,
    "amount_minor": 0,
    "balance_minor": 0,
    "held_minor": 0,
    "overdraft_limit_minor": 0,
    "chain_hash": "zeroblob(32)",
}
_JOURNAL_ROW: Final = {
    "transaction_id": "'x'",
    "command_kind": "'deposit'",
    "command": "'{}'",
    "recorded_at": 0,
}
_HOLD_ROW: Final = {
    "account_key": 1,
    "id": "'x'",
    "amount_minor": 10**18 - 1,
    "captured_minor": 10**18 - 2,
}


@pytest.mark.parametrize(
    ("table", "row", "changes"),
    [
        *(
            ("bankcore_account", _ACCOUNT_ROW, changes)
            for changes in (
                {"balance_minor": 10**18},
                {"balance_minor": -(10**18)},
                {"held_minor": -1},
                {"held_minor": 10**18},
                {"overdraft_limit_minor": -1},
                {"overdraft_limit_minor": 10**18},
                {"exponent": -1},
                {"exponent": 19},
                {"version": 0},
                {"chain_hash": "NULL"},
                {"chain_hash": "zeroblob(31)"},
                {"status": "'gone'"},
                {"status": "'closed'", "balance_minor": 1},
                {"status": "'closed'", "balance_minor": -1},
                {"status": "'closed'", "held_minor": 1},
                {"id": "''"},
                {"id": f"'{'a' * 65}'"},
                {"id": "'alice'"},
                {"id": "NULL"},
                {"last_booked_at": "NULL"},
                {"balance_minor": "0.5"},
                {"balance_minor": "'a lot'"},
                {"balance_minor": "x'00'"},
                {"balance_minor": "9223372036854775807 + 1"},
                {"restriction": "'most'"},
                {"restriction": "NULL"},
                {"restriction_ends_at": "'never'"},
            )
        ),
        *(
            ("bankcore_posting", _POSTING_ROW, changes)
            for changes in (
                {"amount_minor": 10**18},
                {"amount_minor": -(10**18)},
                {"balance_minor": 10**18},
                {"held_minor": -1},
                {"overdraft_limit_minor": -1},
                {"version": 0},
                {"version": 1},
                {"chain_hash": "NULL"},
                {"chain_hash": "zeroblob(33)"},
                {"line": -1},
                {"line": 0},
                {"place": 99},
                {"account_key": 99},
                {"amount_minor": "0.5"},
            )
        ),
        *(
            ("bankcore_journal", _JOURNAL_ROW, changes)
            for changes in (
                {"transaction_id": "'t-1'"},
                {"place": 0},
                {"place": -1},
                {"refusal_code": "'account_closed'"},
                {"refusal_facts": "'{}'"},
                {"recorded_at": "'today'"},
                {"command": "NULL"},
            )
        ),
        *(
            ("bankcore_hold", _HOLD_ROW, changes)
            for changes in (
                {"amount_minor": 0, "captured_minor": -1},
                {"amount_minor": 10**18},
                {"amount_minor": "0.5", "captured_minor": 0},
                {"captured_minor": -1},
                # Of an open hold something is left.
                {"captured_minor": 10**18 - 1},
                {"captured_minor": 10**18},
                {"account_key": 99},
                {"id": "'h-1'"},
                {"id": "NULL"},
                {"expires_at": "'tomorrow'"},
            )
        ),
    ],
)
def test_tables_refuse_what_cannot_be(
    store: SQLiteStore, table: str, row: dict[str, object], changes: dict[str, object]
) -> None:
    """
    Out of range, of the wrong type, closed with money, twice, or of nothing that there is: the
    database refuses the row. Without the change it takes it.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(1), transaction_id="t-1")
    bank.reverse("t-1")
    bank.deposit("alice", eur(1))
    bank.place_hold("alice", eur(1), transaction_id="h-1")
    connection = connection_of(store)
    connection.execute("BEGIN")
    connection.execute(f"INSERT INTO {table} {_columns(row)}")
    connection.execute("ROLLBACK")

    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(f"INSERT INTO {table} {_columns({**row, **changes})}")


def test_every_table_is_strict(store: SQLiteStore) -> None:
    """
    No table turns an amount into something else.
    """
    tables = connection_of(store).execute(
        "SELECT name, strict FROM pragma_table_list WHERE name LIKE 'bankcore%' ORDER BY name"
    )

    assert {
        ("bankcore_account", 1),
        ("bankcore_account_metadata", 1),
        ("bankcore_denial", 1),
        ("bankcore_hold", 1),
        ("bankcore_holder", 1),
        ("bankcore_journal", 1),
        ("bankcore_metadata", 1),
        ("bankcore_posting", 1),
        ("bankcore_schema", 1),
        ("bankcore_token", 1),
    } == set(tables)


@pytest.mark.parametrize("table", ["bankcore_journal", "bankcore_posting"])
def test_history_is_append_only(store: SQLiteStore, table: str) -> None:
    """
    The database refuses to change or delete what was booked.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1))
    connection = connection_of(store)
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    for statement in (f"UPDATE {table} SET place = place", f"DELETE FROM {table}"):
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            connection.execute(statement)

    assert rows == connection.execute(f"SELECT * FROM {table}").fetchall()


def test_rows_that_the_tables_refuse_write_nothing(store: SQLiteStore) -> None:
    """
    Where a row of a unit is refused by the database, nothing of the unit is written.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(1), transaction_id="t-1")
    before = contents_of(store)
    # A posting of a version that the account's history already has.
    posting = Posting(ALICE, eur(1), eur(2), eur(0), eur(0), 1)
    record = Transaction(
        TransactionId("t-2"), Deposit("alice", eur(1), transaction_id="t-2"), NOW, (posting,)
    )
    account = Account(id=ALICE, balance=eur(2), version=2, last_booked_at=NOW)

    with pytest.raises(StoreError):
        contract.append(store, [record], [account])

    assert before == contents_of(store)
    assert eur(3) == bank.deposit("alice", eur(2), transaction_id="t-2").postings[0].balance


# -- Threads, processes, closing ---------------------------------------------


def test_what_others_wrote_while_nothing_was_open_is_read(path: Path) -> None:
    """
    What the writer knew of an account is forgotten when it is closed, as for a fork: the count of
    the commits of others begins anew with each connection.
    """
    with SQLiteStore(path) as store, SQLiteStore(path) as other:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(1))
        for expected in (3, 5, 7):
            store._connections.before_fork()
            store._connections.after_fork_in_parent()
            bank_over(other).deposit("alice", eur(1), transaction_id=f"o-{expected}")
            other._connections.before_fork()
            other._connections.after_fork_in_parent()

            assert eur(expected) == bank.deposit("alice", eur(1)).postings[0].balance


def test_no_more_accounts_are_known_than_there_is_room_for(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Beyond so many, all are forgotten, and read again when they are needed.
    """
    monkeypatch.setattr(connections, "_KNOWN_MAX", 3)
    bank = bank_over(store)
    for number in range(10):
        bank.open_account(f"a-{number}", initial_balance=eur(number))

        assert len(store._connections.known.accounts) <= 4
    assert eur(2) == bank.deposit("a-1", eur(1)).postings[0].balance


def test_any_number_of_threads_share_a_few_connections(store: SQLiteStore) -> None:
    """
    One connection writes and four read, however many threads there are; more are never open.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(0))
    together = threading.Barrier(50)

    def use(_: int) -> None:
        together.wait()
        bank.deposit("alice", eur(1))
        contents_of(store)

    in_threads(50, use)

    assert eur(50) == store.account(ALICE).balance
    assert len(store._connections._open_connections()) <= 5


def test_a_read_that_waited_while_all_was_closed_opens_the_writer_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A fork may close everything while a thread waits to read. Then the writer is opened again
    before the thread reads, as no connection that reads may be the first.
    """
    with SQLiteStore(path) as store:
        owner = store._connections
        free_reader = owner._free_reader
        forks = [owner.before_fork, owner.after_fork_in_parent]

        def waited() -> Any:
            while forks:
                forks.pop(0)()
            return free_reader()

        monkeypatch.setattr(owner, "_free_reader", waited)
        assert ([], []) == contents_of(store)
        assert owner._writer is not None
        assert 2 == len(owner._open_connections())


def test_a_read_waits_for_one_of_the_connections_that_read(path: Path) -> None:
    """
    While others read with all of them a read waits, and after the timeout it says so.
    """
    with SQLiteStore(path, timeout=0.02) as store:
        assert ([], []) == contents_of(store)
        reading, ended = threading.Barrier(5), threading.Event()

        def read_for_long(_: sqlite3.Connection) -> None:
            reading.wait()
            ended.wait()

        threads = [
            threading.Thread(target=store._connections.reading, args=(read_for_long,))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        reading.wait()
        with pytest.raises(StoreUnavailableError, match=r"kept it busy for 0\.02 s"):
            contents_of(store)
        with pytest.raises(StoreUnavailableError, match=r"kept it busy for 0\.02 s"):
            store.close()
        ended.set()
        for thread in threads:
            thread.join()
        store.close()
        assert [] == store._connections._open_connections()


def test_threads_that_ended_leave_nothing_open(store: SQLiteStore, path: Path) -> None:
    """
    However many threads have used the store, no more files are open than after the first few.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(0))

    def add(_: int) -> None:
        bank.deposit("alice", eur(1))

    counts = []
    for _ in range(220):
        in_threads(1, add)
        counts.append(open_files(path.parent).total())

    assert 0 < max(counts[:20]) == max(counts)
    assert eur(220) == store.account(ALICE).balance
    store.close()
    assert [] == store._connections._open_connections()


_FORK = """
import traceback
bank = Bank(store := SQLiteStore(sys.argv[1]))
bank.open_account("alice", initial_balance=Money("10", "EUR"))
inherited = store._connections._open_writer()
go_on, told = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    try:
        bank.deposit("alice", Money("1", "EUR"), transaction_id="t-child")
        os.write(told[1], b".")
        os.read(go_on[0], 1)
        opened = store._connections._open_writer()
        print(opened is inherited, bank.account("alice").balance, flush=True)
        bank.deposit("alice", Money("1", "EUR"), transaction_id="t-child-2")
        store.close()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
bank.deposit("alice", Money("1", "EUR"), transaction_id="t-parent")
os.read(told[0], 1)
store.close()
with SQLiteStore(sys.argv[1]) as store:
    bank = Bank(store)
    bank.deposit("alice", Money("5", "EUR"), transaction_id="t-parent-2")
    os.write(go_on[1], b".")
    _, status = os.waitpid(child, 0)
    print(store.account(AccountId("alice")).balance, status)
"""


def test_parent_and_child_go_on_by_themselves(path: Path) -> None:
    """
    After a fork each opens a connection of its own: what one closes, the other still has, and
    each sees what the other has booked.
    """
    child, parent = python(_FORK, path)

    assert "False EUR 17.00" == child
    assert "EUR 18.00 0" == parent


_FORK_BESIDE_A_THREAD = """
import threading, time, warnings
from bankcore.ledger import verify
warnings.simplefilter("ignore", DeprecationWarning)  # of the fork itself, from Python 3.12 on
bank = Bank(store := SQLiteStore(sys.argv[1]))
bank.open_account("alice", initial_balance=Money("10", "EUR"))
ended = threading.Event()
def work():
    while not ended.is_set():
        bank.deposit("alice", Money("1", "EUR"))
thread = threading.Thread(target=work)
thread.start()
time.sleep(0.05)
child = os.fork()
if child == 0:
    for use in (lambda: bank, lambda: Bank(SQLiteStore(sys.argv[1]))):
        use().deposit("alice", Money("1", "EUR"))
    os._exit(0)
_, status = os.waitpid(child, 0)
ended.set()
thread.join()
own = sum(each.command.kind == "deposit" for each in store.journal(limit=10000).records)
print(status, verify(store).is_clean, bank.account("alice").balance == Money(10 + own, "EUR"))
store.close()
"""


def test_a_child_made_beside_another_thread_goes_on(path: Path) -> None:
    """
    A fork waits for the unit that another thread has under way; then both sides go on.
    """
    assert ["0 True True"] == python(_FORK_BESIDE_A_THREAD, path)


_FORK_IN_A_UNIT = """
from datetime import *
bank = Bank(store := SQLiteStore(sys.argv[1], timeout=0.02))
bank.open_account("alice", initial_balance=Money("10", "EUR"))
children = []
def clock():
    # Called in the middle of a unit, under the lock.
    children.append(os.fork())
    if children[-1] == 0:
        try:
            bank.deposit("alice", Money("1", "EUR"), transaction_id="t-child")
        except StoreError as error:
            print(error.code, flush=True)
        store.close()
        os._exit(0)
    os.waitpid(children[-1], 0)
    return datetime.now(UTC)
Bank(store, clock=clock).deposit("alice", Money("5", "EUR"), transaction_id="t-parent")
print(store.account(AccountId("alice")).balance)
store.close()
"""


@pytest.fixture
def forks() -> Iterator[None]:
    """
    Forget afterwards what this process pretends about forks.
    """
    yield
    connections._open_in_parent.clear()


def _as_a_child(store: SQLiteStore) -> None:
    store._connections.after_fork_in_child()


_REFUSED = "forked while its parent was in the middle"


@pytest.mark.usefixtures("forks")
def test_where_a_read_goes_on_for_too_long_the_child_is_refused(path: Path) -> None:
    """
    As a child sees it: neither the store nor another on the file may be used.
    """
    with SQLiteStore(path, timeout=0.02) as store:
        opened, ended = threading.Event(), threading.Event()

        def read_for_long(_: sqlite3.Connection) -> None:
            opened.set()
            ended.wait()

        thread = threading.Thread(target=store._connections.reading, args=(read_for_long,))
        thread.start()
        opened.wait()
        store._connections.before_fork()
        ended.set()
        thread.join()
        _as_a_child(store)
        for use_again in (lambda: contents_of(store), lambda: SQLiteStore(path)):
            with pytest.raises(StoreMisuseError, match=_REFUSED):
                use_again()


@pytest.mark.usefixtures("forks")
def test_what_cannot_be_closed_is_carried_over(path: Path) -> None:
    """
    Where others keep the lock for too long, nothing is closed: the parent goes on with it, and the
    child is refused.
    """
    with SQLiteStore(path, timeout=0.02) as store:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(1))
        with _locked(path):
            store._connections.before_fork()
        store._connections.after_fork_in_parent()
        assert eur(2) == bank.deposit("alice", eur(1)).postings[0].balance
        with _locked(path):
            store._connections.before_fork()
        _as_a_child(store)
        with pytest.raises(StoreMisuseError, match=_REFUSED):
            contents_of(store)


@pytest.mark.usefixtures("forks")
def test_a_fork_that_python_was_not_told_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Once the process is another, what was open is neither used nor closed; what was closed before
    is opened anew.
    """
    parent = os.getpid()
    with SQLiteStore(path) as open_store, SQLiteStore(path.with_name("other.db")) as closed_store:
        inherited = open_store._connections._open_writer()
        closed_store._connections.before_fork()
        closed_store._connections.after_fork_in_parent()
        with monkeypatch.context() as patched:
            patched.setattr(os, "getpid", lambda: parent + 1)
            with pytest.raises(StoreMisuseError, match=_REFUSED):
                contents_of(open_store)
            assert ([], []) == contents_of(closed_store)
            open_store.close()
            closed_store.close()

        # It still answers: it was not closed.
        assert [(1,)] == inherited.execute("SELECT 1").fetchall()
        inherited.close()


def test_nothing_is_open_across_a_fork(path: Path) -> None:
    """
    What was closed before a fork is opened anew when it is used, on both sides.
    """
    with SQLiteStore(path) as store:
        before = connection_of(store)
        store._connections.before_fork()

        assert [] == store._connections._open_connections()
        _as_a_child(store)
        assert connection_of(store) is not before
        with SQLiteStore(path) as other:
            assert contents_of(other) == contents_of(store)


def test_a_child_made_in_the_middle_of_a_unit_has_no_part_in_it(path: Path) -> None:
    """
    A child that is made while its parent writes is refused the store, and its end and its
    `close()` change nothing about the parent's unit.
    """
    assert ["store_misuse", "EUR 15.00"] == python(_FORK_IN_A_UNIT, path)


def test_closed_is_closed(store: SQLiteStore) -> None:
    """
    After `close()` every method is `StoreMisuseError`; closing again is allowed.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1), transaction_id="t-1")
    store.close()
    store.close()

    def decide(_: Snapshot) -> WriteSet:
        raise AssertionError("a closed store reads nothing")

    for use in (
        lambda: store.transact(ReadSet((), ()), decide),
        lambda: store.account(ALICE),
        store.accounts,
        lambda: store.outcome(TransactionId("t-1")),
        store.journal,
        lambda: store.history(ALICE),
        lambda: store.posting_at(ALICE, NOW),
        store.integrity_errors,
    ):
        with pytest.raises(StoreMisuseError, match="it is closed"):
            use()


def test_closing_leaves_nothing_open(path: Path) -> None:
    """
    `close()` closes the connections of every thread, ended or not; so does leaving ``with``.
    """
    before = open_files(path.parent)
    go_on, is_read = threading.Event(), threading.Event()
    with SQLiteStore(path) as store:

        def read_and_wait() -> None:
            contents_of(store)
            is_read.set()
            go_on.wait()

        waiting = threading.Thread(target=read_and_wait)
        waiting.start()
        is_read.wait()
        in_threads(3, lambda _: read_all(store))
    go_on.set()
    waiting.join()

    assert before == open_files(path.parent)
    with pytest.raises(StoreMisuseError):
        store.accounts()


def test_leaving_with_an_error_closes_too(path: Path) -> None:
    """
    ``with`` closes the store and hides no error.
    """
    with pytest.raises(KeyError), SQLiteStore(path) as store:
        raise KeyError
    with pytest.raises(StoreMisuseError):
        store.accounts()


def test_a_close_that_had_to_give_up_can_be_repeated(path: Path) -> None:
    """
    Where another writer keeps `close()` from closing, it says so, and closes when called again.
    """
    before = open_files(path.parent)
    store = SQLiteStore(path, timeout=0.01)
    in_threads(2, lambda _: read_all(store))
    with _locked(path), pytest.raises(StoreUnavailableError):
        store.close()
    store.close()

    assert before == open_files(path.parent)


# -- Waiting -----------------------------------------------------------------


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """
    Another process's lock, as far as anyone can tell.
    """
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def test_another_writer_of_bankcore_is_waited_for(path: Path) -> None:
    """
    Whoever waits longer than the timeout for the lock file is told that it was busy, and
    nothing is written; reads go on.
    """
    with SQLiteStore(path, timeout=0.02) as store:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(1))
        with _locked(path):
            with pytest.raises(StoreUnavailableError, match=r"kept it busy for 0\.02 s"):
                bank.deposit("alice", eur(1), transaction_id="t-1")

            assert eur(1) == store.account(ALICE).balance
            with pytest.raises(StoreUnavailableError, match="busy"):
                SQLiteStore(path, timeout=0)
        assert eur(2) == bank.deposit("alice", eur(1), transaction_id="t-1").postings[0].balance


def test_another_program_that_writes_is_waited_for(path: Path) -> None:
    """
    A writer that knows nothing of the lock file is waited for by SQLite, as long.
    """
    with SQLiteStore(path, timeout=0.02) as store:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(1))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailableError, match="locked"):
                bank.deposit("alice", eur(1), transaction_id="t-1")
            other.execute("ROLLBACK")
        assert eur(2) == bank.deposit("alice", eur(1), transaction_id="t-1").postings[0].balance


def test_the_lock_file_is_held_for_a_unit_and_no_longer(store: SQLiteStore, path: Path) -> None:
    """
    While a unit is open nobody else can have the lock, not even to share it; then anybody can.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1))
    taken: list[bool] = []

    def is_taken() -> bool:
        descriptor = os.open(f"{path}.lock", os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def clock() -> datetime:
        taken.append(is_taken())
        return NOW

    Bank(store, clock=clock).deposit("alice", eur(1))
    with pytest.raises(InsufficientFundsError):
        Bank(store, clock=clock).withdraw("alice", eur(100))

    assert [True, True] == taken
    assert not is_taken()


def test_a_unit_within_a_unit_is_misuse(path: Path) -> None:
    """
    A *decide* that writes to its own store is told at once that it must not.
    """
    with SQLiteStore(path) as store:
        bank = bank_over(store)
        bank.open_account("alice", initial_balance=eur(1))

        def clock() -> datetime:
            bank.deposit("alice", eur(1))
            return NOW

        with pytest.raises(StoreMisuseError, match="a unit cannot begin within another"):
            Bank(store, clock=clock).deposit("alice", eur(1))

        assert eur(1) == store.account(ALICE).balance
        assert eur(2) == bank.deposit("alice", eur(1)).postings[0].balance


def test_a_lock_file_that_cannot_be_locked_is_unavailable(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file system without locks is said to be one.
    """

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    bank = bank_over(store)
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", flock)
        with pytest.raises(StoreUnavailableError, match=os.strerror(errno.ENOLCK)):
            bank.open_account("alice", initial_balance=eur(1), transaction_id="t-1")
    bank.open_account("alice", initial_balance=eur(1), transaction_id="t-1")

    assert eur(1) == store.account(ALICE).balance


# -- 91: many make it at once ------------------------------------------------

_MAKE_AT_ONCE = """
import traceback
path, rounds, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for round_ in range(rounds):
    wait, go = os.pipe()
    children = []
    for n in range(number):
        child = os.fork()
        if child == 0:
            try:
                os.close(go)
                os.read(wait, 1)  # until the parent closes the other end
                with SQLiteStore(f"{path}-{round_}") as store:
                    Bank(store).open_account(f"a-{n}", initial_balance=Money(n, "EUR"))
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        children.append(child)
    os.close(wait)
    os.close(go)
    statuses = {os.waitpid(child, 0)[1] for child in children}
    with SQLiteStore(f"{path}-{round_}") as store:
        print(statuses, len(store.accounts()), sum(a.balance for a in store.accounts()))
"""


def test_sixteen_processes_make_it_at_once(path: Path) -> None:
    """
    Sixteen processes that open a store that is not there all succeed, and there is one store.
    """
    rounds = python(_MAKE_AT_ONCE, path, 4, 16)

    assert ["{0} 16 EUR 120.00"] * 4 == rounds


# -- 89: damage --------------------------------------------------------------


def _money_of(store: SQLiteStore) -> list[object]:
    """
    Every balance and every movement: what may never be silently different.
    """
    accounts, records = contents_of(store)
    found: list[object] = [
        (each.id, each.balance, each.held, each.overdraft_limit, each.status, each.version)
        for each in accounts
    ]
    for record in records:
        if isinstance(record, Transaction):
            found += [(record.id, record.postings, record.command.account_ids)]
    found += [[line.id for line in store.history(each.id)] for each in accounts]
    found += [store.outcome(each.id).id for each in records]
    found += [store.posting_at(each.id, NOW) for each in accounts]
    return found


def test_a_flipped_byte_never_gives_a_silently_different_balance(tmp_path: Path) -> None:
    """
    With any one byte changed, a read is a `StoreError`, or the audit reports it, or every
    balance and movement is as it was.

    (A time, a description or what was refused may change unseen: the chain of hashes, for
    which the tables have room, is there for that.)
    """
    original = tmp_path / "original.db"
    with SQLiteStore(original) as store:
        contract.fill(store)
        expected = _money_of(store)
    content = original.read_bytes()
    dice = random.Random(89)  # the same every time
    # Half of the places anywhere, half where something is written.
    written = [place for place, byte in enumerate(content) if byte]
    places = dice.choices(range(len(content)), k=110) + dice.choices(written, k=110)
    results = {"error": 0, "reported": 0, "as it was": 0}
    for n, place in enumerate(places):
        damaged = bytearray(content)
        damaged[place] ^= dice.randrange(1, 256)
        path = tmp_path / f"{n}.db"
        path.write_bytes(damaged)
        try:
            with SQLiteStore(path) as store:
                report = verify(store)
                try:
                    found = _money_of(store)
                except (StoreError, AccountNotFoundError, TransactionNotFoundError):
                    # Not found: an index that leads nowhere, which the audit reports.
                    found = []
                if not report.is_clean:
                    results["reported"] += 1
                elif found == []:
                    pytest.fail(f"seed 89, place {place}: {report} for what cannot be read")
                else:
                    results["as it was"] += 1

                    assert expected == found, f"byte {place} was {content[place]:#x}"
        except StoreError:
            results["error"] += 1
        _remove(path)

    # The sample has all kinds, so that each way of this test is used.
    assert min(results.values()) > 10


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".lock"):
        with suppress(FileNotFoundError):
            os.unlink(f"{path}{suffix}")


def _loosen(path: Path, table: str, *statements: str) -> None:
    """
    Run *statements* while *table* takes anything, and then let it be as strict as it was.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        (sql,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()
    set_sql = "UPDATE sqlite_master SET sql = ? WHERE name = ?"
    loose = sql.replace("STRICT, WITHOUT", "WITHOUT").replace("STRICT", "").replace("NOT NULL", "")
    for definition, then in ((loose, statements), (sql, ())):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(set_sql, (definition, table))
        write_raw(path, "PRAGMA foreign_keys = OFF", *then)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("bankcore_account", "balance_minor = NULL"),
        ("bankcore_account", "balance_minor = 'much'"),
        ("bankcore_account", "balance_minor = 1.5"),
        ("bankcore_account", "held_minor = -1"),
        ("bankcore_account", "version = NULL"),
        ("bankcore_account", "version = x'01'"),
        ("bankcore_account", "status = 'gone'"),
        ("bankcore_account", "currency = 'euro'"),
        ("bankcore_account", "exponent = 99"),
        ("bankcore_account", "last_booked_at = NULL"),
        ("bankcore_account", "last_booked_at = 9223372036854775807"),
        ("bankcore_account", "last_booked_at = -9223372036854775807"),
        ("bankcore_account", "currency = CAST(x'ff' AS TEXT)"),
        ("bankcore_posting", "balance_minor = NULL"),
        ("bankcore_posting", "amount_minor = 'much'"),
        ("bankcore_posting", "version = 7"),
        ("bankcore_posting", "version = NULL"),
        ("bankcore_posting", "version = '1'"),
        ("bankcore_posting", "chain_hash = ''"),
        ("bankcore_posting", "chain_hash = 1.5"),
        ("bankcore_account", "chain_hash = NULL"),
        ("bankcore_journal", "principal = 7"),
        ("bankcore_journal", "principal = x'61'"),
        ("bankcore_posting", "account_key = 99"),
        ("bankcore_posting", "place = 99"),
        ("bankcore_journal", "recorded_at = NULL"),
        ("bankcore_journal", "recorded_at = 'today'"),
        ("bankcore_journal", "recorded_at = 9223372036854775807"),
        ("bankcore_journal", "command = NULL"),
        ("bankcore_journal", "command = '[]'"),
        ("bankcore_journal", "command = 'x'"),
        ("bankcore_journal", 'command = \'{"account_id":"alice"}\''),
        ("bankcore_journal", 'command = \'{"account_id":7,"initial_balance":[1,"EUR",2]}\''),
        ("bankcore_journal", 'command = \'{"account_id":"alice","initial_balance":[1]}\''),
        ("bankcore_journal", 'command = \'{"account_id":"alice","initial_balance":1}\''),
        ("bankcore_journal", "command = CAST(x'7bff7d' AS TEXT)"),
        ("bankcore_journal", "command_kind = 'give_away'"),
        ("bankcore_journal", "command_kind = NULL"),
        ("bankcore_journal", "transaction_id = 'not an id'"),
        ("bankcore_journal", "refusal_code = 'no_reason', refusal_facts = '{}'"),
        ("bankcore_journal", "refusal_code = 'account_closed', refusal_facts = '{}'"),
        ("bankcore_journal", "refusal_code = 'account_closed', refusal_facts = '{\"x\":1}'"),
    ],
)
def test_what_cannot_have_been_written_is_damage(
    store: SQLiteStore, path: Path, table: str, change: str
) -> None:
    """
    Whatever stands in a row, reading it is a `StoreError` or the value that it is, the audit
    reports it, and no other error comes out.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1), transaction_id="t-1")
    store.close()
    _loosen(path, table, f"UPDATE {table} SET {change}")
    with SQLiteStore(path) as damaged:
        for read in (
            damaged.accounts,
            damaged.journal,
            lambda: damaged.account(ALICE),
            lambda: damaged.history(ALICE),
            lambda: damaged.posting_at(ALICE, NOW),
            lambda: damaged.outcome(TransactionId("t-1")),
            lambda: bank_over(damaged).deposit("alice", eur(1), transaction_id="t-1"),
        ):
            with suppress(StoreError, BankError):
                read()
        try:
            report = verify(damaged)
        except StoreError:
            return
        assert not report.is_clean


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("principal = x'61'", "its principal is not text"),
        ("command = command || '{}'", "there is more after the JSON object"),
    ],
)
def test_a_record_with_something_else_in_it_is_not_read(
    store: SQLiteStore, path: Path, change: str, expected: str
) -> None:
    """
    A principal of bytes, or a text after the command, is damage to every reader.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1), transaction_id="t-1")
    store.close()
    _loosen(path, "bankcore_journal", f"UPDATE bankcore_journal SET {change}")
    with SQLiteStore(path) as damaged, pytest.raises(StoreCorruptedError, match=expected):
        damaged.outcome("t-1")


@pytest.mark.parametrize(
    "column", ["amount_minor", "balance_minor", "held_minor", "overdraft_limit_minor", "version"]
)
@pytest.mark.parametrize("zero", [0.0, False])
def test_a_zero_of_another_type_is_damage(column: str, zero: object) -> None:
    """
    A zero that is no int is no number of a posting, also where zeros are read in a quicker way.
    """
    row = PostingRow(1, "alice", "EUR", 2, 0, 0, 0, 0, 1, b"")
    assert eur(0) == posting_from(row).held

    with pytest.raises(codec.MISREAD):
        posting_from(row._replace(**{column: zero}))


def test_another_version_than_the_one_asked_for_is_damage(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A damaged file may give another row than the one that was asked for; nobody waits for ever for
    the right one.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(1))
    bank.deposit("alice", eur(1))
    bank.open_account("bob", initial_balance=eur(1))
    read = store._read

    def row_of(name: str, version: int) -> Callable[..., list[Any]]:
        def found(statement: str, parameters: Sequence[Any]) -> list[Any]:
            if statement != POSTING_AT:
                return read(statement, parameters)
            ((_, *row),) = read(statement, (name, parameters[1]))
            row[-2] = version
            return [(2, *row)]

        return found

    for name, version in (("alice", 1), ("bob", 2)):
        monkeypatch.setattr(store, "_read", row_of(name, version))
        expected = f"version {version} of {name} is where 2 should be"
        with pytest.raises(StoreCorruptedError, match=expected):
            bank.available_at("alice", NOW)


def test_a_version_that_is_missing_is_damage(store: SQLiteStore, path: Path) -> None:
    """
    A search that meets a version without its posting does not take what is before it.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(1))
    for _ in range(8):
        bank.deposit("alice", eur(1))
    store.close()
    write_raw(
        path,
        "DROP TRIGGER bankcore_posting_no_delete",
        "DELETE FROM bankcore_posting WHERE version = 5",
    )
    with (
        SQLiteStore(path) as damaged,
        pytest.raises(StoreCorruptedError, match="the history of account alice"),
    ):
        bank_over(damaged).balance_at("alice", NOW)


def test_names_of_tables_that_are_no_text_are_told(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Not even the list of the tables need be right.
    """
    read = store._read

    def damaged(statement: str, parameters: Sequence[Any]) -> list[Any]:
        rows = read(statement, parameters)
        if "sqlite_master" in statement:
            return [
                (kind, name.encode(), table, sql.encode())
                for kind, name, table, sql in rows
                if sql
            ]
        return rows

    monkeypatch.setattr(store, "_read", damaged)

    assert "the table bankcore_account is missing" in store.integrity_errors()


@pytest.mark.parametrize(
    ("table", "read"),
    [
        ("bankcore_account", lambda store: store.account(ALICE)),
        ("bankcore_account", lambda store: store.accounts()),
        ("bankcore_journal", lambda store: store.journal()),
        ("bankcore_journal", lambda store: store.history(ALICE)),
        ("bankcore_journal", lambda store: store.outcome(TransactionId("t-1"))),
        ("bankcore_journal", lambda store: store.posting_at(ALICE, NOW)),
        (
            "bankcore_journal",
            lambda store: bank_over(store).deposit("alice", eur(1), transaction_id="t-1"),
        ),
        (
            "bankcore_account",
            lambda store: bank_over(store).deposit("alice", eur(1), transaction_id="t-2"),
        ),
    ],
)
def test_reading_a_damaged_row_says_so(
    store: SQLiteStore, path: Path, table: str, read: Callable[[SQLiteStore], object]
) -> None:
    """
    Each way of reading a row without its time is `StoreCorruptedError`.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1), transaction_id="t-1")
    store.close()
    column = "recorded_at" if table == "bankcore_journal" else "last_booked_at"
    _loosen(path, table, f"UPDATE {table} SET {column} = NULL")
    with SQLiteStore(path) as damaged, pytest.raises(StoreCorruptedError):
        read(damaged)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("bankcore_account", "held_minor = 8"),
        ("bankcore_account", "held_minor = 0"),
        ("bankcore_account", "currency = 'USD', exponent = 3, held_minor = NULL"),
        ("bankcore_account", "restriction = 'some'"),
        ("bankcore_account", "restriction = NULL"),
        ("bankcore_account", "restriction_reason = NULL"),
        ("bankcore_account", "restriction_reason = 'two' || char(10) || 'lines'"),
        ("bankcore_account", "restriction = 'none'"),
        ("bankcore_account", "restriction_ends_at = 'never'"),
        ("bankcore_account", "restriction_ends_at = 9223372036854775807"),
        # Year 9999, which stands for no end in other systems.
        ("bankcore_account", "restriction_ends_at = 253370764800000000"),
        ("bankcore_account", "holders = ''"),
        ("bankcore_account", "holders = 'mary'"),
        ("bankcore_account", "holders = '[]'"),
        ("bankcore_account", "holders = '{\"mary\":[]}'"),
        ("bankcore_account", 'holders = \'{"mary":"read"}\''),
        ("bankcore_account", 'holders = \'{"mary":["own"]}\''),
        ("bankcore_account", 'holders = \'{"two words":["read"]}\''),
        ("bankcore_account", 'holders = \'{"b":["read"],"a":["read"]}\''),
        ("bankcore_account", "status = 'closed', balance_minor = 0"),
        ("bankcore_hold", "id = 'not an id'"),
        ("bankcore_hold", "id = x'07'"),
        ("bankcore_hold", "amount_minor = NULL"),
        ("bankcore_hold", "amount_minor = 0"),
        ("bankcore_hold", "amount_minor = 11"),
        ("bankcore_hold", "amount_minor = 'much'"),
        ("bankcore_hold", "amount_minor = 1000000000000000000"),
        ("bankcore_hold", "captured_minor = NULL"),
        ("bankcore_hold", "captured_minor = -1"),
        ("bankcore_hold", "captured_minor = 10"),
        ("bankcore_hold", "captured_minor = 11"),
        ("bankcore_hold", "captured_minor = 2"),
        ("bankcore_hold", "expires_at = 'tomorrow'"),
        ("bankcore_hold", "expires_at = 9223372036854775807"),
        ("bankcore_hold", "description = 'two' || char(10) || 'lines'"),
        ("bankcore_hold", "description = x'07'"),
    ],
)
def test_damage_to_holds_restrictions_and_holders_is_said(
    store: SQLiteStore, path: Path, table: str, change: str
) -> None:
    """
    An account whose holds do not add up to what is held, or which is restricted or held by
    somebody in a way that cannot be, is not read, wherever it is read, and not written.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100), transaction_id="t-1")
    bank.place_hold("alice", eur(10), expires_at=NOW + timedelta(days=1), transaction_id="h-1")
    bank.capture_hold("alice", "h-1", eur(1), final=False, transaction_id="t-2")
    bank.grant_access("alice", "mary", ["read"])
    ends_at = NOW + timedelta(days=1)
    bank.restrict("alice", "debits", reason="theft", ends_at=ends_at, transaction_id="t-3")
    store.close()
    _loosen(path, table, f"UPDATE {table} SET {change}")
    with SQLiteStore(path) as damaged:
        before = connection_of(damaged).execute("SELECT * FROM bankcore_journal").fetchall()
        over: Bank = bank_over(damaged)
        for read in (
            lambda: damaged.account(ALICE),
            damaged.accounts,
            lambda: over.deposit("alice", eur(1)),
            lambda: over.release_hold("alice", "h-1"),
            lambda: over.reverse("t-1"),
        ):
            with pytest.raises(StoreCorruptedError):
                read()

        assert (
            before == connection_of(damaged).execute("SELECT * FROM bankcore_journal").fetchall()
        )
        assert not verify(damaged).is_clean


@pytest.mark.parametrize(
    "change",
    [
        "id = 'not an id'",
        "amount_minor = 'much'",
        "captured_minor = 11",
        "expires_at = -9223372036854775807",
        "description = 'two' || char(10) || 'lines'",
    ],
)
def test_damage_to_a_hold_that_is_due_is_said(store: SQLiteStore, path: Path, change: str) -> None:
    """
    What is looked for by its expiry is checked too.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(100))
    bank.place_hold("alice", eur(10), expires_at=NOW + timedelta(days=1), transaction_id="h-1")
    store.close()
    _loosen(path, "bankcore_hold", f"UPDATE bankcore_hold SET {change}")
    with SQLiteStore(path) as damaged, pytest.raises(StoreCorruptedError):
        damaged.holds_due(NOW + timedelta(days=2))


@pytest.mark.parametrize(
    "change",
    [
        "refusal_batch = 'x'",
        "refusal_batch = '{}'",
        "refusal_batch = '[]'",
        "refusal_batch = '7'",
        'refusal_batch = \'[["deposit","t-1"]]\'',
        'refusal_batch = \'[["give","t-1",{}]]\'',
        'refusal_batch = \'[["deposit","not an id",{"account_id":"a","amount":[1,"EUR",2]}]]\'',
        'refusal_batch = \'[["deposit","t-1",{"account_id":"alice"}]]\'',
    ],
)
def test_damage_to_a_refused_batch_is_said(store: SQLiteStore, path: Path, change: str) -> None:
    """
    The commands that a refusal undid are read with it, and checked.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(1))
    with pytest.raises(InsufficientFundsError):
        bank.execute(
            [
                Deposit("alice", eur(1), transaction_id="t-1"),
                Withdraw("alice", eur(3), transaction_id="t-2"),
            ],
            atomic=True,
        )
    store.close()
    _loosen(
        path,
        "bankcore_journal",
        f"UPDATE bankcore_journal SET {change} WHERE transaction_id = 't-2'",
    )
    with SQLiteStore(path) as damaged:
        for read in (
            damaged.journal,
            lambda: damaged.outcome(TransactionId("t-2")),
            lambda: bank_over(damaged).withdraw("alice", eur(3), transaction_id="t-2"),
        ):
            with pytest.raises(StoreCorruptedError):
                read()


def test_a_missing_posting_is_damage(store: SQLiteStore, path: Path) -> None:
    """
    Where a version of an account has no posting, looking for it by time is an error.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(1))
    for _ in range(4):
        bank.deposit("alice", eur(1))
    store.close()
    for versions in ("= 3", "IN (3, 5)", "> 0"):
        _loosen(path, "bankcore_posting", f"DELETE FROM bankcore_posting WHERE version {versions}")
        with SQLiteStore(path) as damaged:
            with pytest.raises(StoreCorruptedError):
                damaged.posting_at(ALICE, NOW)

            assert not verify(damaged).is_clean


def test_the_files_are_checked_too(store: SQLiteStore, path: Path) -> None:
    """
    `integrity_errors` is empty for a sound file, and says what SQLite finds in another.
    """
    bank_over(store).open_account("alice", initial_balance=eur(1))

    assert [] == list(store.integrity_errors())
    store.close()
    _loosen(path, "bankcore_posting", "UPDATE bankcore_posting SET account_key = 99")
    with SQLiteStore(path) as damaged:
        assert "a row of bankcore_posting refers to a missing row of bankcore_account" in list(
            damaged.integrity_errors()
        )


def test_a_file_cut_short_is_found(store: SQLiteStore, path: Path) -> None:
    """
    A file that has lost its end is an error or is reported.
    """
    contract.fill(store)
    store.close()
    content = path.read_bytes()
    pages = len(content) // 4096
    for kept in range(1, pages):
        path.write_bytes(content[: kept * 4096])
        try:
            with SQLiteStore(path) as short:
                assert not verify(short).is_clean
        except StoreCorruptedError:
            pass


def test_a_file_damaged_under_way_is_found(store: SQLiteStore, path: Path) -> None:
    """
    A damaged file is damage to reads, to writes and to the check of the files, however SQLite
    puts it.
    """
    contract.fill(store)
    store.close()
    content = bytearray(path.read_bytes())
    for place in range(4096, len(content), 4096):
        content[place : place + 16] = b"\xff" * 16
    with SQLiteStore(path) as damaged:
        connection_of(damaged).execute("PRAGMA cache_size = 0")
        with open(path, "r+b") as file:  # the file must stay the same file
            file.write(content)
        for use in (
            damaged.accounts,
            damaged.journal,
            lambda: bank_over(damaged).deposit("alice", eur(1)),
        ):
            with pytest.raises(StoreCorruptedError):
                use()
        assert list(damaged.integrity_errors())
        assert not verify(damaged).is_clean


def test_an_account_that_changes_under_the_lock_is_damage(store: SQLiteStore) -> None:
    """
    A version that is not the one that was read, though nobody else can write, stops the unit.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(1))
    connection = connection_of(store)

    def clock() -> datetime:
        connection.execute("UPDATE bankcore_account SET version = 7")
        return NOW

    with pytest.raises(StoreCorruptedError, match="1 of 1 accounts changed under the lock"):
        Bank(store, clock=clock).deposit("alice", eur(1))

    assert (eur(1), 1) == (store.account(ALICE).balance, store.account(ALICE).version)


def test_what_is_damage_stays_what_it_says() -> None:
    """
    An error that already says what is damaged is not wrapped in another.
    """
    error = StoreCorruptedError("as found")
    with pytest.raises(StoreCorruptedError) as raised, codec.reading("something"):
        raise error

    assert error is raised.value


# -- Errors of SQLite --------------------------------------------------------

Plan = Callable[[str, str], None]


class Faulty(sqlite3.Connection):
    """
    A connection that tells `plan` of every statement, before and after it.

    ``executemany`` counts row by row. A *plan* raises what it wants to go wrong.
    """

    plan: ClassVar[Plan | None] = None
    #: A statement that is not carried out, and nobody told.
    deaf_to: ClassVar[str] = ""

    def _tell(self, when: str, statement: str) -> None:
        plan = type(self).plan
        if plan is not None:
            plan(when, " ".join(statement.split()))

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        if statement == self.deaf_to:
            statement = "SELECT 1"
        self._tell("before", statement)
        cursor = super().execute(statement, *parameters)
        try:
            self._tell("after", statement)
        except BaseException:
            # As SQLite itself: a statement that fails is over.
            cursor.close()
            raise
        return cursor

    def executemany(self, statement: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        def told() -> Iterator[Any]:
            for row in rows:
                self._tell("before", statement)
                yield row
                self._tell("after", statement)

        return super().executemany(statement, told())


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Faulty]]:
    """
    Lets every connection that is made from now on be a faulty one.
    """
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, **options, factory=Faulty)

    monkeypatch.setattr(sqlite3, "connect", connected)
    yield Faulty
    Faulty.plan = None


def sqlite_error(code: int | None, message: str = "as planned") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
    if code is not None:
        error.sqlite_errorcode = code
    return error


class _At:
    """
    A plan that raises *error* at the *place*-th point, and *again* at the statement named so.
    """

    def __init__(self, place: int, error: BaseException, *, again: str | None = None) -> None:
        self.place = place
        self.error = error
        self.again = again
        self.points: list[tuple[str, str]] = []

    def __call__(self, when: str, statement: str) -> None:
        self.points.append((when, statement))
        if len(self.points) == self.place or (
            len(self.points) > self.place and statement == self.again
        ):
            raise self.error

    @property
    def is_reached(self) -> bool:
        return len(self.points) >= self.place

    @property
    def is_committed(self) -> bool:
        return ("after", "COMMIT") in self.points[: self.place]

    @property
    def is_at_commit(self) -> bool:
        return self.is_reached and self.points[self.place - 1][1] == "COMMIT"


_BATCH: Final[Sequence[Command]] = (
    OpenAccount("carol", initial_balance=eur(5), transaction_id="t-1"),
    Transfer("alice", "bob", eur(7), transaction_id="t-2"),
    Withdraw("bob", eur(100_000), transaction_id="t-3"),
    Deposit("carol", eur(1), transaction_id="t-4"),
)

_BEFORE_COMMIT: Final = {
    "IOERR": (sqlite3.SQLITE_IOERR, StoreUnavailableError),
    "IOERR_WRITE": (sqlite3.SQLITE_IOERR_WRITE, StoreUnavailableError),
    "FULL": (sqlite3.SQLITE_FULL, StoreUnavailableError),
    "BUSY": (sqlite3.SQLITE_BUSY, StoreUnavailableError),
    "INTERRUPT": (sqlite3.SQLITE_INTERRUPT, StoreUnavailableError),
    "PROTOCOL": (sqlite3.SQLITE_PROTOCOL, StoreUnavailableError),
    "NOMEM": (sqlite3.SQLITE_NOMEM, StoreUnavailableError),
    "READONLY": (sqlite3.SQLITE_READONLY, StoreUnavailableError),
    "CORRUPT": (sqlite3.SQLITE_CORRUPT, StoreCorruptedError),
    "CORRUPT_INDEX": (sqlite3.SQLITE_CORRUPT_INDEX, StoreCorruptedError),
    "NOTADB": (sqlite3.SQLITE_NOTADB, StoreCorruptedError),
    "no code": (None, StoreCorruptedError),
}


def _begun(store: SQLiteStore) -> Bank:
    # The store's own answer is looked at here: the bank does not retry.
    bank = bank_over(store, deadline=timedelta())
    bank.open_account("alice", initial_balance=eur(100))
    bank.open_account("bob", initial_balance=eur(100))
    return bank


def _settled(bank: Bank) -> list[tuple[str, str]]:
    """
    The outcomes of the batch, in words that do not say whether they are replays.
    """
    return [
        (type(outcome).__name__, str(getattr(outcome, "postings", outcome)))
        for outcome in bank.execute(_BATCH)
    ]


def _with_faults(
    directory: Path, make: Callable[[int], _At], *, step: int = 1
) -> Iterator[tuple[SQLiteStore, _At, BaseException | None, list[Any]]]:
    """
    A batch with the fault of ``make(1)``, ``make(1 + step)``, … on a store of its own each,
    until one passes: the store, the plan, what was raised, and the contents before and after.
    """
    with SQLiteStore(directory / "reference.db") as reference:
        bank = _begun(reference)
        before = contents_of(reference)
        expected = _settled(bank)
        after = contents_of(reference)
    for place in count(1, step):
        with SQLiteStore(directory / f"{place}.db") as store:
            bank = _begun(store)
            plan = Faulty.plan = make(place)
            raised: BaseException | None = None
            try:
                bank.execute(_BATCH)
            except BaseException as error:  # noqa: BLE001  # judged by the test
                raised = error
            Faulty.plan = None
            yield store, plan, raised, [before, after]

            # A retry under the same ids tells the outcome, on the same store.
            assert expected == _settled(bank)
            assert after == contents_of(store)
            assert verify(store).is_clean
        if not plan.is_reached:
            # The batch has that many statements, so that was not over too soon.
            assert place > 20
            return


@pytest.mark.parametrize(("code", "expected"), _BEFORE_COMMIT.values(), ids=_BEFORE_COMMIT.keys())
def test_an_error_before_the_commit_is_certain(
    tmp_path: Path, faulty: type[Faulty], code: int | None, expected: type[StoreError]
) -> None:
    """
    Whatever statement fails before the commit, nothing is written, the error says so, and
    a retry under the same ids succeeds.
    """
    for store, plan, raised, (before, after) in _with_faults(
        tmp_path,
        lambda place: _At(place, sqlite_error(code)),
        # One kind of error at every point; the others at some.
        step=1 if code == sqlite3.SQLITE_IOERR else 9,
    ):
        if not plan.is_reached:
            assert (None, after) == (raised, contents_of(store))
        elif not plan.is_at_commit:
            assert expected is type(raised)
            assert before == contents_of(store)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_error_at_the_commit_leaves_it_open(
    path: Path, faulty: type[Faulty], when: str, code: int
) -> None:
    """
    An error of the commit is `OutcomeUnknownError`, done or not; a retry under the id tells which.
    """
    with SQLiteStore(path) as store:
        bank = _begun(store)

        def plan(told: str, statement: str) -> None:
            if (told, statement) == (when, "COMMIT"):
                raise sqlite_error(code)

        faulty.plan = plan
        with pytest.raises(OutcomeUnknownError, match="at the commit: as planned"):
            bank.deposit("alice", eur(1), transaction_id="t-1")
        faulty.plan = None

        assert eur(101 if when == "after" else 100) == store.account(ALICE).balance
        retried = bank.deposit("alice", eur(1), transaction_id="t-1")

        assert (eur(101), when == "after") == (retried.postings[0].balance, retried.replayed)
        assert eur(101) == store.account(ALICE).balance


def test_a_commit_for_which_there_is_no_room_is_certain(path: Path, faulty: type[Faulty]) -> None:
    """
    SQLite says that the disk is full only where it could not write all of a commit: not done.
    """
    with SQLiteStore(path) as store:
        bank = _begun(store)

        def plan(told: str, statement: str) -> None:
            if (told, statement) == ("before", "COMMIT"):
                raise sqlite_error(sqlite3.SQLITE_FULL)

        faulty.plan = plan
        with pytest.raises(StoreUnavailableError, match="nothing was written"):
            bank.deposit("alice", eur(1), transaction_id="t-1")
        faulty.plan = None

        assert eur(100) == store.account(ALICE).balance
        assert not bank.deposit("alice", eur(1), transaction_id="t-1").replayed


def test_an_interrupt_anywhere_is_all_or_nothing(tmp_path: Path, faulty: type[Faulty]) -> None:
    """
    A `KeyboardInterrupt` at any statement passes, with nothing written before the commit and
    everything after it, and the store goes on.
    """
    for store, plan, raised, (before, after) in _with_faults(
        tmp_path, lambda place: _At(place, KeyboardInterrupt())
    ):
        assert (KeyboardInterrupt if plan.is_reached else type(None)) is type(raised)
        is_done = plan.is_committed or not plan.is_reached

        assert (after if is_done else before) == contents_of(store)


def test_a_failed_rollback_is_no_harm(tmp_path: Path, faulty: type[Faulty]) -> None:
    """
    Where SQLite cannot even roll back, the connection is given up, and with it the unit.
    """
    for store, plan, raised, (before, _) in _with_faults(
        tmp_path,
        lambda place: _At(place, sqlite_error(sqlite3.SQLITE_NOMEM), again="ROLLBACK"),
        step=5,
    ):
        if plan.is_reached and not plan.is_at_commit:
            assert StoreUnavailableError is type(raised)
            assert before == contents_of(store)


def test_faults_leave_nothing_open(path: Path, faulty: type[Faulty]) -> None:
    """
    Connections that are given up are closed, and their lock files too.
    """
    with SQLiteStore(path) as store:
        bank = _begun(store)
        contents_of(store)
        before = open_files(path.parent)
        for statement in ("BEGIN IMMEDIATE", "COMMIT") * 5:

            def plan(told: str, said: str, statement: str = statement) -> None:
                if said == statement:
                    raise sqlite_error(sqlite3.SQLITE_IOERR)

            faulty.plan = plan
            with pytest.raises(StoreError):
                bank.deposit("alice", eur(1))
            faulty.plan = None

            assert eur(100) == store.account(ALICE).balance
            assert before == open_files(path.parent)


@pytest.mark.parametrize(
    ("code", "is_trusted"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_NOMEM, True),
        (sqlite3.SQLITE_IOERR, False),
        (sqlite3.SQLITE_IOERR_FSYNC, False),
        (sqlite3.SQLITE_FULL, False),
        (sqlite3.SQLITE_CORRUPT, False),
        (sqlite3.SQLITE_NOTADB, False),
        (sqlite3.SQLITE_PROTOCOL, False),
    ],
)
def test_a_connection_is_not_trusted_after_trouble_with_the_disk(
    path: Path, faulty: type[Faulty], code: int, is_trusted: bool
) -> None:
    """
    After an error of the disk or damage, found by a write, the next use opens a connection anew;
    after one that will pass, it goes on with the same.
    """
    with SQLiteStore(path) as store:
        bank = _begun(store)
        before = connection_of(store)
        faulty.plan = _At(1, sqlite_error(code))
        with pytest.raises(StoreError):
            bank.deposit("alice", eur(1))
        faulty.plan = None

        assert is_trusted == (before is connection_of(store))


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR])
def test_a_connection_whose_read_failed_is_not_lent_again(
    path: Path, faulty: type[Faulty], code: int
) -> None:
    """
    Whatever a read raised, the next one has a connection of which nothing is left open.
    """
    with SQLiteStore(path) as store:
        _begun(store)
        contents_of(store)
        (before, *_) = [each.sqlite for each in store._connections._readers if each.sqlite]
        faulty.plan = _At(1, sqlite_error(code))
        with pytest.raises(StoreError):
            store.accounts()
        faulty.plan = None
        contents_of(store)

        assert before not in store._connections._open_connections()


def test_a_fault_in_one_thread_leaves_the_others_alone(path: Path, faulty: type[Faulty]) -> None:
    """
    While the units of some threads fail at their commit, those of another go on.
    """
    with SQLiteStore(path) as store:
        bank = _begun(store)
        mine = threading.current_thread()

        def plan(told: str, statement: str) -> None:
            if threading.current_thread() is not mine and statement == "COMMIT":
                raise sqlite_error(sqlite3.SQLITE_IOERR)

        faulty.plan = plan

        def fail(n: int) -> None:
            with pytest.raises(OutcomeUnknownError):
                bank.deposit("alice", eur(1), transaction_id=f"t-{n}")

        for _ in range(3):
            in_threads(4, fail)
            bank.deposit("bob", eur(1))
        faulty.plan = None

        assert [eur(100), eur(103)] == [each.balance for each in store.accounts()]


@pytest.mark.parametrize(("code", "expected"), _BEFORE_COMMIT.values(), ids=_BEFORE_COMMIT.keys())
def test_an_error_of_a_read_is_a_store_error(
    path: Path, faulty: type[Faulty], code: int | None, expected: type[StoreError]
) -> None:
    """
    A read that fails says why; the next one may pass.
    """
    with SQLiteStore(path) as store:
        _begun(store)
        for read in (
            store.accounts,
            store.journal,
            lambda: store.account(ALICE),
            lambda: store.history(ALICE),
            lambda: store.posting_at(ALICE, NOW),
            lambda: store.outcome(TransactionId("made-1")),
        ):
            faulty.plan = _At(1, sqlite_error(code))
            with pytest.raises(expected):
                read()
            faulty.plan = None

            assert read()


def test_an_error_while_opening_leaves_nothing_open(path: Path, faulty: type[Faulty]) -> None:
    """
    Whatever statement fails while a store is opened, or made, it is a `StoreError`, no file is
    left open, and the next attempt succeeds.
    """
    before = open_files(path.parent)
    for is_there in (False, True):
        for place in count(1):
            target = path.with_name(f"{place}.db")
            if is_there:
                SQLiteStore(target).close()
            plan = faulty.plan = _At(place, sqlite_error(sqlite3.SQLITE_IOERR))
            if not plan_is_met(target, plan):
                break

            assert before == open_files(path.parent)
            faulty.plan = None
            with SQLiteStore(target) as store:
                assert ([], []) == contents_of(store)
        faulty.plan = None

        assert place > 20


def plan_is_met(path: Path, plan: _At) -> bool:
    """
    Open a store at *path*; whether *plan* had its way, as a `StoreError`.
    """
    try:
        SQLiteStore(path).close()
    except StoreError:
        assert plan.is_reached
        return True
    # Closing says nothing to SQLite that could fail by a plan.
    assert not plan.is_reached
    return False


@pytest.mark.parametrize("is_first", [True, False])
def test_a_connection_that_cannot_be_made_is_unavailable(
    path: Path, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    """
    A thread that gets no connection is told so, and leaves nothing open.
    """
    with SQLiteStore(path) as store:
        before = open_files(path.parent)

        def connect(*_: object, **__: object) -> sqlite3.Connection:
            raise sqlite_error(sqlite3.SQLITE_CANTOPEN, "unable to open database file")

        monkeypatch.setattr(sqlite3, "connect", connect)

        def use(_: int) -> None:
            work = (lambda: SQLiteStore(path)) if is_first else store.accounts
            with pytest.raises(StoreUnavailableError, match="unable to open"):
                work()

        in_threads(1, use)

        assert before == open_files(path.parent)


def test_a_full_disk_is_unavailable(store: SQLiteStore) -> None:
    """
    Where there is no more room, a write is certainly not done, and what was acknowledged stays.
    """
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(0))
    connection = connection_of(store)
    connection.execute(f"PRAGMA max_page_count = {pragma(connection, 'page_count')}")
    acknowledged = 0

    def fill() -> None:
        nonlocal acknowledged
        while True:
            bank.deposit("alice", eur(1), description="x" * 500)
            acknowledged += 1

    with pytest.raises(StoreUnavailableError, match="full"):
        fill()

    assert acknowledged > 0
    assert eur(acknowledged) == store.account(ALICE).balance
    assert verify(store).is_clean
    assert eur(acknowledged + 1) == bank.deposit("alice", eur(1)).postings[0].balance


def test_a_lock_file_that_cannot_be_made_is_unavailable(path: Path) -> None:
    """
    Without its lock file a store is not opened.
    """
    path.touch()
    os.mkdir(f"{path}.lock")
    with pytest.raises(StoreUnavailableError, match=r"bank\.db\.lock: Is a directory"):
        SQLiteStore(path)


def test_a_connection_that_cannot_be_made_leaves_nothing_open(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where SQLite cannot connect for a new thread, the lock file opened for it is closed again.
    """

    def connect(*arguments: object, **options: object) -> sqlite3.Connection:
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    before = open_files(path.parent)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", connect)
        with ThreadPoolExecutor(1) as thread:
            raised = thread.submit(store.accounts).exception()

    assert isinstance(raised, StoreUnavailableError)
    assert before == open_files(path.parent)


def test_a_kill_in_the_middle_of_a_unit_frees_the_lock(path: Path) -> None:
    """
    A process that dies while it writes leaves neither its lock nor its unit behind.
    """
    code = (
        "store = SQLiteStore(sys.argv[1])\n"
        "opened_at = datetime(2020, 1, 1, tzinfo=UTC)\n"
        "alice = {'initial_balance': Money(1, 'EUR'), 'booked_at': opened_at}\n"
        "Bank(store).open_account('alice', **alice)\n"
        "def clock():\n"
        f"    os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
        "Bank(store, clock=clock).deposit('alice', Money(1, 'EUR'))\n"
    )
    begin = (
        "import os, sys\nfrom datetime import *\nfrom bankcore import *\n"
        "from bankcore.stores import *\n"
    )
    done = subprocess.run([sys.executable, "-c", begin + code, path], check=False)

    assert -signal.SIGKILL == done.returncode
    with SQLiteStore(path, timeout=5) as store:
        assert eur(100) == store.account(ALICE).balance
        assert eur(101) == bank_over(store).deposit("alice", eur(1)).postings[0].balance


@pytest.mark.parametrize("timeout", [-1, 86_401, float("inf"), float("nan"), "5", True, None])
def test_a_timeout_is_a_number_of_seconds(path: Path, timeout: Any) -> None:
    """
    What SQLite or a lock could not wait is refused before anything is opened.
    """
    with pytest.raises(
        StoreMisuseError, match="timeout must be a number of seconds from 0 to 86400"
    ):
        SQLiteStore(path, timeout=timeout)

    assert not path.exists()


def test_an_outline_is_the_account_without_its_holds(store: SQLiteStore) -> None:
    """It is read without the holds, of which there may be a thousand."""
    bank = bank_over(store)
    bank.open_account("alice", initial_balance=eur(5), overdraft_limit=eur(1), holder="mary")
    bank.place_hold("alice", eur(2))
    bank.restrict("alice", "debits", reason="theft", ends_at=NOW + timedelta(days=1))
    account = bank.account("alice")

    assert attrs.evolve(account, holds=()) == store.outline("alice")
    assert account.holds
    with pytest.raises(AccountNotFoundError):
        store.outline("nobody")
