"""
The documentation runs, and says what the code says.

Every Python block and every `bankcore` command of the README and of docs/ is executed,
page by page from top to bottom, in an empty directory; docstrings too. Tables are
compared with the code they describe, and what is public must be mentioned.
"""

import argparse
import decimal
import doctest
import inspect
import io
import logging
import pkgutil
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import SkipTest

import attrs
import psycopg
import pytest
from sybil import Document, Example
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

import bankcore
from bankcore import Allocation, Money, Rounding, commands, errors, stores
from bankcore.cli._main import main, make_parser
from bankcore.errors import BankError, DeclinedError, InvalidRequestError, StoreError
from bankcore.stores import SQLiteStore
from order_of_refusals import order_of_refusals

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src"
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted(
    (
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts),
    )
)
ON_POSTGRES = [page for page in PAGES if '"postgresql:///shop"' in page.read_text("utf-8")]
MODULES = sorted(
    module
    for module in (SOURCES / "bankcore").rglob("*.py")
    if ">>> " in module.read_text("utf-8")
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- What runs ---------------------------------------------------------------


class Shell:
    """
    Runs the lines of a console block that begin with ``$``, and compares what they print.

    A command goes on in the next line after a backslash.
    In an expected line, ``…`` stands for whatever differs from run to run; by itself, for any
    lines.
    """

    def __init__(self) -> None:
        self._status = 0

    def __call__(self, example: Example) -> str | None:
        wrong = []
        typed = example.parsed.replace("\\\n", "")
        for block in re.split(r"^\$ ", typed, flags=re.MULTILINE)[1:]:
            command, _, expected = block.partition("\n")
            printed = self._printed(shlex.split(command), expected)
            if not re.fullmatch(_pattern(expected), printed):
                wrong.append(f"$ {command}\nexpected:\n{expected}\nprinted:\n{printed}")
        return "\n".join(wrong) or None

    def _printed(self, words: list[str], expected: str) -> str:
        match words:
            case ["bankcore", *arguments, ">", name]:
                Path(name).write_text(self._bankcore(arguments), encoding="utf-8")
                return ""
            case ["bankcore", *arguments]:
                return self._bankcore(arguments)
            case ["echo", "$?"]:
                return f"{self._status}\n"
            case ["cat", name]:
                # The page shows the file, and so it is there.
                Path(name).write_text(expected, encoding="utf-8")
                return expected
        raise NotImplementedError(f"no test runs {words}")

    def _bankcore(self, arguments: list[str]) -> str:
        with io.StringIO() as printed, redirect_stdout(printed), redirect_stderr(printed):
            try:
                self._status = main(arguments)
            except SystemExit as error:
                self._status = int(str(error.code))
            return printed.getvalue()


def _pattern(expected: str) -> str:
    lines = re.sub("(?m)^…\n", "⋮", expected)
    return re.escape(lines).replace("…", "[^\n]*").replace("⋮", "(?:.*\n)*")


@pytest.mark.parametrize("page", [each for each in PAGES if each not in ON_POSTGRES], ids=name_of)
def test_pages_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a page shows is what a reader gets who types it in from top to bottom.
    """
    monkeypatch.chdir(tmp_path)
    run_page(page)


@pytest.mark.parametrize("page", ON_POSTGRES, ids=name_of)
def test_pages_on_postgresql_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: None
) -> None:
    """
    The same where a page needs a server; where none can be had, the page is skipped.
    """
    monkeypatch.chdir(tmp_path)
    run_page(page)


def run_page(page: Path) -> None:
    document = Document.parse(
        str(page),
        PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS),
        CodeBlockParser(language="console", evaluator=Shell()),
        SkipParser(),
    )
    document.namespace["is_installed"] = find_spec

    with ExitStack() as stack:
        # A page need not undo what ends with its reader's process.
        stack.callback(_close_all, document.namespace)
        stack.callback(logging.getLogger("bankcore.flask").setLevel, logging.NOTSET)
        for example in document:
            # A block for a package that is not installed: `skip: next if(not is_installed(…))`.
            with suppress(SkipTest):
                example.evaluate()


@pytest.mark.parametrize("name", ["README.md", "docs/tutorial.md"])
def test_first_pages_may_be_run_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who types a page in a second time finds the first run's file, and gets no other error.
    """
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"(?m)^```python\n((?:.*\n)*?)```$", (ROOT / name).read_text("utf-8"))
    examples = doctest.DocTestParser().get_examples(
        "\n".join(block for block in blocks if "postgresql" not in block)
    )
    assert examples
    for _ in range(2):
        namespace: dict[str, Any] = {}
        for example in examples:
            code = compile(example.source, name, "single")
            with redirect_stdout(io.StringIO()):
                if example.exc_msg is None:
                    exec(code, namespace)
                else:
                    with pytest.raises(BankError):
                        exec(code, namespace)


