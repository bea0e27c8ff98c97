"""
Every command is known in every place that must know it.

A new command fails here once for each place that does not know it yet, with the file and with
what to add there. Most places follow from the command's class; they are here so that none of
them gets a list of its own again.
"""

import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args, get_type_hints

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import test_access_properties as access
import test_journal_replay as replay
import test_life_properties as life
import test_machine as machine
from bankcore import Bank
from bankcore.access import POLICY_TABLE
from bankcore.cli._accounts import _SUB_COMMANDS
from bankcore.commands import COMMANDS, Command
from bankcore.flask._resources import ENDPOINTS
from bankcore.stores import MemoryStore
from bankcore.testing import strategies
from bankcore.testing._commands import FIELDS
from bankcore.testing._conformance.helpers import fill, journal_of
from bankcore.testing._conformance.samples import command_cases, refusal_cases
from every_command import EACH, OTHERWISE, SENT, name_of
from model import KINDS

ROOT: Final = Path(__file__).resolve().parents[1]
REFERENCE: Final = ROOT / "docs" / "reference"
CLASSES: Final = {name_of(kind): kind for kind in SENT}


class Place(NamedTuple):
    """
    A place that must know every command, what to do for a new one there, and the names of the
    commands that it knows.
    """

    where: str
    todo: str
    known: Callable[[], Collection[str]]

    def __str__(self) -> str:
        return self.where


def names_of(commands: Iterable[Command]) -> set[str]:
    return {name_of(type(command)) for command in commands}


class _EachSeenError(Exception):
    """Each command was seen, and no more examples are needed."""


def drawn(
    strategy: st.SearchStrategy[Any], names: Callable[[Any], Collection[str]]
) -> Callable[[], set[str]]:
    """
    Return a function for the names of the commands in examples of a suite's own strategy: in as
    many as it takes to see each name, 400 at most.
    """

    @cache
    def known() -> set[str]:
        found: set[str] = set()

        @settings(
            max_examples=400,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def look(example: Any) -> None:
            found.update(names(example))
            if found >= CLASSES.keys():
                raise _EachSeenError

        with suppress(_EachSeenError):
            look()
        return found

    return known


def kept() -> set[str]:
    store = MemoryStore()
    fill(store)
    return names_of(record.command for record in journal_of(store))


def on_the_command_line() -> set[str]:
    """
    The kinds that a sub-command sends; `open` opens an account, and its bank's file.
    """
    return {"open_account", *(kind for _, kind, *_ in _SUB_COMMANDS)}


def listed(page: str, pattern: str) -> list[str]:
    """
    Return the first group of *pattern* for each line of a page that matches.
    """
    return re.findall(f"(?m){pattern}", (REFERENCE / page).read_text("utf-8"))


def documented(page: str, pattern: str, *, times: int = 1) -> set[str]:
    found = listed(page, pattern)
    return {name for name, kind in CLASSES.items() if found.count(kind.__name__) >= times}


def excused(reason: str) -> set[str]:
    """
    Return the commands for which the model's table has this reason.
    """
    return {name for name, kind in KINDS.items() if getattr(kind, reason)}


PLACES: Final = (
    Place("tests/stateful/model.py", "a row in KINDS", lambda: KINDS),
    Place(
        "tests/stateful/test_machine.py",
        "a rule that sends it",
        drawn(machine.ANY_ASK, lambda ask: {ask.kind}),
    ),
    Place(
        "tests/properties/test_journal_replay.py",
        "a way for `histories` to draw it",
        drawn(
            replay.histories(),
            lambda steps: names_of(command for step in steps for command in step.commands),
        ),
    ),
    Place(
        "tests/properties/test_life_properties.py",
        "a way for `lives` to draw it",
        drawn(life.lives(), lambda steps: names_of(command for _, command in steps)),
    ),
    Place(
        "tests/properties/test_access_properties.py",
        "a way for `steps` to draw it",
        drawn(access.steps(), lambda step: names_of(step.commands)),
    ),
    Place("tests/every_command.py", "a sample in EACH", lambda: names_of(EACH)),
    Place(
        "tests/every_command.py (OTHERWISE)",
        "another value for each of its fields",
        lambda: {name_of(kind) for kind in OTHERWISE},
    ),
    Place(
        "src/bankcore/testing/strategies.py",
        "a way for `commands` to draw it",
        drawn(st.lists(strategies.commands(), min_size=20, max_size=20), names_of),
    ),
    Place(
        "src/bankcore/testing/_conformance/samples.py",
        "a case in `command_cases`",
        lambda: names_of(record.command for record, _ in command_cases()),
    ),
    Place(
        "src/bankcore/testing/_conformance/samples.py (refusals)",
        "a case in `refusal_cases`",
        lambda: names_of(record.command for record, _ in refusal_cases()),
    ),
    Place("src/bankcore/testing/_conformance/helpers.py", "a command of it in `fill`", kept),
    Place(
        "src/bankcore/access/_policies.py",
        "a row in POLICY_TABLE",
        lambda: {str(getattr(action, "value", action)) for action in POLICY_TABLE},
    ),
    Place(
        "src/bankcore/flask/_resources.py",
        "an endpoint in ENDPOINTS",
        lambda: {endpoint.name for endpoint in ENDPOINTS},
    ),
    Place(
        "src/bankcore/cli/_accounts.py",
        "a sub-command, or a reason in the model's KINDS (not_on_the_command_line)",
        lambda: on_the_command_line() | excused("not_on_the_command_line"),
    ),
    Place(
        "docs/reference/access.md",
        "a row in the table of actions",
        lambda: listed("access.md", r"^\| `(\w+)` \|.* \| `\w+:\w+` \|$"),
    ),
    Place(
        "docs/reference/commands.md",
        "a row in the table of what each books, and one of what may refuse it",
        lambda: documented("commands.md", r"^\| `(\w+)` \|", times=2),
    ),
    Place(
        "docs/reference/api.md",
        "an `autoclass` of it",
        lambda: documented("api.md", r"^\.\. autoclass:: bankcore\.commands\.(\w+)"),
    ),
)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_every_place_knows_every_command(place: Place, kind: str) -> None:
    """
    Every command that an application can send is known in every place.
    """
    if kind not in place.known():
        pytest.fail(f"{place.where} does not know {kind}: it needs {place.todo}")


def test_few_files_name_the_commands() -> None:
    """
    Outside their own room, the bank's methods and the independent audit alone name five commands
    or more; whatever else must know them follows from `COMMANDS`.
    """
    package = ROOT / "src/bankcore"
    names = re.compile(rf"\b({'|'.join(kind.__name__ for kind in COMMANDS)})\b")
    naming = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if len(set(names.findall(path.read_text("utf-8")))) >= 5
    }

    assert {"bank/_bank.py", "ledger/_audit.py"} == {
        path for path in naming if not path.startswith("commands/")
    }


