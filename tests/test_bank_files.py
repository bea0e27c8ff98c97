"""
Files in the styles of banks, imported to the cent; and settings that do not fit a file.

Each sample was made for this test, after the form in which banks of a country export an account.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any, NamedTuple

import pytest

from bankcore import Bank, Money
from bankcore.cli import main
from bankcore.errors import (
    InvalidFormatError,
    InvalidHistoryError,
    InvalidRequestError,
    InvalidTimeError,
)
from bankcore.io import FIELDS, ImportReport, _movements, import_history, opened
from bankcore.io._dates import date_reader
from bankcore.ledger import verify
from bankcore.stores import MemoryStore, SQLiteStore


class Sample(NamedTuple):
    """
    A file, the settings that say how it is written, and its rows, the oldest first: the day or
    the time, the amount, and the description.
    """

    style: str
    text: str
    settings: Mapping[str, Any]
    rows: tuple[tuple[str, str, str | None], ...]
    currency: str = "EUR"
    encoding: str = "utf-8"


SAMPLES = [
    Sample(
        "German savings bank: newest first, Windows-1252, years of two digits, equal rows",
        """\
        "Auftragskonto";"Buchungstag";"Valutadatum";"Verwendungszweck";"Betrag";"Waehrung";"Info"
        "DE02";"31.12.25";"31.12.25";"Gebühr für Konto";"-3,50";"EUR";"Umsatz gebucht"
        "DE02";"30.12.25";"30.12.25";"Straßenbahn";"-4,2";"EUR";"Umsatz gebucht"
        "DE02";"30.12.25";"30.12.25";"Straßenbahn";"-4,2";"EUR";"Umsatz gebucht"
        "DE02";"01.12.25";"01.12.25";"Gehalt";"2345,67";"EUR";"Umsatz gebucht"
        """,
        {
            "delimiter": ";",
            "decimal_mark": ",",
            "date_format": "%d.%m.%y",
            "columns": {
                "date": "Buchungstag",
                "amount": "Betrag",
                "description": "Verwendungszweck",
                "currency": "Waehrung",
            },
            "id_from": ("Auftragskonto", "Buchungstag", "Betrag", "Verwendungszweck"),
        },
        (
            ("2025-12-01", "2345.67", "Gehalt"),
            ("2025-12-30", "-4.20", "Straßenbahn"),
            ("2025-12-30", "-4.20", "Straßenbahn"),
            ("2025-12-31", "-3.50", "Gebühr für Konto"),
        ),
        encoding="cp1252",
    ),
    Sample(
        "German direct bank: a byte-order mark, title lines, a sign of the currency, groups",
        """\
        \ufeff"Girokonto";"DE02 1203 0000 0000 2020 51"
        "Kontostand vom 31.12.2025:";"1.180,00 €"
        ""
        "Buchungsdatum";"Status";"Verwendungszweck";"Betrag (€)";"Kundenreferenz"
        "31.12.2025";"Gebucht";"Miete, warm";"-1.020,00 €";""
        "30.12.2025";"Gebucht";"Lohn";"2.200,00 €";"L-7"
        """,
        {
            "skip": 3,
            "delimiter": ";",
            "decimal_mark": ",",
            "group_mark": ".",
            "date_format": "%d.%m.%Y",
            "columns": {
                "date": "Buchungsdatum",
                "amount": "Betrag (€)",
                "description": "Verwendungszweck",
            },
            "id_from": ("Buchungsdatum", "Betrag (€)", "Verwendungszweck"),
        },
        (("2025-12-30", "2200", "Lohn"), ("2025-12-31", "-1020", "Miete, warm")),
    ),
    Sample(
        "German big bank: debits below zero in a column of their own, a line behind the rows",
        """\
        Umsätze Girokonto;;;;;
        Buchungstag;Umsatzart;Verwendungszweck;Soll;Haben;Währung
        12.11.2025;Gutschrift;Erstattung;;1.500,00;EUR
        13.11.2025;Lastschrift;Strom;-89,90;;EUR
        Kontostand;13.11.2025;;;1.410,10;EUR
        """,
        {
            "skip": 1,
            "skip_end": 1,
            "delimiter": ";",
            "decimal_mark": ",",
            "group_mark": ".",
            "minus": ("debits",),
            "date_format": "%d.%m.%Y",
            "columns": {
                "date": "Buchungstag",
                "debit": "Soll",
                "credit": "Haben",
                "description": "Verwendungszweck",
                "currency": "Währung",
            },
            "id_from": ("Buchungstag", "Verwendungszweck", "Soll", "Haben"),
        },
        (("2025-11-12", "1500", "Erstattung"), ("2025-11-13", "-89.90", "Strom")),
        encoding="iso-8859-15",
    ),
    Sample(
        "Dutch: a direction in words, dates without separators, the balance after each row",
        """\
        "Datum","Naam / Omschrijving","Rekening","Af Bij","Bedrag (EUR)","Saldo na mutatie"
        "20251231","Albert","NL20","Af","12,34","87,66"
        "20251230","Loon","NL20","Bij","100,00","100,00"
        """,
        {
            "decimal_mark": ",",
            "date_format": "%Y%m%d",
            "columns": {
                "date": "Datum",
                "amount": "Bedrag (EUR)",
                "direction": "Af Bij",
                "balance": "Saldo na mutatie",
                "description": "Naam / Omschrijving",
            },
            "direction": ("Af", "Bij"),
            "id_from": ("Datum", "Naam / Omschrijving", "Af Bij", "Bedrag (EUR)"),
        },
        (("2025-12-30", "100", "Loon"), ("2025-12-31", "-12.34", "Albert")),
    ),
    Sample(
        "Dutch cooperative: numbers of its own, signs in front of all amounts",
        """\
        "IBAN/BBAN","Munt","Volgnr","Datum","Bedrag","Saldo na trn","Omschrijving-1"
        "NL44","EUR","000000000000000012","2025-12-30","+1234,56","+1234,56","Salaris"
        "NL44","EUR","000000000000000013","2025-12-31","-34,56","+1200,00","Huur"
        """,
        {
            "decimal_mark": ",",
            "columns": {
                "transaction_id": "Volgnr",
                "date": "Datum",
                "amount": "Bedrag",
                "currency": "Munt",
                "balance": "Saldo na trn",
                "description": "Omschrijving-1",
            },
        },
        (("2025-12-30", "1234.56", "Salaris"), ("2025-12-31", "-34.56", "Huur")),
    ),
    Sample(
        "Dutch: tabs, and no header",
        "541\tEUR\t20251230\t0,00\t20,00\t20251230\t20,00\tGift\n"
        "541\tEUR\t20251231\t20,00\t18,50\t20251231\t-1,50\tKoffie\n",
        {
            "header": False,
            "delimiter": "\t",
            "decimal_mark": ",",
            "date_format": "%Y%m%d",
            "columns": {
                "currency": "2",
                "date": "3",
                "balance": "5",
                "amount": "7",
                "description": "8",
            },
            "id_from": ("1", "3", "4", "7"),
        },
        (("2025-12-30", "20", "Gift"), ("2025-12-31", "-1.50", "Koffie")),
    ),
    Sample(
        "British: debits and credits in columns, a balance, the day first",
        """\
        Transaction Date,Type,Sort Code,Transaction Description,Debit Amount,Credit Amount,Balance
        05/12/2025,DEB,'30-00-00,CAFE,2.50,,97.50
        04/12/2025,FPI,'30-00-00,J SMITH,,100.00,100.00
        """,
        {
            "date_format": "%d/%m/%Y",
            "columns": {
                "date": "Transaction Date",
                "debit": "Debit Amount",
                "credit": "Credit Amount",
                "balance": "Balance",
                "description": "Transaction Description",
            },
            "id_from": ("Transaction Date", "Transaction Description", "Balance"),
        },
        (("2025-12-04", "100", "J SMITH"), ("2025-12-05", "-2.50", "CAFE")),
        "GBP",
    ),
    Sample(
        "British building society: names of months, pounds with their sign, Windows-1252",
        """\
        "Account Name:","FlexDirect ****12345"
        "Account Balance:","£1,190.01"

        "Date","Transaction type","Description","Paid out","Paid in","Balance"
        "30 Nov 2025","Transfer from","MR A","","£1,200.00","£1,200.00"
        "1 Dec 2025","Visa purchase","SHOP","£9.99","","£1,190.01"
        """,
        {
            "skip": 3,
            "group_mark": ",",
            "date_format": "%d %b %Y",
            "columns": {
                "date": "Date",
                "debit": "Paid out",
                "credit": "Paid in",
                "balance": "Balance",
                "description": "Description",
            },
            "id_from": ("Date", "Description", "Paid out", "Paid in", "Balance"),
        },
        (("2025-11-30", "1200", "MR A"), ("2025-12-01", "-9.99", "SHOP")),
        "GBP",
        "cp1252",
    ),
    Sample(
        "US bank: the month first, rows that end with a comma more than the header",
        """\
        Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #
        DEBIT,12/31/2025,"GROCERY, INC",-54.20,ACH_DEBIT,945.80,,
        CREDIT,12/13/2025,PAYROLL,1000.00,ACH_CREDIT,1000.00,,
        """,
        {
            "date_format": "%m/%d/%Y",
            "columns": {
                "date": "Posting Date",
                "amount": "Amount",
                "balance": "Balance",
                "description": "Description",
            },
            "id_from": ("Posting Date", "Description", "Amount", "Balance"),
        },
        (("2025-12-13", "1000", "PAYROLL"), ("2025-12-31", "-54.20", "GROCERY, INC")),
        "USD",
    ),
    Sample(
        "US credit union: no header, brackets for amounts below zero, dollars with their sign",
        """\
        "12/01/2025","$1,100.00","*","Deposit"
        "12/02/2025","($99.95)","*","Phone"
        "12/03/2025","( 1.50 )","*","Fee"
        """,
        {
            "header": False,
            "group_mark": ",",
            "minus": ("brackets",),
            "date_format": "%m/%d/%Y",
            "columns": {"date": "1", "amount": "2", "description": "4"},
            "id_from": ("1", "2", "4"),
        },
        (
            ("2025-12-01", "1100", "Deposit"),
            ("2025-12-02", "-99.95", "Phone"),
            ("2025-12-03", "-1.5", "Fee"),
        ),
        "USD",
    ),
    Sample(
        "US card: one column, whose charges are above zero",
        """\
        Date,Description,Amount
        12/01/2025,PAYMENT,-75.00
        12/02/2025,BOOKS,25.50
        """,
        {
            "date_format": "%m/%d/%Y",
            "columns": {"date": "Date", "debit": "Amount", "description": "Description"},
            "id_from": ("Date", "Description", "Amount"),
        },
        (("2025-12-01", "75", "PAYMENT"), ("2025-12-02", "-25.50", "BOOKS")),
        "USD",
    ),
    Sample(
        "Swiss: apostrophes between thousands, title lines, semicolons at the end, a note below",
        """\
        Konto:;CH93 0076 2011 6238 5295 7;
        Saldo:;CHF 3'456.80;

        Buchungsdatum;Avisierungstext;Gutschrift in CHF;Lastschrift in CHF;Saldo in CHF;
        03.12.2025;Einkauf;;43.20;3'456.80;
        02.12.2025;Lohn;3'500.00;;3'500.00;

        Disclaimer:
        Kein Beleg.
        """,
        {
            "skip": 3,
            "skip_end": 2,
            "delimiter": ";",
            "group_mark": "'",
            "date_format": "%d.%m.%Y",
            "columns": {
                "date": "Buchungsdatum",
                "debit": "Lastschrift in CHF",
                "credit": "Gutschrift in CHF",
                "balance": "Saldo in CHF",
                "description": "Avisierungstext",
            },
            "id_from": ("Buchungsdatum", "Avisierungstext", "Saldo in CHF"),
        },
        (("2025-12-02", "3500", "Lohn"), ("2025-12-03", "-43.20", "Einkauf")),
        "CHF",
    ),
    Sample(
        "French: narrow spaces between thousands, texts over several lines, no UTF-8",
        """\
        Téléchargement du 31/12/2025;

        Date;Libellé;Débit euros;Crédit euros;
        31/12/2025;"PRELEVEMENT
        ELECTRICITE   Décembre
        ";61,30;;
        30/12/2025;"VIREMENT EN VOTRE FAVEUR";;1\u00a0961,30;
        """,
        {
            "skip": 2,
            "delimiter": ";",
            "line_breaks": True,
            "decimal_mark": ",",
            "group_mark": " ",
            "date_format": "%d/%m/%Y",
            "columns": {
                "date": "Date",
                "debit": "Débit euros",
                "credit": "Crédit euros",
                "description": "Libellé",
            },
            "id_from": ("Date", "Libellé", "Débit euros", "Crédit euros"),
        },
        (
            ("2025-12-30", "1961.30", "VIREMENT EN VOTRE FAVEUR"),
            ("2025-12-31", "-61.30", "PRELEVEMENT ELECTRICITE Décembre"),
        ),
        encoding="iso-8859-1",
    ),
    Sample(
        "Swedish: a minus of typographers, spaces, dates of ISO",
        """\
        Bokföringsdatum;Rubrik;Belopp;Saldo;Valuta
        2025-12-31;Hyra;\u22129 050,00;950,00;SEK
        2025-12-30;Lön;10 000,00;10 000,00;SEK
        """,
        {
            "delimiter": ";",
            "decimal_mark": ",",
            "group_mark": " ",
            "minus": ("unicode",),
            "columns": {
                "date": "Bokföringsdatum",
                "amount": "Belopp",
                "balance": "Saldo",
                "currency": "Valuta",
                "description": "Rubrik",
            },
            "id_from": ("Bokföringsdatum", "Rubrik", "Belopp", "Saldo"),
        },
        (("2025-12-30", "10000", "Lön"), ("2025-12-31", "-9050", "Hyra")),
        "SEK",
    ),
    Sample(
        "Austrian, from an accounting system: signs behind the amounts, UTF-16",
        """\
        Datum;Text;Betrag
        30.12.2025;Rechnung 7;1.000,00+
        31.12.2025;Porto;  4,95-
        """,
        {
            "delimiter": ";",
            "decimal_mark": ",",
            "group_mark": ".",
            "minus": ("trailing",),
            "date_format": "%d.%m.%Y",
            "columns": {"date": "Datum", "amount": "Betrag", "description": "Text"},
            "id_from": ("Datum", "Text", "Betrag"),
        },
        (("2025-12-30", "1000", "Rechnung 7"), ("2025-12-31", "-4.95", "Porto")),
        encoding="utf-16",
    ),
    Sample(
        "A payment application: times of a day without their zone",
        """\
        Type,Completed Date,Description,Amount,Currency
        TOPUP,2025-07-01 01:30:05,Top-up,50,EUR
        CARD_PAYMENT,2025-12-31 23:59:59,Taxi,-12.5,EUR
        """,
        {
            "date_format": "%Y-%m-%d %H:%M:%S",
            "time_zone": "Europe/Berlin",
            "columns": {
                "date": "Completed Date",
                "amount": "Amount",
                "description": "Description",
                "currency": "Currency",
            },
            "id_from": ("Type", "Completed Date", "Description", "Amount"),
        },
        (("2025-06-30T23:30:05", "50", "Top-up"), ("2025-12-31T22:59:59", "-12.50", "Taxi")),
    ),
]


def written(sample: Sample, path: Path) -> Path:
    file = path / "bank.csv"
    file.write_bytes(dedent(sample.text).encode(sample.encoding))
    return file


def booked(bank: Bank) -> list[tuple[datetime, Money, str | None]]:
    return [
        (line.booked_at, line.amount, line.transaction.command.description)
        for line in bank.statement("giro").lines
    ]


def expected(sample: Sample) -> list[tuple[datetime, Money, str | None]]:
    return [
        (datetime.fromisoformat(at).replace(tzinfo=UTC), Money(amount, sample.currency), text)
        for at, amount, text in sample.rows
    ]


def as_words(settings: Mapping[str, Any]) -> list[str]:
    """
    The settings as options of the command line.
    """
    words = []
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words.append(option if value else f"--no-{name}")
        elif isinstance(value, Mapping):
            for field, column in value.items():
                words += [option, f'"{field}={column}"']
        elif isinstance(value, tuple) and name == "minus":
            words += [word for form in value for word in (option, form)]
        elif isinstance(value, tuple):
            words += [option, ",".join(value)]
        else:
            words += [option, {"\t": "tab"}.get(value, str(value))]
    return words


by_style = pytest.mark.parametrize("sample", SAMPLES, ids=[each.style for each in SAMPLES])


@by_style
def test_a_bank_s_file_comes_out_to_the_cent(sample: Sample, tmp_path: Path) -> None:
    """Each row is booked once, however often the file is imported, and the books are right."""
    store = MemoryStore()
    bank = Bank(store)

    def imported() -> ImportReport:
        with opened(str(written(sample, tmp_path)), sample.encoding) as file:
            return import_history(
                bank,
                file,
                currency=sample.currency,
                account_id="giro",
                sort=True,
                **sample.settings,
            )

    first, second = imported(), imported()

    assert (first.invalid.first, first.refused.first, first.mismatched.first) == ((), (), ())
    assert (len(sample.rows), 0) == (first.rows, first.replayed)
    assert (len(sample.rows), True) == (second.replayed, second.is_clean)
    assert expected(sample) == booked(bank)
    assert verify(store).is_clean


@by_style
def test_the_command_line_has_the_same_settings(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the function takes as arguments, `bankcore import` takes as options."""
    monkeypatch.chdir(tmp_path)
    written(sample, tmp_path)
    call = f"import bank.csv --store bank.db --currency {sample.currency} --account giro --sort"

    status = main([*call.split(), "--encoding", sample.encoding, *as_words(sample.settings)])

    assert status == 0
    with SQLiteStore("bank.db") as store:
        assert expected(sample) == booked(Bank(store))


