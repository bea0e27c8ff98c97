"""
The parser, and what all families of sub-commands share.

Decided here: the exit statuses; a wrong call is answered in one sentence that names the argument.
"""

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, NoReturn

from bankcore.bank._bank import MAX_CLOCK_SKEW
from bankcore.values._errors import shown
from bankcore.values._instants import instant_from_text

EXIT_REFUSED: Final = 1
EXIT_WRONG_CALL: Final = 2
# The status that a shell gives a program that Ctrl-C ended.
EXIT_INTERRUPTED: Final = 130


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message} (see {self.prog} --help).", file=sys.stderr)
        sys.exit(EXIT_WRONG_CALL)


class Argument(NamedTuple):
    """An argument: its name, the *field* that it fills, and settings of argparse."""

    name: str
    field: str
    settings: Mapping[str, Any]


def argument(name: str, text: str, field: str | None = None, **settings: Any) -> Argument:  # noqa: ANN401  # whatever argparse takes
    bare = name.lstrip("-")
    if not {"action", "choices", "metavar"} & settings.keys():
        settings["metavar"] = bare if name == bare else bare.upper()
    return Argument(name, field or bare.replace("-", "_"), {"help": text, **settings})


def when(name: str, text: str, field: str | None = None) -> Argument:
    """Return the argument of an instant; *text* says which."""
    return argument(name, f"{text}: YYYY-MM-DD, or with time and zone", field, metavar="WHEN")


def seconds(text: str) -> timedelta:
    """Return the time that *text* says, in whole seconds."""
    if re.fullmatch("[0-9]{1,12}", text):
        return timedelta(seconds=int(text))
    raise argparse.ArgumentTypeError(f"must be a whole number of seconds, got {shown(text)}")


CLOCK_SKEW: Final = argument(
    "--max-clock-skew",
    "how far ahead of the clock an account's last posting may be"
    f" (default: {MAX_CLOCK_SKEW.seconds})",
    type=seconds,
    default=MAX_CLOCK_SKEW,
    metavar="SECONDS",
)
STORE: Final = argument("--store", "the bank's file", metavar="PATH", required=True)
STORE_PATH: Final = argument("store", "the bank's file", metavar="PATH")
DESCRIPTION: Final = argument("--description", "one line for people", metavar="TEXT")


def add(
    commands: Any,  # noqa: ANN401  # argparse gives its sub-parsers no public type
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    text: str,
    *arguments: Argument,
) -> argparse.ArgumentParser:
    """Add the sub-command *name*; *run* returns its exit status, or None for 0."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run, names={each.field: each.name for each in arguments})
    for each in arguments:
        if each.name.startswith("-"):
            parser.add_argument(each.name, dest=each.field, **each.settings)
        else:
            parser.add_argument(dest=each.field, **each.settings)
    return parser


def instant(field: str, text: str | None) -> datetime | None:
    return None if text is None else instant_from_text(text, field)


def failed(sentence: object, status: int = EXIT_WRONG_CALL) -> int:
    """Tell why the call failed, in one sentence on the error stream, and return *status*."""
    print(f"bankcore: {sentence}", file=sys.stderr)
    return status
