"""
Importing history: what each row becomes, and what is said of those that do not pass.

The real history of 49,028 movements is imported whole, and its control totals hold.
"""

import gzip
import lzma
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bankcore import Bank, Money, Transaction
from bankcore.errors import InvalidHistoryError
from bankcore.io import ImportReport, Problems, import_history, opened
from bankcore.ledger import verify
from bankcore.stores import MemoryStore, SQLiteStore
from shared_data import shared_path

HEADER = "transaction_id,account_id,date,amount,balance,description\n"
OVERDRAFT = Money("5446.60", "CZK")


def imported(text: str, bank: Bank | None = None) -> ImportReport:
    bank = bank or Bank(MemoryStore())
    return import_history(bank, text.splitlines(keepends=True), currency="CZK")


def test_a_row_becomes_a_transaction_under_its_own_id_and_date() -> None:
    """A row above zero is a deposit, one below a withdrawal, at midnight UTC of its date."""
    bank = Bank(MemoryStore())
    report = imported(
        HEADER + "t1,a1,2024-02-29,10.00,10.00,first\nt2,a1,2024-03-01,-4.50,5.50,\n", bank
    )

    deposit, withdrawal = bank.transaction("t1"), bank.transaction("t2")
    assert (2, 1, True, Money("5.50", "CZK")) == (
        report.rows,
        report.accounts,
        report.is_clean,
        report.closing_sum,
    )
    assert datetime(2024, 2, 29, tzinfo=UTC) == deposit.booked_at
    assert (deposit.command.description, withdrawal.command.description) == ("first", None)
    assert Money("-4.50", "CZK") == withdrawal.postings[0].amount


def test_an_instant_with_its_zone_is_a_date_too() -> None:
    """A date may be an instant, if it says its zone."""
    bank = Bank(MemoryStore())
    imported("transaction_id,account_id,date,amount\nt1,a1,2024-02-29T10:00:00+02:00,1\n", bank)

    assert datetime(2024, 2, 29, 8, tzinfo=UTC) == bank.transaction("t1").booked_at


def test_columns_come_in_any_order_and_others_are_named() -> None:
    """Only the columns that mean something are used; the report names the others."""
    report = imported("colour,amount,date,account_id,transaction_id\nred,5,2024-01-01,a1,t1\n")

    assert (report.ignored_columns, report.is_clean, report.rows) == (("colour",), True, 1)


INVALID_ROWS = [
    ("t1,a1,2024-01-01,0,0,", "amount must be above zero, got CZK 0.00"),
    ("t1,a1,2024-01-01,1.005,1,", "amount must not have more decimals than CZK allows (2)"),
    ("t1,a1,2024-01-01,--5,1,", "amount must be above zero, got CZK -5.00"),
    ("t1,a1,2024-01-01,1e3,1,", "amount must be written like"),
    ("t1,a1,2024-01-01,5,five,", "balance must be written like"),
    ("t1,a 1,2024-01-01,5,5,", "account_id must be 1 to 64 characters"),
    (",a1,2024-01-01,5,5,", "transaction_id must be 1 to 64 characters"),
    ("t1,a1,20240101,5,5,", "date must be a date YYYY-MM-DD"),
    ("t1,a1,2024-02-30,5,5,", "date must be a date YYYY-MM-DD"),
    ("t1,a1,2024-W01-1,5,5,", "date must be a date YYYY-MM-DD"),
    ("t1,a1,2024-01-01T00:00,5,5,", "date must be a date YYYY-MM-DD"),
    ("t1,a1,9999-01-01,5,5,", "date must not be later than"),
    ("t1,a1,2024-01-01,5,5", "the row has 5 cells, and the first line has 6"),
    ("t1,a1,2024-01-01,5,5,x,y", "the row has 7 cells, and the first line has 6"),
    ("t1,a1,2024-01-01,5,5,\x07", "description must be one line"),
]


@pytest.mark.parametrize(("row", "expected"), INVALID_ROWS)
def test_an_invalid_row_is_told_and_books_nothing(row: str, expected: str) -> None:
    """A row that cannot be asked is told with its line, uses up no id and moves nothing."""
    bank = Bank(MemoryStore())
    report = imported(HEADER + row + "\n", bank)

    ((line, what),) = report.invalid.first
    assert (report.rows, report.invalid.count, line) == (1, 1, 2)
    assert expected in what
    assert [account for account in bank.accounts() if account.balance] == []
    good = imported(HEADER + "t1,a1,2024-01-01,5,5,\n", bank)
    assert (good.is_clean, good.replayed) == (True, 0)


