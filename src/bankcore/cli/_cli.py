"""
The command line: ``bankcore``, a bank in one SQLite file.

Decided here: how words and files become calls of the library, and how answers become
lines. An error is one sentence on the error stream; the exit status is 2 for a wrong
call, 1 for a refusal, a failed check or a store that fails, and 0 otherwise. Nothing
about money is decided here. `rich` makes progress and tables nicer where it is
installed, and is not needed.
"""

import argparse
import errno
import gc
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final, NoReturn, TextIO

from bankcore import simulation
from bankcore.access import SCOPES, Principal, Role, StandardPolicy, Tokens
from bankcore.accounts import Account, Restriction
from bankcore.bank import Bank
from bankcore.io import _journal as journal
from bankcore.io import _movements as history
from bankcore.ledger import (
    STATEMENT_COLUMNS,
    AuditReport,
    Checkpoint,
    Statement,
    StoreDescription,
    Transaction,
    statement_as_csv,
    statement_cells,
    verify,
)
from bankcore.money import Money
from bankcore.stores import SQLiteStore, SQLiteWALWarning
from bankcore.values._errors import BankError, InvalidRequestError
from bankcore.values._instants import instant_from_text

EXIT_REFUSED: Final = 1
EXIT_WRONG_CALL: Final = 2
# What a shell gives a program that Ctrl-C ended.
_EXIT_INTERRUPTED: Final = 130

# No checkpoint is as long, in characters.
_CHECKPOINT_LENGTH_MAX: Final = 1000
_PORT_MAX: Final = 65_535

# Between two updates of a line of progress, in seconds.
_PROGRESS_EVERY: Final = 0.1


# What every command takes besides its own words.
_Options = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line with *arguments* (the process's own by default); the exit status.
    """
    parsed = _parser().parse_args(arguments)
    try:
        _require_output()
        with warnings.catch_warnings():
            # Whoever types a command cannot act on it each time; `verify` says it.
            warnings.simplefilter("ignore", SQLiteWALWarning)
            status: int = parsed.run(parsed)
        sys.stdout.flush()
    except BankError as error:
        print(f"bankcore: {error}", file=sys.stderr)
        return EXIT_WRONG_CALL if isinstance(error, InvalidRequestError) else EXIT_REFUSED
    except BrokenPipeError:
        # The reader of our output has gone, as in `bankcore accounts | head`. Whatever is
        # still to be flushed at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_REFUSED
    except (OSError, UnicodeEncodeError) as error:
        print(f"bankcore: {_trouble_of(error)}.", file=sys.stderr)
        return EXIT_WRONG_CALL
    except KeyboardInterrupt:
        print("bankcore: interrupted; what was acknowledged stays.", file=sys.stderr)
        return _EXIT_INTERRUPTED
    return status


def _require_output() -> None:
    """
    Passes where the caller has left the standard output open: what is done must not go untold.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, "there is no standard output")


def _trouble_of(error: OSError | UnicodeEncodeError) -> str:
    if isinstance(error, UnicodeEncodeError):
        return f"the output cannot be written in {error.encoding}; set PYTHONIOENCODING=utf-8"
    # A stream that fails has no name.
    where = "" if error.filename is None else f"{error.filename}: "
    return f"{where}{error.strerror}"


