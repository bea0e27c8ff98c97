"""
The entry point: from the process's arguments to an exit status.

Decided here: which families of sub-commands there are, and how errors end the process: with one
sentence, and a status that says whether the call was wrong (2) or the bank refused or failed (1).
"""

import errno
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from bankcore.cli import _accounts, _checks, _completion, _imports, _serve, _simulate, _tokens
from bankcore.cli._parser import (
    CLOCK_SKEW,
    EXIT_INTERRUPTED,
    EXIT_REFUSED,
    EXIT_WRONG_CALL,
    Parser,
    failed,
)
from bankcore.cli._store import without_password
from bankcore.cli._terminal import as_json
from bankcore.ledger._errors import ClockSkewError
from bankcore.values._errors import BankError, InvalidRequestError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with *arguments* (or the process's own); return the exit status."""
    parsed = make_parser().parsed(sys.argv[1:] if arguments is None else arguments)
    try:
        if sys.stdout is None:
            # Nobody would see what was done.
            raise OSError(errno.EBADF, "there is no standard output")  # noqa: TRY301  # told as any other
        status: int = parsed.run(parsed) or 0
        sys.stdout.flush()
    except BankError as error:
        status, told = EXIT_REFUSED, str(error)
        if isinstance(error, InvalidRequestError):
            status = EXIT_WRONG_CALL
            # Name the argument as the caller typed it, not the field that it fills.
            told = str(error.about(parsed.names.get(error.field, error.field)))
        elif isinstance(error, ClockSkewError):
            told = error.told_to_operators(f"give {CLOCK_SKEW.name} {error.seconds_ahead}")
        if parsed.json:
            document = as_json({**error.to_dict(), "detail": told})
            print(without_password(document), file=sys.stderr)
        else:
            failed(told, status)
        return status
    except BrokenPipeError:
        # The reader has gone, as in `bankcore accounts | head`: discard what is flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_REFUSED
    except UnicodeEncodeError as error:
        return failed(
            f"the output cannot be written in {error.encoding}; set PYTHONIOENCODING=utf-8."
        )
    except OSError as error:
        # An error of a stream names no file.
        where = "" if error.filename is None else f"{error.filename}: "
        return failed(f"{where}{error.strerror}.")
    except KeyboardInterrupt:
        return failed("interrupted; what was acknowledged stays.", EXIT_INTERRUPTED)
    return status


def make_parser() -> Parser:
    parser = Parser(prog="bankcore", description="A bank in one SQLite file or on PostgreSQL.")
    parser.add_argument("--version", action="version", version=f"bankcore {version('bankcore')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for family in (_accounts, _checks, _imports, _simulate, _tokens, _serve, _completion):
        family.add_commands(commands)
    return parser