@pytest.mark.parametrize(
    ("date_format", "text", "expected"),
    [
        ("%d.%m.%y", "01.02.68", "2068-02-01T00:00:00+00:00"),
        ("%d.%m.%y", "1.2.69", "1969-02-01T00:00:00+00:00"),
        ("%b %d, %Y", "sep 5, 2025", "2025-09-05T00:00:00+00:00"),
        ("%Y%m%d", " 20250905 ", "2025-09-05T00:00:00+00:00"),
        (
            "%Y-%m-%dT%H:%M:%S.%f%z",
            "2025-09-05T1:02:03.5-0330",
            "2025-09-05T04:32:03.500000+00:00",
        ),
        ("%d/%m/%Y %H:%M%z", "05/09/2025 01:02Z", "2025-09-05T01:02:00+00:00"),
        ("%d/%m/%Y %H:%M%z", "05/09/2025 01:02+14:00", "2025-09-04T11:02:00+00:00"),
    ],
)
def test_dates_are_read_as_their_format_says(date_format: str, text: str, expected: str) -> None:
    """A date is read by the format alone, in English and ASCII, and kept in UTC."""
    read = date_reader(date_format, None)

    assert expected == read(text).isoformat()


def test_a_date_is_its_midnight_in_the_time_zone() -> None:
    """Where a zone is given, a day begins there."""
    read = date_reader("%Y-%m-%d", "Europe/Berlin")

    assert datetime(2025, 12, 30, 23, tzinfo=UTC) == read("2025-12-31")