def test_rows_out_of_order_are_invalid() -> None:
    """History is booked forward: a row before its account's last posting does not pass."""
    report = imported(HEADER + "t1,a1,2024-01-02,5,5,\nt2,a1,2024-01-01,5,10,\n")

    ((line, what),) = report.invalid.first
    assert line == 3
    assert what == (
        "date must not be earlier than 2024-01-02T00:00:00+00:00, when account a1 was last"
        " booked, got 2024-01-01T00:00:00+00:00."
    )


def test_a_refused_row_is_told_and_stays_refused() -> None:
    """A row that the bank declines is counted, also when the file comes a second time."""
    bank = Bank(MemoryStore())
    rows = HEADER + "t1,a1,2024-01-01,5,5,\nt2,a1,2024-01-01,-6,-1,\nt3,a1,2024-01-01,9,14,\n"
    first, second = imported(rows, bank), imported(rows, bank)

    assert (first.refused.count, first.mismatched.count, first.replayed) == (1, 0, 0)
    assert first.refused.first[0][0] == 3
    assert "CZK 1.00 less than the CZK 6.00 requested" in first.refused.first[0][1]
    assert (second.refused.count, second.replayed) == (1, 3)
    assert Money("14", "CZK") == second.closing_sum


def test_a_balance_that_differs_is_told() -> None:
    """Where the file says another balance than the bank, the row is told with both."""
    report = imported(HEADER + "t1,a1,2024-01-01,5,6,\n")

    assert (
        Problems(1, ((2, "The balance is CZK 5.00, and the file says CZK 6.00."),))
        == report.mismatched
    )


def test_a_balance_that_differs_is_told_of_a_row_that_is_replayed() -> None:
    """A file that comes again with other balances is not clean, though it books nothing."""
    bank = Bank(MemoryStore())
    rows = "t1,a1,2024-01-01,5,{},\nt2,a1,2024-01-01,-2,{},\n"
    imported(HEADER + rows.format(5, 3), bank)
    report = imported(HEADER + rows.format(5, 4), bank)

    assert (
        Problems(1, ((3, "The balance is CZK 3.00, and the file says CZK 4.00."),))
        == report.mismatched
    )
    assert (2, False, Money("3", "CZK")) == (report.replayed, report.is_clean, report.closing_sum)


def test_only_the_first_ten_problems_are_kept() -> None:
    """However many rows do not pass, all are counted and the first ten are kept."""
    rows = "".join(f"t{number},a1,2024-01-01,0,0,\n" for number in range(25))
    report = imported(HEADER + rows)

    assert report.invalid.count == 25
    assert list(range(2, 12)) == [line for line, _ in report.invalid.first]


def test_an_account_that_is_there_stays_as_it_is() -> None:
    """An account that is open already is booked on, not opened again."""
    bank = Bank(MemoryStore())
    bank.open_account(
        "a1", initial_balance=Money("1", "CZK"), booked_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    report = imported(HEADER + "t1,a1,2024-01-01,5,6,\n", bank)

    assert (True, Money("6", "CZK")) == (report.is_clean, report.closing_sum)


def test_an_account_of_another_currency_takes_nothing() -> None:
    """A row on an account of another currency is invalid, and its sum is not counted in."""
    bank = Bank(MemoryStore())
    bank.open_account(
        "a1", initial_balance=Money("1", "EUR"), booked_at=datetime(2020, 1, 1, tzinfo=UTC)
    )
    report = imported(HEADER + "t1,a1,2024-01-01,5,6,\n", bank)

    assert (1, Money("0", "CZK")) == (report.invalid.count, report.closing_sum)
    assert report.invalid.first[0][1] == "amount must be in EUR, got CZK."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1 has no column transaction_id, account_id, date, amount"),
        ("id,amount\n", "no column transaction_id, account_id, date"),
        ("transaction_id,account_id,date,amount,amount\n", "line 1 has two columns amount"),
    ],
)
def test_a_file_without_its_columns_is_refused(text: str, expected: str) -> None:
    """A file that lacks a column, or has one twice, is refused before anything is booked."""
    with pytest.raises(InvalidHistoryError, match=expected):
        imported(text)


