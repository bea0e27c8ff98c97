"""
Importing history: what each row becomes, and what is said of those that do not pass.

The real history of 49,028 movements is imported whole, and its control totals hold.
"""

import errno
import gzip
import io
import lzma
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from bankcore import Bank, Money, Transaction
from bankcore.errors import InvalidArgumentError, InvalidHistoryError
from bankcore.io import LINE_LENGTH_MAX, ImportReport, Problems, _movements, import_history, opened
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
    ("t1,a1,2024-01-01,--5,1,", "amount must be an amount like"),
    ("t1,a1,2024-01-01,1e3,1,", "amount must be an amount like"),
    ("t1,a1,2024-01-01,5,five,", "balance must be an amount like"),
    ("t1,a 1,2024-01-01,5,5,", "account_id must be 1 to 64 characters"),
    (",a1,2024-01-01,5,5,", "transaction_id must be 1 to 64 characters"),
    ("t1,a1,20240101,5,5,", "date must be a date YYYY-MM-DD"),
    ("t1,a1,2024-02-30,5,5,", "date must be a date YYYY-MM-DD"),
    ("t1,a1,2024-W01-1,5,5,", "date must be a date YYYY-MM-DD"),
    ("t1,a1,2024-01-01T00:00,5,5,", "date must be a date YYYY-MM-DD"),
    ("t1,a1,9999-01-01,5,5,", "date must not be later than"),
    ("t1,a1,2024-01-01,5,5", "the row has 5 cells, and the first row has 6"),
    ("t1,a1,2024-01-01,5,5,x,y", "the row has 7 cells, and the first row has 6"),
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


def test_a_row_before_what_is_booked_is_invalid() -> None:
    """History is booked forward: a row before its account's last posting does not pass."""
    bank = Bank(MemoryStore())
    imported(HEADER + "t1,a1,2024-01-02,5,5,\n", bank)
    report = imported(HEADER + "t2,a1,2024-01-01,5,10,\n", bank)

    ((line, what),) = report.invalid.first
    assert line == 2
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


# -- The whole file first ----------------------------------------------------