def test_a_time_that_no_time_has_is_no_date() -> None:
    """What would be before the year 1 in UTC is told like any other text that is no date."""
    with pytest.raises(InvalidTimeError, match="date must be in the years 1 to 9999 in UTC"):
        date_reader("%Y-%m-%d", "Asia/Tokyo")("0001-01-01")


# -- Ids of files without ids ------------------------------------------------

RIDES = "date,amount,text\n2025-12-01,-2,bus\n2025-12-01,-2,bus\n2025-12-02,-2,bus\n"


def rides(bank: Bank, text: str = RIDES, account: str = "giro", **settings: Any) -> ImportReport:
    settings = {"id_from": ("date", "text"), "columns": {"description": "text"}, **settings}
    return import_history(
        bank,
        text.splitlines(keepends=True),
        currency="EUR",
        account_id=account,
        initial_balance=Money("100", "EUR"),
        **settings,
    )


def test_equal_rides_are_two_and_the_file_again_books_nothing() -> None:
    """An id is made of columns and their repetition, so that rows are told apart for ever."""
    bank = Bank(MemoryStore())

    first, again = rides(bank), rides(bank)

    assert (3, 0, Money("94", "EUR")) == (first.rows, first.replayed, first.closing_sum)
    assert (3, 3, Money("94", "EUR")) == (again.rows, again.replayed, again.closing_sum)


