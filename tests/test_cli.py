"""
The command line: its words, its answers, its one-sentence errors and its exit statuses.

Most tests call `bankcore.cli.main` in this process; a few run the installed command.
"""

import csv
import html
import importlib
import io
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import pytest

from bankcore import Bank, Currency, Money, Principal, TransactionId, cli
from bankcore.access import Tokens
from bankcore.cli import _accounts, _checks
from bankcore.cli._main import make_parser as cli_parser
from bankcore.commands import (
    CaptureHold,
    CloseAccount,
    Command,
    Deposit,
    OpenAccount,
    PlaceHold,
    ReleaseHold,
    Restrict,
    Reverse,
    SetOverdraftLimit,
    Transfer,
    Withdraw,
)
from bankcore.io import _movements
from bankcore.ledger import verify
from bankcore.stores import SQLiteStore
from shared_data import shared_path

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """
    Calls the command line in an empty directory: (exit status, output, errors).
    """
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        try:
            status = cli.main(words)
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def bank(run: Run) -> Run:
    """
    The command line, with an account alice of 100 EUR and bob of nothing in bank.db.
    """
    for words in (("alice", "--balance", "100", "--overdraft", "20"), ("bob",)):
        assert run("open", *words, "--currency", "EUR", "--store", "bank.db")[0] == 0
    return run


def test_opening_prints_a_receipt(run: Run) -> None:
    """`open` makes the bank's file and prints the transaction and the balance."""
    answer = run(
        "open", "alice", "--currency", "EUR", "--balance", "100", "--store", "b.db", "--id", "o-1"
    )

    assert answer == (0, "o-1\n  alice: EUR 100.00, balance EUR 100.00\n", "")


# Each sub-command that books on accounts that are there, on alice or from her.
BOOKING = {
    "deposit": ("alice", "5"),
    "withdraw": ("alice", "5"),
    "transfer": ("alice", "bob", "5"),
    "hold": ("alice", "5"),
    "capture": ("alice", "h-1"),
    "release": ("alice", "h-1"),
    "freeze": ("alice", "--reason", "theft"),
    "unfreeze": ("alice",),
    "limit": ("alice", "5"),
    "close": ("alice", "--sweep-to", "bob"),
    "reverse": ("d-1",),
}


def test_all_that_book_take_the_skew() -> None:
    """The table above lists each sub-command with `--max-clock-skew`, but `serve`."""
    (commands,) = (each for each in cli_parser()._actions if each.nargs == "A...")
    choices = dict(commands.choices or {})
    taking = {name for name in choices if "--max-clock-skew" in choices[name].format_help()}

    assert {*BOOKING, "serve"} == taking


@pytest.mark.parametrize("name", BOOKING)
def test_a_clock_that_was_ahead(run: Run, name: str) -> None:
    """
    An account booked by a clock that was ahead is refused; with the seconds that the sentence
    says, the same command is booked, at the account's last time.
    """
    then = datetime.now(UTC) + timedelta(hours=3)
    with SQLiteStore("bank.db") as store:
        ahead = Bank(store, clock=lambda: then)
        for account_id, amount in (("alice", "100"), ("bob", "0")):
            ahead.open_account(account_id, initial_balance=Money(amount, "EUR"))
        if name in {"capture", "release"}:
            ahead.place_hold("alice", Money(5, "EUR"), transaction_id="h-1")
        ahead.deposit("alice", Money(5, "EUR"), transaction_id="d-1")
    call = (name, *BOOKING[name], "--store", "bank.db", "--id", "x-1")
    status, output, errors = run(*call)
    seconds = re.findall(r"give --max-clock-skew (\d+) until that time has come", errors)[0]

    assert (1, "") == (status, output)
    assert f"bankcore: Account alice was last booked at {then.isoformat()}" in errors
    assert "timedelta" not in errors
    assert (0, "") == run(*call, "--max-clock-skew", seconds)[::2]
    with SQLiteStore("bank.db") as store:
        booked = Bank(store).transaction("x-1")
        assert verify(store).is_clean
    assert then == booked.booked_at


@pytest.mark.parametrize("given", ["-1", "1.5", "1d", "", "1" * 13, "١"])
def test_a_skew_is_a_number_of_seconds(bank: Run, given: str) -> None:
    """Anything else is a wrong call, which says so in one sentence."""
    status, output, errors = bank(
        "deposit", "alice", "5", "--store", "bank.db", f"--max-clock-skew={given}"
    )

    assert (2, "", 1) == (status, output, errors.count("\n"))
    assert f"must be a whole number of seconds, got {given!r}" in errors


def test_money_moves_and_says_where(bank: Run) -> None:
    """`deposit`, `withdraw` and `transfer` print what each account was left with."""
    store = ("--store", "bank.db")

    assert bank("deposit", "alice", "50", "--id", "d", *store) == (
        0,
        "d\n  alice: EUR 50.00, balance EUR 150.00\n",
        "",
    )
    assert bank("withdraw", "alice", "30.00", "--id", "w", *store) == (
        0,
        "w\n  alice: EUR -30.00, balance EUR 120.00\n",
        "",
    )
    assert bank("transfer", "alice", "bob", "5", "--id", "t", *store) == (
        0,
        "t\n  alice: EUR -5.00, balance EUR 115.00\n  bob: EUR 5.00, balance EUR 5.00\n",
        "",
    )


def test_a_command_sent_again_says_so(bank: Run) -> None:
    """The same id is booked once; the second receipt is the first one, marked."""
    words = ("deposit", "alice", "50", "--id", "d", "--store", "bank.db")
    first, second = bank(*words), bank(*words)

    assert first[1].replace("d\n", "d (again)\n") == second[1]


def test_accounts_are_listed(bank: Run) -> None:
    """`accounts` prints a table of every account."""
    status, out, _ = bank("accounts", "--store", "bank.db")

    assert status == 0
    assert [line.split() for line in out.splitlines()] == [
        ["account", "status", "balance", "held", "available", "overdraft", "limit"],
        ["alice", "open", "EUR", "100.00", "EUR", "0.00", "EUR", "120.00", "EUR", "20.00"],
        ["bob", "open", "EUR", "0.00", "EUR", "0.00", "EUR", "0.00", "EUR", "0.00"],
    ]


def test_a_hold_is_placed_captured_and_released(bank: Run) -> None:
    """`hold`, `capture` and `release` print what is held after them, and `holds` lists it."""
    store = ("--store", "bank.db")
    until = ("--until", "2999-12-31T12:00:00+01:00")

    assert bank("hold", "alice", "40", *until, "--id", "h", "--description", "room", *store) == (
        0,
        "h\n  alice: EUR 0.00, balance EUR 100.00, held EUR 40.00\n",
        "",
    )
    assert bank(
        "capture", "alice", "h", "10", "--keep-rest", "--to", "bob", "--id", "c", *store
    ) == (
        0,
        (
            "c\n  alice: EUR -10.00, balance EUR 90.00, held EUR 30.00\n"
            "  bob: EUR 10.00, balance EUR 10.00\n"
        ),
        "",
    )
    assert bank("holds", "alice", *store)[1].splitlines() == [
        "hold       left         of  until                      description",
        "h     EUR 30.00  EUR 40.00  2999-12-31T11:00:00+00:00  room",
    ]
    assert bank("release", "alice", "h", "--id", "r", *store) == (
        0,
        "r\n  alice: EUR 0.00, balance EUR 90.00\n",
        "",
    )


