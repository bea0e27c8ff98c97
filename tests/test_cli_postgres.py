"""
The command line on PostgreSQL: every sub-command takes a URL where it takes a file.
"""

import json
import lzma
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from bankcore import Bank, Money, cli, stores
from bankcore.cli._main import make_parser
from bankcore.cli._store import without_password
from bankcore.stores import PostgresStore, SQLiteStore
from servers import Server
from shared_data import shared_path

Run = Callable[..., tuple[int, str, str]]
SECRET = "hunter2"
IS_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def url_of(conninfo: str, **more: str) -> str:
    """
    The same as a URL, with more parameters; it has them all in its query.
    """
    parts = {key: str(value) for key, value in conninfo_to_dict(conninfo).items()} | more
    return "postgresql://?" + "&".join(f"{key}={quote(parts[key])}" for key in parts)


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
        return (status, *capsys.readouterr())

    return call


@pytest.fixture
def url(postgres: str) -> str:
    return url_of(postgres)


def tables_of(conninfo: str) -> list[str]:
    with closing(psycopg.connect(conninfo)) as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|info)'"
        )
        return sorted(name for (name,) in rows)


# Each sub-command on a bank of alice and bob, and the beginning of what it prints; `serve` and
# `backup` have tests of their own, and `completion` knows no bank.
LIFE = [
    ("open", "alice --currency EUR --balance 100 --id o-1", "o-1\n  alice: EUR 100.00"),
    ("open", "bob --currency EUR", ""),
    ("deposit", "alice 5 --id d-1", "d-1\n  alice: EUR 5.00, balance EUR 105.00\n"),
    ("deposit", "alice 5 --id d-1", "d-1 (again)\n"),
    ("withdraw", "alice 5 --id w-1", "w-1\n  alice: EUR -5.00, balance EUR 100.00\n"),
    ("transfer", "alice bob 10 --id t-1", "t-1\n  alice: EUR -10.00, balance EUR 90.00\n"),
    ("hold", "alice 10 --id h-1", "h-1\n"),
    ("hold", "alice 10 --id h-2", "h-2\n"),
    ("holds", "alice", "hold "),
    ("capture", "alice h-1", ""),
    ("release", "alice h-2", ""),
    ("freeze", "bob --reason theft", ""),
    ("unfreeze", "bob", ""),
    ("limit", "bob 7", ""),
    ("reverse", "t-1", ""),
    ("close", "bob", ""),
    ("statement", "bob", "Account bob\n"),
    ("transactions", "", ""),
    ("accounts", "", "account "),
    ("verify", "", "2 accounts, 14 transactions and 0 refusals verified\nno disagreements\n"),
    ("checkpoint", "", "bankcore checkpoint"),
    ("export", "", '{"format":"bankcore journal","version":1}\n{"id":"o-1"'),
    ("token create", "mary --role owner", "bk_"),
    ("token list", "", "token "),
    ("token revoke", "0", ""),
    ("import", "h.csv --currency EUR", "rows                  1\n"),
    ("simulate", "--accounts 2 --operations 9", "Seed 1: 2 accounts on postgresql://?"),
    ("import-journal", "j.jsonl", ""),
]


def test_every_sub_command(run: Run, url: str) -> None:
    """
    Each does on PostgreSQL what it does on a file.
    """
    Path("h.csv").write_text("transaction_id,account_id,date,amount\nc-1,carol,2026-01-01,5\n")
    Path("j.jsonl").write_text("no journal\n", "ascii")
    for name, words, beginning in LIFE:
        options = ["--store"] if name not in {"verify", "checkpoint", "export"} else []
        status, out, err = run(*name.split(), *words.split(), *options, url)

        # There is no such token, and the bank is not empty.
        assert (status != 0) == (name in {"token revoke", "import-journal"}), (name, err)
        assert out.startswith(beginning), name
    names = {name.partition(" ")[0] for name, *_ in LIFE}
    (commands,) = (each for each in make_parser()._actions if each.nargs == "A...")
    assert {*(commands.choices or {})} - names == {"serve", "backup", "completion"}


def test_a_call_that_fails_makes_no_tables(run: Run, postgres: str, url: str) -> None:
    """
    Tables are made for what is to be recorded in them, and not for a call that fails.
    """
    Path("bad.csv").write_text("transaction_id,account_id,date,amount\nc-1,c,2026-01-01,0\n")
    for words in ("open a b --currency EUR", "open -x --currency EUR", "deposit a 5", "accounts"):
        assert run(*words.split(), "--store", url)[0] != 0
    assert run("import", "bad.csv", "--currency", "EUR", "--store", url)[0] == 1
    assert run("verify", url)[2] == (
        "bankcore: The store is not available, and nothing was written: there is no bank in the"
        " schema bankcore of that database.\n"
    )
    assert ["public"] == tables_of(postgres)


