"""
Sub-commands on accounts: those that send one command to the bank, the lists and the statement.

Decided here: the arguments of each, and which field of the command each argument fills. An amount
is in the currency of the account that comes first.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bankcore.accounts import Account, Hold
from bankcore.accounts._account import status_text
from bankcore.bank import Bank
from bankcore.cli._parser import (
    CLOCK_SKEW,
    CURRENCY,
    DESCRIPTION,
    EXPONENT,
    METADATA,
    STORE,
    Argument,
    add,
    argument,
    currency_of,
    instant,
    metadata_of,
    when,
    whole_number,
)
from bankcore.cli._store import open_store, opened_or_made
from bankcore.cli._terminal import as_json, or_dash, print_table, show
from bankcore.ledger import (
    STATEMENT_COLUMNS,
    Statement,
    Transaction,
    statement_as_csv,
    statement_as_html,
    statement_cells,
)
from bankcore.ledger._find import amount_from_text
from bankcore.money import Currency, Money, MoneyBag
from bankcore.values._errors import naming

_ACCOUNT_HELP: Final = "the id of the account"
_AMOUNT_HELP: Final = "how much, in the account's currency, such as 12.34"
_ACCOUNT: Final = argument("account", _ACCOUNT_HELP, "account_id")
_SOURCE: Final = argument("source", _ACCOUNT_HELP, "source_id")
_DESTINATION: Final = argument("destination", _ACCOUNT_HELP, "destination_id")
_TRANSACTION: Final = argument("transaction", "the id of the transaction", "original_id")
_HOLD: Final = argument(
    "hold", "the id of the hold, which is that of the transaction that placed it", "hold_id"
)
_AMOUNT: Final = argument("amount", _AMOUNT_HELP)
_LIMIT: Final = argument("amount", _AMOUNT_HELP, "overdraft_limit")
_AMOUNT_OR_ALL: Final = argument("amount", "how much (default: all that is left)", nargs="?")
_EXPIRY: Final = when("--until", "when it ends", "expires_at")
_END: Final = when("--until", "when it ends", "ends_at")
_KEEP_REST: Final = argument(
    "--keep-rest", "keep the rest held, to capture more later", "final", action="store_false"
)
_TO_HELP: Final = "the account it goes to (default: outside the bank)"
_TO: Final = argument("--to", _TO_HELP, "destination_id", metavar="ACCOUNT")
_UP_TO: Final = argument(
    "--up-to", "take what is there where that is less than the amount", action="store_true"
)
_REASON: Final = argument("--reason", "why", required=True)
_STOPS: Final = ("debits", "credits", "all")
_STOP: Final = argument("--stop", "default: all", "restriction", choices=_STOPS, default="all")
_SWEEP_TO: Final = argument("--sweep-to", "the account that takes what is left", metavar="ACCOUNT")
_ID: Final = argument(
    "--id", "the transaction id; sent again, the command is booked once", "transaction_id"
)

# The fields of the bank, and not of a command.
_OF_BANK: Final = {STORE.field, CLOCK_SKEW.field}
# The fields that are read as `Money` and as instants; the bank reads all others.
_AMOUNTS: Final = {_AMOUNT.field, _LIMIT.field}
_INSTANTS: Final = {_EXPIRY.field, _END.field}

# Name, the kind of command that it sends, description, arguments.
_SUB_COMMANDS: Final[tuple[tuple[str, str, str, tuple[Argument, ...]], ...]] = (
    ("deposit", "deposit", "Take money into an account.", (_ACCOUNT, _AMOUNT)),
    ("withdraw", "withdraw", "Take money out of an account.", (_ACCOUNT, _AMOUNT, _UP_TO)),
    (
        "transfer",
        "transfer",
        "Move money between two accounts.",
        (_SOURCE, _DESTINATION, _AMOUNT, _UP_TO),
    ),
    ("hold", "place_hold", "Reserve money on an account.", (_ACCOUNT, _AMOUNT, _EXPIRY, _UP_TO)),
    (
        "capture",
        "capture_hold",
        "Take money that is held.",
        (_ACCOUNT, _HOLD, _AMOUNT_OR_ALL, _KEEP_REST, _TO, _UP_TO),
    ),
    ("release", "release_hold", "Free money that is held.", (_ACCOUNT, _HOLD)),
    (
        "freeze",
        "restrict",
        "Stop debits, credits or both on an account.",
        (_ACCOUNT, _REASON, _STOP, _END),
    ),
    ("unfreeze", "restrict", "Lift what stops an account.", (_ACCOUNT,)),
    ("limit", "set_overdraft_limit", "Set an account's overdraft limit.", (_ACCOUNT, _LIMIT)),
    ("close", "close_account", "Close an account for ever.", (_ACCOUNT, _SWEEP_TO)),
    (
        "reverse",
        "reverse",
        "Book the opposite of a transaction, or of a part of it.",
        (_TRANSACTION, _AMOUNT_OR_ALL),
    ),
)
_FIXED: Final = {"unfreeze": {"restriction": "none"}}


def add_commands(commands: Any) -> None:  # noqa: ANN401  # as in `add`
    add(
        commands,
        "open",
        _open,
        "Open an account.",
        _ACCOUNT,
        *CURRENCY,
        argument("--balance", "its initial balance (default: 0)", "initial_balance", default="0"),
        argument(
            "--overdraft", "its overdraft limit (default: 0)", "overdraft_limit", default="0"
        ),
        STORE,
        _ID,
        DESCRIPTION,
        METADATA,
    )
    for name, kind, text, arguments in _SUB_COMMANDS:
        common = (STORE, _ID, DESCRIPTION, METADATA, CLOCK_SKEW)
        parser = add(commands, name, _send, text, *arguments, *common)
        parser.set_defaults(kind=kind, fixed=_FIXED.get(name, {}))
    holder = argument("--holder", "those on which it has rights", metavar="PRINCIPAL")
    add(commands, "accounts", _list_accounts, "List the accounts.", STORE, METADATA, holder)
    add(
        commands,
        "transactions",
        _list_transactions,
        "Find transactions.",
        STORE,
        argument("--account", "those that touched it", "account_id"),
        when("--start", "the first day or instant"),
        when("--end", "the first one after it"),
        argument("--kind", "such as deposit; several", "kinds", action="append", metavar="KIND"),
        argument("--at-least", "moved so much or more, such as 'EUR 1000'", metavar="MONEY"),
        argument("--at-most", "moved so much or less", metavar="MONEY"),
        EXPONENT,
        METADATA,
        argument("--text", "with this text in the description"),
        argument("--newest-first", "the latest come first", action="store_true"),
        argument("--after", "those behind it, the last of a page", metavar="TRANSACTION"),
        argument("--limit", "at most so many (default: 100)", type=whole_number, default=100),
    )
    add(commands, "holds", _list_holds, "List an account's open holds.", _ACCOUNT, STORE)
    add(
        commands,
        "statement",
        _print_statement,
        "Print an account's statement.",
        _ACCOUNT,
        STORE,
        when("--start", "the first day or instant"),
        when("--end", "the first one after it"),
        argument("--month", "in place of both: YYYY-MM"),
        argument("--format", "default: table", choices=sorted(_FORMATS), default="table"),
    )


def _open(parsed: argparse.Namespace) -> None:
    currency = currency_of(parsed)
    balance = naming("initial_balance", Money, parsed.initial_balance, currency)
    limit = naming("overdraft_limit", Money, parsed.overdraft_limit, currency)
    with opened_or_made(parsed.store) as store:
        transaction = Bank(store).open_account(
            parsed.account_id,
            initial_balance=balance,
            overdraft_limit=limit,
            transaction_id=parsed.transaction_id,
            description=parsed.description,
            metadata=metadata_of(parsed.metadata),
        )
    show(parsed, transaction, _print_receipt, transaction)


def _send(parsed: argparse.Namespace) -> None:
    """Send the one command that the sub-command stands for."""
    fields = {field: getattr(parsed, field) for field in parsed.names if field not in _OF_BANK}
    with open_store(parsed.store) as store:
        bank = Bank(store, max_clock_skew=parsed.max_clock_skew)
        for field, text in fields.items():
            if field in _AMOUNTS and text is not None:
                fields[field] = naming(field, Money, text, _currency_for(bank, fields))
            elif field in _INSTANTS:
                fields[field] = instant(field, text)
            elif field == METADATA.field:
                fields[field] = metadata_of(text)
        transaction = getattr(bank, parsed.kind)(**fields, **parsed.fixed)
    show(parsed, transaction, _print_receipt, transaction)


def _currency_for(bank: Bank, fields: Mapping[str, Any]) -> Currency:
    """Return the currency of an amount: of the account that comes first, or of the original."""
    if _TRANSACTION.field in fields:
        return bank.transaction(fields[_TRANSACTION.field]).postings[0].amount.currency
    return bank.account(next(iter(fields.values()))).balance.currency


def _print_receipt(transaction: Transaction) -> None:
    print(f"{transaction.id}{' (again)' if transaction.replayed else ''}")
    for posting in transaction.postings:
        held = f", held {posting.held}" if posting.held else ""
        print(f"  {posting.account_id}: {posting.amount}, balance {posting.balance}{held}")


def _list_accounts(parsed: argparse.Namespace) -> None:
    metadata = metadata_of(parsed.metadata)
    with open_store(parsed.store) as store:
        accounts = list(Bank(store).accounts(metadata=metadata, holder=parsed.holder))
    show(parsed, accounts, _print_accounts, accounts)


def _print_accounts(accounts: Sequence[Account]) -> None:
    rows: list[tuple[object, ...]] = [
        (each.id, status_text(each), each.balance, each.held, each.available, each.overdraft_limit)
        for each in accounts
    ]
    if sys.stdout.isatty():
        # A program adds up by itself, and takes every line for an account.
        balances = MoneyBag(each.balance for each in accounts)
        held = MoneyBag(each.held for each in accounts)
        rows += [("", "total", each, held[each.currency], "", "") for each in balances]
    columns = ("account", "status", "balance", "held", "available", "overdraft limit")
    print_table(columns, rows)


def _list_transactions(parsed: argparse.Namespace) -> None:
    at_least, at_most = (
        None if text is None else naming(field, amount_from_text, text, parsed.exponent)
        for field, text in (("at_least", parsed.at_least), ("at_most", parsed.at_most))
    )
    with open_store(parsed.store) as store:
        found = Bank(store).transactions(
            account_id=parsed.account_id,
            start=instant("start", parsed.start),
            end=instant("end", parsed.end),
            kinds=parsed.kinds or (),
            at_least=at_least,
            at_most=at_most,
            metadata=metadata_of(parsed.metadata),
            text=parsed.text,
            newest_first=parsed.newest_first,
            after=parsed.after,
            limit=parsed.limit,
        )
    show(parsed, found, _print_transactions, found)


def _print_transactions(transactions: Sequence[Transaction]) -> None:
    rows = [
        (
            each.booked_at.isoformat(),
            each.id,
            each.command.kind,
            ", ".join(f"{posting.account_id} {posting.amount}" for posting in each.postings),
            each.command.description or "",
            " ".join(f"{key}={value}" for key, value in each.command.metadata.items()),
        )
        for each in transactions
    ]
    print_table(("booked at", "transaction", "kind", "amounts", "description", "metadata"), rows)


def _list_holds(parsed: argparse.Namespace) -> None:
    with open_store(parsed.store) as store:
        holds = Bank(store).holds(parsed.account_id)
    show(parsed, holds, _print_holds, holds)


def _print_holds(holds: Sequence[Hold]) -> None:
    rows = [
        (each.id, each.left, each.amount, or_dash(each.expires_at), each.description or "")
        for each in holds
    ]
    print_table(("hold", "left", "of", "until", "description"), rows)


def _print_statement(parsed: argparse.Namespace) -> None:
    start, end = instant("start", parsed.start), instant("end", parsed.end)
    with open_store(parsed.store) as store:
        statement = Bank(store).statement(
            parsed.account_id, start=start, end=end, month=parsed.month
        )
    _FORMATS["json" if parsed.json else parsed.format](statement)


def _print_as_table(statement: Statement) -> None:
    print(f"Account {statement.account_id}")
    print(f"Opening balance {statement.opening_balance}")
    rows = list(map(statement_cells, statement.lines))
    # Most applications have no metadata, and a terminal has no room for an empty column.
    width = len(STATEMENT_COLUMNS) - (not any(row[-1] for row in rows))
    print_table(STATEMENT_COLUMNS[:width], [row[:width] for row in rows])
    print(f"Closing balance {statement.closing_balance}")


def _print_as_csv(statement: Statement) -> None:
    sys.stdout.writelines(statement_as_csv(statement))


def _print_as_html(statement: Statement) -> None:
    # The page says that it is UTF-8, of which ASCII is a part, and the output may be anything.
    page = statement_as_html(statement).encode("ascii", "xmlcharrefreplace")
    print(page.decode("ascii"), end="")


def _print_as_json(statement: Statement) -> None:
    document = {
        "account_id": str(statement.account_id),
        "currency": statement.opening_balance.currency.code,
        "start": None if statement.start is None else statement.start.isoformat(),
        "end": None if statement.end is None else statement.end.isoformat(),
        "opening_balance": f"{statement.opening_balance:n}",
        "lines": [
            {
                **dict(zip(STATEMENT_COLUMNS, statement_cells(line), strict=True)),
                "metadata": dict(line.transaction.command.metadata),
            }
            for line in statement.lines
        ],
        "closing_balance": f"{statement.closing_balance:n}",
    }
    print(as_json(document))


_FORMATS: Final[dict[str, Callable[[Statement], None]]] = {
    "csv": _print_as_csv,
    "html": _print_as_html,
    "json": _print_as_json,
    "table": _print_as_table,
}
