"""
Notation: how money is laid out, and how strictly a text is read.
"""

from typing import Any

import pytest

from bankcore import Currency, Money
from bankcore.errors import (
    AmountTooLargeError,
    CurrencyMismatchError,
    InvalidAmountError,
    InvalidCurrencyError,
    InvalidFormatError,
    RoundingRequiredError,
    UnknownCurrencyError,
)
from bankcore.money import TEXT_LENGTH_MAX

MONEY = Money("1234567.50", "EUR")
SMALL = Money("-0.05", "EUR")
BTC = Currency("BTC", exponent=8)
B2 = Currency("B2", exponent=2)


@pytest.mark.parametrize(
    ("money", "spec", "text"),
    [
        (MONEY, "", "EUR 1234567.50"),
        (MONEY, "c", "EUR 1234567.50"),
        (MONEY, ",", "EUR 1,234,567.50"),
        (MONEY, "_", "EUR 1_234_567.50"),
        (MONEY, ",C", "1,234,567.50 EUR"),
        (MONEY, ",s", "€1,234,567.50"),
        (MONEY, ",S", "1,234,567.50 €"),
        (MONEY, ",n", "1,234,567.50"),
        (MONEY, "~n", "1234567.5"),
        (MONEY, ",~C", "1,234,567.5 EUR"),
        (MONEY, "+,", "EUR +1,234,567.50"),
        (MONEY, "+s", "+€1234567.50"),
        (MONEY, " n", " 1234567.50"),
        (MONEY, "-n", "1234567.50"),
        (-MONEY, ",", "EUR -1,234,567.50"),
        (-MONEY, ",C", "-1,234,567.50 EUR"),
        (-MONEY, ",s", "-€1,234,567.50"),
        (-MONEY, ",S", "-1,234,567.50 €"),
        (-MONEY, "+n", "-1234567.50"),
        (-MONEY, " n", "-1234567.50"),
        (SMALL, "~", "EUR -0.05"),
        (Money("12", "EUR"), "~", "EUR 12"),
        (Money("100", "JPY"), "~s", "¥100"),
        (Money("100", "JPY"), ",n", "100"),
        (Money("1000", "JPY"), ",n", "1,000"),
        (Money("999", "JPY"), ",n", "999"),
        (Money("12", "CHF"), "s", "CHF 12.00"),
        (Money("-12", "CHF"), "s", "CHF -12.00"),
        (Money("12", "CHF"), "S", "12.00 CHF"),
        (Money("-5", "XAF"), "s", "FCFA -5"),
        (Money("-5", "CAD"), "s", "-CA$5.00"),
        (Money("0.5", BTC), "~S", "0.5 BTC"),
        (Money("1", B2), "s", "B2 1.00"),
        (Money("1.50", "EUR"), ">11", "   EUR 1.50"),
        (Money("1.50", "EUR"), "11", "EUR 1.50   "),
        (Money("1.50", "EUR"), ".<11", "EUR 1.50..."),
        (Money("1.50", "EUR"), "*^12", "**EUR 1.50**"),
        (Money("1.50", "EUR"), ">>10", ">>EUR 1.50"),
        (Money("1.50", "EUR"), ">3", "EUR 1.50"),
        (Money("1.50", "EUR"), ">+9n", "    +1.50"),
        (Money("1.50", "EUR"), "\n>9n", "\n\n\n\n\n1.50"),
        (Money("1.50", "EUR"), " >-14,~S", "         1.5 €"),
        (Money("1.50", "EUR"), ">999", " " * 991 + "EUR 1.50"),
    ],
)
def test_money_is_laid_out(money: Money, spec: str, text: str) -> None:
    """Each letter of a format does what the reference says."""
    assert text == format(money, spec) == f"{money:{spec}}"


@pytest.mark.parametrize(
    "spec",
    [
        "d",
        "f",
        ".2f",
        ".3",
        "05",
        "1000",
        "=10",
        ",,",
        "_,",
        "cc",
        "cn",
        "~~",
        "#",
        ">1 0",
        "x",
        "n,",
        "s ",
        "+-",
        "e",
        "%",
        "０",
    ],
)
def test_another_format_is_refused(spec: str) -> None:
    """A format that means nothing is an error; no text is ever cut off."""
    with pytest.raises(InvalidFormatError, match="fill"):
        format(MONEY, spec)


