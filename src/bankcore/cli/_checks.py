"""Sub-commands on a whole bank: `verify`, `checkpoint`, `backup`, and the imports and exports."""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from bankcore.accounts._fields import require_not_negative
from bankcore.bank import Bank
from bankcore.cli._parser import (
    CURRENCY,
    EXIT_REFUSED,
    STORE,
    STORE_PATH,
    add,
    argument,
    currency_of,
    file_name,
)
from bankcore.cli._store import make, opened_or_made
from bankcore.cli._terminal import print_facts, progress
from bankcore.io import (
    ImportReport,
    JournalReport,
    export_journal,
    import_history,
    import_journal,
    opened,
)
from bankcore.ledger import AuditReport, Checkpoint, verify
from bankcore.money import Money
from bankcore.stores import SQLiteStore
from bankcore.values._errors import naming

# No checkpoint is longer, in characters.
_CHECKPOINT_LENGTH_MAX: Final = 1000


def add_commands(commands: Any) -> None:  # noqa: ANN401  # as in `add`
    add(
        commands,
        "verify",
        _verify,
        "Check a bank against its own journal.",
        STORE_PATH,
        argument("--against", "a checkpoint that was taken of it before", metavar="FILE"),
    )
    text = "Print what shows any later change of the past."
    add(commands, "checkpoint", _checkpoint, text, STORE_PATH)
    copy = argument("copy", "the file to make; there must be none yet", metavar="COPY")
    add(commands, "backup", _backup, "Copy a bank that may be in use.", STORE_PATH, copy)
    add(
        commands,
        "import",
        _import,
        "Book the movements of a CSV file: transaction_id,account_id,date,amount and"
        " optionally balance,description.",
        argument("history", "history.csv, .csv.gz or .csv.xz", metavar="FILE"),
        STORE,
        *CURRENCY,
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
        argument("--store", "the new bank's file", required=True, metavar="PATH", type=file_name),
    )


def _verify(parsed: argparse.Namespace) -> int:
    against = None
    if parsed.against is not None:
        with open(parsed.against, encoding="utf-8", errors="replace") as file:
            # A longer file is no checkpoint: do not read all of it to find out.
            against = naming("against", Checkpoint.parse, file.read(_CHECKPOINT_LENGTH_MAX))
    with SQLiteStore(parsed.store, create=False) as store:
        report = verify(store, against=against)
        description = store.describe()
    for line in audit_lines(report):
        print(line)
    settings = ", ".join(f"{name} {value}" for name, value in description.settings.items())
    print(f"{description.engine}, schema version {description.schema_version}")
    print(f"settings: {settings}")
    print(f"durability: {description.durability}")
    for sentence in description.warnings:
        print(f"note: {sentence}")
    return 0 if report.is_clean else EXIT_REFUSED


def audit_lines(report: AuditReport) -> Iterator[str]:
    """Yield the lines that tell what an audit verified and found."""
    yield f"{_counts(report)} verified"
    found = len(report.disagreements)
    yield _counted(found, "disagreement") if found else "no disagreements"
    for disagreement in report.disagreements:
        yield f"  {disagreement}"


def _counts(report: AuditReport | JournalReport) -> str:
    return (
        f"{_counted(report.accounts, 'account')}, {_counted(report.transactions, 'transaction')}"
        f" and {_counted(report.refusals, 'refusal')}"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _checkpoint(parsed: argparse.Namespace) -> None:
    with SQLiteStore(parsed.store, create=False) as store:
        print(Bank(store).checkpoint())


def _backup(parsed: argparse.Namespace) -> None:
    with SQLiteStore(parsed.store, create=False) as store:
        store.backup(parsed.copy)
        print(f"{parsed.store} was copied to {parsed.copy}")


def _import(parsed: argparse.Namespace) -> int:
    currency = currency_of(parsed)
    limit = naming("overdraft", Money, parsed.overdraft, currency)
    require_not_negative(limit, "overdraft")
    started = time.perf_counter()
    with (
        opened(parsed.history) as file,
        opened_or_made(parsed.store) as store,
        progress("rows") as on_progress,
    ):
        report = import_history(
            Bank(store),
            file,
            currency=currency,
            overdraft_limit=limit,
            sort=parsed.sort,
            dry_run=parsed.dry_run,
            on_progress=on_progress,
        )
    seconds = time.perf_counter() - started
    if report.is_clean and report.is_booked:
        make(parsed.store)
    if report.ignored_columns:
        print(f"columns ignored: {', '.join(report.ignored_columns)}")
    problems = {
        "refused": report.refused,
        "invalid": report.invalid,
        "out of order": report.unsorted,
        "balances that differ": report.mismatched,
    }
    for kind, found in problems.items():
        if found:
            print(f"{kind}: {found.count:,}")
        for line, what in found.first:
            print(f"  line {line}: {what}")
        if found.count > len(found.first):
            print(f"  … and {found.count - len(found.first):,} more")
    for sentence in _notes(report, is_dry_run=parsed.dry_run):
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
    return 0 if report.is_clean else EXIT_REFUSED


def _notes(report: ImportReport, *, is_dry_run: bool) -> Iterator[str]:
    """Yield what to know of the import as a whole, and what to do next."""
    if is_dry_run:
        yield "This was a dry run: nothing was booked."
    elif not report.is_booked:
        yield "Nothing was booked: put the rows right, and import the file again."
    elif report.rows and report.replayed == report.rows:
        yield "Every row had been imported before; nothing changed."
    if report.unsorted:
        yield "To have the oldest row booked first, whatever the order of the file, give --sort."


def _export(parsed: argparse.Namespace) -> None:
    with SQLiteStore(parsed.store, create=False) as store:
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
    print(f"{_counts(report)} imported")