def test_a_capture_takes_all_that_is_left_and_frees_the_rest(bank: Run) -> None:
    """Without an amount `capture` takes all; with one, the rest is free unless it is kept."""
    store = ("--store", "bank.db")
    for hold in ("h1", "h2"):
        bank("hold", "alice", "20", "--id", hold, *store)

    assert bank("capture", "alice", "h1", "--id", "c1", *store)[1] == (
        "c1\n  alice: EUR -20.00, balance EUR 80.00, held EUR 20.00\n"
    )
    assert bank("capture", "alice", "h2", "5", "--id", "c2", *store)[1] == (
        "c2\n  alice: EUR -5.00, balance EUR 75.00\n"
    )
    assert bank("capture", "alice", "h2", *store) == (
        1,
        "",
        (
            "bankcore: Hold h2 of account alice is not active any more: it was captured or"
            " released, or has expired.\n"
        ),
    )


@pytest.mark.parametrize(
    ("stop", "shown", "debit", "credit"),
    [
        ((), "open, frozen", 1, 1),
        (("--stop", "all"), "open, frozen", 1, 1),
        (("--stop", "debits"), "open, debits stopped", 1, 0),
        (("--stop", "credits"), "open, credits stopped", 0, 1),
    ],
)
def test_a_frozen_account(
    bank: Run, stop: tuple[str, ...], shown: str, debit: int, credit: int
) -> None:
    """`freeze` stops what it names until `unfreeze`, and `accounts` shows it."""
    store = ("--store", "bank.db")
    bank("freeze", "alice", "--reason", "court", *stop, *store)

    assert f"alice    {shown}" in bank("accounts", *store)[1]
    assert bank("withdraw", "alice", "1", *store)[0] == debit
    assert bank("deposit", "alice", "1", *store)[0] == credit
    assert bank("unfreeze", "alice", *store)[0] == 0
    assert bank("withdraw", "alice", "1", *store)[0] == 0
    assert bank("deposit", "alice", "1", *store)[0] == 0


def test_a_freeze_can_end(bank: Run) -> None:
    """`--until` in the past is a wrong call; in the future, the account is frozen until then."""
    words = ("freeze", "alice", "--reason", "court", "--store", "bank.db", "--until")

    assert bank(*words, "2020-01-01")[0] == 2
    assert bank(*words, "2999-01-01")[0] == 0
    assert bank("withdraw", "alice", "1", "--store", "bank.db")[2] == (
        "bankcore: Account alice is restricted until 2999-01-01T00:00:00+00:00, debits and"
        " credits stopped: court.\n"
    )


def test_a_limit_is_set(bank: Run) -> None:
    """`limit` sets how far the account may be overdrawn; a negative one is a wrong call."""
    assert bank("limit", "bob", "30", "--store", "bank.db")[0] == 0
    assert bank("withdraw", "bob", "30", "--store", "bank.db")[0] == 0
    assert bank("limit", "--store", "bank.db", "--", "bob", "-1") == (
        2,
        "",
        "bankcore: amount must not be negative, got EUR -1.00.\n",
    )


def test_an_account_is_closed_and_swept(bank: Run) -> None:
    """`close` says what stands in the way; with `--sweep-to` the rest moves first."""
    store = ("--store", "bank.db")

    assert bank("close", "alice", *store) == (
        1,
        "",
        "bankcore: Account alice cannot be closed: its balance is EUR 100.00, not zero.\n",
    )
    assert bank("close", "alice", "--sweep-to", "bob", "--id", "c", *store)[1] == (
        "c\n  alice: EUR -100.00, balance EUR 0.00\n  bob: EUR 100.00, balance EUR 100.00\n"
    )
    assert "alice    closed" in bank("accounts", *store)[1]


def test_a_transaction_is_reversed_once(bank: Run) -> None:
    """`reverse` books the opposite, and says by what a transaction was reversed before."""
    store = ("--store", "bank.db")
    bank("transfer", "alice", "bob", "5", "--id", "t", *store)

    assert bank("reverse", "t", "--id", "r", *store)[1] == (
        "r\n  bob: EUR -5.00, balance EUR 0.00\n  alice: EUR 5.00, balance EUR 100.00\n"
    )
    assert bank("reverse", "t", *store) == (
        1,
        "",
        "bankcore: Transaction t was already reversed by r.\n",
    )


def test_a_refusal_is_one_sentence_and_status_1(bank: Run) -> None:
    """What the bank declines is said in one sentence, and the status is 1."""
    answer = bank("withdraw", "alice", "1000", "--store", "bank.db")

    assert answer == (
        1,
        "",
        (
            "bankcore: Account alice has EUR 120.00 available, EUR 880.00 less than the"
            " EUR 1000.00 requested.\n"
        ),
    )


WRONG_CALLS = [
    ((), "the following arguments are required: COMMAND"),
    (("fly",), "there is no sub-command 'fly'"),
    (("deposit", "alice", "--store", "bank.db"), "required: amount"),
    (("deposit", "alice", "5"), "required: --store"),
    (
        ("deposit", "alice", "1e3", "--store", "bank.db"),
        "amount must be written like '12', '12.34' or '-0.50', got '1e3'",
    ),
    (("deposit", "alice", "0", "--store", "bank.db"), "amount must be above zero, got EUR 0.00"),
    (
        ("deposit", "a/b", "5", "--store", "bank.db"),
        "and begin with a letter, a digit or '_', got 'a/b'.",
    ),
    (("transfer", "alice", "alice", "5", "--store", "bank.db"), "must be a different account"),
    (
        ("open", "x", "--currency", "EU", "--store", "bank.db"),
        "must be a code of ISO 4217 (or have --exponent, for a currency of your own), got 'EU'",
    ),
    (
        ("statement", "alice", "--store", "bank.db", "--start", "may"),
        "--start must be a date YYYY-MM-DD, or a date and time with its time zone, got 'may'",
    ),
    (
        (
            "statement",
            "alice",
            "--store",
            "bank.db",
            "--start",
            "2026-02-01",
            "--end",
            "2026-01-01",
        ),
        "--end must not be before the start, 2026-02-01T00:00:00+00:00, got 2026-01-01T00:00:00",
    ),
    (
        ("statement", "alice", "--store", "bank.db", "--format", "pdf"),
        "--format must be one of csv, html, json, table, got 'pdf'",
    ),
    (("simulate", "--accounts", "1"), "2 to 100,000 accounts"),
    (("simulate", "--accounts", "many"), "--accounts must be a whole number, got 'many'"),
    (("simulate", "--receipts", "no/such/file", "--operations", "1"), "no/such/file: No such"),
    (("import", "absent.csv", "--store", "bank.db", "--currency", "EUR"), "absent.csv"),
]


@pytest.mark.parametrize(("words", "expected"), WRONG_CALLS)
def test_a_wrong_call_is_one_sentence_and_status_2(
    bank: Run, words: tuple[str, ...], expected: str
) -> None:
    """A call that cannot be right is told in one sentence, and the status is 2."""
    status, out, err = bank(*words)

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert expected in err