@pytest.fixture
def few_rows_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Three rows are already too many to keep, and two commands a batch.
    """
    monkeypatch.setattr(_movements, "ROWS_KEPT", 3)
    monkeypatch.setattr(_movements, "BATCH_LENGTH", 2)


GOOD_ROW = "t1,a1,2024-01-01,5,5,\n"


def empty_bank() -> Bank:
    """A bank of which a test asserts that nothing is in it."""
    return Bank(MemoryStore())


def records(bank: Bank) -> int:
    return len(bank._store.journal().records)


@pytest.mark.parametrize(("row", "expected"), INVALID_ROWS)
def test_one_invalid_row_keeps_all_others_from_being_booked(row: str, expected: str) -> None:
    """What is booked could not be preceded by the row that is mended: so nothing is booked."""
    bank = empty_bank()
    report = imported(
        HEADER + "g1,a1,2024-01-01,5,5,\n" + row + "\n" + "g2,a2,2024-01-01,5,5,\n", bank
    )

    assert (False, 3, 1, [3]) == (
        report.is_booked,
        report.rows,
        report.invalid.count,
        [line for line, _ in report.invalid.first],
    )
    assert 0 == records(bank)


NEWEST_FIRST = (
    "t4,a1,2024-01-03,-1,11,\n"
    "t3,a1,2024-01-02,-8,12,\n"
    "t2,a1,2024-01-02,15,20,\n"
    "t1,a1,2024-01-01,5,5,\n"
)


def test_a_newest_first_file_books_nothing() -> None:
    """Rows that go back in time are told with their lines, before any row is booked."""
    bank = empty_bank()
    report = imported(HEADER + NEWEST_FIRST, bank)

    assert (False, False, 2, 0) == (
        report.is_booked,
        report.is_clean,
        report.unsorted.count,
        records(bank),
    )
    assert report.unsorted.first[0] == (
        3,
        (
            "date must not be earlier than 2024-01-03T00:00:00+00:00, that of the row before of"
            " account a1, got 2024-01-02T00:00:00+00:00."
        ),
    )


def sorted_import(text: str) -> tuple[ImportReport, list[str]]:
    """
    The report of an import with `sort`, and the ids in the order in which they were booked.
    """
    bank = Bank(MemoryStore())
    lines = (HEADER + text).splitlines(keepends=True)
    report = import_history(bank, lines, currency="CZK", sort=True)
    booked = [str(each.id) for each in bank._store.journal().records]
    return report, [each for each in booked if each[0] == "t" and len(each) == 2]


def test_a_newest_first_file_is_turned_round() -> None:
    """With `sort` it is booked from its end, so that the balances of one day are right too."""
    report, ids = sorted_import(NEWEST_FIRST)

    assert (True, True, 4) == (report.is_booked, report.is_clean, report.rows)
    assert ["t1", "t2", "t3", "t4"] == ids


def test_accounts_one_after_the_other_are_turned_round_each() -> None:
    """A file of several accounts, each of them newest first, is booked from their ends."""
    text = NEWEST_FIRST + NEWEST_FIRST.replace(",a1,", ",a2,").replace("t", "u")
    report, ids = sorted_import(text)

    assert (True, 8) == (report.is_clean, report.rows)
    assert ["t1", "t2", "t3", "t4"] == ids


def test_sorting_keeps_the_order_of_one_time() -> None:
    """Of rows in no order at all, those of the same time are booked in the order of the file."""
    report, ids = sorted_import(
        "t3,a1,2024-01-02,5,,\nt1,a1,2024-01-01,5,,\nt4,a1,2024-01-02,5,,\nt2,a1,2024-01-01,5,,\n"
        "t5,a1,2024-01-02,5,,\n"
    )

    assert report.is_clean
    assert ["t1", "t2", "t3", "t4", "t5"] == ids


@pytest.mark.usefixtures("few_rows_kept")
def test_sorting_keeps_all_rows() -> None:
    """However many rows there are, all are sorted."""
    rows = [f"t{n},a1,2024-01-{n:02},1,{n},\n" for n in range(1, 10)]
    report, ids = sorted_import("".join(reversed(rows)))

    assert (True, 9) == (report.is_clean, report.rows)
    assert [f"t{n}" for n in range(1, 10)] == ids


def test_the_newest_first_real_history_is_sorted_to_the_cent() -> None:
    """The real history turned round, as banks export it, comes out as it does the right way."""
    with opened(str(shared_path("data/history-1993.csv.xz"))) as file:
        header, *rows = list(file)
    report = import_history(
        Bank(MemoryStore()),
        [header, *reversed(rows)],
        currency="CZK",
        overdraft_limit=OVERDRAFT,
        sort=True,
    )

    assert (49_028, True, Money("39296720.10", "CZK")) == (
        report.rows,
        report.is_clean,
        report.closing_sum,
    )


def test_an_id_twice_is_invalid() -> None:
    """The second row of an id is invalid, however alike; both lines are named."""
    bank = empty_bank()
    report = imported(HEADER + GOOD_ROW + "t2,a1,2024-01-01,5,10,\n" + GOOD_ROW, bank)

    assert (
        Problems(
            1, ((4, "transaction_id must be unique in the file, and t1 is that of line 2 too."),)
        )
        == report.invalid
    )
    assert (0, 0) == (report.replayed, records(bank))


def test_a_dry_run_says_what_an_import_would(tmp_path: Path) -> None:
    """A dry run reports what the import does then, across batches, and writes nothing."""
    rows = HEADER + (
        "t1,a1,2024-01-01,5,5,\nt2,a1,2024-01-02,-6,5,\nt3,a1,2024-01-03,-2,4,\n"
        "t4,a2,2024-01-03,1,1,\nt5,a3,2024-01-03,1,1,\n"
    )
    with SQLiteStore(tmp_path / "bank.db") as store:
        bank = Bank(store)
        bank.open_account(
            "a2", initial_balance=Money("1", "CZK"), booked_at=datetime(2024, 2, 1, tzinfo=UTC)
        )
        bank.open_account("other", initial_balance=Money("7", "CZK"))
        before = store.journal().records
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_movements, "BATCH_LENGTH", 2)
            dry, wet = (
                import_history(bank, rows.splitlines(True), currency="CZK", dry_run=dry_run)
                for dry_run in (True, False)
            )
            journal = store.journal().records

    assert attrs.evolve(wet, is_booked=False) == dry
    assert (1, 1, 1, True) == (
        dry.refused.count,
        dry.invalid.count,
        dry.mismatched.count,
        wet.is_booked,
    )
    assert Money("5.00", "CZK") == dry.closing_sum
    assert before == journal[: len(before)]


def test_a_dry_run_writes_nothing() -> None:
    """After a dry run the journal and the accounts are as before."""
    bank = empty_bank()
    report = import_history(bank, [HEADER, GOOD_ROW], currency="CZK", dry_run=True)

    assert (True, False, 0, []) == (
        report.is_clean,
        report.is_booked,
        records(bank),
        list(bank.accounts()),
    )
    assert Money("5", "CZK") == report.closing_sum


class Logging:
    """
    A bank of an application's own, with the two methods that an import calls.
    """

    def __init__(self, bank: Bank) -> None:
        self.execute, self.accounts = bank.execute, bank.accounts


def test_a_bank_of_one_s_own_is_booked_in_but_not_rehearsed() -> None:
    """Whatever has a bank's two methods can be imported into; a dry run needs a `Bank`."""
    bank = cast("Bank", Logging(empty_bank()))

    with pytest.raises(InvalidArgumentError, match="bank must be a Bank, for a dry run"):
        import_history(bank, [HEADER, GOOD_ROW], currency="CZK", dry_run=True)
    assert import_history(bank, [HEADER, GOOD_ROW], currency="CZK").is_booked


