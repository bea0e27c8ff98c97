"""
Wrong calls of the command line: each is answered in one sentence that can be followed there.

The table has the whole sentence of each, as a person sees it.
"""

import re
from pathlib import Path

import pytest

from bankcore import Currency, Money, cli
from bankcore.cli import _checks
from bankcore.errors import RoundingRequiredError
from bankcore.stores import SQLiteStore

FILES = {
    "newest.csv": b"transaction_id,account_id,date,amount\n"
    b"t2,a1,2024-01-02,5\nt1,a1,2024-01-01,5\n",
    "quote.csv": b"transaction_id,account_id,date,amount,note\n"
    b't1,a1,2024-01-01,5,\nt2,a1,2024-01-02,5,"Pay\nt3,a1,2024-01-03,5,\n',
    "twice.csv": b"transaction_id,account_id,date,amount\n"
    b"t1,a1,2024-01-01,5\nt1,a1,2024-01-01,5\n",
    "latin.csv": b"transaction_id,account_id,date,amount,note\n"
    b"t1,a1,2024-01-01,5,\nt2,a1,2024-01-02,5,\xe9t\xe9\n",
    "comma.csv": b'transaction_id,account_id,date,amount\nt1,a1,2024-01-01,"5,00"\n',
    "columns.csv": b"id,account,date,amount\nt1,a1,2024-01-01,5\n",
    "plain.csv.gz": b"transaction_id,account_id,date,amount\n",
    "old.jsonl": b'{"format":"bankcore journal","version":0}\n',
    "note.txt": b"buy milk\n" * 200,
}
SEE = "(see bankcore {} --help)."
ID = (
    "must be 1 to 64 characters of A-Z, a-z, 0-9, '_', '-' and '.', and begin with a letter, a"
    " digit or '_'"
)
WRITTEN = "must be written like '12', '12.34' or '-0.50'"
WHEN = "must be a date YYYY-MM-DD, or a date and time with its time zone"


def mend(*options: str) -> str:
    instead = f", or give {' or '.join(options)}" if options else ""
    return f"; nothing was booked: put that right{instead}, and import it again."


