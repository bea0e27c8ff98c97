"""
The data of other packages that tests compare with, recorded.

A release of Babel must not break a test of ours: tests compare with the recording beside this
file, `third_party_data.json`, which names the version that it was made from. Whether the
installed packages still say the same is asked by `test_third_party_data.py`. `.ci/refresh_pins.py`
records again, by ``python tests/third_party_data.py``.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

RECORDING = Path(__file__).with_suffix(".json")

#: Tender changes with the date: that of our table is asked for, whatever today is.
DAY = date(2026, 1, 1)

#: By the name of what is told, a mapping: currency or country -> what the package says of it.
Facts = dict[str, dict[str, Any]]


def of_babel() -> Facts:
    """
    Return what CLDR says of currencies, by way of Babel.
    """
    from babel import Locale, core, numbers  # noqa: PLC0415  # only a recorder needs it

    fractions = core.get_global("currency_fractions")
    countries = sorted(core.get_global("territory_currencies"))
    return {
        "cash steps": {
            code: str(Decimal(step).scaleb(-digits))
            for code, (_, _, digits, step) in fractions.items()
            if step
        },
        "symbols in English": {
            code: symbol
            for code, symbol in Locale("en", "US").currency_symbols.items()
            if symbol != code
        },
        "tender": {
            country: sorted(numbers.get_territory_currencies(country, DAY, DAY))
            for country in countries
        },
        "formats": {
            "de_DE": numbers.format_currency(Decimal("1234567.50"), "EUR", locale="de_DE"),
            "en_US": numbers.format_currency(Decimal(1235), "JPY", locale="en_US"),
        },
    }


def of_iso4217() -> Facts:
    """
    Return the numeric code, exponent and name of every currency that `iso4217` has.
    """
    import iso4217  # noqa: PLC0415  # only a recorder needs it

    return {
        "currencies": {
            each.code: [each.number, each.exponent, each.currency_name]
            for each in iso4217.Currency
        }
    }


def of_pycountry() -> Facts:
    """
    Return the numeric code of every currency, and the name of every country, in `pycountry`.
    """
    import pycountry  # noqa: PLC0415  # only a recorder needs it

    return {
        "countries": {each.alpha_2: each.name for each in pycountry.countries},
        "numerics": {each.alpha_3: each.numeric for each in pycountry.currencies},
    }


#: By the name of the package.
SOURCES: dict[str, Callable[[], Facts]] = {
    "babel": of_babel,
    "iso4217": of_iso4217,
    "pycountry": of_pycountry,
}


def recorded_version(package: str) -> str:
    return str(_recording()[package]["version"])


def recorded(package: str, what: str) -> dict[str, Any]:
    """
    Return what *package* said of *what* when it was recorded.
    """
    facts: dict[str, Any] = _recording()[package]["facts"][what]
    return facts


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """
    Return one line for each key whose value is not the same in both.
    """
    return [
        f"{key}: {before.get(key, 'absent')} -> {after.get(key, 'absent')}"
        for key in sorted(before.keys() | after.keys())
        if key not in before or key not in after or before[key] != after[key]
    ]


def assert_agrees(package: str, what: str, theirs: Mapping[str, Any], ours: Any) -> None:
    """
    Fail with the package, its recorded version and each difference, if there is one.
    """
    wrong = differences(theirs, ours)
    assert not wrong, "\n".join(
        [
            f"bankcore differs from {package} {recorded_version(package)} in {what},",
            f"{package} -> bankcore:",
            *wrong,
        ]
    )


def _recording() -> dict[str, Any]:
    recording: dict[str, Any] = json.loads(RECORDING.read_text("utf-8"))
    return recording


def main() -> None:
    """
    Record what the installed packages say.
    """
    recording = {
        package: {"version": version(package), "facts": read()}
        for package, read in SOURCES.items()
    }
    # One line for each currency or country, so that a diff shows what has changed.
    text = json.dumps(recording, indent=1, sort_keys=True, ensure_ascii=False)
    RECORDING.write_text(_short_lists(text) + "\n", "utf-8")


def _short_lists(text: str) -> str:
    return re.sub(r"\[[^\[\]]*\]", lambda found: " ".join(found[0].split()), text)


if __name__ == "__main__":
    main()
