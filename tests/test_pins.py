"""
The README's commands install exact versions, of everything: see `tests/constraints.txt`.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from pins import normal, pins, require_pinned, requirements

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
# For a build, pip 23 and 24 take the first, and pip 26 the second.
SETTINGS = "PIP_CONSTRAINT=tests/constraints.txt PIP_BUILD_CONSTRAINT=tests/constraints.txt"


def environment(python: str) -> dict[str, str]:
    return {"python_version": python, "python_full_version": f"{python}.0"}


def project() -> dict[str, Any]:
    tables: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return tables


def required_by(name: str, pinned: Mapping[str, str]) -> list[str]:
    """
    Return what the package *name* requires, if its pinned version is installed.
    """
    if name == "bankcore":
        tables = project()["project"]
        extras = tables["optional-dependencies"].items()
        return [
            *tables["dependencies"],
            *(f"{each} ; extra == '{extra}'" for extra, all_of_it in extras for each in all_of_it),
        ]
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return []
    return list(installed.requires or ()) if installed.version == pinned.get(name) else []


def unpinned(top: str, python: str, pinned: Mapping[str, str]) -> set[str]:
    """
    Return the packages that installing *top* brings to *python*, and that have no pin.
    """
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(top)]
    while waiting:
        requirement = waiting.pop()
        name = normal(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            where = {**environment(python), "extra": extra}
            waiting += [
                each
                for each in map(Requirement, required_by(name, pinned))
                if each.marker is None or each.marker.evaluate(where)
            ]
    return {name for name, _ in seen} - pinned.keys() - {"bankcore"}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("extra", ["dev", "cli"])
def test_everything_that_is_installed_is_pinned(extra: str, python: str) -> None:
    """
    Each package that an extra brings along, directly or not, has its exact version.
    """
    pinned = pins(environment(python))

    assert set() == unpinned(f"bankcore[{extra}]", python, pinned), "run .ci/refresh_pins.py"


def build_requirements() -> Iterator[str]:
    backend = pytest.importorskip("hatchling.build", reason="hatchling is not installed")
    yield from project()["build-system"]["requires"]
    yield from backend.get_requires_for_build_wheel()
    yield from backend.get_requires_for_build_editable()


@pytest.mark.parametrize("python", PYTHONS)
def test_everything_that_builds_is_pinned(python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The build backend, what it asks for while it builds, and all that these require.
    """
    monkeypatch.chdir(ROOT)
    pinned = pins(environment(python))

    for each in build_requirements():
        assert set() == unpinned(each, python, pinned), "run .ci/refresh_pins.py"


@pytest.mark.parametrize("name", ["attrs", "hatchling", "pytest", "pytest-xdist"])
def test_a_missing_pin_is_found(name: str) -> None:
    """
    Without its line, a package that we ask for is missed.
    """
    rest = {other: version for other, version in pins().items() if other != name}

    assert {name} == unpinned("bankcore[dev]", "3.11", rest)


def test_a_missing_pin_of_a_dependency_is_found() -> None:
    """
    Without its line, a package that only others ask for is missed too.
    """
    require_pinned("pytest", newest=False)
    rest = {other: version for other, version in pins().items() if other != "iniconfig"}

    assert {"iniconfig"} == unpinned("bankcore[dev]", "3.11", rest)


def test_every_pin_is_exact() -> None:
    """
    Each line has one version, and no Python has two of one package.
    """
    for each in requirements():
        assert re.fullmatch(r"==[^*,]+", str(each.specifier)), each
        assert each.url is None
    for python in PYTHONS:
        names = [
            normal(each.name)
            for each in requirements()
            if each.marker is None or each.marker.evaluate(environment(python))
        ]
        assert len(names) == len(set(names))


def test_the_package_itself_requires_ranges() -> None:
    """
    The pins are the tests' alone: users may have newer versions of everything.
    """
    tables = project()["project"]
    own = chain(tables["dependencies"], *tables["optional-dependencies"].values())

    assert [] == [each for each in own if "==" in each or "<" in each]


def test_the_commands_of_the_readme_are_pinned() -> None:
    """
    Whoever runs a printed command gets the pinned versions, of the build too.
    """
    lines = re.findall(r"(?m)^python3 -m venv .*$", (ROOT / "README.md").read_text("utf-8"))

    assert 2 == len(lines)
    assert all(f" && {SETTINGS} .venv/bin/pip install -q " in line for line in lines)
    assert (ROOT / "tests" / "constraints.txt").is_file()


def test_ci_runs_the_command_of_the_readme_once() -> None:
    """
    The checks of main take the test command from the README, and run no other pytest.
    """
    path = ROOT / ".ci" / "run"
    if not path.exists():
        pytest.skip("the script is not in this checkout")
    script = path.read_text("utf-8")
    commands = [line for line in script.splitlines() if not line.lstrip().startswith("#")]

    assert os.access(path, os.X_OK)
    assert 1 == sum('bash -c "$command"' in line for line in commands)
    assert not [line for line in commands if re.search(r"\bpytest\b", line)]