@pytest.mark.parametrize(
    ("text", "options", "money"),
    [
        ("EUR 1234.56", {}, "1234.56"),
        ("EUR1234.56", {}, "1234.56"),
        ("1234.56 EUR", {}, "1234.56"),
        ("1234.56EUR", {}, "1234.56"),
        ("EUR -5", {}, "-5"),
        ("EUR-5", {}, "-5"),
        ("-EUR 5", {}, "-5"),
        ("+EUR 5", {}, "5"),
        ("-5 EUR", {}, "-5"),
        ("EUR +5.5", {}, "5.50"),
        ("+5.5", {"currency": "EUR"}, "5.50"),
        ("5", {"currency": "EUR"}, "5"),
        ("0", {"currency": "EUR"}, "0"),
        ("0.05", {"currency": Currency("EUR")}, "0.05"),
        ("EUR 5", {"currency": "EUR"}, "5"),
        ("€5", {"currency": "EUR"}, "5"),
        ("-€5", {"currency": "EUR"}, "-5"),
        ("€-5", {"currency": "EUR"}, "-5"),
        ("5€", {"currency": "EUR"}, "5"),
        ("5 €", {"currency": "EUR"}, "5"),
        ("5\u00a0€", {"currency": "EUR"}, "5"),
        ("EUR 1,234.56", {"group_mark": ","}, "1234.56"),
        ("EUR 1234.56", {"group_mark": ","}, "1234.56"),
        ("EUR 12,345,678.9", {"group_mark": ","}, "12345678.90"),
        ("1.234,56 EUR", {"decimal_mark": ",", "group_mark": "."}, "1234.56"),
        ("1 234,56 EUR", {"decimal_mark": ",", "group_mark": " "}, "1234.56"),
        ("1\u00a0234,56\u00a0EUR", {"decimal_mark": ",", "group_mark": " "}, "1234.56"),
        ("1\u202f234,56 EUR", {"decimal_mark": ",", "group_mark": "\u202f"}, "1234.56"),
        ("1\u2009234,56\u2009EUR", {"decimal_mark": ",", "group_mark": " "}, "1234.56"),
        ("1\u2007234,56 EUR", {"decimal_mark": ",", "group_mark": "\u2009"}, "1234.56"),
        ("1'234.56 EUR", {"group_mark": "'"}, "1234.56"),
        ("1’234.56 EUR", {"group_mark": "’"}, "1234.56"),
        ("EUR 1,5", {"decimal_mark": ","}, "1.50"),
    ],
)
def test_a_text_is_read(text: str, options: Any, money: str) -> None:
    """Code or symbol in front or behind, separators as named, and the whole text."""
    assert Money(money, "EUR") == Money.parse(text, **options)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "EUR",
        "EUR ",
        "EUR 5 EUR",
        "EUR 5 USD",
        "EUR  5",
        " EUR 5",
        "EUR 5 ",
        "EUR 5\n",
        "EUR 5.",
        "EUR .5",
        "EUR 05",
        "EUR 1,234.56",
        "EUR 1 234",
        "EUR 1_000",
        "EUR 1e3",
        "EUR --5",
        "-EUR -5",
        "+EUR+5",
        "EUR - 5",
        "EUR \u22125",
        "EUR ５",
        "EUR ٥",
        "EUR -0",
        "EUR -0.00",
        "EUR 0x10",
        "EUR nan",
        "EUR 5.0.0",
        "EUR 5/2",
        "EUR 5 and more",
        "€5",
        "$5",
        "5",
        "Adv EUR 17, DoS EUR 19",
        "EURO 5",
        "5 EUROS",
        "EUR2 5",
        "EUR\u20035",
        "E\u200bUR 5",
        "EUR 5\x00",
    ],
)
def test_what_is_not_all_money_is_refused(text: str) -> None:
    """Nothing is skipped, trimmed, guessed or put together."""
    with pytest.raises(InvalidAmountError):
        Money.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "1,23",
        "1,2345",
        "1234,567",
        ",123",
        "1,,234",
        "12,34,567",
        "1,234,",
        "1,234.567,8",
        "",
        "EUR",
        "€",
        "€€5",
        "EUR €5",
        "€ EUR 5",
        "5 € €",
        "x5",
        "5x",
        "5 -",
        "-",
    ],
)
def test_groups_are_of_three_digits(text: str) -> None:
    """Groups of another length, empty ones, and those behind the point are refused."""
    with pytest.raises(InvalidAmountError):
        Money.parse(text, "EUR", group_mark=",")


