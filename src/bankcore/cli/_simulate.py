"""The sub-command `simulate`: a seeded bank at work, and the report of what came of it."""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bankcore import simulation
from bankcore.cli._checks import audit_document, audit_lines
from bankcore.cli._parser import EXIT_REFUSED, STORE_HELP, add, argument, store_name, whole_number
from bankcore.cli._store import open_store, without_password
from bankcore.cli._terminal import print_facts, print_table, progress, show


def add_commands(commands: Any) -> None:  # noqa: ANN401  # as in `add`
    workload = simulation.Workload()
    sizes = {name: getattr(workload, name) for name in ("accounts", "operations", "seed")}
    add(
        commands,
        "simulate",
        _simulate,
        "Put a bank to work, and check the result.",
        *(
            argument(
                f"--{name}", f"default: {size:,}", type=whole_number, default=size, metavar="N"
            )
            for name, size in sizes.items()
        ),
        argument("--store", f"keep it: {STORE_HELP}", metavar="STORE", type=store_name),
        argument(
            "--receipts",
            "append the id of each operation to FILE once its outcome is durable",
            metavar="FILE",
        ),
    )


def _simulate(parsed: argparse.Namespace) -> int:
    workload = simulation.Workload(parsed.accounts, parsed.operations, parsed.seed)
    with ExitStack() as stack:
        path = parsed.store
        if path is None:
            path = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "bank.db")
        on_acknowledged = _receipts(stack, parsed.receipts)
        store = stack.enter_context(open_store(path, create=True))
        on_progress = stack.enter_context(progress("operations", parsed.operations))
        started = time.perf_counter()
        report = simulation.run(
            store, workload, on_acknowledged=on_acknowledged, on_progress=on_progress
        )
        seconds = time.perf_counter() - started
    where = "a temporary SQLite file" if parsed.store is None else without_password(path)
    show(parsed, _document(report, seconds), _print_report, workload, where, report, seconds)
    return 0 if report.is_clean else EXIT_REFUSED


def _receipts(stack: ExitStack, path: str | None) -> Callable[[object], object]:
    """Return a function that writes an id to the file at *path* at once, if there is a path."""
    if path is None:
        return lambda _: None
    file = stack.enter_context(open(path, "a", encoding="ascii", buffering=1))
    return lambda transaction_id: file.write(f"{transaction_id}\n")


def _document(report: simulation.Report, seconds: float) -> dict[str, Any]:
    tally = report.tally
    refused = [
        {"kind": kind, "code": code, "count": count}
        for (kind, code), count in sorted(tally.refused.items())
    ]
    return {
        "sent": tally.sent,
        "retries": tally.retries,
        "replayed": tally.replayed,
        "booked": dict(sorted(tally.booked.items())),
        "refused": refused,
        "money_in": tally.money_in,
        "money_out": tally.money_out,
        "balances": report.balances,
        "is_balanced": report.is_balanced,
        "audit": audit_document(report.audit),
        "seconds": round(seconds, 2),
    }


def _print_report(
    workload: simulation.Workload, where: str, report: simulation.Report, seconds: float
) -> None:
    print(f"Seed {workload.seed}: {workload.accounts:,} accounts on {where}")
    tally = report.tally
    rows = [(kind, "booked", f"{count:,}") for kind, count in sorted(tally.booked.items())]
    rows += [
        (kind, f"refused: {code}", f"{count:,}")
        for (kind, code), count in sorted(tally.refused.items())
    ]
    print_table(("operation", "outcome", "count"), rows)
    print_facts(
        ("sent", f"{tally.sent:,}, of which {tally.retries:,} a second time"),
        ("replayed", f"{tally.replayed:,}"),
        ("seconds", f"{seconds:.2f}"),
        ("operations per second", f"{tally.sent / seconds:,.0f}, each durable by itself"),
        ("money in", str(tally.money_in)),
        ("money out", str(tally.money_out)),
        ("balances", str(report.balances)),
        ("money in = money out + balances", "yes, to the cent" if report.is_balanced else "NO"),
        ("audit", "; ".join(audit_lines(report.audit))),
    )