@pytest.mark.parametrize("file", ["history.csv", b"history.csv", Path("history.csv"), None, 5])
def test_the_name_of_a_file_is_no_file(file: Any) -> None:
    """What has no lines is told by its argument: a name would give its letters."""
    with pytest.raises(InvalidArgumentError, match=r"^file must be lines of text"):
        import_history(empty_bank(), file, currency="CZK")


@pytest.mark.parametrize("line", [GOOD_ROW.encode(), 5, None])
def test_a_line_that_is_no_text_is_told(line: Any) -> None:
    """A file that is open in binary has no lines of text, also one that is copied first."""
    for file in ([HEADER, line], iter([HEADER, line])):
        with pytest.raises(InvalidHistoryError, match="line 2 is no text: open the file as text;"):
            import_history(empty_bank(), file, currency="CZK")


def test_a_path_is_opened(tmp_path: Path) -> None:
    """`opened` takes a path as pathlib has it, and tells what is none."""
    path = tmp_path / "h.csv.gz"
    path.write_bytes(gzip.compress((HEADER + GOOD_ROW).encode()))
    with opened(path) as file:
        assert import_history(empty_bank(), file, currency="CZK").is_clean

    nothing: Any = None
    with pytest.raises(InvalidArgumentError, match=r"^path must be a path: "), opened(nothing):
        pass


# -- Long files --------------------------------------------------------------


LONG = HEADER + "".join(f"t{n},a{n % 3},2024-01-01,5,,\n" for n in range(20))


def once(text: str) -> Iterator[str]:
    yield from text.splitlines(keepends=True)


def in_the_middle(text: str) -> Iterator[str]:
    """
    A file that is iterated over already, of which nobody can tell where it is.
    """
    file = io.TextIOWrapper(io.BytesIO(f"title\n{text}".encode()), newline="")
    next(file)
    return file


class Pipe(io.BytesIO):
    """
    Bytes that can be read only once.
    """

    def seekable(self) -> bool:
        return False


def piped(text: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(Pipe(text.encode()), newline="")


def after_a_title(text: str) -> io.StringIO:
    file = io.StringIO(f"title\n{text}", newline="")
    file.readline()
    return file


@pytest.mark.usefixtures("few_rows_kept")
@pytest.mark.parametrize(
    "made",
    [io.StringIO, lambda text: text.splitlines(True), once, piped, in_the_middle, after_a_title],
    ids=["file", "list", "generator", "pipe", "iterated", "elsewhere"],
)
def test_a_long_file_is_read_twice(made: Callable[[str], Iterable[str]]) -> None:
    """Where rows are too many to keep, they are read again, wherever they come from."""
    done: list[int] = []
    bank = empty_bank()
    report = import_history(bank, made(LONG), currency="CZK", on_progress=done.append)

    assert (20, True, 3, Money("100", "CZK")) == (
        report.rows,
        report.is_clean,
        report.accounts,
        report.closing_sum,
    )
    assert (20, sorted(done)) == (done[-1], done)


@pytest.mark.usefixtures("few_rows_kept")
@pytest.mark.parametrize("made", [str.splitlines, once], ids=["list", "generator"])
def test_half_a_character_is_read_twice_too(made: Callable[[str], Iterable[str]]) -> None:
    """Text that UTF-8 does not have, in a column that is ignored, is nobody's business."""
    text = LONG.replace("amount", "amount,note").replace(",5", ",5,\ud800")
    report = import_history(empty_bank(), made(text), currency="CZK")

    assert (20, True) == (report.rows, report.is_clean)


@pytest.mark.usefixtures("few_rows_kept")
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".csv.xz"])
def test_a_long_packed_file_is_read_twice(tmp_path: Path, suffix: str) -> None:
    """A packed file with a byte-order mark is unpacked again from its beginning."""
    path = tmp_path / f"h{suffix}"
    content = f"\ufeff{LONG}".encode()
    packed = {
        ".csv": content,
        ".csv.gz": gzip.compress(content),
        ".csv.xz": lzma.compress(content),
    }
    path.write_bytes(packed[suffix])
    with opened(str(path)) as file:
        report = import_history(empty_bank(), file, currency="CZK")

    assert (20, True) == (report.rows, report.is_clean)