def test_a_later_file_that_overlaps_books_what_is_new() -> None:
    """The rows of a day keep their ids in whichever file they come, in whichever order."""
    bank = Bank(MemoryStore())
    rides(bank)
    later = "text,date,amount\nbus,2025-12-02,-2\nbus,2025-12-03,-2\nbus,2025-12-02,-2\n"

    report = rides(bank, later, id_from=("text", "date"), sort=True)

    assert (3, 1, Money("90", "EUR")) == (report.rows, report.replayed, report.closing_sum)


def test_a_file_with_other_spaces_is_the_same() -> None:
    """White space is no part of an id, and none of what is recorded under it."""
    bank = Bank(MemoryStore())
    rides(bank, RIDES.replace("bus", " bus  7"))

    report = rides(bank, RIDES.replace("bus", "bus 7 "))

    assert (3, 3, True) == (report.rows, report.replayed, report.is_clean)


def test_the_same_rows_of_another_account_are_others() -> None:
    """The account is part of an id: two customers take the same bus."""
    bank = Bank(MemoryStore())

    assert [0, 0] == [rides(bank, account=each).replayed for each in ("giro", "other")]


def test_alike_rows_without_a_date_are_told() -> None:
    """Rows are counted within a day alone, as another file may begin with another one."""
    report = rides(Bank(MemoryStore()), id_from="text")

    sentence = "id_from must have the column of the date too, where rows are alike, got 'bus'."
    assert ((3, sentence), (4, sentence)) == report.invalid.first