def test_a_file_that_is_no_csv_is_refused_with_its_line() -> None:
    """A cell that the csv module does not read ends the import, with the line that has it."""
    with pytest.raises(InvalidHistoryError, match="line 2: field larger than field limit"):
        imported(HEADER + "t1,a1,2024-01-01,5,5," + "x" * 200_000)


def test_an_error_names_the_column() -> None:
    """A row has two amounts; which of them is wrong is said."""
    report = imported(HEADER + "t1,a1,2024-01-01,5,five,\nt2,a1,2024-01-01,five,5,\n")

    assert ["balance", "amount"] == [what.split()[0] for _, what in report.invalid.first]


def test_empty_lines_are_no_rows() -> None:
    """Empty lines are passed over."""
    assert imported(HEADER + "\nt1,a1,2024-01-01,5,5,\n\n").rows == 1


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_packed_files_are_unpacked(tmp_path: Path, suffix: str) -> None:
    """A name that ends in .gz or .xz is unpacked; a byte-order mark is no part of a name."""
    path = tmp_path / f"history.csv{suffix}"
    content = ("\ufeff" + HEADER + "t1,a1,2024-01-01,5,5,žluť\n").encode()
    packed = {"": content, ".gz": gzip.compress(content), ".xz": lzma.compress(content)}
    path.write_bytes(packed[suffix])

    with opened(str(path)) as file:
        report = import_history(Bank(MemoryStore()), file, currency="CZK")

    assert (report.rows, report.is_clean) == (1, True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("absent.csv", None),
        ("latin.csv", HEADER.encode() + b"t1,a1,2024-01-01,5,5,\xe9\n"),
        ("not.gz", b"plain text"),
        ("not.xz", b"plain text"),
        ("cut.gz", gzip.compress(HEADER.encode() * 100, mtime=0)[:-20]),
        ("cut.xz", lzma.compress(HEADER.encode() * 100)[:-20]),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    """A file that is absent, cut off or not what its name says is one typed error."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InvalidHistoryError, match=name), opened(str(path)) as file:
        import_history(Bank(MemoryStore()), file, currency="CZK")


def test_an_import_that_was_cut_off_goes_on() -> None:
    """What was booked before an import broke off replays, and the rest is booked."""
    bank = Bank(MemoryStore())
    imported(HEADER + "t1,a1,2024-01-01,5,5,\n", bank)
    report = imported(HEADER + "t1,a1,2024-01-01,5,5,\nt2,a1,2024-01-01,5,10,\n", bank)

    assert (1, True, Money("10", "CZK")) == (report.replayed, report.is_clean, report.closing_sum)


def test_the_real_history_comes_out_right_to_the_cent(tmp_path: Path) -> None:
    """49,028 real movements on 1,229 accounts: every balance as in the file; twice is once."""
    source = str(shared_path("data/history-1993.csv.xz"))
    progress: list[int] = []
    with SQLiteStore(tmp_path / "bank.db") as store:
        bank = Bank(store)
        reports = []
        for _ in range(2):
            with opened(source) as file:
                reports.append(
                    import_history(
                        bank,
                        file,
                        currency="CZK",
                        overdraft_limit=OVERDRAFT,
                        on_progress=progress.append,
                    )
                )
        audit = verify(store)

    first, second = reports
    assert (first.rows, first.accounts, first.is_clean, first.replayed) == (49_028, 1_229, True, 0)
    assert Money("39296720.10", "CZK") == first.closing_sum
    assert (49_028, True, first.closing_sum) == (
        second.replayed,
        second.is_clean,
        second.closing_sum,
    )
    assert (audit.accounts, audit.transactions, audit.refusals, audit.disagreements) == (
        1_229,
        49_028 + 1_229,
        0,
        (),
    )
    assert progress[-1] == 49_028
    assert progress[:3] == sorted(set(progress[:3]))


def test_without_overdraft_exactly_26_debits_are_refused() -> None:
    """With no overdraft, 26 debits are refused, one in each of 26 accounts; all else passes."""
    source = str(shared_path("data/history-1993.csv.xz"))
    store = MemoryStore()
    with opened(source) as file:
        report = import_history(Bank(store), file, currency="CZK")

    assert (26, 0, Money("39524677.40", "CZK")) == (
        report.refused.count,
        report.invalid.count,
        report.closing_sum,
    )
    refused_accounts = {
        record.facts["account_id"]
        for key, record in store._kept.items()
        if key[0] == "journal" and not isinstance(record, Transaction)
    }
    assert len(refused_accounts) == 26
    assert verify(store).is_clean