@pytest.mark.usefixtures("few_rows_kept")
@pytest.mark.parametrize(("again", "line"), [(0, 2), (2, 4), (3, 5), (19, 21)])
def test_an_id_twice_in_a_long_file_is_invalid(again: int, line: int) -> None:
    """Ids are compared over the whole file, also those that are not in memory."""
    report = imported(LONG + f"t{again},a1,2024-01-01,5,,\n")

    ((found, what),) = report.invalid.first
    assert (22, False) == (found, report.is_booked)
    assert f"and t{again} is that of line {line} too" in what


class Changing:
    """
    Lines that are others when they are read again.
    """

    def __init__(self, *readings: str) -> None:
        self.readings = iter(readings)

    def __iter__(self) -> Iterator[str]:
        for line in next(self.readings).splitlines(keepends=True):
            if line == "broken\n":
                raise OSError(errno.EIO, "Input/output error")
            yield line


OPEN_QUOTE = "line {}: a quote opens there and does not close on that line"
FIRST_EIGHT = "".join(LONG.splitlines(keepends=True)[:9])


@pytest.mark.usefixtures("few_rows_kept")
@pytest.mark.parametrize(
    ("again", "reason"),
    [
        (FIRST_EIGHT, "it changed while it was read"),
        (f"{FIRST_EIGHT}broken\n", "it breaks off after line 9: Input/output error"),
        (f'{FIRST_EIGHT}x,"\n', OPEN_QUOTE.format(10)),
    ],
)
def test_what_is_booked_is_told_where_a_long_file_breaks_off(again: str, reason: str) -> None:
    """A file that cannot be read again to its end says how many rows are booked, and goes on."""
    bank = empty_bank()
    with pytest.raises(InvalidHistoryError) as told:
        import_history(bank, Changing(LONG, again), currency="CZK")
    booked = told.value.rows_booked
    ids = {str(each.id) for each in bank._store.journal().records}

    assert str(told.value) == (
        f"The history cannot be read: {reason}; the first {booked} rows were booked: import it"
        " again, and it goes on from there."
    )
    assert {f"t{n}" for n in range(booked)} == {f"t{n}" for n in range(20)} & ids
    assert (booked, True) == (imported(LONG, bank).replayed, booked > 0)


# -- Files that cannot be read -----------------------------------------------

QUOTES = {
    "never closed, in a column that is ignored": 'x2,a1,2024-01-02,100.00,,"Pay\n{rest}',
    "closed in a later row": 'x2,a1,2024-01-02,100.00,,"Pay\n{rest}x3,a1,2024-01-02,1,,Pay"\n',
    "closed in a later row, with text after it": 'x2,a1,2024-01-02,1,,"Pay\n{rest}x3,a"b,1,1,1,\n',
    "in the id": '"x2,a1,2024-01-02,100.00,,Pay\n{rest}',
    "in the amount": 'x2,a1,2024-01-02,"100.00,,Pay\n{rest}',
    "longer than a cell may be": 'x2,a1,2024-01-02,1,,"' + 200 * ("x" * 999 + "\n") + "{rest}",
}


@pytest.mark.parametrize("shape", QUOTES)
@pytest.mark.parametrize("note", ["description", "note"])
def test_a_stray_quote_is_told_with_its_line(shape: str, note: str) -> None:
    """A quote that does not close on its line swallows no rows: the line it opened in is named."""
    bank = empty_bank()
    rest = "".join(f"r{n},a1,2024-01-03,1,,\n" for n in range(9))
    text = HEADER.replace("description", note) + GOOD_ROW + QUOTES[shape].format(rest=rest)

    with pytest.raises(InvalidHistoryError) as told:
        imported(text, bank)

    assert OPEN_QUOTE.format(3) == told.value.reason
    assert (0, 0) == (told.value.rows_booked, records(bank))


def test_a_stray_quote_in_the_header_is_told() -> None:
    """The header is a line like any other."""
    with pytest.raises(InvalidHistoryError, match="line 1: a quote opens there"):
        imported('transaction_id,account_id,date,amount,"note\n' + GOOD_ROW)