def test_first_pages_use_two_files() -> None:
    """
    The tutorial after the README meets no account of it.
    """
    used = [
        set(re.findall(r"\b\w+\.db\b", (ROOT / name).read_text("utf-8")))
        for name in ("README.md", "docs/tutorial.md")
    ]

    assert all(used)
    assert used[0].isdisjoint(used[1])


def _close_all(namespace: dict[str, Any]) -> None:
    for each in namespace.values():
        if isinstance(each, SQLiteStore | sqlite3.Connection):
            each.close()


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_docstrings_run(module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The examples in docstrings do what they say.
    """
    monkeypatch.chdir(tmp_path)
    document = PythonDocStringDocument.parse(str(module), DocTestParser())
    name = ".".join(module.relative_to(SOURCES).with_suffix("").parts)
    document.evaluators.clear()  # it would import the file once more, as another module
    document.namespace.update({each: getattr(bankcore, each) for each in bankcore.__all__})
    document.namespace.update(vars(import_module(name.removesuffix(".__init__"))))

    for example in document:
        example.evaluate()


def test_pages_run_something() -> None:
    """
    A block whose language is misspelt would not run, and nobody would see it.
    """
    languages = {
        language
        for page in PAGES
        for language in re.findall(r"(?m)^```(\S+)\n(?:.*\n)*?```$", page.read_text("utf-8"))
    }

    known = {"python", "console", "sh", "sql", "text", "{eval-rst}", "{glossary}", "{toctree}"}

    assert set() == languages - known


# What fits a page of the docs in a window of 1,280 pixels.
CODE_WIDTH_MAX = 90


def test_code_fits_the_page() -> None:
    """
    What a reader is to type in is seen without scrolling. What is printed may be wider.
    """
    wide = [
        f"{name_of(page)}: {line}"
        for page in PAGES
        if ROOT / "docs" in page.parents
        for language, block in re.findall(
            r"(?m)^```(python|console|sh|sql)\n((?:.*\n)*?)```$", page.read_text("utf-8")
        )
        for line in block.splitlines()
        if len(line) > CODE_WIDTH_MAX and _is_typed(language, line, block)
    ]

    assert [] == wide


def _is_typed(language: str, line: str, block: str) -> bool:
    if language == "python" and block.startswith(">>> "):
        return line.startswith((">>> ", "... "))
    return language != "console" or line.startswith("$ ")


def test_blocks_end_with_their_last_line() -> None:
    """
    An empty line at the end of a block is shown, and looks like a fault of the page.
    """
    ends = {
        name_of(page): re.findall(r"(?m)^```\S+\n(?:.*\n)*?(.*\n)```$", page.read_text("utf-8"))
        for page in PAGES
    }

    assert any(ends.values())
    assert [] == [name for name, lines in ends.items() if "\n" in lines]


def test_terms_of_the_glossary_have_meanings() -> None:
    """
    In a glossary only what is indented explains; all else is a term, and stands in the index.
    """
    [glossary] = re.findall(
        r"(?m)^```\{glossary\}\n((?:.*\n)*?)```$",
        (ROOT / "docs" / "glossary.md").read_text("utf-8"),
    )
    entries = glossary.strip().split("\n\n")

    assert [] == [each for each in entries if not re.fullmatch(r"[\w -]+(\n  .*)+", each)]


def test_shell_sees_what_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A page that shows something else than the command prints fails.
    """
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text("```console\n$ bankcore verify none.db\nno disagreements\n```\n", "utf-8")
    (example,) = Document.parse(
        str(page), CodeBlockParser(language="console", evaluator=Shell())
    ).examples()

    with pytest.raises(AssertionError, match="there is no file"):
        example.evaluate()


# -- What the README promises ------------------------------------------------


@pytest.mark.parametrize(
    "command", ["-q '.[cli]' && .venv/bin/bankcore simulate", "-q -e '.[dev]' && .venv/bin/pytest"]
)
def test_readme_has_the_two_commands(command: str) -> None:
    """
    Each command that sets everything up stands alone in a block of its own.
    """
    pins = "PIP_CONSTRAINT=tests/constraints.txt PIP_BUILD_CONSTRAINT=tests/constraints.txt"
    line = f"python3 -m venv .venv && {pins} .venv/bin/pip install {command}"

    assert f"\n```sh\n{line}\n```\n" in (ROOT / "README.md").read_text("utf-8")


# -- What pages point at -----------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_name_tests_that_exist(page: Path) -> None:
    """
    A promise names the test that proves it, and the test is there.
    """
    named = re.findall(r"`(tests/[^`\s]+)`", page.read_text("utf-8"))
    named += re.findall(r"\btests/[\w/]+\.py", page.read_text("utf-8"))

    assert [] == [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """
    A relative link leads to a file, and its fragment to a heading or a label there.
    """
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (fragment and fragment not in anchors(file)):
            broken.append(target)

    assert [] == broken


@pytest.mark.parametrize("image", sorted((ROOT / "docs" / "images").glob("*.svg")), ids=name_of)
def test_pictures_are_shown_and_described(image: Path) -> None:
    """
    A page shows each picture with a text for those who do not see it; it brings its own ground,
    so that it is read on light and dark pages.
    """
    texts = [
        text
        for page in PAGES
        for text, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", page.read_text("utf-8"))
        if (page.parent / target).resolve() == image
    ]

    assert texts
    assert all(len(text) > 20 for text in texts)
    assert re.search(r"<title.*<rect class=\"panel\"", image.read_text("utf-8"), re.DOTALL)


def anchors(page: Path) -> set[str]:
    text = page.read_text("utf-8")
    headings = re.findall(r"(?m)^#+ (.*)$", text)
    slugs = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
    return slugs | set(re.findall(r"(?m)^\((.*)\)=$", text))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_name_no_place_of_one_machine(page: Path) -> None:
    """
    No page names a path that only its writer has.
    """
    assert [] == re.findall(
        r"(?<![\w.])/(?:home|root|tmp|work|Users|opt)\b\S*", page.read_text("utf-8")
    )


# -- What must be mentioned --------------------------------------------------


def reference() -> str:
    return "\n".join(page.read_text("utf-8") for page in sorted(REFERENCE.glob("*.md")))


def public_names() -> Iterator[str]:
    for name in public_modules():
        yield from (f"{name}.{member}" for member in import_module(name).__all__)


def public_modules() -> list[str]:
    """
    The modules whose name, and those of the packages around it, do not begin with ``_``.
    """
    found = (each.name for each in pkgutil.walk_packages(bankcore.__path__, "bankcore."))
    return ["bankcore", *(name for name in found if "._" not in name)]


@pytest.mark.parametrize("name", sorted(public_names()))
def test_public_names_are_in_the_reference(name: str) -> None:
    """
    What may be imported has an entry: by itself, or as a row of the table of errors or limits.
    """
    module, _, member = name.rpartition(".")
    entry = rf":: (?:bankcore|{re.escape(module)})\.{member}\b|`{re.escape(name)}`"
    if module == "bankcore.errors":
        entry += rf"|^\| `{member}` \|"

    assert re.search(entry, reference(), re.MULTILINE)


def own_and_inherited(cls: type) -> set[str]:
    """
    The methods and properties of *cls* and of the package's classes that it is made of.
    """
    fields = {field.name for field in attrs.fields(cls)} if attrs.has(cls) else set()
    members = {
        name: member
        for base in cls.__mro__
        if base.__module__.startswith("bankcore")
        for name, member in vars(base).items()
    }
    return {
        name
        for name, member in members.items()
        if not name.startswith("_") and name not in fields
        if callable(member) or isinstance(member, property | classmethod | staticmethod)
    }


def shown_members(cls: type, options: dict[str, str]) -> set[str]:
    """
    The members that the entry of *cls* shows, or leaves out by name.
    """
    shown = {name.strip() for name in options.get("members", "-").split(",")}
    if "" in shown:
        shown = own_and_inherited(cls) if "inherited-members" in options else set(vars(cls))
    if "undoc-members" not in options:
        shown = {name for name in shown if inspect.getdoc(getattr(cls, name, None))}
    return shown | set(re.findall(r"\w+", options.get("exclude-members", "")))


ENTRIES = [
    (cls, shown_members(cls, dict(re.findall(r":([\w-]+): *(.*)", options))))
    for room, name, options in re.findall(
        r"(?m)^\.\. autoclass:: ([\w.]+)\.(\w+).*\n((?:   :.*\n)*)", reference()
    )
    if isinstance(cls := getattr(import_module(room), name), type)
]
# What a store, a policy or a command implements is told once, where it is promised.
PROMISED = {
    name
    for cls, shown in ENTRIES
    if getattr(cls, "_is_protocol", False) or cls is commands.Command
    for name in shown
}


@pytest.mark.parametrize(("cls", "shown"), ENTRIES, ids=lambda each: getattr(each, "__name__", ""))
def test_public_methods_are_in_the_reference(cls: type, shown: set[str]) -> None:
    """
    The entry of a class has each public method and property, inherited ones too.
    """
    assert set() == own_and_inherited(cls) - shown - PROMISED


def test_every_method_of_a_bank_is_in_the_reference() -> None:
    """
    Also a bank that acts for a principal has no method that the page leaves out.
    """
    bank = bankcore.Bank(stores.MemoryStore())
    acting = bank.acting_as(bankcore.Principal("mary", roles=["owner"]))
    shown = dict(ENTRIES)[bankcore.Bank]

    for each in (bank, acting):
        assert set() == {name for name in dir(each) if not name.startswith("_")} - shown


def test_every_limit_is_in_the_reference() -> None:
    """
    A constant that limits something is on the page of limits.
    """
    names = {
        name
        for module in (SOURCES / "bankcore").rglob("*.py")
        for name in re.findall(r"(?m)^([A-Z][A-Z_]*_MAX): Final", module.read_text("utf-8"))
    }

    assert names
    assert set() == names - set(
        re.findall(r"\.(\w+)`", (REFERENCE / "limits.md").read_text("utf-8"))
    )


# -- Tables that say what the code says --------------------------------------


def table_rows(page: Path) -> list[dict[str, str]]:
    """
    The rows of all tables of *page*: their cells by column, and the heading they are under
    as ``section``.
    """
    rows = []
    section, columns = "", list[str]()
    for line in page.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("#"):
            section = line.lstrip("# ").strip("`")
        elif not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells
        elif not set(line) <= set("|- "):
            rows.append({"section": section, **dict(zip(columns, cells, strict=True))})
    return rows


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


ERRORS: list[Any] = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, BankError) and attrs.has(error)
]
SECTIONS = {
    "Invalid requests": InvalidRequestError,
    "Declined": DeclinedError,
    "Store errors": StoreError,
}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_error_is_documented_as_it_is(error: Any) -> None:
    """
    Each error's row says its branch, code, bases, facts, and what becomes of its id.
    """
    (row,) = (
        row
        for row in table_rows(REFERENCE / "errors.md")
        if "code" in row and words(row["error"]) == [error.__name__]
    )
    facts = [field.name for field in attrs.fields(error)]
    facts += [name for name in vars(error) if isinstance(vars(error)[name], property)]
    is_recorded = issubclass(error, DeclinedError) and error.is_recorded

    assert issubclass(error, SECTIONS[row["section"]])
    assert [error.code] == words(row["code"])
    assert [
        base.__name__
        for base in (ValueError, LookupError, TypeError, ZeroDivisionError)
        if issubclass(error, base)
    ] == words(row["also"])
    assert sorted(set(facts) - {"facts"}) == sorted(words(row["facts"]))
    assert is_recorded == (row.get("recorded") == "yes")
    assert error.retryable == (row.get("retryable") == "yes")