def test_rows_are_counted_anew_when_a_long_file_is_read_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that does not stay in memory gives the same ids the second time."""
    monkeypatch.setattr(_movements, "ROWS_KEPT", 1)

    report = rides(Bank(MemoryStore()))

    assert (0, Money("94", "EUR")) == (report.replayed, report.closing_sum)


def test_an_account_is_opened_with_what_it_had() -> None:
    """A file need not begin with the account; its first balance is then the caller's to say."""
    bank = Bank(MemoryStore())
    text = "date,amount,text,balance\n2025-12-01,-2,bus,98\n"

    report = rides(bank, text)

    assert report.is_clean
    assert bank.account("giro").balance == Money("98", "EUR")


@pytest.mark.parametrize(
    ("given", "account_id", "sentence"),
    [
        (Money("1", "EUR"), None, "must be for one account, whose id is given, got EUR 1.00."),
        (Money("-1", "EUR"), "giro", "must not be negative, got EUR -1.00."),
        (Money("1", "USD"), "giro", "must be in EUR, got USD."),
        ("1", "giro", "must be a Money, got '1'."),
    ],
)
def test_a_first_balance_is_of_one_account(
    given: Any, account_id: str | None, sentence: str
) -> None:
    """With several accounts in a file, nobody knows whose first balance it is."""
    with pytest.raises(InvalidRequestError) as told:
        import_history(
            Bank(MemoryStore()), [], currency="EUR", account_id=account_id, initial_balance=given
        )

    assert f"initial_balance {sentence}" == str(told.value)


# -- On the command line -----------------------------------------------------


