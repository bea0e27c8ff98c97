"""Sub-commands on a whole bank: `verify`, `checkpoint` and `backup`."""

import argparse
from collections.abc import Iterator
from typing import Any, Final

from bankcore.bank import Bank
from bankcore.cli._parser import EXIT_REFUSED, STORE_PATH, add, argument, file_name
from bankcore.cli._store import open_store
from bankcore.cli._terminal import show
from bankcore.io import JournalReport
from bankcore.ledger import AuditReport, Checkpoint, StoreDescription, verify
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
    file = argument("store", "the bank's file", metavar="PATH", type=file_name)
    copy = argument("copy", "the file to make; there must be none yet", metavar="COPY")
    add(commands, "backup", _backup, "Copy a bank that may be in use.", file, copy)


def _verify(parsed: argparse.Namespace) -> int:
    against = None
    if parsed.against is not None:
        with open(parsed.against, encoding="utf-8", errors="replace") as file:
            # A longer file is no checkpoint: do not read all of it to find out.
            against = naming("against", Checkpoint.parse, file.read(_CHECKPOINT_LENGTH_MAX))
    with open_store(parsed.store) as store:
        report = verify(store, against=against)
        description = store.describe()
    document = {
        **audit_document(report),
        "engine": description.engine,
        "schema_version": description.schema_version,
        "settings": dict(description.settings),
        "durability": description.durability,
        "warnings": description.warnings,
    }
    show(parsed, document, _print_audit, report, description)
    return 0 if report.is_clean else EXIT_REFUSED


def _print_audit(report: AuditReport, description: StoreDescription) -> None:
    for line in audit_lines(report):
        print(line)
    settings = ", ".join(f"{name} {value}" for name, value in description.settings.items())
    print(f"{description.engine}, schema version {description.schema_version}")
    print(f"settings: {settings}")
    print(f"durability: {description.durability}")
    for sentence in description.warnings:
        print(f"note: {sentence}")


def audit_document(report: AuditReport) -> dict[str, Any]:
    """Return what an audit verified and found, for JSON."""
    found = [{"where": each.where, "what": each.what} for each in report.disagreements]
    return {**counts_document(report), "disagreements": found}


def audit_lines(report: AuditReport) -> Iterator[str]:
    """Yield the lines that tell what an audit verified and found."""
    yield f"{counts(report)} verified"
    found = len(report.disagreements)
    yield _counted(found, "disagreement") if found else "no disagreements"
    for disagreement in report.disagreements:
        yield f"  {disagreement}"


def counts_document(report: AuditReport | JournalReport) -> dict[str, int]:
    return {
        "accounts": report.accounts,
        "transactions": report.transactions,
        "refusals": report.refusals,
    }


def counts(report: AuditReport | JournalReport) -> str:
    """Return how much of each kind *report* is about."""
    return (
        f"{_counted(report.accounts, 'account')}, {_counted(report.transactions, 'transaction')}"
        f" and {_counted(report.refusals, 'refusal')}"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _checkpoint(parsed: argparse.Namespace) -> None:
    with open_store(parsed.store) as store:
        text = str(Bank(store).checkpoint())
    show(parsed, {"checkpoint": text}, print, text)


def _backup(parsed: argparse.Namespace) -> None:
    with SQLiteStore(parsed.store, create=False) as store:
        store.backup(parsed.copy)
        told = f"{parsed.store} was copied to {parsed.copy}"
        show(parsed, {"store": parsed.store, "copy": parsed.copy}, print, told)