class _Parser(argparse.ArgumentParser):
    """
    A parser whose errors are one sentence.
    """

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message} (see {self.prog} --help).", file=sys.stderr)
        sys.exit(EXIT_WRONG_CALL)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="bankcore", description="A bank in one SQLite file.")
    parser.add_argument("--version", action="version", version=f"bankcore {version('bankcore')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_account_commands(commands)
    _add_verify(commands)
    _add_checkpoint(commands)
    _add_backup(commands)
    _add_import(commands)
    _add_journal(commands)
    _add_simulate(commands)
    _add_tokens(commands)
    _add_serve(commands)
    return parser


def _add(
    commands: Any,  # noqa: ANN401  # argparse gives its sub-parsers no public type
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _add_account_commands(commands: Any) -> None:  # noqa: ANN401  # as in _add
    opening = _add(commands, "open", _open, "Open an account.")
    opening.add_argument("account", help="the id of the account")
    opening.add_argument("--currency", required=True, help="its currency, such as EUR")
    opening.add_argument("--balance", default="0", help="its initial balance (default: 0)")
    opening.add_argument("--overdraft", default="0", help="its overdraft limit (default: 0)")
    _add_command_options(opening)
    for name, (call, text, words) in _CALLS.items():
        parser = _add(commands, name, _called, text)
        parser.set_defaults(call=call)
        for word in words:
            _WORDS[word](parser)
        _add_command_options(parser)
    listing = _add(commands, "accounts", _list_accounts, "List the accounts.")
    listing.add_argument("--store", required=True, metavar="PATH", help="the bank's file")
    holding = _add(commands, "holds", _list_holds, "List an account's open holds.")
    holding.add_argument("account", help="the id of the account")
    holding.add_argument("--store", required=True, metavar="PATH", help="the bank's file")
    statement = _add(commands, "statement", _print_statement, "Print an account's statement.")
    statement.add_argument("account", help="the id of the account")
    statement.add_argument("--store", required=True, metavar="PATH", help="the bank's file")
    for name, text in (("start", "the first day or instant"), ("end", "the first one after it")):
        statement.add_argument(f"--{name}", help=f"{text}: YYYY-MM-DD, or with time and zone")
    statement.add_argument(
        "--format", choices=sorted(_STATEMENT_FORMATS), default="table", help="default: table"
    )


def _add_command_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, metavar="PATH", help="the bank's file")
    parser.add_argument(
        "--id", metavar="ID", help="the transaction id; sent again, the command is booked once"
    )
    parser.add_argument("--description", metavar="TEXT", help="one line for people")


def _add_verify(commands: Any) -> None:  # noqa: ANN401  # as in _add
    parser = _add(commands, "verify", _verify, "Check a bank against its own journal.")
    parser.add_argument("store", metavar="PATH", help="the bank's file")
    parser.add_argument(
        "--against", metavar="FILE", help="a checkpoint that was taken of it before"
    )


def _add_checkpoint(commands: Any) -> None:  # noqa: ANN401  # as in _add
    parser = _add(
        commands, "checkpoint", _checkpoint, "Print what shows any later change of the past."
    )
    parser.add_argument("store", metavar="PATH", help="the bank's file")


def _add_backup(commands: Any) -> None:  # noqa: ANN401  # as in _add
    parser = _add(commands, "backup", _backup, "Copy a bank that may be in use.")
    parser.add_argument("store", metavar="PATH", help="the bank's file")
    parser.add_argument("copy", metavar="COPY", help="the file to make; there must be none yet")


def _add_import(commands: Any) -> None:  # noqa: ANN401  # as in _add
    parser = _add(
        commands,
        "import",
        _import,
        "Book the movements of a CSV file: transaction_id,account_id,date,amount and"
        " optionally balance,description.",
    )
    parser.add_argument("history", metavar="FILE", help="history.csv, .csv.gz or .csv.xz")
    parser.add_argument("--store", required=True, metavar="PATH", help="the bank's file")
    parser.add_argument("--currency", required=True, help="the currency of all amounts")
    parser.add_argument(
        "--overdraft", default="0", help="the limit of the accounts it opens (default: 0)"
    )


def _add_journal(commands: Any) -> None:  # noqa: ANN401  # as in _add
    parser = _add(commands, "export", _export, "Print the whole journal as JSON lines.")
    parser.add_argument("store", metavar="PATH", help="the bank's file")
    parser = _add(
        commands, "import-journal", _import_journal, "Make a bank from an exported journal."
    )
    parser.add_argument(
        "journal", metavar="FILE", help="what bankcore export printed; - for the standard input"
    )
    parser.add_argument("--store", required=True, metavar="PATH", help="the new bank's file")


def _add_simulate(commands: Any) -> None:  # noqa: ANN401  # as in _add
    parser = _add(commands, "simulate", _simulate, "Put a bank to work, and check the result.")
    workload = simulation.Workload()
    for name in ("accounts", "operations", "seed"):
        default = getattr(workload, name)
        parser.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"default: {default:,}"
        )
    parser.add_argument("--store", metavar="PATH", help="keep the bank in this file")
    parser.add_argument(
        "--receipts",
        metavar="FILE",
        help="append the id of each operation to FILE once its outcome is durable",
    )