def test_options_name_what_is_wrong_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error names the option, as the caller typed it."""
    monkeypatch.chdir(tmp_path)
    Path("h.csv").write_text("date,amount\n", "utf-8")
    call = "import h.csv --store bank.db --currency EUR --account giro"
    wrong = [
        ("--columns amount", "--columns must be like date=Buchungstag,amount=Betrag"),
        ("--columns amount=A,amount=B", "each field once, got 'amount=B'."),
        ("--columns betrag=amount", f"--columns must be for fields among {FIELDS[0]}, "),
        ("--encoding klingon", "--encoding must be an encoding that Python knows"),
        ("--delimiter ;;", "--delimiter must be one character"),
        ("--group-mark .", "--group-mark must not be the same as"),
        ("--direction Af,Bij", "--direction must be two words"),
        ("--skip -1", "--skip must be a number of lines, from 0, got -1."),
        ("--account -", "--account must be 1 to 64 characters"),
        ("--balance five", "--balance must be written like"),
        ("--time-zone UTC", "--time-zone must be given with a format of dates alone"),
    ]
    for words, sentence in wrong:
        assert main([*call.split(), *words.split()]) == 2
        assert sentence in capsys.readouterr().err
    for option in ("--columns", "--direction", "--id-from"):
        assert main([*call.split(), option, "date=A\rB"]) == 2
        assert f"{option} must be on one line" in capsys.readouterr().err

    assert [Path("h.csv")] == list(Path().iterdir())


def test_an_account_is_imported_with_its_first_balance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--balance` is what the account had; a tab may be written as the shell has it."""
    monkeypatch.chdir(tmp_path)
    Path("h.csv").write_text("date\tamount\n2025-12-01\t-2\n", "utf-8")
    call = "import h.csv --store bank.db --currency EUR --account giro --balance 10 --id-from date"

    assert main([*call.split(), "--delimiter", r"\t"]) == 0
    with SQLiteStore("bank.db") as store:
        assert Money("8", "EUR") == Bank(store).account("giro").balance


# -- What a setting may not be -----------------------------------------------

WRONG_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"delimiter": ""}, "delimiter must be one character, and no quote or space, got ''."),
    ({"delimiter": ";;"}, "delimiter must be one character, and no quote or space, got ';;'."),
    ({"delimiter": '"'}, "delimiter must be one character, and no quote or space, got '\"'."),
    ({"delimiter": "\n"}, "delimiter must be one character, and no quote or space, got '\\n'."),
    ({"delimiter": 5}, "delimiter must be one character, and no quote or space, got 5."),
    ({"decimal_mark": "1"}, "decimal_mark must be one character that is not a letter"),
    ({"decimal_mark": None}, "decimal_mark must be one character that is not a letter"),
    ({"group_mark": "-"}, "group_mark must be one character that is not a letter"),
    ({"group_mark": "."}, "group_mark must not be the same as decimal_mark, got '.'."),
    ({"minus": "floating"}, "minus must be among unicode, trailing, brackets, debits, got"),
    ({"minus": ["debits"]}, "minus must be for a file with a column of debits and one of"),
    ({"minus": 5}, "minus must be text, or a list of texts, got 5."),
    ({"date_format": "%d.%m."}, "date_format must have the day, month and year once"),
    ({"date_format": "%d.%m.%Y %Y"}, "date_format must have the day, month and year once"),
    ({"date_format": "%d.%m.%b.%Y"}, "date_format must have the day, month and year once"),
    ({"date_format": "%d.%m.%Y %H"}, "date_format must have the day, month and year once"),
    ({"date_format": "%d.%m.%Y %z"}, "date_format must have the day, month and year once"),
    ({"date_format": "%x"}, "its parts are %d, %m, %b, %Y, %y, %H, %M, %S, %f, %z, got '%x'."),
    ({"date_format": 5}, "date_format must have the day, month and year once"),
    ({"time_zone": "UTC"}, "time_zone must be given with a format of dates alone, got 'UTC'."),
    (
        {"date_format": "%d.%m.%Y %H:%M"},
        "time_zone must be given for times of a day, such as 'UTC' or 'Europe/Berlin', got None.",
    ),
    (
        {"date_format": "%d.%m.%Y %H:%M%z", "time_zone": "UTC"},
        "time_zone must not be given where the dates have their own (%z), got 'UTC'.",
    ),
    *(
        (
            {"date_format": "%d.%m.%Y", "time_zone": zone},
            "time_zone must be a time zone that this machine knows, such as 'Europe/Berlin', got",
        )
        for zone in ("Europe/Nowhere", "../etc/passwd", "", "a\0b", 5)
    ),
    ({"columns": {"betrag": "amount"}}, "columns must be for fields among transaction_id,"),
    ({"columns": {"amount": ""}}, "columns must be text, or a list of texts, got ''."),
    ({"columns": "amount=Betrag"}, "columns must be a mapping of fields to columns, got"),
    (
        {"columns": {"amount": "A", "debit": "B"}},
        "columns must not name a column of what other settings say, got 'amount'.",
    ),
    (
        {"columns": {"account_id": "A"}},
        "columns must not name a column of what other settings say, got 'account_id'.",
    ),
    (
        {"columns": {"transaction_id": "A"}, "id_from": ["B"]},
        "columns must not name a column of what other settings say, got 'transaction_id'.",
    ),
    *(
        ({"direction": words, "columns": columns}, "direction must be two words, of a debit and")
        for words, columns in (
            (("Af",), {"direction": "A"}),
            (("Af", "Af"), {"direction": "A"}),
            (("Af", "Bij", "Of"), {"direction": "A"}),
            ((), {"direction": "A"}),
            (("Af", "Bij"), {}),
            (("Af", "Bij"), {"direction": "A", "debit": "B", "credit": "C"}),
        )
    ),
    ({"id_from": [""]}, "id_from must be text, or a list of texts, got ''."),
    ({"skip": -1}, "skip must be a number of lines, from 0, got -1."),
    ({"skip_end": True}, "skip_end must be a number of lines, from 0, got True."),
    ({"account_id": "no account"}, "account_id must be 1 to 64 characters"),
]


