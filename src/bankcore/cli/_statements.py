"""
The sub-command `statement`: an account's statement as a table, CSV or JSON.
"""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any, Final

from bankcore.bank import Bank
from bankcore.cli._parser import STORE, add, argument, instant, when
from bankcore.cli._terminal import print_table
from bankcore.ledger import STATEMENT_COLUMNS, Statement, statement_as_csv, statement_cells
from bankcore.stores import SQLiteStore


def add_commands(commands: Any) -> None:  # noqa: ANN401  # as in `add`
    add(
        commands,
        "statement",
        _print_statement,
        "Print an account's statement.",
        argument("account", "the id of the account", "account_id"),
        STORE,
        when("--start", "the first day or instant"),
        when("--end", "the first one after it"),
        argument("--format", "default: table", choices=sorted(_FORMATS), default="table"),
    )


def _print_statement(parsed: argparse.Namespace) -> None:
    start, end = instant("start", parsed.start), instant("end", parsed.end)
    with SQLiteStore(parsed.store, create=False) as store:
        statement = Bank(store).statement(parsed.account_id, start=start, end=end)
    _FORMATS[parsed.format](statement)


def _print_as_table(statement: Statement) -> None:
    print(f"Account {statement.account_id}")
    print(f"Opening balance {statement.opening_balance}")
    print_table(STATEMENT_COLUMNS, map(statement_cells, statement.lines))
    print(f"Closing balance {statement.closing_balance}")


def _print_as_csv(statement: Statement) -> None:
    sys.stdout.writelines(statement_as_csv(statement))


def _print_as_json(statement: Statement) -> None:
    lines = [
        dict(zip(STATEMENT_COLUMNS, statement_cells(line), strict=True))
        for line in statement.lines
    ]
    document = {
        "account_id": str(statement.account_id),
        "currency": statement.opening_balance.currency.code,
        "start": None if statement.start is None else statement.start.isoformat(),
        "end": None if statement.end is None else statement.end.isoformat(),
        "opening_balance": f"{statement.opening_balance.amount:f}",
        "lines": lines,
        "closing_balance": f"{statement.closing_balance.amount:f}",
    }
    print(json.dumps(document, indent=2, ensure_ascii=False))


_FORMATS: Final[dict[str, Callable[[Statement], None]]] = {
    "csv": _print_as_csv,
    "json": _print_as_json,
    "table": _print_as_table,
}