def test_text_after_a_quote_is_told() -> None:
    """A cell that goes on after its closing quote is no CSV."""
    with pytest.raises(InvalidHistoryError, match="line 2: ',' expected after '\"'"):
        imported(HEADER + 't1,a1,2024-01-01,5,5,"Pay" all\n')


def test_quotes_that_close_are_read() -> None:
    """A cell in quotes may have commas, and quotes that are written twice."""
    bank = empty_bank()
    imported(HEADER + 't1,a1,2024-01-01,5,5,"Pay, ""all"""\n', bank)

    assert 'Pay, "all"' == bank.transaction("t1").command.description


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("rows", [0, 1, 1_000, 3_000])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_a_bad_byte_is_told_with_its_line(
    tmp_path: Path, end: str, rows: int, suffix: str
) -> None:
    """However late a byte comes that is not UTF-8, its line is named, and nothing is booked."""
    path = tmp_path / f"h{suffix}"
    good = HEADER + "".join(f"t{n},a1,2024-01-01,5,,čtvrtek\n" for n in range(rows))
    content = good.replace("\n", end).encode() + b"x,a1,2024-01-01,5,,\xe9t\xe9" + end.encode()
    path.write_bytes(content if suffix == ".csv" else gzip.compress(content))
    bank = empty_bank()

    with pytest.raises(InvalidHistoryError) as told, opened(str(path)) as file:
        import_history(bank, file, currency="CZK")

    assert str(told.value) == (
        f"The history cannot be read: {path}: line {rows + 2} is not UTF-8 (byte 0xe9),"
        " but perhaps in another encoding; nothing was booked: put that right, or give encoding,"
        " and import it again."
    )
    assert 0 == records(bank)


@pytest.mark.parametrize("suffix", ["gz", "xz"])
def test_a_cut_off_file_is_told_with_its_line(tmp_path: Path, suffix: str) -> None:
    """Where a packed file ends too early is told by its last whole line; nothing is booked."""
    path = tmp_path / f"h.csv.{suffix}"
    content = (HEADER + "".join(f"t{n},a{n * n},2024-01-01,5,,\n" for n in range(9_000))).encode()
    packed = gzip.compress(content) if suffix == "gz" else lzma.compress(content)
    path.write_bytes(packed[: len(packed) // 2])
    bank = empty_bank()

    with (
        pytest.raises(InvalidHistoryError, match=r"it breaks off after line \d{4}: ") as told,
        opened(str(path)) as file,
    ):
        import_history(bank, file, currency="CZK")
    assert (True, 0) == (str(path) in str(told.value), records(bank))


def test_a_damaged_gz_file_is_told(tmp_path: Path) -> None:
    """Bytes that are no packed data in the middle of a file are the same typed error."""
    path = tmp_path / "h.csv.gz"
    packed = bytearray(gzip.compress(LONG.encode() * 50, compresslevel=1))
    packed[40:60] = bytes(20)
    path.write_bytes(packed)

    with (
        pytest.raises(InvalidHistoryError, match=r"cannot be read: .*h\.csv\.gz"),
        opened(str(path)) as file,
    ):
        import_history(empty_bank(), file, currency="CZK")


class Endless(io.RawIOBase):
    """
    A file of one line that never ends, and that counts what is read of it.
    """

    def __init__(self) -> None:
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.count += len(buffer)
        assert self.count < 20_000_000, "more was read than any line may have"
        buffer[:] = b"x" * len(buffer)
        return len(buffer)


def test_a_line_without_an_end_is_bounded() -> None:
    """Of a line that never ends no more is read than the longest line may have."""
    source = Endless()
    file = io.TextIOWrapper(io.BufferedReader(source), encoding="utf-8", newline="")

    with pytest.raises(InvalidHistoryError, match="line 1 has more than 1,000,000 characters"):
        import_history(empty_bank(), file, currency="CZK")
    assert source.count < 2 * LINE_LENGTH_MAX


def test_opened_tells_what_others_read(tmp_path: Path) -> None:
    """Who reads an opened file without an import gets the same typed error."""
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(b"x" * 100)[:-9])

    with (
        pytest.raises(InvalidHistoryError, match=r"cut\.gz: Compressed file ended"),
        opened(str(path)) as file,
    ):
        file.read()


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
    """Empty lines are passed over, and those of a spreadsheet, which have empty cells."""
    assert imported(HEADER + "\n,,,,,\nt1,a1,2024-01-01,5,5,\n\n,\n").rows == 1


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