def test_several_banks_in_one_database(run: Run, postgres: str, url: str) -> None:
    """
    The schema in the URL says which bank is meant.
    """
    first, second = (url_of(postgres, schema=name) for name in ("first", "second"))
    for where in (first, f"{second}&application_name=till"):
        assert run("open", "alice", "--currency", "EUR", "--store", where, "--id", "o")[0] == 0
    run("deposit", "alice", "5", "--store", first)
    balances = []
    for name in ("first", "second"):
        with PostgresStore(postgres, schema=name, create=False) as store:
            balances.append(Bank(store).account("alice").balance)

    assert [Money(5, "EUR"), Money(0, "EUR")] == balances
    assert ["first", "public", "second"] == tables_of(postgres)
    assert "must be a name of small letters" in run("accounts", "--store", f"{url}&schema=A")[2]


def test_tables_of_another_version(run: Run, postgres: str, url: str) -> None:
    """
    What a newer bankcore wrote is left alone.
    """
    run("open", "alice", "--currency", "EUR", "--store", url)
    with closing(psycopg.connect(postgres, autocommit=True)) as connection:
        connection.execute("UPDATE bankcore.bankcore_schema SET version = 99")
    for words in (("accounts",), ("open", "bob", "--currency", "EUR")):
        status, _, err = run(*words, "--store", url)

        assert (1, True) == (status, "schema version 99" in err)


def test_the_real_history_moves_house(run: Run, postgres: str, url: str) -> None:
    """
    From SQLite to PostgreSQL and back: equal accounts, hashes, checkpoint and export.

    On a change, its first rows; all 49,028 in the profile "thorough".
    """
    with lzma.open(shared_path("data/history-1993.csv.xz"), "rt", encoding="ascii") as file:
        rows = list(islice(file, None if IS_THOROUGH else 6_000))
    Path("history.csv").write_text("".join(rows), "ascii")
    options = ("--currency", "CZK", "--overdraft", "5446.60")
    assert run("import", "history.csv", "--store", "first.db", *options)[0] == 0
    exported = [run("export", "first.db")[1]]
    checkpoints = [run("checkpoint", "first.db")[1]]
    with SQLiteStore("first.db") as first:
        count = len(list(Bank(first).accounts()))
    # Each account is opened, and the first and the last line are no records.
    transactions = len(exported[0].splitlines()) - 2
    moved = f"{count:,} accounts, {transactions:,} transactions and 0 refusals imported\n"
    for number, there in enumerate((url, "again.db")):
        Path(f"{number}.jsonl").write_text(exported[-1], "ascii")
        status, out, err = run("import-journal", f"{number}.jsonl", "--store", there)
        assert (0, moved, "") == (status, out, err)
        exported.append(run("export", there)[1])
        checkpoints.append(run("checkpoint", there)[1])
    Path("checkpoint.txt").write_text(checkpoints[0], "ascii")
    status, out, _ = run("verify", url, "--against", "checkpoint.txt")
    with SQLiteStore("first.db") as first, PostgresStore(postgres) as second:
        accounts = [list(Bank(store).accounts()) for store in (first, second)]
        heads = [[store.chain_head(each.id) for each in accounts[0]] for store in (first, second)]

    assert exported[0] == exported[1] == exported[2]
    assert transactions == count + len(rows) - 1
    assert _without_time(checkpoints[0]) == _without_time(checkpoints[1])
    assert accounts[0] == accounts[1]
    assert heads[0] == heads[1]
    assert (0, "no disagreements") == (status, out.splitlines()[1])


def _without_time(checkpoint: str) -> list[str]:
    return [line for line in checkpoint.splitlines() if not line.startswith("taken ")]


def test_a_backup_is_of_a_file(run: Run, url: str) -> None:
    """
    PostgreSQL has programs of its own that copy a database in use.
    """
    status, _, err = run("backup", url, "copy.db")

    assert (2, False) == (status, Path("copy.db").exists())
    assert "PATH must name a file; PostgreSQL is backed up with its pg_dump" in err


