"""
The recorded data of other packages is what they say: see `third_party_data`.

With the pinned versions nothing can differ by somebody else's release. ``--newest`` compares
with other versions too, and tells whose data has changed and how.
"""

import json
from importlib.metadata import version

import pytest

import third_party_data
from pins import pins, require_pinned
from third_party_data import SOURCES, assert_agrees, differences, recorded, recorded_version


@pytest.mark.parametrize("package", SOURCES)
def test_recording_is_of_the_pinned_version(package: str) -> None:
    """
    Whoever changes the pin of a package records its data again.
    """
    assert pins()[package] == recorded_version(package), "run .ci/refresh_pins.py"


@pytest.mark.parametrize("package", SOURCES)
def test_recording_is_what_the_package_says(package: str, request: pytest.FixtureRequest) -> None:
    """
    Nobody has edited the recording; with ``--newest``, no release has changed its data.
    """
    require_pinned(package, newest=request.config.getoption("newest"))
    installed = f"{package} {version(package)}"
    changed = [
        f"{what}, {line}"
        for what, facts in SOURCES[package]().items()
        for line in differences(recorded(package, what), json.loads(json.dumps(facts)))
    ]

    assert not changed, "\n".join(
        [
            f"{installed} has other data than {package} {recorded_version(package)}:",
            *changed,
            "Run .ci/refresh_pins.py; then the tests of the table say what we have otherwise.",
        ]
    )


def test_differences_are_told_one_by_one() -> None:
    """
    A key that came, one that went and one that changed have a line each.
    """
    before = {"CHF": "0.05", "DKK": "0.50", "EUR": "0.01"}
    after = {"CHF": "0.10", "EUR": "0.01", "MRU": "0.20"}

    assert ["CHF: 0.05 -> 0.10", "DKK: 0.50 -> absent", "MRU: absent -> 0.20"] == differences(
        before, after
    )


def test_a_failure_says_whose_data_differs_and_how(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The message names the package, its version, and each difference.
    """
    recording = {"babel": {"version": "9.9", "facts": {}}}
    monkeypatch.setattr(third_party_data, "_recording", lambda: recording)
    with pytest.raises(AssertionError) as raised:
        assert_agrees("babel", "cash steps", {"CHF": "0.05"}, {"CHF": "0.10"})

    assert str(raised.value).startswith(
        "bankcore differs from babel 9.9 in cash steps,\nbabel -> bankcore:\nCHF: 0.05 -> 0.10"
    )
