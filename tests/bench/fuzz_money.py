"""
Random texts into every way that reads money from text: only documented errors come out.

Run it by hand, with any count and seed; 10,000,000 is what a release is given:

    python tests/bench/fuzz_money.py [texts] [seed]

The texts are of four kinds, in turn: characters at random, pieces of what money looks like
at random, money as it is laid out with a few characters changed, and very long ones. For
each way it prints how many texts were taken and the slowest of all; a text is looked at up
to its bound of length and no further, which is why no text is slow. It ends with status 1
where anything but a documented error was raised, or where what was taken does not come back.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from bankcore import Currency, ExchangeRate, Money, Rounding
from bankcore.errors import InvalidRequestError

EUR = Currency("EUR")
BTC = Currency("BTC", exponent=8)
MONEY = Money("1234.50", "EUR")

PIECES = (
    *"0123456789", "00", "000", "1234", "9" * 30, ".", ",", "'", " ", "\u00a0", "\u202f", "-",
    "+", "\u2212", "_", "e", "E", "x", "EUR", "USD", "BTC", "JPY", "eur", "€", "$", "nan", "inf",
    "/", "\n", "\t", "\x00", "\u0664", "\uff11", "\ud800", "\u200b", "c", "C", "s", "S", "n", "~",
    "<", ">", "^", "=", "{", "}",
)  # fmt: skip
SPECS = ("", ",", "_", ",C", ",S", "+s", "~n", "+,~c", ">20,", "^25_S")

# Each way to read, and what must hold of what it gives.
WAYS: dict[str, Callable[[str], Any]] = {
    "Money(text, EUR)": lambda text: Money(text, "EUR"),
    "Money(text, BTC, rounding)": lambda text: Money(text, BTC, Rounding.HALF_EVEN),
    "Money(1, code)": lambda text: Money(1, text),
    "Money.parse(text)": Money.parse,
    "Money.parse(text, EUR, ...)": lambda text: Money.parse(
        text, EUR, decimal_mark=",", group_mark=" "
    ),
    "Money.parse(…, group_mark=text)": lambda text: Money.parse("EUR 5", group_mark=text),
    "Money.from_dict(amount)": lambda text: Money.from_dict({"amount": text, "currency": "EUR"}),
    "Money.from_dict(currency)": lambda text: Money.from_dict({"amount": "5", "currency": text}),
    "format(money, text)": lambda text: format(MONEY, text),
    "times(text)": lambda text: MONEY.times(text, Rounding.DOWN),
    "divided_by(text)": lambda text: MONEY.divided_by(text, Rounding.DOWN),
    "rounded_to(text)": lambda text: MONEY.rounded_to(text, Rounding.DOWN),
    "allocate([text, 1])": lambda text: MONEY.allocate([text, 1]),
    "rounding=text": lambda text: MONEY.times("0.5", text),
    "ExchangeRate(…, text)": lambda text: ExchangeRate("EUR", "USD", text),
    "ExchangeRate.from_dict(rate)": lambda text: ExchangeRate.from_dict(
        {"base": "EUR", "quote": "USD", "rate": text}
    ),
    "Currency(text)": Currency,
    "Currency(text, 2)": lambda text: Currency(text, 2),
    "Currency.from_numeric(text)": Currency.from_numeric,
    "Currency.from_country(text)": Currency.from_country,
}


def random_text(chance: random.Random, number: int) -> str:
    match number % 4:
        case 0:
            points = (chance.choice((128, 0x3000, 0x110000)) for _ in range(chance.randrange(20)))
            return "".join(chr(chance.randrange(end)) for end in points)
        case 1:
            return "".join(chance.choices(PIECES, k=chance.randrange(12)))
        case 2:
            minor = chance.randrange(-(10 ** chance.randrange(1, 40)), 10**12)
            text = format(Money.from_minor(minor, "EUR"), chance.choice(SPECS))
            for _ in range(chance.randrange(3)):
                place = chance.randrange(len(text) + 1)
                text = text[:place] + chance.choice(PIECES) + text[place + chance.randrange(2) :]
            return text
    if number % 4_004 != 3:  # so that every way gets some that are very long
        return "".join(chance.choices("0123456789.", k=chance.randrange(200)))
    return str(chance.choice(PIECES)) * chance.randrange(100_000)


def check(way: str, text: str, taken: Any) -> None:
    """
    Require that what was taken is what the text says, so far as it can be said again.
    """
    if way == "Money(text, EUR)" and str(taken.amount) != with_cents(text):
        raise AssertionError(f"{text!r} became {taken}")
    if way.startswith("Money.parse(text") and Money.parse(str(taken)) != taken:
        raise AssertionError(f"{text!r} became {taken}, which is not read again")
    if way == "allocate([text, 1])" and Money.sum(taken) != MONEY:
        raise AssertionError(f"{text!r} shares {MONEY} out as {taken}")


def with_cents(text: str) -> str:
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<2}"


def fuzz(texts: int, seed: int) -> tuple[Counter[str], dict[str, tuple[float, str]], list[str]]:
    """
    Return how many texts each way took, the slowest of each, and what went wrong.
    """
    chance = random.Random(seed)
    taken: Counter[str] = Counter()
    slowest: dict[str, tuple[float, str]] = dict.fromkeys(WAYS, (0.0, ""))
    wrong: list[str] = []
    ways = list(WAYS.items())
    for number in range(texts):
        text = random_text(chance, number)
        # Another way for each text of one kind, in turn.
        way, act = ways[(number // 4) % len(ways)]
        started = time.thread_time()
        try:
            result = act(text)
        except InvalidRequestError as error:
            result = None
            str(error)
        except Exception as error:  # noqa: BLE001  # the very thing that is looked for
            wrong.append(f"{way}: {text[:80]!r} raised {error!r}")
            continue
        seconds = time.thread_time() - started
        if seconds > slowest[way][0]:
            slowest[way] = (seconds, text)
        if result is not None:
            taken[way] += 1
            check(way, text, result)
    return taken, slowest, wrong


def main() -> None:
    texts = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    print(f"{texts:,} texts, seed {seed}")
    taken, slowest, wrong = fuzz(texts, seed)
    for way, (seconds, text) in slowest.items():
        print(
            f"{way:<32} took {taken[way]:>9,}; slowest {seconds * 1e6:>8,.0f} µs,"
            f" of {len(text):,} characters: {text[:30]!r}"
        )
    print("\n".join(wrong[:20]) or "only documented errors")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