@pytest.mark.parametrize(
    ("words", "argument"),
    [
        (("open", "x", "--currency", "EU"), "--currency"),
        (("open", "x", "--currency", "EUR", "--balance", "1e3"), "--balance"),
        (("open", "x", "--currency", "EUR", "--overdraft", "1e3"), "--overdraft"),
        (("open", "x", "--currency", "EUR", "--overdraft=-1"), "--overdraft"),
        (("open", "a/b", "--currency", "EUR"), "account"),
        (("deposit", "alice", "1e3"), "amount"),
        (("deposit", "alice", "5", "--id", "a/b"), "--id"),
        (("deposit", "alice", "5", "--description", "a\tb"), "--description"),
        (("deposit", "alice", "5", "--metadata", "order=a\tb"), "--metadata"),
        (("deposit", "alice", "5", "--metadata", "Order=1"), "--metadata"),
        (("deposit", "alice", "5", "--metadata", "a=1", "--metadata", "a=1"), "--metadata"),
        (("transfer", "alice", "b/c", "5"), "destination"),
        (("capture", "alice", "h/1"), "hold"),
        (("reverse", "a/b"), "transaction"),
        (("freeze", "alice", "--reason", "x", "--until", "2020-01-01"), "--until"),
        (("holds", "a/b"), "account"),
        (("statement", "a/b"), "account"),
        (("limit", "alice", "1e3"), "amount"),
        (("hold", "alice", "5", "--until", "may"), "--until"),
        (("statement", "alice", "--end", "may"), "--end"),
        (("transactions", "--kind", "deposits"), "--kind"),
        (("transactions", "--at-least", "5"), "--at-least"),
        (("transactions", "--at-most", "EUR -5"), "--at-most"),
        (("transactions", "--at-least", "EUR 5", "--at-most", "EUR 4"), "--at-most"),
        (("transactions", "--account", "a/b"), "--account"),
        (("transactions", "--limit", "0"), "--limit"),
        (("accounts", "--holder", "a b"), "--holder"),
        (("token", "create", "mary", "--until", "may"), "--until"),
        (("token", "create", "a b"), "principal"),
        (("import", "h.csv", "--currency", "EUR", "--overdraft", "1e3"), "--overdraft"),
        (("import", "h.csv", "--currency", "EUR", "--overdraft=-5"), "--overdraft"),
    ],
)
def test_an_error_names_the_argument(bank: Run, words: tuple[str, ...], argument: str) -> None:
    """An argument that is not valid is named as the caller typed it."""
    status, _, err = bank(*words, "--store", "bank.db")

    assert (2, True) == (status, err.startswith(f"bankcore: {argument} must "))


@pytest.mark.parametrize(
    "words",
    [
        ("deposit", "alice", "5", "--store", "absent.db"),
        ("accounts", "--store", "absent.db"),
        ("statement", "alice", "--store", "absent.db"),
        ("verify", "absent.db"),
    ],
)
def test_a_mistyped_path_makes_no_bank(run: Run, words: tuple[str, ...]) -> None:
    """Only what makes a bank makes a file; elsewhere an absent one is told."""
    status, out, err = run(*words)

    assert (status, out) == (1, "")
    assert "there is no file" in err
    assert os.listdir() == []


CSV_HEADER = b"transaction_id,account_id,date,amount\n"
INPUTS = {
    "no header.csv": b"t1,a1,2024-01-01,5\n",
    "no amount.csv": b"transaction_id,account_id,date\nt1,a1,2024-01-01\n",
    "bad amount.csv": CSV_HEADER + b"t1,a1,2024-01-01,1e3\n",
    "bad date.csv": CSV_HEADER + b"t1,a1,01.02.2024,5\n",
    "bad account.csv": CSV_HEADER + b"t1,a 1,2024-01-01,5\n",
    "in the future.csv": CSV_HEADER + b"t1,a1,2999-01-01,5\n",
    "bad row.csv": CSV_HEADER + b"t1,a1,2024-01-01,5,6\n",
    "not UTF-8.csv": CSV_HEADER + b"t1,a1,2024-01-01,5\nt2,\xff\n",
    "not packed.csv.gz": CSV_HEADER,
    "empty.csv": b"",
    "empty.jsonl": b"",
    "no journal.jsonl": b"{}\n",
    "cut off.jsonl": b'{"format":"bankcore journal","version":1}\n',
    "bad record.jsonl": b'{"format":"bankcore journal","version":1}\n{"id":"t-1"}\n',
}
FAILING: list[tuple[str, ...]] = [
    *(
        ("open", *words)
        for words in (
            ("a", "--currency", "EURO"),
            ("a b", "--currency", "EUR"),
            ("a", "--currency", "EUR", "--balance", "1e3"),
            ("a", "--currency", "EUR", "--balance", "-1"),
            ("a", "--currency", "EUR", "--overdraft", "0.001"),
            ("a", "--currency", "EUR", "--overdraft", "-1"),
            ("a", "--currency", "EUR", "--id", "a:b"),
            ("a", "--currency", "EUR", "--description", "a\nb"),
            ("a", "--currency", "EUR", "--metadata", "order=a\nb"),
            ("a", "--currency", "EUR", "--metadata", "order"),
            ("a", "--currency", "EUR", "--metadata", "a=1", "--metadata", "a=2"),
            ("a", "--currency", "EUR", "--balance", "1" + 18 * "0"),
        )
    ),
    *(
        ("import", name, "--currency", "EUR")
        for name in ("absent.csv", *(name for name in INPUTS if ".csv" in name))
    ),
    ("import", "bad amount.csv", "--currency", "EURO"),
    ("import", "bad amount.csv", "--currency", "EUR", "--overdraft", "-1"),
    *(
        ("import-journal", name)
        for name in ("absent.jsonl", *(name for name in INPUTS if ".jsonl" in name))
    ),
    ("simulate", "--accounts", "1"),
    ("simulate", "--receipts", "absent/receipts"),
    ("token", "create", "a b"),
    ("token", "create", "mary", "--until", "2020-01-01"),
    ("token", "create", "mary", "--until", "tomorrow"),
    ("token", "create", "mary", "--description", "a\nb"),
    ("serve", "--port", "70000"),
    ("serve", "--port", "0", "--host", "999.1.1.1"),
    ("serve", "--port", "0", "--teller-limit", "100"),
    ("serve", "--port", "0", "--teller-limit", "EUR 1", "--teller-limit", "EUR 2"),
]


@pytest.mark.parametrize("before", [None, b""], ids=["no file", "an empty file"])
@pytest.mark.parametrize("words", FAILING, ids=" ".join)
def test_a_call_that_fails_makes_nothing(
    run: Run, words: tuple[str, ...], before: bytes | None
) -> None:
    """Where nothing is recorded, there are the files that were there before, and as they were."""
    files = {**INPUTS, **({} if before is None else {"bank.db": before})}
    for name, content in files.items():
        Path(name).write_bytes(content)
    status, _, err = run(*words, "--store", "bank.db")

    assert status != 0
    assert "Traceback" not in err
    assert files == {path.name: path.read_bytes() for path in Path().iterdir()}