@pytest.mark.parametrize(("settings", "sentence"), WRONG_SETTINGS)
def test_a_wrong_setting_is_told_before_the_file_is_read(
    settings: dict[str, Any], sentence: str
) -> None:
    """What is wrong or says two things is an error that names the argument; nothing is read."""
    file = map(pytest.fail, ["it was read"])
    with pytest.raises(InvalidRequestError) as told:
        import_history(
            Bank(MemoryStore()), file, currency="EUR", **{"account_id": "giro", **settings}
        )

    assert sentence in str(told.value)
    assert str(told.value).startswith(f"{told.value.field} ")


@pytest.mark.parametrize("name", ["klingon", "zlib", "a\0b", "undefined", "", 5])
def test_an_encoding_that_python_does_not_know_is_told(name: Any, tmp_path: Path) -> None:
    """A file is opened in an encoding of text, by its name."""
    path = tmp_path / "h.csv"
    path.touch()

    with pytest.raises(InvalidFormatError, match="encoding must be an encoding that Python knows"):
        opened(str(path), name).__enter__()


def test_a_byte_that_the_encoding_does_not_have_is_told(tmp_path: Path) -> None:
    """Windows-1252 has no character for some bytes: the error names line, encoding and byte."""
    path = tmp_path / "h.csv"
    path.write_bytes(b"transaction_id,date,amount\nt1,2025-12-01,5\nt2,2025-12-01,\x81\n")

    with pytest.raises(InvalidHistoryError) as told, opened(str(path), "windows-1252") as file:
        import_history(Bank(MemoryStore()), file, currency="EUR", account_id="giro")

    reason = "line 3 is not CP1252 (byte 0x81), but perhaps in another encoding"
    assert told.value.reason == f"{path}: {reason}"


# -- What a row may not be ---------------------------------------------------


def report_of(text: str, **settings: Any) -> ImportReport:
    settings = {"account_id": "giro", "currency": "EUR", **settings}
    return import_history(Bank(MemoryStore()), text.splitlines(keepends=True), **settings)


GERMAN: dict[str, Any] = {
    "delimiter": ";",
    "decimal_mark": ",",
    "group_mark": ".",
    "date_format": "%d.%m.%Y",
    "columns": {"date": "Tag", "amount": "Betrag"},
    "id_from": ("Tag", "Betrag"),
}
SIDES: dict[str, Any] = {
    "columns": {"debit": "Out", "credit": "In"},
    "id_from": ("date", "Out", "In"),
}
WAYS: dict[str, Any] = {
    "columns": {"direction": "D/C"},
    "direction": ("D", "C"),
    "id_from": ("date", "amount", "D/C"),
}