def _add_tokens(commands: Any) -> None:  # noqa: ANN401  # as in _add
    text = "Issue, list and revoke tokens."
    parser = commands.add_parser("token", help=text, description=text)
    tokens = parser.add_subparsers(required=True, metavar="WHAT")
    creating = _add(tokens, "create", _create_token, "Issue a token, and print it once.")
    creating.add_argument("principal", help="the id of whom it stands for")
    for name, values in (("role", sorted(role.value for role in Role)), ("scope", sorted(SCOPES))):
        creating.add_argument(
            f"--{name}",
            action="append",
            default=[],
            choices=values,
            metavar=name.upper(),
            help=f"one of {', '.join(values)}; may be given several times",
        )
    creating.add_argument(
        "--until", metavar="WHEN", help="when it ends: YYYY-MM-DD, or with time and zone"
    )
    creating.add_argument("--description", metavar="TEXT", help="one line for people")
    listing = _add(tokens, "list", _list_tokens, "List the tokens, without their secrets.")
    revoking = _add(tokens, "revoke", _revoke_token, "Let a token be worth nothing.")
    revoking.add_argument("token", help="the id of the token, which is not its text")
    for each in (creating, listing, revoking):
        each.add_argument("--store", required=True, metavar="PATH", help="the bank's file")


# -- Accounts ----------------------------------------------------------------


def _open(parsed: argparse.Namespace) -> int:
    balance = Money(parsed.balance, parsed.currency)
    limit = Money(parsed.overdraft, parsed.currency)
    with SQLiteStore(parsed.store) as store:
        transaction = Bank(store).open_account(
            parsed.account,
            initial_balance=balance,
            overdraft_limit=limit,
            transaction_id=parsed.id,
            description=parsed.description,
        )
    return _print_receipt(transaction)


def _called(parsed: argparse.Namespace) -> int:
    """
    Run one of `_CALLS` on a bank that is there.
    """
    with SQLiteStore(parsed.store, create=False) as store:
        bank = Bank(store)
        options = {"transaction_id": parsed.id, "description": parsed.description}
        transaction = parsed.call(bank, parsed, options)
    return _print_receipt(transaction)


def _amount(bank: Bank, account: str, text: str) -> Money:
    # An amount on the command line is in the account's own currency.
    return Money(text, bank.account(account).balance.currency)