def test_an_import_that_fails_midway_keeps_what_was_booked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was booked of a long file before it could not be read any more stays, and is told."""
    monkeypatch.setattr(_movements, "BATCH_LENGTH", 2)
    monkeypatch.setattr(_movements, "ROWS_KEPT", 2)
    rows = "".join(f"t{n},a{n},2024-01-01,5\n" for n in range(9))
    Path("h.csv").write_bytes(CSV_HEADER + rows.encode())
    read_again = _movements._Import._read_again

    def cut_off(self: Any, lines: Iterator[str]) -> Any:
        return read_again(self, islice(lines, 5))

    with monkeypatch.context() as patch:
        patch.setattr(_movements._Import, "_read_again", cut_off)
        status, _, err = run("import", "h.csv", "--store", "bank.db", "--currency", "EUR")

    assert (2, 1) == (status, err.count("\n"))
    assert err.startswith("bankcore: The history cannot be read: h.csv: it changed while it was")
    assert "; the first 4 rows were booked: import it again" in err
    assert 5 == len(run("accounts", "--store", "bank.db")[1].splitlines())
    assert 0 == run("import", "h.csv", "--store", "bank.db", "--currency", "EUR")[0]


def test_what_has_no_records_makes_a_bank_as_well(run: Run) -> None:
    """A history without rows, and the journal of an empty bank, are imported into a new bank."""
    Path("h.csv").write_bytes(CSV_HEADER)
    assert 0 == run("import", "h.csv", "--store", "bank.db", "--currency", "EUR")[0]
    Path("j.jsonl").write_text(run("export", "bank.db")[1])
    assert 0 == run("import-journal", "j.jsonl", "--store", "other.db")[0]

    assert 0 == run("verify", "other.db")[0]


def test_a_file_that_is_something_else_is_told(run: Run) -> None:
    """A file that is no bank is refused with a sentence, status 1, and stays as it is."""
    Path("notes.txt").write_text("buy milk\n" * 200)
    status, _, err = run("verify", "notes.txt")

    assert status == 1
    assert "notes.txt is not a bankcore store and was left untouched" in err
    assert Path("notes.txt").read_text() == "buy milk\n" * 200


def test_a_statement_is_a_table_csv_html_or_json(bank: Run) -> None:
    """A statement says the same lines in four forms."""
    bank("deposit", "alice", "50", "--id", "d", "--store", "bank.db", "--description", "=SUM(A1)")
    table, as_csv, as_html, as_json = (
        bank("statement", "alice", "--store", "bank.db", "--format", form)[1]
        for form in ("table", "csv", "html", "json")
    )

    lines = table.splitlines()
    assert (lines[0], lines[1], lines[-1]) == (
        "Account alice",
        "Opening balance EUR 0.00",
        "Closing balance EUR 150.00",
    )
    rows = list(csv.DictReader(io.StringIO(as_csv)))
    assert [(row["amount"], row["balance"], row["description"]) for row in rows] == [
        ("", "0.00", ""),
        ("100.00", "100.00", ""),
        ("50.00", "150.00", "'=SUM(A1)"),
        ("", "150.00", ""),
    ]
    assert as_html.startswith("<!doctype html>")
    assert as_html.endswith("</html>\n")
    assert "<td>+50.00</td><td>150.00</td>" in as_html
    document = json.loads(as_json)
    assert tuple(
        document[name]
        for name in (
            "account_id",
            "currency",
            "start",
            "end",
            "opening_balance",
            "closing_balance",
        )
    ) == ("alice", "EUR", None, None, "0.00", "150.00")
    assert [(line["kind"], line["amount"]) for line in document["lines"]] == [
        ("OpenAccount", "100.00"),
        ("Deposit", "50.00"),
    ]
    assert document["lines"][1]["description"] == "=SUM(A1)"


def test_a_statement_of_a_month(bank: Run) -> None:
    """`--month` is a month; beside a start or an end it is an error that names it."""
    call = ("statement", "alice", "--store", "bank.db", "--format", "json")
    document = json.loads(bank(*call, "--month", "2026-02")[1])

    assert (document["start"], document["end"]) == (
        "2026-02-01T00:00:00+00:00",
        "2026-03-01T00:00:00+00:00",
    )
    status, _, err = bank(*call, "--month", "2026-02", "--end", "2026-03-01")
    assert status == 2
    assert "--month must not be given beside a start or an end, got '2026-02'." in err


def test_metadata_on_the_command_line(bank: Run) -> None:
    """They are given at opening and with commands, and a statement that has any tells them."""
    store = ("--store", "bank.db")
    bank(
        "open", "carl", "--currency", "EUR", "--balance", "5", "--metadata", "shop=berlin", *store
    )
    without = bank("statement", "alice", *store)[1].splitlines()
    bank("deposit", "carl", "50", "--metadata", "order=1017", "--metadata", "x=", *store)
    table = bank("statement", "carl", *store)[1].splitlines()
    document = json.loads(bank("statement", "carl", "--format", "json", *store)[1])
    with SQLiteStore("bank.db") as kept:
        account = kept.account("carl")

    assert {"shop": "berlin"} == account.metadata
    assert ("description", "metadata") == (without[2].split()[-1], table[2].split()[-1])
    assert table[3].endswith('{"shop":"berlin"}')
    assert table[4].endswith('{"order":"1017","x":""}')
    assert [{"shop": "berlin"}, {"order": "1017", "x": ""}] == [
        line["metadata"] for line in document["lines"]
    ]


def test_transactions_are_found_on_the_command_line(bank: Run) -> None:
    """By each option, as a table and as JSON."""
    store = ("--store", "bank.db")
    own = ("--currency", "BTC", "--exponent", "8")
    bank("open", "satoshi", "--balance", "0.5", *own, *store)
    bank("deposit", "alice", "50", "--id", "d", "--metadata", "order=1017", *store)
    bank("withdraw", "alice", "70", "--id", "w", "--description", "Rent", *store)
    for options, expected in (
        (("--account", "alice"), ["open_account", "deposit", "withdraw"]),
        (("--newest-first", "--limit", "1"), ["withdraw"]),
        (("--newest-first", "--after", "w", "--limit", "1"), ["deposit"]),
        (("--kind", "deposit", "--kind", "withdraw"), ["deposit", "withdraw"]),
        (("--at-least", "EUR 60", "--at-most", "EUR 70"), ["withdraw"]),
        (("--exponent", "8", "--at-least", "BTC 0.4"), ["open_account"]),
        (("--exponent", "8", "--at-least", "BTC 0.6"), []),
        (("--metadata", "order=1017"), ["deposit"]),
        (("--text", "rent", "--start", "2000-01-01", "--end", "2999-01-01"), ["withdraw"]),
    ):
        table = bank("transactions", *options, *store)[1].splitlines()
        found = json.loads(bank("transactions", "--json", *options, *store)[1])

        assert expected == [each["kind"] for each in found]
        assert expected == [line.split()[2] for line in table[1:]]
    line = bank("transactions", "--metadata", "order=1017", *store)[1].splitlines()[1]

    assert ["d", "deposit", "alice", "EUR", "50.00", "order=1017"] == line.split()[1:]


def test_accounts_are_found_on_the_command_line(bank: Run) -> None:
    """By the metadata of their opening, and by holder."""
    store = ("--store", "bank.db")
    bank("open", "carl", "--currency", "EUR", "--metadata", "shop=berlin", *store)
    lines = bank("accounts", "--metadata", "shop=berlin", *store)[1].splitlines()

    assert ["account", "carl"] == [line.split()[0] for line in lines]
    assert 1 == len(bank("accounts", "--holder", "mary", *store)[1].splitlines())


def test_small_amounts_of_a_statement_are_written_out(run: Run) -> None:
    """Of a currency with many decimals, all are there, in every form."""
    unit = Money.from_minor(1, Currency("BTC", exponent=8))
    with SQLiteStore("bank.db") as store:
        Bank(store).open_account("a", initial_balance=unit)
    table, as_csv, as_json = (
        run("statement", "a", "--store", "bank.db", "--format", form)[1]
        for form in ("table", "csv", "json")
    )

    assert "0.00000001  0.00000001" in table
    assert ",0.00000001,0.00000001," in as_csv
    document = json.loads(as_json)
    assert ("0.00000000", "0.00000001") == (
        document["opening_balance"],
        document["closing_balance"],
    )


def test_a_statement_covers_start_to_end(bank: Run) -> None:
    """`--start` is covered and `--end` is not; before the account there is nothing."""
    out = bank(
        *("statement", "alice", "--store", "bank.db", "--format", "json"),
        *("--start", "2001-01-01", "--end", "2002-01-01T00:00:00+00:00"),
    )[1]

    assert tuple(
        json.loads(out)[name] for name in ("lines", "closing_balance", "start", "end")
    ) == ([], "0.00", "2001-01-01T00:00:00+00:00", "2002-01-01T00:00:00+00:00")


def test_verify_says_what_it_looked_at(bank: Run) -> None:
    """`verify` counts what it verified, says in what it is kept, and the status is 0."""
    status, out, err = bank("verify", "bank.db")
    counts, found, engine, settings, durability, *notes = out.splitlines()

    assert (0, "") == (status, err)
    assert counts == "2 accounts, 2 transactions and 0 refusals verified"
    assert found == "no disagreements"
    assert engine == f"SQLite {sqlite3.sqlite_version}, schema version 2"
    assert settings.startswith("settings: journal_mode wal, synchronous 2, foreign_keys 1")
    assert durability.startswith("durability: what was acknowledged survives")
    assert all(note.startswith("note: SQLite") for note in notes)


@pytest.mark.parametrize(("version", "expected"), [((3, 40, 1), 1), ((3, 51, 3), 0)])
def test_verify_notes_what_to_know_about_sqlite(
    bank: Run, version: tuple[int, int, int], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of SQLite is a note of `verify`, and nothing else says it on the command line."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    _, out, err = bank("verify", "bank.db")

    assert ("", expected) == (err, out.count("note: SQLite"))
    assert "=" not in out, "an argument of Python is no advice here"


def test_checkpoint_shows_a_later_change(bank: Run) -> None:
    """`verify` against a checkpoint is clean on what has grown, and not on what was cut off."""
    bank("backup", "bank.db", "old.db")
    bank("deposit", "alice", "1", "--store", "bank.db")
    status, out, err = bank("checkpoint", "bank.db")
    Path("kept.txt").write_text(out, encoding="utf-8")
    bank("deposit", "alice", "2", "--store", "bank.db")
    grown = bank("verify", "bank.db", "--against", "kept.txt")
    old = bank("verify", "old.db", "--against", "kept.txt")

    assert (0, "") == (status, err)
    assert "transactions 3" in out.splitlines()
    assert (0, True) == (grown[0], "no disagreements" in grown[1])
    assert (1, True) == (old[0], "records are missing" in old[1])


NO_CHECKPOINT = "bankcore: --against cannot be read: "


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", f"{NO_CHECKPOINT}line 1 must be 'bankcore checkpoint 1', got ''."),
        (b"\xff\xfe", NO_CHECKPOINT),
        (b"x" * 5000, f"{NO_CHECKPOINT}line 1 must be 'bankcore checkpoint 1', got 'xxx"),
    ],
    ids=["empty", "not text", "long"],
)
def test_what_is_no_checkpoint_is_refused(bank: Run, content: bytes, expected: str) -> None:
    """A file that is no checkpoint is a wrong call, told in a sentence."""
    Path("kept.txt").write_bytes(content)
    status, out, err = bank("verify", "bank.db", "--against", "kept.txt")

    assert (2, "") == (status, out)
    assert err.startswith(expected)


def test_absent_checkpoint_is_told(bank: Run) -> None:
    """A file that is not there is named."""
    assert bank("verify", "bank.db", "--against", "none.txt") == (
        *(2, "", "bankcore: none.txt: No such file or directory.\n"),
    )


def test_backup_copies_a_bank(bank: Run) -> None:
    """`backup` makes a copy that verifies, and overwrites nothing."""
    said = [bank("backup", "bank.db", "copy.db") for _ in range(2)]
    status, out, _ = bank("verify", "copy.db")

    assert (0, "bank.db was copied to copy.db\n", "") == said[0]
    assert (1, "") == said[1][:2]
    assert "is there already" in said[1][2]
    assert (0, True) == (status, "no disagreements" in out)


def test_verify_names_what_is_wrong(bank: Run) -> None:
    """`verify` lists each disagreement, and the status is 1."""
    with SQLiteStore("bank.db") as store:
        connection = store._connections._open_writer()
        connection.execute("UPDATE bankcore_account SET balance_minor = 1 WHERE id = 'bob'")
    status, out, _ = bank("verify", "bank.db")

    assert status == 1
    assert (
        "1 disagreement\n  account bob: its balance is EUR 0.01, and its history says EUR 0.00\n"
    ) in out


def test_import_reports_and_is_repeatable(run: Run) -> None:
    """`import` says what became of the rows; a second time it says that nothing changed."""
    Path("h.csv").write_text(
        "transaction_id,account_id,date,amount,note,clear\x1b[2J\n"
        "t1,a1,2024-01-01,5,x,\nt2,a1,2024-01-02,-2,y,\n"
    )
    words = ("import", "h.csv", "--store", "bank.db", "--currency", "EUR")
    first, second = run(*words), run(*words)

    assert (first[0], second[0]) == (0, 0)
    assert "columns ignored: note, 'clear\\x1b[2J'\n" in first[1]
    assert "nothing changed" not in first[1]
    assert "Every row had been imported before; nothing changed.\n" in second[1]
    facts = dict(line.split("  ", 1) for line in second[1].splitlines()[2:])
    assert tuple(
        facts[name].strip() for name in ("rows", "accounts", "refused", "replayed", "closing sum")
    ) == ("2", "1", "0", "2", "EUR 3.00")
    assert {"seconds", "rows per second"} <= set(facts)


def test_import_lists_what_did_not_pass(run: Run) -> None:
    """Refused, invalid and differing rows are counted, the first ten listed; the status is 1."""
    rows = "".join(f"r{number},a1,2024-01-02,-9,1\n" for number in range(12))
    Path("h.csv").write_text(
        f"transaction_id,account_id,date,amount,balance\nt1,a1,2024-01-01,5,6\n{rows}"
    )
    status, out, _ = run("import", "h.csv", "--store", "bank.db", "--currency", "EUR")

    assert status == 1
    assert "refused: 12\n  line 3: Account a1 has EUR 5.00 available" in out
    assert "  ... and 2 more\n" in out
    assert "balances that differ: 1\n  line 2: The balance is EUR 5.00" in out
    assert "What was refused stays refused in this store" in out
    assert "begin with more than nothing, give --balance or --overdraft.\n" in out
    with Path("h.csv").open("a", encoding="ascii") as file:
        file.write("bad,a1,2024-01-02,0,5\n")
    status, out, _ = run("import", "h.csv", "--store", "other.db", "--currency", "EUR")

    assert (1, False) == (status, Path("other.db").exists())
    assert "invalid: 1\n  line 15: amount must be above zero, got EUR 0.00.\n" in out
    assert "Nothing was booked: put the rows right, and import the file again.\n" in out


def test_the_real_history_by_the_command(tmp_path: Path) -> None:
    """The installed command imports the real history: every row, the closing sum, status 0."""
    source = shared_path("data/history-1993.csv.xz")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bankcore", "import", str(source), "--currency", "CZK"),
            *("--overdraft", "5446.60", "--store", str(tmp_path / "b.db")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "closing sum           CZK 39296720.10\n" in done.stdout
    assert "rows                  49,028\n" in done.stdout


# By sub-command: all its arguments, and the command that they are.
SENDING: dict[str, tuple[str, Command]] = {
    "deposit": ("alice 5", Deposit("alice", Money(5, "EUR"))),
    "withdraw": ("alice 500 --up-to", Withdraw("alice", Money(500, "EUR"), up_to=True)),
    "transfer": ("alice bob 5 --up-to", Transfer("alice", "bob", Money(5, "EUR"), up_to=True)),
    "hold": (
        "alice 500 --until 2100-01-01 --up-to",
        PlaceHold(
            "alice", Money(500, "EUR"), expires_at=datetime(2100, 1, 1, tzinfo=UTC), up_to=True
        ),
    ),
    "capture": (
        "alice held 500 --keep-rest --to bob --up-to",
        CaptureHold(
            "alice", "held", Money(500, "EUR"), final=False, destination_id="bob", up_to=True
        ),
    ),
    "release": ("alice held", ReleaseHold("alice", "held")),
    "freeze": (
        "alice --reason theft --stop debits --until 2100-01-01",
        Restrict("alice", "debits", reason="theft", ends_at=datetime(2100, 1, 1, tzinfo=UTC)),
    ),
    "unfreeze": ("alice", Restrict("alice", "none")),
    "limit": ("alice 5", SetOverdraftLimit("alice", Money(5, "EUR"))),
    "close": ("alice --sweep-to bob", CloseAccount("alice", sweep_to="bob")),
    "reverse": ("moved 3", Reverse("moved", Money(3, "EUR"))),
}


@pytest.mark.parametrize("name", [name for name, *_ in _accounts._SUB_COMMANDS])
def test_every_argument_of_every_command_arrives(bank: Run, name: str) -> None:
    """What is recorded is what was typed, under its id, with its description and metadata."""
    store = ("--store", "bank.db")
    assert bank("deposit", "alice", "10", "--id", "moved", *store)[0] == 0
    assert bank("hold", "alice", "10", "--id", "held", *store)[0] == 0
    words, command = SENDING[name]
    metadata = ("--metadata", "order=1017", "--metadata", "sum=1+1=2")
    bank(name, *words.split(), *store, "--id", "t-1", "--description", "Miete", *metadata)
    with SQLiteStore("bank.db") as kept:
        recorded = kept.outcome(TransactionId("t-1")).command

    command = attrs.evolve(
        command, description="Miete", metadata={"order": "1017", "sum": "1+1=2"}
    )
    assert command == recorded


def test_simulate_reports_a_balanced_bank(run: Run) -> None:
    """`simulate` ends with the equation of money and the audit, and leaves no file."""
    status, out, err = run("simulate", "--accounts", "5", "--operations", "100", "--seed", "3")

    assert (status, err) == (0, "")
    assert "Seed 3: 5 accounts on a temporary SQLite file\n" in out
    assert "money in = money out + balances  yes, to the cent\n" in out
    assert "no disagreements" in out
    assert os.listdir() == []


def test_simulate_keeps_its_bank_and_its_receipts(run: Run) -> None:
    """With `--store` the bank stays, and `--receipts` holds every acknowledged id."""
    words = ("simulate", "--accounts", "5", "--operations", "50", "--store", "bank.db")
    status, out, _ = run(*words, "--receipts", "receipts.txt")
    receipts = set(Path("receipts.txt").read_text().split())

    assert status == 0
    assert "5 accounts on bank.db" in out
    with SQLiteStore("bank.db") as store:
        recorded = {str(record.id) for record in store.journal().records}
    assert receipts == recorded
    assert len(receipts) == 55


def test_simulate_fails_where_money_is_missing(run: Run) -> None:
    """A bank that does not add up is said in capitals, and the status is 1."""
    words = ("simulate", "--accounts", "5", "--operations", "20", "--store", "bank.db")
    run(*words)
    with SQLiteStore("bank.db") as store:
        connection = store._connections._open_writer()
        connection.execute("UPDATE bankcore_account SET balance_minor = balance_minor + 1")
    status, out, _ = run(*words)

    assert status == 1
    assert "money in = money out + balances  NO\n" in out


@pytest.mark.parametrize("words", [(), ("open",), ("import",), ("simulate",)])
def test_help_is_there(run: Run, words: tuple[str, ...]) -> None:
    """Every level of the command line explains itself."""
    status, out, _ = run(*words, "--help")

    assert status == 0
    assert out.startswith("usage: bankcore")


def test_version_is_the_package_s(run: Run) -> None:
    """`--version` prints the version that is installed."""
    assert (0, f"bankcore {version('bankcore')}\n", "") == run("--version")


def test_an_interruption_is_one_sentence(bank: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command with one sentence and the status that shells expect."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_checks, "verify", interrupted)

    assert bank("verify", "bank.db") == (
        130,
        "",
        "bankcore: interrupted; what was acknowledged stays.\n",
    )


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """`bankcore accounts | head` ends without a traceback."""
    path = tmp_path / "bank.db"
    openings = [OpenAccount(f"a{n}", initial_balance=Money("1", "EUR")) for n in range(3_000)]
    with SQLiteStore(path) as store:
        Bank(store).execute(openings)
    command = f"{sys.executable} -m bankcore accounts --store {path} | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)

    assert (done.stderr, done.stdout.count("\n")) == ("", 1)


def in_a_terminal(*words: str, block_rich: bool, columns: int = 140) -> str:
    """
    Return what the command line shows in a terminal so wide, with or without rich.
    """
    code = "import sys; from bankcore.cli import main; sys.exit(main(sys.argv[1:]))"
    if block_rich:
        code = f"import bankcore.cli._terminal as t; t.has_rich = lambda: False; {code}"
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": str(columns)},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed: the end, on Linux
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert child.wait() == 0
    return shown.decode()


@pytest.mark.parametrize("block_rich", [True, False])
def test_a_terminal_sees_progress_and_a_table(tmp_path: Path, block_rich: bool) -> None:
    """On a terminal there is progress, with rich or plainly, and the same report."""
    if not block_rich:
        pytest.importorskip("rich", reason="rich is not installed: only the plain form is shown")
    shown = in_a_terminal(
        *("simulate", "--accounts", "5", "--operations", "2000"), block_rich=block_rich
    )

    assert "yes, to the cent" in shown
    assert ("of 2,000 operations" in shown) is block_rich
    assert ("/2000" in shown) is not block_rich
    assert ("┃" in shown) is not block_rich


@pytest.mark.parametrize("block_rich", [True, False])
def test_an_import_counts_its_rows_on_a_terminal(tmp_path: Path, block_rich: bool) -> None:
    """Rows are counted once all are read, with the time that is left; the line is cleared."""
    if not block_rich:
        pytest.importorskip("rich", reason="rich is not installed: only the plain form is shown")
    rows = "".join(f"t{number},a1,2024-01-01,1\n" for number in range(20_000))
    history = tmp_path / "h.csv"
    history.write_text(f"transaction_id,account_id,date,amount\n{rows}")
    shown = in_a_terminal(
        *("import", str(history), "--currency", "EUR", "--store", str(tmp_path / "bank.db")),
        block_rich=block_rich,
    )

    progress, _, report = shown.rpartition("\x1b[")
    left = r"[\d,]+ of 20,000 rows, about [\d,]+ s left"
    assert (re.search(left, progress) is not None) is block_rich
    assert (
        re.search(r"\d/20000.* .*[-\d]:[-\d]{2}:[-\d]{2}", progress) is not None
    ) is not block_rich
    assert "EUR 20000.00" in report


@pytest.mark.parametrize("block_rich", [True, False])
def test_a_terminal_sees_the_totals_of_accounts(bank: Run, block_rich: bool) -> None:
    """A person sees what all accounts come to, for each currency; a program adds up by itself."""
    if not block_rich:
        pytest.importorskip("rich", reason="rich is not installed: only the plain form is shown")
    bank("open", "yoko", "--currency", "JPY", "--balance", "7", "--store", "bank.db")
    bank("deposit", "bob", "5", "--store", "bank.db")
    bank("hold", "bob", "2", "--store", "bank.db")
    shown = in_a_terminal("accounts", "--store", "bank.db", block_rich=block_rich)
    totals = [
        re.findall(r"[A-Z]{3} [\d.]+", line) for line in shown.splitlines() if "total" in line
    ]

    assert [["EUR 105.00", "EUR 2.00"], ["JPY 7", "JPY 0"]] == sorted(totals)
    assert "total" not in bank("accounts", "--store", "bank.db")[1]


@pytest.mark.parametrize("block_rich", [True, False])
def test_a_description_is_no_markup(bank: Run, block_rich: bool) -> None:
    """In a terminal's table a description is shown as it is, whatever rich takes for markup."""
    if not block_rich:
        pytest.importorskip("rich", reason="rich is not installed: only the plain form is shown")
    bank("deposit", "bob", "1", "--store", "bank.db", "--description", "[bold]x[/bold]")
    shown = in_a_terminal("statement", "bob", "--store", "bank.db", block_rich=block_rich)

    assert ("│" in shown) is not block_rich
    assert "[bold]x[/bold]" in shown