@pytest.mark.parametrize(
    ("settings", "header", "row", "sentence"),
    [
        (
            GERMAN,
            "Tag;Betrag",
            "31.12.2025;1,234.56",
            (
                "amount (Betrag) must be an amount like '1.234,50', with or without EUR in front"
                " or behind, got '1,234.56'."
            ),
        ),
        (GERMAN, "Tag;Betrag", "31.12.2025;12.34", "amount (Betrag) must have groups of three"),
        (GERMAN, "Tag;Betrag", "31.12.2025;12,345", "amount (Betrag) must not have more decimals"),
        (GERMAN, "Tag;Betrag", "31.12.2025;\u22125,00", "got '−5,00'."),
        (GERMAN, "Tag;Betrag", "31.12.2025;(5,00)", "got '(5,00)'."),
        (GERMAN, "Tag;Betrag", "31.12.2025;5,00-", "got '5,00-'."),
        (GERMAN, "Tag;Betrag", "31.12.2025;0,00", "amount (Betrag) must be above zero, got EUR"),
        (GERMAN, "Tag;Betrag", "31.12.2025;$ 5,00", "amount (Betrag) must be an amount like"),
        (GERMAN, "Tag;Betrag", "31.12.2025;USD 5,00", "amount (Betrag) must be in EUR, got USD."),
        *(
            (
                GERMAN | {"minus": ("unicode", "brackets", "trailing")},
                "Tag;Betrag",
                f"31.12.2025;{text}",
                "amount (Betrag) must be an amount like",
            )
            for text in ("(-5,00)", "-5,00-", "(5,00)-", "(5,00", "5,00)", "()", "-", "\u2212")
        ),
        (
            GERMAN,
            "Tag;Betrag",
            "12/31/2025;5,00",
            "date must be a date like '31.12.2025' (%d.%m.%Y), got '12/31/2025'.",
        ),
        (GERMAN, "Tag;Betrag", "12.31.2025;5,00", "date must be a date like '31.12.2025'"),
        (GERMAN, "Tag;Betrag", "31.12.25;5,00", "date must be a date like '31.12.2025'"),
        (GERMAN, "Tag;Betrag", "30.02.2025;5,00", "date must be a date like '31.12.2025'"),
        (GERMAN, "Tag;Betrag", "31.12.2025 ;5,00;x", "the row has 3 cells, and the first row has"),
        (GERMAN, "Tag;Betrag", "31.12.2025", "the row has 1 cells, and the first row has 2."),
        (
            GERMAN | {"date_format": "%d%m%Y"},
            "Tag;Betrag",
            "1122025;5,00",
            "date must be a date like '31122025' (%d%m%Y), got '1122025'.",
        ),
        (
            GERMAN | {"date_format": "%d.%b.%y %H:%M:%S.%f%z"},
            "Tag;Betrag",
            "\u0663\u0661.Dec.25 00:00:00.0Z;5,00",
            "must be a date like '31.Dec.25 23:59:59.000+01:00' (%d.%b.%y %H:%M:%S.%f%z), got",
        ),
        (
            GERMAN | {"date_format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Berlin"},
            "Tag;Betrag",
            "26.10.2025 02:30;5,00",
            "date must be one instant, and the clocks of Europe/Berlin are changed then, got",
        ),
        (
            SIDES,
            "date,Out,In",
            "2025-12-01,5,6",
            "credit (In) must be empty beside debit (Out), got '6'.",
        ),
        (
            SIDES,
            "date,Out,In",
            "2025-12-01,,0.00",
            "debit (Out) or credit (In) must be above zero, got EUR 0.00.",
        ),
        (
            SIDES,
            "date,Out,In",
            "2025-12-01,-5,",
            "debit (Out) must not be below zero, unless 'debits' are a form of minus, got '-5'.",
        ),
        (
            SIDES | {"minus": "debits"},
            "date,Out,In",
            "2025-12-01,5,",
            "debit (Out) must be below zero, as 'debits' are a form of minus, got '5'.",
        ),
        (
            SIDES | {"minus": "debits"},
            "date,Out,In",
            "2025-12-01,,-5",
            "credit (In) must not be below zero",
        ),
        (
            WAYS,
            "date,amount,D/C",
            "2025-12-01,5,X",
            "direction (D/C) must be 'D' or 'C', got 'X'.",
        ),
        (
            WAYS,
            "date,amount,D/C",
            "2025-12-01,-5,D",
            "amount must not be below zero, beside direction (D/C), got EUR -5.00.",
        ),
        (
            {"id_from": "date"},
            "date,amount,currency",
            "2025-12-01,5,USD",
            "currency must be in EUR, got 'USD'.",
        ),
        (
            {"id_from": "date", "columns": {"balance": "Saldo"}},
            "date,amount,Saldo",
            "2025-12-01,5,five",
            "balance (Saldo) must be an amount like",
        ),
    ],
)
def test_a_row_that_does_not_fit_the_settings_is_told(
    settings: dict[str, Any], header: str, row: str, sentence: str
) -> None:
    """A cell is what the settings say, or an error with its line and column; nothing is booked."""
    report = report_of(f"{header}\n{row}\n", **settings)

    ((line, what),) = report.invalid.first
    assert (1, 2, False) == (report.rows, line, report.is_booked)
    assert sentence in what


@pytest.mark.parametrize(
    ("settings", "text", "reason"),
    [
        (
            GERMAN,
            "Tag,Betrag\n31.12.2025,5\n",
            "line 1 has no column Tag, Betrag among 'Tag,Betrag'",
        ),
        (GERMAN, "Tag;Betrag;Betrag\n", "line 1 has two columns Betrag"),
        (GERMAN | {"skip": 3}, "Tag;Betrag\n", "line 4 has no column Tag, Betrag"),
        (
            {"header": False, "columns": {"date": "1", "amount": "3"}, "id_from": "1"},
            "2025-12-01,5\n",
            "line 1 has no column 3 among '1, 2'",
        ),
        (
            {"columns": {"balance": "Saldo"}, "id_from": "date"},
            "date,amount\n",
            "line 1 has no column Saldo among 'date, amount'",
        ),
        (
            {"id_from": "nr", "skip": 2},
            'Title\n"\ndate,amount,nr\n2025-12-01,5,"x\n',
            "line 4: a quote opens there and does not close on that line",
        ),
        (
            {"id_from": "date", "line_breaks": True},
            'date,amount\n"2025-\n12-01",5\n"2025-12-01,5\n',
            "line 4: a quote opens there",
        ),
    ],
)
def test_a_file_without_the_columns_is_told(
    settings: dict[str, Any], text: str, reason: str
) -> None:
    """A column that a setting names and the file lacks is told with the line of the header."""
    with pytest.raises(InvalidHistoryError) as told:
        report_of(text, **settings)

    assert told.value.reason.startswith(reason)