def test_too_many_decimals_are_not_rounded() -> None:
    """A text with more decimals than the currency is an error that says so."""
    with pytest.raises(
        RoundingRequiredError,
        match=r"text must not have more decimals than EUR allows \(2\), got '2.345'",
    ):
        Money.parse("EUR 2.345")


def test_currencies_are_not_mixed_up() -> None:
    """Another currency than the one asked for, and an unknown one, are told by name."""
    for text in ("USD 5", "5 USD", "-USD5"):
        with pytest.raises(CurrencyMismatchError, match="text must be in EUR, got USD"):
            Money.parse(text, "EUR")
    with pytest.raises(UnknownCurrencyError):
        Money.parse("ZZZ 5")
    with pytest.raises(InvalidCurrencyError):
        Money.parse("5", "eur")
    with pytest.raises(InvalidAmountError):
        Money.parse("ZZZ 5", "EUR")
    with pytest.raises(InvalidAmountError):
        Money.parse("$5", "EUR")


def test_own_currencies_are_read_when_given() -> None:
    """A code of one's own is known to the caller alone; one that ends in a digit needs a space."""
    assert Money("0.5", BTC) == Money.parse("BTC 0.5", BTC) == Money.parse("0.5 BTC", BTC)
    assert Money("5", B2) == Money.parse("B2 5", B2) == Money.parse("5B2", B2)
    assert Money("-5", B2) == Money.parse("B2-5", B2)
    with pytest.raises(InvalidAmountError):
        Money.parse("B25", B2)
    euro2 = Currency("EUR2", exponent=2)
    assert Money("5", euro2) == Money.parse("EUR2 5", euro2)
    with pytest.raises(UnknownCurrencyError):
        Money.parse("BTC 0.5")


@pytest.mark.parametrize(
    "marks",
    [
        {"decimal_mark": ""},
        {"decimal_mark": ".."},
        {"decimal_mark": "5"},
        {"decimal_mark": "x"},
        {"decimal_mark": "-"},
        {"decimal_mark": "+"},
        {"decimal_mark": "\n"},
        {"decimal_mark": None},
        {"decimal_mark": 5},
        {"group_mark": ""},
        {"group_mark": ",,"},
        {"group_mark": "٥"},
        {"group_mark": 5},
        {"group_mark": "."},
        {"decimal_mark": " ", "group_mark": "\u00a0"},
    ],
)
def test_separators_are_two_characters(marks: Any) -> None:
    """A separator is one character that is no letter, digit or sign; the two differ."""
    with pytest.raises(InvalidFormatError):
        Money.parse("EUR 5", **marks)


@pytest.mark.parametrize("text", [None, 5, 5.0, b"EUR 5", Money("5", "EUR")])
def test_money_is_read_from_text_alone(text: Any) -> None:
    """Whatever is no text is refused as such."""
    with pytest.raises(InvalidAmountError, match="text must be text"):
        Money.parse(text, "EUR")


def test_a_text_has_a_length() -> None:
    """A text is read up to 128 characters, an amount up to 64 digits."""
    longest = "9" * 62 + ".99"
    assert Money.from_minor(10**64 - 1, "EUR") == Money.parse(f"EUR {longest}")
    with pytest.raises(AmountTooLargeError, match="at most 128 characters"):
        Money.parse("EUR " + "9" * (TEXT_LENGTH_MAX - 3))
    with pytest.raises(AmountTooLargeError, match="at most 64 digits"):
        Money.parse("EUR " + "9" * (TEXT_LENGTH_MAX - 4))
    with pytest.raises(AmountTooLargeError, match="at most 128 characters"):
        Money.parse("9" * 10_000_000, "EUR")


class Shouting(str):
    """
    A text that says of itself what it is not.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "EUR 999"

    def translate(self, table: Any) -> str:
        return "EUR 999"


def test_a_text_is_what_it_holds() -> None:
    """A subclass of text counts by its characters."""
    assert Money("5", "EUR") == Money.parse(Shouting("EUR 5"))
