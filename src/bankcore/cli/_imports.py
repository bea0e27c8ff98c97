"""
Sub-commands on files: `import`, `export` and `import-journal`.

Decided here: which option fills which argument of an import, and what is printed of its report.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import attrs

from bankcore.accounts._fields import require_not_negative
from bankcore.bank import Bank
from bankcore.cli._checks import counts, counts_document
from bankcore.cli._parser import (
    CURRENCY,
    EXIT_REFUSED,
    STORE,
    STORE_PATH,
    Argument,
    add,
    argument,
    currency_of,
    whole_number,
)
from bankcore.cli._store import make, open_store, opened_or_made
from bankcore.cli._terminal import print_facts, progress, show
from bankcore.io import (
    FIELDS,
    MINUS_FORMS,
    ImportReport,
    Problems,
    export_journal,
    import_history,
    import_journal,
    opened,
)
from bankcore.ledger._errors import InvalidHistoryError
from bankcore.money import Money
from bankcore.money._errors import InvalidFormatError
from bankcore.values._errors import naming, shown

_ENCODING: Final = argument("--encoding", "default: utf-8", default="utf-8")
# How the file is written: each fills the argument of `import_history` that has its name.
_LAYOUT: Final[tuple[Argument, ...]] = (
    argument("--account", "the account of all rows, if the file has none", "account_id"),
    argument(
        "--delimiter",
        "what separates the cells, such as ';' or tab (default: ,)",
        default=",",
        metavar="CHARACTER",
    ),
    argument("--decimal-mark", "default: .", default=".", metavar="CHARACTER"),
    argument("--group-mark", "what separates thousands (default: nothing)", metavar="CHARACTER"),
    argument(
        "--date-format",
        "such as %%d.%%m.%%Y (default: YYYY-MM-DD, or an instant with its zone)",
        metavar="FORMAT",
    ),
    argument("--time-zone", "of dates that have none, such as Europe/Berlin", metavar="ZONE"),
    argument(
        "--columns",
        f"the file's names of the columns; FIELD is among {', '.join(FIELDS)}",
        action="append",
        default=[],
        metavar="FIELD=COLUMN,...",
    ),
    argument(
        "--direction",
        "the words of a debit and of a credit, in the column direction",
        default="",
        metavar="DEBIT,CREDIT",
    ),
    argument(
        "--id-from",
        "make an id of these columns, and of their repetition",
        default="",
        metavar="COLUMN,...",
    ),
    argument(
        "--minus",
        f"how amounts below zero are written besides -5, among {', '.join(MINUS_FORMS)}; may be"
        " given several times",
        action="append",
        default=[],
        choices=MINUS_FORMS,
        metavar="FORM",
    ),
    argument(
        "--no-header",
        "the columns have no names: call them 1, 2, ...",
        "header",
        action="store_false",
    ),
    argument(
        "--skip",
        "how many lines there are before the header (default: 0)",
        type=whole_number,
        default=0,
        metavar="N",
    ),
    argument(
        "--skip-end",
        "how many lines there are behind the last row (default: 0)",
        type=whole_number,
        default=0,
        metavar="N",
    ),
    argument("--line-breaks", "let a cell in quotes go over several lines", action="store_true"),
)


def add_commands(commands: Any) -> None:  # noqa: ANN401  # as in `add`
    add(
        commands,
        "import",
        _import,
        "Book the movements of a CSV file: transaction_id,account_id,date,amount and"
        " optionally balance,description.",
        argument("history", "history.csv, .csv.gz or .csv.xz", metavar="FILE"),
        STORE,
        *CURRENCY,
        *_LAYOUT,
        _ENCODING,
        argument(
            "--balance",
            "what the account has before its first row (default: 0)",
            "initial_balance",
        ),
        argument("--overdraft", "the limit of the accounts it opens (default: 0)", default="0"),
        argument("--sort", "book the oldest row first", action="store_true"),
        argument(
            "--dry-run", "book nothing, and say what would become of it", action="store_true"
        ),
    )
    add(commands, "export", _export, "Print the whole journal as JSON lines.", STORE_PATH)
    add(
        commands,
        "import-journal",
        _import_journal,
        "Make a bank from an exported journal.",
        argument(
            "journal", "what bankcore export printed; - for the standard input", metavar="FILE"
        ),
        STORE,
    )


def _import(parsed: argparse.Namespace) -> int:
    currency = currency_of(parsed)
    limit = naming("overdraft", Money, parsed.overdraft, currency)
    require_not_negative(limit, "overdraft")
    balance = None
    if parsed.initial_balance is not None:
        balance = naming("initial_balance", Money, parsed.initial_balance, currency)
    started = time.perf_counter()
    try:
        with (
            opened(parsed.history, parsed.encoding) as file,
            opened_or_made(parsed.store) as store,
            progress("rows") as on_progress,
        ):
            report = import_history(
                Bank(store),
                file,
                currency=currency,
                initial_balance=balance,
                overdraft_limit=limit,
                **_layout(parsed),
                sort=parsed.sort,
                dry_run=parsed.dry_run,
                on_read=on_progress.set_total,
                on_progress=on_progress,
            )
    except InvalidHistoryError as error:
        error.settings = tuple(parsed.names[each] for each in error.settings)
        raise
    seconds = time.perf_counter() - started
    if report.is_clean and report.is_booked:
        make(parsed.store)
    document = {
        **attrs.asdict(report, recurse=False),
        **{name: _problems_document(found) for name, found in _problems(report).items()},
        "is_clean": report.is_clean,
        "seconds": round(seconds, 2),
    }
    show(parsed, document, _print_report, report, seconds, parsed.dry_run)
    return 0 if report.is_clean else EXIT_REFUSED


def _problems(report: ImportReport) -> dict[str, Problems]:
    names = ("refused", "invalid", "unsorted", "mismatched")
    return {name: getattr(report, name) for name in names}


def _problems_document(found: Problems) -> dict[str, Any]:
    first = [{"line": line, "what": what} for line, what in found.first]
    return {"count": found.count, "first": first}


def _print_report(report: ImportReport, seconds: float, is_dry_run: bool) -> None:  # noqa: FBT001  # handed on
    if report.ignored_columns:
        # Whoever wrote the file shall not write on the terminal.
        names = (each if each.isprintable() else repr(each) for each in report.ignored_columns)
        print(f"columns ignored: {', '.join(names)}")
    told = {"unsorted": "out of order", "mismatched": "balances that differ"}
    problems = {told.get(name, name): found for name, found in _problems(report).items()}
    for kind, found in problems.items():
        if found:
            print(f"{kind}: {found.count:,}")
        for line, what in found.first:
            print(f"  line {line}: {what}")
        if found.count > len(found.first):
            print(f"  ... and {found.count - len(found.first):,} more")
    for sentence in _notes(report, is_dry_run=is_dry_run):
        print(sentence)
    print_facts(
        ("rows", f"{report.rows:,}"),
        ("accounts", f"{report.accounts:,}"),
        *((kind, f"{found.count:,}") for kind, found in problems.items()),
        ("replayed", f"{report.replayed:,}"),
        ("closing sum", str(report.closing_sum)),
        ("seconds", f"{seconds:.2f}"),
        ("rows per second", f"{report.rows / seconds:,.0f}"),
    )


def _layout(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments that say how the file is written."""
    layout = {each.field: getattr(parsed, each.field) for each in _LAYOUT}
    layout["delimiter"] = {"tab": "\t", "\\t": "\t"}.get(parsed.delimiter, parsed.delimiter)
    layout["columns"] = _columns(_cells("columns", *parsed.columns))
    layout["direction"] = _cells("direction", parsed.direction)
    layout["id_from"] = _cells("id_from", parsed.id_from)
    return layout