def documented_order() -> list[tuple[str, list[str]]]:
    return [
        (row[""], words(row["error"]))
        for row in table_rows(REFERENCE / "errors.md")
        if row["section"] == "In order of precedence"
    ]


def test_documented_order_of_judgement_is_that_of_the_rules() -> None:
    """
    "The order of judgement is part of the API": the page and `_decide` tell the same.
    """
    said = order_of_refusals()

    assert len(said) > 5
    assert said == documented_order()


def test_documented_order_names_every_refusal() -> None:
    """
    Every class of a refusal has its place in the order, and every name there is a class.
    """
    named = {name for _, names in documented_order() for name in names}
    declined = {error.__name__ for error in ERRORS if issubclass(error, DeclinedError)}

    assert set() == declined - named
    assert all(hasattr(errors, name) for name in named)


COMMAND_ROWS = table_rows(REFERENCE / "commands.md")
COMMANDS_SENT = commands.SENT


def test_every_command_is_documented_with_its_fields() -> None:
    """
    The page of commands names each with its method and its fields, in order.
    """
    shared = [field.name for field in attrs.fields(commands.Command)]
    documented = [
        (row["command"], words(row["method"]), words(row["fields"]))
        for row in COMMAND_ROWS
        if "books" in row
    ]

    assert shared == [words(row["field"])[0] for row in COMMAND_ROWS if "field" in row]
    assert [
        (
            f"`{command.__name__}`",
            [command.kind],
            [field.name for field in attrs.fields(command) if field.name not in shared],
        )
        for command in COMMANDS_SENT
    ] == documented
    assert all(hasattr(bankcore.Bank, method) for _, (method,), _ in documented)


