"""
Write tests/constraints.txt: the newest versions that the README's commands may install.

    python3 .ci/refresh_pins.py

It needs python3.11, python3.12 and python3.13, asks pip of each for the newest versions that
fit the ranges of pyproject.toml, and installs none of them. Then it records the data that
tests compare with, from the packages just pinned: see tests/third_party_data.py.
"""

import json
import os
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "tests" / "constraints.txt"
RECORDER = ROOT / "tests" / "third_party_data.py"
PYTHONS = ("3.11", "3.12", "3.13")
# Caps of the machine, and the pins that are to be replaced, must not decide.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in {"PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"}
}
HEADER = """\
# The exact versions that the README's commands install, and .ci/run with them: what main is
# tested with, so that nobody's release breaks it. Users get the ranges of pyproject.toml.
# Made by .ci/refresh_pins.py for Linux and CPython 3.11, 3.12 and 3.13; do not edit.
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        bins = {python: environment(python, Path(work)) for python in PYTHONS}
        found = {python: newest(bins[python]) for python in PYTHONS}
        CONSTRAINTS.write_text(HEADER + "".join(lines(found)), "utf-8")
        record(bins[PYTHONS[0]])
    print("Read `git diff`, then run .ci/run.")


def environment(python: str, work: Path) -> Path:
    """
    Make an environment of *python*, and return the directory of its programs.
    """
    try:
        subprocess.run([f"python{python}", "-m", "venv", work / python], check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        sys.exit(f"python{python} does not run: the pins are made with all of {PYTHONS}")
    return work / python / "bin"


def pip(programs: Path, *words: str) -> None:
    subprocess.run([programs / "pip", *words], check=True, cwd=ROOT, env=ENVIRONMENT)


def newest(programs: Path) -> dict[str, str]:
    """
    Return the newest versions that pip of this environment would install, by name.
    """
    report = programs.parent / "report.json"
    install = ["install", "-q", "--dry-run", "--ignore-installed"]
    # A source distribution would be built with requirements that no line here pins.
    install += ["--only-binary=:all:", "--no-binary=bankcore"]
    pip(programs, *install, "--report", str(report), ".[dev]")
    return {
        each["metadata"]["name"].lower().replace("_", "-"): each["metadata"]["version"]
        for each in json.loads(report.read_text("utf-8"))["install"]
        if each["metadata"]["name"] != "bankcore"
    }


def lines(found: dict[str, dict[str, str]]) -> list[str]:
    """
    Return one line a package, or one for each version where the Pythons differ.
    """
    names = sorted({name for versions in found.values() for name in versions})
    return [line for name in names for line in lines_of(name, found)]


def lines_of(name: str, found: dict[str, dict[str, str]]) -> list[str]:
    # A Python that does not need the package does not mind its pin.
    pairs = [(each[name], python) for python, each in found.items() if name in each]
    groups = [
        (version, [python for _, python in pairs])
        for version, pairs in groupby(pairs, key=lambda pair: pair[0])
    ]
    if len(groups) == 1:
        return [f"{name}=={groups[0][0]}\n"]
    return [f"{name}=={version} ; {marker(pythons)}\n" for version, pythons in groups]


def marker(pythons: list[str]) -> str:
    ends = []
    if pythons[0] != PYTHONS[0]:
        ends.append(f'python_version >= "{pythons[0]}"')
    if pythons[-1] != PYTHONS[-1]:
        following = PYTHONS[PYTHONS.index(pythons[-1]) + 1]
        ends.append(f'python_version < "{following}"')
    return " and ".join(ends)


def record(programs: Path) -> None:
    """
    Write the recording, with the packages of these pins.
    """
    packages = ("babel", "iso4217", "pycountry")
    pip(programs, "install", "-q", "-c", str(CONSTRAINTS), *packages)
    subprocess.run([programs / "python", RECORDER], check=True)


if __name__ == "__main__":
    main()