def _cells(field: str, *texts: str) -> list[str]:
    """Return what is between the commas; a cell in quotes may have some."""
    try:
        return [cell for cells in csv.reader(texts) for cell in cells]
    except csv.Error:
        reason = "must be on one line, with commas between its parts"
        raise InvalidFormatError(shown(", ".join(texts)), reason).about(field) from None


def _columns(pairs: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in pairs:
        field, sign, column = pair.partition("=")
        if not sign or field in columns:
            reason = "must be like date=Buchungstag,amount=Betrag, each field once"
            raise InvalidFormatError(shown(pair), reason).about("columns")
        columns[field] = column
    return columns


def _notes(report: ImportReport, *, is_dry_run: bool) -> Iterator[str]:
    """Yield what to know of the import as a whole, and what to do next."""
    if is_dry_run:
        yield "This was a dry run: nothing was booked."
    elif not report.is_booked:
        yield "Nothing was booked: put the rows right, and import the file again."
    elif report.rows and report.replayed == report.rows:
        yield "Every row had been imported before; nothing changed."
    if report.refused and report.is_booked:
        yield "What was refused stays refused in this store: try a new one, with --dry-run first."
    if report.refused:
        yield "To have an account begin with more than nothing, give --balance or --overdraft."
    if report.invalid:
        yield "Dates and amounts in another form need --date-format, --decimal-mark or others."
    if report.unsorted:
        yield "To have the oldest row booked first, whatever the order of the file, give --sort."


def _export(parsed: argparse.Namespace) -> None:
    with open_store(parsed.store) as store:
        sys.stdout.writelines(export_journal(store))


def _import_journal(parsed: argparse.Namespace) -> None:
    is_input = parsed.journal == "-"
    path = 0 if is_input else parsed.journal
    # Bytes that are not ASCII must reach the import, which reports the line they are in.
    with (
        open(path, encoding="ascii", errors="surrogateescape", closefd=not is_input) as file,
        opened_or_made(parsed.store) as store,
    ):
        report = import_journal(store, file)
    make(parsed.store)
    show(parsed, counts_document(report), print, f"{counts(report)} imported")