def test_serving(tmp_path: Path, postgres: str, url: str) -> None:
    """
    `serve` makes the tables, and names the bank without the password.
    """
    command = [sys.executable, "-m", "bankcore", "serve", "--port", "0", "--store"]
    with subprocess.Popen(
        [*command, f"{url}&password={SECRET}"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        (address,) = re.findall(r"http://127.0.0.1:\d+", lines[0])
        with urllib.request.urlopen(f"{address}/v1/openapi.json") as answer:
            assert answer.status == 200
        process.terminate()
        rest = process.communicate(timeout=30)

    assert (0, False) == (process.returncode, SECRET in "".join((*lines, *rest)))
    assert re.match(r"Serving postgresql://\?.* at http://127.0.0.1:\d+/v1/docs\n", lines[0])
    assert lines[1].startswith("A token: bankcore token create mary --role owner --store postgre")
    assert ["bankcore", "public"] == tables_of(postgres)


# Where a password may be, in the URL of a server that is not there.
WITH_A_PASSWORD = [
    f"postgresql://mary:{SECRET}@localhost:1/shop",
    f"postgres://:{SECRET}@localhost:1/shop",
    f"postgresql://localhost:1/shop?user=mary&password={SECRET}",
    f"postgresql://localhost:1/shop?sslpassword={SECRET}&user=mary",
    # These are not as a URL must be, and libpq takes a part of the password for something else.
    f"postgresql://mary:pass@{SECRET}@localhost:1/shop",
    f"postgresql://mary:pass/{SECRET}@localhost:1/shop",
    f"postgresql://mary:pass%{SECRET}@localhost:1/shop",
    f"postgresql://mary:{SECRET}@localhost:port/shop",
    f"postgresql://mary:{SECRET}{'x' * 100}@localhost:1/shop",
    f"postgresql+psycopg://mary:{SECRET}@localhost:1/shop",
    f"mysql://mary:{SECRET}@localhost:1/shop",
]


@pytest.mark.parametrize("where", WITH_A_PASSWORD)
def test_no_password_is_shown(run: Run, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Whatever is wrong with a call, it is one sentence, with no password in it.
    """
    calls: list[tuple[str, ...]] = [
        ("accounts", "--store", where),
        ("open", "alice", "--currency", "EUR", "--store", where),
        ("verify", where),
        ("--store", where, "accounts"),
        ("accounts", where, "--store", "bank.db"),
        (where,),
        ("open", where, "--currency", "EUR", "--store", "bank.db"),
        ("statement", "alice", "--start", where, "--store", "bank.db"),
        ("backup", where, "copy.db"),
        ("simulate", "--operations", where),
    ]
    for words in calls:
        status, out, err = run(*words)

        assert status in {1, 2}
        assert "" == out
        assert SECRET not in err
        assert err.startswith("bankcore")
        assert 1 == err.count("\n")
        assert SECRET not in "".join(run(*words, "--json")[1:])
    monkeypatch.setenv("BANKCORE_STORE", where)
    for words in (("accounts",), ("accounts", "--help"), ("deposit", "x"), ("--version",)):
        assert SECRET not in "".join(run(*words)[1:])


def test_what_is_left_of_a_url() -> None:
    """
    All but the password is shown.
    """
    assert "postgresql://mary@db:5432/shop" == without_password(
        f"postgresql://mary:{SECRET}@db:5432/shop"
    )
    for cut in ("…", "\\u2026"):
        assert "'postgresql://mary@" == without_password(f"'postgresql://mary:{SECRET}{cut}")
    assert "postgresql://db:5432/shop?a=b" == without_password("postgresql://db:5432/shop?a=b")


def test_a_password_that_is_refused(
    run: Run, make_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The password comes in the URL or from the environment, and is in no sentence.
    """
    server = make_server()
    where = f"postgresql://postgres:{SECRET}@127.0.0.1:{server.port}/postgres"
    refused = run("accounts", "--store", where)
    monkeypatch.setenv("PGPASSWORD", server.password)
    opened = run("open", "alice", "--currency", "EUR", "--store", where.replace(f":{SECRET}", ""))

    assert (1, "") == refused[:2]
    assert 'password authentication failed for user "postgres"' in refused[2]
    assert SECRET not in refused[2]
    assert 0 == opened[0]


def test_a_server_that_is_down(run: Run) -> None:
    """
    It is one sentence, and the status is that of a file that cannot be opened.
    """
    status, out, err = run("accounts", "--store", "postgresql://localhost:1/shop")

    assert (1, "") == (status, out)
    assert re.fullmatch(
        "bankcore: The store is not available, .*: no connection: connection to server at .*\n",
        err,
    )


def test_without_psycopg(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The sentence names the extra, and a file is opened as ever.
    """
    for name in [*sys.modules]:
        if name.startswith("bankcore.stores._postgres"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(vars(stores), "PostgresStore", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)

    assert run("accounts", "--store", "postgresql:///shop")[2] == (
        "bankcore accounts: argument --store: PostgresStore needs psycopg:"
        " pip install 'bankcore[postgres]' (see bankcore accounts --help).\n"
    )
    assert 0 == run("open", "alice", "--currency", "EUR", "--store", "bank.db")[0]


def test_the_import_reads_what_an_export_wrote(run: Run, url: str) -> None:
    """
    What is exported from PostgreSQL says the command as it was given.
    """
    run("open", "zoe", "--currency", "EUR", "--balance", "5", "--store", url, "--id", "open-zoe")
    record = json.loads(run("export", url)[1].splitlines()[1])

    assert ("open-zoe", [500, "EUR", 2]) == (record["id"], record["command"]["initial_balance"])