@pytest.mark.parametrize("command", COMMANDS_SENT, ids=lambda command: command.__name__)
def test_refusals_of_a_command_are_documented_in_order(command: Any) -> None:
    """
    What may refuse a command is told in the order in which it is judged.
    """
    (row,) = (
        row
        for row in COMMAND_ROWS
        if "may be refused by" in row and words(row["command"]) == [command.__name__]
    )
    order = [name for _, names in documented_order() for name in names]

    # Each name is found somewhere after the one before it.
    assert words(row["may be refused by"])
    rest = iter(order)
    assert [] == [name for name in words(row["may be refused by"]) if name not in rest]


def test_every_refusal_is_one_of_some_command() -> None:
    """
    No class of a refusal is left out of the page of commands.
    """
    page = (REFERENCE / "commands.md").read_text("utf-8")

    assert [] == [
        error.__name__
        for error in ERRORS
        if issubclass(error, DeclinedError) and f"`{error.__name__}`" not in page
    ]


LIMITS = [
    (page, row)
    for page in (ROOT / "README.md", REFERENCE / "limits.md")
    for row in table_rows(page)
    if "constant" in row
]


@pytest.mark.parametrize(
    ("page", "row"),
    LIMITS,
    ids=lambda each: name_of(each) if isinstance(each, Path) else each["constant"],
)
def test_limits_are_as_documented(page: Path, row: dict[str, str]) -> None:
    """
    Each number on the page is the constant's.
    """
    module, _, name = row["constant"].strip("`").rpartition(".")
    number = re.search(r"\d[\d,]*", row.get("limit") or row["number"])

    assert number is not None
    assert getattr(import_module(module), name) == int(number.group().replace(",", ""))