@pytest.mark.parametrize("columns", [40, 80, 120, 250])
@pytest.mark.parametrize("block_rich", [True, False])
def test_a_terminal_cuts_nothing(bank: Run, block_rich: bool, columns: int) -> None:
    """However narrow it is, each amount stands whole, and every word is there."""
    if not block_rich:
        pytest.importorskip("rich", reason="rich is not installed: only the plain form is shown")
    words = ("--id", "d-1", "--description", "Rent, second floor left")
    bank("deposit", "bob", "1234567.89", "--store", "bank.db", *words)
    shown = in_a_terminal(
        *("statement", "bob", "--store", "bank.db"), block_rich=block_rich, columns=columns
    )

    # The amount, the balance after it, and the closing balance.
    assert shown.count("1234567.89") == 3
    assert "…" not in shown
    assert {"d-1", "second", "floor"} <= set(re.findall(r"[\w-]+", shown))
    searched = ("transactions", "--text", "nobody wrote this", "--store", "bank.db")
    assert in_a_terminal(*searched, block_rich=block_rich, columns=columns).strip()
    listed = re.search(r"^amount +1234567.89\r$", shown, re.MULTILINE) is not None
    assert listed is (columns < 120)


# -- JSON --------------------------------------------------------------------

# Each sub-command that ends by itself, and some of what it tells.
AS_JSON: list[tuple[str, dict[str, Any]]] = [
    ("open zoe --currency EUR --store bank.db --id o", {"id": "o", "kind": "open_account"}),
    ("deposit alice 5 --store bank.db --id d", {"kind": "deposit", "replayed": False}),
    ("hold alice 5 --store bank.db --id h", {"kind": "place_hold", "account_id": "alice"}),
    ("statement alice --store bank.db", {"account_id": "alice", "closing_balance": "100.00"}),
    ("verify bank.db", {"accounts": 2, "refusals": 0, "disagreements": []}),
    ("backup bank.db copy.db", {"store": "bank.db", "copy": "copy.db"}),
    (
        "import h.csv --store new.db --currency EUR",
        {
            "rows": 2,
            "refused": {
                "count": 1,
                "first": [
                    {
                        "line": 3,
                        "what": (
                            "Account a has EUR 1.00 available, EUR 4.00 less than the EUR 5.00"
                            " requested."
                        ),
                    }
                ],
            },
            "invalid": {"count": 0, "first": []},
            "closing_sum": {"amount": "1.00", "currency": "EUR"},
            "ignored_columns": [],
            "is_booked": True,
            "is_clean": False,
        },
    ),
    ("import-journal j.jsonl --store new.db", {"accounts": 2, "transactions": 2, "refusals": 0}),
    (
        "simulate --accounts 3 --operations 5",
        {"sent": 8, "retries": 0, "refused": [], "is_balanced": True},
    ),
]