@pytest.mark.parametrize("kind", CLASSES)
def test_the_bank_has_a_method_with_the_same_fields(kind: str) -> None:
    """
    `Bank` has a method of the command's name that takes what the class takes, in the same order.
    """
    method = getattr(Bank, kind, None)
    if method is None:
        pytest.fail(f"src/bankcore/bank/_bank.py does not know {kind}: it needs a method")
    fields = attrs.fields(CLASSES[kind])

    assert arguments_of(method) == (
        [(field.name, field.default is attrs.NOTHING) for field in fields if not field.kw_only],
        {field.name: field.default is attrs.NOTHING for field in fields if field.kw_only},
    )


def arguments_of(method: Callable[..., object]) -> tuple[list[tuple[str, bool]], dict[str, bool]]:
    """
    Return the arguments by position and by keyword, each with True if it must be given. Those of a
    ``TypedDict`` of options need not be.
    """
    by_position: list[tuple[str, bool]] = []
    by_keyword: dict[str, bool] = {}
    hints = get_type_hints(method)
    for name, parameter in list(signature(method).parameters.items())[1:]:
        is_needed = parameter.default is Parameter.empty
        if parameter.kind is Parameter.VAR_KEYWORD:
            (options,) = get_args(hints[name])
            by_keyword |= dict.fromkeys(get_type_hints(options), False)
        elif parameter.kind is Parameter.KEYWORD_ONLY:
            by_keyword[name] = is_needed
        else:
            by_position.append((name, is_needed))
    return by_position, by_keyword


@pytest.mark.parametrize("kind", CLASSES)
def test_the_model_has_the_fields_of_the_class(kind: str) -> None:
    """
    A row of the model's table names the fields of the command's class.
    """
    expected = tuple(field.name for field in FIELDS[CLASSES[kind]])

    assert kind not in KINDS or expected == KINDS[kind].fields


def test_the_model_knows_no_other_commands() -> None:
    """
    No row is left of a command that is gone, nor a reason for what has become possible.
    """
    assert set() == KINDS.keys() - CLASSES.keys()
    assert set() == on_the_command_line() & excused("not_on_the_command_line")