def test_roundings_are_as_documented() -> None:
    """
    The table of the modes says what each makes of a number, and which `decimal` has.
    """
    rows = [row for row in table_rows(REFERENCE / "money.md") if "`Rounding`" in row]

    assert [[mode.name] for mode in Rounding] == [words(row["`Rounding`"]) for row in rows]
    for row in rows:
        mode = Rounding[words(row.pop("`Rounding`"))[0]]
        constants = words(row.pop("`decimal` has it"))
        name = f"ROUND_{mode.name}".replace("ZERO_FIVE_", "05")
        assert constants == [name] * hasattr(decimal, name)
        row.pop("section")
        for number, result in row.items():
            assert int(result) == Money(number, "JPY", mode).amount_minor


def test_allocations_are_as_documented() -> None:
    """
    The table of the modes says how one euro is shared out by 1, 2 and 4.
    """
    rows = [row for row in table_rows(REFERENCE / "money.md") if "`Allocation`" in row]
    modes = [Allocation[words(row["`Allocation`"])[0]] for row in rows]

    assert list(Allocation) == modes
    for mode, row in zip(modes, rows, strict=True):
        parts = Money("1.00", "EUR").allocate([1, 2, 4], mode)
        assert row["1.00 by 1, 2, 4"] == ", ".join(f"{part:n}" for part in parts)