@pytest.mark.parametrize(("words", "expected"), AS_JSON, ids=[each for each, _ in AS_JSON])
def test_json_is_printed_for_programs(bank: Run, words: str, expected: dict[str, Any]) -> None:
    """With `--json` a sub-command prints one document, which says what its text says."""
    Path("h.csv").write_text(
        "transaction_id,account_id,date,amount\nt,a,2026-01-01,1\nu,a,2026-01-01,-5\n", "utf-8"
    )
    Path("j.jsonl").write_text(bank("export", "bank.db")[1], "utf-8")
    _, out, err = bank(*words.split(), "--json")
    document = json.loads(out)

    assert err == ""
    assert expected == {name: document[name] for name in expected}


def test_lists_are_json_arrays(bank: Run) -> None:
    """A list of things is an array of them, also where there is none."""
    store = ("--store", "bank.db", "--json")
    token = json.loads(bank("token", "create", "mary", *store)[1])

    assert ["alice", "bob"] == [each["id"] for each in json.loads(bank("accounts", *store)[1])]
    assert [] == json.loads(bank("holds", "alice", *store)[1])
    (listed,) = json.loads(bank("token", "list", *store)[1])
    assert (token["id"], "mary", [], None) == (
        listed["id"],
        listed["principal"],
        listed["roles"],
        listed["revoked_at"],
    )
    assert token["token"].startswith(f"bk_{token['id']}_")
    assert {"id": token["id"]} == json.loads(bank("token", "revoke", token["id"], *store)[1])
    checkpoint = json.loads(bank("checkpoint", "bank.db", "--json")[1])["checkpoint"]
    assert len(bank("checkpoint", "bank.db")[1].splitlines()) == len(checkpoint.splitlines())


