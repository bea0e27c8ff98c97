"""
Currencies: the ISO 4217 table, currencies of one's own, and identity.
"""

import copy
import json
import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest

from bankcore import Currency
from bankcore._iso4217 import PUBLISHED, PUBLISHED_HISTORIC, TABLE
from bankcore.currency import EXPONENT_MAX
from bankcore.errors import InvalidCurrencyError, UnknownCurrencyError
from shared_data import shared_path


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
        ("ZZZ", UnknownCurrencyError, "pass exponent="),
        ("", UnknownCurrencyError, "pass exponent="),
        ("XAU", InvalidCurrencyError, "gives it no minor unit"),
        ("XXX", InvalidCurrencyError, "gives it no minor unit"),
        (None, InvalidCurrencyError, "a currency code is text"),
        (978, InvalidCurrencyError, "a currency code is text"),
        (b"EUR", InvalidCurrencyError, "a currency code is text"),
    ],
)
def test_an_unusable_code_is_refused(code: Any, error: type[Exception], reason: str) -> None:
    """A code that is not listed, or listed without exponent, needs one; nothing is guessed."""
    with pytest.raises(error, match=reason):
        Currency(code)


@pytest.mark.parametrize("code", ["btc", "B", "1BTC", "B" * 13, "BT C", "ＢＴＣ", "BTC\n", ""])
def test_own_codes_have_an_alphabet(code: str) -> None:
    """A code of one's own is 2 to 12 of A-Z and 0-9, a letter first."""
    with pytest.raises(InvalidCurrencyError, match="a code is 2 to 12"):
        Currency(code, exponent=2)


@pytest.mark.parametrize("exponent", [-1, EXPONENT_MAX + 1, True, 2.0, "2"])
def test_exponents_have_bounds(exponent: Any) -> None:
    """An exponent is a plain int from 0 to 18."""
    assert (0, 18) == (Currency("AB", 0).exponent, Currency("AB", 18).exponent)
    with pytest.raises(InvalidCurrencyError, match="from 0 to 18"):
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


def test_a_currency_cannot_change_and_is_a_key() -> None:
    """No field can be assigned; equal currencies are one key; nothing else equals one."""
    currency = Currency("EUR")
    with pytest.raises(AttributeError):
        currency.exponent = 3  # type: ignore[misc]  # the very thing under test
    assert 1 == len({currency, Currency("EUR")})
    assert currency != "EUR"
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


# -- The table ---------------------------------------------------------------


def test_the_table_says_when_it_was_published() -> None:
    """The table carries the dates of both lists."""
    assert ("2026-01-01", "2026-01-01") == (PUBLISHED, PUBLISHED_HISTORIC)


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


def test_the_table_agrees_with_iso4217() -> None:
    """The package `iso4217` says the same of every current currency."""
    iso4217 = pytest.importorskip("iso4217", reason="the package iso4217 is not installed")
    for theirs in iso4217.Currency:
        numeric, exponent, name, withdrawn = TABLE[theirs.code]
        assert (theirs.code, theirs.number, theirs.exponent, theirs.currency_name, None) == (
            theirs.code,
            None if numeric is None else int(numeric),
            exponent,
            name,
            withdrawn,
        )


def test_the_table_agrees_with_pycountry() -> None:
    """The package `pycountry` has the same codes and numerics."""
    pycountry = pytest.importorskip("pycountry", reason="the package pycountry is not installed")
    theirs = {each.alpha_3: each.numeric for each in pycountry.currencies}
    current = {code: row[0] for code, row in TABLE.items() if row[3] is None}

    shared = set(theirs) & set(current)
    assert len(shared) > 170
    assert {code: theirs[code] for code in shared} == {code: current[code] for code in shared}


def test_every_listed_currency_can_be_used_or_says_why_not() -> None:
    """Each code of the table is a currency, or says that it needs an exponent."""
    for code, row in TABLE.items():
        if row[1] is None:
            with pytest.raises(InvalidCurrencyError, match="pass exponent="):
                Currency(code)
        else:
            assert row[1] == Currency(code).exponent