def _deposit(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    amount = _amount(bank, parsed.account, parsed.amount)
    return bank.deposit(parsed.account, amount, **options)


def _withdraw(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    amount = _amount(bank, parsed.account, parsed.amount)
    return bank.withdraw(parsed.account, amount, **options)


def _transfer(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    amount = _amount(bank, parsed.source, parsed.amount)
    return bank.transfer(parsed.source, parsed.destination, amount, **options)


def _hold(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    amount = _amount(bank, parsed.account, parsed.amount)
    return bank.place_hold(parsed.account, amount, expires_at=_instant(parsed.until), **options)


def _capture(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    text = parsed.amount_or_all
    amount = None if text is None else _amount(bank, parsed.account, text)
    return bank.capture_hold(
        parsed.account,
        parsed.hold,
        amount,
        final=not parsed.keep_rest,
        destination_id=parsed.to,
        **options,
    )


def _release(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    return bank.release_hold(parsed.account, parsed.hold, **options)


def _freeze(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    return bank.restrict(
        parsed.account,
        Restriction(parsed.stop),
        reason=parsed.reason,
        ends_at=_instant(parsed.until),
        **options,
    )


def _unfreeze(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    return bank.restrict(parsed.account, Restriction.NONE, **options)


def _limit(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    limit = _amount(bank, parsed.account, parsed.amount)
    return bank.set_overdraft_limit(parsed.account, limit, **options)


def _close(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    return bank.close_account(parsed.account, sweep_to=parsed.sweep_to, **options)


def _reverse(bank: Bank, parsed: argparse.Namespace, options: _Options) -> Transaction:
    return bank.reverse(parsed.transaction, **options)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else instant_from_text(text)


# The sub-commands that send one command to a bank that is there: what they call, what they are
# for, and the words they take, in order.
_CALLS: Final[
    dict[
        str,
        tuple[Callable[[Bank, argparse.Namespace, _Options], Transaction], str, tuple[str, ...]],
    ]
] = {
    "deposit": (_deposit, "Take money into an account.", ("account", "amount")),
    "withdraw": (_withdraw, "Take money out of an account.", ("account", "amount")),
    "transfer": (
        _transfer,
        "Move money between two accounts.",
        ("source", "destination", "amount"),
    ),
    "hold": (_hold, "Reserve money on an account.", ("account", "amount", "until")),
    "capture": (
        _capture,
        "Take money that is held.",
        ("account", "hold", "amount_or_all", "keep_rest", "to"),
    ),
    "release": (_release, "Free money that is held.", ("account", "hold")),
    "freeze": (
        _freeze,
        "Stop debits, credits or both on an account.",
        ("account", "reason", "stop", "until"),
    ),
    "unfreeze": (_unfreeze, "Lift what stops an account.", ("account",)),
    "limit": (_limit, "Set an account's overdraft limit.", ("account", "amount")),
    "close": (_close, "Close an account for ever.", ("account", "sweep_to")),
    "reverse": (_reverse, "Book the opposite of a transaction.", ("transaction",)),
}

_ACCOUNT_HELP: Final = "the id of the account"
_WORDS: Final[dict[str, Callable[[argparse.ArgumentParser], object]]] = {
    "account": lambda parser: parser.add_argument("account", help=_ACCOUNT_HELP),
    "source": lambda parser: parser.add_argument("source", help=_ACCOUNT_HELP),
    "destination": lambda parser: parser.add_argument("destination", help=_ACCOUNT_HELP),
    "transaction": lambda parser: parser.add_argument(
        "transaction", help="the id of the transaction"
    ),
    "hold": lambda parser: parser.add_argument(
        "hold", help="the id of the hold, which is that of the transaction that placed it"
    ),
    "amount": lambda parser: parser.add_argument(
        "amount", help="how much, in the account's currency, such as 12.34"
    ),
    "amount_or_all": lambda parser: parser.add_argument(
        "amount_or_all", metavar="amount", nargs="?", help="how much (default: all that is left)"
    ),
    "until": lambda parser: parser.add_argument(
        "--until", metavar="WHEN", help="when it ends: YYYY-MM-DD, or with time and zone"
    ),
    "keep_rest": lambda parser: parser.add_argument(
        "--keep-rest", action="store_true", help="keep the rest held, to capture more later"
    ),
    "to": lambda parser: parser.add_argument(
        "--to", metavar="ACCOUNT", help="the account it goes to (default: outside the bank)"
    ),
    "reason": lambda parser: parser.add_argument("--reason", required=True, help="why"),
    "stop": lambda parser: parser.add_argument(
        "--stop", choices=["debits", "credits", "all"], default="all", help="default: all"
    ),
    "sweep_to": lambda parser: parser.add_argument(
        "--sweep-to", metavar="ACCOUNT", help="the account that takes what is left"
    ),
}


def _print_receipt(transaction: Transaction) -> int:
    again = " (again)" if transaction.replayed else ""
    print(f"{transaction.id}{again}")
    for posting in transaction.postings:
        held = f", held {posting.held}" if posting.held else ""
        print(f"  {posting.account_id}: {posting.amount}, balance {posting.balance}{held}")
    return 0


def _list_accounts(parsed: argparse.Namespace) -> int:
    with SQLiteStore(parsed.store, create=False) as store:
        accounts = list(Bank(store).accounts())
    _print_table(
        ("account", "status", "balance", "held", "available", "overdraft limit"),
        [_account_row(account) for account in accounts],
    )
    return 0


def _account_row(account: Account) -> tuple[str, ...]:
    stopped = {"none": "", "all": ", frozen"}.get(
        account.restriction.value, f", {account.restriction.value} stopped"
    )
    amounts = (account.balance, account.held, account.available, account.overdraft_limit)
    return (str(account.id), f"{account.status.value}{stopped}", *map(str, amounts))


def _list_holds(parsed: argparse.Namespace) -> int:
    with SQLiteStore(parsed.store, create=False) as store:
        holds = Bank(store).holds(parsed.account)
    _print_table(
        ("hold", "left", "of", "until", "description"),
        [
            (
                str(hold.id),
                str(hold.left),
                str(hold.amount),
                "-" if hold.expires_at is None else hold.expires_at.isoformat(),
                hold.description or "",
            )
            for hold in holds
        ],
    )
    return 0


# -- Statements --------------------------------------------------------------


def _print_statement(parsed: argparse.Namespace) -> int:
    start, end = _instant(parsed.start), _instant(parsed.end)
    with SQLiteStore(parsed.store, create=False) as store:
        statement = Bank(store).statement(parsed.account, start=start, end=end)
    _STATEMENT_FORMATS[parsed.format](statement, sys.stdout)
    return 0


def _statement_as_table(statement: Statement, out: TextIO) -> None:
    print(f"Account {statement.account_id}", file=out)
    print(f"Opening balance {statement.opening_balance}", file=out)
    _print_table(STATEMENT_COLUMNS, list(map(statement_cells, statement.lines)))
    print(f"Closing balance {statement.closing_balance}", file=out)


def _statement_as_csv(statement: Statement, out: TextIO) -> None:
    out.writelines(statement_as_csv(statement))


def _statement_as_json(statement: Statement, out: TextIO) -> None:
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
    json.dump(document, out, indent=2, ensure_ascii=False)
    print(file=out)


_STATEMENT_FORMATS: Final[dict[str, Callable[[Statement, TextIO], None]]] = {
    "csv": _statement_as_csv,
    "json": _statement_as_json,
    "table": _statement_as_table,
}


# -- Checks, history, simulation ---------------------------------------------


def _verify(parsed: argparse.Namespace) -> int:
    against = None if parsed.against is None else _read_checkpoint(parsed.against)
    with SQLiteStore(parsed.store, create=False) as store:
        report = verify(store, against=against)
        for line in _audit_lines(report):
            print(line)
        for line in _description_lines(store.describe()):
            print(line)
    return 0 if report.is_clean else EXIT_REFUSED


def _read_checkpoint(path: str) -> Checkpoint:
    with open(path, encoding="utf-8", errors="replace") as file:
        # A longer file is none, however long it is.
        return Checkpoint.parse(file.read(_CHECKPOINT_LENGTH_MAX))


def _checkpoint(parsed: argparse.Namespace) -> int:
    with SQLiteStore(parsed.store, create=False) as store:
        print(Bank(store).checkpoint())
    return 0


def _description_lines(description: StoreDescription) -> Iterator[str]:
    settings = ", ".join(f"{name} {value}" for name, value in description.settings.items())
    yield f"{description.engine}, schema version {description.schema_version}"
    yield f"settings: {settings}"
    yield f"durability: {description.durability}"
    for sentence in description.warnings:
        yield f"note: {sentence}"


def _backup(parsed: argparse.Namespace) -> int:
    with SQLiteStore(parsed.store, create=False) as store:
        store.backup(parsed.copy)
    print(f"{parsed.store} was copied to {parsed.copy}")
    return 0


def _audit_lines(report: AuditReport) -> Iterator[str]:
    yield (
        f"{_counted(report.accounts, 'account')}, {_counted(report.transactions, 'transaction')}"
        f" and {_counted(report.refusals, 'refusal')} verified"
    )
    found = len(report.disagreements)
    yield _counted(found, "disagreement") if found else "no disagreements"
    for disagreement in report.disagreements:
        yield f"  {disagreement}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _import(parsed: argparse.Namespace) -> int:
    limit = Money(parsed.overdraft, parsed.currency)
    started = time.perf_counter()
    with (
        history.opened(parsed.history) as file,
        SQLiteStore(parsed.store) as store,
        _progress("rows") as on_progress,
        _without_garbage_collection(),
    ):
        report = history.import_history(
            Bank(store),
            file,
            currency=parsed.currency,
            overdraft_limit=limit,
            on_progress=on_progress,
        )
    seconds = time.perf_counter() - started
    if report.ignored_columns:
        print(f"columns ignored: {', '.join(report.ignored_columns)}")
    problems = {
        "refused": report.refused,
        "invalid": report.invalid,
        "balances that differ": report.mismatched,
    }
    for kind, found in problems.items():
        if found:
            print(f"{kind}: {found.count:,}")
        for line, what in found.first:
            print(f"  line {line}: {what}")
        if found.count > len(found.first):
            print(f"  … and {found.count - len(found.first):,} more")
    if report.rows and report.replayed == report.rows:
        print("Every row had been imported before; nothing changed.")
    _print_facts(
        ("rows", f"{report.rows:,}"),
        ("accounts", f"{report.accounts:,}"),
        *((kind, f"{found.count:,}") for kind, found in problems.items()),
        ("replayed", f"{report.replayed:,}"),
        ("closing sum", str(report.closing_sum)),
        ("seconds", f"{seconds:.2f}"),
        ("rows per second", f"{report.rows / seconds:,.0f}"),
    )
    return 0 if report.is_clean else EXIT_REFUSED


def _export(parsed: argparse.Namespace) -> int:
    with SQLiteStore(parsed.store, create=False) as store:
        sys.stdout.writelines(journal.export_journal(store))
    return 0


def _import_journal(parsed: argparse.Namespace) -> int:
    path = parsed.journal
    # Whatever bytes there are become characters, and those that are wrong are told by line.
    with (
        open(
            0 if path == "-" else path,
            encoding="ascii",
            errors="surrogateescape",
            closefd=path != "-",
        ) as file,
        SQLiteStore(parsed.store) as store,
        _without_garbage_collection(),
    ):
        report = journal.import_journal(store, file)
    print(
        f"{_counted(report.accounts, 'account')}, {_counted(report.transactions, 'transaction')}"
        f" and {_counted(report.refusals, 'refusal')} imported"
    )
    return 0


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    # An import makes a million small objects and no cycles of them: looking for cycles would
    # take a fifth of its time. This is the process of the command line and nobody else's.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _simulate(parsed: argparse.Namespace) -> int:
    workload = simulation.Workload(parsed.accounts, parsed.operations, parsed.seed)
    with ExitStack() as stack:
        path = parsed.store
        if path is None:
            path = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "bank.db")
        receipts = _receipts(stack, parsed.receipts)
        store = stack.enter_context(SQLiteStore(path))
        on_progress = stack.enter_context(_progress("operations", parsed.operations))
        started = time.perf_counter()
        report = simulation.run(
            store,
            workload,
            on_acknowledged=lambda transaction_id: receipts(str(transaction_id)),
            on_progress=on_progress,
        )
        seconds = time.perf_counter() - started
    where = "a temporary SQLite file" if parsed.store is None else path
    print(f"Seed {workload.seed}: {workload.accounts:,} accounts on {where}")
    _print_simulation(report, seconds)
    return 0 if report.is_clean else EXIT_REFUSED


def _receipts(stack: ExitStack, path: str | None) -> Callable[[str], object]:
    """
    What writes each line to the file at *path* at once, or nothing where there is none.
    """
    if path is None:
        return lambda _: None
    file = stack.enter_context(open(path, "a", encoding="ascii", buffering=1))
    return lambda line: file.write(f"{line}\n")


def _print_simulation(report: simulation.Report, seconds: float) -> None:
    tally = report.tally
    rows = [(kind, "booked", f"{count:,}") for kind, count in sorted(tally.booked.items())]
    rows += [
        (kind, f"refused: {code}", f"{count:,}")
        for (kind, code), count in sorted(tally.refused.items())
    ]
    _print_table(("operation", "outcome", "count"), rows)
    _print_facts(
        ("sent", f"{tally.sent:,}, of which {tally.retries:,} a second time"),
        ("replayed", f"{tally.replayed:,}"),
        ("seconds", f"{seconds:.2f}"),
        ("operations per second", f"{tally.sent / seconds:,.0f}, each durable by itself"),
        ("money in", str(tally.money_in)),
        ("money out", str(tally.money_out)),
        ("balances", str(report.balances)),
        (
            "money in = money out + balances",
            "yes, to the cent" if report.is_balanced else "NO",
        ),
        ("audit", "; ".join(_audit_lines(report.audit))),
    )


# -- Tokens ------------------------------------------------------------------


def _create_token(parsed: argparse.Namespace) -> int:
    principal = Principal(parsed.principal, parsed.role, parsed.scope)
    with SQLiteStore(parsed.store) as store:
        issued = Tokens(store).issue(
            principal, expires_at=_instant(parsed.until), description=parsed.description
        )
    print(issued.text)
    print(f"Keep it: token {issued.id} is not shown again.", file=sys.stderr)
    return 0


def _list_tokens(parsed: argparse.Namespace) -> int:
    with SQLiteStore(parsed.store, create=False) as store:
        tokens = list(Tokens(store).tokens())
    _print_table(
        ("token", "principal", "roles", "scopes", "created", "until", "revoked", "description"),
        [
            (
                token.id,
                str(token.principal.id),
                ",".join(sorted(role.value for role in token.principal.roles)) or "-",
                ",".join(sorted(token.principal.scopes)) or "-",
                token.created_at.isoformat(),
                "-" if token.expires_at is None else token.expires_at.isoformat(),
                "-" if token.revoked_at is None else token.revoked_at.isoformat(),
                token.description or "",
            )
            for token in tokens
        ],
    )
    return 0


def _revoke_token(parsed: argparse.Namespace) -> int:
    with SQLiteStore(parsed.store, create=False) as store:
        Tokens(store).revoke(parsed.token)
    print(f"Token {parsed.token} is revoked.")
    return 0


# -- Over HTTP ---------------------------------------------------------------


def _add_serve(commands: Any) -> None:  # noqa: ANN401  # as in _add
    parser = _add(
        commands,
        "serve",
        _serve,
        "Serve the bank over HTTP, to try it; for production see the docs.",
    )
    parser.add_argument("--store", required=True, metavar="PATH", help="the bank's file")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine")
    parser.add_argument(
        "--port", type=int, default=8000, help="default: 8000; 0 for any that is free"
    )
    parser.add_argument(
        "--teller-limit",
        action="append",
        default=[],
        metavar="MONEY",
        help="what tellers move at most each time, such as 'EUR 1000'; one for each currency"
        " (default: nothing)",
    )


def _serve(parsed: argparse.Namespace) -> int:
    try:
        from bankcore.flask import TokenAuthenticator, create_app
    except ImportError:
        print("bankcore: serving needs Flask: pip install 'bankcore[flask]'.", file=sys.stderr)
        return EXIT_WRONG_CALL
    from werkzeug.serving import make_server

    if not 0 <= parsed.port <= _PORT_MAX:
        print(f"bankcore: a port is a number from 0 to {_PORT_MAX:,}.", file=sys.stderr)
        return EXIT_WRONG_CALL
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # Its lines have the token in them where somebody put it into an address.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with ExitStack() as stack:
        store = stack.enter_context(SQLiteStore(parsed.store))
        try:
            listener = stack.enter_context(socket.create_server((parsed.host, parsed.port)))
        except OSError as error:
            where = f"{parsed.host}:{parsed.port}"
            print(f"bankcore: cannot listen at {where}: {error}.", file=sys.stderr)
            return EXIT_WRONG_CALL
        policy = StandardPolicy(teller_limit=map(Money.parse, parsed.teller_limit))
        app = create_app(
            Bank(store, policy=policy), authenticate=TokenAuthenticator(Tokens(store))
        )
        server = make_server(parsed.host, 0, app, threaded=True, fd=listener.fileno())
        print(f"Serving {parsed.store} at http://{parsed.host}:{server.port}/v1/docs", flush=True)
        print(
            f"A token: bankcore token create mary --role owner --store {parsed.store}", flush=True
        )
        # Whoever stops it, by Ctrl-C or as a service is stopped, finds all connections closed.
        signal.signal(signal.SIGTERM, _interrupted)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


# -- What a person sees ------------------------------------------------------


def _print_facts(*facts: tuple[str, str]) -> None:
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"{name:<{width}}  {value}")


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if sys.stdout.isatty() and _has_rich():
        _print_rich_table(columns, rows)
        return
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _has_rich() -> bool:
    return find_spec("rich") is not None


def _print_rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        # As text: a description may hold what rich would take for markup.
        table.add_row(*map(Text, row))
    Console().print(table)


@contextmanager
def _progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """
    What shows how many of *what* are done, if the error stream is a terminal.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    show = _rich_progress if _has_rich() else _plain_progress
    with show(what, total) as shown:
        last = 0.0

        def on_progress(done: int) -> None:
            nonlocal last
            now = time.perf_counter()
            if now - last >= _PROGRESS_EVERY:
                last = now
                shown(done)

        yield on_progress


@contextmanager
def _plain_progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    of = "" if total is None else f" of {total:,}"
    try:
        yield lambda done: print(f"\r{done:,}{of} {what}", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def _rich_progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