def test_disagreements_are_told_as_json(bank: Run) -> None:
    """What a verification finds is in the document, and in the exit status."""
    with sqlite3.connect("bank.db") as connection:
        connection.execute("UPDATE bankcore_account SET balance_minor = 1 WHERE id = 'bob'")
    connection.close()
    status, out, _ = bank("verify", "bank.db", "--json")

    assert status == 1
    assert "account bob" in [each["where"] for each in json.loads(out)["disagreements"]]


@pytest.mark.parametrize(
    ("words", "status", "code", "field"),
    [
        ("withdraw alice 999 --store bank.db", 1, "insufficient_funds", None),
        ("withdraw alice 1e9 --store bank.db", 2, "invalid_amount", "amount"),
        ("hold alice 5 --until tomorrow --store bank.db", 2, "invalid_time", "--until"),
    ],
)
def test_errors_are_json_too(
    bank: Run, words: str, status: int, code: str, field: str | None
) -> None:
    """With `--json` an error of the bank is a document on the error stream."""
    found, out, err = bank(*words.split(), "--json")
    document = json.loads(err)

    assert (status, "", code, field) == (found, out, document["code"], document.get("field"))
    assert err.count(document["detail"]) == 1


# -- The store of the environment --------------------------------------------


def test_the_environment_names_the_store(bank: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no argument names a store, `BANKCORE_STORE` does; an argument comes first."""
    assert "(default: $BANKCORE_STORE)" in " ".join(bank("accounts", "--help")[1].split())
    monkeypatch.setenv("BANKCORE_STORE", "bank.db")
    bank("open", "yoko", "--currency", "JPY", "--store", "other.db")

    assert "alice" in bank("accounts")[1]
    assert "yoko" in bank("accounts", "--store", "other.db")[1]
    assert bank("deposit", "alice", "5")[0] == 0
    assert "2 accounts" in bank("verify")[1]
    assert "1 account," in bank("verify", "other.db")[1]
    assert bank("backup", "copy.db")[1] == "bank.db was copied to copy.db\n"
    assert bank("backup", "other.db", "copy-2.db")[1] == "other.db was copied to copy-2.db\n"
    assert bank("export")[1] == bank("export", "bank.db")[1]
    assert "default: bank.db, from BANKCORE_STORE" in bank("accounts", "--help")[1]


def test_a_simulation_keeps_away_from_the_store_of_the_environment(
    bank: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a store is not needed, the one of the environment is not touched."""
    before = bank("export", "bank.db")[1]
    monkeypatch.setenv("BANKCORE_STORE", "bank.db")

    assert "on a temporary SQLite file" in bank("simulate", "--operations", "5")[1]
    assert before == bank("export")[1]


@pytest.mark.parametrize("value", [None, ""])
def test_without_it_a_store_is_needed(
    run: Run, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty variable names no store."""
    monkeypatch.delenv("BANKCORE_STORE", raising=False)
    if value is not None:
        monkeypatch.setenv("BANKCORE_STORE", value)

    needed = "bankcore {}: the following arguments are required: {}{} (see bankcore {} --help).\n"
    way_out = "; the store may be that of the environment variable BANKCORE_STORE"
    for command, names, told in (
        ("accounts", "--store", way_out),
        ("deposit", "account, amount, --store", way_out),
        ("verify", "STORE", way_out),
        ("backup", "PATH, COPY", way_out),
        ("completion", "shell", ""),
    ):
        assert needed.format(command, names, told, command) == run(command)[2]


def test_a_store_of_the_environment_that_is_none_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is checked as the argument is, and the error names the one that is wrong."""
    monkeypatch.setenv("BANKCORE_STORE", ":memory:")

    assert "accounts: BANKCORE_STORE must name a file, got ':memory:'" in run("accounts")[2]
    assert "verify: BANKCORE_STORE must name a file, got ':memory:'" in run("verify")[2]
    assert "--store must name a file, got ''" in run("accounts", "--store", "")[2]


# -- Completion --------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_completes_every_option(run: Run, shell: str) -> None:
    """The script knows every sub-command, its options and its choices."""
    _, script, _ = run("completion", shell)
    (commands,) = (each for each in cli_parser()._actions if each.nargs == "A...")
    assert isinstance(commands.choices, dict)

    for name, parser in commands.choices.items():
        line = next(
            line
            for line in script.splitlines()
            if f"{name})" in line or f"seen_subcommand_from {name}" in line
        )
        options = [option for each in parser._actions for option in each.option_strings]
        assert {each for each in options if each.startswith("--")} <= set(
            re.findall(r"[\w-]+", line)
        )
    assert "csv html json table" in script
    assert "create list revoke" in script


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("bankcore dep", "deposit"),
        ("bankcore --v", "--version"),
        ("bankcore statement --fo", "--format"),
        ("bankcore statement alice --format h", "html"),
        ("bankcore token cr", "create"),
        ("bankcore token create mary --ro", "--role"),
        ("bankcore token create mary --scope acc", "accounts:close accounts:read accounts:write"),
        ("bankcore token create mary --scope accounts :", "close read write"),
        ("bankcore token create mary --scope accounts : re", "read"),
        ("bankcore none --s", ""),
    ],
)
def test_bash_completes_a_word(run: Run, words: str, expected: str) -> None:
    """In bash itself, a word is completed to what fits."""
    script = run("completion", "bash")[1]
    count = len(words.split()) - 1
    asked = (
        f'{script}\nCOMP_WORDS=({words}); COMP_CWORD={count}; _bankcore; echo "${{COMPREPLY[@]}}"'
    )
    shown = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)

    assert ("", expected) == (shown.stderr, shown.stdout.strip())