# The call without its store, the status, and the sentence after "bankcore".
CALLS = [
    ("", 2, ": the following arguments are required: COMMAND (see bankcore --help)."),
    ("fly", 2, ": there is no sub-command 'fly' (see bankcore --help)."),
    (
        "depositt alice 5 --store bank.db",
        2,
        ": there is no sub-command 'depositt'; did you mean deposit? (see bankcore --help).",
    ),
    (
        "account --store bank.db",
        2,
        ": there is no sub-command 'account'; did you mean accounts? (see bankcore --help).",
    ),
    (
        "token creat mary --store bank.db",
        2,
        f" token: there is no sub-command 'creat'; did you mean create? {SEE.format('token')}",
    ),
    (
        "completion tcsh",
        2,
        (
            " completion: shell must be one of bash, fish, zsh, got 'tcsh'"
            f" {SEE.format('completion')}"
        ),
    ),
    ("token", 2, f" token: the following arguments are required: WHAT {SEE.format('token')}"),
    (
        "--store bank.db accounts",
        2,
        (
            ": --store comes after the sub-command: bankcore accounts --store bank.db"
            " (see bankcore --help)."
        ),
    ),
    (
        "--store=bank.db deposit alice 5",
        2,
        (
            ": --store comes after the sub-command: bankcore deposit --store=bank.db alice 5"
            " (see bankcore --help)."
        ),
    ),
    ("--stroe bank.db", 2, ": a sub-command comes first, and then --stroe (see bankcore --help)."),
    ("-v", 2, ": a sub-command comes first, and then -v (see bankcore --help)."),
    ("deposit alice -5,00 --store bank.db", 2, f": amount {WRITTEN}, got '-5,00'."),
    ("deposit alice -.5.0 --store bank.db", 2, f": amount {WRITTEN}, got '-.5.0'."),
    ("deposit alice -5 --store bank.db", 2, ": amount must be above zero, got EUR -5.00."),
    ("withdraw alice -5.00 --store bank.db", 2, ": amount must be above zero, got EUR -5.00."),
    ("limit alice -5 --store bank.db", 2, ": amount must not be negative, got EUR -5.00."),
    ("deposit alice 5,00 --store bank.db", 2, f": amount {WRITTEN}, got '5,00'."),
    ("deposit alice 1e3 --store bank.db", 2, f": amount {WRITTEN}, got '1e3'."),
    (
        "deposit alice 1.005 --store bank.db",
        2,
        ": amount must not have more decimals than EUR allows (2), got '1.005'; round it first.",
    ),
    (
        "transfer alice bob 0.001 --store bank.db",
        2,
        ": amount must not have more decimals than EUR allows (2), got '0.001'; round it first.",
    ),
    (
        "deposit alice 5 EUR --store bank.db",
        2,
        f" deposit: 'EUR' is one argument too many {SEE.format('deposit')}",
    ),
    (
        "deposit alice 5 --store bank.db --descripton x",
        2,
        (
            " deposit: there is no option --descripton; did you mean --description?"
            f" {SEE.format('deposit')}"
        ),
    ),
    (
        "accounts --store bank.db --xml=yes",
        2,
        f" accounts: there is no option --xml {SEE.format('accounts')}",
    ),
    (
        "deposit alice 5 --store",
        2,
        f" deposit: argument --store: expected one argument {SEE.format('deposit')}",
    ),
    (
        "deposit alice --store bank.db",
        2,
        f" deposit: the following arguments are required: amount {SEE.format('deposit')}",
    ),
    ("deposit carol 5 --store bank.db", 1, ": There is no account carol."),
    ("deposit a/b 5 --store bank.db", 2, f": account {ID}, got 'a/b'."),
    ("deposit alice 5 --id a:b --store bank.db", 2, f": --id {ID}, got 'a:b'."),
    ("transfer alice bob 5 --store bank.db", 2, ": destination must be in EUR, got JPY."),
    (
        "transfer alice alice 5 --store bank.db",
        2,
        ": destination must be a different account, got alice twice.",
    ),
    (
        "withdraw alice 1000 --store bank.db",
        1,
        (
            ": Account alice has EUR 100.00 available, EUR 900.00 less than the EUR 1000.00"
            " requested."
        ),
    ),
    ("close alice --sweep-to bob --store bank.db", 2, ": --sweep-to must be in EUR, got JPY."),
    ("capture alice held --to bob --store bank.db", 2, ": --to must be in EUR, got JPY."),
    ("capture alice nope --store bank.db", 1, ": Account alice has no hold nope."),
    (
        "freeze alice --reason x --stop debit --store bank.db",
        2,
        (
            " freeze: --stop must be one of debits, credits, all, got 'debit'; did you mean"
            f" debits? {SEE.format('freeze')}"
        ),
    ),
    (
        "freeze alice --store bank.db",
        2,
        f" freeze: the following arguments are required: --reason {SEE.format('freeze')}",
    ),
    ("hold alice 5 --until tomorrow --store bank.db", 2, f": --until {WHEN}, got 'tomorrow'."),
    (
        "statement alice --start 01.02.2026 --store bank.db",
        2,
        f": --start {WHEN}, got '01.02.2026'.",
    ),
    (
        "statement alice --format pdf --store bank.db",
        2,
        (
            " statement: --format must be one of csv, html, json, table, got 'pdf'"
            f" {SEE.format('statement')}"
        ),
    ),
    ("reverse nope --store bank.db", 1, ": There is no transaction nope."),
    ("open alice --currency EUR --store bank.db", 1, ": There is already an account alice."),
    (
        "open x --currency eur --store new.db",
        2,
        ": --currency must be a code of ISO 4217 (did you mean 'EUR'?), got 'eur'.",
    ),
    (
        "open x --currency BTC --store new.db",
        2,
        (
            ": --currency must be a code of ISO 4217 (or have --exponent, for a currency of your"
            " own), got 'BTC'."
        ),
    ),
    (
        "open x --currency BTC --exponent 19 --store new.db",
        2,
        ": --exponent must be a whole number from 0 to 18, got 19.",
    ),
    (
        "open x --currency BTC --exponent eight --store new.db",
        2,
        f" open: --exponent must be a whole number, got 'eight' {SEE.format('open')}",
    ),
    (
        "open x --currency EUR --balance -1,5 --store new.db",
        2,
        f": --balance {WRITTEN}, got '-1,5'.",
    ),
    (
        "open x --currency EUR --overdraft -1 --store new.db",
        2,
        ": --overdraft must not be negative, got EUR -1.00.",
    ),
    (
        "open x --currency EUR --store :memory:",
        2,
        f" open: --store must name a file, got ':memory:' {SEE.format('open')}",
    ),
    (
        "open x --currency EUR --store no/such/new.db",
        1,
        (
            ": The store is not available, and nothing was written: …/no/such/new.db cannot be"
            " made: No such file or directory."
        ),
    ),
    (
        "accounts --store absent.db",
        1,
        ": The store is not available, and nothing was written: there is no file …/absent.db.",
    ),
    (
        "accounts --store note.txt",
        1,
        (
            ": …/note.txt is not a bankcore store and was left untouched: it is not an SQLite"
            " database."
        ),
    ),
    (
        "verify bank.db --against note.txt",
        2,
        ": --against cannot be read: line 1 must be 'bankcore checkpoint 1', got 'buy milk'.",
    ),
    ("verify bank.db --against absent.txt", 2, ": absent.txt: No such file or directory."),
    (
        "backup bank.db note.txt",
        1,
        (
            ": The store was used wrongly: …/note.txt is there already, and a backup overwrites"
            " nothing."
        ),
    ),
    (
        "import absent.csv --currency EUR --store new.db",
        2,
        f": The history cannot be read: absent.csv: No such file or directory{mend()}",
    ),
    (
        "import quote.csv --currency EUR --store new.db",
        2,
        (
            ": The history cannot be read: quote.csv: line 3: a quote opens there and does not"
            f" close on that line{mend('--line-breaks')}"
        ),
    ),
    (
        "import quote.csv --currency EUR --store new.db --line-breaks",
        2,
        (
            ": The history cannot be read: quote.csv: line 3: a quote opens there and does not"
            f" close{mend()}"
        ),
    ),
    (
        "import latin.csv --currency EUR --store new.db",
        2,
        (
            ": The history cannot be read: latin.csv: line 3 is not UTF-8 (byte 0xe9), but perhaps"
            f" in another encoding{mend('--encoding')}"
        ),
    ),
    (
        "import columns.csv --currency EUR --store new.db",
        2,
        (
            ": The history cannot be read: columns.csv: line 1 has no column transaction_id,"
            " account_id among 'id, account, date, amount'"
            f"{mend('--id-from', '--account', '--columns')}"
        ),
    ),
    (
        "import columns.csv --currency EUR --store new.db --delimiter ;",
        2,
        (
            ": The history cannot be read: columns.csv: line 1 has no column transaction_id,"
            " account_id, date, amount among 'id,account,date,amount'"
            f"{mend('--skip', '--delimiter', '--id-from', '--account', '--columns')}"
        ),
    ),
    (
        "import columns.csv --currency EUR --store new.db --account a --columns amount=5",
        2,
        (
            ": The history cannot be read: columns.csv: line 1 has no column"
            f" transaction_id, 5 among 'id, account, date, amount'{mend('--id-from', '--columns')}"
        ),
    ),
    (
        "import columns.csv --currency EUR --store new.db --no-header --account a --id-from 9",
        2,
        (
            ": The history cannot be read: columns.csv: line 1 has no column date, amount, 9"
            f" among '1, 2, 3, 4'{mend('--columns')}"
        ),
    ),
    (
        "import plain.csv.gz --currency EUR --store new.db",
        2,
        f": The history cannot be read: plain.csv.gz: it is not packed as its name says{mend()}",
    ),
    (
        "import-journal old.jsonl --store new.db",
        2,
        (
            ': Line 1 of the journal cannot be imported: \'{"format":"bankcore'
            ' journal","version":0}\' is not {"format":"bankcore journal","version":1}. Nothing'
            " was written; export the journal again."
        ),
    ),
    (
        "import-journal old.jsonl --store bank.db",
        1,
        (
            ": The store was used wrongly: it is not empty, and a journal is imported into an"
            " empty store."
        ),
    ),
    (
        "simulate --accounts many",
        2,
        f" simulate: --accounts must be a whole number, got 'many' {SEE.format('simulate')}",
    ),
    (
        "simulate --accounts 1",
        2,
        ": --accounts is not valid: a simulation has 2 to 100,000 accounts.",
    ),
    (
        "token create mary --role ownr --store new.db",
        2,
        (
            " token create: --role must be one of auditor, operator, owner, service, teller, got"
            f" 'ownr'; did you mean owner? {SEE.format('token create')}"
        ),
    ),
    ("token revoke nope --store bank.db", 2, ": token must be the id of a token, got 'nope'."),
    ("serve --port 99999 --store new.db", 2, ": a port is a number from 0 to 65,535."),
    (
        "serve --port http --store new.db",
        2,
        f" serve: --port must be a whole number, got 'http' {SEE.format('serve')}",
    ),
    (
        "serve --port 0 --teller-limit 100 --store new.db",
        2,
        ": --teller-limit must name its currency by the code, got '100'.",
    ),
]