def test_schema_is_as_documented(tmp_path: Path) -> None:
    """
    The page names every table and column of a new database, in order, with its type.
    """
    path = tmp_path / "bank.db"
    stores.SQLiteStore(path).close()
    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    columns = {
        table: [
            (f"`{name}`", f"`{kind}`")
            for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})")
        ]
        for (table,) in tables
    }
    connection.close()
    documented: dict[str, list[tuple[str, str]]] = {}
    for row in table_rows(REFERENCE / "schema.md"):
        if "column" in row:
            documented.setdefault(row["section"], []).append((row["column"], row["type"]))

    assert columns == documented


def test_schema_of_postgresql_is_as_documented(postgres: str) -> None:
    """
    The tables there have the columns of SQLite's, and those that the page adds.
    """
    stores.PostgresStore(postgres).close()
    with psycopg.connect(postgres) as connection:
        found = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'bankcore'"
        ).fetchall()
    types = {"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}
    expected: list[tuple[str, ...]] = []
    for row in table_rows(REFERENCE / "schema.md"):
        if "column" in row:
            cells = (row["section"], row["column"].strip("`"), types[row["type"].strip("`")])
            expected.append(cells)
        elif "also" in row:
            expected.append(tuple(row[each].strip("`") for each in ("table", "also", "type")))

    assert sorted(found) == sorted(expected)


def test_settings_of_sqlite_are_as_documented(tmp_path: Path) -> None:
    """
    The page names every pragma that a connection sets, with its value.
    """
    documented = {
        row["pragma"].strip("`"): row["value"].strip("`")
        for row in table_rows(REFERENCE / "schema.md")
        if "pragma" in row
    }
    with SQLiteStore(tmp_path / "bank.db") as store:
        settings = store.describe().settings
    everywhere = {name: str(value) for name, value in settings.items() if "fullfsync" not in name}

    assert everywhere == documented


def sub_parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def test_command_line_is_as_documented() -> None:
    """
    The page shows every sub-command with all its options, and no others.
    """
    page = (REFERENCE / "command-line.md").read_text("utf-8")
    parsers = sub_parsers(make_parser())
    named = {
        f"{name} {below}".rstrip(): each
        for name, parser in parsers.items()
        for below, each in (sub_parsers(parser) or {"": parser}).items()
    }
    options = {
        name: {
            option
            for action in parser._actions
            for option in action.option_strings
            if option not in {"-h", "--help", "--json"}  # which every sub-command has
        }
        for name, parser in named.items()
    }
    documented = {
        name: set(re.findall(r"--[a-z-]+", usage))
        for name, usage in re.findall(r"(?m)^`bankcore ([\w-]+(?: [a-z]+)?) ([^`]*)`", page)
    }

    assert options == documented
    assert [*parsers] == [
        words(row["sub-command"])[0]
        for row in table_rows(REFERENCE / "command-line.md")
        if "sub-command" in row
    ]
