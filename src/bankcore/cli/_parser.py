"""
The parser, and what all families of sub-commands share.

Decided here: the exit statuses; a wrong call is answered in one sentence that names the argument
and can be followed on the command line.
"""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, NoReturn

from bankcore.bank._bank import MAX_CLOCK_SKEW
from bankcore.cli._store import is_file, require_store_name, without_password
from bankcore.money import Currency
from bankcore.money._errors import InvalidCurrencyError
from bankcore.values._errors import InvalidMetadataError, shown
from bankcore.values._instants import instant_from_text

EXIT_REFUSED: Final = 1
EXIT_WRONG_CALL: Final = 2
# The status that a shell gives a program that Ctrl-C ended.
EXIT_INTERRUPTED: Final = 130


#: The environment variable that names the store where no argument does.
STORE_VARIABLE: Final = "BANKCORE_STORE"
_LACKS_STORE: Final = re.compile("the following .* required: .*(--store|STORE|PATH)").match

# The options of the whole command line; all others belong to a sub-command.
_FIRST_OPTIONS: Final = ("-h", "--help", "--version")


class Parser(argparse.ArgumentParser):
    """
    A parser whose errors are one sentence.

    Three private names of argparse are used, as it has no public ones for this:
    `_negative_number_matcher`, `_actions` and `_check_value`. The tests of wrong calls fail if a
    version of Python has them no more.
    """

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401  # whatever argparse takes
        super().__init__(**settings)
        # An amount below zero, or one like -5,00, is an argument and not an option.
        self._negative_number_matcher = re.compile(r"-[\d.,]")

    def parsed(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the arguments that *words* say, or tell what is wrong and end the process."""
        first = words[0].partition("=")[0] if words else ""
        if first.startswith("-") and not any(each.startswith(first) for each in _FIRST_OPTIONS):
            self._put_behind(first, words)
        parsed, others = self.parse_known_args(words)
        if others:
            known = [name for name in parsed.names.values() if name.startswith("-")]
            parsed.parser.error(_too_many(others[0], known))
        return parsed

    def _put_behind(self, option: str, words: Sequence[str]) -> NoReturn:
        """Tell that *option* comes after the sub-command."""
        for index, word in enumerate(words):
            if word in self.commands:
                call = shlex.join((self.prog, word, *words[:index], *words[index + 1 :]))
                self.error(f"{option} comes after the sub-command: {call}")
        self.error(f"a sub-command comes first, and then {option}")

    @property
    def commands(self) -> Iterable[str]:
        """The names of the sub-commands."""
        (actions,) = (each for each in self._actions if each.nargs == argparse.PARSER)
        return actions.choices or ()

    def _check_value(self, action: argparse.Action, value: object) -> None:
        # In place of a list of all choices: what was meant, or where there are few, which.
        choices = action.choices
        if choices is None or value in choices:
            return
        near = _near(str(value), choices)
        if action.nargs == argparse.PARSER:
            self.error(f"there is no sub-command {value!r}{near}")
        name = action.option_strings[0] if action.option_strings else action.dest
        self.error(f"{name} must be one of {', '.join(choices)}, got {value!r}{near}")

    def error(self, message: str) -> NoReturn:
        # Name the argument, or the variable that stands for it.
        message = re.sub(f"^argument .+?: ({STORE_VARIABLE} must )", r"\1", message)
        message = re.sub("^argument (.+?): must ", r"\1 must ", without_password(message))
        if _LACKS_STORE(message):
            message += f"; the store may be that of the environment variable {STORE_VARIABLE}"
        print(f"{self.prog}: {message} (see {self.prog} --help).", file=sys.stderr)
        sys.exit(EXIT_WRONG_CALL)


def _too_many(word: str, known: Sequence[str]) -> str:
    """Return what is wrong with *word*, which no argument takes."""
    name = word.partition("=")[0]
    if name.startswith("-"):
        return f"there is no option {name}{_near(name, known)}"
    return f"{word!r} is one argument too many"


def _near(text: str, known: Iterable[str]) -> str:
    # Without their dashes, by which all options are alike.
    bare = {name.lstrip("-"): name for name in known}
    found = get_close_matches(text.lstrip("-"), bare, n=1)
    return f"; did you mean {bare[found[0]]}?" if found else ""


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


def whole_number(text: str) -> int:
    """Return the number that *text* says, in digits."""
    if re.fullmatch("-?[0-9]{1,18}", text):
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number, got {shown(text)}")


def file_name(text: str) -> str:
    """Return *text* if it names a store that is a file."""
    if is_file(store_name(text)):
        return text
    raise argparse.ArgumentTypeError("must name a file; PostgreSQL is backed up with its pg_dump")


EXPONENT: Final = argument(
    "--exponent", "the number of decimals, for a currency of your own", type=whole_number
)
CURRENCY: Final = (argument("--currency", "its currency, such as EUR", required=True), EXPONENT)


def currency_of(parsed: argparse.Namespace) -> Currency:
    """Return the currency that the arguments of `CURRENCY` say."""
    try:
        return Currency(parsed.currency, parsed.exponent)
    except InvalidCurrencyError as error:
        if error.advice is not None:
            error.reason += " (or have --exponent, for a currency of your own)"
        raise error.about("currency" if error.field == "code" else error.field) from None


def store_name(text: str) -> str:
    """Return *text* if it names a store."""
    try:
        return require_store_name(text)
    except (ImportError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
STORE_HELP: Final = "the bank's file, or postgresql://user@host/database"
_STORE_OR_VARIABLE: Final = f"{STORE_HELP} (default: ${STORE_VARIABLE})"
STORE: Final = argument(
    "--store", _STORE_OR_VARIABLE, metavar="STORE", required=True, type=store_name
)
STORE_PATH: Final = argument("store", _STORE_OR_VARIABLE, metavar="STORE", type=store_name)
DESCRIPTION: Final = argument("--description", "one line for people", metavar="TEXT")


def _pair(text: str) -> tuple[str, str]:
    """Return the key and the value that *text* says."""
    key, separator, value = text.partition("=")
    if not separator:
        reason = f"must be a key and a value, such as order=1017, got {shown(text)}"
        raise argparse.ArgumentTypeError(reason)
    return key, value


METADATA: Final = argument(
    "--metadata",
    "a key and a value of your own, such as order=1017; may be given several times",
    action="append",
    type=_pair,
    metavar="KEY=VALUE",
)


def metadata_of(pairs: Sequence[tuple[str, str]] | None) -> Mapping[str, str]:
    """Return the metadata that the arguments of `METADATA` say, each key once."""
    found = dict(pairs or ())
    if len(found) < len(pairs or ()):
        names = ", ".join(key for key, _ in pairs or ())
        raise InvalidMetadataError(names, "must have each key once").about(METADATA.field)
    return found


def add(
    commands: Any,  # noqa: ANN401  # argparse gives its sub-parsers no public type
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    text: str,
    *arguments: Argument,
) -> argparse.ArgumentParser:
    """Add the sub-command *name*; *run* returns its exit status, or None for 0."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    names = {each.field: each.name for each in arguments}
    parser.set_defaults(run=run, names=names, parser=parser)
    for each in arguments:
        settings = _or_from_environment(each)
        if each.name.startswith("-"):
            parser.add_argument(each.name, dest=each.field, **settings)
        else:
            parser.add_argument(dest=each.field, **settings)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parser


def _or_from_environment(each: Argument) -> Mapping[str, Any]:
    """Return the settings of an argument; of a store that is needed, with its default."""
    store = os.environ.get(STORE_VARIABLE)
    is_option = each.name.startswith("-")
    if not store or each.field != STORE.field or (is_option and not each.settings.get("required")):
        return each.settings
    text = f"default: {without_password(store)}, from {STORE_VARIABLE}".replace("%", "%%")
    read = each.settings["type"]

    def from_variable(given: str) -> object:
        try:
            return read(given)
        except argparse.ArgumentTypeError as error:
            name = f"{STORE_VARIABLE} " if given == store else ""
            raise argparse.ArgumentTypeError(f"{name}{error}") from None

    settings = {**each.settings, "default": store, "help": text, "type": from_variable}
    return {**settings, "required": False} if is_option else {**settings, "nargs": "?"}


def instant(field: str, text: str | None) -> datetime | None:
    return None if text is None else instant_from_text(text, field)


def failed(sentence: object, status: int = EXIT_WRONG_CALL) -> int:
    """Tell why the call failed, in one sentence on the error stream, and return *status*."""
    print(f"bankcore: {without_password(str(sentence))}", file=sys.stderr)
    return status