# Advice for those who write Python, and what Python calls things.
JARGON = re.compile(
    r"\b\w+=|\w\(|\b(int|str|None)\b|Traceback|Error\b|invalid choice|<class|\bb'|rounding"
)


def files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path().iterdir()}


def called(words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    try:
        status = cli.main(words.split())
    except SystemExit as exit_:
        status = int(exit_.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture(autouse=True)
def _bank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A directory with a bank of two currencies, and the files that calls name.
    """
    monkeypatch.chdir(tmp_path)
    for words in (
        "open alice --currency EUR --balance 100 --store bank.db",
        "open bob --currency JPY --store bank.db",
    ):
        assert called(words, capsys)[0] == 0
    for name, content in FILES.items():
        Path(name).write_bytes(content)


@pytest.mark.parametrize(("words", "status", "sentence"), CALLS, ids=[each[0] for each in CALLS])
def test_a_wrong_call_is_answered_in_one_sentence(
    words: str, status: int, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is the documented one, the sentence can be followed, and nothing is left."""
    if "held" in words:
        called("hold alice 5 --id held --store bank.db", capsys)
    before = files()
    found, out, err = called(words, capsys)

    assert (status, "", f"bankcore{sentence}\n") == (
        found,
        out,
        err.replace(str(tmp_path.resolve()), "…"),
    )
    assert JARGON.search(re.sub(r"'.*?'|--store=bank\.db|\(see .*", "", err)) is None
    assert before == files()


def test_there_are_forty_wrong_calls() -> None:
    """The table covers at least forty calls, of every family of sub-commands."""
    assert len({words for words, _, _ in CALLS}) >= 40


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("import newest.csv", "To have the oldest row booked first, whatever the order of the"),
        ("import twice.csv", "Nothing was booked: put the rows right, and import the file again."),
        ("import comma.csv", "Dates and amounts in another form need --date-format, --decimal-ma"),
    ],
)
def test_rows_that_are_wrong_are_told_and_nothing_is_left(
    words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file whose rows are wrong gets a report that says what to do, and makes no bank."""
    before = files()
    status, out, err = called(f"{words} --currency EUR --store new.db", capsys)

    assert (1, "", True) == (status, err, told in out)
    assert before == files()


def test_no_advice_for_callers_of_functions_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an error advises those who call Python is not told to those who cannot."""

    def refused(*_: object, **__: object) -> None:
        error = RoundingRequiredError("1.005", "must have fewer decimals").about("amount")
        raise error.advising("pass rounding=…")

    monkeypatch.setattr(_checks, "verify", refused)

    assert (2, "", "bankcore: amount must have fewer decimals, got 1.005; round it first.\n") == (
        called("verify bank.db", capsys)
    )


def test_a_currency_of_one_s_own_is_named_by_its_exponent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With `--exponent`, accounts and histories of any currency are kept."""
    opened = called(
        "open b1 --currency BTC --exponent 8 --store new.db --balance 0.00000001", capsys
    )
    imported = called(
        "import newest.csv --sort --currency BTC --exponent 8 --store new.db", capsys
    )
    with SQLiteStore("new.db") as store:
        balances = [account.balance for account in store.accounts()]

    assert (0, 0) == (opened[0], imported[0])
    bitcoin = Currency("BTC", exponent=8)
    assert [Money("10", bitcoin), Money("0.00000001", bitcoin)] == balances


def test_a_dry_run_makes_no_bank(capsys: pytest.CaptureFixture[str]) -> None:
    """`--dry-run` says what would be, with status 0 where all would pass, and writes nothing."""
    before = files()
    words = "import newest.csv --currency EUR --store new.db --dry-run"
    bad, good = called(words, capsys), called(f"{words} --sort", capsys)

    assert (1, 0) == (bad[0], good[0])
    assert "This was a dry run: nothing was booked.\n" in good[1]
    assert re.search(r"^closing sum +EUR 10\.00$", good[1], re.MULTILINE)
    assert before == files()
    assert 0 == called(f"{words[:-10]} --sort", capsys)[0]
    assert "new.db" in files()