def test_importing_the_module_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m bankcore` is the command line; an import of that module is not."""
    importlib.reload(importlib.import_module("bankcore.__main__"))

    assert ("", "") == tuple(capsys.readouterr())


# -- Tokens ------------------------------------------------------------------


def test_a_token_is_created_listed_and_revoked(run: Run) -> None:
    """`token` issues a token, shows it once, and lets it be worth nothing."""
    store = ("--store", "bank.db")
    status, text, note = run(
        *("token", "create", "mary", "--role", "owner", "--role", "service"),
        *("--scope", "deposits:write", "--until", "2999-01-01", "--description", "shop", *store),
    )
    token_id = text.split("_")[1]
    with SQLiteStore("bank.db") as opened:
        principal = Tokens(opened).authenticate(text.strip())

    assert (0, f"Keep it: token {token_id} is not shown again.\n") == (status, note)
    assert Principal("mary", ["owner", "service"], ["deposits:write"]) == principal
    assert (0, f"Token {token_id} is revoked.\n", "") == run("token", "revoke", token_id, *store)
    status, listed, _ = run("token", "list", *store)
    (row,) = [line.split() for line in listed.splitlines()[1:]]
    assert [token_id, "mary", "owner,service", "deposits:write"] == row[:4]
    assert ["2999-01-01T00:00:00+00:00", "shop"] == [row[5], row[7]]
    assert text.split("_", 2)[2][:43] not in listed


def test_a_bare_token_is_listed(run: Run) -> None:
    """What a token has not is a dash."""
    run("token", "create", "mary", "--store", "bank.db")
    _, listed, _ = run("token", "list", "--store", "bank.db")

    assert ["mary", "-", "-"] == listed.splitlines()[1].split()[1:4]
    assert ["-", "-"] == listed.splitlines()[1].split()[-2:]


@pytest.mark.parametrize(
    ("words", "status", "piece"),
    [
        (
            ("create", "mary", "--role", "root"),
            2,
            "--role must be one of auditor, operator, owner, service, teller, got",
        ),
        (("create", "mary", "--scope", "*"), 2, "--scope must be one of "),
        (("create", "a b"), 2, "principal must be 1 to 128 visible ASCII characters, got 'a b'."),
        (
            ("create", "mary", "--until", "2020-01-01"),
            2,
            "--until must be in the future (the clock says ",
        ),
        (("revoke", "nope"), 2, "token must be the id of a token, got 'nope'."),
        ((), 2, "the following arguments are required: WHAT"),
    ],
)
def test_a_wrong_call_of_token_is_one_sentence(
    run: Run, words: tuple[str, ...], status: int, piece: str
) -> None:
    """What cannot be is one sentence on the error stream."""
    run("token", "create", "mary", "--store", "bank.db")
    found, out, error = run("token", *words, *(("--store", "bank.db") if words else ()))

    assert (status, "") == (found, out)
    assert piece in error
    assert 1 == len(error.splitlines())


def in_ascii(*words: str) -> tuple[int, str, str]:
    """
    Return what the command line comes to where its streams are ASCII: (status, output, errors).
    """
    done = subprocess.run(
        [sys.executable, "-m", "bankcore", *words],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_document_is_told_in_any_encoding(bank: Run) -> None:
    """JSON and HTML are ASCII, so that what was booked is told, and read as it was written."""
    store = ("--store", "bank.db")
    words = ("deposit", "bob", "1", "--description", "Café 🎁", "--json", *store)
    status, booked, _ = in_ascii(*words)
    page = in_ascii("statement", "bob", "--format", "html", *store)[1]
    error = in_ascii("withdraw", "bob", "1", "--id", "é", "--json", *store)[2]

    assert (0, "Café 🎁") == (status, json.loads(booked)["description"])
    assert "<td>Café 🎁<small>" in html.unescape(page)
    assert "'é'" == json.loads(error)["facts"]["value"]


@pytest.mark.parametrize(
    ("redirected", "said"),
    [
        ("", "the output cannot be written in ascii; set PYTHONIOENCODING=utf-8"),
        (">&-", "there is no standard output"),
    ],
)
def test_output_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, redirected: str, said: str
) -> None:
    """
    Whatever is wrong with the output, what is said is one sentence, and the status 2.
    """
    path = tmp_path / "bank.db"
    with SQLiteStore(path) as store:
        bank = Bank(store)
        bank.open_account("alice", initial_balance=Money("1", "EUR"), description="Café")
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m bankcore statement alice --store "$1" {redirected}',
         sys.executable, path],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert (2, f"bankcore: {said}.\n") == (done.returncode, done.stderr)
