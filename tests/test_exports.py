"""
The front door: few public names, all documented, and a light, silent import.
"""

import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys

import pytest

import bankcore

# What `import bankcore` may load beyond the standard library.
ALLOWED = {"attr", "attrs", "bankcore"}
# Children without coverage, which would load and write what they are watched for.
UNMEASURED = {
    name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
}
# What it may not load even though Python or an extra has it.
FORBIDDEN = {"sqlite3", "flask", "psycopg", "rich", "hypothesis", "pytest", "random", "asyncio"}


def test_the_public_names_are_few_sorted_and_there() -> None:
    """There are at most 25 public names; each exists, and the list is sorted."""
    names = bankcore.__all__

    assert len(names) <= 25
    assert sorted(names) == list(names)
    assert all(hasattr(bankcore, name) for name in names)


def public_modules() -> list[str]:
    found = pkgutil.walk_packages(bankcore.__path__, "bankcore.")
    return ["bankcore", *(each.name for each in found if "._" not in each.name)]


@pytest.mark.parametrize("name", public_modules())
def test_every_door_has_a_sign(name: str) -> None:
    """Every public module says what it decides, and every public thing what it does."""
    module = importlib.import_module(name)
    assert module.__doc__
    for thing_name, thing in vars(module).items():
        is_own = getattr(thing, "__module__", None) == name
        if thing_name.startswith("_") or not is_own or not callable(thing):
            continue
        assert inspect.getdoc(thing), f"{name}.{thing_name} has no docstring"


def test_every_public_method_says_what_it_does() -> None:
    """Public methods of the public classes have docstrings, their own or the contract's."""
    missing = []
    for name in bankcore.__all__:
        cls = getattr(bankcore, name)
        for method_name, method in inspect.getmembers(cls, inspect.isfunction):
            if not method_name.startswith("_") and not inspect.getdoc(method):
                missing.append(f"{name}.{method_name}")

    assert [] == missing


def printed_by(code: str) -> str:
    """Return what *code* prints in a process of its own, which complains of nothing."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=UNMEASURED,
    )

    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def test_importing_loads_attrs_and_the_standard_library_alone() -> None:
    """All names of `bankcore` load attrs and the standard library, and no store or extra."""
    code = (
        "import sys; before = set(sys.modules); import json; from bankcore import *;"
        " new = set(sys.modules) - before;"
        " print(json.dumps(sorted({name.partition('.')[0] for name in new})))"
    )
    loaded = set(json.loads(printed_by(code)))

    assert set() == loaded & FORBIDDEN
    # What an editable install brings into every process does not count.
    others = {name for name in loaded - ALLOWED if not name.startswith(("_", "__editable__"))}
    assert set() == others - sys.stdlib_module_names


@pytest.mark.parametrize(
    ("statement", "rooms"),
    [
        ("import bankcore", set()),
        ("import bankcore; bankcore.money", {"money", "values"}),
        ("from bankcore import Money, AccountId", {"money", "values"}),
        ("from bankcore.errors import BankError; from bankcore import Account", None),
        ("from bankcore import Bank", None),
    ],
)
def test_a_room_is_loaded_when_it_is_asked_for(statement: str, rooms: set[str] | None) -> None:
    """`import bankcore` loads no room, not even attrs; a name loads what it needs."""
    code = f"import sys; {statement}; print(*sys.modules)"
    loaded = set(printed_by(code).split())
    found = {name.split(".")[1] for name in loaded if name.startswith("bankcore.")}

    assert found == rooms or (rooms is None and {"accounts", "money", "values"} <= found)
    assert bool(found) == ("attrs" in loaded)


def test_the_front_door_names_what_it_has() -> None:
    """Every room and name is listed and found, and nothing else is."""
    rooms = {"access", "accounts", "bank", "commands", "errors", "ledger", "money", "values"}

    assert rooms | set(bankcore.__all__) <= set(dir(bankcore))
    for name in rooms | set(bankcore.__all__):
        # Not what is loaded and kept already.
        assert getattr(bankcore, name) is bankcore.__getattr__(name)
    for name in ("nothing", "_money", "sqlite3"):
        assert not hasattr(bankcore, name)
    with pytest.raises(AttributeError, match="module 'bankcore' has no attribute 'nothing'"):
        bankcore.__getattr__("nothing")


def test_importing_opens_nothing() -> None:
    """Loading its names reads its own files and Python's; it writes or connects to nothing."""
    code = (
        "import sys\n"
        "def hook(event, arguments):\n"
        "    mode = arguments[1] or '' if event == 'open' else ''\n"
        "    if set('wax+') & set(mode):\n"
        "        raise SystemExit(f'wrote {arguments}')\n"
        "    if event.split('.')[0] in {'socket', 'subprocess', 'sqlite3'}:\n"
        "        raise SystemExit(event)\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(hook)\n"
        "from bankcore import *\n"
        "print('quiet')\n"
    )

    assert "quiet\n" == printed_by(code)


def test_the_command_line_works_without_rich() -> None:
    """Where rich is not installed, the command line prints plainly."""
    code = (
        "import sys; sys.modules['rich'] = None\n"
        "from bankcore import cli\n"
        "from bankcore.cli import _terminal\n"
        "_terminal.has_rich = lambda: False\n"
        "sys.exit(cli.main(['simulate', '--accounts', '5', '--operations', '20']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "yes, to the cent" in done.stdout
